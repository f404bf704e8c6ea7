package read

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// odd says, of a new x that is too long to show, what its first part is that no step has: one that is made of the old x, and not
// x itself. Without a learning rate all else would be an update.
func (r *reader) odd(x *ir.Value) string {
	r.learns(r.candidates()[0])
	sum := r.sum(r.program.X, x)
	for _, leaf := range sum.leaves() {
		if v := leaf.value; v != x && slices.Contains(ir.Reachable(v), x) && !r.isZero(v) {
			return r.oddity(v)
		}
	}
	return "is not the old x once, less an update and a decay"
}

// oddity says what a part of the new x does with the old one.
func (r *reader) oddity(v *ir.Value) string {
	switch {
	case v.Kind == ir.Array:
		return "has the old x within " + v.Op.Name + ", which computes with whole arrays"
	case v.Kind == ir.Apply && v.Op.Name == "where":
		return "is one of two, " + r.chosenBy(v.Args[0])
	}
	return "has the old x within " + r.called(v)
}

// chosenBy says what a choice hangs on.
func (r *reader) chosenBy(mask *ir.Value) string {
	shape := true
	for _, n := range ir.Reachable(mask) {
		switch n.Kind {
		case ir.Number, ir.Size, ir.Named, ir.Hyper, ir.Apply, ir.Spread:
		case ir.Input:
			shape = shape && (n.Name == "rank" || n.Name == "rows" || n.Name == "cols")
		default:
			shape = false
		}
	}
	if shape {
		return "chosen by the shape or the name of the tensor"
	}
	return "chosen by " + r.called(mask)
}

// called is the text of a value; of one too long to show, the operator and what the rule calls its arguments.
func (r *reader) called(v *ir.Value) string {
	text, short := r.shown(v)
	if short || v.Kind != ir.Apply {
		return text
	}
	for _, a := range v.Args {
		if a = r.seen(a); a.Label != "" && !a.Inner {
			return "the " + v.Op.Name + " of " + a.Label
		}
	}
	return "the " + v.Op.Name + " of what is too long to show"
}
