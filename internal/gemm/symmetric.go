package gemm

// UpdateTimes subtracts w·xᵀ + x·wᵀ from a symmetric matrix A (m×m, m the length of v) and sets p to the product of the
// difference with v. Of A there is the lower triangle alone, in rows lda apart.
//
// Element i of the product begins as the sum over row i up to the diagonal, of four sums by j%4 as long as all four go on,
// added as (s0+s1)+(s2+s3), then one by one; to it are added the products with the rows below in their order.
//
// It panics before it writes if a slice is too short.
func UpdateTimes(a []float64, lda int, w, x, v, p []float64) {
	m := len(v)
	if len(w) != m || len(x) != m || len(p) != m || lda < m || m > 0 && len(a) < (m-1)*lda+m {
		panic("gemm: operands of another length for a symmetric matrix")
	}
	clear(p)
	s := symmetric{w: w, x: x, v: v, p: p}
	for i := 0; i < m; i += 2 {
		s.rows = min(2, m-i)
		n := i &^ 3
		for r := range s.rows {
			s.a[r] = a[(i+r)*lda:][:i+r+1]
			s.f[r] = [3]float64{w[i+r], x[i+r], v[i+r]}
		}
		if n > 0 {
			pair(&s, n)
		}
		for r := range s.rows {
			s.finish(r, i+r, n)
		}
	}
}

// symmetric is UpdateTimes at one or two rows of A.
type symmetric struct {
	w, x, v, p []float64
	a          [2][]float64
	rows       int
	f          [2][3]float64 // w, x and v at each row
	sum        [2][4]float64
}

// pairPortable does the first n elements of each row, a multiple of 4 and none on the diagonal.
func pairPortable(s *symmetric, n int) {
	for r := range s.rows {
		a, w, x, v, p := s.a[r][:n], s.w[:n], s.x[:n], s.v[:n], s.p[:n]
		f := s.f[r]
		var sum [4]float64
		for j := 0; j <= n-4; j += 4 {
			a, w, x, v, p := a[j:][:4], w[j:][:4], x[j:][:4], v[j:][:4], p[j:][:4]
			for k, y := range a {
				y -= float64(f[0]*x[k]) + float64(f[1]*w[k])
				a[k] = y
				sum[k] += float64(y * v[k])
				p[k] += float64(f[2] * y)
			}
		}
		s.sum[r] = sum
	}
}

// finish does the elements from n to i, the diagonal, of row i: at most four.
func (s *symmetric) finish(r, i, n int) {
	f, sum := &s.f[r], &s.sum[r]
	a, w, x, v, p := s.a[r][n:i+1], s.w[n:i+1], s.x[n:i+1], s.v[n:i+1], s.p[n:i+1]
	last := len(a) - 1
	for j, y := range a {
		y -= float64(f[0]*x[j]) + float64(f[1]*w[j])
		a[j] = y
		if j < last {
			p[j] += float64(f[2] * y)
		}
	}
	if last == 3 {
		p[3] += (sum[0] + float64(a[0]*v[0]) + (sum[1] + float64(a[1]*v[1]))) + (sum[2] + float64(a[2]*v[2]) + (sum[3] + float64(a[3]*v[3])))
		return
	}
	total := (sum[0] + sum[1]) + (sum[2] + sum[3])
	for j, y := range a {
		total += float64(y * v[j])
	}
	p[last] += total
}
