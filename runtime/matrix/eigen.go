package matrix

import (
	"math"

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
	a, z := w.wide.get(n*n), w.wide.get(n*n)
	d, e := w.wide.get(n), w.wide.get(n)
	if _, ok := load(a, own); !ok {
		c.fail()
		return
	}
	tridiagonal(&w.wide, a, z, d, e, n)
	if !diagonal(d, e, z, n) {
		c.fail()
		return
	}
	sortRows(d, z, n)
	for i := range n {
		orient(z[i*n:][:n])
	}
	transpose(a, z, n, n)
	c.store(a, 0)
}

// tridiagonal finds the orthogonal Q and the tridiagonal matrix QᵀAQ with diagonal
// d and subdiagonal e[:n-1], from the lower triangle of a, which it overwrites, and
// sets z to Qᵀ.
func tridiagonal(w *wideWork, a, z, d, e []float64, n int) {
	if n == 0 {
		return
	}
	// The reflections act on the rows and columns from 1 on: column k of a, from
	// row k+1 on, has reflection k, as reflectors want it.
	h := newReflectors(w, view{a, n}.at(1, 0), n-1, n-1)
	p := w.get(n)
	for k := range n - 1 {
		below := view{a, n}.at(k+1, k)
		h.tau[k] = reflection(below, n-1-k)
		d[k], e[k] = a[k*n+k], below.data[0]
		if h.tau[k] != 0 {
			reflectBoth(below, h.tau[k], p, e[k+1:], n-1-k)
		}
	}
	d[n-1], e[n-1] = a[n*n-1], 0

	q := w.get(n * n)
	h.form(q[:(n-1)*(n-1)])
	clear(z)
	z[0] = 1
	for i := range n - 1 {
		for j := range n - 1 {
			z[(j+1)*n+i+1] = q[i*(n-1)+j]
		}
	}
}

// reflectBoth computes B = H·B·H for the symmetric B (m×m) to the right of the
// column v that a begins with, in its lower triangle: with p = tau·B·v and
// x = p - (tau/2)(pᵀv)v it is B - v·xᵀ - x·vᵀ. p and v are temporaries.
func reflectBoth(a view, tau float64, p, v []float64, m int) {
	p, v = p[:m], v[:m]
	for i := range v {
		v[i] = a.data[i*a.ld]
	}
	v[0] = 1
	clear(p)
	for i := range m {
		row := a.data[i*a.ld+1:][:i+1]
		p[i] += dot(row, v[:i+1])
		axpy(p[:i], v[i], row[:i])
	}
	for i := range p {
		p[i] = float64(p[i] * tau)
	}
	half := float64(tau / 2 * dot(p, v))
	axpy(p, -half, v)
	for i := range m {
		row, vi, pi := a.data[i*a.ld+1:][:i+1], v[i], p[i]
		pj, vj := p[:len(row)], v[:len(row)]
		for j := range row {
			row[j] -= float64(vi*pj[j]) + float64(pi*vj[j])
		}
	}
}

// diagonal finds the eigenvalues of the tridiagonal matrix of d and e in d and
// applies the rotations to the rows of z. It reports false if it does not converge.
func diagonal(d, e, z []float64, n int) bool {
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
			implicitQL(d, e, z, l, m, n)
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
func implicitQL(d, e, z []float64, l, m, n int) {
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
			return
		}
		s, c = f/r, g/r
		g = d[i+1] - p
		r = float64((d[i]-g)*s) + float64(2*c*b)
		p = float64(s * r)
		d[i+1] = g + p
		g = float64(c*r) - b
		rotate(z[i*n:][:n], z[(i+1)*n:][:n], c, s)
	}
	d[l] -= p
	e[l] = g
	e[m] = 0
}

// rotate sets x, y to c*x - s*y, s*x + c*y.
func rotate(x, y []float64, c, s float64) {
	y = y[:len(x)]
	for i, a := range x {
		b := y[i]
		x[i] = float64(c*a) - float64(s*b)
		y[i] = float64(s*a) + float64(c*b)
	}
}

// sortRows orders d ascending, equal ones as they are, and the rows of z with it.
func sortRows(d, z []float64, n int) {
	for i := range n {
		least := i
		for j := i + 1; j < n; j++ {
			if d[j] < d[least] {
				least = j
			}
		}
		d[i], d[least] = d[least], d[i]
		swap(z[i*n:][:n], z[least*n:][:n])
	}
}

// orient makes the first of the entries of v that are the largest, up to 2^-40,
// positive.
func orient(v []float64) {
	limit := float64(largest(v) * (1 - 0x1p-40))
	for _, x := range v {
		if math.Abs(x) >= limit {
			if x < 0 {
				for i := range v {
					v[i] = -v[i]
				}
			}
			return
		}
	}
}
