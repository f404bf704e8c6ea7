package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/evolve"
)

// chained is how many chains of mutations that nobody selects come to a rule. It says how near to the start the rule lies in the
// grammar, and so what its discovery is worth.
type chained struct {
	Name    string
	Length  int // of a chain, in births: the median of the seeds that have found the rule
	Chains  int
	Reached int // chains that end with the rule
	Passed  int // that come through it
}

func (c *chained) fields() []any {
	return []any{&c.Name, &c.Length, &c.Chains, &c.Reached, &c.Passed}
}
func (c *chained) key() (string, uint64) { return c.Name, uint64(c.Length) }
func (*chained) columns() []string {
	return []string{"experiment", "births of a chain", "chains", "end with the rule", "come through it"}
}

// chain counts chains of an experiment's mutations.
func (e *experiment) chain(ctx context.Context, done []result, workdir string, chains int) (chained, error) {
	c := chained{Name: e.name, Chains: chains}
	var lengths []int
	var config evolve.Config
	for _, r := range done {
		if r.Name != e.name || r.Found.Birth < 0 {
			continue
		}
		var n int
		var err error
		if config, n, err = lineage(filepath.Join(workdir, fmt.Sprintf("%s-%d.db", e.name, r.Seed)), r.Found.Birth); err != nil {
			return c, err
		}
		lengths = append(lengths, n)
	}
	if len(lengths) == 0 {
		return c, fmt.Errorf("%s: no seed has found the rule", e.name)
	}
	slices.Sort(lengths)
	c.Length = lengths[len(lengths)/2]
	for i := range chains {
		if ctx.Err() != nil {
			return c, ctx.Err()
		}
		is := false
		passed := false
		for g := range evolve.Chain(config, c.Length, rand.New(rand.NewPCG(1, uint64(i)))) {
			is = isOne(e.Find, g)
			passed = passed || is
		}
		if passed {
			c.Passed++
		}
		if is {
			c.Reached++
		}
	}
	return c, nil
}

// lineage is how many births lie between a start and a birth, and what the search was.
func lineage(path string, birth int) (evolve.Config, int, error) {
	a, err := archive.Read(path)
	if err != nil {
		return evolve.Config{}, 0, err
	}
	defer a.Close()
	c, _, err := a.Config()
	if err != nil {
		return c, 0, err
	}
	line, err := a.Lineage(birth)
	return c, len(line) - 1, err
}

// tabulateChains prints what unselected chains come to.
func tabulateChains(w io.Writer, all []experiment, done []chained) {
	fmt.Fprintln(w, "\n| experiment | rule | begun with | operators | births of a chain | chains | end with the rule | come through it |\n| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |")
	for _, e := range all {
		for _, c := range done {
			if c.Name == e.name {
				ops := len(e.Spec.Ops)
				if ops == 0 {
					ops = len(search.OpNames()) - 1 // all but x
				}
				fmt.Fprintf(w, "| %s | %s | %v | %d | %d | %d | %d | %d |\n", e.Title, e.Find, e.Spec.Start, ops, c.Length, c.Chains, c.Reached, c.Passed)
			}
		}
	}
}
