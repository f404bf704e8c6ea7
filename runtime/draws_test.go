package runtime

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

// drawEngines are the engines whose draws are to be held to package elem's.
func drawEngines(t testing.TB) (all []Engine) {
	for e := range Engine(NumEngines) {
		if Has(e) {
			all = append(all, e)
		}
	}
	t.Logf("engines %v", all)
	return all
}

// anyStream has fields of every size, the largest ones among them, and a range that begins next to where words of the
// counter overflow.
func anyStream(r *rand.Rand) (s elem.Stream, from int) {
	s = elem.Stream{Seed: r.Uint64(), Step: r.Uint64() >> r.IntN(64), Tensor: r.Uint32() >> r.IntN(32),
		Site: r.Uint32() >> r.IntN(32), Turn: r.Uint32() >> r.IntN(32)}
	if r.IntN(8) == 0 {
		s = elem.Stream{Seed: math.MaxUint64, Step: 1<<40 - 1, Tensor: 1<<24 - 1, Site: 1<<12 - 1, Turn: 1<<12 - 1}
	}
	from = int(r.Uint64() >> (23 + r.IntN(41)) & math.MaxInt)
	if r.IntN(4) == 0 { // 2^32 blocks
		from = int(min(uint64(1)<<34, math.MaxInt)) - r.IntN(3000)
	}
	return s, from
}

// TestDraws holds the draws of every engine to package elem's, bit for bit, for any address, offset and length, and that
// nothing else is written.
func TestDraws(t *testing.T) {
	for _, e := range drawEngines(t) {
		testDraws(t, fmt.Sprint(e, " words"), func(dst []uint32, s elem.Stream, from int) { drawWords(e, dst, s, from) }, elem.Words)
		testFloatDraws[float32](t, e)
		testFloatDraws[float64](t, e)
	}
}

func testFloatDraws[T Float](t *testing.T, e Engine) {
	type fill = func([]T, elem.Stream, int)
	of := func(f func(Engine, []T, elem.Stream, int)) fill {
		return func(dst []T, s elem.Stream, from int) { f(e, dst, s, from) }
	}
	var zero T
	for name, f := range map[string][2]fill{
		"uniform": {of(drawUniform[T]), elem.Uniform[T]}, "normal": {of(drawNormal[T]), elem.Normal[T]},
		"rademacher": {of(drawRademacher[T]), elem.Rademacher[T]},
	} {
		testDraws(t, fmt.Sprintf("%v %T %s", e, zero, name), f[0], f[1])
	}
}

func testDraws[T comparable](t *testing.T, name string, draw, ref func([]T, elem.Stream, int)) {
	r := rand.New(rand.NewPCG(uint64(len(name)), 3))
	var zero T
	for range 150 {
		s, from := anyStream(r)
		n := r.IntN(1 << r.IntN(14))
		want, got := make([]T, n), make([]T, n+80)
		ref(want, s, from)
		at := r.IntN(40) // any alignment
		draw(got[at:at+n], s, from)
		for i, x := range got {
			switch in := i >= at && i < at+n; {
			case in && x != want[i-at]:
				t.Fatalf("%s: element %d+%d of %d of %+v is %v, want %v", name, from, i-at, n, s, x, want[i-at])
			case !in && x != zero:
				t.Fatalf("%s: %d elements written beyond the range", name, i)
			}
		}
	}
}

// TestDrawsAllocateNothing: a step may not.
func TestDrawsAllocateNothing(t *testing.T) {
	s := elem.Stream{Seed: 3}
	u, v, w := make([]float32, 3000), make([]float64, 3000), make([]uint32, 3000)
	for _, e := range drawEngines(t) {
		n := testing.AllocsPerRun(3, func() {
			drawWords(e, w, s, 1)
			drawUniform(e, u, s, 1)
			drawNormal(e, u, s, 1)
			drawRademacher(e, u, s, 1)
			drawUniform(e, v, s, 1)
			drawNormal(e, v, s, 1)
			drawRademacher(e, v, s, 1)
		})
		if n != 0 {
			t.Errorf("%v: %v allocations", e, n)
		}
	}
}

// TestNormalWords holds the vector code to package elem's conversions where bits are scarce, which random ones never are:
// whole and empty words, single bits, and those next to where the logarithm's exponent or the quarter steps.
func TestNormalWords(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 3))
	special := []uint32{0, 1, 2, 3, math.MaxUint32, math.MaxUint32 - 1, 1 << 31, 1<<31 - 1, 0xb504f333, 0xb504f300, 1 << 29, 3 << 29, 5 << 29}
	word := func() uint32 {
		switch r.IntN(4) {
		case 0:
			return special[r.IntN(len(special))]
		case 1:
			return 0xb504f333>>r.IntN(32) + uint32(r.IntN(512)) - 256
		case 2:
			return r.Uint32() >> r.IntN(32)
		}
		return ^(r.Uint32() >> r.IntN(32))
	}
	for _, e := range drawEngines(t) {
		if !drawsWide(e) {
			continue
		}
		for range 2000 {
			words := make([]uint32, 3*elem.DrawUnit)
			for i := range words {
				words[i] = word()
			}
			want := make([]float32, len(words))
			elem.NormalOf32(want, words)
			wideNormal(e, words)
			for i, x := range want {
				if words[i] != math.Float32bits(x) {
					t.Fatalf("%v: element %d is %v, want %v", e, i, math.Float32frombits(words[i]), x)
				}
			}
		}
	}
}

// BenchmarkDraws measures every kind and engine over a window, in the cache.
func BenchmarkDraws(b *testing.B) {
	s := elem.Stream{Seed: 1, Step: 7}
	u, v, w := make([]float32, windowElements), make([]float64, windowElements), make([]uint32, windowElements)
	for _, e := range drawEngines(b) {
		for name, f := range map[string]func(){
			"words":        func() { drawWords(e, w, s, 0) },
			"uniform32":    func() { drawUniform(e, u, s, 0) },
			"normal32":     func() { drawNormal(e, u, s, 0) },
			"rademacher32": func() { drawRademacher(e, u, s, 0) },
			"uniform64":    func() { drawUniform(e, v, s, 0) },
			"normal64":     func() { drawNormal(e, v, s, 0) },
		} {
			b.Run(fmt.Sprint(e, "/", name), func(b *testing.B) {
				for b.Loop() {
					f()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/windowElements, "ns/element")
			})
		}
	}
}
