package runtime

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// Closure evaluates the model at the parameters as they are when it is called, on the batch of the step: it fills grads,
// one slice a parameter, with the gradient, and returns the loss. A step calls it at points of the rule's choice, which
// stand in the parameters meanwhile. It must not change the parameters nor use the optimizer; what it writes elsewhere,
// the gradients that Step was given included, is its own business. When it returns an error, or panics, the parameters
// are as they were before the step, and so is all else.
type Closure[T Float] func(grads [][]T) (loss float64, err error)

// HVP gives the optimizer the product of the model's Hessian, at the parameters as they are when it is called, with a
// vector: hv and v have one slice a parameter. Without it, rules that need such products take them from differences of
// gradients.
func HVP[T Float](product func(v, hv [][]T) error) Option {
	return func(s *settings) { s.hvp = product }
}

// Inputs are what a step is given beside gradients: what its rule needs of them.
type Inputs[T Float] struct {
	Loss    float64
	Closure Closure[T]
	Given   []GivenValue[T] // those of Rule.Givens that have no Load, in order
}

// GivenValue is the value of a further input: Model is one a model, Steps are one a group or tensor, Arrays one array a
// tensor. With [Blocks] those of elements are one a parameter, in its shape; of rows and of columns they are either one a
// parameter, of which every block takes its part, or one a block; matrices and Steps are one a block.
type GivenValue[T Float] struct {
	Model  float64
	Steps  []float64
	Arrays [][]T
}

// inputs are what a step reads and does not keep.
type inputs[T Float] struct {
	grads   [][]T
	closure Closure[T]
	given   []given[T]
}

type given[T Float] struct{ arrays [][]T }

// errNonFinite tells Step to skip: it leaves no other trace.
var errNonFinite = errors.New("a gradient is not finite")

// probe asks the model at a point. The parameters' own bits are put back in any case.
func (o *Optimizer[T]) probe(s *stage[T], in *inputs[T]) error {
	p := s.Probe
	if !o.holds(p.If) {
		return nil
	}
	out := o.discarded
	if p.Out != nil {
		out = o.scratch[p.Out.Index]
	}
	if s.loans != nil {
		return o.told(p, func() (float64, error) { return o.askLent(s.loans, out, in) })
	}
	for param, class := range o.classOf {
		copy(o.points[param], o.place(p.Point[class], in)[param])
	}
	if p.Vector != nil {
		for param, class := range o.classOf { // a copy: it may be the parameters, which give way to the points
			copy(o.vectors[param], o.place(p.Vector[class], in)[param])
		}
		return o.product(out, in)
	}
	return o.told(p, func() (float64, error) { return o.ask(out, o.points, in) })
}

// told asks the model and keeps the loss where a probe wants it.
func (o *Optimizer[T]) told(p *Probe, ask func() (float64, error)) error {
	loss, err := ask()
	if err == nil && p.Loss != nil {
		o.model[p.Loss.Index] = loss
	}
	return err
}

// ask calls the closure with points in the parameters; nil if they stand there.
func (o *Optimizer[T]) ask(out, points [][]T, in *inputs[T]) (float64, error) {
	if o.half != nil {
		return o.askHalf(out)
	}
	var loss float64
	o.hand(out)
	err := o.at(points, func() (err error) {
		loss, err = in.closure(o.handed)
		return err
	})
	if err == nil {
		err = o.kept(out)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: the closure failed: %w", o.rule.Name, err)
	}
	return loss, o.refuse(out)
}

// hand lists what a closure is to fill, in the parameters' shapes.
func (o *Optimizer[T]) hand(out [][]T) {
	o.handed = o.handed[:0]
	for i := range o.users {
		o.handed = append(o.handed, o.grid.whole(o.answers, out, i))
	}
}

// kept takes in what a closure has filled, and refuses slices that it has put in the place of those that it was to fill.
func (o *Optimizer[T]) kept(out [][]T) error {
	defer clear(o.handed[:cap(o.handed)])
	for i, u := range o.handed {
		want := o.grid.whole(o.answers, out, i)
		if len(u) != len(want) || unsafe.SliceData(u) != unsafe.SliceData(want) {
			return fmt.Errorf("it replaced the slice of %q: copy the values into it", o.users[i].Name)
		}
	}
	if o.grid != nil {
		o.gather(out, o.handed)
	}
	return nil
}

// at calls f with points in the parameters, nil if they stand there.
func (o *Optimizer[T]) at(points [][]T, f func() error) error {
	if o.half != nil {
		return o.half.at(points, f)
	}
	if points == nil {
		return f()
	}
	for i, x := range o.whole {
		copy(o.saved[i], x)
	}
	defer func() {
		for i, x := range o.whole {
			copy(x, o.saved[i])
		}
	}()
	if o.grid != nil {
		o.scatter(o.whole, points)
		return f()
	}
	for i, x := range o.whole {
		copy(x, points[i])
	}
	return f()
}

// refuse is errNonFinite for a gradient that is not finite, when the optimizer skips such steps.
func (o *Optimizer[T]) refuse(grads [][]T) error {
	if o.skip && !finite(grads) {
		return errNonFinite
	}
	return nil
}

func finite[T Float](arrays [][]T) bool {
	for _, u := range arrays {
		for _, v := range u {
			if d := v - v; d != d { // of infinity and NaN
				return false
			}
		}
	}
	return true
}

// product is the Hessian at the points times the vectors: the user's own, or by central differences.
func (o *Optimizer[T]) product(out [][]T, in *inputs[T]) error {
	if o.hvp != nil {
		o.hand(out)
		v := o.vectors
		if o.grid != nil {
			o.asked = o.wholes(o.asked[:0], o.wholeVectors, v)
			v = o.asked
		}
		err := o.at(o.points, func() error { return o.hvp(v, o.handed) })
		if err == nil {
			err = o.kept(out)
		}
		if err != nil {
			return fmt.Errorf("%s: the Hessian-vector product failed: %w", o.rule.Name, err)
		}
		return o.refuse(out)
	}
	h := elem.DifferenceStep(o.points, o.vectors)
	if h == 0 {
		for _, u := range out {
			clear(u)
		}
		return nil
	}
	for i, x := range o.points {
		copy(o.center[i], x)
	}
	for _, side := range []struct {
		h  float64
		to [][]T
	}{{h, o.above}, {-h, out}} {
		for i, x := range o.center {
			elem.DifferencePoint(o.points[i], x, o.vectors[i], side.h)
		}
		if _, err := o.ask(side.to, o.points, in); err != nil {
			return err
		}
	}
	for i := range out {
		elem.Difference(out[i], o.above[i], out[i], h)
	}
	return nil
}

// setProbes allocates what probes need.
func (o *Optimizer[T]) setProbes() error {
	if !o.rule.Probes {
		return nil
	}
	products, losses, copies := false, false, false
	for _, stages := range [][]stage[T]{o.first, o.later} {
		for _, s := range stages {
			if s.Probe != nil {
				products = products || s.Probe.Vector != nil
				losses = losses || s.Probe.Out == nil
				copies = copies || s.loans == nil
			}
		}
	}
	if o.half != nil {
		if err := o.half.setProbes(o.rule.Name, products && o.hvp == nil); err != nil {
			return err
		}
	}
	sizes := o.sizes()
	if copies {
		columns := allocColumns[T](lengths(o.whole), sizes)
		o.saved, o.points = columns[0], columns[1]
	}
	if losses {
		o.discarded = allocColumns[T](sizes)[0]
	}
	if products {
		columns := allocColumns[T](sizes, sizes, sizes)
		o.center, o.above, o.vectors = columns[0], columns[1], columns[2]
	}
	if o.grid != nil {
		o.answers = o.newWholes()
	}
	if o.grid != nil && products && o.hvp != nil {
		o.wholeVectors = o.newWholes()
	}
	return nil
}

// probing is what an optimizer has for a rule that probes.
type probing[T Float] struct {
	hvp           func(v, hv [][]T) error
	saved, points [][]T // the parameters' own bits during a probe, whole, and where it asks
	discarded     [][]T // gradients that nobody reads
	center, above [][]T // of differences
	vectors       [][]T
	handed        [][]T // what a closure is given to fill

	// By parameter, not by tensor: for those in blocks.
	answers, wholeVectors, asked [][]T
}

// setGiven checks the further inputs of a step and puts them where the stages read them.
func (o *Optimizer[T]) setGiven(values []GivenValue[T], load bool) error {
	k := 0
	for _, g := range o.rule.Givens {
		if g.Load != load {
			continue
		}
		if k >= len(values) {
			return fmt.Errorf("%s: the input %s is not given", o.rule.Name, g.Name)
		}
		if err := o.checkGiven(anInput, g, values[k]); err != nil {
			return err
		}
		k++
	}
	if k != len(values) {
		return fmt.Errorf("%s: %d inputs given, the rule has %d", o.rule.Name, len(values), k)
	}
	k = 0
	for i, g := range o.rule.Givens {
		if g.Load == load {
			o.takeGiven(i, values[k])
			k++
		}
	}
	return nil
}

// What values are given for, as errors call it.
const anInput, aState = "the input", "state"

func (o *Optimizer[T]) checkGiven(what string, g Given, v GivenValue[T]) error {
	if !g.Extent.isArray() {
		if n := len(o.framesOf(g.Extent)); g.Extent != PerModel && len(v.Steps) != n {
			return fmt.Errorf("%s: %s %s has %d values, %d are needed", o.rule.Name, what, g.Name, len(v.Steps), n)
		}
		return nil
	}
	return o.checkArrays(what, g, v.Arrays)
}

// overlaps names a parameter that shares memory with u.
func (o *Optimizer[T]) overlaps(u []T) (string, bool) {
	if len(u) == 0 {
		return "", false
	}
	from, to := spanOf(u)
	i, _ := slices.BinarySearchFunc(o.own, from, func(s span, from uintptr) int { return cmp.Compare(s.to, from+1) })
	if i < len(o.own) && o.own[i].from < to {
		return o.users[o.own[i].param].Name, true
	}
	return "", false
}

func (o *Optimizer[T]) takeGiven(i int, v GivenValue[T]) {
	g := o.rule.Givens[i]
	slot := o.rule.GivenSlots[i]
	switch {
	case g.Extent.isArray():
		o.given[i].arrays = o.tilesOf(o.givenTiles(i), g.Extent, v.Arrays)
	case g.Extent == PerModel:
		o.model[slot] = v.Model
	default:
		for k, frame := range o.framesOf(g.Extent) {
			frame[slot] = v.Steps[k]
		}
	}
}

// Loaded gives the optimizer the constants of a rule that has some: those of Rule.Givens with Load, in order. Arrays are
// kept, not copied, unless [Blocks] cuts the parameter.
func Loaded[T Float](values ...GivenValue[T]) Option {
	return func(s *settings) { s.loaded = values }
}

func (e Extent) isArray() bool { return e > PerTensor }
