package runtime

import (
	"math"
	"slices"
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// What an order statistic is of, and the mask that it gives, need not be in memory: `topk(abs(g); k)` reads the gradient alone.
// A pass that computes nothing else, of arrays that stay as they are, is then no loop of its own. Whoever reads its array (the
// selector, a later pass) has each piece made in the worker's memory, by the same kernel and so with the same bits; and a mask
// is made of the piece and of what the selector told. An array is neither written nor read. It is there all the same for tensors
// too small for a selector, and where the selector leaves the answer to package elem.

// derived is an array that is made piece by piece: by a pass, or as the mask of another one.
type derived[T Float] struct {
	class  int         // of its tensors
	array  [][]T       // by parameter; where it is in memory
	pass   *stage[T]   // its kernel makes it; nil of a mask
	of     *derived[T] // what a mask is of
	marked []marked[T] // of a mask, by parameter
}

// marked are the elements that a mask has of a tensor: those above one, and those with its bits before an index.
type marked[T Float] struct {
	least  T
	until  int
	few    []int // where they are, of a few
	isFew  bool
	stored bool // it is in memory instead
}

// madeElements is the size of a window of a pass for which arrays are made: what they are made of is in the first cache level
// when the pass comes to it.
const madeElements = elem.Block

// mostFew is how many elements a mask may have whose places are kept.
const mostFew = 16

// zeros are the piece of a mask that marks nothing.
var zeros [windowElements]float64

// derive finds the arrays of a sequence of stages that are made piece by piece.
func (o *Optimizer[T]) derive(stages []stage[T]) {
	for i := range stages {
		s := &stages[i]
		to, ok := o.makes(s)
		if !ok {
			continue
		}
		readers, ok := o.readers(stages, i, to, s)
		if !ok || !slices.ContainsFunc(readers, func(u *stage[T]) bool { return u.Order != nil }) {
			continue
		}
		d := &derived[T]{class: s.Class, array: o.scratch[to.Index]}
		s.derives = d
		s.cuts = o.cut(PerElem, s.Class, func(param int) int {
			if d.isMade(param) {
				return 0
			}
			return chunkElements
		})
		for _, u := range readers {
			o.use(u, to, d)
		}
		for k := i + 1; k < len(stages); k++ {
			if u := &stages[k]; slices.Contains(readers, u) && u.Order != nil && u.Order.Top {
				o.deriveMask(stages, k, s)
			}
		}
	}
}

// deriveMask makes the mask of an order statistic, stage i, derived if only passes read it.
func (o *Optimizer[T]) deriveMask(stages []stage[T], i int, s *stage[T]) {
	to := stages[i].Order.Out
	readers, ok := o.readers(stages, i, to, s)
	if !ok || slices.ContainsFunc(readers, func(u *stage[T]) bool { return u.Order != nil }) {
		return
	}
	d := &derived[T]{class: s.Class, array: o.scratch[to.Index], of: s.derives, marked: make([]marked[T], len(o.x))}
	for i := range d.marked {
		d.marked[i].few = make([]int, 0, mostFew)
	}
	stages[i].masks[s.Class] = d
	for _, u := range readers {
		o.use(u, to, d)
	}
}

// makes is the scratch array that a pass does nothing but compute, of whole arrays.
func (o *Optimizer[T]) makes(s *stage[T]) (to Place, ok bool) {
	p := s.Pass
	if p == nil || p.Domain != PerElem || p.ByRows || s.made != nil || len(p.Streams) == MaxStreams ||
		len(p.Reductions)+len(p.Collects)+len(p.Cases) > 0 {
		return to, false
	}
	for _, stream := range p.Streams {
		switch {
		case stream.Extent != PerElem || stream.Kind == StreamDraw || o.stored(stream.Place) != nil:
			return to, false
		case stream.Write && (ok || stream.Read || stream.Kind != StreamScratch):
			return to, false
		case stream.Write:
			to, ok = stream.Place, true
		}
	}
	return to, ok
}

// readers are the stages after stage i that read a scratch array until it is overwritten. False if one of them must have it in
// memory, or if by then something has changed that the pass of s reads.
func (o *Optimizer[T]) readers(stages []stage[T], i int, to Place, s *stage[T]) (readers []*stage[T], ok bool) {
	changed := false
	for k := i + 1; k < len(stages); k++ {
		u := &stages[k]
		reads, writes := u.places(s.Class)
		if slices.Contains(reads, to) {
			if changed || !u.takesPieces(to) {
				return nil, false
			}
			readers = append(readers, u)
		}
		if slices.Contains(writes, to) {
			break
		}
		for _, stream := range s.Pass.Streams {
			changed = changed || stream.Read && (slices.Contains(writes, stream.Place) || u.Probe != nil || u.Rotate != nil)
		}
	}
	return readers, true
}

// places are the arrays that a stage reads and writes of a class.
func (s *stage[T]) places(class int) (reads, writes []Place) {
	switch {
	case s.Order != nil && s.Order.Per <= PerGroup && s.Order.From == nil:
		return s.Order.In[class : class+1], []Place{s.Order.Out}
	case s.Probe != nil:
		reads = append(reads, s.Probe.Point[class])
		if s.Probe.Vector != nil {
			reads = append(reads, s.Probe.Vector[class])
		}
		if s.Probe.Out != nil {
			writes = append(writes, *s.Probe.Out)
		}
	case s.Class != class:
	case s.Order != nil && s.Order.From == nil:
		return s.Order.In[class : class+1], []Place{s.Order.Out}
	case s.Array != nil:
		return s.Array.In, []Place{s.Array.Out}
	case s.Pass != nil:
		reads = append(reads, s.Pass.RowScalars...)
		for _, stream := range s.Pass.Streams {
			if stream.Read {
				reads = append(reads, stream.Place)
			}
			if stream.Write {
				writes = append(writes, stream.Place)
			}
		}
		for _, c := range slices.Concat(s.Pass.Collects, s.Pass.RowReductions) {
			writes = append(writes, c.To)
		}
	}
	return reads, writes
}

// takesPieces reports whether a stage can have an array that it reads made piece by piece.
func (s *stage[T]) takesPieces(from Place) bool {
	if s.Order != nil {
		return s.Order.Per == PerTensor || s.Order.Per < PerTensor && len(s.Order.In) == 1
	}
	return s.Pass != nil && s.Pass.Domain == PerElem && !s.Pass.ByRows && len(s.Pass.Streams) < MaxStreams &&
		!slices.ContainsFunc(s.Pass.Streams, func(stream Stream) bool { return stream.Place == from && stream.Write })
}

// use has a stage read pieces of a derived array.
func (o *Optimizer[T]) use(s *stage[T], from Place, d *derived[T]) {
	if s.Order != nil {
		if s.sources == nil {
			classes := len(s.Order.In)
			s.sources, s.masks = make([]*derived[T], classes), make([]*derived[T], classes)
		}
		s.sources[d.class] = d
		return
	}
	if s.made == nil {
		s.made = make([]*derived[T], len(s.Pass.Streams))
	}
	for i, stream := range s.Pass.Streams {
		if stream.Place == from {
			s.made[i] = d
		}
	}
	s.windowed, s.plain, s.direct, s.kept = true, false, nil, nil
	for i := range s.cases {
		c := &s.cases[i]
		c.direct = nil
		for k, d := range s.made {
			c.windowed = c.windowed || d != nil && !c.idle[k]
		}
	}
}

// leastMade is the length from which an array is made piece by piece: a shorter one is in the cache.
const leastMade = 1 << 15

// isMade reports whether a tensor's array is made piece by piece.
func (d *derived[T]) isMade(param int) bool { return len(d.array[param]) >= leastMade }

// piece is the elements of a tensor from one on, as many as to has: made there, unless they are in memory.
func (d *derived[T]) piece(o *Optimizer[T], a *Args, to []T, param, at int) []T {
	switch {
	case !d.isMade(param) || d.of != nil && d.marked[param].stored:
		return d.array[param][at:][:len(to)]
	case d.of != nil:
		m := &d.marked[param]
		if m.isFew && len(m.fewIn(at, len(to))) == 0 {
			return unsafe.Slice((*T)(unsafe.Pointer(&zeros)), len(to))
		}
		var u []T
		if !m.isFew {
			u = d.of.piece(o, a, window[T](a, MaxStreams-1)[:len(to)], param, at)
		}
		m.mark(to, u, at)
	default:
		b := d.ready(o, a, len(to), param)
		for i, stream := range d.pass.Pass.Streams {
			if stream.Read {
				b.Ptr[i] = unsafe.Pointer(&d.pass.mem.arrays[i][param][at])
			} else {
				b.Ptr[i] = unsafe.Pointer(&to[0])
			}
		}
		d.pass.kernel(b)
	}
	return to
}

// fewIn are those of a few marked elements that are among n from an index on.
func (m *marked[T]) fewIn(at, n int) []int {
	first, _ := slices.BinarySearch(m.few, at)
	end, _ := slices.BinarySearch(m.few, at+n)
	return m.few[first:end]
}

// mark sets to to the mask of u, the elements from an index on, of which nothing is read where a few are marked.
func (m *marked[T]) mark(to, u []T, at int) {
	if m.isFew {
		clear(to)
		for _, i := range m.fewIn(at, len(to)) {
			to[i-at] = 1
		}
		return
	}
	ties := min(max(m.until-at, 0), len(to))
	markFrom(to[:ties], u[:ties], m.least)
	markAbove(to[ties:], u[ties:], m.least)
}

// some sets to to the elements of a tensor at some places.
func (d *derived[T]) some(o *Optimizer[T], a *Args, to []T, param int, at []int) {
	for len(at) > 0 {
		n := min(len(at), windowElements)
		b := d.ready(o, a, n, param)
		for i, stream := range d.pass.Pass.Streams {
			if !stream.Read {
				b.Ptr[i] = unsafe.Pointer(&to[0])
				continue
			}
			w, array := window[T](a, i), d.pass.mem.arrays[i][param]
			for k, at := range at[:n] {
				w[k] = array[at]
			}
			b.Ptr[i] = unsafe.Pointer(&w[0])
		}
		d.pass.kernel(b)
		to, at = to[n:], at[n:]
	}
}

// ready readies arguments for the pass within those of the worker, which may be in use.
func (d *derived[T]) ready(o *Optimizer[T], a *Args, n, param int) *Args {
	if a.within == nil {
		a.within = new(Args)
	}
	o.ready(d.pass, a.within, &chunk{param: param, n: n})
	return a.within
}

// markAbove sets to to 1 where u is above least, in the order of elem.TopK, and to 0 elsewhere.
func markAbove[T Float](to, u []T, least T) {
	above := next(least, 1)
	if above > least && above != 0 && !(least == 0 && math.Signbit(float64(least))) {
		markFrom(to, u, above)
		return
	}
	elem.Mark(to, u, least, 0)
}
