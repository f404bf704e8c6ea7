package check

import (
	"fmt"

	"github.com/optc-lang/optc/compiler/ir"
)

// resolve gives every value its final extent and states where the model is to be evaluated.
func (c *checker) resolve() *ir.Program {
	least := make([]ir.Extent, len(c.vars))
	for i, v := range c.vars {
		least[i] = v.least
	}
	vars := c.pool.ResolveExtents(least, c.varOf)
	c.clashes()
	for i, v := range c.vars {
		if v.per != nil && !v.per.Holds(vars[i]) && vars[i] != ir.Clash {
			c.report(v.file, v.where, fmt.Sprintf("write `per %s`, or reduce what it is given", vars[i]),
				"%s is declared per %s, but a value per %s is assigned to it", v.name, *v.per, vars[i])
		}
	}
	for _, w := range c.conditions {
		switch e := w.value.Extent; {
		case w.until && e > ir.Model && e != ir.Clash:
			c.report(w.file, w.where, "reduce it, as in `all(mask per model)`", "`until` decides for the whole model, and this condition has a value per %s", e)
		case e.IsArray() && e != ir.Clash:
			c.report(w.file, w.where, "for elements write `where(mask, a, b)`", "`when` decides for a whole tensor or more, and this condition has a value per %s", e)
		}
	}
	for _, s := range c.shapes {
		if e := s.of.Extent; e != ir.Elem && e != ir.Clash {
			c.report(s.file, s.where, "write `"+s.name+"(x)`", "%s asks for the shape of a parameter, and this is a value per %s", s.name, e)
		}
	}
	for _, n := range c.narrow {
		if e := vars[c.varOf[n.index]]; e != ir.Elem {
			c.report(n.file, n.where, "leave the format out", "a storage format is for states per elem, and %s is per %s", c.prog.States[n.index].Name, e)
		}
	}
	if c.diags.HasErrors() {
		return nil
	}
	states := make([]ir.Extent, len(c.varOf))
	arrays := 0
	for i, v := range c.varOf {
		states[i] = vars[v]
		if !states[i].IsArray() {
			continue
		}
		if arrays++; arrays > maxArrays {
			c.report(c.vars[v].file, c.vars[v].where, "keep fewer", "a rule keeps at most %d states that are arrays", maxArrays)
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
	for i, positive := range p.NonNegative() {
		if positive && p.States[i].As.Format == "q8" {
			p.States[i].As.Format = "q8root" // the codes need no sign
		}
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
		if !v.Extent.Holds(y.Extent) {
			c.report(site.file, site.where, "", "a derivative in a value per %s of one per %s needs a reduction, which this version of optc does not derive yet", v.Extent, y.Extent)
			continue
		}
		depends := map[*ir.Value]bool{v: true}
		for _, n := range ir.Reachable(y) {
			for _, a := range n.Args {
				depends[n] = depends[n] || depends[a] && n != v
			}
			if depends[n] && (n.Kind == ir.Reduce || n.Kind == ir.Spread || n.Kind == ir.Array || n.Kind == ir.Probe) {
				c.report(site.file, site.where, "", "the derivative of a reduction or of a whole-array operator is part of the language, but this version of optc does not build it yet")
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
		case v.Kind == ir.Probe:
			lost = "what a probe said"
		case v.Kind == ir.Given && !p.Givens[v.Index].Load:
			lost = "the given " + p.Givens[v.Index].Name
		case v.Kind == ir.Draw:
			lost = "a random value"
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
