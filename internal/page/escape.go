package page

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// greekNames are the letters α to ω by their LaTeX names; LaTeX has no omicron.
var greekNames = strings.Fields("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi o pi rho sigma sigma tau upsilon phi chi psi omega")

// asciiOf is a character beyond ASCII as every LaTeX engine takes it: a Greek letter by name, a Latin one with an accent as it
// is, any other by its number.
func asciiOf(r rune) string {
	switch {
	case r >= 'α' && r <= 'ω' && greekNames[r-'α'] != "o":
		return `\ensuremath{\` + greekNames[r-'α'] + `}`
	case r == '±' || r == '×' || r == '·' || r == '÷':
		return map[rune]string{'±': `\ensuremath{\pm}`, '×': `\ensuremath{\times}`, '·': `\ensuremath{\cdot}`, '÷': `\ensuremath{\div}`}[r]
	case r >= 'À' && r <= 'ÿ' && unicode.IsLetter(r):
		return string(r)
	case r == '“':
		return "``"
	case r == '”':
		return "''"
	case r == '–':
		return "--"
	case r == '—':
		return "---"
	case r == '’':
		return "'"
	}
	return fmt.Sprintf("U+%04X", r)
}

// escapeTeX makes text of s that stays text in LaTeX.
func escapeTeX(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case strings.ContainsRune(`{}$&#%_`, r):
			b.WriteString(`\` + string(r))
		case texNames[r] != "":
			b.WriteString(texNames[r] + "{}")
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case strings.ContainsRune(`-'?!,`, r): // no ligatures
			b.WriteString(string(r) + "{}")
		case r < ' ' || r == utf8.RuneError || r == 0x7f:
			b.WriteByte('?')
		case r > unicode.MaxASCII:
			b.WriteString(asciiOf(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

var texNames = map[rune]string{'\\': `\textbackslash`, '^': `\textasciicircum`, '~': `\textasciitilde`, '<': `\textless`, '>': `\textgreater`,
	'|': `\textbar`, '"': `\textquotedbl`, '`': `\textasciigrave`}

// escapeMarkdown makes text of s that stays text in a line or a cell of GitHub's Markdown.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case strings.ContainsRune("\\`*_[]|$~", r):
			b.WriteString(`\` + string(r))
		case r < ' ' || r == 0x7f:
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// escapeLineStart keeps a line from being a heading or an item of a list.
func escapeLineStart(s string) string {
	if s == "" {
		return s
	}
	if strings.ContainsRune("#+-=:", rune(s[0])) {
		return `\` + s
	}
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	if digits > 0 && digits < len(s) && (s[digits] == '.' || s[digits] == ')') {
		return s[:digits] + `\` + s[digits:]
	}
	return s
}

// codeSpan is s as code within a line or a cell of Markdown.
func codeSpan(s string) string {
	s = strings.Join(strings.Fields(printable(s)), " ")
	ticks := strings.Repeat("`", longestRun(s)+1)
	s = strings.ReplaceAll(s, "|", `\|`)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return ticks + s + ticks
}

// codeFence is s as a block of code.
func codeFence(language, s string) string {
	s = printable(s)
	ticks := strings.Repeat("`", max(3, longestRun(s)+1))
	return ticks + language + "\n" + strings.TrimRight(s, "\n") + "\n" + ticks + "\n"
}

// printable puts the replacement character in the place of control characters.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return utf8.RuneError
		}
		return r
	}, s)
}

// longestRun is the length of the longest run of backticks.
func longestRun(s string) int {
	longest, run := 0, 0
	for _, r := range s {
		run++
		if r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}
