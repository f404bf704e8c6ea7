package derive

import (
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// gradient is the derivative of the sum of y in v, of v's extent. Under a guard, sums over tensors are over those for which
// it holds; it may be nil.
func (d *deriver) gradient(y, v, guard *ir.Value) *ir.Value {
	return d.cotangents([]seed{{y, d.pool.Number(1)}}, []*ir.Value{v}, guard)[0]
}

// seed is a value with its cotangent: the derivative of a result in each of its values.
type seed struct{ of, cotangent *ir.Value }

// cotangents carries the cotangents of results back to the values of wrt (Griewank and Walther, Evaluating Derivatives,
// chapter 3). Operations on elements are carried as one: the tangent of what they lead to in each value that they start
// from, times its cotangent; so a branch that is not taken is never multiplied by. What is no such operation, a station,
// has its product with a cotangent in the operator's row.
func (d *deriver) cotangents(seeds []seed, wrt []*ir.Value, guard *ir.Value) []*ir.Value {
	w := d.newWalk(wrt, guard)
	cotangent := map[*ir.Value]*ir.Value{} // of stations and of wrt
	give := func(n, c *ir.Value) {
		w.throughElements(n, c, func(leaf, c *ir.Value) {
			if old := cotangent[leaf]; old != nil {
				c = d.pool.Call("add", old, c)
			}
			cotangent[leaf] = c
		})
	}
	w.carry = func(a, c, g *ir.Value) {
		if g != nil && g != guard { // else nothing is computed, and nobody may read what stands there
			c = d.pool.Call("where", g, c, d.pool.Number(0))
		}
		give(a, d.pool.Spread(c, a.Extent))
	}
	order := w.above(seeds)
	for _, s := range seeds {
		give(s.of, s.cotangent)
	}
	for _, n := range slices.Backward(order) {
		if c := cotangent[n]; c != nil && !w.wrt[n] {
			w.station(n, c)
		}
	}
	out := make([]*ir.Value, len(wrt))
	for i, v := range wrt {
		out[i] = d.pool.Spread(orZero(d.pool, cotangent[v]), v.Extent)
	}
	return out
}

// walk is one run backwards.
type walk struct {
	*deriver
	wrt, depends map[*ir.Value]bool
	guard        *ir.Value
	carry        func(a, c, guard *ir.Value) // takes a station's part of the cotangent of its operand a, where guard, if any, holds
}

func (d *deriver) newWalk(wrt []*ir.Value, guard *ir.Value) *walk {
	w := &walk{deriver: d, wrt: map[*ir.Value]bool{}, depends: map[*ir.Value]bool{}, guard: guard}
	for _, v := range wrt {
		w.wrt[v] = true
	}
	return w
}

// above are the values that lead from wrt to the results, operands first; it notes which do.
func (w *walk) above(seeds []seed) []*ir.Value {
	var roots []*ir.Value
	for _, s := range seeds {
		roots = append(roots, s.of)
	}
	order := ir.Above(func(n *ir.Value) bool { return w.wrt[n] }, roots...)
	w.visit(len(order))
	for _, n := range order {
		w.depends[n] = w.wrt[n] || slices.ContainsFunc(n.Args, func(a *ir.Value) bool { return w.depends[a] })
	}
	return order
}

// throughElements is what the cotangent c of n means for the stations below it.
func (w *walk) throughElements(n, c *ir.Value, give func(leaf, c *ir.Value)) {
	if !w.depends[n] {
		return
	}
	isLeaf := func(v *ir.Value) bool { return w.wrt[v] || !elementwise(v) || !w.depends[v] }
	order := ir.Above(isLeaf, n)
	for _, leaf := range order {
		if !isLeaf(leaf) || !w.depends[leaf] {
			continue
		}
		if t := w.tangents(order, leaf)[n]; t != nil {
			give(leaf, w.sumTo(times(w.pool, t, c), n.Extent, leaf.Extent, w.guard))
		}
	}
}

// station carries a cotangent through what is no operation on elements. What a probe said, what was drawn and how many
// there are of something do not change with the variable.
func (w *walk) station(n, c *ir.Value) {
	if n.Kind != ir.Reduce && n.Kind != ir.Array || n.Mask {
		return
	}
	count := n.Op.Args + len(n.Op.Params)
	names := map[string]*ir.Value{"y": n, "d": w.pool.Spread(c, n.Extent)}
	var extents []ir.Extent
	for i, a := range n.Args[:count] {
		names[string(rune('a'+i))] = a
		if i < n.Op.Args {
			extents = append(extents, a.Extent)
		}
	}
	form, _ := ir.ArrayForm(n.Op, extents)
	for i, a := range n.Args[:count] {
		if !w.depends[a] {
			continue
		}
		if i >= len(n.Op.Grad) || n.Op.Grad[i] == "" {
			if n.Op.Kind == op.Array || i < n.Op.Args {
				if base, _, again := strings.Cut(n.Op.Name, "_vjp"); again || n.Op.Internal {
					fail("", "the derivative of %s cannot be derived again", strings.TrimSuffix(base, "_jvp"))
				}
				fail("", "%s has no derivative in its %s", n.Op.Name, what(n.Op, i))
			}
			continue // an order statistic's rank
		}
		if ir.Join(n.Extent, a.Extent) == ir.Clash && n.Kind == ir.Reduce {
			w.carry(a, w.alongMatrix(n, a, names["d"]), nil)
			continue
		}
		texts := strings.Split(n.Op.Grad[i], " | ")
		guard := n.Guard()
		if n.Op.Kind == op.Order { // whose formulas count, which the guard of the whole does for them
			guard = nil
		}
		t := w.pool.BuildPer(ir.ParseFormula(texts[min(form, len(texts)-1)]), n.Extent, guard, names)
		w.carry(a, t, n.Guard())
	}
}

// alongMatrix is the cotangent d of a matrix's sum per row or col, along the axis that was summed over.
func (w *walk) alongMatrix(n, a, d *ir.Value) *ir.Value {
	if n.Op.Name != "sum" {
		fail("", "%s per %s of a value per %s has no derivative that goes together with it", strings.TrimPrefix(n.Op.Name, "reduce_"), n.Per, a.Extent)
	}
	outer := op.Must("outer")
	for _, other := range []ir.Extent{ir.Row, ir.Col} {
		ones := w.pool.Spread(w.pool.Number(1), other)
		for _, pair := range [][]*ir.Value{{d, ones}, {ones, d}} {
			first := pair[0].Extent == a.Extent.FirstAxis() && (a.Extent.FirstAxis() == n.Extent) == (pair[0] == d)
			if _, e := ir.ArrayForm(outer, []ir.Extent{pair[0].Extent, pair[1].Extent}); e == a.Extent && first {
				return w.pool.Array(outer, ir.Const, nil, pair...)
			}
		}
	}
	panic("derive: no way along a matrix")
}

// what names an operand for people.
func what(o *op.Op, i int) string {
	if i < o.Args {
		return "argument"
	}
	return "parameter " + o.Params[i-o.Args].Name
}

// sumTo adds up what has a value c each of extent from, for the values of the coarser extent to. Over several tensors only
// those count for which the guard, which may be nil, holds.
func (d *deriver) sumTo(c *ir.Value, from, to ir.Extent, guard *ir.Value) *ir.Value {
	pool, sum := d.pool, op.Must("sum")
	if to == ir.Const {
		to = ir.Model
	}
	switch {
	case to.Holds(from):
		return c
	case to < ir.Tensor && from.IsArray():
		c, from = d.sumTo(c, from, ir.Tensor, nil), ir.Tensor
	case to >= ir.Tensor && to.Holds(c.Extent):
		return times(pool, c, pool.Count(from, to))
	}
	if to < ir.Tensor && guard != nil && guard.Extent > to {
		c = pool.Call("where", guard, c, pool.Number(0))
	}
	return pool.Reduce(sum, pool.Spread(c, from), to, nil)
}

// tangentOf is the derivative of each value of y in a variable, when that is the same for all of them or has one for each:
// in what y reads of it, whatever it was given before. Through stations, the transposed product is linear in the cotangent:
// its derivative is the product itself.
func (d *deriver) tangentOf(y, variable *ir.Value) *ir.Value {
	isLeaf := func(n *ir.Value) bool { return n.Kind == ir.Var && n.Index == variable.Index }
	var leaves []*ir.Value
	depends, through := map[*ir.Value]bool{}, false
	order := ir.Above(isLeaf, y)
	d.visit(len(order))
	for _, n := range order {
		if depends[n] = isLeaf(n); depends[n] {
			leaves = append(leaves, n)
			continue
		}
		depends[n] = slices.ContainsFunc(n.Args, func(a *ir.Value) bool { return depends[a] })
		through = through || depends[n] && !elementwise(n)
	}
	if len(leaves) == 0 {
		fail("use it in what x is given", "x does not depend on the value, so that its hypergradient is 0")
	}
	if !through {
		return orZero(d.pool, d.tangents(order, leaves...)[y])
	}
	c := d.pool.Var(d.pool.Spread(d.pool.Number(0), y.Extent), -1)
	var back *ir.Value
	for _, b := range d.cotangents([]seed{{y, c}}, leaves, nil) {
		if back == nil {
			back = b
		} else {
			back = d.pool.Call("add", back, b)
		}
	}
	return d.put(d.gradient(back, c, nil), c, c.Args[0])
}
