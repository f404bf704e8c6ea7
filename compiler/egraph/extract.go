package egraph

import (
	"math"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// extractor picks a node for each class so that the roots are cheap.
type extractor struct {
	g        *graph
	live     []id
	roots    []id
	original map[node]bool // the nodes of the input: of equal cost, these are taken
	small    bool          // a node costs 1, whatever it computes
	tree     []int64       // by class: the cost of its best tree, a shared value counted again at each use
	best     []int         // by class: the index of that tree's root
	work     int           // nodes that climb may still visit
	fresh    int64         // what a node must save that the input does not have
	mark     []int32       // by class: when order saw it last
	stamp    int32
	at       []int // by class: its index in the order
}

// maxClimb bounds the nodes that climb visits.
const maxClimb = 1_000_000

// none is the cost of what cannot be built.
const none = math.MaxInt64 / 4

func newExtractor(g *graph, roots []id, original []node, small bool) *extractor {
	x := &extractor{g: g, live: g.tidy(), original: map[node]bool{}, small: small, work: maxClimb}
	for _, n := range original {
		x.original[g.canonical(n)] = true
	}
	for _, r := range roots {
		x.roots = append(x.roots, g.find(r))
	}
	x.mark, x.at = make([]int32, len(g.classes)), make([]int, len(g.classes))
	x.tree, x.best = x.trees(func(node) bool { return true })
	return x
}

// trees finds for each class the cheapest tree of the nodes that are allowed. Costs are positive, so no tree holds its
// own class.
func (x *extractor) trees(allowed func(node) bool) ([]int64, []int) {
	cost, best := make([]int64, len(x.g.classes)), make([]int, len(x.g.classes))
	for i := range cost {
		cost[i], best[i] = none, -1
	}
	for changed := true; changed; {
		changed = false
		for _, c := range x.live {
			for i, n := range x.g.classes[c].nodes {
				if !allowed(n) || !x.fits(c, n) {
					continue
				}
				sum := x.own(c, n)
				for _, a := range x.args(&n) {
					sum = min(none, sum+cost[a])
				}
				if sum < cost[c] {
					cost[c], best[c], changed = sum, i, true
				}
			}
		}
	}
	return cost, best
}

func (x *extractor) args(n *node) []id { return n.args[:x.g.arity[n.head]] }

// own is the price of a node in a tree.
func (x *extractor) own(c id, n node) int64 {
	h := &x.g.heads[n.head]
	fresh := int64(1)
	if x.original[n] {
		fresh = 0
	}
	switch {
	case x.small:
		if h.kind == ir.Number && math.Signbit(math.Float64frombits(h.num)) && !h.mask {
			return 32*nodeSize + 32 + fresh // -2 is longer than 2
		}
		return 32*nodeSize + fresh
	case h.kind == ir.Apply:
		return int64(h.op.Flops*weight(x.g.classes[c].fact.extent))*8 + 8 + fresh
	case h.kind == ir.Reduce:
		return int64(weight(h.of)*5)*8 + 8 + fresh
	case h.kind == ir.Number:
		return 1 + fresh
	case len(x.args(&n)) > 0:
		return 1 << 30
	}
	return int64(weight(h.extent))*8 + 8
}

// fits reports whether a node gives its class at the extent at which the class can be had.
func (x *extractor) fits(c id, n node) bool {
	h := &x.g.heads[n.head]
	want := x.g.classes[c].fact.extent
	have := ir.Const
	switch {
	case h.kind == ir.Apply:
		for _, a := range x.args(&n) {
			have = ir.Join(have, x.extent(a))
		}
	case h.kind == ir.Number:
	case h.kind == ir.Reduce && h.leaf == nil:
		have = ir.Meet(h.of, h.per)
		if !h.of.Holds(x.extent(n.args[0])) {
			return false
		}
	default:
		have = h.extent
		for i, a := range x.args(&n) {
			if !h.takes[i].Holds(x.extent(a)) {
				return false
			}
		}
	}
	return have == want
}

func (x *extractor) extent(c id) ir.Extent { return x.g.class(c).fact.extent }

// order lists the classes below the roots, operands first; false if a class is below itself.
func (x *extractor) order(choice []int) ([]id, bool) {
	x.stamp += 2
	open, closed := x.stamp, x.stamp+1
	var out, stack []id
	for _, r := range x.roots {
		stack = append(stack, r)
		for len(stack) > 0 {
			c := stack[len(stack)-1]
			if x.mark[c] >= open {
				stack = stack[:len(stack)-1]
				if x.mark[c] == open {
					x.mark[c] = closed
					out = append(out, c)
				}
				continue
			}
			x.mark[c] = open
			x.work--
			if choice[c] < 0 {
				return nil, false
			}
			for _, a := range x.args(&x.g.classes[c].nodes[choice[c]]) {
				if x.mark[a] == open {
					return nil, false
				}
				if x.mark[a] < open {
					stack = append(stack, a)
				}
			}
		}
	}
	return out, true
}

// price is the cost of a choice, what is shared counted once.
func (x *extractor) price(choice []int) (int64, bool) {
	order, ok := x.order(choice)
	if !ok {
		return none, false
	}
	fresh := int64(0)
	parts := make([]part, len(order))
	args := make([]int, 0, 3*len(order))
	for i, c := range order {
		n := &x.g.classes[c].nodes[choice[c]]
		h := &x.g.heads[n.head]
		p := part{kind: h.kind, extent: x.g.classes[c].fact.extent, of: h.of}
		if h.op != nil {
			p.flops = h.op.Flops
		}
		from := len(args)
		for _, a := range x.args(n) {
			args = append(args, x.at[a])
		}
		p.args = args[from:]
		if x.fresh > 0 && !x.original[*n] {
			fresh++
		}
		x.at[c], parts[i] = i, p
	}
	var roots []int
	for _, r := range x.roots {
		roots = append(roots, x.at[r])
	}
	return costOf(parts, roots).Total() + fresh*x.fresh, true
}

// freshPrice is what a node must save that the input does not have: more than an operation or two on step values.
const freshPrice = 4

// climb changes one class's node at a time as long as that lowers the cost, which it returns.
func (x *extractor) climb(choice []int) int64 {
	best, ok := x.price(choice)
	if !ok {
		return none
	}
	for improved := true; improved; {
		improved = false
		order, _ := x.order(choice)
		x.forget(choice)
		for k := len(order) - 1; k >= 0; k-- {
			c := order[k]
			for i, n := range x.g.classes[c].nodes {
				if i == choice[c] || !x.fits(c, n) {
					continue
				}
				if x.work < 0 {
					return best
				}
				old := choice[c]
				choice[c] = i
				if price, ok := x.price(choice); ok && price < best {
					best, improved = price, true
				} else {
					choice[c] = old
				}
			}
		}
	}
	return best
}

// forget gives the classes that the last order has not met the roots of their cheapest trees.
func (x *extractor) forget(choice []int) {
	for _, c := range x.live {
		if x.mark[c] < x.stamp {
			choice[c] = x.best[c]
		}
	}
}

// choices pick the nodes in several ways: the input's own, and the cheapest trees, changed for the better.
func (x *extractor) choices() [][]int {
	if x.small {
		return [][]int{x.best}
	}
	_, asIs := x.trees(func(n node) bool { return x.original[n] })
	for i := range asIs {
		if asIs[i] < 0 {
			asIs[i] = x.best[i]
		}
	}
	var out [][]int
	for _, start := range []struct {
		choice []int
		fresh  int64 // at first
	}{{slices.Clone(asIs), freshPrice}, {slices.Clone(asIs), 0}, {slices.Clone(x.best), 0}} {
		x.work, x.fresh = maxClimb, start.fresh
		x.climb(start.choice)
		x.work, x.fresh = maxClimb, freshPrice
		x.climb(start.choice)
		out = append(out, start.choice)
	}
	return out
}

// values makes the values of the roots; false if a choice cannot be made.
func (x *extractor) values(choice []int) ([]*ir.Value, bool) {
	order, ok := x.order(choice)
	if !ok {
		return nil, false
	}
	made := map[id]*ir.Value{}
	for _, c := range order {
		n := x.g.classes[c].nodes[choice[c]]
		var args []*ir.Value
		for _, a := range x.args(&n) {
			args = append(args, made[a])
		}
		v := x.g.make(n, args)
		if v.Label == "" && v.Kind != ir.Number {
			v.Label = x.g.classes[c].label
		}
		made[c] = v
	}
	var out []*ir.Value
	for _, r := range x.roots {
		out = append(out, made[r])
	}
	return out, true
}
