package derive

import (
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
	slope := s.simpler(s.slope(pc.smooth, s.u), s.u)
	if known := s.signs(pc); s.bendSign(slope, known) != positive && !s.strict(pc.smooth, known) {
		fail("its second derivative must be positive wherever the map is defined",
			"the derivative of the mirror map, %s, is not proved to be strictly increasing", s.text(slope))
	}
	return slope
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
		record.Head += ", by Newton's method"
		at = s.newton(pc, slope, y)
	}
	s.derivations = append(s.derivations, record)
	return at
}

// newton is the zero of slope - y, of which nothing is known but that it is increasing: the bracket grows from where u may
// be until it holds the zero.
func (s *splitter) newton(pc piece, slope, y *ir.Value) *ir.Value {
	at := func(u *ir.Value) *ir.Value { return s.sub(s.put(slope, s.u, u), y) }
	bend := s.simpler(s.slope(slope, s.u), s.u)
	first, last := s.ends(pc, true)
	// From an end of the domain the bracket's end is away, and comes nearer; from none it goes out.
	down, up := s.Number(1), s.Number(1)
	lo := func() *ir.Value { return s.neg(down) }
	hi := func() *ir.Value { return up }
	downBy, upBy := s.Number(16), s.Number(16)
	switch {
	case first != nil && last != nil:
		down = s.mul(s.Number(0.25), s.sub(last, first))
		up = down
	case first != nil:
		down = s.Number(0.5)
		hi = func() *ir.Value { return s.add(first, up) }
	case last != nil:
		up = s.Number(0.5)
		lo = func() *ir.Value { return s.sub(last, down) }
	}
	if first != nil {
		downBy = s.Number(0.0625)
		lo = func() *ir.Value { return s.add(first, down) }
	}
	if last != nil {
		upBy = s.Number(0.0625)
		hi = func() *ir.Value { return s.sub(last, up) }
	}
	for range growTurns {
		down = s.Call("where", s.Call("gt", at(lo()), s.Number(0)), s.mul(downBy, down), down)
		up = s.Call("where", s.Call("lt", at(hi()), s.Number(0)), s.mul(upBy, up), up)
	}
	return s.increasing(at, func(u *ir.Value) *ir.Value { return s.put(bend, s.u, u) }, lo(), hi())
}

// ends are those of the domain of a piece: what the arguments of roots and logarithms say, and with
// half that only positive u are wanted. nil where there is none.
func (s *splitter) ends(pc piece, half bool) (first, last *ir.Value) {
	for _, a := range pc.assumed {
		if !a.end && !(half && a.node == nil) || s.signIs(a.arg, nil) == positive {
			continue
		}
		q, ok := s.rational(a.arg, map[*ir.Value]ratio{s.u: s.variable()}, false)
		if !ok || len(q.den) != 1 || q.num.degree() != 1 {
			fail("write roots and logarithms of sums and multiples of u", "it is not known where %s ends", s.text(pc.smooth))
		}
		end := s.neg(s.div(q.num[0], q.num[1]))
		switch way := s.signIs(q.num[1], nil); {
		case way == positive && a.side == above || way == negative && a.side == below:
			if first != nil {
				end = s.Call("max", first, end)
			}
			first = end
		case way == negative || way == positive:
			if last != nil {
				end = s.Call("min", last, end)
			}
			last = end
		default:
			fail("give the parameter an interval without 0", "it is not known on which side of %s the domain of %s is", s.text(end), s.text(pc.smooth))
		}
	}
	return first, last
}

// growTurns is how often a bracket grows sixteenfold: to more than 1e12.
const growTurns = 10

func (s *splitter) text(v *ir.Value) string { return s.p.Text(v, map[*ir.Value]string{s.u: "u"}) }
