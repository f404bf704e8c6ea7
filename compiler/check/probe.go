package check

import (
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
)

// probe asks the model for its gradient, its loss or a product with its Hessian at a point.
func (c *checker) probe(f *frame, s *lang.Probe) {
	b := &binding{variable: -1, bad: true, assignWhat: "is what the model said, which a rule never changes"}
	defer c.declareName(f, s.Name, b)
	point := f.names["x"].value
	if s.At != nil {
		point = c.real(f, s.At)
	}
	args := []*ir.Value{point}
	if s.Kind == "hvp" {
		args = append(args, c.real(f, s.Vector))
	}
	for i, v := range args {
		if v == nil {
			return
		}
		args[i] = c.pool.Hold(v, c.elemVar(f, s.Name))
	}
	b.bad = false
	b.value = c.pool.Probe(s.Kind, c.guardNow(f), args...)
	b.value.Label = s.Name.Name
	c.labelled[b.value] = f.depth
	c.sites[b.value] = site{s.Span, f.decl.file}
}

// elemVar is a variable that holds elements.
func (c *checker) elemVar(f *frame, id lang.Ident) int {
	i := c.newVariable(f, id, nil)
	c.vars[i].least = ir.Elem
	return i
}

// guardNow is the mask under which what is being elaborated is needed at all; nil when always.
func (c *checker) guardNow(f *frame) *ir.Value {
	guard := c.guard
	for ; f != nil; f = f.caller {
		if f.initial {
			guard = c.both(guard, c.firstRun(f))
		}
	}
	return guard
}

// both is the conjunction of two guards, either of which may be nil.
func (c *checker) both(a, b *ir.Value) *ir.Value {
	if a == nil {
		return b
	}
	return c.pool.Call("and", a, b)
}

// given declares a further input of the step. One that a rule within asks for is the outermost rule's.
func (c *checker) given(f *frame, s *lang.Given) {
	b := &binding{variable: -1, bad: true, assignWhat: "is an input of the step"}
	defer c.declareName(f, s.Name, b)
	per := c.per(f, s.Per)
	if s.Per != nil && per == nil {
		return
	}
	g := ir.GivenDecl{Name: s.Name.Name, Doc: s.Doc, Extent: ir.Elem, Load: s.Load}
	if per != nil {
		g.Extent = *per
	}
	if f.names[g.Name] != nil {
		return // said as the name is declared
	}
	for _, other := range c.prog.Givens {
		if other.Name == g.Name {
			c.errorf(f, s.Name.Span, "choose another name, or ask for it in the outermost rule alone", "two inputs of the step are named %s", g.Name)
			return
		}
	}
	if !c.spell(f, s.Name, g.Name) {
		return
	}
	c.prog.Givens = append(c.prog.Givens, g)
	var extents []ir.Extent
	for _, g := range c.prog.Givens {
		extents = append(extents, g.Extent)
	}
	c.pool.SetGivens(extents)
	b.bad = false
	b.value = c.pool.Given(len(extents) - 1)
}
