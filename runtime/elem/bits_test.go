package elem

import (
	"math"
	"testing"
)

// testBits holds the functions of bits.go to their definitions in arithmetic.
func testBits[T Float](t *testing.T, least, most, keep int, next func(T, T) T) {
	for k := least; k <= most; k++ {
		want := T(math.Ldexp(1, k))
		if got := Pow2(T(k)); got != want {
			t.Errorf("Pow2(%d) = %v", k, got)
		}
		root := T(want * T(math.Sqrt2/2))
		for _, x := range []T{want, root, next(root, 0), next(root, T(math.Inf(1))), T(want * 1.25), T(want * 1.9)} {
			e, m := Exponent(x), Mantissa(x)
			if x < T(math.Ldexp(1, least)) {
				continue
			}
			if e != Floor(e) || T(math.Ldexp(float64(m), int(e))) != x || m < T(math.Sqrt2/2) || m >= T(math.Sqrt2) {
				t.Errorf("%v = %v * 2^%v", x, m, e)
			}
		}
	}
	s := rng(3)
	for range 10000 {
		x := T(s.float(-100, 100))
		h := Top(x)
		f, e := math.Frexp(float64(x))
		if want := math.Ldexp(math.Trunc(math.Ldexp(f, keep)), e-keep); float64(h) != want {
			t.Errorf("Top(%v) = %v, want %v", x, h, want)
		}
	}
	for n, want := range map[T]T{.5: 2, 1.5: 2, -.5: .5, -1.5: .5, 2.5: 8, 2.4: 4, -2.6: .125} {
		if got := Pow2(n); got != want {
			t.Errorf("Pow2(%v) = %v, want %v", n, got, want)
		}
	}
}

func TestBits(t *testing.T) {
	testBits(t, -126, 127, 12, math.Nextafter32)
	testBits(t, -1022, 1023, 26, math.Nextafter)
}
