package runtime_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/optc-lang/optc/runtime"
	"github.com/optc-lang/optc/runtime/matrix"
)

// shampoo is L <- L + g g', R <- R + g' g, x <- x - lr L^(-1/4) g R^(-1/4) for matrices, with lr = 1/8 and a ridge, and
// plain descent for all else: Gupta, Koren and Singer 2018, algorithm 1.
func shampoo[T runtime.Float]() *runtime.Rule {
	at := func(kind runtime.StreamKind, index int, e runtime.Extent) runtime.Place {
		return runtime.Place{Kind: kind, Index: index, Extent: e}
	}
	dims := map[runtime.Extent]runtime.Dims{
		runtime.PerElem: {Rows: runtime.Rows, Cols: runtime.Cols}, runtime.PerColRow: {Rows: runtime.Cols, Cols: runtime.Rows},
		runtime.PerRowRow: {Rows: runtime.Rows, Cols: runtime.Rows}, runtime.PerColCol: {Rows: runtime.Cols, Cols: runtime.Cols},
	}
	array := func(op matrix.Func[T], out runtime.Place, params []runtime.Slot, in ...runtime.Place) runtime.Stage {
		a := &runtime.Array{New: matrix.Runner(op), In: in, Out: out, Params: params, Dims: []runtime.Dims{dims[out.Extent]}}
		for _, p := range in {
			a.Dims = append(a.Dims, dims[p.Extent])
		}
		return runtime.Stage{Class: 1, Array: a}
	}
	add := func(class int, scale T, to, from runtime.Place) runtime.Stage {
		kernel := func(a *runtime.Args) {
			to, from := runtime.Slice[T](a, 0), runtime.Slice[T](a, 1)
			for i := range to {
				to[i] += T(scale * from[i])
			}
		}
		return runtime.Stage{Class: class, Pass: &runtime.Pass{Domain: to.Extent, Kernels: [runtime.NumEngines]runtime.Kernel{kernel},
			Streams: []runtime.Stream{{Place: to, Read: true, Write: true}, {Place: from, Read: true}}}}
	}
	x, g := at(runtime.StreamX, 0, runtime.PerElem), at(runtime.StreamGrad, 0, runtime.PerElem)
	l, r := at(runtime.StreamState, 0, runtime.PerRowRow), at(runtime.StreamState, 1, runtime.PerColCol)
	turned, left, right := at(runtime.StreamScratch, 0, runtime.PerColRow), at(runtime.StreamScratch, 1, runtime.PerRowRow), at(runtime.StreamScratch, 2, runtime.PerColCol)
	half, whole := at(runtime.StreamScratch, 3, runtime.PerElem), at(runtime.StreamScratch, 4, runtime.PerElem)
	root := []runtime.Slot{{Value: 4}, {Value: 1e-2}}
	stages := []runtime.Stage{
		array(matrix.Transpose[T], turned, nil, g),
		array(matrix.Mul[T], left, nil, g, turned), add(1, 1, l, left),
		array(matrix.Mul[T], right, nil, turned, g), add(1, 1, r, right),
		array(matrix.InvRoot[T], left, root, l), array(matrix.InvRoot[T], right, root, r),
		array(matrix.Mul[T], half, nil, left, g), array(matrix.Mul[T], whole, nil, half, right),
		add(1, -0.125, x, whole), add(0, -0.125, x, g),
	}
	all, none := slices.Repeat([]bool{true}, 5), make([]bool, 5)
	return &runtime.Rule{
		Name: "shampoo", Digest: "5a", ReadsGrad: true, ElemBytes: int(unsafe.Sizeof(T(0))),
		States:     []runtime.State{{Name: "L", Extent: runtime.PerRowRow}, {Name: "R", Extent: runtime.PerColCol}},
		ModelSlots: runtime.ModelFree, GroupSlots: runtime.GroupHypers, TensorSlots: runtime.TensorFree,
		Class:   func(_ string, p []float64) int { return min(1, int(p[runtime.TensorRank])/2) },
		Classes: []runtime.Class{{States: none[:2], Scratch: none}, {States: all[:2], Scratch: all}},
		Scratch: []runtime.Extent{runtime.PerColRow, runtime.PerRowRow, runtime.PerColCol, runtime.PerElem, runtime.PerElem},
		First:   stages, Later: stages,
	}
}

func randomModel[T runtime.Float](rng *rand.Rand, shapes [][]int) (params []runtime.Param[T], grads [][]T) {
	for i, shape := range shapes {
		n := 1
		for _, d := range shape {
			n *= d
		}
		x, g := make([]T, n), make([]T, n)
		for k := range x {
			x[k], g[k] = T(rng.NormFloat64()), T(rng.NormFloat64())
		}
		params, grads = append(params, runtime.Param[T]{Name: fmt.Sprint("p", i), Shape: shape, Data: x}), append(grads, g)
	}
	return params, grads
}

// TestShampooInBlocks holds real roots of blocks to those of parameters cut beforehand, by the exported API alone.
func TestShampooInBlocks(t *testing.T) {
	t.Run("float32", testShampooInBlocks[float32])
	t.Run("float64", testShampooInBlocks[float64])
}

func testShampooInBlocks[T runtime.Float](t *testing.T) {
	for _, workers := range []int{1, 5} {
		rng := rand.New(rand.NewPCG(5, uint64(workers)))
		params, grads := randomModel[T](rng, [][]int{{50, 41}, {9}, {48, 32}, {17, 3, 11}, {}, {6, 7}, {0, 20}})
		w := runtime.NewTwin(params, 16)
		o, errO := runtime.New(shampoo[T](), params, nil, runtime.Blocks(16), runtime.Workers(workers))
		p, errP := runtime.New(shampoo[T](), w.Params, nil, runtime.Workers(1))
		if errO != nil || errP != nil {
			t.Fatal(errO, errP)
		}
		step := func() {
			if err := o.Step(grads, 0); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			step()
			if err := p.Step(w.Cut(grads), 0); err != nil {
				t.Fatal(err)
			}
			var pieces [][]T
			for _, q := range w.Params {
				pieces = append(pieces, q.Data)
			}
			for i, want := range w.Join(pieces) {
				if !slices.Equal(want, params[i].Data) { // so no NaN either
					t.Fatalf("%d workers, shape %v: other bits than of parameters cut beforehand", workers, params[i].Shape)
				}
			}
			for _, name := range []string{"L", "R"} {
				v, errV := o.StateValue(name)
				u, errU := p.StateValue(name)
				if errV != nil || errU != nil || !slices.EqualFunc(v.Arrays, u.Arrays, slices.Equal) {
					t.Fatalf("%d workers: state %s differs", workers, name)
				}
			}
		}
		if n := runtime.SettledAllocs(step); n != 0 {
			t.Errorf("%d workers: %g allocations a step", workers, n)
		}
	}
}

// BenchmarkShampoo is a step with both roots of a square matrix, whole and in blocks.
func BenchmarkShampoo(b *testing.B) {
	for _, side := range []int{512, 2048} {
		for _, n := range slices.Compact([]int{side, 512, 256, 128}) {
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("side=%d/blocks=%d/workers=%d", side, n, workers), func(b *testing.B) {
					params, grads := randomModel[float32](rand.New(rand.NewPCG(5, 5)), [][]int{{side, side}})
					o, err := runtime.New(shampoo[float32](), params, nil, runtime.Blocks(n), runtime.Workers(workers))
					if err != nil {
						b.Fatal(err)
					}
					for b.Loop() {
						if err := o.Step(grads, 0); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
