package runtime

import (
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// runDirect runs the current pass over a chunk but for its last elements, by its direct kernel. It returns what is left.
// Behind the pass's streams Args.Ptr has two pointers for each stream with scales, in order: to the scales and to a window of
// one block, in which new values wait for theirs.
func (o *Optimizer[T]) runDirect(s *stage[T], a *Args, c chunk) chunk {
	unit := elem.DirectUnit
	if o.scaledOf(s.Pass, c.param) {
		unit = elem.Q8Block
	}
	if a.N = c.n &^ (unit - 1); a.N > 0 {
		o.pointDirect(s, a, c)
		s.direct(a)
	}
	c.from, c.n = c.from+a.N, c.n-a.N
	return c
}

// scaledOf reports whether a pass has streams with scales.
func (o *Optimizer[T]) scaledOf(p *Pass, param int) bool {
	for _, stream := range p.Streams {
		if of := o.stored(stream.Place); of != nil && of[param].scales != nil {
			return true
		}
	}
	return false
}

// pointDirect sets the pointers of a direct kernel to the elements of a chunk.
func (o *Optimizer[T]) pointDirect(s *stage[T], a *Args, c chunk) {
	next := len(s.Pass.Streams)
	for i, stream := range s.Pass.Streams {
		stored := o.stored(stream.Place)
		switch {
		case stored == nil && !s.isIdle(i):
			a.Ptr[i] = unsafe.Pointer(&s.mem.arrays[i][c.param][c.from])
		case stored == nil:
		case stored[c.param].scales != nil:
			a.Ptr[i], a.Ptr[next] = stored[c.param].codesFrom(c.from)
			a.Ptr[next+1] = unsafe.Pointer(&window[T](a, i)[0])
			next += 2
		case !s.isIdle(i):
			a.Ptr[i] = unsafe.Pointer(&stored[c.param].half[c.from])
		}
	}
}

// codesFrom are where the codes from an index on, a multiple of the block, and their scales begin.
func (s *narrow[T]) codesFrom(at int) (codes, scales unsafe.Pointer) {
	codes = unsafe.Pointer(unsafe.SliceData(s.root))
	if s.signed != nil {
		codes = unsafe.Pointer(unsafe.SliceData(s.signed))
	}
	return unsafe.Add(codes, at), unsafe.Pointer(&s.scales[at/elem.Q8Block])
}
