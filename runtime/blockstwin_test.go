package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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
