package genome

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestCanonical(t *testing.T) {
	for _, c := range []struct{ from, to string }{
		{"mul(3, g)", "g"},
		{"neg(mul(-2, g))", "g"},
		{"sign(mul(5, neg(g)))", "neg(sign(g))"},
		{"div(ema(mul(2, g); 0.1), sqrt(ema(square(mul(2, g)); 0.001)))", "div(ema(g; 0.1), sqrt(ema(square(g); 0.001)))"},
		{"add(g, add(g, ema(g; 0.1)))", "add(add(ema(g; 0.1), g), g)"},
		{"mul(add(1, 2), g)", "g"},
		{"div(g, rms(g))", "rmsnorm(g)"},
		{"div(2, g)", "recip(g)"},
		{"sub(g, g)", "mul(0, g)"},
		{"max(neg(g), g)", "abs(g)"},
	} {
		from, err := Parse(c.from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := Parse(c.to)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := from.Canonical(), to.Canonical(); a.Key() != b.Key() {
			t.Errorf("%s: %s, %s", c.from, a, b)
		}
	}
	for _, s := range Starts {
		g, err := Start(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := g.Rule(s.Name, s.Doc, 1e-3, 0)
		t.Log(text, err, g.Degrees(), g.Canonical())
	}
}

// TestDegreesOfMasks holds that a constant beside a branch of where takes that branch's degree.
func TestDegreesOfMasks(t *testing.T) {
	for text, want := range map[string]float64{"where(g, sign(g), 0)": 0, "where(g, 0, g)": 1, "where(0, g, square(g))": math.NaN(), "add(1e-8, g)": 1, "clip(g, 0)": 1} {
		g, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.Degrees()[g.Root]; got != want && !(got != got && want != want) {
			t.Errorf("%s: %v, not %v", text, got, want)
		}
	}
	m, r := DefaultMutator(), rand.New(rand.NewPCG(5, 5))
	g, _ := Parse("g")
	for range 20000 {
		g = m.Mutate(g, r)
		g.Degrees()
	}
}
