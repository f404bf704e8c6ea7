package compiler_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/errtest"
	"github.com/optc-lang/optc/lang"
)

// build compiles every rule of a file.
func build(t *testing.T, text []byte) lang.Diagnostics {
	t.Helper()
	u, all := compiler.Load(fstest.MapFS{"r.opt": {Data: text}}, "r.opt", fstest.MapFS{})
	for _, name := range u.Rules() {
		_, diags, err := compiler.Compile(u, name, compiler.Settings{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		all = append(all, diags...)
	}
	return all
}

// TestErrorCases runs the cases of what is refused after checking, and demands one for every text of this package.
func TestErrorCases(t *testing.T) {
	var said []errtest.Said
	paths, _ := filepath.Glob("../testdata/errors/compile/*.opt")
	for _, path := range paths {
		c := errtest.Read(t, path)
		var got []errtest.Diagnostic
		for _, d := range build(t, c.Source) {
			got = append(got, errtest.Diagnostic{Line: d.Span.Start.Line, Warning: d.Severity == lang.Warning, Text: d.Message + "; " + d.Hint})
			said = append(said, errtest.Said{Place: fmt.Sprint(path, d.Span.Start), Message: d.Message, Hint: d.Hint})
		}
		c.Compare(t, got)
	}
	u, _ := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte("rule r { x <- x - svd_shrink(g; tau = norm(g)) }")}}, "r.opt", fstest.MapFS{})
	r, diags, err := compiler.Compile(u, "r", compiler.Settings{Adjoint: true})
	if r != nil || err != nil || len(diags) != 1 {
		t.Errorf("an adjoint in tau: %v %v", diags, err)
	}
	half, halfDiags, err := compiler.Compile(u, "r", compiler.Settings{Adjoint: true, Params: "bf16"})
	if half != nil || err != nil || len(halfDiags) != 1 {
		t.Errorf("an adjoint of parameters in bf16: %v %v", halfDiags, err)
	}
	for _, d := range append(diags, halfDiags...) {
		said = append(said, errtest.Said{Place: d.File, Message: d.Message, Hint: d.Hint})
	}
	texts, sites := errtest.Texts(t, "*.go", map[string]int{"tooLarge": -1})
	if sites < 3 {
		t.Fatalf("only %d places that report", sites)
	}
	errtest.Covered(t, texts, said)
}

// TestBuildLimits holds large and hostile rules to bounded time, from text to plan: each ends, refused or built.
func TestBuildLimits(t *testing.T) {
	rule := func(body string) string { return "rule r {\n" + body + "\n}\n" }
	var lets, whens, calls, names strings.Builder
	lets.WriteString("let a0 = g\n")
	for i := 1; i <= 30; i++ {
		fmt.Fprintf(&lets, "let a%d = a%d + a%d*%d\n", i, i-1, i-1, i)
	}
	for i := range 5000 {
		fmt.Fprintf(&names, "let a%d = %d\n", i, i)
	}
	calls.WriteString("fn f0(u) = sin(u)\n")
	for i := 1; i <= 30; i++ {
		fmt.Fprintf(&calls, "fn f%d(u) = f%d(u) + f%d(u + %d)\n", i, i-1, i-1, i)
	}
	for i := range 254 {
		fmt.Fprintf(&whens, "when t > %d {\n", i)
	}
	var file strings.Builder // of many rules, each as a user writes one
	for i := 0; file.Len() < lang.MaxFileSize/8; i++ {
		fmt.Fprintf(&file, "rule r%d {\n  hyper lr = 1e-3 in (0, inf)\n  hyper beta = 0.9 in [0, 1)\n  state m = 0\n  m <- beta*m + (1 - beta)*g\n  x <- x - lr*m/(1 - beta^t)\n}\n", i)
	}
	for _, c := range []struct{ name, text, want string }{
		{"lets of lets", rule(lets.String() + "x <- x - a30"), ""},
		{"calls of calls", calls.String() + rule("x <- x - f30(g)"), "expands to more than 100000 values"},
		{"whens in whens", rule(whens.String() + "x <- x - g" + strings.Repeat("\n}", 254)), ""},
		{"whens of shapes in whens", rule(strings.ReplaceAll(whens.String(), "t >", "numel(x) >") + "x <- x - g" + strings.Repeat("\n}", 254)), "more than 64 classes"},
		{"loops in loops", rule("repeat 1000 { repeat 1000 { repeat 1000 { x <- x - g } } }"), "expands to more than"},
		{"empty loops in loops", rule("repeat 1000 { repeat 1000 { repeat 1000 { } } }\nx <- x - g"), "unrolls to more than"},
		{"whens among many names", rule(names.String() + "repeat 100000 { when t > 3 { } }\nx <- x - g"), "unrolls to more than"},
		{"arrays in loops", rule("state S[256] = 0\nrepeat i in 0..255 { repeat j in 0..255 { S[i] <- S[i] + S[j] } }\nx <- x - S[0]"), "unrolls to more than"},
		{"a large array", rule("state S[256] = 0\nS <- push(S, g)\nlet q = g\nrepeat i in 0..255 { q <- q + S[i] }\nx <- x - q"), "a pass touches"},
		{"pushes", rule("state S[256] = 0\nrepeat 256 { S <- push(S, g) }\nx <- x - S[0]"), ""},
		{"a two-loop recursion", rule("state S[100] = 0\nstate Y[100] = 0\nS <- push(S, x)\nY <- push(Y, g)\nlet q = g\nrepeat i in 0..99 { q <- q - dot(S[i], q per model)*Y[i] }\nx <- x - q"), ""},
		{"until in deep loops", rule("repeat 12 { repeat 12 { repeat 12 { until loss < 1\nx <- x - g } } }"), ""},
		{"untils", rule("repeat 200 { until norm(g per model) < 1\ng <- g/2\nuntil loss > 1\ng <- g + x }\nx <- x - g"), ""},
		{"too many states", rule("state a[256] = 0\nstate b[256] = 0\nstate c[256] = 0\nrepeat i in 0..255 { a[i] <- g\nb[i] <- a[i] + b[i]\nc[i] <- b[i] }\nx <- x - c[3]"), "at most 600 states"},
		{"matrices", rule("state L = eye(row)\nrepeat 100 { L <- L@L + g@g' }\nx <- x - L@g"), ""},
		{"an eighth of a file", file.String(), ""},
	} {
		start := time.Now()
		diags := build(t, []byte(c.text))
		took := time.Since(start)
		t.Logf("%s: %v, %d diagnostics", c.name, took.Round(time.Millisecond), len(diags))
		switch {
		case c.want == "" && diags.HasErrors(), c.want != "" && !strings.Contains(diags.Error(), c.want):
			text := diags.Error()
			t.Errorf("%s: want %q, have %s", c.name, c.want, text[:min(len(text), 300)])
		case took > 30*time.Second:
			t.Errorf("%s: %v", c.name, took)
		}
	}
}

// TestExamples builds every rule of the language's examples, without a warning.
func TestExamples(t *testing.T) {
	src, err := os.ReadFile("../lang/testdata/examples.opt")
	if err != nil {
		t.Fatal(err)
	}
	u, diags := compiler.Load(fstest.MapFS{"e.opt": {Data: src}}, "e.opt", fstest.MapFS{})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	for _, name := range u.Rules() {
		if r, diags, err := compiler.Compile(u, name, compiler.Settings{}); r == nil || len(diags) > 0 || err != nil {
			t.Errorf("%s: %v %v", name, diags, err)
		}
	}
	if n := len(u.Rules()); n < 30 {
		t.Errorf("only %d rules among the examples", n)
	}
}
