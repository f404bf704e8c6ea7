package randrule

import (
	"fmt"
	"math/rand/v2"
)

// Kept is a file with the rule name, of a few elementwise statements whose states are kept in each of the storage formats
// that there are: the rules of which kernels read and write states as they are stored. Every third has a reduction.
func Kept(name string, seed uint64) string { return kept(name, seed, ofSeed(seed, 8)) }

func kept(name string, seed uint64, r *rand.Rand) string {
	g := &generator{r: r, seed: seed}
	g.b.WriteString(prelude)
	if seed%3 == 2 {
		g.left.reductions = 1
	}
	g.vars = []variable{{name: "x", finer: element, exact: true}, {name: "g", finer: element, exact: true}, {name: "h", finer: group, fixed: true}}
	g.linef("rule %s {\n  hyper h = 0.1 in [0, inf)", name)
	n := 1 + g.r.IntN(4)
	for i := range n {
		state, as := fmt.Sprintf("s%d", i), ""
		if format := (seed + uint64(i)) % uint64(len(formats)+1); format > 0 {
			as = " as " + formats[format-1]
		}
		g.linef("  state %s per elem%s = %s", state, as, pick(g, "0", "0.1", "1"))
		g.vars = append(g.vars, variable{name: state, finer: element, exact: true, kept: true})
	}
	for i := range n {
		g.linef("  s%d <- %s", i, fmt.Sprintf("mix(s%d, %s, %s)", i, g.real(2, element), pick(g, "0.9", "0.5", "0.999")))
	}
	g.linef("  x <- x - h*%s", g.real(3, element))
	for i := range n {
		g.linef("  x <- x - 0.01*s%d", i)
	}
	g.linef("}")
	return g.b.String()
}
