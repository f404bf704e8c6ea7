package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/search/internal/fitness"
)

// pickView is the pick.
type pickView struct {
	Name, ID, Why string
	Formula       formula
	Legend        string
	Facts         []fact
	Rule, LaTeX   string
	Says          []string // what the evidence is
	Warning       string
}

func viewPick(p *Page) any {
	if p.Pick == nil {
		return nil
	}
	k := p.Pick
	set, used := mathOf(k.Formula)
	v := pickView{
		Name: cut(k.Name, longName), ID: cut(k.ID, longName), Why: cut(k.Why, longText),
		Formula: formula{cut(k.Formula, longRule), set}, Facts: k.facts(), Rule: cut(strings.TrimRight(k.Rule, "\n"), longRule),
		LaTeX: cut(k.LaTeX, longRule), Says: p.evidence(), Warning: p.warning(),
	}
	if signs := legend(used); len(signs) > 0 {
		v.Legend = "Here " + strings.Join(signs, "; ") + "."
	}
	return v
}

// evidence sums up what the page holds for the pick.
func (p *Page) evidence() []string {
	k := p.Pick
	says := []string{fmt.Sprintf("Born %s, evaluated %s, through %s.", times(k.Births), times(k.Evaluations), plural(int64(k.Rungs), "rung", "rungs"))}
	if n := len(p.Checks); n > 1 {
		for _, c := range p.Checks[1:min(n, mostRuns)] {
			text := capital(cut(c.Name, longName)) + ": fitness " + score(c.Fitness)
			if left := p.left(c); left != "" {
				text += ", " + left + " of its lead"
			}
			says = append(says, text+".")
		}
	}
	if s := p.Sealed; s != nil {
		test := "Sealed test"
		if s.Of != "" {
			test = "Sealed test of what simplify has left of it, not of the pick itself"
		}
		for _, v := range s.Versus[:min(len(s.Versus), mostRuns)] {
			says = append(says, fmt.Sprintf("%s: better than %s on %d of %s (sign test, p %s).",
				test, cut(v.Baseline, longName), v.Wins, plural(int64(v.Wins+v.Losses+v.Ties), "task", "tasks"), pValue(v.Sign)))
		}
	}
	if c := k.Chance; c != nil && c.Chains > 0 {
		says = append(says, fmt.Sprintf("Of %s of %s, from the same starts and without selection, %s this rule.",
			plural(c.Chains, "chain", "chains"), plural(int64(c.Length), "mutation", "mutations each"), reached(c.Reached)))
	}
	return says
}

// left is how much another check has of the first one's lead, "" if that is not known or there was no lead.
func (p *Page) left(c Check) string {
	if first := p.Checks[0].Fitness; first > 0 && elem.IsFinite(first) && elem.IsFinite(c.Fitness) {
		return number(100*c.Fitness/first, 2) + " %"
	}
	return ""
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return whole(int64(n)) + " times"
}

func reached(n int64) string {
	switch n {
	case 0:
		return "none reaches"
	case 1:
		return "one reaches"
	}
	return whole(n) + " reach"
}

func capital(text string) string {
	r := []rune(text)
	if len(r) == 0 {
		return "Again"
	}
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}

// pValue is a probability in a table.
func pValue(p float64) string {
	switch {
	case !(p >= 0 && p <= 1):
		return unknown
	case p < 1e-4:
		return "< 0.0001"
	}
	return number(p, 2)
}

// warning says what the pick has not been put to.
func (p *Page) warning() string {
	switch {
	case p.Sealed == nil && len(p.Checks) == 0:
		return "These numbers are of the runs that chose the pick, so luck is in them. On fresh seeds expect about the lower bound; of other tasks nothing is known yet."
	case p.Sealed == nil:
		return "It has not been put to the sealed tasks: nothing is known beyond the tasks that chose it."
	case p.Sealed.Looks > 1:
		return "The sealed tasks have been looked at " + times(p.Sealed.Looks) + ". With each look a lucky outcome is likelier, and the p-values do not count that."
	}
	return ""
}

// scoresView is the pick's score on every task.
type scoresView struct {
	Worst, Best string
	Table       table
}

func viewScores(p *Page) any {
	if p.Pick == nil || len(p.Pick.Scores) == 0 {
		return nil
	}
	k, others := p.Pick, p.rivals()
	scores := k.Scores[:min(len(k.Scores), mostRows)]
	a := newAxis(lowest(scores, others), fitness.Best)
	t := table{Names: []string{"score"}, Rest: rest(len(k.Scores), mostRows), Head: head(a, 6)}
	for i, v := range scores {
		task, se := taskAt(p.Tasks, i), at(k.Errors, i)
		s := newStrip(a, fitness.Worst, fitness.Best)
		s.bar(v, se, "pick")
		for _, f := range others {
			s.line(at(f.Scores, i), f.title()+" "+score(at(f.Scores, i)))
		}
		t.Rows = append(t.Rows, tableRow{Name: cut(task.Name, longName), Note: cut(task.Doc, longText), Strip: s, Cells: []tableCell{withError(v, se, 2)}})
	}
	t.Keys = []key{{"bar pick", "M-8-5h16v10h-16z", "the pick"}}
	if slices.ContainsFunc(k.Errors, func(e float64) bool { return elem.IsFinite(e) && e > 0 }) {
		t.Keys = append(t.Keys, key{"hair", "M-8 0h16m-16-3v6m16-6v6", "± one standard error"})
	}
	if len(others) > 0 {
		t.Keys = append(t.Keys, key{"rival", "M-3-5v10m6-10v10", "others of the hall of fame"})
	}
	return scoresView{number(fitness.Worst, 3), number(fitness.Best, 3), t}
}

// lowest is where the axis of scores begins.
func lowest(scores []float64, others []Form) float64 {
	low := -0.5
	for i, v := range scores {
		if elem.IsFinite(v) {
			low = min(low, v)
		}
		for _, f := range others {
			if v := at(f.Scores, i); elem.IsFinite(v) {
				low = min(low, v)
			}
		}
	}
	return max(low, fitness.Worst)
}

// rivals are the first forms of the hall but for the pick.
func (p *Page) rivals() []Form {
	var out []Form
	for _, f := range p.Hall {
		if len(out) < 8 && (p.Pick == nil || f.ID != p.Pick.ID) && len(f.Scores) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// taskAt is the i-th task, by its number if the page does not name it.
func taskAt(tasks []Task, i int) Task {
	if i < len(tasks) {
		return tasks[i]
	}
	return Task{Name: fmt.Sprintf("task %d", i+1)}
}

// knockView is what a form's nodes are worth, and what simplification took from it.
type knockView struct {
	Of           *formula // nil for the pick itself
	Measured     string
	Table, Taken table
}

// otherFormula is a formula that is not the pick's, or nil.
func (p *Page) otherFormula(text string) *formula {
	if text == "" || p.Pick != nil && text == p.Pick.Formula {
		return nil
	}
	set, _ := mathOf(text)
	return &formula{cut(text, longRule), set}
}

func viewKnockOuts(p *Page) any {
	if len(p.KnockOuts) == 0 {
		return nil
	}
	rows := slices.Clone(p.KnockOuts)
	slices.SortStableFunc(rows, func(a, b KnockOut) int { return falling(a.Loss, b.Loss) })
	a := spread(0.1, func(yield func(float64)) {
		for _, list := range [][]KnockOut{rows, p.TakenOut} {
			for _, r := range list[:min(len(list), mostRows)] {
				yield(r.Loss - zeroIfUnknown(r.Error))
				yield(r.Loss + zeroIfUnknown(r.Error))
			}
		}
	})
	v := knockView{Table: knockTable(rows, a), Taken: knockTable(p.TakenOut, a)}
	if s := p.Simplified; s != nil {
		v.Of, v.Measured = p.otherFormula(s.Formula), cut(s.Measured, longText)
	}
	return v
}

func knockTable(rows []KnockOut, a axis) table {
	t := table{Head: head(a, 5), Rest: rest(len(rows), mostRows)}
	for _, r := range rows[:min(len(rows), mostRows)] {
		s := newStrip(a)
		class := "pick"
		if !(r.Loss > r.Error) {
			class = "idle"
		}
		s.bar(r.Loss, r.Error, class)
		t.Rows = append(t.Rows, tableRow{Name: cut(r.Node, longFormula), Second: cut(r.Replacement, longFormula), Strip: s, Cells: []tableCell{withError(r.Loss, r.Error, 2)}})
	}
	return t
}

func viewChecks(p *Page) any {
	if len(p.Checks) == 0 {
		return nil
	}
	t := table{Names: []string{"fitness", "of the lead"}, Rest: rest(len(p.Checks), mostRows)}
	rows := p.Checks[:min(len(p.Checks), mostRows)]
	a := spread(0.1, func(yield func(float64)) {
		for _, c := range rows {
			yield(c.Fitness + zeroIfUnknown(c.Error))
			yield(c.Fitness - zeroIfUnknown(c.Error))
		}
	})
	t.Head = head(a, 5)
	for i, c := range rows {
		s := newStrip(a)
		class := "pick"
		if i == 0 {
			class = "idle"
		}
		s.bar(c.Fitness, c.Error, class)
		left := tableCell{Text: cmp.Or(p.left(c), unknown), Class: "number"}
		t.Rows = append(t.Rows, tableRow{Name: cut(c.Name, longName), Note: cut(c.Text, longText), Strip: s, Cells: []tableCell{withError(c.Fitness, c.Error, 2), left}})
	}
	return t
}
