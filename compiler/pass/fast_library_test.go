package pass_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/egraph"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/stdlib"
)

// fastScene is a model with a matrix of each shape, vectors and two groups, its hyperparameters at their defaults.
func fastScene(p *ir.Program) scene {
	s := scene{seed: 5, tensors: []interp.Tensor{
		{Name: "w.weight", Shape: []int{5, 7}}, {Name: "a.bias", Shape: []int{9}, Group: 1}, {Name: "head", Shape: []int{6, 3}, Group: 1}, {Name: "s"},
	}}
	for range 2 {
		var h []float64
		for _, d := range p.Hypers {
			h = append(h, d.Default)
		}
		s.hypers = append(s.hypers, h)
	}
	return s
}

// follow is the parameters and then the states after some steps on random gradients around those of a bowl.
func follow(t *testing.T, p *ir.Program, s scene, steps int) [][]float64 {
	t.Helper()
	r := rand.New(rand.NewPCG(s.seed, 17))
	m := machine(p, s, draw[float64](r, s))
	m.Closure, m.Seed = bowl[float64](s), s.seed
	for range steps {
		g, loss, _ := bowl[float64](s)(m.Params)
		for _, u := range g {
			noise := make([]float64, len(u))
			randrule.Fill(r, noise, 0)
			for i := range u {
				u[i] += noise[i]
			}
		}
		if err := m.Step(g, loss); err != nil {
			t.Fatal(err)
		}
	}
	out := m.Params
	for i := range p.States {
		scalars, arrays := m.State(i)
		out = append(append(out, scalars), arrays...)
	}
	return out
}

// apart is the largest difference in a parameter or state relative to how far that has moved.
func apart(a, b, start [][]float64) float64 {
	most := 0.0
	for i := range a {
		moved, off := 0.0, 0.0
		for j := range a[i] {
			moved = max(moved, math.Abs(a[i][j]-start[i][j]))
			off = max(off, math.Abs(a[i][j]-b[i][j]))
			if math.IsNaN(a[i][j]) || math.IsNaN(b[i][j]) {
				return math.Inf(1)
			}
		}
		if off > 0 {
			most = max(most, off/moved)
		}
	}
	return most
}

// fastTolerance is how far the rewrites of the reals may move a parameter or state in 20 steps of float64, relative to
// its own way. It holds for every rule, those that take signs too: rounding turns a sign only next to zero.
const fastTolerance = 1e-9

// TestFastLibrary holds that the rewrites keep what each rule of the library does, and make none dearer.
func TestFastLibrary(t *testing.T) {
	u, diags := check.Library(stdlib.FS)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	cheaper := 0
	var slowest, all time.Duration
	for _, name := range u.Rules() {
		checked, diags := check.Rule(u, name, check.Settings{})
		if checked == nil {
			t.Errorf("%s: %v", name, diags)
			continue
		}
		plain := run(t, checked, fastUpTo("simplify"))
		begin := time.Now()
		fast := pass.Reals(plain)
		took := time.Since(begin)
		all, slowest = all+took, max(slowest, took)
		if err := fast.Verify(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		l := pass.Saturation()
		l.Nodes = 2000
		_, st := egraph.Programs(plain, l)
		if st.Broken {
			t.Errorf("%s: the rewrites made two numbers equal", name)
		}
		before, after := egraph.CostOf(plain), egraph.CostOf(fast)
		if after.Total() > before.Total() {
			t.Errorf("%s: %+v, was %+v", name, after, before)
		}
		if after != before {
			cheaper++
		}
		s := fastScene(checked)
		d := apart(follow(t, plain, s, 20), follow(t, fast, s, 20), follow(t, plain, s, 0))
		if !(d <= fastTolerance) {
			t.Errorf("%s: %.2g apart after 20 steps", name, d)
		}
		old, now := schedule(run(t, plain, fastAfter("simplify"))), schedule(run(t, fast, fastAfter("real")))
		verifyPlan(t, now)
		comparePlan[float32](t, fast, now, s, 3)
		a, b := pass.CostOf(old.Later), pass.CostOf(now.Later)
		if b.Passes > a.Passes || b.Bytes(4) > a.Bytes(4) || b.Bytes(4) == a.Bytes(4) && b.Flops > a.Flops {
			t.Errorf("%s: the plan costs %+v, was %+v", name, b, a)
		}
		t.Logf("%-20s %.1g apart; %+v, was %+v", name, d, b, a)
	}
	t.Logf("%d of %d rules are cheaper; %v in all, %v for the slowest",
		cheaper, len(u.Rules()), all.Round(time.Millisecond), slowest.Round(time.Millisecond))
}

// fastAfter are the passes that follow one, with or without the rewrites of the reals.
func fastAfter(name string) []pass.Pass {
	all := pass.Passes(name == "real")
	return all[slices.IndexFunc(all, func(ps pass.Pass) bool { return ps.Name == name })+1:]
}

// fastUpTo are the passes with the rewrites of the reals, up to one.
func fastUpTo(name string) []pass.Pass {
	all := pass.Passes(true)
	for i, ps := range all {
		if ps.Name == name {
			return all[:i+1]
		}
	}
	return nil
}
