// Package elementary says what the elementary functions are in basic
// operations. Each is a straight-line program, for float32 and for float64:
// steps without branch, loop or table, each an operator with one IEEE 754
// rounding in the function's own type, or of bits. In come the name of an
// operator and a type, out comes its program. The Go functions of package elem
// are generated from the programs (gen), and a backend that has a vector form
// of every step has one of every function here: so one text defines what all
// of them compute, bit for bit (NaNs are all alike).
//
// A program may not depend on anything but the bits of its arguments; no step
// may be fused with another or put in another order.
package elementary

import (
	"slices"
	"sync"

	"github.com/optc-lang/optc/runtime/elem"
)

// A Step applies an operator to arguments: 0, 1, ... are the function's own,
// then the steps in order. A step "const" has no arguments and the value
// Const, exact in the function's type; it may be infinite or NaN.
type Step struct {
	Op    string
	Args  []int
	Const float64
}

// A Function is a program; the last step is its result.
type Function struct {
	Args  int // arguments of the function
	Steps []Step
}

// operators are what a step may be. The key is the operator's name in the
// operator table; in the signature, the result first, f is a number and m a
// mask.
var operators = map[string]struct {
	signature string
	cost      int
}{
	"const": {"f", 0},
	"add":   {"fff", 1}, "sub": {"fff", 1}, "mul": {"fff", 1}, "div": {"fff", 8}, "sqrt": {"ff", 8},
	"neg": {"ff", 1}, "abs": {"ff", 1}, "copysign": {"fff", 1}, "floor": {"ff", 1}, "round": {"ff", 1},
	"min": {"fff", 1}, "max": {"fff", 1},
	"eq": {"mff", 1}, "ne": {"mff", 1}, "lt": {"mff", 1}, "le": {"mff", 1}, "gt": {"mff", 1}, "ge": {"mff", 1},
	"and": {"mmm", 1}, "or": {"mmm", 1}, "not": {"mm", 1}, "isfinite": {"mf", 1}, "where": {"fmff", 1},
	"pow2": {"ff", 1}, "exponent": {"ff", 1}, "mantissa": {"ff", 1}, "top": {"ff", 1},
}

// Cost counts the operations of a function: 8 for a division and a square
// root, 1 for every other.
func (f *Function) Cost() int {
	n := 0
	for _, s := range f.Steps {
		n += operators[s.Op].cost
	}
	return n
}

// IsMask reports whether step i (an index as in Step.Args) gives a mask.
func (f *Function) IsMask(i int) bool {
	return i >= f.Args && operators[f.Steps[i-f.Args].Op].signature[0] == 'm'
}

// definition is a function's text for each type.
type definition struct {
	name     string
	args     int
	f32, f64 func(args ...num) num
}

// definitions are the functions, by their names in the operator table.
var definitions = []definition{
	{"exp", 1, exp32, exp64},
	{"expm1", 1, expm132, expm164},
	{"log", 1, log32, log64},
	{"log1p", 1, log1p32, log1p64},
	{"log2", 1, log232, log264},
	{"pow", 2, pow, pow},
	{"atan", 1, atan32, atan64},
	{"sinh", 1, sinh32, sinh64},
	{"cosh", 1, cosh32, cosh64},
	{"tanh", 1, tanh32, tanh64},
	{"sigmoid", 1, sigmoid32, sigmoid64},
	{"softplus", 1, softplus32, softplus64},
	{"erf", 1, erf32, erf64},
	{"cbrt", 1, cbrt32, cbrt64},
	{"hypot", 2, hypot, hypot},
}

type key struct {
	name string
	bits int
}

var programs = sync.OnceValue(func() map[key]*Function {
	all := map[key]*Function{}
	for _, d := range definitions {
		all[key{d.name, 32}] = build(d.args, 32, d.f32)
		all[key{d.name, 64}] = build(d.args, 64, d.f64)
	}
	return all
})

// Lookup returns the program of the operator of that name for numbers of 32 or
// 64 bits. The program is shared and may not be changed.
func Lookup(name string, bits int) (*Function, bool) {
	f, ok := programs()[key{name, bits}]
	return f, ok
}

// Names returns the operators that have a program, sorted.
func Names() []string {
	var names []string
	for _, d := range definitions {
		names = append(names, d.name)
	}
	slices.Sort(names)
	return names
}

// Eval computes a program step by step: slow, and by definition right.
func Eval[T elem.Float](f *Function, args ...T) T {
	v := slices.Clone(args)
	for _, s := range f.Steps {
		var a [3]T
		for i, n := range s.Args {
			a[i] = v[n]
		}
		v = append(v, apply(s, a))
	}
	return v[len(v)-1]
}

func apply[T elem.Float](s Step, a [3]T) T {
	mask := func(b bool) T {
		if b {
			return 1
		}
		return 0
	}
	switch s.Op {
	case "const":
		return T(s.Const)
	case "add":
		return a[0] + a[1]
	case "sub":
		return a[0] - a[1]
	case "mul":
		return T(a[0] * a[1])
	case "div":
		return a[0] / a[1]
	case "sqrt":
		return elem.Sqrt(a[0])
	case "neg":
		return -a[0]
	case "abs":
		return elem.Abs(a[0])
	case "copysign":
		return elem.Copysign(a[0], a[1])
	case "floor":
		return elem.Floor(a[0])
	case "round":
		return elem.Round(a[0])
	case "min":
		return elem.Min(a[0], a[1])
	case "max":
		return elem.Max(a[0], a[1])
	case "eq":
		return mask(a[0] == a[1])
	case "ne":
		return mask(a[0] != a[1])
	case "lt":
		return mask(a[0] < a[1])
	case "le":
		return mask(a[0] <= a[1])
	case "gt":
		return mask(a[0] > a[1])
	case "ge":
		return mask(a[0] >= a[1])
	case "and":
		return mask(a[0] != 0 && a[1] != 0)
	case "or":
		return mask(a[0] != 0 || a[1] != 0)
	case "not":
		return mask(a[0] == 0)
	case "isfinite":
		return mask(elem.IsFinite(a[0]))
	case "where":
		if a[0] != 0 {
			return a[1]
		}
		return a[2]
	case "pow2":
		return elem.Pow2(a[0])
	case "exponent":
		return elem.Exponent(a[0])
	case "mantissa":
		return elem.Mantissa(a[0])
	case "top":
		return elem.Top(a[0])
	}
	panic("elementary: no operator " + s.Op)
}
