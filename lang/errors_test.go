package lang

import (
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const errorCases = "../testdata/errors/syntax/*.opt"

// expectation is what a line's `### "regexp"` demands.
type expectation struct {
	line int
	want *regexp.Regexp
}

// expectations strips the marks from a file and reads them.
func expectations(t *testing.T, marked string) (string, []expectation) {
	t.Helper()
	var src strings.Builder
	var all []expectation
	n := 0
	for line := range strings.Lines(marked) {
		n++
		text, mark, ok := strings.Cut(strings.TrimRight(line, "\n"), " ###")
		src.WriteString(text + "\n")
		if !ok {
			continue
		}
		mark = strings.TrimSpace(mark)
		if len(mark) < 3 || mark[0] != '"' || mark[len(mark)-1] != '"' {
			t.Fatalf("line %d: a mark is ### \"regexp\": %s", n, mark)
		}
		for _, want := range strings.Split(mark[1:len(mark)-1], `" "`) {
			all = append(all, expectation{n, regexp.MustCompile(want)})
		}
	}
	return src.String(), all
}

// checkCase parses a file of which each mark demands one diagnostic, and nothing else may demand any.
func checkCase(t *testing.T, path string) Diagnostics {
	t.Helper()
	marked, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	src, wants := expectations(t, string(marked))
	_, ds := parse(filepath.Base(path), []byte(src), len(wants)+MaxDiagnostics)
	for _, w := range wants {
		found := false
		for i := range ds {
			if ds[i].Span.Start.Line == w.line && w.want.MatchString(ds[i].Message+"; "+ds[i].Hint) {
				found = true
				break
			}
		}
		if !found {
			t.Errorf("%s:%d: no diagnostic matches %s", path, w.line, w.want)
		}
	}
	seen := map[int]int{}
	for _, w := range wants {
		seen[w.line]++
	}
	for _, d := range ds {
		if seen[d.Span.Start.Line]--; seen[d.Span.Start.Line] < 0 {
			t.Errorf("unexpected: %v", d)
		}
	}
	return ds
}

func TestErrorCases(t *testing.T) {
	paths, _ := filepath.Glob(errorCases)
	if len(paths) < 5 {
		t.Fatalf("only %d files of error cases", len(paths))
	}
	for _, path := range paths {
		for _, d := range checkCase(t, path) {
			if !lower(d.Message) || strings.HasSuffix(d.Message, ".") || strings.Contains(d.Message, "\n") {
				t.Errorf("not one line in lower case without full stop: %s", d.Message)
			}
		}
	}
}

func lower(s string) bool { return s != "" && (s[0] < 'A' || s[0] > 'Z') }

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
