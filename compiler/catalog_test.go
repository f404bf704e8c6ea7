package compiler_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
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
// runs, and one that cannot be said gives a reason.
func TestCatalogue(t *testing.T) {
	for dir, least := range map[string]int{"../testdata/catalog/a": 53, "../testdata/catalog/b": 97} {
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
	return c.compileWith(t, compiler.Settings{})
}

func (c catalogued) compileWith(t *testing.T, set compiler.Settings) (*compiler.Rule, string) {
	t.Helper()
	if name, ok := strings.CutPrefix(c.rule, "std/"); ok {
		u, _ := compiler.Library(stdlib.FS)
		r, diags, err := compiler.Compile(u, name, set)
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
	r, diags, err := compiler.Compile(u, name, set)
	if err != nil {
		t.Fatal(err)
	}
	return r, diagnostics(diags)
}

// catalogTensors are of every rank.
var catalogTensors = []interp.Tensor{{Name: "w", Shape: []int{4, 3}}, {Name: "b.bias", Shape: []int{5}}, {Name: "s", Shape: nil}, {Name: "k", Shape: []int{2, 3, 2}}}

// machine is a rule at random parameters, which start may change, on the bowl of half the squares' half.
func (c catalogued) machine(r *compiler.Rule, start func(float64) float64) *interp.Machine[float64] {
	m := interp.New[float64](r.Checked, catalogTensors, 1)
	rng := rand.New(rand.NewPCG(1, 2))
	fill := func(u []float64) {
		for i := range u {
			u[i] = start(rng.NormFloat64())
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
		m.Given[i] = givenFor(g, catalogTensors, fill)
	}
	return m
}

// runs takes a few steps: what is finite must stay so for one tensor at least.
func (c catalogued) runs(t *testing.T) {
	r, diags := c.compile(t)
	if r == nil {
		t.Errorf("row %s, %s: %s", c.row, c.rule, diags)
		return
	}
	m := c.machine(r, func(v float64) float64 { return v })
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

// TestDerivedForms holds what is derived to the closed forms that the rule files have beside it, over some steps.
func TestDerivedForms(t *testing.T) {
	a, b := "../testdata/catalog/a", "../testdata/catalog/b"
	positive := func(v float64) float64 { return 0.1 + math.Abs(v) }
	for _, c := range []struct {
		dir, rule string
		form      string            // the option that says which
		others    map[string]string // choices of another option
		start     func(float64) float64
		fix       map[string]float64
	}{
		{a, "ista.opt:ista", "form", nil, nil, map[string]float64{"lr": 0.7, "lambda": 0.4}},
		{a, "fista.opt:fista", "form", nil, nil, map[string]float64{"lr": 0.7, "lambda": 0.4}},
		{a, "apg_scad.opt:apg_scad", "form", nil, nil, map[string]float64{"lambda": 0.3}},
		{a, "apg_mcp.opt:apg_mcp", "form", nil, nil, map[string]float64{"lambda": 0.3}},
		{a, "prox_concave.opt:prox_scad", "form", nil, nil, map[string]float64{"lr": 0.9, "lambda": 0.5}},
		{a, "prox_concave.opt:prox_scad", "form", nil, nil, map[string]float64{"lr": 1.5, "lambda": 0.3}},
		{a, "prox_concave.opt:prox_mcp", "form", nil, nil, map[string]float64{"lr": 0.9, "lambda": 0.5}},
		{a, "projected_gradient.opt:projected_gradient", "form", map[string]string{"onto": "interval ball shares diamond"}, nil, nil},
		{a, "exponentiated_gradient.opt:exponentiated_gradient", "step", map[string]string{"form": "unnormalised shares difference"}, positive, nil},
		{b, "group_prox.opt:group_prox", "form", map[string]string{"over": "rows_only columns tensors"}, nil, map[string]float64{"lr": 0.5, "lambda": 0.9}},
		{b, "nuclear_prox.opt:nuclear_prox", "form", nil, nil, map[string]float64{"lr": 0.5, "lambda": 0.9}},
		{b, "mirror_prox.opt:mirror_prox", "form", map[string]string{"map": "euclid entropy simplex"}, positive, nil},
		{b, "optimistic_omd.opt:optimistic_omd", "form", map[string]string{"map": "simplex"}, positive, nil},
		{b, "frank_wolfe.opt:frank_wolfe", "form", map[string]string{"set": "l1_ball l2_ball cube shares"}, nil, nil},
		{b, "zeroth_order_frank_wolfe.opt:zeroth_order_frank_wolfe", "form", nil, nil, nil},
		{b, "ftrl.opt:ftrl", "least", map[string]string{"form": "root_t adagrad"}, nil, map[string]float64{"lambda": 0.2}},
		{b, "sparsemax.opt:sparsemax_logits", "form", nil, nil, nil},
		{b, "admm.opt:admm", "form", nil, nil, map[string]float64{"lambda": 0.3}},
	} {
		other, choices := "", []string{""}
		for name, words := range c.others {
			other, choices = name, strings.Fields(words)
		}
		if c.start == nil {
			c.start = func(v float64) float64 { return v }
		}
		for _, choice := range choices {
			row := catalogued{dir: c.dir, rule: c.rule}
			var points [2][]float64
			for i, form := range []string{"derived", "closed"} {
				options := map[string]string{c.form: form}
				if other != "" {
					options[other] = choice
				}
				r, diags := row.compileWith(t, compiler.Settings{Options: options, Fix: c.fix})
				if r == nil {
					t.Fatalf("%s %v: %s", c.rule, options, diags)
				}
				points[i] = row.path(t, r, c.start)
			}
			for i, want := range points[1] {
				if got := points[0][i]; !(math.Abs(got-want) <= 1e-11*(1+math.Abs(want))) {
					t.Errorf("%s %s: %v derived, %v in closed form", c.rule, choice, got, want)
					break
				}
			}
		}
	}
}

// path is where the parameters and the point of evaluation are after each of eight steps.
func (c catalogued) path(t *testing.T, r *compiler.Rule, start func(float64) float64) (out []float64) {
	t.Helper()
	m := c.machine(r, start)
	for range 8 {
		grads, loss, _ := m.Closure(m.Params)
		if err := m.Step(grads, loss); err != nil {
			t.Fatalf("%s: %v", c.rule, err)
		}
		for _, x := range append(slices.Clone(m.Params), m.EvalParams()...) {
			out = append(out, x...)
		}
	}
	return out
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

func diagnostics(diags lang.Diagnostics) string { return fmt.Sprint(diags) }
