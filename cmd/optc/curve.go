package main

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// axis is a scale from values to 0..1: logarithmic where values are positive and of several magnitudes.
type axis struct {
	lo, hi float64
	log    bool
	whole  bool // its ticks are whole numbers
}

func newAxis(lo, hi float64) axis {
	a := axis{lo: lo, hi: hi, log: lo > 0 && hi/lo >= 20}
	if lo == hi {
		a.lo, a.hi = lo-1, hi+1
	}
	return a
}

// at is where v lies; beyond the ends it lies on them.
func (a axis) at(v float64) float64 {
	lo, hi := a.lo, a.hi
	if a.log {
		if v <= 0 {
			return 0
		}
		v, lo, hi = math.Log(v), math.Log(lo), math.Log(hi)
	}
	return min(1, max(0, (v/2-lo/2)/(hi/2-lo/2))) // the difference may overflow
}

// value is what lies at p.
func (a axis) value(p float64) float64 {
	if a.log {
		return math.Exp((1-p)*math.Log(a.lo) + p*math.Log(a.hi))
	}
	return (1-p)*a.lo + p*a.hi
}

// ticks are round values on the axis: 1, 2, 5 and powers of ten where it is logarithmic, else multiples of those.
func (a axis) ticks() []float64 {
	var out []float64
	if a.log {
		steps := []float64{1, 2, 5}
		if a.hi/a.lo > 1000 {
			steps = steps[:1]
		}
		for e := math.Floor(math.Log10(a.lo)); e <= math.Log10(a.hi); e++ {
			for _, s := range steps {
				if v := s * math.Pow(10, e); v >= a.lo && v <= a.hi {
					out = append(out, v)
				}
			}
		}
		return out
	}
	third := a.hi/3 - a.lo/3
	step := math.Pow(10, math.Floor(math.Log10(third)))
	for _, s := range []float64{5, 2} {
		if third >= step*s {
			step *= s
			break
		}
	}
	if a.whole {
		step = max(1, step)
	}
	for k := math.Ceil(a.lo / step); k*step <= a.hi; k++ {
		out = append(out, k*step)
	}
	return out
}

// Size of the curve on a terminal: with its labels it fits 80 columns.
const (
	curveColumns = 68
	curveRows    = 12
)

// dots of a braille character, by row and column.
var dots = [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

// divergedMark stands where a loss is not finite.
const divergedMark = "×"

// terminalCurve draws the mean loss over stretches of steps in braille characters, two by four dots each. Where a run
// diverged, at its end, is a mark.
func terminalCurve(losses []float64, diverged bool) string {
	means := averaged(losses, 2*curveColumns)
	lo, hi, ok := finiteRange(means)
	if !ok {
		return "  (no finite loss)\n"
	}
	a := newAxis(lo, hi)
	var grid [curveRows][curveColumns]rune
	last := -1
	for x := range 2 * curveColumns {
		v := means[x*len(means)/(2*curveColumns)]
		if !isFinite(v) {
			last = -1
			continue
		}
		y := int(math.Round((1 - a.at(v)) * (4*curveRows - 1)))
		from, to := y, y
		if last >= 0 {
			from, to = min(y, last), max(y, last)
		}
		for k := from; k <= to; k++ {
			grid[k/4][x/2] |= dots[k%4][x%2]
		}
		last = y
	}
	var b strings.Builder
	for i, row := range grid {
		label := ""
		if i%(curveRows-1) == 0 || i == curveRows/2 {
			label = fmt.Sprintf("%.3g", a.value(1-(float64(i)+0.5)/curveRows))
		}
		if i == 0 {
			label = fmt.Sprintf("%.3g", a.hi)
		} else if i == curveRows-1 {
			label = fmt.Sprintf("%.3g", a.lo)
		}
		line := ""
		for _, c := range row {
			line += string(0x2800 + c)
		}
		if i == 0 && diverged {
			line = string([]rune(line)[:curveColumns-1]) + divergedMark
		}
		fmt.Fprintf(&b, "%9s │%s\n", label, strings.TrimRight(line, "\u2800"))
	}
	end := fmt.Sprint(len(losses))
	fmt.Fprintf(&b, "%9s └%s\n%11s1%*s\n", "", strings.Repeat("─", curveColumns), "", curveColumns-1, end)
	return b.String()
}

// Layout of the picture.
const (
	svgWidth, svgHeight                  = 720, 420
	svgLeft, svgRight, svgTop, svgBottom = 72, 24, 44, 52
	svgPoints                            = 90 // of the smoothed curve
	svgRaw                               = 2000
)

// writeSVG draws the loss of every step thin and pale, and its mean over stretches of steps above it.
func writeSVG(w io.Writer, title string, losses []float64, diverged bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="13">
<title>%s</title>
<rect width="100%%" height="100%%" fill="#fff"/>
<text x="%d" y="26" font-size="16" fill="#222">%s</text>
`, svgWidth, svgHeight, svgWidth, svgHeight, html.EscapeString(title), svgLeft, html.EscapeString(title))
	raw, means := averaged(losses, svgRaw), averaged(losses, svgPoints)
	lo, hi, ok := finiteRange(raw)
	if !ok {
		lo, hi = 0, 1
	}
	p := &plot{&b, newAxis(0, float64(max(1, len(losses)))), newAxis(lo, hi)}
	p.x.log, p.x.whole = false, true
	p.axes()
	p.line(raw, len(losses), "#9db8d9", 0.8)
	p.line(means, len(losses), "#1f4e8c", 2.2)
	if diverged {
		x := p.px(float64(len(losses)))
		fmt.Fprintf(&b, `<path d="M%.1f %dV%d" stroke="#b22" stroke-dasharray="4 3"/><text x="%.1f" y="%d" text-anchor="end" fill="#b22">diverged %s</text>`+"\n",
			x, svgTop, svgHeight-svgBottom, x-6, svgTop+16, divergedAt(losses))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

type plot struct {
	b    *strings.Builder
	x, y axis
}

func (p *plot) px(v float64) float64 { return svgLeft + p.x.at(v)*(svgWidth-svgLeft-svgRight) }
func (p *plot) py(v float64) float64 {
	return svgHeight - svgBottom - p.y.at(v)*(svgHeight-svgTop-svgBottom)
}

func (p *plot) axes() {
	for _, v := range p.x.ticks() {
		x := p.px(v)
		fmt.Fprintf(p.b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#eee"/><text x="%.1f" y="%d" text-anchor="middle" fill="#444">%.0f</text>`+"\n",
			x, svgTop, x, svgHeight-svgBottom, x, svgHeight-svgBottom+20, v)
	}
	for _, v := range p.y.ticks() {
		y := p.py(v)
		fmt.Fprintf(p.b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#eee"/><text x="%d" y="%.1f" text-anchor="end" fill="#444">%.4g</text>`+"\n",
			svgLeft, y, svgWidth-svgRight, y, svgLeft-8, y+4, v)
	}
	fmt.Fprintf(p.b, `<path d="M%d %dV%dH%d" fill="none" stroke="#444"/>`+"\n", svgLeft, svgTop, svgHeight-svgBottom, svgWidth-svgRight)
	fmt.Fprintf(p.b, `<text x="%d" y="%d" text-anchor="middle" fill="#222">step</text>`+"\n", (svgLeft+svgWidth-svgRight)/2, svgHeight-12)
	scale := "loss"
	if p.y.log {
		scale = "loss (logarithmic)"
	}
	fmt.Fprintf(p.b, `<text transform="translate(18 %d) rotate(-90)" text-anchor="middle" fill="#222">%s</text>`+"\n", (svgTop+svgHeight-svgBottom)/2, scale)
}

// line draws values, each the mean of an equal stretch of n steps, with gaps where one is not finite.
func (p *plot) line(values []float64, n int, colour string, width float64) {
	fmt.Fprintf(p.b, `<path fill="none" stroke="%s" stroke-width="%g" stroke-linejoin="round" d="`, colour, width)
	pen := "M"
	for i, v := range values {
		if !isFinite(v) {
			pen = "M"
			continue
		}
		at := (float64(i) + 0.5) * float64(n) / float64(len(values))
		fmt.Fprintf(p.b, "%s%.1f %.1f", pen, p.px(at), p.py(v))
		pen = "L"
	}
	p.b.WriteString("\"/>\n")
}
