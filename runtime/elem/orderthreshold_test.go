package elem

import (
	"math"
	"math/big"
	"slices"
	"testing"
)

// exactly is x as a number of which sums and differences are exact.
func exactly(x float64) *big.Float { return new(big.Float).SetPrec(2400).SetFloat64(x) }

// refThreshold sorts and adds without rounding; size is the largest magnitude that the sum has.
func refThreshold(u []float64, r float64) (tau *big.Float, size float64) {
	u = slices.Clone(u)
	slices.SortFunc(u, func(a, b float64) int { return compareOrder(b, a) })
	sum := exactly(0)
	for i, x := range u {
		if math.IsInf(x, -1) {
			break
		}
		with := exactly(0).Add(sum, exactly(x))
		over := exactly(0).Mul(exactly(float64(i+1)), exactly(x))
		if over.Sub(with, over).Cmp(exactly(r)) >= 0 {
			break
		}
		sum, size = with, max(size, r, math.Abs(x))
		tau = exactly(0).Sub(sum, exactly(r))
		tau.Quo(tau, exactly(float64(i+1)))
	}
	return tau, size
}

// thresholdOfSpecial is what the threshold is where it is no sum of numbers.
func thresholdOfSpecial(u []float64, r float64) (tau float64, special bool) {
	inf := math.Inf(1)
	most := -inf
	for _, x := range u {
		if x != x {
			return x, true
		}
		most = max(most, x)
	}
	switch {
	case len(u) == 0 || r != r || r < 0 || r == inf && most == inf:
		return math.NaN(), true
	case most == inf || most == -inf || r == 0:
		return most, true
	case r == inf:
		return -inf, true
	}
	return 0, false
}

func checkThreshold[T Float](t *testing.T, s *rng, u []T, r float64) {
	t.Helper()
	wide := make([]float64, len(u))
	for i, x := range u {
		wide[i] = float64(x)
	}
	got := Threshold(cut(s, u), r)
	if want, special := thresholdOfSpecial(wide, r); special {
		if !sameOrder(got, want) && !(got == 0 && want == 0) {
			t.Fatalf("%T: sum %v of %v is above %v, want %v", u, r, u, got, want)
		}
		return
	}
	want, size := refThreshold(wide, r)
	near, _ := want.Float64()
	bound := math.Abs(near)*0x1p-51 + float64(len(u))*size*0x1p-100 + 0x1p-1073
	if most := max(slices.Max(wide), r); most >= 0x1p900 || slices.ContainsFunc(wide, func(x float64) bool { return x <= -0x1p900 }) {
		bound += 0x1p-970
	}
	off, _ := want.Sub(want, exactly(got)).Float64()
	if !(math.Abs(off) <= bound) {
		t.Fatalf("%T: sum %v of %d values is above %v, not %v: off by %v, bound %v", u, r, len(u), near, got, off, bound)
	}
}

func testThreshold[T Float](t *testing.T) {
	s := rng(21)
	inf := math.Inf(1)
	for n := range 700 {
		if n > 40 && n%37 != 0 {
			continue
		}
		for range 6 {
			u := orderSource[T](&s, n)
			for _, r := range []float64{1, 0, 1e-3, s.float(0, 30), float64(n), 1e-300, 1e300, inf, -1, math.NaN(), math.MaxFloat64, 5e-324} {
				checkThreshold(t, &s, u, r)
			}
		}
	}
	u := make([]T, 100_003)
	for i := range u {
		u[i] = T(s.float(-30, 3))
	}
	for _, r := range []float64{1e-9, 1, 100, 1e6, 1e12} {
		checkThreshold(t, &s, u, r)
	}
}

// TestThresholdOfHuge: sums beyond the range of float64 do not overflow on the way.
func TestThresholdOfHuge(t *testing.T) {
	s, huge := rng(26), math.MaxFloat64
	for _, u := range [][]float64{{huge, huge, huge}, {huge, huge, 1e300, -huge}, {-huge, -huge}, {1, 2, -huge}, {huge, 1e-300}, {0x1p900, 3, -0x1p901},
		{0x1p1022, 0x1p1022, 0x1p1022, 0x1p1022, 0x1p1022}} {
		for _, r := range []float64{1, 1e300, huge, 5e-324, 0x1p900} {
			checkThreshold(t, &s, u, r)
		}
	}
}

func TestThreshold(t *testing.T) {
	t.Run("float32", testThreshold[float32])
	t.Run("float64", testThreshold[float64])
}

// TestThresholdOrder: the answer is that of the values, not of their order or of how they are cut, and what is above the
// threshold adds up.
func TestThresholdOrder(t *testing.T) {
	s := rng(22)
	for range 200 {
		u := make([]float64, 1+s.below(300))
		for i := range u {
			u[i] = s.float(-6, 3)
		}
		r := s.float(-3, 8)
		if r < 0 {
			r = -r
		}
		first := Threshold([][]float64{u}, r)
		for range 4 {
			for i := range u {
				j := s.below(uint64(len(u)))
				u[i], u[j] = u[j], u[i]
			}
			if got := Threshold(cut(&s, u), r); got != first {
				t.Fatalf("%v in one order, %v in another", first, got)
			}
		}
		sum := exactly(0)
		for _, x := range u {
			if x > first {
				sum.Add(sum, exactly(0).Sub(exactly(x), exactly(first)))
			}
		}
		if got, _ := sum.Float64(); !(math.Abs(got-r) <= float64(len(u))*0x1p-51*max(r, math.Abs(first))) {
			t.Fatalf("the sum above %v is %v, not %v", first, got, r)
		}
	}
}

// TestLinesStatistic compares each line's statistic with that of its values alone.
func TestLinesStatistic(t *testing.T) {
	var lines Lines[float32]
	s := rng(23)
	for _, shape := range [][2]int{{1, 1}, {3, 5}, {5, 3}, {40, 7}, {0, 4}, {3, 0}} {
		rows, cols := shape[0], shape[1]
		u := make([]float32, rows*cols)
		for i := range u {
			u[i] = float32(s.float(-5, 3))
		}
		for _, byRow := range []bool{true, false} {
			for stat := StatKth; stat <= StatThreshold; stat++ {
				out := make([]float32, map[bool]int{true: rows, false: cols}[byRow])
				lines.Statistic(stat, out, byRow, u, rows, cols, 2.5)
				for line := range out {
					var values []float32
					for i := range u {
						if byRow && i/cols == line || !byRow && i%cols == line {
							values = append(values, u[i])
						}
					}
					if want := float32(Statistic(stat, [][]float32{values}, 2.5)); !sameOrder(out[line], want) {
						t.Errorf("%v, rows %v, statistic %d of line %d is %v, not %v", shape, byRow, stat, line, out[line], want)
					}
				}
			}
		}
	}
}

func TestThresholdNoAllocation(t *testing.T) {
	s := rng(24)
	parts := cut(&s, orderSource[float32](&s, 5000))
	var sink float64
	if n := testing.AllocsPerRun(20, func() { sink += Threshold(parts, 3) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkThreshold(b *testing.B) {
	s := rng(25)
	u := make([]float32, 1<<20)
	for i := range u {
		u[i] = float32(s.float(-20, 3))
	}
	var sink float64
	for name, run := range map[string]func(){
		"threshold": func() { sink += Threshold([][]float32{u}, 100) },
		"all":       func() { sink += Threshold([][]float32{u}, 1e9) },
		"short":     func() { sink += Threshold([][]float32{u[:64]}, 1) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				run()
			}
		})
	}
}
