package genome

import (
	"math/rand/v2"
	"testing"
)

// chain mutates a start so often.
func chain(t testing.TB, start string, n int, r *rand.Rand) Genome {
	g, err := Start(start)
	if err != nil {
		t.Fatal(err)
	}
	m := DefaultMutator()
	for range n {
		g = m.Mutate(g, r)
	}
	return g
}

func TestMutantsAreValid(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	m := DefaultMutator()
	seen := map[Op]bool{}
	for range 2000 {
		start := Starts[r.IntN(len(Starts))].Name
		g := chain(t, start, 1+r.IntN(60), r)
		if err := g.Check(); err != nil {
			t.Fatalf("%s: %v", g, err)
		}
		if g.Size() > m.MaxNodes || g.States() > m.MaxStates || len(g.Nodes) > MaxNodes {
			t.Fatalf("%s is beyond the limits", g)
		}
		for i, live := range g.Live() {
			if live {
				seen[g.Nodes[i].Op] = true
			}
		}
		again, err := Decode(g.Encode())
		if err != nil || again.Key() != g.Key() {
			t.Fatalf("%s: %s, %v", g.Encode(), again.Encode(), err)
		}
		if again, err = Parse(g.String()); err != nil {
			t.Fatalf("%s: %v", g, err)
		}
		c := g.Canonical()
		if a := again.Canonical(); a.Key() != c.Key() {
			t.Fatalf("%s: read again, its form is %s, not %s", g, a, c)
		}
		if twice := c.Canonical(); twice.Key() != c.Key() {
			t.Fatalf("%s: its form %s has the form %s", g, c, twice)
		}
		if c.Size() > g.Size()+1 { // a sign may come out of a constant
			t.Fatalf("%s has the larger form %s", g, c)
		}
	}
	if want := len(Ops) - 1; len(seen) != want {
		t.Errorf("%d operators were seen, of %d", len(seen), want)
	}
}

func BenchmarkMutateCanonical(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	g := chain(b, "adamw", 30, r)
	m := DefaultMutator()
	b.ReportAllocs()
	for b.Loop() {
		c := m.Mutate(g, r)
		f := c.Canonical()
		f.Key()
	}
}

// TestWideOperators holds that mutations end whose operators all have three arguments, whose operands need have no end.
func TestWideOperators(t *testing.T) {
	m := DefaultMutator()
	where, _ := Find("where")
	m.Ops = []Op{where}
	g, err := Start("sgd")
	if err != nil {
		t.Fatal(err)
	}
	c := change{m: &m, r: rand.New(rand.NewPCG(1, 2)), Genome: g}
	for range 20000 {
		c.Genome = g.Clone()
		place := 1
		c.operand(&place)
		if c.deep != 0 {
			t.Fatalf("%d operands are still being made", c.deep)
		}
	}
}
