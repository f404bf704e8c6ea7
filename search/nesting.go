package search

import (
	"bytes"
	"fmt"
	"strings"
)

// What a spec needs is far from these. The library that decodes it follows brackets by recursion, and each part of a key by a table
// of its own.
const (
	maxNesting = 16
	maxParts   = 16 // of a key, between dots
)

// checkNesting refuses a file that the library would not come to the end of. What it passes over is what the library takes for
// strings and comments; where the file is no TOML, the library stops before they could differ.
func checkNesting(text []byte) error {
	line, depth, dots := 1, 0, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '#', '"', '\'':
			after := i + skip(text[i:])
			line += bytes.Count(text[i:after], []byte("\n"))
			i = after - 1
		case '[', '{':
			dots = 0
			if depth++; depth > maxNesting {
				return fmt.Errorf("%d: brackets within brackets, more than %d deep: a spec needs no more than 3", line, maxNesting)
			}
		case ']', '}':
			depth = max(0, depth-1)
		case '.':
			if dots++; dots >= maxParts {
				return fmt.Errorf("%d: a key of more than %d parts between dots: a spec needs no dots in a key", line, maxParts)
			}
		case '\n':
			line++
			dots = 0
		case '=', ',':
			dots = 0
		}
	}
	return nil
}

// skip is how long the string or the comment is that a text begins with, as far as the library looks if it has no end.
func skip(text []byte) int {
	quote := text[0]
	basic := quote == '"' // which alone has escapes
	switch {
	case quote == '#':
		return until(text, 1, "\r\n", false)
	case repeats(text) < 3:
		end := until(text, 1, string(quote)+"\r\n", basic)
		if end < len(text) && text[end] == quote {
			end++
		}
		return end
	}
	end := until(text, 3, string(quote), basic)
	for end < len(text) && repeats(text[end:]) < 3 {
		end = until(text, end+1, string(quote), basic)
	}
	return end + repeats(text[end:]) // up to two quotes before the closing ones are the string's
}

// repeats is how often a text repeats its first byte at once.
func repeats(text []byte) int {
	n := 0
	for n < len(text) && text[n] == text[0] {
		n++
	}
	return n
}

// until is where one of some bytes comes next, those behind a backslash aside if it escapes.
func until(text []byte, from int, any string, escapes bool) int {
	for i := from; i < len(text); i++ {
		if escapes && text[i] == '\\' {
			i++
		} else if strings.IndexByte(any, text[i]) >= 0 {
			return i
		}
	}
	return len(text)
}
