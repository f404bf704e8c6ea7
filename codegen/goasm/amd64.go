package goasm

import "fmt"

// amd64 leaves R14, which is Go's, R15 and BP alone. A tail is done by masks, of which limit holds what is left.
var amd64 = architecture{
	index: "AX", scratch: "CX", limit: "DX", args: "DI", values: "SI", partials: "0(SP)",
	pointers: []string{"BX", "R8", "R9", "R10", "R11", "R12", "R13"},

	move: "MOVQ", set: "MOVL", clear: "XORL", add: "ADDQ", shift: "SHLQ",
	and: "ANDQ", sub: "SUBQ", test: "TESTQ", compare: "CMPQ",
	equal: "JEQ", less: "JLT", atMost: "JLE",

	memoryMove: "VMOVU{S}", vectorMove: "VMOVA{S}", broadcast: "VBROADCAST{1}",
	scalar: "X", widen: parseStep("VCVTSS2SD a, a, r"), storeWide: "VMOVSD",
	end: []string{"\tVZEROUPPER", "\tRET"}, prefetch: "PREFETCHT0",

	reserved: 8,
	slot:     func(off int) string { return fmt.Sprintf("%d(SP)", off) },
	stream:   func(_ *allocator, pointer string, off int) string { return fmt.Sprintf("%d(%s)(AX*1)", off, pointer) },
	constant: func(_ *allocator, symbol string) string { return symbol + "(SB)" },
	tail:     (*function).maskedTail,
	line: func(_ DType, mnemonic, comment string, operands []string) string {
		return line(mnemonic, comment, operands...)
	},
}

// maskedTail does the elements from the index to the end under masks, a vector after the other.
func (f *function) maskedTail(end string) {
	const index, scratch, limit = "AX", "CX", "DX"
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
		f.maskedCopy(copy, limit, scratch, end)
	}
}

// maskedCopy does the elements of one vector that exist. The mask's register is not to be had for them.
func (f *function) maskedCopy(copy int, limit, scratch, end string) {
	mask := f.tailMask()
	c := f.code()
	f.body(c, copy, 1, &tail{letters[f.dtype].Replace(f.set.loadPart), letters[f.dtype].Replace(f.set.storePart), mask})
	if f.set.masks > 0 {
		f.emit(f.set.maskMove, limit, fmt.Sprintf("K%d", mask.n))
		f.placeIn(c, f.workVectors(), f.set.masks-1)
		if copy < f.copies-1 {
			f.emit("SHRQ", immediate(f.set.width/f.dtype.size()), limit)
			f.emit("JEQ", end)
		}
		return
	}
	register := fmt.Sprintf("%s%d", f.set.vector, mask.n)
	f.emit(f.memoryMove(), fmt.Sprintf("%d(%s)", copy*f.set.width, limit), register)
	if copy > 0 {
		f.emit("VMOVMSKPS", register, scratch)
		f.emit("TESTL", scratch, scratch)
		f.emit("JEQ", end)
	}
	f.placeIn(c, f.workVectors()-1, 0)
}

// tailMask is the register of a tail's mask: a set-aside mask register, or the last working vector.
func (f *function) tailMask() operand {
	if f.set.masks > 0 {
		return operand{place: predicate, n: f.set.masks}
	}
	return operand{place: register, n: f.workVectors() - 1}
}
