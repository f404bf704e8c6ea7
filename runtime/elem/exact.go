package elem

import (
	"math"
	"unsafe"
)

// The functions of this file compute in T, with one rounding an operation.

// Abs returns |x|.
func Abs[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(math.Float32frombits(math.Float32bits(float32(x)) &^ (1 << 31)))
	}
	return T(math.Abs(float64(x)))
}

// Sign returns -1, +0 or 1; the sign of NaN is NaN.
func Sign[T Float](x T) T {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	case x == 0:
		return 0
	}
	return x
}

// Sqrt returns the correctly rounded square root of x. (For float32 the root
// in float64 has more than twice the bits, so rounding it again is harmless.)
func Sqrt[T Float](x T) T { return T(math.Sqrt(float64(x))) }

// Rsqrt returns 1/Sqrt(x), with two roundings.
func Rsqrt[T Float](x T) T { return 1 / Sqrt(x) }

// Floor returns the greatest integer not above x.
func Floor[T Float](x T) T { return T(math.Floor(float64(x))) }

// Ceil returns the least integer not below x.
func Ceil[T Float](x T) T { return T(math.Ceil(float64(x))) }

// Round returns the nearest integer, the even one of two.
func Round[T Float](x T) T { return T(math.RoundToEven(float64(x))) }

// Min returns the smaller of a and b: NaN if either is, and -0 < +0.
func Min[T Float](a, b T) T { return min(a, b) }

// Max returns the larger of a and b: NaN if either is, and -0 < +0.
func Max[T Float](a, b T) T { return max(a, b) }

// Clamp returns Min(Max(x, lo), hi).
func Clamp[T Float](x, lo, hi T) T { return min(max(x, lo), hi) }

// Copysign returns |x| with the sign of y, and NaN if y is NaN: the sign of a
// computed NaN differs between machines.
func Copysign[T Float](x, y T) T {
	if y != y {
		return y
	}
	if unsafe.Sizeof(x) == 4 {
		sign := math.Float32bits(float32(y)) & (1 << 31)
		return T(math.Float32frombits(math.Float32bits(float32(x))&^(1<<31) | sign))
	}
	return T(math.Copysign(float64(x), float64(y)))
}

// IsFinite reports whether x is neither infinite nor NaN.
func IsFinite[T Float](x T) bool { return x-x == 0 }

// Mod returns a - b*Floor(a/b), each operation rounded. It has the sign of b
// where no rounding interferes.
func Mod[T Float](a, b T) T { return a - T(b*Floor(a/b)) }

// PowInt returns x*x*...*x, n factors multiplied from the left; n below 2
// gives x.
func PowInt[T Float](x T, n int) T {
	p := x
	for i := 1; i < n; i++ {
		p = T(p * x)
	}
	return p
}
