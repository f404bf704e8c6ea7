package matrix

import "github.com/optc-lang/optc/runtime/elem"

// InvRoot sets Out = (A + ridge·I)^(-1/p) for In = A (n×n) symmetric and
// Params = p, ridge; p is a whole number from 1 to 16. It reads the lower triangle
// of A alone.
//
// The ridge is added as it is, like the ε·I of Gupta, Koren and Singer 2018,
// algorithm 1. (The code of Anil et al. 2020 adds ridge times the largest
// eigenvalue of A unless told otherwise; a rule that wants this passes that
// product.)
//
// A + ridge·I = Q·T·Qᵀ by Householder reflections, T tridiagonal, and T^(-1/p) is a sum of resolvents (see resolvents). The
// error relative to the largest entry of the result is at most 8·(n+2)·u·κ, κ the condition number of A + ridge·I. NaN if
// A + ridge·I is not positive definite, or if κ exceeds about 2^50/n: then the least eigenvalue may be rounding alone.
//
// Rows and columns are taken by falling diagonal. So of a matrix D·B·D, with numbers D of many magnitudes and a B of a small
// κ, the large entries of the root are as exact as those of B's.
func InvRoot[T elem.Float](c *Call[T]) {
	in := c.in(0)
	n := in.Rows
	w := c.begin("InvRoot", 1, 2, in.is(n, n) && c.Out.is(n, n))
	p, ridge := int(max(0, min(c.Params[0], 17))), c.Params[1]
	own, order := w.own.get(n*n), w.ints.get(n)
	falling(order, in.Data, n)
	for i, from := range order {
		for j, k := range order[:i+1] {
			own[i*n+j] = in.Data[max(from, k)*n+min(from, k)]
		}
	}
	mirror(own, n)
	a := w.wide.get(n * n)
	e, ok := load(a, own)
	if !ok || float64(p) != c.Params[0] || p < 1 || p > 16 || !elem.IsFinite(ridge) {
		c.fail()
		return
	}
	e = damp(a, n, e, p, ridge)
	root, ok := w.wide.inverseRoot(a, n, p)
	if !ok {
		c.fail()
		return
	}
	for i, to := range order {
		for j, k := range order {
			a[to*n+k] = root[max(i, j)*n+min(i, j)]
		}
	}
	c.store(a, -e/p)
}

// falling sets order to the indices of the diagonal of a (n×n), the largest element first, equal ones as they are.
func falling[T elem.Float](order []int, a []T, n int) {
	for i := range order {
		k := i
		for ; k > 0 && a[order[k-1]*(n+1)] < a[i*(n+1)]; k-- {
			order[k] = order[k-1]
		}
		order[k] = i
	}
}

// damp adds ridge to the diagonal of a·2^e (n×n), and scales the sum by 2^-e for a new e, a multiple of p that brings its
// largest entry to [1, 2^(p+1)).
func damp(a []float64, n, e, p int, ridge float64) int {
	if r := exponent(ridge); ridge != 0 && r > e {
		shift(a, e-r)
		e = r
	}
	ridge = power(-e).times(ridge)
	for i := range n {
		a[i*n+i] += ridge
	}
	top := exponent(largest(a))
	e += top
	rest := ((e % p) + p) % p
	shift(a, rest-top)
	return e - rest
}

// inverseRoot returns a^(-1/p), of which the lower triangle counts; a (n×n) is overwritten. It reports false if a is not
// positive definite.
func (w *wideWork) inverseRoot(a []float64, n, p int) (root []float64, ok bool) {
	if n == 0 {
		return nil, true
	}
	d, e := w.get(n), w.get(n)
	h := tridiagonal(w, a, d, e, n)
	r := &w.resolvents
	r.begin(w, d, e)
	top := r.top()
	least := float64(float64(max(n, 4)) * 0x1p-52 * top)
	if !r.positive(least) {
		return nil, false
	}
	for r.positive(float64(2 * least)) {
		least = float64(2 * least)
	}
	diagonal := r.integral(p, least, top)
	root = w.get(n * n)
	r.whole(root, diagonal)
	h.conjugate(w, root, n)
	return root, true
}
