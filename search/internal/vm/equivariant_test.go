package vm

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/optc-lang/optc/search/internal/genome"
)

// TestEquivariant holds that what genomes are said to do with gradients of another scale and sign they do.
func TestEquivariant(t *testing.T) {
	const by = -4.0 // a power of two, or every operator would round otherwise
	r := rand.New(rand.NewPCG(8, 4))
	m := genome.DefaultMutator()
	m.Ops = slices.DeleteFunc(m.Ops, func(op genome.Op) bool { // those that make zeros, where a quotient has one sign
		return slices.Contains([]string{"prev", "sub", "neg"}, op.String())
	})
	start, err := genome.Start("sgd")
	if err != nil {
		t.Fatal(err)
	}
	g, held := start, 0
	for i := range 30000 {
		if i%15 == 0 {
			g = start
		}
		g = m.Mutate(g, r)
		form := g.Canonical()
		if form.Check() != nil || !form.Equivariant() || guarded(form) {
			continue
		}
		one, other := updates(t, form, 1), updates(t, form, by)
		if !moderate(one) {
			continue
		}
		held++
		power := math.Pow(math.Abs(by), form.Degrees()[form.Root])
		for j := range one {
			if w := -power * one[j]; !(math.Abs(other[j]-w) <= 1e-4*math.Abs(w)) {
				t.Fatalf("%s: update %d is %g, and %g with %g times the gradients", form, j, one[j], other[j], by)
			}
		}
	}
	if held < 1000 {
		t.Errorf("%d equivariant genomes", held)
	}
}

// guarded reports whether a genome has a constant near zero, which counts as none.
func guarded(g genome.Genome) bool {
	for _, n := range g.Nodes {
		if n.Op == genome.Const && math.Abs(n.K) < 1e-5 && n.K != 0 {
			return true
		}
	}
	return false
}

// moderate reports whether all values are far from those of a quotient that is kept from zero.
func moderate(values []float64) bool {
	for _, v := range values {
		if !(math.Abs(v) < 1e6) || v != 0 && math.Abs(v) < 1e-6 {
			return false
		}
	}
	return true
}

// updates are those of some steps on random gradients, each times a number.
func updates(t *testing.T, g genome.Genome, times float64) []float64 {
	t.Helper()
	p, err := Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	const n = 8
	m, r := p.New([]int{n}), rand.New(rand.NewPCG(5, 6))
	var all []float64
	for range 6 {
		grad, out := make([]float32, n), make([]float32, n)
		for i := range grad {
			grad[i] = float32(times * (1 + r.NormFloat64()))
		}
		m.Update([][]float32{out}, [][]float32{make([]float32, n)}, [][]float32{grad})
		for _, v := range out {
			all = append(all, float64(v))
		}
	}
	return all
}
