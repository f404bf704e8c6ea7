package runtime

import (
	"slices"
	"sync"
	"sync/atomic"
)

// runner does the items of a job, each once, in any order and from several goroutines.
type runner interface {
	runItem(a *Args, item int)
}

// job is work that the pool helps with. One job serves its owner again and again.
type job struct {
	run   runner
	items int
	next  atomic.Int64 // first item that nobody has claimed

	// Under pool.mu.
	wanted int // helpers that may still join
	active int // helpers that have joined and not left
	idle   sync.Cond
	failed any // what a helper panicked with
}

// workerPool holds the helpers of a process. They start when first wanted and stay.
//
// A helper joins a job, under the lock, only while the job is queued; its owner takes it off the queue when all items
// are claimed, and waits until nobody is active. So no helper ever touches a job that its owner has gone on with.
type workerPool struct {
	mu      sync.Mutex
	queued  sync.Cond
	queue   []*job
	helpers int
}

var pool = newPool()

func newPool() *workerPool {
	p := new(workerPool)
	p.queued.L = &p.mu
	return p
}

func newJob(run runner) *job {
	j := &job{run: run}
	j.idle.L = &pool.mu
	return j
}

// do runs all items of a job on the caller and up to workers-1 helpers and returns when all are done. A busy pool may
// help late or not at all: the caller never waits for a helper to come.
func (j *job) do(items, workers int, a *Args) {
	helpers := min(workers, items) - 1
	if helpers <= 0 {
		for item := range items {
			j.run.runItem(a, item)
		}
		return
	}
	j.items = items
	j.next.Store(0)
	pool.offer(j, helpers)
	defer pool.withdraw(j)
	j.work(a)
}

// work claims and runs items until none is left.
func (j *job) work(a *Args) {
	for {
		item := int(j.next.Add(1)) - 1
		if item >= j.items {
			return
		}
		j.run.runItem(a, item)
	}
}

func (p *workerPool) offer(j *job, helpers int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.helpers < helpers {
		p.helpers++
		go p.help()
	}
	j.wanted = helpers
	p.queue = append(p.queue, j)
	for range helpers {
		p.queued.Signal()
	}
}

// withdraw ends a job for its owner, in whom it raises a helper's panic.
func (p *workerPool) withdraw(j *job) {
	p.mu.Lock()
	p.unqueue(j)
	j.next.Store(int64(j.items)) // after a panic of the owner's: nothing more to claim
	for j.active > 0 {
		j.idle.Wait()
	}
	failed := j.failed
	j.failed = nil
	p.mu.Unlock()
	if failed != nil {
		panic(failed)
	}
}

func (p *workerPool) unqueue(j *job) {
	if i := slices.Index(p.queue, j); i >= 0 {
		p.queue = slices.Delete(p.queue, i, i+1)
	}
}

// help is the life of a helper.
func (p *workerPool) help() {
	a := new(Args)
	for {
		j := p.join()
		failed := j.try(a)
		a.forget(MaxStreams)
		p.leave(j, failed)
	}
}

func (p *workerPool) join() *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) == 0 {
		p.queued.Wait()
	}
	j := p.queue[0]
	j.active++
	if j.wanted--; j.wanted == 0 {
		p.unqueue(j)
	}
	return j
}

func (p *workerPool) leave(j *job, failed any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if failed != nil {
		j.failed = failed
	}
	if j.active--; j.active == 0 {
		j.idle.Signal()
	}
}

// try works on a job and returns what it panicked with.
func (j *job) try(a *Args) (failed any) {
	defer func() { failed = recover() }()
	j.work(a)
	return nil
}
