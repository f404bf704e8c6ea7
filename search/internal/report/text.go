package report

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/optc-lang/optc/runtime/elem"
)

// unknown stands for numbers that are not known.
const unknown = "–"

// number is v in at most so many significant digits, or as a whole number.
func number(v float64, digits int) string {
	switch {
	case math.IsNaN(v):
		return unknown
	case math.IsInf(v, 1):
		return "∞"
	case math.IsInf(v, -1):
		return "−∞"
	case v == 0:
		return "0"
	}
	text := strconv.FormatFloat(v, 'g', digits, 64)
	mantissa, exponent, scientific := strings.Cut(text, "e")
	e, _ := strconv.Atoi(exponent)
	if scientific && e >= 0 && e < 15 { // 1.2e+03 is 1200
		return minus(strconv.FormatFloat(v, 'f', 0, 64))
	}
	if !scientific {
		return minus(text)
	}
	return power(mantissa, e)
}

// power is a mantissa times ten to the e.
func power(mantissa string, e int) string {
	digits := strings.Map(func(r rune) rune {
		if r == '-' {
			return '⁻'
		}
		return []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")[r-'0']
	}, strconv.Itoa(e))
	switch mantissa {
	case "1":
		return "10" + digits
	case "-1":
		return "−10" + digits
	}
	return minus(mantissa) + "·10" + digits
}

// fixed is v with so many decimals.
func fixed(v float64, decimals int) string {
	if !elem.IsFinite(v) || math.Abs(v) >= 1e6 {
		return number(v, 3)
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(text, "-0.") == "" {
		text = strings.TrimPrefix(text, "-")
	}
	return minus(text)
}

// signed is v with its sign, whichever it is.
func signed(v float64, decimals int) string {
	text := fixed(v, decimals)
	if v > 0 && strings.Trim(text, "0.") != "" {
		return "+" + text
	}
	return text
}

// score is a score, a bound or another number in units of noise.
func score(v float64) string { return signed(v, 2) }

// minus makes a sign of the first hyphen.
func minus(text string) string {
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		return "−" + rest
	}
	return text
}

// units of short.
var units = []struct {
	size float64
	name string
}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "K"}}

// short is a large number in three digits, with K for thousands and so on. Numbers below ten thousand stay whole.
func short(v float64) string {
	if !elem.IsFinite(v) || math.Abs(v) < 1e4 || math.Abs(v) >= 1e15 {
		return number(v, 4)
	}
	for _, u := range units {
		if math.Abs(v) >= u.size*0.9995 {
			return number(v/u.size, 3) + u.name
		}
	}
	return number(v, 3)
}

// whole is a count with its thousands apart.
func whole(n int64) string {
	text := strconv.FormatInt(n, 10)
	digits := strings.TrimPrefix(text, "-")
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	if n < 0 {
		return "−" + b.String()
	}
	return b.String()
}

// plural is a count of things.
func plural(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return whole(n) + " " + many
}

// duration is seconds in units that a reader has a feeling for.
func duration(seconds float64) string {
	switch {
	case !elem.IsFinite(seconds) || seconds < 0:
		return unknown
	case seconds < 120:
		return number(seconds, 3) + " s"
	case seconds < 2*3600:
		return number(seconds/60, 3) + " min"
	case seconds < 72*3600:
		return number(seconds/3600, 3) + " h"
	}
	return number(seconds/86400, 3) + " d"
}

// inBytes is the size of a file.
func inBytes(n int64) string {
	switch {
	case n < 1000:
		return whole(n) + " bytes"
	case n < 1e6:
		return number(float64(n)/1e3, 3) + " kB"
	case n < 1e9:
		return number(float64(n)/1e6, 3) + " MB"
	}
	return number(float64(n)/1e9, 3) + " GB"
}

// percent is a share of a whole, as text.
func percent(part, all int64) string {
	if all <= 0 || part < 0 {
		return unknown
	}
	return number(100*float64(part)/float64(all), 3) + " %"
}

// cut is a text in at most so many runes, its end left out if it is longer.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	n := 0
	for i := range text {
		if n == most-1 {
			if _, size := utf8.DecodeRuneInString(text[i:]); i+size < len(text) {
				return text[:i] + "…"
			}
		}
		n++
	}
	return text
}

// quoted is a word of a command line, in quotes where a shell needs them.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-_./:@%+=", r)
	}
	if word != "" && word[0] != '-' && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// strange marks characters that no text needs and that could mislead a reader or break a parser: controls, those that
// turn the direction of writing, and what is not a character.
func strange(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case unicode.IsControl(r), r == 0xFFFE, r == 0xFFFF:
		return true
	}
	return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069 || r == 0x200E || r == 0x200F || r == 0x061C
}

// tame replaces strange characters and bytes that are no UTF-8.
func tame(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError || strange(r) {
			out = utf8.AppendRune(out, utf8.RuneError)
		} else {
			out = append(out, b[:n]...)
		}
		b = b[n:]
	}
	return out
}
