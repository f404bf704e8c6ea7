package lang

import (
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
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

// TestEveryMessageHasACase looks up the text of every diagnostic in this package's source
// and demands that some error case produces it.
func TestEveryMessageHasACase(t *testing.T) {
	paths, _ := filepath.Glob(errorCases)
	var said strings.Builder
	for _, path := range paths {
		for _, d := range checkCase(t, path) {
			fmt.Fprintln(&said, d.Message, d.Hint)
		}
	}
	for _, src := range byteCases {
		_, ds := Parse("bytes.opt", []byte(src))
		fmt.Fprintln(&said, ds.Error())
	}
	for op, own := range foreign {
		if !strings.Contains(said.String(), own.message) {
			t.Errorf("no error case says %q of %s", own.message, op)
		}
	}
	places := messages(t)
	if len(places) < 40 {
		t.Fatalf("only %d messages found in the source", len(places))
	}
	for place, text := range places {
		if !strings.Contains(said.String(), text) {
			t.Errorf("%s: no error case says %q", place, text)
		}
	}
}

// byteCases cannot stand in text files, or are too large for them.
var byteCases = []string{
	"fn f(x) = \x00", "fn f(x) = \xff", "// \xff", "fn f(x) = named(\"\x00\")", strings.Repeat(" ", MaxFileSize+1),
	strings.Repeat("?\n", 100), strings.Repeat("(", 1000), "fn f(x) = x" + strings.Repeat(" + x", MaxOperators+1),
}

// messages is the longest constant piece of every message and hint in the source, by its place.
func messages(t *testing.T) map[string]string {
	t.Helper()
	files := token.NewFileSet()
	found := map[string]string{}
	paths, _ := filepath.Glob("*.go")
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := goparser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		note := func(args ...ast.Expr) {
			for _, e := range args {
				if text := longestPiece(e); len(text) > 3 {
					found[files.Position(e.Pos()).String()] = text
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if id, ok := n.Type.(*ast.Ident); ok && id.Name == "problem" {
					note(n.Elts[1:]...)
				}
			case *ast.CallExpr:
				switch name(n.Fun) {
				case "expected":
					note(n.Args[0], n.Args[2])
				case "add", "bad":
					note(n.Args[1:]...)
				}
			}
			return true
		})
	}
	return found
}

func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

var verb = regexp.MustCompile(`%[a-z0-9]+`)

// longestPiece is the longest constant text in an expression, without format verbs.
func longestPiece(e ast.Expr) string {
	best := ""
	ast.Inspect(e, func(n ast.Node) bool {
		if _, isIndex := n.(*ast.IndexExpr); isIndex {
			return false
		}
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, _ := strconv.Unquote(lit.Value)
		for _, piece := range verb.Split(text, -1) {
			if len(piece) > len(best) {
				best = piece
			}
		}
		return true
	})
	return best
}
