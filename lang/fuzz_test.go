package lang

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// seeds gives a fuzzer the examples, whole and by declaration, and every error case.
func seeds(f *testing.F) {
	src := string(readExamples(f))
	f.Add([]byte(src))
	for _, piece := range strings.Split(src, "\n\n") {
		f.Add([]byte(piece))
	}
	paths, _ := filepath.Glob(errorCases)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			code, _, _ := strings.Cut(line, " ###")
			f.Add([]byte("rule a {\n" + code + "\n}"))
			f.Add([]byte(code))
		}
	}
	for _, text := range byteCases {
		if len(text) < 100 {
			f.Add([]byte(text))
		}
	}
}

// FuzzParse: no text makes Parse panic, and every place it names lies in the text.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		file, ds := Parse("fuzz.opt", src)
		inside := func(what any, s Span) {
			if s.Start.Offset < 0 || s.End.Offset < s.Start.Offset || s.End.Offset > len(src) ||
				s.Start.Line < 1 || s.Start.Col < 1 || s.End.Line < s.Start.Line {
				t.Fatalf("%T %v: span %v is not in the file of %d bytes", what, what, s, len(src))
			}
		}
		for _, d := range ds {
			inside(d, d.Span)
			if text := d.Render(src, true); text == "" || d.Message == "" || strings.ContainsFunc(d.Message+d.Hint, unicode.IsControl) {
				t.Fatalf("not a message: %q", text)
			}
		}
		Inspect(file, func(n any) {
			if w, ok := n.(interface{ Where() Span }); ok {
				inside(n, w.Where())
			}
		})
		for _, c := range file.Comments {
			inside(c, c.Span)
		}
	})
}

// FuzzFormat: formatting keeps the tree and the comments, and formatting again changes nothing.
func FuzzFormat(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		file, ds := Parse("fuzz.opt", src)
		if len(ds) == 0 {
			checkFormat(t, file)
		}
	})
}
