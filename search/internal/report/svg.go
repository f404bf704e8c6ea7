package report

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/optc-lang/optc/runtime/elem"
)

// drawing is a picture as the templates print it. Colours, widths of lines and fonts are classes of the style sheet.
type drawing struct {
	Class  string
	W, H   float64
	Label  string // what it shows, for those who cannot see it
	Marks  []mark
	Clip   [4]float64 // x, y, width and height of the part that Inside does not leave
	Inside []mark
	Above  []mark
}

// mark is a path, or a text if Text is not empty.
type mark struct {
	Class  string
	D      string
	X, Y   float64
	Anchor string // of a text
	Text   string
	Tip    string // shown when pointed at
	ID     string // of the form that it is of
}

// pixel is a coordinate in tenths of a pixel.
func pixel(v float64) float64 { return math.Round(v*10)/10 + 0 }

// path writes the data of a path.
type path struct{ strings.Builder }

func (p *path) op(name byte, values ...float64) {
	p.WriteByte(name)
	for i, v := range values {
		if i > 0 {
			p.WriteByte(' ')
		}
		p.WriteString(strconv.FormatFloat(pixel(v), 'f', -1, 64))
	}
}

// shapes of dots, by class of state, about a point at which the pen stands.
var shapes = []string{
	"m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z",
	"m-3.1-3.1h6.2v6.2h-6.2z",
	"m0-4.2l3.9 6.9h-7.8z",
	"m0-4.4l4.4 4.4l-4.4 4.4l-4.4-4.4z",
	"m-3.4-3.4l6.8 6.8m0-6.8l-6.8 6.8",
}

// dot is a shape at a point.
func dot(x, y float64, shape int) string {
	var p path
	p.op('M', x, y)
	return p.String() + shapes[max(0, min(len(shapes)-1, shape))]
}

// margins of a plot.
type margins struct{ left, top, right, bottom float64 }

// plot is a drawing with two axes.
type plot struct {
	drawing
	margins
	x, y   axis
	labels []box // places that are taken by labels
}

// newPlot makes an empty plot.
func newPlot(label string, w, h float64, m margins, x, y axis) *plot {
	p := &plot{drawing: drawing{Class: "chart", W: w, H: h, Label: label}, margins: m, x: x, y: y}
	p.Clip = [4]float64{m.left - bleed, m.top - bleed, w - m.left - m.right + 2*bleed, h - m.top - m.bottom + bleed}
	return p
}

// bleed is how far dots may reach out of a plot, except over its base.
const bleed = 5

// px and py are where values lie.
func (p *plot) px(v float64) float64 { return p.left + float64(p.x.at(v)*p.width()) }
func (p *plot) py(v float64) float64 {
	return p.H - p.bottom - float64(p.y.at(v)*(p.H-p.top-p.bottom))
}

func (p *plot) width() float64 { return p.W - p.left - p.right }

// axes draws grid lines, ticks and the names of both axes.
func (p *plot) axes(xName, yName string, xTicks, yTicks int) {
	var grid path
	base := p.H - p.bottom
	for _, t := range p.y.ticks(yTicks) {
		y := p.py(t.at)
		grid.op('M', p.left, y)
		grid.op('H', p.W-p.right)
		p.text("tick", p.left-6, y+4, "end", t.label)
	}
	var marks path
	for _, t := range p.x.ticks(xTicks) {
		x := p.px(t.at)
		marks.op('M', x, base)
		marks.op('v', 5)
		p.text("tick", x, base+18, "middle", t.label)
	}
	p.Marks = append(p.Marks, mark{Class: "grid", D: grid.String()}, mark{Class: "axis", D: marks.String()})
	var line path
	line.op('M', p.left, base)
	line.op('H', p.W-p.right)
	p.Marks = append(p.Marks, mark{Class: "axis", D: line.String()})
	if xName != "" {
		p.text("name", p.W-p.right, p.H-4, "end", xName)
	}
	if yName != "" {
		p.text("name", 2, 12, "start", yName)
	}
}

// text puts a label beside the plot.
func (p *plot) text(class string, x, y float64, anchor, text string) {
	p.Marks = append(p.Marks, mark{Class: class, X: pixel(x), Y: pixel(y), Anchor: anchor, Text: text})
}

// line draws points as straight pieces, broken where one is NaN.
func (p *plot) line(class string, points []point) {
	var d path
	pen := byte('M')
	for _, q := range points {
		if !elem.IsFinite(q.x) || !elem.IsFinite(q.y) {
			pen = 'M'
			continue
		}
		d.op(pen, p.px(q.x), p.py(q.y))
		pen = 'L'
	}
	if d.Len() > 0 {
		p.Inside = append(p.Inside, mark{Class: class, D: d.String()})
	}
}

// steps draws points as values that hold until the next, the last one until end.
func (p *plot) steps(class string, points []point, end float64) {
	var d path
	pen := byte('M')
	for i, q := range points {
		if !elem.IsFinite(q.x) || !elem.IsFinite(q.y) {
			pen = 'M'
			continue
		}
		d.op(pen, p.px(q.x), p.py(q.y))
		next := end
		if i+1 < len(points) && elem.IsFinite(points[i+1].x) {
			next = points[i+1].x
		}
		d.op('H', p.px(next))
		pen = 'L'
	}
	if d.Len() > 0 {
		p.Inside = append(p.Inside, mark{Class: class, D: d.String()})
	}
}

// across draws the level of AdamW, and says so at an end of it.
func (p *plot) across(anchor string) {
	if at := p.y.at(0); at < 0 || at > 1 {
		return
	}
	var d path
	d.op('M', p.left, p.py(0))
	d.op('H', p.W-p.right)
	p.Marks = append(p.Marks, mark{Class: "zero", D: d.String()})
	x := p.left + 6
	if anchor == "end" {
		x = p.W - p.right - 2
	}
	p.label(x, p.py(0)-5, anchor, "as good as tuned AdamW", "remark")
}

// box is a rectangle that a label takes.
type box struct{ x0, y0, x1, y1 float64 }

func (b box) meets(c box) bool { return b.x0 < c.x1 && c.x0 < b.x1 && b.y0 < c.y1 && c.y0 < b.y1 }

// textWidth is about how wide a label is at the size of chart labels.
func textWidth(text string) float64 { return float64(6.6 * float64(utf8.RuneCountInString(text))) }

// label writes a text near a point if it is on the drawing and meets no other label, and reports whether it did.
func (p *plot) label(x, y float64, anchor, text, class string) bool {
	w := textWidth(text)
	b := box{x, y - 11, x + w, y + 3}
	switch anchor {
	case "end":
		b.x0, b.x1 = x-w, x
	case "middle":
		b.x0, b.x1 = x-w/2, x+w/2
	}
	if b.x0 < p.left-2 || b.x1 > p.W+2 || b.y0 < 0 || b.y1 > p.H-p.bottom+2 {
		return false
	}
	for _, other := range p.labels {
		if b.meets(other) {
			return false
		}
	}
	p.labels = append(p.labels, b)
	p.Above = append(p.Above, mark{Class: class, X: pixel(x), Y: pixel(y), Anchor: anchor, Text: text})
	return true
}

// near writes a text at one of some places about a point, above it if there is room.
func (p *plot) near(x, y float64, text, class string) bool {
	return p.label(x, y-11, "middle", text, class) || p.label(x-3, y-11, "start", text, class) ||
		p.label(x+3, y-11, "end", text, class) || p.label(x+11, y+15, "start", text, class) || p.label(x-11, y+4, "end", text, class)
}

// take keeps labels away from a point.
func (p *plot) take(x, y, r float64) { p.labels = append(p.labels, box{x - r, y - r, x + r, y + r}) }
