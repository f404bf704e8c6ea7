package goasm

import (
	"fmt"
	"strconv"
	"strings"
)

// arm64 leaves R18, which is the platform's, R26 to R30 and the stack pointer alone.
//
// Loads and stores of 16 bytes add two registers or a register and a number, so what stands beyond the index has a second
// index. A tail is done by whole vectors and then by elements, in the lowest lane; its reductions work on lanes in memory.
var arm64 = architecture{
	index: "R2", scratch: "R4", limit: "R3", args: "R0", values: "R1", partials: "R6", lane: "R7",
	pointers: []string{"R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15", "R16", "R17",
		"R19", "R20", "R21", "R22", "R23", "R24", "R25"},

	move: "MOVD", set: "MOVD", clear: "EOR", add: "ADD", shift: "LSL",
	and: "ANDS", sub: "SUBS", test: "TST", compare: "CMP",
	equal: "BEQ", less: "BLT", atMost: "BLE",
	swapped: true,

	memoryMove: "FMOVQ", vectorMove: "VMOV", broadcast: "FMOVQ",
	scalar: "F", widen: parseStep("FCVTSD a, r"), storeWide: "FMOVD",
	end: []string{"\tRET"},

	padding:  8, // beside the return address, so that slots are aligned
	parks:    true,
	slot:     func(off int) string { return fmt.Sprintf("%d(RSP)", 16+off) },
	stream:   streamAddress,
	constant: constantAddress,
	tail:     (*function).elementTail,
	line:     armLine,
}

const ahead = "R5" // the second index

func streamAddress(a *allocator, pointer string, off int) string {
	if off == 0 {
		return fmt.Sprintf("(%s)(R2)", pointer)
	}
	if a.ahead != off {
		a.ahead = off
		a.print("ADD", "", immediate(off), "R2", ahead)
	}
	return fmt.Sprintf("(%s)(%s)", pointer, ahead)
}

func constantAddress(a *allocator, symbol string) string {
	a.print("MOVD", "", "$"+symbol+"(SB)", "R4")
	return "(R4)"
}

// elementTail does the elements from the index to the end: vectors, then elements.
func (f *function) elementTail(end string) {
	const index, scratch, limit = "R2", "R4", "R3"
	f.bytesLeft(limit)
	f.emit("CMP", limit, index)
	f.emit("BEQ", end)
	f.park(false)
	if f.copies > 1 {
		f.label("vectors")
		f.emit("SUB", index, limit, scratch)
		f.emit("CMP", immediate(f.set.width), scratch)
		f.emit("BLT", "elements")
		f.tailStep(f.memoryMove(), f.memoryMove(), f.set.width)
		f.emit("JMP", "vectors")
	}
	f.label("elements")
	f.emit("CMP", limit, index)
	f.emit("BEQ", "whole")
	f.tailStep(letters[f.dtype].Replace(f.set.loadPart), letters[f.dtype].Replace(f.set.storePart), f.dtype.size())
	f.emit("JMP", "elements")
	f.label("whole")
	f.park(true)
}

// tailStep does the elements in so many bytes and goes on to the next.
func (f *function) tailStep(load, store string, bytes int) {
	c := f.code()
	f.body(c, 0, 1, &tail{load: load, store: store})
	f.place(c)
	f.emit("ADD", immediate(bytes), f.arch().index)
	if len(f.k.Reductions) > 0 {
		f.emit("ADD", immediate(bytes), f.arch().lane)
	}
}

// park moves the accumulators that have registers to their lanes in the frame, or back.
func (f *function) park(back bool) {
	if len(f.k.Reductions) == 0 {
		return
	}
	c := f.code()
	for r := range f.accs {
		for copy := range f.lanesOf {
			acc, lanes := f.accumulator(r, copy), operand{place: frame, off: f.lanes(r) + copy*f.set.width}
			if back {
				c.move(acc, lanes, "")
			} else {
				c.move(lanes, acc, "")
			}
		}
	}
	f.place(c)
	if !back {
		f.emit("MOVD", "$"+f.arch().slot(0), f.arch().lane)
	}
}

// encoding is a vector instruction that Go's assembler does not know.
type encoding struct {
	word uint32 // of float32 and registers 0
	bits bool   // it works on bits, whatever their type
}

// double is the bit of an encoding that says float64.
const double = 1 << 22

// encodings are those of Arm's manual (DDI 0487, C7.2), by Go's name for what they would be. A $ stands for a number.
var encodings = map[string]encoding{
	"VFADD":    {word: 0x4E20D400},
	"VFSUB":    {word: 0x4EA0D400},
	"VFMUL":    {word: 0x6E20DC00},
	"VFDIV":    {word: 0x6E20FC00},
	"VFMIN":    {word: 0x4EA0F400},
	"VFMAX":    {word: 0x4E20F400},
	"VFCMEQ":   {word: 0x4E20E400},
	"VFCMGE":   {word: 0x6E20E400},
	"VFCMGT":   {word: 0x6EA0E400},
	"VFCMGT $": {word: 0x4EA0C800},
	"VFNEG":    {word: 0x6EA0F800},
	"VFABS":    {word: 0x4EA0F800},
	"VFSQRT":   {word: 0x6EA1F800},
	"VFRINTM":  {word: 0x4E219800},
	"VFRINTN":  {word: 0x4E218800},
	"VFRINTP":  {word: 0x4EA18800},
	"VMVN":     {word: 0x6E205800, bits: true},
}

// Loads and stores of 16 bytes at the sum of two registers, which Go's assembler does not know either.
const (
	loadSum  = 0x3CE06800
	storeSum = 0x3CA06800
)

// armLine gives the operands of a vector instruction their types. One that Go's assembler does not know becomes a word,
// with the instruction as a comment.
func armLine(d DType, mnemonic, comment string, operands []string) string {
	key := mnemonic
	if strings.HasPrefix(operands[0], "$") {
		key += " $"
	}
	e, unknown := encodings[key]
	switch {
	case mnemonic == "FMOVQ":
		operands = typed(operands, "F%d")
		if word, ok := moveWord(operands); ok {
			return wordLine(word, mnemonic, comment, operands)
		}
	case mnemonic[0] == 'F':
		operands = typed(operands, "F%d")
	case unknown && !e.bits:
		return wordLine(e.encode(d, operands), mnemonic, comment, typed(operands, arrangements[d]))
	case unknown:
		return wordLine(e.encode(F32, operands), mnemonic, comment, typed(operands, "V%d.B16"))
	case lanewise[mnemonic]:
		operands = typed(operands, arrangements[d])
	case mnemonic[0] == 'V':
		operands = typed(operands, "V%d.B16")
	}
	return line(mnemonic, comment, operands...)
}

// lanewise are the instructions of Go's assembler that work on elements; the others work on bits.
var lanewise = map[string]bool{"VADD": true, "VSUB": true, "VSHL": true, "VUSHR": true, "VFMLA": true, "VFMLS": true}

var arrangements = [...]string{F32: "V%d.S4", F64: "V%d.D2"}

func wordLine(word uint32, mnemonic, comment string, operands []string) string {
	text := mnemonic + " " + strings.Join(operands, ", ")
	if comment != "" {
		text += "; " + comment
	}
	return line("WORD", text, fmt.Sprintf("$%#08x", word))
}

// typed writes the vector registers among operands in a format.
func typed(operands []string, format string) []string {
	list := make([]string, len(operands))
	for i, o := range operands {
		list[i] = o
		if n, ok := vectorNumber(o); ok {
			list[i] = fmt.Sprintf(format, n)
		}
	}
	return list
}

func vectorNumber(o string) (n int, ok bool) {
	if o[0] != 'V' {
		return 0, false
	}
	n, err := strconv.Atoi(o[1:])
	return n, err == nil
}

// encode fills the registers in: the result, then the sources from the last.
func (e encoding) encode(d DType, operands []string) uint32 {
	word := e.word
	if d == F64 {
		word |= double
	}
	shifts := []int{0, 5, 16}
	for i := range operands {
		if n, ok := vectorNumber(operands[len(operands)-1-i]); ok {
			word |= uint32(n) << shifts[i]
		}
	}
	return word
}

// moveWord encodes the move of a vector between F registers and the sum of two others.
func moveWord(operands []string) (word uint32, ok bool) {
	var base, index, register uint32
	if n, _ := fmt.Sscanf(strings.Join(operands, " "), "(R%d)(R%d) F%d", &base, &index, &register); n == 3 {
		return loadSum | index<<16 | base<<5 | register, true
	}
	if n, _ := fmt.Sscanf(strings.Join(operands, " "), "F%d (R%d)(R%d)", &register, &base, &index); n == 3 {
		return storeSum | index<<16 | base<<5 | register, true
	}
	return 0, false
}
