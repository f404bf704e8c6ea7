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
	next, stop := iter.Pull2(from.evaluations())
	defer stop()
	jobs := make(chan underway, s.config.Lag)
	defer close(jobs)
	for range workers {
		go s.work(ctx, jobs, run)
	}
	var queue []underway
	for {
		for len(queue) < s.config.Lag {
			if err := ctx.Err(); err != nil {
				return err
			}
			job, err := s.Next()
			if err != nil {
				return err
			}
			if job.Birth.Index == from.Births {
				stop() // whoever gives the results may have a file open
			}
			t := underway{job: job, to: make(chan done, 1)}
			switch {
			case job.None:
				t.to <- done{result: job.Birth.Result}
			case job.Birth.Index < from.Births:
				result, err := stored(job.Birth.Index, next)
				if err == nil && from.Repeat != nil && from.Repeat(job.Birth.Index) {
					t.want = &result
					jobs <- t
				} else {
					t.to <- done{result, err}
				}
			default:
				jobs <- t
			}
			queue = append(queue, t)
		}
		more, err := s.settle(ctx, queue[0], &from, settled)
		if err != nil || !more {
			return err
		}
		queue = queue[1:]
	}
}

// Resumed is what a search had settled when it was broken off.
type Resumed struct {
	Births  int
	Results iter.Seq2[int, Result] // evaluations by birth, in order

	Seen   func(Birth) error // is told of these births again; nil for nobody
	Repeat func(int) bool    // which of them are to be evaluated again, and must come out the same; nil for none
}

// ErrDiffers is the error of an evaluation that comes out otherwise than it is kept.
var ErrDiffers = errors.New("evaluated again it comes out otherwise")

func (r Resumed) evaluations() iter.Seq2[int, Result] {
	if r.Results == nil {
		return func(func(int, Result) bool) {}
	}
	return r.Results
}

// stored takes the evaluation of a birth from those that are given.
func stored(birth int, next func() (int, Result, bool)) (Result, error) {
	i, r, ok := next()
	if !ok || i != birth {
		return r, fmt.Errorf("birth %d was evaluated, and its result is not there: the archive is damaged or of another program", birth)
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
