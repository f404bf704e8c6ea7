package live

import (
	"strconv"
	"strings"
	"time"
)

// fresh is how long a rule is marked as new.
const fresh = 15 * time.Second

// column is a column of the hall of fame before the last, which is the rule itself.
type column struct {
	name string
	rank int // the least are the last to go where there is no room
	cell func(r Rule) (ink, string)
	w    int
}

// hallColumns are the columns that a table of the given width has, each as wide as its cells.
func hallColumns(hall []Rule, of, w int) []column {
	all := []column{
		{"birth", 0, birthCell, 0},
		{"bound", 0, func(r Rule) (ink, string) { return signInk(r.Bound), score(r.Bound) }, 0},
		{"fitness", 7, func(r Rule) (ink, string) { return plain, score(r.Mean) }, 0},
		{"rungs", 1, func(r Rule) (ink, string) { return accent, rungs(r.Rung, of) }, 0},
		{"size", 2, func(r Rule) (ink, string) { return plain, short(r.Size) }, 0},
		{"bytes", 3, func(r Rule) (ink, string) { return plain, short(r.StateBytes) }, 0},
		{"flops", 4, func(r Rule) (ink, string) { return plain, short(r.Flops) }, 0},
		{"evals", 6, func(r Rule) (ink, string) { return dim, short(r.Count) }, 0},
		{"age", 7, func(r Rule) (ink, string) { return dim, age(r.Age) }, 0},
	}
	left := w - gutter
	for rank := range len(all) {
		for i := range all {
			c := &all[i]
			if c.rank != rank {
				continue
			}
			c.w = width(c.name)
			for _, r := range hall {
				_, text := c.cell(r)
				c.w = max(c.w, width(text))
			}
			if left -= c.w + gap; rank > 0 && left < min(44, w*9/20) {
				return kept(all, rank)
			}
		}
	}
	return all
}

// kept are the columns that come before a rank.
func kept(all []column, rank int) []column {
	var out []column
	for _, c := range all {
		if c.rank < rank {
			out = append(out, c)
		}
	}
	return out
}

// Cells before a table and between its columns.
const (
	gutter = 3
	gap    = 2
)

func birthCell(r Rule) (ink, string) {
	if r.Age < fresh {
		return warn, strconv.Itoa(r.ID)
	}
	return plain, strconv.Itoa(r.ID)
}

// signInk tells what beats AdamW from what does not.
func signInk(v float64) ink {
	switch {
	case v >= 0.0005: // less is shown as zero
		return good
	case v <= -0.0005:
		return bad
	}
	return plain
}

// columnNames is the first line of a table.
func columnNames(l *line, columns []column) {
	l.put(plain, strings.Repeat(" ", gutter))
	for _, c := range columns {
		l.cell(dim, c.name, c.w, c.name != "rungs").put(plain, strings.Repeat(" ", gap))
	}
	l.put(dim, "rule")
}

// ruleRow is a rule as a line of a table. An arrow marks the pick, a bar the selected one.
func ruleRow(l *line, columns []column, r Rule, selected bool) {
	edge, arrow := " ", " "
	if selected {
		edge = "▌"
	}
	if r.Pick {
		arrow = "→"
	}
	l.put(strong, edge).put(pick, arrow).put(plain, " ")
	for _, c := range columns {
		k, text := c.cell(r)
		l.cell(k, text, c.w, c.name != "rungs").put(plain, strings.Repeat(" ", gap))
	}
	ruleText(l, r, selected)
}

// ruleText is the name of a rule and its formula, as much of it as fits.
func ruleText(l *line, r Rule, selected bool) {
	formula := clean(r.Formula)
	if r.Name == "" {
		colourFormula(l, middle(formula, l.room))
		return
	}
	k := accent
	if selected {
		k = strong
	}
	l.put(k, r.Name)
	if l.room >= 12 {
		l.put(plain, "  ").put(dim, middle(formula, l.room))
	}
}

// colourFormula writes a clean formula with its operators, its numbers and its signs told apart.
func colourFormula(l *line, formula string) {
	for formula != "" {
		k := kindOf(formula[0])
		n := 1
		for n < len(formula) && kindOf(formula[n]) == k {
			n++
		}
		l.put(k, formula[:n])
		formula = formula[n:]
	}
}

// kindOf is the ink of a byte of a formula. Bytes of characters that are not ASCII are of the same kind as letters.
func kindOf(b byte) ink {
	switch {
	case b >= '0' && b <= '9', b == '.', b == '-':
		return accent
	case b == '(', b == ')', b == ',', b == ';', b == ' ':
		return dim
	}
	return plain
}

// hallLines are the hall of fame around the selected rule.
func (m *model) hallLines(w, h int) []string {
	hall := m.state.Hall
	if len(hall) == 0 {
		return m.nothing(w, "No rule has been evaluated yet.", "The first ones are under way.")
	}
	columns := hallColumns(hall, len(m.state.Rungs), w)
	head := m.palette.line(w)
	columnNames(head, columns)
	out := []string{head.String()}
	rows := max(1, h-1)
	top := max(0, min(m.place-rows/2, len(hall)-rows))
	for i := top; i < min(len(hall), top+rows); i++ {
		l := m.palette.line(w)
		if i == m.place {
			l.inks = &m.palette.lit
		}
		ruleRow(l, columns, hall[i], i == m.place)
		out = append(out, l.String())
	}
	return out
}

// nothing says why a pane is empty.
func (m *model) nothing(w int, texts ...string) []string {
	out := []string{m.palette.line(w).String()}
	for _, t := range texts {
		out = append(out, m.palette.line(w).put(dim, " "+t).String())
	}
	return out
}
