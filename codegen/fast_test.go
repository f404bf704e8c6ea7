package codegen_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/codegen"
	"github.com/optc-lang/optc/codegen/gosrc"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/agree"
)

// fastBounds are how far fast math may take a parameter of float32 from where strict math does, as agree.Difference has it:
// after one step, and after 100 on random gradients.
var fastBounds = agree.Difference{First: 2e-6, Last: 2e-6}

// fastRules are the rules that are measured.
var fastRules = []string{"adabelief", "adafactor", "adagrad", "adam", "adamax", "adamw", "lamb", "lion", "rmsprop", "sgd"}

// TestFastLibrary measures what fast math changes in rules of the library, on all engines.
func TestFastLibrary(t *testing.T) {
	if os.Getenv(archVariable) != "" {
		t.Skip("the processor's own engines are measured")
	}
	m := fastModule(t)
	m.goCommand(t, nil, "build", "-trimpath", "-o", "apart", ".")
	cmd := exec.Command(filepath.Join(m.dir, "apart"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var report map[string]agree.Difference
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(err)
	}
	changed := 0
	for _, name := range fastRules {
		d, measured := report[name]
		switch {
		case !measured || d.Failure != "":
			t.Errorf("%s: not measured: %s", name, d.Failure)
		case d.First > fastBounds.First || d.Last > fastBounds.Last:
			t.Errorf("%s: %.2g and %.2g apart after 1 and 100 steps, want at most %.2g and %.2g", name, d.First, d.Last, fastBounds.First, fastBounds.Last)
		}
		if d.Changed {
			changed++
		}
		t.Logf("%-24s %.1e %.1e", name, d.First, d.Last)
	}
	if changed < len(fastRules)/2 {
		t.Errorf("fast math changes %d of %d rules", changed, len(fastRules))
	}
}

// fastModule is a program that measures the rules of the library under both kinds of math.
func fastModule(t *testing.T) *module {
	t.Helper()
	m := &module{dir: t.TempDir()}
	for _, math := range []string{compiler.Strict, compiler.Fast} {
		var cases []agree.Rule
		for _, name := range fastRules {
			cases = append(cases, agree.Rule{Name: name, Rule: name, Settings: compiler.Settings{Math: math}})
		}
		m.add(math, cases)
	}
	for _, p := range m.packages {
		if err := p.compile(); err != nil {
			t.Fatal(err)
		}
		var err error
		if p.files, err = codegen.Emit(target.Request{Package: p.name, Base: p.name, Source: p.name + ".opt", Version: "test",
			Rules: p.rules, DTypes: []target.DType{target.F32}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.write(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, "main.go"), []byte(m.pairs()), 0o644); err != nil {
		t.Fatal(err)
	}
	return m
}

// pairs is the program's list of rules.
func (m *module) pairs() string {
	var b strings.Builder
	b.WriteString("package main\n\nimport (\n\t\"github.com/optc-lang/optc/internal/agree\"\n\n")
	where := map[string]string{}
	var names []string
	for _, p := range m.packages {
		fmt.Fprintf(&b, "\t%q\n", modulePath+"/"+p.name)
		for i, c := range p.cases {
			where[c.Settings.Math+c.Rule] = fmt.Sprintf("%s.%sRule()", p.name, gosrc.TypeName(p.rules[i].Name, target.F32))
			names = append(names, c.Rule)
		}
	}
	slices.Sort(names)
	b.WriteString(")\n\nfunc main() {\n\tagree.ApartMain([]agree.Pair{\n")
	for _, name := range slices.Compact(names) {
		fmt.Fprintf(&b, "\t\t{Rule: agree.Rule{Name: %q, Rule: %q, F32: %s}, Fast: %s},\n", name, name, where[compiler.Strict+name], where[compiler.Fast+name])
	}
	b.WriteString("\t})\n}\n")
	return b.String()
}
