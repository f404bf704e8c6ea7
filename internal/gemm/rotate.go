package gemm

// RotateCols is the length of the rows that Rotate turns.
const RotateCols = 32

// Rotate applies the rotations cs, of which each has a c and an s, to pairs of neighbouring rows of z, RotateCols long: the
// first to the last two rows, every next one to the pair above. A pair x, y becomes
//
//	c*x - s*y, s*x + c*y
//
// with every product rounded. It panics before it writes if z has not as many rows as cs needs.
func Rotate(z, cs []float64) {
	n := len(cs) / 2
	if len(cs)%2 != 0 || len(z) != (n+1)*RotateCols {
		panic("gemm: rotations of another number of rows")
	}
	if n > 0 {
		rotate(z, cs, n)
	}
}

func rotatePortable(z, cs []float64, n int) {
	for i := n - 1; i >= 0; i-- {
		x, y := z[i*RotateCols:][:RotateCols], z[(i+1)*RotateCols:][:RotateCols]
		c, s := cs[0], cs[1]
		cs = cs[2:]
		for j, a := range x {
			b := y[j]
			x[j] = float64(c*a) - float64(s*b)
			y[j] = float64(s*a) + float64(c*b)
		}
	}
}
