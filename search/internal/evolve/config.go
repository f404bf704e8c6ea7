package evolve

import (
	"fmt"

	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/work"
)

// Config is everything that a search depends on, besides the baselines of its tasks.
type Config struct {
	Seed       uint64
	Starts     []string       // genomes, as genome.Parse reads them; island i begins with Starts[i % len]
	Mutator    genome.Mutator // the grammar and its limits
	Rungs      [][]string     // tasks, the cheapest first: a rule that does well on a rung goes on to the next
	Islands    int
	Population int     // births of an island that may be parents: the last ones
	Tournament int     // parents are the best of so many
	Percentile float64 // of recent scores, in [0, 1), that a rule must reach to go on from the first rung; see Search.limits
	Migration  float64 // share of parents that come from another island
	Parsimony  float64 // what an operator costs a parent, in units of fitness
	Polish     float64 // share of births that are a good rule with another constant
	Confirm    float64 // share of births that are a good rule as it is, which is evaluated with another seed
	Omit       float64 // share of the operators that an island, but for the first, goes without until it begins anew
	Symmetry   Symmetry
	Plateau    int // births without a better rule after which an island begins anew
	Lag        int // births that may be worked on side by side
	Repeats    int // evaluations of a rule at most
	Control    Control
	Numerics   string
}

// Control is what a search is to be compared with.
type Control string

// The controls.
const (
	Evolution Control = ""       // none: a search
	Random    Control = "random" // every birth is a start with random mutations, or confirms a good one; none is a parent
	Tuning    Control = "tune"   // births change constants alone
)

// Symmetry is what rules are held to whatever they are made of.
type Symmetry string

// The symmetries.
const (
	Equivariant Symmetry = "equivariant" // see [genome.Genome.Equivariant]
	NoSymmetry  Symmetry = "none"
)

// Default is a search from gradient descent.
func Default() Config {
	return Config{
		Seed: 1, Starts: []string{"g"}, Mutator: genome.DefaultMutator(),
		Rungs:   [][]string{{"bowl", "cancer-raw"}, {"phishing", "rotated-bowl", "mpg"}, {"digits"}, {"opticks"}, {"digits-coder"}, {"digits-deep", "opticks-attention"}},
		Islands: 8, Population: 50, Tournament: 4, Percentile: 0.65, Migration: 0.002, Parsimony: 0.02, Polish: 0.1, Confirm: 0.05, Omit: 0.25, Plateau: 300,
		Lag: 64, Repeats: 8, Symmetry: Equivariant, Numerics: work.Numerics,
	}
}

func (c Config) check() error {
	if err := c.Shape(); err != nil {
		return err
	}
	switch {
	case c.Numerics != work.Numerics:
		return fmt.Errorf("the search is of the numerics %q, this program computes in %q", c.Numerics, work.Numerics)
	case max(c.Islands, c.Population, c.Tournament, c.Lag, c.Repeats) > maxParents || c.Plateau > maxPlateau:
		return fmt.Errorf("islands, population, tournament, lag and repeats are at most %d, plateau %d", maxParents, maxPlateau)
	case c.Islands < 1 || c.Population < 1 || c.Tournament < 1 || c.Plateau < 1 || c.Lag < 1 || c.Repeats < 1:
		return fmt.Errorf("islands %d, population %d, tournament %d, plateau %d, lag %d and repeats %d are at least 1",
			c.Islands, c.Population, c.Tournament, c.Plateau, c.Lag, c.Repeats)
	case int64(c.Islands)*int64(c.Population) > maxParents:
		return fmt.Errorf("islands times population are at most %d", maxParents)
	case !(c.Percentile >= 0 && c.Percentile < 1) || !(c.Migration >= 0 && c.Migration <= 1) || !(c.Polish >= 0 && c.Polish <= 1) || !(c.Parsimony >= 0 && c.Parsimony <= 1) || !(c.Confirm >= 0 && c.Confirm <= 1) || !(c.Omit >= 0 && c.Omit <= 1):
		return fmt.Errorf("percentile %v, migration %v, parsimony %v, polish %v, confirm %v and omit %v are shares", c.Percentile, c.Migration, c.Parsimony, c.Polish, c.Confirm, c.Omit)
	case c.Symmetry != Equivariant && c.Symmetry != NoSymmetry:
		return fmt.Errorf("no symmetry %q: there are %s and %s; an archive without one is of an earlier version", c.Symmetry, Equivariant, NoSymmetry)
	case c.Control != Evolution && c.Control != Random && c.Control != Tuning:
		return fmt.Errorf("no control %q: there are %s and %s", c.Control, Random, Tuning)
	}
	return c.Mutator.Check()
}

// Shape refuses what is no search at all: what whoever looks at one relies on.
func (c Config) Shape() error {
	if len(c.Starts) == 0 || len(c.Rungs) == 0 {
		return fmt.Errorf("a search needs a start and a rung of tasks")
	}
	if c.Islands < 1 || c.Islands > maxParents {
		return fmt.Errorf("islands are 1 to %d, not %d", maxParents, c.Islands)
	}
	for _, start := range c.Starts {
		if _, err := genome.Parse(start); err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	for _, rung := range c.Rungs {
		if len(rung) == 0 {
			return fmt.Errorf("a rung without a task")
		}
	}
	return nil
}

// maxParents bounds what a search keeps of its births, maxPlateau how long it waits.
const (
	maxParents = 1 << 20
	maxPlateau = 1 << 30
)
