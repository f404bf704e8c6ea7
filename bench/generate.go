package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/optc-lang/optc/codegen"
	"github.com/optc-lang/optc/codegen/gosrc"
	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/ir"
	optrt "github.com/optc-lang/optc/runtime"
)

// modulePath is this module's.
const modulePath = "github.com/optc-lang/optc"

// cSettings are the settings of the C compiler. The first is what the rules are held to; the second lets it use vectors for
// square roots and choices, and changes no bits; the third changes them.
var cSettings = []struct {
	name, pkg, flags string
	exact            bool
}{
	{"c", "cplain", "", true},
	{"c-vector", "cvector", "-fno-math-errno -fno-trapping-math", true},
	{"c-fast", "cfast", "-ffast-math -ffp-contract=fast", false},
}

// cFlags are those of all settings.
const cFlags = "-O3 -march=native -ffp-contract=off -std=gnu11"

// generated is the text of a program around one rule.
type generated struct {
	files map[string][]byte // by path
	noC   string
}

// generate writes the program of a row for a shape: rule, loops that bound it, and the same step in C.
func generate(l least, c *compiled, shape []int, withC bool) (*generated, error) {
	out := &generated{files: map[string][]byte{}}
	files, err := codegen.Emit(target.Request{Package: "main", Base: "rule", Source: l.Rule, Version: "bench",
		Rules: []*compiler.Rule{c.Rule}, DTypes: []target.DType{target.F32}})
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		out.files[f.Name] = f.Data
	}
	class := c.class(shape)
	v := avx2
	if optrt.Has(optrt.AVX512) {
		v = avx512
	}
	var asm, decl bytes.Buffer
	asm.WriteString("#include \"textflag.h\"\n")
	decl.WriteString("package main\n\nimport \"unsafe\"\n")
	loops := map[string]string{}
	var names []string // of the loops of each pass
	for i, p := range l.Passes {
		var all []string
		for f, form := range walkForms {
			text := string(walkLoop(v, "LOOP", p, form))
			name, ok := loops[text]
			if !ok {
				name = fmt.Sprintf("walk%dform%d", i, f)
				loops[text] = name
				asm.Write(walkLoop(v, name, p, form))
				fmt.Fprintf(&decl, "\n//go:noescape\nfunc %s(p *[10]unsafe.Pointer, n int)\n", name)
			}
			all = append(all, name)
		}
		names = append(names, strings.Join(all, ", "))
	}
	counts := operations(c, class)
	if len(counts) > 0 {
		asm.Write(arithmeticLoop(v, "arithmetic", counts))
		decl.WriteString("\nfunc arithmetic(n int)\n")
	}
	out.files["floor_amd64.s"], out.files["floor_amd64.go"] = asm.Bytes(), decl.Bytes()
	out.noC = noC(c, class)
	var step cStep
	if out.noC == "" && withC {
		step = printC(c, class)
		out.addC(step)
	} else if out.noC == "" {
		out.noC = "no C compiler was found"
	}
	out.files["main.go"] = mainFile(l, c, names, len(counts) > 0, v, step, out.noC)
	return out, nil
}

// addC adds a package for each setting of the C compiler.
func (g *generated) addC(step cStep) {
	for _, s := range cSettings {
		text := fmt.Sprintf(`package %s

// #cgo CFLAGS: %s
// #cgo LDFLAGS: -lm
// #include <stdlib.h>
// #include "step.h"
import "C"

import "unsafe"

func Table(n int) unsafe.Pointer { return C.calloc(C.size_t(n), C.size_t(unsafe.Sizeof(uintptr(0)))) }

func Run(steps, n, rows, cols int, table, scalars unsafe.Pointer) {
	C.steps(C.long(steps), C.long(n), C.long(rows), C.long(cols), (**C.float)(table), (*C.float)(scalars))
}
`, s.pkg, s.flags)
		text = strings.Replace(text, "// #cgo CFLAGS: \n", "", 1)
		// Each setting has names of its own: all are linked into one program.
		names := strings.NewReplacer("steps(", s.pkg+"_steps(", "C.steps(", "C."+s.pkg+"_steps(", "sums[", s.pkg+"_sums[")
		g.files[s.pkg+"/step.go"] = []byte(names.Replace(text))
		g.files[s.pkg+"/step.c"] = []byte(names.Replace(string(step.text)))
		g.files[s.pkg+"/step.h"] = []byte(names.Replace("void steps(long count, long n, long rows, long cols, float **p, const float *s);\n"))
	}
}

// mainFile puts the parts together.
func mainFile(l least, c *compiled, loops []string, arithmetic bool, v vectors, step cStep, noC string) []byte {
	var b bytes.Buffer
	b.WriteString("package main\n\nimport (\n\t\"math\"\n\n")
	fmt.Fprintf(&b, "\t%q\n", modulePath+"/bench/subject")
	if noC == "" {
		for _, s := range cSettings {
			fmt.Fprintf(&b, "\t%q\n", modulePath+"/bench/generated/"+s.pkg)
		}
	}
	fmt.Fprintf(&b, ")\n\nfunc main() {\n\tp := &subject.Program{Rule: %sRule(), Tensor: %q, Vector: %d, Products: %v, NoC: %q}\n",
		gosrc.TypeName(c.Name, target.F32), tensorName, v.lanes, l.Products, noC)
	fmt.Fprintf(&b, "\tinf := math.Inf(1)\n\t_ = inf\n\tp.Hypers = []float64{")
	for _, h := range c.hypers {
		b.WriteString(ir.FormatNumber(h) + ", ")
	}
	b.WriteString("}\n")
	if arithmetic {
		b.WriteString("\tp.Arithmetic = arithmetic\n")
	}
	b.WriteString("\tp.Memory = []subject.Walk{\n")
	others := map[string]int{}
	for i, p := range l.Passes {
		fmt.Fprintf(&b, "\t\t{Every: %d, Loops: []subject.Loop{%s}, Arrays: []subject.Array{\n", p.Every, loops[i])
		for _, s := range p.Streams {
			fmt.Fprintf(&b, "\t\t\t%s,\n", arrayOf(c, s, others))
		}
		b.WriteString("\t\t}},\n")
	}
	b.WriteString("\t}\n")
	if noC == "" {
		b.WriteString("\tp.CStep = subject.CStep{Arrays: []subject.CArray{\n")
		for _, a := range step.arrays {
			fmt.Fprintf(&b, "\t\t{Kind: %d, Index: %d, Extent: %d, Written: %v},\n", a.kind, a.index, runtimeExtents[a.extent], a.written)
		}
		b.WriteString("\t}, Passes: []subject.CPass{\n")
		for _, p := range step.passes {
			fmt.Fprintf(&b, "\t\t{Number: %d, Scalars: %d},\n", p.number, p.scalars)
		}
		fmt.Fprintf(&b, "\t}, Exact: %v}\n\tp.C = []subject.CVersion{\n", step.exact)
		for _, s := range cSettings {
			fmt.Fprintf(&b, "\t\t{Name: %q, Exact: %v, Table: %s.Table, Run: %s.Run},\n", s.name, s.exact, s.pkg, s.pkg)
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("\tp.Serve()\n}\n")
	return b.Bytes()
}

// runtimeExtents are the runtime's names of the extents that C knows.
var runtimeExtents = map[ir.Extent]optrt.Extent{ir.Elem: optrt.PerElem, ir.Row: optrt.PerRow, ir.Col: optrt.PerCol}

// arrayOf is a stream as the program finds it.
func arrayOf(c *compiled, s leastStream, others map[string]int) string {
	size := formatBytes(s.Format)
	state := slices.Index(c.Plan.Program.StateNames(), s.Name)
	switch {
	case s.Read && s.Name == "x":
		return "{Kind: subject.X, Bytes: 4}"
	case s.Read && s.Name == "g":
		return "{Kind: subject.Grad, Bytes: 4}"
	case s.Read && state >= 0 && s.Format == "" && c.Plan.Program.States[state].Extent == ir.Elem:
		return fmt.Sprintf("{Kind: subject.State, Index: %d, Bytes: 4}", state)
	}
	if _, ok := others[s.Name]; !ok {
		others[s.Name] = len(others)
	}
	return fmt.Sprintf("{Kind: subject.Other, Index: %d, Bytes: %v}", others[s.Name], size)
}

// builder builds generated programs below a folder.
type builder struct {
	root string // of this module
	work string
	gcc  string // its version; "" if there is none
}

func newBuilder(ctx context.Context, work string) (*builder, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", modulePath).Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w; run the benchmark within the module", err)
	}
	b := &builder{root: strings.TrimSpace(string(out)), work: work}
	if v, err := exec.CommandContext(ctx, "gcc", "-dumpfullversion").Output(); err == nil {
		b.gcc = strings.TrimSpace(string(v))
	}
	return b, nil
}

// portable is a text without this machine's folders, on one line: results are read elsewhere.
func (b *builder) portable(text string) string {
	home, _ := os.UserHomeDir()
	for _, folder := range []struct{ path, name string }{{b.root, "."}, {b.work, "WORK"}, {home, "~"}, {os.TempDir(), "TEMP"}} {
		if len(folder.path) > 1 {
			text = strings.ReplaceAll(text, folder.path, folder.name)
		}
	}
	return strings.Join(strings.Fields(text), " ")
}

// build returns the path of the program.
func (b *builder) build(ctx context.Context, g *generated) (string, error) {
	sum := sha256.New()
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for k := range g.files {
			if !yield(k) {
				return
			}
		}
	}) {
		fmt.Fprintf(sum, "%s %d\n%s", name, len(g.files[name]), g.files[name])
	}
	dir := filepath.Join(b.work, hex.EncodeToString(sum.Sum(nil)[:8]))
	g.files["go.mod"] = fmt.Appendf(nil, "module %s/bench/generated\n\ngo 1.26.0\n\nrequire %s v0.0.0\n\nreplace %s => %s\n", modulePath, modulePath, modulePath, b.root)
	for name, data := range g.files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return "", err
		}
	}
	program := filepath.Join(dir, "program")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, ".")
	cmd.Dir = dir
	cgo := "0"
	if _, ok := g.files["cplain/step.c"]; ok {
		cgo = "1"
	}
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off", "GOSUMDB=off", "CGO_ENABLED="+cgo, "CC=gcc",
		"CGO_CFLAGS="+cFlags, "CGO_CFLAGS_ALLOW=-f.*")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build in %s: %w\n%s", dir, err, bytes.TrimSpace(out))
	}
	return program, nil
}
