package elem

import "math"

// twoSum returns s = a+b rounded and its error: a+b = s+e exactly (Knuth).
func twoSum(a, b float64) (s, e float64) {
	s = a + b
	t := s - a
	return s, (a - (s - t)) + (b - t)
}

// fastTwoSum is twoSum for |a| >= |b| or a = 0 (Dekker).
func fastTwoSum(a, b float64) (s, e float64) {
	s = a + b
	return s, b - (s - a)
}

// top returns the leading 26 bits of x's significand.
func top(x float64) float64 {
	return math.Float64frombits(math.Float64bits(x) &^ (1<<27 - 1))
}

// twoProd returns p = a*b rounded and its error, a*b = p+e up to 2^-105 of it:
// the product of the two lower halves has 54 bits and may round.
func twoProd(a, b float64) (p, e float64) {
	p = float64(a * b)
	ah, bh := top(a), top(b)
	al, bl := a-ah, b-bh
	return p, float64(ah*bh) - p + float64(ah*bl) + float64(al*bh) + float64(al*bl)
}

// mulDD returns (a+al)*(b+bl).
func mulDD(a, al, b, bl float64) (p, e float64) {
	p, e = twoProd(a, b)
	return fastTwoSum(p, e+(float64(a*bl)+float64(al*b)))
}

// divDD returns (a+al)/(b+bl): the rounded quotient and its remainder over b.
func divDD(a, al, b, bl float64) (q, e float64) {
	q = a / b
	p, pe := twoProd(q, b)
	r := ((a - p) - pe) + (al - float64(q*bl))
	return fastTwoSum(q, r/b)
}

// poly returns c[0] + c[1]*z + ... for an even number of coefficients: even and
// odd powers by Horner's rule side by side, which halves the chain of
// dependent operations.
func poly(z float64, c []float64) float64 {
	w := float64(z * z)
	n := len(c) - 2
	even, odd := c[n], c[n+1]
	for n -= 2; n >= 0; n -= 2 {
		even = float64(even*w) + c[n]
		odd = float64(odd*w) + c[n+1]
	}
	return even + float64(odd*z)
}

// magic added to |x| < 2^51 and subtracted again rounds x to the nearest
// integer, the even one of two.
const magic = 0x1.8p52

// nearest returns the integer nearest to x, |x| < 2^51.
func nearest(x float64) float64 { return (x + magic) - magic }

// pow2 returns 2^k for -1023 < k < 1024.
func pow2(k int) float64 { return math.Float64frombits(uint64(k+1023) << 52) }

// scale returns y*2^k for |k| < 2000, with one rounding at most (y of the order
// of 1): the first factor cannot leave the normal range.
func scale(y float64, k int) float64 {
	half := k >> 1
	return float64(float64(y*pow2(half)) * pow2(k-half))
}

// split returns k and m = x/2^k with sqrt(1/2) <= m < sqrt(2), for a finite
// positive x.
func split(x float64) (m float64, k int) {
	if x < 0x1p-1022 {
		x, k = float64(x*0x1p54), -54
	}
	const sqrtHalf = 0x3fe6a09e667f3bcd // the bits of sqrt(1/2)
	b := math.Float64bits(x)
	e := int64(b-sqrtHalf) >> 52
	return math.Float64frombits(b - uint64(e)<<52), k + int(e)
}
