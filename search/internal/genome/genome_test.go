package genome

import (
	"math"
	"math/rand/v2"
	"sync"
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

// TestSharesNothing makes mutants and canonical forms, side by side, and looks at them again when others have been made since.
func TestSharesNothing(t *testing.T) {
	var wait sync.WaitGroup
	for seed := range uint64(3) {
		wait.Go(func() {
			m, r := DefaultMutator(), rand.New(rand.NewPCG(seed, 9))
			g, _ := Parse("g")
			var made []Genome
			var texts []string
			for range 1000 {
				g = m.Mutate(g, r)
				c := g.Canonical()
				made, texts = append(made, g, c), append(texts, g.Encode(), c.Encode())
				if again := g.Canonical(); Compare(again, c) != 0 {
					t.Errorf("%s is canonically %s, and then %s", g, c, again)
				}
			}
			for i, g := range made {
				if g.Encode() != texts[i] {
					t.Errorf("%s has become %s", texts[i], g.Encode())
				}
			}
		})
	}
	wait.Wait()
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
