package search

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/read"
	"github.com/optc-lang/optc/search/task"
	"github.com/optc-lang/optc/tasks"
)

// Spec says what to search, and how. Everything has a default, which its zero value stands for.
//
// What the births of a search follow from belongs to its archive: going on with an archive, a Spec may leave it out or must
// say the same again.
type Spec struct {
	Seed       uint64     `toml:"seed"`
	Start      []string   `toml:"start"`      // empty, sgd, adamw, lion, a rule as the archive prints it, or FILE.opt or FILE.opt:RULE; an island each in turn; sgd by default
	Ops        []string   `toml:"ops"`        // operators that rules are made of; all but x by default, which is the parameter itself
	MaxNodes   int        `toml:"max_nodes"`  // operators of a rule at most
	MaxState   int        `toml:"max_state"`  // values an element that a rule keeps at most; negative: none
	Rungs      [][]string `toml:"rungs"`      // tasks, the cheapest first: a rule that does well on a rung goes on to the next
	Islands    int        `toml:"islands"`    // populations side by side
	Population int        `toml:"population"` // births of an island that may be parents
	Tournament int        `toml:"tournament"` // a parent is the best of so many
	Percentile float64    `toml:"percentile"` // of recent scores on a rung that a rule must reach to go on
	Migration  float64    `toml:"migration"`  // share of parents from another island; negative: none
	Parsimony  float64    `toml:"parsimony"`  // fitness that an operator costs a parent; negative: none
	Polish     float64    `toml:"polish"`     // share of births that only change a constant; negative: none
	Confirm    float64    `toml:"confirm"`    // share of births that evaluate a good rule once more, with another seed; negative: none
	Omit       float64    `toml:"omit"`       // share of the operators that an island goes without until it begins anew, all but the first; negative: none
	Plateau    int        `toml:"plateau"`    // births of an island without a better rule after which it begins anew
	Repeats    int        `toml:"repeats"`    // evaluations, with a seed each, of a rule that is born again and again
	Lag        int        `toml:"lag"`        // births that may be worked on side by side
	Symmetry   string     `toml:"symmetry"`   // equivariant, by default: rules whose update takes the gradient's sign and a power of its scale; none: any rule
	Control    string     `toml:"control"`    // random: selects nothing; tune: changes constants alone

	Archive string     `toml:"archive"` // the file
	Budget  string     `toml:"budget"`  // see ParseBudget; until it is stopped by default
	Workers int        `toml:"workers"` // goroutines; as many as there are processors by default
	Worker  []string   `toml:"worker"`  // a program with its arguments that does the training runs; see package work's protocol
	Tasks   []TaskSpec `toml:"task"`    // further tasks

	// Progress is told how the search goes, about twice a second.
	Progress func(Progress) `toml:"-"`
	// Evaluated is told of each evaluation: the birth, the time of processors until then, and the rule with all that is
	// known of it. Of evaluations that come from the archive it is told the time of the next commit.
	Evaluated func(birth int, cpu time.Duration, r Rule) `toml:"-"`
}

// TaskSpec is a task of one's own data with a model of package tasks.
type TaskSpec struct {
	Name   string `toml:"name"`
	Model  string `toml:"model"`  // of tasks.Models; empty for a task that only the worker knows
	Widths []int  `toml:"widths"` // the model's extents
	Data   string `toml:"data"`   // a file as tasks.Load reads it; beside the spec file if not absolute
	Batch  int    `toml:"batch"`
	Steps  int    `toml:"steps"`
}

// ReadSpec reads a spec file, in TOML with the names of [Spec]'s fields.
func ReadSpec(path string) (Spec, error) {
	var s Spec
	text, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	meta, err := toml.Decode(string(text), &s)
	if err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	if s.Seed > math.MaxInt64 { // a negative number wraps
		return s, fmt.Errorf("%s: seed: numbers from 0 to %d are possible", path, int64(math.MaxInt64))
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return s, fmt.Errorf("%s: nothing is called %q in a spec", path, unknown[0])
	}
	for i := range s.Tasks {
		if d := &s.Tasks[i].Data; *d != "" && !filepath.IsAbs(*d) {
			*d = filepath.Join(filepath.Dir(path), *d)
		}
	}
	for i, start := range s.Start {
		if file, _, ok := ruleFile(start); ok && !filepath.IsAbs(file) {
			s.Start[i] = filepath.Join(filepath.Dir(path), start)
		}
	}
	if len(s.Tasks) > 0 && len(s.Rungs) == 0 {
		for _, t := range s.Tasks {
			s.Rungs = append(s.Rungs, []string{t.Name})
		}
	}
	return s, nil
}

// over is a configuration with what the spec says in place of what was there.
func (s *Spec) over(c evolve.Config) (evolve.Config, error) {
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
	if n := c.Mutator.MaxNodes; n < 1 || n > genome.MaxNodes {
		return fmt.Errorf("max_nodes %d: 1 to %d are possible", n, genome.MaxNodes)
	}
	if n := c.Mutator.MaxStates; n > genome.MaxNodes {
		return fmt.Errorf("max_state %d: at most %d are possible", n, genome.MaxNodes)
	}
	if c.Control == evolve.Tuning && !slices.ContainsFunc(c.Starts, hasConstant) {
		return fmt.Errorf("control %s changes constants alone, and no start has one: say start adamw", c.Control)
	}
	seen := map[string]bool{}
	for _, name := range slices.Concat(c.Rungs...) {
		if seen[name] {
			return fmt.Errorf("rungs: the task %s stands there twice", name)
		}
		seen[name] = true
		if t, err := tasks.Lookup(name); err == nil && t.Set == tasks.HeldOut {
			return fmt.Errorf("rungs: the task %s is held out: no search may read it, or the last test would be worth nothing", name)
		}
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
			return fmt.Errorf("ops: no operator %q; there are %s", name, strings.Join(OpNames(), ", "))
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

// start is the rule that a search begins with, as text.
func start(name string) (string, error) {
	if file, rule, ok := ruleFile(name); ok {
		return startOf(file, rule)
	}
	if rule, ok := strings.CutPrefix(name, "std/"); ok {
		r, err := read.Library(rule)
		if err != nil {
			return "", fmt.Errorf("start: %w", err)
		}
		return r.Genome.String(), nil
	}
	if g, err := genome.Start(name); err == nil {
		return g.String(), nil
	}
	g, err := genome.Parse(name)
	if err != nil {
		_, unknown := genome.Start(name)
		return "", fmt.Errorf("start: %w, a file FILE.opt, or a rule over g: %w", unknown, err)
	}
	return g.String(), nil
}

// ruleFile takes FILE.opt or FILE.opt:RULE apart.
func ruleFile(name string) (file, rule string, ok bool) {
	i := strings.LastIndex(name, ".opt")
	if i < 0 {
		return "", "", false
	}
	file = name[:i+len(".opt")]
	rule, colon := strings.CutPrefix(name[len(file):], ":")
	return file, rule, rule == "" || colon
}

// startOf is the rule of a file, or its only one.
func startOf(file, rule string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("start: %w", err)
	}
	r, err := read.Text(filepath.Base(file), text, rule)
	if err != nil {
		return "", fmt.Errorf("start: %w", err)
	}
	return r.Genome.String(), nil
}

// Finder finds tasks: those that are given, those of the spec, and the built-in ones.
func (s *Spec) Finder(given ...Task) (task.Finder, error) {
	find, _, err := s.tasks(given)
	return find, err
}

// tasks are the tasks of the spec file, besides those that are given, and what they are, a line each.
func (s *Spec) tasks(given []task.Task) (find task.Finder, are string, err error) {
	own := slices.Clone(given)
	var lines strings.Builder
	for _, t := range given {
		if t != nil {
			fmt.Fprintf(&lines, "%s: %d steps\n", t.Name(), t.Steps())
		}
	}
	for _, t := range s.Tasks {
		made, err := t.open(&lines)
		if err != nil {
			return nil, "", err
		}
		own = append(own, made)
	}
	find, err = task.Among(own)
	return find, lines.String(), err
}

// open makes the task, and writes down what it is.
func (t TaskSpec) open(are io.Writer) (task.Task, error) {
	if t.Model == "" {
		fmt.Fprintf(are, "%s: of a worker\n", t.Name)
		return elsewhere{t}, nil
	}
	bytes, err := os.ReadFile(t.Data)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", t.Name, err)
	}
	fmt.Fprintf(are, "%s: %s %v, batches of %d, %d steps, data %x\n", t.Name, t.Model, t.Widths, t.Batch, t.Steps, sha256.Sum256(bytes))
	data, err := tasks.Load(t.Data)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", t.Name, err)
	}
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
	bad := fmt.Errorf("budget %q: write a time as 10m or 2h, time of processors as 10mcpu, or evaluations as 5000evals, or training runs as 20000runs", text)
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
		return 0, fmt.Errorf("workers %d: 1 to %d are possible", s.Workers, maxWorkers)
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
			return fmt.Sprintf("%s is %v in the archive, not %v", strings.ToLower(a.Type().Field(i).Name), x, y)
		}
	}
	return ""
}
