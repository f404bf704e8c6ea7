package lang

import (
	"errors"
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	long := strings.Repeat("a", 300)
	for name, c := range map[string]struct{ src, want string }{
		"plain": {
			"fn f(x) = 0 < x < 1",
			"f.opt:1:17: error: comparisons do not chain\n    1 | fn f(x) = 0 < x < 1\n      |                 ^\n        hint: write `0 < x and x < 1`\n",
		},
		"tab": {
			"rule a {\n\tif x { }\n}",
			"f.opt:2:2: error: `if` is not a word of the language\n    2 |     if x { }\n      |     ^~\n        hint: write `when`\n",
		},
		"wide": {
			"fn f(損失) = 損失 損失",
			"f.opt:1:15: error: expected an operator or the end of the statement, found `損失`\n    1 | fn f(損失) = 損失 損失\n      |                   ^~~~\n        hint: an operator may be missing before it (a product is written `a*b`)\n",
		},
		"end of line": {
			"rule a {\n  let x\n}",
			"f.opt:2:8: error: the `let` has no value\n    2 |   let x\n      |        ^\n        hint: it is written `let NAME = VALUE`\n",
		},
		"cut": {
			"fn f(x) = " + long + " ? " + long,
			"f.opt:1:312: error: `?` is not part of the language\n    1 | ..." + strings.Repeat("a", 45) + " ? " + strings.Repeat("a", 46) + "...\n      | " + strings.Repeat(" ", 49) + "^\n",
		},
		"bytes": {
			"fn f(x) = \xff\x01",
			"f.opt:1:11: error: byte 0xff is not UTF-8\n    1 | fn f(x) = \ufffd\ufffd\n      |           ^\n        hint: a rule file is UTF-8 text\n",
		},
	} {
		_, ds := Parse("f.opt", []byte(c.src))
		if len(ds) == 0 {
			t.Fatalf("%s: no diagnostic", name)
		}
		if got := ds[0].Render([]byte(c.src), false); got != c.want {
			t.Errorf("%s: got\n%swant\n%s", name, got, c.want)
		}
	}
}

func TestRenderColour(t *testing.T) {
	d := Diagnostic{File: "f", Span: Span{Pos{0, 1, 1}, Pos{2, 1, 3}}, Severity: Warning, Message: "m", Hint: "h"}
	want := "\x1b[1mf:1:1: warning: m\x1b[0m\n    1 | ab\n      | \x1b[1;33m^~\x1b[0m\n        \x1b[1;36mhint:\x1b[0m h\n"
	if got := d.Render([]byte("ab"), true); got != want {
		t.Errorf("got %q", got)
	}
	if got := d.Render(nil, false); !strings.HasPrefix(got, "f:1:1: warning: m\n") {
		t.Errorf("without its source: %q", got)
	}
}

func TestWrite(t *testing.T) {
	at := Span{Pos{3, 2, 1}, Pos{4, 2, 2}}
	ds := Diagnostics{{File: "a,b.opt", Span: at, Message: "50% <wrong>", Hint: "mend"}, {File: "c", Span: at, Severity: Warning, Message: "odd"}}
	sources := map[string][]byte{"a,b.opt": []byte("ab\ncd")}
	for _, c := range []struct {
		format  string
		snippet bool
		want    string
	}{
		{"text", false, "a,b.opt:2:1: error: 50% <wrong>; mend\nc:2:1: warning: odd\n"},
		{"text", true, "a,b.opt:2:1: error: 50% <wrong>\n    2 | cd\n      | ^\n        hint: mend\nc:2:1: warning: odd\n"},
		{"github", true, "::error file=a%2Cb.opt,line=2,col=1::50%25 <wrong>; mend\n::warning file=c,line=2,col=1::odd\n"},
		{"json", true, `[
  {
    "file": "a,b.opt",
    "line": 2,
    "column": 1,
    "endLine": 2,
    "endColumn": 2,
    "severity": "error",
    "message": "50% <wrong>",
    "hint": "mend"
  },
  {
    "file": "c",
    "line": 2,
    "column": 1,
    "endLine": 2,
    "endColumn": 2,
    "severity": "warning",
    "message": "odd"
  }
]
`},
	} {
		var b strings.Builder
		if err := Write(&b, ds, c.format, sources, c.snippet, false); err != nil {
			t.Fatal(err)
		}
		if b.String() != c.want {
			t.Errorf("%s: got\n%s", c.format, b.String())
		}
	}
	var b strings.Builder
	if err := Write(&b, ds, "xml", nil, false, false); err == nil {
		t.Error("an unknown format is no error")
	}
	if err := Write(&b, nil, "json", nil, false, false); err != nil || b.String() != "[]\n" {
		t.Errorf("no diagnostics: %q", b.String())
	}
	for _, format := range []string{"text", "json", "github"} {
		if err := Write(brokenPipe{}, ds, format, nil, false, false); !errors.Is(err, errBroken) {
			t.Errorf("%s: the writer's error is lost", format)
		}
	}
}

var errBroken = errors.New("broken pipe")

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errBroken }

func TestDiagnostics(t *testing.T) {
	place := func(offset int) Span { return Span{Start: Pos{offset, 1, offset + 1}} }
	ds := Diagnostics{
		{File: "b", Span: place(1), Message: "4"}, {File: "a", Span: place(5), Message: "3", Severity: Warning},
		{File: "a", Span: place(2), Message: "1"}, {File: "a", Span: place(2), Message: "2"},
	}
	ds.Sort()
	if got, want := ds.Error(), "a:1:3: error: 1\na:1:3: error: 2\na:1:6: warning: 3\nb:1:2: error: 4"; got != want {
		t.Errorf("got %s", got)
	}
	if ds.Errors() != 3 || !ds.HasErrors() || ds[2:3].HasErrors() {
		t.Error("miscounted")
	}
}

func TestCap(t *testing.T) {
	_, ds := Parse("f", []byte("rule a {\n"+strings.Repeat("let x\n", 5000)+"}"))
	if len(ds) != MaxDiagnostics+1 || ds[MaxDiagnostics].Message != "and 4980 more errors" {
		t.Errorf("%d diagnostics, the last: %v", len(ds), ds[len(ds)-1])
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"beta1", "beta2", "lr", "eps", "weight_decay", "momentum"}
	for word, want := range map[string]string{
		"bta1": "beta1", "beta": "beta1", "beta3": "beta1", "betta2": "beta2", "rl": "lr", "l": "", "esp": "eps",
		"wieght_decay": "weight_decay", "momentun": "momentum", "x": "", "beta1": "beta2", "zzzzz": "", "": "", "gamma": "",
	} {
		if got := Suggest(word, known); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
