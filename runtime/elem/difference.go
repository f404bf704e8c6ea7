package elem

// Central differences of a gradient stand for a Hessian-vector product that nobody gives:
//
//	H v ≈ (grad(x + h*v) - grad(x - h*v)) / (2*h),   h = c*(1 + |x|)/|v|,   c = 2^-17 in float64, 2^-8 in float32
//
// where |.| is the Euclidean norm over all tensors: c is near the cube root of the precision, which balances the error
// of the difference against that of rounding.

// DifferenceStep returns h. It is 0 when v is, and the product is 0 then.
func DifferenceStep[T Float](x, v [][]T) float64 {
	c := 1.0 / (1 << 8)
	if Lanes[T]() == 16 {
		c = 1.0 / (1 << 17)
	}
	nv := Norm(v)
	if nv == 0 {
		return 0
	}
	return float64(c*(1+Norm(x))) / nv
}

// Norm returns the Euclidean norm of all tensors: squares in the element type, summed by the fixed tree.
func Norm[T Float](tensors [][]T) float64 {
	var square [Block]T
	sum := 0.0
	for _, u := range tensors {
		value := 0.0
		for from := 0; from < len(u); from += Block {
			part := u[from:min(from+Block, len(u))]
			for i, x := range part {
				square[i] = T(x * x)
			}
			value += ReduceBlock(ReduceSum, square[:len(part)])
		}
		sum += value
	}
	return Sqrt(sum)
}

// DifferencePoint sets to to x + h*v.
func DifferencePoint[T Float](to, x, v []T, h float64) {
	step := T(h)
	for i := range to {
		to[i] = x[i] + T(step*v[i])
	}
}

// Difference sets to to (above - below)/(2*h); to may be either.
func Difference[T Float](to, above, below []T, h float64) {
	double := T(2 * h)
	for i := range to {
		to[i] = (above[i] - below[i]) / double
	}
}
