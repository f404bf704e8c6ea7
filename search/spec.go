package search

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/task"
	"github.com/optc-lang/optc/tasks"
)

// SpecError is the error of a spec that asks for what cannot be, alone or with the archive that it names: what is to be changed is
// the spec, and nothing has been trained with it. Its text is that of Err. Other errors are of what was found on the way: files,
// worker programs, training.
type SpecError struct{ Err error }

func (e SpecError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e SpecError) Unwrap() error { return e.Err }

// asked makes an error, if there is one, that of the spec.
func asked(err error) error {
	if err == nil || errors.As(err, new(SpecError)) {
		return err
	}
	return SpecError{err}
}

// Spec says what to search, and how. Everything has a default, which its zero value stands for; a share or a number of states
// that is to be none is negative here. (In a spec file 0 says none, and what is left out is the default; see [ReadSpec].)
//
// What the births of a search follow from belongs to its archive: going on with an archive, a Spec may leave it out or must
// say the same again.
type Spec struct {
	// Seed decides everything that is drawn (default 1).
	Seed uint64 `toml:"seed"`
	// Start is what to begin with, an island each in turn: empty, sgd, adamw or lion; std/NAME, a rule of the library; FILE.opt or
	// FILE.opt:RULE; or a rule as [Rule].Formula has it. By default it is sgd.
	Start []string `toml:"start"`
	// Ops are the operators that rules are made of, of [OpNames]; by default all but x, which is the parameter itself.
	Ops []string `toml:"ops"`
	// MaxNodes is how many operators a rule has at most (default 20, at most 64).
	MaxNodes int `toml:"max_nodes"`
	// MaxState is how many values an element a rule keeps from step to step at most (default 3); negative: none.
	MaxState int `toml:"max_state"`
	// Rungs are tasks, the cheapest first: a rule that does well on a rung goes on to the next. By default they are the tasks that
	// [Run] is given, else Tasks, a rung each, else six rungs of the ten built-in tasks to search on.
	Rungs [][]string `toml:"rungs"`
	// Islands is how many populations there are side by side (default 8, at most 1024).
	Islands int `toml:"islands"`
	// Population is how many births of an island may be parents, the last ones (default 50; of all islands at most 65536).
	Population int `toml:"population"`
	// Tournament is of how many a parent is the best (default 4, at most 1024).
	Tournament int `toml:"tournament"`
	// Percentile is the share of recent scores on the first rung that a rule must reach to go on (default 0.65, less than 1); it
	// rises from rung to rung; negative: none.
	Percentile float64 `toml:"percentile"`
	// Migration is the share of parents from another island (default 0.002); negative: none.
	Migration float64 `toml:"migration"`
	// Parsimony is the fitness that an operator costs a parent (default 0.02); negative: none.
	Parsimony float64 `toml:"parsimony"`
	// Polish is the share of births that only change a constant (default 0.1); negative: none.
	Polish float64 `toml:"polish"`
	// Confirm is the share of births that evaluate a good rule once more, with another seed (default 0.05); negative: none.
	Confirm float64 `toml:"confirm"`
	// Omit is the share of the operators that an island, but for the first, goes without until it begins anew (default 0.25);
	// negative: none.
	Omit float64 `toml:"omit"`
	// Plateau is after how many births of an island without a better rule it begins anew (default 300).
	Plateau int `toml:"plateau"`
	// Repeats is how many evaluations a rule that is born again and again has at most, with a seed each (default 8).
	Repeats int `toml:"repeats"`
	// Lag is how many births may be worked on side by side (default 64, at most 16384).
	Lag int `toml:"lag"`
	// Symmetry is what rules are held to: equivariant, by default, are those whose update takes the gradient's sign and a power of
	// its scale; none admits any rule.
	Symmetry string `toml:"symmetry"`
	// Control makes of the search what it can be held against: random selects nothing, tune changes constants alone. By default it
	// is neither.
	Control string `toml:"control"`

	// Archive is the file in which the search is kept.
	Archive string `toml:"archive"`
	// Budget is when the search ends, as [ParseBudget] reads it; by default not until it is stopped.
	Budget string `toml:"budget"`
	// Workers is how many training runs go on side by side (at most 1024); by default as many as there are processors.
	Workers int `toml:"workers"`
	// Worker is a program with its arguments that does the training runs. One is started for each of Workers; it reads a run a line
	// from its standard input and answers a line, both JSON, which "Tasks of your own" in the README shows. By default this
	// process does them.
	Worker []string `toml:"worker"`
	// Tasks are further tasks, on data from files.
	Tasks []TaskSpec `toml:"task"`

	// Progress is told how the search goes, about twice a second; Progress.Hall has the best rules so far.
	Progress func(Progress) `toml:"-"`
	// Evaluated is told of each evaluation: the birth, the time of processors until then, and the rule with all that is
	// known of it. Of evaluations that come from the archive it is told the time of the next commit.
	Evaluated func(birth int, cpu time.Duration, r Rule) `toml:"-"`
}

// TaskSpec is a task of one's own data with a model of package tasks, or one that a worker program knows.
type TaskSpec struct {
	// Name is what rungs call it.
	Name string `toml:"name"`
	// Model is one of tasks.Models; empty for a task that only the worker knows.
	Model string `toml:"model"`
	// Widths are the model's extents.
	Widths []int `toml:"widths"`
	// Data is a file as tasks.Load reads it; in a spec file beside that file if not absolute.
	Data string `toml:"data"`
	// Batch is how many examples a step has (default 64, at most as many as are trained on).
	Batch int `toml:"batch"`
	// Steps is how many steps a training run has (at most 10,000,000); by default ten times through the examples.
	Steps int `toml:"steps"`
}

// over is a configuration with what the spec says in place of what was there.
func (s *Spec) over(c evolve.Config) (evolve.Config, error) {
	c, err := s.laidOver(c)
	return c, asked(err)
}

func (s *Spec) laidOver(c evolve.Config) (evolve.Config, error) {
	if err := s.checkNumbers(); err != nil {
		return c, err
	}
	set(&c.Seed, s.Seed)
	set(&c.Mutator.MaxNodes, s.MaxNodes)
	set(&c.Mutator.MaxStates, s.MaxState)
	set(&c.Islands, s.Islands)
	set(&c.Population, s.Population)
	set(&c.Tournament, s.Tournament)
	set(&c.Percentile, s.Percentile)
	set(&c.Migration, s.Migration)
	set(&c.Parsimony, s.Parsimony)
	set(&c.Polish, s.Polish)
	set(&c.Confirm, s.Confirm)
	set(&c.Omit, s.Omit)
	set(&c.Symmetry, evolve.Symmetry(s.Symmetry))
	set(&c.Plateau, s.Plateau)
	set(&c.Repeats, s.Repeats)
	set(&c.Lag, s.Lag)
	set(&c.Control, evolve.Control(s.Control))
	if err := s.checkParents(&c); err != nil {
		return c, err
	}
	if len(s.Rungs) > 0 {
		c.Rungs = s.Rungs
	}
	if len(s.Ops) > 0 {
		if err := setOps(&c.Mutator, s.Ops); err != nil {
			return c, err
		}
	}
	if len(s.Start) > 0 {
		c.Starts = nil
	}
	for _, name := range s.Start {
		text, err := start(name)
		if err != nil {
			return c, err
		}
		c.Starts = append(c.Starts, text)
	}
	return c, s.limits(&c)
}

// set takes a value that is said; a negative one says zero.
func set[T ~int | ~uint64 | ~float64 | ~string](to *T, v T) {
	var zero T
	switch {
	case v == zero:
	case v < zero:
		*to = zero
	default:
		*to = v
	}
}

// limits refuses what no rule could be within.
func (s *Spec) limits(c *evolve.Config) error {
	if c.Control == evolve.Tuning && !slices.ContainsFunc(c.Starts, hasConstant) {
		return fmt.Errorf("control %s changes constants alone, and no start has one: say start adamw", c.Control)
	}
	if err := s.checkRungs(c.Rungs); err != nil {
		return err
	}
	for _, text := range c.Starts {
		g, err := genome.Parse(text)
		if err != nil {
			return fmt.Errorf("start: %w", err)
		}
		if g.Reads(genome.X) && !slices.Contains(c.Mutator.Leaves, genome.X) {
			return fmt.Errorf("start %s reads the parameter: add x to ops, of which it is none by default", text)
		}
		if c.Symmetry == evolve.Equivariant && !g.Equivariant() {
			return fmt.Errorf("start %s: its update does not take the gradient's sign and a power of its scale: say symmetry none to search among such rules", text)
		}
		if g.Size() > c.Mutator.MaxNodes || g.States() > c.Mutator.MaxStates {
			return fmt.Errorf("start %s has %d operators and %d states, max_nodes is %d and max_state %d", text, g.Size(), g.States(), c.Mutator.MaxNodes, c.Mutator.MaxStates)
		}
	}
	return nil
}

// checkRungs refuses tasks that no search may read, that count twice, or that stand nowhere.
func (s *Spec) checkRungs(rungs [][]string) error {
	seen := map[string]bool{}
	for _, name := range slices.Concat(rungs...) {
		if seen[name] {
			return fmt.Errorf("rungs: the task %s stands there twice", name)
		}
		seen[name] = true
		if t, err := tasks.Lookup(name); err == nil && t.Set == tasks.HeldOut {
			return fmt.Errorf("rungs: the task %s is held out: no search may read it, or the last test would be worth nothing", name)
		}
	}
	for _, t := range s.Tasks {
		if err := t.standsIn(rungs); err != nil {
			return err
		}
	}
	return nil
}

// hasConstant reports whether a rule, as text, has a constant that may be another.
func hasConstant(rule string) bool {
	g, err := genome.Parse(rule)
	return err != nil || slices.ContainsFunc(g.Nodes, func(n genome.Node) bool { return n.Op.Row().Const })
}

// setOps limits the grammar.
func setOps(m *genome.Mutator, names []string) error {
	m.Leaves, m.Ops = []genome.Op{genome.G}, nil
	for _, name := range names {
		op, ok := genome.Find(name)
		switch {
		case !ok:
			return fmt.Errorf("ops: no operator %q%s", name, nearOr(name, OpNames()))
		case op == genome.X:
			m.Leaves = append(m.Leaves, op)
		case op.Row().Kind != genome.Leaf && !slices.Contains(m.Ops, op):
			m.Ops = append(m.Ops, op)
		}
	}
	if len(m.Ops) == 0 {
		return errors.New("ops: rules need at least one operator")
	}
	slices.Sort(m.Ops)
	return nil
}

// OpNames are the operators that rules may be made of, x among them.
func OpNames() []string {
	var names []string
	for _, row := range genome.Ops {
		if row.Kind != genome.Leaf || row.Name == "x" {
			names = append(names, row.Name)
		}
	}
	return names
}

// Finder finds tasks: those that are given, those of the spec, and the built-in ones.
func (s *Spec) Finder(given ...Task) (task.Finder, error) {
	find, _, err := s.tasks(given)
	return find, err
}

// tasks are the tasks of the spec file, besides those that are given, and what they are, a line each.
func (s *Spec) tasks(given []task.Task) (find task.Finder, are string, err error) {
	defer func() { err = asked(err) }()
	if len(s.Tasks) > maxList {
		return nil, "", fmt.Errorf("%d tasks: 1 to %d are possible", len(s.Tasks), maxList)
	}
	own := slices.Clone(given)
	var lines strings.Builder
	for _, t := range given {
		if t != nil {
			fmt.Fprintf(&lines, "%s: %d steps\n", t.Name(), t.Steps())
		}
	}
	for _, t := range s.Tasks {
		if err := t.check(len(s.Worker) > 0); err != nil {
			return nil, "", err
		}
		made, err := t.open(&lines)
		if err != nil {
			return nil, "", err
		}
		own = append(own, made)
	}
	find, err = task.Among(own)
	return find, lines.String(), err
}

// standsIn refuses a task that no rung names: nothing would be trained on it.
func (t TaskSpec) standsIn(rungs [][]string) error {
	if slices.Contains(slices.Concat(rungs...), t.Name) {
		return nil
	}
	return fmt.Errorf("task %s: it stands in no rung, so no rule would be tried on it: name it in rungs, or leave it out", t.Name)
}

// check refuses a task that nobody could open.
func (t TaskSpec) check(worker bool) error {
	switch {
	case t.Name == "":
		return errors.New("a task needs a name")
	case t.Steps < 0 || t.Steps > maxSteps:
		return fmt.Errorf("task %s: steps %d: 1 to %d are possible", t.Name, t.Steps, maxSteps)
	case t.Model == "" && !worker:
		return fmt.Errorf("task %s: it names no model, and there is no worker program that knows it: say model, one of %s, and data, or say worker", t.Name, strings.Join(tasks.Models(), ", "))
	case t.Model == "":
		return nil
	case !slices.Contains(tasks.Models(), t.Model):
		return fmt.Errorf("task %s: there is no model %q%s", t.Name, t.Model, nearOr(t.Model, tasks.Models()))
	case t.Data == "":
		return fmt.Errorf("task %s: its model %s needs data: say data, a file .csv or .txt or MNIST's images", t.Name, t.Model)
	}
	return nil
}

// open makes the task, and writes down what it is.
func (t TaskSpec) open(are io.Writer) (task.Task, error) {
	if t.Model == "" {
		fmt.Fprintf(are, "%s: of a worker\n", t.Name)
		return elsewhere{t}, nil
	}
	data, err := tasks.Load(t.Data)
	if err != nil {
		return nil, fmt.Errorf("task %s: data %w", t.Name, err)
	}
	digest, err := tasks.Digest(t.Data)
	if err != nil {
		return nil, fmt.Errorf("task %s: data %w", t.Name, err)
	}
	fmt.Fprintf(are, "%s: %s %v, batches of %d, %d steps, data %x\n", t.Name, t.Model, t.Widths, t.Batch, t.Steps, digest)
	made, err := tasks.New(tasks.Spec{Name: t.Name, Model: t.Model, Widths: t.Widths, BatchSize: t.Batch, Steps: t.Steps}, data)
	if err != nil {
		return nil, err
	}
	return task.Of(made), nil
}

// elsewhere is a task that a worker program knows.
type elsewhere struct{ spec TaskSpec }

func (e elsewhere) Name() string { return e.spec.Name }
func (e elsewhere) Steps() int   { return e.spec.Steps }
func (e elsewhere) Open(uint64, uint64) (task.Run, error) {
	return nil, fmt.Errorf("task %s has no model: only a worker program can run it", e.spec.Name)
}

// Budget is when a search ends.
type Budget struct {
	Time  time.Duration // of this run of the search
	CPU   time.Duration // of all processors, from the archive's beginning
	Evals int           // births evaluated, from the archive's beginning
	Runs  int           // training runs, from the archive's beginning
}

// ParseBudget reads 10m or 1h30m, a time on the clock; 10mcpu, of processors; 5000evals, of rules; or 20000runs, of training.
// All but the first count from the beginning of the archive.
func ParseBudget(text string) (b Budget, err error) {
	bad := asked(fmt.Errorf("budget %q: write a time as 10m or 2h, time of processors as 10mcpu, or evaluations as 5000evals, or training runs as 20000runs", text))
	if text == "" {
		return b, nil
	}
	for unit, to := range map[string]*int{"evals": &b.Evals, "runs": &b.Runs} {
		if n, ok := strings.CutSuffix(text, unit); ok {
			if *to, err = strconv.Atoi(n); err != nil || *to < 1 {
				return Budget{}, bad
			}
			return b, nil
		}
	}
	to := &b.Time
	t, cpu := strings.CutSuffix(text, "cpu")
	if cpu {
		to = &b.CPU
	}
	if *to, err = time.ParseDuration(t); err != nil || *to <= 0 {
		return Budget{}, bad
	}
	return b, nil
}

// WorkerCount is how many goroutines work.
func (s *Spec) WorkerCount() (int, error) {
	switch {
	case s.Workers < 0 || s.Workers > maxWorkers:
		return 0, asked(fmt.Errorf("workers %d: 1 to %d are possible", s.Workers, maxWorkers))
	case s.Workers == 0:
		return runtime.GOMAXPROCS(0), nil
	}
	return s.Workers, nil
}

const maxWorkers = 1024

// differences names the first field in which two configurations differ, with both values.
func difference(archive, said evolve.Config) string {
	a, b := reflect.ValueOf(archive), reflect.ValueOf(said)
	for i := range a.NumField() {
		if x, y := a.Field(i).Interface(), b.Field(i).Interface(); !reflect.DeepEqual(x, y) {
			return fmt.Sprintf("%s is %.200s in the archive, not %.200s", strings.ToLower(a.Type().Field(i).Name), fmt.Sprint(x), fmt.Sprint(y))
		}
	}
	return ""
}
