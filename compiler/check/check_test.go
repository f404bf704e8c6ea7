package check_test

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/lang"
)

func nan() float64 { return math.NaN() }

const library = `
fn lerp(a, b, w) = a + w*(b - a)
fn ema(u; beta) {
  state s = 0
  s <- lerp(u, s, beta)
  return s
}
fn debiased(u; beta) = ema(u; beta)/(1 - beta^t)
rule sgd {
  hyper lr = 0.01 in (0, inf); hyper momentum = 0 in [0, 1)
  state m = 0
  m <- momentum*m + g
  x <- x - lr*m
}
rule adam {
  hyper lr = 1e-3 in (0, inf); hyper beta1 = 0.9 in [0, 1); hyper beta2 = 0.999 in [0, 1); hyper eps = 1e-8 in (0, inf)
  hyper weight_decay = 0 in [0, inf)
  option decoupled = false
  when not decoupled { g <- g + weight_decay*x }
  let u = debiased(g; beta1)/(sqrt(debiased(g^2; beta2)) + eps)
  when decoupled { u <- u + weight_decay*x }
  x <- x - lr*u
}
rule adamw = adam(; weight_decay = 0.01, decoupled = true)
rule averaged {
  option base = rule adamw
  hyper decay = 0.999 in [0, 1)
  state avg = x
  x <- base(x, g)
  avg <- lerp(x, avg, decay)
  eval avg
}
`

// compile is a rule of a text, with the library in scope.
func compile(t testing.TB, text, rule string, set check.Settings) *ir.Program {
	t.Helper()
	u, diags := check.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", fstest.MapFS{"std.opt": {Data: []byte(library)}})
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, text)
	}
	p, diags := check.Rule(u, rule, set)
	if p == nil {
		t.Fatalf("%v\n%s", diags, text)
	}
	if err := p.Verify(); err != nil {
		t.Fatalf("%v\n%s", err, p)
	}
	return p
}

// layout is the hyperparameters with their defaults, then the states with their extents.
func layout(p *ir.Program) string {
	var parts []string
	for _, h := range p.Hypers {
		parts = append(parts, fmt.Sprintf("%s=%v", h.Name, h.Default))
	}
	parts = append(parts, "|")
	for _, s := range p.States {
		parts = append(parts, s.Name+":"+s.Extent.String())
	}
	return strings.Join(parts, " ")
}

func TestLayouts(t *testing.T) {
	opt := func(kv ...string) check.Settings {
		set := check.Settings{Options: map[string]string{}}
		for i := 0; i < len(kv); i += 2 {
			set.Options[kv[i]] = kv[i+1]
		}
		return set
	}
	none := check.Settings{}
	body := func(s string) string { return "rule r {\n" + s + "\n}\n" }
	for _, c := range []struct {
		name, text string
		set        check.Settings
		want       string
	}{
		{"ema of an element", body("x <- x - ema(g; 0.9)"), none, "| ema.s:elem"},
		{"ema of a norm", body("x <- x - g*ema(norm(g); 0.9)"), none, "| ema.s:tensor"},
		{"ema per group", body("x <- x - g*ema(norm(g per group); 0.9)"), none, "| ema.s:group"},
		{"ema per model", body("x <- x - g*ema(norm(g per model); 0.9)"), none, "| ema.s:model"},
		{"ema of the loss", body("x <- x - g*ema(loss; 0.9)"), none, "| ema.s:model"},
		{"ema of the loss, beta a hyper", body("hyper b = 0.9\nx <- x - g*ema(loss; b)"), none, "b=0.9 | ema.s:group"},
		{"ema of a shape", body("x <- x - g*ema(rank(x); 0.9)"), none, "| ema.s:tensor"},
		{"ema of a constant", body("x <- x - g*ema(3; 0.9)"), none, "| ema.s:model"},
		{"a reduction of a norm", body("x <- x - g*ema(sum(norm(g) per model); 0.9)"), none, "| ema.s:model"},
		{"each call its own state", body("x <- x - ema(g; 0.9) - ema(g; 0.9) - debiased(g; 0.5)"), none, "| ema.s:elem ema2.s:elem debiased.ema.s:elem"},
		{"a let grows", body("let a = 1\nstate s = 0\ns <- s + a\na <- g\nx <- x - a - s"), none, "| s:elem"},
		{"states feed each other", body("state a = 0; state b = 0; state c = 0\na <- a + b; b <- b + c; c <- c + g\nx <- x - a"), none, "| a:elem b:elem c:elem"},
		{"asserted finer", body("state a per tensor = 0\na <- a + 1\nx <- x - a"), none, "| a:tensor"},
		{"a state in a when", body("option f = true\nwhen f { state a = 0; a <- a + g; x <- x - a } else { state b = 0; x <- x - b }"), none, "| a:elem"},
		{"the other branch", body("option f = true\nwhen f { state a = 0; a <- a + g; x <- x - a } else { state b = 0; x <- x - b }"), opt("f", "false"), "| b:model"},
		{"an alias", "rule r = adamw", none, "lr=0.001 beta1=0.9 beta2=0.999 eps=1e-08 weight_decay=0.01 | debiased.ema.s:elem debiased2.ema.s:elem"},
		{"an alias of an alias", "rule r = a(; lr = 2)\nrule a = adamw(; eps = 1, lr = 3)", none, "lr=2 beta1=0.9 beta2=0.999 eps=1 weight_decay=0.01 | debiased.ema.s:elem debiased2.ema.s:elem"},
		{"a hyper of the caller", body("hyper lr = 5\nx <- sgd(x, g; lr = lr, momentum = 0.5)"), none, "lr=5 | sgd.m:elem"},
		{"given by its bare name", body("hyper lr = 5\nx <- sgd(x, g; lr, momentum = lr/10)"), none, "lr=5 | sgd.m:elem"},
		{"hoisted", body("x <- sgd(x, g)"), none, "lr=0.01 momentum=0 | sgd.m:elem"},
		{"two of one origin are one", body("x <- sgd(x, g)\nx <- sgd(x, g; lr = 1)"), none, "lr=0.01 momentum=0 | sgd.m:elem sgd2.m:elem"},
		{"a clash with an option's rule", "rule r = averaged(; base = inner)\nrule inner { hyper decay = 0.5\n x <- x - decay*g }", none, "decay=0.999 base_decay=0.5 | avg:elem"},
		{"a default through a wrapper", "rule r = averaged(; base = sgd(; momentum = 0.9))", none, "decay=0.999 lr=0.01 momentum=0.9 | avg:elem sgd.m:elem"},
		{"nested wrappers", "rule r = around(; base = averaged(; base = sgd(; lr = 7), decay = 0.5))\nrule around { option base = rule sgd\n hyper k = 2\n x <- base(x, k*g) }", none,
			"k=2 decay=0.5 lr=7 momentum=0 | averaged.avg:elem averaged.sgd.m:elem"},
		{"a rule by setting", "rule r = averaged", opt("base", "sgd"), "decay=0.999 lr=0.01 momentum=0 | avg:elem sgd.m:elem"},
		{"a fixed hyper", body("x <- sgd(x, g)"), check.Settings{Fix: map[string]float64{"lr": 0.5}}, "momentum=0 | sgd.m:elem"},
		{"a fixed hyper of an alias", "rule r = adamw", check.Settings{Fix: map[string]float64{"lr": 0.5, "eps": 1}}, "beta1=0.9 beta2=0.999 weight_decay=0.01 | debiased.ema.s:elem debiased2.ema.s:elem"},
		{"a rule's g is elementwise", body("x <- inner(x, 1)") + "rule inner { state s = 0\n s <- g\n x <- x - s }", none, "| inner.s:elem"},
		{"a fn option", body("option f = fn half\nx <- x - f(g)") + "fn half(u) = u/2\nfn slow(u) = ema(u; 0.5)", opt("f", "slow"), "| slow.ema.s:elem"},
	} {
		p := compile(t, c.text, "r", c.set)
		if got := strings.TrimSpace(layout(p)); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// one runs a rule on a single element and gives x and the point of evaluation after each step.
func one(t testing.TB, text string, set check.Settings, x float64, grads ...float64) (xs, evals []float64) {
	t.Helper()
	p, err := pass.Run(compile(t, text, "r", set), pass.Program[:1], nil)
	if err != nil {
		t.Fatal(err)
	}
	m := interp.New[float64](p, []interp.Tensor{{Shape: []int{1}}}, 1)
	m.Params[0][0] = x
	for _, g := range grads {
		m.Step([][]float64{{g}}, g/2)
		xs, evals = append(xs, m.Params[0][0]), append(evals, m.EvalParams()[0][0])
	}
	return xs, evals
}

func TestMeanings(t *testing.T) {
	body := func(s string) string { return "rule r {\n" + s + "\n}\n" }
	for _, c := range []struct {
		name, text string
		want       []float64 // x after gradients 1, 2 and 4 from x = 8
	}{
		{"in order", body("let a = g\na <- a + 1\nx <- x - a\nx <- x*a"), []float64{12, 27, 110}},
		{"a constant initial state", body("state s = 3\ns <- s + g\nx <- s"), []float64{4, 6, 10}},
		{"a state set where it stands", body("g <- 10*g\nstate s = g\nx <- s\ns <- s + 1"), []float64{10, 11, 12}},
		{"a state copies the old x", body("state old = x\nlet before = old\nold <- x\nx <- before + g"), []float64{9, 10, 13}},
		{"t", body("x <- x + t*g"), []float64{9, 13, 25}},
		{"loss", body("x <- x + loss"), []float64{8.5, 9.5, 11.5}},
		{"a scope ends", body("option f = true\nwhen f { state s = 5; s <- s + 1; x <- s }\nlet s = 100\ns <- s + 1\nx <- x + s"), []float64{107, 108, 109}},
		{"a mask that is kept", body("let up = g > 1\nlet both = up and x > 0\nx <- where(both, g, -g) + count(up)"), []float64{-1, -2 + 1, -4 + 1}},
		{"masks through fns", body("x <- pick(g > 1, x, g)") + "fn pick(m, a, b) = where(m, a, b)", []float64{1, 1, 1}},
		{"a fn's variable changes", body("x <- f(g)") + "fn f(u) { u <- u + 1\n u <- u*u\n return u }", []float64{4, 9, 25}},
		{"powers", body("x <- g^2 + g^0.5*g^0.5 + 2^g + (-g)^3 + 0.1^2"), nil},
		{"a rule's g is elementwise", body("x <- inner(x, 1)") + "rule inner { x <- sum(g)*numel(x) + g }", []float64{2, 2, 2}},
		{"a choice", body("option o = one of (a, b)\nwhen o == b { x <- 0 } else { x <- x + g }"), []float64{9, 11, 15}},
		{"min of three", body("x <- min(x, g, 3) + max(g)"), []float64{2, 4, 7}},
	} {
		got, _ := one(t, c.text, check.Settings{}, 8, 1, 2, 4)
		for i := range c.want {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
				break
			}
		}
	}
}

func TestEval(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []float64 // the point of evaluation after gradients 1, 2
	}{
		{"a state", "rule r { state s = x\n x <- x - g\n s <- s + x\n eval s }", []float64{15, 20}},
		{"x and a state", "rule r { state s = 0\n s <- s + g\n x <- x - g\n eval x + 10*s }", []float64{17, 35}},
		{"stated early", "rule r { state s = 0\n x <- x - g\n s <- s + g\n eval x*2 + s }", []float64{15, 13}},
		{"t", "rule r { x <- x - g\n eval x/t }", []float64{7, 2.5}},
		{"of x alone", "rule r { x <- x - g\n eval x }", []float64{7, 5}},
		{"in the first step too", "rule r { x <- x - g\n eval where(t == 1, -1, x) }", []float64{-1, 5}},
		{"of a rule within", "rule r { x <- inner(x, g) }\nrule inner { x <- x - g\n eval 2*x }", []float64{14, 10}},
		{"the outermost wins", "rule r { x <- inner(x, g)\n eval 3*x }\nrule inner { x <- x - g\n eval 2*x }", []float64{21, 15}},
		{"the old x kept", "rule r { state old = 0\n old <- x\n x <- x - g\n eval old }", []float64{8, 7}},
	} {
		_, got := one(t, c.text, check.Settings{}, 8, 1, 2)
		if got[0] != c.want[0] || got[1] != c.want[1] {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if p := compile(t, "rule r { x <- x - g\n eval x }", "r", check.Settings{}); p.Eval != nil {
		t.Error("the model is evaluated at x, which needs no point of its own")
	}
}

// TestSettings holds that options and fixed hyperparameters change the program.
func TestSettings(t *testing.T) {
	const text = `rule r { hyper a = 1
option n = 2 in 1..9
option f = false
option o = one of (plus, minus)
option b = rule id
x <- b(x, g)
when f { x <- x + 100 }
when o == plus { x <- x + n*a } else { x <- x - n*a } }
rule id { x <- x }
rule twice { x <- 2*x }`
	for _, c := range []struct {
		options map[string]string
		fix     map[string]float64
		want    float64
	}{
		{nil, nil, 10}, {map[string]string{"n": "5"}, nil, 13}, {map[string]string{"f": "true"}, nil, 110}, {map[string]string{"o": "minus"}, nil, 6},
		{map[string]string{"b": "twice"}, nil, 18}, {nil, map[string]float64{"a": 3}, 14}, {map[string]string{"n": "1", "o": "minus"}, map[string]float64{"a": 8}, 0},
	} {
		if got, _ := one(t, text, check.Settings{Options: c.options, Fix: c.fix}, 8, 1); got[0] != c.want {
			t.Errorf("%v %v: %v, want %v", c.options, c.fix, got[0], c.want)
		}
	}
}

// TestDerivativeOfMax holds max and min of three to their derivatives in the first: 1 where it is the one, half at a tie.
func TestDerivativeOfMax(t *testing.T) {
	for _, c := range []struct{ x, max, min float64 }{{3, 1, 0}, {0, 0, 1}, {2, 0.5, 0}, {1, 0, 0.5}, {1.5, 0, 0}} {
		for op, want := range map[string]float64{"max": c.max, "min": c.min} {
			if got, _ := one(t, "rule r { x <- "+op+"'(x, 1, 2) }", check.Settings{}, c.x, 1); got[0] != want {
				t.Errorf("%s' at %v: %v, want %v", op, c.x, got[0], want)
			}
		}
	}
}

// TestExamples feeds every rule of the language's examples: each checks.
func TestExamples(t *testing.T) {
	src, err := os.ReadFile("../../lang/testdata/examples.opt")
	if err != nil {
		t.Fatal(err)
	}
	u, diags := check.Load(fstest.MapFS{"e.opt": {Data: src}}, "e.opt", fstest.MapFS{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, r := range u.Rules() {
		p, diags := check.Rule(u, r, check.Settings{})
		if p == nil {
			t.Errorf("%s: %v", r, diags)
		} else if err := p.Verify(); err != nil {
			t.Errorf("%s: %v", r, err)
		}
	}
	if n := len(u.Rules()); n < 30 {
		t.Errorf("only %d rules among the examples", n)
	}
}

// TestLimits holds hostile files to bounded time, memory and stack: each ends, with an error or without.
func TestLimits(t *testing.T) {
	var lets strings.Builder
	for i := range 45_000 {
		fmt.Fprintf(&lets, "let a%d = a%d+g\n", i+1, i)
	}
	var long strings.Builder // functions whose expressions are as deep as may be, each within the one before
	long.WriteString("fn f0(u) = u\n")
	for i := 1; i <= 50; i++ {
		fmt.Fprintf(&long, "fn f%d(u) = f%d(u)%s\n", i, i-1, strings.Repeat("+1", 9990))
	}
	long.WriteString("rule r { x <- f50(x) }\n")
	imports := fstest.MapFS{}
	for i := range 3 { // the same through many files: deeper than a goroutine's stack could hold
		var b strings.Builder
		fmt.Fprintf(&b, "import \"i%d.opt\"\n", i+1)
		for k := 1; k <= 50 && i < 2; k++ {
			callee := fmt.Sprintf("f%d_%d", i, k-1)
			if k == 1 {
				callee = fmt.Sprintf("f%d_50", i+1)
			}
			fmt.Fprintf(&b, "fn f%d_%d(u) = %s(u)%s\n", i, k, callee, strings.Repeat("+u", 9990))
		}
		imports[fmt.Sprintf("i%d.opt", i)] = &fstest.MapFile{Data: []byte(b.String())}
	}
	imports["i2.opt"].Data = []byte("fn f2_50(u) = u\n")
	imports["r.opt"] = &fstest.MapFile{Data: []byte("import \"i0.opt\"\nrule r { x <- f0_50(x) }\n")}
	file := func(text string) fstest.MapFS { return fstest.MapFS{"r.opt": {Data: []byte(text)}} }
	megabyte := "rule r { x <- x - g\n" + strings.Repeat("x <- x - sin(g)*0.5\n", (lang.MaxFileSize-30)/20) + "}\n"
	for _, c := range []struct {
		name string
		fsys fstest.MapFS
		want string // "" when it must be accepted
	}{
		{"doubling", file(doubling(60)), "expands to more than"},
		{"doubling of equal values", file(sameTwice(60)), "unrolls to more than"},
		{"256 calls", file(nest(254)), ""},
		{"too many calls", file(nest(400)), "nested more than 256 deep"},
		{"a chain of lets", file("rule r {\nlet a0 = g\n" + lets.String() + "x <- a45000\n}\n"), ""},
		{"deep expressions in deep calls", file(long.String()), "expands to more than"},
		{"the same through imports", imports, "expands to more than"},
		{"a full megabyte", file(megabyte), "expands to more than"},
		{"past a megabyte", file(megabyte + strings.Repeat("// more\n", 100)), "the limit is 1048576"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		diags := diagnose(c.fsys, "r.opt", check.Settings{})
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		mb := (after.TotalAlloc - before.TotalAlloc) >> 20
		t.Logf("%s: %v, %d MB allocated in all, %d diagnostics", c.name, took.Round(time.Millisecond), mb, len(diags))
		if c.want == "" && diags.HasErrors() || c.want != "" && !strings.Contains(diags.Error(), c.want) {
			text := diags.Error()
			t.Errorf("%s: want %q, have %s", c.name, c.want, text[:min(len(text), 300)])
		}
		if took > 20*time.Second || mb > 3000 {
			t.Errorf("%s: %v and %d MB", c.name, took, mb)
		}
	}
}

// sameTwice is n functions of which each calls the one before twice on the same value: few values, many visits.
func sameTwice(n int) string {
	var b strings.Builder
	b.WriteString("fn f0(u) = sin(u)\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "fn f%d(u) = f%d(u) + f%d(u)\n", i, i-1, i-1)
	}
	fmt.Fprintf(&b, "rule r { x <- f%d(x) }\n", n)
	return b.String()
}
