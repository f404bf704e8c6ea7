package page

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/stdlib"
)

// A page says what the derived operators are that its algorithms call, and the sets and fns that those are of, and no others.
func TestDerivedDefinitions(t *testing.T) {
	u, diags := compiler.Library(stdlib.FS)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	own, diags := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(`fn l2ball(u; r) = r*u^2
rule shadowing { x <- prox(l2ball(; r = 2), x - g; step = 1) }
rule two {
  state a = 0.1
  state b = 0.1
  a <- a - 1e-6*hypergrad(a)
  b <- b - 1e-6*hypergrad(b)
  x <- x - a*g - b*x
}
rule calling { x <- two(x, g) }
`)}}, "r.opt", stdlib.FS)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	const (
		prox    = `\mathrm{prox}(P,v;\mathrm{step}) = \mathrm{argmin}`
		project = `\mathrm{project}(C,v) = `
		lmo     = `\mathrm{lmo}(C,v) = `
		mirror  = `\mathrm{mirror}(P,x,v) = `
		hyper   = `\mathrm{hypergrad}(a) = `
	)
	all := []string{prox, project, lmo, mirror, hyper, "| `l2ball(; r)` | norm(u) &lt;= r |", "| `box(; lo, hi)` |", "| `group_l2(; lambda)` |", "`dx_da`", "`dx_db`"}
	for _, c := range []struct {
		unit       *check.Unit
		file, rule string
		want       []string
		defined    string // a fn
	}{
		{u, "", "adam", nil, ""},
		{u, "", "prox_sgd", []string{prox}, `\mathrm{penalty}(u;\lambda ) = \lambda \,\vert u\vert`},
		{u, "", "mirror_descent", []string{mirror}, `\mathrm{map}(u) = 0.5\,u^{2}`},
		{u, "", "projected_sgd", []string{project, all[5], all[6]}, ""},
		{u, "", "frank_wolfe", []string{lmo, all[5]}, ""},
		{u, "", "group_lasso", []string{prox, all[7]}, ""},
		{u, "", "hypergradient", []string{hyper, all[8]}, ""},
		{own, "r.opt", "shadowing", []string{prox}, `\mathrm{l2ball}(u;r) = r\,u^{2}`},
		{own, "r.opt", "two", []string{hyper, all[8], all[9]}, ""},
		{own, "r.opt", "calling", []string{hyper, all[8], all[9]}, ""},
	} {
		text := string(pageOf(t, c.unit, c.file, c.rule).Render(Markdown))
		text, _, _ = strings.Cut(text, "## Derived")
		for _, part := range all {
			wanted := false
			for _, w := range c.want {
				wanted = wanted || w == part
			}
			if strings.Contains(text, part) != wanted {
				t.Errorf("%s: %q is on its page: %v, want %v", c.rule, part, !wanted, wanted)
			}
		}
		if !strings.Contains(text, c.defined) {
			t.Errorf("%s: %q is missing in\n%s", c.rule, c.defined, text)
		}
	}
}
