package runtime

import (
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// keptElements is the size of a window of passes in which nothing but what is kept in a narrow format is made piece by piece:
// a whole number of blocks, and with some windows and pieces of other streams a part of the first cache level.
const keptElements = elem.Block

// keptOf are the streams of a pass that are kept in a narrow format, nil if it makes others piece by piece.
func (o *Optimizer[T]) keptOf(p *Pass) []int {
	var list []int
	for i, s := range p.Streams {
		switch {
		case p.ByRows || s.Extent != p.Domain || s.Kind == StreamDraw || s.Kind == StreamCollect:
			return nil
		case o.stored(s.Place) != nil:
			list = append(list, i)
		}
	}
	return list
}

// keptWindows is windows of a pass that keeps streams.
func (o *Optimizer[T]) keptWindows(s *stage[T], a *Args, c chunk) {
	streams := s.Pass.Streams
	var windows [MaxStreams][]T
	var kept [MaxStreams]*narrow[T]
	for i, stream := range streams {
		if s.isIdle(i) {
			continue
		}
		if of := o.stored(stream.Place); of != nil {
			windows[i], kept[i] = window[T](a, i), of[c.param]
			a.Ptr[i] = unsafe.Pointer(&windows[i][0])
		} else {
			a.Ptr[i] = unsafe.Pointer(&s.mem.arrays[i][c.param][c.from])
		}
	}
	for at, end := c.from, c.from+c.n; at < end; at += keptElements {
		if at > c.from {
			o.advance(s, a, kept[:len(streams)])
		}
		a.N = min(keptElements, end-at)
		for _, i := range s.kept {
			if kept[i] != nil && streams[i].Read {
				kept[i].widen(windows[i][:a.N], at)
			}
		}
		s.kernel(a)
		for _, i := range s.kept {
			if kept[i] != nil && streams[i].Write {
				kept[i].keep(windows[i][:a.N], at, o.roundingWords(a, streams[i].Place, c.param, at))
			}
		}
	}
}

// advance moves what a pass runs over on by a window.
func (o *Optimizer[T]) advance(s *stage[T], a *Args, kept []*narrow[T]) {
	for i, k := range kept {
		if k == nil && !s.isIdle(i) {
			a.Ptr[i] = unsafe.Add(a.Ptr[i], keptElements*int(unsafe.Sizeof(T(0))))
		}
	}
	if n := len(s.Pass.Reductions); n > 0 {
		a.Part = unsafe.Add(a.Part, keptElements/elem.Block*n*8)
	}
}
