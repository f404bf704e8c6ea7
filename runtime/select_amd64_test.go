//go:build !purego

package runtime

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSiftEngines holds both vector forms of sift to the portable loop: where nothing is above lo, something, or all, and with
// a NaN anywhere.
func TestSiftEngines(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	forms := map[Engine]func(to, u *float32, n int, lo, hi float32, counts *[3]int){AVX2: siftAVX2, AVX512: siftAVX512}
	for e, form := range forms {
		if !Has(e) {
			continue
		}
		for n := siftLanes; n <= 20*siftLanes; n += siftLanes {
			for _, odds := range []int{0, 1, 50, 1000} {
				u, to := make([]float32, n), make([]float32, n+pieceSlack)
				for i := range u {
					if u[i] = -1; odds > 0 && r.IntN(odds) == 0 {
						u[i] = []float32{0.5, 2, float32(math.NaN()), float32(math.Inf(1)), 0.25}[r.IntN(5)]
					}
				}
				var want [3]int
				var kept []float32
				for _, x := range u {
					switch {
					case x <= 0.25:
						want[0]++
					case x > 0.25:
						want[1]++
						if x < 1 {
							kept = append(kept, x)
						}
					}
				}
				want[2] = len(kept)
				var counts [3]int
				form(&to[0], &u[0], n, 0.25, 1, &counts)
				if counts != want || !slices.Equal(to[:counts[2]], kept) {
					t.Fatalf("engine %v, %d elements, 1 in %d: %v, want %v", e, n, odds, counts, want)
				}
			}
		}
	}
}
