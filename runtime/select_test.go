package runtime

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

// newSelector has room for so many elements, in so many parts.
func newSelector[T Float](workers, elements, parts int) *selector[T] {
	o := &Optimizer[T]{}
	o.workers = workers
	o.x = make([][]T, parts)
	s := new(selector[T])
	s.ready(o, elements)
	s.args = new(Args)
	return s
}

// selections are arrays of kinds that a sample tells of, and of kinds that it does not.
func selections[T Float](r *rand.Rand, n int) map[string][]T {
	make1 := func(f func(i int) float64) []T {
		u := make([]T, n)
		for i := range u {
			u[i] = T(f(i))
		}
		return u
	}
	special := []float64{math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 1, 5e-324, 1e-45, -1e-45}
	hidden := r.IntN(n)
	return map[string][]T{
		"normal":  make1(func(int) float64 { return r.NormFloat64() }),
		"sorted":  make1(func(i int) float64 { return float64(i) }),
		"falling": make1(func(i int) float64 { return -float64(i) }),
		"ties":    make1(func(int) float64 { return float64(r.IntN(3)) }),
		"some ties": make1(func(int) float64 {
			if r.IntN(2) == 0 {
				return 0.5
			}
			return r.NormFloat64()
		}),
		"zeros":    make1(func(int) float64 { return math.Copysign(0, r.Float64()-0.5) }),
		"special":  make1(func(int) float64 { return special[r.IntN(len(special))] }),
		"one":      make1(func(int) float64 { return 3 }),
		"-inf":     make1(func(int) float64 { return math.Inf(-1) }),
		"periodic": make1(func(i int) float64 { return float64(i % 128) }),
		"a NaN": make1(func(i int) float64 {
			if i == hidden {
				return math.NaN()
			}
			return r.NormFloat64()
		}),
		"a peak": make1(func(i int) float64 {
			if i == hidden {
				return 1e9
			}
			return r.NormFloat64()
		}),
		"sparse": make1(func(int) float64 { return math.Max(0, r.NormFloat64()-1) }),
		"wide":   make1(func(int) float64 { return math.Exp(20 * r.NormFloat64()) }),
	}
}

// inParts cuts u at chance places.
func inParts[T any](r *rand.Rand, u []T, parts int) [][]T {
	var out [][]T
	for ; parts > 1; parts-- {
		n := r.IntN(len(u) + 1)
		out, u = append(out, u[:n:n]), u[n:]
	}
	return append(out, u)
}

// TestSelector holds the selector to what package elem defines, by bits.
func TestSelector(t *testing.T) {
	t.Run("float32", testSelector[float32])
	t.Run("float64", testSelector[float64])
}

func testSelector[T Float](t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{smallSelection - 1, smallSelection + 5, 5*smallSelection + 3, chunkElements + 77} {
		for name, u := range selections[T](r, n) {
			for _, workers := range []int{1, 3}[n/chunkElements:] {
				s := newSelector[T](workers, n, 4)
				for _, k := range []int{0, 1, (n + 1) / 2, n - 5, n} {
					parts := inParts(r, u, 4)
					got, want := s.statistic(elem.StatKth, parts, float64(k)), elem.Statistic(elem.StatKth, parts, float64(k))
					if !sameBits(got, want) {
						t.Fatalf("%d %s, %d workers: number %d is %v, want %v", n, name, workers, k, got, want)
					}
					marks, wanted := make([]T, n), make([]T, n)
					s.topK(cutLike(parts, marks), parts, k)
					elem.TopK(cutLike(parts, wanted), parts, k)
					for i := range marks {
						if marks[i] != wanted[i] {
							t.Fatalf("%d %s, %d workers: top %d: mark %d is %v, want %v", n, name, workers, k, i, marks[i], wanted[i])
						}
					}
				}
				for _, sum := range []float64{1e-3, 10, float64(n), math.Inf(1), 0} {
					parts := inParts(r, u, 4)
					got, want := s.statistic(elem.StatThreshold, parts, sum), elem.Statistic(elem.StatThreshold, parts, sum)
					if !sameBits(got, want) {
						t.Fatalf("%d %s, %d workers: the threshold of %v is %v, want %v", n, name, workers, sum, got, want)
					}
				}
			}
		}
	}
}

func sameBits(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

// cutLike cuts u as parts are cut.
func cutLike[T any](parts [][]T, u []T) (out [][]T) {
	for _, p := range parts {
		out, u = append(out, u[:len(p):len(p)]), u[len(p):]
	}
	return out
}

// TestSelectorIsUsed: of usual numbers nothing is left to package elem, at any rank, and nothing is allocated.
func TestSelectorIsUsed(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	const n = 1 << 20
	u := selections[float32](r, n)["normal"]
	parts := [][]float32{u[:n/3], u[n/3:]}
	s := newSelector[float32](1, n, 2)
	for _, k := range []int{1, 10, n / 100, n / 2, n - n/100, n} {
		if _, ok := s.kth(parts, k); !ok {
			t.Errorf("number %d is left to package elem", k)
		}
	}
	for _, sum := range []float64{1e-3, 1, 100} {
		if _, ok := s.threshold(parts, sum); !ok {
			t.Errorf("the threshold of %v is left to package elem", sum)
		}
	}
	marks := cutLike(parts, make([]float32, n))
	if got := testing.AllocsPerRun(3, func() {
		s.topK(marks, parts, 1000)
		s.statistic(elem.StatKth, parts, n/2)
		s.statistic(elem.StatThreshold, parts, 1)
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// TestSift holds the vector code to the portable loop, for every tail and in place.
func TestSift(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, -1e-45, 1, -1}
	for n := range 200 {
		u := make([]float32, n)
		for i := range u {
			if u[i] = float32(r.NormFloat64()); r.IntN(4) == 0 {
				u[i] = special[r.IntN(len(special))]
			}
		}
		lo, hi := float32(r.NormFloat64()), float32(r.NormFloat64()+1)
		var want []float32
		le, gt := 0, 0
		for _, x := range u {
			if x <= lo {
				le++
			}
			if x > lo {
				gt++
			}
			if x > lo && x < hi {
				want = append(want, x)
			}
		}
		for _, in := range []bool{false, true} {
			to := make([]float32, n+pieceSlack)
			from := u
			if in {
				copy(to, u)
				from = to[:n]
			}
			a, b, c := sift(to, from, lo, hi)
			if a != le || b != gt || c != len(want) {
				t.Fatalf("%d elements: %d, %d and %d, want %d, %d and %d", n, a, b, c, le, gt, len(want))
			}
			for i, x := range want {
				if to[i] != x {
					t.Fatalf("%d elements, in place %v: kept %v, want %v", n, in, to[:c], want)
				}
			}
		}
	}
}

func BenchmarkSelector(b *testing.B) {
	for _, n := range []int{smallSelection, 1 << 14, 1 << 16, 4 << 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkSelector(b, n) })
	}
}

func benchmarkSelector(b *testing.B, n int) {
	r := rand.New(rand.NewPCG(1, 2))
	u := selections[float32](r, n)["normal"]
	marks := make([]float32, n)
	s := newSelector[float32](1, n, 1)
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"median", func() { s.statistic(elem.StatKth, [][]float32{u}, float64(n/2)) }},
		{"median-elem", func() { elem.Statistic(elem.StatKth, [][]float32{u}, float64(n/2)) }},
		{"largest", func() { s.topK([][]float32{marks}, [][]float32{u}, 1) }},
		{"largest-elem", func() { elem.TopK([][]float32{marks}, [][]float32{u}, 1) }},
		{"threshold", func() { s.statistic(elem.StatThreshold, [][]float32{u}, 1) }},
		{"threshold-elem", func() { elem.Statistic(elem.StatThreshold, [][]float32{u}, 1) }},
		{"read", func() { sink += sumAll(u) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.run()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/element")
		})
	}
}

var sink float64

// sumAll reads u in vectors.
func sumAll(u []float32) float64 {
	var a elem.Acc[float32]
	a.Reset(elem.ReduceSum)
	sumWide(a.Lanes(), u)
	return a.Value()
}
