package ir

import "github.com/optc-lang/optc/runtime/elem"

// Kernel is one fused loop over the elements of a tensor, in static single assignment: what every code generator reads.
// For each element, all Instrs run in order, then all Stores; Reductions take in values as they pass.
type Kernel struct {
	Domain     Extent // what it loops over: the elements of a tensor, its rows, its columns, or a square of either
	Name       string // unique within its package, a Go identifier
	Digest     string // of what it does, 8 hexadecimal digits
	Streams    []Stream
	Scalars    []Scalar
	Instrs     []Instr
	Stores     []Store
	Reductions []Reduction
	Collects   []Collect
	Rows       bool // it runs over pieces of rows: see ByRows
	Fast       bool // assembly may fuse products with sums and take quotients and roots by Newton steps: see package goasm
}

// Stream is one array that the loop walks along. One of extent Row or Col in a kernel over elements repeats along the
// rows or columns: the runtime spreads it out piece by piece.
type Stream struct {
	Place
	Read, Write bool
	Format      string // in a direct kernel, what it is stored in; see Direct
}

// StreamKind tells whose array a Stream is.
type StreamKind uint8

// The kinds of streams.
const (
	XStream StreamKind = iota
	GradStream
	StateStream
	EvalStream
	GivenStream
	ScratchStream
	DrawStream    // random values of site Index; Name is the distribution
	CollectStream // values that a Collect takes as they are written
)

// Collect reduces what is written to a stream per row or per column.
type Collect struct {
	Kind   elem.Reduction
	Stream int
	To     Place  // of extent Row or Col
	Result *Value // the Reduce
}

// Scalar is a value coarser than an element (or a constant), rounded once to the element type and the same all along the loop.
type Scalar struct {
	Value *Value
	Name  string // for comments
	Row   *Place // in a kernel by rows, where its values are, one a row; else nil
}

// Instr defines value number i, its index in Kernel.Instrs.
type Instr struct {
	Op     string    // "load", or the name of an operator's row
	Stream int       // of "load"
	Args   []Operand // none for "load"
	Mask   bool      // the result is a mask
	Name   string    // what the rule calls it, for comments; may be empty
	Value  *Value    // that it computes, for comments; may be nil
}

// Operand is an instruction's result, or a scalar when Scalar is set.
type Operand struct {
	Scalar bool
	Index  int
}

// Store writes an operand's value to a stream.
type Store struct {
	Stream int
	Value  Operand
}

// Reduction folds an operand's values over the tensor by the fixed tree of package elem.
type Reduction struct {
	Kind   elem.Reduction
	Value  Operand
	Result *Value
	Row    *Place // in a kernel by rows, where its values go, one a row; else nil
}
