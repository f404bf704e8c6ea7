package live

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/runtime/elem"
)

// content is what a pane shows: its name, a note beside it, and its lines.
func (m *model) content(p pane, w, h int) (name, note string, lines []string) {
	s := &m.state
	switch p {
	case hallPane:
		if n := len(s.Hall); n > 0 {
			note = fmt.Sprintf("%d of %d", m.place+1, n)
		}
		return "hall of fame", note, m.hallLines(w, h)
	case rulePane:
		name, note = m.ruleName()
		return name, note, m.ruleLines(w, h)
	case curvePane:
		if n := len(s.Curve); n > 0 {
			note = score(s.Curve[n-1].Best)
		}
		return "best bound", note, m.curveLines(w, h)
	case rungsPane:
		return "rungs", "", m.rungLines(w, h)
	case frontPane:
		if n := len(s.Front); n > 0 {
			note = counted(n, "rule")
		}
		return "bound by size", note, m.frontLines(w, h)
	}
	return "events", "", m.eventLines(w, h)
}

func (m *model) ruleName() (name, note string) {
	r, ok := m.rule()
	if !ok {
		return "rule", ""
	}
	name = fmt.Sprintf("rule %d", r.ID)
	if r.Name != "" {
		name += ", " + r.Name
	}
	if r.Pick {
		note = "the pick"
	}
	return name, note
}

// ruleLines are the selected rule: its formula, what it costs, and its score on every task.
func (m *model) ruleLines(w, h int) []string {
	r, ok := m.rule()
	if !ok {
		return m.nothing(w, "Here stand the formula and the scores", "of the selected rule.")
	}
	var out []string
	tasks := m.tasks(r)
	few := (len(tasks) + 1) / 2 // lines that the scores take in two columns
	for _, text := range wrap(clean(r.Formula), w, max(1, h-1-few)) {
		l := m.palette.line(w)
		colourFormula(l, text)
		out = append(out, l.String())
	}
	out = append(out, m.cost(r, w))
	if h-len(out) > len(tasks) {
		out = append(out, m.palette.line(w).String())
	}
	return append(out, m.scores(r, tasks, w, h-len(out))...)
}

// cost is what a rule takes, in as many words as fit.
func (m *model) cost(r Rule, w int) string {
	facts := []string{
		fmt.Sprintf("size %s", short(r.Size)), fmt.Sprintf("%s of state", counted(r.StateBytes, "byte")), counted(r.Flops, "flop"),
		counted(r.Count, "evaluation"), "fitness " + score(r.Mean), age(r.Age) + " old",
	}
	l := m.palette.line(w)
	for i, f := range facts {
		if i > 0 {
			f = " · " + f
		}
		if width(f) > l.room {
			break
		}
		l.put(dim, f)
	}
	return l.String()
}

// tasks are the names of all tasks, and of scores that belong to none.
func (m *model) tasks(r Rule) []string {
	var out []string
	for _, rung := range m.state.Rungs {
		out = append(out, rung.Tasks...)
	}
	for i := len(out); i < len(r.Scores); i++ {
		out = append(out, fmt.Sprintf("task %d", i+1))
	}
	return out
}

// scores are bars around AdamW's score, task by task, in two columns where one is too short.
func (m *model) scores(r Rule, tasks []string, w, h int) []string {
	if h < 1 || len(tasks) == 0 {
		return nil
	}
	columns := 1
	if len(tasks) > h && w >= 40 {
		columns = 2
	}
	lo, hi := m.scale()
	name := 0
	for _, t := range tasks {
		name = max(name, width(clean(t)))
	}
	room := (w - 2*(columns-1)) / columns
	name = min(name, max(8, room/2-2))
	rows := min(h, (len(tasks)+columns-1)/columns)
	hidden := len(tasks) - rows*columns
	var out []string
	for i := range rows {
		l := m.palette.line(w)
		for c := range columns {
			l.put(plain, strings.Repeat(" ", 2*c))
			switch t := i + c*rows; {
			case hidden > 0 && t == rows*columns-1:
				l.put(dim, fmt.Sprintf("and %d more", hidden+1))
			case t < len(tasks):
				m.scoreLine(l, tasks[t], r.Scores[min(t, len(r.Scores)):], name, room, lo, hi)
			}
		}
		out = append(out, l.String())
	}
	return out
}

// scoreLine is a task and the first of scores, if there is one.
func (m *model) scoreLine(l *line, task string, scores []float64, name, room int, lo, hi float64) {
	task = middle(clean(task), name)
	if len(scores) == 0 {
		l.cell(dim, task, name, false).cell(dim, "   not run", room-name, false)
		return
	}
	l.cell(plain, task, name, false).cell(signInk(math.Round(100*scores[0])/100), signed(scores[0], 2), 6, true).put(plain, " ")
	l.bar(scores[0], lo, hi, room-name-7)
}

// scale is the ends of the bars: the same for all rules of the hall, so that they may be compared.
func (m *model) scale() (lo, hi float64) {
	lo, hi = extent(func(yield func(float64) bool) {
		for _, r := range m.state.Hall {
			for _, s := range r.Scores {
				if !yield(s) {
					return
				}
			}
		}
	})
	return min(lo, -hi/4), max(hi, -lo/4)
}

// curveLines are the best bound over births.
func (m *model) curveLines(w, h int) []string {
	s := &m.state
	curve := s.Curve
	if len(curve) == 0 || w < axisWidth+8 || h < 2 {
		return m.nothing(w, "The best bound over births", "is drawn here.")
	}
	p, last := newPlot(w-axisWidth, h-1), curve[len(curve)-1]
	best := math.Inf(-1)
	lo, hi := extent(func(yield func(float64) bool) {
		for _, q := range curve {
			if elem.IsFinite(q.Best) {
				best = max(best, q.Best)
			}
			if !yield(q.Best) {
				return
			}
		}
	})
	lo = max(lo, min(best-0.5, -best/2)) // where the first rules lie, far below, nothing is to be seen
	curve = slices.DeleteFunc(slices.Clone(curve), func(q Point) bool { return q.Best < lo })
	births := max(s.Births, last.Birth, 1)
	p.bounds(0, float64(births), lo, hi)
	p.steps(curve)
	return p.lines(m.palette, "births", "0", whole(births))
}

// frontLines are the Pareto front, bound against size, and beside it the rules if there is room.
func (m *model) frontLines(w, h int) []string {
	front := slices.Clone(m.state.Front)
	if len(front) == 0 || w < axisWidth+8 || h < 2 {
		return m.nothing(w, "Here stand the rules that no other beats", "in fitness, size, state and work alike.")
	}
	slices.SortStableFunc(front, func(a, b Rule) int { return cmp.Or(cmp.Compare(a.Size, b.Size), cmp.Compare(b.Bound, a.Bound)) })
	switch {
	case w >= 72:
		out := m.scatter(front, w/2, h)
		list := m.frontList(front, w-w/2-2, h)
		for i := range out {
			out[i] += "  " + list[i]
		}
		return out
	case h >= stacked:
		plot := append(m.scatter(front, w, h-h/2-1), m.palette.line(w).String())
		return append(plot, m.frontList(front, w, h/2)...)
	}
	return m.scatter(front, w, h)
}

// scatter draws the rules of the front, and the line above which one must be to beat all of its size.
func (m *model) scatter(front []Rule, w, h int) []string {
	p := newPlot(w-axisWidth, h-1)
	lo, hi := extent(func(yield func(float64) bool) {
		for _, r := range front {
			if !yield(r.Bound) {
				return
			}
		}
	})
	size := front[len(front)-1].Size
	p.bounds(0, float64(size), lo, hi)
	best := math.Inf(-1)
	var edge []Point
	for _, r := range front {
		if elem.IsFinite(r.Bound) && r.Bound > best {
			best = r.Bound
			edge = append(edge, Point{r.Size, best})
		}
	}
	p.steps(edge)
	for _, r := range front {
		if elem.IsFinite(r.Bound) {
			p.mark(float64(r.Size), r.Bound, '●', plain)
		}
	}
	if r, ok := m.rule(); ok && elem.IsFinite(r.Bound) && slices.ContainsFunc(front, func(f Rule) bool { return f.ID == r.ID }) {
		p.mark(float64(r.Size), r.Bound, '◆', strong)
	}
	return p.lines(m.palette, "size", "0", whole(size))
}

// frontList is the front as a table.
func (m *model) frontList(front []Rule, w, h int) []string {
	out := []string{m.palette.line(w).cell(dim, "size", 4, true).cell(dim, "bound", 9, true).put(dim, "  rule").String()}
	for _, r := range front[:min(len(front), max(0, h-1))] {
		l := m.palette.line(w)
		selected := r.ID == m.selected
		if selected {
			l.inks = &m.palette.lit
		}
		l.cell(plain, short(r.Size), 4, true).cell(signInk(r.Bound), score(r.Bound), 9, true).put(plain, "  ")
		ruleText(l, r, selected)
		out = append(out, l.String())
	}
	for len(out) < h {
		out = append(out, m.palette.line(w).String())
	}
	return out
}

// rungLines are the rungs, and how many forms each has let through.
func (m *model) rungLines(w, h int) []string {
	s := &m.state
	if len(s.Rungs) == 0 {
		return m.nothing(w, "The search has no rungs.")
	}
	limits := w >= 40
	head := m.palette.line(w).put(dim, "   reached  passed")
	if limits {
		head.put(dim, "    limit")
	}
	out := []string{head.put(dim, "  tasks").String()}
	for i, r := range s.Rungs {
		limit := missing
		if elem.IsFinite(r.Limit) {
			limit = score(r.Limit)
		}
		l := m.palette.line(w).cell(accent, strconv.Itoa(i+1), 2, true).cell(plain, short(r.Reached), 8, true)
		l.cell(plain, share(r.Passed, r.Reached, 1), 8, true)
		if limits {
			l.cell(dim, limit, 9, true)
		}
		out = append(out, l.put(plain, "  "+strings.Join(r.Tasks, ", ")).String())
	}
	return out
}

// eventLines are what was worth telling, the latest first.
func (m *model) eventLines(w, h int) []string {
	events := m.state.Events
	if len(events) == 0 {
		return m.nothing(w, "Nothing worth telling has happened yet.")
	}
	birth := 0
	for _, e := range events {
		birth = max(birth, len(strconv.Itoa(e.Birth)))
	}
	var out []string
	for i := len(events) - 1; i >= 0 && len(out) < h; i-- {
		l := m.palette.line(w).cell(dim, strconv.Itoa(events[i].Birth), birth, true).put(plain, "  ")
		k := plain
		if i == len(events)-1 {
			k = bold
		}
		out = append(out, l.put(k, events[i].Text).String())
	}
	return out
}

// help is what the keys do and what the words mean, in lines of the width w.
func (m *model) help(w int) []string {
	var out []string
	add := func(k ink, name, text string, room int) {
		for i, t := range wrap(text, max(8, w-room-2), 20) {
			if i > 0 {
				name = ""
			}
			out = append(out, m.palette.line(w).cell(k, name, room, false).put(plain, "  "+t).String())
		}
	}
	for _, b := range helped {
		add(strong, b.Help().Key, b.Help().Desc, 14)
	}
	out = append(out, m.palette.line(w).String())
	for _, g := range glossary {
		add(bold, g[0], g[1], 14)
	}
	return out
}
