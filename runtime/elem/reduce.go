package elem

import (
	"math"
	"unsafe"
)

// The reduction tree. A reduction of n elements is cut into blocks of Block
// consecutive ones, the last possibly shorter. Within a block the arithmetic
// is that of the element type, in L = Lanes[T]() lanes that start at the
// identity: element i of the block goes to lane i % L, in index order; then
//
//	for h := L/2; h >= 1; h /= 2 { for i < h: lane[i] = lane[i] op lane[i+h] }
//
// and lane[0], converted to float64, is the block's value. The blocks' values
// are combined in float64 in index order, from the identity. So the result
// depends neither on the vector width of a target nor on the number of
// workers, provided that a worker's share is a whole number of blocks.
//
// The error of a sum. Let u be the unit roundoff of T (2^-24 or 2^-53) and
// U = 2^-53 that of float64. An addition gives (a+b)(1+d) with |d| <= u, also
// below the normal numbers, where it is exact; to add to the identity is exact.
// On its way to the result an element passes through at most
//
//	d = ceil(m/L) - 1 + log2 L  roundings in T in a block of m elements
//	D = B - 1                   roundings in float64, for B blocks
//
// so that the result is the sum of x[i](1+e[i]) with |1+e[i]| between
// (1-u)^d (1-U)^D and (1+u)^d (1+U)^D, and (Higham, Accuracy and Stability of
// Numerical Algorithms, 2002, sections 3.1 and 4.2), provided that no partial
// sum overflows,
//
//	|result - sum x| <= c/(1-c) sum |x|  with c = d u + D U
//
// In a whole block d is 36 for float32 and 67 for float64. Of a float32 sum of
// 2^26 elements the bound is 2.2e-6, where adding them one by one has 4. Where
// each element is the product of two, as in a dot product or a sum of squares, its
// own rounding makes that d + 1, unless it underflows.
const (
	Block     = 1024 // elements in a block
	LaneBytes = 128  // bytes in a row of lanes
)

// Lanes returns the number of lanes for T: 32 for float32, 16 for float64.
func Lanes[T Float]() int {
	var x T
	return LaneBytes / int(unsafe.Sizeof(x))
}

// Reduction is an operation that the tree reduces by.
type Reduction uint8

const (
	ReduceSum Reduction = iota
	ReduceMin           // NaN if an element is; -0 < +0
	ReduceMax           // likewise
)

func (r Reduction) String() string {
	switch r {
	case ReduceSum:
		return "sum"
	case ReduceMin:
		return "min"
	case ReduceMax:
		return "max"
	}
	return "unknown reduction"
}

// Identity returns what r starts from, the value of an empty reduction.
func Identity(r Reduction) float64 {
	switch r {
	case ReduceMin:
		return math.Inf(1)
	case ReduceMax:
		return math.Inf(-1)
	}
	return 0
}

// Combine returns a op b: the step that combines the values of blocks.
func Combine(r Reduction, a, b float64) float64 { return combine(r, a, b) }

func combine[T Float](r Reduction, a, b T) T {
	switch r {
	case ReduceMin:
		return min(a, b)
	case ReduceMax:
		return max(a, b)
	}
	return a + b
}

// Acc accumulates one block. Call Reset, then Add, AddMin or AddMax, as the
// reduction is, for each element with its index in the block, then Value.
type Acc[T Float] struct {
	r    Reduction
	lane [LaneBytes / 4]T // the first Lanes[T]() are used
}

// Reset prepares a for a block to be reduced by r.
func (a *Acc[T]) Reset(r Reduction) {
	a.r = r
	start := T(Identity(r))
	for i := range a.lane {
		a.lane[i] = start
	}
}

// Add takes in element i of the block for a sum.
func (a *Acc[T]) Add(i int, v T) { a.lane[laneOf[T](i)] += v }

// AddMin takes in element i of the block for a minimum.
func (a *Acc[T]) AddMin(i int, v T) {
	p := &a.lane[laneOf[T](i)]
	*p = min(*p, v)
}

// AddMax takes in element i of the block for a maximum.
func (a *Acc[T]) AddMax(i int, v T) {
	p := &a.lane[laneOf[T](i)]
	*p = max(*p, v)
}

// Lanes are those of the block so far, for code that takes in a row of lanes at
// once.
func (a *Acc[T]) Lanes() []T { return a.lane[:Lanes[T]()] }

// laneOf returns i % Lanes[T](); the second mask holds the index within the
// array for the compiler's eyes.
func laneOf[T Float](i int) int { return i & (Lanes[T]() - 1) & (LaneBytes/4 - 1) }

// Value returns the block's value. It uses the lanes up: Reset before the next
// block.
func (a *Acc[T]) Value() float64 {
	for h := Lanes[T]() / 2; h >= 1; h /= 2 {
		for i := range h {
			a.lane[i] = combine(a.r, a.lane[i], a.lane[i+h])
		}
	}
	return float64(a.lane[0])
}

// ReduceBlock returns the value of one block u, of at most Block elements.
func ReduceBlock[T Float](r Reduction, u []T) float64 {
	if len(u) <= LaneBytes/16 {
		return reduceFew(r, u)
	}
	var a Acc[T]
	a.Reset(r)
	switch r {
	case ReduceMin:
		for i, v := range u {
			a.AddMin(i, v)
		}
	case ReduceMax:
		for i, v := range u {
			a.AddMax(i, v)
		}
	default:
		for i, v := range u {
			a.Add(i, v)
		}
	}
	return a.Value()
}

// reduceFew is ReduceBlock of a few elements: the lanes beyond them hold the identity, which changes nothing.
func reduceFew[T Float](r Reduction, u []T) float64 {
	var lane [LaneBytes / 16]T
	width := 1
	for width < len(u) {
		width += width
	}
	start := T(Identity(r))
	for i := range lane[:width] {
		lane[i] = start
	}
	for i, v := range u {
		lane[i] = combine(r, start, v)
	}
	for h := width / 2; h >= 1; h /= 2 {
		for i := range h {
			lane[i] = combine(r, lane[i], lane[i+h])
		}
	}
	return float64(lane[0])
}

// Reduce returns the reduction of all of u.
func Reduce[T Float](r Reduction, u []T) float64 {
	value := Identity(r)
	for len(u) > 0 {
		n := min(len(u), Block)
		value = Combine(r, value, ReduceBlock(r, u[:n]))
		u = u[n:]
	}
	return value
}
