package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/internal/driver"
	"github.com/optc-lang/optc/internal/host"
	"github.com/optc-lang/optc/runtime/elem"
)

type traceCmd struct {
	ruleArg
	setFlag
	Input   string     `required:"" placeholder:"FILE" help:"The numbers, as JSON; - is the standard input."`
	Engine  engineFlag `placeholder:"ENGINE" help:"Where to run it: interp (needs no toolchain), go, avx2 or avx512; the fastest of this CPU by default."`
	DType   dtypeFlag  `name:"dtype" placeholder:"DTYPE" help:"Element type, f32 or f64, instead of the input's."`
	Threads int        `default:"-1" help:"Goroutines a step; the result does not depend on it."`
	States  bool       `help:"Add the states after each step."`
	Eval    bool       `help:"Add the point of evaluation after each step."`
}

// Help is the verb's example.
func (traceCmd) Help() string {
	return `Runs a rule on given gradients and prints all parameters after every step, with enough digits to be exact: how to check a rule against anything. The input holds in "grads", for each step, one flat row-major gradient a parameter, and in "loss" one number a step if the rule reads the loss. Numbers that JSON has not are the strings "NaN", "Inf" and "-Inf".

With --states the answer has a field "states": for each step an object from the name of each state, as explain has it, to its arrays: one a parameter, and of a state that is kept once a tensor, group or model one value for each. With --eval it has a field "eval", in the form of "steps": where the model is to be evaluated.

Example:
  echo '{"dtype": "f32", "params": [{"name": "w", "shape": [2], "data": [1, 2]}], "grads": [[[0.5, -1]], [[0.25, 3]]]}' |
    optc trace std/adam --input - --set lr=0.1 --engine interp
  {"rule": "adam", "engine": "interp", "steps": [[[0.9,2.1]], [[0.806782,2.050581]]]}

  optc trace mine.opt --input in.json --states --eval
  {"rule": ..., "steps": [[[0.9]]], "states": [{"m": [[0.05]], "scale": [[1]]}], "eval": [[[0.95]]]}`
}

// maxTraceInput bounds what is read of an input.
const maxTraceInput = 1 << 30

// Run traces a rule.
func (cmd *traceCmd) Run(c *console) error {
	if cmd.Threads < -1 {
		return usagef("--threads %d: 0 is as many as there are processors", cmd.Threads)
	}
	r, hypers, err := cmd.openRule(c, cmd.Set)
	if err != nil {
		return err
	}
	if cmd.Engine != interpEngine {
		if err := checkEngine(r, cmd.Engine); err != nil {
			return err
		}
	}
	data, err := c.read(cmd.Input, maxTraceInput)
	if err != nil {
		return err
	}
	if len(data) > maxTraceInput {
		return fmt.Errorf("%s: more than %d bytes", cmd.Input, maxTraceInput)
	}
	dtype := cmd.DType
	if dtype == "" {
		dtype = dtypeFlag(inputDType(data))
	}
	if dtype == "f64" {
		return trace[float64](cmd, c, r, hypers, data)
	}
	return trace[float32](cmd, c, r, hypers, data)
}

// trace runs the rule in one element type.
func trace[T elem.Float](cmd *traceCmd, c *console, r *compiler.Rule, hypers []float64, data []byte) error {
	in, err := parseTrace[T](shownName(cmd.Input), data, r)
	if err != nil {
		return err
	}
	w := &traceWriter[T]{c: c, states: cmd.States, eval: cmd.Eval}
	if cmd.Engine == interpEngine {
		w.begin(r.Name, interpEngine)
		in.interpret(r, hypers, w.step)
		return w.end()
	}
	return in.execute(cmd, c, r, hypers, w)
}

// interpret runs the interpreter.
func (in *traceInput[T]) interpret(r *compiler.Rule, hypers []float64, each func(*traceStep[T]) error) {
	var tensors []interp.Tensor
	for _, q := range in.params {
		tensors = append(tensors, interp.Tensor{Shape: q.shape})
	}
	m := interp.New[T](r.Checked, tensors, 1)
	copy(m.Hypers[0], hypers)
	for i, q := range in.params {
		copy(m.Params[i], q.data)
	}
	states := newTraceStates[T](r, len(in.params))
	for s, grads := range in.grads {
		m.Step(grads, in.lossAt(s))
		for i := range states {
			states[i].take(m.State(states[i].checked))
		}
		if each(&traceStep[T]{m.Params, states, m.EvalParams()}) != nil {
			return // the writer keeps its error
		}
	}
}

func (in *traceInput[T]) lossAt(step int) float64 {
	if in.loss == nil {
		return 0
	}
	return in.loss[step]
}

// execute runs compiled kernels.
func (in *traceInput[T]) execute(cmd *traceCmd, c *console, r *compiler.Rule, hypers []float64, w *traceWriter[T]) error {
	ctx, stop := interrupted()
	defer stop()
	dtype := target.F32
	if bitsOf[T]() == 64 {
		dtype = target.F64
	}
	program, err := buildProgram(ctx, c, r, nil, dtype)
	if err != nil {
		return err
	}
	req := request(cmd.Engine, cmd.Threads, hypers)
	var arrays bytes.Buffer
	req.Trace, err = in.request(r, &arrays)
	if err != nil {
		return err
	}
	req.Trace.States, req.Trace.Eval = cmd.States, cmd.Eval
	s, err := driver.Start(ctx, program, req, &arrays)
	if err != nil {
		return err
	}
	defer s.Close()
	reply, err := s.Reply()
	if err != nil {
		return err
	}
	w.begin(r.Name, reply.Engine)
	step := in.newStep(r)
	for range in.grads {
		if err := step.read(s, req.Trace); err != nil {
			return err
		}
		if err := w.step(step); err != nil {
			return err
		}
	}
	return w.end()
}

// request writes the arrays that follow the request.
func (in *traceInput[T]) request(r *compiler.Rule, to *bytes.Buffer) (*host.Trace, error) {
	req := &host.Trace{Steps: len(in.grads), Grads: r.Checked.Reads("g")}
	var errs []error
	put := func(v any) { errs = append(errs, binary.Write(to, binary.LittleEndian, v)) }
	for _, q := range in.params {
		req.Params = append(req.Params, host.Param{Name: q.name, Shape: q.shape, Len: len(q.data)})
		put(q.data)
	}
	for s, grads := range in.grads {
		put(in.lossAt(s))
		if req.Grads {
			for _, g := range grads {
				put(g)
			}
		}
	}
	return req, errors.Join(errs...)
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
