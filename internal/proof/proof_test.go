// Package proof holds the library's rules against the reference trajectories of testdata/oracle. In come the rules' text
// and what optax, PyTorch and the authors' own code computed; out comes the table testdata/table.md. The rules run through
// the compiler's front end and the interpreter, whose bits the generated kernels are held to elsewhere. Each rule also has
// near misses, testdata/nearmiss/RULE.opt: published or likely slips that the same comparison must refuse. The package
// knows no rule's formula and no tolerance but the two below.
package proof

import (
	"fmt"
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
	quotient64  = 1e-10 // of a rule that reads Hessian-vector products
	quotient32  = 5e-5
	missFactor  = 1000 // a near miss is at least so many times the tolerance off
)

// tolerance is what a case allows: more than usual where the formula itself amplifies rounding, and where the reference has
// a Hessian-vector product and the interpreter a quotient of differences.
func tolerance(c *oracle.Case) float64 {
	usual, quotient := tolerance64, quotient64
	if c.DType == oracle.F32 {
		usual, quotient = tolerance32, quotient32
	}
	if c.Rule == "sophia" {
		return quotient
	}
	return max(usual, c.Tolerance)
}

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
func compiled(t *testing.T, u *check.Unit, rule string, c *oracle.Case) *ir.Program {
	t.Helper()
	options, _ := settings(c)
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

	indices map[string]int // of our states, by the names in links
}

// newRunner starts a program at a case's parameters and hyperparameters, in two equal groups, so that whatever is said
// per model is seen not to be computed per group.
func newRunner[T elem.Float](t *testing.T, p *ir.Program, c *oracle.Case) *runner[T] {
	t.Helper()
	var tensors []interp.Tensor
	for i, s := range c.Tensors {
		tensors = append(tensors, interp.Tensor{Name: fmt.Sprintf("layer%d.weight", i), Shape: s.Shape, Group: i % 2})
	}
	r := &runner[T]{Machine: interp.New[T](p, tensors, 2), prog: p, c: c, indices: map[string]int{}}
	r.Closure = func(x [][]T) ([][]T, float64, error) {
		grads, loss := r.ask(x)
		return grads, loss, nil
	}
	for i := range tensors {
		r.Params[i] = narrow[T](c.Init(i))
	}
	_, hypers := settings(c)
	for name, v := range hypers {
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

// ask is the model at x on the batch of the step: its gradient, and its loss if it has one.
func (r *runner[T]) ask(x [][]T) (grads [][]T, loss float64) {
	point := make([][]float64, len(x))
	for i := range x {
		point[i] = wide(x[i])
		grads = append(grads, narrow[T](r.c.Grad(r.T, i, point[i])))
	}
	if !r.c.Quadratic() {
		return grads, math.NaN() // no rule of such a case reads it
	}
	return grads, r.c.Loss(point)
}

func (r *runner[T]) step(t *testing.T) {
	t.Helper()
	r.T++
	grads, loss := r.ask(r.Params)
	r.T--
	if err := r.Step(grads, loss); err != nil {
		t.Fatal(err)
	}
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
	for range c.Steps[len(c.Steps)-1] {
		r.step(t)
		want, ok := c.After(r.T)
		if !ok {
			continue
		}
		worst = max(worst, r.paramError(want, oracle.Snapshot{}))
		if states {
			worst = max(worst, r.stateError(t, want, oracle.Snapshot{}))
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
		if before.Step > 0 {
			r.resume(t, before)
		}
		r.step(t)
		after, _ := c.After(step)
		worst = max(worst, r.paramError(after, before), r.stateError(t, after, before))
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

// prove compares a rule with its references.
func prove(t *testing.T, rule string) (out []proof) {
	t.Helper()
	u := load(t, "testdata", "composed.opt")
	for _, c := range casesOf(t, func(c *oracle.Case) bool { return c.Rule == rule }) {
		p := compiled(t, u, c.Rule, c)
		got, limit := 0.0, tolerance(c)
		if c.DType == oracle.F32 {
			got = stepwise(t, p, c)
		} else {
			got = follow(t, p, c, true)
		}
		if !(got <= limit) {
			t.Errorf("%s: error %.2g of the largest value, at most %.0g allowed", c.Name, got, limit)
		}
		out = append(out, proof{c, got})
	}
	for _, d := range []oracle.DType{oracle.F64, oracle.F32} {
		if !slices.ContainsFunc(out, func(p proof) bool { return p.c.DType == d }) {
			t.Errorf("rule %s has no reference in %s", rule, d)
		}
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
		refused := false
		programs := map[string]*ir.Program{} // of cases with the same options
		for _, c := range subjects {
			options, _ := settings(c)
			key := fmt.Sprint(options)
			if programs[key] == nil {
				programs[key] = compiled(t, u, name, c)
			}
			off := follow(t, programs[key], c, false)
			refused = refused || off >= missFactor*tolerance(c)
			if off > m.error {
				m.error, m.by = off, c.Name
			}
		}
		if !refused {
			t.Errorf("near miss %s of %s passes: error %.2g", name, rule, m.error)
		}
		out = append(out, m)
	}
	if len(out) < 2 {
		t.Errorf("rule %s has %d near misses, at least 2 are needed", rule, len(out))
	}
	return out
}

// wrappers are the library's rules around any other, which are proven around those that a reference has.
var wrappers = []string{"hypergradient", "lookahead", "sam"}

// proven lists every rule that must be proven: the library's and those composed of it.
func proven(t *testing.T) []string {
	t.Helper()
	library, composed := usable(t)(compiler.Library(stdlib.FS)).Rules(), load(t, "testdata", "composed.opt").Rules()
	for _, w := range wrappers {
		if !slices.ContainsFunc(composed, func(rule string) bool { return strings.HasPrefix(rule, w+"_") }) {
			t.Errorf("no rule is composed with %s", w)
		}
	}
	library = slices.DeleteFunc(library, func(rule string) bool { return slices.Contains(wrappers, rule) })
	return append(library, composed...)
}

func TestLibrary(t *testing.T) {
	rules := proven(t)
	proofs, misses := make([][]proof, len(rules)), make([][]miss, len(rules))
	t.Run("rule", func(t *testing.T) {
		for i, rule := range rules {
			t.Run(rule, func(t *testing.T) {
				t.Parallel()
				proofs[i], misses[i] = prove(t, rule), nearMisses(t, rule)
			})
		}
	})
	for _, c := range casesOf(t, func(c *oracle.Case) bool { return !slices.Contains(rules, c.Rule) }) {
		t.Errorf("%s: there is no rule %s", c.Name, c.Rule)
	}
	files, err := os.ReadDir(missFolder)
	if err != nil || len(files) != len(rules) {
		t.Errorf("%d files of near misses for %d rules (%v)", len(files), len(rules), err)
	}
	all, refused := slices.Concat(proofs...), slices.Concat(misses...)
	got := table(rules, all, refused)
	t.Log("\n" + got)
	golden(t, got)
	readme, err := os.ReadFile("../../README.md")
	for _, said := range []string{fmt.Sprintf("%d trajectories", len(all)), fmt.Sprintf("%d near misses", len(refused))} {
		if !strings.Contains(string(readme), said) && !t.Failed() {
			t.Errorf("README.md does not say %q (%v)", said, err)
		}
	}
}
