package goasm

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/runtime/elem"
)

// event is one thing that a kernel does for a vector of elements.
type event struct {
	kind  eventKind
	index int // into Instrs, Stores or Reductions
}

type eventKind uint8

const (
	compute eventKind = iota
	store
	reduce
)

// schedule orders a kernel so that few values live at a time: depth first from the stores and reductions, loads just
// before their first use, a store as soon as its value is there and its stream needs no more reading.
type schedule struct {
	k       *ir.Kernel
	uses    []int // of each instruction, by live ones, stores and reductions
	onlyOp  []bool
	reads   []int // of each stream, loads yet to come
	done    []bool
	waiting []int // stores whose values are there
	events  []event
}

func newSchedule(k *ir.Kernel) *schedule {
	s := &schedule{
		k: k, uses: make([]int, len(k.Instrs)), onlyOp: make([]bool, len(k.Instrs)),
		reads: make([]int, len(k.Streams)), done: make([]bool, len(k.Instrs)),
	}
	stores := lastStores(k)
	s.countUses(stores)
	for _, i := range stores {
		s.visit(k.Stores[i].Value)
		s.waiting = append(s.waiting, i)
		s.flush()
	}
	for i, r := range k.Reductions {
		s.visit(r.Value)
		s.emit(event{reduce, i}, r.Value)
	}
	return s
}

// lastStores lists the stores that count: of several to one stream the last.
func lastStores(k *ir.Kernel) []int {
	last := map[int]int{}
	for i, st := range k.Stores {
		last[st.Stream] = i
	}
	var list []int
	for i, st := range k.Stores {
		if last[st.Stream] == i {
			list = append(list, i)
		}
	}
	return list
}

func (s *schedule) countUses(stores []int) {
	use := func(a ir.Operand, byOp bool) {
		if !a.Scalar {
			s.uses[a.Index]++
			s.onlyOp[a.Index] = byOp
		}
	}
	for _, i := range stores {
		use(s.k.Stores[i].Value, false)
	}
	for _, r := range s.k.Reductions {
		use(r.Value, true)
	}
	for i := len(s.k.Instrs) - 1; i >= 0; i-- {
		if s.uses[i] == 0 {
			continue
		}
		if in := s.k.Instrs[i]; in.Op == opLoad {
			s.reads[in.Stream]++
		} else {
			for _, a := range in.Args {
				use(a, true)
			}
		}
	}
}

// folds reports whether an instruction is a load that may become the memory operand of its only user.
func (s *schedule) folds(i int) bool {
	in := s.k.Instrs[i]
	return in.Op == opLoad && s.uses[i] == 1 && s.onlyOp[i] && s.k.Streams[in.Stream].Format == ""
}

// visit emits what an operand needs, then its instruction.
func (s *schedule) visit(a ir.Operand) {
	if a.Scalar || s.done[a.Index] {
		return
	}
	s.done[a.Index] = true
	in := s.k.Instrs[a.Index]
	for _, b := range in.Args {
		if !s.isLoad(b) {
			s.visit(b)
		}
	}
	for _, b := range in.Args {
		if s.isLoad(b) {
			s.visit(b)
		}
	}
	s.emit(event{compute, a.Index}, in.Args...)
}

func (s *schedule) isLoad(a ir.Operand) bool { return !a.Scalar && s.k.Instrs[a.Index].Op == opLoad }

// emit appends an event that reads args. A load that may fold is not over before its user.
func (s *schedule) emit(e event, args ...ir.Operand) {
	s.events = append(s.events, e)
	if e.kind == compute && s.k.Instrs[e.index].Op == opLoad && !s.folds(e.index) {
		s.reads[s.k.Instrs[e.index].Stream]--
	}
	for _, a := range args {
		if !a.Scalar && s.folds(a.Index) {
			s.reads[s.k.Instrs[a.Index].Stream]--
		}
	}
	s.flush()
}

// flush emits the stores that wait for nothing more.
func (s *schedule) flush() {
	kept := s.waiting[:0]
	for _, i := range s.waiting {
		if s.reads[s.k.Stores[i].Stream] > 0 {
			kept = append(kept, i)
		} else {
			s.events = append(s.events, event{store, i})
		}
	}
	s.waiting = kept
}

// tail says how the last elements of a stream are read and written.
type tail struct {
	load, store string  // mnemonics, of masked moves or of moves of so many elements as there are
	mask        operand // the elements of a vector that exist; nowhere when no more than those are moved
}

func (t *tail) operands(o operand) []operand {
	if t.mask.place == nowhere {
		return []operand{o}
	}
	return []operand{o, t.mask}
}

// body appends the work on so many vectors of elements, from the one on that stands copy vectors beyond the running index:
// of each the first step, then of each the second. In a tail, t is not nil.
func (f *function) body(c *code, copy, vectors int, t *tail) {
	bodies := make([]body, vectors)
	for i := range bodies {
		bodies[i] = body{c: c, f: f, off: (copy + i) * f.set.width, copy: copy + i, tail: t, at: make([]operand, len(f.k.Instrs)), left: slices.Clone(f.schedule.uses)}
	}
	for _, e := range f.schedule.events {
		for i := range bodies {
			bodies[i].do(e)
		}
	}
}

func (b *body) do(e event) {
	switch e.kind {
	case compute:
		b.compute(e.index)
	case store:
		b.store(b.f.k.Stores[e.index])
	case reduce:
		b.reduce(e.index)
	}
}

type body struct {
	c         *code
	f         *function
	copy, off int
	tail      *tail
	at        []operand // of each instruction
	left      []int     // uses of each that are to come
}

func (b *body) compute(i int) {
	in := b.f.k.Instrs[i]
	comment := b.f.describe(i)
	if in.Op != opLoad {
		b.at[i] = b.apply(i, comment)
		return
	}
	src := operand{stream, in.Stream, b.off}
	format := b.f.k.Streams[in.Stream].Format
	switch {
	case format != "":
		args := []operand{src, b.f.scaleOf(in.Stream)}
		b.at[i] = b.c.expand(b.f.set.narrow[format].load.steps, args, operand{}, vectorClass, comment)
	case b.tail != nil:
		b.at[i] = b.loadPart(src, comment)
	case b.f.schedule.folds(i):
		b.at[i] = src
	default:
		b.at[i] = b.c.load(src, comment)
	}
}

// apply appends an instruction that is no load.
func (b *body) apply(i int, comment string) operand {
	in := b.f.k.Instrs[i]
	args := b.operands(in.Args)
	hardware, mixed := exact[in.Op]
	switch {
	case b.f.set.fused(in.Op):
		last := make([]bool, len(args))
		for j, a := range in.Args {
			last[j] = args[j].place == virtual && b.left[a.Index] == 0
		}
		return b.c.fuse(in.Op, args, last, comment)
	case mixed && b.f.byNewton(i, b.copy):
		comment += ", by a Newton step"
		return b.c.place(b.f.set.newtonRows[in.Op], args, operand{}, vectorClass, comment)
	case mixed:
		return b.c.apply(hardware, args, operand{}, comment)
	}
	return b.c.apply(in.Op, args, operand{}, comment)
}

func (b *body) operand(a ir.Operand) operand {
	if a.Scalar {
		return operand{place: uniform, n: a.Index}
	}
	b.left[a.Index]--
	return b.at[a.Index]
}

func (b *body) operands(args []ir.Operand) []operand {
	list := make([]operand, len(args))
	for i, a := range args {
		list[i] = b.operand(a)
	}
	return list
}

func (b *body) store(s ir.Store) {
	dst := operand{stream, s.Stream, b.off}
	comment := b.f.streamName(s.Stream) + " <- " + b.f.operandName(s.Value)
	if format := b.f.k.Streams[s.Stream].Format; format != "" {
		b.storeNarrow(b.f.set.narrow[format], b.operand(s.Value), dst, comment)
		return
	}
	if b.tail != nil {
		b.storePart(dst, b.operand(s.Value), comment)
		return
	}
	v := b.operand(s.Value)
	b.c.move(dst, v, comment)
	if of := b.f.windowOf(s.Stream); of != nil {
		most := operand{place: register, n: of.most}
		b.c.place(b.f.formatOf(*of).take, []operand{v, most}, most, vectorClass, "")
	}
}

// storeNarrow rounds a value to a storage format. Every NaN becomes the same one.
func (b *body) storeNarrow(n narrow, v, dst operand, comment string) {
	v = b.c.place(b.f.set.quiet, []operand{v}, operand{}, vectorClass, "")
	if len(n.round.steps) > 0 {
		v = b.c.expand(n.round.steps, []operand{v}, operand{}, vectorClass, "")
	}
	b.c.add(inst{mnemonic: n.store.mnemonic, imm: n.store.imm, in: []operand{v}, memory: -1, out: dst, scalar: n.x, comment: comment})
}

// loadPart brings the elements of a tail to a new value.
func (b *body) loadPart(src operand, comment string) operand {
	v := b.c.value(vectorClass)
	b.c.add(inst{mnemonic: b.tail.load, in: b.tail.operands(src), memory: 0, out: v, comment: comment})
	return v
}

func (b *body) storePart(dst, v operand, comment string) {
	b.c.add(inst{mnemonic: b.tail.store, in: b.tail.operands(v), memory: -1, out: dst, comment: comment})
}

// reduce takes the value of a vector into its accumulator; the absent elements of a tail leave their lanes as they are.
func (b *body) reduce(r int) {
	red := b.f.k.Reductions[r]
	comment := red.Kind.String() + " of " + b.f.operandName(red.Value)
	if b.tail != nil && b.tail.mask.place == nowhere {
		acc := operand{place: lane, off: b.f.lanes(r)}
		old := b.loadPart(acc, "")
		sum := b.c.apply(combine[red.Kind], []operand{old, b.operand(red.Value)}, operand{}, comment)
		b.storePart(acc, sum, "")
		return
	}
	acc := b.f.accumulator(r, b.copy)
	old := acc
	if acc.inMemory() {
		old = b.c.load(acc, "")
	}
	args := []operand{old, b.operand(red.Value)}
	if b.tail == nil {
		b.c.apply(combine[red.Kind], args, acc, comment)
		return
	}
	sum := b.c.apply(combine[red.Kind], args, operand{}, comment)
	b.c.apply("where", []operand{b.tail.mask, sum, old}, acc, "")
}

// combine names the operator that a reduction repeats, and identity the constant it starts from.
var (
	combine  = [...]string{elem.ReduceSum: "add", elem.ReduceMin: "min", elem.ReduceMax: "max"}
	identity = [...]string{elem.ReduceSum: "zero", elem.ReduceMin: "inf", elem.ReduceMax: "minusinf"}
)

// describe is the comment of an instruction, as in "m = add(v3, beta1)".
func (f *function) describe(i int) string {
	in := f.k.Instrs[i]
	if in.Op == opLoad {
		return f.valueName(i) + " = " + f.streamName(in.Stream)
	}
	args := make([]string, len(in.Args))
	for j, a := range in.Args {
		args[j] = f.operandName(a)
	}
	return fmt.Sprintf("%s = %s(%s)", f.valueName(i), cmp.Or(exact[in.Op], in.Op), strings.Join(args, ", "))
}

func (f *function) operandName(a ir.Operand) string {
	if a.Scalar {
		return f.uniformName(a.Index)
	}
	return f.valueName(a.Index)
}

func (f *function) valueName(i int) string { return nameOr(f.k.Instrs[i].Name, "v", i) }

func (f *function) streamName(i int) string {
	return nameOr(f.k.Streams[i].Name, "stream", i)
}

// nameOr is a name fit for a comment, with its index, since names need not be unique; nameless things get a prefix.
func nameOr(name, prefix string, i int) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, name)
	if name == "" {
		return fmt.Sprintf("%s%d", prefix, i)
	}
	return name
}
