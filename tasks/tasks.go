// Package tasks holds small real models with their data, to train with any
// optimizer:
//
//	run, err := tasks.Open("digits", 1)
//	opt := ... // updates run.Values() in place
//	result, err := tasks.Train(run, opt, 500, nil)
//
// In come a task's name, a seed and an optimizer; out go losses and accuracies.
// The same task, seed and sequence of parameter values give the same losses and
// gradients bit for bit on every machine: random numbers are integer arithmetic,
// every product is rounded before it is added, sums have one order, exp and log
// are those of runtime/elem.
//
// The package reads no file and prints nothing; its data are embedded. Numbers
// that are not finite are results, not errors.
package tasks

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// all tasks: ADD A TASK HERE.
var all = []Task{digits}

// A Task describes a model and its data.
type Task struct {
	Name      string
	Doc       string  // what is learnt from what by which model
	Params    []Param // in the order of every slice of slices below
	BatchSize int     // examples in the minibatch of a step
	Sizes     [3]int  // examples in each Split
	Steps     int     // a number of steps in which a tuned optimizer gets near its best

	open func() (model, error)
}

// A Param is a named array of a model, row-major.
type Param struct {
	Name  string
	Shape []int
}

// Len returns the number of elements.
func (p Param) Len() int {
	n := 1
	for _, extent := range p.Shape {
		n *= extent
	}
	return n
}

// A Split is a part of a task's data.
type Split int

const (
	TrainSet Split = iota
	ValidSet
	TestSet
)

func (s Split) String() string { return [...]string{"train", "valid", "test"}[s] }

// A Score is the mean loss over a split and the share of its examples that are
// classified rightly.
type Score struct{ Loss, Accuracy float64 }

// Purposes of random streams.
const (
	purposeInit uint64 = iota
	purposeOrder
)

// A model computes with parameters given as one slice each, on rows of its data.
type model interface {
	init(params [][]float32, seed uint64)
	gradient(params, grads [][]float32, rows []int) (loss float32)
	score(params [][]float32, rows []int) Score
	example(row int) (input []float32, class int)
}

// A Run is a task with its own parameters and gradients, ready to be trained. It
// belongs to one goroutine at a time; several runs may go on beside each other.
type Run struct {
	task          Task
	seed          uint64
	model         model
	values, grads [][]float32
	rows          []int // 0, 1, 2, ... of the data: training, validation, test
	batch         []int // the rows of the last Batch
	order         []int // the training rows as the current epoch has them
	epoch         uint
}

// Names returns the names of all tasks.
func Names() []string {
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = t.Name
	}
	return names
}

// Lookup returns the task of that name. For an unknown name the error lists the
// known ones.
func Lookup(name string) (Task, error) {
	for _, t := range all {
		if t.Name == name {
			t.Params = slices.Clone(t.Params)
			return t, nil
		}
	}
	hint := ""
	if near := nearest(name, Names()); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return Task{}, fmt.Errorf("unknown task %q (known: %s)%s", name, strings.Join(Names(), ", "), hint)
}

// Open returns a new run of a task, its parameters initialised from the seed. The
// seed also decides the order of the examples, and nothing else.
func Open(name string, seed uint64) (*Run, error) {
	task, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	model, err := task.open()
	if err != nil {
		return nil, err
	}
	r := &Run{task: task, seed: seed, model: model, order: make([]int, task.Sizes[TrainSet]), epoch: ^uint(0)}
	for _, p := range task.Params {
		r.values = append(r.values, make([]float32, p.Len()))
		r.grads = append(r.grads, make([]float32, p.Len()))
	}
	for i := range task.Sizes[TrainSet] + task.Sizes[ValidSet] + task.Sizes[TestSet] {
		r.rows = append(r.rows, i)
	}
	model.init(r.values, seed)
	return r, nil
}

// Task returns the description of the task.
func (r *Run) Task() Task { return r.task }

// Seed returns the seed of Open.
func (r *Run) Seed() uint64 { return r.seed }

// Values returns the parameters' elements, one slice for each of Task().Params,
// for the optimizer to update in place.
func (r *Run) Values() [][]float32 { return slices.Clone(r.values) }

// Grads returns the slices, alike in shape, that Batch fills.
func (r *Run) Grads() [][]float32 { return slices.Clone(r.grads) }

// Batch returns the mean loss over the minibatch of this step at the current
// values, and overwrites the gradients with its gradient. An epoch is a fresh
// permutation of the training examples, cut into whole minibatches; what remains
// is left out. Any step may be asked for at any time.
func (r *Run) Batch(step int) (loss float32) {
	size := uint(r.task.BatchSize)
	steps := uint(len(r.order)) / size
	if epoch := uint(step) / steps; epoch != r.epoch {
		r.epoch = epoch
		newStream(r.seed, purposeOrder, uint64(epoch)).shuffle(r.order)
	}
	at := uint(step) % steps * size
	r.batch = r.order[at : at+size]
	return r.model.gradient(r.values, r.grads, r.batch)
}

// Again returns the mean loss over the minibatch of the last Batch at the values
// as they are now, and overwrites grads, one slice for each parameter, with its
// gradient: what an optimizer asks that evaluates the model within a step.
func (r *Run) Again(grads [][]float32) (loss float32, err error) {
	if r.batch == nil {
		return 0, errors.New("no minibatch before")
	}
	if err := r.fits(grads); err != nil {
		return 0, err
	}
	return r.model.gradient(r.values, grads, r.batch), nil
}

// Score evaluates parameters on a split: the run's own values if params is nil,
// else params, one slice for each of Task().Params.
func (r *Run) Score(split Split, params [][]float32) (Score, error) {
	if split < TrainSet || split > TestSet {
		return Score{}, fmt.Errorf("no split %d", int(split))
	}
	if params == nil {
		params = r.values
	}
	if err := r.fits(params); err != nil {
		return Score{}, err
	}
	return r.model.score(params, r.rowsOf(split)), nil
}

// Examples returns copies of the inputs of a split, one slice an example, with
// the class of each, for a model of one's own.
func (r *Run) Examples(split Split) (inputs [][]float32, classes []int, err error) {
	if split < TrainSet || split > TestSet {
		return nil, nil, fmt.Errorf("no split %d", int(split))
	}
	for _, row := range r.rowsOf(split) {
		input, class := r.model.example(row)
		inputs, classes = append(inputs, slices.Clone(input)), append(classes, class)
	}
	return inputs, classes, nil
}

func (r *Run) rowsOf(split Split) []int {
	rows := r.rows
	for _, size := range r.task.Sizes[:split] {
		rows = rows[size:]
	}
	return rows[:r.task.Sizes[split]]
}

func (r *Run) fits(params [][]float32) error {
	if len(params) != len(r.values) {
		return fmt.Errorf("%d parameters, task %s has %d", len(params), r.task.Name, len(r.values))
	}
	for i, p := range params {
		if len(p) != len(r.values[i]) {
			return fmt.Errorf("parameter %s: %d elements, want %d", r.task.Params[i].Name, len(p), len(r.values[i]))
		}
	}
	return nil
}

// nearest returns the name with the fewest edits from s, if at most a third of
// its letters differ.
func nearest(s string, names []string) string {
	best, fewest := "", 0
	for _, name := range names {
		if d := distance(s, name); d <= (len(name)+2)/3 && (best == "" || d < fewest) {
			best, fewest = name, d
		}
	}
	return best
}

// distance is Levenshtein's, by bytes, case folded.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			edits := min(row[j], row[j+1]) + 1
			if a[i] == b[j] {
				edits = min(edits, diagonal)
			} else {
				edits = min(edits, diagonal+1)
			}
			diagonal, row[j+1] = row[j+1], edits
		}
	}
	return row[len(b)]
}
