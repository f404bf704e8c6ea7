package errtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Text is a text for the user in a package's source: every string there that has a letter and a space is one, but what
// panics and errors say, which are defects, and the tags of fields.
type Text struct {
	Place  string
	Format string
	Whole  bool // it is all of a message
}

// Texts reads the texts of the files that a pattern names, tests left out. reporters tells which argument of each function
// that makes a diagnostic is the whole message, -1 for none; sites counts their calls.
func Texts(t *testing.T, pattern string, reporters map[string]int) (texts []Text, sites int) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: no files, %v", pattern, err)
	}
	files := token.NewFileSet()
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		whole := map[ast.Node]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field, *ast.ImportSpec:
				return false
			case *ast.CallExpr:
				name := callee(n.Fun)
				if name == "panic" || name == "Errorf" {
					return false
				}
				if i, ok := reporters[name]; ok {
					sites++
					if i >= 0 {
						whole[n.Args[i]] = true
					}
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil && isText(text) {
					texts = append(texts, Text{files.Position(n.Pos()).String(), text, whole[n]})
				}
			}
			return true
		})
	}
	return texts, sites
}

func callee(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

var (
	verb    = regexp.MustCompile(`%[0-9.]*[a-zA-Z]`)
	hasWord = regexp.MustCompile(`\pL`)
)

func isText(s string) bool {
	return strings.Contains(s, " ") && hasWord.MatchString(verb.ReplaceAllString(s, ""))
}

// Said is a diagnostic that some case got.
type Said struct{ Place, Message, Hint string }

// Covered fails the test for a text that no case got. Where several places have the same one, as many cases must.
func Covered(t *testing.T, texts []Text, said []Said) {
	t.Helper()
	places := map[Text][]string{}
	for _, x := range texts {
		key := Text{Format: x.Format, Whole: x.Whole}
		places[key] = append(places[key], x.Place)
	}
	for x, at := range places {
		match := x.regexp()
		got := map[string]bool{}
		for _, s := range said {
			if x.Whole && match.MatchString(s.Message) || !x.Whole && match.MatchString(s.Message+"; "+s.Hint) {
				got[fmt.Sprint(s)] = true
			}
		}
		if len(got) < len(at) {
			t.Errorf("%s: %d of %d cases say %q", strings.Join(at, ", "), len(got), len(at), x.Format)
		}
	}
}

// regexp matches what a format prints.
func (x Text) regexp() *regexp.Regexp {
	pieces := verb.Split(x.Format, -1)
	for i, p := range pieces {
		pieces[i] = regexp.QuoteMeta(p)
	}
	text := strings.Join(pieces, "(?s:.*)")
	if x.Whole {
		text = "^" + text + "$"
	}
	return regexp.MustCompile(text)
}
