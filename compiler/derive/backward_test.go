package derive_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/derive"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/stdlib"
)

// TestAdjointsOfRandomRules compares the adjoints of random rules, which carry cotangents back value by value, with those
// made leaf by leaf: where these are finite, so are they, and the same but for rounding.
func TestAdjointsOfRandomRules(t *testing.T) {
	count := 150
	if *full {
		count = 2000
	}
	compared, worst := 0, 0.0
	for seed := range uint64(count) {
		text := randrule.Plain("r", seed)
		if seed%3 == 0 {
			text = randrule.Text("r", seed)
		}
		text = strings.ReplaceAll(text, "1e20", "20") // what cancels would leave any number
		u, diags := check.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", stdlib.FS)
		if diags.HasErrors() {
			t.Fatal(seed, diags)
		}
		p, diags := check.Rule(u, "r", check.Settings{})
		if diags.HasErrors() {
			t.Fatal(seed, diags)
		}
		p = pass.DropStates(p)
		want, err := derive.AdjointForward(p)
		got, err2 := derive.Adjoint(p)
		if (err == nil) != (err2 == nil) {
			t.Errorf("seed %d: %v by value, %v by leaf", seed, err2, err)
		}
		if err != nil || err2 != nil {
			continue
		}
		for _, v := range []*ir.Program{want, got} {
			if err := v.Verify(); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		}
		for _, step := range []int{1, 4} {
			n, apart := apartIn(t, fmt.Sprint("seed ", seed, ", step ", step), got, want, len(p.Givens), step)
			compared, worst = compared+n, max(worst, apart)
		}
	}
	t.Logf("%d values were compared, at worst %.1g apart", compared, worst)
	if compared < 30*count {
		t.Errorf("%d values were compared", compared)
	}
}

// apartIn compares all that a step of two adjoints computes.
func apartIn(t *testing.T, where string, got, want *ir.Program, givens, step int) (compared int, worst float64) {
	a, b := stepped(t, got, givens, step), stepped(t, want, givens, step)
	if a == nil || b == nil {
		return 0, 0
	}
	for i := range b {
		size := 0.0
		for _, v := range b[i] {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				size = max(size, math.Abs(v))
			}
		}
		for j, v := range b[i] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				continue
			}
			compared++
			apart := math.Abs(a[i][j]-v) / (size + 1e-3)
			if worst = max(worst, apart); !(apart <= 1e-6) {
				t.Errorf("%s: result %d[%d] is %v, not %v", where, i, j, a[i][j], v)
				break
			}
		}
	}
	return compared, worst
}

// stepped are the parameters and states of an adjoint after a step on random numbers, the same for programs of the same
// states; nil if it fails.
func stepped(t *testing.T, p *ir.Program, givens, step int) [][]float64 {
	t.Helper()
	r := rand.New(rand.NewPCG(5, uint64(step)))
	m := interp.New[float64](p, []interp.Tensor{{Name: "w", Shape: []int{3, 4}}, {Name: "b", Shape: []int{5}, Group: 1}}, 2)
	fill := func(u []float64) {
		for j := range u {
			u[j] = r.NormFloat64()
		}
	}
	grads := make([][]float64, len(m.Params))
	for k, u := range m.Params {
		fill(u)
		grads[k] = make([]float64, len(u))
		fill(grads[k])
	}
	for i := range p.States {
		steps, arrays := m.State(i)
		fill(steps)
		for _, u := range arrays {
			fill(u)
		}
	}
	for i, g := range p.Givens {
		v := interp.Given[float64]{Steps: make([]float64, 2)}
		switch {
		case g.Of == "t":
			v.Steps = []float64{float64(step)}
		case !g.Extent.IsArray():
			fill(v.Steps)
		default:
			for _, s := range [][2]int{{3, 4}, {1, 5}} {
				u := make([]float64, valuesOf(g.Extent, s[0], s[1]))
				fill(u)
				v.Arrays = append(v.Arrays, u)
			}
		}
		m.Given[i] = v
	}
	if err := m.Step(grads, 1.3); err != nil {
		t.Fatal(err)
	}
	out := m.Params
	for i := range p.States {
		steps, arrays := m.State(i)
		out = append(append(out, steps), arrays...)
	}
	return out
}

func valuesOf(e ir.Extent, rows, cols int) int {
	switch e {
	case ir.Row:
		return rows
	case ir.Col:
		return cols
	case ir.RowRow:
		return rows * rows
	case ir.ColCol:
		return cols * cols
	}
	return rows * cols
}
