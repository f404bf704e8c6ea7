package genome

import "strings"

// Sides are both sides of a rewrite with its letters replaced.
func Sides(r Rewrite, with func(letter byte, nonneg bool) string) (from, to string) {
	said := map[string]string{}
	fill := func(word string) string {
		if len(word) != 1 {
			return word
		}
		if _, ok := said[word]; !ok {
			said[word] = with(word[0], strings.Contains(r.Nonneg, word))
		}
		return said[word]
	}
	return words(r.From, fill), words(r.To, fill)
}
