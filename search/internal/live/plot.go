package live

import (
	"math"
	"slices"
	"strings"

	"github.com/optc-lang/optc/runtime/elem"
)

// blank is the braille character without a dot; dots are the bits of the others, by row and column.
const blank = '\u2800'

var dots = [4][2]rune{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

// plot is a picture of characters, each of two by four dots, between two bounds of each axis.
type plot struct {
	w, h           int
	x0, x1, y0, y1 float64
	grid           [][]rune
	marks          map[[2]int]mark // by row and column
}

// mark is a character that stands in place of dots.
type mark struct {
	sign rune
	ink  ink
}

func newPlot(w, h int) *plot {
	p := &plot{w: max(1, w), h: max(1, h), marks: map[[2]int]mark{}}
	p.grid = make([][]rune, p.h)
	for i := range p.grid {
		p.grid[i] = slices.Repeat([]rune{blank}, p.w)
	}
	return p
}

// bounds sets the ends of the axes. Ends that are the same are moved apart.
func (p *plot) bounds(x0, x1, y0, y1 float64) {
	if !(x1 > x0) {
		x1 = x0 + 1
	}
	if !(y1 > y0) {
		y0, y1 = y0-0.1, y0+0.1
	}
	p.x0, p.x1, p.y0, p.y1 = x0, x1, y0, y1
}

// dotAt is the dot of a value, from the left and from the top. Halves, because a difference may overflow.
func (p *plot) dotAt(x, y float64) (int, int) {
	return fit((x/2-p.x0/2)/(p.x1/2-p.x0/2), 2*p.w), fit((p.y1/2-y/2)/(p.y1/2-p.y0/2), 4*p.h)
}

// fit is the one of n places where a share lies.
func fit(at float64, n int) int {
	if !(at > 0) {
		return 0
	}
	return int(math.Round(min(1, at) * float64(n-1)))
}

// at is the value of the column of dots.
func (p *plot) at(column int) float64 {
	share := float64(column) / float64(2*p.w-1)
	return p.x0*(1-share) + p.x1*share
}

func (p *plot) set(x, y int) { p.grid[y/4][x/2] |= dots[y%4][x%2] }

// upright draws a column of dots between two rows of them.
func (p *plot) upright(x, from, to int) {
	for y := min(from, to); y <= max(from, to); y++ {
		p.set(x, y)
	}
}

// level draws a row of dots between two columns of them.
func (p *plot) level(y, from, to int) {
	for x := from; x <= to; x++ {
		p.set(x, y)
	}
}

// steps draws values that hold until the next one, and leaves out those that are not finite.
func (p *plot) steps(points []Point) {
	last, from := -1, -1
	for _, q := range points {
		if !elem.IsFinite(q.Best) {
			continue
		}
		x, y := p.dotAt(float64(q.Birth), q.Best)
		if last >= 0 {
			p.level(last, from, x)
			p.upright(x, last, y)
		}
		last, from = y, x
	}
	if last >= 0 {
		p.level(last, from, 2*p.w-1)
	}
}

// mark puts a character at a value.
func (p *plot) mark(x, y float64, sign rune, k ink) {
	column, row := p.dotAt(x, y)
	p.marks[[2]int{row / 4, column / 2}] = mark{sign, k}
}

// rowOf is the row of characters of a value, -1 if it lies outside.
func (p *plot) rowOf(y float64) int {
	if !(y >= p.y0 && y <= p.y1) {
		return -1
	}
	_, row := p.dotAt(p.x0, y)
	return row / 4
}

// axisWidth is that of the labels left of a plot and of the line beside them.
const axisWidth = 8

// lines draws the plot with its axes: bounds at its ends, a dotted line at zero, and the x axis below.
func (p *plot) lines(c *palette, unit, left, right string) []string {
	zero := p.rowOf(0)
	labels := map[int]string{p.h - 1: score(p.y0)}
	labels[0] = score(p.y1)
	labels[zero] = "0"
	var out []string
	for i := range p.h {
		edge := "│"
		if labels[i] != "" {
			edge = "┤"
		}
		l := c.line(axisWidth+p.w).cell(dim, labels[i], axisWidth-1, true).put(frame, edge)
		p.row(c, l, i, i == zero)
		out = append(out, l.String())
	}
	l := c.line(axisWidth+p.w).cell(dim, unit, axisWidth, false).put(dim, left)
	return append(out, l.last(dim, right).String())
}

// row draws a row of characters, those of the same colour together.
func (p *plot) row(c *palette, l *line, i int, zero bool) {
	colour := c.rise(1 - float64(i)/float64(max(1, p.h-1)))
	var run strings.Builder
	flush := func() {
		l.raw(colour, run.String())
		run.Reset()
	}
	for j, r := range p.grid[i] {
		m, marked := p.marks[[2]int{i, j}]
		switch {
		case marked:
			flush()
			l.put(m.ink, string(m.sign))
		case r != blank:
			run.WriteRune(r)
		case zero:
			flush()
			l.put(frame, "┈")
		default:
			run.WriteByte(' ')
		}
	}
	flush()
}

// extent is the least and the greatest finite value, and zero, which is AdamW.
func extent(values func(yield func(float64) bool)) (lo, hi float64) {
	for v := range values {
		if elem.IsFinite(v) {
			lo, hi = min(lo, v), max(hi, v)
		}
	}
	return lo, hi
}

// The parts of a bar: whole cells, and the halves that end it on either side.
const (
	barWhole = "━"
	barLeft  = "╸" // the left half of a cell
	barRight = "╺"
)

// bar writes a value from lo ≤ 0 to hi ≥ 0 as a bar that begins at zero, in w cells.
func (l *line) bar(v, lo, hi float64, w int) {
	w = min(w, l.room)
	if w < 3 || !(hi > lo) {
		l.put(plain, strings.Repeat(" ", max(0, w)))
		return
	}
	left := fit(-lo/2/(hi/2-lo/2), w)
	right := w - 1 - left
	below, above := fit(v/lo, 2*left+1), fit(v/hi, 2*right+1) // halves of cells
	if !elem.IsFinite(v) || v < 0 {
		above = 0
	}
	if !elem.IsFinite(v) || v > 0 {
		below = 0
	}
	l.put(plain, strings.Repeat(" ", left-below/2-below%2))
	l.put(bad, strings.Repeat(barRight, below%2)+strings.Repeat(barWhole, below/2)).put(dim, "│")
	l.put(good, strings.Repeat(barWhole, above/2)+strings.Repeat(barLeft, above%2))
	l.put(plain, strings.Repeat(" ", right-above/2-above%2))
}
