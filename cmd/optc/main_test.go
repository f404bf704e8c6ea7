package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler"
	optrt "github.com/optc-lang/optc/runtime"
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
			"exits":         exits,
			"for-each-verb": forEachVerb,
			"engines-agree": enginesAgree,
			"bad-inputs":    badInputs,
			"other-version": otherVersion,
			"no-leftovers":  noLeftovers,
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
	for _, verb := range strings.Fields("build check fmt ops explain trace run bench list version") {
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

// bad-inputs FILE traces pairs of lines: an input, and the error that it must give after the file's name and its colon.
func badInputs(ts *testscript.TestScript, neg bool, args []string) {
	lines := strings.Split(strings.TrimSpace(ts.ReadFile(args[0])), "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		ts.Check(os.WriteFile(ts.MkAbs("bad.json"), []byte(lines[i]+"\n"), 0o644))
		if ts.Exec("optc", "trace", "std/sgd", "--input", "bad.json", "--engine", "interp") == nil {
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

// other-version FILE changes the version that a generated file names.
func otherVersion(ts *testscript.TestScript, neg bool, args []string) {
	data := ts.ReadFile(args[0])
	changed := strings.Replace(data, "\n// optc devel\n", "\n// optc v1.2.3\n", 1)
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
		for _, line := range strings.Split(terminalCurve(losses), "\n") {
			if w := len([]rune(line)); w > 80 {
				t.Errorf("%d losses: %d columns: %s", n, w, line)
			}
		}
	}
	inf := []float64{1e308, 10, -1e308}
	for _, losses := range [][]float64{{}, {inf[0] * inf[1]}, {1, inf[0] * inf[1], 2}, {0, 0}, {inf[0], inf[2]}, {-3, 5}, {1e-300, 1e300}} {
		var b bytes.Buffer
		if err := writeSVG(&b, "<&>", losses); err != nil {
			t.Error(err)
		}
		if s := b.String() + terminalCurve(losses); strings.Contains(s, "NaN") || strings.Contains(s, "Inf") || strings.Contains(s, "<&>") {
			t.Errorf("%v: %s", losses, s)
		}
	}
}

func TestQuartiles(t *testing.T) {
	if got, want := quartiles([]float64{7, 1, 3, 5, 9}), [3]float64{3, 5, 7}; got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := quartiles([]float64{4, 1, 3, 2}), [3]float64{1.75, 2.5, 3.25}; got != want {
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
		in.interpret(rule, []float64{0.1, 0.9, 0.999, 1e-8, 0}, func(x [][]float64) error { steps++; return nil })
		if steps != len(in.grads) {
			t.Fatalf("%s: %d steps", data, steps)
		}
	}
	if accepted < 100 {
		t.Errorf("only %d inputs were accepted", accepted)
	}
}
