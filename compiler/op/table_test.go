package op_test

import (
	"math"
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
			if !strings.Contains(o.LaTeX, arg) || o.Go != "" && !strings.Contains(o.Go, arg) {
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
		if got, ok := op.Lookup(o.Name); !ok || got != o || op.Must(o.Name) != o || op.IsLater(o.Name) {
			t.Error("Lookup gives another row")
		}
		if o.Args < 1 || o.Args > 3 || o.MaskArgs>>o.Args != 0 || len(o.Diff) > 0 && len(o.Diff) != o.Args {
			t.Errorf("%d arguments, masks %b, %d derivatives", o.Args, o.MaskArgs, len(o.Diff))
		}
		if o.Kind != op.Elementwise {
			return
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
// rounding an operation (rsqrt and mod have more than one; copysign, where and the like none).
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
			t.Fatalf("%v gives %v, in float64 %v", a, got, want)
		}
	})
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
	p := &ir.Program{Name: "r", Pool: pool, States: []ir.State{{Name: "c", Extent: ir.Elem}}}
	inputs := []*ir.Value{pool.Input("x"), pool.Input("g")}
	if o.Args == 3 {
		t.Log("the third argument is drawn as a number")
		inputs = append(inputs, nil)
	}
	for start := 0; start < len(all); start += 500 {
		part := all[start:min(start+500, len(all))]
		for _, third := range thirds(o, part) {
			args := append([]*ir.Value(nil), inputs[:o.Args]...)
			if o.Args == 3 {
				args[2] = pool.Number(float64(third))
			}
			p.X = pool.Spread(pool.Expand(o.Expand, ir.Tensor, args...), ir.Elem)
			p.States = nil
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
		if o.Mask && o.Smooth() {
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
		"count": func(a, _ []float64) float64 { return fold(a, 0, func(s, v float64) float64 { return s + truth(v > 0) }) },
		"any":   func(a, _ []float64) float64 { return fold(a, 0, func(s, v float64) float64 { return max(s, truth(v > 0)) }) },
		"all":   func(a, _ []float64) float64 { return fold(a, 1, func(s, v float64) float64 { return min(s, truth(v > 0)) }) },
	}
	each(t, func(t *testing.T, o *op.Op) {
		if o.Kind == op.Elementwise {
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
		v = pool.Reduce(o, args[0], ir.Tensor)
	default:
		// the checker resolves sizes after it has the extents
		p := &ir.Program{Name: "r", Pool: pool, X: pool.Expand(o.Expand, ir.Tensor, args...)}
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

// TestLater holds that the names of later versions are no rows, and that no name stands twice.
func TestLater(t *testing.T) {
	for _, name := range []string{"kth", "prox", "normal", "eye", "push", "hypergrad"} {
		if _, ok := op.Lookup(name); ok || !op.IsLater(name) {
			t.Errorf("%s", name)
		}
	}
	if op.IsLater("sin") || op.IsLater("adam") || op.IsLater("") {
		t.Error("a name is refused that is none of theirs")
	}
}
