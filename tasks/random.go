package tasks

import "math/bits"

// A stream is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom
// number generators", 2014): its i-th value is a mix of the key and i alone, in
// integer arithmetic, so the same on every machine.
type stream struct{ state uint64 }

const golden = 0x9e3779b97f4a7c15 // 2⁶⁴ divided by the golden ratio

// newStream returns the stream of a seed for one purpose, named by numbers.
func newStream(seed uint64, purpose ...uint64) *stream {
	key := mix(seed + golden)
	for _, p := range purpose {
		key = mix((key ^ p) + golden)
	}
	return &stream{key}
}

func (s *stream) next() uint64 {
	s.state += golden
	return mix(s.state)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number in [0, n). Its bias is under n/2⁶⁴.
func (s *stream) below(n int) int {
	high, _ := bits.Mul64(s.next(), uint64(n))
	return int(high)
}

// symmetric returns a multiple of 2⁻²³ in [-1, 1): exact in float32.
func (s *stream) symmetric() float64 {
	return float64(float64(int64(s.next()>>40)-1<<23) * 0x1p-23)
}

// shuffle puts 0, 1, ... len(order)-1 into order, permuted (Fisher and Yates).
func (s *stream) shuffle(order []int) {
	for i := range order {
		j := s.below(i + 1)
		order[i] = order[j]
		order[j] = i
	}
}

// unit returns a multiple of 2⁻⁵³ in [0, 1).
func (s *stream) unit() float64 { return float64(float64(s.next()>>11) * 0x1p-53) }

// normal returns the sum of 12 uniform numbers less 6 (Irwin and Hall): variance
// 1, nearly normal to 3 deviations, and exact in float64, so alike everywhere.
func (s *stream) normal() float64 {
	sum := -6.0
	for range 12 {
		sum += float64(float64(s.next()>>40) * 0x1p-24)
	}
	return sum
}
