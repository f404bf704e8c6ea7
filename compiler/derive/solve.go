package derive

import (
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

// newtonTurns is the number of steps of a safeguarded Newton iteration: while the bracket spans more than a factor of four,
// each takes the root of the span, at most eight times; then the number of right digits doubles.
const newtonTurns = 30

// increasing is the zero between lo and hi of a function that increases there, by Newton's method kept inside a bracket: a
// step that leaves it, or is not half of the one before, is replaced by a bisection (Press et al., Numerical Recipes, 9.4).
// of and slope give the function and its derivative at a value.
func (r real) increasing(of, slope func(*ir.Value) *ir.Value, lo, hi *ir.Value) *ir.Value {
	wide := func(a, b *ir.Value) *ir.Value {
		return r.Call("and", r.Call("gt", a, r.Number(0)), r.Call("gt", b, r.mul(r.Number(4), a)))
	}
	half := func(a, b *ir.Value) *ir.Value {
		return r.Call("where", wide(a, b), r.mul(r.Call("sqrt", a), r.Call("sqrt", b)), r.mul(r.Number(0.5), r.add(a, b)))
	}
	u := half(lo, hi)
	last := r.sub(hi, lo)
	small := r.mul(r.Number(smallStep), last)
	for range newtonTurns {
		f := of(u)
		low := r.Call("lt", f, r.Number(0))
		lo, hi = r.Call("where", low, u, lo), r.Call("where", low, hi, u)
		step := r.div(f, slope(u))
		next := r.sub(u, step)
		size := r.Call("abs", step)
		shrinks := r.Call("or", r.Call("le", r.mul(r.Number(2), size), last), r.Call("le", size, small))
		inside := r.Call("and", r.Call("not", wide(lo, hi)), r.Call("and", r.Call("ge", next, lo), r.Call("le", next, hi)))
		next = r.Call("where", r.Call("eq", f, r.Number(0)), u, r.Call("where", r.Call("and", shrinks, inside), next, half(lo, hi)))
		last = r.Call("abs", r.sub(next, u))
		u = next
	}
	return u
}

// smallStep is the part of the first bracket up to which a step need not be half of that before it: rounding alone moves it.
const smallStep = 1e-6

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
