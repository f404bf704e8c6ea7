package codegen_test

import (
	"os"
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
	enough(t, run(t, m.build(t, ""), agree.Compare, size()))
}

// TestCatalogueAgrees does the same for the published rules of testdata/catalog.
func TestCatalogueAgrees(t *testing.T) {
	if !*full || os.Getenv(archVariable) != "" {
		t.Skip("part of -full, for this machine's own architecture")
	}
	m, err := catalogueModule(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	enough(t, run(t, m.build(t, ""), agree.Compare, size()))
}

// TestBuilds holds the results to be the same however the program is built: for a newer machine (whose instructions the
// Go compiler may use to fuse a product with a sum), and without assembly for one of 32 bits.
func TestBuilds(t *testing.T) {
	if !*full || os.Getenv(archVariable) != "" {
		t.Skip("part of -full, for this machine's own architecture")
	}
	m := open(t)
	want := run(t, m.build(t, ""), agree.Compare, agree.Short)
	for _, other := range []struct{ tags, env string }{{"", "GOAMD64=v3"}, {"purego", "GOARCH=386"}} {
		got := run(t, m.build(t, other.tags, other.env), agree.Compare, agree.Short)
		if len(got.Digests) != len(want.Digests) || len(got.Digests) == 0 {
			t.Errorf("%v: %d results, want %d", other, len(got.Digests), len(want.Digests))
		}
		for name, digest := range want.Digests {
			if got.Digests[name] != digest {
				t.Errorf("%s: other results when built with %v", name, other)
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
	enough(t, run(t, program, agree.Save, size(), "-dir="+dir))
	enough(t, run(t, program, agree.Resume, size(), "-dir="+dir))
}
