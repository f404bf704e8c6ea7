package derive_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/stdlib"
)

// checked is the program of rule r of a text.
func checked(t testing.TB, text string) *ir.Program {
	t.Helper()
	u, diags := check.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", stdlib.FS)
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, text[strings.Index(text, "rule r"):])
	}
	p, diags := check.Rule(u, "r", check.Settings{})
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, text[strings.Index(text, "rule r"):])
	}
	if err := p.Verify(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

// penalties are functions in the language's own words, their derivatives among the traps of symbolic differentiation.
const penalties = `
fn huber(u; delta) = where(abs(u) <= delta, 0.5*u^2, delta*(abs(u) - 0.5*delta))
fn scad(u; lambda, a) = where(abs(u) <= lambda, lambda*abs(u),
  where(abs(u) <= a*lambda, (2*a*lambda*abs(u) - u^2 - lambda^2)/(2*(a - 1)), lambda^2*(a + 1)/2))
fn soft(u) = softplus(2*u)*sigmoid(u - 1)
fn nested(u) { let v = huber(u*u; delta = 0.7)
  v <- v + soft(v)
  u <- sin(v)*u
  return u/(1 + v) }
fn slope(u) = soft'(u)
fn bend(u) = slope'(u)
fn product(u) = u^2*slope(u) + huber'(u; delta = 1)
fn root(u) = where(u > 0, sqrt(u), 0)
fn log_or_line(u) = where(u > 1, log(u), u - 1)
fn power(u) = abs(u)^1.7 + u^5 + 2^u
`

// apply evaluates the expression, a function of x, on numbers.
func apply(t testing.TB, fns, expr string, x []float64) []float64 {
	t.Helper()
	return function(t, fns, expr)(x)
}

// function is the expression as a function of x.
func function(t testing.TB, fns, expr string) func(x []float64) []float64 {
	t.Helper()
	p := checked(t, fns+"\nrule r { x <- "+expr+" }\n")
	return func(x []float64) []float64 {
		m := interp.New[float64](p, []interp.Tensor{{Shape: []int{len(x)}}}, 1)
		copy(m.Params[0], x)
		m.Step([][]float64{make([]float64, len(x))}, 0)
		return m.Params[0]
	}
}

// againstDifferences compares expr' (of f'(x)) with central differences of f at points where those converge, and
// returns at how many they did.
func againstDifferences(t *testing.T, fns, f, df string, x []float64) int {
	t.Helper()
	const h = 1e-4
	at := func(d float64) []float64 {
		y := make([]float64, len(x))
		for i := range x {
			y[i] = x[i] + d
		}
		return apply(t, fns, f, y)
	}
	got := apply(t, fns, df, x)
	a, b, c, d := at(h), at(-h), at(h/2), at(-h/2)
	n := 0
	for i := range x {
		coarse, fine := (a[i]-b[i])/(2*h), (c[i]-d[i])/h
		want := fine + (fine-coarse)/3
		scale := 1 + math.Abs(want)
		if math.Abs(fine-coarse) > 1e-5*scale || math.IsNaN(want) || math.IsInf(want, 0) {
			continue // a kink, or the function is not defined here
		}
		n++
		if !(math.Abs(got[i]-want) <= 2e-6*scale) {
			t.Errorf("%s at %v is %v, differences say %v\n%s", df, x[i], got[i], want, fns)
			return n
		}
	}
	return n
}

func points(seed uint64, n int) []float64 {
	r := rand.New(rand.NewPCG(seed, 3))
	x := make([]float64, n)
	for i := range x {
		x[i] = 6*r.Float64() - 3
	}
	return x
}

func TestDerivativesOfNamedFunctions(t *testing.T) {
	for _, f := range []string{
		"huber%s(x; delta = 0.5)", "huber%s(x; 2)", "scad%s(x; lambda = 0.4, a = 3.7)", "soft%s(x)", "nested%s(x)", "slope%s(x)",
		"bend%s(x)", "product%s(x)", "root%s(x)", "log_or_line%s(x)", "power%s(x)", "softplus%s(x)", "hypot%s(x, 2)", "atan%s(x)",
	} {
		x := points(5, 200)
		if n := againstDifferences(t, penalties, fmt.Sprintf(f, ""), fmt.Sprintf(f, "'"), x); n < 150 {
			t.Errorf("%s was compared at %d points only", f, n)
		}
	}
}

// smoothText writes a random expression of u that is defined everywhere.
func smoothText(r *rand.Rand, depth int) string {
	if depth == 0 {
		return []string{"u", "u", "u", "0.5", "1.5", "p"}[r.IntN(6)]
	}
	a, b := smoothText(r, depth-1), smoothText(r, depth-1)
	forms := []string{
		"(%[1]s + %[2]s)", "(%[1]s - %[2]s)", "%[1]s*%[2]s", "(%[1]s)/(2 + sin(%[2]s))", "sin(%[1]s)", "cos(%[1]s)", "tanh(%[1]s)",
		"sigmoid(%[1]s)", "softplus(%[1]s)", "atan(%[1]s)", "erf(%[1]s)", "exp(-(%[1]s)^2)", "log(1 + (%[1]s)^2)", "sqrt(1 + (%[1]s)^2)",
		"rsqrt(1 + (%[1]s)^2)", "max(%[1]s, %[2]s)", "min(%[1]s, %[2]s)", "where(%[1]s > %[2]s, sin(%[1]s), %[2]s)", "abs(%[1]s)",
		"clamp(%[1]s, -1, 1)", "hypot(%[1]s, 1 + abs(%[2]s))", "log1p((%[1]s)^2)", "cbrt(3 + sin(%[1]s))", "(%[1]s)^3", "(1 + (%[1]s)^2)^0.3",
		"(%[1]s > %[2]s)*%[1]s", "((%[1]s) %% 2)", "round(%[1]s)*%[2]s", "-(%[1]s)", "copysign(%[1]s, %[2]s)", "expm1(-abs(%[1]s))",
		"log2(1.5 + sin(%[1]s))", "tan(sin(%[1]s))", "sinh(sin(%[1]s))", "cosh(sin(%[1]s))", "(2 + cos(%[1]s))^tanh(%[2]s)",
	}
	return fmt.Sprintf(forms[r.IntN(len(forms))]+"%[3]s", a, b, "")
}

func TestDerivativesOfRandomExpressions(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 4))
	compared := 0
	for i := range 120 {
		fns := "fn f(u; p = 0.75) = " + smoothText(r, 3) + "\nfn d(u) = f'(u)\n"
		f, df := "f(x)", "f'(x)"
		if i%3 == 0 {
			f, df = "d(x)", "d'(x)"
		}
		compared += againstDifferences(t, fns, f, df, points(uint64(i), 25))
	}
	if compared < 1800 {
		t.Errorf("compared at %d points of %d", compared, 120*25)
	}
}

// TestDeadBranches holds that a branch not taken gives no NaN, and that kinks give what the language says.
func TestDeadBranches(t *testing.T) {
	for _, c := range []struct {
		expr    string
		x, want float64
	}{
		{"root'(x)", -1, 0}, {"root'(x)", 0, 0}, {"root'(x)", 4, 0.25}, {"log_or_line'(x)", -3, 1}, {"log_or_line'(x)", 2, 0.5},
		{"abs'(x)", 0, 0}, {"sign'(x)", 3, 0}, {"floor'(x)", 2.5, 0}, {"max'(x, 0)", 0, 0.5}, {"min'(x, 0)", 0, 0.5},
		{"max'(x, 0)", -1, 0}, {"max'(x, 0)", 1, 1}, {"clamp'(x, -1, 1)", -1, 0.5}, {"clamp'(x, -1, 1)", 0.3, 1}, {"clamp'(x, -1, 1)", 7, 0},
		{"huber'(x; delta = 1)", 5, 1}, {"huber'(x; delta = 1)", -0.25, -0.25}, {"scad'(x; lambda = 1, a = 3)", 10, 0},
		{"root'(root'(x))", -2, 0}, {"power'(x)", 0, math.Ln2},
	} {
		if got := apply(t, penalties, c.expr, []float64{c.x})[0]; math.Abs(got-c.want) > 1e-15*math.Abs(c.want) || got != got {
			t.Errorf("%s at %v is %v, want %v", c.expr, c.x, got, c.want)
		}
	}
}
