package gemm

// ChainCols is the length of the rows that Chain adds to, and ChainSums the number of rows that it carries.
const (
	ChainCols = 8
	ChainSums = 4
)

// Chain goes from the last row of s, ChainCols long, to the first. At each it takes the next ChainSums factors of f,
// multiplies row k of x by factor k, and adds to the row of s the rows of x, as (x0+x1)+(x2+x3). It panics before it writes
// if s has not as many rows as f has factors for.
func Chain(s []float64, x *[ChainSums][ChainCols]float64, f []float64) {
	n := len(f) / ChainSums
	if len(f)%ChainSums != 0 || len(s) != n*ChainCols {
		panic("gemm: a chain of another number of rows")
	}
	if n > 0 {
		chain(s, x, f, n)
	}
}

func chainPortable(s []float64, x *[ChainSums][ChainCols]float64, f []float64, n int) {
	for i := n - 1; i >= 0; i-- {
		row, by := s[i*ChainCols:][:ChainCols], f[:ChainSums]
		f = f[ChainSums:]
		for j := range row {
			for k := range x {
				x[k][j] = float64(x[k][j] * by[k])
			}
			row[j] += (x[0][j] + x[1][j]) + (x[2][j] + x[3][j])
		}
	}
}
