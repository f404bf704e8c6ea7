package runtime

import (
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// Slice is stream i of a portable kernel: its Args.N elements.
func Slice[T Float](a *Args, i int) []T {
	return unsafe.Slice((*T)(a.Ptr[i]), a.N)
}

// Scalar is scalar i of a portable kernel, already rounded to the element type.
func Scalar[T Float](a *Args, i int) T {
	return *(*T)(unsafe.Add(a.Vals, i*SplatBytes))
}

// Partials is where a portable kernel with n reductions puts its results: that of reduction r over block b at b*n + r.
func Partials(a *Args, n int) []float64 {
	return unsafe.Slice((*float64)(a.Part), blocks(a.N)*n)
}

// forget keeps no user's memory alive, of passes with at most so many streams.
func (a *Args) forget(streams int) {
	a.N, a.Vals, a.Part = 0, nil, nil
	clear(a.Ptr[:streams])
	if a.within != nil {
		a.within.forget(streams)
	}
}

// blocks is the number of reduction blocks in n elements.
func blocks(n int) int {
	return n/elem.Block + (n%elem.Block+elem.Block-1)/elem.Block
}
