package evolve

import (
	"fmt"
	"math"
	"slices"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/work"
)

// Evaluate does a job: runs of a form on the tasks of rung after rung while it reaches the limits. It depends on the job alone.
func (s *Search) Evaluate(job Job, run fitness.Runner) (Result, error) {
	result := job.Birth.Result
	if job.None {
		return result, nil
	}
	for i, rung := range s.config.Rungs {
		for _, task := range rung {
			if err := s.task(&result, job, task, run); err != nil {
				return result, fmt.Errorf("%s on %s: %w", result.Rule, task, err)
			}
		}
		if !(job.reached(result.Scores) >= job.Limits[i]) {
			break
		}
	}
	return result, nil
}

// reached is what counts against a limit: the total of the scores; of a form that has been evaluated before, that of all its
// scores with the benefit of the doubt, so that luck neither keeps it nor ends it. Limits are of single evaluations, lucky ones among
// them, and no mean of several would reach them without.
func (j *Job) reached(scores []float64) float64 {
	if j.Evaluated == nil {
		return fitness.Total(scores)
	}
	all := Form{scores: slices.Clone(j.Evaluated.scores), Tasks: len(scores)}
	all.note(scores)
	return fitness.Total(all.Scores()) + all.noise()
}

// task runs a form on a task: with a bracket of learning rates the first time, starting where the task before ended.
func (s *Search) task(result *Result, job Job, task string, run fitness.Runner) error {
	base, at := s.base[task], len(result.Scores)
	item := work.Item{Rule: result.Rule, Task: task, Seed: result.Seed, Decay: base.Decay, Numerics: s.config.Numerics}
	var tuned fitness.Tuned
	if job.Evaluated != nil && at < len(job.Evaluated.LRs) {
		item.LR = job.Evaluated.LRs[at]
		out, err := run(item)
		if err != nil {
			return err
		}
		tuned = fitness.Tuned{Loss: fitness.Loss(out), LR: item.LR, Runs: 1}
	} else {
		var err error
		if tuned, err = fitness.Tune(run, item, base, job.turn(result)); err != nil {
			return err
		}
	}
	result.Scores = append(result.Scores, base.Score(item.Seed, tuned.Loss))
	result.Turns, result.LRs, result.Runs = append(result.Turns, tuned.Turn), append(result.LRs, tuned.LR), result.Runs+tuned.Runs
	return nil
}

// turn is where a bracket of learning rates begins.
func (j *Job) turn(result *Result) int {
	n := len(result.Turns)
	switch {
	case j.Evaluated != nil && n == len(j.Evaluated.LRs):
		return j.Evaluated.turn
	case n > 0:
		return result.Turns[n-1]
	}
	return 0
}

// Fitness is that of a rule with as many evaluations as a good one gets, on all rungs.
func (s *Search) Fitness(rule string, run fitness.Runner) (float64, error) {
	f := NewForm(rule, 0)
	job := Job{Limits: make([]float64, len(s.config.Rungs)), Birth: Birth{Result: Result{Rule: rule}}}
	for i := range job.Limits {
		job.Limits[i] = math.Inf(-1)
	}
	for range s.config.Repeats {
		job.Birth.Result.Seed++
		r, err := s.Evaluate(job, run)
		if err != nil {
			return 0, err
		}
		f.Add(r, s.config.Rungs)
		job.Evaluated = f
	}
	return fitness.Total(f.Scores()), nil
}
