package genome

import (
	"fmt"
	"strings"
)

// Rewrite is an equality between genomes, used from left to right.
//
// a and b stand for anything, p and q for constants; k is the constant of an ema or lerp, the
// same on both sides.
// nonneg holds the letters of what must be known not to be negative.
type Rewrite struct {
	From, To string
	Nonneg   string
	Rounded  bool // the two sides may differ by rounding, or where a quotient is kept from zero
}

// Rewrites is every rewrite. ADD A REWRITE HERE: right sides are smaller, or have constants and signs further out.
var Rewrites = []Rewrite{
	{From: "neg(neg(a))", To: "a"},
	{From: "neg(sub(a, b))", To: "sub(b, a)"},
	{From: "add(a, neg(b))", To: "sub(a, b)"},
	{From: "sub(a, neg(b))", To: "add(a, b)"},
	{From: "sub(neg(a), b)", To: "neg(add(a, b))"},
	{From: "add(a, a)", To: "mul(2, a)"},
	{From: "sub(a, a)", To: "0"},
	{From: "add(a, 0)", To: "a"},
	{From: "sub(a, 0)", To: "a"},
	{From: "sub(0, a)", To: "neg(a)"},
	{From: "sub(add(a, b), a)", To: "b", Rounded: true},
	{From: "add(sub(a, b), b)", To: "a", Rounded: true},

	{From: "mul(neg(a), b)", To: "neg(mul(a, b))"},
	{From: "div(neg(a), b)", To: "neg(div(a, b))"},
	{From: "div(a, neg(b))", To: "neg(div(a, b))", Rounded: true},
	{From: "mul(a, a)", To: "square(a)"},
	{From: "mul(1, a)", To: "a"},
	{From: "mul(0, a)", To: "0"},
	{From: "mul(-1, a)", To: "neg(a)"},
	{From: "mul(p, mul(q, a))", To: "mul(mul(p, q), a)", Rounded: true},
	{From: "mul(mul(p, a), b)", To: "mul(p, mul(a, b))", Rounded: true},
	{From: "neg(mul(p, a))", To: "mul(mul(-1, p), a)"},
	{From: "mul(p, neg(a))", To: "mul(mul(-1, p), a)"},
	{From: "div(a, p)", To: "mul(recip(p), a)", Rounded: true},
	{From: "div(1, a)", To: "recip(a)"},
	{From: "mul(p, div(q, a))", To: "div(mul(p, q), a)", Rounded: true},
	{From: "mul(a, recip(b))", To: "div(a, b)", Rounded: true},
	{From: "div(a, recip(b))", To: "mul(a, b)", Rounded: true},
	{From: "recip(recip(a))", To: "a", Rounded: true},
	{From: "recip(neg(a))", To: "neg(recip(a))", Rounded: true},
	{From: "recip(div(a, b))", To: "div(b, a)", Rounded: true},
	{From: "recip(mul(p, a))", To: "mul(recip(p), recip(a))", Rounded: true},
	{From: "div(mul(p, a), b)", To: "mul(p, div(a, b))", Rounded: true},
	{From: "div(a, mul(p, b))", To: "mul(recip(p), div(a, b))", Rounded: true},
	{From: "add(mul(p, a), mul(p, b))", To: "mul(p, add(a, b))", Rounded: true},
	{From: "sub(mul(p, a), mul(p, b))", To: "mul(p, sub(a, b))", Rounded: true},

	{From: "abs(a)", To: "a", Nonneg: "a"},
	{From: "abs(neg(a))", To: "abs(a)"},
	{From: "abs(mul(p, a))", To: "mul(abs(p), abs(a))"},
	{From: "square(neg(a))", To: "square(a)"},
	{From: "square(abs(a))", To: "square(a)"},
	{From: "square(sqrt(a))", To: "abs(a)", Rounded: true},
	{From: "square(mul(p, a))", To: "mul(square(p), square(a))", Rounded: true},
	{From: "sqrt(square(a))", To: "abs(a)", Rounded: true},
	{From: "sqrt(neg(a))", To: "sqrt(a)"},
	{From: "sqrt(abs(a))", To: "sqrt(a)"},
	{From: "sqrt(mul(p, a))", To: "mul(sqrt(p), sqrt(a))", Rounded: true},
	{From: "sign(neg(a))", To: "neg(sign(a))"},
	{From: "sign(mul(p, a))", To: "mul(sign(p), sign(a))"},
	{From: "sign(div(p, a))", To: "mul(sign(p), sign(a))", Rounded: true},
	{From: "sign(sign(a))", To: "sign(a)"},
	{From: "sign(tanh(a))", To: "sign(a)"},
	{From: "sign(rmsnorm(a))", To: "sign(a)", Rounded: true},
	{From: "sign(mul(a, b))", To: "sign(a)", Nonneg: "b", Rounded: true},
	{From: "sign(div(a, b))", To: "sign(a)", Nonneg: "b", Rounded: true},
	{From: "tanh(neg(a))", To: "neg(tanh(a))"},

	{From: "min(a, a)", To: "a"},
	{From: "max(a, a)", To: "a"},
	{From: "min(neg(a), neg(b))", To: "neg(max(a, b))"},
	{From: "max(neg(a), neg(b))", To: "neg(min(a, b))"},
	{From: "max(a, neg(a))", To: "abs(a)"},
	{From: "min(a, max(a, b))", To: "a"},
	{From: "max(a, min(a, b))", To: "a"},
	{From: "clip(neg(a), b)", To: "neg(clip(a, b))"},
	{From: "clip(a, neg(b))", To: "clip(a, b)"},
	{From: "clip(a, abs(b))", To: "clip(a, b)"},
	{From: "clip(a, a)", To: "a"},
	{From: "clip(clip(a, b), b)", To: "clip(a, b)"},
	{From: "lerp(a, a; k)", To: "a", Rounded: true},
	{From: "lerp(neg(a), neg(b); k)", To: "neg(lerp(a, b; k))"},
	{From: "where(a, b, b)", To: "b"},

	{From: "mean(neg(a))", To: "neg(mean(a))"},
	{From: "mean(mul(p, a))", To: "mul(p, mean(a))", Rounded: true},
	{From: "rms(neg(a))", To: "rms(a)"},
	{From: "rms(abs(a))", To: "rms(a)"},
	{From: "rms(mul(p, a))", To: "mul(abs(p), rms(a))", Rounded: true},
	{From: "dot(neg(a), b)", To: "neg(dot(a, b))"},
	{From: "dot(mul(p, a), b)", To: "mul(p, dot(a, b))", Rounded: true},
	{From: "cosine(a, a)", To: "1", Rounded: true},
	{From: "cosine(neg(a), b)", To: "neg(cosine(a, b))"},
	{From: "rmsnorm(neg(a))", To: "neg(rmsnorm(a))"},
	{From: "rmsnorm(rmsnorm(a))", To: "rmsnorm(a)", Rounded: true},
	{From: "rmsnorm(mul(p, a))", To: "mul(sign(p), rmsnorm(a))", Rounded: true},
	{From: "div(a, rms(a))", To: "rmsnorm(a)"},

	{From: "ema(neg(a); k)", To: "neg(ema(a; k))"},
	{From: "ema(mul(p, a); k)", To: "mul(p, ema(a; k))", Rounded: true},
	{From: "avg(neg(a); k)", To: "neg(avg(a; k))"},
	{From: "avg(mul(p, a); k)", To: "mul(p, avg(a; k))", Rounded: true},
	{From: "total(neg(a))", To: "neg(total(a))"},
	{From: "total(mul(p, a))", To: "mul(p, total(a))", Rounded: true},
	{From: "prev(neg(a))", To: "neg(prev(a))"},
	{From: "prev(mul(p, a))", To: "mul(p, prev(a))"},
	{From: "most(most(a))", To: "most(a)"},
	{From: "most(mul(p, a))", To: "mul(p, most(a))", Nonneg: "p", Rounded: true},
}

// pattern is one side of a rewrite.
type pattern struct {
	kind   patternKind
	op     Op
	args   []pattern
	letter uint8   // which of letters
	num    float64 // of a number
}

type patternKind uint8

const (
	isOp patternKind = iota
	isLetter
	isNumber
)

// letters are the variables of patterns; constants are those from firstConst on.
const (
	letters    = "abpq"
	firstConst = 2
)

// compiled is a rewrite ready to be matched.
type compiled struct {
	from, to pattern
	nonneg   []uint8 // letters
}

// byOp holds the compiled rewrites by the operator of their left side.
var byOp = compileRewrites()

func compileRewrites() [][]compiled {
	table := make([][]compiled, len(Ops))
	for _, r := range Rewrites {
		c := compiled{from: mustPattern(r.From), to: mustPattern(r.To)}
		for _, l := range r.Nonneg {
			c.nonneg = append(c.nonneg, uint8(strings.IndexRune(letters, l)))
		}
		table[c.from.op] = append(table[c.from.op], c)
	}
	return table
}

// mustPattern reads one side of a rewrite: a term of letters, numbers and operators, whose constant is the letter k.
func mustPattern(text string) pattern {
	t, err := readTerm(text)
	if err != nil {
		panic(fmt.Sprintf("genome: rewrite %q: %v", text, err))
	}
	return patternOf(t)
}

func patternOf(t term) pattern {
	if i := strings.Index(letters, t.word); i >= 0 && len(t.word) == 1 {
		return pattern{kind: isLetter, letter: uint8(i)}
	}
	op, ok := Find(t.word)
	if !ok {
		k, err := t.number()
		if err != nil {
			panic(fmt.Sprintf("genome: a rewrite: %v", err))
		}
		return pattern{kind: isNumber, num: k}
	}
	p := pattern{op: op}
	for _, arg := range t.args {
		p.args = append(p.args, patternOf(arg))
	}
	return p
}
