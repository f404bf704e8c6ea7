// Package op is the operator table of the rule language: one row an operator, and nothing about an operator stands
// anywhere else but in the instruction tables of the assembly targets.
//
// A row is data. The formulas in it (derivative, expansion) are text in the rule language, in which a, b, c are the
// arguments and y is the result; the passes parse them.
package op

import (
	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/runtime/matrix"
)

// Op is one row of the table.
type Op struct {
	Name  string // of the call, and of the instruction
	Infix string // how it is written between (or before) its operands; "" for a call
	Doc   string // one line for the reference
	Kind  Kind
	Args  int // number of arguments

	Internal bool // no name of the language: only the compiler and the table's formulas use it

	MaskArgs int  // bit i set: argument i is a mask
	Mask     bool // the result is a mask
	Commutes bool // a op b has the bits of b op a

	Eval   func(a []float64) float64 // masks are 0 and 1
	Eval32 func(a []float32) float32

	// Reduce is what a Reduction without an expansion folds by.
	Reduce elem.Reduction
	// Stat is what an Order operator without an expansion gives, unless that is a mask.
	Stat elem.Stat

	// Shape says which axes the arrays of an Array operator have, as in "a,b b,c -> a,c": row and col stand for the letters,
	// alike ones for alike letters. Forms are separated by " | "; a result "tensor" is a step value.
	Shape  string
	Params []Param // after the semicolon
	// Array32 and Array64 compute an Array operator.
	Array32 matrix.Func[float32]
	Array64 matrix.Func[float64]

	// Diff is the derivative in each argument; "" stands for a derivative that is zero almost everywhere.
	Diff []string
	// Grad is, for each argument of a Reduction, Array or Order operator, the product of a cotangent d of the result y with
	// the derivative, as a formula in a, b, c (arguments, then parameters), y and d; one a form, separated by " | ".
	Grad []string
	// Inverse is the a with y = op(a), as a formula in which a stands for y; of operators that are strictly monotone where they
	// are defined.
	Inverse string
	// Expand says the same in simpler operators, bit for bit; a row that has it is unrolled before code is generated.
	Expand string
	// Go prints the operator in generated Go source: $a, $b, $c are operands, $T is the element type.
	Go string

	Lo, Hi float64 // the arguments that tests draw from, when the derivative is smooth there only; 0, 0 means all
	Ulp    float64 // bound on the error of Eval in units in the last place; 0 means correctly rounded
	Flops  int     // cost an element in units of an addition
	LaTeX  string  // $a, $b, $c are operands
}

// Kind tells how an operator's result has its extent.
type Kind uint8

// The kinds of operators.
const (
	Elementwise Kind = iota // join of the arguments' extents
	Reduction               // `per E`, over the values that its argument has
	Size                    // the number of values that a reduction would run over
	Array                   // whole arrays in, a whole array out: Shape says which
	Order                   // an order statistic, `per E`; a mask of the argument's extent, or one value per E
	Draw                    // a random value, `per E`
)

// Param is a parameter of an Array or Order operator: a step value.
type Param struct {
	Name    string
	Default float64 // NaN: it must be given
	Lo, Hi  float64 // what a constant may be
	Integer bool
}

// Lookup finds a row by name.
func Lookup(name string) (*Op, bool) {
	o, ok := byName[name]
	return o, ok
}

// Must finds a row that is known to exist.
func Must(name string) *Op {
	o, ok := byName[name]
	if !ok {
		panic("op: no operator " + name)
	}
	return o
}

// Callable reports whether the row's name may be called in a rule.
func (o *Op) Callable() bool { return !o.Internal && (o.Infix == "" || o.Name == "pow") }

// Infix finds the row written as symbol with the given number of operands.
func Infix(symbol string, args int) (*Op, bool) {
	for i := range Table {
		if o := &Table[i]; o.Infix == symbol && o.Args == args {
			return o, true
		}
	}
	return nil, false
}

var byName = index()

func index() map[string]*Op {
	m := make(map[string]*Op, len(Table))
	for i := range Table {
		if m[Table[i].Name] != nil {
			panic("op: two rows named " + Table[i].Name)
		}
		m[Table[i].Name] = &Table[i]
	}
	return m
}
