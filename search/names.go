package search

import (
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/known"
)

// NameOf is the known rule, with its constants, that a rule is whose Encoded form is given, or "".
func NameOf(rule string) string {
	g, err := genome.Decode(rule)
	if err != nil {
		return ""
	}
	return nameOf(g)
}

// NameOfFormula is [NameOf] of a rule whose Formula is given.
func NameOfFormula(formula string) string {
	g, err := genome.Parse(formula)
	if err != nil {
		return ""
	}
	return nameOf(g)
}

func nameOf(g genome.Genome) string {
	m, ok := known.Name(g)
	if !ok {
		return ""
	}
	return m.String()
}
