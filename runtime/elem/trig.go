package elem

import (
	"math"
	"math/bits"
)

const (
	invHalfPi = 0x1.45f306dc9c883p-1 // 2/pi
	halfPi    = 0x1.921fb54442d18p+0 // pi/2 = halfPi + halfPiLo
	halfPiLo  = 0x1.1a62633145c07p-54

	// pi/2 in pieces of 33 bits and a rest: k times a piece is exact, |k| < 2^20.
	halfPi1 = 0x1.921fb54400000p+0
	halfPi2 = 0x1.0b4611a600000p-34
	halfPi3 = 0x1.3198a2e000000p-69
	halfPi4 = 0x1.b839a252049c1p-104
)

// reduce returns r+rl = x - n*pi/2 with |r| <= pi/4, n modulo 4, for a finite x.
func reduce(x float64) (n int, r, rl float64) {
	if math.Abs(x) > 0x1p20 {
		return reduceLarge(x)
	}
	k := nearest(float64(x * invHalfPi))
	r, l2 := twoSum(x-float64(k*halfPi1), -float64(k*halfPi2))
	r, l3 := twoSum(r, -float64(k*halfPi3))
	r, rl = twoSum(r, (l2+l3)-float64(k*halfPi4))
	return int(k) & 3, r, rl
}

// reduceLarge is reduce for |x| > 2^20 (Payne and Hanek, 1983). With
// |x| = M*2^e, M of 53 bits, the bits of 2/pi above the weight 2^(1-e) change
// x*2/pi by multiples of 4 only; of the rest 192 bits suffice, as no float64
// is closer to a multiple of pi/2 than 2^-61.
func reduceLarge(x float64) (n int, r, rl float64) {
	b := math.Float64bits(x)
	m := b&(1<<52-1) | 1<<52
	skip := uint(b>>52&0x7ff) - 1075 - 2 + 64 // bits to leave out, the word of zeros included
	word, sh := skip/64, skip%64
	window := func(i uint) uint64 {
		return twoOverPi[word+i]<<sh | twoOverPi[word+i+1]>>(64-sh)
	}
	// The product modulo 2^192, units of 2^-190.
	h2, p0 := bits.Mul64(m, window(2))
	h1, l1 := bits.Mul64(m, window(1))
	_, l0 := bits.Mul64(m, window(0))
	p1, c := bits.Add64(l1, h2, 0)
	p2, _ := bits.Add64(l0, h1, c)

	n = int(p2 >> 62)
	hi, mid, lo := p2<<2|p1>>62, p1<<2|p0>>62, p0<<2
	sign := 1.0
	if hi>>63 != 0 { // round to nearest: n+1 and the negative rest
		n++
		sign = -1
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		mid, borrow = bits.Sub64(0, mid, borrow)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	z := uint(bits.LeadingZeros64(hi))
	hi, mid = hi<<z|mid>>(64-z), mid<<z|lo>>(64-z)
	unit := float64(sign * Pow2(-53-float64(z)))
	h := float64(float64(hi>>11) * unit)
	l := float64(float64(hi&0x7ff<<42|mid>>22) * float64(unit*0x1p-53))
	r, rl = mulDD(h, l, halfPi, halfPiLo)
	if x < 0 {
		n, r, rl = -n, -r, -rl
	}
	return n & 3, r, rl
}

// sinDD returns the sine of r+rl, |r| <= pi/4.
func sinDD(r, rl float64) (h, l float64) {
	z := float64(r * r)
	p := float64(float64(r*z) * poly(z, sinC[:]))
	return fastTwoSum(r, p+(rl-float64(0.5*float64(z*rl))))
}

// cosDD returns the cosine of r+rl, |r| <= pi/4.
func cosDD(r, rl float64) (h, l float64) {
	z, zl := twoProd(r, r)
	h, l = fastTwoSum(1, -float64(0.5*z))
	p := float64(float64(z*z) * poly(z, cosC[:]))
	return fastTwoSum(h, l+(p-(float64(0.5*zl)+float64(r*rl))))
}

// quarter returns the sine of x for turn 0, the cosine for turn 1.
func quarter(x float64, turn int) float64 {
	n, r, rl := reduce(x)
	h, l := sinDD(r, rl)
	ch, cl := cosDD(r, rl)
	n += turn
	if n&1 != 0 {
		h, l = ch, cl
	}
	if n&2 != 0 {
		h, l = -h, -l
	}
	return h + l
}

func sin(x float64) float64 {
	switch {
	case math.Abs(x) < 0x1p-27:
		return x
	case x-x != 0:
		return math.NaN()
	}
	return quarter(x, 0)
}

func cos(x float64) float64 {
	if x-x != 0 {
		return math.NaN()
	}
	return quarter(x, 1)
}

func tan(x float64) float64 {
	switch {
	case math.Abs(x) < 0x1p-28:
		return x
	case x-x != 0:
		return math.NaN()
	}
	n, r, rl := reduce(x)
	sh, sl := sinDD(r, rl)
	ch, cl := cosDD(r, rl)
	if n&1 != 0 {
		sh, sl, ch, cl = -ch, -cl, sh, sl
	}
	h, l := divDD(sh, sl, ch, cl)
	return h + l
}
