package main

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/optc-lang/optc/codegen/gosrc"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/internal/page"
	"github.com/optc-lang/optc/lang"
)

// docTables are the tables of a page, from what explain says.
func docTables(p *page.Page, u *unit, r *compiler.Rule, e *explanation) {
	for _, h := range e.Hypers {
		p.Hypers = append(p.Hypers, page.HyperRow{Name: h.Name, Default: ir.FormatNumber(float64(h.Default)), Interval: h.Interval, Doc: oneLine(h.Doc)})
	}
	for _, o := range e.Options {
		p.Options = append(p.Options, page.OptionRow{Name: o.Name, Value: o.Value, Choices: o.Choices, Doc: oneLine(o.Doc)})
	}
	for _, g := range e.Givens {
		when := "every step"
		if g.Load {
			when = "once, when the optimizer is built"
		}
		p.Givens = append(p.Givens, [3]string{g.Name, once(g.Extent), when})
	}
	for i, s := range e.States {
		p.States = append(p.States, docState(u, r, s, r.Plan.Program.States[i]))
	}
	for _, k := range e.Tensors {
		cost := page.Cost{Which: k.Which}
		for _, row := range k.costInfo.table().rows {
			cost.Rows = append(cost.Rows, [3]string(row))
		}
		p.Costs = append(p.Costs, cost)
	}
	var steps strings.Builder
	e.printSteps(&steps)
	fmt.Fprintf(&steps, "\nengines: %s%s\n", strings.Join(e.Engines, ", "), e.lacking())
	p.Step = strings.TrimLeft(steps.String(), "\n")
}

// stateShapes say what a state of an extent looks like.
var stateShapes = map[string]string{"elem": "that of the parameter", "row": "rows", "col": "columns", "[row,row]": "rows × rows",
	"[col,col]": "columns × columns", "[col,row]": "columns × rows"}

func docState(u *unit, r *compiler.Rule, s stateInfo, decl ir.State) page.StateRow {
	row := page.StateRow{Name: s.Name, Extent: s.Extent, Shape: stateShapes[s.Extent], Storage: s.As, Initial: u.initial(r, decl)}
	var bytes perDType
	unit := ""
	if decl.Extent.IsArray() {
		bytes.add(1, decl.As.Format)
		unit = map[string]string{"elem": "", "row": " a row", "col": " a column"}[s.Extent]
		if strings.HasPrefix(s.Extent, "[") {
			unit = " an entry"
		}
	} else {
		row.Shape = "one number"
		bytes.F32, bytes.F64 = 8, 8
		unit = " a " + s.Extent
	}
	if row.Storage == "" {
		row.Storage = "the element type"
		if !decl.Extent.IsArray() {
			row.Storage = "float64"
		}
	}
	row.F32, row.F64 = shortNumber(bytes.F32)+unit, shortNumber(bytes.F64)+unit
	if s.Tensors != "" {
		row.Shape += ", for " + s.Tensors
	}
	return row
}

// initial is what a state starts from, as its declaration has it: a path leads through calls to it.
func (u *unit) initial(r *compiler.Rule, s ir.State) string {
	file, name := "", r.Name
	path := strings.Split(s.Name, ".")
	for i, part := range path {
		decl, in, ok := u.bodyOf(file, name)
		if !ok {
			break
		}
		body, own := decl, strings.TrimRight(part, "0123456789")
		if i == len(path)-1 {
			if b := stateIn(body, part, own); b != nil {
				return lang.FormatExpr(b.Value)
			}
			break
		}
		file, name = in, u.called(in, body, part)
	}
	return ir.FormatNumber(s.Init)
}

// bodyOf is the body of a fn or rule, and the file that it stands in.
func (u *unit) bodyOf(file, name string) ([]lang.Stmt, string, bool) {
	for range 256 { // the checker reports a cycle
		decl, in, ok := u.Declared(file, name)
		if !ok {
			return nil, "", false
		}
		fn, isFn := decl.(*lang.Fn)
		switch {
		case isFn && fn.Value != nil:
			return []lang.Stmt{&lang.Return{Value: fn.Value}}, in, true
		case isFn:
			return fn.Body, in, true
		}
		rule := decl.(*lang.Rule)
		switch value := rule.Value.(type) {
		case *lang.Name:
			name = value.Name
		case *lang.Call:
			name = value.Fn.Name
		default:
			return rule.Body, in, true
		}
		file = in
	}
	return nil, "", false
}

// called is what part of a path calls: a fn or rule of that name, with or without the number of the call, or what an option
// of the body holds by default.
func (u *unit) called(file string, body []lang.Stmt, part string) string {
	own := strings.TrimRight(part, "0123456789")
	for _, name := range []string{part, own} {
		if _, _, ok := u.Declared(file, name); ok {
			return name
		}
		for _, o := range optionsOf(body) {
			if o.Name.Name != name {
				continue
			}
			switch value := o.Default.(type) {
			case *lang.Name:
				return value.Name
			case *lang.Call:
				return value.Fn.Name
			}
		}
	}
	return part
}

// stateIn is the state of one of the names, the first that there is.
func stateIn(body []lang.Stmt, names ...string) *lang.Bind {
	for _, name := range names {
		var found *lang.Bind
		lang.Inspect(body, func(n any) {
			if b, ok := n.(*lang.Bind); ok && b.State && b.Name.Name == name && found == nil {
				found = b
			}
		})
		if found != nil {
			return found
		}
	}
	return nil
}

// textOfRule is the declaration of a rule with its documentation, and those of the rules that it specialises.
func (u *unit) textOfRule(name string) string {
	var parts []string
	file := ""
	for range 256 {
		decl, in, ok := u.Declared(file, name)
		rule, isRule := decl.(*lang.Rule)
		if !ok || !isRule {
			break
		}
		parts = append(parts, declText(u.Sources[in], rule))
		file = in
		if call, ok := rule.Value.(*lang.Call); ok {
			name = call.Fn.Name
		} else if other, ok := rule.Value.(*lang.Name); ok {
			name = other.Name
		} else {
			break
		}
	}
	return strings.Join(parts, "\n")
}

// declText is a declaration from its first documentation line on.
func declText(source []byte, rule *lang.Rule) string {
	start := rule.Start.Offset
	for {
		line := bytes.LastIndexByte(source[:max(start-1, 0)], '\n') + 1
		if start == 0 || !bytes.HasPrefix(bytes.TrimSpace(source[line:start]), []byte("///")) {
			break
		}
		start = line
	}
	return strings.ReplaceAll(strings.TrimSpace(string(source[start:rule.End.Offset])), "\r", "") + "\n"
}

// derivations are what the compiler has derived from the rule's text, in closed form.
func derivations(r *compiler.Rule) []page.Derivation {
	var out []page.Derivation
	for _, d := range r.Checked.Derivations {
		out = append(out, derivation(r.Checked, d))
	}
	return out
}

func derivation(p *ir.Program, d ir.Derivation) page.Derivation {
	leaves := map[*ir.Value]string{}
	if d.In != nil {
		leaves[d.In] = d.Name
	}
	out := page.Derivation{Call: d.Call, Notes: slices.Clone(d.Notes)}
	for _, c := range d.Cases {
		value, ok := exprOf(p, c.Value, leaves)
		when, isThere := exprOf(p, c.When, leaves)
		if !ok || !isThere {
			out.Notes = append(out.Notes, "One of its cases has no short formula.")
			continue
		}
		out.Cases = append(out.Cases, page.Case{When: when, Value: value})
	}
	if d.Odd {
		out.Notes = append(out.Notes, fmt.Sprintf("These are the cases of %s >= 0; of -%s it is the negative.", d.Name, d.Name))
	}
	return out
}

// exprOf is a value as a tree, with what it reads twice written out; nil of nil.
func exprOf(p *ir.Program, v *ir.Value, leaves map[*ir.Value]string) (lang.Expr, bool) {
	if v == nil {
		return nil, true
	}
	if name, ok := leaves[v]; ok {
		return &lang.Name{Name: name}, true
	}
	equations := p.Equations([]*ir.Value{v}, map[*ir.Value]string{v: "."}, leaves)
	known := map[string]lang.Expr{}
	var last lang.Expr
	const longest = 20_000 // of a formula that anyone reads
	for _, e := range equations {
		file, diags := lang.Parse("", []byte("fn f() = "+e.Text+"\n"))
		if len(e.Text) > longest || len(diags) > 0 || len(file.Decls) != 1 {
			return nil, false
		}
		last = page.Substitute(file.Decls[0].(*lang.Fn).Value, known)
		if len(lang.FormatExpr(last)) > longest {
			return nil, false
		}
		known[e.Name] = last
	}
	return last, last != nil
}

// usage is the Go code that uses a rule.
func usage(u *unit, r *compiler.Rule, said string) []page.Code {
	source := "std/" + r.Name
	if u.file != "" {
		source = filepath.Base(u.file)
	}
	head := fmt.Sprintf("//go:generate go tool optc build%s %s\n\nimport optrt \"github.com/optc-lang/optc/runtime\"\n", said, source)
	return []page.Code{
		{Title: "In a Go file beside the rule; go generate writes the optimizer:", Language: "go", Text: head},
		{Title: "Then, for parameters of float32 (optc build --dtype f64 makes those of float64):", Language: "go", Text: useCode(r)},
	}
}

func useCode(r *compiler.Rule) string {
	p := r.Plan.Program
	typ := gosrc.TypeName(r.Name, target.F32)
	var b strings.Builder
	fmt.Fprintf(&b, "hyper := Default%sHyper()\n", ir.GoName(r.Name))
	for _, h := range p.Hypers {
		if !math.IsInf(h.Default, 0) {
			fmt.Fprintf(&b, "hyper.%s = %s\n", ir.GoName(h.Name), ir.FormatNumber(h.Default))
		}
	}
	fmt.Fprintf(&b, "opt, err := New%s([]optrt.Param[float32]{\n\t{Name: \"w\", Shape: []int{64, 10}, Data: w},\n\t{Name: \"b\", Shape: []int{10}, Data: b},\n}, hyper%s)\n",
		typ, givenCode(p, typ+"Loaded", true))
	b.WriteString("...\nerr = opt.Step([][]float32{gradW, gradB}")
	if p.Reads("loss") {
		b.WriteString(", loss")
	}
	if slices.ContainsFunc(ir.Reachable(append(p.Roots(), p.Eval)...), func(v *ir.Value) bool { return v.Kind == ir.Probe }) {
		b.WriteString(", closure")
	}
	b.WriteString(givenCode(p, typ+"Given", false) + ")\n")
	if p.Eval != nil {
		b.WriteString("...\npoint, err := opt.EvalParams() // where the model is to be evaluated\n")
	}
	return b.String()
}

// givenCode is the argument that holds the further inputs of a step, or of the optimizer.
func givenCode(p *ir.Program, typ string, load bool) string {
	var fields []string
	for _, g := range p.Givens {
		if g.Load == load {
			fields = append(fields, ir.GoName(g.Name)+": "+lowerFirst(ir.GoName(g.Name)))
		}
	}
	if fields == nil {
		return ""
	}
	return ", " + typ + "{" + strings.Join(fields, ", ") + "}"
}

func lowerFirst(s string) string {
	_, width := utf8.DecodeRuneInString(s)
	return strings.ToLower(s[:width]) + s[width:]
}
