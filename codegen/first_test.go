package codegen_test

import (
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"

	"github.com/optc-lang/optc/codegen"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/stdlib"
)

// TestStatesOfTheFirstStep holds what generated code says of states, that the first step computes them and does not read
// them, to the interpreter: in the library just those, set to other values before it, change nothing after it.
func TestStatesOfTheFirstStep(t *testing.T) {
	u, diags := compiler.Library(stdlib.FS)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	// Read, and multiplied by what happens to be 0 in the first step.
	unread := []string{"lbfgs d", "lbfgs moved", "adafactor r", "adafactor c"}
	marked := regexp.MustCompile(`Name:\s*"([^"]+)"[^}]*FromFirst:`)
	total := 0
	for _, name := range u.Rules() {
		r, diags, err := compiler.Compile(u, name, compiler.Settings{})
		if err != nil || r == nil {
			t.Fatal(name, err, diags)
		}
		out, err := codegen.Emit(target.Request{Package: "p", Base: name, Source: name, Rules: []*compiler.Rule{r}, DTypes: []target.DType{target.F64}})
		if err != nil {
			t.Fatal(name, err)
		}
		var said []string
		for _, m := range marked.FindAllSubmatch(out[0].Data, -1) {
			said = append(said, string(m[1]))
		}
		p := r.Plan.Program
		want := afterFirst(t, p, -1)
		for i, s := range p.States {
			if slices.Contains(unread, name+" "+s.Name) {
				continue
			}
			if changes := !equal(afterFirst(t, p, i), want); changes == slices.Contains(said, s.Name) {
				t.Errorf("%s: state %s changes the first step: %v, generated code marks %v", name, s.Name, changes, said)
			}
		}
		total += len(said)
	}
	if total < 10 {
		t.Errorf("%d states are marked", total)
	}
}

// afterFirst are the parameters and states after the first step, with another value before it of one state, if any.
func afterFirst(t *testing.T, p *ir.Program, other int) [][]float64 {
	t.Helper()
	r := rand.New(rand.NewPCG(4, 5))
	fill := func(u []float64) {
		for j := range u {
			u[j] = 0.5 + r.Float64()
		}
	}
	m := interp.New[float64](p, []interp.Tensor{{Name: "w", Shape: []int{3, 4}}}, 1)
	grads := [][]float64{make([]float64, 12)}
	for k := range grads {
		fill(m.Params[k])
		fill(grads[k])
	}
	for i, h := range p.Hypers {
		if m.Hypers[0][i] == h.Lo && !math.IsInf(h.Hi, 1) {
			m.Hypers[0][i] = (h.Lo + h.Hi) / 2
		} else if m.Hypers[0][i] == h.Lo {
			m.Hypers[0][i]++
		}
	}
	for i, g := range p.Givens {
		v := interp.Given[float64]{Steps: []float64{0.3}, Arrays: [][]float64{make([]float64, 12)}}
		if g.Extent.IsArray() {
			fill(v.Arrays[0])
		}
		m.Given[i] = v
	}
	m.Closure = func(x [][]float64) ([][]float64, float64, error) { return grads, 1.2, nil }
	if other >= 0 {
		steps, arrays := m.State(other)
		for _, u := range append(arrays, steps) {
			fill(u)
			for j := range u { // more than a gradient or lr is
				u[j] += 2
			}
		}
	}
	if err := m.Step(grads, 1.2); err != nil {
		t.Fatal(p.Name, err)
	}
	out := m.Params
	for i := range p.States {
		steps, arrays := m.State(i)
		out = append(append(out, steps), arrays...)
	}
	return out
}

func equal(a, b [][]float64) bool { return slices.EqualFunc(a, b, slices.Equal[[]float64]) }
