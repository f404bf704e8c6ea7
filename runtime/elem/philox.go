package elem

// Constants of Philox4x32: the multipliers of words 0 and 2, and what is added
// to the two key words after each round (the golden ratio and sqrt(3)-1).
const (
	PhiloxM0 = 0xd2511f53
	PhiloxM1 = 0xcd9e8d57
	PhiloxW0 = 0x9e3779b9
	PhiloxW1 = 0xbb67ae85
)

// Philox returns the block of Philox4x32-10 at a counter under a key: Salmon,
// Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011.
// It is a bijection of the counter for every key.
func Philox(counter [4]uint32, key [2]uint32) [4]uint32 {
	c := join(counter[0], counter[1])
	d := join(counter[2], counter[3])
	a, b := philox(c, d, join(key[0], key[1]))
	return [4]uint32{uint32(a), uint32(a >> 32), uint32(b), uint32(b >> 32)}
}

// join returns the word of 64 bits whose lower half is lo.
func join(lo, hi uint32) uint64 { return uint64(hi)<<32 | uint64(lo) }

// philox is Philox on words of 64 bits, each two words of 32, the lower first.
func philox(lo, hi, key uint64) (uint64, uint64) {
	c0, c1, c2, c3 := uint32(lo), uint32(lo>>32), uint32(hi), uint32(hi>>32)
	k0, k1 := uint32(key), uint32(key>>32)
	for range 5 { // two rounds a turn: the words need not move
		c0, c1, c2, c3 = philoxRound(c0, c1, c2, c3, k0, k1)
		c0, c1, c2, c3 = philoxRound(c0, c1, c2, c3, k0+PhiloxW0, k1+PhiloxW1)
		k0 += 2 * PhiloxW0 & (1<<32 - 1)
		k1 += 2 * PhiloxW1 & (1<<32 - 1)
	}
	return join(c0, c1), join(c2, c3)
}

func philoxRound(c0, c1, c2, c3, k0, k1 uint32) (uint32, uint32, uint32, uint32) {
	p, q := uint64(c0)*PhiloxM0, uint64(c2)*PhiloxM1
	return uint32(q>>32) ^ c1 ^ k0, uint32(q), uint32(p>>32) ^ c3 ^ k1, uint32(p)
}
