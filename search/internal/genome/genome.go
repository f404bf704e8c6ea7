// Package genome holds update rules as small expression graphs, which a search can change.
//
// A [Genome] says what a step subtracts from a parameter, up to a positive factor, since the learning rate, its schedule
// and the decay of the weights belong to the outer loop. Its leaves are the gradient and constants, its operators the rows
// of [Ops], states among them. In comes a genome or a seed; out come other genomes ([Mutator]), the one form of all that
// are equal by the rewrites of this package ([Genome.Canonical]), what is known of it without running it
// ([Genome.Degrees]), and its text in the rule language ([Genome.Rule]). The package computes nothing on arrays.
package genome

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"strings"
)

// MaxNodes is the most nodes that a genome may have, those that nothing reads included.
const MaxNodes = 64

// Node is an operator applied to earlier nodes.
type Node struct {
	Op   Op
	Args [3]uint8
	K    float64 // of a row with Const
}

// args are the arguments in use.
func (n *Node) args() []uint8 { return n.Args[:arity[n.Op]] }

// arity is, by operator, how many arguments it has: the column of [Ops] that is read most.
var arity = func() (out [math.MaxUint8 + 1]uint8) {
	for i, row := range Ops {
		out[i] = uint8(row.Args)
	}
	return out
}()

// Genome is an update rule. Operands stand before the nodes that read them.
type Genome struct {
	Nodes []Node
	Root  uint8 // whose value is the update
}

// marks is room for what is told of each node of a genome, on the stack.
type marks [MaxNodes]bool

func (m *marks) of(g *Genome) []bool {
	if len(g.Nodes) > len(m) {
		return make([]bool, len(g.Nodes))
	}
	return m[:len(g.Nodes)]
}

// Scalars tells of each node whether it has one value a tensor. All others have one an element.
func (g Genome) Scalars() []bool { return g.scalars(make([]bool, len(g.Nodes))) }

func (g *Genome) scalars(scalar []bool) []bool {
	for i := range g.Nodes {
		scalar[i] = isScalar(&g.Nodes[i], scalar)
	}
	return scalar
}

// isScalar tells it of a node, knowing it of its arguments.
func isScalar(n *Node, scalar []bool) bool {
	switch n.Op.Row().Kind {
	case Leaf:
		return n.Op == Const
	case Reduce:
		return true
	}
	for _, a := range n.args() {
		if !scalar[a] {
			return false
		}
	}
	return true
}

// Live tells of each node whether the update depends on it.
func (g Genome) Live() []bool { return g.live(make([]bool, len(g.Nodes))) }

func (g *Genome) live(live []bool) []bool {
	live[g.Root] = true
	for i := len(g.Nodes) - 1; i >= 0; i-- {
		if live[i] {
			for _, a := range g.Nodes[i].args() {
				live[a] = true
			}
		}
	}
	return live
}

// Size counts live operators; leaves are free.
func (g Genome) Size() int {
	var room marks
	return g.size(g.live(room.of(&g)))
}

func (g *Genome) size(live []bool) int {
	n := 0
	for i := range g.Nodes {
		if live[i] && len(g.Nodes[i].args()) > 0 {
			n++
		}
	}
	return n
}

// States counts the live states of one value an element: a state costs 4 bytes an element.
func (g Genome) States() int {
	var rooms [2]marks
	return g.states(g.live(rooms[0].of(&g)), g.scalars(rooms[1].of(&g)))
}

func (g *Genome) states(live, scalar []bool) int {
	n := 0
	for i := range g.Nodes {
		if live[i] && !scalar[i] && g.Nodes[i].Op.Row().Kind == State {
			n++
		}
	}
	return n
}

// Flops counts arithmetic operations an element and step, an elementary function as one. What there is one of a tensor is free.
func (g Genome) Flops() int {
	var rooms [2]marks
	live, scalar := g.live(rooms[0].of(&g)), g.scalars(rooms[1].of(&g))
	n := 0
	for i := range g.Nodes {
		if live[i] && (!scalar[i] || g.Nodes[i].Op.Row().Kind == Reduce) {
			n += flops[g.Nodes[i].Op]
		}
	}
	return n
}

// flops is, by operator, how many operations its text has.
var flops = countFlops()

func countFlops() []int {
	out := make([]int, len(Ops))
	for i, row := range Ops {
		text := strings.NewReplacer("1 - k", "k", "1e-12", "e").Replace(row.Text)
		out[i] = len(operation.FindAllString(text, -1))
	}
	return out
}

var operation = regexp.MustCompile(`[-+*/]|[a-z]+\(`)

// Reads reports whether the update depends on a node of an operator, a leaf for instance.
func (g Genome) Reads(op Op) bool {
	var room marks
	for i, live := range g.live(room.of(&g)) {
		if live && g.Nodes[i].Op == op {
			return true
		}
	}
	return false
}

// Check says what is wrong with a genome that this package has not made.
func (g Genome) Check() error {
	var room marks
	if f := g.fault(&room); f != nil {
		return f
	}
	return nil
}

// fault is what is wrong with a genome. Only who reads it pays for its words: most mutants have one.
type fault struct {
	format string
	of     []any
}

func (f *fault) Error() string { return fmt.Sprintf(f.format, f.of...) }

// fault is what is wrong with a genome, or nil. It sets room to what Scalars tells.
func (g *Genome) fault(room *marks) *fault {
	if len(g.Nodes) == 0 || len(g.Nodes) > MaxNodes || int(g.Root) >= len(g.Nodes) {
		return &fault{"a genome has 1 to %d nodes, one of them its root", []any{MaxNodes}}
	}
	scalar := room.of(g)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if int(n.Op) >= len(Ops) {
			return &fault{"node %d: no operator %d", []any{i, n.Op}}
		}
		row := n.Op.Row()
		for _, a := range n.args() {
			if int(a) >= i {
				return &fault{"node %d: %s reads node %d, which does not stand before it", []any{i, row.Name, a}}
			}
			if scalar[a] && (row.Kind == Reduce || row.Kind == Normal) {
				return &fault{"node %d: %s of node %d, which has one value a tensor", []any{i, row.Name, a}}
			}
		}
		if row.Const && (math.IsNaN(n.K) || math.IsInf(n.K, 0)) {
			return &fault{"node %d: the constant of %s is %v", []any{i, row.Name, n.K}}
		}
		if row.Const && row.Kind != Leaf && (n.K <= 0 || n.K > 1) {
			return &fault{"node %d: the constant of %s is %v, not in (0, 1]", []any{i, row.Name, n.K}}
		}
		scalar[i] = isScalar(n, scalar)
	}
	if scalar[g.Root] {
		return &fault{format: "the update has one value a tensor"}
	}
	return nil
}

// Nonnegative tells of each node whether it is known never to be negative (or is NaN).
func (g Genome) Nonnegative() []bool {
	known := make([]bool, len(g.Nodes))
	for i := range g.Nodes {
		known[i] = nonnegative(&g.Nodes[i], known)
	}
	return known
}

func nonnegative(n *Node, known []bool) bool {
	if n.Op == Const {
		return n.K >= 0
	}
	row := n.Op.Row()
	if row.Sign == nil {
		return false
	}
	of := [3]bool{true, true, true}
	for i, a := range n.args() {
		of[i] = known[a]
	}
	return row.Sign(of[0], of[1], of[2])
}

// negligible is the largest constant that counts as a guard against zero, of whatever degree it is added to.
const negligible = 1e-6

// Degrees gives for each node the power of c by which it grows when all gradients are c times as large: 1 for a momentum,
// 0 for its sign, NaN if it is no power.
func (g Genome) Degrees() []float64 {
	degree := make([]float64, len(g.Nodes))
	for i := range g.Nodes {
		var d [3]float64
		read := g.read(i, negligible)
		for j, a := range read[:len(g.Nodes[i].args())] {
			d[j] = degree[a]
		}
		degree[i] = g.Nodes[i].Op.Row().Degree(d[0], d[1], d[2])
	}
	return degree
}

// Parities tells for each node what it becomes when all gradients, and parameters, change their sign.
func (g Genome) Parities() []parity {
	parities := make([]parity, len(g.Nodes))
	for i := range g.Nodes {
		var p [3]parity
		read := g.read(i, 0)
		for j, a := range read[:len(g.Nodes[i].args())] {
			p[j] = parities[a]
		}
		parities[i] = g.Nodes[i].Op.Row().Parity(p[0], p[1], p[2])
	}
	return parities
}

// read are the arguments of a node that tell its degree or parity: in place of a constant that only guards against zero,
// no larger than guard, stands what is beside it.
func (g *Genome) read(i int, guard float64) [3]uint8 {
	n := &g.Nodes[i]
	args, read := n.args(), n.Args
	for j, a := range args {
		if arg := &g.Nodes[a]; arg.Op != Const || math.Abs(arg.K) > guard || n.Op == mul || n.Op == div {
			continue
		}
		switch len(args) {
		case 2:
			read[j] = args[1-j]
		case 3: // where: its condition has no part in it
			read[j] = args[(3-j)%3]
		}
	}
	return read
}

// Equivariant reports whether the update follows the gradient: c times the gradients give a power of |c| times the update,
// with c's sign. It is so of all rules that mean the same in any unit and that know no direction from its opposite.
func (g Genome) Equivariant() bool {
	degree := g.Degrees()[g.Root]
	return degree == degree && g.Parities()[g.Root] == odd
}

// Key is the digest of a genome as it stands. Those of canonical forms tell rules apart.
type Key [sha256.Size]byte

// Key returns the digest.
func (g Genome) Key() Key {
	buf := make([]byte, 0, 16*MaxNodes)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		buf = append(buf, byte(n.Op))
		buf = append(buf, n.args()...)
		if n.Op.Row().Const {
			buf = binary.LittleEndian.AppendUint64(buf, math.Float64bits(n.K))
		}
	}
	return sha256.Sum256(append(buf, g.Root))
}

// Clone shares nothing with g.
func (g Genome) Clone() Genome {
	return Genome{Nodes: append([]Node(nil), g.Nodes...), Root: g.Root}
}
