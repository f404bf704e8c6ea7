package matrix

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// atOnce does all items at once, the last first.
func atOnce(items int, run func(item int)) {
	var wait sync.WaitGroup
	for item := items - 1; item >= 0; item-- {
		wait.Go(func() { run(item) })
	}
	wait.Wait()
}

func sameElements[T elem.Float](a, b []T) bool {
	for i := range a {
		if math.Float64bits(float64(a[i])) != math.Float64bits(float64(b[i])) && (a[i] == a[i] || b[i] == b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

func testProducts[T elem.Float](t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	special := []float64{0, math.Copysign(0, -1), math.Inf(1), math.NaN(), 5e-324, 1e30, -1e30}
	w := new(Work[T])
	for _, shape := range [][2]int{{1, 5}, {64, 64}, {65, 3}, {65, 0}, {129, 130}, {200, 77}, {192, 192}} {
		for kind := range 2 {
			m, k := shape[0], shape[1]
			a, b := make([]T, m*k), make([]T, m*k)
			for i := range a {
				if a[i] = T(r.NormFloat64()); kind == 1 && r.IntN(50) == 0 {
					a[i] = T(special[r.IntN(len(special))])
				}
			}
			transpose(b, a, m, k)
			for _, split := range []Split{nil, atOnce} {
				w.Split = split
				want, got := make([]T, m*m), make([]T, m*m)
				mul := func() {
					gemm.NN(want, a, b, m, m, k, false)
					Mul(&Call[T]{Out: Array[T]{got, m, m}, In: []Array[T]{{a, m, k}, {b, k, m}}, Work: w})
				}
				if mul(); !sameElements(got, want) {
					t.Fatalf("%T: a product %v by its transpose has other bits", a, shape)
				}
				if k > 0 {
					b[r.IntN(len(b))] += 1
				}
				if mul(); !sameElements(got, want) {
					t.Fatalf("%T: a product %v by nearly its transpose has other bits", a, shape)
				}
			}
		}
	}
}

// TestProducts holds symmetric products, and those in parts, to the plain one.
func TestProducts(t *testing.T) {
	t.Run("float32", testProducts[float32])
	t.Run("float64", testProducts[float64])
}

// TestSplit: what is done in parts, at once and in another order, has the same bits.
func TestSplit(t *testing.T) {
	const n = 200
	r := rand.New(rand.NewPCG(6, 9))
	g, spd, product := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
	for i := range g {
		g[i] = float32(r.NormFloat64())
	}
	gemm.NT(spd, g, g, n, n, n, false)
	square := func(u []float32) Array[float32] { return Array[float32]{u, n, n} }
	for name, c := range map[string]struct {
		f      Func[float32]
		in     []Array[float32]
		params []float64
	}{
		"Mul":           {Mul[float32], []Array[float32]{square(g), square(spd)}, nil},
		"Orthogonalize": {Orthogonalize[float32], []Array[float32]{square(g)}, []float64{5}},
		"InvRoot 4":     {InvRoot[float32], []Array[float32]{square(spd)}, []float64{4, 0.1}},
		"InvRoot 3":     {InvRoot[float32], []Array[float32]{square(spd)}, []float64{3, 0.1}},
		"QR":            {QR[float32], []Array[float32]{square(g)}, nil},
		"EigVecs":       {EigVecs[float32], []Array[float32]{square(spd)}, nil},
	} {
		want := make([]float32, n*n)
		c.f(&Call[float32]{Out: square(want), In: c.in, Params: c.params})
		calls := 0
		split := func(items int, run func(int)) {
			calls++
			atOnce(items, run)
		}
		c.f(&Call[float32]{Out: square(product), In: c.in, Params: c.params, Work: &Work[float32]{Split: split}})
		if !sameElements(product, want) {
			t.Errorf("%s: other bits in parts", name)
		}
		if calls == 0 {
			t.Errorf("%s is not done in parts", name)
		}
	}
}
