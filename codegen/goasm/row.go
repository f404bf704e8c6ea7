package goasm

import "strings"

// opLoad is the one operator without a row: it reads a stream.
const opLoad = "load"

// row is what an operator becomes on one instruction set, one step an instruction, written as Go assembly over names:
//
//	a b c       the operator's arguments
//	r           its result, written by the last step
//	t u v w     temporary vectors
//	sign one .. constants, of constants.go
//	[x]         x may stand in memory, else it needs a register; arm64 has no such operands
//	r=t         r takes t's register, because the instruction reads what it overwrites
//	{S} {W} {F} the type's letters: PS or PD, D or Q, S or D
//	{E}         the bits of a significand without its leading one: 23 or 52
type row struct {
	steps []step
	swap  string // the row that takes the arguments in the other order
}

type step struct {
	mnemonic string
	imm      string
	in       []name // in the order of the assembler; the result comes last
	memory   int    // index in in of what may stand in memory, or -1
	out      string
	tied     string // whose register the result takes, or ""
}

type name string

// argument returns which argument a name is.
func (n name) argument() (int, bool) {
	if len(n) == 1 && n[0] >= 'a' && n[0] <= 'c' {
		return int(n[0] - 'a'), true
	}
	return 0, false
}

// foldable reports whether argument i may be read straight from memory: it is read once, where memory may stand.
func (r row) foldable(i int) bool {
	uses, inMemory := 0, false
	for _, s := range r.steps {
		for j, n := range s.in {
			if k, ok := n.argument(); ok && k == i {
				uses++
				inMemory = j == s.memory
			}
		}
		if k, ok := name(s.tied).argument(); ok && k == i {
			return false
		}
	}
	return uses == 1 && inMemory
}

// steps parses the steps of an operator, which are separated by semicolons.
func steps(text string) row { return swappable("", text) }

// swappable is steps for an operator of two arguments that has a mirror image.
func swappable(swap, text string) row {
	r := row{swap: swap}
	for s := range strings.SplitSeq(text, ";") {
		r.steps = append(r.steps, parseStep(strings.TrimSpace(s)))
	}
	return r
}

func parseStep(text string) step {
	mnemonic, rest, _ := strings.Cut(text, " ")
	s := step{mnemonic: mnemonic, memory: -1}
	fields := strings.Split(rest, ",")
	for i, f := range fields {
		f = strings.TrimSpace(f)
		switch {
		case i == len(fields)-1:
			s.out, s.tied, _ = strings.Cut(f, "=")
		case f[0] == '$':
			s.imm = f
		case f[0] == '[':
			s.memory = len(s.in)
			s.in = append(s.in, name(strings.Trim(f, "[]")))
		default:
			s.in = append(s.in, name(f))
		}
	}
	return s
}

// instructionSet is all that the generator knows of an instruction set.
type instructionSet struct {
	name       string
	arch       *architecture
	vector     string // letter of its vector registers
	width      int    // bytes of one
	vectors    int    // number of vector registers
	masks      int    // number of mask registers that can predicate, from K1; 0 when masks are vectors
	maskMove   string // between a mask register and a slot
	broadcast  string // suffix of an instruction that broadcasts its memory operand; without, memory holds the whole splat
	loadPart   string // masked load and store of a tail, or those of one element
	storePart  string
	minVectors int // vector registers that any code needs for itself
	abreast    int // vectors of an iteration at least, of a long chain of operations; 0 or 1 where vectors follow each other
	rows       map[string]row
	choices    map[string]row          // of choose.go; nil where minima and maxima are the operators' own
	narrow     map[string]narrow       // by storage format; nil where no kernel is direct
	scaled     map[string]scaledFormat // of those, the ones with scales: of them narrow has the loads, whose b is the scale
	quiet      row                     // of a number itself, of any NaN the quiet one without sign
	parts      map[string]row          // what elementary functions need besides: Pow2, Exponent, Mantissa and Top of package elem
	halve      map[DType][]string      // instructions that bring the upper half of the lanes down, to 2 lanes

	// Of fast math.
	fusedRows  map[string]fusedRow
	newtonRows map[string]row // of float32
	mixed      int            // how many instructions of a kernel some vectors take by Newton steps: registers run out
	averages   bool           // products are what such a kernel waits for
}

// narrow is how float32 is kept in a storage format.
type narrow struct {
	load  row  // a stands in memory
	round row  // of a number, or of the quiet NaN without sign, to what store takes; without steps it is that already
	store step // of a to memory
	x     bool // store takes an X register
}

func (set *instructionSet) row(operator string) row {
	if r, ok := set.rows[operator]; ok {
		return r
	}
	if r, ok := set.choices[operator]; ok {
		return r
	}
	return set.parts[operator]
}

var letters = [...]*strings.Replacer{
	F32: strings.NewReplacer("{S}", "PS", "{W}", "D", "{1}", "SS", "{F}", "S", "{E}", "23"),
	F64: strings.NewReplacer("{S}", "PD", "{W}", "Q", "{1}", "SD", "{F}", "D", "{E}", "52"),
}
