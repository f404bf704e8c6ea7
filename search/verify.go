package search

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"

	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/work"
)

// Verified is what has been compared.
type Verified struct {
	Births   int // made again from the seed, and equal to those of the archive
	Repeated int // evaluations done again, and equal to the last bit
	Stored   int // evaluations of the archive
}

// Verify makes the births of an archive again and compares them with those that it holds, and does a share of the evaluations
// again, drawn by the seed, whose results must be equal bit for bit. The spec says archive, workers, worker and tasks as for [Run],
// and tasks that Run was given are given here too. An archive that is not as it would be made again is an error.
func Verify(ctx context.Context, spec Spec, share float64, seed uint64, tasks ...Task) (Verified, error) {
	var v Verified
	if !(share >= 0 && share <= 1) {
		return v, fmt.Errorf("a share of %v evaluations: 0 to 1 are possible", share)
	}
	a, err := archive.Read(spec.Archive)
	if err != nil {
		return v, err
	}
	defer a.Close()
	config, base, err := a.Config()
	if err != nil {
		return v, err
	}
	find, are, err := spec.tasks(tasks)
	if err != nil {
		return v, err
	}
	if err := (&runner{are: are}).sameTasks(a); err != nil {
		return v, err
	}
	if err := whole(a, base); err != nil {
		return v, err
	}
	executor, stop, err := spec.executor(find)
	if err != nil {
		return v, err
	}
	defer stop()
	workers, err := spec.WorkerCount()
	if err != nil {
		return v, err
	}
	s, err := evolve.New(config, base)
	if err != nil {
		return v, err
	}
	results, failed := a.Results()
	kept, broken := a.Each(0)
	next, done := iter.Pull(kept)
	defer done()
	err = s.Run(ctx, workers, func(i work.Item) (work.Outcome, error) { return executor.Do(ctx, i) }, evolve.Resumed{
		Births: a.Births(), Results: results, Only: true,
		Repeat: func(birth int) bool {
			v.Stored++
			repeat := rand.New(rand.NewPCG(seed, uint64(birth))).Float64() < share
			if repeat {
				v.Repeated++
			}
			return repeat
		},
		Seen: func(b evolve.Birth) error {
			v.Births++
			return sameBirth(b, next)
		},
	}, nil)
	return v, errors.Join(err, *failed, *broken)
}

// whole refuses evaluations of no birth, and baselines of built-in tasks that are not this program's.
func whole(a *archive.Archive, base map[string]fitness.Baseline) error {
	if err := noOrphans(a); err != nil {
		return err
	}
	known, err := fitness.Baselines()
	if err != nil {
		return err
	}
	for name, b := range base {
		if k, ok := known[name]; ok && !reflect.DeepEqual(k, b) {
			return fmt.Errorf("%s: AdamW's losses on the task %s are not those that this program has", a.Path(), name)
		}
	}
	return nil
}

// noOrphans refuses evaluations of no birth.
func noOrphans(a *archive.Archive) error {
	orphans, err := a.Orphans()
	if err == nil && orphans > 0 {
		err = fmt.Errorf("%s is damaged: it has %d evaluations of births that there are not", a.Path(), orphans)
	}
	return err
}

// sameBirth compares a birth with the one that is kept.
func sameBirth(b evolve.Birth, next func() (evolve.Birth, bool)) error {
	k, ok := next()
	if !ok || k.Index != b.Index || k.Parent != b.Parent || k.Form != b.Form || k.Genome != b.Genome {
		return fmt.Errorf("birth %d: it is kept as %.200q of the parent %d, made again it is %q of the parent %d: the archive is damaged or of another program",
			b.Index, k.Genome, k.Parent, b.Genome, b.Parent)
	}
	return nil
}
