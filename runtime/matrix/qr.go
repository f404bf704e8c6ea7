package matrix

import (
	"math"

	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// QR sets Out to the Q of A = Q·R with orthonormal columns and R upper triangular
// with no negative diagonal, for In = A (m×n). Out is m×min(m, n): of a wide
// matrix Q is that of its first m columns. Of a rank-deficient matrix Q is one of
// the possible ones, orthonormal all the same.
//
// Householder reflections (Golub and Van Loan, 5.2) in blocks of 32 (the compact
// WY form of Schreiber and Van Loan 1989). ‖QᵀQ - I‖ <= 8·n·u·√n, and every column
// of A - Q·R is at most 8·n·u·√n times that column of A, in the 2-norm. NaN only
// for an input that is not finite.
func QR[T elem.Float](c *Call[T]) {
	a := c.in(0)
	m, n := a.Rows, min(a.Rows, a.Cols)
	w := c.begin("QR", 1, 0, c.Out.is(m, n))
	work := w.wide.get(m * a.Cols)
	if _, ok := load(work, a.Data); !ok {
		c.fail()
		return
	}
	h := newReflectors(&w.wide, view{work, a.Cols}, m, n)
	h.balance()
	h.factor(n)
	q := w.wide.get(m * n)
	h.form(q)
	for j := range n {
		if h.a.data[j*h.a.ld+j] < 0 {
			for i := range m {
				q[i*n+j] = -q[i*n+j]
			}
		}
	}
	c.store(q, 0)
}

// panel is the number of reflections that are applied at once.
const panel = 32

// reflectors is a product of Householder reflections H_0·H_1·…, where
// H_j = I - tau_j·v·vᵀ and v is column j of a from row j on, with 1 in place of its
// first element, which belongs to R. a is m×n with m >= n.
type reflectors struct {
	mul  *product[float64]
	a    view
	m, n int
	tau  []float64

	// temporaries of a block: V (m×panel) and -V, T (panel×panel), and two of
	// panel rows and as many columns as the matrix that is reflected
	v, minusV, t, x, y []float64
}

func newReflectors(w *wideWork, a view, m, n int) reflectors {
	return reflectors{
		mul: &w.mul, a: a, m: m, n: n, tau: w.get(n),
		v: w.get(m * panel), minusV: w.get(m * panel), t: w.get(panel * panel),
		x: w.get(panel * max(panel, a.ld)), y: w.get(panel * max(panel, a.ld)),
	}
}

// balance multiplies each column by the power of two that brings its largest
// entry to [1, 2): a positive factor leaves Q as it is.
func (h *reflectors) balance() {
	for j := range h.n {
		top := 0.0
		for i := range h.m {
			top = max(top, math.Abs(h.a.data[i*h.a.ld+j]))
		}
		f := power(-exponent(top))
		for i := range h.m {
			h.a.data[i*h.a.ld+j] = f.times(h.a.data[i*h.a.ld+j])
		}
	}
}

// factor reduces the first n columns of a, of cols in all, to R on and above the
// diagonal and the reflections below.
func (h *reflectors) factor(cols int) {
	for j := 0; j < h.n; j += panel {
		end := min(j+panel, h.n)
		for i := j; i < end; i++ {
			h.tau[i] = reflection(h.a.at(i, i), h.m-i)
			h.reflect(i, end)
		}
		if end < cols {
			h.block(j, end)
			h.apply(h.a.at(j, end), j, end, cols-end, true)
		}
	}
}

// reflection finds H = I - tau·v·vᵀ that maps the first column x of a, m elements,
// to a multiple of the first unit vector, puts that multiple and the rest of v
// (v_0 = 1) in x's place, and returns tau: 0 if x is such a multiple already, up to
// 2^-900.
func reflection(a view, m int) (tau float64) {
	top := 0.0
	for i := 1; i < m; i++ {
		top = max(top, math.Abs(a.data[i*a.ld]))
	}
	if top < 0x1p-900 {
		for i := 1; i < m; i++ {
			a.data[i*a.ld] = 0
		}
		return 0
	}
	alpha := a.data[0]
	e := exponent(max(top, math.Abs(alpha)))
	f := power(-e)
	first, sum := f.times(alpha), 0.0
	for i := 1; i < m; i++ {
		x := f.times(a.data[i*a.ld])
		sum += float64(x * x)
	}
	beta := -math.Copysign(math.Sqrt(float64(first*first)+sum), first)
	for i := 1; i < m; i++ {
		a.data[i*a.ld] = f.times(a.data[i*a.ld]) / (first - beta)
	}
	a.data[0] = power(e).times(beta)
	return (beta - first) / beta
}

// reflect applies reflection i to the columns from i+1 to end.
func (h *reflectors) reflect(i, end int) {
	n := end - i - 1
	a, sum := h.a.at(i, i), h.x[:n]
	if n == 0 || h.tau[i] == 0 {
		return
	}
	m := h.m - i
	copy(sum, a.data[1:])
	for p := 1; p < m; p++ {
		row := a.row(p, n+1)
		axpy(sum, row[0], row[1:])
	}
	for j := range sum {
		sum[j] = float64(sum[j] * h.tau[i])
		a.data[1+j] -= sum[j]
	}
	for p := 1; p < m; p++ {
		row := a.row(p, n+1)
		axpy(row[1:], -row[0], sum)
	}
}

// block sets V, -V and T with H_j·…·H_(end-1) = I - V·T·Vᵀ: T is upper triangular
// with the diagonal tau, and T[:i,i] = -tau_i·T[:i,:i]·(V[:,:i]ᵀ·v_i).
func (h *reflectors) block(j, end int) {
	m, k := h.m-j, end-j
	a := h.a.at(j, j)
	for i := range m {
		row, minus := h.v[i*k:][:k], h.minusV[i*k:][:k]
		copy(row, a.row(i, k))
		if i < k {
			row[i] = 1
			clear(row[i+1:])
		}
		for p, x := range row {
			minus[p] = -x
		}
	}
	gram := h.x[:k*k]
	gemm.TN(gram, h.v, h.v, k, k, m, false)
	clear(h.t[:k*k])
	for i := range k {
		tau := h.tau[j+i]
		for p := range i {
			sum := 0.0
			for q := p; q < i; q++ {
				sum += float64(h.t[p*k+q] * gram[q*k+i])
			}
			h.t[p*k+i] = float64(-tau * sum)
		}
		h.t[i*k+i] = tau
	}
}

// apply multiplies c, whose first row is row j, by (I - V·T·Vᵀ) or its transpose,
// from the left.
func (h *reflectors) apply(c view, j, end, cols int, transposed bool) {
	m, k := h.m-j, end-j
	x, y := h.x[:k*cols], h.y[:k*cols]
	v := view{h.v, k}
	h.mul.into(x, cols, v.transposed(), c.plain(), k, cols, m, false)
	if transposed {
		gemm.TN(y, h.t, x, k, cols, k, false)
	} else {
		gemm.NN(y, h.t, x, k, cols, k, false)
	}
	h.mul.into(c.data, c.ld, view{h.minusV, k}.plain(), view{y, cols}.plain(), m, cols, k, true)
}

// form sets q (m×n) to the first n columns of the product of the reflections.
func (h *reflectors) form(q []float64) {
	identity(q, h.m, h.n)
	for j := (h.n - 1) / panel * panel; j >= 0; j -= panel {
		end := min(j+panel, h.n)
		h.block(j, end)
		h.apply(view{q, h.n}.at(j, j), j, end, h.n-j, false)
	}
}

// conjugate replaces a symmetric x (n×n) by Q·x·Qᵀ, where Q is the product of the reflections on the last h.m rows. With the
// block H = I - V·T·Vᵀ it is H·x·Hᵀ = x - V·Wᵀ - W·Vᵀ for Z = x·V·Tᵀ and W = Z - V·(T·Vᵀ·Z)/2. All is kept transposed.
func (h *reflectors) conjugate(w *wideWork, x []float64, n int) {
	y, t := w.get(panel*n), w.get(panel*n)
	minus, both := w.get(2*panel*n), w.get(2*panel*n) // -V and -W, Z or W and V
	gram, c := w.get(panel*panel), w.get(panel*panel)
	for j := (h.n - 1) / panel * panel; j >= 0 && h.n > 0; j -= panel {
		end := min(j+panel, h.n)
		h.block(j, end)
		m, k := h.m-j, end-j
		top := n - m
		z, v := both[:k*n], both[k*n:2*k*n]
		for i := range k {
			clear(v[i*n:][:top])
		}
		gemm.Transpose(v[top:], n, h.v, k, m, k)
		vT := gemm.View[float64]{Data: v[top:], Row: n, Col: 1}
		h.mul.into(y, n, vT, view{x, n}.at(top, 0).plain(), k, n, m, false)
		h.mul.into(z, n, view{h.t, k}.plain(), view{y, n}.plain(), k, n, k, false)
		gemm.Into(gram, k, vT, view{z[top:], n}.transposed(), k, k, m, false)
		gemm.NN(c, h.t, gram, k, k, k, false)
		h.mul.into(t, m, view{c, k}.transposed(), vT, k, m, k, false)
		// The rows above top have Z alone.
		for i := range k {
			row, turned := z[i*n+top:][:m], t[i*m:][:m]
			for q := range row {
				row[q] -= float64(turned[q] / 2)
			}
		}
		for i := range k {
			for q := range m {
				minus[i*m+q], minus[(k+i)*m+q] = -v[i*n+top+q], -z[i*n+top+q]
			}
		}
		left := view{minus, m}.transposed()
		h.mul.into(x[top*n:], n, left, view{both, n}.plain(), m, top, k, true)
		gemm.Transpose(x[top:], n, x[top*n:], n, m, top)
		h.mul.addSquare(x[top*n+top:], n, left, view{both[top:], n}.plain(), m, 2*k)
	}
}
