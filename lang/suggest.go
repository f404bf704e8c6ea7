package lang

import "unicode/utf8"

// Suggest is the known word nearest to a misspelt one, or "" when none is near:
// within one edit for words of up to four runes, within two for longer ones.
// Of equally near words the first in known wins.
func Suggest(word string, known []string) string {
	limit := 2
	if utf8.RuneCountInString(word) <= 4 {
		limit = 1
	}
	best := ""
	for _, k := range known {
		if k == word {
			continue
		}
		if d := editDistance([]rune(word), []rune(k), limit); d <= limit && d < min(utf8.RuneCountInString(word), utf8.RuneCountInString(k)) {
			best, limit = k, d-1
		}
	}
	return best
}

// editDistance counts insertions, deletions, replacements and swaps of neighbours
// (optimal string alignment); more than limit is reported as limit+1.
func editDistance(a, b []rune, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
