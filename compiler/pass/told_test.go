package pass_test

import (
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/pass"
)

// TestDropTold: which states are kept where one may tell another, and that every bit stays, from the first step on.
func TestDropTold(t *testing.T) {
	const momentum = "state m = 0\n m <- 0.9*m + g\n "
	for name, c := range map[string]struct{ text, kept string }{
		"negated":              {momentum + "state n = 0\n x <- x + n - m\n n <- -m", "m"},
		"begins elsewhere":     {momentum + "state n = 2\n x <- x - n*m\n n <- -m", "m"},
		"the same":             {momentum + "state n = 1\n x <- x - n*m\n n <- m", "m"},
		"in the same way":      {"state m = 0\n state n = 1\n let u = 0.9*m + g\n x <- x - n*m\n m <- u\n n <- u", "m"},
		"each other":           {"state m = 0\n state n = 1\n let u = m + n + g\n x <- x - n*m\n m <- u\n n <- -u", "m"},
		"one after the other":  {momentum + "state n = 0\n state k = 3\n x <- x - n*k*m\n n <- -m\n k <- 2*n", "m"},
		"read by the teller":   {"state m = 0\n state n = 0\n x <- x - m\n m <- 0.5*n + g\n n <- m - 1", "m"},
		"per row":              {"state v = 0\n state n = 1\n v <- 0.9*v + sum(g^2 per row)\n x <- x - g*v*n\n n <- v + 1", "v"},
		"of two":               {momentum + "state v = 0\n state n = 0\n v <- 0.9*v + g^2\n x <- x - n*m*v\n n <- m + v", "m v n"},
		"with a step value":    {momentum + "state n = 0\n x <- x - n*m\n n <- t*m", "m n"},
		"with the gradient":    {momentum + "state n = 0\n x <- x - n*m\n n <- m*g", "m n"},
		"dear":                 {momentum + "state n = 0\n x <- x - n*m\n n <- exp(m)", "m n"},
		"now and then":         {momentum + "state n = 0\n x <- x - n*m\n when t > 2 { n <- -m }", "m n"},
		"of a packed one":      {"state m as bf16 = 0\n m <- 0.9*m + g\n state n = 0\n x <- x - n*m\n n <- -m", "m n"},
		"packed":               {momentum + "state n as bf16 = 0\n x <- x - n*m\n n <- -m", "m n"},
		"evaluated":            {momentum + "state n = 0\n x <- x - m\n n <- -m\n eval x + n", "m n"},
		"per tensor and group": {"state a = 0\n state b = 1\n a <- a + 1\n x <- x - g*b\n b <- -a", "a b"},
		"of some tensors":      {"when rank(x) > 1 {\n state m = 0\n state n = 0\n m <- 0.9*m + g\n x <- x - n*m\n n <- -m } else { x <- x - g }", "m n"},
		"moving on":            {"state s[3] = 0\n state n = 1\n x <- x - n*s[2]\n s <- push(s, g)\n n <- -g", "s[0] s[1] s[2] n"},
	} {
		t.Run(name, func(t *testing.T) {
			p := checked(t, "rule r { "+c.text+" }", check.Settings{})
			plan := schedule(run(t, pass.DropTold(p), pass.Program))
			verifyPlan(t, plan)
			for seed := range uint64(3) {
				comparePlan[float32](t, p, plan, newScene(seed, p), 4)
				comparePlan[float64](t, p, plan, newScene(seed, p), 4)
			}
			if got := strings.Join(plan.Program.StateNames(), " "); got != c.kept {
				t.Errorf("keeps %q, want %q", got, c.kept)
			}
		})
	}
}
