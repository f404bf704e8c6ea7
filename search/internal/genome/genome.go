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
	"errors"
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
func (n *Node) args() []uint8 { return n.Args[:n.Op.Row().Args] }

// Genome is an update rule. Operands stand before the nodes that read them.
type Genome struct {
	Nodes []Node
	Root  uint8 // whose value is the update
}

// Scalars tells of each node whether it has one value a tensor. All others have one an element.
func (g Genome) Scalars() []bool {
	scalar := make([]bool, len(g.Nodes))
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
func (g Genome) Live() []bool {
	live := make([]bool, len(g.Nodes))
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
	n := 0
	for i, live := range g.Live() {
		if live && g.Nodes[i].Op.Row().Args > 0 {
			n++
		}
	}
	return n
}

// States counts the live states of one value an element: a state costs 4 bytes an element.
func (g Genome) States() int {
	live, scalar := g.Live(), g.Scalars()
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
	live, scalar := g.Live(), g.Scalars()
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

// Reads reports whether the update depends on a leaf.
func (g Genome) Reads(leaf Op) bool {
	live := g.Live()
	for i := range g.Nodes {
		if live[i] && g.Nodes[i].Op == leaf {
			return true
		}
	}
	return false
}

// Check says what is wrong with a genome that this package has not made.
func (g Genome) Check() error {
	if len(g.Nodes) == 0 || len(g.Nodes) > MaxNodes || int(g.Root) >= len(g.Nodes) {
		return fmt.Errorf("a genome has 1 to %d nodes, one of them its root", MaxNodes)
	}
	scalar := make([]bool, len(g.Nodes))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if int(n.Op) >= len(Ops) {
			return fmt.Errorf("node %d: no operator %d", i, n.Op)
		}
		row := n.Op.Row()
		for _, a := range n.args() {
			if int(a) >= i {
				return fmt.Errorf("node %d: %s reads node %d, which does not stand before it", i, row.Name, a)
			}
			if scalar[a] && (row.Kind == Reduce || row.Kind == Normal) {
				return fmt.Errorf("node %d: %s of node %d, which has one value a tensor", i, row.Name, a)
			}
		}
		if row.Const && (math.IsNaN(n.K) || math.IsInf(n.K, 0)) {
			return fmt.Errorf("node %d: the constant of %s is %v", i, row.Name, n.K)
		}
		if row.Const && row.Kind != Leaf && (n.K <= 0 || n.K > 1) {
			return fmt.Errorf("node %d: the constant of %s is %v, not in (0, 1]", i, row.Name, n.K)
		}
		scalar[i] = isScalar(n, scalar)
	}
	if scalar[g.Root] {
		return errors.New("the update has one value a tensor")
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
		n := &g.Nodes[i]
		var d [3]float64
		for j, a := range n.args() {
			d[j] = degree[a]
		}
		for j, a := range n.args() {
			arg := &g.Nodes[a]
			if arg.Op != Const || math.Abs(arg.K) > negligible || n.Op == mul {
				continue
			}
			switch n.Op.Row().Args {
			case 2:
				d[j] = d[1-j]
			case 3: // where: its condition has no part in it
				d[j] = d[(3-j)%3]
			}
		}
		degree[i] = n.Op.Row().Degree(d[0], d[1], d[2])
	}
	return degree
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
