package report

import (
	"math"

	"github.com/optc-lang/optc/runtime/elem"
)

// table is rows with a strip each, and the axis above them.
type table struct {
	Head  strip
	Rows  []tableRow
	Rest  string
	Keys  []key
	Names []string // of the columns after the strip
}

type tableRow struct {
	Name, Note string
	Second     string // beside Name
	Strip      strip
	Cells      []tableCell
}

type tableCell struct{ Text, Error, Class string }

// key is an entry of a legend.
type key struct{ Class, D, Text string }

// at is a value of a list, NaN beyond its end.
func at(list []float64, i int) float64 {
	if i < len(list) {
		return list[i]
	}
	return math.NaN()
}

// withError is a number with its standard error, if that is known.
func withError(v, se float64, decimals int) tableCell {
	c := tableCell{Text: signed(v, decimals), Class: "number"}
	if elem.IsFinite(v) && elem.IsFinite(se) && se > 0 {
		c.Error = "± " + fixed(se, decimals)
	}
	return c
}

// falling orders numbers from large to small, NaN last.
func falling(a, b float64) int {
	switch {
	case a > b || !math.IsNaN(a) && math.IsNaN(b):
		return -1
	case a < b || math.IsNaN(a) && !math.IsNaN(b):
		return 1
	}
	return 0
}

func zeroIfUnknown(v float64) float64 {
	if elem.IsFinite(v) {
		return v
	}
	return 0
}

// spread is an axis over zero and all finite values, at least as long as least.
func spread(least float64, values func(yield func(float64))) axis {
	low, high := 0.0, least
	values(func(v float64) {
		if elem.IsFinite(v) {
			low, high = min(low, within(v)), max(high, within(v))
		}
	})
	return newAxis(low, high)
}
