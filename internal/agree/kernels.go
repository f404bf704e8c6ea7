package agree

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"unsafe"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/internal/guard"
	optrt "github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/runtime/elem"
)

// compareKernels runs each kernel of each engine against the portable one, on arrays in each [placement].
func (s *subject[T]) compareKernels() (err error) {
	defer func() { err = errors.Join(err, s.free()) }()
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
			for _, c := range casesOf(list.plan[i], stage.Pass) {
				if err := s.compareKernel(c.kernel.ByRows(), c.pass); err != nil {
					return fmt.Errorf("kernel %s: %w", c.kernel.Name, err)
				}
				if err := s.compareDirect(c.kernel.Direct(plan.Program), c.pass); err != nil {
					return fmt.Errorf("direct kernel %s: %w", c.kernel.Name, err)
				}
			}
		}
	}
	return nil
}

// oneCase is a kernel of a plan with what is generated for it.
type oneCase struct {
	kernel *ir.Kernel
	pass   *optrt.Pass
}

// casesOf are the kernels that run at a stage: its own and its bare one, or one a case.
func casesOf(s ir.Stage, p *optrt.Pass) []oneCase {
	if len(s.Cases) == 0 {
		out := []oneCase{{s.Kernel, p}}
		if s.Bare != nil {
			out = append(out, oneCase{s.Bare.Kernel, &optrt.Pass{Kernels: p.Bare.Kernels}})
		}
		return out
	}
	var out []oneCase
	for _, c := range s.Cases {
		pass := p
		if c.Is {
			pass = &optrt.Pass{Kernels: p.Cases[0].Kernels, Direct: p.Cases[0].Direct}
		}
		out = append(out, oneCase{c.Kernel, pass})
	}
	return out
}

// compareKernel runs the kernels of a pass on numbers of each regime. There are as many of these as placements, so that
// each length is run in each.
func (s *subject[T]) compareKernel(k *ir.Kernel, pass *optrt.Pass) error {
	r := rand.New(rand.NewPCG(uint64(len(k.Instrs)), uint64(len(k.Streams))))
	for i, n := range s.kernelLengths(r) {
		for g := range numRegimes {
			c := newCall[T](r, g, k, n)
			at := s.placementOf(i + int(g))
			want, err := s.call(r, c, pass.Kernels[optrt.Go], at)
			if err != nil {
				return fmt.Errorf("%s, %d %s numbers %s: %w", optrt.Go, n, g, at, err)
			}
			if err := s.compareCalls(r, c, &pass.Kernels, at, want); err != nil {
				return fmt.Errorf("%w (%s numbers)", err, g)
			}
		}
	}
	return nil
}

// compareDirect runs the direct kernels of a pass, of which k is the form, against the portable kernel on what the states
// widen to, narrowed again.
func (s *subject[T]) compareDirect(k *ir.Kernel, pass *optrt.Pass) error {
	var none [optrt.NumEngines]bool
	for e, kernel := range pass.Direct {
		none[e] = kernel == nil
	}
	switch {
	case !slices.Contains(none[:], false):
		return nil
	case k == nil:
		return errors.New("there is code for what is none by the plan")
	case k.Rows:
		k = k.ByRows()
	}
	r := rand.New(rand.NewPCG(uint64(len(k.Instrs)), uint64(len(k.Digest))))
	unit := elem.DirectUnit
	if len(k.Scales()) > 0 {
		unit = elem.Q8Block
	}
	for i, n := range []int{unit, 2 * unit, 3 * unit, elem.Block, elem.Block + unit, 2 * elem.Block} {
		for g := range numRegimes {
			c := newCall[T](r, g, k, n)
			at := s.placementOf(i + int(g))
			wide := c.widened()
			want, err := s.call(r, wide, pass.Kernels[optrt.Go], loose)
			if err != nil {
				return fmt.Errorf("%s, %d %s numbers %s: %w", optrt.Go, n, g, at, err)
			}
			if err := s.compareCalls(r, c, &pass.Direct, at, c.narrowed(want)); err != nil {
				return fmt.Errorf("%w (%s numbers)", err, g)
			}
		}
	}
	return nil
}

// compareCalls makes a call of the kernel of every engine but Go and compares what is in its arrays then.
func (s *subject[T]) compareCalls(r *rand.Rand, c *call[T], kernels *[optrt.NumEngines]optrt.Kernel, at placement, want []contents) error {
	for _, e := range s.engines[1:] {
		if kernels[e] == nil {
			continue
		}
		s.report.Calls++
		got, err := s.call(r, c, kernels[e], at)
		if err == nil {
			err = c.differ(got, want)
		}
		if err != nil {
			return fmt.Errorf("%s, %d elements %s: %w", e, c.n, at, err)
		}
	}
	return nil
}

// kernelLengths are those of every tail of a vector, with and without whole iterations before it, and about those of a
// block.
func (s *subject[T]) kernelLengths(r *rand.Rand) []int {
	most := [...]int{Short: 34, Medium: 68, Full: 131}[s.size]
	var lengths []int
	for n := range 131 {
		if n < most || n > 126 {
			lengths = append(lengths, n)
		}
	}
	for n := 1000; n <= 1030; n++ {
		if s.size == Full || n >= 1023 && n <= 1025 || r.IntN(16) == 0 {
			lengths = append(lengths, n)
		}
	}
	return append(lengths, 2047, 2048, 2049)
}

// call is what a kernel is called on.
type call[T optrt.Float] struct {
	k       *ir.Kernel
	n       int
	streams []contents
	scalars []T // splats
}

func newCall[T optrt.Float](r *rand.Rand, g regime, k *ir.Kernel, n int) *call[T] {
	c := &call[T]{k: k, n: n}
	for _, s := range k.Streams {
		switch {
		case s.Format == "":
			c.streams = append(c.streams, contentsOf(numbers[T](r, g, n)))
		case ir.Scaled(s.Format):
			c.streams = append(c.streams, contentsOf(anyBytes(r, n)))
		default:
			c.streams = append(c.streams, contentsOf(halves(r, g, s.Format, n)))
		}
	}
	scales := k.Scales()
	for _, of := range slices.Sorted(maps.Keys(scales)) {
		i := scales[of]
		c.streams[i] = contentsOf(numbers[float32](r, g, n/elem.Q8Block))
		c.streams[i+1] = contentsOf(make([]float32, elem.Q8Block))
	}
	for _, s := range k.Scalars {
		v := numbers[T](r, g, 1)[0]
		switch {
		case s.Value == nil: // of a row
		case s.Value.Kind == ir.Number:
			v = T(s.Value.Num)
		case s.Value.Mask:
			v = T(r.IntN(2))
		case s.Value.Unsigned(): // kernels count on it
			v = elem.Abs(v)
		}
		for range optrt.SplatBytes / int(unsafe.Sizeof(v)) {
			c.scalars = append(c.scalars, v)
		}
	}
	return c
}

func anyBytes(r *rand.Rand, n int) []uint8 {
	u := make([]uint8, n)
	for i := range u {
		u[i] = uint8(r.Uint32())
	}
	return u
}

// halves are values as a format of 16 bits stores them, in all regimes but plain any bits that there are.
func halves(r *rand.Rand, g regime, format string, n int) []uint16 {
	u := make([]uint16, n)
	if g == plain {
		for i, v := range numbers[float32](r, g, n) {
			u[i] = narrowedTo(format, v)
		}
		return u
	}
	for i := range u {
		u[i] = uint16(r.Uint32())
	}
	return u
}

func narrowedTo[T optrt.Float](format string, v T) uint16 {
	switch format {
	case "f16":
		return elem.F16From(v)
	case "bf16rest":
		return elem.BF16Rest(v)
	}
	return elem.BF16From(v)
}

// widened is the call of the kernel that a direct one stands for.
func (c *call[T]) widened() *call[T] {
	out := *c
	out.streams = slices.Clone(c.streams)
	scales := c.k.Scales()
	for i, s := range c.k.Streams {
		if s.Format == "" {
			continue
		}
		wide := make([]T, c.n)
		if ir.Scaled(s.Format) {
			unpack := elem.Q8Unpack[T, uint8]
			if s.Format == "q8root" {
				unpack = elem.Q8UnpackRoot[T, uint8]
			}
			unpack(wide, viewOf[uint8](c.streams[i]), viewOf[float32](c.streams[scales[i]]))
			out.streams[i] = contentsOf(wide)
			continue
		}
		for j, h := range viewOf[uint16](c.streams[i]) {
			if s.Format == "f16" {
				wide[j] = elem.F16To[T](h)
			} else {
				wide[j] = elem.BF16To[T](h)
			}
		}
		out.streams[i] = contentsOf(wide)
	}
	return &out
}

// narrowed is what the widened call left, as a direct kernel is to leave it.
func (c *call[T]) narrowed(all []contents) []contents {
	out := slices.Clone(all)
	scales := c.k.Scales()
	for i, s := range c.k.Streams {
		switch {
		case s.Format == "":
		case !s.Write:
			out[i] = c.streams[i]
		case ir.Scaled(s.Format):
			codes, scale := make([]uint8, c.n), make([]float32, c.n/elem.Q8Block)
			pack := elem.Q8Pack[T, uint8]
			if s.Format == "q8root" {
				pack = elem.Q8PackRoot[T, uint8]
			}
			pack(codes, scale, viewOf[T](all[i]), nil)
			out[i], out[scales[i]] = contentsOf(codes), contentsOf(scale)
		default:
			half := make([]uint16, c.n)
			for j, v := range viewOf[T](all[i]) {
				half[j] = narrowedTo(s.Format, v)
			}
			out[i] = contentsOf(half)
		}
	}
	return out
}

// arrays are the contents of all arrays before the call: the streams, the scalars, and place for the partial results.
func (c *call[T]) arrays() []contents {
	blocks := (c.n + elem.Block - 1) / elem.Block
	return append(slices.Clone(c.streams), contentsOf(c.scalars), contentsOf(make([]float64, blocks*len(c.k.Reductions))))
}

// nameOf is the name of an array of arrays.
func (c *call[T]) nameOf(i int) string {
	switch i - len(c.k.Streams) {
	case 0:
		return "scalars"
	case 1:
		return "partial results"
	}
	return "stream " + cmp.Or(c.k.Streams[i].Name, fmt.Sprint(i))
}

// call calls a kernel on arrays in a placement and returns their contents after it.
func (s *subject[T]) call(r *rand.Rand, c *call[T], kernel optrt.Kernel, at placement) ([]contents, error) {
	inputs := c.arrays()
	areas := make([]area, len(inputs))
	for i, u := range inputs {
		var err error
		if areas[i], err = s.place(r, at, i, u); err != nil {
			return nil, err
		}
	}
	streams := len(c.k.Streams)
	a := &optrt.Args{N: c.n, Vals: areas[streams].pointer(), Part: areas[streams+1].pointer()}
	for i := range streams {
		a.Ptr[i] = areas[i].pointer()
	}
	if err := c.explain(guard.Run(func() { kernel(a) }), areas); err != nil {
		return nil, err
	}
	for i := range areas {
		if !areas[i].intact() {
			return nil, fmt.Errorf("%s: written beyond its %d bytes", c.nameOf(i), len(inputs[i].bytes))
		}
		inputs[i] = contents{slices.Clone(areas[i].data), inputs[i].size}
	}
	return inputs, nil
}

// differ is the first difference between what two calls left, or from what only one of them could have changed.
func (c *call[T]) differ(got, want []contents) error {
	before := c.arrays()
	windows := map[int]bool{}
	for _, i := range c.k.Scales() {
		windows[i+1] = true
	}
	for i := range got {
		if windows[i] {
			continue
		}
		name := c.nameOf(i)
		read := i == len(c.k.Streams) // scalars
		if i < len(c.k.Streams) {
			read = !c.k.Streams[i].Write
		}
		if read {
			name += ", only to be read"
			if !slices.Equal(got[i].bytes, before[i].bytes) {
				return fmt.Errorf("%s: it was written", name)
			}
			continue
		}
		var err error
		switch {
		case i > len(c.k.Streams):
			err = differIn(name, viewOf[float64](got[i]), viewOf[float64](want[i]))
		case got[i].size == 1:
			err = differStored(name, viewOf[uint8](got[i]), viewOf[uint8](want[i]))
		case got[i].size == 2:
			err = differStored(name, viewOf[uint16](got[i]), viewOf[uint16](want[i]))
		default:
			err = differIn(name, viewOf[T](got[i]), viewOf[T](want[i]))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// differStored compares stored values by their bits: a NaN is stored as one NaN everywhere.
func differStored[E uint8 | uint16](name string, got, want []E) error {
	for i := range want {
		if got[i] != want[i] {
			return fmt.Errorf("%s[%d] of %d is %#x, not %#x", name, i, len(want), got[i], want[i])
		}
	}
	return nil
}
