//go:build !purego

package runtime

import "unsafe"

// colsLanes is what sums of columns take at a time.
const colsLanes = 8

//go:noescape
func addSame32(to, w *float32, n int)

//go:noescape
func addSame64(to, w *float64, n int)

//go:noescape
func widenCols32(to *float64, w *float32, n int)

//go:noescape
func sumLanes32(lanes, w *float32, n int)

//go:noescape
func sumLanes64(lanes, w *float64, n int)

// addWide adds the leading elements of w to those of to, and returns how many those are.
func addWide[T Float](to, w []T) int {
	n := len(w) &^ (colsLanes - 1)
	if n == 0 || !Has(AVX2) {
		return 0
	}
	at, from := unsafe.Pointer(&to[0]), unsafe.Pointer(&w[0])
	if unsafe.Sizeof(w[0]) == 4 {
		addSame32((*float32)(at), (*float32)(from), n)
	} else {
		addSame64((*float64)(at), (*float64)(from), n)
	}
	return n
}

// widenWide is addWide to elements of float64.
func widenWide[T Float](to []float64, w []T) int {
	n := len(w) &^ (colsLanes - 1)
	if n == 0 || !Has(AVX2) {
		return 0
	}
	from := unsafe.Pointer(&w[0])
	if unsafe.Sizeof(w[0]) == 4 {
		widenCols32(&to[0], (*float32)(from), n)
	} else {
		addSame64(&to[0], (*float64)(from), n)
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
