package derive

import "github.com/optc-lang/optc/compiler/ir"

// sign is what is known of a value, over the reals: which of negative, zero and positive it can be.
type sign uint8

const (
	negative sign = 1 << iota
	zero
	positive
	unknown = negative | zero | positive
)

func signOf(x float64) sign {
	switch {
	case x < 0:
		return negative
	case x > 0:
		return positive
	case x == 0:
		return zero
	}
	return unknown
}

func (s sign) flip() sign { return s&zero | s&negative<<2 | s&positive>>2 }

func (s sign) times(o sign) sign {
	out := sign(0)
	for _, a := range []sign{negative, zero, positive} {
		for _, b := range []sign{negative, zero, positive} {
			if s&a == 0 || o&b == 0 {
				continue
			}
			switch {
			case a == zero || b == zero:
				out |= zero
			case a == b:
				out |= positive
			default:
				out |= negative
			}
		}
	}
	return out
}

func (s sign) plus(o sign) sign {
	switch {
	case (s|o)&negative == 0 && (s|o)&positive == 0:
		return zero
	case (s|o)&negative == 0:
		if s&zero == 0 || o&zero == 0 {
			return positive
		}
		return s | o
	case (s|o)&positive == 0:
		if s&zero == 0 || o&zero == 0 {
			return negative
		}
		return s | o
	}
	return unknown
}

// signIs tells the sign of v from the intervals of hyperparameters and from what is known of some of its values.
func (d *deriver) signIs(v *ir.Value, known map[*ir.Value]sign) sign {
	of := map[*ir.Value]sign{}
	isKnown := func(n *ir.Value) bool { _, ok := known[n]; return ok }
	order := ir.Above(isKnown, v)
	d.visit(len(order))
	for _, n := range order {
		if s, ok := known[n]; ok {
			of[n] = s
			continue
		}
		of[n] = d.signOf(n, func(a *ir.Value) sign {
			if s, ok := of[a]; ok {
				return s
			}
			return unknown // it stands below a value whose sign is known
		})
	}
	return of[v]
}

// signOf is the sign of n by those of what it is computed from.
func (d *deriver) signOf(n *ir.Value, of func(*ir.Value) sign) sign {
	at := func(i int) sign { return of(n.Args[i]) }
	switch n.Kind {
	case ir.Number:
		return signOf(n.Num)
	case ir.Hyper:
		h := d.p.Hypers[n.Index]
		s := unknown
		if h.Lo >= 0 {
			s &^= negative
		}
		if h.Hi <= 0 {
			s &^= positive
		}
		if h.Lo > 0 || h.Hi < 0 || h.Lo == 0 && h.OpenLo || h.Hi == 0 && h.OpenHi {
			s &^= zero
		}
		return s
	case ir.Input:
		switch n.Name {
		case "t", "rows", "cols":
			return positive
		case "rank":
			return positive | zero
		}
	case ir.Size:
		return positive
	case ir.Spread:
		return at(0)
	case ir.Var:
		if d.current == nil || n.Index != d.current.Index { // else it stands for any value
			return at(0)
		}
	case ir.Apply:
		return d.applySign(n, at, of)
	}
	return unknown
}

func (d *deriver) applySign(n *ir.Value, at func(i int) sign, of func(*ir.Value) sign) sign {
	switch n.Op.Name {
	case "add":
		return at(0).plus(at(1))
	case "sub":
		if is(n.Args[0], 1) && belowOne(n.Args[1]) {
			return positive
		}
		if s := d.apart(n.Args[0], n.Args[1]); s != unknown {
			return s
		}
		if s := d.apart(n.Args[1], n.Args[0]); s != unknown {
			return s.flip()
		}
		if x, k, ok := multiple(n.Args[0], n.Args[1]); ok { // x - k*x = x*(1 - k)
			return at(x).times(d.lessThanOne(k, x == 1))
		}
		if _, last := number(n.Args[1]); last { // 1 + h - 1 is h
			if short := (real{d.pool}).sub(n.Args[0], n.Args[1]); short != n {
				return d.signIs(short, nil) & at(0).plus(at(1).flip())
			}
		}
		return at(0).plus(at(1).flip())
	case "neg":
		return at(0).flip()
	case "mul":
		out := positive
		for _, f := range d.factors(n) {
			s := of(f.of)
			if f.times%2 == 0 {
				s = s.times(s) &^ negative
			}
			out = out.times(s)
		}
		return out
	case "div":
		return at(0).times(at(1) &^ zero)
	case "exp", "cosh", "sigmoid", "softplus":
		return positive
	case "log", "log2":
		if a := n.Args[0]; a.Kind == ir.Apply && a.Op.Name == "add" { // of 1 + a
			if rest, one := (real{d.pool}).parts(a); one == 1 || is(a.Args[0], 1) {
				if rest == a {
					rest = a.Args[1]
				}
				return of(rest)
			}
		}
	case "abs", "hypot", "sqrt", "real":
		if s := at(0); s&zero == 0 && n.Op.Name != "real" {
			return positive
		}
		return positive | zero
	case "pow":
		if at(0)&negative == 0 {
			if at(0) == positive {
				return positive
			}
			return positive | zero
		}
	case "tanh", "cbrt", "atan", "expm1", "sinh", "erf", "sign", "log1p":
		return at(0)
	case "where":
		return at(1) | at(2)
	case "max":
		if at(0)&negative == 0 || at(1)&negative == 0 {
			if at(0) == positive || at(1) == positive {
				return positive
			}
			return positive | zero
		}
		return at(0) | at(1)
	case "min":
		return at(0) | at(1)
	}
	return unknown
}

// multiple tells which of a and b is a factor of the other, and the other factor.
func multiple(a, b *ir.Value) (of int, k *ir.Value, ok bool) {
	for i, pair := range [2][2]*ir.Value{{a, b}, {b, a}} {
		if m := pair[1]; m.Kind == ir.Apply && m.Op.Name == "mul" {
			for j, factor := range m.Args {
				if factor == pair[0] {
					return i, m.Args[1-j], true
				}
			}
		}
	}
	return 0, nil, false
}

// lessThanOne is the sign of 1 - k, or turned round of k - 1.
func (d *deriver) lessThanOne(k *ir.Value, turned bool) sign {
	s := d.signIs(d.pool.Call("sub", d.pool.Number(1), k), nil)
	if turned {
		return s.flip()
	}
	return s
}

// belowOne reports whether v is less than 1 by what it is.
func belowOne(v *ir.Value) bool {
	if v.Kind != ir.Apply {
		return false
	}
	switch v.Op.Name {
	case "sigmoid", "tanh", "erf":
		return true
	case "mul":
		return v.Args[0] == v.Args[1] && v.Args[0].Kind == ir.Apply && belowOne(v.Args[0])
	}
	return false
}

// apart is the sign of h - x for a hyperparameter h and a number x, by the interval of h.
func (d *deriver) apart(h, x *ir.Value) sign {
	decl, isHyper := d.hyper(h)
	n, isNumber := number(x)
	switch {
	case !isHyper || !isNumber:
		return unknown
	case decl.Lo > n || decl.Lo == n && decl.OpenLo:
		return positive
	case decl.Lo == n:
		return positive | zero
	case decl.Hi < n || decl.Hi == n && decl.OpenHi:
		return negative
	case decl.Hi == n:
		return negative | zero
	}
	return unknown
}

// hyper is the hyperparameter that v is.
func (d *deriver) hyper(v *ir.Value) (ir.HyperDecl, bool) {
	for v.Kind == ir.Spread || v.Kind == ir.Var {
		v = v.Args[0]
	}
	if v.Kind != ir.Hyper {
		return ir.HyperDecl{}, false
	}
	return d.p.Hypers[v.Index], true
}
