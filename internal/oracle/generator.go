package oracle

import "math"

// What a stream of random bits is for; the same numbers as in generator.py.
const (
	kindGrad = iota
	kindScale
	kindTempo
	kindInit
	kindCurvature
	kindCentre
)

const golden = 0x9E3779B97F4A7C15

// mix is one splitmix64 step that absorbs word.
func mix(h, word uint64) uint64 {
	z := h + (word+1)*golden
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// stream is the hash chain up to the element.
func stream(seed uint64, kind, step, tensor int) uint64 {
	h := mix(0, seed)
	h = mix(h, uint64(kind))
	h = mix(h, uint64(step))
	return mix(h, uint64(tensor))
}

func bits(seed uint64, kind, step, tensor, element int) uint64 {
	return mix(stream(seed, kind, step, tensor), uint64(element))
}

// compose gives ±(1 + mantissa/2^52)·2^exponent, the mantissa being the top 52 bits of h.
func compose(negative bool, exponent int, h uint64) float64 {
	raw := uint64(exponent+1023)<<52 | h>>12
	if negative {
		raw |= 1 << 63
	}
	return math.Float64frombits(raw)
}

// field is a small integer from the bits of h.
func field(h uint64, shift uint, modulus uint64) int {
	return int(h >> shift % modulus)
}

func gradAt(seed uint64, step, tensor, element int) float64 {
	own := bits(seed, kindScale, 0, tensor, element)
	now := bits(seed, kindGrad, step, tensor, element)
	untouched := field(own, 1, 16) == 0 && element > 0
	if untouched || field(now, 4, 16) == 0 {
		return 0
	}
	tempo := field(bits(seed, kindTempo, step, 0, 0), 0, 6)
	exponent := 2 - field(own, 8, 20) - field(now, 0, 3) - tempo
	negative := (field(own, 0, 2) == 1) != (field(now, 2, 4) == 0)
	return compose(negative, exponent, now)
}

func initAt(seed uint64, tensor, element int) float64 {
	h := bits(seed, kindInit, 0, tensor, element)
	if field(h, 1, 16) == 0 {
		return 0
	}
	return compose(field(h, 0, 2) == 1, 1-field(h, 6, 13), h)
}

func curvatureAt(seed uint64, tensor, element int) float64 {
	h := bits(seed, kindCurvature, 0, tensor, element)
	return compose(false, 1-field(h, 0, 7), h)
}

func centreAt(seed uint64, tensor, element int) float64 {
	h := bits(seed, kindCentre, 0, tensor, element)
	return compose(field(h, 0, 2) == 1, 1-field(h, 1, 5), h)
}
