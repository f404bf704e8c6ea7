package goasm

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
)

// allocator walks straight-line code once and gives every virtual value a register or, when there are too few, a slot
// of the frame. The value whose next use is furthest away goes first (Belady). A uniform is never spilled: it is read
// again from its home in memory.
type allocator struct {
	f        *function
	resident map[int]int // uniform to the register that it keeps
	free     [numClasses][]int
	holder   [numClasses][]*live // by register
	virtuals []live
	uniforms []live
	slots    [numClasses][]int // free slots
	frame    int               // end of the frame so far
	lines    []string
	locked   []*live
	ahead    int // bytes from the index to where the architecture's second index stands, if it has one
	cost     int
	silent   bool // only the cost is asked for
}

// live is what the allocator knows of a value or uniform.
type live struct {
	what  operand
	class class
	reg   int   // or -1
	slot  int   // offset in the frame, or -1
	uses  []int // positions that are left; of a uniform only those that need a register
}

const never = math.MaxInt

func (l *live) next() int {
	if len(l.uses) == 0 {
		return never
	}
	return l.uses[0]
}

// Costs of what lack of registers brings about, in loads.
const (
	spillCost  = 2
	reloadCost = 1
)

// allocate finds registers for code: the vector registers from 0 and the mask registers from 1, as many as given,
// besides what resident uniforms keep. Slots lie in the frame from base.
func allocate(c *code, vectors, masks int, resident map[int]int, base int) *allocator {
	a := newAllocator(c, vectors, masks, resident, base)
	for pos, in := range c.insts {
		a.inst(pos, in)
	}
	return a
}

// costOf is what lack of registers costs code; it stops counting at most.
func costOf(c *code, vectors, masks int, resident map[int]int, most int) int {
	a := newAllocator(c, vectors, masks, resident, 0)
	a.silent = true
	for pos, in := range c.insts {
		if a.inst(pos, in); a.cost >= most {
			break
		}
	}
	return a.cost
}

func newAllocator(c *code, vectors, masks int, resident map[int]int, base int) *allocator {
	a := &allocator{f: c.f, resident: resident, frame: base}
	a.virtuals = make([]live, len(c.classes))
	for i := range a.virtuals {
		a.virtuals[i] = live{what: operand{place: virtual, n: i}, class: c.classes[i], reg: -1, slot: -1}
	}
	a.uniforms = make([]live, len(c.f.k.Scalars)+len(c.f.constants))
	for i := range a.uniforms {
		a.uniforms[i] = live{what: operand{place: uniform, n: i}, reg: -1, slot: -1}
	}
	a.holder[vectorClass] = make([]*live, vectors)
	a.holder[maskClass] = make([]*live, masks+1)
	for r := vectors - 1; r >= 0; r-- {
		a.free[vectorClass] = append(a.free[vectorClass], r)
	}
	for r := masks; r >= 1; r-- {
		a.free[maskClass] = append(a.free[maskClass], r)
	}
	a.findUses(c)
	return a
}

func (a *allocator) findUses(c *code) {
	for pos, in := range c.insts {
		for i, o := range in.in {
			if o.place == virtual || i != in.memory {
				a.use(o, pos)
			}
		}
		a.use(in.tied, pos)
	}
}

func (a *allocator) use(o operand, pos int) {
	l := a.live(o)
	if l == nil {
		return
	}
	if n := len(l.uses); n == 0 || l.uses[n-1] != pos {
		l.uses = append(l.uses, pos)
	}
}

// live finds what the allocator knows of an operand: nil if it has its place without the allocator.
func (a *allocator) live(o operand) *live {
	switch {
	case o.place == virtual:
		return &a.virtuals[o.n]
	case o.place == uniform && !a.isResident(o):
		return &a.uniforms[o.n]
	}
	return nil
}

func (a *allocator) isResident(o operand) bool {
	if o.place != uniform {
		return false
	}
	_, ok := a.resident[o.n]
	return ok
}

// inst finds the places of one instruction's operands and prints it.
func (a *allocator) inst(pos int, in inst) {
	a.locked = a.locked[:0]
	text := make([]string, len(in.in))
	for i, o := range in.in {
		if i != in.memory {
			text[i] = a.inRegister(o, in.scalar)
		}
	}
	tied := -1
	if in.tied.place != nowhere {
		tied = a.register(in.tied)
	}
	broadcast := false
	if in.memory >= 0 {
		text[in.memory], broadcast = a.anywhere(in.in[in.memory])
	}
	a.passed(pos, in)
	if tied >= 0 {
		tied = a.copyTied(in, tied)
	}
	a.releaseRegisters(in)
	out := a.result(in, tied)
	a.releaseSlots(in)

	mnemonic := in.mnemonic
	if mnemonic == "" {
		mnemonic = a.moveMnemonic(in, broadcast)
	} else if broadcast {
		mnemonic += a.f.set.broadcast
	}
	if in.imm != "" {
		text = slices.Insert(text, 0, in.imm)
	}
	a.print(mnemonic, in.comment, append(text, out)...)
}

// passed forgets the uses at pos.
func (a *allocator) passed(pos int, in inst) {
	for l := range a.operands(in) {
		if len(l.uses) > 0 && l.uses[0] == pos {
			l.uses = l.uses[1:]
		}
	}
}

// operands runs over what an instruction reads that the allocator looks after.
func (a *allocator) operands(in inst) iter.Seq[*live] {
	return func(yield func(*live) bool) {
		for _, o := range in.in {
			if l := a.live(o); l != nil && !yield(l) {
				return
			}
		}
		if l := a.live(in.tied); l != nil {
			yield(l)
		}
	}
}

// copyTied copies a tied operand that is needed later, before any operand gives its register up.
func (a *allocator) copyTied(in inst, reg int) int {
	if l := a.live(in.tied); l != nil && l.next() == never {
		l.reg = -1
		a.holder[l.class][reg] = nil
		a.hold(a.live(in.out), reg)
		return reg
	}
	dst := a.take(vectorClass)
	a.print(a.f.vectorMove(), "", a.vector(reg), a.vector(dst))
	a.hold(a.live(in.out), dst)
	return dst
}

// result returns where an instruction's result goes, taking a register for it.
func (a *allocator) result(in inst, tied int) string {
	switch {
	case tied >= 0:
		return a.vector(tied)
	case in.out.place == register:
		return a.vector(in.out.n)
	case in.out.place != virtual:
		return a.address(in.out)
	}
	l := a.live(in.out)
	r := a.take(l.class)
	if l.next() == never {
		a.free[l.class] = append(a.free[l.class], r)
	} else {
		a.hold(l, r)
	}
	if in.scalar {
		return a.scalar(r)
	}
	return a.registerName(l.class, r)
}

func (a *allocator) releaseRegisters(in inst) {
	for l := range a.operands(in) {
		if l.next() == never && l.reg >= 0 {
			a.drop(l)
		}
	}
}

// releaseSlots comes last: while the instruction may read a slot, nothing else may be spilled there.
func (a *allocator) releaseSlots(in inst) {
	for l := range a.operands(in) {
		if l.next() == never && l.slot >= 0 {
			a.slots[l.class] = append(a.slots[l.class], l.slot)
			l.slot = -1
		}
	}
}

func (a *allocator) hold(l *live, reg int) {
	l.reg = reg
	a.holder[l.class][reg] = l
}

func (a *allocator) drop(l *live) {
	a.holder[l.class][l.reg] = nil
	a.free[l.class] = append(a.free[l.class], l.reg)
	l.reg = -1
}

// inRegister returns the register that an operand is in, having put it there if it was not.
func (a *allocator) inRegister(o operand, scalar bool) string {
	if o.place == predicate {
		return fmt.Sprintf("K%d", o.n)
	}
	r := a.register(o)
	if scalar {
		return a.scalar(r)
	}
	if l := a.live(o); l != nil {
		return a.registerName(l.class, r)
	}
	return a.vector(r)
}

func (a *allocator) register(o operand) int {
	if o.place == register {
		return o.n
	}
	if a.isResident(o) {
		return a.resident[o.n]
	}
	l := a.live(o)
	a.locked = append(a.locked, l)
	if l.reg < 0 {
		a.hold(l, a.take(l.class))
		a.cost += reloadCost
		if o.place == uniform {
			a.print(a.f.broadcast(), a.f.uniformName(o.n), a.address(o), a.vector(l.reg))
		} else {
			a.print(a.slotMove(l.class), "reload", a.f.arch().slot(l.slot), a.registerName(l.class, l.reg))
		}
	}
	return l.reg
}

// anywhere returns where an operand is that may stand in memory, and whether it must be broadcast from there.
func (a *allocator) anywhere(o operand) (text string, broadcast bool) {
	if o.inMemory() {
		return a.address(o), false
	}
	l := a.live(o)
	switch {
	case l == nil || l.reg >= 0:
		return a.inRegister(o, false), false
	case o.place == uniform:
		return a.address(o), true
	case len(l.uses) > 1 && len(a.free[l.class]) > 0:
		return a.inRegister(o, false), false
	}
	a.cost += reloadCost
	return a.f.arch().slot(l.slot), false
}

// take returns a free register, emptying one that the instruction does not need.
func (a *allocator) take(k class) int {
	if len(a.free[k]) == 0 {
		a.evict(k)
	}
	last := len(a.free[k]) - 1
	r := a.free[k][last]
	a.free[k] = a.free[k][:last]
	return r
}

func (a *allocator) evict(k class) {
	var victim *live
	for _, l := range a.holder[k] {
		if l != nil && !slices.Contains(a.locked, l) && (victim == nil || a.rather(l, victim)) {
			victim = l
		}
	}
	if victim.slot < 0 && victim.what.place == virtual {
		a.cost += spillCost
		victim.slot = a.newSlot(k)
		a.print(a.slotMove(k), "spill", a.registerName(k, victim.reg), a.f.arch().slot(victim.slot))
	}
	a.drop(victim)
}

// rather reports whether to evict l and not m: what is used later, then what need not be stored, then by register.
func (a *allocator) rather(l, m *live) bool {
	stored := func(l *live) bool { return l.slot >= 0 || l.what.place == uniform }
	if l.next() != m.next() {
		return l.next() > m.next()
	}
	if stored(l) != stored(m) {
		return stored(l)
	}
	return l.reg < m.reg
}

func (a *allocator) newSlot(k class) int {
	if n := len(a.slots[k]); n > 0 {
		s := a.slots[k][n-1]
		a.slots[k] = a.slots[k][:n-1]
		return s
	}
	s := a.frame
	if k == maskClass {
		a.frame += 8
	} else {
		a.frame += a.f.set.width
	}
	return s
}

func (a *allocator) slotMove(k class) string {
	if k == maskClass {
		return a.f.set.maskMove
	}
	return a.f.memoryMove()
}

func (a *allocator) moveMnemonic(in inst, broadcast bool) string {
	switch {
	case broadcast:
		return a.f.broadcast()
	case in.out.inMemory() || in.in[0].inMemory():
		return a.f.memoryMove()
	}
	return a.f.vectorMove()
}

func (a *allocator) vector(r int) string { return fmt.Sprintf("%s%d", a.f.set.vector, r) }
func (a *allocator) scalar(r int) string { return fmt.Sprintf("%s%d", a.f.arch().scalar, r) }

func (a *allocator) registerName(k class, r int) string {
	if k == maskClass {
		return fmt.Sprintf("K%d", r)
	}
	return a.vector(r)
}

// address returns the memory operand for o. The pointer to a stream that has no register is loaded first.
func (a *allocator) address(o operand) string {
	arch := a.f.arch()
	switch o.place {
	case uniform:
		if name, ok := a.f.constantName(o.n); ok {
			return arch.constant(a, constantSymbol(name, a.f.dtype))
		}
		return fmt.Sprintf("%d(%s)", splatBytes*o.n, arch.values)
	case stream:
		pointer, ok := a.f.pointers[o.n]
		if !ok {
			pointer = arch.scratch
			a.print(arch.move, "", a.f.pointerAddress(o.n), pointer)
			if a.f.windowOf(o.n) != nil {
				a.print(arch.sub, "", blockStart, pointer)
			}
		}
		if a.f.k.Streams[o.n].Format != "" {
			n := a.f.elementBytes(o.n)
			return fmt.Sprintf("%d(%s)(%s*%d)", o.off/a.f.dtype.size()*n, pointer, a.f.element(), n)
		}
		return arch.stream(a, pointer, o.off)
	case part:
		return fmt.Sprintf("%d(%s)", o.off, arch.scratch)
	case lane:
		return fmt.Sprintf("%d(%s)", o.off, arch.lane)
	}
	return arch.slot(o.off)
}

func (a *allocator) print(mnemonic, comment string, operands ...string) {
	if !a.silent {
		a.lines = append(a.lines, a.f.arch().line(a.f.dtype, mnemonic, comment, operands))
	}
}

// line is one instruction as text.
func line(mnemonic, comment string, operands ...string) string {
	s := "\t" + mnemonic + " " + strings.Join(operands, ", ")
	if comment != "" {
		s += " // " + comment
	}
	return s
}
