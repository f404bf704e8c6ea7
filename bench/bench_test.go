package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/bench/subject"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/internal/cost"
	"github.com/optc-lang/optc/internal/host"
	optrt "github.com/optc-lang/optc/runtime"
)

// Quartiles and ratios are those of a spreadsheet.
func TestQuartiles(t *testing.T) {
	if q := host.Quartiles([]float64{9, 1, 3, 5, 7}); q != [3]float64{3, 5, 7} {
		t.Error(q)
	}
	if q := host.Quartiles([]float64{1, 2, 3, 4}); q != [3]float64{1.75, 2.5, 3.25} {
		t.Error(q)
	}
	if q := ratios(series{2, 9, 4}, series{1, 3, 4}); q != [3]float64{1.5, 2, 2.5} {
		t.Error(q)
	}
	for v, want := range map[float64]float64{0.123456: 0.1235, 98765: 98770, 1.11899999e8: 1.119e8, 0: 0, -1.00004: -1} {
		if got := rounded(v); got != want {
			t.Errorf("%g is rounded to %g, want %g", v, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	got, err := sizesOf("16K,64M,100")
	if err != nil || !reflect.DeepEqual(got, []int{16 << 10, 64 << 20, 100}) {
		t.Error(got, err)
	}
	for _, bad := range []string{"", "K", "16k", "16KK", "0", "-1", "1,", "99999999999999999999", "2000000000000M"} {
		if got, err := sizesOf(bad); err == nil {
			t.Errorf("%q is read as %d", bad, got)
		}
	}
	for n, want := range map[int]string{16 << 10: "16K", 64 << 20: "64M", 1000: "1000"} {
		if sizeText(n) != want {
			t.Error(sizeText(n), want)
		}
	}
}

// A file of results takes up where it stopped, keeps the conditions of the rows that it has, and says what is wrong with it.
func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "r.json")
	s, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	s.begin(conditions{CPU: "nobody's"})
	s.begin(conditions{CPU: "first"})
	row := result{Kind: kindRoof, Rule: "adam", Asked: 64, Threads: 1, Shape: []int{8, 8}, NS: map[string][3]float64{"rule": {1, 2, 3}}, Notes: []string{"a \"note\\ [1, 2]"}}
	for _, rule := range []string{"lion", "adam"} {
		row.Rule = rule
		if err := s.put(row); err != nil {
			t.Fatal(err)
		}
	}
	again, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	again.begin(conditions{CPU: "second"})
	if !again.has(&result{Kind: kindRoof, Rule: "lion", Asked: 64, Threads: 1}) || again.has(&result{Kind: kindRoof, Rule: "lion", Asked: 64, Threads: 2}) {
		t.Error("what the file has is not found, or what it has not")
	}
	row.Rule, row.Reps = "lion", 7
	if err := again.put(row); err != nil {
		t.Fatal(err)
	}
	last, err := openStore(path)
	if err != nil || len(last.Rows) != 2 || len(last.Sessions) != 2 {
		t.Fatal(last, err)
	}
	if r := last.Rows[1]; r.Rule != "lion" || r.Reps != 7 || last.Sessions[r.Session].CPU != "second" || !reflect.DeepEqual(r.NS, row.NS) || !reflect.DeepEqual(r.Notes, row.Notes) {
		t.Errorf("%+v", r)
	}
	if last.Sessions[last.Rows[0].Session].CPU != "first" {
		t.Error("the conditions of an older row are lost")
	}
	for _, bad := range []string{"{", `{"rows": [{"session": 1}]}`, `{"sessions": [{}], "rows": [{"session": -1}]}`} {
		if err := os.WriteFile(path, []byte(bad), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := openStore(path); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

// The tables hold every row, and the conditions once.
func TestTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	s := &store{path: path}
	s.begin(conditions{CPU: "a processor", Cores: 2, System: "linux/amd64", Go: "go1.26", Memory: map[string]float64{"1": 50, "2": 100}, Missing: map[string]string{"torch": "no such\nfile"}})
	for _, r := range []result{
		{Kind: kindRoof, Rule: "lion", Asked: 64 << 20, Shape: []int{64 << 20}, Threads: 2, Floor: "memory", Bound: "elementwise", Bytes: 20, NS: map[string][3]float64{"rule": {.3, .4, .5}}, Share: [3]float64{.9, .95, .99}, GB: 50, RoofGB: 52},
		{Kind: kindRoof, Rule: "adam", Asked: 16 << 10, Shape: []int{16 << 10}, Threads: 1, Floor: "arithmetic", NS: map[string][3]float64{"rule": {.2, .3, .4}}, OverC: map[string][3]float64{"c": {7, 8, 9}}},
		{Kind: kindRoof, Rule: "sophia", Asked: 16 << 10, Shape: []int{16 << 10}, Threads: 1, NS: map[string][3]float64{"rule": {.2, .3, .4}}, Missing: map[string]string{"c": "it asks the model again"}},
		{Kind: kindRoof, Rule: "bench/adamw_f32", Asked: 64 << 20, Shape: []int{64 << 20}, Threads: 1, NS: map[string][3]float64{"rule": {.5, .6, .7}}},
		{Kind: kindRoof, Rule: "bench/adamw_q8", Asked: 64 << 20, Shape: []int{64 << 20}, Threads: 1, NS: map[string][3]float64{"rule": {.3, .3, .3}}},
		{Kind: kindPeer, Rule: "adam", Peer: "torch-fused", Asked: 4 << 20, Shape: []int{2048, 2048}, Threads: 1, NS: map[string][3]float64{"rule": {1, 1, 1}, "peer": {2, 2, 2}}, Ratio: [3]float64{1.9, 2, 2.1}},
		{Kind: kindBuild, Rule: "adam", Peer: "optc build", Seconds: [3]float64{.01, .0123, .02}},
		costResult(kindSplit, cost.Row{Name: "lamb/400x10/workers=2", Values: map[string][3]float64{"ns/step": {1e6, 2e6, 3e6}, "one-ns/step": {1e6, 1e6, 1e6}, "many/one": {1, 2, 3}}}),
		costResult(kindTensors, cost.Row{Name: "lamb/1000x16", Values: map[string][3]float64{"ns/step": {9e3, 1e4, 2e4}, "kernels-ns/step": {7e3, 8e3, 8e3}, "two-ns/step": {0, 2e4, 0}, "kernels/step": {4, 4, 4}, "overhead-ns/tensor": {1, 2, 12}}}),
		costResult(kindHelpers, cost.Row{Name: "sgd/1M", Values: map[string][3]float64{"one-ns/step": {9e3, 1e4, 2e4}, "two-ns/step": {7e3, 8e3, 8e3}, "two/one": {.7, .8, .9}}}),
		{Kind: kindCurve, Rule: "states q8", Of: curveTask, Curve: testCurve(1, 0)},
		{Kind: kindCurve, Rule: "float32", Of: curveTask, Curve: testCurve(0, 3)},
	} {
		if err := s.put(r); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := printTables(&b, path); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| lion | elementwise | memory |  | 64M | 2 | 20.0 | .400 | 50.0 | 52.0 | .950 (.900-.990) |",
		"| adam | arithmetic |  | 16K | .300 | .000 (.000-.000) | 8.00 (7.00-9.00) |  |  |",
		"|  |  | it asks the model again |",
		"| q8 | 64M | 1 | .300 | .600 | 2.00 |",
		"| adam | torch-fused | 4M | 1 | 1.00 | 2.00 | 2.00 (1.90-2.10) |",
		"| adam | optc build | 12.3 (10.0-20.0) |",
		"| lamb | 400x10 | 2 | 2.00 | 1.00 | 2.00 (1.00-3.00) |",
		"| lamb | 1000x16 | 4 | 10.0 | 8.00 | 20.0 | 2.00 (1.00-12.0) |",
		"| sgd | 1M | 10.0 | 8.00 | .800 (.700-.900) |",
		"| float32 | opticks | 3 | 2.000 (1.0000) | 4.000 (1.0000) | 8.000 (1.0000) | 16.000 (1.0000) | +0.0000 (0.0000) | 7.000 (1.0000) |\n" +
			"| states q8 | opticks | 4, 1 diverged | 4.000 (1.0000) | 6.000 (1.0000) | 10.000 (1.0000) | 18.000 (1.0000) | +1.0000 (0.0000) | 8.000 (1.0000) |",
		"- a processor, 2 cores, linux/amd64, go1.26, memory 50.0 GB/s by 1 thread, memory 100 GB/s by 2 threads\n- not had: torch: no such file",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the tables lack %q:\n%s", want, b.String())
		}
	}
	if err := printTables(&b, filepath.Join(t.TempDir(), "none.json")); err == nil {
		t.Error("tables of nothing")
	}
}

// testCurve is three trainings whose losses are 1, 2, ... more than above by the number of the seed, and perhaps one that diverged.
func testCurve(above float64, diverged int) *curve {
	c := &curve{}
	for seed := range 4 {
		if seed == diverged {
			if above > 0 {
				c.Train, c.Valid = append(c.Train, nil), append(c.Valid, 0)
			}
			continue
		}
		var means []float64
		for w := range curveWindows {
			means = append(means, float64(w+1)+above+float64(seed)-1)
		}
		c.Train, c.Valid = append(c.Train, means), append(c.Valid, 6+float64(seed))
	}
	for w := range curveWindows {
		c.Steps = append(c.Steps, w+1)
	}
	return c
}

// What a result says of a failure names no folder of this machine.
func TestPortable(t *testing.T) {
	b := &builder{root: "/some/where", work: "/some/cache"}
	if got := b.portable("/some/where/bench/peers.py:\n  /some/cache/peers ended"); got != "./bench/peers.py: WORK/peers ended" {
		t.Error(got)
	}
}

// Rows are chosen by rule or with their settings.
func TestChosen(t *testing.T) {
	_, rows := readAll(t)
	for names, want := range map[string]int{"std/sgd": 2, "sgd momentum=0.9": 1, "adam,lion": 2, "": len(rows)} {
		if got, err := chosen(rows, names); err != nil || len(got) != want {
			t.Errorf("%q chooses %d rows, want %d: %v", names, len(got), want, err)
		}
	}
	if _, err := chosen(rows, "adam,nosuch"); err == nil {
		t.Error("a rule that there is not is chosen")
	}
}

// Every operation is done as often as it is counted, and those that are few are spread among the others.
func TestSpread(t *testing.T) {
	list := spread(map[string]int{opMul: 8, opDiv: 2})
	if got := strings.Join(list, " "); got != "mul mul div mul mul mul mul div mul mul" {
		t.Error(got)
	}
}

// Every rule of the table is printed in C or refused with a reason, and all that the printer can print is an operator.
func TestPrintC(t *testing.T) {
	s, rows := readAll(t)
	for name := range cText {
		if _, ok := op.Lookup(name); !ok {
			t.Errorf("the printer knows %s, which is no operator", name)
		}
	}
	printed := 0
	for _, l := range rows {
		c, err := s.compile(l.Rule, l.Set)
		if err != nil {
			t.Fatal(err)
		}
		class := c.class(shapeOf(c))
		if why := noC(c, class); why != "" {
			continue
		}
		printed++
		step := printC(c, class)
		if bytes.Count(step.text, []byte("{")) != bytes.Count(step.text, []byte("}")) || bytes.Contains(step.text, []byte("$")) || len(step.arrays) < 2 {
			t.Errorf("%s in C:\n%s", l.name(), step.text)
		}
	}
	if printed < 50 {
		t.Errorf("only %d rows are printed", printed)
	}
}

// walked is a program that runs a walk loop for each instruction set and looks at what it did.
const walked = `package main

import (
	"fmt"
	"os"
	"unsafe"
)

func main() {
	for _, n := range []int{64, 128, 4096} {
		for _, loop := range []func(p *[10]unsafe.Pointer, n int){LOOPS} {
			const guard = 64
			kept, read, written := make([]float32, n+guard), make([]float32, n+guard), make([]float32, n+guard)
			narrow, bytes := make([]uint16, n+guard), make([]uint8, n+guard)
			for i := range kept {
				kept[i], read[i], written[i], narrow[i], bytes[i] = float32(i+1), 1, 7, 9, 9
			}
			var p [10]unsafe.Pointer
			p[0], p[1], p[2], p[3], p[4] = unsafe.Pointer(&kept[0]), unsafe.Pointer(&read[0]), unsafe.Pointer(&written[0]), unsafe.Pointer(&narrow[0]), unsafe.Pointer(&bytes[0])
			loop(&p, n)
			for i := range kept {
				zero := float32(0)
				small := 0
				if i >= n {
					zero, small = 7, 9
				}
				if kept[i] != float32(i+1) || read[i] != 1 || written[i] != zero || int(narrow[i]) != small || int(bytes[i]) != 9 {
					fmt.Println("element", i, "of", n, "is", kept[i], read[i], written[i], narrow[i], bytes[i])
					os.Exit(1)
				}
			}
		}
	}
	for _, f := range []func(n int){ARITHMETIC} {
		f(1000)
	}
	fmt.Println("done")
}
`

// The loops of the floors assemble, write all that they must and nothing beyond, and keep what they read.
func TestLoops(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the floors are in assembly of amd64")
	}
	p, err := readPass("a rw, b r, c w, d:bf16 w, e:q8 rw")
	if err != nil {
		t.Fatal(err)
	}
	everything := map[string]int{}
	for _, parts := range basic {
		for _, part := range parts {
			everything[part]++
		}
	}
	asm, decl := "#include \"textflag.h\"\n", "package main\n\nimport \"unsafe\"\n"
	var loops, arithmetic []string
	for _, v := range []vectors{avx2, avx512} {
		has := v == avx2 && optrt.Has(optrt.AVX2) || v == avx512 && optrt.Has(optrt.AVX512)
		for f, form := range walkForms {
			name := fmt.Sprintf("walk%s%d", v.name, f)
			asm += string(walkLoop(v, name, p, form))
			decl += fmt.Sprintf("\n//go:noescape\nfunc %s(p *[10]unsafe.Pointer, n int)\n", name)
			if has {
				loops = append(loops, name)
			}
		}
		asm += string(arithmeticLoop(v, "arithmetic"+v.name, everything))
		decl += fmt.Sprintf("\nfunc arithmetic%s(n int)\n", v.name)
		if has {
			arithmetic = append(arithmetic, "arithmetic"+v.name)
		}
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module m\n\ngo 1.26.0\n", "l_amd64.s": asm, "l.go": decl,
		"main.go": strings.NewReplacer("LOOPS", strings.Join(loops, ", "), "ARITHMETIC", strings.Join(arithmetic, ", ")).Replace(walked)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"vet", "."}, {"run", "."}} {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOPROXY=off")
		out, err := cmd.CombinedOutput()
		if err != nil || args[0] == "run" && string(out) != "done\n" {
			t.Fatalf("go %s: %v\n%s", args[0], err, out)
		}
	}
}

// A generated program steps its rule, walks along its arrays without changing them, and refuses what it cannot do.
func TestProgram(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the floors are in assembly of amd64")
	}
	s, rows := readAll(t)
	b, err := newBuilder(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lookahead", "muon"} {
		l, err := chosen(rows, name)
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.compile(l[0].Rule, l[0].Set)
		if err != nil {
			t.Fatal(err)
		}
		shape := []int{64, 64}
		g, err := generate(l[0], c, shape, false)
		if err != nil {
			t.Fatal(err)
		}
		program, err := b.build(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		p, err := start(t.Context(), nil, program)
		if err != nil {
			t.Fatal(err)
		}
		defer p.stop()
		r, err := p.ask(subject.Request{Op: "open", Shape: shape, Threads: 2})
		if err != nil || r.Missing["c"] == "" {
			t.Fatal(r, err)
		}
		for _, what := range r.Things {
			if ns, err := p.time(what, 10); err != nil || ns <= 0 {
				t.Errorf("%s: %s takes %g ns: %v", name, what, ns, err)
			}
		}
		for _, bad := range []subject.Request{{Op: "open", Shape: shape, Threads: 1}, {Op: "time", What: "nothing", Steps: 1}, {Op: "time", What: "rule"}, {Op: "sing"}} {
			if _, err := p.ask(bad); err == nil {
				t.Errorf("%+v is answered", bad)
			}
		}
		if _, err := p.ask(subject.Request{Op: "close"}); err != nil {
			t.Error(err)
		}
		if _, err := p.ask(subject.Request{Op: "open", Shape: []int{65}, Threads: 1}); err == nil {
			t.Error("65 elements are opened")
		}
	}
}

var update = flag.Bool("update", false, "write RESULTS.md anew")

// TestResultsPage holds the page of results to the files that it is printed from.
func TestResultsPage(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("results", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	slices.Sort(files)
	var page bytes.Buffer
	page.WriteString("Written by `go test ./bench -run TestResultsPage -update` from [the results](results); [README.md](README.md) says what is measured and how.\n\n")
	if err := printTables(&page, strings.Join(files, ",")); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("RESULTS.md", page.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile("RESULTS.md")
	if err != nil || !bytes.Equal(kept, page.Bytes()) {
		t.Errorf("RESULTS.md is not what the results say (-update writes it), %v", err)
	}
}
