package elem

import "math"

// Stream addresses the draws of one call site: one independent sequence for
// each value of the struct, indexed by element. A draw is a function of its
// address alone, so it is the same whatever the number of threads, the order
// of work or the way in which a tensor is cut into pieces.
//
// A sequence is read from blocks of 128 bits, four words of 32. Block number b
// (below 2^40) is Philox under the key Seed at the counter
//
//	b + Tensor<<40 + Step<<64 + Site<<104 + Turn<<116
//
// for Tensor < 2^24, Step < 2^40, Site < 2^12 and Turn < 2^12: within these
// ranges two addresses never share a counter and key. What is above them
// (Tensor>>24 and so on), if anything is, goes as the counter of one more block
// under Seed, the first 64 bits of which then are the key: two such addresses
// meet with a probability of 2^-64.
//
// Element e takes word e/16%4 of block 16*(e/64) + e%16 (so that 16 blocks side
// by side, as vector code computes them, give 64 elements in order), and a
// float64 the same word of the block 2^39 further on as its lower half. What a
// float32 and a float64 of one address are so differs little.
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

// DrawUnit is the number of elements that 16 blocks give: those from a multiple
// of it on have blocks of their own.
const DrawUnit = 4 * drawLanes

const (
	drawLanes = 16      // blocks side by side
	lowHalves = 1 << 39 // the first block of the lower halves of float64 draws
)

// A Sequence is a Stream as a key and the counter of its block 0; that of block
// b is Lo+b and Hi.
type Sequence struct{ Key, Lo, Hi uint64 }

// Sequence is where the blocks of a stream are.
func (s Stream) Sequence() Sequence {
	q := Sequence{
		Key: s.Seed,
		Lo:  uint64(s.Tensor&(1<<24-1)) << 40,
		Hi:  s.Step&(1<<40-1) | uint64(s.Site&(1<<12-1))<<40 | uint64(s.Turn&(1<<12-1))<<52,
	}
	above := [4]uint32{uint32(s.Step >> 40), s.Tensor >> 24, s.Site >> 12, s.Turn >> 12}
	if above != [4]uint32{} {
		q.Key, _ = philox(join(above[0], above[1]), join(above[2], above[3]), s.Seed)
	}
	return q
}

// LowHalves is the sequence of the lower halves of float64 draws.
func (q Sequence) LowHalves() Sequence {
	q.Lo |= lowHalves
	return q
}

// A quad is a block's four words, or what they become.
type quad[T any] [4]T

func (q *Sequence) block(b int) quad[uint32] {
	v, w := philox(q.Lo|uint64(b)&(1<<40-1), q.Hi, q.Key)
	return quad[uint32]{uint32(v), uint32(v >> 32), uint32(w), uint32(w >> 32)}
}

// spread sets dst to the elements from, from+1, ..., each made of a block.
func spread[T any](dst []T, from int, of func(block int) quad[T]) {
	for len(dst) > 0 {
		unit, at := from/DrawUnit, from%DrawUnit
		n := min(len(dst), DrawUnit-at)
		for lane := range drawLanes {
			i := (lane - at) & (drawLanes - 1) // of the lane's first element
			if i >= n {
				continue
			}
			for four := of(unit*drawLanes + lane); i < n; i += drawLanes {
				dst[i] = four[(at+i)/drawLanes]
			}
		}
		dst, from = dst[n:], from+n
	}
}

// draw sets dst to the draws of the elements from, from+1, ..., each quad made
// of a block's words and, for float64, of those of the lower halves.
func draw[T Float](dst []T, s Stream, from int, convert func(high, low quad[uint32]) quad[T]) {
	q := s.Sequence()
	if isFloat32[T]() {
		spread(dst, from, func(b int) quad[T] { return convert(q.block(b), quad[uint32]{}) })
		return
	}
	l := q.LowHalves()
	spread(dst, from, func(b int) quad[T] { return convert(q.block(b), l.block(b)) })
}

// Words sets dst to the words of the elements from, from+1, ...: 32 random
// bits each. Stochastic rounding takes them.
func Words(dst []uint32, s Stream, from int) {
	q := s.Sequence()
	spread(dst, from, q.block)
}

// Uniform sets dst to the draws of the elements from, from+1, ...: uniform in
// [0, 1). A float64 is the 53 upper bits of its word and lower half over 2^53,
// a float32 the 24 upper bits over 2^24: the same draw rounded down, never 1.
func Uniform[T Float](dst []T, s Stream, from int) { draw(dst, s, from, uniforms[T]) }

func uniforms[T Float](high, low quad[uint32]) (u quad[T]) {
	for i, h := range high {
		u[i] = unit[T](h, low[i])
	}
	return u
}

func unit[T Float](high, low uint32) T {
	if isFloat32[T]() {
		return T(T(int32(high>>8)) * 0x1p-24)
	}
	return T(T(int64(join(low, high)>>11)) * 0x1p-53)
}

// Normal sets dst to the draws of the elements from, from+1, ...: standard
// normal, by the formula of Box and Muller ("A note on the generation of
// random normal deviates", 1958). The elements of a block's first two words v
// and w are r cos a and r sin a, and so are those of its last two, with
//
//	r = sqrt(-2 log u), a = 2 pi t,
//
// in float64, v and w with their lower halves shifted right by 11 bits,
// u = (v+1)/2^53 and t = w/2^53: the largest is 8.57, the error below 4 ULP.
// In float32 u = (2 floor(v/2)+1)/2^32 and t = w/2^32: the largest is 6.66, the
// error below 3 ULP; vector code computes the same bits.
func Normal[T Float](dst []T, s Stream, from int) { draw(dst, s, from, normals[T]) }

func normals[T Float](high, low quad[uint32]) quad[T] {
	if isFloat32[T]() {
		a, b := boxMuller32(high[0], high[1])
		c, d := boxMuller32(high[2], high[3])
		return quad[T]{T(a), T(b), T(c), T(d)}
	}
	a, b := boxMuller(join(low[0], high[0]), join(low[1], high[1]))
	c, d := boxMuller(join(low[2], high[2]), join(low[3], high[3]))
	return quad[T]{T(a), T(b), T(c), T(d)}
}

// UniformOf sets dst, whole units, to the draws made of high, which are [Words]
// of their sequence, and low, those of its lower halves.
func UniformOf(dst []float64, high, low []uint32) {
	for i, h := range high {
		dst[i] = unit[float64](h, low[i])
	}
}

// NormalOf is for normal draws what [UniformOf] is for uniform ones.
func NormalOf(dst []float64, high, low []uint32) {
	for i := range high {
		if j := i + drawLanes; i&drawLanes == 0 {
			dst[i], dst[j] = boxMuller(join(low[i], high[i]), join(low[j], high[j]))
		}
	}
}

// NormalOf32 is [NormalOf] in float32.
func NormalOf32(dst []float32, words []uint32) {
	for i := range words {
		if j := i + drawLanes; i&drawLanes == 0 {
			dst[i], dst[j] = boxMuller32(words[i], words[j])
		}
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
// with equal probability, -1 where bit 31-e/16%32 of word 16*(e/512) + e%16 is
// set: the words are those of [Words].
func Rademacher[T Float](dst []T, s Stream, from int) {
	const unit = 32 * drawLanes
	var words [drawLanes]uint32
	for len(dst) > 0 {
		at := from % unit
		n := min(len(dst), unit-at)
		Words(words[:], s, from/unit*drawLanes)
		for i := range dst[:n] {
			e := at + i
			dst[i] = T(1 - 2*int32(words[e%drawLanes]<<(e/drawLanes)>>31))
		}
		dst, from = dst[n:], from+n
	}
}
