package report

import (
	"strings"

	"github.com/optc-lang/optc/search/internal/fitness"
)

// controlView is what other searches reached.
type controlView struct {
	Rows []controlRow
	Rest string
}

type controlRow struct {
	Name, Text, CPU, Bound string
	Formula                formula
}

func viewControls(p *Page) any {
	if len(p.Controls) == 0 {
		return nil
	}
	v := controlView{Rest: rest(len(p.Controls), mostRows)}
	for _, c := range p.Controls[:min(len(p.Controls), mostRows)] {
		v.Rows = append(v.Rows, controlRow{cut(c.Name, longName), cut(c.Text, longText), duration(c.CPUSeconds), score(c.Bound), newFormula(c.Formula)})
	}
	return v
}

// grammarView is what the search was given.
type grammarView struct {
	Starts    []startRow
	Operators []Named
	Tasks     [][]string
	Spec      []Named
	Rests     [4]string
}

type startRow struct {
	Name    string
	Formula formula
}

func viewGrammar(p *Page) any {
	if len(p.Starts)+len(p.Operators)+len(p.Tasks)+len(p.Spec) == 0 {
		return nil
	}
	v := grammarView{Operators: named(p.Operators), Spec: named(p.Spec),
		Rests: [4]string{rest(len(p.Starts), mostRows), rest(len(p.Operators), mostRows), rest(len(p.Tasks), mostRows), rest(len(p.Spec), mostRows)}}
	for _, s := range p.Starts[:min(len(p.Starts), mostRows)] {
		v.Starts = append(v.Starts, startRow{cut(s.Name, longName), newFormula(s.Text)})
	}
	for _, t := range p.Tasks[:min(len(p.Tasks), mostRows)] {
		v.Tasks = append(v.Tasks, []string{whole(int64(t.Rung) + 1), cut(t.Name, longName), cut(t.Doc, longText), count(t.Parameters), count(t.Batch), count(t.Steps)})
	}
	return v
}

// count is a number of things, if it is known.
func count(n int) string {
	if n <= 0 {
		return unknown
	}
	return whole(int64(n))
}

// readingView says what the numbers mean.
type readingView struct {
	Worst, Best string
	Scale       string
	Starts      string
	Operators   int
}

func viewReading(p *Page) any {
	v := readingView{Worst: number(fitness.Worst, 3), Best: number(fitness.Best, 3), Operators: len(p.Operators)}
	largest, longest := 0, 0
	for _, t := range p.Tasks {
		largest, longest = max(largest, t.Parameters), max(longest, t.Steps)
	}
	v.Scale = "models of at most about 10,000 parameters"
	if largest > 0 {
		v.Scale = "models of at most " + whole(int64(largest)) + " parameters"
	}
	if longest > 0 {
		v.Scale += " and runs of at most " + whole(int64(longest)) + " steps"
	}
	var names []string
	for _, s := range p.Starts[:min(len(p.Starts), 8)] {
		names = append(names, cut(s.Name, longName))
	}
	v.Starts = strings.Join(names, ", ")
	return v
}
