package matrix

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// TestLarge takes sizes of many blocks, and rows long enough for gemm to copy
// panels.
func TestLarge(t *testing.T) {
	r, w := rand.New(rand.NewPCG(14, 1)), worst{}
	const n = 530
	slack := 8 * n * u
	a := array[float64](random(r, n, n))
	wide := dense(a)
	inv := dense(apply(t, Inv[float64], n, n, nil, a))
	w.within(t, "A·inv(A) - I", "normal", norm(sub(mul(wide, inv), eye(n))), slack*norm(wide)*norm(inv))
	q := dense(apply(t, QR[float64], n, n, nil, a))
	w.within(t, "QᵀQ - I", "normal", norm(sub(mul(q.T(), q), eye(n))), slack*math.Sqrt(n))
	gram := array[float64](mul(wide, wide.T()))
	sym := symmetric(gram)
	l := dense(apply(t, Cholesky[float64], n, n, nil, half(gram)))
	w.within(t, "L·Lᵀ - A", "gram", norm(sub(mul(l, l.T()), sym)), slack*norm(sym))

	const m = 260
	b := array[float64](spectral(r, geometric(m, 1e8)))
	sym = symmetric(b)
	v := dense(apply(t, EigVecs[float64], m, m, nil, half(b)))
	values := mat.NewDiagDense(m, eigenvalues(sym))
	w.within(t, "VᵀV - I", "ill", norm(sub(mul(v.T(), v), eye(m))), 8*m*u*math.Sqrt(m))
	w.within(t, "A·V - V·Λ", "ill", norm(sub(mul(sym, v), mul(v, values))), 8*m*u*norm(sym))
	compareRoot(t, w, "ill", b, 4, 1e-6)
	c := singular(r, m, m+30, geometric(m, 100))
	got := dense(apply(t, SVDShrink[float64], m, m+30, []float64{0.05}, array[float64](c)))
	w.within(t, "svd_shrink", "ill", norm(sub(got, gonumShrink(c, 0.05))), 16*m*u*norm(c))
	checkPolar(t, w, "ill", c, dense(apply(t, Polar[float64], m, m+30, nil, array[float64](c))), u)
	w.log(t)
}
