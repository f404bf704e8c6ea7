package property_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/property"
)

// verdict is what running a rule says of a property.
type verdict string

const (
	holds    verdict = "yes"        // it is proved, and no run says otherwise
	violated verdict = "no"         // a run violates it
	open     verdict = "not proved" // neither
)

// tolerance is the rounding that trajectories may differ by, relative to the way.
const tolerance = 1e-6

// scales are the factors: powers of two, in which floating point is exact, and another.
var scales = []float64{1024, 1.0 / 65536, 3.7}

// claim runs what a scaling claims for several factors and seeds.
func claim(t *testing.T, s *subject, what string, proved property.Scaling, off func(c float64, seed uint64, but []property.Leaf) float64) verdict {
	t.Helper()
	if proved.Proved {
		for _, c := range scales {
			if s.reads("eigvecs") && math.Log2(c) != math.Floor(math.Log2(c)) {
				continue // of equal eigenvalues rounding decides which vectors are taken
			}
			for seed := range uint64(3) {
				if d := off(c, seed, proved.But); !(d <= tolerance) {
					t.Errorf("%s, %s: off by %v for c = %v", s.rule, what, d, c)
				}
			}
		}
		return holds
	}
	for _, but := range [][]property.Leaf{s.safeguards(), nil} {
		for _, c := range []float64{2, 1024, 1. / 1024, 1e-9} {
			for seed := range uint64(3) {
				if d := off(c, seed, but); d > 1e-3 {
					return violated
				}
			}
		}
	}
	return open
}

// safeguards are all leaves that some proof has taken as zero.
func (s *subject) safeguards() []property.Leaf {
	var out []property.Leaf
	for _, l := range s.report.Leaves() {
		if !slices.ContainsFunc(out, func(o property.Leaf) bool { return o.Name == l.Name }) {
			out = append(out, l)
		}
	}
	return out
}

func scaled(c float64) func(int, int) float64 { return func(int, int) float64 { return c } }

// own is a factor of each element.
func own(c float64) func(i, j int) float64 {
	return func(i, j int) float64 { return math.Pow(c, float64((3*i+j)%5)/2-1) }
}

func (s *subject) lossScale(t *testing.T) verdict {
	return claim(t, s, "scale of the loss", s.report.LossScale, func(c float64, seed uint64, but []property.Leaf) float64 {
		w := defaults()
		w.seed, w.but, w.onModel = seed, but, same(s.report.LossScale.Degree, 0)
		base := s.run(t, w)
		if w.onModel && math.IsNaN(base.largest()) { // the gradient of the step before again, and 0/0 without a safeguard
			w.onModel = false
			base = s.run(t, w)
		}
		w.g, w.loss = scaled(c), c
		if s.report.LossScale.Proved {
			return apart(base.way().times(scaled(math.Pow(c, s.report.LossScale.Degree))), s.run(t, w).way())
		}
		w.onModel = false // of any degree: the ways for c and for 1 are the same but for a factor
		w.g, w.loss = ones, 1
		base = s.run(t, w)
		w.g, w.loss = scaled(c), c
		return s.factor(base.way(), s.run(t, w).way())
	})
}

// factor is how far two ways are from being multiples of each other.
func (s *subject) factor(a, b trail) float64 {
	ratio := b.largest() / a.largest()
	if math.IsNaN(ratio) || ratio == 0 || math.IsInf(ratio, 0) {
		return math.NaN()
	}
	return apart(a.times(scaled(ratio)), b)
}

func (s *subject) gradientScales(t *testing.T) verdict {
	return claim(t, s, "scales of gradients", s.report.GradientScales, func(c float64, seed uint64, but []property.Leaf) float64 {
		w := defaults()
		w.seed, w.but = seed, but
		base := s.run(t, w)
		w.g = own(c)
		return apart(base.way(), s.run(t, w).way())
	})
}

func (s *subject) weightScale(t *testing.T) verdict {
	return claim(t, s, "scale of the parameters", s.report.WeightScale, func(c float64, seed uint64, but []property.Leaf) float64 {
		w := defaults()
		w.seed, w.but, w.onModel = seed, but, true
		base := s.run(t, w)
		w.x, w.g = scaled(c), scaled(1/c)
		w.hypers = map[string]float64{s.lr(): math.Pow(c, s.report.WeightScale.LR)}
		return apart(base.way().times(scaled(c)), s.run(t, w).way())
	})
}

func (s *subject) weightScales(t *testing.T) verdict {
	return claim(t, s, "scales of parameters", s.report.WeightScales, func(c float64, seed uint64, but []property.Leaf) float64 {
		w := defaults()
		w.seed, w.but, w.onModel = seed, but, true
		base := s.run(t, w)
		w.x, w.g = own(c), own(1/c)
		return apart(base.way().times(own(c)), s.run(t, w).way())
	})
}

// lr is the name of the learning rate of the tensors.
func (s *subject) lr() string { return s.report.LRName }

func (s *subject) lrDegree(t *testing.T) verdict {
	if !s.report.HasLR {
		return open
	}
	return claim(t, s, "degree in lr", s.report.LR, func(c float64, seed uint64, but []property.Leaf) float64 {
		w := defaults()
		w.seed, w.but, w.path = seed, but, s.report.LR.Step
		w.hypers = map[string]float64{}
		base := s.run(t, w)
		w.hypers[s.lr()] = c
		if w.path {
			return apart(base[1:].times(scaled(math.Pow(c, s.report.LR.Degree))), s.run(t, w)[1:])
		}
		if s.report.LR.Proved {
			return apart(base.way().times(scaled(math.Pow(c, s.report.LR.Degree))), s.run(t, w).way())
		}
		return s.factor(base.way(), s.run(t, w).way())
	})
}

func same(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// symmetry runs what is said of elements and rotations.
func (s *subject) symmetry(t *testing.T) (rows, cols verdict) {
	y := s.report.Symmetry
	w := defaults()
	base := s.run(t, w)
	if y.Elementwise {
		w.mess = func(i, j int) bool { return j > 0 }
		for k, x := range s.run(t, w) {
			for i := range x {
				if x[i][0] != base[k][i][0] {
					t.Errorf("%s: an element depends on another", s.rule)
				}
			}
		}
		w.mess = nil
	}
	if y.Permutation {
		shuffle := func(i int, u []float64) []float64 {
			out := make([]float64, len(u))
			for j, k := range rand.New(rand.NewPCG(uint64(i), 8)).Perm(len(u)) {
				out[k] = u[j]
			}
			return out
		}
		w.turn = shuffle
		w.back = func(i int, u []float64) []float64 {
			out := make([]float64, len(u))
			for j, k := range rand.New(rand.NewPCG(uint64(i), 8)).Perm(len(u)) {
				out[j] = u[k]
			}
			return out
		}
		if d := apart(base.turned(shuffle), s.run(t, w)); !(d <= tolerance) {
			t.Errorf("%s: elements may not change places: off by %v", s.rule, d)
		}
	}
	return s.rotates(t, true, y.Rows), s.rotates(t, false, y.Cols)
}

func (s *subject) rotates(t *testing.T, rows, proved bool) verdict {
	w := defaults()
	w.only = func(tensor interp.Tensor) bool {
		return len(tensor.Shape) == 2 || len(tensor.Shape) == 1 && !rows
	}
	if !slices.ContainsFunc(s.tensors, w.only) {
		return open
	}
	for seed := range uint64(4) {
		w.seed, w.turn, w.back = seed, nil, nil
		base := s.run(t, w)
		var shapes [][]int
		for _, tensor := range s.tensors {
			if w.only(tensor) {
				shapes = append(shapes, tensor.Shape)
			}
		}
		turn := func(back bool) func(i int, u []float64) []float64 {
			return func(i int, u []float64) []float64 {
				n := int(interp.Shape("cols", shapes[i]))
				if rows {
					n = int(interp.Shape("rows", shapes[i]))
				}
				return turner(rotation(rand.New(rand.NewPCG(seed, uint64(i))), n), shapes[i], rows, back)(u)
			}
		}
		w.turn, w.back = turn(false), turn(true)
		d := apart(base.turned(w.turn), s.run(t, w))
		switch {
		case proved && !(d <= 1e-5):
			t.Errorf("%s: a rotation (of rows: %v) is off by %v", s.rule, rows, d)
		case !proved && d > 1e-3:
			return violated
		}
	}
	if proved {
		return holds
	}
	return open
}

// decays compares a decay with what it is said to be.
func (s *subject) decays(t *testing.T) {
	for _, d := range s.report.Decays {
		const wd = 0.03
		switch d.How {
		case property.Coupled:
			s.coupled(t, d.Name, wd)
		case property.Direct:
			s.direct(t, d, wd)
		}
	}
}

// coupled gives the rule g + wd*x without a decay, and g with it: the same bits.
func (s *subject) coupled(t *testing.T, name string, wd float64) {
	a, b := s.machine(name, wd), s.machine(name, 0)
	r := rand.New(rand.NewPCG(4, 4))
	for range 8 {
		g := random(r, a.Params)
		h := clone(g)
		for i := range h {
			for j := range h[i] {
				h[i][j] = g[i][j] + float64(wd*b.Params[i][j])
			}
		}
		if err := a.Step(g, 1); err != nil {
			t.Fatal(err)
		}
		if err := b.Step(h, 1); err != nil {
			t.Fatal(err)
		}
		if d := apart(trail{zeros(a.Params), a.Params}, trail{zeros(a.Params), b.Params}); !(d <= 1e-12) {
			t.Fatalf("%s: %s is not added to the gradient: off by %v", s.rule, name, d)
		}
	}
}

// direct takes a step with the decay and one without it: the states are the same, and x differs by a multiple of itself.
func (s *subject) direct(t *testing.T, d property.Decay, wd float64) {
	ratio := func(factor float64) float64 {
		a, b := s.machine(d.Name, wd), s.machine(d.Name, 0)
		for i, h := range s.p.Hypers {
			if h.Name == s.lr() {
				a.Hypers[0][i] *= factor
				b.Hypers[0][i] *= factor
			}
		}
		r := rand.New(rand.NewPCG(4, 4))
		before := clone(a.Params)
		g := random(r, a.Params)
		if a.Step(g, 1) != nil || b.Step(g, 1) != nil {
			t.Fatal(s.rule)
		}
		for i := range s.p.States {
			u, v := stateOf(a, i), stateOf(b, i)
			if !slices.Equal(u, v) {
				t.Errorf("%s: %s enters the state %s", s.rule, d.Name, s.p.States[i].Name)
			}
		}
		found := math.NaN()
		for i := range before {
			for j, x := range before[i] {
				k := (b.Params[i][j] - a.Params[i][j]) / (wd * x)
				if math.IsNaN(found) {
					found = k
				}
				if math.Abs(k/found-1) > 1e-6 {
					t.Fatalf("%s: %s takes %v and %v times x", s.rule, d.Name, found, k)
				}
			}
		}
		return found
	}
	if one, two := ratio(1), ratio(2); !(math.Abs(two/one/math.Exp2(d.LR)-1) < 1e-6) {
		t.Errorf("%s: %s is of degree %v in lr, measured %v", s.rule, d.Name, d.LR, math.Log2(two/one))
	}
}

func stateOf(m *interp.Machine[float64], i int) []float64 {
	steps, arrays := m.State(i)
	out := slices.Clone(steps)
	for _, a := range arrays {
		out = append(out, a...)
	}
	return out
}

func zeros(x [][]float64) [][]float64 {
	out := clone(x)
	for i := range out {
		clear(out[i])
	}
	return out
}

func random(r *rand.Rand, like [][]float64) [][]float64 {
	out := clone(like)
	for i := range out {
		for j := range out[i] {
			out[i][j] = r.NormFloat64()
		}
	}
	return out
}

// machine is the rule on its tensors at a random start, one hyperparameter set.
func (s *subject) machine(name string, value float64) *interp.Machine[float64] {
	m := interp.New[float64](s.p, s.tensors, 1)
	for i, h := range s.p.Hypers {
		if h.Name == name {
			m.Hypers[0][i] = value
		}
	}
	model, start := newBowl(rand.New(rand.NewPCG(2, 2)), s.tensors)
	for i := range start {
		copy(m.Params[i], start[i])
	}
	m.Closure = func(x [][]float64) ([][]float64, float64, error) {
		g, loss := model.at(x)
		return g, loss, nil
	}
	return m
}

// bound feeds the rule gradients that are meant to make large steps, and tells the largest step over the bound.
func (s *subject) bound(t *testing.T) float64 {
	b := s.report.Bound
	most := 0.0
	for pattern := range patterns {
		m := interp.New[float64](s.p, s.tensors, 1)
		property.SetZero(m.Hypers[0], b.But)
		unit := 1.0
		for i, h := range s.p.Hypers {
			if b.PerLR && h.Name == s.lr() {
				unit = m.Hypers[0][i]
			}
		}
		r := rand.New(rand.NewPCG(uint64(pattern), 3))
		model, start := newBowl(r, s.tensors)
		for i := range start {
			copy(m.Params[i], start[i])
		}
		m.Closure = func(x [][]float64) ([][]float64, float64, error) {
			g, loss := model.at(x)
			return g, loss, nil
		}
		late := 0
		if pattern >= lateFrom {
			late = lateSteps
		}
		for step := 1 - late; step <= patternSteps; step++ {
			g := zeros(start)
			for i := range g {
				for j := range g[i] {
					if g[i][j] = 0; step > 0 {
						g[i][j] = gradientOf(r, pattern, step, j)
					}
				}
			}
			before := clone(m.Params)
			if err := m.Step(g, 1); err != nil {
				t.Fatal(err)
			}
			for i := range before {
				norm, size := 0.0, 0.0
				for j, x := range before[i] {
					d := math.Abs(m.Params[i][j] - x)
					norm, size = norm+d*d, size+x*x
					if !math.IsInf(b.Element, 1) {
						most = max(most, (d-1e-15*math.Abs(x)*4)/(b.Element*unit))
					}
				}
				if !math.IsInf(b.Norm, 1) {
					most = max(most, math.Sqrt(norm)/(b.Norm*unit))
				}
				if !math.IsInf(b.Trust, 1) {
					most = max(most, math.Sqrt(norm)/(b.Trust*unit*math.Sqrt(size)))
				}
			}
			if step == patternSteps/2 {
				for i := range start {
					copy(m.Params[i], start[i]) // as small steps are lost beside large numbers
				}
			}
		}
	}
	return most
}

const patternSteps = 280

// lateSteps come before the patterns from lateFrom on, without a gradient: a bias is gone by then.
const lateSteps, lateFrom = 3000, 10

// growth are the ratios of gradients that grow; an average that is divided by the root of one of squares is largest there.
var growth = []float64{1.01, 1.06, 1.5, 2.5, 1.03, 1.06, 1.11, 1.2}

const patterns = 14

// gradientOf is an element of an adversary's gradients: random over many magnitudes, sparse, a spike after zeros, constant,
// turning, growing.
func gradientOf(r *rand.Rand, pattern, step, j int) float64 {
	switch pattern {
	case 0:
		return r.NormFloat64() * math.Exp(8*r.NormFloat64())
	case 1:
		if r.IntN(40) > 0 {
			return 0
		}
		return r.NormFloat64() * 100
	case 2:
		if step < 200 || step > 201 {
			return 0
		}
		return 1
	case 3:
		return 1
	case 4:
		return float64(1 - 2*(step%2))
	case 5:
		if j > 0 {
			return 0
		}
		return 5
	}
	return math.Pow(growth[pattern-6], float64(step))
}

// TestClaims holds every property of every rule of the library to runs of the rule, and those that are not proved to runs
// that violate them.
func TestClaims(t *testing.T) {
	got := table(t)
	golden(t, got)
}

func (s *subject) stability(t *testing.T) verdict {
	st := s.report.Stability
	switch {
	case st.Jumps:
		s.jumps(t)
		return holds
	case !st.Known:
		return open
	}
	for _, h := range []float64{1, 4} {
		limit, ok := st.Limit(s.p, h)
		if !ok {
			t.Errorf("%s: no limit for h = %v", s.rule, h)
			continue
		}
		if math.IsInf(limit, 1) {
			for _, lr := range []float64{0.1, 3, 100} {
				if end := s.descend(t, lr, h); !(end < 0.1) {
					t.Errorf("%s: lr = %v does not attract: %v", s.rule, lr, end)
				}
			}
			continue
		}
		if end := s.descend(t, 0.98*limit, h); !(end < 0.1) {
			t.Errorf("%s: 2%% below the limit %v for h = %v the end is %v", s.rule, limit, h, end)
		}
		if end := s.descend(t, 1.02*limit, h); end < 10 {
			t.Errorf("%s: 2%% above the limit %v for h = %v the end is %v", s.rule, limit, h, end)
		}
	}
	return holds
}

// single is a tensor of one number that the rule treats as the subject's.
func (s *subject) single() (interp.Tensor, bool) {
	for _, tensor := range []interp.Tensor{{Name: "s"}, {Name: "b", Shape: []int{1}}, {Name: "w", Shape: []int{1, 1}}} {
		fits := true
		for _, c := range s.choices {
			fits = fits && static(c.Cond, tensor) == c.Is
		}
		if fits {
			return tensor, true
		}
	}
	return interp.Tensor{}, false
}

// descend is where a run on h*x^2/2 ends, over where it starts: so near the minimum that nothing but the linear part counts.
func (s *subject) descend(t *testing.T, lr, h float64) float64 {
	t.Helper()
	tensor, ok := s.single()
	if !ok {
		t.Fatalf("%s: no tensor of one number", s.rule)
	}
	m := interp.New[float64](s.p, []interp.Tensor{tensor}, 1)
	for i, d := range s.p.Hypers {
		if d.Name == s.lr() {
			m.Hypers[0][i] = lr
		}
	}
	m.Closure = func(x [][]float64) ([][]float64, float64, error) {
		return [][]float64{{h * x[0][0]}}, h * x[0][0] * x[0][0] / 2, nil
	}
	const start = 1e-12
	m.Params[0][0] = start
	for range 2500 {
		if err := m.Step([][]float64{{h * m.Params[0][0]}}, h*m.Params[0][0]*m.Params[0][0]/2); err != nil {
			t.Fatal(err)
		}
		if x := math.Abs(m.Params[0][0]); x > 1e3*start {
			return x / start
		}
	}
	return math.Abs(m.Params[0][0]) / start
}

// jumps runs a rule that moves by lr alone on h*x^2/2: its last steps are as long as the first.
func (s *subject) jumps(t *testing.T) {
	tensor, ok := s.single()
	if !ok {
		t.Fatalf("%s: no tensor of one number", s.rule)
	}
	m := interp.New[float64](s.p, []interp.Tensor{tensor}, 1)
	var but []property.Leaf
	for _, l := range s.safeguards() {
		but = append(but, l)
	}
	property.SetZero(m.Hypers[0], but)
	const lr = 0.01
	for i, d := range s.p.Hypers {
		if d.Name == s.lr() {
			m.Hypers[0][i] = lr
		}
	}
	m.Params[0][0] = 0.3157
	for step := range 400 {
		before := m.Params[0][0]
		if err := m.Step([][]float64{{2 * before}}, before*before); err != nil {
			t.Fatal(err)
		}
		if d := math.Abs(m.Params[0][0] - before); math.Abs(d-lr) > 1e-9 {
			t.Fatalf("%s: step %d is %v, not %v", s.rule, step, d, lr)
		}
	}
}

// TestClosedForms holds limits in closed form to runs with other hyperparameters.
func TestClosedForms(t *testing.T) {
	for _, c := range []struct {
		text, formula string
		limit         func(m, h float64) float64
	}{
		{"hyper lr = 0.1 in (0, inf)\n x <- x - lr*g", "2/h", func(m, h float64) float64 { return 2 / h }},
		{"hyper lr = 0.1 in (0, inf)\n hyper m = 0.9 in [0, 1)\n state v = 0\n v <- m*v + g\n x <- x - lr*v", "2*(1 + m)/h",
			func(m, h float64) float64 { return 2 * (1 + m) / h }},
		{"hyper lr = 0.1 in (0, inf)\n hyper m = 0.9 in [0, 1)\n state v = 0\n v <- m*v + g\n x <- x - lr*(g + m*v)", "2*(1 + m)/(h*(1 + 2*m))",
			func(m, h float64) float64 { return 2 * (1 + m) / (h * (1 + 2*m)) }},
		{"hyper lr = 0.1 in (0, inf)\n hyper m = 0.9 in [0, 1)\n state v = 0\n v <- m*v + (1 - m)*g\n x <- x - lr*v", "2*(1 + m)/(h*(1 - m))",
			func(m, h float64) float64 { return 2 * (1 + m) / (h * (1 - m)) }},
	} {
		s := fromText(t, fmt.Sprintf("rule r {\n %s\n}\n", c.text))
		if got := s.report.Stability.Formula; got != c.formula {
			t.Errorf("%s: limit %q, want %q", c.text, got, c.formula)
		}
		limit, _ := s.report.Stability.Limit(s.p, 3)
		if want := c.limit(0.9, 3); math.Abs(limit/want-1) > 1e-9 {
			t.Errorf("%s: limit %v, want %v", c.text, limit, want)
		}
		if s.stability(t) != holds {
			t.Errorf("%s: no limit", c.text)
		}
	}
}

// TestExact scales the loss by a power of two: where a rule only adds, multiplies, divides and takes roots, not one bit of
// the parameters changes.
func TestExact(t *testing.T) {
	u := library(t)
	exact := 0
	for _, rule := range u.Rules() {
		for _, s := range subjects(t, u, rule) {
			if l := s.report.LossScale; !l.Proved || !same(l.Degree, 0) || s.reads("pow", "exp", "log", "cbrt", "inv_root", "eigvecs", "qr", "polar", "orthogonalize", "svd_shrink", "cholesky", "inv", "solve") {
				continue
			}
			w := defaults()
			w.but, w.onModel = s.report.LossScale.But, true
			base := s.run(t, w)
			w.g, w.loss = scaled(1<<20), 1<<20
			for k, x := range s.run(t, w) {
				for i := range x {
					if !slices.Equal(x[i], base[k][i]) {
						t.Fatalf("%s %s: the bits change with the scale of the loss", rule, s.shapes())
					}
				}
			}
			exact++
		}
	}
	if exact < 20 {
		t.Errorf("only %d kinds of tensors are compared", exact)
	}
}

// reads reports whether arrays are computed by some operators.
func (s *subject) reads(names ...string) bool {
	for _, v := range ir.Reachable(s.p.Roots()...) {
		if v.Op != nil && v.Extent.IsArray() && slices.Contains(names, v.Op.Name) {
			return true
		}
	}
	return false
}
