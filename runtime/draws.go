package runtime

import (
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// The functions of this file are those of package elem of the same names, with vector code up to an engine. They make
// whole units in vectors, first the words and then in their place what they become, a piece that the first cache level
// holds at a time; at the ends of a range they make a unit aside and take their part of it.

// drawPiece is the number of elements made at a time.
const drawPiece = windowElements

// blockArgs are what blocks of Philox follow from but for the place in the sequence: round 1 multiplies only one word
// that differs between them.
type blockArgs struct {
	first uint64     // words 0 and 1 of the first counter
	add0  uint64     // what round 1 adds (without carry) to word 1, to make word 0
	word1 uint64     // what it makes of word 2
	add2  uint64     // what it adds to the product of word 0, to make word 2
	keys  [18]uint32 // of rounds 2 to 10
}

func newBlockArgs(q elem.Sequence) (a blockArgs) {
	k0, k1 := uint32(q.Key), uint32(q.Key>>32)
	a.word1 = q.Hi & (1<<32 - 1) * elem.PhiloxM1
	a.add0 = a.word1>>32 ^ uint64(k0)
	a.add2 = q.Hi>>32 ^ uint64(k1)
	a.first = q.Lo
	for i := 0; i < len(a.keys); i += 2 {
		k0, k1 = k0+elem.PhiloxW0, k1+elem.PhiloxW1
		a.keys[i], a.keys[i+1] = k0, k1
	}
	return a
}

// drawWords is [elem.Words].
func drawWords(e Engine, dst []uint32, s elem.Stream, from int) {
	if !drawsWide(e) {
		elem.Words(dst, s, from)
		return
	}
	a := newBlockArgs(s.Sequence())
	for len(dst) > 0 {
		at, n := from%elem.DrawUnit, len(dst)&^(elem.DrawUnit-1)
		if at == 0 && n > 0 {
			wideWords(e, dst[:n], &a, from)
		} else {
			var unit [elem.DrawUnit]uint32
			wideWords(e, unit[:], &a, from-at)
			n = copy(dst, unit[at:])
		}
		dst, from = dst[n:], from+n
	}
}

// drawUniform is [elem.Uniform].
func drawUniform[T Float](e Engine, dst []T, s elem.Stream, from int) {
	if drawsWide(e) {
		drawFloats(e, false, dst, s, from)
	} else {
		elem.Uniform(dst, s, from)
	}
}

// drawNormal is [elem.Normal].
func drawNormal[T Float](e Engine, dst []T, s elem.Stream, from int) {
	if drawsWide(e) {
		drawFloats(e, true, dst, s, from)
	} else {
		elem.Normal(dst, s, from)
	}
}

func drawFloats[T Float](e Engine, normal bool, dst []T, s elem.Stream, from int) {
	q := s.Sequence()
	high, low := newBlockArgs(q), newBlockArgs(q.LowHalves())
	for len(dst) > 0 {
		at, n := from%elem.DrawUnit, min(len(dst), drawPiece)&^(elem.DrawUnit-1)
		if at == 0 && n > 0 {
			wideFloats(e, normal, dst[:n], &high, &low, from)
		} else {
			var unit [elem.DrawUnit]T
			wideFloats(e, normal, unit[:], &high, &low, from-at)
			n = copy(dst, unit[at:])
		}
		dst, from = dst[n:], from+n
	}
}

// wideFloats makes whole units: float32 in place of their words, float64 of words and lower halves by package elem.
func wideFloats[T Float](e Engine, normal bool, dst []T, high, low *blockArgs, from int) {
	if unsafe.Sizeof(dst[0]) == 4 {
		words := unsafe.Slice((*uint32)(unsafe.Pointer(&dst[0])), len(dst))
		wideWords(e, words, high, from)
		if normal {
			wideNormal(e, words)
		} else {
			wideUniform(e, words)
		}
		return
	}
	var h, l [4 * elem.DrawUnit]uint32
	for wide := unsafe.Slice((*float64)(unsafe.Pointer(&dst[0])), len(dst)); len(wide) > 0; {
		n := min(len(wide), len(h))
		wideWords(e, h[:n], high, from)
		wideWords(e, l[:n], low, from)
		if normal {
			elem.NormalOf(wide[:n], h[:n], l[:n])
		} else {
			elem.UniformOf(wide[:n], h[:n], l[:n])
		}
		wide, from = wide[n:], from+n
	}
}

// drawRademacher is [elem.Rademacher].
func drawRademacher[T Float](e Engine, dst []T, s elem.Stream, from int) {
	if len(dst) == 0 || unsafe.Sizeof(dst[0]) != 4 || !drawsWide(e) {
		elem.Rademacher(dst, s, from)
		return
	}
	const (
		row  = 512               // elements of a row of words
		lane = elem.DrawUnit / 4 // words of a row
	)
	a := newBlockArgs(s.Sequence())
	signs := unsafe.Slice((*float32)(unsafe.Pointer(&dst[0])), len(dst))
	for len(signs) > 0 {
		at, n := from%row, 0
		var words [elem.DrawUnit]uint32
		wideWords(e, words[:], &a, from/(4*row)*elem.DrawUnit)
		rows := words[from/row%4*lane:]
		if n = min(len(signs)/row*lane, len(rows)); at == 0 && n > 0 {
			wideSigns(e, signs, rows[:n])
			n *= row / lane
		} else {
			var some [row]float32
			wideSigns(e, some[:], rows[:lane])
			n = copy(signs, some[at:])
		}
		signs, from = signs[n:], from+n
	}
}
