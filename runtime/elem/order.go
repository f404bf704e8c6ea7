package elem

import (
	"math"
	"unsafe"
)

// Order statistics of a sequence that lies in several slices, by radix
// selection: keys of unsigned integers in the order of the numbers, of which
// each pass fixes the next digit by counting. The time is linear whatever the
// data (3 passes for float32, 6 for float64), nothing is moved, and the answer
// is that of the values alone.

const digitBits = 11

func isFloat32[T Float]() bool {
	var x T
	return unsafe.Sizeof(x) == 4
}

func keyBits[T Float]() uint {
	var x T
	return uint(8 * unsafe.Sizeof(x))
}

// orderKey maps numbers to integers in their order, -0 below +0, and every NaN
// to nan.
func orderKey[T Float](x T, nan uint64) uint64 {
	if isFloat32[T]() {
		b := math.Float32bits(float32(x))
		if b<<1 > 0xff<<24 {
			return nan
		}
		return uint64(b ^ (uint32(int32(b)>>31) | 1<<31))
	}
	b := math.Float64bits(float64(x))
	if b<<1 > 0x7ff<<53 {
		return nan
	}
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

// orderValue is the inverse of orderKey for a number.
func orderValue[T Float](key uint64) T {
	if isFloat32[T]() {
		k := uint32(key)
		return T(math.Float32frombits(k ^ (^uint32(int32(k)>>31) | 1<<31)))
	}
	return T(math.Float64frombits(key ^ (^uint64(int64(key)>>63) | 1<<63)))
}

// rank is the place of a key in a sorted sequence: the number of its equals,
// and which of them, from 1, was asked for.
type rank struct {
	key          uint64
	nth, ofEqual int
}

// choose returns the k-th smallest key, 1 <= k <= the number of elements. As
// soon as the candidates fit into buf, or into a small array, later passes read
// only them.
func choose[T Float](parts [][]T, k int, buf []T, nan uint64) rank {
	var (
		few     [256]T
		one     [1][]T
		count   [1 << digitBits]int
		r       = rank{nth: k}
		moved   bool
		hi, low uint
	)
	if len(buf) < len(few) {
		buf = few[:]
	}
	for hi = keyBits[T](); hi > 0; hi = low {
		low = max(hi, digitBits) - digitBits
		clear(count[:])
		for _, p := range parts {
			countDigits(&count, p, r.key, hi, low, nan)
		}
		d := 0
		for ; r.nth > count[d]; d++ {
			r.nth -= count[d]
		}
		r.key, r.ofEqual = r.key<<(hi-low)|uint64(d), count[d]
		if !moved && low > 0 && r.ofEqual <= len(buf) {
			one[0] = gather(buf[:0], parts, r.key, low, nan)
			parts, moved = one[:], true
		}
	}
	return r
}

// countDigits counts the digit from bit low to bit hi of the keys that have
// the given prefix above it.
func countDigits[T Float](count *[1 << digitBits]int, part []T, prefix uint64, hi, low uint, nan uint64) {
	mask := uint64(1)<<(hi-low) - 1
	for _, x := range part {
		key := orderKey(x, nan)
		if key>>hi == prefix {
			count[key>>low&mask&(1<<digitBits-1)]++
		}
	}
}

// gather appends to dst, within its capacity, what has the prefix above bit low.
func gather[T Float](dst []T, parts [][]T, prefix uint64, low uint, nan uint64) []T {
	for _, p := range parts {
		for _, x := range p {
			if orderKey(x, nan)>>low == prefix {
				dst = append(dst, x)
			}
		}
	}
	return dst
}

func total[T Float](parts [][]T) (n int) {
	for _, p := range parts {
		n += len(p)
	}
	return n
}

// Kth returns the k-th smallest of the elements of parts, k from 1: -0 is below
// +0 and NaN above all. For a k that is not there it returns NaN. buf is
// scratch that saves passes (a third of the elements is plenty), and may be nil.
func Kth[T Float](parts [][]T, k int, buf []T) T {
	nan := ^uint64(0) >> (64 - keyBits[T]())
	if k < 1 || k > total(parts) {
		return T(math.NaN())
	}
	r := choose(parts, k, buf, nan)
	if r.key == nan {
		return T(math.NaN())
	}
	return orderValue[T](r.key)
}

// Ranked is an element by its rank: its value, which of the elements with its bits it is, from 1, and how many those are.
type Ranked[T Float] struct {
	Value      T
	Nth, Equal int
}

// Choose is Kth for 1 <= k <= the number of elements, none of them a NaN.
func Choose[T Float](parts [][]T, k int, buf []T) Ranked[T] {
	r := choose(parts, k, buf, 0)
	return Ranked[T]{orderValue[T](r.key), r.nth, r.ofEqual}
}

// Mark sets dst, as long as part, to 1 where an element is above a number, and where it has the same bits as long as there
// are ties left, and to 0 elsewhere; the order is that of TopK. It returns how many ties are left.
func Mark[T Float](dst, part []T, above T, ties int) int {
	return mark(dst, part, orderKey(above, 0), ties)
}

// TopK sets dst, slices as long as those of parts (or the same ones), to 1 for
// exactly k largest elements and to 0 elsewhere: all for k beyond their number,
// none for k below 1. Of equal elements those that come first are taken; +0 is
// above -0, and NaN below all.
func TopK[T Float](dst, parts [][]T, k int) {
	n := total(parts)
	r := rank{key: ^uint64(0)} // above every key but a NaN's, which is 0
	switch {
	case k >= n:
		r = rank{nth: 1, ofEqual: n}
	case k > 0:
		r = choose(parts, n-k+1, nil, 0)
	}
	ties := r.ofEqual - r.nth + 1
	if k <= 0 {
		ties = 0
	}
	for i, p := range parts {
		ties = mark(dst[i], p, r.key, ties)
	}
}

// mark sets dst to 1 where a key is above the given one, or among the first
// ties that equal it; it returns how many ties are left.
func mark[T Float](dst, part []T, above uint64, ties int) int {
	dst = dst[:len(part)]
	for i, x := range part {
		key := orderKey(x, 0)
		dst[i] = 0
		switch {
		case key > above:
			dst[i] = 1
		case key == above && ties > 0:
			dst[i] = 1
			ties--
		}
	}
	return ties
}
