package egraph

import (
	"math/bits"

	"github.com/optc-lang/optc/compiler/ir"
)

// Cost is what a step asks of the machine by a model that knows no scheduler: every pass over memory computes what it
// needs from what lies in memory, and keeps nothing for the next but the new parameter and the new states.
type Cost struct {
	Passes int // loops over the parameters: what needs all of an array must wait for a pass
	Loads  int // arrays that passes read, in thousandths of an array of elements
	Flops  int // operations of an element in thousandths of an addition; one of a step value is a thousandth of that
}

// Prices of a pass and of an array read, in the units of Flops: package pass prices an array at a thousand operations.
const (
	passPrice = 2_000_000
	loadPrice = 1_000
)

// Total is the cost as one number.
func (c Cost) Total() int64 {
	return int64(c.Passes)*passPrice + int64(c.Loads)*loadPrice + int64(c.Flops)
}

// weight is how many thousandths of an array of elements there are of an extent.
func weight(e ir.Extent) int {
	switch {
	case e == ir.Row || e == ir.Col:
		return 10
	case e.IsArray():
		return 1000
	}
	return 1
}

// part is a value as the model sees it: operands come before it.
type part struct {
	kind   ir.Kind
	flops  int
	extent ir.Extent
	of     ir.Extent // of a reduction
	args   []int
}

// costOf prices parts of which some are roots.
func costOf(parts []part, roots []int) Cost {
	level := make([]int, len(parts)) // passes that must be over before
	for i, p := range parts {
		for _, a := range p.args {
			level[i] = max(level[i], level[a])
		}
		if p.kind == ir.Reduce && p.of.IsArray() || p.kind == ir.Array || p.kind == ir.Probe {
			level[i]++
		}
	}
	need := make([]uint64, len(parts)) // passes that compute or read it
	all := uint64(0)
	ask := func(i, pass int) {
		all |= 1 << min(pass, 63)
		if parts[i].extent.IsArray() {
			need[i] |= 1 << min(pass, 63)
		}
	}
	kept := make([]bool, len(parts))
	for _, r := range roots {
		if parts[r].extent.IsArray() {
			ask(r, level[r])
			kept[r] = true
		}
	}
	c := Cost{}
	for i := len(parts) - 1; i >= 0; i-- {
		p := parts[i]
		if kept[i] && len(p.args) > 0 { // later passes read it
			now := uint64(1)<<(min(level[i], 63)+1) - 1
			c.Loads += bits.OnesCount64(need[i]&^now) * weight(p.extent)
			need[i] &= now
		}
		times := bits.OnesCount64(need[i])
		switch {
		case p.kind == ir.Reduce:
			if p.of.IsArray() {
				ask(p.args[0], level[p.args[0]])
			}
			c.Flops += weight(p.of)
			c.Loads += times * weight(p.extent) // of a reduction per row
		case p.kind == ir.Apply:
			if !p.extent.IsArray() {
				times = 1
			}
			c.Flops += times * p.flops * weight(p.extent)
			for _, a := range p.args {
				if parts[a].extent.IsArray() {
					need[a] |= need[i]
				}
			}
		default:
			if p.extent.IsArray() {
				c.Loads += times * weight(p.extent)
			}
			for _, a := range p.args { // in memory before
				ask(a, level[a])
				c.Loads += weight(parts[a].extent)
			}
		}
	}
	c.Passes = bits.OnesCount64(all)
	return c
}

// CostOf prices the values that a program's step and evaluation compute.
func CostOf(p *ir.Program) Cost { return costOfValues(append(p.Roots(), p.Eval)) }

func costOfValues(roots []*ir.Value) Cost {
	at := map[*ir.Value]int{}
	var parts []part
	for _, v := range ir.Reachable(roots...) {
		if v.Kind == ir.Spread { // nothing is computed
			at[v] = at[v.Args[0]]
			continue
		}
		q := part{kind: v.Kind, extent: v.Extent}
		if v.Op != nil {
			q.flops = v.Op.Flops
		}
		for _, a := range v.Args {
			q.args = append(q.args, at[a])
		}
		if v.Kind == ir.Reduce {
			q.of = v.Args[0].Extent
		}
		at[v] = len(parts)
		parts = append(parts, q)
	}
	var list []int
	for _, r := range roots {
		if r != nil {
			list = append(list, at[r])
		}
	}
	return costOf(parts, list)
}
