// Package interp runs a program on numbers, one operator at a time over whole tensors: slow and obviously right. It is
// the oracle of every generated kernel, which must give the same bits. A value is computed when it is first asked for, so
// that a branch that is not taken asks the model nothing and inverts no matrix.
package interp

import (
	"fmt"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/runtime/matrix"
)

// Tensor is one parameter.
type Tensor struct {
	Name  string
	Shape []int
	Group int
}

// Machine is an optimizer: a program with its states.
type Machine[T elem.Float] struct {
	Params [][]T       // updated in place by Step
	Hypers [][]float64 // of each group, in the program's order
	Given  []Given[T]  // by the program's Givens
	T      int         // steps taken
	Seed   uint64      // of random values

	// Closure is the model: its gradient and loss at x on the batch of the step. Rules that probe need it.
	Closure func(x [][]T) (grads [][]T, loss float64, err error)

	prog    *ir.Program
	tensors []Tensor
	filled  []int // groups with tensors
	states  []value[T]
	loss    float64
	grads   [][]T
	broken  error // why the machine cannot step
	memo    map[*ir.Value]*value[T]
	answers map[answerKey]*answer[T] // of the model in this step
	work    matrix.Work[T]
}

// Given is the value of one further input: step values, or an array a tensor.
type Given[T elem.Float] struct {
	Steps  []float64
	Arrays [][]T
}

// value is a result: one step value a unit (model, group or tensor), or an array a tensor. known tells which are there.
type value[T elem.Float] struct {
	steps  []float64
	arrays [][]T
	known  []bool
}

// unit is for whom a value is asked: a tensor, with its group. For the value of a group, tensor is -1; for the model's,
// neither matters.
type unit struct{ group, tensor int }

// New makes a machine for the program at its initial state. Every group has the default hyperparameters.
func New[T elem.Float](p *ir.Program, tensors []Tensor, groups int) *Machine[T] {
	m := &Machine[T]{prog: p, tensors: tensors}
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			m.broken = f.error
		}
	}()
	has := make([]bool, groups)
	for _, t := range tensors {
		m.Params = append(m.Params, make([]T, count(ir.Elem, t.Shape)))
		has[t.Group] = true
	}
	for g := range groups {
		var h []float64
		for _, d := range p.Hypers {
			h = append(h, d.Default)
		}
		m.Hypers = append(m.Hypers, h)
		if has[g] {
			m.filled = append(m.filled, g)
		}
	}
	for _, s := range p.States {
		m.states = append(m.states, m.fill(s))
	}
	for i, s := range p.States {
		s.As.Stochastic = false // the value before the first step is rounded to nearest
		m.narrow(i, s, m.states[i])
	}
	m.Given = make([]Given[T], len(p.Givens))
	return m
}

// count is how many values of an array extent a tensor has; it refuses what no machine holds.
func count(e ir.Extent, shape []int) int {
	rows, cols := int(Shape("rows", shape)), int(Shape("cols", shape))
	if e != ir.Elem && rows*cols == 0 && max(rows, cols) > elem.MaxEmpty || e == ir.RowRow && rows > elem.MaxSide || e == ir.ColCol && cols > elem.MaxSide {
		panic(failure{fmt.Errorf("shape %v: a value per %s of it is more than the interpreter holds", shape, e)})
	}
	rows, cols = Dims(e, shape)
	return rows * cols
}

// fill is a state's value before the first step.
func (m *Machine[T]) fill(s ir.State) value[T] {
	var out value[T]
	for range m.units(s.Extent) {
		out.steps = append(out.steps, s.Init)
	}
	if s.Extent.IsArray() {
		out.steps = nil
		for _, t := range m.tensors {
			u := make([]T, count(s.Extent, t.Shape))
			for j := range u {
				u[j] = T(s.Init)
			}
			out.arrays = append(out.arrays, u)
		}
	}
	return out
}

// units is how many units an extent has.
func (m *Machine[T]) units(e ir.Extent) int {
	switch {
	case e <= ir.Model:
		return 1
	case e == ir.Group:
		return len(m.Hypers)
	}
	return len(m.tensors)
}

func index(e ir.Extent, u unit) int {
	switch {
	case e <= ir.Model:
		return 0
	case e == ir.Group:
		return u.group
	}
	return u.tensor
}

// failure carries an error of the closure to Step.
type failure struct{ error }

// Step takes one step. grads has one slice a parameter; they stay as they are, whether or not the rule clears them. After an error of the closure nothing has changed.
func (m *Machine[T]) Step(grads [][]T, loss float64) (err error) {
	defer func() {
		m.memo, m.answers = nil, nil
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			m.T--
			err = f.error
		}
	}()
	if m.broken != nil {
		return m.broken
	}
	m.T++
	m.grads, m.loss, m.memo = m.given16(grads), loss, map[*ir.Value]*value[T]{}
	for i, x := range m.given16(m.Params) {
		copy(m.Params[i], x)
	}
	m.answers = map[answerKey]*answer[T]{}
	next := make([]value[T], len(m.states))
	for i, s := range m.prog.States {
		next[i] = m.all(s.New, s.Extent)
	}
	x := m.all(m.prog.X, ir.Elem)
	for i, s := range m.prog.States {
		m.narrow(i, s, next[i])
	}
	m.narrowParams(x.arrays)
	for i := range m.tensors {
		copy(m.Params[i], x.arrays[i])
	}
	m.states = next
	return nil
}

// all is a copy of v at extent e for every unit.
func (m *Machine[T]) all(v *ir.Value, e ir.Extent) value[T] {
	var out value[T]
	for i := range m.units(e) {
		switch {
		case e.IsArray():
			out.arrays = append(out.arrays, m.widen(v, e, i))
		case e == ir.Group:
			out.steps = append(out.steps, m.step(v, unit{group: i, tensor: -1}))
		default:
			out.steps = append(out.steps, m.step(v, m.unitOf(e, i)))
		}
	}
	return out
}

func (m *Machine[T]) unitOf(e ir.Extent, i int) unit {
	if e <= ir.Model {
		return unit{-1, -1}
	}
	return unit{m.tensors[i].Group, i}
}

// State is the value of state i: its step values, or its arrays.
func (m *Machine[T]) State(i int) ([]float64, [][]T) { return m.states[i].steps, m.states[i].arrays }

// SetState overwrites state i, an array, of tensor k.
func (m *Machine[T]) SetState(i, k int, v []T) { copy(m.states[i].arrays[k], v) }

// SetScalar overwrites value k of state i, a step value.
func (m *Machine[T]) SetScalar(i, k int, v float64) { m.states[i].steps[k] = v }

// EvalParams is the point at which the model is to be evaluated.
func (m *Machine[T]) EvalParams() [][]T {
	if m.prog.Eval == nil || m.T == 0 {
		return m.Params
	}
	m.memo = map[*ir.Value]*value[T]{}
	defer func() { m.memo = nil }()
	return m.given16(m.all(m.prog.Eval, ir.Elem).arrays)
}

// slot is where v's value for unit i is remembered.
func (m *Machine[T]) slot(v *ir.Value) *value[T] {
	s := m.memo[v]
	if s == nil {
		n := m.units(v.Extent)
		s = &value[T]{steps: make([]float64, n), arrays: make([][]T, n), known: make([]bool, n)}
		m.memo[v] = s
	}
	return s
}

// step is v, a step value, for a unit.
func (m *Machine[T]) step(v *ir.Value, u unit) float64 {
	s, i := m.slot(v), index(v.Extent, u)
	if !s.known[i] {
		s.steps[i] = m.evalStep(v, u)
		s.known[i] = true
	}
	return s.steps[i]
}

// array is v, an array, for tensor i. It is not to be written.
func (m *Machine[T]) array(v *ir.Value, i int) []T {
	s := m.slot(v)
	if !s.known[i] {
		s.arrays[i] = m.evalArray(v, i)
		s.known[i] = true
	}
	return s.arrays[i]
}

// widen is a copy of v at the array extent e for tensor i.
func (m *Machine[T]) widen(v *ir.Value, e ir.Extent, i int) []T {
	at := m.at(v, e, i)
	out := make([]T, count(e, m.tensors[i].Shape))
	for j := range out {
		out[j] = at(j)
	}
	return out
}

// at reads v of tensor i as if it were of the array extent e; a step value is rounded to T.
func (m *Machine[T]) at(v *ir.Value, e ir.Extent, i int) func(j int) T {
	if !v.Extent.IsArray() {
		s := T(m.step(v, m.unitOf(ir.Tensor, i)))
		return func(int) T { return s }
	}
	array, cols := m.array(v, i), int(Shape("cols", m.tensors[i].Shape))
	switch {
	case v.Extent == e:
		return func(j int) T { return array[j] }
	case v.Extent == ir.Row:
		return func(j int) T { return array[j/cols] }
	}
	return func(j int) T { return array[j%cols] }
}

func (m *Machine[T]) evalStep(v *ir.Value, u unit) float64 {
	switch v.Kind {
	case ir.Number:
		return v.Num
	case ir.Input:
		return m.inputStep(v.Name, u)
	case ir.Hyper:
		return m.Hypers[u.group][v.Index]
	case ir.Load:
		return m.states[v.Index].steps[index(v.Extent, u)]
	case ir.Given:
		return m.Given[v.Index].Steps[index(v.Extent, u)]
	case ir.Named:
		if elem.Match(v.Name, m.tensors[u.tensor].Name) {
			return 1
		}
		return 0
	case ir.Spread, ir.Var:
		return m.step(v.Args[0], u)
	case ir.Apply:
		return m.applyStep(v, u)
	case ir.Reduce:
		return m.reduceStep(v, u)
	case ir.Size:
		return m.size(v, u)
	case ir.Array:
		return m.arrayStep(v, u)
	case ir.Draw:
		return m.drawStep(v, u)
	case ir.Probe:
		_, loss := m.probe(v)
		return loss
	}
	panic(fmt.Sprintf("interp: step value of kind %d", v.Kind))
}

func (m *Machine[T]) inputStep(name string, u unit) float64 {
	switch name {
	case "t":
		return float64(m.T)
	case "loss":
		return m.loss
	}
	return Shape(name, m.tensors[u.tensor].Shape)
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

func (m *Machine[T]) applyStep(v *ir.Value, u unit) float64 {
	if v.Op.Name == "where" {
		return m.step(m.taken(v, u), u)
	}
	args := make([]float64, len(v.Args))
	for n, a := range v.Args {
		args[n] = m.step(a, u)
	}
	return v.Op.Eval(args)
}

// taken is the branch of a where whose condition is a step value.
func (m *Machine[T]) taken(v *ir.Value, u unit) *ir.Value {
	if m.step(v.Args[0], u) != 0 {
		return v.Args[1]
	}
	return v.Args[2]
}

func (m *Machine[T]) evalArray(v *ir.Value, i int) []T {
	switch v.Kind {
	case ir.Input:
		if v.Name == "g" {
			return m.grads[i]
		}
		return m.Params[i]
	case ir.Load:
		return m.states[v.Index].arrays[i]
	case ir.Given:
		return m.Given[v.Index].Arrays[i]
	case ir.Spread, ir.Var:
		return m.widen(v.Args[0], v.Extent, i)
	case ir.Apply:
		return m.applyArray(v, i)
	case ir.Reduce:
		return m.reduceArray(v, i)
	case ir.Array:
		return m.arrayArray(v, i)
	case ir.Draw:
		out := make([]T, count(v.Extent, m.tensors[i].Shape))
		m.draw(v, i, out)
		return out
	case ir.Probe:
		grads, _ := m.probe(v)
		return grads[i]
	}
	panic(fmt.Sprintf("interp: array of kind %d", v.Kind))
}

func (m *Machine[T]) applyArray(v *ir.Value, i int) []T {
	if v.Op.Name == "where" && !v.Args[0].Extent.IsArray() {
		return m.widen(m.taken(v, m.unitOf(ir.Tensor, i)), v.Extent, i)
	}
	operands := make([]func(int) T, len(v.Args))
	for n, a := range v.Args {
		operands[n] = m.at(a, v.Extent, i)
	}
	out := make([]T, count(v.Extent, m.tensors[i].Shape))
	args := make([]T, len(v.Args))
	for j := range out {
		for n, at := range operands {
			args[n] = at(j)
		}
		out[j] = evalIn(v, args)
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

// reduceStep combines an array by the fixed tree, then tensors (or coarser values) in order in float64.
func (m *Machine[T]) reduceStep(v *ir.Value, u unit) float64 {
	kind, arg := v.Op.Reduce, v.Args[0]
	each := func(i int) float64 {
		if arg.Extent.IsArray() {
			return elem.Reduce(kind, m.array(arg, i))
		}
		return m.step(arg, m.unitOf(ir.Tensor, i))
	}
	if v.Extent == ir.Tensor {
		return each(u.tensor)
	}
	sum := elem.Identity(kind)
	if arg.Extent == ir.Group {
		for _, g := range m.filled {
			sum = elem.Combine(kind, sum, m.step(arg, unit{g, -1}))
		}
		return sum
	}
	for i, t := range m.tensors {
		if v.Extent <= ir.Model || t.Group == u.group {
			sum = elem.Combine(kind, sum, each(i))
		}
	}
	return sum
}

// reduceArray reduces a matrix per row or per column.
func (m *Machine[T]) reduceArray(v *ir.Value, i int) []T {
	shape := m.tensors[i].Shape
	out := make([]float64, count(v.Extent, shape))
	from := v.Args[0].Extent
	rows, cols := Dims(from, shape)
	if v.Extent == from.FirstAxis() {
		elem.ReduceRows(v.Op.Reduce, out, m.array(v.Args[0], i), cols)
	} else {
		elem.ReduceCols(v.Op.Reduce, out, m.array(v.Args[0], i), rows)
	}
	rounded := make([]T, len(out))
	for k, s := range out {
		rounded[k] = T(s)
	}
	return rounded
}

// size counts values of extent v.Of per v.Per.
func (m *Machine[T]) size(v *ir.Value, u unit) float64 {
	if v.Of == ir.Group {
		return float64(len(m.filled))
	}
	n := 0
	for i, t := range m.tensors {
		if v.Per == ir.Tensor && i != u.tensor || v.Per == ir.Group && t.Group != u.group {
			continue
		}
		if v.Of == ir.Tensor {
			n++
		} else {
			n += len(m.Params[i])
		}
	}
	return float64(n)
}
