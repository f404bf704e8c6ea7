package goasm

import "fmt"

// The argument block.
const (
	argsN      = 0
	argsVals   = 8
	argsPart   = 16
	argsPtr    = 24
	splatBytes = 32 // of a scalar in Vals
)

// architecture is the assembly of a processor beside its vector instructions. Mnemonics of vectors hold letters, as rows do.
type architecture struct {
	// General registers.
	index    string   // bytes from the start of each stream to the current element
	scratch  string   // of one instruction, or across a fold the pointer to this block's partial results
	limit    string   // where the index ends the loop
	args     string   // the argument block
	values   string   // Args.Vals
	partials string   // where the block's partial results go: a register, or the start of the frame
	lane     string   // in a tail by elements: the frame and as many bytes more as the element is into a row of lanes
	pointers []string // to streams

	// Instructions between them. Those with flags leave them to the jumps.
	move, set, clear, add, shift string
	and, sub, test, compare      string // with flags
	equal, less, atMost          string // jumps
	swapped                      bool   // compare takes what is compared second

	// Instructions of vectors.
	memoryMove, vectorMove, broadcast string
	scalar                            string // letter of the registers of one lane
	widen                             step   // float32 to float64, of the lowest lane
	storeWide                         string // of that
	end                               []string
	prefetch                          string // of a cache line; only where there are direct kernels

	reserved int  // bytes of the frame that partials take
	padding  int  // bytes of it before the slots
	parks    bool // a tail moves the accumulators that have registers to the frame

	// slot is the address of what is off bytes into the slots of the frame, stream that of a stream's element off bytes
	// beyond the index, constant that of a constant. The latter two may print instructions that make it.
	slot     func(off int) string
	stream   func(a *allocator, pointer string, off int) string
	constant func(a *allocator, symbol string) string

	// tail does the elements from the index to the end, which are less than an iteration, then goes to the label end,
	// which follows.
	tail func(f *function, end string)

	// line is an instruction of vectors as text.
	line func(d DType, mnemonic, comment string, operands []string) string
}

func (f *function) arch() *architecture { return f.set.arch }

func (f *function) argument(off int) string {
	if off == 0 {
		return "(" + f.arch().args + ")"
	}
	return fmt.Sprintf("%d(%s)", off, f.arch().args)
}

func (f *function) pointerAddress(stream int) string { return f.argument(argsPtr + 8*stream) }

// compare has the jump that follows compare a with b.
func (f *function) compare(a, b string) {
	if f.arch().swapped {
		a, b = b, a
	}
	f.emit(f.arch().compare, a, b)
}
