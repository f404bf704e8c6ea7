// Command harness runs generated kernels against a plain interpreter of the same kernels and compares bits.
// The test puts it into a module of its own, beside the assembly and a file kernels.go that lists its functions.
package main

import (
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"unsafe"
)

// Args is the argument block of a kernel as the runtime lays it out.
type Args struct {
	N    int
	Vals unsafe.Pointer
	Part unsafe.Pointer
	Ptr  [64]unsafe.Pointer
}

// Kernel is ir.Kernel as far as it is needed to run one.
type Kernel struct {
	Name       string
	Streams    []struct{}
	Scalars    []struct{}
	Instrs     []Instr
	Stores     []Store
	Reductions []Reduction
	Fast       bool
}

// Instr is ir.Instr.
type Instr struct {
	Op     string
	Stream int
	Args   []Operand
	Mask   bool
}

// Operand is ir.Operand.
type Operand struct {
	Scalar bool
	Index  int
}

// Store is ir.Store.
type Store struct {
	Stream int
	Value  Operand
}

// Reduction is ir.Reduction.
type Reduction struct {
	Kind  int
	Value Operand
}

// variant is a kernel compiled for one instruction set and type.
type variant struct {
	kernel int
	isa    string
	double bool
	run    func(*Args)
}

//go:embed kernels.json
var kernelsJSON []byte

func main() {
	only := flag.String("isa", "", "run this instruction set only, whatever the processor says")
	size := flag.Int("bench", 0, "measure the named kernels at this many elements instead")
	repetitions := flag.Int("n", 15, "repetitions of -bench")
	accuracy := flag.Bool("accuracy", false, "measure the Newton steps of the kernels named root and quotient instead")
	dense := flag.Bool("dense", false, "for -accuracy, every significand")
	flag.IntVar(&slack, "slack", 0, "leave `elements` beyond each array readable: QEMU reads what VMASKMOV masks out")
	flag.Parse()
	var kernels []Kernel
	if err := json.Unmarshal(kernelsJSON, &kernels); err != nil {
		fmt.Println("FAIL:", err)
		os.Exit(1)
	}
	has := instructionSets()
	if *only != "" {
		has = map[string]bool{*only: true}
	}
	if *size > 0 {
		measure(kernels, has, *size, *repetitions)
		return
	}
	if *accuracy {
		if err := measureNewton(kernels, has, *dense); err != nil {
			fmt.Println("FAIL:", err)
			os.Exit(1)
		}
		return
	}
	ran := map[string]int{}
	var count tally
	for i, v := range variants {
		if !has[v.isa] {
			continue
		}
		check := checkAll[float32]
		if v.double {
			check = checkAll[float64]
		}
		if err := check(&kernels[v.kernel], v.run, uint64(i), &count); err != nil {
			fmt.Printf("FAIL: kernel %d, %s, float64 %t: %v\n", v.kernel, v.isa, v.double, err)
			os.Exit(1)
		}
		ran[v.isa]++
	}
	fmt.Printf("PASS: %v kernels; %d values, %.3f of them numbers\n",
		ran, count.values, float64(count.numbers)/float64(max(count.values, 1)))
}

// tally counts the values compared and those that are numbers and not NaN.
type tally struct{ values, numbers int }
