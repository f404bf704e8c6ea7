package elem

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

// twoProd returns p = a*b rounded and its error, a*b = p+e up to 2^-105 of it:
// the product of the two lower halves has 54 bits and may round.
func twoProd(a, b float64) (p, e float64) {
	p = float64(a * b)
	ah, bh := Top(a), Top(b)
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

// nearest returns the integer nearest to x, |x| < 2^51.
func nearest(x float64) float64 { return (x + magic64) - magic64 }
