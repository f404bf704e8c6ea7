package property

import (
	"github.com/optc-lang/optc/compiler/ir"
)

// folder rewrites values over the real numbers: 0*a is 0, a + 0 is a, a choice whose condition is known is made. Leaves
// are replaced first.
type folder struct {
	pool  *ir.Pool
	leaf  func(v *ir.Value) *ir.Value // nil: it stays
	cache *ir.Rewriter
}

func newFolder(pool *ir.Pool, leaf func(*ir.Value) *ir.Value) *folder {
	f := &folder{pool: pool, leaf: leaf}
	f.cache = &ir.Rewriter{To: pool, Make: f.make}
	return f
}

func (f *folder) value(v *ir.Value) *ir.Value { return f.cache.Value(v) }

func (f *folder) make(v *ir.Value, args []*ir.Value) *ir.Value {
	if f.leaf != nil {
		if by := f.leaf(v); by != nil {
			return by
		}
	}
	if v.Kind == ir.Spread && args[0].Kind == ir.Number {
		return args[0]
	}
	if v.Kind != ir.Apply {
		return f.pool.Copy(v, args)
	}
	if n := f.apply(v.Op.Name, args); n != nil {
		return n
	}
	return f.pool.Copy(v, args)
}

func is(v *ir.Value, n float64) bool { return v.Kind == ir.Number && !v.Mask && v.Num == n }

func (f *folder) apply(name string, a []*ir.Value) *ir.Value {
	switch name {
	case "add":
		if is(a[0], 0) {
			return a[1]
		}
		if is(a[1], 0) {
			return a[0]
		}
	case "sub":
		switch {
		case is(a[1], 0):
			return a[0]
		case a[0] == a[1]:
			return f.pool.Number(0)
		}
	case "mul":
		switch {
		case is(a[0], 0) || is(a[1], 0):
			return f.pool.Number(0)
		case is(a[0], 1):
			return a[1]
		case is(a[1], 1):
			return a[0]
		}
	case "div":
		switch {
		case is(a[1], 1):
			return a[0]
		case is(a[0], 0) && !is(a[1], 0):
			return a[0]
		}
	case "pow":
		if is(a[1], 1) {
			return a[0]
		}
	case "where":
		return f.where(a)
	case "and", "or":
		return f.logic(name == "and", a)
	case "eq", "le", "ge":
		if a[0] == a[1] {
			return f.pool.Bool(true)
		}
	}
	return nil
}

func (f *folder) where(a []*ir.Value) *ir.Value {
	switch {
	case a[0].Kind == ir.Number && a[0].Num != 0, a[1] == a[2]:
		return a[1]
	case a[0].Kind == ir.Number:
		return a[2]
	}
	return nil
}

func (f *folder) logic(and bool, a []*ir.Value) *ir.Value {
	for i := range a {
		if a[i].Kind == ir.Number {
			if (a[i].Num != 0) == and {
				return a[1-i]
			}
			return a[i]
		}
	}
	return nil
}
