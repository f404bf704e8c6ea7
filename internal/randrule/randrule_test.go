package randrule_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/internal/randrule"
)

// checked is the rule r of a text, which must be accepted and well formed.
func checked(t *testing.T, seed uint64, text string) *ir.Program {
	t.Helper()
	u, diags := check.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", fstest.MapFS{})
	if diags.HasErrors() {
		t.Fatalf("seed %d: %v\n%s", seed, diags, text)
	}
	p, diags := check.Rule(u, "r", check.Settings{})
	if p == nil {
		t.Fatalf("seed %d: %v\n%s", seed, diags, text)
	}
	if err := p.Verify(); err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, text)
	}
	return p
}

// TestTextChecks demands that every rule is accepted, and that the features which tests rely on do occur.
func TestTextChecks(t *testing.T) {
	var all strings.Builder
	reduces, evals := 0, 0
	for seed := range uint64(400) {
		text := randrule.Text("r", seed)
		if text != randrule.Text("r", seed) {
			t.Fatalf("seed %d: two texts", seed)
		}
		all.WriteString(text)
		p := checked(t, seed, text)
		if strings.Contains(p.String(), "sum(") {
			reduces++
		}
		if p.Eval != nil {
			evals++
		}
	}
	if reduces < 100 || evals < 30 {
		t.Errorf("%d rules reduce, %d evaluate elsewhere", reduces, evals)
	}
	for _, what := range []string{
		"per model", "per group", "per tensor", "per row", "per col", "per [row,row]", "per [col,row]",
		"dot(", "all(", "huber'(", "tanh'(", "f0'(", "base(x", "eval ", "} else {", "} else when ", "unbiased(", "delayed(", "spread_of(", "where(",
		"rank(x) >= 2", "named(", "numel(x)", "probe ", "hvp ", " at ", "= load", "push(", "repeat ", "until ", "normal(", "uniform(per",
		"kth(", "topk(", "project(simplex(", "median(", "quantile(", "as bf16", "as f16 sr", "as q8", "@", ")'", "eye(", "inv_root(", "cholesky(", "solve(",
		"orthogonalize(", "svd_shrink(", "polar(", "qr(", "eigvecs(", "trace(", "diag(", "outer(", "inv(",
	} {
		if !strings.Contains(all.String(), what) {
			t.Errorf("no rule has %q", what)
		}
	}
}

// TestPlainChecks demands that plain rules are accepted and have what they may have, and nothing else.
func TestPlainChecks(t *testing.T) {
	var all strings.Builder
	for seed := range uint64(200) {
		text := randrule.Plain("r", seed)
		all.WriteString(text)
		for _, v := range checked(t, seed, text).Pool.Values {
			switch v.Kind {
			case ir.Array, ir.Probe, ir.Draw, ir.Given, ir.Named:
				t.Fatalf("seed %d: a value of kind %d\n%s", seed, v.Kind, text)
			}
			if v.Extent.IsArray() && v.Extent != ir.Elem {
				t.Fatalf("seed %d: a value per %s\n%s", seed, v.Extent, text)
			}
		}
	}
	for _, what := range []string{"per model", "per group", "per tensor", "dot(", "huber'(", "base(x", "eval ", "} else {", "unbiased("} {
		if !strings.Contains(all.String(), what) {
			t.Errorf("no rule has %q", what)
		}
	}
}

// TestKeptChecks demands that every rule is accepted, and that every format of storage is among the states.
func TestKeptChecks(t *testing.T) {
	formats := map[string]int{}
	for seed := range uint64(200) {
		text := randrule.Kept("r", seed)
		for _, s := range checked(t, seed, text).States {
			formats[s.As.String()]++
		}
	}
	for _, format := range []string{"", "bf16", "f16", "q8", "bf16 sr", "f16 sr", "q8 sr"} {
		if formats[format] < 20 {
			t.Errorf("%d states are kept as %q", formats[format], format)
		}
	}
}

// TestDrawnChecks demands that every rule is accepted that bytes choose, alike or at random, and that a byte matters.
func TestDrawnChecks(t *testing.T) {
	other := 0
	for seed := range uint64(120) {
		data := make([]byte, seed)
		for i := range data {
			data[i] = byte(seed * uint64(1+i*i%7) >> (i % 5))
		}
		text := randrule.Drawn("r", data)
		checked(t, seed, text)
		if len(data) > 3 {
			data[3] += 128
			if randrule.Drawn("r", data) != text {
				other++
			}
		}
	}
	if other < 60 {
		t.Errorf("a byte changes %d rules", other)
	}
}
