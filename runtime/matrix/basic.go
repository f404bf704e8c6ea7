package matrix

import (
	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// Mul sets Out = A·B for In = A (m×k), B (k×n). Every element is the sum of its k
// products in index order, in T: the error is at most k·u_T·Σ|a||b|, u_T being
// the unit roundoff of T.
func Mul[T elem.Float](c *Call[T]) {
	a, b := c.in(0), c.in(1)
	w := c.begin("Mul", 2, 0, a.Cols == b.Rows && c.Out.is(a.Rows, b.Cols))
	m, n, k := a.Rows, b.Cols, a.Cols
	if m == n && m > blockCols && gemm.AreTransposes(a.Data, b.Data, m, k) {
		w.mul.square(c.Out.Data, gemm.View[T]{Data: a.Data, Row: k, Col: 1}, gemm.View[T]{Data: b.Data, Row: n, Col: 1}, n, k, mirrored)
		return
	}
	w.mul.nn(c.Out.Data, a.Data, b.Data, m, n, k, false)
}

// Transpose sets Out = Aᵀ for In = A (m×n); Out is n×m. Exact.
func Transpose[T elem.Float](c *Call[T]) {
	a := c.in(0)
	c.begin("Transpose", 1, 0, c.Out.is(a.Cols, a.Rows))
	transpose(c.Out.Data, a.Data, a.Rows, a.Cols)
}

// DiagOf sets Out, a vector of n elements (n×1 or 1×n), to the diagonal of
// In = A (n×n). Exact.
func DiagOf[T elem.Float](c *Call[T]) {
	a := c.in(0)
	n := a.Rows
	c.begin("DiagOf", 1, 0, a.is(n, n) && c.Out.vector(n))
	for i := range n {
		c.Out.Data[i] = a.Data[i*n+i]
	}
}

// DiagFrom sets Out (n×n) to the diagonal matrix of In, a vector of n elements
// (n×1 or 1×n). Exact.
func DiagFrom[T elem.Float](c *Call[T]) {
	a := c.in(0)
	n := c.Out.Rows
	c.begin("DiagFrom", 1, 0, a.vector(n) && c.Out.is(n, n))
	clear(c.Out.Data)
	for i, x := range a.Data {
		c.Out.Data[i*n+i] = x
	}
}

// vector reports whether a is a row or a column of n elements.
func (a Array[T]) vector(n int) bool { return a.is(n, 1) || a.is(1, n) }

// Trace sets Out (1×1) to the sum of the diagonal of In = A (n×n), added in
// float64 in index order and rounded once: the error before that rounding is at
// most n·u·Σ|a|.
func Trace[T elem.Float](c *Call[T]) {
	a := c.in(0)
	n := a.Rows
	c.begin("Trace", 1, 0, a.is(n, n) && c.Out.is(1, 1))
	sum := 0.0
	for i := range n {
		sum += float64(a.Data[i*n+i])
	}
	c.Out.Data[0] = T(sum)
}

// Tril sets Out to the lower triangle of In = A (n×n) with the diagonal, and to zero above it. Exact.
func Tril[T elem.Float](c *Call[T]) {
	a := c.in(0)
	n := a.Rows
	c.begin("Tril", 1, 0, a.is(n, n) && c.Out.is(n, n))
	clear(c.Out.Data)
	for i := range n {
		copy(c.Out.Data[i*n:][:i+1], a.Data[i*n:])
	}
}

// Outer sets Out = u·vᵀ for In = u of m elements and v of n elements, each a row
// or a column; Out is m×n. Each product is rounded once, in T.
func Outer[T elem.Float](c *Call[T]) {
	u, v := c.in(0), c.in(1)
	m, n := len(u.Data), len(v.Data)
	c.begin("Outer", 2, 0, u.vector(m) && v.vector(n) && c.Out.is(m, n))
	for i, x := range u.Data {
		row := c.Out.Data[i*n:][:n]
		for j, y := range v.Data {
			row[j] = T(x * y)
		}
	}
}

// Eye sets Out to the identity: ones on the diagonal, also of a matrix that is
// not square.
func Eye[T elem.Float](c *Call[T]) {
	c.begin("Eye", 0, 0, true)
	identity(c.Out.Data, c.Out.Rows, c.Out.Cols)
}

// Diag is DiagOf if In is square and Out a vector, else DiagFrom; a 1×1 matrix is
// its own diagonal either way.
func Diag[T elem.Float](c *Call[T]) {
	if a := c.in(0); a.is(a.Rows, a.Rows) && c.Out.vector(a.Rows) {
		DiagOf(c)
		return
	}
	DiagFrom(c)
}
