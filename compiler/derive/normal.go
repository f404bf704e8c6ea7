package derive

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// normal is a polynomial with rational coefficients in the values that are no sums or products, by monomials: a sorted list
// of the values' numbers. Two expressions are equal over the reals if their normal forms are.
type normal map[string]*big.Rat

// maxTerms bounds a normal form, maxFactors a monomial of it.
const (
	maxTerms   = 500
	maxFactors = 32
)

// fraction is a quotient of normal forms.
type fraction struct{ num, den normal }

func constant(x *big.Rat) normal {
	if x.Sign() == 0 {
		return normal{}
	}
	return normal{"": x}
}

func one() normal { return constant(big.NewRat(1, 1)) }

func atom(v *ir.Value) fraction {
	return fraction{normal{atomKey(v): big.NewRat(1, 1)}, one()}
}

func atomKey(v *ir.Value) string { return fmt.Sprintf("%08d", v.ID) }

func (n normal) plus(o normal, sign int64) normal {
	out := normal{}
	for k, c := range n {
		out[k] = c
	}
	for k, c := range o {
		sum := new(big.Rat).Mul(c, big.NewRat(sign, 1))
		if old := out[k]; old != nil {
			sum.Add(sum, old)
		}
		if out[k] = sum; sum.Sign() == 0 {
			delete(out, k)
		}
	}
	return out
}

func (n normal) times(o normal) (normal, bool) {
	out := normal{}
	if len(n)*len(o) > maxTerms {
		return nil, false
	}
	for k, a := range n {
		for l, b := range o {
			ids := slices.DeleteFunc(append(strings.Split(k, " "), strings.Split(l, " ")...), func(s string) bool { return s == "" })
			if len(ids) > maxFactors {
				return nil, false
			}
			slices.Sort(ids)
			key := strings.Join(ids, " ")
			p := new(big.Rat).Mul(a, b)
			if old := out[key]; old != nil {
				p.Add(p, old)
			}
			if out[key] = p; p.Sign() == 0 {
				delete(out, key)
			}
		}
	}
	return out, true
}

// equal reports whether a and b are proved to be equal over the reals.
func (d *deriver) equal(a, b *ir.Value) bool {
	f, ok := d.normalForm(d.pool.Call("sub", a, b), nil)
	return ok && len(f.num) == 0
}

// normalSign is the sign of v that the signs of its monomials show, in the variable and in the values with known signs.
func (d *deriver) normalSign(v *ir.Value, known map[*ir.Value]sign) sign {
	out := unknown
	if f, ok := d.normalForm(v, nil); ok {
		out &= d.monomialSign(v, f, known)
	}
	if len(known) > 1 {
		if f, ok := d.normalForm(v, known); ok {
			out &= d.monomialSign(v, f, known)
		}
	}
	return out
}

func (d *deriver) monomialSign(v *ir.Value, f fraction, known map[*ir.Value]sign) sign {
	atoms := map[string]*ir.Value{}
	for _, n := range ir.Reachable(v) {
		atoms[atomKey(n)] = n
	}
	of := func(n normal) sign {
		total := zero
		for key, c := range n {
			term, odd := positive, map[string]bool{}
			for _, id := range strings.Fields(key) {
				odd[id] = !odd[id]
			}
			for id, isOdd := range odd {
				s := d.signIs(atoms[id], known)
				if !isOdd {
					s = s.times(s) &^ negative
				}
				term = term.times(s)
			}
			total = total.plus(term.times(signOf(float64(c.Sign()))))
		}
		return total
	}
	return of(f.num).times(of(f.den) &^ zero)
}

// normalForm is v as a fraction of polynomials; what is in atoms is not taken apart.
func (d *deriver) normalForm(v *ir.Value, atoms map[*ir.Value]sign) (fraction, bool) {
	of := map[*ir.Value]fraction{}
	order := ir.Reachable(v)
	d.visit(len(order))
	for _, n := range order {
		f, ok := d.normalOf(n, of)
		if _, whole := atoms[n]; whole {
			f, ok = atom(n), true
		}
		if !ok {
			return fraction{}, false
		}
		of[n] = f
	}
	return of[v], true
}

func (d *deriver) normalOf(n *ir.Value, of map[*ir.Value]fraction) (fraction, bool) {
	if x, ok := number(n); ok {
		r := new(big.Rat)
		if r.SetFloat64(x) == nil {
			return atom(n), true
		}
		return fraction{constant(r), one()}, true
	}
	if n.Kind == ir.Spread || n.Kind == ir.Var {
		return of[n.Args[0]], true
	}
	if n.Kind != ir.Apply {
		return atom(n), true
	}
	at := func(i int) fraction { return of[n.Args[i]] }
	switch n.Op.Name {
	case "neg":
		return fraction{normal{}.plus(at(0).num, -1), at(0).den}, true
	case "add", "sub":
		sign := int64(1)
		if n.Op.Name == "sub" {
			sign = -1
		}
		l, ok1 := at(0).num.times(at(1).den)
		r, ok2 := at(1).num.times(at(0).den)
		den, ok3 := at(0).den.times(at(1).den)
		return fraction{l.plus(r, sign), den}, ok1 && ok2 && ok3
	case "mul", "div":
		b := at(1)
		if n.Op.Name == "div" {
			b = fraction{b.den, b.num}
			if len(b.den) == 0 {
				return atom(n), true
			}
		}
		num, ok1 := at(0).num.times(b.num)
		den, ok2 := at(0).den.times(b.den)
		return fraction{num, den}, ok1 && ok2
	}
	return atom(n), true
}
