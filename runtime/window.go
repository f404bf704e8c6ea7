package runtime

import (
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// Some streams are not arrays of the domain's size that a kernel could walk along: a value per row or column repeats, a
// random value is made as it is read, a value to be reduced per row or column is used up as it is written, and what is kept
// in a narrow format is widened and narrowed. A pass with such streams goes through its chunks in windows: for each, the
// worker fills pieces of its own memory that stay in the cache, runs the kernel over them, and takes away what it wrote.

// windowElements is the size of a window: a whole number of blocks, so that reductions see the blocks of the tensor.
const windowElements = 2 * elem.Block

// isWindowed reports whether a pass makes a stream piece by piece.
func (o *Optimizer[T]) isWindowed(p *Pass, s Stream) bool {
	return s.Kind == StreamDraw || s.Extent != p.Domain && !p.ByRows || s.Kind == StreamCollect && !p.ByRows ||
		o.stored(s.Place) != nil
}

// windows runs the current pass over a chunk, window by window.
func (o *Optimizer[T]) windows(s *stage[T], a *Args, c chunk) {
	switch {
	case c.n == 0:
		return
	case s.kept != nil:
		o.keptWindows(s, a, c)
		return
	}
	part := a.Part
	cols := max(1, o.cols(c.param))
	row := -1 // the one whose values all of the windows of values per row have
	size := windowElements
	if s.made != nil {
		size = madeElements
	}
	for at := c.from; at < c.from+c.n; at += a.N {
		if part != nil {
			a.Part = unsafe.Add(part, (at-c.from)/elem.Block*len(s.Pass.Reductions)*8)
		}
		if s.bare != nil && o.runBare(s, a, c, at) > 0 {
			continue
		}
		a.N = min(size, c.from+c.n-at)
		for i, stream := range s.Pass.Streams {
			if stream.Extent != s.Pass.Domain && s.Pass.ByRows || s.isIdle(i) {
				continue
			}
			if s.made != nil && s.made[i] != nil {
				a.Ptr[i] = unsafe.Pointer(&s.made[i].piece(o, a, window[T](a, i)[:a.N], c.param, at)[0])
				continue
			}
			if !o.isWindowed(s.Pass, stream) {
				a.Ptr[i] = unsafe.Pointer(&s.mem.arrays[i][c.param][at])
				continue
			}
			if stream.Extent == PerCol && s.Pass.Domain == PerElem && at%cols+a.N <= cols {
				a.Ptr[i] = unsafe.Pointer(&s.mem.arrays[i][c.param][at%cols])
				continue
			}
			w := window[T](a, i)
			a.Ptr[i] = unsafe.Pointer(&w[0])
			switch {
			case stream.Extent == PerRow && s.Pass.Domain == PerElem && (at+a.N-1)/cols == at/cols:
				if at/cols != row {
					repeat(w, s.mem.arrays[i][c.param][at/cols])
				}
			case stream.Read:
				o.fill(w[:a.N], stream, s.mem.arrays[i], c.param, at)
			}
		}
		if row = -1; (at+a.N-1)/cols == at/cols {
			row = at / cols
		}
		o.call(s, a, c.param, at)
		o.drain(s, a, c, at)
	}
}

// window is the worker's memory for stream i.
func window[T Float](a *Args, i int) []T {
	const size = MaxStreams * windowElements // in float64, the larger type
	if a.window == nil {
		a.window = make([]float64, size+windowSkew*MaxStreams)
		a.words = make([]uint32, windowElements)
	}
	at := &a.window[i*(windowElements+windowSkew)]
	return unsafe.Slice((*T)(unsafe.Pointer(at)), windowElements)
}

// windowSkew keeps windows from starting a power of two apart.
const windowSkew = 16

// fill makes the elements of a stream from an index on.
func (o *Optimizer[T]) fill(w []T, s Stream, arrays [][]T, param, at int) {
	switch {
	case s.Kind == StreamDraw:
		o.draw(w, s.Place, param, at)
	case o.stored(s.Place) != nil:
		o.stored(s.Place)[param].widen(w, at)
	case s.Extent == PerCol:
		cols := arrays[param]
		for from := at % len(cols); len(w) > 0; from = 0 {
			n := copy(w, cols[from:])
			w = w[n:]
		}
	default:
		rows, cols := arrays[param], o.cols(param)
		for row, in := at/cols, at%cols; len(w) > 0; row, in = row+1, 0 {
			n := min(len(w), cols-in)
			repeat(w[:n], rows[row])
			w = w[n:]
		}
	}
}

// repeat sets w to copies of v: by doubling what is there, since copy is made of vectors.
func repeat[T Float](w []T, v T) {
	const some = 16
	for i := range w[:min(some, len(w))] {
		w[i] = v
	}
	for n := some; n < len(w); n *= 2 {
		copy(w[n:], w[:n])
	}
}

func (o *Optimizer[T]) cols(param int) int { return int(o.tensors[param][TensorCols]) }

// draw fills w with the random values of a tensor from an element on.
func (o *Optimizer[T]) draw(w []T, p Place, param, at int) {
	s := elem.Stream{Seed: o.seed, Step: uint64(o.steps.Load()), Tensor: uint32(param), Site: uint32(p.Index)}
	switch p.Draw {
	case "normal":
		drawNormal(o.drawing, w, s, at)
	case "uniform":
		drawUniform(o.drawing, w, s, at)
	default:
		drawRademacher(o.drawing, w, s, at)
	}
}

// drawSteps draws the random step values, each addressed by its tensor or group.
func (o *Optimizer[T]) drawSteps() {
	for _, d := range o.rule.StepDraws {
		for i, frame := range o.framesOf(d.To.Extent) {
			s := elem.Stream{Seed: o.seed, Step: uint64(o.steps.Load()), Tensor: uint32(i), Site: uint32(d.Site)}
			frame[d.To.Index] = elem.DrawStep(d.Draw, s)
		}
	}
}

// drain takes away what a kernel wrote to windows.
func (o *Optimizer[T]) drain(s *stage[T], a *Args, c chunk, at int) {
	for i, stream := range s.Pass.Streams {
		if kept := o.stored(stream.Place); stream.Write && kept != nil && !s.isIdle(i) {
			kept[c.param].keep(window[T](a, i)[:a.N], at, o.roundingWords(a, stream.Place, c.param, at))
		}
	}
	if s.Pass.ByRows {
		return // it has added its columns up
	}
	for i, collect := range s.collects[len(s.Pass.RowReductions):] {
		o.collect(s, len(s.Pass.RowReductions)+i, window[T](a, collect.Stream)[:a.N], c.param, at)
	}
}

// roundingWords are the random words by which an array is rounded stochastically, nil when it is rounded to nearest.
func (o *Optimizer[T]) roundingWords(a *Args, p Place, param, at int) []uint32 {
	name, chance := o.rounding(p)
	if !chance {
		return nil
	}
	words := a.words[:a.N]
	drawWords(o.drawing, words, elem.RoundingStream(elem.Stream{Seed: o.seed, Step: uint64(o.steps.Load()), Tensor: uint32(param)}, name), at)
	return words
}
