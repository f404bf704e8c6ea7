package pass

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// What an order statistic is of need not be in memory: where a pass does nothing but compute it from arrays that stay as they are,
// package runtime makes it piece by piece for whoever reads it, and runs no such pass. Then the readers read those arrays.

// passKernel is a kernel of a pass.
type passKernel struct {
	pass int
	k    *ir.Kernel
}

// spared is how much less than the price of their kernels passes cost because arrays are made as they are read; less than 0 if
// more arrays are read than are kept.
func (cc *classCut) spared(all []passKernel) int {
	orders := slices.DeleteFunc(slices.Clone(cc.barrier), func(v *ir.Value) bool { return v.Kind != ir.Array || v.Op.Kind != op.Order })
	if len(orders) == 0 {
		return 0
	}
	sum := 0
	takes := map[*ir.Kernel]bool{} // reads pieces, so that no pieces are made of it
	for i, maker := range all {
		to, ok := cc.makes(maker.k)
		if !ok || takes[maker.k] {
			continue
		}
		m := &making{cc: cc, maker: maker, to: to, after: all[i+1:]}
		if saved, ok := m.spared(); ok {
			sum += saved
			for _, r := range m.readers {
				takes[r.k] = true
			}
		}
	}
	return sum
}

// makes is the scratch array that a kernel does nothing but compute from whole arrays.
func (cc *classCut) makes(k *ir.Kernel) (to ir.Place, ok bool) {
	if k.Domain != ir.Elem || len(k.Reductions)+len(k.Collects) > 0 || len(k.Stores) != 1 || len(k.Streams) >= MaxStreams {
		return to, false
	}
	for n, s := range k.Streams {
		if s.Extent != ir.Elem || s.Kind == ir.DrawStream || cc.rounds(s.Place) {
			return to, false
		}
		if n == k.Stores[0].Stream {
			to, ok = s.Place, s.Kind == ir.ScratchStream && !s.Read
		}
	}
	return to, ok && len(cases(cc.c.p, k, only{})) == 0
}

// making is an array that may be made piece by piece.
type making struct {
	cc      *classCut
	maker   passKernel
	to      ir.Place
	after   []passKernel
	readers []passKernel
	orders  int
}

// spared is what is saved; false if the array must be in memory.
func (m *making) spared() (int, bool) {
	for _, v := range m.cc.barrier {
		if !m.barrier(v) {
			return 0, false
		}
	}
	for n, r := range m.after {
		if streamOf(r.k, m.to) == nil {
			continue
		}
		if !m.takes(r.k) || m.changed(m.after[:n], r.pass+1) {
			return 0, false
		}
		m.readers = append(m.readers, r)
	}
	sources := costOf(m.maker.k).Reads
	arrays := sources + 1 - m.orders*(sources-1)
	for _, r := range m.readers {
		arrays++
		for _, s := range m.maker.k.Streams {
			if have := streamOf(r.k, s.Place); s.Read && (have == nil || !have.Read) {
				arrays--
			}
		}
	}
	return arrays * weight(ir.Elem), m.orders > 0
}

// barrier notes an order statistic of the array; false if something else reads it whole, or too late.
func (m *making) barrier(v *ir.Value) bool {
	level := m.cc.c.level[v]
	for n := range v.Args {
		a := m.cc.operand(v, n)
		if !a.Extent.IsArray() {
			continue
		}
		if place, _ := m.cc.readAt(a, level, ir.Clash); place != m.to {
			continue
		}
		before := slices.DeleteFunc(slices.Clone(m.after), func(k passKernel) bool { return k.pass >= level })
		alone := v.Per == ir.Tensor || v.Per < ir.Tensor && len(m.cc.c.classes) == 1
		if v.Kind != ir.Array || v.Op.Kind != op.Order || !alone || m.changed(before, level) {
			return false
		}
		m.orders++
	}
	return true
}

// changed reports whether one of the arrays that the maker reads is another after some kernels, or after a probe before a pass.
func (m *making) changed(by []passKernel, pass int) bool {
	for _, v := range m.cc.barrier {
		if l := m.cc.c.level[v]; v.Kind == ir.Probe && l > m.maker.pass && l < pass {
			return true
		}
	}
	for _, s := range m.maker.k.Streams {
		if s.Read && slices.ContainsFunc(by, func(k passKernel) bool { w := streamOf(k.k, s.Place); return w != nil && w.Write }) {
			return true
		}
	}
	return false
}

// takes reports whether a kernel that reads the array may have it in pieces.
func (m *making) takes(k *ir.Kernel) bool {
	return k.Domain == ir.Elem && len(k.Streams) < MaxStreams && !streamOf(k, m.to).Write && !k.ByRows().Rows
}

// streamOf is a kernel's stream of an array; nil if it has none.
func streamOf(k *ir.Kernel, p ir.Place) *ir.Stream {
	for i := range k.Streams {
		if s := &k.Streams[i]; s.Kind == p.Kind && s.Index == p.Index {
			return s
		}
	}
	return nil
}
