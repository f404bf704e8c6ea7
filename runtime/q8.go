package runtime

import (
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// float32s is w if its elements are float32, else nil.
func float32s[T Float](w []T) []float32 {
	if unsafe.Sizeof(T(0)) != 4 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(w))), len(w))
}

// unsigned are the codes of a map with sign as bytes.
func unsigned(codes []int8) []uint8 {
	return unsafe.Slice((*uint8)(unsafe.Pointer(unsafe.SliceData(codes))), len(codes))
}

// widenQ8 is [elem.Q8Unpack], or else [elem.Q8UnpackRoot], with vector code of an engine. A last block that is not whole is
// widened aside.
func widenQ8[T Float](e Engine, signed bool, dst []T, codes []uint8, scales []float32) {
	to := float32s(dst)
	switch {
	case to != nil && narrowsWide(e):
		n := len(to) &^ (elem.Q8Block - 1)
		if n > 0 {
			wideWiden(e, signed, to[:n], codes, scales)
		}
		if n < len(to) {
			var part [elem.Q8Block]uint8
			var wide [elem.Q8Block]float32
			copy(part[:], codes[n:])
			wideWiden(e, signed, wide[:], part[:], scales[n/elem.Q8Block:])
			copy(to[n:], wide[:])
		}
	case signed:
		elem.Q8Unpack(dst, codes, scales)
	default:
		elem.Q8UnpackRoot(dst, codes, scales)
	}
}

// narrowQ8 is [elem.Q8Pack], or else [elem.Q8PackRoot], with vector code of an engine. A last block that is not whole is
// narrowed aside, with zeros after it: they have no part in a scale.
func narrowQ8[T Float](e Engine, signed bool, codes []uint8, scales []float32, src []T, words []uint32) {
	from := float32s(src)
	if from == nil || !narrowsWide(e) {
		packQ8(signed, codes, scales, src, words)
		return
	}
	n := len(from) &^ (elem.Q8Block - 1)
	wholeQ8(e, signed, codes, scales, from[:n], words)
	if n < len(from) {
		var part [elem.Q8Block]uint8
		var wide [elem.Q8Block]float32
		var chance []uint32
		if words != nil {
			var some [elem.Q8Block]uint32
			chance = some[:]
			copy(chance, words[n:])
		}
		copy(wide[:], from[n:])
		wholeQ8(e, signed, part[:], scales[n/elem.Q8Block:], wide[:], chance)
		copy(codes[n:], part[:])
	}
}

// wholeQ8 narrows whole blocks: the odd one that vector code leaves by package elem.
func wholeQ8(e Engine, signed bool, codes []uint8, scales, src []float32, words []uint32) {
	const size = elem.Q8Block
	for len(src) > 0 {
		left := wideNarrow(e, signed, codes, scales, src, words)
		if left == 0 {
			return
		}
		at := len(src) - left*size
		codes, scales, src = codes[at:], scales[at/size:], src[at:]
		if words != nil {
			words = words[at:]
			packQ8(signed, codes[:size], scales[:1], src[:size], words[:size])
			words = words[size:]
		} else {
			packQ8(signed, codes[:size], scales[:1], src[:size], nil)
		}
		codes, scales, src = codes[size:], scales[1:], src[size:]
	}
}

func packQ8[T Float](signed bool, codes []uint8, scales []float32, src []T, words []uint32) {
	if signed {
		elem.Q8Pack(codes, scales, src, words)
	} else {
		elem.Q8PackRoot(codes, scales, src, words)
	}
}

// widenHalf is [elem.WidenBF16], or else [elem.WidenF16], with vector code of an engine.
func widenHalf[T Float](e Engine, bf16 bool, dst []T, src []uint16) {
	if to := float32s(dst); to != nil && narrowsWide(e) {
		if n := len(to) &^ (halfUnit - 1); n > 0 {
			wideWidenHalf(e, bf16, to[:n], src)
			dst, src = dst[n:], src[n:]
		}
	}
	if bf16 {
		elem.WidenBF16(dst, src)
	} else {
		elem.WidenF16(dst, src)
	}
}

// narrowHalf is [elem.NarrowBF16], or else [elem.NarrowF16], with vector code of an engine.
func narrowHalf[T Float](e Engine, bf16 bool, dst []uint16, src []T, words []uint32) {
	if from := float32s(src); from != nil && narrowsWide(e) {
		if n := len(from) &^ (halfUnit - 1); n > 0 {
			wideNarrowHalf(e, bf16, dst, from[:n], words)
			dst, src = dst[n:], src[n:]
			if words != nil {
				words = words[n:]
			}
		}
	}
	if bf16 {
		elem.NarrowBF16(dst, src, words)
	} else {
		elem.NarrowF16(dst, src, words)
	}
}
