package matrix

import (
	"math"

	"github.com/optc-lang/optc/runtime/elem"
)

// Solve sets Out to the X with A·X = B, for In = A (n×n), B (n×k); Out is n×k.
//
// Gaussian elimination with partial pivoting (Golub and Van Loan, Matrix
// Computations, 3.4; recursive as Toledo 1997), after the rows and then the
// columns of A were scaled by powers of two to a largest entry in [1, 2). The
// residual is ‖A·X - B‖ <= 8·n·u·‖A‖·‖X‖ in the Frobenius norm.
// NaN if a pivot of the scaled matrix is at most 8·n·u: A is singular to working
// precision, and not because of the scale of its rows and columns.
func Solve[T elem.Float](c *Call[T]) {
	a, b := c.in(0), c.in(1)
	n, k := a.Rows, b.Cols
	w := c.begin("Solve", 2, 0, a.is(n, n) && b.Rows == n && c.Out.is(n, k))
	x := w.wide.get(n * k)
	if !widen(x, b.Data) {
		c.fail()
		return
	}
	solve(c, w, x, k)
}

// Inv sets Out = A⁻¹ for In = A (n×n), as Solve with the identity: the residual is
// ‖A·X - I‖ <= 8·n·u·‖A‖·‖X‖. NaN as Solve.
func Inv[T elem.Float](c *Call[T]) {
	a := c.in(0)
	n := a.Rows
	w := c.begin("Inv", 1, 0, a.is(n, n) && c.Out.is(n, n))
	x := w.wide.get(n * n)
	identity(x, n, n)
	solve(c, w, x, n)
}

// solve stores A⁻¹·x, A being the first input and x n×k.
func solve[T elem.Float](c *Call[T], w *Work[T], x []float64, k int) {
	n := c.In[0].Rows
	a, scratch := w.wide.get(n*n), w.wide.get(n*n)
	ok := widen(a, c.In[0].Data)
	lines := w.ints.get(3*n + k)
	rows, cols, swaps, right := lines[:n], lines[n:2*n], lines[2*n:3*n], lines[3*n:]
	if !ok || !equilibrate(a, n, rows, cols) || !factor(view{a, n}, n, swaps, scratch) {
		c.fail()
		return
	}
	scaleRight(x, rows, right)
	for i, p := range swaps {
		swap(x[i*k:][:k], x[p*k:][:k])
	}
	solveLower(view{a, n}, view{x, k}, n, k, true, scratch)
	solveUpper(view{a, n}, view{x, k}, n, k, scratch)
	for i := range n {
		for j, e := range right {
			x[i*k+j] = power(e - cols[i]).times(x[i*k+j])
		}
	}
	c.store(x, 0)
}

// equilibrate scales row i of a by 2^-rows[i] and then column j by 2^-cols[j], so
// that the largest entry of each column is in [1, 2) and none of a row exceeds 2.
// It reports false if a row or column is zero.
func equilibrate(a []float64, n int, rows, cols []int) bool {
	for i := range n {
		row := a[i*n:][:n]
		top := largest(row)
		if top == 0 {
			return false
		}
		rows[i] = exponent(top)
		shift(row, -rows[i])
	}
	for j := range n {
		top := 0.0
		for i := range n {
			top = max(top, math.Abs(a[i*n+j]))
		}
		if top == 0 {
			return false
		}
		cols[j] = exponent(top)
		f := power(-cols[j])
		for i := range n {
			a[i*n+j] = f.times(a[i*n+j])
		}
	}
	return true
}

// scaleRight scales row i of x by 2^-rows[i] and then column j by 2^-cols[j], so
// that the largest entry of each column is in [1, 2) or zero.
func scaleRight(x []float64, rows, cols []int) {
	k := len(cols)
	for j := range cols {
		cols[j] = math.MinInt
		for i, r := range rows {
			if v := math.Abs(x[i*k+j]); v > 0 {
				cols[j] = max(cols[j], exponent(v)-r)
			}
		}
		for i, r := range rows {
			if v := x[i*k+j]; v != 0 {
				x[i*k+j] = power(-r - cols[j]).times(v)
			}
		}
		if cols[j] == math.MinInt {
			cols[j] = 0
		}
	}
}

// factor computes P·A = L·U in place, L with ones on its diagonal; at step i, row i
// was exchanged with row swaps[i]. It reports false if a pivot is at most 8·n·u.
func factor(a view, n int, swaps []int, scratch []float64) bool {
	return factorColumns(a, n, 0, n, swaps, scratch)
}

// factorColumns is factor for the columns from j0 to j1, rows j0 and below, the
// columns before being done and applied to these.
func factorColumns(a view, n, j0, j1 int, swaps []int, scratch []float64) bool {
	if j1-j0 > base {
		h := (j0 + j1) / 2
		if !factorColumns(a, n, j0, h, swaps, scratch) {
			return false
		}
		right := a.at(j0, h)
		solveLower(a.at(j0, j0), right, h-j0, j1-h, true, scratch)
		subtract(a.at(h, h), a.at(h, j0), right.plain(), n-h, j1-h, h-j0, scratch)
		return factorColumns(a, n, h, j1, swaps, scratch)
	}
	for j := j0; j < j1; j++ {
		p := pivot(a, n, j)
		swaps[j] = p
		swap(a.row(j, n), a.row(p, n))
		row := a.row(j, j1)
		if !(math.Abs(row[j]) > float64(n)*0x1p-50) {
			return false
		}
		for i := j + 1; i < n; i++ {
			ai := a.row(i, j1)
			ai[j] /= row[j]
			axpy(ai[j+1:], -ai[j], row[j+1:])
		}
	}
	return true
}

// pivot returns the first row from j on with the largest entry in column j.
func pivot(a view, n, j int) int {
	best := j
	for i := j + 1; i < n; i++ {
		if math.Abs(a.data[i*a.ld+j]) > math.Abs(a.data[best*a.ld+j]) {
			best = i
		}
	}
	return best
}

func largest(x []float64) float64 {
	top := 0.0
	for _, v := range x {
		top = max(top, math.Abs(v))
	}
	return top
}

// shift multiplies x by 2^e.
func shift(x []float64, e int) {
	if e == 0 {
		return
	}
	f := power(e)
	for i := range x {
		x[i] = f.times(x[i])
	}
}

func swap(x, y []float64) {
	if len(x) == 0 || &x[0] == &y[0] {
		return
	}
	for i := range x {
		x[i], y[i] = y[i], x[i]
	}
}
