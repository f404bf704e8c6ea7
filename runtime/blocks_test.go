package runtime

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/runtime/elem"
)

// Twin is a model whose matrices were cut into parameters of their own, element by element.
type Twin[T Float] struct {
	Params []Param[T]
	Of     []int   // by piece: the parameter that it is of
	index  [][]int // by piece: the elements that it has of it
	sizes  []int
}

// NewTwin cuts params into pieces of at most n x n, those of one row of pieces after each other. Their names end as the
// parameters' do.
func NewTwin[T Float](params []Param[T], n int) *Twin[T] {
	w := new(Twin[T])
	for k, p := range params {
		w.sizes = append(w.sizes, len(p.Data))
		rows, cols := 1, len(p.Data)
		if len(p.Shape) >= 2 {
			rows, cols = p.Shape[0], 1
			for _, d := range p.Shape[1:] {
				cols *= d
			}
		}
		if len(p.Shape) < 2 || rows <= n && cols <= n {
			every := make([]int, len(p.Data))
			for i := range every {
				every[i] = i
			}
			w.add(k, Param[T]{p.Name, p.Shape, slices.Clone(p.Data)}, every)
			continue
		}
		for top := 0; top == 0 || top < rows; top += n {
			for left := 0; left == 0 || left < cols; left += n {
				var which []int
				for r := top; r < min(top+n, rows); r++ {
					for c := left; c < min(left+n, cols); c++ {
						which = append(which, r*cols+c)
					}
				}
				shape := append([]int{min(n, rows-top), min(n, cols-left)}, slices.Repeat([]int{1}, len(p.Shape)-2)...)
				data := make([]T, len(which))
				for i, e := range which {
					data[i] = p.Data[e]
				}
				w.add(k, Param[T]{fmt.Sprintf("%d.%d.%s", top, left, p.Name), shape, data}, which)
			}
		}
	}
	return w
}

func (w *Twin[T]) add(param int, p Param[T], index []int) {
	w.Of, w.Params, w.index = append(w.Of, param), append(w.Params, p), append(w.index, index)
}

// Cut is arrays of the parameters' shapes by piece.
func (w *Twin[T]) Cut(arrays [][]T) [][]T {
	out := make([][]T, len(w.Of))
	for i, k := range w.Of {
		out[i] = make([]T, len(w.index[i]))
		for j, e := range w.index[i] {
			out[i][j] = arrays[k][e]
		}
	}
	return out
}

// Join is arrays by piece in the parameters' shapes.
func (w *Twin[T]) Join(pieces [][]T) [][]T {
	out := make([][]T, len(w.sizes))
	for k, n := range w.sizes {
		out[k] = make([]T, n)
	}
	for i, k := range w.Of {
		for j, e := range w.index[i] {
			out[k][e] = pieces[i][j]
		}
	}
	return out
}

// mixed is a model in which every element of a gradient depends on another element, and the loss on all.
func mixed[T Float](x, grads [][]T) float64 {
	loss := 0.0
	for i, u := range x {
		for j := range u {
			grads[i][j] = T(3*u[j]) - T(u[(j+1)%len(u)]/8) - 1
			loss += float64(grads[i][j])
		}
	}
	return loss
}

// closures are the mixed model for an optimizer over params, and for its twin.
func closures[T Float](params []Param[T], w *Twin[T]) (own, twin Closure[T]) {
	own = func(grads [][]T) (float64, error) { return mixed(dataOf(params), grads), nil }
	twin = func(grads [][]T) (float64, error) {
		x := w.Join(dataOf(w.Params))
		g := clone(x)
		loss := mixed(x, g)
		for i, u := range w.Cut(g) {
			copy(grads[i], u)
		}
		return loss, nil
	}
	return own, twin
}

// blockRules are the rules of the other tests.
func blockRules[T Float]() map[string]func() *Rule {
	rules := map[string]func() *Rule{
		"adam": adam[T], "trust": trust[T], "probes": probeRule[T], "product": productRule[T],
		"lines":  func() *Rule { return linesRule[T](elem.ReduceSum) },
		"arrays": func() *Rule { return arraysRule[T](new(atomic.Int64)) },
		"draws": func() *Rule {
			r := narrowRule[T]("", false)
			r.Draws = true
			r.StepDraws = []StepDraw{{"normal", 3, tensorSlot(TensorFree)}, {"uniform", 4, Slot{Extent: PerGroup, Index: GroupHypers}}}
			return r
		},
	}
	for _, f := range append(slices.Clone(formats), "") {
		rules["narrow "+f] = func() *Rule { return narrowRule[T](f, f != "") }
		rules["rotate "+f] = func() *Rule { return rotateRule[T](f) }
	}
	if sizeof[T]() == 8 {
		rules["order"] = orderRule
	} else {
		rules["states"] = statesRule
	}
	return rules
}

// TestBlocksMatchCutParameters holds every rule with Blocks to the bits of the same rule over parameters cut beforehand.
func TestBlocksMatchCutParameters(t *testing.T) {
	t.Run("float32", testBlocks[float32])
	t.Run("float64", testBlocks[float64])
}

func testBlocks[T Float](t *testing.T) {
	for name, rule := range blockRules[T]() {
		t.Run(name, func(t *testing.T) {
			seeds := uint64(6)
			if testing.Short() {
				seeds = 3
			}
			for seed := range seeds {
				rng := rand.New(rand.NewPCG(seed, 77))
				shapes, n := randomShapes(rng), 1+rng.IntN(12)
				if seed == 0 { // several chunks and windows in a block; exact multiples
					shapes, n = [][]int{{40, 60}, {7}, {31, 5, 7}, {3, 90}, {}}, 30
					if slices.Contains([]string{"adam", "trust", "lines", "narrow q8", "probes"}, name) {
						shapes, n = [][]int{{400, 300}, {7}, {310, 5, 7}, {3, 600}, {}}, 300
					}
				}
				for _, workers := range []int{1, 5} {
					compareWithTwin[T](t, rule, shapes, n, workers, seed)
				}
			}
		})
	}
}

// randomShapes has every rank to 4, empty axes, and at least one matrix that every size to 12 cuts.
func randomShapes(rng *rand.Rand) [][]int {
	shapes := [][]int{{13 + rng.IntN(30), 1 + rng.IntN(40)}, {24, 36}, {5, 0, 20}, {0, 30}, {30, 0}, {40}}
	for range 5 {
		shape := make([]int, rng.IntN(5))
		for i := range shape {
			shape[i] = []int{rng.IntN(6), 1 + rng.IntN(9), 12}[rng.IntN(3)]
		}
		shapes = append(shapes, shape)
	}
	rng.Shuffle(len(shapes), func(i, j int) { shapes[i], shapes[j] = shapes[j], shapes[i] })
	return shapes
}

func compareWithTwin[T Float](t *testing.T, build func() *Rule, shapes [][]int, n, workers int, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 78))
	params, grads := modelOf[T](rng, shapes, []int{0, 60}[seed%2])
	w := NewTwin(params, n)
	o := mustNew(t, build(), params, Blocks(n), Workers(workers), Seed(seed))
	p := mustNew(t, build(), w.Params, Seed(seed), Workers(1))
	own, twin := closures(params, w)
	for step := 1; step <= 3; step++ {
		for i := range grads {
			randrule.Fill(rng, grads[i], 0)
		}
		if step == 3 { // the user changes the parameters in between
			for i := range params {
				for j := range params[i].Data {
					params[i].Data[j] /= 2
				}
			}
			for i, u := range w.Cut(dataOf(params)) {
				copy(w.Params[i].Data, u)
			}
		}
		before := clone(grads)
		wantError(t, o.StepWith(grads, Inputs[T]{Loss: 1.5, Closure: own}), "")
		wantError(t, p.StepWith(w.Cut(grads), Inputs[T]{Loss: 1.5, Closure: twin}), "")
		if !same(before, grads) {
			t.Fatalf("shapes %v, n %d: the gradients have changed", shapes, n)
		}
		sameAsTwin(t, o, p, w, fmt.Sprintf("shapes %v, n %d, %d workers, step %d", shapes, n, workers, step))
	}
}

// sameAsTwin compares all that users see, and all frames and arrays.
func sameAsTwin[T Float](t *testing.T, o, p *Optimizer[T], w *Twin[T], what string) {
	t.Helper()
	x, errX := o.Values()
	a, errA := o.EvalParams()
	b, errB := p.EvalParams()
	if err := errors.Join(errX, errA, errB); err != nil {
		t.Fatal(err)
	}
	if !same(w.Join(dataOf(w.Params)), x) || !same(x, o.whole) {
		t.Fatalf("%s: x differs", what)
	}
	if !same(a, w.Join(b)) {
		t.Fatalf("%s: the points of evaluation differ", what)
	}
	if !same(append(o.groups, o.model), append(p.groups, p.model)) || !same(o.tensors, p.tensors) {
		t.Fatalf("%s: frames differ", what)
	}
	for i, s := range o.rule.States {
		if !same(o.states[i], p.states[i]) {
			t.Fatalf("%s: state %s differs", what, s.Name)
		}
		v, errV := o.StateValue(s.Name)
		u, errU := p.StateValue(s.Name)
		if s.Extent == PerElem {
			u.Arrays = w.Join(u.Arrays)
		}
		if errV != nil || errU != nil || !same(v.Arrays, u.Arrays) || !same([][]float64{v.Steps, {v.Model}}, [][]float64{u.Steps, {u.Model}}) {
			t.Fatalf("%s: the value of state %s differs (%v, %v)", what, s.Name, errV, errU)
		}
	}
	for i, param := range w.Of {
		if o.GroupOf(param) != p.GroupOf(i) {
			t.Fatalf("%s: groups differ", what)
		}
	}
	if o.StateBytes() != p.StateBytes() || o.Steps() != p.Steps() {
		t.Fatalf("%s: %d bytes, %d steps; the twin has %d and %d", what, o.StateBytes(), o.Steps(), p.StateBytes(), p.Steps())
	}
}

// TestBlocksOfAnUncutModel holds an option without effect to have none.
func TestBlocksOfAnUncutModel(t *testing.T) {
	params, grads := modelOf[float32](rand.New(rand.NewPCG(1, 1)), checkpointShapes, 0)
	other := cloneParams(params)
	o, p := mustNew(t, trust[float32](), params, Blocks(301)), mustNew(t, trust[float32](), other)
	wantError(t, errors.Join(o.Step(grads, 1), p.Step(grads, 1)), "")
	if o.grid != nil || !same(dataOf(params), dataOf(other)) || !bytes.Equal(save(t, o), save(t, p)) {
		t.Error("Blocks larger than every parameter has an effect")
	}
	if &o.x[3][0] != &params[3].Data[0] {
		t.Error("x is a copy")
	}
	q := mustNew(t, trust[float32](), params, Blocks(300))
	if &q.x[3][0] != &params[3].Data[0] || &q.x[4][0] != &params[4].Data[0] {
		t.Error("a parameter that is not cut is a copy")
	}
	rows := []Param[float32]{{"w", []int{10, 3}, make([]float32, 30)}}
	if r := mustNewPlain(t, trust[float32](), rows, Blocks(4)); &r.x[1][0] != &rows[0].Data[12] || cap(r.x[1]) != 12 {
		t.Error("a block of whole rows is a copy, or reaches into the next")
	}
}

func mustNewPlain[T Float](t testing.TB, rule *Rule, params []Param[T], opts ...Option) *Optimizer[T] {
	t.Helper()
	o, err := New(rule, params, nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestBlocksErrors(t *testing.T) {
	data := make([]float32, elem.MaxSide+1)
	named := func(name string, shape ...int) Param[float32] {
		n, _ := numel(shape)
		return Param[float32]{name, shape, make([]float32, n)}
	}
	tall := []Param[float32]{{"w", []int{elem.MaxSide + 1, 1}, data}}
	cases := []struct {
		rule   *Rule
		params []Param[float32]
		n      int
		want   string
	}{
		{adam[float32](), tall, 0, "adam: Blocks(0): give the rows and columns that a block has at most, from 1 on"},
		{adam[float32](), tall, math.MinInt, "from 1 on"},
		{adam[float32](), tall, math.MaxInt, ""},
		{adam[float32](), []Param[float32]{named("w", 1025, 1025)}, 1, `adam: param "w" of shape [1025 1025]: Blocks(1) cuts it into 1050625 blocks, and all parameters may have 1048576: give a larger size`},
		{adam[float32](), []Param[float32]{named("v", 1024, 512), named("w", 1024, 513)}, 1, `adam: param "w" of shape [1024 513]: Blocks(1) cuts it into 525312 blocks`},
		{adam[float32](), []Param[float32]{named("w", math.MaxInt>>4, 0)}, 7, "blocks, and all parameters may have"},
		{adam[float32](), []Param[float32]{named("w", 0, 2, math.MaxInt>>5)}, 7, "blocks, and all parameters may have"},
		{adam[float32](), []Param[float32]{named("w", 4, 4), named("w[2:4,0:2]", 1)}, 2, `adam: a parameter is named "w[2:4,0:2]" like a block of another one, as Blocks(2) cuts it: rename it`},
		{adam[float32](), []Param[float32]{named("w", 4, 4), named("w[2:4,0:2]", 1)}, 3, ""},
		{statesRule(), tall, math.MaxInt, "by a `when` on its shape, or cut them with the option Blocks"},
		{statesRule(), tall, elem.MaxSide + 1, "or cut them with the option Blocks"},
		{statesRule(), tall, 64, ""},
	}
	for _, c := range cases {
		_, err := New(c.rule, c.params, nil, Blocks(c.n))
		wantError(t, err, c.want)
	}
	params := []Param[float32]{named("w", 4, 5), named("b", 3)}
	o := mustNewPlain(t, adam[float32](), params, Blocks(2))
	joint := make([]float32, 22)
	for want, grads := range map[string][][]float32{
		"adam: 1 gradients given, there are 2 parameters":                 {joint[:20]},
		`adam: the gradient of "w" has 19 elements, the parameter has 20`: {joint[:19], joint[19:]},
		`adam: the gradient of "b" is nil: 3 elements are needed`:         {joint[:20], nil},
		`adam: the gradient of "w" and the gradient of "b" overlap`:       {joint[:20], joint[19:]},
		`param "w" and the gradient of "w" overlap`:                       {params[0].Data, joint[:3]},
	} {
		err := o.Step(grads, 0)
		if err != nil && strings.Contains(err.Error(), `the gradient of "w" and param "w"`) { // they start alike
			continue
		}
		wantError(t, err, want)
	}
	if o.Steps() != 0 {
		t.Error("a refused step counts")
	}
}

// TestBlocksResume holds steps over a checkpoint, in a new optimizer, to as many without one, and refuses other sizes.
func TestBlocksResume(t *testing.T) {
	for name, rule := range blockRules[float32]() {
		for _, workers := range []int{1, 5} {
			t.Run(fmt.Sprint(name, " ", workers), func(t *testing.T) { testBlocksResume[float32](t, rule, workers) })
		}
	}
	t.Run("float64", func(t *testing.T) { testBlocksResume[float64](t, trust[float64], 5) })
}

func testBlocksResume[T Float](t *testing.T, rule func() *Rule, workers int) {
	shapes := [][]int{{}, {3}, {0}, {2, 3}, {1025}, {50, 0, 7}, {60, 31}, {17, 2, 3}}
	params, grads := modelOf[T](rand.New(rand.NewPCG(3, 3)), shapes, 0)
	split := cloneParams(params)
	run := func(o *Optimizer[T], p []Param[T], steps int) {
		own, _ := closures(p, nil)
		for range steps {
			wantError(t, o.StepWith(grads, Inputs[T]{Loss: 1, Closure: own}), "")
		}
	}
	opts := []Option{Blocks(16), Workers(workers), Seed(4)}
	whole, first := mustNew(t, rule(), params, opts...), mustNew(t, rule(), split, opts...)
	run(whole, params, 6)
	run(first, split, 2) // in the third probeRule sets all that it reads
	file := save(t, first)
	copied := cloneParams(split)
	second := mustNew(t, rule(), copied, Blocks(16), Workers(1))
	wantError(t, second.LoadState(bytes.NewReader(file)), "")
	if !bytes.Equal(file, save(t, second)) {
		t.Fatal("a checkpoint written after loading differs")
	}
	run(second, copied, 4)
	if !same(dataOf(params), dataOf(copied)) || !bytes.Equal(save(t, whole), save(t, second)) {
		t.Fatal("6 steps and 2 + 4 differ")
	}
	fresh := func(opts ...Option) (*Optimizer[T], []byte) {
		o := mustNew(t, rule(), cloneParams(params), opts...)
		return o, save(t, o)
	}
	for want, opts := range map[string][]Option{
		"it is of Blocks(16), this optimizer has Blocks(10): build it with the same Blocks": {Blocks(10)},
		"Blocks(16)": nil, // by its metadata or the length of its header
	} {
		o, before := fresh(opts...)
		wantError(t, o.LoadState(bytes.NewReader(file)), want)
		if !bytes.Equal(before, save(t, o)) {
			t.Error("something has changed")
		}
	}
	o, before := fresh(Blocks(16))
	_, plain := fresh()
	wantError(t, o.LoadState(bytes.NewReader(plain)), "it is of whole parameters, this optimizer has Blocks(16): build it with the same Blocks")
	if !bytes.Equal(before, save(t, o)) {
		t.Error("something has changed")
	}
}

// TestBlocksFormat reads the names and shapes that a checkpoint has for blocks, and damages it.
func TestBlocksFormat(t *testing.T) {
	params, grads := modelOf[float32](rand.New(rand.NewPCG(3, 3)), [][]int{{3, 5}, {2, 2, 2}, {7}}, 0)
	for i, name := range []string{"w", "conv", "b"} {
		params[i].Name = name
	}
	build := func() *Optimizer[float32] { return mustNewPlain(t, trust[float32](), params, Blocks(3)) }
	o := build()
	wantError(t, o.Step(grads, 1), "")
	file := save(t, o)
	header := string(file[8:][:binary.LittleEndian.Uint64(file)])
	for _, want := range []string{`"optc.blocks":"3"`, `"state/m/w[0:3,0:3]":{"dtype":"F32","shape":[3,3]`, `"state/m/w[0:3,3:5]":{"dtype":"F32","shape":[3,2]`,
		`"state/a/conv[0:2,3:4]":{"dtype":"F32","shape":[2,1,1]`, `"state/m/b":{"dtype":"F32","shape":[7]`, `"state/mean":{"dtype":"F64","shape":[5]`,
		`{\"name\":\"w\",\"shape\":[3,5],\"group\":0}`} {
		if !strings.Contains(header, want) {
			t.Errorf("the header has no %s:\n%s", want, header)
		}
	}
	other := build()
	before := save(t, other)
	for i := range file {
		damaged := slices.Clone(file)
		damaged[i] ^= 1 << (i % 8)
		if err := other.LoadState(bytes.NewReader(damaged)); err == nil {
			if !bytes.Equal(file, save(t, other)) {
				t.Fatalf("damage to byte %d is lost on the checksum", i)
			}
			wantError(t, other.LoadState(bytes.NewReader(before)), "")
		} else if !bytes.Equal(before, save(t, other)) {
			t.Fatalf("byte %d: %v, and something has changed", i, err)
		}
	}
}

// TestBlocksCommit lets the closure of a step over blocks fail at every question, by an error, by a panic, or by a
// gradient that is not finite: the parameters keep their bits, to the payload of a NaN, and the next step is that of a
// model cut beforehand.
func TestBlocksCommit(t *testing.T) {
	t.Run("float32", testBlocksCommit[float32])
	t.Run("float64", testBlocksCommit[float64])
}

func testBlocksCommit[T Float](t *testing.T) {
	for _, how := range []string{"error", "panic", "skip"} {
		for failAt := 1; failAt <= 3; failAt++ {
			params, grads := modelOf[T](rand.New(rand.NewPCG(6, 4)), [][]int{{40, 30}, {7}, {5, 3, 4}, {20, 3}}, 0)
			w := NewTwin(params, 8)
			opts := []Option{Workers(3)}
			if how == "skip" {
				opts = append(opts, OnNonFinite(Skip))
			}
			o := mustNew(t, probeRule[T](), params, append(opts, Blocks(8))...)
			p := mustNew(t, probeRule[T](), w.Params)
			own, twin := closures(params, w)
			for range 2 { // odd steps ask three times
				wantError(t, o.StepWith(grads, Inputs[T]{Closure: own}), "")
				wantError(t, p.StepWith(w.Cut(grads), Inputs[T]{Closure: twin}), "")
			}
			strange(params[0].Data[33:])
			strange(params[3].Data)
			before, file := bitsOf(dataOf(params)), save(t, o)
			b := &bowl[T]{params: params, failAt: failAt, panics: how == "panic"}
			if how == "skip" {
				b = &bowl[T]{params: params, badAt: failAt, bad: math.NaN()}
				for i := range params { // the bowl's own gradients are finite
					copy(params[i].Data, w.Join(dataOf(w.Params))[i])
				}
				before = bitsOf(dataOf(params))
			}
			err, caught := attempt(func() error { return o.StepWith(grads, Inputs[T]{Closure: b.closure}) })
			if how == "error" && !errors.Is(err, errModel) || how == "panic" && caught != error(errModel) || how == "skip" && (err != nil || o.Skipped() != 1) {
				t.Fatalf("%s at question %d: %v, panic %v, %d skipped", how, failAt, err, caught, o.Skipped())
			}
			if b.calls != failAt || o.Steps() != 2 {
				t.Errorf("%s at question %d: %d calls, %d steps", how, failAt, b.calls, o.Steps())
			}
			if !slices.Equal(before, bitsOf(dataOf(params))) || !bytes.Equal(file, save(t, o)) {
				t.Fatalf("%s at question %d: something has changed", how, failAt)
			}
			for i, u := range w.Cut(dataOf(params)) {
				copy(w.Params[i].Data, u)
			}
			wantError(t, o.StepWith(grads, Inputs[T]{Closure: own}), "")
			wantError(t, p.StepWith(w.Cut(grads), Inputs[T]{Closure: twin}), "")
			sameAsTwin(t, o, p, w, fmt.Sprintf("after %s at question %d", how, failAt))
		}
	}
	params, grads := modelOf[T](rand.New(rand.NewPCG(6, 4)), [][]int{{40, 30}}, 0)
	o := mustNewPlain(t, probeRule[T](), params, Blocks(8), OnNonFinite(Skip))
	grads[0][1199] = T(math.Inf(1))
	before := bitsOf(dataOf(params))
	wantError(t, o.StepWith(grads, Inputs[T]{Closure: func([][]T) (float64, error) { return 0, errModel }}), "")
	if o.Skipped() != 1 || o.Steps() != 0 || !slices.Equal(before, bitsOf(dataOf(params))) {
		t.Error("a gradient that is not finite is taken")
	}
}

// TestBlocksClosureMisuse gives closures that replace slices or use the optimizer.
func TestBlocksClosureMisuse(t *testing.T) {
	x := []float64{1, 2, 3, 4, 5, 6}
	o := mustNewPlain(t, nearRule(true), []Param[float64]{{"w", []int{2, 3}, x}}, Blocks(2))
	err := o.StepWith(nil, Inputs[float64]{Closure: func(grads [][]float64) (float64, error) {
		if len(grads) != 1 || len(grads[0]) != 6 {
			t.Errorf("gradients of lengths %v", lengths(grads))
		}
		if !slices.Equal(x, []float64{2, 3, 4, 5, 6, 7}) {
			t.Errorf("asked at %v", x)
		}
		grads[0] = make([]float64, 6)
		return 0, nil
	}})
	wantError(t, err, `it replaced the slice of "w": copy the values into it`)
	if !slices.Equal(x, []float64{1, 2, 3, 4, 5, 6}) || o.Steps() != 0 {
		t.Errorf("x is %v after %d steps", x, o.Steps())
	}
	err = o.StepWith(nil, Inputs[float64]{Closure: func(grads [][]float64) (float64, error) {
		copy(grads[0], []float64{100, 200, 300, 400, 500, 600})
		return 0, o.Step(nil, 0)
	}})
	wantError(t, err, "two goroutines use this optimizer at once")
	err = o.StepWith(nil, Inputs[float64]{Closure: func(grads [][]float64) (float64, error) {
		copy(grads[0], []float64{100, 200, 300, 400, 500, 600})
		return 0, nil
	}})
	if err != nil || !slices.Equal(x, []float64{0, 0, 0, 0, 0, 0}) {
		t.Errorf("x is %v (%v)", x, err)
	}
}

// TestBlocksProduct has the user's Hessian-vector product see and fill whole parameters.
func TestBlocksProduct(t *testing.T) {
	params, grads := modelOf[float64](rand.New(rand.NewPCG(6, 4)), [][]int{{7, 5}, {3}, {9, 2}}, 0)
	want := clone(dataOf(params))
	for i := range want {
		for j := range want[i] {
			want[i][j] -= grads[i][(j+1)%len(grads[i])] * 2
		}
	}
	var fails error
	x := clone(dataOf(params))
	o := mustNewPlain(t, productRule[float64](), params, Blocks(3), Workers(3), HVP(func(v, hv [][]float64) error {
		if !same(v, grads) || !same(x, dataOf(params)) {
			t.Error("the product is asked for elsewhere")
		}
		for i := range v {
			for j := range v[i] {
				hv[i][j] = v[i][(j+1)%len(v[i])] * 2
			}
		}
		return fails
	}))
	never := func([][]float64) (float64, error) { t.Error("the closure is called"); return 0, nil }
	fails = errModel
	wantError(t, o.StepWith(grads, Inputs[float64]{Closure: never}), "newton: the Hessian-vector product failed")
	if !same(x, dataOf(params)) {
		t.Fatal("x has changed")
	}
	fails = nil
	wantError(t, o.StepWith(grads, Inputs[float64]{Closure: never}), "")
	if !same(want, dataOf(params)) {
		t.Error("other bits")
	}
}

// TestBlocksGivens gives a rule inputs of every extent, those of lines both by parameter and by tensor.
func TestBlocksGivens(t *testing.T) {
	shapes := [][]int{{5, 7}, {4}, {2, 3, 2}, {0, 9}, {8, 3}}
	rng := rand.New(rand.NewPCG(8, 4))
	params, grads := modelOf[float64](rng, shapes, 0)
	w := NewTwin(params, 3)
	tensors := len(w.Params)
	wholes := func(e Extent) (out [][]float64) {
		for _, s := range shapes {
			rows, cols := matrix(s)
			out = append(out, normal[float64](rng, map[Extent]int{PerElem: rows * cols, PerRow: rows, PerCol: cols}[e]))
		}
		return out
	}
	rows, cols := wholes(PerRow), wholes(PerCol)
	var rowParts, colParts [][]float64
	for i, p := range w.Params {
		top, left := 0, 0
		if p.Name != params[w.Of[i]].Name {
			fmt.Sscanf(p.Name, "%d.%d.", &top, &left)
		}
		r, c := matrix(p.Shape)
		rowParts, colParts = append(rowParts, rows[w.Of[i]][top:top+r]), append(colParts, cols[w.Of[i]][left:left+c])
	}
	elems, loaded := wholes(PerElem), wholes(PerElem)
	load := []GivenValue[float64]{{Arrays: loaded}, {Model: 5}, {Steps: []float64{6}}, {Steps: normal[float64](rng, tensors)}}
	cutLoad := append([]GivenValue[float64]{{Arrays: w.Cut(loaded)}}, load[1:]...)
	o := mustNewPlain(t, givensRule(), params, Blocks(3), Loaded(load...), Workers(3))
	p := mustNewPlain(t, givensRule(), w.Params, Loaded(cutLoad...))
	step := []GivenValue[float64]{{Arrays: elems}, {Arrays: rows}, {Arrays: cols}, {Model: 0.5}, {Steps: []float64{0.25}}, {Steps: normal[float64](rng, tensors)}}
	cut := slices.Clone(step)
	cut[0], cut[1], cut[2] = GivenValue[float64]{Arrays: w.Cut(elems)}, GivenValue[float64]{Arrays: rowParts}, GivenValue[float64]{Arrays: colParts}
	byTensor := slices.Clone(cut)
	byTensor[0] = step[0]
	for k, values := range [][]GivenValue[float64]{step, byTensor, step} {
		wantError(t, o.StepWith(grads, Inputs[float64]{Given: values}), "")
		wantError(t, p.StepWith(w.Cut(grads), Inputs[float64]{Given: cut}), "")
		sameAsTwin(t, o, p, w, fmt.Sprint("givens ", k))
	}
	wrong := func(i int, v GivenValue[float64], want string) {
		t.Helper()
		values := slices.Clone(step)
		values[i] = v
		before := bitsOf(dataOf(params))
		wantError(t, o.StepWith(grads, Inputs[float64]{Given: values}), want)
		if o.Steps() != 3 || !slices.Equal(before, bitsOf(dataOf(params))) {
			t.Fatalf("%s: something has changed", want)
		}
	}
	wrong(0, cut[0], fmt.Sprintf("given: the input e has %d arrays, there are 5 parameters", tensors))
	wrong(0, GivenValue[float64]{Arrays: rows}, fmt.Sprintf("given: the input e of %q has 5 values, 35 are needed", params[0].Name))
	wrong(0, GivenValue[float64]{Arrays: dataOf(params)}, "overlaps param")
	wrong(1, GivenValue[float64]{Arrays: rows[:4]}, fmt.Sprintf("given: the input r has 4 arrays, there are 5 parameters, which Blocks(3) makes %d tensors of: give one array for each of either", tensors))
	wrong(1, GivenValue[float64]{Arrays: cols}, fmt.Sprintf("given: the input r of %q has 7 values, 5 are needed", params[0].Name))
	wrong(2, GivenValue[float64]{Arrays: rowParts}, fmt.Sprintf("given: the input c of %q has ", params[0].Name+"[0:3,6:7]"))
	wrong(5, GivenValue[float64]{Steps: make([]float64, 5)}, fmt.Sprintf("given: the input p has 5 values, %d are needed", tensors))
	_, err := New(givensRule(), params, nil, Blocks(3), Loaded(append([]GivenValue[float64]{{Arrays: rows}}, load[1:]...)...))
	wantError(t, err, "given: the input le of")
	square := givensRule()
	square.Givens[1].Extent = PerRowRow
	square.First = []Stage{{Model: func([]float64) {}}}
	q := mustNewPlain(t, square, params, Blocks(3), Loaded(load...))
	wantError(t, q.StepWith(grads, Inputs[float64]{Given: step}),
		fmt.Sprintf("given: the input r has 5 arrays: give one matrix for each of the %d tensors that Blocks(3) makes of the parameters", tensors))
}

// TestBlocksSetState sets every state to what another optimizer has.
func TestBlocksSetState(t *testing.T) {
	params, _ := modelOf[float32](rand.New(rand.NewPCG(8, 4)), [][]int{{5, 7}, {4}, {2, 3, 2}, {0, 9}}, 0)
	rng := rand.New(rand.NewPCG(8, 5))
	o, p := mustNewPlain(t, statesRule(), params, Blocks(3)), mustNewPlain(t, statesRule(), params, Blocks(3))
	for i, s := range o.rule.States {
		for _, u := range o.states[i] {
			copy(u, normal[float32](rng, len(u)))
		}
		v, err := o.StateValue(s.Name)
		wantError(t, err, "")
		if s.Format != "" {
			wantError(t, p.SetStateValue(s.Name, v), "set by LoadState alone")
			continue
		}
		if s.Extent == PerElem && (len(v.Arrays) != len(params) || len(v.Arrays[0]) != 35) || s.Extent == PerRowRow && len(v.Arrays) != len(o.x) {
			t.Errorf("state %s has %d arrays", s.Name, len(v.Arrays))
		}
		wantError(t, p.SetStateValue(s.Name, v), "")
		if !same(o.states[i], p.states[i]) {
			t.Errorf("state %s: what was set is not what was read", s.Name)
		}
	}
}

// TestBlocksNames holds that conditions on names and groups see the parameter's own name and shape.
func TestBlocksNames(t *testing.T) {
	rule := adam[float32]()
	var seen []string
	rule.Class = func(name string, p []float64) int {
		seen = append(seen, fmt.Sprint(name, " ", p[TensorRank], " ", p[TensorRows], "x", p[TensorCols]))
		return 0
	}
	rule.Classes = []Class{{States: all(2)}}
	params := []Param[float32]{{"a.weight", []int{3, 2, 1, 1}, make([]float32, 6)}, {"a.bias", []int{3}, make([]float32, 3)}}
	var asked []string
	match := func(name string, shape []int) bool {
		asked = append(asked, fmt.Sprint(name, shape))
		return len(shape) == 4
	}
	o := mustNewPlain(t, rule, params, Blocks(2), Group(match, nil))
	if want := []string{"a.weight 4 2x2", "a.weight 4 1x2", "a.bias 1 1x3"}; !slices.Equal(seen, want) {
		t.Errorf("classes of %q, want %q", seen, want)
	}
	if want := []string{"a.weight[3 2 1 1]", "a.bias[3]"}; !slices.Equal(asked, want) || o.GroupOf(0) != 1 || o.GroupOf(1) != 0 {
		t.Errorf("groups of %q, want %q", asked, want)
	}
	if o.model[ModelTensors] != 3 || o.model[ModelNumel] != 9 || o.groups[1][GroupTensors] != 2 || o.groups[1][GroupNumel] != 6 {
		t.Errorf("counts %v %v", o.model, o.groups)
	}
}

// SettledAllocs is the allocations of a run once they have settled: a worker that comes late to a whole-array operator, or
// to its largest tensor, has yet to make its temporaries.
func SettledAllocs(run func()) float64 {
	n := testing.AllocsPerRun(20, run)
	for tries := 0; n != 0 && tries < 20; tries++ {
		n = testing.AllocsPerRun(20, run)
	}
	return n
}

func TestBlocksStepAllocatesNothing(t *testing.T) {
	shapes := [][]int{{16}, {500, 70}, {33, 4, 5}, {90, 7}}
	matrices := func() *Rule { return arraysRule[float32](new(atomic.Int64)) }
	for name, build := range map[string]func() *Rule{"adam": adam[float32], "trust without kernels": bareTrust, "probes": probeRule[float32],
		"products": productRule[float32], "arrays": matrices, "lines": func() *Rule { return linesRule[float32](elem.ReduceSum) }} {
		for _, workers := range []int{1, 5} {
			params, grads := modelOf[float32](rand.New(rand.NewPCG(1, 1)), shapes, 0)
			for i := range grads { // no overflow in 70 steps
				clear(grads[i])
			}
			o := mustNewPlain(t, build(), params, Blocks(32), Workers(workers), Group(Rank(2), nil))
			in := Inputs[float32]{Loss: 1, Closure: func(grads [][]float32) (float64, error) {
				for i := range grads {
					copy(grads[i], params[i].Data)
				}
				return 1, nil
			}}
			failed := error(nil)
			run := func() { failed = errors.Join(failed, o.StepWith(grads, in)) }
			for range 20 {
				run()
			}
			if n := SettledAllocs(run); n != 0 || failed != nil {
				t.Errorf("%s, %d workers: %g allocations a step (%v)", name, workers, n, failed)
			}
		}
	}
}

// BenchmarkBlocks is a step of Adam, which gains nothing from blocks: it has what copying costs.
func BenchmarkBlocks(b *testing.B) {
	for _, n := range []int{2048, 1024, 256, 32} {
		b.Run(fmt.Sprint("side=2048/blocks=", n), func(b *testing.B) {
			params := []Param[float32]{{"w", []int{2048, 2048}, Alloc[float32](2048 * 2048)[0]}}
			grads := Alloc[float32](2048 * 2048)
			o := mustNewPlain(b, adam[float32](), params, Blocks(n), Workers(1))
			for b.Loop() {
				if err := o.Step(grads, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
