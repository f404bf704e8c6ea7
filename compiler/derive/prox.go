package derive

import (
	"math"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// prox is the proximal operator of a sum of functions p of single values u (Parikh and Boyd, Proximal Algorithms, 2014):
//
//	argmin over u of step*p(u) + (u - v)^2/2
//
// p is taken apart into smooth pieces. A least value is where the derivative of a piece is zero, or at a knot between
// pieces. Each such candidate counts if it is a local minimum: a stationary point inside its own piece, a knot whose
// one-sided derivatives have different signs, or at which p jumps. Of several the one with the least value is taken, of
// equal ones the nearest to zero. A knot that is none is kept for what rounding leaves between two pieces.
func (d *deriver) prox(p, u, step *ir.Value, e ir.Extent) *ir.Value {
	p = d.expand(p)
	v := u.Args[0]
	if even, _ := d.parity(p, u); even {
		x := &proxer{splitter: d.split(p, u, positive|zero), p: p, step: step, v: d.pool.Call("abs", v), even: true}
		x.knots = append([]knot{{at: d.pool.Number(0), in: p}}, x.knots...)
		return d.pool.Call("copysign", x.minimum(v), v)
	}
	x := &proxer{splitter: d.split(p, u, unknown), p: p, step: step, v: v}
	return x.minimum(v)
}

type proxer struct {
	*splitter
	p, step, v *ir.Value
	even       bool
	convex     bool // proved: then a local minimum is the only one
}

// candidate is a value with what is to be least, and whether it is a local minimum.
type candidate struct{ at, cost, local *ir.Value }

func (x *proxer) minimum(v *ir.Value) *ir.Value {
	x.convex = true
	record := ir.Derivation{Var: x.u.Index, In: x.u, Name: "u", Odd: x.even}
	var all []candidate
	for _, same := range x.distinctKnots() {
		all = append(all, x.atKnot(same))
		record.Cases = append(record.Cases, ir.Case{Value: same[0].at})
	}
	knots := len(all)
	for _, pc := range x.pieces {
		if n, ok := number(pc.smooth); ok && math.IsInf(n, 1) {
			continue
		}
		roots := x.stationary(pc)
		x.convex = x.convex && x.bends(pc.smooth, x.signs(pc), positive)
		for _, at := range roots {
			local := x.holds(pc.assumed, at)
			if len(roots) > 1 {
				local = x.and(local, x.Call("isfinite", at))
			}
			all = append(all, candidate{at, x.cost(pc.smooth, at), local})
			record.Cases = append(record.Cases, ir.Case{When: x.holds(pc.assumed, x.u), Value: at})
		}
	}
	if len(all) == 0 {
		fail("give it a value somewhere", "the penalty is infinite everywhere")
	}
	x.derivations = append(x.derivations, record)
	best := all[0]
	for i, c := range all[1:] {
		isKnot := i+1 < knots
		take := c.local
		if isKnot || !x.convex {
			better := x.or(x.Call("lt", c.cost, best.cost), x.and(x.Call("eq", c.cost, best.cost), x.Call("lt", x.Call("abs", c.at), x.Call("abs", best.at))))
			if take = x.and(c.local, x.or(x.not(best.local), better)); isKnot {
				take = x.or(x.and(c.local, x.not(best.local)), x.and(x.same(c.local, best.local), better))
			}
		}
		best = candidate{x.Call("where", take, c.at, best.at), x.Call("where", take, c.cost, best.cost), x.or(best.local, c.local)}
	}
	switch {
	case x.convex && x.even: // the sign of what is no number is none
		return best.at
	case x.convex:
		return x.Call("where", x.Call("eq", v, v), best.at, v)
	}
	return x.Call("where", x.Call("isfinite", v), best.at, x.v)
}

func (x *proxer) and(a, b *ir.Value) *ir.Value { return x.mask("and", a, b) }
func (x *proxer) or(a, b *ir.Value) *ir.Value  { return x.mask("or", a, b) }
func (x *proxer) not(a *ir.Value) *ir.Value    { return x.Call("not", a) }

// mask is a conjunction or disjunction, known as far as an operand is.
func (x *proxer) mask(name string, a, b *ir.Value) *ir.Value {
	for range 2 {
		if a.Kind == ir.Number {
			if (a.Num != 0) == (name == "and") {
				return b
			}
			return a
		}
		a, b = b, a
	}
	return x.Call(name, a, b)
}

// same is whether two masks are equal.
func (x *proxer) same(a, b *ir.Value) *ir.Value {
	return x.or(x.and(a, b), x.and(x.not(a), x.not(b)))
}

// cost is step*f(u) + u^2/2 - u*v at a value: what is to be least, up to the constant v^2/2.
func (x *proxer) cost(f, at *ir.Value) *ir.Value {
	quadratic := x.mul(at, x.sub(x.mul(x.Number(0.5), at), x.v))
	return x.add(x.mul(x.step, x.put(f, x.u, at)), quadratic)
}

// distinctKnots are the knots by where they are; one may be reached under several assumptions.
func (x *proxer) distinctKnots() [][]knot {
	var out [][]knot
	at := map[*ir.Value]int{}
	for _, k := range x.knots {
		if reached := x.holds(k.assumed, k.at); reached.Kind == ir.Number && reached.Num == 0 {
			continue
		}
		i, seen := at[k.at]
		if !seen {
			i, at[k.at] = len(out), len(out)
			out = append(out, nil)
		}
		out[i] = append(out[i], k)
	}
	return out
}

// jumpTolerance is the relative difference from which on the two sides of a knot count as a jump.
const jumpTolerance = 1e-9

// atKnot is a knot as a candidate. With v between the sums of the knot and step times the derivative on either side, it is
// a local minimum; where the function jumps it may be one whatever the derivatives. What lies outside the domain, or where
// the function is infinite, is no way down.
func (x *proxer) atKnot(same []knot) candidate {
	at := same[0].at
	c := candidate{at: at, local: x.Bool(false)}
	value := x.put(x.p, x.u, at)
	for _, k := range same {
		reached := x.holds(k.assumed, at)
		decided := x.put(x.force(k.in, k.kink, on), x.u, at)
		value = x.choose(reached, decided, value)
		c.local = x.or(c.local, x.and(reached, x.isMinimum(k, decided)))
	}
	c.cost = x.add(x.mul(x.step, value), x.mul(at, x.sub(x.mul(x.Number(0.5), at), x.v)))
	return c
}

// isMinimum is whether a knot, at which the function has the given value, is a local minimum of the cost.
func (x *proxer) isMinimum(k knot, value *ir.Value) *ir.Value {
	down, jump := x.Bool(false), x.Bool(false) // there is a way down; the function jumps
	var slopes []*ir.Value
	for _, to := range []side{below, above} {
		if to == below && x.even && is(k.at, 0) || k.kink.end && to != x.rising(k.kink) {
			continue // what lies there mirrors the right, or nothing does
		}
		f := x.beside(k, to)
		near := x.put(f, x.u, k.at)
		slope := x.put(x.simpler(x.slope(f, x.u), x.u), x.u, k.at)
		threshold := x.add(k.at, x.mul(x.step, slope))
		if !is(near, math.Inf(1)) {
			slopes = append(slopes, slope)
		}
		test := map[side]string{below: "gt", above: "lt"}[to]
		isInf := x.isInf(near)
		down = x.or(down, x.and(x.not(isInf), x.Call(test, threshold, x.v)))
		jump = x.or(jump, x.and(x.not(isInf), x.differs(near, value)))
	}
	x.convex = x.convex && jump.Kind == ir.Number && jump.Num == 0 && x.rises(k, slopes)
	local := x.or(x.not(down), jump)
	if x.total(value) {
		return local
	}
	return x.and(local, x.Call("eq", value, value))
}

// rises reports whether the derivative is proved not to fall at a knot.
func (x *proxer) rises(k knot, slopes []*ir.Value) bool {
	switch {
	case len(slopes) == 2:
		return x.equal(slopes[0], slopes[1]) || x.signIs(x.sub(slopes[1], slopes[0]), nil)&negative == 0
	case x.even && is(k.at, 0):
		return x.signIs(slopes[0], nil)&negative == 0
	}
	return true
}

// total reports whether v is a number wherever its operands are: it divides by nothing and takes no root or logarithm.
func (x *proxer) total(v *ir.Value) bool {
	for _, n := range ir.Reachable(v) {
		if n.Kind == ir.Apply && (len(n.Op.Inverse) > 0 && n.Op.Lo >= 0 || n.Op.Name == "div" && x.signIs(n.Args[1], nil)&zero != 0 || n.Op.Name == "pow") {
			return false
		}
	}
	return x.finite(v)
}

// beside is the function right below or above a knot: every operation that changes there is decided.
func (x *proxer) beside(k knot, to side) *ir.Value {
	f := k.in
	if k.kink.node == nil { // zero, of an even function
		return x.settle(f)
	}
	for _, kk := range x.kinks(f, k.assumed) {
		if kk.arg == k.kink.arg || kk.arg == x.neg(k.kink.arg) {
			f = x.force(f, kk, to*x.rising(kk))
		}
	}
	return f
}

// settle decides what is known of the function of a positive u.
func (x *proxer) settle(f *ir.Value) *ir.Value {
	for {
		kinks := x.kinks(f, nil)
		i := slices.IndexFunc(kinks, func(k kink) bool { return x.known(k, nil) != on && x.decided(k, x.known(k, nil)) != nil })
		if i < 0 {
			return f
		}
		f = x.force(f, kinks[i], x.known(kinks[i], nil))
	}
}

func (x *proxer) choose(mask, a, b *ir.Value) *ir.Value {
	if mask.Kind == ir.Number {
		if mask.Num != 0 {
			return a
		}
		return b
	}
	if a == b {
		return a
	}
	return x.Call("where", mask, a, b)
}

// isInf is whether a penalty's value is infinite.
func (x *proxer) isInf(v *ir.Value) *ir.Value {
	if _, ok := number(v); !ok && x.finite(v) {
		return x.Bool(false)
	}
	return x.Call("eq", v, x.Number(math.Inf(1)))
}

// finite reports whether no infinity is written in v.
func (x *proxer) finite(v *ir.Value) bool {
	for _, n := range ir.Reachable(v) {
		if n.Kind == ir.Number && math.IsInf(n.Num, 0) {
			return false
		}
	}
	return true
}

// differs is whether two values of a penalty at one knot are a jump.
func (x *proxer) differs(a, b *ir.Value) *ir.Value {
	if x.equal(a, b) {
		return x.Bool(false)
	}
	size := x.add(x.Call("abs", a), x.Call("abs", b))
	return x.Call("gt", x.Call("abs", x.sub(a, b)), x.mul(x.Number(jumpTolerance), size))
}

// rising tells whether a kink's argument grows with u: above, or falls: below. What is not known counts as growing.
func (x *proxer) rising(k kink) side {
	if x.signIs(x.simpler(x.slope(k.arg, x.u), x.u), map[*ir.Value]sign{x.u: x.where})&positive == 0 {
		return below
	}
	return above
}

// stationary are the values at which the derivative of a piece's cost is zero.
func (x *proxer) stationary(pc piece) []*ir.Value {
	slope, ok := x.rationalSlope(pc.smooth)
	if !ok {
		return x.transcendental(pc)
	}
	if len(slope.den) == 1 {
		x.warnMany(slope.num)
	}
	return x.zeros(pc, x.condition(slope, x.variable()))
}

// rationalSlope is the derivative of f as a quotient of polynomials, if it is one.
func (x *proxer) rationalSlope(f *ir.Value) (ratio, bool) {
	in := map[*ir.Value]ratio{x.u: x.variable()}
	if q, ok := x.rational(f, in, false); ok {
		if len(q.den) == 1 {
			return ratio{x.polySlope(q.num), q.den}, true
		}
		up := x.addPoly(x.mulPoly(x.polySlope(q.num), q.den), x.mulPoly(q.num, x.polySlope(q.den)), x.sub)
		return x.reduce(ratio{up, x.mulPoly(q.den, q.den)}), true
	}
	return x.rational(x.slope(f, x.u), in, false)
}

// condition is step*slope + u - v over its denominator, as a polynomial.
func (x *proxer) condition(slope, u ratio) poly {
	weighted := x.mulRatio(x.constant(x.step), slope)
	away := x.addRatio(u, x.constant(x.v), x.sub)
	return x.addRatio(away, weighted, x.add).num
}

// zeros are those of a condition.
func (x *proxer) zeros(pc piece, c poly) []*ir.Value {
	switch c.degree() {
	case -1, 0: // every value is as good, those at the knots too
		return nil
	case 1:
		return []*ir.Value{x.div(x.neg(c[0]), c[1])}
	case 2:
		return x.quadratic(c)
	case 3:
		return x.cubic(c)
	}
	return x.transcendental(pc)
}

// warnMany warns when, at the default hyperparameters, a piece bends down more than the square bends up: then there is a v
// with two minima, and a jump between them.
func (x *proxer) warnMany(slope poly) {
	if slope.degree() != 1 {
		return
	}
	bend := x.add(x.Number(1), x.mul(x.step, slope[1]))
	if b, ok := x.atDefaults(bend); ok && b <= 0 {
		x.failures = append(x.failures, Failure{Var: x.u.Index, Warning: true,
			Message: "with this step the penalty bends down more than the square bends up: the proximal operator jumps, and of two minima the lower is taken"})
	}
}

// atDefaults is v with every hyperparameter at its default.
func (d *deriver) atDefaults(v *ir.Value) (float64, bool) {
	r := &ir.Rewriter{To: d.pool, Make: func(n *ir.Value, args []*ir.Value) *ir.Value {
		switch n.Kind {
		case ir.Hyper:
			return d.pool.Number(d.p.Hypers[n.Index].Default)
		case ir.Spread, ir.Var:
			return args[0]
		}
		return d.pool.Copy(n, args)
	}}
	return number(r.Value(v))
}

// transcendental are the stationary points of a piece whose condition is no polynomial in u: it may be one in a root of a
// linear function of u; else the piece must be convex, and Newton's method finds the one zero.
func (x *proxer) transcendental(pc piece) []*ir.Value {
	if at, ok := x.throughRoot(pc); ok {
		return at
	}
	known := map[*ir.Value]sign{x.u: x.where}
	lo := (*ir.Value)(nil)
	for _, a := range pc.assumed {
		switch {
		case a.side == above:
			known[a.arg] = positive
		case a.side == below:
			known[a.arg] = negative
		}
		if a.end && a.arg == x.u {
			known[x.u], lo = positive, x.Number(0)
		}
	}
	slope := x.simpler(x.slope(pc.smooth, x.u), x.u)
	bend := x.simpler(x.slope(slope, x.u), x.u)
	if !x.bends(pc.smooth, known, positive) || x.signIs(x.step, nil)&negative != 0 {
		fail("write it piece by piece in polynomials, or as a convex function",
			"no proximal operator is derived for %s: its derivative plus (u - v)/step has no closed zero, and its second derivative is not proved to be at least 0", x.text(pc.smooth))
	}
	of := func(u *ir.Value) *ir.Value { return x.add(x.sub(u, x.v), x.mul(x.step, x.put(slope, x.u, u))) }
	// The derivative of the cost is at least 1: its zero is within |of(c)| of any c.
	start := x.Number(0)
	if lo != nil {
		start = x.Number(1)
	}
	far := x.Call("abs", of(start))
	low, high := x.sub(start, far), x.add(start, far)
	if lo != nil {
		low = x.Call("max", low, x.Number(math.SmallestNonzeroFloat32))
	}
	at := x.increasing(of, func(u *ir.Value) *ir.Value { return x.add(x.Number(1), x.mul(x.step, x.put(bend, x.u, u))) }, low, high)
	return []*ir.Value{at}
}

// throughRoot solves the condition of a piece that holds, beside u, the one root w = sqrt(b + a*u): with u = (w^2 - b)/a it is
// a polynomial in w.
func (x *proxer) throughRoot(pc piece) ([]*ir.Value, bool) {
	slope := x.slope(pc.smooth, x.u)
	var root *ir.Value
	for _, n := range ir.Above(func(n *ir.Value) bool { return n == x.u }, slope) {
		if n.Kind == ir.Apply && n.Op.Name == "sqrt" && x.holdsU(n) {
			if root != nil {
				return nil, false
			}
			root = n
		}
	}
	if root == nil {
		return nil, false
	}
	inner, ok := x.rational(root.Args[0], map[*ir.Value]ratio{x.u: x.variable()}, false)
	if !ok || inner.num.degree() != 1 || len(inner.den) != 1 {
		return nil, false
	}
	b, a := inner.num[0], inner.num[1]
	w := x.variable()
	asW := ratio{poly{x.neg(x.div(b, a)), x.Number(0), x.div(x.Number(1), a)}, poly{x.Number(1)}}
	q, ok := x.rational(slope, map[*ir.Value]ratio{x.u: asW, root: w}, false)
	if !ok {
		return nil, false
	}
	c := x.condition(q, asW)
	if c.degree() < 1 || c.degree() > 3 {
		return nil, false
	}
	var out []*ir.Value
	for _, at := range x.zeros(pc, c) {
		out = append(out, x.div(x.sub(x.mul(at, at), b), a))
	}
	return out, true
}
