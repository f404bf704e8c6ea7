package derive

import (
	"cmp"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// bar is a cotangent under conditions: v where all of them hold, else 0. Carried further, v is multiplied by slopes that may
// be infinite or NaN where a condition does not hold, which is why only what has arrived is selected: 0 times those is NaN.
type bar struct {
	under []condition // by ID of the mask
	v     *ir.Value
}

// condition is a mask or its contrary.
type condition struct {
	of *ir.Value
	is bool
}

func (c condition) compare(d condition) int { return cmp.Compare(c.of.ID, d.of.ID) }

// not is the contrary.
func (c condition) not() condition { return condition{c.of, !c.is} }

// decided is the mask that a mask repeats or is the contrary of.
func decided(mask *ir.Value) condition {
	c := condition{mask, true}
	for {
		switch {
		case c.of.Kind == ir.Spread:
			c.of = c.of.Args[0]
		case c.of.Kind == ir.Apply && c.of.Op.Name == "not":
			c = condition{c.of.Args[0], !c.is}
		default:
			return c
		}
	}
}

// backward carries the cotangents of results back to the values of wrt, value by value in reverse order: what has arrived
// at a value from all that read it is added up, and goes on once (Griewank and Walther, Evaluating Derivatives, chapter 3).
type backward struct {
	*walk
	arrived map[*ir.Value][]bar
	chosen  map[*ir.Value]bool // masks that a where chooses by
}

// backwards is cotangents for many results and variables: each operation has one product with a cotangent, where cotangents
// has one for each station that leads to it and each that it leads to.
func (d *deriver) backwards(seeds []seed, wrt []*ir.Value) []*ir.Value {
	b := &backward{walk: d.newWalk(wrt, nil), arrived: map[*ir.Value][]bar{}, chosen: map[*ir.Value]bool{}}
	order := b.above(seeds)
	for _, n := range order {
		if n.Kind == ir.Apply && n.Op.Name == "where" {
			b.chosen[decided(n.Args[0]).of] = true
		}
	}
	for _, s := range seeds {
		b.give(s.of, s.of, bar{v: s.cotangent})
	}
	for _, n := range slices.Backward(order) {
		if len(b.arrived[n]) > 0 && !b.wrt[n] {
			b.through(n, b.sum(b.arrived[n]))
		}
	}
	out := make([]*ir.Value, len(wrt))
	for i, v := range wrt {
		total := d.pool.Number(0)
		if all := b.arrived[v]; len(all) > 0 {
			total = b.selected(b.sum(all))
		}
		out[i] = d.pool.Spread(total, v.Extent)
	}
	return out
}

// give hands n's part of the cotangent of its operand a to a.
func (b *backward) give(n, a *ir.Value, c bar) {
	if !b.depends[a] || c.v.Kind == ir.Number && c.v.Num == 0 {
		return
	}
	if !a.Extent.Holds(n.Extent) {
		c = b.gather(c, n.Extent, a.Extent)
	}
	b.arrived[a] = append(b.arrived[a], c)
}

// where is a cotangent under further conditions: 0 if they exclude each other.
func (b *backward) where(c bar, all ...condition) bar {
	b.visit(len(c.under))
	for _, d := range all {
		i, found := slices.BinarySearchFunc(c.under, d, condition.compare)
		if !found {
			c.under = slices.Insert(slices.Clone(c.under), i, d)
		} else if c.under[i] != d {
			return bar{v: b.pool.Number(0)}
		}
	}
	return c
}

// gather adds up a cotangent for a coarser extent. A condition that is decided for each value becomes one for the sum, that
// it is not 0: it is 0 where no value was let through, and must stay so whatever it is multiplied by.
func (b *backward) gather(c bar, from, to ir.Extent) bar {
	fine, under := split(c.under, func(d condition) bool { return !to.Holds(d.of.Extent) })
	out := bar{under, b.sumTo(b.selected(bar{fine, c.v}), from, to, nil)}
	if len(fine) > 0 {
		out = b.where(out, condition{b.pool.Call("eq", out.v, b.pool.Number(0)), false})
	}
	return out
}

// split is the conditions that are in, and the others.
func split(all []condition, in func(condition) bool) (yes, no []condition) {
	for _, c := range all {
		if in(c) {
			yes = append(yes, c)
		} else {
			no = append(no, c)
		}
	}
	return yes, no
}

// through carries the whole cotangent of n to its operands.
func (b *backward) through(n *ir.Value, c bar) {
	switch {
	case n.Kind == ir.Spread || n.Kind == ir.Var:
		b.give(n, n.Args[0], c)
	case n.Kind == ir.Apply && n.Op.Name == "where":
		is := decided(n.Args[0])
		b.give(n, n.Args[1], b.where(c, is))
		b.give(n, n.Args[2], b.where(c, is.not()))
	case n.Kind == ir.Apply:
		for i, a := range n.Args {
			if i < len(n.Op.Diff) && n.Op.Diff[i] != "" && b.depends[a] {
				b.give(n, a, bar{c.under, b.product(n, i, c.v)})
			}
		}
	default: // conditions on single values do not go through a product of matrices
		fine, coarse := split(c.under, func(d condition) bool { return n.Kind == ir.Array && d.of.Extent.IsArray() })
		b.carry = func(a, t, guard *ir.Value) {
			out := bar{coarse, t}
			if guard != nil {
				out = b.where(out, b.conditions(guard)...)
			}
			b.give(a, a, out)
		}
		b.station(n, b.selected(bar{fine, c.v}))
	}
}

// conditions are those that together say that a guard holds, none of them split that the rule chooses by.
func (b *backward) conditions(guard *ir.Value) []condition {
	c := decided(guard)
	if c.is && c.of.Kind == ir.Apply && c.of.Op.Name == "and" && !b.chosen[c.of] {
		return append(b.conditions(c.of.Args[0]), b.conditions(c.of.Args[1])...)
	}
	return []condition{c}
}

// product is c times the derivative of n in its operand i. A slope p/q makes p*(c/q): operands of a division share c/q.
func (b *backward) product(n *ir.Value, i int, c *ir.Value) *ir.Value {
	pool := b.pool
	names := map[string]*ir.Value{"y": n}
	for k, a := range n.Args {
		names[string(rune('a'+k))] = a
	}
	slope := pool.Build(ir.ParseFormula(n.Op.Diff[i]), names)
	if slope.Kind != ir.Apply || slope.Op.Name != "div" {
		return times(pool, slope, c)
	}
	p, q := slope.Args[0], slope.Args[1]
	for q.Kind == ir.Spread {
		q = q.Args[0]
	}
	whole := c
	if c.Extent.IsArray() && !q.Extent.IsArray() {
		c = pool.Call("mul", c, pool.Call("div", pool.Number(1), q))
	} else {
		c = pool.Call("div", c, q)
	}
	if n.Op.Name == "sqrt" { // at 0 the slope is infinite, and what does not matter there must not become NaN
		c = pool.Call("where", pool.Call("eq", whole, pool.Number(0)), pool.Number(0), c)
	}
	if p.Kind == ir.Apply && p.Op.Name == "neg" {
		return pool.Call("neg", times(pool, p.Args[0], c))
	}
	return times(pool, p, c)
}

// sum adds up cotangents. What is under a condition and what is under its contrary exclude each other: that is a choice.
func (b *backward) sum(all []bar) bar {
	if len(all) == 1 {
		return all[0]
	}
	for _, c := range all {
		b.visit(1 + len(c.under))
	}
	c, found := mostCommon(all)
	if !found {
		total := all[0]
		for _, d := range all[1:] {
			total.v = b.pool.Call("add", total.v, d.v)
		}
		return total
	}
	var yes, no, either []bar
	for _, d := range all {
		switch {
		case slices.Contains(d.under, c):
			yes = append(yes, d.without(c))
		case slices.Contains(d.under, c.not()):
			no = append(no, d.without(c.not()))
		default:
			either = append(either, d)
		}
	}
	total := b.sum(yes)
	if len(no) > 0 {
		total = b.choice(c, total, b.sum(no))
	} else {
		total = b.where(total, c)
	}
	if len(either) > 0 {
		total = b.both(total, b.sum(either))
	}
	return total
}

// mostCommon is the condition that most cotangents are under, of several the first.
func mostCommon(all []bar) (most condition, found bool) {
	count, best := map[*ir.Value]int{}, 0
	for _, b := range all {
		for _, c := range b.under {
			count[c.of]++
		}
	}
	for _, b := range all {
		for _, c := range b.under {
			if count[c.of] > best {
				most, best = c, count[c.of]
			}
		}
	}
	return most, best > 0
}

func (b bar) without(c condition) bar {
	b.under = slices.DeleteFunc(slices.Clone(b.under), func(d condition) bool { return d == c })
	return b
}

// choice is yes under a condition, and no under its contrary.
func (b *backward) choice(c condition, yes, no bar) bar {
	pool := b.pool
	under, one, other := common(yes, no)
	is := b.mask([]condition{c})
	out := bar{under, pool.Call("where", is, yes.v, no.v)}
	if len(one)+len(other) > 0 {
		return b.where(out, decided(pool.Call("where", is, b.mask(one), b.mask(other))))
	}
	return out
}

// common are the conditions of both, and those of one alone.
func common(c, d bar) (both, one, other []condition) {
	both, one = split(c.under, func(x condition) bool { return slices.Contains(d.under, x) })
	_, other = split(d.under, func(x condition) bool { return slices.Contains(c.under, x) })
	return both, one, other
}

// both is the sum of two cotangents.
func (b *backward) both(c, d bar) bar {
	pool := b.pool
	under, one, other := common(c, d)
	sum := pool.Call("add", c.v, d.v)
	p, q := b.mask(one), b.mask(other)
	switch {
	case len(one)+len(other) == 0:
		return bar{under, sum}
	case len(one) == 0:
		return bar{under, pool.Call("where", q, sum, c.v)}
	case len(other) == 0:
		return bar{under, pool.Call("where", p, sum, d.v)}
	}
	out := bar{under, pool.Call("where", p, pool.Call("where", q, sum, c.v), d.v)}
	return b.where(out, decided(pool.Call("or", p, q)))
}

// mask is where all conditions hold.
func (b *backward) mask(all []condition) *ir.Value {
	mask := b.pool.Bool(true)
	for i, c := range all {
		m := c.of
		if !c.is {
			m = b.pool.Call("not", m)
		}
		if i == 0 {
			mask = m
		} else {
			mask = b.pool.Call("and", mask, m)
		}
	}
	return mask
}

// selected is a cotangent as a value, 0 where a condition does not hold.
func (b *backward) selected(c bar) *ir.Value {
	if len(c.under) == 0 {
		return c.v
	}
	return b.pool.Call("where", b.mask(c.under), c.v, b.pool.Number(0))
}
