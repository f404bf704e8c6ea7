package proof

import (
	"maps"
	"testing"

	"github.com/optc-lang/optc/internal/oracle"
)

// apart runs a rule on a case with two settings of options and returns how far the parameters are apart after each step.
func apart(t *testing.T, name string, steps int, a, b map[string]string) []float64 {
	t.Helper()
	u := load(t, "testdata", "composed.opt")
	var runs [2]*runner[float64]
	c := casesOf(t, func(c *oracle.Case) bool { return c.Name == name })[0]
	for i, options := range []map[string]string{a, b} {
		own := *c
		own.Options = maps.Clone(c.Options)
		maps.Copy(own.Options, options)
		runs[i] = newRunner[float64](t, compiled(t, u, c.Rule, &own), &own)
	}
	out := make([]float64, steps)
	for n := range out {
		for _, r := range runs {
			r.step(t)
		}
		for i, x := range runs[0].Params {
			out[n] = max(out[n], oracle.Error(x, runs[1].Params[i]))
		}
	}
	return out
}

// What an option changes begins in the step where it must, and not before.
func TestOptionsBegin(t *testing.T) {
	for _, c := range []struct {
		name, option, value string
		same                int  // steps
		then                bool // another one
	}{
		{"shampoo-pytorch_optimizer-all-f64", "every", "3", 1, true},    // the second step still has the first's roots
		{"shampoo-pytorch_optimizer-all-f64", "max_dim", "11", 0, true}, // one side of a tensor is 12 long
		{"shampoo-pytorch_optimizer-all-f64", "max_dim", "12", 9, false},
		{"soap-pytorch_optimizer-all-f64", "max_dim", "5", 1, true}, // the first step moves nothing
		{"soap-pytorch_optimizer-all-f64", "every", "6", 4, true},   // the fourth turns, the fifth shows it
		{"lbfgs-torch-quadratic-f64", "memory", "3", 4, true},       // the fifth has four pairs
		{"sophia-optax-all-f64", "every", "6", 4, true},
	} {
		off := apart(t, c.name, c.same+1, nil, map[string]string{c.option: c.value})
		for n, v := range off[:c.same] {
			if v > 1e-11 {
				t.Errorf("%s with %s = %s: step %d is %.2g off", c.name, c.option, c.value, n+1, v)
			}
		}
		if last := off[c.same]; (last > 1e-9) != c.then {
			t.Errorf("%s with %s = %s: step %d is %.2g off", c.name, c.option, c.value, c.same+1, last)
		}
	}
}
