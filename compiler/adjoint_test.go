package compiler_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/stdlib"
)

// noAdjoint are the library's rules without an adjoint, with what the refusal must say.
func refusesAdjoint(p *ir.Program) string {
	for _, v := range ir.Reachable(p.Roots()...) {
		switch v.Kind {
		case ir.Probe:
			return "asks the model again"
		case ir.Draw:
			return "draws random values"
		}
	}
	return ""
}

var adjointTensors = []interp.Tensor{{Name: "w", Shape: []int{3, 4}}, {Name: "b", Shape: []int{5}, Group: 1}, {Name: "s", Shape: []int{1}}}

// point is what a step is given, all of it: what derivatives are taken in.
type point struct {
	x, g   [][]float64
	loss   float64
	hypers [][]float64
	steps  [][]float64   // of each state that is a step value
	arrays [][][]float64 // of each state that is an array
	given  []interp.Given[float64]
	t      int
}

func clone(a [][]float64) [][]float64 {
	out := make([][]float64, len(a))
	for i := range a {
		out[i] = append([]float64(nil), a[i]...)
	}
	return out
}

// results are x and the states after a step at a point.
func results(t *testing.T, p *ir.Program, at point) (x [][]float64, steps [][]float64, arrays [][][]float64) {
	t.Helper()
	m := interp.New[float64](p, adjointTensors, 2)
	for k := range m.Params {
		copy(m.Params[k], at.x[k])
	}
	m.T, m.Hypers, m.Given = at.t-1, at.hypers, at.given
	for i := range p.States {
		for k := range at.arrays[i] {
			m.SetState(i, k, at.arrays[i][k])
		}
		for k, v := range at.steps[i] {
			m.SetScalar(i, k, v)
		}
	}
	if err := m.Step(at.g, at.loss); err != nil {
		t.Fatal(err)
	}
	for i := range p.States {
		s, a := m.State(i)
		steps, arrays = append(steps, s), append(arrays, a)
	}
	return m.Params, steps, arrays
}

// TestAdjointOfTheLibrary compares the adjoint of every rule of the library that has one with central differences of its
// step, in a direction for each thing that the step is given, from several steps of training.
func TestAdjointOfTheLibrary(t *testing.T) {
	u, diags := compiler.Library(stdlib.FS)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	with, compared := 0, 0
	for _, name := range u.Rules() {
		r, diags, err := compiler.Compile(u, name, compiler.Settings{})
		if err != nil || r == nil {
			t.Fatal(name, err, diags)
		}
		adj, diags, err := compiler.Compile(u, name, compiler.Settings{Adjoint: true})
		if err != nil {
			t.Fatal(name, err)
		}
		if why := refusesAdjoint(r.Checked); why != "" {
			if adj != nil || !strings.Contains(diags.Error(), why) {
				t.Errorf("%s: want the refusal %q, have %v", name, why, diags)
			}
			continue
		}
		if adj == nil {
			t.Errorf("%s: %v", name, diags)
			continue
		}
		with++
		compared += holdAdjoint(t, name, pass.DropStates(r.Checked), adj.Checked)
	}
	t.Logf("%d rules have an adjoint, %d derivatives were compared", with, compared)
	if with < 30 || compared < 6*with {
		t.Errorf("%d rules have an adjoint, %d derivatives were compared", with, compared)
	}
}

func holdAdjoint(t *testing.T, name string, p, adj *ir.Program) int {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 11))
	random := func(a [][]float64, scale float64) [][]float64 {
		out := clone(a)
		for i := range out {
			for j := range out[i] {
				out[i][j] = scale * r.NormFloat64()
			}
		}
		return out
	}
	m := interp.New[float64](p, adjointTensors, 2)
	for k := range m.Params {
		for j := range m.Params[k] {
			m.Params[k][j] = 0.5 + r.Float64()
		}
	}
	for i, g := range p.Givens {
		m.Given[i] = interp.Given[float64]{Steps: []float64{0.3, 0.4, 0.5}[:units(g.Extent)], Arrays: random(m.Params, 1)}
	}
	for i, h := range p.Hypers { // a default at an end of its interval may be a kink
		if h.Default == h.Lo {
			m.Hypers[0][i], m.Hypers[1][i] = h.Lo+0.05, h.Lo+0.05
		}
	}
	at := point{loss: 1.7, hypers: clone(m.Hypers), given: m.Given}
	const before = 3
	for range before {
		at.g = random(m.Params, 1)
		if err := m.Step(at.g, at.loss); err != nil {
			t.Fatal(err)
		}
	}
	at.x, at.t, at.g = clone(m.Params), before+1, random(m.Params, 1)
	for i := range p.States {
		s, a := m.State(i)
		at.steps, at.arrays = append(at.steps, append([]float64(nil), s...)), append(at.arrays, clone(a))
	}

	// The cotangents of all results.
	b := interp.New[float64](adj, adjointTensors, 2)
	xBar := random(at.x, 1)
	var stepBars [][]float64
	var arrayBars [][][]float64
	for k := range b.Params {
		copy(b.Params[k], xBar[k])
	}
	for i := range p.States {
		stepBars = append(stepBars, random([][]float64{at.steps[i]}, 1)[0])
		arrayBars = append(arrayBars, random(at.arrays[i], 1))
		for k, v := range stepBars[i] {
			b.SetScalar(i, k, v)
		}
		for k, v := range arrayBars[i] {
			b.SetState(i, k, v)
		}
	}
	b.Hypers = at.hypers
	b.Given = append([]interp.Given[float64](nil), at.given...)
	for _, g := range adj.Givens[len(p.Givens):] {
		var v interp.Given[float64]
		switch g.Of {
		case "x":
			v.Arrays = at.x
		case "t":
			v.Steps = []float64{float64(at.t)}
		default:
			for i, s := range p.States {
				if s.Name == g.Of {
					v = interp.Given[float64]{Steps: at.steps[i], Arrays: at.arrays[i]}
				}
			}
		}
		b.Given = append(b.Given, v)
	}
	if err := b.Step(at.g, at.loss); err != nil {
		t.Fatal(err)
	}

	value := func(at point) float64 {
		x, steps, arrays := results(t, p, at)
		sum := inner(x, xBar)
		for i := range p.States {
			sum += inner([][]float64{steps[i]}, [][]float64{stepBars[i]}) + inner(arrays[i], arrayBars[i])
		}
		return sum
	}
	compared, symmetric := 0, false
	hold := func(what string, scale float64, bar [][]float64, move func(*point, [][]float64), from [][]float64) {
		d := random(from, scale)
		if symmetric {
			mirror(d)
		}
		diff := func(h float64) float64 {
			up, down := at, at
			move(&up, along(from, d, h))
			move(&down, along(from, d, -h))
			return (value(up) - value(down)) / (2 * h)
		}
		coarse, fine := diff(1e-4), diff(5e-5)
		want := fine + (fine-coarse)/3
		size := 1e-7 * max(scale, 1e-3)
		for i := range bar {
			for j := range bar[i] {
				size += math.Abs(bar[i][j] * d[i][j])
			}
		}
		noise := 1e-10 * math.Abs(value(at)) // of the differences
		if !(math.Abs(fine-coarse) <= 1e-4*(size+math.Abs(want))+noise) {
			return // a kink nearby
		}
		compared++
		if got := inner(bar, d); !(math.Abs(got-want) <= 2e-5*(size+math.Abs(want))+noise) {
			t.Errorf("%s: the derivative in %s is %v, differences say %v", name, what, got, want)
		}
	}
	hold("x", 0.3, b.Params, func(at *point, x [][]float64) { at.x = x }, at.x)
	for i, s := range p.States {
		sBar, aBar := b.State(i)
		if symmetric = s.Extent == ir.RowRow || s.Extent == ir.ColCol; s.Extent.IsArray() {
			hold("state "+s.Name, 0.1*rms(at.arrays[i]), aBar, func(at *point, a [][]float64) { at.arrays = with(at.arrays, i, a) }, at.arrays[i])
		} else {
			hold("state "+s.Name, 0.1*rms([][]float64{at.steps[i]}), [][]float64{sBar}, func(at *point, a [][]float64) { at.steps = with(at.steps, i, a[0]) }, [][]float64{at.steps[i]})
		}
	}
	symmetric = false
	hyper := 0
	for i, s := range adj.States[len(p.States):] {
		sBar, aBar := b.State(len(p.States) + i)
		switch {
		case s.Name == "g_bar":
			hold("g", 0.3, aBar, func(at *point, g [][]float64) { at.g = g }, at.g)
		case s.Name == "loss_bar":
			hold("loss", 0.3, [][]float64{sBar}, func(at *point, l [][]float64) { at.loss = l[0][0] }, [][]float64{{at.loss}})
		default:
			k := hyper
			hyper++
			from := [][]float64{{at.hypers[0][k], at.hypers[1][k]}}
			hold(s.Name, max(math.Abs(from[0][0]), 1e-3), [][]float64{sBar}, func(at *point, h [][]float64) {
				at.hypers = clone(at.hypers)
				at.hypers[0][k], at.hypers[1][k] = h[0][0], h[0][1]
			}, from)
		}
	}
	return compared
}

func units(e ir.Extent) int {
	switch {
	case e <= ir.Model:
		return 1
	case e == ir.Group:
		return 2
	}
	return 3
}

func with[T any](list []T, i int, v T) []T {
	out := append([]T(nil), list...)
	out[i] = v
	return out
}

func along(a, d [][]float64, h float64) [][]float64 {
	out := clone(a)
	for i := range out {
		for j := range out[i] {
			out[i][j] += h * d[i][j]
		}
	}
	return out
}

// mirror makes square matrices symmetric: those that rules take roots and eigenvectors of are.
func mirror(a [][]float64) {
	for _, m := range a {
		n := int(math.Sqrt(float64(len(m))))
		for i := range n {
			for j := range i {
				mean := (m[i*n+j] + m[j*n+i]) / 2
				m[i*n+j], m[j*n+i] = mean, mean
			}
		}
	}
}

func rms(a [][]float64) float64 {
	n := 0
	for i := range a {
		n += len(a[i])
	}
	return math.Sqrt(inner(a, a)/float64(max(n, 1))) + 1e-12
}

func inner(a, b [][]float64) float64 {
	sum := 0.0
	for i := range a {
		for j := range a[i] {
			sum += a[i][j] * b[i][j]
		}
	}
	return sum
}
