package ir

// Plan is a program as a sequence of stages: what code is generated from.
type Plan struct {
	Program *Program
	Classes []Class   // of tensors, told apart by shape and name; at least one
	Scratch []Extent  // of the arrays that live within a step, by index
	Kernels []*Kernel // each once
	First   []Stage   // the step with t == 1
	Later   []Stage   // every other step
	Same    bool      // First is Later
	Eval    []Stage   // nil when the model is evaluated at x
}

// Class is the tensors for which the conditions on shape and name come out alike.
type Class struct {
	Choices []Choice // in the order in which they are made; none in the only class
	States  []bool   // by state: the class keeps it (array states alone)
	Scratch []bool   // by index

}

// Choice is what a condition comes out as.
type Choice struct {
	Cond *Value
	Is   bool
}

// Stage is one thing that a step does; exactly one of Values, Fold, Kernel, Array, Probe, Keep and Rotate is set. Stages
// run in order.
type Stage struct {
	Class  int          // of Values, Keep per tensor, Kernel and Array: whose tensors
	Extent Extent       // of Values and Keep: once a model, group or tensor
	Values []*Value     // step values, operands first
	Fold   *Value       // a Reduce of a step value
	From   []*Value     // of Fold, and of an order statistic of step values: what it is of, by class
	Kernel *Kernel      // its Reductions' results are step values afterwards
	Cases  []KernelCase // of Kernel: what runs in its place, for each tensor the one that fits; none when Kernel runs itself
	Bare   *BareKernel  // of Kernel, if that has no cases: what may run in its place along stretches of a tensor; nil when it spares nothing
	Array  *Value       // a whole-array operator or an order statistic
	Probe  *Value       // asks the model; its gradient and loss are there afterwards
	In     [][]Place    // of Array and Probe: the arrays of its operands, by class
	Out    Place        // of Array and Probe, if it gives an array
	Loss   *Value       // of Probe: the probe of the loss at the same point; nil if none is asked for
	If     *Value       // of Array, Probe and Rotate: they are left out where it does not hold; nil when always
	Ifs    []*Value     // of an Array over many tensors: If by class
	Keep   []int        // states that take their new value, all at once
	New    []*Value     // of Keep: what each takes; the first step's differs from Program's
	Rotate []int        // states whose arrays move on: each takes the one before it, the first that of the last
}

// KernelCase is a kernel where one condition of its scalars is as said: it has the same bits and the same arguments, and leaves some
// of them alone.
type KernelCase struct {
	If     *Value // a mask, once a tensor or coarser
	Is     bool
	Kernel *Kernel
}

// BareKernel is a kernel where the mask of a `topk` marks none of the elements: it has the same bits and the same arguments, and
// leaves the mask and some others of them alone.
type BareKernel struct {
	Mask   int // the stream
	Kernel *Kernel
}

// Place is an array of each tensor: where a value is in memory.
type Place struct {
	Kind   StreamKind
	Index  int // of the state, given, draw site or scratch array
	Extent Extent
	Name   string
}

// Cost is what a step asks of the machine.
type Cost struct {
	Passes int // loops over the parameters
	Reads  int // arrays read
	Writes int // arrays written
	Flops  int // operations a parameter, in units of an addition
}

// Bytes is the memory traffic of a parameter whose element type has size bytes.
func (c Cost) Bytes(size int) int { return (c.Reads + c.Writes) * size }
