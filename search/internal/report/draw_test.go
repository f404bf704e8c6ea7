package report

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

// TestThin asks that thinning keeps the extremes, the ends and the order of a curve, and its gaps.
func TestThin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n, most := 1+r.IntN(5000), 5+r.IntN(400)
		var curve []point
		x := 0.0
		for range n {
			y := r.NormFloat64()
			if r.IntN(50) == 0 {
				y = oddNumbers[r.IntN(3)]
			}
			curve = append(curve, point{x, y})
			x += r.ExpFloat64()
		}
		a := newAxis(0, x)
		if r.IntN(2) == 0 {
			a.lo, a.log = 1, x > 2
			if !a.log {
				a.lo = 0
			}
		}
		got := thin(curve, most, a)
		checkThin(t, curve, got, most)
	}
}

func checkThin(t *testing.T, curve, got []point, most int) {
	t.Helper()
	known := func(list []point) []point {
		return slices.DeleteFunc(slices.Clone(list), func(p point) bool { return !elem.IsFinite(p.y) })
	}
	before, after := known(curve), known(got)
	if len(got) > max(most, 5) || len(before) > 0 && len(after) == 0 {
		t.Fatalf("%d points of %d, at most %d", len(got), len(curve), most)
	}
	if len(before) == 0 {
		return
	}
	lower := func(a, b point) int { return falling(b.y, a.y) }
	if slices.MinFunc(before, lower).y != slices.MinFunc(after, lower).y || slices.MaxFunc(before, lower).y != slices.MaxFunc(after, lower).y {
		t.Fatalf("the extremes of %d points are lost", len(curve))
	}
	if before[0] != after[0] || before[len(before)-1] != after[len(after)-1] {
		t.Fatal("an end is lost")
	}
	if !slices.IsSortedFunc(after, func(a, b point) int { return falling(b.x, a.x) }) {
		t.Fatal("the order is lost")
	}
	for i := 1; i < len(got); i++ {
		if !elem.IsFinite(got[i].y) && !elem.IsFinite(got[i-1].y) {
			t.Fatal("a gap is there twice")
		}
	}
}

// TestBands asks that each band covers what it is of.
func TestBands(t *testing.T) {
	values := make([]float64, 1000)
	for i := range values {
		values[i] = math.Sin(float64(i))
	}
	values[500], values[501] = math.NaN(), math.Inf(1)
	b := bands(values, 1000, 60)
	if len(b.mean) != 60 || slices.Min(b.low) != slices.Min(values[:500]) {
		t.Errorf("%d bands, the lowest %v", len(b.mean), slices.Min(b.low))
	}
	for i := range b.mean {
		if !(b.low[i] <= b.mean[i] && b.mean[i] <= b.high[i]) || i > 0 && b.at[i] <= b.at[i-1] {
			t.Errorf("band %d: %v in [%v, %v] at %v", i, b.mean[i], b.low[i], b.high[i], b.at[i])
		}
	}
	if b := bands([]float64{math.Inf(1)}, 1, 60); len(b.mean) != 1 || !math.IsNaN(b.mean[0]) {
		t.Errorf("%+v", b)
	}
	bands(nil, 0, 60)
}

// TestThinForms asks that the best of each size stays.
func TestThinForms(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var forms []Form
	best := map[int]float64{}
	for i := range 20_000 {
		f := Form{ID: strconv.Itoa(i), Size: r.IntN(20), StateBytes: 4 * r.IntN(4), Rungs: r.IntN(4), Bound: r.NormFloat64()}
		forms = append(forms, f)
		if b, ok := best[f.Size]; !ok || f.Bound > b {
			best[f.Size] = f.Bound
		}
	}
	got := thinForms(forms, "77", 1000)
	if len(got) > 1000 || len(got) < 300 || got[0].ID != "77" {
		t.Fatalf("%d forms", len(got))
	}
	for _, f := range got {
		if f.Bound == best[f.Size] {
			delete(best, f.Size)
		}
	}
	if len(best) > 0 {
		t.Errorf("the best of sizes %v are lost", best)
	}
	front := frontOf(forms, 3)
	if !slices.IsSortedFunc(front, func(a, b point) int { return falling(b.y, a.y) }) || len(front) == 0 {
		t.Errorf("the front is %v", front)
	}
}

// TestTicks asks for a few ticks on any axis, in order, on it, and labelled as what they are.
func TestTicks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	for range 3000 {
		lo := r.NormFloat64() * math.Pow(10, float64(r.IntN(40)-20))
		a := newAxis(lo, lo+math.Abs(r.NormFloat64())*math.Pow(10, float64(r.IntN(40)-20)))
		if a.lo > 0 && r.IntN(2) == 0 {
			a.log = true
		}
		most := 2 + r.IntN(10)
		ticks := a.ticks(most)
		if len(ticks) > 2*most+18 || len(ticks) < 2 {
			t.Fatalf("%+v: %v", a, ticks)
		}
		for i, k := range ticks {
			if p := a.at(k.at); p < -1e-6 || p > 1+1e-6 {
				t.Fatalf("%+v: %v lies at %v", a, k.at, p)
			}
			if i > 0 && (k.at <= ticks[i-1].at || k.label == ticks[i-1].label) && a.hi-a.lo > 0.01*math.Abs(a.hi) {
				t.Fatalf("%+v: %v after %v", a, k, ticks[i-1])
			}
		}
	}
	for _, c := range []struct {
		a    axis
		most int
		want string
	}{
		{axis{lo: 0, hi: 1}, 5, "0 0.2 0.4 0.6 0.8 1.0"}, {axis{lo: -3, hi: 1.5}, 5, "−3 −2 −1 0 1"}, {axis{lo: 0, hi: 1_240_812, whole: true}, 8, "0 200K 400K 600K 800K 1M 1.2M"},
		{axis{lo: 0, hi: 3, whole: true}, 9, "0 1 2 3"}, {axis{lo: 1, hi: 1e6, log: true, whole: true}, 8, "1 10 100 1000 10K 100K 1M"}, {axis{lo: 1e-6, hi: 1e6, log: true}, 4, "10⁻⁶ 0.001 1 1000 10⁶"},
		{axis{lo: 0.02, hi: 3, log: true}, 8, "0.02 0.05 0.1 0.2 0.5 1 2"}, {axis{lo: 0, hi: 3e-9}, 3, "0 10⁻⁹ 2·10⁻⁹ 3·10⁻⁹"},
	} {
		var labels []string
		for _, k := range c.a.ticks(c.most) {
			labels = append(labels, k.label)
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%+v: %s, not %s", c.a, got, c.want)
		}
	}
	for _, ends := range [][2]float64{{0, 0}, {math.Inf(-1), math.Inf(1)}, {-math.MaxFloat64, math.MaxFloat64}, {1, 1 + 1e-16}, {5e-324, 5e-324}, {2, 1}} {
		a := newAxis(ends[0], ends[1])
		if !(a.lo < a.hi) {
			t.Errorf("%v: %+v", ends, a)
		}
	}
}

// TestLossAxis asks that a run that diverges does not flatten the others.
func TestLossAxis(t *testing.T) {
	good, bad := bands([]float64{2, 1, 0.9, 0.8}, 4, 60), bands([]float64{2, 1, 1e30, math.Inf(1)}, 4, 60)
	if a, ok := lossAxis([]band{good, bad}); !ok || a.hi > 5 || a.log {
		t.Errorf("%+v", a)
	}
	if a, ok := lossAxis([]band{bands([]float64{2, 1e-3}, 2, 60)}); !ok || !a.log {
		t.Errorf("%+v", a)
	}
	if _, ok := lossAxis([]band{bands([]float64{math.NaN()}, 1, 60)}); ok {
		t.Error("an axis of nothing")
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{number(math.NaN(), 3), "–"}, {number(math.Inf(-1), 3), "−∞"}, {number(1234.5, 3), "1234"}, {number(-0.00001, 2), "−10⁻⁵"}, {number(2.5e-7, 3), "2.5·10⁻⁷"}, {number(1e20, 3), "10²⁰"},
		{score(-0.004), "0.00"}, {score(0.126), "+0.13"}, {score(-1), "−1.00"}, {score(math.Inf(1)), "+∞"}, {fixed(1e9, 2), "1000000000"},
		{short(9999), "9999"}, {short(1_240_812), "1.24M"}, {short(999_999), "1M"}, {short(12_345), "12.3K"}, {short(-5e9), "−5G"},
		{whole(1240812), "1,240,812"}, {whole(-1000), "−1,000"}, {whole(math.MinInt64), "−9,223,372,036,854,775,808"},
		{duration(90), "90 s"}, {duration(600), "10 min"}, {duration(11312), "3.14 h"}, {duration(864000), "10 d"}, {duration(-1), "–"},
		{inBytes(999), "999 bytes"}, {inBytes(187_400_000), "187 MB"}, {percent(1, 0), "–"}, {percent(1, 3), "33.3 %"},
		{cut("abcdef", 4), "abc…"}, {cut("äöü", 3), "äöü"}, {cut("äöüß", 3), "äö…"}, {cut("", 3), ""},
		{quoted("a.search"), "a.search"}, {quoted("it's"), `'it'\''s'`}, {quoted(""), "''"}, {quoted("$(x)"), "'$(x)'"},
		{pValue(0.00001), "< 0.0001"}, {pValue(math.NaN()), "–"}, {pValue(0.0333), "0.033"}, {string(tame([]byte("a\x00\xff\u202e\tb\n"))), "a���\tb\n"},
	} {
		if c.got != c.want {
			t.Errorf("%q, not %q", c.got, c.want)
		}
	}
}
