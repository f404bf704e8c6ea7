package gemm

import (
	"testing"

	fence "github.com/optc-lang/optc/internal/guard"
	optrt "github.com/optc-lang/optc/runtime"
)

// TestOverrunsAreFound tells the kernels of a matrix that is one column larger than its memory.
func TestOverrunsAreFound(t *testing.T) {
	const m, n, k = 3, 21, 5
	p := newPages(t)
	tiles := map[optrt.Engine]func(u [3][]float32, n, k int){
		optrt.AVX2: func(u [3][]float32, n, k int) {
			tileAVX2(&u[0][0], n, &u[1][0], k, 1, &u[2][0], n, m, n, k, false)
		},
		optrt.AVX512: func(u [3][]float32, n, k int) {
			tileAVX512(&u[0][0], n, &u[1][0], k, 1, &u[2][0], n, m, n, k, false)
		},
	}
	for e, tile := range tiles {
		if !optrt.Has(e) {
			t.Logf("NOT RUN: %s", e)
			continue
		}
		for _, wrong := range [][2]int{{n, k}, {n + 1, k}, {n, k + 1}} {
			u := lay[float32](p, true, [3]int{m * n, m * k, k * n})
			f := fence.Run(func() { tile(u, wrong[0], wrong[1]) })
			if (f != nil) != (wrong != [2]int{n, k}) {
				t.Errorf("%s of %d columns and %d products on memory for %d and %d: %v", e, wrong[0], wrong[1], n, k, f)
			}
		}
	}
}
