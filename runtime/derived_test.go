package runtime

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// derivedRule takes an order statistic of |g - c*x|, c of the tensor, and adds to x, where its mask has an element, what the
// pass has computed and the statistics, and takes 1 from it elsewhere.
func derivedRule[T Float](per Extent) *Rule {
	c, k := tensorSlot(TensorFree), Slot{Extent: PerModel, Index: ModelFree}
	to, above := Slot{Extent: per, Index: TensorFree + 1}, Slot{Extent: per, Index: TensorFree + 2}
	if per == PerModel {
		to.Index, above.Index = ModelFree+1, ModelFree+2
	}
	u, mask := at(StreamScratch, 0, PerElem), at(StreamScratch, 1, PerElem)
	size := func(a *Args) {
		x, g, u, c := Slice[T](a, 0), Slice[T](a, 1), Slice[T](a, 2), Scalar[T](a, 0)
		for i := range u {
			u[i] = max(g[i]-T(c*x[i]), T(c*x[i])-g[i])
		}
	}
	move := func(a *Args) {
		x, u, mask := Slice[T](a, 0), Slice[T](a, 1), Slice[T](a, 2)
		for i := range x {
			if mask[i] != 0 {
				x[i] += u[i] + Scalar[T](a, 0) + Scalar[T](a, 1)
			} else {
				x[i]--
			}
		}
	}
	bare := func(a *Args) {
		for i, x := 0, Slice[T](a, 0); i < len(x); i++ {
			x[i]--
		}
	}
	orders := []Stage{
		{Order: of(Order{Per: per, Top: true, Out: mask, In: []Place{u}, K: k, If: []*Slot{nil}})},
		{Order: of(Order{Per: per, To: &to, In: []Place{u}, K: k, If: []*Slot{nil}})},
		{Order: of(Order{Per: per, To: &above, Stat: elem.StatThreshold, In: []Place{u}, K: k, If: []*Slot{nil}})},
	}
	stages := append([]Stage{
		{Tensor: func(_, _, p []float64) { p[TensorFree] = 0.5 }},
		{Pass: &Pass{Domain: PerElem, Kernels: [NumEngines]Kernel{Go: size}, Scalars: []Slot{c},
			Streams: []Stream{reads(StreamX, 0), reads(StreamGrad, 0), writes(StreamScratch, 0)}}},
		// The scalars of what is computed later stay those of before.
		{Tensor: func(_, _, p []float64) { p[TensorFree] = 7 }},
	}, orders...)
	stages = append(stages, Stage{Pass: &Pass{Domain: PerElem, Kernels: [NumEngines]Kernel{Go: move}, Scalars: []Slot{to, above},
		Streams: []Stream{updates(StreamX, 0), reads(StreamScratch, 0), reads(StreamScratch, 1)},
		Bare:    &BarePass{Mask: 2, Kernels: [NumEngines]Kernel{Go: bare}, Idle: []int{1, 2}}}})
	r := bareRule[T](stages...)
	r.Scratch = []Extent{PerElem, PerElem}
	r.Givens, r.GivenSlots = []Given{{Name: "k", Extent: PerModel}}, []int{ModelFree}
	return r
}

// derivedStep is a step of derivedRule with all arrays in memory.
func derivedStep[T Float](per Extent, x, g [][]T, k float64) {
	u, mask := clone(x), clone(x)
	for i := range x {
		for j := range x[i] {
			u[i][j] = max(g[i][j]-T(0.5*x[i][j]), T(0.5*x[i][j])-g[i][j])
		}
	}
	over := func(x, u, mask [][]T) {
		elem.TopK(mask, u, elem.Rank(k))
		to, above := T(elem.Statistic(elem.StatKth, u, k)), T(elem.Statistic(elem.StatThreshold, u, k))
		for i := range x {
			for j := range x[i] {
				if mask[i][j] != 0 {
					x[i][j] += u[i][j] + to + above
				} else {
					x[i][j]--
				}
			}
		}
	}
	if per == PerModel {
		over(x, u, mask)
		return
	}
	for i := range x {
		over(x[i:i+1], u[i:i+1], mask[i:i+1])
	}
}

func testDerived[T Float](t *testing.T) {
	sizes := []int{10, leastMade, chunkElements + 77, 5000}
	for _, per := range []Extent{PerTensor, PerModel} {
		r := rand.New(rand.NewPCG(5, 6))
		for name := range selections[T](r, 100) {
			var params []Param[T]
			var x, g [][]T
			for i, n := range sizes {
				u := selections[T](r, n)[name]
				g, x = append(g, u), append(x, make([]T, n))
				for k := range x[i] {
					x[i][k] = T(r.IntN(2))
				}
				params = append(params, Param[T]{fmt.Sprint(i), []int{n}, x[i]})
			}
			want := clone(x)
			o, err := New(derivedRule[T](per), params, nil, Workers(1+r.IntN(3)))
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range []float64{1, 2, 40, 3000, leastMade - 5, 1e9, 0} {
				if err := o.StepWith(g, Inputs[T]{Given: []GivenValue[T]{{Model: k}}}); err != nil {
					t.Fatal(err)
				}
				if derivedStep(per, want, g, k); !same(x, want) {
					t.Fatalf("%s, per %v, k = %v: other bits", name, per, k)
				}
			}
		}
	}
}

// TestBare: along a tensor of which two elements are marked all but their blocks is left to the bare kernel, which is not told
// of the mask; of many marked ones, or of a short tensor, nothing is.
func TestBare(t *testing.T) {
	const n = chunkElements + 3*elem.Block + 77
	for _, c := range []struct{ n, k, bare int }{{n, 2, n - elem.Block - n%elem.Block}, {n, mostFew + 1, 0}, {leastMade - 1, 2, 0}} {
		rule, ran := derivedRule[float32](PerTensor), 0
		pass := rule.First[len(rule.First)-1].Pass
		bare := pass.Bare.Kernels[Go]
		pass.Bare.Kernels[Go] = func(a *Args) { ran += a.N; bare(a) }
		x, g := make([]float32, c.n), make([]float32, c.n)
		for i := range g {
			g[i] = float32(i%100) / 256
		}
		g[5*elem.Block-1], g[c.n-1] = 3, 2
		want := [][]float32{make([]float32, c.n)}
		o, err := New(rule, []Param[float32]{{"x", []int{c.n}, x}}, nil, Workers(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := o.StepWith([][]float32{g}, Inputs[float32]{Given: []GivenValue[float32]{{Model: float64(c.k)}}}); err != nil {
			t.Fatal(err)
		}
		derivedStep(PerTensor, want, [][]float32{g}, float64(c.k))
		if !same([][]float32{x}, want) {
			t.Errorf("%d of %d elements marked: other bits", c.k, c.n)
		}
		if ran != c.bare {
			t.Errorf("%d of %d elements marked: the bare kernel ran along %d, want %d", c.k, c.n, ran, c.bare)
		}
	}
}

// TestOrderByAllWorkers: while one worker is in a piece of a selection's walk, another one comes to a piece of its own.
func TestOrderByAllWorkers(t *testing.T) {
	const n = 8 * chunkElements
	g := make([]float32, n)
	for i := range g {
		g[i] = float32(i % 1000)
	}
	rule := derivedRule[float32](PerTensor)
	pass := rule.First[1].Pass
	own := pass.Kernels[Go]
	var first atomic.Pointer[Args]
	met := make(chan struct{})
	var once sync.Once
	pass.Kernels[Go] = func(a *Args) {
		switch {
		case uintptr(a.Ptr[1])-uintptr(unsafe.Pointer(&g[0])) >= 4*n: // a sample, which is gathered elsewhere
		case first.CompareAndSwap(nil, a):
			select {
			case <-met:
			case <-time.After(time.Minute):
				t.Error("one worker goes along all pieces")
			}
		case first.Load() != a:
			once.Do(func() { close(met) })
		}
		own(a)
	}
	o, err := New(rule, []Param[float32]{{"x", []int{n}, make([]float32, n)}}, nil, Workers(2))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.StepWith([][]float32{g}, Inputs[float32]{Given: []GivenValue[float32]{{Model: 3}}}); err != nil {
		t.Fatal(err)
	}
}

// TestDerived holds what is made piece by piece to arrays in memory, by bits.
func TestDerived(t *testing.T) {
	t.Run("float32", testDerived[float32])
	t.Run("float64", testDerived[float64])
}

// TestDerives: the arrays of the rule are made piece by piece, and are in memory where something changes in between or another
// stage needs them.
func TestDerives(t *testing.T) {
	derives := func(change func(r *Rule)) (made, masks int) {
		r := derivedRule[float32](PerTensor)
		change(r)
		r.Later = r.First
		o, err := New(r, []Param[float32]{{"x", []int{leastMade}, make([]float32, leastMade)}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range o.first {
			if s.derives != nil {
				made++
			}
			for _, d := range s.masks {
				if d != nil {
					masks++
				}
			}
		}
		return made, masks
	}
	nothing := func(*Args) {}
	pass := func(streams ...Stream) Stage {
		return Stage{Pass: &Pass{Domain: PerElem, Kernels: [NumEngines]Kernel{Go: nothing}, Streams: streams}}
	}
	insert := func(at int, s Stage) func(*Rule) {
		return func(r *Rule) { r.First = append(r.First[:at:at], append([]Stage{s}, r.First[at:]...)...) }
	}
	for name, c := range map[string]struct {
		change      func(*Rule)
		made, masks int
	}{
		"as it is":             {func(*Rule) {}, 1, 1},
		"x changes before":     {insert(4, pass(updates(StreamX, 0))), 0, 0},
		"x changes after":      {insert(7, pass(updates(StreamX, 0))), 1, 1},
		"u is overwritten":     {insert(7, pass(writes(StreamScratch, 0))), 1, 1},
		"a column pass":        {insert(6, Stage{Order: of(Order{Per: PerRow, Out: at(StreamScratch, 2, PerRow), In: []Place{at(StreamScratch, 0, PerElem)}, K: Slot{Value: 1}, If: []*Slot{nil}})}), 0, 0},
		"the mask is computed": {insert(6, pass(updates(StreamScratch, 1))), 1, 0},
		"no order": {func(r *Rule) {
			r.First = append(r.First[:3:3], pass(updates(StreamX, 0), reads(StreamScratch, 0)))
		}, 0, 0},
		"two arrays": {func(r *Rule) {
			p := *r.First[1].Pass
			p.Streams = append(p.Streams[:3:3], writes(StreamScratch, 1))
			r.First[1].Pass = &p
		}, 0, 0},
	} {
		made, masks := derives(func(r *Rule) { r.Scratch = append(r.Scratch, PerRow); c.change(r) })
		if made != c.made || masks != c.masks {
			t.Errorf("%s: %d arrays and %d masks are made piece by piece, want %d and %d", name, made, masks, c.made, c.masks)
		}
	}
}

// TestMarked holds masks of pieces to that of the whole, wherever the last of equals is.
func TestMarked(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	values := []float32{float32(math.Inf(-1)), -math.MaxFloat32, -1, -1e-45, float32(math.Copysign(0, -1)), 0, 1e-45, 1, math.MaxFloat32, float32(math.Inf(1))}
	u := make([]float32, 200)
	for range 300 {
		for i := range u {
			u[i] = values[r.IntN(len(values))]
		}
		least := values[r.IntN(len(values))]
		m := marked[float32]{least: least, until: r.IntN(len(u) + 1)}
		want, got := make([]float32, len(u)), make([]float32, len(u))
		ties := 0
		for _, x := range u[:m.until] {
			if math.Float32bits(x) == math.Float32bits(least) {
				ties++
			}
		}
		elem.Mark(want, u, least, ties)
		for at := 0; at < len(u); {
			n := min(1+r.IntN(60), len(u)-at)
			m.mark(got[at:at+n], u[at:at+n], at)
			at += n
		}
		if !same([][]float32{got}, [][]float32{want}) {
			t.Fatalf("from %v, of equals before %d: %v of %v", least, m.until, got, u)
		}
	}
}
