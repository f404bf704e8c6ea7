package property

import (
	"fmt"
	"math"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// degree is how a value answers to a scaling: multiplied by c it is multiplied by c^d. Nothing stands for a value that is
// zero, or of which nothing is known yet; it is of every degree. A point is x plus something of the degree by which x
// moves, so that only differences of points have a degree.
type degree struct {
	known, point bool
	d            float64
}

var invariant = degree{known: true}

func of(d float64) degree { return degree{known: true, d: d} }

func same(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// scaling says what is multiplied by which power of c.
type scaling struct {
	x, g, loss float64
	hypers     map[int]float64 // of single hyperparameters; of all others 0
	points     bool            // x is a point
	each       bool            // every element has a c of its own
}

// clash is why a value has no degree.
type clash struct {
	at   *ir.Value
	why  string
	pair []*ir.Value // operands that would have to be of one degree
}

// degrees is one analysis: a fixed point over the states, which start as unknown if they start at zero.
type degrees struct {
	p      *ir.Program
	by     scaling
	zero   map[*ir.Value]bool // leaves that are taken as zero
	of     map[*ir.Value]degree
	states []degree
	move   degree // of the differences of points
	zeros  bool   // a norm is taken not to be zero
	last   bool   // every state is known: what is nothing is zero
	clash  *clash
}

// analyse finds the degrees of the roots and of what is below them. A state is what it was found to be in an earlier round,
// so the last round proves by induction over the steps that all values have their degrees in every step.
func analyse(p *ir.Program, order []*ir.Value, by scaling, zero map[*ir.Value]bool) *degrees {
	a := &degrees{p: p, by: by, zero: zero, of: map[*ir.Value]degree{}, states: make([]degree, len(p.States))}
	for i, s := range p.States {
		if s.Init != 0 {
			a.states[i] = invariant
		}
	}
	for range 2*len(p.States) + 3 {
		before, move := append([]degree(nil), a.states...), a.move
		if a.round(order); a.clash != nil {
			return a
		}
		settled := move == a.move
		for i := range before {
			settled = settled && before[i] == a.states[i]
		}
		if settled {
			break
		}
	}
	a.last = true
	a.round(order)
	return a
}

func (a *degrees) round(order []*ir.Value) {
	for _, v := range order {
		if a.zero[v] {
			a.of[v] = degree{}
			continue
		}
		if a.of[v] = a.value(v); a.clash != nil {
			return
		}
	}
	for i, s := range a.p.States {
		a.states[i] = a.join(s.New, a.states[i], a.of[s.New], nil)
		if a.clash != nil {
			a.clash.why = fmt.Sprintf("the state %s is not of one degree", s.Name)
			return
		}
	}
}

func (a *degrees) fail(at *ir.Value, pair []*ir.Value, format string, args ...any) degree {
	if a.clash == nil {
		a.clash = &clash{at: at, pair: pair, why: fmt.Sprintf(format, args...)}
	}
	return degree{}
}

// join is what two values have in common that are added, compared or chosen from.
func (a *degrees) join(at *ir.Value, l, r degree, pair []*ir.Value) degree {
	switch {
	case !l.known && !l.point:
		return a.alone(at, r, pair)
	case !r.known && !r.point:
		return a.alone(at, l, pair)
	case l.point != r.point:
		return a.fail(at, pair, "x itself meets something of a degree")
	case l.point:
		return l
	case !same(l.d, r.d):
		return a.fail(at, pair, "what %s and what %s meet", scales(l.d), scales(r.d))
	}
	return l
}

// alone is what is of the degree of one operand beside zero, which is no point.
func (a *degrees) alone(at *ir.Value, d degree, pair []*ir.Value) degree {
	if d.point && a.last && len(pair) > 0 {
		return a.fail(at, pair, "x itself meets zero")
	}
	return d
}

func (a *degrees) value(v *ir.Value) degree {
	switch v.Kind {
	case ir.Number:
		if v.Num == 0 && !v.Mask {
			return degree{}
		}
		return invariant
	case ir.Input:
		return a.input(v)
	case ir.Hyper:
		return of(a.by.hypers[v.Index])
	case ir.Load:
		return a.states[v.Index]
	case ir.Spread, ir.Var:
		return a.of[v.Args[0]]
	case ir.Apply:
		return a.apply(v)
	case ir.Reduce:
		return a.reduce(v)
	case ir.Array:
		return a.array(v)
	case ir.Probe:
		return a.probe(v)
	case ir.Draw, ir.Given, ir.Named, ir.Size:
		return invariant
	}
	return a.fail(v, nil, "it is not known how it answers")
}

func (a *degrees) input(v *ir.Value) degree {
	switch v.Name {
	case "x":
		if a.by.points {
			return degree{point: true}
		}
		return of(a.by.x)
	case "g":
		return of(a.by.g)
	case "loss":
		return of(a.by.loss)
	}
	return invariant
}

// still asks that a value does not change with the scale.
func (a *degrees) still(v *ir.Value, d degree) degree {
	if d.point || d.known && !same(d.d, 0) {
		return a.fail(v, v.Args, "%s of something of degree %s", v.Op.Name, d)
	}
	return invariant
}

// odd is a function that is 0 at 0, of what must not change with the scale.
func (a *degrees) odd(v *ir.Value, d degree) degree {
	a.still(v, d)
	return d
}

func (a *degrees) apply(v *ir.Value) degree {
	at := func(i int) degree { return a.of[v.Args[i]] }
	pair := func(i, j int) degree { return a.join(v, at(i), at(j), []*ir.Value{v.Args[i], v.Args[j]}) }
	switch v.Op.Name {
	case "add", "sub":
		return a.sum(v, at(0), at(1))
	case "mod":
		return a.noPoint(v, pair(0, 1))
	case "mul":
		return a.product(v, at(0), at(1), 1)
	case "div":
		return a.product(v, at(0), at(1), -1)
	case "neg", "abs":
		return a.noPoint(v, at(0))
	case "eq", "ne", "lt", "le", "gt", "ge":
		pair(0, 1)
		return invariant
	case "and", "or", "not", "real", "isfinite":
		return invariant
	case "where":
		if l, r := at(1), at(2); l.known && r.known && !same(l.d, r.d) && positive(v.Args[0]) {
			a.zeros = true
			return l
		}
		return pair(1, 2)
	case "sign":
		if d := a.noPoint(v, at(0)); !d.known {
			return d
		}
		return invariant
	case "copysign":
		a.noPoint(v, at(1))
		return a.noPoint(v, at(0))
	case "sqrt":
		return a.power(v, at(0), 0.5)
	case "rsqrt":
		return a.power(v, at(0), -0.5)
	case "cbrt":
		return a.power(v, at(0), 1./3)
	case "min", "max", "hypot":
		return a.noPoint(v, pair(0, 1))
	case "clamp":
		pair(0, 1)
		pair(0, 2)
		return a.noPoint(v, pair(1, 2))
	case "pow":
		if n := v.Args[1]; n.Kind == ir.Number {
			return a.power(v, at(0), n.Num)
		}
		a.still(v, at(0))
		return a.still(v, at(1))
	case "expm1", "log1p", "sin", "tan", "atan", "sinh", "tanh", "erf", "floor", "ceil", "round":
		return a.odd(v, at(0))
	}
	for i := range v.Args {
		a.still(v, at(i))
	}
	return invariant
}

// positive reports whether a mask is that some norms are above 0.
func positive(m *ir.Value) bool {
	if m.Kind != ir.Apply {
		return false
	}
	switch m.Op.Name {
	case "and":
		return positive(m.Args[0]) && positive(m.Args[1])
	case "gt":
		n := m.Args[0]
		for n.Kind == ir.Spread || n.Kind == ir.Apply && n.Op.Name == "sqrt" {
			n = n.Args[0]
		}
		return is(m.Args[1], 0) && n.Kind == ir.Reduce && square(n.Args[0]) != nil
	}
	return false
}

func (a *degrees) noPoint(v *ir.Value, d degree) degree {
	if d.point {
		return a.fail(v, v.Args, "%s of x itself", v.Op.Name)
	}
	return d
}

// sum is of points, too: a point moved by a vector is a point, and the difference of two points a vector.
func (a *degrees) sum(v *ir.Value, l, r degree) degree {
	switch {
	case l.point && r.point && v.Op.Name == "sub":
		return a.move
	case l.point && r.point || r.point && v.Op.Name == "sub" && l.known:
		return a.fail(v, v.Args, "x itself is added up")
	case !l.point && !r.point:
		return a.join(v, l, r, v.Args)
	case r.point && v.Op.Name == "sub":
		if a.last {
			return a.fail(v, v.Args, "x itself is added up")
		}
		return degree{}
	}
	vector := l
	if l.point {
		vector = r
	}
	if vector.known {
		a.move = a.join(v, a.move, vector, v.Args)
	}
	return degree{point: true}
}

// product is l*r^sign.
func (a *degrees) product(v *ir.Value, l, r degree, sign float64) degree {
	switch {
	case l.point && !r.known && !r.point && sign > 0, r.point && !l.known && !l.point && sign > 0:
		return degree{} // x times zero
	case l.point && r == invariant && v.Args[1].Kind == ir.Number && v.Args[1].Num == 1:
		return l
	case l.point || r.point:
		return a.fail(v, v.Args, "x itself is multiplied")
	case sign < 0 && !r.known && a.last && v.Args[0].Kind == ir.Number && v.Args[0].Num != 0:
		return degree{} // an infinity, c times which it is
	case sign < 0 && !r.known && a.last:
		return a.fail(v, v.Args, "a quotient by zero")
	case !l.known || !r.known:
		return degree{}
	}
	return of(l.d + sign*r.d)
}

func (a *degrees) power(v *ir.Value, d degree, n float64) degree {
	switch {
	case d.point:
		return a.fail(v, v.Args, "%s of x itself", v.Op.Name)
	case !d.known && n < 0 && a.last:
		return a.fail(v, v.Args, "a quotient by zero")
	case !d.known:
		return d
	}
	return of(d.d * n)
}

// mixes reports that values of several elements come together that have no scale in common.
func (a *degrees) mixes(v *ir.Value, args []*ir.Value) bool {
	if !a.by.each {
		return false
	}
	for _, u := range args {
		if d := a.of[u]; u.Extent.IsArray() && d.known && !same(d.d, 0) {
			a.fail(v, nil, "%s mixes elements that have scales of their own", operator(v))
			return true
		}
	}
	return false
}

func operator(v *ir.Value) string {
	name := v.Op.Name
	switch name {
	case "reduce_min", "reduce_max":
		name = name[len("reduce_"):]
	case "matmul":
		return "a matrix product"
	}
	if v.Kind == ir.Reduce {
		return fmt.Sprintf("the %s per %s", name, v.Per)
	}
	return name
}

func (a *degrees) reduce(v *ir.Value) degree {
	d := a.of[v.Args[0]]
	if d.point {
		return a.fail(v, nil, "%s of x itself", operator(v))
	}
	if a.mixes(v, v.Args[:1]) {
		return degree{}
	}
	return d
}

func (a *degrees) array(v *ir.Value) degree {
	if len(v.Args) == 0 {
		return invariant
	}
	arrays := v.Args[:v.Op.Args]
	for _, u := range v.Args {
		if a.of[u].point {
			return a.fail(v, nil, "%s of x itself", operator(v))
		}
	}
	if a.mixes(v, arrays) {
		return degree{}
	}
	at := func(i int) degree { return a.of[v.Args[i]] }
	switch v.Op.Name {
	case "matmul", "outer":
		return a.product(v, at(0), at(1), 1)
	case "transpose", "diag", "trace", "tril", "kth":
		return at(0)
	case "threshold", "svd_shrink":
		return a.join(v, at(0), at(1), v.Args[:2])
	case "svd_shrink_vjp":
		return at(1)
	case "inv":
		return a.power(v, at(0), -1)
	case "solve":
		return a.product(v, at(1), at(0), -1)
	case "cholesky":
		return a.power(v, at(0), 0.5)
	case "topk":
		return invariant
	case "qr", "eigvecs", "polar", "orthogonalize":
		if !at(0).known {
			return at(0)
		}
		return invariant
	case "inv_root":
		a.join(v, at(0), at(2), []*ir.Value{v.Args[0], v.Args[2]})
		if p := v.Args[1]; p.Kind == ir.Number {
			return a.power(v, at(0), -1/p.Num)
		}
		return a.still(v, at(0))
	case "orthogonalize_vjp", "orthogonalize_jvp", "polar_vjp":
		return a.product(v, at(1), at(0), -1)
	}
	for _, u := range arrays {
		a.still(v, a.of[u])
	}
	return a.fail(v, nil, "it is not known how %s answers", v.Op.Name)
}

// probe is the model's answer at a point that is scaled as x is. A Hessian is of the degree of g less that of x.
func (a *degrees) probe(v *ir.Value) degree {
	if a.by.points {
		return a.fail(v, nil, "the model is asked elsewhere")
	}
	at := a.of[v.Args[0]]
	if !at.known || !same(at.d, a.by.x) {
		return a.fail(v, nil, "the model is asked at a point of degree %s", at)
	}
	switch v.Name {
	case "loss":
		return of(a.by.loss)
	case "grad":
		return of(a.by.g)
	}
	along := a.of[v.Args[1]]
	if !along.known {
		return along
	}
	if a.by.each && (!same(along.d, a.by.x) || !same(a.by.x, -a.by.g)) {
		return a.fail(v, nil, "the Hessian mixes elements that have scales of their own")
	}
	return of(a.by.g - a.by.x + along.d)
}

func (d degree) String() string {
	if d.point {
		return "x"
	}
	if !d.known {
		return "any"
	}
	return fraction(d.d)
}

// scales says what a scaling by c does to a value of a degree.
func scales(d float64) string {
	switch d {
	case 0:
		return "stays as it is"
	case 1:
		return "is multiplied by c"
	case -1:
		return "is divided by c"
	}
	return "is multiplied by c^" + fraction(d)
}

// fraction is a degree as people write it.
func fraction(d float64) string {
	for n := 1.0; n <= 48; n++ {
		if k := math.Round(d * n); math.Abs(d*n-k) < 1e-9 {
			if n == 1 {
				return fmt.Sprint(k + 0)
			}
			return fmt.Sprintf("%v/%v", k, n)
		}
	}
	return ir.FormatNumber(d)
}

// isOrder reports whether v is an order statistic.
func isOrder(v *ir.Value) bool { return v.Kind == ir.Array && v.Op.Kind == op.Order }
