package pass_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/runtime/elem"
)

// checked is rule r of a file's text.
func checked(t testing.TB, text string, set check.Settings) *ir.Program {
	t.Helper()
	u, diags := check.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", fstest.MapFS{})
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, text)
	}
	p, diags := check.Rule(u, "r", set)
	if p == nil {
		t.Fatalf("%v\n%s", diags, text)
	}
	return p
}

// run applies passes and verifies after each.
func run(t testing.TB, p *ir.Program, passes []pass.Pass) *ir.Program {
	t.Helper()
	p, err := pass.Run(p, passes, func(ps pass.Pass, p *ir.Program) error {
		if err := p.Verify(); err != nil {
			return fmt.Errorf("after %s: %w\n%s", ps.Name, err, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// scene is the parameters, groups and gradients that programs are compared on.
type scene struct {
	tensors []interp.Tensor
	hypers  [][]float64
	odds    int
	seed    uint64
}

func newScene(seed uint64, p *ir.Program) scene {
	r := rand.New(rand.NewPCG(seed, 11))
	s := scene{odds: []int{0, 60, 4}[r.IntN(3)], seed: seed}
	groups := 1 + r.IntN(2)
	for i, shape := range randrule.Shapes(r) {
		s.tensors = append(s.tensors, interp.Tensor{Name: []string{"w.weight", "a.bias", "b.bias", "head"}[i%4], Shape: shape, Group: i % groups})
	}
	for range groups {
		var h []float64
		for _, d := range p.Hypers {
			h = append(h, d.Default*(0.5+r.Float64()))
		}
		s.hypers = append(s.hypers, h)
	}
	return s
}

func draw[T elem.Float](r *rand.Rand, s scene) [][]T {
	var all [][]T
	for _, tensor := range s.tensors {
		n := 1
		for _, d := range tensor.Shape {
			n *= d
		}
		u := make([]T, n)
		randrule.Fill(r, u, s.odds)
		all = append(all, u)
	}
	return all
}

// machine starts the interpreter on a scene.
func machine[T elem.Float](p *ir.Program, s scene, x [][]T) *interp.Machine[T] {
	m := interp.New[T](p, s.tensors, len(s.hypers))
	m.Hypers = s.hypers
	for i := range x {
		copy(m.Params[i], x[i])
	}
	return m
}

func differ[T elem.Float](a, b [][]T) string {
	for i := range a {
		for j := range a[i] {
			if !same(a[i][j], b[i][j]) {
				return fmt.Sprintf("[%d][%d]: %v, want %v", i, j, a[i][j], b[i][j])
			}
		}
	}
	return ""
}

// schedule plans a program.
func schedule(p *ir.Program) *ir.Plan { return pass.Schedule(p, pass.Classes(p)) }

// reports makes a failure of a panic, so that the other cases run too.
func reports(t *testing.T) {
	if r := recover(); r != nil {
		t.Fatal(r)
	}
}

// bowl is the model that probes ask: its loss is a sum of (x - c)^2/2 times slopes.
func bowl[T elem.Float](s scene) func(x [][]T) ([][]T, float64, error) {
	return func(x [][]T) ([][]T, float64, error) {
		var grads [][]T
		loss := 0.0
		for i, u := range x {
			g := make([]T, len(u))
			for j, v := range u {
				slope := T(1 + (i+3*j)%5)
				g[j] = T(slope * (v - T(j%7)))
				loss += float64(g[j])
			}
			grads = append(grads, g)
		}
		return grads, loss, nil
	}
}

// giveAll fills the further inputs of a machine and its executor.
func giveAll[T elem.Float](r *rand.Rand, s scene, p *ir.Program, m *interp.Machine[T], e *executor[T]) {
	for i, d := range p.Givens {
		var g interp.Given[T]
		for range e.count(d.Extent) {
			g.Steps = append(g.Steps, r.NormFloat64())
		}
		for k := range s.tensors {
			if d.Extent.IsArray() {
				u := make([]T, e.length(d.Extent, k))
				randrule.Fill(r, u, s.odds)
				g.Arrays = append(g.Arrays, u)
			}
		}
		m.Given[i], e.given[i] = g, g
	}
}

// comparePlan runs the plan beside the interpreter on the checked program.
func comparePlan[T elem.Float](t *testing.T, p *ir.Program, plan *ir.Plan, s scene, steps int) {
	t.Helper()
	r := rand.New(rand.NewPCG(s.seed, 13))
	x := draw[T](r, s)
	m, e := machine(p, s, x), newExecutor(plan, s.tensors, s.hypers, x)
	m.Closure, e.closure = bowl[T](s), bowl[T](s)
	m.Seed, e.seed = s.seed, s.seed
	for range steps {
		giveAll(r, s, p, m, e)
		g, loss := draw[T](r, s), r.NormFloat64()
		if err := m.Step(g, loss); err != nil {
			t.Fatal(err)
		}
		e.step(g, loss)
		if e.fault != nil {
			t.Fatal(e.fault)
		}
		if d := differ(e.x, m.Params); d != "" {
			t.Fatalf("step %d: x%s", e.t, d)
		}
		for _, u := range e.g {
			if p.ClearGrad && slices.ContainsFunc(u, func(v T) bool { return v != 0 }) {
				t.Fatalf("step %d: the gradient is not cleared", e.t)
			}
		}
		for i, st := range plan.Program.States {
			compareState(t, e, m, i, stateIndex(p, st.Name))
		}
		if d := differ(e.evalParams(), m.EvalParams()); d != "" {
			t.Fatalf("step %d: evaluation %s", e.t, d)
		}
		if e.fault != nil {
			t.Fatal(e.fault)
		}
	}
}

func stateIndex(p *ir.Program, name string) int {
	for i, s := range p.States {
		if s.Name == name {
			return i
		}
	}
	return -1
}

func compareState[T elem.Float](t *testing.T, e *executor[T], m *interp.Machine[T], i, k int) {
	t.Helper()
	name := e.plan.Program.States[i].Name
	scalars, elems := m.State(k)
	if len(scalars) != len(e.frames[i]) || len(elems) != len(e.arrays[i]) {
		t.Fatalf("state %s: layouts differ", name)
	}
	if d := differ([][]float64{e.frames[i]}, [][]float64{scalars}); d != "" {
		t.Fatalf("step %d: state %s%s", e.t, name, d)
	}
	if d := differ(e.arrays[i], elems); d != "" {
		t.Fatalf("step %d: state %s%s", e.t, name, d)
	}
}

var random = flag.Uint64("random", 0, "number of random rules (0: a few)")

// TestPlansOfRandomRules is the proof of the passes: whatever the rule, its plan, run as kernels over arrays that are
// overwritten in place, gives the bits of the interpreter on the checked program.
func TestPlansOfRandomRules(t *testing.T) {
	n := *random
	if n == 0 {
		n = 16
	}
	for seed := range n {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			text := randrule.Text("r", seed)
			defer func() {
				if t.Failed() {
					t.Log(text)
				}
			}()
			defer reports(t)
			p := run(t, checked(t, text, check.Settings{}), pass.Program[:1])
			plan := schedule(run(t, p, pass.Program[1:]))
			verifyPlan(t, plan)
			s := newScene(seed, p)
			comparePlan[float32](t, p, plan, s, 3)
			comparePlan[float64](t, p, plan, s, 2)
		})
	}
}

// TestPlansOfCorners runs rules in which something is easily lost.
func TestPlansOfCorners(t *testing.T) {
	const avg = "fn avg(u; beta) { state s = 0\n s <- s + beta*(u - s)\n return s*u }\n"
	for name, text := range map[string]string{
		"evaluation asks for the first step":    "rule r { x <- x - g\n eval where(t == 1, -x, x) }",
		"a state in a differentiated fn":        avg + "rule r { x <- x - avg'(g; 0.25) }",
		"the first step keeps a step value":     "rule r { state s = norm(g)\n s <- where(t == 1, 2*s, s + norm(g))\n x <- x - s*g }",
		"swapped arrays":                        "rule r { state a = x\n state b = g\n let c = a\n a <- b\n b <- c\n x <- x - a }",
		"swapped step values":                   "rule r { state a = 1\n state b = norm(g)\n let c = a\n a <- b\n b <- c\n x <- x - a*g }",
		"an old array read after a reduction":   "rule r { state a = x\n let old = a\n a <- x - g\n x <- old*norm(a) - g*norm(old) }",
		"x is what an earlier pass has stored":  "rule r { state z = 0\n z <- z + g\n let n = norm(z)\n x <- x - z*n\n z <- z*n }",
		"an old x kept":                         "rule r { state old = x\n let d = x - old\n old <- x\n x <- x - g*norm(d) }",
		"one value for two arrays":              "rule r { state a = 0\n state b = 0\n a <- a + g\n b <- a\n x <- a }",
		"a coarse value for an array":           "rule r { state a per elem = 0\n a <- norm(g)\n x <- x - sum(a per model)*g }",
		"a gradient that is a number":           "rule r { x <- inner(x, 1) }\nrule inner { x <- x - g*sum(g)*mean(g per model) }",
		"masks of step values":                  "rule r { let k = norm(g) > 1\n x <- where(k and g > 0, x - g, where(not k, x, g*k)) }",
		"three reductions, each of the last":    "rule r { x <- x/(1 + norm(g/(1 + norm(g - mean(g))))) }",
		"a fold of folds":                       "rule r { hyper h = 2\n x <- x - g*sum(max(norm(g) per group)*h per model) }",
		"a state of a group from another's old": "rule r { state a per model = 1\n state b per group = 0\n b <- a\n a <- a + loss\n x <- x - b*g }",

		"rows and columns":                      "rule r { state v per row = 0\n state w per col = 1\n v <- 0.9*v + mean(g^2 per row)\n w <- max(w, max(abs(g) per col))\n x <- x - g/sqrt(v + 1e-3)/w }",
		"rows of what rows gave":                "rule r { let r1 = sum(g per row)\n let c = sum(g*r1 per col)\n x <- x - c*sum(g*c per row) }",
		"a row in an element state":             "rule r { state s per elem = 0\n s <- sum(g per row)\n x <- x - s*norm(s) }",
		"a row reduced further":                 "rule r { let v = sum(g per row)\n x <- x - g*norm(v)*sum(v per model) }",
		"adafactor":                             "rule r { hyper lr = 0.1\n state v = 0\n when rank(x) >= 2 { state a per row = 0\n state b per col = 0\n a <- 0.9*a + mean(g^2 per row)\n b <- 0.9*b + mean(g^2 per col)\n x <- x - lr*g/sqrt(a*b/(mean(a) + 1e-8) + 1e-8) } else { v <- 0.9*v + g^2\n x <- x - lr*g/(sqrt(v) + 1e-8) } }",
		"classes in classes":                    "rule r { when named(\"*.bias\") { when rank(x) == 1 { x <- x - g } else { x <- x - 2*g } } else when numel(x) > 40 { x <- x - 3*norm(g)*g } else { x <- x - 4*g } }",
		"classes over a model":                  "rule r { when rank(x) >= 2 { let n = norm(g per model)\n x <- x - g/(1 + n) } else { x <- x - g*sum(g per model) } }",
		"a condition below a model value":       "rule r { x <- x - where(all(g > numel(x)*0 or numel(x) > 3 per model), g, 0) }",
		"a condition at run time":               "rule r { when norm(g) > 3 { x <- x - g/norm(g per model) } else { x <- x - g*mean(g per group) } }",
		"draws":                                 "rule r { state s = 0\n s <- s + normal()\n x <- x - g*uniform(per row) - s*rademacher() + normal(per tensor)*uniform(per model) }",
		"an array that rotates":                 "rule r { state S[3] = 0\n S <- push(S, g)\n x <- x - S[0] - 0.5*S[1] - 0.25*S[2] }",
		"one that rotates after its use":        "rule r { state S[4] = 1\n let old = S[3]\n x <- x - old*norm(S[0])\n S <- push(S, x) }",
		"one that rotates now and then":         "rule r { state S[3] = 0\n when t % 2 == 0 { S <- push(S, g) }\n x <- x - S[0] - S[2] }",
		"one that rotates and is changed":       "rule r { state S[3] = 0\n S <- push(S, g)\n S[1] <- S[1]*2\n x <- x - S[0] - S[1] - S[2] }",
		"two that rotate":                       "rule r { state S[3] = 0\n state Y[3] = x\n S <- push(S, g)\n Y <- push(Y, S[1])\n x <- x - S[2] - Y[2] }",
		"step values that move on":              "rule r { state S[3] = 0\n S <- push(S, norm(g))\n x <- x - g*(S[0] + S[2]) }",
		"rows that rotate":                      "rule r { state S[3] per row = 0\n S <- push(S, sum(g per row))\n x <- x - g*S[2] }",
		"narrow states":                         "rule r { state a as bf16 = 0\n state b as f16 = 0\n state c as q8 = 0\n state d as q8 = 0\n a <- 0.9*a + g\n b <- 0.5*b + clamp(g, -3, 3)\n c <- c + g\n d <- 0.9*d + g^2\n x <- x - a - b - c/(1 + sqrt(d)) }",
		"narrow states rounded at random":       "rule r { state a as bf16 sr = 0\n state b as f16 sr = 0\n state c as q8 sr = 0\n a <- 0.9*a + g\n b <- 0.5*b + clamp(g, -3, 3)\n c <- c + g\n x <- x - a - b - c }",
		"narrow behind a state that is dropped": "rule r { state dead = 0\n dead <- dead + g\n state a as bf16 sr = 0\n a <- 0.9*a + g\n x <- x - a }",
		"a probe under a condition per tensor":  "rule r { when norm(g) > 2 { probe a = grad at x - g\n x <- x - a } else { x <- x - g } }",
		"a probe under a condition per group":   "rule r { hyper h = 2\n when h*norm(g per group) > 3 { probe a = grad at x - g\n x <- x - a } else { x <- x - g } }",
		"a narrow state with an initial":        "rule r { state a as bf16 = 0.1\n a <- 0.9*a + g\n x <- x - a }",
		"a narrow state that is kept":           "rule r { state a as q8 = 0\n when t % 2 == 0 { a <- a + g }\n x <- x - a }",
		"a narrow array that rotates":           "rule r { state S[3] as bf16 sr = 0\n S <- push(S, g)\n x <- x - S[0] - S[2] }",
		"matrices":                              "rule r { state L per [row,row] = 0\n state R per [col,col] = 0\n L <- 0.9*L + g@g'\n R <- 0.9*R + g'@g\n x <- x - 0.01*L@g@R }",
		"matrices and vectors":                  "rule r { let v = sum(g per row)\n let w = v@g\n x <- x - outer(g@w, w)/(1 + trace(g@g')) + diag(diag(g@g'))@x*1e-3 + eye(row)@g }",
		"a root now and then":                   "rule r { state L per [row,row] = eye(row)\n state P per [row,row] = eye(row)\n L <- 0.5*L + g@g'\n when t % 2 == 0 { P <- inv_root(L; p = 4, ridge = 1e-3) }\n x <- x - P@g }",
		"orthogonalized":                        "rule r { state m = 0\n m <- 0.9*m + g\n when rank(x) >= 2 { x <- x - orthogonalize(m; steps = 3) } else { x <- x - m } }",
		"order statistics":                      "rule r { x <- x - g/(median(abs(g)) + 1) - where(topk(abs(g); k = 3), g, 0) + kth(x per model; k = 2) - quantile(g per group; q = 0.3) }",
		"order statistics of lines":             "rule r { x <- x - g*kth(abs(g) per row; k = 1) - where(topk(g per col; k = 2), x, 0) }",
		"order statistics of some tensors":      "rule r { when rank(x) >= 2 { x <- x - g*kth(g per model; k = 2) } else { x <- x - where(topk(g per group; k = 4), g, 0) } }",
		"order statistics of tensors":           "rule r { x <- x - g*median(norm(g) per model) - 0.1*project(simplex(; 1), max(abs(x)) per group) + kth(norm(x) per group; k = 2) }",
		"order statistics of matrices":          "rule r { when rank(x) >= 2 { x <- x - g*quantile(norm(g) per model; q = 0.3) } else { x <- x - g } }",
		"order statistics of the large":         "rule r { state s per tensor = 0\n s <- 0.9*s + norm(g)\n when norm(x) > 3 { x <- x - g*median(s per group) } else { x <- x - g*kth(numel(x) per model; k = 1) } }",
		"thresholds":                            "rule r { x <- x - project(simplex(; 1), abs(g)) - project(l1ball(; 0.5), g per row) + project(simplex(; 2*t), x per model) }",
		"thresholds of some tensors":            "rule r { when rank(x) >= 2 { x <- x - polar(g)*project(simplex(; 1), g per col) } else { x <- x - g*project(simplex(; 1e300), x per group) } }",
		"order where a norm is large":           "rule r { when norm(g) > 4 { x <- x - g*kth(abs(g) per model; k = 3) } else { x <- x - 0.1*g } }",
		"sam":                                   "rule r { hyper rho = 0.05\n probe ge = grad at x + rho*g/(norm(g per model) + 1e-12)\n x <- x - 0.1*ge }",
		"a gradient before and after":           "rule r { state m = 0\n m <- 0.9*m + g\n probe h = grad at x - m\n m <- m + h - g\n x <- x - 0.1*m*norm(h) }",
		"two probes, one of the other":          "rule r { probe a = grad at x - 0.1*g\n probe b = grad at x - 0.1*a\n probe l = loss at x - 0.1*b\n x <- x - 0.1*(g + a + b)*l }",
		"a loss and a gradient there":           "rule r { probe a = grad at 0.5*x\n probe l = loss at 0.5*x\n x <- x - a*l - g*loss }",
		"a probe now and then":                  "rule r { state h = 0\n when t % 2 == 1 { probe a = grad at x - g\n h <- a }\n x <- x - h - g }",
		"a product with the Hessian":            "rule r { let v = rademacher()\n probe hv = hvp v\n state h = 0\n h <- 0.9*h + v*hv\n x <- x - g/(abs(h) + 1) }",
		"a line search":                         "rule r { state a = 1\n a <- 1\n repeat 4 { probe l = loss at x - a*g\n until l <= loss - 0.1*a*normsq(g per model)\n a <- a/2 }\n x <- x - a*g }",
		"probes and rows":                       "rule r { state v per row = 0\n v <- v + mean(g^2 per row)\n probe a = grad at x - g/(1 + v)\n x <- x - a*sum(a*g per col) }",
		"givens":                                "rule r { given mask\n given w per row\n given s per tensor\n given k per model\n given c = load\n x <- x - g*mask*w*s*k - c*norm(mask) }",
		"lines of squares":                      "rule r { state L per [row,row] = 0\n L <- 0.9*L + g@g'\n let n = sum(L per row)\n let k = kth(g'@g per col; k = 1)\n x <- x - g/(1 + abs(n))/(1 + abs(k))/(1 + norm(L)) }",
		"lines of a transpose":                  "rule r { let h = g'\n let a = max(h per row)\n let b = sum(h*h per col)\n x <- x - g*a/(1 + b) }",
		"given squares":                         "rule r { given A per [row,row]\n given B per [col,col]\n x <- x - A@g@B*sum(A) }",
		"a wide direction":                      "rule r { state a = 0\n state b = 0\n state c = 0\n a <- 0.9*a + g\n b <- 0.99*b + g^2\n c <- 0.5*c + g\n let u = a/(sqrt(b) + 1e-8) + c\n x <- x - 0.1*u/(norm(u) + 1) }",
	} {
		t.Run(name, func(t *testing.T) {
			defer reports(t)
			p := run(t, checked(t, text, check.Settings{}), pass.Program[:1])
			plan := schedule(run(t, p, pass.Program[1:]))
			verifyPlan(t, plan)
			for seed := range uint64(4) {
				comparePlan[float32](t, p, plan, newScene(seed, p), 3)
				comparePlan[float64](t, p, plan, newScene(seed+9, p), 3)
			}
		})
	}
}
