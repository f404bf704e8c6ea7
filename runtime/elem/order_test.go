package elem

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
)

// compareOrder is the order of Kth: -0 below +0, NaN above all.
func compareOrder[T Float](a, b T) int {
	switch {
	case a != a || b != b:
		return cmp.Compare(b2i(a != a), b2i(b != b))
	case a == 0 && b == 0:
		return cmp.Compare(b2i(math.Signbit(float64(b))), b2i(math.Signbit(float64(a))))
	}
	return cmp.Compare(a, b)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// orderSource returns n numbers of one of several kinds.
func orderSource[T Float](s *rng, n int) []T {
	u := make([]T, n)
	kind, few := s.below(7), 1+s.below(20)
	special := []float64{math.NaN(), math.Copysign(math.NaN(), -1), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1),
		5e-324, -5e-324, 1e-45, -1e-45, math.MaxFloat64, -math.MaxFloat64, 1}
	for i := range u {
		x := s.arg()
		switch kind {
		case 0: // many ties
			x = float64(s.below(few)) - float64(few/2)
		case 1:
			x = special[s.below(uint64(len(special)))]
		case 2: // all but equal
			x = math.Float64frombits(math.Float64bits(1.5) + s.below(few)<<(29*s.below(2)))
		case 3: // sorted, one way or the other
			x = float64(i) * float64(int(few)-10)
		case 4:
			x = s.float(-3, 3)
		case 5: // one number
			x = special[few%uint64(len(special))]
		}
		u[i] = T(x)
		if x != x { // of either sign, with few bits or many
			u[i] = T(math.Float64frombits(0x7ff<<52 | 1<<s.below(52) | s.next()<<63))
			if isFloat32[T]() {
				u[i] = T(math.Float32frombits(0xff<<23 | 1<<s.below(23) | uint32(s.next())<<31))
			}
		}
	}
	return u
}

// cut returns u in pieces, empty ones among them.
func cut[T any](s *rng, u []T) (parts [][]T) {
	for len(u) > 0 {
		n := min(len(u), int(s.below(1+uint64(len(u)))))
		if s.below(4) == 0 {
			n = 0
		}
		parts, u = append(parts, u[:n:n]), u[n:]
	}
	return append(parts, nil)
}

func sameOrder[T Float](a, b T) bool {
	return math.Float64bits(float64(a)) == math.Float64bits(float64(b)) || a != a && b != b
}

func checkKth[T Float](t *testing.T, s *rng, u []T, ks []int) {
	t.Helper()
	sorted := slices.Clone(u)
	slices.SortFunc(sorted, compareOrder[T])
	parts := cut(s, u)
	for _, k := range ks {
		want := T(math.NaN())
		if k >= 1 && k <= len(u) {
			want = sorted[k-1]
		}
		buf := make([]T, s.below(1<<s.below(13)))
		if got := Kth(parts, k, buf); !sameOrder(got, want) {
			t.Fatalf("%T: number %d of %d in %d parts is %v, want %v", got, k, len(u), len(parts), got, want)
		}
	}
}

// refTopK sorts indexes by value, NaN last, ties in order.
func refTopK[T Float](u []T, k int) []T {
	index := make([]int, len(u))
	for i := range index {
		index[i] = i
	}
	slices.SortStableFunc(index, func(i, j int) int {
		a, b := u[i], u[j]
		if a != a || b != b {
			return cmp.Compare(b2i(a != a), b2i(b != b))
		}
		return compareOrder(b, a)
	})
	marks := make([]T, len(u))
	for _, i := range index[:min(max(k, 0), len(u))] {
		marks[i] = 1
	}
	return marks
}

func checkTopK[T Float](t *testing.T, s *rng, u []T, ks []int) {
	t.Helper()
	for _, k := range ks {
		want := refTopK(u, k)
		got, in := make([]T, len(u)), slices.Clone(u)
		for i := range got {
			got[i] = T(math.NaN())
		}
		at := *s // the same pieces of both
		TopK(cut(&at, got), cut(s, u), k)
		if !slices.Equal(got, want) {
			t.Fatalf("%T: top %d of %d: %v of %v", u, k, len(u), got, u)
		}
		parts := cut(s, in)
		TopK(parts, parts, k)
		if !slices.Equal(in, want) {
			t.Fatalf("%T: top %d of %d in place differ", u, k, len(u))
		}
	}
}

func testOrder[T Float](t *testing.T) {
	s := rng(14)
	for n := range 2001 {
		if n > 70 && n%37 != 0 && n != 2000 {
			continue
		}
		for range 3 {
			u := orderSource[T](&s, n)
			ks := []int{-1, 0, 1, 2, n/2 + 1, n - 1, n, n + 1, 1 + int(s.below(uint64(n)+1)), 1 + int(s.below(uint64(n)+1))}
			checkKth(t, &s, u, ks)
			checkTopK(t, &s, u, ks)
		}
	}
	for kind := range uint64(2) {
		s := rng(100 + kind)
		u := orderSource[T](&s, 200_003)
		checkKth(t, &s, u, []int{1, 3, 100_000, 150_000, 200_002, 200_003})
		checkTopK(t, &s, u, []int{1, 20_000, 200_002})
	}
}

func TestOrder(t *testing.T) {
	t.Run("float32", testOrder[float32])
	t.Run("float64", testOrder[float64])
}

// TestOrderKeys: keys compare as numbers do, and stand for the same bits.
func TestOrderKeys(t *testing.T) {
	s := rng(15)
	for range 100000 {
		a, b := s.arg(), s.arg()
		if a == a && b == b {
			if got, want := cmp.Compare(orderKey(a, 0), orderKey(b, 0)), compareOrder(a, b); got != want {
				t.Fatalf("keys of %v and %v compare as %d", a, b, got)
			}
			x, y := float32(a), float32(b)
			if got, want := cmp.Compare(orderKey(x, 0), orderKey(y, 0)), compareOrder(x, y); got != want {
				t.Fatalf("keys of float32 %v and %v compare as %d", x, y, got)
			}
			if !sameOrder(orderValue[float64](orderKey(a, 0)), a) || !sameOrder(orderValue[float32](orderKey(x, 0)), x) {
				t.Fatalf("the key of %v stands for another number", a)
			}
		}
	}
}

func TestOrderAllocates(t *testing.T) {
	u, marks := make([]float32, 5000), make([]float32, 5000)
	Normal(u, Stream{}, 0)
	parts, dst := [][]float32{u[:17], u[17:]}, [][]float32{marks[:17], marks[17:]}
	if n := testing.AllocsPerRun(20, func() { TopK(dst, parts, 1000); sink += float64(Kth(parts, 99, nil)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func benchOrder[T Float](b *testing.B) {
	const n = 1 << 20
	u, marks, buf := make([]T, n), make([]T, n), make([]T, n/3)
	Normal(u, Stream{}, 0)
	equal := make([]T, n)
	for name, f := range map[string]func(){
		"kth":        func() { sink += float64(Kth([][]T{u}, n/3, nil)) },
		"kth-buffer": func() { sink += float64(Kth([][]T{u}, n/3, buf)) },
		"kth-equal":  func() { sink += float64(Kth([][]T{equal}, n/3, nil)) },
		"topk":       func() { TopK([][]T{marks}, [][]T{u}, n/10) },
	} {
		b.Run(fmt.Sprintf("%s/%T", name, u), func(b *testing.B) {
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
		})
	}
}

func BenchmarkOrder(b *testing.B) {
	benchOrder[float32](b)
	benchOrder[float64](b)
}
