package read

import (
	"fmt"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/search/internal/genome"
)

// value is the node that a value is.
func (r *reader) value(v *ir.Value) uint8 {
	if v.Label != "" && !v.Inner {
		r.within = append(r.within, v.Label)
		defer func() { r.within = r.within[:len(r.within)-1] }()
	}
	v = r.seen(v)
	at, ok := r.done[v]
	if !ok {
		at = r.read(v)
		r.done[v] = at
	}
	return at
}

// read is value, without what was read before.
func (r *reader) read(v *ir.Value) uint8 {
	if i, ok := r.stateOf(v); ok {
		return r.state(i)
	}
	if k, ok := r.constant(v); ok {
		return r.number(k)
	}
	if r.ofTime(v) {
		r.refuse(fixHint, "it reads t other than to correct an average: %s", r.text(v))
	}
	switch v.Kind {
	case ir.Input:
		return r.input(v)
	case ir.Hyper:
		r.refuse(stepHint, "%s scales the update, and is read within it too", r.program.Hypers[v.Index].Name)
	case ir.Load:
		return r.old(v.Index)
	case ir.Reduce:
		return r.reduced(v)
	case ir.Apply:
		return r.applied(v)
	case ir.Given:
		r.within = append(r.within, r.program.Givens[v.Index].Name)
		r.refuse("a genome reads the gradient and, if asked for, the parameter", "it is given %s", r.program.Givens[v.Index].Name)
	case ir.Probe:
		r.refuse("a genome reads the gradient of the step alone", "it asks the model again: %s", r.text(v))
	case ir.Draw:
		r.refuse("a genome is not random", "it draws %s", r.text(v))
	}
	text, short := r.shown(v)
	if v.Kind == ir.Array && !short {
		text = "whole arrays, as " + v.Op.Name + " makes one of " + text
	}
	r.refuse(hint(), "there is no operator for %s", text)
	return 0
}

func (r *reader) input(v *ir.Value) uint8 {
	switch v.Name {
	case "g":
		return r.add(genome.G, 0)
	case "x":
		return r.add(genome.X, 0)
	case "loss":
		r.refuse("a genome reads the gradient and, if asked for, the parameter", "it reads the loss")
	}
	r.refuse("a genome does the same to tensors of all shapes and names", "it reads %s", r.text(v))
	return 0
}

// hint lists what a genome has.
func hint() string {
	var names []string
	for _, row := range genome.Ops {
		if row.Kind != genome.Leaf && row.Kind != genome.State {
			names = append(names, row.Name)
		}
	}
	return fmt.Sprintf("a genome has %s, and moving averages, sums, largest and former values as states", strings.Join(names, ", "))
}

// maps are the operators that genomes have as they are.
var maps = map[string]genome.Op{"add": addOp, "sub": sub, "min": minOp, "max": maxOp, "neg": neg, "abs": absOp, "sign": genome.Lookup("sign"), "tanh": genome.Lookup("tanh")}

func (r *reader) applied(v *ir.Value) uint8 {
	switch v.Op.Name {
	case "add":
		if at, ok := r.lerped(v); ok {
			return at
		}
	case "mul":
		return r.multiplied(v)
	case "div":
		return r.divided(v)
	case "sqrt":
		return r.rooted(v.Args[0])
	case "rsqrt":
		return r.add(recip, 0, r.rooted(v.Args[0]))
	case "hypot":
		return r.add(sqrt, 0, r.add(addOp, 0, r.add(square, 0, r.value(v.Args[0])), r.add(square, 0, r.value(v.Args[1]))))
	case "pow":
		return r.power(v)
	case "clamp":
		return r.clamped(v)
	case "where":
		if load := v.Args[2]; load.Kind == ir.Load && r.isFirst(v.Args[0]) {
			r.refuse(beginHint, "the state %s begins at %s", r.program.States[load.Index].Name, r.text(v.Args[1]))
		}
		return r.choice(v.Args[0], r.value(v.Args[1]), r.value(v.Args[2]))
	case "real":
		return r.choice(v.Args[0], r.number(1), r.number(0))
	}
	op, ok := maps[v.Op.Name]
	if !ok {
		r.refuse(hint(), "there is no %s: %s", v.Op.Name, r.text(v))
	}
	args := make([]uint8, len(v.Args))
	for i, a := range v.Args {
		args[i] = r.value(a)
	}
	return r.add(op, 0, args...)
}

// share is a value as (1 - k)*a + k*b.
type share struct {
	a, b *ir.Value
	k    float64
}

// shareOf finds (1 - k)*a + k*b and a + k*(b - a).
func (r *reader) shareOf(v *ir.Value) (share, bool) {
	p, q := r.seen(v.Args[0]), r.seen(v.Args[1])
	k1, a, ok1 := r.scaledBy(p)
	k2, b, ok2 := r.scaledBy(q)
	if ok1 && ok2 && k2 > 0 && k2 <= 1 && complements(k1, k2) {
		return share{a, b, shareBeside(k1, k2)}, true
	}
	if !ok2 || k2 <= 0 || k2 > 1 {
		return share{}, false
	}
	d := r.seen(b)
	if d.Kind == ir.Apply && d.Op.Name == "sub" && r.seen(d.Args[1]) == p {
		return share{p, d.Args[0], k2}, true
	}
	return share{}, false
}

// lerped is a mean of two values with weights.
func (r *reader) lerped(v *ir.Value) (uint8, bool) {
	s, ok := r.shareOf(v)
	if !ok {
		return 0, false
	}
	if at, ok := r.ahead(s); ok {
		return at, true
	}
	if at, ok := r.ahead(share{s.b, s.a, short(1 - s.k)}); ok {
		return at, true
	}
	return r.add(lerp, s.k, r.value(s.a), r.value(s.b)), true
}

// ahead is the mean of the old value m of a moving average of b and b itself, (1 - k)*m + k*b, as one of the new value and b,
// which saves a state: m' = (1 - j)*m + j*b gives (1 - l)*m' + l*b with 1 - l = (1 - k)/(1 - j).
func (r *reader) ahead(s share) (uint8, bool) {
	m := r.seen(s.a)
	if m.Kind != ir.Load || r.busy[m.Index] || !r.moves(m.Index) {
		return 0, false
	}
	b := r.value(s.b)
	at := r.value(r.program.States[m.Index].New)
	n := r.nodes[at]
	if n.Op != ema || n.Args[0] != b || n.K == 1 {
		return 0, false
	}
	switch l := 1 - (1-s.k)/(1-n.K); {
	case l < -1e-12:
		return 0, false
	case l < 1e-12:
		return at, true
	default:
		return r.add(lerp, short(l), at, b), true
	}
}

func (r *reader) multiplied(v *ir.Value) uint8 {
	if at, ok := r.scaledByStep(v); ok {
		return at
	}
	a, b := r.seen(v.Args[0]), r.seen(v.Args[1])
	if a == b {
		return r.add(square, 0, r.value(a))
	}
	return r.add(mul, 0, r.value(a), r.value(b))
}

func (r *reader) divided(v *ir.Value) uint8 {
	above, below := r.seen(v.Args[0]), v.Args[1]
	if of, ok := r.meanOf(v); ok {
		return r.add(mean, 0, r.elements(r.value(of)))
	}
	if a, b, ok := r.cosineOf(v); ok {
		return r.add(cosine, 0, r.elements(r.value(a)), r.elements(r.value(b)))
	}
	if at, ok := r.scaledByStep(v); ok {
		return at
	}
	if of, ok := r.rmsOf(r.guarded(below)); ok && of == above {
		return r.add(rmsnorm, 0, r.elements(r.value(above)))
	}
	if r.isNumber(above, 1) {
		return r.add(recip, 0, r.divisor(below))
	}
	return r.add(div, 0, r.value(above), r.divisor(below))
}

// divisor is a divisor without what keeps it from zero, since genomes divide so.
func (r *reader) divisor(v *ir.Value) uint8 {
	if k, ok := r.constant(v); ok && k == 0 {
		r.refuse("", "%s is a divisor, and is 0", r.text(v))
	}
	inner := r.guarded(v)
	at := r.value(inner)
	if v = r.seen(v); v == inner || v.Op.Name == "where" || r.nonnegative(at) {
		return at
	}
	return r.add(maxOp, 0, r.number(genome.Eps), at)
}

// guarded is b of max(b, eps), which keeps a divisor that is not negative from zero, and of where(b < 0, min(b, -eps), max(b,
// eps)), which keeps any.
func (r *reader) guarded(v *ir.Value) *ir.Value {
	v = r.seen(v)
	if b, ok := r.pairedWith(v, "max", genome.Eps); ok {
		return b
	}
	if v.Kind != ir.Apply || v.Op.Name != "where" || v.Args[0].Kind != ir.Apply || v.Args[0].Op.Name != "lt" || !r.isNumber(v.Args[0].Args[1], 0) {
		return v
	}
	b := r.seen(v.Args[0].Args[0])
	low, okLow := r.pairedWith(r.seen(v.Args[1]), "min", -genome.Eps)
	high, okHigh := r.pairedWith(r.seen(v.Args[2]), "max", genome.Eps)
	if okLow && okHigh && low == b && high == b {
		return b
	}
	return v
}

// pairedWith is the other argument of an operator one of whose two is a number.
func (r *reader) pairedWith(v *ir.Value, op string, k float64) (*ir.Value, bool) {
	if v.Kind != ir.Apply || v.Op.Name != op {
		return nil, false
	}
	for i := range 2 {
		if r.isNumber(v.Args[i], k) {
			return r.seen(v.Args[1-i]), true
		}
	}
	return nil, false
}

// rooted is the square root of a value, that of its size if that is what is asked for.
func (r *reader) rooted(v *ir.Value) uint8 {
	if of, ok := r.meanOf(r.seen(v)); ok {
		if square := r.seen(of); square.Kind == ir.Apply && square.Op.Name == "mul" && square.Args[0] == square.Args[1] {
			return r.add(rms, 0, r.elements(r.value(square.Args[0])))
		}
	}
	at := r.value(v)
	if r.nodes[at].Op != absOp && !r.nonnegative(at) {
		r.refuse("write sqrt(abs(...)) or sqrt(max(..., 0)): a genome takes the root of the size", "%s is not known never to be negative, and its root is taken", r.text(v))
	}
	return r.add(sqrt, 0, at)
}

func (r *reader) power(v *ir.Value) uint8 {
	k, ok := r.constant(v.Args[1])
	if !ok {
		r.refuse(hint(), "there is no power with an exponent that changes: %s", r.text(v))
	}
	if k < 0 {
		return r.add(recip, 0, r.raised(v, -k))
	}
	return r.raised(v, k)
}

// raised is a power of few products and roots.
func (r *reader) raised(v *ir.Value, k float64) uint8 {
	switch k {
	case 0.5:
		return r.rooted(v.Args[0])
	case 0.25:
		return r.add(sqrt, 0, r.rooted(v.Args[0]))
	}
	at := r.value(v.Args[0])
	switch k {
	case 1:
		return at
	case 2:
		return r.add(square, 0, at)
	case 3:
		return r.add(mul, 0, r.add(square, 0, at), at)
	case 4:
		return r.add(square, 0, r.add(square, 0, at))
	case 1.5:
		return r.add(mul, 0, at, r.rooted(v.Args[0]))
	}
	r.refuse("a genome has powers that are products of squares and square roots", "there is no power of %s: %s", ir.FormatNumber(k), r.text(v))
	return 0
}

// clamped is clip where the bounds are b and -b, b not negative, else the smaller and the larger.
func (r *reader) clamped(v *ir.Value) uint8 {
	low, high := r.seen(v.Args[1]), r.seen(v.Args[2])
	a := r.value(v.Args[0])
	kLow, okLow := r.constant(low)
	kHigh, okHigh := r.constant(high)
	switch {
	case okLow && okHigh:
		if kHigh >= 0 && kLow == -kHigh {
			return r.add(clip, 0, a, r.value(high))
		}
	case low.Kind == ir.Apply && low.Op.Name == "neg" && r.seen(low.Args[0]) == high:
		if high.Kind == ir.Apply && high.Op.Name == "abs" {
			return r.add(clip, 0, a, r.value(high.Args[0]))
		}
		if bound := r.value(high); r.nonnegative(bound) {
			return r.add(clip, 0, a, bound)
		}
	}
	return r.add(minOp, 0, r.add(maxOp, 0, a, r.value(low)), r.value(high))
}

// choice is one of two nodes by a mask.
func (r *reader) choice(mask *ir.Value, yes, no uint8) uint8 {
	if k, ok := r.constant(mask); ok {
		return []uint8{no, yes}[int(k)]
	}
	if mask = r.seen(mask); mask.Kind != ir.Apply {
		return r.value(mask) // which refuses it
	}
	less := func(a, b *ir.Value, yes, no uint8) uint8 { return r.add(where, 0, r.difference(b, a), yes, no) }
	a := mask.Args
	switch mask.Op.Name {
	case "gt":
		return less(a[1], a[0], yes, no)
	case "lt":
		return less(a[0], a[1], yes, no)
	case "ge":
		return less(a[0], a[1], no, yes)
	case "le":
		return less(a[1], a[0], no, yes)
	case "ne":
		return r.add(where, 0, r.add(absOp, 0, r.difference(a[0], a[1])), yes, no)
	case "eq":
		return r.add(where, 0, r.add(absOp, 0, r.difference(a[0], a[1])), no, yes)
	case "not":
		return r.choice(a[0], no, yes)
	case "and":
		return r.choice(a[0], r.choice(a[1], yes, no), no)
	case "or":
		return r.choice(a[0], yes, r.choice(a[1], yes, no))
	case "where":
		return r.choice(a[0], r.choice(a[1], yes, no), r.choice(a[2], yes, no))
	}
	r.refuse(hint(), "there is no %s: %s", mask.Op.Name, r.text(mask))
	return 0
}

// difference is a - b.
func (r *reader) difference(a, b *ir.Value) uint8 {
	switch {
	case r.isZero(b):
		return r.value(a)
	case r.isZero(a):
		return r.add(neg, 0, r.value(b))
	}
	return r.add(sub, 0, r.value(a), r.value(b))
}

const reduceHint = "over a tensor a genome has mean(a), sum(a*b) and what is made of them: norms and root mean squares"

// reduced is a sum of products over a tensor.
func (r *reader) reduced(v *ir.Value) uint8 {
	if a, b, ok := r.dotOf(v); ok {
		return r.add(dot, 0, r.elements(r.value(a)), r.elements(r.value(b)))
	}
	if v.Per != ir.Tensor {
		r.refuse(reduceHint, "it reduces per %s: %s", v.Per, r.text(v))
	}
	r.refuse(reduceHint, "there is no such reduction: %s", r.text(v))
	return 0
}

// overElements is what a sum over the elements of a tensor is of.
func (r *reader) overElements(v *ir.Value) (*ir.Value, bool) {
	if v.Kind != ir.Reduce || v.Op.Name != "sum" || v.Per != ir.Tensor || v.Args[0].Extent != ir.Elem {
		return nil, false
	}
	return r.seen(v.Args[0]), true
}

// dotOf finds sum(a*b).
func (r *reader) dotOf(v *ir.Value) (a, b *ir.Value, ok bool) {
	of, ok := r.overElements(v)
	if !ok || of.Kind != ir.Apply || of.Op.Name != "mul" || of.Args[0].Extent != ir.Elem || of.Args[1].Extent != ir.Elem {
		return nil, nil, false
	}
	return r.seen(of.Args[0]), r.seen(of.Args[1]), true
}

// meanOf finds sum(a) over how many elements there are.
func (r *reader) meanOf(v *ir.Value) (*ir.Value, bool) {
	if v.Kind != ir.Apply || v.Op.Name != "div" {
		return nil, false
	}
	size := v.Args[1]
	of, ok := r.overElements(v.Args[0])
	return of, ok && size.Kind == ir.Size && size.Of == ir.Elem && size.Per == ir.Tensor
}

// rmsOf finds sqrt(mean(a*a)).
func (r *reader) rmsOf(v *ir.Value) (*ir.Value, bool) {
	if v.Kind != ir.Apply || v.Op.Name != "sqrt" {
		return nil, false
	}
	of, ok := r.meanOf(r.seen(v.Args[0]))
	if !ok || of.Kind != ir.Apply || of.Op.Name != "mul" || of.Args[0] != of.Args[1] {
		return nil, false
	}
	return r.seen(of.Args[0]), true
}

// cosineOf finds sum(a*b) over the product of both norms.
func (r *reader) cosineOf(v *ir.Value) (a, b *ir.Value, ok bool) {
	a, b, ok = r.dotOf(r.seen(v.Args[0]))
	below := r.guarded(v.Args[1])
	if !ok || below.Kind != ir.Apply || below.Op.Name != "mul" {
		return nil, nil, false
	}
	p, okP := r.normOf(r.seen(below.Args[0]))
	q, okQ := r.normOf(r.seen(below.Args[1]))
	return a, b, okP && okQ && (p == a && q == b || p == b && q == a)
}

// normOf finds sqrt(sum(a*a)).
func (r *reader) normOf(v *ir.Value) (*ir.Value, bool) {
	if v.Kind != ir.Apply || v.Op.Name != "sqrt" {
		return nil, false
	}
	a, b, ok := r.dotOf(r.seen(v.Args[0]))
	return a, ok && a == b
}
