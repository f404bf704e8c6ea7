package page

import (
	"slices"

	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/lang"
)

// derivedFrom is the first argument of a derived operator: a set or penalty of the table, a fn, which is defined below the
// algorithm, or what hypergrad is asked of.
func (b *builder) derivedFrom(f *frame, operator string, e lang.Expr, out *[]Line) lang.Expr {
	b.box.Derived = including(b.box.Derived, operator)
	name, isName := e.(*lang.Name)
	call, isCall := e.(*lang.Call)
	switch {
	case operator == "hypergrad" && isName:
		b.box.Slopes = including(b.box.Slopes, name.Name)
		return b.expr(f, e, out)
	case isName:
		call = &lang.Call{Fn: lang.Ident{Name: name.Name}}
	case !isCall || len(call.Args) > 0:
		return b.expr(f, e, out)
	}
	to := b.calleeOf(f, &lang.Name{Name: call.Fn.Name})
	if to != nil {
		if _, isFn := to.decl.(*lang.Fn); isFn {
			return b.fnCall(f, call, &lang.Call{Fn: call.Fn}, to)
		}
	} else if s, ok := op.LookupSet(call.Fn.Name); ok {
		b.box.Sets = including(b.box.Sets, s.Name)
	}
	return b.expr(f, e, out)
}

func including(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

// derivedDefinitions say what the derived operators are that the boxes call, and the sets that they are of.
func (b *Box) derivedDefinitions() []any {
	var operators, sets, slopes []string
	b.each(1, func(_ int, x *Box, _ map[*Box]int) {
		for _, n := range x.Derived {
			operators = including(operators, n)
		}
		for _, n := range x.Sets {
			sets = including(sets, n)
		}
		for _, n := range x.Slopes {
			slopes = including(slopes, n)
		}
	})
	var out []any
	for _, d := range op.Derivations {
		if !slices.Contains(operators, d.Name) {
			continue
		}
		line := paragraph(codes(d.Usage))
		if n, err := parseLaTeX(d.LaTeX); err == nil { // a test refuses the others
			line = display(n)
		}
		if d.Name == "hypergrad" {
			line = append(line, slopeText(slopes)...)
		}
		out = append(out, line)
	}
	t := table{head: words("Set or penalty", "What it is")}
	for _, s := range op.Sets {
		if slices.Contains(sets, s.Name) {
			t.rows = append(t.rows, [][]span{codes(s.Usage()), plain(s.Doc)})
		}
	}
	if t.rows != nil {
		out = append(out, t)
	}
	return out
}

// slopeText says where the derivatives are that hypergrad reads.
func slopeText(of []string) []span {
	out := plain(", the sum over all elements that ")
	for i, a := range of {
		if i > 0 {
			out = append(out, textSpan(", "))
		}
		out = append(out, span{kind: codeText, text: a})
	}
	out = append(out, textSpan(" governs. The derivative of a step, other states held constant, is kept for the next one in the state "))
	for i, a := range of {
		if i > 0 {
			out = append(out, textSpan(", "))
		}
		out = append(out, span{kind: codeText, text: "dx_d" + a})
	}
	return append(out, textSpan(", which begins as 0."))
}
