package property

import (
	"math"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// Bound is the largest step for any gradients whatever. It holds for all values of the hyperparameters but of those in At.
type Bound struct {
	Element float64 // of each element, over lr if the rule has one; +Inf: none is proved
	Norm    float64 // of each tensor's norm
	Trust   float64 // of each tensor's norm over the norm of its x
	PerLR   bool    // Element and Norm are multiplied by lr
	Formula string  // of Element, if one is found
	Where   string  // the condition that Formula is for
	But     []Leaf  // decays that are left out
	Zeros   bool    // but where a norm is zero
	At      []Value // hyperparameters that are taken at their defaults
}

// A quantity is bounded by a number times a power of another one, which may be unknown: |v| <= C*|base|^p. So a quotient of
// two that are bounded by the same one is bounded by a number.
type key struct {
	base *ir.Value // nil: 1
	p    float64
}

type limits map[key]float64

// span is a step value that is made of hyperparameters, constants and t alone.
type span struct{ lo, hi float64 }

// facts is what is known of a value in a step.
type facts struct {
	num  *span
	sign bool   // it is never negative
	up   limits // of |v|
	low  limits // of v, which is then never negative
	norm limits // of the root of the sum of squares over the tensor, at most
}

// bounder runs a rule on bounds in place of numbers, step by step and then for all later steps at once.
type bounder struct {
	p      *ir.Program
	order  []*ir.Value
	zero   map[*ir.Value]bool
	hypers []span
	t      span
	zeros  bool               // a norm is taken not to be zero
	keep   map[*ir.Value]bool // values that others are compared with
	of     map[*ir.Value]*facts
	back   map[*ir.Value]limits // of parts of what is kept
	states []facts
	sums   map[*ir.Value][]*ir.Value // by u: the sums over the tensor of u*u
}

// firstSteps are run one by one.
const firstSteps = 160

// lastBlock ends the blocks of steps for which the step is bounded at once; one endless block follows.
const lastBlock = 1e6

// bound finds the bounds of the step; decays are left out if they stand against one.
func (a *asker) bound(decays []Decay, lr Scaling) Bound {
	a.perLR = lr.Proved && same(lr.Degree, 1)
	out := a.boundAt(nil, a.atDefaults())
	if math.IsInf(out.Element, 1) || math.IsInf(out.Norm, 1) && len(decays) > 0 {
		var but []Leaf
		for _, d := range decays {
			but = append(but, d.leaf)
		}
		if b := a.boundAt(but, a.atDefaults()); b.Element < out.Element || b.Norm < out.Norm || b.Trust < out.Trust {
			out, b.But = b, but
			out.But = but
		}
	}
	if !out.found() {
		return out
	}
	return a.conditioned(out)
}

// maxBounded is the largest rule that bounds are looked for.
const maxBounded = 400

// boundAt is the bound for hyperparameters that are each in an interval; lr is a number if the bound is times lr.
func (a *asker) boundAt(but []Leaf, hypers []span) Bound {
	out := Bound{Element: math.Inf(1), Norm: math.Inf(1), Trust: math.Inf(1), But: but, PerLR: a.perLR}
	if len(a.order) > maxBounded {
		return out
	}
	b := &bounder{p: a.p, order: a.order, zero: map[*ir.Value]bool{}, hypers: hypers, states: make([]facts, len(a.p.States))}
	for _, l := range but {
		b.zero[l.value] = true
	}
	for i, s := range a.p.States {
		b.states[i] = facts{num: &span{s.Init, s.Init}, sign: s.Init >= 0, up: limits{key{}: math.Abs(s.Init)}, norm: limits{}}
		if s.Init == 0 {
			b.states[i].norm[key{}] = 0
		}
	}
	b.prepare()
	most := facts{up: limits{key{}: 0}, norm: limits{key{}: 0}}
	xs := b.xNorms()
	if len(xs) > 0 {
		most.norm[key{xs[0], 0.5}] = 0
	}
	for t := 1; t <= firstSteps; t++ {
		b.t = span{float64(t), float64(t)}
		b.step()
		if most = worst(most, b.moved(a.p.X)); len(most.up)+len(most.norm) == 0 {
			return out
		}
		b.carry()
	}
	b.t = span{firstSteps + 1, math.Inf(1)}
	b.settle()
	for lo := b.t.lo; ; {
		hi := math.Ceil(lo * 1.25)
		if hi > lastBlock {
			hi = math.Inf(1)
		}
		b.t = span{lo, hi}
		b.step()
		if most = worst(most, b.moved(a.p.X)); math.IsInf(hi, 1) || len(most.up)+len(most.norm) == 0 {
			break
		}
		lo = hi
	}
	unit := 1.0
	if a.perLR {
		unit = b.hypers[a.lr].lo
	}
	if c, ok := most.up[key{}]; ok {
		out.Element = c / unit
	}
	if c, ok := most.norm[key{}]; ok {
		out.Norm = c / unit
	}
	out.Zeros = b.zeros
	for _, x := range xs {
		if c, ok := most.norm[key{x, 0.5}]; ok {
			out.Trust = c / unit
		}
	}
	return out
}

// worst is what holds in both of two steps.
func worst(a, b facts) facts { return facts{up: both(a.up, b.up), norm: both(a.norm, b.norm)} }

func both(a, b limits) limits {
	out := limits{}
	for k, c := range a {
		if d, ok := b[k]; ok {
			out[k] = max(c, d)
		}
	}
	return out
}

// either is what holds if both of two bounds do.
func either(a, b limits) limits {
	out := limits{}
	for _, m := range []limits{a, b} {
		for k, c := range m {
			if d, ok := out[k]; !ok || c < d {
				out[k] = c
			}
		}
	}
	return out
}

// prepare finds what stands below fractions: quantities that others are worth comparing with.
func (b *bounder) prepare() {
	b.keep, b.sums = map[*ir.Value]bool{}, map[*ir.Value][]*ir.Value{}
	var walk func(v *ir.Value)
	walk = func(v *ir.Value) {
		if b.keep[v] || v.Mask || len(b.keep) > 100 {
			return
		}
		switch v.Kind {
		case ir.Number, ir.Hyper:
			return
		}
		b.keep[v] = true
		if v.Kind == ir.Load {
			walk(b.p.States[v.Index].New)
		}
		for _, n := range v.Args {
			walk(n)
		}
	}
	for _, v := range b.order {
		if v.Kind == ir.Apply {
			switch v.Op.Name {
			case "div":
				walk(v.Args[1])
			case "rsqrt", "pow":
				walk(v.Args[0])
			}
		}
		if v.Kind == ir.Reduce && v.Op.Name == "sum" && v.Extent <= ir.Tensor {
			if u := square(v.Args[0]); u != nil {
				b.sums[u] = append(b.sums[u], v)
				walk(v)
			}
		}
	}
}

func square(v *ir.Value) *ir.Value {
	if v.Kind == ir.Apply && v.Op.Name == "mul" && v.Args[0] == v.Args[1] {
		return v.Args[0]
	}
	return nil
}

func (b *bounder) xNorms() []*ir.Value {
	var out []*ir.Value
	for _, s := range b.sums[b.p.Pool.Input("x")] {
		if s.Extent == ir.Tensor {
			out = append(out, s)
		}
	}
	return out
}

// step finds the facts of all values in the step or steps t, given those of the states.
func (b *bounder) step() {
	b.of, b.back = map[*ir.Value]*facts{}, map[*ir.Value]limits{}
	for _, v := range b.order {
		f := &facts{num: b.number(v)}
		f.sign = f.num != nil && f.num.lo >= 0
		b.of[v] = f
		if f.num == nil {
			f.sign = b.never(v)
		}
	}
	for _, v := range slices.Backward(b.order) {
		if b.keep[v] && b.of[v].num == nil && b.of[v].sign {
			b.parts(v, key{v, 1})
		}
	}
	for _, v := range b.order {
		b.find(v)
	}
}

// number is v as an interval, if it is of hyperparameters, constants and t.
func (b *bounder) number(v *ir.Value) *span {
	if b.zero[v] {
		return &span{}
	}
	switch v.Kind {
	case ir.Number:
		return &span{v.Num, v.Num}
	case ir.Hyper:
		h := b.hypers[v.Index]
		return &h
	case ir.Input:
		if v.Name == "t" {
			return &span{b.t.lo, b.t.hi}
		}
		return nil
	case ir.Load:
		return b.states[v.Index].num
	case ir.Spread, ir.Var:
		return b.of[v.Args[0]].num
	case ir.Apply:
		var args []span
		for _, a := range v.Args {
			n := b.of[a].num
			if n == nil {
				return b.partly(v)
			}
			args = append(args, *n)
		}
		return intervals(v, args)
	}
	return nil
}

// partly is a product with zero, or a choice that is made.
func (b *bounder) partly(v *ir.Value) *span {
	switch v.Op.Name {
	case "mul":
		for _, a := range v.Args {
			if n := b.of[a].num; n != nil && n.lo == 0 && n.hi == 0 {
				return n
			}
		}
	case "where":
		if u := b.taken(v); u != nil {
			return b.of[u].num
		}
	}
	return nil
}

// taken is the branch of a choice that is decided.
func (b *bounder) taken(v *ir.Value) *ir.Value {
	if v.Kind != ir.Apply || v.Op.Name != "where" {
		return nil
	}
	switch m := b.of[v.Args[0]].num; {
	case m == nil || m.lo != m.hi:
		return nil
	case m.lo != 0:
		return v.Args[1]
	}
	return v.Args[2]
}

// monotone are the operators whose extremes over a box are at its corners: in each argument they rise or fall.
var monotone = []string{"add", "sub", "mul", "neg", "sqrt", "rsqrt", "cbrt", "exp", "expm1", "log", "log1p", "log2", "min", "max", "clamp",
	"sign", "floor", "ceil", "round", "real", "and", "or", "not", "tanh", "sigmoid", "atan", "softplus"}

// intervals is an operator on intervals; nil if it is not known.
func intervals(v *ir.Value, args []span) *span {
	point := true
	for _, a := range args {
		point = point && a.lo == a.hi
	}
	name := v.Op.Name
	switch {
	case point:
		nums := make([]float64, len(args))
		for i, a := range args {
			nums[i] = a.lo
		}
		n := v.Op.Eval(nums)
		if math.IsNaN(n) {
			return nil
		}
		return &span{n, n}
	case v.Mask && v.Op.MaskArgs == 0 && len(args) == 2:
		return compared(name, args[0], args[1])
	case name == "where" && args[0].lo == args[0].hi:
		if args[0].lo != 0 {
			return &args[1]
		}
		return &args[2]
	case name == "where":
		return &span{min(args[1].lo, args[2].lo), max(args[1].hi, args[2].hi)}
	case name == "div" && args[1].lo > 0, name == "pow" && args[0].lo >= 0, slices.Contains(monotone, name):
		return corners(v, args)
	}
	return nil
}

func compared(name string, a, b span) *span {
	yes, no := &span{1, 1}, &span{0, 0}
	switch name {
	case "lt":
		if a.hi < b.lo {
			return yes
		} else if a.lo >= b.hi {
			return no
		}
	case "le":
		if a.hi <= b.lo {
			return yes
		} else if a.lo > b.hi {
			return no
		}
	case "gt":
		return compared("lt", b, a)
	case "ge":
		return compared("le", b, a)
	case "eq", "ne":
		if a.hi < b.lo || b.hi < a.lo {
			if name == "eq" {
				return no
			}
			return yes
		}
	}
	return &span{0, 1}
}

func corners(v *ir.Value, args []span) *span {
	out := span{math.Inf(1), math.Inf(-1)}
	nums := make([]float64, len(args))
	for mask := range 1 << len(args) {
		for i, a := range args {
			nums[i] = a.lo
			if mask>>i&1 != 0 {
				nums[i] = a.hi
			}
		}
		n := v.Op.Eval(nums)
		if math.IsNaN(n) {
			return nil
		}
		out.lo, out.hi = min(out.lo, n), max(out.hi, n)
	}
	return &out
}

// never reports whether v is never negative.
func (b *bounder) never(v *ir.Value) bool {
	at := func(i int) bool { return b.of[v.Args[i]].sign }
	switch v.Kind {
	case ir.Input:
		return v.Name != "x" && v.Name != "g" && v.Name != "loss"
	case ir.Size:
		return true
	case ir.Load:
		return b.states[v.Index].sign
	case ir.Spread, ir.Var, ir.Reduce:
		return at(0)
	case ir.Apply:
		if u := b.taken(v); u != nil {
			return b.of[u].sign
		}
		switch v.Op.Name {
		case "abs", "sqrt", "exp", "cosh", "sigmoid", "softplus", "hypot", "real", "rsqrt":
			return true
		case "mul":
			return v.Args[0] == v.Args[1] || at(0) && at(1)
		case "add", "div", "min":
			return at(0) && at(1)
		case "pow":
			return at(0)
		case "max":
			return at(0) || at(1)
		case "where":
			return at(1) && at(2)
		}
	}
	return false
}

// parts carries |v| <= base^p*C down to what v is made of.
func (b *bounder) parts(v *ir.Value, base key) {
	type item struct {
		v *ir.Value
		p float64
		c float64
	}
	todo := []item{{v, 1, 1}}
	for len(todo) > 0 {
		it := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		n, f := it.v, b.of[it.v]
		if f.num != nil {
			continue
		}
		if n != v {
			if b.back[n] == nil {
				b.back[n] = limits{}
			}
			k := key{base.base, it.p}
			if old, ok := b.back[n][k]; ok && old <= it.c {
				continue
			}
			b.back[n][k] = it.c
		}
		down := func(u *ir.Value, p, c float64) { todo = append(todo, item{u, p, c}) }
		if u := b.taken(n); u != nil {
			down(u, it.p, it.c)
			continue
		}
		switch {
		case n.Kind == ir.Spread, n.Kind == ir.Reduce && n.Op.Name == "sum" && b.of[n.Args[0]].sign, n.Kind == ir.Reduce && n.Op.Name == "reduce_max" && b.of[n.Args[0]].sign:
			down(n.Args[0], it.p, it.c)
		case n.Kind != ir.Apply:
		case n.Op.Name == "abs":
			down(n.Args[0], it.p, it.c)
		case n.Op.Name == "sqrt":
			down(n.Args[0], 2*it.p, it.c*it.c)
		case (n.Op.Name == "add" || n.Op.Name == "max") && (b.of[n.Args[0]].sign && b.of[n.Args[1]].sign):
			down(n.Args[0], it.p, it.c)
			down(n.Args[1], it.p, it.c)
		case n.Op.Name == "mul" && n.Args[0] == n.Args[1]:
			down(n.Args[0], it.p/2, math.Sqrt(it.c))
		case n.Op.Name == "mul":
			for i, k := range n.Args {
				if s := b.of[k].num; s != nil && s.lo > 0 {
					down(n.Args[1-i], it.p, it.c/s.lo)
				}
			}
		case n.Op.Name == "div":
			if s := b.of[n.Args[1]].num; s != nil && s.lo > 0 && !math.IsInf(s.hi, 1) {
				down(n.Args[0], it.p, it.c*s.hi)
			}
		}
	}
}
