package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/optc-lang/optc/runtime/elem"
)

// curvesView is a small chart for each task.
type curvesView struct {
	Panels []panel
	Keys   []key
	Rest   string
	Log    bool // one of them is logarithmic
}

type panel struct {
	Task, Doc string
	Drawing   drawing
	Ends      []panelEnd
	Log       bool
}

// panelEnd is where a run ended.
type panelEnd struct{ Class, Rule, Loss string }

func viewCurves(p *Page) any {
	v := curvesView{Rest: rest(len(p.Curves), mostPanels)}
	docs := map[string]string{}
	for _, t := range p.Tasks {
		docs[t.Name] = t.Doc
	}
	class := classes(p.Curves)
	for _, c := range p.Curves[:min(len(p.Curves), mostPanels)] {
		if pan, ok := newPanel(c, class); ok {
			pan.Doc = cut(docs[c.Task], longText)
			v.Panels = append(v.Panels, pan)
			v.Log = v.Log || pan.Log
		}
	}
	if len(v.Panels) == 0 {
		return nil
	}
	v.Keys = curveKeys(p.Curves, class)
	return v
}

func curveKeys(curves []Curve, class map[string]int) []key {
	var keys []key
	for _, c := range curves {
		for _, r := range c.Runs {
			k := key{"line c" + fmt.Sprint(class[r.Rule]), "M-10 0h20", cut(r.Rule, longName)}
			if len(keys) < mostRuns && !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// classes gives each rule the colour of its first appearance.
func classes(curves []Curve) map[string]int {
	out := map[string]int{}
	for _, c := range curves {
		for _, r := range c.Runs {
			if _, ok := out[r.Rule]; !ok {
				out[r.Rule] = min(len(out), mostRuns-1)
			}
		}
	}
	return out
}

// newPanel draws one task's curves: of each the mean of equal stretches of steps, and pale the range that they cover.
func newPanel(c Curve, class map[string]int) (panel, bool) {
	runs := c.Runs[:min(len(c.Runs), mostRuns)]
	drawn := make([]band, len(runs))
	steps := 1.0
	for i, r := range runs {
		n := float64(max(r.Steps, len(r.Losses)))
		drawn[i] = bands(r.Losses, n, mostBands)
		steps = max(steps, n)
	}
	y, ok := lossAxis(drawn)
	if !ok {
		return panel{}, false
	}
	x := newAxis(0, steps)
	x.whole = true
	p := newPlot("Loss on "+cut(c.Task, longName), 310, 190, margins{42, 8, 16, 22}, x, y)
	p.axes("", "", 4, 4)
	out := panel{Task: cut(c.Task, longName), Log: y.log}
	for i := range slices.Backward(runs) { // the first on top
		r := runs[i]
		name := fmt.Sprintf("c%d", class[r.Rule])
		if len(r.Losses) > mostBands {
			p.area("range "+name, drawn[i])
		}
		p.line("line "+name, drawn[i].points())
		if r.Diverged {
			p.cross(drawn[i], name)
		}
	}
	for _, r := range runs {
		out.Ends = append(out.Ends, panelEnd{fmt.Sprintf("c%d", class[r.Rule]), cut(r.Rule, longName), r.end()})
	}
	out.Drawing = p.drawing
	return out, true
}

// lossAxis covers the means of all curves, and is logarithmic where they are of several magnitudes. A loss that is twice as
// large as all were at first leaves the chart, so that one divergence does not flatten the rest.
func lossAxis(drawn []band) (axis, bool) {
	var all []float64
	for _, b := range drawn {
		for _, v := range b.mean {
			if elem.IsFinite(v) {
				all = append(all, v)
			}
		}
	}
	if len(all) == 0 {
		return axis{}, false
	}
	low, most := slices.Min(all), slices.Max(all)
	if low > 0 {
		most = max(low, min(most, 2*firstOf(drawn)))
		low = max(low, most*1e-15)
	}
	if low > 0 && most/low >= 8 {
		a := newAxis(low/1.15, most*1.15)
		a.log = true
		return a, true
	}
	pad := (most - low) * 0.05
	return newAxis(low-float64(pad), most+float64(pad)), true
}

// firstOf is the largest of the curves' first means, infinite if there is none.
func firstOf(drawn []band) float64 {
	first := math.Inf(-1)
	for _, b := range drawn {
		for _, v := range b.mean {
			if elem.IsFinite(v) {
				first = max(first, v)
				break
			}
		}
	}
	return math.Abs(first)
}

// points are the means of a band.
func (b band) points() []point {
	out := make([]point, len(b.mean))
	for i, v := range b.mean {
		out[i] = point{b.at[i], v}
	}
	return out
}

// area fills the range of a band, piece by piece between gaps.
func (p *plot) area(class string, b band) {
	var d path
	for from := 0; from < len(b.mean); from++ {
		to := from
		for to < len(b.mean) && elem.IsFinite(b.mean[to]) {
			to++
		}
		if to-from < 2 {
			continue
		}
		pen := byte('M')
		for i := from; i < to; i++ {
			d.op(pen, p.px(b.at[i]), p.py(b.high[i]))
			pen = 'L'
		}
		for i := to - 1; i >= from; i-- {
			d.op('L', p.px(b.at[i]), p.py(b.low[i]))
		}
		d.WriteByte('z')
		from = to
	}
	if d.Len() > 0 {
		p.Inside = append(p.Inside, mark{Class: class, D: d.String()})
	}
}

// cross marks where a run that diverged leaves the chart, or its end.
func (p *plot) cross(b band, class string) {
	last := -1
	for i, v := range b.mean {
		if elem.IsFinite(v) {
			if last = i; v > p.y.hi {
				break
			}
		}
	}
	if last >= 0 {
		x, y := p.px(b.at[last]), max(p.top+5, min(p.H-p.bottom-5, p.py(b.mean[last])))
		p.Above = append(p.Above, mark{Class: "cross " + class, D: dot(x, y, len(shapes)-1)})
	}
}

// end is the mean of the last tenth of a run's losses.
func (r Run) end() string {
	if r.Diverged {
		return "diverged"
	}
	last := r.Losses[len(r.Losses)-(len(r.Losses)+9)/10:]
	sum := 0.0
	for _, v := range last {
		sum += v / float64(max(1, len(last)))
	}
	if len(last) == 0 {
		sum = math.NaN()
	}
	return number(sum, 3)
}
