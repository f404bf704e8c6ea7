package derive

import (
	"math"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// The arithmetic of derivations is that of the reals: 0*a is 0, a - a is 0. What comes out is evaluated in floating point
// as every other formula is.

func number(v *ir.Value) (float64, bool) { return v.Num, v.Kind == ir.Number && !v.Mask }

func is(v *ir.Value, n float64) bool { return v.Kind == ir.Number && !v.Mask && v.Num == n }

// real are the operations on values, with what is trivial over the reals left out.
type real struct{ *ir.Pool }

func (r real) add(a, b *ir.Value) *ir.Value {
	if _, ok := number(a); ok {
		a, b = b, a
	}
	if n, ok := number(b); ok {
		return r.shift(a, n)
	}
	if rest, n := r.parts(b); n != 0 {
		return r.shift(r.add(a, rest), n)
	}
	if rest, n := r.parts(a); n != 0 {
		return r.shift(r.add(rest, b), n)
	}
	switch {
	case b.Kind == ir.Apply && b.Op.Name == "neg":
		return r.sub(a, b.Args[0])
	case a.Kind == ir.Apply && a.Op.Name == "neg":
		return r.sub(b, a.Args[0])
	case b.Kind == ir.Apply && b.Op.Name == "sub" && b.Args[1] == a:
		return b.Args[0]
	case a.Kind == ir.Apply && a.Op.Name == "sub" && a.Args[1] == b:
		return a.Args[0]
	}
	return r.Call("add", a, b)
}

// parts are v = rest + n with a number that stands in it.
func (r real) parts(v *ir.Value) (rest *ir.Value, n float64) {
	if v.Kind == ir.Apply && (v.Op.Name == "add" || v.Op.Name == "sub") {
		if n, ok := number(v.Args[1]); ok {
			if v.Op.Name == "sub" {
				n = -n
			}
			return v.Args[0], n
		}
	}
	return v, 0
}

// shift is a + n, with the constants of a sum in one.
func (r real) shift(a *ir.Value, n float64) *ir.Value {
	if a.Kind == ir.Apply && (a.Op.Name == "add" || a.Op.Name == "sub") {
		m, last := number(a.Args[1])
		first, isFirst := number(a.Args[0])
		switch {
		case last && a.Op.Name == "add":
			return r.shift(a.Args[0], n+m)
		case last:
			return r.shift(a.Args[0], n-m)
		case isFirst && a.Op.Name == "sub":
			return r.sub(r.Number(first+n), a.Args[1])
		case isFirst:
			return r.shift(a.Args[1], n+first)
		}
	}
	m, ok := number(a)
	switch {
	case ok:
		return r.Number(m + n)
	case n == 0:
		return a
	case a.Kind == ir.Apply && a.Op.Name == "neg":
		return r.Call("sub", r.Number(n), a.Args[0])
	case n < 0:
		return r.Call("sub", a, r.Number(-n))
	}
	return r.Call("add", a, r.Number(n))
}

func (r real) sub(a, b *ir.Value) *ir.Value {
	if n, ok := number(b); ok {
		return r.shift(a, -n)
	}
	if rest, n := r.parts(b); n != 0 {
		return r.shift(r.sub(a, rest), -n)
	}
	if rest, n := r.parts(a); n != 0 && rest != b {
		return r.shift(r.sub(rest, b), n)
	}
	switch {
	case a == b:
		return r.Number(0)
	case is(a, 0):
		return r.neg(b)
	case b.Kind == ir.Apply && b.Op.Name == "neg":
		return r.add(a, b.Args[0])
	case a.Kind == ir.Apply && a.Op.Name == "add" && a.Args[1] == b:
		return a.Args[0]
	case a.Kind == ir.Apply && a.Op.Name == "add" && a.Args[0] == b:
		return a.Args[1]
	}
	return r.Call("sub", a, b)
}

func (r real) neg(a *ir.Value) *ir.Value {
	if a.Kind == ir.Apply {
		switch a.Op.Name {
		case "neg":
			return a.Args[0]
		case "sub":
			return r.Call("sub", a.Args[1], a.Args[0])
		}
	}
	return r.Call("neg", a)
}

func (r real) mul(a, b *ir.Value) *ir.Value {
	if _, ok := number(b); ok {
		a, b = b, a
	}
	negA, negB := a.Kind == ir.Apply && a.Op.Name == "neg", b.Kind == ir.Apply && b.Op.Name == "neg"
	switch {
	case is(a, 0) || is(b, 0):
		return r.Number(0)
	case is(a, 1):
		return b
	case is(a, -1):
		return r.neg(b)
	case negA && negB:
		return r.mul(a.Args[0], b.Args[0])
	case negA:
		return r.neg(r.mul(a.Args[0], b))
	case negB:
		return r.neg(r.mul(a, b.Args[0]))
	case b.Kind == ir.Apply && b.Op.Name == "mul" && a.Kind == ir.Number && b.Args[0].Kind == ir.Number:
		return r.mul(r.Call("mul", a, b.Args[0]), b.Args[1])
	case b.Kind == ir.Apply && b.Op.Name == "div" && b.Args[1] == a:
		return b.Args[0]
	case a.Kind == ir.Apply && a.Op.Name == "div" && a.Args[1] == b:
		return a.Args[0]
	case b.Kind == ir.Apply && b.Op.Name == "div" && is(b.Args[0], 1):
		return r.div(a, b.Args[1])
	case a.Kind == ir.Apply && a.Op.Name == "div" && is(a.Args[0], 1):
		return r.div(b, a.Args[1])
	}
	return r.Call("mul", a, b)
}

func (r real) div(a, b *ir.Value) *ir.Value {
	switch {
	case is(a, 0):
		return a
	case is(b, 1):
		return a
	case is(b, -1):
		return r.neg(a)
	case a == b:
		return r.Number(1)
	case a.Kind == ir.Apply && b.Kind == ir.Apply && a.Op.Name == "sinh" && b.Op.Name == "cosh" && a.Args[0] == b.Args[0]:
		return r.Call("tanh", a.Args[0])
	case a.Kind == ir.Apply && a.Op.Name == "neg":
		return r.neg(r.div(a.Args[0], b))
	case a.Kind == ir.Apply && a.Op.Name == "mul" && a.Args[1] == b:
		return a.Args[0]
	case a.Kind == ir.Apply && a.Op.Name == "mul" && a.Args[0] == b:
		return a.Args[1]
	}
	if m, x := r.scale(a); m != 1 && x != a {
		n, y := r.scale(b)
		switch q := m / n; {
		case n == 1 && y == b || n == 0:
		case q == math.Trunc(q) && q != 0:
			return r.mul(r.Number(q), r.div(x, y))
		case 1/q == math.Trunc(1/q):
			return r.div(x, r.mul(r.Number(1/q), y))
		}
	}
	return r.Call("div", a, b)
}

// scale is v = n*rest with a number that stands in front of its product.
func (r real) scale(v *ir.Value) (n float64, rest *ir.Value) {
	if n, ok := number(v); ok {
		return n, r.Number(1)
	}
	if v.Kind != ir.Apply || v.Op.Name != "mul" {
		return 1, v
	}
	n, rest = r.scale(v.Args[0])
	if rest == v.Args[0] {
		return 1, v
	}
	return n, r.mul(rest, v.Args[1])
}

// poly is a polynomial in some variable by its coefficients, that of the constant first; the last is not known to be zero.
type poly []*ir.Value

func (r real) trim(p poly) poly {
	for len(p) > 0 && is(p[len(p)-1], 0) {
		p = p[:len(p)-1]
	}
	return p
}

func (p poly) degree() int { return len(p) - 1 }

func (r real) at(p poly, i int) *ir.Value {
	if i < len(p) {
		return p[i]
	}
	return r.Number(0)
}

func (r real) addPoly(p, q poly, op func(a, b *ir.Value) *ir.Value) poly {
	out := make(poly, max(len(p), len(q)))
	for i := range out {
		out[i] = op(r.at(p, i), r.at(q, i))
	}
	return r.trim(out)
}

func (r real) mulPoly(p, q poly) poly {
	if len(p) == 0 || len(q) == 0 {
		return nil
	}
	out := make(poly, len(p)+len(q)-1)
	for i := range out {
		out[i] = r.Number(0)
	}
	for i, a := range p {
		for j, b := range q {
			out[i+j] = r.add(out[i+j], r.mul(a, b))
		}
	}
	return r.trim(out)
}

// polySlope is the derivative.
func (r real) polySlope(p poly) poly {
	var out poly
	for i := 1; i < len(p); i++ {
		out = append(out, r.mul(r.Number(float64(i)), p[i]))
	}
	return r.trim(out)
}

// value is the polynomial at u, by Horner's rule.
func (r real) value(p poly, u *ir.Value) *ir.Value {
	v := r.Number(0)
	for _, c := range slices.Backward(p) {
		v = r.add(r.mul(v, u), c)
	}
	return v
}

// ratio is a quotient of polynomials.
type ratio struct{ num, den poly }

// maxDegree bounds polynomials, so that a product of many sums stays small.
const maxDegree = 8

func (r real) constant(v *ir.Value) ratio { return ratio{r.trim(poly{v}), poly{r.Number(1)}} }

// reduce cancels powers of the variable, constant denominators and equal parts.
func (r real) reduce(q ratio) ratio {
	if len(q.num) == 0 {
		return r.constant(r.Number(0))
	}
	for len(q.den) > 1 && is(q.den[0], 0) && is(q.num[0], 0) {
		q.num, q.den = q.num[1:], q.den[1:]
	}
	if slices.Equal(q.num, q.den) {
		return r.constant(r.Number(1))
	}
	if len(q.den) == 1 && !is(q.den[0], 1) {
		num := make(poly, len(q.num))
		for i, c := range q.num {
			num[i] = r.div(c, q.den[0])
		}
		return ratio{r.trim(num), poly{r.Number(1)}}
	}
	return q
}

func (r real) addRatio(a, b ratio, op func(a, b *ir.Value) *ir.Value) ratio {
	if slices.Equal(a.den, b.den) {
		return r.reduce(ratio{r.addPoly(a.num, b.num, op), a.den})
	}
	return r.reduce(ratio{r.addPoly(r.mulPoly(a.num, b.den), r.mulPoly(b.num, a.den), op), r.mulPoly(a.den, b.den)})
}

func (r real) mulRatio(a, b ratio) ratio {
	switch {
	case slices.Equal(a.num, b.den):
		return r.reduce(ratio{b.num, a.den})
	case slices.Equal(a.den, b.num):
		return r.reduce(ratio{a.num, b.den})
	}
	return r.reduce(ratio{r.mulPoly(a.num, b.num), r.mulPoly(a.den, b.den)})
}

// rational is v as a quotient of polynomials in the variables that in stands for, one of them at least; what is in it and
// is no such quotient, an atom, counts as a constant if atoms is set. It reports whether that is all.
func (r real) rational(v *ir.Value, in map[*ir.Value]ratio, atoms bool) (ratio, bool) {
	done := map[*ir.Value]ratio{}
	depends := map[*ir.Value]bool{}
	for _, n := range ir.Above(func(n *ir.Value) bool { _, is := in[n]; return is }, v) {
		if q, ok := in[n]; ok {
			done[n], depends[n] = q, true
			continue
		}
		depends[n] = slices.ContainsFunc(n.Args, func(a *ir.Value) bool { return depends[a] })
		if !depends[n] {
			done[n] = r.constant(n)
			continue
		}
		q, ok := r.rationalOf(n, done)
		switch {
		case ok && len(q.num) <= maxDegree+1 && len(q.den) <= maxDegree+1:
			done[n] = q
		case atoms:
			done[n] = r.constant(n)
		case n == v:
			return ratio{}, false
		}
	}
	q, ok := done[v]
	return q, ok
}

func (r real) rationalOf(n *ir.Value, done map[*ir.Value]ratio) (ratio, bool) {
	var a [3]ratio
	for i, arg := range n.Args {
		q, ok := done[arg]
		if !ok || i > 2 {
			return ratio{}, false
		}
		a[i] = q
	}
	switch {
	case n.Kind == ir.Spread || n.Kind == ir.Var:
		return a[0], true
	case n.Kind != ir.Apply:
		return ratio{}, false
	}
	switch n.Op.Name {
	case "add":
		return r.addRatio(a[0], a[1], r.add), true
	case "sub":
		return r.addRatio(a[0], a[1], r.sub), true
	case "neg":
		return r.addRatio(r.constant(r.Number(0)), a[0], r.sub), true
	case "mul":
		return r.mulRatio(a[0], a[1]), true
	case "div":
		if len(a[1].num) == 0 {
			return ratio{}, false
		}
		return r.mulRatio(a[0], ratio{a[1].den, a[1].num}), true
	}
	return ratio{}, false
}

// formula is q as a formula in u.
func (r real) formula(q ratio, u *ir.Value) *ir.Value {
	return r.div(r.value(q.num, u), r.value(q.den, u))
}

// simpler is v as a quotient of polynomials in u and in what else it is made of: what cancels is gone.
func (r real) simpler(v, u *ir.Value) *ir.Value {
	q, _ := r.rational(v, map[*ir.Value]ratio{u: {poly{r.Number(0), r.Number(1)}, poly{r.Number(1)}}}, true)
	return r.formula(q, u)
}
