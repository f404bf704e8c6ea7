package genome

import (
	"fmt"
	"math"
	"strings"

	"github.com/optc-lang/optc/runtime/elem"
)

// Op is an operator, by its place in [Ops].
type Op uint8

// Kind is how an operator is computed.
type Kind uint8

// The kinds of operators.
const (
	Leaf   Kind = iota // no arguments
	Map                // element by element
	Reduce             // over the elements of a tensor
	Normal             // a map that first reduces its argument
	State              // keeps one value an element from step to step
)

// Row is all that is known of an operator.
type Row struct {
	Name     string
	Doc      string
	Kind     Kind
	Args     int
	Const    bool   // it has a constant k: a fraction in (0, 1], but for the leaf const
	Commutes bool   // f(a, b) = f(b, a)
	Text     string // its value in the rule language, of the arguments a, b, c and k; of a state, its next value, from s
	Positive string // Text where the divisor is known not to be negative
	Value    string // of a state, what is read of it after its update, from s and the step t; s itself if empty

	Scalar func(a, b, c, k float64) float64 // of a map of values of one a tensor; of a state, from s as c
	Degree func(a, b, c float64) float64    // see Degrees
	Parity func(a, b, c parity) parity      // see Parities
	Sign   func(a, b, c bool) bool          // whether it is never negative, by whether its arguments never are; nil: not known
}

// Form is how the operator is written: ema(a; k).
func (r *Row) Form() string {
	if r.Args == 0 {
		return r.Name
	}
	args := strings.Join(strings.Split("abc"[:r.Args], ""), ", ")
	if r.Const {
		args += "; k"
	}
	return r.Name + "(" + args + ")"
}

// Eps is the least divisor: a quotient by anything nearer to zero takes it with that sign, so that no pole swallows a step.
const Eps = 1e-12

// The operators that the code speaks of by name.
var (
	G     = Lookup("g")
	X     = Lookup("x")
	Const = Lookup("const")

	abs     = Lookup("abs")
	add     = Lookup("add")
	div     = Lookup("div")
	mean    = Lookup("mean")
	mul     = Lookup("mul")
	neg     = Lookup("neg")
	prev    = Lookup("prev")
	recip   = Lookup("recip")
	rms     = Lookup("rms")
	rmsnorm = Lookup("rmsnorm")
)

// Ops is every operator. ADD AN OPERATOR HERE: its vector code (vm/ops.opt) is generated from Text.
var Ops = []Row{
	{Name: "g", Doc: "the gradient", Degree: same(1), Parity: is(odd)},
	{Name: "x", Doc: "the parameter", Degree: same(0), Parity: is(odd)},
	{Name: "const", Doc: "a constant", Const: true, Degree: same(0), Parity: is(even)},

	{Name: "add", Doc: "sum", Kind: Map, Args: 2, Commutes: true, Text: "a + b", Scalar: func(a, b, _, _ float64) float64 { return a + b }, Degree: both, Parity: alike, Sign: and},
	{Name: "sub", Doc: "difference", Kind: Map, Args: 2, Text: "a - b", Scalar: func(a, b, _, _ float64) float64 { return a - b }, Degree: both, Parity: alike},
	{Name: "mul", Doc: "product", Kind: Map, Args: 2, Commutes: true, Text: "a*b", Scalar: func(a, b, _, _ float64) float64 { return float64(a * b) }, Degree: func(a, b, _ float64) float64 { return a + b }, Parity: times, Sign: and},
	{Name: "div", Doc: "quotient, the divisor kept from zero", Kind: Map, Args: 2, Text: "a/where(b < 0, min(b, -1e-12), max(b, 1e-12))", Positive: "a/max(b, 1e-12)",
		Scalar: func(a, b, _, _ float64) float64 { return a / away(b) }, Degree: func(a, b, _ float64) float64 { return a - b }, Parity: times, Sign: and},
	{Name: "min", Doc: "the smaller", Kind: Map, Args: 2, Commutes: true, Text: "min(a, b)", Scalar: func(a, b, _, _ float64) float64 { return elem.Min(a, b) }, Degree: both, Parity: evens, Sign: and},
	{Name: "max", Doc: "the larger", Kind: Map, Args: 2, Commutes: true, Text: "max(a, b)", Scalar: func(a, b, _, _ float64) float64 { return elem.Max(a, b) }, Degree: both, Parity: evens, Sign: or},
	{Name: "neg", Doc: "negation", Kind: Map, Args: 1, Text: "-a", Scalar: func(a, _, _, _ float64) float64 { return -a }, Degree: first, Parity: firstParity},
	{Name: "abs", Doc: "absolute value", Kind: Map, Args: 1, Text: "abs(a)", Scalar: func(a, _, _, _ float64) float64 { return math.Abs(a) }, Degree: first, Parity: folded, Sign: always},
	{Name: "sign", Doc: "-1, 0 or 1", Kind: Map, Args: 1, Text: "sign(a)", Scalar: func(a, _, _, _ float64) float64 { return elem.Sign(a) }, Degree: scaleFree, Parity: firstParity, Sign: and},
	{Name: "sqrt", Doc: "square root of the absolute value", Kind: Map, Args: 1, Text: "sqrt(abs(a))", Positive: "sqrt(a)",
		Scalar: func(a, _, _, _ float64) float64 { return math.Sqrt(math.Abs(a)) }, Degree: func(a, _, _ float64) float64 { return a / 2 }, Parity: folded, Sign: always},
	{Name: "square", Doc: "square", Kind: Map, Args: 1, Text: "a*a", Scalar: func(a, _, _, _ float64) float64 { return float64(a * a) }, Degree: func(a, _, _ float64) float64 { return a + a }, Parity: folded, Sign: always},
	{Name: "recip", Doc: "reciprocal, kept from zero", Kind: Map, Args: 1, Text: "1/where(a < 0, min(a, -1e-12), max(a, 1e-12))", Positive: "1/max(a, 1e-12)",
		Scalar: func(a, _, _, _ float64) float64 { return 1 / away(a) }, Degree: func(a, _, _ float64) float64 { return -a }, Parity: firstParity, Sign: and},
	{Name: "tanh", Doc: "hyperbolic tangent", Kind: Map, Args: 1, Text: "tanh(a)", Scalar: func(a, _, _, _ float64) float64 { return elem.Tanh(a) }, Degree: pure, Parity: firstParity, Sign: and},
	{Name: "clip", Doc: "the first, no larger in magnitude than the second", Kind: Map, Args: 2, Text: "clamp(a, -abs(b), abs(b))",
		Scalar: func(a, b, _, _ float64) float64 { return elem.Min(elem.Max(a, -math.Abs(b)), math.Abs(b)) }, Degree: both, Parity: func(a, b, _ parity) parity { return a * b * b }, Sign: func(a, _, _ bool) bool { return a }},
	{Name: "lerp", Doc: "(1 - k) of the first and k of the second", Kind: Map, Args: 2, Const: true, Text: "(1 - k)*a + k*b",
		Scalar: func(a, b, _, k float64) float64 { return float64((1-k)*a) + float64(k*b) }, Degree: both, Parity: alike, Sign: and},
	{Name: "where", Doc: "the second where the first is positive, else the third", Kind: Map, Args: 3, Text: "where(a > 0, b, c)",
		Scalar: func(a, b, c, _ float64) float64 {
			if a > 0 {
				return b
			}
			return c
		}, Degree: func(a, b, c float64) float64 { return both(b, c, 0) + float64(0*a) }, Parity: func(a, b, c parity) parity { return evens(a, a, 0) * alike(b, c, 0) }, Sign: func(_, b, c bool) bool { return b && c }},

	{Name: "mean", Doc: "mean over the tensor", Kind: Reduce, Args: 1, Text: "mean(a)", Degree: first, Parity: firstParity, Sign: and},
	{Name: "rms", Doc: "root of the mean square over the tensor", Kind: Reduce, Args: 1, Text: "sqrt(mean(a*a))", Degree: first, Parity: folded, Sign: always},
	{Name: "dot", Doc: "sum of products over the tensor", Kind: Reduce, Args: 2, Commutes: true, Text: "sum(a*b)", Degree: func(a, b, _ float64) float64 { return a + b }, Parity: times, Sign: and},
	{Name: "cosine", Doc: "cosine of the angle between two tensors", Kind: Reduce, Args: 2, Commutes: true, Text: "sum(a*b)/max(sqrt(sum(a*a))*sqrt(sum(b*b)), 1e-12)", Degree: scaleFree, Parity: times, Sign: and},
	{Name: "rmsnorm", Doc: "the argument over its root mean square", Kind: Normal, Args: 1, Text: "a/max(sqrt(mean(a*a)), 1e-12)", Degree: scaleFree, Parity: firstParity, Sign: and},

	{Name: "ema", Doc: "moving average from 0, k of the new value", Kind: State, Args: 1, Const: true, Text: "(1 - k)*s + k*a", Scalar: func(a, _, s, k float64) float64 { return float64((1-k)*s) + float64(k*a) }, Degree: first, Parity: firstParity, Sign: and},
	{Name: "avg", Doc: "moving average, k of the new value, corrected for its start at 0", Kind: State, Args: 1, Const: true, Text: "(1 - k)*s + k*a", Value: "s*(1/(1 - (1 - k)^t))",
		Scalar: func(a, _, s, k float64) float64 { return float64((1-k)*s) + float64(k*a) }, Degree: first, Parity: firstParity, Sign: and},
	{Name: "total", Doc: "sum over the steps", Kind: State, Args: 1, Text: "s + a", Scalar: func(a, _, s, _ float64) float64 { return s + a }, Degree: first, Parity: firstParity, Sign: and},
	{Name: "prev", Doc: "the value of the step before, at first 0", Kind: State, Args: 1, Text: "a", Scalar: func(a, _, _, _ float64) float64 { return a }, Degree: first, Parity: firstParity, Sign: and},
	{Name: "most", Doc: "the largest so far, 0 included", Kind: State, Args: 1, Text: "max(s, a)", Scalar: func(a, _, s, _ float64) float64 { return elem.Max(s, a) }, Degree: first, Parity: func(a, _, _ parity) parity { return evens(a, a, 0) }, Sign: always},
}

// Lookup is the operator of that name, which must be in the table.
func Lookup(name string) Op {
	op, ok := Find(name)
	if !ok {
		panic("genome: no operator " + name)
	}
	return op
}

// Find is the operator of that name.
func Find(name string) (Op, bool) {
	for i := range Ops {
		if Ops[i].Name == name {
			return Op(i), true
		}
	}
	return 0, false
}

// Row is the operator's row.
func (o Op) Row() *Row { return &Ops[o] }

func (o Op) String() string { return Ops[o].Name }

// away is b, kept from zero.
func away(b float64) float64 {
	if b < 0 {
		return elem.Min(b, -Eps)
	}
	return elem.Max(b, Eps)
}

func same(d float64) func(a, b, c float64) float64 {
	return func(_, _, _ float64) float64 { return d }
}

func first(a, _, _ float64) float64 { return a }

// both is the degree of a sum: that of its terms, if it is one.
func both(a, b, _ float64) float64 {
	if a == b {
		return a
	}
	return math.NaN()
}

// scaleFree is the degree of what does not depend on the scale of its arguments.
func scaleFree(a, b, _ float64) float64 { return float64(0 * (a + b)) }

// pure is the degree of a function that is not homogeneous.
func pure(a, _, _ float64) float64 {
	if a == 0 {
		return 0
	}
	return math.NaN()
}

// parity is what a value becomes when all gradients change their sign.
type parity int8

const (
	odd     parity = -1 // its negative
	neither parity = 0
	even    parity = 1 // what it was
)

func is(p parity) func(a, b, c parity) parity {
	return func(_, _, _ parity) parity { return p }
}

func firstParity(a, _, _ parity) parity { return a }

// times is the parity of a product.
func times(a, b, _ parity) parity { return a * b }

// folded is the parity of a function of the absolute value.
func folded(a, _, _ parity) parity { return a * a }

// alike is the parity of a sum: that of its terms, if it is one.
func alike(a, b, _ parity) parity {
	if a == b {
		return a
	}
	return neither
}

// evens is the parity of a function that has one only where its arguments do not change.
func evens(a, b, _ parity) parity {
	if a == even && b == even {
		return even
	}
	return neither
}

func and(a, b, c bool) bool    { return a && b && c }
func or(a, b, _ bool) bool     { return a || b }
func always(_, _, _ bool) bool { return true }

// MarshalText is the operator's name.
func (o Op) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText finds the operator of that name.
func (o *Op) UnmarshalText(name []byte) error {
	op, ok := Find(string(name))
	if !ok {
		return fmt.Errorf("no operator %q", name)
	}
	*o = op
	return nil
}
