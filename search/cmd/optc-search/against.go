package main

import (
	"fmt"
	"slices"

	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

// against runs a control with the spec of a search and a multiple of its time of processors, and says who has the better rule.
func (cmd *runCmd) against(c *console, s search.Spec) error {
	if s.Control == "" {
		return usagef("--against needs --control random or tune")
	}
	times := 4
	if cmd.Times != nil {
		times = *cmd.Times
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
	if s, err = s.Against(cmd.Against, times); err != nil {
		return err
	}
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
			mean, err := fitness.Fresh(run, r.Encoded, o.base[name])
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
