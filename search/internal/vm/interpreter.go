package vm

import (
	"math"
	"unsafe"

	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/search/internal/genome"
)

// Interpreter runs genomes on a few small tensors of the same length, node by node. It gives the bits that a [Machine]
// gives, and spares the time to compile a program and to make a machine. It belongs to one goroutine at a time.
//
// The elements of all tensors stand side by side: an operator on arrays is one call of its kernel for all of them.
type Interpreter struct {
	tensors, length int
	genome          genome.Genome
	scalar          []bool
	actions         []*action // of a step, in order
	t               float64   // steps taken

	grad, x []float32
	arrays  []float32             // two of a node: its value, and its state where that is something else
	values  []float64             // step values, by node and tensor: see compiler.value
	kept    []float64             // states among them, likewise
	alike   [genome.MaxNodes]bool // whether the step value of a node is the same of all tensors
	fixed   [genome.MaxNodes]bool // whether it is known before the first step
	sums    []float64             // of the reduction under way, by sum and tensor

	frame []float64
}

// action runs a kernel on one tensor or all, or computes the step value of a node.
type action struct {
	kernel *kernel // nil for a step value
	run    optrt.Kernel
	args   optrt.Args
	splats []float32

	dynamic  bool          // a scalar is not known before the step
	given    [constant]int // by letter: which step value a scalar is
	fraction float64       // the constant that is given

	node       int
	correction *correction // of an avg
}

// NewInterpreter returns an interpreter for so many tensors of a length, which is at most that of a block.
func NewInterpreter(tensors, length int) *Interpreter {
	if length < 1 || length > block {
		panic("vm: an interpreter of no elements, or of more than a block")
	}
	p := &Interpreter{tensors: tensors, length: length}
	n := tensors * length
	p.grad, p.x, p.arrays = make([]float32, n), make([]float32, n), make([]float32, 2*genome.MaxNodes*n)
	p.values, p.kept = make([]float64, genome.MaxNodes*tensors), make([]float64, genome.MaxNodes*tensors)
	p.sums = make([]float64, maxSums*tensors)
	return p
}

// Load takes a genome, which [genome.Genome.Check] must accept, before its first step. Nobody may change it until another is
// loaded.
func (p *Interpreter) Load(g genome.Genome) error {
	if err := g.Check(); err != nil {
		return err
	}
	p.genome, p.scalar, p.actions, p.t = g, g.Scalars(), p.actions[:0], 0
	for i, live := range g.Live() {
		if live {
			p.node(i)
		}
	}
	return nil
}

// Update is the update of the next step, for parameters x and gradients g of all tensors side by side. It stays until the
// next step, and is that of [Machine.Update] but for the sign of zeros.
func (p *Interpreter) Update(x, g []float32) []float32 {
	copy(p.x, x)
	copy(p.grad, g)
	p.t++
	for _, a := range p.actions {
		if a.kernel == nil {
			p.compute(a)
			continue
		}
		if a.dynamic {
			p.prepare(a)
		}
		a.run(&a.args)
	}
	return p.array(p.genome.Root)
}

// Uniform reports whether a live node has one value all over all tensors in this step, but for rounding.
func (p *Interpreter) Uniform(i int) bool {
	if p.scalar[i] {
		return same(p.values[i*p.tensors:][:p.tensors])
	}
	return same(p.array(uint8(i)))
}

// rounding is more than what sums over a few hundred elements lose.
const rounding = 1e-4

func same[T float32 | float64](values []T) bool {
	for _, v := range values {
		if !(math.Abs(float64(v-values[0])) <= rounding*math.Abs(float64(values[0]))) {
			return false
		}
	}
	return true
}

// array is where the value of a node is.
func (p *Interpreter) array(i uint8) []float32 {
	switch p.genome.Nodes[i].Op {
	case genome.G:
		return p.grad
	case genome.X:
		return p.x
	}
	n := len(p.grad)
	return p.arrays[2*int(i)*n:][:n]
}

// state is where the state of a node is that is not its value.
func (p *Interpreter) state(i uint8) []float32 {
	n := len(p.grad)
	return p.arrays[(2*int(i)+1)*n:][:n]
}

// node makes the actions of a node.
func (p *Interpreter) node(at int) {
	i, n := uint8(at), &p.genome.Nodes[at]
	row := n.Op.Row()
	p.fixed[i], p.alike[i] = n.Op == genome.Const, p.isAlike(at, row)
	switch {
	case p.fixed[i]:
		for t := range p.tensors {
			p.values[at*p.tensors+t] = n.K
		}
	case row.Kind == genome.Leaf:
	case row.Kind == genome.Reduce:
		p.reduce(at)
	case row.Kind == genome.Normal:
		p.reduce(at)
		p.emit(kernels["div"][1], operands{arrays: [3][]float32{p.array(n.Args[0])}, values: [constant]int{1: at}}, p.array(i))
	case p.scalar[i]:
		clear(p.kept[at*p.tensors:][:p.tensors])
		p.stepValue(at)
	case row.Kind == genome.State:
		p.keep(at)
	default:
		p.mapped(at, row)
	}
}

// isAlike tells of the step value of a node whether it is the same of all tensors, knowing it of its arguments.
func (p *Interpreter) isAlike(i int, row *genome.Row) bool {
	if row.Kind == genome.Reduce || row.Kind == genome.Normal {
		return false
	}
	for _, a := range p.genome.Nodes[i].Args[:row.Args] {
		if p.scalar[i] && !p.alike[a] {
			return false
		}
	}
	return true
}

// operands are what a kernel is given, by letter: arrays, the nodes whose step values are scalars, and the constant.
type operands struct {
	arrays   [constant][]float32
	values   [constant]int
	fraction float64
}

// emit appends the actions of a kernel: one for each tensor if a scalar is not the same of all.
func (p *Interpreter) emit(k *kernel, from operands, out []float32) {
	count, dynamic := 1, false
	for j, slot := range k.slots[:constant] {
		if slot < 0 {
			continue
		}
		dynamic = dynamic || !p.fixed[from.values[j]]
		if !p.alike[from.values[j]] {
			count = p.tensors
		}
	}
	for t := range count {
		a := p.action(k, &from, t, len(out)/count)
		a.dynamic = dynamic
		for j, letter := range k.streams {
			if letter == 'x' {
				a.args.Ptr[j] = unsafe.Pointer(&out[t*p.length])
			}
		}
		if !dynamic {
			p.prepare(a)
		}
	}
}

// action appends an action of a kernel that runs on n elements from those of a tensor on.
func (p *Interpreter) action(k *kernel, from *operands, t, n int) *action {
	a := p.next()
	a.kernel, a.fraction, a.args.N = k, from.fraction, n
	for j, letter := range k.streams {
		if letter != 'x' {
			a.args.Ptr[j] = unsafe.Pointer(&from.arrays[letter-givens[0]][t*p.length])
		}
	}
	if need := lanes * len(k.scalars); need > len(a.splats) {
		a.splats = make([]float32, need)
		a.args.Vals = unsafe.Pointer(&a.splats[0])
	}
	for j, node := range from.values {
		a.given[j] = node*p.tensors + t
	}
	p.frame = append(p.frame, make([]float64, max(0, k.frame-len(p.frame)))...)
	return a
}

// next appends an action, in the memory of one of an earlier genome if there is any.
func (p *Interpreter) next() *action {
	n := len(p.actions)
	if n == cap(p.actions) {
		p.actions = append(p.actions, nil)
	}
	p.actions = p.actions[:n+1]
	if p.actions[n] == nil {
		p.actions[n] = &action{}
	}
	return p.actions[n]
}

// prepare gives an action its scalars, and the kernel for them.
func (p *Interpreter) prepare(a *action) {
	for j, slot := range a.kernel.slots[:constant] {
		if slot >= 0 {
			p.frame[slot] = p.values[a.given[j]]
		}
	}
	if slot := a.kernel.slots[constant]; slot >= 0 {
		p.frame[slot] = a.fraction
	}
	a.run = a.kernel.ready(p.frame, a.splats)
}

// mapped is an operator on arrays, and perhaps step values.
func (p *Interpreter) mapped(i int, row *genome.Row) {
	n := p.genome.Nodes[i]
	if p.scalar[n.Args[0]] && row.Commutes {
		n.Args[0], n.Args[1] = n.Args[1], n.Args[0]
	}
	from, mask := operands{fraction: n.K}, 0
	for j, a := range n.Args[:row.Args] {
		if p.scalar[a] {
			from.values[j] = int(a)
		} else {
			from.arrays[j], mask = p.array(a), mask|1<<j
		}
	}
	p.emit(operators[n.Op][mask], from, p.array(uint8(i)))
}

// keep is an operator with a state of one value an element. See [compiler.state].
func (p *Interpreter) keep(at int) {
	i, n := uint8(at), &p.genome.Nodes[at]
	from := operands{arrays: [constant][]float32{p.array(n.Args[0])}, fraction: n.K}
	out, kept, update := p.array(i), p.array(i), operators[n.Op][1]
	if n.Op == prev || n.Op == avg {
		kept = p.state(i)
	}
	clear(kept)
	if n.Op == prev {
		p.emit(update, operands{arrays: [constant][]float32{kept}}, out)
	}
	p.emit(update, from, kept)
	if n.Op == avg {
		p.stepValue(at)
		p.emit(kernels["mul"][1], operands{arrays: [constant][]float32{kept}, values: [constant]int{1: at}}, out)
	}
}

// reduce is an operator over the elements of a tensor, or the divisor of a normalisation.
func (p *Interpreter) reduce(i int) {
	n := &p.genome.Nodes[i]
	for s, of := range reductions[n.Op].sums {
		var from operands
		for j, a := range of.args {
			from.arrays[j] = p.array(n.Args[a])
		}
		for t := range p.tensors {
			a := p.action(of.kernel, &from, t, p.length)
			a.args.Part = unsafe.Pointer(&p.sums[s*p.tensors+t])
			a.dynamic = false
			p.prepare(a)
		}
	}
	p.stepValue(i)
}

// stepValue appends the action that computes the step value of a node.
func (p *Interpreter) stepValue(i int) {
	a := p.next()
	a.kernel, a.node = nil, i
	if n := &p.genome.Nodes[i]; n.Op == avg {
		a.correction = correctionOf(n.K)
	}
}

// compute computes the step values of a node.
func (p *Interpreter) compute(a *action) {
	n := &p.genome.Nodes[a.node]
	row := n.Op.Row()
	for t := range p.tensors {
		at := a.node*p.tensors + t
		switch {
		case row.Kind == genome.Reduce || row.Kind == genome.Normal:
			var sums [maxSums]float64
			for s := range sums {
				sums[s] = p.sums[s*p.tensors+t]
			}
			p.values[at] = reductions[n.Op].value(sums, float64(p.length))
		case !p.scalar[a.node]:
			p.values[at] = a.correction.at(p.t)
		case n.Op == prev:
			p.values[at], p.kept[at] = p.kept[at], p.argument(n, 0, t)
		case row.Kind == genome.State:
			p.kept[at] = row.Scalar(p.argument(n, 0, t), 0, p.kept[at], n.K)
			if p.values[at] = p.kept[at]; n.Op == avg {
				p.values[at] = float64(p.values[at] * a.correction.at(p.t))
			}
		default:
			p.values[at] = row.Scalar(p.argument(n, 0, t), p.argument(n, 1, t), p.argument(n, 2, t), n.K)
		}
	}
}

// argument is the step value of an argument, or 0 for one that an operator has not.
func (p *Interpreter) argument(n *genome.Node, j, t int) float64 {
	if j >= n.Op.Row().Args {
		return 0
	}
	return p.values[int(n.Args[j])*p.tensors+t]
}
