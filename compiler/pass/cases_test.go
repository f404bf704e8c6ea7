package pass_test

import (
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
)

// TestCases: what each case of the first pass of a later step reads and writes, by the names of the arrays.
func TestCases(t *testing.T) {
	for name, c := range map[string]struct {
		text     string
		when     string
		not      string
		hasCases bool
	}{
		"momentum": {"rule r { hyper b = 0.9\n state m = 1\n m <- where(b == 0, g, b*m + g)\n x <- x - m }", "x rw, g r, m w", "x rw, m rw, g r", true},
		"now and then": {"rule r { state s = 1\n state k per model = 0\n k <- k + 1\n when t % 3 == 0 { s <- 0.5*s + x\n x <- s }\n x <- x - g }",
			"x rw, s rw, g r", "x rw, g r", true},
		"not and or":                 {"rule r { hyper b = 0.9\n state m = 1\n m <- where(not (b == 0) and g > 0, m + g, g)\n x <- x - m }", "x rw, g r, m rw", "x rw, g r, m w", true},
		"a draw":                     {"rule r { hyper b = 0.9\n x <- x - where(b == 0, g, normal()) }", "x rw, g r", "x rw, normal r", true},
		"both read":                  {"rule r { hyper b = 0.9\n x <- where(b == 0, x - g, x + g) }", "", "", false},
		"a packed state stays whole": {"rule r { hyper b = 0.9\n state m as q8 = 1\n m <- where(b == 0, m, m + g)\n x <- x - m }", "x rw, m rw", "x rw, m rw, g r", true},
	} {
		t.Run(name, func(t *testing.T) {
			p := run(t, checked(t, c.text, check.Settings{}), pass.Program)
			plan := schedule(p)
			verifyPlan(t, plan)
			for _, s := range plan.Later {
				if s.Kernel == nil {
					continue
				}
				if (len(s.Cases) > 0) != c.hasCases {
					t.Fatalf("%d cases", len(s.Cases))
				}
				for _, k := range s.Cases {
					if want := map[bool]string{true: c.when, false: c.not}[k.Is]; !sameArrays(arraysOf(k.Kernel), want) {
						t.Errorf("the case %v has %s, want %s", k.Is, arraysOf(k.Kernel), want)
					}
					if len(k.Kernel.Streams) != len(s.Kernel.Streams) || len(k.Kernel.Scalars) != len(s.Kernel.Scalars) {
						t.Error("a case has other arguments")
					}
				}
			}
		})
	}
}

// TestBare: what the bare kernel of the last pass reads and writes; "" where there is none.
func TestBare(t *testing.T) {
	for text, want := range map[string]string{
		"rule r { x <- x - where(topk(abs(g); 3), g, 0) }":                                "x rw",
		"rule r { x <- x - where(not topk(abs(g); 3), 0, g) }":                            "x rw",
		"rule r { state m = 0\n x <- x - where(topk(abs(g); 3), m, g)\n m <- 0.9*m + g }": "",
		"rule r { state s = 0\n s <- where(topk(abs(g); 3), g, s)\n x <- x - sum(s) }":    "s r",
		"rule r { x <- x - where(topk(abs(g); 3), 2*g, g) }":                              "",
		"rule r { x <- x - where(g > 0, g, 0) }":                                          "",
	} {
		plan := schedule(run(t, checked(t, text, check.Settings{}), pass.Program))
		verifyPlan(t, plan)
		got := ""
		for _, s := range plan.Later {
			if s.Bare != nil {
				got = arraysOf(s.Bare.Kernel)
			}
		}
		if !sameArrays(got, want) {
			t.Errorf("%s: the bare kernel has %q, want %q", text, got, want)
		}
	}
}

// arraysOf lists the arrays of a kernel that it does not leave alone.
func arraysOf(k *ir.Kernel) string {
	var out []string
	for _, s := range k.Streams {
		if mode := map[bool]string{true: "r"}[s.Read] + map[bool]string{true: "w"}[s.Write]; mode != "" {
			out = append(out, s.Name+" "+mode)
		}
	}
	return strings.Join(out, ", ")
}

func sameArrays(a, b string) bool {
	have := map[string]bool{}
	for part := range strings.SplitSeq(a, ", ") {
		have[part] = true
	}
	n := 0
	for part := range strings.SplitSeq(b, ", ") {
		if !have[part] {
			return false
		}
		n++
	}
	return n == len(have)
}

// TestDearest: a stage is priced as its dearer case.
func TestDearest(t *testing.T) {
	text := "rule r { hyper b = 0.9\n state m = 1\n state v = 1\n m <- where(b == 0, v, m)\n v <- where(b == 0, m, v)\n x <- x - where(b == 0, g, m) }"
	plan := schedule(run(t, checked(t, text, check.Settings{}), pass.Program))
	for _, s := range plan.Later {
		if s.Kernel == nil {
			continue
		}
		k := pass.Dearest(s)
		for _, c := range s.Cases {
			if a, b := pass.CostOf([]ir.Stage{{Kernel: k}}), pass.CostOf([]ir.Stage{{Kernel: c.Kernel}}); a.Bytes(4) < b.Bytes(4) {
				t.Errorf("the dearest moves %d bytes, the case %v %d", a.Bytes(4), c.Is, b.Bytes(4))
			}
		}
		if got, want := pass.CostOf([]ir.Stage{s}), pass.CostOf([]ir.Stage{{Kernel: k}}); got != want {
			t.Errorf("priced %+v, want %+v", got, want)
		}
	}
}
