package derive

import (
	"fmt"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// What is proved to be convex is so by one of these rules, over the reals and for all values of the hyperparameters:
//
//  1. f'' >= 0, by the signs of what it is computed from, as it is derived, over one denominator and as a sum of monomials; or
//     by interval arithmetic over parts of the range of u;
//  2. sums and multiples of convex terms (Boyd and Vandenberghe, Convex Optimization, 3.2.1);
//  3. h(g(u)) with a convex h that rises and a convex g, that falls and a concave g, or with an affine g (3.2.4);
//  4. the root of a quadratic that is nowhere negative, which is a norm;
//  5. what is log-convex, and the logarithm of that: exponentials of convex functions, their sums, products and positive
//     powers, and reciprocals of positive concave functions (3.5.2).
//
// A piece has no kinks, and is analytic where it has no poles.

// convexity reports whether a piece is proved to be convex, and whether strictly.
func (s *splitter) convexity(pc piece) (convex, strictly bool) {
	known := s.signs(pc)
	pc.smooth = s.bySquares(pc.smooth)
	if s.span, s.exact = s.spanOf(pc); !s.hasNoPoles(pc.smooth, known) || !s.bends(pc.smooth, known, positive) {
		return false, false
	}
	if s.strict(pc.smooth, known) {
		return true, true
	}
	// An analytic function that is affine somewhere is so on all of an interval.
	return true, s.isInterval(pc) && s.bendsSomewhere(pc, known)
}

// spanOf is an interval that holds every u of a piece, and whether all of its interior is in the piece.
func (s *splitter) spanOf(pc piece) (span interval, exact bool) {
	span, exact = everything, true
	if lo, hi, ok := s.rangeOf(s.u, pc.assumed); ok {
		span = interval{lo, hi}
	}
	for _, a := range pc.assumed {
		if _, _, numeric := s.linear(a.arg); numeric || s.holdsAlways(a) {
			continue
		}
		if lo, hi, ok := s.between(a); ok {
			span = span.within(interval{lo, hi})
			continue
		}
		exact = false
	}
	return span.of(s.where), exact
}

// between are the values of u between which a quadratic with numbers for coefficients is positive, if an assumption is that
// of a concave one.
func (s *splitter) between(a assumption) (lo, hi float64, ok bool) {
	first, last := s.arc(a)
	if first == nil {
		return 0, 0, false
	}
	lo, okLo := number(first)
	hi, okHi := number(last)
	return lo, hi, okLo && okHi
}

// arc are the zeros between which a concave quadratic is positive, or a convex one negative; nil if that is not what is
// assumed.
func (s *splitter) arc(a assumption) (first, last *ir.Value) {
	q, ok := s.rational(a.arg, map[*ir.Value]ratio{s.u: s.variable()}, false)
	if !ok || len(q.den) != 1 || q.num.degree() != 2 {
		return nil, nil
	}
	if bend := s.signIs(q.num[2], nil); bend != map[side]sign{above: negative, below: positive}[a.side] {
		return nil, nil
	}
	roots := s.quadratic(q.num)
	return s.Call("min", roots[0], roots[1]), s.Call("max", roots[0], roots[1])
}

// holdsAlways reports whether what was assumed is so for every u.
func (s *splitter) holdsAlways(a assumption) bool {
	return s.signIs(a.arg, nil) == map[side]sign{above: positive, below: negative}[a.side]
}

// isInterval reports whether the values of u of a piece are those of an interval: each condition holds everywhere, or is that
// a concave function is positive, or a convex one negative.
func (s *splitter) isInterval(pc piece) bool {
	return !slices.ContainsFunc(pc.assumed, func(a assumption) bool {
		way := negative
		if a.side == below {
			way = positive
		}
		return !s.isAffine(a.arg) && !s.holdsAlways(a) && !s.bends(a.arg, nil, way)
	})
}

// isAffine reports whether e is b + a*u.
func (s *splitter) isAffine(e *ir.Value) bool {
	q, ok := s.rational(e, map[*ir.Value]ratio{s.u: s.variable()}, false)
	return ok && len(q.den) == 1 && q.num.degree() <= 1
}

// hasNoPoles reports whether nothing in f divides by zero.
func (s *splitter) hasNoPoles(f *ir.Value, known map[*ir.Value]sign) bool {
	for _, n := range ir.Above(func(n *ir.Value) bool { return n == s.u }, f) {
		switch {
		case n.Kind != ir.Apply || !s.holdsU(n):
		case n.Op.Name == "tan", n.Op.Name == "div" && s.holdsU(n.Args[1]) && !s.hasSign(n.Args[1], known, negative|positive):
			return false
		}
	}
	return true
}

// hasSign reports whether e is proved to have one of the signs wanted.
func (s *splitter) hasSign(e *ir.Value, known map[*ir.Value]sign, want sign) bool {
	simple := s.simpler(e, s.u)
	have := s.signIs(e, known) & s.signIs(simple, known) & s.normalSign(e, known)
	return have&^want == 0 || s.signOn(simple, known, want) || simple != e && s.signOn(e, known, want)
}

// bends reports whether f is proved to be convex in u, or with negative concave, where values have the given signs.
func (s *splitter) bends(f *ir.Value, known map[*ir.Value]sign, way sign) bool {
	if !s.holdsU(f) {
		return true
	}
	if s.tried += rulesCost * len(ir.Above(func(n *ir.Value) bool { return n == s.u }, f)); s.tried > maxTried || s.depth > maxDepth {
		return false
	}
	s.depth++
	defer func() { s.depth-- }()
	if s.bendSign(f, known)&way.flip() == 0 || s.bendsInTerms(f, known, way) {
		return true
	}
	switch of := s.logOf(f); {
	case way == positive && (s.logConvex(f, known) || of != nil && s.logConvex(of, known)):
		return true
	case way == positive && f.Kind == ir.Apply && f.Op.Name == "sqrt" && s.isNorm(f.Args[0], known, negative):
		return true
	case s.bendsThrough(f, known, way):
		return true
	}
	bend := s.slope(s.slope(f, s.u), s.u)
	return s.signOn(s.simpler(bend, s.u), known, way|zero) || s.signOn(bend, known, way|zero)
}

// rulesCost is how many values the rules for signs look at for each of a function's, and maxDepth how deep the rules go.
const (
	rulesCost = 20
	maxDepth  = 40
)

// bendsInTerms is bends by the terms of a sum and the factor of a multiple.
func (s *splitter) bendsInTerms(f *ir.Value, known map[*ir.Value]sign, way sign) bool {
	switch {
	case f.Kind == ir.Spread || f.Kind == ir.Var:
		return s.bends(f.Args[0], known, way)
	case f.Kind != ir.Apply:
		return false
	}
	switch f.Op.Name {
	case "add":
		return s.bends(f.Args[0], known, way) && s.bends(f.Args[1], known, way)
	case "sub":
		return s.bends(f.Args[0], known, way) && s.bends(f.Args[1], known, way.flip())
	case "neg":
		return s.bends(f.Args[0], known, way.flip())
	case "mul", "div":
		for i, a := range f.Args {
			if other := f.Args[1-i]; s.holdsU(a) && !s.holdsU(other) && !(f.Op.Name == "div" && i == 1) {
				switch factor := s.signIs(other, known); {
				case factor&negative == 0:
					return s.bends(a, known, way)
				case factor&positive == 0:
					return s.bends(a, known, way.flip())
				}
			}
		}
	}
	return false
}

// maxInner bounds the inner functions that bendsThrough tries.
const maxInner = 8

// bendsThrough is bends of h(g(u)), for an inner function g that all of f reads u through.
func (s *splitter) bendsThrough(f *ir.Value, known map[*ir.Value]sign, way sign) bool {
	inner := s.innerOf(f)
	for _, g := range inner[max(0, len(inner)-maxInner):] {
		rises, falls := s.bends(g, known, way), s.bends(g, known, way.flip())
		if !rises && !falls {
			continue
		}
		h, of, knownOf := s.outer(f, g, known)
		if !h.hasNoPoles(of, knownOf) {
			continue
		}
		slope := h.slope(of, h.u)
		monotone := rises && h.hasSign(slope, knownOf, zero|positive) || falls && h.hasSign(slope, knownOf, zero|negative)
		if s.tried = h.tried; (rises && falls || monotone) && h.bends(of, knownOf, way) {
			return true
		}
		s.tried = h.tried
	}
	return false
}

// innerOf are the values of f, but for u and f itself, without which nothing of f depends on u, the innermost first.
func (s *splitter) innerOf(f *ir.Value) []*ir.Value {
	isU := func(n *ir.Value) bool { return n == s.u }
	var out []*ir.Value
	order := ir.Above(isU, f)
	s.visit(len(order))
	if len(order) > maxTerms {
		return nil
	}
	for _, g := range order {
		if g == f || g == s.u || g.Kind != ir.Apply || !s.holdsU(g) {
			continue
		}
		s.visit(len(order))
		if !slices.Contains(ir.Above(func(n *ir.Value) bool { return n == g || n == s.u }, f), s.u) {
			out = append(out, g)
		}
	}
	return out
}

// outer is f as a function of g, in a variable of its own, with what is known of the values in it.
func (s *splitter) outer(f, g *ir.Value, known map[*ir.Value]sign) (*splitter, *ir.Value, map[*ir.Value]sign) {
	at := s.enclose(ir.Above(func(n *ir.Value) bool { return n == s.u }, g), known, s.span)
	h := *s
	h.u = s.Pool.Var(g, innerVariable-g.ID)
	h.span, h.where = at.interval, at.sign&s.signIs(g, known)
	r := &ir.Rewriter{To: s.Pool, Make: s.Pool.Copy}
	r.Replace(s.u, s.u)
	r.Replace(g, h.u)
	of := map[*ir.Value]sign{}
	for v, sg := range known {
		if v != g && v != s.u {
			of[r.Value(v)] = sg
		}
	}
	h.exact = s.exact && len(of) == 0
	of[h.u] = h.where
	if sg, ok := known[g]; ok {
		of[h.u] &= sg
	}
	return &h, r.Value(f), of
}

// innerVariable and what is below it number variables that stand for inner functions.
const innerVariable = -1000

// logConvex reports whether f is positive and its logarithm is proved to be convex.
func (s *splitter) logConvex(f *ir.Value, known map[*ir.Value]sign) bool {
	switch {
	case !s.holdsU(f):
		return s.signIs(f, known) == positive
	case f.Kind == ir.Spread || f.Kind == ir.Var && f != s.u:
		return s.logConvex(f.Args[0], known)
	case f.Kind != ir.Apply:
		return false
	}
	a := f.Args
	switch f.Op.Name {
	case "exp":
		return s.bends(a[0], known, positive)
	case "cosh":
		return s.isAffine(a[0])
	case "add", "mul":
		return s.logConvex(a[0], known) && s.logConvex(a[1], known)
	case "div":
		return s.logConvex(a[0], known) && s.hasSign(a[1], known, positive) && s.bends(a[1], known, negative)
	case "sqrt":
		return s.logConvex(a[0], known)
	case "pow":
		return !s.holdsU(a[1]) && s.signIs(a[1], known)&negative == 0 && s.logConvex(a[0], known) || // 2^u is exp(log(2)*u)
			!s.holdsU(a[0]) && s.signIs(a[0], known) == positive && s.isAffine(a[1])
	}
	return false
}

// logOf is the value whose logarithm f is, if it is one.
func (s *splitter) logOf(f *ir.Value) *ir.Value {
	if f.Kind == ir.Apply {
		switch f.Op.Name {
		case "log", "log2":
			return f.Args[0]
		case "log1p":
			return s.add(f.Args[0], s.Number(1))
		}
	}
	return nil
}

// bendsSomewhere reports whether f” is proved to be positive at one u of a piece at least, whatever the hyperparameters.
func (s *splitter) bendsSomewhere(pc piece, known map[*ir.Value]sign) bool {
	bend := s.simpler(s.slope(s.slope(pc.smooth, s.u), s.u), s.u)
	for _, u := range s.samples() {
		if s.signAt(bend, known, u) == positive && s.contains(pc, u) {
			return true
		}
	}
	return false
}

// contains reports whether u is proved to be in a piece, whatever the hyperparameters.
func (s *splitter) contains(pc piece, u float64) bool {
	return !slices.ContainsFunc(pc.assumed, func(a assumption) bool {
		want := positive
		if a.side == below {
			want = negative
		}
		return s.signAt(a.arg, nil, u) != want
	})
}

// signAt is what is known of the sign of e at a value of u.
func (s *splitter) signAt(e *ir.Value, known map[*ir.Value]sign, u float64) sign {
	return s.enclose(ir.Above(func(n *ir.Value) bool { return n == s.u }, e), known, point(u)).sign
}

// samples are values of u inside the span.
func (s *splitter) samples() []float64 {
	var out []float64
	for _, u := range []float64{0.5, 1, 2, 0.25, 3, 0.1, 5, 10, 0.01, 30} {
		for _, u := range []float64{u, -u} {
			if s.span.lo < u && u < s.span.hi {
				out = append(out, u)
			}
		}
	}
	if middle := s.span.middle(); middle > s.span.lo && middle < s.span.hi {
		out = append(out, middle)
	}
	return out
}

// strict reports whether f is proved to be strictly convex in u: a sum of convex terms of which one is.
func (s *splitter) strict(f *ir.Value, known map[*ir.Value]sign) bool {
	if !s.holdsU(f) {
		return false
	}
	if s.bendSign(f, known) == positive {
		return true
	}
	switch {
	case f.Kind == ir.Spread || f.Kind == ir.Var:
		return s.strict(f.Args[0], known)
	case f.Kind != ir.Apply:
		return false
	}
	switch a := f.Args; f.Op.Name {
	case "add":
		return s.strict(a[0], known) && s.bends(a[1], known, positive) || s.bends(a[0], known, positive) && s.strict(a[1], known)
	case "sub":
		return s.strict(a[0], known) && s.bends(a[1], known, negative)
	case "mul":
		return s.signIs(a[0], known) == positive && !s.holdsU(a[0]) && s.strict(a[1], known) || s.signIs(a[1], known) == positive && !s.holdsU(a[1]) && s.strict(a[0], known)
	case "div":
		return s.signIs(a[1], known) == positive && !s.holdsU(a[1]) && s.strict(a[0], known)
	case "sqrt":
		return s.isNorm(a[0], known, negative|zero)
	}
	return s.strictThrough(f, known)
}

// strictThrough is strict of h(a*u + b) with a strictly convex h.
func (s *splitter) strictThrough(f *ir.Value, known map[*ir.Value]sign) bool {
	for _, g := range s.innerOf(f) {
		if s.isAffine(g) && s.signIs(s.slope(g, s.u), known)&zero == 0 {
			h, of, knownOf := s.outer(f, g, known)
			if h.strict(of, knownOf) {
				return true
			}
		}
	}
	return false
}

// bendSign is the sign of f”: what its forms, as it is derived, over one denominator and as a sum of monomials, say.
func (s *splitter) bendSign(f *ir.Value, known map[*ir.Value]sign) sign {
	bend := s.slope(s.simpler(s.slope(f, s.u), s.u), s.u)
	return s.signIs(bend, known) & s.signIs(s.simpler(bend, s.u), known) & s.normalSign(bend, known)
}

// isNorm reports whether q = a + b*u + c*u^2 is never negative and has no real zero, or one: then its root is a norm, strictly
// convex if it has none. The sign of 4*a*c - b^2 must exclude not.
func (s *splitter) isNorm(q *ir.Value, known map[*ir.Value]sign, not sign) bool {
	p, ok := s.rational(q, map[*ir.Value]ratio{s.u: s.variable()}, false)
	if !ok || len(p.den) != 1 || p.num.degree() != 2 {
		return false
	}
	disc := s.sub(s.mul(s.Number(4), s.mul(p.num[0], p.num[2])), s.mul(p.num[1], p.num[1]))
	return s.signIs(p.num[2], known)&negative == 0 && s.signIs(disc, known)&s.normalSign(disc, known)&not == 0
}

// notConvex says where a piece bends down at the default hyperparameters, or otherwise what is given.
func (s *splitter) notConvex(pc piece, otherwise string) string {
	bend := s.simpler(s.slope(s.slope(pc.smooth, s.u), s.u), s.u)
	for _, u := range s.samples() {
		value, known := s.atDefaults(s.put(bend, s.u, s.Number(u)))
		if known && value < -1e-9 && s.containsAtDefaults(pc, u) {
			return fmt.Sprintf("it bends down: its second derivative is %.3g at u = %g%s", value, u, s.withDefaults(bend))
		}
	}
	return otherwise
}

// containsAtDefaults is contains with every hyperparameter at its default.
func (s *splitter) containsAtDefaults(pc piece, u float64) bool {
	for _, a := range pc.assumed {
		if v, known := s.atDefaults(s.put(a.arg, s.u, s.Number(u))); !known || v*float64(a.side) <= 0 {
			return false
		}
	}
	return true
}

// withDefaults says that the defaults were taken, where there are hyperparameters.
func (s *splitter) withDefaults(v *ir.Value) string {
	if slices.ContainsFunc(ir.Reachable(v), func(n *ir.Value) bool { return n.Kind == ir.Hyper }) {
		return " with the default hyperparameters"
	}
	return ""
}
