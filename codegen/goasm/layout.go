package goasm

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/runtime/elem"
)

const (
	stepBytes    = 64  // of each stream that an iteration takes at least, unless it is long
	longBody     = 256 // events from which a loop is not unrolled
	splitStack   = 256 // bytes of frame from which a function must check its stack
	loopAlign    = 64
	maxResident  = 24
	probedCopies = 4  // vectors of an iteration from which the cost of registers is told
	manySteps    = 16 // operations one after the other from which the steps of several vectors alternate

	cacheLine     = 64
	prefetchAhead = 512 // elements from those that are worked on to those that a direct kernel asks for
)

// function is one kernel on its way to text.
type function struct {
	set       *instructionSet
	dtype     DType
	k         *ir.Kernel
	schedule  *schedule
	pointers  map[int]string // register of a stream's pointer; the others are loaded at each access
	constants []string       // uniforms after the scalars
	copies    int            // vectors an iteration
	abreast   int            // vectors whose steps alternate
	lanesOf   int            // vectors of the lanes of a reduction
	turns     map[int]int    // of instructions that some vectors take by Newton steps: which vector of a group does
	accs      int            // reductions with accumulators in registers
	accBase   int            // the first of those registers, or their number when there are none
	scaled    []scaled       // streams in formats with scales
	resident  map[int]int    // uniform to register
	spillBase int
	frame     int
	lines     []string
}

func newFunction(set *instructionSet, dtype DType, l *lowered) *function {
	k := l.Kernel
	f := &function{set: set, dtype: dtype, k: k, constants: l.constants, schedule: newSchedule(k), copies: max(2, stepBytes/set.width)}
	f.lanesOf = laneBytes / set.width
	switch {
	case len(k.Reductions) > 0:
		f.copies = f.lanesOf
	case len(f.schedule.events) > longBody:
		f.copies = 1
	}
	if len(f.schedule.events) <= longBody {
		f.takeTurns()
	}
	if len(f.turns) > 0 {
		f.copies = mixGroup
	}
	f.choosePointers()
	f.chooseAccumulators()
	f.chooseScaled()
	f.chooseAbreast()
	return f
}

// chooseAbreast lets the steps of several vectors alternate if each has a long chain of them: a processor looks so many
// instructions ahead, and finds in them the chains of more vectors than if one vector followed the other. It takes as many
// as need no more spills and reloads than one does.
func (f *function) chooseAbreast() {
	f.abreast = 1
	if f.set.abreast > 1 && len(f.schedule.events) <= longBody && f.chain() >= manySteps {
		f.copies = max(f.copies, f.set.abreast)
	}
	least := f.chooseResident()
	for n := f.copies; n > 1 && f.chain() >= manySteps && f.set.abreast > 1; n /= 2 {
		resident := f.resident
		f.abreast = n
		if cost := f.chooseResident(); cost <= least {
			return
		}
		f.abreast, f.resident = 1, resident
	}
}

// chain is the number of operations of the longest chain in which each needs the one before.
func (f *function) chain() int {
	longest, depth := 0, make([]int, len(f.k.Instrs))
	for i, in := range f.k.Instrs {
		for _, a := range in.Args {
			if !a.Scalar {
				depth[i] = max(depth[i], depth[a.Index])
			}
		}
		if in.Op != opLoad {
			depth[i]++
		}
		longest = max(longest, depth[i])
	}
	return longest
}

// takeTurns chooses the quotients and roots that some vectors take by Newton steps, roots first, which cost the hardware
// more, and spreads them over the vectors of a group: a chain of dependent instructions that is too long keeps the
// processor from reaching the next group.
func (f *function) takeTurns() {
	f.turns = map[int]int{}
	for _, operator := range []string{opRoot, opQuotient} {
		for _, e := range f.schedule.events {
			if e.kind == compute && f.k.Instrs[e.index].Op == operator && len(f.turns) < f.set.mixed {
				f.turns[e.index] = mixGroup - 1 - len(f.turns)%mixGroup
			}
		}
	}
}

// byNewton reports whether a vector takes an instruction by Newton steps.
func (f *function) byNewton(i, copy int) bool {
	turn, ok := f.turns[i]
	return ok && turn == copy
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
	registers := f.arch().pointers
	if f.isDirect() {
		registers = registers[:len(registers)-1] // the last is element's
	}
	for i, s := range order[:min(len(order), len(registers))] {
		f.pointers[s] = registers[i]
	}
}

// isDirect reports whether streams are in storage formats. Such a kernel is called on whole iterations alone.
func (f *function) isDirect() bool {
	return slices.ContainsFunc(f.k.Streams, func(s ir.Stream) bool { return s.Format != "" })
}

// element is the register of the number of elements before the current one.
func (f *function) element() string {
	registers := f.arch().pointers
	return registers[len(registers)-1]
}

// chooseAccumulators gives the first reductions registers, of at most half of the vectors; the others live in the frame.
func (f *function) chooseAccumulators() {
	f.accs = min(len(f.k.Reductions), f.set.vectors/2/f.lanesOf)
	f.accBase = f.set.vectors - f.accs*f.lanesOf
	if n := len(f.k.Reductions); n > 0 {
		f.spillBase = f.lanes(n)
	}
	f.frame = f.spillBase
}

// lanes is where in the frame reduction r has its lanes.
func (f *function) lanes(r int) int {
	if !f.arch().parks {
		r -= f.accs
	}
	return f.arch().reserved + r*laneBytes
}

// accumulator is where copy's lanes of reduction r are.
func (f *function) accumulator(r, copy int) operand {
	copy %= f.lanesOf
	if r < f.accs {
		return operand{place: register, n: f.accBase + r*f.lanesOf + copy}
	}
	return operand{place: frame, off: f.lanes(r) + copy*f.set.width}
}

// chooseResident keeps uniforms in registers all along: as many as cost the loop the fewest spills and reloads. It returns
// that cost.
func (f *function) chooseResident() int {
	loop := f.loop(min(f.copies, probedCopies))
	order := f.byNeed(loop)
	most := min(len(order), maxResident, f.accBase-f.set.minVectors)
	best := math.MaxInt
	for n := most; n >= 0; n-- {
		resident := map[int]int{}
		for i, u := range order[:n] {
			resident[u] = f.accBase - 1 - i
		}
		if cost := costOf(loop, f.accBase-n, f.set.masks, resident, best); cost < best {
			best, f.resident = cost, resident
		}
		if best == 0 {
			break
		}
	}
	return best
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

// loop is so many vectors of an iteration.
func (f *function) loop(copies int) *code {
	c := f.code()
	if f.isDirect() {
		f.prefetch(c, copies)
	}
	for copy := 0; copy < copies; copy += f.abreast {
		f.body(c, copy, min(f.abreast, copies-copy), nil)
	}
	return c
}

// prefetch asks for the cache lines that so many vectors of later iterations take. Where streams are narrow, arithmetic takes
// so much of the time that the processor does not look far enough ahead by itself.
func (f *function) prefetch(c *code, copies int) {
	seen := map[int]bool{}
	for _, e := range f.schedule.events {
		if e.kind != compute || f.k.Instrs[e.index].Op != opLoad {
			continue
		}
		i := f.k.Instrs[e.index].Stream
		if _, ok := f.pointers[i]; !ok || seen[i] {
			continue
		}
		seen[i] = true
		line := cacheLine * f.dtype.size() / f.elementBytes(i) // of the index
		for off := 0; off < copies*f.set.width; off += line {
			c.add(inst{mnemonic: f.arch().prefetch, memory: -1, out: operand{stream, i, prefetchAhead*f.dtype.size() + off}})
		}
	}
}

// elementBytes is the size of an element of a stream as it is stored.
func (f *function) elementBytes(stream int) int {
	switch format := f.k.Streams[stream].Format; {
	case format == "":
		return f.dtype.size()
	case ir.Scaled(format):
		return 1
	default:
		return 2
	}
}

// place allocates code and appends its text.
func (f *function) place(c *code) { f.placeIn(c, f.workVectors(), f.set.masks) }

func (f *function) placeIn(c *code, vectors, masks int) {
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
	f.lines = append(f.lines, f.arch().end...)
	f.oddBlocks()

	frame := (f.frame + 7) &^ 7
	if frame > 0 {
		frame += f.arch().padding
	}
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
	arch := f.arch()
	f.emit(arch.move, "a+0(FP)", arch.args)
	if len(f.k.Scalars) > 0 {
		f.emit(arch.move, f.argument(argsVals), arch.values)
	}
	for i := range f.k.Streams {
		if r, ok := f.pointers[i]; ok {
			f.emit(arch.move, f.pointerAddress(i), r)
		}
	}
	var order []int
	for u := range f.resident {
		order = append(order, u)
	}
	slices.Sort(order)
	c := f.code()
	for _, u := range order {
		c.move(operand{place: register, n: f.resident[u]}, operand{place: uniform, n: u}, f.uniformName(u))
	}
	f.lines = append(f.lines, allocate(c, f.workVectors(), 0, nil, f.spillBase).lines...)
	f.emit(arch.clear, arch.index, arch.index)
}

// step is the number of bytes that an iteration takes of each stream.
func (f *function) step() int { return f.copies * f.set.width }

func immediate(n int) string { return fmt.Sprintf("$%d", n) }

func (f *function) bytesLeft(dst string) {
	f.emit(f.arch().move, f.argument(argsN), dst)
	f.emit(f.arch().shift, f.shift(), dst)
}

func (f *function) shift() string {
	if f.dtype == F64 {
		return "$3"
	}
	return "$2"
}

// elementwise is a loop over whole iterations and a tail.
func (f *function) elementwise() {
	arch := f.arch()
	f.bytesLeft(arch.limit)
	f.emit(arch.and, immediate(-f.step()), arch.limit)
	if f.isDirect() {
		f.emit(arch.equal, "done")
		f.emit(arch.clear, f.element(), f.element())
		if len(f.scaled) > 0 {
			f.scaledBlocks()
		} else {
			f.iterate()
		}
		return
	}
	f.emit(arch.equal, "tail")
	f.iterate()
	f.label("tail")
	arch.tail(f, "done")
}

// iterate runs whole iterations until the index reaches the limit: at least one.
func (f *function) iterate() {
	arch := f.arch()
	f.emit("PCALIGN", immediate(loopAlign))
	f.label("loop")
	f.place(f.loop(f.copies))
	f.emit(arch.add, immediate(f.step()), arch.index)
	if f.isDirect() {
		f.emit(arch.add, immediate(f.step()/f.dtype.size()), f.element())
	}
	f.compare(arch.index, arch.limit)
	f.emit(arch.less, "loop")
}

// blocks is a loop over the blocks of the reduction tree. Each starts its accumulators, iterates, does the tail if it
// is the last and shorter, and folds the lanes to one partial result a reduction.
func (f *function) blocks() {
	arch := f.arch()
	index, limit, scratch := arch.index, arch.limit, arch.scratch
	blockBytes := elem.Block * f.dtype.size()
	f.bytesLeft(limit)
	f.emit(arch.test, limit, limit)
	f.emit(arch.equal, "done")
	f.emit(arch.move, f.argument(argsPart), scratch)
	f.emit(arch.move, scratch, arch.partials)

	f.label("block")
	f.start()
	f.bytesLeft(limit)
	f.emit(arch.sub, index, limit)
	f.compare(limit, immediate(blockBytes))
	f.emit(arch.atMost, "last")
	f.emit(arch.set, immediate(blockBytes), limit)
	f.label("last")
	f.emit(arch.and, immediate(-f.step()), limit)
	f.emit(arch.equal, "tail")
	f.emit(arch.add, index, limit)
	f.iterate()
	f.emit(arch.test, immediate(blockBytes-1), index)
	f.emit(arch.equal, "fold")
	f.label("tail")
	arch.tail(f, "end")
	f.label("end")
	f.bytesLeft(index)
	f.label("fold")
	f.fold()
	f.bytesLeft(scratch)
	f.compare(index, scratch)
	f.emit(arch.less, "block")
}

// start sets the accumulators to what their reductions start from.
func (f *function) start() {
	c := f.code()
	for r, red := range f.k.Reductions {
		from := f.constant(identity[red.Kind])
		for copy := range f.lanesOf {
			acc := f.accumulator(r, copy)
			c.move(acc, from, "")
		}
	}
	f.place(c)
}

// fold combines the lanes of each reduction, lane i with lane i+h for h halving, and stores lane 0 as float64.
func (f *function) fold() {
	arch := f.arch()
	f.emit(arch.move, arch.partials, arch.scratch)
	for r := range f.k.Reductions {
		c := f.code()
		f.foldOne(c, r)
		f.place(c)
	}
	f.emit(arch.add, immediate(8*len(f.k.Reductions)), arch.partials)
}

func (f *function) foldOne(c *code, r int) {
	op := combine[f.k.Reductions[r].Kind]
	lanes := make([]operand, f.lanesOf)
	for copy := range lanes {
		lanes[copy] = f.accumulator(r, copy)
	}
	for h := f.lanesOf / 2; h >= 1; h /= 2 {
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
		widen := f.arch().widen
		c.add(inst{mnemonic: widen.mnemonic, in: slices.Repeat([]operand{v}, len(widen.in)), memory: -1, out: wide, scalar: true})
		v = wide
	}
	c.add(inst{mnemonic: f.arch().storeWide, in: []operand{v}, memory: -1, out: operand{place: part, off: 8 * r}, scalar: true})
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

// constantName tells which constant a uniform is, if it is one.
func (f *function) constantName(n int) (string, bool) {
	if i := n - len(f.k.Scalars); i >= 0 {
		return f.constants[i], true
	}
	return "", false
}

func (f *function) uniformName(n int) string {
	if name, ok := f.constantName(n); ok {
		return constantText(name, f.dtype)
	}
	return nameOr(f.k.Scalars[n].Name, "s", n)
}

func (f *function) memoryMove() string { return letters[f.dtype].Replace(f.arch().memoryMove) }
func (f *function) vectorMove() string { return letters[f.dtype].Replace(f.arch().vectorMove) }
func (f *function) broadcast() string  { return letters[f.dtype].Replace(f.arch().broadcast) }
