package goasm

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"

	"github.com/optc-lang/optc/runtime/elem"
)

// A direct kernel takes streams in formats with scales block by block. It widens the codes by the block's scale as it goes,
// and puts new values into a window of one block, which stays in the cache; after a block it knows the largest of them, thus
// the new scale, and makes codes of what is in the window.

// scaled is a stream in a format with scales, with the streams that belong to it: see [ir.Kernel.Direct].
type scaled struct {
	stream, scales, window int
	scale                  int // register of the block's scale; -1 if nothing reads the stream
	most                   int // register of the largest new values, and then of 1 by the new scale; -1 if nothing writes it
}

// scaledFormat is how new values become codes.
type scaledFormat struct {
	take row // a value into the largest so far, b
	code row // of a value, with 1 by the scale as b: the code in a word of 32 bits, a sign above it
	pack row // of two vectors of such words: one of words of 16 bits, which bytes hold
}

const (
	scaleBytes = 4
	scaledStep = 4             // vectors that are made codes at a time
	leastScale = "$0x0D800000" // 2^-100
	infinite   = "$0x7F800000"
	noNumber   = "$0x7FC00000"
	one        = "$0x3F800000"
	blockStart = "0(SP)"
	codeOrder  = "optcq8order<>" // the order of words in which packing leaves vectors, undone
)

// codeOrders are where codeOrder has vectors of so many bytes.
var codeOrders = map[int]int{64: 0, 32: 64}

// chooseScaled gives registers to scales and to the largest values.
func (f *function) chooseScaled() {
	used := map[int]bool{}
	for _, e := range f.schedule.events {
		switch {
		case e.kind == store:
			used[f.k.Stores[e.index].Stream] = true
		case e.kind == compute && f.k.Instrs[e.index].Op == opLoad:
			used[f.k.Instrs[e.index].Stream] = true
		}
	}
	take := func(stream int) int {
		if !used[stream] {
			return -1
		}
		f.accBase--
		return f.accBase
	}
	scales := f.k.Scales()
	for _, i := range slices.Sorted(maps.Keys(scales)) {
		window := scales[i] + 1
		f.scaled = append(f.scaled, scaled{i, scales[i], window, take(i), take(window)})
	}
	if len(f.scaled) > 0 && f.spillBase < f.arch().reserved {
		f.spillBase = f.arch().reserved
		f.frame = f.spillBase
	}
}

// scaleOf is the register of a stream's scale.
func (f *function) scaleOf(stream int) operand {
	for _, s := range f.scaled {
		if s.stream == stream {
			return operand{place: register, n: s.scale}
		}
	}
	return operand{}
}

// windowOf is what a stream is the window of, nil for others.
func (f *function) windowOf(stream int) *scaled {
	for i := range f.scaled {
		if f.scaled[i].window == stream {
			return &f.scaled[i]
		}
	}
	return nil
}

func (f *function) formatOf(s scaled) scaledFormat { return f.set.scaled[f.k.Streams[s.stream].Format] }

func (f *function) vectorName(n int) string { return fmt.Sprintf("%s%d", f.set.vector, n) }

// blockBytes are those of the values of a block.
func (f *function) blockBytes() int { return elem.Q8Block * f.dtype.size() }

// scaledBlocks is a loop over blocks, of which there is at least one. The frame holds where the block starts.
func (f *function) scaledBlocks() {
	const index, scratch, limit = "AX", "CX", "DX"
	f.label("block")
	f.emit("MOVQ", index, blockStart)
	for _, s := range f.scaled {
		if s.scale >= 0 {
			f.scaleAddress(s, scratch)
			f.emit("VBROADCASTSS", "("+scratch+")", f.vectorName(s.scale))
		}
		if s.most >= 0 {
			f.zero(s.most)
		}
	}
	f.emit("LEAQ", fmt.Sprintf("%d(%s)", f.blockBytes(), index), limit)
	f.iterate()
	f.narrowBlock()
	f.bytesLeft(scratch)
	f.compare(index, scratch)
	f.emit("JLT", "block")
}

// narrowBlock stores the scales and codes of a block, and moves the windows' pointers back: the index goes on.
func (f *function) narrowBlock() {
	var list []scaled
	for _, s := range f.scaled {
		if s.most >= 0 {
			list = append(list, s)
			f.newScale(s)
		}
	}
	if len(list) == 0 {
		return
	}
	f.rewind()
	f.label("codes")
	f.place(f.codes(list))
	f.advance(scaledStep)
	f.emit("JLT", "codes")
	for _, s := range list {
		if r, ok := f.pointers[s.window]; ok {
			f.emit("SUBQ", immediate(f.blockBytes()), r)
		}
	}
}

// scaleAddress sets a register to where the scale of the current element stands.
func (f *function) scaleAddress(s scaled, to string) {
	f.emit("MOVQ", f.element(), to)
	f.emit("SHRQ", immediate(bits.TrailingZeros(elem.Q8Block/scaleBytes)), to)
	f.emit("ADDQ", f.pointerAddress(s.scales), to)
}

// rewind goes back to the start of the block, and sets the limit to its end.
func (f *function) rewind() {
	f.emit("MOVQ", "AX", "DX")
	f.emit("SUBQ", immediate(f.blockBytes()), "AX")
	f.emit("SUBQ", immediate(elem.Q8Block), f.element())
}

// advance goes on by so many vectors and compares with the limit.
func (f *function) advance(vectors int) {
	f.emit("ADDQ", immediate(vectors*f.set.width), "AX")
	f.emit("ADDQ", immediate(vectors*f.set.width/f.dtype.size()), f.element())
	f.emit("CMPQ", "AX", "DX")
}

// newScale stores the scale of a block and leaves 1 by it where the largest values were.
func (f *function) newScale(s scaled) {
	f.largest(s.most, "CX")
	f.emit("CMPL", "CX", infinite)
	f.emit("JCC", fmt.Sprintf("odd%d", s.stream))
	f.label(fmt.Sprintf("scale%d", s.stream))
	f.emit("MOVL", leastScale, "DX")
	f.emit("CMPL", "CX", "DX")
	f.emit("CMOVLCS", "DX", "CX")
	f.scaleAddress(s, "DX")
	f.emit("MOVL", "CX", fmt.Sprintf("%d(DX)", -scaleBytes))
	f.label(fmt.Sprintf("inverse%d", s.stream))
	f.emit("VMOVD", "CX", "X0")
	f.emit("MOVL", one, "CX")
	f.emit("VMOVD", "CX", "X1")
	f.emit("VDIVSS", "X0", "X1", "X1")
	f.emit("VBROADCASTSS", "X1", f.vectorName(s.most))
}

// largest sets a general register to the largest word of a vector register, by way of vector registers 0 and 1.
func (f *function) largest(v int, to string) {
	f.lines = append(f.lines, line(f.vectorMove(), "", f.vectorName(v), f.vectorName(0)))
	if f.set.width == 64 {
		f.emit("VEXTRACTI64X4", "$1", "Z0", "Y1")
		f.emit("VPMAXUD", "Y1", "Y0", "Y0")
	}
	f.emit("VEXTRACTI128", "$1", "Y0", "X1")
	f.emit("VPMAXUD", "X1", "X0", "X0")
	for _, order := range []string{"$0x4E", "$0xB1"} {
		f.emit("VPSHUFD", order, "X0", "X1")
		f.emit("VPMAXUD", "X1", "X0", "X0")
	}
	f.emit("VMOVD", "X0", to)
}

// codes makes codes of some vectors of the windows.
func (f *function) codes(list []scaled) *code {
	c := f.code()
	for _, s := range list {
		format := f.formatOf(s)
		var words []operand
		for i := range scaledStep {
			v := operand{stream, s.window, i * f.set.width}
			words = append(words, c.place(format.code, []operand{v, {place: register, n: s.most}}, operand{}, vectorClass, ""))
		}
		pairs := []operand{c.place(format.pack, words[:2], operand{}, vectorClass, ""), c.place(format.pack, words[2:], operand{}, vectorClass, "")}
		packed := c.place(steps("VPACKUSWB b, a, r"), pairs, operand{}, vectorClass, "")
		order := c.value(vectorClass)
		c.add(inst{mnemonic: f.memoryMove(), imm: fmt.Sprintf("%s+%d(SB)", codeOrder, codeOrders[f.set.width]), memory: -1, out: order})
		packed = c.place(steps("VPERMD a, b, r"), []operand{packed, order}, operand{}, vectorClass, "")
		c.move(operand{stream, s.stream, 0}, packed, f.streamName(s.stream)+" <- "+f.streamName(s.window))
	}
	return c
}

// oddBlocks are what newScale does with new values that are not all finite and, of q8root, positive. Negative ones count as
// zero. Where one is no number or infinite, the scale is no number and the codes are those of zeros.
func (f *function) oddBlocks() {
	for _, s := range f.scaled {
		if s.most < 0 {
			continue
		}
		f.label(fmt.Sprintf("odd%d", s.stream))
		if f.k.Streams[s.stream].Format == "q8root" {
			f.clean(s)
			f.largest(3, "CX")
			f.emit("CMPL", "CX", infinite)
			f.emit("JCC", fmt.Sprintf("none%d", s.stream))
			f.largest(2, "CX")
			f.emit("JMP", fmt.Sprintf("scale%d", s.stream))
			f.label(fmt.Sprintf("none%d", s.stream))
		}
		f.zero(0)
		f.windowLoop(s, "clear", func(window string) { f.emit("VMOVUPS", f.vectorName(0), window) })
		f.scaleAddress(s, "DX")
		f.emit("MOVL", noNumber, fmt.Sprintf("%d(DX)", -scaleBytes))
		f.emit("MOVL", one, "CX")
		f.emit("JMP", fmt.Sprintf("inverse%d", s.stream))
	}
}

// clean makes zeros of the negative numbers of a window. It leaves the largest words of what is then there in register 2, and
// of magnitudes in register 3.
func (f *function) clean(s scaled) {
	v := f.vectorName
	for _, n := range []int{2, 3, 4} {
		f.zero(n)
	}
	f.windowLoop(s, "clean", func(window string) {
		f.emit("VMOVUPS", window, v(0))
		f.emit("VPSLLD", "$1", v(0), v(1))
		f.emit("VPSRLD", "$1", v(1), v(1))
		f.emit("VPMAXUD", v(1), v(3), v(3))
		f.emit("VPMAXSD", v(4), v(0), v(0))
		f.emit("VPMAXUD", v(0), v(2), v(2))
		f.emit("VMOVUPS", v(0), window)
	})
}

// windowLoop is a loop over the vectors of a window.
func (f *function) windowLoop(s scaled, name string, body func(window string)) {
	f.rewind()
	name = fmt.Sprintf("%s%d", name, s.stream)
	f.label(name)
	pointer, ok := f.pointers[s.window]
	if !ok {
		pointer = "CX"
		f.emit("MOVQ", f.pointerAddress(s.window), pointer)
		f.emit("SUBQ", blockStart, pointer)
	}
	body("(" + pointer + ")(AX*1)")
	f.advance(1)
	f.emit("JLT", name)
}

// zero clears a vector register.
func (f *function) zero(n int) {
	mnemonic := "VPXOR"
	if f.set.width == 64 {
		mnemonic = "VPXORD"
	}
	f.emit(mnemonic, f.vectorName(n), f.vectorName(n), f.vectorName(n))
}
