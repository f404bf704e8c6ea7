package elem

import (
	"cmp"
	"flag"
	"math"
	"math/big"
	"slices"
	"testing"
)

var samples = flag.Int("samples", 5000, "arguments of each function held against its reference")

// rng is splitmix64: the same arguments on every platform.
type rng uint64

func (s *rng) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (s *rng) below(n uint64) uint64 { return s.next() % n }

// float returns a number of either sign with an exponent in [lo, hi].
func (s *rng) float(lo, hi int) float64 {
	e := uint64(lo+1023) + s.below(uint64(hi-lo+1))
	return math.Float64frombits(s.next()&(1<<63|1<<52-1) | e<<52)
}

// arg returns any number (subnormals, infinities and NaNs among them), or a
// moderate one, or one of the size that most functions turn at, or an integer,
// or one next to a multiple of ln2/2 or pi/4, where reductions turn.
func (s *rng) arg() float64 {
	switch s.below(10) {
	case 0:
		return math.Float64frombits(s.next())
	case 1:
		return s.float(-149, 127) // float32's range
	case 2:
		return s.float(-30, -10)
	case 3:
		return float64(int64(s.below(4001)) - 2000)
	case 4:
		return s.float(4, 10)
	case 5:
		return float64(float64(int(s.below(4001))-2000) * (math.Ln2 / 2))
	case 6:
		return float64(float64(s.below(1<<s.below(50))) * (math.Pi / 4))
	}
	return s.float(-6, 4)
}

// pair returns arguments for a function of two: independent, of equal size, or
// a power near a representable result.
func (s *rng) pair() (a, b float64) {
	switch s.below(4) {
	case 0:
		return s.arg(), s.arg()
	case 1:
		k := int(s.below(50))
		return 1 + s.float(-k-1, -k-1), s.float(k, k+9)
	case 2:
		return math.Abs(s.float(-1074+60, 1000)), s.float(-12, 2)
	}
	k := int(s.below(2000)) - 1000
	return s.float(k, k+3), s.float(k-2, k+2)
}

type function struct {
	name    string
	f64     func(a, b float64) float64
	f32     func(a, b float32) float32
	ref     func(a, b float64) *big.Float
	bound   float64 // ULPs in float64
	bound32 float64
	min     float64 // the domain's least argument
	rises   bool    // everywhere
	edges   []float64
}

func unary(name string, f64 func(float64) float64, f32 func(float32) float32, ref func(float64) *big.Float, bound, bound32 float64) function {
	return function{name: name, bound: bound, bound32: bound32, min: math.Inf(-1), rises: true,
		f64: func(a, _ float64) float64 { return f64(a) },
		f32: func(a, _ float32) float32 { return f32(a) },
		ref: func(a, _ float64) *big.Float { return ref(a) }}
}

func (f function) from(x float64) function      { f.min = x; return f }
func (f function) at(edges ...float64) function { f.edges = edges; return f }
func (f function) notMonotone() function        { f.rises = false; return f }
func (f function) binary() bool                 { return f.name == "pow" || f.name == "hypot" }
func (f function) accepts(a, b float64) bool {
	if a-a != 0 || b-b != 0 || a < f.min {
		return false
	}
	return f.name != "pow" || a > 0
}

var functions = []function{
	unary("exp", Exp[float64], Exp[float32], refExp, .70, .90).
		at(709.782712893384, 709.79, -708.3964185322641, -745.1332191019411, -745.2, 711, -746, 88.7228, -103.97, math.Ln2/2, -math.Ln2/2, 3*math.Ln2/2),
	unary("expm1", Expm1[float64], Expm1[float32], refExpm1, .95, .91).
		at(709.782712893384, 40, -40, 0x1p-54, -0x1p-54, 0x1p-27, math.Ln2/2, -math.Ln2/2, 0x1p-1074),
	unary("log", Log[float64], Log[float32], refLog, .55, .88).from(0x1p-1074).
		at(1, math.Sqrt2, math.Sqrt2/2, 2, 0.5, 0x1p-1022, 0x1p-1074, math.MaxFloat64),
	unary("log1p", Log1p[float64], Log1p[float32], refLog1p, .55, .95).from(math.Nextafter(-1, 0)).
		at(-1+0x1p-53, math.Sqrt2-1, math.Sqrt2/2-1, 1, -.5, 0x1p-54, -0x1p-54, 0x1p60, 0x1p53, 0x1p54, 2*math.Sqrt2-1),
	unary("log2", Log2[float64], Log2[float32], refLog2, .55, .95).from(0x1p-1074).
		at(1, math.Sqrt2, math.Sqrt2/2, 2, 0.5, 0x1p-1022, 0x1p-1074),
	unary("sin", Sin[float64], Sin[float32], refSin, .80, .5001).notMonotone().at(trigEdges...),
	unary("cos", Cos[float64], Cos[float32], refCos, .80, .5001).notMonotone().at(trigEdges...),
	unary("tan", Tan[float64], Tan[float32], refTan, .95, .5001).notMonotone().at(trigEdges...),
	unary("atan", Atan[float64], Atan[float32], refAtan, .70, .92).
		at(math.Sqrt2-1, math.Sqrt2+1, 1, 0x1p-28, 0x1p60, 0.5, 2),
	unary("sinh", Sinh[float64], Sinh[float32], refSinh, .95, .91).
		at(40, 710.4758600739439, 0x1p-28, math.Ln2/2, 3*math.Ln2/2),
	unary("cosh", Cosh[float64], Cosh[float32], refCosh, .70, .92).notMonotone().
		at(40, 710.4758600739439, math.Ln2/2, 0x1p-28),
	unary("tanh", Tanh[float64], Tanh[float32], refTanh, .85, .95).
		at(22, 18.7, 0x1p-28, math.Ln2/4, 0.55),
	unary("sigmoid", Sigmoid[float64], Sigmoid[float32], refSigmoid, .70, .67).
		at(0, 36.7, -36.7, -708.4, -745.13, -745.2, 800, -800, 1e300, -1e300),
	unary("softplus", Softplus[float64], Softplus[float32], refSoftplus, .70, .96).
		at(0, 40, -40, -708.4, -745.13, -.8813735870195430, .8813735870195430),
	unary("erf", Erf[float64], Erf[float32], refErf, .90, .99).
		at(1, 6, 5.9, 0x1p-28, 0x1p-1060, 0.5, 5.93),
	unary("cbrt", Cbrt[float64], Cbrt[float32], refCbrt, .51, .51).
		at(1, 2, 4, 8, 0.5, 27, 0x1p-1022, 0x1p-1074, math.MaxFloat64),
	{name: "pow", f64: Pow[float64], f32: Pow[float32], ref: refPow, bound: .70, bound32: .90, min: 0},
	{name: "hypot", f64: Hypot[float64], f32: Hypot[float32], ref: refHypot, bound: .51, bound32: .51, min: math.Inf(-1)},
}

// trigEdges: bounds of the reduction, and arguments as close to multiples of
// pi/2 as any (Muller, "Elementary Functions", section 11).
var trigEdges = []float64{math.Pi / 4, math.Pi / 2, math.Pi, 3 * math.Pi / 4, 2 * math.Pi, 1e5 * math.Pi, 0x1p20, 0x1p20 + 1, 1e15, 1e22, 1e300, math.MaxFloat64,
	0x1p-27, 0x1p-28, 0x1p-1074, 0x16ac5b262ca1ffp797, 0x1p1023, 355, 103993, 245850922, 573204 * math.Pi}

// ulps returns |got - ref| in units in the last place of ref in a format of
// prec bits and least exponent, infinite where only one of them overflows.
func ulps(got float64, ref *big.Float, prec, least, most int) float64 {
	if ref.Sign() == 0 {
		if got == 0 {
			return 0
		}
		return math.Inf(1)
	}
	e := ref.MantExp(nil)
	limit := new(big.Float).SetMantExp(bf(1-math.Ldexp(1, -prec-1)), most)
	over := new(big.Float).Abs(ref).Cmp(limit) >= 0
	if over && math.IsInf(got, ref.Sign()) {
		return 0
	}
	if over || got-got != 0 {
		return math.Inf(1)
	}
	d := sub(bf(got), ref)
	d.SetMantExp(d, -max(e-prec, least))
	v, _ := d.Float64()
	return math.Abs(v)
}

func ulps64(got float64, ref *big.Float) float64 { return ulps(got, ref, 53, -1074, 1024) }
func ulps32(got float32, ref *big.Float) float64 { return ulps(float64(got), ref, 24, -149, 128) }

// arguments returns n arguments and all neighbours of f's edges.
func (f function) arguments(n int) (args [][2]float64) {
	for _, e := range f.edges {
		for _, x := range []float64{e, -e} {
			lo, hi := x, x
			args = append(args, [2]float64{x})
			for range 4 {
				lo, hi = math.Nextafter(lo, math.Inf(-1)), math.Nextafter(hi, math.Inf(1))
				args = append(args, [2]float64{lo}, [2]float64{hi})
			}
		}
	}
	s := rng(len(f.name))
	for range n {
		a, b := s.arg(), 0.0
		if f.binary() {
			a, b = s.pair()
		}
		args = append(args, [2]float64{a, b})
	}
	return args
}

func TestAccuracy(t *testing.T) {
	for _, f := range functions {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			var worst, worst32 float64
			var at, at32 [2]float64
			for _, x := range f.arguments(*samples) {
				if f.accepts(x[0], x[1]) {
					ref := f.ref(x[0], x[1])
					u := ulps64(f.f64(x[0], x[1]), ref)
					if ref.MantExp(nil) < -1021 {
						u *= f.bound // a subnormal result may err by 1
					}
					if u > worst {
						worst, at = u, x
					}
				}
				y := [2]float64{float64(float32(x[0])), float64(float32(x[1]))}
				if !f.accepts(y[0], y[1]) {
					continue
				}
				ref := f.ref(y[0], y[1])
				u := ulps32(f.f32(float32(y[0]), float32(y[1])), ref)
				if ref.MantExp(nil) < -125 {
					u *= f.bound32
				}
				if u > worst32 {
					worst32, at32 = u, y
				}
			}
			t.Logf("%-9s float64 %.4f ULP at %v, float32 %.6f at %v", f.name, worst, at, worst32, at32)
			if worst > f.bound {
				t.Errorf("float64: %v ULP at %x, want at most %v", worst, at, f.bound)
			}
			if worst32 > f.bound32 {
				t.Errorf("float32: %v ULP at %x, want at most %v", worst32, at32, f.bound32)
			}
		})
	}
}

// TestPowLarge: the error must not grow with the exponent.
func TestPowLarge(t *testing.T) {
	for _, c := range [][2]float64{{.999, 1e5}, {.999, 7e5}, {.9999999, 7e9}, {1 + 0x1p-52, 0x1p61}, {1 - 0x1p-53, 0x1p62}, {10, 308}, {10, -308}, {10, -323}, {2, 1023.999}, {2, -1074}, {1.0001, 7e6}, {.9, 100}, {.95, 1e4}} {
		got := Pow(c[0], c[1])
		if u := ulps64(got, refPow(c[0], c[1])); u > .7 && !(got < 0x1p-1022 && u <= 1) {
			t.Errorf("Pow(%v, %v) = %v: %v ULP", c[0], c[1], got, u)
		}
	}
}

// TestAgainstMath holds every function against package math too, a reference
// written by others.
func TestAgainstMath(t *testing.T) {
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	softplus := func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
	std := map[string]func(float64) float64{"exp": math.Exp, "expm1": math.Expm1, "log": math.Log, "log1p": math.Log1p, "log2": math.Log2,
		"sin": math.Sin, "cos": math.Cos, "tan": math.Tan, "atan": math.Atan, "sinh": math.Sinh, "cosh": math.Cosh, "tanh": math.Tanh,
		"erf": math.Erf, "cbrt": math.Cbrt, "sigmoid": sigmoid, "softplus": softplus}
	s := rng(7)
	for _, f := range functions {
		for range 3000 {
			a, b := s.float(-8, 5), s.float(-3, 4)
			if !f.accepts(a, b) {
				continue
			}
			var want float64
			switch f.name {
			case "pow":
				want = math.Pow(a, b)
			case "hypot":
				want = math.Hypot(a, b)
			default:
				want = std[f.name](a)
			}
			if got := f.f64(a, b); math.Abs(got-want) > 1e-13*math.Abs(want) {
				t.Errorf("%s(%v, %v) = %v, math says %v", f.name, a, b, got, want)
			}
		}
	}
}

// TestMonotone: of sorted arguments the results are sorted, up to one unit in
// the last place where the function is flat.
func TestMonotone(t *testing.T) {
	for _, f := range functions {
		if !f.rises {
			continue
		}
		var args []float64
		for _, x := range f.arguments(20000) {
			if f.accepts(x[0], 0) {
				args = append(args, x[0])
			}
		}
		slices.SortFunc(args, func(a, b float64) int { return cmp.Compare(a, b) })
		last, last32 := math.Inf(-1), float32(math.Inf(-1))
		for _, x := range args {
			y := f.f64(x, 0)
			if math.Nextafter(y, math.Inf(1)) < last {
				t.Errorf("%s(%v) = %v after %v", f.name, x, y, last)
			}
			last = y
			if x32 := float32(x); f.accepts(float64(x32), 0) {
				y := f.f32(x32, 0)
				if math.Nextafter32(y, float32(math.Inf(1))) < last32 {
					t.Errorf("float32 %s(%v) = %v after %v", f.name, x32, y, last32)
				}
				last32 = y
			}
		}
	}
}

// TestTables checks the constants that are computed from others.
func TestTables(t *testing.T) {
	n := new(big.Float).SetPrec(1500).Quo(big.NewFloat(1), bigHalfPi())
	for i, w := range twoOverPi {
		if i == 0 {
			continue
		}
		n.SetMantExp(n, 64)
		word, _ := n.Int(nil)
		if word.Uint64() != w {
			t.Errorf("twoOverPi[%d] = %#x, want %#x", i, w, word.Uint64())
		}
		n.Sub(n, new(big.Float).SetInt(word))
	}
	pi := newF().Set(bigHalfPi())
	for _, c := range []struct {
		name  string
		parts []float64
		want  *big.Float
		bits  int
	}{
		{"ln2", []float64{ln2, ln2Lo}, bigLn2, 95},
		{"pi/2", []float64{halfPi, halfPiLo}, pi, 105},
		{"pi/2 in four", []float64{halfPi1, halfPi2, halfPi3, halfPi4}, pi, 150},
	} {
		sum := newF()
		for _, p := range c.parts {
			sum.Add(sum, bf(p))
		}
		if d := sub(sum, c.want); d.Sign() != 0 && d.MantExp(nil) > -c.bits {
			t.Errorf("%s: off by 2^%d", c.name, d.MantExp(nil))
		}
	}
}
