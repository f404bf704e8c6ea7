//go:build !purego

package runtime

import "unsafe"

// addColsLanes is what addCols takes at a time.
const addColsLanes = 8

//go:noescape
func addCols32(to *float64, w *float32, n int)

//go:noescape
func addCols64(to *float64, w *float64, n int)

//go:noescape
func sumLanes32(lanes, w *float32, n int)

//go:noescape
func sumLanes64(lanes, w *float64, n int)

// addWide adds the leading elements of w to the values of their columns, and returns how many those are.
func addWide[T Float](to []float64, w []T) int {
	n := len(w) &^ (addColsLanes - 1)
	if n == 0 || !Has(AVX2) {
		return 0
	}
	at := unsafe.Pointer(&w[0])
	if unsafe.Sizeof(w[0]) == 4 {
		addCols32(&to[0], (*float32)(at), n)
	} else {
		addCols64(&to[0], (*float64)(at), n)
	}
	return n
}

// sumWide adds the leading elements of w to lanes, element i to lane i modulo their number, and returns how many those are.
func sumWide[T Float](lanes, w []T) int {
	n := len(w) &^ (len(lanes) - 1)
	if n == 0 || !Has(AVX2) {
		return 0
	}
	to, from := unsafe.Pointer(&lanes[0]), unsafe.Pointer(&w[0])
	if unsafe.Sizeof(w[0]) == 4 {
		sumLanes32((*float32)(to), (*float32)(from), n)
	} else {
		sumLanes64((*float64)(to), (*float64)(from), n)
	}
	return n
}
