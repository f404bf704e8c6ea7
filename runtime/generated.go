package runtime

// Where is a if mask is set, else b.
func Where[T Float](mask bool, a, b T) T {
	if mask {
		return a
	}
	return b
}

// Real is 1 if mask is set, else 0.
func Real[T Float](mask bool) T {
	if mask {
		return 1
	}
	return 0
}
