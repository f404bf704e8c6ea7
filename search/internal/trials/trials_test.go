package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/optc-lang/optc/search"
	"github.com/optc-lang/optc/search/internal/genome"
)

// TestRows holds that rows are read as they are written, in order, and that a seed has one.
func TestRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.tsv")
	first := result{Name: "b", Seed: 10, Met: met{-1, 0}, Found: met{-1, 0}, Births: 7, CPU: 120, Pick: `sign("g")`}
	again := first
	again.CPU, again.Found = 150, met{5, 140}
	for _, r := range []result{first, {Name: "b", Seed: 9}, {Name: "a", Seed: 11}, again} {
		if err := addRow(path, r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readRows[result](path)
	if err != nil || len(got) != 3 || got[0].Name != "a" || got[1].Seed != 9 || got[2] != again {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := readRows[controlled](path); err == nil {
		t.Error("rows of other columns were read")
	}
}

// TestIsOne: a rule is found by its name or its family, and there may be several.
func TestIsOne(t *testing.T) {
	for _, c := range []struct {
		find, rule string
		want       bool
	}{
		{"signed momentum", "sign(ema(g; 0.1))", true}, {"sign of momentum", "sign(ema(g; 0.1))", true}, {"Adam family", "sign(ema(g; 0.1))", false},
		{"Adam family or adaptive momentum", "ema(div(g, sqrt(ema(square(g); 0.01))); 0.1)", true}, {"Adam family", "ema(div(g, sqrt(ema(square(g); 0.01))); 0.1)", false},
		{"Adam family or adaptive momentum", "div(ema(g; 0.1), sqrt(ema(square(g); 0.01)))", true}, {"", "g", false},
	} {
		g, err := genome.Parse(c.rule)
		if err != nil || isOne(c.find, g) != c.want {
			t.Errorf("%s is %q: not %v, %v", c.rule, c.find, c.want, err)
		}
	}
}

// TestTabulate holds that seeds that were broken off are told apart from those that have ended.
func TestTabulate(t *testing.T) {
	e := experiment{name: "x", Title: "a title", Find: "a rule", Must: "a bar", Spec: search.Spec{Budget: "10mcpu"}}
	var done []result
	for i, cpu := range []float64{600, 100, 50} {
		r := result{Name: "x", Seed: uint64(i + 1), CPU: cpu, Met: met{Birth: -1}, Found: met{Birth: -1}}
		if i > 0 {
			r.Met = met{2, 40}
		}
		if i == 2 {
			r.Found = met{3, 50}
		}
		done = append(done, r)
	}
	if e.ended(done[1]) || !e.ended(done[0]) || !e.ended(done[2]) {
		t.Error("a seed has ended when it has found the rule or spent its budget")
	}
	var out strings.Builder
	tabulate(&out, []experiment{e}, done)
	if want := "| a title | a bar | 3 | 2 | 40.0 | 1 | 1-91 % | never | 100 |"; !strings.Contains(out.String(), want) {
		t.Errorf("%s\nwant %s", out.String(), want)
	}
}

// TestReadme holds the tables of the search's README to the committed rows.
func TestReadme(t *testing.T) {
	folder := filepath.Join("..", "..", "..", "bench", "search")
	all, err := read(folder, "")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := filesOf(folder).tabulate(&out, all); err != nil {
		t.Fatal(err)
	}
	for row := range strings.Lines(out.String()) {
		if strings.HasPrefix(row, "|") && !strings.Contains(string(readme), "\n"+row) {
			t.Errorf("search/README.md lacks the row\n%s", row)
		}
	}
}

// TestLost: a rule that never led has no lead to lose.
func TestLost(t *testing.T) {
	if got := lost(-1.5, -1.4, -1.5, -1.25); got != "no lead" {
		t.Error(got)
	}
	if got := lost(0, -1, -.5, -1.25); got != "25 %" {
		t.Error(got)
	}
}
