package codegen_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/optc-lang/optc/codegen/gosrc"
	"github.com/optc-lang/optc/codegen/target"
)

// TestStepsAllocateNothing takes steps of every rule of the library, by one worker and by several, in a program that does
// nothing else: after the first ones no step allocates memory or starts a goroutine.
func TestStepsAllocateNothing(t *testing.T) {
	if os.Getenv(archVariable) != "" {
		t.Skip("of this machine's own architecture: what is emulated allocates as well")
	}
	m := open(t)
	text, rules := m.still()
	path := filepath.Join(m.dir, "still", "main.go")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(m.dir, "still", "program")
	m.goCommand(t, nil, "build", "-trimpath", "-o", program, "./still")
	cmd := exec.Command(program)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d rules of float32, %d of float64\n", rules, rules); string(out) != want || rules == 0 {
		t.Errorf("%swant %s", out, want)
	}
}

// still is a program around internal/cost, and how many rules it is of.
func (m *module) still() (string, int) {
	var b, single, double strings.Builder
	b.WriteString("package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\n\t\"github.com/optc-lang/optc/internal/cost\"\n\toptrt \"github.com/optc-lang/optc/runtime\"\n\n")
	rules := 0
	for _, p := range m.packages {
		if !strings.HasPrefix(p.name, "library") {
			continue
		}
		fmt.Fprintf(&b, "\t%q\n", modulePath+"/"+p.name)
		for _, r := range p.rules {
			fmt.Fprintf(&single, "\t\t%s.%sRule(),\n", p.name, gosrc.TypeName(r.Name, target.F32))
			fmt.Fprintf(&double, "\t\t%s.%sRule(),\n", p.name, gosrc.TypeName(r.Name, target.F64))
			rules++
		}
	}
	fmt.Fprintf(&b, ")\n\nfunc main() {\n\tsingle := cost.Still[float32](os.Stdout, []*optrt.Rule{\n%s\t}, 1, 2, 5)\n", single.String())
	fmt.Fprintf(&b, "\tdouble := cost.Still[float64](os.Stdout, []*optrt.Rule{\n%s\t}, 2)\n", double.String())
	b.WriteString("\tfmt.Printf(\"%d rules of float32, %d of float64\\n\", single, double)\n}\n")
	return b.String(), rules
}
