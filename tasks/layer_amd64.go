package tasks

import (
	"math"

	optrt "github.com/optc-lang/optc/runtime"
)

// vectors says whether the parts go by vectors, which have the same bits; tests set it.
var vectors = optrt.Has(optrt.AVX2)

// short holds the constants of shortExp and tanh32, a vector each, in the order of layer_amd64.s.
var short = fill(
	math.Log2E, 0x1.8p52, 0x1.62e42fefa3800p-1, 0x1.ef35793c76730p-45, math.Float64frombits(1023),
	1, 1.0/2, 1.0/6, 1.0/24, 1.0/120, 1.0/720, 1.0/5040, 1.0/40320, 1.0/362880, 1.0/3628800,
	1-shortError, 1+shortError, shortError,
	2, 10, 1.0/3, 2.0/15, 17.0/315, 0x1p-50, 0x1p-6,
)

func fill(constants ...float64) (out [25][4]float64) {
	for i, c := range constants {
		out[i] = [4]float64{c, c, c, c}
	}
	return out
}

// vectorExp is exp32 of the elements of z less top, by fours up to one that needs the long way. It returns where it stopped.
func vectorExp(z []float32, top float32) int {
	if !vectors || len(z) == 0 {
		return 0
	}
	return expAVX2(&z[0], len(z), top)
}

// vectorTanh is tanh32 of the elements of z, by fours up to one that needs the long way. It returns where it stopped.
func vectorTanh(z []float32) int {
	if !vectors || len(z) == 0 {
		return 0
	}
	return tanhAVX2(&z[0], len(z))
}

// vectorRectify is rectify, if it returns true.
func vectorRectify(h, b []float32, n int) bool {
	if !vectors || n == 0 || len(b) == 0 {
		return false
	}
	_ = h[n*len(b)-1]
	rectifyAVX2(&h[0], &b[0], n, len(b))
	return true
}

// vectorRectified is rectified, if it returns true.
func vectorRectified(d, h []float32) bool {
	if !vectors || len(h) == 0 {
		return false
	}
	_ = d[len(h)-1]
	rectifiedAVX2(&d[0], &h[0], len(h))
	return true
}

// vectorDivide divides the elements of z, if it returns true.
func vectorDivide(z []float32, by float32) bool {
	if !vectors || len(z) == 0 {
		return false
	}
	divideAVX2(&z[0], len(z), by)
	return true
}

//go:noescape
func expAVX2(z *float32, n int, top float32) (done int)

//go:noescape
func tanhAVX2(z *float32, n int) (done int)

//go:noescape
func rectifyAVX2(h, b *float32, rows, cols int)

//go:noescape
func rectifiedAVX2(d, h *float32, n int)

//go:noescape
func divideAVX2(z *float32, n int, by float32)
