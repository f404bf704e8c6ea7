package runtime

import (
	"errors"
	"fmt"
	"math"
	goruntime "runtime"
	"slices"
	"sync/atomic"
	"unsafe"
)

// Param is one parameter tensor. The optimizer updates Data in place; its order is row-major, and its length the
// product of Shape, which is 1 for the empty shape of a scalar. Names are not empty and differ from each other.
type Param[T Float] struct {
	Name  string
	Shape []int
	Data  []T
}

// Optimizer applies a rule to parameters. One goroutine at a time may use it (a second one gets an error); different
// optimizers may step at the same time. After an error parameters, states and hyperparameters are what they were.
type Optimizer[T Float] struct {
	rule    *Rule
	engine  Engine
	workers int // at most so many goroutines a pass
	busy    atomic.Bool
	steps   atomic.Int64

	params  []Param[T] // names and shapes; the data is x
	groupOf []int      // by parameter
	x       [][]T
	memory  memory

	// What a step reads and writes.
	model   []float64   // frame
	groups  [][]float64 // frames by group
	tensors [][]float64 // frames by parameter
	filled  []int       // groups with parameters
	states  [][][]T     // by index of the state, nil for one that lives in frames, and parameter
	eval    [][]T       // points of evaluation, allocated when first asked for

	first, later, evals []stage
	machine[T]
}

// New builds an optimizer. The states are allocated here, for good. hyper are the hyperparameters of group 0 in the
// order of rule.Hypers, nil for the rule's defaults. Shapes and names are copied, the data is not.
//
// The kernels are those of the fastest engine that the CPU has, or of the one that [UseEngine] or the environment
// variable OPTRT_ENGINE (go, avx2 or avx512) names; a pass without a kernel for it runs on the next slower engine that
// it has.
//
// Errors: a parameter whose shape and data disagree, two that overlap or are named alike, a hyperparameter outside its
// interval, a group that takes no parameter, an engine that is unknown or that this CPU lacks.
func New[T Float](rule *Rule, params []Param[T], hyper []float64, opts ...Option) (*Optimizer[T], error) {
	if rule == nil {
		return nil, errors.New("no rule given")
	}
	if width := int(unsafe.Sizeof(T(0))); rule.ElemBytes != width {
		return nil, fmt.Errorf("%s: the rule is compiled for elements of %d bytes, and these have %d", rule.Name, rule.ElemBytes, width)
	}
	if err := rule.check(); err != nil {
		return nil, fmt.Errorf("%s: generated code is at fault, build it again: %w", rule.Name, err)
	}
	s := settings{workers: -1}
	for _, option := range opts {
		if option != nil {
			option(&s)
		}
	}
	if s.workers < -1 {
		return nil, fmt.Errorf("%s: %d workers: give 0 for all processors, or at least 1", rule.Name, s.workers)
	}
	limit, err := limitEngine(s.engine)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", rule.Name, err)
	}
	if err := checkParams(rule.Name, params); err != nil {
		return nil, err
	}
	o := &Optimizer[T]{rule: rule}
	if o.memory, err = newMemory(params); err != nil {
		return nil, fmt.Errorf("%s: %w", rule.Name, err)
	}
	o.setParams(params)
	if err := o.setGroups(hyper, s.groups); err != nil {
		return nil, err
	}
	o.setFrames()
	o.states = o.newStates()
	o.setStages(limit)
	o.workers = workersFor(s.workers, o.model[ModelNumel])
	o.machine.init(o)
	return o, nil
}

func (o *Optimizer[T]) setParams(params []Param[T]) {
	for _, p := range params {
		o.params = append(o.params, Param[T]{Name: p.Name, Shape: slices.Clone(p.Shape)})
		o.x = append(o.x, p.Data[:len(p.Data):len(p.Data)])
	}
}

// setGroups assigns every parameter its group and makes the groups' frames with their hyperparameters.
func (o *Optimizer[T]) setGroups(hyper []float64, groups []groupOption) error {
	if hyper == nil {
		hyper = o.rule.defaults()
	}
	all := append([]groupOption{{hyper: hyper}}, groups...)
	for g, option := range all {
		if option.hyper == nil {
			option.hyper = hyper
		}
		if err := o.rule.checkHypers(g, option.hyper); err != nil {
			return err
		}
		o.groups = append(o.groups, make([]float64, o.rule.GroupSlots))
		copy(o.hypersOf(g), option.hyper)
	}
	for i, p := range o.params {
		g := groupFor(p.Name, o.params[i].Shape, groups)
		o.groupOf = append(o.groupOf, g)
		o.groups[g][GroupTensors]++
		o.groups[g][GroupNumel] += float64(len(o.x[i]))
	}
	for g, frame := range o.groups {
		if frame[GroupTensors] > 0 {
			o.filled = append(o.filled, g)
		} else if g > 0 {
			return fmt.Errorf("%s: group %d takes no parameter: none matches that no earlier group took", o.rule.Name, g)
		}
	}
	return nil
}

func groupFor(name string, shape []int, groups []groupOption) int {
	for i, option := range groups {
		if option.match != nil && option.match(name, slices.Clone(shape)) {
			return i + 1
		}
	}
	return 0
}

// setFrames makes the other frames with their fixed slots, and sets the states that live in frames.
func (o *Optimizer[T]) setFrames() {
	o.model = make([]float64, o.rule.ModelSlots)
	o.model[ModelTensors] = float64(len(o.params))
	o.model[ModelGroups] = float64(len(o.filled))
	for i, p := range o.params {
		n := len(o.x[i])
		o.model[ModelNumel] += float64(n)
		frame := make([]float64, o.rule.TensorSlots)
		rows, cols := matrix(p.Shape)
		frame[TensorNumel], frame[TensorRank] = float64(n), float64(len(p.Shape))
		frame[TensorRows], frame[TensorCols] = float64(rows), float64(cols)
		o.tensors = append(o.tensors, frame)
	}
	for _, s := range o.rule.States {
		for _, frame := range o.framesOf(s.Extent) {
			frame[s.Slot] = s.Init
		}
	}
}

// matrix is a shape seen as a matrix: the first dimension are the rows; scalars and vectors have one row.
func matrix(shape []int) (rows, cols int) {
	rows, cols = 1, 1
	if len(shape) >= 2 {
		rows, shape = shape[0], shape[1:]
	}
	for _, d := range shape {
		cols *= d
	}
	return rows, cols
}

// framesOf are all frames of an extent; none of PerElem.
func (o *Optimizer[T]) framesOf(e Extent) [][]float64 {
	switch e {
	case PerModel:
		return [][]float64{o.model}
	case PerGroup:
		return o.groups
	case PerTensor:
		return o.tensors
	}
	return nil
}

// newStates allocates the elementwise states with their initial values.
func (o *Optimizer[T]) newStates() [][][]T {
	states := make([][][]T, len(o.rule.States))
	columns := allocColumns[T](o.rule.elemStates(), lengths(o.x))
	for i, s := range o.rule.States {
		if s.Extent != PerElem {
			continue
		}
		states[i], columns = columns[0], columns[1:]
		if math.Float64bits(s.Init) == 0 {
			continue
		}
		for _, array := range states[i] {
			for k := range array {
				array[k] = T(s.Init)
			}
		}
	}
	return states
}

// elemStates is the number of states with one value an element.
func (r *Rule) elemStates() int {
	n := 0
	for _, s := range r.States {
		if s.Extent == PerElem {
			n++
		}
	}
	return n
}

func lengths[T Float](arrays [][]T) []int {
	n := make([]int, len(arrays))
	for i, a := range arrays {
		n[i] = len(a)
	}
	return n
}

// soloNumel is the size of a model from which on helpers are worth their wake-up.
const soloNumel = 1 << 20

func workersFor(asked int, numel float64) int {
	if asked > 0 {
		return asked
	}
	if asked < 0 && numel < soloNumel {
		return 1
	}
	return goruntime.GOMAXPROCS(0)
}

// Step updates the parameters and the states from the gradients: one flat row-major slice a parameter, in the order of
// the parameters, none of which may overlap another or a parameter. loss is the model's loss at the parameters, for
// the rules that read it. NaN and infinities are data. A rule that reads no gradient may be given nil.
//
// It allocates nothing. Everything is checked before anything is written.
func (o *Optimizer[T]) Step(grads [][]T, loss float64) error {
	if err := o.enter(); err != nil {
		return err
	}
	defer o.leave()
	if err := o.checkGrads(grads); err != nil {
		return err
	}
	t := o.steps.Add(1)
	o.model[ModelT] = float64(t)
	o.model[ModelLoss] = loss
	stages := o.later
	if t == 1 {
		stages = o.first
	}
	o.execute(stages, grads)
	return nil
}

// EvalParams returns the parameters at which the model is to be evaluated, one slice each: the trained parameters
// themselves for most rules and before the first step, else arrays of the optimizer's own that the next call
// overwrites. They are to be read only.
func (o *Optimizer[T]) EvalParams() ([][]T, error) {
	if err := o.enter(); err != nil {
		return nil, err
	}
	defer o.leave()
	if o.evals == nil || o.steps.Load() == 0 {
		return slices.Clone(o.x), nil
	}
	if o.eval == nil {
		o.eval = allocColumns[T](1, lengths(o.x))[0]
	}
	o.execute(o.evals, nil)
	return slices.Clone(o.eval), nil
}

// Steps is the number of steps taken, those before a loaded checkpoint included.
func (o *Optimizer[T]) Steps() int { return int(o.steps.Load()) }

// Engine is the fastest engine that any pass of the optimizer runs on.
func (o *Optimizer[T]) Engine() Engine { return o.engine }

// StateBytes is the size of all states in bytes, without what lies free between them.
func (o *Optimizer[T]) StateBytes() int {
	bytes := 0
	for i, s := range o.rule.States {
		bytes += 8 * len(o.framesOf(s.Extent))
		for _, array := range o.states[i] {
			bytes += len(array) * int(unsafe.Sizeof(T(0)))
		}
	}
	return bytes
}

// enter takes the optimizer for one goroutine.
func (o *Optimizer[T]) enter() error {
	if !o.busy.CompareAndSwap(false, true) {
		return fmt.Errorf("%s: two goroutines use this optimizer at once", o.rule.Name)
	}
	return nil
}

func (o *Optimizer[T]) leave() { o.busy.Store(false) }
