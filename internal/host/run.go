package host

import (
	"fmt"

	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/tasks"
)

// Run asks for a task to be trained. The answer is a line of progress now and then, and one with the result.
type Run struct {
	Task  string `json:"task"`
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
	run, err := tasks.Open(req.Task, req.Seed)
	if err != nil {
		return err
	}
	s, err := p.stepper(run)
	if err != nil {
		return err
	}
	if err := p.reply(Reply{Engine: s.opt.Engine().String()}); err != nil {
		return err
	}
	done, err := tasks.Train(run, s, req.Steps, func(at tasks.Progress) {
		if at.Step%progressSteps == 0 {
			p.reply(Reply{Progress: &Progress{at.Step, Number(at.Loss)}})
			p.out.Flush()
		}
	})
	if err == nil {
		err = s.failed
	}
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

// stepper is the rule as the tasks know an optimizer.
type stepper struct {
	run    *tasks.Run
	opt    *optrt.Optimizer[float32]
	loss   bool // the rule reads it
	step   int
	failed error
}

func (p *program[T]) stepper(run *tasks.Run) (*stepper, error) {
	q, ok := any(p).(*program[float32])
	if !ok {
		return nil, fmt.Errorf("the tasks are of f32")
	}
	var params []optrt.Param[float32]
	for i, param := range run.Task().Params {
		params = append(params, optrt.Param[float32]{Name: param.Name, Shape: param.Shape, Data: run.Values()[i]})
	}
	opt, err := q.optimizer(params)
	return &stepper{run: run, opt: opt, loss: p.rule.ReadsLoss}, err
}

// Step hands the gradients on. A rule that reads the loss pays a second evaluation of the batch for it, which has the
// same bits as the first.
func (s *stepper) Step(grads [][]float32) error {
	var loss float64
	if s.loss {
		loss = float64(s.run.Batch(s.step))
	}
	s.step++
	return s.opt.Step(grads, loss)
}

// EvalParams is where the model is scored.
func (s *stepper) EvalParams() [][]float32 {
	x, err := s.opt.EvalParams()
	s.failed = err
	return x
}
