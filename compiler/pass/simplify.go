package pass

import (
	"math"
	"sync"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/lang"
)

// Simplify applies the exact rewrites until none applies. Each makes the expression smaller or keeps its size while
// removing a negation, so it ends.
func Simplify(p *ir.Program) *ir.Program {
	r := &ir.Rewriter{To: p.Pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		return rewrite(p.Pool, p.Pool.Copy(v, args))
	}}
	return r.Program(p)
}

func rewrite(pool *ir.Pool, v *ir.Value) *ir.Value {
	for {
		next := rewriteOnce(pool, v)
		if next == v {
			return v
		}
		v = next
	}
}

func rewriteOnce(pool *ir.Pool, v *ir.Value) *ir.Value {
	if v.Kind != ir.Apply {
		return v
	}
	if args, ok := constants(v.Args); ok && !v.Extent.IsArray() { // of elements each operation rounds
		return pool.Spread(pool.Apply(v.Op, args...), v.Extent)
	}
	for _, c := range compiled()[v.Op] {
		names := map[string]*ir.Value{}
		if !match(c.from.Expr, v, names) {
			continue
		}
		return pool.Spread(pool.Build(c.to, names), v.Extent)
	}
	return v
}

// constants are operands that are numbers, some of them repeated at a finer extent.
func constants(args []*ir.Value) ([]*ir.Value, bool) {
	out := make([]*ir.Value, len(args))
	for i, a := range args {
		if a.Kind == ir.Spread {
			a = a.Args[0]
		}
		if out[i] = a; a.Kind != ir.Number {
			return nil, false
		}
	}
	return out, true
}

type compiledRule struct{ from, to ir.Formula }

// compiled holds the exact rules by the operator at the root of their left side.
var compiled = sync.OnceValue(func() map[*op.Op][]compiledRule {
	m := map[*op.Op][]compiledRule{}
	for _, r := range Rules {
		if r.Sound != Exact {
			continue
		}
		from := ir.ParseFormula(r.From)
		root, _ := ir.Operation(from.Expr)
		m[root] = append(m[root], compiledRule{from, ir.ParseFormula(r.To)})
	}
	return m
})

// match binds the pattern's names so that it becomes v.
func match(e lang.Expr, v *ir.Value, names map[string]*ir.Value) bool {
	if num, mask, ok := ir.Literal(e); ok {
		if v.Kind == ir.Spread {
			v = v.Args[0]
		}
		return v.Kind == ir.Number && v.Mask == mask && math.Float64bits(v.Num) == math.Float64bits(num)
	}
	if id, ok := e.(*lang.Name); ok {
		if old := names[id.Name]; old != nil {
			return old == v
		}
		names[id.Name] = v
		return true
	}
	o, operands := ir.Operation(e)
	if v.Kind != ir.Apply || v.Op != o {
		return false
	}
	for i, operand := range operands {
		if !match(operand, v.Args[i], names) {
			return false
		}
	}
	return true
}
