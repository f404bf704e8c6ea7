package egraph

import (
	"math"

	"github.com/optc-lang/optc/compiler/ir"
)

// value is the class of v, with all that it is made of.
func (g *graph) value(v *ir.Value) id {
	done := map[*ir.Value]id{}
	for _, n := range ir.Above(g.isLeaf, v) {
		done[n] = g.valueOf(n, done)
	}
	return g.find(done[v])
}

// isLeaf reports whether the operands of a value are not looked at: those of what is not known here, and those of
// reductions as long as extents are not final, for these runs over as many values as their operands have.
func (g *graph) isLeaf(v *ir.Value) bool {
	if len(v.Args) == 0 || len(v.Args) > maxArgs {
		return true
	}
	switch v.Kind {
	case ir.Apply, ir.Spread:
		return false
	case ir.Reduce:
		return !g.final || len(v.Args) > 1
	case ir.Array, ir.Probe:
		return !g.final
	}
	return true
}

func (g *graph) valueOf(v *ir.Value, done map[*ir.Value]id) id {
	if v.Kind == ir.Spread && len(v.Args) == 1 {
		return done[v.Args[0]]
	}
	n := node{}
	h := head{kind: v.Kind, op: v.Op, mask: v.Mask}
	arity := len(v.Args)
	switch {
	case v.Kind == ir.Number:
		return g.named(g.number(v.Num, v.Mask), v)
	case g.isLeaf(v):
		h.name, h.index, h.per, h.of, h.extent = v.Name, v.Index, v.Per, v.Of, v.Extent
		if arity = 0; len(v.Args) > 0 {
			h.leaf = v
		}
	case v.Kind == ir.Reduce:
		h.of, h.per = v.Args[0].Extent, v.Per
	case v.Kind != ir.Apply:
		h.name, h.index, h.per, h.of, h.extent = v.Name, v.Index, v.Per, v.Of, v.Extent
		for i, a := range v.Args {
			h.takes[i] = a.Extent
		}
	}
	if arity > 0 {
		for i, a := range v.Args {
			n.args[i] = done[a]
		}
	}
	n.head = g.headOf(h, arity, v)
	return g.named(g.add(n), v)
}

// named keeps what the rule called a value.
func (g *graph) named(x id, v *ir.Value) id {
	if c := g.class(x); c.label == "" {
		c.label = v.Label
	}
	return x
}

// make is the value of a node whose operands have been made.
func (g *graph) make(n node, args []*ir.Value) *ir.Value {
	h := &g.heads[n.head]
	switch {
	case h.kind == ir.Number && h.mask:
		return g.pool.Bool(h.num != 0)
	case h.kind == ir.Number:
		return g.pool.Number(math.Float64frombits(h.num))
	case g.arity[n.head] == 0:
		return g.like[n.head]
	case h.kind == ir.Apply:
		return g.pool.Apply(h.op, args...)
	case h.kind == ir.Reduce:
		return g.pool.Reduce(h.op, g.pool.Spread(args[0], h.of), h.per, nil)
	}
	for i := range args {
		args[i] = g.pool.Spread(args[i], h.takes[i])
	}
	return g.pool.Copy(g.like[n.head], args)
}
