// Package gemm multiplies dense row-major matrices with strict arithmetic.
//
// In come slices of float32 or float64 and three extents, out goes C. Every
// element of C is the sum, in ascending order of the inner index p,
//
//	c = c + round(a[i,p]*b[p,j])
//
// with one rounded multiply and one rounded add for each p, and no fused
// multiply-add. So the bits of C depend on nothing but the operands: the
// portable loop, the AVX2 and the AVX-512 kernels agree, and so does any split
// of the rows of C among goroutines. (A NaN is a NaN on every path;
// its payload is not promised.)
//
// The package starts no goroutine and keeps no state, and does not allocate.
package gemm

import "fmt"

// Float is an element type: float32 has vector kernels, float64 is portable.
type Float interface{ float32 | float64 }

// NN computes C = A·B, or C = C + A·B if accumulate, where C is m×n, A is m×k
// and B is k×n.
//
// The slices must hold at least that many elements, else NN panics before it
// writes, and C must overlap neither A nor B. The same holds for TN and NT.
func NN[T Float](c, a, b []T, m, n, k int, accumulate bool) {
	check(len(c), len(a), len(b), m, n, k)
	multiply(c, operand[T]{a, k, 1}, operand[T]{b, n, 1}, m, n, k, accumulate)
}

// TN computes C = Aᵀ·B, or C = C + Aᵀ·B if accumulate, where C is m×n, A is
// k×m and B is k×n.
func TN[T Float](c, a, b []T, m, n, k int, accumulate bool) {
	check(len(c), len(a), len(b), m, n, k)
	multiply(c, operand[T]{a, 1, m}, operand[T]{b, n, 1}, m, n, k, accumulate)
}

// NT computes C = A·Bᵀ, or C = C + A·Bᵀ if accumulate, where C is m×n, A is
// m×k and B is n×k.
func NT[T Float](c, a, b []T, m, n, k int, accumulate bool) {
	check(len(c), len(a), len(b), m, n, k)
	multiply(c, operand[T]{a, k, 1}, operand[T]{b, 1, k}, m, n, k, accumulate)
}

// An operand is a matrix whose element (i, j) is data[i*row+j*col].
type operand[T Float] struct {
	data     []T
	row, col int
}

func check(c, a, b, m, n, k int) {
	if m < 0 || n < 0 || k < 0 {
		panic(fmt.Sprintf("gemm: negative extent in m=%d n=%d k=%d", m, n, k))
	}
	if !holds(c, m, n) || !holds(a, m, k) || !holds(b, k, n) {
		panic(fmt.Sprintf("gemm: %d, %d and %d elements of C, A and B are too few for m=%d n=%d k=%d", c, a, b, m, n, k))
	}
}

// holds reports rows*cols <= length without overflow.
func holds(length, rows, cols int) bool {
	return rows == 0 || cols <= length/rows
}

// A tile of C is tileRows×tileCols; it takes one panel of B, panelRows×tileCols
// (32 KiB of float32), at a time, and every tile below it takes the same panel.
const (
	tileRows  = 4
	tileCols  = 64
	panelRows = 128
)

// packStride is the row stride of B from which a panel is copied to be dense:
// rows that far apart, above all at powers of two, fall on the same few sets of
// the first-level cache and on a page of their own each.
const packStride = 512

// multiply is all three products; they differ only in the strides of A and B.
func multiply[T Float](c []T, a, b operand[T], m, n, k int, accumulate bool) {
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		if !accumulate {
			clear(c[:m*n])
		}
		return
	}
	if b.col != 1 || (b.row >= packStride && m > 2*tileRows) {
		multiplyPacked(c, a, b, m, n, k, accumulate)
		return
	}
	for j := 0; j < n; j += tileCols {
		for p := 0; p < k; p += panelRows {
			stripe(c[j:], n, a, p, b.data[p*b.row+j:], b.row, m, min(tileCols, n-j), min(panelRows, k-p), accumulate || p > 0)
		}
	}
}

// multiplyPacked copies each panel of B to a dense buffer first. It is apart
// from multiply so that the buffer is on the stack of those alone who need it.
func multiplyPacked[T Float](c []T, a, b operand[T], m, n, k int, accumulate bool) {
	var buffer [panelRows * tileCols]T
	for j := 0; j < n; j += tileCols {
		cols := min(tileCols, n-j)
		for p := 0; p < k; p += panelRows {
			rows := min(panelRows, k-p)
			pack(buffer[:], operand[T]{b.data[p*b.row+j*b.col:], b.row, b.col}, rows, cols)
			stripe(c[j:], n, a, p, buffer[:], tileCols, m, cols, rows, accumulate || p > 0)
		}
	}
}

// pack copies the top left rows×cols of b to dst, whose rows are tileCols long.
func pack[T Float](dst []T, b operand[T], rows, cols int) {
	if b.col == 1 {
		for p := range rows {
			copy(dst[p*tileCols:][:cols], b.data[p*b.row:])
		}
		return
	}
	transpose(dst, b.data, b.col, rows, cols)
}

// stripe adds A[:, p:p+k]·panel to the first cols columns of c, tile by tile.
func stripe[T Float](c []T, ldc int, a operand[T], p int, panel []T, ldb, m, cols, k int, accumulate bool) {
	for i := 0; i < m; i += tileRows {
		tile(c[i*ldc:], ldc, operand[T]{a.data[i*a.row+p*a.col:], a.row, a.col}, panel, ldb, min(tileRows, m-i), cols, k, accumulate)
	}
}
