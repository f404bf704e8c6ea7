package pool

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/work"
)

type memory struct {
	of   map[work.Key]work.Outcome
	fail error
}

func (m *memory) Get(key work.Key) (work.Outcome, bool, error) {
	out, ok := m.of[key]
	return out, ok, nil
}

func (m *memory) Put(key work.Key, item work.Item, out work.Outcome) error {
	if key != item.Key() {
		return errors.New("the key is of another item")
	}
	m.of[key] = out
	return m.fail
}

func seeded(i int) work.Item { return work.Item{Seed: uint64(i)} }

func TestDo(t *testing.T) {
	const n = 100
	for _, workers := range []int{1, 3, 200} {
		var running, most, runs atomic.Int64
		p := &Pool{Workers: workers, Cache: &memory{of: map[work.Key]work.Outcome{}}, Run: func(i work.Item) (work.Outcome, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			runs.Add(1)
			return work.Outcome{Train: float64(i.Seed)}, nil
		}}
		last := Progress{}
		p.Report = func(now Progress) {
			if now != (Progress{"count", last.Done + 1, n}) {
				t.Errorf("%+v after %+v", now, last)
			}
			last = now
		}
		for range 2 {
			last = Progress{}
			got := make([]float64, n)
			err := p.Do(context.Background(), "count", n, func(i int, run fitness.Runner) error {
				out, err := run(seeded(i))
				got[i] = out.Train
				return err
			})
			for i, v := range got {
				if err != nil || v != float64(i) {
					t.Fatalf("job %d of %d workers: %v, %v", i, workers, v, err)
				}
			}
		}
		if runs.Load() != n || most.Load() > int64(workers) || last.Done != n {
			t.Errorf("%d runs, %d at a time of %d workers, %+v", runs.Load(), most.Load(), workers, last)
		}
	}
}

func TestFirstError(t *testing.T) {
	for _, workers := range []int{1, 2, 7, 50} {
		for range 20 {
			p := &Pool{Workers: workers, Run: func(i work.Item) (work.Outcome, error) { return work.Outcome{}, nil }}
			err := p.Do(context.Background(), "fail", 50, func(i int, _ fitness.Runner) error {
				if i >= 17 {
					return fmt.Errorf("job %d", i)
				}
				return nil
			})
			if err == nil || err.Error() != "job 17" {
				t.Errorf("%d workers: %v", workers, err)
			}
		}
	}
}

func TestEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	ran := 0
	p := &Pool{Workers: 1, Run: func(i work.Item) (work.Outcome, error) {
		if ran++; ran == 3 {
			cancel()
		}
		return work.Outcome{}, nil
	}}
	job := func(i int, run fitness.Runner) error {
		_, err := run(seeded(i))
		return err
	}
	if err := p.Do(ctx, "end", 10, job); !errors.Is(err, context.Canceled) || ran != 3 {
		t.Errorf("%v after %d runs", err, ran)
	}
	full := errors.New("the disk is full")
	p = &Pool{Workers: 2, Run: p.Run, Cache: &memory{of: map[work.Key]work.Outcome{}, fail: full}}
	if err := p.Do(context.Background(), "store", 10, job); !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	for _, bad := range []*Pool{{Workers: 1}, {Run: p.Run}} {
		if err := bad.Do(context.Background(), "nothing", 0, job); err == nil {
			t.Error("a pool without workers or a runner is taken")
		}
	}
}
