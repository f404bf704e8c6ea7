package search

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"

	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/pool"
	"github.com/optc-lang/optc/search/internal/sealed"
	"github.com/optc-lang/optc/search/internal/simplify"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

// Verified is what has been compared.
type Verified struct {
	Births   int // made again from the seed, and equal to those of the archive
	Repeated int // evaluations done again, and equal to the last bit
	Stored   int // evaluations of the archive

	Runs         int // training runs of simplification and of sealed tests that the archive keeps
	RunsRepeated int // of them, done again, and equal to the last bit
	RunsUnknown  int // of those that were drawn, on tasks that are not known here

	Findings int // results of simplification, ranking and sealed tests
	Tests    int // sealed tests among them
	Recalled int // sealed tests whose results follow from their training runs; the others are of another program's rules or tasks
	Lost     int // sealed tests that were begun and whose results are not there
	Untold   int // known rules that were met and that no event tells of: the program that searched did not know them
}

// few is how many evaluations, and how many other training runs, are done again at least, whatever the share.
const few = 8

// Verify makes the births of an archive again and compares them with those that it holds, and does a share of the evaluations
// again, drawn by the seed, whose results must be equal bit for bit: 8 of them at least, but for a share of 0, which is none. As many
// of the training runs of simplification and of sealed tests are done again. The spec says archive, workers, worker and tasks as for
// [Run], and tasks that Run was given are given here too. An archive that is not as it would be made again is an error.
func Verify(ctx context.Context, spec Spec, share float64, seed uint64, tasks ...Task) (Verified, error) {
	if !(share >= 0 && share <= 1) {
		return Verified{}, fmt.Errorf("a share of %v evaluations: 0 to 1 are possible", share)
	}
	a, err := archive.Read(spec.Archive)
	if err != nil {
		return Verified{}, err
	}
	defer a.Close()
	v := verifier{ctx: ctx, archive: a, share: share, seed: seed}
	if v.workers, err = spec.WorkerCount(); err != nil {
		return v.Verified, err
	}
	var are string
	if v.find, are, err = spec.tasks(tasks); err != nil {
		return v.Verified, err
	}
	executor, stop, err := spec.executor(v.find)
	if err != nil {
		return v.Verified, err
	}
	defer stop()
	err = errors.Join(a.Sound(), (&runner{are: are}).sameTasks(a))
	for _, step := range []func() error{func() error { return v.births(executor) }, v.runs, v.findings} {
		if err == nil {
			err = step()
		}
	}
	return v.Verified, err
}

// verifier compares an archive with what is made again.
type verifier struct {
	Verified
	ctx     context.Context
	archive *archive.Archive
	share   float64
	seed    uint64
	workers int
	find    task.Finder
}

// births makes the births again.
func (v *verifier) births(executor work.Executor) error {
	a := v.archive
	config, base, err := a.Config()
	if err != nil {
		return err
	}
	if err := whole(a, base); err != nil {
		return err
	}
	for _, name := range slices.Concat(config.Rungs...) {
		if _, err := v.find(name); err != nil {
			return fmt.Errorf("%s: %w", a.Path(), err)
		}
	}
	s, err := evolve.New(config, base)
	if err != nil {
		return err
	}
	told, err := v.events()
	if err != nil {
		return err
	}
	evaluated, err := a.Evaluated()
	if err != nil {
		return err
	}
	drawn := sample(evaluated, v.share, v.seed)
	results, failed := a.Results()
	kept, broken := a.Each(0)
	next, done := iter.Pull(kept)
	defer done()
	err = s.Run(v.ctx, v.workers, func(i work.Item) (work.Outcome, error) { return executor.Do(v.ctx, i) }, evolve.Resumed{
		Births: a.Births(), Results: results, Only: true,
		Repeat: func(birth int) bool {
			v.Stored++
			repeat := drawn(birth)
			if repeat {
				v.Repeated++
			}
			return repeat
		},
		Seen: func(b evolve.Birth) error {
			v.Births++
			if err := sameBirth(b, next); err != nil {
				return err
			}
			return told.meet(b)
		},
	}, nil)
	if err == nil {
		v.Untold, err = told.untold, told.rest()
	}
	if unread := errors.Join(*failed, *broken); unread != nil {
		return unread
	}
	if err != nil {
		return fmt.Errorf("%s: %w", a.Path(), err)
	}
	return nil
}

// sample draws a share of things that have numbers, and a few of them at least, unless the share is 0.
func sample(of []int, share float64, seed uint64) func(i int) bool {
	draw := func(i int) float64 { return rand.New(rand.NewPCG(seed, uint64(i))).Float64() }
	least := -1.0 // what is drawn up to this is taken anyway
	if share > 0 && len(of) > 0 {
		var all []float64
		for _, i := range of {
			all = append(all, draw(i))
		}
		slices.Sort(all)
		least = all[min(few, len(all))-1]
	}
	return func(i int) bool {
		x := draw(i)
		return x < share || x <= least
	}
}

// told are the events that are kept, by birth, and are taken away as their births come.
type told struct {
	at     map[int]archive.Event
	kinds  map[string]bool
	untold int
}

// events reads the events of the births that are verified.
func (v *verifier) events() (*told, error) {
	all, err := v.archive.Events()
	if err != nil {
		return nil, err
	}
	t := &told{at: map[int]archive.Event{}, kinds: map[string]bool{}}
	last := -1
	for _, e := range all {
		if e.Birth >= v.archive.Births() { // a search goes on
			break
		}
		if e.Birth <= last || t.kinds[e.Kind] {
			return nil, fmt.Errorf("%s is damaged: it has the event %.100q of birth %d after one of birth %d, or twice", v.archive.Path(), e.Kind, e.Birth, last)
		}
		last, t.at[e.Birth], t.kinds[e.Kind] = e.Birth, e, true
	}
	return t, nil
}

// meet compares a birth's event with the rule. That it tells of no rule is no fault: programs learn to know rules.
func (t *told) meet(b evolve.Birth) error {
	m, ok, err := knownRule(b)
	if err != nil || len(b.Result.Scores) == 0 {
		return err
	}
	e, is := t.at[b.Index]
	delete(t.at, b.Index)
	switch {
	case is && (!ok || e.Kind != m.Name || e.Text != m.String()):
		return fmt.Errorf("birth %d: an event tells that it is %.100q, and it is %.100q: the archive is damaged or of another program", b.Index, e.Text, m)
	case ok && !t.kinds[m.Name]:
		t.kinds[m.Name] = true
		t.untold++
	}
	return nil
}

// rest refuses events of births that were not evaluated.
func (t *told) rest() error {
	for birth, e := range t.at {
		return fmt.Errorf("birth %d: an event tells that it is %.100q, and it was not evaluated: the archive is damaged or of another program", birth, e.Text)
	}
	return nil
}

// runs does a share of the other training runs again, here: worker programs are not asked for them.
func (v *verifier) runs() error {
	n, err := v.archive.CountRuns()
	if err != nil {
		return err
	}
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	drawn := sample(numbers, v.share, v.seed)
	find := simplify.Finder(v.find)
	var again []archive.Run
	for r, err := range v.archive.Runs() {
		if err != nil {
			return err
		}
		if drawn(v.Runs) {
			if _, err := find(r.Item.Task); err == nil {
				again = append(again, r)
			} else {
				v.RunsUnknown++
			}
		}
		v.Runs++
	}
	local := work.Local{Find: find}
	p := &pool.Pool{Workers: v.workers, Run: func(i work.Item) (work.Outcome, error) { return local.Do(v.ctx, i) }}
	err = p.Do(v.ctx, "training runs", len(again), func(i int, run fitness.Runner) error {
		out, err := run(again[i].Item)
		if err == nil && out != again[i].Outcome {
			err = fmt.Errorf("%s: the training run of %.200s on %s with seed %d is kept as %+v, done again it comes to %+v: the archive is damaged, or this machine computes otherwise than the one that made it",
				v.archive.Path(), again[i].Item.Rule, again[i].Item.Task, again[i].Item.Seed, again[i].Outcome, out)
		}
		return err
	})
	if err == nil {
		v.RunsRepeated = len(again)
	}
	return err
}

// findings makes the results of sealed tests again from their training runs. Those of simplification and ranking depend on how they
// were asked for, which is not kept.
func (v *verifier) findings() error {
	var tests []sealed.Result
	digests := map[string]bool{}
	for f, err := range v.archive.Findings() {
		if err != nil {
			return err
		}
		v.Findings++
		if f.Kind != archive.Tested {
			continue
		}
		v.Tests++
		var r sealed.Result
		if err := json.Unmarshal([]byte(f.Result), &r); err != nil {
			return fmt.Errorf("%s is damaged: the sealed test of birth %d: %w", v.archive.Path(), f.Birth, err)
		}
		if err := v.recall(r); err != nil {
			return fmt.Errorf("%s: the sealed test of birth %d: %w", v.archive.Path(), f.Birth, err)
		}
		tests, digests[r.Archive] = append(tests, r), true
	}
	if len(tests) > 0 {
		if err := v.drawnFrom(tests, digests); err != nil {
			return err
		}
	}
	var err error
	v.Lost, err = v.archive.Lost()
	return err
}

// recall compares a test with what its training runs make of it.
func (v *verifier) recall(r sealed.Result) error {
	again, err := sealed.Recall(v.ctx, r, func(i work.Item) (work.Outcome, error) {
		out, ok, err := v.archive.Get(i.Key())
		if err == nil && !ok {
			err = errors.New("a training run of it is not there: the archive is damaged")
		}
		return out, err
	})
	if errors.Is(err, sealed.ErrOther) {
		return nil
	}
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(again, r) {
		return errors.New("its result does not follow from its training runs: the archive is damaged or of another program")
	}
	v.Recalled++
	return nil
}

// drawnFrom refuses tests whose data and seeds were drawn from another archive than this one as it was once.
func (v *verifier) drawnFrom(tests []sealed.Result, digests map[string]bool) error {
	found, err := v.archive.BirthsOf(digests)
	if err != nil {
		return err
	}
	for _, r := range tests {
		if _, ok := found[r.Archive]; !ok {
			return fmt.Errorf("%s: the sealed test of %.100q is of the digest %.64s, which the archive has had after no birth: it is damaged, or the test is another archive's", v.archive.Path(), r.Candidate, r.Archive)
		}
	}
	return nil
}

// whole refuses, without training, rows that belong to nothing and baselines that cannot be: of built-in tasks all but this program's.
func whole(a *archive.Archive, base map[string]fitness.Baseline) error {
	if err := a.Strays(); err != nil {
		return err
	}
	known, err := fitness.Baselines()
	if err != nil {
		return err
	}
	for name, b := range base {
		k, ok := known[name]
		if ok && !reflect.DeepEqual(k, b) {
			return fmt.Errorf("%s: AdamW's losses on the task %.100q are not those that this program has", a.Path(), name)
		}
		if !ok && !tuned(b) {
			return fmt.Errorf("%s is damaged: AdamW's losses on the task %.100q are none that it can have", a.Path(), name)
		}
	}
	return nil
}

// tuned reports whether a baseline can have been measured.
func tuned(b fitness.Baseline) bool {
	finite := b.LR > 0 && b.Size > 0 && b.Deviation > 0 && b.Decay >= 0 && len(b.Losses) == fitness.Seeds
	for _, x := range append([]float64{b.LR, b.Size, b.Deviation, b.Decay}, b.Losses...) {
		finite = finite && !math.IsNaN(x) && !math.IsInf(x, 0)
	}
	_, err := genome.Decode(b.Rule)
	return finite && err == nil
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
