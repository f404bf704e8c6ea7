//go:build !amd64 || purego

package runtime

// addWide adds the leading elements of w to those of to, and returns how many those are.
func addWide[T Float](to, w []T) int { return 0 }

// widenWide is addWide to elements of float64.
func widenWide[T Float](to []float64, w []T) int { return 0 }

// sumWide adds the leading elements of w to lanes, element i to lane i modulo their number, and returns how many those are.
func sumWide[T Float](lanes, w []T) int { return 0 }
