package main

import (
	"fmt"
	"slices"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/runtime/elem"
)

// roofOf is a rule that walks along the same arrays of elements as r does for a class of tensors, pass by pass, and only
// adds: it writes x and the states as sums, and where a pass of r writes nothing it sums up what it reads. Rows and
// columns, and random values, are no traffic. A state in a narrow format has its place taken by an array of the element
// type: converting numbers is no traffic either.
func roofOf(r *compiler.Rule, class int) *compiler.Rule {
	p := &ir.Program{Name: r.Name + "_roof", Doc: "The memory traffic of " + r.Name + ".", Hypers: r.Plan.Program.Hypers, Givens: r.Plan.Program.Givens,
		States: slices.Clone(r.Plan.Program.States), X: r.Plan.Program.X, Pool: r.Plan.Program.Pool}
	for i := range p.States {
		p.States[i].As = ir.Storage{}
	}
	own := r.Plan.Classes[class]
	plan := &ir.Plan{Program: p, Same: true, Scratch: r.Plan.Scratch, Classes: []ir.Class{{States: own.States, Scratch: own.Scratch}}}
	for _, s := range r.Plan.Later {
		if s.Kernel == nil || s.Class != class || s.Kernel.Domain != ir.Elem {
			continue
		}
		k := roofKernel(p.Pool, s.Kernel)
		if len(k.Streams) == 0 {
			continue
		}
		k.Name = fmt.Sprintf("%s%d", p.Name, len(plan.Kernels))
		plan.Kernels = append(plan.Kernels, k)
		plan.Later = append(plan.Later, ir.Stage{Kernel: k})
	}
	plan.First = plan.Later
	out := *r
	out.Name, out.Plan, out.Checked = p.Name, plan, p
	return &out
}

// roofKernel reads what k reads and writes what k writes. A value written is its old one plus what is read only; so it
// grows by a constant a step and no number becomes subnormal or infinite.
func roofKernel(pool *ir.Pool, k *ir.Kernel) *ir.Kernel {
	b := &roofBuilder{pool, &ir.Kernel{Domain: k.Domain}}
	loads, number := map[int]ir.Operand{}, map[int]int{}
	var only, all []ir.Operand
	for i, s := range k.Streams {
		if s.Extent != ir.Elem || s.Kind == ir.DrawStream || s.Kind == ir.CollectStream {
			continue
		}
		number[i] = len(b.k.Streams)
		b.k.Streams = append(b.k.Streams, s)
		if !s.Read {
			continue
		}
		loads[i] = b.load(k, i, number[i])
		all = append(all, loads[i])
		if !s.Write {
			only = append(only, loads[i])
		}
	}
	stores := slices.DeleteFunc(slices.Clone(k.Stores), func(s ir.Store) bool { _, ok := number[s.Stream]; return !ok })
	if len(stores) == 0 && len(all) > 0 {
		value := b.sum(all)
		b.k.Reductions = []ir.Reduction{{Kind: elem.ReduceSum, Value: value, Result: pool.Reduce(op.Must("sum"), b.value(value), ir.Tensor, nil)}}
		return b.k
	}
	if len(only) > 0 {
		only = []ir.Operand{b.sum(only)}
	}
	for _, s := range stores {
		terms := only
		if old, ok := loads[s.Stream]; ok {
			terms = append([]ir.Operand{old}, only...)
		} else if len(only) == 0 {
			terms = all
		}
		b.k.Stores = append(b.k.Stores, ir.Store{Stream: number[s.Stream], Value: b.sum(terms)})
	}
	return b.k
}

type roofBuilder struct {
	pool *ir.Pool
	k    *ir.Kernel
}

func (b *roofBuilder) emit(in ir.Instr) ir.Operand {
	b.k.Instrs = append(b.k.Instrs, in)
	return ir.Operand{Index: len(b.k.Instrs) - 1}
}

// load reads a stream as k does.
func (b *roofBuilder) load(k *ir.Kernel, stream, number int) ir.Operand {
	for _, in := range k.Instrs {
		if in.Op == "load" && in.Stream == stream {
			in.Stream = number
			return b.emit(in)
		}
	}
	panic("bench: a stream is read by no load")
}

func (b *roofBuilder) value(o ir.Operand) *ir.Value {
	if o.Scalar {
		return b.k.Scalars[o.Index].Value
	}
	return b.k.Instrs[o.Index].Value
}

// sum adds operands; of none it is zero.
func (b *roofBuilder) sum(terms []ir.Operand) ir.Operand {
	if len(terms) == 0 {
		b.k.Scalars = []ir.Scalar{{Value: b.pool.Number(0), Name: "0"}}
		return ir.Operand{Scalar: true}
	}
	total := terms[0]
	for _, t := range terms[1:] {
		total = b.emit(ir.Instr{Op: "add", Args: []ir.Operand{total, t}, Value: b.pool.Call("add", b.value(total), b.value(t))})
	}
	return total
}
