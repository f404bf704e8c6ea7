package matrix

import "github.com/optc-lang/optc/internal/gemm"

// base is the size at which a recursion over blocks stops.
const base = 8

// A view is a part of a float64 matrix: element (i, j) is data[i*ld+j].
type view struct {
	data []float64
	ld   int
}

// at returns the part of v from row i and column j on, empty beyond the end.
func (v view) at(i, j int) view { return view{v.data[min(i*v.ld+j, len(v.data)):], v.ld} }

// row returns cols elements of row i.
func (v view) row(i, cols int) []float64 { return v.data[i*v.ld:][:cols] }

func (v view) plain() gemm.View[float64] { return gemm.View[float64]{Data: v.data, Row: v.ld, Col: 1} }

func (v view) transposed() gemm.View[float64] {
	return gemm.View[float64]{Data: v.data, Row: 1, Col: v.ld}
}

// subtract computes C = C - A·B, C m×n and A m×k, by adding (-A)·B, which is the
// same to the bit; negated has room for A.
func subtract(c, a view, b gemm.View[float64], m, n, k int, negated []float64) {
	negated = negated[:m*k]
	for i := range m {
		row := negated[i*k:][:k]
		for j, x := range a.row(i, k) {
			row[j] = -x
		}
	}
	gemm.Into(c.data, c.ld, gemm.View[float64]{Data: negated, Row: k, Col: 1}, b, m, n, k, true)
}

// solveLower solves L·X = B in place of B (n×k), L lower triangular with ones on
// its diagonal if unit; what is above is not read. scratch has n*n elements.
func solveLower(l, x view, n, k int, unit bool, scratch []float64) {
	if n > base {
		h := n / 2
		solveLower(l, x, h, k, unit, scratch)
		subtract(x.at(h, 0), l.at(h, 0), x.plain(), n-h, k, h, scratch)
		solveLower(l.at(h, h), x.at(h, 0), n-h, k, unit, scratch)
		return
	}
	for i := range n {
		xi := x.row(i, k)
		for p := range i {
			axpy(xi, -l.data[i*l.ld+p], x.row(p, k))
		}
		if !unit {
			divide(xi, l.data[i*l.ld+i])
		}
	}
}

// solveUpper solves U·X = B in place of B (n×k), U upper triangular; what is below
// is not read. scratch has n*n elements.
func solveUpper(u, x view, n, k int, scratch []float64) {
	if n > base {
		h := n / 2
		solveUpper(u.at(h, h), x.at(h, 0), n-h, k, scratch)
		subtract(x, u.at(0, h), x.at(h, 0).plain(), h, k, n-h, scratch)
		solveUpper(u, x, h, k, scratch)
		return
	}
	for i := n - 1; i >= 0; i-- {
		xi := x.row(i, k)
		for p := i + 1; p < n; p++ {
			axpy(xi, -u.data[i*u.ld+p], x.row(p, k))
		}
		divide(xi, u.data[i*u.ld+i])
	}
}

// solveRight solves X·Lᵀ = B in place of B (m×n), L lower triangular; what is above
// is not read. scratch has m*n elements.
func solveRight(l, x view, m, n int, scratch []float64) {
	if n > base {
		h := n / 2
		solveRight(l, x, m, h, scratch)
		subtract(x.at(0, h), x, l.at(h, 0).transposed(), m, n-h, h, scratch)
		solveRight(l.at(h, h), x.at(0, h), m, n-h, scratch)
		return
	}
	for i := range m {
		xi := x.row(i, n)
		for j := range n {
			lj := l.row(j, j+1)
			xi[j] = (xi[j] - dot(xi[:j], lj[:j])) / lj[j]
		}
	}
}

func divide(x []float64, by float64) {
	for i := range x {
		x[i] /= by
	}
}
