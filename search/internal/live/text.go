package live

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// missing stands for a number that there is not.
const missing = "-"

// clean replaces what would move the cursor, change colours or turn the direction of writing.
func clean(s string) string {
	if isPlain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r):
			return utf8.RuneError
		}
		return r
	}, s)
}

// isPlain reports whether every byte is one cell.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// width is how many cells a text takes.
func width(s string) int {
	if isPlain(s) {
		return len(s)
	}
	return ansi.StringWidth(s)
}

// clip shortens a clean text at its end.
func clip(s string, w int) string {
	switch {
	case w <= 0:
		return ""
	case width(s) <= w:
		return s
	}
	return ansi.Truncate(s, w, "…")
}

// middle shortens a clean text in its middle: of a formula both the outermost operators and the last constants tell most.
func middle(s string, w int) string {
	n := width(s)
	if n <= w || w < 3 {
		return clip(s, w)
	}
	tail := (w - 1) * 2 / 5
	end := ansi.TruncateLeft(s, n-tail, "")
	if width(end) > tail { // a wide character lies across the cut
		end = ansi.TruncateLeft(s, n-tail+1, "")
	}
	return ansi.Truncate(s, w-1-tail, "") + "…" + end
}

// wrap breaks a clean text into lines, at most so many: at a blank, else behind a sign of a formula, else anywhere.
func wrap(s string, w, most int) []string {
	var out []string
	for s != "" && len(out) < most {
		line := ansi.Truncate(s, w, "")
		switch {
		case line == "" || len(out) == most-1 && line != s:
			return append(out, middle(s, w))
		case line != s && s[len(line)] != ' ':
			if at := strings.LastIndexByte(line, ' '); at > len(line)/2 {
				line = line[:at]
			} else if at := strings.LastIndexAny(line, ",;("); at > len(line)/2 {
				line = line[:at+1]
			}
		}
		out = append(out, line)
		s = strings.TrimLeft(s[len(line):], " ")
	}
	return out
}

// whole writes a number in groups of three digits.
func whole(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// short writes a number in at most five characters.
func short(n int) string {
	if n > -1000 && n < 10_000 {
		return whole(n)
	}
	v, unit := float64(n), 0
	for math.Abs(v) >= 999.5 && unit < 6 {
		v /= 1000
		unit++
	}
	digits := 0
	switch a := math.Abs(v); {
	case a < 9.995:
		digits = 2
	case a < 99.95:
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " KMGTPE"[unit:unit+1]
}

// rate writes a number per second.
func rate(v float64) string {
	if !(v >= 0 && v < 1e18) {
		return missing
	}
	unit := 0
	for ; v >= 999.5; unit++ {
		v /= 1000
	}
	digits := 1
	if v >= 99.95 {
		digits = 0
	}
	return strings.TrimSpace(strconv.FormatFloat(v, 'f', digits, 64)+" KMGTPE"[unit:unit+1]) + "/s"
}

// share writes a part of a whole in per cent. It is 100 only if it is all.
func share(part, of, digits int) string {
	if of <= 0 || part < 0 {
		return missing
	}
	p := 100 * float64(part) / float64(of)
	if part < of {
		p = min(p, 100-math.Pow10(-digits))
	}
	return strconv.FormatFloat(min(p, 100), 'f', digits, 64) + "%"
}

// score writes a fitness, with its sign, in at most seven characters.
func score(v float64) string { return signed(v, 3) }

// signed writes a number with its sign and so many digits behind the point.
func signed(v float64, digits int) string {
	switch {
	case math.IsNaN(v):
		return missing
	case math.IsInf(v, 0):
		return strings.Replace(strconv.FormatFloat(v, 'f', 0, 64), "Inf", "∞", 1)
	case math.Abs(v) < 0.5*math.Pow10(-digits):
		return strconv.FormatFloat(0, 'f', digits, 64)
	case math.Abs(v) < 99.9:
		return fmt.Sprintf("%+.*f", digits, v)
	}
	return strings.Replace(fmt.Sprintf("%+.1g", v), "e+0", "e+", 1)
}

// span writes a length of time.
func span(d time.Duration) string {
	s := int64(max(d, 0).Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm %02ds", s/60, s%60)
	case s < 24*3600:
		return fmt.Sprintf("%dh %02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd %02dh", s/(24*3600), s/3600%24)
}

// exact writes a length of time that was chosen, without the zeros behind it.
func exact(d time.Duration) string {
	text := span(d)
	return strings.TrimSuffix(strings.TrimSuffix(text, " 00s"), " 00m")
}

// age writes a length of time in at most four characters, up to years.
func age(d time.Duration) string {
	text, _, _ := strings.Cut(span(d), " ")
	return text
}

// counted writes how many there are of something.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return whole(n) + " " + noun + "s"
}

// rungs writes how many rungs are passed: a dot for each.
func rungs(passed, of int) string {
	passed = max(0, min(passed, of))
	if of > 8 {
		return fmt.Sprintf("%d/%d", passed, of)
	}
	return strings.Repeat("●", passed) + strings.Repeat("○", of-passed)
}

// quoted is a file name as a shell reads it.
func quoted(name string) string {
	ordinary := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_./-+@%:,=", r)
	}
	switch {
	case name != clean(name): // $'...' of bash, zsh and others
		text := strconv.QuoteToASCII(name)
		return "$'" + strings.ReplaceAll(text[1:len(text)-1], "'", `\'`) + "'"
	case name != "" && strings.IndexFunc(name, func(r rune) bool { return !ordinary(r) }) < 0:
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
