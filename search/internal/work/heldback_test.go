package work

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/optc-lang/optc/search/task"
	"github.com/optc-lang/optc/tasks"
)

// TestHeldBack asks for the loss on examples that nothing is chosen by: it changes nothing else, and who does not ask does
// not see it.
func TestHeldBack(t *testing.T) {
	blind := item(t, "adamw", "phishing", 0.03)
	asks := blind
	asks.Test = true
	a, err := Run(blind, task.Builtin)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Run(asks, task.Builtin)
	if err != nil || !(b.Test > 0) || b.Test == b.Valid {
		t.Fatalf("%+v, %v", b, err)
	}
	b.Test = 0
	if a != b {
		t.Errorf("%+v, and with the test loss %+v", a, b)
	}
	if blind.Key() == asks.Key() {
		t.Error("the key does not depend on Test")
	}
	if text, err := json.Marshal(blind); err != nil || strings.Contains(string(text), "Test") {
		t.Errorf("the item without Test is %s, %v", text, err)
	}
}

// failing is a task whose loss on examples held back is not a number.
type failing struct{ task.Task }

func (f failing) Open(seed, split uint64) (task.Run, error) {
	r, err := f.Task.Open(seed, split)
	return failingRun{r}, err
}

type failingRun struct{ task.Run }

func (r failingRun) Loss(split tasks.Split) (float64, error) {
	if split == tasks.TestSet {
		return math.NaN(), nil
	}
	return r.Run.Loss(split)
}

func TestHeldBackDiverges(t *testing.T) {
	find := func(name string) (task.Task, error) {
		of, err := task.Builtin(name)
		return failing{of}, err
	}
	i := item(t, "adamw", "phishing", 0.03)
	for _, asked := range []bool{false, true} {
		i.Test = asked
		if out, err := Run(i, find); err != nil || out.Diverged != asked {
			t.Errorf("asked %v: %+v, %v", asked, out, err)
		}
	}
}
