package runtime

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

// each is a kernel that applies f to its element values: the first stream is written, the others are read.
func each[T Float](n int, f func(v []T) T) [NumEngines]Kernel {
	return [NumEngines]Kernel{Go: func(a *Args) {
		var v [8]T
		out := Slice[T](a, 0)
		for i := range out {
			for k := range n {
				v[k] = Slice[T](a, k)[i]
			}
			out[i] = f(v[:n])
		}
	}}
}

// probeRule asks three times: for the gradient at x - g/2, for the loss at x minus that over 4, and, in odd steps, for both
// at that point less its gradient; then it writes x, a state of elements and one of the model.
func probeRule[T Float]() *Rule {
	scratch := func(i int) Place { return at(StreamScratch, i, PerElem) }
	odd := Slot{Extent: PerModel, Index: ModelFree}
	loss, last, sum := Slot{Extent: PerModel, Index: ModelFree + 1}, Slot{Extent: PerModel, Index: ModelFree + 2}, Slot{Extent: PerModel, Index: ModelFree + 3}
	pass := func(n int, f func(v []T) T, streams ...Stream) Stage {
		return Stage{Pass: &Pass{Domain: PerElem, Kernels: each(n, f), Streams: streams}}
	}
	writesTo := func(i int) Stream { return writes(StreamScratch, i) }
	r := bareRule[T](
		Stage{Model: func(m []float64) { m[odd.Index] = float64(int(m[ModelT]) % 2) }},
		pass(3, func(v []T) T { return v[1] - v[2]/2 }, writesTo(0), reads(StreamX, 0), reads(StreamGrad, 0)),
		pass(2, func(v []T) T { return v[1] }, writesTo(4), reads(StreamGrad, 0)),
		Stage{Probe: &Probe{Point: []Place{scratch(0)}, Out: ref(scratch(1))}},
		pass(3, func(v []T) T { return v[1] - v[2]/4 }, updates(StreamScratch, 2), reads(StreamX, 0), reads(StreamScratch, 1)),
		Stage{Probe: &Probe{Point: []Place{scratch(2)}, Loss: &loss}},
		pass(3, func(v []T) T { return v[1] - v[2] }, updates(StreamScratch, 2), reads(StreamScratch, 2), reads(StreamScratch, 1)),
		Stage{Probe: &Probe{Point: []Place{scratch(2)}, Out: ref(scratch(3)), Loss: &last, If: &odd}},
		Stage{Pass: &Pass{Domain: PerElem, Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			x, s, p, q, g := Slice[T](a, 0), Slice[T](a, 1), Slice[T](a, 2), Slice[T](a, 3), Slice[T](a, 4)
			for i := range x {
				s[i] = T(s[i]*0.5) + p[i] + q[i]
				x[i] -= T(s[i]*0.125) + T(g[i]*0.0625)
			}
		}}, Streams: []Stream{updates(StreamX, 0), updates(StreamState, 0), reads(StreamScratch, 1), reads(StreamScratch, 3), reads(StreamScratch, 4)}}},
		Stage{Model: func(m []float64) { m[sum.Index] += m[loss.Index] + m[last.Index] }},
	)
	r.Name, r.Probes = "probing", true
	r.Scratch = []Extent{PerElem, PerElem, PerElem, PerElem, PerElem}
	r.States = []State{{Name: "s", Extent: PerElem, Init: 0.25}, {Name: "sum", Extent: PerModel, Init: 3, Slot: sum.Index}}
	return r
}

func ref(p Place) *Place { return &p }

// bowl is a model whose gradient is 3x - 1 and whose loss is the sum of the gradients. It fails at one of its calls, by an
// error or by a panic, after it has filled everything with NaN.
type bowl[T Float] struct {
	params []Param[T]
	spoil  [][]T // the step's own gradients, which a closure may overwrite
	calls  int
	failAt int
	panics bool
	points [][][]T
	bad    float64 // put into a gradient at call badAt
	badAt  int
}

var errModel = errors.New("the model is on fire")

func (b *bowl[T]) closure(grads [][]T) (float64, error) {
	b.calls++
	b.points = append(b.points, clone(dataOf(b.params)))
	loss := 0.0
	for i, g := range grads {
		for j := range g {
			g[j] = T(3*b.params[i].Data[j]) - 1
			loss += float64(g[j])
		}
		if b.calls == b.badAt && len(g) > 0 {
			g[len(g)-1] = T(b.bad)
		}
	}
	for _, g := range b.spoil {
		for j := range g {
			g[j] = T(b.calls)
		}
	}
	if b.calls == b.failAt {
		for _, g := range grads {
			for j := range g {
				g[j] = T(math.NaN())
			}
		}
		if b.panics {
			panic(errModel)
		}
		return math.NaN(), errModel
	}
	return loss, nil
}

var probeShapes = [][]int{{}, {3}, {0}, {40, 30}, {70000}}

func bitsOf[T Float](arrays [][]T) (bits []uint64) {
	for _, u := range arrays {
		for _, v := range u {
			if f, ok := any(v).(float32); ok {
				bits = append(bits, uint64(math.Float32bits(f)))
			} else {
				bits = append(bits, math.Float64bits(float64(v)))
			}
		}
	}
	return bits
}

func TestProbes(t *testing.T) {
	t.Run("float32", testProbes[float32])
	t.Run("float64", testProbes[float64])
}

// testProbes follows the rule by a plain reference.
func testProbes[T Float](t *testing.T) {
	params, grads := modelOf[T](rand.New(rand.NewPCG(4, 4)), probeShapes, 0)
	o, err := New(probeRule[T](), params, nil, Workers(3))
	if err != nil {
		t.Fatal(err)
	}
	x := cloneParams(params)
	s := make([][]T, len(x))
	for i := range s {
		s[i] = slices.Repeat([]T{0.25}, len(x[i].Data))
	}
	var gp, gq [][]T
	sum, last := 3.0, 0.0
	for step := 1; step <= 4; step++ {
		given := clone(grads)
		b := &bowl[T]{params: params, spoil: given}
		if err := o.StepWith(given, Inputs[T]{Closure: b.closure}); err != nil {
			t.Fatal(err)
		}
		a, c := cloneParams(x), cloneParams(x)
		ask := func(p []Param[T]) ([][]T, float64) {
			out := clone(dataOf(p))
			loss, _ := (&bowl[T]{params: p}).closure(out)
			return out, loss
		}
		var loss float64
		for i := range a {
			for j := range a[i].Data {
				a[i].Data[j] -= grads[i][j] / 2
			}
		}
		gp, _ = ask(a)
		for i := range c {
			for j := range c[i].Data {
				c[i].Data[j] -= gp[i][j] / 4
			}
		}
		_, loss = ask(c)
		wantPoints := [][][]T{dataOf(a), clone(dataOf(c))}
		for i := range c {
			for j := range c[i].Data {
				c[i].Data[j] -= gp[i][j]
			}
		}
		if step%2 == 1 {
			gq, last = ask(c)
			wantPoints = append(wantPoints, dataOf(c))
		}
		for i := range x {
			for j := range x[i].Data {
				s[i][j] = T(s[i][j]*0.5) + gp[i][j] + gq[i][j]
				x[i].Data[j] -= T(s[i][j]*0.125) + T(grads[i][j]*0.0625)
			}
		}
		sum += loss + last
		if !same(dataOf(x), dataOf(params)) || !same(s, o.states[0]) || o.model[ModelFree+3] != sum {
			t.Fatalf("step %d: other bits than of the reference", step)
		}
		if len(b.points) != len(wantPoints) {
			t.Fatalf("step %d: %d questions, want %d", step, len(b.points), len(wantPoints))
		}
		for k := range wantPoints {
			if !same(b.points[k], wantPoints[k]) {
				t.Fatalf("step %d: question %d is asked elsewhere", step, k)
			}
		}
	}
}

// TestCommitRule lets the closure fail at every question, by an error and by a panic: everything is as it was, to the
// payload of a NaN, and the next step has the bits of one before which nothing failed.
func TestCommitRule(t *testing.T) {
	t.Run("float32", testCommit[float32])
	t.Run("float64", testCommit[float64])
}

func testCommit[T Float](t *testing.T) {
	for _, panics := range []bool{false, true} {
		for failAt := 1; failAt <= 3; failAt++ {
			build := func() ([]Param[T], [][]T, *Optimizer[T]) {
				params, grads := modelOf[T](rand.New(rand.NewPCG(6, 4)), probeShapes, 40)
				strange(params[3].Data)
				o, err := New(probeRule[T](), params, nil, Workers(2))
				if err != nil {
					t.Fatal(err)
				}
				if err := o.StepWith(grads, Inputs[T]{Closure: (&bowl[T]{params: params}).closure}); err != nil {
					t.Fatal(err)
				}
				// Odd steps ask three times.
				if err := o.StepWith(grads, Inputs[T]{Closure: (&bowl[T]{params: params}).closure}); err != nil {
					t.Fatal(err)
				}
				strange(params[3].Data)
				return params, grads, o
			}
			params, grads, o := build()
			twin, twinGrads, p := build()
			before, file := bitsOf(dataOf(params)), save(t, o)
			b := &bowl[T]{params: params, failAt: failAt, panics: panics}
			err, caught := attempt(func() error { return o.StepWith(grads, Inputs[T]{Closure: b.closure}) })
			if panics && caught != error(errModel) || !panics && (caught != nil || !errors.Is(err, errModel) || !strings.HasPrefix(err.Error(), "probing: the closure failed: ")) {
				t.Fatalf("question %d: error %v, panic %v", failAt, err, caught)
			}
			if b.calls != failAt || o.Steps() != 2 || o.model[ModelT] != 2 {
				t.Errorf("question %d: %d calls, %d steps", failAt, b.calls, o.Steps())
			}
			if !slices.Equal(before, bitsOf(dataOf(params))) || !slices.Equal(file, save(t, o)) {
				t.Fatalf("question %d, panic %v: something has changed", failAt, panics)
			}
			wantError(t, o.StepWith(grads, Inputs[T]{Closure: (&bowl[T]{params: params}).closure}), "")
			wantError(t, p.StepWith(twinGrads, Inputs[T]{Closure: (&bowl[T]{params: twin}).closure}), "")
			if !slices.Equal(bitsOf(dataOf(params)), bitsOf(dataOf(twin))) || !slices.Equal(save(t, o), save(t, p)) {
				t.Fatalf("question %d, panic %v: the next step differs", failAt, panics)
			}
		}
	}
}

// strange puts NaNs with payloads, both zeros and subnormals into u.
func strange[T Float](u []T) {
	for i, b := range []uint64{0x7ff0000000000001, 0xfff8000000abcdef, 1 << 63, 1, 0x7ff8dead00000001} {
		switch v := any(&u[i]).(type) {
		case *float64:
			*v = math.Float64frombits(b)
		case *float32:
			*v = math.Float32frombits([]uint32{0x7fa00001, 0xffc0beef, 1 << 31, 1, 0x7fc12345}[i])
		}
	}
}

func attempt(f func() error) (err error, caught any) {
	defer func() { caught = recover() }()
	return f(), nil
}

func TestProbeNeedsClosure(t *testing.T) {
	params, grads := modelOf[float32](rand.New(rand.NewPCG(6, 4)), probeShapes, 0)
	o, err := New(probeRule[float32](), params, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, o.Step(grads, 0), "probing: the rule asks the model again within a step, and no closure is given")
	if o.Steps() != 0 {
		t.Error("a step that is refused counts")
	}
	// A closure that uses the optimizer is refused, and may go on.
	misused := 0
	b := &bowl[float32]{params: params}
	err = o.StepWith(grads, Inputs[float32]{Closure: func(g [][]float32) (float64, error) {
		for _, err := range []error{o.Step(g, 0), o.SetHypers(0, nil), o.State(nil)} {
			if err != nil && strings.Contains(err.Error(), "at once") {
				misused++
			}
		}
		return b.closure(g)
	}})
	if err != nil || misused != 9 {
		t.Errorf("%v; %d refusals, want 9", err, misused)
	}
}

// TestSkip skips the steps of which a gradient, the entry's or a probe's, is not finite, counts them, and changes nothing.
func TestSkip(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for question := 0; question <= 3; question++ {
			params, grads := modelOf[float32](rand.New(rand.NewPCG(6, 4)), probeShapes, 0)
			o, err := New(probeRule[float32](), params, nil, OnNonFinite(Skip))
			if err != nil {
				t.Fatal(err)
			}
			step := func(badAt int) *bowl[float32] {
				b := &bowl[float32]{params: params, bad: bad, badAt: badAt}
				g := clone(grads)
				if badAt == 0 {
					g[4][69999] = float32(bad)
				}
				wantError(t, o.StepWith(g, Inputs[float32]{Closure: b.closure}), "")
				return b
			}
			step(9)
			step(9)
			before, file := bitsOf(dataOf(params)), save(t, o)
			for n := 1; n <= 3; n++ {
				b := step(question)
				if o.Skipped() != n || o.Steps() != 2 || b.calls != question || !slices.Equal(before, bitsOf(dataOf(params))) || !slices.Equal(file, save(t, o)) {
					t.Fatalf("%v at question %d: %d skipped, %d steps, %d calls, or something has changed", bad, question, o.Skipped(), o.Steps(), b.calls)
				}
			}
			step(9)
			if o.Steps() != 3 || o.Skipped() != 3 {
				t.Errorf("%d steps, %d skipped", o.Steps(), o.Skipped())
			}
		}
	}
	// Without the option they are data.
	params, grads := modelOf[float32](rand.New(rand.NewPCG(6, 4)), probeShapes, 0)
	o, err := New(probeRule[float32](), params, nil, OnNonFinite(Propagate))
	if err != nil {
		t.Fatal(err)
	}
	grads[1][0] = float32(math.NaN())
	wantError(t, o.StepWith(grads, Inputs[float32]{Closure: (&bowl[float32]{params: params}).closure}), "")
	if o.Steps() != 1 || o.Skipped() != 0 || params[1].Data[0] == params[1].Data[0] {
		t.Error("a NaN is no data")
	}
}

// productRule takes x <- x - H*g.
func productRule[T Float]() *Rule {
	r := bareRule[T](
		Stage{Probe: &Probe{Point: []Place{at(StreamX, 0, PerElem)}, Vector: []Place{at(StreamGrad, 0, PerElem)}, Out: ref(at(StreamScratch, 0, PerElem))}},
		Stage{Pass: &Pass{Domain: PerElem, Kernels: each(2, func(v []T) T { return v[0] - v[1] }), Streams: []Stream{updates(StreamX, 0), reads(StreamScratch, 0)}}},
	)
	r.Name, r.Probes, r.Scratch = "newton", true, []Extent{PerElem}
	return r
}

// TestProducts takes Hessian-vector products by differences and from the user.
func TestProducts(t *testing.T) {
	t.Run("float32", func(t *testing.T) { testProducts[float32](t, 1e-2) })
	t.Run("float64", func(t *testing.T) { testProducts[float64](t, 1e-7) })
}

func testProducts[T Float](t *testing.T, within float64) {
	params, grads := modelOf[T](rand.New(rand.NewPCG(8, 4)), [][]int{{}, {50}, {0}, {7, 9}}, 0)
	x, v := clone(dataOf(params)), clone(grads)
	o, err := New(productRule[T](), params, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &bowl[T]{params: params, spoil: nil}
	wantError(t, o.StepWith(grads, Inputs[T]{Closure: b.closure}), "")
	// By the formula, bit for bit.
	h := elem.DifferenceStep(x, v)
	above, below := cloneParams(params), cloneParams(params)
	scale := elem.Norm(x) + elem.Norm(v)
	for i := range x {
		elem.DifferencePoint(above[i].Data, x[i], v[i], h)
		elem.DifferencePoint(below[i].Data, x[i], v[i], -h)
	}
	ga, gb := clone(x), clone(x)
	(&bowl[T]{params: above}).closure(ga)
	(&bowl[T]{params: below}).closure(gb)
	for i := range x {
		elem.Difference(ga[i], ga[i], gb[i], h)
		for j := range x[i] {
			if got, want := float64(x[i][j]-params[i].Data[j]), 3*float64(v[i][j]); math.Abs(got-want) > within*scale {
				t.Fatalf("H v is %v, want %v", got, want)
			}
			x[i][j] -= ga[i][j]
		}
	}
	if !same(x, dataOf(params)) || b.calls != 2 {
		t.Fatalf("other bits than of the differences, or %d calls", b.calls)
	}
	zero := clone(grads)
	for i := range zero {
		clear(zero[i])
	}
	wantError(t, o.StepWith(zero, Inputs[T]{Closure: b.closure}), "")
	if !same(x, dataOf(params)) || b.calls != 2 {
		t.Errorf("the product with zero is not zero, or costs %d calls", b.calls-2)
	}
	testGivenProduct(t, params, grads)
}

func testGivenProduct[T Float](t *testing.T, params []Param[T], grads [][]T) {
	t.Helper()
	x := clone(dataOf(params))
	var fails error
	calls := 0
	o, err := New(productRule[T](), params, nil, OnNonFinite(Skip), HVP(func(v, hv [][]T) error {
		calls++
		if !same(x, dataOf(params)) || !same(v, grads) {
			t.Error("the product is asked for elsewhere")
		}
		for i := range v {
			for j := range v[i] {
				hv[i][j] = T(v[i][j] * 2)
			}
		}
		return fails
	}))
	if err != nil {
		t.Fatal(err)
	}
	never := func([][]T) (float64, error) { t.Error("the closure is called"); return 0, nil }
	fails = errModel
	err = o.StepWith(grads, Inputs[T]{Closure: never})
	if !errors.Is(err, errModel) || !strings.Contains(err.Error(), "newton: the Hessian-vector product failed") || !same(x, dataOf(params)) || o.Steps() != 0 {
		t.Errorf("%v, %d steps", err, o.Steps())
	}
	fails = nil
	wantError(t, o.StepWith(grads, Inputs[T]{Closure: never}), "")
	for i := range x {
		for j := range x[i] {
			x[i][j] -= T(grads[i][j] * 2)
		}
	}
	if !same(x, dataOf(params)) || calls != 2 {
		t.Errorf("other bits, or %d calls", calls)
	}
}

// TestWrongElementType gives an optimizer options of the other element type.
func TestWrongElementType(t *testing.T) {
	params, _ := modelOf[float32](rand.New(rand.NewPCG(8, 4)), [][]int{{3}}, 0)
	_, err := New(productRule[float32](), params, nil, HVP(func(v, hv [][]float64) error { return nil }))
	wantError(t, err, "newton: the product given by HVP has another element type")
	_, err = New(productRule[float32](), params, nil, Loaded(GivenValue[float64]{}))
	wantError(t, err, "newton: the constants given by Loaded have another element type")
	bad := productRule[float32]()
	bad.First = []Stage{{Array: &Array{New: product[float64](nil), In: []Place{at(StreamX, 0, PerElem), at(StreamX, 0, PerElem)},
		Out: at(StreamScratch, 0, PerElem), Dims: []Dims{{Rows, Cols}, {Rows, Cols}, {Rows, Cols}}}}}
	_, err = New(bad, params, nil)
	wantError(t, err, "newton: generated code is at fault, build it again: a whole-array operator is a func")
}

// givensRule has a given of every extent, and x <- x - all of them together.
func givensRule() *Rule {
	r := bareRule[float64](Stage{Pass: &Pass{
		Domain: PerElem,
		Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			x, e, r, c, load := Slice[float64](a, 0), Slice[float64](a, 1), Slice[float64](a, 2), Slice[float64](a, 3), Slice[float64](a, 4)
			for i := range x {
				x[i] -= e[i] + r[i]*10 + c[i]*100 + load[i]*1000
				for k := range 6 {
					x[i] -= Scalar[float64](a, k)
				}
			}
		}},
		Streams: []Stream{updates(StreamX, 0), reads(StreamGiven, 0), {Place: at(StreamGiven, 1, PerRow), Read: true},
			{Place: at(StreamGiven, 2, PerCol), Read: true}, reads(StreamGiven, 6)},
		Scalars: []Slot{{Extent: PerModel, Index: ModelFree}, {Extent: PerGroup, Index: GroupHypers}, tensorSlot(TensorFree),
			{Extent: PerModel, Index: ModelFree + 1}, {Extent: PerGroup, Index: GroupHypers + 1}, tensorSlot(TensorFree + 1)},
	}})
	r.Name = "given"
	r.Givens = []Given{{"e", PerElem, false}, {"r", PerRow, false}, {"c", PerCol, false}, {"m", PerModel, false}, {"g", PerGroup, false},
		{"p", PerTensor, false}, {"le", PerElem, true}, {"lm", PerModel, true}, {"lg", PerGroup, true}, {"lp", PerTensor, true}}
	r.GivenSlots = []int{0, 0, 0, ModelFree, GroupHypers, TensorFree, 0, ModelFree + 1, GroupHypers + 1, TensorFree + 1}
	return r
}

func TestGivens(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 4))
	shapes := [][]int{{2, 3}, {4}, {0}, {}}
	arrays := func(n ...int) (out [][]float64) {
		for _, k := range n {
			out = append(out, normal[float64](rng, k))
		}
		return out
	}
	build := func(loaded ...GivenValue[float64]) (*Optimizer[float64], [][]float64, error) {
		params, grads := modelOf[float64](rng, shapes, 0)
		o, err := New(givensRule(), params, nil, Group(Rank(1), nil), Loaded(loaded...))
		return o, grads, err
	}
	load := []GivenValue[float64]{{Arrays: arrays(6, 4, 0, 1)}, {Model: 5}, {Steps: []float64{6, 7}}, {Steps: []float64{1, 2, 3, 4}}}
	step := []GivenValue[float64]{{Arrays: arrays(6, 4, 0, 1)}, {Arrays: arrays(2, 1, 1, 1)}, {Arrays: arrays(3, 4, 0, 1)},
		{Model: 0.5}, {Steps: []float64{0.25, 0.125}}, {Steps: []float64{9, 8, 7, 6}}}
	o, grads, err := build(load...)
	if err != nil {
		t.Fatal(err)
	}
	want := clone(o.x)
	for i := range want {
		_, cols := matrix(shapes[i])
		g := o.groupOf[i]
		for j := range want[i] {
			want[i][j] -= step[0].Arrays[i][j] + step[1].Arrays[i][j/cols]*10 + step[2].Arrays[i][j%cols]*100 + load[0].Arrays[i][j]*1000
			for _, v := range []float64{0.5, step[4].Steps[g], step[5].Steps[i], 5, load[2].Steps[g], load[3].Steps[i]} {
				want[i][j] -= v
			}
		}
	}
	wantError(t, o.StepWith(grads, Inputs[float64]{Given: step}), "")
	if !same(want, o.x) {
		t.Errorf("x is %v, want %v", o.x, want)
	}
	testWrongGivens(t, o, grads, step)
	for n := range load {
		_, _, err := build(load[:n]...)
		wantError(t, err, fmt.Sprintf("given: the input %s is not given", []string{"le", "lm", "lg", "lp"}[n]))
	}
	_, _, err = build(append(slices.Clone(load), GivenValue[float64]{})...)
	wantError(t, err, "given: 5 inputs given, the rule has 4")
	wrong := slices.Clone(load)
	wrong[0] = GivenValue[float64]{Arrays: arrays(6, 4, 0, 2)}
	_, _, err = build(wrong...)
	wantError(t, err, "has 2 values, 1 are needed")
}

// testWrongGivens gives every input in every wrong size: each is refused before anything has changed.
func testWrongGivens(t *testing.T, o *Optimizer[float64], grads [][]float64, step []GivenValue[float64]) {
	t.Helper()
	before, frames := clone(o.x), clone(append(slices.Clone(o.tensors), o.model))
	try := func(values []GivenValue[float64], want string) {
		t.Helper()
		wantError(t, o.StepWith(grads, Inputs[float64]{Given: values}), want)
		if !same(before, o.x) || o.Steps() != 1 || !same(frames, append(slices.Clone(o.tensors), o.model)) {
			t.Fatalf("%s: something has changed", want)
		}
	}
	for n := range step {
		try(step[:n], "given: the input "+o.rule.Givens[n].Name+" is not given")
	}
	try(append(slices.Clone(step), GivenValue[float64]{}), "given: 7 inputs given, the rule has 6")
	for i, g := range o.rule.Givens[:6] {
		with := func(v GivenValue[float64]) []GivenValue[float64] {
			values := slices.Clone(step)
			values[3].Model = -77 // would be seen, were it taken before all is checked
			values[i] = v
			return values
		}
		switch {
		case g.Extent == PerModel:
		case !g.Extent.isArray():
			for _, n := range []int{0, len(step[i].Steps) - 1, len(step[i].Steps) + 1} {
				try(with(GivenValue[float64]{Steps: make([]float64, n)}), fmt.Sprintf("given: the input %s has %d values", g.Name, n))
			}
		default:
			try(with(GivenValue[float64]{Arrays: step[i].Arrays[:3]}), fmt.Sprintf("given: the input %s has 3 arrays, there are 4 parameters", g.Name))
			for k := range step[i].Arrays {
				for _, d := range []int{-1, 1} {
					n := len(step[i].Arrays[k]) + d
					if n < 0 {
						continue
					}
					wrong := slices.Clone(step[i].Arrays)
					wrong[k] = make([]float64, n)
					try(with(GivenValue[float64]{Arrays: wrong}), fmt.Sprintf("given: the input %s of %q has %d values", g.Name, o.params[k].Name, n))
				}
			}
		}
	}
}
