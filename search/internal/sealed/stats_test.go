package sealed

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(1, math.Abs(b)) }

func TestSignTest(t *testing.T) {
	for _, c := range []struct {
		wins, losses int
		want         float64
	}{{18, 6, 190051.0 / (1 << 24)}, {17, 7, 536155.0 / (1 << 24)}, {20, 4, 12951.0 / (1 << 24)}, {24, 0, 1.0 / (1 << 24)}, {0, 24, 1}, {0, 0, 1}, {5, 0, 1.0 / 32}, {9, 1, 11.0 / 1024}} {
		if got := signTest(c.wins, c.losses); got != c.want {
			t.Errorf("%d wins, %d losses: %v, not %v", c.wins, c.losses, got, c.want)
		}
	}
	for n := 1; n <= mostTasks; n += 1 + n/3 {
		for wins := 0; wins <= n; wins += 1 + n/10 {
			want := distuv.Binomial{N: float64(n), P: 0.5}.Survival(float64(wins) - 1)
			if wins == 0 {
				want = 1
			}
			if got := signTest(wins, n-wins); math.Abs(got-want) > 1e-9 {
				t.Errorf("%d of %d: %v, not %v", wins, n, got, want)
			}
		}
	}
}

// allSigns sums up ranks over all choices of signs.
func allSigns(d []float64) float64 {
	ranks, sum := signedRanks(d)
	least := 0
	for signs := range 1 << len(ranks) {
		s := 0
		for i, r := range ranks {
			if signs>>i&1 == 1 {
				s += r
			}
		}
		if s >= sum {
			least++
		}
	}
	return float64(least) / float64(int(1)<<len(ranks))
}

func TestSignedRankTest(t *testing.T) {
	// Differences of n ranks whose negative ones sum up to w, and the bounds of tables (Wilcoxon 1947): the greatest w of a level.
	of := func(n, w int) (d []float64) {
		for r := n; r >= 1; r-- {
			v := float64(r)
			if r <= w {
				w, v = w-r, -v
			}
			d = append(d, v)
		}
		return d
	}
	for _, c := range []struct {
		n, w  int
		level float64
	}{{5, 0, 0.05}, {8, 3, 0.025}, {10, 8, 0.025}, {10, 10, 0.05}, {15, 25, 0.025}, {20, 52, 0.025}, {20, 60, 0.05}, {24, 81, 0.025}, {24, 91, 0.05}, {24, 69, 0.01}} {
		if p, next := signedRankTest(of(c.n, c.w)), signedRankTest(of(c.n, c.w+1)); !(p <= c.level && next > c.level) {
			t.Errorf("n %d: %v at %d, %v at the next, not on both sides of %v", c.n, p, c.w, next, c.level)
		}
	}
	for _, c := range []struct {
		d    []float64
		want float64
	}{{nil, 1}, {[]float64{0, 0}, 1}, {[]float64{1, 2, 3, 0}, 1.0 / 8}, {[]float64{-1, -2, -3}, 1}, {[]float64{1, 1, -1}, 4.0 / 8}, {of(24, 0), 1.0 / (1 << 24)}} {
		if got := signedRankTest(c.d); got != c.want {
			t.Errorf("%v: %v, not %v", c.d, got, c.want)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		d := make([]float64, r.IntN(12))
		for i := range d {
			d[i] = float64(r.IntN(9) - 3) // with ties and zeros
		}
		if got, want := signedRankTest(d), allSigns(d); !near(got, want) {
			t.Errorf("%v: %v, not %v", d, got, want)
		}
	}
}

func TestHolm(t *testing.T) {
	for _, c := range []struct{ p, want []float64 }{
		{[]float64{0.01, 0.04, 0.03, 0.005}, []float64{0.03, 0.06, 0.06, 0.02}},
		{[]float64{0.5, 0.5, 0.5}, []float64{1, 1, 1}},
		{[]float64{0.02}, []float64{0.02}},
		{[]float64{0.01, 0.012}, []float64{0.02, 0.02}},
		{nil, []float64{}},
	} {
		got := holm(c.p)
		if !slices.EqualFunc(got, c.want, near) {
			t.Errorf("%v: %v, not %v", c.p, got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{5, 1, 3}, 3}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(c.of); got != c.want {
			t.Errorf("%v: %v", c.of, got)
		}
	}
}
