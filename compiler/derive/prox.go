package derive

import (
	"fmt"
	"math"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// prox is the proximal operator of a sum of functions p of single values u (Parikh and Boyd, Proximal Algorithms, 2014):
//
//	argmin over u of step*p(u) + (u - v)^2/2
//
// p is taken apart into smooth pieces. A least value is where the derivative of a piece is zero, or at a knot between
// pieces. A stationary point counts inside its own piece, a knot always; of several candidates the one with the least value
// is taken, of equal ones the nearest to zero. A knot that is no local minimum, by its one-sided derivatives, gives way to
// what is as good but for rounding. Where p is proved to be convex, the one local minimum is taken without its value.
func (d *deriver) prox(p, u, step *ir.Value, e ir.Extent) *ir.Value {
	p = d.expand(p, u)
	v := u.Args[0]
	if d.signIs(step, nil)&positive == 0 {
		fail("as in `step = lr`", "the step of a proximal operator is positive, and %s is not", d.p.Text(step, nil))
	}
	if even, _ := d.parity(p, u); even {
		x := &proxer{splitter: d.split(p, u, positive|zero), p: p, step: step, v: d.pool.Call("abs", v), even: true, solved: map[*ir.Value]string{}}
		x.knots = append([]knot{{at: d.pool.Number(0), in: p}}, x.knots...)
		return d.pool.Call("copysign", x.minimum(v), v)
	}
	x := &proxer{splitter: d.split(p, u, unknown), p: p, step: step, v: v, solved: map[*ir.Value]string{}}
	return x.minimum(v)
}

type proxer struct {
	*splitter
	p, step, v *ir.Value
	even       bool
	convex     bool                 // proved: then a local minimum is the only one
	somewhere  bool                 // p is not infinite in every piece and at every knot
	solved     map[*ir.Value]string // how the candidates without a formula are found
}

// candidate is a value with what is to be least, and whether it is a local minimum. Of a knot that is none, slack is what
// it must be better by.
type candidate struct{ at, cost, local, slack *ir.Value }

func (x *proxer) minimum(v *ir.Value) *ir.Value {
	x.convex = true
	var record []ir.Case
	var all []candidate
	for _, same := range x.distinctKnots() {
		all = append(all, x.atKnot(same))
		record = append(record, ir.Case{Formula: "u = " + x.say(same[0].at)})
	}
	knots := len(all)
	for _, pc := range x.pieces {
		if x.infinite(pc.smooth) {
			continue
		}
		x.somewhere = true
		x.hasLeast(pc)
		roots := x.stationary(pc)
		x.convex = x.convex && x.isConvex(pc)
		for _, at := range roots {
			local := x.holds(pc.assumed, at)
			if len(roots) > 1 {
				local = x.and(local, x.Call("isfinite", at))
			}
			all = append(all, candidate{at: at, cost: x.cost(x.put(pc.smooth, x.u, at), at), local: local})
			record = append(record, ir.Case{Formula: x.formula(at), Where: x.rangeText(pc)})
		}
	}
	if !x.somewhere {
		fail("give it a value somewhere", "the penalty is infinite everywhere")
	}
	x.derivations = append(x.derivations, ir.Derivation{Var: x.u.Index, Head: x.head(), Cases: append(record[knots:], record[:knots]...)})
	best := x.best(all, knots)
	switch {
	case x.convex && x.even: // the sign of what is no number is none
		return best
	case x.convex:
		return x.Call("where", x.Call("eq", v, v), best, v)
	}
	return x.Call("where", x.Call("isfinite", v), best, x.v)
}

// best is the candidate of least cost, of which the first few are knots.
func (x *proxer) best(all []candidate, knots int) *ir.Value {
	if !x.convex {
		for i := range all {
			all[i].cost = x.key(all[i])
		}
	}
	best := all[0]
	for i, c := range all[1:] {
		take := x.better(c, best)
		switch isKnot := i+1 < knots; {
		case x.convex && isKnot:
			take = x.or(x.and(c.local, x.not(best.local)), x.and(x.same(c.local, best.local), take))
		case x.convex:
			take = c.local
		}
		best = candidate{at: x.Call("where", take, c.at, best.at), cost: x.Call("where", take, c.cost, best.cost), local: x.or(best.local, c.local)}
	}
	return best.at
}

// better is whether c costs less than best, or as much nearer to zero.
func (x *proxer) better(c, best candidate) *ir.Value {
	nearer := x.and(x.Call("eq", c.cost, best.cost), x.Call("lt", x.Call("abs", c.at), x.Call("abs", best.at)))
	return x.or(x.Call("lt", c.cost, best.cost), nearer)
}

// key is the cost by which a candidate is chosen: that of a stationary point outside its piece is infinite.
func (x *proxer) key(c candidate) *ir.Value {
	infinite := x.Number(math.Inf(1))
	if c.slack == nil {
		return x.choose(c.local, c.cost, infinite)
	}
	key := x.choose(c.local, c.cost, x.add(c.cost, c.slack))
	if x.total(c.cost) {
		return key
	}
	return x.Call("where", x.Call("eq", c.cost, c.cost), key, infinite)
}

// head says what the candidates are.
func (x *proxer) head() string {
	least := fmt.Sprintf("the u with the least %s*P(u) + (u - v)^2/2", x.say(x.step))
	if x.even {
		least = fmt.Sprintf("copysign(u, v) with the u >= 0 of least %s*P(u) + (u - w)^2/2, w = abs(v)", x.say(x.step))
	}
	if x.convex {
		return least + ", which is the one of these in its range"
	}
	return least + " among the local minima of these"
}

// say is v as text, in u and in what the operator is taken of.
func (x *proxer) say(v *ir.Value) string {
	return x.deriver.p.Text(v, x.names("u"))
}

// names are what the values of the operator are called, its variable as given.
func (x *proxer) names(variable string) map[*ir.Value]string {
	names := map[*ir.Value]string{x.u: variable, x.v: "v"}
	if len(x.step.Args) > 0 { // a formula of its own, of which the call tells
		names[x.step] = "step"
	}
	if x.even {
		names[x.v], names[x.u.Args[0]] = "w", "v"
	}
	return names
}

// formula is a candidate as text: its formula, or how it is found.
func (x *proxer) formula(at *ir.Value) string {
	if text := x.solved[at]; text != "" {
		return "u by " + text
	}
	return "u = " + x.say(at)
}

// rangeText is the range of u of a piece as text.
func (x *proxer) rangeText(pc piece) string {
	holds := x.holds(pc.assumed, x.u)
	if holds.Kind == ir.Number {
		return ""
	}
	return x.say(holds)
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

// cost is step*p(u) + (u - v)^2/2 at a value, of the p(u) there: what is to be least.
func (x *proxer) cost(p, at *ir.Value) *ir.Value { return x.add(x.mul(x.step, p), x.square(at)) }

func (x *proxer) square(at *ir.Value) *ir.Value {
	away := x.sub(at, x.v)
	return x.mul(x.Number(0.5), x.mul(away, away))
}

// nearTie is the relative difference of two costs up to which rounding, in float32, may have made it.
const nearTie = 1e-6

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
	x.somewhere = x.somewhere || !is(value, math.Inf(1))
	c.cost = x.cost(value, at)
	c.slack = x.mul(x.Number(nearTie), x.add(x.Call("abs", x.mul(x.step, value)), x.square(at)))
	return c
}

// isMinimum is whether a knot, at which the function has the given value, is a local minimum of the cost.
func (x *proxer) isMinimum(k knot, value *ir.Value) *ir.Value {
	if k.kink.node == nil {
		return x.isMinimumWhen(k, value, above)
	}
	slope := x.simpler(x.slope(k.kink.arg, x.u), x.u)
	known := map[*ir.Value]sign{x.u: x.where}
	switch at := x.put(slope, x.u, k.at); {
	case x.signIs(slope, known)&negative == 0 || x.signIs(at, nil)&negative == 0:
		return x.isMinimumWhen(k, value, above)
	case x.signIs(slope, known)&positive == 0 || x.signIs(at, nil)&positive == 0:
		return x.isMinimumWhen(k, value, below)
	default:
		return x.choose(x.Call("ge", at, x.Number(0)), x.isMinimumWhen(k, value, above), x.isMinimumWhen(k, value, below))
	}
}

// isMinimumWhen is isMinimum where the kink's argument rises with u, or falls: below.
func (x *proxer) isMinimumWhen(k knot, value *ir.Value, rising side) *ir.Value {
	down, jump := x.Bool(false), x.Bool(false) // there is a way down; the function jumps
	var slopes []*ir.Value
	for _, to := range []side{below, above} {
		if to == below && x.even && is(k.at, 0) || k.kink.end && to != rising {
			continue // what lies there mirrors the right, or nothing does
		}
		f := x.beside(k, to*rising)
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
	local := x.and(x.or(x.not(down), jump), x.not(x.isInf(value)))
	if x.total(value) {
		return local
	}
	return x.and(local, x.Call("eq", value, value))
}

// rises reports whether the derivative is proved not to fall at a knot.
func (x *proxer) rises(k knot, slopes []*ir.Value) bool {
	switch {
	case len(slopes) == 2 && !(x.finite(slopes[0]) && x.finite(slopes[1])): // of two infinities no difference tells
		return false
	case len(slopes) == 2:
		return x.equal(slopes[0], slopes[1]) || x.signIs(x.sub(slopes[1], slopes[0]), nil)&negative == 0
	case x.even && is(k.at, 0) && len(slopes) == 1:
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

// beside is the function right beside a knot, where the kink's argument is above or below zero: every operation that
// changes there is decided.
func (x *proxer) beside(k knot, to side) *ir.Value {
	f := k.in
	if k.kink.node == nil { // zero, of an even function
		return x.settle(f)
	}
	assumed := append(slices.Clip(k.assumed), assumption{k.kink, to})
	for changed := true; changed; {
		changed = false
		for _, kk := range x.kinks(f, k.assumed) {
			at := x.known(kk, assumed)
			switch kk.arg {
			case k.kink.arg:
				at = to
			case x.neg(k.kink.arg):
				at = -to
			}
			if at != on && x.decided(kk, at) != nil {
				f, changed = x.force(f, kk, at), true // the operations on it are others now
				break
			}
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

// infinite reports whether v is a sum that an infinity is written in, and so is infinite wherever the rest is finite.
func (x *proxer) infinite(v *ir.Value) bool {
	switch {
	case v.Kind == ir.Number:
		return math.IsInf(v.Num, 1)
	case v.Kind == ir.Spread || v.Kind == ir.Var:
		return x.infinite(v.Args[0])
	case v.Kind != ir.Apply:
		return false
	}
	switch v.Op.Name {
	case "add":
		return x.infinite(v.Args[0]) || x.infinite(v.Args[1])
	case "sub":
		return x.infinite(v.Args[0])
	case "mul":
		return x.infinite(v.Args[0]) && x.signIs(v.Args[1], nil) == positive || x.infinite(v.Args[1]) && x.signIs(v.Args[0], nil) == positive
	}
	return false
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

// stationary are the values at which the derivative of a piece's cost is zero.
func (x *proxer) stationary(pc piece) []*ir.Value {
	slope, ok := x.rationalSlope(pc.smooth)
	if !ok {
		return x.transcendental(pc)
	}
	if len(slope.den) == 1 {
		x.warnMany(pc, slope.num)
	}
	return x.zeros(pc, x.condition(slope, x.variable()))
}

// isConvex reports whether a piece is proved to be convex.
func (x *proxer) isConvex(pc piece) bool {
	convex, _ := x.convexity(pc)
	return convex
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
func (x *proxer) warnMany(pc piece, slope poly) {
	if slope.degree() != 1 || x.open(pc) { // hasLeast speaks of what is open
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
	slope := x.simpler(x.slope(pc.smooth, x.u), x.u)
	bend := x.simpler(x.slope(slope, x.u), x.u)
	if !x.isConvex(pc) {
		fail("write it piece by piece in polynomials, or as a sum of convex functions",
			"no proximal operator is derived for %s: its derivative plus (u - v)/step has no closed zero, and %s", x.text(pc.smooth), x.notConvex(pc, "it is not proved to be convex"))
	}
	if x.signIs(x.step, nil)&negative != 0 {
		fail("as in `step = lr` with a hyperparameter lr in (0, inf)", "the step of a proximal operator that is found by Newton's method must be known to be positive, and %s may be negative", x.deriver.p.Text(x.step, nil))
	}
	of := func(u *ir.Value) *ir.Value { return x.add(x.sub(u, x.v), x.mul(x.step, x.put(slope, x.u, u))) }
	first, last := x.ends(pc, false)
	from := x.Number(0)
	switch {
	case first != nil && last != nil:
		from = x.mul(x.Number(0.5), x.add(first, last))
	case first != nil:
		from = x.add(first, x.Number(1))
	case last != nil:
		from = x.sub(last, x.Number(1))
	}
	// The derivative of the cost is at least 1: its zero is between any c and c - of(c). From afar the first step is the root
	// of that distance, which exponentials and powers, whose zeros are near, soon bring back.
	height := of(from)
	right := x.Call("lt", height, x.Number(0))
	low, high := x.Call("where", right, from, x.sub(from, height)), x.Call("where", right, x.sub(from, height), from)
	if first != nil {
		low = x.Call("max", low, x.add(first, x.Number(math.SmallestNonzeroFloat32)))
	}
	if last != nil {
		high = x.Call("min", high, last)
	}
	rises := func(u *ir.Value) *ir.Value { return x.add(x.Number(1), x.mul(x.step, x.put(bend, x.u, u))) }
	distance := x.Call("abs", height)
	start := x.Call("where", x.Call("gt", distance, x.Number(1)), x.sub(from, x.Call("copysign", x.Call("sqrt", distance), height)), x.sub(from, x.div(height, rises(from))))
	at := x.increasing(newton{of: of, slope: rises, lo: low, hi: high, start: start, first: first, last: last, steep: true})
	residual := of(x.u)
	text := fmt.Sprintf("Newton's method on r(z) = %s = 0, r'(z) >= 1, %d turns from z = %s, kept between it and z - r(z)",
		x.deriver.p.Text(residual, x.names("z")), newtonTurns, x.say(from))
	if ends := x.endsText(first, last); ends != "" {
		text += " and " + ends
	}
	if first != nil { // a zero below the smallest number is the end itself
		edge := x.add(first, x.Number(math.SmallestNonzeroFloat32))
		at = x.Call("where", x.Call("ge", of(edge), x.Number(0)), first, at)
	}
	x.solved[at] = text
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
	if c.degree() < 2 || c.degree() > 3 {
		return nil, false
	}
	var out []*ir.Value
	for _, at := range x.zeros(pc, c) { // a root is not negative
		out = append(out, x.Call("where", x.Call("ge", at, x.Number(0)), x.div(x.sub(x.mul(at, at), b), a), x.Number(math.Inf(1))))
	}
	return out, true
}
