package runtime

import (
	"slices"
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// passCase is what a pass runs where a condition holds, or where none does.
type passCase struct {
	when           *Slot // nil: always
	kernel, direct Kernel
	idle           []bool // by stream: it is left alone
	windowed       bool   // some other stream is made piece by piece
}

// setCases readies the cases of a pass, its own kernels last.
func (o *Optimizer[T]) setCases(s *stage[T], limit Engine) {
	if len(s.Pass.Cases) == 0 {
		return
	}
	for i := range s.Pass.Cases {
		c := &s.Pass.Cases[i]
		of := Pass{Kernels: c.Kernels}
		kernel, e := of.pick(limit)
		o.addCase(s, passCase{when: &c.If, kernel: kernel, direct: c.Direct[e]}, c.Idle)
	}
	o.addCase(s, passCase{kernel: s.kernel, direct: s.direct}, s.Pass.Idle)
}

func (o *Optimizer[T]) addCase(s *stage[T], c passCase, idle []int) {
	c.idle = make([]bool, len(s.Pass.Streams))
	for _, i := range idle {
		c.idle[i] = true
	}
	for i, stream := range s.Pass.Streams {
		c.windowed = c.windowed || !c.idle[i] && o.isWindowed(s.Pass, stream)
	}
	s.cases = append(s.cases, c)
}

// caseOf is the case of a pass that a tensor is in.
func (o *Optimizer[T]) caseOf(s *stage[T], param int) *passCase {
	for i := range s.cases {
		if c := &s.cases[i]; o.holdsFor(c.when, param) {
			return c
		}
	}
	return nil // never: the last holds always
}

// fit makes a stage that of a tensor's case.
func (o *Optimizer[T]) fit(s *stage[T], param int) {
	c := o.caseOf(s, param)
	s.kernel, s.direct, s.idle, s.windowed = c.kernel, c.direct, c.idle, c.windowed
}

// isIdle reports whether a stream is left alone.
func (s *stage[T]) isIdle(stream int) bool { return s.idle != nil && s.idle[stream] }

// checkCases checks the cases of a pass.
func (r *Rule) checkCases(p *Pass) bool {
	if !p.idles(p.Idle) || len(p.Idle) > 0 && len(p.Cases) == 0 {
		return false
	}
	if b := p.Bare; b != nil && (b.Kernels[Go] == nil || p.ByRows || len(p.Cases)+len(p.Collects) > 0 || !p.idles(b.Idle) || !slices.Contains(b.Idle, b.Mask)) {
		return false
	}
	for i := range p.Cases {
		c := &p.Cases[i]
		if c.Kernels[Go] == nil || c.If.Extent == Const || !r.holds(c.If) || !p.idles(c.Idle) {
			return false
		}
	}
	return true
}

// idles reports whether these streams may be left alone: all but those that a collect takes.
func (p *Pass) idles(streams []int) bool {
	for _, i := range streams {
		if i < 0 || i >= len(p.Streams) || p.Streams[i].Kind == StreamCollect {
			return false
		}
	}
	return true
}

// bare is what runs where a mask marks nothing.
type bare[T Float] struct {
	mask   *derived[T]
	kernel Kernel
	idle   []bool // by stream: it is left alone
}

// setBare readies what may run in place of a pass along stretches of a tensor, all of whose arrays are in memory.
func (o *Optimizer[T]) setBare(s *stage[T], limit Engine) {
	b := s.Pass.Bare
	if b == nil || s.made == nil || s.made[b.Mask] == nil || s.made[b.Mask].of == nil {
		return
	}
	of := &bare[T]{mask: s.made[b.Mask], idle: make([]bool, len(s.Pass.Streams))}
	of.kernel, _ = (&Pass{Kernels: b.Kernels}).pick(limit)
	for _, i := range b.Idle {
		of.idle[i] = true
	}
	for i, stream := range s.Pass.Streams {
		if !of.idle[i] && (s.made[i] != nil || o.isWindowed(s.Pass, stream)) {
			return
		}
	}
	s.bare = of
}

// runBare runs the current pass from an element of a chunk on, as far as its mask marks nothing; it returns for how many elements.
func (o *Optimizer[T]) runBare(s *stage[T], a *Args, c chunk, at int) int {
	b := s.bare
	n := b.mask.unmarked(c.param, at, c.from+c.n-at)
	if n == 0 {
		return 0
	}
	a.N = n
	for i := range s.Pass.Streams {
		if !b.idle[i] {
			a.Ptr[i] = unsafe.Pointer(&s.mem.arrays[i][c.param][at])
		}
	}
	b.kernel(a)
	return n
}

// unmarked is how many elements of a tensor from one on a mask is known not to mark: whole blocks, or all the n.
func (d *derived[T]) unmarked(param, at, n int) int {
	m := &d.marked[param]
	if !d.isMade(param) || m.stored || !m.isFew {
		return 0
	}
	next, _ := slices.BinarySearch(m.few, at)
	if next == len(m.few) || m.few[next] >= at+n {
		return n
	}
	return (m.few[next] - at) &^ (elem.Block - 1)
}
