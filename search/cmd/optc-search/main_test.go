package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/optc-lang/optc/search"
)

var kills = flag.Int("kills", 6, "how often TestKilled kills the search")

// TestMain is the command itself too, to be killed.
func TestMain(m *testing.M) {
	if os.Getenv("OPTC_SEARCH_COMMAND") != "" {
		main()
	}
	os.Exit(m.Run())
}

// command runs a command line and returns what it prints and its exit code.
func command(args ...string) (out, errs string, code int) {
	var o, e bytes.Buffer
	code = execute(args, &console{strings.NewReader(""), &o, &e, context.Background()})
	return o.String(), e.String(), code
}

// spec is a search of cheap tasks.
const spec = `
rungs = [["phishing"], ["bowl"]]
lag = 16
population = 20
plateau = 20
`

// archiveOf searches.
func archiveOf(t *testing.T, evals int) (folder, file string) {
	t.Helper()
	folder = t.TempDir()
	file = filepath.Join(folder, "a.db")
	if err := os.WriteFile(filepath.Join(folder, "spec.toml"), []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := command(file, "--spec", filepath.Join(folder, "spec.toml"), "--budget", fmt.Sprintf("%devals", evals), "--quiet"); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	return folder, file
}

// TestKilled holds that a search which is killed at any moment goes on, with any number of workers, to the archive of an
// unbroken one.
func TestKilled(t *testing.T) {
	const evals = 400
	folder, file := archiveOf(t, evals)
	want, err := search.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(folder, "broken.db")
	run := func(workers int, after time.Duration) (done bool) {
		cmd := exec.Command(os.Args[0], broken, "--spec", filepath.Join(folder, "spec.toml"), "--budget", fmt.Sprintf("%devals", evals),
			"--workers", fmt.Sprint(workers), "--quiet")
		cmd.Env = append(os.Environ(), "OPTC_SEARCH_COMMAND=1")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		killer := time.AfterFunc(after, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		killer.Stop()
		if err != nil && !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%v: %s", err, errs.String())
		}
		return err == nil
	}
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	killed := 0
	for i := range *kills {
		if after := time.Duration(r.Int64N(int64(time.Second))); !run([]int{1, 2, 4}[i%3], after) {
			killed++
		} else if err := removeArchive(broken); err != nil { // it was done: begin again
			t.Fatal(err)
		}
	}
	run(2, time.Hour)
	got, err := search.Open(broken)
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest != want.Digest || killed == 0 {
		t.Errorf("after %d kills it has %d births and the digest %s, unbroken %d and %s", killed, got.Births, got.Digest, want.Births, want.Digest)
	}
	t.Logf("killed %d times", killed)
}

func removeArchive(file string) error {
	all, err := filepath.Glob(file + "*")
	for _, f := range all {
		if err == nil {
			err = os.Remove(f)
		}
	}
	return err
}

// TestVerbs runs each verb on an archive.
func TestVerbs(t *testing.T) {
	folder, file := archiveOf(t, 60)
	for _, c := range []struct {
		args []string
		want string // a regular expression of what is printed
	}{
		{[]string{"hall", file, "-n", "5"}, `(?s)ID +bound.*→ +\d+`},
		{[]string{"hall", file, "-n", "0"}, `^ +ID +bound`},
		{[]string{"hall", file, "--json"}, `(?m)^{"ID":\d+,"Formula":"`},
		{[]string{"ops"}, `(?m)^ema .*s <- `},
		{[]string{"status", file}, `(?s)births +\d+, 6\d evaluated.*digest +[0-9a-f]{64}`},
		{[]string{"lineage", file}, `birth +fitness`},
		{[]string{"lineage", file, "30", "--all"}, `birth +fitness`},
		{[]string{"explain", file}, `(?s)update.*rule found_\d+ \{.*phishing`},
		{[]string{"export", file, "--name", "mine"}, `rule mine \{`},
		{[]string{"export", file, "--target", "torch", "--name", "mine"}, `class Mine`},
		{[]string{"export", file, "--target", "optax", "--name", "mine"}, `def mine`},
		{[]string{"export", file, "--target", "latex", "--name", "mine"}, `\\begin\{document\}`},
		{[]string{"export", file, "--target", "go", "--name", "mine", "-o", filepath.Join(folder, "go")}, `mine_opt.go`},
		{[]string{"verify", file, "--share", "0.2"}, `\d+ births made again, \d+ of 6\d evaluations done again: all the same`},
		{[]string{"report", file, "-o", filepath.Join(folder, "a.html")}, `a.html`},
		{[]string{"simplify", file, "--seeds", "2"}, `simplified`},
		{[]string{"explain", file, "2"}, `update`},
	} {
		out, errs, code := command(c.args...)
		if code != 0 || !regexp.MustCompile(c.want).MatchString(out) {
			t.Errorf("%v: exit code %d, prints %.2000q and %.500q", c.args, code, out, errs)
		}
	}
}

// TestMistakes holds that bad command lines say what is wrong, with the right exit code.
func TestMistakes(t *testing.T) {
	folder, file := archiveOf(t, 20)
	text := filepath.Join(folder, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("no archive\n", 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(folder, "none.db")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"hall", none}, 1, "no archive"},
		{[]string{"hall", text}, 1, "no archive"},
		{[]string{"hall", folder}, 1, "folder"},
		{[]string{filepath.Join(folder, "cpu"), "--budget", "2m"}, 2, "cpu.db"},
		{[]string{none, "--budget", "ten"}, 2, "10m"},
		{[]string{none, "--start", "adagrad"}, 2, "std/adagrad"},
		{[]string{none, "--spec", filepath.Join(folder, "missing.toml")}, 2, "missing.toml"},
		{[]string{file, "--seed", "7", "--budget", "1s"}, 2, "seed is 1 in the archive"},
		{[]string{"explain", file, "x"}, 2, "no birth"},
		{[]string{"explain", file, "100000"}, 1, "no birth 100000"},
		{[]string{"lineage", file, "-1"}, 2, ""},
		{[]string{"export", file, "--target", "go"}, 2, "-o"},
		{[]string{"export", file, "--name", "not a name"}, 2, ""},
		{[]string{"export", file, "--target", "cobol"}, 2, "torch"},
		{[]string{"verify", file, "--share", "2"}, 1, "0 to 1"},
		{[]string{"test", file, "--simplified"}, 2, "simplify"},
		{[]string{"report", file, "-o", filepath.Join(folder, "no", "a.html")}, 1, "no"},
		{[]string{"hal", file}, 2, ""},
		{[]string{none, "--seed", "0"}, 2, "seeds count from 1"},
		{[]string{none, "--max-nodes", "0"}, 2, "at least 1"},
		{[]string{none, "--workers=-1"}, 2, "at least 1"},
		{[]string{none, "--times", "2"}, 2, "--against"},
		{[]string{none, "--ops", "foo"}, 2, "foo"},
		{[]string{"hall", none}, 1, "--budget 2m begins one"},
		{[]string{"report", file, "-o", file}, 2, "that is an archive"},
		{[]string{"export", file, "-o", file, "--name", "a"}, 1, "a.db"},
		{[]string{"export", file, "--target", "go", "--package", "x y", "-o", folder}, 2, "x y"},
		{[]string{"explain", file, "--simplified"}, 2, "simplify"},
		{[]string{"funnel", file, "-n", "0"}, 2, "--top 0"},
	} {
		_, errs, code := command(c.args...)
		if code != c.code || !strings.Contains(errs, c.want) || strings.Contains(errs, "internal error") {
			t.Errorf("%v: exit code %d, not %d: %s", c.args, code, c.code, errs)
		}
	}
	if _, err := os.Stat(none); err == nil {
		t.Error("an archive was left by a mistake")
	}
}

// TestHelp holds that each verb has help with an example.
func TestHelp(t *testing.T) {
	for _, verb := range []string{"run", "hall", "status", "lineage", "explain", "export", "simplify", "funnel", "test", "report", "verify", "worker", "ops"} {
		out, _, code := command(verb, "--help")
		if code != 0 || !strings.Contains(out, "Example:") {
			t.Errorf("%s: exit code %d, %q", verb, code, out)
		}
	}
}

// TestOwnData runs the verbs that train on a search on data of one's own, which they need the spec for.
func TestOwnData(t *testing.T) {
	folder := t.TempDir()
	var rows strings.Builder
	r := rand.New(rand.NewPCG(1, 1))
	for range 120 {
		a, b := r.NormFloat64(), r.NormFloat64()
		fmt.Fprintf(&rows, "%.3f,%.3f,%d\n", a, b, map[bool]int{true: 1}[a+b > 0])
	}
	text := `
[[task]]
name = "mine"
model = "logistic"
data = "mine.csv"
steps = 40
`
	for name, text := range map[string]string{"mine.csv": rows.String(), "spec.toml": text} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, spec := filepath.Join(folder, "a.db"), filepath.Join(folder, "spec.toml")
	if _, errs, code := command(file, "--spec", spec, "--budget", "40evals", "--quiet"); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, args := range [][]string{{"simplify", file, "--seeds", "2"}, {"report", file, "-o", filepath.Join(folder, "a.html")}, {"verify", file, "--share", "1"}, {file, "--budget", "41evals"}} {
		if _, errs, code := command(args...); code == 0 || !strings.Contains(errs, "--spec") {
			t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
		if _, errs, code := command(append(args, "--spec", spec)...); code != 0 {
			t.Errorf("%v with the spec: exit code %d: %s", args, code, errs)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "mine.csv"), []byte(rows.String()+"1,1,1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := command(file, "--spec", spec, "--budget", "50evals"); code == 0 || !strings.Contains(errs, "other tasks") {
		t.Errorf("with other data: exit code %d: %s", code, errs)
	}
}

// TestStarts holds that starts are separated by commas, and that a rule may have commas of its own.
func TestStarts(t *testing.T) {
	for text, want := range map[string][]string{
		"sgd":                      {"sgd"},
		"sgd,div(g, abs(g)),std/x": {"sgd", "div(g, abs(g))", "std/x"},
		"where(g, min(1, g), 0)":   {"where(g, min(1, g), 0)"},
		"":                         {""},
	} {
		if got := apart(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
