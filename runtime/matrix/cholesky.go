package matrix

import (
	"math"

	"github.com/optc-lang/optc/runtime/elem"
)

// Cholesky sets Out to the lower triangular L with L·Lᵀ = A and a positive
// diagonal, zero above it, for In = A (n×n) symmetric positive definite. It reads
// the lower triangle of A alone (Golub and Van Loan, 4.2; recursive by halves).
//
// ‖A - L·Lᵀ‖ <= 8·n·u·‖A‖ in the Frobenius norm. NaN if a pivot is at most 8·n·u
// times the diagonal entry that it remains of: A is not positive definite, or not
// so to working precision.
func Cholesky[T elem.Float](c *Call[T]) {
	a := c.in(0)
	n := a.Rows
	w := c.begin("Cholesky", 1, 0, a.is(n, n) && c.Out.is(n, n))
	l, lower := w.wide.get(n*n), w.own.get(n*n)
	for i := range n {
		copy(lower[i*n:][:i+1], a.Data[i*n:][:i+1])
		clear(lower[i*n+i+1 : (i+1)*n])
	}
	e, ok := load(l, lower)
	if e%2 != 0 { // an even power of two has a root
		shift(l, 1)
		e--
	}
	least := w.wide.get(n)
	for i := range n {
		least[i] = float64(float64(n) * 0x1p-50 * l[i*n+i])
	}
	if !ok || !cholesky(view{l, n}, n, least, w.wide.get(n*n)) {
		c.fail()
		return
	}
	for i := range n {
		clear(l[i*n+i+1 : (i+1)*n])
	}
	c.store(l, e/2)
}

// cholesky replaces the lower triangle of a by its factor; the upper triangle is
// overwritten with numbers of no meaning. It reports whether every pivot is
// positive and above its least.
func cholesky(a view, n int, least, scratch []float64) bool {
	if n > base {
		h := n / 2
		low := a.at(h, 0)
		if !cholesky(a, h, least, scratch) {
			return false
		}
		solveRight(a, low, n-h, h, scratch)
		subtract(a.at(h, h), low, low.transposed(), n-h, n-h, h, scratch)
		return cholesky(a.at(h, h), n-h, least[h:], scratch)
	}
	for i := range n {
		ai := a.row(i, i+1)
		for j := range i {
			aj := a.row(j, j+1)
			ai[j] = (ai[j] - dot(ai[:j], aj[:j])) / aj[j]
		}
		d := ai[i] - dot(ai[:i], ai[:i])
		if !(d > 0 && d > least[i]) {
			return false
		}
		ai[i] = math.Sqrt(d)
	}
	return true
}
