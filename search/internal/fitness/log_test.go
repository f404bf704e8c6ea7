package fitness

import (
	"math"
	"math/big"
	"math/rand/v2"
	"runtime"
	"testing"
)

// TestLog holds the logarithm to that of package math: bit for bit where that is the one that archives began with.
func TestLog(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	at := []float64{1e-6, 1, math.Nextafter(1, 0), math.Nextafter(1, 2), math.Sqrt2 / 2, math.Sqrt2, 2, 0.5, math.MaxFloat64, math.Inf(1), 0x1p-1022}
	for range 100_000 {
		at = append(at, math.Exp(4*r.NormFloat64()), math.Float64frombits(1<<52+r.Uint64N(0x7fe<<52)))
	}
	for _, x := range at {
		got, want := log(x), math.Log(x)
		if runtime.GOARCH == "amd64" && got != want || !(got == want || math.Abs(got-want) <= 4e-16*math.Abs(want)) {
			t.Fatalf("log(%v) is %v, want %v", x, got, want)
		}
	}
}

// TestHalfDecades holds the powers to exact ones.
func TestHalfDecades(t *testing.T) {
	ten := big.NewFloat(10).SetPrec(200)
	for n := -40; n <= 40; n++ {
		p := big.NewFloat(1).SetPrec(200)
		if n%2 != 0 {
			p.Sqrt(ten)
		}
		for range max(n, -n) / 2 {
			p.Mul(p, ten)
		}
		if n < 0 {
			p.Quo(big.NewFloat(1), p)
		}
		want, _ := p.Float64()
		if got := halfDecades(n); math.Abs(got-want) > 1e-15*want {
			t.Errorf("10^(%d/2) is %v, want %v", n, got, want)
		}
	}
}
