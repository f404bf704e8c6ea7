package host

import (
	"encoding/binary"
	"fmt"

	optrt "github.com/optc-lang/optc/runtime"
)

// Trace asks for the parameters after every step. Their start follows the request, then the constants of the rule, then
// for each step its loss in float64, the gradients unless there are none, and the further inputs. The answer's line is
// followed, for each step, by a line, the parameters, the states if they are asked for, and the point of evaluation if it
// is. A rule that asks the model within a step has that passed on: a line with Ask and the parameters, to be answered by
// the loss in float64 and the gradients.
type Trace struct {
	Params []Param `json:"params"`
	Givens []Given `json:"givens,omitempty"` // in the rule's order
	Steps  int     `json:"steps"`
	Grads  bool    `json:"grads"`
	States bool    `json:"states,omitempty"`
	Eval   bool    `json:"eval,omitempty"`
	Live   bool    `json:"live,omitempty"` // the inputs of a step depend on the answer to the one before
}

// Given is the size of a further input: so many numbers, or an array a parameter.
type Given struct {
	Load   bool  `json:"load,omitempty"`
	Steps  int   `json:"steps,omitempty"`
	Arrays []int `json:"arrays,omitempty"`
}

// Param is a parameter of a trace.
type Param struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
	Len   int    `json:"len"`
}

func (p *program[T]) trace(req *Trace) error {
	var x, grads [][]T
	var params []optrt.Param[T]
	for _, q := range req.Params {
		data := make([]T, q.Len)
		if err := binary.Read(p.in, binary.LittleEndian, data); err != nil {
			return err
		}
		x = append(x, data)
		params = append(params, optrt.Param[T]{Name: q.Name, Shape: q.Shape, Data: data})
		if req.Grads {
			grads = append(grads, make([]T, q.Len))
		}
	}
	loaded, err := p.readGivens(req, true)
	if err != nil {
		return err
	}
	o, err := p.optimizer(params, optrt.Loaded(loaded...))
	if err != nil {
		return err
	}
	if err := p.reply(Reply{Engine: o.Engine().String()}); err != nil {
		return err
	}
	for step := range req.Steps {
		if req.Live {
			if err := p.out.Flush(); err != nil {
				return err
			}
		}
		if err := p.traceStep(req, o, x, grads, step); err != nil {
			return fmt.Errorf("step %d: %w", step+1, err)
		}
	}
	return nil
}

// readGivens reads the constants of the rule, or the further inputs of a step.
func (p *program[T]) readGivens(req *Trace, load bool) ([]optrt.GivenValue[T], error) {
	var out []optrt.GivenValue[T]
	for _, g := range req.Givens {
		if g.Load != load {
			continue
		}
		v := optrt.GivenValue[T]{Steps: make([]float64, g.Steps)}
		if err := binary.Read(p.in, binary.LittleEndian, v.Steps); err != nil {
			return nil, err
		}
		if g.Steps > 0 {
			v.Model = v.Steps[0]
		}
		for _, n := range g.Arrays {
			a := make([]T, n)
			if err := binary.Read(p.in, binary.LittleEndian, a); err != nil {
				return nil, err
			}
			v.Arrays = append(v.Arrays, a)
		}
		out = append(out, v)
	}
	return out, nil
}

// ask passes a question to the model on.
func (p *program[T]) ask(x, grads [][]T) (loss float64, err error) {
	if err := p.reply(Reply{Ask: true}); err != nil {
		return 0, err
	}
	if err := p.writeArrays(x); err != nil {
		return 0, err
	}
	if err := p.out.Flush(); err != nil {
		return 0, err
	}
	if err := binary.Read(p.in, binary.LittleEndian, &loss); err != nil {
		return 0, err
	}
	for _, g := range grads {
		if err := binary.Read(p.in, binary.LittleEndian, g); err != nil {
			return 0, err
		}
	}
	return loss, nil
}

func (p *program[T]) traceStep(req *Trace, o *optrt.Optimizer[T], x, grads [][]T, step int) error {
	var loss float64
	if err := binary.Read(p.in, binary.LittleEndian, &loss); err != nil {
		return err
	}
	for _, g := range grads {
		if err := binary.Read(p.in, binary.LittleEndian, g); err != nil {
			return err
		}
	}
	given, err := p.readGivens(req, false)
	if err != nil {
		return err
	}
	in := optrt.Inputs[T]{Loss: loss, Given: given}
	if req.Live {
		in.Closure = func(to [][]T) (float64, error) { return p.ask(x, to) }
	}
	if err := o.StepWith(grads, in); err != nil {
		return err
	}
	if err := p.reply(Reply{Step: step + 1}); err != nil {
		return err
	}
	if err := p.writeArrays(x); err != nil {
		return err
	}
	if req.States {
		if err := p.writeStates(o, req.Params); err != nil {
			return err
		}
	}
	if !req.Eval {
		return nil
	}
	at, err := o.EvalParams()
	if err != nil {
		return err
	}
	return p.writeArrays(at)
}

func (p *program[T]) writeArrays(arrays [][]T) error {
	for _, data := range arrays {
		if err := binary.Write(p.out, binary.LittleEndian, data); err != nil {
			return err
		}
	}
	return nil
}
