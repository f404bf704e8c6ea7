package runtime

import (
	"fmt"
	"math"
	"math/rand/v2"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

var biasGroup = Named("*.bias")

func TestAdamMatchesReference(t *testing.T) {
	t.Run("float32", testAdam[float32])
	t.Run("float64", testAdam[float64])
}

func testAdam[T Float](t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	params := testParams[T](rng, testShapes)
	x, m := clone(dataOf(params)), make([][]T, len(params))
	for i := range m {
		m[i] = make([]T, len(x[i]))
	}
	v := clone(m)
	hypers := [][]float64{{0.01, 0.9, 0.999, 1e-8}, {0.5, 0, 0.99, 1e-3}}
	o, err := New(adam[T](), params, nil, Group(biasGroup, hypers[1]), Workers(3))
	if err != nil {
		t.Fatal(err)
	}
	groupOf := make([]int, len(params))
	for i, p := range params {
		if strings.HasSuffix(p.Name, ".bias") {
			groupOf[i] = 1
		}
		if o.GroupOf(i) != groupOf[i] {
			t.Fatalf("%s is in group %d", p.Name, o.GroupOf(i))
		}
	}
	for step := 1; step <= 5; step++ {
		grads := testGrads(rng, params)
		hypers[0][0] /= 2
		if err := o.SetHyper(0, "lr", hypers[0][0]); err != nil {
			t.Fatal(err)
		}
		adamReference(x, m, v, grads, groupOf, hypers, step)
		if err := o.Step(grads, math.NaN()); err != nil {
			t.Fatal(err)
		}
		if !same(x, dataOf(params)) || !same(m, o.states[0]) || !same(v, o.states[1]) {
			t.Fatalf("step %d differs from the reference", step)
		}
	}
	if o.Steps() != 5 || o.StateBytes() != 2*len(slices.Concat(x...))*sizeof[T]() {
		t.Errorf("%d steps, %d bytes", o.Steps(), o.StateBytes())
	}
}

func sizeof[T Float]() int { return SplatBytes / splatLanes[T]() }

func TestTrustMatchesReference(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		t.Run(fmt.Sprint("float32 ", workers), func(t *testing.T) { testTrust[float32](t, workers) })
		t.Run(fmt.Sprint("float64 ", workers), func(t *testing.T) { testTrust[float64](t, workers) })
	}
}

func testTrust[T Float](t *testing.T, workers int) {
	rng := rand.New(rand.NewPCG(3, 4))
	params := testParams[T](rng, testShapes)
	// Group 0 stays empty: it may not touch any fold.
	options := []Option{Group(biasGroup, []float64{0.125}), Group(Rank(2), []float64{0.25}), Group(Named("*"), nil), Workers(workers)}
	o, err := New(trust[T](), params, nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	r := newTrustReference(params, o.groupOf, []float64{0.01, 0.125, 0.25, 0.01})
	if at, err := o.EvalParams(); err != nil || !same(at, r.x) {
		t.Fatalf("before the first step the model is not evaluated at x: %v", err)
	}
	for step := 1; step <= 6; step++ {
		grads, loss := testGrads(rng, params), rng.Float64()
		switch step {
		case 4:
			grads[1][0], grads[8][70], grads[9][100001] = T(math.Copysign(0, -1)), 5e-324, 1e-40
		case 6:
			grads[9][100000], grads[4][5] = T(math.NaN()), T(math.Inf(-1))
		}
		r.step(grads, loss, step)
		if err := o.Step(grads, loss); err != nil {
			t.Fatal(err)
		}
		at, err := o.EvalParams()
		if err != nil {
			t.Fatal(err)
		}
		if !same(r.x, dataOf(params)) || !same(r.m, o.states[0]) || !same(r.a, o.states[4]) || !same(r.eval(step), at) {
			t.Fatalf("step %d differs from the reference", step)
		}
	}
	scalars := len(params) + 4 + 1
	if want := 8*scalars + 2*len(slices.Concat(r.x...))*sizeof[T](); o.StateBytes() != want {
		t.Errorf("%d state bytes, want %d", o.StateBytes(), want)
	}
}

func newTrustReference[T Float](params []Param[T], groupOf []int, lr []float64) *trustReference[T] {
	r := &trustReference[T]{x: clone(dataOf(params)), groupOf: groupOf, lr: lr, peak: 1}
	for i, p := range params {
		r.m = append(r.m, make([]T, len(r.x[i])))
		r.a = append(r.a, slices.Repeat([]T{0.5}, len(r.x[i])))
		r.shapes = append(r.shapes, p.Shape)
	}
	r.mean = make([]float64, len(params))
	r.ema = slices.Repeat([]float64{0.25}, len(lr))
	return r
}

func TestEmptyModel(t *testing.T) {
	params := testParams[float32](rand.New(rand.NewPCG(1, 1)), [][]int{{0}, {3, 0}, {0, math.MaxInt, math.MaxInt >> 3}})
	o, err := New(trust[float32](), params[:2], nil, Workers(4))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Step([][]float32{nil, {}}, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := New(trust[float32](), params, nil); err == nil || !strings.Contains(err.Error(), "than memory can hold") {
		t.Errorf("a shape beyond all memory: %v", err)
	}
}

func TestNewErrors(t *testing.T) {
	data := make([]float32, 10)
	ok := []Param[float32]{{"w", []int{2, 3}, data[:6]}, {"b", []int{4}, data[6:]}}
	with := func(p Param[float32]) []Param[float32] { return []Param[float32]{ok[0], p} }
	rule := adam[float32]()
	rule.Hypers = append(rule.Hypers, Hyper{Name: "every", Default: 1, Lo: 1, Hi: math.Inf(1), OpenHi: true, Integer: true},
		Hyper{Name: "limit", Default: 1, Lo: -2, Hi: math.Inf(1)})
	rule.GroupSlots += 2
	hypers := func(i int, v float64) []float64 {
		h := rule.defaults()
		h[i] = v
		return h
	}
	broken := adam[float32]()
	broken.Later = []Stage{{}}
	cases := []struct {
		name   string
		rule   *Rule
		params []Param[float32]
		hyper  []float64
		opts   []Option
		want   string
	}{
		{"rule", nil, ok, nil, nil, "no rule given"},
		{"plan", broken, ok, nil, nil, "adam: generated code is at fault, build it again: stage 0: nothing to do"},
		{"none", rule, nil, nil, nil, "adam: no parameters"},
		{"length", rule, with(Param[float32]{"v", []int{2, 3}, data[:5]}), nil, nil, `adam: param "v": shape [2 3] has 6 elements, data has 5`},
		{"nil data", rule, with(Param[float32]{"v", []int{}, nil}), nil, nil, `adam: param "v": shape [] has 1 elements, data has 0`},
		{"negative", rule, with(Param[float32]{"v", []int{2, -3}, nil}), nil, nil, `adam: param "v": shape [2 -3] has a negative dimension`},
		{"overflow", rule, with(Param[float32]{"v", []int{math.MaxInt/2 + 1, 4}, nil}), nil, nil, "has more elements than memory can hold"},
		{"no name", rule, with(Param[float32]{"", []int{}, data[6:7]}), nil, nil, `adam: param 1: the name "" is empty or no UTF-8: checkpoints and groups need one`},
		{"bad name", rule, with(Param[float32]{"\xff", []int{}, data[6:7]}), nil, nil, `adam: param 1: the name "\xff" is empty`},
		{"twice", rule, with(Param[float32]{"w", []int{}, data[6:7]}), nil, nil, `adam: params 0 and 1 are both named "w": each needs a name of its own`},
		{"overlap", rule, with(Param[float32]{"v", []int{}, data[5:6]}), nil, nil, `adam: params "w" and "v" overlap in memory: each needs a slice of its own`},
		{"equal", rule, with(Param[float32]{"v", []int{6}, data[:6]}), nil, nil, `overlap in memory: each needs a slice of its own`},
		{"hyper count", rule, ok, []float64{1}, nil, "adam: group 0: 1 hyperparameters given, there are 6: lr, beta1, beta2, eps, every, limit"},
		{"lr", rule, ok, hypers(0, -1), nil, "adam: group 0: lr = -1 is outside (0, inf)"},
		{"open", rule, ok, hypers(0, 0), nil, "adam: group 0: lr = 0 is outside (0, inf)"},
		{"inf", rule, ok, hypers(0, math.Inf(1)), nil, "adam: group 0: lr = inf is outside (0, inf)"},
		{"NaN", rule, ok, hypers(0, math.NaN()), nil, "adam: group 0: lr = NaN is outside (0, inf)"},
		{"half open", rule, ok, hypers(1, 1), nil, "adam: group 0: beta1 = 1 is outside [0, 1)"},
		{"-inf", rule, ok, hypers(5, math.Inf(-1)), nil, "adam: group 0: limit = -inf is outside [-2, inf]"},
		{"integer", rule, ok, hypers(4, 2.5), nil, "adam: group 0: every must be a whole number in 1..inf, not 2.5"},
		{"integer range", rule, ok, hypers(4, 0), nil, "adam: group 0: every = 0 is outside 1..inf"},
		{"group", rule, ok, nil, []Option{Group(Rank(1), hypers(0, -2))}, "adam: group 1: lr = -2 is outside (0, inf)"},
		{"empty group", rule, ok, nil, []Option{Group(Rank(1), nil), Group(Rank(1, 7), nil)}, "adam: group 2 takes no parameter"},
		{"workers", rule, ok, nil, []Option{Workers(-2)}, "adam: -2 workers: give 0 for all processors, or at least 1"},
		{"engine", rule, ok, nil, []Option{UseEngine(77)}, "adam: this CPU lacks the engine engine(77)"},
		{"fine", rule, ok, hypers(5, math.Inf(1)), []Option{Group(Rank(1), hypers(4, 7))}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(c.rule, c.params, c.hyper, c.opts...)
			wantError(t, err, c.want)
		})
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("unexpected error: %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")):
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestPlanErrors(t *testing.T) {
	pass := func(edit func(*Rule, *Pass)) *Rule {
		r := adam[float64]()
		p := *r.First[1].Pass
		edit(r, &p)
		r.First = []Stage{{Pass: &p}}
		return r
	}
	bad := Slot{Extent: PerTensor, Index: TensorFree}
	rules := []*Rule{
		pass(func(_ *Rule, p *Pass) { p.Kernels[Go] = nil }),
		pass(func(_ *Rule, p *Pass) { p.Streams = make([]Stream, MaxStreams+1) }),
		pass(func(_ *Rule, p *Pass) { p.Streams = []Stream{reads(StreamState, 2)} }),
		pass(func(_ *Rule, p *Pass) { p.Streams = []Stream{reads(StreamEval, 0)} }),
		pass(func(r *Rule, p *Pass) { r.ReadsGrad = false }),
		pass(func(r *Rule, p *Pass) { r.Eval = []Stage{{Pass: p}} }),
		pass(func(_ *Rule, p *Pass) { p.Scalars = []Slot{bad} }),
		pass(func(_ *Rule, p *Pass) { p.Scalars = []Slot{{Extent: PerElem}} }),
		pass(func(_ *Rule, p *Pass) { p.Reductions = []Reduction{{To: Slot{Extent: PerGroup, Index: -1}}} }),
		pass(func(_ *Rule, p *Pass) { p.Reductions = []Reduction{{To: Slot{}}} }),
		pass(func(r *Rule, _ *Pass) { r.States[0] = State{Name: "s", Extent: PerModel, Slot: ModelFree} }),
		pass(func(r *Rule, _ *Pass) { r.GroupSlots = 3 }),
		pass(func(r *Rule, _ *Pass) {
			r.Later = []Stage{{Fold: fold(elem.ReduceSum, Slot{Extent: PerModel}, Slot{Extent: PerModel})}}
		}),
		pass(func(r *Rule, _ *Pass) {
			r.Later = []Stage{{Fold: fold(elem.ReduceSum, Slot{Extent: PerModel}, bad)}}
		}),
	}
	for i, r := range rules {
		if _, err := New(r, testParams[float64](rand.New(rand.NewPCG(1, 1)), [][]int{{2}}), nil); err == nil ||
			!strings.Contains(err.Error(), "generated code is at fault") {
			t.Errorf("plan %d: %v", i, err)
		}
	}
}

func TestStepErrors(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	params := testParams[float32](rng, [][]int{{2, 3}, {4}, {0}})
	a, b := params[0].Name, params[1].Name
	o, err := New(adam[float32](), params, nil)
	if err != nil {
		t.Fatal(err)
	}
	good := testGrads(rng, params)
	if err := o.Step(good, 0); err != nil {
		t.Fatal(err)
	}
	joint := make([]float32, 9)
	cases := []struct {
		grads [][]float32
		want  string
	}{
		{nil, "adam: 0 gradients given, there are 3 parameters"},
		{good[:2], "adam: 2 gradients given, there are 3 parameters"},
		{[][]float32{good[0], nil, nil}, fmt.Sprintf("adam: the gradient of %q is nil: 4 elements are needed", b)},
		{[][]float32{good[0][:5], good[1], nil}, fmt.Sprintf("adam: the gradient of %q has 5 elements, the parameter has 6", a)},
		{[][]float32{params[0].Data, good[1], nil}, fmt.Sprintf("%q overlap in memory: each needs a slice of its own", a)},
		{[][]float32{good[0], params[0].Data[2:], nil}, "overlap in memory"},
		{[][]float32{joint[:6], joint[5:], nil}, fmt.Sprintf("adam: the gradient of %q and the gradient of %q overlap in memory", a, b)},
		{[][]float32{good[0], good[0][:4], good[0][:0]}, "overlap in memory"},
	}
	before, states := clone(dataOf(params)), clone(o.states[1])
	for _, c := range cases {
		for range 2 { // what was refused once is refused again
			wantError(t, o.Step(c.grads, 0), c.want)
		}
		if !same(before, dataOf(params)) || !same(states, o.states[1]) || o.Steps() != 1 {
			t.Fatalf("%s: something has changed", c.want)
		}
	}
	for _, grads := range [][][]float32{good, {good[0], joint[:4], nil}, {joint[:6], good[1], nil}, {make([]float32, 6), make([]float32, 4), {}}} {
		wantError(t, o.Step(grads, 0), "")
	}
}

func TestRuleWithoutGradient(t *testing.T) {
	rule := &Rule{
		Name: "shrink", ElemBytes: 8, ModelSlots: ModelFree, GroupSlots: GroupHypers, TensorSlots: TensorFree,
		First: []Stage{{Pass: &Pass{
			Domain: PerElem,
			Kernels: [NumEngines]Kernel{Go: func(a *Args) {
				for i, x := range Slice[float64](a, 0) {
					Slice[float64](a, 0)[i] = x / 2
				}
			}},
			Streams: []Stream{updates(StreamX, 0)},
		}}},
	}
	params := []Param[float64]{{"x", nil, []float64{8}}}
	o, err := New(rule, params, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, o.Step(nil, 0), "")
	wantError(t, o.Step(nil, 0), "")
	wantError(t, o.Step([][]float64{}, 0), "shrink: 0 gradients given")
	wantError(t, o.SetHyper(0, "lr", 1), `shrink: no hyperparameter "lr": there are none`)
	if params[0].Data[0] != 4 {
		t.Errorf("x = %g after a first step that halves and a second one that does nothing", params[0].Data[0])
	}
}

func TestHypers(t *testing.T) {
	params := testParams[float32](rand.New(rand.NewPCG(1, 1)), [][]int{{2, 3}, {4}})
	o, err := New(adam[float32](), params, []float64{1, 0, 0, 1}, Group(Rank(1), nil))
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, o.SetHyper(1, "lr", -1), "adam: group 1: lr = -1 is outside (0, inf)")
	wantError(t, o.SetHyper(2, "lr", 1), "adam: no group 2: there are 2, counted from 0")
	wantError(t, o.SetHyper(-1, "lr", 1), "adam: no group -1")
	wantError(t, o.SetHyper(0, "rate", 1), `adam: no hyperparameter "rate": there are lr, beta1, beta2, eps`)
	wantError(t, o.SetHypers(0, []float64{5, 5, 0, 1}), "adam: group 0: beta1 = 5 is outside [0, 1)")
	wantError(t, o.SetHypers(0, nil), "adam: group 0: 0 hyperparameters given, there are 4")
	wantError(t, o.SetHyper(1, "lr", 3), "")
	wantError(t, o.SetHypers(0, []float64{2, 0.5, 0, 1}), "")
	for g, want := range [][]float64{{2, 0.5, 0, 1}, {3, 0, 0, 1}} {
		got, err := o.Hypers(g)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("group %d: %v, want %v (%v)", g, got, want, err)
		}
	}
	if _, err := o.Hypers(7); err == nil || o.Groups() != 2 {
		t.Errorf("group 7 of %d has hyperparameters", o.Groups())
	}
}

func TestNamed(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "a/b.c", true}, {"a", "a", true}, {"a", "ab", false},
		{"*.bias", "l1/x.bias", true}, {"*.bias", ".bias", true}, {"*.bias", "bias", false}, {"*.bias", "x.bias2", false},
		{"l*.w", "l.w", true}, {"l*.w", "lw", false}, {"a*a", "a", false}, {"a*a", "aa", true}, {"a*b*c", "axbxbxc", true},
		{"a*b*c", "acb", false}, {"*b*b*", "ab", false}, {"*b*b*", "abab", true}, {"[a]", "a", false}, {"[a]?", "[a]?", true},
		{"*ab", "aab", true}, {"a**b", "ab", true}, {"*a*ab", "aab", true}, {"*é", "né", true},
	} {
		if got := Named("never", c.pattern)(c.name, nil); got != c.want {
			t.Errorf("%q fits %q: %v", c.pattern, c.name, got)
		}
	}
}

func TestEngines(t *testing.T) {
	for e := Engine(0); e < NumEngines; e++ {
		if got, err := ParseEngine(e.String()); err != nil || got != e {
			t.Errorf("%s reads as %s (%v)", e, got, err)
		}
	}
	if Has(AVX512) && !Has(AVX2) || !Has(Go) || Has(NumEngines) {
		t.Error("engines do not include the slower ones")
	}
	var calls [NumEngines]atomic.Int64
	rule := adam[float32]()
	kernel := rule.Later[1].Pass.Kernels[Go]
	counted := func(e Engine) Kernel { return func(a *Args) { calls[e].Add(1); kernel(a) } }
	pass := rule.Later[1].Pass
	run := func(env string, opts ...Option) (Engine, error) {
		t.Setenv(EngineVariable, env)
		params := testParams[float32](rand.New(rand.NewPCG(1, 1)), [][]int{{200}})
		o, err := New(rule, params, nil, opts...)
		if err != nil {
			return 0, err
		}
		before := calls[o.Engine()].Load()
		if err := o.Step(testGrads(rand.New(rand.NewPCG(1, 1)), params), 0); err != nil {
			t.Fatal(err)
		}
		if calls[o.Engine()].Load() != before+1 {
			t.Errorf("engine %s did not run", o.Engine())
		}
		return o.Engine(), nil
	}
	want := func(env string, want Engine, opts ...Option) {
		t.Helper()
		got, err := run(env, opts...)
		if Has(want) && (err != nil || got != want) || !Has(want) && (err == nil || !strings.Contains(err.Error(), "this CPU lacks the engine "+want.String())) {
			t.Errorf("%s=%s runs %s, want %s (%v)", EngineVariable, env, got, want, err)
		}
	}
	pass.Kernels = [NumEngines]Kernel{counted(Go), counted(AVX2), counted(AVX512), counted(NEON)}
	want("", fastest())
	want("go", Go)
	want("avx2", AVX2)
	want("avx512", AVX512)
	want("neon", NEON)
	want("", Go, UseEngine(Go))
	want("avx512", AVX512, UseEngine(Go))
	want("go", Go, UseEngine(AVX2))
	_, err := run("sse9", UseEngine(Go))
	wantError(t, err, `adam: OPTRT_ENGINE: unknown engine "sse9": go, avx2, avx512 and neon are known`)
	if slower := fastest(); slower > Go {
		for pass.Kernels[slower] = nil; pass.Kernels[slower] == nil || !Has(slower); slower-- {
		}
		want("", slower)
	}
	pass.Kernels = [NumEngines]Kernel{Go: counted(Go)}
	want("", Go)
}

func TestMisuseByTwoGoroutines(t *testing.T) {
	entered, resume := make(chan struct{}), make(chan struct{})
	rule := adam[float32]()
	kernel := rule.Later[1].Pass.Kernels[Go]
	rule.Later[1].Pass.Kernels[Go] = func(a *Args) {
		entered <- struct{}{}
		<-resume
		kernel(a)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	params := testParams[float32](rng, [][]int{{2, 3}})
	grads := testGrads(rng, params)
	o, err := New(rule, params, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- o.Step(grads, 0) }()
	<-entered
	const want = "adam: two goroutines use this optimizer at once, or a closure within its step"
	_, evalErr := o.EvalParams()
	_, hyperErr := o.Hypers(0)
	for _, err := range []error{o.Step(grads, 0), o.SetHyper(0, "lr", 1), o.SetHypers(0, nil), o.State(nil), o.LoadState(nil), evalErr, hyperErr} {
		wantError(t, err, want)
	}
	close(resume)
	wantError(t, <-done, "")
	go func() { <-entered }()
	wantError(t, o.Step(grads, 0), "")
}

func TestManyOptimizersAtOnce(t *testing.T) {
	const optimizers, steps = 6, 4
	results := make([][][]float32, optimizers)
	var all sync.WaitGroup
	for i := range optimizers {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(7, 7))
			params := testParams[float32](rng, [][]int{{300000}, {17}, {50, 40}})
			o, err := New(trust[float32](), params, nil, Workers(1+i))
			if err != nil {
				t.Error(err)
				return
			}
			for range steps {
				if err := o.Step(testGrads(rng, params), 1); err != nil {
					t.Error(err)
				}
			}
			results[i] = dataOf(params)
		})
	}
	all.Wait()
	for i := range results {
		if !same(results[0], results[i]) {
			t.Errorf("with %d workers other bits than with 1", i+1)
		}
	}
}

func TestPanicInKernel(t *testing.T) {
	rule := adam[float32]()
	kernel := rule.Later[1].Pass.Kernels[Go]
	var fuse atomic.Int64
	rule.Later[1].Pass.Kernels[Go] = func(a *Args) {
		if fuse.Add(-1) == 0 {
			panic("kernel")
		}
		kernel(a)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	params := testParams[float32](rng, [][]int{{10 * chunkElements}})
	grads := testGrads(rng, params)
	for _, workers := range []int{1, 5} {
		o, err := New(rule, params, nil, Workers(workers))
		if err != nil {
			t.Fatal(err)
		}
		for at := range 12 {
			fuse.Store(int64(at))
			caught := func() (caught any) {
				defer func() { caught = recover() }()
				return o.Step(grads, 0)
			}()
			if want := at >= 1 && at <= 10; (caught == "kernel") != want {
				t.Fatalf("panic at chunk %d: %v", at, caught)
			}
		}
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	shapes := append(slices.Repeat([][]int{{16}}, 300), []int{500, 700})
	for name, build := range map[string]func() *Rule{"adam": adam[float32], "trust without kernels": bareTrust} {
		for _, workers := range []int{1, 5} {
			rng := rand.New(rand.NewPCG(1, 1))
			params := testParams[float32](rng, shapes)
			grads := [][][]float32{testGrads(rng, params), testGrads(rng, params)}
			o, err := New(build(), params, nil, Workers(workers), Group(Rank(2), nil))
			if err != nil {
				t.Fatal(err)
			}
			step, failed := 0, error(nil)
			run := func() {
				if err := o.Step(grads[step%2], 1); err != nil {
					failed = err
				}
				step++
			}
			for range 20 {
				run()
			}
			before := goruntime.NumGoroutine()
			if n := testing.AllocsPerRun(50, run); n != 0 {
				t.Errorf("%s, %d workers: %g allocations a step", name, workers, n)
			}
			if after := goruntime.NumGoroutine(); after != before || failed != nil {
				t.Errorf("%s, %d workers: %d goroutines became %d (%v)", name, workers, before, after, failed)
			}
		}
	}
}

// bareTrust is trust with kernels that do nothing, because those of the test allocate.
func bareTrust() *Rule {
	rule := trust[float32]()
	for _, s := range slices.Concat(rule.First, rule.Later) {
		if s.Pass != nil {
			s.Pass.Kernels[Go] = func(*Args) {}
		}
	}
	return rule
}

// TestEveryElementOnce steps many sizes with a kernel that counts and checks its arguments.
func TestEveryElementOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	for range 40 {
		shapes := make([][]int, 1+rng.IntN(60))
		for i := range shapes {
			shapes[i] = []int{int(math.Exp(rng.Float64()*12)) - 1}
		}
		params := testParams[float32](rng, shapes)
		rule := adam[float32]()
		rule.Later[1].Pass.Kernels[Go] = func(a *Args) {
			if a.N < 1 || a.N > chunkElements {
				t.Errorf("%d elements", a.N)
			}
			for i := range Slice[float32](a, 2) {
				Slice[float32](a, 2)[i]++
			}
		}
		o, err := New(rule, params, nil, Workers(1+rng.IntN(4)))
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Step(testGrads(rng, params), 0); err != nil {
			t.Fatal(err)
		}
		for i, m := range o.states[0] {
			if slices.ContainsFunc(m, func(v float32) bool { return v != 1 }) {
				t.Fatalf("shape %v: not every element once", shapes[i])
			}
		}
	}
}

// TestClearGrad: where no pass has written the gradient, of a skipped step and of blocks, the optimizer clears it; after an
// error, and by a rule that does not say so, it stays.
func TestClearGrad(t *testing.T) {
	for _, clears := range []bool{true, false} {
		rule := adam[float32]()
		rule.ClearsGrad = clears
		for _, c := range []struct {
			first float32
			opts  []Option
			n     int
			left  bool // whatever the rule says
		}{
			{float32(math.NaN()), []Option{OnNonFinite(Skip)}, 12, false},
			{1, []Option{Blocks(2)}, 12, false},
			{1, []Option{Blocks(2)}, 11, true}, // too short: an error
		} {
			o, err := New(rule, []Param[float32]{{Name: "w", Shape: []int{3, 4}, Data: make([]float32, 12)}}, []float64{0.1, 0.9, 0.99, 1e-8}, c.opts...)
			if err != nil {
				t.Fatal(err)
			}
			g := [][]float32{make([]float32, c.n)}
			for i := range g[0] {
				g[0][i] = 1
			}
			g[0][0] = c.first
			if err := o.Step(g, 0); (err != nil) != c.left {
				t.Fatal(err)
			}
			if cleared := g[0][0] == 0 && g[0][1] == 0; cleared != (clears && !c.left) {
				t.Errorf("clears %v, first %v, %d values: %v is left", clears, c.first, c.n, g[0])
			}
		}
	}
}
