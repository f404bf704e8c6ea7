package derive

import (
	"math"

	"github.com/optc-lang/optc/compiler/ir"
)

// quadratic are the zeros of c + b*u + a*u^2, without cancellation: q/a and c/q with q = -(b + sign(b)*sqrt(b^2 - 4*a*c))/2
// (Press et al., Numerical Recipes, 5.6). NaN where there are none.
func (r real) quadratic(p poly) []*ir.Value {
	c, b, a := p[0], p[1], p[2]
	if is(b, 0) {
		root := r.Call("sqrt", r.neg(r.div(c, a)))
		return []*ir.Value{r.neg(root), root}
	}
	root := r.Call("sqrt", r.sub(r.mul(b, b), r.mul(r.Number(4), r.mul(a, c))))
	q := r.mul(r.Number(-0.5), r.add(b, r.Call("copysign", root, b)))
	return []*ir.Value{r.div(q, a), r.div(c, q)}
}

// newtonPolish is the number of Newton steps that follow the formula of a cubic, which loses digits to cancellation.
const newtonPolish = 3

// cubic are the zeros of d + c*u + b*u^2 + a*u^3: by the cosine of a third of an angle where there are three, by Cardano's
// formula where there is one, which is then all of them.
func (r real) cubic(p poly) []*ir.Value {
	d, c, b := r.div(p[0], p[3]), r.div(p[1], p[3]), r.div(p[2], p[3])
	// Of u = scale*z, whose coefficients are at most 1, no power overflows.
	scale := r.Call("max", r.Call("abs", b), r.Call("max", r.Call("sqrt", r.Call("abs", c)), r.Call("cbrt", r.Call("abs", d))))
	scale = r.Call("where", r.Call("gt", scale, r.Number(0)), scale, r.Number(1))
	d, c, b = r.div(r.div(r.div(d, scale), scale), scale), r.div(r.div(c, scale), scale), r.div(b, scale)
	p = poly{d, c, b, r.Number(1)}
	third := r.div(b, r.Number(3))
	// With z = w - b/3: w^3 - 3*e*w + 2*f = 0, e = (b/3)^2 - c/3, f = (b/3)^3 - b*c/6 + d/2.
	e := r.sub(r.mul(third, third), r.div(c, r.Number(3)))
	f := r.add(r.sub(r.mul(r.mul(third, third), third), r.div(r.mul(third, c), r.Number(2))), r.div(d, r.Number(2)))
	disc := r.sub(r.mul(f, f), r.mul(r.mul(e, e), e)) // one zero where it is positive
	three := r.Call("lt", disc, r.Number(0))
	root := r.Call("sqrt", r.Call("max", disc, r.Number(0)))
	s := r.neg(r.Call("copysign", r.Call("cbrt", r.add(r.Call("abs", f), root)), f))
	single := r.add(s, r.Call("where", r.Call("eq", s, r.Number(0)), r.Number(0), r.div(e, s)))
	// acos(z) = atan2(sqrt(1 - z^2), z), here of z = -f/e^1.5: as twice the arc tangent, which has one branch only.
	e15 := r.mul(e, r.Call("sqrt", e))
	angle := r.mul(r.Number(2), r.Call("atan", r.div(r.Call("sqrt", r.neg(disc)), r.sub(e15, f))))
	size := r.mul(r.Number(2), r.Call("sqrt", e))
	var out []*ir.Value
	for k := range 3 {
		turn := r.Call("cos", r.div(r.sub(angle, r.Number(float64(k)*6.283185307179586)), r.Number(3)))
		z := r.sub(r.Call("where", three, r.mul(size, turn), single), third)
		for range newtonPolish {
			slope := r.value(r.polySlope(p), z)
			z = r.sub(z, r.Call("where", r.Call("eq", slope, r.Number(0)), r.Number(0), r.div(r.value(p, z), slope)))
		}
		out = append(out, r.mul(scale, z))
	}
	return out
}

// newtonTurns is the number of steps of a safeguarded Newton iteration. It is the least for which every proximal operator of
// TestNewtonTurns, for |v| <= 1e4, is right to 1e-9*(1 + |u|) in float64 (18 would do) and to rounding in float32. Beyond, the
// bracket still holds the zero.
const newtonTurns = 20

// newton is the zero of an increasing function, known to be between lo and hi.
type newton struct {
	of, slope   func(*ir.Value) *ir.Value
	lo, hi      *ir.Value
	start       *ir.Value // taken if it is between them, the ends included
	first, last *ir.Value // the ends of the domain, nil where it has none
	steep       bool      // the derivative is at least 1: the zero is no farther away than the function is from 0
}

// increasing is the zero of n by Newton's method kept inside a bracket: a step that leaves it, or that neither is half of the
// one before nor follows a turn that has halved the bracket, gives way to a division of the bracket (Press et al., Numerical
// Recipes, 9.4).
func (r real) increasing(n newton) *ir.Value {
	lo, hi := n.lo, n.hi
	u := r.Call("where", r.starts(n), n.start, r.divide(n, lo, hi))
	last := r.sub(hi, lo)
	width := r.mul(r.Number(4), last) // so that the first step is not held to anything
	for turn := range newtonTurns {
		f := n.of(u)
		low := r.Call("lt", f, r.Number(0))
		newLo, newHi := lo, hi
		if n.steep {
			to := r.sub(u, f)
			newLo, newHi = r.Call("where", r.Call("gt", to, lo), to, lo), r.Call("where", r.Call("lt", to, hi), to, hi)
		}
		lo, hi = r.Call("where", low, u, newLo), r.Call("where", low, newHi, u)
		slope := n.slope(u)
		next := r.sub(u, r.div(f, slope))
		newWidth := r.sub(hi, lo)
		halved := r.Call("le", r.mul(r.Number(2), newWidth), width)
		moves := r.Call("abs", r.sub(next, u))
		small := r.Call("le", moves, r.smallAt(n, u))
		shrinks := r.Call("or", r.Call("or", halved, small), r.Call("le", r.mul(r.Number(2), moves), last))
		inside := r.Call("and", r.Call("ge", next, lo), r.Call("le", next, hi))
		inside = r.Call("and", inside, r.Call("isfinite", slope)) // a slope that overflows moves nothing
		next = r.Call("where", r.Call("and", shrinks, inside), next, r.divide(n, lo, hi))
		next = r.Call("where", r.Call("eq", f, r.Number(0)), u, next)
		last, width, u = r.Call("abs", r.sub(next, u)), newWidth, next
		markTurn(turn+1, []string{"z", "lo", "hi"}, u, lo, hi)
	}
	return u
}

// starts reports whether the start is between the ends of the bracket. It may be one of them, as where nothing is to move,
// but not an end of the domain.
func (r real) starts(n newton) *ir.Value {
	inside := r.Call("and", r.Call("ge", n.start, n.lo), r.Call("le", n.start, n.hi))
	if n.first != nil {
		inside = r.Call("and", inside, r.Call("gt", n.start, n.first))
	}
	if n.last != nil {
		inside = r.Call("and", inside, r.Call("lt", n.start, n.last))
	}
	return inside
}

// markTurn labels what a turn hands to the next, so that a listing can state one turn for all.
func markTurn(turn int, labels []string, values ...*ir.Value) {
	for i, v := range values {
		if v.Label == "" && len(v.Args) > 0 {
			v.Label, v.Turn = labels[i], turn
		}
	}
}

// smallAt is a step from u that rounding alone may make: a part of the distance to the nearer end of the domain.
func (r real) smallAt(n newton, u *ir.Value) *ir.Value {
	var least *ir.Value
	for _, end := range []*ir.Value{n.first, n.last} {
		if end == nil {
			continue
		}
		scale := r.add(r.mul(r.Number(smallStep), r.Call("abs", r.sub(u, end))), r.mul(r.Number(endResolution), r.Call("abs", end)))
		if least != nil {
			scale = r.Call("min", least, scale)
		}
		least = scale
	}
	if least == nil {
		return r.mul(r.Number(smallStep), r.add(r.Call("abs", u), r.Number(1)))
	}
	return least
}

// markTurn labels what a turn hands to the next, so that a listing can state one turn for all.
func (r real) markTurn(turn int, values ...*ir.Value) {
	for i, v := range values {
		if v.Label == "" && len(v.Args) > 0 {
			v.Label, v.Turn = []string{"z", "lo", "hi", "moved", "width"}[i], turn
		}
	}
}

// divide is a value between lo and hi: where one is far nearer to the end of the domain, or to 0, than the other, the
// geometric mean of the distances, and else the middle.
func (r real) divide(n newton, lo, hi *ir.Value) *ir.Value {
	middle := r.mul(r.Number(0.5), r.add(lo, hi))
	// mean is the geometric mean of distances from an end, of which the smaller may be 0.
	mean := func(near, far, end *ir.Value) (isWide, distance *ir.Value) {
		least := r.add(r.mul(r.Number(endResolution), r.Call("abs", end)), r.Number(math.SmallestNonzeroFloat32))
		near = r.Call("max", near, least)
		return r.Call("gt", far, r.mul(r.Number(4), near)), r.mul(r.Call("sqrt", near), r.Call("sqrt", far))
	}
	if n.first != nil {
		isWide, distance := mean(r.sub(lo, n.first), r.sub(hi, n.first), n.first)
		middle = r.Call("where", isWide, r.add(n.first, distance), middle)
	}
	if n.last != nil {
		isWide, distance := mean(r.sub(n.last, hi), r.sub(n.last, lo), n.last)
		if n.first != nil {
			isWide = r.Call("and", isWide, r.Call("lt", r.sub(n.last, lo), r.sub(lo, n.first)))
		}
		middle = r.Call("where", isWide, r.sub(n.last, distance), middle)
	}
	if n.first == nil && n.last == nil {
		a, b := r.Call("abs", lo), r.Call("abs", hi)
		apart := r.Call("gt", r.Call("max", a, b), r.mul(r.Number(4), r.Call("min", a, b)))
		oneSide := r.Call("or", r.Call("gt", lo, r.Number(0)), r.Call("lt", hi, r.Number(0)))
		mean := r.Call("copysign", r.mul(r.Call("sqrt", a), r.Call("sqrt", b)), lo)
		middle = r.Call("where", r.Call("and", oneSide, apart), mean, middle)
	}
	return middle
}

// smallStep is the relative step up to which none need be half of that before it: rounding alone moves it.
const smallStep = 1e-6

// endResolution is the part of the end of a domain that a float32 still tells from it.
const endResolution = 1e-7

// invert is the u with e = y, when u stands in e once and below operations that have an inverse; nil otherwise. Of a
// square root and other inverses with two branches it is the branch that the domain admits, or none.
func (s *splitter) invert(e, y *ir.Value) *ir.Value {
	for e != s.u {
		if root := s.power(e, y); root != nil {
			return root
		}
		at := -1
		for i, a := range e.Args {
			if s.holdsU(a) {
				if at >= 0 {
					return nil
				}
				at = i
			}
		}
		if at < 0 {
			return nil
		}
		if e.Kind == ir.Spread || e.Kind == ir.Var {
			e = e.Args[0]
			continue
		}
		if e.Kind != ir.Apply {
			return nil
		}
		var other *ir.Value
		if len(e.Args) == 2 {
			other = e.Args[1-at]
		}
		switch e.Op.Name {
		case "add":
			y = s.sub(y, other)
		case "sub":
			if at == 0 {
				y = s.add(y, other)
			} else {
				y = s.sub(other, y)
			}
		case "neg":
			y = s.neg(y)
		case "mul":
			y = s.div(y, other)
		case "div":
			if at == 0 {
				y = s.mul(y, other)
			} else {
				y = s.div(other, y)
			}
		case "pow":
			if at == 1 {
				return nil
			}
			y = s.Call("pow", y, s.div(s.Number(1), other))
		default:
			if e.Op.Inverse == "" {
				return nil
			}
			y = s.inverse(e.Op.Name, e.Op.Inverse, y)
		}
		e = e.Args[at]
	}
	return y
}

// power is the positive u with c + a*u^k = y; nil if e is no such polynomial.
func (s *splitter) power(e, y *ir.Value) *ir.Value {
	q, ok := s.rational(e, map[*ir.Value]ratio{s.u: s.variable()}, false)
	if !ok || len(q.den) != 1 || q.num.degree() < 1 {
		return nil
	}
	for _, c := range q.num[1:q.num.degree()] {
		if !is(c, 0) {
			return nil
		}
	}
	k := q.num.degree()
	y = s.div(s.sub(y, q.num[0]), q.num[k])
	switch {
	case k == 1:
		return y
	case s.where&negative != 0:
		return nil
	case k == 2:
		return s.Call("sqrt", y)
	case k == 3:
		return s.Call("cbrt", y)
	}
	return s.Call("pow", y, s.Number(1/float64(k)))
}

// inverse applies the inverse of an operator; of the difference of a logarithm and something, a product comes of it.
func (s *splitter) inverse(name, formula string, y *ir.Value) *ir.Value {
	if name == "log" && y.Kind == ir.Apply {
		isLog := func(v *ir.Value) bool { return v.Kind == ir.Apply && v.Op.Name == "log" }
		switch {
		case y.Op.Name == "sub" && isLog(y.Args[0]):
			return s.mul(y.Args[0].Args[0], s.Call("exp", s.neg(y.Args[1])))
		case y.Op.Name == "add" && isLog(y.Args[0]):
			return s.mul(y.Args[0].Args[0], s.Call("exp", y.Args[1]))
		}
	}
	return s.Build(ir.ParseFormula(formula), map[string]*ir.Value{"a": y})
}

// holdsU reports whether u stands in v.
func (s *splitter) holdsU(v *ir.Value) bool {
	order := ir.Above(func(n *ir.Value) bool { return n == s.u }, v)
	s.visit(len(order))
	for _, n := range order {
		if n == s.u {
			return true
		}
	}
	return false
}
