package runtime

import (
	"strings"
	"testing"
)

// nearRule is x <- x - 0.01*(Hessian at x + 1)*x, or with grad the gradient there.
func nearRule(grad bool) *Rule {
	point := at(StreamScratch, 0, PerElem)
	before := &Pass{Domain: PerElem, Streams: []Stream{reads(StreamX, 0), {Place: point, Write: true}}}
	before.Kernels[Go] = func(a *Args) {
		x, p := Slice[float64](a, 0), Slice[float64](a, 1)
		for i := range x {
			p[i] = x[i] + 1
		}
	}
	after := &Pass{Domain: PerElem, Streams: []Stream{{Place: at(StreamX, 0, PerElem), Read: true, Write: true}, {Place: at(StreamScratch, 1, PerElem), Read: true}}}
	after.Kernels[Go] = func(a *Args) {
		x, h := Slice[float64](a, 0), Slice[float64](a, 1)
		for i := range x {
			x[i] -= 0.01 * h[i]
		}
	}
	probe := &Probe{Point: []Place{point}, Vector: []Place{at(StreamX, 0, PerElem)}, Out: ref(at(StreamScratch, 1, PerElem))}
	if grad {
		probe.Vector = nil
	}
	r := bareRule[float64](Stage{Pass: before}, Stage{Probe: probe}, Stage{Pass: after})
	r.Probes, r.ReadsGrad, r.Scratch = true, false, []Extent{PerElem, PerElem}
	return r
}

// TestProductOfTheParameters multiplies the Hessian with the parameters themselves, which the point stands in meanwhile.
func TestProductOfTheParameters(t *testing.T) {
	x := []float64{1}
	hvp := HVP(func(v, hv [][]float64) error {
		hv[0][0] = 3 * x[0] * x[0] * v[0][0] // of x^4/4
		return nil
	})
	o, err := New(nearRule(false), []Param[float64]{{Name: "x", Shape: []int{1}, Data: x}}, nil, hvp)
	if err != nil {
		t.Fatal(err)
	}
	never := func([][]float64) (float64, error) { return 0, nil }
	if err := o.StepWith(nil, Inputs[float64]{Closure: never}); err != nil || x[0] != 1-0.01*12 {
		t.Errorf("x is %v, not 0.88 (%v)", x[0], err)
	}
}

// TestReplacedSlices gives closures that put slices of their own in the place of those that they are to fill.
func TestReplacedSlices(t *testing.T) {
	x := []float64{1, 2}
	o, err := New(nearRule(true), []Param[float64]{{Name: "w", Shape: []int{2}, Data: x}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	own := make([]float64, 2)
	for _, wrong := range [][]float64{nil, own, own[:1]} {
		err := o.StepWith(nil, Inputs[float64]{Closure: func(grads [][]float64) (float64, error) {
			grads[0] = wrong
			return 0, nil
		}})
		if err == nil || !strings.Contains(err.Error(), `replaced the slice of "w"`) || x[0] != 1 || x[1] != 2 || o.Steps() != 0 {
			t.Errorf("%v: %v, x is %v after %d steps", wrong, err, x, o.Steps())
		}
	}
	err = o.StepWith(nil, Inputs[float64]{Closure: func(grads [][]float64) (float64, error) {
		grads[0][0], grads[0][1] = 100, 200
		return 0, nil
	}})
	if err != nil || x[0] != 0 || x[1] != 0 {
		t.Errorf("x is %v (%v)", x, err)
	}
}
