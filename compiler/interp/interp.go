// Package interp runs a program on numbers, one operator at a time over whole tensors: slow and obviously right. It is
// the oracle of every generated kernel, which must give the same bits.
package interp

import (
	"fmt"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/runtime/elem"
)

// Tensor is one parameter.
type Tensor struct {
	Shape []int
	Group int
}

// Machine is an optimizer: a program with its states.
type Machine[T elem.Float] struct {
	Params [][]T       // updated in place by Step
	Hypers [][]float64 // of each group, in the program's order
	T      int         // steps taken

	prog    *ir.Program
	tensors []Tensor
	states  []value[T]
	loss    float64
	grads   [][]T
}

// value is a result: scalars (one a model, group or tensor) or elements.
type value[T elem.Float] struct {
	scalar []float64
	elems  [][]T
}

// New makes a machine for the program at its initial state. Every group has the default hyperparameters.
func New[T elem.Float](p *ir.Program, tensors []Tensor, groups int) *Machine[T] {
	m := &Machine[T]{prog: p, tensors: tensors}
	for _, t := range tensors {
		m.Params = append(m.Params, make([]T, numel(t.Shape)))
	}
	for range groups {
		var h []float64
		for _, d := range p.Hypers {
			h = append(h, d.Default)
		}
		m.Hypers = append(m.Hypers, h)
	}
	for _, s := range p.States {
		m.states = append(m.states, m.fill(s.Extent, s.Init))
	}
	return m
}

func numel(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func (m *Machine[T]) fill(e ir.Extent, v float64) value[T] {
	if e == ir.Elem {
		var out value[T]
		for i := range m.tensors {
			u := make([]T, len(m.Params[i]))
			for j := range u {
				u[j] = T(v)
			}
			out.elems = append(out.elems, u)
		}
		return out
	}
	s := make([]float64, m.count(e))
	for i := range s {
		s[i] = v
	}
	return value[T]{scalar: s}
}

// count is how many values of extent e there are.
func (m *Machine[T]) count(e ir.Extent) int {
	switch e {
	case ir.Group:
		return len(m.Hypers)
	case ir.Tensor:
		return len(m.tensors)
	}
	return 1
}

// index is which value of extent e belongs to tensor i.
func (m *Machine[T]) index(e ir.Extent, i int) int {
	switch e {
	case ir.Group:
		return m.tensors[i].Group
	case ir.Tensor:
		return i
	}
	return 0
}

// Step takes one step. grads has one slice a parameter.
func (m *Machine[T]) Step(grads [][]T, loss float64) {
	m.T++
	m.grads, m.loss = grads, loss
	values := m.run(m.prog.Roots())
	next := make([]value[T], len(m.states))
	for i, s := range m.prog.States {
		next[i] = m.widen(values[s.New], s.New.Extent, s.Extent) // a copy: it may be the old x
	}
	x := values[m.prog.X]
	for i := range m.tensors {
		copy(m.Params[i], x.elems[i])
	}
	m.states = next
}

// State is the value of state i: its scalars, or its elements.
func (m *Machine[T]) State(i int) ([]float64, [][]T) { return m.states[i].scalar, m.states[i].elems }

// SetState overwrites state i, whose extent is Elem, of tensor k.
func (m *Machine[T]) SetState(i, k int, v []T) { copy(m.states[i].elems[k], v) }

// SetScalar overwrites value k of state i, whose extent is coarser than Elem.
func (m *Machine[T]) SetScalar(i, k int, v float64) { m.states[i].scalar[k] = v }

// EvalParams is the point at which the model is to be evaluated.
func (m *Machine[T]) EvalParams() [][]T {
	if m.prog.Eval == nil || m.T == 0 {
		return m.Params
	}
	return m.run([]*ir.Value{m.prog.Eval})[m.prog.Eval].elems
}

// widen copies v and repeats a coarse value at extent to.
func (m *Machine[T]) widen(v value[T], from, to ir.Extent) value[T] {
	if to == ir.Elem {
		out := m.fill(to, 0)
		for i := range m.tensors {
			for j := range out.elems[i] {
				out.elems[i][j] = m.elem(v, from, i, j)
			}
		}
		return out
	}
	out := m.fill(to, 0)
	for k := range out.scalar {
		out.scalar[k] = v.scalar[m.coarser(from, to, k)]
	}
	return out
}

// coarser is which value of extent from the value k of extent to reads.
func (m *Machine[T]) coarser(from, to ir.Extent, k int) int {
	switch {
	case from == to:
		return k
	case from <= ir.Model:
		return 0
	}
	return m.index(from, k) // from is Group, to is Tensor
}

// elem is element j of tensor i; a coarser value is rounded to T.
func (m *Machine[T]) elem(v value[T], e ir.Extent, i, j int) T {
	if e == ir.Elem {
		return v.elems[i][j]
	}
	return T(v.scalar[m.index(e, i)])
}

func (m *Machine[T]) run(roots []*ir.Value) map[*ir.Value]value[T] {
	values := map[*ir.Value]value[T]{}
	for _, v := range ir.Reachable(roots...) {
		values[v] = m.eval(v, values)
	}
	return values
}

func (m *Machine[T]) eval(v *ir.Value, values map[*ir.Value]value[T]) value[T] {
	switch v.Kind {
	case ir.Number:
		return value[T]{scalar: []float64{v.Num}}
	case ir.Input:
		return m.input(v.Name)
	case ir.Hyper:
		out := value[T]{}
		for _, h := range m.Hypers {
			out.scalar = append(out.scalar, h[v.Index])
		}
		return out
	case ir.Load:
		return m.states[v.Index]
	case ir.Spread:
		return m.widen(values[v.Args[0]], v.Args[0].Extent, v.Extent)
	case ir.Apply:
		return m.apply(v, values)
	case ir.Reduce:
		return m.reduce(v, values[v.Args[0]])
	case ir.Size:
		return m.size(v)
	case ir.Var:
		return values[v.Args[0]]
	}
	panic(fmt.Sprintf("interp: value of kind %d", v.Kind))
}

func (m *Machine[T]) input(name string) value[T] {
	switch name {
	case "x":
		return value[T]{elems: m.Params}
	case "g":
		return value[T]{elems: m.grads}
	case "t":
		return value[T]{scalar: []float64{float64(m.T)}}
	case "loss":
		return value[T]{scalar: []float64{m.loss}}
	}
	var out value[T]
	for _, t := range m.tensors {
		out.scalar = append(out.scalar, Shape(name, t.Shape))
	}
	return out
}

// Shape is rank, rows or cols of a shape: the first dimension is the rows of a tensor of rank 2 or more, the rest its
// columns; scalars and vectors have one row.
func Shape(name string, shape []int) float64 {
	rows := 1
	if len(shape) >= 2 {
		rows = shape[0]
	}
	switch name {
	case "rank":
		return float64(len(shape))
	case "rows":
		return float64(rows)
	}
	cols := 1
	for i, d := range shape {
		if i > 0 || len(shape) < 2 {
			cols *= d
		}
	}
	return float64(cols)
}

func (m *Machine[T]) apply(v *ir.Value, values map[*ir.Value]value[T]) value[T] {
	operands := make([]value[T], len(v.Args))
	for n, a := range v.Args {
		operands[n] = values[a]
	}
	if v.Extent < ir.Elem {
		out := m.fill(v.Extent, 0)
		args := make([]float64, len(v.Args))
		for k := range out.scalar {
			for n, a := range v.Args {
				args[n] = operands[n].scalar[m.coarser(a.Extent, v.Extent, k)]
			}
			out.scalar[k] = v.Op.Eval(args)
		}
		return out
	}
	out := m.fill(ir.Elem, 0)
	args := make([]T, len(v.Args))
	for i := range m.tensors {
		for j := range out.elems[i] {
			for n, a := range v.Args {
				args[n] = m.elem(operands[n], a.Extent, i, j)
			}
			out.elems[i][j] = evalIn(v, args)
		}
	}
	return out
}

// evalIn applies an operator in the element type.
func evalIn[T elem.Float](v *ir.Value, args []T) T {
	switch args := any(args).(type) {
	case []float32:
		return T(v.Op.Eval32(args))
	case []float64:
		return T(v.Op.Eval(args))
	}
	panic("interp: element type")
}

// reduce combines elements by the fixed tree, then tensors (or coarser values) in order in float64.
func (m *Machine[T]) reduce(v *ir.Value, arg value[T]) value[T] {
	kind := v.Op.Reduce
	from := v.Args[0].Extent
	if from == ir.Elem {
		tensors := value[T]{}
		for i := range m.tensors {
			tensors.scalar = append(tensors.scalar, elem.Reduce(kind, arg.elems[i]))
		}
		arg, from = tensors, ir.Tensor
	}
	if from == v.Per {
		return arg
	}
	out := m.fill(v.Per, elem.Identity(kind))
	for k, s := range arg.scalar {
		to := 0
		if v.Per == ir.Group {
			to = m.index(ir.Group, k)
		}
		out.scalar[to] = elem.Combine(kind, out.scalar[to], s)
	}
	return out
}

// size counts values of extent v.Of per v.Per.
func (m *Machine[T]) size(v *ir.Value) value[T] {
	out := m.fill(v.Per, 0)
	add := func(i int, n float64) { out.scalar[m.index(v.Per, i)] += n }
	switch v.Of {
	case ir.Elem:
		for i := range m.tensors {
			add(i, float64(len(m.Params[i])))
		}
	case ir.Tensor:
		for i := range m.tensors {
			add(i, 1)
		}
	case ir.Group:
		out.scalar[0] = float64(len(m.Hypers))
	}
	return out
}
