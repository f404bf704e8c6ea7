package python

import (
	"math"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// sort is what a value is in Python. A step value that Python's own numbers can hold without raising is one: an
// `if` may ask it.
type sort uint8

const (
	number sort = iota // a Python float, int or bool
	weak               // optax: a Python number, or what jax makes of one: it takes the type of what it meets
	scalar             // an array without dimensions, float64 where the host has it
	array
)

// sorts finds the sort of every value below roots.
func (f *frame) sorts(roots []*ir.Value) {
	for _, v := range ir.Reachable(roots...) {
		if _, done := f.sort[v]; done {
			continue
		}
		f.bounds[v] = f.bound(v)
		f.sort[v] = f.sortOf(v)
	}
}

func (f *frame) sortOf(v *ir.Value) sort {
	if v.Extent.IsArray() {
		return array
	}
	torch := f.host == Torch
	switch v.Kind {
	case ir.Number, ir.Named, ir.Size:
		return number
	case ir.Hyper:
		if torch {
			return number
		}
		return weak
	case ir.Input:
		if v.Name == "loss" || v.Name == "t" && !torch {
			return scalar
		}
		return number
	case ir.Load, ir.Given:
		if torch {
			return number
		}
		return scalar
	case ir.Spread, ir.Var:
		return f.sort[v.Args[0]]
	case ir.Reduce:
		if torch && f.sort[v.Args[0]] == number && v.Op.Name == "sum" {
			return number
		}
		if !torch && v.Args[0].Extent == ir.Group {
			return f.sort[v.Args[0]]
		}
	case ir.Apply:
		return f.sortOfApply(v)
	}
	return scalar
}

func (f *frame) sortOfApply(v *ir.Value) sort {
	most := number
	for _, a := range v.Args {
		most = max(most, f.sort[a])
	}
	switch {
	case most == number && f.safe(v):
		return number
	case f.host == Torch || v.Op.Name == "real":
		return scalar
	}
	return max(most, weak)
}

// safe reports whether Python's own arithmetic computes a step value as IEEE 754 has it: it raises on a division by zero
// and on a root of a negative number, and its min and max lose NaNs.
func (f *frame) safe(v *ir.Value) bool {
	if forms[v.Op.Name].number == "" {
		return false
	}
	arg := func(i int) bound { return f.bounds[v.Args[i]] }
	switch v.Op.Name {
	case "div", "mod":
		return !arg(1).nan && (arg(1).lo > 0 || arg(1).hi < 0)
	case "pow":
		_, ok := power(arg(0), arg(1))
		return ok
	case "sqrt":
		return !arg(0).nan && arg(0).lo >= 0
	case "log", "log2":
		return !arg(0).nan && arg(0).lo > 0
	case "log1p":
		return !arg(0).nan && arg(0).lo > -1
	case "exp", "expm1":
		return !arg(0).nan && arg(0).hi < 700
	case "floor", "ceil", "round", "sin", "cos", "tan":
		return arg(0).finite()
	case "min", "max":
		return !arg(0).nan && !arg(1).nan
	case "clamp":
		return !arg(0).nan && !arg(1).nan && !arg(2).nan
	}
	return true
}

// bound says between which numbers a step value lies. Rounding is monotone: the bounds are exact.
type bound struct {
	lo, hi float64
	nan    bool // it may be NaN
}

var anything = bound{math.Inf(-1), math.Inf(1), true}

func (b bound) finite() bool { return !b.nan && !math.IsInf(b.lo, 0) && !math.IsInf(b.hi, 0) }

func (f *frame) bound(v *ir.Value) bound {
	if v.Extent.IsArray() {
		return anything
	}
	switch v.Kind {
	case ir.Number:
		return bound{v.Num, v.Num, math.IsNaN(v.Num)}
	case ir.Hyper:
		return hyperBound(f.p.Hypers[v.Index])
	case ir.Size:
		return bound{0, 1 << 53, false}
	case ir.Named:
		return bound{0, 1, false}
	case ir.Input:
		switch v.Name {
		case "t":
			return bound{1, 1 << 53, false}
		case "loss":
			return anything
		}
		return bound{0, 1 << 53, false}
	case ir.Spread, ir.Var:
		return f.bounds[v.Args[0]]
	case ir.Apply:
		args := make([]bound, len(v.Args))
		for i, a := range v.Args {
			args[i] = f.bounds[a]
		}
		return applyBound(v.Op, args)
	}
	return anything
}

func hyperBound(h ir.HyperDecl) bound {
	b := bound{h.Lo, h.Hi, false}
	if h.OpenLo {
		b.lo = math.Nextafter(h.Lo, math.Inf(1))
	}
	if h.OpenHi {
		b.hi = math.Nextafter(h.Hi, math.Inf(-1))
	}
	return b
}

func applyBound(o *op.Op, a []bound) bound {
	switch o.Name {
	case "add", "sub", "mul":
		return corners(o, a[0], a[1])
	case "div":
		if a[1].lo > 0 || a[1].hi < 0 {
			return corners(o, a[0], a[1])
		}
	case "mod":
		if a[0].lo >= 0 && a[0].hi < 1<<60 && a[1].lo >= 1 && a[1].finite() { // up to the rounding of the product
			return bound{-a[1].hi, 2 * a[1].hi, false}
		}
	case "neg":
		return bound{-a[0].hi, -a[0].lo, a[0].nan}
	case "abs":
		return bound{max(0, a[0].lo, -a[0].hi), max(a[0].hi, -a[0].lo), a[0].nan}
	case "sqrt":
		if a[0].lo >= 0 {
			return bound{math.Sqrt(a[0].lo), math.Sqrt(a[0].hi), a[0].nan}
		}
	case "exp":
		if !a[0].nan {
			return bound{0, math.Exp(a[0].hi) * 1.001, false}
		}
	case "pow":
		if b, ok := power(a[0], a[1]); ok {
			return b
		}
	case "floor", "ceil", "round":
		return bound{math.Floor(a[0].lo), math.Ceil(a[0].hi), a[0].nan}
	case "min":
		return bound{min(a[0].lo, a[1].lo), min(a[0].hi, a[1].hi), a[0].nan || a[1].nan}
	case "max":
		return bound{max(a[0].lo, a[1].lo), max(a[0].hi, a[1].hi), a[0].nan || a[1].nan}
	case "clamp":
		b := bound{max(a[0].lo, a[1].lo), max(a[0].hi, a[1].hi), a[0].nan || a[1].nan}
		return bound{min(b.lo, a[2].lo), min(b.hi, a[2].hi), b.nan || a[2].nan}
	case "where":
		return bound{min(a[1].lo, a[2].lo), max(a[1].hi, a[2].hi), a[1].nan || a[2].nan}
	case "real":
		return bound{0, 1, false}
	}
	if o.Mask {
		return bound{0, 1, false}
	}
	return anything
}

// corners bounds a monotone operation by its values at the ends.
func corners(o *op.Op, a, b bound) bound {
	out := bound{math.Inf(1), math.Inf(-1), a.nan || b.nan}
	for _, x := range []float64{a.lo, a.hi} {
		for _, y := range []float64{b.lo, b.hi} {
			v := o.Eval([]float64{x, y})
			if math.IsNaN(v) {
				return anything
			}
			out.lo, out.hi = min(out.lo, v), max(out.hi, v)
		}
	}
	return out
}

// power bounds a^b where Python's ** does not raise and does not become complex.
func power(a, b bound) (bound, bool) {
	if !a.finite() || !b.finite() {
		return anything, false
	}
	switch {
	case a.lo >= 0 && a.hi <= 1 && b.lo >= 0:
		return bound{0, math.Pow(a.hi, b.lo), false}, true
	case a.lo >= 1 && b.hi <= 0:
		return bound{0, 1, false}, true
	case a.lo >= 1 && b.lo >= 0:
		top := math.Pow(a.hi, b.hi)
		return bound{1, top, false}, top < math.MaxFloat64/2
	}
	return anything, false
}
