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
// Transcendental functions have one kernel, in float64; the float32 variant
// widens, computes the same and rounds once, so its error is below 0.5001 ULP
// (of the least subnormal, where that is larger). Bounds in float64, in ULPs,
// held by test against references of 300 bits:
//
//	Exp .70  Expm1 .95  Log .55  Log1p .55  Log2 .55  Pow .70
//	Sin .80  Cos .80  Tan .95  Atan .70  Sinh .95  Cosh .70  Tanh .85
//	Sigmoid .70  Softplus .70  Erf .90  Cbrt .51  Hypot .51
//
// A result that is subnormal may be rounded twice and is within 1 ULP.
// Special cases are those of C99, Annex F.
//
// The kernels have no loops over data and few branches (arguments out of range
// only, and large arguments of the trigonometric functions): reduce the
// argument, evaluate a polynomial, scale by an exact power of two. Where a
// plain float64 is too short they carry an unevaluated sum h + l of two
// (Dekker, "A floating-point technique for extending the available precision",
// 1971).
package elem

// Float is an element type.
type Float interface{ float32 | float64 }

// Exp returns e^x.
func Exp[T Float](x T) T { return T(exp(float64(x))) }

// Expm1 returns e^x - 1.
func Expm1[T Float](x T) T { return T(expm1(float64(x))) }

// Log returns the natural logarithm of x.
func Log[T Float](x T) T { return T(log(float64(x))) }

// Log1p returns the natural logarithm of 1 + x.
func Log1p[T Float](x T) T { return T(log1p(float64(x))) }

// Log2 returns the binary logarithm of x, exact for powers of two.
func Log2[T Float](x T) T { return T(log2(float64(x))) }

// Pow returns a^b.
func Pow[T Float](a, b T) T { return T(pow(float64(a), float64(b))) }

// Sin returns the sine of x, an angle in radians.
func Sin[T Float](x T) T { return T(sin(float64(x))) }

// Cos returns the cosine of x, an angle in radians.
func Cos[T Float](x T) T { return T(cos(float64(x))) }

// Tan returns the tangent of x, an angle in radians.
func Tan[T Float](x T) T { return T(tan(float64(x))) }

// Atan returns the inverse tangent of x.
func Atan[T Float](x T) T { return T(atan(float64(x))) }

// Sinh returns the hyperbolic sine of x.
func Sinh[T Float](x T) T { return T(sinh(float64(x))) }

// Cosh returns the hyperbolic cosine of x.
func Cosh[T Float](x T) T { return T(cosh(float64(x))) }

// Tanh returns the hyperbolic tangent of x.
func Tanh[T Float](x T) T { return T(tanh(float64(x))) }

// Sigmoid returns 1/(1 + e^-x).
func Sigmoid[T Float](x T) T { return T(sigmoid(float64(x))) }

// Softplus returns log(1 + e^x).
func Softplus[T Float](x T) T { return T(softplus(float64(x))) }

// Erf returns the error function of x.
func Erf[T Float](x T) T { return T(erf(float64(x))) }

// Cbrt returns the cube root of x.
func Cbrt[T Float](x T) T { return T(cbrt(float64(x))) }

// Hypot returns sqrt(a^2 + b^2) without overflow or underflow on the way.
func Hypot[T Float](a, b T) T { return T(hypot(float64(a), float64(b))) }
