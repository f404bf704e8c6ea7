package runtime

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

// TestPlansOfNewStages gives plans with a fault each to New, which must find it: what follows runs on bare pointers.
func TestPlansOfNewStages(t *testing.T) {
	x, none := at(StreamX, 0, PerElem), Place{Kind: StreamNone}
	scratch := func(i int, e Extent) Place { return at(StreamScratch, i, e) }
	nop := [NumEngines]Kernel{Go: func(*Args) {}}
	bad, tensor := tensorSlot(99), tensorSlot(TensorFree)
	make1 := func() arrayFunc[float64] { return nil }
	pass := func(p Pass) Stage {
		p.Kernels = nop
		return Stage{Pass: &p}
	}
	square := []Dims{{Rows, Cols}, {Rows, Cols}}
	good := map[string]Stage{
		"a pass of rows": pass(Pass{Domain: PerRow, Streams: []Stream{{Place: scratch(1, PerRow), Write: true}}}),
		"a collect":      pass(Pass{Domain: PerElem, Streams: []Stream{writes(StreamCollect, 0)}, Collects: []Collect{{elem.ReduceSum, 0, scratch(1, PerRow)}}}),
		"an array":       {Array: &Array{New: make1, In: []Place{x}, Out: scratch(0, PerElem), Dims: square}},
		"an order":       {Order: &Order{Per: PerTensor, Of: PerElem, To: &Slot{Extent: PerTensor, Index: TensorFree}, In: []Place{x}, K: Slot{Value: 1}, If: []*Slot{nil}}},
		"one of tensors": {Order: &Order{Per: PerModel, Of: PerTensor, To: &Slot{Extent: PerModel, Index: ModelFree}, From: []Slot{tensor}, K: Slot{Value: 1}, If: []*Slot{nil}}},
	}
	faults := map[string]Stage{
		"a class":                  {Class: 1, Tensor: func(m, g, p []float64) {}},
		"a negative class":         {Class: -1, Tensor: func(m, g, p []float64) {}},
		"a domain of steps":        pass(Pass{Domain: PerTensor}),
		"a domain of nothing":      pass(Pass{Domain: numExtents}),
		"elements in a row pass":   pass(Pass{Domain: PerRow, Streams: []Stream{reads(StreamX, 0)}}),
		"a row that is written":    pass(Pass{Domain: PerElem, Streams: []Stream{{Place: scratch(1, PerRow), Write: true}}}),
		"an extent that is not":    pass(Pass{Domain: PerElem, Streams: []Stream{{Place: scratch(1, PerCol), Read: true}}}),
		"no scratch":               pass(Pass{Domain: PerElem, Streams: []Stream{reads(StreamScratch, 7)}}),
		"no given":                 pass(Pass{Domain: PerElem, Streams: []Stream{reads(StreamGiven, 0)}}),
		"a collect of no stream":   pass(Pass{Domain: PerElem, Collects: []Collect{{elem.ReduceSum, 0, scratch(1, PerRow)}}}),
		"a collect to elements":    pass(Pass{Domain: PerElem, Streams: []Stream{writes(StreamCollect, 0)}, Collects: []Collect{{elem.ReduceSum, 0, scratch(0, PerElem)}}}),
		"a collect to x":           pass(Pass{Domain: PerElem, Streams: []Stream{writes(StreamCollect, 0)}, Collects: []Collect{{elem.ReduceSum, 0, at(StreamX, 0, PerRow)}}}),
		"a reduction to a model":   pass(Pass{Domain: PerElem, Reductions: []Reduction{{elem.ReduceSum, Slot{Extent: PerModel, Index: ModelFree}}}}),
		"a fold of fewer classes":  {Fold: fold(elem.ReduceSum, Slot{Extent: PerModel, Index: ModelFree})},
		"an operand that is not":   {Array: &Array{New: make1, In: []Place{scratch(5, PerElem)}, Out: scratch(0, PerElem), Dims: square}},
		"a result that is not":     {Array: &Array{New: make1, In: []Place{x}, Out: scratch(5, PerElem), Dims: square}},
		"dims of fewer":            {Array: &Array{New: make1, In: []Place{x}, Out: scratch(0, PerElem), Dims: square[:1]}},
		"dims of another extent":   {Array: &Array{New: make1, In: []Place{x}, Out: scratch(1, PerRow), Dims: square}},
		"a parameter that is not":  {Array: &Array{New: make1, In: []Place{x}, Out: scratch(0, PerElem), Dims: square, Params: []Slot{bad}}},
		"an array's slot":          {Array: &Array{New: make1, In: []Place{x}, To: &bad, Dims: square}},
		"an array's condition":     {Array: &Array{New: make1, In: []Place{x}, Out: scratch(0, PerElem), Dims: square, If: &bad}},
		"an order of fewer":        {Order: &Order{Per: PerTensor, Of: PerElem, To: &Slot{Extent: PerTensor, Index: TensorFree}, K: Slot{Value: 1}, If: []*Slot{nil}}},
		"an order's slot":          {Order: &Order{Per: PerTensor, Of: PerElem, To: &bad, In: []Place{x}, K: Slot{Value: 1}, If: []*Slot{nil}}},
		"an order of both":         {Order: &Order{Per: PerModel, Of: PerTensor, To: &Slot{Extent: PerModel, Index: ModelFree}, In: []Place{x}, From: []Slot{tensor}, K: Slot{Value: 1}, If: []*Slot{nil}}},
		"an order of coarser":      {Order: &Order{Per: PerModel, Of: PerTensor, To: &Slot{Extent: PerModel, Index: ModelFree}, From: []Slot{{Extent: PerModel, Index: ModelFree}}, K: Slot{Value: 1}, If: []*Slot{nil}}},
		"an order of a tensor's":   {Order: &Order{Per: PerTensor, Of: PerTensor, To: &Slot{Extent: PerTensor, Index: TensorFree}, From: []Slot{tensor}, K: Slot{Value: 1}, If: []*Slot{nil}}},
		"an order of more classes": {Order: &Order{Per: PerModel, Of: PerTensor, To: &Slot{Extent: PerModel, Index: ModelFree}, From: []Slot{tensor, tensor}, K: Slot{Value: 1}, If: []*Slot{nil}}},
		"a top of slots":           {Order: &Order{Top: true, Per: PerModel, Of: PerTensor, Out: scratch(0, PerElem), From: []Slot{tensor}, K: Slot{Value: 1}, If: []*Slot{nil}}},
		"an order's kind":          {Order: &Order{Per: PerTensor, Of: PerElem, Stat: 9, To: &Slot{Extent: PerTensor, Index: TensorFree}, In: []Place{x}, K: Slot{Value: 1}, If: []*Slot{nil}}},
		"an order's k":             {Order: &Order{Per: PerTensor, Of: PerElem, To: &Slot{Extent: PerTensor, Index: TensorFree}, In: []Place{x}, K: bad, If: []*Slot{nil}}},
		"an order's conditions":    {Order: &Order{Per: PerTensor, Of: PerElem, To: &Slot{Extent: PerTensor, Index: TensorFree}, In: []Place{x}, K: Slot{Value: 1}}},
		"an order of nothing":      {Order: &Order{Per: PerTensor, Of: PerElem, To: &Slot{Extent: PerTensor, Index: TensorFree}, In: []Place{none}, K: Slot{Value: 1}, If: []*Slot{nil}}},
		"a probe of fewer classes": {Probe: &Probe{Out: ref(scratch(0, PerElem))}},
		"a probe's result":         {Probe: &Probe{Point: []Place{x}, Out: ref(scratch(9, PerElem))}},
		"a probe into rows":        {Probe: &Probe{Point: []Place{x}, Out: ref(scratch(1, PerRow))}},
		"a probe at rows":          {Probe: &Probe{Point: []Place{scratch(1, PerRow)}, Out: ref(scratch(0, PerElem))}},
		"a probe's loss":           {Probe: &Probe{Point: []Place{x}, Loss: &bad}},
		"a rotation of no state":   {Rotate: &Rotate{States: []int{0, 1}}},
		"an empty rotation":        {Rotate: &Rotate{}},
	}
	try := func(s Stage) (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
		}()
		r := bareRule[float64](s)
		r.Probes, r.Scratch = true, []Extent{PerElem, PerRow}
		_, err = New(r, testParams[float64](rand.New(rand.NewPCG(1, 1)), [][]int{{2, 3}}), nil)
		return err
	}
	for name, s := range good {
		if err := try(s); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, s := range faults {
		if err := try(s); err == nil || !strings.Contains(err.Error(), "bare: generated code is at fault") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
