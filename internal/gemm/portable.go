package gemm

// tilePortable computes a tile of C: rows×cols, of A (rows×k) and a panel of B
// (k×cols). It defines what every kernel computes. The conversion T(...) rounds
// the product: without it a compiler may fuse it with the addition.
func tilePortable[T Float](c []T, ldc int, a View[T], b []T, ldb, rows, cols, k int, accumulate bool) {
	for i := range rows {
		ci, ai := c[i*ldc:][:cols], a.Data[i*a.Row:]
		if !accumulate {
			clear(ci)
		}
		j := 0
		for ; j+4 <= cols; j += 4 {
			four(ci[j:], ai, a.Col, b[j:], ldb, k)
		}
		for ; j < cols; j++ {
			for p := range k {
				ci[j] += T(ai[p*a.Col] * b[p*ldb+j])
			}
		}
	}
}

// four is the inner loop for 4 columns, whose sums stay in registers.
func four[T Float](c, a []T, acol int, b []T, ldb, k int) {
	c = c[:4]
	c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
	for p := range k {
		x, y := a[p*acol], b[p*ldb:][:4]
		c0 += T(x * y[0])
		c1 += T(x * y[1])
		c2 += T(x * y[2])
		c3 += T(x * y[3])
	}
	c[0], c[1], c[2], c[3] = c0, c1, c2, c3
}

// transposePortable sets dst[p,j] = src[j,p] for p < rows and j < cols; the rows
// of dst are tileCols long, those of src are stride long. It goes by squares so
// that the lines of either side stay in the cache while they are used.
func transposePortable[T Float](dst, src []T, stride, rows, cols int) {
	const square = 8
	for p0 := 0; p0 < rows; p0 += square {
		p1 := min(p0+square, rows)
		for j := range cols {
			for p, x := range src[j*stride:][p0:p1] {
				dst[(p0+p)*tileCols+j] = x
			}
		}
	}
}
