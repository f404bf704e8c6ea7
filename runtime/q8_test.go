package runtime

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/optc-lang/optc/internal/guard"
	"github.com/optc-lang/optc/runtime/elem"
)

// narrowEngines are those of this machine with vector code for storage formats.
func narrowEngines() (list []Engine) {
	for e := range Engine(NumEngines) {
		if Has(e) && narrowsWide(e) {
			list = append(list, e)
		}
	}
	return list
}

// q8Block returns a block of a kind of its own: of many sizes, of one, subnormal, mostly zeros, at float32's ends, near codes
// and the middles between them, all equal, one huge, or with something that is no number or below zero.
func q8Block(r *rand.Rand, signed bool) []float32 {
	w := make([]float32, elem.Q8Block)
	origin, top := uint32(0x37880088), 255
	if signed {
		origin, top = 0x3b888889, 127
	}
	kind, size := r.IntN(10), math.Ldexp(1, r.IntN(250)-126)
	for i := range w {
		x := r.NormFloat64()
		switch kind {
		case 0:
			x *= math.Exp(30 * r.NormFloat64())
		case 1:
			x = float64(math.Float32frombits(r.Uint32() >> 9 << r.IntN(3)))
		case 2:
			x *= float64(r.IntN(20) / 19)
		case 3:
			x = math.MaxFloat32 * float64(r.IntN(4)) / 3
		case 4, 5:
			f := math.Float32frombits(origin+uint32(r.IntN(2*top+1))<<18) - math.Float32frombits(origin)
			x = size * float64(math.Float32frombits(math.Float32bits(f)+uint32(r.IntN(9))-min(4, math.Float32bits(f))))
		case 6:
			x = 3
		case 7:
			x *= math.Ldexp(1, 120*(i/255))
		}
		if x = math.Abs(x); signed && r.IntN(2) == 0 {
			x = -x
		}
		w[i] = float32(x)
	}
	if r.IntN(8) == 0 {
		odd := []float32{float32(math.NaN()), math.Float32frombits(0xffc00000), float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.Copysign(0, -1)), -1}
		w[r.IntN(len(w))] = odd[r.IntN(len(odd))]
	}
	return w
}

// TestQ8Engines holds the vector code of q8 to package elem, bit for bit, for any length, and that it writes no further.
func TestQ8Engines(t *testing.T) {
	for _, e := range narrowEngines() {
		for _, signed := range []bool{true, false} {
			t.Run(fmt.Sprint(e, " signed ", signed), func(t *testing.T) {
				r := rand.New(rand.NewPCG(3, uint64(e)))
				for range 3000 {
					var src []float32
					for range 1 + r.IntN(4) {
						src = append(src, q8Block(r, signed)...)
					}
					src = src[:len(src)-r.IntN(2)*r.IntN(elem.Q8Block)]
					testQ8Engine(t, r, e, signed, src)
				}
			})
		}
	}
}

func testQ8Engine(t *testing.T, r *rand.Rand, e Engine, signed bool, src []float32) {
	t.Helper()
	n, blocks := len(src), scales(len(src))
	var words []uint32
	if r.IntN(2) == 0 {
		words = make([]uint32, n)
		for i := range words {
			words[i] = []uint32{r.Uint32(), 0, math.MaxUint32}[max(0, r.IntN(8)-5)]
		}
	}
	codes, all := make([]uint8, n+1), make([]float32, blocks+1)
	codes[n], all[blocks] = 77, 77
	narrowQ8(e, signed, codes[:n:n], all[:blocks:blocks], src[:n:n], words)
	want, wantScales := make([]uint8, n), make([]float32, blocks)
	packQ8(signed, want, wantScales, src, words)
	for i := range want {
		if codes[i] != want[i] {
			t.Fatalf("%v of %v by chance %v is %#x, want %#x", src[i], wantScales[i/elem.Q8Block], words != nil, codes[i], want[i])
		}
	}
	if !sameBits32(all[:blocks], wantScales) || codes[n] != 77 || all[blocks] != 77 {
		t.Fatalf("scales %v, want %v; after them %v and %v", all, wantScales, codes[n], all[blocks])
	}
	for i := range want {
		want[i] = uint8(r.Uint32())
	}
	got, wide := make([]float32, n+1), make([]float32, n)
	got[n] = 77
	widenQ8(e, signed, got[:n:n], want, wantScales)
	widenQ8(Go, signed, wide, want, wantScales)
	if !sameBits32(got[:n], wide) || got[n] != 77 {
		t.Fatalf("codes %v of %v are widened to %v, want %v", want, wantScales, got, wide)
	}
}

// TestHalfEngines holds the vector code of 16 bits to package elem: over numbers all through float32, those next to the
// middles of two codes and all codes, and that it writes no further.
func TestHalfEngines(t *testing.T) {
	for _, e := range narrowEngines() {
		for _, bf16 := range []bool{true, false} {
			t.Run(fmt.Sprint(e, " bf16 ", bf16), func(t *testing.T) {
				r := rand.New(rand.NewPCG(8, uint64(e)))
				step := uint64(1<<32) / 2e6
				if testing.Short() {
					step *= 16
				}
				var src []float32
				for b := uint64(0); b < 1<<32; b += 1 + r.Uint64N(2*step) {
					middle := b&^(1<<12-1) + uint64(r.IntN(5)) - 2
					src = append(src, math.Float32frombits(uint32(b)), math.Float32frombits(uint32(middle)))
				}
				for len(src) > 0 {
					n := min(len(src), 1+r.IntN(1000))
					testHalfEngine(t, r, e, bf16, src[:n])
					src = src[n:]
				}
				codes := make([]uint16, 1<<16)
				for i := range codes {
					codes[i] = uint16(i)
				}
				got, want := make([]float32, len(codes)), make([]float32, len(codes))
				widenHalf(e, bf16, got, codes)
				widenHalf(Go, bf16, want, codes)
				if !sameBits32(got, want) {
					t.Fatal("codes are widened otherwise")
				}
			})
		}
	}
}

func testHalfEngine(t *testing.T, r *rand.Rand, e Engine, bf16 bool, src []float32) {
	t.Helper()
	var words []uint32
	if r.IntN(3) > 0 {
		words = make([]uint32, len(src))
		for i := range words {
			words[i] = []uint32{r.Uint32(), 0, math.MaxUint32}[max(0, r.IntN(8)-5)]
		}
	}
	n := len(src)
	got, want := make([]uint16, n+1), make([]uint16, n)
	got[n] = 77
	narrowHalf(e, bf16, got[:n:n], src, words)
	narrowHalf(Go, bf16, want, src, words)
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%v (%#x) by chance %v is %#x, want %#x", src[i], math.Float32bits(src[i]), words != nil, got[i], want[i])
		}
	}
	wide := make([]float32, n+1)
	wide[n] = 77
	widenHalf(e, bf16, wide[:n:n], want)
	if got[n] != 77 || wide[n] != 77 {
		t.Fatal("it goes on behind the end")
	}
}

// TestNarrowGuard runs vector code between pages that may not be touched, with the arrays at either end of their room.
func TestNarrowGuard(t *testing.T) {
	if !guard.Available {
		t.Skip("NOT RUN: no guard pages")
	}
	var rooms [4]*guard.Region
	for i := range rooms {
		r, err := guard.New(16 << 10)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Free()
		rooms[i] = r
	}
	for _, e := range narrowEngines() {
		for _, n := range []int{1, 15, 16, 17, 63, 64, 255, 256, 257, 512, 777, 2048} {
			for _, end := range []bool{false, true} {
				values, codes := fenceOf[float32](rooms[0], n, end), fenceOf[uint8](rooms[1], n, end)
				all, words := fenceOf[float32](rooms[2], scales(n), end), fenceOf[uint32](rooms[3], n, end)
				half := fenceOf[uint16](rooms[1], n, end)
				for i := range values {
					values[i] = float32(i%7) - 3
				}
				for kind, chance := range [][]uint32{nil, words} {
					for _, first := range []bool{true, false} {
						fault := guard.Run(func() {
							narrowQ8(e, first, codes, all, values, chance)
							widenQ8(e, first, values, codes, all)
							narrowHalf(e, first, half, values, chance)
							widenHalf(e, first, values, half)
						})
						if fault != nil {
							t.Fatalf("%s, %d elements at the end %v, by chance %v, first map %v: %v", e, n, end, kind == 1, first, fault)
						}
					}
				}
			}
		}
	}
}

func fenceOf[E any](r *guard.Region, n int, end bool) []E {
	if end {
		return guard.End[E](r, n)
	}
	return guard.Start[E](r, n)
}

// TestNarrowAllocates holds steps with narrow states to allocate nothing, whatever is left behind the last whole block.
func TestNarrowAllocates(t *testing.T) {
	for _, format := range formats {
		for _, stochastic := range []bool{false, true} {
			params, grads := modelOf[float32](rand.New(rand.NewPCG(2, 9)), [][]int{{255}, {70, 1000}}, 0)
			o, err := New(narrowRule[float32](format, stochastic), params, nil, Workers(1))
			if err != nil {
				t.Fatal(err)
			}
			step := func() {
				if err := o.Step(grads, 0); err != nil {
					t.Fatal(err)
				}
			}
			step()
			if n := testing.AllocsPerRun(10, step); n != 0 {
				t.Errorf("%s by chance %v: a step allocates %v times", format, stochastic, n)
			}
		}
	}
}

// sameBits32 holds NaNs to be the same.
func sameBits32(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) || x != x && y != y })
}

func BenchmarkQ8(b *testing.B) {
	const n = 2048
	src, codes, scales, words := make([]float32, n), make([]uint8, n), make([]float32, n/elem.Q8Block), make([]uint32, n)
	elem.Normal(src, elem.Stream{}, 0)
	for i := range src {
		src[i] *= src[i]
	}
	for _, e := range append(narrowEngines(), Go) {
		for _, signed := range []bool{true, false} {
			for name, f := range map[string]func(){
				"narrow": func() { narrowQ8(e, signed, codes, scales, src, nil) },
				"chance": func() { narrowQ8(e, signed, codes, scales, src, words) },
				"widen":  func() { widenQ8(e, signed, src, codes, scales) },
			} {
				b.Run(fmt.Sprint(e, "/", signed, "/", name), func(b *testing.B) {
					for b.Loop() {
						f()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
				})
			}
		}
	}
}

func BenchmarkHalf(b *testing.B) {
	const n = 2048
	src, codes, words := make([]float32, n), make([]uint16, n), make([]uint32, n)
	elem.Normal(src, elem.Stream{}, 0)
	for _, e := range append(narrowEngines(), Go) {
		for _, bf16 := range []bool{true, false} {
			for name, f := range map[string]func(){
				"nearest": func() { narrowHalf(e, bf16, codes, src, nil) },
				"chance":  func() { narrowHalf(e, bf16, codes, src, words) },
				"widen":   func() { widenHalf(e, bf16, src, codes) },
				"words":   func() { drawWords(e, words, elem.Stream{}, 0) },
			} {
				b.Run(fmt.Sprint(e, "/", bf16, "/", name), func(b *testing.B) {
					for b.Loop() {
						f()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
				})
			}
		}
	}
}
