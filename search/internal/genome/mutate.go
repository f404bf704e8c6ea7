package genome

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// Mutator changes genomes at random.
type Mutator struct {
	Leaves    []Op // g, and x if rules may read the parameter
	Ops       []Op // the other operators that it may put in
	MaxNodes  int  // operators that are live
	MaxStates int  // states that are live, of one value an element
}

// DefaultMutator has all operators and hides x.
func DefaultMutator() Mutator {
	m := Mutator{Leaves: []Op{G}, MaxNodes: 20, MaxStates: 3}
	for i, row := range Ops {
		if row.Kind != Leaf {
			m.Ops = append(m.Ops, Op(i))
		}
	}
	return m
}

// Check says what is wrong with a mutator that this package has not made.
func (m *Mutator) Check() error {
	for what, ops := range map[bool][]Op{true: m.Leaves, false: m.Ops} {
		if len(ops) == 0 {
			return errors.New("a grammar needs the gradient and operators")
		}
		for _, op := range ops {
			if int(op) >= len(Ops) || (op.Row().Kind == Leaf) != what || op == Const {
				return fmt.Errorf("operator %d does not belong to the grammar", op)
			}
		}
	}
	if m.MaxNodes < 1 || m.MaxNodes > MaxNodes || m.MaxStates < 0 {
		return fmt.Errorf("rules of %d operators and %d states: 1 to %d operators are possible", m.MaxNodes, m.MaxStates, MaxNodes)
	}
	return nil
}

// attempts is how often a mutation is tried before the genome is given back as it was.
const attempts = 50

// keptDead bounds the nodes that nothing reads: they are stepping stones, the oldest are dropped.
const keptDead = 16

// rooms are for mutants that are being made.
var rooms = sync.Pool{New: func() any { return new([MaxNodes]Node) }}

// Mutate returns g with one mutation: an operator put in, taken out, or changed, each as likely. The result is valid and
// within the limits; what is not is thrown away and another drawn.
func (m *Mutator) Mutate(g Genome, r *rand.Rand) Genome {
	room := rooms.Get().(*[MaxNodes]Node)
	defer rooms.Put(room)
	for range attempts {
		child := change{m: m, r: r, Genome: Genome{Nodes: append(room[:0], g.Nodes...), Root: g.Root}}
		var done bool
		switch r.IntN(3) {
		case 0:
			done = child.insert()
		case 1:
			done = child.remove()
		default:
			done = child.modify()
		}
		if done && m.admits(child.Genome) {
			child.trim()
			return child.Clone()
		}
	}
	return g.Clone()
}

// Polish returns g with another constant, or as it is if it has none.
func (m *Mutator) Polish(g Genome, r *rand.Rand) Genome {
	for range attempts {
		child := change{m: m, r: r, Genome: g.Clone()}
		if child.changeConst() && m.admits(child.Genome) {
			return child.Genome
		}
	}
	return g.Clone()
}

// admits reports whether a genome is valid and within the limits.
func (m *Mutator) admits(g Genome) bool {
	var scalars, lives marks
	if g.fault(&scalars) != nil {
		return false
	}
	live := g.live(lives.of(&g))
	return g.size(live) <= m.MaxNodes && g.states(live, scalars.of(&g)) <= m.MaxStates
}

// change is a genome that is being changed.
type change struct {
	Genome
	m    *Mutator
	r    *rand.Rand
	deep int // operands of operands that are being made
}

// edge is where a node's value is read: argument arg of node, or the root if node is the number of nodes.
type edge struct{ node, arg int }

// liveEdge draws an edge that the update depends on.
func (c *change) liveEdge() edge {
	var room marks
	live := c.live(room.of(&c.Genome))
	count := 1
	for i := range live {
		if live[i] {
			count += len(c.Nodes[i].args())
		}
	}
	drawn := c.r.IntN(count) - 1
	for i := range live {
		if n := len(c.Nodes[i].args()); live[i] && drawn >= 0 {
			if drawn < n {
				return edge{i, drawn}
			}
			drawn -= n
		}
	}
	return edge{len(c.Nodes), 0}
}

func (c *change) at(e edge) *uint8 {
	if e.node == len(c.Nodes) {
		return &c.Root
	}
	return &c.Nodes[e.node].Args[e.arg]
}

// insert puts a new operator into an edge.
func (c *change) insert() bool {
	e := c.liveEdge()
	old := *c.at(e)
	n := Node{Op: pick(c.r, c.m.Ops)}
	n.K = c.constant(n.Op, 0)
	place := e.node
	for j := range n.args() {
		n.Args[j] = c.operand(&place)
	}
	n.Args[c.r.IntN(n.Op.Row().Args)] = old
	if !c.open(place, n) {
		return false
	}
	e.node = place + 1
	*c.at(e) = uint8(place)
	return true
}

// remove gives what an operator's readers read one of its arguments instead. The operator stays, unread.
func (c *change) remove() bool {
	i, ok := c.liveOperator()
	if !ok {
		return false
	}
	with := pick(c.r, c.Nodes[i].args())
	for j := i + 1; j < len(c.Nodes); j++ {
		for k, a := range c.Nodes[j].args() {
			if int(a) == i {
				c.Nodes[j].Args[k] = with
			}
		}
	}
	if int(c.Root) == i {
		c.Root = with
	}
	return true
}

// modify changes an operator, one of its arguments, or a constant.
func (c *change) modify() bool {
	switch c.r.IntN(3) {
	case 0:
		return c.changeOp()
	case 1:
		return c.changeArg()
	default:
		return c.changeConst()
	}
}

// changeOp takes another operator of as many arguments.
func (c *change) changeOp() bool {
	i, ok := c.liveOperator()
	if !ok {
		return false
	}
	n := &c.Nodes[i]
	op := pick(c.r, c.m.Ops)
	if op == n.Op || op.Row().Args != n.Op.Row().Args {
		return false
	}
	k := 0.0
	if n.Op.Row().Const {
		k = n.K
	}
	n.Op, n.K = op, c.constant(op, k)
	return true
}

// changeArg reads another value.
func (c *change) changeArg() bool {
	e := c.liveEdge()
	place := e.node
	with := c.operand(&place)
	e.node = place
	if *c.at(e) == with {
		return false
	}
	*c.at(e) = with
	return true
}

func (c *change) changeConst() bool {
	var room marks
	with := make([]int, 0, MaxNodes)
	for i, live := range c.live(room.of(&c.Genome)) {
		if live && c.Nodes[i].Op.Row().Const {
			with = append(with, i)
		}
	}
	if len(with) == 0 {
		return false
	}
	n := &c.Nodes[pick(c.r, with)]
	k := c.constant(n.Op, n.K)
	changed := k != n.K
	n.K = k
	return changed
}

// liveOperator draws a live node with arguments.
func (c *change) liveOperator() (int, bool) {
	var room marks
	with := make([]int, 0, MaxNodes)
	for i, live := range c.live(room.of(&c.Genome)) {
		if live && len(c.Nodes[i].args()) > 0 {
			with = append(with, i)
		}
	}
	if len(with) == 0 {
		return 0, false
	}
	return pick(c.r, with), true
}

// operand draws a value that may be read at a place: a leaf, a constant, an earlier node, or a new operator with operands
// of its own. What is not there yet is put in, which moves the place.
func (c *change) operand(place *int) uint8 {
	kinds := 6
	if *place == 0 {
		kinds = 2
	}
	switch c.r.IntN(kinds) {
	case 0:
		return c.put(place, Node{Op: pick(c.r, c.m.Leaves)})
	case 1:
		return c.put(place, Node{Op: Const, K: c.constant(Const, 0)})
	case 2, 3:
		if c.deep == MaxNodes { // of operators with three arguments they need have no end
			break
		}
		c.deep++
		defer func() { c.deep-- }()
		n := Node{Op: pick(c.r, c.m.Ops)}
		n.K = c.constant(n.Op, 0)
		for j := range n.args() {
			n.Args[j] = c.operand(place)
		}
		return c.put(place, n)
	}
	return uint8(c.r.IntN(*place))
}

// put finds a node before a place, or puts it in there, which moves the place.
func (c *change) put(place *int, n Node) uint8 {
	if i := slices.Index(c.Nodes[:*place], n); i >= 0 {
		return uint8(i)
	}
	if !c.open(*place, n) {
		return 0
	}
	*place++
	return uint8(*place - 1)
}

// open inserts a node before others. Those that read nodes from there on follow them.
func (c *change) open(place int, n Node) bool {
	if len(c.Nodes) == MaxNodes {
		return false
	}
	c.Nodes = slices.Insert(c.Nodes, place, n)
	for i := place + 1; i < len(c.Nodes); i++ {
		for j, a := range c.Nodes[i].args() {
			if int(a) >= place {
				c.Nodes[i].Args[j]++
			}
		}
	}
	if int(c.Root) >= place {
		c.Root++
	}
	return true
}

// constant draws a constant for an operator: near the one that it has, or any if it has none.
func (c *change) constant(op Op, old float64) float64 {
	grid := fractions
	if !op.Row().Const {
		return 0
	}
	if op == Const {
		grid = magnitudes
	}
	i := slices.IndexFunc(grid, func(v float64) bool { return v >= math.Abs(old) })
	if old == 0 || i < 0 || c.r.IntN(4) == 0 {
		i = c.r.IntN(len(grid))
	} else {
		i = min(max(i+2*c.r.IntN(2)-1, 0), len(grid)-1)
	}
	if op == Const && (old < 0 || old == 0 && c.r.IntN(4) == 0) {
		return -grid[i]
	}
	return grid[i]
}

// The constants that are drawn, ascending.
var (
	fractions  = []float64{0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7}
	magnitudes = []float64{0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 20, 50, 100}
)

// trim drops the oldest nodes that nothing reads beyond keptDead.
func (c *change) trim() {
	var room marks
	live := c.live(room.of(&c.Genome))
	dead := 0
	for _, l := range live {
		if !l {
			dead++
		}
	}
	if dead <= keptDead {
		return
	}
	keep := live
	for i := range keep {
		if !keep[i] && dead <= keptDead {
			keep[i] = true
		} else if !keep[i] {
			dead--
		}
	}
	for i := len(keep) - 1; i >= 0; i-- { // what a kept node reads is kept
		if keep[i] {
			for _, a := range c.Nodes[i].args() {
				keep[a] = true
			}
		}
	}
	c.Genome = c.only(keep, c.Nodes[:0])
}

// Only is the genome with some of its nodes, which read no others.
func (g Genome) Only(keep []bool) Genome { return g.only(keep, make([]Node, 0, len(g.Nodes))) }

// only is Only, in room that may be that of g.
func (g *Genome) only(keep []bool, room []Node) Genome {
	out := Genome{Nodes: room}
	var at [math.MaxUint8 + 1]uint8
	for i, n := range g.Nodes {
		if keep[i] {
			for j := range n.args() {
				n.Args[j] = at[n.Args[j]]
			}
			at[i] = uint8(len(out.Nodes))
			out.Nodes = append(out.Nodes, n)
		}
	}
	out.Root = at[g.Root]
	return out
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }
