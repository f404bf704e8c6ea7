package runtime

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// chainRule asks at x - g/2 and at x less the answer over 2, whose loss it takes too, and steps along both. How it writes the
// points tells whether they change places with x; between the second probe and the step may stand a pass that reads x.
func chainRule[T Float](point func(i int) Stream, between bool) *Rule {
	scratch := func(i int) Place { return at(StreamScratch, i, PerElem) }
	loss := Slot{Extent: PerModel, Index: ModelFree}
	pass := func(f func(v []T) T, streams ...Stream) Stage {
		return Stage{Pass: &Pass{Domain: PerElem, Kernels: each(len(streams), f), Streams: streams}}
	}
	stages := []Stage{
		pass(func(v []T) T { return v[1] }, writes(StreamScratch, 4), reads(StreamGrad, 0)),
		pass(func(v []T) T { return v[1] - v[2]/2 }, point(0), reads(StreamX, 0), reads(StreamScratch, 4)),
		{Probe: &Probe{Point: []Place{scratch(0)}, Out: ref(scratch(1))}},
		pass(func(v []T) T { return v[1] - v[2]/2 }, point(2), reads(StreamX, 0), reads(StreamScratch, 1)),
		{Probe: &Probe{Point: []Place{scratch(2)}, Out: ref(scratch(3)), Loss: &loss}},
	}
	if between {
		stages = append(stages, pass(func(v []T) T { return v[1] * v[2] }, updates(StreamState, 0), reads(StreamX, 0), reads(StreamScratch, 3)))
	}
	stages = append(stages, pass(func(v []T) T { return v[0] - v[1]/4 - v[2]/8 }, updates(StreamX, 0), reads(StreamScratch, 1), reads(StreamScratch, 3)))
	r := bareRule[T](stages...)
	r.Name, r.Probes = "probing", true
	r.Scratch = slices.Repeat([]Extent{PerElem}, 5)
	r.States = []State{{Name: "s", Extent: PerElem}}
	return r
}

// TestLoans holds points that change places with the parameters to points that are copied: in the same steps the same bits,
// and the same parameters at every question, at its failure and after it.
func TestLoans(t *testing.T) {
	t.Run("float32", testLoans[float32])
	t.Run("float64", testLoans[float64])
}

func testLoans[T Float](t *testing.T) {
	shapes := [][]int{{}, {3}, {0}, {windowElements}, {windowElements + 1}, {3*windowElements - 1}, {chunkElements + 5}}
	build := func(point func(kind StreamKind, index int) Stream, between bool, workers int) (*Optimizer[T], []Param[T], [][]T) {
		params, grads := modelOf[T](rand.New(rand.NewPCG(8, 4)), shapes, 40)
		strange(params[4].Data)
		rule := chainRule[T](func(i int) Stream { return point(StreamScratch, i) }, between)
		o, err := New(rule, params, nil, Workers(workers))
		if err != nil {
			t.Fatal(err)
		}
		return o, params, grads
	}
	for _, between := range []bool{false, true} {
		for failAt := range 3 {
			for _, panics := range []bool{false, true} {
				o, params, grads := build(writes, between, 3)
				p, copied, _ := build(updates, between, 1)
				if o.points != nil || p.points == nil {
					t.Fatal("the points are copied where they need not be, or not where they must")
				}
				for step := range 3 {
					a, b := &bowl[T]{params: params, panics: panics}, &bowl[T]{params: copied, panics: panics}
					if step == 1 {
						a.failAt, b.failAt = failAt, failAt
					}
					for _, f := range []func() error{
						func() error { return o.StepWith(clone(grads), Inputs[T]{Closure: a.closure}) },
						func() error { return p.StepWith(clone(grads), Inputs[T]{Closure: b.closure}) },
					} {
						if err, caught := attempt(f); (err != nil || caught != nil) != (step == 1 && failAt > 0) {
							t.Fatalf("step %d: error %v, panic %v", step, err, caught)
						}
					}
					if !slices.Equal(bitsOf(dataOf(params)), bitsOf(dataOf(copied))) || !same(o.states[0], p.states[0]) || o.Steps() != p.Steps() {
						t.Fatalf("step %d, question %d failing: other bits", step, failAt)
					}
					for k := range a.points {
						if !same(a.points[k], b.points[k]) {
							t.Fatalf("step %d: question %d is asked elsewhere", step, k)
						}
					}
				}
			}
		}
	}
}

// TestLoansRefused lists what keeps a probe from having its point change places with the parameters.
func TestLoansRefused(t *testing.T) {
	scratch := func(i int) Place { return at(StreamScratch, i, PerElem) }
	first := func(v []float32) float32 { return v[1] }
	pass := func(streams ...Stream) Stage {
		return Stage{Pass: &Pass{Domain: PerElem, Kernels: each(len(streams), first), Streams: streams}}
	}
	maker, probe := pass(writes(StreamScratch, 0), reads(StreamX, 0)), Stage{Probe: &Probe{Point: []Place{scratch(0)}, Out: ref(scratch(1))}}
	last := pass(updates(StreamX, 0), reads(StreamScratch, 1))
	for name, c := range map[string]struct {
		stages []Stage
		lent   bool
	}{
		"nothing":                             {[]Stage{maker, probe, last}, true},
		"no later pass reads x":               {[]Stage{maker, probe, pass(writes(StreamState, 0), reads(StreamScratch, 1))}, true},
		"the point is overwritten before x":   {[]Stage{maker, probe, pass(writes(StreamScratch, 0), reads(StreamScratch, 1)), last}, true},
		"the point is the gradient":           {[]Stage{{Probe: &Probe{Point: []Place{at(StreamGrad, 0, PerElem)}, Out: ref(scratch(1))}}, last}, false},
		"the point is read later":             {[]Stage{maker, probe, pass(updates(StreamX, 0), reads(StreamScratch, 0))}, false},
		"x is read between":                   {[]Stage{maker, pass(writes(StreamScratch, 2), reads(StreamX, 0)), probe, last}, false},
		"the point is read between":           {[]Stage{maker, pass(writes(StreamScratch, 2), reads(StreamScratch, 0)), probe, last}, false},
		"the pass reads where it writes":      {[]Stage{pass(updates(StreamScratch, 0), reads(StreamX, 0)), probe, last}, false},
		"another probe stands between":        {[]Stage{maker, {Probe: &Probe{Point: []Place{at(StreamX, 0, PerElem)}, Out: ref(scratch(1))}}, probe, last}, false},
		"the probe is under a condition":      {[]Stage{maker, {Probe: &Probe{Point: []Place{scratch(0)}, Out: ref(scratch(1)), If: &Slot{Extent: PerModel}}}, last}, false},
		"the probe is of the Hessian":         {[]Stage{maker, {Probe: &Probe{Point: []Place{scratch(0)}, Vector: []Place{at(StreamGrad, 0, PerElem)}, Out: ref(scratch(1))}}, last}, false},
		"the point is what a step began with": {[]Stage{probe, last}, false},
	} {
		rule := bareRule[float32](c.stages...)
		rule.Probes, rule.Scratch, rule.States = true, slices.Repeat([]Extent{PerElem}, 3), []State{{Name: "s", Extent: PerElem}}
		params, grads := modelOf[float32](rand.New(rand.NewPCG(8, 4)), [][]int{{5000}}, 0)
		before := clone(dataOf(params))
		o, err := New(rule, params, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		lent := slices.ContainsFunc(o.later, func(s stage[float32]) bool { return s.loans != nil })
		if lent != c.lent {
			t.Errorf("%s: the points change places: %t", name, lent)
		}
		if err := o.StepWith(grads, Inputs[float32]{Closure: (&bowl[float32]{params: params}).closure}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if name == "no later pass reads x" && !same(before, dataOf(params)) {
			t.Errorf("%s: the parameters are not put back", name)
		}
	}
}
