package derive

import (
	"math"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// side says on which side of zero a kink's argument is.
type side int8

const (
	below side = -1
	on    side = 0
	above side = 1
)

// kink is an operation whose formula changes where its argument is zero. The argument is smooth under the assumptions that
// were made before.
type kink struct {
	node *ir.Value
	arg  *ir.Value
	end  bool // it ends the domain: there is nothing below
}

// assumption is a kink with the side that its argument is on.
type assumption struct {
	kink
	side side
}

// piece is a smooth formula and what was assumed for it.
type piece struct {
	smooth  *ir.Value
	assumed []assumption
}

// knot is where a piece ends: the variable's value, the kink, and the function under what was assumed before.
type knot struct {
	at      *ir.Value
	kink    kink
	in      *ir.Value
	assumed []assumption
}

// maxPieces bounds the pieces of a function.
const maxPieces = 64

// splitter takes a function apart.
type splitter struct {
	*deriver
	real
	u      *ir.Value
	where  sign // of u where the pieces are wanted
	pieces []piece
	knots  []knot
	span   interval // that holds the values of u of the piece in hand
	exact  bool     // all of the span is in the piece
	tried  int      // values that were looked at to prove it convex
	depth  int      // of the rules in use
}

// split takes p, a function of u, apart into smooth pieces; sign says for which u they are wanted.
func (d *deriver) split(p, u *ir.Value, s sign) *splitter {
	sp := &splitter{deriver: d, real: real{d.pool}, u: u, where: s, span: everything}
	sp.branch(p, sp.start())
	return sp
}

// start is what is assumed before anything is: that u is positive, where only those are wanted.
func (s *splitter) start() []assumption {
	if s.where&negative != 0 {
		return nil
	}
	return []assumption{{kink{arg: s.u}, above}}
}

func (s *splitter) branch(p *ir.Value, assumed []assumption) {
	if len(assumed) > maxPieces {
		fail("write it with fewer conditions", "the function has more than %d conditions within one another", maxPieces)
	}
	kinks := s.kinks(p, assumed)
	if len(kinks) == 0 {
		if s.pieces = append(s.pieces, piece{p, assumed}); len(s.pieces) > maxPieces {
			fail("write it with fewer conditions", "the function has more than %d pieces", maxPieces)
		}
		return
	}
	k := kinks[0]
	known := s.known(k, assumed)
	switch {
	case k.end && known == below: // outside the domain
		return
	case known != on:
		s.branch(s.force(p, k, known), append(slices.Clip(assumed), assumption{k, known}))
		return
	}
	for _, at := range s.roots(k.arg) {
		if sg := s.signIs(at, nil); sg&s.where != 0 {
			s.knots = append(s.knots, knot{at, k, p, assumed})
		}
	}
	if !k.end {
		s.branch(s.force(p, k, below), append(slices.Clip(assumed), assumption{k, below}))
	}
	s.branch(s.force(p, k, above), append(slices.Clip(assumed), assumption{k, above}))
}

// kinks are those of p that what was assumed has not decided.
func (s *splitter) kinks(p *ir.Value, assumed []assumption) []kink {
	order := ir.Above(func(n *ir.Value) bool { return n == s.u }, p)
	s.visit(len(order))
	depends := map[*ir.Value]bool{}
	var out []kink
	for _, n := range order {
		depends[n] = n == s.u || slices.ContainsFunc(n.Args, func(a *ir.Value) bool { return depends[a] })
		if !depends[n] || n == s.u {
			continue
		}
		if !elementwise(n) {
			fail("only a sum of functions of single values has a derived one; for others see group_l2, linf, nuclear and the sets of project",
				"the penalty is not separable: it holds %s, which reads more than one value", nameOf(n))
		}
		if n.Kind != ir.Apply {
			continue
		}
		if k, is := s.kinkOf(n, depends); is && !slices.ContainsFunc(assumed, func(a assumption) bool { return a.node == n && s.decided(k, a.side) == nil }) {
			out = append(out, k)
		}
	}
	return out
}

// known is the side that a kink's argument is on under what was assumed, or on if that is not known.
func (s *splitter) known(k kink, assumed []assumption) side {
	if lo, hi, ok := s.rangeOf(k.arg, assumed); ok {
		switch {
		case lo >= 0:
			return above
		case hi <= 0:
			return below
		}
	}
	switch s.signIs(k.arg, s.signs(piece{assumed: assumed})) {
	case positive, positive | zero:
		return above
	case negative, negative | zero:
		return below
	}
	return on
}

func nameOf(n *ir.Value) string {
	if n.Op != nil {
		return n.Op.Name
	}
	return n.Name
}

// kinkOf tells whether n changes its formula, and where.
func (s *splitter) kinkOf(n *ir.Value, depends map[*ir.Value]bool) (kink, bool) {
	switch n.Op.Name {
	case "abs", "sign":
		return kink{n, n.Args[0], false}, true
	case "copysign":
		if depends[n.Args[1]] {
			return kink{n, n.Args[1], false}, true
		}
		return kink{n, n.Args[0], false}, true
	case "max", "min", "lt", "le", "gt", "ge", "eq", "ne":
		return kink{n, s.sub(n.Args[0], n.Args[1]), false}, true
	case "sqrt", "log", "log2", "cbrt":
		return kink{n, n.Args[0], n.Op.Name != "cbrt"}, true
	case "log1p":
		return kink{n, s.add(n.Args[0], s.Number(1)), true}, true
	case "pow":
		if !depends[n.Args[0]] {
			return kink{}, false
		}
		if e := n.Args[1]; e.Kind == ir.Number && e.Num == math.Floor(e.Num) && (e.Num < 0 || e.Num > 16) {
			fail("write it as a product of smaller powers, or as a quotient", "the whole power %s has values below 0 too, and its sign there is not followed", s.text(n))
		}
		return kink{n, n.Args[0], true}, true
	case "isfinite":
		fail("write the formula of what is inside out, without prox or mirror", "the penalty holds isfinite, which stands there or comes from a prox or mirror inside it that has no single formula; nothing more is derived from such a one")
	case "floor", "ceil", "round", "mod":
		fail("", "%s has steps without end, of which none can be singled out", n.Op.Name)
	}
	return kink{}, false
}

// rangeOf are the bounds of a linear function of u with known coefficients, by the bounds of u that such assumptions are.
func (s *splitter) rangeOf(e *ir.Value, assumed []assumption) (lo, hi float64, ok bool) {
	b, a, ok := s.linear(e)
	if !ok {
		return 0, 0, false
	}
	lo, hi = math.Inf(-1), math.Inf(1)
	for _, as := range assumed {
		if d, c, isLinear := s.linear(as.arg); isLinear {
			if at := -d / c; (c > 0) == (as.side == above) {
				lo = max(lo, at)
			} else {
				hi = min(hi, at)
			}
		}
	}
	lo, hi = b+a*lo, b+a*hi
	return min(lo, hi), max(lo, hi), true
}

// linear is e = b + a*u with numbers.
func (s *splitter) linear(e *ir.Value) (b, a float64, ok bool) {
	q, isRatio := s.rational(e, map[*ir.Value]ratio{s.u: s.variable()}, false)
	if !isRatio || len(q.den) != 1 || q.num.degree() != 1 {
		return 0, 0, false
	}
	b, okB := number(q.num[0])
	a, okA := number(q.num[1])
	return b, a, okA && okB && a != 0
}

// force is p with a kink decided.
func (s *splitter) force(p *ir.Value, k kink, at side) *ir.Value {
	r := &ir.Rewriter{To: s.Pool, Make: s.copy}
	if k.node == nil {
		return p
	}
	r.Replace(s.u, s.u) // what it stands for stays as it is
	if by := s.decided(k, at); by != nil {
		r.Replace(k.node, by)
	}
	return r.Value(p)
}

// decided is what a kink's operation is on a side; nil when it stays.
func (s *splitter) decided(k kink, at side) *ir.Value {
	n := k.node
	truth := func(lt, eq, gt bool) *ir.Value { return s.Bool([]bool{lt, eq, gt}[at+1]) }
	pick := func(lt, gt *ir.Value) *ir.Value {
		if at == below {
			return lt
		}
		return gt
	}
	switch n.Op.Name {
	case "abs":
		switch at {
		case on:
			return s.Number(0)
		case below:
			return s.neg(n.Args[0])
		}
		return n.Args[0]
	case "sign":
		return s.Number(float64(at))
	case "copysign":
		if k.arg == n.Args[0] { // the magnitude changes its formula
			return s.mul(s.Call("copysign", s.Number(1), n.Args[1]), pick(s.neg(n.Args[0]), n.Args[0]))
		}
		return s.mul(s.Number(float64(pick(s.Number(-1), s.Number(1)).Num)), s.Call("abs", n.Args[0]))
	case "max":
		return pick(n.Args[1], n.Args[0])
	case "min":
		return pick(n.Args[0], n.Args[1])
	case "lt":
		return truth(true, false, false)
	case "le":
		return truth(true, true, false)
	case "gt":
		return truth(false, false, true)
	case "ge":
		return truth(false, true, true)
	case "eq":
		return truth(false, true, false)
	case "ne":
		return truth(true, false, true)
	}
	return nil
}

// put puts by in the place of the variable, over the reals.
func (s *splitter) put(v, variable, by *ir.Value) *ir.Value {
	r := &ir.Rewriter{To: s.Pool, Make: func(n *ir.Value, args []*ir.Value) *ir.Value {
		if n.Kind == ir.Var && n.Index == variable.Index {
			return by
		}
		return s.copy(n, args)
	}}
	r.Replace(variable, by)
	return r.Value(v)
}

// copy rebuilds n, with branches of known conditions taken.
func (s *splitter) copy(n *ir.Value, args []*ir.Value) *ir.Value {
	if n.Kind != ir.Apply {
		return s.Copy(n, args)
	}
	switch n.Op.Name {
	case "lt", "le", "gt", "ge":
		if v, known := s.compare(n.Op.Name, args[0], args[1]); known {
			return s.Bool(v)
		}
	case "where":
		if args[0].Kind == ir.Number {
			if args[0].Num != 0 {
				return args[1]
			}
			return args[2]
		}
	case "and", "or":
		dominant := map[string]float64{"and": 0, "or": 1}[n.Op.Name]
		for i, a := range args {
			if a.Kind == ir.Number && a.Num == dominant {
				return a
			} else if a.Kind == ir.Number {
				return args[1-i]
			}
		}
	case "add":
		return s.add(args[0], args[1])
	case "sub":
		return s.sub(args[0], args[1])
	case "mul":
		return s.mul(args[0], args[1])
	case "div":
		return s.div(args[0], args[1])
	case "neg":
		return s.neg(args[0])
	}
	return s.Copy(n, args)
}

// compare decides a comparison by the sign of the difference.
func (s *splitter) compare(name string, a, b *ir.Value) (holds, known bool) {
	difference := s.signIs(s.sub(a, b), nil)
	yes := map[string]sign{"lt": negative, "le": negative | zero, "gt": positive, "ge": positive | zero}[name]
	switch {
	case difference&^yes == 0:
		return true, true
	case difference&yes == 0:
		return false, true
	}
	return false, false
}

// roots are the zeros of a smooth function of u.
func (s *splitter) roots(e *ir.Value) []*ir.Value {
	q, ok := s.rational(e, map[*ir.Value]ratio{s.u: s.variable()}, false)
	if ok {
		switch q.num.degree() {
		case -1, 0:
			return nil
		case 1:
			return []*ir.Value{s.neg(s.div(q.num[0], q.num[1]))}
		case 2:
			return s.quadratic(q.num)
		}
	}
	if root := s.invert(e, s.Number(0)); root != nil {
		return []*ir.Value{root}
	}
	fail("compare u itself, or a polynomial of it up to the second degree", "it is not known where a piece of the function ends: where %s is zero", s.p.Text(e, map[*ir.Value]string{s.u: "u"}))
	return nil
}

// variable is u as a quotient of polynomials in itself.
func (r real) variable() ratio {
	return ratio{poly{r.Number(0), r.Number(1)}, poly{r.Number(1)}}
}

// holds is the mask of the values of u in the interior of a piece.
func (s *splitter) holds(assumed []assumption, at *ir.Value) *ir.Value {
	var all *ir.Value
	seen := map[*ir.Value]bool{}
	for _, a := range assumed {
		name := map[side]string{below: "lt", above: "gt"}[a.side]
		arg := s.put(a.arg, s.u, at)
		if s.always(arg, name) {
			continue
		}
		one := s.Call(name, arg, s.Number(0))
		if a.arg.Kind == ir.Apply && a.arg.Op.Name == "sub" { // a < b rather than a - b < 0
			one = s.Call(name, s.put(a.arg.Args[0], s.u, at), s.put(a.arg.Args[1], s.u, at))
		}
		if seen[one] {
			continue
		}
		if seen[one] = true; all == nil {
			all = one
		} else {
			all = s.Call("and", all, one)
		}
	}
	if all == nil {
		return s.Bool(true)
	}
	return all
}

// always reports whether a comparison of arg with zero always holds.
func (d *deriver) always(arg *ir.Value, name string) bool {
	s := d.signIs(arg, nil)
	return name == "gt" && s == positive || name == "lt" && s == negative
}

// expand says v, a function of u, in operators without an expansion, apart from reductions; the root of a square is an absolute value.
func (d *deriver) expand(v, u *ir.Value) *ir.Value {
	r := &ir.Rewriter{To: d.pool, Make: func(n *ir.Value, args []*ir.Value) *ir.Value {
		if n.Kind == ir.Apply && n.Op.Expand != "" && n.Op.Name != "mod" {
			return d.pool.Expand(n.Op.Expand, ir.Tensor, nil, args...)
		}
		if n.Kind == ir.Apply && n.Op.Name == "hypot" {
			squares := d.pool.Call("add", d.pool.Call("mul", args[0], args[0]), d.pool.Call("mul", args[1], args[1]))
			return d.pool.Call("sqrt", squares)
		}
		if n.Kind == ir.Apply && n.Op.Name == "sqrt" && args[0].Kind == ir.Apply && args[0].Op.Name == "mul" && args[0].Args[0] == args[0].Args[1] {
			return d.pool.Call("abs", args[0].Args[0])
		}
		if v := d.ofExponentials(n, args); v != nil {
			return v
		}
		return d.pool.Copy(n, args)
	}}
	r.Replace(u, u) // what it stands for stays as it is
	return r.Value(v)
}

// ofExponentials is an operation on exponentials as one that does not overflow: log(1 + exp(a)) = softplus(a),
// log(exp(a) + exp(b)) = b + softplus(a - b), 1/(1 + exp(a)) = sigmoid(-a) and exp(a)/(1 + exp(a)) = sigmoid(a). nil for
// any other.
func (d *deriver) ofExponentials(n *ir.Value, args []*ir.Value) *ir.Value {
	if n.Kind != ir.Apply || n.Op.Name != "log" && n.Op.Name != "log1p" && n.Op.Name != "div" {
		return nil
	}
	r := real{d.pool}
	if n.Op.Name == "log1p" {
		if a := exponent(args[0]); a != nil {
			return d.pool.Call("softplus", a)
		}
		return nil
	}
	sum := args[len(args)-1]
	if sum.Kind != ir.Apply || sum.Op.Name != "add" {
		return nil
	}
	a, b := exponent(sum.Args[0]), exponent(sum.Args[1])
	switch {
	case a == nil && is(sum.Args[0], 1):
		a, b = b, nil
	case b == nil && !is(sum.Args[1], 1):
		return nil
	}
	switch {
	case a == nil:
		return nil
	case n.Op.Name == "log" && b != nil:
		return r.add(b, d.pool.Call("softplus", r.sub(a, b)))
	case n.Op.Name == "log":
		return d.pool.Call("softplus", a)
	case b != nil:
		return nil
	case is(args[0], 1):
		return d.pool.Call("sigmoid", r.neg(a))
	case args[0] == sum.Args[0] || args[0] == sum.Args[1]:
		return d.pool.Call("sigmoid", a)
	}
	return nil
}

// exponent is the a of exp(a); nil for what is none.
func exponent(v *ir.Value) *ir.Value {
	if v.Kind == ir.Apply && v.Op.Name == "exp" {
		return v.Args[0]
	}
	return nil
}

// parity tells whether v, a function of u, is even or odd in it.
func (d *deriver) parity(v, u *ir.Value) (even, odd bool) {
	type parity struct{ even, odd bool }
	of := map[*ir.Value]parity{u: {odd: true}}
	for _, n := range ir.Above(func(n *ir.Value) bool { return n == u }, v) {
		if n == u {
			continue
		}
		allEven, allOdd := true, len(n.Args) > 0
		for _, a := range n.Args {
			p := of[a]
			allEven = allEven && p.even
			allOdd = allOdd && p.odd
		}
		p := parity{even: allEven}
		if n.Kind == ir.Spread || n.Kind == ir.Var {
			p = of[n.Args[0]]
		}
		if n.Kind == ir.Apply {
			at := func(i int) parity { return of[n.Args[i]] }
			switch n.Op.Name {
			case "add", "sub", "neg":
				p.odd = allOdd
			case "mul", "div":
				a, b := at(0), at(1)
				p = parity{a.even && b.even || a.odd && b.odd, a.odd && b.even || a.even && b.odd}
			case "abs", "cosh", "cos":
				p.even = at(0).even || at(0).odd
			case "sign", "sin", "tan", "atan", "sinh", "tanh", "cbrt", "erf":
				p.odd = at(0).odd
			case "where":
				p = parity{allEven, at(0).even && at(1).odd && at(2).odd}
			case "eq", "ne":
				other := is(n.Args[0], 0) || is(n.Args[1], 0)
				p.even = p.even || other && (at(0).odd || at(0).even) && (at(1).odd || at(1).even)
			}
		}
		of[n] = p
	}
	return of[v].even, of[v].odd
}
