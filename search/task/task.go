// Package task says what a search trains on: the small models of optc's package tasks, or one's own.
//
// A [Task] is a recipe. [Task.Open] makes of it a [Run], parameters with their gradients, which a search trains with one rule
// and throws away. What a run does must follow from its arguments alone, on every machine, or a search can be neither repeated
// nor resumed.
package task

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/tasks"
)

// Task is a model with data.
type Task interface {
	Name() string // one word, under which archives know it
	Steps() int   // of a training run
	// Open begins a run. The seed decides the first values and the order of the examples; the split which of the
	// examples are trained on and which are held back, 0 being the task's own. Runs go on beside each other.
	Open(seed, split uint64) (Run, error)
}

// Run is a model in training. It belongs to one goroutine.
type Run interface {
	Values() [][]float32    // the parameters, an array each, which the search changes
	Grads() [][]float32     // of the same lengths, set by Batch
	Batch(step int) float32 // the loss of a step's minibatch, and its gradient
	// Loss is the mean loss on examples that Batch has not seen: those of tasks.ValidSet, which the search may choose
	// by, and those of tasks.TestSet, which it may not.
	Loss(split Split) (float64, error)
}

// Split is a part of the examples.
type Split = tasks.Split

// Builtin is the task of that name in package tasks.
func Builtin(name string) (Task, error) {
	t, err := tasks.Lookup(name)
	if err != nil {
		return nil, unknown(name, nil)
	}
	return Of(t), nil
}

// unknown says which tasks a search may use: one's own and those that are not held out for the test of what it finds.
func unknown(name string, own []Task) error {
	var known []string
	for _, t := range own {
		known = append(known, t.Name())
	}
	for _, t := range tasks.All() {
		if t.Set != tasks.HeldOut {
			known = append(known, t.Name)
		}
	}
	near, hint := strings.ToLower(name), ""
	if !slices.Contains(known, near) {
		near = lang.Suggest(near, known)
	}
	if near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return fmt.Errorf("unknown task %q (a search may use: %s)%s", name, strings.Join(known, ", "), hint)
}

// Of makes a task of one of package tasks, which has models for data of one's own, too.
func Of(t tasks.Task) Task { return builtin{t} }

type builtin struct{ tasks.Task }

func (b builtin) Name() string { return b.Task.Name }
func (b builtin) Steps() int   { return b.Task.Steps }

func (b builtin) Open(seed, split uint64) (Run, error) {
	t := b.Task
	if split != 0 {
		t = t.Resplit(split)
	}
	r, err := t.Open(seed)
	if err != nil {
		return nil, err
	}
	return run{r}, nil
}

type run struct{ *tasks.Run }

func (r run) Loss(split Split) (float64, error) {
	score, err := r.Score(split, nil)
	return score.Loss, err
}

// Finder finds a task by its name.
type Finder func(name string) (Task, error)

// Among finds tasks of one's own, and the built-in ones besides.
func Among(own []Task) (Finder, error) {
	by := map[string]Task{}
	for _, t := range own {
		if t == nil || !word(t.Name()) {
			return nil, errors.New("a task needs a name of letters, digits and -_.: only")
		}
		if _, err := tasks.Lookup(t.Name()); err == nil || by[t.Name()] != nil {
			return nil, fmt.Errorf("two tasks of the name %q: rename yours", t.Name())
		}
		by[t.Name()] = t
	}
	return func(name string) (Task, error) {
		if t := by[name]; t != nil {
			return t, nil
		}
		if _, err := tasks.Lookup(name); err != nil {
			return nil, unknown(name, own)
		}
		return Builtin(name)
	}, nil
}

// word reports whether a name can stand in tables and files.
func word(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:"
	return name != "" && len(name) <= 100 && strings.IndexFunc(name, func(r rune) bool { return !strings.ContainsRune(letters, r) }) < 0
}
