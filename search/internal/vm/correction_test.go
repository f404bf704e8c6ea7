package vm

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

// TestCorrection asks for steps in any order, from several goroutines, of more constants than are remembered.
func TestCorrection(t *testing.T) {
	var wait sync.WaitGroup
	for seed := range uint64(4) {
		wait.Go(func() {
			r := rand.New(rand.NewPCG(1, seed))
			for range 2000 {
				k := float64(1+r.IntN(2*maxCorrections)) / (2 * maxCorrections)
				step := float64(1 + r.IntN([]int{10, 100, 2 * maxKnown}[r.IntN(3)]))
				c := correctionOf(k)
				got, want := c.at(step), 1/(1-elem.Pow(1-k, step))
				if math.Float64bits(got) != math.Float64bits(want) {
					t.Errorf("k %v, step %v: %v, not %v", k, step, got, want)
				}
				if known := c.known.Load(); known != nil && len(*known) > maxKnown {
					t.Errorf("%d steps are remembered", len(*known))
				}
			}
		})
	}
	wait.Wait()
	if n := len(corrections.by); n > maxCorrections {
		t.Errorf("%d constants are remembered", n)
	}
}
