package matrix

import (
	"math"

	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// Polar sets Out = U·Vᵀ for In = A (m×n) with the thin singular value decomposition
// A = U·S·Vᵀ: the nearest matrix with orthonormal columns, or rows if A is wide
// (Fan and Hoffman 1955). Of a matrix that lacks rank it is one of the nearest ones,
// the identity for zero.
//
// With k the smaller extent, ‖PᵀP - I‖ <= 8·k·u·√k, H = PᵀA differs from its
// transpose by at most 16·k·u·‖A‖, has no eigenvalue below the negative of that, and
// ‖A - P·H‖ <= 16·k·u·‖A‖, in the Frobenius norm; of a wide matrix all that holds
// for Aᵀ. So P is U·Vᵀ of a matrix so near to A. NaN for an input that is not finite,
// or if the rotations take more than 40 sweeps, which has not been seen.
func Polar[T elem.Float](c *Call[T]) {
	in := c.in(0)
	w := c.begin("Polar", 1, 0, c.Out.is(in.Rows, in.Cols))
	a, _, ok := loadTall(&w.wide, in)
	if !ok {
		c.fail()
		return
	}
	d, ok := decompose(&w.wide, a.data, a.rows, a.cols)
	if !ok {
		c.fail()
		return
	}
	gemm.NN(a.data, d.u, d.v, a.rows, a.cols, a.cols, false)
	c.storeTall(&w.wide, a, 0)
}

// PolarVJP sets Out to the product of D with the derivative of Polar at A, for In =
// A, D (m×n):
//
//	G = U·((K - Kᵀ)/(s_i + s_j))·Vᵀ + (I - U·Uᵀ)·D·V·S⁻¹·Vᵀ,  K = Uᵀ·D·V
//
// of a tall A, and of the transposes of a wide one (Kenney and Laub 1991). It is the
// derivative in the direction D as well. The error is at most 16·k·u·‖A‖·‖D‖/δ² in
// the Frobenius norm, k the smaller extent and δ the least sum of two singular values,
// or the least of them if A is not square. NaN if A or D is not finite, and where Polar
// has no derivative to working precision: δ is at most 8·k·u·‖A‖.
func PolarVJP[T elem.Float](c *Call[T]) {
	c.spectral("PolarVJP", 0, func([]float64, int) curve { return curve{polar: true} })
}

// SVDShrinkVJP sets Out to the product of D with the derivative of SVDShrink at A,
// for In = A, D (m×n) and Params = tau: with f(s) = max(s - tau, 0) and K = Uᵀ·D·V
//
//	G = U·(E∘(K + Kᵀ)/2 + O∘(K - Kᵀ)/2)·Vᵀ + (I - U·Uᵀ)·D·V·(f(S)/S)·Vᵀ,
//	E_ij = (f(s_i) - f(s_j))/(s_i - s_j),  O_ij = (f(s_i) + f(s_j))/(s_i + s_j)
//
// of a tall A (Lewis and Sendov 2001; Candès, Sing-Long and Trzasko 2013, lemma IV.1),
// and of the transposes of a wide one. It is the derivative in the direction D as
// well. Where singular values coincide E is f', which is half of one at tau. The error
// is at most 16·k·u·‖A‖·‖D‖/δ in the Frobenius norm, δ the least distance of a singular
// value from tau, or tau if that is less. NaN if A or D is not finite, for a negative tau
// and for NaN.
func SVDShrinkVJP[T elem.Float](c *Call[T]) {
	c.spectral("SVDShrinkVJP", 1, func(params []float64, e int) curve {
		return curve{tau: power(-e).times(params[0])}
	})
}

// curve is what an operator makes of singular values: 1, or max(s - tau, 0).
type curve struct {
	polar      bool
	tau, least float64
}

func (f curve) at(s float64) float64 {
	if f.polar {
		return 1
	}
	return max(s-f.tau, 0)
}

// even is E of two singular values.
func (f curve) even(s, t float64) float64 {
	switch {
	case f.polar:
		return 0
	case s == t && s == f.tau:
		return 0.5
	case s <= f.tau && t <= f.tau:
		return 0
	case s > f.tau && t > f.tau:
		return 1
	}
	return (f.at(s) - f.at(t)) / (s - t)
}

// odd is O of two singular values.
func (f curve) odd(s, t float64) float64 {
	switch sum := f.at(s) + f.at(t); {
	case sum == 0:
		return 0
	case f.polar && !(s+t > f.least):
		return math.NaN()
	default:
		return sum / (s + t)
	}
}

// ratio is f(S)/S.
func (f curve) ratio(s float64) float64 {
	switch y := f.at(s); {
	case y == 0:
		return 0
	case f.polar && !(s > f.least):
		return math.NaN()
	default:
		return y / s
	}
}

// spectral runs a product with the derivative of U·f(S)·Vᵀ; f is told the parameters
// and the exponent that A was scaled by.
func (c *Call[T]) spectral(op string, params int, of func(params []float64, e int) curve) {
	in, by := c.in(0), c.in(1)
	w := c.begin(op, 2, params, by.is(in.Rows, in.Cols) && c.Out.is(in.Rows, in.Cols))
	a, e, ok := loadTall(&w.wide, in)
	d, ed, finite := loadTall(&w.wide, by)
	if !ok || !finite || params > 0 && !(c.Params[0] >= 0) {
		c.fail()
		return
	}
	s, ok := decompose(&w.wide, a.data, a.rows, a.cols)
	if !ok {
		c.fail()
		return
	}
	f := of(c.Params, e)
	f.least = float64(float64(a.cols) * 0x1p-50 * largest(s.size))
	s.product(&w.wide, f, a, d)
	if f.polar {
		ed -= e
	}
	c.storeTall(&w.wide, a, ed)
}

// product sets g to the product of d with the derivative.
func (s *decomposition) product(w *wideWork, f curve, g, d tall) {
	m, n := g.rows, g.cols
	t, k := w.get(n*n), w.get(n*n)
	gemm.TN(t, s.u, d.data, n, n, m, false)
	gemm.NT(k, t, s.v, n, n, n, false)
	left := w.get(m * n)
	clear(left)
	if m > n { // a square U leaves nothing of D
		for i := range t {
			t[i] = -t[i]
		}
		gemm.NN(d.data, s.u, t, m, n, n, true)
		gemm.NT(left, d.data, s.v, m, n, n, false)
		for j, size := range s.size {
			ratio := f.ratio(size)
			for i := range m {
				left[i*n+j] = float64(left[i*n+j] * ratio)
			}
		}
	}
	for i := range n {
		for j := range i + 1 {
			x, y := k[i*n+j], k[j*n+i]
			even, odd := float64(f.even(s.size[i], s.size[j])*((x+y)/2)), 0.0
			if i != j {
				odd = float64(f.odd(s.size[i], s.size[j]) * ((x - y) / 2))
			}
			k[i*n+j], k[j*n+i] = even+odd, even-odd
		}
	}
	gemm.NN(left, s.u, k, m, n, n, true)
	gemm.NN(g.data, left, s.v, m, n, n, false)
}

// tall is a matrix with rows >= cols: an operand, or the transpose of one.
type tall struct {
	data       []float64
	rows, cols int
}

// loadTall loads an operand, or its transpose if it is wide, as load does.
func loadTall[T elem.Float](w *wideWork, in Array[T]) (a tall, e int, ok bool) {
	a = tall{w.get(len(in.Data)), max(in.Rows, in.Cols), min(in.Rows, in.Cols)}
	e, ok = load(a.data, in.Data)
	if ok && in.Cols > in.Rows {
		turned := w.get(len(in.Data))
		transpose(turned, a.data, in.Rows, in.Cols)
		a.data = turned
	}
	return a, e, ok
}

// storeTall stores a, or its transpose if Out is wide, as store does.
func (c *Call[T]) storeTall(w *wideWork, a tall, e int) {
	if c.Out.Cols > c.Out.Rows {
		turned := w.get(len(a.data))
		transpose(turned, a.data, a.rows, a.cols)
		a.data = turned
	}
	c.store(a.data, e)
}

// decomposition is A = U·S·Vᵀ with U of m×n, v = Vᵀ of n×n and S in no order.
type decomposition struct{ u, size, v []float64 }

// decompose finds it for a (m×n, m >= n): A = Q·R, one-sided Jacobi on the rows of R
// turns them to J·R = S·Vᵀ, and U = Q·Jᵀ (Drmač and Veselić 2008). U and V are
// orthogonal to working precision however small singular values are: where one is
// zero, V's row is completed. It reports false if the rotations do not converge.
func decompose(w *wideWork, a []float64, m, n int) (s decomposition, ok bool) {
	q, r, turn := w.get(m*n), w.get(n*n), w.get(n*n)
	s = decomposition{u: w.get(m * n), size: w.get(n), v: r}
	copy(s.u, a)
	h := newReflectors(w, view{s.u, n}, m, n)
	h.factor(n)
	clear(r)
	for i := range n {
		copy(r[i*n+i:(i+1)*n], s.u[i*n+i:])
	}
	h.form(q)
	identity(turn, n, n)
	if !orthogonalRows(r, turn, s.size, n) {
		return s, false
	}
	gemm.NT(s.u, q, turn, m, n, n, false)
	missing := 0
	for i := range n {
		row := r[i*n:][:n]
		s.size[i] = math.Sqrt(dot(row, row))
		if s.size[i] < 0x1p-450 {
			s.size[i] = 0
			missing++
			continue
		}
		divide(row, s.size[i])
	}
	if missing > 0 {
		s.complete(w, n, missing)
	}
	return s, true
}

// complete sets the rows of V of singular values that are zero, so many, to what is
// orthogonal to the others: the last columns of the Q of those.
func (s *decomposition) complete(w *wideWork, n, missing int) {
	t, q := w.get(n*n), w.get(n*n)
	clear(t)
	at := 0
	for i, size := range s.size {
		if size > 0 {
			for j := range n {
				t[j*n+at] = s.v[i*n+j]
			}
			at++
		}
	}
	h := newReflectors(w, view{t, n}, n, n)
	h.factor(n)
	h.form(q)
	for i, size := range s.size {
		if size == 0 {
			for j := range n {
				s.v[i*n+j] = q[j*n+at]
			}
			at++
		}
	}
}
