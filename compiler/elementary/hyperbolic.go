package elementary

// sinh64 is (q + q/(1+q))/2 with q = e^|x| - 1, which does not cancel, and
// above 40 e^|x|/2.
func sinh64(x ...num) num {
	a := x[0].abs()
	n, q := expReduced(single(above(a, 711)))
	large := fastTwoSum(n.c(1), q.h).plus(q.l)
	q = expm1Pair(n, q)
	d := twoSum(q.h.c(1), q.h)
	w := divDD(q, d.plus(q.l))
	s := twoSum(q.h, w.h)
	y := s.h.add(s.l.add(q.l.add(w.l))).times(.5)
	y = a.gt(40).where(scaled(large.sum(), n.minus(1)), y)
	return a.lt(0x1p-28).where(x[0], y.sign(x[0]))
}

// above returns x, or hi where x is greater.
func above(x num, hi float64) num { return x.gt(hi).where(x.c(hi), x) }

// below returns x, or lo where x is less.
func below(x num, lo float64) num { return x.lt(lo).where(x.c(lo), x) }

func cosh64(x ...num) num {
	a := x[0].abs()
	e, n := expPair(single(above(a, 711)))
	s := n.pow2()
	y := pair{e.h.mul(s), e.l.mul(s)}
	w := divDD(single(s.c(1)), y)
	t := fastTwoSum(y.h, w.h)
	small := t.h.add(t.l.add(y.l.add(w.l))).times(.5)
	return a.gt(40).where(scaled(e.sum(), n.minus(1)), small)
}

// hyperbolic32 returns (e^x + sign*e^-x)/2, 0 <= x < 90, as twice
// 2^(n-2)*e^r + sign*2^(-n-2)*e^-r with e^r by its even and its odd part. The
// leading sum and the product with t are exact or nearly so, the rest is small;
// 2^(-n-2) does not count where it would be subnormal.
func hyperbolic32(x num, sign float64) num {
	n, t, w := reduced32(x)
	r := t.sub(w)
	z := r.mul(r)
	c := z.mul(z.horner(coshC32...))               // cosh(r) - 1
	s := r.mul(z).mul(z.horner(sinhC32...)).sub(w) // sinh(r) - t
	up, down := n.minus(2).pow2(), below(n.c(-2).sub(n), -126).pow2().times(sign)
	one := fastTwoSum(up, down)
	rest := up.mul(c.add(s)).add(down.mul(c.sub(t.add(s))).add(one.l))
	return one.h.add(up.mul(t).add(rest)).times(2)
}

// sinh32 is a polynomial below 1.
func sinh32(x ...num) num {
	a := x[0].abs()
	y := hyperbolic32(above(a, 89.5), -1)
	z := a.mul(a)
	small := a.add(a.mul(z).mul(z.horner(sinh1C32...)))
	return a.lt(1).where(small, y).sign(x[0])
}

func cosh32(x ...num) num { return hyperbolic32(above(x[0].abs(), 89.5), 1) }

// tanh64 is q/(q+2) with q = e^(2|x|) - 1.
func tanh64(x ...num) num {
	a := x[0].abs()
	b := above(a, 22)
	q := expm1Pair(expReduced(single(b.add(b))))
	d := twoSum(q.h.c(2), q.h)
	y := divDD(q, d.plus(q.l)).sum()
	return a.lt(0x1p-28).where(x[0], y.sign(x[0]))
}

// tanh32 is 1 - 2/(e^(2a) + 1) from where the quotient is below 1/4, and a
// polynomial up to there: a - a^3/4 + a^3*(...), as of the third a quarter is
// exact and the rest of it is small.
func tanh32(x ...num) num {
	a := x[0].abs()
	b := above(a, 9.125)
	n, t, p := expReduced32(b.add(b))
	s := n.pow2()
	y := a.c(1).sub(a.c(2).div(s.plus(1).add(s.mul(t.add(p)))))
	z := a.mul(a)
	cube := a.mul(z)
	rest := z.mul(z.horner(tanhC32[1:]...)).plus(tanhC32[0] + .25)
	small := a.sub(cube.times(.25).sub(cube.mul(rest)))
	return a.lt(.984375).where(small, y).sign(x[0])
}

// sigmoid64 is 1/(1+E) or E/(1+E) with E = e^-|x|; the numerator's power of two
// is applied last, so that the quotient keeps its precision down to the
// subnormal numbers.
func sigmoid64(x ...num) num {
	e, n := expPair(single(above(x[0].abs(), 800).neg()))
	s := below(n, -200).pow2()
	d := fastTwoSum(s.c(1), e.h.mul(s)).plus(e.l.mul(s))
	positive, zero := x[0].ge(0), s.c(0)
	e = pair{positive.where(s.c(1), e.h), positive.where(zero, e.l)}
	return scaled(divDD(e, d).sum(), positive.where(zero, n))
}

// sigmoid32 is the same; the remainder of the division is exact but for
// products of the low parts, as the denominator's high part and those of the
// quotient are short.
func sigmoid32(x ...num) num {
	n, t, p := expReduced32(above(x[0].abs(), 104).neg())
	q := fastTwoSum(t, p)
	s := below(n, -100).pow2()
	low := s.mul(q.h)
	d := s.plus(1).add(low)
	dh := d.top()
	dl := dh.c(1).sub(dh).add(s).add(low.add(s.mul(q.l)))

	positive, zero := x[0].ge(0), s.c(0)
	e := fastTwoSum(s.c(1), q.h)
	e = pair{positive.where(s.c(1), e.h), positive.where(zero, e.l.add(q.l))}
	inv := s.c(1).div(d)
	y := e.h.mul(inv)
	yh := y.top()
	yl := y.sub(yh)
	r := e.h.sub(yh.mul(dh)).sub(yl.mul(dh)).add(e.l.sub(y.mul(dl)))
	return scaled(y.add(r.mul(inv)), positive.where(zero, n))
}

// softplus64 is max(x, 0) + log(1+E) with E = e^-|x|, and E below -40.
func softplus64(x ...num) num {
	e, n := expPair(single(below(x[0].abs().neg(), -746)))
	s := n.pow2()
	f, k := pair{e.h.mul(s), e.l.mul(s)}, s.c(0)
	double := f.h.gt(0x1.a827999fcef32p-2) // sqrt(2) - 1: 1+E = 2(1+f)
	t := twoSum(f.h, s.c(-1))
	k = double.choose(1, 0)
	f = pair{double.where(t.h.times(.5), f.h), double.where(t.l.add(f.l).times(.5), f.l)}
	l := addLn2(k, log1Pair(f))
	y := twoSum(x[0].gt(0).where(x[0], s.c(0)), l.h)
	y.h = y.h.add(y.l.add(l.l))
	y.h = x[0].lt(-40).where(scaled(e.sum(), n), y.h)
	return x[0].gt(40).where(x[0], y.h)
}

// softplus32 is the same, with 1+E = 2(1+f) for E >= 1/2, where E - 1 is exact.
func softplus32(x ...num) num {
	n, t, p := expReduced32(below(x[0].abs().neg(), -104))
	q := fastTwoSum(t, p)
	e := fastTwoSum(n.c(1), q.h).plus(q.l)
	s := below(n, -100).pow2()
	h, l := e.h.mul(s), e.l.mul(s)
	double := h.ge(.5)
	f := double.where(h.minus(1).times(.5), h)
	l = double.where(l.times(.5), l)
	z := f.mul(f)
	w := z.times(.5).sub(f.mul(z).mul(f.horner(softplusC32...)))
	w = w.sub(l.mul(s.c(1).sub(f)).add(double.choose(ln2Lo32, 0)))
	x0 := x[0].gt(0).where(x[0], s.c(0))
	y := double.choose(ln2Hi32, 0).add(x0.add(f.sub(w)))
	return x[0].lt(-20).where(scaled(e.sum(), n), y)
}
