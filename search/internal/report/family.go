package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/optc-lang/optc/runtime/elem"
)

// familyView is the winner's line, as a picture and step by step.
type familyView struct {
	Figure figure
	Ages   []ageRow
	Head   strip
	Length string
}

// ageRow is an ancestor of which something is told.
type ageRow struct {
	Index, Change string
	Formula       formula
	Bound, Step   string
	Class         string // of the step
	Strip         strip
	Gap           string // births between the row above and this one
	Kin           string // other children of it
}

// age is an ancestor that is told of, with how many before it are not.
type age struct {
	Birth
	skipped int
	step    float64 // of the bound, from the last that is told of
}

// line is the births from a start to the winner. A circle of parents is broken where it closes.
func (f Family) line() []Birth {
	byIndex := map[int]Birth{}
	for _, b := range f.Births {
		byIndex[b.Index] = b
	}
	var out []Birth
	for b, ok := byIndex[f.Winner]; ok; b, ok = byIndex[b.Parent] {
		delete(byIndex, b.Index)
		out = append(out, b)
		if b.Parent < 0 {
			break
		}
	}
	slices.Reverse(out)
	return out
}

// condensed are the ancestors to tell of: the first, the last, those whose form changed and those whose bound rose above
// all before them. Of many, those stay whose step is the largest.
func condensed(line []Birth, most int) []age {
	var told []int
	highest := math.Inf(-1)
	for i, b := range line {
		rose := elem.IsFinite(b.Bound) && b.Bound > highest
		if i == 0 || i == len(line)-1 || b.Formula != line[i-1].Formula || rose {
			told = append(told, i)
		}
		if rose {
			highest = b.Bound
		}
	}
	told = largestSteps(line, told, most)
	out := make([]age, len(told))
	for k, i := range told {
		out[k] = age{Birth: line[i], step: math.NaN()}
		if k > 0 {
			out[k].skipped, out[k].step = i-told[k-1]-1, line[i].Bound-line[told[k-1]].Bound
		}
	}
	return out
}

// largestSteps keeps the first, the last and those between with the largest changes of the bound.
func largestSteps(line []Birth, told []int, most int) []int {
	if len(told) <= most {
		return told
	}
	size := func(k int) float64 {
		if k == 0 || k == len(told)-1 {
			return math.Inf(1)
		}
		return math.Abs(line[told[k]].Bound - line[told[k-1]].Bound)
	}
	order := make([]int, len(told))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return falling(size(a), size(b)) })
	order = order[:most]
	slices.Sort(order)
	out := make([]int, 0, most)
	for _, k := range order {
		out = append(out, told[k])
	}
	return out
}

func viewFamily(p *Page) any {
	line := p.Family.line()
	if len(line) == 0 {
		return nil
	}
	ages := condensed(line, mostAges)
	v := familyView{Length: plural(int64(len(line)), "birth", "births")}
	a := spread(0.1, func(yield func(float64)) {
		for _, g := range ages {
			yield(g.Bound)
		}
	})
	v.Head = head(a, 4)
	children := p.Family.children(line)
	for i, g := range ages {
		before := g.Bound
		if i > 0 {
			before = ages[i-1].Bound
		}
		v.Ages = append(v.Ages, g.row(a, before, children[g.Index]))
	}
	v.Figure = p.Family.figure(line, ages)
	return v
}

// children are those of the line's births that are not on it.
func (f Family) children(line []Birth) map[int][]Birth {
	on := map[int]bool{}
	for _, b := range line {
		on[b.Index] = true
	}
	out := map[int][]Birth{}
	for _, b := range f.Births {
		if !on[b.Index] && on[b.Parent] {
			out[b.Parent] = append(out[b.Parent], b)
		}
	}
	return out
}

func (g age) row(a axis, before float64, children []Birth) ageRow {
	r := ageRow{Index: whole(int64(g.Index)), Change: cut(g.Change, longText), Formula: newFormula(g.Formula), Bound: score(g.Bound), Strip: newStrip(a)}
	if g.Parent < 0 && r.Change == "" {
		r.Change = "the start"
	}
	if g.skipped > 0 {
		r.Gap = plural(int64(g.skipped), "birth", "births") + " between"
	}
	if elem.IsFinite(g.step) {
		r.Step, r.Class = score(g.step), "rise"
		from, to := r.Strip.percentAt(before), r.Strip.percentAt(g.Bound)
		if g.step < 0 {
			r.Class = "fall"
		}
		r.Strip.Class = r.Class
		r.Strip.Bars = [][2]float64{{min(from, to), tenths(math.Abs(to - from))}}
	}
	r.Strip.dot(g.Bound, "best", 0, "")
	if n := len(children); n > 0 {
		best := math.Inf(-1)
		for _, c := range children {
			if elem.IsFinite(c.Bound) {
				best = max(best, c.Bound)
			}
		}
		r.Kin = plural(int64(n), "other child", "other children")
		if elem.IsFinite(best) {
			r.Kin += ", the best " + score(best)
		}
	}
	return r
}

// tree is the picture of a family: births from left to right, bounds upwards.
type tree struct {
	line []Birth
	ages []age
	kin  [][2]Birth // parent and child, not both on the line
	x, y axis
}

func (f Family) figure(line []Birth, ages []age) figure {
	t := tree{line: line, ages: ages, kin: f.kin(line)}
	var at []float64
	last, low, high := 0.0, 0.0, 0.0
	for _, b := range line {
		at = append(at, float64(b.Index))
	}
	for _, b := range line {
		if elem.IsFinite(b.Bound) {
			low, high = min(low, within(b.Bound)), max(high, within(b.Bound))
		}
	}
	for _, b := range f.Births {
		last = max(last, float64(b.Index))
	}
	low -= (high - low) / 4 // of what is worse than the whole line, a little is shown
	t.x, t.y = birthAxis(at, last), boundAxis(low, high)
	keys := []key{{"line best", "M-10 0h20", "the winner's line"}}
	note := ""
	if len(t.kin) > 0 {
		keys = append(keys, key{"kin", "M-10 3l20-6", "other descendants"})
		if n := len(f.Births) - len(line); n > len(t.kin) {
			note = fmt.Sprintf("%d of %s are drawn.", len(t.kin), plural(int64(n), "other birth", "other births"))
		}
	}
	return both(t.draw, keys, note)
}

// kin are the edges that are not on the line, evenly thinned if they are many; the best stay.
func (f Family) kin(line []Birth) [][2]Birth {
	byIndex, on := map[int]Birth{}, map[int]bool{}
	for _, b := range f.Births {
		byIndex[b.Index] = b
	}
	for _, b := range line {
		on[b.Index] = true
	}
	var out [][2]Birth
	for _, b := range f.Births {
		if parent, ok := byIndex[b.Parent]; ok && !on[b.Index] && elem.IsFinite(b.Bound) && elem.IsFinite(parent.Bound) {
			out = append(out, [2]Birth{parent, b})
		}
	}
	slices.SortStableFunc(out, func(a, b [2]Birth) int { return falling(a[1].Bound, b[1].Bound) })
	if len(out) <= mostKin {
		return out
	}
	kept := out[: mostKin/2 : mostKin/2]
	others := out[mostKin/2:]
	for i := range mostKin / 2 {
		kept = append(kept, others[i*len(others)/(mostKin/2)])
	}
	return kept
}

func (t tree) draw(f format) *plot {
	f.h *= 0.85
	p := f.plot("Bounds of the winner's ancestors and of their other descendants, over births", t.x, t.y)
	p.axes(birthName(t.x), "lower bound of fitness", f.xs, f.ys)
	p.across("start")
	for _, k := range t.kin {
		var d path
		d.op('M', p.px(float64(k[0].Index)), p.py(k[0].Bound))
		d.op('L', p.px(float64(k[1].Index)), p.py(k[1].Bound))
		p.Inside = append(p.Inside, mark{Class: "kin", D: d.String()})
	}
	var line []point
	for _, b := range t.line {
		line = append(line, point{float64(b.Index), b.Bound})
	}
	p.line("line best", thin(line, mostPoints, t.x))
	for _, a := range t.ages {
		if elem.IsFinite(a.Bound) {
			tip := "birth " + whole(int64(a.Index)) + ": " + score(a.Bound) + "\n" + cut(a.Formula, longFormula) + "\n" + cut(a.Change, longName)
			p.Inside = append(p.Inside, mark{Class: "dot best", D: dot(p.px(float64(a.Index)), p.py(a.Bound), 0), Tip: tip})
		}
	}
	return p
}
