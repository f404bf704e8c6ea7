package ir

import (
	"slices"

	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/runtime/elem"
)

// Rewriter rebuilds graphs bottom up. Make is called for every value with its rebuilt operands and returns what takes
// its place; results are remembered, so a value is rebuilt once.
type Rewriter struct {
	To   *Pool
	Make func(v *Value, args []*Value) *Value
	done map[*Value]*Value
}

// Value rebuilds v.
func (r *Rewriter) Value(v *Value) *Value {
	if v == nil {
		return nil
	}
	if r.done == nil {
		r.done = map[*Value]*Value{}
	}
	type frame struct {
		v    *Value
		next int
	}
	stack := []frame{{v: v}}
	for len(stack) > 0 {
		top := &stack[len(stack)-1]
		if r.done[top.v] != nil {
			stack = stack[:len(stack)-1]
			continue
		}
		if top.next < len(top.v.Args) {
			a := top.v.Args[top.next]
			top.next++
			if r.done[a] == nil {
				stack = append(stack, frame{v: a})
			}
			continue
		}
		args := make([]*Value, len(top.v.Args))
		for i, a := range top.v.Args {
			args[i] = r.done[a]
		}
		n := r.Make(top.v, args)
		if n.Label == "" && n.Kind != Number {
			n.Label, n.Inner, n.Turn = top.v.Label, top.v.Inner, top.v.Turn
		}
		r.done[top.v] = n
		stack = stack[:len(stack)-1]
	}
	return r.done[v]
}

// Program rebuilds all roots of p.
func (r *Rewriter) Program(p *Program) *Program {
	q := *p
	q.Pool = r.To
	q.States = slices.Clone(p.States)
	q.X = r.Value(p.X)
	for i := range q.States {
		q.States[i].New = r.Value(p.States[i].New)
	}
	q.Eval = r.Value(p.Eval)
	return &q
}

// Copy is v with other operands, made in pool p.
func (p *Pool) Copy(v *Value, args []*Value) *Value {
	switch v.Kind {
	case Apply:
		return p.Apply(v.Op, args...)
	case Reduce:
		if v.Per.Holds(args[0].Extent) {
			return args[0]
		}
		return p.Reduce(v.Op, args[0], v.Per, guardOf(args, 1))
	case Size:
		if len(args) > 0 {
			return p.Count(args[0].Extent, v.Per)
		}
		return p.Count(v.Of, v.Per)
	case Spread:
		return p.Spread(args[0], v.Extent)
	case Array:
		if v.Op.Name == "eye" {
			return p.Eye(v.Of)
		}
		n := v.Op.Args + len(v.Op.Params)
		per := v.Per
		if v.Op.Kind == op.Order {
			per = Meet(args[0].Extent, per)
		}
		return p.Array(v.Op, per, guardOf(args, n), args[:n]...)
	case Probe:
		n := len(v.Args)
		if v.Guard() != nil {
			n--
		}
		return p.Probe(v.Name, guardOf(args, n), args[:n]...)
	case Derived:
		return p.Derived(v.Name, nil, args...)
	}
	c := *v
	c.Args = args
	c.Label, c.Inner, c.Turn = "", false, 0
	return p.make(c)
}

func guardOf(args []*Value, n int) *Value {
	if n < len(args) {
		return args[n]
	}
	return nil
}

// resolveGuarded is a Reduce or Size whose guard tells tensors apart: those it does not hold for add nothing.
func (p *Pool) resolveGuarded(v *Value, args []*Value) *Value {
	var each *Value
	o := op.Must("sum")
	if v.Kind == Reduce {
		o = v.Op
		each = args[0]
		if !Tensor.Holds(each.Extent) {
			each = p.Reduce(o, each, Tensor, nil)
		}
	} else {
		each = p.Count(args[0].Extent, Tensor)
	}
	return p.Reduce(o, p.Call("where", args[1], each, p.Number(elem.Identity(o.Reduce))), v.Per, nil)
}

// guardedProbe are the operands of a probe whose guard tells groups or tensors apart: it asks if the guard holds for any,
// and the others stay where they are, with a vector of zeros.
func (p *Pool) guardedProbe(args []*Value) []*Value {
	n := len(args) - 1
	guard := args[n]
	if guard.Extent <= Model {
		return args
	}
	out := []*Value{p.Call("where", guard, args[0], p.Input("x"))}
	if n > 1 {
		out = append(out, p.Spread(p.Call("where", guard, args[1], p.Number(0)), Elem))
	}
	return append(out, p.Call("gt", p.Reduce(op.Must("reduce_max"), p.Call("real", guard), Model, nil), p.Number(0)))
}

// Resolve makes the program whose extents are final: holds become spreads or nothing, and sizes counts.
func (p *Program) Resolve(states []Extent, vars []Extent) *Program {
	to := NewPool()
	to.states = states
	for _, g := range p.Givens {
		to.givens = append(to.givens, g.Extent)
	}
	r := &Rewriter{To: to, Make: func(v *Value, args []*Value) *Value {
		if v.Kind == Hold {
			return to.Spread(args[0], vars[v.Index])
		}
		if (v.Kind == Reduce || v.Kind == Size) && len(args) > 1 {
			if !v.Per.Holds(args[1].Extent) && Tensor.Holds(args[1].Extent) {
				return to.resolveGuarded(v, args)
			}
			args = args[:1]
		}
		if v.Kind == Probe && v.Guard() != nil {
			args = to.guardedProbe(args)
		}
		return to.Copy(v, args)
	}}
	q := r.Program(p)
	for i := range q.States {
		q.States[i].Extent = states[i]
	}
	return q
}

// Replace decides beforehand what takes the place of v; a constant is never replaced.
func (r *Rewriter) Replace(v, by *Value) {
	if r.done == nil {
		r.done = map[*Value]*Value{}
	}
	if v.Kind != Number {
		r.done[v] = by
	}
}

// KeepStates makes the program without the states that are not live. None of them may be read by what is.
func (p *Program) KeepStates(live []bool) *Program {
	to := NewPool()
	to.givens = p.Pool.givens
	index := make([]int, len(p.States))
	var states []State
	for i, s := range p.States {
		if live[i] {
			index[i] = len(states)
			states = append(states, s)
			to.states = append(to.states, s.Extent)
		}
	}
	q := *p
	q.States = states
	r := &Rewriter{To: to, Make: func(v *Value, args []*Value) *Value {
		if v.Kind == Load {
			return to.Load(index[v.Index])
		}
		return to.Copy(v, args)
	}}
	return r.Program(&q)
}
