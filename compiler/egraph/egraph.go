// Package egraph rewrites values over the reals by equality saturation. In come values of package ir and rewrites as
// text; out go values of the same pool that are equal wherever both are defined, and are never dearer than what came in
// by the cost asked for. It touches no file and no target, and its result depends on its arguments alone: its limits
// count e-nodes and applications, never time.
//
// An e-graph (Nelson 1980; Willsey et al. 2021, "egg: Fast and extensible equality saturation") holds many expressions
// at once. An e-node is an operator on e-classes, an e-class is a set of e-nodes with the same value, and congruence
// (equal operators on equal classes are in one class) is restored once a round, not at each union. What is repeated
// along an axis is the same value at a finer extent, so a Spread is no node: each class knows the coarsest extent at
// which it can be had, reductions and whole-array operators remember the extent at which they take their operands, and
// building values puts the Spreads back.
package egraph

import (
	"cmp"
	"math"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// id is an e-class.
type id int32

// maxArgs is the most operands of a node; what has more is taken as a leaf.
const maxArgs = 6

// head is a node without its operands.
type head struct {
	kind    ir.Kind
	op      *op.Op
	num     uint64
	name    string
	index   int
	per, of ir.Extent // of is the extent at which a reduction takes its operand
	extent  ir.Extent // of a leaf or an opaque value
	mask    bool
	takes   [maxArgs]ir.Extent // of an opaque value: the extents at which it takes its operands
	leaf    *ir.Value          // a value whose operands are not looked at
}

// node is an operator on classes; head is an index into graph.heads.
type node struct {
	head int32
	args [maxArgs]id
}

// use is a node that has a class as an operand, and the class that it is in.
type use struct {
	n  node
	in id
}

type class struct {
	nodes []node
	spans []span // of nodes, once tidied
	users []use
	fact  fact
	label string
}

// span is the nodes from one index up to another, which have an operator.
type span struct {
	op       *op.Op
	from, to int
}

type graph struct {
	pool    *ir.Pool
	final   bool // extents are final: reductions may be looked into
	about   func(*ir.Value) Range
	heads   []head
	arity   []int
	order   []int // by head: the same for heads of one operator
	opOrder map[*op.Op]int
	like    []*ir.Value // by head: a value that it is the head of; nil for what rewrites made
	byHead  map[head]int32
	parent  []id
	classes []*class // nil for one that went into another
	memo    map[node]id
	pending []id
	size    int  // e-nodes made
	broken  bool // two things are equal that are not: nothing may be concluded
}

func newGraph(pool *ir.Pool, about func(*ir.Value) Range, final bool) *graph {
	return &graph{pool: pool, about: about, final: final, byHead: map[head]int32{}, opOrder: map[*op.Op]int{}, memo: map[node]id{}}
}

// find is the class that a class has gone into.
func (g *graph) find(x id) id {
	for g.parent[x] != x {
		g.parent[x] = g.parent[g.parent[x]]
		x = g.parent[x]
	}
	return x
}

func (g *graph) class(x id) *class { return g.classes[g.find(x)] }

func (g *graph) headOf(h head, arity int, like *ir.Value) int32 {
	if i, ok := g.byHead[h]; ok {
		return i
	}
	i := int32(len(g.heads))
	g.byHead[h] = i
	if _, ok := g.opOrder[h.op]; !ok {
		g.opOrder[h.op] = len(g.opOrder)
	}
	order := 2 * g.opOrder[h.op]
	if h.leaf != nil {
		order++
	}
	g.order = append(g.order, order)
	g.heads, g.arity, g.like = append(g.heads, h), append(g.arity, arity), append(g.like, like)
	return i
}

// canonical is n on the classes that its operands have gone into.
func (g *graph) canonical(n node) node {
	for i := range g.arity[n.head] {
		n.args[i] = g.find(n.args[i])
	}
	return n
}

// add is the class of a node, a new one if there is none.
func (g *graph) add(n node) id {
	n = g.canonical(n)
	if x, ok := g.memo[n]; ok {
		return g.find(x)
	}
	x := id(len(g.parent))
	g.parent = append(g.parent, x)
	c := &class{nodes: []node{n}, fact: g.factOf(n)}
	g.classes = append(g.classes, c)
	g.memo[n] = x
	g.size++
	for i := range g.arity[n.head] {
		a := g.classes[n.args[i]]
		if i == 0 || n.args[i] != n.args[i-1] {
			a.users = append(a.users, use{n, x})
		}
	}
	g.fold(x)
	return g.find(x)
}

// fold adds the number that a class is known to be.
func (g *graph) fold(x id) {
	if f := g.class(x).fact; f.known {
		g.union(x, g.number(f.num, f.mask))
	}
}

// number is the class of a constant.
func (g *graph) number(v float64, mask bool) id {
	return g.add(node{head: g.headOf(head{kind: ir.Number, num: math.Float64bits(v), mask: mask}, 0, nil)})
}

// apply is the class of an elementwise operator on classes.
func (g *graph) apply(o *op.Op, args ...id) id {
	n := node{head: g.headOf(head{kind: ir.Apply, op: o, mask: o.Mask}, o.Args, nil)}
	copy(n.args[:], args)
	return g.add(n)
}

// reduce is the class of a reduction of the values that arg has at extent of.
func (g *graph) reduce(o *op.Op, of, per ir.Extent, arg id) id {
	n := node{head: g.headOf(head{kind: ir.Reduce, op: o, of: of, per: per}, 1, nil)}
	n.args[0] = arg
	return g.add(n)
}

// union makes one class of two, and reports whether they were two. The older one stays.
func (g *graph) union(a, b id) bool {
	a, b = g.find(a), g.find(b)
	if a == b || g.broken {
		return false
	}
	if b < a {
		a, b = b, a
	}
	to, from := g.classes[a], g.classes[b]
	if to.fact.mask != from.fact.mask {
		g.broken = true
		return false
	}
	g.parent[b] = a
	g.classes[b] = nil
	if to.label == "" {
		to.label = from.label
	}
	to.nodes = append(to.nodes, from.nodes...)
	to.users = append(to.users, from.users...)
	g.broken = !to.fact.join(from.fact) || g.broken
	g.pending = append(g.pending, a)
	return true
}

// rebuild restores congruence: nodes that have become equal are in one class, and classes know what their operands do.
func (g *graph) rebuild() {
	for len(g.pending) > 0 && !g.broken {
		todo := g.pending
		g.pending = nil
		done := map[id]bool{}
		for _, x := range todo {
			if x = g.find(x); !done[x] {
				done[x] = true
				g.repair(x)
			}
		}
	}
}

// repair looks at the users of a class that has changed.
func (g *graph) repair(x id) {
	g.fold(x)
	x = g.find(x)
	users := g.classes[x].users
	g.classes[x].users = nil
	kept := map[node]int{}
	var list []use
	for _, u := range users {
		delete(g.memo, u.n)
		n := g.canonical(u.n)
		if i, ok := kept[n]; ok {
			g.union(list[i].in, u.in)
		} else {
			kept[n] = len(list)
			list = append(list, use{n, u.in})
			if other, ok := g.memo[n]; ok {
				g.union(other, u.in)
			}
		}
		in := g.find(u.in)
		g.memo[n] = in
		g.learn(in, n)
	}
	c := g.class(x)
	c.users = append(c.users, list...)
}

// learn takes what a node tells about its class.
func (g *graph) learn(x id, n node) {
	c := g.classes[x]
	before := c.fact
	if !c.fact.join(g.factOf(n)) {
		g.broken = true
	}
	if c.fact != before {
		if c.fact.updates++; c.fact.updates <= maxUpdates || c.fact.extent != before.extent || c.fact.known != before.known {
			g.pending = append(g.pending, x)
		} else {
			c.fact.Range = before.Range // bounds may go on shrinking for ever
		}
	}
}

// maxUpdates is how often the bounds of a class may become narrower.
const maxUpdates = 12

// tidy lists the classes, and rewrites each one's nodes to the classes that their operands have gone into, each once.
func (g *graph) tidy() []id {
	var live []id
	g.size = 0
	for i, c := range g.classes {
		if c == nil {
			continue
		}
		live = append(live, id(i))
		seen := make(map[node]bool, len(c.nodes))
		kept := c.nodes[:0]
		for _, n := range c.nodes {
			if n = g.canonical(n); !seen[n] {
				seen[n] = true
				kept = append(kept, n)
			}
		}
		c.nodes = kept
		g.size += len(kept)
		g.sort(c)
	}
	return live
}

// sort puts a class's nodes of one operator together.
func (g *graph) sort(c *class) {
	slices.SortStableFunc(c.nodes, func(a, b node) int { return cmp.Compare(g.order[a.head], g.order[b.head]) })
	c.spans = c.spans[:0]
	for i, n := range c.nodes {
		h := &g.heads[n.head]
		if h.op == nil || h.leaf != nil || h.kind != ir.Apply && h.kind != ir.Reduce {
			continue
		}
		if k := len(c.spans) - 1; k >= 0 && c.spans[k].op == h.op {
			c.spans[k].to = i + 1
		} else {
			c.spans = append(c.spans, span{h.op, i, i + 1})
		}
	}
}
