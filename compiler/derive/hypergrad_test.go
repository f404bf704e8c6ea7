package derive_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
)

// stepper is a rule coded by hand on one number: the new x from x, g, its two states and the learning rate, at step t.
type stepper func(x, g float64, s *[2]float64, lr float64, t int) float64

var steppers = map[string]stepper{
	"sgd": func(x, g float64, _ *[2]float64, lr float64, _ int) float64 { return x - lr*g },
	"momentum": func(x, g float64, s *[2]float64, lr float64, t int) float64 {
		if s[0] = 0.9*s[0] + g; t == 1 {
			s[0] = g
		}
		return x - lr*s[0]
	},
	"nesterov": func(x, g float64, s *[2]float64, lr float64, t int) float64 {
		if s[0] = 0.9*s[0] + g; t == 1 {
			s[0] = g
		}
		return x - lr*(g+0.9*s[0])
	},
	"adam": func(x, g float64, s *[2]float64, lr float64, t int) float64 {
		s[0] = 0.9*s[0] + (1-0.9)*g
		s[1] = 0.999*s[1] + (1-0.999)*g*g
		m, v := s[0]/(1-math.Pow(0.9, float64(t))), s[1]/(1-math.Pow(0.999, float64(t)))
		return x - lr*m/(math.Sqrt(v)+1e-8)
	},
	"normed": func(x, g float64, _ *[2]float64, lr float64, _ int) float64 { return x/(1+lr*lr) - math.Sin(3*lr)*g },
}

// model is a loss with its gradient, different for every step: sum of a*x^2/2 + b*x + cos(x) over all elements.
type model struct{ a, b [][]float64 }

func newModel(r *rand.Rand) (m model) {
	m.a, m.b = drawn(r), drawn(r)
	for k := range m.a {
		for j := range m.a[k] {
			m.a[k][j] = math.Abs(m.a[k][j]) + 0.1
		}
	}
	return m
}

func (m model) loss(x [][]float64, group int) (sum float64) {
	for k := range x {
		for j, u := range x[k] {
			if group < 0 || matrices[k].Group == group {
				sum += m.a[k][j]*u*u/2 + m.b[k][j]*u + math.Cos(u)
			}
		}
	}
	return sum
}

func (m model) gradient(x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for k := range x {
		for j, u := range x[k] {
			out[k] = append(out[k], m.a[k][j]*u+m.b[k][j]-math.Sin(u))
		}
	}
	return out
}

func cloned(x [][]float64) (out [][]float64) {
	for _, u := range x {
		out = append(out, append([]float64(nil), u...))
	}
	return out
}

// TestHypergradients compares the sum that hypergrad gives in every step with the difference of that step's loss in the
// learning rate of the step before, whose states, and everything before it, are what they were: the loop is coded by hand.
func TestHypergradients(t *testing.T) {
	const fns = `
rule normed { hyper lr = 0.1 in (0, inf)
  x <- x/(1 + lr^2) - sin(3*lr)*g }
`
	bases := map[string]string{"sgd": "sgd", "momentum": "sgd(; momentum = 0.9)", "nesterov": "sgd(; momentum = 0.9, nesterov = true)", "adam": "adam", "normed": "normed"}
	for _, name := range slices.Sorted(maps.Keys(bases)) {
		for _, per := range []string{"group", "model", "tensor"} {
			call, with := bases[name], "lr = a"
			if i := strings.IndexByte(call, '('); i >= 0 {
				call, with = call[:i], strings.TrimSuffix(call[i+len("(; "):], ")")+", lr = a"
			}
			init := map[string]string{"group": "first", "model": "max(first per model)", "tensor": "first + 0*norm(x)"}[per]
			text := fns + fmt.Sprintf(`
rule r {
  hyper first = 0.05 in (0, inf)
  hyper rate = 0.0005 in (0, inf)
  state a per %s = %s
  state h per %s = 0
  h <- hypergrad(a)
  a <- a - max(rate per model)*h
  x <- %s(x, g; %s)
}
`, per, init, per, call, with)
			p := checked(t, text)
			holdHypergradients(t, name+" per "+per, p, steppers[name], per)
		}
	}
}

func holdHypergradients(t *testing.T, name string, p *ir.Program, step stepper, per string) {
	t.Helper()
	r := rand.New(rand.NewPCG(4, 44))
	m := interp.New[float64](p, matrices, 2)
	unit := func(k int) int { // of tensor k
		return map[string]int{"group": matrices[k].Group, "model": 0, "tensor": k}[per]
	}
	units := map[string]int{"group": 2, "model": 1, "tensor": len(matrices)}[per]
	x := drawn(r)
	for k := range x {
		copy(m.Params[k], x[k])
	}
	lr := make([]float64, units)
	for u := range lr {
		lr[u] = 0.05
	}
	states := make([][][2]float64, len(x))
	for k := range x {
		states[k] = make([][2]float64, len(x[k]))
	}
	var before func(u int, by float64) [][]float64 // the last step with another learning rate in unit u
	for now := 1; now <= 6; now++ {
		world := newModel(r)
		g := world.gradient(x)
		if err := m.Step(g, 0); err != nil {
			t.Fatal(err)
		}
		for u := range units {
			got, want := stateOf(m, p, "h")[u], 0.0
			if before != nil {
				const h = 1e-5
				want = (world.loss(before(u, h), -1) - world.loss(before(u, -h), -1)) / (2 * h)
			}
			if !(math.Abs(got-want) <= 1e-6*(1+math.Abs(want))) {
				t.Errorf("%s, step %d: the hypergradient is %v, differences say %v", name, now, got, want)
				return
			}
			lr[u] -= 0.0005 * got
		}
		was, old := cloned(x), make([][][2]float64, len(x))
		for k := range states {
			old[k] = append([][2]float64(nil), states[k]...)
		}
		rates := append([]float64(nil), lr...)
		moved := func(u int, by float64, states [][][2]float64) [][]float64 {
			out := cloned(was)
			for k := range out {
				rate := rates[unit(k)]
				if unit(k) == u {
					rate += by
				}
				for j := range out[k] {
					out[k][j] = step(was[k][j], g[k][j], &states[k][j], rate, now)
				}
			}
			return out
		}
		before = func(u int, by float64) [][]float64 {
			again := make([][][2]float64, len(old))
			for k := range old {
				again[k] = append([][2]float64(nil), old[k]...)
			}
			return moved(u, by, again)
		}
		x = moved(-1, 0, states)
		for k := range x {
			for j := range x[k] {
				if !(math.Abs(m.Params[k][j]-x[k][j]) <= 1e-12*(1+math.Abs(x[k][j]))) {
					t.Errorf("%s, step %d: x is %v, the loop has %v", name, now, m.Params[k][j], x[k][j])
					return
				}
			}
			copy(m.Params[k], x[k])
		}
	}
}

func stateOf(m *interp.Machine[float64], p *ir.Program, name string) []float64 {
	for i, s := range p.States {
		if s.Name == name {
			steps, _ := m.State(i)
			return steps
		}
	}
	return nil
}

// TestHypergradFindsARate holds that the hypergradient version of a rule does what it is for (Baydin et al. 2018): from a
// learning rate that is far too small, it gets nearer to the minimum than the rule itself.
func TestHypergradFindsARate(t *testing.T) {
	const text = `rule r {
  hyper lr = 1e-4 in (0, inf)
  hyper rate = 1e-3 in [0, inf)
  state a = lr
  a <- a - rate*hypergrad(a)
  x <- sgd(x, g; lr = a)
}
`
	p := checked(t, text)
	end := func(rate float64) float64 {
		m := interp.New[float64](p, []interp.Tensor{{Shape: []int{3}}}, 1)
		copy(m.Params[0], []float64{1, -2, 3})
		copy(m.Hypers[0], inOrderNamed(p, map[string]float64{"lr": 1e-4, "rate": rate}))
		for range 100 {
			if err := m.Step([][]float64{append([]float64(nil), m.Params[0]...)}, 0); err != nil {
				t.Fatal(err)
			}
		}
		return length(m.Params[0])
	}
	if fixed, adapted := end(0), end(1e-3); !(adapted < fixed/10) {
		t.Errorf("with a fixed rate %v from the minimum, adapted %v", fixed, adapted)
	}
}

func inOrderNamed(p *ir.Program, values map[string]float64) (out []float64) {
	for _, h := range p.Hypers {
		out = append(out, values[h.Name])
	}
	return out
}
