package elem

import "math"

const (
	log2E   = 0x1.71547652b82fep+0 // 1/ln2 = log2E + log2ELo
	log2ELo = 0x1.777d0ffda0d24p-56
	ln2     = 0x1.62e42fefa3800p-1 // its leading 42 bits: k*ln2 is exact for |k| < 2^11
	ln2Lo   = 0x1.ef35793c76730p-45

	twoThirds   = 0x1.5555555555555p-1
	twoThirdsLo = 0x1.5555555555555p-55
)

// expReduced returns k and q+ql = e^r - 1 with x + xl = k*ln2 + r, |r| <= ln2/2,
// for |x| < 1000. The error is below 2^-55 of q.
func expReduced(x, xl float64) (k int, q, ql float64) {
	n := nearest(float64(x * log2E))
	r, c := twoSum(x-float64(n*ln2), xl-float64(n*ln2Lo))
	p := float64(float64(r*r) * poly(r, expC[:]))
	q, ql = fastTwoSum(r, p+(c+float64(c*r)))
	return int(n), q, ql
}

// expDD returns e^(x+xl) = (h+l)*2^k.
func expDD(x, xl float64) (h, l float64, k int) {
	k, q, ql := expReduced(x, xl)
	h, l = fastTwoSum(1, q)
	return h, l + ql, k
}

// expScaled returns e^(x+xl) * 2^shift, shift 0 or -1.
func expScaled(x, xl float64, shift int) float64 {
	switch {
	case x > 711:
		return math.Inf(1)
	case x < -746:
		return 0
	}
	h, l, k := expDD(x, xl)
	return scale(h+l, k+shift)
}

// expm1DD returns e^x - 1 = h+l for |x| <= 80.
func expm1DD(x float64) (h, l float64) {
	k, q, ql := expReduced(x, 0)
	s := pow2(k)
	a, e := twoSum(s, -1)
	h, l = twoSum(a, float64(s*q))
	return fastTwoSum(h, l+(e+float64(s*ql)))
}

func exp(x float64) float64 {
	if x != x {
		return x
	}
	return expScaled(x, 0, 0)
}

func expm1(x float64) float64 {
	switch {
	case x != x || math.Abs(x) < 0x1p-54:
		return x
	case x > 40:
		return expScaled(x, 0, 0) // the 1 is below 2^-57 of it
	case x < -40:
		return -1
	}
	h, l := expm1DD(x)
	return h + l
}

// sinh is (q + q/(1+q))/2 with q = e^|x| - 1, which does not cancel.
func sinh(x float64) float64 {
	a := math.Abs(x)
	switch {
	case x != x || a < 0x1p-28:
		return x
	case a > 40:
		return math.Copysign(expScaled(a, 0, -1), x)
	}
	q, ql := expm1DD(a)
	d, dl := twoSum(1, q)
	w, wl := divDD(q, ql, d, dl+ql)
	s, e := twoSum(q, w)
	return math.Copysign(float64(0.5*(s+(e+(ql+wl)))), x)
}

func cosh(x float64) float64 {
	a := math.Abs(x)
	switch {
	case x != x:
		return x
	case a > 40:
		return expScaled(a, 0, -1)
	}
	h, l, k := expDD(a, 0)
	s := pow2(k)
	h, l = float64(h*s), float64(l*s)
	w, wl := divDD(1, 0, h, l)
	t, e := fastTwoSum(h, w)
	return float64(0.5 * (t + (e + (l + wl))))
}

// tanh is q/(q+2) with q = e^(2|x|) - 1.
func tanh(x float64) float64 {
	a := math.Abs(x)
	switch {
	case x != x || a < 0x1p-28:
		return x
	case a > 22:
		return math.Copysign(1, x)
	}
	q, ql := expm1DD(a + a)
	d, dl := twoSum(2, q)
	h, l := divDD(q, ql, d, dl+ql)
	return math.Copysign(h+l, x)
}

// sigmoid is 1/(1+E) or E/(1+E) with E = e^-|x|; the numerator's power of two
// is applied last, so that the quotient keeps its precision down to the
// subnormal numbers.
func sigmoid(x float64) float64 {
	if x != x {
		return x
	}
	h, l, k := expDD(-min(math.Abs(x), 800), 0)
	s := pow2(max(k, -200))
	d, dl := fastTwoSum(1, float64(h*s))
	dl += float64(l * s)
	if x >= 0 {
		h, l, k = 1, 0, 0
	}
	q, ql := divDD(h, l, d, dl)
	return scale(q+ql, k)
}

// softplus is max(x, 0) + log(1+E) with E = e^-|x|.
func softplus(x float64) float64 {
	switch {
	case x != x || x > 40:
		return x
	case x < -40:
		return expScaled(x, 0, 0)
	}
	h, l, k := expDD(-math.Abs(x), 0)
	s := pow2(k)
	f, fl, n := float64(h*s), float64(l*s), 0.0
	if f > 0x1.a827999fcef32p-2 { // sqrt(2) - 1: 1+E = 2(1+f)
		t, e := twoSum(f, -1)
		f, fl, n = float64(0.5*t), float64(0.5*(e+fl)), 1
	}
	h, l = logDD(n, f, fl)
	t, e := twoSum(max(x, 0), h)
	return t + (e + l)
}

// logDD returns k*ln2 + log(1+f+fl) for sqrt(1/2) <= 1+f <= sqrt(2), with an
// error below 2^-58 of the result:
// log(1+f) = 2 atanh(s) = 2s + s^3*(2/3 + ...), s = f/(2+f).
func logDD(k, f, fl float64) (h, l float64) {
	d, dl := fastTwoSum(2, f)
	s, sl := divDD(f, fl, d, dl+fl)
	z := float64(s * s)
	t := float64(float64(s*z) * (twoThirds + float64(z*poly(z, logC[:]))))
	h, l = fastTwoSum(s+s, t)
	return addLn2(k, h, l+(sl+sl))
}

// logDD2 is logDD to 2^-65, for pow: the cube and its first coefficient carry
// low parts too.
func logDD2(k, f float64) (h, l float64) {
	d, dl := fastTwoSum(2, f)
	s, sl := divDD(f, 0, d, dl)
	z, zl := mulDD(s, sl, s, sl)
	p, pl := fastTwoSum(twoThirds, float64(z*poly(z, logC[:])))
	c, cl := mulDD(s, sl, z, zl)
	t, tl := mulDD(c, cl, p, pl+twoThirdsLo)
	h, l = fastTwoSum(s+s, t)
	return addLn2(k, h, l+(tl+(sl+sl)))
}

// addLn2 returns k*ln2 + h + l, |h| <= ln2/2.
func addLn2(k, h, l float64) (float64, float64) {
	s, e := fastTwoSum(float64(k*ln2), h)
	return fastTwoSum(s, e+(l+float64(k*ln2Lo)))
}

// logSpecial returns the logarithm of an x that has no finite one, and whether
// x is such.
func logSpecial(x float64) (float64, bool) {
	switch {
	case x != x || x > math.MaxFloat64:
		return x, true
	case x < 0:
		return math.NaN(), true
	case x == 0:
		return math.Inf(-1), true
	}
	return 0, false
}

func log(x float64) float64 {
	if y, ok := logSpecial(x); ok {
		return y
	}
	m, k := split(x)
	h, l := logDD(float64(k), m-1, 0)
	return h + l
}

func log2(x float64) float64 {
	if y, ok := logSpecial(x); ok {
		return y
	}
	m, k := split(x)
	h, l := logDD(0, m-1, 0)
	h, l = mulDD(h, l, log2E, log2ELo)
	s, e := twoSum(float64(k), h)
	return s + (e + l)
}

func log1p(x float64) float64 {
	switch {
	case x != x || math.Abs(x) < 0x1p-54:
		return x
	case x <= -1:
		y, _ := logSpecial(x + 1)
		return y
	case x > 0x1p60:
		return log(x)
	}
	_, k := split(1 + x)
	s := pow2(-k) // 1+f = (1+x)/2^k without rounding 1+x
	f, fl := twoSum(s-1, float64(s*x))
	h, l := logDD(float64(k), f, fl)
	return h + l
}

// isOdd reports whether x is an odd integer.
func isOdd(x float64) bool {
	half := float64(0.5 * x)
	return math.Floor(x) == x && math.Floor(half) != half
}

// powSpecial returns a^b where an argument is 0, 1, infinite or NaN, and
// whether one is such (C99, F.9.4.4).
func powSpecial(a, b float64) (float64, bool) {
	m := math.Abs(a)
	switch {
	case b == 0 || a == 1:
		return 1, true
	case a != a || b != b:
		return math.NaN(), true
	case math.Abs(b) > math.MaxFloat64 && m == 1:
		return 1, true
	case m == 0 || m > math.MaxFloat64 || math.Abs(b) > math.MaxFloat64:
		y := 0.0
		if (m > 1) == (b > 0) {
			y = math.Inf(1)
		}
		if isOdd(b) {
			y = math.Copysign(y, a)
		}
		return y, true
	}
	return 0, false
}

// pow is e^(b log|a|), negated for a negative a and an odd b.
func pow(a, b float64) float64 {
	if y, ok := powSpecial(a, b); ok {
		return y
	}
	sign := 1.0
	if a < 0 {
		if math.Floor(b) != b {
			return math.NaN()
		}
		if isOdd(b) {
			sign = -1
		}
		a = -a
	}
	m, k := split(a)
	h, l := logDD2(float64(k), m-1)
	p := float64(b * h)
	if math.Abs(p) > 800 { // far outside: the low part could overflow
		return float64(sign * expScaled(p, 0, 0))
	}
	p, e := twoProd(b, h)
	return float64(sign * expScaled(p, e+float64(b*l), 0))
}
