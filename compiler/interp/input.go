package interp

import (
	"errors"
	"fmt"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/runtime/elem"
)

func (m *Machine[T]) stream(site, tensor int) elem.Stream {
	return elem.Stream{Seed: m.Seed, Step: uint64(m.T), Site: uint32(site), Tensor: uint32(tensor)}
}

// draw fills out with the random values of tensor i.
func (m *Machine[T]) draw(v *ir.Value, i int, out []T) {
	s := m.stream(v.Index, i)
	switch v.Name {
	case "normal":
		elem.Normal(out, s, 0)
	case "uniform":
		elem.Uniform(out, s, 0)
	default:
		elem.Rademacher(out, s, 0)
	}
}

// drawStep is a random step value, addressed by the tensor or group that it is for.
func (m *Machine[T]) drawStep(v *ir.Value, u unit) float64 {
	return elem.DrawStep(v.Name, m.stream(v.Index, index(v.Per, u)))
}

// probe asks the model at a point, unless the probe's guard does not hold: nobody reads the answer then. A gradient and
// a loss at one point are one question.
func (m *Machine[T]) probe(v *ir.Value) (grads [][]T, loss float64) {
	s := m.slot(v)
	if s.known[0] {
		return s.arrays, s.steps[0]
	}
	asked := m.answers[answerKey{v.Args[0], v.Guard()}]
	switch guard := v.Guard(); {
	case guard != nil && m.step(guard, unit{-1, -1}) == 0:
		grads = m.zeros()
	case v.Name == "hvp":
		grads = m.product(m.all(v.Args[0], ir.Elem).arrays, m.all(v.Args[1], ir.Elem).arrays)
	case asked != nil:
		grads, loss = asked.grads, asked.loss
	default:
		grads, loss = m.ask(m.all(v.Args[0], ir.Elem).arrays)
		m.answers[answerKey{v.Args[0], v.Guard()}] = &answer[T]{grads, loss}
	}
	if v.Name == "loss" {
		s.steps[0] = loss
	} else {
		s.arrays = grads
	}
	for i := range s.known {
		s.known[i] = true
	}
	return grads, loss
}

// answer is what the model said at a point.
type answer[T elem.Float] struct {
	grads [][]T
	loss  float64
}

type answerKey struct{ point, guard *ir.Value }

func (m *Machine[T]) zeros() [][]T {
	out := make([][]T, len(m.Params))
	for i := range out {
		out[i] = make([]T, len(m.Params[i]))
	}
	return out
}

func (m *Machine[T]) ask(x [][]T) ([][]T, float64) {
	if m.Closure == nil {
		panic(failure{errors.New("the rule probes the model, and no closure is given")})
	}
	grads, loss, err := m.Closure(m.given16(x))
	if err != nil {
		panic(failure{err})
	}
	grads = m.given16(grads)
	out := make([][]T, len(grads))
	for i := range grads {
		out[i] = slices.Clone(grads[i])
	}
	return out, loss
}

// product is the Hessian at x times v, by central differences.
func (m *Machine[T]) product(x, v [][]T) [][]T {
	out := m.zeros()
	if m.prog.Params.Format != "" {
		panic(failure{fmt.Errorf("the rule takes a Hessian-vector product, for which parameters in %s are too coarse: the difference of two gradients is lost in their rounding", m.prog.Params.Format)})
	}
	h := elem.DifferenceStep(x, v)
	if h == 0 {
		return out
	}
	at := func(h float64) [][]T {
		for i := range x {
			elem.DifferencePoint(out[i], x[i], v[i], h)
		}
		grads, _ := m.ask(out)
		return grads
	}
	above, below := at(h), at(-h)
	for i := range x {
		elem.Difference(out[i], above[i], below[i], h)
	}
	return out
}

// narrow rounds a state with a storage format to what is kept of it.
func (m *Machine[T]) narrow(index int, s ir.State, v value[T]) {
	if s.As.Format == "" {
		return
	}
	for i, u := range v.arrays {
		elem.RoundTrip(s.As.Format, u, m.words(index, i, s, len(u)))
	}
}

// given16 are arrays that are handed over in the format of parameters, rounded to nearest; u itself in the element type.
func (m *Machine[T]) given16(u [][]T) [][]T {
	if m.prog.Params.Format == "" {
		return u
	}
	out := make([][]T, len(u))
	for i := range u {
		out[i] = slices.Clone(u[i])
		elem.RoundTrip(m.prog.Params.Format, out[i], nil)
	}
	return out
}

// narrowParams rounds the new parameters to what is kept of them.
func (m *Machine[T]) narrowParams(x [][]T) {
	m.narrow(0, ir.State{Name: "x", As: m.prog.Params}, value[T]{arrays: x})
}

// words are the random words of stochastic rounding, nil for rounding to nearest.
func (m *Machine[T]) words(index, i int, s ir.State, n int) []uint32 {
	if !s.As.Stochastic {
		return nil
	}
	words := make([]uint32, n)
	elem.Words(words, elem.RoundingStream(m.stream(0, i), s.Name), 0)
	return words
}
