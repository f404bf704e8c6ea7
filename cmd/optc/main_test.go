package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/internal/host"
	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/stdlib"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"optc": main})
}

func TestScript(t *testing.T) {
	goEnv, cache := goEnvironment(t), t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			for name, value := range goEnv {
				e.Setenv(name, value)
			}
			optc, err := exec.LookPath("optc") // testscript.Main put it on PATH
			if err != nil {
				return err
			}
			e.Setenv("OPTC", optc)
			e.Setenv("ROOT", root)
			e.Setenv("EMPTYPATH", filepath.Join(e.WorkDir, "nothing-here"))
			e.Setenv("XDG_CACHE_HOME", cache)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":          exits,
			"for-each-verb":  forEachVerb,
			"engines-agree":  enginesAgree,
			"bad-inputs":     badInputs,
			"descents-agree": descentsAgree,
			"explain-all":    explainAll,
			"check-library":  checkLibrary,
			"other-version":  otherVersion,
			"no-leftovers":   noLeftovers,
		},
	})
}

// goEnvironment is what a Go command needs to find modules and caches from another HOME.
func goEnvironment(t *testing.T) map[string]string {
	names := []string{"GOMODCACHE", "GOCACHE", "GOPATH"}
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOWORK": "off", "GOTOOLCHAIN": "local"}
	for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		env[names[i]] = line
	}
	return env
}

// exits CODE PROGRAM ARGS runs a program that must end with a code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	want := args[0]
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if e, ok := err.(*exec.ExitError); ok {
		got = string(rune('0' + e.ExitCode()))
	}
	if got != want {
		ts.Fatalf("exit code %s, want %s (%v)", got, want, err)
	}
}

// for-each-verb exec ARGS runs a command with every verb for VERB and wants an example from each.
func forEachVerb(ts *testscript.TestScript, neg bool, args []string) {
	for _, verb := range strings.Fields("build check fmt ops doc explain trace run bench list version") {
		line := strings.Fields(strings.ReplaceAll(strings.Join(args[1:], " "), "VERB", verb))
		ts.Check(ts.Exec(line[0], line[1:]...))
		if !strings.Contains(ts.ReadFile("stdout"), "Example:") || !strings.Contains(ts.ReadFile("stdout"), "optc "+verb) {
			ts.Fatalf("%s --help has no example", verb)
		}
	}
}

// engines-agree RULE INPUT ARGS traces on the interpreter and on every engine of this CPU, and wants equal numbers.
func enginesAgree(ts *testscript.TestScript, neg bool, args []string) {
	trace := func(engine string) string {
		ts.Check(ts.Exec("optc", append([]string{"trace", args[0], "--input", args[1], "--engine", engine}, args[2:]...)...))
		out := ts.ReadFile("stdout")
		if !strings.Contains(out, `"engine": "`+engine+`"`) {
			ts.Fatalf("asked for %s: %s", engine, out)
		}
		return out[strings.Index(out, `"steps"`):]
	}
	want := trace("interp")
	for e := optrt.Go; int(e) < optrt.NumEngines; e++ {
		if !optrt.Has(e) {
			if ts.Exec("optc", "trace", args[0], "--input", args[1], "--engine", e.String()) == nil {
				ts.Fatalf("%s runs on a CPU that lacks it", e)
			}
			continue
		}
		if got := trace(e.String()); got != want {
			ts.Fatalf("%s: %s, interpreter: %s", e, got, want)
		}
	}
}

// descents-agree ARGS traces an objective on the interpreter and on every engine of this CPU, and wants equal numbers.
func descentsAgree(ts *testscript.TestScript, neg bool, args []string) {
	trace := func(engine string) string {
		ts.Check(ts.Exec("optc", append([]string{"trace", "--engine", engine}, args...)...))
		out := ts.ReadFile("stdout")
		if !strings.Contains(out, engine) {
			ts.Fatalf("asked for %s: %s", engine, out)
		}
		return strings.Replace(out, engine, "ENGINE", 1)
	}
	want := trace("interp")
	for e := optrt.Go; int(e) < optrt.NumEngines; e++ {
		if !optrt.Has(e) {
			continue
		}
		if got := trace(e.String()); got != want {
			ts.Fatalf("%s: %s, interpreter: %s", e, got, want)
		}
	}
}

// explain-all FILE explains every rule of a file, or of the library for std, and wants every array that a
// stage reads to be called as what an earlier one has made.
func explainAll(ts *testscript.TestScript, neg bool, args []string) {
	list := []string{"list"}
	if args[0] != "std" {
		list = append(list, args[0])
	}
	ts.Check(ts.Exec("optc", list...))
	rules := 0
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		rule, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if rule == "" {
			break // functions follow
		}
		rules++
		for _, form := range [][]string{{"explain", rule}, {"explain", rule, "--json"}} {
			ts.Check(ts.Exec("optc", form...))
		}
		var e explanation
		ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &e))
		ts.Check(knownNames(&e))
	}
	if rules < 5 {
		ts.Fatalf("%s has %d rules", args[0], rules)
	}
}

// knownNames reports an array that is read under no name, or under one that nothing has.
func knownNames(e *explanation) error {
	known := map[string]bool{"x": true, "g": true, "normal()": true, "uniform()": true, "rademacher()": true}
	for _, s := range e.States {
		known[s.Name] = true
	}
	for _, g := range e.Givens {
		known[g.Name] = true
	}
	for _, part := range [][]stageInfo{e.Step, e.FirstStep, e.Eval} {
		made := maps.Clone(known)
		for _, s := range part {
			for _, name := range s.Reads {
				if !made[name] {
					return fmt.Errorf("rule %s reads %q, which nothing has made", e.Rule, name)
				}
			}
			for _, l := range s.Lines {
				made[l.Name] = true
			}
			for _, name := range s.Keeps {
				made[name] = true
			}
		}
	}
	return nil
}

// bad-inputs FILE [RULE] traces pairs of lines: an input, and the error that it must give after the file's name and its colon.
func badInputs(ts *testscript.TestScript, neg bool, args []string) {
	lines := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	rule := append(args, "std/sgd")[1]
	for i := 0; i+1 < len(lines); i += 2 {
		ts.Check(os.WriteFile(ts.MkAbs("bad.json"), []byte(lines[i]+"\n"), 0o644))
		if ts.Exec("optc", "trace", rule, "--input", "bad.json", "--engine", "interp") == nil {
			ts.Fatalf("no error for %s", lines[i])
		}
		want := "optc: bad.json:" + lines[i+1] + "\n"
		if got := ts.ReadFile("stderr"); got != want {
			ts.Fatalf("input %s\ngot  %swant %s", lines[i], got, want)
		}
		if out := ts.ReadFile("stdout"); out != "" {
			ts.Fatalf("input %s prints %s", lines[i], out)
		}
	}
}

// check-library checks every file of the library, of which nothing is to be said.
func checkLibrary(ts *testscript.TestScript, neg bool, args []string) {
	files, err := filepath.Glob(filepath.Join(ts.Getenv("ROOT"), "stdlib", "*.opt"))
	ts.Check(err)
	found, err := filepath.Glob(filepath.Join(ts.Getenv("ROOT"), "stdlib", "found", "*.opt"))
	ts.Check(err)
	if len(files) < 5 || len(found) == 0 {
		ts.Fatalf("the library has %d files, %d found", len(files), len(found))
	}
	for _, f := range append(files, found...) {
		ts.Check(ts.Exec("optc", "check", f))
		if said := ts.ReadFile("stderr"); said != "" {
			ts.Fatalf("%s: %s", f, said)
		}
	}
}

// other-version FILE changes the version that a generated file names.
func otherVersion(ts *testscript.TestScript, neg bool, args []string) {
	data := ts.ReadFile(args[0])
	changed := strings.Replace(data, " optc devel\n", " optc v1.2.3\n", 1)
	if changed == data {
		ts.Fatalf("%s names no version", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(changed), 0o644))
}

// no-leftovers DIR wants no temporary folder below a cache.
func noLeftovers(ts *testscript.TestScript, neg bool, args []string) {
	modules, err := filepath.Glob(filepath.Join(args[0], "*"))
	ts.Check(err)
	if len(modules) != 1 {
		ts.Fatalf("%d entries: %s", len(modules), modules)
	}
	for _, pattern := range []string{"build-*", ".*"} {
		left, err := filepath.Glob(filepath.Join(modules[0], pattern))
		ts.Check(err)
		if len(left) > 0 {
			ts.Fatalf("left behind: %s", left)
		}
	}
}

func TestTerminalCurve(t *testing.T) {
	for _, n := range []int{1, 2, 7, 135, 136, 137, 5000} {
		losses := make([]float64, n)
		for i := range losses {
			losses[i] = 2 / (1 + float64(i%97))
		}
		for _, line := range strings.Split(terminalCurve(losses, n%2 == 0), "\n") {
			if w := len([]rune(line)); w > 80 {
				t.Errorf("%d losses: %d columns: %s", n, w, line)
			}
		}
	}
	inf := []float64{1e308, 10, -1e308}
	for _, losses := range [][]float64{{}, {inf[0] * inf[1]}, {1, inf[0] * inf[1], 2}, {0, 0}, {inf[0], inf[2]}, {-3, 5}, {1e-300, 1e300}} {
		var b bytes.Buffer
		if err := writeSVG(&b, "<&>", losses, true); err != nil {
			t.Error(err)
		}
		if s := b.String() + terminalCurve(losses, true); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") || strings.Contains(s, "<&>") {
			t.Errorf("%v: %s", losses, s)
		}
	}
}

func TestQuartiles(t *testing.T) {
	if got, want := host.Quartiles([]float64{7, 1, 3, 5, 9}), [3]float64{3, 5, 7}; got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := host.Quartiles([]float64{4, 1, 3, 2}), [3]float64{1.75, 2.5, 3.25}; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

// Inputs with random damage give an error or numbers, and none makes anything but an error or an answer of its own size.
func TestTraceDamaged(t *testing.T) {
	rule, err := openLibrary().compile(newConsole(), "adam", compiler.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	valid := []byte(`{"dtype": "f64", "params": [{"name": "w", "shape": [2, 1], "data": [1, -2e-3]}], "grads": [[["NaN", 1e300]], [[0, -0.0]]], "loss": [1, 2]}`)
	rng := rand.New(rand.NewPCG(1, 2))
	tokens := []string{"{", "}", "[", "]", ",", ":", "null", "1e999", "-1", `"Inf"`, `"params"`, "9223372036854775807", "\"", "\x00", " "}
	accepted := 0
	for range 20_000 {
		data := slices.Clone(valid)
		for range 1 + rng.IntN(3) {
			at, token := rng.IntN(len(data)), tokens[rng.IntN(len(tokens))]
			data = slices.Replace(data, at, min(len(data), at+rng.IntN(4)), []byte(token)...)
		}
		in, err := parseTrace[float64]("in.json", data, rule)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "in.json:") || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%s: %v", data, err)
			}
			continue
		}
		accepted++
		steps := 0
		in.interpret(rule, []float64{0.1, 0.9, 0.999, 1e-8, 0}, 0, func(*traceStep[float64]) error { steps++; return nil })
		if steps != len(in.grads) {
			t.Fatalf("%s: %d steps", data, steps)
		}
	}
	if accepted < 100 {
		t.Errorf("only %d inputs were accepted", accepted)
	}
}

// Everything that the tables of operators and shapes list can be asked for, by each of its names and as it is written.
func TestOpsAskable(t *testing.T) {
	var asked []string
	for _, o := range operators() {
		asked = append(asked, o.Name, callName(o), written(o))
		if o.Infix != "" {
			asked = append(asked, o.Infix)
		}
	}
	for _, s := range shapes {
		asked = append(asked, s.name, s.name+"(x)")
	}
	for _, name := range asked {
		var b bytes.Buffer
		c := &console{out: bufio.NewWriter(&b)}
		if err := printOps(c, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.out.Flush()
		if !strings.Contains(b.String(), ": ") {
			t.Errorf("%s prints %q", name, b.String())
		}
	}
}

// The column vector says of every operator whether a rule that calls it has vector code.
func TestVectored(t *testing.T) {
	for _, o := range operators() {
		if o.Kind > op.Size {
			continue // no pass computes it
		}
		args := []string{"x", "g", "x"}[:o.Args]
		for k := range args {
			if o.MaskArgs&(1<<k) != 0 {
				args[k] = "(" + args[k] + " > 0)"
			}
		}
		call := callName(o) + "(" + strings.Join(args, ", ") + ")"
		if o.Name == "pow" {
			call = "x^g"
		} else if o.Infix != "" && o.Args == 2 {
			call = args[0] + " " + o.Infix + " " + args[1]
		} else if o.Infix != "" {
			call = o.Infix + " " + args[0]
		}
		src := "rule r { x <- g + (" + call + ") }"
		u := &unit{}
		u.Unit, u.diags = compiler.Load(fstest.MapFS{"r.opt": {Data: []byte(src)}}, "r.opt", stdlib.FS)
		r, diags, err := compiler.Compile(u.Unit, "r", compiler.Settings{})
		if r == nil || err != nil {
			t.Errorf("%s: %v, %v", src, diags, err)
			continue
		}
		if got, want := vectored(o), len(slowPasses(r)) == 0; got != want {
			t.Errorf("%s: vectored %v, but slow passes %v", src, got, slowPasses(r))
		}
	}
}

// On a terminal optc says that it builds, and clears the line; what it prints elsewhere stays clean.
func TestBuildingIsSaid(t *testing.T) {
	t.Setenv("GOCACHE", goEnvironment(t)["GOCACHE"])
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	in := `{"params": [{"name": "w", "shape": [1], "data": [1]}], "grads": [[[1]]]}`
	for i, want := range []string{"building sgd ...\r\x1b[K", "\r\x1b[K"} { // the second time it is in the cache
		var out, errs bytes.Buffer
		c := &console{in: strings.NewReader(in), out: bufio.NewWriter(&out), err: &errs, tty: true}
		if code := execute([]string{"trace", "std/sgd", "--input", "-"}, c); code != 0 || errs.String() != want {
			t.Errorf("%d: exit code %d, %q", i, code, errs.String())
		}
	}
}

func TestBenchWarnings(t *testing.T) {
	quiet := [3]float64{1, 1, 1.01}
	for _, c := range []struct {
		b      benchmark
		rule   [3]float64
		arrays int
		want   string
	}{
		{benchmark{Share: 0.95}, quiet, 1 << 30, ""},
		{benchmark{Share: 0.95}, [3]float64{1, 1.1, 1.4}, 1 << 30, "the machine is busy"},
		{benchmark{Share: 1.2}, quiet, 1 << 30, "a share of 1.20 cannot be"},
		{benchmark{Share: 1.2}, quiet, 1 << 20, "1024 KiB of arrays fit a cache"},
	} {
		got := strings.Join(c.b.warnings(c.rule, quiet, c.arrays), "\n")
		if !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%v: %q, want %q", c.b, got, c.want)
		}
	}
}

func TestWholeTicks(t *testing.T) {
	for n := 1; n < 40; n++ {
		a := newAxis(0, float64(n))
		a.whole = true
		ticks := a.ticks()
		for _, v := range ticks {
			if v != float64(int(v)) {
				t.Errorf("%d steps: %v", n, ticks)
			}
		}
		if len(ticks) < 2 {
			t.Errorf("%d steps: %v", n, ticks)
		}
	}
}

func TestJoinNegative(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"run a --steps -3 --csv x", "run a --steps=-3 --csv x"},
		{"bench -n -3", "bench -n-3"},
		{"run --steps=4 -3", "run --steps=4 -3"},
		{"fmt - -w -.5", "fmt - -w-.5"},
		{"-3", "-3"},
	} {
		if got := strings.Join(joinNegative(strings.Fields(c.in)), " "); got != c.want {
			t.Errorf("%s: %s, want %s", c.in, got, c.want)
		}
	}
}
