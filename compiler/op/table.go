package op

import (
	"math"

	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/runtime/matrix"
)

// Table is every operator of the language. ADD AN OPERATOR HERE: its row is its documentation, its meaning, its
// derivative, its printed form and its tests.
var Table = []Op{
	// arithmetic
	{Name: "add", Infix: "+", Doc: "sum", Args: 2, Commutes: true,
		Eval: f2(func(a, b float64) float64 { return a + b }), Eval32: f2(func(a, b float32) float32 { return a + b }),
		Diff: []string{"1", "1"}, Go: "$a + $b", Flops: 1, LaTeX: "$a + $b"},
	{Name: "sub", Infix: "-", Doc: "difference", Args: 2,
		Eval: f2(func(a, b float64) float64 { return a - b }), Eval32: f2(func(a, b float32) float32 { return a - b }),
		Diff: []string{"1", "-1"}, Go: "$a - $b", Flops: 1, LaTeX: "$a - $b"},
	{Name: "mul", Infix: "*", Doc: "product", Args: 2, Commutes: true,
		Eval: f2(func(a, b float64) float64 { return float64(a * b) }), Eval32: f2(func(a, b float32) float32 { return float32(a * b) }),
		Diff: []string{"b", "a"}, Go: "$T($a * $b)", Flops: 1, LaTeX: `$a\,$b`},
	{Name: "div", Infix: "/", Doc: "quotient of reals", Args: 2,
		Eval: f2(func(a, b float64) float64 { return a / b }), Eval32: f2(func(a, b float32) float32 { return a / b }),
		Diff: []string{"1/b", "-y/b"}, Go: "$a / $b", Flops: 8, LaTeX: `\frac{$a}{$b}`},
	{Name: "mod", Infix: "%", Doc: "remainder a - b*floor(a/b), with the sign of b", Args: 2,
		Eval: f2(elem.Mod[float64]), Eval32: f2(elem.Mod[float32]),
		Diff: []string{"1", "-floor(a/b)"}, Expand: "a - b*floor(a/b)", Flops: 11, LaTeX: `$a \bmod $b`},
	{Name: "neg", Infix: "-", Doc: "negation", Args: 1,
		Eval: f1(func(a float64) float64 { return -a }), Eval32: f1(func(a float32) float32 { return -a }),
		Diff: []string{"-1"}, Go: "-$a", Flops: 1, LaTeX: "-$a"},

	// comparisons and logic: a comparison with NaN is false, but `!=` is true
	{Name: "eq", Infix: "==", Doc: "equal", Args: 2, Mask: true, Commutes: true,
		Eval: c2(func(a, b float64) bool { return a == b }), Eval32: c2(func(a, b float32) bool { return a == b }),
		Go: "$a == $b", Flops: 1, LaTeX: "$a = $b"},
	{Name: "ne", Infix: "!=", Doc: "not equal", Args: 2, Mask: true, Commutes: true,
		Eval: c2(func(a, b float64) bool { return a != b }), Eval32: c2(func(a, b float32) bool { return a != b }),
		Go: "$a != $b", Flops: 1, LaTeX: `$a \ne $b`},
	{Name: "lt", Infix: "<", Doc: "less", Args: 2, Mask: true,
		Eval: c2(func(a, b float64) bool { return a < b }), Eval32: c2(func(a, b float32) bool { return a < b }),
		Go: "$a < $b", Flops: 1, LaTeX: "$a < $b"},
	{Name: "le", Infix: "<=", Doc: "less or equal", Args: 2, Mask: true,
		Eval: c2(func(a, b float64) bool { return a <= b }), Eval32: c2(func(a, b float32) bool { return a <= b }),
		Go: "$a <= $b", Flops: 1, LaTeX: `$a \le $b`},
	{Name: "gt", Infix: ">", Doc: "greater", Args: 2, Mask: true,
		Eval: c2(func(a, b float64) bool { return a > b }), Eval32: c2(func(a, b float32) bool { return a > b }),
		Go: "$a > $b", Flops: 1, LaTeX: "$a > $b"},
	{Name: "ge", Infix: ">=", Doc: "greater or equal", Args: 2, Mask: true,
		Eval: c2(func(a, b float64) bool { return a >= b }), Eval32: c2(func(a, b float32) bool { return a >= b }),
		Go: "$a >= $b", Flops: 1, LaTeX: `$a \ge $b`},
	{Name: "and", Infix: "and", Doc: "both masks", Args: 2, MaskArgs: 3, Mask: true, Commutes: true,
		Eval: f2(func(a, b float64) float64 { return float64(a * b) }), Eval32: f2(func(a, b float32) float32 { return float32(a * b) }),
		Go: "$a && $b", Flops: 1, LaTeX: `$a \wedge $b`},
	{Name: "or", Infix: "or", Doc: "either mask", Args: 2, MaskArgs: 3, Mask: true, Commutes: true,
		Eval: f2(func(a, b float64) float64 { return max(a, b) }), Eval32: f2(func(a, b float32) float32 { return max(a, b) }),
		Go: "$a || $b", Flops: 1, LaTeX: `$a \vee $b`},
	{Name: "not", Infix: "not", Doc: "the other mask", Args: 1, MaskArgs: 1, Mask: true,
		Eval: f1(func(a float64) float64 { return 1 - a }), Eval32: f1(func(a float32) float32 { return 1 - a }),
		Go: "!$a", Flops: 1, LaTeX: `\neg $a`},
	{Name: "where", Doc: "where(mask, a, b) selects a or b and never computes with the mask", Args: 3, MaskArgs: 1,
		Eval: f3(where[float64]), Eval32: f3(where[float32]),
		Diff: []string{"", "where(a, 1, 0)", "where(a, 0, 1)"}, Go: "optrt.Where($a, $b, $c)", Flops: 1,
		LaTeX: `\begin{cases}$b & $a\\ $c & \text{otherwise}\end{cases}`},
	{Name: "real", Internal: true, Doc: "a mask as 0 or 1", Args: 1, MaskArgs: 1,
		Eval: f1(func(a float64) float64 { return a }), Eval32: f1(func(a float32) float32 { return a }),
		Go: "optrt.Real[$T]($a)", Flops: 1, LaTeX: `\mathbf{1}[$a]`},
	{Name: "isfinite", Doc: "neither infinite nor NaN", Args: 1, Mask: true,
		Eval: c1(elem.IsFinite[float64]), Eval32: c1(elem.IsFinite[float32]),
		Go: "elem.IsFinite($a)", Flops: 2, LaTeX: `|$a| < \infty`},

	// exact functions
	{Name: "abs", Doc: "absolute value", Args: 1,
		Eval: f1(elem.Abs[float64]), Eval32: f1(elem.Abs[float32]),
		Diff: []string{"sign(a)"}, Go: "elem.Abs($a)", Flops: 1, LaTeX: `|$a|`},
	{Name: "sign", Doc: "-1, 0 or 1; sign(±0) is +0 and sign(NaN) NaN", Args: 1,
		Eval: f1(elem.Sign[float64]), Eval32: f1(elem.Sign[float32]),
		Diff: []string{""}, Go: "elem.Sign($a)", Flops: 2, LaTeX: `\operatorname{sign} $a`},
	{Name: "sqrt", Doc: "square root, correctly rounded", Args: 1,
		Eval: f1(elem.Sqrt[float64]), Eval32: f1(elem.Sqrt[float32]),
		Diff: []string{"0.5/y"}, Inverse: "a*a", Go: "elem.Sqrt($a)", Lo: 0.01, Hi: 100, Flops: 8, LaTeX: `\sqrt{$a}`},
	{Name: "rsqrt", Doc: "1/sqrt(a), two roundings", Args: 1,
		Eval: f1(elem.Rsqrt[float64]), Eval32: f1(elem.Rsqrt[float32]),
		Diff: []string{"-0.5*y/a"}, Expand: "1/sqrt(a)", Lo: 0.01, Hi: 100, Ulp: 1.5, Flops: 16, LaTeX: `\frac{1}{\sqrt{$a}}`},
	{Name: "floor", Doc: "largest integer not above a", Args: 1,
		Eval: f1(elem.Floor[float64]), Eval32: f1(elem.Floor[float32]),
		Diff: []string{""}, Go: "elem.Floor($a)", Flops: 1, LaTeX: `\lfloor $a \rfloor`},
	{Name: "ceil", Doc: "smallest integer not below a", Args: 1,
		Eval: f1(elem.Ceil[float64]), Eval32: f1(elem.Ceil[float32]),
		Diff: []string{""}, Go: "elem.Ceil($a)", Flops: 1, LaTeX: `\lceil $a \rceil`},
	{Name: "round", Doc: "nearest integer, ties to even", Args: 1,
		Eval: f1(elem.Round[float64]), Eval32: f1(elem.Round[float32]),
		Diff: []string{""}, Go: "elem.Round($a)", Flops: 1, LaTeX: `\operatorname{round} $a`},
	{Name: "min", Doc: "smaller of two (of one argument: a reduction); NaN wins, -0 < +0", Args: 2, Commutes: true,
		Eval: f2(elem.Min[float64]), Eval32: f2(elem.Min[float32]),
		Diff: []string{"where(a < b, 1, where(a > b, 0, 0.5))", "where(b < a, 1, where(b > a, 0, 0.5))"},
		Go:   "elem.Min($a, $b)", Flops: 1, LaTeX: `\min($a, $b)`},
	{Name: "max", Doc: "larger of two (of one argument: a reduction); NaN wins, -0 < +0", Args: 2, Commutes: true,
		Eval: f2(elem.Max[float64]), Eval32: f2(elem.Max[float32]),
		Diff: []string{"where(a > b, 1, where(a < b, 0, 0.5))", "where(b > a, 1, where(b < a, 0, 0.5))"},
		Go:   "elem.Max($a, $b)", Flops: 1, LaTeX: `\max($a, $b)`},
	{Name: "clamp", Doc: "clamp(a, lo, hi) = min(max(a, lo), hi)", Args: 3,
		Eval: f3(elem.Clamp[float64]), Eval32: f3(elem.Clamp[float32]),
		Diff: []string{
			"where(max(a, b) < c, 1, where(max(a, b) > c, 0, 0.5))*where(a > b, 1, where(a < b, 0, 0.5))",
			"where(max(a, b) < c, 1, where(max(a, b) > c, 0, 0.5))*where(b > a, 1, where(b < a, 0, 0.5))",
			"where(c < max(a, b), 1, where(c > max(a, b), 0, 0.5))"},
		Expand: "min(max(a, b), c)", Flops: 2, LaTeX: `\operatorname{clamp}($a, $b, $c)`},
	{Name: "copysign", Doc: "magnitude of a with the sign of b; NaN for a NaN in b", Args: 2,
		Eval: f2(elem.Copysign[float64]), Eval32: f2(elem.Copysign[float32]),
		Diff: []string{"copysign(1, b)*copysign(1, a)", ""}, Go: "elem.Copysign($a, $b)", Flops: 1,
		LaTeX: `\operatorname{copysign}($a, $b)`},

	// elementary functions
	{Name: "cbrt", Doc: "cube root", Args: 1, Eval: f1(elem.Cbrt[float64]), Eval32: f1(elem.Cbrt[float32]),
		Diff: []string{"y/(3*a)"}, Inverse: "a*a*a", Go: "elem.Cbrt($a)", Lo: 0.1, Hi: 10, Ulp: 2, Flops: 20, LaTeX: `\sqrt[3]{$a}`},
	{Name: "exp", Doc: "e to the a", Args: 1, Eval: f1(elem.Exp[float64]), Eval32: f1(elem.Exp[float32]),
		Diff: []string{"y"}, Inverse: "log(a)", Go: "elem.Exp($a)", Lo: -5, Hi: 5, Ulp: 2, Flops: 15, LaTeX: `\exp($a)`},
	{Name: "expm1", Doc: "exp(a) - 1, exact near 0", Args: 1, Eval: f1(elem.Expm1[float64]), Eval32: f1(elem.Expm1[float32]),
		Diff: []string{"y + 1"}, Inverse: "log1p(a)", Go: "elem.Expm1($a)", Lo: -5, Hi: 5, Ulp: 2, Flops: 20, LaTeX: `\operatorname{expm1}($a)`},
	{Name: "log", Doc: "natural logarithm", Args: 1, Eval: f1(elem.Log[float64]), Eval32: f1(elem.Log[float32]),
		Diff: []string{"1/a"}, Inverse: "exp(a)", Go: "elem.Log($a)", Lo: 0.1, Hi: 10, Ulp: 2, Flops: 20, LaTeX: `\ln($a)`},
	{Name: "log1p", Doc: "log(1 + a), exact near 0", Args: 1, Eval: f1(elem.Log1p[float64]), Eval32: f1(elem.Log1p[float32]),
		Diff: []string{"1/(1 + a)"}, Inverse: "expm1(a)", Go: "elem.Log1p($a)", Lo: -0.9, Hi: 10, Ulp: 2, Flops: 20, LaTeX: `\operatorname{log1p}($a)`},
	{Name: "log2", Doc: "binary logarithm", Args: 1, Eval: f1(elem.Log2[float64]), Eval32: f1(elem.Log2[float32]),
		Diff: []string{"1.4426950408889634/a"}, Inverse: "pow(2, a)", Go: "elem.Log2($a)", Lo: 0.1, Hi: 10, Ulp: 2, Flops: 20, LaTeX: `\log_2($a)`},
	{Name: "pow", Infix: "^", Doc: "a to the b; for an integral constant from 2 to 16 the product from the left, for 0.5 sqrt", Args: 2,
		Eval: f2(elem.Pow[float64]), Eval32: f2(elem.Pow[float32]),
		Diff: []string{"b*pow(a, b - 1)", "y*log(a)"}, Go: "elem.Pow($a, $b)", Lo: 0.1, Hi: 4, Ulp: 2, Flops: 60, LaTeX: `{$a}^{$b}`},
	{Name: "sin", Doc: "sine", Args: 1, Eval: f1(elem.Sin[float64]), Eval32: f1(elem.Sin[float32]),
		Diff: []string{"cos(a)"}, Go: "elem.Sin($a)", Lo: -10, Hi: 10, Ulp: 2, Flops: 25, LaTeX: `\sin($a)`},
	{Name: "cos", Doc: "cosine", Args: 1, Eval: f1(elem.Cos[float64]), Eval32: f1(elem.Cos[float32]),
		Diff: []string{"-sin(a)"}, Go: "elem.Cos($a)", Lo: -10, Hi: 10, Ulp: 2, Flops: 25, LaTeX: `\cos($a)`},
	{Name: "tan", Doc: "tangent", Args: 1, Eval: f1(elem.Tan[float64]), Eval32: f1(elem.Tan[float32]),
		Diff: []string{"1 + y*y"}, Go: "elem.Tan($a)", Lo: -1.4, Hi: 1.4, Ulp: 2, Flops: 35, LaTeX: `\tan($a)`},
	{Name: "atan", Doc: "inverse tangent", Args: 1, Eval: f1(elem.Atan[float64]), Eval32: f1(elem.Atan[float32]),
		Diff: []string{"1/(1 + a*a)"}, Inverse: "tan(a)", Go: "elem.Atan($a)", Lo: -10, Hi: 10, Ulp: 2, Flops: 25, LaTeX: `\arctan($a)`},
	{Name: "sinh", Doc: "hyperbolic sine", Args: 1, Eval: f1(elem.Sinh[float64]), Eval32: f1(elem.Sinh[float32]),
		Diff: []string{"cosh(a)"}, Inverse: "copysign(log(abs(a) + sqrt(a*a + 1)), a)", Go: "elem.Sinh($a)", Lo: -5, Hi: 5, Ulp: 2, Flops: 25, LaTeX: `\sinh($a)`},
	{Name: "cosh", Doc: "hyperbolic cosine", Args: 1, Eval: f1(elem.Cosh[float64]), Eval32: f1(elem.Cosh[float32]),
		Diff: []string{"sinh(a)"}, Go: "elem.Cosh($a)", Lo: -5, Hi: 5, Ulp: 2, Flops: 25, LaTeX: `\cosh($a)`},
	{Name: "tanh", Doc: "hyperbolic tangent", Args: 1, Eval: f1(elem.Tanh[float64]), Eval32: f1(elem.Tanh[float32]),
		Diff: []string{"1 - y*y"}, Inverse: "0.5*log((1 + a)/(1 - a))", Go: "elem.Tanh($a)", Lo: -3, Hi: 3, Ulp: 2, Flops: 25, LaTeX: `\tanh($a)`},
	{Name: "sigmoid", Doc: "1/(1 + exp(-a))", Args: 1, Eval: f1(elem.Sigmoid[float64]), Eval32: f1(elem.Sigmoid[float32]),
		Diff: []string{"y*(1 - y)"}, Inverse: "log(a/(1 - a))", Go: "elem.Sigmoid($a)", Lo: -5, Hi: 5, Ulp: 2, Flops: 25, LaTeX: `\sigma($a)`},
	{Name: "softplus", Doc: "log(1 + exp(a))", Args: 1, Eval: f1(elem.Softplus[float64]), Eval32: f1(elem.Softplus[float32]),
		Diff: []string{"sigmoid(a)"}, Inverse: "log(expm1(a))", Go: "elem.Softplus($a)", Lo: -5, Hi: 5, Ulp: 2, Flops: 35, LaTeX: `\operatorname{softplus}($a)`},
	{Name: "erf", Doc: "error function", Args: 1, Eval: f1(elem.Erf[float64]), Eval32: f1(elem.Erf[float32]),
		Diff: []string{"1.1283791670955126*exp(-a*a)"}, Go: "elem.Erf($a)", Lo: -3, Hi: 3, Ulp: 2, Flops: 40, LaTeX: `\operatorname{erf}($a)`},
	{Name: "hypot", Doc: "sqrt(a*a + b*b) without overflow", Args: 2, Commutes: true, Eval: f2(elem.Hypot[float64]), Eval32: f2(elem.Hypot[float32]),
		Diff: []string{"a/y", "b/y"}, Go: "elem.Hypot($a, $b)", Lo: 0.1, Hi: 10, Ulp: 2, Flops: 20, LaTeX: `\sqrt{$a^2 + $b^2}`},

	// reductions, over the tensor unless `per group` or `per model`; the rows with an Expand are said in the first three
	{Name: "sum", Doc: "sum of all values", Kind: Reduction, Args: 1, Reduce: elem.ReduceSum, Grad: []string{"d"}, Flops: 1, LaTeX: `\sum $a`},
	{Name: "reduce_min", Internal: true, Doc: "smallest value, written min(a); NaN wins", Kind: Reduction, Args: 1, Reduce: elem.ReduceMin, Grad: []string{attained}, Flops: 1, LaTeX: `\min $a`},
	{Name: "reduce_max", Internal: true, Doc: "largest value, written max(a); NaN wins", Kind: Reduction, Args: 1, Reduce: elem.ReduceMax, Grad: []string{attained}, Flops: 1, LaTeX: `\max $a`},
	{Name: "size", Internal: true, Doc: "how many values a has", Kind: Size, Args: 1, LaTeX: `\#$a`},
	{Name: "mean", Doc: "arithmetic mean", Kind: Reduction, Args: 1, Expand: "sum(a)/size(a)", LaTeX: `\operatorname{mean} $a`},
	{Name: "normsq", Doc: "sum of squares", Kind: Reduction, Args: 1, Expand: "sum(a*a)", LaTeX: `\|$a\|^2`},
	{Name: "norm", Doc: "Euclidean norm", Kind: Reduction, Args: 1, Expand: "sqrt(sum(a*a))", LaTeX: `\|$a\|`},
	{Name: "norm1", Doc: "sum of absolute values", Kind: Reduction, Args: 1, Expand: "sum(abs(a))", LaTeX: `\|$a\|_1`},
	{Name: "dot", Doc: "sum of products", Kind: Reduction, Args: 2, Expand: "sum(a*b)", LaTeX: `\langle $a, $b\rangle`},
	{Name: "count", Doc: "how many of a mask are set", Kind: Reduction, Args: 1, MaskArgs: 1, Expand: "sum(real(a))", LaTeX: `\#($a)`},
	{Name: "any", Doc: "whether one of a mask is set", Kind: Reduction, Args: 1, MaskArgs: 1, Mask: true, Expand: "reduce_max(real(a)) > 0", LaTeX: `\exists ($a)`},
	{Name: "all", Doc: "whether every one of a mask is set", Kind: Reduction, Args: 1, MaskArgs: 1, Mask: true, Expand: "reduce_min(real(a)) > 0", LaTeX: `\forall ($a)`},

	// order statistics, over the tensor unless `per E`: NaNs last, -0 before +0
	{Name: "kth", Doc: "k-th smallest value; NaN if there is none", Kind: Order, Args: 1, Params: []Param{{"k", math.NaN(), 1, math.Inf(1), false}}, LaTeX: `{$a}_{($b)}`,
		Grad: []string{attained}},
	{Name: "threshold", Internal: true, Doc: "tau for which the sum of max(a - tau, 0) is r: the simplex threshold", Kind: Order, Args: 1, Params: []Param{{"r", math.NaN(), 0, math.Inf(1), false}},
		Stat: elem.StatThreshold, Grad: []string{"where(a >= y, d/sum(real(a >= y)), 0)"}, LaTeX: `\tau_{$b}($a)`},
	{Name: "topk", Doc: "mask of exactly the k largest, ties to the lower index", Kind: Order, Args: 1, Params: []Param{{"k", math.NaN(), 0, math.Inf(1), false}}, Mask: true, LaTeX: `\operatorname{top}_{$b}($a)`},
	{Name: "median", Doc: "middle value, the mean of the middle two for an even count", Kind: Order, Args: 1,
		Expand: "(kth(a, floor((size(a) + 1)/2)) + kth(a, ceil((size(a) + 1)/2)))/2", LaTeX: `\operatorname{median} $a`},
	{Name: "quantile", Doc: "value at share q of the sorted values, interpolated", Kind: Order, Args: 1, Params: []Param{{"q", math.NaN(), 0, 1, false}},
		Expand: "where(floor(b*(size(a) - 1)) == b*(size(a) - 1), kth(a, 1 + b*(size(a) - 1)), kth(a, 1 + floor(b*(size(a) - 1))) + " +
			"(b*(size(a) - 1) - floor(b*(size(a) - 1)))*(kth(a, 2 + floor(b*(size(a) - 1))) - kth(a, 1 + floor(b*(size(a) - 1)))))",
		LaTeX: `Q_{$b}($a)`},

	// matrices: x is seen as one, its first dimension the rows, the others the columns; what fails is NaN
	{Name: "matmul", Infix: "@", Doc: "matrix product", Kind: Array, Args: 2, Shape: "a,b b,c -> a,c | a,b b -> a | a a,b -> b",
		Array32: matrix.Mul[float32], Array64: matrix.Mul[float64], Go: "matrix.Mul[$T]",
		Grad: []string{"d@b' | outer(d, b) | b@d", "a'@d | a'@d | outer(a, d)"}, LaTeX: "$a $b"},
	{Name: "transpose", Internal: true, Doc: "transpose, written A'", Kind: Array, Args: 1, Shape: "a,b -> b,a",
		Array32: matrix.Transpose[float32], Array64: matrix.Transpose[float64], Go: "matrix.Transpose[$T]",
		Grad: []string{"d'"}, LaTeX: `{$a}^\top`},
	{Name: "diag", Doc: "diagonal of a square matrix, or the diagonal matrix of a row or col value", Kind: Array, Args: 1, Shape: "a,a -> a | a -> a,a",
		Array32: matrix.Diag[float32], Array64: matrix.Diag[float64], Go: "matrix.Diag[$T]",
		Grad: []string{"diag(d)"}, LaTeX: `\operatorname{diag} $a`},
	{Name: "trace", Doc: "sum of a square matrix's diagonal", Kind: Array, Args: 1, Shape: "a,a -> tensor",
		Array32: matrix.Trace[float32], Array64: matrix.Trace[float64], Go: "matrix.Trace[$T]",
		Grad: []string{"diag(d + 0*diag(a))"}, LaTeX: `\operatorname{tr} $a`},
	{Name: "outer", Doc: "matrix of all products of two row or col values", Kind: Array, Args: 2, Shape: "a b -> a,b",
		Array32: matrix.Outer[float32], Array64: matrix.Outer[float64], Go: "matrix.Outer[$T]",
		Grad: []string{"d@b", "a@d"}, LaTeX: `$a {$b}^\top`},
	{Name: "eye", Doc: "identity matrix, eye(row) or eye(col)", Kind: Array,
		Array32: matrix.Eye[float32], Array64: matrix.Eye[float64], Go: "matrix.Eye[$T]", LaTeX: "I"},
	{Name: "inv", Doc: "inverse", Kind: Array, Args: 1, Shape: "a,a -> a,a",
		Array32: matrix.Inv[float32], Array64: matrix.Inv[float64], Go: "matrix.Inv[$T]",
		Grad: []string{"-(y'@d@y')"}, LaTeX: `{$a}^{-1}`},
	{Name: "solve", Doc: "solve(A, B) is the X with A@X = B", Kind: Array, Args: 2, Shape: "a,a a,b -> a,b | a,a a -> a",
		Array32: matrix.Solve[float32], Array64: matrix.Solve[float64], Go: "matrix.Solve[$T]",
		Grad: []string{"-(solve(a', d)@y') | -outer(solve(a', d), y)", "solve(a', d)"}, LaTeX: `{$a}^{-1} $b`},
	{Name: "cholesky", Doc: "lower triangular L with L@L' = A", Kind: Array, Args: 1, Shape: "a,a -> a,a",
		Array32: matrix.Cholesky[float32], Array64: matrix.Cholesky[float64], Go: "matrix.Cholesky[$T]",
		Grad: []string{choleskyGrad}, LaTeX: `\operatorname{chol} $a`},
	{Name: "qr", Doc: "Q of the QR decomposition whose R has no negative diagonal", Kind: Array, Args: 1, Shape: "a,a -> a,a",
		Array32: matrix.QR[float32], Array64: matrix.QR[float64], Go: "matrix.QR[$T]",
		Grad: []string{"solve(y'@a, tril(y'@d - d'@y)'@y')'"}, LaTeX: `\operatorname{qr} $a`},
	{Name: "eigvecs", Doc: "eigenvectors of a symmetric matrix as columns, ascending, the largest entry of each positive", Kind: Array, Args: 1, Shape: "a,a -> a,a",
		Array32: matrix.EigVecs[float32], Array64: matrix.EigVecs[float64], Go: "matrix.EigVecs[$T]",
		Grad: []string{eigvecsGrad}, LaTeX: `\operatorname{eigvecs} $a`},
	{Name: "inv_root", Doc: "(A + ridge*I)^(-1/p) of a symmetric positive A", Kind: Array, Args: 1, Params: []Param{{"p", math.NaN(), 1, 16, true}, {"ridge", 0, 0, math.Inf(1), false}}, Shape: "a,a -> a,a",
		Array32: matrix.InvRoot[float32], Array64: matrix.InvRoot[float64], Go: "matrix.InvRoot[$T]",
		Grad: []string{"inv_root_vjp(y, d; b)"}, LaTeX: `($a + $c I)^{-1/$b}`},
	{Name: "orthogonalize", Doc: "nearest semi-orthogonal matrix, by so many Newton-Schulz steps", Kind: Array, Args: 1, Params: []Param{{"steps", 5, 0, 100, true}}, Shape: "a,b -> a,b",
		Array32: matrix.Orthogonalize[float32], Array64: matrix.Orthogonalize[float64], Go: "matrix.Orthogonalize[$T]",
		Grad: []string{"orthogonalize_vjp(a, d; b)"}, LaTeX: `\operatorname{NS}_{$b}($a)`},
	{Name: "svd_shrink", Doc: "the matrix with every singular value smaller by tau, at least 0", Kind: Array, Args: 1, Params: []Param{{"tau", math.NaN(), 0, math.Inf(1), false}}, Shape: "a,b -> a,b",
		Array32: matrix.SVDShrink[float32], Array64: matrix.SVDShrink[float64], Go: "matrix.SVDShrink[$T]",
		Grad: []string{"svd_shrink_vjp(a, d; b)"}, LaTeX: `\mathcal{D}_{$b}($a)`},
	{Name: "polar", Doc: "nearest semi-orthogonal matrix, U V' of the matrix U S V'", Kind: Array, Args: 1, Shape: "a,b -> a,b",
		Array32: matrix.Polar[float32], Array64: matrix.Polar[float64], Go: "matrix.Polar[$T]",
		Grad: []string{"polar_vjp(a, d)"}, LaTeX: `\operatorname{polar} $a`},
	{Name: "tril", Internal: true, Doc: "lower triangle with the diagonal", Kind: Array, Args: 1, Shape: "a,a -> a,a",
		Array32: matrix.Tril[float32], Array64: matrix.Tril[float64], Go: "matrix.Tril[$T]",
		Grad: []string{"tril(d)"}, LaTeX: `\operatorname{tril} $a`},

	// products of a second argument with the derivative of an operator, for the formulas above; they are linear in it
	{Name: "inv_root_vjp", Internal: true, Doc: "derivative of inv_root where it is a, symmetric, times b", Kind: Array, Args: 2, Params: []Param{{"p", math.NaN(), 1, 16, true}}, Shape: "a,a a,a -> a,a",
		Array32: matrix.InvRootVJP[float32], Array64: matrix.InvRootVJP[float64], Go: "matrix.InvRootVJP[$T]",
		Grad: []string{"", "inv_root_vjp(a, d; c)"}, LaTeX: `D^{-1/$c}_{$a} $b`},
	{Name: "orthogonalize_vjp", Internal: true, Doc: "b times the derivative of orthogonalize at a", Kind: Array, Args: 2, Params: []Param{{"steps", 5, 0, 100, true}}, Shape: "a,b a,b -> a,b",
		Array32: matrix.OrthogonalizeVJP[float32], Array64: matrix.OrthogonalizeVJP[float64], Go: "matrix.OrthogonalizeVJP[$T]",
		Grad: []string{"", "orthogonalize_jvp(a, d; c)"}, LaTeX: `D\operatorname{NS}_{$c}($a)^\top $b`},
	{Name: "orthogonalize_jvp", Internal: true, Doc: "derivative of orthogonalize at a in the direction b", Kind: Array, Args: 2, Params: []Param{{"steps", 5, 0, 100, true}}, Shape: "a,b a,b -> a,b",
		Array32: matrix.OrthogonalizeJVP[float32], Array64: matrix.OrthogonalizeJVP[float64], Go: "matrix.OrthogonalizeJVP[$T]",
		Grad: []string{"", "orthogonalize_vjp(a, d; c)"}, LaTeX: `D\operatorname{NS}_{$c}($a) $b`},
	{Name: "svd_shrink_vjp", Internal: true, Doc: "derivative of svd_shrink at a, which is symmetric, times b", Kind: Array, Args: 2, Params: []Param{{"tau", math.NaN(), 0, math.Inf(1), false}}, Shape: "a,b a,b -> a,b",
		Array32: matrix.SVDShrinkVJP[float32], Array64: matrix.SVDShrinkVJP[float64], Go: "matrix.SVDShrinkVJP[$T]",
		Grad: []string{"", "svd_shrink_vjp(a, d; c)"}, LaTeX: `D\mathcal{D}_{$c}($a) $b`},
	{Name: "polar_vjp", Internal: true, Doc: "derivative of polar at a, which is symmetric, times b", Kind: Array, Args: 2, Shape: "a,b a,b -> a,b",
		Array32: matrix.PolarVJP[float32], Array64: matrix.PolarVJP[float64], Go: "matrix.PolarVJP[$T]",
		Grad: []string{"", "polar_vjp(a, d)"}, LaTeX: `D\operatorname{polar}($a) $b`},

	// random values, addressed by (seed, step, tensor, element, call site): the same for any number of threads
	{Name: "normal", Doc: "standard normal", Kind: Draw, LaTeX: `\mathcal{N}(0, 1)`},
	{Name: "uniform", Doc: "uniform in [0, 1)", Kind: Draw, LaTeX: `\mathcal{U}[0, 1)`},
	{Name: "rademacher", Doc: "-1 or 1 with equal chances", Kind: Draw, LaTeX: `\mathcal{U}\{\pm 1\}`},
}

// attained is the derivative of a least, greatest or k-th value: that of the values which are it, in equal shares.
const attained = "where(a == y, d/sum(real(a == y)), 0)"

// choleskyGrad is the symmetric gradient of cholesky (Murray 2016, equation 9): L^-T·sym(tril(L'·D) with half its
// diagonal)·L^-1.
const choleskyGrad = "solve(y', solve(y', 0.5*(tril(y'@tril(d)) + tril(y'@tril(d))' - diag(diag(y'@tril(d)))))')"

// eigvecsGrad is the symmetric gradient of eigvecs of a matrix whose eigenvalues l are simple (Giles 2008, 3.1): V·((V'D -
// D'V)/2/(l_j - l_i))·V'. Of two eigenvalues that are the same to the bit, it has zero there. The vectors' signs do not
// change nearby.
const eigvecsGrad = "0.5*y@where(" + eigenvalues + " == (" + eigenvalues + ")', 0, (y'@d - d'@y)/((" + eigenvalues + ")' - " + eigenvalues + "))@y'"

// eigenvalues is the matrix with those of a, whose vectors are y, in every column.
const eigenvalues = "outer(diag(y'@a@y), 1 + 0*diag(y))"

func where[T elem.Float](m, a, b T) T {
	if m != 0 {
		return a
	}
	return b
}

func f1[T elem.Float](f func(a T) T) func([]T) T    { return func(a []T) T { return f(a[0]) } }
func f2[T elem.Float](f func(a, b T) T) func([]T) T { return func(a []T) T { return f(a[0], a[1]) } }
func f3[T elem.Float](f func(a, b, c T) T) func([]T) T {
	return func(a []T) T { return f(a[0], a[1], a[2]) }
}
func c1[T elem.Float](f func(a T) bool) func([]T) T {
	return func(a []T) T { return bit[T](f(a[0])) }
}
func c2[T elem.Float](f func(a, b T) bool) func([]T) T {
	return func(a []T) T { return bit[T](f(a[0], a[1])) }
}

func bit[T elem.Float](b bool) T {
	if b {
		return 1
	}
	return 0
}
