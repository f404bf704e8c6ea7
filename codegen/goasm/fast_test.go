package goasm

import (
	"cmp"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/runtime/elem"
)

var dense = flag.Bool("dense", false, "measure the errors of Newton steps over every significand")

// asFast are kernels under fast math.
func asFast(kernels []*ir.Kernel) []*ir.Kernel {
	for _, k := range kernels {
		k.Fast = true
	}
	return kernels
}

// quotientKernel and rootKernel have one operator that is taken by Newton steps. They read the same streams.
func quotientKernel() *ir.Kernel {
	b := newBuild([]string{"a", "b", "out"}, nil)
	b.k.Name = opQuotient
	b.store(2, b.instr("div", b.load(0), b.load(1)))
	return b.k
}

func rootKernel() *ir.Kernel {
	b := newBuild([]string{"a", "b", "out"}, nil)
	b.k.Name = opRoot
	b.store(2, b.instr("sqrt", b.load(0)))
	return b.k
}

// fusible draws a kernel of sums, products, quotients and roots, with few operators that make a bound useless.
func fusible(rng *rand.Rand) *ir.Kernel {
	b := newBuild(make([]string, 1+rng.IntN(5)), make([]string, rng.IntN(6)))
	for i := range b.k.Streams {
		b.load(i)
	}
	names := []string{"add", "add", "sub", "sub", "mul", "mul", "mul", "div", "sqrt", "neg", "abs", "max"}
	for range 2 + rng.IntN(40) {
		name := names[rng.IntN(len(names))]
		switch name {
		case "sqrt":
			b.instr("sqrt", b.instr("abs", b.real(rng, 8)))
		case "neg", "abs":
			b.instr(name, b.real(rng, 8))
		default:
			b.instr(name, b.real(rng, 8), b.real(rng, 8))
		}
	}
	for range 1 + rng.IntN(3) {
		b.store(rng.IntN(len(b.k.Streams)), b.real(rng, 16))
	}
	if rng.IntN(4) == 0 {
		b.k.Reductions = append(b.k.Reductions, ir.Reduction{Value: b.real(rng, 4)})
	}
	return b.k
}

// fastKernels are kernels under fast math of many shapes.
func fastKernels() []*ir.Kernel {
	rng := rand.New(rand.NewPCG(5, 6))
	kernels := append([]*ir.Kernel{quotientKernel(), rootKernel(), adam(), lion()}, randomKernels(rng, 20)...)
	for range 80 {
		kernels = append(kernels, fusible(rng))
	}
	return asFast(append(kernels, swap(), wide(40, 3), manyStates(30), scalarOnly(), reduceMany(elem.ReduceSum, 3), reduceMany(elem.ReduceMax, 20)))
}

// TestFastKernels holds kernels under fast math to bounds, and the errors of their Newton steps to what is promised.
func TestFastKernels(t *testing.T) {
	dir := *keep
	if dir == "" {
		dir = t.TempDir()
	}
	writeModule(t, dir, fastKernels())
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
			accuracy := append(words[1:], "-accuracy")
			if *dense {
				accuracy = append(accuracy, "-dense")
			}
			out := run(t, dir, arch.name, words[0], accuracy...)
			t.Log(out)
			if !strings.Contains(out, "PASS") {
				t.Error("nothing was measured")
			}
		})
	}
}
