package search

import (
	"fmt"
	"slices"

	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/genome"
)

// Against is the spec of a control of the search in an archive: s.Control says which, it takes so many times the search's time
// of processors, and all else is as the search has it. Tuning begins with AdamW. Training runs would be no measure: those of rules
// that do not get far are the cheap ones. They are taken only where a worker program does them.
func (s Spec) Against(path string, times int) (Spec, error) {
	a, err := archive.Read(path)
	if err != nil {
		return s, err
	}
	defer a.Close()
	c, _, err := a.Config()
	if err != nil {
		return s, err
	}
	s = s.like(c)
	if s.Control == string(evolve.Tuning) {
		s.Start = []string{"adamw"}
	}
	if len(s.Worker) > 0 { // whose time is not known
		runs := 0
		results, failed := a.Results()
		for _, r := range results {
			runs += r.Runs
		}
		s.Budget = fmt.Sprintf("%druns", runs*times)
		return s, *failed
	}
	cpu, err := a.CPU(a.Births())
	if err == nil && cpu == 0 {
		err = fmt.Errorf("%s: nothing has been searched yet", path)
	}
	s.Budget = fmt.Sprintf("%gscpu", cpu*float64(times))
	return s, err
}

// like is a spec that says all that a configuration does, but for the control.
func (s Spec) like(c evolve.Config) Spec {
	s.Seed, s.Start, s.Rungs, s.MaxNodes, s.MaxState = c.Seed, c.Starts, c.Rungs, c.Mutator.MaxNodes, orNone(c.Mutator.MaxStates)
	s.Ops = nil
	for _, op := range slices.Concat(c.Mutator.Leaves, c.Mutator.Ops) {
		if op != genome.G {
			s.Ops = append(s.Ops, op.String())
		}
	}
	s.Islands, s.Population, s.Tournament, s.Percentile, s.Plateau, s.Repeats, s.Lag = c.Islands, c.Population, c.Tournament, orNone(c.Percentile), c.Plateau, c.Repeats, c.Lag
	s.Migration, s.Parsimony, s.Polish, s.Confirm, s.Omit = orNone(c.Migration), orNone(c.Parsimony), orNone(c.Polish), orNone(c.Confirm), orNone(c.Omit)
	s.Symmetry = string(c.Symmetry)
	return s
}

// orNone says zero as a spec does.
func orNone[T int | float64](v T) T {
	if v == 0 {
		return -1
	}
	return v
}
