//go:build !amd64

package gemm

func tile[T Float](c []T, ldc int, a View[T], b []T, ldb, rows, cols, k int, accumulate bool) {
	tilePortable(c, ldc, a, b, ldb, rows, cols, k, accumulate)
}

func transpose[T Float](dst, src []T, stride, rows, cols int) {
	transposePortable(dst, src, stride, rows, cols)
}

func rotate(z, cs []float64, n int) { rotatePortable(z, cs, n) }

func pair(s *symmetric, n int) { pairPortable(s, n) }

func chain(s []float64, x *[ChainSums][ChainCols]float64, f []float64, n int) {
	chainPortable(s, x, f, n)
}
