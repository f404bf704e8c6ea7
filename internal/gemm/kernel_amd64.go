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
func tile[T Float](c []T, ldc int, a View[T], b []T, ldb, rows, cols, k int, accumulate bool) {
	if active == optrt.Go {
		tilePortable(c, ldc, a, b, ldb, rows, cols, k, accumulate)
		return
	}
	// The last element of each operand: the kernels check no bounds.
	_ = c[(rows-1)*ldc+cols-1]
	_ = a.Data[(rows-1)*a.Row+(k-1)*a.Col]
	_ = b[(k-1)*ldb+cols-1]
	switch c := any(c).(type) {
	case []float32:
		x, y := &any(a.Data).([]float32)[0], &any(b).([]float32)[0]
		if active == optrt.AVX512 {
			tileAVX512(&c[0], ldc, x, a.Row, a.Col, y, ldb, rows, cols, k, accumulate)
		} else {
			tileAVX2(&c[0], ldc, x, a.Row, a.Col, y, ldb, rows, cols, k, accumulate)
		}
	case []float64:
		x, y := &any(a.Data).([]float64)[0], &any(b).([]float64)[0]
		if active == optrt.AVX512 {
			tileAVX512x64(&c[0], ldc, x, a.Row, a.Col, y, ldb, rows, cols, k, accumulate)
		} else {
			tileAVX2x64(&c[0], ldc, x, a.Row, a.Col, y, ldb, rows, cols, k, accumulate)
		}
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

// rotate is rotatePortable, and pair is pairPortable. AVX2 is all they need: the four sums of a row are one vector of it, and
// what a rotation takes is the time of the multiplications.
func rotate(z, cs []float64, n int) {
	if active == optrt.Go {
		rotatePortable(z, cs, n)
		return
	}
	rotateAVX2(&z[n*RotateCols], &cs[0], n)
}

func pair(s *symmetric, n int) {
	if active == optrt.Go || s.rows < 2 {
		pairPortable(s, n)
		return
	}
	pairAVX2(&s.a[0][0], &s.a[1][0], &s.w[0], &s.x[0], &s.v[0], &s.p[0], n, &s.f, &s.sum)
}

func chain(s []float64, x *[ChainSums][ChainCols]float64, f []float64, n int) {
	if active == optrt.Go {
		chainPortable(s, x, f, n)
		return
	}
	chainAVX2(&s[(n-1)*ChainCols], x, &f[0], n)
}

// The tile kernels are tilePortable for 1 <= rows <= 4, cols >= 1 and
// k >= 1: element (i, p) of A is a[i*arow+p*acol].
//
//go:noescape
func tileAVX512(c *float32, ldc int, a *float32, arow, acol int, b *float32, ldb, rows, cols, k int, accumulate bool)

//go:noescape
func tileAVX2(c *float32, ldc int, a *float32, arow, acol int, b *float32, ldb, rows, cols, k int, accumulate bool)

//go:noescape
func tileAVX512x64(c *float64, ldc int, a *float64, arow, acol int, b *float64, ldb, rows, cols, k int, accumulate bool)

//go:noescape
func tileAVX2x64(c *float64, ldc int, a *float64, arow, acol int, b *float64, ldb, rows, cols, k int, accumulate bool)

// transposeAVX2 is transposePortable for 8 columns and a positive multiple of 8
// rows.
//
//go:noescape
func transposeAVX2(dst, src *float32, stride, rows int)

// rotateAVX2 is rotatePortable for n >= 1; last is its last row.
//
//go:noescape
func rotateAVX2(last, cs *float64, n int)

// pairAVX2 is pairPortable for two rows, a0 and a1, and a positive multiple n of 4.
//
//go:noescape
func pairAVX2(a0, a1, w, x, v, p *float64, n int, f *[2][3]float64, sum *[2][4]float64)

// chainAVX2 is chainPortable for n >= 1; last is the last row of s.
//
//go:noescape
func chainAVX2(last *float64, x *[ChainSums][ChainCols]float64, f *float64, n int)
