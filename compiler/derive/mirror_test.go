package derive_test

import (
	"fmt"
	"math"
	"testing"
)

const maps_ = `
fn entropy_(u) = u*log(u) - u
fn euclid_(u) = u^2/2
fn burg_(u) = -log(u)
fn power_(u; p) = abs(u)^p/p
fn hypentropy_(u; b) = u*log(u/b + sqrt((u/b)^2 + 1)) - sqrt(u^2 + b^2)
fn fermi_(u) = u*log(u) + (1 - u)*log(1 - u)
fn mixed_(u) = u*log(u) - u + u^2/2
fn cosh_(u) = cosh(u)
`

func positiveOr(x, other float64) float64 {
	if x > 0 {
		return x
	}
	return other
}

// TestMirror holds the derived step to its equation p'(u) = p'(x) - v, and to the closed forms of the literature.
func TestMirror(t *testing.T) {
	positive := []float64{0.01, 0.3, 1, 2.5, 7}
	all := []float64{-3, -0.4, 0.2, 1, 5}
	for _, c := range []struct {
		fn, params string
		x          []float64
		closed     func(x, v float64) float64 // or nil
	}{
		{"entropy_", "", positive, func(x, v float64) float64 { return x * math.Exp(-v) }},
		{"euclid_", "", all, func(x, v float64) float64 { return x - v }},
		{"burg_", "", positive, func(x, v float64) float64 { return positiveOr(1/(1/x+v), math.NaN()) }},
		{"power_", "3", all, nil}, {"power_", "1.5", all, nil},
		{"mixed_", "", positive, nil}, {"cosh_", "", all, func(x, v float64) float64 { return math.Asinh(math.Sinh(x) - v) }},
		{"fermi_", "", []float64{0.1, 0.5, 0.9}, func(x, v float64) float64 { return 1 / (1 + (1-x)/x*math.Exp(v)) }},
	} {
		for _, v := range []float64{-0.7, 0.05, 0.9} {
			name, slope := c.fn, c.fn+"'(x)"
			if c.params != "" {
				name, slope = c.fn+"(; "+c.params+")", c.fn+"'(x; "+c.params+")"
			}
			got := apply(t, maps_, fmt.Sprintf("mirror(%s, x, %g)", name, v), c.x)
			at, before := apply(t, maps_, slope, got), apply(t, maps_, slope, c.x)
			for i, x := range c.x {
				if c.closed != nil {
					want := c.closed(x, v)
					if want != want && got[i] != got[i] { // no point has the slope
						continue
					}
					if !(math.Abs(got[i]-want) <= 1e-12*(1+math.Abs(want))) {
						t.Errorf("%s at %v by %v is %v, want %v", name, x, v, got[i], want)
					}
				}
				if want := before[i] - v; !(math.Abs(at[i]-want) <= 1e-9*(1+math.Abs(want))) {
					t.Errorf("%s at %v by %v: %v has the slope %v, want %v", name, x, v, got[i], at[i], want)
				}
			}
		}
	}
}
