package derive

import (
	"errors"
	"fmt"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// Adjoint makes the vector-Jacobian product of a step as a rule of its own (Maclaurin, Duvenaud and Adams 2015). Its x is
// the cotangent of the rule's x, its states are those of the rule's states: each step takes them from after the step that
// it undoes to before it. What that step was given it is given again: the rule's x, states and t before it as further
// inputs, its gradient as the gradient. The cotangents of the gradient, of the loss and of the hyperparameters are states
// that the step writes and does not read.
func Adjoint(p *ir.Program) (*ir.Program, error) { return adjointBy(p, (*deriver).backwards) }

// carrier carries the cotangents of results back to values.
type carrier func(d *deriver, seeds []seed, wrt []*ir.Value) []*ir.Value

func adjointBy(p *ir.Program, carry carrier) (adjoint *ir.Program, err error) {
	defer func() {
		switch f := recover().(type) {
		case nil:
		case failure:
			adjoint, err = nil, errors.New(f.message)
		default: // a defect of the compiler
			panic(f)
		}
	}()
	if err := differentiable(p); err != nil {
		return nil, err
	}
	a := &adjointer{deriver: &deriver{p: p, pool: p.Pool}, to: ir.NewPool(), carry: carry}
	return a.program(), nil
}

// differentiable reports what a step does that has no derivative.
func differentiable(p *ir.Program) error {
	for _, v := range ir.Reachable(p.Roots()...) {
		switch v.Kind {
		case ir.Probe:
			return fmt.Errorf("rule %s asks the model again within a step, and what the model says has no derivative in the rule", p.Name)
		case ir.Draw:
			return fmt.Errorf("rule %s draws random values, which another step would not draw again", p.Name)
		}
	}
	return nil
}

type adjointer struct {
	*deriver
	to    *ir.Pool
	carry carrier
	wrt   []*ir.Value
	names *ir.Names
}

// cotangent stands for the cotangent of the i-th result of the step: x, then the states.
func (a *adjointer) cotangentOf(i int, e ir.Extent) *ir.Value {
	return a.pool.Var(a.pool.Spread(a.pool.Number(0), e), -2-i)
}

func (a *adjointer) program() *ir.Program {
	p := a.p
	q := &ir.Program{Name: p.Name + "_adjoint", Doc: "Adjoint of a step of " + p.Name + ".", Hypers: p.Hypers, Pool: a.to, AdjointOf: p.Name}
	a.names = ir.NewNames("x", "g", "t", "loss")
	for _, h := range p.Hypers {
		a.names.Take(h.Name)
	}
	for _, g := range p.Givens {
		a.names.Take(g.Name)
	}
	a.outputs(q)
	a.inputs(q)
	return q
}

// plainNames are the names of the states, those of an array's elements with their numbers in the name.
func plainNames(p *ir.Program) []string {
	names := p.StateNames()
	for i, n := range names {
		names[i] = strings.NewReplacer("[", "_", "]", "").Replace(n)
	}
	return names
}

// outputs are the values whose cotangents a step computes, each with the state that keeps it.
func (a *adjointer) outputs(q *ir.Program) {
	p := a.p
	short := plainNames(p)
	seeds := []seed{{p.X, a.cotangentOf(0, ir.Elem)}}
	a.wrt = []*ir.Value{p.Pool.Input("x")}
	for i, s := range p.States {
		seeds = append(seeds, seed{p.Pool.Spread(s.New, s.Extent), a.cotangentOf(1+i, s.Extent)})
		a.wrt = append(a.wrt, p.Pool.Load(i))
		q.States = append(q.States, ir.State{Name: a.names.Fresh(short[i] + "_bar"), Extent: s.Extent})
	}
	output := func(v *ir.Value, name string) {
		a.wrt = append(a.wrt, v)
		q.States = append(q.States, ir.State{Name: a.names.Fresh(name + "_bar"), Extent: v.Extent, Output: true})
	}
	if p.Reads("g") {
		output(p.Pool.Input("g"), "g")
	}
	if p.Reads("loss") {
		output(p.Pool.Input("loss"), "loss")
	}
	for i, h := range p.Hypers {
		output(p.Pool.Hyper(i), h.Name)
	}
	bars := a.carry(a.deriver, seeds, a.wrt)
	q.X = bars[0]
	for i := range q.States {
		q.States[i].New = bars[1+i]
	}
}

// inputs restates the program in its own leaves: what the rule read is given, and its x and states are cotangents.
func (a *adjointer) inputs(q *ir.Program) {
	p := a.p
	given := func(name, of string, e ir.Extent) int {
		q.Givens = append(q.Givens, ir.GivenDecl{Name: a.names.Fresh(name + "_at"), Doc: given[of], Of: of, Extent: e})
		return len(q.Givens) - 1
	}
	q.Givens = append(q.Givens, p.Givens...)
	x, t := given("x", "x", ir.Elem), given("t", "t", ir.Model)
	states := map[int]int{}
	for i, n := range plainNames(p) {
		states[i] = given(n, p.States[i].Name, p.States[i].Extent)
		q.Givens[states[i]].Doc = "State " + p.States[i].Name + " of the rule before the step."
	}
	var extents []ir.Extent
	for _, s := range q.States {
		extents = append(extents, s.Extent)
	}
	a.to.SetStates(extents)
	extents = nil
	for _, g := range q.Givens {
		extents = append(extents, g.Extent)
	}
	a.to.SetGivens(extents)
	r := &ir.Rewriter{To: a.to, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		switch {
		case v.Kind == ir.Var && v.Index == -2:
			return a.to.Input("x")
		case v.Kind == ir.Var && v.Index < -2:
			return a.to.Load(-3 - v.Index)
		case v.Kind == ir.Input && v.Name == "x":
			return a.to.Given(x)
		case v.Kind == ir.Input && v.Name == "t":
			return a.to.Given(t)
		case v.Kind == ir.Load:
			return a.to.Given(states[v.Index])
		}
		return a.to.Copy(v, args)
	}}
	*q = *r.Program(q)
}

var given = map[string]string{"x": "The parameters of the rule before the step.", "t": "The number of the rule's step."}
