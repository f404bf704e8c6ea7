// Package goasm turns kernels into Go assembly for amd64 (AVX-512 and AVX2) and arm64 (NEON), float32 and float64.
//
// In comes an [ir.Kernel]; out goes the text of one assembly function that takes a pointer to the runtime's Args.
// The arithmetic is strict: one rounding an operator, no fused multiply-add, reductions by the tree of package elem,
// so all instruction sets agree with the portable kernel bit for bit, all NaNs taken as equal. A kernel under fast math
// (fuse.go) fuses products with sums, and of every four vectors of float32 on amd64 takes each quotient and root of one by
// Newton steps: what an element becomes then depends on the instruction set and on where the element is, counted from the
// start of the stream, but not on how many follow.
// A kernel never reads or writes past the end of a stream, and the streams of one kernel must not overlap.
//
// The road is short. fuse.go brings in the operators of fast math; lower.go unrolls elementary functions into operators, and choose.go
// takes the processor's own minimum and maximum for what means the same; the rows of an instruction set (avx512.go,
// avx2.go, neon.go) say what each of these becomes; select.go orders the kernel and expands it into straight-line code
// over virtual registers; alloc.go gives each a register, spilling by furthest next use; layout.go puts loops, tails and
// reductions around it. What else the assembly of a processor says in its own way is in amd64.go and arm64.go.
// AVX-512 kernels need AVX512F only, those that write q8 also AVX512BW; AVX2 kernels AVX2 and, under fast math, FMA only: these never touch Y16-Y31 or an EVEX encoding.
package goasm

import (
	"bytes"
	"fmt"

	"github.com/optc-lang/optc/compiler/elementary"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/runtime/elem"
)

// DType is the type of a kernel's elements.
type DType uint8

// The element types.
const (
	F32 DType = iota
	F64
)

func (d DType) size() int {
	if d == F64 {
		return 8
	}
	return 4
}

// ISA is an instruction set.
type ISA uint8

// The instruction sets.
const (
	AVX2 ISA = iota
	AVX512
	NEON
)

// ISAs lists the instruction sets.
var ISAs = []ISA{AVX2, AVX512, NEON}

func (isa ISA) String() string { return isa.set().name }

func (isa ISA) set() *instructionSet {
	return [...]*instructionSet{AVX2: &avx2, AVX512: &avx512, NEON: &neon}[isa]
}

// Has reports whether there is vector code for an operator: a row of the instruction set, or an elementary function.
func Has(isa ISA, op string) bool {
	if _, ok := isa.set().rows[op]; ok || op == opLoad {
		return true
	}
	_, ok := elementary.Lookup(op, 32)
	return ok
}

// Supports reports whether every instruction of a kernel and every storage format of its streams can be emitted.
func Supports(isa ISA, k *ir.Kernel) bool {
	for _, s := range k.Streams {
		if _, ok := isa.set().narrow[s.Format]; !ok && s.Format != "" {
			return false
		}
	}
	for _, in := range k.Instrs {
		if !Has(isa, in.Op) {
			return false
		}
	}
	return true
}

// Emit returns the kernel as the assembly function ·symbol, declared in Go as func symbol(a *optrt.Args) with any name
// for the package. It belongs in a [File], which defines the constants that it reads. A kernel with storage formats is for
// float32 and a number of elements that [elem.DirectUnit] divides or, where one has scales, [elem.Q8Block].
func Emit(isa ISA, dtype DType, symbol string, k *ir.Kernel) ([]byte, error) {
	if err := verify(isa, k); err != nil {
		return nil, fmt.Errorf("goasm: kernel %s: %w", k.Name, err)
	}
	if k.Fast {
		k = fuse(isa.set(), dtype, k)
	}
	l := lower(k, dtype)
	l.choose(isa.set(), dtype)
	f := newFunction(isa.set(), dtype, l)
	if f.isDirect() && elem.DirectUnit*dtype.size()%f.step() != 0 {
		return nil, fmt.Errorf("goasm: kernel %s: an iteration takes %d bytes, which does not divide %d elements", k.Name, f.step(), elem.DirectUnit)
	}
	return f.text(symbol), nil
}

// File puts functions into one assembly file. The header holds the comments and the build tag that it starts with.
func File(header string, bodies [][]byte) []byte {
	var b bytes.Buffer
	b.WriteString(header)
	b.WriteString("\n#include \"textflag.h\"\n")
	writeConstants(&b, bodies)
	for _, body := range bodies {
		b.WriteByte('\n')
		b.Write(body)
	}
	return b.Bytes()
}
