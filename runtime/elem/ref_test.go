package elem

import (
	"math"
	"math/big"
	"sync"
)

// References: each function to far more than 100 bits, by series and Newton
// steps in math/big. Package math gives first guesses only.

const refPrec = 320

func bf(x float64) *big.Float        { return new(big.Float).SetPrec(refPrec).SetFloat64(x) }
func newF() *big.Float               { return new(big.Float).SetPrec(refPrec) }
func add(a, b *big.Float) *big.Float { return newF().Add(a, b) }
func sub(a, b *big.Float) *big.Float { return newF().Sub(a, b) }
func mul(a, b *big.Float) *big.Float { return newF().Mul(a, b) }
func quo(a, b *big.Float) *big.Float { return newF().Quo(a, b) }

var one, two, three = bf(1), bf(2), bf(3)

// arctanInv returns atan(1/n) (sign -1) or atanh(1/n) (sign 1) to prec bits.
func arctanInv(n int64, sign int64, prec uint) *big.Float {
	sum := new(big.Float).SetPrec(prec)
	t := new(big.Float).SetPrec(prec).SetInt64(1)
	t.Quo(t, new(big.Float).SetInt64(n))
	for k, s := int64(1), int64(1); ; k, s = k+2, s*sign {
		u := new(big.Float).SetPrec(prec).Quo(t, new(big.Float).SetInt64(s*k))
		sum.Add(sum, u)
		if u.MantExp(nil) < -int(prec) {
			return sum
		}
		t.Quo(t, new(big.Float).SetInt64(n*n))
	}
}

var (
	bigLn2 = mul(two, arctanInv(3, 1, refPrec))
	// Machin: pi = 16 atan(1/5) - 4 atan(1/239); enough bits for 2^1024.
	bigHalfPi = sync.OnceValue(func() *big.Float {
		a, b := arctanInv(5, -1, 1500), arctanInv(239, -1, 1500)
		a.Mul(a, new(big.Float).SetInt64(8))
		b.Mul(b, new(big.Float).SetInt64(2))
		return a.Sub(a, b)
	})
	invFact = func() (t [80]*big.Float) {
		t[0] = one
		for i := 1; i < len(t); i++ {
			t[i] = quo(t[i-1], bf(float64(i)))
		}
		return t
	}()
)

// bigExp clamps x to +-10^4, far outside of float64's range.
func bigExp(x *big.Float) *big.Float {
	if x.Cmp(bf(1e4)) > 0 {
		x = bf(1e4)
	}
	if x.Cmp(bf(-1e4)) < 0 {
		x = bf(-1e4)
	}
	f, _ := quo(x, bigLn2).Float64()
	n := math.Round(f)
	r := sub(x, mul(bf(n), bigLn2))
	r.SetMantExp(r, -8)
	s := newF().Set(invFact[33])
	for i := 32; i >= 0; i-- {
		s.Mul(s, r).Add(s, invFact[i])
	}
	for range 8 {
		s.Mul(s, s)
	}
	return s.SetMantExp(s, int(n))
}

// bigLog improves a guess y by Halley's method, which triples its bits.
func bigLog(x *big.Float, y float64) *big.Float {
	e := bigExp(bf(y))
	d := quo(sub(x, e), add(x, e))
	return add(bf(y), mul(two, d))
}

func series(x *big.Float, c ...*big.Float) *big.Float {
	s := newF()
	for i := len(c) - 1; i >= 0; i-- {
		s.Add(mul(s, x), c[i])
	}
	return s
}

func ratio(a, b float64) *big.Float { return quo(bf(a), bf(b)) }

func refExp(x float64) *big.Float { return bigExp(bf(x)) }

func refExpm1(x float64) *big.Float {
	if math.Abs(x) < 0x1p-100 {
		return mul(bf(x), series(bf(x), one, ratio(1, 2), ratio(1, 6)))
	}
	return sub(refExp(x), one)
}

func refLog(x float64) *big.Float {
	f, e := math.Frexp(x)
	if f < math.Sqrt2/2 { // no cancellation near 1
		f, e = 2*f, e-1
	}
	return add(bigLog(bf(f), math.Log(f)), mul(bf(float64(e)), bigLn2))
}

func refLog1p(x float64) *big.Float {
	switch {
	case math.Abs(x) < 0x1p-90:
		return mul(bf(x), series(bf(x), one, ratio(-1, 2), ratio(1, 3), ratio(-1, 4)))
	case x > 0x1p300:
		return refLog(x)
	}
	return bigLog(add(one, bf(x)), math.Log1p(x))
}

func refLog2(x float64) *big.Float { return quo(refLog(x), bigLn2) }

func refPow(a, b float64) *big.Float { return bigExp(mul(bf(b), refLog(a))) }

// bigSinCos returns sine and cosine of x, reduced with 1500 bits.
func bigSinCos(x float64) (s, c *big.Float) {
	h := bigHalfPi()
	v := new(big.Float).SetPrec(1500).SetFloat64(x)
	t := new(big.Float).SetPrec(1500).Quo(v, h)
	half := big.NewFloat(math.Copysign(0.5, x))
	n, _ := t.Add(t, half).Int(nil)
	v.Sub(v, new(big.Float).SetPrec(1500).Mul(new(big.Float).SetPrec(1500).SetInt(n), h))
	r := newF().Set(v)
	z := mul(r, r)
	z.Neg(z)
	s, c = newF(), newF()
	for i := 70; i >= 0; i -= 2 {
		c.Mul(c, z).Add(c, invFact[i])
		s.Mul(s, z).Add(s, invFact[i+1])
	}
	s.Mul(s, r)
	switch new(big.Int).And(n, big.NewInt(3)).Int64() { // of two's complement
	case 1:
		s, c = c, s.Neg(s)
	case 2:
		s, c = s.Neg(s), c.Neg(c)
	case 3:
		s, c = c.Neg(c), s
	}
	return s, c
}

func refSin(x float64) *big.Float { s, _ := bigSinCos(x); return s }
func refCos(x float64) *big.Float { _, c := bigSinCos(x); return c }
func refTan(x float64) *big.Float { s, c := bigSinCos(x); return quo(s, c) }

// refAtan corrects a guess y by d = atan(tan(d)), tan(d) = tan(atan(x) - y).
func refAtan(x float64) *big.Float {
	y := math.Atan(x)
	s, c := bigSinCos(y)
	t := quo(sub(mul(bf(x), c), s), add(c, mul(bf(x), s)))
	return add(bf(y), sub(t, quo(mul(t, mul(t, t)), three)))
}

func refSinh(x float64) *big.Float {
	if math.Abs(x) < 0x1p-60 {
		return mul(bf(x), series(mul(bf(x), bf(x)), one, ratio(1, 6), ratio(1, 120)))
	}
	e := refExp(x)
	return quo(sub(e, quo(one, e)), two)
}

func refCosh(x float64) *big.Float {
	e := refExp(x)
	return quo(add(e, quo(one, e)), two)
}

func refTanh(x float64) *big.Float { return quo(refSinh(x), refCosh(x)) }

func refSigmoid(x float64) *big.Float { return quo(one, add(one, refExp(-x))) }

func refSoftplus(x float64) *big.Float {
	switch {
	case x > 60:
		return add(bf(x), refExp(-x))
	case x < -60:
		e := refExp(x)
		return mul(e, series(e, one, ratio(-1, 2)))
	}
	return bigLog(add(one, refExp(x)), math.Log1p(math.Exp(x)))
}

// refErf sums 2/sqrt(pi) e^(-x^2) (x + 2x^3/3 + 4x^5/15 + ...), all terms of one
// sign; beyond 8 the result is 1 to 2^-90.
func refErf(x float64) *big.Float {
	if math.Abs(x) > 8 {
		return bf(math.Copysign(1, x))
	}
	v := bf(x)
	z := mul(two, mul(v, v))
	t, sum := newF().Set(v), newF().Set(v)
	for k := 3.0; t.Sign() != 0 && t.MantExp(nil) > sum.MantExp(nil)-200; k += 2 {
		t.Mul(t, z).Quo(t, bf(k))
		sum.Add(sum, t)
	}
	pi := mul(two, newF().Set(bigHalfPi()))
	return quo(mul(mul(two, sum), bigExp(newF().Neg(mul(v, v)))), newF().Sqrt(pi))
}

func refCbrt(x float64) *big.Float {
	if x == 0 {
		return bf(0)
	}
	y := bf(math.Cbrt(x))
	for range 2 {
		s := mul(y, y)
		y = sub(y, quo(sub(mul(s, y), bf(x)), mul(three, s)))
	}
	return y
}

func refHypot(a, b float64) *big.Float {
	return newF().Sqrt(add(mul(bf(a), bf(a)), mul(bf(b), bf(b))))
}
