package pass

import (
	"github.com/optc-lang/optc/compiler/ir"
)

// build makes the kernel of pass n over a domain; nil if it needs a value that is not there.
func (cc *classCut) build(n int, domain ir.Extent) *ir.Kernel {
	b := &kernelBuilder{cc: cc, pass: n, k: &ir.Kernel{Domain: domain}, done: map[*ir.Value]ir.Operand{}, scalars: map[*ir.Value]int{}}
	for _, v := range cc.reduces[at{n, domain}] {
		if !v.Extent.IsArray() {
			b.k.Reductions = append(b.k.Reductions, ir.Reduction{Kind: v.Op.Reduce, Value: b.operand(v.Args[0]), Result: v})
			continue
		}
		value := b.operand(v.Args[0])
		to, _ := cc.home(v)
		from := ir.Place{Kind: ir.CollectStream, Index: v.ID, Extent: domain, Name: to.Name}
		b.k.Collects = append(b.k.Collects, ir.Collect{Kind: v.Op.Reduce, Stream: b.stream(from, false), To: to, Result: v})
		b.k.Stores = append(b.k.Stores, ir.Store{Stream: len(b.k.Streams) - 1, Value: value})
	}
	for _, s := range cc.stores {
		if s.pass == n && s.place.Extent == domain {
			value := b.operand(s.value)
			if s.value.Mask { // as 0 or 1
				value = b.instr(ir.Instr{Op: "real", Args: []ir.Operand{b.maskOf(value, s.value)}, Name: s.place.Name, Value: s.value})
			}
			b.k.Stores = append(b.k.Stores, ir.Store{Stream: b.stream(s.place, false), Value: value})
		}
	}
	if b.lost {
		return nil
	}
	return b.k
}

type kernelBuilder struct {
	cc      *classCut
	pass    int
	k       *ir.Kernel
	done    map[*ir.Value]ir.Operand
	scalars map[*ir.Value]int
	lost    bool
}

// operand makes v and what it needs. Operands are made iteratively: a long chain must not exhaust the stack.
func (b *kernelBuilder) operand(root *ir.Value) ir.Operand {
	stack := []*ir.Value{root}
	for len(stack) > 0 {
		v := stack[len(stack)-1]
		if _, ok := b.done[v]; ok {
			stack = stack[:len(stack)-1]
			continue
		}
		ready := true
		if !b.isLeaf(v) {
			for i := len(v.Args) - 1; i >= 0; i-- {
				if _, ok := b.done[v.Args[i]]; !ok {
					stack = append(stack, v.Args[i])
					ready = false
				}
			}
		}
		if ready {
			b.done[v] = b.make(v)
			stack = stack[:len(stack)-1]
		}
	}
	return b.done[root]
}

// isLeaf reports whether the kernel takes v as it is: a step value, a draw, or what it reads from memory.
func (b *kernelBuilder) isLeaf(v *ir.Value) bool {
	if !v.Extent.IsArray() || v.Kind == ir.Draw && v.Extent == b.k.Domain || v.Extent != b.k.Domain {
		return true
	}
	_, there := b.cc.readAt(v, b.pass, b.k.Domain)
	return there || inMemory(v)
}

func (b *kernelBuilder) make(v *ir.Value) ir.Operand {
	switch {
	case !v.Extent.IsArray():
		return ir.Operand{Scalar: true, Index: b.scalar(v)}
	case v.Kind == ir.Draw && v.Extent == b.k.Domain:
		return b.load(v, ir.Place{Kind: ir.DrawStream, Index: v.Index, Extent: v.Extent, Name: v.Name})
	case b.isLeaf(v):
		place, there := b.cc.readAt(v, b.pass, b.k.Domain)
		b.lost = b.lost || !there
		return b.load(v, place)
	case v.Kind == ir.Spread:
		return b.done[v.Args[0]]
	}
	in := ir.Instr{Op: v.Op.Name, Mask: v.Mask, Name: v.Label, Value: v}
	for i, a := range v.Args {
		arg := b.done[a]
		if v.Op.MaskArgs&(1<<i) != 0 {
			arg = b.maskOf(arg, a)
		}
		in.Args = append(in.Args, arg)
	}
	return b.instr(in)
}

// load reads a value from memory, where a mask is 0 or 1.
func (b *kernelBuilder) load(v *ir.Value, place ir.Place) ir.Operand {
	return b.instr(ir.Instr{Op: "load", Stream: b.stream(place, true), Name: place.Name, Value: v})
}

// maskOf makes a mask of what is 0 or 1: a step value, or a mask in memory.
func (b *kernelBuilder) maskOf(o ir.Operand, v *ir.Value) ir.Operand {
	if !o.Scalar && b.k.Instrs[o.Index].Op != "load" {
		return o
	}
	zero := ir.Operand{Scalar: true, Index: b.scalar(b.cc.c.p.Pool.Number(0))}
	return b.instr(ir.Instr{Op: "ne", Args: []ir.Operand{o, zero}, Mask: true, Name: v.Label})
}

func (b *kernelBuilder) instr(in ir.Instr) ir.Operand {
	b.k.Instrs = append(b.k.Instrs, in)
	return ir.Operand{Index: len(b.k.Instrs) - 1}
}

func (b *kernelBuilder) scalar(v *ir.Value) int {
	if i, ok := b.scalars[v]; ok {
		return i
	}
	name := v.Label
	if len(v.Args) == 0 {
		name = b.cc.c.p.Leaf(v)
	}
	b.k.Scalars = append(b.k.Scalars, ir.Scalar{Value: v, Name: name})
	b.scalars[v] = len(b.k.Scalars) - 1
	return len(b.k.Scalars) - 1
}

func (b *kernelBuilder) stream(p ir.Place, read bool) int {
	i := 0
	for ; i < len(b.k.Streams); i++ {
		if have := b.k.Streams[i]; have.Kind == p.Kind && have.Index == p.Index {
			break
		}
	}
	if i == len(b.k.Streams) {
		b.k.Streams = append(b.k.Streams, ir.Stream{Place: p})
	}
	if read {
		b.k.Streams[i].Read = true
	} else {
		b.k.Streams[i].Write = true
	}
	return i
}
