package fitness

import "math"

// log is the natural logarithm of a positive number that is not subnormal, with an error below one unit in the last place. It is
// math.Log with each operation rounded, as on amd64, where package math has it in assembly: elsewhere products may be fused with
// sums, and scores would not be the same bits. Not elem.Log, whose last bits are others: archives began with these.
//
// The method and its constants are those of FreeBSD's e_log.c, which came with this notice:
//
//	Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved.
//
//	Developed at SunPro, a Sun Microsystems, Inc. business.
//	Permission to use, copy, modify, and distribute this software is freely granted, provided that this notice is preserved.
func log(x float64) float64 {
	const (
		ln2High = 6.93147180369123816490e-01
		ln2Low  = 1.90821492927058770002e-10
		c1      = 6.666666666666735130e-01
		c2      = 3.999999999940941908e-01
		c3      = 2.857142874366239149e-01
		c4      = 2.222219843214978396e-01
		c5      = 1.818357216161805012e-01
		c6      = 1.531383769920937332e-01
		c7      = 1.479819860511658591e-01
	)
	if math.IsInf(x, 1) {
		return x
	}
	// x = 2^k (1+f), and √2/2 ≤ 1+f < √2.
	part, exponent := math.Frexp(x)
	if part < math.Sqrt2/2 {
		part, exponent = part+part, exponent-1
	}
	f, k := part-1, float64(exponent)
	// log(1+f) = f - f²/2 + s(f²/2 + R(s²)), with s = f/(2+f).
	s := f / (2 + f)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	odd := float64(s2 * (c1 + float64(s4*(c3+float64(s4*(c5+float64(s4*c7)))))))
	even := float64(s4 * (c2 + float64(s4*(c4+float64(s4*c6)))))
	half := float64(0.5 * f * f)
	return float64(k*ln2High) - ((half - (float64(s*(half+(odd+even))) + float64(k*ln2Low))) - f)
}

// halfDecades is 10^(n/2).
func halfDecades(n int) float64 {
	const root = 3.1622776601683795 // of 10
	if n < 0 {
		return 1 / halfDecades(-n)
	}
	p := 1.0
	if n%2 == 1 {
		p = root
	}
	for range n / 2 {
		p = float64(p * 10)
	}
	return p
}
