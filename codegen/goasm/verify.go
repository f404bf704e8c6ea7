package goasm

import (
	"fmt"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/runtime/elem"
)

// maxStreams is the length of Args.Ptr.
const maxStreams = 64

// verify checks what the generator relies on: known operators with the right operands, definitions before uses.
func verify(isa ISA, k *ir.Kernel) error {
	if len(k.Streams) > maxStreams {
		return fmt.Errorf("%d streams, at most %d are possible", len(k.Streams), maxStreams)
	}
	for i := range k.Instrs {
		if err := verifyInstr(isa, k, i); err != nil {
			return fmt.Errorf("instruction %d (%s): %w", i, k.Instrs[i].Op, err)
		}
	}
	for i, s := range k.Stores {
		if err := verifyStream(k, s.Stream); err != nil {
			return fmt.Errorf("store %d: %w", i, err)
		}
		if err := verifyOperand(k, s.Value, len(k.Instrs), false); err != nil {
			return fmt.Errorf("store %d: %w", i, err)
		}
	}
	for i, r := range k.Reductions {
		if r.Kind > elem.ReduceMax {
			return fmt.Errorf("reduction %d: unknown kind %d", i, r.Kind)
		}
		if err := verifyOperand(k, r.Value, len(k.Instrs), false); err != nil {
			return fmt.Errorf("reduction %d: %w", i, err)
		}
	}
	return nil
}

func verifyInstr(isa ISA, k *ir.Kernel, i int) error {
	in := k.Instrs[i]
	if in.Op == opLoad {
		if len(in.Args) > 0 || in.Mask {
			return fmt.Errorf("a load takes no operands and gives no mask")
		}
		return verifyStream(k, in.Stream)
	}
	o, ok := op.Lookup(in.Op)
	if !ok || !Has(isa, in.Op) {
		return fmt.Errorf("no such operator on %s", isa)
	}
	if len(in.Args) != o.Args {
		return fmt.Errorf("%d operands, want %d", len(in.Args), o.Args)
	}
	if in.Mask != o.Mask {
		return fmt.Errorf("mask is %t, want %t", in.Mask, o.Mask)
	}
	for j, a := range in.Args {
		if err := verifyOperand(k, a, i, o.MaskArgs>>j&1 != 0); err != nil {
			return err
		}
	}
	return nil
}

func verifyStream(k *ir.Kernel, i int) error {
	if i < 0 || i >= len(k.Streams) {
		return fmt.Errorf("no stream %d among %d", i, len(k.Streams))
	}
	return nil
}

// verifyOperand checks one operand of what stands at position at; mask says what is wanted of it.
func verifyOperand(k *ir.Kernel, a ir.Operand, at int, mask bool) error {
	if a.Scalar {
		if a.Index < 0 || a.Index >= len(k.Scalars) {
			return fmt.Errorf("no scalar %d among %d", a.Index, len(k.Scalars))
		}
		if mask {
			return fmt.Errorf("scalar %d where a mask is wanted", a.Index)
		}
		return nil
	}
	if a.Index < 0 || a.Index >= at {
		return fmt.Errorf("value %d is not defined yet", a.Index)
	}
	if k.Instrs[a.Index].Mask != mask {
		return fmt.Errorf("value %d: mask is %t, want %t", a.Index, !mask, mask)
	}
	return nil
}
