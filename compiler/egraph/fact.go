package egraph

import (
	"math"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// Range bounds a real number; an open end does not belong to it.
type Range struct {
	Lo, Hi         float64
	OpenLo, OpenHi bool
	NonZero        bool
}

// All is any real number.
var All = Range{Lo: math.Inf(-1), Hi: math.Inf(1)}

// NonNegative is any real number from 0 on.
var NonNegative = Range{Lo: 0, Hi: math.Inf(1)}

func (r Range) atLeastZero() bool { return r.Lo >= 0 }
func (r Range) atMostZero() bool  { return r.Hi <= 0 }
func (r Range) positive() bool    { return r.Lo > 0 || r.Lo == 0 && (r.OpenLo || r.NonZero) }
func (r Range) negative() bool    { return r.Hi < 0 || r.Hi == 0 && (r.OpenHi || r.NonZero) }
func (r Range) nonZero() bool     { return r.NonZero || r.positive() || r.negative() }

// meet is what holds of a number in both ranges; false if there is none.
func (r Range) meet(s Range) (Range, bool) {
	out := r
	if s.Lo > r.Lo || s.Lo == r.Lo && s.OpenLo {
		out.Lo, out.OpenLo = s.Lo, s.OpenLo
	}
	if s.Hi < r.Hi || s.Hi == r.Hi && s.OpenHi {
		out.Hi, out.OpenHi = s.Hi, s.OpenHi
	}
	out.NonZero = r.NonZero || s.NonZero
	if out.Lo > out.Hi {
		return r, out.Lo-out.Hi <= 1e-9*max(1, math.Abs(out.Lo), math.Abs(out.Hi)) // bounds are rounded
	}
	return out, true
}

// near reports whether two numbers are one up to rounding.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) }

// fact is what is known of every value of a class.
type fact struct {
	Range
	extent  ir.Extent // the coarsest at which it can be had
	mask    bool
	known   bool // it is num
	num     float64
	wild    bool // it is no real number: the rewrites do not hold
	updates int
}

// join adds what is known of an equal value; false if both cannot be.
func (f *fact) join(o fact) bool {
	ok := true
	if o.extent != f.extent && f.extent.Holds(o.extent) {
		f.extent = o.extent
	}
	f.wild = f.wild || o.wild
	switch {
	case f.known && o.known:
		ok = f.num == o.num || near(f.num, o.num)
	case o.known:
		f.known, f.num = true, o.num
	}
	r, fits := f.meet(o.Range)
	f.Range = r
	return ok && fits
}

// factOf is what a node tells by its operands.
func (g *graph) factOf(n node) fact {
	h := &g.heads[n.head]
	switch {
	case h.kind == ir.Number:
		return numberFact(math.Float64frombits(h.num), h.mask)
	case h.kind == ir.Apply:
		return g.applyFact(h.op, n)
	case h.kind == ir.Reduce && h.leaf == nil:
		a := g.class(n.args[0]).fact
		f := fact{extent: ir.Meet(h.of, h.per), Range: a.Range, wild: a.wild}
		if h.op.Name == "sum" {
			f.Range = sumRange(a.Range)
		}
		return f
	}
	f := fact{extent: h.extent, mask: h.mask, Range: All}
	if h.mask {
		f.Range = Range{Lo: 0, Hi: 1}
	} else if v := g.like[n.head]; v != nil && g.about != nil {
		f.Range = g.about(v)
	}
	return f
}

func numberFact(v float64, mask bool) fact {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return fact{Range: All, mask: mask, wild: true}
	}
	return fact{Range: Range{Lo: v, Hi: v, NonZero: v != 0}, mask: mask, known: true, num: v}
}

// sumRange is the range of a sum of any number of values.
func sumRange(r Range) Range {
	out := All
	if r.atLeastZero() {
		out.Lo = 0
	}
	if r.atMostZero() {
		out.Hi = 0
	}
	return out
}

func (g *graph) applyFact(o *op.Op, n node) fact {
	f := fact{mask: o.Mask, extent: ir.Const}
	var args [3]Range
	var nums [3]float64
	known := true
	for i := range o.Args {
		a := g.class(n.args[i]).fact
		args[i], nums[i] = a.Range, a.num
		f.extent = ir.Join(f.extent, a.extent)
		known = known && a.known
		f.wild = f.wild || a.wild
	}
	f.wild = f.wild && o.Name != "min" && o.Name != "max" && !o.Mask // an end of an interval
	f.Range = applyRange(o.Name, args[0], args[1], args[2], o.Args > 1 && n.args[0] == n.args[1])
	if o.Mask {
		f.Range = Range{Lo: 0, Hi: 1}
	}
	if v, ok := folded(o, nums[:o.Args]); known && ok {
		w := numberFact(v, o.Mask)
		w.extent = f.extent
		return w
	}
	return f
}

// folded is the value of an operator on numbers, unless rounding loses it: a number too large, too small, or the small
// difference of large ones.
func folded(o *op.Op, nums []float64) (float64, bool) {
	v := o.Eval(nums)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	size := 0.0
	for _, x := range nums {
		size = max(size, math.Abs(x))
	}
	switch o.Name {
	case "add", "sub":
		return v, v == 0 || math.Abs(v) > 1e-3*size
	case "mul", "div", "pow", "exp":
		return v, o.Name != "exp" && nums[0] == 0 || o.Name == "mul" && nums[1] == 0 || math.Abs(v) > 1e-290
	case "floor", "ceil", "round", "mod", "sin", "cos", "tan":
		return v, size < 1e6
	}
	return v, true
}

// applyRange bounds an operator's value by its operands'; same tells that the first two are one.
func applyRange(name string, a, b, c Range, same bool) Range {
	switch name {
	case "add":
		return addRange(a, b)
	case "sub":
		return addRange(a, negRange(b))
	case "neg":
		return negRange(a)
	case "mul":
		return mulRange(a, b, same)
	case "div":
		return signRange(a.atLeastZero() && b.atLeastZero() || a.atMostZero() && b.atMostZero(),
			a.atLeastZero() && b.atMostZero() || a.atMostZero() && b.atLeastZero(), a.nonZero())
	case "where":
		return hull(b, c)
	case "min":
		return Range{Lo: min(a.Lo, b.Lo), Hi: min(a.Hi, b.Hi), OpenLo: openMin(a.Lo, a.OpenLo, b.Lo, b.OpenLo),
			OpenHi: a.Hi <= b.Hi && a.OpenHi || b.Hi <= a.Hi && b.OpenHi, NonZero: a.nonZero() && b.nonZero()}
	case "max":
		return negRange(applyRange("min", negRange(a), negRange(b), c, same))
	case "clamp":
		return applyRange("min", applyRange("max", a, b, c, false), c, c, false)
	case "pow":
		return powRange(a, b)
	}
	return unaryRange(name, a)
}

// addRange leaves room for rounding where the ends cancel.
func addRange(a, b Range) Range {
	r := Range{Lo: a.Lo + b.Lo, Hi: a.Hi + b.Hi, OpenLo: a.OpenLo || b.OpenLo, OpenHi: a.OpenHi || b.OpenHi}
	if lost := 1e-9 * math.Abs(a.Lo); r.Lo != 0 && math.Abs(r.Lo) < 1e6*lost {
		r.Lo, r.OpenLo = r.Lo-lost, false
	}
	if lost := 1e-9 * math.Abs(a.Hi); r.Hi != 0 && math.Abs(r.Hi) < 1e6*lost {
		r.Hi, r.OpenHi = r.Hi+lost, false
	}
	return r
}

// openMin tells whether the lower end of the smaller of two numbers is open.
func openMin(a float64, openA bool, b float64, openB bool) bool {
	switch {
	case a < b:
		return openA
	case b < a:
		return openB
	}
	return openA && openB
}

func negRange(a Range) Range {
	return Range{Lo: -a.Hi, Hi: -a.Lo, OpenLo: a.OpenHi, OpenHi: a.OpenLo, NonZero: a.NonZero}
}

// signRange is a number that is not negative, not positive, not zero.
func signRange(atLeast, atMost, nonZero bool) Range {
	r := All
	r.NonZero = nonZero
	if atLeast {
		r.Lo = 0
	}
	if atMost {
		r.Hi = 0
	}
	return r
}

func mulRange(a, b Range, same bool) Range {
	if same {
		return signRange(true, false, a.nonZero())
	}
	r := signRange(a.atLeastZero() && b.atLeastZero() || a.atMostZero() && b.atMostZero(),
		a.atLeastZero() && b.atMostZero() || a.atMostZero() && b.atLeastZero(), a.nonZero() && b.nonZero())
	if a.atLeastZero() && b.atLeastZero() && a.Hi <= 1 && b.Hi <= 1 { // the product of shares is a share
		r.Hi, r.OpenHi = min(a.Hi, b.Hi), a.Hi <= b.Hi && a.OpenHi || b.Hi <= a.Hi && b.OpenHi
	}
	return r
}

func hull(a, b Range) Range {
	r := Range{Lo: min(a.Lo, b.Lo), Hi: max(a.Hi, b.Hi), NonZero: a.nonZero() && b.nonZero()}
	r.OpenLo = (a.Lo > r.Lo || a.OpenLo) && (b.Lo > r.Lo || b.OpenLo)
	r.OpenHi = (a.Hi < r.Hi || a.OpenHi) && (b.Hi < r.Hi || b.OpenHi)
	return r
}

// powRange is the range of a power of a base that is not negative.
func powRange(a, b Range) Range {
	if !a.atLeastZero() {
		return All
	}
	r := signRange(true, false, a.positive())
	if a.Hi <= 1 && b.atLeastZero() {
		r.Hi, r.OpenHi = 1, (a.Hi < 1 || a.OpenHi) && b.positive()
	}
	if a.Lo >= 1 && b.atLeastZero() {
		r.Lo = 1
	}
	return r
}

func unaryRange(name string, a Range) Range {
	positive := Range{Lo: 0, Hi: math.Inf(1), OpenLo: true}
	switch name {
	case "abs":
		r := Range{Lo: 0, Hi: max(math.Abs(a.Lo), math.Abs(a.Hi)), NonZero: a.nonZero()}
		r.OpenHi = (math.Abs(a.Lo) < r.Hi || a.OpenLo) && (math.Abs(a.Hi) < r.Hi || a.OpenHi)
		return r
	case "sqrt":
		r := signRange(true, false, a.positive())
		if a.Hi <= 1 {
			r.Hi, r.OpenHi = 1, a.Hi < 1 || a.OpenHi
		}
		return r
	case "exp", "rsqrt", "softplus":
		return positive
	case "sigmoid":
		return Range{Lo: 0, Hi: 1, OpenLo: true, OpenHi: true}
	case "cosh":
		return Range{Lo: 1, Hi: math.Inf(1)}
	case "hypot", "real":
		return NonNegative
	case "sign":
		r := signRange(a.atLeastZero(), a.atMostZero(), a.nonZero())
		r.Lo, r.Hi = max(r.Lo, -1), min(r.Hi, 1)
		return r
	case "tanh", "erf":
		r := signRange(a.atLeastZero(), a.atMostZero(), a.nonZero())
		if r.Lo < -1 {
			r.Lo, r.OpenLo = -1, true
		}
		if r.Hi > 1 {
			r.Hi, r.OpenHi = 1, true
		}
		return r
	case "cbrt", "atan", "sinh", "expm1", "log1p":
		return signRange(a.atLeastZero(), a.atMostZero(), a.nonZero())
	case "floor", "ceil", "round":
		return signRange(a.atLeastZero(), a.atMostZero(), false)
	case "log", "log2":
		return signRange(a.Lo >= 1, a.Hi <= 1, a.Lo > 1 || a.Hi < 1)
	}
	return All
}
