package runtime

import (
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"
)

// Placement. Arrays that a step walks along together and that start a multiple of a large power of two apart fall on
// the same cache sets and memory banks: such a step was measured 2 to 7 times slower. Closer together it is the low 12
// bits of an address that count: a load that runs ahead of a store waits for it if these agree, so an array should not
// start a little before or behind one that is written, modulo a page. Measured over distances in the cache of the second
// level (BenchmarkPlacement): 64 bytes cost up to 90 %, 128 up to 34 %, 256 up to 9 %, 448 up to 4 %; from 512 on, and
// none at all, cost nothing that could be told, for 2 to 6 arrays and kernels of 70 to 410 ps an element.
//
// So every array from a size on starts at one of seven phases of a page, which are further apart, the arrays of a tensor
// at different ones, and after a large array some room is left free. Parameters and gradients are the user's and may start
// anywhere: the phases of states count from that of their parameter.
const (
	lineBytes   = 64      // arrays start on a cache line
	pageBytes   = 4 << 10 // of which an array takes a phase
	phaseBytes  = 576     // apart are two phases: seven spread evenly over a page
	phases      = 7
	nearBytes   = 512      // as near to each other arrays should not start, but at the same phase
	phasedBytes = 16 << 10 // from here on an array has a phase
	largeBytes  = 1 << 20  // from here on an array is large
	roomBytes   = 68 << 10 // left free after a large array
)

// arenas counts arenas: each starts one phase further, because whole arenas (parameters, gradients, states) are walked
// along together too.
var arenas atomic.Uint32

// statePhase sets the states off from parameters and gradients, whether these start alike, as from make, or a phase
// apart, as from Alloc.
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
		wanted[i] = placed{size: n, phase: (turn + i) % phases * phaseBytes}
	}
	return allocPlaced[T](wanted)
}

// placed is an array with its size in elements and its phase in bytes. One that is too small for a phase keeps off the
// other arrays of its tensor, if these are given.
type placed struct {
	size, phase int
	tensor      *[]int // phases of the tensor's arrays so far
}

func allocPlaced[T Float](wanted []placed) [][]T {
	width := int(unsafe.Sizeof(T(0)))
	starts := make([]int, len(wanted))
	end := 0
	for i, w := range wanted {
		starts[i] = w.start(end, width)
		end = w.end(starts[i], width)
		if w.tensor != nil && w.size > 0 {
			*w.tensor = append(*w.tensor, starts[i]%pageBytes)
		}
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
	if w.size*width >= phasedBytes {
		return end + modPage(w.phase-end)
	}
	if w.tensor == nil || w.size == 0 {
		return end
	}
	for at := end; at < end+pageBytes; {
		by := tooNear(at, *w.tensor)
		if by == 0 {
			return at
		}
		at += by
	}
	return end // between so many arrays there is no room
}

// tooNear is how far on an array is to start that would start at a place, so as not to be near the first of some phases
// that it is near to; 0 if it is near to none.
func tooNear(at int, phases []int) int {
	for _, p := range phases {
		switch d := modPage(at - p); {
		case d > 0 && d < nearBytes:
			return nearBytes - d
		case d > pageBytes-nearBytes:
			return pageBytes - d
		}
	}
	return 0
}

func modPage(n int) int { return n & (pageBytes - 1) }

// phaseOf is where in a page the first cache line of an array starts.
func phaseOf[T Float](array []T) int {
	return int(uintptr(unsafe.Pointer(unsafe.SliceData(array))) % pageBytes / lineBytes * lineBytes)
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
			wanted = append(wanted, placed{size: size, phase: (turn + family + i) % phases * phaseBytes})
		}
	}
	return columnsOf(allocPlaced[T](wanted), sizes)
}

// allocBeside is allocColumns of families with an array for each parameter, to be walked along with it and with those of
// other families: they are placed with regard to where these start.
func allocBeside[T Float](x [][]T, others [][][]T, sizes ...[]int) [][][]T {
	taken := make([][]int, len(x))
	turn := statePhase - 1
	for _, family := range append([][][]T{x}, others...) {
		turn += min(len(family), 1)
		for i, array := range family {
			if len(array) > 0 {
				taken[i] = append(taken[i], phaseOf(array))
			}
		}
	}
	var wanted []placed
	for _, family := range sizes {
		for i, size := range family {
			wanted = append(wanted, placed{size, modPage(phaseOf(x[i]) + turn%phases*phaseBytes), &taken[i]})
		}
		turn += min(len(family), 1)
	}
	return columnsOf(allocPlaced[T](wanted), sizes)
}

// columnsOf takes the arrays of families apart.
func columnsOf[T Float](arrays [][]T, sizes [][]int) [][][]T {
	families := make([][][]T, len(sizes))
	for i := range families {
		n := len(sizes[i])
		families[i], arrays = arrays[:n:n], arrays[n:]
	}
	return families
}
