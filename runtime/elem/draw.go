package elem

import "math"

// Stream addresses the draws of one call site: one independent sequence for
// each value of the struct, indexed by element. A draw is a function of its
// address alone, so it is the same whatever the number of threads, the order
// of work or the way in which a tensor is cut into pieces.
//
// A sequence is read from blocks of 128 bits. Block number b (below 2^40) is
// Philox under the key Seed at the counter
//
//	b + Tensor<<40 + Step<<64 + Site<<104 + Turn<<116
//
// for Tensor < 2^24, Step < 2^40, Site < 2^12 and Turn < 2^12: within these
// ranges two addresses never share a counter and key. What is above them
// (Tensor>>24 and so on), if anything is, goes as the counter of one more block
// under Seed, the first 64 bits of which then are the key: two such addresses
// meet with a probability of 2^-64.
//
// Site must differ between uses of different kinds: it alone tells a normal
// draw from a uniform one.
type Stream struct {
	Seed   uint64
	Step   uint64 // step of the optimizer
	Tensor uint32 // parameter tensor; 0 for a draw per model
	Site   uint32 // place in the program
	Turn   uint32 // turn of the loops around it
}

// sequence is a Stream as a key and the counter of its block 0.
type sequence struct{ key, lo, hi uint64 }

func (s Stream) sequence() sequence {
	q := sequence{
		key: s.Seed,
		lo:  uint64(s.Tensor&(1<<24-1)) << 40,
		hi:  s.Step&(1<<40-1) | uint64(s.Site&(1<<12-1))<<40 | uint64(s.Turn&(1<<12-1))<<52,
	}
	above := [4]uint32{uint32(s.Step >> 40), s.Tensor >> 24, s.Site >> 12, s.Turn >> 12}
	if above != [4]uint32{} {
		q.key, _ = philox(join(above[0], above[1]), join(above[2], above[3]), s.Seed)
	}
	return q
}

func (q *sequence) block(b int) (uint64, uint64) {
	return philox(q.lo|uint64(b)&(1<<40-1), q.hi, q.key)
}

// Uniform sets dst to the draws of the elements from, from+1, ...: uniform in
// [0, 1). Elements 2b and 2b+1 take the two halves of block b. A float64 is
// the 53 upper bits of its half over 2^53, a float32 the 24 upper bits over
// 2^24: the same draw rounded down, never 1.
func Uniform[T Float](dst []T, s Stream, from int) {
	q := s.sequence()
	if from&1 != 0 && len(dst) > 0 {
		_, w := q.block(from >> 1)
		dst[0] = unit[T](w)
		dst, from = dst[1:], from+1
	}
	for i := 1; i < len(dst); i += 2 {
		v, w := q.block((from + i) >> 1)
		dst[i-1], dst[i] = unit[T](v), unit[T](w)
	}
	if n := len(dst); n&1 != 0 {
		v, _ := q.block((from + n) >> 1)
		dst[n-1] = unit[T](v)
	}
}

func unit[T Float](w uint64) T {
	if isFloat32[T]() {
		return T(T(int64(w>>40)) * 0x1p-24)
	}
	return T(T(int64(w>>11)) * 0x1p-53)
}

// Normal sets dst to the draws of the elements from, from+1, ...: standard
// normal, by the formula of Box and Muller ("A note on the generation of
// random normal deviates", 1958). With v and w the two halves of block b,
// shifted right by 11 bits,
//
//	r = sqrt(-2 log((v+1)/2^53)), a = 2 pi w/2^53,
//
// element 2b is r cos a and element 2b+1 is r sin a. The largest is 8.57; the
// error is below 4 ULP. A float32 is the float64 rounded.
func Normal[T Float](dst []T, s Stream, from int) {
	q := s.sequence()
	if from&1 != 0 && len(dst) > 0 {
		_, y := boxMuller(q.block(from >> 1))
		dst[0] = T(y)
		dst, from = dst[1:], from+1
	}
	for i := 1; i < len(dst); i += 2 {
		x, y := boxMuller(q.block((from + i) >> 1))
		dst[i-1], dst[i] = T(x), T(y)
	}
	if n := len(dst); n&1 != 0 {
		x, _ := boxMuller(q.block((from + n) >> 1))
		dst[n-1] = T(x)
	}
}

func boxMuller(v, w uint64) (x, y float64) {
	l := logUnit(float64(float64(int64(v>>11+1)) * 0x1p-53))
	r := math.Sqrt(float64(-2 * l))
	sin, cos := sinCosTurn(w >> 11)
	return float64(r * cos), float64(r * sin)
}

// logUnit is log without the double-length arithmetic, for 2^-53 <= x <= 1:
// within 3 ULP, in half the time.
func logUnit(x float64) float64 {
	k, f := Exponent(x), Mantissa(x)-1
	s := f / (2 + f)
	z := float64(s * s)
	t := float64(float64(s*z) * (twoThirds + float64(z*poly(z, logC[:]))))
	return float64(k*ln2) + ((s + s) + (t + float64(k*ln2Lo)))
}

// sinCosTurn returns sine and cosine of 2 pi w/2^53: of r, |r| <= pi/4, then
// turned by the nearest number of quarters.
func sinCosTurn(w uint64) (sin, cos float64) {
	n := (w + 1<<50) >> 51
	r := float64(float64(int64(w-n<<51)) * (halfPi * 0x1p-51))
	z := float64(r * r)
	sin = r + float64(float64(r*z)*poly(z, sinC[:]))
	cos = 1 - (float64(0.5*z) - float64(float64(z*z)*poly(z, cosC[:])))
	if n&1 != 0 {
		sin, cos = cos, -sin
	}
	if n&2 != 0 {
		sin, cos = -sin, -cos
	}
	return sin, cos
}

// Rademacher sets dst to the draws of the elements from, from+1, ...: 1 or -1
// with equal probability, -1 where bit e%128 of block e/128 is set.
func Rademacher[T Float](dst []T, s Stream, from int) {
	q := s.sequence()
	for len(dst) > 0 {
		v, w := q.block(from >> 7)
		if from&64 != 0 {
			v = w
		}
		v >>= uint(from & 63)
		n := min(len(dst), 64-from&63)
		for i := range dst[:n] {
			dst[i] = T(1 - 2*int64(v&1))
			v >>= 1
		}
		dst, from = dst[n:], from+n
	}
}

// Words sets dst to the draws of the elements from, from+1, ...: 32 random
// bits, word e%4 of block e/4. Stochastic rounding takes them.
func Words(dst []uint32, s Stream, from int) {
	q := s.sequence()
	for len(dst) > 0 {
		v, w := q.block(from >> 2)
		four := [4]uint32{uint32(v), uint32(v >> 32), uint32(w), uint32(w >> 32)}
		n := copy(dst, four[from&3:])
		dst, from = dst[n:], from+n
	}
}
