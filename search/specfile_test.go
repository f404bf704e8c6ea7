package search

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/optc-lang/optc/search/internal/evolve"
)

// written is a spec file of that text.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.toml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSaysZero holds that 0 in a file is 0 and not the default, which is what is left out.
func TestSaysZero(t *testing.T) {
	s, err := ReadSpec(written(t, "max_state = 0\npercentile = 0.0\nmigration = 0\nparsimony = 0\npolish = 0\nconfirm = 0\nomit = -1\n"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.over(evolve.Default())
	if err != nil || c.Mutator.MaxStates != 0 || c.Percentile != 0 || c.Migration != 0 || c.Parsimony != 0 || c.Polish != 0 || c.Confirm != 0 || c.Omit != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	s, err = ReadSpec(written(t, "islands = 8\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c, err = s.over(evolve.Default()); err != nil || !reflect.DeepEqual(c, evolve.Default()) {
		t.Errorf("what is left out is not the default: %+v, %v", c, err)
	}
}

// TestRanges holds each number of a file to what is possible, and a Spec to the same.
func TestRanges(t *testing.T) {
	for text, want := range map[string]string{
		"seed = 0":            "seed 0: at least 1 is possible; leave it out for the default",
		"seed = -1":           "seed -1: at least 1 is possible",
		"max_nodes = 0":       "max_nodes 0: 1 to 64 are possible; leave it out for the default",
		"max_nodes = 65":      "max_nodes 65: 1 to 64 are possible",
		"max_state = 65":      "max_state 65: 0 to 64 are possible",
		"islands = 0":         "islands 0: 1 to 1024 are possible",
		"islands = -2":        "islands -2: 1 to 1024 are possible",
		"population = 0":      "population 0: 1 to",
		"tournament = 0":      "tournament 0: 1 to",
		"percentile = 1":      "percentile 1: 0 to less than 1 are possible",
		"percentile = nan":    "percentile NaN: 0 to less than 1 are possible",
		"migration = 1.5":     "migration 1.5: 0 to 1 are possible",
		"plateau = 0":         "plateau 0: 1 to 1073741824 are possible",
		"repeats = 0":         "repeats 0: 1 to",
		"lag = 0":             "lag 0: 1 to",
		"workers = 0":         "workers 0: 1 to 1024 are possible",
		"ops = []":            "ops: the list is empty",
		"[[task]]\nbatch = 0": "batch 0: at least 1 is possible",
		"[[task]]\nsteps = 0": "steps 0: 1 to 10000000 are possible",

		"islands = 1048576":    "islands 1048576: 1 to 1024 are possible",
		"population = 1048576": "population 1048576: 1 to 65536 are possible",
		"tournament = 1048576": "tournament 1048576: 1 to 1024 are possible",
		"lag = 1048576":        "lag 1048576: 1 to 16384 are possible",

		"[[task]]\nsteps = 9223372036854775807": "steps 9223372036854775807: 1 to 10000000 are possible",
	} {
		if _, err := ReadSpec(written(t, text+"\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", text, err)
		}
	}
	for _, n := range numbers { // the largest that is possible, and the next
		v, ok := fieldOf(reflect.ValueOf(&Spec{}).Elem(), n.key)
		if !ok || v.CanUint() {
			continue
		}
		for _, c := range []struct {
			value    int64
			possible bool
		}{{n.most, !n.below}, {n.most + 1, false}, {-1, n.least == 0}} {
			var s Spec
			v, _ := fieldOf(reflect.ValueOf(&s).Elem(), n.key)
			v.Set(reflect.ValueOf(c.value).Convert(v.Type()))
			if err := s.checkNumbers(); (err == nil) != c.possible {
				t.Errorf("%s = %d: the error is %v", n.key, c.value, err)
			}
		}
	}
}

// TestTogether holds a Spec to numbers that are possible together, and its tasks to theirs.
func TestTogether(t *testing.T) {
	for want, s := range map[string]Spec{
		"islands 1000 of population 1000 are 1000000 parents: 1 to 65536 are possible": {Islands: 1000, Population: 1000},
		"islands 8 of population 65536 are 524288 parents":                             {Population: maxParents},
		"task mine: steps 10000001: 1 to 10000000 are possible":                        {Tasks: []TaskSpec{{Name: "mine", Model: "logistic", Data: "x.csv", Steps: maxSteps + 1}}},
		"task mine: steps -1: 1 to":                                                    {Tasks: []TaskSpec{{Name: "mine", Model: "logistic", Data: "x.csv", Steps: -1}}},
		"1001 tasks: 1 to 1000 are possible":                                           {Tasks: make([]TaskSpec, maxList+1)},
	} {
		s.Archive = filepath.Join(t.TempDir(), "a.db")
		if _, err := Run(context.Background(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", want, err)
		}
	}
}

// TestAllFaults holds that all that is wrong in a file is told at once, each with its line and with what is near.
func TestAllFaults(t *testing.T) {
	path := written(t, `archive = "a.db"   # islands = 1
islnds = 3
islands = 2.5
nothing_like_it = 1
start = "sgd"
rungs = [
  ["bowl"],
  ["mine"],
]
Seed = 4
percentile = "0.5"
population = 50.0

[[task]]
name = "mine"
modle = "mlp"
[[task]] # the second
name = "mine2"
seed = 3
widths = [1, 2.5]

[search]
lag = 1
`)
	_, err := ReadSpec(path)
	if err == nil {
		t.Fatal("no error")
	}
	keys := strings.Join(keysOf(reflect.TypeFor[Spec]()), ", ")
	want := []string{
		`2: nothing is called "islnds" in a spec; did you mean islands?`,
		`3: islands: a whole number is wanted, not 2.5`,
		`4: nothing is called "nothing_like_it" in a spec; there are ` + keys,
		`5: start: a list of texts is wanted, as ["a", "b"], not "sgd"`,
		`10: nothing is called "Seed" in a spec; did you mean seed?`,
		`11: percentile: a number is wanted, not "0.5"`,
		`12: population: a whole number is wanted, not 50.0`,
		`16: nothing is called "modle" in a [[task]]; did you mean model?`,
		`19: nothing is called "seed" in a [[task]]: it is a key of the whole spec, which stands above the first [[task]]`,
		`20: widths: a list of whole numbers is wanted, as [32, 16], not [1, 2.5]`,
		`22: nothing is called "search" in a spec; there are ` + keys,
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Errorf("%d faults, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != path+":"+want[i] {
			t.Errorf("have %s\nwant %s:%s", got[i], path, want[i])
		}
	}
}

// TestOddFiles holds that files written in other ways are read or refused, without a line that is not theirs.
func TestOddFiles(t *testing.T) {
	for text, want := range map[string]string{
		"task = [{name = \"a\", modle = \"mlp\"}]\n": `: nothing is called "modle"`,
		"task = 3\n":                  `:1: task: tables are wanted, each headed [[task]], not 3`,
		"task = [3]\n":                `:1: task: tables are wanted, each headed [[task]], not [3]`,
		"[task]\nname = \"a\"\n":      `:1: task: tables are wanted, each headed [[task]], not one table`,
		"[task.a]\nname = \"a\"\n":    `:1: task: tables are wanted`,
		"\"islands\" = 2.5\n":         `:1: islands: a whole number`,
		"budget = 2026-01-01\n":       `:1: budget: a text in quotes is wanted, not that`,
		"rungs = [\"bowl\"]\n":        `:1: rungs: a list of lists of names is wanted, as [["a"], ["b", "c"]], not ["bowl"]`,
		"seed = = 1\n":                `line 1`,
		"\"-\" = 1\n":                 `:1: nothing is called "-"`,
		"lag = 9223372036854775808\n": `out of range`,
	} {
		path := written(t, text)
		if _, err := ReadSpec(path); err == nil || !strings.HasPrefix(err.Error(), path+":") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: the error is %v", text, err)
		}
	}
}

// TestSpecTasks holds that a task of a spec is one that a rule can be tried on.
func TestSpecTasks(t *testing.T) {
	const mine = "[[task]]\nname = \"mine\"\n"
	for text, want := range map[string]string{
		"rungs = [[\"bowl\"]]\n" + mine + "model = \"mlp\"\ndata = \"x.csv\"\n": ":3: task mine: it stands in no rung",
		mine: ":2: task mine: it names no model, and there is no worker program",
		mine + "model = \"mpl\"\ndata = \"x.csv\"\n":      `:2: task mine: there is no model "mpl"; did you mean mlp?`,
		mine + "model = \"perceptron\"\n":                 "there are attention, autoencoder",
		mine + "model = \"mlp\"\n":                        ":2: task mine: its model mlp needs data",
		"[[task]]\nmodel = \"mlp\"\ndata = \"x.csv\"\n":   "a task needs a name",
		"rungs = [[\"mine\"]]\n" + mine + mine[:8] + "\n": "a task needs a name",
	} {
		if _, err := ReadSpec(written(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", text, err)
		}
	}
	s, err := ReadSpec(written(t, "worker = [\"./mine\"]\nstart = [\"a.opt:b\", \"std/adam\"]\n"+mine))
	if err != nil || len(s.Rungs) != 1 || s.Rungs[0][0] != "mine" || s.Start[0] == "a.opt:b" || s.Start[1] != "std/adam" {
		t.Errorf("a task of a worker: %+v, %v", s, err)
	}
	for want, s := range map[string]Spec{
		"stands in no rung": {Rungs: [][]string{{"bowl"}}, Worker: []string{"false"}, Tasks: []TaskSpec{{Name: "mine"}}},
		"names no model":    {Tasks: []TaskSpec{{Name: "mine"}}},
	} {
		s.Archive = filepath.Join(t.TempDir(), "a.db")
		if _, err := Run(context.Background(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", want, err)
		}
	}
}

// TestSpecTaskRuns holds that a search without rungs is on the tasks of its Spec, and says how many rows they lack.
func TestSpecTaskRuns(t *testing.T) {
	data := filepath.Join(t.TempDir(), "mine.csv")
	write := func(rows int) {
		var text strings.Builder
		for i := range rows {
			fmt.Fprintf(&text, "%d,%d,%d\n", i%5, i%3, i%2)
		}
		if err := os.WriteFile(data, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := Spec{Archive: filepath.Join(t.TempDir(), "a.db"), Budget: "3evals", Tasks: []TaskSpec{{Name: "mine", Model: "logistic", Data: data, Steps: 10}}}
	write(3)
	if _, err := Run(context.Background(), s); err == nil || !strings.Contains(err.Error(), "task mine: the data have 3 rows, at least 7 are needed") {
		t.Errorf("of three rows: %v", err)
	}
	write(40)
	r, err := Run(context.Background(), s)
	if err != nil || r.Rules[0].Rungs != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := os.Stat(s.Archive); errors.Is(err, os.ErrNotExist) {
		t.Error("no archive")
	}
}

// TestDefaultsTold holds the documentation of each number of a Spec to its default.
func TestDefaultsTold(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "spec.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	is := reflect.ValueOf(Spec{}.like(evolve.Default()))
	told := regexp.MustCompile(`\(default ([\d.]+\d|\d)`)
	checked := 0
	for _, f := range file.Scope.Lookup("Spec").Decl.(*ast.TypeSpec).Type.(*ast.StructType).Fields.List {
		v := is.FieldByName(f.Names[0].Name)
		if !(v.CanInt() || v.CanUint() || v.CanFloat()) || f.Names[0].Name == "Workers" {
			continue
		}
		checked++
		m := told.FindStringSubmatch(strings.ReplaceAll(f.Doc.Text(), "\n", " "))
		if m == nil {
			t.Errorf("%s does not say its default", f.Names[0])
			continue
		}
		if n, err := strconv.ParseFloat(m[1], 64); err != nil || n != v.Convert(reflect.TypeFor[float64]()).Float() {
			t.Errorf("%s is %v by default, not %s", f.Names[0], v, m[1])
		}
	}
	if checked != 15 {
		t.Errorf("%d numbers of a Spec", checked)
	}
}
