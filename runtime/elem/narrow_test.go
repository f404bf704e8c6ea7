package elem

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"testing"
)

// half is a format of 16 bits as the tests see it.
type half struct {
	name     string
	from64   func(float64) uint16
	from32   func(float32) uint16
	chance64 func(float64, uint32) uint16
	chance32 func(float32, uint32) uint16
	to64     func(uint16) float64
	to32     func(uint16) float32
	narrow   func([]uint16, []float32, []uint32)
	widen    func([]float32, []uint16)
	bits     int // of fraction
	least    int // exponent of the least normal number
	nan      uint16
}

var halves = []half{
	{"bf16", BF16From[float64], BF16From[float32], BF16Chance[float64], BF16Chance[float32], BF16To[float64], BF16To[float32],
		NarrowBF16[float32], WidenBF16[float32], 7, -126, 0x7fc0},
	{"f16", F16From[float64], F16From[float32], F16Chance[float64], F16Chance[float32], F16To[float64], F16To[float32],
		NarrowF16[float32], WidenF16[float32], 10, -14, 0x7e00},
}

// value is the definition of IEEE 754: what a positive code is worth, with
// infinity in the place of the next power of two.
func (h half) value(code int) float64 {
	e, f := code>>h.bits, float64(code&(1<<h.bits-1))
	if e == 0 {
		return math.Ldexp(f, h.least-h.bits)
	}
	return math.Ldexp(f+float64(int(1)<<h.bits), h.least-h.bits+e-1)
}

func (h half) infinity() int { return int(h.nan) &^ (1<<(h.bits-1) | 1<<15) }

// ref finds the code below |x| by bisection and chooses by up.
func (h half) ref(x float64, up func(code int, x, low, high float64) bool) uint16 {
	if x != x {
		return h.nan
	}
	sign := uint16(math.Float64bits(x) >> 63 << 15)
	x = math.Abs(x)
	lo, hi := 0, h.infinity()+1
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; h.value(mid) <= x {
			lo = mid
		} else {
			hi = mid
		}
	}
	if lo < h.infinity() && up(lo, x, h.value(lo), h.value(lo+1)) {
		lo++
	}
	return sign | uint16(lo)
}

func (h half) refNearest(x float64) uint16 {
	return h.ref(x, func(code int, x, low, high float64) bool {
		mid := (low + high) / 2
		return x > mid || x == mid && code&1 != 0
	})
}

func (h half) refChance(x float64, word uint32) uint16 {
	return h.ref(x, func(_ int, x, low, high float64) bool {
		return math.Floor((x-low)/(high-low)*0x1p32)+float64(word) >= 0x1p32
	})
}

// arg returns a number that is hard for h: a code's value or the middle between
// two, itself or by a little more or less, or just any.
func (h half) arg(s *rng) float64 {
	code := int(s.below(uint64(h.infinity()) + 1))
	if s.below(4) == 0 {
		code = []int{0, 1, 2, 1<<h.bits - 1, 1 << h.bits, h.infinity() - 1, h.infinity()}[s.below(7)]
	}
	x := h.value(code)
	switch s.below(5) {
	case 0:
		return s.arg()
	case 1:
		return math.Inf(1 - 2*int(s.below(2)))
	case 2:
		x = (x + h.value(code+1)) / 2
	case 3:
		x += (h.value(code+1) - x) * float64(s.below(1<<32)) * 0x1p-32
	}
	switch s.below(4) {
	case 0:
		x = math.Nextafter(x, 0)
	case 1:
		x = math.Nextafter(x, math.MaxFloat64)
	case 2: // where a float32 on the way would round twice
		x = float64(math.Nextafter32(float32(x), float32(s.below(2))*math.MaxFloat32))
	}
	if s.below(2) == 0 {
		x = -x
	}
	return x
}

func TestHalfRounding(t *testing.T) {
	for _, h := range halves {
		s := rng(7)
		for range 100000 {
			x, word := h.arg(&s), uint32(s.next())
			if s.below(8) == 0 {
				word = uint32(-int32(s.below(3))) // 0 and the largest
			}
			if got, want := h.from64(x), h.refNearest(x); got != want {
				t.Fatalf("%s of %x = %#x, want %#x", h.name, x, got, want)
			}
			if got, want := h.chance64(x, word), h.refChance(x, word); got != want {
				t.Fatalf("%s of %x by %#x = %#x, want %#x", h.name, x, word, got, want)
			}
			y := float32(x)
			if got, want := h.from32(y), h.from64(float64(y)); got != want {
				t.Fatalf("%s of float32 %x = %#x, want %#x", h.name, y, got, want)
			}
			if got, want := h.chance32(y, word), h.chance64(float64(y), word); got != want {
				t.Fatalf("%s of float32 %x by %#x = %#x, want %#x", h.name, y, word, got, want)
			}
		}
	}
}

// TestHalfCodes: every code stands for its value and comes back, whatever the
// random bits.
func TestHalfCodes(t *testing.T) {
	for _, h := range halves {
		s := rng(8)
		for code := range 1 << 16 {
			c, word := uint16(code), uint32(s.next())
			x := h.to64(c)
			if float64(h.to32(c)) != x && x == x {
				t.Fatalf("%s %#x: %v as float32, %v as float64", h.name, code, h.to32(c), x)
			}
			m := code & 0x7fff
			want, back := math.Copysign(h.value(m), float64(1-code>>15*2)), c
			switch {
			case m == h.infinity():
				want = math.Inf(int(1 - code>>15*2))
			case m > h.infinity():
				want, back = math.NaN(), h.nan
			}
			if math.Float64bits(x) != math.Float64bits(want) && (x == x || want == want) {
				t.Fatalf("%s %#x stands for %v, want %v", h.name, code, x, want)
			}
			for _, got := range []uint16{h.from64(x), h.from32(h.to32(c)), h.chance64(x, word), h.chance32(h.to32(c), word)} {
				if got != back {
					t.Fatalf("%s %#x comes back as %#x", h.name, code, got)
				}
			}
		}
	}
}

// TestHalfMean: the mean of stochastic rounding is the number.
func TestHalfMean(t *testing.T) {
	const n = 1 << 16
	words := make([]uint32, n)
	for _, h := range halves {
		s := rng(9)
		for i := range 60 {
			Words(words, Stream{Seed: 1, Step: uint64(i)}, 0)
			x := h.value(int(s.below(uint64(h.infinity()-1)))) * (1 + float64(s.below(1000))*1e-6)
			src, codes, back := make([]float32, n), make([]uint16, n), make([]float32, n)
			for j := range src {
				src[j] = float32(x)
			}
			h.narrow(codes, src, words)
			h.widen(back, codes)
			x = float64(float32(x))
			sum, off := 0.0, 0.0
			for _, y := range back {
				sum += (float64(y) - x) / n
				off = max(off, math.Abs(float64(y)-x))
			}
			// The deviation of one is at most half a step, of which off is at least the half.
			if !(math.Abs(sum) <= 4.5*off/math.Sqrt(n)) {
				t.Errorf("%s of %v: mean is off by %v, the farthest by %v", h.name, x, sum, off)
			}
		}
	}
}

func TestHalfSlices(t *testing.T) {
	s := rng(10)
	for _, h := range halves {
		for n := range 68 {
			src, words := make([]float32, n), make([]uint32, n)
			for i := range src {
				src[i], words[i] = float32(h.arg(&s)), uint32(s.next())
			}
			for _, w := range [][]uint32{nil, words} {
				codes, back := make([]uint16, n+1), make([]float32, n+1)
				codes[n], back[n] = 42, 42
				h.narrow(codes, src, w)
				h.widen(back, codes[:n])
				for i, x := range src {
					want := h.from32(x)
					if w != nil {
						want = h.chance32(x, w[i])
					}
					if codes[i] != want || math.Float32bits(back[i]) != math.Float32bits(h.to32(want)) {
						t.Fatalf("%s: element %d of %d, %v, is %#x", h.name, i, n, x, codes[i])
					}
				}
				if codes[n] != 42 || back[n] != 42 {
					t.Fatalf("%s: %d elements, one more written", h.name, n)
				}
			}
		}
	}
}

// q8Form is one of the two maps, for T.
type q8Form[T Float] struct {
	name   string
	n      float64 // the largest code
	origin float64 // what is added to a magnitude relative to the scale
	pack   func([]uint8, []float32, []T, []uint32)
	unpack func([]T, []uint8, []float32)
}

func q8Forms[T Float]() []q8Form[T] {
	return []q8Form[T]{
		{"signed", 127, 1. / 240, Q8Pack[T, uint8], Q8Unpack[T, uint8]},
		{"root", 255, 1. / 61680, Q8PackRoot[T, uint8], Q8UnpackRoot[T, uint8]},
	}
}

func (f q8Form[T]) trip(src []T, words []uint32) (back []T, codes []uint8, scales []float32) {
	codes, scales = make([]uint8, len(src)), make([]float32, (len(src)+Q8Block-1)/Q8Block)
	back = make([]T, len(src))
	f.pack(codes, scales, src, words)
	f.unpack(back, codes, scales)
	return back, codes, scales
}

// q8Source returns n numbers, each block of a kind of its own.
func q8Source[T Float](s *rng, n int, f q8Form[T]) []T {
	src := make([]T, n)
	var top, kind, width uint64
	for i := range src {
		if i%Q8Block == 0 {
			top, kind, width = 900+s.below(250), s.below(8), 1+s.below(40)
		}
		x := 0.0
		switch kind {
		case 0: // small and subnormal
			x = math.Float64frombits(s.next() >> 1 % (920 << 52))
		case 1: // of one size
			x = s.float(-3, 3)
		case 2: // now and then one
			if s.below(50) == 0 {
				x = s.float(-100, 100)
			}
		case 3: // at float32's ends
			x = math.MaxFloat32 * float64(s.below(4)) / 3
		case 4: // codes and middles of them
			origin := float32(f.origin)
			x = float64(math.Float32frombits(math.Float32bits(origin)+uint32(s.below(uint64(2*f.n+1)))<<(q8Shift-1)) - origin)
			x *= math.Ldexp(1+math.Ldexp(float64(s.below(5))-2, -24), int(width))
		default: // many sizes
			x = s.float(int(top-width)-1023, int(top)-1023)
		}
		if f.n == 255 || s.below(2) == 0 {
			x = math.Abs(x)
		}
		src[i] = T(min(max(x, -math.MaxFloat32), math.MaxFloat32))
	}
	return src
}

func sameNumbers[T Float](a, b []T) bool {
	return slices.EqualFunc(a, b, func(x, y T) bool {
		return x == y && math.Signbit(float64(x)) == math.Signbit(float64(y)) || x != x && y != y
	})
}

func testQ8[T Float](t *testing.T) {
	for _, f := range q8Forms[T]() {
		s := rng(11)
		for i := range 400 {
			n := int(s.below(1100))
			src := q8Source(&s, n, f)
			words, other := make([]uint32, n), make([]uint32, n)
			Words(words, Stream{Step: uint64(i)}, 0)
			Words(other, Stream{Step: uint64(i), Site: 1}, 0)
			for _, w := range [][]uint32{nil, words} {
				back, _, scales := f.trip(src, w)
				for _, w := range [][]uint32{nil, other} {
					again, _, _ := f.trip(back, w)
					if !sameNumbers(back, again) {
						t.Fatalf("%s: packing again changes something (random: %v)", f.name, w != nil)
					}
				}
				for j, x := range src {
					f.check(t, float64(x), float64(back[j]), float64(scales[j/Q8Block]), w != nil)
				}
			}
		}
	}
}

// check holds one value to the documented bounds.
func (f q8Form[T]) check(t *testing.T, x, back, scale float64, chance bool) {
	t.Helper()
	x = float64(float32(x))
	bound := (math.Abs(x) + scale*f.origin) / 32
	if chance { // the other neighbour: the step, not its half
		bound *= 2
	}
	if f.n == 255 && x > 0 {
		bound = max(bound, scale/(1<<20))
		if back <= 0 {
			t.Fatalf("%s: %v of %v vanishes", f.name, x, scale)
		}
	}
	if !(math.Abs(x-back) <= bound+1e-6*(bound+math.Abs(x))) {
		t.Fatalf("%s: %v of %v is %v, off by more than %v", f.name, x, scale, back, bound)
	}
}

func TestQ8(t *testing.T) {
	t.Run("float32", testQ8[float32])
	t.Run("float64", testQ8[float64])
}

// TestQ8Special: NaN and infinity make NaN of their block and of no other; what
// is too small becomes a zero of its sign, in a block of nothing else too;
// negative numbers are zero to the root map.
func TestQ8Special(t *testing.T) {
	s := rng(12)
	for _, f := range q8Forms[float64]() {
		for i := range 300 {
			src := q8Source(&s, 3*Q8Block+int(s.below(100)), f)
			at := int(s.below(uint64(len(src))))
			src[at] = []float64{math.NaN(), math.Copysign(math.NaN(), -1), math.Inf(1), math.Inf(-1), 1e39, -1e300}[i%6]
			back, _, scales := f.trip(src, nil)
			for j, y := range back {
				if in := j/Q8Block == at/Q8Block; in != (y != y) {
					t.Fatalf("%s: %v at %d, value %d is %v", f.name, src[at], at, j, y)
				}
			}
			if b := math.Float32bits(scales[at/Q8Block]); b != 0x7fc00000 {
				t.Fatalf("%s: NaN is stored as %#x", f.name, b)
			}
		}
		for _, tiny := range []float64{0, 1e-320, 1e-50, 1e-40, 0x1p-126, 0x1p-110} {
			small := make([]float64, 300)
			for i := range small {
				small[i] = math.Copysign(tiny, float64(i%2)-0.5)
			}
			for _, words := range [][]uint32{nil, make([]uint32, 300)} {
				back, _, scales := f.trip(small, words)
				for i, y := range back {
					if scales[i/Q8Block] != 0x1p-100 || f.n == 127 && math.Signbit(y) != math.Signbit(small[i]) || math.Abs(y) > tiny && f.n == 127 && words == nil {
						t.Fatalf("%s: %v becomes %v, with scale %v", f.name, small[i], y, scales[i/Q8Block])
					}
				}
				if again, _, _ := f.trip(back, nil); !sameNumbers(back, again) {
					t.Fatalf("%s: packing %v again changes it", f.name, tiny)
				}
			}
		}
	}
	f := q8Forms[float32]()[1]
	back, _, _ := f.trip([]float32{-3, 1, -1e-30, 0.25, 1e-30}, nil)
	if want := []float32{0, 1, 0, 0.25, 1. / (1 << 20)}; back[0] != 0 || back[1] != 1 || back[2] != 0 ||
		math.Abs(float64(back[3]-want[3])) > 1./500 || back[4] != want[4] {
		t.Errorf("root map: %v, want about %v", back, want)
	}
}

// TestQ8Mean: stochastic rounding is right in the mean, for every value of the
// signed map and from the least code on in the root map.
func TestQ8Mean(t *testing.T) {
	const n = 1 << 17
	words := make([]uint32, n)
	for i, f := range q8Forms[float32]() {
		s := rng(13)
		for step := range 40 {
			x := math.Pow(float64(s.below(1<<20))/(1<<20), 4)
			if f.n == 255 {
				x = max(x, 1./(1<<20))
			}
			src := make([]float32, n)
			for j := range src {
				src[j] = float32(x) * 37
				if j%Q8Block == 0 {
					src[j] = 37
				} else if j&1 != 0 && f.n == 127 {
					src[j] = -src[j]
				}
			}
			Words(words, Stream{Seed: 2, Step: uint64(step), Site: uint32(i)}, 0)
			back, _, _ := f.trip(src, words)
			sum := 0.0
			for j, y := range back {
				sum += (math.Abs(float64(y)) - math.Abs(float64(src[j]))) / n
			}
			gap := 37 * (x + f.origin) / 16
			if !(math.Abs(sum) <= 4.5*gap/2/math.Sqrt(n)) {
				t.Errorf("%s: mean of %v off by %v, step %v", f.name, 37*x, sum, gap)
			}
		}
	}
}

// TestNarrowBits: stored bits are these on every platform.
func TestNarrowBits(t *testing.T) {
	s := rng(16)
	d := digest{sha256.New()}
	for _, f := range q8Forms[float32]() {
		for i := range 100 {
			src, words := q8Source(&s, 600, f), make([]uint32, 600)
			Words(words, Stream{Step: uint64(i)}, 0)
			for _, w := range [][]uint32{nil, words} {
				back, codes, scales := f.trip(src, w)
				d.Write(codes)
				for j, x := range back {
					d.put(float64(x))
					d.put(float64(scales[j/Q8Block]))
				}
			}
		}
	}
	for _, h := range halves {
		for range 10000 {
			x, word := h.arg(&s), uint32(s.next())
			d.put(float64(h.from64(x)))
			d.put(float64(h.chance32(float32(x), word)))
		}
	}
	if got, want := fmt.Sprintf("%x", d.Sum(nil)[:8]), "63bc0fde9db09f46"; got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
}

func BenchmarkNarrow(b *testing.B) {
	const n = 4096
	src, codes, bytes, scales := make([]float32, n), make([]uint16, n), make([]uint8, n), make([]float32, n/Q8Block)
	words := make([]uint32, n)
	Normal(src, Stream{}, 0)
	Words(words, Stream{}, 0)
	wide := make([]float64, n)
	Normal(wide, Stream{}, 0)
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
		})
	}
	run("bf16", func() { NarrowBF16(codes, src, nil) })
	run("bf16-chance", func() { NarrowBF16(codes, src, words) })
	run("bf16-64", func() { NarrowBF16(codes, wide, nil) })
	run("bf16-widen", func() { WidenBF16(src, codes) })
	Normal(src, Stream{}, 0)
	run("f16", func() { NarrowF16(codes, src, nil) })
	run("f16-chance", func() { NarrowF16(codes, src, words) })
	run("f16-widen", func() { WidenF16(src, codes) })
	Normal(src, Stream{}, 0)
	run("q8", func() { Q8Pack(bytes, scales, src, nil) })
	run("q8-chance", func() { Q8Pack(bytes, scales, src, words) })
	run("q8-unpack", func() { Q8Unpack(src, bytes, scales) })
	run("q8root", func() { Q8PackRoot(bytes, scales, src, nil) })
}
