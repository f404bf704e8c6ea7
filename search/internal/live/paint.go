package live

import (
	"image/color"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// ink is what a text is, which says how it looks.
type ink uint8

const (
	plain ink = iota
	dim
	bold
	accent
	strong // an accent that stands out
	good
	bad
	warn
	pick
	frame
	badge
	inks
)

// steps of the ramp from low to high.
const steps = 12

// palette is the escape sequences of all inks, on the screen's own ground and on that of the selected row. The terminal's
// own foreground and background are kept.
type palette struct {
	ground, lit [inks]string
	ramp        [steps]string
}

// newPalette is the one for a dark or a light terminal and the colours that it has. They are of the 256 that most
// have, so that they look the same everywhere. A terminal of 16 colours, whose greys may be anything, or of none has its
// selected row in reverse.
func newPalette(dark bool, profile colorprofile.Profile) *palette {
	choose, complete := lipgloss.LightDark(dark), lipgloss.Complete(max(profile, colorprofile.ANSI))
	hue := func(light, dark string, basic color.Color) color.Color {
		c := choose(lipgloss.Color(light), lipgloss.Color(dark))
		return complete(basic, c, c)
	}
	style := func(c color.Color) ansi.Style { return ansi.NewStyle().ForegroundColor(c) }
	few := profile < colorprofile.ANSI256
	blue, green := hue("#005fd7", "#5fafff", lipgloss.BrightBlue), hue("#008700", "#5fd75f", lipgloss.Green)
	looks := [inks]ansi.Style{
		plain:  ansi.NewStyle(),
		dim:    style(hue("#6c6c6c", "#8a8a8a", nil)),
		bold:   ansi.NewStyle().Bold(),
		accent: style(blue),
		strong: style(blue).Bold(),
		good:   style(green),
		bad:    style(hue("#d70000", "#ff8787", lipgloss.Red)),
		warn:   style(hue("#875f00", "#ffaf5f", lipgloss.Yellow)).Bold(),
		pick:   style(hue("#875f00", "#ffd75f", lipgloss.Yellow)).Bold(),
		frame:  style(hue("#bcbcbc", "#4e4e4e", lipgloss.BrightBlack)),
		badge:  style(hue("#ffffff", "#121212", lipgloss.Black)).BackgroundColor(blue).Bold(),
	}
	if few {
		looks[dim] = ansi.NewStyle().Faint()
	}
	p := &palette{}
	for i, s := range looks {
		p.ground[i], p.lit[i] = s.String(), s.BackgroundColor(hue("#e4e4e4", "#303030", nil)).String()
		if few {
			p.lit[i] = ansi.NewStyle().Reverse(true).String()
		}
	}
	p.ground[plain] = ""
	for i, c := range lipgloss.Blend1D(steps, hue("#875fd7", "#875fff", lipgloss.Blue), blue, green) {
		p.ramp[i] = style(c).String()
	}
	return p
}

// rise is the colour at a height from 0 to 1.
func (p *palette) rise(at float64) string {
	return p.ramp[int(max(0, min(1, at))*(steps-1)+0.5)]
}

// line is a line of the screen in the making. It takes no more than it has room for.
type line struct {
	text strings.Builder
	inks *[inks]string
	room int
}

func (p *palette) line(room int) *line { return &line{inks: &p.ground, room: max(0, room)} }

// put writes a text.
func (l *line) put(k ink, s string) *line { return l.raw(l.inks[k], clip(clean(s), l.room)) }

// raw writes a clean text that fits, in a colour.
func (l *line) raw(code, s string) *line {
	if s == "" {
		return l
	}
	l.room -= width(s)
	if code == "" {
		l.text.WriteString(s)
		return l
	}
	l.text.WriteString(code)
	l.text.WriteString(s)
	l.text.WriteString(ansi.ResetStyle)
	return l
}

// cell writes a text into a column of w cells, at its left or at its right.
func (l *line) cell(k ink, s string, w int, right bool) *line {
	s = clip(clean(s), min(w, l.room))
	pad := strings.Repeat(" ", max(0, min(w, l.room)-width(s)))
	if right {
		return l.put(plain, pad).put(k, s)
	}
	return l.put(k, s).put(plain, pad)
}

// last writes a text at the right end, if there is room for it.
func (l *line) last(k ink, s string) *line {
	if s = clean(s); width(s) <= l.room {
		l.put(plain, strings.Repeat(" ", l.room-width(s))).put(k, s)
	}
	return l
}

// join appends another line, if there is room for it.
func (l *line) join(other *line) {
	other.put(plain, strings.Repeat(" ", other.room))
	l.raw("", other.text.String())
}

// String is the line, filled with blanks.
func (l *line) String() string {
	return l.put(plain, strings.Repeat(" ", l.room)).text.String()
}
