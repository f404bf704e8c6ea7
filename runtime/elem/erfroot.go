package elem

import "math"

const (
	twoOverSqrtPi   = 0x1.20dd750429b6dp+0
	twoOverSqrtPiLo = 0x1.1ae3a914fed80p-56
	erfCubic        = -0x1.812746b0379e7p-2 // -2/(3 sqrt(pi))
	erfCubicLo      = 0x1.ee12e49cab700p-57

	cbrt2 = 0x1.428a2f98d728bp+0
	cbrt4 = 0x1.965fea53d6e3dp+0
)

// erf is x*(2/sqrt(pi) + ...) below 1, and 1 - e^(-x^2)*erfcx(x) up to 6, from
// where it is 1.
func erf(x float64) float64 {
	a := math.Abs(x)
	switch {
	case x != x:
		return x
	case a < 0x1p-28:
		return float64(x * twoOverSqrtPi)
	case a >= 6:
		return math.Copysign(1, x)
	}
	z, zl := twoProd(a, a)
	if a < 1 {
		p, pl := mulDD(z, zl, erfCubic, erfCubicLo)
		h, l := fastTwoSum(twoOverSqrtPi, p)
		l += twoOverSqrtPiLo + (pl + float64(float64(z*z)*poly(z, erfC[:])))
		h, l = mulDD(a, 0, h, l)
		return math.Copysign(h+l, x)
	}
	h, l, k := expDD(-z, -zl)
	erfcx := poly((a-2.5)/(a+3), erfcxC[:])
	return math.Copysign(1-float64(float64((h+l)*erfcx)*pow2(k)), x)
}

// cbrt writes |x| = m*2^(3q), 1/2 <= m < 4: a guess by a polynomial, one step
// of Halley (to 2^-39) and one of Newton with an exact residual (to 2^-77).
func cbrt(x float64) float64 {
	if x-x != 0 || x == 0 {
		return x
	}
	a, e := math.Abs(x), -1022
	if a < 0x1p-1022 {
		a, e = float64(a*0x1p54), e-54
	}
	b := math.Float64bits(a)
	e += int(b >> 52)
	m := math.Float64frombits(b&(1<<52-1) | 1022<<52)
	q := (e+3072)/3 - 1024
	y := poly(m, cbrtC[:])
	switch e - 3*q {
	case 1:
		m, y = m+m, float64(y*cbrt2)
	case 2:
		m, y = float64(4*m), float64(y*cbrt4)
	}
	c := float64(float64(y*y) * y)
	y = float64(y*(c+(m+m))) / ((c + c) + m)
	s, sl := twoProd(y, y)
	c, cl := mulDD(s, sl, y, 0)
	y += ((m - c) - cl) / float64(3*s)
	return math.Copysign(float64(y*pow2(q)), x)
}

// hypot takes one Newton step from the root of the rounded sum, with the sum's
// and the root's errors in the residual.
func hypot(a, b float64) float64 {
	a, b = math.Abs(a), math.Abs(b)
	if a > math.MaxFloat64 || b > math.MaxFloat64 {
		return math.Inf(1)
	}
	a, b = max(a, b), min(a, b)
	if a != a || a == 0 {
		return a
	}
	up, down := 1.0, 1.0
	if a > 0x1p500 {
		up, down = 0x1p-600, 0x1p600
	}
	if a < 0x1p-400 {
		up, down = 0x1p700, 0x1p-700
	}
	a, b = float64(a*up), float64(b*up)
	x, xl := twoProd(a, a)
	y, yl := twoProd(b, b)
	s, e := fastTwoSum(x, y)
	r := math.Sqrt(s)
	p, pl := twoProd(r, r)
	r += ((s - p) + (e + (xl + yl) - pl)) / (r + r)
	return float64(r * down)
}
