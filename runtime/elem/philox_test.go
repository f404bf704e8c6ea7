package elem

import (
	"math/bits"
	"testing"
)

// TestPhiloxKnownAnswers: the vectors for philox4x32 10 of the authors' own
// distribution (Random123, kat_vectors).
func TestPhiloxKnownAnswers(t *testing.T) {
	const all = 1<<32 - 1
	for _, v := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{all, all, all, all}, [2]uint32{all, all}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{
			[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
		},
	} {
		if got := Philox(v.counter, v.key); got != v.want {
			t.Errorf("Philox(%x, %x) = %x, want %x", v.counter, v.key, got, v.want)
		}
	}
}

// inversePhilox undoes the rounds one by one, with multipliers inverted modulo
// 2^32: independent of how Philox is written.
func inversePhilox(x [4]uint32, key [2]uint32) [4]uint32 {
	inverse := func(m uint32) uint32 {
		y := m // Newton: 3 bits are right, then 6, 12, 24, 48
		for range 4 {
			y *= 2 - m*y
		}
		return y
	}
	i0, i1 := inverse(PhiloxM0), inverse(PhiloxM1)
	for round := uint32(10); round > 0; {
		round--
		c0, c2 := x[3]*i0, x[1]*i1
		h0, _ := bits.Mul32(PhiloxM0, c0)
		h1, _ := bits.Mul32(PhiloxM1, c2)
		x = [4]uint32{c0, x[0] ^ h1 ^ (key[0] + round*PhiloxW0), c2, x[2] ^ h0 ^ (key[1] + round*PhiloxW1)}
	}
	return x
}

func TestPhiloxIsInvertible(t *testing.T) {
	s := rng(1)
	for range 10000 {
		a, b, k := s.next(), s.next(), s.next()
		counter := [4]uint32{uint32(a), uint32(a >> 32), uint32(b), uint32(b >> 32)}
		key := [2]uint32{uint32(k), uint32(k >> 32)}
		if got := inversePhilox(Philox(counter, key), key); got != counter {
			t.Fatalf("counter %x, key %x: the inverse of the block is %x", counter, key, got)
		}
	}
}

// TestPhiloxAvalanche: one bit of counter or key changes half of the bits.
func TestPhiloxAvalanche(t *testing.T) {
	s := rng(2)
	const samples = 2000
	for bit := range 192 {
		changed := 0
		for range samples {
			in := [3]uint64{s.next(), s.next(), s.next()}
			a, b := philox(in[0], in[1], in[2])
			in[bit/64] ^= 1 << (bit % 64)
			c, d := philox(in[0], in[1], in[2])
			changed += bits.OnesCount64(a^c) + bits.OnesCount64(b^d)
		}
		// The deviation of the sum is sqrt(128*samples)/2 = 253.
		if d := changed - 64*samples; d < -1265 || d > 1265 {
			t.Errorf("bit %d changes %d bits of %d", bit, changed, 128*samples)
		}
	}
}
