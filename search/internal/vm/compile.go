package vm

import "github.com/optc-lang/optc/search/internal/genome"

// place is where a value of one an element is.
type place struct {
	kind  placeKind
	index int
}

type placeKind uint8

const (
	inGrad placeKind = iota
	inParam
	inTarget // what the step changes
	inBuffer // a block, used again by others
	inKept   // an array that lives within a step
	inState
)

// The first step values are those of the outer loop.
const (
	lrValue = iota
	decayValue
	tValue // steps taken, this one included
	freeValue
)

// instr runs a kernel on a block.
type instr struct {
	kernel  *kernel
	streams []place
	given   []given
	dynamic bool // a scalar of it is not known before the step
}

// given is a scalar of a kernel.
type given struct {
	slot     int
	value    int // the step value that it is, or -1 for a constant
	constant float64
}

// compiler makes a program of a genome.
type compiler struct {
	genome  genome.Genome
	program *Program
	scalar  []bool
	seg     []int   // of a value of one an element: the segment that computes it; of a step value: the first that may read it
	last    []int   // of a value of one an element: the last segment that reads it
	at      []place // of a value of one an element
	value   []int   // of a step value, and of the divisor of a normalisation
	uses    []int   // of a buffer's value: reads within its segment that are still to come
	free    []int   // buffers
}

// Compile makes a genome, which [genome.Genome.Check] must accept, ready to run.
func Compile(g genome.Genome) (*Program, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	n := len(g.Nodes)
	c := &compiler{genome: g, program: &Program{start: make([]float64, freeValue)}, scalar: g.Scalars(),
		seg: make([]int, n), last: make([]int, n), at: make([]place, n), value: make([]int, n), uses: make([]int, n)}
	live := g.Live()
	c.schedule(live)
	for s := range c.program.segments {
		for i := range g.Nodes {
			if live[i] {
				c.node(i, s)
			}
		}
	}
	c.finish()
	return c.program, nil
}

// schedule gives each value its segment, and finds out which values later segments read.
func (c *compiler) schedule(live []bool) {
	end := 0
	for i := range c.genome.Nodes {
		if !live[i] {
			continue
		}
		n := &c.genome.Nodes[i]
		row := n.Op.Row()
		for _, a := range c.reads(i) {
			c.seg[i] = max(c.seg[i], c.seg[a])
		}
		if row.Kind == genome.Normal || row.Kind == genome.Reduce {
			c.seg[i]++
		}
		end = max(end, c.seg[i])
	}
	c.program.segments = make([]segment, end+1)
	for i := range c.genome.Nodes {
		if !live[i] {
			continue
		}
		row := c.genome.Nodes[i].Op.Row()
		for _, a := range c.reads(i) {
			at := c.seg[i]
			if row.Kind == genome.Reduce {
				at--
			}
			c.last[a] = max(c.last[a], at)
			if at == c.seg[a] {
				c.uses[a]++
			}
			if row.Kind == genome.Normal && c.seg[a] == c.seg[i]-1 {
				c.uses[a]++
			}
		}
	}
	root := c.genome.Root
	c.last[root] = end
	c.uses[root]++
}

// reads lists the arguments of a node.
func (c *compiler) reads(i int) []uint8 {
	n := &c.genome.Nodes[i]
	return n.Args[:n.Op.Row().Args]
}

var (
	avg  = genome.Lookup("avg")
	prev = genome.Lookup("prev")
)

// node compiles what of a node belongs to a segment.
func (c *compiler) node(i, s int) {
	n := &c.genome.Nodes[i]
	row := n.Op.Row()
	switch {
	case s == c.seg[i]-1 && (row.Kind == genome.Reduce || row.Kind == genome.Normal):
		c.reduce(i, s)
	case s != c.seg[i] || row.Kind == genome.Reduce:
	case n.Op == genome.Const:
		c.value[i] = c.newValue(n.K)
	case n.Op == genome.G:
		c.at[i] = place{kind: inGrad}
	case n.Op == genome.X:
		c.at[i] = place{kind: inParam}
	case row.Kind == genome.State && c.scalar[i]:
		c.scalarState(i, s)
	case row.Kind == genome.State:
		c.state(i, s)
	case c.scalar[i]:
		c.scalarMap(i, s)
	case row.Kind == genome.Normal:
		c.emit(s, kernels["div"][1], map[byte]place{'a': c.at[n.Args[0]]}, map[byte]int{'b': c.value[i]}, 0, c.result(i))
		c.done(n.Args[0], s)
	default:
		c.mapped(i, s, row)
	}
}

// newValue makes a step value.
func (c *compiler) newValue(start float64) int {
	c.program.start = append(c.program.start, start)
	return len(c.program.start) - 1
}

// result is a place for the value of a node.
func (c *compiler) result(i int) place {
	if c.last[i] > c.seg[i] {
		c.at[i] = place{inKept, c.program.kept}
		c.program.kept++
		return c.at[i]
	}
	if len(c.free) == 0 {
		c.free = append(c.free, c.program.buffers)
		c.program.buffers++
	}
	top := len(c.free) - 1
	c.at[i] = place{inBuffer, c.free[top]}
	c.free = c.free[:top]
	return c.at[i]
}

// done notes that a value has been read once more in a segment, and gives its buffer back after the last time.
func (c *compiler) done(a uint8, s int) {
	if c.scalar[a] || s != c.seg[a] {
		return
	}
	if c.uses[a]--; c.uses[a] == 0 && c.at[a].kind == inBuffer {
		c.free = append(c.free, c.at[a].index)
	}
}

// emit appends an instruction.
func (c *compiler) emit(s int, k *kernel, arrays map[byte]place, values map[byte]int, fraction float64, out place) {
	in := instr{kernel: k}
	for _, letter := range k.streams {
		if letter == 'x' {
			in.streams = append(in.streams, out)
		} else {
			in.streams = append(in.streams, arrays[letter])
		}
	}
	for j, slot := range k.slots {
		if slot < 0 {
			continue
		}
		g := given{slot: slot, value: -1, constant: fraction}
		if j != constant {
			g.value = values[givens[j]]
			in.dynamic = true
		}
		in.given = append(in.given, g)
	}
	c.program.segments[s].code = append(c.program.segments[s].code, in)
}

// mapped is an operator on arrays, and perhaps step values.
func (c *compiler) mapped(i, s int, row *genome.Row) {
	args := c.reads(i)
	if c.scalar[args[0]] && row.Commutes {
		args = []uint8{args[1], args[0]}
	}
	arrays, values, mask := map[byte]place{}, map[byte]int{}, 0
	for j, a := range args {
		letter := byte('a' + j)
		if c.scalar[a] {
			values[letter] = c.value[a]
		} else {
			arrays[letter], mask = c.at[a], mask|1<<j
		}
	}
	c.emit(s, operators[c.genome.Nodes[i].Op][mask], arrays, values, c.genome.Nodes[i].K, c.result(i))
	for _, a := range args {
		c.done(a, s)
	}
}

// state is an operator with a state of one value an element, in whose array its value stays. The value of prev is what was
// there.
func (c *compiler) state(i, s int) {
	n := &c.genome.Nodes[i]
	kept := place{inState, c.program.states}
	c.program.states++
	c.at[i] = kept
	if n.Op == prev {
		c.emit(s, kernels["prev"][1], map[byte]place{'a': kept}, nil, 0, c.result(i))
	}
	c.emit(s, operators[n.Op][1], map[byte]place{'a': c.at[n.Args[0]]}, nil, n.K, kept)
	c.done(n.Args[0], s)
	if n.Op == avg {
		arrays, values := map[byte]place{'a': kept}, map[byte]int{'b': c.correction(n.K, s)}
		c.emit(s, kernels["mul"][1], arrays, values, 0, c.result(i))
	}
}

// correction is what an average of k is to be multiplied with, as a step value.
func (c *compiler) correction(k float64, s int) int {
	out, of := c.newValue(0), correctionOf(k)
	c.compute(s, func(x []float64, _ float64) { x[out] = of.at(x[tValue]) })
	return out
}

// sum adds a sum over the elements to a segment. The result is a step value of the next.
func (c *compiler) sum(s int, of summand, args []uint8) int {
	arrays := map[byte]place{}
	for j, a := range of.args {
		arrays[givens[j]] = c.at[args[a]]
	}
	v := c.newValue(0)
	c.emit(s, of.kernel, arrays, nil, 0, place{})
	c.program.segments[s].sums = append(c.program.segments[s].sums, v)
	return v
}

// reduce is an operator over the elements of a tensor, or the divisor of a normalisation.
func (c *compiler) reduce(i, s int) {
	args, r := c.reads(i), reductions[c.genome.Nodes[i].Op]
	out := c.newValue(0)
	c.value[i] = out
	var at [maxSums]int
	for j, of := range r.sums {
		at[j] = c.sum(s, of, args)
	}
	c.compute(s+1, func(x []float64, n float64) { x[out] = r.value([maxSums]float64{x[at[0]], x[at[1]], x[at[2]]}, n) })
	for _, a := range args {
		c.done(a, s)
	}
}

// compute adds a step value to those that a segment starts with.
func (c *compiler) compute(s int, f func(x []float64, n float64)) {
	c.program.segments[s].values = append(c.program.segments[s].values, f)
}

// scalarArgs is where the arguments of an operator on step values are; those that it has not are the first.
func (c *compiler) scalarArgs(i int) (a, b, d int) {
	n := &c.genome.Nodes[i]
	at := [3]int{}
	for j := range at {
		at[j] = c.value[n.Args[0]]
		if j < n.Op.Row().Args {
			at[j] = c.value[n.Args[j]]
		}
	}
	return at[0], at[1], at[2]
}

func (c *compiler) scalarMap(i, s int) {
	a, b, d := c.scalarArgs(i)
	out, f, k := c.newValue(0), c.genome.Nodes[i].Op.Row().Scalar, c.genome.Nodes[i].K
	c.value[i] = out
	c.compute(s, func(x []float64, _ float64) { x[out] = f(x[a], x[b], x[d], k) })
}

func (c *compiler) scalarState(i, s int) {
	a, _, _ := c.scalarArgs(i)
	n := &c.genome.Nodes[i]
	out, kept, f, k := c.newValue(0), c.newValue(0), n.Op.Row().Scalar, n.K
	c.value[i] = out
	if n.Op == prev {
		c.compute(s, func(x []float64, _ float64) { x[out], x[kept] = x[kept], x[a] })
		return
	}
	c.compute(s, func(x []float64, _ float64) {
		x[kept] = f(x[a], 0, x[kept], k)
		x[out] = x[kept]
	})
	if n.Op == avg {
		by := c.correction(k, s)
		c.compute(s, func(x []float64, _ float64) { x[out] = float64(x[out] * x[by]) })
	}
}

// finish ends the last segment with the step itself.
func (c *compiler) finish() {
	arrays, values := map[byte]place{'a': c.at[c.genome.Root]}, map[byte]int{'b': lrValue, 'c': decayValue}
	c.emit(len(c.program.segments)-1, kernels["apply"][1], arrays, values, 0, place{kind: inTarget})
}
