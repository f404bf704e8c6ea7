package seen

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/optc-lang/optc/search/internal/genome"
)

func take(t testing.TB, text string) Fingerprint {
	t.Helper()
	g, err := genome.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var taker Taker
	f, err := taker.Take(g)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFingerprint(t *testing.T) {
	for _, same := range [][2]string{
		{"g", "mul(3, g)"},
		{"sign(g)", "div(g, abs(g))"},
		{"ema(g; 0.1)", "add(mul(0.5, ema(g; 0.1)), ema(mul(0.5, g); 0.1))"},
		{"sign(ema(g; 0.1))", "sign(div(ema(g; 0.1), add(1, rms(g))))"},
	} {
		if take(t, same[0]).Digest != take(t, same[1]).Digest {
			t.Errorf("%s and %s do the same", same[0], same[1])
		}
	}
	for _, other := range [][2]string{
		{"g", "neg(g)"}, {"g", "sign(g)"}, {"ema(g; 0.1)", "ema(g; 0.2)"}, {"rmsnorm(g)", "g"}, {"tanh(g)", "clip(g, 1)"}, {"g", "prev(g)"}, {"g", "add(g, x)"},
	} {
		if take(t, other[0]).Digest == take(t, other[1]).Digest {
			t.Errorf("%s and %s do not do the same", other[0], other[1])
		}
	}
	if f := take(t, "mul(0, g)"); f.Dull == "" {
		t.Error("no update is not dull")
	}
}

// TestSameAlways holds fingerprints to those that the searches kept with the project were made with, on every machine.
func TestSameAlways(t *testing.T) {
	h := sha256.New()
	for _, text := range []string{
		"g", "div(avg(g; 0.1), add(sqrt(avg(square(g); 0.001)), 1e-8))", "sign(lerp(ema(g; 0.01), g; 0.09090909090909091))",
		"clip(rmsnorm(sub(g, prev(g))), most(rms(g)))", "where(cosine(g, total(g)), tanh(g), mul(ema(mean(g); 0.3), recip(g)))",
		"add(min(g, 0.5), max(neg(g), mul(avg(dot(g, g); 0.2), x)))", "lerp(total(abs(g)), prev(rmsnorm(g)); 0.7)",
	} {
		f := take(t, text)
		h.Write(f.Digest[:])
	}
	if got := hex.EncodeToString(h.Sum(nil)[:8]); got != "c8090021d5702985" {
		t.Errorf("the fingerprints have the digest %s: searches that go on, or are compared, would take another course", got)
	}
}

// TestDull is of rules that cannot train anything, each for its own reason.
func TestDull(t *testing.T) {
	const clock = "a state tells nothing but the time"
	for text, why := range map[string]string{
		"mul(0, g)": "the update is zero", "mul(1e30, mul(1e30, g))": "the update is not finite", "where(g, 1e300, g)": "the update is not finite", "sign(g)": "", "mul(1e-30, g)": "",
		"mul(g, total(1))": clock, "mul(g, ema(abs(sign(g)); 0.1))": clock, "mul(g, prev(total(sqrt(0.5))))": clock, "mul(g, ema(cosine(g, g); 0.1))": clock,
		"mul(g, ema(cosine(g, prev(g)); 0.1))": "", "ema(mul(sign(g), prev(sign(g))); 0.1)": "", "prev(g)": "", "mul(g, most(rms(g)))": "",
	} {
		if f := take(t, text); f.Dull != why {
			t.Errorf("%s: %q, not %q", text, f.Dull, why)
		}
	}
	var taker Taker
	if f, err := taker.Take(genome.Genome{Nodes: []genome.Node{{Op: genome.G}, {Op: genome.Lookup("rms")}}, Root: 1}); err != nil || f.Dull == "" {
		t.Errorf("rms(g) has one value a tensor: %v, %v", f, err)
	}
}

// BenchmarkCandidate makes candidates and tells the old ones from the new.
func BenchmarkCandidate(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	m := genome.DefaultMutator()
	start, err := genome.Start("adamw")
	if err != nil {
		b.Fatal(err)
	}
	var taker Taker
	forms, prints := map[genome.Key]bool{}, map[genome.Key]bool{}
	g := start
	n := 0
	for b.Loop() {
		if n%20 == 0 {
			g = start
		}
		n++
		g = m.Mutate(g, r)
		c := g.Canonical()
		if key := c.Key(); !forms[key] {
			forms[key] = true
			f, err := taker.Take(c)
			if err != nil {
				b.Fatal(err)
			}
			if f.Dull == "" {
				prints[f.Digest] = true
			}
		}
	}
	b.ReportMetric(float64(len(forms))/float64(n), "forms/op")
	b.ReportMetric(float64(len(prints))/float64(n), "new/op")
}

// TestScales: guards against zero are no part of what a rule does, unless it is made of them.
func TestScales(t *testing.T) {
	for text, want := range map[string]bool{
		"g": true, "sign(g)": true, "prev(g)": true, "sqrt(sqrt(g))": true,
		"div(avg(g; 0.1), add(sqrt(avg(square(g); 0.001)), 1e-8))": true, "div(ema(g; 0.1), add(sqrt(ema(square(g); 0.001)), 1e-8))": true,
		"mul(rmsnorm(g), sqrt(rms(g)))": true, "div(g, ema(square(g); 0.1))": true,
		"min(1, g)": false, "tanh(g)": false, "add(g, x)": false, "div(g, add(0.01, abs(g)))": false,
		"div(sign(g), square(square(div(0.001, g))))": false, "div(g, square(square(ema(g; 0.1))))": false,
	} {
		if got := take(t, text).Scales; got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
