// Package elem defines every elementary function of the rule language, once,
// for everything that evaluates one: the operator table, the interpreter,
// step values and generated code. In come numbers of type float32 or float64,
// out comes the number that every target must produce, bit for bit (NaNs are
// all alike).
//
// The results must not depend on the machine. So the package uses of math only
// what IEEE 754 fixes (square root, rounding to an integer, signs and bits),
// and every product is written with its own rounding, float64(a*b): without it
// the compiler may fuse a*b+c into one operation on some processors.
//
// The transcendental functions but sin, cos and tan are straight-line programs
// of such operations (package compiler/elementary), each in its own type:
// their Go is generated, and vector code computes the same bits. Sin, cos and
// tan have one kernel, in float64; their float32 variant widens, computes the
// same and rounds once. Bounds in ULPs (of the least subnormal, where that is
// larger), held by test in float64 against references of 300 bits and in
// float32 against float64 (once for every one of the 2^32 arguments, and 6*10^8
// pairs):
//
//	          float64  float32               float64  float32
//	Exp       .70      .90       Sinh        .95      .91
//	Expm1     .95      .91       Cosh        .70      .92
//	Log       .55      .88       Tanh        .85      .95
//	Log1p     .55      .95       Sigmoid     .70      .67
//	Log2      .55      .95       Softplus    .70      .96
//	Pow       .70      .90       Erf         .90      .99
//	Sin       .80      .5001     Cbrt        .51      .51
//	Cos       .80      .5001     Hypot       .51      .51
//	Tan       .95      .5001     Atan        .70      .92
//
// A result that is subnormal may be rounded twice and is within 1 ULP.
// Special cases are those of C99, Annex F. In float32, where an error may be
// above half a ULP, results next to each other may be out of order by one.
//
// Reduce the argument, evaluate a polynomial, scale by an exact power of two:
// where a plain number is too short for that, the functions carry an
// unevaluated sum h + l of two (Dekker, "A floating-point technique for
// extending the available precision", 1971).
package elem

import "unsafe"

//go:generate go run ../../compiler/elementary/gen functions_gen.go

// Float is an element type.
type Float interface{ float32 | float64 }

// Exp returns e^x.
func Exp[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(exp32(float32(x)))
	}
	return T(exp64(float64(x)))
}

// Expm1 returns e^x - 1.
func Expm1[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(expm132(float32(x)))
	}
	return T(expm164(float64(x)))
}

// Log returns the natural logarithm of x.
func Log[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(log32(float32(x)))
	}
	return T(log64(float64(x)))
}

// Log1p returns the natural logarithm of 1 + x.
func Log1p[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(log1p32(float32(x)))
	}
	return T(log1p64(float64(x)))
}

// Log2 returns the binary logarithm of x, exact for powers of two.
func Log2[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(log232(float32(x)))
	}
	return T(log264(float64(x)))
}

// Pow returns a^b.
func Pow[T Float](a, b T) T {
	if unsafe.Sizeof(a) == 4 {
		return T(pow32(float32(a), float32(b)))
	}
	return T(pow64(float64(a), float64(b)))
}

// Sin returns the sine of x, an angle in radians.
func Sin[T Float](x T) T { return T(sin(float64(x))) }

// Cos returns the cosine of x, an angle in radians.
func Cos[T Float](x T) T { return T(cos(float64(x))) }

// Tan returns the tangent of x, an angle in radians.
func Tan[T Float](x T) T { return T(tan(float64(x))) }

// Atan returns the inverse tangent of x.
func Atan[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(atan32(float32(x)))
	}
	return T(atan64(float64(x)))
}

// Sinh returns the hyperbolic sine of x.
func Sinh[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(sinh32(float32(x)))
	}
	return T(sinh64(float64(x)))
}

// Cosh returns the hyperbolic cosine of x.
func Cosh[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(cosh32(float32(x)))
	}
	return T(cosh64(float64(x)))
}

// Tanh returns the hyperbolic tangent of x.
func Tanh[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(tanh32(float32(x)))
	}
	return T(tanh64(float64(x)))
}

// Sigmoid returns 1/(1 + e^-x).
func Sigmoid[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(sigmoid32(float32(x)))
	}
	return T(sigmoid64(float64(x)))
}

// Softplus returns log(1 + e^x).
func Softplus[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(softplus32(float32(x)))
	}
	return T(softplus64(float64(x)))
}

// Erf returns the error function of x.
func Erf[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(erf32(float32(x)))
	}
	return T(erf64(float64(x)))
}

// Cbrt returns the cube root of x.
func Cbrt[T Float](x T) T {
	if unsafe.Sizeof(x) == 4 {
		return T(cbrt32(float32(x)))
	}
	return T(cbrt64(float64(x)))
}

// Hypot returns sqrt(a^2 + b^2) without overflow or underflow on the way.
func Hypot[T Float](a, b T) T {
	if unsafe.Sizeof(a) == 4 {
		return T(hypot32(float32(a), float32(b)))
	}
	return T(hypot64(float64(a), float64(b)))
}
