package codegen_test

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/agree"
	"github.com/optc-lang/optc/internal/randrule"
)

var (
	record = flag.String("record", "", "`file` in which TestManySeeds keeps what it has done, and goes on from there")
	seeds  = flag.Uint64("seeds", 200, "how many more seeds of each kind TestManySeeds takes, with -record")
)

// FuzzEngines holds every engine to the interpreter, bit by bit, for a rule that the fuzzer's bytes choose:
//
//	go test ./codegen -run '^$' -fuzz FuzzEngines
//
// Each rule is built as a program of its own, which takes seconds: TestManySeeds runs more rules in the same time.
func FuzzEngines(f *testing.F) {
	if os.Getenv(execVariable) != "" {
		f.Skip("NOT RUN: it builds too much for an emulator")
	}
	f.Add([]byte{0, 1})
	if !testing.Short() {
		f.Add([]byte{1, 2, 200, 30, 7, 90})
		f.Add([]byte{2, 4, 255, 0, 128})
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		text := randrule.Drawn("drawn", data)
		u, diags := unit(text)
		if diags.HasErrors() {
			t.Fatalf("%v\n%s", diags, text)
		}
		r, diags, err := compiler.Compile(u, "drawn", compiler.Settings{})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if r == nil {
			t.Skip(diags) // too large, say
		}
		failures, err := agreement(t.TempDir(), []agree.Rule{{Name: "drawn", Text: text, Rule: "drawn"}})
		if err != nil || len(failures) > 0 {
			t.Fatalf("%v\n%s\n%s", err, strings.Join(failures, "\n"), text)
		}
	})
}

// agreement is where engines and the interpreter differ in rules.
func agreement(dir string, cases []agree.Rule) ([]string, error) {
	m := &module{dir: dir}
	m.add("fuzz", cases)
	if err := m.generate(); err != nil {
		return nil, err
	}
	if err := m.write(); err != nil {
		return nil, err
	}
	if err := m.tryGo(nil, "build", "-trimpath", "-o", "program", "."); err != nil {
		return nil, err
	}
	rep, err := tryRun(dir+"/program", agree.Compare, agree.Short)
	if err != nil {
		return nil, err
	}
	return rep.Failures, nil
}

// kinds are the kinds of random rules.
var kinds = []struct {
	name string
	text func(name string, seed uint64) string
}{{"text", randrule.Text}, {"plain", randrule.Plain}, {"kept", randrule.Kept}}

// TestManySeeds holds engines to the interpreter for the random rules of many seeds, and writes down after each batch what
// it has done. Started again it goes on:
//
//	go test ./codegen -run TestManySeeds -record seeds.tsv -seeds 1000 -timeout 0
func TestManySeeds(t *testing.T) {
	if *record == "" {
		t.Skip("asks for -record; some random rules are part of TestEnginesAgree")
	}
	next, err := readRecord(*record)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(*record, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for done := uint64(0); done < *seeds; done += batch {
		for _, kind := range kinds {
			from := next[kind.name]
			n := min(batch, *seeds-done)
			defects := batchOf(t.TempDir(), kind.name, kind.text, from, n)
			next[kind.name] = from + n
			line := fmt.Sprintf("%s\t%d\t%d\t%d", kind.name, from, from+n-1, len(defects))
			for _, d := range defects {
				t.Error(d)
				line += "\t" + strconv.Quote(d)
			}
			if _, err := fmt.Fprintln(out, line); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// batchOf runs n seeds of a kind in one program and, where that cannot be, one by one. It returns what is wrong.
func batchOf(dir, kind string, text func(name string, seed uint64) string, from, n uint64) []string {
	var cases []agree.Rule
	for i := range n {
		name := fmt.Sprintf("%s%d", kind, from+i)
		cases = append(cases, agree.Rule{Name: name, Text: text(name, from+i), Rule: name})
	}
	failures, err := agreement(dir, cases)
	if err == nil {
		return failures
	}
	if n == 1 {
		return []string{fmt.Sprintf("%s seed %d: %v", kind, from, err)}
	}
	for i := range n {
		failures = append(failures, batchOf(fmt.Sprintf("%s/%d", dir, i), kind, text, from+i, 1)...)
	}
	return failures
}

// readRecord is the next seed of each kind. A line is the kind, its first and last seed, the number of defects, and these.
func readRecord(path string) (map[string]uint64, error) {
	next := map[string]uint64{}
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return next, nil
	}
	if err != nil {
		return nil, err
	}
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		words := strings.Split(line, "\t")
		if len(words) < 4 {
			return nil, fmt.Errorf("%s:%d: not a line of such a record", path, i+1)
		}
		last, err := strconv.ParseUint(words[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		next[words[0]] = max(next[words[0]], last+1)
	}
	return next, nil
}
