package runtime

import (
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// Some streams are not arrays of the domain's size that a kernel could walk along: a value per row or column repeats, a
// random value is made as it is read, a value to be reduced per row or column is used up as it is written, and a state in
// a narrow format is widened and narrowed. A pass with such streams goes through its chunks in windows: for each, the
// worker fills pieces of its own memory that stay in the cache, runs the kernel over them, and takes away what it wrote.

// windowElements is the size of a window: a whole number of blocks, so that reductions see the blocks of the tensor.
const windowElements = 2 * elem.Block

// isWindowed reports whether a pass makes a stream piece by piece.
func (o *Optimizer[T]) isWindowed(p *Pass, s Stream) bool {
	return s.Kind == StreamDraw || s.Kind == StreamCollect || s.Extent != p.Domain ||
		s.Kind == StreamState && o.rule.States[s.Index].Format != ""
}

// windows runs the current pass over a chunk, window by window.
func (o *Optimizer[T]) windows(s *stage[T], a *Args, c chunk) {
	part := a.Part
	for at := c.from; at < c.from+c.n; at += windowElements {
		a.N = min(windowElements, c.from+c.n-at)
		for i, stream := range s.Pass.Streams {
			if !o.isWindowed(s.Pass, stream) {
				a.Ptr[i] = unsafe.Pointer(&o.arrays[i][c.param][at])
				continue
			}
			w := window[T](a, i)
			a.Ptr[i] = unsafe.Pointer(&w[0])
			if stream.Read {
				o.fill(w[:a.N], stream, o.arrays[i], c.param, at)
			}
		}
		if part != nil {
			a.Part = unsafe.Add(part, (at-c.from)/elem.Block*len(s.Pass.Reductions)*8)
		}
		s.kernel(a)
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
	case s.Kind == StreamState && o.rule.States[s.Index].Format != "":
		o.narrow[s.Index][param].widen(w, at)
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
			v := rows[row]
			for i := range w[:n] {
				w[i] = v
			}
			w = w[n:]
		}
	}
}

func (o *Optimizer[T]) cols(param int) int { return int(o.tensors[param][TensorCols]) }

// draw fills w with the random values of a tensor from an element on.
func (o *Optimizer[T]) draw(w []T, p Place, param, at int) {
	s := elem.Stream{Seed: o.seed, Step: uint64(o.steps.Load()), Tensor: uint32(param), Site: uint32(p.Index)}
	switch p.Draw {
	case "normal":
		elem.Normal(w, s, at)
	case "uniform":
		elem.Uniform(w, s, at)
	default:
		elem.Rademacher(w, s, at)
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
		if stream.Write && stream.Kind == StreamState && o.isWindowed(s.Pass, stream) {
			o.narrow[stream.Index][c.param].keep(window[T](a, i)[:a.N], at, o.roundingWords(a, stream.Index, c.param, at))
		}
	}
	for i, collect := range s.Pass.Collects {
		o.collect(s.Pass.Domain, collect, window[T](a, collect.Stream)[:a.N], o.lines[s.lines[i][c.param]:], c.param, at)
	}
}

// roundingWords are the random words by which a state is rounded stochastically, nil when it is rounded to nearest.
func (o *Optimizer[T]) roundingWords(a *Args, state, param, at int) []uint32 {
	if !o.rule.States[state].Stochastic {
		return nil
	}
	words := a.words[:a.N]
	elem.Words(words, elem.RoundingStream(elem.Stream{Seed: o.seed, Step: uint64(o.steps.Load()), Tensor: uint32(param)}, o.rule.States[state].Name), at)
	return words
}

// Reductions per row and per column, as package elem defines them, are collected in o.lines. A row has one value for each
// block that it has a part of: that of row r and block b stands at r+b. A column has one value for each chunk; a chunk
// shorter than a row has one for each element.

// setLines places the lines of a pass's collects: where those of each tensor begin. It returns their number.
func (o *Optimizer[T]) setLines(s *stage[T]) int {
	n := 0
	for _, c := range s.Pass.Collects {
		starts := make([]int, len(o.x))
		for param := range o.x {
			starts[param] = n
			if o.classOf[param] == s.Class {
				n += o.linesOf(s.Pass.Domain, c, param)
			}
		}
		s.lines = append(s.lines, starts)
	}
	return n
}

func (o *Optimizer[T]) linesOf(domain Extent, c Collect, param int) int {
	rows, cols := o.matrix(domain, param)
	if c.To.Extent == domain.firstAxis() {
		return rows + blocks(rows*cols)
	}
	return (rows*cols + chunkElements - 1) / chunkElements * min(cols, chunkElements)
}

func (o *Optimizer[T]) startLines(s *stage[T]) {
	for i, c := range s.Pass.Collects {
		identity := elem.Identity(c.Kind)
		for param := range o.x {
			if o.classOf[param] == s.Class {
				lines := o.lines[s.lines[i][param]:][:o.linesOf(s.Pass.Domain, c, param)]
				for k := range lines {
					lines[k] = identity
				}
			}
		}
	}
}

// collect takes in the elements from an index on.
func (o *Optimizer[T]) collect(domain Extent, c Collect, w []T, lines []float64, param, at int) {
	_, cols := o.matrix(domain, param)
	if c.To.Extent == domain.firstAxis() {
		for len(w) > 0 {
			row, block := at/cols, at/elem.Block
			n := min(len(w), (row+1)*cols-at, (block+1)*elem.Block-at)
			lines[row+block] = elem.ReduceBlock(c.Kind, w[:n])
			w, at = w[n:], at+n
		}
		return
	}
	width := min(cols, chunkElements)
	lines = lines[at/chunkElements*width:][:width]
	if cols <= chunkElements {
		elem.AddCols(c.Kind, lines, w, at%cols)
	} else {
		elem.AddCols(c.Kind, lines, w, at%chunkElements)
	}
}

// endLines combines what was collected and rounds it to the element type.
func (o *Optimizer[T]) endLines(s *stage[T]) {
	for i, c := range s.Pass.Collects {
		for param, to := range o.scratch[c.To.Index] {
			if o.classOf[param] != s.Class {
				continue
			}
			lines := o.lines[s.lines[i][param]:][:o.linesOf(s.Pass.Domain, c, param)]
			rows, cols := o.matrix(s.Pass.Domain, param)
			if c.To.Extent == s.Pass.Domain.firstAxis() {
				endRows(c, to, lines, cols)
			} else {
				o.endCols(c, to, lines, rows*cols)
			}
		}
	}
}

func endRows[T Float](c Collect, to []T, lines []float64, cols int) {
	for row := range to {
		value := elem.Identity(c.Kind)
		for block := row * cols / elem.Block; cols > 0 && block <= ((row+1)*cols-1)/elem.Block; block++ {
			value = elem.Combine(c.Kind, value, lines[row+block])
		}
		to[row] = T(value)
	}
}

func (o *Optimizer[T]) endCols(c Collect, to []T, lines []float64, length int) {
	totals := o.totals[:len(to)]
	for i := range totals {
		totals[i] = elem.Identity(c.Kind)
	}
	width := min(len(to), chunkElements)
	for from := 0; from < length; from += chunkElements {
		col, n := 0, width
		if len(to) > chunkElements {
			col, n = from%len(to), min(width, length-from)
		}
		for _, v := range lines[from/chunkElements*width:][:n] {
			totals[col] = elem.Combine(c.Kind, totals[col], v)
			if col++; col == len(to) {
				col = 0
			}
		}
	}
	for i, v := range totals {
		to[i] = T(v)
	}
}
