package runtime

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/runtime/elem"
)

// bareRule is a rule of some stages, without states.
func bareRule[T Float](stages ...Stage) *Rule {
	return &Rule{Name: "bare", Digest: "ba", ReadsGrad: true, ElemBytes: int(unsafe.Sizeof(T(0))),
		ModelSlots: ModelFree + 8, GroupSlots: GroupHypers + 8, TensorSlots: TensorFree + 8, First: stages, Later: stages}
}

func at(kind StreamKind, index int, e Extent) Place {
	return Place{Kind: kind, Index: index, Extent: e}
}

// lineShapes are shapes whose rows and columns lie in every way across blocks, windows and chunks.
var lineShapes = [][]int{{}, {1}, {0}, {3, 0}, {0, 3}, {7}, {3, 5}, {1000, 3}, {3, 1000}, {70, 1000}, {2, 70000}, {70000, 2}, {2, 3, 4},
	{3, 2, 2, 5}, {2, 1, 3, 1, 7}, {1024, 2}, {2, 1024}, {1, 65537}, {65537, 1}, {2048}, {33, 2048}}

func modelOf[T Float](rng *rand.Rand, shapes [][]int, odds int) ([]Param[T], [][]T) {
	params := testParams[T](rng, shapes)
	grads := make([][]T, len(params))
	for i := range params {
		grads[i] = make([]T, len(params[i].Data))
		randrule.Fill(rng, params[i].Data, odds)
		randrule.Fill(rng, grads[i], odds)
	}
	return params, grads
}

// linesRule collects x per row and per column by a reduction, and g likewise, in one pass that also reads rows, columns
// and draws; then it adds what it collected up in x.
func linesRule[T Float](kind elem.Reduction) *Rule {
	collect := &Pass{
		Domain: PerElem,
		Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			x, g := Slice[T](a, 0), Slice[T](a, 1)
			copy(Slice[T](a, 2), x)
			copy(Slice[T](a, 3), x)
			copy(Slice[T](a, 4), g)
			part := Partials(a, 1)
			for b := range part {
				part[b] = elem.ReduceBlock(kind, x[b*elem.Block:min(len(x), (b+1)*elem.Block)])
			}
		}},
		Streams: []Stream{reads(StreamX, 0), reads(StreamGrad, 0), writes(StreamCollect, 2), writes(StreamCollect, 3), writes(StreamCollect, 4)},
		Collects: []Collect{{kind, 2, at(StreamScratch, 0, PerRow)}, {kind, 3, at(StreamScratch, 1, PerCol)},
			{elem.ReduceSum, 4, at(StreamScratch, 2, PerCol)}},
		Reductions: []Reduction{{kind, tensorSlot(TensorFree)}},
	}
	spread := func(e Extent, i int) Stream { return Stream{Place: at(StreamScratch, i, e), Read: true} }
	draw := func(kind string, site int, e Extent) Stream {
		return Stream{Place: Place{Kind: StreamDraw, Index: site, Extent: e, Draw: kind}, Read: true}
	}
	over := &Pass{ // rows: doubled, with a draw each
		Domain: PerRow,
		Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			row, random, out := Slice[T](a, 0), Slice[T](a, 1), Slice[T](a, 2)
			for i := range row {
				out[i] = T(row[i]*2) + random[i]
			}
		}},
		Streams: []Stream{spread(PerRow, 0), draw("normal", 5, PerRow), {Place: at(StreamScratch, 3, PerRow), Write: true}},
	}
	add := &Pass{
		Domain: PerElem,
		Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			x, r, c, d, n, u, s := Slice[T](a, 0), Slice[T](a, 1), Slice[T](a, 2), Slice[T](a, 3), Slice[T](a, 4), Slice[T](a, 5), Slice[T](a, 6)
			for i := range x {
				x[i] = lineElement(r[i], c[i], d[i], n[i], u[i], s[i])
			}
		}},
		Streams: []Stream{writes(StreamX, 0), spread(PerRow, 3), spread(PerCol, 1), spread(PerCol, 2),
			draw("normal", 1, PerElem), draw("uniform", 2, PerElem), draw("rademacher", 3, PerElem)},
	}
	r := bareRule[T](Stage{Pass: collect}, Stage{Pass: over}, Stage{Pass: add})
	r.Draws, r.Scratch = true, []Extent{PerRow, PerCol, PerCol, PerRow}
	return r
}

func lineElement[T Float](r, c, d, n, u, s T) T { return T(r*s) + (c - d) + T(n*u) }

// linesReference is what linesRule makes of one tensor in a step.
func linesReference[T Float](kind elem.Reduction, s elem.Stream, rows, cols int, x, g []T) []T {
	row, col, sum := make([]float64, rows), make([]float64, cols), make([]float64, cols)
	elem.ReduceRows(kind, row, x, cols)
	elem.ReduceCols(kind, col, x, rows)
	elem.ReduceCols(elem.ReduceSum, sum, g, rows)
	draw := func(f func([]T, elem.Stream, int), site uint32, n int) []T {
		u := make([]T, n)
		s.Site = site
		f(u, s, 0)
		return u
	}
	n, u, sign := draw(elem.Normal[T], 1, len(x)), draw(elem.Uniform[T], 2, len(x)), draw(elem.Rademacher[T], 3, len(x))
	each := draw(elem.Normal[T], 5, rows)
	out := make([]T, len(x))
	for i := range out {
		r := T(T(row[i/cols])*2) + each[i/cols]
		out[i] = lineElement(r, T(col[i%cols]), T(sum[i%cols]), n[i], u[i], sign[i])
	}
	return out
}

func TestLines(t *testing.T) {
	for _, kind := range []elem.Reduction{elem.ReduceSum, elem.ReduceMin, elem.ReduceMax} {
		t.Run(fmt.Sprint("float32 ", kind), func(t *testing.T) { testLines[float32](t, kind) })
		t.Run(fmt.Sprint("float64 ", kind), func(t *testing.T) { testLines[float64](t, kind) })
	}
}

func testLines[T Float](t *testing.T, kind elem.Reduction) {
	for i, workers := range []int{1, 5} {
		rng := rand.New(rand.NewPCG(uint64(kind), 7))
		params, grads := modelOf[T](rng, lineShapes, []int{30, 0}[i])
		o, err := New(linesRule[T](kind), params, nil, Workers(workers), Seed(77))
		if err != nil {
			t.Fatal(err)
		}
		for step := uint64(1); step <= 2; step++ {
			var want [][]T
			var reduced []float64
			for k, p := range params {
				rows, cols := matrix(p.Shape)
				want = append(want, linesReference(kind, elem.Stream{Seed: 77, Step: step, Tensor: uint32(k)}, rows, cols, p.Data, grads[k]))
				reduced = append(reduced, elem.Reduce(kind, p.Data))
			}
			if err := o.Step(grads, 0); err != nil {
				t.Fatal(err)
			}
			for k, p := range params {
				if !same([][]T{want[k]}, [][]T{p.Data}) || !same([][]float64{{reduced[k]}}, [][]float64{{o.tensors[k][TensorFree]}}) {
					t.Fatalf("%d workers, step %d, shape %v: other bits than of the reference", workers, step, p.Shape)
				}
			}
			if step == 1 { // the second step reduces what the first one made
				for k := range params {
					randrule.Fill(rng, params[k].Data, 0)
				}
			}
		}
	}
}

// TestLinesOfAClass holds that a pass with collects leaves the tensors of other classes alone.
func TestLinesOfAClass(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	params, grads := modelOf[float32](rng, lineShapes, 0)
	rule := linesRule[float32](elem.ReduceSum)
	rule.Class = func(_ string, p []float64) int { return int(p[TensorRank]) % 2 }
	rule.Classes = []Class{{Scratch: make([]bool, 4)}, {Scratch: all(4)}}
	for i := range rule.First {
		rule.First[i].Class = 1
	}
	before := clone(dataOf(params))
	o, err := New(rule, params, nil, Workers(3), Seed(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Step(grads, 0); err != nil {
		t.Fatal(err)
	}
	for k, p := range params {
		want := before[k]
		if len(p.Shape)%2 == 1 {
			rows, cols := matrix(p.Shape)
			want = linesReference(elem.ReduceSum, elem.Stream{Seed: 1, Step: 1, Tensor: uint32(k)}, rows, cols, before[k], grads[k])
		}
		if !same([][]float32{want}, [][]float32{p.Data}) {
			t.Errorf("shape %v: other bits than of the reference", p.Shape)
		}
		for i, s := range o.scratch {
			if n := len(s[k]); len(p.Shape)%2 == 0 && n > 0 {
				t.Errorf("shape %v has %d values of scratch %d, which its class does not need", p.Shape, n, i)
			}
		}
	}
}

// TestSeed holds that random values follow from the seed and the step alone.
func TestSeed(t *testing.T) {
	run := func(seed uint64, steps, workers int) [][]float32 {
		params, grads := modelOf[float32](rand.New(rand.NewPCG(1, 1)), [][]int{{40, 50}, {70000}}, 0)
		o, err := New(linesRule[float32](elem.ReduceSum), params, nil, Seed(seed), Workers(workers))
		if err != nil {
			t.Fatal(err)
		}
		for range steps {
			if err := o.Step(grads, 0); err != nil {
				t.Fatal(err)
			}
		}
		return dataOf(params)
	}
	if !same(run(5, 3, 1), run(5, 3, 4)) {
		t.Error("one seed, other workers: other values")
	}
	if same(run(5, 1, 1), run(6, 1, 1)) || same(run(5, 1, 1), run(5, 2, 1)) || !same(run(0, 2, 1), run(0, 2, 2)) {
		t.Error("seeds or steps make no difference")
	}
}

// TestStepDraws holds the random step values of every extent to their addresses.
func TestStepDraws(t *testing.T) {
	rule := bareRule[float64](Stage{Model: func([]float64) {}})
	for e := PerModel; e <= PerTensor; e++ {
		for k, kind := range []string{"normal", "uniform", "rademacher"} {
			slot := Slot{Extent: e, Index: ModelFree + k}
			rule.StepDraws = append(rule.StepDraws, StepDraw{Draw: kind, Site: 10*int(e) + k, To: slot})
		}
	}
	params, grads := modelOf[float64](rand.New(rand.NewPCG(1, 1)), [][]int{{2}, {3, 4}, {5}}, 0)
	o, err := New(rule, params, nil, Group(Rank(2), nil), Seed(9))
	if err != nil {
		t.Fatal(err)
	}
	for step := uint64(1); step <= 3; step++ {
		if err := o.Step(grads, 0); err != nil {
			t.Fatal(err)
		}
		for _, d := range rule.StepDraws {
			for i, frame := range o.framesOf(d.To.Extent) {
				want := elem.DrawStep(d.Draw, elem.Stream{Seed: 9, Step: step, Tensor: uint32(i), Site: uint32(d.Site)})
				if got := frame[d.To.Index]; got != want {
					t.Errorf("step %d, %s of extent %d, unit %d: %v, want %v", step, d.Draw, d.To.Extent, i, got, want)
				}
			}
		}
	}
}
