package simplify

import (
	"context"
	"fmt"
	"math"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/pool"
	"github.com/optc-lang/optc/search/internal/work"
)

// Difference is how much more a rule loses than another, in deviations of a task's loss over seeds: the mean over pairs of runs
// of the same task and seed, and its standard error.
type Difference struct {
	Mean, Error float64
	Pairs       int
}

// none reports whether a difference is less than one standard error, or for the better.
func (d Difference) none() bool { return d.Mean <= d.Error }

// clear reports whether it is beyond doubt that the rule loses more.
func (d Difference) clear() bool { return d.Mean > clearErrors*d.Error }

const (
	clearErrors = 3
	clearTasks  = 2 // that a rule is run on before it is given up
)

// mostDifference is the most that a pair counts: all of the range of scores. Without a bound, tasks of little noise and runs
// that diverge would be all that counts.
const mostDifference = fitness.Best - fitness.Worst

// pairOf is the difference of two losses, either of which may be +Inf.
func pairOf(loss, rival, deviation float64) float64 {
	if loss == rival {
		return 0
	}
	return max(-mostDifference, min(mostDifference, (loss-rival)/deviation))
}

// summarise is the mean of pairs, and its standard error.
func summarise(pairs []float64) Difference {
	n := float64(len(pairs))
	d := Difference{Pairs: len(pairs)}
	for _, p := range pairs {
		d.Mean += p / n
	}
	square := 0.0
	for _, p := range pairs {
		square += float64((p - d.Mean) * (p - d.Mean))
	}
	if n > 1 {
		d.Error = math.Sqrt(square / (n - 1) / n)
	}
	return d
}

// evaluation is what is known of a form: its best runs, by task and seed, on the first tasks.
type evaluation struct {
	form  genome.Genome
	tuned [][]fitness.Tuned
}

// trains reports whether any run came to an end.
func (e *evaluation) trains() bool {
	for _, task := range e.tuned {
		for _, t := range task {
			if !math.IsInf(t.Loss, 1) {
				return true
			}
		}
	}
	return false
}

// evaluator runs forms, each once.
type evaluator struct {
	Config
	pool  *pool.Pool
	turns []int // by task: where brackets start
	known map[genome.Key]*evaluation
	count int // training runs
}

// of is what is known of a canonical form.
func (v *evaluator) of(form genome.Genome) *evaluation {
	key := form.Key()
	if v.known[key] == nil {
		v.known[key] = &evaluation{form: form}
	}
	return v.known[key]
}

// compare is how much more a form loses than a rival, on the tasks that both have been run on.
func (v *evaluator) compare(e, rival *evaluation) Difference {
	var pairs []float64
	for t := range min(len(e.tuned), len(rival.tuned)) {
		for s := range e.tuned[t] {
			pairs = append(pairs, pairOf(e.tuned[t][s].Loss, rival.tuned[t][s].Loss, v.Tasks[t].Base.Deviation))
		}
	}
	return summarise(pairs)
}

// complete runs forms on the tasks that are left, all at once on one task after another. With a rival, those that are clearly
// worse are given up.
func (v *evaluator) complete(ctx context.Context, what string, forms []*evaluation, rival *evaluation) error {
	for t := range v.Tasks {
		var due []*evaluation
		for _, e := range forms {
			if len(e.tuned) == t && !(rival != nil && t >= clearTasks && v.compare(e, rival).clear()) {
				due = append(due, e)
			}
		}
		if err := v.task(ctx, fmt.Sprintf("%s on %s", what, v.Tasks[t].Name), due, t); err != nil {
			return err
		}
	}
	return nil
}

// isComplete reports whether a form has been run on all tasks.
func (v *evaluator) isComplete(e *evaluation) bool { return len(e.tuned) == len(v.Tasks) }

// task runs different forms with every seed on one task.
func (v *evaluator) task(ctx context.Context, what string, forms []*evaluation, t int) error {
	tuned := make([][]fitness.Tuned, len(forms))
	for i := range tuned {
		tuned[i] = make([]fitness.Tuned, v.Seeds)
	}
	err := v.pool.Do(ctx, what, len(forms)*v.Seeds, func(i int, run fitness.Runner) (err error) {
		f, s := i/v.Seeds, i%v.Seeds
		tuned[f][s], err = v.tune(run, forms[f].form, t, s)
		return err
	})
	if err != nil {
		return err
	}
	for i, e := range forms {
		e.tuned = append(e.tuned, tuned[i])
		for _, run := range tuned[i] {
			v.count += run.Runs
		}
	}
	return nil
}

// tune finds the best run of a form on a task with a seed.
func (v *evaluator) tune(run fitness.Runner, form genome.Genome, t, s int) (fitness.Tuned, error) {
	task := v.Tasks[t]
	item := work.Item{Rule: form.Encode(), Task: task.Name, Seed: v.First + uint64(s), Decay: task.Base.Decay, Numerics: work.Numerics}
	tuned, err := fitness.Tune(run, item, task.Base, v.turns[t])
	if err != nil {
		return tuned, fmt.Errorf("%s on %s: %w", item.Rule, item.Task, err)
	}
	return tuned, nil
}

// start finds the turns that all brackets start at: where those of the rule end.
func (v *evaluator) start(ctx context.Context, form genome.Genome) error {
	tuned := make([]fitness.Tuned, len(v.Tasks))
	err := v.pool.Do(ctx, "learning rates", len(tuned), func(t int, run fitness.Runner) (err error) {
		tuned[t], err = v.tune(run, form, t, 0)
		return err
	})
	for t, best := range tuned {
		v.turns[t] = best.Turn
		v.count += best.Runs
	}
	return err
}
