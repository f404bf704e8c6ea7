package ir

// Plan is a program as a sequence of stages: what code is generated from.
type Plan struct {
	Program *Program
	Kernels []*Kernel // each once
	First   []Stage   // the step with t == 1
	Later   []Stage   // every other step
	Same    bool      // First is Later
	Eval    []Stage   // nil when the model is evaluated at x
}

// Stage is one thing that a step does; exactly one of Values, Fold, Kernel and Keep is set. Stages run in order.
type Stage struct {
	Extent Extent   // of Values and Keep: once a model, group or tensor
	Values []*Value // step values, operands first
	Fold   *Value   // a Reduce of a step value
	Kernel *Kernel  // its Reductions' results are step values afterwards
	Keep   []int    // states that take their new value, all at once
	New    []*Value // of Keep: what each takes; the first step's differs from Program's
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
