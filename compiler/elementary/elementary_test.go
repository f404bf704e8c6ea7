package elementary

import (
	"bytes"
	"fmt"
	"math"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// each runs a test for the program of every function and type.
func each(t *testing.T, test func(t *testing.T, f *Function, name string, bits int)) {
	for _, name := range Names() {
		for _, bits := range []int{32, 64} {
			f, ok := Lookup(name, bits)
			if !ok {
				t.Fatalf("%s has no program of %d bits", name, bits)
			}
			t.Run(fmt.Sprint(name, bits), func(t *testing.T) { test(t, f, name, bits) })
		}
	}
}

// verify returns what is wrong with a program.
func verify(f *Function, bits int) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	used := make([]bool, f.Args+len(f.Steps))
	seen := map[string]int{}
	for n, s := range f.Steps {
		i := f.Args + n
		op, ok := operators[s.Op]
		if !ok || len(s.Args) != len(op.signature)-1 {
			fault("step %d: no operator %s of %d arguments", i, s.Op, len(s.Args))
			return faults
		}
		for j, a := range s.Args {
			if a < 0 || a >= i {
				fault("step %d: argument %d comes later", i, a)
				continue
			}
			used[a] = true
			if f.IsMask(a) != (op.signature[j+1] == 'm') {
				fault("step %d: argument %d of %s: mask or number?", i, j, s.Op)
			}
		}
		if s.Op != "const" && s.Const != 0 || bits == 32 && s.Const == s.Const && float64(float32(s.Const)) != s.Const {
			fault("step %d: the constant %x", i, s.Const)
		}
		key := fmt.Sprint(s.Op, s.Args, math.Float64bits(s.Const))
		if first, ok := seen[key]; ok {
			fault("step %d is step %d", i, first)
		}
		seen[key] = i
	}
	last := len(used) - 1
	if last < f.Args || f.IsMask(last) {
		fault("no result")
	}
	for i, u := range used[:max(last, 0)] {
		if !u {
			fault("value %d has no use", i)
		}
	}
	return faults
}

func TestPrograms(t *testing.T) {
	each(t, func(t *testing.T, f *Function, name string, bits int) {
		for _, fault := range verify(f, bits) {
			t.Error(fault)
		}
	})
	for want, f := range map[string]*Function{
		"no operator fma": {1, []Step{{Op: "fma", Args: []int{0, 0, 0}}}},
		"comes later":     {1, []Step{{Op: "add", Args: []int{0, 1}}}},
		"mask or number":  {1, []Step{{Op: "lt", Args: []int{0, 0}}, {Op: "neg", Args: []int{1}}}},
		"no use":          {1, []Step{{Op: "neg", Args: []int{0}}, {Op: "abs", Args: []int{0}}}},
		"is step":         {1, []Step{{Op: "neg", Args: []int{0}}, {Op: "neg", Args: []int{0}}, {Op: "add", Args: []int{1, 2}}}},
		"the constant":    {1, []Step{{Op: "const", Const: 0.1}, {Op: "add", Args: []int{0, 1}}}},
		"no result":       {1, []Step{{Op: "eq", Args: []int{0, 0}}}},
		"of 1 arguments":  {1, []Step{{Op: "add", Args: []int{0}}}},
	} {
		if faults := verify(f, 32); len(faults) != 1 || !strings.Contains(faults[0], want) {
			t.Errorf("want one fault %q, found %q", want, faults)
		}
	}
}

// TestLookup: a name that is none, and the two types only.
func TestLookup(t *testing.T) {
	names := Names()
	if !slices.IsSorted(names) || len(names) != len(definitions) {
		t.Errorf("names %v", names)
	}
	for name, bits := range map[string]int{"": 32, "sqrt": 64, "exp": 16} {
		if _, ok := Lookup(name, bits); ok {
			t.Errorf("%s of %d bits has a program", name, bits)
		}
	}
}

// TestSource: the Go functions of package elem are those of the programs.
func TestSource(t *testing.T) {
	want, err := Source()
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Source()
	if !bytes.Equal(want, again) {
		t.Error("two texts")
	}
	const file = "../../runtime/elem/functions_gen.go"
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: run go generate ./runtime/elem", file)
	}
}

type functions[T elem.Float] map[string]func(a, b T) T

// exported are the functions of package elem by their operators' names.
func exported[T elem.Float]() functions[T] {
	all := functions[T]{"pow": elem.Pow[T], "hypot": elem.Hypot[T]}
	for name, f := range map[string]func(T) T{"exp": elem.Exp[T], "expm1": elem.Expm1[T], "log": elem.Log[T], "log1p": elem.Log1p[T],
		"log2": elem.Log2[T], "atan": elem.Atan[T], "sinh": elem.Sinh[T], "cosh": elem.Cosh[T], "tanh": elem.Tanh[T], "sigmoid": elem.Sigmoid[T],
		"softplus": elem.Softplus[T], "erf": elem.Erf[T], "cbrt": elem.Cbrt[T]} {
		all[name] = func(a, _ T) T { return f(a) }
	}
	return all
}

// random is splitmix64.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// arg returns any bits, or a moderate number, or one that is special.
func arg[T elem.Float](r *random) T {
	special := []float64{0, math.Copysign(0, -1), 1, -1, math.Inf(1), math.Inf(-1), math.NaN(), 0x1p-149, 0x1p-1074, -0x1p-127, 2, -3, .5,
		math.MaxFloat32, math.MaxFloat64}
	switch r.next() % 4 {
	case 0:
		return T(special[r.next()%uint64(len(special))])
	case 1:
		if unsafe.Sizeof(T(0)) == 8 {
			return T(math.Float64frombits(r.next()))
		}
		return T(math.Float32frombits(uint32(r.next())))
	}
	return T(math.Ldexp(float64(int64(r.next())), int(r.next()%20)-72))
}

// testGo holds the generated Go to the program, step by step.
func testGo[T elem.Float](t *testing.T, f *Function, run func(a, b T) T) {
	r := random(1)
	for range 20000 {
		a, b := arg[T](&r), arg[T](&r)
		args := []T{a, b}[:f.Args]
		got, want := run(a, b), Eval(f, args...)
		if got != want && (got == got || want == want) || math.Signbit(float64(got)) != math.Signbit(float64(want)) && got == got {
			t.Fatalf("of %v: Go %x, the program %x", args, float64(got), float64(want))
		}
	}
}

func TestGo(t *testing.T) {
	f32, f64 := exported[float32](), exported[float64]()
	each(t, func(t *testing.T, f *Function, name string, bits int) {
		if f32[name] == nil {
			t.Fatal("package elem has no such function")
		}
		if bits == 32 {
			testGo(t, f, f32[name])
		} else {
			testGo(t, f, f64[name])
		}
	})
}

// TestCost prints the operations of every function, and the error in float32
// of a sample of all numbers against float64. (Those of float64 are measured
// where the exact references are, in package elem.)
func TestCost(t *testing.T) {
	f32, f64 := exported[float32](), exported[float64]()
	var total int
	for _, d := range definitions {
		p32, _ := Lookup(d.name, 32)
		p64, _ := Lookup(d.name, 64)
		total += p32.Cost()
		worst, r := 0.0, random(2)
		for i := uint64(0); i < 1<<32; i += 30011 {
			a, b := math.Float32frombits(uint32(i)), arg[float32](&r)
			got, want := float64(f32[d.name](a, b)), f64[d.name](float64(a), float64(b))
			if m := math.Abs(want); m >= 0x1p-126 && m < math.MaxFloat32 {
				_, e := math.Frexp(want)
				worst = max(worst, math.Abs(got-want)/math.Ldexp(1, e-24))
			}
		}
		t.Logf("%-8s float32 %3d operations, %.3f ULP; float64 %3d operations", d.name, p32.Cost(), worst, p64.Cost())
		if worst > 1 {
			t.Errorf("%s: %v ULP", d.name, worst)
		}
	}
	if total == 0 {
		t.Error("the functions cost nothing")
	}
}

// TestConstants computes what is split into a leading and a low part.
func TestConstants(t *testing.T) {
	parse := func(s string) *big.Float {
		v, _, err := big.ParseFloat(s, 10, 200, big.ToNearestEven)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	ln2V := parse("0.693147180559945309417232121458176568075500134360255254120680009493393621969694715605863326996418687")
	pi := parse("3.141592653589793238462643383279502884197169399375105820974944592307816406286208998628034825342117068")
	num := func(x float64) *big.Float { return new(big.Float).SetPrec(200).SetFloat64(x) }
	quo := func(a, b *big.Float) *big.Float { return new(big.Float).SetPrec(200).Quo(a, b) }
	sub := func(a, b *big.Float) *big.Float { return new(big.Float).SetPrec(200).Sub(a, b) }
	log2E0 := quo(num(1), ln2V)
	sqrtPi := new(big.Float).SetPrec(200).Sqrt(pi)
	for _, c := range []struct {
		name  string
		parts []float64
		want  *big.Float
		bits  int
	}{
		{"ln2", []float64{ln2, ln2Lo}, ln2V, 95},
		{"ln2 float32", []float64{ln2Hi32, ln2Lo32}, ln2V, 44},
		{"1/ln2", []float64{log2E, log2ELo}, log2E0, 105},
		{"1/ln2 float32", []float64{log2E32}, log2E0, 24},
		{"3/2 - 1/ln2", []float64{log2E3Halves32}, sub(num(1.5), log2E0), 28},
		{"(1/ln2 - 1)/2", []float64{log2EHalf32}, quo(sub(log2E0, num(1)), num(2)), 26},
		{"2/3", []float64{twoThirds, twoThirdsLo}, quo(num(2), num(3)), 105},
		{"2/3 float32", []float64{twoThirds32, twoThirdsLo32}, quo(num(2), num(3)), 48},
		{"pi/2", []float64{halfPi, halfPiLo}, quo(pi, num(2)), 105},
		{"pi/2 float32", []float64{halfPi32, halfPiLo32}, quo(pi, num(2)), 48},
		{"2/sqrt(pi)", []float64{twoOverSqrtPi, twoOverSqrtPiLo}, quo(num(2), sqrtPi), 105},
		{"-2/(3 sqrt(pi))", []float64{erfCubic, erfCubicLo}, quo(num(-2), new(big.Float).SetPrec(200).Mul(num(3), sqrtPi)), 105},
	} {
		sum := num(0)
		for _, p := range c.parts {
			sum.Add(sum, num(p))
		}
		if d := sub(sum, c.want); d.Sign() != 0 && d.MantExp(nil) > -c.bits {
			t.Errorf("%s: off by 2^%d", c.name, d.MantExp(nil))
		}
	}
	for _, k := range []float64{300, -300, 511} { // k*ln2Hi32 is exact
		if float64(float32(k)*ln2Hi32) != k*ln2Hi32 {
			t.Errorf("%v*ln2 rounds", k)
		}
	}
}

// TestBuilder: constants fold, and steps without use go.
func TestBuilder(t *testing.T) {
	f := build(1, 32, func(x ...num) num {
		x[0].times(7)
		return x[0].add(x[0].c(1).plus(2)).add(x[0].plus(3).neg())
	})
	want := []Step{{Op: "const", Const: 3}, {Op: "add", Args: []int{0, 1}}, {Op: "neg", Args: []int{2}}, {Op: "add", Args: []int{2, 3}}}
	if !slices.EqualFunc(f.Steps, want, func(a, b Step) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
		t.Errorf("%v", f.Steps)
	}
	for name, text := range map[string]func(x ...num) num{
		"an inexact constant": func(x ...num) num { return x[0].plus(.1) },
		"a missing part":      func(x ...num) num { return x[0].add(single(x[0]).l) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s passes", name)
				}
			}()
			build(1, 32, text)
		}()
	}
}
