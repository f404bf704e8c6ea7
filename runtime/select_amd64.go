//go:build !purego

package runtime

import "unsafe"

// siftLanes is what sift takes at a time.
const siftLanes = 16

//go:noescape
func siftAVX512(to, u *float32, n int, lo, hi float32, counts *[3]int)

//go:noescape
func siftAVX2(to, u *float32, n int, lo, hi float32, counts *[3]int)

//go:noescape
func markAVX2(to, u *float32, n int, lo float32)

// siftWide is sift of the leading elements; it returns how many those are.
func siftWide[T Float](to, u []T, lo, hi T) (n, le, gt, kept int) {
	n = len(u) &^ (siftLanes - 1)
	if unsafe.Sizeof(lo) != 4 || n == 0 || !Has(AVX2) {
		return 0, 0, 0, 0
	}
	var counts [3]int
	p, q := (*float32)(unsafe.Pointer(&to[0])), (*float32)(unsafe.Pointer(&u[0]))
	if Has(AVX512) {
		siftAVX512(p, q, n, float32(lo), float32(hi), &counts)
	} else {
		siftAVX2(p, q, n, float32(lo), float32(hi), &counts)
	}
	return n, counts[0], counts[1], counts[2]
}

// markWide is markFrom of the leading elements, for lo other than 0; it returns how many those are.
func markWide[T Float](to, u []T, lo T) int {
	n := len(u) &^ (siftLanes - 1)
	if unsafe.Sizeof(lo) != 4 || n == 0 || !Has(AVX2) {
		return 0
	}
	markAVX2((*float32)(unsafe.Pointer(&to[0])), (*float32)(unsafe.Pointer(&u[0])), n, float32(lo))
	return n
}
