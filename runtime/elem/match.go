package elem

// Match reports whether the whole of name fits a pattern, in which * stands for any run of characters, also an empty one,
// dots and slashes included; every other character stands for itself.
func Match(pattern, name string) bool {
	star, mark := -1, 0 // the last star of the pattern, and where in the name it ends for now
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && pattern[p] == name[n]:
			p, n = p+1, n+1
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
