package pass

import (
	"math"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/runtime/elem"
)

// Implied is what a condition on shape and name is for every tensor for which the choices hold; known is false if they
// leave it open. It goes by what follows from constants: bounds on a quantity, and patterns that contain or exclude each
// other. What it says is certain; it need not find all that follows.
func Implied(choices []ir.Choice, cond *ir.Value) (is, known bool) {
	if _, ok := compare(cond); !ok && cond.Kind != ir.Named {
		return false, false
	}
	n := len(choices)
	can := func(is bool) bool { return possible(append(choices[:n:n], ir.Choice{Cond: cond, Is: is})) }
	yes, no := can(true), can(false)
	return yes, yes != no
}

// possible reports whether there may be a tensor for which all choices hold.
func possible(choices []ir.Choice) bool { return possibleName(choices) && possibleShape(choices) }

// possibleName reports whether a name may match the patterns that hold, and none of the others.
func possibleName(choices []ir.Choice) bool {
	for _, a := range choices {
		if a.Cond.Kind != ir.Named || !a.Is {
			continue
		}
		for _, b := range choices {
			switch {
			case b.Cond.Kind != ir.Named:
			case b.Is && disjoint(a.Cond.Name, b.Cond.Name):
				return false
			case !b.Is && elem.Match(b.Cond.Name, a.Cond.Name): // a star of b takes any run, so also a star of a
				return false
			}
		}
	}
	return true
}

// disjoint reports whether no name can match both patterns, as far as what stands before the first and after the last star
// tells.
func disjoint(a, b string) bool {
	for _, p := range [][2]string{{a, b}, {b, a}} {
		if !strings.Contains(p[0], "*") {
			return !elem.Match(p[1], p[0])
		}
	}
	startA, startB := a[:strings.Index(a, "*")], b[:strings.Index(b, "*")]
	endA, endB := a[strings.LastIndex(a, "*")+1:], b[strings.LastIndex(b, "*")+1:]
	return !strings.HasPrefix(startA, startB) && !strings.HasPrefix(startB, startA) || !strings.HasSuffix(endA, endB) && !strings.HasSuffix(endB, endA)
}

// comparison is a relation between the difference of two quantities and a constant; without a second quantity, between
// the first and the constant.
type comparison struct {
	of  [2]*ir.Value
	rel string // lt, le, gt, ge, eq or ne
	to  float64
}

// flipped are the relations that hold if the sides are exchanged, negated those that hold if the first does not.
var (
	flipped = map[string]string{"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}
	negated = map[string]string{"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}
)

// compare takes a condition apart; false if it is no comparison.
func compare(cond *ir.Value) (comparison, bool) {
	if cond.Kind != ir.Apply || len(cond.Args) != 2 || flipped[cond.Op.Name] == "" {
		return comparison{}, false
	}
	a, b, rel := bare(cond.Args[0]), bare(cond.Args[1]), cond.Op.Name
	switch {
	case a.Mask || b.Mask:
		return comparison{}, false
	case b.Kind == ir.Number:
		return comparison{of: [2]*ir.Value{a}, rel: rel, to: b.Num}, true
	case a.Kind == ir.Number:
		return comparison{of: [2]*ir.Value{b}, rel: flipped[rel], to: a.Num}, true
	case a.ID > b.ID:
		a, b, rel = b, a, flipped[rel]
	}
	return comparison{of: [2]*ir.Value{a, b}, rel: rel}, true
}

func bare(v *ir.Value) *ir.Value {
	for v.Kind == ir.Spread || v.Kind == ir.Hold {
		v = v.Args[0]
	}
	return v
}

// possibleShape reports whether a shape may fulfil all comparisons.
func possibleShape(choices []ir.Choice) bool {
	var keys [][2]*ir.Value
	said := map[[2]*ir.Value][]comparison{}
	for _, c := range choices {
		cmp, ok := compare(c.Cond)
		if !ok {
			continue
		}
		if !c.Is {
			cmp.rel = "not " + cmp.rel
		}
		if said[cmp.of] == nil {
			keys = append(keys, cmp.of)
		}
		said[cmp.of] = append(said[cmp.of], cmp)
	}
	s := newShapes()
	for _, k := range keys {
		if name := quantity(k[0]); name != "" && k[1] == nil && !s[name].fulfil(said[k]) {
			return false
		}
	}
	if !s.link() {
		return false
	}
	for _, k := range keys {
		d := s.of(k[0], 0)
		if k[1] != nil {
			d = d.minus(s.of(k[1], 0))
		}
		if !d.fulfil(said[k]) {
			return false
		}
	}
	return true
}

// quantity is rank, rows, cols or numel; "" if a value is none of them.
func quantity(v *ir.Value) string {
	switch {
	case v.Kind == ir.Size && v.Per == ir.Tensor && len(v.Args) == 1 && v.Args[0].Kind == ir.Input && v.Args[0].Extent == ir.Elem:
		return "numel"
	case v.Kind == ir.Input && (v.Name == "rank" || v.Name == "rows" || v.Name == "cols"):
		return v.Name
	}
	return ""
}

// shapes are what the quantities of a shape may be.
type shapes map[string]*domain

func newShapes() shapes {
	s := shapes{}
	for _, name := range []string{"rank", "rows", "cols", "numel"} {
		s[name] = &domain{hi: 1 << 63, whole: true, finite: true}
	}
	return s
}

// link draws the conclusions from one quantity to another; false if they contradict each other.
func (s shapes) link() bool {
	one := []comparison{{rel: "eq", to: 1}}
	if s["rank"].hi < 2 && !s["rows"].fulfil(one) || s["rank"].hi < 1 && !s["cols"].fulfil(one) {
		return false
	}
	rows, cols := s["rows"], s["cols"]
	return s["numel"].fulfil([]comparison{{rel: "ge", to: rows.lo * cols.lo}, {rel: "le", to: rows.hi * cols.hi}})
}

// maxDepth bounds the operators within each other that are looked through for bounds.
const maxDepth = 6

// of is what a value made of shapes may be. Rounding is monotonic, so the bounds hold for rounded values too.
func (s shapes) of(v *ir.Value, depth int) domain {
	v = bare(v)
	if name := quantity(v); name != "" {
		return *s[name]
	}
	if v.Kind == ir.Number && !math.IsInf(v.Num, 0) && !math.IsNaN(v.Num) {
		return domain{lo: v.Num, hi: v.Num, whole: v.Num == math.Trunc(v.Num), finite: true}
	}
	if v.Kind == ir.Apply && len(v.Args) == 2 && depth < maxDepth {
		a, b := s.of(v.Args[0], depth+1), s.of(v.Args[1], depth+1)
		switch v.Op.Name {
		case "add":
			return a.with(b, func(x, y float64) float64 { return x + y })
		case "sub":
			return a.minus(b)
		case "mul":
			return a.with(b, func(x, y float64) float64 { return x * y })
		case "min":
			return a.with(b, math.Min)
		case "max":
			return a.with(b, math.Max)
		}
	}
	return domain{lo: math.Inf(-1), hi: math.Inf(1)}
}

// domain is what a quantity may be.
type domain struct {
	lo, hi         float64
	openLo, openHi bool
	whole          bool // numbers without a fraction
	finite         bool // and no NaN
	not            []float64
}

// minus is what the difference to another quantity may be.
func (d domain) minus(e domain) domain {
	return d.with(e, func(x, y float64) float64 { return x - y })
}

// with is what an operation that is monotonic in each operand may give.
func (d domain) with(e domain, f func(x, y float64) float64) domain {
	if !d.finite || !e.finite {
		return domain{lo: math.Inf(-1), hi: math.Inf(1)}
	}
	ends := []float64{f(d.lo, e.lo), f(d.lo, e.hi), f(d.hi, e.lo), f(d.hi, e.hi)}
	out := domain{lo: ends[0], hi: ends[0], whole: d.whole && e.whole}
	for _, v := range ends {
		out.lo, out.hi = min(out.lo, v), max(out.hi, v)
	}
	out.finite = out.lo >= -math.MaxFloat64 && out.hi <= math.MaxFloat64
	return out
}

// fulfil narrows the domain to what fulfils comparisons with the quantity, and reports whether anything is left. A NaN
// fulfils none but ne.
func (d *domain) fulfil(said []comparison) bool {
	if !d.finite {
		nan := true
		for _, c := range said {
			nan = nan && (c.rel == "ne" || strings.HasPrefix(c.rel, "not ") && c.rel != "not ne")
		}
		if nan {
			return true
		}
	}
	for _, c := range said {
		rel := c.rel
		if not, ok := strings.CutPrefix(rel, "not "); ok {
			rel = negated[not]
		}
		d.narrow(rel, c.to)
	}
	return !d.empty()
}

func (d *domain) narrow(rel string, to float64) {
	switch rel {
	case "ne":
		d.not = append(d.not, to)
	case "eq":
		d.narrow("ge", to)
		d.narrow("le", to)
	case "lt", "le":
		if open := rel == "lt"; to < d.hi || to == d.hi && open {
			d.hi, d.openHi = to, open
		}
	case "gt", "ge":
		if open := rel == "gt"; to > d.lo || to == d.lo && open {
			d.lo, d.openLo = to, open
		}
	}
}

// empty reports whether nothing is in the domain; of whole numbers it draws the bounds in as far as they go.
func (d *domain) empty() bool {
	if d.whole {
		lo, hi := math.Ceil(d.lo), math.Floor(d.hi)
		d.openLo, d.openHi = d.openLo && lo == d.lo, d.openHi && hi == d.hi
		d.lo, d.hi = lo, hi
	}
	for range d.not {
		d.leaveOut()
	}
	d.leaveOut()
	return d.lo > d.hi || d.lo == d.hi && (d.openLo || d.openHi)
}

// leaveOut opens a bound that is excluded; one of whole numbers moves on to the next.
func (d *domain) leaveOut() {
	for _, v := range d.not {
		d.openLo, d.openHi = d.openLo || v == d.lo, d.openHi || v == d.hi
	}
	if d.whole && d.openLo && d.lo+1 > d.lo {
		d.lo, d.openLo = d.lo+1, false
	}
	if d.whole && d.openHi && d.hi-1 < d.hi {
		d.hi, d.openHi = d.hi-1, false
	}
}
