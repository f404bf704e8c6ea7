package known

import (
	"math"
	"slices"

	"github.com/optc-lang/optc/search/internal/genome"
)

// shape is a canonical genome with its signs as far outside as they go: no constant is negative, and no sum has a negative
// term. What where looks at has no factor. Beside each node stands the hash of what is below it. That is blind to constants, and to which of two arguments that may
// be swapped comes first, since that depends on constants.
type shape struct {
	genome.Genome
	hashes []uint64
}

// newShape is the shape of any genome. There is none if its canonical form is larger than genomes are.
func newShape(g genome.Genome) (shape, bool) {
	canonical := g.Canonical()
	s, ok := turned(canonical)
	if ok && len(s.Nodes) <= genome.MaxNodes && slices.ContainsFunc(canonical.Nodes, func(n genome.Node) bool { return n.Op == genome.Const && n.K < 0 }) {
		return turned(s.Canonical()) // now that signs are outside, more constants may be alike
	}
	return s, ok
}

// turned moves the signs of a canonical form outside.
func turned(canonical genome.Genome) (shape, bool) {
	if len(canonical.Nodes) > genome.MaxNodes {
		return shape{}, false
	}
	var s shape
	at := make([]value, len(canonical.Nodes))
	for i := range canonical.Nodes {
		at[i] = s.upright(&canonical.Nodes[i], at)
	}
	s.Root = s.plain(at[canonical.Root])
	return s, true
}

func (s *shape) hash() uint64 { return s.hashes[s.Root] }

// value is a node, or its negative.
type value struct {
	node     uint8
	negative bool
}

// parity is what becomes of an operator's value when its arguments change sign.
type parity uint8

const (
	none      parity = iota // nothing that could be said by a sign
	odd                     // it changes with the first argument, whatever the second
	product                 // with each
	even                    // with none
	joint                   // with all at once
	branching               // with the second and third at once
)

var parities = map[string]parity{
	"lerp": joint, "mul": product, "div": product, "recip": odd, "abs": even, "sign": odd, "sqrt": even, "square": even, "tanh": odd, "clip": odd, "where": branching,
	"mean": odd, "rms": even, "dot": product, "cosine": product, "rmsnorm": odd, "ema": odd, "avg": odd, "total": odd, "prev": odd,
}

var (
	add = genome.Lookup("add")
	mul = genome.Lookup("mul")
	neg = genome.Lookup("neg")
	sub = genome.Lookup("sub")

	parityOf = func() []parity {
		all := make([]parity, len(genome.Ops))
		for op := range all {
			all[op] = parities[genome.Ops[op].Name]
		}
		return all
	}()
)

// upright adds a node of a canonical genome, whose earlier nodes stand at these places.
func (s *shape) upright(n *genome.Node, at []value) value {
	var v [3]value
	row := n.Op.Row()
	for i := range row.Args {
		v[i] = at[n.Args[i]]
	}
	switch n.Op {
	case genome.Const:
		return value{s.add(genome.Node{Op: n.Op, K: math.Abs(n.K)}), n.K < 0}
	case neg:
		return value{v[0].node, !v[0].negative}
	case sub:
		v[1].negative = !v[1].negative
		fallthrough
	case add:
		return s.sum(v[0], v[1])
	}
	out := *n
	for i := range row.Args {
		out.Args[i] = v[i].node
	}
	negative := false
	switch parityOf[n.Op] {
	case odd:
		negative = v[0].negative
	case product:
		negative = v[0].negative != v[1].negative
	case joint:
		negative = s.together(&out, 0, v[0], v[1])
	case branching:
		out.Args[0] = s.plain(s.unscaled(v[0]))
		negative = s.together(&out, 1, v[1], v[2])
	case none:
		for i := range row.Args {
			out.Args[i] = s.plain(v[i])
		}
	}
	return value{s.add(out), negative}
}

// sum adds a sum without a negative term, or a difference whose terms stand in the order of their hashes.
func (s *shape) sum(a, b value) value {
	switch {
	case a.negative == b.negative:
		return value{s.add(genome.Node{Op: add, Args: [3]uint8{a.node, b.node}}), a.negative}
	case a.negative:
		a, b = b, a
	}
	if s.hashes[a.node] > s.hashes[b.node] {
		return value{s.add(genome.Node{Op: sub, Args: [3]uint8{b.node, a.node}}), true}
	}
	return value{s.add(genome.Node{Op: sub, Args: [3]uint8{a.node, b.node}}), false}
}

// together gives a node two arguments and returns whether both are negative. A zero is what the other is.
func (s *shape) together(n *genome.Node, from int, a, b value) bool {
	if s.zero(a.node) {
		a.negative = b.negative
	}
	if s.zero(b.node) {
		b.negative = a.negative
	}
	if a.negative == b.negative {
		return a.negative
	}
	n.Args[from], n.Args[from+1] = s.plain(a), s.plain(b)
	return false
}

// unscaled is a value without a factor that does not change its sign.
func (s *shape) unscaled(v value) value {
	if n := &s.Nodes[v.node]; n.Op == mul {
		for i := range 2 {
			if k := &s.Nodes[n.Args[i]]; k.Op == genome.Const && k.K > 0 {
				return value{n.Args[1-i], v.negative}
			}
		}
	}
	return v
}

func (s *shape) zero(at uint8) bool { return s.Nodes[at].Op == genome.Const && s.Nodes[at].K == 0 }

// plain is the node that a value is.
func (s *shape) plain(v value) uint8 {
	if !v.negative || s.zero(v.node) {
		return v.node
	}
	return s.add(genome.Node{Op: neg, Args: [3]uint8{v.node}})
}

// add appends a node.
func (s *shape) add(n genome.Node) uint8 {
	row := n.Op.Row()
	var below [3]uint64
	for j := range row.Args {
		below[j] = s.hashes[n.Args[j]]
	}
	if row.Commutes && below[0] > below[1] {
		below[0], below[1] = below[1], below[0]
	}
	h := uint64(n.Op) + 1
	for _, b := range below {
		h = mix(h, b)
	}
	s.Nodes, s.hashes = append(s.Nodes, n), append(s.hashes, h)
	return uint8(len(s.Nodes) - 1)
}

// mix is a step of a hash: the finaliser of MurmurHash3 (Appleby 2011).
func mix(h, v uint64) uint64 {
	h = h*0x9e3779b97f4a7c15 + v
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// match reports whether what stands below a node is what stands below that of a form. It changes the letters only if so.
func (s *shape) match(f *form, at, of uint8, l *letters) bool {
	n, p := &s.Nodes[at], &f.shape.Nodes[of]
	if s.hashes[at] != f.shape.hashes[of] || n.Op != p.Op {
		return false
	}
	trial := *l
	row := n.Op.Row()
	if row.Const && !f.slots[of].bind(n.K, &trial) {
		return false
	}
	start := trial
	matched := s.matchAll(f, n.Args, p.Args, row.Args, &trial)
	if !matched && row.Commutes {
		trial = start
		matched = s.matchAll(f, n.Args, [3]uint8{p.Args[1], p.Args[0]}, row.Args, &trial)
	}
	if matched {
		*l = trial
	}
	return matched
}

func (s *shape) matchAll(f *form, at, of [3]uint8, args int, l *letters) bool {
	for i := range args {
		if !s.match(f, at[i], of[i], l) {
			return false
		}
	}
	return true
}
