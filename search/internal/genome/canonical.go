package genome

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// Canonical is the one form of all genomes that are equal to g by [Rewrites], by the order of arguments that may be
// swapped, and by a positive factor of the whole update. Nodes that nothing reads are left out; equal nodes are one.
func (g Genome) Canonical() Genome {
	b := builders.Get().(*builder)
	defer builders.Put(b)
	b.clear()
	b.at = append(b.at, make([]uint8, len(g.Nodes))...)
	var room marks
	for i, live := range g.live(room.of(&g)) {
		if !live {
			continue
		}
		n := g.Nodes[i]
		for j := range n.args() {
			n.Args[j] = b.at[n.Args[j]]
		}
		b.at[i] = b.make(n)
	}
	return b.take(b.unscale(b.at[g.Root]))
}

// maxBuilt bounds the nodes of a builder: an index is a byte. Beyond maxRewritten nodes, or maxPending rewrites within one
// another, nothing is rewritten: what is there stays correct, if not the smallest.
const (
	maxBuilt     = 250
	maxRewritten = 120
	maxPending   = 20
)

// builder makes nodes, each once, in canonical form.
type builder struct {
	nodes   []Node
	hash    []uint64 // of the graph below a node, whatever the order in which it was made
	known   []bool   // never negative
	scalar  []bool   // one value a tensor
	pending int      // rewrites under way

	at    []uint8             // by node of the genome that is made canonical
	taken []Node              // of the result
	place [maxBuilt + 1]uint8 // among them, from 1 on; 0 for a node that is not taken
}

// builders are those that are not in use.
var builders = sync.Pool{New: func() any { return &builder{} }}

func (b *builder) clear() {
	b.nodes, b.hash, b.known, b.scalar, b.pending = b.nodes[:0], b.hash[:0], b.known[:0], b.scalar[:0], 0
	b.at, b.taken = b.at[:0], b.taken[:0]
}

// make returns a node that is equal to n, which reads nodes of b.
func (b *builder) make(n Node) uint8 {
	if folded, ok := b.fold(&n); ok {
		n = folded
	}
	if kind := n.Op.Row().Kind; kind == Reduce || kind == Normal {
		if whole, ok := b.whole(&n); ok {
			return whole
		}
	}
	if b.pending < maxPending && len(b.nodes) < maxRewritten {
		for i := range byOp[n.Op] {
			if to, ok := b.rewrite(&byOp[n.Op][i], &n); ok {
				return to
			}
		}
	}
	if n.Op.Row().Commutes && b.before(n.Args[1], n.Args[0]) {
		n.Args[0], n.Args[1] = n.Args[1], n.Args[0]
	}
	return b.add(n)
}

// fold computes an operator on constants.
func (b *builder) fold(n *Node) (Node, bool) {
	row := n.Op.Row()
	if row.Kind != Map {
		return Node{}, false
	}
	var v [3]float64
	for i, a := range n.args() {
		if b.nodes[a].Op != Const {
			return Node{}, false
		}
		v[i] = b.nodes[a].K
	}
	k := row.Scalar(v[0], v[1], v[2], n.K)
	return Node{Op: Const, K: k}, !math.IsInf(k, 0) && !math.IsNaN(k)
}

// whole is what an operator over a tensor makes of values that have turned out to be the same all over it.
func (b *builder) whole(n *Node) (uint8, bool) {
	scalars := 0
	for _, a := range n.args() {
		if b.nodes[a].Op == Const && b.nodes[a].K == 0 {
			return a, true
		}
		if b.scalar[a] {
			scalars++
		}
	}
	a := n.Args[0]
	switch {
	case scalars == 0:
		return 0, false
	case n.Op == mean:
		return a, true
	case n.Op == rms:
		return b.make(Node{Op: abs, Args: [3]uint8{a}}), true
	case n.Op == rmsnorm:
		return b.make(Node{Op: div, Args: [3]uint8{a, b.make(Node{Op: abs, Args: [3]uint8{a}})}}), true
	}
	zeros := b.add(Node{Op: mul, Args: [3]uint8{b.add(Node{Op: Const}), b.add(Node{Op: G})}})
	for j, a := range n.args() {
		if b.scalar[a] { // all over the tensor again
			n.Args[j] = b.add(Node{Op: add, Args: [3]uint8{a, zeros}})
		}
	}
	return 0, false
}

// before orders arguments that may be swapped: constants first.
func (b *builder) before(i, j uint8) bool {
	if ci, cj := b.nodes[i].Op == Const, b.nodes[j].Op == Const; ci != cj {
		return ci
	}
	return b.hash[i] < b.hash[j]
}

// add returns the node, an old one if there is one like it.
func (b *builder) add(n Node) uint8 {
	if !n.Op.Row().Const {
		n.K = 0
	}
	for i := range b.nodes {
		if b.nodes[i] == n {
			return uint8(i)
		}
	}
	h := mix(uint64(n.Op)+1, math.Float64bits(n.K))
	for _, a := range n.args() {
		h = mix(h, b.hash[a])
	}
	b.known, b.scalar = append(b.known, nonnegative(&n, b.known)), append(b.scalar, isScalar(&n, b.scalar))
	b.nodes, b.hash = append(b.nodes, n), append(b.hash, h)
	return uint8(len(b.nodes) - 1)
}

// mix is a step of a hash: the finaliser of SplitMix64 (Steele, Lea and Flood 2014).
func mix(h, v uint64) uint64 {
	h = h*0x9e3779b97f4a7c15 ^ v
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// binding is what the letters of a pattern stand for, and its k.
type binding struct {
	node  [len(letters)]uint8
	bound [len(letters)]bool
	k     float64
}

// rewrite applies a rewrite to a node that is not made yet.
func (b *builder) rewrite(r *compiled, n *Node) (uint8, bool) {
	var found binding
	if !b.matchArgs(&r.from, n, &found) {
		return 0, false
	}
	for _, l := range r.nonneg {
		if !b.known[found.node[l]] {
			return 0, false
		}
	}
	b.pending++
	to := b.instantiate(&r.to, &found)
	b.pending--
	return to, true
}

// matchArgs matches the arguments of a node against those of a pattern with its operator, in either order if they may be
// swapped. It changes found only if they match.
func (b *builder) matchArgs(p *pattern, n *Node, found *binding) bool {
	trial := *found
	if n.Op.Row().Const {
		if trial.k != 0 && trial.k != n.K {
			return false
		}
		trial.k = n.K
	}
	start := trial
	if b.matchAll(p.args, n.Args, &trial) {
		*found = trial
		return true
	}
	if trial = start; n.Op.Row().Commutes && b.matchAll(p.args, [3]uint8{n.Args[1], n.Args[0]}, &trial) {
		*found = trial
		return true
	}
	return false
}

func (b *builder) matchAll(p []pattern, args [3]uint8, found *binding) bool {
	for i := range p {
		if !b.match(&p[i], args[i], found) {
			return false
		}
	}
	return true
}

func (b *builder) match(p *pattern, at uint8, found *binding) bool {
	n := &b.nodes[at]
	switch p.kind {
	case isNumber:
		return n.Op == Const && n.K == p.num
	case isOp:
		return n.Op == p.op && b.matchArgs(p, n, found)
	}
	if found.bound[p.letter] {
		return found.node[p.letter] == at
	}
	if n.Op != Const && p.letter >= firstConst {
		return false
	}
	found.node[p.letter], found.bound[p.letter] = at, true
	return true
}

func (b *builder) instantiate(p *pattern, found *binding) uint8 {
	switch p.kind {
	case isLetter:
		return found.node[p.letter]
	case isNumber:
		return b.add(Node{Op: Const, K: p.num})
	}
	n := Node{Op: p.op, K: found.k}
	for i := range p.args {
		n.Args[i] = b.instantiate(&p.args[i], found)
	}
	return b.make(n)
}

// unscale takes a positive factor from an update. Of arguments that may be swapped, constants stand first.
func (b *builder) unscale(at uint8) uint8 {
	n := b.nodes[at]
	if n.Op != mul && n.Op != div || b.nodes[n.Args[0]].Op != Const || b.nodes[n.Args[0]].K == 0 {
		return at
	}
	rest := n.Args[1]
	if n.Op == div {
		rest = b.make(Node{Op: recip, Args: [3]uint8{rest}})
	}
	if b.nodes[n.Args[0]].K < 0 {
		rest = b.make(Node{Op: neg, Args: [3]uint8{rest}})
	}
	return b.unscale(rest)
}

// take returns what root depends on, operands first, in an order that depends on the graph alone.
func (b *builder) take(root uint8) Genome {
	clear(b.place[:])
	b.visit(root)
	return Genome{Nodes: slices.Clone(b.taken), Root: b.place[root] - 1}
}

// visit takes what a node depends on, and the node.
func (b *builder) visit(at uint8) {
	n := b.nodes[at]
	for j, a := range n.args() {
		if b.place[a] == 0 {
			b.visit(a)
		}
		n.Args[j] = b.place[a] - 1
	}
	b.taken = append(b.taken, n)
	b.place[at] = uint8(len(b.taken))
}

// Compare orders genomes: the smaller first, then by their nodes.
func Compare(a, b Genome) int {
	return cmp.Or(cmp.Compare(len(a.Nodes), len(b.Nodes)), slices.CompareFunc(a.Nodes, b.Nodes, compareNodes), cmp.Compare(a.Root, b.Root))
}

func compareNodes(a, b Node) int {
	return cmp.Or(cmp.Compare(a.Op, b.Op), slices.Compare(a.Args[:], b.Args[:]), cmp.Compare(a.K, b.K))
}
