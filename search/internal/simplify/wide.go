package simplify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/optc-lang/optc/search/task"
	"github.com/optc-lang/optc/tasks"
)

// larger is a task to search on with a wider model, more steps, or larger batches.
type larger struct {
	name      string
	factor    int   // about how many times as many multiplications it costs
	widths    []int // of the model
	batchSize int
	steps     int
	train     int // examples to train on; 0 for as many as the small task has
}

// widened is every larger task: ADD A LARGER TASK HERE. A run of AdamW takes about 7 and 55 times the processor time of one on
// the small task, since larger matrices take less a multiplication. phishing is not among them: a logistic regression on nine
// inputs can only be trained longer, and all rules end at the same place. The digits have larger models, but about as many
// steps: longer training ends where fitness.Loss tells no more.
var widened = []larger{
	{"cancer-raw", 10, nil, 32, 3000, 0},
	{"bowl", 10, []int{128, 3000}, 4, 1000, 0},
	{"rotated-bowl", 10, []int{128, 3000}, 8, 1500, 0},
	{"mpg", 10, []int{104}, 16, 1800, 0},
	{"digits", 10, []int{640}, 128, 360, 0},
	{"digits-coder", 10, []int{96, 8, 96}, 32, 2600, 0},
	{"digits-deep", 10, []int{64, 64, 64, 64, 64, 64}, 64, 720, 0},
	{"opticks", 10, []int{8, 16, 160}, 32, 5000, 36000},
	{"opticks-attention", 10, []int{24, 40, 4, 96}, 8, 2400, 6000},

	{"cancer-raw", 100, nil, 64, 15000, 0},
	{"bowl", 100, []int{256, 9000}, 4, 2500, 0},
	{"rotated-bowl", 100, []int{256, 9000}, 8, 3750, 0},
	{"mpg", 100, []int{320}, 32, 3000, 0},
	{"digits", 100, []int{4096}, 256, 288, 0},
	{"digits-coder", 100, []int{256, 8, 256}, 64, 5000, 0},
	{"digits-deep", 100, []int{128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128, 128}, 64, 950, 0},
	{"opticks", 100, []int{10, 24, 400}, 32, 11000, 120000},
	{"opticks-attention", 100, []int{32, 72, 6, 192}, 8, 5500, 7000},
}

// Name is the name of a task that costs about so many times as much as another: "digits@10".
func Name(task string, factor int) string { return task + "@" + strconv.Itoa(factor) }

// Lookup is tasks.Lookup that knows the larger forms of the tasks to search on, too, under the names of [Name].
func Lookup(name string) (tasks.Task, error) {
	if !strings.Contains(name, "@") {
		return tasks.Lookup(name)
	}
	var known []string
	for i, l := range widened {
		if Name(l.name, l.factor) == name {
			return made[i]()
		}
		known = append(known, Name(l.name, l.factor))
	}
	return tasks.Task{}, fmt.Errorf("unknown task %q (known: %s)", name, strings.Join(known, ", "))
}

// Finder finds the larger tasks, and others as another finder does.
func Finder(others task.Finder) task.Finder {
	return func(name string) (task.Task, error) {
		if !strings.Contains(name, "@") {
			return others(name)
		}
		t, err := Lookup(name)
		if err != nil {
			return nil, err
		}
		return task.Of(t), nil
	}
}

// Larger lists the tasks that have a form that costs so many times as much.
func Larger(factor int) []string {
	var out []string
	for _, l := range widened {
		if l.factor == factor {
			out = append(out, l.name)
		}
	}
	return out
}

// made makes each larger task when it is first wanted: runs share its data.
var made = func() (out []func() (tasks.Task, error)) {
	for _, l := range widened {
		out = append(out, sync.OnceValues(l.make))
	}
	return out
}()

func (l larger) make() (tasks.Task, error) {
	of, err := tasks.Lookup(l.name)
	if err != nil {
		return of, err
	}
	spec := of.Spec
	spec.Name, spec.Set, spec.Baseline = Name(l.name, l.factor), tasks.Other, tasks.Baseline{}
	spec.Widths, spec.BatchSize, spec.Steps = slices.Clone(l.widths), l.batchSize, l.steps
	if l.train > 0 {
		spec.Sizes[tasks.TrainSet] = l.train
	}
	spec.Doc = fmt.Sprintf("%s with about %d times as many multiplications", l.name, l.factor)
	return tasks.New(spec, nil)
}
