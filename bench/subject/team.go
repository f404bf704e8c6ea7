package subject

import (
	"sync"
	"sync/atomic"
)

// team is threads that share work, the caller among them.
type team struct {
	size  int
	start []chan func()
	done  sync.WaitGroup
}

func newTeam(size int) *team {
	t := &team{size: size}
	for range size - 1 {
		c := make(chan func())
		t.start = append(t.start, c)
		go func() {
			for f := range c {
				f()
				t.done.Done()
			}
		}()
	}
	return t
}

func (t *team) stop() {
	for _, c := range t.start {
		close(c)
	}
}

// share has n items in chunks done by all.
func (t *team) share(n, chunk int, do func(from, to int)) {
	if t.size == 1 || n <= chunk {
		for from := 0; from < n; from += chunk {
			do(from, min(n, from+chunk))
		}
		return
	}
	var next atomic.Int64
	work := func() {
		for {
			from := int(next.Add(int64(chunk))) - chunk
			if from >= n {
				return
			}
			do(from, min(n, from+chunk))
		}
	}
	t.done.Add(len(t.start))
	for _, c := range t.start {
		c <- work
	}
	work()
	t.done.Wait()
}
