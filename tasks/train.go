package tasks

import (
	"errors"
	"fmt"
	"math"

	"github.com/optc-lang/optc/runtime"
)

// A Stepper is an optimizer, such as *runtime.Optimizer[float32]. It updates the
// values of a run, which it was given when it was made, from the gradients at
// them, one slice for each parameter, and the loss at them.
type Stepper interface {
	Step(grads [][]float32, loss float64) error
}

// A Prober is an optimizer that may ask the model within a step, such as
// *runtime.Optimizer[float32]: of the inputs, Train gives it the loss and the
// closure, which evaluates the step's minibatch at the values of the run.
type Prober interface {
	StepWith(grads [][]float32, in runtime.Inputs[float32]) error
}

// An Averager is an optimizer whose result is not the values that it trains at
// but others, as an average of them: a run is scored at EvalParams().
type Averager interface {
	EvalParams() ([][]float32, error)
}

// Progress is what is known after a step.
type Progress struct {
	Step, Steps int     // Step steps are done, of Steps
	Loss        float32 // of this step's minibatch, before the update
}

// A Result is what a training run came to.
type Result struct {
	Task   string
	Seed   uint64
	Losses []float32 // by step, each before that step's update
	// Diverged tells that a loss was not finite. If it was a minibatch's, training
	// stopped before that step's update, and that loss is the last of Losses.
	Diverged bool
	Scores   [3]Score // by Split, at the end
}

// Train takes steps minibatch steps from step 0 and scores what comes out. After
// each step it calls every, unless nil. A loss that is not finite ends the
// training and is reported in the result; an error of the optimizer ends it too,
// and is returned with the losses so far.
func Train(run *Run, opt Stepper, steps int, every func(Progress)) (Result, error) {
	result := Result{Task: run.task.Name, Seed: run.seed}
	if opt == nil {
		return result, errors.New("no optimizer")
	}
	if steps < 0 {
		return result, fmt.Errorf("%d steps", steps)
	}
	grads := run.Grads()
	for step := range steps {
		loss := run.Batch(step)
		result.Losses = append(result.Losses, loss)
		if !finite(float64(loss)) {
			result.Diverged = true
			break
		}
		if err := take(run, opt, grads, float64(loss)); err != nil {
			return result, fmt.Errorf("step %d: %w", step, err)
		}
		if every != nil {
			every(Progress{step + 1, steps, loss})
		}
	}
	var params [][]float32
	if a, ok := opt.(Averager); ok {
		var err error
		if params, err = a.EvalParams(); err != nil {
			return result, fmt.Errorf("evaluation: %w", err)
		}
	}
	for s := range result.Scores {
		score, err := run.Score(Split(s), params)
		if err != nil {
			return result, fmt.Errorf("evaluation: %w", err)
		}
		result.Scores[s] = score
		result.Diverged = result.Diverged || !finite(score.Loss)
	}
	return result, nil
}

// take takes one step.
func take(run *Run, opt Stepper, grads [][]float32, loss float64) error {
	p, ok := opt.(Prober)
	if !ok {
		return opt.Step(grads, loss)
	}
	return p.StepWith(grads, runtime.Inputs[float32]{Loss: loss, Closure: func(to [][]float32) (float64, error) {
		loss, err := run.Again(to)
		return float64(loss), err
	}})
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
