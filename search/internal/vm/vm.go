// Package vm runs genomes on arrays, an operator at a time.
//
// In comes a genome; out come the parameters after a step. A tensor is walked in blocks that stay in the cache, and on each
// block the kernels of package ops run one after another: slower than the fused kernel that the compiler makes of the same
// rule, and ready at once. Both give the same bits, on every machine: one rounding an operator, sums by the tree of package
// elem, step values in float64.
package vm

import (
	"math"
	"unsafe"

	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/runtime/elem"
)

// block is how many elements the operators of a segment take before the next: a block of the reduction tree.
const block = elem.Block

// Program is a genome made ready to run. It is not changed by running.
type Program struct {
	segments []segment
	buffers  int       // of a block each
	kept     int       // arrays of the tensor's length for values that one segment leaves to another
	states   int       // arrays of the tensor's length that outlive the step
	start    []float64 // step values before the first step: constants, and zeros for the rest
}

// segment is what runs between two reductions: step values, then instructions block by block.
type segment struct {
	values []func(s []float64, n float64)
	code   []instr
	sums   []int // by reduction of the code, in order: the step value that its sum is
}

// Machine is a program with the memory of a run over some tensors. It belongs to one goroutine at a time.
type Machine struct {
	program *Program
	tensors []tensor
	args    optrt.Args
	buffers []float32
	frame   []float64
	part    float64
	ready   [][]ready // by segment and instruction
}

// ready is an instruction's kernel for the scalars that it has in a step, and these as the kernel takes them.
type ready struct {
	run    optrt.Kernel
	given  []float64 // what they are computed from
	splats []float32
}

// tensor is the memory of a parameter.
type tensor struct {
	n            int
	states, kept [][]float32
	values       []float64          // step values, states among them
	with         step               // of the step before
	starts       [][]unsafe.Pointer // by segment: where the streams of its code start, one instruction's after another's
}

// New returns a machine for tensors of these lengths, before the first step.
func (p *Program) New(lengths []int) *Machine {
	m := &Machine{program: p, buffers: make([]float32, p.buffers*block)}
	for _, n := range lengths {
		t := tensor{n: n, values: append([]float64(nil), p.start...)}
		t.states, t.kept = arrays(p.states, n), arrays(p.kept, n)
		m.tensors = append(m.tensors, t)
	}
	for _, s := range p.segments {
		code := make([]ready, len(s.code))
		for i := range s.code {
			in := &s.code[i]
			m.frame = append(m.frame, make([]float64, max(0, in.kernel.frame-len(m.frame)))...)
			code[i].given, code[i].splats = make([]float64, len(in.given)), make([]float32, lanes*len(in.kernel.scalars))
			m.prepare(&code[i], in, p.start)
		}
		m.ready = append(m.ready, code)
	}
	return m
}

// arrays allocates arrays side by side.
func arrays(count, n int) [][]float32 {
	all, out := make([]float32, count*n), make([][]float32, count)
	for i := range out {
		out[i] = all[i*n : (i+1)*n : (i+1)*n]
	}
	return out
}

// Reset takes the machine back before its first step.
func (m *Machine) Reset() {
	for i := range m.tensors {
		t := &m.tensors[i]
		copy(t.values, m.program.start)
		for _, s := range t.states {
			clear(s)
		}
	}
}

// Step takes lr*(update + decay*x) from the parameters x, whose gradients are g.
func (m *Machine) Step(x, g [][]float32, lr, decay float64) {
	for i := range m.tensors {
		m.step(&m.tensors[i], step{x[i], x[i], g[i]}, lr, decay)
	}
}

// Update is a step that changes no parameter: it sets out, which must hold zeros, to the update.
func (m *Machine) Update(out, x, g [][]float32) {
	for i := range m.tensors {
		m.step(&m.tensors[i], step{out[i], x[i], g[i]}, -1, 0)
	}
}

// step is the arrays of a tensor in a step: what it changes, and what it reads.
type step struct{ to, x, g []float32 }

func (m *Machine) step(t *tensor, with step, lr, decay float64) {
	if !with.like(t.with, t.n) {
		m.point(t, with)
	}
	t.values[lrValue], t.values[decayValue] = lr, decay
	t.values[tValue]++
	for i := range m.program.segments {
		s := &m.program.segments[i]
		for _, f := range s.values {
			f(t.values, float64(t.n))
		}
		for j := range s.code {
			if in := &s.code[j]; in.dynamic {
				m.prepare(&m.ready[i][j], in, t.values)
			}
		}
		m.blocks(t, i)
	}
}

// like reports whether the arrays, of n elements, are those of another step.
func (s step) like(o step, n int) bool {
	return start(s.to[:n]) == start(o.to) && start(s.x[:n]) == start(o.x) && start(s.g[:n]) == start(o.g)
}

func start(a []float32) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(a)) }

// point finds where the streams of a tensor start.
func (m *Machine) point(t *tensor, with step) {
	t.with, t.starts = with, t.starts[:0]
	for i := range m.program.segments {
		var at []unsafe.Pointer
		for j := range m.program.segments[i].code {
			for _, stream := range m.program.segments[i].code[j].streams {
				at = append(at, start(m.array(t, stream)))
			}
		}
		t.starts = append(t.starts, at)
	}
}

// array is where a value is.
func (m *Machine) array(t *tensor, at place) []float32 {
	switch at.kind {
	case inGrad:
		return t.with.g
	case inParam:
		return t.with.x
	case inTarget:
		return t.with.to
	case inBuffer:
		return m.buffers[at.index*block:]
	case inKept:
		return t.kept[at.index]
	}
	return t.states[at.index]
}

// blocks runs the code of a segment over a tensor, and adds up its reductions in the order of the blocks.
func (m *Machine) blocks(t *tensor, segment int) {
	s, code := &m.program.segments[segment], m.ready[segment]
	for from := 0; from < t.n; from += block {
		m.args.N = min(block, t.n-from)
		starts, sum := t.starts[segment], 0
		for i := range s.code {
			in := &s.code[i]
			for j := range in.streams {
				m.args.Ptr[j] = starts[j]
				if in.streams[j].kind != inBuffer {
					m.args.Ptr[j] = unsafe.Add(starts[j], 4*from)
				}
			}
			starts = starts[len(in.streams):]
			if splats := code[i].splats; len(splats) > 0 {
				m.args.Vals = unsafe.Pointer(&splats[0])
			}
			if !in.kernel.reduces {
				code[i].run(&m.args)
				continue
			}
			m.args.Part = unsafe.Pointer(&m.part)
			code[i].run(&m.args)
			total := &t.values[s.sums[sum]]
			sum++
			if from == 0 {
				*total = m.part
			} else {
				*total = elem.Combine(elem.ReduceSum, *total, m.part)
			}
		}
	}
}

// prepare gives an instruction its scalars, and the kernel for them. They are often those of the tensor before.
func (m *Machine) prepare(to *ready, in *instr, values []float64) {
	same := to.run != nil
	for i, g := range in.given {
		v := g.constant
		if g.value >= 0 {
			v = values[g.value]
		}
		same = same && math.Float64bits(v) == math.Float64bits(to.given[i])
		m.frame[g.slot], to.given[i] = v, v
	}
	if !same {
		to.run = in.kernel.ready(m.frame, to.splats)
	}
}
