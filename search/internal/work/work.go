// Package work trains a model with a rule: the one thing of a search that costs time.
//
// In comes an [Item], which says everything that a result depends on; out comes an [Outcome], the same on every machine
// and however often it is asked for. Items are addressed by their content, so they may be done anywhere, twice, or never
// again. What they need is in the item and in the program: no state is kept between them.
package work

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/vm"
	"github.com/optc-lang/optc/search/task"
	"github.com/optc-lang/optc/tasks"
)

// Numerics names the arithmetic that outcomes are of. It changes whenever an outcome may.
const Numerics = "strict-1"

// Item is a training run.
type Item struct {
	Rule     string  // as genome.Decode reads it
	Task     string  // its name
	Split    uint64  // which of the task's examples are trained on, 0 for its own split
	Seed     uint64  // of the run: first values and order of the examples
	LR       float64 // of the first step; it falls to zero along a line
	Decay    float64 // of the parameters, times the learning rate
	Steps    int     // 0 for the task's own
	Numerics string
	Test     bool `json:",omitempty"` // ask for Outcome.Test
}

// Key is the digest of an item.
type Key [sha256.Size]byte

// Key returns the digest of everything that the outcome depends on.
func (i Item) Key() Key {
	text, err := json.Marshal(i)
	if err != nil {
		panic(err) // numbers that are not finite: Run refuses them
	}
	return sha256.Sum256(text)
}

// Outcome is what a training run came to.
type Outcome struct {
	Train    float64 // mean loss of the minibatches of the last tenth of the steps; this and the other losses are 0 of a run that diverged
	Valid    float64 // loss on examples that it was not trained on
	Test     float64 `json:",omitempty"` // loss on others still, by which nothing may be chosen; 0 unless asked for
	Size     float64 // median root mean square of the first updates, before the learning rate; 0 if it is not finite
	Steps    int     // that were taken
	Diverged bool    // a loss was not finite, or beyond divergence times the first
}

// divergence is how many times the first loss a minibatch's may be before the run is given up.
const divergence = 1e3

// firstSteps is how many updates tell the size of a rule's steps: a rule may make the first one as small as it likes.
const firstSteps = 10

// Executor does items, here or elsewhere. What it gives is what [Run] gives.
type Executor interface {
	Do(ctx context.Context, item Item) (Outcome, error)
}

// Local does items in the goroutine that asks.
type Local struct{ Find task.Finder }

// Do is [Run].
func (l Local) Do(ctx context.Context, item Item) (Outcome, error) {
	return trace(ctx, item, l.Find, func(int, float64) {})
}

// Run trains. An error is of the item; a loss that is not finite is an outcome.
func Run(i Item, find task.Finder) (Outcome, error) {
	return trace(context.Background(), i, find, func(int, float64) {})
}

// Trace is Run, and tells the loss in the course of training: the means over so many parts, or over single steps if there are
// fewer. A run that diverges has fewer parts.
func Trace(i Item, find task.Finder, parts int, tell func(loss float64)) (Outcome, error) {
	sum, n := 0.0, 0
	steps := i.Steps
	if t, err := find(i.Task); err == nil && steps == 0 {
		steps = t.Steps()
	}
	return trace(context.Background(), i, find, func(step int, loss float64) {
		sum, n = sum+loss, n+1
		if (step+1)*parts/steps > step*parts/steps {
			tell(sum / float64(n))
			sum, n = 0, 0
		}
	})
}

func trace(ctx context.Context, i Item, find task.Finder, tell func(step int, loss float64)) (out Outcome, err error) {
	defer func() { // a task may be anybody's
		if r := recover(); r != nil {
			err = fmt.Errorf("task %s panics: %v", i.Task, r)
		}
	}()
	if i.Numerics != Numerics {
		return Outcome{}, fmt.Errorf("the item is of the numerics %q, this program computes in %q", i.Numerics, Numerics)
	}
	if !(i.LR >= 0 && i.LR < math.Inf(1) && i.Decay >= 0 && i.Decay < math.Inf(1)) {
		return Outcome{}, fmt.Errorf("learning rate %v and decay %v must be finite and not negative", i.LR, i.Decay)
	}
	g, err := genome.Decode(i.Rule)
	if err != nil {
		return Outcome{}, err
	}
	p, err := vm.Compile(g)
	if err != nil {
		return Outcome{}, err
	}
	t, err := find(i.Task)
	if err != nil {
		return Outcome{}, err
	}
	run, err := t.Open(i.Seed, i.Split)
	if err != nil {
		return Outcome{}, err
	}
	if i.Steps == 0 {
		i.Steps = t.Steps()
	}
	if i.Steps < 1 {
		return Outcome{}, fmt.Errorf("%d steps", i.Steps)
	}
	if err := check(run); err != nil {
		return Outcome{}, fmt.Errorf("task %s: %w", i.Task, err)
	}
	return train(ctx, run, p, i, tell)
}

// check holds a run to what a task promises.
func check(run task.Run) error {
	if run == nil {
		return errors.New("it opens no run")
	}
	values, grads := run.Values(), run.Grads()
	if len(values) == 0 || len(values) != len(grads) {
		return fmt.Errorf("it has %d parameters and %d gradients", len(values), len(grads))
	}
	for i := range values {
		if len(values[i]) == 0 || len(values[i]) != len(grads[i]) {
			return fmt.Errorf("parameter %d has %d elements, its gradient %d", i, len(values[i]), len(grads[i]))
		}
	}
	return nil
}

// checkSteps is how often a run asks whether it is still wanted.
const checkSteps = 64

func train(ctx context.Context, run task.Run, p *vm.Program, i Item, tell func(step int, loss float64)) (Outcome, error) {
	out := Outcome{Steps: i.Steps}
	values, grads := run.Values(), run.Grads()
	machine, shadow := p.New(lengths(values)), sizer{machine: p.New(lengths(values)), update: alike(values)}
	tail := max(1, i.Steps/10)
	first := 0.0
	for step := range i.Steps {
		if step%checkSteps == 0 && ctx.Err() != nil {
			return Outcome{}, ctx.Err()
		}
		loss := float64(run.Batch(step))
		if loss < 0 {
			return Outcome{}, fmt.Errorf("task %s: the loss %v of step %d is negative, and scores are of logarithms: add a constant to it", i.Task, loss, step)
		}
		if step == 0 {
			first = loss
		}
		if !(math.Abs(loss) <= divergence*math.Abs(first)) {
			out.Diverged, out.Steps = true, step
			break
		}
		tell(step, loss)
		if step >= i.Steps-tail {
			out.Train += loss / float64(tail)
		}
		if step < firstSteps {
			shadow.measure(values, grads)
		}
		machine.Step(values, grads, float64(i.LR*(1-float64(step)/float64(i.Steps))), i.Decay)
	}
	if size := shadow.median(); elem.IsFinite(size) {
		out.Size = size
	}
	if out.Diverged {
		return out.without(), nil
	}
	var err error
	if out.Valid, err = run.Loss(tasks.ValidSet); err == nil && i.Test {
		out.Test, err = run.Loss(tasks.TestSet)
	}
	if out.Diverged = !elem.IsFinite(out.Valid) || !elem.IsFinite(out.Train) || !elem.IsFinite(out.Test); out.Diverged {
		out = out.without()
	}
	if err == nil {
		err = out.check()
	}
	return out, err
}

// check refuses what no training comes to: fitness takes logarithms of losses.
func (o Outcome) check() error {
	if o.Steps < 0 || o.Steps == 0 && !o.Diverged || o.Train < 0 || o.Valid < 0 || o.Test < 0 || o.Size < 0 {
		return fmt.Errorf("an outcome has steps, or it diverged, and losses that are not negative; this one has %d steps, losses of %g, %g and %g, and updates of size %g",
			o.Steps, o.Train, o.Valid, o.Test, o.Size)
	}
	return nil
}

// without is the outcome without losses, all numbers of which are finite and so can be written.
func (o Outcome) without() Outcome {
	o.Train, o.Valid, o.Test = 0, 0, 0
	return o
}

// sizer measures updates.
type sizer struct {
	machine *vm.Machine
	update  [][]float32
	sizes   []float64
}

// measure takes the root mean square of the next update.
func (s *sizer) measure(x, grads [][]float32) {
	for _, u := range s.update {
		clear(u)
	}
	s.machine.Update(s.update, x, grads)
	sum, n := 0.0, 0
	for _, u := range s.update {
		for _, v := range u {
			sum += float64(float64(v) * float64(v))
		}
		n += len(u)
	}
	s.sizes = append(s.sizes, math.Sqrt(sum/float64(n)))
}

func (s *sizer) median() float64 {
	if len(s.sizes) == 0 {
		return 0
	}
	slices.Sort(s.sizes)
	return s.sizes[len(s.sizes)/2]
}

func lengths(of [][]float32) []int {
	var n []int
	for _, u := range of {
		n = append(n, len(u))
	}
	return n
}

func alike(of [][]float32) [][]float32 {
	var out [][]float32
	for _, u := range of {
		out = append(out, make([]float32, len(u)))
	}
	return out
}
