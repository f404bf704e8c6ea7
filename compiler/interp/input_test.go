package interp_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/pass"
)

// machineOf runs the one rule of a text.
func machineOf(t *testing.T, text string, tensors ...interp.Tensor) *interp.Machine[float64] {
	t.Helper()
	u, diags := check.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", fstest.MapFS{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	p, diags := check.Rule(u, "r", check.Settings{})
	if p == nil {
		t.Fatal(diags)
	}
	p, err := pass.Run(p, pass.Program[:1], nil)
	if err != nil {
		t.Fatal(err)
	}
	return interp.New[float64](p, tensors, 1)
}

// TestFailingClosure lets the model fail at its first and second question: nothing has changed, and the next step is as if
// nothing had failed.
func TestFailingClosure(t *testing.T) {
	const text = "rule r { state m = 1\n m <- m + g\n probe a = grad at x - m\n probe b = grad at x - a\n x <- x - b }"
	failure := errors.New("no")
	for failAt := range 3 {
		m := machineOf(t, text, interp.Tensor{Shape: []int{2}})
		m.Params[0][0], m.Params[0][1] = 3, math.Inf(-1)
		calls := 0
		var points [][]float64
		m.Closure = func(x [][]float64) ([][]float64, float64, error) {
			points = append(points, slices.Clone(x[0]))
			if calls++; calls == failAt {
				return nil, 0, failure
			}
			return [][]float64{{x[0][0] / 2, 1}}, 7, nil
		}
		err := m.Step([][]float64{{1, 0}}, 0)
		if (failAt > 0) != (err == failure) {
			t.Fatalf("fails at %d: %v", failAt, err)
		}
		if _, s := m.State(0); err != nil && (m.T != 0 || m.Params[0][0] != 3 || s[0][0] != 1) {
			t.Fatalf("fails at %d: something has changed", failAt)
		}
		if err != nil {
			if err := m.Step([][]float64{{1, 0}}, 0); err != nil {
				t.Fatal(err)
			}
		}
		// m = 2: a is asked at 1, b at 3 - 0.5
		if n := len(points); points[n-2][0] != 1 || points[n-1][0] != 2.5 || m.Params[0][0] != 3-1.25 || m.T != 1 {
			t.Errorf("fails at %d: points %v, x %v", failAt, points, m.Params[0])
		}
	}
	m := machineOf(t, text, interp.Tensor{Shape: []int{2}})
	if err := m.Step([][]float64{{1, 0}}, 0); err == nil || m.T != 0 {
		t.Errorf("without a closure: %v", err)
	}
}

// TestQuestions counts what a step asks of the model: one question a point, and none in a branch that is not taken.
func TestQuestions(t *testing.T) {
	for text, want := range map[string][3]int{ // in the first three steps
		"rule r { probe a = grad\n probe l = loss\n x <- x - a*l }":           {1, 1, 1},
		"rule r { when t % 2 == 0 { probe a = grad at x - g\n x <- x - a } }": {0, 1, 0},
		"rule r { x <- x - g }":                     {0, 0, 0},
		"rule r { probe a = hvp g\n x <- x - a }":   {2, 2, 2},
		"rule r { probe a = hvp 0*g\n x <- x - a }": {0, 0, 0},
		"rule r { let n = 1\n repeat 5 { probe l = loss at x - n*g\n until l > 0\n n <- n + 1 }\n x <- x - n*g }": {1, 1, 1},
	} {
		m := machineOf(t, text, interp.Tensor{Shape: []int{2}})
		calls := 0
		m.Closure = func(x [][]float64) ([][]float64, float64, error) {
			calls++
			return [][]float64{{x[0][0], x[0][1]}}, 7, nil
		}
		var got [3]int
		for i := range got {
			calls = 0
			if err := m.Step([][]float64{{1, 2}}, 0); err != nil {
				t.Fatal(err)
			}
			got[i] = calls
		}
		if got != want {
			t.Errorf("%v questions, want %v: %s", got, want, text)
		}
	}
}

// TestGivensAndNames reads further inputs of every extent, and tells tensors apart by name.
func TestGivensAndNames(t *testing.T) {
	m := machineOf(t, `rule r {
  given e
  given w per row
  given c per col
  given s per tensor
  given m per model
  when named("*.bias", "head") { x <- e + 10*w + 100*c + 1000*s + 10000*m } else { x <- m }
}`, interp.Tensor{Name: "a.bias", Shape: []int{2, 2}}, interp.Tensor{Name: "bias", Shape: []int{1}}, interp.Tensor{Name: "head", Shape: nil})
	m.Given = []interp.Given[float64]{
		{Arrays: [][]float64{{1, 2, 3, 4}, {5}, {6}}}, {Arrays: [][]float64{{1, 2}, {5}, {6}}}, {Arrays: [][]float64{{3, 4}, {5}, {6}}},
		{Steps: []float64{1, 2, 3}}, {Steps: []float64{2}},
	}
	if err := m.Step([][]float64{make([]float64, 4), {0}, {0}}, 0); err != nil {
		t.Fatal(err)
	}
	want := [][]float64{{21311, 21412, 21323, 21424}, {2}, {23666}}
	if !slices.EqualFunc(m.Params, want, slices.Equal) {
		t.Errorf("x is %v, want %v", m.Params, want)
	}
}
