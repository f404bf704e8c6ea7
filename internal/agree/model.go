package agree

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/internal/randrule"
	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/runtime/elem"
)

// regime says what the numbers of a model are like.
type regime int

const (
	plain   regime = iota // finite, near 1, with tensors of zeros among them
	decades               // of every magnitude, subnormals included
	special               // NaN, infinities and the like among plain ones
	numRegimes
)

func (g regime) String() string { return [...]string{"plain", "decades", "special"}[g] }

// model is the parameters and what happens to them, the same for every engine.
type model[T optrt.Float] struct {
	shapes [][]int
	groups []int // group of each parameter; in [first, 2)
	first  int   // 1 when group 0 is without parameters
	params [][]T
	steps  []step[T]
}

type step[T optrt.Float] struct {
	grads  [][]T
	loss   float64
	slopes [][]T // of the model that a closure is: grad = slopes*x + grads
	given  []interp.Given[T]
	hypers [2][]float64 // of the groups, from this step on
}

func newModel[T optrt.Float](seed uint64, g regime, lengths []int, steps int, hypers []ir.HyperDecl, givens ...ir.GivenDecl) *model[T] {
	r := rand.New(rand.NewPCG(seed, uint64(g)))
	lengths = slices.Clone(lengths)
	r.Shuffle(len(lengths), func(i, j int) { lengths[i], lengths[j] = lengths[j], lengths[i] })
	m := &model[T]{}
	if g == special && len(lengths) > 2 {
		m.first = r.IntN(2)
	}
	for i, n := range lengths {
		m.shapes = append(m.shapes, shapeOf(r, n))
		m.groups = append(m.groups, max(m.first, i%2))
		m.params = append(m.params, numbers[T](r, g, n))
	}
	for t := range steps {
		s := step[T]{loss: float64(numbers[T](r, g, 1)[0])}
		for _, n := range lengths {
			s.grads = append(s.grads, numbers[T](r, g, n))
			s.slopes = append(s.slopes, numbers[T](r, plain, n))
		}
		for i, d := range givens {
			v := m.drawGiven(r, g, d)
			if d.Load && t > 0 {
				v = m.steps[0].given[i]
			}
			s.given = append(s.given, v)
		}
		for i := range s.hypers {
			if s.hypers[i] = hyperValues(r, hypers); t > 0 && r.IntN(2) == 0 {
				s.hypers[i] = m.steps[t-1].hypers[i]
			}
		}
		m.steps = append(m.steps, s)
	}
	return m
}

// drawGiven draws a further input of the step.
func (m *model[T]) drawGiven(r *rand.Rand, g regime, d ir.GivenDecl) interp.Given[T] {
	var v interp.Given[T]
	units := map[ir.Extent]int{ir.Model: 1, ir.Group: 2, ir.Tensor: len(m.shapes)}
	for range units[d.Extent] {
		v.Steps = append(v.Steps, float64(numbers[T](r, g, 1)[0]))
	}
	if d.Extent.IsArray() {
		for _, shape := range m.shapes {
			rows, cols := interp.Dims(d.Extent, shape)
			v.Arrays = append(v.Arrays, numbers[T](r, g, rows*cols))
		}
	}
	return v
}

// runtimeGiven is given as the runtime wants it: only what is loaded, or only what is not.
func (m *model[T]) runtimeGiven(decls []ir.GivenDecl, values []interp.Given[T], load bool) []optrt.GivenValue[T] {
	var out []optrt.GivenValue[T]
	for i, d := range decls {
		if d.Load != load {
			continue
		}
		v := optrt.GivenValue[T]{Steps: values[i].Steps, Arrays: values[i].Arrays}
		if d.Extent == ir.Model {
			v = optrt.GivenValue[T]{Model: values[i].Steps[0]}
		}
		out = append(out, v)
	}
	return out
}

// ask is the model that the rules under test probe: linear in each element.
func (s *step[T]) ask(x, grads [][]T) float64 {
	for i := range grads {
		for k := range grads[i] {
			product := T(s.slopes[i][k] * x[i][k])
			grads[i][k] = product + s.grads[i][k]
		}
	}
	return s.loss + float64(elem.Reduce(elem.ReduceSum, x[0]))
}

// shapeOf is a shape with n elements.
func shapeOf(r *rand.Rand, n int) []int {
	for _, d := range awkward {
		switch {
		case n == 0 || n%d != 0 || n == d || r.IntN(4) == 0:
		case r.IntN(2) == 0:
			return []int{n / d, d}
		default:
			return []int{d, n / d}
		}
	}
	if n > 1<<17 && n%2 == 0 {
		return []int{2, n / 2}
	}
	var shape []int
	for range r.IntN(3) {
		for d := 2 + r.IntN(9); d > 1; d-- {
			if n%d == 0 {
				shape = append(shape, d)
				n /= d
				break
			}
		}
	}
	if n == 1 && r.IntN(2) == 0 {
		return shape // of rank 0 if there is nothing yet
	}
	return slices.Insert(shape, r.IntN(len(shape)+1), n)
}

// numbers are the values of a tensor. They are the same on every machine: nothing here is rounded but by the conversion.
func numbers[T optrt.Float](r *rand.Rand, g regime, n int) []T {
	u := make([]T, n)
	kind := r.IntN(8)
	if g != special && kind < 2 && n > 1 {
		return u // all zero: a norm that must not be divided by
	}
	for i := range u {
		switch {
		case g == special && kind < 4 && r.IntN(8) == 0:
			u[i] = T(randrule.Special[r.IntN(len(randrule.Special))])
		case g == decades:
			u[i] = T(number(r, lowest[T](), highest[T]()))
		default:
			u[i] = T(number(r, -5, 2))
		}
	}
	return u
}

// lowest and highest are binary exponents a little beyond those of the numbers other than 0.
func lowest[T optrt.Float]() int { return pick[T](-151, -1076) }

func highest[T optrt.Float]() int { return pick[T](127, 1023) }

func pick[T optrt.Float](single, double int) int {
	if _, wide := any(T(0)).(float64); wide {
		return double
	}
	return single
}

// number has a random sign and significand, and a binary exponent from low to high.
func number(r *rand.Rand, low, high int) float64 {
	v := math.Ldexp(1+r.Float64(), low+r.IntN(high-low+1))
	return math.Copysign(v, r.Float64()-0.5)
}

// hyperValues draws from the hyperparameters' intervals, the defaults and the ends that belong to them among the rest.
func hyperValues(r *rand.Rand, decls []ir.HyperDecl) []float64 {
	values := make([]float64, len(decls))
	for i, d := range decls {
		scale := d.Default
		if scale == 0 {
			scale = 0.125
		}
		near := float64(scale * math.Abs(number(r, -1, 0)))
		drawn := []float64{d.Lo, d.Hi, d.Default, math.Round(near), near, near, float64(scale * math.Abs(number(r, -20, 6)))}
		if values[i] = drawn[r.IntN(len(drawn))]; !d.Admits(values[i]) || math.IsInf(values[i], 0) {
			values[i] = d.Default
		}
	}
	return values
}

func (m *model[T]) name(i int) string {
	return fmt.Sprintf("group%d.p%d%s", m.groups[i], i, suffixes[i%len(suffixes)])
}

// suffixes are what the patterns of rules look for.
var suffixes = []string{"", ".bias", ".weight", "", ".embed.w", ".head"}

// optimizer makes an optimizer of the rule for data, which has the model's lengths.
func (m *model[T]) optimizer(rule *optrt.Rule, data [][]T, opts ...optrt.Option) (*optrt.Optimizer[T], error) {
	params := make([]optrt.Param[T], len(data))
	for i := range data {
		params[i] = optrt.Param[T]{Name: m.name(i), Shape: m.shapes[i], Data: data[i]}
	}
	if slices.Contains(m.groups, 1) {
		opts = append(opts, optrt.Group(optrt.Named("group1.*"), nil))
	}
	return optrt.New(rule, params, nil, opts...)
}

// guardSize is how many elements lie on either side of a guarded array at least.
const guardSize = 16

// guarded is an array off its alignment, between elements that nothing may touch.
type guarded[T optrt.Float] struct {
	all    []T
	offset int
	n      int
}

func newGuarded[T optrt.Float](r *rand.Rand, values []T) guarded[T] {
	g := guarded[T]{offset: guardSize + r.IntN(guardSize), n: len(values)}
	g.all = make([]T, g.offset+g.n+guardSize)
	for i := range g.all {
		g.all[i] = guardValue[T]()
	}
	copy(g.data(), values)
	return g
}

func guardValue[T optrt.Float]() T { return T(math.Float64frombits(0x7ff8a5a5a0000000)) }

func (g *guarded[T]) data() []T { return g.all[g.offset : g.offset+g.n : g.offset+g.n] }

// intact reports whether the guards are what they were.
func (g *guarded[T]) intact() bool {
	for i, v := range g.all {
		if (i < g.offset || i >= g.offset+g.n) && bits(v) != bits(guardValue[T]()) {
			return false
		}
	}
	return true
}

// bits is the number as it stands in memory.
func bits[T optrt.Float](v T) uint64 {
	switch v := any(v).(type) {
	case float32:
		return uint64(math.Float32bits(v))
	case float64:
		return math.Float64bits(v)
	}
	panic("agree: element type")
}

// same compares by the bits, all NaNs being equal.
func same[T optrt.Float](a, b T) bool { return bits(a) == bits(b) || a != a && b != b }
