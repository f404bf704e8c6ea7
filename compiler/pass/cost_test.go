package pass_test

import (
	"testing"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
)

const shared = `
fn lerp(a, b, w) = a + w*(b - a)
fn ema(u; beta) { state s = 0
  s <- lerp(u, s, beta)
  return s }
fn debiased(u; beta) = ema(u; beta)/(1 - beta^t)
fn adam_dir(g; beta1, beta2, eps) = debiased(g; beta1)/(sqrt(debiased(g^2; beta2)) + eps)
`

const hypers = `hyper lr = 1e-3 in (0, inf); hyper beta1 = 0.9 in [0, 1); hyper beta2 = 0.999 in [0, 1); hyper eps = 1e-8 in (0, inf)
hyper weight_decay = 0.01 in [0, inf)
`

// TestCostOfKnownRules holds the traffic of rules whose least is known by hand: bytes a float32 parameter.
func TestCostOfKnownRules(t *testing.T) {
	for _, c := range []struct {
		name, body           string
		passes, bytes, first int // first: bytes of the first step
	}{
		{"sgd", hypers + "x <- x - lr*g", 1, 12, 12},
		{"momentum", hypers + "state m = 0; m <- where(t == 1, g, beta1*m + g); x <- x - lr*m", 1, 20, 16},
		{"adam", hypers + "x <- x - lr*adam_dir(g; beta1, beta2, eps)", 1, 28, 28},
		{"adamw", hypers + "x <- x - lr*(adam_dir(g; beta1, beta2, eps) + weight_decay*x)", 1, 28, 28},
		{"lion", hypers + "state m = 0; let u = sign(lerp(g, m, beta1)); x <- x - lr*(u + weight_decay*x); m <- lerp(g, m, beta2)", 1, 20, 20},
		{"lamb", hypers + `let u = adam_dir(g; beta1, beta2, eps) + weight_decay*x
let nx = norm(x); let nu = norm(u)
x <- x - lr*where(nx > 0 and nu > 0, nx/nu, 1)*u`, 2, 40, 40},
		{"lars", hypers + "let ratio = norm(x)/norm(g); state m = 0; m <- beta1*m + lr*ratio*(g + weight_decay*x); x <- x - m", 2, 28, 28},
		{"clip", hypers + "let s = min(1, 1/(norm(g per model) + 1e-6)); x <- x - lr*s*g", 2, 16, 16},
		{"dog", hypers + `state x0 = x; state far = eps*(1 + norm(x per model)); state sum_sq = eps
far <- max(far, norm(x - x0 per model)); sum_sq <- sum_sq + normsq(g per model); x <- x - far/sqrt(sum_sq)*g`, 2, 24, 24},
	} {
		plan := schedule(run(t, checked(t, shared+"rule r {\n"+c.body+"\n}\n", check.Settings{}), pass.Program))
		later, first := pass.CostOf(plan.Later), pass.CostOf(plan.First)
		if later.Passes != c.passes || later.Bytes(4) != c.bytes || first.Bytes(4) != c.first {
			t.Errorf("%s: %d passes, %d bytes (%d in the first step), want %d, %d and %d\n%s", c.name,
				later.Passes, later.Bytes(4), first.Bytes(4), c.passes, c.bytes, c.first, plan)
		}
		verifyPlan(t, plan)
	}
}

// TestFirstSpecialises holds that nothing of the first step is left in the others, and the other way round.
func TestFirstSpecialises(t *testing.T) {
	p := run(t, checked(t, "rule r { state a = x; state b = g; a <- a + where(t == 1, 5, b); x <- x - a\n b <- g }", check.Settings{}), pass.Program)
	for _, first := range []bool{true, false} {
		q := pass.First(p, first)
		if err := q.Verify(); err != nil {
			t.Fatal(err)
		}
		loads := 0
		for _, v := range ir.Reachable(q.Roots()...) {
			if v == p.Pool.First() {
				t.Errorf("first %v: the question is still asked", first)
			}
			if v.Kind == ir.Load {
				loads++
			}
		}
		if want := map[bool]int{true: 0, false: 2}[first]; loads != want {
			t.Errorf("first %v: %d states are read, want %d", first, loads, want)
		}
	}
}

// TestExpandLeavesNothing holds that no operator with an expansion is left, and that the numbers stay.
func TestExpandLeavesNothing(t *testing.T) {
	const text = "rule r { x <- clamp(x, -1, g) % (1 + g^2) - rsqrt(abs(x) + 0.1) + clamp(x % 3, 0, 2) }"
	p := run(t, checked(t, text, check.Settings{}), pass.Program[:1])
	q := run(t, p, pass.Program[1:])
	for _, v := range ir.Reachable(q.X) {
		if v.Kind == ir.Apply && v.Op.Expand != "" {
			t.Errorf("%s is left", v.Op.Name)
		}
	}
	s := newScene(3, p)
	comparePlan[float32](t, p, schedule(q), s, 2)
}

// TestDeepChainsSchedule compiles a chain that no recursive pass would survive.
func TestDeepChainsSchedule(t *testing.T) {
	pool := ir.NewPool()
	v := pool.Input("x")
	for i := range 30_000 {
		v = pool.Call([]string{"sin", "neg", "exp"}[i%3], pool.Call("add", v, pool.Input("g")))
	}
	p := run(t, &ir.Program{Name: "r", X: v, Pool: pool}, pass.Program)
	if cost := pass.CostOf(schedule(p).Later); cost.Passes != 1 || cost.Bytes(4) != 12 {
		t.Errorf("%+v", cost)
	}
}
