package goasm

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/runtime/elem"
)

// General registers. R14 is Go's, R15 and BP are left alone; the rest of the pointers go to the remaining ones.
const (
	index   = "AX" // bytes from the start of each stream to the current element
	scratch = "CX" // of one instruction, or across a fold the pointer to this block's partial results
	limit   = "DX" // where the index ends the loop; in a tail, what is left of its mask
	args    = "DI"
	values  = "SI" // Args.Vals
)

var pointerRegisters = []string{"BX", "R8", "R9", "R10", "R11", "R12", "R13"}

// The argument block.
const (
	argsN      = "(" + args + ")"
	argsVals   = "8(" + args + ")"
	argsPart   = "16(" + args + ")"
	splatBytes = 32 // of a scalar in Vals
)

const (
	partSlot    = 0   // in the frame of a kernel with reductions: where the block's partial results go
	longBody    = 256 // events from which a loop is not unrolled
	splitStack  = 256 // bytes of frame from which a function must check its stack
	loopAlign   = 64
	maxResident = 24
)

func pointerAddress(stream int) string { return fmt.Sprintf("%d(%s)", 24+8*stream, args) }

// function is one kernel on its way to text.
type function struct {
	set       *instructionSet
	dtype     DType
	k         *ir.Kernel
	schedule  *schedule
	pointers  map[int]string // register of a stream's pointer; the others are loaded at each access
	constants []string       // uniforms after the scalars
	copies    int            // vectors an iteration
	accs      int            // reductions with accumulators in registers
	accBase   int            // the first of those registers, or their number when there are none
	resident  map[int]int    // uniform to register
	spillBase int
	frame     int
	lines     []string
}

func newFunction(set *instructionSet, dtype DType, k *ir.Kernel) *function {
	f := &function{set: set, dtype: dtype, k: k, schedule: newSchedule(k), copies: 2}
	if len(f.schedule.events) > longBody {
		f.copies = 1
	}
	if len(k.Reductions) > 0 {
		f.copies = laneBytes / set.width
	}
	f.choosePointers()
	f.chooseAccumulators()
	f.chooseResident()
	return f
}

// choosePointers gives registers to the streams that are accessed most.
func (f *function) choosePointers() {
	accesses := make([]int, len(f.k.Streams))
	for _, e := range f.schedule.events {
		switch {
		case e.kind == store:
			accesses[f.k.Stores[e.index].Stream]++
		case e.kind == compute && f.k.Instrs[e.index].Op == opLoad:
			accesses[f.k.Instrs[e.index].Stream]++
		}
	}
	var order []int
	for i, n := range accesses {
		if n > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(accesses[j], accesses[i]) })
	f.pointers = map[int]string{}
	for i, s := range order[:min(len(order), len(pointerRegisters))] {
		f.pointers[s] = pointerRegisters[i]
	}
}

// chooseAccumulators gives the first reductions registers, of at most half of the vectors; the others live in the frame.
func (f *function) chooseAccumulators() {
	f.accs = min(len(f.k.Reductions), f.set.vectors/2/f.copies)
	f.accBase = f.set.vectors - f.accs*f.copies
	if len(f.k.Reductions) > 0 {
		f.spillBase = 8 + (len(f.k.Reductions)-f.accs)*laneBytes
	}
	f.frame = f.spillBase
}

// accumulator is where copy's lanes of reduction r are.
func (f *function) accumulator(r, copy int) operand {
	if r < f.accs {
		return operand{place: register, n: f.accBase + r*f.copies + copy}
	}
	return operand{place: frame, off: partSlot + 8 + (r-f.accs)*laneBytes + copy*f.set.width}
}

// chooseResident keeps uniforms in registers all along: as many as cost the loop the fewest spills and reloads.
func (f *function) chooseResident() {
	loop := f.loop()
	order := f.byNeed(loop)
	most := min(len(order), maxResident, f.accBase-f.set.minVectors)
	best := -1
	for n := most; n >= 0; n-- {
		resident := map[int]int{}
		for i, u := range order[:n] {
			resident[u] = f.accBase - 1 - i
		}
		if cost := allocate(loop, f.accBase-n, f.set.masks, resident, f.spillBase).cost; best < 0 || cost < best {
			best, f.resident = cost, resident
		}
		if best == 0 {
			return
		}
	}
}

// byNeed lists the uniforms of code, those first that need registers most often, then those used most often.
func (f *function) byNeed(c *code) []int {
	needs, uses := map[int]int{}, map[int]int{}
	var order []int
	for _, in := range c.insts {
		for i, o := range append(in.in[:len(in.in):len(in.in)], in.tied) {
			if o.place != uniform {
				continue
			}
			if uses[o.n]++; uses[o.n] == 1 {
				order = append(order, o.n)
			}
			if i != in.memory {
				needs[o.n]++
			}
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(needs[j], needs[i]), cmp.Compare(uses[j], uses[i]))
	})
	return order
}

// workVectors is the number of registers that code may use.
func (f *function) workVectors() int { return f.accBase - len(f.resident) }

func (f *function) code() *code { return &code{f: f} }

func (f *function) loop() *code {
	c := f.code()
	for copy := range f.copies {
		f.body(c, copy, false)
	}
	return c
}

// tailMask is the register of a tail's mask: a set-aside mask register, or the last working vector.
func (f *function) tailMask() operand {
	if f.set.masks > 0 {
		return operand{place: predicate, n: f.set.masks}
	}
	return operand{place: register, n: f.workVectors() - 1}
}

// place allocates code and appends its text. In a tail the mask's register is not to be had.
func (f *function) place(c *code, tail bool) {
	vectors, masks := f.workVectors(), f.set.masks
	if tail && masks > 0 {
		masks--
	} else if tail {
		vectors--
	}
	a := allocate(c, vectors, masks, f.resident, f.spillBase)
	f.lines = append(f.lines, a.lines...)
	f.frame = max(f.frame, a.frame)
}

func (f *function) emit(mnemonic string, operands ...string) {
	f.lines = append(f.lines, line(mnemonic, "", operands...))
}

func (f *function) label(name string) { f.lines = append(f.lines, name+":") }

// text is the whole function.
func (f *function) text(symbol string) []byte {
	f.prologue()
	if len(f.k.Reductions) > 0 {
		f.blocks()
	} else {
		f.elementwise()
	}
	f.label("done")
	f.lines = append(f.lines, "\tVZEROUPPER", "\tRET")

	frame := (f.frame + 7) &^ 7
	flags := "NOSPLIT"
	if frame > splitStack {
		flags = "0"
	}
	var b bytes.Buffer
	f.doc(&b, symbol)
	fmt.Fprintf(&b, "TEXT ·%s(SB), %s, $%d-8\n", symbol, flags, frame)
	for _, l := range f.lines {
		b.WriteString(l)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func (f *function) doc(b *bytes.Buffer, symbol string) {
	fmt.Fprintf(b, "// func %s(a *optrt.Args)\n// %s, float%d.", symbol, f.set.name, 8*f.dtype.size())
	for i := range f.k.Streams {
		if r, ok := f.pointers[i]; ok {
			fmt.Fprintf(b, " %s: %s.", r, f.streamName(i))
		}
	}
	b.WriteByte('\n')
}

// prologue loads what stays in registers.
func (f *function) prologue() {
	f.emit("MOVQ", "a+0(FP)", args)
	if len(f.k.Scalars) > 0 {
		f.emit("MOVQ", argsVals, values)
	}
	for i := range f.k.Streams {
		if r, ok := f.pointers[i]; ok {
			f.emit("MOVQ", pointerAddress(i), r)
		}
	}
	var order []int
	for u := range f.resident {
		order = append(order, u)
	}
	slices.Sort(order)
	for _, u := range order {
		f.lines = append(f.lines, line(f.broadcast(), f.uniformName(u), f.uniformAddress(u), fmt.Sprintf("%s%d", f.set.vector, f.resident[u])))
	}
	f.emit("XORL", index, index)
}

// step is the number of bytes that an iteration takes of each stream.
func (f *function) step() int { return f.copies * f.set.width }

func immediate(n int) string { return fmt.Sprintf("$%d", n) }

func (f *function) bytesLeft(dst string) {
	f.emit("MOVQ", argsN, dst)
	f.emit("SHLQ", f.shift(), dst)
}

func (f *function) shift() string {
	if f.dtype == F64 {
		return "$3"
	}
	return "$2"
}

// elementwise is a loop over whole iterations and a tail.
func (f *function) elementwise() {
	f.bytesLeft(limit)
	f.emit("ANDQ", immediate(-f.step()), limit)
	f.emit("JEQ", "tail")
	f.iterate()
	f.label("tail")
	f.tail("done")
}

// iterate runs whole iterations until the index reaches the limit: at least one.
func (f *function) iterate() {
	f.emit("PCALIGN", immediate(loopAlign))
	f.label("loop")
	f.place(f.loop(), false)
	f.emit("ADDQ", immediate(f.step()), index)
	f.emit("CMPQ", index, limit)
	f.emit("JLT", "loop")
}

// tail does the elements from the index to the end, which are less than an iteration, then goes to the label end.
func (f *function) tail(end string) {
	f.bytesLeft(scratch)
	f.emit("SUBQ", index, scratch)
	f.emit("JEQ", end)
	if f.set.masks > 0 {
		f.emit("SHRQ", f.shift(), scratch)
		f.emit("MOVL", "$1", limit)
		f.emit("SHLQ", scratch, limit)
		f.emit("DECQ", limit) // a bit for each element
	} else {
		f.emit("LEAQ", partTable+fmt.Sprintf("+%d(SB)", laneBytes), limit)
		f.emit("SUBQ", scratch, limit)
	}
	for copy := range f.copies {
		f.tailCopy(copy, end)
	}
}

// tailCopy does the elements of one vector that exist.
func (f *function) tailCopy(copy int, end string) {
	c := f.code()
	f.body(c, copy, true)
	if f.set.masks > 0 {
		f.emit("KMOVW", limit, fmt.Sprintf("K%d", f.tailMask().n))
		f.place(c, true)
		if copy < f.copies-1 {
			f.emit("SHRQ", immediate(f.set.width/f.dtype.size()), limit)
			f.emit("JEQ", end)
		}
		return
	}
	mask := fmt.Sprintf("%s%d", f.set.vector, f.tailMask().n)
	f.emit(f.memoryMove(), fmt.Sprintf("%d(%s)", copy*f.set.width, limit), mask)
	if copy > 0 {
		f.emit("VMOVMSKPS", mask, scratch)
		f.emit("TESTL", scratch, scratch)
		f.emit("JEQ", end)
	}
	f.place(c, true)
}

// blocks is a loop over the blocks of the reduction tree. Each starts its accumulators, iterates, does the tail if it
// is the last and shorter, and folds the lanes to one partial result a reduction.
func (f *function) blocks() {
	blockBytes := elem.Block * f.dtype.size()
	f.bytesLeft(limit)
	f.emit("TESTQ", limit, limit)
	f.emit("JEQ", "done")
	f.emit("MOVQ", argsPart, scratch)
	f.emit("MOVQ", scratch, slot(partSlot))

	f.label("block")
	f.start()
	f.bytesLeft(limit)
	f.emit("SUBQ", index, limit)
	f.emit("CMPQ", limit, immediate(blockBytes))
	f.emit("JLE", "last")
	f.emit("MOVL", immediate(blockBytes), limit)
	f.label("last")
	f.emit("ANDQ", immediate(-f.step()), limit)
	f.emit("JEQ", "tail")
	f.emit("ADDQ", index, limit)
	f.iterate()
	f.emit("TESTQ", immediate(blockBytes-1), index)
	f.emit("JEQ", "fold")
	f.label("tail")
	f.tail("end")
	f.label("end")
	f.bytesLeft(index)
	f.label("fold")
	f.fold()
	f.bytesLeft(scratch)
	f.emit("CMPQ", index, scratch)
	f.emit("JLT", "block")
}

// start sets the accumulators to what their reductions start from.
func (f *function) start() {
	c := f.code()
	for r, red := range f.k.Reductions {
		from := f.constant(identity[red.Kind])
		for copy := range f.copies {
			acc := f.accumulator(r, copy)
			c.move(acc, from, "")
		}
	}
	f.place(c, false)
}

// fold combines the lanes of each reduction, lane i with lane i+h for h halving, and stores lane 0 as float64.
func (f *function) fold() {
	f.emit("MOVQ", slot(partSlot), scratch)
	for r := range f.k.Reductions {
		c := f.code()
		f.foldOne(c, r)
		f.place(c, false)
	}
	f.emit("ADDQ", immediate(8*len(f.k.Reductions)), slot(partSlot))
}

func (f *function) foldOne(c *code, r int) {
	op := combine[f.k.Reductions[r].Kind]
	lanes := make([]operand, f.copies)
	for copy := range lanes {
		lanes[copy] = f.accumulator(r, copy)
	}
	for h := f.copies / 2; h >= 1; h /= 2 {
		for i := range h {
			lanes[i] = c.apply(op, []operand{lanes[i], lanes[i+h]}, operand{}, "")
		}
	}
	v := lanes[0]
	for _, text := range f.set.halve[f.dtype] {
		upper := c.expand([]step{parseStep(text)}, []operand{v}, operand{}, vectorClass, "")
		v = c.apply(op, []operand{v, upper}, operand{}, "")
	}
	if f.dtype == F32 {
		wide := c.value(vectorClass)
		c.add(inst{mnemonic: "VCVTSS2SD", in: []operand{v, v}, memory: -1, out: wide, scalar: true})
		v = wide
	}
	c.add(inst{mnemonic: "VMOVSD", in: []operand{v}, memory: -1, out: operand{place: part, off: 8 * r}, scalar: true})
}

// constant returns the uniform that holds a constant.
func (f *function) constant(name string) operand {
	i := slices.Index(f.constants, name)
	if i < 0 {
		i = len(f.constants)
		f.constants = append(f.constants, name)
	}
	return operand{place: uniform, n: len(f.k.Scalars) + i}
}

func (f *function) uniformAddress(n int) string {
	if i := n - len(f.k.Scalars); i >= 0 {
		return constantSymbol(f.constants[i], f.dtype) + "(SB)"
	}
	return fmt.Sprintf("%d(%s)", splatBytes*n, values)
}

func (f *function) uniformName(n int) string {
	if i := n - len(f.k.Scalars); i >= 0 {
		return f.constants[i]
	}
	return f.operandName(ir.Operand{Scalar: true, Index: n})
}

func (f *function) memoryMove() string { return letters[f.dtype].Replace("VMOVU{S}") }
func (f *function) vectorMove() string { return letters[f.dtype].Replace("VMOVA{S}") }
func (f *function) broadcast() string  { return letters[f.dtype].Replace("VBROADCAST{1}") }
