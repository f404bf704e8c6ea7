package derive

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// tangents are the derivatives of elementwise expressions in one variable, which the leaves are, each value standing for
// itself: those of order, operands first. What is no operation on elements, and the leaves' own operands, count as
// constants. Absent: zero.
func (d *deriver) tangents(order []*ir.Value, leaves ...*ir.Value) map[*ir.Value]*ir.Value {
	d.visit(len(order))
	of := map[*ir.Value]*ir.Value{}
	for _, l := range leaves {
		of[l] = d.pool.Number(1)
	}
	for _, n := range order {
		switch {
		case slices.Contains(leaves, n):
		case n.Kind == ir.Spread || n.Kind == ir.Var:
			if t := of[n.Args[0]]; t != nil {
				of[n] = t
			}
		case n.Kind == ir.Apply:
			if t := d.applyTangent(n, of); t != nil {
				of[n] = t
			}
		}
	}
	return of
}

// elementwise reports whether n is computed value by value from its operands.
func elementwise(n *ir.Value) bool {
	return n.Kind == ir.Apply || n.Kind == ir.Spread || n.Kind == ir.Var
}

// slope is dy/dv of elementwise y, with v still standing in it.
func (d *deriver) slope(y, v *ir.Value) *ir.Value {
	order := ir.Above(func(n *ir.Value) bool { return n == v || !elementwise(n) }, y)
	return orZero(d.pool, d.tangents(order, v)[y])
}

func (d *deriver) applyTangent(n *ir.Value, of map[*ir.Value]*ir.Value) *ir.Value {
	pool := d.pool
	if n.Op.Name == "where" {
		// Selected, so that no NaN comes from the branch not taken.
		b, c := of[n.Args[1]], of[n.Args[2]]
		if b == nil && c == nil {
			return nil
		}
		return pool.Call("where", n.Args[0], orZero(pool, b), orZero(pool, c))
	}
	names := map[string]*ir.Value{"y": n}
	for i, a := range n.Args {
		names[string(rune('a'+i))] = a
	}
	var sum *ir.Value
	for i, a := range n.Args {
		if of[a] == nil || i >= len(n.Op.Diff) || n.Op.Diff[i] == "" {
			continue
		}
		term := times(pool, pool.Build(ir.ParseFormula(n.Op.Diff[i]), names), of[a])
		if sum == nil {
			sum = term
		} else {
			sum = pool.Call("add", sum, term)
		}
	}
	return sum
}

func orZero(pool *ir.Pool, v *ir.Value) *ir.Value {
	if v == nil {
		return pool.Number(0)
	}
	return v
}

// times is a*b over the reals, where a factor one or minus one needs no product.
func times(pool *ir.Pool, a, b *ir.Value) *ir.Value {
	for range 2 {
		if a.Kind == ir.Number && !a.Mask {
			switch a.Num {
			case 1:
				return b
			case -1:
				return pool.Call("neg", b)
			}
		}
		a, b = b, a
	}
	return pool.Call("mul", a, b)
}
