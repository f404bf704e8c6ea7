package elementary

import "math"

const (
	twoOverSqrtPi   = 0x1.20dd750429b6dp+0
	twoOverSqrtPiLo = 0x1.1ae3a914fed80p-56
	erfCubic        = -0x1.812746b0379e7p-2 // -2/(3 sqrt(pi))
	erfCubicLo      = 0x1.ee12e49cab700p-57

	halfPi     = 0x1.921fb54442d18p+0 // pi/2 = halfPi + halfPiLo
	halfPiLo   = 0x1.1a62633145c07p-54
	halfPi32   = 0x1.921fb6p+0
	halfPiLo32 = -0x1.777a5cp-25

	cbrt2, cbrt4       = 0x1.428a2f98d728bp+0, 0x1.965fea53d6e3dp+0
	cbrt2F32, cbrt4F32 = 0x1.428a3p+0, 0x1.965feap+0
)

// erf64 is x*(2/sqrt(pi) + ...) below 1, and 1 - e^(-x^2)*erfcx(x) up to 6, from
// where it is 1.
func erf64(x ...num) num {
	a := above(x[0].abs(), 6)
	z := twoProd(a, a)
	p := mulDD(z, pair{a.c(erfCubic), a.c(erfCubicLo)})
	s := fastTwoSum(a.c(twoOverSqrtPi), p.h)
	s.l = s.l.add(p.l.add(z.h.mul(z.h).mul(z.h.poly(erfC...))).plus(twoOverSqrtPiLo))
	small := mulDD(single(a), s).sum()

	e, n := expPair(pair{z.h.neg(), z.l.neg()})
	erfcx := a.minus(2.5).div(a.plus(3)).poly(erfcxC...)
	large := a.c(1).sub(e.sum().mul(erfcx).mul(n.pow2()))

	y := a.lt(1).where(small, large).sign(x[0])
	return a.lt(0x1p-28).where(x[0].times(twoOverSqrtPi), y)
}

// erf32 is x + x*(...) below 7/8, and 1 - erfc(7/8)*2^-(n+r) up to 3.92, from
// where it is 1.
func erf32(x ...num) num {
	a := above(x[0].abs(), 0x1.f5c28ep+1)
	z := a.mul(a)
	small := a.add(a.mul(z.horner(erfC32...)))
	u := a.minus(.875)
	l := u.mul(u.horner(erfcLogC32...))
	n := l.nearest()
	large := a.c(1).sub(l.sub(n).horner(erfcC32...).mul(n.neg().pow2()))
	return a.lt(.875).where(small, large).sign(x[0])
}

// atan64 reduces to |t| <= tan(pi/8): atan(a) = c + atan(t) with t = a, c = 0, or
// t = (a-1)/(a+1), c = pi/4, or t = -1/a, c = pi/2. Above 2^60 it is pi/2.
func atan64(x ...num) num {
	a := above(x[0].abs(), 0x1p60)
	one, zero := a.c(1), a.c(0)
	middle, far := a.gt(0x1.a827999fcef32p-2), a.gt(0x1.3504f333f9de6p+1) // tan(pi/8), tan(3 pi/8)
	minus, plus := twoSum(a, a.c(-1)), twoSum(a, one)
	choose := func(inFar, inMiddle, near num) num { return far.where(inFar, middle.where(inMiddle, near)) }
	t := divDD(
		pair{choose(a.c(-1), minus.h, a), choose(zero, minus.l, zero)},
		pair{choose(a, plus.h, one), choose(zero, plus.l, zero)})
	z := t.h.mul(t.h)
	p := t.h.mul(z).mul(z.poly(atanC...))
	y := fastTwoSum(t.h, p.add(t.l.sub(t.l.mul(z))))
	s := fastTwoSum(choose(a.c(halfPi), a.c(halfPi/2), zero), y.h)
	r := s.h.add(s.l.add(y.l.add(choose(a.c(halfPiLo), a.c(halfPiLo/2), zero))))
	return a.lt(0x1p-28).where(x[0], r.sign(x[0]))
}

// atan32 is c + atan(t) with t = a, c = 0, or above 11/16 t = (a-1)/(a+1),
// c = pi/4, or above 2 t = -1/a, c = pi/2.
func atan32(x ...num) num {
	a := x[0].abs()
	one, zero := a.c(1), a.c(0)
	middle, far := a.gt(.6875), a.gt(2)
	choose := func(inFar, inMiddle, near num) num { return far.where(inFar, middle.where(inMiddle, near)) }
	t := choose(a.c(-1), a.sub(one), a).div(choose(a, a.add(one), one))
	z := t.mul(t)
	p := t.mul(z).mul(z.horner(atanC32...)).add(choose(a.c(halfPiLo32), a.c(halfPiLo32/2), zero))
	return choose(a.c(halfPi32), a.c(halfPi32/2), zero).add(t.add(p)).sign(x[0])
}

// thirds returns the q and e - 3q = 0, 1 or 2 of an integral e.
func thirds(e num) (q, is1, is2 num) {
	q = e.plus(.5).times(e.pick(0x1.555556p-2, 0x1.5555555555555p-2)).floor()
	rest := e.sub(q.times(3))
	return q, rest.is(1), rest.is(2)
}

// cbrt64 writes |x| = m*2^(3q), 1/2 <= m < 4: a guess by a polynomial, one step
// of Halley (to 2^-39) and one of Newton with an exact residual (to 2^-77).
func cbrt64(x ...num) num {
	k, f := logReduced(x[0].abs())
	m := f.plus(1)
	high := m.ge(1)
	m = high.where(m.times(.5), m)
	q, is1, is2 := thirds(high.where(k.plus(1), k))
	y := m.poly(cbrtC...)
	y = is1.where(y.times(cbrt2), is2.where(y.times(cbrt4), y))
	m = is1.where(m.add(m), is2.where(m.times(4), m))

	c := y.mul(y).mul(y)
	y = y.mul(c.add(m.add(m))).div(c.add(c).add(m))
	s := twoProd(y, y)
	p := mulDD(single(y), s)
	y = y.add(m.sub(p.h).sub(p.l).div(s.h.times(3)))
	return cbrtSpecial(x[0], y.mul(q.pow2()))
}

// cbrtSpecial gives y the sign of x, and itself for 0, infinity and NaN.
func cbrtSpecial(x, y num) num {
	return x.op("isfinite").and(x.op("ne", x.c(0))).where(y.sign(x), x)
}

// cbrt32 writes |x| = m*2^(3q), sqrt(1/2) <= m < 4 sqrt(2): a guess y by a
// polynomial, to 12 bits, and one step of Halley (to 2^-33), in which y^2 and
// the rest m - y^3 are exact.
func cbrt32(x ...num) num {
	k, f := logReduced(x[0].abs())
	m := f.plus(1)
	q, is1, is2 := thirds(k)
	y := m.horner(cbrtC32...)
	y = is1.where(y.times(cbrt2F32), is2.where(y.times(cbrt4F32), y)).top()
	m = is1.where(m.add(m), is2.where(m.times(4), m))

	s := y.mul(y)
	sh := s.top()
	r := m.sub(sh.mul(y)).sub(s.sub(sh).mul(y))
	c := s.mul(y)
	y = y.add(y.mul(r).div(c.add(c).add(m)))
	return cbrtSpecial(x[0], y.mul(q.pow2()))
}

// hypot takes one Newton step from the root of the rounded sum, with the sum's
// and the root's errors in the residual.
func hypot(x ...num) num {
	a, b := x[0].abs(), x[1].abs()
	swap := a.op("lt", b)
	a, b = swap.where(b, a), swap.where(a, b)
	large, small := a.gt(a.pick(0x1p60, 0x1p500)), a.lt(a.pick(0x1p-40, 0x1p-400))
	pick := func(l32, l64, s32, s64 float64) num {
		return small.where(a.c(a.pick(s32, s64)), large.choose(a.pick(l32, l64), 1))
	}
	up, down := pick(0x1p-70, 0x1p-600, 0x1p100, 0x1p700), pick(0x1p70, 0x1p600, 0x1p-100, 0x1p-700)
	h, l := a.mul(up), b.mul(up)
	p, q := twoProd(h, h), twoProd(l, l)
	s := fastTwoSum(p.h, q.h)
	r := s.h.sqrt()
	t := twoProd(r, r)
	rest := s.h.sub(t.h).add(s.l.add(p.l.add(q.l)).sub(t.l))
	y := r.add(rest.div(r.add(r))).mul(down)
	y = a.gt(0).where(y, a.add(b)) // both 0, or one NaN
	infinite := x[0].abs().is(math.Inf(1)).or(x[1].abs().is(math.Inf(1)))
	return infinite.where(a.c(math.Inf(1)), y)
}
