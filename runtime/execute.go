package runtime

import (
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// chunkElements is what a worker claims at a time: a whole number of blocks, enough to make a claim cheap, and a bound
// on how long assembly keeps the garbage collector waiting. Reductions per column combine chunk by chunk.
const chunkElements = elem.Band

// chunkCost is what starting a kernel costs at least, in elements: so many chunks of tiny tensors make one item.
const chunkCost = 256

// stage is a Stage with what is known once the optimizer is built.
type stage[T Float] struct {
	*Stage
	kernel   Kernel    // of Pass
	direct   Kernel    // of Pass; nil if there is none as fast
	spread   Extent    // of Pass: the finest of its scalars
	cuts     *cuts     // of Pass
	windowed bool      // of Pass: some stream is made piece by piece
	collects []Collect // of Pass: RowReductions and Collects
	lines    [][]int   // of Pass: where in the machine's lines those of each of these and tensor begin
	run      *arrayRunner[T]
}

// setStages chooses the kernels of all passes and readies the whole-array operators.
func (o *Optimizer[T]) setStages(limit Engine) error {
	runners := map[*Array]*arrayRunner[T]{} // the first step's are often those of the others
	resolve := func(stages []Stage) ([]stage[T], error) {
		var out []stage[T]
		for i := range stages {
			s := stage[T]{Stage: &stages[i]}
			if s.Pass != nil {
				o.setPass(&s, limit)
			}
			if s.Array != nil {
				var err error
				if s.run = runners[s.Array]; s.run == nil {
					if s.run, err = newArrayRunner[T](s.Array); err != nil {
						return nil, err
					}
					runners[s.Array] = s.run
				}
			}
			out = append(out, s)
		}
		return out, nil
	}
	var err error
	if o.first, err = resolve(o.rule.First); err != nil {
		return err
	}
	if o.later, err = resolve(o.rule.Later); err != nil {
		return err
	}
	o.evals, err = resolve(o.rule.Eval)
	return err
}

func (o *Optimizer[T]) setPass(s *stage[T], limit Engine) {
	var e Engine
	s.kernel, e = s.Pass.pick(limit)
	s.direct = s.Pass.Direct[e]
	o.engine = max(o.engine, e)
	for _, scalar := range s.Pass.Scalars {
		s.spread = max(s.spread, scalar.Extent)
	}
	for _, stream := range s.Pass.Streams {
		s.windowed = s.windowed || o.isWindowed(s.Pass, stream)
	}
	s.collects = append(append(s.collects, s.Pass.RowReductions...), s.Pass.Collects...)
	s.cuts = o.cutsFor(s.Pass.Domain, s.Class)
}

// machine is what executing a pass needs besides the optimizer's values, all of it allocated once.
type machine[T Float] struct {
	job  *job
	args *Args // the caller's
	cuts []*cuts

	splats   []T       // scalars of the pass, one set for each of its spread
	partials []float64 // results of its reductions, block-major
	lines    []float64 // results of its collects so far
	totals   []float64 // of one collect and tensor

	// Of the stage that runs.
	current *stage[T]
	arrays  [MaxStreams][][]T // by stream and parameter
	perRow  [MaxStreams][][]T // by scalar per row and parameter
}

// cuts is how the arrays of a domain and a class are cut for passes.
type cuts struct {
	domain Extent
	class  int
	chunks []chunk // of all tensors, in order
	items  []int   // item i is chunks[items[i]:items[i+1]]
	blocks int
}

// chunk is a part of a tensor that one call of a kernel works on.
type chunk struct {
	param, from, n int
	block          int // number of its first block among all
}

func (m *machine[T]) init(o *Optimizer[T]) {
	m.job = newJob(o)
	m.args = new(Args)
	splats, partials, lines, totals := 0, 0, 0, 0
	for param := range o.x {
		totals = max(totals, o.cols(param), o.axis(Rows, param))
	}
	for _, stages := range [][]stage[T]{o.first, o.later, o.evals} {
		for i := range stages {
			if s := &stages[i]; s.Pass != nil {
				splats = max(splats, o.sets(s.spread)*len(s.Pass.Scalars))
				partials = max(partials, s.cuts.blocks*len(s.Pass.Reductions))
				lines = max(lines, o.setLines(s))
			}
		}
	}
	m.splats = Alloc[T](splats * splatLanes[T]())[0]
	m.partials = make([]float64, partials)
	m.lines, m.totals = make([]float64, lines), make([]float64, totals)
}

// cutsFor cuts the arrays of a domain and a class into chunks and gathers small ones into items.
func (o *Optimizer[T]) cutsFor(domain Extent, class int) *cuts {
	for _, c := range o.cuts {
		if c.domain == domain && c.class == class {
			return c
		}
	}
	c := &cuts{domain: domain, class: class}
	cost := chunkElements
	for i := range o.x {
		if o.classOf[i] != class {
			continue
		}
		length := o.length(domain, i)
		for from := 0; from < length; from += chunkElements {
			n := min(length-from, chunkElements)
			if cost += max(n, chunkCost); cost > chunkElements {
				c.items = append(c.items, len(c.chunks))
				cost = max(n, chunkCost)
			}
			c.chunks = append(c.chunks, chunk{i, from, n, c.blocks})
			c.blocks += blocks(n)
		}
	}
	c.items = append(c.items, len(c.chunks))
	o.cuts = append(o.cuts, c)
	return c
}

// splatLanes is the number of copies of a scalar.
func splatLanes[T Float]() int { return SplatBytes / int(unsafe.Sizeof(T(0))) }

// execute runs stages in order.
func (o *Optimizer[T]) execute(stages []stage[T], in *inputs[T]) error {
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
				if o.classOf[p] == s.Class {
					s.Tensor(o.model, o.groups[o.groupOf[p]], frame)
				}
			}
		case s.Fold != nil:
			o.fold(s.Fold)
		case s.Array != nil:
			o.runArrays(s, in)
		case s.Order != nil:
			o.order(s.Order, s.Class, in)
		case s.Probe != nil:
			if err := o.probe(s.Probe, in); err != nil {
				return err
			}
		case s.Rotate != nil:
			o.rotate(s.Rotate)
		default:
			o.pass(s, in)
		}
	}
	return nil
}

// forget lets go of the step's inputs.
func (o *Optimizer[T]) forget() {
	clear(o.arrays[:])
	clear(o.perRow[:])
	o.args.forget()
}

// place is an array of all tensors; nil for what a pass makes piece by piece.
func (o *Optimizer[T]) place(p Place, in *inputs[T]) [][]T {
	switch p.Kind {
	case StreamX:
		return o.x
	case StreamGrad:
		return in.grads
	case StreamState:
		return o.states[p.Index]
	case StreamEval:
		return o.eval
	case StreamGiven:
		return in.given[p.Index].arrays
	case StreamScratch:
		return o.scratch[p.Index]
	}
	return nil
}

func (o *Optimizer[T]) pass(s *stage[T], in *inputs[T]) {
	o.current = s
	for i, stream := range s.Pass.Streams {
		o.arrays[i] = o.place(stream.Place, in)
	}
	for i, place := range s.Pass.RowScalars {
		o.perRow[i] = o.place(place, in)
	}
	o.splat(s)
	o.startLines(s)
	o.job.do(len(s.cuts.items)-1, o.workers, o.args)
	for r := range s.Pass.Reductions {
		o.reduce(s, r)
	}
	o.endLines(s)
}

// runItem does an item of the current stage.
func (o *Optimizer[T]) runItem(a *Args, item int) {
	s := o.current
	if s.Array != nil {
		o.runArray(s, item)
		return
	}
	scalars, reductions := len(s.Pass.Scalars), len(s.Pass.Reductions)
	for _, c := range s.cuts.chunks[s.cuts.items[item]:s.cuts.items[item+1]] {
		a.N = c.n
		if scalars > 0 {
			a.Vals = unsafe.Pointer(&o.splats[o.setOf(s.spread, c.param)*scalars*splatLanes[T]()])
		}
		if reductions > 0 {
			a.Part = unsafe.Pointer(&o.partials[c.block*reductions])
		}
		if s.direct != nil {
			c = o.runDirect(s, a, c)
		}
		if s.windowed {
			o.windows(s, a, c)
			continue
		}
		for i, stream := range s.Pass.Streams {
			if stream.Extent == s.Pass.Domain {
				a.Ptr[i] = unsafe.Pointer(&o.arrays[i][c.param][c.from])
			}
		}
		o.call(s, a, c.param, c.from)
	}
}

// call runs the current pass over the args.N elements from an index on, whose streams stand in a.Ptr.
func (o *Optimizer[T]) call(s *stage[T], a *Args, param, at int) {
	if s.Pass.ByRows {
		o.rows(s, a, param, at)
		return
	}
	s.kernel(a)
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
func (o *Optimizer[T]) splat(s *stage[T]) {
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

// reduce combines the partial results of reduction r: those of a tensor's blocks.
func (o *Optimizer[T]) reduce(s *stage[T], r int) {
	red, step := s.Pass.Reductions[r], len(s.Pass.Reductions)
	partials := o.partials
	for param, frame := range o.tensors {
		if o.classOf[param] != s.Class {
			continue
		}
		n := blocks(o.length(s.Pass.Domain, param)) * step
		frame[red.To.Index] = combine(red.Kind, partials[:n], r, step)
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
	if f.From[0].Extent == PerGroup {
		for _, g := range o.filled {
			o.model[f.To.Index] = elem.Combine(f.Kind, o.model[f.To.Index], o.groups[g][f.From[0].Index])
		}
		return
	}
	for param, class := range o.classOf {
		o.add(f.Kind, f.To, param, o.value(f.From[class], o.groupOf[param], param))
	}
}

// start sets a slot of all frames of its extent to what a reduction starts from.
func (o *Optimizer[T]) start(kind elem.Reduction, to Slot) {
	identity := elem.Identity(kind)
	for _, frame := range o.framesOf(to.Extent) {
		frame[to.Index] = identity
	}
}

// add combines a value of a tensor into the slot that it belongs to.
func (o *Optimizer[T]) add(kind elem.Reduction, to Slot, param int, value float64) {
	frame := o.model
	if to.Extent == PerGroup {
		frame = o.groups[o.groupOf[param]]
	}
	frame[to.Index] = elem.Combine(kind, frame[to.Index], value)
}

// holdsFor reports whether a condition holds for a parameter; nil always does.
func (o *Optimizer[T]) holdsFor(cond *Slot, param int) bool {
	return cond == nil || o.value(*cond, o.groupOf[param], param) != 0
}

// holds reports whether a condition of the model holds.
func (o *Optimizer[T]) holds(cond *Slot) bool { return cond == nil || o.value(*cond, 0, 0) != 0 }

// rotate moves the arrays of states on.
func (o *Optimizer[T]) rotate(r *Rotate) {
	if !o.holds(r.If) {
		return
	}
	last := r.States[len(r.States)-1]
	oldest, kept := o.states[last], o.narrow[last]
	for i := len(r.States) - 1; i > 0; i-- {
		o.states[r.States[i]], o.narrow[r.States[i]] = o.states[r.States[i-1]], o.narrow[r.States[i-1]]
	}
	o.states[r.States[0]], o.narrow[r.States[0]] = oldest, kept
}
