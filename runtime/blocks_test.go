package runtime

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

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
