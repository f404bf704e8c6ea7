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
// every product is rounded before it is added, sums have one order, exp, log and
// tanh are the float64 ones of runtime/elem, rounded. A step after the first allocates nothing.
//
// The tasks are the rows of a table: a model, data, extents and a regime. New
// makes a task of a row of one's own, on data that Load reads from a file. Else
// the package reads no file and prints nothing; its data are embedded. Numbers
// that are not finite are results, not errors.
package tasks

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Spec is what a task is made from.
type Spec struct {
	Name      string
	Doc       string  // what is learnt from what by which model
	Set       Set     // what the task is for
	Model     string  // of Models
	Widths    []int   // the model's extents, besides those that follow from the data
	Data      string  // whose rows; "" for models that need none
	Sizes     [3]int  // examples in each Split
	BatchSize int     // examples in the minibatch of a step
	Steps     int     // a number of steps in which a tuned optimizer gets near its best
	Raw       bool    // inputs as they are, not scaled
	Noise     float64 // label noise of the training rows: the share of classes drawn anew, or the deviation added to targets of deviation 1
	Baseline  Baseline
}

// A Set is what a task is for.
type Set int

const (
	Other   Set = iota
	Search      // a search over update rules may train on it
	HeldOut     // for the last test of what a search has found, and nothing before
)

func (s Set) String() string { return [...]string{"other", "search", "held out"}[s] }

// A Baseline is what AdamW reaches, on average over the seeds 1 and 2, at the best
// of the learning rates 1 and 3 of every decade, with betas .9 and .999 and weight
// decay .01.
type Baseline struct {
	LR    float64
	Train float64 // mean loss of the minibatches of the last tenth of the steps
	Valid float64 // loss on ValidSet at the end
}

// A Task describes a model and its data.
type Task struct {
	Spec
	Params []Param // in the order of every slice of slices below

	shape shape
	split uint64
	read  func() (*Data, error)
	rows  func() (*dataset[float32], error) // one for all runs
}

// New makes a task of data of one's own, or of those that come with the package if
// data is nil: then Data names them. Set means nothing. Zeros are filled in: Sizes
// by 70, 15 and 15 percent of the rows, or of the windows of a text that fit beside
// each other, BatchSize by 64 and Steps by ten epochs; a batch is at most the
// training rows.
func New(spec Spec, data *Data) (Task, error) {
	if data == nil {
		from, err := sourceOf(spec.Data)
		if err != nil {
			return Task{}, fmt.Errorf("task %s: %w", spec.Name, err)
		}
		if data, err = from.open(); err != nil {
			return Task{}, fmt.Errorf("task %s: %w", spec.Name, err)
		}
	}
	if spec.Sizes == [3]int{} {
		n := data.rows
		if data.text != nil && len(spec.Widths) > 0 {
			n = max(0, len(data.text)/(1+max(0, spec.Widths[0]))-3)
		}
		if err := spec.enough(data, n); err != nil {
			return Task{}, fmt.Errorf("task %s: %w", spec.Name, err)
		}
		part := n * 15 / 100
		spec.Sizes = [3]int{n - 2*part, part, part}
	}
	train := spec.Sizes[TrainSet]
	if spec.BatchSize == 0 {
		spec.BatchSize = 64
	}
	spec.BatchSize = min(spec.BatchSize, max(1, train))
	if spec.Steps == 0 {
		spec.Steps = max(1, 10*(train/max(1, spec.BatchSize)))
	}
	return newTask(spec, data.shape, func() (*Data, error) { return data, nil })
}

// fewest is how many examples have one in 15 percent of them.
const fewest = 7

// enough refuses data of too few examples to split. Models that make their data, and specs that are wrong otherwise, are left to check.
func (s *Spec) enough(data *Data, n int) error {
	kind := models[s.Model]
	if n >= fewest || kind.kind == synthetic || s.checkWidths(kind.widths) != nil || s.checkShape(kind.kind, data.shape) != nil {
		return nil
	}
	const why = "are needed: 70, 15 and 15 percent are to train on, to choose by and to test on"
	if data.text != nil {
		return fmt.Errorf("the text has %d characters, at least %d %s", len(data.text), (fewest+3)*(1+s.Widths[0]), why)
	}
	return fmt.Errorf("the data have %d rows, at least %d %s", n, fewest, why)
}

func newTask(spec Spec, shape shape, read func() (*Data, error)) (Task, error) {
	if err := spec.check(shape); err != nil {
		return Task{}, fmt.Errorf("task %s: %w", spec.Name, err)
	}
	t := Task{Spec: spec, Params: build[float32](&spec, shape).params(), shape: shape, read: read}
	t.Widths = slices.Clone(spec.Widths)
	return t.Resplit(0), nil
}

// Resplit returns the same task with other examples in each split, drawn by the
// key, and other noise. Key 0 is the task's own split.
func (t Task) Resplit(key uint64) Task {
	t.split = key
	spec, read := t.Spec, t.read
	t.rows = sync.OnceValues(func() (*dataset[float32], error) {
		data, err := read()
		if err != nil {
			return nil, err
		}
		return spec.prepare(data, key)
	})
	return t
}

// Elements returns the number of elements of all parameters.
func (t Task) Elements() int {
	n := 0
	for _, p := range t.Params {
		n += p.Len()
	}
	return n
}

// Classifies reports whether scores have an accuracy.
func (t Task) Classifies() bool {
	kind := t.kind()
	return kind == classRow || kind == textRow
}

// hasInputs reports whether an example is inputs with a class.
func (t Task) hasInputs() bool { return t.kind() == classRow }

func (t Task) kind() kind { return models[t.Model].kind }

// all is the table as tasks. A row that is wrong is a defect, which the tests find.
var all = sync.OnceValue(func() []Task {
	var out []Task
	for _, spec := range table {
		from, err := sourceOf(spec.Data)
		if err != nil {
			panic(err)
		}
		t, err := newTask(spec, from.shape, from.open)
		if err != nil {
			panic(err)
		}
		out = append(out, t)
	}
	return out
})

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

// A Score is the mean loss over a split and the share of its examples, or of the
// characters to be told, that are classified rightly: 0 if the task has no classes.
type Score struct{ Loss, Accuracy float64 }

// Purposes of random streams.
const (
	purposeInit uint64 = iota
	purposeOrder
	purposeSplit
	purposeNoise
)

// A Run is a task with its own parameters and gradients, ready to be trained. It
// belongs to one goroutine at a time; several runs may go on beside each other.
type Run struct {
	task          Task
	seed          uint64
	model         model[float32]
	values, grads [][]float32
	rows          []int // 0, 1, 2, ... of the data: training, validation, test
	batch         []int // the rows of the last Batch
	order         []int // the training rows as the current epoch has them
	epoch         uint
}

// All returns all tasks.
func All() []Task {
	out := slices.Clone(all())
	for i := range out {
		out[i] = out[i].clone()
	}
	return out
}

// Of returns the tasks of a set.
func Of(set Set) []Task {
	return slices.DeleteFunc(All(), func(t Task) bool { return t.Set != set })
}

// Names returns the names of all tasks.
func Names() []string {
	names := make([]string, len(all()))
	for i, t := range all() {
		names[i] = t.Name
	}
	return names
}

// clone is the task with slices of its own.
func (t Task) clone() Task {
	t.Widths, t.Params = slices.Clone(t.Widths), slices.Clone(t.Params)
	for i, p := range t.Params {
		t.Params[i].Shape = slices.Clone(p.Shape)
	}
	return t
}

// Lookup returns the task of that name. For an unknown name the error lists the
// known ones.
func Lookup(name string) (Task, error) {
	for _, t := range all() {
		if t.Name == name {
			return t.clone(), nil
		}
	}
	hint := ""
	if near := nearest(name, Names()); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return Task{}, fmt.Errorf("unknown task %q (known: %s)%s", name, strings.Join(Names(), ", "), hint)
}

// LookupOn returns the task of that name on the data of a file instead of its own,
// split as New does; see Load. Without a file it is Lookup.
func LookupOn(name, path string) (Task, error) {
	task, err := Lookup(name)
	if path == "" || err != nil {
		return task, err
	}
	if task.kind() == synthetic {
		return Task{}, fmt.Errorf("task %s makes its data itself", name)
	}
	data, err := Load(path)
	if err != nil {
		return Task{}, err
	}
	spec := task.Spec
	spec.Sizes, spec.Baseline = [3]int{}, Baseline{}
	return New(spec, data)
}

// Open returns a new run of a task; see Task.Open.
func Open(name string, seed uint64) (*Run, error) {
	task, err := Lookup(name)
	if err != nil {
		return nil, err
	}
	return task.Open(seed)
}

// Open returns a new run of the task, its parameters initialised from the seed. The
// seed also decides the order of the examples, and nothing else.
func (t Task) Open(seed uint64) (*Run, error) {
	if t.rows == nil {
		return nil, errors.New("a task is made by Lookup or New")
	}
	data, err := t.rows()
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", t.Name, err)
	}
	r := &Run{task: t, seed: seed, model: build[float32](&t.Spec, t.shape), order: make([]int, t.Sizes[TrainSet]), epoch: ^uint(0)}
	r.model.use(data)
	for _, p := range t.Params {
		r.values = append(r.values, make([]float32, p.Len()))
		r.grads = append(r.grads, make([]float32, p.Len()))
	}
	for i := range t.Sizes[TrainSet] + t.Sizes[ValidSet] + t.Sizes[TestSet] {
		r.rows = append(r.rows, i)
	}
	r.model.init(r.values, seed)
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
	return score(r.model, params, r.rowsOf(split)), nil
}

// Examples returns copies of the inputs of a split, one slice an example, with
// the class of each, for a model of one's own.
func (r *Run) Examples(split Split) (inputs [][]float32, classes []int, err error) {
	if split < TrainSet || split > TestSet {
		return nil, nil, fmt.Errorf("no split %d", int(split))
	}
	model, ok := r.model.(exampler)
	if !ok || !r.task.hasInputs() {
		return nil, nil, fmt.Errorf("the examples of task %s are not inputs with a class", r.task.Name)
	}
	for _, row := range r.rowsOf(split) {
		input, class := model.example(row)
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
