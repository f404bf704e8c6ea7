package elem

import "math"

// Storage formats of states, narrower than the type that is computed in:
//
//	bf16  8 bits of exponent, 7 of fraction
//	f16   5 bits of exponent, 10 of fraction (IEEE 754 binary16)
//	q8    8 bits a value and one float32, its scale, a block of Q8Block values
//
// A number is rounded to nearest (even of two) or stochastically: to one of
// its two neighbours, with probabilities that make the mean the number itself.
// What is representable stays. NaN becomes the one quiet NaN without sign, so
// that stored bits are the same on every machine.

const (
	bf16Inf, bf16NaN = 0x7f80, 0x7fc0
	f16Inf, f16NaN   = 0x7c00, 0x7e00
)

// format is one of 16 bits: how many of them are fraction, the exponent of
// its least normal number, and its infinity and NaN.
type format struct {
	fraction, least int
	inf, nan        uint64
}

var (
	bf16 = format{7, -126, bf16Inf, bf16NaN}
	f16  = format{10, -14, f16Inf, f16NaN}
)

// most returns the exponent of the largest number.
func (f format) most() int { return int(f.inf>>f.fraction) - 2 + f.least }

// cut returns the sign of x, the code of the number below |x|, and what was cut off as a fraction of 2^64 between that code and the next.
func (f format) cut(x float64) (sign uint16, code, rest uint64) {
	b := math.Float64bits(x)
	sign = uint16(b >> 63 << 15)
	e := int(b>>52&0x7ff) - 1023
	sig := b&(1<<52-1) | 1<<52
	surplus := 52 - f.fraction
	switch {
	case x != x:
		return 0, f.nan, 0
	case e > f.most(): // too large, or infinite
		return sign, f.inf, 0
	case e < f.least-60: // zero, or below 2^-50 of the least code
		return sign, 0, 0
	case e < f.least:
		surplus += f.least - e
	default:
		code = uint64(e-f.least) << f.fraction // the leading bit of sig adds 1 to the exponent
	}
	if surplus > 63 {
		sig >>= surplus - 63
		surplus = 63
	}
	return sign, code + sig>>surplus, sig << (64 - surplus)
}

// toEven returns the code nearest to x, the even of two.
func (f format) toEven(x float64) uint16 {
	sign, code, rest := f.cut(x)
	if rest > 1<<63 || rest == 1<<63 && code&1 != 0 {
		code++
	}
	return sign | uint16(code)
}

// byChance returns the code above x where word plus the first 32 bits
// of what was cut off carries, and else the code below.
func (f format) byChance(x float64, word uint32) uint16 {
	sign, code, rest := f.cut(x)
	code += (rest>>32 + uint64(word)) >> 32
	return sign | uint16(code)
}

// BF16From returns x rounded to nearest, the even of two.
func BF16From[T Float](x T) uint16 {
	if isFloat32[T]() {
		return bf16From32(math.Float32bits(float32(x)))
	}
	return bf16.toEven(float64(x))
}

// bf16From32 takes the upper half of a float32.
func bf16From32(b uint32) uint16 {
	if b<<1 > 0xff<<24 {
		return bf16NaN
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// BF16Chance returns x rounded stochastically by 32 random bits. Above the
// largest number the neighbour is infinity, in the place of 2^128.
func BF16Chance[T Float](x T, word uint32) uint16 {
	if isFloat32[T]() {
		return bf16Chance32(math.Float32bits(float32(x)), word)
	}
	return bf16.byChance(float64(x), word)
}

func bf16Chance32(b, word uint32) uint16 {
	if b<<1 > 0xff<<24 {
		return bf16NaN
	}
	return uint16((b + word>>16) >> 16)
}

// BF16To returns the number that h stands for.
func BF16To[T Float](h uint16) T { return T(math.Float32frombits(uint32(h) << 16)) }

// F16From returns x rounded to nearest, the even of two.
func F16From[T Float](x T) uint16 {
	if isFloat32[T]() {
		return f16From32(math.Float32bits(float32(x)))
	}
	return f16.toEven(float64(x))
}

func f16From32(b uint32) uint16 {
	const bias = 112 << 23 // between the exponents of float32 and f16
	sign := uint16(b >> 16 & 0x8000)
	b &^= 1 << 31
	switch {
	case b > 0xff<<23:
		return f16NaN
	case b >= 143<<23: // 2^16
		return sign | f16Inf
	case b < 113<<23: // subnormal: the units of 1/2 are those of f16, 2^-24
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-math.Float32bits(0.5))
	}
	return sign | uint16((b-bias+0xfff+b>>13&1)>>13)
}

// F16Chance returns x rounded stochastically by 32 random bits. Above the
// largest number the neighbour is infinity, in the place of 2^16.
func F16Chance[T Float](x T, word uint32) uint16 {
	if isFloat32[T]() {
		return f16Chance32(math.Float32bits(float32(x)), word)
	}
	return f16.byChance(float64(x), word)
}

func f16Chance32(b, word uint32) uint16 {
	m := b &^ (1 << 31)
	if m < 113<<23 || m >= 143<<23 { // subnormal, too large, or no number
		return f16.byChance(float64(math.Float32frombits(b)), word)
	}
	return uint16(b>>16&0x8000 | (m-112<<23+word>>19)>>13)
}

// F16To returns the number that h stands for.
func F16To[T Float](h uint16) T {
	b := uint32(h&0x7fff) << 13
	if b >= f16Inf<<13 {
		b |= 0xff << 23 // infinite or NaN
	}
	f := product(math.Float32frombits(b), 0x1p112) // exact; makes subnormals normal
	return T(math.Float32frombits(math.Float32bits(f) | uint32(h&0x8000)<<16))
}

// product returns a*b rounded.
func product[T Float](a, b T) T { return T(a * b) }

// NarrowBF16 sets dst to src by BF16From, or by BF16Chance if there are words, one
// an element.
func NarrowBF16[T Float](dst []uint16, src []T, words []uint32) {
	dst = dst[:len(src)]
	if words == nil {
		for i, x := range src {
			if isFloat32[T]() { // known when compiled; as below, so that the call is inlined
				dst[i] = bf16From32(math.Float32bits(float32(x)))
			} else {
				dst[i] = bf16.toEven(float64(x))
			}
		}
		return
	}
	words = words[:len(src)]
	for i, x := range src {
		if isFloat32[T]() {
			dst[i] = bf16Chance32(math.Float32bits(float32(x)), words[i])
		} else {
			dst[i] = bf16.byChance(float64(x), words[i])
		}
	}
}

// WidenBF16 sets dst to src by BF16To.
func WidenBF16[T Float](dst []T, src []uint16) {
	dst = dst[:len(src)]
	for i, h := range src {
		dst[i] = BF16To[T](h)
	}
}

// NarrowF16 sets dst to src by F16From, or by F16Chance if there are words, one
// an element.
func NarrowF16[T Float](dst []uint16, src []T, words []uint32) {
	dst = dst[:len(src)]
	if words == nil {
		for i, x := range src {
			if isFloat32[T]() { // known when compiled; as below, so that the call is inlined
				dst[i] = f16From32(math.Float32bits(float32(x)))
			} else {
				dst[i] = f16.toEven(float64(x))
			}
		}
		return
	}
	words = words[:len(src)]
	for i, x := range src {
		if isFloat32[T]() {
			dst[i] = f16Chance32(math.Float32bits(float32(x)), words[i])
		} else {
			dst[i] = f16.byChance(float64(x), words[i])
		}
	}
}

// WidenF16 sets dst to src by F16To.
func WidenF16[T Float](dst []T, src []uint16) {
	dst = dst[:len(src)]
	for i, h := range src {
		dst[i] = F16To[T](h)
	}
}

// Q8Block is the number of values that share a scale.
const Q8Block = 256

// Code is a byte; a negative code in one without sign is its two's complement.
type Code interface{ int8 | uint8 }

// The format q8 keeps a value relative to the largest magnitude of its block,
// in steps that grow with the value: small ones keep more digits than by equal
// steps, which would make small second moments vanish (Dettmers, Lewis,
// Shleifer and Zettlemoyer, "8-bit optimizers via block-wise quantization",
// 2022, take a table for the same end). The steps are those of a float32's own
// bits, so neither way needs a table or a root. With the block's scale s, a
// float32, and F(c) the float32 whose bits are those of F(0) and c<<19 more,
//
//	Q8Pack:     code c in [0, 127], its upper bit the sign, F(0) about 1/240
//	Q8PackRoot: code c in [0, 255], for values >= 0, F(0) about 1/61680
//	value       s*(F(c) - F(0)), where F(127) - F(0) or F(255) - F(0) is 1
//
// difference and product being rounded, the latter to the element type. Packing
// first rounds a value to float32; what follows is about the result. s is the
// largest magnitude of the block, or 2^-100 if that is smaller. To nearest means
// nearest in the bits of |v|*(1/s) + F(0), so the error of a value v is at most
// (|v| + s*F(0))/32, up to rounding. In Q8PackRoot only zero becomes zero,
// stochastically too: what is smaller than the least code is raised to it, to
// s/2^20 (a second moment that vanished beside a first one that did not would
// make a huge step), and a negative number counts as zero. Q8Pack keeps the sign
// of what becomes zero.
//
// A block with a NaN or an infinity, or a float64 beyond float32's range, has
// the scale NaN and is NaN throughout: no number stands for what is none.
// Packing what was unpacked, in either way, gives the same numbers.
type q8 struct {
	origin uint32 // bits of F(0)
	max    uint32 // the largest code
	signed bool
	value  [256]float32 // of each code, with scale 1
}

// q8Shift is by how many bits of a float32 codes are apart: with 4 bits of its
// fraction in one.
const q8Shift = 19

var q8Signed, q8Root = newQ8(0x3b888889, 127), newQ8(0x37880088, 255)

func newQ8(origin, n uint32) *q8 {
	q := &q8{origin: origin, max: n, signed: n == 127}
	for code := range uint32(256) {
		v := math.Float32frombits(origin+code&n<<q8Shift) - math.Float32frombits(origin)
		if code > n {
			v = -v
		}
		q.value[code] = v
	}
	return q
}

// Q8Pack sets codes, one a value, and scales, one a block, to the values of src.
// With words, one a value, it rounds stochastically (by 24 bits of each),
// otherwise to nearest.
func Q8Pack[T Float, C Code](codes []C, scales []float32, src []T, words []uint32) {
	q8Pack(q8Signed, codes, scales, src, words)
}

// Q8PackRoot is Q8Pack for values that are not negative.
func Q8PackRoot[T Float, C Code](codes []C, scales []float32, src []T, words []uint32) {
	q8Pack(q8Root, codes, scales, src, words)
}

// Q8Unpack sets dst to the values that Q8Pack stored.
func Q8Unpack[T Float, C Code](dst []T, codes []C, scales []float32) {
	q8Unpack(q8Signed, dst, codes, scales)
}

// Q8UnpackRoot sets dst to the values that Q8PackRoot stored.
func Q8UnpackRoot[T Float, C Code](dst []T, codes []C, scales []float32) {
	q8Unpack(q8Root, dst, codes, scales)
}

func q8Unpack[T Float, C Code](q *q8, dst []T, codes []C, scales []float32) {
	for b := 0; len(dst) > 0; b++ {
		n := min(len(dst), Q8Block)
		s := T(scales[b])
		block := codes[:n]
		for i, c := range block {
			dst[i] = T(s * T(q.value[uint8(c)]))
		}
		dst, codes = dst[n:], codes[n:]
	}
}

func q8Pack[T Float, C Code](q *q8, codes []C, scales []float32, src []T, words []uint32) {
	for b := 0; len(src) > 0; b++ {
		n := min(len(src), Q8Block)
		s := q8Scale(q, src[:n])
		scales[b] = s
		switch {
		case s != s:
			clear(codes[:n])
		case words == nil:
			q8Nearest(q, codes[:n], src[:n], s)
		default:
			q8Chance(q, codes[:n], src[:n], s, words[:n])
		}
		src, codes = src[n:], codes[n:]
		if words != nil {
			words = words[n:]
		}
	}
}

// q8Scale finds the largest magnitude by the bits of the numbers, which are in
// the same order, NaN and infinity on top; negative numbers are those whose
// bits are negative.
func q8Scale[T Float](q *q8, src []T) float32 {
	var magnitude uint32
	var positive int32
	for _, x := range src {
		b := math.Float32bits(float32(x))
		magnitude = max(magnitude, b&^(1<<31))
		positive = max(positive, int32(b))
	}
	if magnitude >= 0xff<<23 {
		return float32(math.NaN())
	}
	if !q.signed {
		magnitude = uint32(positive)
	}
	return max(math.Float32frombits(magnitude), 0x1p-100)
}

// q8Nearest takes the code that the bits are nearest to, the upper of two.
func q8Nearest[T Float, C Code](q *q8, codes []C, src []T, scale float32) {
	inverse := 1 / scale
	codes = codes[:len(src)]
	for i, x := range src {
		w, sign := q.split(float32(x))
		c := (q.bits(w, inverse) + 1<<(q8Shift-1)) >> q8Shift
		codes[i] = C(q.join(c, w, sign))
	}
}

// split returns the magnitude to be stored, and the sign's bit of the code.
func (q *q8) split(x float32) (w float32, sign uint32) {
	b := math.Float32bits(x)
	if !q.signed {
		return math.Float32frombits(b &^ uint32(int32(b)>>31)), 0
	}
	return math.Float32frombits(b &^ (1 << 31)), b >> 24 & 0x80
}

// bits returns how far the bits of w, relative to the scale, are from those of
// code 0.
func (q *q8) bits(w, inverse float32) uint32 {
	return math.Float32bits(product(w, inverse)+math.Float32frombits(q.origin)) - q.origin
}

// join returns the code of magnitude c with the sign, and not 0 for a w above 0
// in the map of values that are not negative.
func (q *q8) join(c uint32, w float32, sign uint32) uint8 {
	if c == 0 && !q.signed && w > 0 {
		return 1
	}
	return uint8(c | sign)
}

// q8Chance takes the code below w and, if u*(next-d) < w-d for u uniform in
// [0, 1), the next one, d and next being what they stand for. All is relative to
// the scale and above F(0). The last 4 bits of w, in which rounding may have
// erred, are rounded away before, so that a value that has a code stays.
func q8Chance[T Float, C Code](q *q8, codes []C, src []T, scale float32, words []uint32) {
	const least, cut = 1 << 4, 1<<q8Shift - 1
	inverse := 1 / scale
	codes, words = codes[:len(src)], words[:len(src)]
	for i, x := range src {
		w, sign := q.split(float32(x))
		b := (q.bits(w, inverse) + least/2) &^ (least - 1)
		d := math.Float32frombits(b&^cut + q.origin)
		next := math.Float32frombits(b&^cut + cut + 1 + q.origin)
		u := product(float32(int32(words[i]>>8)), 0x1p-24)
		c := b >> q8Shift
		if product(u, next-d) < math.Float32frombits(b+q.origin)-d {
			c++
		}
		codes[i] = C(q.join(c, w, sign))
	}
}
