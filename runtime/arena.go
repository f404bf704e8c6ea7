package runtime

import (
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"
)

// Placement. Arrays that a step walks along together and that start a multiple of a large power of two apart fall on
// the same cache sets and memory banks: such a step was measured 2 to 7 times slower. Starts close to each other modulo
// a page cost up to 70 %. So every array from a size on starts at one of seven phases of a page, the arrays of a tensor
// at different ones, and after a large array some room is left free.
const (
	lineBytes   = 64      // arrays start on a cache line
	pageBytes   = 4 << 10 // of which an array takes a phase
	phaseBytes  = 576     // apart are two phases: seven spread evenly over a page
	phases      = 7
	phasedBytes = 16 << 10 // from here on an array has a phase
	largeBytes  = 1 << 20  // from here on an array is large
	roomBytes   = 68 << 10 // left free after a large array
)

// arenas counts arenas: each starts one phase further, because whole arenas (parameters, gradients, states) are walked
// along together too.
var arenas atomic.Uint32

// statePhase sets the states off from parameters and gradients, whether these share an arena or not.
const statePhase = 2

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
	turn := int(arenas.Add(1) % phases)
	wanted := make([]placed, len(sizes))
	for i, n := range sizes {
		wanted[i] = placed{size: n, phase: turn + i}
	}
	return allocPlaced[T](wanted)
}

// placed is an array with its size in elements and its phase.
type placed struct{ size, phase int }

func allocPlaced[T Float](wanted []placed) [][]T {
	width := int(unsafe.Sizeof(T(0)))
	starts := make([]int, len(wanted))
	end := 0
	for i, w := range wanted {
		starts[i] = w.start(end, width)
		end = w.end(starts[i], width)
	}
	backing := make([]T, end/width+pageBytes/width)
	base := int(-uintptr(unsafe.Pointer(unsafe.SliceData(backing))) % pageBytes)
	arrays := make([][]T, len(wanted))
	for i, w := range wanted {
		from := (base + starts[i]) / width
		arrays[i] = backing[from : from+w.size : from+w.size]
	}
	return arrays
}

// start is where, in bytes from a page's start, the array may stand behind what ends at end.
func (w placed) start(end, width int) int {
	const reserve = 1 << 24 // for phases and room
	if w.size < 0 || w.size > math.MaxInt/width-end-reserve {
		panic(fmt.Sprintf("runtime.Alloc: size %d out of range", w.size))
	}
	if w.size*width < phasedBytes {
		return end
	}
	behind := end - w.phase%phases*phaseBytes
	return end + (pageBytes-behind%pageBytes)%pageBytes
}

// end is where the array ends, in whole cache lines, with the room behind it.
func (w placed) end(start, width int) int {
	n := w.size * width
	end := start + (n+lineBytes-1)/lineBytes*lineBytes
	if n >= largeBytes {
		end += roomBytes
	}
	return end
}

// allocColumns returns families of arrays, each with one array for every one of its sizes, in one allocation.
func allocColumns[T Float](sizes ...[]int) [][][]T {
	turn := int(arenas.Add(1)%phases) + statePhase
	var wanted []placed
	for family := range sizes {
		for i, size := range sizes[family] {
			wanted = append(wanted, placed{size, turn + family + i})
		}
	}
	arrays := allocPlaced[T](wanted)
	families := make([][][]T, len(sizes))
	for i := range families {
		n := len(sizes[i])
		families[i], arrays = arrays[:n:n], arrays[n:]
	}
	return families
}
