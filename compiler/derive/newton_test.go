package derive_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestNewtonTurns holds proximal operators that are found by Newton's method to the bound that newtonTurns promises,
// against bisection in the derivative coded by hand: to 1e-9*(1 + |u|) in float64 for |v| <= 1e4, to rounding in float32.
func TestNewtonTurns(t *testing.T) {
	sigmoid := func(u float64) float64 { return 1 / (1 + math.Exp(-u)) }
	worst64, worst32 := 0.0, 0.0
	for _, c := range []struct {
		text  string
		slope func(u float64) float64
		lo    float64 // of the domain
		hi    float64
	}{
		{"exp(u)", math.Exp, -inf, inf}, {"exp(3*u)", func(u float64) float64 { return 3 * math.Exp(3*u) }, -inf, inf},
		{"log(1 + exp(u))", sigmoid, -inf, inf}, {"log(1 + exp(9*u))", func(u float64) float64 { return 9 * sigmoid(9*u) }, -inf, inf},
		{"u^6", func(u float64) float64 { return 6 * math.Pow(u, 5) }, -inf, inf},
		{"sqrt(1 + u^2)", func(u float64) float64 { return u / math.Hypot(1, u) }, -inf, inf},
		{"sqrt(0.0001 + u^2)", func(u float64) float64 { return u / math.Hypot(0.01, u) }, -inf, inf},
		{"log(cosh(u))", math.Tanh, -inf, inf}, {"cosh(u)", math.Sinh, -inf, inf},
		{"u*log(u) - u", math.Log, 0, inf}, {"exp(u) - log(u)", func(u float64) float64 { return math.Exp(u) - 1/u }, 0, inf},
		{"u*log(u) - u - sqrt(u)", func(u float64) float64 { return math.Log(u) - 0.5/math.Sqrt(u) }, 0, inf},
		{"u*log(u) + u^4/4", func(u float64) float64 { return math.Log(u) + 1 + u*u*u }, 0, inf},
		{"u*log(u) + (1 - u)*log(1 - u)", func(u float64) float64 { return math.Log(u / (1 - u)) }, 0, 1},
		{"u^2 - log(u + 0.5) - 2*log(2.5 - u)", func(u float64) float64 { return 2*u - 1/(u+0.5) + 2/(2.5-u) }, -0.5, 2.5},
	} {
		for _, step := range []float64{1e-3, 0.1, 3, 100} {
			p := checked(t, fmt.Sprintf("fn p(u) = %s\nrule r { x <- prox(p, x; step = %g) }\n", c.text, step))
			r := rand.New(rand.NewPCG(8, 1))
			var v []float64
			var narrow []float32
			for range 400 {
				at := math.Pow(10, 4-7*r.Float64()) * float64(1-2*r.IntN(2))
				v, narrow = append(v, float64(float32(at))), append(narrow, float32(at))
			}
			got := onVector(p, nil, v)
			got32 := onVector(p, nil, narrow)
			for i, u := range got {
				want := zeroOf(func(u float64) float64 { return u - v[i] + step*c.slope(u) }, c.lo, c.hi)
				miss := math.Abs(u-want) / (1 + math.Abs(want))
				bend := 1 + step*(c.slope(want+1e-6)-c.slope(want-1e-6))/2e-6
				if math.IsNaN(bend) || bend < 1 {
					bend = 1
				}
				// The residual is rounded, which moves its zero.
				rounding := 4 * 0x1p-23 * (math.Abs(v[i]) + math.Abs(want) + step*math.Abs(c.slope(want))) / bend
				miss32 := math.Abs(float64(got32[i])-want) / (rounding + 1e-6*(1+math.Abs(want)))
				worst64, worst32 = max(worst64, miss), max(worst32, miss32)
				if !(miss <= 1e-9) || !(miss32 <= 2) {
					t.Errorf("prox of %s with step %g at %v is %v, in float32 %v, want %v", c.text, step, v[i], u, got32[i], want)
					break
				}
			}
		}
	}
	t.Logf("at most %.2g from the zero in float64; in float32 %.2g of what rounding and 1e-6 allow", worst64, worst32)
}

var inf = math.Inf(1)

// zeroOf is the zero of an increasing function whose slope is at least 1, by bisection.
func zeroOf(f func(float64) float64, lo, hi float64) float64 {
	from, to := max(lo, -1e6), min(hi, 1e6)
	for range 2000 {
		middle := from + (to-from)/2
		if math.Abs(to-from) > 1e-300 && middle == from || middle == to {
			break
		}
		if f(middle) < 0 {
			from = middle
		} else {
			to = middle
		}
	}
	return to
}
