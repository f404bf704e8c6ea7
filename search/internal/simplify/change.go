package simplify

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/seen"
)

// change is a rule that differs from another in one node.
type change struct {
	node int    // of the other
	with string // what takes its place
	form genome.Genome
}

// The operators whose arguments have a neutral value.
var (
	sums     = ops("add", "sub", "lerp")
	products = ops("mul", "div")
)

func ops(names ...string) (out []genome.Op) {
	for _, name := range names {
		out = append(out, genome.Lookup(name))
	}
	return out
}

// changer makes changes that are valid and can train something. It belongs to one goroutine.
type changer struct{ taker seen.Taker }

// knockouts are the rules that do without what a node does: one of its arguments takes its place, a value that is neutral to
// what reads it, or 0 or 1 that of a constant.
func (c *changer) knockouts(g genome.Genome, node int) []change {
	n := &g.Nodes[node]
	var out []change
	for j, a := range args(n) {
		if !slices.Contains(args(n)[:j], a) {
			out = c.admit(out, g, change{node, text(g, int(a)), hoist(g, node, a)})
		}
	}
	for _, k := range neutral(g, node) {
		out = c.admit(out, g, change{node, genome.FormatNumber(k), constant(g, node, k)})
	}
	return out
}

// roundings are the rules with fewer digits in the constant of a node.
func (c *changer) roundings(g genome.Genome, node int) []change {
	n := &g.Nodes[node]
	if !n.Op.Row().Const {
		return nil
	}
	var out []change
	for most := 1; most <= 2; most++ {
		if k := simplest(n.K, most); digits(k) < digits(n.K) {
			to := g.Clone()
			to.Nodes[node].K = k
			out = c.admit(out, g, change{node, text(to, node), to})
		}
	}
	return out
}

// admit appends a change in canonical form, if it is a rule that can train, and another than g.
func (c *changer) admit(to []change, g genome.Genome, of change) []change {
	if of.form.Check() != nil {
		return to
	}
	of.form = of.form.Canonical()
	if of.form.Check() != nil || of.form.Key() == g.Key() {
		return to
	}
	if print, err := c.taker.Take(of.form); err != nil || print.Dull != "" {
		return to
	}
	return append(to, of)
}

func args(n *genome.Node) []uint8 { return n.Args[:n.Op.Row().Args] }

// hoist gives what reads a node another one.
func hoist(g genome.Genome, node int, with uint8) genome.Genome {
	to := g.Clone()
	for i := node + 1; i < len(to.Nodes); i++ {
		for j, a := range args(&to.Nodes[i]) {
			if int(a) == node {
				to.Nodes[i].Args[j] = with
			}
		}
	}
	if int(to.Root) == node {
		to.Root = with
	}
	return to
}

// constant puts a constant in a node's place.
func constant(g genome.Genome, node int, k float64) genome.Genome {
	to := g.Clone()
	to.Nodes[node] = genome.Node{Op: genome.Const, K: k}
	return to
}

// neutral lists the constants that may take a node's place: 0 in a sum, 1 in a product; both for a constant.
func neutral(g genome.Genome, node int) []float64 {
	inSum, inProduct := false, false
	for i := node + 1; i < len(g.Nodes); i++ {
		if n := &g.Nodes[i]; slices.Contains(args(n), uint8(node)) {
			inSum = inSum || slices.Contains(sums, n.Op)
			inProduct = inProduct || slices.Contains(products, n.Op)
		}
	}
	n := &g.Nodes[node]
	if n.Op == genome.Const {
		inSum, inProduct = n.K != 0, n.K != 1
	}
	var out []float64
	if inSum {
		out = append(out, 0)
	}
	if inProduct {
		out = append(out, 1)
	}
	return out
}

// length is how long a canonical genome is: its operators and constants.
func length(g genome.Genome) int {
	n := g.Size()
	for i := range g.Nodes {
		if g.Nodes[i].Op == genome.Const {
			n++
		}
	}
	return n
}

// allDigits counts those of all constants.
func allDigits(g genome.Genome) int {
	n := 0
	for i := range g.Nodes {
		if g.Nodes[i].Op.Row().Const {
			n += digits(g.Nodes[i].K)
		}
	}
	return n
}

// digits counts the significant digits of a constant, or of what it lacks to 1 if they are fewer: .999 has one.
func digits(k float64) int {
	n := significant(k)
	if k > 0.5 && k < 1 {
		n = min(n, significant(tidy(1-k)))
	}
	return n
}

func significant(k float64) int {
	mantissa, _, _ := strings.Cut(strconv.FormatFloat(math.Abs(k), 'e', -1, 64), "e")
	return len(strings.TrimRight(strings.Replace(mantissa, ".", "", 1), "0"))
}

// simplest is the constant nearest to k of at most so many digits.
func simplest(k float64, most int) float64 {
	near := rounded(k, most)
	if k > 0.5 && k < 1 {
		if other := tidy(1 - rounded(1-k, most)); math.Abs(other-k) < math.Abs(near-k) {
			near = other
		}
	}
	return near
}

// rounded is k with so many significant digits.
func rounded(k float64, n int) float64 { return reread(strconv.FormatFloat(k, 'e', n-1, 64)) }

// tidy takes from a difference the digits that come of its rounding.
func tidy(k float64) float64 { return rounded(k, 12) }

func reread(text string) float64 {
	k, _ := strconv.ParseFloat(text, 64) // of its own making
	return k
}

// maxText is how many operators a text may have: that of a graph may be far longer than the graph.
const maxText = 300

// text is what a node computes.
func text(g genome.Genome, node int) string {
	of := genome.Genome{Nodes: g.Nodes[:node+1], Root: uint8(node)}
	long := make([]float64, node+1)
	for i := range of.Nodes {
		long[i] = 1
		for _, a := range args(&of.Nodes[i]) {
			long[i] += long[a]
		}
	}
	if long[node] > maxText {
		return fmt.Sprintf("node %d of %s", node, g.Encode())
	}
	return of.String()
}
