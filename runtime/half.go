package runtime

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// BF16 is a number of 16 bits with the exponents of float32: its upper half.
type BF16 uint16

// F16 is a number of IEEE 754 binary16.
type F16 uint16

// Half is the type of parameters and gradients in 16 bits.
type Half interface{ BF16 | F16 }

// Float32 is the number that h stands for.
func (h BF16) Float32() float32 { return elem.BF16To[float32](uint16(h)) }

// Float32 is the number that h stands for.
func (h F16) Float32() float32 { return elem.F16To[float32](uint16(h)) }

// ToBF16 is x rounded to nearest, the even of two.
func ToBF16(x float32) BF16 { return BF16(elem.BF16From(x)) }

// ToF16 is x rounded to nearest, the even of two.
func ToF16(x float32) F16 { return F16(elem.F16From(x)) }

// Widen sets dst, which is at least as long, to the numbers of src.
func Widen[H Half](dst []float32, src []H) { newHalf[float32](src).widen(dst[:len(src)], 0) }

// Narrow sets dst, which is at least as long, to the numbers of src rounded to nearest, the even of two. Every NaN becomes
// the quiet one without sign.
func Narrow[H Half](dst []H, src []float32) { newHalf[float32](dst[:len(src)]).keep(src, 0, nil) }

// HalfParam is one parameter tensor in 16 bits: see [Param].
type HalfParam[H Half] struct {
	Name  string
	Shape []int
	Data  []H
}

// HalfOptimizer applies a rule to parameters in 16 bits, from gradients in 16 bits; it computes in float32. The states that
// the rule declares are what they are for float32 parameters. Of what is kept beside the parameters see [HalfOptimizer.Reload].
type HalfOptimizer[H Half] struct{ *Optimizer[float32] }

// HalfClosure is a [Closure] of a model in 16 bits.
type HalfClosure[H Half] func(grads [][]H) (loss float64, err error)

// HalfInputs are what a step is given beside gradients: see [Inputs].
type HalfInputs[H Half] struct {
	Loss    float64
	Closure HalfClosure[H]
	Given   []GivenValue[float32]
}

// The names of the states that hold what is kept beside parameters in 16 bits; a rule cannot have states of these names.
const (
	masterState = "x.master" // a float32 copy, which the rule reads in the place of the parameter
	restState   = "x.rest"   // what rounding lost of the parameter
)

// halves are the parameters and gradients of a [HalfOptimizer].
type halves[T Float] struct {
	format   string
	chance   bool         // parameters are rounded by chance
	x, grads []*narrow[T] // by parameter, in the user's memory; the gradients are those of the step
	last     []uintptr    // where the gradients were that were looked at last
	closure  func(grads []*narrow[T]) (float64, error)

	saved, answers []*narrow[T] // of probes
}

// newHalf is an array of the user's.
func newHalf[T Float, H Half](data []H) *narrow[T] {
	return &narrow[T]{format: halfFormat[H](), half: unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(data))), len(data))}
}

// halfOf is the array as the user has it.
func halfOf[T Float, H Half](s *narrow[T]) []H {
	return unsafe.Slice((*H)(unsafe.Pointer(unsafe.SliceData(s.half))), len(s.half))
}

func halfFormat[H Half]() string {
	if _, ok := any(H(0)).(BF16); ok {
		return "bf16"
	}
	return "f16"
}

// NewHalf is [New] for parameters in 16 bits and a rule that was built for them. It refuses [Blocks], and a rule that takes
// Hessian-vector products unless the option HVP, of float32, gives them: a difference of two gradients would be lost in the
// rounding of the points.
func NewHalf[H Half](rule *Rule, params []HalfParam[H], hyper []float64, opts ...Option) (*HalfOptimizer[H], error) {
	if rule == nil {
		return nil, errors.New("no rule given")
	}
	if rule.Params != halfFormat[H]() {
		return nil, fmt.Errorf("%s: the rule is built for parameters in %s, and these are in %s", rule.Name, cmp.Or(rule.Params, "float32 or float64"), halfFormat[H]())
	}
	h := &halves[float32]{format: rule.Params, chance: rule.ParamsStochastic, last: make([]uintptr, len(params))}
	wide := make([]Param[float32], len(params))
	for i, p := range params {
		wide[i] = Param[float32]{Name: p.Name, Shape: p.Shape}
		h.x = append(h.x, newHalf[float32](p.Data[:len(p.Data):len(p.Data)]))
		h.grads = append(h.grads, &narrow[float32]{format: h.format})
	}
	o, err := build(rule, wide, h, hyper, opts...)
	if err != nil {
		return nil, err
	}
	return &HalfOptimizer[H]{o}, nil
}

// checkHalf holds a plan for parameters in 16 bits to read and write them, and the gradients, in passes alone: nothing else
// widens and narrows.
func (r *Rule) checkHalf() error {
	for i, s := range slices.Concat(r.First, r.Later, r.Eval) {
		var places []Place
		switch {
		case s.Array != nil:
			places = append(slices.Clone(s.Array.In), s.Array.Out)
			if s.Array.To != nil {
				places = s.Array.In
			}
		case s.Order != nil:
			places = s.Order.In
		case s.Probe != nil:
			places = slices.Concat(s.Probe.Point, s.Probe.Vector)
		case s.Pass != nil:
			places = s.Pass.RowScalars
		}
		for _, p := range places {
			if p.Kind == StreamX && p.Extent == PerElem || p.Kind == StreamGrad && p.Extent == PerElem {
				return fmt.Errorf("stage %d: an array in %s outside a pass", i, r.Params)
			}
		}
	}
	return nil
}

// sizes are the numbers of elements by tensor.
func (o *Optimizer[T]) sizes() []int {
	if o.half == nil {
		return lengths(o.x)
	}
	return o.half.sizes()
}

func (h *halves[T]) sizes() []int {
	out := make([]int, len(h.x))
	for i, x := range h.x {
		out[i] = len(x.half)
	}
	return out
}

// numel is the number of elements of a tensor.
func (o *Optimizer[T]) numel(i int) int {
	if o.half == nil {
		return len(o.x[i])
	}
	return len(o.half.x[i].half)
}

// stored are the arrays of a place in a storage format; nil for one in the element type.
func (o *Optimizer[T]) stored(p Place) []*narrow[T] {
	switch {
	case p.Kind == StreamState:
		return o.narrow[p.Index]
	case o.half == nil:
		return nil
	case p.Kind == StreamX:
		return o.half.x
	case p.Kind == StreamGrad:
		return o.half.grads
	}
	return nil
}

// rounding tells by whose name a stored place is rounded, if that is by chance.
func (o *Optimizer[T]) rounding(p Place) (name string, chance bool) {
	if p.Kind == StreamX {
		return "x", o.half.chance
	}
	if p.Kind == StreamState {
		return o.rule.States[p.Index].Name, o.rule.States[p.Index].Stochastic
	}
	return "", false
}

// memory is that of the parameters, which may not overlap, with room for their gradients.
func (h *halves[T]) memory(params []Param[T]) (memory, error) {
	var m memory
	for i, x := range h.x {
		if len(x.half) > 0 {
			from, to := x.span()
			m.spans = append(m.spans, span{from, to, i, false})
		}
	}
	if a, b, found := m.overlap(); found {
		return m, fmt.Errorf("params %q and %q overlap in memory: each needs a slice of its own", params[a.param].Name, params[b.param].Name)
	}
	for _, s := range slices.Clone(m.spans) {
		m.spans = append(m.spans, span{param: s.param, grad: true})
	}
	return m, nil
}

func (s *narrow[T]) span() (from, to uintptr) {
	from = uintptr(unsafe.Pointer(unsafe.SliceData(s.half)))
	return from, from + 2*uintptr(len(s.half))
}

// notHalf refuses arrays of the element type where the user's have 16 bits.
func (o *Optimizer[T]) notHalf() error {
	if o.half == nil {
		return nil
	}
	return fmt.Errorf("%s: the parameters are in %s: call the method of HalfOptimizer", o.rule.Name, o.half.format)
}

// Step is [Optimizer.Step].
func (o *HalfOptimizer[H]) Step(grads [][]H, loss float64) error {
	return o.StepWith(grads, HalfInputs[H]{Loss: loss})
}

// StepWith is [Optimizer.StepWith].
func (o *HalfOptimizer[H]) StepWith(grads [][]H, in HalfInputs[H]) error {
	if err := o.enter(); err != nil {
		return err
	}
	defer o.leave()
	if err := o.takeGrads(grads); err != nil {
		return err
	}
	h := o.half
	defer func() {
		h.closure = nil
		for _, g := range h.grads {
			g.half = nil
		}
	}()
	if o.rule.Probes && in.Closure == nil {
		return fmt.Errorf("%s: the rule asks the model again within a step, and no closure is given", o.rule.Name)
	}
	if err := o.setGiven(in.Given, false); err != nil {
		return err
	}
	if o.skip && !h.finite(h.grads) {
		o.skipped.Add(1)
		o.clearHalves()
		return nil
	}
	if in.Closure != nil {
		handed := make([][]H, len(h.x))
		h.closure = func(to []*narrow[float32]) (float64, error) { return o.callHalf(in.Closure, handed, to) }
	}
	skipped := o.skipped.Load()
	err := o.step(&inputs[float32]{given: o.given}, in.Loss)
	if err == nil && o.skipped.Load() > skipped {
		o.clearHalves()
	}
	return err
}

// callHalf calls a closure, which is to fill the arrays that it is handed.
func (o *HalfOptimizer[H]) callHalf(closure HalfClosure[H], handed [][]H, to []*narrow[float32]) (float64, error) {
	for i, u := range to {
		handed[i] = halfOf[float32, H](u)
	}
	loss, err := closure(handed)
	for i, u := range to {
		if want := halfOf[float32, H](u); err == nil && (len(handed[i]) != len(want) || unsafe.SliceData(handed[i]) != unsafe.SliceData(want)) {
			err = fmt.Errorf("it replaced the slice of %q: copy the values into it", o.users[i].Name)
		}
	}
	return loss, err
}

// takeGrads checks the gradients of a step against the parameters and makes them those of the step.
func (o *HalfOptimizer[H]) takeGrads(grads [][]H) error {
	if grads == nil && !o.rule.ReadsGrad {
		return nil
	}
	h := o.half
	if len(grads) != len(h.x) {
		return fmt.Errorf("%s: %d gradients given, there are %d parameters", o.rule.Name, len(grads), len(h.x))
	}
	for i, g := range grads {
		if name, want := o.users[i].Name, len(h.x[i].half); len(g) != want {
			if g == nil {
				return fmt.Errorf("%s: the gradient of %q is nil: %d elements are needed", o.rule.Name, name, want)
			}
			return fmt.Errorf("%s: the gradient of %q has %d elements, the parameter has %d", o.rule.Name, name, len(g), want)
		}
	}
	for i, g := range grads {
		h.grads[i].half = unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(g))), len(g))
	}
	return o.checkHalves()
}

// checkHalves looks for gradients that overlap each other or a parameter, unless they are where they were.
func (o *Optimizer[T]) checkHalves() error {
	h, m := o.half, &o.memory
	for i, g := range h.grads {
		if from, _ := g.span(); from != h.last[i] {
			h.last[i], m.sound = from, false
		}
	}
	if m.sound {
		return nil
	}
	for i := range m.spans {
		if s := &m.spans[i]; s.grad {
			s.from, s.to = h.grads[s.param].span()
		}
	}
	a, b, found := m.overlap()
	if m.sound = !found; found {
		return fmt.Errorf("%s: %s and %s overlap in memory: each needs a slice of its own", o.rule.Name, o.arrayName(a), o.arrayName(b))
	}
	return nil
}

// finite reports whether no number is NaN or infinite.
func (h *halves[T]) finite(arrays []*narrow[T]) bool {
	exponent := uint16(0x7f80)
	if h.format == "f16" {
		exponent = 0x7c00
	}
	for _, u := range arrays {
		for _, b := range u.half {
			if b&exponent == exponent {
				return false
			}
		}
	}
	return true
}

// clearHalves does for gradients that no pass has written what a rule with `clear g` wants.
func (o *Optimizer[T]) clearHalves() {
	if o.rule.ClearsGrad {
		for _, g := range o.half.grads {
			clear(g.half)
		}
	}
}

// EvalParams is [Optimizer.EvalParams]: points of evaluation are rounded to nearest.
func (o *HalfOptimizer[H]) EvalParams() ([][]H, error) {
	if err := o.enter(); err != nil {
		return nil, err
	}
	defer o.leave()
	var out [][]H
	if o.evals == nil || o.steps.Load() == 0 {
		for _, x := range o.half.x {
			out = append(out, halfOf[float32, H](x))
		}
		return out, nil
	}
	if o.eval == nil {
		o.eval = allocColumns[float32](o.sizes())[0]
	}
	if err := o.execute(o.evals, &inputs[float32]{given: o.given}); err != nil {
		return nil, err
	}
	for _, u := range o.eval {
		h := make([]H, len(u))
		Narrow(h, u)
		out = append(out, h)
	}
	return out, nil
}

// Values are copies of the parameters' data, one slice a parameter.
func (o *HalfOptimizer[H]) Values() ([][]H, error) {
	if err := o.enter(); err != nil {
		return nil, err
	}
	defer o.leave()
	var out [][]H
	for _, x := range o.half.x {
		out = append(out, slices.Clone(halfOf[float32, H](x)))
	}
	return out, nil
}

// Reload makes the parameters' data, which the program has changed by itself since the last step, what the rule goes on
// from: the master copies become these numbers, and what rounding had lost is forgotten. Without it a change is overwritten
// by the next step where there are master copies. Where the rest of the rounding is kept, a change counts at once, and the
// rest, at most half a unit in the last place of the number that was there, is added to it. Otherwise Reload has nothing to do.
func (o *HalfOptimizer[H]) Reload() error {
	if err := o.enter(); err != nil {
		return err
	}
	defer o.leave()
	if o.steps.Load() == 0 {
		return nil // the first step reads the parameters
	}
	for i, s := range o.rule.States {
		for k, x := range o.half.x {
			switch {
			case !o.keeps(i, k):
			case s.Name == masterState:
				x.widen(o.states[i][k], 0)
			case s.Name == restState:
				o.narrow[i][k].forget()
			}
		}
	}
	return nil
}

// forget makes nothing of what a rest keeps: -0.
func (s *narrow[T]) forget() {
	for i := range s.half {
		s.half[i] = 1 << 15
	}
}

// askHalf calls the closure with the points, rounded to nearest, in the parameters.
func (o *Optimizer[T]) askHalf(out [][]T) (float64, error) {
	h := o.half
	var loss float64
	err := h.at(o.points, func() (err error) {
		loss, err = h.closure(h.answers)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%s: the closure failed: %w", o.rule.Name, err)
	}
	for i, u := range h.answers {
		u.widen(out[i], 0)
	}
	return loss, o.refuse(out)
}

// at calls f with the points in the parameters.
func (h *halves[T]) at(points [][]T, f func() error) error {
	for i, x := range h.x {
		copy(h.saved[i].half, x.half)
	}
	defer func() {
		for i, x := range h.x {
			copy(x.half, h.saved[i].half)
		}
	}()
	for i, x := range h.x {
		x.keep(points[i], 0, nil)
	}
	return f()
}

// setProbes allocates what probes need; differences says that products of the Hessian would be of two gradients.
func (h *halves[T]) setProbes(rule string, differences bool) error {
	if differences {
		return fmt.Errorf("%s: the rule takes Hessian-vector products, and a difference of two gradients is lost in the rounding of parameters in %s: give the product by the option HVP, of float32", rule, h.format)
	}
	for _, n := range h.sizes() {
		h.saved = append(h.saved, newNarrow[T](h.format, n))
		h.answers = append(h.answers, newNarrow[T](h.format, n))
	}
	return nil
}
