package pass

import (
	"github.com/optc-lang/optc/compiler/ir"
)

// Diff replaces every derivative by an expression. The derivative of a sum of elementwise functions is elementwise:
// tangents run from the variable to the result, each operator's row giving its partial derivatives.
func Diff(p *ir.Program) *ir.Program {
	r := &ir.Rewriter{To: p.Pool}
	r.Make = func(v *ir.Value, args []*ir.Value) *ir.Value {
		switch v.Kind {
		case ir.Deriv:
			// The operands are rebuilt, inner derivatives included, but the variable still stands in them.
			return p.Pool.Spread(unvar(p.Pool, tangent(p.Pool, args[0], args[1]), args[1]), args[1].Extent)
		}
		return p.Pool.Copy(v, args)
	}
	all := &ir.Rewriter{To: p.Pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		if v.Kind == ir.Var { // of a state's new value within a differentiated fn
			return args[0]
		}
		return p.Pool.Copy(v, args)
	}}
	return all.Program(r.Program(p))
}

// unvar puts the variable's value in its place.
func unvar(pool *ir.Pool, v, variable *ir.Value) *ir.Value {
	r := &ir.Rewriter{To: pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		if v.Kind == ir.Var && v.Index == variable.Index {
			return args[0]
		}
		return pool.Copy(v, args)
	}}
	return r.Value(v)
}

// tangent is dy/dv.
func tangent(pool *ir.Pool, y, v *ir.Value) *ir.Value {
	d := map[*ir.Value]*ir.Value{v: pool.Number(1)} // absent: zero
	for _, n := range ir.Reachable(y) {
		if n == v || n.Kind != ir.Apply {
			continue
		}
		if dn := applyTangent(pool, n, d); dn != nil {
			d[n] = dn
		}
	}
	if d[y] == nil {
		return pool.Number(0)
	}
	return d[y]
}

func applyTangent(pool *ir.Pool, n *ir.Value, d map[*ir.Value]*ir.Value) *ir.Value {
	if n.Op.Name == "where" {
		// Selected, so that no NaN comes from the branch not taken.
		b, c := d[n.Args[1]], d[n.Args[2]]
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
		if d[a] == nil || i >= len(n.Op.Diff) || n.Op.Diff[i] == "" {
			continue
		}
		term := times(pool, pool.Build(ir.ParseFormula(n.Op.Diff[i]), names), d[a])
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
