package elem

import (
	"math"
	"unsafe"
)

// The functions of this file read and write the bits of a number. With the
// operations of IEEE 754 they are what the elementary functions are made of,
// and like those they have a vector form: no branch, no table. (The size of T
// is a constant in each instance, so the other type's half is left out.)

// magic32 and magic64 are 1.5 times the power of two from which neighbours
// differ by 1: added to a smaller integral number it stands in the lowest bits.
const (
	magic32 = 0x1.8p23
	magic64 = 0x1.8p52

	sqrtHalf32 = 0x3f3504f3         // the bits of sqrt(1/2)
	sqrtHalf64 = 0x3fe6a09e667f3bcd // the same
)

// Pow2 returns 2^n for an integral n for which that is a normal number. An n
// between two such is rounded to the nearest, the odd one of two; any other
// gives some number without meaning.
func Pow2[T Float](n T) T {
	if unsafe.Sizeof(n) == 4 {
		return T(math.Float32frombits(math.Float32bits(float32(n)+(magic32+127)) << 23))
	}
	return T(math.Float64frombits(math.Float64bits(float64(n)+(magic64+1023)) << 52))
}

// Exponent returns the integral k with x = m*2^k and sqrt(1/2) <= m < sqrt(2),
// for a positive normal x; for any other some number without meaning.
func Exponent[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(int32(math.Float32bits(float32(x))-sqrtHalf32) >> 23)
	}
	return T(int64(math.Float64bits(float64(x))-sqrtHalf64) >> 52)
}

// Mantissa returns the m = x/2^k that belongs to k = Exponent(x), for a
// positive normal x; for any other some number without meaning.
func Mantissa[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		b := math.Float32bits(float32(x))
		return T(math.Float32frombits(b - (b-sqrtHalf32)&^(1<<23-1)))
	}
	b := math.Float64bits(float64(x))
	return T(math.Float64frombits(b - (b-sqrtHalf64)&^(1<<52-1)))
}

// Top returns x with the lower 12 (float32) or 27 (float64) bits of its
// significand cleared: the product of two such numbers is exact.
func Top[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(math.Float32frombits(math.Float32bits(float32(x)) &^ (1<<12 - 1)))
	}
	return T(math.Float64frombits(math.Float64bits(float64(x)) &^ (1<<27 - 1)))
}
