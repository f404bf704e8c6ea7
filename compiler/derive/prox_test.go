package derive_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// knownPenalties are separable penalties of the literature, each with numbers for its parameters.
const knownPenalties = `
fn l1_(u; lambda) = lambda*abs(u)
fn l0_(u; lambda) = lambda*(u != 0)
fn ridge_(u; lambda) = 0.5*lambda*u^2
fn elastic_(u; lambda, alpha) = lambda*(alpha*abs(u) + 0.5*(1 - alpha)*u^2)
fn huber_(u; delta) = where(abs(u) <= delta, 0.5*u^2, delta*(abs(u) - 0.5*delta))
fn scad_(u; lambda, a) = where(abs(u) <= lambda, lambda*abs(u),
  where(abs(u) <= a*lambda, (2*a*lambda*abs(u) - u^2 - lambda^2)/(2*(a - 1)), lambda^2*(a + 1)/2))
fn mcp_(u; lambda, gamma) = where(abs(u) <= gamma*lambda, lambda*abs(u) - u^2/(2*gamma), 0.5*gamma*lambda^2)
fn capped_(u; lambda, theta) = lambda*min(abs(u), theta)
fn log_sum_(u; lambda, eps) = lambda*log(1 + abs(u)/eps)
fn box_(u; lo, hi) = where(u < lo, inf, where(u > hi, inf, 0))
fn nonneg_(u) = where(u >= 0, 0, inf)
fn entropy_(u) = u*log(u) - u
fn barrier_(u) = -log(u)
fn root_(u; lambda) = lambda*sqrt(abs(u))
fn hinge_(u) = max(1 - u, 0)
fn pinball_(u; q) = max(q*u, (q - 1)*u)
fn logistic_(u) = softplus(-u)
fn log_cosh_(u) = log(cosh(u))
fn pseudo_huber_(u; d) = d^2*(sqrt(1 + (u/d)^2) - 1)
fn quartic_(u) = u^4/4
fn cube_(u) = abs(u)^3/3
fn dead_zone_(u; eps) = max(abs(u) - eps, 0)
fn geman_(u; lambda, gamma) = lambda*abs(u)/(abs(u) + gamma)
fn steps_(u) = (u > 1) + 2*(u > 2) + (u < -1)
`

// brute is the least cost over a fine grid that is refined around its best points.
func brute(t testing.TB, penalty func([]float64) []float64, v, step float64) float64 {
	t.Helper()
	cost := func(u []float64) []float64 {
		p := penalty(u)
		for i := range p {
			p[i] = step*p[i] + (u[i]-v)*(u[i]-v)/2
		}
		return p
	}
	const n = 801
	lo, hi := -math.Abs(v)-8, math.Abs(v)+8
	best := math.Inf(1)
	centres := []float64{0}
	width := hi - lo
	for round := range 6 {
		var u []float64
		for _, c := range centres {
			for i := range n {
				at := lo + (hi-lo)*float64(i)/(n-1)
				if round > 0 {
					at = c + width*(float64(i)/(n-1)-0.5)
				}
				u = append(u, at)
			}
		}
		for _, special := range []float64{0, 1, -1, 2, 0.5, v} {
			u = append(u, special)
		}
		f := cost(u)
		at := 0
		for i := range f {
			if f[i] < f[at] || math.IsNaN(f[at]) {
				at = i
			}
		}
		best = min(best, f[at])
		centres = []float64{u[at]}
		width *= 4.0 / n
	}
	return best
}

// holdProx compares a derived proximal operator with brute force.
func holdProx(t *testing.T, fns, fn, params string, step float64, v []float64) {
	t.Helper()
	call := fn + "(" + "%s" + "; " + params + ")"
	if params == "" {
		call = fn + "(%s)"
	}
	name := fmt.Sprintf(call, "")
	if params != "" {
		name = fn + "(; " + params + ")"
	} else {
		name = fn
	}
	got := apply(t, fns, fmt.Sprintf("prox(%s, x; step = %g)", name, step), v)
	penalty := function(t, fns, fmt.Sprintf(call, "x"))
	cost := penalty(got)
	for i := range v {
		f := step*cost[i] + (got[i]-v[i])*(got[i]-v[i])/2
		if want := brute(t, penalty, v[i], step); !(f <= want+1e-9*(1+math.Abs(want))) {
			t.Errorf("prox of %s at %v, step %g: %v costs %v, brute force finds %v", name, v[i], step, got[i], f, want)
			return
		}
	}
}

func TestProxOfKnownPenalties(t *testing.T) {
	for _, c := range []struct {
		fn, params string
		steps      []float64
	}{
		{"l1_", "0.7", []float64{0.5, 1, 3}}, {"l0_", "0.7", []float64{0.5, 2}}, {"ridge_", "2", []float64{0.5}},
		{"elastic_", "0.7, 0.3", []float64{1}}, {"huber_", "0.8", []float64{0.3, 2}}, {"scad_", "0.6, 3.7", []float64{0.5, 1, 2.7, 4}},
		{"mcp_", "0.6, 2", []float64{0.5, 1, 2, 3}}, {"capped_", "0.7, 1.2", []float64{0.5, 1, 4}}, {"log_sum_", "0.5, 0.2", []float64{0.1, 1, 3}},
		{"box_", "-0.5, 1.3", []float64{1}}, {"nonneg_", "", []float64{1}}, {"entropy_", "", []float64{0.1, 1, 5}}, {"barrier_", "", []float64{0.3, 2}},
		{"root_", "0.8", []float64{0.2, 1, 3}}, {"hinge_", "", []float64{0.5, 2}}, {"pinball_", "0.3", []float64{1}}, {"logistic_", "", []float64{0.5, 4}},
		{"log_cosh_", "", []float64{0.5, 4}}, {"pseudo_huber_", "0.7", []float64{0.5, 4}}, {"quartic_", "", []float64{0.5, 2}},
		{"cube_", "", []float64{0.5, 2}}, {"dead_zone_", "0.4", []float64{0.5}}, {"geman_", "1.1, 0.4", []float64{0.4, 2}}, {"steps_", "", []float64{0.5, 1}},
	} {
		t.Run(c.fn, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 9))
			for _, step := range c.steps {
				v := []float64{0, 1e-3, -1e-3, 1, -1, 2.5}
				for range 12 {
					v = append(v, 4*r.NormFloat64())
				}
				holdProx(t, knownPenalties, c.fn, c.params, step, v)
			}
		})
	}
}
