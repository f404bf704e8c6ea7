package goasm

import (
	"math"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// The processor's minimum and maximum are not the operators': where one operand is NaN, or both are zero, they give the
// second. That is what a choice by a comparison means, and what min and max mean of operands that are known to be no such
// thing. These operators stand for them within this package, with the bits of what they replace.
const (
	opLarger  = "larger"  // where(a > b, a, b)
	opSmaller = "smaller" // where(a < b, a, b)
	opMaxTie  = "maxtie"  // max(a, b), b if both are zero
	opMinTie  = "mintie"  // min(a, b), b if both are zero
)

// choose replaces choices, minima and maxima by the processor's own where the instruction set has rows for them.
func (l *lowered) choose(set *instructionSet, d DType) {
	if set.choices == nil {
		return
	}
	known := l.facts(d)
	for i := range l.Instrs {
		switch in := &l.Instrs[i]; in.Op {
		case "where":
			l.chooseByMask(in)
		case "max", "min":
			known.chooseOf(in)
		}
	}
}

// chooseByMask takes where(a > b, a, b), and its mirror images, for a maximum or minimum.
func (l *lowered) chooseByMask(in *ir.Instr) {
	mask := l.Instrs[in.Args[0].Index]
	if mask.Op != "gt" && mask.Op != "lt" {
		return
	}
	larger, a, b := mask.Op == "gt", in.Args[1], in.Args[2]
	switch {
	case mask.Args[0] == a && mask.Args[1] == b:
	case mask.Args[0] == b && mask.Args[1] == a: // where(b > a, a, b) is where(a < b, a, b)
		larger = !larger
	default:
		return
	}
	in.Op, in.Args = opSmaller, []ir.Operand{a, b}
	if larger {
		in.Op = opLarger
	}
}

// fact is what is known of a value.
type fact uint8

const (
	number      fact = 1 << iota // it is not NaN
	notMinus                     // it is not -0
	notZero                      // it is neither +0 nor -0
	noFact      fact = 0
	everyNumber      = number | notMinus | notZero
)

// facts are what is known of the values of a kernel.
type facts struct {
	l      *lowered
	d      DType
	instrs []fact
	values map[*ir.Value]fact // of step values, and of those per row
}

func (l *lowered) facts(d DType) *facts {
	f := &facts{l: l, d: d, values: map[*ir.Value]fact{}}
	for _, in := range l.Instrs {
		args := make([]fact, len(in.Args))
		for i, a := range in.Args {
			args[i] = f.of(a)
		}
		square := in.Op == "mul" && in.Args[0] == in.Args[1]
		f.instrs = append(f.instrs, factOf(in.Op, square, args))
	}
	return f
}

func (f *facts) of(a ir.Operand) fact {
	switch scalars := f.l.Scalars; {
	case !a.Scalar:
		return f.instrs[a.Index]
	case a.Index >= len(scalars):
		return f.ofBits(constantBits(f.l.constants[a.Index-len(scalars)], f.d))
	case scalars[a.Index].Value != nil:
		return f.ofValue(scalars[a.Index].Value)
	}
	return noFact
}

func (f *facts) ofBits(bits uint64) fact {
	if f.d == F32 {
		return factOfNumber(float64(math.Float32frombits(uint32(bits))))
	}
	return factOfNumber(math.Float64frombits(bits))
}

// ofValue is what is known of a value when it has been rounded to the type of elements: what is tiny has become zero then.
func (f *facts) ofValue(v *ir.Value) fact {
	known, ok := f.values[v]
	if ok {
		return known
	}
	switch v.Kind {
	case ir.Number:
		n := v.Num
		if f.d == F32 {
			n = float64(float32(n))
		}
		known = factOfNumber(n)
	default:
		if v.Unsigned() {
			known = notMinus
		}
	}
	f.values[v] = known
	return known
}

func factOfNumber(x float64) fact {
	switch {
	case math.IsNaN(x):
		return notMinus | notZero
	case x != 0:
		return everyNumber
	case math.Signbit(x):
		return number
	}
	return number | notMinus
}

// factOf is what is known of the value of an operator from what is known of its arguments. Tests hold it to the numbers.
func factOf(operator string, square bool, args []fact) fact {
	switch operator {
	case "abs":
		return args[0] | notMinus
	case "neg":
		if args[0]&notZero != 0 {
			return args[0]
		}
		return args[0] & number
	case "sqrt":
		return args[0] &^ number
	case "mul":
		if square {
			return args[0]&number | notMinus
		}
	case "add": // -0 is the sum of -0 and -0 alone
		return (args[0] | args[1]) & notMinus
	case "where":
		return args[1] & args[2]
	case "min", "max":
		return args[0] & args[1]
	}
	return noFact
}

// chooseOf takes the cheaper forms of min and max. The processor's has the sign of the second of two zeros: it is right for
// max if that is never -0, for min if the first never is.
func (f *facts) chooseOf(in *ir.Instr) {
	bare, tie := opLarger, opMaxTie
	if in.Op == "min" {
		bare, tie = opSmaller, opMinTie
	}
	operator, args := in.Op, in.Args
	for _, order := range [][]ir.Operand{{in.Args[1], in.Args[0]}, {in.Args[0], in.Args[1]}} {
		a, b := f.of(order[0]), f.of(order[1])
		signed := b
		if in.Op == "min" {
			signed = a
		}
		switch {
		case signed&notMinus == 0 && (a|b)&notZero == 0:
		case a&number != 0:
			operator, args = bare, order
		case operator != bare:
			operator, args = tie, order
		}
	}
	in.Op, in.Args = operator, args
}

// choiceRows are those of amd64: nan is the steps that make r of t where a is NaN, by the letters of its mnemonics.
func choiceRows(nan string) map[string]row {
	rows := map[string]row{}
	for _, c := range []struct{ bare, tie, mnemonic string }{{opLarger, opMaxTie, "VMAX{S}"}, {opSmaller, opMinTie, "VMIN{S}"}} {
		rows[c.bare] = steps(c.mnemonic + " [b], a, r")
		rows[c.tie] = steps(strings.Join([]string{c.mnemonic + " [b], a, t", nan}, "; "))
	}
	return rows
}
