package main

import (
	"bytes"
	"flag"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/codegen"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/page"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/stdlib"
)

var updatePages = flag.Bool("update", false, "rewrite the pages in testdata/golden/doc")

// The pages of some rules, to be read.
func TestDocGolden(t *testing.T) {
	u := openLibrary()
	for _, file := range []string{"adamw.md", "adamw.html", "adamw.tex", "muon.md", "muon.html", "sam.md", "sam.html", "lbfgs.md", "adafactor.md"} {
		name, format, _ := strings.Cut(file, ".")
		p, err := docPage(newConsole(), u, name, compiler.Settings{}, "")
		if err != nil {
			t.Fatal(err)
		}
		got, path := p.Render(page.Format(format)), filepath.Join("..", "..", "testdata", "golden", "doc", file)
		if *updatePages {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs; go test ./cmd/optc -run DocGolden -update rewrites it", path)
		}
	}
}

// withInputs has what no rule of the library has: inputs of a step and of the optimizer, a loss, and a name beyond ASCII.
const withInputs = `rule inputs {
  hyper β1 = 0.9 in [0, 1)
  hyper bound = inf in (0, inf]
  given mask
  given scale per tensor
  given start = load
  probe f = loss at x - g
  x <- x - mask*scale*min(β1*loss*f, bound)*(g + start)
}
`

// The Go code on a page compiles with the code that optc generates for the rule.
func TestDocUsage(t *testing.T) {
	u := openLibrary()
	own := &unit{file: "inputs.opt"}
	own.Unit, own.diags = compiler.Load(fstest.MapFS{"inputs.opt": {Data: []byte(withInputs)}}, "inputs.opt", stdlib.FS)
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "source", nil)
	check := func(u *unit, name string) {
		r, err := u.compile(newConsole(), name, compiler.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		outputs, err := codegen.Emit(target.Request{Package: "p", Base: name, Source: name, Rules: []*compiler.Rule{r}, DTypes: []target.DType{target.F32}})
		if err != nil {
			t.Fatal(err)
		}
		pieces := usage(u, r, "")
		_, head, ok := strings.Cut(pieces[0].Text, "\n\n")
		if !ok || !strings.HasPrefix(pieces[0].Text, "//go:generate go tool optc build ") {
			t.Errorf("%s: %s", name, pieces[0].Text)
		}
		// What the code takes from around it, and what it leaves to its surroundings.
		code := "package p\n" + head + `
func use(w, b, gradW, gradB []float32, loss float64, closure optrt.Closure[float32], mask, start [][]float32, scale []float64) {
` + strings.ReplaceAll(pieces[1].Text, "...\n", "") + "\n_, _ = opt, err\n"
		if strings.Contains(code, "point, err :=") {
			code += "_ = point\n"
		}
		var files []*ast.File
		for name, text := range map[string]string{"use.go": code + "}\n", outputs[0].Name: string(outputs[0].Data)} {
			file, err := parser.ParseFile(fset, name, text, 0)
			if err != nil {
				t.Fatalf("%v:\n%s", err, text)
			}
			files = append(files, file)
		}
		var first error
		conf := types.Config{Importer: imports, Error: func(err error) {
			if first == nil && strings.Contains(err.Error(), "use.go") {
				first = err
			}
		}}
		conf.Check("p", fset, files, nil) // functions in assembly are declared in other files
		if first != nil {
			t.Errorf("%s: %v:\n%s", name, first, code)
		}
	}
	for _, name := range u.Rules() {
		check(u, name)
	}
	check(own, "inputs")
}

// Every state of the library has the first value that its declaration gives it.
func TestDocInitial(t *testing.T) {
	u := openLibrary()
	for _, c := range []struct{ rule, state, want string }{
		{"adam", "m", "0"}, {"schedule_free_adamw", "z", "x"}, {"dadapt_adam", "d", "d0"}, {"soap", "lv", "eigvecs(-l)"},
		{"lookahead", "slow", "x"}, {"adagrad", "s", "initial"}, {"dog", "r", "first_move*(1 + norm(x per model))"},
	} {
		p, err := docPage(newConsole(), u, c.rule, compiler.Settings{}, "")
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, s := range p.States {
			if s.Name == c.state {
				found = true
				if s.Initial != c.want {
					t.Errorf("%s: %s starts from %s, want %s", c.rule, c.state, s.Initial, c.want)
				}
			}
		}
		if !found {
			t.Errorf("%s has no state %s: %v", c.rule, c.state, p.States)
		}
	}
}

// What the compiler derives is on the page, each call once: its cases as formulas, what does not parse as it is.
func TestDocDerivation(t *testing.T) {
	const src = `fn l1(u; lambda) = lambda*abs(u)
rule r {
  hyper lr = 1e-3 in (0, inf)
  x <- prox(l1(; lambda = 0.1), x - lr*g; step = lr)
}
`
	u := &unit{file: "r.opt"}
	u.Unit, u.diags = compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(src)}}, "r.opt", stdlib.FS)
	p, err := docPage(newConsole(), u, "r", compiler.Settings{}, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Derived) != 1 || p.Derived[0].Call != "prox(l1(; lambda = 0.1), x - lr*g; step = lr)" || len(p.Derived[0].Cases) != 2 {
		t.Fatalf("%+v", p.Derived)
	}
	if c := p.Derived[0].Cases[0]; c.Value == nil || c.Name+" = "+lang.FormatExpr(c.Value) != "u = w - 0.1*lr" || c.When == nil {
		t.Errorf("%+v", c) // soft thresholding
	}
	page := string(p.Render(page.Markdown))
	if !strings.Contains(page, "## Derived") || !strings.Contains(page, `w-0.1\,\eta`) {
		t.Error(page)
	}
	for formula, parses := range map[string]bool{"u = a + b": true, "u = ...": false, "by Newton's method": false, "u = ": false, "u = a +": false} {
		c := derivedFormula(derivedCase{Formula: formula, Where: "where u > 0"})
		if (c.Value != nil) != parses || !strings.Contains(c.Text, strings.TrimSpace(formula)) {
			t.Errorf("%s: %+v", formula, c)
		}
	}
}

func TestDocFileClash(t *testing.T) {
	if err := distinctFiles([]string{"a", "b", "indexes"}); err != nil {
		t.Error(err)
	}
	for _, names := range [][]string{{"index"}, {"Index"}, {"a", "b", "A"}} {
		if err := distinctFiles(names); err == nil || !strings.Contains(err.Error(), "rename") {
			t.Errorf("%v: %v", names, err)
		}
	}
}
