package codegen_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/internal/agree"
)

// TestEnginesAgree holds every engine to the interpreter, bit by bit, for every rule of the library, for random rules
// and for those that have failed before.
func TestEnginesAgree(t *testing.T) {
	m := open(t)
	for _, p := range m.packages {
		if strings.HasPrefix(p.name, "random") {
			t.Logf("%s: %s to %s", p.name, p.cases[0].Name, p.cases[len(p.cases)-1].Name)
		}
	}
	rep := run(t, m.build(t, ""), agree.Compare)
	enough(t, rep)
	if !*full {
		return
	}
	for _, other := range []struct {
		tags string
		env  []string
	}{{"purego", nil}, {"", []string{"GOAMD64=v3"}}, {"purego", []string{"GOAMD64=v3"}}, {"", []string{"GOARCH=386"}}} {
		if os.Getenv(archVariable) != "" {
			break
		}
		again := run(t, m.build(t, other.tags, other.env...), agree.Compare)
		for name, digest := range rep.Digests {
			if again.Digests[name] != digest {
				t.Errorf("%s: other results when built with tags %q and %v", name, other.tags, other.env)
			}
		}
	}
}

// enough asks that what was compared is numbers for the most part.
func enough(t *testing.T, rep *agree.Report) {
	t.Helper()
	if rep.Values == 0 || float64(rep.Numbers) < 0.4*float64(rep.Values) {
		t.Errorf("only %d of %d values compared are finite numbers", rep.Numbers, rep.Values)
	}
}

// TestCheckpoints saves every rule half-way, and goes on in another process.
func TestCheckpoints(t *testing.T) {
	program := open(t).build(t, "")
	dir := t.TempDir()
	enough(t, run(t, program, agree.Save, "-dir="+dir))
	enough(t, run(t, program, agree.Resume, "-dir="+dir))
}

// TestTrajectories holds 1000 steps of every rule of the library to what they once were.
func TestTrajectories(t *testing.T) {
	m := open(t)
	var names []string
	for _, c := range m.library() {
		names = append(names, c.Name)
	}
	rep := run(t, m.build(t, ""), agree.Trace, "-only=^("+strings.Join(names, "|")+")$")
	if rep.Numbers != rep.Values || rep.Values == 0 {
		t.Errorf("%d of %d values are finite numbers", rep.Numbers, rep.Values)
	}
	var lines []string
	for name, digest := range rep.Digests {
		if strings.HasSuffix(name, " f32") {
			lines = append(lines, name+" "+digest+"\n")
		}
	}
	slices.Sort(lines)
	golden(t, filepath.Join("..", "testdata", "golden", "trajectories.txt"), strings.Join(lines, ""))
}
