package matrix

import (
	"math"

	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// SVDShrink sets Out = U·max(S - tau, 0)·Vᵀ for In = A (m×n) with the singular value
// decomposition A = U·S·Vᵀ and Params = tau: the proximal operator of tau times the
// nuclear norm (Cai, Candès and Shen 2010, theorem 2.1). tau >= 0.
//
// One-sided Jacobi (Hestenes 1958) on the rows of R of A = Q·R, or of Aᵀ if A is
// wide, after Drmač and Veselić 2008: it finds V and S alone, and Out is
// A·V·(max(S - tau, 0)/S)·Vᵀ. The error is at most 16·n·u·‖A‖ in the Frobenius
// norm, n the smaller extent. NaN if tau is negative or NaN, or if the rows are not
// orthogonal after 40 sweeps, which has not been seen.
func SVDShrink[T elem.Float](c *Call[T]) {
	in := c.in(0)
	m, n := max(in.Rows, in.Cols), min(in.Rows, in.Cols)
	w := c.begin("SVDShrink", 1, 1, c.Out.is(in.Rows, in.Cols))
	a, q, r, out := w.wide.get(m*n), w.wide.get(m*n), w.wide.get(n*n), w.wide.get(m*n)
	e, ok := load(a, in.Data)
	tau := c.Params[0]
	if !ok || !(tau >= 0) {
		c.fail()
		return
	}
	wide := in.Cols > in.Rows
	if wide {
		copy(out, a)
		transpose(a, out, n, m)
	}
	triangle(&w.wide, r, q, a, m, n)
	size := w.wide.get(n)
	if !orthogonalRows(r, nil, size, n) {
		c.fail()
		return
	}
	weights(r, size, n, power(-e).times(tau))
	gemm.NT(q, a, r, m, n, n, false)
	for i := range m {
		row := q[i*n:][:n]
		for j, s := range size {
			row[j] = float64(row[j] * s)
		}
	}
	gemm.NN(out, q, r, m, n, n, false)
	if wide {
		transpose(q, out, m, n)
		out = q
	}
	c.store(out, e)
}

// triangle sets r (n×n) to the R of the QR decomposition of a (m×n), whose rows
// are nearer to orthogonal than the columns of a; q is a temporary of m×n.
func triangle(w *wideWork, r, q, a []float64, m, n int) {
	copy(q, a)
	h := newReflectors(w, view{q, n}, m, n)
	h.factor(n)
	clear(r)
	for i := range n {
		copy(r[i*n+i:(i+1)*n], q[i*n+i:])
	}
}

// orthogonalRows rotates pairs of rows of r until all are orthogonal, up to n·u,
// and sets size to their squared norms. It rotates those of turn with them, unless
// it is nil. It reports false if that takes too long.
func orthogonalRows(r, turn, size []float64, n int) bool {
	const sweeps = 40
	for range sweeps {
		for i := range n {
			row := r[i*n:][:n]
			size[i] = dot(row, row)
		}
		if sweep(r, turn, size, n) == 0 {
			return true
		}
	}
	return false
}

// sweep goes through all pairs of rows once and returns the number of rotations.
func sweep(r, turn, size []float64, n int) (rotations int) {
	for i := range n {
		for j := i + 1; j < n; j++ {
			c, s, rotated := separate(r[i*n:][:n], r[j*n:][:n], &size[i], &size[j])
			if !rotated {
				continue
			}
			rotations++
			if turn != nil {
				rotate(turn[i*n:][:n], turn[j*n:][:n], c, s)
			}
		}
	}
	return rotations
}

// separate rotates x and y, of squared norms p and q, to be orthogonal. It returns
// the rotation, and reports whether they were not. A zero row, to working precision,
// is orthogonal to all.
func separate(x, y []float64, p, q *float64) (c, s float64, rotated bool) {
	if *p < 0x1p-900 || *q < 0x1p-900 {
		return 1, 0, false
	}
	tolerance := float64(0x1p-53 * float64(max(len(x), 8)))
	d := dot(x, y)
	if math.Abs(d) <= tolerance*math.Sqrt(*p)*math.Sqrt(*q) {
		return 1, 0, false
	}
	z := (*q - *p) / (2 * d)
	t := math.Copysign(1/(math.Abs(z)+math.Sqrt(1+float64(z*z))), z)
	c = 1 / math.Sqrt(1+float64(t*t))
	s = float64(c * t)
	rotate(x, y, c, s)
	*p -= float64(t * d)
	*q += float64(t * d)
	return c, s, true
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

// weights replaces each row of r by its direction and its squared norm in size by
// max(s - tau, 0)/s, s being the norm: by zero what that shrinks to zero.
func weights(r, size []float64, n int, tau float64) {
	for i := range n {
		row := r[i*n:][:n]
		s := math.Sqrt(dot(row, row))
		if !(s > tau) || s < 0x1p-450 {
			clear(row)
			size[i] = 0
			continue
		}
		divide(row, s)
		size[i] = (s - tau) / s
	}
}
