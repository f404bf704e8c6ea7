package goasm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

var (
	update = flag.Bool("update", false, "rewrite the golden files")
	keep   = flag.String("keep", "", "build the module of TestKernels in this directory and keep it")
)

var dtypes = []DType{F32, F64}

// archs are the architectures and their instruction sets.
var archs = []struct {
	name string
	isas []ISA
}{{"amd64", []ISA{AVX2, AVX512}}, {"arm64", []ISA{NEON}}}

// Environment of the harness: the architecture to run it for, and a command to run it under, such as qemu-aarch64.
const (
	archVariable = "OPTC_GOARCH"
	execVariable = "OPTC_EXEC"
)

// TestKernels generates a module of kernels, vets and builds it for each architecture, and runs it on this one: see
// testdata/harness.
func TestKernels(t *testing.T) {
	kernels := append(append(operatorKernels(), hardKernels()...), choiceKernels()...)
	kernels = append(kernels, randomKernels(rand.New(rand.NewPCG(2, 3)), 120)...)
	dir := *keep
	if dir == "" {
		dir = t.TempDir()
	}
	writeModule(t, dir, kernels)
	for _, arch := range archs {
		t.Run(arch.name, func(t *testing.T) {
			program := filepath.Join(dir, "harness_"+arch.name)
			run(t, dir, arch.name, "go", "vet", ".")
			run(t, dir, arch.name, "go", "build", "-o", program, ".")
			if arch.name != cmp.Or(os.Getenv(archVariable), runtime.GOARCH) {
				t.Log("built, not run: this is another architecture")
				return
			}
			words := append(strings.Fields(os.Getenv(execVariable)), program)
			checkTally(t, run(t, dir, arch.name, words[0], words[1:]...))
		})
	}
}

// checkTally reads what the harness says.
func checkTally(t *testing.T, out string) {
	t.Helper()
	t.Log(out)
	if !strings.HasPrefix(out, "PASS") {
		t.Fatal("the harness said nothing")
	}
	var values int
	var numbers float64
	if _, err := fmt.Sscanf(out[strings.Index(out, ";"):], "; %d values, %f", &values, &numbers); err != nil {
		t.Fatal(err)
	}
	if values > 0 && numbers < 0.5 {
		t.Errorf("only %.2f of the values compared are numbers", numbers)
	}
}

func run(t *testing.T, dir, arch, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// writeModule puts the harness, the kernels and the list of their functions into dir.
func writeModule(t *testing.T, dir string, kernels []*ir.Kernel) {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS("testdata/harness")); err != nil {
		t.Fatal(err)
	}
	copyElem(t, filepath.Join(dir, "elem"))
	for _, arch := range archs {
		writeKernels(t, dir, arch.name, arch.isas, kernels)
	}
	data, err := json.Marshal(bare(kernels))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "kernels.json", data)
	write(t, dir, "go.mod", []byte("module harness\n\ngo 1.26\n"))
}

// bare is kernels without the values that their parts stand for.
func bare(kernels []*ir.Kernel) []*ir.Kernel {
	var list []*ir.Kernel
	for _, k := range kernels {
		b := *k
		b.Scalars, b.Instrs = slices.Clone(k.Scalars), slices.Clone(k.Instrs)
		for i := range b.Scalars {
			b.Scalars[i].Value = nil
		}
		for i := range b.Instrs {
			b.Instrs[i].Value = nil
		}
		list = append(list, &b)
	}
	return list
}

// writeKernels writes the kernels of an architecture.
func writeKernels(t *testing.T, dir, arch string, isas []ISA, kernels []*ir.Kernel) {
	t.Helper()
	var list, decls bytes.Buffer
	for _, isa := range isas {
		var bodies [][]byte
		for i, k := range kernels {
			for _, d := range dtypes {
				symbol := fmt.Sprintf("k%d%sf%d", i, isa, 8*d.size())
				body, err := Emit(isa, d, symbol, k)
				if err != nil {
					t.Fatal(err)
				}
				bodies = append(bodies, body)
				fmt.Fprintf(&list, "\t{%d, %q, %t, %s},\n", i, isa, d == F64, symbol)
				fmt.Fprintf(&decls, "\n//go:noescape\nfunc %s(a *Args)\n", symbol)
			}
		}
		write(t, dir, fmt.Sprintf("%s_%s.s", isa, arch), File("// Generated.\n", bodies))
	}
	write(t, dir, "kernels_"+arch+".go", []byte(fmt.Sprintf("package main\n\nvar variants = []variant{\n%s}\n%s", list.Bytes(), decls.Bytes())))
}

// copyElem puts package elem, which imports nothing of the module, into a directory.
func copyElem(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob("../../runtime/elem/*.go")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, filepath.Base(f), data)
	}
}

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestAVX2Registers holds AVX2 code to what AVX2 has: no Z, no mask register, no vector beyond 15, no broadcast operand.
func TestAVX2Registers(t *testing.T) {
	foreign := regexp.MustCompile(`\b(Z\d+|K\d+|[XY](1[6-9]|[23]\d))\b|\.BCST|\.Z\b`)
	for _, k := range slices.Concat(hardKernels(), randomKernels(rand.New(rand.NewPCG(7, 7)), 60), fastKernels()) {
		for _, d := range dtypes {
			body, err := Emit(AVX2, d, "k", k)
			if err != nil {
				t.Fatal(err)
			}
			if found := foreign.Find(body); found != nil {
				t.Fatalf("AVX2 code mentions %s", found)
			}
		}
	}
}

// TestGolden shows what a small kernel becomes.
func TestGolden(t *testing.T) {
	for _, isa := range ISAs {
		body, err := Emit(isa, F32, "lion", lion())
		if err != nil {
			t.Fatal(err)
		}
		got := File("// Generated.\n", [][]byte{body})
		path := filepath.Join("testdata", fmt.Sprintf("lion_%s.golden", isa))
		if *update {
			write(t, "testdata", filepath.Base(path), got)
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-want +got); go test -update rewrites it:\n%s", path, diff)
		}
	}
}

// TestRows holds the tables to the same operators and the operator table's idea of them.
func TestRows(t *testing.T) {
	for _, isa := range ISAs {
		if diff := gocmp.Diff(rowNames(AVX512), rowNames(isa)); diff != "" {
			t.Errorf("operators of AVX-512 and %s differ:\n%s", isa, diff)
		}
		if diff := gocmp.Diff(slices.Sorted(maps.Keys(avx512.parts)), slices.Sorted(maps.Keys(isa.set().parts))); diff != "" {
			t.Errorf("parts of AVX-512 and %s differ:\n%s", isa, diff)
		}
		for name, r := range isa.set().rows {
			o, ok := op.Lookup(name)
			if !ok {
				t.Fatalf("%s: no operator %q", isa, name)
			}
			if r.swap != "" && o.Commutes != (r.swap == name) {
				t.Errorf("%s %s: the operator table says commutes = %t", isa, name, o.Commutes)
			}
			checkRow(t, isa, name, o.Args, r)
		}
		for name, r := range isa.set().parts {
			checkRow(t, isa, name, 1, r)
		}
		for name, r := range isa.set().choices {
			checkRow(t, isa, name, 2, r)
		}
	}
}

// checkRow checks the names of a row for an operator of so many arguments.
func checkRow(t *testing.T, isa ISA, operator string, args int, r row) {
	if out := r.steps[len(r.steps)-1].out; out != "r" {
		t.Errorf("%s %s: the last step writes %q", isa, operator, out)
	}
	for _, s := range r.steps {
		for _, n := range append(s.in, name(s.out), name(s.tied)) {
			if i, ok := n.argument(); ok && i >= args {
				t.Errorf("%s %s: %s is not an argument", isa, operator, n)
			}
			if _, known := constants[string(n)]; len(n) > 1 && !known {
				t.Errorf("%s %s: no constant %s", isa, operator, n)
			}
		}
	}
}

// TestSupports: a kernel is supported if and only if every operator has a row or is unrolled.
func TestSupports(t *testing.T) {
	b := newBuild([]string{"x"}, nil)
	b.store(0, b.instr("mod", b.instr("sqrt", b.load(0)), b.load(0)))
	for _, isa := range ISAs {
		if Supports(isa, b.k) || !Supports(isa, adam()) || Has(isa, "mod") || !Has(isa, "exp") || !Has(isa, opLoad) {
			t.Errorf("%s: wrong about mod, exp, load or Adam", isa)
		}
		if _, err := Emit(isa, F32, "k", b.k); err == nil {
			t.Errorf("%s: emitted mod", isa)
		}
	}
}

// TestEmitErrors breaks one thing in a good kernel at a time.
func TestEmitErrors(t *testing.T) {
	tests := []struct {
		want   string
		damage func(k *ir.Kernel)
	}{
		{"65 streams", func(k *ir.Kernel) { k.Streams = make([]ir.Stream, 65) }},
		{"no stream 4", func(k *ir.Kernel) { k.Instrs[0].Stream = 4 }},
		{"no stream -1", func(k *ir.Kernel) { k.Stores[0].Stream = -1 }},
		{"no scalar 9", func(k *ir.Kernel) { k.Instrs[2].Args[0].Index = 9 }},
		{"takes no operands", func(k *ir.Kernel) { k.Instrs[0].Args = []ir.Operand{scalar(0)} }},
		{"1 operands, want 2", func(k *ir.Kernel) { k.Instrs[3].Args = k.Instrs[3].Args[:1] }},
		{"mask is true, want false", func(k *ir.Kernel) { k.Instrs[3].Mask = true }},
		{"not defined yet", func(k *ir.Kernel) { k.Instrs[3].Args[0] = ir.Operand{Index: 3} }},
		{"not defined yet", func(k *ir.Kernel) { k.Stores[0].Value.Index = len(k.Instrs) }},
		{"no such operator", func(k *ir.Kernel) { k.Instrs[3].Op = "sum" }},
		{"scalar 0 where a mask is wanted", func(k *ir.Kernel) {
			k.Instrs[3] = ir.Instr{Op: "where", Args: []ir.Operand{scalar(0), scalar(0), scalar(0)}}
		}},
		{"unknown kind 3", func(k *ir.Kernel) { k.Reductions = []ir.Reduction{{Kind: 3, Value: scalar(0)}} }},
	}
	for _, isa := range ISAs {
		for _, test := range tests {
			k := adam()
			test.damage(k)
			_, err := Emit(isa, F32, "k", k)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "adam") {
				t.Errorf("%s: error %v, want one with %q", isa, err, test.want)
			}
		}
	}
}

// TestEmitDamaged: whatever the kernel, Emit returns.
func TestEmitDamaged(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	accepted := 0
	for _, k := range randomKernels(rng, 400) {
		for range 1 + rng.IntN(2) {
			damage(rng, k)
		}
		isa, d := ISAs[rng.IntN(len(ISAs))], dtypes[rng.IntN(2)]
		if _, err := Emit(isa, d, "k", k); err == nil {
			accepted++
		}
	}
	if accepted == 0 || accepted == 400 {
		t.Errorf("%d of 400 damaged kernels accepted", accepted)
	}
}

// damage changes one number or name of a kernel.
func damage(rng *rand.Rand, k *ir.Kernel) {
	in := &k.Instrs[rng.IntN(len(k.Instrs))]
	number := rng.IntN(60) - 3
	switch rng.IntN(6) {
	case 0:
		in.Op = rowNames(AVX2)[rng.IntN(len(rowNames(AVX2)))]
	case 1:
		in.Stream = number
	case 2:
		if len(in.Args) > 0 {
			in.Args[rng.IntN(len(in.Args))] = ir.Operand{Scalar: rng.IntN(2) == 0, Index: number}
		}
	case 3:
		in.Mask = !in.Mask
	case 4:
		k.Stores = append(k.Stores, ir.Store{Stream: number, Value: ir.Operand{Index: number}})
	case 5:
		in.Name = "two\nlines // */ \x00 " + strings.Repeat("long", 100)
	}
}

// TestNames: names are for comments; they can neither break the assembly nor end a line.
func TestNames(t *testing.T) {
	k := lion()
	for i := range k.Instrs {
		k.Instrs[i].Name = "β\n\tINT $3\r// \u2028#define"
	}
	k.Streams[0].Name, k.Scalars[0].Name = "x\nRET", "b\nRET"
	plain, err := Emit(AVX512, F32, "k", lion())
	if err != nil {
		t.Fatal(err)
	}
	named, err := Emit(AVX512, F32, "k", k)
	if err != nil {
		t.Fatal(err)
	}
	comment := regexp.MustCompile(`(?m) ?//.*$`)
	if diff := gocmp.Diff(comment.ReplaceAllString(string(plain), ""), comment.ReplaceAllString(string(named), "")); diff != "" {
		t.Errorf("names change more than comments:\n%s", diff)
	}
}

// BenchmarkEmit is the time to generate Adam.
func BenchmarkEmit(b *testing.B) {
	for _, isa := range ISAs {
		b.Run(isa.String(), func(b *testing.B) {
			for b.Loop() {
				if _, err := Emit(isa, F32, "adam", adam()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkEmitLong is the time to generate a kernel of 100,000 instructions.
func BenchmarkEmitLong(b *testing.B) {
	k := longChain(50000)
	for b.Loop() {
		if _, err := Emit(AVX2, F32, "long", k); err != nil {
			b.Fatal(err)
		}
	}
}
