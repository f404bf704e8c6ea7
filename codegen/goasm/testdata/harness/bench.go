package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
	"unsafe"
)

// stagger keeps arrays of a power of two from falling on the same cache sets, and, by its last 576 bytes, the stores
// to one array from having the low 12 bits of the next loads from another, for which a load waits.
const stagger = 68<<10 + 576

// measure prints, for every named kernel in float32, the time and memory traffic a parameter: least and median of
// repetitions that are interleaved over all kernels.
func measure(kernels []Kernel, has map[string]bool, n, repetitions int) {
	const streams = 4
	stride := (4*n+4095)&^4095 + stagger
	memory := make([]byte, streams*stride+64)
	start := -int(uintptr(unsafe.Pointer(&memory[0]))) & 63
	a := &Args{N: n}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range streams {
		array := unsafe.Slice((*float32)(unsafe.Pointer(&memory[start+i*stride])), n)
		for j := range array {
			array[j] = rng.Float32()
		}
		a.Ptr[i] = unsafe.Pointer(&array[0])
	}
	vals := make([]float32, 8*16)
	for i := range vals {
		vals[i] = []float32{0.9, 0.1, 0.999, 0.001, 1.1, 1.01, 1e-8, 1e-6, 1e-6}[i/8%9]
	}
	a.Vals = unsafe.Pointer(&vals[0])
	a.Part = unsafe.Pointer(unsafe.SliceData(make([]float64, n/block+1)))

	var list []variant
	for _, v := range variants {
		if has[v.isa] && !v.double && kernels[v.kernel].Name != "test" {
			list = append(list, v)
		}
	}
	inner := max(1, 4<<20/n)
	times := make([][]float64, len(list))
	for range repetitions {
		for i, v := range list {
			start := time.Now()
			for range inner {
				v.run(a)
			}
			times[i] = append(times[i], float64(time.Since(start).Nanoseconds())/float64(inner*n))
		}
	}
	for i, v := range list {
		slices.Sort(times[i])
		k := kernels[v.kernel]
		bytes := 4 * float64(len(k.Streams)+len(k.Stores))
		median := times[i][len(times[i])/2]
		fmt.Printf("%9d %-6s %-10s least %.4f median %.4f ns/param %6.1f GB/s\n", n, v.isa, k.Name, times[i][0], median, bytes/median)
	}
}
