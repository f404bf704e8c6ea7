package page

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/stdlib"
)

// pageOf is a page with something in every part.
func pageOf(t *testing.T, u *check.Unit, file, name string) *Page {
	t.Helper()
	b, err := Build(u, file, name, Settings{})
	if err != nil {
		t.Fatal(err)
	}
	p := &Page{Name: name, Doc: b.Doc, Box: b, Source: "rule " + name + " {\n}\n", Step: "a step\n  pass 1\n",
		Options: []OptionRow{{"o", "v", "a, b", b.Doc}}, States: []StateRow{{"m", "elem", "that of x", "float", "0", "4", "8"}},
		Costs: []Cost{{"all", [][3]string{{"bytes", "1", "2"}}}}, Usage: []Code{{"Then", "go", "x := 1\n"}},
		Givens: [][3]string{{"h", "one", "every step"}}}
	for _, h := range b.Hypers {
		p.Hypers = append(p.Hypers, HyperRow{h.Name, h.Default, h.Interval, b.Doc})
	}
	p.Derived = []Derivation{{"prox(P, v; step = s)", b.Doc, []Case{{"u", parsed("0"), nil, ""}, {"u", parsed("v - 1"), parsed("v > 1"), ""}, {Text: "..."}}}}
	return p
}

// Pages of every rule of the library are sound in every format, and the same when they are made again.
func TestLibraryPages(t *testing.T) {
	u, diags := compiler.Library(stdlib.FS)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, name := range u.Rules() {
		for f, check := range soundness {
			data := pageOf(t, u, "", name).Render(f)
			check(t, name, string(data))
			if !bytes.Equal(data, pageOf(t, u, "", name).Render(f)) {
				t.Errorf("%s: the page differs from time to time", name)
			}
		}
	}
}

var soundness = map[Format]func(*testing.T, string, string){HTML: soundHTML, LaTeX: soundLaTeX, Markdown: soundMarkdown}

// elements are all that a page may hold: no script, and nothing that asks another host or file for anything.
var elements = strings.Fields(`html head meta title style body main h1 h2 p code pre div span strong table thead tbody tr th td a
	math mrow mi mn mo mtext mspace mfrac msqrt mroot msub msup msubsup mover mtable mtr mtd`)

var outside = regexp.MustCompile(`(?i)https?:|url\(|@import|src=|<script|="javascript:|\son[a-z]+=`)

func soundHTML(t *testing.T, name, page string) {
	t.Helper()
	body, ok := strings.CutPrefix(page, "<!DOCTYPE html>\n")
	if !ok {
		t.Errorf("%s: it does not say that it is HTML", name)
	}
	text, names := parseXML(t, name, body)
	for _, n := range names {
		if !slices.Contains(elements, n) {
			t.Errorf("%s: it holds <%s>", name, n)
		}
	}
	tags := regexp.MustCompile(`>[^<]*<`).ReplaceAllString(body, "><")
	if found := outside.FindString(tags); found != "" {
		t.Errorf("%s: it holds %q", name, found)
	}
	if strings.Contains(text, `\frac`) || strings.Contains(page, "Algorithm 1") != slices.Contains(names, "math") {
		t.Errorf("%s: its formulas are no MathML", name)
	}
}

var environment = regexp.MustCompile(`\\(begin|end)\{([a-z]+)\}`)

// soundLaTeX holds that braces, environments and dollars balance, and that only known commands stand in the body.
func soundLaTeX(t *testing.T, name, doc string) {
	t.Helper()
	_, body, ok := strings.Cut(doc, `\begin{document}`)
	if !ok || !strings.HasSuffix(body, "\\end{document}\n") {
		t.Fatalf("%s: it is no document", name)
	}
	body = strings.TrimSuffix(body, "\\end{document}\n")
	var open []string
	for _, m := range environment.FindAllStringSubmatch(body, -1) {
		if m[1] == "begin" {
			open = append(open, m[2])
		} else if len(open) == 0 || open[len(open)-1] != m[2] {
			t.Fatalf("%s: \\end{%s} ends nothing", name, m[2])
		} else {
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("%s: %v are open at the end", name, open)
	}
	depth, math := 0, 0 // math is the depth at which a formula began, plus one
	plainBody := regexp.MustCompile(`\\[^a-zA-Z]`).ReplaceAllString(body, "")
	for i, r := range plainBody {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
		case '$':
			if math > 0 && math != depth+1 {
				t.Fatalf("%s: a formula ends within other braces: %s", name, plainBody[max(0, i-60):i+1])
			}
			math = map[bool]int{true: 0, false: depth + 1}[math > 0]
		case '_', '^':
			if math == 0 {
				t.Fatalf("%s: a script outside a formula: %s", name, plainBody[max(0, i-60):i+1])
			}
		case '#', '%':
			t.Fatalf("%s: a bare %c: %s", name, r, plainBody[max(0, i-60):i+1])
		}
		if depth < 0 {
			t.Fatalf("%s: a brace too many: %s", name, plainBody[max(0, i-60):i+1])
		}
	}
	if depth != 0 || math != 0 {
		t.Errorf("%s: %d braces are open, formula %d", name, depth, math)
	}
	for _, c := range regexp.MustCompile(`\\[a-zA-Z]+`).FindAllString(body, -1) {
		if !known[c] && greekLetters[c] == "" && marks[c] == "" && bigs[c] == "" && !functions[c] {
			t.Errorf("%s: the command %s", name, c)
		}
	}
}

var known = func() map[string]bool {
	m := map[string]bool{}
	for _, c := range strings.Fields(`\section \subsection \texttt \textbf \displaystyle \allowbreak \footnotesize \ttfamily \raggedright \raggedleft \setlength
		\parskip \tabcolsep \hangindent \noindent \mbox \par \small \begin \end \arraybackslash \linewidth \hline \endhead \require \step \mathrm \mathit
		\mathcal \mathbf \text \operatorname \frac \sqrt \hat \bar \left \right \langle \rangle \lfloor \rfloor \lceil \rceil \ensuremath \div
		\textbackslash \textasciicircum \textasciitilde \textless \textgreater \textbar \textquotedbl \textasciigrave`) {
		m[c] = true
	}
	return m
}()

// soundMarkdown holds that tables have their columns in every row, that formulas and code are closed, and that no text is
// taken for HTML.
func soundMarkdown(t *testing.T, name, page string) {
	t.Helper()
	columns, fence := 0, ""
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if fence != "" {
			if line == fence {
				fence = ""
			}
			continue
		}
		if rest := strings.TrimLeft(line, "`"); len(line)-len(rest) >= 3 && !strings.Contains(rest, "`") {
			fence = line[:len(line)-len(rest)]
			continue
		}
		bars := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if strings.HasPrefix(line, "|") {
			if columns == 0 {
				columns = bars
			}
			if bars != columns {
				t.Errorf("%s: %d bars, not %d: %s", name, bars, columns, line)
			}
		} else if columns = 0; bars > 0 {
			t.Errorf("%s: a bar outside a table: %s", name, line)
		}
		text := withoutCode(line)
		if strings.ContainsAny(text, "`$<>") {
			t.Errorf("%s: code, formula or HTML is open: %s", name, line)
		}
	}
	if fence != "" {
		t.Errorf("%s: a block of code is open", name)
	}
}

// withoutCode drops code and formulas from a line, as CommonMark finds them: from a run of backticks to the next of its
// length; what a backslash stands before is text.
func withoutCode(line string) string {
	var out strings.Builder
	for line != "" {
		switch {
		case line[0] == '\\' && len(line) > 1:
			line = line[2:]
			continue
		case line[0] != '`':
			out.WriteByte(line[0])
			line = line[1:]
			continue
		}
		rest := strings.TrimLeft(line, "`")
		ticks := line[:len(line)-len(rest)]
		found := false
		for i := 0; i < len(rest) && !found; {
			n := len(rest[i:]) - len(strings.TrimLeft(rest[i:], "`"))
			if found = n == len(ticks); found {
				rest = rest[i+n:]
			}
			i += max(n, 1)
		}
		if !found {
			out.WriteString(ticks)
		}
		line = rest
	}
	return strings.ReplaceAll(out.String(), "$$", "") // the marks of formulas, which are code between dollars
}

// hostile is text that each format would take for its own.
const hostile = "</script><script>alert(1)</script> & $x$ \\end{document} `code` ``` | pipe *bold* _it_ [a](b) <b> ]]> # \x01 ± 中 ~ ^ % {x} \" ' --"

// A rule whose documentation, patterns and names mean harm has a page that is as sound as any.
func TestHostile(t *testing.T) {
	src := "/// " + hostile + "\nrule evil_ß_中 {\n  /// " + hostile + "\n  hyper weight_中 = 1 in (0, inf)\n  option mode = one of (a, b)\n" +
		"  when named(\"</mtext>|`$\\\\\\\"&{}_^\") { x <- x - weight_中*g }\n  when mode == b { x <- x/2 }\n}\n"
	u, diags := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(src)}}, "r.opt", stdlib.FS)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	name := u.Rules()[0]
	for f, check := range soundness {
		p := pageOf(t, u, "r.opt", name)
		p.Doc, p.Source, p.Step = hostile+"\n\n# head\n\n1. item\n\n- item\n\n```\n\n"+hostile, src+"```\n````\n", hostile
		p.Costs[0].Which, p.Usage[0].Text = hostile, hostile
		p.States[0].Name, p.States[0].Initial, p.Options[0].Value = hostile, hostile, hostile
		p.Derived[0].Call, p.Derived[0].Is, p.Derived[0].Cases[2].Text = hostile, hostile, hostile
		data := string(p.Render(f))
		check(t, string(f), data)
		check(t, string(f), string(Index(f, hostile, []Entry{{hostile, "a b/\"<>.html", hostile}, {"javascript:x", "javascript:x", "-"}})))
		if strings.Contains(data, "\x01") {
			t.Errorf("%s: a control character", f)
		}
	}
}

// What a text says is on the page, whatever its characters.
func TestTextSurvives(t *testing.T) {
	u, _ := compiler.Library(stdlib.FS)
	p := pageOf(t, u, "", "sgd")
	p.Doc = "a<b>c & d_e*f `g` $h$ i\\j"
	text, _ := parseXML(t, "sgd", strings.TrimPrefix(string(p.Render(HTML)), "<!DOCTYPE html>\n"))
	if !strings.Contains(text, p.Doc) {
		t.Errorf("HTML shows no %q", p.Doc)
	}
	if s, want := string(p.Render(Markdown)), "a&lt;b&gt;c &amp; d\\_e\\*f \\`g\\` \\$h\\$ i\\\\j"; !strings.Contains(s, want) {
		t.Errorf("Markdown has no %q", want)
	}
	p.Doc = "# no heading\n\n1. no list\n\n- nor this\n\n: nor this"
	if s, want := string(p.Render(Markdown)), "\\# no heading\n\n1\\. no list\n\n\\- nor this\n\n\\: nor this\n"; !strings.Contains(s, want) || !strings.Contains(s, "| &emsp;$`") {
		t.Errorf("Markdown has no %q, or no indented line", want)
	}
	p.Doc = "a<b>c & d_e*f `g` $h$ i\\j"
	if s, want := string(p.Render(LaTeX)), `a\textless{}b\textgreater{}c \& d\_e*f \textasciigrave{}g\textasciigrave{} \$h\$ i\textbackslash{}j`; !strings.Contains(s, want) {
		t.Errorf("LaTeX has no %q", want)
	}
}

// A formula as deep and as long as the language admits has a page, and in time.
func TestLargeFormula(t *testing.T) {
	for _, e := range []string{
		strings.Repeat("(", 200) + "x" + strings.Repeat(" + 1)", 200),
		"x" + strings.Repeat(" + x*g", 4000),
		strings.Repeat("sqrt(", 200) + "x" + strings.Repeat(")", 200),
		strings.Repeat("where(x > 0, g, ", 100) + "x" + strings.Repeat(")", 100),
	} {
		src := "rule r { x <- " + e + " }\n"
		file, diags := lang.Parse("r.opt", []byte(src))
		if diags.HasErrors() || len(file.Decls) != 1 {
			t.Fatal(diags)
		}
		u, diags := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(src)}}, "r.opt", stdlib.FS)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for f, check := range soundness {
			check(t, string(f), string(pageOf(t, u, "r.opt", "r").Render(f)))
		}
	}
}

// Calls that multiply are bounded, and what is not inlined is called.
func TestBounds(t *testing.T) {
	var src strings.Builder
	src.WriteString("fn f0(u) {\n  state s = 0\n  s <- s + u\n  return s\n}\n")
	for i := range 12 {
		src.WriteString(strings.NewReplacer("I", string(rune('a'+i)), "J", map[bool]string{true: "f0", false: "f" + string(rune('a'+i-1))}[i == 0]).
			Replace("fn fI(u) = J(u) + J(2*u)\n"))
	}
	src.WriteString("rule r { x <- x - fl(g) }\n")
	u, diags := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(src.String())}}, "r.opt", stdlib.FS)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	p := pageOf(t, u, "r.opt", "r")
	if n := len(p.Box.Lines); n > 2*maxInlined || n < 10 || len(p.Box.Where) == 0 {
		t.Errorf("%d lines, %d definitions", n, len(p.Box.Where))
	}
	for f, check := range soundness {
		check(t, string(f), string(p.Render(f)))
	}
}

// Random rules over the whole language have sound pages.
func TestRandomPages(t *testing.T) {
	made := 0
	for seed := range uint64(60) {
		text := randrule.Text("r", seed)
		u, diags := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", stdlib.FS)
		if diags.HasErrors() {
			t.Fatalf("%v:\n%s", diags, text)
		}
		p := pageOf(t, u, "r.opt", "r")
		for f, check := range soundness {
			check(t, text, string(p.Render(f)))
		}
		made++
	}
	if made < 60 {
		t.Errorf("%d pages", made)
	}
}
