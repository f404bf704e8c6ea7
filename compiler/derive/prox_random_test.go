package derive_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/stdlib"
)

var full = flag.Bool("full", false, "run everything: more random penalties, expressions, maps and steps")

// loaded is a text with the library.
func loaded(t testing.TB, text string) *check.Unit {
	t.Helper()
	u, diags := check.Load(fstest.MapFS{"r.opt": {Data: []byte(text)}}, "r.opt", stdlib.FS)
	if diags.HasErrors() {
		t.Fatalf("%v", diags)
	}
	return u
}

// compiled is the program of a rule.
func compiled(t testing.TB, u *check.Unit, rule, text string) *ir.Program {
	t.Helper()
	p, diags := check.Rule(u, rule, check.Settings{})
	if diags.HasErrors() {
		t.Errorf("%v\n%s", diags, text)
		return nil
	}
	if err := p.Verify(); err != nil {
		t.Errorf("%v\n%s", err, text)
		return nil
	}
	return p
}

// onVector runs a program on a vector, with some hyperparameters, and returns the new x.
func onVector[T elem.Float](p *ir.Program, hypers []float64, x []T) []T {
	m := interp.New[T](p, []interp.Tensor{{Shape: []int{len(x)}}}, 1)
	copy(m.Params[0], x)
	copy(m.Hypers[0], hypers)
	if err := m.Step([][]T{make([]T, len(x))}, 0); err != nil {
		panic(err)
	}
	return m.Params[0]
}

// objective is step*p(u) + (u - v)^2/2, and how large its terms are.
func objective(p func(float64) float64, u, v, step float64) (cost, size float64) {
	f := step * p(u)
	square := (u - v) * (u - v) / 2
	if math.IsNaN(f) {
		return math.Inf(1), 1
	}
	return f + square, 1 + math.Abs(f) + square
}

// leastCost is the least objective over points around the anchors, near and far, and within the best brackets of them by
// golden sections.
func leastCost(p func(float64) float64, anchors []float64, v, step float64) (cost, at float64) {
	f := func(u float64) float64 { c, _ := objective(p, u, v, step); return c }
	anchors = append(slices.Clone(anchors), v, 0)
	lo, hi := slices.Min(anchors), slices.Max(anchors)
	u := slices.Clone(anchors)
	for _, a := range anchors {
		for d := 1e-9; d < 1e5*(1+step); d *= 1.7 {
			u = append(u, a-d, a+d)
		}
	}
	const grid = 300
	for i := range grid {
		u = append(u, lo-1+(hi-lo+2)*float64(i)/(grid-1))
	}
	slices.Sort(u)
	u = slices.Compact(u)
	type bracket struct{ cost, lo, hi float64 }
	var brackets []bracket
	y := make([]float64, len(u))
	cost = math.Inf(1)
	for i := range u {
		if y[i] = f(u[i]); y[i] < cost {
			cost, at = y[i], u[i]
		}
	}
	for i := 1; i < len(u)-1; i++ {
		if y[i] <= y[i-1] && y[i] <= y[i+1] {
			brackets = append(brackets, bracket{y[i], u[i-1], u[i+1]})
		}
	}
	slices.SortFunc(brackets, func(a, b bracket) int { return int(2*truth(a.cost > b.cost) - truth(a.cost != b.cost)) })
	for _, b := range brackets[:min(len(brackets), 5)] {
		const section = 0.6180339887498949
		l, h := b.lo, b.hi
		for range 70 {
			c, d := h-section*(h-l), l+section*(h-l)
			fc, fd := f(c), f(d)
			if fc < cost {
				cost, at = fc, c
			}
			if fd < cost {
				cost, at = fd, d
			}
			if fc < fd {
				h = d
			} else {
				l = c
			}
		}
	}
	return cost, at
}

// nextTo is the least objective at u or right beside it: a knot with rounding may lie on the worse side of a jump.
func nextTo(p func(float64) float64, u, v, step float64, single bool) (cost, size float64) {
	cost, size = objective(p, u, v, step)
	for _, way := range []float64{-1, 1} {
		near := math.Nextafter(u, way*math.Inf(1))
		if single {
			near = float64(math.Nextafter32(float32(u), float32(way*math.Inf(1))))
		}
		if c, s := objective(p, near, v, step); c < cost {
			cost, size = c, s
		}
	}
	return cost, size
}

// searchPoints are values of v: random ones, the knots and where they begin and cease to be minima, tiny and huge ones.
func searchPoints(r *rand.Rand, p func(float64) float64, knots []float64, step float64) []float64 {
	v := []float64{0, math.Copysign(0, -1), 1e-12, -1e-12, 1e-300, 1e6, -1e6, 3e9}
	for range 14 {
		v = append(v, 3*r.NormFloat64())
	}
	for _, k := range knots {
		v = append(v, k, math.Nextafter(k, 9e9), k+step*r.NormFloat64())
		for _, h := range []float64{1e-7, -1e-7} {
			if slope := (p(k+h) - p(k+h/2)) / (h / 2); math.Abs(slope) < 1e3 {
				v = append(v, k+step*slope)
			}
		}
	}
	for i := range v {
		v[i] = single(v[i])
	}
	return v
}

func at(fs []func() float64) (out []float64) {
	for _, f := range fs {
		if x := f(); !math.IsNaN(x) && !math.IsInf(x, 0) {
			out = append(out, x)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestProxOfRandomPenalties holds derived proximal operators to a search for the least cost that knows nothing of them:
// in float64 within 1e-9, in float32 within what rounding allows.
func TestProxOfRandomPenalties(t *testing.T) {
	count := 500
	if *full {
		count = 4000
	}
	r := rand.New(rand.NewPCG(41, 7))
	a := &author{r: r}
	worst64, worst32 := 0.0, 0.0
	kinds := map[string]int{}
	const batch = 50
	for from := 0; from < count; from += batch {
		var text strings.Builder
		var drawn []penalty
		var steps []quantity
		for i := range batch {
			p := a.penalty()
			value := single(math.Pow(10, 2*r.Float64()-1))
			if r.IntN(6) == 0 {
				value = single(math.Pow(10, 6*r.Float64()-3))
			}
			step := &parameter{name: "lr", value: value, hi: math.Inf(1), openLo: true}
			drawn = append(drawn, p)
			steps = append(steps, quantity{"lr", func() float64 { return step.value }})
			p.params = append(p.params, step)
			drawn[i].params = p.params
			names := make([]string, len(p.params)-1)
			for j := range names {
				names[j] = p.params[j].name
			}
			after := ""
			if len(names) > 0 {
				after = "; " + strings.Join(names, ", ")
			}
			fmt.Fprintf(&text, "fn pen%d(u%s) = %s\nrule r%d {\n", i, after, p.text, i)
			for _, q := range p.params {
				fmt.Fprintf(&text, "  hyper %s = %s in %s\n", q.name, bound(q.value), q.interval())
			}
			call := fmt.Sprintf("pen%d", i)
			if after != "" {
				call += "(" + after + ")"
			}
			stepText := "lr"
			if r.IntN(3) == 0 {
				stepText = bound(value)
				steps[i].at = func() float64 { return value }
			}
			fmt.Fprintf(&text, "  x <- prox(%s, x; step = %s)\n}\n", call, stepText)
		}
		u := loaded(t, text.String())
		for i, p := range drawn {
			kinds[fmt.Sprintf("even %v", p.even)]++
			kinds[fmt.Sprintf("convex %v", p.convex())]++
			kinds[fmt.Sprintf("hypers %d", len(p.params)-1)]++
			prog := compiled(t, u, fmt.Sprintf("r%d", i), p.text)
			if prog == nil {
				continue
			}
			for round := range 2 {
				if round > 0 {
					for _, q := range p.params {
						q.redraw(r, p.params)
					}
				}
				e64, e32 := holdPenalty(t, r, prog, p, steps[i].at())
				worst64, worst32 = max(worst64, e64), max(worst32, e32)
			}
		}
	}
	t.Logf("%v; excess cost at most %.2g of its size in float64, %.3g units of float32", kinds, worst64, worst32)
}

// float32Units is how much more than the least cost a derived formula in float32 may have, in units in the last place of
// the cost's terms.
const float32Units = 16

func holdPenalty(t *testing.T, r *rand.Rand, prog *ir.Program, p penalty, step float64) (worst64, worst32 float64) {
	t.Helper()
	hypers := make([]float64, len(p.params))
	var said []string
	for i, h := range prog.Hypers {
		for _, q := range p.params {
			if q.name == h.Name {
				hypers[i] = q.value
				said = append(said, fmt.Sprintf("%s = %v", q.name, q.value))
			}
		}
	}
	knots := at(p.knots)
	v := searchPoints(r, p.at, knots, step)
	got := onVector(prog, hypers, v)
	narrow := make([]float32, len(v))
	for i := range v {
		narrow[i] = float32(v[i])
	}
	got32 := onVector(prog, hypers, narrow)
	for i := range v {
		least, best := leastCost(p.at, knots, v[i], step)
		cost, size := nextTo(p.at, got[i], v[i], step, false)
		worst64 = max(worst64, (cost-least)/size)
		if !(cost-least <= 1e-9*size) {
			t.Errorf("prox of %s (%s, step %v) at %v is %v with cost %v; %v costs %v", p.text, strings.Join(said, ", "), step, v[i], got[i], cost, best, least)
			return
		}
		cost, size = nextTo(p.at, float64(got32[i]), v[i], step, true)
		size += step * largest(p.at, knots, got[i])
		excess := (cost - least) / (size + v[i]*v[i]) * (1 << 24)
		worst32 = max(worst32, excess)
		if !(excess <= float32Units) {
			t.Errorf("float32: prox of %s (%s, step %v) at %v is %v with cost %v; %v costs %v: %.3g units", p.text, strings.Join(said, ", "), step, v[i], got32[i], cost, best, least, excess)
			return
		}
	}
	holdShape(t, prog, hypers, p, v, got)
	return worst64, worst32
}

// largest is the size of a penalty near some values.
func largest(p func(float64) float64, near []float64, u float64) float64 {
	size := 0.0
	for _, u := range append(slices.Clone(near), u) {
		if f := math.Abs(p(u)); f < math.Inf(1) {
			size = max(size, f)
		}
	}
	return size
}

// holdShape holds what is true of every proximal operator: odd for an even penalty, increasing and never steeper than one
// for a convex one, NaN for NaN.
func holdShape(t *testing.T, prog *ir.Program, hypers []float64, p penalty, v, got []float64) {
	t.Helper()
	if p.even {
		minus := make([]float64, len(v))
		for i := range v {
			minus[i] = -v[i]
		}
		for i, u := range onVector(prog, hypers, minus) {
			if u != -got[i] {
				t.Errorf("prox of the even %s at ±%v: %v and %v", p.text, v[i], got[i], u)
				return
			}
		}
	}
	if u := onVector(prog, hypers, []float64{math.NaN(), 1}); u[0] == u[0] || u[1] != u[1] {
		t.Errorf("prox of %s at NaN and 1 is %v", p.text, u)
	}
	if !p.convex() {
		return
	}
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return int(2*truth(v[i] > v[j]) - truth(v[i] != v[j])) })
	for n := 1; n < len(order); n++ {
		i, j := order[n-1], order[n]
		slack := 1e-7 * (1 + math.Abs(v[i]) + math.Abs(v[j]) + math.Abs(got[i]) + math.Abs(got[j]))
		if rise := got[j] - got[i]; rise < -slack || rise > v[j]-v[i]+slack {
			t.Errorf("prox of the convex %s rises by %v from %v to %v", p.text, rise, v[i], v[j])
			return
		}
	}
}
