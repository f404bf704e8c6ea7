package pass

import (
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// mostTold is how many additions a value may cost that is computed anew and not kept: reading and writing it costs more.
const mostTold = 4

// DropTold removes the states that another one tells: after each step they are a cheap function of what that one is, as -m.
// Who reads one computes it of the other, and what it holds before the first step there. States must be kept as they are
// computed, for a rounded one tells less. A rule and its adjoint go through it as checked, so that they keep the same states.
func DropTold(p *ir.Program) *ir.Program {
	t := &told{p: p, of: map[*ir.Value]int{}, live: make([]bool, len(p.States)), load: map[int]*ir.Value{}}
	for _, v := range ir.Reachable(p.Eval) {
		if v.Kind == ir.Load { // as the step leaves it
			t.keep(v.Index)
		}
	}
	for i, s := range p.States {
		t.live[i] = true
		if t.of[s.New] == 0 && t.plain(i) {
			t.of[s.New] = i + 1
		}
	}
	for i := range p.States {
		t.drop(i)
	}
	if len(t.load) == 0 {
		return p
	}
	r := &ir.Rewriter{To: p.Pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		if v.Kind == ir.Load && t.load[v.Index] != nil {
			return t.load[v.Index]
		}
		return p.Pool.Copy(v, args)
	}}
	return r.Program(p).KeepStates(t.live)
}

// told looks for states that others tell.
type told struct {
	p    *ir.Program
	of   map[*ir.Value]int // by the new value of a state that may tell others: its number from 1
	live []bool
	kept map[int]bool      // what must stay
	load map[int]*ir.Value // of a state that is dropped, what it holds when a step begins
}

func (t *told) keep(i int) {
	if t.kept == nil {
		t.kept = map[int]bool{}
	}
	t.kept[i] = true
}

// plain reports whether a state is an array that is kept as it is computed, and none of several that move on together.
func (t *told) plain(i int) bool {
	s := t.p.States[i]
	return s.Extent.IsArray() && s.As == ir.Storage{} && s.New.Extent == s.Extent && !s.BesideX() && !strings.Contains(s.Name, "[")
}

// drop drops a state if another one tells it.
func (t *told) drop(i int) {
	s := t.p.States[i]
	if !t.plain(i) || s.Output || t.kept[i] {
		return
	}
	by := func(v *ir.Value) (int, bool) {
		j := t.of[v] - 1
		return j, j >= 0 && j != i && t.live[j] && t.p.States[j].Extent == s.Extent
	}
	teller, flops := -1, 0
	for _, v := range ir.Above(func(v *ir.Value) bool { _, ok := by(v); return ok }, s.New) {
		j, ok := by(v)
		switch {
		case ok && (teller < 0 || teller == j):
			teller = j
		case ok:
			return
		case v.Kind == ir.Apply:
			flops += v.Op.Flops
		case v.Kind != ir.Number && v.Kind != ir.Spread:
			return
		}
	}
	if teller < 0 || flops > mostTold {
		return
	}
	pool := t.p.Pool
	r := &ir.Rewriter{To: pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		if _, ok := by(v); ok {
			return pool.Load(teller)
		}
		return pool.Copy(v, args)
	}}
	t.load[i] = pool.Call("where", pool.First(), pool.Number(s.Init), r.Value(s.New))
	t.live[i] = false
	t.keep(teller)
}
