package work

import (
	"math"
	"testing"

	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/task"
	"github.com/optc-lang/optc/tasks"
)

func item(t testing.TB, start, name string, lr float64) Item {
	t.Helper()
	g, err := genome.Start(start)
	if err != nil {
		t.Fatal(err)
	}
	return Item{Rule: g.Encode(), Task: name, Seed: 1, LR: lr, Numerics: Numerics}
}

func TestTrains(t *testing.T) {
	for _, from := range tasks.Of(tasks.Search) {
		i := item(t, "adamw", from.Name, from.Baseline.LR)
		a, err := Run(i, task.Builtin)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Run(i, task.Builtin)
		if err != nil || a != b {
			t.Errorf("%s: %+v, then %+v, %v", from.Name, a, b, err)
		}
		if a.Diverged || a.Train > 2*from.Baseline.Train || a.Valid > 2*from.Baseline.Valid {
			t.Errorf("%s: %+v, AdamW at a constant learning rate and with decay reaches %+v", from.Name, a, from.Baseline)
		}
	}
}

func TestDivergenceIsAnOutcome(t *testing.T) {
	out, err := Run(item(t, "sgd", "bowl", 1e6), task.Builtin)
	if err != nil || !out.Diverged || out.Steps >= 400 || !(out.Size > 0) {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestRefuses(t *testing.T) {
	good := item(t, "sgd", "bowl", 0.1)
	for name, change := range map[string]func(*Item){
		"numerics":      func(i *Item) { i.Numerics = "fma" },
		"rule":          func(i *Item) { i.Rule = "g + g" },
		"task":          func(i *Item) { i.Task = "nothing" },
		"learning rate": func(i *Item) { i.LR = math.NaN() },
		"steps":         func(i *Item) { i.Steps = -1 },
	} {
		bad := good
		change(&bad)
		if _, err := Run(bad, task.Builtin); err == nil {
			t.Errorf("a bad %s is taken", name)
		}
		if name != "learning rate" && bad.Key() == good.Key() {
			t.Errorf("the key does not depend on the %s", name)
		}
	}
}

func BenchmarkRun(b *testing.B) {
	for _, from := range tasks.Of(tasks.Search) {
		b.Run(from.Name, func(b *testing.B) {
			i := item(b, "adamw", from.Name, from.Baseline.LR)
			for b.Loop() {
				if _, err := Run(i, task.Builtin); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
