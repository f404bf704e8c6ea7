package report

import "slices"

// figure is a chart twice, for wide and for narrow screens: text in a picture that is scaled down cannot be read.
type figure struct {
	Wide, Narrow drawing
	Keys         []key
	Note         string
}

// format is a size to draw at.
type format struct {
	w, h     float64
	xs, ys   int // ticks
	labels   int // names written into the chart
	nameMost int // runes of them
	class    string
}

var (
	wideFormat   = format{w: 960, h: 400, xs: 9, ys: 6, labels: 8, nameMost: 40, class: "chart wide"}
	narrowFormat = format{w: 370, h: 330, xs: 4, ys: 5, labels: 4, nameMost: 22, class: "chart narrow"}
)

// plot makes an empty chart of a format.
func (f format) plot(label string, x, y axis) *plot {
	p := newPlot(label, f.w, f.h, margins{left: 46, top: 22, right: 10, bottom: 40}, x, y)
	p.Class = f.class
	return p
}

// both draws a chart in both formats.
func both(draw func(f format) *plot, keys []key, note string) figure {
	return figure{Wide: draw(wideFormat).drawing, Narrow: draw(narrowFormat).drawing, Keys: keys, Note: note}
}

// birthAxis is the axis of births: logarithmic where half of what is shown happens early.
func birthAxis(births []float64, last float64) axis {
	a := newAxis(0, max(1, last))
	a.whole = true
	if len(births) > 4 {
		sorted := slices.Clone(births)
		slices.Sort(sorted)
		if median := sorted[len(sorted)/2]; median < last/20 && last >= 1000 {
			a.lo, a.log = 1, true
		}
	}
	return a
}

// boundAxis is the axis of bounds: zero is on it, and its ends are ticks.
func boundAxis(low, high float64) axis {
	return newAxis(min(low, -0.1), max(high, 0.1)).rounded(6)
}

func birthName(a axis) string {
	if a.log {
		return "births (logarithmic)"
	}
	return "births"
}
