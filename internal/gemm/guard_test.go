package gemm

import (
	"math/rand/v2"
	"os"
	"testing"

	fence "github.com/optc-lang/optc/internal/guard"
)

// pages are regions for C, A and B.
type pages [3]*fence.Region

func newPages(t *testing.T) *pages {
	t.Helper()
	if !fence.Available {
		t.Skip("NOT RUN: this system has no guard pages")
	}
	if _, ok := os.LookupEnv("GEMM_KERNELS"); ok {
		t.Skip("NOT RUN: an emulator reads what VMASKMOV masks out")
	}
	p := &pages{}
	for i := range p {
		var err error
		if p[i], err = fence.New(300 << 10); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p[i].Free() })
	}
	return p
}

// lay puts values of so many elements at the end or the start of each region.
func lay[T Float](p *pages, end bool, lengths [3]int) (u [3][]T) {
	for i, n := range lengths {
		if u[i] = fence.Start[T](p[i], n); end {
			u[i] = fence.End[T](p[i], n)
		}
		for k := range u[i] {
			u[i][k] = T(k%7) - 3
		}
	}
	return u
}

// TestTouchesNothingElse multiplies matrices that begin or end where a page does that cannot be touched.
func TestTouchesNothingElse(t *testing.T) {
	each(t, touchesNothingElse[float32])
	each(t, touchesNothingElse[float64])
}

func touchesNothingElse[T Float](t *testing.T) {
	p := newPages(t)
	r := rand.New(rand.NewPCG(11, 12))
	check := func(m, n, k int) {
		for _, product := range products[T]() {
			for _, end := range []bool{false, true} {
				u := lay[T](p, end, [3]int{m * n, m * k, k * n})
				if f := fence.Run(func() { product.multiply(u[0], u[1], u[2], m, n, k, r.IntN(2) == 0) }); f != nil {
					t.Fatalf("%s m=%d n=%d k=%d, at the end %v: %v; bytes from C %d, from A %d, from B %d", product.name, m, n, k, end, f,
						fence.Where(f, u[0]), fence.Where(f, u[1]), fence.Where(f, u[2]))
				}
			}
		}
	}
	for n := range 131 {
		for m := range 6 {
			check(m, n, 1+r.IntN(12))
		}
		check(n, 1+r.IntN(20), 1+r.IntN(20))
		check(1+r.IntN(20), 1+r.IntN(20), n)
	}
	for _, at := range []int{tileCols, panelRows, packStride} {
		for _, n := range []int{at - 1, at, at + 1} {
			check(tileRows*2+1, n, 9)
			check(9, 9, n)
			check(n, 9, 9)
		}
	}
}
