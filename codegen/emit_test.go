package codegen_test

import (
	"bytes"
	"go/build/constraint"
	"go/format"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOutput asks of the generated files that they are formatted, that generating them again gives the same bytes, that
// nothing in them depends on the system, and that AVX2 functions use nothing beyond AVX2.
func TestOutput(t *testing.T) {
	for _, p := range open(t).packages {
		again := &generated{name: p.name, cases: p.cases}
		if err := again.compile(); err != nil {
			t.Fatal(err)
		}
		files, err := again.emit()
		if err != nil {
			t.Fatal(err)
		}
		functions := 0
		for i, f := range p.files {
			if f.Name != files[i].Name || !bytes.Equal(f.Data, files[i].Data) {
				t.Errorf("%s: generated twice, it differs", f.Name)
			}
			if strings.HasSuffix(f.Name, ".go") {
				if formatted, err := format.Source(f.Data); err != nil || !bytes.Equal(formatted, f.Data) {
					t.Errorf("%s is not formatted (%v)", f.Name, err)
				}
				checkPlatform(t, f.Name, f.Data)
				continue
			}
			functions += checkAVX2(t, f.Name, string(f.Data))
		}
		if functions == 0 && !strings.HasPrefix(p.name, "regress") { // one that failed may have no loop
			t.Errorf("%s has no AVX2 function", p.name)
		}
	}
}

// imported is what generated code may import: nothing that depends on the system.
var imported = []string{`"math"`, `"unsafe"`, `"github.com/optc-lang/optc/runtime"`, `"github.com/optc-lang/optc/runtime/elem"`, `"github.com/optc-lang/optc/runtime/matrix"`}

// checkPlatform checks that a Go file is chosen by the architecture alone.
func checkPlatform(t *testing.T, name string, text []byte) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range file.Imports {
		if !slices.Contains(imported, i.Path.Value) {
			t.Errorf("%s imports %s", name, i.Path.Value)
		}
	}
	for _, group := range file.Comments {
		for _, c := range group.List {
			if expr, err := constraint.Parse(c.Text); err == nil && systems.MatchString(expr.String()) {
				t.Errorf("%s is built for %s", name, expr)
			}
		}
	}
}

// systems finds what is no architecture or tag of this project in a build constraint.
var systems = regexp.MustCompile(`\b(linux|windows|darwin|js|wasip1|unix|cgo|\w*bsd)\b`)

var (
	functionName = regexp.MustCompile(`(?m)^TEXT ·(\w+)\(SB\)`)
	beyondAVX2   = regexp.MustCompile(`\b(Z\d+|K\d+|[XY](1[6-9]|[23]\d))\b|\.BCST|\.Z\b|EVEX`)
	comments     = regexp.MustCompile(`//.*`)
)

// checkAVX2 checks the AVX2 functions of a file of assembly, and counts them.
func checkAVX2(t *testing.T, name, text string) int {
	n := 0
	starts := functionName.FindAllStringSubmatchIndex(text, -1)
	for i, at := range starts {
		symbol, end := text[at[2]:at[3]], len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		if !strings.HasSuffix(symbol, "AVX2") {
			continue
		}
		n++
		if found := beyondAVX2.FindString(comments.ReplaceAllString(text[at[0]:end], "")); found != "" {
			t.Errorf("%s: %s uses %s", name, symbol, found)
		}
	}
	return n
}

// TestVet vets the generated code, its assembly with the declarations included; in full mode for every kind of machine
// there is a difference for.
func TestVet(t *testing.T) {
	m := open(t)
	all := m.paths("")
	m.goCommand(t, []string{"GOARCH=amd64"}, append([]string{"vet", "-trimpath"}, all...)...)
	if !*full {
		return
	}
	for _, test := range []struct {
		platform string
		packages []string
		build    bool
	}{
		{"linux/arm64", all, true},
		{"linux/386", all, false}, // TestBuilds builds it
		// Nothing that is generated depends on the system (see TestOutput): some rules are enough.
		{"js/wasm", m.paths("regress"), false},
		{"windows/amd64", m.paths("regress"), false},
		{"darwin/arm64", m.paths("regress"), false},
	} {
		t.Run(strings.ReplaceAll(test.platform, "/", "_"), func(t *testing.T) {
			os, arch, _ := strings.Cut(test.platform, "/")
			env := []string{"GOOS=" + os, "GOARCH=" + arch}
			m.goCommand(t, env, append([]string{"vet", "-trimpath"}, test.packages...)...)
			if test.build {
				m.goCommand(t, env, append([]string{"build", "-trimpath"}, test.packages...)...)
			}
		})
	}
}

// paths are the packages whose name starts with a word.
func (m *module) paths(word string) []string {
	var paths []string
	for _, p := range m.packages {
		if strings.HasPrefix(p.name, word) {
			paths = append(paths, "./"+p.name)
		}
	}
	return paths
}
