package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/work"
)

// controlled is what came of a search beside its controls. Fitness is with seeds that no search uses, of the rule that each
// picks, and of AdamW with its usual constants.
type controlled struct {
	Name                        string
	Seed                        uint64
	Said, Bound                 float64 // of the search's pick with the seeds of the search
	SaidAdamW                   float64
	Search, Random, Tune, AdamW float64
	CPU                         float64 // of the search
	Runs                        int     // of the search
	Numerics                    string
	Digests                     [3]string
	Picks                       [3]string
}

func (r *controlled) fields() []any {
	return []any{&r.Name, &r.Seed, &r.Said, &r.Bound, &r.SaidAdamW, &r.Search, &r.Random, &r.Tune, &r.AdamW, &r.CPU, &r.Runs, &r.Numerics,
		&r.Digests[0], &r.Digests[1], &r.Digests[2], &r.Picks[0], &r.Picks[1], &r.Picks[2]}
}

func (r *controlled) key() (string, uint64) { return r.Name, r.Seed }

func (*controlled) columns() []string {
	return []string{"experiment", "seed", "fitness of the pick", "bound of the pick", "fitness of AdamW", "fresh: search", "fresh: random", "fresh: tune", "fresh: AdamW", "CPU s", "runs", "numerics",
		"digest", "digest of random", "digest of tune", "pick", "pick of random", "pick of tune"}
}

// controlled searches, does the controls for that many times its time, and compares what they pick.
func (e *experiment) controlled(ctx context.Context, seed uint64, workdir string) (controlled, error) {
	r := controlled{Name: e.name, Seed: seed, Numerics: work.Numerics}
	file := func(control string) string {
		return filepath.Join(workdir, fmt.Sprintf("%s%s-%d.db", e.name, control, seed))
	}
	spec := e.Spec
	spec.Seed, spec.Archive, spec.Progress = seed, file(""), told(fmt.Sprintf("%s %d", e.name, seed))
	var encoded [3]string
	for i, control := range []evolve.Control{evolve.Evolution, evolve.Random, evolve.Tuning} {
		if i > 0 {
			var err error
			spec = search.Spec{Control: string(control), Archive: file("-" + string(control)), Workers: e.Spec.Workers, Progress: told(fmt.Sprintf("%s %d %s", e.name, seed, control))}
			if spec, err = spec.Against(file(""), e.Times); err != nil {
				return r, err
			}
		}
		found, err := search.Run(ctx, spec)
		if err != nil {
			return r, err
		}
		if ctx.Err() != nil {
			return r, errors.New("broken off: the same command goes on")
		}
		best := found.Rules[slices.IndexFunc(found.Rules, func(r search.Rule) bool { return r.Pick })]
		r.Digests[i], r.Picks[i], encoded[i] = found.Digest, best.Formula, best.Encoded
		if i == 0 {
			r.Said, r.Bound = best.Mean, best.Bound
		}
	}
	if err := r.measure(file(""), encoded); err != nil {
		return r, err
	}
	return r, nil
}

// measure finds what the search took, and the fitness of picks.
func (r *controlled) measure(path string, picks [3]string) error {
	a, err := archive.Read(path)
	if err != nil {
		return err
	}
	defer a.Close()
	if r.CPU, err = a.CPU(a.Births()); err != nil {
		return err
	}
	results, failed := a.Results()
	for _, result := range results {
		r.Runs += result.Runs
	}
	if *failed != nil {
		return *failed
	}
	return r.compare(path, picks)
}

// compare finds the fitness of picks with fresh seeds.
func (r *controlled) compare(path string, picks [3]string) error {
	s, err := openSeeds(path)
	if err != nil {
		return err
	}
	for i, to := range []*float64{&r.Search, &r.Random, &r.Tune} {
		if *to, err = s.fresh(picks[i]); err != nil {
			return err
		}
	}
	r.SaidAdamW, r.AdamW, err = s.adamw()
	return err
}

// tabulateControls prints the searches beside their controls.
func tabulateControls(w io.Writer, all []experiment, done []controlled) {
	for _, e := range all {
		if e.Times == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s: %s\n\n| seed | fitness said | bound said | fresh: search | random, %d times | tuning, %d times | AdamW | lead lost | of the bound's lead | rule |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n",
			e.Title, e.Must, e.Times, e.Times)
		wins, seeds := 0, 0
		for _, r := range done {
			if r.Name != e.name {
				continue
			}
			seeds++
			if r.Search > r.Random && r.Search > r.Tune {
				wins++
			}
			fmt.Fprintf(w, "| %d | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %s | %s | `%s` |\n", r.Seed, r.Said, r.Bound, r.Search, r.Random, r.Tune, r.AdamW,
				lost(r.Said, r.SaidAdamW, r.Search, r.AdamW), lost(r.Bound, r.SaidAdamW, r.Search, r.AdamW), r.Picks[0])
		}
		if seeds > 0 {
			low, high := interval(wins, seeds)
			fmt.Fprintf(w, "\nThe search wins against both in %d of %d (%.0f-%.0f %%).\n", wins, seeds, 100*low, 100*high)
		}
	}
}
