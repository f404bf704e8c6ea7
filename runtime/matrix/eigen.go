package matrix

import (
	"math"

	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// EigVecs sets Out to the orthonormal eigenvectors of In = A (n×n) symmetric, as
// columns, by ascending eigenvalue; of each column the largest entry (the first of
// those that are the largest up to 2^-40 of it) is positive. It reads the lower
// triangle of A alone. Of a repeated eigenvalue the vectors are one basis of its
// space.
//
// Householder tridiagonalisation and implicit QL (Golub and Van Loan, 8.3; Bowdler,
// Martin, Reinsch and Wilkinson 1968). ‖VᵀV - I‖ <= 8·n·u·√n and
// ‖A·V - V·Λ‖ <= 8·n·u·‖A‖ in the Frobenius norm. NaN if an eigenvalue takes more
// than 60 sweeps, which has not been seen.
func EigVecs[T elem.Float](c *Call[T]) {
	in := c.in(0)
	n := in.Rows
	w := c.begin("EigVecs", 1, 0, in.is(n, n) && c.Out.is(n, n))
	own := w.own.get(n * n)
	copy(own, in.Data)
	mirror(own, n)
	a, values := w.wide.get(n*n), w.wide.get(n)
	if _, ok := load(a, own); !ok {
		c.fail()
		return
	}
	z, ok := w.wide.eigen(a, values, n)
	if !ok {
		c.fail()
		return
	}
	z.sort(values)
	for i := range n {
		z.orient(i)
	}
	z.transpose(a)
	c.store(a, 0)
}

// eigen finds the eigenvalues of the symmetric matrix a (n×n), of which it reads the lower triangle and overwrites all, and
// its eigenvectors, the rows of z. It reports false if it does not converge.
func (w *wideWork) eigen(a, values []float64, n int) (z strips, ok bool) {
	z = strips{w.get(stripsLen(n)), n}
	q, e := w.get(n*n), w.get(n)
	h := tridiagonal(w, a, values, e, n)
	h.form(q[:h.m*h.m])
	z.load(q)
	w.turns.begin(z, q, w.mul.split)
	ok = w.turns.diagonal(values, e, n)
	w.turns.end()
	return z, ok
}

// tridiagonal finds the orthogonal Q and the tridiagonal matrix QᵀAQ with diagonal d and subdiagonal e[:n-1], from the lower
// triangle of a, which it overwrites. The reflections are Q without its first row and column, which are those of the identity.
//
// A reflection H = I - tau·v·vᵀ makes H·B·H = B - v·xᵀ - x·vᵀ of what is to the right of and below its column, with
// p = tau·B·v and x = p - (tau/2)(pᵀv)v. That is subtracted on the way through B that makes the next product, when its
// column has had it already.
func tridiagonal(w *wideWork, a, d, e []float64, n int) reflectors {
	if n == 0 {
		return newReflectors(w, view{}, 0, 0)
	}
	// The reflections act on the rows and columns from 1 on: column k of a, from
	// row k+1 on, has reflection k, as reflectors want it.
	h := newReflectors(w, view{a, n}.at(1, 0), n-1, n-1)
	v, x := w.get(n), w.get(n) // of the reflection before, from row k on
	next, p := w.get(n), w.get(n)
	clear(v)
	clear(x)
	late := false // v and x are to be subtracted
	for k := range n {
		m := n - 1 - k
		column := next[:m+1]
		for i := range column {
			column[i] = a[(k+i)*n+k] - (float64(v[i]*x[0]) + float64(x[i]*v[0]))
		}
		d[k], e[k] = column[0], 0
		if m == 0 {
			break
		}
		column = column[1:]
		h.tau[k] = reflection(view{column, 1}, m)
		e[k] = column[0]
		for i, y := range column {
			a[(k+1+i)*n+k] = y
		}
		column[0] = 1
		if late || h.tau[k] != 0 {
			gemm.UpdateTimes(a[(k+1)*n+k+1:], n, v[1:][:m], x[1:][:m], column, p[:m])
		}
		if late = h.tau[k] != 0; !late {
			clear(v)
			clear(x)
			continue
		}
		for i := range p[:m] {
			p[i] = float64(p[i] * h.tau[k])
		}
		half := float64(h.tau[k] / 2 * dot(p[:m], column))
		axpy(p[:m], -half, column)
		copy(v, column)
		x, p = p, x
	}
	return h
}

// diagonal finds the eigenvalues of the tridiagonal matrix of d and e in d and turns the rows of z along. It reports false if
// it does not converge.
func (t *turns) diagonal(d, e []float64, n int) bool {
	const sweeps = 60
	for l := range n {
		for sweep := 0; ; sweep++ {
			m := l
			for m < n-1 && !negligible(e[m], d[m], d[m+1], sweep) {
				m++
			}
			if m == l {
				break
			}
			if sweep == sweeps {
				return false
			}
			implicitQL(d, e, l, m, t)
		}
	}
	return true
}

// negligible reports that the subdiagonal entry e between d0 and d1 is zero to
// working precision: beside them, which keeps the small eigenvalues of a graded
// matrix, and after many sweeps beside the whole matrix, whose largest entry is at
// least 1. (Through a chain of tiny entries between zeros the rotations underflow,
// and the shift never arrives.)
func negligible(e, d0, d1 float64, sweep int) bool {
	size, floor := math.Abs(d0)+math.Abs(d1), 0x1p-511
	if sweep >= 20 {
		floor = 0x1p-64
	}
	return math.Abs(e) <= float64(0x1p-53*size) || math.Abs(e) < floor
}

// implicitQL does one QL sweep with the shift of Wilkinson on rows l to m.
func implicitQL(d, e []float64, l, m int, t *turns) {
	turn := t.sweep(l, m)
	g := (d[l+1] - d[l]) / (2 * e[l])
	r := elem.Hypot(g, 1)
	g = d[m] - d[l] + e[l]/(g+math.Copysign(r, g))
	s, c, p := 1.0, 1.0, 0.0
	for i := m - 1; i >= l; i-- {
		f, b := float64(s*e[i]), float64(c*e[i])
		r = elem.Hypot(f, g)
		e[i+1] = r
		if r == 0 { // the matrix has split
			d[i+1] -= p
			e[m] = 0
			t.cut(i + 1)
			return
		}
		s, c = f/r, g/r
		g = d[i+1] - p
		r = float64((d[i]-g)*s) + float64(2*c*b)
		p = float64(s * r)
		d[i+1] = g + p
		g = float64(c*r) - b
		turn[0], turn[1] = c, s
		turn = turn[2:]
	}
	d[l] -= p
	e[l] = g
	e[m] = 0
}
