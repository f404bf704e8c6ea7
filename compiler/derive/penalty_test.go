package derive_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// quantity is a number of a penalty: its text, and what it is now.
type quantity struct {
	text string
	at   func() float64
}

// parameter is a hyperparameter of a penalty, with an interval.
type parameter struct {
	name          string
	value         float64
	lo, hi        float64
	openLo, endHi bool // the interval is open below; it is closed above
}

func (p *parameter) interval() string {
	left, right := "[", ")"
	if p.openLo {
		left = "("
	}
	if p.endHi {
		right = "]"
	}
	return left + bound(p.lo) + ", " + bound(p.hi) + right
}

func bound(x float64) string {
	switch {
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// redraw gives the parameter another value of its interval: near to the one it has, or that of another, so that knots meet.
func (p *parameter) redraw(r *rand.Rand, all []*parameter) {
	value := single(p.value * math.Exp(0.4*r.NormFloat64()))
	if r.IntN(3) == 0 {
		value = all[r.IntN(len(all))].value
	}
	if p.lo < value && value < p.hi {
		p.value = value
	}
}

// penalty is a random function of u: its text in the language, and the function itself.
type penalty struct {
	text   string
	params []*parameter
	at     func(u float64) float64
	knots  []func() float64
	even   bool
	convex func() bool
}

// single is x rounded to float32, so that the penalty is the same function in both precisions.
func single(x float64) float64 { return float64(float32(x)) }

// part is a term of a penalty.
type part struct {
	text   string
	at     func(u float64) float64
	knots  []func() float64
	convex func() bool // the term is, with the parameters as they are
	bowed  bool        // it bends down nowhere between its knots
}

// author writes penalties.
type author struct {
	r      *rand.Rand
	params []*parameter
}

// quantity draws a positive number, or one of either sign.
func (a *author) quantity(positive bool) quantity {
	value := single(math.Exp(0.7 * a.r.NormFloat64()))
	if !positive && a.r.IntN(2) == 0 {
		value = -value
	}
	return a.named(value, positive)
}

// named writes a number as a literal or as a hyperparameter.
func (a *author) named(value float64, positive bool) quantity {
	if a.r.IntN(5) > 1 || len(a.params) == 3 {
		text := strconv.FormatFloat(value, 'g', -1, 64)
		if value < 0 {
			text = "(" + text + ")"
		}
		return quantity{text, func() float64 { return value }}
	}
	p := &parameter{name: fmt.Sprintf("p%d", len(a.params)), value: value, lo: math.Inf(-1), hi: math.Inf(1), openLo: true}
	switch a.r.IntN(3) {
	case 0:
		p.lo, p.hi, p.openLo, p.endHi = single(value-0.2*math.Abs(value)), single(value+0.2*math.Abs(value)), false, true
	case 1:
		if value > 0 {
			p.lo = 0
		} else {
			p.hi = 0
		}
	}
	if positive && p.lo < 0 {
		p.lo = 0
	}
	a.params = append(a.params, p)
	return quantity{p.name, func() float64 { return p.value }}
}

// below is a positive number less than q.
func (a *author) below(q quantity) quantity {
	c := []float64{0.25, 0.5, 0.75}[a.r.IntN(3)]
	return quantity{fmt.Sprintf("%g*%s", c, q.text), func() float64 { return c * q.at() }}
}

// inner is what a term is about: u, its distance from somewhere, or with even its absolute value.
type inner struct {
	text  string
	at    func(u float64) float64
	back  func(w float64) []float64 // the u that give w
	bends bool                      // it is an absolute value
}

func (a *author) inner(even bool) inner {
	zero := quantity{"0", func() float64 { return 0 }}
	c, text := zero, "u"
	if !even && a.r.IntN(3) == 0 {
		c = a.quantity(false)
		text = "(u - " + c.text + ")"
	}
	if even || a.r.IntN(3) == 0 {
		return inner{"abs(" + text + ")", func(u float64) float64 { return math.Abs(u - c.at()) },
			func(w float64) []float64 { return []float64{c.at() - w, c.at() + w, c.at()} }, true}
	}
	return inner{text, func(u float64) float64 { return u - c.at() }, func(w float64) []float64 { return []float64{c.at() + w, c.at()} }, false}
}

// exact is a value of the inner part that some u gives without rounding, as an equality needs.
func (in inner) exact(k quantity) quantity {
	if strings.Contains(in.text, "-") {
		return quantity{"0", func() float64 { return 0 }}
	}
	return k
}

func (in inner) knots(values ...quantity) (out []func() float64) {
	values = append(values, quantity{"0", func() float64 { return 0 }})
	for _, v := range values {
		for i := range in.back(0) {
			out = append(out, func() float64 { return in.back(v.at())[i] })
		}
	}
	return out
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// term draws a piecewise affine or quadratic term that is lower semicontinuous and bounded below by an affine function.
func (a *author) term(even bool) part {
	w := a.inner(even)
	k := a.quantity(true)
	if !w.bends && a.r.IntN(2) == 0 {
		k = a.quantity(false)
	}
	if a.r.IntN(12) == 0 {
		k = quantity{"0", func() float64 { return 0 }}
	}
	any, pos := a.quantity(false), func() quantity { return a.quantity(true) }
	c := any
	up := func() bool { return c.at() >= 0 }
	form := func(format string, args ...any_) string { return fmt.Sprintf(format, args...) }
	switch a.r.IntN(14) {
	case 0:
		return part{form("%s*%s", c.text, w.text), func(u float64) float64 { return c.at() * w.at(u) }, w.knots(), func() bool { return !w.bends || up() }, true}
	case 1:
		return part{form("%s*max(%s - %s, 0)", c.text, w.text, k.text), func(u float64) float64 { return c.at() * max(w.at(u)-k.at(), 0) }, w.knots(k), func() bool { return up() && (!w.bends || k.at() >= 0) }, true}
	case 2:
		return part{form("%s*min(%s, %s)", c.text, w.text, k.text), func(u float64) float64 { return c.at() * min(w.at(u), k.at()) }, w.knots(k), func() bool { return !w.bends && !up() }, true}
	case 3:
		c = pos()
		return part{form("%s*max(%s - %s, 0)^2", c.text, w.text, k.text), func(u float64) float64 { d := max(w.at(u)-k.at(), 0); return c.at() * d * d }, w.knots(k), func() bool { return !w.bends || k.at() >= 0 }, true}
	case 4:
		c = pos()
		return part{form("0.5*%s*%s^2", c.text, w.text), func(u float64) float64 { return 0.5 * c.at() * w.at(u) * w.at(u) }, w.knots(), always, true}
	case 5:
		k = pos()
		return part{form("%s*where(abs(%s) <= %s, 0.5*%s^2, %s*(abs(%s) - 0.5*%s))", c.text, w.text, k.text, w.text, k.text, w.text, k.text), func(u float64) float64 {
			if v := math.Abs(w.at(u)); v > k.at() {
				return c.at() * k.at() * (v - 0.5*k.at())
			}
			return c.at() * 0.5 * w.at(u) * w.at(u)
		}, append(w.knots(k), w.knots(quantity{"", func() float64 { return -k.at() }})...), up, up()}
	case 6:
		k = pos()
		return part{form("%s*clamp(%s, -%s, %s)^2", c.text, w.text, k.text, k.text), func(u float64) float64 {
			v := max(min(w.at(u), k.at()), -k.at())
			return c.at() * v * v
		}, append(w.knots(k), w.knots(quantity{"", func() float64 { return -k.at() }})...), never, up()}
	case 7:
		b, s := a.quantity(false), a.quantity(false)
		cross := quantity{"", func() float64 { return (s.at() - b.at()) / (c.at() - 1) }}
		return part{form("max(%s*%s + %s, %s + %s)", c.text, w.text, b.text, w.text, s.text), func(u float64) float64 {
			return max(c.at()*w.at(u)+b.at(), w.at(u)+s.at())
		}, w.knots(cross), func() bool { return !w.bends || up() }, true}
	case 8:
		c = pos()
		rel := []string{">", "<", "!="}[a.r.IntN(3)]
		if rel == "!=" {
			k = w.exact(k)
		}
		return part{form("%s*(%s %s %s)", c.text, w.text, rel, k.text), func(u float64) float64 {
			v := w.at(u)
			return c.at() * truth(rel == ">" && v > k.at() || rel == "<" && v < k.at() || rel == "!=" && v != k.at())
		}, w.knots(k), never, true}
	case 9:
		c = pos()
		rel := []string{">=", "<=", "=="}[a.r.IntN(3)]
		if rel == "==" {
			k = w.exact(k)
		}
		return part{form("-%s*(%s %s %s)", c.text, w.text, rel, k.text), func(u float64) float64 {
			v := w.at(u)
			return -c.at() * truth(rel == ">=" && v >= k.at() || rel == "<=" && v <= k.at() || rel == "==" && v == k.at())
		}, w.knots(k), never, true}
	case 10: // a chain of three pieces, with or without jumps
		k = pos()
		low, s, q, jump := a.below(k), a.quantity(false), a.quantity(false), quantity{"0", func() float64 { return 0 }}
		if a.r.IntN(2) == 0 {
			jump = pos()
		}
		text := form("where(%[1]s <= %[2]s, %[3]s*%[1]s, where(%[1]s <= %[4]s, %[3]s*%[2]s + %[5]s*(%[1]s - %[2]s) + %[6]s*(%[1]s - %[2]s)^2, %[3]s*%[2]s + %[5]s*(%[4]s - %[2]s) + %[6]s*(%[4]s - %[2]s)^2 + %[7]s))",
			w.text, low.text, c.text, k.text, s.text, q.text, jump.text)
		return part{text, func(u float64) float64 {
			v := w.at(u)
			middle := func(v float64) float64 { d := v - low.at(); return c.at()*low.at() + s.at()*d + q.at()*d*d }
			switch {
			case v <= low.at():
				return c.at() * v
			case v <= k.at():
				return middle(v)
			}
			return middle(k.at()) + jump.at()
		}, w.knots(low, k), never, q.at() >= 0}
	case 11: // flat after it has bent down
		c, k = pos(), pos()
		return part{form("where(abs(%[1]s) <= %[2]s*%[3]s, %[3]s*abs(%[1]s) - %[1]s^2/(2*%[2]s), 0.5*%[2]s*%[3]s^2)", w.text, k.text, c.text), func(u float64) float64 {
			if v := math.Abs(w.at(u)); v <= k.at()*c.at() {
				return c.at()*v - v*v/(2*k.at())
			}
			return 0.5 * k.at() * c.at() * c.at()
		}, append(w.knots(quantity{"", func() float64 { return k.at() * c.at() }}), w.knots(quantity{"", func() float64 { return -k.at() * c.at() }})...), never, false}
	case 12:
		c, k = pos(), pos()
		root := quantity{"", func() float64 { return math.Sqrt(k.at()) }}
		minus := quantity{"", func() float64 { return -math.Sqrt(k.at()) }}
		if a.r.IntN(2) == 0 {
			return part{form("%s*abs(%s^2 - %s)", c.text, w.text, k.text), func(u float64) float64 { return c.at() * math.Abs(w.at(u)*w.at(u)-k.at()) }, w.knots(root, minus), never, false}
		}
		return part{form("%s*min(%s^2, %s)", c.text, w.text, k.text), func(u float64) float64 { return c.at() * min(w.at(u)*w.at(u), k.at()) }, w.knots(root, minus), never, true}
	}
	return part{form("%s*abs(abs(%s) - %s)", c.text, w.text, k.text), func(u float64) float64 { return c.at() * math.Abs(math.Abs(w.at(u))-k.at()) }, append(w.knots(k), w.knots(quantity{"", func() float64 { return -k.at() }})...), func() bool { return up() && k.at() <= 0 }, true}
}

type any_ = any

func always() bool { return true }
func never() bool  { return false }

// special draws a term with a logarithm, a root or a quotient, or a domain with an end.
func (a *author) special(even bool) (p part, others func(part) bool) {
	w := a.inner(true)
	if !even && a.r.IntN(2) == 0 {
		c := a.quantity(false)
		w = inner{"abs(u - " + c.text + ")", func(u float64) float64 { return math.Abs(u - c.at()) }, func(w float64) []float64 { return []float64{c.at() + w, c.at() - w} }, true}
	}
	c, e := a.quantity(false), a.quantity(true)
	everything := func(part) bool { return true }
	bowed := func(p part) bool { return p.bowed }
	form := fmt.Sprintf
	kinds := 8
	if !even {
		kinds = 11
	}
	switch a.r.IntN(kinds) {
	case 0:
		return part{form("%s*log(1 + %s/%s)", c.text, w.text, e.text), func(u float64) float64 { return c.at() * math.Log(1+w.at(u)/e.at()) }, w.knots(), never, false}, everything
	case 1:
		return part{form("%s*log(%s + %s)", c.text, w.text, e.text), func(u float64) float64 { return c.at() * math.Log(w.at(u)+e.at()) }, w.knots(), never, false}, everything
	case 2:
		return part{form("%s*log1p(%s/%s)", c.text, w.text, e.text), func(u float64) float64 { return c.at() * math.Log1p(w.at(u)/e.at()) }, w.knots(), never, false}, everything
	case 3:
		return part{form("%s*sqrt(%s)", c.text, w.text), func(u float64) float64 { return c.at() * math.Sqrt(w.at(u)) }, w.knots(), never, false}, everything
	case 4:
		return part{form("%s*sqrt(%s + %s)", c.text, w.text, e.text), func(u float64) float64 { return c.at() * math.Sqrt(w.at(u)+e.at()) }, w.knots(), never, false}, everything
	case 5:
		return part{form("%s*%s^0.5", c.text, w.text), func(u float64) float64 { return c.at() * math.Sqrt(w.at(u)) }, w.knots(), never, false}, everything
	case 6:
		c = a.quantity(true)
		return part{form("%s*sqrt(%s^2 + %s)", c.text, w.text, e.text), func(u float64) float64 { return c.at() * math.Sqrt(w.at(u)*w.at(u)+e.at()) }, w.knots(), always, true}, bowed
	case 7:
		return part{form("%s*%s/(%s + %s)", c.text, w.text, w.text, e.text), func(u float64) float64 { return c.at() * w.at(u) / (w.at(u) + e.at()) }, w.knots(), never, false},
			func(p part) bool { return true }
	case 8:
		c = a.quantity(true)
		return part{form("-%s*log(u)", c.text), func(u float64) float64 { return -c.at() * math.Log(u) }, nil, always, true}, everything
	case 9:
		c = a.quantity(true)
		return part{form("%s*(u*log(u) - u)", c.text), func(u float64) float64 { return c.at() * (u*math.Log(u) - u) }, nil, always, true}, bowed
	}
	lo := a.quantity(false)
	width := a.quantity(true)
	hi := quantity{"(" + lo.text + " + " + width.text + ")", func() float64 { return lo.at() + width.at() }}
	return part{form("where(u < %s, inf, where(u > %s, inf, 0))", lo.text, hi.text), func(u float64) float64 {
		if u < lo.at() || u > hi.at() {
			return math.Inf(1)
		}
		return 0
	}, []func() float64{lo.at, hi.at}, always, true}, everything
}

// penalty draws one.
func (a *author) penalty() penalty {
	a.params = nil
	even := a.r.IntN(3) == 0
	var parts []part
	others := func(part) bool { return true }
	if a.r.IntN(3) == 0 {
		var p part
		p, others = a.special(even)
		parts = append(parts, p)
	}
	knots := 0
	for range 1 + a.r.IntN(3) {
		keep := a.params
		p := a.term(even)
		if knots += len(p.knots); knots > 8 || !others(p) {
			a.params = keep
			continue
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return a.penalty()
	}
	p := penalty{params: a.params, even: even}
	var texts []string
	for _, q := range parts {
		texts = append(texts, q.text)
		p.knots = append(p.knots, q.knots...)
	}
	p.convex = func() bool { return !slices.ContainsFunc(parts, func(q part) bool { return !q.convex() }) }
	p.text = strings.Join(texts, " + ")
	p.at = func(u float64) float64 {
		sum := 0.0
		for _, q := range parts {
			sum += q.at(u)
		}
		return sum
	}
	return p
}
