package genome_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/vm"
)

// TestRewrites runs both sides of every rewrite on the same gradients: equal bit for bit, or within rounding if it says so.
func TestRewrites(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, rewrite := range genome.Rewrites {
		tried := 0
		for range 60 {
			from, to := genome.Sides(rewrite, func(letter byte, nonneg bool) string { return operand(r, letter, nonneg) })
			a, okA := updates(from)
			b, okB := updates(to)
			if !okA || !okB {
				continue // a reduction of one value a tensor
			}
			tried++
			for i := range a {
				if !near(a[i], b[i], rewrite.Rounded) {
					t.Fatalf("%s is not %s: %s gives %v, %s %v", rewrite.From, rewrite.To, from, a[i], to, b[i])
				}
			}
		}
		if tried < 10 {
			t.Errorf("%s was tried %d times", rewrite.From, tried)
		}
	}
}

// operand draws what a letter stands for.
func operand(r *rand.Rand, letter byte, nonneg bool) string {
	k := math.Round(100*(0.05+r.Float64()*0.9)) / 100
	switch letter {
	case 'k':
		return fmt.Sprint(k)
	case 'p', 'q':
		p := math.Round(1000*r.NormFloat64()) / 1000
		if nonneg {
			p = math.Abs(p)
		}
		return fmt.Sprint(p + math.Copysign(0.01, p))
	}
	all := []string{"square(g)", "rms(g)", "abs(g)", "sqrt(ema(g; 0.3))", "1.5", "g", "neg(g)", "ema(g; 0.1)", "tanh(g)", "mean(g)", "sub(g, 0.5)", "neg(abs(g))"}
	if nonneg {
		all = all[:5]
	}
	return all[r.IntN(len(all))]
}

// updates is what a genome makes of the same gradients always, over some steps.
func updates(text string) ([]float32, bool) {
	g, err := genome.Parse("where(1, " + text + ", g)")
	if err != nil {
		return nil, false
	}
	p, err := vm.Compile(g)
	if err != nil {
		return nil, false
	}
	const n = 1100
	r := rand.New(rand.NewPCG(7, 8))
	m := p.New([]int{n})
	var out []float32
	for range 4 {
		x, grad := make([]float32, n), make([]float32, n)
		for i := range grad {
			grad[i] = float32(math.Copysign(0.2+3*r.Float64(), r.NormFloat64()))
		}
		m.Step([][]float32{x}, [][]float32{grad}, -1, 0)
		out = append(out, x...)
	}
	return out, true
}

func near(a, b float32, rounded bool) bool {
	if !rounded {
		return a == b || a != a && b != b
	}
	x, y := float64(a), float64(b)
	return math.Abs(x-y) <= 1e-4*(1+math.Abs(x)+math.Abs(y))
}
