package pass

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// A probe or a whole-array operator under a condition (`when t % 10 == 0 { ... }`) does not run in every step, and what passes
// put into scratch for it alone is not needed where it does not: they leave it out. The step's gradient, kept because a probe may
// take it away, is still in its own place where no probe has been, and is read there.

// only is what a kernel does under a condition alone.
type only struct {
	cond   *ir.Value // nil: nothing
	stores []int     // streams whose new values nobody reads where it does not hold

	saved      bool // the kernel reads the kept gradient, which where the condition does not hold is the gradient itself
	from, grad int  // the streams of the two
}

// demander goes through the stages of a step, the last first.
type demander struct {
	p       *ir.Program
	stages  []ir.Stage
	demands map[scratchOf]demand
	probed  *ir.Value // the condition of all probes; nil if they have none or several
}

// scratchOf is a scratch array, by the number of its value, of the tensors of a class.
type scratchOf struct{ class, value int }

// demand tells when a scratch array is read.
type demand struct {
	cond   *ir.Value // by all that read it, under this condition
	always bool      // or not under one
}

// demandsOf is what the kernel of each stage does under a condition alone. Scratch arrays have the numbers of their values yet.
func demandsOf(p *ir.Program, stages []ir.Stage) []only {
	d := &demander{p: p, stages: stages, demands: map[scratchOf]demand{}, probed: probed(stages)}
	out := make([]only, len(stages))
	for i := len(stages) - 1; i >= 0; i-- {
		if stages[i].Kernel != nil {
			out[i] = d.kernel(i)
		} else {
			d.operands(&stages[i])
		}
	}
	return out
}

// probed is the condition that all probes of a step have; nil if they have none or several.
func probed(stages []ir.Stage) (cond *ir.Value) {
	for _, st := range stages {
		switch {
		case st.Probe == nil:
		case st.If == nil || cond != nil && cond != st.If:
			return nil
		default:
			cond = st.If
		}
	}
	return cond
}

// operands notes when a probe or a whole-array operator reads. What an order statistic is of is made as it is read, if it can be,
// and then never computed for nothing: a pass with cases would have to write it down.
func (d *demander) operands(st *ir.Stage) {
	isOrder := st.Array != nil && st.Array.Op.Kind == op.Order
	for class, in := range st.In {
		for _, p := range in {
			cond := st.If
			if isOrder {
				cond = nil
			}
			d.read(class, p, cond)
		}
	}
}

// read notes that an array is read under a condition, or with nil always.
func (d *demander) read(class int, p ir.Place, cond *ir.Value) {
	if p.Kind != ir.ScratchStream {
		return
	}
	at := scratchOf{class, p.Index}
	have, ok := d.demands[at]
	d.demands[at] = demand{cond, have.always || cond == nil || ok && have.cond != cond}
}

// kernel is what the kernel of a stage does under a condition alone; it notes when that kernel reads.
func (d *demander) kernel(i int) only {
	st := &d.stages[i]
	o := d.stored(st)
	if o.cond == nil || o.cond == d.probed {
		o = d.gradient(i, o)
	}
	if !d.madeBefore(i, o.cond) {
		o = only{}
	}
	two := cases(d.p, st.Kernel, o)
	for _, c := range two {
		cond := c.If
		if !c.Is {
			cond = nil
		}
		d.reads(st.Class, c.Kernel, cond)
	}
	if len(two) == 0 {
		d.reads(st.Class, st.Kernel, nil)
	}
	return o
}

func (d *demander) reads(class int, k *ir.Kernel, cond *ir.Value) {
	for _, s := range k.Streams {
		if s.Read {
			d.read(class, s.Place, cond)
		}
	}
}

// stored are the scratch arrays of a kernel that are read under one condition alone. Rows and columns are not worth a case.
func (d *demander) stored(st *ir.Stage) (o only) {
	if st.Kernel.Domain <= ir.Col {
		return o
	}
	for n, s := range st.Kernel.Streams {
		want, ok := d.demands[scratchOf{st.Class, s.Index}]
		if s.Kind != ir.ScratchStream || !s.Write || !ok || want.always || o.cond != nil && o.cond != want.cond {
			continue
		}
		o.cond, o.stores = want.cond, append(o.stores, n)
	}
	return o
}

// gradient adds to o that the kernel of stage i reads the kept gradient, if it does and may read the gradient itself as well.
func (d *demander) gradient(i int, o only) only {
	st := &d.stages[i]
	g := ir.Place{Kind: ir.GradStream, Extent: ir.Elem, Name: "g"}
	from := slices.IndexFunc(st.Kernel.Streams, func(s ir.Stream) bool {
		return s.Kind == ir.ScratchStream && s.Index == d.p.Pool.Input("g").ID && s.Read
	})
	if from < 0 || !d.madeBefore(i, d.probed) || slices.ContainsFunc(d.stages[:i], func(s ir.Stage) bool { return clears(s, st.Class) }) {
		return o
	}
	k := *st.Kernel
	k.Streams = slices.Clone(k.Streams)
	grad := slices.IndexFunc(k.Streams, func(s ir.Stream) bool { return s.Kind == g.Kind })
	if grad < 0 {
		grad = len(k.Streams)
		k.Streams = append(k.Streams, ir.Stream{Place: g})
	}
	k.Streams[grad].Read = true
	with := o
	with.cond, with.saved, with.from, with.grad = d.probed, true, from, grad
	if len(k.Streams) > MaxStreams || len(cases(d.p, &k, with)) == 0 {
		return o
	}
	st.Kernel = &k
	return with
}

// clears reports whether a stage overwrites the gradient of a class.
func clears(st ir.Stage, class int) bool {
	return st.Kernel != nil && st.Class == class &&
		slices.ContainsFunc(st.Kernel.Streams, func(s ir.Stream) bool { return s.Kind == ir.GradStream && s.Write })
}

// madeBefore reports whether a condition is known before stage i.
func (d *demander) madeBefore(i int, cond *ir.Value) bool {
	return cond != nil && (len(cond.Args) == 0 ||
		slices.ContainsFunc(d.stages[:i], func(st ir.Stage) bool {
			return slices.Contains(st.Values, cond) && (cond.Extent < ir.Tensor || st.Class == d.stages[i].Class)
		}))
}
