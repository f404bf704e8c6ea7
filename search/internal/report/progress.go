package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/optc-lang/optc/runtime/elem"
)

func levelPoints(levels []Level) []point {
	out := make([]point, 0, len(levels))
	for _, l := range levels {
		out = append(out, point{float64(l.Birth), l.Bound})
	}
	slices.SortStableFunc(out, func(a, b point) int { return falling(b.x, a.x) })
	return out
}

func viewProgress(p *Page) any {
	c := progressChart{s: &p.Progress, best: gaps(levelPoints(p.Progress.Best)), last: float64(p.Progress.Births)}
	if len(c.best) == 0 {
		return nil
	}
	for _, l := range c.s.Limits[:min(len(c.s.Limits), mostLimits)] {
		c.limits = append(c.limits, levelPoints(l.Levels))
	}
	c.scale()
	c.best = thin(c.best, mostPoints, c.x)
	for i, l := range c.limits {
		c.limits[i] = thin(l, mostLimit, c.x)
	}
	c.events, c.rises = shownEvents(c.s.Events), largestRises(c.s.Best)
	return both(c.draw, c.keys(), c.note())
}

// scale makes the axes hold all lines.
func (c *progressChart) scale() {
	var births []float64
	for _, q := range c.best {
		births = append(births, q.x)
	}
	low, high := c.best[0].y, c.best[0].y
	for _, line := range append([][]point{c.best}, c.limits...) {
		for _, q := range line {
			if c.last = max(c.last, q.x); elem.IsFinite(q.y) {
				low, high = min(low, within(q.y)), max(high, within(q.y))
			}
		}
	}
	c.x, c.y = birthAxis(births, c.last), boundAxis(low, high)
}

// progressChart is fitness over births.
type progressChart struct {
	s      *Progress
	best   []point
	limits [][]point
	events []Event
	rises  []Level // that are marked, the largest first
	last   float64
	x, y   axis
}

// shownEvents are the events in order, evenly thinned if there are many.
func shownEvents(all []Event) []Event {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Event) int { return cmp.Compare(a.Birth, b.Birth) })
	n := min(len(sorted), mostMarks)
	out := make([]Event, n)
	for i := range n {
		out[i] = sorted[i*len(sorted)/n]
	}
	return out
}

func (c *progressChart) keys() []key {
	keys := []key{{"line best", "M-10 0h20", "the best rule, by rungs passed and then by bound"}}
	if len(c.limits) > 0 {
		keys = append(keys, key{"line limit", "M-10 0h20", "what rules had to reach to pass a rung"})
	}
	if len(c.events) > 0 {
		keys = append(keys, key{"event", "M-4 4h8l-4-7z", "events"})
	}
	return keys
}

func (c *progressChart) note() string {
	note := "The bound of the best rule may fall: a rule that gets a rung farther takes the place of the best, whatever its bound."
	if n := len(c.s.Events); n > len(c.events) {
		note += fmt.Sprintf(" %d of %s are marked.", len(c.events), plural(int64(n), "event", "events"))
	}
	return note
}

func (c *progressChart) draw(f format) *plot {
	p := f.plot("Bound of the best rule over births", c.x, c.y)
	p.axes(birthName(c.x), "lower bound of fitness", f.xs, f.ys)
	p.across("start")
	for i, l := range c.limits {
		p.steps("line limit", l, c.last)
		if y, ok := p.above(l); ok {
			p.label(p.W-p.right-2, y-3, "end", cut(c.s.Limits[i].Name, f.nameMost), "remark")
		}
	}
	base := p.H - p.bottom
	for _, e := range c.events {
		var d path
		d.op('M', p.px(float64(e.Birth)), base)
		p.Above = append(p.Above, mark{Class: "event", D: d.String() + "m-4 0h8l-4-7z",
			Tip: cut(e.Kind, longName) + " at birth " + whole(int64(e.Birth)) + "\n" + cut(e.Text, longText)})
	}
	p.steps("line best", c.best, c.last)
	p.takeSteps(c.best, c.last)
	c.markRises(p, f)
	return p
}

// takeSteps keeps labels off a line of steps.
func (p *plot) takeSteps(line []point, last float64) {
	for i, q := range line {
		end := point{last, q.y}
		if i+1 < len(line) {
			end = line[i+1]
		}
		if !elem.IsFinite(q.y) || !elem.IsFinite(end.y) {
			continue
		}
		x0, x1, y0, y1 := p.px(q.x), p.px(end.x), p.py(q.y), p.py(end.y)
		p.labels = append(p.labels, box{x0, y0 - 1, x1, y0 + 1}, box{x1 - 1, min(y0, y1), x1 + 1, max(y0, y1)})
	}
}

// above is the highest place of a line near its right end, where its name has room.
func (p *plot) above(line []point) (y float64, ok bool) {
	y = math.Inf(1)
	for _, q := range line {
		if x := p.px(q.x); elem.IsFinite(q.y) && x > p.W-p.right-60 {
			y = min(y, p.py(q.y))
		}
	}
	if n := len(line); math.IsInf(y, 1) && n > 0 && elem.IsFinite(line[n-1].y) {
		y = p.py(line[n-1].y)
	}
	return y, elem.IsFinite(y)
}

// largestRises are the levels that are the most above those before them, the largest rise first.
func largestRises(levels []Level) []Level {
	rise, known := make([]float64, len(levels)), []int{}
	before := math.Inf(-1)
	for i, l := range levels {
		if elem.IsFinite(l.Bound) {
			rise[i] = l.Bound - before
			known = append(known, i)
			before = l.Bound
		}
	}
	slices.SortFunc(known, func(i, j int) int { return cmp.Or(falling(rise[i], rise[j]), cmp.Compare(i, j)) })
	out := make([]Level, 0, mostRises)
	for _, i := range known[:min(len(known), mostRises)] {
		out = append(out, levels[i])
	}
	return out
}

// markRises marks the births at which the best rose most, and names as many of them as there is room for.
func (c *progressChart) markRises(p *plot, f format) {
	for _, l := range c.rises {
		tip := "birth " + whole(int64(l.Birth)) + ": " + score(l.Bound) + "\n" + cut(l.Formula, longFormula)
		p.Inside = append(p.Inside, mark{Class: "dot best", D: dot(p.px(float64(l.Birth)), p.py(l.Bound), 0), Tip: tip, ID: cut(l.ID, longName)})
	}
	written := map[string]bool{}
	for _, l := range c.rises {
		text := cut(Form{Name: l.Name, Formula: l.Formula}.title(), f.nameMost)
		if text != "" && len(written) < f.labels && !written[text] {
			x, y := p.px(float64(l.Birth)), p.py(l.Bound)
			written[text] = p.label(x+6, y+15, "start", text, "label") || p.label(x-6, y-7, "end", text, "label")
		}
	}
}
