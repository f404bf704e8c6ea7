package agree

import (
	"fmt"
	"math/rand/v2"
	"unsafe"

	"github.com/optc-lang/optc/compiler/ir"
	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/runtime/elem"
)

// compareKernels runs each kernel of each engine against the portable one, on streams of every alignment, states and
// the like included, between guards.
func (s *subject[T]) compareKernels() error {
	plan := s.compiled.Plan
	for _, list := range []struct {
		plan  []ir.Stage
		stage []optrt.Stage
	}{{plan.First, s.rule.First}, {plan.Later, s.rule.Later}, {plan.Eval, s.rule.Eval}} {
		if len(list.plan) != len(list.stage) {
			return fmt.Errorf("%d stages are planned, %d generated", len(list.plan), len(list.stage))
		}
		for i, stage := range list.stage {
			if stage.Pass == nil {
				continue
			}
			if err := s.compareKernel(list.plan[i].Kernel, stage.Pass); err != nil {
				return fmt.Errorf("kernel %s: %w", list.plan[i].Kernel.Name, err)
			}
		}
	}
	return nil
}

func (s *subject[T]) compareKernel(k *ir.Kernel, pass *optrt.Pass) error {
	k = k.ByRows()
	r := rand.New(rand.NewPCG(uint64(len(k.Instrs)), uint64(len(k.Streams))))
	for g := range numRegimes {
		for _, n := range s.kernelLengths(r) {
			c := newCall[T](r, g, k, n)
			want := c.run(r, pass.Kernels[optrt.Go])
			for _, e := range s.engines[1:] {
				kernel := pass.Kernels[e]
				if kernel == nil {
					continue
				}
				if err := c.differ(c.run(r, kernel), want); err != nil {
					return fmt.Errorf("%s, %d %s numbers: %w", e, n, g, err)
				}
			}
		}
	}
	return nil
}

func (s *subject[T]) kernelLengths(r *rand.Rand) []int {
	var lengths []int
	for n := range 68 {
		lengths = append(lengths, n)
	}
	for n := 1000; n <= 1030; n++ {
		if s.size == Full || r.IntN(8) == 0 {
			lengths = append(lengths, n)
		}
	}
	return append(lengths, 2048, 2049)
}

// call is what a kernel is called on.
type call[T optrt.Float] struct {
	k       *ir.Kernel
	n       int
	streams [][]T
	scalars []T // splats
}

func newCall[T optrt.Float](r *rand.Rand, g regime, k *ir.Kernel, n int) *call[T] {
	c := &call[T]{k: k, n: n}
	for range k.Streams {
		c.streams = append(c.streams, numbers[T](r, g, n))
	}
	for _, s := range k.Scalars {
		v := numbers[T](r, g, 1)[0]
		switch {
		case s.Value.Kind == ir.Number:
			v = T(s.Value.Num)
		case s.Value.Mask:
			v = T(r.IntN(2))
		}
		for range optrt.SplatBytes / int(unsafe.Sizeof(v)) {
			c.scalars = append(c.scalars, v)
		}
	}
	return c
}

// outcome is memory after a call.
type outcome[T optrt.Float] struct {
	streams []guarded[T]
	scalars guarded[T]
	part    guarded[float64]
}

func (c *call[T]) run(r *rand.Rand, kernel optrt.Kernel) *outcome[T] {
	blocks := (c.n + elem.Block - 1) / elem.Block
	out := &outcome[T]{
		streams: guardAll(r, c.streams),
		scalars: newGuarded(r, c.scalars),
		part:    newGuarded(r, make([]float64, blocks*len(c.k.Reductions))),
	}
	a := &optrt.Args{N: c.n, Vals: out.scalars.pointer(), Part: out.part.pointer()}
	for i := range out.streams {
		a.Ptr[i] = out.streams[i].pointer()
	}
	kernel(a)
	return out
}

func (g *guarded[T]) pointer() unsafe.Pointer { return unsafe.Pointer(&g.all[g.offset]) }

func (c *call[T]) differ(got, want *outcome[T]) error {
	for i, s := range c.k.Streams {
		if err := differGuarded("stream "+s.Name, &got.streams[i], want.streams[i].data()); err != nil {
			return err
		}
		if !s.Write {
			if err := differGuarded("read-only stream "+s.Name, &got.streams[i], c.streams[i]); err != nil {
				return err
			}
		}
	}
	if err := differGuarded("scalars", &got.scalars, c.scalars); err != nil {
		return err
	}
	return differGuarded("partial results", &got.part, want.part.data())
}

func differGuarded[T optrt.Float](name string, got *guarded[T], want []T) error {
	if !got.intact() {
		return fmt.Errorf("%s: written beyond its %d elements", name, got.n)
	}
	return differIn(name, got.data(), want)
}
