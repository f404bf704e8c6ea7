package pass

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// MaxWork bounds the passes of a rule times its arrays: every pass may compute anew what the ones before it have.
const MaxWork = 1_000_000

// Work is what Schedule would have to do, in units of MaxWork.
func Work(p *ir.Program, classes []ir.Class) int {
	arrays, barriers := 0, 0
	for _, v := range ir.Reachable(p.Roots()...) {
		if v.Extent.IsArray() {
			arrays++
		}
		if isBarrier(v) {
			barriers++
		}
	}
	return (newCut(p, classes, p.Roots()).passes + barriers) * arrays * len(classes)
}

// Schedule cuts the program, whose Work is within MaxWork, into stages: step values by extent, and the fewest passes over
// memory for each class of tensors. What needs all of an array (a reduction, a whole-array operator, a probe) is a
// barrier: what depends on it runs in a later pass.
func Schedule(p *ir.Program, classes []ir.Class) *ir.Plan {
	s := &scheduler{plan: &ir.Plan{Program: p, Classes: classes}, names: map[string]string{}}
	first, later := First(p, true), First(p, false)
	s.plan.Later = s.step(later, "")
	s.plan.Same = sameRoots(first, later)
	s.plan.First = s.plan.Later
	if !s.plan.Same {
		s.plan.First = s.step(first, "First")
	}
	if p.Eval != nil {
		s.plan.Eval = s.eval(p) // not specialised: it may be asked for after the first step too
	}
	s.keepStates(first, later)
	s.keepScratch()
	return s.plan
}

func sameRoots(a, b *ir.Program) bool {
	ra, rb := a.Roots(), b.Roots()
	for i := range ra {
		if ra[i] != rb[i] {
			return false
		}
	}
	return true
}

type scheduler struct {
	plan  *ir.Plan
	names map[string]string // of kernels by what they do
}

// cut is the work of scheduling one step: the values by the passes that must have run before.
type cut struct {
	p       *ir.Program
	roots   []*ir.Value
	special []*specializer // by class
	classes []*classCut
	level   map[*ir.Value]int
	passes  int
	probes  int // passes up to which nothing that lasts may be written: a probe follows
	asked   int // passes after which the step's gradient may be gone: a probe precedes
	order   []*ir.Value
}

// classCut is what is done for the tensors of one class.
type classCut struct {
	c      *cut
	index  int
	roots  []*ir.Value
	order  []*ir.Value // all that its roots need, operands first
	stores []store

	reduces map[at][]*ir.Value // the reductions of each pass and domain
	barrier []*ir.Value        // whole-array operators and probes
	byValue map[*ir.Value][]int
	byPlace map[array][]int
}

// at is a pass over a domain.
type at struct {
	pass   int
	domain ir.Extent
}

// array is a place without its name.
type array struct {
	kind  ir.StreamKind
	index int
}

// store is an array that takes a value in some pass; in none if pass is off.
type store struct {
	place   ir.Place
	value   *ir.Value
	pass    int
	lasting bool // it outlives the step
}

const off = -1

func (s *scheduler) step(p *ir.Program, suffix string) []ir.Stage {
	c := newCut(p, s.plan.Classes, p.Roots())
	rotations := c.rotations()
	for _, cc := range c.classes {
		cc.lastingStores(rotations)
		cc.place()
	}
	stages := s.stages(c, suffix)
	for _, r := range rotations {
		stages = append(stages, ir.Stage{Rotate: r.states, If: r.cond})
	}
	return append(stages, c.keep()...)
}

func (s *scheduler) eval(p *ir.Program) []ir.Stage {
	c := newCut(p, s.plan.Classes, []*ir.Value{p.Eval})
	for i, cc := range c.classes {
		cc.add(ir.Place{Kind: ir.EvalStream, Extent: ir.Elem, Name: "eval"}, c.special[i].of(p.Eval), true)
		cc.place()
	}
	return s.stages(c, "Eval")
}

func newCut(p *ir.Program, classes []ir.Class, roots []*ir.Value) *cut {
	c := &cut{p: p, roots: roots, level: map[*ir.Value]int{}, order: ir.Reachable(roots...), asked: -1}
	for i, class := range classes {
		c.special = append(c.special, newSpecializer(p, class.Choices))
		c.classes = append(c.classes, &classCut{c: c, index: i})
	}
	for _, v := range c.order {
		if isShared(v) {
			c.passes = max(c.passes, c.levelOf(v))
		}
	}
	for i, cc := range c.classes {
		for _, v := range roots {
			if !isShared(v) {
				cc.roots = append(cc.roots, c.special[i].of(v))
			}
		}
		for _, v := range c.order {
			if isShared(v) {
				for n := range v.Args {
					cc.roots = append(cc.roots, c.arg(v, n, i))
				}
			}
		}
		cc.order = ir.Above(isShared, cc.roots...)
		cc.reduces, cc.byValue, cc.byPlace = map[at][]*ir.Value{}, map[*ir.Value][]int{}, map[array][]int{}
		for _, v := range cc.order {
			l := c.levelOf(v)
			c.passes = max(c.passes, l)
			if arrayReduce(v) {
				k := at{l - 1, v.Args[0].Extent}
				cc.reduces[k] = append(cc.reduces[k], v)
			}
			if isBarrier(v) && !isShared(v) {
				cc.barrier = append(cc.barrier, v)
			}
		}
		for _, v := range c.order {
			if isBarrier(v) && isShared(v) {
				cc.barrier = append(cc.barrier, v)
			}
		}
	}
	for _, v := range c.order {
		if v.Kind == ir.Probe {
			c.probes = max(c.probes, c.level[v])
			if c.asked < 0 || c.level[v] < c.asked {
				c.asked = c.level[v]
			}
		}
	}
	c.passes = max(c.passes, 1)
	return c
}

// isBarrier reports whether v reads whole arrays from memory.
func isBarrier(v *ir.Value) bool { return v.Kind == ir.Array || v.Kind == ir.Probe }

// arg is operand n of a shared value for a class.
func (c *cut) arg(v *ir.Value, n, class int) *ir.Value {
	if isShared(v.Args[n]) {
		return v.Args[n]
	}
	return c.special[class].of(v.Args[n])
}

// levelOf is how many passes must have run before v can be computed.
func (c *cut) levelOf(v *ir.Value) int {
	if l, ok := c.level[v]; ok {
		return l
	}
	l := 0
	for n := range v.Args {
		if !isShared(v) {
			l = max(l, c.levelAfter(v, v.Args[n]))
			continue
		}
		for class := range c.classes {
			l = max(l, c.levelAfter(v, c.arg(v, n, class)))
		}
	}
	if v.Kind == ir.Probe {
		l = max(l, 1) // a pass before it may save what it takes away
	}
	c.level[v] = l
	return l
}

// levelAfter is the level from which on v has its operand: one that is reduced or read whole must have been through a pass.
func (c *cut) levelAfter(v, operand *ir.Value) int {
	l := c.levelOf(operand)
	switch {
	case !operand.Extent.IsArray():
	case v.Kind == ir.Reduce:
		l++
	case isBarrier(v) && !c.isWhole(operand):
		l++
	}
	return l
}

// inMemory reports whether a value is an array from the start, or once it is computed at all.
func inMemory(v *ir.Value) bool {
	if !v.Extent.IsArray() {
		return false
	}
	switch v.Kind {
	case ir.Input, ir.Load, ir.Given, ir.Array, ir.Probe:
		return true
	}
	return v.Kind == ir.Reduce
}

// isWhole reports whether a value is in memory as an array in the element type: what has a storage format is not.
func (c *cut) isWhole(v *ir.Value) bool {
	switch {
	case v.Kind == ir.Load:
		return inMemory(v) && c.p.States[v.Index].As.Format == ""
	case v.Kind == ir.Input:
		return inMemory(v) && c.p.Params.Format == ""
	}
	return inMemory(v)
}

// arrayReduce reports whether v is a reduction that a pass computes.
func arrayReduce(v *ir.Value) bool { return v.Kind == ir.Reduce && v.Args[0].Extent.IsArray() }

// add plans a store at the end.
func (cc *classCut) add(place ir.Place, v *ir.Value, lasting bool) {
	cc.append(store{place: place, value: v, pass: off, lasting: lasting})
	cc.c.passes = max(cc.c.passes, cc.c.levelOf(v)+1)
}

func (cc *classCut) append(s store) {
	n, p := len(cc.stores), array{s.place.Kind, s.place.Index}
	cc.stores = append(cc.stores, s)
	cc.byValue[s.value] = append(cc.byValue[s.value], n)
	cc.byPlace[p] = append(cc.byPlace[p], n)
}

// rotation is an array of states that moves on as a whole: S <- push(S, v).
type rotation struct {
	states []int
	cond   *ir.Value // nil: always
}

// rotations finds the states that take each other's values.
func (c *cut) rotations() []rotation {
	var out []rotation
	taken := map[int]bool{}
	for last := range c.p.States {
		r := rotation{states: []int{last}}
		for i := last; !taken[i]; i = r.states[0] {
			from, cond := c.moved(i)
			if from < 0 || taken[from] || slices.Contains(r.states, from) || len(r.states) > 1 && cond != r.cond || c.p.States[from].As != c.p.States[i].As {
				break
			}
			r.states, r.cond = append([]int{from}, r.states...), cond
		}
		if n := len(r.states); n > 1 && c.startsRing(r) && !c.feeds(last) {
			out = append(out, r)
			for _, i := range r.states {
				taken[i] = true
			}
		}
	}
	return out
}

// moved tells which state's old value state i takes, -1 if none, and when.
func (c *cut) moved(i int) (int, *ir.Value) {
	s := c.p.States[i]
	v := s.New
	var cond *ir.Value
	if v.Kind == ir.Apply && v.Op.Name == "where" && v.Args[0].Extent <= ir.Model && v.Args[2] == c.p.Pool.Load(i) {
		cond, v = v.Args[0], v.Args[1]
	}
	if !s.Extent.IsArray() || s.As.Stochastic || v.Kind != ir.Load || v.Index == i || c.p.States[v.Index].Extent != s.Extent {
		return -1, nil
	}
	return v.Index, cond
}

// feeds reports whether another state takes the old value of state i.
func (c *cut) feeds(i int) bool {
	for k := range c.p.States {
		if from, _ := c.moved(k); from == i {
			return true
		}
	}
	return false
}

// startsRing reports whether the first state of a rotation takes a new value under the rotation's condition alone.
func (c *cut) startsRing(r rotation) bool {
	if r.cond == nil {
		return true
	}
	v := c.p.States[r.states[0]].New
	return v.Kind == ir.Apply && v.Op.Name == "where" && v.Args[0] == r.cond && v.Args[2] == c.p.Pool.Load(r.states[0])
}

// lastingStores plans what outlives the step: x and the states that are arrays. Of a rotation only the newest value is
// written, over the oldest.
func (cc *classCut) lastingStores(rotations []rotation) {
	c := cc.c
	of := c.special[cc.index].of
	if x := of(c.p.X); x != c.p.Pool.Input("x") {
		cc.add(ir.Place{Kind: ir.XStream, Extent: ir.Elem, Name: "x"}, x, true)
	}
	if c.p.ClearGrad {
		cc.add(ir.Place{Kind: ir.GradStream, Extent: ir.Elem, Name: "g"}, c.p.Pool.Spread(c.p.Pool.Number(0), ir.Elem), true)
	}
	newest := map[int]int{} // by the state that is oldest
	moved := map[int]bool{}
	for _, r := range rotations {
		newest[r.states[len(r.states)-1]] = r.states[0]
		for _, i := range r.states {
			moved[i] = true
		}
	}
	for i, st := range c.p.States {
		v := st.New
		if n, ok := newest[i]; ok {
			v = c.p.States[n].New
			if v.Kind == ir.Apply && v.Op.Name == "where" && v.Args[2] == c.p.Pool.Load(n) {
				v = c.p.Pool.Apply(v.Op, v.Args[0], v.Args[1], c.p.Pool.Load(i))
			}
		} else if moved[i] {
			continue
		}
		if v = of(v); st.Extent.IsArray() && v != c.p.Pool.Load(i) {
			cc.add(statePlace(c.p, i), c.p.Pool.Spread(v, st.Extent), true)
		}
	}
}

func statePlace(p *ir.Program, i int) ir.Place {
	return ir.Place{Kind: ir.StateStream, Index: i, Extent: p.States[i].Extent, Name: p.States[i].Name}
}

// keep writes the new values of the states that live in frames.
func (c *cut) keep() []ir.Stage {
	var out []ir.Stage
	for e := ir.Model; e <= ir.Tensor; e++ {
		for class := range c.classes {
			if e < ir.Tensor && class > 0 {
				continue
			}
			st := ir.Stage{Extent: e, Class: class}
			for i, s := range c.p.States {
				v := s.New
				if s.Extent != e {
					continue
				}
				if e == ir.Tensor {
					v = c.special[class].of(v)
				}
				if v != c.p.Pool.Load(i) {
					st.Keep, st.New = append(st.Keep, i), append(st.New, v)
				}
			}
			if len(st.Keep) > 0 {
				out = append(out, st)
			}
		}
	}
	return out
}

// keepStates tells which array states the tensors of each class have: those that are written or read for them.
func (s *scheduler) keepStates(steps ...*ir.Program) {
	for n := range s.plan.Classes {
		class := &s.plan.Classes[n]
		class.States = make([]bool, len(s.plan.Program.States))
		for _, p := range append(steps, s.plan.Program) {
			markStates(class.States, p, newSpecializer(p, class.Choices))
		}
	}
}

// markStates marks the states with whose old value a class does more than keep it, and those that it changes.
func markStates(states []bool, p *ir.Program, s *specializer) {
	mark := func(v *ir.Value) {
		if v.Kind == ir.Load {
			states[v.Index] = true
		}
	}
	roots := s.roots(p)
	for _, v := range ir.Above(isShared, roots...) {
		if isShared(v) {
			continue
		}
		for _, a := range v.Args {
			mark(a)
		}
	}
	for _, v := range roots[s.own:] { // operands of shared values
		mark(v)
	}
	mark(s.of(p.X))
	if p.Eval != nil {
		mark(s.of(p.Eval))
	}
	for i, st := range p.States {
		if v := s.of(st.New); v != p.Pool.Load(i) {
			states[i] = true
			mark(v)
		}
	}
}

// CostOf sums the passes over elements of a sequence of stages; of the classes of tensors, that of the dearest.
func CostOf(stages []ir.Stage) ir.Cost {
	var sums []ir.Cost
	for _, s := range stages {
		if s.Kernel == nil || s.Kernel.Domain != ir.Elem {
			continue
		}
		for len(sums) <= s.Class {
			sums = append(sums, ir.Cost{})
		}
		k := costOf(Dearest(s))
		sum := &sums[s.Class]
		*sum = ir.Cost{Passes: sum.Passes + 1, Reads: sum.Reads + k.Reads, Writes: sum.Writes + k.Writes, Flops: sum.Flops + k.Flops}
	}
	var most ir.Cost
	for _, s := range sums {
		if s.Bytes(1000)+s.Flops > most.Bytes(1000)+most.Flops {
			most = s
		}
	}
	return most
}

// costOf counts the arrays of full size that a kernel reads and writes.
func costOf(k *ir.Kernel) ir.Cost {
	c := ir.Cost{Passes: 1, Flops: len(k.Reductions) + len(k.Collects)}
	for _, s := range k.Streams {
		if s.Extent != k.Domain || s.Kind == ir.DrawStream || s.Kind == ir.CollectStream {
			continue
		}
		if s.Read {
			c.Reads++
		}
		if s.Write {
			c.Writes++
		}
	}
	for _, i := range k.Instrs {
		if i.Op != "load" {
			c.Flops += op.Must(i.Op).Flops
		}
	}
	return c
}
