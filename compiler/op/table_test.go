package op_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/runtime/elem"
)

// each calls test for every row.
func each(t *testing.T, test func(t *testing.T, o *op.Op)) {
	for i := range op.Table {
		o := &op.Table[i]
		t.Run(o.Name, func(t *testing.T) { test(t, o) })
	}
}

func elementwise(t *testing.T, test func(t *testing.T, o *op.Op)) {
	each(t, func(t *testing.T, o *op.Op) {
		if o.Kind == op.Elementwise {
			test(t, o)
		}
	})
}

// panics reports whether f does.
func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}

func TestRowsAreComplete(t *testing.T) {
	infix := map[[2]any]string{}
	each(t, func(t *testing.T, o *op.Op) {
		if o.Doc == "" || o.LaTeX == "" || strings.HasSuffix(o.Doc, ".") {
			t.Errorf("doc %q, LaTeX %q", o.Doc, o.LaTeX)
		}
		for _, arg := range []string{"$a", "$b", "$c"}[:o.Args] {
			if !strings.Contains(o.LaTeX, arg) || o.Kind == op.Elementwise && o.Go != "" && !strings.Contains(o.Go, arg) {
				t.Errorf("%s does not stand in %q and %q", arg, o.LaTeX, o.Go)
			}
		}
		if k := [2]any{o.Infix, o.Args}; o.Infix != "" {
			if infix[k] != "" {
				t.Errorf("written as %s is", infix[k])
			}
			infix[k] = o.Name
			if got, ok := op.Infix(o.Infix, o.Args); !ok || got != o {
				t.Errorf("Infix(%q, %d) is another row", o.Infix, o.Args)
			}
		}
		if got, ok := op.Lookup(o.Name); !ok || got != o || op.Must(o.Name) != o || op.IsDerivation(o.Name) {
			t.Error("Lookup gives another row")
		}
		least := 1
		if o.Kind == op.Draw || o.Name == "eye" {
			least = 0
		}
		if o.Args < least || o.Args > 3 || o.MaskArgs>>o.Args != 0 || len(o.Diff) > 0 && len(o.Diff) != o.Args {
			t.Errorf("%d arguments, masks %b, %d derivatives", o.Args, o.MaskArgs, len(o.Diff))
		}
		if o.Kind != op.Elementwise {
			if len(o.Diff) > 0 || o.Eval != nil || o.Eval32 != nil {
				t.Error("only elementwise operators have a derivative and an Eval")
			}
			return
		}
		if o.Shape != "" || o.Params != nil || o.Array32 != nil || o.Array64 != nil {
			t.Error("an elementwise operator with what belongs to whole arrays")
		}
		if o.Flops <= 0 {
			t.Error("costs nothing")
		}
		if (o.Go == "") != (o.Expand != "") {
			t.Error("needs either Go or an expansion")
		}
		if panics(func() { o.Eval(make([]float64, o.Args)); o.Eval32(make([]float32, o.Args)) }) {
			t.Errorf("Eval takes more than %d", o.Args)
		}
		if !panics(func() { o.Eval(make([]float64, o.Args-1)) }) || !panics(func() { o.Eval32(make([]float32, o.Args-1)) }) {
			t.Errorf("Eval takes fewer than %d", o.Args)
		}
	})
	if _, ok := op.Lookup("no_such_row"); ok || !panics(func() { op.Must("no_such_row") }) {
		t.Error("an unknown row is found")
	}
	if _, ok := op.Infix("+", 1); ok {
		t.Error("there is no unary +")
	}
}

// arguments draws argument lists: every pair of special numbers, then random ones; 0 and 1 where a mask stands.
func arguments[T elem.Float](o *op.Op) [][]T {
	r := rand.New(rand.NewPCG(uint64(len(o.Name)), 5))
	var pool []T
	for _, s := range randrule.Special {
		pool = append(pool, T(s))
	}
	var all [][]T
	add := func(draw func(i int) T) {
		args := make([]T, o.Args)
		for i := range args {
			args[i] = draw(i)
			if o.MaskArgs&(1<<i) != 0 {
				args[i] = T(r.IntN(2))
			}
		}
		all = append(all, args)
	}
	for i := range pool {
		for j := range pool {
			k := r.IntN(len(pool))
			add(func(n int) T { return pool[[]int{i, j, k}[n]] })
		}
	}
	random := make([]T, 3)
	for range 2000 {
		randrule.Fill(r, random, 5)
		add(func(n int) T { return random[n] })
	}
	return all
}

func same[T elem.Float](a, b T) bool {
	return a == b && math.Signbit(float64(a)) == math.Signbit(float64(b)) || a != a && b != b
}

func swapped[T any](a []T) []T { return []T{a[1], a[0]} }

func TestCommutes(t *testing.T) {
	elementwise(t, func(t *testing.T, o *op.Op) {
		if o.Args != 2 {
			if o.Commutes {
				t.Error("commutes without two arguments")
			}
			return
		}
		asymmetric := false
		for _, a := range arguments[float64](o) {
			if x, y := o.Eval(a), o.Eval(swapped(a)); !same(x, y) {
				asymmetric = true
				if o.Commutes {
					t.Fatalf("%v: %v and %v", a, x, y)
				}
			}
		}
		for _, a := range arguments[float32](o) {
			if x, y := o.Eval32(a), o.Eval32(swapped(a)); o.Commutes && !same(x, y) {
				t.Fatalf("%v: %v and %v in float32", a, x, y)
			}
		}
		if !o.Commutes && !asymmetric {
			t.Error("commutes, but the row does not say so")
		}
	})
}

func TestMasksAreZeroOrOne(t *testing.T) {
	elementwise(t, func(t *testing.T, o *op.Op) {
		if !o.Mask {
			return
		}
		for _, a := range arguments[float64](o) {
			if y := o.Eval(a); y != 0 && y != 1 || math.Signbit(y) {
				t.Fatalf("%v gives %v", a, y)
			}
		}
		for _, a := range arguments[float32](o) {
			if y := o.Eval32(a); y != 0 && y != 1 || math.Signbit(float64(y)) {
				t.Fatalf("%v gives %v in float32", a, y)
			}
		}
	})
}

// TestFloat32 compares with float64: an operator in float32 is the exact one on the same arguments rounded, up to one
// rounding an operation (rsqrt and mod have more than one; copysign, where and the like none). An elementary function,
// whose row has a bound, is computed in float32 alone and may be off by 1 ULP more.
func TestFloat32(t *testing.T) {
	elementwise(t, func(t *testing.T, o *op.Op) {
		for _, a := range arguments[float32](o) {
			wide := make([]float64, len(a))
			for i := range a {
				wide[i] = float64(a[i])
			}
			got, want := o.Eval32(a), float32(o.Eval(wide))
			if same(got, want) {
				continue
			}
			if o.Name == "mod" || o.Name == "rsqrt" {
				continue // TestExpansions compares these by bits with their definition in float32
			}
			if o.Ulp > 0 && got == math.Nextafter32(want, got) {
				continue
			}
			t.Fatalf("%v gives %v, in float64 %v", a, got, want)
		}
	})
}

// exact gives the real result of the rows that IEEE 754 rounds correctly, of finite arguments.
var exact = map[string]func(a, b *big.Float) *big.Float{
	"add": func(a, b *big.Float) *big.Float { return wide().Add(a, b) },
	"sub": func(a, b *big.Float) *big.Float { return wide().Sub(a, b) },
	"mul": func(a, b *big.Float) *big.Float { return wide().Mul(a, b) },
	"div": func(a, b *big.Float) *big.Float {
		if b.Sign() == 0 {
			return nil
		}
		return wide().Quo(a, b)
	},
	"neg":  func(a, _ *big.Float) *big.Float { return wide().Neg(a) },
	"abs":  func(a, _ *big.Float) *big.Float { return wide().Abs(a) },
	"sqrt": func(a, _ *big.Float) *big.Float { return root(a) },
	"rsqrt": func(a, _ *big.Float) *big.Float {
		if a.Sign() <= 0 {
			return nil
		}
		return wide().Quo(big.NewFloat(1), root(a))
	},
	"hypot": func(a, b *big.Float) *big.Float {
		return root(wide().Add(wide().Mul(a, a), wide().Mul(b, b)))
	},
}

func wide() *big.Float { return new(big.Float).SetPrec(2200) }

func root(a *big.Float) *big.Float {
	if a.Sign() < 0 {
		return nil
	}
	return wide().Sqrt(a)
}

// library gives package math's word on the rows whose error package elem's own tests hold against references of 300
// bits. It errs itself, by thousands of ULPs in places (Pow), so this finds gross mistakes of the table alone.
var library = map[string]func(a, b float64) float64{
	"cbrt": one(math.Cbrt), "exp": one(math.Exp), "expm1": one(math.Expm1), "log": one(log), "log1p": one(math.Log1p), "log2": one(math.Log2),
	"sin": one(math.Sin), "cos": one(math.Cos), "tan": one(math.Tan), "atan": one(math.Atan), "sinh": one(math.Sinh), "cosh": one(math.Cosh),
	"tanh": one(math.Tanh), "erf": one(math.Erf), "pow": math.Pow,
	"min": func(a, b float64) float64 { return min(a, b) }, "max": func(a, b float64) float64 { return max(a, b) }, "copysign": func(a, b float64) float64 {
		if b != b {
			return b
		}
		return math.Copysign(a, b)
	},
	"floor": one(math.Floor), "ceil": one(math.Ceil), "round": one(math.RoundToEven),
	"sigmoid":  one(func(a float64) float64 { return 1 / (1 + math.Exp(-a)) }),
	"softplus": one(func(a float64) float64 { return math.Max(a, 0) + math.Log1p(math.Exp(-math.Abs(a))) }),
	"mod":      func(a, b float64) float64 { return a - float64(b*math.Floor(a/b)) },
	"sign": one(func(a float64) float64 {
		switch {
		case a > 0:
			return 1
		case a < 0:
			return -1
		}
		return math.Abs(a)
	}),
}

// log scales subnormals, of which math.Log is wrong on amd64.
func log(a float64) float64 {
	if a < 0x1p-1022 {
		return math.Log(a*0x1p60) - 60*math.Ln2
	}
	return math.Log(a)
}

func one(f func(float64) float64) func(a, b float64) float64 {
	return func(a, _ float64) float64 { return f(a) }
}

func TestAccuracy(t *testing.T) {
	elementwise(t, func(t *testing.T, o *op.Op) {
		if o.Mask || o.MaskArgs != 0 || o.Name == "clamp" { // TestMasks, TestMeaning and TestExpansions
			return
		}
		if exact[o.Name] == nil && library[o.Name] == nil {
			t.Fatal("no reference to compare with")
		}
		for _, a := range arguments[float64](o) {
			b := a[len(a)-1]
			got := o.Eval(a)
			if o.Name == "pow" && math.Abs(a[0]) < 0x1p-1022 && a[0] != 0 {
				continue // math.Pow is wrong by factors there
			}
			if f := exact[o.Name]; f != nil {
				againstExact(t, o, a, got, f)
			} else if want := library[o.Name](a[0], b); !within(got, want, 1<<16) && !same(got, want) {
				t.Fatalf("%v gives %v, want %v", a, got, want)
			}
		}
	})
}

func againstExact(t *testing.T, o *op.Op, a []float64, got float64, f func(a, b *big.Float) *big.Float) {
	t.Helper()
	b := a[len(a)-1]
	if a[0]-a[0] != 0 || b-b != 0 {
		return // math/big knows no NaN; TestMeaning has the special cases
	}
	real := f(wide().SetFloat64(a[0]), wide().SetFloat64(b))
	if real == nil {
		return
	}
	want, _ := real.Float64()
	if o.Ulp == 0 && got != want || !within(got, want, o.Ulp) && got != want {
		t.Fatalf("%v gives %v, want %v", a, got, want)
	}
}

// within reports whether got lies within ulps units in the last place of want.
func within(got, want, ulps float64) bool {
	if math.IsInf(want, 0) || math.IsNaN(want) {
		return false
	}
	ulp := math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want)
	return math.Abs(got-want) <= ulps*ulp
}

// TestMeaning holds the corners that the language fixes.
func TestMeaning(t *testing.T) {
	nan, inf, minus := math.NaN(), math.Inf(1), math.Copysign(0, -1)
	for _, c := range []struct {
		name string
		args []float64
		want float64
	}{
		{"min", []float64{nan, 1}, nan}, {"min", []float64{-inf, nan}, nan}, {"min", []float64{0, minus}, minus}, {"max", []float64{minus, 0}, 0},
		{"max", []float64{inf, nan}, nan}, {"clamp", []float64{nan, 0, 1}, nan}, {"clamp", []float64{5, 0, 1}, 1}, {"clamp", []float64{minus, 0, 1}, 0},
		{"clamp", []float64{1, 3, 2}, 2}, {"sign", []float64{minus}, 0}, {"sign", []float64{nan}, nan}, {"sign", []float64{-inf}, -1},
		{"round", []float64{2.5}, 2}, {"round", []float64{-0.5}, minus}, {"mod", []float64{-1, 3}, 2}, {"mod", []float64{1, -3}, -2},
		{"mod", []float64{5, 0}, nan}, {"where", []float64{1, 2, nan}, 2}, {"where", []float64{0, nan, 3}, 3}, {"real", []float64{1}, 1},
		{"eq", []float64{nan, nan}, 0}, {"ne", []float64{nan, nan}, 1}, {"lt", []float64{nan, 1}, 0}, {"ge", []float64{nan, 1}, 0},
		{"le", []float64{minus, 0}, 1}, {"gt", []float64{0, minus}, 0}, {"and", []float64{1, 0}, 0}, {"or", []float64{1, 0}, 1}, {"not", []float64{0}, 1},
		{"isfinite", []float64{inf}, 0}, {"isfinite", []float64{nan}, 0}, {"isfinite", []float64{math.MaxFloat64}, 1}, {"rsqrt", []float64{4}, 0.5},
		{"rsqrt", []float64{0}, inf}, {"sqrt", []float64{-1}, nan}, {"abs", []float64{minus}, 0}, {"copysign", []float64{nan, -1}, nan},
		{"div", []float64{1, minus}, -inf}, {"sub", []float64{inf, inf}, nan}, {"mul", []float64{0, inf}, nan}, {"neg", []float64{0}, minus},
	} {
		if got := op.Must(c.name).Eval(c.args); !same(got, c.want) {
			t.Errorf("%s%v is %v, want %v", c.name, c.args, got, c.want)
		}
	}
}

// TestExpansions builds each expansion as the compiler does and lets the interpreter run it beside the row's own Eval.
func TestExpansions(t *testing.T) {
	n := 0
	elementwise(t, func(t *testing.T, o *op.Op) {
		if o.Expand == "" {
			return
		}
		n++
		expandIn[float64](t, o, o.Eval)
		expandIn[float32](t, o, o.Eval32)
	})
	if n < 3 {
		t.Errorf("%d expansions", n)
	}
}

func expandIn[T elem.Float](t *testing.T, o *op.Op, eval func([]T) T) {
	all := arguments[T](o)
	pool := ir.NewPool()
	p := &ir.Program{Name: "r", Pool: pool}
	inputs := []*ir.Value{pool.Input("x"), pool.Input("g"), nil} // a third argument is a number
	for start := 0; start < len(all); start += 500 {
		part := all[start:min(start+500, len(all))]
		for _, third := range thirds(o, part) {
			args := append([]*ir.Value(nil), inputs[:o.Args]...)
			if o.Args == 3 {
				args[2] = pool.Number(float64(third))
			}
			p.X = pool.Spread(pool.Expand(o.Expand, ir.Tensor, nil, args...), ir.Elem)
			compareExpansion(t, p, o, part, third, eval)
		}
	}
}

func thirds[T elem.Float](o *op.Op, part [][]T) []T {
	if o.Args < 3 {
		return []T{0}
	}
	return []T{part[0][2], part[len(part)/2][2], T(math.NaN()), T(math.Inf(-1)), 0, T(math.Copysign(0, -1)), 0.1}
}

func compareExpansion[T elem.Float](t *testing.T, p *ir.Program, o *op.Op, part [][]T, third T, eval func([]T) T) {
	t.Helper()
	m := interp.New[T](p, []interp.Tensor{{Shape: []int{len(part)}}}, 1)
	g := make([]T, len(part))
	for i, a := range part {
		m.Params[0][i] = a[0]
		if o.Args > 1 {
			g[i] = a[1]
		}
	}
	m.Step([][]T{g}, 0)
	for i, a := range part {
		args := append([]T(nil), a...)
		if o.Args == 3 {
			args[2] = third
		}
		if want := eval(args); !same(m.Params[0][i], want) {
			t.Fatalf("%v: expanded %v, Eval %v (%T)", args, m.Params[0][i], want, want)
		}
	}
}

// TestDerivatives compares each row's derivative with central differences, over Lo..Hi or where the arguments are not
// near a kink.
func TestDerivatives(t *testing.T) {
	elementwise(t, func(t *testing.T, o *op.Op) {
		if o.Mask && len(o.Diff) > 0 {
			t.Fatal("a mask has no derivative")
		}
		r := rand.New(rand.NewPCG(uint64(len(o.Doc)), 6))
		compared := 0
		for range 400 {
			args := make([]float64, o.Args)
			for i := range args {
				args[i] = 3 * r.NormFloat64()
				if o.Hi > o.Lo {
					args[i] = o.Lo + (o.Hi-o.Lo)*r.Float64()
				}
				if o.MaskArgs&(1<<i) != 0 {
					args[i] = float64(r.IntN(2))
				}
			}
			for i := range o.Diff {
				if o.MaskArgs&(1<<i) == 0 && derivativeAgrees(t, o, args, i) {
					compared++
				}
			}
		}
		if len(o.Diff) > 0 && compared < 200 {
			t.Errorf("compared at %d points only", compared)
		}
		if len(o.Diff) == 0 && !o.Mask && o.Name != "real" {
			t.Error("no derivatives")
		}
	})
}

// derivativeAgrees reports whether the differences converge at the point, and fails when the formula then disagrees.
func derivativeAgrees(t *testing.T, o *op.Op, args []float64, i int) bool {
	t.Helper()
	at := func(d float64) float64 {
		moved := append([]float64(nil), args...)
		moved[i] += d
		return o.Eval(moved)
	}
	h := 1e-4 * (1 + math.Abs(args[i]))
	if o.Hi > o.Lo {
		h = min(h, (o.Hi-o.Lo)*1e-4)
	}
	coarse, fine := (at(h)-at(-h))/(2*h), (at(h/2)-at(-h/2))/h
	want := fine + (fine-coarse)/3
	scale := max(1, math.Abs(want))
	if math.IsNaN(want) || math.Abs(fine-coarse) > 1e-4*scale {
		return false
	}
	got := 0.0
	if o.Diff[i] != "" {
		got = formula(o.Diff[i], args, o.Eval(args))
	}
	if !(math.Abs(got-want) <= 3e-6*scale) {
		t.Fatalf("d/d%c at %v is %v by %q, %v by differences", 'a'+i, args, got, o.Diff[i], want)
	}
	return true
}

// formula evaluates the text of a derivative.
func formula(text string, args []float64, y float64) float64 {
	pool := ir.NewPool()
	names := map[string]*ir.Value{"y": pool.Number(y)}
	for i, a := range args {
		names[string(rune('a'+i))] = pool.Number(a)
	}
	if strings.HasPrefix(text, "where(a, ") {
		names["a"] = pool.Bool(args[0] != 0)
	}
	v := pool.Build(ir.ParseFormula(text), names)
	if v.Kind != ir.Number {
		panic("a formula of numbers is a number")
	}
	return v.Num
}

// TestReductions compares every reduction with the plain loop, on integers, of which sums are exact.
func TestReductions(t *testing.T) {
	naive := map[string]func(a, b []float64) float64{
		"sum":        func(a, _ []float64) float64 { return fold(a, 0, func(s, v float64) float64 { return s + v }) },
		"reduce_min": func(a, _ []float64) float64 { return fold(a, math.Inf(1), math.Min) },
		"reduce_max": func(a, _ []float64) float64 { return fold(a, math.Inf(-1), math.Max) },
		"size":       func(a, _ []float64) float64 { return float64(len(a)) },
		"mean":       func(a, _ []float64) float64 { return fold(a, 0, plus) / float64(len(a)) },
		"normsq":     func(a, _ []float64) float64 { return fold(a, 0, func(s, v float64) float64 { return s + v*v }) },
		"norm": func(a, _ []float64) float64 {
			return math.Sqrt(fold(a, 0, func(s, v float64) float64 { return s + v*v }))
		},
		"norm1": func(a, _ []float64) float64 { return fold(a, 0, func(s, v float64) float64 { return s + math.Abs(v) }) },
		"dot": func(a, b []float64) float64 {
			s := 0.0
			for i := range a {
				s += a[i] * b[i]
			}
			return s
		},
		"count": func(a, _ []float64) float64 {
			return fold(a, 0, func(s, v float64) float64 { return s + truth(v > 0) })
		},
		"any": func(a, _ []float64) float64 {
			return fold(a, 0, func(s, v float64) float64 { return max(s, truth(v > 0)) })
		},
		"all": func(a, _ []float64) float64 {
			return fold(a, 1, func(s, v float64) float64 { return min(s, truth(v > 0)) })
		},
	}
	each(t, func(t *testing.T, o *op.Op) {
		if o.Kind != op.Reduction && o.Kind != op.Size {
			return
		}
		want, ok := naive[o.Name]
		if !ok {
			t.Fatal("no definition to compare with")
		}
		r := rand.New(rand.NewPCG(3, 9))
		for _, n := range []int{1, 2, 31, 32, 33, 67, 1023, 1024, 1025, 2100} {
			for _, spread := range []int{1, 9, 2} {
				x, g := make([]float64, n), make([]float64, n)
				for i := range x {
					x[i], g[i] = float64(r.IntN(2*spread+1)-spread), float64(r.IntN(7)-3)
					if spread == 2 {
						x[i] = 1 + math.Abs(x[i])
					}
				}
				if got := reduceBy(o, x, g); !same(got, want(x, g)) {
					t.Errorf("of %d values %v, want %v", n, got, want(x, g))
				}
			}
		}
	})
}

func plus(s, v float64) float64 { return s + v }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func fold(a []float64, s float64, f func(s, v float64) float64) float64 {
	for _, v := range a {
		s = f(s, v)
	}
	return s
}

// reduceBy runs a row on x and g through its expansion, or by itself.
func reduceBy(o *op.Op, x, g []float64) float64 {
	pool := ir.NewPool()
	a := pool.Input("x")
	args := []*ir.Value{a, pool.Input("g")}[:o.Args]
	if o.MaskArgs != 0 {
		args[0] = pool.Call("gt", a, pool.Number(0))
	}
	var v *ir.Value
	switch {
	case o.Kind == op.Size:
		v = pool.Count(ir.Elem, ir.Tensor)
	case o.Expand == "":
		v = pool.Reduce(o, args[0], ir.Tensor, nil)
	default:
		// the checker resolves sizes after it has the extents
		p := &ir.Program{Name: "r", Pool: pool, X: pool.Expand(o.Expand, ir.Tensor, nil, args...)}
		p = p.Resolve(nil, nil)
		pool, v = p.Pool, p.X
	}
	if v.Mask {
		v = pool.Call("real", v)
	}
	m := interp.New[float64](&ir.Program{Name: "r", Pool: pool, X: pool.Spread(v, ir.Elem)}, []interp.Tensor{{Shape: []int{len(x)}}}, 1)
	copy(m.Params[0], x)
	m.Step([][]float64{g}, 0)
	return m.Params[0][0]
}

// TestDerivationNames holds that what is derived is no row, and that no name stands twice.
func TestDerivationNames(t *testing.T) {
	for _, name := range []string{"prox", "project", "lmo", "mirror", "hypergrad"} {
		if _, ok := op.Lookup(name); ok || !op.IsDerivation(name) {
			t.Errorf("%s", name)
		}
	}
	if op.IsDerivation("sin") || op.IsDerivation("adam") || op.IsDerivation("") {
		t.Error("a name is derived that is none of theirs")
	}
}
