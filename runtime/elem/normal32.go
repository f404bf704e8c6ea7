package elem

import "math"

// The constants of normal draws in float32. Coefficients are near-minimax,
// each rounded to float32, lowest first.

// ln2 in two parts, times -2: the leading 15 bits, so that its products with k
// are exact, and the rest.
const (
	normalLn2Hi = -2 * 0x1.62e4p-1
	normalLn2Lo = -2 * 0x1.7f7d1cp-20
)

// normalLog: -2 (log(1+f) - f + f^2/2)/f^3 on sqrt(1/2) <= 1+f <= sqrt(2); error
// 2^-30.3 of log(1+f).
const (
	normalLog0 = -2 * 0x1.555548p-2
	normalLog1 = 2 * 0x1.000006p-2
	normalLog2 = -2 * 0x1.99a476p-3
	normalLog3 = 2 * 0x1.555c44p-3
	normalLog4 = -2 * 0x1.233ba2p-3
	normalLog5 = 2 * 0x1.fc28ccp-4
	normalLog6 = -2 * 0x1.e6c00cp-4
	normalLog7 = 2 * 0x1.de01c4p-4
	normalLog8 = -2 * 0x1.147314p-4
)

// normalSin: sin(pi/2 t)/t less its leading part normalSinHi (pi/2 rounded), in
// z = t^2 on |t| <= 1/2; error 2^-28.1.
const (
	normalSinHi = 0x1.921fb6p+0
	normalSin0  = -0x1.a32c3ap-25
	normalSin1  = -0x1.4abbbap-1
	normalSin2  = 0x1.465eeap-4
	normalSin3  = -0x1.2da156p-8
)

// normalCos: (cos(pi/2 t) - 1)/z on the same; error 2^-31.
const (
	normalCos0 = -0x1.3bd3ccp+0
	normalCos1 = 0x1.03c1bp-2
	normalCos2 = -0x1.55b2b6p-6
	normalCos3 = 0x1.d4f7eep-11
)

// NormalConstants are what boxMuller32 takes, as bits and in the order in which
// vector code has them.
var NormalConstants = normalConstants()

func normalConstants() (bits [29]uint32) {
	n := copy(bits[:], []uint32{sqrtHalf32 + 31<<23, sqrtHalf32, 1<<23 - 1, 1 << 31, 1 << 29})
	for i, c := range [...]float32{
		.5, 1, 0x1p-31, 0x1p-32,
		normalLog0, normalLog1, normalLog2, normalLog3, normalLog4, normalLog5, normalLog6, normalLog7, normalLog8,
		normalLn2Hi, normalLn2Lo,
		normalSinHi, normalSin0, normalSin1, normalSin2, normalSin3,
		normalCos0, normalCos1, normalCos2, normalCos3,
	} {
		bits[n+i] = math.Float32bits(c)
	}
	return bits
}

// boxMuller32 returns r cos a and r sin a of [Normal] in float32. Every step is
// one operation of IEEE 754 or of integers, in the order of the vector code.
func boxMuller32(v, w uint32) (x, y float32) {
	r := float32(math.Sqrt(float64(lessTwiceLog(v))))
	s, c := sinCosQuarter(int32(w << 2))
	n := w + 1<<29 // bits 31 and 30: the number of quarter turns
	if n&(1<<30) != 0 {
		s, c = c, s
	}
	return float32(r * signed(c, n^n<<1)), float32(r * signed(s, n))
}

// signed is x with its sign changed where bit 31 is set.
func signed(x float32, bit uint32) float32 {
	return math.Float32frombits(math.Float32bits(x) ^ bit&(1<<31))
}

// lessTwiceLog returns -2 log u for u = (2 floor(v/2)+1)/2^32, as k ln2 +
// log(1+f). Near u = 1 it takes f = u-1 from the integer: there u itself, as a
// float32, has too few bits below 1.
func lessTwiceLog(v uint32) float32 {
	i := v >> 1
	e := math.Float32bits(float32(int32(i))+.5) - (sqrtHalf32 + 31<<23)
	f := math.Float32frombits(e&(1<<23-1)+sqrtHalf32) - 1
	if int32(e) >= 0 {
		f = float32((float32(int32(i|1<<31)) + .5) * 0x1p-31)
	}
	k := float32(int32(e) >> 23)
	z := float32(f * f)
	even := float32(float32(float32(float32(float32(float32(float32(normalLog8*z)+normalLog6)*z)+normalLog4)*z)+normalLog2)*z) + normalLog0
	odd := float32(float32(float32(float32(float32(normalLog7*z)+normalLog5)*z)+normalLog3)*z) + normalLog1
	p := even + float32(odd*f)
	t := z + float32(float32(f*z)*p) + float32(k*normalLn2Lo)
	return float32(k*normalLn2Hi) + (t - (f + f))
}

// sinCosQuarter returns sine and cosine of t/2^32 quarter turns, each within an
// eighth of a turn.
func sinCosQuarter(t int32) (sin, cos float32) {
	q := float32(float32(t) * 0x1p-32)
	z := float32(q * q)
	p := float32(float32(float32(float32(float32(normalSin3*z)+normalSin2)*z)+normalSin1)*z) + normalSin0
	c := float32(float32(float32(float32(float32(normalCos3*z)+normalCos2)*z)+normalCos1)*z) + normalCos0
	return float32(q*normalSinHi) + float32(q*p), 1 + float32(z*c)
}
