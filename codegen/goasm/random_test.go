package goasm

import (
	"math/rand/v2"
	"slices"

	"github.com/optc-lang/optc/compiler/elementary"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/runtime/elem"
)

// shape bounds a random kernel.
type shape struct {
	streams, scalars, instrs, stores, reductions int
	reach                                        int // how far back operands are taken from, which makes for live values
}

// build makes kernels by hand and at random.
type build struct {
	k     *ir.Kernel
	reals []ir.Operand
	masks []ir.Operand
}

func (b *build) instr(name string, args ...ir.Operand) ir.Operand {
	mask := name != opLoad && op.Must(name).Mask
	v := ir.Operand{Index: len(b.k.Instrs)}
	b.k.Instrs = append(b.k.Instrs, ir.Instr{Op: name, Args: args, Mask: mask})
	if mask {
		b.masks = append(b.masks, v)
	} else {
		b.reals = append(b.reals, v)
	}
	return v
}

func (b *build) load(stream int) ir.Operand {
	v := b.instr(opLoad)
	b.k.Instrs[v.Index].Stream = stream
	return v
}

func (b *build) named(name string, v ir.Operand) ir.Operand {
	b.k.Instrs[v.Index].Name = name
	return v
}

func newBuild(streams, scalars []string) *build {
	b := &build{k: &ir.Kernel{Name: "test", Domain: ir.Elem}}
	for _, s := range streams {
		b.k.Streams = append(b.k.Streams, ir.Stream{Place: ir.Place{Name: s, Extent: ir.Elem}})
	}
	for _, s := range scalars {
		b.k.Scalars = append(b.k.Scalars, ir.Scalar{Name: s})
	}
	return b
}

func (b *build) store(stream int, v ir.Operand) {
	b.k.Stores = append(b.k.Stores, ir.Store{Stream: stream, Value: v})
}

func scalar(i int) ir.Operand { return ir.Operand{Scalar: true, Index: i} }

// rowNames lists the operators of an instruction set and the elementary functions.
func rowNames(isa ISA) []string {
	names := elementary.Names()
	for n := range isa.set().rows {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// randomKernel draws a kernel that uses every kind of operator and keeps most of its values from becoming NaN.
func randomKernel(rng *rand.Rand, s shape) *ir.Kernel {
	b := newBuild(make([]string, s.streams), make([]string, s.scalars))
	for i := range s.streams {
		b.load(i)
	}
	names := rowNames(AVX512)
	for len(b.k.Instrs) < s.streams+s.instrs {
		if rng.IntN(20) == 0 {
			b.load(rng.IntN(s.streams))
			continue
		}
		b.draw(rng, names[rng.IntN(len(names))], s.reach)
	}
	if rng.IntN(5) > 0 { // else with dead code
		b.store(rng.IntN(s.streams), b.gather(rng))
	}
	for range s.stores {
		b.store(rng.IntN(s.streams), b.real(rng, s.reach))
	}
	for range s.reductions {
		kind := elem.Reduction(rng.IntN(int(elem.ReduceMax) + 1))
		b.k.Reductions = append(b.k.Reductions, ir.Reduction{Kind: kind, Value: b.real(rng, s.reach)})
	}
	return b.k
}

// draw appends an operator with random operands, if there are masks for it, and mends what is often NaN or infinite.
func (b *build) draw(rng *rand.Rand, name string, reach int) {
	o := op.Must(name)
	args := make([]ir.Operand, o.Args)
	for i := range args {
		if o.MaskArgs>>i&1 == 0 {
			args[i] = b.real(rng, reach)
		} else if len(b.masks) > 0 {
			args[i] = pick(rng, b.masks, reach)
		} else {
			return
		}
	}
	v := b.instr(name, args...)
	if !o.Mask && rng.IntN(3) == 0 {
		b.instr("where", b.instr("isfinite", v), v, b.real(rng, reach))
	}
}

// gather joins all values that nothing uses yet, in random order.
func (b *build) gather(rng *rand.Rand) ir.Operand {
	used := make([]bool, len(b.k.Instrs))
	for _, in := range b.k.Instrs {
		for _, a := range in.Args {
			if !a.Scalar {
				used[a.Index] = true
			}
		}
	}
	sum := b.reals[0]
	for _, i := range rng.Perm(len(used)) {
		v := ir.Operand{Index: i}
		switch {
		case used[i]:
		case b.k.Instrs[i].Mask:
			sum = b.instr("where", v, sum, b.instr("neg", sum))
		default:
			sum = b.instr("add", sum, b.instr("where", b.instr("isfinite", v), v, b.reals[0]))
		}
	}
	return sum
}

func (b *build) real(rng *rand.Rand, reach int) ir.Operand {
	if n := len(b.k.Scalars); n > 0 && rng.IntN(6) == 0 {
		return scalar(rng.IntN(n))
	}
	return pick(rng, b.reals, reach)
}

func pick(rng *rand.Rand, from []ir.Operand, reach int) ir.Operand {
	return from[len(from)-1-rng.IntN(min(reach, len(from)))]
}

// randomKernels draws kernels of many shapes.
func randomKernels(rng *rand.Rand, n int) []*ir.Kernel {
	var list []*ir.Kernel
	for i := range n {
		s := shape{
			streams: 1 + rng.IntN(6), scalars: rng.IntN(9), instrs: 1 + rng.IntN(40), stores: rng.IntN(4),
			reductions: max(0, rng.IntN(9)-5), reach: 1 << rng.IntN(8),
		}
		switch i % 10 {
		case 7:
			s.instrs, s.scalars, s.reach = 150+rng.IntN(150), 40, 1000
		case 8:
			s.streams, s.stores, s.reach = 8+rng.IntN(57), rng.IntN(60), 1000
		case 9:
			s.reductions = 1 + rng.IntN(14)
		}
		if s.stores+s.reductions == 0 {
			s.stores = 1
		}
		list = append(list, randomKernel(rng, s))
	}
	return list
}

// operatorKernels has one kernel an operator and way of giving its operands: loaded, computed, scalar.
func operatorKernels() []*ir.Kernel {
	var list []*ir.Kernel
	for _, name := range rowNames(AVX512) {
		o := op.Must(name)
		for ways := range 1 << (2 * o.Args) {
			b := newBuild([]string{"a", "b", "c", "out"}, []string{"p", "q", "r"})
			args := make([]ir.Operand, o.Args)
			for i := range args {
				switch way := ways >> (2 * i) & 3; {
				case o.MaskArgs>>i&1 != 0:
					args[i] = b.instr("lt", b.load(i), b.load((i+1)%3))
				case way == 0:
					args[i] = b.load(i)
				case way == 1:
					args[i] = scalar(i)
				case way == 2:
					args[i] = b.instr("abs", b.load(i))
				default:
					args[i] = b.load(0)
				}
			}
			v := b.instr(name, args...)
			if o.Mask {
				v = b.instr("real", v)
			}
			b.store(3, v)
			list = append(list, b.k)
		}
	}
	return list
}

// hardKernels are the shapes where a generator goes wrong.
func hardKernels() []*ir.Kernel {
	list := []*ir.Kernel{swap(), wide(200, 40), wide(40, 3), manyStates(30), scalarOnly(), masks(30), longChain(2000)}
	for _, kind := range []elem.Reduction{elem.ReduceSum, elem.ReduceMin, elem.ReduceMax} {
		for _, n := range []int{1, 3, 9, 20} {
			list = append(list, reduceMany(kind, n))
		}
	}
	return append(list, adam(), roof("adamroof", 4), lion(), roof("lionroof", 3))
}

// roof has the memory traffic of a rule and hardly any arithmetic: every stream but the gradient, number 1, takes an addition.
func roof(name string, streams int) *ir.Kernel {
	b := newBuild(make([]string, streams), nil)
	b.k.Name = name
	g := b.load(1)
	for i := range streams {
		if i != 1 {
			b.store(i, b.instr("add", b.load(i), g))
		}
	}
	return b.k
}

// swap exchanges two streams and stores one value twice, and twice to one stream.
func swap() *ir.Kernel {
	b := newBuild([]string{"a", "b", "c", "d", "unused"}, []string{"p"})
	x, y := b.load(0), b.load(1)
	b.store(0, y)
	b.store(1, x)
	b.store(2, scalar(0))
	b.store(2, x)
	b.store(3, b.instr("add", x, y))
	b.store(0, b.instr("sub", x, b.load(3)))
	return b.k
}

// wide keeps n values alive at once: all are computed from one sum, then added up in the other order.
func wide(n, scalars int) *ir.Kernel {
	b := newBuild([]string{"a", "out"}, make([]string, scalars))
	x := b.load(0)
	var list []ir.Operand
	for i := range n {
		x = b.instr("add", b.instr("mul", x, scalar(i%scalars)), b.instr("abs", x))
		x = b.instr("where", b.instr("isfinite", x), x, scalar(i%scalars))
		list = append(list, x)
	}
	for i := range list {
		x = b.instr("max", b.instr("sub", list[i], x), list[n-1-i])
	}
	b.store(1, x)
	return b.k
}

// masks keeps n masks alive.
func masks(n int) *ir.Kernel {
	b := newBuild([]string{"a", "b", "out"}, []string{"p"})
	x, y := b.load(0), b.load(1)
	var list []ir.Operand
	for range n {
		x = b.instr("add", x, y)
		list = append(list, b.instr("gt", x, scalar(0)))
	}
	for i := range n {
		both := b.instr("and", list[n-1-i], b.instr("not", list[i]))
		x = b.instr("where", b.instr("or", both, list[0]), x, b.instr("neg", x))
	}
	b.store(2, x)
	return b.k
}

// manyStates updates n states of two streams each and the parameter by all of them.
func manyStates(n int) *ir.Kernel {
	b := newBuild(make([]string, 2*n+2), make([]string, 40))
	grad := b.load(1)
	x := b.load(0)
	for i := range n {
		s := b.instr("add", b.instr("mul", b.load(2*i+2), scalar(i)), grad)
		r := b.instr("max", b.load(2*i+3), b.instr("mul", s, s))
		b.store(2*i+2, s)
		b.store(2*i+3, r)
		x = b.instr("sub", x, b.instr("div", s, b.instr("add", b.instr("sqrt", r), scalar(39))))
	}
	b.store(0, x)
	return b.k
}

func scalarOnly() *ir.Kernel {
	b := newBuild([]string{"out", "copy"}, []string{"p", "q"})
	b.store(0, scalar(0))
	b.store(1, b.instr("copysign", scalar(0), scalar(1)))
	b.k.Reductions = append(b.k.Reductions, ir.Reduction{Kind: elem.ReduceSum, Value: scalar(1)})
	return b.k
}

// longChain is a kernel too long to unroll.
func longChain(n int) *ir.Kernel {
	b := newBuild([]string{"a", "b"}, []string{"p", "q"})
	x, y := b.load(0), b.load(1)
	for i := range n {
		x = b.instr([]string{"sub", "mul", "min", "div"}[i%4], y, b.instr("max", x, scalar(i%2)))
	}
	b.store(1, x)
	return b.k
}

// reduceMany has n reductions of one kind, the last of a load that nothing else reads, and a store.
func reduceMany(kind elem.Reduction, n int) *ir.Kernel {
	b := newBuild([]string{"a", "b", "c"}, []string{"p"})
	x := b.load(0)
	for i := range n {
		v := x
		if i == n-1 {
			v = b.load(2)
		}
		b.k.Reductions = append(b.k.Reductions, ir.Reduction{Kind: kind, Value: v})
		x = b.instr("add", x, scalar(0))
	}
	b.store(1, x)
	return b.k
}

// adam is Adam with coupled weight decay, the corrections of its bias given as scalars.
func adam() *ir.Kernel {
	b := newBuild([]string{"x", "g", "m", "v"}, []string{"beta1", "rest1", "beta2", "rest2", "c1", "c2", "eps", "lr", "decay"})
	b.k.Name = "adam"
	x, grad := b.load(0), b.load(1)
	g := b.named("g", b.instr("add", grad, b.instr("mul", scalar(8), x)))
	m := b.named("m", b.instr("add", b.instr("mul", b.load(2), scalar(0)), b.instr("mul", scalar(1), g)))
	v := b.named("v", b.instr("add", b.instr("mul", b.load(3), scalar(2)), b.instr("mul", b.instr("mul", scalar(3), g), g)))
	root := b.instr("add", b.instr("sqrt", b.instr("mul", v, scalar(5))), scalar(6))
	u := b.named("u", b.instr("div", b.instr("mul", m, scalar(4)), root))
	b.store(0, b.instr("sub", x, b.instr("mul", scalar(7), u)))
	b.store(2, m)
	b.store(3, v)
	return b.k
}

// lion is Lion with decoupled weight decay.
func lion() *ir.Kernel {
	b := newBuild([]string{"x", "g", "m"}, []string{"beta1", "rest1", "beta2", "rest2", "lr", "decay"})
	b.k.Name = "lion"
	x, g, m := b.load(0), b.load(1), b.load(2)
	u := b.instr("sign", b.instr("add", b.instr("mul", m, scalar(0)), b.instr("mul", scalar(1), g)))
	u = b.named("u", b.instr("add", u, b.instr("mul", scalar(5), x)))
	b.store(0, b.instr("sub", x, b.instr("mul", scalar(4), u)))
	b.store(2, b.named("m", b.instr("add", b.instr("mul", m, scalar(2)), b.instr("mul", scalar(3), g))))
	return b.k
}
