package derive_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// mapPart is a strictly convex term of a mirror map: its text with a weight, its derivative, and where it is defined.
type mapPart struct {
	text   string // %[1]s is the weight, %[2]s a positive number
	slope  func(u, k float64) float64
	lo, hi float64 // of the domain
}

var mapParts = []mapPart{
	{"%[1]s*(u*log(u) - u)", func(u, k float64) float64 { return math.Log(u) }, 0, 8},
	{"%[1]s*u*log(u/%[2]s)", func(u, k float64) float64 { return math.Log(u/k) + 1 }, 0, 8},
	{"-%[1]s*log(u)", func(u, k float64) float64 { return -1 / u }, 0, 8},
	{"-%[1]s*sqrt(u)", func(u, k float64) float64 { return -0.5 / math.Sqrt(u) }, 0, 8},
	{"-%[1]s*log1p(u)", func(u, k float64) float64 { return -1 / (1 + u) }, -1, 8},
	{"%[1]s*(u*log(u) + (1 - u)*log(1 - u))", func(u, k float64) float64 { return math.Log(u / (1 - u)) }, 0, 1},
	{"%[1]s*u^2/2", func(u, k float64) float64 { return u }, -8, 8},
	{"%[1]s*cosh(%[2]s*u)", func(u, k float64) float64 { return k * math.Sinh(k*u) }, -3, 3},
	{"%[1]s*exp(%[2]s*u)", func(u, k float64) float64 { return k * math.Exp(k*u) }, -3, 3},
	{"%[1]s*softplus(u)", func(u, k float64) float64 { return 1 / (1 + math.Exp(-u)) }, -5, 5},
	{"%[1]s*sqrt(%[2]s + u^2)", func(u, k float64) float64 { return u / math.Sqrt(k+u*u) }, -4, 4},
	{"%[1]s*abs(u)^(1 + %[2]s)", func(u, k float64) float64 { return (1 + k) * math.Copysign(math.Pow(math.Abs(u), k), u) }, -5, 5},
	{"%[1]s*u^4/4 + %[1]s*u^2/2", func(u, k float64) float64 { return u*u*u + u }, -5, 5},
}

// TestMirrorOfRandomMaps compares derived mirror steps with bisection in the derivative of the map, coded by hand.
func TestMirrorOfRandomMaps(t *testing.T) {
	count := 120
	if *full {
		count = 1200
	}
	r := rand.New(rand.NewPCG(61, 2))
	single, worst := 0, 0.0
	for i := range count {
		parts := []mapPart{mapParts[i%len(mapParts)]}
		if r.IntN(2) == 0 {
			parts = append(parts, mapParts[r.IntN(len(mapParts)-2)])
		} else {
			single++
		}
		var texts []string
		var decls strings.Builder
		weights, others := make([]float64, len(parts)), make([]float64, len(parts))
		lo, hi := math.Inf(-1), math.Inf(1)
		params := []string{}
		number := func(name string, value float64) string {
			if r.IntN(2) == 0 {
				return bound(value)
			}
			params = append(params, name)
			fmt.Fprintf(&decls, "  hyper %s = %s in (0, inf)\n", name, bound(value))
			return name
		}
		for j, p := range parts {
			weights[j], others[j] = 0.3+2*r.Float64(), 0.3+r.Float64()
			w := number(fmt.Sprintf("w%d", j), weights[j])
			text := p.text
			if strings.Contains(text, "[2]") {
				text = fmt.Sprintf(text, w, number(fmt.Sprintf("k%d", j), others[j]))
			} else {
				text = fmt.Sprintf(text, w)
			}
			texts = append(texts, text)
			lo, hi = max(lo, p.lo), min(hi, p.hi)
		}
		if len(parts) > 1 && (strings.Contains(parts[0].text, "abs") && lo < 0) { // a second part would meet the knot at zero
			texts, parts = texts[:1], parts[:1]
			lo, hi = parts[0].lo, parts[0].hi
		}
		slope := func(u float64) (sum float64) {
			for j, p := range parts {
				sum += weights[j] * p.slope(u, others[j])
			}
			return sum
		}
		after, call := "", "m"
		if len(params) > 0 {
			after = "; " + strings.Join(params, ", ")
			call = "m(" + after + ")"
		}
		text := fmt.Sprintf("fn m(u%s) = %s\nrule r {\n%s  x <- mirror(%s, x, g)\n}\n", after, strings.Join(texts, " + "), decls.String(), call)
		p := compiled(t, loaded(t, text), "r", text)
		if p == nil {
			return
		}
		var x, v, want []float64
		for range 40 {
			from, to := between(r, lo, hi), between(r, lo, hi)
			if r.IntN(4) == 0 && lo > math.Inf(-1) {
				to = lo + (hi-lo)*math.Exp(-12*r.Float64())
			}
			x, v, want = append(x, from), append(v, slope(from)-slope(to)), append(want, to)
		}
		got := onTensorsWith(t, p, x, v)
		for j := range x {
			// The target is rounded, so the step is right to that over the second derivative.
			target := slope(x[j]) - v[j]
			h := 1e-6 * math.Abs(want[j]-lo)
			bend := (slope(want[j]+h) - slope(want[j]-h)) / (2 * h)
			slack := 1e-10*(1+math.Abs(want[j])) + 64*0x1p-52*(math.Abs(slope(x[j]))+math.Abs(v[j])+math.Abs(target))/bend
			worst = max(worst, math.Abs(got[j]-want[j])/slack)
			if !(math.Abs(got[j]-want[j]) <= slack) {
				t.Errorf("mirror at %v by %v is %v, want %v (slack %v)\n%s", x[j], v[j], got[j], want[j], slack, text)
				return
			}
		}
	}
	t.Logf("%d of %d maps have one part; at most %.2g of the slack", single, count, worst)
}

// TestMirrorIsASimplexStep holds that entropy's step with a normalisation is the exponentiated gradient (Kivinen and Warmuth
// 1997), and that the hypentropy map (Ghai, Hazan and Singer 2020) goes from entropy's step to the gradient's with b.
func TestMirrorIsASimplexStep(t *testing.T) {
	x, v := []float64{0.1, 0.2, 0.3, 0.4}, []float64{0.5, -1, 2, 0}
	weights := make([]float64, len(x))
	for i := range x {
		weights[i] = x[i] * math.Exp(-v[i])
	}
	p := checked(t, maps_+"rule r {\n  x <- mirror(entropy_, x, g)\n  x <- x/sum(x)\n}\n")
	got := onTensorsWith(t, p, x, v)
	for i := range got {
		if want := weights[i] / total(weights); math.Abs(got[i]-want) > 1e-15 {
			t.Errorf("value %d is %v, want %v", i, got[i], want)
		}
	}
	const b = 1e6
	p = checked(t, "fn far(u; b) = b*cosh(u/b)\nrule r { x <- mirror(far(; 1e6), x, 1e-6*g) }")
	got = onTensorsWith(t, p, x, v)
	for i := range got {
		if want := b * math.Asinh(math.Sinh(x[i]/b)-v[i]/b); math.Abs(got[i]-want) > 1e-9 {
			t.Errorf("value %d is %v, want %v", i, got[i], want)
		}
	}
	if slices.Equal(got, x) {
		t.Error("nothing moved")
	}
}

// TestMirrorDomains takes maps whose domain ends elsewhere than at zero and whose derivative has no inverse in closed form.
func TestMirrorDomains(t *testing.T) {
	const fns = `
fn right(u; k) = u^2 - log(u - k)
fn left(u; k) = cosh(u) - log(k - u)
fn barrier(u; lo, hi) = u^2 - log(u - lo) - 2*log(hi - u)
fn disc(u) = u^2 - log(1 - u^2)
fn roots(u; lo, hi) = -sqrt(u - lo) - 3*sqrt(hi - u)
`
	for _, c := range []struct {
		call   string
		lo, hi float64
		slope  func(u float64) float64
	}{
		{"right(; k)", 2.5, 9, func(u float64) float64 { return 2*u - 1/(u-2.5) }},
		{"left(; k)", -4, 2.5, func(u float64) float64 { return math.Sinh(u) + 1/(2.5-u) }},
		{"barrier(; -0.5, k)", -0.5, 2.5, func(u float64) float64 { return 2*u - 1/(u+0.5) + 2/(2.5-u) }},
		{"barrier(; 1, 2)", 1, 2, func(u float64) float64 { return 2*u - 1/(u-1) + 2/(2-u) }},
		{"disc", -1, 1, func(u float64) float64 { return 2*u + 2*u/(1-u*u) }},
		{"roots(; -k, 0)", -2.5, 0, func(u float64) float64 { return -0.5/math.Sqrt(u+2.5) + 1.5/math.Sqrt(-u) }},
	} {
		p := checked(t, fns+"rule r {\n  hyper k = 2.5 in (0, inf)\n  x <- x + 0*k\n  x <- mirror("+c.call+", x, g)\n}\n")
		r := rand.New(rand.NewPCG(1, 7))
		var x, v, want []float64
		for range 100 {
			from, to := between(r, c.lo, c.hi), between(r, c.lo, c.hi)
			x, v, want = append(x, from), append(v, c.slope(from)-c.slope(to)), append(want, to)
		}
		for i, u := range onTensorsWith(t, p, x, v) {
			if !(math.Abs(u-want[i]) <= 1e-9) {
				t.Errorf("mirror(%s) at %v by %v is %v, want %v", c.call, x[i], v[i], u, want[i])
				break
			}
		}
	}
	if _, diags := attempt(t, "fn m(u) = u^2 - log(1 - u^2*u - u)\nrule r { x <- mirror(m, x, g) }\n"); !diags.HasErrors() {
		t.Error("a domain with a curved end is taken")
	}
}
