package runtime

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	goruntime "runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

// product is a whole-array operator for tests: the matrix product, in the order of the formula, with a temporary of its
// own; the parameter is added to each element.
func product[T Float](made *atomic.Int64) func() arrayFunc[T] {
	return func() arrayFunc[T] {
		made.Add(1)
		var sum []T
		return func(out []T, in [][]T, dims []int, params []float64, _ func(int, func(int))) {
			rows, cols, inner := dims[0], dims[1], dims[3]
			if dims[2] != rows || dims[4] != inner || dims[5] != cols || len(out) != rows*cols || len(in[0]) != rows*inner || len(in[1]) != inner*cols {
				panic(fmt.Sprint("dims ", dims))
			}
			if cap(sum) < cols {
				sum = make([]T, cols)
			}
			sum = sum[:cols]
			for i := range rows {
				clear(sum)
				for k := range inner {
					for j := range sum {
						sum[j] += T(in[0][i*inner+k] * in[1][k*cols+j])
					}
				}
				for j, v := range sum {
					out[i*cols+j] = v + T(params[0])
				}
			}
		}
	}
}

// TestArrays runs x*g' into a scratch of [row,row] and that times x into x, for the tensors of which a slot is not 0.
func TestArrays(t *testing.T) {
	t.Run("float32", testArrays[float32])
	t.Run("float64", testArrays[float64])
}

func arraysRule[T Float](made *atomic.Int64) *Rule {
	square := at(StreamScratch, 0, PerRowRow)
	transpose := func(a *Args) { copy(Slice[T](a, 1), Slice[T](a, 0)) }
	chosen := tensorSlot(TensorFree)
	trace := func() arrayFunc[T] {
		return func(out []T, in [][]T, dims []int, _ []float64, _ func(int, func(int))) {
			out[0] = 0
			for i := range dims[2] {
				out[0] += in[0][i*dims[3]+i]
			}
		}
	}
	r := bareRule[T](
		Stage{Tensor: func(_, _, p []float64) { p[TensorFree], p[TensorFree+1] = float64(int(p[TensorRows])%2), -1 }},
		Stage{Pass: &Pass{Domain: PerElem, Kernels: [NumEngines]Kernel{Go: transpose}, Streams: []Stream{reads(StreamGrad, 0), writes(StreamScratch, 1)}}},
		Stage{Array: &Array{New: product[T](made), In: []Place{at(StreamX, 0, PerElem), at(StreamScratch, 2, PerColRow)}, Out: square,
			Dims: []Dims{{Rows, Rows}, {Rows, Cols}, {Cols, Rows}}, Params: []Slot{{Extent: PerGroup, Index: GroupHypers}}, If: &chosen}},
		Stage{Array: &Array{New: trace, In: []Place{square}, To: &Slot{Extent: PerTensor, Index: TensorFree + 1}, Dims: []Dims{{One, One}, {Rows, Rows}}, If: &chosen}},
		Stage{Array: &Array{New: product[T](made), In: []Place{square, at(StreamGrad, 0, PerElem)}, Out: at(StreamScratch, 1, PerElem),
			Dims: []Dims{{Rows, Cols}, {Rows, Rows}, {Rows, Cols}}, Params: []Slot{{Value: 0.5}}, If: &chosen}},
		Stage{Pass: &Pass{Domain: PerElem, Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			if Scalar[T](a, 0) != 0 {
				copy(Slice[T](a, 0), Slice[T](a, 1))
			}
		}}, Streams: []Stream{updates(StreamX, 0), reads(StreamScratch, 1)}, Scalars: []Slot{chosen}}},
	)
	turn := Stage{Array: &Array{New: func() arrayFunc[T] {
		return func(out []T, in [][]T, dims []int, _ []float64, _ func(int, func(int))) {
			rows, cols := dims[2], dims[3]
			for i := range rows {
				for j := range cols {
					out[j*rows+i] = in[0][i*cols+j]
				}
			}
		}
	}, In: []Place{at(StreamScratch, 1, PerElem)}, Out: at(StreamScratch, 2, PerColRow), Dims: []Dims{{Cols, Rows}, {Rows, Cols}}}}
	r.First = slices.Insert(slices.Clone(r.First), 2, turn)
	r.Later = r.First
	r.Scratch = []Extent{PerRowRow, PerElem, PerColRow}
	r.Hypers = []Hyper{positive}
	return r
}

func testArrays[T Float](t *testing.T) {
	shapes := [][]int{{}, {5}, {0}, {3, 4}, {4, 3}, {7, 5, 3}, {3, 0}, {1, 9}, {33, 40}, {31, 2, 2, 2}}
	for _, workers := range []int{1, 4} {
		var made atomic.Int64
		params, grads := modelOf[T](rand.New(rand.NewPCG(5, 5)), shapes, 0)
		x := clone(dataOf(params))
		o, err := New(arraysRule[T](&made), params, nil, Workers(workers), Group(Rank(2), []float64{0.25}))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := o.Step(grads, 0); err != nil {
				t.Fatal(err)
			}
			for k, p := range params {
				trace := referenceArrays(x[k], grads[k], p.Shape, T(o.hypersOf(o.groupOf[k])[0]))
				if got := o.tensors[k][TensorFree+1]; !same([][]float64{{got}}, [][]float64{{trace}}) {
					t.Fatalf("shape %v: trace %v, want %v", p.Shape, got, trace)
				}
			}
			if !same(x, dataOf(params)) {
				t.Fatalf("%d workers: other bits than of the reference", workers)
			}
		}
		if n := made.Load(); n > int64(4*workers) { // of the first step and of the later ones
			t.Errorf("%d workers made %d operators of two stages", workers, n)
		}
	}
}

// referenceArrays does what arraysRule does to a tensor and returns its trace, -1 where the tensor is left out.
func referenceArrays[T Float](x, g []T, shape []int, add T) float64 {
	rows, cols := matrix(shape)
	if rows%2 == 0 {
		return -1
	}
	square := make([]T, rows*rows)
	for i := range rows {
		for j := range rows {
			var sum T
			for k := range cols {
				sum += T(x[i*cols+k] * g[j*cols+k])
			}
			square[i*rows+j] = sum + add
		}
	}
	var trace T
	for i := range rows {
		trace += square[i*rows+i]
		for j := range cols {
			var sum T
			for k := range rows {
				sum += T(square[i*rows+k] * g[k*cols+j])
			}
			x[i*cols+j] = sum + 0.5
		}
	}
	return float64(trace)
}

// orderRule has one order statistic in each of its forms; classes tell tensors apart by rank, group 1 has the matrices.
func orderRule() *Rule {
	x := at(StreamX, 0, PerElem)
	one := []Place{x, {Kind: StreamNone}}
	other := []Place{{Kind: StreamNone}, x}
	both := []Place{x, x}
	no, cond := []*Slot{nil, nil}, tensorSlot(TensorFree+3)
	k := Slot{Extent: PerModel, Index: ModelFree}
	tensor, group, model := tensorSlot(TensorFree), Slot{Extent: PerGroup, Index: GroupHypers}, Slot{Extent: PerModel, Index: ModelFree + 1}
	some := Slot{Extent: PerModel, Index: ModelFree + 2}
	above, aboveAll := tensorSlot(TensorFree+4), Slot{Extent: PerModel, Index: ModelFree + 3}
	ofGroup, ofModel := Slot{Extent: PerGroup, Index: GroupHypers + 1}, Slot{Extent: PerModel, Index: ModelFree + 4}
	fromSlots := []Slot{tensorSlot(TensorFree), tensorSlot(TensorNumel)} // by class
	elements := func(i int) Place { return at(StreamScratch, i, PerElem) }
	var stages []Stage
	stages = append(stages, Stage{Model: func(m []float64) { m[ModelFree] = m[ModelT] + 0.5 }})
	for class := range 2 {
		stages = append(stages, Stage{Class: class, Tensor: func(_, _, p []float64) { p[TensorFree+3] = float64(int(p[TensorNumel]) % 2) }})
		in := [][]Place{one, other}[class]
		for _, s := range []Order{
			{Per: PerTensor, To: &tensor, In: in, K: k, If: no},
			{Per: PerTensor, Top: true, Out: elements(0), In: in, K: k, If: no},
			{Per: PerRow, Out: at(StreamScratch, 1, PerRow), In: in, K: k, If: no},
			{Per: PerCol, Out: at(StreamScratch, 2, PerCol), In: in, K: k, If: no},
			{Per: PerRow, Top: true, Out: elements(3), In: in, K: k, If: no},
			{Per: PerCol, Top: true, Out: elements(4), In: in, K: k, If: no},
			{Per: PerTensor, Stat: elem.StatThreshold, To: &above, In: in, K: k, If: no},
			{Per: PerRow, Stat: elem.StatThreshold, Out: at(StreamScratch, 7, PerRow), In: in, K: k, If: no},
		} {
			stages = append(stages, Stage{Class: class, Order: of(s)})
		}
	}
	for _, s := range []Order{
		{Per: PerGroup, To: &group, In: both, K: k, If: no},
		{Per: PerModel, To: &model, In: both, K: k, If: no},
		{Per: PerGroup, Top: true, Out: elements(5), In: both, K: k, If: no},
		{Per: PerModel, Top: true, Out: elements(6), In: both, K: k, If: no},
		{Per: PerModel, To: &some, In: one, K: k, If: []*Slot{&cond, nil}},
		{Per: PerModel, Stat: elem.StatThreshold, To: &aboveAll, In: both, K: k, If: no},
		{Per: PerGroup, To: &ofGroup, From: fromSlots, K: k, If: no},
		{Per: PerModel, Stat: elem.StatThreshold, To: &ofModel, From: fromSlots, K: k, If: []*Slot{&cond, nil}},
	} {
		stages = append(stages, Stage{Order: of(s)})
	}
	r := bareRule[float64](stages...)
	r.Scratch = []Extent{PerElem, PerRow, PerCol, PerElem, PerElem, PerElem, PerElem, PerRow}
	r.Class = func(_ string, p []float64) int { return int(p[TensorRank]) % 2 }
	r.Classes = []Class{{Scratch: all(8)}, {Scratch: all(8)}}
	return r
}

// of is a statistic of elements.
func of(s Order) *Order {
	s.Of = PerElem
	return &s
}

func TestOrder(t *testing.T) {
	shapes := [][]int{{}, {7}, {3, 5}, {5, 3}, {2, 3, 2}, {0}, {1, 9}, {200, 7}}
	for odds := range 3 {
		rng := rand.New(rand.NewPCG(uint64(odds), 2))
		params, grads := modelOf[float64](rng, shapes, odds)
		for i := range params[2].Data {
			params[2].Data[i] = float64(i % 3) // ties
		}
		o, err := New(orderRule(), params, nil, Group(Rank(2), nil))
		if err != nil {
			t.Fatal(err)
		}
		for k := 1; k <= 9; k++ {
			if err := o.Step(grads, 0); err != nil {
				t.Fatal(err)
			}
			checkOrder(t, o, k)
		}
	}
}

// parts are the parameters for which yes holds.
func parts(o *Optimizer[float64], yes func(param int) bool) (values [][]float64) {
	for i, u := range o.x {
		if yes(i) {
			values = append(values, u)
		}
	}
	return values
}

// kth is the k-th smallest of all, by sorting.
func kth(values [][]float64, k int) float64 {
	u := slices.Concat(values...)
	slices.SortFunc(u, func(a, b float64) int {
		if a != a || b != b { // NaN last
			return cmp.Compare(bit(a != a), bit(b != b))
		}
		if a == b { // -0 first
			return cmp.Compare(bit(!math.Signbit(a)), bit(!math.Signbit(b)))
		}
		return cmp.Compare(a, b)
	})
	if k > len(u) {
		return math.NaN()
	}
	return u[k-1]
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// top marks the k largest of all, of equals the first.
func top(values [][]float64, k int) [][]float64 {
	marks := clone(values)
	for i := range marks {
		clear(marks[i])
	}
	elem.TopK(marks, values, k)
	return marks
}

func checkOrder(t *testing.T, o *Optimizer[float64], k int) {
	t.Helper()
	equal := func(what string, got, want []float64) {
		t.Helper()
		if !same([][]float64{got}, [][]float64{want}) {
			t.Fatalf("%s, k = %d: %v, want %v", what, k, got, want)
		}
	}
	everything := func(int) bool { return true }
	equal("model's threshold", o.model[ModelFree+3:][:1], []float64{elem.Threshold(parts(o, everything), float64(k)+0.5)})
	equal("model", o.model[ModelFree+1:][:1], []float64{kth(parts(o, everything), k)})
	for i, m := range top(parts(o, everything), k) {
		equal("model's top", o.scratch[6][i], m)
	}
	equal("some of a class", o.model[ModelFree+2:][:1], []float64{kth(parts(o, func(i int) bool { return o.classOf[i] == 0 && len(o.x[i])%2 == 1 }), k)})
	oneEach := func(yes func(int) bool) [][]float64 {
		var u []float64
		for i := range o.x {
			if yes(i) {
				u = append(u, o.tensors[i][[]int{TensorFree, TensorNumel}[o.classOf[i]]])
			}
		}
		return [][]float64{u}
	}
	equal("threshold of tensors", o.model[ModelFree+4:][:1], []float64{elem.Threshold(oneEach(func(i int) bool { return o.classOf[i] == 1 || len(o.x[i])%2 == 1 }), float64(k)+0.5)})
	for g, frame := range o.groups {
		equal("tensors of a group", frame[GroupHypers+1:][:1], []float64{kth(oneEach(func(i int) bool { return o.groupOf[i] == g }), k)})
		of := parts(o, func(i int) bool { return o.groupOf[i] == g })
		equal("group", frame[GroupHypers:][:1], []float64{kth(of, k)})
		marks, n := top(of, k), 0
		for i := range o.x {
			if o.groupOf[i] == g {
				equal("group's top", o.scratch[5][i], marks[n])
				n++
			}
		}
	}
	for i, u := range o.x {
		equal("tensor", o.tensors[i][TensorFree:][:1], []float64{kth([][]float64{u}, k)})
		equal("tensor's top", o.scratch[0][i], top([][]float64{u}, k)[0])
		equal("tensor's threshold", o.tensors[i][TensorFree+4:][:1], []float64{elem.Threshold([][]float64{u}, float64(k)+0.5)})
		rows, cols := matrix(o.params[i].Shape)
		checkOrderLines(t, o, i, k, rows, cols, equal)
	}
}

func checkOrderLines(t *testing.T, o *Optimizer[float64], i, k, rows, cols int, equal func(string, []float64, []float64)) {
	t.Helper()
	byRow, byCol := make([]float64, rows*cols), make([]float64, rows*cols)
	var row, col, above []float64
	for r := range rows {
		u := o.x[i][r*cols : (r+1)*cols]
		above = append(above, elem.Threshold([][]float64{u}, float64(k)+0.5))
		row = append(row, kth([][]float64{u}, k))
		copy(byRow[r*cols:], top([][]float64{u}, k)[0])
	}
	for c := range cols {
		var u []float64
		for r := range rows {
			u = append(u, o.x[i][r*cols+c])
		}
		col = append(col, kth([][]float64{u}, k))
		for r, m := range top([][]float64{u}, k)[0] {
			byCol[r*cols+c] = m
		}
	}
	equal("rows", o.scratch[1][i], row)
	equal("rows' thresholds", o.scratch[7][i], above)
	equal("columns", o.scratch[2][i], col)
	equal("rows' top", o.scratch[3][i], byRow)
	equal("columns' top", o.scratch[4][i], byCol)
}

// TestRowsOfNothing asks for a statistic of rows without elements: there is none, so it is NaN.
func TestRowsOfNothing(t *testing.T) {
	params, grads := modelOf[float64](rand.New(rand.NewPCG(1, 2)), [][]int{{3, 0}}, 0)
	o, err := New(orderRule(), params, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Step(grads, 0); err != nil {
		t.Fatal(err)
	}
	for _, v := range o.scratch[1][0] {
		if v == v {
			t.Errorf("the smallest of no values is %v", v)
		}
	}
}

// TestStagesAllocateNothing steps rules of every kind of stage after the first steps.
func TestStagesAllocateNothing(t *testing.T) {
	shapes := append(slices.Repeat([][]int{{3, 5}}, 20), []int{70, 50}, []int{300})
	var made atomic.Int64
	for name, rule := range map[string]*Rule{
		"arrays": arraysRule[float64](&made), "order statistics": orderRule(), "lines": stripped(linesRule[float64](elem.ReduceSum)),
		"probes": probeRule[float64](), "products": productRule[float64](), "narrow": narrowRule[float64]("q8", true), "rotation": rotateRule[float64](""),
	} {
		for _, workers := range []int{1, 3} {
			params, grads := modelOf[float64](rand.New(rand.NewPCG(1, 1)), shapes, 0)
			o, err := New(rule, params, nil, Workers(workers), Group(Rank(1), nil))
			if err != nil {
				t.Fatal(err)
			}
			in := Inputs[float64]{Closure: func(grads [][]float64) (float64, error) {
				for i, g := range grads {
					copy(g, params[i].Data)
				}
				return 1, nil
			}}
			var failed error
			run := func() {
				if err := o.StepWith(grads, in); err != nil {
					failed = err
				}
			}
			for range 20 {
				run()
			}
			before := goruntime.NumGoroutine()
			n := testing.AllocsPerRun(30, run)
			if after := goruntime.NumGoroutine(); n != 0 || failed != nil || after > before {
				t.Errorf("%s, %d workers: %g allocations a step, %d goroutines became %d (%v)", name, workers, n, before, after, failed)
			}
		}
	}
}

// stripped has kernels that do nothing.
func stripped(r *Rule) *Rule {
	for _, s := range slices.Concat(r.First, r.Later) {
		if s.Pass != nil {
			s.Pass.Kernels[Go] = func(*Args) {}
		}
	}
	return r
}
