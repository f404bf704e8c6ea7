package elem

import (
	"math"
	"testing"
)

var (
	inf  = math.Inf(1)
	nan  = math.NaN()
	zero = 0.0
	neg0 = math.Copysign(0, -1)
)

// same is equality of bits with all NaNs alike.
func same(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

// TestSpecial: results that are exact, by C99 Annex F where it names the
// function.
func TestSpecial(t *testing.T) {
	tiny, big := 0x1p-1074, math.MaxFloat64
	odd := func(pairs ...float64) []float64 { // f(-x) = -f(x)
		for i, n := 0, len(pairs); i < n; i++ {
			pairs = append(pairs, -pairs[i])
		}
		return append(pairs, zero, zero, neg0, neg0, nan, nan)
	}
	table := map[string][]float64{ // argument, result, ...
		"exp":      {zero, 1, neg0, 1, inf, inf, -inf, 0, nan, nan, big, inf, -big, 0, tiny, 1, 710, inf, -746, 0},
		"expm1":    {zero, zero, neg0, neg0, inf, inf, -inf, -1, nan, nan, tiny, tiny, -tiny, -tiny, 1e300, inf, -1e300, -1},
		"log":      {zero, -inf, neg0, -inf, 1, zero, inf, inf, -inf, nan, -1, nan, -tiny, nan, nan, nan},
		"log2":     {zero, -inf, neg0, -inf, 1, zero, inf, inf, -inf, nan, -1, nan, nan, nan, tiny, -1074, 0x1p1023, 1023, 8, 3, 0.25, -2, 0x1p-1050, -1050},
		"log1p":    {zero, zero, neg0, neg0, -1, -inf, inf, inf, -inf, nan, -2, nan, nan, nan, tiny, tiny, -tiny, -tiny},
		"sin":      odd(tiny, tiny, inf, nan),
		"cos":      {zero, 1, neg0, 1, inf, nan, -inf, nan, nan, nan, tiny, 1},
		"tan":      odd(tiny, tiny, inf, nan),
		"atan":     odd(tiny, tiny, inf, math.Pi/2, big, math.Pi/2, 1, math.Pi/4),
		"sinh":     odd(tiny, tiny, inf, inf, big, inf),
		"cosh":     {zero, 1, neg0, 1, inf, inf, -inf, inf, nan, nan, big, inf},
		"tanh":     odd(tiny, tiny, inf, 1, big, 1),
		"sigmoid":  {zero, .5, neg0, .5, inf, 1, -inf, zero, nan, nan, big, 1, -big, zero},
		"softplus": {inf, inf, -inf, zero, nan, nan, big, big, -big, zero, zero, math.Ln2},
		"erf":      odd(inf, 1, big, 1, tiny, tiny),
		"cbrt":     odd(inf, inf, 8, 2, 27, 3, 0x1p-1074, 0x1p-358, 1, 1, 1e15, 1e5, 0x1p1023, 0x1p341),
	}
	for _, f := range functions {
		if f.binary() {
			continue
		}
		rows, ok := table[f.name]
		if !ok {
			t.Errorf("%s has no special cases", f.name)
		}
		for i := 0; i < len(rows); i += 2 {
			x, want := rows[i], rows[i+1]
			if got := f.f64(x, 0); !same(got, want) {
				t.Errorf("%s(%v) = %v, want %v", f.name, x, got, want)
			}
			if float64(float32(x)) == x || x != x {
				if got := f.f32(float32(x), 0); !same(float64(got), float64(float32(want))) {
					t.Errorf("float32 %s(%v) = %v, want %v", f.name, x, got, float32(want))
				}
			}
		}
	}
}

// TestPowSpecial holds pow of special and integral arguments to package math,
// which follows C99 F.9.4.4.
func TestPowSpecial(t *testing.T) {
	xs := []float64{zero, neg0, 1, -1, 2, -2, .5, -.5, 3, -3, inf, -inf, nan, 1.5, -1.5, 1e300, -1e300, 1e-300, -1e-300,
		0x1p53, 0x1p53 - 1, 1 - 0x1p53, 0x1p52 + .5, 0x1p54, -0x1p54, 0x1p-1074, -0x1p-1074, math.MaxFloat64, -math.MaxFloat64,
		1 + 0x1p-52, 1 - 0x1p-53, -1 - 0x1p-52}
	for _, a := range xs {
		for _, b := range xs {
			got, want := Pow(a, b), math.Pow(a, b)
			if x, y := float32(a), float32(b); same(float64(x), a) && same(float64(y), b) {
				got, want := Pow(x, y), math.Pow(a, b)
				near := math.Abs(float64(got)-want) <= 0x1p-24*math.Abs(want)+0x1p-149
				if !same(float64(got), float64(float32(want))) && (!near || want-want != 0 || want == 0) {
					t.Errorf("float32 Pow(%v, %v) = %v, want %v", a, b, got, want)
				}
			}
			if same(got, want) {
				continue
			}
			// math.Pow is exact about what is special, not about the rest.
			special := a-a != 0 || b-b != 0 || a == 0 || want-want != 0 || want == 0
			if special || math.Signbit(got) != math.Signbit(want) || ulps64(math.Abs(got), refPow(math.Abs(a), b)) > .7 {
				t.Errorf("Pow(%v, %v) = %v, want %v", a, b, got, want)
			}
		}
	}
	for _, c := range [][3]float64{{neg0, -3, -inf}, {neg0, -2, inf}, {neg0, 3, neg0}, {neg0, 2, zero}, {-1, inf, 1}, {nan, 0, 1}, {1, nan, 1},
		{-inf, 3, -inf}, {-inf, -3, neg0}, {-inf, .5, inf}, {-8, 1. / 3, nan}, {3, 5, 243}, {10, 22, 1e22}, {-2, 3, -8}, {2, -1074, 0x1p-1074}} {
		if got := Pow(c[0], c[1]); !same(got, c[2]) {
			t.Errorf("Pow(%v, %v) = %v, want %v", c[0], c[1], got, c[2])
		}
	}
}

func TestHypotSpecial(t *testing.T) {
	big, tiny := math.MaxFloat64, 0x1p-1074
	for _, c := range [][3]float64{{3, 4, 5}, {inf, nan, inf}, {nan, -inf, inf}, {nan, 1, nan}, {0, nan, nan}, {zero, neg0, zero}, {neg0, neg0, zero},
		{big, 0, big}, {big, big, inf}, {tiny, 0, tiny}, {3 * tiny, 4 * tiny, 5 * tiny}, {-0x3p600, 0x4p600, 0x5p600}, {0x1.8p-600, 0x1p-599, 0x1.4p-599},
		{big, tiny, big}, {math.MaxFloat32, 0, math.MaxFloat32}, {0x1p-149, 0, 0x1p-149}, {0x3p-149, 0x4p-149, 0x5p-149}, {0x3p100, 0x4p100, 0x5p100}} {
		for _, v := range [][2]float64{{c[0], c[1]}, {c[1], c[0]}, {-c[0], c[1]}} {
			if got := Hypot(v[0], v[1]); !same(got, c[2]) {
				t.Errorf("Hypot(%v, %v) = %v, want %v", v[0], v[1], got, c[2])
			}
			x, y := float32(v[0]), float32(v[1])
			if !same(float64(x), v[0]) || !same(float64(y), v[1]) {
				continue
			}
			if got := Hypot(x, y); !same(float64(got), c[2]) {
				t.Errorf("float32 Hypot(%v, %v) = %v, want %v", v[0], v[1], got, c[2])
			}
		}
	}
}

func TestExact(t *testing.T) {
	type row struct {
		name      string
		got, want float64
	}
	for _, c := range []row{
		{"abs", Abs(neg0), zero}, {"abs", Abs(-inf), inf}, {"abs", Abs(nan), nan},
		{"sign", Sign(neg0), zero}, {"sign", Sign(zero), zero}, {"sign", Sign(nan), nan}, {"sign", Sign(-inf), -1}, {"sign", Sign(0x1p-1074), 1},
		{"sqrt", Sqrt(neg0), neg0}, {"sqrt", Sqrt(-1.0), nan}, {"sqrt", Sqrt(inf), inf}, {"sqrt", Sqrt(2.0), math.Sqrt2},
		{"rsqrt", Rsqrt(neg0), -inf}, {"rsqrt", Rsqrt(zero), inf}, {"rsqrt", Rsqrt(inf), zero}, {"rsqrt", Rsqrt(4.0), .5}, {"rsqrt", Rsqrt(-1.0), nan},
		{"floor", Floor(-.5), -1}, {"floor", Floor(neg0), neg0}, {"floor", Floor(-inf), -inf},
		{"ceil", Ceil(-.5), neg0}, {"ceil", Ceil(.5), 1}, {"ceil", Ceil(nan), nan},
		{"round", Round(2.5), 2}, {"round", Round(3.5), 4}, {"round", Round(-.5), neg0}, {"round", Round(.5), zero}, {"round", Round(inf), inf},
		{"min", Min(zero, neg0), neg0}, {"min", Min(neg0, zero), neg0}, {"min", Min(nan, -inf), nan}, {"min", Min(-inf, nan), nan},
		{"max", Max(zero, neg0), zero}, {"max", Max(neg0, zero), zero}, {"max", Max(nan, inf), nan}, {"max", Max(inf, nan), nan},
		{"clamp", Clamp(5.0, -1, 1), 1}, {"clamp", Clamp(nan, -1, 1), nan}, {"clamp", Clamp(0.0, 2, 1), 1}, {"clamp", Clamp(neg0, zero, 1), zero}, {"clamp", Clamp(0.0, nan, 1), nan},
		{"copysign", Copysign(3, neg0), -3}, {"copysign", Copysign(-inf, 1), inf},
		{"mod", Mod(5.5, 2), 1.5}, {"mod", Mod(-5.5, 2), .5}, {"mod", Mod(5.5, -2), -.5}, {"mod", Mod(1.0, 0), nan}, {"mod", Mod(inf, 1), nan}, {"mod", Mod(1.0, inf), nan}, {"mod", Mod(zero, 3), zero},
		{"powint", PowInt(-2.0, 3), -8}, {"powint", PowInt(3.0, 2), 9}, {"powint", PowInt(2.0, 16), 65536}, {"powint", PowInt(1.5, 1), 1.5}, {"powint", PowInt(1.5, -4), 1.5},
	} {
		if !same(c.got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
	for x, want := range map[float64]bool{0: true, math.MaxFloat64: true, inf: false, -inf: false, 0x1p-1074: true} {
		if IsFinite(x) != want {
			t.Errorf("IsFinite(%v) is not %v", x, want)
		}
	}
	if IsFinite(nan) || IsFinite(float32(math.Inf(1))) || !IsFinite(float32(math.MaxFloat32)) {
		t.Error("IsFinite of NaN or of float32")
	}
}

// TestElementType: in float32 every operation rounds to float32. The float64
// operation rounded once is the correctly rounded one (it has more than twice
// the bits), so it serves as the reference for each step.
func TestElementType(t *testing.T) {
	s := rng(3)
	for range 100000 {
		a, b := float32(s.float(-20, 20)), float32(s.float(-20, 20))
		q := float32(float64(a) / float64(b))
		p := float32(float64(b) * math.Floor(float64(q)))
		if got, want := Mod(a, b), float32(float64(a)-float64(p)); got != want {
			t.Fatalf("Mod(%v, %v) = %v, want %v", a, b, got, want)
		}
		c := float32(float64(float32(float64(a)*float64(a))) * float64(a))
		if got := PowInt(a, 3); got != c {
			t.Fatalf("PowInt(%v, 3) = %v, want %v", a, got, c)
		}
		r := float32(1 / float64(float32(math.Sqrt(math.Abs(float64(a))))))
		if got := Rsqrt(Abs(a)); got != r {
			t.Fatalf("Rsqrt(%v) = %v, want %v", a, got, r)
		}
	}
}
