package derive

import (
	"math"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// interval holds every value that an expression can have, over the reals.
type interval struct{ lo, hi float64 }

var everything = interval{math.Inf(-1), math.Inf(1)}

func point(x float64) interval {
	if math.IsNaN(x) {
		return everything
	}
	return interval{x, x}
}

// outward widens what was computed in floating point by more than the functions of package math are wrong by.
func (a interval) outward() interval {
	const slack = 0x1p-48
	if math.IsNaN(a.lo) {
		a.lo = math.Inf(-1)
	}
	if math.IsNaN(a.hi) {
		a.hi = math.Inf(1)
	}
	if a.lo != 0 && !math.IsInf(a.lo, -1) {
		a.lo = math.Nextafter(a.lo-slack*math.Abs(a.lo), math.Inf(-1))
	}
	if a.hi != 0 && !math.IsInf(a.hi, 1) {
		a.hi = math.Nextafter(a.hi+slack*math.Abs(a.hi), math.Inf(1))
	}
	// What overflowed is large, and what vanished is small, but neither is infinite or zero.
	if math.IsInf(a.lo, 1) {
		a.lo = math.MaxFloat64
	}
	if math.IsInf(a.hi, -1) {
		a.hi = -math.MaxFloat64
	}
	return a
}

func (a interval) within(b interval) interval { return interval{max(a.lo, b.lo), min(a.hi, b.hi)} }

func (a interval) neg() interval { return interval{-a.hi, -a.lo} }

func (a interval) plus(b interval) interval {
	out := interval{a.lo + b.lo, a.hi + b.hi}
	wide := out.outward()
	if isSum(out.lo, a.lo, b.lo) {
		wide.lo = out.lo
	}
	if isSum(out.hi, a.hi, b.hi) {
		wide.hi = out.hi
	}
	return wide
}

// isSum reports whether x, a + b rounded, is a + b (Knuth's two-sum).
func isSum(x, a, b float64) bool {
	if math.IsInf(x, 0) {
		return false
	}
	part := x - a
	return (a-(x-part))+(b-part) == 0
}

// rounded is outward for what may have underflowed to zero.
func (a interval) rounded() interval {
	a = a.outward()
	if a.lo == 0 {
		a.lo = -math.SmallestNonzeroFloat64
	}
	if a.hi == 0 {
		a.hi = math.SmallestNonzeroFloat64
	}
	return a
}

// product is x*y with 0 times an infinity 0: the infinity is an end, not a value.
func product(x, y float64) float64 {
	if x == 0 || y == 0 {
		return 0
	}
	return x * y
}

func (a interval) times(b interval) interval {
	p := []float64{product(a.lo, b.lo), product(a.lo, b.hi), product(a.hi, b.lo), product(a.hi, b.hi)}
	out := interval{slices.Min(p), slices.Max(p)}.outward()
	// A product that underflowed is zero here only where a factor can be zero or has this sign.
	if out.lo == 0 && (a.lo < 0 || b.lo < 0) {
		out.lo = -math.SmallestNonzeroFloat64
	}
	if out.hi == 0 && a.signs().times(b.signs())&positive != 0 {
		out.hi = math.SmallestNonzeroFloat64
	}
	return out
}

func (a interval) inverse() interval {
	switch {
	case a.lo > 0 || a.lo == 0 && a.hi > 0:
		return interval{1 / a.hi, 1 / a.lo}.outward()
	case a.hi < 0 || a.hi == 0 && a.lo < 0:
		return a.neg().inverse().neg()
	}
	return everything
}

// power is a^k.
func (a interval) power(k int) interval {
	out := point(1)
	if k%2 == 0 {
		a = interval{max(a.lo, -a.hi, 0), max(-a.lo, a.hi)}
	}
	for range k {
		out = interval{product(out.lo, a.lo), product(out.hi, a.hi)}
		if a.lo < 0 { // an odd power rises too
			out = interval{math.Copysign(math.Pow(math.Abs(a.lo), float64(k)), a.lo), math.Copysign(math.Pow(math.Abs(a.hi), float64(k)), a.hi)}
			break
		}
		out = out.outward()
	}
	if out.lo == 0 && a.lo > 0 || out.hi == 0 && a.hi > 0 || a.lo < 0 {
		return out.rounded()
	}
	return out
}

// signs are those that the values may have.
func (a interval) signs() sign {
	s := sign(0)
	if a.lo < 0 {
		s |= negative
	}
	if a.hi > 0 {
		s |= positive
	}
	if a.lo <= 0 && a.hi >= 0 {
		s |= zero
	}
	return s
}

// of restricts an interval to what a sign admits.
func (a interval) of(s sign) interval {
	if s&negative == 0 {
		a.lo = max(a.lo, 0)
	}
	if s&positive == 0 {
		a.hi = min(a.hi, 0)
	}
	return a
}

// rising maps an interval by a function that rises.
func (a interval) rising(f func(float64) float64) interval {
	return interval{f(a.lo), f(a.hi)}.rounded()
}

// risingFunctions rise wherever they are defined. Where the real functions are bounded or have a sign, their sign says so.
var risingFunctions = map[string]func(float64) float64{
	"exp": math.Exp, "expm1": math.Expm1, "log": math.Log, "log1p": math.Log1p, "log2": math.Log2, "sqrt": math.Sqrt, "cbrt": math.Cbrt,
	"sinh": math.Sinh, "tanh": math.Tanh, "atan": math.Atan, "erf": math.Erf,
	"sigmoid":  func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
	"softplus": func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) },
}

// enclosure is what is known of a value: an interval, and its sign, which tells more where an end of the interval is 0.
type enclosure struct {
	interval
	sign sign
}

// encloser computes enclosures of expressions in u: interval arithmetic (Moore 1966) that knows powers, with the rules for
// signs beside it. The intervals of hyperparameters are those that the rule declares.
type encloser struct {
	*splitter
	known map[*ir.Value]sign
	of    map[*ir.Value]enclosure
}

// enclose is what e can be for the values of u in a range.
func (s *splitter) enclose(order []*ir.Value, known map[*ir.Value]sign, u interval) enclosure {
	x := &encloser{s, known, map[*ir.Value]enclosure{}}
	s.tried += len(order)
	var e enclosure
	for _, n := range order {
		e = enclosure{everything, unknown}
		if n == s.u {
			e.interval = u
		} else {
			e.sign = s.signOf(n, func(a *ir.Value) sign { return x.of[a].sign })
			e.interval = x.ranges(n)
		}
		if sg, ok := known[n]; ok {
			e.sign &= sg
		}
		e.interval = e.interval.of(e.sign)
		e.sign &= e.interval.signs()
		x.of[n] = e
	}
	return e
}

func (x *encloser) ranges(n *ir.Value) interval {
	at := func(i int) interval { return x.of[n.Args[i]].interval }
	switch n.Kind {
	case ir.Number:
		return point(n.Num)
	case ir.Hyper:
		h := x.p.Hypers[n.Index]
		return interval{h.Lo, h.Hi}
	case ir.Input:
		if n.Name == "t" || n.Name == "rows" || n.Name == "cols" {
			return interval{1, math.Inf(1)}
		}
	case ir.Size:
		return interval{1, math.Inf(1)}
	case ir.Spread:
		return at(0)
	case ir.Var:
		if x.current == nil || n.Index != x.current.Index {
			return at(0)
		}
	case ir.Apply:
		return x.apply(n, at)
	}
	return everything
}

func (x *encloser) apply(n *ir.Value, at func(i int) interval) interval {
	if f := risingFunctions[n.Op.Name]; f != nil {
		a := at(0)
		if n.Op.Name == "log" || n.Op.Name == "log2" || n.Op.Name == "sqrt" {
			a.lo = max(a.lo, 0)
		}
		out := a.rising(f)
		if root := math.Sqrt(a.lo); n.Op.Name == "sqrt" && math.FMA(root, root, -a.lo) == 0 {
			out.lo = root
		}
		return out
	}
	switch n.Op.Name {
	case "add":
		return at(0).plus(at(1))
	case "sub":
		return at(0).plus(at(1).neg())
	case "neg":
		return at(0).neg()
	case "mul":
		out := point(1)
		for _, f := range x.factors(n) {
			out = out.times(x.of[f.of].power(f.times))
		}
		return out.within(at(0).times(at(1)))
	case "div":
		return at(0).times(at(1).inverse())
	case "cosh":
		a := at(0)
		return interval{max(a.lo, -a.hi, 0), max(-a.lo, a.hi)}.rising(math.Cosh).within(interval{1, math.Inf(1)})
	case "sin", "cos":
		return interval{-1, 1}
	case "abs":
		return interval{max(at(0).lo, -at(0).hi, 0), max(-at(0).lo, at(0).hi)}
	case "pow":
		return powerRange(at(0), at(1))
	case "min":
		return interval{min(at(0).lo, at(1).lo), min(at(0).hi, at(1).hi)}
	case "max":
		return interval{max(at(0).lo, at(1).lo), max(at(0).hi, at(1).hi)}
	case "where":
		return interval{min(at(1).lo, at(2).lo), max(at(1).hi, at(2).hi)}
	case "real":
		return interval{0, 1}
	}
	return everything
}

// powerRange is base^exponent for a base that is not negative: a power is monotone in each.
func powerRange(base, exponent interval) interval {
	base.lo = max(base.lo, 0)
	if base.hi < 0 || math.IsInf(exponent.lo, 0) || math.IsInf(exponent.hi, 0) {
		return interval{0, math.Inf(1)}
	}
	p := []float64{math.Pow(base.lo, exponent.lo), math.Pow(base.lo, exponent.hi), math.Pow(base.hi, exponent.lo), math.Pow(base.hi, exponent.hi)}
	return interval{slices.Min(p), slices.Max(p)}.outward().of(zero | positive)
}

// factor is one of a product, with how often it stands in it.
type factor struct {
	of    *ir.Value
	times int
}

// factors are those of a product of products.
func (d *deriver) factors(n *ir.Value) []factor {
	if known := d.products[n]; known != nil {
		return known
	}
	var out []factor
	products := 0
	var collect func(v *ir.Value)
	collect = func(v *ir.Value) {
		if v.Kind == ir.Apply && v.Op.Name == "mul" && products < maxFactors {
			products++
			collect(v.Args[0])
			collect(v.Args[1])
			return
		}
		if i := slices.IndexFunc(out, func(f factor) bool { return f.of == v }); i >= 0 {
			out[i].times++
			return
		}
		out = append(out, factor{v, 1})
	}
	collect(n)
	if d.products == nil {
		d.products = map[*ir.Value][]factor{}
	}
	d.products[n] = out
	return out
}

// bySquares is v with powers as products of squares, of which functions can be seen to be functions.
func (s *splitter) bySquares(v *ir.Value) *ir.Value {
	r := &ir.Rewriter{To: s.Pool, Make: func(n *ir.Value, args []*ir.Value) *ir.Value {
		v := s.Pool.Copy(n, args)
		if v.Kind != ir.Apply || v.Op.Name != "mul" || !slices.ContainsFunc(s.factors(v), func(f factor) bool { return f.times > 2 }) {
			return v
		}
		product := s.Number(1)
		for _, f := range s.factors(v) {
			square := s.mul(f.of, f.of)
			for range f.times / 2 {
				product = s.mul(product, square)
			}
			if f.times%2 == 1 {
				product = s.mul(product, f.of)
			}
		}
		return product
	}}
	r.Replace(s.u, s.u)
	return r.Value(v)
}

// maxParts bounds the parts of its range that an expression is tried on, maxTried the values that all of them look at.
const (
	maxParts = 400
	maxTried = 300_000
)

// signOn reports whether e is proved to have one of the signs wanted where values have the given signs and u is in its
// range: the range is divided until the enclosure of each part shows it, or there are too many. Where the derivative of e has
// one sign in a part, the ends of the part bound e. Nothing in e may divide by zero.
func (s *splitter) signOn(e *ir.Value, known map[*ir.Value]sign, want sign) bool {
	if e.Kind == ir.Apply && e.Op.Name == "div" && s.signIs(e.Args[1], known)&^positive == 0 {
		return s.signOn(e.Args[0], known, want)
	}
	isU := func(n *ir.Value) bool { return n == s.u }
	order := ir.Above(isU, e)
	s.visit(len(order))
	for _, u := range s.samples() {
		if sg := s.enclose(order, known, point(u)).sign; sg != 0 && sg&want == 0 {
			return false
		}
	}
	var slope []*ir.Value
	if s.exact {
		slope = ir.Above(isU, s.simpler(s.slope(e, s.u), s.u))
	}
	parts := []interval{s.span}
	for tried := 0; len(parts) > 0; tried++ {
		if tried > maxParts || s.tried > maxTried {
			return false
		}
		u := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		if s.enclose(order, known, u).sign&^want == 0 || slope != nil && s.monotone(order, slope, known, u).signs()&^want == 0 {
			continue
		}
		middle := u.middle()
		if !(middle > u.lo && middle < u.hi) {
			return false
		}
		parts = append(parts, interval{u.lo, middle}, interval{middle, u.hi})
	}
	return true
}

// monotone is the range of a value in a part where its derivative has one sign, or everything.
func (s *splitter) monotone(order, slope []*ir.Value, known map[*ir.Value]sign, u interval) interval {
	out, way := everything, s.enclose(slope, known, u).sign
	if way&negative != 0 && way&positive != 0 {
		return out
	}
	if way&positive == 0 {
		u.lo, u.hi = u.hi, u.lo
	}
	if s.span.lo < u.lo && u.lo < s.span.hi { // at an end of its range a value may have none
		out.lo = s.enclose(order, known, point(u.lo)).lo
	}
	if s.span.lo < u.hi && u.hi < s.span.hi {
		out.hi = s.enclose(order, known, point(u.hi)).hi
	}
	return out
}

// middle is where a range is divided: at 0, then at powers of four, then halfway.
func (a interval) middle() float64 {
	switch {
	case a.lo < 0 && a.hi > 0:
		return 0
	case a.hi <= 0:
		return -a.neg().middle()
	case math.IsInf(a.hi, 1):
		return max(1, 4*a.lo)
	case a.lo == 0 && a.hi <= 1:
		return a.hi / 4
	}
	return a.lo + (a.hi-a.lo)/2
}
