package check_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/internal/errtest"
	"github.com/optc-lang/optc/lang"
)

const errorCases = "../../testdata/errors/check/*.opt"

// diagnose checks every rule of a file and gives each diagnostic once.
func diagnose(fsys fstest.MapFS, name string, set check.Settings) lang.Diagnostics {
	u, all := check.Load(fsys, name, fstest.MapFS{})
	all = slices.Clone(all)
	for _, r := range u.Rules() {
		_, diags := check.Rule(u, r, set)
		for _, d := range diags {
			if !slices.Contains(all, d) {
				all = append(all, d)
			}
		}
	}
	all.Sort()
	return all
}

func checkCase(t *testing.T, path string) lang.Diagnostics {
	t.Helper()
	c := errtest.Read(t, path)
	name := filepath.Base(path)
	diags := diagnose(fstest.MapFS{name: {Data: c.Source}}, name, check.Settings{})
	var got []errtest.Diagnostic
	for _, d := range diags {
		got = append(got, errtest.Diagnostic{Line: d.Span.Start.Line, Warning: d.Severity == lang.Warning, Text: d.Message + "; " + d.Hint})
	}
	c.Compare(t, got)
	return diags
}

func TestErrorCases(t *testing.T) {
	paths, _ := filepath.Glob(errorCases)
	if len(paths) < 7 {
		t.Fatalf("only %d files of error cases", len(paths))
	}
	for _, path := range paths {
		checkCase(t, path)
	}
}

// unitCase is an error that no single file shows: of imports, settings and limits.
type unitCase struct {
	name  string
	files map[string]string // the root is r.opt
	rule  string            // to compile, or "" when loading fails
	set   check.Settings
	want  string
}

func (c unitCase) run() lang.Diagnostics {
	fsys := fstest.MapFS{}
	for name, text := range c.files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	u, diags := check.Load(fsys, "r.opt", fstest.MapFS{})
	if c.rule != "" && !diags.HasErrors() {
		_, diags = check.Rule(u, c.rule, c.set)
	}
	return diags
}

const wrapper = `rule sgd { hyper lr = 0.1 in (0, 1]
option nesterov = false
x <- x - lr*g*nesterov }
rule wrap { option base = rule sgd
option n = 3 in 1..9
x <- n*base(x, g) }
rule fixed = sgd(; nesterov = true)
fn f(u) = u
`

func unitCases() []unitCase {
	many := map[string]string{"r.opt": ""}
	for i := range 70 {
		name := fmt.Sprintf("f%d.opt", i)
		many[name] = ""
		many["r.opt"] += "import \"" + name + "\"\n"
	}
	root := func(text string) map[string]string { return map[string]string{"r.opt": text} }
	opt := func(kv ...string) check.Settings { return check.Settings{Options: map[string]string{kv[0]: kv[1]}} }
	fix := func(name string, v float64) check.Settings {
		return check.Settings{Fix: map[string]float64{name: v}}
	}
	return []unitCase{
		{"missing root", nil, "", check.Settings{}, "r.opt.*cannot read r.opt: file does not exist"},
		{"missing import", root("import \"a.opt\"\n"), "", check.Settings{}, "r.opt:1:1: error: cannot read a.opt: file does not exist"},
		{"import of a folder's file", map[string]string{"r.opt": "import \"lib/a.opt\"\nrule r { x <- f(x) }", "lib/a.opt": "import \"b.opt\"\nfn f(u) = h(u)", "lib/b.opt": "fn h(u) = u"}, "r", check.Settings{}, ""},
		{"not an opt file", root("import \"a.txt\"\n"), "", check.Settings{}, `import "a.txt" does not end in .opt`},
		{"escape", root("import \"../a.opt\"\n"), "", check.Settings{}, `import "../a.opt" leaves the folder of r.opt`},
		{"escape from below", map[string]string{"r.opt": "import \"lib/a.opt\"\n", "lib/a.opt": "import \"../../b.opt\""}, "", check.Settings{}, "lib/a.opt:1:1: error: import .* leaves the folder"},
		{"absolute", root("import \"/etc/a.opt\"\n"), "", check.Settings{}, "leaves the folder"},
		{"backslash", root("import \"a\\\\b.opt\"\n"), "", check.Settings{}, "error"},
		{"cycle", map[string]string{"r.opt": "import \"a.opt\"", "a.opt": "import \"b.opt\"", "b.opt": "import \"a.opt\""}, "", check.Settings{}, "b.opt:1:1: error: import cycle: a.opt imports b.opt imports a.opt"},
		{"self import", root("import \"r.opt\""), "", check.Settings{}, "import cycle: r.opt imports r.opt"},
		{"diamond", map[string]string{"r.opt": "import \"a.opt\"\nimport \"b.opt\"\nrule r { x <- fa(x) + fb(x) }", "a.opt": "import \"c.opt\"\nfn fa(u) = fc(u)", "b.opt": "import \"c.opt\"\nfn fb(u) = fc(u)", "c.opt": "fn fc(u) = u"}, "r", check.Settings{}, ""},
		{"clash with own", map[string]string{"r.opt": "import \"a.opt\"\nfn f(u) = u", "a.opt": "fn f(u) = u"}, "", check.Settings{}, "r.opt:2:4: error: f is declared here and imported from a.opt; rename"},
		{"clash of imports", map[string]string{"r.opt": "import \"a.opt\"\nimport \"b.opt\"", "a.opt": "fn f(u) = u", "b.opt": "fn f(u) = u"}, "", check.Settings{}, "r.opt:2:1: error: f is imported from both a.opt and b.opt"},
		{"not through", map[string]string{"r.opt": "import \"a.opt\"\nrule r { x <- fc(x) }", "a.opt": "import \"c.opt\"", "c.opt": "fn fc(u) = u"}, "r", check.Settings{}, "there is no function fc"},
		{"error in an import", map[string]string{"r.opt": "import \"a.opt\"\nrule r { x <- f(x) }", "a.opt": "fn f(u) = u + nothing"}, "r", check.Settings{}, "a.opt:1:15: error: nothing is named nothing here"},
		{"too many files", many, "", check.Settings{}, "more than 64 files are imported"},
		{"no such rule", root(wrapper), "sdg", check.Settings{}, "there is no rule sdg; did you mean `sgd`"},
		{"a fn is no rule", root(wrapper), "f", check.Settings{}, "there is no rule f"},
		{"unknown option", root(wrapper), "sgd", opt("nestrov", "true"), "rule sgd has no hyperparameter or option nestrov; did you mean `nesterov`"},
		{"a mask option", root(wrapper), "sgd", opt("nesterov", "yes"), "option nesterov needs true or false"},
		{"option out of range", root(wrapper), "wrap", opt("n", "12"), "option n = 12 is outside 1..9"},
		{"a fraction", root(wrapper), "wrap", opt("n", "2.5"), "option n must be a whole number in 1..9, not 2.5"},
		{"no number", root(wrapper), "wrap", opt("n", "NaN"), "option n"},
		{"unknown rule in an option", root(wrapper), "wrap", opt("base", "adam"), "option base holds a rule"},
		{"a fn in a rule option", root(wrapper), "wrap", opt("base", "f"), "option base holds a rule, and f is none"},
		{"a rule in its own option", root(wrapper), "wrap", opt("base", "wrap"), "recursion: wrap calls wrap"},
		{"a rule in an option", root(wrapper), "wrap", opt("base", "fixed"), ""},
		{"fixed by an alias", root(wrapper), "fixed", opt("nesterov", "false"), "nesterov is fixed by rule fixed"},
		{"fix outside", root(wrapper), "sgd", fix("lr", 2), `lr = 2 is outside \(0, 1\]`},
		{"fix NaN", root(wrapper), "sgd", fix("lr", nan()), `lr = .* is outside \(0, 1\]`},
		{"fix unknown", root(wrapper), "sgd", fix("rate", 2), "rule sgd has no hyperparameter or option rate"},
		{"fix unknown by an alias", root(wrapper), "fixed", fix("rate", 2), `rule fixed \(sgd\) has no hyperparameter or option rate`},
		{"fix hoisted", root(wrapper), "wrap", fix("lr", 0.5), ""},
		{"fix hoisted outside", root(wrapper), "wrap", fix("lr", 3), `lr = 3 is outside \(0, 1\]`},
		{"exploding", root(doubling(60)), "r", check.Settings{}, "the rule expands to more than 100000 values"},
		{"deep calls", root(nest(300)), "r", check.Settings{}, "calls are nested more than 256 deep"},
		{"calls as deep as may be", root(nest(250)), "r", check.Settings{}, ""},
		{"too many states", root("rule r {\n" + manyStates() + "}"), "r", check.Settings{}, "a rule keeps at most 600 states that are arrays"},
	}
}

func manyStates() string {
	var b strings.Builder
	for i := range 601 {
		fmt.Fprintf(&b, "state s%d = 0\ns%d <- s%d + g*%d\nx <- x - s%d\n", i, i, i, i, i)
	}
	return b.String()
}

// doubling is n functions of which each calls the one before twice, on different values.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString("fn f0(u) = sin(u)\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "fn f%d(u) = f%d(u + %d)*f%d(u - %d)\n", i, i-1, i, i-1, i)
	}
	fmt.Fprintf(&b, "rule r { x <- f%d(x) }\n", n)
	return b.String()
}

// nest is n functions of which each calls the one before.
func nest(n int) string {
	var b strings.Builder
	b.WriteString("fn f0(u) = sin(u)\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "fn f%d(u) = f%d(u) + 1\n", i, i-1)
	}
	fmt.Fprintf(&b, "rule r { x <- f%d(x) - g }\n", n)
	return b.String()
}

func TestUnitCases(t *testing.T) {
	for _, c := range unitCases() {
		diags := c.run()
		switch {
		case c.want == "" && diags.HasErrors():
			t.Errorf("%s: %v", c.name, diags)
		case c.want != "" && (!diags.HasErrors() || !regexp.MustCompile(c.want).MatchString(diags.Error())):
			t.Errorf("%s: want %s, have %v", c.name, c.want, diags)
		}
	}
}

// reporters tells which argument of each function that reports is the message.
var reporters = map[string]int{"errorf": 3, "report": 3, "later": -1, "warnf": 2, "unread": 1}

// TestEveryTextHasACase counts the texts for the user in this package's source, and demands as many cases that say them.
func TestEveryTextHasACase(t *testing.T) {
	texts, sites := errtest.Texts(t, "*.go", reporters)
	var said []errtest.Said
	note := func(diags lang.Diagnostics) {
		for _, d := range diags {
			said = append(said, errtest.Said{Place: fmt.Sprintf("%s:%d", d.File, d.Span.Start.Line), Message: d.Message, Hint: d.Hint})
		}
	}
	paths, _ := filepath.Glob(errorCases)
	for _, path := range paths {
		note(checkCase(t, path))
	}
	for _, c := range unitCases() {
		note(c.run())
	}
	if sites < 120 || len(texts) < sites {
		t.Fatalf("only %d places that report and %d texts found in the source", sites, len(texts))
	}
	derived, failures := errtest.Texts(t, "../derive/*.go", map[string]int{"fail": 1})
	derived = slices.DeleteFunc(derived, func(x errtest.Text) bool { return !x.Whole }) // others are formulas for people
	if failures < 10 || len(derived) != failures {
		t.Fatalf("only %d places where a derivation fails and %d texts", failures, len(derived))
	}
	texts = append(texts, derived...)
	t.Logf("%d places that report, %d texts, %d diagnostics of cases", sites, len(texts), len(said))
	errtest.Covered(t, texts, said)
}
