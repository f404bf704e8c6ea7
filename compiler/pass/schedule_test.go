package pass_test

import (
	"fmt"
	"math/rand/v2"
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
		s.tensors = append(s.tensors, interp.Tensor{Shape: shape, Group: i % groups})
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

// comparePlan runs the plan beside the interpreter on the checked program.
func comparePlan[T elem.Float](t *testing.T, p *ir.Program, plan *ir.Plan, s scene, steps int) {
	t.Helper()
	r := rand.New(rand.NewPCG(s.seed, 13))
	x := draw[T](r, s)
	m, e := machine(p, s, x), newExecutor(plan, s.tensors, s.hypers, x)
	for range steps {
		if d := differ(e.evalParams(), m.EvalParams()); d != "" {
			t.Fatalf("step %d: evaluation %s", e.t, d)
		}
		g, loss := draw[T](r, s), r.NormFloat64()
		m.Step(g, loss)
		e.step(g, loss)
		if d := differ(e.x, m.Params); d != "" {
			t.Fatalf("step %d: x%s", e.t, d)
		}
		for i, st := range plan.Program.States {
			compareState(t, e, m, i, stateIndex(p, st.Name))
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

// TestPlansOfRandomRules is the proof of the passes: whatever the rule, its plan, run as kernels over arrays that are
// overwritten in place, gives the bits of the interpreter on the checked program.
func TestPlansOfRandomRules(t *testing.T) {
	n := uint64(400)
	if testing.Short() {
		n = 60
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
			p := run(t, checked(t, text, check.Settings{}), pass.Program[:1])
			plan := schedule(run(t, p, pass.Program[1:]))
			verifyPlan(t, plan)
			s := newScene(seed, p)
			comparePlan[float32](t, p, plan, s, 3)
			comparePlan[float64](t, p, plan, s, 2)
		})
	}
}

// verifyPlan holds what every code generator relies on.
func verifyPlan(t *testing.T, plan *ir.Plan) {
	t.Helper()
	names := map[string]*ir.Kernel{}
	for _, k := range plan.Kernels {
		if names[k.Name] != nil {
			t.Errorf("two kernels named %s", k.Name)
		}
		names[k.Name] = k
	}
	for _, stages := range [][]ir.Stage{plan.First, plan.Later, plan.Eval} {
		written := map[string]string{}
		for _, s := range stages {
			if s.Kernel == nil {
				continue
			}
			if names[s.Kernel.Name] == nil {
				t.Errorf("kernel %s is not listed", s.Kernel.Name)
			}
			stored := map[int]bool{}
			for _, st := range s.Kernel.Stores {
				if stored[st.Stream] {
					t.Errorf("kernel %s stores twice to a stream", s.Kernel.Name)
				}
				stored[st.Stream] = true
			}
			for i, st := range s.Kernel.Streams {
				if st.Write != stored[i] {
					t.Errorf("kernel %s: stream %s: write is %v", s.Kernel.Name, st.Name, st.Write)
				}
				if st.Write && written[st.Name] != "" {
					t.Errorf("%s is written by %s and %s", st.Name, written[st.Name], s.Kernel.Name)
				}
				if st.Write {
					written[st.Name] = s.Kernel.Name
				}
				if !st.Read && !st.Write || st.Write && st.Kind == ir.GradStream {
					t.Errorf("kernel %s: stream %s: read %v, write %v", s.Kernel.Name, st.Name, st.Read, st.Write)
				}
			}
		}
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
	} {
		p := run(t, checked(t, text, check.Settings{}), pass.Program[:1])
		plan := schedule(run(t, p, pass.Program[1:]))
		t.Run(name, func(t *testing.T) {
			verifyPlan(t, plan)
			for seed := range uint64(4) {
				comparePlan[float32](t, p, plan, newScene(seed, p), 3)
				comparePlan[float64](t, p, plan, newScene(seed+9, p), 3)
			}
		})
	}
}
