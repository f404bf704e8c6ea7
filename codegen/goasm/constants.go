package goasm

import (
	"bytes"
	"fmt"
	"slices"
)

// constants are the bit patterns that rows and reductions read, as 32-byte splats in the file that uses them.
var constants = map[string][2]uint64{ // by DType
	"sign":      {0x80000000, 0x8000000000000000},
	"nosign":    {0x7FFFFFFF, 0x7FFFFFFFFFFFFFFF},
	"ones":      {0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF},
	"zero":      {0, 0},
	"one":       {0x3F800000, 0x3FF0000000000000},
	"minusone":  {0xBF800000, 0xBFF0000000000000},
	"inf":       {0x7F800000, 0x7FF0000000000000},
	"minusinf":  {0xFF800000, 0xFFF0000000000000},
	"signtable": {0xA9A9A822, 0xA9A9A822}, // of VFIXUPIMM: quiet NaN, signaling NaN, zero, +1, -inf, +inf, negative, positive, from the lowest digit
	"copytable": {0x87878822, 0x87878822}, // the same for -0 and +0 by the sign of a number that is not zero
}

const (
	constantBytes = 32
	partTable     = "optcpart<>" // 128 bytes of ones and 128 of zeros: the masks of AVX2 tails
	laneBytes     = 128          // of the lanes of a reduction, and the most that a tail leaves
)

// constantSymbol names a constant in assembly.
func constantSymbol(name string, d DType) string {
	return fmt.Sprintf("optc%s%d<>", name, 8*d.size())
}

// writeConstants defines the constants that the functions mention.
func writeConstants(b *bytes.Buffer, bodies [][]byte) {
	used := func(symbol string) bool {
		return slices.ContainsFunc(bodies, func(body []byte) bool { return bytes.Contains(body, []byte(symbol)) })
	}
	var names []string
	for name := range constants {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, d := range []DType{F32, F64} {
		for _, name := range names {
			if symbol := constantSymbol(name, d); used(symbol) {
				bits := constants[name][d]
				if d == F32 {
					bits |= bits << 32
				}
				writeData(b, symbol, slices.Repeat([]uint64{bits}, constantBytes/8))
			}
		}
	}
	if used(partTable) {
		ones := slices.Repeat([]uint64{^uint64(0)}, laneBytes/8)
		writeData(b, partTable, append(ones, make([]uint64, laneBytes/8)...))
	}
}

func writeData(b *bytes.Buffer, symbol string, words []uint64) {
	b.WriteByte('\n')
	for i, w := range words {
		fmt.Fprintf(b, "DATA %s+%d(SB)/8, $0x%016x\n", symbol, 8*i, w)
	}
	fmt.Fprintf(b, "GLOBL %s(SB), RODATA|NOPTR, $%d\n", symbol, 8*len(words))
}
