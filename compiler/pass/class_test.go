package pass_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
)

func compiled(t *testing.T, text string) *ir.Program {
	t.Helper()
	return run(t, checked(t, text, check.Settings{}), pass.Program)
}

// conditions is a rule that decides by n conditions, each of which matters whatever the others are.
func conditions(n int) string {
	var b strings.Builder
	b.WriteString("rule r {\n")
	for i := range n {
		fmt.Fprintf(&b, "when named(\"*%d*\") { g <- g*%d } else { g <- g + %d }\n", i, i+2, i+1)
	}
	return b.String() + "x <- x - g\n}"
}

// ranked is a rule that decides by n conditions on the same quantity.
func ranked(n int, cond string) string {
	var b strings.Builder
	b.WriteString("rule r {\n")
	for i := range n {
		fmt.Fprintf(&b, "when "+cond+" { g <- g*%d } else { g <- g + %d }\n", i, i+2, i+1)
	}
	return b.String() + "x <- x - g\n}"
}

func upTo(n int) (out []int) {
	for i := range n {
		out = append(out, i+1)
	}
	return out
}

// TestClasses holds which tensors a rule tells apart: as few as its conditions on shape and name demand.
func TestClasses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []int // the number of choices of each class, in order; nil: too many
	}{
		"nothing to tell apart":  {"rule r { x <- x - g }", []int{0}},
		"a condition":            {"rule r { when rank(x) >= 2 { x <- x - g } else { x <- x + g } }", []int{1, 1}},
		"one asked twice":        {"rule r { when rank(x) >= 2 { g <- 2*g }\n when rank(x) >= 2 { x <- x - g } else { x <- x + g } }", []int{1, 1}},
		"one that changes none":  {"rule r { when rank(x) >= 2 { x <- x - g } else { x <- x - g } }", []int{0}},
		"the one and the other":  {"rule r { when rank(x) == 1 and named(\"*.bias\") { x <- x - g } else { x <- x + g } }", []int{2, 2, 1}},
		"the one or the other":   {"rule r { when rank(x) == 1 or named(\"*.bias\") { x <- x - g } else { x <- x + g } }", []int{1, 2, 2}},
		"not the one":            {"rule r { when not named(\"a*\") { x <- x - g } }", []int{1, 1}},
		"one within another":     {"rule r { when named(\"*.bias\") { when rank(x) == 1 { x <- x - g } else { x <- x + g } } else { x <- x - 2*g } }", []int{2, 2, 1}},
		"one below a norm":       {"rule r { let n = norm(where(rank(x) >= 2, g, 2*g) per model)\n x <- x - g/n }", []int{1, 1}},
		"one below a model mask": {"rule r { x <- x - where(all(g > numel(x)*0 or numel(x) > 3 per model), g, 0) }", []int{1, 1}},
		"a condition of the run": {"rule r { when norm(g) > 2 { x <- x - g } else { x <- x + g } }", []int{0}},
		"shapes in arithmetic":   {"rule r { x <- x - g*max(rank(x), 1)/numel(x) }", []int{0}},
		"six":                    {conditions(6), slices.Repeat([]int{6}, 64)},
		"seven":                  {conditions(7), nil},
		"seven ranks":            {ranked(7, "rank(x) == %d"), []int{1, 2, 3, 4, 5, 6, 7, 7}},
		"64 sides":               {ranked(63, "max(rows(x), cols(x)) > %d"), append(upTo(63), 63)},
		"65 sides":               {ranked(64, "max(rows(x), cols(x)) > %d"), nil},
		"300 sides of 100":       {ranked(300, "100*max(rows(x), cols(x)) > %d"), nil},
		"no such rank":           {"rule r { when rank(x) < 0 { x <- x - g } else { x <- x + g } }", []int{0}},
		"a vector has one row":   {"rule r { when rank(x) == 1 and rows(x) > 1 { x <- x - g } else { x <- x + g } }", []int{1, 1}},
		"ranks in between":       {"rule r { when rank(x) > 1 and rank(x) < 2 { x <- x - g } else { x <- x + g } }", []int{1, 1}},
		"half a row in between":  {"rule r { when 0.5*rows(x) > 1 and 0.5*rows(x) < 2 { x <- x - g } else { x <- x + g } }", []int{1, 2, 2}},
		"two names":              {"rule r { when named(\"a\") { x <- x - g }\n when named(\"b\") { x <- x + g } }", []int{1, 2, 2}},
		"a part of the others":   {"rule r { when named(\"a.b.*\") { x <- x - g }\n when named(\"a.*\") { x <- x + g } }", []int{1, 2, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			p := compiled(t, c.text)
			classes := pass.Classes(p)
			var got []int
			for _, class := range classes {
				got = append(got, len(class.Choices))
			}
			slices.Sort(got)
			want := slices.Sorted(slices.Values(c.want))
			if !slices.Equal(got, want) {
				t.Fatalf("classes of %v choices, want %v", got, want)
			}
			for _, class := range classes {
				for i, choice := range class.Choices {
					if !ir.IsStatic(choice.Cond) || slices.ContainsFunc(class.Choices[:i], func(o ir.Choice) bool { return o.Cond == choice.Cond }) {
						t.Errorf("choice %d is asked twice, or not known when an optimizer is built", i)
					}
				}
			}
		})
	}
}

// TestClassesPartTensors holds that every tensor is of exactly one class, and that a class computes and keeps its own alone.
func TestClassesPartTensors(t *testing.T) {
	p := compiled(t, `rule r {
  state v = 0
  when rank(x) >= 2 {
    state rv per row = 0
    rv <- 0.5*rv + mean(g^2 per row)
    x <- x - g/(1 + rv)
  } else when named("*.bias") {
    x <- x - g
  } else {
    v <- 0.5*v + g^2
    x <- x - g/(1 + v)
  }
}`)
	plan := schedule(p)
	verifyPlan(t, plan)
	var tensors []interp.Tensor
	for _, shape := range [][]int{{}, {3}, {3, 4}, {2, 2, 2}, {0}} {
		for _, name := range []string{"a.bias", "a.weight", "a.bias.x"} {
			tensors = append(tensors, interp.Tensor{Name: name, Shape: shape})
		}
	}
	x := make([][]float64, len(tensors))
	for i, tensor := range tensors {
		rows, cols := interp.Dims(ir.Elem, tensor.Shape)
		x[i] = make([]float64, rows*cols)
	}
	e := newExecutor(plan, tensors, [][]float64{nil}, x)
	if e.fault != nil {
		t.Fatal(e.fault)
	}
	for i, tensor := range tensors {
		class := plan.Classes[e.classOf[i]]
		for k, s := range plan.Program.States {
			want := (s.Name == "rv") == (len(tensor.Shape) >= 2) && (len(tensor.Shape) >= 2 || tensor.Name != "a.bias")
			if class.States[k] != want {
				t.Errorf("%s of shape %v keeps %s: %v", tensor.Name, tensor.Shape, s.Name, class.States[k])
			}
		}
	}
}

func rotationsOf(plan *ir.Plan) (all [][]int) {
	for _, s := range plan.Later {
		if len(s.Rotate) > 0 {
			var names []int
			names = append(names, s.Rotate...)
			all = append(all, names)
		}
	}
	return all
}

// TestRotations holds which states move on without a copy.
func TestRotations(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		want  int // rotations
		bytes int // of a later step, 0: any
	}{
		"ten":                      {"rule r { state S[10] = 0\n S <- push(S, g)\n x <- x - S[9] }", 1, 20},
		"after its last use":       {"rule r { state S[3] = 0\n x <- x - S[2]\n S <- push(S, g) }", 1, 20},
		"now and then":             {"rule r { state S[3] = 0\n when t % 2 == 0 { S <- push(S, g) }\n x <- x - S[2] }", 1, 0},
		"two":                      {"rule r { state S[3] = 0\n state Y[3] = x\n S <- push(S, g)\n Y <- push(Y, x)\n x <- x - S[2] - Y[2] }", 2, 0},
		"swapped":                  {"rule r { state a = x\n state b = g\n let c = a\n a <- b\n b <- c\n x <- x - a }", 0, 0},
		"a ring":                   {"rule r { state a = x\n state b = g\n state d = 1\n let c = a\n a <- b\n b <- d\n d <- c\n x <- x - a }", 0, 0},
		"step values":              {"rule r { state S[3] = 0\n S <- push(S, norm(g))\n x <- x - S[2]*g }", 0, 12},
		"one that is changed":      {"rule r { state S[2] = 0\n S[0] <- g\n S[1] <- 2*S[1] + g\n x <- x - S[0] - S[1] }", 0, 0},
		"narrow and wide together": {"rule r { state a as bf16 = 0\n state b = 0\n b <- a\n a <- g\n x <- x - b }", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			plan := schedule(compiled(t, c.text))
			verifyPlan(t, plan)
			got := rotationsOf(plan)
			if len(got) != c.want {
				t.Errorf("rotations %v, want %d", got, c.want)
			}
			seen := map[int]bool{}
			for _, states := range got {
				for _, i := range states {
					if seen[i] {
						t.Errorf("state %d is in two rotations", i)
					}
					seen[i] = true
				}
			}
			if b := pass.CostOf(plan.Later).Bytes(4); c.bytes > 0 && b != c.bytes {
				t.Errorf("%d bytes a parameter, want %d\n%s", b, c.bytes, plan)
			}
		})
	}
}

// TestScratchIsReused holds that arrays that are no longer read make room for the next ones.
func TestScratchIsReused(t *testing.T) {
	chain := func(n int) *ir.Plan {
		plan := schedule(compiled(t, fmt.Sprintf("rule r {\nlet p = g\nrepeat %d { probe a = grad at x - 0.1*p\n p <- a }\nx <- x - p\n}", n)))
		verifyPlan(t, plan)
		return plan
	}
	short, long := chain(3), chain(9)
	if len(short.Scratch) != len(long.Scratch) || len(long.Scratch) > 3 {
		t.Errorf("3 probes take %v, 9 take %v", short.Scratch, long.Scratch)
	}
	probes := 0
	for _, s := range long.Later {
		if s.Probe != nil {
			probes++
		}
	}
	if probes != 9 {
		t.Errorf("%d probes", probes)
	}
	plan := schedule(compiled(t, "rule r { let a = sum(g per row)\n let b = sum(g*a per row)\n let c = sum(g*b per row)\n let d = sum(g*c per row)\n x <- x - g*d }"))
	if len(plan.Scratch) > 2 || slices.ContainsFunc(plan.Scratch, func(e ir.Extent) bool { return e != ir.Row }) {
		t.Errorf("rows one after the other take %v", plan.Scratch)
	}
}

// TestPlacement holds that what is kept in scratch moves fewer bytes than computing it again, and only then.
func TestPlacement(t *testing.T) {
	wide := "rule r { state a = 0\n state b = 0\n state c = 0\n a <- 0.9*a + g\n b <- 0.99*b + g^2\n c <- 0.5*c + g\n" +
		"let u = a/(sqrt(b) + 1e-8) + c\n x <- x - 0.1*u/(norm(u) + 1) }"
	for name, c := range map[string]struct {
		text           string
		scratch, bytes int
	}{
		"a direction of three states":      {wide, 1, 44}, // g a b c in, a b c u out; u x in, x out
		"one of two states costs the same": {shared + "rule r {\n" + hypers + "let u = adam_dir(g; beta1, beta2, eps)\n x <- x - lr*u/(norm(u) + 1) }", 0, 36},
		"a gradient that is read again":    {"rule r { x <- x - g/(norm(g) + 1) }", 0, 16},
		"three passes over a direction": {"rule r { given p\n given q\n given s\n let u = g*p + q*s\n let v = u/(norm(u) + 1)\n x <- x - v/(norm1(v) + 1) }",
			1, 4 * (5 + 1 + 3)}, // g p q s in, u out; u in; u x in, x out
		"a function of x that is read again": {"rule r { let w = x*exp(-g)\n x <- w/(norm1(w) + 1) }", 0, 4 * (3 + 2)}, // x g in, x out; x in, x out
	} {
		t.Run(name, func(t *testing.T) {
			plan := schedule(compiled(t, c.text))
			verifyPlan(t, plan)
			cost := pass.CostOf(plan.Later)
			if len(plan.Scratch) != c.scratch || cost.Bytes(4) != c.bytes {
				t.Errorf("scratch %v, %d bytes, want %d and %d\n%s", plan.Scratch, cost.Bytes(4), c.scratch, c.bytes, plan)
			}
		})
	}
}

// TestNothingLastsBeforeProbes looks for what lasts in the stages before the last probe, in rules that have most reason to
// write early.
func TestNothingLastsBeforeProbes(t *testing.T) {
	for _, text := range []string{
		"rule r { state m = 0\n m <- 0.9*m + g\n probe a = grad at x - m\n x <- x - a*norm(m) }",
		"rule r { state m = 0\n m <- m + norm(g)*g\n x <- x - m\n probe a = grad\n probe b = grad at x - a/norm(a)\n x <- x - b }",
		"rule r { state S[3] = 0\n S <- push(S, g)\n probe l = loss at x - S[0]\n x <- x - l*S[2] }",
		"rule r { state n per model = 0\n n <- n + norm(g per model)\n probe a = grad at x - g/n\n x <- x - a }",
		"rule r { state v per row = 0\n v <- v + sum(g per row)\n when t % 3 == 0 { probe a = grad at x - v\n x <- x - a } else { x <- x - g } }",
	} {
		plan := schedule(compiled(t, text))
		for _, stages := range [][]ir.Stage{plan.First, plan.Later} {
			last := -1
			for i, s := range stages {
				if s.Probe != nil {
					last = i
				}
			}
			if last < 0 {
				t.Fatalf("no probe is left of %s", text)
			}
			for i, s := range stages[:last] {
				if len(s.Keep) > 0 || len(s.Rotate) > 0 {
					t.Errorf("stage %d lasts, the last probe is %d: %s", i, last, text)
				}
				if s.Kernel == nil {
					continue
				}
				for _, stream := range s.Kernel.Streams {
					if stream.Write && stream.Kind != ir.ScratchStream && stream.Kind != ir.CollectStream {
						t.Errorf("stage %d writes %s, the last probe is %d: %s", i, stream.Name, last, text)
					}
				}
			}
		}
	}
}
