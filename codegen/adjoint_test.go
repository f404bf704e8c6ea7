package codegen_test

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/codegen"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/agree"
	"github.com/optc-lang/optc/stdlib"
)

// sometimes computes products of matrices only where their branch is taken; so must its adjoint, and read them nowhere else.
const sometimes = `rule sometimes {
  hyper lr = 0.1 in (0, inf)
  state m = 0
  m <- 0.9*m + g
  let u = m
  when sum(g) > 0 { u <- m@(x'@m) }
  x <- x - lr*u
}
`

// TestAdjointsAgree holds the engines to the interpreter for adjoints: elementwise, with reductions, with products and roots
// of matrices.
func TestAdjointsAgree(t *testing.T) {
	names := []string{"sgd", "adam", "lion", "lamb", "sometimes"}
	if !testing.Short() {
		names = append(names, "shampoo")
	}
	if *full {
		names = append(names, "muon")
	}
	p := &generated{name: "adjoints"}
	for _, name := range names { // beside each its rule, whose type it names
		c := agree.Rule{Name: name, Rule: name, Brief: true}
		if name == "sometimes" {
			c.Text = sometimes
		}
		adjoint := c
		adjoint.Name, adjoint.Settings = name+"_adjoint", compiler.Settings{Adjoint: true}
		p.cases = append(p.cases, c, adjoint)
	}
	m := &module{packages: []*generated{p}, dir: t.TempDir()}
	if err := m.generate(); err != nil {
		t.Fatal(err)
	}
	if err := m.write(); err != nil {
		t.Fatal(err)
	}
	enough(t, run(t, m.build(t, ""), agree.Compare, size()))
}

// TestAdjointDoc holds the documentation of generated adjoints to the rule: it names each derivative where it belongs, and
// calls what there is as it is declared.
func TestAdjointDoc(t *testing.T) {
	for _, c := range []struct {
		text                    string
		carried, given, example string
		step                    string
		hessian                 bool
	}{
		{"rule r { x <- x }", "", "", "", "back.Step(kept[t], at)", false},
		{"rule r {\n x <- x - g\n}", "", "g_bar", "g_bar", "back.Step(kept[t], at)", true},
		{"rule r {\n hyper lr = 1 in (0, inf)\n hyper h = 1 in (0, inf)\n state m = 0\n m <- h*m + g\n x <- x - lr*m\n}", "m_bar", "g_bar, lr_bar, h_bar", "lr_bar",
			"back.Step(kept[t], at)", true},
		{"rule r {\n hyper h = 1 in (0, inf)\n given q\n x <- x - h*loss*q\n}", "", "loss_bar, h_bar", "h_bar", "back.Step(kept[t], loss[t], at)", false},
		{"rule r {\n state s[40] = 0\n s <- push(s, g)\n x <- x - s[39]\n}", "s_0_bar, s_1_bar, s_2_bar", "g_bar", "g_bar", "back.Step(kept[t], at)", true},
	} {
		u, diags := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(c.text)}}, "r.opt", stdlib.FS)
		if diags.HasErrors() {
			t.Fatal(c.text, diags)
		}
		var rules []*compiler.Rule
		for _, adjoint := range []bool{false, true} {
			r, diags, err := compiler.Compile(u, "r", compiler.Settings{Adjoint: adjoint})
			if r == nil {
				t.Fatal(c.text, diags, err)
			}
			rules = append(rules, r)
		}
		out, err := codegen.Emit(target.Request{Package: "p", Base: "r", Source: "r.opt", Rules: rules, DTypes: []target.DType{target.F64}})
		if err != nil {
			t.Fatal(c.text, err)
		}
		src := string(out[0].Data)
		doc := regexp.MustCompile(`(?m)(?:^//.*\n)+type RAdjoint64 struct`).FindString(src)
		flat := strings.NewReplacer("\n// ", " ", "\n//\n// ", "\n\n").Replace(doc)
		has := func(text string, want bool) {
			t.Helper()
			if strings.Contains(flat, text) != want {
				t.Errorf("%s: %q is there: %v\n%s", c.text, text, !want, doc)
			}
		}
		has("are the states "+c.carried, c.carried != "")
		has("this one step was given are "+c.given+".", c.given != "")
		has("StateValue("+`"`+c.example+`")`, c.example != "")
		has(c.step, true)
		has("H·g_bar", c.hessian)
		for _, name := range []string{"RecordR64(", "NewRAdjoint64(", "DefaultRAdjointHyper("} {
			has(name, true)
			if !strings.Contains(src, "func "+name) {
				t.Errorf("%s: there is no %s", c.text, name)
			}
		}
		for line := range strings.Lines(doc) {
			if len(line) > 125 && !strings.HasPrefix(line, "//\t") {
				t.Errorf("%s: a line of %d: %s", c.text, len(line), line)
			}
		}
	}
}
