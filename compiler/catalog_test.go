package compiler_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/stdlib"
)

// catalogue is a table of update rules of the literature: which rule says each, or why none does.
type catalogued struct {
	dir, row, name, rule, status, note string
}

func catalogue(t *testing.T, dir string) []catalogued {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "TABLE.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []catalogued
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		f := append(strings.Split(line, "\t"), "")
		rows = append(rows, catalogued{dir, f[0], f[1], f[2], f[3], f[4]})
	}
	return rows
}

// TestCatalogue holds the table of published update rules to what the compiler does: a rule that is said compiles and
// runs, one that waits is refused for the reason that it waits for, and one that cannot be said gives a reason.
func TestCatalogue(t *testing.T) {
	for dir, least := range map[string]int{"../testdata/catalog/a": 45, "../testdata/catalog/b": 60} {
		said := 0
		for _, row := range catalogue(t, dir) {
			switch row.status {
			case "yes":
				said++
				file, rules, _ := strings.Cut(row.rule, ":")
				for _, rule := range strings.Split(rules, ",") {
					one := row
					if one.rule = file; rule != "" {
						one.rule += ":" + rule
					}
					one.runs(t)
				}
			case "waits":
				row.waits(t)
			case "no":
				if row.note == "" {
					t.Errorf("row %s, %s: no reason why the language cannot say it", row.row, row.name)
				}
			default:
				t.Errorf("row %s: status %q", row.row, row.status)
			}
		}
		if said < least {
			t.Errorf("%s: %d rules are said, want at least %d", dir, said, least)
		}
		t.Logf("%s: %d rules are said", dir, said)
	}
}

func (c catalogued) compile(t *testing.T) (*compiler.Rule, string) {
	t.Helper()
	if name, ok := strings.CutPrefix(c.rule, "std/"); ok {
		u, _ := compiler.Library(stdlib.FS)
		r, diags, err := compiler.Compile(u, name, compiler.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		return r, diagnostics(diags)
	}
	file, name, _ := strings.Cut(c.rule, ":")
	text, err := os.ReadFile(filepath.Join(c.dir, file))
	if err != nil {
		t.Fatalf("row %s: %v", c.row, err)
	}
	u, diags := compiler.Load(fstest.MapFS{"rule.opt": {Data: text}}, "rule.opt", stdlib.FS)
	if diags.HasErrors() {
		return nil, diagnostics(diags)
	}
	r, diags, err := compiler.Compile(u, name, compiler.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	return r, diagnostics(diags)
}

// runs takes a few steps on tensors of every rank: what is finite must stay so for one of them at least.
func (c catalogued) runs(t *testing.T) {
	r, diags := c.compile(t)
	if r == nil {
		t.Errorf("row %s, %s: %s", c.row, c.rule, diags)
		return
	}
	tensors := []interp.Tensor{{Name: "w", Shape: []int{4, 3}}, {Name: "b.bias", Shape: []int{5}}, {Name: "s", Shape: nil}, {Name: "k", Shape: []int{2, 3, 2}}}
	m := interp.New[float64](r.Checked, tensors, 1)
	rng := rand.New(rand.NewPCG(1, 2))
	fill := func(u []float64) {
		for i := range u {
			u[i] = rng.NormFloat64()
		}
	}
	for _, x := range m.Params {
		fill(x)
	}
	m.Closure = func(x [][]float64) ([][]float64, float64, error) {
		grads, loss := make([][]float64, len(x)), 0.0
		for i := range x {
			for _, v := range x[i] {
				grads[i] = append(grads[i], 0.5*v)
				loss += 0.25 * v * v
			}
		}
		return grads, loss, nil
	}
	for i, g := range r.Checked.Givens {
		m.Given[i] = givenFor(g, tensors, fill)
	}
	for range 3 {
		grads, loss, _ := m.Closure(m.Params)
		if err := m.Step(grads, loss); err != nil {
			t.Errorf("row %s, %s: %v", c.row, c.rule, err)
			return
		}
	}
	m.EvalParams()
	for _, x := range m.Params {
		for _, v := range x {
			if v-v == 0 {
				return
			}
		}
	}
	t.Errorf("row %s, %s: no parameter is finite after three steps", c.row, c.rule)
}

func givenFor(g ir.GivenDecl, tensors []interp.Tensor, fill func([]float64)) interp.Given[float64] {
	var v interp.Given[float64]
	if !g.Extent.IsArray() {
		v.Steps = make([]float64, map[ir.Extent]int{ir.Model: 1, ir.Group: 1, ir.Tensor: len(tensors)}[g.Extent])
		fill(v.Steps)
		return v
	}
	for _, s := range tensors {
		rows, cols := interp.Dims(g.Extent, s.Shape)
		u := make([]float64, rows*cols)
		fill(u)
		v.Arrays = append(v.Arrays, u)
	}
	return v
}

func (c catalogued) waits(t *testing.T) {
	r, diags := c.compile(t)
	if r != nil || !strings.Contains(diags, "does not build it yet") {
		t.Errorf("row %s, %s: said to wait, but: %s", c.row, c.rule, diags)
	}
}

func diagnostics(diags lang.Diagnostics) string { return fmt.Sprint(diags) }
