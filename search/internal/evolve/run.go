package evolve

import (
	"context"

	"github.com/optc-lang/optc/search/internal/fitness"
)

// Settled is told of each birth in order. The search ends when it returns false.
type Settled func(Birth) (more bool, err error)

// Run works on births side by side and settles them in order until settled ends it, the context does, or an error.
//
// A search that has been broken off is resumed by giving the results that it had settled, in order: they are taken as they
// are, and settled is not told of them.
func (s *Search) Run(ctx context.Context, workers int, run fitness.Runner, resumed []Result, settled Settled) error {
	jobs := make(chan task, s.config.Lag)
	defer close(jobs)
	for range workers {
		go s.work(ctx, jobs, run)
	}
	var queue []task
	for {
		for len(queue) < s.config.Lag {
			job, err := s.Next()
			if err != nil {
				return err
			}
			t := task{job, make(chan done, 1)}
			if i := job.Birth.Index; i < len(resumed) {
				t.to <- done{result: resumed[i]}
			} else {
				jobs <- t
			}
			queue = append(queue, t)
		}
		more, err := s.settle(ctx, queue[0], len(resumed), settled)
		if err != nil || !more {
			return err
		}
		queue = queue[1:]
	}
}

// task is a job under way.
type task struct {
	job Job
	to  chan done
}

type done struct {
	result Result
	err    error
}

// work does jobs until there are no more.
func (s *Search) work(ctx context.Context, jobs <-chan task, run fitness.Runner) {
	for t := range jobs {
		if ctx.Err() != nil {
			return
		}
		r, err := s.Evaluate(t.job, run)
		t.to <- done{r, err}
	}
}

// settle waits for the first job under way.
func (s *Search) settle(ctx context.Context, t task, resumed int, settled Settled) (more bool, err error) {
	var d done
	select {
	case d = <-t.to:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if d.err != nil {
		return false, d.err
	}
	if err := s.Settle(d.result); err != nil {
		return false, err
	}
	if t.job.Birth.Index < resumed {
		return true, nil
	}
	return settled(s.births[s.settled-1])
}
