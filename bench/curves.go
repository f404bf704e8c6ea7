package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"

	"github.com/optc-lang/optc/codegen/gosrc"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/host"
)

// curve is the trainings of a task by one rule, a seed each. The seed decides the initial parameters, the order of the examples
// and the rule's random values: trainings of two rules by the same seed differ in what the rules round alone.
type curve struct {
	Steps []int       `json:"steps"` // at which the windows end
	Train [][]float64 `json:"train"` // by seed and window: the mean loss of the window's minibatches; null if the training diverged
	Valid []float64   `json:"valid"` // by seed: the loss on the validation set at the end
}

// diverged is how many of the trainings did.
func (c *curve) diverged() int {
	n := 0
	for _, means := range c.Train {
		if means == nil {
			n++
		}
	}
	return n
}

// at are the values of the trainings that did not diverge: their losses in a window.
func (c *curve) at(window int) []float64 {
	var out []float64
	for _, means := range c.Train {
		if means != nil {
			out = append(out, means[window])
		}
	}
	return out
}

// valid are their losses on the validation set.
func (c *curve) valid() []float64 {
	var out []float64
	for i, means := range c.Train {
		if means != nil {
			out = append(out, c.Valid[i])
		}
	}
	return out
}

// beside are the differences of the losses in the last window to those of other trainings by the same seeds.
func (c *curve) beside(o *curve) []float64 {
	var out []float64
	for i := range min(len(c.Train), len(o.Train)) {
		if a, b := c.Train[i], o.Train[i]; a != nil && b != nil {
			out = append(out, a[len(a)-1]-b[len(b)-1])
		}
	}
	return out
}

// The task of the curves: long enough for what rounding loses to add up, and at a rate that is near the best (see tasks).
const (
	curveTask    = "opticks"
	curveSteps   = 4000
	curveWindows = 16
	curveSet     = "lr=0.003"
)

// curveForm is how numbers are kept: states of narrowRule, or parameters and gradients of the rule for them.
type curveForm struct{ states, params string }

// forms are those whose curves are drawn, float32 first.
func forms() []curveForm {
	out := []curveForm{{}}
	for _, f := range stateFormats {
		out = append(out, curveForm{states: f})
	}
	for _, p := range []string{"bf16+master", "bf16+kahan", "bf16+sr", "bf16+nearest"} {
		out = append(out, curveForm{params: p})
	}
	return out
}

func (f curveForm) String() string {
	switch {
	case f.states != "":
		return "states " + f.states
	case f.params != "":
		return "parameters " + f.params
	}
	return "float32"
}

func (f curveForm) rule() string {
	if f.states != "" {
		return narrowIn(f.states)
	}
	return narrowRule
}

// curves trains with each form by the same seeds.
func (b *bench) curves(ctx context.Context, f *flags) error {
	for _, form := range forms() {
		r := result{Kind: kindCurve, Rule: form.String(), Of: curveTask}
		if b.out.has(&r) && !f.again {
			continue
		}
		c, err := b.curveOf(ctx, form, f.seeds)
		if err != nil {
			return fmt.Errorf("%s: %w", form, err)
		}
		r.Curve = c
		if err := b.out.put(r); err != nil {
			return err
		}
		fmt.Println(r.line())
	}
	return nil
}

// curveOf has a form's program train by each seed.
func (b *bench) curveOf(ctx context.Context, form curveForm, seeds int) (*curve, error) {
	program, c, err := b.curveProgram(ctx, form)
	if err != nil {
		return nil, err
	}
	out := &curve{}
	for seed := range uint64(seeds) {
		done, err := train(ctx, program, c, curveSteps, seed+1)
		if err != nil {
			return nil, fmt.Errorf("seed %d: %w", seed+1, err)
		}
		out.add(done)
	}
	return out, nil
}

// curveProgram builds the program that `optc run` would.
func (b *bench) curveProgram(ctx context.Context, form curveForm) (string, *compiled, error) {
	name, value, _ := strings.Cut(curveSet, "=")
	c, err := b.sources.compileFor(form.params, ownPrefix+form.rule(), map[string]string{name: value})
	if err != nil {
		return "", nil, err
	}
	main := fmt.Appendf(nil, "package main\n\nimport %q\n\nfunc main() { host.Main[float32](%sRule(), nil) }\n", modulePath+"/internal/host", gosrc.TypeName(c.Name, target.F32))
	program, err := b.buildAround(ctx, target.Request{Package: "main", Base: "rule", Source: c.Name, Version: "bench",
		Rules: []*compiler.Rule{c.Rule}, DTypes: []target.DType{target.F32}}, main)
	return program, c, err
}

// train has a program train the task.
func train(ctx context.Context, program string, c *compiled, steps int, seed uint64) (*host.Result, error) {
	req := host.Request{Workers: 1, Seed: seed, Run: &host.Run{Task: curveTask, Steps: steps, Seed: seed}}
	for _, h := range c.hypers {
		req.Hypers = append(req.Hypers, host.Number(h))
	}
	line, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(append(line, '\n')), os.Stderr
	answer, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	for replies := json.NewDecoder(bytes.NewReader(answer)); ; {
		var r host.Reply
		switch err := replies.Decode(&r); {
		case errors.Is(err, io.EOF):
			return nil, errors.New("the program ended without a result")
		case err != nil:
			return nil, err
		case r.Error != "":
			return nil, errors.New(r.Error)
		case r.Result == nil:
			continue
		}
		return r.Result, nil
	}
}

// add adds a training.
func (c *curve) add(done *host.Result) {
	const each = curveSteps / curveWindows
	if c.Steps == nil {
		for end := each; end <= curveSteps; end += each {
			c.Steps = append(c.Steps, end)
		}
	}
	if done.Diverged {
		c.Train, c.Valid = append(c.Train, nil), append(c.Valid, 0)
		return
	}
	var means []float64
	for _, end := range c.Steps {
		sum := 0.0
		for _, l := range done.Losses[end-each : end] {
			sum += float64(l)
		}
		means = append(means, lossRounded(sum/each))
	}
	c.Train, c.Valid = append(c.Train, means), append(c.Valid, lossRounded(float64(done.Loss["valid"])))
}

// lossRounded keeps five digits behind the point.
func lossRounded(v float64) float64 { return math.Round(v*1e5) / 1e5 }

// deviation is the mean and the standard deviation of a sample.
func deviation(v []float64) (mean, dev float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		dev += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(dev / float64(max(1, len(v)-1)))
}
