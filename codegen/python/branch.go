package python

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// branch is where a value is computed: at the top, or where a condition holds or does not.
type branch struct {
	parent *branch
	cond   *ir.Value
	yes    bool
	depth  int
	below  map[turn]*branch
}

type turn struct {
	cond *ir.Value
	yes  bool
}

func (c *branch) into(cond *ir.Value, yes bool) *branch {
	t := turn{cond, yes}
	if c.below[t] == nil {
		c.below[t] = &branch{c, cond, yes, c.depth + 1, map[turn]*branch{}}
	}
	return c.below[t]
}

func (c *branch) common(d *branch) *branch {
	for c != d {
		if c.depth < d.depth {
			c, d = d, c
		}
		c = c.parent
	}
	return c
}

// under reports which way a condition went on the way to c.
func (c *branch) under(cond *ir.Value) (yes, known bool) {
	for ; c.parent != nil; c = c.parent {
		if c.cond == cond {
			return c.yes, true
		}
	}
	return false, false
}

// choice is the condition of a where that is decided by an `if`: the mask without its negation.
func (b *block) choice(v *ir.Value) (cond *ir.Value, flip, ok bool) {
	if v.Kind != ir.Apply || v.Op.Name != "where" || b.f.sort[v.Args[0]] != number {
		return nil, false, false
	}
	cond = v.Args[0]
	for cond.Kind == ir.Apply && cond.Op.Name == "not" || cond.Kind == ir.Spread {
		flip = flip != (cond.Kind == ir.Apply)
		cond = cond.Args[0]
	}
	return cond, flip, true
}

// sides are what a choice reads where its condition holds and where it does not.
func (b *block) sides(v *ir.Value) (cond, yes, no *ir.Value, ok bool) {
	cond, flip, ok := b.choice(v)
	if !ok {
		return nil, nil, nil, false
	}
	if flip {
		return cond, v.Args[2], v.Args[1], true
	}
	return cond, v.Args[1], v.Args[2], true
}

// placeAll finds the branch of every value: the last that all its readers share.
func (b *block) placeAll() {
	top := &branch{below: map[turn]*branch{}}
	use := func(v *ir.Value, at *branch) {
		if !b.here[v] {
			return
		}
		if old := b.branch[v]; old != nil {
			at = at.common(old)
		}
		b.branch[v] = at
	}
	for _, v := range b.targets {
		use(v, top)
	}
	for i := len(b.order) - 1; i >= 0; i-- {
		v := b.order[i]
		at := b.branch[v]
		if at == nil {
			continue // nothing reads it after all
		}
		cond, yes, no, ok := b.sides(v)
		if !ok {
			for _, a := range b.f.operands(v) {
				use(a, at)
			}
			continue
		}
		if went, known := at.under(cond); known {
			b.forward[v] = no
			if went {
				b.forward[v] = yes
			}
			use(b.forward[v], at)
			continue
		}
		use(cond, at)
		use(yes, at.into(cond, true))
		use(no, at.into(cond, false))
	}
	b.order = slices.DeleteFunc(b.order, func(v *ir.Value) bool { return b.branch[v] == nil })
}
