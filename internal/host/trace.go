package host

import (
	"encoding/binary"
	"fmt"

	optrt "github.com/optc-lang/optc/runtime"
)

// Trace asks for the parameters after every step. Their start follows the request, then for each step its loss in
// float64 and the gradients, unless there are none. The answer's line is followed, after each step, by the parameters,
// the states if they are asked for, and the point of evaluation if it is.
type Trace struct {
	Params []Param `json:"params"`
	Steps  int     `json:"steps"`
	Grads  bool    `json:"grads"`
	States bool    `json:"states,omitempty"`
	Eval   bool    `json:"eval,omitempty"`
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
	o, err := p.optimizer(params)
	if err != nil {
		return err
	}
	if err := p.reply(Reply{Engine: o.Engine().String()}); err != nil {
		return err
	}
	for step := range req.Steps {
		if err := p.traceStep(req, o, x, grads); err != nil {
			return fmt.Errorf("step %d: %w", step, err)
		}
	}
	return nil
}

func (p *program[T]) traceStep(req *Trace, o *optrt.Optimizer[T], x, grads [][]T) error {
	var loss float64
	if err := binary.Read(p.in, binary.LittleEndian, &loss); err != nil {
		return err
	}
	for _, g := range grads {
		if err := binary.Read(p.in, binary.LittleEndian, g); err != nil {
			return err
		}
	}
	if err := o.Step(grads, loss); err != nil {
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
