// Package known recognises published rules, and families of them, among genomes.
//
// In comes any genome. It is brought into canonical form; its constants are left out, and what is left, its shape, is looked
// up in a table of rules. Out comes the rule that it is but for the values of its constants, and these. The package runs
// nothing and knows nothing of how good a rule is.
package known

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/search/internal/genome"
)

// Match is a rule that was recognised.
type Match struct {
	Rule
	Family    Family
	Constants []Constant

	form    *form
	letters letters
}

// Constant is a constant by the name that papers give it.
type Constant struct {
	Name  string
	Value float64
}

// Name recognises a rule.
func Name(g genome.Genome) (Match, bool) {
	s, ok := newShape(g)
	if !ok {
		return Match{}, false
	}
	for _, f := range index()[s.hash()] {
		l := f.fixed
		if s.match(f, s.Root, f.shape.Root, &l) && (f.row.Only == nil || f.row.Only(&l)) {
			return f.found(l, s.family()), true
		}
	}
	return Match{}, false
}

// Rule is a rule that is recognised.
type Rule struct {
	Name string
	Doc  string // what is particular to it, and the paper
}

// Rules lists the rules that are recognised.
func Rules() []Rule {
	var all []Rule
	for _, r := range rows {
		all = append(all, Rule{r.Name, r.Doc})
	}
	return all
}

// found is the match of a form with the constants that it was found with.
func (f *form) found(l letters, family Family) Match {
	m := Match{Rule: Rule{f.row.Name, f.row.Doc}, Family: family, form: f, letters: l}
	for _, s := range f.row.Say {
		if v := s.Of(&l); !math.IsNaN(v) {
			m.Constants = append(m.Constants, Constant{s.Name, v})
		}
	}
	return m
}

// String is the rule and its constants: "signed momentum, β = 0.9".
func (m Match) String() string {
	parts := []string{m.Name}
	for _, c := range m.Constants {
		parts = append(parts, fmt.Sprintf("%s = %s", c.Name, number(c.Value)))
	}
	return strings.Join(parts, ", ")
}

// number is a constant in as many digits as tell constants apart.
func number(v float64) string {
	return strings.Replace(strconv.FormatFloat(v, 'g', 6, 64), "e-0", "e-", 1)
}
