package live

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The least screen with everything on it in its place; less of it is shown on a smaller one.
const (
	tallHeader = 12 // lines of the screen from which on counters are shown
	splitBody  = 16 // lines of the body from which on other panes stand below the hall
	stacked    = 16 // lines from which on two panes stand one above the other
	usualHall  = 20 // rules that the hall has room for before it has them, so that nothing moves
)

// screen is the whole screen.
func (m *model) screen() string {
	w, h := m.width, m.height
	if w < 1 || h < 1 {
		return ""
	}
	lines := m.header(w, h)
	foot := m.footer(w, h)
	if room := h - len(lines) - len(foot); room > 0 {
		lines = append(lines, m.body(w, room)...)
	}
	lines = append(lines, foot...)
	return strings.Join(lines[:min(h, len(lines))], "\n")
}

// header is what search this is, how far it has got, and its counters.
func (m *model) header(w, h int) []string {
	lines := []string{m.title(w), m.progress(w)}
	if h >= tallHeader {
		lines = append(lines, m.counters(w)...)
	}
	return lines
}

// title names the search. What there is no room for is left out, the archive last.
func (m *model) title(w int) string {
	s := &m.state
	l := m.palette.line(w).put(badge, " optc search ").put(plain, " ")
	facts := []string{fmt.Sprintf("seed %d", s.Seed), counted(s.Workers, "worker")}
	if len(s.Starts) > 0 {
		facts = append([]string{"from " + strings.Join(s.Starts, ", ")}, facts...)
	}
	for ; len(facts) > 0; facts = facts[1:] {
		right := clean(strings.Join(facts, " · "))
		if name := clean(s.Archive); l.room >= min(width(name), 24)+2+width(right)+1 {
			return l.put(bold, middle(name, l.room-width(right)-3)).last(dim, right+" ").String()
		}
	}
	return l.put(bold, middle(clean(s.Archive), l.room)).String()
}

// progress is the time that has passed, of the budget if there is one.
func (m *model) progress(w int) string {
	s, elapsed := &m.state, m.elapsed()
	l := m.palette.line(w).put(plain, " ").put(bold, span(elapsed))
	var done float64
	var of, left string
	switch {
	case s.Budget > 0:
		done = float64(elapsed) / float64(s.Budget)
		of, left = " of "+exact(s.Budget), span(s.Budget-elapsed)+" left"
	case s.BudgetEvals > 0:
		done = float64(s.Evaluated) / float64(s.BudgetEvals)
		of, left = fmt.Sprintf(" · %s of %s evaluated", whole(s.Evaluated), whole(s.BudgetEvals)), m.remaining()
	case s.Done:
		return l.put(dim, " · done").String()
	default:
		return l.put(dim, " · no budget: it goes on until it is stopped").String()
	}
	done = max(0, min(1, done))
	switch {
	case s.Done:
		left = "done"
	case done == 1:
		left = "ending"
	}
	l.put(dim, of).put(plain, "  ")
	right := fmt.Sprintf("  %.0f%% · %s ", 100*done, left)
	if width(right)+8 > l.room {
		right = fmt.Sprintf("  %.0f%% ", 100*done)
	}
	m.gauge(l, done, l.room-width(right))
	return l.last(dim, right).String()
}

// remaining is how long the rest of the evaluations takes at the present rate.
func (m *model) remaining() string {
	s := &m.state
	seconds := float64(s.BudgetEvals-s.Evaluated) / s.EvalRate
	if !(seconds >= 0 && seconds < 1e9) {
		return fmt.Sprintf("%s left", whole(max(0, s.BudgetEvals-s.Evaluated)))
	}
	return "about " + span(time.Duration(seconds*float64(time.Second))) + " left"
}

// gauge is a bar that is filled so far.
func (m *model) gauge(l *line, done float64, w int) {
	if w < 1 {
		return
	}
	full := fit(done, 2*w+1) // halves of cells
	for i := range full / 2 {
		l.raw(m.palette.rise(float64(i)/float64(max(1, w-1))), barWhole)
	}
	l.raw(m.palette.rise(done), strings.Repeat(barLeft, full%2))
	l.put(frame, strings.Repeat(barWhole, w-full/2-full%2))
}

// tile is a counter, what is to be said of it, and the room that it needs.
type tile struct {
	name, value, rate, note string
	room                    int
}

// counters are the numbers of the search from what is made to what is trained: each is a part of the one before.
func (m *model) counters(w int) []string {
	s := &m.state
	tiles := []tile{
		{"candidates", short(s.Births + s.Dull), rate(s.CandidateRate), share(s.Dull, s.Births+s.Dull, 0) + " dull", 21},
		{"births", short(s.Births), rate(s.BirthRate), share(s.Known, s.Births, 0) + " known", 21},
		{"evaluated", short(s.Evaluated), rate(s.EvalRate), "", 19},
		{"runs", short(s.Runs), "", perForm(s.Runs, s.Evaluated), 14},
	}
	more := max(0, min(12, (w-76)/4))
	if w < 76 {
		tiles = tiles[:3]
	}
	names, notes := m.palette.line(w).put(plain, " "), m.palette.line(w).put(plain, " ")
	for i, t := range tiles {
		room := min(t.room+more, names.room)
		name := m.palette.line(room).put(dim, t.name+" ").put(bold, t.value)
		if i < len(tiles)-1 {
			name.last(frame, "›  ")
		}
		note := m.palette.line(room).put(accent, t.rate)
		if t.rate != "" && t.note != "" {
			note.put(dim, " · ")
		}
		names.join(name)
		notes.join(note.put(dim, t.note))
	}
	return []string{names.String(), notes.String()}
}

func perForm(runs, forms int) string {
	if forms <= 0 {
		return ""
	}
	return fmt.Sprintf("%.1f a rule", float64(runs)/float64(forms))
}

// footer is the last thing worth knowing, and the keys.
func (m *model) footer(w, h int) []string {
	if h < 6 {
		return nil
	}
	return []string{m.news(w), m.keyLine(w)}
}

func (m *model) news(w int) string {
	s := &m.state
	l := m.palette.line(w).put(plain, " ")
	switch {
	case m.stopping && !s.Done:
		return l.put(warn, "stopping: all that was found is kept").String()
	case s.Message != "":
		return l.put(warn, s.Message).String()
	case !m.began:
		return l.put(dim, "waiting for the search").String()
	case len(s.Events) == 0:
		return l.put(dim, "a bound above 0 beats AdamW tuned alike").String()
	}
	e := s.Events[len(s.Events)-1]
	return l.put(dim, fmt.Sprintf("birth %d  ", e.Birth)).put(plain, e.Text).String()
}

func (m *model) keyLine(w int) string {
	stop, note := "stop", "stopping loses nothing "
	switch {
	case m.state.Done:
		stop, note = "leave", ""
	case m.stopping:
		stop, note = "leave at once", ""
	}
	l := m.palette.line(w).put(plain, " ")
	for _, k := range [][2]string{{"q", stop}, {"↑↓", "rule"}, {"tab", "pane"}, {"enter", "zoom"}, {"?", "help"}} {
		if l.room >= width(k[0])+len(k[1])+3 {
			l.put(strong, k[0]).put(dim, " "+k[1]+"  ")
		}
	}
	return l.last(dim, note).String()
}

// body is the panes: the hall, and below it as many of the others as fit.
func (m *model) body(w, h int) []string {
	switch {
	case m.helping:
		inner, rows := inside(w, h)
		text := m.help(inner)
		m.scroll = max(0, min(m.scroll, len(text)-rows))
		return m.frame(w, h, "help", "↑↓ more · ? back", true, text[m.scroll:])
	case m.zoomed || h < splitBody:
		return m.box(m.focus, w, h)
	}
	top := min(h-max(stacked, h*9/20), max(usualHall, len(m.state.Hall))+3)
	top = max(top, 9)
	return append(m.box(hallPane, w, top), m.below(w, h-top)...)
}

// below is the panes below the hall, in columns.
func (m *model) below(w, h int) []string {
	columns := m.columns(w, h)
	first := w
	switch len(columns) {
	case 2:
		first = w/2 + max(0, 110-w)/3 // on a small screen the rule needs more
	case 3:
		first = w * 2 / 5
	}
	out := m.stack(columns[0], first, h)
	for i, column := range columns[1:] {
		room := (w - first) / (len(columns) - 1 - i)
		w -= room
		for j, text := range m.stack(column, room, h) {
			out[j] += text
		}
	}
	return out
}

// columns are the panes that fit below the hall. The one that had the focus last is always among them.
func (m *model) columns(w, h int) [][]pane {
	var out [][]pane
	switch high := h >= stacked; {
	case w < 76:
		out = [][]pane{{rulePane}}
	case w < 150 && !high:
		out = [][]pane{{rulePane}, {curvePane}}
	case w < 150:
		out = [][]pane{{rulePane}, {curvePane, rungsPane}}
	case !high:
		out = [][]pane{{rulePane}, {curvePane}, {frontPane}}
	default:
		out = [][]pane{{rulePane, eventsPane}, {curvePane, rungsPane}, {frontPane}}
	}
	if last := out[len(out)-1]; !slices.Contains(slices.Concat(out...), m.side) {
		last[len(last)-1] = m.side
	}
	return out
}

// stack draws panes above each other.
func (m *model) stack(column []pane, w, h int) []string {
	var out []string
	for i, p := range column {
		out = append(out, m.box(p, w, (h-len(out))/(len(column)-i))...)
	}
	return out
}

// box draws a pane in its frame.
func (m *model) box(p pane, w, h int) []string {
	inner, rows := inside(w, h)
	name, note, lines := m.content(p, inner, rows)
	return m.frame(w, h, superscripts[p]+name, note, m.focus == p, lines)
}

// inside is the room within a frame, which too small a place has none of.
func inside(w, h int) (int, int) {
	if w < 12 || h < 3 {
		return w, h
	}
	return w - 4, h - 2
}

// superscripts are the keys of the panes.
var superscripts = [panes]string{"¹", "²", "³", "⁴", "⁵", "⁶"}

// frame draws lines in a frame with a name and a note.
func (m *model) frame(w, h int, name, note string, focused bool, lines []string) []string {
	inner, rows := inside(w, h)
	lines = slices.Clone(lines[:min(len(lines), rows)])
	for len(lines) < rows {
		lines = append(lines, strings.Repeat(" ", inner))
	}
	if rows == h {
		return lines
	}
	edge, head := frame, bold
	if focused {
		edge, head = accent, strong
	}
	top := m.palette.line(w).put(edge, "╭─ ").put(head, clip(clean(name), w-8)).put(plain, " ")
	if note = clip(clean(note), top.room-5); note != "" {
		top.put(edge, strings.Repeat("─", top.room-width(note)-4)).put(dim, " "+note+" ")
	}
	top.put(edge, strings.Repeat("─", max(0, top.room-1))+"╮")
	side := m.palette.line(1).put(edge, "│").String()
	for i := range lines {
		lines[i] = side + " " + lines[i] + " " + side
	}
	bottom := m.palette.line(w).put(edge, "╰"+strings.Repeat("─", w-2)+"╯")
	return append(append([]string{top.String()}, lines...), bottom.String())
}
