package python_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/optc-lang/optc/codegen/python"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/stdlib"
)

var (
	update = flag.Bool("update", false, "rewrite golden files")
	write  = flag.String("write", "", "folder for the modules of random rules and of testdata/catalog, with their texts")
)

// emit compiles rules of a unit and prints their module.
func emit(t *testing.T, host python.Host, u *check.Unit, source, base string, names ...string) (string, error) {
	t.Helper()
	data, err := python.Emit(host, request(t, u, source, base, names...))
	return string(data), err
}

func request(t *testing.T, u *check.Unit, source, base string, names ...string) target.Request {
	t.Helper()
	req := target.Request{Base: base, Source: source, Version: "test"}
	for _, n := range names {
		r, diags, err := compiler.Compile(u, n, compiler.Settings{})
		if r == nil || err != nil {
			t.Fatalf("%s: %v %v", n, diags, err)
		}
		req.Rules = append(req.Rules, r)
	}
	return req
}

func library(t *testing.T) *check.Unit {
	t.Helper()
	u, diags := compiler.Library(stdlib.FS)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return u
}

// unit loads a text as a rule file.
func unit(t *testing.T, text string) *check.Unit {
	t.Helper()
	u, diags := compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", stdlib.FS)
	if diags.HasErrors() {
		t.Fatalf("%v\n%s", diags, text)
	}
	return u
}

// TestGolden shows the modules of one rule as people read them.
func TestGolden(t *testing.T) {
	for _, host := range python.Hosts {
		got, err := emit(t, host, library(t), "std/adamw", "adamw", "adamw")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", python.FileName(host, "adamw"))
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("%s (-want +got; -update rewrites it):\n%s", path, diff)
		}
	}
}

// checked is a line of testdata/python/checked.tsv.
type checked struct {
	digest, refused string
	steps           int
	err             float64
}

func readChecked(t *testing.T) map[string]checked {
	t.Helper()
	data, err := os.ReadFile("../../testdata/python/checked.tsv")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]checked{}
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		cols := strings.Split(line, "\t")
		if len(cols) != 5 {
			t.Fatalf("checked.tsv:%d: %d columns, not 5", i+1, len(cols))
		}
		if i == 0 {
			continue
		}
		c := checked{digest: cols[2]}
		var ok bool
		if c.refused, ok = strings.CutPrefix(cols[4], "refused: "); !ok {
			var e1, e2 error
			c.steps, e1 = strconv.Atoi(cols[3])
			c.err, e2 = strconv.ParseFloat(cols[4], 64)
			if err := errors.Join(e1, e2); err != nil {
				t.Fatalf("checked.tsv:%d: %v", i+1, err)
			}
		}
		all[cols[0]+" "+cols[1]] = c
	}
	return all
}

// bounds are the errors above 1e-9 that rules may have, with the reason.
var bounds = map[string]struct {
	most float64
	why  string
}{}

const how = "; run testdata/python/check.py, whose first lines say how"

// TestChecked holds every module of the library to what testdata/python/check.py found when it ran that very module.
func TestChecked(t *testing.T) {
	u, all := library(t), readChecked(t)
	for _, name := range u.Rules() {
		req := request(t, u, "std/"+name, name, name)
		for _, host := range python.Hosts {
			key := name + " " + string(host)
			c, ok := all[key]
			delete(all, key)
			if !ok {
				t.Errorf("%s was never checked%s", key, how)
				continue
			}
			data, err := python.Emit(host, req)
			text := string(data)
			var refused *python.Refusal
			switch {
			case errors.As(err, &refused):
				if refused.Why != c.refused {
					t.Errorf("%s is refused (%v), and checked.tsv says %q%s", key, err, c.refused, how)
				}
				continue
			case err != nil:
				t.Errorf("%s: %v", key, err)
				continue
			}
			if got := digest(text); got != c.digest {
				t.Errorf("%s is another module (%s) than was checked (%s)%s", key, got, c.digest, how)
			}
			most := 1e-9
			if b, ok := bounds[key]; ok {
				most = b.most
			}
			if !(c.err <= most) || c.steps < 20 {
				t.Errorf("%s: error %v after %d steps, above %v", key, c.err, c.steps, most)
			}
		}
	}
	for key := range all {
		t.Errorf("checked.tsv: %s is no rule of the library", key)
	}
}

// digest is of a module without the line of the version, as check.py has it.
func digest(text string) string {
	first, rest, _ := strings.Cut(text, "\n")
	_, rest, _ = strings.Cut(rest, "\n")
	sum := sha256.Sum256([]byte(first + "\n" + rest))
	return hex.EncodeToString(sum[:])[:16]
}

// TestDeterministic prints each module of the library twice, from units of their own.
func TestDeterministic(t *testing.T) {
	a, b := library(t), library(t)
	for _, name := range []string{"lbfgs", "muon", "soap", "adafactor", "sophia", "prodigy"} {
		one, err1 := emit(t, python.Torch, a, "std/"+name, name, name)
		two, err2 := emit(t, python.Torch, b, "std/"+name, name, name)
		if one != two || err1 != nil || err2 != nil {
			t.Errorf("%s: two modules, or %v, %v", name, err1, err2)
		}
	}
}

// TestRefusals: what a host cannot do is said, with the name of what it is and the mend.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		host python.Host
		text string
		want string
	}{
		{python.Optax, "rule r { probe h = grad at x + g\n x <- x - h }", "rule r: it asks the model again within a step (probe grad), and an optax transformation is given gradients, not the model; build it for torch"},
		{python.Torch, "rule r { state m as q8 = 0\n m <- m + g\n x <- x - m }", "rule r: state m is kept as q8, which the target torch has no type for; keep it as bf16 or f16"},
		{python.Optax, "rule r { state m as bf16 sr = 0\n m <- m + g\n x <- x - m }", "rule r: state m is kept as bf16 sr, and the target optax rounds to nearest alone; keep it as bf16"},
	} {
		_, err := emit(t, c.host, unit(t, c.text), "r.opt", "r", "r")
		var refused *python.Refusal
		if !errors.As(err, &refused) || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
}

// TestNames: names that Python or the module needs for itself get another spelling; a file holds several rules.
func TestNames(t *testing.T) {
	text := "rule lambda { hyper in_ = 1 in (0, inf)\n hyper params = 0.5 in [0, 1)\n hyper β1 = 2 in 1..inf\n state self = 0\n self <- params*self + β1*g\n x <- x - in_*self }\nrule b { x <- x - g }"
	for _, host := range python.Hosts {
		got, err := emit(t, host, unit(t, text), "r.opt", "r", "lambda", "b")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range map[python.Host][]string{
			python.Optax: {"def lambda_(in_=1, params_=0.5, β1=2):", "def b():", "count: jax.Array\n    self_: Any"},
			python.Torch: {"class Lambda(torch.optim.Optimizer)", "params_=params_", `"β1"`, `state["self_"]`, "class B("},
		}[host] {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q in\n%s", host, want, got)
			}
		}
	}
}

// TestStatesAtOnce: a state that becomes what another was is not what that has become.
func TestStatesAtOnce(t *testing.T) {
	text := "rule r { state now = 0\n state before = 0\n x <- x - before*g\n before <- now\n now <- norm(g per model) }"
	got, err := emit(t, python.Torch, unit(t, text), "r.opt", "r", "r")
	if want := `model.update({"t": t, "now": float(now), "before": model["now"]})`; err != nil || !strings.Contains(got, want) {
		t.Errorf("%v: no %s in\n%s", err, want, got)
	}
}

// TestDocstrings: no text of a rule leaves its docstring.
func TestDocstrings(t *testing.T) {
	text := "/// Ends \"\"\" here \\ and \\\nrule r { x <- x - g }"
	got, err := emit(t, python.Torch, unit(t, text), "r.opt", "r", "r")
	if err != nil || !strings.Contains(got, `Ends \"\"\" here \\ and \\`) {
		t.Errorf("%v\n%s", err, got)
	}
}

// TestRandom prints random rules and published ones for both hosts: each is a module or a refusal, soon. With -write they
// are kept, to be run beside the interpreter: check.py says how.
func TestRandom(t *testing.T) {
	texts := map[string]string{}
	for seed := range uint64(12) {
		texts[fmt.Sprintf("random%d", seed)] = randrule.Text("r", seed)
	}
	files, err := filepath.Glob("../../testdata/catalog/*/*.opt")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files of the catalog, %v", len(files), err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimSuffix(filepath.Base(f), ".opt")] = string(data)
	}
	refused := map[python.Host]int{}
	for name, text := range texts {
		u := unit(t, text)
		req := request(t, u, name+".opt", name, u.Rules()...)
		for _, host := range python.Hosts {
			data, err := python.Emit(host, req)
			module := string(data)
			var no *python.Refusal
			switch {
			case errors.As(err, &no):
				refused[host]++
			case err != nil:
				t.Errorf("%s: %v", name, err)
			case strings.Contains(module, "$") || strings.Contains(module, "%!"):
				t.Errorf("%s: a form is not filled:\n%s", name, module)
			case *write != "":
				for file, text := range map[string]string{python.FileName(host, name): module, name + ".opt": text} {
					if err := os.WriteFile(filepath.Join(*write, file), []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	for _, host := range python.Hosts {
		t.Logf("%s: %d of %d refused", host, refused[host], len(texts))
		if refused[host] > len(texts)/2 {
			t.Errorf("%s: most rules are refused", host)
		}
	}
}

// TestHosts: the targets are named as the command line has them.
func TestHosts(t *testing.T) {
	if !slices.Equal(python.Hosts, []python.Host{"optax", "torch"}) {
		t.Error(python.Hosts)
	}
}
