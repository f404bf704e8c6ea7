// Package simplify takes from a rule what it does not need, and tells what the rest is worth.
//
// In come a genome, tasks with their baselines and a pool to train with; out come a shorter genome, the changes that led there,
// and for each node that is left the loss of doing without it ([Run]). Genomes may be ranked on larger forms of the tasks
// ([Funnel], [Lookup]). A change stays if the losses of the same tasks and seeds, the learning rate tuned anew, differ by less
// than a standard error. The result depends on the input alone, whatever the number of workers; whoever is broken off begins
// again with the same cache. The package knows no task that is held out.
package simplify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/pool"
)

// Task is a task to compare rules on.
type Task struct {
	Name string
	Base fitness.Baseline // of AdamW on it
	Turn int              // where brackets start: see fitness.Tuned
}

// Config is what is to be simplified, and by what.
type Config struct {
	Genome genome.Genome
	Tasks  []Task // the cheapest first: changes that are clearly for the worse are given up early
	Seeds  int    // runs on each task, at least 2
	First  uint64 // seed of the first; the others follow
}

// Default compares with five seeds that no search has used.
func Default(g genome.Genome, tasks []Task) Config {
	return Config{Genome: g, Tasks: tasks, Seeds: 5, First: 1001}
}

// TasksOf lists tasks with their baselines. Brackets start at the turns of an evaluation, those beyond its end at 0.
func TasksOf(names []string, turns []int, base map[string]fitness.Baseline) ([]Task, error) {
	var out []Task
	for i, name := range names {
		b, ok := base[name]
		if !ok {
			return nil, fmt.Errorf("no baseline of the task %q", name)
		}
		t := Task{Name: name, Base: b}
		if i < len(turns) {
			t.Turn = turns[i]
		}
		out = append(out, t)
	}
	return out, nil
}

// Result is a rule simplified.
type Result struct {
	Original, Genome genome.Genome // canonical
	Steps            []Step
	Against          Difference // from the original
	Parts            []Part     // in the order of the nodes
	Turns            []int      // by task: where the bracket with the first seed ended
	LRs              []float64  // by task: its learning rate, 0 where the rule trains nothing
	Runs             int        // training runs, those that a cache had included
}

// Step is a change that stayed.
type Step struct {
	Text, With string     // what of the rule before it, and what has taken its place
	Rule       string     // the rule after it
	Against    Difference // from the rule before it
}

// Part is a node of the result, and what it is worth.
type Part struct {
	Text string
	With string // what may best take its place; empty if nothing may
	Rule string // the rule with that
	Loss Difference
}

// Run simplifies.
func Run(ctx context.Context, p *pool.Pool, c Config) (Result, error) {
	s := simplifier{evaluator: evaluator{Config: c, pool: p, turns: make([]int, len(c.Tasks)), known: map[genome.Key]*evaluation{}}}
	form, err := s.form()
	if err != nil {
		return Result{}, err
	}
	for t, task := range c.Tasks {
		s.turns[t] = task.Turn
	}
	if err := s.start(ctx, form); err != nil {
		return Result{}, err
	}
	s.original = s.of(form)
	if err := s.complete(ctx, "the rule", []*evaluation{s.original}, nil); err != nil {
		return Result{}, err
	}
	if !s.original.trains() {
		return Result{}, fmt.Errorf("%s diverges on every task: there is nothing to simplify", form.Encode())
	}
	return s.run(ctx)
}

// form is the canonical form of the rule, if the input is sound.
func (s *simplifier) form() (genome.Genome, error) {
	if err := s.Config.check(); err != nil {
		return genome.Genome{}, err
	}
	if err := s.Genome.Check(); err != nil {
		return genome.Genome{}, err
	}
	form := s.Genome.Canonical()
	print, err := s.taker.Take(form)
	if err == nil && print.Dull != "" {
		err = errors.New(print.Dull)
	}
	if err != nil {
		return form, fmt.Errorf("%s cannot be simplified: %w", s.Genome.Encode(), err)
	}
	return form, nil
}

// mostSeeds bounds the runs on a task.
const mostSeeds = 1000

func (c Config) check() error {
	if len(c.Tasks) == 0 {
		return errors.New("there are no tasks to simplify by")
	}
	if c.Seeds < 2 || c.Seeds > mostSeeds {
		return fmt.Errorf("%d seeds: 2 to %d tell a standard error", c.Seeds, mostSeeds)
	}
	return checkTasks(c.Tasks)
}

func checkTasks(tasks []Task) error {
	names := map[string]bool{}
	for _, t := range tasks {
		b := t.Base
		if !positive(b.LR) || !positive(b.Size) || !positive(b.Deviation) {
			return fmt.Errorf("task %q: its baseline has the learning rate %v, updates of %v and a deviation of %v, not all of which are positive and finite",
				t.Name, b.LR, b.Size, b.Deviation)
		}
		if !(b.Decay >= 0 && b.Decay < math.Inf(1)) || t.Turn < -mostTurn || t.Turn > mostTurn {
			return fmt.Errorf("task %q: a decay of %v, a turn of %d", t.Name, b.Decay, t.Turn)
		}
		if t.Name == "" || names[t.Name] {
			return fmt.Errorf("task %q stands there twice, or has no name", t.Name)
		}
		names[t.Name] = true
	}
	return nil
}

func positive(v float64) bool { return v > 0 && v < math.Inf(1) }

// mostTurn bounds learning rates to what float64 holds.
const mostTurn = 100

// simplifier simplifies one rule.
type simplifier struct {
	evaluator
	changer
	original *evaluation
}

func (s *simplifier) run(ctx context.Context) (Result, error) {
	result := Result{Original: s.original.form}
	now := s.original
	for {
		next, step, err := s.shorten(ctx, len(result.Steps)+1, now)
		if err != nil {
			return Result{}, err
		}
		if next == nil {
			break
		}
		result.Steps = append(result.Steps, step)
		now = next
	}
	var err error
	if result.Parts, err = s.parts(ctx, now); err != nil {
		return Result{}, err
	}
	result.Genome, result.Against, result.Runs = now.form, s.compare(now, s.original), s.count
	for _, tuned := range now.tuned {
		result.Turns, result.LRs = append(result.Turns, tuned[0].Turn), append(result.LRs, tuned[0].LR)
	}
	return result, nil
}

// shorten makes the change that shortens a rule most of those that change its losses by less than a standard error, from what
// they are and from what they were at first; of several as short, the one with the least loss.
func (s *simplifier) shorten(ctx context.Context, round int, now *evaluation) (*evaluation, Step, error) {
	for _, group := range s.groups(now.form) {
		var all []*evaluation
		for _, c := range group {
			all = append(all, s.of(c.form))
		}
		what := fmt.Sprintf("step %d, length %d: %d rules of length %d", round, length(now.form), len(group), length(group[0].form))
		if err := s.complete(ctx, what, all, now); err != nil {
			return nil, Step{}, err
		}
		var best *evaluation
		var step Step
		for i, e := range all {
			if !s.isComplete(e) || !s.compare(e, s.original).none() {
				continue
			}
			if d := s.compare(e, now); d.none() && (best == nil || d.Mean < step.Against.Mean) {
				best, step = e, Step{text(now.form, group[i].node), group[i].with, e.form.Encode(), d}
			}
		}
		if best != nil {
			return best, step, nil
		}
	}
	return nil, Step{}, nil
}

// groups are the changes that make a rule shorter, or its constants, by length, the shortest first. Each form is there once.
func (s *simplifier) groups(g genome.Genome) [][]change {
	var all []change
	for node := range g.Nodes {
		for _, c := range append(s.knockouts(g, node), s.roundings(g, node)...) {
			if cmp.Or(cmp.Compare(length(c.form), length(g)), cmp.Compare(allDigits(c.form), allDigits(g))) < 0 {
				all = append(all, c)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b change) int {
		return cmp.Or(cmp.Compare(length(a.form), length(b.form)), genome.Compare(a.form, b.form))
	})
	all = slices.CompactFunc(all, func(a, b change) bool { return genome.Compare(a.form, b.form) == 0 })
	var groups [][]change
	for i, c := range all {
		if i == 0 || length(c.form) != length(all[i-1].form) {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], c)
	}
	return groups
}

// parts tells what each node is worth.
func (s *simplifier) parts(ctx context.Context, now *evaluation) ([]Part, error) {
	g := now.form
	changes := make([][]change, len(g.Nodes))
	var all []*evaluation
	known := map[*evaluation]bool{}
	for node := range g.Nodes {
		changes[node] = s.knockouts(g, node)
		for _, c := range changes[node] {
			if e := s.of(c.form); !known[e] {
				known[e] = true
				all = append(all, e)
			}
		}
	}
	if err := s.complete(ctx, fmt.Sprintf("%d rules without a part", len(all)), all, nil); err != nil {
		return nil, err
	}
	var parts []Part
	for node := range g.Nodes {
		if op := g.Nodes[node].Op; op != genome.G && op != genome.X {
			parts = append(parts, s.part(now, node, changes[node]))
		}
	}
	return parts, nil
}

// part is what a node is worth: what the best of the changes loses.
func (s *simplifier) part(now *evaluation, node int, changes []change) Part {
	part := Part{Text: text(now.form, node)}
	for _, c := range changes {
		if d := s.compare(s.of(c.form), now); part.With == "" || d.Mean < part.Loss.Mean {
			part.With, part.Rule, part.Loss = c.with, c.form.Encode(), d
		}
	}
	return part
}
