package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/driver"
	"github.com/optc-lang/optc/internal/host"
	"github.com/optc-lang/optc/runtime/elem"
)

// minimise traces a rule on an objective.
func (cmd *traceCmd) minimise(c *console, r *compiler.Rule, hypers []float64) error {
	if len(r.Checked.Givens) > 0 {
		return usagef("rule %s has the further input %s: trace it with --input", r.Name, r.Checked.Givens[0].Name)
	}
	var x []float64
	for _, text := range strings.Split(cmd.X, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil {
			return usagef("--x %s: %q is no number", cmd.X, text)
		}
		x = append(x, v)
	}
	o, err := openObjective(c, cmd.Objective, len(x))
	if err != nil {
		return err
	}
	if cmd.DType == "f64" {
		return minimise[float64](cmd, c, r, hypers, o, x)
	}
	return minimise[float32](cmd, c, r, hypers, o, x)
}

// descent is a rule that minimises an objective, step by step.
type descent[T elem.Float] struct {
	o  *objective
	in *traceInput[T]
	r  *compiler.Rule
}

func minimise[T elem.Float](cmd *traceCmd, c *console, r *compiler.Rule, hypers []float64, o *objective, x []float64) error {
	steps := 10
	if cmd.Steps != nil {
		steps = *cmd.Steps
	}
	start := make([]T, len(x))
	for i, v := range x {
		start[i] = T(v)
	}
	d := &descent[T]{o: o, r: r, in: &traceInput[T]{params: []traceParam[T]{{name: "x", shape: []int{len(x)}, data: start}}}}
	show := &printer[T]{cmd: cmd, c: c, o: o, w: &traceWriter[T]{c: c, states: cmd.States, eval: cmd.Eval}}
	if cmd.Engine == interpEngine {
		return d.interpret(cmd, hypers, steps, show)
	}
	return d.execute(cmd, c, hypers, steps, show)
}

// at is the objective in the element type: rounded once.
func (d *descent[T]) at(x []T) ([]T, float64, error) {
	wide := make([]float64, len(x))
	for i, v := range x {
		wide[i] = float64(v)
	}
	grad, value, err := d.o.at(wide)
	out := make([]T, len(grad))
	for i, v := range grad {
		out[i] = T(v)
	}
	return out, value, err
}

func (d *descent[T]) interpret(cmd *traceCmd, hypers []float64, steps int, show *printer[T]) error {
	m := d.in.machine(d.r, hypers, cmd.Seed)
	m.Closure = func(x [][]T) ([][]T, float64, error) {
		g, value, err := d.at(x[0])
		return [][]T{g}, value, err
	}
	states := newTraceStates[T](d.r, 1)
	g, value, err := d.at(m.Params[0])
	if err != nil {
		return err
	}
	show.begin(d.r.Name, interpEngine, m.Params[0], value)
	for range steps {
		if err := m.Step([][]T{g}, value); err != nil {
			return err
		}
		if g, value, err = d.at(m.Params[0]); err != nil {
			return err
		}
		if err := show.step(d.in.taken(d.r, m, states), value); err != nil {
			return err
		}
	}
	return show.end()
}

// execute runs compiled kernels, which ask for the gradients as they need them.
func (d *descent[T]) execute(cmd *traceCmd, c *console, hypers []float64, steps int, show *printer[T]) error {
	var params strings.Builder
	req, err := d.in.request(cmd, d.r, hypers, &params)
	if err != nil {
		return err
	}
	req.Trace.Steps, req.Trace.Live = steps, true
	s, stop, err := start[T](c, d.r, req, nil)
	if err != nil {
		return err
	}
	defer stop()
	if _, err := io.WriteString(s, params.String()); err != nil {
		return s.Broken(err)
	}
	reply, err := s.Reply()
	if err != nil {
		return err
	}
	step := d.in.newStep(d.r)
	g, value, err := d.at(d.in.params[0].data)
	if err != nil {
		return err
	}
	show.begin(d.r.Name, reply.Engine, d.in.params[0].data, value)
	for range steps {
		if err := d.in.put(s, d.r, req.Trace, [][]T{g}, value, 0); err != nil {
			return s.Broken(err)
		}
		if err := d.answer(s, step.params); err != nil {
			return err
		}
		if err := step.read(s, req.Trace); err != nil {
			return err
		}
		if g, value, err = d.at(step.params[0]); err != nil {
			return err
		}
		if err := show.step(step, value); err != nil {
			return err
		}
	}
	return show.end()
}

// answer tells a step the gradients that it asks for, until it is done.
func (d *descent[T]) answer(s *driver.Session, room [][]T) error {
	for {
		reply, err := s.Reply()
		if err != nil || !reply.Ask {
			return err
		}
		if err := readArrays(s, room); err != nil {
			return err
		}
		g, value, err := d.at(room[0])
		if err != nil {
			return err
		}
		if err := putNumbers(s, value); err != nil {
			return s.Broken(err)
		}
		if err := putNumbers(s, g); err != nil {
			return s.Broken(err)
		}
	}
}

// printer prints the steps of a descent: a line each, or JSON as for an input.
type printer[T elem.Float] struct {
	cmd *traceCmd
	c   *console
	o   *objective
	w   *traceWriter[T]
	n   *int
}

// mostShown is how many elements a line shows.
const mostShown = 8

func (p *printer[T]) json() bool { return p.cmd.JSON || p.cmd.States || p.cmd.Eval }

func (p *printer[T]) begin(rule, engine string, x []T, value float64) {
	if p.json() {
		p.w.begin(rule, engine)
		return
	}
	fmt.Fprintf(p.c.out, "%s%s%s on %s, %s\n", rule, p.cmd.fixed.said(), said("--set", p.cmd.Set), p.o.name, engine)
	names := p.o.vars
	if len(names) == 1 && len(x) > 1 {
		names = nil
		for i := range x {
			names = append(names, fmt.Sprintf("%s[%d]", p.o.vars[0], i))
		}
	}
	if len(names) > mostShown {
		names = append(names[:mostShown:mostShown], "...")
	}
	header := fmt.Sprintf("%6s", "step")
	for _, n := range names {
		header += fmt.Sprintf("  %*s", p.width(n), n)
	}
	fmt.Fprintf(p.c.out, "%s  %s\n", header, "loss")
	p.n = new(int)
	p.line(x, value)
}

func (p *printer[T]) width(name string) int {
	if name == "..." {
		return 3
	}
	return 24 - 10*(64/bitsOf[T]()-1)
}

func (p *printer[T]) line(x []T, value float64) {
	text := fmt.Sprintf("%6d", *p.n)
	*p.n++
	for i, v := range x {
		if i == mostShown {
			text += "  ..."
			break
		}
		text += fmt.Sprintf("  %*s", p.width(""), exact(float64(v), bitsOf[T]()))
	}
	fmt.Fprintf(p.c.out, "%s  %s\n", text, exact(value, 64))
}

// exact is the shortest text that reads back as v.
func exact(v float64, bits int) string {
	return strings.Trim(string(host.AppendJSON(nil, v, bits)), `"`)
}

func (p *printer[T]) step(s *traceStep[T], value float64) error {
	if p.json() {
		p.w.loss = append(p.w.loss, value)
		return p.w.step(s)
	}
	p.line(s.params[0], value)
	return nil
}

func (p *printer[T]) end() error {
	if p.json() {
		return p.w.end()
	}
	return nil
}
