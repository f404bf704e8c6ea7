package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/optc-lang/optc/runtime/elem"
)

// sealedView is the sealed test.
type sealedView struct {
	Of           *formula // what was tested, if not the pick
	Count        int
	Table        table
	Versus       []versusRow
	Looks, Seeds string
	Fewer, Drawn string
	Beyond       string
}

type versusRow struct{ Baseline, Wins, Sign, Rank, Ratio, Shorter string }

func viewSealed(p *Page) any {
	s := p.Sealed
	if s == nil || len(s.Versus) == 0 {
		return nil
	}
	v := sealedView{Of: p.otherFormula(s.Of), Count: len(s.Tasks), Looks: looks(s.Looks), Drawn: cut(s.Drawn, longText)}
	if s.Seeds > 0 {
		v.Seeds = plural(int64(s.Seeds), "seed", "seeds") + " a task"
	}
	if s.Fewer > 0 && elem.IsFinite(s.Fewer) {
		v.Fewer = number(s.Fewer, 3)
	}
	versus := s.Versus[:min(len(s.Versus), mostRuns)]
	for _, b := range versus {
		v.Versus = append(v.Versus, b.row())
	}
	v.Table, v.Beyond = sealedTable(s, versus)
	return v
}

// looks says how often sealed tasks have been read.
func looks(n int) string {
	switch n {
	case 0:
		return "How often the sealed tasks have been looked at is not known."
	case 1:
		return "This is the first look at the sealed tasks."
	}
	return "The sealed tasks have been looked at " + times(n) + "."
}

// row is a baseline's line of the summary.
func (b Versus) row() versusRow {
	r := versusRow{Baseline: cut(b.Baseline, longName), Sign: pValue(b.Sign), Rank: pValue(b.Rank), Ratio: number(b.Ratio, 3),
		Shorter: whole(int64(b.Shorter)), Wins: fmt.Sprintf("%d : %d", b.Wins, b.Losses)}
	if b.Ties > 0 {
		r.Wins += fmt.Sprintf(", %d tied", b.Ties)
	}
	return r
}

// sealedTable has a row for each task, those that the pick does best on first, and a dot in it for each baseline.
func sealedTable(s *Sealed, versus []Versus) (t table, beyond string) {
	rows := slices.Clone(s.Tasks)
	slices.SortStableFunc(rows, func(a, b SealedTask) int { return falling(at(a.Leads, 0), at(b.Leads, 0)) })
	t.Rest, rows = rest(len(rows), mostRows), rows[:min(len(rows), mostRows)]
	a, cuts := leadAxis(rows, len(versus))
	if cuts {
		beyond = "What lies beyond the axis stands at its end, pale."
	}
	t.Head = head(a, 6)
	for i, b := range versus {
		t.Names = append(t.Names, cut(b.Baseline, 24))
		t.Keys = append(t.Keys, key{fmt.Sprintf("dot c%d", i+1), "M0 0" + shapes[i%len(shapes)], "against " + cut(b.Baseline, longName)})
	}
	for _, r := range rows {
		t.Rows = append(t.Rows, r.row(a, versus))
	}
	return t, beyond
}

// leadAxis covers most leads: one that is far larger than the others does not decide the scale.
func leadAxis(rows []SealedTask, baselines int) (a axis, cuts bool) {
	var sizes []float64
	for _, r := range rows {
		for i := range baselines {
			if l := at(r.Leads, i); !math.IsNaN(l) {
				sizes = append(sizes, math.Abs(within(l)))
			}
		}
	}
	most := 0.01
	if n := len(sizes); n > 0 {
		slices.Sort(sizes)
		usual := 4 * sizes[n*3/4]
		for _, s := range sizes {
			if s <= usual {
				most = max(most, s)
			}
		}
		cuts = sizes[n-1] > most
	}
	return spread(most/4, func(yield func(float64)) {
		for _, r := range rows {
			for i := range baselines {
				yield(max(-most, min(most, at(r.Leads, i))))
			}
		}
	}), cuts
}

// row is a task's line.
func (r SealedTask) row(a axis, versus []Versus) tableRow {
	row := tableRow{Name: cut(r.Task, longName), Strip: newStrip(a)}
	for i, b := range versus {
		l, se := at(r.Leads, i), at(r.Errors, i)
		class := fmt.Sprintf("c%d", i+1)
		if l < a.lo || l > a.hi {
			class += " pale"
		} else {
			row.Strip.hair(l, se)
		}
		row.Strip.dot(within(l), class, i%len(shapes), "against "+cut(b.Baseline, longName)+" "+signed(l, 3))
		cell := withError(l, se, 3)
		if l < 0 {
			cell.Class += " lost"
		}
		row.Cells = append(row.Cells, cell)
	}
	return row
}
