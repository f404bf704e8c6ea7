//go:build !purego

package runtime

import "github.com/optc-lang/optc/runtime/elem"

//go:noescape
func words256(dst *uint32, units int, a *blockArgs)

//go:noescape
func words512(dst *uint32, units int, a *blockArgs)

//go:noescape
func uniform256(w *uint32, units int)

//go:noescape
func uniform512(w *uint32, units int)

//go:noescape
func normal256(w *uint32, pairs int, constants *uint32)

//go:noescape
func normal512(w *uint32, pairs int, constants *uint32)

//go:noescape
func signs256(dst *float32, w *uint32, rows int)

//go:noescape
func signs512(dst *float32, w *uint32, rows int)

// drawsWide tells whether an engine has vector code for draws.
func drawsWide(e Engine) bool { return e == AVX2 || e == AVX512 }

// wideWords sets dst, whole units, to the words from an element on.
func wideWords(e Engine, dst []uint32, a *blockArgs, from int) {
	const blocks = 16 // of a unit
	at := *a
	at.first += uint64(from / elem.DrawUnit * blocks)
	if e == AVX512 {
		words512(&dst[0], len(dst)/elem.DrawUnit, &at)
	} else {
		words256(&dst[0], len(dst)/elem.DrawUnit, &at)
	}
}

// wideUniform turns words, whole units, into draws of float32.
func wideUniform(e Engine, w []uint32) {
	if e == AVX512 {
		uniform512(&w[0], len(w)/elem.DrawUnit)
	} else {
		uniform256(&w[0], len(w)/elem.DrawUnit)
	}
}

// wideNormal turns words, whole units, into draws of float32.
func wideNormal(e Engine, w []uint32) {
	if e == AVX512 {
		normal512(&w[0], 2*len(w)/elem.DrawUnit, &normalLanes[0][0])
	} else {
		normal256(&w[0], 2*len(w)/elem.DrawUnit, &normalLanes[0][0])
	}
}

// normalLanes are elem.NormalConstants, each for all lanes of AVX2.
var normalLanes = func() (lanes [len(elem.NormalConstants)][8]uint32) {
	for i, c := range elem.NormalConstants {
		for j := range lanes[i] {
			lanes[i][j] = c
		}
	}
	return lanes
}()

// wideSigns sets dst to the signs by the bits of words, rows of 16.
func wideSigns(e Engine, dst []float32, w []uint32) {
	if e == AVX512 {
		signs512(&dst[0], &w[0], len(w)/16)
	} else {
		signs256(&dst[0], &w[0], len(w)/16)
	}
}
