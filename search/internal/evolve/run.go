package evolve

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/work"
)

// Settled is told of each birth in order. The search ends when it returns false.
type Settled func(Birth) (more bool, err error)

// Run works on births side by side and settles them in order until settled ends it, the context does, or an error.
//
// A search that has been broken off is resumed by giving what it had settled: evaluations are taken as they are, and settled is
// not told of these births.
func (s *Search) Run(ctx context.Context, workers int, run fitness.Runner, from Resumed, settled Settled) error {
	ctx, leave := context.WithCancel(ctx) // workers begin nothing more when the search has ended
	defer leave()
	kept := from.pull()
	defer kept.stop()
	jobs := make(chan underway, s.config.Lag)
	defer close(jobs)
	for range workers {
		go s.work(ctx, jobs, run)
	}
	var queue []underway
	for {
		for len(queue) < s.config.Lag && !(from.Only && s.Len() == from.Births) {
			if err := ctx.Err(); err != nil {
				return err
			}
			t, err := s.take(jobs, &from, kept)
			if err != nil {
				return err
			}
			queue = append(queue, t)
		}
		if len(queue) == 0 {
			return kept.end()
		}
		more, err := s.settle(ctx, queue[0], &from, settled)
		if err != nil || !more {
			return err
		}
		queue = queue[1:]
	}
}

// take proposes the next birth, and gives it to those who work or to what is kept of it.
func (s *Search) take(jobs chan<- underway, from *Resumed, kept *kept) (underway, error) {
	job, err := s.Next()
	if err != nil {
		return underway{}, err
	}
	if job.Birth.Index == from.Births {
		if err := kept.end(); err != nil {
			return underway{}, err
		}
	}
	t := underway{job: job, to: make(chan done, 1)}
	switch {
	case job.Birth.Index < from.Births:
		result, err := s.stored(job, kept)
		if err != nil || job.None || from.Repeat == nil || !from.Repeat(job.Birth.Index) {
			t.to <- done{result, err}
			return t, nil
		}
		t.want = &result
	case job.None:
		t.to <- done{result: job.Birth.Result}
		return t, nil
	}
	jobs <- t
	return t, nil
}

// Resumed is what a search had settled when it was broken off.
type Resumed struct {
	Births  int
	Results iter.Seq2[int, Result] // evaluations by birth, in order
	Only    bool                   // end with these births

	Seen   func(Birth) error // is told of these births again; nil for nobody
	Repeat func(int) bool    // which of them are to be evaluated again, and must come out the same; nil for none
}

// ErrDiffers is the error of an evaluation that comes out otherwise than it is kept.
var ErrDiffers = errors.New("evaluated again it comes out otherwise")

// kept are the results that are given, the next of which can be looked at before it is taken.
type kept struct {
	next   func() (int, Result, bool)
	stop   func()
	birth  int
	result Result
	ok     bool // there is one
}

// pull begins to read the results.
func (r Resumed) pull() *kept {
	results := r.Results
	if results == nil {
		results = func(func(int, Result) bool) {}
	}
	k := &kept{}
	k.next, k.stop = iter.Pull2(results)
	k.birth, k.result, k.ok = k.next()
	return k
}

// end refuses results that no birth has needed: the births are over.
func (k *kept) end() error {
	defer k.stop() // whoever gives the results may have a file open
	if k.ok {
		return fmt.Errorf("birth %d has a result, and needed none: the archive is damaged or of another program", k.birth)
	}
	return nil
}

// stored takes the result of a birth from those that are given.
func (s *Search) stored(job Job, k *kept) (Result, error) {
	birth := job.Birth.Index
	switch {
	case job.None && k.ok && k.birth <= birth:
		return Result{}, k.end()
	case job.None:
		return job.Birth.Result, nil
	case !k.ok || k.birth != birth:
		return Result{}, fmt.Errorf("birth %d was evaluated, and its result is not there: the archive is damaged or of another program", birth)
	}
	r := k.result
	k.birth, k.result, k.ok = k.next()
	if err := s.possible(&job, &r); err != nil {
		return r, fmt.Errorf("birth %d: its result cannot be: %w: the archive is damaged or of another program", birth, err)
	}
	return r, nil
}

// underway is a job that somebody works on.
type underway struct {
	job  Job
	to   chan done
	want *Result // what must come of it, if that is known
}

type done struct {
	result Result
	err    error
}

// work does jobs until there are no more.
func (s *Search) work(ctx context.Context, jobs <-chan underway, run fitness.Runner) {
	for t := range jobs {
		if ctx.Err() != nil {
			return
		}
		r, err := s.Evaluate(t.job, func(i work.Item) (work.Outcome, error) {
			if err := ctx.Err(); err != nil {
				return work.Outcome{}, err
			}
			return run(i)
		})
		if err == nil && t.want != nil && !reflect.DeepEqual(r, *t.want) {
			err = fmt.Errorf("birth %d: %w: %+v, not %+v", t.job.Birth.Index, ErrDiffers, r, *t.want)
		}
		t.to <- done{r, err}
	}
}

// settle waits for the first job under way.
func (s *Search) settle(ctx context.Context, t underway, from *Resumed, settled Settled) (more bool, err error) {
	var d done
	select {
	case d = <-t.to:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if d.err != nil {
		return false, d.err
	}
	b, err := s.Settle(d.result)
	if err != nil {
		return false, err
	}
	if b.Index >= from.Births {
		return settled(b)
	}
	if from.Seen != nil {
		err = from.Seen(b)
	}
	return true, err
}
