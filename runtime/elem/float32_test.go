package elem

import (
	"flag"
	"math"
	"testing"
)

var stride = flag.Uint64("stride", 20011, "every how many of the 2^32 float32 are held against float64 (1: all)")

// float32Error returns the error of y against the float64 result r in ULPs of
// float32, in units of the least subnormal where r is subnormal, and whether it
// is. An infinite y counts as 2^128.
func float32Error(y float32, r float64) (err float64, subnormal bool) {
	got := float64(y)
	switch {
	case same(got, r):
		return 0, false
	case y != y || r != r || math.Signbit(got) != math.Signbit(r):
		return inf, false
	case y-y != 0:
		got = math.Copysign(0x1p128, r)
		if math.Abs(r) >= 0x1p128 {
			return 0, false
		}
	}
	return math.Abs(got-r) / ulpOf(r), math.Abs(r) < 0x1p-126
}

// ulpOf is the distance of the float32 about r.
func ulpOf(r float64) float64 {
	_, e := math.Frexp(r)
	return math.Ldexp(1, max(e-24, -149))
}

// TestFloat32 holds the float32 functions to the float64 ones, which the
// accuracy test holds to exact references: a sample of all bit patterns, and
// all arguments next to powers of two.
func TestFloat32(t *testing.T) {
	for _, f := range functions {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			var worst, worstSubnormal float64
			var at [2]float32
			check := func(a, b float32) {
				err, subnormal := float32Error(f.f32(a, b), f.f64(float64(a), float64(b)))
				switch {
				case subnormal:
					worstSubnormal = max(worstSubnormal, err)
				case err > worst:
					worst, at = err, [2]float32{a, b}
				}
			}
			s := rng(5)
			for i := uint64(0); i < 1<<32; i += *stride {
				b := float32(0)
				if f.binary() {
					b = math.Float32frombits(uint32(s.next()))
				}
				check(math.Float32frombits(uint32(i)), b)
			}
			for i := uint32(0); i < 1<<9; i++ {
				for j := range uint32(64) {
					check(math.Float32frombits(i<<23+j-32), float32(s.float(-3, 3)))
				}
			}
			if f.binary() {
				for range 200000 {
					a, b := s.pair32()
					check(a, b)
				}
			}
			t.Logf("%-9s %.4f ULP at %x, subnormal results %.4f", f.name, worst, at, worstSubnormal)
			if worst > f.bound32+1e-7 {
				t.Errorf("%v ULP at %x, want at most %v", worst, at, f.bound32)
			}
			if worstSubnormal > 1 {
				t.Errorf("a subnormal result is off by %v", worstSubnormal)
			}
		})
	}
}

// pair32 is pair for float32: independent bits, a number next to 1 and a large
// power, a power near the ends of the range, numbers of equal size.
func (s *rng) pair32() (a, b float32) {
	switch s.below(4) {
	case 0:
		return math.Float32frombits(uint32(s.next())), math.Float32frombits(uint32(s.next()))
	case 1:
		k := int(s.below(22))
		return float32(1 + s.float(-k-2, -k-1)), float32(s.float(k, k+8))
	case 2:
		a = float32(math.Abs(s.float(-4, 4)))
		return a, float32((float64(int(s.below(280))-151) + float64(s.float(-20, -12))) / math.Log2(float64(a)))
	}
	k := int(s.below(270)) - 148
	return float32(s.float(k, k+3)), float32(s.float(k-2, k+2))
}
