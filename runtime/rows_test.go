package runtime

import (
	"testing"
	"unsafe"
)

// TestIdleStreamsStay: the pointer of a stream that a case leaves alone may be of another pass. Moved on with the others, it
// would point behind its array.
func TestIdleStreamsStay(t *testing.T) {
	elem := Stream{Place: Place{Extent: PerElem}}
	col := Stream{Place: Place{Extent: PerCol}}
	s := &stage[float32]{Stage: &Stage{Pass: &Pass{Domain: PerElem, Streams: []Stream{elem, elem, col}}}}
	s.idle = []bool{true, false, false}
	x := make([]float32, 8)
	a := &Args{}
	for i := range s.Pass.Streams {
		a.Ptr[i] = unsafe.Pointer(&x[0])
	}
	s.mem = &workspace[float32]{}
	s.mem.arrays[2] = [][]float32{x}
	var w rowWalk
	setRowWalk(s, &w, 0)
	w.place(a, 0)
	w.advance(a, 4)
	for i, want := range []*float32{&x[0], &x[4], &x[0]} {
		if a.Ptr[i] != unsafe.Pointer(want) {
			t.Errorf("stream %d is at another element", i)
		}
	}
}
