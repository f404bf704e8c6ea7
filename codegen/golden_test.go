package codegen_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/optc-lang/optc/internal/agree"
)

// golden compares with a file that -update rewrites.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
	}
}

// assembly lists the rules whose journey ends with all of their assembly.
var assembly = []string{"adam", "lion"}

// TestJourney shows each rule of the library on its way from the checked program to Go.
func TestJourney(t *testing.T) {
	found := map[string]bool{"doc": true} // doc holds pages of rules
	for _, c := range open(t).library() {
		found[c.Name+".txtar"] = true
		t.Run(c.Name, func(t *testing.T) {
			golden(t, filepath.Join("..", "testdata", "golden", c.Name+".txtar"), journey(t, c))
		})
	}
	files, err := filepath.Glob("../testdata/golden/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !found[filepath.Base(f)] {
			t.Errorf("%s is of no rule", f)
		}
	}
}

// library are the rules of the library as they are.
func (m *module) library() []agree.Rule {
	var cases []agree.Rule
	for _, p := range m.packages {
		for _, c := range p.cases {
			if c.Text == "" && c.Name == c.Rule {
				cases = append(cases, c)
			}
		}
	}
	return cases
}

func journey(t *testing.T, c agree.Rule) string {
	t.Helper()
	p := &generated{name: c.Name, cases: []agree.Rule{c}}
	if err := p.compile(); err != nil {
		t.Fatal(err)
	}
	files, err := p.emit()
	if err != nil {
		t.Fatal(err)
	}
	r := p.rules[0]
	a := &txtar.Archive{Comment: []byte(fmt.Sprintf("The rule std/%s, from its checked program to Go. Rewritten by go test ./codegen -update.\n", r.Name))}
	add := func(name string, text []byte) {
		a.Files = append(a.Files, txtar.File{Name: "out/" + name, Data: text})
	}
	for _, d := range r.Dumps {
		if slices.Contains([]string{"check", "simplify", "kernels"}, d.Pass) {
			add(d.Pass, []byte(d.Text))
		}
	}
	for _, f := range files {
		switch {
		case f.Name == r.Name+"_opt.go":
			add("gosrc", f.Data)
		case strings.HasSuffix(f.Name, ".s") && slices.Contains(assembly, r.Name):
			add("goasm"+strings.TrimSuffix(strings.TrimPrefix(f.Name, r.Name+"_opt"), ".s"), f.Data)
		}
	}
	want := 4
	if slices.Contains(assembly, r.Name) {
		want += 2 // architectures
	}
	if len(a.Files) != want {
		t.Fatalf("the journey has %d stages, not %d", len(a.Files), want)
	}
	return string(txtar.Format(a))
}
