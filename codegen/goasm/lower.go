package goasm

import (
	"fmt"
	"math"

	"github.com/optc-lang/optc/compiler/elementary"
	"github.com/optc-lang/optc/compiler/ir"
)

// lowered is a kernel whose elementary functions are unrolled into operators with rows of the instruction set. Their
// numbers are constants: an operand that is a scalar beyond the kernel's own stands for one of them.
type lowered struct {
	*ir.Kernel
	constants []string
}

// lower unrolls the elementary functions of a kernel for a type of elements.
func lower(k *ir.Kernel, d DType) *lowered {
	out := *k
	l := &lowering{dtype: d, from: k, to: &lowered{Kernel: &out}, at: make([]ir.Operand, len(k.Instrs)), constant: map[string]ir.Operand{}}
	out.Instrs = nil
	for i, in := range k.Instrs {
		l.instr(i, in)
	}
	out.Stores = make([]ir.Store, len(k.Stores))
	for i, s := range k.Stores {
		out.Stores[i] = ir.Store{Stream: s.Stream, Value: l.operand(s.Value)}
	}
	out.Reductions = make([]ir.Reduction, len(k.Reductions))
	for i, r := range k.Reductions {
		r.Value = l.operand(r.Value)
		out.Reductions[i] = r
	}
	return l.to
}

type lowering struct {
	dtype    DType
	from     *ir.Kernel
	to       *lowered
	at       []ir.Operand // where the value of each instruction is now
	constant map[string]ir.Operand
}

func (l *lowering) operand(a ir.Operand) ir.Operand {
	if a.Scalar {
		return a
	}
	return l.at[a.Index]
}

func (l *lowering) instr(i int, in ir.Instr) {
	args := make([]ir.Operand, len(in.Args))
	for j, a := range in.Args {
		args[j] = l.operand(a)
	}
	f, ok := elementary.Lookup(in.Op, 8*l.dtype.size())
	if !ok {
		in.Args = args
		l.at[i] = l.add(in)
		return
	}
	l.at[i] = l.unroll(f, args, in)
}

func (l *lowering) add(in ir.Instr) ir.Operand {
	l.to.Instrs = append(l.to.Instrs, in)
	return ir.Operand{Index: len(l.to.Instrs) - 1}
}

// unroll appends the steps of a function; the last has the name of its call.
func (l *lowering) unroll(f *elementary.Function, args []ir.Operand, call ir.Instr) ir.Operand {
	values := args
	for i, s := range f.Steps {
		if s.Op == "const" {
			values = append(values, l.number(s.Const))
			continue
		}
		in := ir.Instr{Op: s.Op, Mask: isMask(s.Op)}
		for _, a := range s.Args {
			in.Args = append(in.Args, values[a])
		}
		if i == len(f.Steps)-1 {
			in.Name, in.Value = call.Name, call.Value
		}
		values = append(values, l.add(in))
	}
	return values[len(values)-1]
}

// number is the constant x.
func (l *lowering) number(x float64) ir.Operand {
	name := numberName(x, l.dtype)
	a, ok := l.constant[name]
	if !ok {
		a = ir.Operand{Scalar: true, Index: len(l.from.Scalars) + len(l.to.constants)}
		l.to.constants = append(l.to.constants, name)
		l.constant[name] = a
	}
	return a
}

// numberName names the constant x by its bits.
func numberName(x float64, d DType) string {
	if d == F32 {
		return fmt.Sprintf("n%08x", math.Float32bits(float32(x)))
	}
	return fmt.Sprintf("n%016x", math.Float64bits(x))
}
