package lang

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Severity of a Diagnostic.
type Severity uint8

// An Error refuses the file; a Warning does not.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Diagnostic says what is wrong, where, why and how to mend it.
type Diagnostic struct {
	File     string
	Span     Span
	Severity Severity
	Message  string // what is wrong (and why): one line, lower case, no full stop
	Hint     string // the likely mend, or ""
}

// Diagnostics is every diagnostic of a run, in order of place.
type Diagnostics []Diagnostic

// String is file:line:col: error: message; hint.
func (d Diagnostic) String() string {
	s := d.header()
	if d.Hint != "" {
		s += "; " + d.Hint
	}
	return s
}

func (d Diagnostic) header() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", d.File, d.Span.Start.Line, d.Span.Start.Col, d.Severity, d.Message)
}

// Error is every diagnostic on a line of its own.
func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// Errors counts those that refuse the file.
func (ds Diagnostics) Errors() int {
	n := 0
	for _, d := range ds {
		if d.Severity == Error {
			n++
		}
	}
	return n
}

// HasErrors reports whether any of them refuses the file.
func (ds Diagnostics) HasErrors() bool { return ds.Errors() > 0 }

// Sort orders by file and place; those of one place keep their order.
func (ds Diagnostics) Sort() {
	slices.SortStableFunc(ds, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Span.Start.Offset, b.Span.Start.Offset))
	})
}

const (
	ansiReset = "\x1b[0m"
	ansiBold  = "\x1b[1m"
	ansiRed   = "\x1b[1;31m"
	ansiMild  = "\x1b[1;33m"
	ansiHint  = "\x1b[1;36m"
)

// Render is the diagnostic with its source line, a caret under its span, and its hint.
func (d Diagnostic) Render(src []byte, colour bool) string {
	paint := func(ansi, s string) string {
		if !colour {
			return s
		}
		return ansi + s + ansiReset
	}
	mark := ansiRed
	if d.Severity == Warning {
		mark = ansiMild
	}
	var b strings.Builder
	b.WriteString(paint(ansiBold, d.header()) + "\n")
	if line, caret, ok := d.snippet(src); ok {
		gutter := fmt.Sprintf("%5d | ", d.Span.Start.Line)
		b.WriteString(gutter + line + "\n")
		b.WriteString(strings.Repeat(" ", len(gutter)-2) + "| " + paint(mark, caret) + "\n")
	}
	if d.Hint != "" {
		b.WriteString(strings.Repeat(" ", 8) + paint(ansiHint, "hint:") + " " + d.Hint + "\n")
	}
	return b.String()
}

// snippetWidth is how many columns of a source line are shown at most.
const snippetWidth = 100

// snippet is the line of the span, and the line of carets under it.
func (d Diagnostic) snippet(src []byte) (line, caret string, ok bool) {
	at := d.Span.Start.Offset
	if at < 0 || at > len(src) || d.Span.Start.Line < 1 {
		return "", "", false
	}
	begin := bytes.LastIndexByte(src[:at], '\n') + 1
	end := len(src)
	if n := bytes.IndexByte(src[at:], '\n'); n >= 0 {
		end = at + n
	}
	stop := min(max(d.Span.End.Offset, at), end)
	before, under, after := printable(last(src[begin:at])), printable(first(src[at:stop])), printable(first(src[stop:end]))
	before, under, after = window(before, under, strings.TrimRight(after, " "))
	caret = strings.Repeat(" ", width(before)) + "^" + strings.Repeat("~", max(0, width(under)-1))
	return strings.TrimRight(before+under+after, " "), caret, true
}

// enough is more bytes than fill a snippet of any width.
const enough = 16 * snippetWidth

// first and last are as much of a line as a snippet can show.
func first(line []byte) []byte { return line[:min(len(line), enough)] }

func last(line []byte) []byte {
	from := max(0, len(line)-enough)
	for from > 0 && from < len(line) && !utf8.RuneStart(line[from]) {
		from++
	}
	return line[from:]
}

// printable turns bytes into what a terminal shows one cell or two a rune.
func printable(src []byte) string {
	var b strings.Builder
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		switch {
		case r == '\t':
			b.WriteString("    ")
		case r == '\r', r == '\ufeff':
		case r == utf8.RuneError && n == 1, !unicode.IsPrint(r) && !unicode.IsMark(r):
			b.WriteRune('\ufffd')
		default:
			b.WriteRune(r)
		}
		src = src[n:]
	}
	return b.String()
}

// window cuts a long line around its span.
func window(before, under, after string) (string, string, string) {
	const dots = "..."
	if width(before)+width(under)+width(after) <= snippetWidth {
		return before, under, after
	}
	under = head(under, snippetWidth*3/4, dots)
	room := snippetWidth - width(under)
	if most := max(room/2, room-width(after)); width(before) > most {
		before = tail(before, most, dots)
	}
	return before, under, head(after, room-width(before), dots)
}

// head is the first n columns of s, with more in the last of them where some was cut.
func head(s string, n int, more string) string {
	if width(s) <= n {
		return s
	}
	w := 0
	for i, r := range s {
		if w += runeWidth(r); w > n-len(more) {
			return s[:i] + more
		}
	}
	return s
}

// tail is the last n columns of s.
func tail(s string, n int, more string) string {
	if width(s) <= n {
		return s
	}
	over := width(s) - n + len(more)
	for i, r := range s {
		if over <= 0 {
			return more + s[i:]
		}
		over -= runeWidth(r)
	}
	return more
}

func width(s string) int {
	w := 0
	for _, r := range s {
		w += runeWidth(r)
	}
	return w
}

// wide are the scripts and symbols that terminals draw two cells wide (UAX 11, classes W and F).
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x231a, 0x231b, 1}, {0x23e9, 0x23ec, 1}, {0x2e80, 0x303e, 1}, {0x3041, 0x4dbf, 1},
		{0x4e00, 0xa4cf, 1}, {0xa960, 0xa97f, 1}, {0xac00, 0xd7a3, 1}, {0xf900, 0xfaff, 1}, {0xfe30, 0xfe6f, 1},
		{0xff00, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{{0x16fe0, 0x18aff, 1}, {0x1b000, 0x1b2ff, 1}, {0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f900, 0x1f9ff, 1}, {0x20000, 0x3fffd, 1}},
}

// runeWidth is how many terminal cells a rune takes.
func runeWidth(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// Write prints diagnostics as text, json (one array) or github (workflow commands).
// With snippet, text shows the source line of each file found in sources.
func Write(w io.Writer, ds Diagnostics, format string, sources map[string][]byte, snippet, colour bool) error {
	switch format {
	case "text":
		return writeText(w, ds, sources, snippet, colour)
	case "json":
		return writeJSON(w, ds)
	case "github":
		return writeGitHub(w, ds)
	}
	return fmt.Errorf("unknown diagnostic format %q: text, json or github", format)
}

func writeText(w io.Writer, ds Diagnostics, sources map[string][]byte, snippet, colour bool) error {
	for _, d := range ds {
		text := d.String() + "\n"
		if src, ok := sources[d.File]; ok && snippet {
			text = d.Render(src, colour)
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

// jsonDiagnostic is a Diagnostic as other tools read it; lines and columns count from 1, columns in runes.
type jsonDiagnostic struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"endLine"`
	EndColumn int    `json:"endColumn"`
	Severity  string `json:"severity"`
	Message   string `json:"message"`
	Hint      string `json:"hint,omitempty"`
}

func writeJSON(w io.Writer, ds Diagnostics) error {
	all := make([]jsonDiagnostic, len(ds))
	for i, d := range ds {
		s, e := d.Span.Start, d.Span.End
		all[i] = jsonDiagnostic{d.File, s.Line, s.Col, e.Line, e.Col, d.Severity.String(), d.Message, d.Hint}
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}

// GitHub's escapes of workflow commands: of data, and of properties.
var (
	githubData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func writeGitHub(w io.Writer, ds Diagnostics) error {
	var errs []error
	for _, d := range ds {
		message := d.Message
		if d.Hint != "" {
			message += "; " + d.Hint
		}
		_, err := fmt.Fprintf(w, "::%s file=%s,line=%d,col=%d::%s\n", d.Severity, githubProperty.Replace(d.File),
			d.Span.Start.Line, d.Span.Start.Col, githubData.Replace(message))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
