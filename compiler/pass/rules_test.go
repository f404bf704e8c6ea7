package pass

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/runtime/elem"
)

// sides builds both sides of a rule over leaves that stand for any value; masks tells which names are masks.
func sides(pool *ir.Pool, r Rule) (from, to *ir.Value, leaves map[string]*ir.Value) {
	left := ir.ParseFormula(r.From)
	masks := map[string]bool{}
	lang.Inspect(left.Expr, func(n any) {
		switch n := n.(type) {
		case *lang.Unary:
			noteMask(masks, n.X, n.Op == "not")
		case *lang.Binary:
			logic := n.Op == "and" || n.Op == "or"
			noteMask(masks, n.X, logic)
			noteMask(masks, n.Y, logic)
		case *lang.Call:
			noteMask(masks, n.Args[0], n.Fn.Name == "where" || n.Fn.Name == "real")
		}
	})
	leaves = map[string]*ir.Value{}
	for i, name := range []string{"a", "b", "c"} {
		leaf := pool.Call("add", pool.Input("x"), pool.Number(1000+float64(i)))
		if masks[name] {
			leaf = pool.Call("lt", leaf, pool.Number(0))
		}
		leaves[name] = leaf
	}
	return pool.Build(left, leaves), pool.Build(ir.ParseFormula(r.To), leaves), leaves
}

func noteMask(masks map[string]bool, e lang.Expr, mask bool) {
	if id, ok := e.(*lang.Name); ok && mask {
		masks[id.Name] = true
	}
}

// evaluate computes v in T, the leaves given.
func evaluate[T elem.Float](v *ir.Value, env map[*ir.Value]T) T {
	if x, ok := env[v]; ok {
		return x
	}
	if v.Kind == ir.Number {
		return T(v.Num)
	}
	args := make([]T, len(v.Args))
	for i, a := range v.Args {
		args[i] = evaluate(a, env)
	}
	switch args := any(args).(type) {
	case []float32:
		return T(v.Op.Eval32(args))
	case []float64:
		return T(v.Op.Eval(args))
	}
	panic("element type")
}

func sameBits[T elem.Float](a, b T) bool {
	return a == b && math.Signbit(float64(a)) == math.Signbit(float64(b)) || a != a && b != b
}

// samples are the special numbers and some random ones, in T; only 0 and 1 for a mask.
func samples[T elem.Float](mask bool) []T {
	if mask {
		return []T{0, 1}
	}
	var all []T
	for _, s := range randrule.Special {
		all = append(all, T(s), -T(s))
	}
	random := make([]T, 12)
	randrule.Fill(rand.New(rand.NewPCG(1, 2)), random, 0)
	return append(all, random...)
}

func soundIn[T elem.Float](t *testing.T, r Rule) {
	from, to, leaves := sides(ir.NewPool(), r)
	for _, a := range samples[T](leaves["a"].Mask) {
		for _, b := range samples[T](leaves["b"].Mask) {
			for _, c := range samples[T](leaves["c"].Mask) {
				env := map[*ir.Value]T{leaves["a"]: a, leaves["b"]: b, leaves["c"]: c}
				if x, y := evaluate(from, env), evaluate(to, env); !sameBits(x, y) {
					t.Fatalf("%s: %s is %v, %s is %v at a=%v b=%v c=%v (%T)", r.Name, r.From, x, r.To, y, a, b, c, x)
				}
				if !strings.Contains(r.From, "c") {
					break
				}
			}
			if !strings.Contains(r.From, "b") {
				break
			}
		}
	}
}

func TestRulesAreSound(t *testing.T) {
	names := map[string]bool{}
	for _, r := range Rules {
		if names[r.Name] {
			t.Errorf("two rules named %s", r.Name)
		}
		names[r.Name] = true
		if r.Sound != Exact {
			continue // see TestRealRulesAreSound
		}
		soundIn[float32](t, r)
		soundIn[float64](t, r)
	}
}

// TestRulesFire demands that each rule takes its own left side away, costs no more, and ends.
func TestRulesFire(t *testing.T) {
	for _, r := range Rules {
		if r.Sound != Exact {
			continue
		}
		pool := ir.NewPool()
		from, to, _ := sides(pool, r)
		if !match(ir.ParseFormula(r.From).Expr, from, map[string]*ir.Value{}) {
			t.Errorf("%s does not match its own left side %s", r.Name, r.From)
		}
		got := rewrite(pool, from)
		if got != pool.Spread(rewrite(pool, to), from.Extent) {
			t.Errorf("%s: %s and %s are rewritten to different values", r.Name, r.From, r.To)
		}
		if got == from || flops(got) > flops(from) {
			t.Errorf("%s: %s costs %d, was %d", r.Name, r.From, flops(got), flops(from))
		}
	}
}

func flops(v *ir.Value) int {
	sum := 0
	for _, n := range ir.Reachable(v) {
		if n.Kind == ir.Apply {
			sum += n.Op.Flops
		}
	}
	return sum
}

// TestWrongRulesAreFound shows that the samples tell rules of the reals from exact ones.
func TestWrongRulesAreFound(t *testing.T) {
	for _, r := range []Rule{
		{"mul-zero", "a*0", "0", Exact}, {"add-zero", "a + 0", "a", Exact}, {"sub-self", "a - a", "0", Exact},
		{"add-assoc", "(a + b) + c", "a + (b + c)", Exact}, {"sqrt-square", "sqrt(a*a)", "abs(a)", Exact},
		{"neg-sub", "-(a - b)", "b - a", Exact}, {"pow-half", "pow(a, 0.5)", "sqrt(a)", Exact}, {"zero-sub", "0 - a", "-a", Exact},
		{"not-lt", "not (a < b)", "a >= b", Exact}, {"min-sign", "a*sign(a)", "abs(a)", Exact},
	} {
		if !unsound(r) {
			t.Errorf("%s: %s -> %s passes as exact", r.Name, r.From, r.To)
		}
	}
}

func unsound(r Rule) bool {
	from, to, leaves := sides(ir.NewPool(), r)
	for _, a := range samples[float32](false) {
		for _, b := range samples[float32](false) {
			env := map[*ir.Value]float32{leaves["a"]: a, leaves["b"]: b, leaves["c"]: 0.1}
			if !sameBits(evaluate(from, env), evaluate(to, env)) {
				return true
			}
		}
	}
	return false
}

// TestSimplifyIsIdempotent applies the rewrites to what they gave.
func TestSimplifyIsIdempotent(t *testing.T) {
	pool := ir.NewPool()
	v := pool.Input("x")
	for i := range 2000 {
		v = pool.Call([]string{"neg", "abs", "floor", "sign", "neg"}[i%5], v)
		v = pool.Call("mul", v, pool.Number([]float64{1, -1}[i%2]))
	}
	p := &ir.Program{Name: "r", X: v, Pool: pool}
	once := Simplify(p)
	twice := Simplify(once)
	if once.X != twice.X || len(ir.Reachable(once.X)) >= len(ir.Reachable(v)) {
		t.Errorf("%d values, then %d, then %d", len(ir.Reachable(v)), len(ir.Reachable(once.X)), len(ir.Reachable(twice.X)))
	}
}

// TestCommutedPatterns finds a rule's left side when its operands stand the other way round in a pool that holds both.
func TestCommutedPatterns(t *testing.T) {
	for _, c := range []struct{ name, other string }{{"mul", "1*a"}, {"mul", "a*1"}} {
		pool := ir.NewPool()
		a := pool.Input("x")
		first := pool.Build(ir.ParseFormula(c.other), map[string]*ir.Value{"a": a})
		again := pool.Call(c.name, pool.Number(1), a)
		if first != again || rewrite(pool, again) != a {
			t.Errorf("%s: %s", c.other, fmt.Sprint(rewrite(pool, again)))
		}
	}
}
