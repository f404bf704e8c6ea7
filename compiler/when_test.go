package compiler_test

import (
	"math"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/stdlib"
)

// TestWhenAtRunTime holds a rule with conditions against the same rule written out: a branch's calls keep states and
// step counts of their own, which stand still when the branch is not taken.
func TestWhenAtRunTime(t *testing.T) {
	text := `
fn slow(u; beta) {
  state s = u
  s <- beta*s + (1 - beta)*u
  return s*t
}
rule sometimes {
  hyper every = 3 in 1..inf
  state kept = 0
  when t % every == 0 {
    let d = slow(g; 0.5)
    x <- x - d
    kept <- t
  } else when norm(g) > 2 {
    x <- x - 0.1*g/norm(g)
  } else {
    x <- x - 0.1*slow(g; 0.9)
  }
  x <- x + 0*kept
}`
	u, diags := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", stdlib.FS)
	r, more, err := compiler.Compile(u, "sometimes", compiler.Settings{})
	if len(diags)+len(more) > 0 || err != nil {
		t.Fatal(diags, more, err)
	}
	m := interp.New[float64](r.Checked, []interp.Tensor{{Shape: []int{2}}, {Shape: []int{1}}}, 1)
	x := [][]float64{{1, -2}, {3}}
	for i := range x {
		copy(m.Params[i], x[i])
	}
	type call struct {
		s    []float64
		runs float64
	}
	run := func(c *call, g []float64, beta float64) []float64 {
		c.runs++
		if c.runs == 1 {
			c.s = append([]float64(nil), g...)
		}
		out := make([]float64, len(g))
		for j := range g {
			c.s[j] = beta*c.s[j] + (1-beta)*g[j]
			out[j] = c.s[j] * c.runs
		}
		return out
	}
	thirds, others := make([]call, 2), make([]call, 2)
	for step := 1; step <= 12; step++ {
		grads := [][]float64{{math.Sin(float64(step)), 3 * math.Cos(float64(step))}, {math.Cos(float64(3 * step))}}
		m.Step(grads, 0)
		for i, g := range grads {
			norm := 0.0
			for _, v := range g {
				norm += v * v
			}
			norm = math.Sqrt(norm)
			var d []float64
			switch {
			case step%3 == 0:
				d = run(&thirds[i], g, 0.5)
			case norm > 2:
				for _, v := range g {
					d = append(d, 0.1*v/norm)
				}
			default:
				for _, v := range run(&others[i], g, 0.9) {
					d = append(d, 0.1*v)
				}
			}
			for j := range g {
				x[i][j] -= d[j]
				if math.Abs(m.Params[i][j]-x[i][j]) > 1e-13*math.Max(1, math.Abs(x[i][j])) {
					t.Fatalf("step %d, tensor %d: %v, want %v", step, i, m.Params[i], x[i])
				}
			}
		}
	}
}
