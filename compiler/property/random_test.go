package property_test

import (
	"math"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/property"
	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/stdlib"
)

// TestRandomRules tells the properties of random rules: nothing panics or takes long, the same is told twice, and what is
// proved of the scale of the loss holds in runs.
func TestRandomRules(t *testing.T) {
	n := uint64(120)
	if testing.Short() {
		n = 20
	}
	compiled, proved := 0, 0
	for seed := range n {
		u, diags := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(randrule.Plain("r", seed))}}, "r.opt", stdlib.FS)
		if len(diags) > 0 {
			continue
		}
		r, _, err := compiler.Compile(u, "r", compiler.Settings{})
		if r == nil || err != nil {
			continue
		}
		compiled++
		start := time.Now()
		first := text(property.Of(r.Checked, nil))
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("seed %d takes %v", seed, d)
		}
		if again := text(property.Of(r.Checked, nil)); again != first {
			t.Errorf("seed %d:\n%s\nand then\n%s", seed, first, again)
		}
		for _, s := range subjects(t, u, "r") {
			l := s.report.LossScale
			if !l.Proved || !same(l.Degree, 0) || s.random() {
				continue
			}
			w := defaults()
			w.but, w.steps = l.But, 4
			base := s.run(t, w)
			w.g, w.loss = scaled(4), 4
			if d := apart(base.way(), s.run(t, w).way()); d > 1e-6 && !math.IsNaN(d) {
				t.Errorf("seed %d: %v is said not to depend on the scale of the loss; off by %v", seed, s.shapes(), d)
			}
			proved++
		}
	}
	if compiled < int(n)/3 {
		t.Errorf("only %d of %d rules are compiled", compiled, n)
	}
	t.Logf("%d rules, %d proofs held", compiled, proved)
}

func (s *subject) random() bool { return len(s.p.Givens) > 0 }

func text(r *property.Report) string {
	var b strings.Builder
	for _, l := range r.Lines() {
		b.WriteString(l.Name + ": " + l.Text + "\n")
	}
	return b.String()
}

// TestFalseClaims gives the checks rules of which a claim is false: the checks must see it.
func TestFalseClaims(t *testing.T) {
	adam := subjects(t, library(t), "adam")[0]
	sgd := subjects(t, library(t), "sgd")[0]
	for name, off := range map[string]func() float64{
		"adam without its limit": func() float64 {
			w := defaults()
			base := adam.run(t, w)
			w.g = scaled(1e-9)
			return apart(base.way(), adam.run(t, w).way())
		},
		"sgd of degree 2": func() float64 {
			w := defaults()
			base := sgd.run(t, w)
			w.g = scaled(2)
			return apart(base.way().times(scaled(4)), sgd.run(t, w).way())
		},
		"adam turned": func() float64 {
			if adam.rotates(t, true, false) != violated {
				return 0
			}
			return 1
		},
	} {
		if d := off(); !(d > 1e-2) {
			t.Errorf("%s: off by %v alone", name, d)
		}
	}
	low := *adam
	report := *adam.report
	report.Bound.Element *= 0.9
	low.report = &report
	if share := low.bound(t); share <= 1 {
		t.Errorf("a bound of 9/10 is kept: %v", share)
	}
	for _, factor := range []float64{0.9, 1.1} {
		limit, ok := sgd.report.Stability.Limit(sgd.p, 1)
		if !ok {
			t.Fatal("no limit")
		}
		if end := sgd.descend(t, factor*limit, 1); (end < 1) != (factor < 1) {
			t.Errorf("%v of the limit ends at %v", factor, end)
		}
	}
}
