package runtime

import (
	"fmt"
	"sync"

	"github.com/optc-lang/optc/runtime/elem"
)

// arrayFunc is a whole-array operator with temporaries of its own: dims are rows and columns of out and of each of in. Large
// work within it goes in parts through split, which calls run once for each item and returns when all are done.
type arrayFunc[T Float] = func(out []T, in [][]T, dims []int, params []float64, split func(items int, run func(item int)))

// arrayRunner hands out the operator of a stage to workers, with room for a call's operands.
type arrayRunner[T Float] struct {
	make func() arrayFunc[T]
	mu   sync.Mutex
	free []*arrayCall[T]
	from [][][]T // operands by parameter, of the step that runs
	to   [][]T
}

type arrayCall[T Float] struct {
	run    arrayFunc[T]
	out    []T
	one    [1]T // of a step value
	in     [][]T
	dims   []int
	params []float64
	split  func(items int, run func(item int))
}

// splitter has the pool help within an operator.
type splitter struct {
	job     *job
	workers int
	run     func(item int)
}

func newSplitter(workers int) *splitter {
	s := &splitter{workers: workers}
	s.job = newJob(s)
	return s
}

func (s *splitter) split(items int, run func(item int)) {
	s.run = run
	s.job.do(items, s.workers, nil)
}

func (s *splitter) runItem(_ *Args, item int) { s.run(item) }

func newArrayRunner[T Float](a *Array) (*arrayRunner[T], error) {
	f, ok := a.New.(func() arrayFunc[T])
	if !ok {
		return nil, fmt.Errorf("generated code is at fault, build it again: a whole-array operator is a %T", a.New)
	}
	return &arrayRunner[T]{make: f, from: make([][][]T, len(a.In))}, nil
}

func (r *arrayRunner[T]) take(a *Array, workers int) *arrayCall[T] {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.free); n > 0 {
		c := r.free[n-1]
		r.free = r.free[:n-1]
		return c
	}
	return &arrayCall[T]{run: r.make(), in: make([][]T, len(a.In)), dims: make([]int, 2*len(a.Dims)), params: make([]float64, len(a.Params)),
		split: newSplitter(workers).split}
}

func (r *arrayRunner[T]) put(c *arrayCall[T]) {
	clear(c.in)
	c.out = nil
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, c)
}

// runArrays runs a whole-array operator on the tensors of its class, each on one worker, whom others may help.
func (o *Optimizer[T]) runArrays(s *stage[T], in *inputs[T]) {
	o.current = s
	for i, p := range s.Array.In {
		s.run.from[i] = o.place(p, in)
	}
	if s.Array.To == nil {
		s.run.to = o.place(s.Array.Out, in)
	}
	o.job.do(len(o.x), o.workers, o.args)
	clear(s.run.from)
	s.run.to = nil
}

func (o *Optimizer[T]) runArray(s *stage[T], param int) {
	a := s.Array
	if o.classOf[param] != s.Class || !o.holdsFor(a.If, param) {
		return
	}
	c := s.run.take(a, o.workers)
	for i, d := range a.Dims {
		c.dims[2*i], c.dims[2*i+1] = o.axis(d.Rows, param), o.axis(d.Cols, param)
	}
	for i := range a.In {
		c.in[i] = s.run.from[i][param]
	}
	for i, p := range a.Params {
		c.params[i] = o.value(p, o.groupOf[param], param)
	}
	c.out = c.one[:]
	if a.To == nil {
		c.out = s.run.to[param]
	}
	c.run(c.out, c.in, c.dims, c.params, c.split)
	if a.To != nil {
		o.tensors[param][a.To.Index] = float64(c.one[0])
	}
	s.run.put(c)
}

func (o *Optimizer[T]) axis(a Axis, param int) int {
	switch a {
	case Rows:
		return int(o.tensors[param][TensorRows])
	case Cols:
		return int(o.tensors[param][TensorCols])
	}
	return 1
}

// order computes an order statistic.
func (o *Optimizer[T]) order(st *stage[T], in *inputs[T]) {
	o.selector.args = o.args
	s, class := st.Order, st.Class
	if s.Per <= PerGroup {
		o.orderAcross(st, in)
		return
	}
	values := o.place(s.In[class], in)
	for param := range o.x {
		if o.classOf[param] != class || !o.holdsFor(s.If[class], param) {
			continue
		}
		k := o.value(s.K, o.groupOf[param], param)
		u := values[param]
		rows, cols := o.matrix(s.Of, param)
		switch {
		case s.Per.isLine() && s.Top:
			o.lineBuffers.TopK(o.scratch[s.Out.Index][param], s.Per == s.Of.firstAxis(), u, rows, cols, elem.Rank(k))
		case s.Per.isLine():
			o.lineBuffers.Statistic(s.Stat, o.scratch[s.Out.Index][param], s.Per == s.Of.firstAxis(), u, rows, cols, k)
		default:
			o.startParts()
			o.addPart(st, class, param, u)
			if v := o.ofParts(s, k); s.To != nil {
				o.tensors[param][s.To.Index] = v
			}
		}
	}
	o.forgetParts()
}

// startParts and addPart collect the parts of an order statistic.
func (o *Optimizer[T]) startParts() {
	o.parts, o.marks, o.made, o.tops = o.parts[:0], o.marks[:0], o.made[:0], o.tops[:0]
}

func (o *Optimizer[T]) addPart(st *stage[T], class, param int, u []T) {
	o.parts = append(o.parts, u)
	if st.Order.Top {
		o.marks = append(o.marks, o.scratch[st.Order.Out.Index][param])
	}
	if st.sources == nil {
		return
	}
	m := made[T]{param: param}
	if d := st.sources[class]; d != nil && d.isMade(param) {
		m.of = d
	}
	o.made = append(o.made, m)
	if d := st.masks[class]; d != nil {
		o.tops = append(o.tops, &d.marked[param])
	}
}

// ofParts computes an order statistic of the parts; of a mask it gives nothing.
func (o *Optimizer[T]) ofParts(s *Order, k float64) float64 {
	if len(o.made) > 0 {
		o.selector.made = o.made
	}
	if len(o.tops) > 0 {
		o.selector.tops = o.tops
	}
	if s.Top {
		o.selector.topK(o.marks, o.parts, elem.Rank(k))
		return 0
	}
	return o.selector.statistic(s.Stat, o.parts, k)
}

// ordering is what order statistics need room for.
type ordering[T Float] struct {
	lineBuffers  elem.Lines[T]
	parts, marks [][]T
	made         []made[T]
	tops         []*marked[T]
	values       [1][]float64 // one a tensor
	selector     selector[T]
}

// setOrder makes room for an order statistic.
func (o *Optimizer[T]) setOrder(s *Order) {
	if s.From != nil || s.Per.isLine() {
		return
	}
	most, all := 0, 0
	for param := range o.x {
		n := o.length(s.Of, param)
		most, all = max(most, n), all+n
	}
	if s.Per <= PerGroup {
		most = all
	}
	o.selector.ready(o, most)
}

func (o *ordering[T]) forgetParts() {
	clear(o.parts[:cap(o.parts)])
	clear(o.marks[:cap(o.marks)])
}

// firstAxis is the extent of one value for each of a matrix's first axis.
func (e Extent) firstAxis() Extent {
	if e == PerColCol || e == PerColRow {
		return PerCol
	}
	return PerRow
}

// matrix is how many rows and columns a parameter's matrix of an extent has.
func (o *Optimizer[T]) matrix(e Extent, param int) (rows, cols int) {
	rows, cols = o.axis(Rows, param), o.axis(Cols, param)
	switch e {
	case PerRowRow:
		return rows, rows
	case PerColCol:
		return cols, cols
	case PerColRow:
		return cols, rows
	}
	return rows, cols
}

func (e Extent) isLine() bool { return e == PerRow || e == PerCol }

// orderAcross computes an order statistic over the tensors of a group or of the model.
func (o *Optimizer[T]) orderAcross(st *stage[T], in *inputs[T]) {
	s := st.Order
	for group, frame := range o.framesOf(s.Per) {
		o.startParts()
		o.values[0] = o.values[0][:0]
		for param, class := range o.classOf {
			if !o.holdsFor(s.If[class], param) || s.Per == PerGroup && o.groupOf[param] != group {
				continue
			}
			if s.From != nil {
				o.values[0] = append(o.values[0], o.value(s.From[class], o.groupOf[param], param))
				continue
			}
			if s.In[class].Kind == StreamNone {
				continue
			}
			o.addPart(st, class, param, o.place(s.In[class], in)[param])
		}
		k := o.value(s.K, group, 0)
		if s.From != nil {
			frame[s.To.Index] = elem.Statistic(s.Stat, o.values[:], k)
		} else if v := o.ofParts(s, k); s.To != nil {
			frame[s.To.Index] = v
		}
	}
	o.forgetParts()
}
