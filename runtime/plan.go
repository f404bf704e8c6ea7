package runtime

import (
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// Float is the element type of parameters, gradients and states.
type Float = elem.Float

// Rule is a compiled rule as generated code describes it. It is shared by every optimizer of its type and never written.
//
// Values coarser than an element live in float64 frames: one for the model, one a group, one a tensor.
// The first slots of each are fixed (the constants below); the states and step values of the rule follow.
type Rule struct {
	Name   string
	Digest string // of the canonical checked rule and the state layout, hexadecimal
	Hypers []Hyper
	States []State

	ModelSlots, GroupSlots, TensorSlots int // lengths of the frames

	First []Stage // the step with t == 1
	Later []Stage // every other step; often the same
	Eval  []Stage // computes the point of evaluation into StreamEval; nil when that is x itself

	ReadsGrad, ReadsLoss bool

	ElemBytes int // size of an element: 4 for float32, 8 for float64
}

// Fixed slots of the frames.
const (
	ModelT       = 0 // steps taken, this one included
	ModelLoss    = 1
	ModelNumel   = 2 // elements of all parameters
	ModelTensors = 3
	ModelGroups  = 4
	ModelFree    = 5 // first slot of the rule's own

	GroupNumel   = 0
	GroupTensors = 1
	GroupHypers  = 2 // first hyperparameter; they stand in the order of Rule.Hypers, the rule's own slots follow

	TensorNumel = 0
	TensorRank  = 1
	TensorRows  = 2 // first dimension (1 for a scalar or vector)
	TensorCols  = 3 // product of the others (numel for a vector)
	TensorFree  = 4
)

// Hyper is a run-time hyperparameter with its interval.
type Hyper struct {
	Name           string
	Default        float64
	Lo, Hi         float64
	OpenLo, OpenHi bool
	Integer        bool
}

// Extent says how many of a value there are.
type Extent uint8

// The extents of the runtime.
const (
	Const Extent = iota
	PerModel
	PerGroup
	PerTensor
	PerElem
)

// State is one persistent value of a rule.
type State struct {
	Name   string
	Extent Extent
	Init   float64 // what it holds before the first step
	Slot   int     // in the frame of its extent; unused for PerElem
}

// Stage is one thing that a step does; exactly one field is set. The stages of a step run in order.
type Stage struct {
	Model  func(m []float64)       // step values once a model
	Group  func(m, g []float64)    // once a group
	Tensor func(m, g, p []float64) // once a tensor
	Fold   *Fold
	Pass   *Pass
}

// Fold reduces a value of one frame into a coarser one, in the order in which parameters (or groups) were given.
type Fold struct {
	Kind     elem.Reduction
	From, To Slot
}

// Slot is a place in a frame, or a constant.
type Slot struct {
	Extent Extent
	Index  int
	Value  float64 // of Const
}

// Pass is one fused loop over the elements of every tensor.
type Pass struct {
	Kernels    [NumEngines]Kernel // by Engine; nil where there is none
	Streams    []Stream           // Args.Ptr in order
	Scalars    []Slot             // Args.Vals in order, each rounded to the element type
	Reductions []Reduction        // Args.Part in order
}

// Stream is one array that a pass walks along.
type Stream struct {
	Kind  StreamKind
	Index int // of the state
	Write bool
}

// StreamKind tells whose array a Stream is.
type StreamKind uint8

// The kinds of streams.
const (
	StreamX StreamKind = iota
	StreamGrad
	StreamState
	StreamEval
)

// Reduction takes the kernel's partial results, one a block, to a slot: tensors combine their blocks, groups and the
// model their tensors, always in index order and in float64.
type Reduction struct {
	Kind elem.Reduction
	To   Slot
}

// Kernel runs one pass over Args.N consecutive elements of one tensor. N is a multiple of elem.Block except at a tensor's end.
type Kernel func(*Args)

// MaxStreams bounds the arrays of one pass.
const MaxStreams = 64

// SplatBytes is the size of one scalar in Args.Vals: copies of it side by side, so that a 32-byte vector load broadcasts it.
const SplatBytes = 32

// Args is the argument block of a kernel. Assembly knows its layout: N at 0, Vals at 8, Part at 16, Ptr from 24.
type Args struct {
	N    int
	Vals unsafe.Pointer // SplatBytes a scalar
	Part unsafe.Pointer // float64: for each block of elem.Block elements one value a reduction, block-major
	Ptr  [MaxStreams]unsafe.Pointer
}

// Engine is a family of kernels.
type Engine uint8

// The engines, slowest first.
const (
	Go Engine = iota
	AVX2
	AVX512
	NumEngines = iota
)
