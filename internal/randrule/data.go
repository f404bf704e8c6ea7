package randrule

import (
	"math"
	"math/rand/v2"
)

// Shapes draws the shapes of a few tensors, empty, tiny and longer than a block of the reduction tree among them.
// None has more than 68 rows or columns: rules may keep their squares.
func Shapes(r *rand.Rand) [][]int {
	var shapes [][]int
	for range 1 + r.IntN(4) {
		switch r.IntN(6) {
		case 0:
			shapes = append(shapes, nil) // a scalar
		case 1:
			shapes = append(shapes, []int{r.IntN(4), r.IntN(9)})
		case 2:
			shapes = append(shapes, []int{2, 1 + r.IntN(3), 1 + r.IntN(5)})
		case 3:
			shapes = append(shapes, []int{r.IntN(47), r.IntN(47)})
		default:
			shapes = append(shapes, []int{r.IntN(68)})
		}
	}
	return shapes
}

// Special lists the numbers at which arithmetic is not smooth. Rounded to float32 they are still special.
var Special = []float64{
	0, math.Copysign(0, -1), 1, -1, 2, 0.5, -0.5, math.Inf(1), math.Inf(-1), math.NaN(),
	math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, 3e-39, 1.1754944e-38, math.MaxFloat32, -math.MaxFloat32,
	math.SmallestNonzeroFloat64, -4e-310, 2.2250738585072014e-308, math.MaxFloat64, 1e20, -1e-20, 16777217, 0.1, -2.5, 3.5,
}

// Fill draws numbers; one in odds is special, none when odds is 0.
func Fill[T float32 | float64](r *rand.Rand, u []T, odds int) {
	for i := range u {
		if odds > 0 && r.IntN(odds) == 0 {
			u[i] = T(Special[r.IntN(len(Special))])
		} else {
			u[i] = T(r.NormFloat64() * math.Exp(r.NormFloat64()))
		}
	}
}
