package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/compiler/pass"
)

// kind is the classes of tensors for which a rule does the same.
type kind struct {
	classes []int
	text    string // which tensors; "" if there is one kind
}

// kindsOf puts together the classes of a plan that are treated alike.
func kindsOf(plan *ir.Plan) []kind {
	var kinds []kind
	var seen []string
	for class := range plan.Classes {
		if _, possible := conditions(plan, class); !possible {
			continue
		}
		text := treatment(plan, class)
		found := false
		for i := range kinds {
			if seen[i] == text {
				kinds[i].classes = append(kinds[i].classes, class)
				found = true
			}
		}
		if !found {
			kinds, seen = append(kinds, kind{classes: []int{class}}), append(seen, text)
		}
	}
	if len(kinds) == 1 {
		return kinds
	}
	others := 0
	for i, k := range kinds {
		if len(k.classes) >= len(kinds[others].classes) {
			others = i
		}
	}
	for i := range kinds {
		if i == others {
			kinds[i].text = "all other tensors"
			continue
		}
		var parts []string
		for _, class := range kinds[i].classes {
			text, _ := conditions(plan, class)
			parts = append(parts, text)
		}
		kinds[i].text = "tensors with " + strings.Join(parts, ", or ")
	}
	k := kinds[others]
	kinds = append(kinds[:others:others], kinds[others+1:]...)
	return append(kinds, k)
}

// treatment is what is done for a class, as text.
func treatment(plan *ir.Plan, class int) string {
	c := plan.Classes[class]
	var b strings.Builder
	fmt.Fprint(&b, c.States, c.Scratch)
	for _, stages := range [][]ir.Stage{plan.First, plan.Later, plan.Eval} {
		b.WriteString(" |")
		for _, s := range stages {
			if s.Class != class || !ofClass(s) {
				continue
			}
			switch {
			case s.Kernel != nil:
				b.WriteString(" " + s.Kernel.Digest)
				for _, sc := range s.Kernel.Scalars {
					fmt.Fprint(&b, " ", sc.Value.ID)
				}
			case s.Array != nil:
				fmt.Fprint(&b, " array ", s.Array.ID, s.In[class], s.Out)
			default:
				for _, v := range slices.Concat(s.Values, s.New) {
					fmt.Fprint(&b, " ", v.ID)
				}
			}
		}
	}
	return b.String()
}

// ofClass reports whether a stage concerns the tensors of its class alone.
func ofClass(s ir.Stage) bool {
	switch {
	case s.Kernel != nil:
		return true
	case s.Array != nil:
		return !sharedOrder(s.Array)
	case s.Fold != nil || s.Probe != nil || s.Rotate != nil:
		return false
	}
	return s.Extent == ir.Tensor
}

// sharedOrder reports whether an operator runs over all tensors at once.
func sharedOrder(v *ir.Value) bool { return v.Op.Kind == op.Order && v.Per <= ir.Group }

// conditions says which tensors are of a class; false if no tensor can be.
func conditions(plan *ir.Plan, class int) (string, bool) {
	var parts, not []string
	var names [2][]string // of patterns that do not hold, and those that do
	pool := plan.Program.Pool
	for _, c := range essential(plan.Classes[class].Choices) {
		if c.Cond.Kind == ir.Named {
			is := 0
			if c.Is {
				is = 1
			}
			names[is] = append(names[is], strconv.Quote(c.Cond.Name))
			continue
		}
		v, opposite := c.Cond, pool.Call("not", c.Cond)
		if o, ok := opposites[v.Op.Name]; ok {
			opposite = pool.Call(o, v.Args...)
		}
		if !c.Is {
			v, opposite = opposite, v
		}
		parts, not = append(parts, textOf(plan.Program, v, nil)), append(not, textOf(plan.Program, opposite, nil))
	}
	possible := !slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(not, p) })
	parts = distinctWords(parts)
	for _, n := range names[1] {
		parts = append(parts, "named("+n+")")
	}
	if len(names[0]) > 0 {
		parts = append(parts, "not named("+strings.Join(names[0], ", ")+")")
	}
	return strings.Join(parts, " and "), possible
}

// essential leaves out the choices that follow from the others: a tensor of rank 2 has not rank 1.
func essential(choices []ir.Choice) []ir.Choice {
	out := slices.Clone(choices)
	for i := 0; i < len(out); {
		others := slices.Delete(slices.Clone(out), i, i+1)
		if _, known := pass.Implied(others, out[i].Cond); known {
			out = others
		} else {
			i++
		}
	}
	return out
}

// opposites of comparisons; what a shape is made of is never NaN.
var opposites = map[string]string{"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}

// textOf is a value as an expression; what it reads twice is explained after it.
func textOf(p *ir.Program, v *ir.Value, leaves map[*ir.Value]string) string {
	if n, ok := leaves[v]; ok {
		return n
	}
	eqs := p.Equations([]*ir.Value{v}, map[*ir.Value]string{v: "."}, leaves)
	text := eqs[len(eqs)-1].Text
	for _, e := range eqs[:len(eqs)-1] {
		text += ", " + e.Name + " = " + e.Text
	}
	return text
}

// specialised is the program as the tensors of a class take it. A reduction over many tensors is one again.
func specialised(p *ir.Program, class ir.Class) *ir.Program {
	decided := map[*ir.Value]bool{}
	for _, c := range class.Choices {
		decided[c.Cond] = c.Is
	}
	decide := func(v *ir.Value) (is, known bool) {
		if is, known = decided[v]; !known && v.Mask && v.Extent == ir.Tensor {
			is, known = pass.Implied(class.Choices, v)
		}
		return is, known
	}
	r := &ir.Rewriter{To: p.Pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		if is, ok := decide(v); ok {
			return p.Pool.Bool(is)
		}
		if v.Kind == ir.Reduce && v.Per < ir.Tensor && args[0].Kind == ir.Reduce && args[0].Op == v.Op && args[0].Per == ir.Tensor {
			return p.Pool.Reduce(v.Op, args[0].Args[0], v.Per, nil)
		}
		copied := p.Pool.Copy(v, args)
		if is, ok := decide(copied); ok {
			return p.Pool.Bool(is)
		}
		return copied
	}}
	return pass.Simplify(r.Program(p))
}

// formulaOf is the step of a class, its states called as explain calls them.
func formulaOf(p *ir.Program, class ir.Class, states []string) []ir.Equation {
	p = specialised(p, class)
	roots := []*ir.Value{p.X}
	names, leaves := map[*ir.Value]string{p.X: "x"}, map[*ir.Value]string{}
	for i, s := range p.States {
		load := p.Pool.Load(i)
		leaves[load] = states[i]
		if s.New != load && names[s.New] == "" {
			names[s.New] = states[i]
			roots = append(roots, s.New)
		}
	}
	return p.Equations(roots, names, leaves)
}
