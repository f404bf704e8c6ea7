package main

func cpuid(leaf, sub uint32) (a, b, c, d uint32)

func xgetbv() (a, d uint32)

// saves reports whether the system saves the registers that a mask of XCR0 names.
func saves(mask uint32) bool {
	_, _, c, _ := cpuid(1, 0)
	if c>>27&1 == 0 {
		return false
	}
	a, _ := xgetbv()
	return a&mask == mask
}

// feature reports whether the processor has a feature of leaf 7, and fuses products with sums.
func feature(bit int) bool {
	if top, _, _, _ := cpuid(0, 0); top < 7 {
		return false
	}
	_, _, c, _ := cpuid(1, 0)
	_, b, _, _ := cpuid(7, 0)
	const fma = 12
	return c>>fma&1 != 0 && b>>bit&1 != 0
}

// instructionSets are those of this processor.
func instructionSets() map[string]bool {
	return map[string]bool{"avx2": saves(0x06) && feature(5), "avx512": saves(0xE6) && feature(16)}
}
