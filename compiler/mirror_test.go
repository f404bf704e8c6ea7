package compiler_test

import (
	"math/rand/v2"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/stdlib"
)

// TestMirrorStays: with a gradient of zero, or one too small to matter, a mirror step that Newton's method finds stays where
// it is, to the bit.
func TestMirrorStays(t *testing.T) {
	for _, body := range []string{"u^2/2 + log(1 + exp(u))", "u^2/2 + u^6", "cosh(u) + u^4", "u^2 - log(1 - u^2)"} {
		text := "fn p(u) = " + body + "\nrule r {\n x <- mirror(p, x, 0.1*g)\n}\n"
		u, diags := check.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", stdlib.FS)
		if diags.HasErrors() {
			t.Fatal(body, diags)
		}
		r, diags, err := compiler.Compile(u, "r", compiler.Settings{})
		if err != nil || r == nil {
			t.Fatal(body, err, diags)
		}
		stays[float32](t, body, r)
		stays[float64](t, body, r)
	}
}

func stays[T elem.Float](t *testing.T, body string, r *compiler.Rule) {
	t.Helper()
	const n = 2000
	m := interp.New[T](r.Checked, []interp.Tensor{{Name: "w", Shape: []int{n}}}, 1)
	rng := rand.New(rand.NewPCG(8, 8))
	x, g := make([]T, n), [][]T{make([]T, n)}
	for i := range x {
		x[i] = T(2*rng.Float64() - 1)
		if i%4 == 1 {
			g[0][i] = T(1e-30 * rng.NormFloat64())
			x[i] += T(0.01 * float64(1-2*(i/4%2)))
		}
	}
	x[0] = 0
	for i := range x {
		x[i] = min(max(x[i], -0.99), 0.99)
	}
	copy(m.Params[0], x)
	for range 3 {
		if err := m.Step(g, 0); err != nil {
			t.Fatal(body, err)
		}
	}
	for i, v := range m.Params[0] {
		if v != x[i] && (g[0][i] == 0 || x[i] > 1e-6 || x[i] < -1e-6) {
			t.Fatalf("%s: element %d goes from %v to %v with the gradient %v", body, i, x[i], v, g[0][i])
		}
	}
}
