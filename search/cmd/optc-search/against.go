package main

import (
	"fmt"
	"slices"

	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

// against runs a control with the spec of a search and a multiple of its training runs, and says who has the better rule.
func (cmd *runCmd) against(c *console, s search.Spec) error {
	if s.Control == "" || cmd.Times < 1 {
		return usagef("--against needs --control random or tune, and --times of at least 1")
	}
	of := fileArg{cmd.Against}
	found, err := of.openRead()
	if err != nil {
		return err
	}
	defer found.archive.Close()
	pick, err := found.rule("")
	if err != nil {
		return err
	}
	find, err := s.Finder()
	if err != nil {
		return err
	}
	for _, name := range found.tasks() {
		if _, err := find(name); err != nil {
			return fmt.Errorf("%w: give the tasks of the search with --spec", err)
		}
	}
	s = like(found.config, s)
	if s.Control == string(evolve.Tuning) {
		s.Start = []string{"adamw"}
	}
	runs := 0
	results, failed := found.archive.Results()
	for _, r := range results {
		runs += r.Runs
	}
	if *failed != nil {
		return *failed
	}
	s.Budget = fmt.Sprintf("%druns", runs*cmd.Times)
	control, err := cmd.search(c, s)
	if err != nil || c.ctx.Err() != nil {
		return err
	}
	other, err := (&opened{Result: control}).rule("")
	if err != nil {
		return err
	}
	return compare(c, find, found, pick, other, s.Control)
}

// like is a spec that says all that a configuration does, but for the control.
func like(c evolve.Config, s search.Spec) search.Spec {
	s.Seed, s.Start, s.Rungs, s.MaxNodes, s.MaxState = c.Seed, c.Starts, c.Rungs, c.Mutator.MaxNodes, orNone(c.Mutator.MaxStates)
	s.Ops = nil
	for _, op := range slices.Concat(c.Mutator.Leaves, c.Mutator.Ops) {
		if op != genome.G {
			s.Ops = append(s.Ops, op.String())
		}
	}
	s.Islands, s.Population, s.Tournament, s.Percentile, s.Plateau, s.Repeats, s.Lag = c.Islands, c.Population, c.Tournament, c.Percentile, c.Plateau, c.Repeats, c.Lag
	s.Migration, s.Parsimony, s.Polish = orNone(c.Migration), orNone(c.Parsimony), orNone(c.Polish)
	return s
}

// orNone says zero as a spec does.
func orNone[T int | float64](v T) T {
	if v == 0 {
		return -1
	}
	return v
}

// freshSeeds is how many seeds, that no search uses, tell which of two rules is better.
const freshSeeds = 10

// compare runs two rules with fresh seeds on all tasks, with the learning rates of the bracket of the first.
func compare(c *console, find task.Finder, o *opened, of, than *search.Rule, control string) error {
	run := func(i work.Item) (work.Outcome, error) {
		if err := c.ctx.Err(); err != nil {
			return work.Outcome{}, err
		}
		return work.Run(i, find)
	}
	var totals [2]float64
	fmt.Fprintf(c.out, "%-20s %10s %10s\n", "task, fresh seeds", "search", control)
	var scores [2][]float64
	for _, name := range slices.Concat(o.config.Rungs...) {
		for i, r := range []*search.Rule{of, than} {
			mean, err := score(run, r.Encoded, name, o.base[name])
			if err != nil {
				return err
			}
			scores[i] = append(scores[i], mean)
		}
		n := len(scores[0]) - 1
		fmt.Fprintf(c.out, "%-20s %+10.2f %+10.2f\n", name, scores[0][n], scores[1][n])
	}
	for i := range totals {
		totals[i] = fitness.Total(scores[i])
	}
	winner := "the search"
	if totals[1] >= totals[0] {
		winner = "the control, " + control
	}
	_, err := fmt.Fprintf(c.out, "%-20s %+10.2f %+10.2f\n\nThe winner is %s.\n", "fitness", totals[0], totals[1], winner)
	return err
}

// score is the mean score of a rule on a task with fresh seeds, its learning rate tuned with another one.
func score(run fitness.Runner, rule, name string, base fitness.Baseline) (float64, error) {
	item := work.Item{Rule: rule, Task: name, Seed: fitness.Seeds + 1, Decay: base.Decay, Numerics: work.Numerics}
	tuned, err := fitness.Tune(run, item, base, 0)
	if err != nil || tuned.LR == 0 {
		return fitness.Worst, err
	}
	item.LR = tuned.LR
	adamw := work.Item{Rule: base.Rule, Task: name, LR: base.LR, Decay: base.Decay, Numerics: work.Numerics}
	mean := 0.0
	for i := range freshSeeds {
		item.Seed = uint64(fitness.Seeds + 2 + i)
		adamw.Seed = item.Seed
		out, err := run(item)
		if err != nil {
			return 0, err
		}
		than, err := run(adamw)
		if err != nil {
			return 0, err
		}
		mean += base.ScoreOf(fitness.Loss(out), fitness.Loss(than)) / freshSeeds
	}
	return mean, nil
}
