package codegen_test

import (
	"testing"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/agree"
)

// lineRules reduce per row and per column in every way: passes that run together, columns that are added up by kernels, both
// beside reductions per tensor, minima and maxima, values per row of elements that are drawn, and states in blocks.
const lineRules = `
rule r {
  state m = 0
  let low = min(g per col)
  let high = max(g per row)
  m <- 0.9*m + 0.1*(g - mean(g per row))
  x <- x - 0.01*(m - low)/(1 + high - mean(m per row) + norm(x))
}
rule s {
  let u = g*rsqrt(1 + sum(g^2 per row))
  let v = u/(1 + max(abs(u) per row))
  x <- x - 0.01*v*(1 + mean(v per col)) - 1e-3*normal()*sum(v^2 per row)
}
rule q {
  state v as q8 = 0
  v <- 0.9*v + 0.1*g^2
  let u = g/(sqrt(v) + 1e-8)
  x <- x - 0.01*u/(1 + norm(u per row) + norm(g per col))
}
`

// TestLinesAgree is TestEnginesAgree of the rules with values per row or column.
func TestLinesAgree(t *testing.T) {
	m := &module{dir: t.TempDir()}
	var cases []agree.Rule
	for _, rule := range []string{"r", "s", "q"} {
		cases = append(cases, agree.Rule{Name: "lines_" + rule, Text: lineRules, Rule: rule})
	}
	for _, rule := range []string{"adafactor", "group_lasso", "sgd_centralized", "exponentiated_gradient", "projected_sgd"} {
		cases = append(cases, agree.Rule{Name: rule, Rule: rule})
	}
	for _, over := range []string{"each_col", "whole"} {
		settings := compiler.Settings{Options: map[string]string{"over": over}}
		cases = append(cases, agree.Rule{Name: "group_lasso_" + over, Rule: "group_lasso", Settings: settings})
	}
	m.add("lines", cases)
	if err := m.generate(); err != nil {
		t.Fatal(err)
	}
	if err := m.write(); err != nil {
		t.Fatal(err)
	}
	enough(t, run(t, m.build(t, ""), agree.Compare, agree.Short))
}
