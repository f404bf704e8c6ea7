package runtime

import (
	"math"
	"math/rand/v2"
	"slices"
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// Rules as generated code would write them, each with a plain reference beside it.

var positive = Hyper{Name: "lr", Default: 0.01, Lo: 0, Hi: math.Inf(1), OpenLo: true, OpenHi: true}

// adam has states and hyperparameters, and no value finer than a group but elements.
func adam[T Float]() *Rule {
	kernel := func(a *Args) {
		x, g, m, v := Slice[T](a, 0), Slice[T](a, 1), Slice[T](a, 2), Slice[T](a, 3)
		lr, b1, b2, eps := Scalar[T](a, 0), Scalar[T](a, 1), Scalar[T](a, 2), Scalar[T](a, 3)
		c1, c2, one := Scalar[T](a, 4), Scalar[T](a, 5), Scalar[T](a, 6)
		for i := range x {
			m[i], v[i], x[i] = adamElement(x[i], g[i], m[i], v[i], lr, b1, b2, eps, c1, c2, one)
		}
	}
	group := func(i int) Slot { return Slot{Extent: PerGroup, Index: GroupHypers + i} }
	pass := &Pass{
		Domain:  PerElem,
		Kernels: [NumEngines]Kernel{Go: kernel},
		Streams: []Stream{updates(StreamX, 0), reads(StreamGrad, 0), updates(StreamState, 0), updates(StreamState, 1)},
		Scalars: []Slot{group(0), group(1), group(2), group(3), group(4), group(5), {Value: 1}},
	}
	stages := []Stage{
		{Group: func(m, g []float64) {
			g[GroupHypers+4] = 1 - math.Pow(g[GroupHypers+1], m[ModelT])
			g[GroupHypers+5] = 1 - math.Pow(g[GroupHypers+2], m[ModelT])
		}},
		{Pass: pass},
	}
	return &Rule{
		Name: "adam", Digest: "ad", ReadsGrad: true, ElemBytes: int(unsafe.Sizeof(T(0))),
		Hypers: []Hyper{positive,
			{Name: "beta1", Default: 0.9, Hi: 1, OpenHi: true}, {Name: "beta2", Default: 0.999, Hi: 1, OpenHi: true},
			{Name: "eps", Default: 1e-8, Hi: math.Inf(1), OpenLo: true, OpenHi: true}},
		States:     []State{{Name: "m", Extent: PerElem}, {Name: "v", Extent: PerElem}},
		ModelSlots: ModelFree, GroupSlots: GroupHypers + 6, TensorSlots: TensorFree,
		First: stages, Later: stages,
	}
}

// reads, writes and updates are streams of elements.
func reads(kind StreamKind, index int) Stream {
	return Stream{Place: Place{Kind: kind, Index: index, Extent: PerElem}, Read: true}
}

func writes(kind StreamKind, index int) Stream {
	return Stream{Place: Place{Kind: kind, Index: index, Extent: PerElem}, Write: true}
}

func updates(kind StreamKind, index int) Stream {
	s := reads(kind, index)
	s.Write = true
	return s
}

func adamElement[T Float](x, g, m, v, lr, b1, b2, eps, c1, c2, one T) (nm, nv, nx T) {
	nm = T(b1*m) + T((one-b1)*g)
	nv = T(b2*v) + T((one-b2)*T(g*g))
	return nm, nv, x - T(lr*((nm/c1)/(T(math.Sqrt(float64(nv/c2)))+eps)))
}

func adamReference[T Float](x, m, v, g [][]T, groupOf []int, hypers [][]float64, t int) {
	for i := range x {
		h := hypers[groupOf[i]]
		c1, c2 := 1-math.Pow(h[1], float64(t)), 1-math.Pow(h[2], float64(t))
		for k := range x[i] {
			m[i][k], v[i][k], x[i][k] = adamElement(x[i][k], g[i][k], m[i][k], v[i][k],
				T(h[0]), T(h[1]), T(h[2]), T(h[3]), T(c1), T(c2), 1)
		}
	}
}

// Slots of trust.
const (
	trustModelNormsq = ModelFree + iota
	trustModelLimit
	trustModelPeak // state
	trustModelAll
	trustModelSlots
)
const (
	trustGroupMin = GroupHypers + 1 + iota
	trustGroupMax // of ratios
	trustGroupEMA // state
	trustGroupSlots
)
const (
	trustX = TensorFree + iota
	trustM
	trustRatio
	trustMean   // state
	trustNormsq // of the gradient
	trustMin
	trustSlots
)

// trust is no rule of any paper: it has a state, a reduction and a scalar of every extent, folds, and a point of
// evaluation. Its state a starts at 0.5.
func trust[T Float]() *Rule {
	return &Rule{
		Name: "trust", Digest: "74", ReadsGrad: true, ReadsLoss: true, ElemBytes: int(unsafe.Sizeof(T(0))),
		Hypers: []Hyper{positive},
		States: []State{
			{Name: "m", Extent: PerElem}, {Name: "peak", Extent: PerModel, Init: 1, Slot: trustModelPeak},
			{Name: "ema", Extent: PerGroup, Init: 0.25, Slot: trustGroupEMA},
			{Name: "mean", Extent: PerTensor, Slot: trustMean}, {Name: "a", Extent: PerElem, Init: 0.5},
		},
		ModelSlots: trustModelSlots, GroupSlots: trustGroupSlots, TensorSlots: trustSlots,
		First: trustStages[T](2), Later: trustStages[T](1),
		Eval: []Stage{{Pass: &Pass{
			Domain: PerElem,
			Kernels: [NumEngines]Kernel{Go: func(a *Args) {
				x, avg, out := Slice[T](a, 0), Slice[T](a, 1), Slice[T](a, 2)
				t := Scalar[T](a, 0)
				for i := range x {
					out[i] = avg[i] + T(x[i]/t)
				}
			}},
			Streams: []Stream{reads(StreamX, 0), reads(StreamState, 4), writes(StreamEval, 0)},
			Scalars: []Slot{{Extent: PerModel, Index: ModelT}},
		}}},
	}
}

func trustStages[T Float](boost float64) []Stage {
	norms := &Pass{
		Domain: PerElem,
		Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			g, part := Slice[T](a, 0), Partials(a, 2)
			for b := 0; b*elem.Block < len(g); b++ {
				block := g[b*elem.Block : min(len(g), (b+1)*elem.Block)]
				part[2*b] = elem.ReduceBlock(elem.ReduceSum, squares(block))
				part[2*b+1] = elem.ReduceBlock(elem.ReduceMin, block)
			}
		}},
		Streams:    []Stream{reads(StreamGrad, 0)},
		Reductions: []Reduction{{elem.ReduceSum, tensorSlot(trustNormsq)}, {elem.ReduceMin, tensorSlot(trustMin)}},
	}
	moments := &Pass{
		Domain: PerElem,
		Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			x, g, m := Slice[T](a, 0), Slice[T](a, 1), Slice[T](a, 2)
			part, scale := Partials(a, 2), Scalar[T](a, 0)
			for i := range m {
				m[i] = T(m[i]*0.5) + T(g[i]*scale)
			}
			for b := 0; b*elem.Block < len(x); b++ {
				from, to := b*elem.Block, min(len(x), (b+1)*elem.Block)
				part[2*b] = elem.ReduceBlock(elem.ReduceSum, squares(x[from:to]))
				part[2*b+1] = elem.ReduceBlock(elem.ReduceSum, squares(m[from:to]))
			}
		}},
		Streams:    []Stream{reads(StreamX, 0), reads(StreamGrad, 0), updates(StreamState, 0)},
		Scalars:    []Slot{{Extent: PerModel, Index: trustModelLimit}},
		Reductions: []Reduction{{elem.ReduceSum, tensorSlot(trustX)}, {elem.ReduceSum, tensorSlot(trustM)}},
	}
	update := &Pass{
		Domain: PerElem,
		Kernels: [NumEngines]Kernel{Go: func(a *Args) {
			x, m, avg := Slice[T](a, 0), Slice[T](a, 1), Slice[T](a, 2)
			lr, ratio, all, least, boost := Scalar[T](a, 0), Scalar[T](a, 1), Scalar[T](a, 2), Scalar[T](a, 3), Scalar[T](a, 4)
			for i := range x {
				x[i], avg[i] = trustElement(x[i], m[i], avg[i], lr, ratio, all, least, boost)
			}
		}},
		Streams: []Stream{updates(StreamX, 0), reads(StreamState, 0), updates(StreamState, 4)},
		Scalars: []Slot{{Extent: PerGroup, Index: GroupHypers}, {Extent: PerTensor, Index: trustMean},
			{Extent: PerModel, Index: trustModelAll}, {Extent: PerGroup, Index: trustGroupMin}, {Value: boost}},
	}
	return []Stage{
		{Pass: norms},
		{Fold: fold(elem.ReduceSum, Slot{Extent: PerModel, Index: trustModelNormsq}, tensorSlot(trustNormsq))},
		{Fold: fold(elem.ReduceMin, Slot{Extent: PerGroup, Index: trustGroupMin}, tensorSlot(trustMin))},
		{Model: func(m []float64) {
			m[trustModelPeak] = max(m[trustModelPeak], math.Sqrt(m[trustModelNormsq]))
			m[trustModelLimit] = m[ModelLoss] / (m[trustModelPeak] + m[ModelT])
		}},
		{Pass: moments},
		{Tensor: func(m, g, p []float64) {
			p[trustRatio] = math.Sqrt(p[trustX]) / (1 + math.Sqrt(p[trustM]) + p[TensorCols]/(1+p[TensorRows]))
			p[trustMean] = 0.5*p[trustMean] + 0.5*p[trustRatio]
		}},
		{Fold: fold(elem.ReduceMax, Slot{Extent: PerGroup, Index: trustGroupMax}, tensorSlot(trustRatio))},
		{Group: func(m, g []float64) {
			g[trustGroupEMA] = 0.9*g[trustGroupEMA] + g[trustGroupMax]/(g[GroupTensors]+m[ModelGroups])
		}},
		{Fold: fold(elem.ReduceSum, Slot{Extent: PerModel, Index: trustModelAll}, Slot{Extent: PerGroup, Index: trustGroupEMA})},
		{Pass: update},
	}
}

func tensorSlot(i int) Slot { return Slot{Extent: PerTensor, Index: i} }

func fold(kind elem.Reduction, to Slot, from ...Slot) *Fold {
	return &Fold{Kind: kind, From: from, To: to}
}

func squares[T Float](u []T) []T {
	s := make([]T, len(u))
	for i, v := range u {
		s[i] = v * v
	}
	return s
}

func trustElement[T Float](x, m, avg, lr, ratio, all, least, boost T) (nx, navg T) {
	nx = x - T(T(lr*ratio)*m) - T(T(all*least)*T(boost*1e-3))
	return nx, avg + T((nx-avg)*0.125)
}

// trustReference is the state of trust outside the runtime.
type trustReference[T Float] struct {
	x, m, a [][]T
	shapes  [][]int
	groupOf []int
	lr      []float64
	peak    float64
	ema     []float64
	mean    []float64
}

func (r *trustReference[T]) step(g [][]T, loss float64, t int) {
	normsq := 0.0
	least := make([]float64, len(r.lr))
	for i := range least {
		least[i] = math.Inf(1)
	}
	for i, u := range g {
		normsq += elem.Reduce(elem.ReduceSum, squares(u))
		least[r.groupOf[i]] = min(least[r.groupOf[i]], elem.Reduce(elem.ReduceMin, u))
	}
	r.peak = max(r.peak, math.Sqrt(normsq))
	limit := loss / (r.peak + float64(t))
	most := make([]float64, len(r.lr))
	count := make([]float64, len(r.lr))
	for i := range most {
		most[i] = math.Inf(-1)
	}
	groups := 0.0
	for i := range r.x {
		for k := range r.m[i] {
			r.m[i][k] = T(r.m[i][k]*0.5) + T(g[i][k]*T(limit))
		}
		rows, cols := 1, len(r.x[i])
		if s := r.shapes[i]; len(s) > 1 {
			rows, cols = s[0], 1
			for _, d := range s[1:] {
				cols *= d
			}
		}
		ratio := math.Sqrt(elem.Reduce(elem.ReduceSum, squares(r.x[i]))) /
			(1 + math.Sqrt(elem.Reduce(elem.ReduceSum, squares(r.m[i]))) + float64(cols)/(1+float64(rows)))
		r.mean[i] = 0.5*r.mean[i] + 0.5*ratio
		most[r.groupOf[i]] = max(most[r.groupOf[i]], ratio)
		if count[r.groupOf[i]]++; count[r.groupOf[i]] == 1 {
			groups++
		}
	}
	all := 0.0
	for i := range r.ema {
		if count[i] > 0 {
			r.ema[i] = 0.9*r.ema[i] + most[i]/(count[i]+groups)
			all += r.ema[i]
		}
	}
	boost := 1.0
	if t == 1 {
		boost = 2
	}
	for i := range r.x {
		j := r.groupOf[i]
		for k := range r.x[i] {
			r.x[i][k], r.a[i][k] = trustElement(r.x[i][k], r.m[i][k], r.a[i][k], T(r.lr[j]), T(r.mean[i]), T(all), T(least[j]), T(boost))
		}
	}
}

func (r *trustReference[T]) eval(t int) [][]T {
	out := clone(r.x)
	for i := range out {
		for k := range out[i] {
			out[i][k] = r.a[i][k] + T(r.x[i][k]/T(t))
		}
	}
	return out
}

// Models for the tests.

var testShapes = [][]int{{}, {3}, {0}, {2, 3}, {1023}, {1024}, {1025}, {5, 0, 7}, {64, 1024}, {300, 701}, {7, 3, 2}, {1}}

func testParams[T Float](rng *rand.Rand, shapes [][]int) []Param[T] {
	params := make([]Param[T], len(shapes))
	for i, s := range shapes {
		n, _ := numel(s)
		name := "layer." + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		if len(s) < 2 {
			name += ".bias"
		}
		params[i] = Param[T]{Name: name, Shape: s, Data: normal[T](rng, n)}
	}
	return params
}

func normal[T Float](rng *rand.Rand, n int) []T {
	u := make([]T, n)
	for i := range u {
		u[i] = T(rng.NormFloat64())
	}
	return u
}

func testGrads[T Float](rng *rand.Rand, params []Param[T]) [][]T {
	grads := make([][]T, len(params))
	for i, p := range params {
		grads[i] = normal[T](rng, len(p.Data))
	}
	return grads
}

func dataOf[T Float](params []Param[T]) [][]T {
	data := make([][]T, len(params))
	for i, p := range params {
		data[i] = p.Data
	}
	return data
}

func clone[T Float](arrays [][]T) [][]T {
	out := make([][]T, len(arrays))
	for i, a := range arrays {
		out[i] = slices.Clone(a)
	}
	return out
}

func cloneParams[T Float](params []Param[T]) []Param[T] {
	out := slices.Clone(params)
	for i := range out {
		out[i].Data = slices.Clone(out[i].Data)
	}
	return out
}

// same tells whether arrays have the same bits, all NaNs taken as equal.
func same[T Float](a, b [][]T) bool {
	return slices.EqualFunc(a, b, func(u, v []T) bool {
		return slices.EqualFunc(u, v, func(p, q T) bool {
			return math.Float64bits(float64(p)) == math.Float64bits(float64(q)) || p != p && q != q
		})
	})
}
