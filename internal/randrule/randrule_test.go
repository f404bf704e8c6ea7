package randrule_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/internal/randrule"
)

// TestTextChecks demands that every rule is accepted, and that the features which tests rely on do occur.
func TestTextChecks(t *testing.T) {
	var all strings.Builder
	reduces, evals := 0, 0
	for seed := range uint64(300) {
		text := randrule.Text("r", seed)
		if text != randrule.Text("r", seed) {
			t.Fatalf("seed %d: two texts", seed)
		}
		all.WriteString(text)
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
	for _, what := range []string{"per model", "per group", "per tensor", "dot(", "all(", "huber'(", "f0'(", "base(x", "eval ", "else {", "unbiased(", "where("} {
		if !strings.Contains(all.String(), what) {
			t.Errorf("no rule has %q", what)
		}
	}
}
