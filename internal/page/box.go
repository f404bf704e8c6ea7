package page

import "github.com/optc-lang/optc/lang"

// Box is an algorithm as a paper prints it. Its expressions are those of the rule with calls inlined, and with keys (see
// symbols) in the place of names, so that they can be computed as well as printed.
type Box struct {
	Name    string
	Doc     string
	As      string // what calls it, when that is an option of the rule around it
	Hypers  []Hyper
	Options []Option
	Givens  []Given
	Inits   []Init
	Lines   []Line
	Where   []Definition
	Calls   []*Box   // the rules that the lines call, by their names in calls
	Called  string   // its name in calls
	Carried bool     // whether a step may leave a state or x as it is
	Derived []string // the calls of derived operators in it, by the names of their rows, in order
	Sets    []string // the sets and penalties that those are of, by the names of their rows, in order
	Slopes  []string // what hypergrad is asked of
	symbols *symbols
}

// Hyper is a hyperparameter that the box requires.
type Hyper struct {
	Key, Name, Default, Interval string
}

// Option is a choice that is open.
type Option struct{ Key, Name, Choices string }

// Given is a further input; with Load of the optimizer.
type Given struct {
	Key, Name string
	Load      bool
}

// Init is what a state holds before the first step, for the tensors for which When holds.
type Init struct {
	Target      string
	Value, When lang.Expr
	Size        lang.Expr // of an array, else nil
}

// LineKind is the kind of a line.
type LineKind uint8

// The kinds of lines.
const (
	Set    LineKind = iota // Target <- Value
	If                     // Value, Body; what follows as ElseIf and Else belongs to it
	ElseIf                 // Value, Body
	Else                   // Body
	For                    // Target in Value..To, Body; without a Target, Value times
	Until                  // Value
	Eval                   // the point of evaluation, Value
	Clear                  // the gradient is left at zero
)

// Line is one line of a step.
type Line struct {
	Kind   LineKind
	Target lang.Expr
	Value  lang.Expr
	To     lang.Expr
	Size   lang.Expr // of an array that Target begins, else nil
	Body   []Line
}

// Definition is a fn that lines call: its value, or the lines that lead to it.
type Definition struct {
	Name    string
	Args    []string // keys
	Params  []string
	Inits   []Init
	Lines   []Line
	Value   lang.Expr
	Default string // the fn that it is unless an option chooses another one
	symbols *symbols
}

// Scope finds the fn or rule that a name means in a file, and the file that declares it.
type Scope interface {
	Declared(file, name string) (decl lang.Decl, in string, ok bool)
}

// Settings are the options that are chosen and the hyperparameters that are constants.
type Settings struct {
	Options map[string]string
	Fix     map[string]string
}

// Bounds of a box: beyond them calls stay calls, and rules that call rules stay names.
const (
	maxInlined = 200
	maxDepth   = 24
	maxCalls   = 16
)

func key(name string) *lang.Name { return &lang.Name{Name: name} }

func times(op string, x, y lang.Expr) lang.Expr { return &lang.Binary{Op: op, X: x, Y: y} }

func literal(text string, value float64) lang.Expr { return &lang.Number{Literal: text, Value: value} }

var one = literal("1", 1)

// isNumber reports whether e is the given literal number.
func isNumber(e lang.Expr, v float64) bool {
	n, ok := e.(*lang.Number)
	return ok && n.Value == v
}

// same reports whether two expressions are written alike.
func same(a, b lang.Expr) bool { return lang.FormatExpr(a) == lang.FormatExpr(b) }
