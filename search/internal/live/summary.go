package live

import (
	"fmt"
	"strings"
)

// summaryWidth is that of the table at the end, which may go to a file.
const summaryWidth = 104

// Summary is the text that is printed when a search has ended: the hall of fame, the pick, and what may be done next.
func Summary(s State) string {
	var b strings.Builder
	if s.Message != "" {
		fmt.Fprintf(&b, "%s\n\n", clean(s.Message))
	}
	fmt.Fprintf(&b, "%s: %s, %s known, %s in %s, %s\n\n", clean(s.Archive), counted(s.Births, "birth"), share(s.Known, s.Births, 1),
		counted(s.Evaluated, "evaluation"), counted(s.Runs, "run"), span(s.Elapsed))
	if len(s.Hall) == 0 {
		b.WriteString("No rule has been evaluated yet: give the search more time.\n")
	} else {
		hallText(&b, s)
		pickText(&b, s)
	}
	next(&b, s)
	return b.String()
}

// hallText is the hall of fame as a table.
func hallText(b *strings.Builder, s State) {
	columns := hallColumns(s.Hall, len(s.Rungs), summaryWidth)
	l := blankPalette.line(summaryWidth)
	columnNames(l, columns)
	fmt.Fprintln(b, strings.TrimRight(l.String(), " "))
	for _, r := range s.Hall {
		l := blankPalette.line(summaryWidth)
		ruleRow(l, columns, r, false)
		fmt.Fprintln(b, strings.TrimRight(l.String(), " "))
	}
}

// blankPalette has no colours.
var blankPalette = &palette{}

// pickText is the pick in full.
func pickText(b *strings.Builder, s State) {
	for _, r := range s.Hall {
		if !r.Pick {
			continue
		}
		name := ""
		if r.Name != "" {
			name = ", " + clean(r.Name)
		}
		fmt.Fprintf(b, "\n→ birth %d%s, bound %s:\n\n    %s\n", r.ID, name, score(r.Bound), clean(r.Formula))
	}
}

// next is the commands that go on from here.
func next(b *strings.Builder, s State) {
	file := quoted(s.Archive)
	lines := [][2]string{{"optc search hall " + file, "the whole hall of fame"}, {"optc search report " + file, "all of it as a page"}}
	for _, r := range s.Hall {
		if r.Pick {
			lines = append(lines, [2]string{fmt.Sprintf("optc search explain %s %d", file, r.ID), "all that is known of the pick"}, [2]string{fmt.Sprintf("optc search simplify %s %d", file, r.ID), "what each part of it is worth"})
		}
	}
	lines = append(lines, [2]string{"optc search " + file + " --budget 10m", "go on for ten minutes"})
	w := 0
	for _, l := range lines {
		w = max(w, width(l[0]))
	}
	b.WriteString("\nNext:\n")
	for _, l := range lines {
		fmt.Fprintf(b, "  %s%s   %s\n", l[0], strings.Repeat(" ", w-width(l[0])), l[1])
	}
}
