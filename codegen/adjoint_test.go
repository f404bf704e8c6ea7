package codegen_test

import (
	"testing"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/internal/agree"
)

// sometimes computes products of matrices only where their branch is taken; so must its adjoint, and read them nowhere else.
const sometimes = `rule sometimes {
  hyper lr = 0.1 in (0, inf)
  state m = 0
  m <- 0.9*m + g
  let u = m
  when sum(g) > 0 { u <- m@(x'@m) }
  x <- x - lr*u
}
`

// TestAdjointsAgree holds the engines to the interpreter for adjoints: elementwise, with reductions, with products and roots
// of matrices.
func TestAdjointsAgree(t *testing.T) {
	names := []string{"sgd", "adam", "lion", "lamb", "sometimes"}
	if !testing.Short() {
		names = append(names, "shampoo")
	}
	if *full {
		names = append(names, "muon")
	}
	p := &generated{name: "adjoints"}
	for _, name := range names { // beside each its rule, whose type it names
		c := agree.Rule{Name: name, Rule: name, Brief: true}
		if name == "sometimes" {
			c.Text = sometimes
		}
		adjoint := c
		adjoint.Name, adjoint.Settings = name+"_adjoint", compiler.Settings{Adjoint: true}
		p.cases = append(p.cases, c, adjoint)
	}
	m := &module{packages: []*generated{p}, dir: t.TempDir()}
	if err := m.generate(); err != nil {
		t.Fatal(err)
	}
	if err := m.write(); err != nil {
		t.Fatal(err)
	}
	enough(t, run(t, m.build(t, ""), agree.Compare, size()))
}
