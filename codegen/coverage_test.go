package codegen_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/lang"
)

// coverage counts how often the random rules have each cell of a few tables: what they are made of. Every kernel is run
// on every length from 0 to 67 (package agree), so what a kernel has is also run with every length of tail.
type coverage map[cell]int

type cell struct{ table, row, column string }

var extents = []ir.Extent{ir.Model, ir.Group, ir.Tensor, ir.Row, ir.Col, ir.Elem, ir.RowRow, ir.ColCol, ir.ColRow}

func overWord(from, to ir.Extent) string { return from.String() + ">" + to.String() }

// rule counts what a compiled rule has.
func (c coverage) rule(r *compiler.Rule) {
	p := r.Checked
	for _, v := range ir.Reachable(append(p.Roots(), p.Eval)...) {
		c.value(p, v)
	}
	for _, s := range p.States {
		word := s.As.String()
		if strings.HasSuffix(s.Name, "]") && word != "" {
			word = "array as " + word
		}
		c[cell{"states", s.Extent.String(), word}]++
	}
	for _, k := range r.Plan.Kernels {
		for _, in := range k.Instrs {
			c[cell{"kernels", in.Op, k.Domain.String()}]++
		}
		for _, s := range k.Streams {
			c[cell{"streams", streamNames[s.Kind], k.Domain.String()}]++
		}
	}
}

var streamNames = map[ir.StreamKind]string{ir.XStream: "x", ir.GradStream: "g", ir.StateStream: "state", ir.EvalStream: "eval",
	ir.GivenStream: "given", ir.ScratchStream: "scratch", ir.DrawStream: "draw", ir.CollectStream: "collect"}

func (c coverage) value(p *ir.Program, v *ir.Value) {
	add := func(table, row, column string) { c[cell{table, row, column}]++ }
	switch v.Kind {
	case ir.Apply:
		add("elementwise", v.Op.Name, v.Extent.String())
	case ir.Reduce:
		add("reductions", v.Op.Name, overWord(v.Args[0].Extent, v.Extent))
	case ir.Array:
		if v.Op.Kind == op.Order {
			add("order statistics", v.Op.Name, overWord(v.Args[0].Extent, v.Per))
			return
		}
		var of []string
		for _, a := range v.Args[:v.Op.Args] {
			of = append(of, a.Extent.String())
		}
		add("whole arrays", v.Op.Name, strings.Join(append(of, ">"+v.Extent.String()), " "))
	case ir.Draw:
		add("draws", v.Name, v.Extent.String())
	case ir.Probe:
		add("probes", v.Name, guardWord(v))
	case ir.Given:
		add("givens", map[bool]string{false: "each step", true: "loaded"}[p.Givens[v.Index].Load], v.Extent.String())
	}
}

func guardWord(v *ir.Value) string {
	if v.Guard() != nil {
		return "under a condition"
	}
	return "always"
}

// text counts the statements of a rule file, by what they stand in.
func (c coverage) text(t *testing.T, text string) {
	t.Helper()
	f, diags := lang.Parse("rule.opt", []byte(text))
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *lang.Rule:
			c.block(d.Body, "top")
		case *lang.Fn:
			c.block(d.Body, "fn")
		}
	}
}

func (c coverage) block(body []lang.Stmt, in string) {
	for _, s := range body {
		c[cell{"statements", kindOf(s), in}]++
		switch s := s.(type) {
		case *lang.When:
			c.block(s.Then, "when")
			c.block(s.Else, "when")
		case *lang.Repeat:
			c.block(s.Body, "repeat")
		}
	}
}

func kindOf(s lang.Stmt) string {
	switch s := s.(type) {
	case *lang.Bind:
		word := "let"
		if s.State {
			word = "state"
		}
		if s.Size != nil {
			word += " array"
		}
		return word
	case *lang.Assign:
		if call, ok := s.Value.(*lang.Call); ok && call.Fn.Name == "push" {
			return "push"
		}
		if s.Index != nil {
			return "assign element"
		}
		return "assign"
	case *lang.When:
		if len(s.Else) == 1 {
			if _, chain := s.Else[0].(*lang.When); chain {
				return "else when"
			}
		}
		if s.HasElse {
			return "when else"
		}
		return "when"
	case *lang.Repeat:
		if s.To == nil {
			return "repeat count"
		}
		return "repeat range"
	}
	return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", s), "*lang."))
}

// reachable lists every cell that a program can have, by the operator table and the rules of extents.
func reachable() []cell {
	var all []cell
	add := func(table, row string, columns ...string) {
		for _, column := range columns {
			all = append(all, cell{table, row, column})
		}
	}
	names := func(es ...ir.Extent) (out []string) {
		for _, e := range es {
			out = append(out, e.String())
		}
		return out
	}
	for i := range op.Table {
		o := &op.Table[i]
		switch {
		case o.Kind == op.Elementwise:
			add("elementwise", o.Name, names(extents...)...)
			if o.Expand == "" {
				add("kernels", o.Name, names(extents[3:]...)...)
			}
		case o.Kind == op.Reduction && o.Expand == "":
			add("reductions", o.Name, reductions()...)
		case o.Kind == op.Order && o.Expand == "":
			add("order statistics", o.Name, orders(o)...)
		case o.Kind == op.Array && (o.Callable() || o.Infix != "" || o.Name == "transpose"): // others come from derivatives alone
			add("whole arrays", o.Name, shapes(o)...)
		case o.Kind == op.Draw:
			add("draws", o.Name, names(extents...)...)
		}
	}
	add("givens", "each step", names(extents...)...)
	add("givens", "loaded", names(extents...)...)
	for _, kind := range []string{"grad", "loss", "hvp"} {
		add("probes", kind, "always", "under a condition")
	}
	for _, e := range extents {
		add("states", e.String(), "")
	}
	for _, format := range []string{"bf16", "f16", "q8", "bf16 sr", "f16 sr", "q8 sr"} {
		add("states", "elem", format, "array as "+format)
	}
	for _, d := range extents[3:] {
		add("streams", "state", d.String())
	}
	add("streams", "eval", "elem")
	anywhere := []string{"top", "when", "repeat"}
	for _, s := range []string{"let", "let array", "assign", "assign element", "push", "probe", "when", "when else", "else when"} {
		add("statements", s, anywhere...)
	}
	for _, s := range []string{"hyper", "option", "given", "eval"} {
		add("statements", s, "top")
	}
	add("statements", "state", "top", "when", "fn")
	add("statements", "state array", "top", "when", "fn")
	add("statements", "until", "repeat")
	add("statements", "return", "fn")
	add("statements", "repeat count", "top")
	add("statements", "repeat range", "top")
	return all
}

// reductions are all ways to make a value coarser.
func reductions() []string {
	var all []string
	for _, from := range extents {
		for _, per := range extents[:5] {
			to := ir.Meet(from, per)
			if w := overWord(from, to); to != from && to != ir.Clash && !slices.Contains(all, w) {
				all = append(all, w)
			}
		}
	}
	return all
}

// orders are what order statistics run over.
func orders(o *op.Op) []string {
	var all []string
	if !o.Mask {
		all = append(all, overWord(ir.Tensor, ir.Model), overWord(ir.Tensor, ir.Group))
	}
	for _, from := range extents[3:] {
		for _, per := range extents[:5] {
			if per <= ir.Tensor || from == ir.Elem {
				all = append(all, overWord(from, per))
			}
		}
	}
	return all
}

// shapes are the extents that the operands and the result of a whole-array operator may have: each form of its row, with
// rows and columns for its letters in every way.
func shapes(o *op.Op) []string {
	if o.Name == "eye" {
		return []string{">" + ir.RowRow.String(), ">" + ir.ColCol.String()}
	}
	var all []string
	for _, form := range strings.Split(o.Shape, " | ") {
		in, out, _ := strings.Cut(form, " -> ")
		for bits := range 8 {
			axis := func(letters string) string {
				if letters == "tensor" {
					return letters
				}
				var names []string
				for _, l := range strings.Split(letters, ",") {
					names = append(names, []string{"row", "col"}[bits>>(l[0]-'a')&1])
				}
				e, ok := ir.ParseExtent(names...)
				if !ok {
					panic("no extent " + letters)
				}
				return e.String()
			}
			var words []string
			for _, letters := range strings.Fields(in) {
				words = append(words, axis(letters))
			}
			if w := strings.Join(append(words, ">"+axis(out)), " "); !slices.Contains(all, w) {
				all = append(all, w)
			}
		}
	}
	return all
}

// print shows a table with a line a row: how many rules' worth of each column.
func (c coverage) print(t *testing.T, table string, want []cell) {
	rows := map[string]map[string]int{}
	for _, w := range want {
		if w.table == table {
			if rows[w.row] == nil {
				rows[w.row] = map[string]int{}
			}
			rows[w.row][w.column] = c[w]
		}
	}
	var b strings.Builder
	for _, row := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&b, "\n%16s", row)
		for _, column := range slices.Sorted(maps.Keys(rows[row])) {
			fmt.Fprintf(&b, "  %s:%d", column, rows[row][column])
		}
	}
	t.Logf("%s%s", table, b.String())
}

// TestCoverage asks that as many random rules as are built by default have, between them, everything that a rule can have.
func TestCoverage(t *testing.T) {
	c := coverage{}
	for i := range uint64(randrule.Span) {
		text := randrule.Text("r", *seed+i)
		u, diags := unit(text)
		if diags.HasErrors() {
			t.Fatalf("seed %d: %v", *seed+i, diags)
		}
		r, diags, err := compiler.Compile(u, "r", compiler.Settings{})
		if r == nil {
			t.Fatalf("seed %d: %v %v\n%s", *seed+i, diags, err, text)
		}
		c.rule(r)
		c.text(t, text)
	}
	want := reachable()
	for _, table := range []string{"elementwise", "kernels", "reductions", "order statistics", "whole arrays", "draws", "probes", "givens", "states", "streams", "statements"} {
		c.print(t, table, want)
	}
	missed := 0
	for _, w := range want {
		if c[w] == 0 {
			missed++
			t.Errorf("%s: no random rule has %s, %s", w.table, w.row, w.column)
		}
	}
	t.Logf("%d of %d cells", len(want)-missed, len(want))
}

// digestOf is what identifies the rule r of a text, and what was wrong with it.
func digestOf(text string) (string, error) {
	u, diags := unit(text)
	if diags.HasErrors() {
		return "", fmt.Errorf("%v", diags)
	}
	r, diags, err := compiler.Compile(u, "r", compiler.Settings{})
	if err != nil {
		panic(err) // a defect of the compiler, whatever the text
	}
	if r == nil {
		return "", fmt.Errorf("%v", diags)
	}
	return r.Digest, nil
}

// TestRandomTexts formats random rules, which must change nothing that counts, and spoils them by a character, which must
// give an error or another rule: no panic, and soon.
func TestRandomTexts(t *testing.T) {
	const characters = "()[]{}<>-+*/%@'^,;=.:\"0123456789abcxgtlpu \n_é"
	for i := range uint64(randrule.Span) {
		text := randrule.Text("r", *seed+i)
		want, err := digestOf(text)
		if err != nil {
			t.Fatalf("seed %d: %v", *seed+i, err)
		}
		tree, _ := lang.Parse("rule.opt", []byte(text))
		formatted := lang.Format(tree)
		if got, err := digestOf(string(formatted)); got != want {
			t.Errorf("seed %d: formatted it is another rule (%v)\n%s", *seed+i, err, formatted)
		}
		if tree, _ = lang.Parse("rule.opt", formatted); string(lang.Format(tree)) != string(formatted) {
			t.Errorf("seed %d: formatting it twice changes it\n%s", *seed+i, formatted)
		}
		r := rand.New(rand.NewPCG(*seed+i, 5))
		for range 3 {
			spoilt := []byte(text)
			at := strings.LastIndex(text, "rule r ") + 8
			spoilt[at+r.IntN(len(text)-at)] = characters[r.IntN(len(characters))]
			start := time.Now()
			digestOf(string(spoilt))
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("seed %d: %v for\n%s", *seed+i, took, spoilt)
			}
		}
	}
}
