package fitness

import (
	"math"
	"testing"

	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
	"github.com/optc-lang/optc/tasks"
)

// TestBaselines holds the table to what the program computes: the losses of a seed of each task.
func TestBaselines(t *testing.T) {
	all, err := Baselines()
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks.Of(tasks.Search) {
		b, ok := all[task.Name]
		if !ok || len(b.Losses) != Seeds || !(b.Deviation >= leastDeviation) || !(b.Size > 0) {
			t.Errorf("%s: %+v", task.Name, b)
			continue
		}
		for _, seed := range []uint64{1, Seeds} {
			out, err := runner(work.Item{Rule: b.Rule, Task: b.Task, Seed: seed, LR: b.LR, Decay: b.Decay, Numerics: work.Numerics})
			if err != nil || Loss(out) != b.loss(seed) {
				t.Errorf("%s, seed %d: %v, the table has %v, %v", task.Name, seed, Loss(out), b.loss(seed), err)
			}
		}
	}
	if again, err := parse(all["bowl"].String()); err != nil || again.String() != all["bowl"].String() {
		t.Errorf("%v, %v", again, err)
	}
}

// bowl is a runner whose loss is least at a learning rate: |log10 of lr/best| half decades above zero, none beyond limit.
func bowl(best, limit float64, runs *int) Runner {
	return func(i work.Item) (work.Outcome, error) {
		if i.LR == 0 {
			return work.Outcome{Size: 2}, nil
		}
		*runs++
		loss := math.Exp(math.Abs(math.Log10(i.LR / best)))
		return work.Outcome{Train: loss, Valid: loss, Diverged: i.LR > limit}, nil
	}
}

func TestTune(t *testing.T) {
	base := Baseline{LR: 0.01, Size: 1}
	for _, c := range []struct{ best, limit, want float64 }{
		{0.005, 1, 0.005}, {0.05, 1, 0.05}, {0.0005, 1, 0.0005}, {0.005, 0.002, 0.0016},
	} {
		runs := 0
		got, err := Tune(bowl(c.best, c.limit, &runs), work.Item{}, base, 0)
		if err != nil || math.Abs(math.Log10(got.LR/c.want)) > 0.26 || got.Runs != runs || runs > 5 {
			t.Errorf("best %v, none beyond %v: %+v after %d runs, %v", c.best, c.limit, got, runs, err)
		}
	}
	runs := 0
	if got, err := Tune(bowl(1, 0, &runs), work.Item{}, base, 0); err != nil || !math.IsInf(got.Loss, 1) || base.Score(1, got.Loss) != Worst {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestScore(t *testing.T) {
	b := Baseline{Deviation: 0.1, Losses: []float64{-1, -2}}
	for _, c := range []struct {
		seed       uint64
		loss, want float64
	}{{1, -1, 0}, {1, -1.05, 0.5}, {2, -2.1, 1}, {3, -1.5, 0}, {1, -9, Best}, {1, 9, -1 - math.Log(100)}, {1, math.NaN(), Worst}} {
		if got := b.Score(c.seed, c.loss); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("seed %d, loss %v: %v, not %v", c.seed, c.loss, got, c.want)
		}
	}
	if got := Total([]float64{1, -1}); got != -0.5 {
		t.Errorf("the total is %v", got)
	}
}

// TestScale asks for the same score of a rule at another scale.
func TestScale(t *testing.T) {
	all, err := Baselines()
	if err != nil {
		t.Fatal(err)
	}
	var losses []float64
	for _, text := range []string{"g", "mul(1000, g)"} {
		g, err := genome.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		tuned, err := Tune(runner, work.Item{Rule: g.Encode(), Task: "bowl", Seed: 1, Numerics: work.Numerics}, all["bowl"], 0)
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, tuned.Loss)
	}
	if math.Abs(losses[0]-losses[1]) > 1e-3 {
		t.Errorf("losses %v", losses)
	}
}

// runner does items on the built-in tasks.
func runner(item work.Item) (work.Outcome, error) { return work.Run(item, task.Builtin) }
