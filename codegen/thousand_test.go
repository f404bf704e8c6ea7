package codegen_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/internal/agree"
)

// quickRules are those whose hashes are looked at by default: an elementwise rule, one that probes, some with means of
// rows, norms of tensors, sums over the model, an evaluation point, an elementary function, and matrices.
var quickRules = []string{"adamw", "lion", "sam", "adafactor", "lamb", "prodigy", "schedule_free_adamw", "exponentiated_gradient", "muon"}

var every = flag.Bool("every", false, "run every rule in TestThousandSteps, and in every form in TestParams: half an hour")

const thousandFile = "testdata/thousand.tsv"

const thousandHead = "# Hashes of 1000 steps of every rule of the library: see package agree. Rewritten by go test ./codegen -run TestThousandSteps -full -every -update.\n" +
	"rule\toptions\ttype\ttensors\thash\n"

// TestThousandSteps holds the bits of 1000 steps of rules of the library to what they once were, on every engine with
// every number of workers, in full mode on the interpreter too; with -every those of every rule with every setting of its
// options.
// On other machines it runs as the other tests do:
//
//	GOAMD64=v3 go test ./codegen -run TestThousandSteps
//	OPTC_EXEC="qemu-x86_64 -cpu max" go test ./codegen -short -run TestThousandSteps
//	OPTC_GOARCH=arm64 OPTC_EXEC=qemu-aarch64 go test ./codegen -short -run TestThousandSteps
func TestThousandSteps(t *testing.T) {
	m := open(t)
	want, err := readThousand()
	if err != nil {
		t.Fatal(err)
	}
	got := thousand(t, m, m.build(t, ""))
	if *update {
		if !*every || *only != "" { // of the rest there is nothing new
			maps.Copy(want, got)
			got = want
		}
		writeThousand(t, got)
		return
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if want[key] == "" {
			t.Errorf("%s: no hash is kept; see the head of %s", key, thousandFile)
		} else if got[key] != want[key] {
			t.Errorf("%s: %s, once %s; see the head of %s", key, got[key], want[key], thousandFile)
		}
	}
	if *every && *only == "" {
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if got[key] == "" {
				t.Errorf("%s: a hash is kept of what there is no more", key)
			}
		}
	}
}

// TestThousandStepsBuilds does so for a newer amd64, for which the Go compiler may fuse a product with a sum.
func TestThousandStepsBuilds(t *testing.T) {
	if !*full || os.Getenv(archVariable) != "" {
		t.Skip("part of -full, for this machine's own architecture")
	}
	want, err := readThousand()
	if err != nil {
		t.Fatal(err)
	}
	m := open(t)
	for key, hash := range thousand(t, m, m.build(t, "", "GOAMD64=v3"), quickRules...) {
		if hash != want[key] {
			t.Errorf("%s: %s with GOAMD64=v3, not %s", key, hash, want[key])
		}
	}
}

// thousand runs the rules and returns the hash of each line of the file. When none is named, they are those of quickRules, or with
// -every or -rules all that match, with every setting.
func thousand(t *testing.T, m *module, program string, rules ...string) map[string]string {
	t.Helper()
	if len(rules) == 0 && !*every && *only == "" {
		rules = quickRules
	}
	pattern := regexp.MustCompile(*only)
	var names []string
	keys := map[string]string{}
	for _, p := range m.packages {
		for _, c := range p.cases {
			if c.Text == "" && (len(rules) == 0 && pattern.MatchString(c.Rule) || slices.Contains(rules, c.Name)) {
				names = append(names, c.Name)
				keys[c.Name] = c.Rule + "\t" + settingsWord(c)
			}
		}
	}
	if len(names) < len(rules) {
		t.Fatalf("of the rules %v there are %v", rules, names)
	}
	rep := run(t, program, agree.Thousand, size(), "-only=^("+strings.Join(names, "|")+")$")
	if rep.Numbers != rep.Values || rep.Values == 0 {
		t.Errorf("%d of %d values before the unusual steps are finite numbers", rep.Numbers, rep.Values)
	}
	got := map[string]string{}
	for name, digest := range rep.Digests {
		words := strings.Fields(name) // case, type, tensors
		got[keys[words[0]]+"\t"+words[1]+"\t"+words[2]] = digest
	}
	return got
}

// settingsWord is the settings of a case as a column.
func settingsWord(c agree.Rule) string {
	var words []string
	for _, option := range slices.Sorted(maps.Keys(c.Settings.Options)) {
		words = append(words, option+"="+c.Settings.Options[option])
	}
	if c.Settings.Fix != nil {
		words = append(words, "fixed")
	}
	if words == nil {
		return "-"
	}
	return strings.Join(words, ",")
}

func readThousand() (map[string]string, error) {
	text, err := os.ReadFile(thousandFile)
	if err != nil {
		return nil, err
	}
	body, ok := strings.CutPrefix(string(text), thousandHead)
	if !ok {
		return nil, fmt.Errorf("%s: not the head of such a file", thousandFile)
	}
	hashes := map[string]string{}
	for line := range strings.Lines(body) {
		at := strings.LastIndexByte(line, '\t')
		hashes[line[:max(0, at)]] = strings.TrimSpace(line[at+1:])
	}
	return hashes, nil
}

func writeThousand(t *testing.T, hashes map[string]string) {
	t.Helper()
	var b strings.Builder
	b.WriteString(thousandHead)
	for _, key := range slices.Sorted(maps.Keys(hashes)) {
		b.WriteString(key + "\t" + hashes[key] + "\n")
	}
	if err := os.WriteFile(filepath.FromSlash(thousandFile), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
