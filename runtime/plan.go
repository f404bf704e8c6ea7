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

	Givens     []Given
	GivenSlots []int // by index: the slot of a step value

	ModelSlots, GroupSlots, TensorSlots int // lengths of the frames

	// Class tells by its name and its frame which class a tensor is of; nil when there is one class.
	Class   func(name string, p []float64) int
	Classes []Class
	Scratch []Extent // of the arrays that live within a step

	First []Stage // the step with t == 1
	Later []Stage // every other step; often the same
	Eval  []Stage // computes the point of evaluation into StreamEval; nil when that is x itself

	ReadsGrad, ReadsLoss bool
	ClearsGrad           bool // passes write zero to the gradient
	Probes, Draws        bool // it asks the model again; it draws random values
	StepDraws            []StepDraw

	ElemBytes int // size of an element: 4 for float32, 8 for float64

	Params           string // the format of parameters and gradients, bf16 or f16; "" is the element type
	ParamsStochastic bool   // parameters are rounded at random between the two neighbours, in proportion
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

// Class is the tensors that go the same way through a rule's conditions on shape and name.
type Class struct {
	States  []bool // by state: its tensors keep it, if it is an array
	Scratch []bool // by index: its tensors need it
}

// Given is a further input of the step, or with Load of the optimizer.
type Given struct {
	Name   string
	Extent Extent
	Load   bool
}

// StepDraw is a random step value, drawn when a step begins.
type StepDraw struct {
	Draw string // normal, uniform or rademacher
	Site int
	To   Slot
}

// Extent says how many of a value there are.
type Extent uint8

// The extents of the runtime. Those up to PerTensor are step values, the others arrays.
const (
	Const Extent = iota
	PerModel
	PerGroup
	PerTensor
	PerRow
	PerCol
	PerElem
	PerRowRow
	PerColCol
	PerColRow
	numExtents
)

// State is one persistent value of a rule.
type State struct {
	Name   string
	Extent Extent
	Init   float64 // what it holds before the first step
	Slot   int     // in the frame of its extent; unused for arrays

	Format     string // of storage: "" is the element type, else bf16, f16, q8, q8root, bf16rest or f16rest
	Stochastic bool   // rounded at random between the two neighbours, in proportion

	FromFirst bool // the first step computes it, of what it is given, and does not read it
}

// Stage is one thing that a step does; exactly one of its functions and pointers is set. The stages of a step run in
// order.
type Stage struct {
	Class  int                     // of Tensor, Pass and Array: whose tensors
	Model  func(m []float64)       // step values once a model
	Group  func(m, g []float64)    // once a group
	Tensor func(m, g, p []float64) // once a tensor
	Fold   *Fold
	Pass   *Pass
	Array  *Array
	Order  *Order
	Probe  *Probe
	Rotate *Rotate
}

// Fold reduces a value of one frame into a coarser one, in the order in which parameters (or groups) were given.
type Fold struct {
	Kind elem.Reduction
	From []Slot // by class
	To   Slot
}

// Slot is a place in a frame, or a constant.
type Slot struct {
	Extent Extent
	Index  int
	Value  float64 // of Const
}

// Array is a whole-array operator.
type Array struct {
	New    any // func() func(out []T, in [][]T, dims []int, params []float64): makes one with temporaries of its own
	In     []Place
	Out    Place  // unused when To is set
	To     *Slot  // of a step value
	Dims   []Dims // of the result, then of the operands
	Params []Slot
	If     *Slot // it runs only where this is not 0; nil: always
}

// Dims are the axes of a matrix; a vector is a column, or a row as the first factor of a product.
type Dims struct{ Rows, Cols Axis }

// Axis is the length of an axis.
type Axis uint8

// The axes.
const (
	One Axis = iota
	Rows
	Cols
)

// Order is an order statistic: the one that Stat says, of parameter K, or with Top the mask of the K largest.
type Order struct {
	Top  bool
	Stat elem.Stat
	Of   Extent // of the values
	Per  Extent
	In   []Place // by class; of kind StreamNone for a class that has none
	From []Slot  // instead of In, by class: of one value a tensor, over several
	Out  Place   // of Top, or of values per row or column
	To   *Slot   // of other values
	K    Slot
	If   []*Slot // by class: tensors for which it is 0 are left out; nil: none
}

// Probe asks the model for its gradient and its loss at a point, or for its Hessian there times a vector.
type Probe struct {
	Point, Vector []Place // by class; Vector is nil unless it is the latter
	Out           *Place  // the gradient or product
	Loss          *Slot
	If            *Slot // nil: always
}

// Rotate moves the arrays of states on: each takes the one before it, and the first that of the last.
type Rotate struct {
	States []int
	If     *Slot // nil: always
}

// Pass is one fused loop over the elements (or rows, or columns, as Domain says) of every tensor of a class.
type Pass struct {
	Domain     Extent
	Kernels    [NumEngines]Kernel // by Engine; nil where there is none
	Direct     [NumEngines]Kernel // of kernels that read and write states as they are stored, 64 elements or, with q8, a block at a time
	Streams    []Stream           // Args.Ptr in order
	Scalars    []Slot             // Args.Vals in order, each rounded to the element type
	Reductions []Reduction        // Args.Part in order
	Collects   []Collect
	Cases      []PassCase // where the condition of one holds, it runs in the kernels' place; the first that does
	Idle       []int      // streams that the pass's own kernels leave alone
	Bare       *BarePass  // what may run along stretches of a tensor; nil if nothing may

	// With ByRows the kernel runs over pieces of rows, the same place of the tensor never twice. It has no Reductions then;
	// streams of one value a column start where the piece does. What it collects per column it combines itself, into a
	// stream of one value a column that starts from the reduction's identity every [elem.ColRows] rows.
	ByRows        bool
	RowScalars    []Place   // Args.Vals after Scalars: of each the row's value
	RowReductions []Collect // Args.Part in order, of pieces that begin or end where a block of the tensor does; Stream is unused
}

// PassCase is a pass where a condition holds: kernels that give the same bits there, from the same arguments, and leave some
// streams alone.
type PassCase struct {
	If              Slot
	Kernels, Direct [NumEngines]Kernel
	Idle            []int
}

// BarePass is a pass where one of its streams, the mask of a `topk`, marks nothing: kernels that give the same bits there, from the
// same arguments, and leave that stream and others alone.
type BarePass struct {
	Mask    int // the stream
	Kernels [NumEngines]Kernel
	Idle    []int
}

// Place is an array of each tensor.
type Place struct {
	Kind   StreamKind
	Index  int // of the state, given, draw or scratch array
	Extent Extent
	Draw   string // normal, uniform or rademacher
}

// Stream is one array that a pass walks along. One per row or column in a pass over elements repeats along them.
type Stream struct {
	Place
	Read, Write bool
}

// StreamKind tells whose array a Stream is.
type StreamKind uint8

// The kinds of streams.
const (
	StreamX StreamKind = iota
	StreamGrad
	StreamState
	StreamEval
	StreamGiven
	StreamScratch
	StreamDraw    // random values, made as they are read
	StreamCollect // values that a Collect reduces as they are written
	StreamNone
)

// Reduction takes the kernel's partial results, one a block, to a slot of the tensor's frame, combining them in index
// order and in float64.
type Reduction struct {
	Kind elem.Reduction
	To   Slot
}

// Collect reduces what a pass writes to a stream per row or column.
type Collect struct {
	Kind   elem.Reduction
	Stream int
	To     Place // scratch of extent PerRow or PerCol
}

// Kernel runs one pass over Args.N consecutive elements of one tensor. N is a multiple of elem.Block except at a tensor's
// end and by rows.
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

	window []float64 // memory of the worker for streams that are made piece by piece; assembly does not know it
	words  []uint32
	within *Args // of what is made for the kernel while these are in use

	rowVals, rowPart []float64 // Vals and Part of a piece of a row
}

// Engine is a family of kernels.
type Engine uint8

// The engines; those of one CPU slowest first.
const (
	Go Engine = iota
	AVX2
	AVX512
	NEON
	NumEngines = iota
)
