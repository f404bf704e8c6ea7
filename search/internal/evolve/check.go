package evolve

import (
	"fmt"
	"math"

	"github.com/optc-lang/optc/search/internal/fitness"
)

// reach is how many turns from where it began a bracket of learning rates ends at most: it goes down by two while it diverges.
const reach = 2 * (fitness.MaxTurns - 1)

// Check refuses a result that no evaluation on rungs of tasks can have, whatever the rule.
func (r Result) Check(rungs [][]string) error {
	n := len(r.Scores)
	if n == 0 || !whole(rungs, n) {
		return fmt.Errorf("it has %d scores, which is no number of rungs", n)
	}
	if len(r.LRs) != n || len(r.Turns) != n {
		return fmt.Errorf("it has %d scores, %d learning rates and %d turns", n, len(r.LRs), len(r.Turns))
	}
	for i, score := range r.Scores {
		if !(score >= fitness.Worst && score <= fitness.Best) {
			return fmt.Errorf("score %d is %v: they are %v to %v", i+1, score, fitness.Worst, fitness.Best)
		}
		if lr := r.LRs[i]; !(lr >= 0 && lr < math.Inf(1)) {
			return fmt.Errorf("learning rate %d is %v", i+1, lr)
		}
	}
	if r.Seed < 1 || r.Runs < 0 || r.Runs > n*fitness.MaxTurns {
		return fmt.Errorf("it has the seed %d and %d training runs on %d tasks", r.Seed, r.Runs, n)
	}
	return nil
}

// whole reports whether so many scores are those of some first rungs.
func whole(rungs [][]string, scores int) bool {
	for _, rung := range rungs {
		if scores -= len(rung); scores <= 0 {
			break
		}
	}
	return scores == 0
}

// possible refuses a result that cannot be of a job: all that can be told without training.
func (s *Search) possible(job *Job, r *Result) error {
	if want := job.Birth.Result; r.Rule != want.Rule || r.Seed != want.Seed {
		return fmt.Errorf("it is of %.200q with seed %d, not of %.200q with seed %d", r.Rule, r.Seed, want.Rule, want.Seed)
	}
	if err := r.Check(s.config.Rungs); err != nil {
		return err
	}
	least, most := 0, 0
	for i := range r.Scores {
		low, high, err := job.possible(r, i)
		if err != nil {
			return fmt.Errorf("task %d: %w", i+1, err)
		}
		least, most = least+low, most+high
	}
	if r.Runs < least || r.Runs > most {
		return fmt.Errorf("it has %d training runs: %d to %d are possible", r.Runs, least, most)
	}
	return s.wentSoFar(job, r.Scores)
}

// possible refuses what no task can have come to, and says how few and how many training runs that takes.
func (j *Job) possible(r *Result, task int) (least, most int, err error) {
	lr, turn := r.LRs[task], r.Turns[task]
	if j.Evaluated != nil && task < len(j.Evaluated.LRs) {
		if lr != j.Evaluated.LRs[task] || turn != 0 {
			err = fmt.Errorf("the learning rate is %v at turn %d, and that of the evaluation before was %v", lr, turn, j.Evaluated.LRs[task])
		}
		return 1, 1, err
	}
	before := Result{Turns: r.Turns[:task]}
	from := j.turn(&before)
	switch {
	case lr == 0 && (r.Scores[task] != fitness.Worst || turn != from):
		return 0, 0, fmt.Errorf("no learning rate trained it, and the score is %v at turn %d", r.Scores[task], turn)
	case turn < from-reach || turn > from+reach:
		return 0, 0, fmt.Errorf("the learning rate is at turn %d, and was looked for from turn %d", turn, from)
	case lr > 0:
		least = 1
	}
	return least, fitness.MaxTurns, nil
}

// wentSoFar refuses scores that end before or go on after the rung on which the limits end them.
func (s *Search) wentSoFar(job *Job, scores []float64) error {
	tasks := 0
	for i, rung := range s.config.Rungs {
		if tasks += len(rung); tasks > len(scores) {
			break
		}
		goesOn := job.reached(scores[:tasks]) >= job.Limits[i] && i+1 < len(s.config.Rungs)
		if went := len(scores) > tasks; went != goesOn {
			return fmt.Errorf("it reached %v on rung %d, where the limit is %v, and has %d scores", job.reached(scores[:tasks]), i+1, job.Limits[i], len(scores))
		}
	}
	return nil
}
