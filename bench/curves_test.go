package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/internal/host"
	"github.com/optc-lang/optc/tasks"
)

// Every form keeps states and parameters as it says, and nothing else of the rule differs: the states are those of AdamW.
func TestForms(t *testing.T) {
	s, _ := readAll(t)
	for _, f := range forms() {
		c, err := s.compileFor(f.params, ownPrefix+f.rule(), nil)
		if err != nil {
			t.Fatal(err)
		}
		format, chance := strings.CutSuffix(f.states, " sr")
		names := c.Plan.Program.StateNames()
		for _, name := range []string{"m", "v"} {
			i := slices.Index(names, name)
			if i < 0 {
				t.Fatalf("%s: there is no state %s among %v", f, name, names)
			}
			if as := c.Plan.Program.States[i].As; strings.TrimSuffix(as.Format, "root") != format || as.Stochastic != chance {
				t.Errorf("%s: the state %s is kept as %+v", f, name, as)
			}
		}
		if beside := len(names) - 2; beside != map[string]int{"bf16+master": 1, "bf16+kahan": 1}[f.params] {
			t.Errorf("%s: the states are %v", f, names)
		}
	}
}

// A training through the generated program has, step by step, the losses that the interpreter's has.
func TestTrain(t *testing.T) {
	const steps, seed = 30, 2
	s, _ := readAll(t)
	b := &bench{sources: s}
	var err error
	if b.builder, err = newBuilder(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, f := range []curveForm{{}, {states: "q8 sr"}} {
		program, c, err := b.curveProgram(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		got, err := train(t.Context(), program, c, steps, seed)
		if err != nil || len(got.Losses) != steps {
			t.Fatal(got, err)
		}
		run, err := tasks.Open(curveTask, seed)
		if err != nil {
			t.Fatal(err)
		}
		var tensors []interp.Tensor
		for _, p := range run.Task().Params {
			tensors = append(tensors, interp.Tensor{Name: p.Name, Shape: p.Shape})
		}
		m := interp.New[float32](c.Checked, tensors, 1)
		m.Seed = seed
		copy(m.Hypers[0], c.hypers)
		for i, x := range run.Values() {
			copy(m.Params[i], x)
		}
		for step := range steps {
			loss := run.Batch(step)
			if want := host.Number(loss); got.Losses[step] != want {
				t.Fatalf("%s, step %d: the loss is %g, the interpreter's %g", f, step, got.Losses[step], want)
			}
			if err := m.Step(run.Grads(), float64(loss)); err != nil {
				t.Fatal(err)
			}
			for i, x := range run.Values() {
				copy(x, m.Params[i])
			}
		}
	}
}

// A curve is the means of windows, and says which trainings diverged.
func TestCurve(t *testing.T) {
	c := &curve{}
	done := &host.Result{Loss: map[string]host.Number{"valid": .5}}
	for step := range curveSteps {
		done.Losses = append(done.Losses, host.Number(step/(curveSteps/curveWindows)))
	}
	c.add(done)
	c.add(&host.Result{Diverged: true, Losses: done.Losses[:3]})
	if c.diverged() != 1 || c.Steps[0] != curveSteps/curveWindows || c.Steps[curveWindows-1] != curveSteps {
		t.Errorf("%+v", c)
	}
	for w := range curveWindows {
		if got := c.at(w); len(got) != 1 || got[0] != float64(w) {
			t.Errorf("window %d has the losses %v", w, got)
		}
	}
	if got := c.valid(); len(got) != 1 || got[0] != .5 {
		t.Error(got)
	}
	if mean, dev := deviation([]float64{1, 3, 5}); mean != 3 || dev != 2 {
		t.Error(mean, dev)
	}
}
