package compiler_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/lang"
)

func compile(t testing.TB, text string, set compiler.Settings) *compiler.Rule {
	t.Helper()
	u, diags := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", fstest.MapFS{})
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, text)
	}
	r, diags, err := compiler.Compile(u, "r", set)
	if r == nil {
		t.Fatalf("%v %v\n%s", diags, err, text)
	}
	return r
}

const adam = `// comment
fn lerp(a, b, w) = a + w*(b - a)
fn ema(u; beta) { state s = 0
  s <- lerp(u, s, beta)
  return s }
fn debiased(u; beta) = ema(u; beta)/(1 - beta^t)
/// Adam.
rule r {
  hyper lr = 1e-3 in (0, inf)
  hyper beta1 = 0.9 in [0, 1)
  hyper beta2 = 0.999 in [0, 1)
  option form = one of (coupled, decoupled)
  let m = debiased(g; beta1)
  let v = debiased(g^2; beta2)
  when form == decoupled { x <- x*0.99 }
  let u = m/(sqrt(v) + 1e-8)
  x <- x - lr*u
}
`

// TestDigest holds which changes of a text keep a checkpoint readable, and which do not.
func TestDigest(t *testing.T) {
	replace := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(adam) }
	lines := strings.SplitAfter(adam, "\n")
	formatted := func() string {
		tree, diags := lang.Parse("r.opt", []byte(adam))
		if len(diags) > 0 {
			t.Fatal(diags)
		}
		return string(lang.Format(tree))
	}
	want := compile(t, adam, compiler.Settings{}).Digest
	if len(want) < 32 {
		t.Fatalf("digest %q", want)
	}
	for name, text := range map[string]string{
		"a comment":              replace("// comment", "// another\n// and one more"),
		"documentation":          replace("/// Adam.", "/// Adam, by its paper."),
		"formatting":             formatted(),
		"the name of a let":      replace("let m =", "let mean_of_g =", "u = m/", "u = mean_of_g/"),
		"a let less":             replace("  let u = m/(sqrt(v) + 1e-8)\n", "", "lr*u", "lr*(m/(sqrt(v) + 1e-8))"),
		"the names of variables": replace("lerp(a, b, w) = a + w*(b - a)", "lerp(from, to, by) = from + by*(to - from)"),
		"declarations reordered": strings.Join(lines[6:], "") + strings.Join(lines[:6], ""),
		"a hyper's interval":     replace("(0, inf)", "[0, inf)"),
		"a hyper's default":      replace("1e-3", "2e-3"),
		"an unused fn":           adam + "fn more(u) = u\n",
		"spelling of a number":   replace("1e-8", "0.00000001"),
	} {
		if got := compile(t, text, compiler.Settings{}).Digest; got != want {
			t.Errorf("%s changes the digest\n%s", name, text)
		}
	}
	seen := map[string]string{want: "the rule itself"}
	for name, text := range map[string]string{
		"the formula":          replace("sqrt(v) + 1e-8", "sqrt(v + 1e-8)"),
		"the order":            replace("a + w*(b - a)", "w*b + (1 - w)*a"),
		"a constant":           replace("1e-8", "1e-7"),
		"the betas' roles":     replace("debiased(g; beta1)", "debiased(g; beta2)", "debiased(g^2; beta2)", "debiased(g^2; beta1)"),
		"a state more":         replace("  x <- x - lr*u\n", "  state last = 0\n  last <- 0.5*last + u\n  x <- x - lr*last\n"),
		"a state's extent":     replace("ema(u; beta)/", "ema(norm(u); beta)/"),
		"a state's start":      replace("state s = 0", "state s = 1"),
		"a hyper renamed":      replace("lr", "rate"),
		"a point of its own":   replace("  x <- x - lr*u\n", "  x <- x - lr*u\n  eval 2*x\n"),
		"the states reordered": replace("  let m = debiased(g; beta1)\n", "", "let v = debiased(g^2; beta2)\n", "let v = debiased(g^2; beta2)\n  let m = debiased(g; beta1)\n"),
	} {
		got := compile(t, text, compiler.Settings{}).Digest
		if old := seen[got]; old != "" {
			t.Errorf("%s has the digest of %s\n%s", name, old, text)
		}
		seen[got] = name
	}
	for name, set := range map[string]compiler.Settings{
		"an option": {Options: map[string]string{"form": "decoupled"}}, "a fixed hyper": {Fix: map[string]float64{"beta1": 0.9}},
	} {
		got := compile(t, adam, set).Digest
		if old := seen[got]; old != "" {
			t.Errorf("%s has the digest of %s", name, old)
		}
		seen[got] = name
	}
}

// TestCompileIsDeterministic compiles random rules twice and compares plan, dumps and digest.
func TestCompileIsDeterministic(t *testing.T) {
	for seed := range uint64(60) {
		text := randrule.Text("r", seed)
		a, b := compile(t, text, compiler.Settings{}), compile(t, text, compiler.Settings{})
		if a.Digest != b.Digest || a.Plan.String() != b.Plan.String() || len(a.Dumps) != len(b.Dumps) {
			t.Fatalf("seed %d: two results\n%s", seed, text)
		}
		for i := range a.Dumps {
			if a.Dumps[i] != b.Dumps[i] {
				t.Fatalf("seed %d: two dumps after %s", seed, a.Dumps[i].Pass)
			}
		}
	}
}

// TestCompile holds what Compile hands on, and that an unknown rule is the user's error.
func TestCompile(t *testing.T) {
	r := compile(t, adam, compiler.Settings{})
	if r.Name != "r" || r.Decl == nil || r.Decl.Name.Name != "r" || string(r.Source) != adam || r.Checked == nil || r.Plan == nil {
		t.Errorf("%+v", r)
	}
	var passes []string
	for _, d := range r.Dumps {
		passes = append(passes, d.Pass)
		if d.Text == "" {
			t.Errorf("the dump after %s is empty", d.Pass)
		}
	}
	if got := strings.Join(passes, " "); !strings.HasPrefix(got, "check simplify") || !strings.HasSuffix(got, "expand kernels") {
		t.Error(got)
	}
	u, _ := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(adam)}}, "r.opt", fstest.MapFS{})
	if r, diags, err := compiler.Compile(u, "q", compiler.Settings{}); r != nil || err != nil || !diags.HasErrors() {
		t.Errorf("%v %v %v", r, diags, err)
	}
	lib, diags := compiler.Library(fstest.MapFS{"a.opt": {Data: []byte("rule b { x <- c(x; 1) }\nrule a { x <- x - g }")}, "c.opt": {Data: []byte("fn c(u; p) = u*p")}})
	if diags.HasErrors() || strings.Join(lib.Rules(), " ") != "a b" {
		t.Errorf("%v %v", lib.Rules(), diags)
	}
	if r, diags, err := compiler.Compile(lib, "b", compiler.Settings{}); r == nil || err != nil {
		t.Errorf("%v %v", diags, err)
	}
}
