package pass_test

import (
	"testing"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/compiler/pass"
)

// verifier follows a sequence of stages and knows what has been made by then, for each class of tensors.
type verifier struct {
	t       *testing.T
	plan    *ir.Plan
	eval    bool
	probes  int                        // still to come
	asked   *ir.Value                  // under this condition, once one has been asked; a number where it is none
	made    map[*ir.Value]map[int]bool // step values, by class
	written map[ir.Place]map[int]bool  // scratch arrays, and lasting ones, by class
	lent    map[int]bool               // x has been read since it was written, by class
}

// verifyPlan holds what every code generator relies on: each step value is made before it is read, each scratch array
// written before it is read; nothing that lasts is written before the last probe has returned, nor twice: x alone may be, if
// what was there has been read.
func verifyPlan(t *testing.T, plan *ir.Plan) {
	t.Helper()
	names := map[string]*ir.Kernel{}
	for _, k := range plan.Kernels {
		if names[k.Name] != nil {
			t.Errorf("two kernels named %s", k.Name)
		}
		names[k.Name] = k
	}
	if len(plan.Classes) == 0 {
		t.Fatal("no class")
	}
	for i, stages := range [][]ir.Stage{plan.First, plan.Later, plan.Eval} {
		v := &verifier{t: t, plan: plan, eval: i == 2, made: map[*ir.Value]map[int]bool{}, written: map[ir.Place]map[int]bool{}, lent: map[int]bool{}}
		for _, s := range stages {
			if s.Probe != nil {
				v.probes++
			}
		}
		for _, s := range stages {
			for _, c := range s.Cases {
				if names[c.Kernel.Name] == nil {
					t.Errorf("kernel %s is not listed", c.Kernel.Name)
				}
			}
			if s.Bare != nil && (len(s.Cases) > 0 || names[s.Bare.Kernel.Name] == nil) {
				t.Errorf("kernel %s is not listed, or is one of %d cases", s.Bare.Kernel.Name, len(s.Cases))
			}
			if s.Kernel != nil && len(s.Cases) == 0 && names[s.Kernel.Name] == nil {
				t.Errorf("kernel %s is not listed", s.Kernel.Name)
			}
			v.stage(s)
		}
	}
}

func (v *verifier) stage(s ir.Stage) {
	kinds := 0
	for _, is := range []bool{len(s.Values) > 0, s.Fold != nil, s.Kernel != nil, s.Array != nil, s.Probe != nil, len(s.Keep) > 0, len(s.Rotate) > 0} {
		if is {
			kinds++
		}
	}
	if kinds != 1 {
		v.t.Errorf("a stage of %d kinds: %+v", kinds, s)
	}
	classes := []int{s.Class}
	if s.Fold != nil || s.Probe != nil || s.Array != nil && s.Array.Op.Kind == op.Order && s.Array.Per <= ir.Group || s.Extent < ir.Tensor && s.Kernel == nil && s.Array == nil {
		classes = v.all()
	}
	if s.If != nil {
		for _, class := range classes {
			v.needs(s.If, class)
		}
	}
	if s.Ifs != nil {
		if len(s.Ifs) != len(v.plan.Classes) || s.If != nil {
			v.t.Errorf("%d conditions of %d classes", len(s.Ifs), len(v.plan.Classes))
		}
		for class, cond := range s.Ifs {
			if cond != nil {
				v.needs(cond, class)
			}
		}
	}
	switch {
	case s.Kernel != nil:
		v.kernel(s)
	case s.Fold != nil:
		v.fold(s)
	case s.Array != nil:
		v.array(s, classes)
	case s.Probe != nil:
		v.probe(s)
	case len(s.Rotate) > 0:
		v.lasts("a rotation")
	case len(s.Keep) > 0:
		v.lasts("a state in a frame")
		for i := range s.Keep {
			for _, class := range classes {
				v.needs(s.New[i], class)
			}
		}
	}
	for _, u := range s.Values {
		for _, a := range u.Args {
			for _, class := range classes {
				v.needs(a, class)
			}
		}
		v.makes(u, classes)
	}
}

func (v *verifier) all() (all []int) {
	for i := range v.plan.Classes {
		all = append(all, i)
	}
	return all
}

func (v *verifier) makes(u *ir.Value, classes []int) {
	if v.made[u] == nil {
		v.made[u] = map[int]bool{}
	}
	for _, class := range classes {
		v.made[u][class] = true
	}
}

// needs demands that a step value is there for a class: a leaf, or made before.
func (v *verifier) needs(u *ir.Value, class int) {
	v.t.Helper()
	if u.Extent.IsArray() {
		v.t.Errorf("an array stands for a step value: %s", u.Label)
	}
	if len(u.Args) > 0 && !v.made[u][class] {
		v.t.Errorf("class %d reads a step value (kind %d, %s) before it is made", class, u.Kind, u.Label)
	}
}

// lasts demands that no probe is to come.
func (v *verifier) lasts(what string) {
	v.t.Helper()
	if v.probes > 0 || v.eval {
		v.t.Errorf("%s is written before the last probe, or by an evaluation", what)
	}
}

func bare(p ir.Place) ir.Place { return ir.Place{Kind: p.Kind, Index: p.Index} }

func (v *verifier) exists(p ir.Place, class int) {
	v.t.Helper()
	ok := true
	switch p.Kind {
	case ir.ScratchStream:
		ok = v.plan.Scratch[p.Index] == p.Extent && v.plan.Classes[class].Scratch[p.Index]
	case ir.StateStream:
		ok = v.plan.Program.States[p.Index].Extent == p.Extent && v.plan.Classes[class].States[p.Index]
	case ir.GivenStream:
		ok = v.plan.Program.Givens[p.Index].Extent == p.Extent
	case ir.XStream, ir.GradStream, ir.EvalStream:
		ok = p.Extent == ir.Elem
	}
	if !ok {
		v.t.Errorf("class %d has no array %+v", class, p)
	}
}

func (v *verifier) reads(p ir.Place, class int) {
	v.t.Helper()
	v.exists(p, class)
	switch {
	case p.Kind == ir.XStream && v.written[bare(p)][class]:
		v.lent[class] = true
	case p.Kind == ir.ScratchStream && !v.written[bare(p)][class]:
		v.t.Errorf("class %d reads scratch %d (%s) before it is written", class, p.Index, p.Name)
	case p.Kind == ir.GradStream && (v.asked != nil || v.eval):
		v.t.Errorf("the step's gradient is read after a probe, or by an evaluation")
	case p.Kind == ir.EvalStream || p.Kind == ir.CollectStream:
		v.t.Errorf("a stream of kind %d is read", p.Kind)
	}
}

func (v *verifier) writes(p ir.Place, class int) {
	v.t.Helper()
	v.exists(p, class)
	key := bare(p)
	switch p.Kind {
	case ir.XStream, ir.StateStream:
		v.lasts(p.Name)
		if v.written[key][class] && !(p.Kind == ir.XStream && v.lent[class]) {
			v.t.Errorf("%s is written twice for class %d", p.Name, class)
		}
	case ir.EvalStream:
		if !v.eval || v.written[key][class] {
			v.t.Errorf("the point of evaluation is written by a step, or twice")
		}
	case ir.GradStream:
		if v.lasts(p.Name); !v.plan.Program.ClearGrad || v.written[key][class] {
			v.t.Errorf("the gradient is written by a rule that does not clear it, or twice")
		}
	case ir.GivenStream, ir.DrawStream:
		v.t.Errorf("an input is written: %+v", p)
	}
	if v.written[key] == nil {
		v.written[key] = map[int]bool{}
	}
	v.written[key][class] = true
	if p.Kind == ir.XStream {
		v.lent[class] = false
	}
}

func (v *verifier) kernel(s ir.Stage) {
	k := s.Kernel
	stored := map[int]bool{}
	for _, st := range k.Stores {
		if stored[st.Stream] {
			v.t.Errorf("kernel %s stores twice to a stream", k.Name)
		}
		stored[st.Stream] = true
	}
	if len(k.Streams) > pass.MaxStreams || len(k.Stores)+len(k.Reductions) == 0 {
		v.t.Errorf("kernel %s: %d streams, %d stores", k.Name, len(k.Streams), len(k.Stores))
	}
	seen := map[ir.Place]bool{}
	for i, st := range k.Streams {
		if st.Write != stored[i] || !st.Read && !st.Write || seen[bare(st.Place)] {
			v.t.Errorf("kernel %s: stream %s: read %v, write %v, twice %v", k.Name, st.Name, st.Read, st.Write, seen[bare(st.Place)])
		}
		seen[bare(st.Place)] = true
		if st.Extent != k.Domain && (k.Domain != ir.Elem || st.Extent != ir.Row && st.Extent != ir.Col || st.Write) {
			v.t.Errorf("kernel %s over %s: stream %s per %s", k.Name, k.Domain, st.Name, st.Extent)
		}
		if st.Read && !v.isIntact(s, i) {
			v.reads(st.Place, s.Class)
		}
	}
	for _, sc := range k.Scalars {
		v.needs(sc.Value, s.Class)
	}
	for _, st := range k.Streams {
		if st.Write {
			v.writes(st.Place, s.Class)
		}
	}
	for _, r := range k.Reductions {
		v.makes(r.Result, []int{s.Class})
	}
	for _, c := range k.Collects {
		if k.Streams[c.Stream].Kind != ir.CollectStream || k.Domain < ir.Elem || c.To.Extent != ir.Row && c.To.Extent != ir.Col || c.To.Kind != ir.ScratchStream {
			v.t.Errorf("kernel %s collects %+v", k.Name, c)
		}
		v.writes(c.To, s.Class)
	}
}

// isIntact reports whether a stream is the step's gradient, read only where the probes so far have not been.
func (v *verifier) isIntact(s ir.Stage, stream int) bool {
	if s.Kernel.Streams[stream].Kind != ir.GradStream || v.asked == nil || len(s.Cases) != 2 {
		return false
	}
	for _, c := range s.Cases {
		if c.Kernel.Streams[stream].Read && (c.Is || c.If != v.asked) {
			return false
		}
		v.needs(c.If, s.Class)
	}
	return true
}

func (v *verifier) fold(s ir.Stage) {
	if len(s.From) != len(v.plan.Classes) {
		v.t.Fatalf("a fold of %d classes", len(s.From))
	}
	for class, from := range s.From {
		v.needs(from, class)
		if from.Extent <= s.Fold.Per && from.Kind != ir.Number || (from.Extent == ir.Group) != (s.From[0].Extent == ir.Group) {
			v.t.Errorf("a fold per %s of a value per %s", s.Fold.Per, from.Extent)
		}
	}
	v.makes(s.Fold, v.all())
}

func (v *verifier) array(s ir.Stage, classes []int) {
	u, inMemory := s.Array, s.Array.Op.Args
	if inMemory > 0 && u.Args[0].Extent == ir.Tensor {
		inMemory = 0
		if u.Op.Kind != op.Order || u.Mask || u.Per >= ir.Tensor || len(s.From) != len(v.plan.Classes) {
			v.t.Errorf("%s of values a tensor of %d classes per %s", u.Op.Name, len(s.From), u.Per)
		}
	}
	for _, class := range classes {
		if len(s.In[class]) != inMemory {
			v.t.Errorf("class %d: %s has %d operands in memory", class, u.Op.Name, len(s.In[class]))
		}
		if s.From != nil {
			v.needs(s.From[class], class)
		}
		for _, p := range s.In[class] {
			v.reads(p, class)
		}
		for _, a := range u.Args[u.Op.Args : u.Op.Args+len(u.Op.Params)] {
			v.needs(a, class)
		}
		if u.Extent.IsArray() {
			v.writes(s.Out, class)
		}
	}
	v.makes(u, classes)
}

func (v *verifier) probe(s ir.Stage) {
	v.probes--
	if v.eval {
		v.t.Error("an evaluation asks the model")
	}
	for class := range v.plan.Classes {
		want := map[string]int{"grad": 1, "loss": 1, "hvp": 2}[s.Probe.Name]
		if len(s.In[class]) != want {
			v.t.Errorf("class %d: a probe of the %s has %d arrays", class, s.Probe.Name, len(s.In[class]))
		}
		for _, p := range s.In[class] {
			v.reads(p, class)
		}
		if s.Probe.Extent.IsArray() {
			v.writes(s.Out, class)
		}
	}
	cond := v.plan.Program.Pool.Number(1)
	if s.If != nil && (v.asked == nil || v.asked == s.If) {
		cond = s.If
	}
	v.asked = cond
	v.makes(s.Probe, v.all())
	if s.Loss != nil {
		v.makes(s.Loss, v.all())
	}
}
