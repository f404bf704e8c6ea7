package runtime

import (
	"math/rand/v2"
	goruntime "runtime"
	"sync"
	"testing"
)

// TestWorkersWorkTogether has kernels that return only when all five chunks are under way.
func TestWorkersWorkTogether(t *testing.T) {
	const workers = 5
	rule := adam[float32]()
	var together sync.WaitGroup
	rule.Later[1].Pass.Kernels[Go] = func(*Args) {
		together.Done()
		together.Wait()
	}
	rng := rand.New(rand.NewPCG(1, 1))
	params := testParams[float32](rng, [][]int{{workers, chunkElements}})
	grads := testGrads(rng, params)
	o, err := New(rule, params, nil, Workers(workers))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		together.Add(workers)
		if err := o.Step(grads, 0); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWorkersFor(t *testing.T) {
	all := goruntime.GOMAXPROCS(0)
	for _, c := range []struct {
		asked int
		numel float64
		want  int
	}{{-1, soloNumel - 1, 1}, {-1, soloNumel, all}, {0, 1, all}, {1, 1e9, 1}, {7, 1, 7}} {
		if got := workersFor(c.asked, c.numel); got != c.want {
			t.Errorf("Workers(%d) with %g elements: %d, want %d", c.asked, c.numel, got, c.want)
		}
	}
}
