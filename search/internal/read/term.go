package read

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// term is a part of a value that is a sum: of a value or of terms, times a factor.
type term struct {
	value  *ir.Value // of a leaf; what the term is without its factor
	factor factor
	terms  []term
	whole  factor // times all factors above
	off    bool   // a leaf that is taken off
	split  bool   // something below is taken off, or scaled by the learning rate
}

// factor is plain + lr times the learning rate, the whole times corrections of averages for their start.
type factor struct {
	plain, lr float64
	hypers    []int // the other hyperparameters in it
	fixes     []fix
}

func number(k float64) factor { return factor{plain: k} }

// times is the product, if it is a factor.
func (f factor) times(by factor) (factor, bool) {
	out := factor{plain: f.plain * by.plain, lr: f.plain*by.lr + f.lr*by.plain, hypers: slices.Concat(f.hypers, by.hypers), fixes: slices.Concat(f.fixes, by.fixes)}
	return out, f.lr*by.lr == 0
}

// plus is the sum, if it is a factor.
func (f factor) plus(by factor) (factor, bool) {
	return factor{plain: f.plain + by.plain, lr: f.lr + by.lr, hypers: slices.Concat(f.hypers, by.hypers)}, len(f.fixes)+len(by.fixes) == 0
}

// over is f by a number, if these are one.
func (f factor) over(by factor) (float64, bool) {
	switch {
	case len(f.fixes)+len(by.fixes) > 0:
		return 0, false
	case f.lr == 0 && by.lr == 0 && by.plain != 0:
		return ratio(f.plain, by.plain), true
	case f.plain == 0 && by.plain == 0 && by.lr != 0:
		return ratio(f.lr, by.lr), true
	}
	return 0, false
}

// maxTerms bounds the terms of a sum.
const maxTerms = 200

// sum takes a value apart as far as the target, or the learning rate, is in its terms. The new values of states are whole.
type sum struct {
	r      *reader
	root   *ir.Value // which may be the new value of a state, as no value below it
	target *ir.Value
	above  map[*ir.Value]bool // values that are made of the target or the learning rate
	made   int
}

// sum is a value as a term. The target is x, or the old value of a state.
func (r *reader) sum(v, target *ir.Value) term {
	s := sum{r: r, root: r.stripped(v), target: target, above: map[*ir.Value]bool{}}
	for _, n := range ir.Reachable(v) {
		is := n == target || n.Kind == ir.Hyper && n.Index == r.lr
		for _, a := range n.Args {
			is = is || s.above[a]
		}
		s.above[n] = is
	}
	return s.term(v, number(1), number(1))
}

// term is factor*v, whole being factor times the factors above.
func (s *sum) term(v *ir.Value, f, whole factor) term {
	v = s.r.stripped(v)
	leaf := term{value: v, factor: f, whole: whole, split: f.lr != 0}
	if s.made++; s.made > maxTerms || v.Kind != ir.Apply || !s.above[v] {
		return leaf
	}
	if _, ok := s.r.stateOf(v); ok && v != s.root {
		return leaf
	}
	out := leaf
	one, minus := number(1), number(-1)
	minusWhole, _ := whole.times(minus)
	switch v.Op.Name {
	case "add":
		out.terms = []term{s.term(v.Args[0], one, whole), s.term(v.Args[1], one, whole)}
	case "sub":
		out.terms = []term{s.term(v.Args[0], one, whole), s.term(v.Args[1], minus, minusWhole)}
	case "neg":
		out.terms = []term{s.term(v.Args[0], minus, minusWhole)}
	case "mul", "div":
		by, rest, ok := s.r.scale(v)
		if !ok {
			by, rest, ok = s.pulled(v)
		}
		below, linear := whole.times(by)
		if !ok || !linear {
			return leaf
		}
		out.terms = []term{s.term(rest, by, below)}
	default:
		return leaf
	}
	return out
}

// pulled takes the learning rate from a product of arrays, or from what is divided by one.
func (s *sum) pulled(v *ir.Value) (by factor, rest *ir.Value, ok bool) {
	if s.made++; s.made > maxTerms {
		return factor{}, nil, false
	}
	if v = s.r.stripped(v); v.Kind != ir.Apply || !s.above[v] || v.Op.Name != "mul" && v.Op.Name != "div" {
		return factor{}, nil, false
	}
	if by, rest, ok = s.r.scale(v); ok {
		return by, rest, by.lr != 0
	}
	for i := range v.Args {
		if v.Op.Name == "div" && i > 0 {
			break
		}
		if by, rest, ok = s.pulled(v.Args[i]); ok {
			args := slices.Clone(v.Args)
			args[i] = rest
			return by, s.r.program.Pool.Apply(v.Op, args...), true
		}
	}
	return factor{}, nil, false
}

// leaves are those below a term, from left to right.
func (t *term) leaves() []*term {
	if t.terms == nil {
		return []*term{t}
	}
	var all []*term
	for i := range t.terms {
		all = append(all, t.terms[i].leaves()...)
	}
	return all
}

// scale takes the factor from a product or quotient.
func (r *reader) scale(v *ir.Value) (by factor, rest *ir.Value, ok bool) {
	if v.Op.Name == "div" {
		by, ok = r.factor(v.Args[1])
		by, inverse := by.inverse()
		return by, v.Args[0], ok && inverse
	}
	for i := range 2 {
		if by, ok = r.factor(v.Args[i]); ok {
			return by, v.Args[1-i], true
		}
	}
	return by, nil, false
}

// inverse is 1 over a factor, if it is a factor.
func (f factor) inverse() (factor, bool) {
	out := factor{hypers: f.hypers}
	if f.lr != 0 || f.plain == 0 {
		return out, false
	}
	out.plain = 1 / f.plain
	for _, x := range f.fixes {
		out.fixes = append(out.fixes, fix{x.base, -x.power})
	}
	return out, true
}

// factor is a step value that is one.
func (r *reader) factor(v *ir.Value) (factor, bool) {
	if v.Extent > ir.Group {
		return factor{}, false
	}
	if k, ok := r.constant(v); ok {
		return factor{plain: k, hypers: hypersOf(v)}, true
	}
	if v.Kind == ir.Hyper {
		return factor{lr: 1}, true
	}
	if v.Kind != ir.Apply {
		return factor{}, false
	}
	if x, ok := r.fixOf(v); ok {
		return factor{plain: 1, fixes: []fix{x}}, true
	}
	args := make([]factor, len(v.Args))
	for i, a := range v.Args {
		ok := false
		if args[i], ok = r.factor(a); !ok {
			return factor{}, false
		}
	}
	switch v.Op.Name {
	case "add":
		return args[0].plus(args[1])
	case "sub":
		minus, _ := args[1].times(number(-1))
		return args[0].plus(minus)
	case "neg":
		return args[0].times(number(-1))
	case "mul":
		return args[0].times(args[1])
	case "div":
		inverse, ok := args[1].inverse()
		out, linear := args[0].times(inverse)
		return out, ok && linear
	}
	return factor{}, false
}

// hypersOf lists the hyperparameters that a value is made of.
func hypersOf(v *ir.Value) []int {
	var all []int
	for _, n := range ir.Reachable(v) {
		if n.Kind == ir.Hyper {
			all = append(all, n.Index)
		}
	}
	return all
}

// rest is what is left of a term, times a factor. Nothing may be left.
type rest struct {
	node   uint8
	factor factor
	left   bool
}

// mark tells each term whether something below it is taken off or scaled by the learning rate.
func (t *term) mark() bool {
	t.split = t.split || t.off
	for i := range t.terms {
		if t.terms[i].mark() {
			t.split = true
		}
	}
	return t.split
}

// rest reads what is left of a term.
func (r *reader) rest(t *term) rest {
	if t.off || r.isZero(t.value) || t.factor.plain == 0 && t.factor.lr == 0 {
		return rest{}
	}
	out := rest{left: true}
	switch {
	case len(t.terms) == 0 || !t.below():
		out.node, out.factor = r.product(t.value)
	case len(t.terms) == 1:
		out = r.rest(&t.terms[0])
	default:
		out = r.joined(r.rest(&t.terms[0]), r.rest(&t.terms[1]), t.value)
	}
	if !out.left {
		return out
	}
	for _, x := range t.factor.fixes {
		out.node = r.fixed(out.node, x, t.value)
	}
	by := t.factor
	by.fixes = nil
	out.factor, _ = out.factor.times(by)
	return out
}

// below reports whether a term must be taken apart.
func (t *term) below() bool {
	for i := range t.terms {
		if t.terms[i].split {
			return true
		}
	}
	return false
}

// product is a value as a number times a node.
func (r *reader) product(v *ir.Value) (uint8, factor) {
	if _, ok := r.stateOf(v); ok {
		return r.value(v), number(1)
	}
	if k, by, ok := r.scaledBy(v); ok {
		return r.value(by), number(k)
	}
	return r.value(v), number(1)
}

// scaledBy takes a number from a product.
func (r *reader) scaledBy(v *ir.Value) (k float64, of *ir.Value, ok bool) {
	if v.Kind != ir.Apply || v.Op.Name != "mul" {
		return 0, nil, false
	}
	for i := range 2 {
		if _, number := r.constant(v.Args[1-i]); number {
			continue
		}
		if k, ok := r.constant(v.Args[i]); ok {
			return k, v.Args[1-i], true
		}
	}
	return 0, nil, false
}

const stepHint = "a step is x - lr*(update + decay*x), and the search changes the update alone"

// joined is the sum of what is left of two terms.
func (r *reader) joined(a, b rest, of *ir.Value) rest {
	switch {
	case !a.left:
		return b
	case !b.left:
		return a
	}
	k, ok := b.factor.over(a.factor)
	if !ok {
		r.refuse(stepHint, "the learning rate does not scale all of %s alike", r.text(of))
	}
	op := addOp
	if k < 0 {
		op, k = sub, -k
	}
	return rest{r.add(op, 0, a.node, r.scaled(k, b.node)), a.factor, true}
}
