package lang

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestLimits: what is exactly as large as a limit allows parses, formats and can be walked;
// one more is an error that names the limit.
func TestLimits(t *testing.T) {
	const nested, operators = "nested deeper than 256 levels", "more than 10000 operators in one statement"
	nest := func(open, middle, end string, extra int) func(int) string {
		return func(n int) string {
			n -= extra
			return "fn f(x) = " + strings.Repeat(open, n) + middle + strings.Repeat(end, n)
		}
	}
	whens := func(n int) string {
		return "rule r {\n" + strings.Repeat("when a {\n", n-1) + "x <- 1" + strings.Repeat("\n}", n)
	}
	elses := func(n int) string {
		return "rule r {\nwhen a {}" + strings.Repeat("\nelse when a {}", n-2) + "\n}"
	}
	for name, c := range map[string]struct {
		text  func(int) string
		limit int
		want  string
	}{
		"parentheses": {nest("(", "x", ")", 0), MaxNesting, nested},
		"indices":     {nest("a[", "x", "]", 0), MaxNesting, nested},
		"calls":       {nest("f'(", "x", ")", 0), MaxNesting, nested},
		"minuses":     {nest("-", "x", "", 0), MaxNesting, nested},
		"spaced":      {nest("- ", "x", "", 0), MaxNesting, nested},
		"nots":        {nest("not ", "x", "", 0), MaxNesting, nested},
		"powers":      {nest("x^", "x", "", 0), MaxNesting, nested},
		"transposes":  {nest("", "x", "'", 0), MaxNesting, nested},
		"subscripts":  {nest("", "x", "[0]", 0), MaxNesting, nested},
		"whens":       {whens, MaxNesting, nested},
		"elses":       {elses, MaxNesting, nested},
		"sum":         {nest("x + ", "x", "", 0), MaxOperators, operators},
		"products":    {nest("", "x", "*x", 0), MaxOperators, operators},
		"ands":        {nest("x and ", "x", "", 0), MaxOperators, operators},
	} {
		checkFormat(t, parseClean(t, c.text(c.limit)))
		f, ds := Parse(name, []byte(c.text(c.limit+1)))
		if len(ds) != 1 || ds[0].Message != c.want {
			t.Errorf("%s: %v, want %s", name, ds, c.want)
		}
		if len(f.Decls) != 0 {
			t.Errorf("%s: the tree holds what was refused", name)
		}
	}
}

// TestMixedNesting: brackets and chains within them are counted together.
func TestMixedNesting(t *testing.T) {
	for _, piece := range []string{"-(", "(not ", "x^-(", "f(-", "a[x^"} {
		_, ds := Parse("mixed", []byte("fn f(x) = "+strings.Repeat(piece, 250)+"x"))
		if len(ds) != 1 || !strings.HasPrefix(ds[0].Message, "nested deeper") {
			t.Errorf("%s: %v", piece, ds)
		}
	}
}

// TestRefusedDeclaration: a declaration over a limit hides none of the others.
func TestRefusedDeclaration(t *testing.T) {
	f, ds := Parse("r", []byte("fn a() = 1\nfn b() = "+strings.Repeat("(", 300)+"\nfn c() = 2\nfn d() =\nfn e() = 3"))
	if got, want := dump(f), "(fn a (vars) (params) 1)\n(fn c (vars) (params) 2)\n(fn e (vars) (params) 3)"; got != want || len(ds) != 2 {
		t.Errorf("got %s\n%v", got, ds)
	}
}

// TestHostileFiles: files as large as the limit allows, of one piece over and over, end with a
// result, and no recursion runs as deep as they are long.
func TestHostileFiles(t *testing.T) {
	pieces := []string{
		"(", "[", "{", ")", "}", "-", "- ", "not ", "x^", "x'", "'", "\"", "\\", "\"\\", "//", "///\n", "\n", ";", ",", "x ", "x+", "1", "1.", "e",
		"\x00", "\xff", "é", "?", "when a {\n", "when a {} else ", "else ", "} else {", "{ ) ", "( } ", "fn ", "fn f(", "fn f(x) = x\n", "rule a {\n",
		"x <- 1\n", "x[", "f(;", "f(x per [", "import \"", "hyper a = 1 in (", "<-", "x < ", "0..", "repeat i in ", "\t", "\r", "\ufeff",
	}
	if testing.Short() {
		pieces = pieces[:12]
	}
	for _, prefix := range []string{"", "rule a {\n", "fn f(x) = "} {
		for _, piece := range pieces {
			n := (MaxFileSize - len(prefix)) / len(piece)
			if !hostileInFull[prefix+piece] {
				n /= 32
			}
			src := []byte(prefix + strings.Repeat(piece, n))
			f, ds := Parse("hostile", src)
			if len(ds) > MaxDiagnostics+1 {
				t.Errorf("%q: %d diagnostics", piece, len(ds))
			}
			for _, d := range ds {
				if text := d.Render(src, false); len(text) > 2000 {
					t.Errorf("%q: a rendering of %d bytes", piece, len(text))
				}
			}
			if len(ds) == 0 {
				checkFormat(t, f)
			}
		}
	}
}

// hostileInFull are what is worth a whole mebibyte; the rest are shown a part of it.
var hostileInFull = map[string]bool{"(": true, "fn f(x) = - ": true, "\"": true, "\x00": true, "rule a {\nx <- 1\n": true}

// TestRandomTokens: no sequence of tokens makes the parser panic or the formatter lie.
func TestRandomTokens(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	words := []string{"x", "g", "1", "0.5", "\"s\"", "\n", "\n", ";", "{", "}", "(", ")", "[", "]", ",", "..", "=", "<-", "'", "// c\n", "/// d\n",
		"fn", "\nfn f(", "\nrule r {\n", "of", "one", "load", "grad", "hvp", "import", "bf16"}
	for op := range infix {
		words = append(words, op)
	}
	for word := range reserved {
		words = append(words, word)
	}
	for range 5000 {
		var b strings.Builder
		if r.IntN(2) == 0 {
			b.WriteString("rule r {\n")
		}
		for range r.IntN(60) {
			b.WriteString(words[r.IntN(len(words))])
			if r.IntN(4) > 0 {
				b.WriteByte(' ')
			}
		}
		if f, ds := Parse("random", []byte(b.String())); len(ds) == 0 {
			checkFormat(t, f)
		}
	}
}
