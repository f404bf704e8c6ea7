// Package errtest reads files of error cases, in which a line says what is wrong with it: ### "regexp" demands an error
// there, ### warning "regexp" a warning, and a missing diagnostic fails as an unexpected one does.
package errtest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Diagnostic is what a compiler said. Text is message and hint.
type Diagnostic struct {
	Line    int
	Warning bool
	Text    string
}

// Case is a file without its marks, and what they demand.
type Case struct {
	Path   string
	Source []byte
	Wants  []Want
}

// Want is one mark.
type Want struct {
	Line    int
	Warning bool
	Match   *regexp.Regexp
}

// Read reads a file of cases.
func Read(t *testing.T, path string) Case {
	t.Helper()
	marked, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := Case{Path: path}
	n := 0
	for line := range strings.Lines(string(marked)) {
		n++
		parts := strings.Split(strings.TrimRight(line, "\n"), " ###")
		c.Source = append(c.Source, parts[0]+"\n"...)
		for _, mark := range parts[1:] {
			word, quoted, ok := strings.Cut(strings.TrimSpace(mark), `"`)
			if !ok || !strings.HasSuffix(quoted, `"`) || word != "" && word != "warning " {
				t.Fatalf("%s:%d: a mark is ### \"regexp\" or ### warning \"regexp\": %s", path, n, mark)
			}
			c.Wants = append(c.Wants, Want{n, word != "", regexp.MustCompile(strings.TrimSuffix(quoted, `"`))})
		}
	}
	return c
}

// Compare fails the test for every mark without a diagnostic and every diagnostic without a mark, and for a message that
// is not one line in lower case without a full stop.
func (c Case) Compare(t *testing.T, got []Diagnostic) {
	t.Helper()
	left := slices.Clone(got)
	for _, w := range c.Wants {
		i := slices.IndexFunc(left, func(d Diagnostic) bool {
			return d.Line == w.Line && d.Warning == w.Warning && w.Match.MatchString(d.Text)
		})
		if i < 0 {
			t.Errorf("%s:%d: nothing matches %s", c.Path, w.Line, w.Match)
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, d := range left {
		t.Errorf("%s:%d: unexpected: %s", c.Path, d.Line, d.Text)
	}
	for _, d := range got {
		message, _, _ := strings.Cut(d.Text, "; ")
		if message == "" || message[0] >= 'A' && message[0] <= 'Z' || strings.HasSuffix(message, ".") || strings.Contains(message, "\n") {
			t.Errorf("%s:%d: not one line in lower case without full stop: %s", c.Path, d.Line, message)
		}
	}
}
