package property

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Value is a hyperparameter at its default.
type Value struct {
	Name      string
	Default   float64
	InFormula bool // the closed form of a bound holds for its other values, too
}

func (b Bound) found() bool { return !math.IsInf(min(b.Element, b.Norm, b.Trust), 1) }

// within reports whether b is no weaker than another bound.
func (b Bound) within(o Bound) bool {
	at := func(x, most float64) bool { return math.IsInf(most, 1) || x <= most*(1+1e-9) }
	return at(b.Element, o.Element) && at(b.Norm, o.Norm) && at(b.Trust, o.Trust) && (o.Zeros || !b.Zeros)
}

func (a *asker) atDefaults() []span {
	var out []span
	for _, h := range a.p.Hypers {
		out = append(out, span{h.Default, h.Default})
	}
	return out
}

// otherRates are the factors of lr for which a bound that is proportional to lr is found again.
var otherRates = []float64{1e-4, 0.1, 7, 1000}

// conditioned finds which hyperparameters a bound is for. One that may be anywhere in its interval without a weaker bound is
// free, together with those found before; all others are taken at their defaults, or named by a closed form.
func (a *asker) conditioned(out Bound) Bound {
	if a.perLR && !a.proportional(out, a.atDefaults()) {
		a.perLR = false
		out = a.boundAt(out.But, a.atDefaults())
	}
	free := a.atDefaults()
	var bound []int
	for i, h := range a.p.Hypers {
		v := a.p.Pool.Hyper(i)
		if i == a.lr && a.perLR || !slices.Contains(a.order, v) || slices.ContainsFunc(out.But, func(l Leaf) bool { return l.value == v }) {
			continue
		}
		try := slices.Clone(free)
		try[i] = span{h.Lo, h.Hi}
		if a.boundAt(out.But, try).within(out) && a.proportional(out, try) {
			free = try
			continue
		}
		bound = append(bound, i)
		if a.isFloor(i, out) {
			out.Element = math.Inf(1)
		}
	}
	if !out.found() {
		return out
	}
	var named []int
	if !math.IsInf(out.Element, 1) {
		out.Formula, out.Where, named = a.formula(out, free, bound)
	}
	for _, i := range bound {
		h := a.p.Hypers[i]
		out.At = append(out.At, Value{h.Name, h.Default, slices.Contains(named, i)})
	}
	return out
}

// isFloor reports whether the bound of an element is inversely proportional to a hyperparameter: it is what an eps is divided
// into, which no step comes near.
func (a *asker) isFloor(i int, b Bound) bool {
	h, at := a.p.Hypers[i], a.atDefaults()
	for _, part := range []float64{2, 8} {
		small := h.Default / part
		if small == 0 || !h.Admits(small) {
			return false
		}
		at[i] = span{small, small}
		if element := a.boundAt(b.But, at).Element; !(math.Abs(element/(part*b.Element)-1) < 0.01) {
			return false
		}
	}
	return true
}

// proportional reports whether a bound that is times lr is kept for other values of lr.
func (a *asker) proportional(b Bound, hypers []span) bool {
	if !a.perLR {
		return true
	}
	h, at := a.p.Hypers[a.lr], slices.Clone(hypers)
	for _, factor := range otherRates {
		if lr := h.Default * factor; h.Admits(lr) {
			at[a.lr] = span{lr, lr}
			if !a.boundAt(b.But, at).within(b) {
				return false
			}
		}
	}
	return true
}

// closed is a closed form that a bound may have.
type closed struct {
	text, where string
	hypers      []int
	value       func(h []float64) float64
}

// closedForms are those of some hyperparameters. Of those that switch something off at their default 0 there is none.
func (a *asker) closedForms(bound []int) []closed {
	all := []closed{{"1", "", nil, func([]float64) float64 { return 1 }}}
	named := slices.DeleteFunc(slices.Clone(bound), func(i int) bool { return i == a.lr || a.p.Hypers[i].Default == 0 })
	for _, i := range named {
		n := a.p.Hypers[i].Name
		one := []int{i}
		all = append(all,
			closed{n, "", one, func(h []float64) float64 { return h[i] }},
			closed{"1/(1 - " + n + ")", "", one, func(h []float64) float64 { return 1 / (1 - h[i]) }},
			closed{"1/sqrt(1 - " + n + ")", "", one, func(h []float64) float64 { return 1 / math.Sqrt(1-h[i]) }})
		for _, j := range named {
			if j == i {
				continue
			}
			m, two := a.p.Hypers[j].Name, []int{i, j}
			all = append(all,
				closed{"(1 - " + n + ")/sqrt((1 - " + m + ")*(1 - " + n + "^2/" + m + "))", n + "^2 < " + m, two, func(h []float64) float64 {
					return (1 - h[i]) / math.Sqrt((1-h[j])*(1-h[i]*h[i]/h[j]))
				}},
				closed{"(1 - " + n + ")/(1 - " + n + "/" + m + ")", n + " < " + m, two, func(h []float64) float64 { return (1 - h[i]) / (1 - h[i]/h[j]) }},
				closed{"1/(sqrt(1 - " + m + ")*(1 - " + n + "))", "", two, func(h []float64) float64 { return 1 / (math.Sqrt(1-h[j]) * (1 - h[i])) }})
		}
	}
	return all
}

// formula names a bound as what it is near the defaults of the hyperparameters that it is of, if it is no more than that
// anywhere else that is tried.
func (a *asker) formula(b Bound, free []span, bound []int) (text, where string, of []int) {
	all := a.closedForms(bound)
	for k, shift := range []float64{1, 0.97, 0.93, 0.88} {
		s, spans := a.shifted(shift, free, bound)
		at := b.Element
		if k > 0 {
			at = a.boundAt(b.But, spans).Element
		}
		all = slices.DeleteFunc(all, func(c closed) bool { return !(math.Abs(c.value(s)/at-1) < 1e-5) })
		if len(all) == 0 {
			return "", "", nil
		}
	}
	for _, c := range all {
		if a.holds(c, b, free) {
			return c.text, c.where, c.hypers
		}
	}
	return "", "", nil
}

// shifted are the defaults, those of some hyperparameters moved by about a factor.
func (a *asker) shifted(shift float64, free []span, bound []int) ([]float64, []span) {
	var s []float64
	spans := slices.Clone(free)
	for i, h := range a.p.Hypers {
		s = append(s, h.Default)
		if v := s[i] * (1 - (1-shift)*(1+0.3*float64(i%3))); i != a.lr && slices.Contains(bound, i) && h.Admits(v) {
			s[i] = v
			spans[i] = span{v, v}
		}
	}
	return s, spans
}

// holds reports whether a closed form bounds the step for random values of its hyperparameters, all others as b has them.
func (a *asker) holds(c closed, b Bound, free []span) bool {
	r := rand.New(rand.NewPCG(13, 13))
	for range 10 {
		s, spans := make([]float64, len(free)), slices.Clone(free)
		for _, i := range c.hypers {
			s[i] = randomIn(r, a.p.Hypers[i])
			spans[i] = span{s[i], s[i]}
		}
		most := c.value(s)
		if math.IsNaN(most) || math.IsInf(most, 0) || most < 0 {
			continue
		}
		if !(a.boundAt(b.But, spans).Element <= most*(1+1e-5)) {
			return false
		}
	}
	return true
}
