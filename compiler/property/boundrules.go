package property

import (
	"math"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// find derives the bounds of v from those of its operands.
func (b *bounder) find(v *ir.Value) {
	f := b.of[v]
	if f.num != nil {
		f.up = limits{key{}: max(math.Abs(f.num.lo), math.Abs(f.num.hi))}
		f.low = limits{}
		if f.num.lo > 0 {
			f.low[key{}] = f.num.lo
		}
		return
	}
	f.up, f.low, f.norm = b.rule(v)
	f.up = finite(either(f.up, b.back[v]))
	if v.Kind == ir.Load {
		f.up = either(f.up, b.through(f.up))
	}
	if b.keep[v] {
		f.up[key{v, 1}] = 1
		if f.sign {
			if f.low == nil {
				f.low = limits{}
			}
			f.low[key{v, 1}] = 1
		}
	}
	if !f.sign {
		f.low = nil
	}
	if v.Extent == ir.Elem {
		norm := limits{}
		for _, s := range b.sums[v] {
			norm[key{s, 0.5}] = 1
		}
		f.norm = finite(either(f.norm, norm))
	}
}

// through compares with what the quantities that v is compared with are parts of.
func (b *bounder) through(up limits) limits {
	out := limits{}
	for k, c := range up {
		for l, d := range b.back[k.base] {
			n, both := key{l.base, l.p * k.p}, c*math.Pow(d, k.p)
			if old, ok := out[n]; k.p > 0 && (!ok || both < old) {
				out[n] = both
			}
		}
	}
	return out
}

func finite(m limits) limits {
	for k, c := range m {
		if math.IsInf(c, 1) || math.IsNaN(c) {
			delete(m, k)
		}
	}
	return m
}

func (b *bounder) rule(v *ir.Value) (up, low, norm limits) {
	u := b.taken(v)
	if u == nil && v.Kind == ir.Apply && v.Op.Name == "where" && positive(v.Args[0]) {
		u, b.zeros = v.Args[1], true
	}
	if u != nil {
		f := b.of[u]
		return f.up, f.low, f.norm
	}
	switch v.Kind {
	case ir.Load:
		s := b.states[v.Index]
		return s.up, nil, s.norm
	case ir.Spread, ir.Var:
		f := b.of[v.Args[0]]
		return f.up, f.low, f.norm
	case ir.Reduce:
		if v.Op.Name != "sum" {
			return b.of[v.Args[0]].up, b.of[v.Args[0]].low, nil
		}
	case ir.Draw:
		switch v.Name {
		case "uniform", "rademacher":
			return limits{key{}: 1}, nil, nil
		}
	case ir.Array:
		if v.Op.Name == "polar" {
			return limits{key{}: 1}, nil, nil
		}
	case ir.Apply:
		return b.apply(v)
	}
	return nil, nil, nil
}

func (b *bounder) apply(v *ir.Value) (up, low, norm limits) {
	at := func(i int) *facts { return b.of[v.Args[i]] }
	switch v.Op.Name {
	case "add", "sub":
		up = either(total(at(0).up, at(1).up), b.cauchy(v))
		norm = total(at(0).norm, at(1).norm)
		if v.Op.Name == "add" && at(0).sign && at(1).sign {
			low = largest(largest(at(0).low, at(1).low), total(at(0).low, at(1).low))
		}
		return up, low, norm
	case "mul":
		if split := b.guarded(v); split != nil {
			return split.up, nil, split.norm
		}
		return times(at(0).up, at(1).up), times(at(0).low, at(1).low), either(b.scaled(at(1).norm, v.Args[0]), b.scaled(at(0).norm, v.Args[1]))
	case "div":
		inverse := inverted(at(1).low)
		return times(at(0).up, inverse), times(at(0).low, inverted(at(1).up)), b.over(at(0).norm, v.Args[1], inverse)
	case "neg", "abs":
		norm, up = at(0).norm, at(0).up
		if v.Op.Name == "abs" {
			low = limits{}
			if b.keep[v.Args[0]] {
				low[key{v.Args[0], 1}] = 1
			}
		}
		return up, low, norm
	case "sqrt":
		return powers(at(0).up, 0.5), powers(at(0).low, 0.5), nil
	case "rsqrt":
		return powers(inverted(at(0).low), 0.5), powers(inverted(at(0).up), 0.5), nil
	case "pow":
		if n := v.Args[1]; n.Kind == ir.Number && at(0).sign {
			if n.Num >= 0 {
				return powers(at(0).up, n.Num), powers(at(0).low, n.Num), nil
			}
			return powers(inverted(at(0).low), -n.Num), powers(inverted(at(0).up), -n.Num), nil
		}
	case "sign", "tanh", "erf", "sin", "cos", "real", "sigmoid":
		return limits{key{}: 1}, nil, nil
	case "atan":
		return limits{key{}: math.Pi / 2}, nil, nil
	case "max":
		return both(at(0).up, at(1).up), largest(at(0).low, at(1).low), nil
	case "min":
		if u, lo, hi := b.clamped(v); u != nil {
			return b.clamp(u, lo, hi)
		}
		if at(0).sign && at(1).sign {
			return either(at(0).up, at(1).up), both2(at(0).low, at(1).low), nil
		}
		return both(at(0).up, at(1).up), nil, nil
	case "clamp":
		return b.clamp(at(0), at(1), at(2))
	case "where":
		return both(at(1).up, at(2).up), both2(at(1).low, at(2).low), both(at(1).norm, at(2).norm)
	case "copysign":
		return at(0).up, nil, at(0).norm
	}
	return nil, nil, nil
}

// clamped are the operands of min(max(u, lo), hi), if v is that.
func (b *bounder) clamped(v *ir.Value) (u, lo, hi *facts) {
	for i, m := range v.Args {
		if m.Kind != ir.Apply || m.Op.Name != "max" || b.of[v.Args[1-i]].num == nil {
			continue
		}
		for k, n := range m.Args {
			if b.of[n].num != nil {
				return b.of[m.Args[1-k]], b.of[n], b.of[v.Args[1-i]]
			}
		}
	}
	return nil, nil, nil
}

// clamp is between lo and hi, and no farther from 0 than its argument if 0 is between.
func (b *bounder) clamp(u, lo, hi *facts) (up, low, norm limits) {
	ends := both(lo.up, hi.up)
	if negative(lo) && hi.sign {
		return either(ends, u.up), nil, u.norm
	}
	if lo.sign && hi.sign {
		return either(hi.up, total(u.up, lo.up)), lo.low, nil
	}
	return ends, nil, nil
}

func negative(f *facts) bool { return f.num != nil && f.num.hi <= 0 }

// total adds bounds of the same kind.
func total(a, b limits) limits {
	out := limits{}
	for k, c := range a {
		if d, ok := b[k]; ok {
			out[k] = c + d
		}
	}
	if c, ok := a[key{}]; ok && c == 0 {
		return either(out, b)
	}
	if c, ok := b[key{}]; ok && c == 0 {
		return either(out, a)
	}
	return out
}

// largest is the best of lower bounds of which each holds.
func largest(a, b limits) limits {
	out := limits{}
	for _, m := range []limits{a, b} {
		for k, c := range m {
			out[k] = max(out[k], c)
		}
	}
	return out
}

// both2 is what two lower bounds have in common.
func both2(a, b limits) limits {
	out := limits{}
	for k, c := range a {
		if d, ok := b[k]; ok {
			out[k] = min(c, d)
		}
	}
	return out
}

func times(a, b limits) limits {
	out := limits{}
	for k, c := range a {
		for l, d := range b {
			var n key
			switch {
			case k.base == nil:
				n = l
			case l.base == nil:
				n = k
			case k.base == l.base:
				if n = (key{k.base, k.p + l.p}); math.Abs(n.p) < 1e-12 {
					n = key{}
				}
			default:
				continue
			}
			if old, ok := out[n]; !ok || c*d < old {
				out[n] = c * d
			}
		}
	}
	return out
}

// inverted are bounds of 1/v from above by those of v from below, and the other way round.
func inverted(m limits) limits {
	out := limits{}
	for k, c := range m {
		if c > 0 {
			out[key{k.base, -k.p}] = 1 / c
		}
	}
	return out
}

func powers(m limits, n float64) limits {
	out := limits{}
	for k, c := range m {
		k.p *= n
		if k.p == 0 {
			k.base = nil
		}
		out[k] = math.Pow(c, n)
	}
	return out
}

// over is the norm of a tensor divided by a number, one a tensor or coarser.
func (b *bounder) over(norm limits, by *ir.Value, inverse limits) limits {
	if b.of[by].num == nil && spreadOf(by).Extent > ir.Tensor {
		return nil
	}
	return times(norm, inverse)
}

// scaled is the norm of a tensor times a number. The number is taken apart: what is divided by comes first, as it may be
// the norm itself.
func (b *bounder) scaled(norm limits, factor *ir.Value) limits {
	if len(norm) == 0 || b.of[factor].num == nil && spreadOf(factor).Extent > ir.Tensor {
		return nil
	}
	var above, below []*ir.Value
	b.factors(factor, &above, &below)
	for _, u := range below {
		norm = times(norm, inverted(b.of[u].low))
	}
	for _, u := range above {
		norm = times(norm, b.of[u].up)
	}
	return norm
}

func (b *bounder) factors(v *ir.Value, above, below *[]*ir.Value) {
	switch u := b.taken(v); {
	case b.of[v].num != nil:
	case u != nil:
		b.factors(u, above, below)
		return
	case v.Kind == ir.Spread:
		b.factors(v.Args[0], above, below)
		return
	case v.Kind != ir.Apply:
	case v.Op.Name == "mul":
		b.factors(v.Args[0], above, below)
		b.factors(v.Args[1], above, below)
		return
	case v.Op.Name == "div":
		b.factors(v.Args[0], above, below)
		b.factors(v.Args[1], below, above)
		return
	case v.Op.Name == "where" && positive(v.Args[0]):
		b.zeros = true
		b.factors(v.Args[1], above, below)
		return
	}
	*above = append(*above, v)
}

func spreadOf(v *ir.Value) *ir.Value {
	for v.Kind == ir.Spread {
		v = v.Args[0]
	}
	return v
}

// cauchy bounds p + q by the root of w = w1 + w2 when |p|^2 <= P^2 w1 and |q|^2 <= Q^2 w2: |p + q|^2 <= (P^2 + Q^2) w, by
// the inequality of Cauchy and Schwarz. So an average of gradients is compared with one of their squares.
func (b *bounder) cauchy(v *ir.Value) limits {
	out := limits{}
	p, q := b.of[v.Args[0]], b.of[v.Args[1]]
	for _, w := range b.order {
		if !b.keep[w] || w.Kind != ir.Apply || w.Op.Name != "add" || !b.of[w.Args[0]].sign || !b.of[w.Args[1]].sign || b.of[w].num != nil {
			continue
		}
		for i := range 2 {
			l, ok := b.beside(p, w.Args[i])
			r, also := b.beside(q, w.Args[1-i])
			if ok && also {
				k := key{w, 0.5}
				if c := math.Hypot(l, r); out[k] == 0 || c < out[k] {
					out[k] = c
				}
			}
		}
	}
	return out
}

// beside is the P with |v|^2 <= P^2*w.
func (b *bounder) beside(v *facts, w *ir.Value) (float64, bool) {
	if c, ok := v.up[key{}]; ok && c == 0 {
		return 0, true
	}
	k := 1.0
	for {
		if c, ok := v.up[key{w, 0.5}]; ok {
			return c / math.Sqrt(k), true
		}
		switch {
		case b.taken(w) != nil:
			w = b.taken(w)
		case w.Kind == ir.Spread:
			w = w.Args[0]
		case square(w) != nil:
			c, ok := v.up[key{square(w), 1}]
			return c / math.Sqrt(k), ok
		case w.Kind == ir.Apply && w.Op.Name == "mul":
			if s := b.of[w.Args[0]].num; s != nil && s.lo > 0 {
				k, w = k*s.lo, w.Args[1]
			} else if s := b.of[w.Args[1]].num; s != nil && s.lo > 0 {
				k, w = k*s.lo, w.Args[0]
			} else {
				return 0, false
			}
		default:
			return 0, false
		}
	}
}

// guarded is u*where(n <= most, a, c): in the first branch n is at most that.
func (b *bounder) guarded(v *ir.Value) *facts {
	for i, w := range v.Args {
		w = spreadOf(w)
		if w.Kind != ir.Apply || w.Op.Name != "where" || b.taken(w) != nil {
			continue
		}
		cond, u := w.Args[0], v.Args[1-i]
		if cond.Kind != ir.Apply || cond.Op.Name != "le" && cond.Op.Name != "lt" || w.Extent > ir.Tensor {
			continue
		}
		most := b.of[cond.Args[1]].num
		if most == nil {
			continue
		}
		below := b.of[cond.Args[0]].low
		f := b.of[u]
		yes, no := b.of[w.Args[1]].up, b.of[w.Args[2]].up
		return &facts{
			up:   both(under(times(f.up, yes), below, most.hi), times(f.up, no)),
			norm: both(under(times(f.norm, yes), below, most.hi), times(f.norm, no)),
		}
	}
	return nil
}

// under adds what follows from c*base^p <= most for each lower bound.
func under(m, low limits, most float64) limits {
	out := either(m, nil)
	for k, c := range m {
		for l, d := range low {
			if k.base != nil && k.base == l.base && l.p > 0 && k.p > 0 {
				n := c * math.Pow(most/d, k.p/l.p)
				if old, ok := out[key{}]; !ok || n < old {
					out[key{}] = n
				}
			}
		}
	}
	return out
}

// moved are the bounds of v - x.
func (b *bounder) moved(v *ir.Value) facts {
	if v.Kind == ir.Input && v.Name == "x" {
		return facts{up: limits{key{}: 0}, norm: limits{key{}: 0}}
	}
	if u := b.taken(v); u != nil {
		return b.moved(u)
	}
	if v.Kind != ir.Apply {
		return facts{}
	}
	switch v.Op.Name {
	case "add", "sub":
		from, by := b.moved(v.Args[0]), *b.of[v.Args[1]]
		if from.up == nil && v.Op.Name == "add" {
			from, by = b.moved(v.Args[1]), *b.of[v.Args[0]]
		}
		if by.num != nil {
			by.norm = nil
			if by.num.lo == 0 && by.num.hi == 0 {
				by.norm = limits{key{}: 0}
			}
		}
		return facts{up: total(from.up, by.up), norm: total(from.norm, by.norm)}
	case "where":
		return worst(b.moved(v.Args[1]), b.moved(v.Args[2]))
	case "div", "mul":
		if n := b.of[v.Args[1]].num; n != nil && n.lo == 1 && n.hi == 1 {
			return b.moved(v.Args[0])
		}
	}
	return facts{}
}

// carry makes the new states those that the next step finds: what was compared with a new state is compared with it.
func (b *bounder) carry() {
	b.states = b.next()
}

func (b *bounder) next() []facts {
	loads := map[*ir.Value]*ir.Value{}
	for i, s := range b.p.States {
		if loads[s.New] == nil {
			loads[s.New] = b.p.Pool.Load(i)
		}
	}
	rename := func(m limits) limits {
		out := limits{}
		for k, c := range m {
			if k.base == nil {
				out[k] = c
			} else if l := loads[k.base]; l != nil {
				out[key{l, k.p}] = c
			}
		}
		return out
	}
	out := make([]facts, len(b.p.States))
	for i, s := range b.p.States {
		if s.As.Format != "" {
			continue // what is kept is another number
		}
		f := b.of[s.New]
		out[i] = facts{num: f.num, sign: f.sign && s.Init >= 0, up: rename(f.up), norm: rename(f.norm)}
	}
	return out
}

// settleRounds bounds the search for bounds that hold on.
const settleRounds = 120

// settle finds bounds of the states that no later step leaves: those of the last step are raised, by what a geometric
// series would still add, until a step keeps them. What goes on growing is dropped. As the step is monotone in the bounds,
// lower ones between the last that were left and the first that were kept are tried, too.
func (b *bounder) settle() {
	for round := range settleRounds {
		before := copied(b.states)
		if b.kept(round) {
			return
		}
		raised := copied(b.states)
		if round > settleRounds/2 || !b.kept(round) {
			b.states = raised
			continue
		}
		b.states = b.between(before, raised)
		b.step()
		return
	}
	for i := range b.states {
		b.states[i] = facts{}
	}
	b.step()
}

// kept takes a step and raises what it does not keep.
func (b *bounder) kept(round int) bool {
	b.step()
	after := b.next()
	kept := true
	for i := range b.states {
		s := &b.states[i]
		if s.sign && !after[i].sign {
			s.sign, kept = false, false
		}
		kept = widen(&s.num, after[i].num, round) && kept
		kept = raise(s.up, after[i].up, round) && kept
		kept = raise(s.norm, after[i].norm, round) && kept
	}
	return kept
}

// widen makes an interval one that the next step keeps; what shrinks to 0 or grows is cut short.
func widen(now **span, next *span, round int) bool {
	s := *now
	switch {
	case s == nil:
		return true
	case next == nil:
		*now = nil
		return false
	case next.lo >= s.lo && next.hi <= s.hi:
		return true
	}
	out := span{min(s.lo, next.lo), max(s.hi, next.hi)}
	if next.lo < s.lo && round > 2 {
		if out.lo = math.Inf(-1); next.lo >= 0 {
			out.lo = 0
		}
	}
	if next.hi > s.hi && round > 2 {
		out.hi = math.Inf(1)
	}
	*now = &out
	return false
}

func copied(states []facts) []facts {
	out := slices.Clone(states)
	for i := range out {
		out[i].up, out[i].norm = either(out[i].up, nil), either(out[i].norm, nil)
	}
	return out
}

// between are the lowest bounds on the way from low to high that a step keeps, as high are.
func (b *bounder) between(low, high []facts) []facts {
	at := func(share float64) []facts {
		out := copied(high)
		for i := range out {
			for k, c := range out[i].up {
				out[i].up[k] = low[i].up[k] + share*(c-low[i].up[k])
			}
			for k, c := range out[i].norm {
				out[i].norm[k] = low[i].norm[k] + share*(c-low[i].norm[k])
			}
		}
		return out
	}
	lo, hi := 0.0, 1.0
	for range 24 {
		mid := (lo + hi) / 2
		b.states = at(mid)
		if b.kept(0) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return at(hi)
}

// raise lifts bounds to those of the next step; it reports whether they held.
func raise(now, next limits, round int) bool {
	kept := true
	for k, c := range now {
		n, ok := next[k]
		switch {
		case !ok || round > settleRounds/2 && n > c:
			delete(now, k)
			kept = false
		case n > c:
			// Of c -> a*c + b, a is not known: from half of 1 on ever closer to 1.
			gain := math.Exp2(float64(round % 15))
			now[k] = c + (n-c)*gain + 1e-12*c
			kept = false
		}
	}
	return kept
}
