package pass

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// MaxWork bounds the passes of a rule times its values: every pass may compute anew what the ones before it have.
const MaxWork = 250_000

// Work is what Schedule would have to do, in units of MaxWork.
func Work(p *ir.Program) int { return newCut(p, p.Roots()).passes * len(ir.Reachable(p.Roots()...)) }

// Schedule cuts the program, whose Work is within MaxWork, into stages: step values by extent, and the fewest passes over
// memory. A reduction is a barrier: what depends on it runs in a later pass.
func Schedule(p *ir.Program) *ir.Plan {
	s := &scheduler{plan: &ir.Plan{Program: p}, names: map[string]string{}}
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

// store is an array that takes a new value in some pass.
type store struct {
	stream ir.Stream
	value  *ir.Value
	pass   int
}

// cut is the work of scheduling one step.
type cut struct {
	p      *ir.Program
	roots  []*ir.Value
	level  map[*ir.Value]int // the passes that must have run before
	stores []store
	passes int
}

func (s *scheduler) step(p *ir.Program, suffix string) []ir.Stage {
	c := newCut(p, p.Roots())
	if p.X != p.Pool.Input("x") {
		c.stores = append(c.stores, store{stream: ir.Stream{Kind: ir.XStream, Name: "x"}, value: p.X})
	}
	for i, st := range p.States {
		if st.Extent == ir.Elem && st.New != p.Pool.Load(i) {
			c.stores = append(c.stores, store{stream: ir.Stream{Kind: ir.StateStream, State: i, Name: st.Name}, value: st.New})
		}
	}
	c.place()
	stages := s.stages(c, suffix)
	return append(stages, keep(p)...)
}

func (s *scheduler) eval(p *ir.Program) []ir.Stage {
	c := newCut(p, []*ir.Value{p.Eval})
	c.stores = []store{{stream: ir.Stream{Kind: ir.EvalStream, Name: "eval"}, value: p.Eval}}
	c.place()
	return s.stages(c, "Eval")
}

func newCut(p *ir.Program, roots []*ir.Value) *cut {
	c := &cut{p: p, roots: roots, level: map[*ir.Value]int{}}
	for _, v := range ir.Reachable(roots...) {
		l := 0
		for _, a := range v.Args {
			l = max(l, c.level[a])
		}
		if elementReduce(v) {
			c.passes = max(c.passes, l+1)
			l++
		}
		c.level[v] = l
	}
	return c
}

// elementReduce reports whether v is a reduction that a pass computes.
func elementReduce(v *ir.Value) bool { return v.Kind == ir.Reduce && v.Args[0].Extent == ir.Elem }

// place decides in which pass each array takes its new value: an early store lets later passes read the new value
// instead of computing it again, at the price of the old one. The choice that moves the fewest bytes wins.
func (c *cut) place() {
	for _, s := range c.stores {
		c.passes = max(c.passes, c.level[s.value]+1)
	}
	for i := range c.stores {
		c.stores[i].pass = c.passes - 1
	}
	best, _ := c.cost()
	for improved := true; improved; {
		improved = false
		for i := range c.stores {
			old := c.stores[i].pass
			for p := c.level[c.stores[i].value]; p < c.passes; p++ {
				c.stores[i].pass = p
				if cost, ok := c.cost(); ok && cost < best {
					best, old, improved = cost, p, true
				}
			}
			c.stores[i].pass = old
		}
	}
}

// cost counts arrays read and written over all passes, and by less the operations; false if a pass needs a value that
// an earlier one has overwritten.
func (c *cut) cost() (int, bool) {
	total := 0
	for k := range c.passes {
		b := c.build(k)
		if b == nil {
			return 0, false
		}
		k := costOf(b)
		total += (k.Reads+k.Writes)*1000 + k.Flops
	}
	return total, true
}

// CostOf sums the passes of a sequence of stages.
func CostOf(stages []ir.Stage) ir.Cost {
	var sum ir.Cost
	for _, s := range stages {
		if s.Kernel != nil {
			k := costOf(s.Kernel)
			sum = ir.Cost{Passes: sum.Passes + 1, Reads: sum.Reads + k.Reads, Writes: sum.Writes + k.Writes, Flops: sum.Flops + k.Flops}
		}
	}
	return sum
}

func costOf(k *ir.Kernel) ir.Cost {
	c := ir.Cost{Passes: 1, Flops: len(k.Reductions)}
	for _, s := range k.Streams {
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

// build makes the kernel of pass n; nil if it needs an overwritten value.
func (c *cut) build(n int) *ir.Kernel {
	b := &kernelBuilder{c: c, pass: n, k: &ir.Kernel{}, done: map[*ir.Value]ir.Operand{}, scalars: map[*ir.Value]int{}}
	for _, v := range ir.Reachable(c.roots...) {
		if elementReduce(v) && c.level[v] == n+1 {
			b.k.Reductions = append(b.k.Reductions, ir.Reduction{Kind: v.Op.Reduce, Value: b.operand(v.Args[0]), Result: v})
		}
	}
	for _, s := range c.stores {
		if s.pass == n {
			value := b.operand(s.value)
			b.k.Stores = append(b.k.Stores, ir.Store{Stream: b.stream(s.stream, false), Value: value})
		}
	}
	if b.lost {
		return nil
	}
	return b.k
}

type kernelBuilder struct {
	c       *cut
	pass    int
	k       *ir.Kernel
	done    map[*ir.Value]ir.Operand
	scalars map[*ir.Value]int
	lost    bool
}

// operand makes v and what it needs. Operands are made iteratively: a long chain must not exhaust the stack.
func (b *kernelBuilder) operand(root *ir.Value) ir.Operand {
	stack := []*ir.Value{root}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		if _, ok := b.done[v]; ok {
			stack = stack[:len(stack)-1]
			continue
		}
		ready := true
		if b.leaf(v) == nil && v.Extent == ir.Elem {
			for i := len(v.Args) - 1; i >= 0; i-- {
				if _, ok := b.done[v.Args[i]]; !ok {
					stack = append(stack, v.Args[i])
					ready = false
				}
			}
		}
		if ready {
			b.done[v] = b.make(v)
			stack = stack[:len(stack)-1]
		}
	}
	return b.done[root]
}

// leaf is the array from which this pass reads v, if it does: an input, a state, or what an earlier pass stored.
func (b *kernelBuilder) leaf(v *ir.Value) *ir.Stream {
	for _, s := range b.c.stores {
		if s.value == v && s.pass < b.pass && v.Extent == ir.Elem {
			return &s.stream
		}
	}
	switch {
	case v.Kind == ir.Load && v.Extent == ir.Elem:
		return &ir.Stream{Kind: ir.StateStream, State: v.Index, Name: b.c.p.States[v.Index].Name}
	case v.Kind == ir.Input && v.Name == "x":
		return &ir.Stream{Kind: ir.XStream, Name: "x"}
	case v.Kind == ir.Input && v.Name == "g":
		return &ir.Stream{Kind: ir.GradStream, Name: "g"}
	}
	return nil
}

func (b *kernelBuilder) make(v *ir.Value) ir.Operand {
	if v.Extent < ir.Elem {
		return ir.Operand{Scalar: true, Index: b.scalar(v)}
	}
	if s := b.leaf(v); s != nil {
		b.lost = b.lost || b.overwritten(v, s)
		return b.instr(ir.Instr{Op: "load", Stream: b.stream(*s, true), Name: s.Name, Value: v})
	}
	if v.Kind == ir.Spread {
		return b.done[v.Args[0]]
	}
	in := ir.Instr{Op: v.Op.Name, Mask: v.Mask, Name: v.Label, Value: v}
	for i, a := range v.Args {
		arg := b.done[a]
		if v.Op.MaskArgs&(1<<i) != 0 {
			arg = b.maskOf(arg)
		}
		in.Args = append(in.Args, arg)
	}
	return b.instr(in)
}

// maskOf turns a scalar 0 or 1 into a mask over elements.
func (b *kernelBuilder) maskOf(a ir.Operand) ir.Operand {
	if !a.Scalar {
		return a
	}
	zero := ir.Operand{Scalar: true, Index: b.scalar(b.c.p.Pool.Number(0))}
	return b.instr(ir.Instr{Op: "ne", Args: []ir.Operand{a, zero}, Mask: true})
}

// overwritten reports whether an earlier pass has put something else into the array that v is read from.
func (b *kernelBuilder) overwritten(v *ir.Value, from *ir.Stream) bool {
	for _, s := range b.c.stores {
		if s.stream == *from && s.value != v && s.pass < b.pass {
			return true
		}
	}
	return false
}

func (b *kernelBuilder) instr(in ir.Instr) ir.Operand {
	b.k.Instrs = append(b.k.Instrs, in)
	return ir.Operand{Index: len(b.k.Instrs) - 1}
}

func (b *kernelBuilder) scalar(v *ir.Value) int {
	if i, ok := b.scalars[v]; ok {
		return i
	}
	name := v.Label
	if len(v.Args) == 0 {
		name = b.c.p.Leaf(v)
	}
	b.k.Scalars = append(b.k.Scalars, ir.Scalar{Value: v, Name: name})
	b.scalars[v] = len(b.k.Scalars) - 1
	return len(b.k.Scalars) - 1
}

func (b *kernelBuilder) stream(s ir.Stream, read bool) int {
	i := 0
	for ; i < len(b.k.Streams); i++ {
		if have := b.k.Streams[i]; have.Kind == s.Kind && have.State == s.State {
			break
		}
	}
	if i == len(b.k.Streams) {
		b.k.Streams = append(b.k.Streams, s)
	}
	if read {
		b.k.Streams[i].Read = true
	} else {
		b.k.Streams[i].Write = true
	}
	return i
}

// stages orders step values and passes: before a pass, all step values that it or a later one may need by then.
func (s *scheduler) stages(c *cut, suffix string) []ir.Stage {
	var out []ir.Stage
	done := map[*ir.Value]bool{}
	for k := 0; k <= c.passes; k++ {
		out = append(out, c.scalarStages(k, done)...)
		if k == c.passes {
			break
		}
		kernel := c.build(k)
		if len(kernel.Stores)+len(kernel.Reductions) == 0 {
			continue
		}
		s.name(kernel, suffix, k)
		for _, r := range kernel.Reductions {
			done[r.Result] = true
		}
		out = append(out, ir.Stage{Kernel: kernel})
	}
	return out
}

// name gives a kernel the name of an equal one, or a new one.
func (s *scheduler) name(k *ir.Kernel, suffix string, pass int) {
	sig := signature(k)
	if n, ok := s.names[sig]; ok {
		k.Name, k.Digest = n, digest(sig)
		return
	}
	k.Name = fmt.Sprintf("%s%s%d", s.plan.Program.Name, suffix, pass)
	k.Digest = digest(sig)
	s.names[sig] = k.Name
	s.plan.Kernels = append(s.plan.Kernels, k)
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}

// signature says what a kernel does, whatever its scalars are.
func signature(k *ir.Kernel) string {
	var b strings.Builder
	for _, s := range k.Streams {
		fmt.Fprint(&b, s.Kind, s.State, s.Read, s.Write, ";")
	}
	for _, i := range k.Instrs {
		fmt.Fprint(&b, i.Op, i.Stream, i.Args, ";")
	}
	fmt.Fprint(&b, k.Stores, len(k.Scalars))
	for _, r := range k.Reductions {
		fmt.Fprint(&b, r.Kind, r.Value, ";")
	}
	return b.String()
}

// scalarStages computes the step values that may run before pass k and have not. In a round, the values of the model
// come first, then those of groups and tensors, which may read them, then folds, which the next round may read.
func (c *cut) scalarStages(k int, done map[*ir.Value]bool) []ir.Stage {
	round := map[*ir.Value]int{}
	var rounds [][ir.Tensor + 2][]*ir.Value
	for _, v := range ir.Reachable(c.roots...) {
		if v.Extent >= ir.Elem || len(v.Args) == 0 || elementReduce(v) || c.level[v] > k || done[v] {
			continue
		}
		for _, a := range v.Args {
			after := round[a]
			if a.Kind == ir.Reduce && !done[a] {
				after++
			}
			round[v] = max(round[v], after)
		}
		for len(rounds) <= round[v] {
			rounds = append(rounds, [ir.Tensor + 2][]*ir.Value{})
		}
		class := v.Extent
		if v.Kind == ir.Reduce {
			class = ir.Tensor + 1
		}
		rounds[round[v]][class] = append(rounds[round[v]][class], v)
	}
	var out []ir.Stage
	for _, r := range rounds {
		for e := ir.Model; e <= ir.Tensor; e++ {
			if len(r[e]) > 0 {
				out = append(out, ir.Stage{Extent: e, Values: r[e]})
			}
		}
		for _, v := range r[ir.Tensor+1] {
			out = append(out, ir.Stage{Fold: v})
		}
	}
	for v := range round {
		done[v] = true
	}
	return out
}

// keep writes the new values of the states that live in frames.
func keep(p *ir.Program) []ir.Stage {
	var out []ir.Stage
	for e := ir.Model; e <= ir.Tensor; e++ {
		var states []int
		var values []*ir.Value
		for i, s := range p.States {
			if s.Extent == e && s.New != p.Pool.Load(i) {
				states = append(states, i)
				values = append(values, s.New)
			}
		}
		if len(states) > 0 {
			out = append(out, ir.Stage{Extent: e, Keep: states, New: values})
		}
	}
	return out
}
