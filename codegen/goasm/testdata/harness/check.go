package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"syscall"
	"unsafe"
)

func size[T Float]() int {
	var x T
	return int(unsafe.Sizeof(x))
}

func bits[T Float](x T) uint64 {
	if size[T]() == 4 {
		return uint64(math.Float32bits(float32(x)))
	}
	return math.Float64bits(float64(x))
}

// same compares bits, all NaNs being alike.
func same[T Float](a, b T) bool { return a != a && b != b || bits(a) == bits(b) }

// checkAll runs a kernel on every short length and two long ones, streams at odd places, guards on both sides.
func checkAll[T Float](k *Kernel, run func(*Args), seed uint64, count *tally) error {
	rng := rand.New(rand.NewPCG(seed, 5))
	long := []int{1023, 1024, 1025, 2047, 2048, 2049, 5000}
	lengths := []int{long[rng.IntN(len(long))], 1000 + rng.IntN(1100)}
	for n := range 68 {
		lengths = append(lengths, n)
	}
	one := checkOne[T]
	if k.Fast {
		one = checkFast[T]
	}
	for _, n := range lengths {
		if err := one(k, run, n, rng, count); err != nil {
			return fmt.Errorf("length %d: %w", n, err)
		}
	}
	return nil
}

func checkOne[T Float](k *Kernel, run func(*Args), n int, rng *rand.Rand, count *tally) error {
	scalars := draw[T](rng, len(k.Scalars))
	want := make([][]T, len(k.Streams))
	arrays := make([]array[T], len(k.Streams))
	a := &Args{N: n}
	for i := range want {
		want[i] = draw[T](rng, n)
		arrays[i] = place[T](i, n, slack+rng.IntN(8))
		copy(arrays[i].data, want[i])
		a.Ptr[i] = unsafe.Pointer(unsafe.SliceData(arrays[i].data))
	}
	vals := splats(scalars)
	a.Vals = unsafe.Pointer(&vals[0])

	partial := interpret(k, want, scalars, n)
	got := slices.Repeat([]float64{guard}, len(partial)+2)
	a.Part = unsafe.Pointer(&got[1])
	run(a)

	for i, x := range got {
		if i == 0 || i == len(got)-1 {
			if math.Float64bits(x) != math.Float64bits(guard) {
				return fmt.Errorf("a partial result beyond the last")
			}
		} else if count.add(x == x); !same(x, partial[i-1]) {
			return fmt.Errorf("partial result %d of %d is %v (%#x), want %v (%#x)", i-1, len(partial), x, bits(x), partial[i-1], bits(partial[i-1]))
		}
	}
	for i := range want {
		if !arrays[i].intact() {
			return fmt.Errorf("stream %d: written outside", i)
		}
		for e, w := range want[i] {
			x := arrays[i].data[e]
			if count.add(x == x); !same(x, w) {
				return fmt.Errorf("stream %d, element %d is %v (%#x), want %v (%#x)", i, e, x, bits(x), w, bits(w))
			}
		}
	}
	return nil
}

func (t *tally) add(number bool) {
	t.values++
	if number {
		t.numbers++
	}
}

// guard is the NaN that stands where no kernel may write. Elements are made of its halves.
var guard = math.Float64frombits(0x7FF5A5A57FF5A5A5)

const guardBytes = 256

// array is a stream between guards.
type array[T Float] struct {
	data, before, after []T
}

func (a array[T]) intact() bool {
	for _, g := range [][]T{a.before, a.after} {
		for _, x := range g {
			if bits(x) != guardBits[T]() {
				return false
			}
		}
	}
	return true
}

func guardBits[T Float]() uint64 {
	if size[T]() == 4 {
		return 0x7FF5A5A5
	}
	return math.Float64bits(guard)
}

const arenaBytes = 1 << 17

// slack is how many elements more than the length an array is from the page that cannot be touched.
var slack int

var arenas [64][]byte // each followed by a page that cannot be touched

// place returns n elements in arena i, gap elements before its end: without a gap, the first byte beyond faults.
func place[T Float](i, n, gap int) array[T] {
	if arenas[i] == nil {
		page := syscall.Getpagesize()
		m, err := syscall.Mmap(-1, 0, arenaBytes+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err == nil {
			err = syscall.Mprotect(m[arenaBytes:], syscall.PROT_NONE)
		}
		if err != nil {
			panic(err)
		}
		arenas[i] = m[:arenaBytes]
	}
	s := size[T]()
	all := unsafe.Slice((*T)(unsafe.Pointer(&arenas[i][0])), arenaBytes/s)
	end := len(all) - gap
	start := end - n
	a := array[T]{data: all[start:end], before: all[start-guardBytes/s : start], after: all[end:]}
	words := unsafe.Slice((*uint32)(unsafe.Pointer(&a.before[0])), arenaBytes/4-(start-guardBytes/s)*s/4)
	for w := range words {
		words[w] = 0x7FF5A5A5
	}
	return a
}

// draw returns ordinary numbers of several sizes and, one in twelve, a special one.
func draw[T Float](rng *rand.Rand, n int) []T {
	big, small := math.MaxFloat64, math.SmallestNonzeroFloat64
	if size[T]() == 4 {
		big, small = math.MaxFloat32, math.SmallestNonzeroFloat32
	}
	special := []float64{
		math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), small, -small, 1000 * small, -1e6 * small,
		big, -big, big / 3, 1, -1, 0.5, 1.5, 2.5, -0.5, 1 << 23, 1<<23 + 1, 1 << 24, 1 << 52, -0.25,
	}
	u := make([]T, n)
	for i := range u {
		switch rng.IntN(12) {
		case 0:
			u[i] = T(special[rng.IntN(len(special))])
		case 1:
			u[i] = T(math.Copysign(math.Exp(20*rng.NormFloat64()), rng.NormFloat64()))
		default:
			u[i] = T(rng.NormFloat64())
		}
	}
	return u
}
