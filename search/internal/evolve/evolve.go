// Package evolve is the search itself: ageing evolution on islands, with rungs of tasks of rising cost.
//
// In come a [Config] and what earlier runs of the same search have settled; out come births, one after another, each with
// its result. Birth i depends on the seed and on births up to i-Lag alone, whose results are all known by then, and random
// numbers are a hash of seed and birth. So births may be worked on side by side by any number of workers, in any order,
// and a search that is broken off goes on as if it had not been: the sequence is the same, and a longer search begins with
// a shorter one. The package opens no file, draws nothing and knows no time.
package evolve

import (
	"fmt"
	"slices"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/seen"
)

// Birth is a member of the population, and what came of it.
type Birth struct {
	Index  int
	Island int
	Parent int    // the birth that it is a mutant of, -1 for a start
	Genome string // as genome.Decode reads it, with what nothing reads
	Form   genome.Key
	Result Result
}

// Result is an evaluation of a form. That of a birth that needed none has no scores.
type Result struct {
	Rule   string    // the form as text
	Seed   uint64    // of the runs
	Scores []float64 // by task, in the order of the rungs, as far as it got
	Turns  []int     // by task: its learning rate, in half decades from AdamW's length of steps
	LRs    []float64 // by task
	Runs   int       // training runs
}

// Job is the evaluation of a birth.
type Job struct {
	Birth     Birth
	Limits    []float64 // by rung: the total that a form must reach to go on
	Evaluated *Form     // an earlier evaluation, whose learning rates are taken; nil for the first
	None      bool      // it needs none
}

// Search is a search under way. It belongs to one goroutine.
type Search struct {
	config  Config
	base    map[string]fitness.Baseline
	starts  []genome.Genome
	births  []member // proposed, and settled up to settled: the last ones, from the birth oldest on
	oldest  int
	settled int
	forms   map[genome.Key]*Form
	prints  map[genome.Key]genome.Key // the form of a fingerprint
	dull    map[genome.Key]bool       // forms that cannot train; a memory, which may forget
	most    int                       // forms that are remembered
	taker   seen.Taker
	taken   struct { // the fingerprint that was taken last, and of which form
		key   genome.Key
		print seen.Fingerprint
	}
	rungs   [][]float64 // by rung: totals in the order of births
	limit   []float64   // what limits returns, nil when it has to be found anew
	islands []island
	begun   int // the island that began anew with the last settled birth, or -1
	count   Count
}

// member is a birth that may be a parent.
type member struct {
	Birth
	genome genome.Genome // what Birth.Genome says
}

// Count says what became of births.
type Count struct {
	Dull      int // candidates thrown away since they cannot train or lack the symmetry
	Known     int // births of a form that needed no evaluation
	Evaluated int // births that were evaluated
	Barren    int // births since one was evaluated
	Forms     int
	Runs      int   // training runs
	Restarts  int   // of islands
	Reached   []int // by rung: forms that were run on it
}

// New begins a search on tasks whose baselines are given.
func New(c Config, base map[string]fitness.Baseline) (*Search, error) {
	s := &Search{config: c, base: base, begun: -1, most: maxForms, forms: map[genome.Key]*Form{}, prints: map[genome.Key]genome.Key{}, dull: map[genome.Key]bool{},
		rungs: make([][]float64, len(c.Rungs))}
	if err := c.check(); err != nil {
		return nil, err
	}
	for _, rung := range c.Rungs {
		for _, task := range rung {
			if _, ok := s.base[task]; !ok {
				return nil, fmt.Errorf("no baseline of the task %q", task)
			}
		}
	}
	for _, text := range c.Starts {
		g, err := genome.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("start: %w", err)
		}
		s.starts = append(s.starts, g)
	}
	s.islands, s.count.Reached = make([]island, c.Islands), make([]int, len(c.Rungs))
	for i := range s.islands {
		s.begin(i, 0, 0, 0)
	}
	return s, nil
}

// at is a birth that is still remembered.
func (s *Search) at(i int) *member { return &s.births[i-s.oldest] }

// Len is the number of births proposed.
func (s *Search) Len() int { return s.oldest + len(s.births) }

// Count says what became of the births that are settled.
func (s *Search) Count() Count {
	n := s.count
	n.Reached = slices.Clone(n.Reached)
	return n
}

// Limits are the totals that forms must reach on each rung to go on now.
func (s *Search) Limits() []float64 { return slices.Clone(s.limits()) }

// Form is what is known of a form.
func (s *Search) Form(k genome.Key) *Form { return s.forms[k] }

// Forms are all forms that have been evaluated, in no order.
func (s *Search) Forms() []*Form {
	var all []*Form
	for _, f := range s.forms {
		if f.Count > 0 {
			all = append(all, f)
		}
	}
	return all
}
