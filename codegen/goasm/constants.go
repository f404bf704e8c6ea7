package goasm

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
)

// constants are the bit patterns that rows and reductions read, as 32-byte splats in the file that uses them.
var constants = map[string][2]uint64{ // by DType
	"sign":     {0x80000000, 0x8000000000000000},
	"nosign":   {0x7FFFFFFF, 0x7FFFFFFFFFFFFFFF},
	"ones":     {0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF},
	"zero":     {0, 0},
	"one":      {0x3F800000, 0x3FF0000000000000},
	"minusone": {0xBF800000, 0xBFF0000000000000},
	"inf":      {0x7F800000, 0x7FF0000000000000},
	"minusinf": {0xFF800000, 0xFFF0000000000000},

	"pow2magic":    {0x4B40007F, 0x43380000000003FF}, // 1.5*2^23 and the bias of the exponent: adding an integer leaves it in the low bits
	"sqrthalf":     {0x3F3504F3, 0x3FE6A09E667F3BCD},
	"exponentbase": {0xFF3504F3, 0xFFE6A09E667F3BCD}, // sqrt(1/2) less 128 in the place of the exponent, which keeps it positive
	"integer":      {0x4B000000, 0x4330000000000000}, // 2^23: in its low bits an integer is a number
	"integerbias":  {0x4B000080, 0x4330000000000400}, // 2^23 + 128
	"fraction":     {0x007FFFFF, 0x000FFFFFFFFFFFFF},
	"topbits":      {0xFFFFF000, 0xFFFFFFFFF8000000},

	"lowbit":    {1, 1},
	"belowhalf": {0x7FFF, 0x7FFF}, // of the unit of bf16
	"highhalf":  {0xFFFF0000, 0xFFFF0000},
	"quietnan":  {0x7FC00000, 0x7FF8000000000000},

	"q8origin":     {0x3B888889, 0}, // F(0) of the two forms of q8: see package elem
	"q8rootorigin": {0x37880088, 0},
	"q8magnitude":  {0x03F80000, 0}, // bits of a code without its sign, where F has them
	"q8half":       {0xC47B7777, 0}, // half a code less F(0)
	"q8roothalf":   {0xC87BFF78, 0},
	"q8code":       {0x007F007F, 0}, // of words that hold a code each, its magnitude and its sign
	"q8sign":       {0x00800080, 0},

	"half":         {0x3F000000, 0x3FE0000000000000},
	"threeeighths": {0x3EC00000, 0x3FD8000000000000},

	// Bounds of the estimates of Newton steps.
	"inversemax":    {0x7F000000, 0x7FE0000000000000}, // 2^127
	"inversemin":    {0xFF000000, 0xFFE0000000000000},
	"thirdmax":      {0x7EAAAAAB, 0x7FD5555555555556}, // 2^128/3, rounded up
	"thirdmin":      {0xFEAAAAAB, 0xFFD5555555555556},
	"rootmin":       {0x1F000000, 0x1FF0000000000000}, // 2^-65: less than 1/sqrt of the largest number
	"rootmax":       {0x65000000, 0x6190000000000000}, // 2^75: more than 1/sqrt of the least
	"normalrootmax": {0x5F000000, 0x5FE0000000000000}, // 2^63: 1/sqrt of the least normal number
	"halve":         {0xFF800000, 0xFFF0000000000000}, // added as an integer, one less in the exponent

	"signtable":  {0xA9A9A822, 0xA9A9A822}, // of VFIXUPIMM: quiet NaN, signaling NaN, zero, +1, -inf, +inf, negative, positive, from the lowest digit
	"nantable":   {0x22, 0x22},             // the same for a NaN, and what was there for all else
	"quiettable": {0x11111100, 0x11111100}, // the same for a number, or else what was there
	"resttable":  {0x11771177, 0x11771177}, // the same for -0 where there is no finite number
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

// constantBits are the bits of a constant: a name of the table, or n and the bits of a number.
func constantBits(name string, d DType) uint64 {
	if c, ok := constants[name]; ok {
		return c[d]
	}
	bits, _ := strconv.ParseUint(name[1:], 16, 64)
	return bits
}

// constantText is what comments call a constant.
func constantText(name string, d DType) string {
	switch _, named := constants[name]; {
	case named:
		return name
	case d == F32:
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(constantBits(name, d)))), 'g', -1, 32)
	}
	return strconv.FormatFloat(math.Float64frombits(constantBits(name, d)), 'g', -1, 64)
}

var constantUse = regexp.MustCompile(`optc([a-z0-9]+)(32|64)<>`)

// writeConstants defines the constants that the functions mention.
func writeConstants(b *bytes.Buffer, bodies [][]byte) {
	used := [...]map[string]bool{F32: {}, F64: {}}
	for _, body := range bodies {
		for _, m := range constantUse.FindAllSubmatch(body, -1) {
			d := F32
			if string(m[2]) == "64" {
				d = F64
			}
			used[d][string(m[1])] = true
		}
	}
	for _, d := range []DType{F32, F64} {
		for _, name := range slices.Sorted(maps.Keys(used[d])) {
			bits := constantBits(name, d)
			if d == F32 {
				bits |= bits << 32
			}
			writeData(b, constantSymbol(name, d), slices.Repeat([]uint64{bits}, constantBytes/8))
		}
	}
	if slices.ContainsFunc(bodies, func(body []byte) bool { return bytes.Contains(body, []byte(partTable)) }) {
		ones := slices.Repeat([]uint64{^uint64(0)}, laneBytes/8)
		writeData(b, partTable, append(ones, make([]uint64, laneBytes/8)...))
	}
	if slices.ContainsFunc(bodies, func(body []byte) bool { return bytes.Contains(body, []byte(codeOrder)) }) {
		writeData(b, codeOrder, []uint64{4 << 32, 12<<32 | 8, 5<<32 | 1, 13<<32 | 9, 6<<32 | 2, 14<<32 | 10, 7<<32 | 3, 15<<32 | 11,
			4 << 32, 5<<32 | 1, 6<<32 | 2, 7<<32 | 3})
	}
}

func writeData(b *bytes.Buffer, symbol string, words []uint64) {
	b.WriteByte('\n')
	for i, w := range words {
		fmt.Fprintf(b, "DATA %s+%d(SB)/8, $0x%016x\n", symbol, 8*i, w)
	}
	fmt.Fprintf(b, "GLOBL %s(SB), RODATA|NOPTR, $%d\n", symbol, 8*len(words))
}
