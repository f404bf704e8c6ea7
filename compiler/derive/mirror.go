package derive

import (
	"fmt"
	"math"

	"github.com/optc-lang/optc/compiler/ir"
)

// mirror is the step of mirror descent (Nemirovski and Yudin 1983; Beck and Teboulle 2003):
//
//	the u with p'(u) = p'(x) - v
//
// p' must be proved strictly increasing. Its inverse is symbolic where u stands in it once, below operations that have
// one; else Newton's method finds the zero.
func (d *deriver) mirror(p, u, v *ir.Value) *ir.Value {
	p = d.expand(p, u)
	if even, _ := d.parity(p, u); even {
		if closed := d.mirrorEven(p, u, v); closed != nil {
			return closed
		}
	}
	m := d.split(p, u, unknown)
	if len(m.pieces) != 1 {
		fail("a mirror map is smooth on its whole domain, as in `fn entropy(u) = u*log(u) - u`", "the mirror map has %d pieces", len(m.pieces))
	}
	return m.step(m.pieces[0], u, v)
}

// mirrorEven is the step of an even map that is smooth but at zero, such as abs(u)^p: p' is odd, so the step is that for
// positive u with the sign of the target.
func (d *deriver) mirrorEven(p, u, v *ir.Value) *ir.Value {
	m := d.split(p, u, positive|zero)
	whole := d.split(p, u, unknown)
	if len(m.pieces) != 1 || len(whole.pieces) == 1 {
		return nil
	}
	pc := m.pieces[0]
	slope := m.increasingSlope(pc)
	target := m.sub(d.pool.Call("mul", d.pool.Call("sign", u), d.put(slope, u, d.pool.Call("abs", u))), v)
	at := m.target(pc, slope, d.pool.Call("abs", target), nil)
	return d.pool.Call("copysign", at, target)
}

func (s *splitter) step(pc piece, u, v *ir.Value) *ir.Value {
	slope := s.increasingSlope(pc)
	return s.target(pc, slope, s.sub(slope, v), v)
}

// inside is a step by an inverse where it stays in the domain, and NaN where no u has the slope that it goes to.
func (s *splitter) inside(pc piece, at *ir.Value) *ir.Value {
	known := s.signs(pc)
	for _, a := range pc.assumed {
		arg := s.put(a.arg, s.u, at)
		switch is := s.signIs(arg, known); {
		case a.side == above && is != positive:
			at = s.Call("where", s.Call("gt", arg, s.Number(0)), at, s.Number(math.NaN()))
		case a.side == below && is != negative:
			at = s.Call("where", s.Call("lt", arg, s.Number(0)), at, s.Number(math.NaN()))
		}
	}
	return at
}

// signs are what is known of the signs of values in a piece.
func (s *splitter) signs(pc piece) map[*ir.Value]sign {
	known := map[*ir.Value]sign{s.u: s.where}
	for _, a := range pc.assumed {
		switch a.side {
		case above:
			known[a.arg] = positive
		case below:
			known[a.arg] = negative
		}
	}
	return known
}

// increasingSlope is the derivative of a piece, proved to be strictly increasing.
func (s *splitter) increasingSlope(pc piece) *ir.Value {
	if _, strictly := s.convexity(pc); !strictly {
		s.refuseMap(pc)
	}
	return s.simpler(s.slope(pc.smooth, s.u), s.u)
}

// refuseMap says why a map is no mirror map.
func (s *splitter) refuseMap(pc piece) {
	slope := s.simpler(s.slope(pc.smooth, s.u), s.u)
	if s.isAffine(pc.smooth) {
		fail("add a term that bends, such as u^2/2", "the mirror map %s is affine: its derivative is the same everywhere, and has no inverse", s.text(pc.smooth))
	}
	fail("write it as a sum of strictly convex functions, such as u^2/2, u*log(u), -log(u), cosh(u) or softplus(u)", "the derivative of the mirror map, %s, is not proved to be strictly increasing: %s",
		s.text(slope), s.notConvex(pc, "no rule shows that its second derivative is positive for all u and all values of the hyperparameters"))
}

// target is the u with slope = y.
func (s *splitter) target(pc piece, slope, y, v *ir.Value) *ir.Value {
	names := map[*ir.Value]string{s.u: "u", y: "y"}
	inX := map[*ir.Value]string{s.u: "x", y: "y"}
	if v != nil {
		inX[v] = "v"
	}
	record := ir.Derivation{Var: s.u.Index, Head: "the u with P'(u) = y, y = P'(x) - v and P'(u) = " + s.p.Text(slope, names)}
	at := s.invert(slope, y)
	if at != nil {
		record.Cases = []ir.Case{{Formula: "u = " + s.p.Text(at, inX)}}
		at = s.inside(pc, at)
	} else {
		var text string
		at, text = s.newton(pc, slope, y)
		record.Cases = []ir.Case{{Formula: "u by " + text}}
	}
	s.derivations = append(s.derivations, record)
	return at
}

// newton is the zero of slope - y, of which nothing is known but that it is increasing: the bracket goes from where the step
// starts to the end of the domain, or grows until it holds the zero.
func (s *splitter) newton(pc piece, slope, y *ir.Value) (at *ir.Value, text string) {
	of := func(u *ir.Value) *ir.Value { return s.sub(s.put(slope, s.u, u), y) }
	bend := s.simpler(s.slope(slope, s.u), s.u)
	rises := func(u *ir.Value) *ir.Value { return s.put(bend, s.u, u) }
	first, last := s.ends(pc, true)
	from, text := s.u, "x"
	if s.where&negative == 0 { // the step of an even map, of positive u
		from, text = s.Call("abs", s.u), "abs(x)"
	}
	// Outside the domain, or where the derivative is no number at its end, the step starts somewhere inside.
	switch {
	case first != nil && last != nil:
		from = s.Call("where", s.Call("and", s.Call("gt", from, first), s.Call("lt", from, last)), from, s.mul(s.Number(0.5), s.add(first, last)))
	case first != nil:
		from = s.Call("where", s.Call("gt", from, first), from, s.add(first, s.Number(1)))
	case last != nil:
		from = s.Call("where", s.Call("lt", from, last), from, s.sub(last, s.Number(1)))
	}
	height := of(from)
	right := s.Call("lt", height, s.Number(0))
	reach := s.add(s.Call("abs", from), s.Number(1))
	if first == nil || last == nil {
		for turn := range growTurns {
			far := s.add(from, s.Call("copysign", reach, s.neg(height)))
			short := s.Call("gt", s.mul(s.Call("sign", s.neg(height)), s.neg(of(far))), s.Number(0))
			reach = s.Call("where", short, s.mul(s.Number(growBy), reach), reach)
			markTurn(turn+1, []string{"reach"}, reach)
		}
	}
	lo, hi := s.sub(from, reach), s.add(from, reach)
	if first != nil {
		lo = first
	}
	if last != nil {
		hi = last
	}
	lo, hi = s.Call("where", right, from, lo), s.Call("where", right, hi, from)
	at = s.increasing(newton{of: of, slope: rises, lo: lo, hi: hi, start: s.sub(from, s.div(height, rises(from))), first: first, last: last})
	within := "a bracket that grows"
	if ends := s.endsText(first, last); ends != "" {
		within = ends
	}
	return at, fmt.Sprintf("Newton's method on r(z) = P'(z) - y = 0, %d turns from z = %s, kept inside %s", newtonTurns, text, within)
}

// endsText says where a domain ends.
func (s *splitter) endsText(first, last *ir.Value) string {
	switch {
	case first != nil && last != nil:
		return fmt.Sprintf("(%s, %s)", s.text(first), s.text(last))
	case first != nil:
		return fmt.Sprintf("(%s, inf)", s.text(first))
	case last != nil:
		return fmt.Sprintf("(-inf, %s)", s.text(last))
	}
	return ""
}

// ends are those of the domain of a piece: what the arguments of roots and logarithms say, and with
// half that only positive u are wanted. nil where there is none.
func (s *splitter) ends(pc piece, half bool) (first, last *ir.Value) {
	for _, a := range pc.assumed {
		if !a.end && !(half && a.node == nil) || s.signIs(a.arg, nil) == positive {
			continue
		}
		if from, to := s.arc(a); from != nil {
			first, last = s.innermost(first, from, "max"), s.innermost(last, to, "min")
			continue
		}
		q, ok := s.rational(a.arg, map[*ir.Value]ratio{s.u: s.variable()}, false)
		if !ok || len(q.den) != 1 || q.num.degree() != 1 {
			fail("write roots and logarithms of sums and multiples of u, or of concave quadratics of it", "it is not known where %s ends", s.text(pc.smooth))
		}
		end := s.add(s.neg(s.div(q.num[0], q.num[1])), s.Number(0)) // 0 rather than -0
		switch way := s.signIs(q.num[1], nil); {
		case way == positive && a.side == above || way == negative && a.side == below:
			first = s.innermost(first, end, "max")
		case way == negative || way == positive:
			last = s.innermost(last, end, "min")
		default:
			fail("give the parameter an interval without 0", "it is not known on which side of %s the domain of %s is", s.text(end), s.text(pc.smooth))
		}
	}
	return first, last
}

// innermost is the nearer of two ends, of which the first may be none.
func (s *splitter) innermost(have, end *ir.Value, by string) *ir.Value {
	if have == nil {
		return end
	}
	return s.Call(by, have, end)
}

// A bracket grows to 1e12 times what it starts from.
const (
	growTurns = 8
	growBy    = 32
)

func (s *splitter) text(v *ir.Value) string { return s.p.Text(v, map[*ir.Value]string{s.u: "u"}) }
