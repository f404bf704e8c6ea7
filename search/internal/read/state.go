package read

import (
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/search/internal/genome"
)

const stateHint = "for a state s it has s <- (1 - k)*s + k*a with 0 < k <= 1, s <- s + a, s <- max(s, a) and s <- a, where a is not made of s"

const beginHint = "a genome's states begin at 0"

// stateOf is the state whose new value, made of its old one, a value is.
func (r *reader) stateOf(v *ir.Value) (int, bool) {
	for _, i := range r.states[v] {
		if r.moves(i) {
			return i, true
		}
	}
	return 0, false
}

// moves reports whether the new value of a state is made of its old one.
func (r *reader) moves(i int) bool {
	is, ok := r.moving[i]
	if !ok {
		is = r.reads(r.program.States[i].New, i)
		r.moving[i] = is
	}
	return is
}

// reads reports whether a value is made of the old value of a state.
func (r *reader) reads(v *ir.Value, state int) bool {
	met := map[*ir.Value]bool{}
	open := []*ir.Value{v}
	for len(open) > 0 {
		v := r.seen(open[len(open)-1])
		open = open[:len(open)-1]
		if met[v] {
			continue
		}
		met[v] = true
		if r.isLoad(v, state) {
			return true
		}
		if _, number := r.constant(v); !number {
			open = append(open, v.Args...)
		}
	}
	return false
}

func (r *reader) isLoad(v *ir.Value, state int) bool { return v.Kind == ir.Load && v.Index == state }

// old is the value of a state before the step: that of the step before, after it.
func (r *reader) old(i int) uint8 {
	s := r.program.States[i]
	if s.New.Kind == ir.Load && s.New.Index == i {
		return r.number(r.begun(i))
	}
	if r.busy[i] {
		r.unlike(i)
	}
	if r.moves(i) {
		return r.add(prev, 0, r.value(s.New))
	}
	r.enter(i)
	defer r.leave(i)
	return r.add(prev, 0, r.value(s.New))
}

// unlike refuses a state.
func (r *reader) unlike(i int) {
	s := r.program.States[i]
	r.refuse(stateHint, "the state %s is made of itself in a way that a genome has not: %s", s.Name, r.text(s.New))
}

// enter begins with the new value of a state.
func (r *reader) enter(i int) {
	r.begun(i)
	r.busy[i] = true
	r.within = append(r.within, r.program.States[i].Name)
}

func (r *reader) leave(i int) {
	r.busy[i] = false
	r.within = r.within[:len(r.within)-1]
}

// begun is what a state holds before the first step, 0 of necessity.
func (r *reader) begun(i int) float64 {
	s := r.program.States[i]
	if s.Init != 0 {
		r.refuse(beginHint, "the state %s begins at %s", s.Name, ir.FormatNumber(s.Init))
	}
	if s.As.Format != "" {
		r.refuse("leave `as "+s.As.String()+"` out", "the state %s is kept in another format than the parameter", s.Name)
	}
	return s.Init
}

// state is the new value of a state that is made of its old one.
func (r *reader) state(i int) uint8 {
	s := r.program.States[i]
	if r.busy[i] {
		r.unlike(i)
	}
	r.enter(i)
	defer r.leave(i)
	v := r.seen(s.New)
	var first *ir.Value
	if v.Kind == ir.Apply && v.Op.Name == "where" && r.isFirst(v.Args[0]) {
		first, v = v.Args[1], r.seen(v.Args[2])
	}
	if v.Kind == ir.Apply && v.Op.Name == "max" && first == nil {
		for j, a := range v.Args {
			if r.isLoad(r.seen(a), i) {
				return r.add(most, 0, r.value(v.Args[1-j]))
			}
		}
	}
	sum := r.sum(v, r.program.Pool.Load(i))
	share, left := r.linear(&sum, i)
	if first != nil && (!left.left || r.value(first) != r.scaled(left.factor.plain, left.node)) {
		r.refuse(beginHint, "the state %s has another value in the first step: %s", s.Name, r.text(first))
	}
	return r.average(i, share, left)
}

// linear is a new value as share*old + rest.
func (r *reader) linear(sum *term, i int) (share float64, left rest) {
	found := false
	for _, leaf := range sum.leaves() {
		if w := leaf.whole; r.isLoad(leaf.value, i) {
			if leaf.off, found = true, true; w.lr != 0 || len(w.fixes) > 0 {
				r.unlike(i)
			}
			share += w.plain
		}
	}
	if !found {
		r.beginsAtZero(i)
		r.unlike(i)
	}
	sum.mark()
	if left = r.rest(sum); left.factor.lr != 0 {
		r.unlike(i)
	}
	return share, left
}

// beginsAtZero refuses a state that is given another value in the first step.
func (r *reader) beginsAtZero(i int) {
	for _, v := range ir.Reachable(r.program.States[i].New) {
		if v.Kind == ir.Apply && v.Op.Name == "where" && r.isLoad(v.Args[2], i) && r.isFirst(v.Args[0]) && !r.isNumber(v.Args[1], 0) {
			r.refuse(beginHint, "the state %s begins at %s", r.program.States[i].Name, r.text(v.Args[1]))
		}
	}
}

// average is the state that becomes share of itself and the rest: a sum, or a moving average, scaled if need be.
func (r *reader) average(i int, share float64, left rest) uint8 {
	k := left.factor.plain
	switch {
	case !left.left:
		return r.number(0)
	case share == 0:
		return r.scaled(k, left.node)
	case share == 1:
		return r.add(total, 0, r.scaled(k, left.node))
	case share < 0 || share > 1:
		r.refuse(stateHint, "the state %s keeps %s of itself, which is not between 0 and 1", r.program.States[i].Name, ir.FormatNumber(share))
	case complements(share, k) && k > 0 && k <= 1:
		return r.add(ema, shareBeside(share, k), left.node)
	}
	part := short(1 - share)
	if n := r.nodes[left.node]; n.Op == genome.Const { // k*a is a number
		return r.add(ema, part, r.number(ratio(k*n.K, part)))
	}
	return r.scaled(ratio(k, part), r.add(ema, part, left.node))
}
