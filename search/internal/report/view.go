package report

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/optc-lang/optc/runtime/elem"
)

// Bounds of a page.
const (
	longName    = 80 // runes
	longText    = 400
	longFormula = 240
	longRule    = 20000
	mostRows    = 200 // of a table
	mostHall    = 50
	mostDots    = 1200 // of a cloud
	mostPoints  = 500  // of a curve
	mostLimits  = 8    // of rungs
	mostLimit   = 240  // points of one
	mostBands   = 60   // of a loss curve
	mostPanels  = 24
	mostRuns    = 5 // of a panel
	mostAges    = 40
	mostKin     = 300
	mostMarks   = 60 // events
	mostRises   = 120
)

// formula is a formula as text and, if it can be set, as mathematics.
type formula struct {
	Text string
	Math template.HTML
}

func newFormula(text string) formula {
	math, _ := mathOf(text)
	return formula{cut(text, longFormula), math}
}

// rest says how many rows a table leaves out.
func rest(n, shown int) string {
	if n <= shown {
		return ""
	}
	return "and " + whole(int64(n-shown)) + " more"
}

// named cuts the rows of a table of names.
func named(rows []Named) []Named {
	var out []Named
	for _, r := range rows[:min(len(rows), mostRows)] {
		out = append(out, Named{cut(r.Name, longName), cut(r.Text, longText)})
	}
	return out
}

// title is how a form is called where there is little room.
func (f Form) title() string {
	switch {
	case f.Name != "":
		return cut(f.Name, 40)
	case f.Formula != "":
		return cut(f.Formula, 40)
	}
	return cut(f.ID, 40)
}

// tip is what a form shows when pointed at.
func (f Form) tip() string {
	lines := []string{}
	if f.Name != "" {
		lines = append(lines, cut(f.Name, longName))
	}
	lines = append(lines, cut(f.Formula, longFormula), fmt.Sprintf("bound %s, %s, %s of state", score(f.Bound), plural(int64(f.Size), "operator", "operators"), plural(int64(f.StateBytes), "byte", "bytes")))
	last := plural(int64(f.Rungs), "rung passed", "rungs passed")
	if f.ID != "" {
		last = cut(f.ID, longName) + ", " + last
	}
	return strings.Join(append(lines, last), "\n")
}

// facts are what is known of a form.
func (f Form) facts() []fact {
	facts := []fact{
		{score(f.Bound), "lower bound", "of its fitness"},
		{score(f.Fitness), "fitness", "0 is tuned AdamW"},
		{whole(int64(f.Size)), "operators", ""},
		{whole(int64(f.StateBytes)), "bytes of state", "a parameter; AdamW has 8"},
	}
	if f.Size == 1 {
		facts[2].Name = "operator"
	}
	if f.Flops > 0 {
		facts = append(facts, fact{number(f.Flops, 3), "operations", "a parameter and step"})
	}
	return append(facts, fact{f.degree(), "degree", degreeNote(f.Degree)})
}

func (f Form) degree() string {
	if !elem.IsFinite(f.Degree) {
		return "none"
	}
	return number(f.Degree, 3)
}

func degreeNote(d float64) string {
	switch {
	case !elem.IsFinite(d):
		return "no power of the gradient's scale"
	case d == 0:
		return "the gradient's scale does not matter"
	case d == 1:
		return "steps grow as the gradient does"
	}
	return "power of the gradient's scale"
}
