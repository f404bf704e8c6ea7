package runtime

import "github.com/optc-lang/optc/runtime/elem"

// narrow is a state of one tensor in a storage format.
type narrow[T Float] struct {
	format string
	half   []uint16  // of bf16 and f16, and what they lose
	signed []int8    // of q8
	root   []uint8   // of q8root
	scales []float32 // one a block of q8 and q8root
}

// narrowing is the engine whose vector code widens and narrows: the bits are the same with any.
var narrowing = func() Engine {
	e, err := limitEngine(nil)
	if err != nil {
		return Go // what the environment forces is refused where an optimizer is made
	}
	return e
}()

func newNarrow[T Float](format string, n int) *narrow[T] {
	s := &narrow[T]{format: format}
	switch format {
	case "q8":
		s.signed, s.scales = make([]int8, n), make([]float32, scales(n))
	case "q8root":
		s.root, s.scales = make([]uint8, n), make([]float32, scales(n))
	case "bf16rest", "f16rest":
		s.half = make([]uint16, n)
		s.forget()
	default:
		s.half = make([]uint16, n)
	}
	return s
}

func scales(n int) int { return (n + elem.Q8Block - 1) / elem.Q8Block }

// widen sets w to the elements from an index on, a multiple of the block.
func (s *narrow[T]) widen(w []T, at int) {
	switch s.format {
	case "bf16", "bf16rest", "f16rest":
		widenHalf(narrowing, true, w, s.half[at:at+len(w)])
	case "f16":
		widenHalf(narrowing, false, w, s.half[at:at+len(w)])
	case "q8":
		widenQ8(narrowing, true, w, unsigned(s.signed[at:at+len(w)]), s.scales[at/elem.Q8Block:][:scales(len(w))])
	default:
		widenQ8(narrowing, false, w, s.root[at:at+len(w)], s.scales[at/elem.Q8Block:][:scales(len(w))])
	}
}

// keep rounds w to the elements from an index on.
func (s *narrow[T]) keep(w []T, at int, words []uint32) {
	switch s.format {
	case "bf16":
		narrowHalf(narrowing, true, s.half[at:at+len(w)], w, words)
	case "bf16rest":
		elem.RestBF16(s.half[at:at+len(w)], w)
	case "f16rest":
		elem.RestF16(s.half[at:at+len(w)], w)
	case "f16":
		narrowHalf(narrowing, false, s.half[at:at+len(w)], w, words)
	case "q8":
		narrowQ8(narrowing, true, unsigned(s.signed[at:at+len(w)]), s.scales[at/elem.Q8Block:][:scales(len(w))], w, words)
	default:
		narrowQ8(narrowing, false, s.root[at:at+len(w)], s.scales[at/elem.Q8Block:][:scales(len(w))], w, words)
	}
}

// bytes is the size of the state.
func (s *narrow[T]) bytes() int {
	return 2*len(s.half) + len(s.signed) + len(s.root) + 4*len(s.scales)
}

// values are all elements.
func (s *narrow[T]) values(n int) []T {
	w := make([]T, n)
	s.widen(w, 0)
	return w
}
