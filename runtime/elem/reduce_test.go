package elem

import (
	"math"
	"math/rand/v2"
	"testing"
)

// op states an operation apart from the package's code.
func op[T Float](r Reduction, a, b T) T {
	if r == ReduceSum {
		return a + b
	}
	switch {
	case a != a || b != b:
		return T(math.NaN())
	case a == b && math.Signbit(float64(a)) == (r == ReduceMin):
		return a
	case a == b:
		return b
	case (a < b) == (r == ReduceMin):
		return a
	}
	return b
}

// tree states the reduction tree with lists: the block is dealt to the lanes,
// each lane folded, then the list of lanes halved by adding its second half to
// its first.
func tree[T Float](r Reduction, u []T, lanes int) float64 {
	id := map[Reduction]float64{ReduceSum: 0, ReduceMin: math.Inf(1), ReduceMax: math.Inf(-1)}[r]
	total := id
	for start := 0; start < len(u); start += 1024 {
		row := make([]T, lanes)
		for k := range row {
			row[k] = T(id)
			for i := start + k; i < min(start+1024, len(u)); i += lanes {
				row[k] = op(r, row[k], u[i])
			}
		}
		for len(row) > 1 {
			half := len(row) / 2
			next := make([]T, half)
			for i := range next {
				next[i] = op(r, row[i], row[half+i])
			}
			row = next
		}
		total = op(r, total, float64(row[0]))
	}
	return total
}

func reductionSizes() (sizes []int) {
	for n := range 68 {
		sizes = append(sizes, n)
	}
	return append(sizes, 1023, 1024, 1025, 2047, 2048, 2049, 5000, 10*1024+17)
}

func testReduce[T Float](t *testing.T, lanes int) {
	if Lanes[T]() != lanes {
		t.Fatalf("%d lanes, want %d", Lanes[T](), lanes)
	}
	s := rng(11)
	for _, n := range reductionSizes() {
		for special := range 3 {
			u := make([]T, n)
			for i := range u {
				u[i] = T(s.float(-8, 8))
				if special > 0 && s.below(20) == 0 {
					u[i] = T([]float64{zero, neg0, inf, -inf, 0x1p-149, nan}[s.below(uint64(4+special))])
				}
			}
			for r := ReduceSum; r <= ReduceMax; r++ {
				if got, want := Reduce(r, u), tree(r, u, lanes); !same(got, want) {
					t.Errorf("%v of %d elements: %v, want %v", r, n, got, want)
				}
			}
		}
	}
}

func TestReduce32(t *testing.T) { testReduce[float32](t, 32) }
func TestReduce64(t *testing.T) { testReduce[float64](t, 16) }

// TestReducePermuted: minimum and maximum do not depend on the order of the
// elements, signed zeros included; the sum does, and permuting equal lanes of
// whole rows keeps it.
func TestReducePermuted(t *testing.T) {
	s := rng(5)
	u := make([]float32, 3000)
	for i := range u {
		u[i] = float32(s.float(-3, 3))
	}
	u[17], u[1500] = 0, float32(neg0)
	lo, hi, sum := Reduce(ReduceMin, u), Reduce(ReduceMax, u), Reduce(ReduceSum, u)
	differs := false
	for range 50 {
		for i := range u {
			j := int(s.below(uint64(i + 1)))
			u[i], u[j] = u[j], u[i]
		}
		if Reduce(ReduceMin, u) != lo || Reduce(ReduceMax, u) != hi {
			t.Fatal("minimum or maximum changed with the order")
		}
		differs = differs || Reduce(ReduceSum, u) != sum
	}
	if !differs {
		t.Error("the float32 sum of 3000 numbers never changed with the order")
	}
	for _, z := range [][]float64{{zero, neg0}, {neg0, zero}} {
		if !same(Reduce(ReduceMin, z), neg0) || !same(Reduce(ReduceMax, z), zero) {
			t.Errorf("extremes of %v", z)
		}
	}
}

// TestReduceByBlocks: workers that reduce whole blocks and combine them in
// order get the same bits.
func TestReduceByBlocks(t *testing.T) {
	s := rng(6)
	u := make([]float64, 7*Block+100)
	for i := range u {
		u[i] = s.float(-20, 20)
	}
	for r := ReduceSum; r <= ReduceMax; r++ {
		value := Identity(r)
		for start := 0; start < len(u); start += Block {
			value = Combine(r, value, ReduceBlock(r, u[start:min(start+Block, len(u))]))
		}
		if got := Reduce(r, u); got != value {
			t.Errorf("%v: %v, by blocks %v", r, got, value)
		}
	}
}

func TestReduceEmpty(t *testing.T) {
	for r, want := range map[Reduction]float64{ReduceSum: zero, ReduceMin: inf, ReduceMax: -inf} {
		if !same(Reduce[float32](r, nil), want) || !same(ReduceBlock[float64](r, nil), want) || !same(Identity(r), want) {
			t.Errorf("%v of nothing is not %v", r, want)
		}
	}
	if !same(Reduce(ReduceSum, []float32{float32(neg0)}), zero) {
		t.Error("a sum starts from +0")
	}
}

// TestFewElements holds the short way for a few elements to the lanes.
func TestFewElements(t *testing.T) {
	special := []float64{0, math.Copysign(0, -1), 1, -1, 3e-320, math.NaN(), math.Inf(1), math.Inf(-1), 0.1, 1e300}
	rng := rand.New(rand.NewPCG(5, 6))
	for n := range LaneBytes/16 + 1 {
		for range 200 {
			u := make([]float64, n)
			for i := range u {
				if u[i] = rng.NormFloat64(); rng.IntN(4) == 0 {
					u[i] = special[rng.IntN(len(special))]
				}
			}
			for _, r := range []Reduction{ReduceSum, ReduceMin, ReduceMax} {
				var a Acc[float64]
				a.Reset(r)
				for i, v := range u {
					switch r {
					case ReduceMin:
						a.AddMin(i, v)
					case ReduceMax:
						a.AddMax(i, v)
					default:
						a.Add(i, v)
					}
				}
				got, want := ReduceBlock(r, u), a.Value()
				if math.Float64bits(got) != math.Float64bits(want) && (got == got || want == want) {
					t.Fatalf("%s of %v is %v, by lanes %v", r, u, got, want)
				}
			}
		}
	}
}
