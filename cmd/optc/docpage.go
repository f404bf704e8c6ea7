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
	var states []page.StateRow
	for i, s := range e.States {
		states = append(states, docState(u, r, s, r.Plan.Program.States[i]))
	}
	p.States = joinEntries(states)
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

// joinEntries makes one row of the entries of an array: s[0], s[1] and so on.
func joinEntries(rows []page.StateRow) []page.StateRow {
	var out []page.StateRow
	for i := 0; i < len(rows); {
		base, ok := strings.CutSuffix(rows[i].Name, "[0]")
		n := 1
		for ok && i+n < len(rows) {
			next := rows[i+n]
			next.Name = rows[i].Name
			if rows[i+n].Name != fmt.Sprintf("%s[%d]", base, n) || next != rows[i] {
				break
			}
			n++
		}
		row := rows[i]
		if n > 1 {
			row.Name = fmt.Sprintf("%s[0..%d]", base, n-1)
			row.F32, row.F64 = fmt.Sprintf("%d × %s", n, row.F32), fmt.Sprintf("%d × %s", n, row.F64)
		}
		out = append(out, row)
		i += n
	}
	return out
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

// derivations are what the compiler has derived from the rule's text, in closed form: formulas where they parse, else text.
func derivations(r *compiler.Rule) []page.Derivation {
	var out []page.Derivation
	for _, d := range derivedOf(r) {
		one := page.Derivation{Call: d.Call, Is: d.Is}
		for _, c := range d.Cases {
			one.Cases = append(one.Cases, derivedFormula(c))
		}
		out = append(out, one)
	}
	return out
}

func derivedFormula(c derivedCase) page.Case {
	text := page.Case{Text: strings.TrimSpace(c.Formula + "  " + c.Where)}
	name, formula, isEquation := strings.Cut(c.Formula, " = ")
	value, ok := parseExpr(formula)
	when, whenOK := parseExpr(strings.TrimPrefix(c.Where, "where "))
	if !isEquation || !ok || !whenOK || value == nil {
		return text
	}
	text.Name, text.Value, text.When = name, value, when
	return text
}

// parseExpr is a text in the rule language as a tree; nil of nothing.
func parseExpr(text string) (lang.Expr, bool) {
	if text == "" {
		return nil, true
	}
	file, diags := lang.Parse("", []byte("fn f() = "+text+"\n"))
	if len(diags) > 0 || len(file.Decls) != 1 {
		return nil, false
	}
	return file.Decls[0].(*lang.Fn).Value, true
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
