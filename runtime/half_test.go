package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

// halfRule is x <- x - s, s <- s/2 + g, for parameters in a format.
func halfRule(format string, chance bool, hidden ...State) *Rule {
	r := bareRule[float32](Stage{Pass: &Pass{Domain: PerElem, Kernels: each(3, func(v []float32) float32 { return float32(v[0]*0.5) + v[1] }),
		Streams: []Stream{updates(StreamState, 0), reads(StreamGrad, 0), reads(StreamX, 0)}}},
		Stage{Pass: &Pass{Domain: PerElem, Kernels: each(2, func(v []float32) float32 { return v[0] - v[1] }),
			Streams: []Stream{updates(StreamX, 0), reads(StreamState, 0)}}})
	r.Name, r.Params, r.ParamsStochastic, r.Draws = "halves", format, chance, chance
	r.States = append([]State{{Name: "s", Extent: PerElem}}, hidden...)
	return r
}

func halfParams[H Half](params []Param[float32]) []HalfParam[H] {
	out := make([]HalfParam[H], len(params))
	for i, p := range params {
		out[i] = HalfParam[H]{p.Name, p.Shape, make([]H, len(p.Data))}
		Narrow(out[i].Data, p.Data)
	}
	return out
}

func narrowed[H Half](arrays [][]float32) [][]H {
	out := make([][]H, len(arrays))
	for i, u := range arrays {
		out[i] = make([]H, len(u))
		Narrow(out[i], u)
	}
	return out
}

// TestHalf follows parameters that are rounded once, when the step ends.
func TestHalf(t *testing.T) {
	for _, chance := range []bool{false, true} {
		for _, workers := range []int{1, 4} {
			t.Run(fmt.Sprint("bf16 ", chance, workers), func(t *testing.T) { testHalf[BF16](t, chance, workers) })
			t.Run(fmt.Sprint("f16 ", chance, workers), func(t *testing.T) { testHalf[F16](t, chance, workers) })
		}
	}
}

func testHalf[H Half](t *testing.T, chance bool, workers int) {
	format := halfFormat[H]()
	wide, wideGrads := modelOf[float32](rand.New(rand.NewPCG(4, 9)), narrowShapes, []int{0, 100}[workers/4])
	params, grads := halfParams[H](wide), narrowed[H](wideGrads)
	o, err := NewHalf(halfRule(format, chance), params, nil, Workers(workers), Seed(31))
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprint(grads)
	x, s := make([][]float32, len(params)), make([][]float32, len(params))
	for i, p := range params {
		x[i], s[i] = make([]float32, len(p.Data)), make([]float32, len(p.Data))
		Widen(x[i], p.Data)
	}
	for step := uint64(1); step <= 3; step++ {
		wantError(t, o.Step(grads, 0), "")
		for i := range x {
			g := make([]float32, len(x[i]))
			Widen(g, grads[i])
			for k := range g {
				s[i][k] = float32(s[i][k]*0.5) + g[k]
				x[i][k] -= s[i][k]
			}
			var words []uint32
			if chance {
				words = make([]uint32, len(g))
				elem.Words(words, elem.RoundingStream(elem.Stream{Seed: 31, Step: step, Tensor: uint32(i)}, "x"), 0)
			}
			elem.RoundTrip(format, x[i], words)
			got := make([]float32, len(g))
			Widen(got, params[i].Data)
			if !same([][]float32{got}, [][]float32{x[i]}) {
				t.Fatalf("step %d, shape %v: x differs from the reference", step, params[i].Shape)
			}
		}
	}
	if fmt.Sprint(grads) != before {
		t.Error("the gradients have changed")
	}
	values, err := o.Values()
	if err != nil || fmt.Sprint(values[7]) != fmt.Sprint(params[7].Data) {
		t.Errorf("Values differ from the data (%v)", err)
	}
}

// TestHalfRefuses holds what is wrong to an error that leaves everything as it is.
func TestHalfRefuses(t *testing.T) {
	data := make([]BF16, 40)
	one := func(name string, n int, data []BF16) HalfParam[BF16] { return HalfParam[BF16]{name, []int{n}, data} }
	rule := halfRule("bf16", false)
	refused := func(want string, params []HalfParam[BF16], opts ...Option) {
		t.Helper()
		_, err := NewHalf(rule, params, nil, opts...)
		wantError(t, err, want)
	}
	_, err := New(rule, []Param[float32]{{"w", []int{1}, []float32{1}}}, nil)
	wantError(t, err, "halves: the rule is built for parameters in bf16: make its optimizer by NewHalf")
	_, err = NewHalf(rule, []HalfParam[F16]{{"w", []int{1}, []F16{1}}}, nil)
	wantError(t, err, "halves: the rule is built for parameters in bf16, and these are in f16")
	_, err = NewHalf(bareRule[float32](), []HalfParam[BF16]{one("w", 4, data[:4])}, nil)
	wantError(t, err, "bare: the rule is built for parameters in float32 or float64, and these are in bf16")
	_, err = NewHalf[BF16](nil, nil, nil)
	wantError(t, err, "no rule given")
	refused("halves: no parameters", nil)
	refused(`halves: param "w": shape [5] has 5 elements, data has 4`, []HalfParam[BF16]{one("w", 5, data[:4])})
	refused(`halves: params "a" and "b" overlap in memory: each needs a slice of its own`, []HalfParam[BF16]{one("a", 5, data[:5]), one("b", 5, data[4:9])})
	refused("halves: Blocks cuts float32 and float64 parameters, and these are in bf16: cut them beforehand", []HalfParam[BF16]{one("w", 4, data[:4])}, Blocks(2))

	o, err := NewHalf(rule, []HalfParam[BF16]{one("a", 5, data[:5]), one("b", 5, data[5:10])}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := make([]BF16, 20)
	wantError(t, o.Step(nil, 0), "halves: 0 gradients given, there are 2 parameters")
	wantError(t, o.Step([][]BF16{g[:5], nil}, 0), `halves: the gradient of "b" is nil: 5 elements are needed`)
	wantError(t, o.Step([][]BF16{g[:5], g[5:9]}, 0), `halves: the gradient of "b" has 4 elements, the parameter has 5`)
	wantError(t, o.Step([][]BF16{g[:5], g[4:9]}, 0), `halves: the gradient of "a" and the gradient of "b" overlap in memory: each needs a slice of its own`)
	wantError(t, o.Step([][]BF16{g[:5], data[9:14]}, 0), `halves: param "b" and the gradient of "b" overlap in memory: each needs a slice of its own`)
	wantError(t, o.Step([][]BF16{g[:5], g[5:10]}, 0), "")
	wantError(t, o.Step([][]BF16{g[:5], g[4:9]}, 0), `halves: the gradient of "a" and the gradient of "b" overlap in memory: each needs a slice of its own`)
	wantError(t, o.Optimizer.Step(nil, 0), "halves: the parameters are in bf16: call the method of HalfOptimizer")
	_, err = o.Optimizer.EvalParams()
	wantError(t, err, "halves: the parameters are in bf16: call the method of HalfOptimizer")
	_, err = o.Optimizer.Values()
	wantError(t, err, "halves: the parameters are in bf16: call the method of HalfOptimizer")
	if o.Steps() != 1 {
		t.Errorf("%d steps, want 1", o.Steps())
	}

	outside := bareRule[float32](Stage{Probe: &Probe{Point: []Place{at(StreamX, 0, PerElem)}, Out: ref(at(StreamScratch, 0, PerElem))}})
	outside.Params, outside.Probes, outside.Scratch = "bf16", true, []Extent{PerElem}
	_, err = NewHalf(outside, []HalfParam[BF16]{one("a", 5, data[:5])}, nil)
	wantError(t, err, "bare: generated code is at fault, build it again: stage 0: an array in bf16 outside a pass")
}

// TestHalfSkips skips steps with a gradient that is not finite, and clears the gradients where a rule does.
func TestHalfSkips(t *testing.T) {
	for _, bad := range []float32{float32(math.Inf(-1)), float32(math.NaN())} {
		testHalfSkips(t, ToBF16(bad), ToBF16(float32(math.MaxFloat32/2)))
		testHalfSkips(t, ToF16(bad), ToF16(65504))
	}
}

func testHalfSkips[H Half](t *testing.T, bad, large H) {
	rule := halfRule(halfFormat[H](), false)
	rule.ClearsGrad = true
	x := []H{1, 2, 3}
	o, err := NewHalf(rule, []HalfParam[H]{{"w", []int{3}, x}}, nil, OnNonFinite(Skip))
	if err != nil {
		t.Fatal(err)
	}
	g := []H{0, bad, 5}
	wantError(t, o.Step([][]H{g}, 0), "")
	if o.Steps() != 0 || o.Skipped() != 1 || !slices.Equal(x, []H{1, 2, 3}) || !slices.Equal(g, []H{0, 0, 0}) {
		t.Errorf("%v: %d steps, %d skipped, x is %v, g %v", bad, o.Steps(), o.Skipped(), x, g)
	}
	wantError(t, o.Step([][]H{{large, large | 1<<15, 0}}, 0), "")
	if o.Steps() != 1 {
		t.Errorf("%v: a step with the largest number is skipped", large)
	}
}

// TestReload takes over parameters that the program has changed.
func TestReload(t *testing.T) {
	x := []BF16{ToBF16(1), ToBF16(-2)}
	rule := halfRule("bf16", false, State{Name: masterState, Extent: PerElem}, State{Name: restState, Extent: PerElem, Format: "bf16rest"})
	o, err := NewHalf(rule, []HalfParam[BF16]{{"w", []int{2}, x}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := o.narrow[2][0].half; !slices.Equal(got, []uint16{1 << 15, 1 << 15}) {
		t.Errorf("the rest begins as %#x", got)
	}
	wantError(t, o.Step([][]BF16{{0, 0}}, 0), "")
	o.narrow[2][0].half[0] = 7
	x[1] = ToBF16(3)
	wantError(t, o.Reload(), "")
	if got := o.states[1][0]; !slices.Equal(got, []float32{1, 3}) || o.narrow[2][0].half[0] != 1<<15 {
		t.Errorf("the copies are %v, the rest is %#x", got, o.narrow[2][0].half)
	}
	var file bytes.Buffer
	wantError(t, o.State(&file), "")
	wantError(t, o.LoadState(&file), "")
	if o.StateBytes() != 2*(4+4+2) {
		t.Errorf("%d bytes of state", o.StateBytes())
	}
}

// TestHalfProbes follows a closure that fails, panics or replaces a slice: the parameters keep their bits.
func TestHalfProbes(t *testing.T) {
	rule := probeRule[float32]()
	rule.Params = "bf16"
	wide, wideGrads := modelOf[float32](rand.New(rand.NewPCG(8, 4)), [][]int{{}, {50}, {0}, {7, 9}}, 0)
	params, grads := halfParams[BF16](wide), narrowed[BF16](wideGrads)
	o, err := NewHalf(rule, params, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprint(params)
	fails := func(what func(grads [][]BF16) error) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		calls := 0
		return o.StepWith(grads, HalfInputs[BF16]{Closure: func(to [][]BF16) (float64, error) {
			if fmt.Sprint(params) == before && calls == 0 {
				t.Error("the point is not in the parameters")
			}
			if calls++; calls == 2 {
				return 0, what(to)
			}
			return 0, nil
		}})
	}
	wantError(t, fails(func([][]BF16) error { return errModel }), "probing: the closure failed: the model is on fire")
	wantError(t, fails(func([][]BF16) error { panic("out of paper") }), "panic: out of paper")
	wantError(t, fails(func(to [][]BF16) error { to[1] = make([]BF16, 50); return nil }), fmt.Sprintf("probing: the closure failed: it replaced the slice of %q: copy the values into it", params[1].Name))
	wantError(t, o.StepWith(grads, HalfInputs[BF16]{}), "probing: the rule asks the model again within a step, and no closure is given")
	if fmt.Sprint(params) != before || o.Steps() != 0 {
		t.Error("a step that failed has left traces")
	}
	start := slices.Clone(params[1].Data)
	asked := [][]float32{}
	wantError(t, o.StepWith(grads, HalfInputs[BF16]{Closure: func(to [][]BF16) (float64, error) {
		x := make([]float32, 50)
		Widen(x, params[1].Data)
		asked = append(asked, x)
		return 0, nil
	}}), "")
	for k, x := range asked[0] { // the first point is scratch[0] = x - g/2
		if want := ToBF16(start[k].Float32() - grads[1][k].Float32()/2).Float32(); x != want {
			t.Fatalf("the first point is %v at %d, not %v", x, k, want)
		}
	}
}

// TestHalfProducts refuses Hessian-vector products by differences, and takes those of the user.
func TestHalfProducts(t *testing.T) {
	rule := bareRule[float32](
		Stage{Pass: &Pass{Domain: PerElem, Kernels: each(2, func(v []float32) float32 { return v[1] }), Streams: []Stream{writes(StreamScratch, 0), reads(StreamX, 0)}}},
		Stage{Pass: &Pass{Domain: PerElem, Kernels: each(2, func(v []float32) float32 { return v[1] }), Streams: []Stream{writes(StreamScratch, 1), reads(StreamGrad, 0)}}},
		Stage{Probe: &Probe{Point: []Place{at(StreamScratch, 0, PerElem)}, Vector: []Place{at(StreamScratch, 1, PerElem)}, Out: ref(at(StreamScratch, 2, PerElem))}},
		Stage{Pass: &Pass{Domain: PerElem, Kernels: each(2, func(v []float32) float32 { return v[0] - v[1] }), Streams: []Stream{updates(StreamX, 0), reads(StreamScratch, 2)}}},
	)
	rule.Name, rule.Probes, rule.Params, rule.Scratch = "newton", true, "f16", []Extent{PerElem, PerElem, PerElem}
	x := []F16{ToF16(4), ToF16(-1)}
	_, err := NewHalf(rule, []HalfParam[F16]{{"w", []int{2}, x}}, nil)
	wantError(t, err, "newton: the rule takes Hessian-vector products, and a difference of two gradients is lost in the rounding of parameters in f16: give the product by the option HVP, of float32")
	o, err := NewHalf(rule, []HalfParam[F16]{{"w", []int{2}, x}}, nil, HVP(func(v, hv [][]float32) error {
		for i, u := range v[0] {
			hv[0][i] = u * 2
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	none := func([][]F16) (float64, error) { return 0, errors.New("not to be called") }
	wantError(t, o.StepWith([][]F16{{ToF16(1), ToF16(0.5)}}, HalfInputs[F16]{Closure: none}), "")
	if x[0] != ToF16(2) || x[1] != ToF16(-2) {
		t.Errorf("x is %v and %v", x[0].Float32(), x[1].Float32())
	}
}

// TestHalfAllocations holds a step to none.
func TestHalfAllocations(t *testing.T) {
	wide, wideGrads := modelOf[float32](rand.New(rand.NewPCG(8, 4)), [][]int{{70, 1000}, {3}}, 0)
	params, grads := halfParams[BF16](wide), narrowed[BF16](wideGrads)
	o, err := NewHalf(halfRule("bf16", false), params, nil, Workers(1))
	if err != nil {
		t.Fatal(err)
	}
	run := func() { wantError(t, o.Step(grads, 0), "") }
	run()
	if n := testing.AllocsPerRun(20, run); n != 0 {
		t.Errorf("%v allocations a step", n)
	}
}
