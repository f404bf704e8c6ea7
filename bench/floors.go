package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/optc-lang/optc/compiler/elementary"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/runtime/elem"
)

// vectors is an instruction set as the floors use it.
type vectors struct {
	name  string // of the register: Z or Y
	lanes int    // float32
	regs  int
}

var (
	avx512 = vectors{"Z", 16, 32}
	avx2   = vectors{"Y", 8, 16}
)

// pointers are the registers that hold the arrays of a walk; AX counts elements, DX is their number.
var pointers = []string{"BX", "CX", "SI", "DI", "R8", "R9", "R10", "R11", "R12", "R13"}

// lineFloats are the elements of a cache line.
const lineFloats = 16

// walkForm is how a walk goes: so many lines of each array at once, each stored as soon as it is there or all together, with idle
// instructions that keep the processor from running far ahead of its stores, whose addresses may look like those of loads in their
// last 12 bits: 16 of them were measured to save 5 to 13 % of a walk along 2 to 6 arrays in memory. Which form is the fastest differs
// from one set of arrays to another, so all are tried and the fastest is the floor.
type walkForm struct {
	lines  int
	behind bool // stores come behind all loads
	idle   int
}

var walkForms = []walkForm{{1, false, 16}, {1, false, 0}, {2, true, 0}, {4, false, 0}, {1, false, 32}, {1, true, 16}, {2, true, 40}}

// walkLoop prints a loop that moves what a pass must move and adds: what is read is summed up, what is written is what was read
// plus zero, or zero. So the arrays keep their values, but for the sign of a zero.
func walkLoop(v vectors, name string, p leastPass, form walkForm) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n// func %s(p *[10]unsafe.Pointer, n int)\nTEXT ·%s(SB), NOSPLIT, $0-16\n\tMOVQ p+0(FP), AX\n\tMOVQ n+8(FP), DX\n", name, name)
	for i := range p.Streams {
		fmt.Fprintf(&b, "\tMOVQ %d(AX), %s\n", 8*i, pointers[i])
	}
	unroll := form.lines * lineFloats / v.lanes
	behind := form.behind && len(p.Streams)*unroll <= v.regs/2
	zero, sums := v.regs-1, v.regs/2
	fmt.Fprintf(&b, "\tXORL AX, AX\n\tVXORPS Y%d, Y%d, Y%d\n", zero&15, zero&15, zero&15)
	if zero > 15 {
		fmt.Fprintf(&b, "\tVMOVAPS Z15, Z%d\n", zero)
	}
	for r := sums; r < zero; r++ {
		fmt.Fprintf(&b, "\tVMOVAPS %s%d, %s%d\n", v.name, zero, v.name, r)
	}
	fmt.Fprintf(&b, "\tTESTQ DX, DX\n\tJEQ done\n\tPCALIGN $64\nloop:\n")
	sum := sums
	var stores bytes.Buffer
	for u := range unroll {
		for i, s := range p.Streams {
			size := int(formatBytes(s.Format))
			reg := narrower(v.name, size)
			at := fmt.Sprintf("%d(%s)(AX*%d)", u*v.lanes*size, pointers[i], size)
			temp := (u*len(p.Streams) + i) % sums
			switch {
			case s.Read && s.Write:
				fmt.Fprintf(&b, "\t%s %s, %s%d, %s%d\n", adds(size), at, reg, zero, reg, temp)
				fmt.Fprintf(&stores, "\tVMOVUPS %s%d, %s\n", reg, temp, at)
			case s.Read:
				fmt.Fprintf(&b, "\t%s %s, %s%d, %s%d\n", adds(size), at, reg, sum, reg, sum)
				if sum++; sum == zero {
					sum = sums
				}
			default:
				fmt.Fprintf(&stores, "\tVMOVUPS %s%d, %s\n", reg, zero, at)
			}
			if !behind {
				stores.WriteTo(&b)
				for range form.idle {
					b.WriteString("\tBYTE $0x90\n")
				}
			}
		}
	}
	stores.WriteTo(&b)
	for range form.idle {
		b.WriteString("\tBYTE $0x90\n")
	}
	fmt.Fprintf(&b, "\tADDQ $%d, AX\n\tCMPQ AX, DX\n\tJLT loop\ndone:\n\tVZEROUPPER\n\tRET\n", unroll*v.lanes)
	return b.Bytes()
}

// narrower is the register of as many values of a size as a vector has of 4 bytes.
func narrower(reg string, size int) string {
	names := []string{"Z", "Y", "X"}
	i := slices.Index(names, reg)
	switch size {
	case 2:
		i++
	case 1:
		i += 2
	}
	return names[min(i, 2)]
}

// adds is the instruction that adds values of a size: of narrow ones their words.
func adds(size int) string {
	if size == 4 {
		return "VADDPS"
	}
	return "VPADDD"
}

// arithmeticLoop prints a loop that does for each vector as many operations as the kernels do, between registers none of which
// waits for another.
func arithmeticLoop(v vectors, name string, counts map[string]int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n// func %s(n int)\nTEXT ·%s(SB), NOSPLIT, $0-8\n\tMOVQ n+0(FP), DX\n", name, name)
	fmt.Fprintf(&b, "\tMOVL $0x3f900000, AX\n\tMOVQ AX, X0\n\tVBROADCASTSS X0, Y0\n") // 1.125
	half := v.regs / 2
	for r := 1; r < v.regs; r++ {
		if v.name == "Z" {
			fmt.Fprintf(&b, "\tVBROADCASTSS X0, Z%d\n", r)
		} else {
			fmt.Fprintf(&b, "\tVMOVAPS Y0, Y%d\n", r)
		}
	}
	if v.name == "Z" {
		fmt.Fprintf(&b, "\tVBROADCASTSS X0, Z0\n\tKXORW K1, K1, K1\n")
	}
	fmt.Fprintf(&b, "\tPCALIGN $64\nloop:\n\tTESTQ DX, DX\n\tJEQ done\n")
	k, r := 0, 0
	for _, line := range spread(counts) {
		// The low half of the registers takes results, the upper one gives operands.
		fmt.Fprintf(&b, "\t%s\n", instruction(v, line, half+(r+5)%half, half+r%half, r%half, 2+k%5))
		r++
		k++
	}
	fmt.Fprintf(&b, "\tDECQ DX\n\tJMP loop\ndone:\n\tVZEROUPPER\n\tRET\n")
	return b.Bytes()
}

// spread lists operations as often as they are counted, those of a kind far apart, so that no unit is asked for in a row.
func spread(counts map[string]int) []string {
	type due struct {
		at   float64
		name string
	}
	var all []due
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		for i := range counts[name] {
			all = append(all, due{(float64(i) + 0.5) / float64(counts[name]), name})
		}
	}
	slices.SortStableFunc(all, func(a, b due) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	var out []string
	for _, d := range all {
		out = append(out, d.name)
	}
	return out
}

// The basic operations of the floor: what a processor has an instruction for.
const (
	opAdd, opMul, opDiv, opSqrt, opBits, opCompare, opBlend, opMin, opRound, opMask, opFMA = "add", "mul", "div", "sqrt", "bits", "compare", "blend", "min", "round", "mask", "fma"
)

func instruction(v vectors, name string, a, b, to, k int) string {
	reg := func(i int) string { return fmt.Sprintf("%s%d", v.name, i) }
	wide := v.name == "Z"
	three := func(mnemonic string) string {
		return fmt.Sprintf("%s %s, %s, %s", mnemonic, reg(a), reg(b), reg(to))
	}
	switch name {
	case opMul:
		return three("VMULPS")
	case opFMA:
		return three("VFMADD231PS")
	case opDiv:
		return three("VDIVPS")
	case opSqrt:
		return fmt.Sprintf("VSQRTPS %s, %s", reg(a), reg(to))
	case opBits:
		if wide {
			return three("VPXORD")
		}
		return three("VXORPS")
	case opCompare:
		if wide {
			return fmt.Sprintf("VCMPPS $1, %s, %s, K%d", reg(a), reg(b), k)
		}
		return fmt.Sprintf("VCMPPS $1, %s, %s, %s", reg(a), reg(b), reg(to))
	case opBlend:
		if wide {
			return fmt.Sprintf("VBLENDMPS %s, %s, K1, %s", reg(a), reg(b), reg(to))
		}
		return fmt.Sprintf("VBLENDVPS %s, %s, %s, %s", reg(a), reg(b), reg(a), reg(to))
	case opMin:
		return three("VMINPS")
	case opRound:
		if wide {
			return fmt.Sprintf("VRNDSCALEPS $8, %s, %s", reg(a), reg(to))
		}
		return fmt.Sprintf("VROUNDPS $0, %s, %s", reg(a), reg(to))
	case opMask:
		if wide {
			return fmt.Sprintf("KANDW K1, K1, K%d", k)
		}
		return three("VANDPS")
	}
	return three("VADDPS")
}

// basic says what an operator of the language, or a step of an elementary function, is at least made of.
var basic = map[string][]string{
	"add": {opAdd}, "sub": {opAdd}, "mul": {opMul}, "div": {opDiv}, "neg": {opBits},
	"eq": {opCompare}, "ne": {opCompare}, "lt": {opCompare}, "le": {opCompare}, "gt": {opCompare}, "ge": {opCompare},
	"and": {opMask}, "or": {opMask}, "not": {opMask}, "where": {opBlend}, "real": {opBlend}, "isfinite": {opCompare},
	"abs": {opBits}, "sign": {opCompare, opBits}, "sqrt": {opSqrt}, "rsqrt": {opSqrt, opDiv},
	"floor": {opRound}, "ceil": {opRound}, "round": {opRound}, "min": {opMin}, "max": {opMin}, "copysign": {opBits},
	"fma": {opFMA}, "pow2": {opBits}, "exponent": {opBits}, "mantissa": {opBits}, "top": {opBits},
}

// parts are the basic operations of an operator. An elementary function has those of its definition; one that has none there is as
// many products and sums in turn as the operator table charges for it.
func parts(name string) []string {
	if p, ok := basic[name]; ok {
		return p
	}
	var out []string
	if f, ok := elementary.Lookup(name, 32); ok {
		for _, s := range f.Steps {
			if s.Op != "const" {
				out = append(out, parts(s.Op)...)
			}
		}
		return out
	}
	for i := range op.Must(name).Flops {
		out = append(out, []string{opMul, opAdd}[i%2])
	}
	return out
}

// operations counts what the kernels of a step over a class's elements do to each of them.
func operations(c *compiled, class int) map[string]int {
	counts := map[string]int{}
	for _, s := range c.stages(class) {
		if s.Kernel == nil || s.Kernel.Domain != ir.Elem {
			continue
		}
		for _, in := range s.Kernel.Instrs {
			if in.Op == "load" {
				continue
			}
			for _, p := range parts(in.Op) {
				counts[p]++
			}
		}
		for _, r := range s.Kernel.Reductions {
			if r.Kind == elem.ReduceSum {
				counts[opAdd]++
			} else {
				counts[opMin]++
			}
		}
		for range s.Kernel.Collects {
			counts[opAdd]++
		}
	}
	return counts
}
