package live

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// How often the log has a line.
const (
	soonest = time.Second      // after the last one
	latest  = 10 * time.Second // if snapshots come
)

// Log returns what writes snapshots to a log: a line for whatever happens, and one every ten seconds. It is for one
// goroutine. What cannot be written is lost: the search is worth more than its log.
func Log(w io.Writer) func(State) {
	l := &log{w: w, now: time.Now, told: map[int]bool{}}
	return l.take
}

type log struct {
	w     io.Writer
	now   func() time.Time
	last  time.Time    // of the last line
	event Event        // the last one told
	told  map[int]bool // rules that were told as the best
	begun bool
	ended bool
}

// take writes a line if there is something to tell and the last one is long enough ago.
func (l *log) take(s State) {
	now := l.now()
	if l.ended {
		return
	} else if !l.begun {
		l.begin(s)
	} else if since := now.Sub(l.last); since < soonest && !s.Done {
		return
	} else if texts := l.news(s); len(texts) > 0 || since >= latest || s.Done {
		l.line(s, texts)
	} else {
		return
	}
	l.last, l.ended = now, s.Done
}

// begin writes what search it is and the names of the columns.
func (l *log) begin(s State) {
	l.begun = true
	budget := "no budget"
	switch {
	case s.Budget > 0:
		budget = "budget " + exact(s.Budget)
	case s.BudgetEvals > 0:
		budget = "budget " + whole(s.BudgetEvals) + " evaluations"
	}
	starts := clean(strings.Join(s.Starts, ", "))
	fmt.Fprintf(l.w, "search %s: seed %d, from %s, %s, %s\n", clean(s.Archive), s.Seed, starts, counted(s.Workers, "worker"), budget)
	fmt.Fprintf(l.w, logRow+"news\n", "elapsed", "births", "known", "evaluated", "evals/s", "bound")
	l.line(s, l.news(s))
}

const logRow = "%7s  %11s  %6s  %9s  %7s  %7s  "

// news is what has happened since the last line: a new best rule, and events, the last few in full.
func (l *log) news(s State) []string {
	var out []string
	if len(s.Hall) > 0 && !l.told[s.Hall[0].ID] {
		text := "new best: "
		if n := len(s.Rungs); n > 0 {
			text = fmt.Sprintf("new best, on rung %d of %d: ", s.Hall[0].Rung, n) // one with a lower bound that got farther is better
		}
		out = append(out, text+oneLine(s.Hall[0]))
	}
	from := len(s.Events)
	for from > 0 && s.Events[from-1] != l.event {
		from--
	}
	fresh := s.Events[from:]
	if more := len(fresh) - mostEvents; more > 0 {
		out = append(out, counted(more, "earlier event"))
		fresh = fresh[more:]
	}
	for _, e := range fresh {
		out = append(out, fmt.Sprintf("birth %d: %s", e.Birth, clean(e.Text)))
	}
	if s.Done && s.Message != "" {
		out = append(out, clean(s.Message))
	}
	return out
}

// mostEvents is how many a line tells in full.
const mostEvents = 3

// oneLine is a rule in one line.
func oneLine(r Rule) string {
	text := fmt.Sprintf("birth %d, ", r.ID)
	if r.Name != "" {
		text += clean(r.Name) + ", "
	}
	return text + middle(clean(r.Formula), 60)
}

// line writes the counters and what there is to tell.
func (l *log) line(s State, texts []string) {
	bound := missing
	if len(s.Hall) > 0 {
		bound = score(s.Hall[0].Bound)
		l.told[s.Hall[0].ID] = true
	}
	if n := len(s.Events); n > 0 {
		l.event = s.Events[n-1]
	}
	row := fmt.Sprintf(logRow, span(s.Elapsed), whole(s.Births), share(s.Known, s.Births, 1), whole(s.Evaluated),
		strings.TrimSuffix(rate(s.EvalRate), "/s"), bound)
	fmt.Fprintln(l.w, strings.TrimRight(row+strings.Join(texts, "; "), " "))
}
