package fitness

import "github.com/optc-lang/optc/search/internal/work"

// freshSeeds is how many seeds, that no search uses, tell which of two rules is better.
const freshSeeds = 10

// Fresh is the mean score of a rule on a task with seeds that no search uses, its learning rate tuned with yet another one.
func Fresh(run Runner, rule string, base Baseline) (float64, error) {
	item := work.Item{Rule: rule, Task: base.Task, Seed: Seeds + 1, Decay: base.Decay, Numerics: work.Numerics}
	tuned, err := Tune(run, item, base, 0)
	if err != nil || tuned.LR == 0 {
		return Worst, err
	}
	item.LR = tuned.LR
	adamw := work.Item{Rule: base.Rule, Task: base.Task, LR: base.LR, Decay: base.Decay, Numerics: work.Numerics}
	mean := 0.0
	for i := range freshSeeds {
		item.Seed = uint64(Seeds + 2 + i)
		adamw.Seed = item.Seed
		out, err := run(item)
		if err != nil {
			return 0, err
		}
		than, err := run(adamw)
		if err != nil {
			return 0, err
		}
		mean += base.ScoreOf(Loss(out), Loss(than)) / freshSeeds
	}
	return mean, nil
}
