package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/internal/driver"
	"github.com/optc-lang/optc/internal/host"
	"github.com/optc-lang/optc/internal/staged"
	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/tasks"
)

type runCmd struct {
	ruleArg
	setFlag
	paramsArg
	Task    string     `required:"" placeholder:"TASK" help:"What to train; the tasks are listed above."`
	Data    string     `placeholder:"FILE" help:"Train the task's model on data of one's own: a .csv with the class or the number last, a .txt, or MNIST's images-idx3 beside labels-idx1; .gz too."`
	Steps   *int       `placeholder:"N" help:"Minibatch steps; the task's own number by default."`
	Seed    uint64     `default:"1" help:"Decides the initial parameters, the order of the examples and the rule's random values."`
	Engine  engineFlag `placeholder:"ENGINE" help:"Where to run the rule: interp (needs no toolchain), go, avx2, avx512 or neon; the fastest of this CPU by default."`
	Threads int        `default:"-1" help:"Goroutines a step; the result does not depend on it."`
	CSV     string     `name:"csv" placeholder:"FILE" help:"Write the loss of every step."`
	SVG     string     `name:"svg" placeholder:"FILE" help:"Draw the loss."`

	task  tasks.Task
	steps int // to take
}

// Help is the verb's example.
func (runCmd) Help() string {
	return `Trains a small real model, whose data are part of optc, and prints the training loss as a curve, then the loss and the accuracy on data that the training has not seen. A run whose loss becomes infinite or NaN ends there, with exit code 1.

Example:
  optc run std/adam --task digits --set lr=0.003
  optc run mine.opt --task digits --steps 2000 --seed 7 --svg loss.svg
  optc run std/adamw --task opticks --params bf16+kahan
  optc run std/adam --task digits --data train-images-idx3-ubyte.gz

` + taskList()
}

// maxSteps bounds a run, whose losses are all kept.
const maxSteps = 10_000_000

// Run trains.
func (cmd *runCmd) Run(c *console) error {
	if _, err := tasks.Lookup(cmd.Task); err != nil {
		return usagef("%v", err)
	}
	var err error
	if cmd.task, err = tasks.LookupOn(cmd.Task, cmd.Data); err != nil {
		return err
	}
	if err := cmd.check(); err != nil {
		return err
	}
	r, hypers, err := cmd.paramsArg.open(c, &cmd.ruleArg, cmd.Set)
	if err != nil {
		return err
	}
	if givens := r.Checked.Givens; len(givens) > 0 {
		return usagef("rule %s has the further input %s, which no task gives: trace it with --input", r.Name, givens[0].Name)
	}
	p := &progress{c: c, rule: r.Name, steps: cmd.steps, start: time.Now()}
	var result *host.Result
	engine := interpEngine
	if cmd.Engine == interpEngine {
		result, err = cmd.interpret(r, hypers, p)
	} else {
		if cmd.Engine == "" {
			noteSlow(c, r)
		}
		result, engine, err = cmd.train(c, r, hypers, p)
	}
	c.clearLine()
	if err != nil {
		return err
	}
	return cmd.show(c, r, engine, result, time.Since(p.start))
}

// check holds the flags to what is possible, before anything is trained.
func (cmd *runCmd) check() error {
	cmd.steps = cmd.task.Steps
	if cmd.Steps != nil {
		cmd.steps = *cmd.Steps
	}
	if cmd.steps < 1 || cmd.steps > maxSteps {
		return usagef("--steps %d: 1 to %d are possible", cmd.steps, maxSteps)
	}
	if cmd.Threads < -1 {
		return usagef("--threads %d: 0 is as many as there are processors", cmd.Threads)
	}
	for _, name := range []string{cmd.CSV, cmd.SVG} {
		if name == "" {
			continue
		}
		if err := staged.CheckFolder(name); err != nil {
			return err
		}
	}
	return nil
}

// train trains in a compiled program.
func (cmd *runCmd) train(c *console, r *compiler.Rule, hypers []float64, p *progress) (*host.Result, string, error) {
	if err := checkEngine(r, cmd.Engine); err != nil {
		return nil, "", err
	}
	ctx, stop := interrupted()
	defer stop()
	program, err := buildProgram(ctx, c, r, nil, target.F32)
	if err != nil {
		return nil, "", err
	}
	req := request(cmd.Engine, cmd.Threads, hypers)
	req.Seed = cmd.Seed
	req.Run = &host.Run{Task: cmd.Task, Data: cmd.Data, Steps: cmd.steps, Seed: cmd.Seed}
	s, err := driver.Start(ctx, program, req, strings.NewReader(""))
	if err != nil {
		return nil, "", err
	}
	defer s.Close()
	engine := ""
	for {
		reply, err := s.Reply()
		if err != nil {
			return nil, "", err
		}
		switch {
		case reply.Engine != "":
			engine = reply.Engine
			p.start = time.Now() // the rule is built
		case reply.Progress != nil:
			p.at(reply.Progress.Step, float64(reply.Progress.Loss))
		case reply.Result != nil:
			return reply.Result, engine, nil
		}
	}
}

// interpreted is the interpreter as the tasks know an optimizer.
type interpreted struct {
	*interp.Machine[float32]
	values [][]float32
}

// Step steps the machine, which has parameters of its own, and copies them back.
func (o *interpreted) Step(grads [][]float32, loss float64) error {
	return o.StepWith(grads, optrt.Inputs[float32]{Loss: loss})
}

// StepWith is Step for rules that ask the model within a step.
func (o *interpreted) StepWith(grads [][]float32, in optrt.Inputs[float32]) error {
	if in.Closure != nil {
		o.Closure = func(x [][]float32) ([][]float32, float64, error) { return o.ask(x, in.Closure) }
	}
	defer o.put(o.Params) // also when a question failed
	return o.Machine.Step(grads, in.Loss)
}

// ask evaluates the model with x in the values of the run.
func (o *interpreted) ask(x [][]float32, closure optrt.Closure[float32]) ([][]float32, float64, error) {
	o.put(x)
	grads := make([][]float32, len(x))
	for i := range x {
		grads[i] = make([]float32, len(x[i]))
	}
	loss, err := closure(grads)
	return grads, loss, err
}

func (o *interpreted) put(x [][]float32) {
	for i := range x {
		copy(o.values[i], x[i])
	}
}

// EvalParams is where the model is scored.
func (o *interpreted) EvalParams() ([][]float32, error) { return o.Machine.EvalParams(), nil }

// interpret trains in the interpreter.
func (cmd *runCmd) interpret(r *compiler.Rule, hypers []float64, p *progress) (*host.Result, error) {
	run, err := cmd.task.Open(cmd.Seed)
	if err != nil {
		return nil, err
	}
	var tensors []interp.Tensor
	for _, q := range run.Task().Params {
		tensors = append(tensors, interp.Tensor{Name: q.Name, Shape: q.Shape})
	}
	o := &interpreted{interp.New[float32](r.Checked, tensors, 1), run.Values()}
	o.Seed = cmd.Seed
	copy(o.Hypers[0], hypers)
	for i, x := range o.values {
		copy(o.Params[i], x)
		elem.RoundTrip(r.Checked.Params.Format, o.Params[i], nil)
	}
	o.put(o.Params)
	done, err := tasks.Train(run, o, cmd.steps, func(at tasks.Progress) { p.at(at.Step, float64(at.Loss)) })
	if err != nil {
		return nil, err
	}
	return host.ResultOf(done), nil
}

// progress shows how far a run is: on a terminal one line that changes, elsewhere a line now and then.
type progress struct {
	c     *console
	rule  string
	steps int
	start time.Time
	shown time.Time
}

func (p *progress) at(step int, loss float64) {
	every := 5 * time.Second
	if p.c.tty {
		every = 100 * time.Millisecond
	}
	now := time.Now()
	if p.shown.IsZero() && !p.c.tty {
		p.shown = p.start
	}
	if now.Sub(p.shown) < every {
		return
	}
	p.shown = now
	text := fmt.Sprintf("%s: step %d of %d, loss %.4g", p.rule, step, p.steps, loss)
	if p.c.tty {
		fmt.Fprintf(p.c.err, "\r\x1b[K%s", text)
	} else {
		fmt.Fprintln(p.c.err, text)
	}
}

// show prints the curve and the scores, and writes the files asked for.
func (cmd *runCmd) show(c *console, r *compiler.Rule, engine string, result *host.Result, took time.Duration) error {
	losses := make([]float64, len(result.Losses))
	for i, l := range result.Losses {
		losses[i] = float64(l)
	}
	title := fmt.Sprintf("%s%s%s on %s%s, seed %d", r.Name, cmd.fixed.said()+cmd.paramsArg.said(), said("--set", cmd.Set), cmd.Task, dataSaid(cmd.Data), cmd.Seed)
	if cmd.CSV != "" {
		if err := cmd.write(cmd.CSV, func(w io.Writer) error { return writeCSV(w, losses) }); err != nil {
			return err
		}
	}
	if cmd.SVG != "" {
		if err := cmd.write(cmd.SVG, func(w io.Writer) error { return writeSVG(w, title+": training loss", losses, result.Diverged) }); err != nil {
			return err
		}
	}
	fmt.Fprintf(c.out, "%s: training loss by step\n%s", title, terminalCurve(losses, result.Diverged))
	if result.Diverged {
		fmt.Fprintf(c.out, "%s diverged: the loss is not finite %s\n", divergedMark, divergedAt(losses))
	}
	scores(cmd.task, result).print(c.out, "")
	fmt.Fprintf(c.out, "%s on %s in %.2f s\n", plural(len(losses), "step", "steps"), engine, took.Seconds())
	if result.Diverged {
		return fmt.Errorf("the run diverged: the loss is not finite %s; smaller steps may help", divergedAt(losses))
	}
	return nil
}

// divergedAt says where a run diverged: its last loss, or what the last step led to, is not finite.
func divergedAt(losses []float64) string {
	if n := len(losses); n > 0 && !isFinite(losses[n-1]) {
		return fmt.Sprintf("at step %d", n)
	}
	return fmt.Sprintf("after step %d, the last", len(losses))
}

// write replaces a file with what print prints.
func (cmd *runCmd) write(name string, print func(io.Writer) error) error {
	var b bytes.Buffer
	if err := print(&b); err != nil {
		return err
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(name, b.Bytes(), 0o666) // a pipe or /dev/stdout is no file to replace
	}
	return staged.Write(name, b.Bytes())
}

func writeCSV(w io.Writer, losses []float64) error {
	out := csv.NewWriter(w)
	out.Write([]string{"step", "loss"})
	for i, l := range losses {
		out.Write([]string{strconv.Itoa(i + 1), strconv.FormatFloat(l, 'g', -1, 32)})
	}
	out.Flush()
	return out.Error()
}

// averaged cuts losses into at most n stretches of equal length and averages each.
func averaged(losses []float64, n int) []float64 {
	n = min(n, len(losses))
	out := make([]float64, n)
	for i := range out {
		from, to := i*len(losses)/n, (i+1)*len(losses)/n
		for _, l := range losses[from:to] {
			out[i] += l / float64(to-from)
		}
	}
	return out
}

// finiteRange is the least and the greatest of the finite values; false without one.
func finiteRange(values []float64) (lo, hi float64, ok bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if isFinite(v) {
			lo, hi, ok = min(lo, v), max(hi, v), true
		}
	}
	return lo, hi, ok
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
