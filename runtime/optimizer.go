package runtime

import (
	"errors"
	"fmt"
	"math"
	goruntime "runtime"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
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
	drawing Engine // up to which random values are made by vector code
	workers int    // at most so many goroutines a pass
	busy    atomic.Bool
	steps   atomic.Int64

	users  []Param[T] // the parameters: names and shapes; the data is whole
	whole  [][]T
	memory memory
	own    []span   // of the parameters, by address
	grid   *grid[T] // nil unless parameters are in blocks

	// Tensors are what the rule sees: the parameters themselves, or their blocks. Here and wherever nothing else is said,
	// what is by parameter is by tensor.
	params  []Param[T] // names and shapes; the data is x
	groupOf []int      // by parameter
	classOf []int
	x       [][]T
	half    *halves[T] // parameters and gradients in 16 bits, those above then being nil; else nil

	// What a step reads and writes.
	model   []float64   // frame
	groups  [][]float64 // frames by group
	tensors [][]float64 // frames by parameter
	filled  []int       // groups with parameters
	states  [][][]T     // by index of the state, nil for one that lives in frames or is narrow, and parameter
	narrow  [][]*narrow[T]
	scratch [][][]T // by index and parameter
	given   []given[T]
	eval    [][]T // points of evaluation, allocated when first asked for
	seed    uint64
	skip    bool // steps with a gradient that is not finite
	skipped atomic.Int64

	first, later, evals []stage[T]
	machine[T]
	probing[T]
	ordering[T]
}

// New builds an optimizer. The states are allocated here, for good. hyper are the hyperparameters of group 0 in the
// order of rule.Hypers, nil for the rule's defaults. Shapes and names are copied, the data is not.
//
// The kernels are those of the fastest engine that the CPU has, or of the one that [UseEngine] or the environment
// variable OPTRT_ENGINE (go, avx2, avx512 or neon) names; a pass without a kernel for it runs on the next slower engine that
// it has.
//
// Errors: a parameter whose shape and data disagree, two that overlap or are named alike, a hyperparameter outside its
// interval, a group that takes no parameter, an engine that is unknown or that this CPU lacks.
func New[T Float](rule *Rule, params []Param[T], hyper []float64, opts ...Option) (*Optimizer[T], error) {
	if rule == nil {
		return nil, errors.New("no rule given")
	}
	if rule.Params != "" {
		return nil, fmt.Errorf("%s: the rule is built for parameters in %s: make its optimizer by NewHalf", rule.Name, rule.Params)
	}
	return build(rule, params, nil, hyper, opts...)
}

// build is New; of parameters in 16 bits, which h has, params are names and shapes alone.
func build[T Float](rule *Rule, params []Param[T], h *halves[T], hyper []float64, opts ...Option) (*Optimizer[T], error) {
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
	o := &Optimizer[T]{rule: rule, drawing: limit, seed: s.seed, skip: s.skip, half: h}
	if err := o.checkParams(params); err != nil {
		return nil, err
	}
	if h != nil {
		o.memory, err = h.memory(params)
	} else {
		o.memory, err = newMemory(params)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", rule.Name, err)
	}
	o.own = slices.DeleteFunc(slices.Clone(o.memory.spans), func(s span) bool { return s.grad })
	o.setParams(params)
	if s.blocks != nil && h != nil {
		return nil, fmt.Errorf("%s: Blocks cuts float32 and float64 parameters, and these are in %s: cut them beforehand", rule.Name, h.format)
	}
	if s.blocks != nil {
		if err := o.setBlocks(*s.blocks); err != nil {
			return nil, err
		}
	}
	if err := o.setGroups(hyper, s.groups); err != nil {
		return nil, err
	}
	o.setFrames()
	o.setClasses()
	if err := o.checkLengths(); err != nil {
		return nil, fmt.Errorf("%s: %w", rule.Name, err)
	}
	o.states, o.narrow = o.newStates()
	o.setScratch()
	if err := o.setInputs(s); err != nil {
		return nil, err
	}
	if err := o.setStages(limit); err != nil {
		return nil, fmt.Errorf("%s: %w", rule.Name, err)
	}
	if err := o.setProbes(); err != nil {
		return nil, err
	}
	o.workers = workersFor(s.workers, o.model[ModelNumel])
	o.machine.init(o)
	return o, nil
}

// setClasses tells the tensors apart by shape and name.
func (o *Optimizer[T]) setClasses() {
	o.classOf = make([]int, len(o.params))
	for i := range o.params {
		if o.rule.Class != nil {
			o.classOf[i] = o.rule.Class(o.users[o.grid.owner(i)].Name, o.tensors[i])
		}
	}
}

// setInputs readies what a step is given.
func (o *Optimizer[T]) setInputs(s settings) error {
	o.given = make([]given[T], len(o.rule.Givens))
	o.setGivenTiles()
	loaded, ok := s.loaded.([]GivenValue[T])
	if !ok && s.loaded != nil {
		return fmt.Errorf("%s: the constants given by Loaded have another element type", o.rule.Name)
	}
	if err := o.setGiven(loaded, true); err != nil {
		return err
	}
	if s.hvp != nil {
		if o.hvp, ok = s.hvp.(func(v, hv [][]T) error); !ok {
			return fmt.Errorf("%s: the product given by HVP has another element type", o.rule.Name)
		}
	}
	return nil
}

// checkLengths refuses matrices that no memory holds.
func (o *Optimizer[T]) checkLengths() error {
	for i, p := range o.params {
		keeps := func(e Extent) bool {
			class := o.rule.class(o.classOf[i])
			for k, s := range o.rule.States {
				if s.Extent == e && class.States[k] {
					return true
				}
			}
			for k, s := range o.rule.Scratch {
				if s == e && class.Scratch[k] {
					return true
				}
			}
			return false
		}
		for e, axis := range map[Extent]Axis{PerRow: Rows, PerCol: Cols} {
			if n := o.axis(axis, i); o.numel(i) == 0 && keeps(e) && n > elem.MaxEmpty {
				return fmt.Errorf("param %q of shape %v: %d lines without elements, and at most %d are allowed", p.Name, p.Shape, n, elem.MaxEmpty)
			}
		}
		for e, axis := range map[Extent]Axis{PerRowRow: Rows, PerColCol: Cols} {
			if n := o.axis(axis, i); keeps(e) && n > elem.MaxSide {
				mend := "let the rule treat such tensors another way, by a `when` on its shape"
				if len(p.Shape) > 1 {
					mend += ", or cut them with the option Blocks"
				}
				return fmt.Errorf("param %q of shape %v: the rule keeps a square matrix of %d rows for it, and at most %d are allowed; %s", p.Name, p.Shape, n, elem.MaxSide, mend)
			}
		}
	}
	return nil
}

// class is what the tensors of a class keep.
func (r *Rule) class(i int) Class {
	if len(r.Classes) == 0 {
		return Class{States: all(len(r.States)), Scratch: all(len(r.Scratch))}
	}
	return r.Classes[i]
}

func all(n int) []bool {
	yes := make([]bool, n)
	for i := range yes {
		yes[i] = true
	}
	return yes
}

func (o *Optimizer[T]) setParams(params []Param[T]) {
	for _, p := range params {
		o.users = append(o.users, Param[T]{Name: p.Name, Shape: slices.Clone(p.Shape)})
		o.whole = append(o.whole, p.Data[:len(p.Data):len(p.Data)])
	}
	o.params, o.x = o.users, o.whole
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
	of := make([]int, len(o.users))
	for i, p := range o.users {
		of[i] = groupFor(p.Name, p.Shape, groups)
	}
	for i := range o.params {
		g := of[o.grid.owner(i)]
		o.groupOf = append(o.groupOf, g)
		o.groups[g][GroupTensors]++
		o.groups[g][GroupNumel] += float64(o.numel(i))
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
		n := o.numel(i)
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

// framesOf are all frames of an extent; none of arrays.
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

// length is the number of values of an array extent that a parameter has.
func (o *Optimizer[T]) length(e Extent, param int) int {
	rows, cols := int(o.tensors[param][TensorRows]), int(o.tensors[param][TensorCols])
	switch e {
	case PerRow:
		return rows
	case PerCol:
		return cols
	case PerRowRow:
		return rows * rows
	case PerColCol:
		return cols * cols
	}
	return o.numel(param)
}

// keeps reports whether a parameter has an array of a state.
func (o *Optimizer[T]) keeps(state, param int) bool {
	return o.rule.States[state].Extent.isArray() && o.rule.class(o.classOf[param]).States[state]
}

// newStates allocates the states that are arrays, with their initial values.
func (o *Optimizer[T]) newStates() ([][][]T, [][]*narrow[T]) {
	states, narrows := make([][][]T, len(o.rule.States)), make([][]*narrow[T], len(o.rule.States))
	var sizes [][]int
	for i, s := range o.rule.States {
		n := make([]int, len(o.x))
		for k := range o.x {
			if o.keeps(i, k) {
				n[k] = o.length(s.Extent, k)
			}
		}
		if !s.Extent.isArray() || s.Format != "" {
			n = nil
		}
		sizes = append(sizes, n)
	}
	columns := allocBeside(o.x, nil, sizes...)
	for i, s := range o.rule.States {
		switch {
		case !s.Extent.isArray():
		case s.Format != "":
			narrows[i] = o.newNarrows(i)
		default:
			states[i] = columns[i]
			for _, array := range states[i] {
				fillWith(array, s.Init)
			}
		}
	}
	return states, narrows
}

func fillWith[T Float](array []T, v float64) {
	if math.Float64bits(v) == 0 {
		return
	}
	for k := range array {
		array[k] = T(v)
	}
}

// newNarrows allocates a state in a storage format. Its initial value is rounded like any other, to nearest.
func (o *Optimizer[T]) newNarrows(state int) []*narrow[T] {
	s := o.rule.States[state]
	out := make([]*narrow[T], len(o.x))
	for k := range o.x {
		if !o.keeps(state, k) {
			continue
		}
		n := o.length(s.Extent, k)
		out[k] = newNarrow[T](s.Format, n)
		if math.Float64bits(s.Init) != 0 {
			values := make([]T, n)
			fillWith(values, s.Init)
			out[k].keep(values, 0, nil)
		}
	}
	return out
}

// setScratch allocates the arrays that live within a step.
func (o *Optimizer[T]) setScratch() {
	var sizes [][]int
	for i, e := range o.rule.Scratch {
		n := make([]int, len(o.x))
		for k := range o.x {
			if o.rule.class(o.classOf[k]).Scratch[i] {
				n[k] = o.length(e, k)
			}
		}
		sizes = append(sizes, n)
	}
	o.scratch = allocBeside(o.x, o.states, sizes...)
}

func lengths[T Float](arrays [][]T) []int {
	n := make([]int, len(arrays))
	for i, a := range arrays {
		n[i] = len(a)
	}
	return n
}

// soloNumel is the size of a model from which on helpers are worth their wake-up. BenchmarkHelpers, two threads over one: of
// sgd 1.36 with 256K elements, .91 with 512K, .79 with 1M; of adam 1.23 with 512K, 1.03 with 1M, .96 with 4M, on two cores
// that others used too. Where others leave no core idle (bench/RESULTS.md, Two threads beside one) a helper gains nothing
// at any size and costs about 45 µs: 1.45 to 2.0 with 256K, 1.2 to 1.5 with 512K, 1.08 to 1.15 with 1M, 1.0 to 1.07 from 2M on.
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
// the rules that read it. NaN and infinities are data, unless the optimizer was built with [OnNonFinite]. A rule that
// reads no gradient may be given nil. One that says `clear g` leaves zeros in grads, after a skipped step too.
//
// It allocates nothing once the first steps have been taken. Everything is checked before anything is written, and after
// an error everything is as it was.
func (o *Optimizer[T]) Step(grads [][]T, loss float64) error {
	return o.StepWith(grads, Inputs[T]{Loss: loss})
}

// StepWith is Step for rules that need more than gradients: a closure that asks the model again, or further inputs.
// After an error or a panic of the closure, too, everything is as it was.
func (o *Optimizer[T]) StepWith(grads [][]T, in Inputs[T]) error {
	if err := o.notHalf(); err != nil {
		return err
	}
	if err := o.enter(); err != nil {
		return err
	}
	defer o.leave()
	if err := o.checkGrads(grads); err != nil {
		return err
	}
	if o.rule.Probes && in.Closure == nil {
		return fmt.Errorf("%s: the rule asks the model again within a step, and no closure is given", o.rule.Name)
	}
	if err := o.setGiven(in.Given, false); err != nil {
		return err
	}
	if o.skip && !finite(grads) {
		o.skipped.Add(1)
		o.clearGrads(grads)
		return nil
	}
	defer o.forgetBlocks()
	skipped := o.skipped.Load()
	err := o.step(&inputs[T]{grads: o.blocksOf(grads), closure: in.Closure, given: o.given}, in.Loss)
	if err == nil && (o.grid != nil || o.skipped.Load() > skipped) {
		o.clearGrads(grads)
	}
	return err
}

// clearGrads does for gradients that no pass has written what a rule with `clear g` wants.
func (o *Optimizer[T]) clearGrads(grads [][]T) {
	if o.rule.ClearsGrad {
		for _, g := range grads {
			clear(g)
		}
	}
}

func (o *Optimizer[T]) step(in *inputs[T], loss float64) error {
	t := o.steps.Add(1)
	o.model[ModelT] = float64(t)
	o.model[ModelLoss] = loss
	o.drawSteps()
	stages := o.later
	if t == 1 {
		stages = o.first
	}
	done := false
	defer func() {
		if !done { // a closure failed or panicked: nothing that lasts has been written
			o.steps.Add(-1)
			o.model[ModelT] = float64(t - 1)
		}
	}()
	err := o.execute(stages, in)
	done = err == nil
	if done {
		o.commit()
	}
	if err == errNonFinite {
		o.skipped.Add(1)
		err = nil
	}
	return err
}

// Skipped is how many steps were skipped because a gradient was not finite.
func (o *Optimizer[T]) Skipped() int { return int(o.skipped.Load()) }

// EvalParams returns the parameters at which the model is to be evaluated, one slice each: the trained parameters
// themselves for most rules and before the first step, else arrays of the optimizer's own that the next call
// overwrites. They are to be read only.
func (o *Optimizer[T]) EvalParams() ([][]T, error) {
	if err := o.notHalf(); err != nil {
		return nil, err
	}
	if err := o.enter(); err != nil {
		return nil, err
	}
	defer o.leave()
	if o.evals == nil || o.steps.Load() == 0 {
		return slices.Clone(o.whole), nil
	}
	if o.eval == nil {
		o.eval = allocColumns[T](lengths(o.x))[0]
	}
	if o.grid != nil {
		return o.evalBlocks()
	}
	if err := o.execute(o.evals, &inputs[T]{given: o.given}); err != nil {
		return nil, err
	}
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
		for _, array := range o.narrow[i] {
			if array != nil {
				bytes += array.bytes()
			}
		}
	}
	return bytes
}

// enter takes the optimizer for one goroutine.
func (o *Optimizer[T]) enter() error {
	if !o.busy.CompareAndSwap(false, true) {
		return fmt.Errorf("%s: two goroutines use this optimizer at once, or a closure within its step", o.rule.Name)
	}
	return nil
}

func (o *Optimizer[T]) leave() { o.busy.Store(false) }
