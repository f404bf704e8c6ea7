package property

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// poly is a polynomial with rational coefficients in named quantities, by monomials: the names in order, each as often as
// it is a factor.
type poly map[string]*big.Rat

// maxTerms bounds a polynomial.
const maxTerms = 200

func constant(x *big.Rat) poly {
	if x.Sign() == 0 {
		return poly{}
	}
	return poly{"": x}
}

func variable(name string) poly { return poly{name: big.NewRat(1, 1)} }

func (p poly) plus(q poly, sign int64) poly {
	out := poly{}
	for k, c := range p {
		out[k] = c
	}
	for k, c := range q {
		s := new(big.Rat).Mul(c, big.NewRat(sign, 1))
		if old := out[k]; old != nil {
			s.Add(s, old)
		}
		if out[k] = s; s.Sign() == 0 {
			delete(out, k)
		}
	}
	return out
}

func (p poly) times(q poly) poly {
	out := poly{}
	if len(p)*len(q) > maxTerms*maxTerms {
		return nil
	}
	for k, a := range p {
		for l, b := range q {
			key := monomial(append(factors(k), factors(l)...))
			c := new(big.Rat).Mul(a, b)
			if old := out[key]; old != nil {
				c.Add(c, old)
			}
			if out[key] = c; c.Sign() == 0 {
				delete(out, key)
			}
		}
	}
	return out
}

func factors(k string) []string { return strings.Fields(k) }

func monomial(names []string) string {
	slices.Sort(names)
	return strings.Join(names, " ")
}

// split is p = rest + name*by, if name is no more than a simple factor.
func (p poly) split(name string) (rest, by poly, ok bool) {
	rest, by = poly{}, poly{}
	for k, c := range p {
		fs := factors(k)
		switch n := count(fs, name); n {
		case 0:
			rest[k] = c
		case 1:
			by[monomial(slices.DeleteFunc(fs, func(s string) bool { return s == name }))] = c
		default:
			return nil, nil, false
		}
	}
	return rest, by, true
}

func count(fs []string, name string) int {
	n := 0
	for _, f := range fs {
		if f == name {
			n++
		}
	}
	return n
}

// at is the value of p; nil names are an error of the caller.
func (p poly) at(values map[string]float64) float64 {
	sum := 0.0
	for _, k := range p.keys() {
		c, _ := p[k].Float64()
		for _, f := range factors(k) {
			c *= values[f]
		}
		sum += c
	}
	return sum
}

func (p poly) keys() []string {
	var keys []string
	for k := range p {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := len(factors(a)) - len(factors(b)); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return keys
}

// polyOf is v as a polynomial in what leaf names; ok is false if it is none.
func polyOf(v *ir.Value, leaf func(*ir.Value) (string, bool)) (poly, bool) {
	done := map[*ir.Value]poly{}
	for _, n := range ir.Reachable(v) {
		if name, ok := leaf(n); ok {
			done[n] = variable(name)
			continue
		}
		at := func(i int) poly { return done[n.Args[i]] }
		for _, a := range n.Args {
			if done[a] == nil {
				return nil, false
			}
		}
		switch {
		case n.Kind == ir.Number && !n.Mask:
			x, ok := new(big.Rat).SetString(ir.FormatNumber(n.Num)) // the number as it is written
			if !ok {
				return nil, false
			}
			done[n] = constant(x)
		case n.Kind == ir.Spread || n.Kind == ir.Var:
			done[n] = at(0)
		case n.Kind == ir.Apply:
			q, ok := applyPoly(n.Op.Name, n.Args, at)
			if !ok {
				return nil, false
			}
			done[n] = q
		default:
			return nil, false
		}
		if len(done[n]) > maxTerms {
			return nil, false
		}
	}
	return done[v], done[v] != nil
}

func applyPoly(name string, args []*ir.Value, at func(int) poly) (poly, bool) {
	switch name {
	case "add":
		return at(0).plus(at(1), 1), true
	case "sub":
		return at(0).plus(at(1), -1), true
	case "neg":
		return poly{}.plus(at(0), -1), true
	case "mul":
		q := at(0).times(at(1))
		return q, q != nil
	case "div":
		if c := at(1)[""]; len(at(1)) == 1 && c != nil {
			return at(0).times(constant(new(big.Rat).Inv(c))), true
		}
	}
	return nil, false
}

// text is p as a product of what it can be taken apart into: common factors, 1 - a and 1 + a.
func (p poly) text() (text string, factors int) {
	fs := p.factored()
	var parts []string
	for _, f := range fs {
		s := f.sum()
		if len(f) > 1 {
			s = "(" + s + ")"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "*"), len(fs)
}

// factored takes p apart; a number comes first.
func (p poly) factored() []poly {
	if len(p) == 0 {
		return []poly{p}
	}
	keys := p.keys()
	content := new(big.Rat).Abs(p[keys[0]])
	common := factors(keys[0])
	for _, k := range keys {
		content = gcd(content, p[k])
		common = slices.DeleteFunc(common, func(s string) bool { return count(factors(k), s) == 0 })
	}
	if p[keys[0]].Sign() < 0 {
		content.Neg(content)
	}
	common = slices.Compact(common)
	rest := poly{}
	for k, c := range p {
		fs := factors(k)
		for _, name := range common {
			i := slices.Index(fs, name)
			fs = slices.Delete(fs, i, i+1)
		}
		rest[monomial(fs)] = new(big.Rat).Quo(c, content)
	}
	var out []poly
	if content.Cmp(big.NewRat(1, 1)) != 0 {
		out = append(out, constant(content))
	}
	for _, name := range common {
		out = append(out, variable(name))
	}
	for _, name := range rest.names() {
		for _, sign := range []int64{1, -1} {
			if q, ok := rest.divide(name, sign); ok && len(rest) > 2 {
				out = append(out, constant(big.NewRat(1, 1)).plus(variable(name), -sign))
				rest = q
			}
		}
	}
	if len(rest) > 1 || len(out) == 0 || rest[""] == nil {
		out = append(out, rest)
	}
	return out
}

func (p poly) names() []string {
	var out []string
	for k := range p {
		out = append(out, factors(k)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// divide is the q with p = (1 - sign*name)*q.
func (p poly) divide(name string, sign int64) (poly, bool) {
	var by []poly // coefficients of the powers of name
	for k, c := range p {
		fs := factors(k)
		n := count(fs, name)
		for len(by) <= n {
			by = append(by, poly{})
		}
		by[n][monomial(slices.DeleteFunc(fs, func(s string) bool { return s == name }))] = c
	}
	out, carry := poly{}, poly{}
	power := poly{"": big.NewRat(1, 1)}
	for n, c := range by {
		carry = c.plus(carry, sign) // q_n = p_n + sign*q_(n-1)
		if n == len(by)-1 {
			break
		}
		out = out.plus(carry.times(power), 1)
		power = power.times(variable(name))
	}
	return out, len(carry) == 0
}

func gcd(a, b *big.Rat) *big.Rat {
	if b.Sign() == 0 {
		return new(big.Rat).Abs(a)
	}
	num := new(big.Int).GCD(nil, nil, new(big.Int).Abs(new(big.Int).Mul(a.Num(), b.Denom())), new(big.Int).Abs(new(big.Int).Mul(b.Num(), a.Denom())))
	return new(big.Rat).SetFrac(num, new(big.Int).Mul(a.Denom(), b.Denom()))
}

// sum is p as a sum of products.
func (p poly) sum() string {
	if len(p) == 0 {
		return "0"
	}
	var b strings.Builder
	for i, k := range p.keys() {
		c := p[k]
		switch {
		case i > 0 && c.Sign() < 0:
			b.WriteString(" - ")
		case i > 0:
			b.WriteString(" + ")
		case c.Sign() < 0:
			b.WriteString("-")
		}
		abs := new(big.Rat).Abs(c)
		fs := strings.Join(factors(k), "*")
		switch one := abs.Cmp(big.NewRat(1, 1)) == 0; {
		case k == "":
			b.WriteString(ratText(abs))
		case one:
			b.WriteString(fs)
		default:
			b.WriteString(ratText(abs) + "*" + fs)
		}
	}
	return b.String()
}

func ratText(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	if f, exact := new(big.Rat).Set(r).Float64(); exact {
		return ir.FormatNumber(f)
	}
	f, _ := r.Float64()
	if q, ok := new(big.Rat).SetString(ir.FormatNumber(f)); ok && q.Cmp(r) == 0 {
		return ir.FormatNumber(f)
	}
	return fmt.Sprintf("%s/%s", r.Num(), r.Denom())
}
