package derive_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/stdlib"
)

// compileLimit is how long a rule may take to compile; it is generous, for the machine may be busy.
const compileLimit = 5 * time.Second

var slowest time.Duration

// attempt compiles rule r of a text and reports what came of it, and how long that took.
func attempt(t *testing.T, text string) (*ir.Program, lang.Diagnostics) {
	t.Helper()
	start := time.Now()
	u, diags := check.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", stdlib.FS)
	var p *ir.Program
	if !diags.HasErrors() {
		p, diags = check.Rule(u, "r", check.Settings{})
	}
	took := time.Since(start)
	if slowest = max(slowest, took); took > compileLimit {
		t.Errorf("%v for\n%.300s", took, text)
	}
	if p != nil && !diags.HasErrors() {
		if err := p.Verify(); err != nil {
			t.Errorf("%v\n%.300s", err, text)
		}
	}
	return p, diags
}

// TestRefused holds what cannot be derived to a message that says so, at the call.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ fns, body, want string }{
		{"fn p(u) { state s = 0\n s <- s + 1\n return s*u^2 }", "x <- prox(p, x; step = 1)", "keeps a state"},
		{"fn p(u) = sum(u)^2", "x <- prox(p, x; step = 1)", "not separable"},
		{"fn p(u) = norm(u)", "x <- prox(p, x; step = 1)", "not separable"},
		{"fn p(u) = abs(u)*mean(u per row)", "x <- prox(p, x; step = 1)", "not separable"},
		{"fn p(u) = kth(u; 2)", "x <- prox(p, x; step = 1)", "not separable"},
		{"fn p(u, v) = u*v", "x <- prox(p, x; step = 1)", "one variable"},
		{"", "x <- prox(l2ball(; 1), x; step = 1)", "is a set, not a penalty"},
		{"", "x <- project(group_l2(; 1), x)", "is a penalty, not a set"},
		{"", "x <- lmo(nonneg, x)", "no bounds"},
		{"fn p(u) = sin(5*u)", "x <- prox(p, x; step = 1)", "no proximal operator is derived"},
		{"fn p(u) = floor(u)", "x <- prox(p, x; step = 1)", "steps without end"},
		{"fn p(u) = where(sin(u) > 0, 1, 0)", "x <- prox(p, x; step = 1)", "where"},
		{"fn p(u) = inf", "x <- prox(p, x; step = 1)", "infinite everywhere"},
		{"fn p(u) = where(u > 0, inf, inf)", "x <- prox(p, x; step = 1)", "infinite everywhere"},
		{"fn p(u) = abs(u)", "x <- prox(p, x)", "step"},
		{"fn p(u) = abs(u)", "x <- prox(p, x; step = -1)", "step"},
		{"fn p(u) = p(u) + abs(u)", "x <- prox(p, x; step = 1)", "recursion: p calls p"},
		{"fn p(u) = prox(q, u; step = 1)\nfn q(u) = prox(p, u; step = 1)", "x <- prox(p, x; step = 1)", "q"},
		{"", "x <- prox'(abs, x; step = 1)", "write a fn that calls it"},
		{"", "x <- mirror(cosh, x)", "3 arguments"},
		{"fn m(u) = u^3", "x <- mirror(m, x, g)", "not proved to be strictly increasing"},
		{"fn m(u) = sin(u)", "x <- mirror(m, x, g)", "not proved to be strictly increasing"},
		{"fn m(u) = u", "x <- mirror(m, x, g)", "the mirror map u is affine"},
		{"fn m(u) = -u^2", "x <- mirror(m, x, g)", "not proved to be strictly increasing"},
		{"fn m(u) = sqrt(u)", "x <- mirror(m, x, g)", "not proved to be strictly increasing"},
		{"fn m(u) = log(u)", "x <- mirror(m, x, g)", "not proved to be strictly increasing"},
		{"fn m(u) = abs(u - 1)", "x <- mirror(m, x, g)", "2 pieces"},
		{"fn m(u) = where(u < 0, u^2, 2*u^2)", "x <- mirror(m, x, g)", "2 pieces"},
		{"fn m(u) = norm(u)", "x <- mirror(m, x, g)", "not separable"},
		{"fn m(u) = u^4 - u^2", "x <- mirror(m, x, g)", "it bends down: its second derivative is -1.25 at u = 0.25"},
		{"fn m(u) = 1/(u - 1)^2", "x <- mirror(m, x, g)", "not proved to be strictly increasing"},
		{"fn p(u) = exp(-u^2)", "x <- prox(p, x; step = 1)", "it bends down: its second derivative is"},
		{"fn q(u) = u^2/2 + softplus(u)\nfn e(u) = prox(q, u; step = 1)\nfn p(u) = e(u)^2", "x <- prox(p, x; step = 1)", "a prox or mirror inside it"},
		{"fn p(u) = abs(u)", "hyper lr = 0.1\n x <- prox(p, x; step = lr)", "declare it as `hyper lr = 0.1 in (0, inf)`"},
		{"fn p(u) = abs(u)", "hyper lr = 0.1 in [-1, 1]\n x <- prox(p, x; step = lr)", "the step of prox is not negative, and the interval of lr is [-1, 1]"},
		{"", "hyper lo = 2\n hyper hi = 1\n x <- project(box(; lo, hi), x)", "lo of box is above hi at the defaults, 2 and 1"},
		{"", "hyper lo = 2 in [2, 3]\n x <- project(box(; lo, 1), x)", "lo of box is above hi: nothing lies between"},
		{"", "x <- x - hypergrad(3)", "hypergrad"},
	} {
		_, diags := attempt(t, c.fns+"\nrule r {\n  "+c.body+"\n}\n")
		if !diags.HasErrors() {
			t.Errorf("%s; %s: no error", c.fns, c.body)
			continue
		}
		text := fmt.Sprint(diags)
		if !strings.Contains(text, c.want) {
			t.Errorf("%s; %s: the message does not say %q: %s", c.fns, c.body, c.want, text)
		}
		if !strings.Contains(text, "r.opt:") {
			t.Errorf("%s; %s: no place: %s", c.fns, c.body, text)
		}
	}
}

// nest repeats a text around another n times.
func nest(n int, around, inner string) string {
	for i := range n {
		inner = strings.NewReplacer("%s", inner, "%d", fmt.Sprint(i+1)).Replace(around)
	}
	return inner
}

// TestPathological gives penalties that branch without end, meet infinities or hold nothing: each compiles to something that
// gives no NaN, or is refused, in bounded time.
func TestPathological(t *testing.T) {
	inUse := []string{
		nest(20, "max(%s, %d*u - %d)", "0"), nest(20, "max(%s, %d*u - %d*%d)", "u"), nest(6, "abs(%s - 1)", "u"), nest(12, "abs(%s - 1)", "u"),
		nest(60, "abs(%s - 0.5)", "u"), nest(5, "%s*abs(u - %d)", "1"), nest(3, "%s*abs(u - %d)", "1"), "abs(u)*abs(u)", "abs(u)*abs(u - 1)",
		"where(u < 1, 0, where(u < 1, 1, 2))", "where(u < 1, where(u > 1, 5, u), u^2)", "where(u == 1, where(u == 1, 0, 1), 1)",
		"abs(u - 1) - abs(2*u - 2)", "abs(2*u - 2) - 0.5*abs(u - 1)", "abs(u - 1) + abs(1 - u)", "max(u, u)", "max(u, -u)", "min(u, 2*u) + max(u, 2*u)",
		"where(u < inf, abs(u), 0)", "where(u > inf, 1, abs(u))", "where(u < -inf, 1, abs(u))", "where(u == inf, 0, abs(u))", "u*(u != inf)",
		"where(u < (inf - inf), 1, abs(u))", "where(u != (inf - inf), abs(u), 1)", "max(u, -inf)", "min(abs(u), inf)",
		"1/u", "abs(u)/u", "1/abs(u)", "where(u == 0, 0, 1/abs(u))", "(u - 1)/(u - 1)", "1/(u^2 - 1)", "u/0", "0/u", "1/(u - u)", "log(abs(u))", "-log(abs(u))",
		"0", "7", "-3", "pi", "0*u", "u - u", "true*1", "u*0 + inf*0", "1e300*u^2", "1e-300*abs(u)", "1e300*abs(u - 1e300)", "abs(u)^1e-3", "abs(u)^100",
		"u^2 - u^2", "sqrt(u^2)", "sqrt(abs(u))^2", "exp(abs(u))", "exp(exp(u))", "exp(-u)", "u^8", "u^16", "(u^2)^9", "log(u)^2", "sqrt(sqrt(abs(u)))",
		"copysign(u, u)", "copysign(1, u)", "sign(u)", "abs(sign(u))", "sign(u - 1)*u", "clamp(u, 1, -1)", "clamp(u, 0, 0)", "u % 1", "round(u)", "isfinite(u)*1",
		"cbrt(u)", "cbrt(abs(u))", "hypot(u, 1)", "erf(u)", "tanh(u)", "tanh(abs(u))", "atan(abs(u))", "log2(1 + abs(u))", "2^u", "2^abs(u)", "abs(u)^abs(u)", "tan(u)",
		"(u < 1 and u > -1)*1", "(u < 1 or u > 2)*1", "where(not u < 1, u, 0)", "where(u < 1 and u > 1, 5, u^2)", "-u^2", "-abs(u)", "-u^4", "u^3",
		"where(u > 0, log(u), -inf)", "where(u > 0, 0, -inf)", "-inf", "where(u > 1, -inf, u)",
	}
	derived := 0
	for _, f := range inUse {
		for _, mode := range []string{"prox(p, x; step = 0.5)", "prox(p, x; step = lr)", "mirror(p, x, g)"} {
			text := "fn p(u) = " + f + "\nrule r {\n  hyper lr = 0.5 in (0, inf)\n  x <- x + 0*lr*g\n  x <- " + mode + "\n}\n"
			p, diags := attempt(t, text)
			if diags.HasErrors() || p == nil {
				if !strings.Contains(fmt.Sprint(diags), "r.opt:") {
					t.Errorf("%s of %s: no place in %v", mode, f, diags)
				}
				continue
			}
			derived++
			v := []float64{0, 1, -1, 0.3, -2.5, 7, 1e8, math.Inf(1), math.Inf(-1), math.NaN()}
			got := onVector(p, []float64{0.5}, v)
			if got[len(v)-1] == got[len(v)-1] && strings.HasPrefix(mode, "prox") {
				t.Errorf("%s of %s at NaN is %v", mode, f, got[len(v)-1])
			}
			narrow := make([]float32, len(v))
			onVector(p, []float64{0.5}, narrow)
		}
	}
	t.Logf("%d of %d are derived, the slowest in %v", derived, 3*len(inUse), slowest)
	if derived < len(inUse) {
		t.Errorf("%d of %d were derived", derived, 3*len(inUse))
	}
}

// TestPathologicalMinima holds those of such penalties that have a minimum to it.
func TestPathologicalMinima(t *testing.T) {
	for i, f := range []string{
		nest(20, "max(%s, %d*u - %d)", "0"), nest(6, "abs(%s - 1)", "u"), nest(12, "abs(%s - 1)", "u"), nest(20, "abs(%s - 0.5)", "u"), "abs(u)*abs(u - 1)",
		"abs(u - 1)*abs(u + 1)*0.5", "where(u < 1, 1, where(u <= 1, 0, 2))", "where(u <= 1, where(u > 1, 5, 0.5*u), u^2)", "where(u == 1, where(u == 1, 0, 1), 1)",
		"abs(u - 1) - abs(2*u - 2)", "abs(2*u - 2) - 0.5*abs(u - 1)", "abs(u - 1) + abs(1 - u)", "max(u, u)", "max(u, -u)", "min(u, 2*u) + max(u, 2*u)",
		"where(u < inf, abs(u), 0)", "where(u > inf, 1, abs(u))", "where(u == inf, 0, abs(u))", "max(u, -inf)", "min(abs(u), inf)", "(u - 1)*(u + 2)/2", "sqrt(u^2)",
		"sqrt(abs(u))^2", "exp(abs(u))", "sign(abs(u))", "clamp(u, -1, 1)", "clamp(u, 0, 0)", "2^abs(u)", "hypot(u, 1)", "(u < -1 or u > 2)*1", "where(not u <= 1, u, 0) + 2*(u > 1)",
		"abs(abs(u) - 1)*(u > 0)", "where(abs(u) == 1, 0, 1)", "where(abs(u) == 1, -3, abs(u))", "0", "7", "0*u", "1e-300*abs(u)", "where(u > 3, inf, where(u < -3, inf, -u))",
		"abs(u) + (u != 0) + (u != 1)", "exp(u) - log(u + 2)", "exp(-u) - log(3 - u)", "exp(u) - log(1 + u) - log(2 - u)", "where(u == 0, 0, 1/(1 + abs(u)))", "u^2 - u^2", "abs(u)^3 + abs(u)", "max(abs(u) - 1, 0)^2 + (abs(u) > 1)", "min(min(u^2, 1), 2*abs(u - 3))",
	} {
		fns := fmt.Sprintf("fn p%d(u) = %s\n", i, f)
		for _, step := range []float64{0.2, 3} {
			holdProx(t, fns, fmt.Sprintf("p%d", i), "", step, []float64{0, 0.5, 1, -1, 1.5, -3.25, 4.5})
		}
		if t.Failed() {
			t.Log(f)
			return
		}
	}
}

// TestLarge holds that what is large is bounded: it compiles soon, or is refused.
func TestLarge(t *testing.T) {
	sum := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			if i > 0 {
				b.WriteString(" + ")
			}
			fmt.Fprintf(&b, format, i+1)
		}
		return b.String()
	}
	for _, f := range []string{
		sum(30, "abs(u - %d)"), sum(200, "abs(u - %d)"), sum(60, "max(u - %d, 0)^2"), sum(40, "log(%d + abs(u))"), sum(12, "sqrt(abs(u) + %d)"), sum(20, "abs(u^2 - %d)"),
		sum(100, "(u > %d)"), sum(30, "(u^2 < %d)"), sum(10, "1/(abs(u) + %d)"), sum(25, "exp(%d*u)"), nest(100, "where(u < %d, %s, %d*u)", "0"),
		nest(100, "sin(%s)", "u"), nest(25, "(%s)*(1 + u)", "1"), nest(25, "(%s)^2", "u"), nest(7, "(%s)^9 + 1", "u"), nest(120, "max(min(%s, %d), u)", "u"),
		nest(40, "softplus(%s)", "u"), nest(14, "where((%s) > %d, (%s) - 1, (%s) + u)", "u"),
	} {
		for _, call := range []string{"prox(p, x; step = 0.5)", "prox(p, x; step = lr)", "mirror(p, x, g)", "p'(x)", "d'(x)", "dd'(x)"} {
			text := "fn p(u) = " + f + "\nfn d(u) = p'(u)\nfn dd(u) = d'(u)\nrule r {\n  hyper lr = 0.5 in (0, inf)\n  x <- x + 0*lr*g\n  x <- " + call + "\n}\n"
			_, diags := attempt(t, text)
			if diags.HasErrors() && !strings.Contains(fmt.Sprint(diags), "r.opt:") {
				t.Errorf("%s of %.80s: no place in %.300v", call, f, diags)
			}
		}
	}
}

// TestInPlaces uses derivations inside each other and inside what runs at times only, and compares the numbers.
func TestInPlaces(t *testing.T) {
	const fns = `
fn shrink(u; lambda) = lambda*abs(u)
fn smooth(u) = prox(shrink(; 0.5), u; step = 1)
fn envelope(u) = 0.5*abs(smooth(u)) + (smooth(u) - u)^2/2
fn slope(u) = envelope'(u)
fn quarter(u) = 0.5*u^2
fn inner(u) = quarter(prox(quarter, u; step = 1))
fn away(u) { let p = project(l2ball(; 1), u)
  return normsq(u - p)/2 }
fn twofold(u) = inner'(u)
fn ent(u) = u*log(u) - u
fn drawn(u) = u*(2*uniform() - 1)
`
	x := []float64{3, -2, 0.25, 0.6}
	for _, c := range []struct {
		body string
		want func(x float64) float64
	}{
		{"x <- slope(x)", func(x float64) float64 { return max(-0.5, min(x, 0.5)) }}, // the gradient of a Moreau envelope
		{"x <- smooth'(x)", func(x float64) float64 { return truth(math.Abs(x) > 0.5) }},
		{"x <- prox(inner, x; step = 4)", func(x float64) float64 { return x / 2 }}, // u^2/8
		{"x <- twofold(x)", func(x float64) float64 { return x / 4 }},
		{"x <- inner'(x)", func(x float64) float64 { return x / 4 }},
		{"when t > 0 { x <- smooth(x) }", func(x float64) float64 { return softly(x, 0.5) }},
		{"when t > 5 { x <- smooth(x) }", func(x float64) float64 { return x }},
		{"when t > 0 { x <- mirror(ent, abs(x), 1) } else { x <- mirror(quarter, x, 1) }", func(x float64) float64 { return math.Abs(x) * math.Exp(-1) }},
		{"when norm(x) > 100 { x <- mirror(ent, abs(x), 1) } else { x <- mirror(quarter, x, 1) }", func(x float64) float64 { return x - 1 }},
		{"repeat 3 { x <- smooth(x) }", func(x float64) float64 { return softly(x, 1.5) }},
		{"repeat i in 1..3 { x <- prox(shrink(; 0.1), x; step = i) }", func(x float64) float64 { return softly(x, 0.6) }},
		{"repeat 4 { x <- project(linfball(; 1), x)\n x <- project(nonneg, x) }", func(x float64) float64 { return min(max(x, 0), 1) }},
		{"repeat 9 { x <- project(box(; -1, 1), 2*x)\n until norm(x per model) > 1 }", func(x float64) float64 { return min(max(2*x, -1), 1) }},
		{"x <- away'(x)", func(v float64) float64 { return v * (1 - 1/length(x)) }},
		{"x <- x + 0*t\n x <- prox(shrink(; 1), x; step = 1)", func(x float64) float64 { return softly(x, 1) }},
		{"x <- abs(x) + 0*t\n x <- mirror(ent, x, 0.5)", func(x float64) float64 { return math.Abs(x) * math.Exp(-0.5) }},
		{"let d = prox(shrink(; 1), x; step = 1)\n let e = prox(shrink(; 1), d; step = 1)\n x <- e", func(x float64) float64 { return softly(x, 2) }},
		{"x <- prox(drawn, x; step = 1) + 0*normal()", nil}, // of a weight that is drawn
		{"x <- prox(shrink(; norm(x)), x; step = 0.1)", func(v float64) float64 { return softly(v, 0.1*length(x)) }},
		{"x <- prox(shrink(; abs(x)), x; step = 0.5)", func(v float64) float64 { return v / 2 }},
	} {
		p, diags := attempt(t, fns+"rule r {\n  "+c.body+"\n}\n")
		if diags.HasErrors() {
			t.Errorf("%s: %v", c.body, diags)
			continue
		}
		for i, u := range onVector(p, nil, x) {
			if c.want == nil {
				if !(u != x[i] && math.Abs(u-x[i]) <= 1) {
					t.Errorf("%s at %v is %v", c.body, x[i], u)
				}
				continue
			}
			if want := c.want(x[i]); !(math.Abs(u-want) <= 1e-12) {
				t.Errorf("%s at %v is %v, want %v", c.body, x[i], u, want)
			}
		}
	}
}
