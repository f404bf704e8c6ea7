package elem

import (
	"math"
	"math/rand/v2"
	"testing"
)

// restOf is the rest by its definition: x less the number nearest to it, which candidates beside it show, rounded likewise.
func restOf(x float64, format string) uint16 {
	h, widen := BF16From(x), BF16To[float64]
	if format == "f16rest" {
		h, widen = F16From(x), F16To[float64]
	}
	d := x - widen(h)
	if d == 0 || math.IsNaN(d) || math.IsInf(d, 0) {
		return 0x8000
	}
	return BF16From(d)
}

// TestRest holds the rests of float32 numbers to those by their definition in float64, in which differences are exact.
func TestRest(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	var u []float32
	for _, b := range []uint32{0, 1, 0x7fff, 0x8000, 0x8001, 0x3f808000, 0x3f818000, 0x3f807fff, 0x3f808001, 0x7f7f7fff, 0x7f7f8000, 0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fc00000, 0x7fffffff, 0x007f8000, 0x477fefff, 0x477ff000, 0x33000000, 0x33000001, 0x38801000} {
		u = append(u, math.Float32frombits(b), -math.Float32frombits(b), math.Float32frombits(b|1<<31))
	}
	for range 300_000 {
		u = append(u, math.Float32frombits(r.Uint32()))
	}
	bf16, f16 := make([]uint16, len(u)), make([]uint16, len(u))
	RestBF16(bf16, u)
	RestF16(f16, u)
	wide := make([]float64, len(u))
	for i, x := range u {
		wide[i] = float64(x)
		for _, c := range []struct {
			name      string
			got, want uint16
		}{{"bf16rest", bf16[i], restOf(float64(x), "bf16rest")}, {"f16rest", f16[i], restOf(float64(x), "f16rest")},
			{"BF16Rest", BF16Rest(x), bf16[i]}, {"F16Rest", F16Rest(x), f16[i]}} {
			if c.got != c.want {
				t.Fatalf("%s(%v = %#x) is %#x, not %#x", c.name, x, math.Float32bits(x), c.got, c.want)
			}
		}
	}
	bf16w, f16w := make([]uint16, len(u)), make([]uint16, len(u))
	RestBF16(bf16w, wide)
	RestF16(f16w, wide)
	for i := range u {
		if bf16w[i] != bf16[i] || f16w[i] != f16[i] {
			t.Fatalf("the rests of %v as a float64 are %#x and %#x, not %#x and %#x", u[i], bf16w[i], f16w[i], bf16[i], f16[i])
		}
	}
}

// TestRestAdds holds the sum of a number in 16 bits and its rest to the number: a number that is kept exactly is it, to the
// sign of zero, and any other is it but for the rounding of the rest.
func TestRestAdds(t *testing.T) {
	for h := range 1 << 16 {
		x := BF16To[float32](uint16(h))
		rest := BF16To[float32](BF16Rest(x))
		if sum := x + rest; math.Float32bits(sum) != math.Float32bits(x) && x == x || x != x && sum == sum {
			t.Fatalf("%v + %v is %v", x, rest, sum)
		}
	}
	r := rand.New(rand.NewPCG(9, 10))
	for range 300_000 {
		x := float32(math.Ldexp(r.Float64()*2-1, r.IntN(200)-100))
		kept, rest := BF16To[float64](BF16From(x)), BF16To[float64](BF16Rest(x))
		if d := math.Abs(kept + rest - float64(x)); d > math.Abs(rest)*0x1p-8 || math.Abs(rest) > math.Abs(float64(x))*0x1p-7 {
			t.Fatalf("%v is kept as %v + %v", x, kept, rest)
		}
	}
}
