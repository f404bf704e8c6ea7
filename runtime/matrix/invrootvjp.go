package matrix

import (
	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// InvRootVJP sets Out to the product of D with the derivative of InvRoot at A, for
// In = Y = InvRoot(A), D (n×n) and Params = p, p a whole number from 1 to 16:
//
//	G = V·(F∘(Vᵀ·(D + Dᵀ)/2·V))·Vᵀ,  Y = V·diag(y)·Vᵀ,
//	F_ij = (y_i - y_j)/(y_i^-p - y_j^-p) = -(y_i·y_j)^p/Σ y_i^k·y_j^(p-1-k), k < p
//
// (Daleckii and Krein 1965): a sum of positive terms, so that nothing cancels where
// eigenvalues are close, and where they coincide it is the derivative. G is symmetric
// and the derivative in the direction D as well. It reads the lower triangle of Y alone.
//
// The error is at most 16·n·p·u·κ·‖D‖·‖Y‖^(p+1) in the Frobenius norm, κ the condition
// number of Y. NaN if an eigenvalue of Y is at most 8·n·u·‖Y‖: it is not positive
// definite, or not so to working precision.
func InvRootVJP[T elem.Float](c *Call[T]) {
	in, by := c.in(0), c.in(1)
	n := in.Rows
	w := c.begin("InvRootVJP", 2, 1, in.is(n, n) && by.is(n, n) && c.Out.is(n, n))
	p := int(max(0, min(c.Params[0], 17)))
	own := w.own.get(n * n)
	copy(own, in.Data)
	mirror(own, n)
	v, d, y := w.wide.get(n*n), w.wide.get(n*n), w.wide.get(n*n)
	values := w.wide.get(n)
	e, ok := load(v, own)
	ed, finite := load(d, by.Data)
	if !ok || !finite || float64(p) != c.Params[0] || p < 1 || p > 16 {
		c.fail()
		return
	}
	z, ok := w.wide.eigen(v, values, n)
	if !ok {
		c.fail()
		return
	}
	z.transpose(v)
	t := z.data[:n*n]
	least := float64(float64(n) * 0x1p-50 * largest(values))
	evenOut(d, n)
	gemm.TN(t, v, d, n, n, n, false)
	gemm.NN(y, t, v, n, n, n, false)
	for i := range n {
		if !(values[i] > least) {
			c.fail()
			return
		}
		for j := range n {
			y[i*n+j] = float64(y[i*n+j] * rootSlope(values[i], values[j], p))
		}
	}
	gemm.NN(t, v, y, n, n, n, false)
	gemm.NT(y, t, v, n, n, n, false)
	evenOut(y, n)
	c.store(y, e*(p+1)+ed)
}

// rootSlope is F of two eigenvalues: with q = y/x for y <= x it is -x·y^p/Σ q^k.
func rootSlope(x, y float64, p int) float64 {
	x, y = max(x, y), min(x, y)
	q, sum, top := y/x, 0.0, x
	for range p {
		sum = float64(sum*q) + 1
		top = float64(top * y)
	}
	return -top / sum
}

// evenOut replaces the n×n matrix a by the mean of itself and its transpose.
func evenOut(a []float64, n int) {
	for i := range n {
		for j := range i {
			mean := (a[i*n+j] + a[j*n+i]) / 2
			a[i*n+j], a[j*n+i] = mean, mean
		}
	}
}
