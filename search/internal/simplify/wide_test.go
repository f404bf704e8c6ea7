package simplify

import (
	"math"
	"strings"
	"testing"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
	"github.com/optc-lang/optc/tasks"
)

// multiplications counts the multiplications of all forward passes of a training run.
func multiplications(t tasks.Task) float64 {
	row := 0
	for _, p := range t.Params {
		if len(p.Shape) == 2 && p.Name != "emb" && p.Name != "pos" {
			row += p.Len()
		}
	}
	switch t.Model {
	case "quadratic", "rotated":
		row = t.Widths[0] * t.Widths[0]
	case "attention":
		row = t.Widths[0] * (row + 2*t.Widths[0]*t.Widths[1])
	}
	return float64(row) * float64(t.BatchSize) * float64(t.Steps)
}

func TestLarger(t *testing.T) {
	seen := map[string]bool{}
	for _, factor := range []int{10, 100} {
		if len(Larger(factor)) != 9 {
			t.Errorf("%d tasks cost %d times as much", len(Larger(factor)), factor)
		}
		for _, name := range Larger(factor) {
			small, err := Lookup(name)
			if err != nil {
				t.Fatal(err)
			}
			large, err := Lookup(Name(name, factor))
			if err != nil {
				t.Fatal(err)
			}
			ratio := multiplications(large) / multiplications(small) / float64(factor)
			if !(ratio > 0.8 && ratio < 1.25) || small.Set != tasks.Search || large.Set != tasks.Other || seen[large.Name] {
				t.Errorf("%s: %.2f times what its name says, %s task of a %s task", large.Name, ratio, large.Set, small.Set)
			}
			seen[large.Name] = true
		}
	}
	for _, bad := range []string{"digits@", "digits@11", "iris@10", "phishing@10", "@", "nothing"} {
		if _, err := Lookup(bad); err == nil || strings.Contains(bad, "@") && !strings.Contains(err.Error(), "digits@10") {
			t.Errorf("%s: %v", bad, err)
		}
		if _, err := Finder(task.Builtin)(bad); err == nil {
			t.Errorf("%s is found", bad)
		}
	}
}

// TestLargerTrains takes the first steps of every larger task, the learning rate falling to zero.
func TestLargerTrains(t *testing.T) {
	base, err := fitness.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	adamw, err := genome.Start("adamw")
	if err != nil {
		t.Fatal(err)
	}
	find := Finder(task.Builtin)
	for _, factor := range []int{10, 100} {
		for _, name := range Larger(factor) {
			item := work.Item{Rule: adamw.Encode(), Task: Name(name, factor), Seed: 1, LR: base[name].LR, Steps: 40, Numerics: work.Numerics}
			trained, err := work.Run(item, find)
			if err != nil {
				t.Fatal(err)
			}
			item.LR = 0
			still, err := work.Run(item, find)
			if err != nil || trained.Diverged || !(trained.Valid < still.Valid) || math.IsNaN(still.Valid) {
				t.Errorf("%s: %+v, without training %+v, %v", item.Task, trained, still, err)
			}
		}
	}
}
