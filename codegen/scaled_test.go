package codegen_test

import (
	"strings"
	"testing"

	"github.com/optc-lang/optc/internal/agree"
)

// scaledRules have states in q8, which direct kernels read and write by blocks: with and without sign, beside other formats,
// read alone, written alone, more of them than there are registers for pointers, and more than such a kernel takes.
const scaledRules = `
rule averages {
  state m as q8 = 0
  state v as q8 = 0
  m <- 0.9*m + 0.1*g
  v <- 0.99*v + 0.01*g^2
  x <- x - 0.01*m/(sqrt(v) + 1e-8)
}
rule mixed {
  state m as bf16 = 0
  state r as f16 = 0.5
  state v as q8 = 0
  state w = 0
  v <- max(0.99*v, abs(g))
  m <- 0.9*m + 0.1*g/(1 + v)
  r <- 0.5*r + m
  w <- w + r
  x <- x - 0.01*w
}
rule last {
  state p as q8 = 0
  state q as q8 = 0.25
  x <- x - 0.01*(g + q)
  p <- -g
  when t > 2 { q <- q + p }
}
rule many {
  state a as q8 = 0
  state b as q8 = 1
  state c as q8 = -1
  state d as q8 = 0
  state e as q8 = 2
  state f = 0
  a <- 0.5*a + g
  b <- 0.5*b - a
  c <- 0.5*c + b*g
  d <- 0.5*d + abs(c)
  e <- 0.5*e + d^2
  f <- f + e
  x <- x - 0.01*(a + b + c + d + e)/(1 + abs(f))
}
rule most {
` + "STATES" + `
  x <- x - 0.01*(s0 + s1 + s2 + s3 + s4 + s5)
}
`

// TestScaledAgrees is TestEnginesAgree of rules with states in q8.
func TestScaledAgrees(t *testing.T) {
	var states strings.Builder
	for _, name := range []string{"s0", "s1", "s2", "s3", "s4", "s5"} {
		states.WriteString("  state " + name + " as q8 = 0\n  " + name + " <- 0.5*" + name + " + g\n")
	}
	text := strings.Replace(scaledRules, "STATES", states.String(), 1)
	m := &module{dir: t.TempDir()}
	var cases []agree.Rule
	for _, rule := range []string{"averages", "mixed", "last", "many", "most"} {
		cases = append(cases, agree.Rule{Name: "scaled_" + rule, Text: text, Rule: rule})
	}
	m.add("scaled", cases)
	if err := m.generate(); err != nil {
		t.Fatal(err)
	}
	if err := m.write(); err != nil {
		t.Fatal(err)
	}
	enough(t, run(t, m.build(t, ""), agree.Compare, agree.Short))
}
