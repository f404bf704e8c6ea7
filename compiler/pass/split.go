package pass

import "github.com/optc-lang/optc/compiler/ir"

// split parts a kernel that reduces over the tensor and also per row or column, if the two have no array in common: the
// first goes from block to block, the second from row to row, and one loop for both would have to write down what it
// reduces. Apart they read and write no more than together.
func split(k *ir.Kernel) []*ir.Kernel {
	if len(k.Reductions) == 0 || len(k.Collects) == 0 {
		return []*ir.Kernel{k}
	}
	whole := part(k, nil, nil, k.Reductions)
	lines := part(k, k.Stores, k.Collects, nil)
	for _, a := range whole.Streams {
		for _, b := range lines.Streams {
			if a.Extent == k.Domain && a.Kind == b.Kind && a.Index == b.Index {
				return []*ir.Kernel{k}
			}
		}
	}
	return []*ir.Kernel{whole, lines}
}

// part is a kernel that does some of what k does, with what that needs.
func part(k *ir.Kernel, stores []ir.Store, collects []ir.Collect, reductions []ir.Reduction) *ir.Kernel {
	p := parting{from: k, to: &ir.Kernel{Domain: k.Domain}, at: map[ir.Operand]ir.Operand{}, streams: map[int]int{}}
	p.instrs(stores, reductions)
	for _, c := range collects {
		c.Stream = p.stream(c.Stream)
		p.to.Collects = append(p.to.Collects, c)
	}
	for _, s := range stores {
		p.to.Stores = append(p.to.Stores, ir.Store{Stream: p.stream(s.Stream), Value: p.operand(s.Value)})
	}
	for _, r := range reductions {
		r.Value = p.operand(r.Value)
		p.to.Reductions = append(p.to.Reductions, r)
	}
	return p.to
}

// parting copies some of a kernel.
type parting struct {
	from, to *ir.Kernel
	at       map[ir.Operand]ir.Operand
	streams  map[int]int
}

// instrs copies what values need.
func (p *parting) instrs(stores []ir.Store, reductions []ir.Reduction) {
	needed := map[ir.Operand]bool{}
	for _, s := range stores {
		needed[s.Value] = true
	}
	for _, r := range reductions {
		needed[r.Value] = true
	}
	for i := len(p.from.Instrs) - 1; i >= 0; i-- {
		if needed[ir.Operand{Index: i}] {
			for _, a := range p.from.Instrs[i].Args {
				needed[a] = true
			}
		}
	}
	for i, in := range p.from.Instrs {
		if !needed[ir.Operand{Index: i}] {
			continue
		}
		args := make([]ir.Operand, len(in.Args))
		for n, a := range in.Args {
			args[n] = p.operand(a)
		}
		if in.Args = args; in.Op == "load" {
			in.Args, in.Stream = nil, p.stream(in.Stream)
		}
		p.at[ir.Operand{Index: i}] = ir.Operand{Index: len(p.to.Instrs)}
		p.to.Instrs = append(p.to.Instrs, in)
	}
}

// operand is an operand of the copy; a scalar is copied when it is first met.
func (p *parting) operand(a ir.Operand) ir.Operand {
	b, ok := p.at[a]
	if !ok { // of a scalar: instructions are copied before those that need them
		b = ir.Operand{Scalar: true, Index: len(p.to.Scalars)}
		p.to.Scalars = append(p.to.Scalars, p.from.Scalars[a.Index])
		p.at[a] = b
	}
	return b
}

func (p *parting) stream(i int) int {
	n, ok := p.streams[i]
	if !ok {
		n = len(p.to.Streams)
		p.to.Streams = append(p.to.Streams, p.from.Streams[i])
		p.streams[i] = n
	}
	return n
}
