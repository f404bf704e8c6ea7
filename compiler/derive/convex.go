package derive

import "github.com/optc-lang/optc/compiler/ir"

// bends reports whether f is proved to be convex in u, or with negative concave, where values have the given signs: a sum of
// terms each of which is, by the sign of its second derivative or as the norm that a root of a positive quadratic is.
func (s *splitter) bends(f *ir.Value, known map[*ir.Value]sign, way sign) bool {
	if !s.holdsU(f) {
		return true
	}
	if s.bendSign(s.simpler(s.slope(f, s.u), s.u), known)&way.flip() == 0 {
		return true
	}
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
	case "sqrt":
		return way == positive && s.isNorm(f.Args[0], known, negative)
	}
	return false
}

// strict reports whether f is proved to be strictly convex in u: a sum of convex terms of which one is.
func (s *splitter) strict(f *ir.Value, known map[*ir.Value]sign) bool {
	if !s.holdsU(f) {
		return false
	}
	if s.bendSign(s.simpler(s.slope(f, s.u), s.u), known) == positive {
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
	return false
}

// bendSign is the sign of the derivative of a slope: what its forms, as it is derived, over one denominator and as
// a sum of monomials, say.
func (s *splitter) bendSign(slope *ir.Value, known map[*ir.Value]sign) sign {
	bend := s.slope(slope, s.u)
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
