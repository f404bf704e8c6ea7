package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/internal/driver"
	"github.com/optc-lang/optc/internal/host"
	"github.com/optc-lang/optc/runtime/elem"
)

type traceCmd struct {
	ruleArg
	setFlag
	Input string `placeholder:"FILE" help:"The numbers, as JSON; - is the standard input."`

	Objective string `placeholder:"FN" help:"Minimise a fn, FILE.opt:NAME, instead: its gradient is derived."`
	X         string `name:"x" placeholder:"NUMBERS" help:"Where to start with --objective: 1,-1."`
	Steps     *int   `placeholder:"N" help:"Steps with --objective; 10 by default."`
	JSON      bool   `name:"json" help:"Print the steps of --objective as JSON, as those of --input."`

	Engine  engineFlag `placeholder:"ENGINE" help:"Where to run it: interp (needs no toolchain), go, avx2, avx512 or neon; the fastest of this CPU by default."`
	DType   dtypeFlag  `name:"dtype" placeholder:"DTYPE" help:"Element type, f32 or f64, instead of the input's."`
	Threads int        `default:"-1" help:"Goroutines a step; the result does not depend on it."`
	States  bool       `help:"Add the states after each step."`
	Eval    bool       `help:"Add the point of evaluation after each step."`
	Seed    uint64     `help:"Of the rule's random values."`
}

// Help is the verb's example.
func (traceCmd) Help() string {
	return `Runs a rule on given gradients and prints all parameters after every step, with enough digits to be exact: how to check a rule against anything. The input holds in "grads", for each step, one flat row-major gradient a parameter, and in "loss" one number a step if the rule reads the loss. Numbers that JSON has not are the strings "NaN", "Inf" and "-Inf". What a rule declares with given stands in "given", by name and for each step; what it declares with load in "loaded", by name: one array a parameter, one number a tensor, or a number.

With --objective the gradients are those of a fn in the rule language. Several variables are the elements of one parameter, one variable is all of it. This is also how to trace a rule that asks the model within a step. With --states or --eval the answer is JSON.

With --states the answer has a field "states": for each step an object from the name of each state, as explain has it, to its arrays: one a parameter, and of a state that is kept once a tensor, group or model one value for each. With --eval it has a field "eval", in the form of "steps": where the model is to be evaluated.

Example:
  echo '{"dtype": "f32", "params": [{"name": "w", "shape": [2], "data": [1, 2]}], "grads": [[[0.5, -1]], [[0.25, 3]]]}' |
    optc trace std/adam --input - --set lr=0.1 --engine interp
  {"rule": "adam", "engine": "interp", "steps": [[[0.9,2.1]], [[0.806782,2.050581]]]}

  optc trace mine.opt --input in.json --states --eval
  {"rule": ..., "steps": [[[0.9]]], "states": [{"m": [[0.05]], "scale": [[1]]}], "eval": [[[0.95]]]}

  echo 'fn rosenbrock(x, y) = (1 - x)^2 + 100*(y - x^2)^2' > rosenbrock.opt
  optc trace std/adam --objective rosenbrock.opt:rosenbrock --x -1,1 --steps 20 --set lr=0.1`
}

// maxTraceInput bounds what is read of an input.
const maxTraceInput = 1 << 30

// Run traces a rule.
func (cmd *traceCmd) Run(c *console) error {
	if err := cmd.check(); err != nil {
		return err
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
	if cmd.Objective != "" {
		return cmd.minimise(c, r, hypers)
	}
	if asksModel(r) {
		return usagef("rule %s asks the model within a step: give it one with --objective FILE.opt:NAME --x NUMBERS", r.Name)
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

// check holds the flags to each other.
func (cmd *traceCmd) check() error {
	switch {
	case cmd.Threads < -1:
		return usagef("--threads %d: 0 is as many as there are processors", cmd.Threads)
	case cmd.Input == "" && cmd.Objective == "":
		return usagef("give the gradients with --input FILE, or a fn to minimise with --objective FILE.opt:NAME --x NUMBERS")
	case cmd.Input != "" && cmd.Objective != "":
		return usagef("--input and --objective: the gradients come from one of them")
	case cmd.Objective != "" && cmd.X == "":
		return usagef("--objective needs a point to start at: --x 1,-1")
	case cmd.Objective == "" && (cmd.X != "" || cmd.Steps != nil || cmd.JSON):
		return usagef("--x, --steps and --json go with --objective; an input says by itself where to start and for how long")
	case cmd.Steps != nil && (*cmd.Steps < 1 || *cmd.Steps > maxSteps):
		return usagef("--steps %d: 1 to %d are possible", *cmd.Steps, maxSteps)
	}
	return nil
}

// asksModel reports whether a rule has a probe.
func asksModel(r *compiler.Rule) bool {
	return slices.ContainsFunc(ir.Reachable(append(r.Plan.Program.Roots(), r.Plan.Program.Eval)...), func(v *ir.Value) bool { return v.Kind == ir.Probe })
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
		if err := in.interpret(r, hypers, cmd.Seed, w.step); err != nil {
			return err
		}
		return w.end()
	}
	return in.execute(cmd, c, r, hypers, w)
}

// machine is the interpreter, ready for the first step.
func (in *traceInput[T]) machine(r *compiler.Rule, hypers []float64, seed uint64) *interp.Machine[T] {
	var tensors []interp.Tensor
	for _, q := range in.params {
		tensors = append(tensors, interp.Tensor{Name: q.name, Shape: q.shape})
	}
	m := interp.New[T](r.Checked, tensors, 1)
	m.Seed = seed
	copy(m.Hypers[0], hypers)
	for i, q := range in.params {
		copy(m.Params[i], q.data)
	}
	for i, g := range r.Checked.Givens {
		if g.Load {
			m.Given[i] = in.loaded[g.Name]
		}
	}
	return m
}

// taken is what a step of the interpreter came to. A tensor has the states alone that its kind of tensors keeps.
func (in *traceInput[T]) taken(r *compiler.Rule, m *interp.Machine[T], states []traceState[T]) *traceStep[T] {
	for i := range states {
		scalars, elems := m.State(states[i].checked)
		elems = slices.Clone(elems)
		for k := range elems {
			if !in.keeps(r, i, k) {
				elems[k] = nil
			}
		}
		states[i].take(scalars, elems)
	}
	return &traceStep[T]{m.Params, states, m.EvalParams()}
}

// keeps reports whether a parameter has a state that is an array.
func (in *traceInput[T]) keeps(r *compiler.Rule, state, param int) bool {
	q := in.params[param]
	return r.Plan.Classes[interp.ClassOf(r.Plan, q.name, q.shape)].States[state]
}

// interpret runs the interpreter.
func (in *traceInput[T]) interpret(r *compiler.Rule, hypers []float64, seed uint64, each func(*traceStep[T]) error) error {
	m := in.machine(r, hypers, seed)
	states := newTraceStates[T](r, len(in.params))
	for s, grads := range in.grads {
		for i, g := range r.Checked.Givens {
			if !g.Load {
				m.Given[i] = in.given[g.Name][s]
			}
		}
		if err := m.Step(grads, in.lossAt(s)); err != nil {
			return err
		}
		if each(in.taken(r, m, states)) != nil {
			return nil // the writer keeps its error
		}
	}
	return nil
}

func (in *traceInput[T]) lossAt(step int) float64 {
	if in.loss == nil {
		return 0
	}
	return in.loss[step]
}

// execute runs compiled kernels.
func (in *traceInput[T]) execute(cmd *traceCmd, c *console, r *compiler.Rule, hypers []float64, w *traceWriter[T]) error {
	var arrays bytes.Buffer
	req, err := in.request(cmd, r, hypers, &arrays)
	if err != nil {
		return err
	}
	for s, grads := range in.grads {
		if err := in.put(&arrays, r, req.Trace, grads, in.lossAt(s), s); err != nil {
			return err
		}
	}
	s, stop, err := start[T](c, r, req, &arrays)
	if err != nil {
		return err
	}
	defer stop()
	reply, err := s.Reply()
	if err != nil {
		return err
	}
	w.begin(r.Name, reply.Engine)
	step := in.newStep(r)
	for range in.grads {
		if _, err := s.Reply(); err != nil {
			return err
		}
		if err := step.read(s, req.Trace); err != nil {
			return err
		}
		if err := w.step(step); err != nil {
			return err
		}
	}
	return w.end()
}

// start builds and starts a program for a request.
func start[T elem.Float](c *console, r *compiler.Rule, req host.Request, arrays io.Reader) (*driver.Session, func(), error) {
	ctx, stop := interrupted()
	dtype := target.F32
	if bitsOf[T]() == 64 {
		dtype = target.F64
	}
	program, err := buildProgram(ctx, c, r, nil, dtype)
	if err != nil {
		stop()
		return nil, nil, err
	}
	s, err := driver.Start(ctx, program, req, arrays)
	if err != nil {
		stop()
		return nil, nil, err
	}
	return s, func() { s.Close(); stop() }, nil
}

// request is what a program is asked for; the arrays that follow it go to a buffer.
func (in *traceInput[T]) request(cmd *traceCmd, r *compiler.Rule, hypers []float64, to io.Writer) (host.Request, error) {
	req := request(cmd.Engine, cmd.Threads, hypers)
	req.Seed = cmd.Seed
	req.Trace = &host.Trace{Steps: len(in.grads), Grads: r.Checked.Reads("g"), States: cmd.States, Eval: cmd.Eval}
	var errs []error
	for _, q := range in.params {
		req.Trace.Params = append(req.Trace.Params, host.Param{Name: q.name, Shape: q.shape, Len: len(q.data)})
		errs = append(errs, putNumbers(to, q.data))
	}
	for _, g := range r.Checked.Givens {
		size := host.Given{Load: g.Load}
		if !g.Extent.IsArray() {
			size.Steps = givenCount(g, len(in.params))
		} else {
			for _, q := range in.params {
				rows, cols := interp.Dims(g.Extent, q.shape)
				size.Arrays = append(size.Arrays, rows*cols)
			}
		}
		req.Trace.Givens = append(req.Trace.Givens, size)
		if g.Load {
			errs = append(errs, putGiven(to, in.loaded[g.Name]))
		}
	}
	return req, errors.Join(errs...)
}

// put writes what a step is given.
func (in *traceInput[T]) put(to io.Writer, r *compiler.Rule, req *host.Trace, grads [][]T, loss float64, step int) error {
	errs := []error{putNumbers(to, loss)}
	if req.Grads {
		for _, g := range grads {
			errs = append(errs, putNumbers(to, g))
		}
	}
	for _, g := range r.Checked.Givens {
		if !g.Load {
			errs = append(errs, putGiven(to, in.given[g.Name][step]))
		}
	}
	return errors.Join(errs...)
}

func putGiven[T elem.Float](to io.Writer, g interp.Given[T]) error {
	errs := []error{putNumbers(to, g.Steps)}
	for _, a := range g.Arrays {
		errs = append(errs, putNumbers(to, a))
	}
	return errors.Join(errs...)
}

func putNumbers(to io.Writer, v any) error { return binary.Write(to, binary.LittleEndian, v) }

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
