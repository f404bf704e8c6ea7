package pass_test

import (
	"testing"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
)

// TestSpared: what passes read and write where an order statistic's operand may be made as it is read, and where it must be in
// memory: then a value that two passes compute is kept where that is no dearer.
func TestSpared(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		passes []string
	}{
		"made of the new x":  {"rule r { x <- project(simplex(; 1), x - 0.1*g) }", []string{"x rw, g r", "x r, scratch w", "scratch r, x w"}},
		"made of x":          {"rule r { x <- x - g*kth(abs(x); k = 3) }", []string{"x r, scratch w", "x rw, g r"}},
		"a mask":             {"rule r { x <- x - where(topk(abs(g); k = 3), g, 0) }", []string{"g r, scratch w", "x rw, scratch r, g r"}},
		"made of a draw":     {"rule r { let z = x - 0.1*g\n x <- z*median(z*uniform())/(1 + norm(z)) }", nil},
		"of a row":           {"rule r { let z = x - 0.1*g\n x <- z - kth(z - max(z); k = 2) + kth(z - max(z) per row; k = 1) }", nil},
		"of all tensors":     {"rule r { let z = x - 0.1*g\n x <- z - kth(z - max(z) per model; k = 2) }", nil},
		"of kinds":           {"rule r { let z = x - 0.1*g\n when rank(x) > 1 { x <- z - kth(z - max(z) per model; k = 2) } else { x <- z } }", nil},
		"read whole as well": {"rule r { let z = x - 0.1*g\n let u = z - max(z)\n x <- polar(u)*kth(u; k = 2) }", nil},
		"a probe between":    {"rule r { let z = x - 0.1*g\n let k = kth(z - max(z); k = 2)\n probe a = grad at x - k*g\n x <- project(simplex(; 1), z - k*a) }", nil},
		"two of one":         {"rule r { let z = x - 0.1*g\n let u = z - max(z)\n x <- u*kth(u; k = 2) - kth(u; k = 3) }", nil},
		"a state, packed":    {"rule r { state m as q8 = 0\n m <- 0.9*m + g\n x <- x - where(topk(abs(m); k = 3), m, 0) }", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := run(t, checked(t, c.text, check.Settings{}), pass.Program[:1])
			plan := schedule(run(t, p, pass.Program[1:]))
			verifyPlan(t, plan)
			for seed := range uint64(3) {
				comparePlan[float32](t, p, plan, newScene(seed, p), 3)
			}
			var passes []string
			for _, s := range plan.Later {
				if s.Kernel != nil && s.Kernel.Domain == ir.Elem {
					passes = append(passes, arraysOf(s.Kernel))
				}
			}
			for i, want := range c.passes {
				if len(passes) != len(c.passes) || !sameArrays(passes[i], want) {
					t.Fatalf("passes of %q, want %q", passes, c.passes)
				}
			}
		})
	}
}
