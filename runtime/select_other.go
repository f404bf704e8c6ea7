//go:build !amd64 || purego

package runtime

// siftWide is sift of the leading elements; it returns how many those are.
func siftWide[T Float](to, u []T, lo, hi T) (n, le, gt, kept int) { return 0, 0, 0, 0 }

// markWide is markFrom of the leading elements, for lo other than 0; it returns how many those are.
func markWide[T Float](to, u []T, lo T) int { return 0 }
