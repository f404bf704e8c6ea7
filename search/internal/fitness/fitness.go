// Package fitness says how good a rule is on a task, in units of that task's noise and against a tuned AdamW.
//
// In come outcomes of package work; out come scores. The learning rate of every rule is tuned on every task by the same
// bracket, so that no rule wins or loses by its scale; outcomes of a rule and of AdamW are of the same seeds, so that the
// luck of a seed is no part of their difference.
package fitness

import (
	"math"

	"github.com/optc-lang/optc/search/internal/work"
)

// The bounds of a score.
const (
	Worst    = -6.0 // of a run that diverges
	Best     = 1.5
	MaxTurns = 5 // runs of a bracket
)

// Runner does work items. It must give what work.Run gives.
type Runner func(work.Item) (work.Outcome, error)

// Loss is a run's loss, on a logarithmic scale: half of the training stream, half of examples not trained on. It is +Inf
// for a run that diverged.
func Loss(o work.Outcome) float64 {
	if o.Diverged {
		return math.Inf(1)
	}
	return (logOf(o.Train) + logOf(o.Valid)) / 2
}

// logOf is the logarithm of a loss, which may not be better than this small one: beyond it nothing is learnt.
func logOf(loss float64) float64 { return log(max(loss, 1e-6)) }

// Tuned is the best run of a bracket.
type Tuned struct {
	Loss float64 // see [Loss]; +Inf if every run diverged
	Turn int     // which learning rate: half decades from where its first steps are as long as AdamW's
	LR   float64
	Runs int
}

// Tune finds the learning rate of least loss. It starts at a turn, goes up and down by half decades from the best so far,
// down first where it diverges, and makes at most five runs besides the short one that measures the size of updates.
func Tune(run Runner, item work.Item, base Baseline, turn int) (Tuned, error) {
	measured := item
	measured.Steps, measured.LR, measured.Decay = measureSteps, 0, 0
	out, err := run(measured)
	if err != nil {
		return Tuned{}, err
	}
	best := Tuned{Loss: math.Inf(1), Turn: turn}
	if !(out.Size > 0 && out.Size < math.Inf(1)) {
		return best, nil
	}
	unit := base.LR * base.Size / out.Size
	tried := map[int]bool{}
	next := turn
	for range MaxTurns {
		item.LR = float64(unit * halfDecades(next))
		tried[next] = true
		if !(item.LR < math.Inf(1)) {
			return best, nil
		}
		out, err := run(item)
		if err != nil {
			return Tuned{}, err
		}
		best.Runs++
		if loss := Loss(out); loss < best.Loss {
			best.Loss, best.Turn, best.LR = loss, next, item.LR
		}
		switch {
		case math.IsInf(best.Loss, 1):
			next -= 2
		case !tried[best.Turn-1]:
			next = best.Turn - 1
		case !tried[best.Turn+1]:
			next = best.Turn + 1
		default:
			return best, nil
		}
	}
	return best, nil
}

// measureSteps is how many gradients tell the size of updates before a learning rate is known.
const measureSteps = 10

// Score is how much better than AdamW a loss is on a task and a seed, in deviations of AdamW's loss over seeds. More than one
// deviation worse counts by its logarithm: a rule that is far behind must still be told from one that is farther.
func (b Baseline) Score(seed uint64, loss float64) float64 { return b.ScoreOf(loss, b.loss(seed)) }

// ScoreOf is Score against another loss of AdamW.
func (b Baseline) ScoreOf(loss, adamw float64) float64 {
	if math.IsInf(loss, 1) || math.IsNaN(loss) {
		return Worst
	}
	score := (adamw - loss) / b.Deviation
	if score < -1 {
		score = -1 - log(-score)
	}
	return max(Worst, min(Best, score))
}

// Total is the fitness of scores on several tasks: their mean less half their deviation, so that no task is neglected.
func Total(scores []float64) float64 {
	if len(scores) == 0 {
		return Worst
	}
	mean := 0.0
	for _, s := range scores {
		mean += s / float64(len(scores))
	}
	square := 0.0
	for _, s := range scores {
		square += (s - mean) * (s - mean) / float64(len(scores))
	}
	return mean - math.Sqrt(square)/2
}
