package check

import (
	"fmt"

	"github.com/optc-lang/optc/compiler/derive"
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
	if len(c.derivs) > 0 {
		p = c.derive(p)
	}
	if p.Eval != nil {
		p.Eval = c.evalAfter(p)
	}
	for i, positive := range p.NonNegative() {
		s := &p.States[i]
		switch {
		case positive && s.As.Format == "q8":
			s.As.Format = "q8root" // the codes need no sign
		case positive && s.As.Format == "f16" && hasSquare(s.New):
			c.lintHalf(s.Name, c.vars[c.varOf[i]])
		}
	}
	return p
}

// derive puts in closed form what the rule asks to be derived, and reports what cannot be.
func (c *checker) derive(p *ir.Program) *ir.Program {
	p, failures := derive.Program(p)
	for _, w := range failures {
		site := c.derivs[w.Var]
		if w.Warning {
			c.warnf(site.file, site.where, "%s", w.Message)
		} else {
			c.report(site.file, site.where, w.Hint, "%s", w.Message)
		}
	}
	for i, d := range p.Derivations {
		if d.Call == "" {
			p.Derivations[i].Call = c.derivs[d.Var].call
		}
	}
	if len(p.Pool.Values) > maxValues {
		c.report(c.derivs[0].file, c.derivs[0].where, "derive less in one rule", "the rule expands to more than %d values", maxValues)
	}
	return p
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
