package runtime

import (
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// chunkElements is what a worker claims at a time: a whole number of blocks, enough to make a claim cheap, and a bound
// on how long assembly keeps the garbage collector waiting.
const chunkElements = 64 * elem.Block

// chunkCost is what starting a kernel costs at least, in elements: so many chunks of tiny tensors make one item.
const chunkCost = 256

// stage is a Stage with what is known once the optimizer is built.
type stage struct {
	*Stage
	kernel Kernel // of Pass
	spread Extent // of Pass: the finest of its scalars
}

// setStages chooses the kernels of all passes.
func (o *Optimizer[T]) setStages(limit Engine) {
	resolve := func(stages []Stage) []stage {
		var out []stage
		for i := range stages {
			s := stage{Stage: &stages[i]}
			if s.Pass != nil {
				var e Engine
				s.kernel, e = s.Pass.pick(limit)
				o.engine = max(o.engine, e)
				for _, scalar := range s.Pass.Scalars {
					s.spread = max(s.spread, scalar.Extent)
				}
			}
			out = append(out, s)
		}
		return out
	}
	o.first, o.later, o.evals = resolve(o.rule.First), resolve(o.rule.Later), resolve(o.rule.Eval)
}

// machine is what executing a pass needs besides the optimizer's values, all of it allocated once.
type machine[T Float] struct {
	job    *job
	args   *Args   // the caller's
	chunks []chunk // of all tensors, in order
	items  []int   // item i is chunks[items[i]:items[i+1]]

	splats   []T       // scalars of the pass, one set for each of its spread
	partials []float64 // results of its reductions, block-major

	// Of the pass that runs.
	current *stage
	arrays  [MaxStreams][][]T // by stream and parameter
}

// chunk is a part of a tensor that one call of a kernel works on.
type chunk struct {
	param, from, n int
	block          int // number of its first block among all of the model
}

func (m *machine[T]) init(o *Optimizer[T]) {
	m.job = newJob(o)
	m.args = new(Args)
	blocks := m.cut(o.x)
	splats, reductions := 0, 0
	for _, stages := range [][]stage{o.first, o.later, o.evals} {
		for _, s := range stages {
			if s.Pass != nil {
				splats = max(splats, o.sets(s.spread)*len(s.Pass.Scalars))
				reductions = max(reductions, len(s.Pass.Reductions))
			}
		}
	}
	m.splats = Alloc[T](splats * splatLanes[T]())[0]
	m.partials = make([]float64, blocks*reductions)
}

// cut cuts the tensors into chunks and gathers small ones into items. It returns the number of blocks.
func (m *machine[T]) cut(x [][]T) int {
	block, cost := 0, chunkElements
	for i, array := range x {
		for from := 0; from < len(array); from += chunkElements {
			n := min(len(array)-from, chunkElements)
			if cost += max(n, chunkCost); cost > chunkElements {
				m.items = append(m.items, len(m.chunks))
				cost = max(n, chunkCost)
			}
			m.chunks = append(m.chunks, chunk{i, from, n, block})
			block += blocks(n)
		}
	}
	m.items = append(m.items, len(m.chunks))
	return block
}

// splatLanes is the number of copies of a scalar.
func splatLanes[T Float]() int { return SplatBytes / int(unsafe.Sizeof(T(0))) }

// execute runs stages in order.
func (o *Optimizer[T]) execute(stages []stage, grads [][]T) {
	defer o.forget()
	for i := range stages {
		s := &stages[i]
		switch {
		case s.Model != nil:
			s.Model(o.model)
		case s.Group != nil:
			for _, g := range o.filled {
				s.Group(o.model, o.groups[g])
			}
		case s.Tensor != nil:
			for p, frame := range o.tensors {
				s.Tensor(o.model, o.groups[o.groupOf[p]], frame)
			}
		case s.Fold != nil:
			o.fold(s.Fold)
		default:
			o.pass(s, grads)
		}
	}
}

// forget lets go of the step's gradients.
func (o *Optimizer[T]) forget() {
	clear(o.arrays[:])
	*o.args = Args{}
}

func (o *Optimizer[T]) pass(s *stage, grads [][]T) {
	o.current = s
	for i, stream := range s.Pass.Streams {
		switch stream.Kind {
		case StreamX:
			o.arrays[i] = o.x
		case StreamGrad:
			o.arrays[i] = grads
		case StreamState:
			o.arrays[i] = o.states[stream.Index]
		case StreamEval:
			o.arrays[i] = o.eval
		}
	}
	o.splat(s)
	o.job.do(len(o.items)-1, o.workers, o.args)
	for r := range s.Pass.Reductions {
		o.reduce(s.Pass, r)
	}
}

// runItem runs the kernel of the current pass over the chunks of an item.
func (o *Optimizer[T]) runItem(a *Args, item int) {
	s := o.current
	scalars, reductions := len(s.Pass.Scalars), len(s.Pass.Reductions)
	for _, c := range o.chunks[o.items[item]:o.items[item+1]] {
		a.N = c.n
		if scalars > 0 {
			a.Vals = unsafe.Pointer(&o.splats[o.setOf(s.spread, c.param)*scalars*splatLanes[T]()])
		}
		if reductions > 0 {
			a.Part = unsafe.Pointer(&o.partials[c.block*reductions])
		}
		for i := range s.Pass.Streams {
			a.Ptr[i] = unsafe.Pointer(&o.arrays[i][c.param][c.from])
		}
		s.kernel(a)
	}
}

// sets is how many sets of scalars a pass needs whose finest scalar has an extent.
func (o *Optimizer[T]) sets(spread Extent) int {
	switch spread {
	case PerTensor:
		return len(o.tensors)
	case PerGroup:
		return len(o.groups)
	}
	return 1
}

// setOf is the set of scalars of a parameter.
func (o *Optimizer[T]) setOf(spread Extent, param int) int {
	switch spread {
	case PerTensor:
		return param
	case PerGroup:
		return o.groupOf[param]
	}
	return 0
}

// splat rounds the scalars of a pass to the element type.
func (o *Optimizer[T]) splat(s *stage) {
	for set := range o.sets(s.spread) {
		group, param := set, set
		if s.spread == PerTensor {
			group = o.groupOf[set]
		}
		lanes := splatLanes[T]()
		to := o.splats[set*len(s.Pass.Scalars)*lanes:]
		for i, slot := range s.Pass.Scalars {
			v := T(o.value(slot, group, param))
			for k := i * lanes; k < (i+1)*lanes; k++ {
				to[k] = v
			}
		}
	}
}

func (o *Optimizer[T]) value(s Slot, group, param int) float64 {
	switch s.Extent {
	case PerModel:
		return o.model[s.Index]
	case PerGroup:
		return o.groups[group][s.Index]
	case PerTensor:
		return o.tensors[param][s.Index]
	}
	return s.Value
}

// reduce combines the partial results of reduction r: those of a tensor's blocks, then those of the tensors.
func (o *Optimizer[T]) reduce(p *Pass, r int) {
	red, step := p.Reductions[r], len(p.Reductions)
	o.start(red.Kind, red.To)
	partials := o.partials
	for param, array := range o.x {
		n := blocks(len(array)) * step
		o.add(red.Kind, red.To, param, combine(red.Kind, partials[:n], r, step))
		partials = partials[n:]
	}
}

// combine combines every step-th of the partial results from an index on.
func combine(kind elem.Reduction, partials []float64, from, step int) float64 {
	value := elem.Identity(kind)
	if kind == elem.ReduceSum { // the same without a choice at each
		for ; from < len(partials); from += step {
			value += partials[from]
		}
		return value
	}
	for ; from < len(partials); from += step {
		value = elem.Combine(kind, value, partials[from])
	}
	return value
}

// fold reduces values of frames: those of tensors, or of the groups that have any.
func (o *Optimizer[T]) fold(f *Fold) {
	o.start(f.Kind, f.To)
	if f.From.Extent == PerTensor {
		for param := range o.tensors {
			o.add(f.Kind, f.To, param, o.tensors[param][f.From.Index])
		}
		return
	}
	for _, g := range o.filled {
		o.model[f.To.Index] = elem.Combine(f.Kind, o.model[f.To.Index], o.groups[g][f.From.Index])
	}
}

// start sets a slot of all frames of its extent to what a reduction starts from.
func (o *Optimizer[T]) start(kind elem.Reduction, to Slot) {
	identity := elem.Identity(kind)
	switch to.Extent {
	case PerModel:
		o.model[to.Index] = identity
	case PerGroup:
		for _, frame := range o.groups {
			frame[to.Index] = identity
		}
	case PerTensor:
		for _, frame := range o.tensors {
			frame[to.Index] = identity
		}
	}
}

// add combines a value of a tensor into the slot that it belongs to.
func (o *Optimizer[T]) add(kind elem.Reduction, to Slot, param int, value float64) {
	frame := o.model
	switch to.Extent {
	case PerGroup:
		frame = o.groups[o.groupOf[param]]
	case PerTensor:
		frame = o.tensors[param]
	}
	frame[to.Index] = elem.Combine(kind, frame[to.Index], value)
}
