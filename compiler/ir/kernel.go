package ir

import "github.com/optc-lang/optc/runtime/elem"

// Kernel is one fused loop over the elements of a tensor, in static single assignment: what every code generator reads.
// For each element, all Instrs run in order, then all Stores; Reductions take in values as they pass.
type Kernel struct {
	Name       string // unique within its package, a Go identifier
	Digest     string // of what it does, 8 hexadecimal digits
	Streams    []Stream
	Scalars    []Scalar
	Instrs     []Instr
	Stores     []Store
	Reductions []Reduction
}

// Stream is one array that the loop walks along.
type Stream struct {
	Kind        StreamKind
	State       int // index into Program.States when Kind is StateStream
	Name        string
	Read, Write bool
}

// StreamKind tells whose array a Stream is.
type StreamKind uint8

// The kinds of streams.
const (
	XStream StreamKind = iota
	GradStream
	StateStream
	EvalStream
)

// Scalar is a value coarser than an element (or a constant), rounded once to the element type and the same all along the loop.
type Scalar struct {
	Value *Value
	Name  string // for comments
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
}
