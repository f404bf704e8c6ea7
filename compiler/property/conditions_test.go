package property_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/property"
)

// lineOf is the text of one property.
func (s *subject) lineOf(t *testing.T, name string) string {
	t.Helper()
	for _, l := range s.report.Lines() {
		if l.Name == name {
			return l.Text
		}
	}
	t.Fatalf("no property %s", name)
	return ""
}

// TestConditions has rules of which a property holds under a condition alone: it is printed with it, or not at all.
func TestConditions(t *testing.T) {
	const (
		size, stable = "size of a step", "stability on h*x^2/2"
		lr           = "hyper lr = 0.1 in (0, inf)\n "
		untold       = "no limit of lr is told: "
	)
	for _, c := range []struct{ text, name, want string }{
		{lr + "hyper wd = 0 in [0, inf)\n x <- x - lr*(sign(g) + wd*x)", size, "of each element at most lr whatever the gradients with wd = 0"},
		{lr + "hyper wd = 0 in [0, inf)\n x <- x - lr*(sign(g) + wd*x)", stable,
			"every element moves by lr or not at all with wd = 0, so that it reaches the minimum only from a multiple of lr away"},
		{lr + "x <- x - lr*(sign(g) + 0*x)", size, "of each element at most lr whatever the gradients"},
		{lr + "x <- x - lr*sign(g)", stable, "every element moves by lr or not at all, so that it reaches the minimum only from a multiple of lr away"},
		{lr + "hyper m = 0 in [0, 1)\n state b = 0\n b <- m*b + sign(g)\n x <- x - lr*b", size,
			"of each element at most lr whatever the gradients with m = 0"},
		{lr + "hyper k = 2 in (0, 9]\n hyper n = 1 in (0, 9]\n x <- x - lr*(k^2 + 1 + n)*sign(g)", size,
			"of each element at most 6*lr at the defaults of k and n whatever the gradients"},
		{lr + "hyper k = 2 in (0, 9]\n x <- x - lr*k*sign(g)", size, "of each element at most k*lr (2 lr at the defaults) whatever the gradients"},
		{lr + "hyper k = 2 in (0, 9]\n x <- x - lr*tanh(k*g)", size, "of each element at most lr whatever the gradients"},
		{lr + "hyper m = 0 in [0, 1)\n hyper d = 0.5 in [0, 1]\n state v = 0\n v <- where(m == 0, g, m*v + (1 - d)*g)\n x <- x - lr*v", stable,
			"lr < 2*(1 + m)/(h*(1 - d)) where m is not 0 and d is not 1 (lr*h < 2 at the defaults; the formula is checked at sampled values, not proved)"},
		{lr + "state a = 0.1\n a <- a\n x <- x - a*lr*g", stable, untold + "the derivative of the step at x = 0 does not tell whether a small lr attracts"},
		{lr + "state a = 0\n a <- where(t == 1, lr, a)\n x <- x - a*g", stable, untold + "where its states rest depends on lr or h"},
		{lr + "hyper l = 0.1 in [0, inf)\n let y = x - lr*g\n x <- where(abs(y) <= l, 0, y - sign(y)*l)", stable, "every lr attracts near x = 0 with l = 0.1"},
		{lr + "x <- where(abs(x) <= 1, x - lr*g, x)", stable, "lr < 2/h near x = 0 (lr*h < 2 at the defaults; the formula is checked at sampled values, not proved)"},
	} {
		s := fromText(t, "rule r {\n "+c.text+"\n}\n")
		if got := s.lineOf(t, c.name); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}
}

// TestBoundsAnywhere runs each rule with a bound at random values of the hyperparameters that the bound is not said to
// depend on.
func TestBoundsAnywhere(t *testing.T) {
	u := library(t)
	tried := 0
	for _, rule := range u.Rules() {
		for _, s := range subjects(t, u, rule) {
			if b := s.report.Bound; !math.IsInf(min(b.Element, b.Norm, b.Trust), 1) {
				for seed := range uint64(3) {
					if d := s.anywhere(t, seed); d > 1+1e-6 {
						t.Errorf("%s: a step is %v times its bound", rule, d)
					}
				}
				tried++
			}
		}
	}
	if tried < 12 {
		t.Errorf("only %d rules have a bound", tried)
	}
	for text, far := range map[string]bool{"with wd = 0": false, "": true} {
		s := fromText(t, "rule r {\n hyper lr = 0.1 in (0, inf)\n hyper wd = 0 in [0, inf)\n x <- x - lr*(sign(g) + wd*x)\n}\n")
		if text == "" {
			s.report.Bound.At = nil // the false claim: the check must see it
		}
		if d := s.anywhere(t, 1); d > 1+1e-6 != far {
			t.Errorf("%q: a step is %v times the bound", text, d)
		}
	}
}

// anywhere is the largest step over its bound, for random values of the hyperparameters that the bound does not depend on.
func (s *subject) anywhere(t *testing.T, seed uint64) float64 {
	b := s.report.Bound
	r := rand.New(rand.NewPCG(seed, 21))
	m := interp.New[float64](s.p, s.tensors, 1)
	for i, h := range s.p.Hypers {
		if v := h.Lo + (min(h.Hi, h.Lo+3)-h.Lo)*(0.05+0.9*r.Float64()); h.Admits(v) {
			m.Hypers[0][i] = v
		}
	}
	for _, v := range b.At {
		for i, h := range s.p.Hypers {
			if h.Name == v.Name {
				m.Hypers[0][i] = h.Default
			}
		}
	}
	property.SetZero(m.Hypers[0], b.But)
	unit := 1.0
	for i, h := range s.p.Hypers {
		if b.PerLR && h.Name == s.lr() {
			unit = m.Hypers[0][i]
		}
	}
	model, start := newBowl(r, s.tensors)
	for i := range start {
		copy(m.Params[i], start[i])
	}
	m.Closure = func(x [][]float64) ([][]float64, float64, error) {
		g, loss := model.at(x)
		return g, loss, nil
	}
	most := 0.0
	for step := 1; step <= 60; step++ {
		g, before := random(r, m.Params), clone(m.Params)
		if err := m.Step(g, 1); err != nil {
			t.Fatal(err)
		}
		for i := range before {
			norm, sum := 0.0, 0.0
			for j, x := range before[i] {
				d := math.Abs(m.Params[i][j] - x)
				norm, sum = norm+d*d, sum+x*x
				most = max(most, (d-1e-15*math.Abs(x)*4)/(b.Element*unit))
			}
			most = max(most, math.Sqrt(norm)/(b.Norm*unit), math.Sqrt(norm)/(b.Trust*unit*math.Sqrt(sum)))
		}
	}
	return most
}
