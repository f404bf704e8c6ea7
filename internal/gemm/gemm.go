// Package gemm multiplies dense row-major matrices with strict arithmetic, and
// has the inner loops of factorizations that go through vectors (Rotate,
// UpdateTimes, Chain).
//
// In come slices of float32 or float64 and three extents, out goes C. Every
// element of C is the sum, in ascending order of the inner index p,
//
//	c = c + round(a[i,p]*b[p,j])
//
// with one rounded multiply and one rounded add for each p, and no fused
// multiply-add. So the bits of C depend on nothing but the operands: the
// portable loop, the AVX2 and the AVX-512 kernels agree, and so does any split
// of the rows or columns of C among goroutines. (A NaN is a NaN on every path;
// its payload is not promised.)
//
// The package starts no goroutine and keeps no state, and does not allocate.
package gemm

import "fmt"

// Float is an element type.
type Float interface{ float32 | float64 }

// NN computes C = A·B, or C = C + A·B if accumulate, where C is m×n, A is m×k
// and B is k×n.
//
// The slices must hold at least that many elements, else NN panics before it
// writes, and C must overlap neither A nor B. The same holds for TN and NT.
func NN[T Float](c, a, b []T, m, n, k int, accumulate bool) {
	check(len(c), len(a), len(b), m, n, k)
	multiply(c, n, View[T]{a, k, 1}, View[T]{b, n, 1}, m, n, k, accumulate)
}

// TN computes C = Aᵀ·B, or C = C + Aᵀ·B if accumulate, where C is m×n, A is
// k×m and B is k×n.
func TN[T Float](c, a, b []T, m, n, k int, accumulate bool) {
	check(len(c), len(a), len(b), m, n, k)
	multiply(c, n, View[T]{a, 1, m}, View[T]{b, n, 1}, m, n, k, accumulate)
}

// NT computes C = A·Bᵀ, or C = C + A·Bᵀ if accumulate, where C is m×n, A is
// m×k and B is n×k.
func NT[T Float](c, a, b []T, m, n, k int, accumulate bool) {
	check(len(c), len(a), len(b), m, n, k)
	multiply(c, n, View[T]{a, k, 1}, View[T]{b, 1, k}, m, n, k, accumulate)
}

// A View is a matrix whose element (i, j) is Data[i*Row+j*Col]: a part of a
// larger matrix, or, with Row and Col exchanged, its transpose.
type View[T Float] struct {
	Data     []T
	Row, Col int
}

// Into computes C = A·B, or C = C + A·B if accumulate, of parts of larger
// matrices: C is m×n with rows ldc >= n elements apart, A is m×k and B is k×n.
//
// It panics before it writes if a slice is too short. C must overlap neither A
// nor B.
func Into[T Float](c []T, ldc int, a, b View[T], m, n, k int, accumulate bool) {
	if m < 0 || n < 0 || k < 0 || ldc < n {
		panic(fmt.Sprintf("gemm: extents m=%d n=%d k=%d with rows of C %d apart", m, n, k, ldc))
	}
	if !spans(View[T]{c, ldc, 1}, m, n) || !spans(a, m, k) || !spans(b, k, n) {
		panic(fmt.Sprintf("gemm: %d, %d and %d elements of C, A and B are too few for m=%d n=%d k=%d", len(c), len(a.Data), len(b.Data), m, n, k))
	}
	multiply(c, ldc, a, b, m, n, k, accumulate)
}

// spans reports whether v holds rows×cols elements.
func spans[T Float](v View[T], rows, cols int) bool {
	if rows == 0 || cols == 0 {
		return true
	}
	return v.Row >= 0 && v.Col >= 0 && (rows-1)*v.Row+(cols-1)*v.Col < len(v.Data)
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
func multiply[T Float](c []T, ldc int, a, b View[T], m, n, k int, accumulate bool) {
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		if !accumulate {
			for i := range m {
				clear(c[i*ldc:][:n])
			}
		}
		return
	}
	if b.Col != 1 || (b.Row >= packStride && m > 2*tileRows) {
		multiplyPacked(c, ldc, a, b, m, n, k, accumulate)
		return
	}
	for j := 0; j < n; j += tileCols {
		for p := 0; p < k; p += panelRows {
			stripe(c[j:], ldc, a, p, b.Data[p*b.Row+j:], b.Row, m, min(tileCols, n-j), min(panelRows, k-p), accumulate || p > 0)
		}
	}
}

// multiplyPacked copies each panel of B to a dense buffer first. It is apart
// from multiply so that the buffer is on the stack of those alone who need it.
func multiplyPacked[T Float](c []T, ldc int, a, b View[T], m, n, k int, accumulate bool) {
	var buffer [panelRows * tileCols]T
	for j := 0; j < n; j += tileCols {
		cols := min(tileCols, n-j)
		for p := 0; p < k; p += panelRows {
			rows := min(panelRows, k-p)
			pack(buffer[:], View[T]{b.Data[p*b.Row+j*b.Col:], b.Row, b.Col}, rows, cols)
			stripe(c[j:], ldc, a, p, buffer[:], tileCols, m, cols, rows, accumulate || p > 0)
		}
	}
}

// pack copies the top left rows×cols of b to dst, whose rows are tileCols long.
func pack[T Float](dst []T, b View[T], rows, cols int) {
	if b.Col == 1 {
		for p := range rows {
			copy(dst[p*tileCols:][:cols], b.Data[p*b.Row:])
		}
		return
	}
	if b.Row == 1 {
		transpose(dst, b.Data, b.Col, rows, cols)
		return
	}
	for p := range rows {
		for j := range cols {
			dst[p*tileCols+j] = b.Data[p*b.Row+j*b.Col]
		}
	}
}

// stripe adds A[:, p:p+k]·panel to the first cols columns of c, tile by tile.
func stripe[T Float](c []T, ldc int, a View[T], p int, panel []T, ldb, m, cols, k int, accumulate bool) {
	for i := 0; i < m; i += tileRows {
		tile(c[i*ldc:], ldc, View[T]{a.Data[i*a.Row+p*a.Col:], a.Row, a.Col}, panel, ldb, min(tileRows, m-i), cols, k, accumulate)
	}
}
