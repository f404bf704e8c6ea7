package report

import (
	"math"

	"github.com/optc-lang/optc/runtime/elem"
)

// strip is a row of a table as a small picture: an axis from left to right, in percent of the width of the cell, so that
// all rows of a table line up whatever its width.
type strip struct {
	axis
	Zero  float64      // where zero lies
	Ends  []float64    // where the bounds of values lie
	Bars  [][2]float64 // from and width
	Class string       // of bars
	Hairs [][2]float64 // from and to
	Lines []stripLine
	Dots  []stripDot
	Ticks []stripTick
}

type stripLine struct {
	At  float64
	Tip string
}

type stripDot struct {
	At    float64
	Class string
	D     string
	Tip   string
}

type stripTick struct {
	At   float64
	Text string
}

// padding at both ends of a strip, as a share: half a dot.
const padding = 0.03

// percentAt is where v lies.
func (a axis) percentAt(v float64) float64 {
	return math.Round(1000*(padding+float64((1-2*padding)*max(0, min(1, a.at(v)))))) / 10
}

// newStrip is an empty row.
func newStrip(a axis, ends ...float64) strip {
	s := strip{axis: a, Zero: a.percentAt(0)}
	for _, e := range ends {
		if p := a.at(e); p >= 0 && p <= 1 {
			s.Ends = append(s.Ends, a.percentAt(e))
		}
	}
	return s
}

// bar draws a bar from zero, with a hair for the error if it is known.
func (s *strip) bar(v, err float64, class string) {
	if !elem.IsFinite(v) {
		return
	}
	from, to := s.Zero, s.percentAt(v)
	s.Class = class
	s.Bars = append(s.Bars, [2]float64{min(from, to), tenths(math.Abs(to - from))})
	s.hair(v, err)
}

func (s *strip) hair(v, err float64) {
	if elem.IsFinite(v) && elem.IsFinite(err) && err > 0 {
		s.Hairs = append(s.Hairs, [2]float64{s.percentAt(v - err), s.percentAt(v + err)})
	}
}

// line draws a value that others are compared with.
func (s *strip) line(v float64, tip string) {
	if elem.IsFinite(v) {
		s.Lines = append(s.Lines, stripLine{s.percentAt(v), tip})
	}
}

// dot draws a small shape.
func (s *strip) dot(v float64, class string, shape int, tip string) {
	if !math.IsNaN(v) {
		s.Dots = append(s.Dots, stripDot{s.percentAt(v), class, "M0 0" + shapes[shape], tip})
	}
}

// head is the row of ticks above strips.
func head(a axis, ticks int) strip {
	s := newStrip(a)
	for _, t := range a.ticks(ticks) {
		s.Ticks = append(s.Ticks, stripTick{a.percentAt(t.at), t.label})
	}
	return s
}

func tenths(v float64) float64 { return math.Round(v*10) / 10 }
