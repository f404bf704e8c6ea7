// Package proof holds the library's rules against the reference trajectories of testdata/oracle. In come the rules' text
// and what optax, PyTorch and the authors' own code computed; out comes the table testdata/table.md. The rules run through
// the compiler's front end and the interpreter, whose bits the generated kernels are held to elsewhere. Each rule also has
// near misses, testdata/nearmiss/RULE.opt: published or likely slips that the same comparison must refuse. The package
// knows no rule's formula and no tolerance but the two below.
package proof

import (
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/internal/oracle"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/stdlib"
)

// Errors are shares of the tensor's largest value, see oracle.Error.
const (
	tolerance64 = 1e-12 // of a whole trajectory of 100 steps
	tolerance32 = 5e-7  // of one step from the reference's own state: 4 units in the last place (2^-23) of the largest value
	missFactor  = 1000  // a near miss is at least so many times tolerance64 off
)

const missFolder = "testdata/nearmiss"

var cases = sync.OnceValues(func() ([]oracle.Case, error) { return oracle.Cases(os.DirFS("../../testdata/oracle")) })

func casesOf(t *testing.T, keep func(*oracle.Case) bool) (out []*oracle.Case) {
	t.Helper()
	all, err := cases()
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if keep(&all[i]) {
			out = append(out, &all[i])
		}
	}
	return out
}

// load reads a file of rules with the library in scope.
func load(t *testing.T, folder, name string) *check.Unit {
	t.Helper()
	return usable(t)(compiler.Load(os.DirFS(folder), name, stdlib.FS))
}

func usable(t *testing.T) func(*check.Unit, lang.Diagnostics) *check.Unit {
	return func(u *check.Unit, diags lang.Diagnostics) *check.Unit {
		t.Helper()
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return u
	}
}

// compiled is a rule with the options of a case.
func compiled(t *testing.T, u *check.Unit, rule string, options map[string]string) *ir.Program {
	t.Helper()
	r, diags, err := compiler.Compile(u, rule, compiler.Settings{Options: options})
	if err != nil {
		t.Fatalf("%s: %v", rule, err)
	}
	if diags.HasErrors() {
		t.Fatalf("%s: %v", rule, diags)
	}
	return r.Checked
}

// runner runs a program on the inputs of a case.
type runner[T elem.Float] struct {
	*interp.Machine[T]
	prog *ir.Program
	c    *oracle.Case
	refs []reference // where the case's states are in the program
}

// newRunner starts a program at a case's parameters and hyperparameters, in two equal groups, so that whatever is said
// per model is seen not to be computed per group.
func newRunner[T elem.Float](t *testing.T, p *ir.Program, c *oracle.Case) *runner[T] {
	t.Helper()
	var tensors []interp.Tensor
	for i, s := range c.Tensors {
		tensors = append(tensors, interp.Tensor{Shape: s.Shape, Group: i % 2})
	}
	r := &runner[T]{Machine: interp.New[T](p, tensors, 2), prog: p, c: c}
	for i := range tensors {
		r.Params[i] = narrow[T](c.Init(i))
	}
	for name, v := range c.Hypers {
		at := slices.IndexFunc(p.Hypers, func(h ir.HyperDecl) bool { return h.Name == name })
		if at < 0 {
			t.Fatalf("%s: rule %s has no hyperparameter %s", c.Name, p.Name, name)
		}
		if !p.Hypers[at].Admits(v) {
			t.Fatalf("%s: rule %s refuses %s = %v", c.Name, p.Name, name, v)
		}
		for _, group := range r.Hypers {
			group[at] = v
		}
	}
	return r
}

func (r *runner[T]) step() {
	grads := make([][]T, len(r.Params))
	for i, x := range r.Params {
		grads[i] = narrow[T](r.c.Grad(r.T+1, i, wide(x)))
	}
	r.Step(grads, math.NaN()) // no rule of the library reads the loss
}

func narrow[T elem.Float](v []float64) []T {
	out := make([]T, len(v))
	for i := range v {
		out[i] = T(v[i])
	}
	return out
}

func wide[T elem.Float](v []T) []float64 {
	out := make([]float64, len(v))
	for i := range v {
		out[i] = float64(v[i])
	}
	return out
}

// paramError is the worst error of the parameters, and of the point of evaluation where the reference has one.
func (r *runner[T]) paramError(want, before oracle.Snapshot) (worst float64) {
	for i, x := range r.Params {
		worst = max(worst, oracle.Error(wide(x), want.Params[i], at(before.Params, i)...))
	}
	if average, ok := want.States["average"]; ok {
		for i, x := range r.EvalParams() {
			worst = max(worst, oracle.Error(wide(x), average[i], at(before.States["average"], i)...))
		}
	}
	return worst
}

func at(arrays [][]float64, i int) []float64 {
	if arrays == nil {
		return nil
	}
	return arrays[i]
}

// follow runs 100 steps in float64 and returns the worst error at the stored steps; a near miss is judged by its
// parameters alone, since its states may be others.
func follow(t *testing.T, p *ir.Program, c *oracle.Case, states bool) (worst float64) {
	t.Helper()
	r := newRunner[float64](t, p, c)
	if states {
		r.refs = references(t, p, c)
	}
	for range c.Steps[len(c.Steps)-1] {
		r.step()
		if want, ok := c.After(r.T); ok {
			worst = max(worst, r.paramError(want, oracle.Snapshot{}), r.stateError(want, oracle.Snapshot{}))
		}
	}
	return worst
}

// stepwise takes single steps in float32, each from what the reference held before it.
func stepwise(t *testing.T, p *ir.Program, c *oracle.Case) (worst float64) {
	t.Helper()
	pairs := 0
	for _, step := range c.Steps {
		before, ok := c.After(step - 1)
		if !ok {
			continue
		}
		r := newRunner[float32](t, p, c)
		r.refs = references(t, p, c)
		if before.Step > 0 {
			r.resume(before)
		}
		r.step()
		after, _ := c.After(step)
		worst = max(worst, r.paramError(after, before), r.stateError(after, before))
		pairs++
	}
	if pairs < 12 {
		t.Fatalf("%s: only %d steps from a stored state", c.Name, pairs)
	}
	return worst
}

// proof is what a rule was seen to do on one case.
type proof struct {
	c     *oracle.Case
	error float64
}

// prove compares the rule of every case with its reference.
func prove(t *testing.T) (out []proof) {
	t.Helper()
	u := load(t, "testdata", "composed.opt")
	for _, c := range casesOf(t, func(*oracle.Case) bool { return true }) {
		p := compiled(t, u, c.Rule, c.Options)
		got, limit := 0.0, tolerance64
		if c.DType == oracle.F32 {
			got, limit = stepwise(t, p, c), tolerance32
		} else {
			got = follow(t, p, c, true)
		}
		if !(got <= limit) {
			t.Errorf("%s: error %.2g of the largest value, at most %.0g allowed", c.Name, got, limit)
		}
		out = append(out, proof{c, got})
	}
	return out
}

// miss is a near miss and the case that refuses it most clearly.
type miss struct {
	rule, name, doc string
	by              string
	error           float64
}

// nearMisses runs every near miss of a rule on every float64 case of it.
func nearMisses(t *testing.T, rule string) (out []miss) {
	t.Helper()
	u := load(t, missFolder, rule+".opt")
	subjects := casesOf(t, func(c *oracle.Case) bool { return c.Rule == rule && c.DType == oracle.F64 })
	for _, name := range u.Rules() {
		decl, _, _ := u.Rule(name)
		m := miss{rule: rule, name: name, doc: strings.Join(strings.Fields(decl.Doc), " ")}
		if m.doc == "" {
			t.Errorf("near miss %s of %s does not say what is wrong", name, rule)
		}
		for _, c := range subjects {
			if off := follow(t, compiled(t, u, name, c.Options), c, false); off > m.error {
				m.error, m.by = off, c.Name
			}
		}
		if m.error < missFactor*tolerance64 {
			t.Errorf("near miss %s of %s passes: error %.2g", name, rule, m.error)
		}
		out = append(out, m)
	}
	if len(out) < 2 {
		t.Errorf("rule %s has %d near misses, at least 2 are needed", rule, len(out))
	}
	return out
}

// proven lists every rule that must be proven: the library's and those composed of it.
func proven(t *testing.T) []string {
	t.Helper()
	library := usable(t)(compiler.Library(stdlib.FS)).Rules()
	return append(library, load(t, "testdata", "composed.opt").Rules()...)
}

func TestLibrary(t *testing.T) {
	proofs, rules := prove(t), proven(t)
	var misses []miss
	for _, rule := range rules {
		for _, d := range []oracle.DType{oracle.F64, oracle.F32} {
			if !slices.ContainsFunc(proofs, func(p proof) bool { return p.c.Rule == rule && p.c.DType == d }) {
				t.Errorf("rule %s has no reference in %s", rule, d)
			}
		}
		misses = append(misses, nearMisses(t, rule)...)
	}
	files, err := os.ReadDir(missFolder)
	if err != nil || len(files) != len(rules) {
		t.Errorf("%d files of near misses for %d rules (%v)", len(files), len(rules), err)
	}
	got := table(rules, proofs, misses)
	t.Log("\n" + got)
	golden(t, got)
}
