package pass_test

import (
	"testing"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
)

// TestDemands: what the passes of a later step over elements read and write where no probe asks, by the names of the arrays, and
// that the plan is right.
func TestDemands(t *testing.T) {
	const hutchinson = "let u = rademacher()\n probe p = hvp u\n h <- 0.5*h + u*p"
	for name, c := range map[string]struct {
		text string
		idle []string // by pass
	}{
		"a product now and then": {"rule r { state h = 0\n when t % 3 == 0 { " + hutchinson + " }\n x <- x - g/(abs(h) + 1) }",
			[]string{"", "x rw, g r, h r"}},
		"always": {"rule r { state h = 0\n " + hutchinson + "\n x <- x - g/(abs(h) + 1) }",
			[]string{"rademacher r, scratch w, g r, g w", "x rw, g r, h rw, rademacher r, p r"}},
		"a gradient now and then": {"rule r { state h = 0\n when t % 3 == 0 { probe a = grad at x - g\n h <- a }\n x <- x - h - g }",
			[]string{"", "x rw, h r, g r"}},
		"two under one condition": {"rule r { state h = 0\n when t % 3 == 0 { probe a = grad at x - g\n probe b = grad at x - a\n h <- a + b }\n x <- x - h - g }",
			[]string{"", "", "x rw, h r, g r"}},
		"two under two": {"rule r { state h = 0\n when t % 3 == 0 { probe a = grad at x - g\n h <- a }\n when t % 2 == 0 { probe b = grad at x + g\n h <- h + b }\n x <- x - h - g }", nil},
		"a reduction as well": {"rule r { state h = 0\n when t % 3 == 0 { probe a = grad at x - g\n h <- a }\n x <- x - h - g*norm(g) }",
			[]string{"g r", "x rw, h r, g r"}},
		"a gradient that is cleared": {"rule r { state h = 0\n when t % 3 == 0 { probe a = grad at x - g\n h <- a }\n x <- x - h - g\n clear g }",
			[]string{"", "x rw, h r, g rw"}},
		"one cleared before it is read again": {"rule r { state h = 0\n when t % 3 == 0 { probe a = grad at x - g\n h <- a }\n x <- x - h - g*norm(x - h)\n clear g }", nil},
		"two kinds of tensors":                {"rule r { state h = 0\n when t % 3 == 0 { probe a = grad at x - g\n h <- a }\n when rank(x) >= 2 { x <- x - h - g } else { x <- x - g*norm(h) } }", nil},
		"a root now and then":                 {"rule r { state P per [row,row] = eye(row)\n when t % 2 == 0 { P <- inv_root(g@g' + eye(row); p = 4, ridge = 1e-3) }\n x <- x - P@g }", nil},
		"a polar factor now and then": {"rule r { state p = 0\n when t % 3 == 0 { p <- polar(g + x) }\n x <- x - p }",
			[]string{"", "x rw, p r"}},
		"one of a tensor's own condition": {"rule r { state p = 0\n state n per tensor = 0\n when n > 2 { p <- polar(g + x) }\n n <- norm(g)\n x <- x - p }",
			nil},
		"an order statistic": {"rule r { state p = 0\n when t % 3 == 0 { p <- where(topk(abs(g - x); 3), g, 0) }\n x <- x - p }", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := run(t, checked(t, c.text, check.Settings{}), pass.Program[:1])
			plan := schedule(run(t, p, pass.Program[1:]))
			verifyPlan(t, plan)
			for seed := range uint64(3) {
				comparePlan[float32](t, p, plan, newScene(seed, p), 7)
			}
			if c.idle == nil {
				return
			}
			var passes []string
			for _, s := range plan.Later {
				if s.Kernel != nil && s.Kernel.Domain == ir.Elem {
					passes = append(passes, arraysOf(unasked(s)))
				}
			}
			if len(passes) != len(c.idle) {
				t.Fatalf("passes of %q, want %q", passes, c.idle)
			}
			for i, want := range c.idle {
				if !sameArrays(passes[i], want) {
					t.Errorf("pass %d has %s, want %s", i, passes[i], want)
				}
			}
		})
	}
}

// unasked is the kernel of a stage where its condition does not hold.
func unasked(s ir.Stage) *ir.Kernel {
	for _, c := range s.Cases {
		if !c.Is {
			return c.Kernel
		}
	}
	return s.Kernel
}
