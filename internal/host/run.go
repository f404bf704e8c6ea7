package host

import (
	"fmt"

	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/tasks"
)

// Run asks for a task to be trained. The answer is a line of progress now and then, and one with the result.
type Run struct {
	Task  string `json:"task"`
	Data  string `json:"data,omitempty"` // a file, instead of the task's own
	Steps int    `json:"steps"`
	Seed  uint64 `json:"seed"`
}

// Progress of a run.
type Progress struct {
	Step int    `json:"step"` // done
	Loss Number `json:"loss"`
}

// Result of a run.
type Result struct {
	Losses   []Number           `json:"losses"` // of each minibatch, before its step
	Diverged bool               `json:"diverged"`
	Loss     map[string]Number  `json:"loss"` // by split
	Accuracy map[string]float64 `json:"accuracy"`
}

// progressSteps is how often progress is reported.
const progressSteps = 8

func (p *program[T]) run(req *Run) error {
	task, err := tasks.LookupOn(req.Task, req.Data)
	if err != nil {
		return err
	}
	run, err := task.Open(req.Seed)
	if err != nil {
		return err
	}
	opt, err := p.optimizerOf(run)
	if err != nil {
		return err
	}
	if err := p.reply(Reply{Engine: opt.Engine().String()}); err != nil {
		return err
	}
	done, err := tasks.Train(run, opt, req.Steps, func(at tasks.Progress) {
		if at.Step%progressSteps == 0 {
			p.reply(Reply{Progress: &Progress{at.Step, Number(at.Loss)}})
			p.out.Flush()
		}
	})
	if err != nil {
		return err
	}
	return p.reply(Reply{Result: ResultOf(done)})
}

// ResultOf is a task's result as it is sent.
func ResultOf(r tasks.Result) *Result {
	out := &Result{Diverged: r.Diverged, Loss: map[string]Number{}, Accuracy: map[string]float64{}, Losses: []Number{}}
	for _, l := range r.Losses {
		out.Losses = append(out.Losses, Number(l))
	}
	for split, score := range r.Scores {
		out.Loss[tasks.Split(split).String()] = Number(score.Loss)
		out.Accuracy[tasks.Split(split).String()] = score.Accuracy
	}
	return out
}

// trained is what trains a run.
type trained interface {
	tasks.Stepper
	Engine() optrt.Engine
}

// optimizerOf is the rule as an optimizer of a run's values.
func (p *program[T]) optimizerOf(run *tasks.Run) (trained, error) {
	q, ok := any(p).(*program[float32])
	if !ok {
		return nil, fmt.Errorf("the tasks are of f32")
	}
	if q.rule.Params != "" {
		return q.halfOptimizerOf(run)
	}
	var params []optrt.Param[float32]
	for i, param := range run.Task().Params {
		params = append(params, optrt.Param[float32]{Name: param.Name, Shape: param.Shape, Data: run.Values()[i]})
	}
	return q.optimizer(params)
}

func (p *program[T]) halfOptimizerOf(run *tasks.Run) (trained, error) {
	opts, err := p.options()
	if err != nil {
		return nil, err
	}
	if p.rule.Params == "bf16" {
		return newHalfRun[optrt.BF16](p.rule, run, p.hypers(), opts)
	}
	return newHalfRun[optrt.F16](p.rule, run, p.hypers(), opts)
}
