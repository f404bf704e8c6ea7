package main

import "harness/elem"

// elementary computes the elementary functions by the package that defines them.
func elementary[T Float](op string, a, b T) T {
	switch op {
	case "exp":
		return elem.Exp(a)
	case "expm1":
		return elem.Expm1(a)
	case "log":
		return elem.Log(a)
	case "log1p":
		return elem.Log1p(a)
	case "log2":
		return elem.Log2(a)
	case "pow":
		return elem.Pow(a, b)
	case "sin":
		return elem.Sin(a)
	case "cos":
		return elem.Cos(a)
	case "tan":
		return elem.Tan(a)
	case "atan":
		return elem.Atan(a)
	case "sinh":
		return elem.Sinh(a)
	case "cosh":
		return elem.Cosh(a)
	case "tanh":
		return elem.Tanh(a)
	case "sigmoid":
		return elem.Sigmoid(a)
	case "softplus":
		return elem.Softplus(a)
	case "erf":
		return elem.Erf(a)
	case "cbrt":
		return elem.Cbrt(a)
	case "hypot":
		return elem.Hypot(a, b)
	}
	panic("no operator " + op)
}
