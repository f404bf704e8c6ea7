package gosrc

import (
	"math"
	"strconv"
	"strings"

	"github.com/dave/jennifer/jen"
	"github.com/optc-lang/optc/compiler/ir"
	optrt "github.com/optc-lang/optc/runtime"
)

// slot is a place in a frame of the runtime, or a constant.
type slot struct {
	extent ir.Extent
	index  int
	value  float64
}

// frames says where each step value lives: what another stage reads has a slot in the frame of its extent.
type frames struct {
	p      *ir.Program
	slots  map[*ir.Value]slot
	states []slot      // by state; those that are arrays are unused here
	givens []slot      // by given, likewise
	draws  []*ir.Value // the random step values
	size   [4]int      // of the frames by extent
}

// newFrames places the states and every step value that crosses stages.
func newFrames(plan *ir.Plan) *frames {
	f := &frames{p: plan.Program, slots: map[*ir.Value]slot{}}
	f.size[ir.Model] = optrt.ModelFree
	f.size[ir.Group] = optrt.GroupHypers + len(f.p.Hypers)
	f.size[ir.Tensor] = optrt.TensorFree
	for _, s := range f.p.States {
		at := slot{extent: s.Extent}
		if !s.Extent.IsArray() {
			at = f.next(s.Extent)
		}
		f.states = append(f.states, at)
	}
	for _, g := range f.p.Givens {
		at := slot{extent: g.Extent}
		if !g.Extent.IsArray() {
			at = f.next(g.Extent)
		}
		f.givens = append(f.givens, at)
	}
	for _, v := range ir.Reachable(append(f.p.Roots(), f.p.Eval)...) {
		if v.Kind == ir.Draw && !v.Extent.IsArray() {
			f.draws = append(f.draws, v)
			f.slots[v] = f.next(v.Extent)
		}
	}
	for _, stages := range [][]ir.Stage{plan.Later, plan.First, plan.Eval} {
		for _, v := range crossing(stages) {
			if _, ok := f.slots[v]; !ok {
				f.slots[v] = f.next(v.Extent)
			}
		}
	}
	return f
}

func (f *frames) next(e ir.Extent) slot {
	f.size[e]++
	return slot{extent: e, index: f.size[e] - 1}
}

// crossing lists, in order, the step values that are read outside the stage that computes them.
func crossing(stages []ir.Stage) []*ir.Value {
	home := map[*ir.Value]int{}
	for i, s := range stages {
		for _, v := range s.Values {
			home[v] = i
		}
	}
	var out []*ir.Value
	seen := map[*ir.Value]bool{}
	read := func(v *ir.Value, stage int) {
		h, local := home[v]
		if v != nil && !v.Extent.IsArray() && len(v.Args) > 0 && !seen[v] && !(local && h == stage) {
			seen[v] = true
			out = append(out, v)
		}
	}
	for i, s := range stages {
		for _, v := range s.Values {
			for _, a := range v.Args {
				read(a, i)
			}
		}
		for _, v := range s.From {
			read(v, i)
		}
		if s.Fold != nil {
			read(s.Fold, i)
		}
		if s.Array != nil {
			read(s.Array, i)
			for _, v := range s.Array.Args[s.Array.Op.Args : s.Array.Op.Args+len(s.Array.Op.Params)] {
				read(v, i)
			}
		}
		read(s.Probe, i)
		read(s.Loss, i)
		read(s.If, i)
		for _, v := range s.Ifs {
			read(v, i)
		}
		if s.Kernel != nil {
			for _, k := range s.Kernel.Scalars {
				read(k.Value, i)
			}
			for _, r := range s.Kernel.Reductions {
				read(r.Result, i)
			}
		}
		for _, c := range s.Cases {
			read(c.If, i)
		}
		for _, v := range s.New {
			read(v, i)
		}
	}
	return out
}

var inputSlots = map[string]slot{
	"t":    {extent: ir.Model, index: optrt.ModelT},
	"loss": {extent: ir.Model, index: optrt.ModelLoss},
	"rank": {extent: ir.Tensor, index: optrt.TensorRank},
	"rows": {extent: ir.Tensor, index: optrt.TensorRows},
	"cols": {extent: ir.Tensor, index: optrt.TensorCols},
}

var sizeSlots = map[[2]ir.Extent]slot{
	{ir.Elem, ir.Model}:   {extent: ir.Model, index: optrt.ModelNumel},
	{ir.Tensor, ir.Model}: {extent: ir.Model, index: optrt.ModelTensors},
	{ir.Group, ir.Model}:  {extent: ir.Model, index: optrt.ModelGroups},
	{ir.Elem, ir.Group}:   {extent: ir.Group, index: optrt.GroupNumel},
	{ir.Tensor, ir.Group}: {extent: ir.Group, index: optrt.GroupTensors},
	{ir.Elem, ir.Tensor}:  {extent: ir.Tensor, index: optrt.TensorNumel},
}

// of is where the step value v stands.
func (f *frames) of(v *ir.Value) slot {
	switch v.Kind {
	case ir.Number:
		return slot{value: v.Num}
	case ir.Input:
		return inputSlots[v.Name]
	case ir.Hyper:
		return slot{extent: ir.Group, index: optrt.GroupHypers + v.Index}
	case ir.Load:
		return f.states[v.Index]
	case ir.Given:
		return f.givens[v.Index]
	case ir.Size:
		return sizeSlots[[2]ir.Extent{v.Of, v.Per}]
	}
	return f.slots[v]
}

// frameNames are the parameters of step-value functions.
var frameNames = map[ir.Extent]string{ir.Model: "m", ir.Group: "g", ir.Tensor: "p"}

// read is Go source for a slot's value.
func (s slot) read(mask bool) jen.Code {
	if s.extent == ir.Const {
		if mask {
			return jen.Lit(s.value != 0)
		}
		return literal(s.value)
	}
	value := jen.Id(frameNames[s.extent]).Index(jen.Lit(s.index))
	if mask {
		return jen.Parens(value.Op("!=").Lit(0))
	}
	return value
}

// literal is a float64 in Go source; it never reads as an integer.
func literal(v float64) jen.Code {
	switch {
	case math.IsInf(v, 0):
		return jen.Qual("math", "Inf").Call(jen.Lit(int(math.Copysign(1, v))))
	case math.IsNaN(v):
		return jen.Qual("math", "NaN").Call()
	case v == 0 && math.Signbit(v):
		return jen.Qual("math", "Copysign").Call(jen.Lit(0), jen.Lit(-1))
	}
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	if v < 0 {
		s = "(" + s + ")"
	}
	return jen.Id(s)
}
