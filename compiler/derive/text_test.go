package derive_test

import (
	"strings"
	"testing"
)

// TestDerivationTexts holds what people are told of each derived call to its words.
func TestDerivationTexts(t *testing.T) {
	for _, c := range []struct {
		fns, body string
		want      []string
	}{
		{"fn p(u) = u^2/2 + softplus(u)", "x <- prox(p, x; step = 0.5)",
			[]string{"prox(p, x; step = 0.5)", "u by Newton's method on r(z) = z - v + 0.5*(z + sigmoid(z)) = 0, r'(z) >= 1, 20 turns from z = 0, kept between it and z - r(z)"}},
		{"fn p(u) = u*log(u) + u^2", "x <- mirror(p, x, g)",
			[]string{"mirror(p, x, g)", "u by Newton's method on r(z) = P'(z) - y = 0, 20 turns from z = x, kept inside (0, inf)"}},
		{"fn p(u) = abs(u)", "state s = 0.1\n s <- 0.9*s\n x <- prox(p, x; step = s)", []string{"least step*P(u) + (u - w)^2/2", "u = w - step"}},
		{"", "x <- project(sphere(; 2), x)", []string{"project(sphere(; 2), x)", "the u nearest to v with norm(u) = r"}},
		{"", "x <- x - 0.1*lmo(l1ball(; 1), g)", []string{"lmo(l1ball(; 1), g)", "the u with the least inner product with v among those with norm1(u) <= r"}},
		{"", "x <- prox(group_l2(; 1), x; step = 1)", []string{"prox(group_l2(; 1), x; step = 1)", "step*P(u) + norm(u - v)^2/2, P the penalty lambda*norm(u)"}},
		{"", "state a = 0.1\n a <- a - 1e-6*hypergrad(a)\n x <- x - a*g", []string{"hypergrad(a)", "of g*dx/da", "kept in the state dx_da"}},
	} {
		p := checked(t, c.fns+"\nrule r {\n x <- x + 0*g\n "+c.body+"\n}\n")
		var b strings.Builder
		for _, d := range p.Derivations {
			b.WriteString(d.Call + " is " + d.Head + "\n")
			for _, one := range d.Cases {
				b.WriteString(one.Formula + " where " + one.Where + "\n")
			}
		}
		for _, want := range c.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: no %q in\n%s", c.body, want, b.String())
			}
		}
	}
}
