package lang

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/optc-lang/optc/internal/errtest"
)

const errorCases = "../testdata/errors/syntax/*.opt"

// checkCase parses a file of error cases.
func checkCase(t *testing.T, path string) Diagnostics {
	t.Helper()
	c := errtest.Read(t, path)
	_, ds := parse(filepath.Base(path), c.Source, len(c.Wants)+MaxDiagnostics)
	var got []errtest.Diagnostic
	for _, d := range ds {
		got = append(got, errtest.Diagnostic{Line: d.Span.Start.Line, Warning: d.Severity == Warning, Text: d.Message + "; " + d.Hint})
	}
	c.Compare(t, got)
	return ds
}

func TestErrorCases(t *testing.T) {
	paths, _ := filepath.Glob(errorCases)
	if len(paths) < 5 {
		t.Fatalf("only %d files of error cases", len(paths))
	}
	for _, path := range paths {
		checkCase(t, path)
	}
}

// TestEveryTextHasACase counts the texts for the user in this package's source, and demands as many cases that say them.
func TestEveryTextHasACase(t *testing.T) {
	var said []errtest.Said
	note := func(ds Diagnostics) {
		for _, d := range ds {
			said = append(said, errtest.Said{Place: fmt.Sprint(d.File, d.Span.Start), Message: d.Message, Hint: d.Hint})
		}
	}
	paths, _ := filepath.Glob(errorCases)
	for _, path := range paths {
		note(checkCase(t, path))
	}
	for _, src := range byteCases {
		_, ds := Parse("bytes.opt", []byte(src))
		note(ds)
	}
	var texts []errtest.Text
	sites := 0
	for _, file := range []string{"expr.go", "grammar.go", "limits.go", "parse.go", "problems.go", "scan.go", "sink.go", "token.go"} {
		more, n := errtest.Texts(t, file, map[string]int{"add": 1, "bad": -1, "expected": -1, "unclosed": -1})
		texts, sites = append(texts, more...), sites+n
	}
	if sites < 40 || len(texts) < 150 {
		t.Fatalf("only %d places that report and %d texts found in the source", sites, len(texts))
	}
	t.Logf("%d places that report, %d texts, %d diagnostics of cases", sites, len(texts), len(said))
	errtest.Covered(t, texts, said)
}

// byteCases cannot stand in text files, or are too large for them.
var byteCases = []string{
	"fn f(x) = \x00", "fn f(x) = \xff", "// \xff", "fn f(x) = named(\"\x00\")", strings.Repeat(" ", MaxFileSize+1),
	strings.Repeat("?\n", 100), strings.Repeat("(", 1000), "fn f(x) = x" + strings.Repeat(" + x", MaxOperators+1),
}
