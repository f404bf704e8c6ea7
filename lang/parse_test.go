package lang

import (
	"os"
	"strings"
	"testing"
)

func readExamples(t testing.TB) []byte {
	t.Helper()
	src, err := os.ReadFile("testdata/examples.opt")
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// parseClean parses text that must have no diagnostics.
func parseClean(t testing.TB, src string) *File {
	t.Helper()
	f, ds := Parse("test.opt", []byte(src))
	if len(ds) > 0 {
		t.Fatalf("%s\n%v", src, ds)
	}
	return f
}

func TestExamples(t *testing.T) {
	src := string(readExamples(t))
	want := 0
	for line := range strings.Lines(src) {
		if strings.HasPrefix(line, "fn ") || strings.HasPrefix(line, "rule ") {
			want++
		}
	}
	f := parseClean(t, src)
	if len(f.Decls) != want {
		t.Errorf("%d declarations, want %d", len(f.Decls), want)
	}
}

func TestExpressions(t *testing.T) {
	for _, c := range [][2]string{
		{"a", "a"},
		{"β1 + _x2", "(+ β1 _x2)"},
		{"0.5e-3", "0.5e-3"},
		{"1E+4", "1E+4"},
		{`"a \"b\" \\"`, `"a \"b\" \\"`},
		{"a - b - c", "(- (- a b) c)"},
		{"a/b*c % d@e", "(@ (% (* (/ a b) c) d) e)"},
		{"a + b*c^d", "(+ a (* b (^ c d)))"},
		{"a^b^c", "(^ a (^ b c))"},
		{"(a^b)^c", "(^ (^ a b) c)"},
		{"-a^2", "(- (^ a 2))"},
		{"(-a)^2", "(^ (- a) 2)"},
		{"-a*b", "(* (- a) b)"},
		{"a*-b", "(* a (- b))"},
		{"a - -b", "(- a (- b))"},
		{"- - a", "(- (- a))"},
		{"t^-0.8", "(^ t (- 0.8))"},
		{"a^-b^c", "(^ a (- (^ b c)))"},
		{"a^-b*c", "(* (^ a (- b)) c)"},
		{"a < b and c >= d or not e == f", "(or (and (< a b) (>= c d)) (not (== e f)))"},
		{"not not a and b", "(and (not (not a)) b)"},
		{"a or b and c", "(or a (and b c))"},
		{"(a < b) == c", "(== (< a b) c)"},
		{"a <= b", "(<= a b)"},
		{"a != b", "(!= a b)"},
		{"a < -b", "(< a (- b))"},
		{"g'", "(' g)"},
		{"g''@h", "(@ (' (' g)) h)"},
		{"f'(u)", "(call f' u)"},
		{"f'(u)'", "(' (call f' u))"},
		{"f''", "(' (' f))"},
		{"-g'", "(- (' g))"},
		{"a^b'", "(^ a (' b))"},
		{"(a + b)'", "(' (+ a b))"},
		{"S[0]", "([] S 0)"},
		{"S[i + 1][j]'", "(' ([] ([] S (+ i 1)) j))"},
		{"f(x)[2]", "([] (call f x) 2)"},
		{"normal()", "(call normal)"},
		{"normal(per row)", "(call normal per:row)"},
		{"norm(g per model)", "(call norm g per:model)"},
		{"mean(a, b per [row, col])", "(call mean a b per:row,col)"},
		{"adam(; lr = 3e-4)", "(call adam ; lr=3e-4)"},
		{"kth(abs(u); k)", "(call kth (call abs u) ; k)"},
		{"prox(l1(; lambda), v per row; step = lr, n)", "(call prox (call l1 ; lambda) v per:row ; step=lr n)"},
		{"f(a == b; c == d)", "(call f (== a b) ; (== c d))"},
		{"(a\n+ b\nand\nc)", "(and (+ a b) c)"},
		{"a +\n\n  b", "(+ a b)"},
		{"a\n  - b", "(- a b)"},
		{"not\na", "(not a)"},
		{"f(a,\n  b;\n  c)", "(call f a b ; c)"},
		{"grad + hvp*load", "(+ grad (* hvp load))"},
	} {
		f := parseClean(t, "fn test(x) = "+c[0]+"\n")
		if got := dumpExpr(f.Decls[0].(*Fn).Value); got != c[1] {
			t.Errorf("%s: got %s, want %s", c[0], got, c[1])
		}
	}
}

func TestStatements(t *testing.T) {
	for _, c := range [][2]string{
		{"hyper a = 1", "(hyper a 1)"},
		{"hyper a = -1 in [0, 1)", "(hyper a (- 1) (in false,true,false 0 1))"},
		{"hyper a = 1 in (0, inf]", "(hyper a 1 (in true,false,false 0 inf))"},
		{"hyper a = 1 in -1..1", "(hyper a 1 (in false,false,true (- 1) 1))"},
		{"hyper a = 1 in (-1, (2))", "(hyper a 1 (in true,true,false (- 1) 2))"},
		{"/// d\n/// e\nhyper a = 1", `(hyper doc:"d\ne" a 1)`},
		{"/// d\n\nhyper a = 1", "(hyper a 1)"},
		{"/// d\n// e\nhyper a = 1", "(hyper a 1)"},
		{"//// d\nhyper a = 1", "(hyper a 1)"},
		{"option a = false", "(option a false)"},
		{"option a = one of (b, c)", "(option a |b|c)"},
		{"option a = 10 in 1..100", "(option a 10 (in false,false,true 1 100))"},
		{"option a = rule sgd", "(option a rule sgd)"},
		{"option a = rule sam(; base = adamw)", "(option a rule (call sam ; base=adamw))"},
		{"option a = fn adam_dir", "(option a fn adam_dir)"},
		{"let a = 1", "(let a 1)"},
		{"let a[memory] = 0", "(let a [memory] 0)"},
		{"state a per row = 0", "(state a per:row 0)"},
		{"state a[3] per [row, row] as q8 sr = 0", "(state a [3] per:row,row as:q8,true 0)"},
		{"state a as bf16 = 0", "(state a as:bf16,false 0)"},
		{"given a", "(given a)"},
		{"given a per elem = load", "(given a per:elem load)"},
		{"probe a = grad", "(probe a grad)"},
		{"probe a = grad at x + 1", "(probe a grad (at (+ x 1)))"},
		{"probe a = loss at x", "(probe a loss (at x))"},
		{"probe a = hvp v", "(probe a hvp v)"},
		{"probe a = hvp -v at x", "(probe a hvp (- v) (at x))"},
		{"x <- 1", "(<- x 1)"},
		{"a[i] <- a[i]", "(<- a [i] ([] a i))"},
		{"x <-\n  1", "(<- x 1)"},
		{"x<-1", "(<- x 1)"},
		{"when a { x <- 1 }", "(when a {(<- x 1)})"},
		{"when a {}", "(when a {})"},
		{"when a {\n}\nelse {\n}", "(when a {} else{})"},
		{"when a {} else when b {} else { x <- 1 }", "(when a {} else{(when b {} else{(<- x 1)})})"},
		{"repeat 5 { x <- 1; x <- 2 }", "(repeat 5 {(<- x 1) (<- x 2)})"},
		{"repeat n {}", "(repeat n {})"},
		{"repeat i in n - 1..0 { until a < b }", "(repeat i (- n 1) 0 {(until (< a b))})"},
		{"eval lerp(x, z)", "(eval (call lerp x z))"},
		{";; x <- 1 ;;\n; x <- 2;", "(<- x 1) (<- x 2)"},
	} {
		f := parseClean(t, "rule test {\n"+c[0]+"\n}\n")
		if got, want := dumpBody(f.Decls[0].(*Rule).Body), "{"+c[1]+"}"; got != want {
			t.Errorf("%s: got %s, want %s", c[0], got, want)
		}
	}
}

func TestDeclarations(t *testing.T) {
	for _, c := range [][2]string{
		{"", ""},
		{"\n;\n// only a comment", ""},
		{`import "dir/a.opt"`, `(import "dir/a.opt")`},
		{"fn f() = 1", "(fn f (vars) (params) 1)"},
		{"fn f(a, b) = a", "(fn f (vars a b) (params) a)"},
		{"fn f(; a, b = 2*c) = a", "(fn f (vars) (params (a) (b (* 2 c))) a)"},
		{"fn f(a;\n  b) {\n return a }", "(fn f (vars a) (params (b)) {(return a)})"},
		{"/// doc\nfn f(a) = a", `(fn doc:"doc" f (vars a) (params) a)`},
		{"rule a = b(; lr = 1)\nrule c = b", "(rule a (call b ; lr=1))\n(rule c b)"},
		{"rule a {}", "(rule a {})"},
		{"rule a {}; fn f() = 1", "(rule a {})\n(fn f (vars) (params) 1)"},
		{"\ufeffrule a {\r\n\tx <- 1\r\n}\r\n", "(rule a {(<- x 1)})"},
	} {
		if got := dump(parseClean(t, c[0])); got != c[1] {
			t.Errorf("%s: got %s, want %s", c[0], got, c[1])
		}
	}
}

// TestRecovery: what is right in a file with errors is in the tree.
func TestRecovery(t *testing.T) {
	src := "fn a() = 1\nrule b {\n  let x\n  let y = (1\n  when z { let w = }\n}\nfn c() = (2\nfn d() = 3\n"
	f, ds := Parse("r.opt", []byte(src))
	if got, want := dump(f), "(fn a (vars) (params) 1)\n(fn d (vars) (params) 3)"; got != want {
		t.Errorf("got %s", got)
	}
	var lines []int
	for _, d := range ds {
		lines = append(lines, d.Span.Start.Line)
	}
	if want := []int{3, 4, 5, 7}; len(lines) != 4 || lines[0] != want[0] || lines[1] != want[1] || lines[2] != want[2] || lines[3] != want[3] {
		t.Errorf("errors on lines %v, want %v", lines, want)
	}
}

// TestSpans: every node's span is the text that was parsed for it.
func TestSpans(t *testing.T) {
	f := parseClean(t, "rule a {\n  β <- (x + f'(y;\n    z))*2\n  when a { x <- 1 } else when b { x <- 2 }\n}\n")
	src := string(f.Source)
	got := map[string]bool{}
	Inspect(f, func(n any) {
		if w, ok := n.(interface{ Where() Span }); ok {
			s := w.Where()
			got[src[s.Start.Offset:s.End.Offset]] = true
			if s.Start != posAt(src, s.Start.Offset) || s.End != posAt(src, s.End.Offset) {
				t.Errorf("%T: span %v disagrees with itself", n, s)
			}
		}
	})
	for _, want := range []string{
		src[:len(src)-1], "(x + f'(y;\n    z))", "β <- (x + f'(y;\n    z))*2", "f'(y;\n    z)", "z", "2", "x <- 2",
		"when a { x <- 1 } else when b { x <- 2 }", "when b { x <- 2 }",
	} {
		if !got[want] {
			t.Errorf("no node has the span of %q", want)
		}
	}
}

// posAt counts lines and runes up to an offset.
func posAt(src string, offset int) Pos {
	before := src[:offset]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	col := len([]rune(strings.TrimPrefix(line, "\ufeff")))
	return Pos{offset, strings.Count(before, "\n") + 1, col + 1}
}
