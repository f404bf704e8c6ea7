package gemm

import optrt "github.com/optc-lang/optc/runtime"

// best is the fastest engine that has a kernel here and that the processor runs; active is the one in use, which tests
// set.
var (
	best   = detect()
	active = best
)

func detect() optrt.Engine {
	for _, e := range []optrt.Engine{optrt.AVX512, optrt.AVX2} {
		if optrt.Has(e) {
			return e
		}
	}
	return optrt.Go
}

// tile computes a tile of C by the active kernel; see tilePortable.
func tile[T Float](c []T, ldc int, a operand[T], b []T, ldb, rows, cols, k int, accumulate bool) {
	c32, ok := any(c).([]float32)
	if !ok || active == optrt.Go {
		tilePortable(c, ldc, a, b, ldb, rows, cols, k, accumulate)
		return
	}
	a32, b32 := any(a.data).([]float32), any(b).([]float32)
	// The last element of each operand: the kernels check no bounds.
	_ = c32[(rows-1)*ldc+cols-1]
	_ = a32[(rows-1)*a.row+(k-1)*a.col]
	_ = b32[(k-1)*ldb+cols-1]
	if active == optrt.AVX512 {
		tileAVX512(&c32[0], ldc, &a32[0], a.row, a.col, &b32[0], ldb, rows, cols, k, accumulate)
	} else {
		tileAVX2(&c32[0], ldc, &a32[0], a.row, a.col, &b32[0], ldb, rows, cols, k, accumulate)
	}
}

// transpose moves whole 8×8 squares by the vector kernel and the rest in Go; see
// transposePortable.
func transpose[T Float](dst, src []T, stride, rows, cols int) {
	d32, ok := any(dst).([]float32)
	r, n := rows&^7, cols&^7
	if !ok || active == optrt.Go || r == 0 || n == 0 {
		transposePortable(dst, src, stride, rows, cols)
		return
	}
	s32 := any(src).([]float32)
	_ = d32[(r-1)*tileCols+n-1]
	_ = s32[(n-1)*stride+r-1]
	for j := 0; j < n; j += 8 {
		transposeAVX2(&d32[j], &s32[j*stride], stride, r)
	}
	if r < rows {
		transposePortable(dst[r*tileCols:], src[r:], stride, rows-r, n)
	}
	if n < cols {
		transposePortable(dst[n:], src[n*stride:], stride, rows, cols-n)
	}
}

// tileAVX512 and tileAVX2 are tilePortable for 1 <= rows <= 4, cols >= 1 and
// k >= 1: element (i, p) of A is a[i*arow+p*acol].
//
//go:noescape
func tileAVX512(c *float32, ldc int, a *float32, arow, acol int, b *float32, ldb, rows, cols, k int, accumulate bool)

//go:noescape
func tileAVX2(c *float32, ldc int, a *float32, arow, acol int, b *float32, ldb, rows, cols, k int, accumulate bool)

// transposeAVX2 is transposePortable for 8 columns and a positive multiple of 8
// rows.
//
//go:noescape
func transposeAVX2(dst, src *float32, stride, rows int)
