package compiler_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
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

// moments are the steps that adjoints are held at: the first, in which states have their initial values or are computed, a
// later one, and one in which what happens every ten steps does.
var moments = []int{1, 4, 11}

// TestAdjointOfTheLibrary compares the adjoint of every rule of the library that has one with central differences of its
// step, in a direction for each thing that the step is given.
func TestAdjointOfTheLibrary(t *testing.T) {
	u, diags := compiler.Library(stdlib.FS)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	with := 0
	compared := map[int]int{} // by moment
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
		for _, at := range moments {
			n := holdAdjoint(t, name, pass.DropStates(pass.DropTold(r.Checked)), adj.Checked, at)
			if compared[at] += n; n < 2 {
				t.Errorf("%s, step %d: %d derivatives were compared", name, at, n)
			}
		}
	}
	t.Logf("%d rules have an adjoint; derivatives compared by step: %v", with, compared)
	for _, at := range moments {
		if with < 30 || compared[at] < 6*with {
			t.Errorf("%d rules have an adjoint, %d derivatives were compared in step %d", with, compared[at], at)
		}
	}
}

// holdAdjoint is how many derivatives it could compare in a step: not those at a kink.
func holdAdjoint(t *testing.T, name string, p, adj *ir.Program, step int) int {
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
	for range step - 1 {
		at.g = random(m.Params, 1)
		if err := m.Step(at.g, at.loss); err != nil {
			t.Fatal(err)
		}
	}
	at.x, at.t, at.g = clone(m.Params), step, random(m.Params, 1)
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

	value := func(at point) (sum, size float64) {
		x, steps, arrays := results(t, p, at)
		add := func(a, bar [][]float64) {
			sum += inner(a, bar)
			size += inner(magnitudes(a), magnitudes(bar))
		}
		add(x, xBar)
		for i := range p.States {
			add([][]float64{steps[i]}, [][]float64{stepBars[i]})
			add(arrays[i], arrayBars[i])
		}
		return sum, size
	}
	_, terms := value(at)
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
			over, _ := value(up)
			under, _ := value(down)
			return (over - under) / (2 * h)
		}
		size := 1e-7 * max(scale, 1e-3)
		for i := range bar {
			for j := range bar[i] {
				size += math.Abs(bar[i][j] * d[i][j])
			}
		}
		// The narrowest width in which rounding is small and halving it twice changes nothing: wider ones may lead to where the
		// step is another function. There is none at a kink.
		want, noise, smooth := 0.0, 0.0, false
		for _, h := range []float64{1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2} {
			wide, middle, narrow := diff(h), diff(h/2), diff(h/4)
			want, noise = middle+(middle-wide)/3, 1e-15*terms/h
			apart := max(math.Abs(wide-middle), math.Abs(middle-narrow))
			if smooth = apart <= 5e-6*(size+math.Abs(want))+noise; smooth && (noise <= 1e-6*size || h == 1e-2) {
				break
			}
		}
		if !smooth {
			return
		}
		compared++
		if got := inner(bar, d); !(math.Abs(got-want) <= 2e-5*(size+math.Abs(want))+noise) {
			t.Errorf("%s, step %d: the derivative in %s is %v, differences say %v", name, step, what, got, want)
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

// TestAdjointOfWhatIsNotTaken holds the cotangents of a hyperparameter where the slope of a branch is infinite or NaN: none of
// that may reach what did not take the branch.
func TestAdjointOfWhatIsNotTaken(t *testing.T) {
	for _, c := range []struct {
		body string
		h    float64
		want float64
	}{
		{"x <- where(x > 3, sqrt(h)*g, h*g)", 0, 1},                             // a branch that no element takes, of a value for all
		{"x <- where(x > 1, sqrt(h)*g, h*g)", 0, math.Inf(1)},                   // one does
		{"x <- where(x > 3, where(h > 1, sqrt(h), 1), h)*g", 0, 1},              // one in another
		{"x <- where(h > 0, sqrt(h), 1)*g + 2*h*g", 0, 2},                       // beside what is always taken
		{"x <- where(x > 3, log(h), where(x > 3, g/h, h))*g", 0, 1},             // by the same mask twice
		{"x <- where(not (x > 3), h, where(not (x > 3), g/h, log(h)))*g", 0, 1}, // by its contrary
		{"let u = where(x > 1, h, 1)\n x <- g*where(x > 1, u^2, sqrt(0*u))", 3, 6 / 12.},
		{"let u = sqrt(h)\n x <- g*where(x > 3, u, 1) + g*where(x < -3, 2*u, 1)", 0, 0}, // under either of two
		{"let u = h*x\n x <- where(sum(u) > 1e9, sqrt(sum(u)*0)*x, u/x*g)", 3, 1},
		{"let v = h*(0*g)^2\n x <- h*(0*g)/(sqrt(v) + 1) + h*g", 1, 1},             // a root of 0 that does not matter
		{"let u = 1/h\n when h > 0 { x <- x@(g'@(u*x)) } else { x <- h*g }", 0, 1}, // a product that is left out
	} {
		text := "rule r {\n hyper h = 1 in [-9, 9]\n " + c.body + "\n}\n"
		u, diags := check.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", stdlib.FS)
		if diags.HasErrors() {
			t.Fatal(c.body, diags)
		}
		adj, diags, err := compiler.Compile(u, "r", compiler.Settings{Adjoint: true})
		if err != nil || adj == nil {
			t.Fatal(c.body, err, diags)
		}
		p := adj.Checked
		m := interp.New[float64](p, []interp.Tensor{{Name: "w", Shape: []int{3, 4}}}, 1)
		g := [][]float64{make([]float64, 12)}
		x := [][]float64{make([]float64, 12)}
		for j := range g[0] { // so that the plain product with the cotangent, g·1, is 1
			g[0][j], m.Params[0][j], x[0][j] = 1./12, 1, -2
		}
		x[0][0] = 2
		m.Hypers[0][0] = c.h
		for i, d := range p.Givens {
			switch d.Of {
			case "x":
				m.Given[i].Arrays = x
			case "t":
				m.Given[i].Steps = []float64{1}
			}
		}
		if err := m.Step(g, 0); err != nil {
			t.Fatal(c.body, err)
		}
		for i, s := range p.States {
			if s.Name == "h_bar" {
				if got, _ := m.State(i); !(got[0] == c.want || math.Abs(got[0]-c.want) < 1e-12) {
					t.Errorf("%s: the derivative is %v, not %v", c.body, got[0], c.want)
				}
			}
		}
	}
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

func magnitudes(a [][]float64) [][]float64 {
	out := clone(a)
	for i := range out {
		for j := range out[i] {
			out[i][j] = math.Abs(out[i][j])
		}
	}
	return out
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
