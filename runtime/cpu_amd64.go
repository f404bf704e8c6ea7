//go:build !purego

package runtime

// cpuid executes CPUID for a leaf and subleaf.
func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

// xgetbv reads the low half of XCR0. Only where CPUID reports OSXSAVE.
func xgetbv() uint32

// Register files in XCR0 that the operating system saves.
const (
	saveYMM = 1<<1 | 1<<2
	saveZMM = saveYMM | 1<<5 | 1<<6 | 1<<7
)

func cpuEngines() [NumEngines]bool {
	const f, dq, bw, vl = 1 << 16, 1 << 17, 1 << 30, 1 << 31
	avx2 := cpuRuns(saveYMM, 1<<5)
	return [NumEngines]bool{Go: true, AVX2: avx2, AVX512: avx2 && cpuRuns(saveZMM, f|dq|bw|vl)}
}

// cpuRuns tells whether the operating system saves the register files, leaf 7 has all features (bits of EBX) and products
// can be fused with sums, which kernels under fast math do.
func cpuRuns(files, features uint32) bool {
	const fma, osxsave, avx = 1 << 12, 1 << 27, 1 << 28
	if top, _, _, _ := cpuid(0, 0); top < 7 {
		return false
	}
	if _, _, c, _ := cpuid(1, 0); c&(fma|osxsave|avx) != fma|osxsave|avx {
		return false
	}
	_, b, _, _ := cpuid(7, 0)
	return xgetbv()&files == files && b&features == features
}
