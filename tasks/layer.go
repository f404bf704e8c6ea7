package tasks

import (
	"math"

	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// The parts that models are made of. They are written for float32 and float64
// alike: the tests compare gradients with finite differences in float64. Every
// product is rounded before it is added, so that no compiler fuses the two, and
// sums go from the first element to the last.

// uniform draws weights uniformly from ±sqrt(6/inputs), whose variance is that of
// He et al. 2015, 2/inputs.
func uniform[T gemm.Float](w []T, inputs int, s *stream) { within(w, math.Sqrt(6/float64(inputs)), s) }

// within draws weights uniformly from ±bound.
func within[T gemm.Float](w []T, bound float64, s *stream) {
	for i := range w {
		w[i] = T(bound * s.symmetric())
	}
}

// addBias adds b to each of the n rows of h.
func addBias[T gemm.Float](h, b []T, n int) {
	for i := range n {
		row := h[i*len(b):][:len(b)]
		for j, v := range b {
			row[j] += v
		}
	}
}

// rectify is max(h + b, 0) by rows; a NaN stays a NaN.
func rectify[T gemm.Float](h, b []T, n int) {
	if short, ok := any(h).([]float32); ok && vectorRectify(short, any(b).([]float32), n) {
		return
	}
	for i := range n {
		row := h[i*len(b):][:len(b)]
		for j, v := range b[:len(row)] {
			row[j] = max(row[j]+v, 0)
		}
	}
}

// rectified sets d to zero where the unit h is off.
func rectified[T gemm.Float](d, h []T) {
	if short, ok := any(d).([]float32); ok && vectorRectified(short, any(h).([]float32)) {
		return
	}
	d = d[:len(h)]
	for i, h := range h {
		on := 0 // an index, not a branch: half of the units are off, at random
		if h != 0 {
			on = 1
		}
		d[i] = [2]T{0, d[i]}[on]
	}
}

// saturate is tanh(h + b) by rows.
func saturate[T gemm.Float](h, b []T, n int) {
	addBias(h, b, n)
	tanh(h[:n*len(b)])
}

// saturated multiplies d by the slope of tanh, 1 - h².
func saturated[T gemm.Float](d, h []T) {
	d = d[:len(h)]
	for i, h := range h {
		d[i] = T(d[i] * (1 - T(h*h)))
	}
}

// tanh replaces the elements of h.
func tanh[T gemm.Float](h []T) {
	short, ok := any(h).([]float32)
	if !ok {
		for i, x := range h {
			h[i] = elem.Tanh(x)
		}
		return
	}
	for i := 0; i < len(short); {
		i += vectorTanh(short[i:])
		for end := min(i+4, len(short)); i < end; i++ {
			short[i] = tanh32(short[i])
		}
	}
}

// expLess replaces the elements of z by e to the power of them less top, and
// returns their sum.
func expLess[T gemm.Float](z []T, top T) (sum T) {
	short, ok := any(z).([]float32)
	if !ok {
		for j, v := range z {
			z[j] = elem.Exp(v - top)
			sum += z[j]
		}
		return sum
	}
	for j := 0; j < len(short); {
		j += vectorExp(short[j:], float32(top))
		for end := min(j+4, len(short)); j < end; j++ {
			short[j] = exp32(short[j] - float32(top))
		}
	}
	for _, e := range z {
		sum += e
	}
	return sum
}

// exp32 and tanh32 are the float64 functions of runtime/elem, rounded, in a
// fraction of their time. The error of the short way is known, and where both of
// its ends round to the same float32, so does what lies between (Ziv 1991). Else
// the long way decides.
func exp32(x float32) float32 {
	if !(x > -87 && x < 88) {
		return float32(elem.Exp(float64(x)))
	}
	y := shortExp(float64(x))
	down, up := float32(y*(1-shortError)), float32(y*(1+shortError))
	if down != up {
		return float32(elem.Exp(float64(x)))
	}
	return down
}

// tanh32 is 1 - 2/(e^2x + 1), whose error is at most half of that of e^2x. Near
// zero, where that cancels, it is the Taylor polynomial, and from 10 on it is 1.
func tanh32(x float32) float32 {
	a := math.Abs(float64(x))
	var y, off float64
	switch {
	case a <= 0x1p-6:
		a2 := float64(a * a)
		y = a - float64(a*float64(a2*(1.0/3-float64(a2*(2.0/15-float64(a2*(17.0/315)))))))
		off = float64(y * 0x1p-50)
	case a < 10:
		y, off = 1-2/(1+shortExp(a+a)), shortError
	case a >= 10:
		y = 1
	default:
		return x
	}
	down, up := float32(y-off), float32(y+off)
	if down != up {
		return float32(elem.Tanh(float64(x)))
	}
	return float32(math.Copysign(float64(down), float64(x)))
}

// shortError bounds the relative error of shortExp: what the Taylor series lacks,
// r¹¹/11! <= 2.2e-13 of e^r, and some 2⁻⁵⁰ of rounding.
const shortError = 1e-12

// shortExp is e^x for |x| < 700: 2^k times the Taylor polynomial of e^r of degree
// 10, |r| <= ln(2)/2, by Estrin's scheme.
func shortExp(x float64) float64 {
	const round = 0x1.8p52 // added and subtracted, it rounds to a whole number
	t := float64(x*math.Log2E) + round
	n := t - round
	r := x - float64(n*0x1.62e42fefa3800p-1) - float64(n*0x1.ef35793c76730p-45) // ln 2 in two parts
	r2 := float64(r * r)
	r4 := float64(r2 * r2)
	p0 := 1 + r
	p2 := 1.0/2 + float64(r*(1.0/6))
	p4 := 1.0/24 + float64(r*(1.0/120))
	p6 := 1.0/720 + float64(r*(1.0/5040))
	p8 := 1.0/40320 + float64(r*(1.0/362880)) + float64(r2*(1.0/3628800))
	p := p0 + float64(r2*p2) + float64(r4*(p4+float64(r2*p6)+float64(r4*p8)))
	return float64(p * math.Float64frombits((math.Float64bits(t)+1023)<<52))
}

// log is the logarithm in float64, rounded, as exp32 is e to a power.
func log[T gemm.Float](x T) T {
	if _, ok := any(x).(float32); ok {
		return T(log32(float32(x)))
	}
	return T(elem.Log(float64(x)))
}

func log32(x float32) float32 {
	if !(x >= 0x1p-126 && x <= math.MaxFloat32) {
		return float32(elem.Log(float64(x)))
	}
	y := shortLog(float64(x))
	down, up := float32(y*(1-shortError)), float32(y*(1+shortError))
	if down != up {
		return float32(elem.Log(float64(x)))
	}
	return down
}

// shortLog is log x for normal x, up to shortError: k·ln 2 and the series of log m = 2·artanh s, s = (m - 1)/(m + 1), up to s¹⁵,
// for x = 2^k·m with m from the root of 1/2 to that of 2. It lacks s¹⁶/17 <= 3.4e-14 of log m.
func shortLog(x float64) float64 {
	const root = 0x3fe6a09e667f3bcd // the root of 1/2
	up := math.Float64bits(x) - root
	k, m := int64(up)>>52, math.Float64frombits(up&(1<<52-1)+root)
	s := (m - 1) / (m + 1)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	p1 := 1.0/3 + float64(s2*(1.0/5))
	p3 := 1.0/7 + float64(s2*(1.0/9))
	p5 := 1.0/11 + float64(s2*(1.0/13)) + float64(s4*(1.0/15))
	p := p1 + float64(s4*(p3+float64(s4*p5)))
	return float64(float64(k)*math.Ln2) + float64(float64(2*s)*(1+float64(s2*p)))
}

// crossEntropy returns log Σ exp(z) - z[y] and replaces z with the gradient of
// that divided by n: (softmax(z) - [y])/n.
func crossEntropy[T gemm.Float](z []T, y int, n T) T {
	top := z[0]
	for _, v := range z {
		top = max(top, v)
	}
	loss := top - z[y]
	sum := expLess(z, top)
	loss += log(sum)
	divide(z, sum)
	z[y]--
	divide(z, n)
	return loss
}

// divide divides the elements of z.
func divide[T gemm.Float](z []T, by T) {
	if short, ok := any(z).([]float32); ok && vectorDivide(short, float32(by)) {
		return
	}
	for j := range z {
		z[j] /= by
	}
}

// squares returns the mean of (z - y)² and replaces z with the gradient of that
// divided by n.
func squares[T gemm.Float](z, y []T, n T) T {
	var sum T
	z = z[:len(y)]
	per := T(len(z))
	for j, v := range y {
		e := z[j] - v
		sum += T(e * e)
		z[j] = 2 * e / per / n
	}
	return sum / per
}

// largest returns the first index of the largest element, -1 if one is NaN.
func largest[T gemm.Float](z []T) int {
	at := 0
	for j, v := range z {
		if v != v {
			return -1
		}
		if v > z[at] {
			at = j
		}
	}
	return at
}

// sumRows sets sum to the sum of the n rows of a, from the first to the last.
func sumRows[T gemm.Float](sum, a []T, n int) {
	clear(sum)
	cols := len(sum)
	i := 0
	for ; i+4 <= n; i += 4 { // the same order, with a quarter of the stores
		r0 := a[i*cols:][:cols]
		r1, r2, r3 := a[(i+1)*cols:][:len(r0)], a[(i+2)*cols:][:len(r0)], a[(i+3)*cols:][:len(r0)]
		to := sum[:len(r0)]
		for j, v := range r0 {
			to[j] = to[j] + v + r1[j] + r2[j] + r3[j]
		}
	}
	for ; i < n; i++ {
		for j, v := range a[i*cols:][:cols] {
			sum[j] += v
		}
	}
}

// grow returns s with at least n elements. Those of a longer one are new.
func grow[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	return make([]T, n)
}
