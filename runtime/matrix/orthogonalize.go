package matrix

import (
	"math"

	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// maxSteps bounds the steps of Orthogonalize.
const maxSteps = 100

// Orthogonalize sets Out to Muon's approximation of U·Vᵀ for In = G (m×n) with the
// singular value decomposition G = U·S·Vᵀ, by Params = steps iterations
//
//	A = X·Xᵀ,  X ← a·X + (b·A + c·A²)·X,  (a, b, c) = (3.4445, -4.7750, 2.0315)
//
// from X = G/(‖G‖ + 1e-7), ‖G‖ the Frobenius norm, on the transpose if m > n
// (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks",
// whose code computes in bfloat16; here in T). steps is a whole number from 0 to
// 100; with 5, singular values of X from 0.005 to 1 come to [0.68, 1.16], smaller
// ones are increased up to 485-fold: that is the method's, not an error.
//
// The norm and the division are computed in float64. The result differs from that
// of the iteration in exact arithmetic by at most 8·k·u_T·4^steps in the Frobenius
// norm, k being the smaller extent and u_T the unit roundoff of T. NaN for an input
// that is not finite and for other steps.
func Orthogonalize[T elem.Float](c *Call[T]) {
	in := c.in(0)
	k, n := min(in.Rows, in.Cols), max(in.Rows, in.Cols)
	w := c.begin("Orthogonalize", 1, 1, c.Out.is(in.Rows, in.Cols))
	x, y := w.own.get(k*n), w.own.get(k*n)
	a, b := w.own.get(k*k), w.own.get(k*k)
	steps := int(max(-1, min(c.Params[0], maxSteps+1)))
	if float64(steps) != c.Params[0] || steps < 0 || steps > maxSteps || !normalize(w, x, in.Data) {
		c.fail()
		return
	}
	tall := in.Rows > in.Cols
	if tall {
		copy(y, x)
		transpose(x, y, n, k)
	}
	for range steps {
		quintic(&w.mul, y, x, a, b, k, n)
		x, y = y, x
	}
	if tall {
		transpose(c.Out.Data, x, k, n)
	} else {
		copy(c.Out.Data, x)
	}
}

// normalize sets x to g/(‖g‖ + 1e-7). It reports false if g is not finite.
func normalize[T elem.Float](w *Work[T], x, g []T) bool {
	wide := w.wide.get(len(g))
	e, ok := load(wide, g)
	norm := math.Sqrt(dot(wide, wide)) + power(-e).times(1e-7)
	for i, v := range wide {
		x[i] = T(v / norm)
	}
	return ok
}

// quintic sets y = a·X + (b·A + c·A²)·X with A = X·Xᵀ, for x (k×n); a and b are
// temporaries of k×k.
func quintic[T elem.Float](w *product[T], y, x, a, b []T, k, n int) {
	w.square(a, gemm.View[T]{Data: x, Row: n, Col: 1}, gemm.View[T]{Data: x, Row: 1, Col: n}, k, n, mirrored)
	w.square(b, gemm.View[T]{Data: a, Row: k, Col: 1}, gemm.View[T]{Data: a, Row: k, Col: 1}, k, k, mirrored)
	for i, v := range a {
		b[i] = T(-4.7750*v) + T(2.0315*b[i])
	}
	for i, v := range x {
		y[i] = T(3.4445 * v)
	}
	w.nn(y, b, x, k, n, k, true)
}
