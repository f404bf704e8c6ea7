package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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

// renewed is the pick of a search and AdamW with its usual constants, with seeds that no search uses.
type renewed struct {
	Name             string
	Seed             uint64
	Evaluations      int
	Said, Bound      float64 // of the pick, with the seeds of the search
	SaidAdamW        float64
	Fresh, FreshAdam float64
	Digest, Pick     string
}

func (r *renewed) fields() []any {
	return []any{&r.Name, &r.Seed, &r.Evaluations, &r.Said, &r.Bound, &r.SaidAdamW, &r.Fresh, &r.FreshAdam, &r.Digest, &r.Pick}
}
func (r *renewed) key() (string, uint64) { return r.Name, r.Seed }
func (*renewed) columns() []string {
	return []string{"experiment", "seed", "evaluations of the pick", "fitness of the pick", "bound of the pick", "fitness of AdamW", "fresh: pick", "fresh: AdamW", "digest", "pick"}
}

// lost is the share of a rule's lead over AdamW that is lost on fresh seeds, as tables print it. It is more on the seeds of the search,
// since the rule was chosen by those; its bound allows for that.
func lost(said, saidAdamW, fresh, freshAdamW float64) string {
	if said <= saidAdamW {
		return "no lead"
	}
	return fmt.Sprintf("%.0f %%", 100*(1-(fresh-freshAdamW)/(said-saidAdamW)))
}

// renew evaluates the picks of all archives of the experiments that are there.
func (f files) renew(ctx context.Context, all []experiment, seeds, workdir string) error {
	list, err := seedsOf(seeds, nil)
	if err != nil {
		return err
	}
	for _, e := range all {
		for _, seed := range list {
			path := filepath.Join(workdir, fmt.Sprintf("%s-%d.db", e.name, seed))
			if _, err := os.Stat(path); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return errors.New("broken off: the same command goes on")
			}
			r, err := renew(e.name, seed, path)
			if err != nil {
				return err
			}
			if err := addRow(f.fresh, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func renew(name string, seed uint64, path string) (renewed, error) {
	r := renewed{Name: name, Seed: seed}
	found, err := search.Open(path)
	if err != nil {
		return r, err
	}
	i := slices.IndexFunc(found.Rules, func(r search.Rule) bool { return r.Pick })
	if i < 0 {
		return r, fmt.Errorf("%s has no rule yet", path)
	}
	pick := found.Rules[i]
	r.Evaluations, r.Said, r.Bound, r.Digest, r.Pick = pick.Evaluations, pick.Mean, pick.Bound, found.Digest, pick.Formula
	s, err := openSeeds(path)
	if err != nil {
		return r, err
	}
	if r.Fresh, err = s.fresh(pick.Encoded); err != nil {
		return r, err
	}
	r.SaidAdamW, r.FreshAdam, err = s.adamw()
	return r, err
}

// seeds evaluates rules on the tasks of an archive.
type seeds struct {
	config evolve.Config
	base   map[string]fitness.Baseline
}

func openSeeds(path string) (s seeds, err error) {
	a, err := archive.Read(path)
	if err != nil {
		return s, err
	}
	defer a.Close()
	s.config, s.base, err = a.Config()
	return s, err
}

func train(i work.Item) (work.Outcome, error) { return work.Run(i, task.Builtin) }

// fresh is the fitness of a rule with seeds that no search uses.
func (s seeds) fresh(rule string) (float64, error) {
	var scores []float64
	for _, name := range slices.Concat(s.config.Rungs...) {
		score, err := fitness.Fresh(train, rule, s.base[name])
		if err != nil {
			return 0, err
		}
		scores = append(scores, score)
	}
	return fitness.Total(scores), nil
}

// adamw is the fitness of AdamW with its usual constants, as a search finds it in as many evaluations as it gives a good rule, and with
// fresh seeds.
func (s seeds) adamw() (said, fresh float64, err error) {
	g, err := genome.Start("adamw")
	if err != nil {
		return 0, 0, err
	}
	rule := g.Canonical().Encode()
	e, err := evolve.New(s.config, s.base)
	if err != nil {
		return 0, 0, err
	}
	if said, err = e.Fitness(rule, train); err != nil {
		return 0, 0, err
	}
	fresh, err = s.fresh(rule)
	return said, fresh, err
}

// tabulateFresh prints what picks come to on fresh seeds.
func tabulateFresh(w io.Writer, done []renewed) {
	fmt.Fprintln(w, "\n| search | seed | evaluations | fitness said | bound said | fresh | AdamW | lead lost | of the bound's lead | rule |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
	for _, r := range done {
		fmt.Fprintf(w, "| %s | %d | %d | %.2f | %.2f | %.2f | %.2f | %s | %s | `%s` |\n", r.Name, r.Seed, r.Evaluations, r.Said, r.Bound, r.Fresh, r.FreshAdam,
			lost(r.Said, r.SaidAdamW, r.Fresh, r.FreshAdam), lost(r.Bound, r.SaidAdamW, r.Fresh, r.FreshAdam), r.Pick)
	}
}
