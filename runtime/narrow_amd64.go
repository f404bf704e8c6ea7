//go:build !purego

package runtime

import (
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

//go:noescape
func widenRoot256(dst *float32, codes *uint8, scales *float32, blocks int)

//go:noescape
func widenRoot512(dst *float32, codes *uint8, scales *float32, blocks int)

//go:noescape
func widenSigned256(dst *float32, codes *uint8, scales *float32, blocks int)

//go:noescape
func widenSigned512(dst *float32, codes *uint8, scales *float32, blocks int)

//go:noescape
func narrowRoot256(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)

//go:noescape
func narrowRoot512(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)

//go:noescape
func narrowSigned256(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)

//go:noescape
func narrowSigned512(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)

//go:noescape
func chanceRoot256(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)

//go:noescape
func chanceRoot512(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)

//go:noescape
func chanceSigned256(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)

//go:noescape
func chanceSigned512(codes *uint8, scales, src *float32, blocks int, words *uint32) (left int)

//go:noescape
func widenBF16x256(dst *float32, src *uint16, n int)

//go:noescape
func narrowBF16x256(dst *uint16, src *float32, n int, words *uint32)

//go:noescape
func chanceBF16x256(dst *uint16, src *float32, n int, words *uint32)

//go:noescape
func widenBF16x512(dst *float32, src *uint16, n int)

//go:noescape
func narrowBF16x512(dst *uint16, src *float32, n int, words *uint32)

//go:noescape
func chanceBF16x512(dst *uint16, src *float32, n int, words *uint32)

//go:noescape
func widenF16x256(dst *float32, src *uint16, n int)

//go:noescape
func narrowF16x256(dst *uint16, src *float32, n int, words *uint32)

//go:noescape
func chanceF16x256(dst *uint16, src *float32, n int, words *uint32)

//go:noescape
func widenF16x512(dst *float32, src *uint16, n int)

//go:noescape
func narrowF16x512(dst *uint16, src *float32, n int, words *uint32)

//go:noescape
func chanceF16x512(dst *uint16, src *float32, n int, words *uint32)

// narrowsWide tells whether an engine has vector code for storage formats.
func narrowsWide(e Engine) bool { return e == AVX2 || e == AVX512 }

// wideWiden sets dst, whole blocks, to the values of codes.
func wideWiden(e Engine, signed bool, dst []float32, codes []uint8, scales []float32) {
	to, from, scale, n := &dst[0], &codes[0], &scales[0], len(dst)/elem.Q8Block
	switch {
	case signed && e == AVX512:
		widenSigned512(to, from, scale, n)
	case signed:
		widenSigned256(to, from, scale, n)
	case e == AVX512:
		widenRoot512(to, from, scale, n)
	default:
		widenRoot256(to, from, scale, n)
	}
}

// wideNarrow sets codes and scales to the values of src, whole blocks, and returns the number of blocks that are left: those
// from one on whose values are not all finite or, without sign, not all positive or 0.
func wideNarrow(e Engine, signed bool, codes []uint8, scales, src []float32, words []uint32) int {
	to, scale, from, n := &codes[0], &scales[0], &src[0], len(src)/elem.Q8Block
	switch chance := unsafe.SliceData(words); {
	case chance == nil && signed && e == AVX512:
		return narrowSigned512(to, scale, from, n, chance)
	case chance == nil && signed:
		return narrowSigned256(to, scale, from, n, chance)
	case chance == nil && e == AVX512:
		return narrowRoot512(to, scale, from, n, chance)
	case chance == nil:
		return narrowRoot256(to, scale, from, n, chance)
	case signed && e == AVX512:
		return chanceSigned512(to, scale, from, n, chance)
	case signed:
		return chanceSigned256(to, scale, from, n, chance)
	case e == AVX512:
		return chanceRoot512(to, scale, from, n, chance)
	default:
		return chanceRoot256(to, scale, from, n, chance)
	}
}

// halfUnit is what wideWidenHalf and wideNarrowHalf take a multiple of.
const halfUnit = 16

// wideWidenHalf sets dst to the numbers of src, of bf16 or else of f16.
func wideWidenHalf(e Engine, bf16 bool, dst []float32, src []uint16) {
	to, from, n := &dst[0], &src[0], len(dst)
	switch {
	case bf16 && e == AVX512:
		widenBF16x512(to, from, n)
	case bf16:
		widenBF16x256(to, from, n)
	case e == AVX512:
		widenF16x512(to, from, n)
	default:
		widenF16x256(to, from, n)
	}
}

// wideNarrowHalf rounds src to numbers of bf16 or else of f16.
func wideNarrowHalf(e Engine, bf16 bool, dst []uint16, src []float32, words []uint32) {
	to, from, n := &dst[0], &src[0], len(src)
	switch chance := unsafe.SliceData(words); {
	case chance == nil && bf16 && e == AVX512:
		narrowBF16x512(to, from, n, chance)
	case chance == nil && bf16:
		narrowBF16x256(to, from, n, chance)
	case chance == nil && e == AVX512:
		narrowF16x512(to, from, n, chance)
	case chance == nil:
		narrowF16x256(to, from, n, chance)
	case bf16 && e == AVX512:
		chanceBF16x512(to, from, n, chance)
	case bf16:
		chanceBF16x256(to, from, n, chance)
	case e == AVX512:
		chanceF16x512(to, from, n, chance)
	default:
		chanceF16x256(to, from, n, chance)
	}
}
