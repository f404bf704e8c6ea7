package runtime

import (
	"slices"
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// While a probe asks the model, its point stands in the parameters. To copy it there, and the parameters aside and back, are
// walks along memory of their own, which most rules need not: the pass that computes the point, piece by piece in the worker's
// memory, puts each into the parameters and these into the point's array; the pass after the probe that first needs the
// parameters puts them back as it comes by. Whatever happens in between, they are put back as well.

// loan is an array of a probe's points that has the parameters' own values during the probe, of one class.
type loan[T Float] struct {
	array  [][]T
	stream int       // of maker: the point
	maker  *stage[T] // computes the point
	taker  *stage[T] // puts the parameters back; nil: the probe does
}

// lend finds the probes of a sequence of stages for which nothing is copied.
func (o *Optimizer[T]) lend(stages []stage[T]) {
	if o.half != nil || o.grid != nil {
		return
	}
	for i := range stages {
		p := stages[i].Probe
		if p == nil || p.If != nil || p.Vector != nil {
			continue
		}
		var loans []*loan[T]
		for class := range p.Point {
			if l := o.loanOf(stages, i, class); l != nil {
				loans = append(loans, l)
			}
		}
		if len(loans) < len(p.Point) {
			continue
		}
		stages[i].loans = loans
		for _, l := range loans {
			if l.maker.lends = l; l.taker != nil {
				l.taker.returns = l
			}
		}
	}
}

// loanOf is the loan of the probe at stage i for a class, nil if something between needs the parameters or the point.
func (o *Optimizer[T]) loanOf(stages []stage[T], i, class int) *loan[T] {
	point := stages[i].Probe.Point[class]
	if point.Kind != StreamScratch {
		return nil
	}
	l := &loan[T]{array: o.scratch[point.Index]}
	for k := i - 1; k >= 0; k-- {
		s := &stages[k]
		if s.writes(point, class) {
			if l.stream = s.lendable(point); l.stream < 0 {
				return nil
			}
			l.maker = s
			break
		}
		if s.Order != nil || s.made != nil || s.needsParams(class) || s.reads(point, class) {
			return nil
		}
	}
	if l.maker == nil {
		return nil
	}
	taken := false
	for k := i + 1; k < len(stages); k++ {
		s := &stages[k]
		if s.reads(point, class) {
			return nil
		}
		overwritten := s.writes(point, class)
		if !taken && !overwritten && s.needsParams(class) && s.Pass != nil && s.Pass.Domain == PerElem && s.derives == nil && s.returns == nil {
			l.taker = s
		}
		if taken = taken || s.needsParams(class); overwritten {
			break
		}
	}
	return l
}

// params are the parameters as passes read and write them.
var params = Place{Kind: StreamX, Extent: PerElem}

func (s *stage[T]) reads(p Place, class int) bool {
	reads, _ := s.places(class)
	return slices.Contains(reads, p)
}

func (s *stage[T]) writes(p Place, class int) bool {
	_, writes := s.places(class)
	return slices.Contains(writes, p)
}

// needsParams reports whether a stage needs the parameters of a class.
func (s *stage[T]) needsParams(class int) bool {
	return s.Probe != nil || s.reads(params, class) || s.writes(params, class)
}

// lendable is the stream by which a pass writes an array, if the pass can put it elsewhere piece by piece; else -1.
func (s *stage[T]) lendable(to Place) int {
	if s.Pass == nil || !s.plain || s.cases != nil || s.derives != nil || s.lends != nil || s.Pass.Domain != PerElem {
		return -1
	}
	at := -1
	for i, stream := range s.Pass.Streams {
		switch {
		case stream.Place == params && stream.Write || stream.Place == to && (stream.Read || at >= 0):
			return -1
		case stream.Place == to:
			at = i
		}
	}
	return at
}

// runLoans runs a pass over a chunk, window by window, and before or after it what loans want.
func (o *Optimizer[T]) runLoans(s *stage[T], a *Args, c chunk) {
	for at := 0; at < c.n; at += windowElements {
		piece := chunk{c.param, c.from + at, min(windowElements, c.n-at), c.block + at/elem.Block}
		if s.returns != nil {
			copy(o.x[c.param][piece.from:][:piece.n], s.returns.array[c.param][piece.from:])
		}
		if s.lends != nil {
			o.lendPiece(s, a, piece)
			continue
		}
		o.runChunk(s, a, piece)
	}
}

// lendPiece computes a piece of a point, and has it and the parameters change places.
func (o *Optimizer[T]) lendPiece(s *stage[T], a *Args, c chunk) {
	o.ready(s, a, &c)
	for i, array := range s.mem.arrays[:len(s.Pass.Streams)] {
		a.Ptr[i] = unsafe.Pointer(&array[c.param][c.from])
	}
	w := window[T](a, s.lends.stream)[:c.n]
	a.Ptr[s.lends.stream] = unsafe.Pointer(&w[0])
	s.kernel(a)
	x := o.x[c.param][c.from:][:c.n]
	copy(s.lends.array[c.param][c.from:], x)
	copy(x, w)
}

// askLent is ask where the points stand in the parameters already. These are put back here where no pass does, and after a
// failure.
func (o *Optimizer[T]) askLent(loans []*loan[T], out [][]T, in *inputs[T]) (loss float64, err error) {
	done := false
	defer func() {
		for param, class := range o.classOf {
			if l := loans[class]; !done || l.taker == nil {
				copy(o.x[param], l.array[param])
			}
		}
	}()
	loss, err = o.ask(out, nil, in)
	done = err == nil
	return loss, err
}
