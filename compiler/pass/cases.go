package pass

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// A kernel in which a condition of a step value chooses (`where(momentum == 0, g, momentum*m + g)`) reads what both sides
// need, and uses one. So it has two cases, one a side, if that spares an array: each computes the same bits as the whole
// kernel where its side is taken, from the same arguments, of which some are idle. What a pass does under a condition alone
// (see demand.go) makes two cases of it as well.

// maxCaseWork bounds the instructions times the conditions of a kernel whose cases are looked for: the placing of values asks
// for them over and over.
const maxCaseWork = 4096

// cases are the two cases of a kernel by the condition that spares the most arrays, that where it holds first; none if no
// condition spares any.
func cases(p *ir.Program, k *ir.Kernel, o only) []ir.KernelCase {
	var best []ir.KernelCase
	least := 2 * arrayWeight(k)
	for _, cond := range conditions(k, o) {
		two := casesBy(p, k, cond, o)
		if two == nil {
			continue
		}
		if w := arrayWeight(two[0].Kernel) + arrayWeight(two[1].Kernel); w < least {
			best, least = two, w
		}
	}
	return best
}

// conditions are those by which a kernel may have cases.
func conditions(k *ir.Kernel, o only) []*ir.Value {
	if o.saved {
		return []*ir.Value{o.cond}
	}
	var out []*ir.Value
	for _, s := range k.Scalars {
		if s.Value.Mask && s.Value != o.cond {
			out = append(out, s.Value)
		}
	}
	if o.cond != nil {
		out = append(out, o.cond)
	}
	if len(out)*len(k.Instrs) > maxCaseWork {
		return nil
	}
	return out
}

// casesBy are the two cases of a kernel by a condition; none if the condition is computed with.
func casesBy(p *ir.Program, k *ir.Kernel, cond *ir.Value, o only) []ir.KernelCase {
	is, not := underCase(p, k, cond, true, o), underCase(p, k, cond, false, o)
	if is == nil || not == nil {
		return nil
	}
	is.Name += "When"
	not.Name += "Else"
	return []ir.KernelCase{{If: cond, Is: true, Kernel: is}, {If: cond, Kernel: not}}
}

// Dearest is the kernel of a stage that costs most: of its cases, if it has some, the one that moves more.
func Dearest(s ir.Stage) *ir.Kernel {
	if len(s.Cases) == 0 {
		return s.Kernel
	}
	k := s.Cases[0].Kernel
	for _, c := range s.Cases[1:] {
		if arrayWeight(c.Kernel) > arrayWeight(k) {
			k = c.Kernel
		}
	}
	return k
}

// arrayWeight is the price of the arrays of its own size that a kernel reads and writes.
func arrayWeight(k *ir.Kernel) int {
	c := costOf(k)
	return (c.Reads + c.Writes) * weight(k.Domain)
}

// known is what is known of an instruction's mask.
type known uint8

const (
	unknown known = iota
	isFalse
	isTrue
)

func knownAs(b bool) known {
	if b {
		return isTrue
	}
	return isFalse
}

// caseBuilder copies a kernel for one side of a condition.
type caseBuilder struct {
	p        *ir.Program
	from, to *ir.Kernel
	scalar   int // the condition; -1 where the kernel does not know it
	mask     int // the stream of the mask that is known instead; -1 for none
	is       bool
	only     only         // what the kernel does not do in this case; nothing if it has no condition
	instrs   []ir.Instr   // from's, each with operands that no choice of the condition stands between
	same     []ir.Operand // whose value each has: its own, or that of the side taken
	known    []known      // by instruction
	at       []int        // where each is now; -1 where nothing needs it
}

// underCase is k where a condition is as said; nil if the condition itself is computed with. Its arguments are k's; a stream
// that it needs no more is neither read nor written.
func underCase(p *ir.Program, k *ir.Kernel, cond *ir.Value, is bool, o only) *ir.Kernel {
	b := newCase(p, k)
	b.scalar, b.is = slices.IndexFunc(k.Scalars, func(s ir.Scalar) bool { return s.Value == cond }), is
	if o.cond == cond && !is {
		b.only = o
	}
	return b.build()
}

// bareOf is what may run in place of a kernel where the mask of a `topk` marks nothing: that which spares the most arrays besides
// the mask, which is not in memory there; nil if none spares any. Few elements are marked, so nearly all of a large tensor is such.
func bareOf(p *ir.Program, k *ir.Kernel) *ir.BareKernel {
	var best *ir.BareKernel
	least := arrayWeight(k) - weight(k.Domain)
	for _, in := range k.Instrs {
		if in.Op != "load" || in.Value == nil || in.Value.Kind != ir.Array || !in.Value.Mask || k.Rows || k.Streams[in.Stream].Kind != ir.ScratchStream {
			continue
		}
		b := newCase(p, k)
		b.mask = in.Stream
		if of := b.build(); of != nil && arrayWeight(of) < least {
			of.Name += "Bare"
			best, least = &ir.BareKernel{Mask: in.Stream, Kernel: of}, arrayWeight(of)
		}
	}
	return best
}

// newCase begins a case of a kernel of which nothing is known yet.
func newCase(p *ir.Program, k *ir.Kernel) *caseBuilder {
	to := *k
	to.Streams = append([]ir.Stream{}, k.Streams...)
	for n := range to.Streams {
		to.Streams[n].Read, to.Streams[n].Write = false, false
	}
	to.Instrs, to.Stores, to.Reductions = nil, nil, nil
	n := len(k.Instrs)
	return &caseBuilder{p: p, from: k, to: &to, scalar: -1, mask: -1, same: make([]ir.Operand, n), known: make([]known, n), at: make([]int, n)}
}

// build is the case; nil if it computes with what is known itself.
func (b *caseBuilder) build() *ir.Kernel {
	for n, in := range b.from.Instrs {
		b.instrs = append(b.instrs, b.choose(n, in))
	}
	needed := b.needed()
	for n, in := range b.instrs {
		if !needed[n] {
			b.at[n] = -1
			continue
		}
		if b.known[n] != unknown {
			return nil
		}
		b.copy(n, in)
	}
	b.ends()
	return b.to
}

// choose notes what is known of instruction n, or whose value it has, and returns it.
func (b *caseBuilder) choose(n int, in ir.Instr) ir.Instr {
	b.same[n] = ir.Operand{Index: n}
	args := make([]ir.Operand, len(in.Args))
	for i, a := range in.Args {
		args[i] = b.valueOf(a)
	}
	in.Args = args
	switch {
	case in.Op == "load" && b.only.saved && in.Stream == b.only.from:
		in.Stream = b.only.grad
	case b.isCondition(in):
		b.known[n] = knownAs(b.is)
	case in.Op == "where" && b.knownOf(args[0]) == isTrue:
		b.take(n, args[1])
	case in.Op == "where" && b.knownOf(args[0]) == isFalse:
		b.take(n, args[2])
	case in.Op == "not" && b.knownOf(args[0]) != unknown:
		b.known[n] = knownAs(b.knownOf(args[0]) == isFalse)
	case in.Op == "and" || in.Op == "or":
		b.join(n, args, knownAs(in.Op == "and"))
	}
	return in
}

// isCondition reports whether an instruction makes a mask of the condition, or of the known one: compares it with 0.
func (b *caseBuilder) isCondition(in ir.Instr) bool {
	if in.Op != "ne" || !in.Args[1].Scalar {
		return false
	}
	of := in.Args[0]
	if of.Scalar && of.Index != b.scalar {
		return false
	}
	if load := b.from.Instrs; !of.Scalar && (b.mask < 0 || load[of.Index].Op != "load" || load[of.Index].Stream != b.mask) {
		return false
	}
	zero := b.from.Scalars[in.Args[1].Index].Value
	return zero.Kind == ir.Number && zero.Num == 0
}

// valueOf is the operand whose value a has.
func (b *caseBuilder) valueOf(a ir.Operand) ir.Operand {
	if a.Scalar {
		return a
	}
	return b.same[a.Index]
}

func (b *caseBuilder) knownOf(a ir.Operand) known {
	if a.Scalar {
		return unknown
	}
	return b.known[a.Index]
}

// take gives instruction n the value of an operand.
func (b *caseBuilder) take(n int, a ir.Operand) { b.same[n], b.known[n] = a, b.knownOf(a) }

// join is `and`, or `or`, of two masks: neutral is what leaves the other as it is.
func (b *caseBuilder) join(n int, args []ir.Operand, neutral known) {
	for i, a := range args {
		switch b.knownOf(a) {
		case unknown:
		case neutral:
			b.take(n, args[1-i])
			return
		default:
			b.take(n, a)
			return
		}
	}
}

// needed are the instructions of which something is stored or reduced.
func (b *caseBuilder) needed() []bool {
	needed := make([]bool, len(b.instrs))
	mark := func(a ir.Operand) {
		if !a.Scalar {
			needed[a.Index] = true
		}
	}
	for _, s := range b.from.Stores {
		if !b.skips(s) {
			mark(b.valueOf(s.Value))
		}
	}
	for _, r := range b.from.Reductions {
		mark(b.valueOf(r.Value))
	}
	for n := len(b.instrs) - 1; n >= 0; n-- {
		if needed[n] {
			for _, a := range b.instrs[n].Args {
				mark(a)
			}
		}
	}
	return needed
}

// skips reports whether a store may be left out.
func (b *caseBuilder) skips(s ir.Store) bool {
	return slices.Contains(b.only.stores, s.Stream) || b.keeps(s)
}

// keeps reports whether a store puts back what was loaded from the same place. Of a storage format it is not said: packing
// anew need not give the same codes.
func (b *caseBuilder) keeps(s ir.Store) bool {
	a, to := b.valueOf(s.Value), b.from.Streams[s.Stream]
	if a.Scalar || to.Kind == ir.CollectStream || b.p.Storage(to.Place).Format != "" {
		return false
	}
	in := b.instrs[a.Index]
	return in.Op == "load" && in.Stream == s.Stream
}

// copy puts an instruction into the case.
func (b *caseBuilder) copy(n int, in ir.Instr) {
	if in.Op == "load" {
		b.to.Streams[in.Stream].Read = true
	}
	for i, a := range in.Args {
		in.Args[i] = b.moved(a)
	}
	b.at[n] = len(b.to.Instrs)
	b.to.Instrs = append(b.to.Instrs, in)
}

// moved is an operand of instrs in the case.
func (b *caseBuilder) moved(a ir.Operand) ir.Operand {
	if !a.Scalar {
		a.Index = b.at[a.Index]
	}
	return a
}

// ends copies stores and reductions.
func (b *caseBuilder) ends() {
	for _, s := range b.from.Stores {
		if !b.skips(s) {
			s.Value = b.moved(b.valueOf(s.Value))
			b.to.Stores = append(b.to.Stores, s)
			b.to.Streams[s.Stream].Write = true
		}
	}
	for _, r := range b.from.Reductions {
		r.Value = b.moved(b.valueOf(r.Value))
		b.to.Reductions = append(b.to.Reductions, r)
	}
}
