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
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

// controlled is what came of a search beside its controls. Fitness is with seeds that no search uses, of the rule that each
// picks, and of AdamW with its usual constants.
type controlled struct {
	Name                        string
	Seed                        uint64
	Said                        float64 // fitness of the search's pick with the seeds of the search
	SaidAdamW                   float64
	Search, Random, Tune, AdamW float64
	CPU                         float64 // of the search
	Runs                        int     // of the search
	Numerics                    string
	Digests                     [3]string
	Picks                       [3]string
}

func (r *controlled) fields() []any {
	return []any{&r.Name, &r.Seed, &r.Said, &r.SaidAdamW, &r.Search, &r.Random, &r.Tune, &r.AdamW, &r.CPU, &r.Runs, &r.Numerics,
		&r.Digests[0], &r.Digests[1], &r.Digests[2], &r.Picks[0], &r.Picks[1], &r.Picks[2]}
}

func (r *controlled) key() (string, uint64) { return r.Name, r.Seed }

func (*controlled) columns() []string {
	return []string{"experiment", "seed", "fitness of the pick", "of AdamW", "fresh: search", "fresh: random", "fresh: tune", "fresh: AdamW", "CPU s", "runs", "numerics",
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
			r.Said = best.Mean
		}
	}
	if err := r.measure(file(""), encoded); err != nil {
		return r, err
	}
	return r, nil
}

// measure finds the fitness of picks with fresh seeds.
func (r *controlled) measure(path string, picks [3]string) error {
	a, err := archive.Read(path)
	if err != nil {
		return err
	}
	defer a.Close()
	config, base, err := a.Config()
	if err != nil {
		return err
	}
	if r.CPU, err = a.CPU(a.Births()); err != nil {
		return err
	}
	results, failed := a.Results()
	for _, result := range results {
		r.Runs += result.Runs
	}
	adamw, err := genome.Start("adamw")
	if err != nil || *failed != nil {
		return errors.Join(err, *failed)
	}
	run := func(i work.Item) (work.Outcome, error) { return work.Run(i, task.Builtin) }
	rule := adamw.Canonical().Encode()
	for to, rule := range map[*float64]string{&r.Search: picks[0], &r.Random: picks[1], &r.Tune: picks[2], &r.AdamW: rule} {
		if *to, err = fresh(run, rule, config, base); err != nil {
			return err
		}
	}
	r.SaidAdamW, err = said(config, base, rule, run)
	return err
}

// fresh is the fitness of a rule with seeds that no search uses.
func fresh(run fitness.Runner, rule string, config evolve.Config, base map[string]fitness.Baseline) (float64, error) {
	var scores []float64
	for _, name := range slices.Concat(config.Rungs...) {
		s, err := fitness.Fresh(run, rule, base[name])
		if err != nil {
			return 0, err
		}
		scores = append(scores, s)
	}
	return fitness.Total(scores), nil
}

// said is the fitness that a search finds of a rule in as many evaluations as it gives a good one.
func said(config evolve.Config, base map[string]fitness.Baseline, rule string, run fitness.Runner) (float64, error) {
	s, err := evolve.New(config, base)
	if err != nil {
		return 0, err
	}
	return s.Fitness(rule, run)
}

// tabulateControls prints the searches beside their controls. What a rule leads AdamW by, with its usual constants, on the seeds
// of the search is more than with others, since it was chosen by those.
func tabulateControls(w io.Writer, all []experiment, done []controlled) {
	for _, e := range all {
		if e.Times == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s: %s\n\n| seed | search | random, %d times | tuning, %d times | AdamW | lead over AdamW lost on fresh seeds | rule |\n| ---: | ---: | ---: | ---: | ---: | ---: | --- |\n",
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
			fmt.Fprintf(w, "| %d | %.2f | %.2f | %.2f | %.2f | %.0f %% | `%s` |\n", r.Seed, r.Search, r.Random, r.Tune, r.AdamW, 100*(1-(r.Search-r.AdamW)/(r.Said-r.SaidAdamW)), r.Picks[0])
		}
		if seeds > 0 {
			low, high := interval(wins, seeds)
			fmt.Fprintf(w, "\nThe search wins against both in %d of %d (%.0f-%.0f %%).\n", wins, seeds, 100*low, 100*high)
		}
	}
}
