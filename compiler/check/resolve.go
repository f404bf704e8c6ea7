package check

import (
	"fmt"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
)

// resolve gives every value its final extent and states where the model is to be evaluated.
func (c *checker) resolve() *ir.Program {
	least := make([]ir.Extent, len(c.vars))
	for i, v := range c.vars {
		least[i] = v.least
	}
	vars := c.pool.ResolveExtents(least, c.varOf)
	for i, v := range c.vars {
		if v.per != nil && vars[i] > *v.per {
			c.report(v.file, v.where, fmt.Sprintf("write `per %s`, or reduce what it is given", vars[i]),
				"%s is declared per %s, but a value per %s is assigned to it", v.name, *v.per, vars[i])
		}
	}
	for _, w := range c.conditions {
		if w.value.Extent == ir.Elem {
			c.report(w.file, w.where, "for elements write `where(mask, a, b)`", "`when` decides for a whole tensor or more, and this condition has a value per element")
		}
	}
	if c.diags.HasErrors() {
		return nil
	}
	states := make([]ir.Extent, len(c.varOf))
	arrays := 0
	for i, v := range c.varOf {
		states[i] = vars[v]
		if states[i] != ir.Elem {
			continue
		}
		if arrays++; arrays > maxArrays {
			c.report(c.vars[v].file, c.vars[v].where, "", "a rule keeps at most %d states per element", maxArrays)
			return nil
		}
	}
	if c.eval != nil {
		c.prog.Eval = c.eval.value
	}
	p := c.prog.Resolve(states, vars)
	c.checkDerivatives(p)
	if p.Eval != nil {
		p.Eval = c.evalAfter(p)
	}
	return p
}

// checkDerivatives refuses what the differentiation of elementwise functions does not cover.
func (c *checker) checkDerivatives(p *ir.Program) {
	for _, d := range ir.Reachable(append(p.Roots(), p.Eval)...) {
		if d.Kind != ir.Deriv {
			continue
		}
		y, v := d.Args[0], d.Args[1]
		site := c.derivs[v.Index]
		if y.Extent > v.Extent {
			c.report(site.file, site.where, "", "a derivative in a value per %s of one per %s needs a reduction, which this version of optc does not derive yet", v.Extent, y.Extent)
			continue
		}
		depends := map[*ir.Value]bool{v: true}
		for _, n := range ir.Reachable(y) {
			for _, a := range n.Args {
				depends[n] = depends[n] || depends[a] && n != v
			}
			if depends[n] && (n.Kind == ir.Reduce || n.Kind == ir.Spread) {
				c.report(site.file, site.where, "", "the derivative of a reduction is part of the language, but this version of optc does not build it yet")
				break
			}
		}
	}
}

// evalAfter restates the point of evaluation in what is kept after a step: x and the states.
func (c *checker) evalAfter(p *ir.Program) *ir.Value {
	lost := ""
	r := &ir.Rewriter{To: p.Pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		switch {
		case v.Kind == ir.Load && p.States[v.Index].New != v:
			lost = "the old value of state " + p.States[v.Index].Name
		case v.Kind == ir.Input && (v.Name == "g" || v.Name == "loss"):
			lost = v.Name
		case v.Kind == ir.Input && v.Name == "x" && p.X != v:
			lost = "the old x"
		}
		return p.Pool.Copy(v, args)
	}}
	for i, s := range p.States {
		r.Replace(s.New, p.Pool.Load(i))
	}
	r.Replace(p.X, p.Pool.Input("x"))
	v := p.Pool.Spread(r.Value(p.Eval), ir.Elem)
	if lost != "" {
		c.report(c.eval.file, c.eval.where, "keep it in a state", "`eval` reads %s, which is gone when the point is computed", lost)
		return nil
	}
	if v == p.Pool.Input("x") {
		return nil
	}
	return v
}

// lint warns of what a rule declares and does not use.
func (c *checker) lint(d decl) {
	read, written := map[string]bool{}, map[string]bool{}
	lang.Inspect(d.rule, func(n any) {
		switch n := n.(type) {
		case *lang.Name:
			read[n.Name] = true
		case *lang.Call:
			read[n.Fn.Name] = true
		case *lang.Assign:
			written[n.Name.Name] = true
		}
	})
	lang.Inspect(d.rule, func(n any) {
		switch n := n.(type) {
		case *lang.Hyper:
			if !read[n.Name.Name] {
				c.warnf(d.file, n.Name.Span, "nothing reads hyperparameter %s", n.Name.Name)
			}
		case *lang.Bind:
			if n.State && !read[n.Name.Name] {
				c.warnf(d.file, n.Name.Span, "state %s is never read", n.Name.Name)
			}
		}
	})
	if !written["x"] {
		c.warnf(d.file, d.rule.Name.Span, "rule %s never updates x", d.rule.Name.Name)
	}
}
