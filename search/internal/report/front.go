package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/optc-lang/optc/runtime/elem"
)

// stateClass is 0 for a form without state, 1 for one of up to a float32 a parameter, and so on up to 4.
func stateClass(bytes int) int { return max(0, min(len(shapes)-1, (max(0, bytes)+3)/4)) }

// stateNames are the classes, as a legend has them.
var stateNames = [5]string{"no state", "up to 4 bytes", "up to 8", "up to 12", "more"}

// cloud is what the chart of fitness against size shows.
type cloud struct {
	forms []Form // thinned
	pick  *Form
	top   int // rungs passed by those that got farthest
	front []point
	x, y  axis
}

func viewFront(p *Page) any {
	c, ok := newCloud(p)
	if !ok {
		return nil
	}
	note := fmt.Sprintf("%s. Full colour: passed %s, as far as any rule got; pale: stopped earlier, so their bounds are of fewer tasks and not to be compared.",
		plural(int64(len(p.Forms)), "rule", "rules"), plural(int64(c.top), "rung", "rungs"))
	if n := c.below(p.Forms); n > 0 {
		note += fmt.Sprintf(" %s below the chart.", plural(int64(n), "lies", "lie"))
	}
	if len(c.forms) < len(p.Forms) {
		note += " Where many lie on one spot, the best is drawn."
	}
	return both(c.draw, c.keys(), note)
}

func (c *cloud) keys() []key {
	var keys []key
	var used [len(stateNames)]bool
	for _, f := range c.forms {
		used[stateClass(f.StateBytes)] = true
	}
	for i, name := range stateNames {
		if used[i] {
			keys = append(keys, key{fmt.Sprintf("dot s%d", i), "M0 0" + shapes[i], name})
		}
	}
	return append(keys, key{"line front", "M-10 0h20", "best bound at each size"})
}

// newCloud thins the forms and finds their front.
func newCloud(p *Page) (cloud, bool) {
	var c cloud
	id := ""
	if p.Pick != nil {
		id, c.pick = p.Pick.ID, &p.Pick.Form
	}
	c.forms = thinForms(p.Forms, id, mostDots)
	if len(c.forms) == 0 {
		return c, false
	}
	for _, f := range p.Forms {
		if elem.IsFinite(f.Bound) {
			c.top = max(c.top, f.Rungs)
		}
	}
	c.front = frontOf(p.Forms, c.top)
	largest := 1
	for _, f := range c.forms {
		largest = max(largest, f.Size)
	}
	c.x = newAxis(-0.5, float64(largest)+0.5)
	c.x.whole = true
	c.y = c.bounds()
	return c, true
}

// few is how many forms are all shown, however bad.
const few = 50

// bounds is the axis of bounds. Of many forms most are far worse than any that matters, and lie below it.
func (c *cloud) bounds() axis {
	low, high := boundsOf(c.forms)
	if len(c.forms) > few {
		low = max(low, min(-1.2, lowestOf(c.front)-0.3))
	}
	if c.pick != nil && elem.IsFinite(c.pick.Bound) {
		low, high = min(low, c.pick.Bound), max(high, c.pick.Bound)
	}
	return boundAxis(low, high)
}

// frontOf is the best bound of each size among the forms that passed so many rungs, where it is better than those of all
// smaller sizes.
func frontOf(forms []Form, rungs int) []point {
	best := map[int]float64{}
	for _, f := range forms {
		if b, ok := best[f.Size]; f.Rungs == rungs && elem.IsFinite(f.Bound) && (!ok || f.Bound > b) {
			best[f.Size] = f.Bound
		}
	}
	var sizes []int
	for s := range best {
		sizes = append(sizes, s)
	}
	slices.Sort(sizes)
	var out []point
	for _, s := range sizes {
		if len(out) == 0 || best[s] > out[len(out)-1].y {
			out = append(out, point{float64(s), best[s]})
		}
	}
	return out[:min(len(out), mostPoints)]
}

// lowestOf is the least value of a line, 0 if it has none.
func lowestOf(line []point) float64 {
	low := math.Inf(1)
	for _, q := range line {
		low = min(low, q.y)
	}
	return zeroIfUnknown(low)
}

// below counts the forms that lie under the chart.
func (c *cloud) below(forms []Form) int {
	n := 0
	for _, f := range forms {
		if f.Bound < c.y.lo {
			n++
		}
	}
	return n
}

func (c *cloud) draw(f format) *plot {
	p := f.plot("Lower bound of fitness against size, of all rules", c.x, c.y)
	p.axes("size in operators", "lower bound of fitness", f.xs+3, f.ys)
	p.across("end")
	p.steps("line front", c.front, c.x.hi)
	for _, q := range slices.Backward(c.forms) { // the best above the others
		if q.Bound < c.y.lo {
			continue
		}
		class := fmt.Sprintf("dot s%d", stateClass(q.StateBytes))
		if q.Rungs < c.top {
			class += " pale"
		}
		x, y := c.place(p, q)
		p.Inside = append(p.Inside, mark{Class: class, D: dot(x, y, stateClass(q.StateBytes)), Tip: q.tip(), ID: cut(q.ID, longName)})
	}
	if c.pick != nil && elem.IsFinite(c.pick.Bound) {
		c.ring(p, f)
	}
	c.names(p, f)
	return p
}

// place is where a form is drawn: those of one size stand apart by their state.
func (c *cloud) place(p *plot, f Form) (x, y float64) {
	apart := max(0, min(3.2, p.width()/(c.x.hi-c.x.lo)/6))
	return p.px(float64(f.Size)) + float64(apart*(float64(stateClass(f.StateBytes))-1.5)), p.py(f.Bound)
}

// ring marks the pick.
func (c *cloud) ring(p *plot, f format) {
	x, y := c.place(p, *c.pick)
	var d path
	d.op('M', x-8, y)
	p.Above = append(p.Above, mark{Class: "ring", D: d.String() + "a8 8 0 1 0 16 0a8 8 0 1 0-16 0z", Tip: c.pick.tip(), ID: cut(c.pick.ID, longName)})
	p.take(x, y, 9)
	p.near(x, y-1, "pick: "+cut(c.pick.title(), f.nameMost), "label strong")
}

// names writes the names of forms that have one, the best first.
func (c *cloud) names(p *plot, f format) {
	written := map[string]bool{}
	if c.pick != nil {
		written[c.pick.Name] = true
	}
	for _, q := range c.forms {
		if q.Name == "" || written[q.Name] || q.Rungs < c.top || len(written) > f.labels {
			continue
		}
		x, y := c.place(p, q)
		if p.near(x, y, cut(q.Name, f.nameMost), "label") {
			written[q.Name] = true
		}
	}
}
