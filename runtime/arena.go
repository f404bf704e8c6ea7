package runtime

import (
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"
)

// Placement. Arrays that a step walks along together and that start a multiple of a large power of two apart fall on
// the same cache sets and memory banks: such a step was measured 2 to 7 times slower. So the distance of a large array
// to the next is its length and a little more.
const (
	lineBytes    = 64           // arrays start on a cache line
	largeBytes   = 1 << 20      // from here on an array is large
	stagger      = 68<<10 + 576 // bytes left free after a large array; seven arrays then spread evenly over a page
	smallStagger = 576          // and after another one
)

// Arenas start at different multiples of a stagger in turn, because whole arenas (parameters, gradients, states) are
// walked along together too.
const (
	leads          = 8
	largeLeadBytes = 16 << 20 // an arena from here on takes the large stagger
)

var arenas atomic.Uint32

// Alloc returns one array of zeros for each size, in elements. All lie in one allocation, each on a cache line of its
// own and none a power of two away from the others: memory from make can make a step several times slower. One call
// takes the sizes of all parameters, a second one those of the gradients:
//
//	x := optrt.Alloc[float32](784*128, 128, 128*10, 10)
//	g := optrt.Alloc[float32](784*128, 128, 128*10, 10)
//
// An array in use keeps all of its call alive. Like make, Alloc panics when a size is negative or the sum is beyond
// the address space.
func Alloc[T Float](sizes ...int) [][]T {
	width := int(unsafe.Sizeof(T(0)))
	starts := make([]int, len(sizes))
	end := 0
	for i, n := range sizes {
		starts[i] = end
		end = nextStart(end, n, width)
	}
	first := lead(end*width) / width
	backing := make([]T, end+first+lineBytes/width)
	first += misaligned(backing) / width
	arrays := make([][]T, len(sizes))
	for i, n := range sizes {
		from := first + starts[i]
		arrays[i] = backing[from : from+n : from+n]
	}
	return arrays
}

// nextStart is where the array after one of n elements of some width starts, when that one starts at start.
func nextStart(start, n, width int) int {
	const reserve = 1 << 24 // for staggers, lead and rounding
	if n < 0 || n > math.MaxInt/width-start-reserve {
		panic(fmt.Sprintf("runtime.Alloc: size %d out of range", n))
	}
	gap := smallStagger
	if n*width >= largeBytes {
		gap = stagger
	}
	return start + roundLine(n, width) + gap/width
}

// roundLine rounds n elements of some width up to whole cache lines.
func roundLine(n, width int) int {
	line := lineBytes / width
	return (n + line - 1) / line * line
}

// lead is how many bytes an arena of some size leaves free before its first array.
func lead(bytes int) int {
	turn := int(arenas.Add(1) % leads)
	if bytes >= largeLeadBytes {
		return turn * stagger
	}
	return turn * smallStagger
}

// misaligned is how many bytes a slice starts before a cache line.
func misaligned[T Float](s []T) int {
	return int(-uintptr(unsafe.Pointer(unsafe.SliceData(s))) % lineBytes)
}

// allocColumns returns n families of arrays, each with one array for every size. A family lies together: its arrays
// are not walked along at the same time, so only families need a stagger.
func allocColumns[T Float](n int, sizes []int) [][][]T {
	width := int(unsafe.Sizeof(T(0)))
	total := 0
	for _, size := range sizes {
		total += roundLine(size, width)
	}
	totals := make([]int, n)
	for i := range totals {
		totals[i] = total
	}
	families := make([][][]T, n)
	for i, whole := range Alloc[T](totals...) {
		families[i] = make([][]T, len(sizes))
		for k, size := range sizes {
			families[i][k] = whole[:size:size]
			whole = whole[roundLine(size, width):]
		}
	}
	return families
}
