package runtime

import (
	"math"
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// chunkElements is what a worker claims at a time: a whole number of blocks, enough to make a claim cheap, and a bound
// on how long assembly keeps the garbage collector waiting.
const chunkElements = 64 * elem.Block

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
	plain    bool      // of Pass: its kernel runs over whole chunks of the arrays themselves
	finest   []int     // of Pass: its scalars of one value a tensor
	collects []Collect // of Pass: RowReductions and Collects
	lines    [][]int   // of Pass: where in the workspace's rows or cols those of each of these and tensor begin
	mem      *workspace[T]
	group    *group[T]  // of a pass that runs together with others
	cases    []passCase // of Pass
	idle     []bool     // of a case: by stream, it is left alone
	bare     *bare[T]   // of Pass; nil if none runs
	kept     []int      // of Pass: the streams kept in a narrow format, where no others are made piece by piece
	run      *arrayRunner[T]
	derives  *derived[T]   // what a pass makes, if that is made piece by piece
	made     []*derived[T] // of Pass, by stream: what makes it piece by piece; nil if none is

	lends, returns *loan[T]   // of Pass: with the parameters, to a probe; from it
	loans          []*loan[T] // of Probe, by class; nil where the points are copied

	sources, masks []*derived[T] // of Order, by class: what it is of, and its mask, if they are made piece by piece
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
			if s.Order != nil {
				o.setOrder(s.Order)
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
		o.derive(out)
		for i := range out {
			if out[i].Pass != nil {
				o.setBare(&out[i], limit)
			}
		}
		o.lend(out)
		out = groups(out)
		for i := range out {
			if d := out[i].derives; d != nil {
				d.pass = &out[i]
			}
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
	for i, scalar := range s.Pass.Scalars {
		if scalar.Extent == PerTensor {
			s.finest = append(s.finest, i)
		}
	}
	for _, stream := range s.Pass.Streams {
		s.windowed = s.windowed || o.isWindowed(s.Pass, stream)
	}
	s.plain = !s.windowed && s.direct == nil && !s.Pass.ByRows
	s.kept = o.keptOf(s.Pass)
	o.setCases(s, limit)
	s.collects = append(append(s.collects, s.Pass.RowReductions...), s.Pass.Collects...)
	s.cuts = o.cutsFor(s.Pass.Domain, s.Class)
}

// machine is what executing a pass needs besides the optimizer's values, all of it allocated once.
type machine[T Float] struct {
	job  *job
	args *Args // the caller's
	cuts []*cuts

	workspaces []*workspace[T] // by place in a group
	totals     []float64       // of one collect and tensor
	streams    int             // of the pass that has most
	perRows    int             // scalars per row of the pass that has most

	current *stage[T]
	grouped bool // current's group runs, not it alone
}

// cuts is how the arrays of a domain and a class are cut for passes.
type cuts struct {
	domain  Extent
	class   int
	tensors []cut   // all of the class, in order
	chunks  []chunk // of all tensors, in order
	items   []int   // item i is chunks[items[i]:items[i+1]]
	blocks  int
}

// cut is a tensor with the number of its blocks.
type cut struct{ param, blocks int }

// chunk is a part of a tensor that one call of a kernel works on.
type chunk struct {
	param, from, n int
	block          int // number of its first block among all
}

func (m *machine[T]) init(o *Optimizer[T]) {
	m.job = newJob(o)
	m.args = new(Args)
	totals := 0
	for param := range o.x {
		totals = max(totals, o.cols(param), o.axis(Rows, param))
	}
	m.totals = make([]float64, totals)
	for _, stages := range [][]stage[T]{o.first, o.later, o.evals} {
		own := maxGroup
		for i := range stages {
			s := &stages[i]
			switch {
			case s.derives != nil: // its scalars last
				m.remember(o, s, own)
				own++
			case s.group != nil:
				for place, member := range s.group.passes {
					m.remember(o, member, place)
				}
				s.group.ready(o)
			case s.Pass != nil:
				m.remember(o, s, 0)
			}
		}
	}
	for _, m := range m.workspaces {
		m.make()
	}
}

// cutsFor cuts the arrays of a domain and a class into chunks and gathers small ones into items.
func (o *Optimizer[T]) cutsFor(domain Extent, class int) *cuts {
	for _, c := range o.cuts {
		if c.domain == domain && c.class == class {
			return c
		}
	}
	c := o.cut(domain, class, func(int) int { return chunkElements })
	o.cuts = append(o.cuts, c)
	return c
}

// cut is cutsFor chunks of a size that depends on the parameter; 0 leaves one out. Blocks are numbered alike in all cuts.
func (o *Optimizer[T]) cut(domain Extent, class int, size func(param int) int) *cuts {
	c := &cuts{domain: domain, class: class}
	cost := chunkElements
	for i := range o.x {
		if o.classOf[i] != class {
			continue
		}
		length, most := o.length(domain, i), size(i)
		for from := 0; from < length && most > 0; from += most {
			n := min(length-from, most)
			if cost += max(n, chunkCost); cost > chunkElements {
				c.items = append(c.items, len(c.chunks))
				cost = max(n, chunkCost)
			}
			c.chunks = append(c.chunks, chunk{i, from, n, c.blocks + from/elem.Block})
		}
		c.tensors = append(c.tensors, cut{i, blocks(length)})
		c.blocks += blocks(length)
	}
	c.items = append(c.items, len(c.chunks))
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
			o.order(s, in)
		case s.Probe != nil:
			if err := o.probe(s, in); err != nil {
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
	for _, m := range o.workspaces {
		clear(m.arrays[:o.streams])
		clear(m.perRow[:o.perRows])
	}
	o.args.forget(o.streams)
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
	if s.group != nil {
		o.together(s, in)
		return
	}
	o.begin(s, in)
	o.current = s
	o.job.do(len(s.cuts.items)-1, o.workers, o.args)
	o.end(s, nil)
}

// begin readies a pass.
func (o *Optimizer[T]) begin(s *stage[T], in *inputs[T]) {
	for i, stream := range s.Pass.Streams {
		s.mem.arrays[i] = o.place(stream.Place, in)
	}
	for i, place := range s.Pass.RowScalars {
		s.mem.perRow[i] = o.place(place, in)
	}
	o.splat(s)
}

// end combines what a pass reduced, but for the rows that its group has combined.
func (o *Optimizer[T]) end(s *stage[T], g *group[T]) {
	if len(s.Pass.Reductions) > 0 {
		o.reduce(s)
	}
	o.endLines(s, g)
}

// runItem does an item of the current stage.
func (o *Optimizer[T]) runItem(a *Args, item int) {
	s := o.current
	if s.Array != nil {
		o.runArray(s, item)
		return
	}
	if o.grouped {
		o.runGroup(s.group, a, item)
		return
	}
	chunks := s.cuts.chunks[s.cuts.items[item]:s.cuts.items[item+1]]
	lent := s.lends != nil || s.returns != nil
	if s.plain && !lent {
		o.runPlain(s, a, chunks)
		return
	}
	for _, c := range chunks {
		if lent {
			o.runLoans(s, a, c)
			continue
		}
		o.runChunk(s, a, c)
	}
}

// runChunk runs a pass over a chunk.
func (o *Optimizer[T]) runChunk(s *stage[T], a *Args, c chunk) {
	if s.cases != nil {
		fitting := *s
		s = &fitting
		o.fit(s, c.param)
	}
	o.ready(s, a, &c)
	if s.direct != nil {
		c = o.runDirect(s, a, c)
	}
	if s.windowed {
		o.windows(s, a, c)
		return
	}
	for i, stream := range s.Pass.Streams {
		if stream.Extent == s.Pass.Domain && !(s.isIdle(i) && o.isWindowed(s.Pass, stream)) {
			a.Ptr[i] = unsafe.Pointer(&s.mem.arrays[i][c.param][c.from])
		}
	}
	o.call(s, a, c.param, c.from)
}

// runPlain runs the current pass over chunks. For tensors of few elements it is most of what a step costs.
func (o *Optimizer[T]) runPlain(s *stage[T], a *Args, chunks []chunk) {
	arrays := s.mem.arrays[:len(s.Pass.Streams)]
	to := a.Ptr[:len(arrays)]
	for k := range chunks {
		c := &chunks[k]
		o.ready(s, a, c)
		for i, array := range arrays {
			to[i] = unsafe.Pointer(&array[c.param][c.from])
		}
		if s.cases != nil {
			o.caseOf(s, c.param).kernel(a)
			continue
		}
		s.kernel(a)
	}
}

// ready sets the length, the scalars and the reductions of a chunk.
func (o *Optimizer[T]) ready(s *stage[T], a *Args, c *chunk) {
	a.N = c.n
	if n := len(s.Pass.Scalars); n > 0 {
		a.Vals = unsafe.Pointer(&s.mem.splats[o.setOf(s.spread, c.param)*n*splatLanes[T]()])
	}
	if n := len(s.Pass.Reductions); n > 0 {
		a.Part = unsafe.Pointer(&s.mem.partials[c.block*n])
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
	n := len(s.Pass.Scalars)
	switch {
	case n == 0:
	case s.spread == PerTensor:
		first := -1 // of those in a row that are of one group
		for _, t := range s.cuts.tensors {
			if first < 0 || o.groupOf[first] != o.groupOf[t.param] {
				first = t.param
			}
			o.splatTensor(s, t.param, first)
		}
	case s.spread == PerGroup:
		for _, g := range o.filled {
			for i, slot := range s.Pass.Scalars {
				o.splatTo(s, g*n+i, o.value(slot, g, 0))
			}
		}
	default:
		for i, slot := range s.Pass.Scalars {
			o.splatTo(s, i, o.value(slot, 0, 0))
		}
	}
}

// splatTensor sets the scalars of a tensor. Those that are not its own are copied from another one of its group, if it is
// not that: and not from the one before it, whose stores are still under way, so that a load of several waits for them.
func (o *Optimizer[T]) splatTensor(s *stage[T], param, first int) {
	n := len(s.Pass.Scalars)
	if param == first {
		for i, slot := range s.Pass.Scalars {
			o.splatTo(s, param*n+i, o.value(slot, o.groupOf[param], param))
		}
		return
	}
	size := n * splatLanes[T]()
	copy(s.mem.splats[param*size:][:size], s.mem.splats[first*size:])
	for _, i := range s.finest {
		o.splatTo(s, param*n+i, o.tensors[param][s.Pass.Scalars[i].Index])
	}
}

// splatTo sets the copies of a scalar, rounded.
func (o *Optimizer[T]) splatTo(s *stage[T], scalar int, v float64) {
	lanes := splatLanes[T]()
	splat((*[SplatBytes / 8]uint64)(unsafe.Pointer(unsafe.SliceData(s.mem.splats[scalar*lanes:][:lanes]))), T(v))
}

// splat sets copies of v, a word of 8 bytes at a time.
func splat[T Float](to *[SplatBytes / 8]uint64, v T) {
	word := math.Float64bits(float64(v))
	if unsafe.Sizeof(v) == 4 {
		word = uint64(math.Float32bits(float32(v))) * (1<<32 + 1)
	}
	for i := range to {
		to[i] = word
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

// reduce combines the partial results of each reduction: those of a tensor's blocks.
func (o *Optimizer[T]) reduce(s *stage[T]) {
	reductions, partials := s.Pass.Reductions, s.mem.partials
	for _, t := range s.cuts.tensors {
		frame, n := o.tensors[t.param], t.blocks*len(reductions)
		for r := range reductions {
			frame[reductions[r].To.Index] = combine(reductions[r].Kind, partials[:n], r, len(reductions))
		}
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
	frame := o.model
	for param, class := range o.classOf {
		group := o.groupOf[param]
		if f.To.Extent == PerGroup {
			frame = o.groups[group]
		}
		at := &frame[f.To.Index]
		*at = elem.Combine(f.Kind, *at, o.value(f.From[class], group, param))
	}
}

// start sets a slot of all frames of its extent to what a reduction starts from.
func (o *Optimizer[T]) start(kind elem.Reduction, to Slot) {
	identity := elem.Identity(kind)
	for _, frame := range o.framesOf(to.Extent) {
		frame[to.Index] = identity
	}
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
