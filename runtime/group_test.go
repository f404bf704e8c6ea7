package runtime

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/optc-lang/optc/runtime/elem"
)

// groupShapes are matrices whose pieces begin and end in every way: rows shorter and longer than a piece, a block, a chunk
// and the cache.
var groupShapes = [][]int{{2, 65569}, {3, 50000}, {70, 20000}, {}, {1}, {0}, {3, 0}, {0, 3}, {7}, {3, 5}, {31, 64}, {32, 33}, {33, 32}, {2000, 3}, {3, 1000}, {70, 1000}, {2, 70000},
	{70000, 2}, {1, 300000}, {2, 400000}, {300000}, {65, 2048}, {100, 1024}, {3, 8192}}

// normsRule divides by the norm of each row of a scratch array, in passes that may run together: elements, rows, elements by
// rows, and elements that are also reduced over the tensor. With apart, step values between them keep them from it.
func normsRule[T Float](apart bool) *Rule {
	squares := &Pass{
		Domain: PerElem, ByRows: true,
		Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			x, g, z, col := Slice[T](a, 0), Slice[T](a, 1), Slice[T](a, 2), Slice[T](a, 3)
			part := Partials(a, 1)
			for i := range x {
				z[i] = x[i] - T(g[i]/4)
				col[i] += z[i]
			}
			for b := range part {
				part[b] = elem.ReduceBlock(elem.ReduceMax, z[b*elem.Block:min(len(z), (b+1)*elem.Block)])
			}
		}},
		Streams: []Stream{reads(StreamX, 0), reads(StreamGrad, 0), writes(StreamScratch, 0),
			{Place: at(StreamCollect, 3, PerCol), Read: true, Write: true}},
		RowReductions: []Collect{{Kind: elem.ReduceMax, To: at(StreamScratch, 1, PerRow)}},
		Collects:      []Collect{{elem.ReduceSum, 3, at(StreamScratch, 3, PerCol)}},
	}
	rows := &Pass{
		Domain: PerRow,
		Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			top, out := Slice[T](a, 0), Slice[T](a, 1)
			for i := range top {
				out[i] = 1 / (2 + top[i]*top[i])
			}
		}},
		Streams: []Stream{{Place: at(StreamScratch, 1, PerRow), Read: true}, {Place: at(StreamScratch, 2, PerRow), Write: true}},
	}
	scale := &Pass{
		Domain: PerElem, ByRows: true,
		Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			z, by, part := Slice[T](a, 0), Scalar[T](a, 0), Partials(a, 1)
			for i := range z {
				z[i] *= by
			}
			for b := range part {
				part[b] = elem.ReduceBlock(elem.ReduceSum, z[b*elem.Block:min(len(z), (b+1)*elem.Block)])
			}
		}},
		Streams:       []Stream{{Place: at(StreamScratch, 0, PerElem), Read: true, Write: true}},
		RowScalars:    []Place{at(StreamScratch, 2, PerRow)},
		RowReductions: []Collect{{Kind: elem.ReduceSum, To: at(StreamScratch, 1, PerRow)}}, // over what the passes before have read
	}
	store := &Pass{
		Domain: PerElem,
		Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			x, z, row, noise, part := Slice[T](a, 0), Slice[T](a, 1), Slice[T](a, 2), Slice[T](a, 3), Partials(a, 1)
			for i := range x {
				x[i] = z[i] + row[i]*noise[i]
			}
			for b := range part {
				part[b] = elem.ReduceBlock(elem.ReduceSum, x[b*elem.Block:min(len(x), (b+1)*elem.Block)])
			}
		}},
		Streams: []Stream{writes(StreamX, 0), reads(StreamScratch, 0), {Place: at(StreamScratch, 1, PerRow), Read: true},
			{Place: Place{Kind: StreamDraw, Index: 3, Extent: PerElem, Draw: "uniform"}, Read: true}},
		Reductions: []Reduction{{elem.ReduceSum, tensorSlot(TensorFree)}},
	}
	columns := &Pass{ // which nothing lets run with them: columns are known at the end
		Domain: PerElem, ByRows: true,
		Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			x, col := Slice[T](a, 0), Slice[T](a, 1)
			for i := range x {
				x[i] += T(col[i] / 1024)
			}
		}},
		Streams: []Stream{{Place: at(StreamX, 0, PerElem), Read: true, Write: true}, {Place: at(StreamScratch, 3, PerCol), Read: true}},
	}
	var stages []Stage
	for i, p := range []*Pass{squares, rows, scale, store, columns} {
		if apart && i > 0 {
			stages = append(stages, Stage{Model: func([]float64) {}})
		}
		stages = append(stages, Stage{Pass: p})
	}
	r := bareRule[T](stages...)
	r.Draws, r.Scratch = true, []Extent{PerElem, PerRow, PerRow, PerCol}
	return r
}

// TestGroups holds passes that run together to the same passes one by one, bit for bit.
func TestGroups(t *testing.T) {
	t.Run("float32", testGroups[float32])
	t.Run("float64", testGroups[float64])
}

func testGroups[T Float](t *testing.T) {
	run := func(apart bool, workers int) (*Optimizer[T], [][]T) {
		params, grads := modelOf[T](rand.New(rand.NewPCG(8, 8)), groupShapes, 50)
		o, err := New(normsRule[T](apart), params, nil, Workers(workers), Seed(3))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := o.Step(grads, 0); err != nil {
				t.Fatal(err)
			}
		}
		return o, dataOf(params)
	}
	o, want := run(true, 1)
	for _, s := range o.first {
		if s.group != nil && len(s.group.passes) > 1 {
			t.Fatal("what stands apart runs together")
		}
	}
	var pieces []int
	for _, workers := range []int{1, 2, 5} {
		together, got := run(false, workers)
		if n := len(together.first[0].group.passes); len(together.first) != 2 || n != 4 {
			t.Fatalf("%d stages, the first of %d passes", len(together.first), n)
		}
		if !same(want, got) || !same(o.tensors, together.tensors) {
			t.Errorf("%d workers: other bits than one by one", workers)
		}
		pieces = together.first[0].group.pieces
	}
	fit, not := 0, 0
	for _, n := range pieces {
		if n > 0 {
			fit++
		} else {
			not++
		}
	}
	if fit < 10 || not < 3 {
		t.Errorf("%d tensors run together, %d do not: the shapes test too little", fit, not)
	}
}

// TestColumnsAreNotShared holds that no two workers add up rows in one place: where a pass that reduces per column runs alone,
// the rows that share it are one chunk's.
func TestColumnsAreNotShared(t *testing.T) {
	params, _ := modelOf[float32](rand.New(rand.NewPCG(8, 8)), append([][]int{{40, 150000}, {33, 60000}, {3, 200001}}, groupShapes...), 50)
	o, err := New(normsRule[float32](false), params, nil, Workers(5))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, s := range o.first[0].group.alone {
		for _, c := range s.cuts.chunks {
			_, cols := o.matrix(PerElem, c.param)
			if !s.isByCols() || c.n == 0 {
				continue
			}
			seen++
			if c.from%(elem.ColRows*cols) != 0 {
				t.Errorf("%v: a chunk starts at row %d, column %d", params[c.param].Shape, c.from/cols, c.from%cols)
			}
		}
	}
	if seen < 3 {
		t.Errorf("only %d chunks", seen)
	}
}

// TestGroupsWait holds that a pass does not join those of which it needs what is known at their end, nor those with which it
// shares nothing.
func TestGroupsWait(t *testing.T) {
	base := func() []stage[float32] {
		rule := normsRule[float32](false)
		var stages []stage[float32]
		for i := range rule.First {
			stages = append(stages, stage[float32]{Stage: &rule.First[i]})
		}
		return stages
	}
	for what, change := range map[string]func([]stage[float32]){
		"a reduction per tensor is a scalar": func(s []stage[float32]) {
			s[0].Pass.Reductions = []Reduction{{elem.ReduceSum, tensorSlot(TensorFree)}}
			s[2].Pass.Scalars = []Slot{tensorSlot(TensorFree)}
		},
		"a reduction per tensor is a condition": func(s []stage[float32]) {
			s[0].Pass.Reductions = []Reduction{{elem.ReduceSum, tensorSlot(TensorFree)}}
			s[2].Pass.Cases = []PassCase{{If: tensorSlot(TensorFree)}}
		},
		"a reduction per column is read": func(s []stage[float32]) {
			s[2].Pass.Streams = append(s[2].Pass.Streams, Stream{Place: at(StreamScratch, 3, PerCol), Read: true})
		},
		"another reduction goes to the same columns": func(s []stage[float32]) { s[2].Pass.Collects = slices.Clone(s[0].Pass.Collects) },
		"no array is shared":                         func(s []stage[float32]) { s[2].Pass.Streams[0].Index = 7 },
		"rows are reduced over the tensor": func(s []stage[float32]) {
			s[1].Pass.Reductions = []Reduction{{elem.ReduceSum, tensorSlot(TensorFree)}}
		},
		"a step value stands between": func(s []stage[float32]) { s[1].Stage = &Stage{Model: func([]float64) {}} },
	} {
		stages := base()
		change(stages)
		if out := groups(stages); out[0].group == nil || len(out[0].group.passes) != 1 {
			t.Errorf("%s: they run together", what)
		}
	}
	stages := base()
	other := stage[float32]{Stage: &Stage{Class: 1, Pass: stages[4].Pass}}
	out := groups(slices.Insert(stages, 1, other))
	if len(out) != 3 || len(out[0].group.passes) != 4 || out[1].Class != 1 {
		t.Error(fmt.Sprint("a pass of other tensors keeps passes apart: ", len(out)))
	}
}
