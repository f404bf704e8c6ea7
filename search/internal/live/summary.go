package live

import (
	"fmt"
	"strings"

	"github.com/optc-lang/optc/search/internal/fitness"
)

// summaryWidth is that of the table at the end, unless the terminal is narrower.
const summaryWidth = 104

// Summary is the text that is printed when a search has ended: the hall of fame, the pick, and what may be done next.
func Summary(s State, columns int) string {
	var b strings.Builder
	if s.Message != "" {
		fmt.Fprintf(&b, "%s\n\n", clean(s.Message))
	}
	fmt.Fprintf(&b, "%s: %s, %s known, %s in %s, %s\n\n", clean(s.Archive), counted(s.Births, "birth"), share(s.Known, s.Births, 1),
		counted(s.Evaluated, "evaluation"), counted(s.Runs, "run"), span(s.Elapsed))
	if len(s.Hall) == 0 {
		b.WriteString("No rule has been evaluated yet: give the search more time.\n")
	} else {
		hallText(&b, s, min(columns, summaryWidth))
		pickText(&b, s)
		fmt.Fprintf(&b, "\n%s\n", meaning(s))
	}
	if !s.Control {
		next(&b, s)
	}
	return b.String()
}

// hallText is the hall of fame as a table.
func hallText(b *strings.Builder, s State, width int) {
	columns := hallColumns(s.Hall, len(s.Rungs), width)
	l := blankPalette.line(width)
	columnNames(l, columns)
	fmt.Fprintln(b, strings.TrimRight(l.String(), " "))
	for _, r := range s.Hall {
		l := blankPalette.line(width)
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

// meaning says what the bound of the pick means.
func meaning(s State) string {
	for _, r := range s.Hall {
		if !r.Pick {
			continue
		}
		text := "0 is AdamW, tuned for each task; 1 is a deviation of its loss from seed to seed. "
		switch {
		case r.Rung < len(s.Rungs):
			text += "Nothing has been through all tasks yet."
		case r.Mean > fitness.Best-0.01:
			text += "That is the most that a score can be: rules differ in size and luck alone, and harder or more tasks would tell them apart."
		case r.Bound > 0:
			text += "The pick is better on these tasks; whether on others, a test tells."
		case r.Mean > 0:
			text += "The pick may be better on these tasks, or was lucky."
		default:
			text += "Nothing is as good as that yet: rules have the same constants on all tasks."
		}
		return text
	}
	return ""
}

// next is the commands that go on from here.
func next(b *strings.Builder, s State) {
	file := quoted(s.Archive)
	lines := [][2]string{{"optc search hall " + file, "the whole hall of fame"}, {"optc search report " + file, "all of it as a page"}}
	for _, r := range s.Hall {
		if r.Pick {
			lines = append(lines, [2]string{fmt.Sprintf("optc search explain %s %d", file, r.ID), "all that is known of the pick"}, [2]string{fmt.Sprintf("optc search simplify %s %d", file, r.ID), "what each part of it is worth"},
				[2]string{fmt.Sprintf("optc search test %s %d", file, r.ID), "beside tuned AdamW, Lion and Signum on sealed tasks: at the end, once"})
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
