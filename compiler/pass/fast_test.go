package pass

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/lang"
)

// vectors are the values of a formula's names: one number, or as many as a reduction runs over.
type vectors map[string][]float64

// evalReal computes a formula of numbers, elementwise, with a reduction of arrays to one number. It knows nothing of
// package ir's graphs. size tells over how many values a reduction runs.
func evalReal(e lang.Expr, env vectors, size int) []float64 {
	if num, _, ok := ir.Literal(e); ok {
		return []float64{num}
	}
	if n, ok := e.(*lang.Name); ok {
		return env[n.Name]
	}
	o, operands := ir.Operation(e)
	var args [][]float64
	for _, a := range operands {
		args = append(args, evalReal(a, env, size))
	}
	switch o.Name {
	case "size":
		return []float64{float64(size)}
	case "sum", "reduce_min", "reduce_max":
		return []float64{reduceReal(o.Name, args[0], size)}
	}
	return pointwise(o, args...)
}

func pointwise(o *op.Op, args ...[]float64) []float64 {
	n := 1
	for _, a := range args {
		n = max(n, len(a))
	}
	out := make([]float64, n)
	for i := range out {
		var nums []float64
		for _, a := range args {
			nums = append(nums, a[min(i, len(a)-1)])
		}
		out[i] = realValue(o, nums)
	}
	return out
}

// realValue is the value of an operator over the reals, NaN where there is none: infinity is no real number.
func realValue(o *op.Op, nums []float64) float64 {
	if o.Name == "where" && isReal(nums[0]) {
		return o.Eval(nums)
	}
	for _, v := range nums {
		if !isReal(v) {
			return math.NaN()
		}
	}
	return o.Eval(nums)
}

func reduceReal(name string, u []float64, size int) float64 {
	all := make([]float64, size)
	for i := range all {
		all[i] = u[min(i, len(u)-1)]
	}
	switch name {
	case "reduce_min":
		return slices.Min(all)
	case "reduce_max":
		return slices.Max(all)
	}
	sum := 0.0
	for _, v := range all {
		sum += v
	}
	return sum
}

// realNames are the names of a rule's left side, and which of them are masks.
func realNames(r Rule) (names []string, masks map[string]bool) {
	masks = map[string]bool{}
	lang.Inspect(ir.ParseFormula(r.From).Expr, func(n any) {
		switch n := n.(type) {
		case *lang.Name:
			if _, isOp := op.Lookup(n.Name); !isOp && n.Name != "true" && n.Name != "false" && !slices.Contains(names, n.Name) {
				names = append(names, n.Name)
			}
		case *lang.Unary:
			noteMask(masks, n.X, n.Op == "not")
		case *lang.Binary:
			noteMask(masks, n.X, n.Op == "and" || n.Op == "or")
			noteMask(masks, n.Y, n.Op == "and" || n.Op == "or")
		case *lang.Call:
			noteMask(masks, n.Args[0], n.Fn.Name == "where" || n.Fn.Name == "real")
		}
	})
	return names, masks
}

// admits reports whether values meet a rule's condition, by plain evaluation.
func admits(r Rule, env vectors) bool {
	if r.Sound.when == "" {
		return true
	}
	for part := range strings.SplitSeq(r.Sound.when, " and ") {
		if name, ok := strings.CutPrefix(part, "coarse("); ok {
			if len(env[strings.TrimSuffix(name, ")")]) > 1 {
				return false
			}
			continue
		}
		if slices.Contains(evalReal(ir.ParseFormula(part).Expr, env, 1), 0) {
			return false
		}
	}
	return true
}

// unsoundReal looks for values at which a rule does not hold: where the left side is defined the right one must be, with
// the same values, and at points that are nothing special also the other way round.
func unsoundReal(r Rule, rng *rand.Rand, n int) (string, int) {
	names, masks := realNames(r)
	from, to := ir.ParseFormula(r.From).Expr, ir.ParseFormula(r.To).Expr
	reduces := strings.Contains(r.From, "sum(") || strings.Contains(r.From, "reduce_")
	seen := 0
	for range n {
		env := vectors{}
		special := false
		for _, name := range names {
			k := 1
			if reduces && rng.IntN(3) > 0 {
				k = 4
			}
			for range k {
				v, sp := realSample(rng, masks[name])
				special = special || sp
				env[name] = append(env[name], v)
			}
		}
		if !admits(r, env) {
			continue
		}
		a, b := evalReal(from, env, 4), evalReal(to, env, 4)
		for i := range max(len(a), len(b)) {
			x, y := a[min(i, len(a)-1)], b[min(i, len(b)-1)]
			switch {
			case isReal(x) && !isReal(y), !isReal(x) && isReal(y) && !special:
				return fmt.Sprintf("%s is %v, %s is %v at %v", r.From, x, r.To, y, env), seen
			case isReal(x) && isReal(y):
				seen++
				if math.Abs(x-y) > 1e-9*max(math.Abs(x), math.Abs(y), scaleOf(from, env), scaleOf(to, env)) {
					return fmt.Sprintf("%s is %v, %s is %v at %v", r.From, x, r.To, y, env), seen
				}
			}
		}
	}
	return "", seen
}

func isReal(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// scaleOf is the size of what cancels in a formula: the relative error of a sum is that of its terms.
func scaleOf(e lang.Expr, env vectors) float64 {
	size := 0.0
	lang.Inspect(e, func(n any) {
		if b, ok := n.(*lang.Binary); ok && (b.Op == "+" || b.Op == "-") {
			for _, side := range []lang.Expr{b.X, b.Y} {
				for _, v := range evalReal(side, env, 4) {
					if isReal(v) {
						size = max(size, math.Abs(v))
					}
				}
			}
		}
	})
	return size
}

// realSample is a number of a usual size, now and then a special one.
func realSample(rng *rand.Rand, mask bool) (v float64, special bool) {
	if mask {
		return float64(rng.IntN(2)), false
	}
	if rng.IntN(6) == 0 {
		return []float64{0, 1, -1, 2, 0.5, -0.5}[rng.IntN(6)], true
	}
	return rng.NormFloat64() * math.Exp(0.5*rng.NormFloat64()), false
}

func TestRealRulesAreSound(t *testing.T) {
	count := 0
	for _, r := range Rules {
		if r.Sound == Exact {
			continue
		}
		count++
		rng := rand.New(rand.NewPCG(7, uint64(len(r.Name))))
		what, seen := unsoundReal(r, rng, 6000)
		if what != "" {
			t.Errorf("%s: %s", r.Name, what)
		} else if seen < 100 {
			t.Errorf("%s: only %d values were compared", r.Name, seen)
		}
	}
	t.Logf("%d exact rewrites, %d of the reals", len(Rules)-count, count)
}

// TestWrongRealRulesAreFound shows that the samples tell what is true of all reals from what is not.
func TestWrongRealRulesAreFound(t *testing.T) {
	for _, r := range []Rule{
		{"sqrt-square", "sqrt(a*a)", "a", Real}, {"square-sqrt", "sqrt(a)*sqrt(a)", "a", Real}, {"abs", "abs(a)", "a", Real},
		{"square-sqrt-abs", "sqrt(a)*sqrt(a)", "abs(a)", Real}, {"sqrt-mul", "sqrt(a*b)", "sqrt(a)*sqrt(b)", RealIf("a >= 0")},
		{"sign-square", "sign(a)*sign(a)", "1", Real}, {"max-mul", "max(a*c, b*c)", "max(a, b)*c", Real},
		{"log-mul", "log(a*b)", "log(a) + log(b)", Real}, {"pow-pow", "pow(pow(a, b), c)", "pow(a, b*c)", Real},
		{"clip", "min(1, a/b)", "a/max(a, b)", Real}, {"ge", "a > b", "a >= b", Real}, {"one", "a*0 + 1", "a/a", Real},
		{"sum-mul", "sum(a*b)", "b*sum(a)", Real}, {"sum-coarse", "sum(a)", "a", RealIf("coarse(a)")}, {"ema", "b*a + (1 - b)*c", "a + b*(c - a)", Real},
		{"max-of-mul", "reduce_max(a*b)", "b*reduce_max(a)", RealIf("coarse(b)")}, {"inverse", "1/max(a, b)", "min(1/a, 1/b)", RealIf("a > 0 and b >= 0")},
		{"near", "a + b", "a + b*1.0000001", Real}, {"soft", "sign(a)*min(abs(a), b)", "min(max(a, -b), b)", Real},
	} {
		if what, _ := unsoundReal(r, rand.New(rand.NewPCG(3, 4)), 6000); what == "" {
			t.Errorf("%s: %s -> %s passes as true of the reals", r.Name, r.From, r.To)
		}
	}
}
