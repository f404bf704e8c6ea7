package elementary

import "math"

const (
	log2E   = 0x1.71547652b82fep+0 // 1/ln2 = log2E + log2ELo
	log2ELo = 0x1.777d0ffda0d24p-56
	ln2     = 0x1.62e42fefa3800p-1 // its leading 42 bits: k*ln2 is exact for |k| < 2^11
	ln2Lo   = 0x1.ef35793c76730p-45

	log2E32        = 0x1.715476p+0
	ln2Hi32        = 0x1.62e4p-1 // its leading 15 bits: k*ln2Hi32 is exact for |k| < 2^9
	ln2Lo32        = 0x1.7f7d1cp-20
	log2E3Halves32 = 0x1.d57136p-5 // 3/2 - 1/ln2
	log2EHalf32    = 0x1.c551dap-3 // (1/ln2 - 1)/2

	twoThirds     = 0x1.5555555555555p-1
	twoThirdsLo   = 0x1.5555555555555p-55
	twoThirds32   = 0x1.555556p-1
	twoThirdsLo32 = -0x1.555556p-26
)

// scaled returns y*2^n for an integral |n| < 2000 (float64) or 250 (float32),
// with one rounding at most (y of the order of 1): the first factor cannot
// leave the normal range.
func scaled(y, n num) num {
	half := n.times(.5).floor()
	return y.mul(half.pow2()).mul(n.sub(half).pow2())
}

// scaledTwice returns 2*y*2^n as scaled does, in fewer steps. For an odd n, of
// the two halves pow2 rounds one down and one up, to the odd neighbours.
func scaledTwice(y, n num) num {
	half := n.times(.5)
	return y.mul(half.pow2()).mul(half.plus(1).pow2())
}

// expReduced returns n and q = e^r - 1 with x = n*ln2 + r, |r| <= ln2/2, for
// |x| < 1000. The error is below 2^-55 of q.
func expReduced(x pair) (n num, q pair) {
	n = x.h.times(log2E).nearest()
	t := twoDiff(x.h.sub(n.times(ln2)), n.times(ln2Lo).minusLow(x.l))
	r, c := t.h, t.l
	p := r.mul(r).mul(r.poly(expC...))
	return n, fastTwoSum(r, p.add(c.add(c.mul(r))))
}

// expPair returns e^x = (h+l)*2^n.
func expPair(x pair) (y pair, n num) {
	n, q := expReduced(x)
	return fastTwoSum(n.c(1), q.h).plus(q.l), n
}

// Beyond the bounds of the clamps below the result is infinite or 0 already.
func exp64(x ...num) num {
	return expOf64(single(x[0]))
}

func expOf64(x pair) num {
	y, n := expPair(pair{x.h.clamp(-746, 711), x.l})
	return scaled(y.sum(), n)
}

// reduced32 returns n and the r = t - w with x = n*ln2 + r, |r| <= ln2/2, t
// exactly, for |x| < 200.
func reduced32(x num) (n, t, w num) {
	n = x.times(log2E32).nearest()
	return n, x.sub(n.times(ln2Hi32)), n.times(ln2Lo32)
}

// expReduced32 returns n and q = e^r - 1 = t + p with x = n*ln2 + r,
// |r| <= ln2/2, |p| below a quarter of |t|, for |x| < 200.
func expReduced32(x num) (n, t, p num) {
	n, t, w := reduced32(x)
	r := t.sub(w)
	z := r.mul(r)
	return n, t, z.times(.5).add(r.mul(z).mul(r.horner(expm1C32...))).sub(w)
}

// exp32 computes q/2, from the halves of x and of ln2, and scales 1/2 + q/2.
func exp32(x ...num) num {
	return expOf32(single(x[0]))
}

// expOf32 returns e^(x+xl); without a lower part its step is left out.
func expOf32(x pair) num {
	h := x.h.clamp(-104, 89)
	n := h.times(log2E32).nearest()
	t := h.times(.5).sub(n.times(ln2Hi32 / 2))
	w := n.times(ln2Lo32 / 2)
	if x.l.b != nil {
		w = w.sub(x.l.times(.5))
	}
	u := t.sub(w)
	p := u.mul(u).mul(u.horner(expHalfC32...)).sub(w)
	return scaledTwice(t.add(p).plus(.5), n)
}

// expm1Pair returns e^x - 1 = h+l for x of expReduced, n < 1024.
func expm1Pair(n num, q pair) pair {
	s := n.pow2()
	a := twoSum(s, s.c(-1))
	y := twoSum(a.h, s.mul(q.h))
	return fastTwoSum(y.h, y.l.add(a.l.add(s.mul(q.l))))
}

// expm1 of -0 is -0. Above 40 the 1 is below 2^-57 of the result.
func expm164(x ...num) num {
	n, q := expReduced(single(x[0].clamp(-40, 711)))
	large := fastTwoSum(n.c(1), q.h).plus(q.l)
	y := x[0].gt(40).where(scaled(large.sum(), n), expm1Pair(n, q).sum())
	return y.sign(x[0])
}

// expm132 is twice s - 1/2 + s*q with s = 2^(n-1), which does not overflow.
func expm132(x ...num) num {
	n, t, p := expReduced32(x[0].clamp(-18, 89))
	q := fastTwoSum(t, p)
	s := n.minus(1).pow2()
	a := fastTwoSum(s, s.c(-.5))
	y := fastTwoSum(a.h, s.mul(q.h))
	r := y.h.add(y.l.add(a.l.add(s.mul(q.l)))).times(2)
	return x[0].abs().lt(0x1p-26).where(x[0], r)
}

// logReduced returns k and f with x = 2^k*(1+f), sqrt(1/2) <= 1+f < sqrt(2),
// for a positive finite x.
func logReduced(x num) (k, f num) {
	least, shift := x.pick(0x1p-126, 0x1p-1022), x.pick(24, 54)
	subnormal := x.lt(least)
	x = subnormal.where(x.times(math.Ldexp(1, int(shift))), x)
	k = x.exponent()
	return subnormal.where(k.minus(shift), k), x.mantissa().minus(1)
}

// logSpecial returns the logarithm of any x, given that of the positive finite.
func logSpecial(x, y num) num {
	y = x.lt(math.Inf(1)).where(y, x)
	return x.gt(0).where(y, x.is(0).choose(math.Inf(-1), math.NaN()))
}

// log1Pair returns log(1+f) for sqrt(1/2) <= 1+f <= sqrt(2), with an error
// below 2^-58 of it: 2 atanh(s) = 2s + s^3*(2/3 + ...), s = f/(2+f).
func log1Pair(f pair) pair {
	d := fastTwoSum(f.h.c(2), f.h).plus(f.l)
	s := divDD(f, d)
	z := s.h.mul(s.h)
	t := s.h.mul(z).mul(z.mul(z.poly(logC...)).plus(twoThirds))
	return fastTwoSum(s.h.add(s.h), t).plus(s.l.add(s.l))
}

// log1Pair2 is log1Pair to 2^-65 (float64) or 2^-36 (float32), for pow: the
// cube and its first coefficient carry low parts too.
func log1Pair2(f num) pair {
	s := divDD(single(f), fastTwoSum(f.c(2), f))
	z := mulDD(s, s)
	var series num
	if f.b.bits == 32 {
		series = z.h.horner(logC32...)
	} else {
		series = z.h.poly(logC...)
	}
	p := fastTwoSum(f.c(f.pick(twoThirds32, twoThirds)), z.h.mul(series))
	c := mulDD(s, z)
	t := mulDD(c, p.plus(f.c(f.pick(twoThirdsLo32, twoThirdsLo))))
	return fastTwoSum(s.h.add(s.h), t.h).plus(t.l.add(s.l.add(s.l)))
}

// addLn2 returns k*ln2 + y, |y| <= ln2/2.
func addLn2(k num, y pair) pair {
	s := fastTwoSum(k.times(k.pick(ln2Hi32, ln2)), y.h)
	return fastTwoSum(s.h, s.l.add(y.l.add(k.times(k.pick(ln2Lo32, ln2Lo)))))
}

func log64(x ...num) num {
	k, f := logReduced(x[0])
	return logSpecial(x[0], addLn2(k, log1Pair(single(f))).sum())
}

// log2 is k + log(1+f)/ln2, and k where f is 0.
func log264(x ...num) num {
	k, f := logReduced(x[0])
	l := log1Pair(single(f))
	l = mulDD(fastTwoSum(l.h, l.l), pair{f.c(log2E), f.c(log2ELo)})
	y := twoSum(k, l.h)
	return logSpecial(x[0], y.h.add(y.l.add(l.l)))
}

// lessLog32 returns f - log(1+f) for a 1+f between sqrt(1/2) and sqrt(2).
func lessLog32(f num) num {
	z := f.mul(f)
	return z.times(.5).sub(f.mul(z).mul(f.horner(log1C32...)))
}

func log32(x ...num) num {
	k, f := logReduced(x[0])
	y := f.sub(lessLog32(f).sub(k.times(ln2Lo32)))
	return logSpecial(x[0], k.times(ln2Hi32).add(y))
}

// log232 splits 1/ln2 so that the leading products, 3/2*f and f^2/2, are exact
// but for the rounding of the square.
func log232(x ...num) num {
	k, f := logReduced(x[0])
	z := f.mul(f)
	y := fastTwoSum(f.times(1.5), z.times(-.5))
	p := f.mul(z).mul(f.horner(log2C32...))
	rest := p.sub(f.times(log2E3Halves32).add(z.times(log2EHalf32)))
	return logSpecial(x[0], k.add(y.h.add(rest.add(y.l))))
}

// log1p64 takes 1+f = (1+x)/2^k without rounding 1+x. Above 2^60 the 1 does
// not count, and 2^-k could leave the range.
func log1p64(x ...num) num {
	u := x[0].plus(1)
	k := u.exponent()
	s := k.neg().pow2()
	f := twoSum(s.minus(1), s.mul(x[0]))
	large := x[0].gt(0x1p60)
	f = pair{large.where(u.mantissa().minus(1), f.h), large.where(u.c(0), f.l)}
	return log1pSpecial(x[0], addLn2(k, log1Pair(f)).sum(), 0x1p-54)
}

// log1pSpecial completes log1p, given that for x > -1.
func log1pSpecial(x, y num, tiny float64) num {
	y = x.lt(math.Inf(1)).where(y, x)
	y = x.gt(-1).where(y, x.is(-1).choose(math.Inf(-1), math.NaN()))
	return x.abs().lt(tiny).where(x, y)
}

// log1p32 takes what 1+x loses by rounding as a low part l of f, which adds
// l/(1+f), about l*(1-f+f^2), and does not count for large k, where 2^-k could
// leave the range.
func log1p32(x ...num) num {
	u := twoSum(x[0], x[0].c(1))
	k := u.h.exponent()
	f := u.h.mantissa().minus(1)
	fl := u.l.mul(k.gt(100).where(k.c(-100), k.neg()).pow2())
	low := k.times(ln2Lo32).add(fl.mul(f.c(1).sub(f.sub(f.mul(f)))))
	y := k.times(ln2Hi32).add(f.sub(lessLog32(f).sub(low)))
	return log1pSpecial(x[0], y, 0x1p-26)
}

// pow is e^(b log|a|), negative for a negative a and an odd b; special cases by
// C99, F.9.4.4. Here 0 and infinity have infinite logarithms, whose products
// give the right limits.
func pow(x ...num) num {
	a, b := x[0], x[1]
	m := a.abs()
	k, f := logReduced(m)
	l := addLn2(k, log1Pair2(f))
	l.h = m.lt(math.Inf(1)).where(l.h, m)
	l.h = m.is(0).where(m.c(math.Inf(-1)), l.h)

	// Where the product is far outside, its low part could overflow.
	p := twoProd(b, l.h)
	p.l = p.h.abs().le(b.pick(150, 800)).where(p.l.add(b.mul(l.l)), b.c(0))
	var y num
	if b.b.bits == 32 {
		y = expOf32(p)
	} else {
		y = expOf64(p)
	}

	whole, half := b.floor(), b.times(.5)
	isWhole := whole.op("eq", b)
	odd := isWhole.and(half.floor().op("ne", half))
	y = odd.where(y.sign(a), y)
	y = a.lt(0).and(m.lt(math.Inf(1))).and(isWhole.op("not")).where(a.c(math.NaN()), y)
	one := b.is(0).or(a.is(1)).or(m.is(1).and(b.abs().is(math.Inf(1))))
	return one.where(a.c(1), y)
}
