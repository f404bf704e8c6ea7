package elem

import "math"

// A parameter that is kept in 16 bits may keep beside it, in bf16, what its
// rounding lost: Kahan's compensation of a sum (Zamirai, Zhang, Aberger and De
// Sa, "Revisiting BFloat16 Training", 2020, algorithm 5). The formats of that
// second number are
//
//	bf16rest  what rounding to bf16 loses of a number
//	f16rest   what rounding to f16 loses, in bf16 too, whose exponents reach further down
//
// The sum of the two stands for the number. What is lost of one that is kept
// exactly, of one that rounds to an infinity, and of NaN is -0, which added to
// any number is that number.

// BF16Rest returns x less its rounding to bf16, in bf16.
func BF16Rest[T Float](x T) uint16 { return rest(x, BF16To[T](BF16From(x))) }

// F16Rest returns x less its rounding to f16, in bf16.
func F16Rest[T Float](x T) uint16 { return rest(x, F16To[T](F16From(x))) }

// rest returns x - kept in bf16; the difference is exact.
func rest[T Float](x, kept T) uint16 {
	d := kept - x
	if d-d != 0 { // no number
		return 1 << 15
	}
	return BF16From(-d)
}

// RestBF16 sets dst to src by BF16Rest.
func RestBF16[T Float](dst []uint16, src []T) {
	dst = dst[:len(src)]
	for i, x := range src {
		if !isFloat32[T]() {
			dst[i] = BF16Rest(x)
			continue
		}
		f := float32(x)
		b := math.Float32bits(f)
		dst[i] = 1 << 15
		if b<<1 < 0xff<<24 {
			kept := math.Float32frombits((b + 0x7fff + b>>16&1) &^ 0xffff)
			if d := kept - f; d-d == 0 {
				dst[i] = bf16From32(math.Float32bits(-d))
			}
		}
	}
}

// RestF16 sets dst to src by F16Rest.
func RestF16[T Float](dst []uint16, src []T) {
	dst = dst[:len(src)]
	for i, x := range src {
		if !isFloat32[T]() {
			dst[i] = F16Rest(x)
			continue
		}
		f := float32(x)
		h := f16From32(math.Float32bits(f))
		kept := math.Float32frombits(math.Float32bits(product(math.Float32frombits(uint32(h&0x7fff)<<13), 0x1p112)) | uint32(h&0x8000)<<16)
		dst[i] = 1 << 15
		if d := kept - f; h&f16Inf != f16Inf && d-d == 0 {
			dst[i] = bf16From32(math.Float32bits(-d))
		}
	}
}
