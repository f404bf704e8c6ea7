package elementary

import (
	"fmt"
	"math"
	"slices"
)

// A builder writes a program. Equal steps are one.
type builder struct {
	bits, args int
	steps      []Step
	seen       map[string]int
}

// A num is an argument or a step of a program under construction.
type num struct {
	b *builder
	i int
}

func build(args, bits int, text func(...num) num) *Function {
	b := &builder{bits: bits, args: args, seen: map[string]int{}}
	x := make([]num, args)
	for i := range x {
		x[i] = num{b, i}
	}
	return b.finish(text(x...))
}

// finish drops the steps that the result does not need. What remains keeps its
// order, so the result is last.
func (b *builder) finish(result num) *Function {
	need := make([]bool, b.args+len(b.steps))
	need[result.i] = true
	for i := len(b.steps) - 1; i >= 0; i-- {
		if need[b.args+i] {
			for _, a := range b.steps[i].Args {
				need[a] = true
			}
		}
	}
	f := &Function{Args: b.args}
	at := make([]int, len(need))
	for i := range need {
		switch {
		case i < b.args:
			at[i] = i
		case need[i]:
			s := b.steps[i-b.args]
			for j, a := range s.Args {
				s.Args[j] = at[a]
			}
			at[i] = b.args + len(f.Steps)
			f.Steps = append(f.Steps, s)
		}
	}
	return f
}

// add appends a step, or returns an equal one, or for an operation on
// constants the constant.
func (b *builder) add(s Step) num {
	if v, ok := b.fold(s); ok {
		s = Step{Op: "const", Const: v}
	}
	if commutes[s.Op] {
		slices.Sort(s.Args)
	}
	key := fmt.Sprint(s.Op, s.Args, math.Float64bits(s.Const))
	i, ok := b.seen[key]
	if !ok {
		i = b.args + len(b.steps)
		b.steps = append(b.steps, s)
		b.seen[key] = i
	}
	return num{b, i}
}

// fold computes a step whose arguments are constants. A mask stays.
func (b *builder) fold(s Step) (float64, bool) {
	if len(s.Args) == 0 || operators[s.Op].signature[0] == 'm' {
		return 0, false
	}
	var v [3]float64
	for i, a := range s.Args {
		if a < b.args || b.steps[a-b.args].Op != "const" {
			return 0, false
		}
		v[i] = b.steps[a-b.args].Const
	}
	if b.bits == 32 {
		return float64(apply(s, [3]float32{float32(v[0]), float32(v[1]), float32(v[2])})), true
	}
	return apply(s, v), true
}

var commutes = map[string]bool{"add": true, "mul": true, "min": true, "max": true, "eq": true, "ne": true, "and": true, "or": true}

// c is a constant, which must be exact in the type.
func (b *builder) c(v float64) num {
	if b.bits == 32 && float64(float32(v)) != v && v == v {
		panic(fmt.Sprintf("elementary: the constant %x is not a float32", v))
	}
	return b.add(Step{Op: "const", Const: v})
}

func (x num) op(name string, args ...num) num {
	s := Step{Op: name, Args: []int{x.i}}
	for _, a := range args {
		if a.b != x.b {
			panic("elementary: " + name + " of a number of another program")
		}
		s.Args = append(s.Args, a.i)
	}
	return x.b.add(s)
}

func (x num) c(v float64) num { return x.b.c(v) }

// pick returns the value for the program's type.
func (x num) pick(f32, f64 float64) float64 {
	if x.b.bits == 32 {
		return f32
	}
	return f64
}

func (x num) add(y num) num           { return x.op("add", y) }
func (x num) sub(y num) num           { return x.op("sub", y) }
func (x num) mul(y num) num           { return x.op("mul", y) }
func (x num) div(y num) num           { return x.op("div", y) }
func (x num) plus(v float64) num      { return x.add(x.c(v)) }
func (x num) minus(v float64) num     { return x.sub(x.c(v)) }
func (x num) times(v float64) num     { return x.mul(x.c(v)) }
func (x num) neg() num                { return x.op("neg") }
func (x num) abs() num                { return x.op("abs") }
func (x num) sqrt() num               { return x.op("sqrt") }
func (x num) floor() num              { return x.op("floor") }
func (x num) sign(y num) num          { return x.op("copysign", y) }
func (x num) pow2() num               { return x.op("pow2") }
func (x num) exponent() num           { return x.op("exponent") }
func (x num) mantissa() num           { return x.op("mantissa") }
func (x num) top() num                { return x.op("top") }
func (x num) lt(v float64) num        { return x.op("lt", x.c(v)) }
func (x num) gt(v float64) num        { return x.op("gt", x.c(v)) }
func (x num) le(v float64) num        { return x.op("le", x.c(v)) }
func (x num) ge(v float64) num        { return x.op("ge", x.c(v)) }
func (x num) is(v float64) num        { return x.op("eq", x.c(v)) }
func (m num) and(n num) num           { return m.op("and", n) }
func (m num) or(n num) num            { return m.op("or", n) }
func (m num) where(a, b num) num      { return m.op("where", a, b) }
func (m num) choose(a, b float64) num { return m.where(m.c(a), m.c(b)) }

// clamp returns x where it is between lo and hi or NaN, else the nearer bound.
func (x num) clamp(lo, hi float64) num {
	x = x.lt(lo).where(x.c(lo), x)
	return x.gt(hi).where(x.c(hi), x)
}

// nearest returns the integer nearest to a number below 2^22 or 2^51, the even
// one of two: added to 1.5*2^23 or 1.5*2^52 its fraction has no room.
func (x num) nearest() num {
	magic := x.pick(0x1.8p23, 0x1.8p52)
	return x.plus(magic).minus(magic)
}

// horner returns c[0] + c[1]*z + ...
func (z num) horner(c ...float64) num {
	p := z.c(c[len(c)-1])
	for i := len(c) - 2; i >= 0; i-- {
		p = p.mul(z).plus(c[i])
	}
	return p
}

// poly is horner for an even number of coefficients, even and odd powers side
// by side, which halves the chain of dependent operations.
func (z num) poly(c ...float64) num {
	w := z.mul(z)
	n := len(c) - 2
	even, odd := z.c(c[n]), z.c(c[n+1])
	for n -= 2; n >= 0; n -= 2 {
		even = even.mul(w).plus(c[n])
		odd = odd.mul(w).plus(c[n+1])
	}
	return even.add(odd.mul(z))
}

// A pair is the unevaluated sum h + l of two numbers, l below a unit in the
// last place of h (Dekker, "A floating-point technique for extending the
// available precision", 1971).
// The lower part of an argument may be missing.
type pair struct{ h, l num }

func single(x num) pair { return pair{h: x} }

// minusLow subtracts the lower part of a pair, if there is one.
func (x num) minusLow(l num) num {
	if l.b == nil {
		return x
	}
	return x.sub(l)
}

func (p pair) sum() num { return p.h.add(p.l) }

// plus adds to the lower part of a pair, if there is anything to add.
func (p pair) plus(low num) pair {
	if low.b == nil {
		return p
	}
	return pair{p.h, p.l.add(low)}
}

// twoSum returns a+b rounded and its error, exactly (Knuth).
func twoSum(a, b num) pair {
	s := a.add(b)
	t := s.sub(a)
	return pair{s, a.sub(s.sub(t)).add(b.sub(t))}
}

// twoDiff is twoSum of a and -b.
func twoDiff(a, b num) pair {
	s := a.sub(b)
	t := s.sub(a)
	return pair{s, a.sub(s.sub(t)).sub(b.add(t))}
}

// fastTwoSum is twoSum for |a| >= |b| or a = 0 (Dekker).
func fastTwoSum(a, b num) pair {
	s := a.add(b)
	return pair{s, b.sub(s.sub(a))}
}

// twoProd returns a*b rounded and its error: exactly in float32, up to 2^-105
// of the product in float64, where that of the two lower halves has 54 bits.
func twoProd(a, b num) pair {
	p := a.mul(b)
	ah, bh := a.top(), b.top()
	al, bl := a.sub(ah), b.sub(bh)
	return pair{p, ah.mul(bh).sub(p).add(ah.mul(bl)).add(al.mul(bh)).add(al.mul(bl))}
}

// mulDD returns the product of two pairs, the second complete.
func mulDD(a, b pair) pair {
	p := twoProd(a.h, b.h)
	low := a.h.mul(b.l)
	if a.l.b != nil {
		low = low.add(a.l.mul(b.h))
	}
	return fastTwoSum(p.h, p.l.add(low))
}

// divDD returns the quotient of two pairs: the rounded one of the leading
// parts, and its remainder over the denominator.
func divDD(a, b pair) pair {
	q := a.h.div(b.h)
	p := twoProd(q, b.h)
	r := a.h.sub(p.h).sub(p.l).sub(q.mul(b.l).minusLow(a.l))
	return fastTwoSum(q, r.div(b.h))
}
