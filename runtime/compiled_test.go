package runtime_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/optc-lang/optc/codegen"
	"github.com/optc-lang/optc/codegen/gosrc"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/cost"
	"github.com/optc-lang/optc/stdlib"
)

// measured are the rules that the benchmarks of compiled code are about: of one pass over 2 arrays to one over 6, and of two
// passes with sums and step values for each tensor.
var measured = []string{"mirror_descent", "sgd", "lion", "fista", "adam", "ademamix", "adan", "novograd", "lamb"}

// costProgram builds a program around internal/cost with the compiled rules.
func costProgram(tb testing.TB) string {
	tb.Helper()
	u, diags := compiler.Library(stdlib.FS)
	if diags.HasErrors() {
		tb.Fatal(diags)
	}
	req := target.Request{Package: "main", Base: "rules", Source: "std", Version: "test", DTypes: []target.DType{target.F32}}
	functions := map[string]string{}
	for _, name := range measured {
		r, diags, err := compiler.Compile(u, name, compiler.Settings{})
		if r == nil {
			tb.Fatal(name, diags, err)
		}
		req.Rules = append(req.Rules, r)
		functions[name] = gosrc.TypeName(r.Name, target.F32) + "Rule"
	}
	out, err := codegen.Emit(req)
	if err != nil {
		tb.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		tb.Fatal(err)
	}
	const module = "github.com/optc-lang/optc/runtime/measured" // below the module, whose internal packages it imports
	files := map[string]string{
		"go.mod":  fmt.Sprintf("module %s\n\ngo 1.26\n\nrequire github.com/optc-lang/optc v0.0.0\n\nreplace github.com/optc-lang/optc => %q\n", module, root),
		"main.go": string(cost.MainFile(functions)),
	}
	for _, f := range out {
		files[f.Name] = string(f.Data)
	}
	dir := tb.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	program := filepath.Join(dir, "program")
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// rowsOf are the rows that the program prints.
func rowsOf(tb testing.TB, program string, job cost.Job, args ...string) []cost.Row {
	tb.Helper()
	cmd := exec.Command(program, append([]string{"-job=" + string(job)}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%s: %v", job, err)
	}
	var rows []cost.Row
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var r cost.Row
		if err := d.Decode(&r); err != nil {
			tb.Fatalf("%s: %v", job, err)
		}
		rows = append(rows, r)
	}
	return rows
}

// report shows a job's rows as benchmarks: of each value the median, and as name:q1 and name:q3 the other quartiles.
func report(b *testing.B, job cost.Job, args ...string) {
	for _, row := range rowsOf(b, costProgram(b), job, args...) {
		b.Run(row.Name, func(b *testing.B) {
			for b.Loop() { // it was measured already
			}
			b.ReportMetric(0, "ns/op")
			for name, q := range row.Values {
				b.ReportMetric(q[1], name)
				if q[0] != q[2] {
					b.ReportMetric(q[0], name+":q1")
					b.ReportMetric(q[2], name+":q3")
				}
			}
		})
	}
}

// BenchmarkStep is steps of many tensors and of one small one, beside the bare calls of their kernels.
func BenchmarkStep(b *testing.B) { report(b, cost.Tensors) }

// BenchmarkSplit is a model of 16M elements in 400 tensors beside one in a single tensor.
func BenchmarkSplit(b *testing.B) { report(b, cost.Split, "-scale=4", "-only=^(adam|lion|lamb)/") }

// BenchmarkSplit64M is the same of 64M elements. It takes 2 GB of memory.
func BenchmarkSplit64M(b *testing.B) { report(b, cost.Split, "-only=^adam/", "-reps=7") }

// BenchmarkHelpers is steps by one thread and by two: soloNumel is chosen by it.
func BenchmarkHelpers(b *testing.B) { report(b, cost.Helpers, "-only=^(adam|sgd|lamb)/") }

// BenchmarkPlacement is passes over arrays that start in various ways apart modulo a page: phaseBytes and nearBytes are
// chosen by it.
func BenchmarkPlacement(b *testing.B) {
	report(b, cost.Placement, "-only=^(mirror_descent|sgd|lion|fista|adam|ademamix|adan)/", "-each=1ms")
}

// TestMeasures runs every measurement on something small.
func TestMeasures(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a program")
	}
	program := costProgram(t)
	for job, only := range map[cost.Job]string{cost.Tensors: "1000x16$", cost.Split: "adam", cost.Helpers: "adam/16K$", cost.Placement: "^(adam|adan)/"} {
		rows := rowsOf(t, program, job, "-only="+only, "-reps=1", "-each=1us", "-scale=100")
		if len(rows) == 0 {
			t.Errorf("%s measures nothing", job)
		}
		for _, r := range rows {
			for name, q := range r.Values {
				if q[1] <= 0 && !strings.HasPrefix(name, "overhead") {
					t.Errorf("%s: %s: %s is %g", job, r.Name, name, q[1])
				}
			}
		}
	}
}
