package read

import (
	"math"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/search/internal/genome"
)

// step reads the new x as x - lr*(update + decay*x) and returns the update.
func (r *reader) step(out *Rule) uint8 {
	x := r.program.Pool.Input("x")
	for _, lr := range r.candidates() {
		r.learns(lr)
		sum := r.sum(r.program.X, x)
		if r.steps(&sum, x, out) {
			return r.update(&sum)
		}
	}
	r.within = append(r.within, "x")
	if text, short := r.shown(r.program.X); short {
		r.refuse(stepHint, "its new x is %s", text)
	}
	r.refuse(stepHint, "its new x %s", r.odd(x))
	return 0
}

// candidates are the hyperparameters that may be the learning rate, likely names first, then none at all.
func (r *reader) candidates() []int {
	var all []int
	for i := range r.program.Hypers {
		all = append(all, i)
	}
	slices.SortStableFunc(all, func(a, b int) int { return rank(r.program.Hypers[a].Name) - rank(r.program.Hypers[b].Name) })
	return append(all, -1)
}

func rank(name string) int {
	switch name {
	case "lr":
		return 0
	case "learning_rate":
		return 1
	}
	return 2
}

// steps reports whether a new x is a step of the learning rate, and then takes x and its decay off it.
func (r *reader) steps(sum *term, x *ir.Value, out *Rule) bool {
	out.LR = Hyper{Value: 1}
	if r.lr >= 0 {
		out.LR = Hyper{r.program.Hypers[r.lr].Name, r.program.Hypers[r.lr].Default}
	}
	var old []*term
	for _, leaf := range sum.leaves() {
		switch w := leaf.whole; {
		case leaf.value == x:
			old = append(old, leaf)
		case r.isZero(leaf.value) || w.plain == 0 && w.lr == 0:
			leaf.off = true
		case r.lr >= 0 && w.plain != 0:
			return false
		}
	}
	return r.keeps(old, out)
}

// keeps takes those terms off that are the old x and its decay, if they are: x once, and the decay by a hyperparameter or, if
// there is none, by a number. Other terms of x belong to the update.
func (r *reader) keeps(old []*term, out *Rule) bool {
	once, decay := 0.0, 0.0
	var named []int
	for _, leaf := range old {
		once += leaf.whole.plain
		if leaf.whole.lr <= 0 {
			named = append(named, leaf.whole.hypers...)
		}
		if len(leaf.whole.fixes) > 0 {
			return false
		}
	}
	for _, leaf := range old {
		w := leaf.whole
		leaf.off = w.plain != 0 || w.lr == 0 || w.lr < 0 && (len(w.hypers) > 0) == (len(named) > 0)
		if leaf.off {
			decay -= w.lr
		}
	}
	if r.lr < 0 {
		if once <= 0 {
			return false
		}
		once, decay, named = 1, short(1-once), nil
	}
	out.Decay = Hyper{Value: decay}
	if len(slices.Compact(named)) == 1 {
		out.Decay.Name = r.program.Hypers[named[0]].Name
	}
	return len(old) > 0 && math.Abs(once-1) <= 0x1p-52 && decay >= 0
}

// update is what the learning rate scales, the old x and its decay taken off.
func (r *reader) update(sum *term) uint8 {
	r.within = append(r.within, "x")
	sum.mark()
	left := r.rest(sum)
	if !left.left {
		return r.add(mul, 0, r.number(0), r.add(genome.G, 0))
	}
	k := -left.factor.plain
	if r.lr >= 0 {
		k = -left.factor.lr
	}
	return r.scaled(k, left.node)
}
