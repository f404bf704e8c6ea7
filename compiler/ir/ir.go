// Package ir is the typed graph between the rule's text and its kernels.
//
// A Program is a set of roots (the new parameter, the new states, the point of evaluation) in a Pool of hash-consed
// Values: the same operation on the same operands is the same pointer, so common subexpressions and dead code need no
// pass of their own. Every Value carries its extent (how many of it there are); a value coarser than an element is
// float64 and is rounded to the element type once, where it meets an element. Package ir builds, prints and verifies
// graphs; it knows no syntax and no target.
package ir

import (
	"fmt"
	"math"
	"strings"

	"github.com/optc-lang/optc/compiler/op"
)

// Kind tells what a Value is.
type Kind uint8

// The kinds of values.
const (
	Number  Kind = iota // Num
	Input               // Name: one of Inputs
	Hyper               // Index into Program.Hypers
	Load                // the state Index as the step found it
	Apply               // Op of Args
	Reduce              // Op over the values of Args[0], Per
	Size                // how many values a Reduce of Args[0] Per would run over; without Args, of extent Of
	Hold                // Args[0] as the variable Index holds it, at the variable's extent (until extents are resolved)
	Spread              // Args[0] repeated at a finer extent, rounded to the element type
	Var                 // Args[0] as a variable that a derivation is taken in; Index tells whose
	Derived             // what the compiler derives, by Name: see the constants below. Package derive puts it in closed form
	Array               // Op of whole arrays: Op.Args arrays, then its parameters, then perhaps a guard; order statistics are Per
	Probe               // Name (grad, loss, hvp) of the model at Args[0] (hvp: along Args[1]), then perhaps a guard
	Draw                // the random value Name (normal, uniform, rademacher) of call site Index, Per
	Given               // the further input Index of the step
	Named               // whether the tensor's name matches the pattern Name
	numKinds
)

// What a Derived value is, with its operands.
const (
	Gradient  = "gradient"  // of the sum of Args[0] in the Var Args[1]; perhaps a guard
	Prox      = "prox"      // argmin over the Var Args[1] of Args[2]*Args[0] + (u - v)^2/2, v being what the Var stands for
	Mirror    = "mirror"    // the u with P'(u) = P'(x) - Args[2], Args[0] being P of the Var Args[1], which stands for x
	Tangent   = "tangent"   // the derivative of each value of Args[0] in the Var Args[1], which is a step value or of its extent
	Hypergrad = "hypergrad" // the sum of Args[1] over what a value of Args[0]'s extent governs; perhaps a guard
)

// Inputs are the leaves that the step is given, with their extents.
var Inputs = map[string]Extent{
	"x": Elem, "g": Elem, "t": Model, "loss": Model, "rank": Tensor, "rows": Tensor, "cols": Tensor,
}

// Value is one node: built by a Pool, never changed afterwards (Label apart).
type Value struct {
	ID     int
	Kind   Kind
	Op     *op.Op
	Args   []*Value
	Num    float64
	Name   string
	Index  int
	Per    Extent
	Of     Extent
	Mask   bool
	Extent Extent
	Label  string // what the rule first called it, for people
	Inner  bool   // it was a call within the rule that did
	Turn   int    // of an iteration that the compiler has unrolled, whose turns are alike, that made it; 0 for none
}

// Program is a rule as a graph.
type Program struct {
	Name   string
	Doc    string
	Hypers []HyperDecl
	Givens []GivenDecl
	States []State
	X      *Value // the new parameter
	Eval   *Value // where the model is to be evaluated, in terms of x and states after the step; nil when that is x

	ClearGrad bool // the gradient's arrays are zero when the step ends

	Params Storage // how x is kept between steps; the gradients have that format too
	Pool   *Pool

	Derivations []Derivation
	AdjointOf   string // the rule whose step this is the adjoint of, or ""
}

// HyperDecl is a run-time hyperparameter.
type HyperDecl struct {
	Name           string
	Doc            string
	Default        float64
	Lo, Hi         float64
	OpenLo, OpenHi bool
	Integer        bool
}

// Interval is the text of the admitted values.
func (h HyperDecl) Interval() string {
	if h.Integer {
		return fmt.Sprintf("%v..%v", interval(h.Lo), interval(h.Hi))
	}
	left, right := "[", "]"
	if h.OpenLo {
		left = "("
	}
	if h.OpenHi {
		right = ")"
	}
	return left + interval(h.Lo) + ", " + interval(h.Hi) + right
}

func interval(v float64) string {
	if math.IsInf(v, 1) {
		return "inf"
	}
	if math.IsInf(v, -1) {
		return "-inf"
	}
	return fmt.Sprint(v)
}

// Admits reports whether v lies in the hyperparameter's interval; NaN never does.
func (h HyperDecl) Admits(v float64) bool {
	if !(v >= h.Lo && v <= h.Hi) || h.OpenLo && v == h.Lo || h.OpenHi && v == h.Hi {
		return false
	}
	return !h.Integer || v == math.Floor(v)
}

// Refusal says why v, which h does not admit, cannot be its value.
func (h HyperDecl) Refusal(v float64) string {
	if h.Integer && v != math.Floor(v) {
		return fmt.Sprintf("%s must be a whole number in %s, not %s", h.Name, h.Interval(), FormatNumber(v))
	}
	return fmt.Sprintf("%s = %s is outside %s", h.Name, FormatNumber(v), h.Interval())
}

// State is one persistent value.
type State struct {
	Name   string // its path through calls, as in debiased.ema.s
	Extent Extent
	Init   float64 // what it holds before the first step
	New    *Value  // what it holds after a step
	As     Storage // how it is kept between steps
	Output bool    // it is kept for others to read, whether or not the rule does
}

// BesideX reports whether the state is no part of the rule, but what is kept beside x in 16 bits.
func (s State) BesideX() bool { return strings.HasPrefix(s.Name, "x.") }

// Storage is how an array state is kept between steps; it is rounded once, when the step ends.
type Storage struct {
	Format     string // "" for the element type, else bf16, f16 or q8; bf16rest or f16rest of what parameters lose
	Stochastic bool   // rounded up or down at random, in proportion
}

// Rest reports whether the state keeps what the rounding of x loses of the state's new value.
func (s Storage) Rest() bool { return strings.HasSuffix(s.Format, "rest") }

// String is the format as a rule says it: q8root is q8 of a state that is never negative.
func (s Storage) String() string {
	if s.Rest() {
		return "bf16, what " + strings.TrimSuffix(s.Format, "rest") + " loses of x"
	}
	format := strings.TrimSuffix(s.Format, "root")
	if s.Stochastic {
		return format + " sr"
	}
	return format
}

// GivenDecl is a further input of the step, or with Load of the optimizer.
type GivenDecl struct {
	Name   string
	Doc    string
	Extent Extent
	Load   bool
	Of     string // of an adjoint: what of the rule it is, x, t or the name of a state; else ""
}

// Storage is how an array is kept: that of x by chance too, perhaps, and the gradient as the program is given it.
func (p *Program) Storage(at Place) Storage {
	switch at.Kind {
	case StateStream:
		return p.States[at.Index].As
	case XStream:
		return p.Params
	case GradStream:
		return Storage{Format: p.Params.Format}
	}
	return Storage{}
}

// Unsigned reports whether the value is an absolute value or a square, which is never -0.
func (v *Value) Unsigned() bool {
	switch v.Kind {
	case Spread:
		return v.Args[0].Unsigned()
	case Apply:
		return v.Op.Name == "abs" || v.Op.Name == "mul" && v.Args[0] == v.Args[1]
	}
	return false
}

// Guard is the mask under which a whole-array operator or a probe is computed at all; nil when always.
func (v *Value) Guard() *Value {
	n := len(v.Args)
	switch {
	case v.Kind == Array:
		n = v.Op.Args + len(v.Op.Params)
	case v.Kind == Probe && v.Name == "hvp":
		n = 2
	case v.Kind == Probe:
		n = 1
	}
	if n < len(v.Args) {
		return v.Args[n]
	}
	return nil
}

// Roots lists the values that a step must compute.
func (p *Program) Roots() []*Value {
	roots := []*Value{p.X}
	for _, s := range p.States {
		roots = append(roots, s.New)
	}
	return roots
}

// Reachable lists every value below roots once, operands before users.
func Reachable(roots ...*Value) []*Value { return walk(roots, func(*Value) bool { return false }) }

// Above lists every value below roots once, operands before users, and nothing below a leaf.
func Above(leaf func(*Value) bool, roots ...*Value) []*Value { return walk(roots, leaf) }

func walk(roots []*Value, leaf func(*Value) bool) []*Value {
	var order []*Value
	seen := map[*Value]bool{}
	type frame struct {
		v    *Value
		next int
	}
	for _, r := range roots {
		if r == nil || seen[r] {
			continue
		}
		seen[r] = true
		stack := []frame{{v: r}}
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(top.v.Args) || leaf(top.v) {
				order = append(order, top.v)
				stack = stack[:len(stack)-1]
				continue
			}
			a := top.v.Args[top.next]
			top.next++
			if !seen[a] {
				seen[a] = true
				stack = append(stack, frame{v: a})
			}
		}
	}
	return order
}

// Reads reports whether the program reads the named input in a step or at evaluation.
func (p *Program) Reads(name string) bool {
	for _, v := range Reachable(append(p.Roots(), p.Eval)...) {
		if v.Kind == Input && v.Name == name {
			return true
		}
	}
	return false
}
