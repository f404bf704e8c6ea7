// Package pool does many training runs side by side, each once.
//
// In come jobs, by number, and what does work items; a job does its items one after another. What comes out does not depend
// on the number of workers: each job keeps its result under its number, and of several errors that of the first job is
// returned. Outcomes go through a cache, if there is one: whoever is broken off and begins again asks for the same items, and
// finds those that were done. The package draws nothing and knows no time.
package pool

import (
	"context"
	"fmt"
	"sync"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/work"
)

// Cache keeps outcomes from one process to the next. A pool asks it by one goroutine at a time.
type Cache interface {
	Get(key work.Key) (out work.Outcome, ok bool, err error)
	Put(key work.Key, item work.Item, out work.Outcome) error
}

// Progress is told after each job.
type Progress struct {
	What     string // these jobs do
	Done, Of int    // jobs
}

// Pool is what jobs are done with. It may be used by several goroutines.
type Pool struct {
	Run     fitness.Runner
	Workers int            // jobs at a time
	Cache   Cache          // nil for none
	Report  func(Progress) // nil for none; called by one goroutine at a time, and may not use the pool

	mu sync.Mutex
}

// Job does the items that it needs with a runner.
type Job func(i int, run fitness.Runner) error

// Do does jobs 0 to n-1, no more than Workers at a time, and waits for them. After an error no job begins, and after the end of the
// context no item.
func (p *Pool) Do(ctx context.Context, what string, n int, job Job) error {
	if p.Run == nil || p.Workers < 1 {
		return fmt.Errorf("%s: %d workers, who must be at least one, and a runner", what, p.Workers)
	}
	b := batch{pool: p, what: what, n: n, job: job, run: p.runner(ctx)}
	var all sync.WaitGroup
	for range min(p.Workers, n) {
		all.Go(b.work)
	}
	all.Wait()
	if b.err == nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return b.err
}

// batch is jobs under way. They begin in order, so those before one that fails have all begun: the first to fail is the same
// in any number of workers.
type batch struct {
	pool          *Pool
	what          string
	n, next, done int
	job           Job
	run           fitness.Runner
	err           error
	failed        int // the job of err
}

func (b *batch) work() {
	for {
		i, ok := b.take()
		if !ok {
			return
		}
		b.finish(i, b.job(i, b.run))
	}
}

func (b *batch) take() (int, bool) {
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	if b.err != nil || b.next == b.n {
		return 0, false
	}
	b.next++
	return b.next - 1, true
}

func (b *batch) finish(i int, err error) {
	b.pool.mu.Lock()
	defer b.pool.mu.Unlock()
	if err != nil {
		if b.err == nil || i < b.failed {
			b.err, b.failed = err, i
		}
		return
	}
	b.done++
	if b.pool.Report != nil {
		b.pool.Report(Progress{What: b.what, Done: b.done, Of: b.n})
	}
}

// runner does items that the cache does not have.
func (p *Pool) runner(ctx context.Context) fitness.Runner {
	return func(item work.Item) (work.Outcome, error) {
		if err := ctx.Err(); err != nil {
			return work.Outcome{}, err
		}
		if p.Cache == nil {
			return p.Run(item)
		}
		key := item.Key()
		if out, ok, err := p.get(key); ok || err != nil {
			return out, err
		}
		out, err := p.Run(item)
		if err != nil {
			return out, err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		return out, p.Cache.Put(key, item, out)
	}
}

func (p *Pool) get(key work.Key) (work.Outcome, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Cache.Get(key)
}
