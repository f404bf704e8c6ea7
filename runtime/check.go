package runtime

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
	"unsafe"

	"github.com/optc-lang/optc/runtime/elem"
)

// numel is the number of elements of a shape.
func numel(shape []int) (int, error) {
	n, empty := 1, false
	for _, d := range shape {
		switch {
		case d < 0:
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		case d == 0:
			empty = true
		case n > math.MaxInt/8/d:
			return 0, fmt.Errorf("shape %v has more elements than memory can hold", shape)
		default:
			n *= d
		}
	}
	if empty {
		return 0, nil
	}
	return n, nil
}

func (o *Optimizer[T]) checkParams(params []Param[T]) error {
	rule := o.rule.Name
	if len(params) == 0 {
		return fmt.Errorf("%s: no parameters", rule)
	}
	first := make(map[string]int, len(params))
	for i, p := range params {
		if p.Name == "" || !utf8.ValidString(p.Name) {
			return fmt.Errorf("%s: param %d: the name %q is empty or no UTF-8: checkpoints and groups need one", rule, i, p.Name)
		}
		if before, twice := first[p.Name]; twice {
			return fmt.Errorf("%s: params %d and %d are both named %q: each needs a name of its own", rule, before, i, p.Name)
		}
		first[p.Name] = i
		n, err := numel(p.Shape)
		if err != nil {
			return fmt.Errorf("%s: param %q: %w", rule, p.Name, err)
		}
		data := len(p.Data)
		if o.half != nil {
			data = o.numel(i)
		}
		if n != data {
			return fmt.Errorf("%s: param %q: shape %v has %d elements, data has %d", rule, p.Name, p.Shape, n, data)
		}
	}
	return nil
}

// checkGrads checks the gradients of a step against the parameters. A rule that reads none may be given none.
func (o *Optimizer[T]) checkGrads(grads [][]T) error {
	if grads == nil && !o.rule.ReadsGrad {
		return nil
	}
	if len(grads) != len(o.whole) {
		return fmt.Errorf("%s: %d gradients given, there are %d parameters", o.rule.Name, len(grads), len(o.whole))
	}
	m := &o.memory
	whole, at := o.whole[:len(grads)], m.grads[:len(grads)]
	for i, g := range grads {
		if len(g) != len(whole[i]) {
			return o.lengthError(i, g)
		}
		if from := uintptr(unsafe.Pointer(unsafe.SliceData(g))); from != at[i] {
			at[i] = from
			m.sound = m.sound && len(g) == 0
		}
	}
	if m.sound {
		return nil
	}
	return o.checkMemory(grads)
}

func (o *Optimizer[T]) lengthError(param int, g []T) error {
	name, want := o.users[param].Name, len(o.whole[param])
	if g == nil {
		return fmt.Errorf("%s: the gradient of %q is nil: %d elements are needed", o.rule.Name, name, want)
	}
	return fmt.Errorf("%s: the gradient of %q has %d elements, the parameter has %d", o.rule.Name, name, len(g), want)
}

// memory knows where parameters and gradients lie, to find any two that overlap. It keeps the order from one step to
// the next: the same buffers need no look, and other ones mostly a pass over what is sorted already. Addresses are
// good for that because Go does not move what lies on its heap.
type memory struct {
	spans []span    // of all arrays that are not empty, by address
	grads []uintptr // where the gradients were that were looked at last, by parameter
	sound bool      // no two overlap
}

type span struct {
	from, to uintptr
	param    int
	grad     bool
}

func spanOf[T Float](s []T) (from, to uintptr) {
	from = uintptr(unsafe.Pointer(unsafe.SliceData(s)))
	return from, from + uintptr(len(s))*unsafe.Sizeof(T(0))
}

// newMemory is the memory of parameters, which may not overlap, with room for their gradients.
func newMemory[T Float](params []Param[T]) (memory, error) {
	var m memory
	for i, p := range params {
		if len(p.Data) > 0 {
			from, to := spanOf(p.Data)
			m.spans = append(m.spans, span{from, to, i, false})
		}
	}
	if a, b, found := m.overlap(); found {
		return m, fmt.Errorf("params %q and %q overlap in memory: each needs a slice of its own",
			params[a.param].Name, params[b.param].Name)
	}
	m.grads = make([]uintptr, len(params))
	for _, s := range slices.Clone(m.spans) {
		m.spans = append(m.spans, span{param: s.param, grad: true})
	}
	return m, nil
}

// checkMemory looks for gradients that overlap each other or a parameter.
func (o *Optimizer[T]) checkMemory(grads [][]T) error {
	m := &o.memory
	for i := range m.spans {
		if s := &m.spans[i]; s.grad {
			s.from, s.to = spanOf(grads[s.param])
		}
	}
	a, b, found := m.overlap()
	m.sound = !found
	if found {
		return fmt.Errorf("%s: %s and %s overlap in memory: each needs a slice of its own",
			o.rule.Name, o.arrayName(a), o.arrayName(b))
	}
	return nil
}

func (o *Optimizer[T]) arrayName(s span) string {
	kind := "param"
	if s.grad {
		kind = "the gradient of"
	}
	return fmt.Sprintf("%s %q", kind, o.users[s.param].Name)
}

// overlap sorts and returns the first two spans that share memory: where any two do, two neighbours do.
func (m *memory) overlap() (a, b span, found bool) {
	slices.SortFunc(m.spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for i := 1; i < len(m.spans); i++ {
		if m.spans[i].from < m.spans[i-1].to {
			return m.spans[i-1], m.spans[i], true
		}
	}
	return span{}, span{}, false
}

// check holds a plan to what the runtime relies on: kernels run on bare pointers. What it finds is the fault of
// generated code.
func (r *Rule) check() error {
	if r.ModelSlots < ModelFree || r.GroupSlots < GroupHypers+len(r.Hypers) || r.TensorSlots < TensorFree {
		return fmt.Errorf("frames are too short")
	}
	for _, s := range r.States {
		if s.Extent == Const || !s.Extent.isArray() && !r.holds(Slot{Extent: s.Extent, Index: s.Slot}) {
			return fmt.Errorf("state %s has no place", s.Name)
		}
	}
	if r.Params != "" {
		if err := r.checkHalf(); err != nil {
			return err
		}
	}
	for _, stages := range [][]Stage{r.First, r.Later, r.Eval} {
		for i := range stages {
			if err := r.checkStage(&stages[i]); err != nil {
				return fmt.Errorf("stage %d: %w", i, err)
			}
		}
	}
	for _, s := range slices.Concat(r.First, r.Later) {
		if s.Pass.walks(StreamEval) || s.Pass.walks(StreamGrad) && !r.ReadsGrad {
			return fmt.Errorf("a step walks along an array that it is not given")
		}
	}
	for _, s := range r.Eval {
		if s.Pass.walks(StreamGrad) {
			return fmt.Errorf("the point of evaluation depends on the gradient")
		}
	}
	return nil
}

// walks tells whether a pass, which may be nil, has a stream of a kind.
func (p *Pass) walks(kind StreamKind) bool {
	return p != nil && slices.ContainsFunc(p.Streams, func(s Stream) bool { return s.Kind == kind })
}

func (r *Rule) checkStage(s *Stage) error {
	switch {
	case s.Class < 0 || s.Class > 0 && s.Class >= len(r.Classes):
		return fmt.Errorf("class %d", s.Class)
	case s.Fold != nil:
		return r.checkFold(s.Fold)
	case s.Pass != nil:
		return r.checkPass(s.Pass)
	case s.Array != nil:
		return r.checkArray(s.Array)
	case s.Order != nil:
		return r.checkOrder(s.Order, s.Class)
	case s.Probe != nil:
		return r.checkProbe(s.Probe)
	case s.Rotate != nil:
		return r.checkRotate(s.Rotate)
	case s.Model == nil && s.Group == nil && s.Tensor == nil:
		return fmt.Errorf("nothing to do")
	}
	return nil
}

func (r *Rule) checkArray(a *Array) error {
	if err := r.checkPlaces(a.In...); err != nil {
		return err
	}
	if len(a.Dims) != len(a.In)+1 || !r.reads(a.If) || !r.readsAll(a.Params) {
		return fmt.Errorf("a whole-array operator of %d operands", len(a.In))
	}
	if a.To != nil {
		if !r.holds(*a.To) || a.Dims[0] != (Dims{}) {
			return fmt.Errorf("a whole-array operator to %v", *a.To)
		}
	} else if r.checkPlaces(a.Out) != nil || a.Out.Kind >= StreamDraw || a.Out.Kind == StreamGrad || !a.Dims[0].fit(a.Out.Extent) {
		return fmt.Errorf("a whole-array operator to %v", a.Out)
	}
	for i, p := range a.In {
		if !a.Dims[i+1].fit(p.Extent) {
			return fmt.Errorf("operand %v of dimensions %v", p, a.Dims[i+1])
		}
	}
	return nil
}

// fit reports whether an array of an extent has these dimensions, a vector lying either way.
func (d Dims) fit(e Extent) bool {
	want := map[Extent]Dims{PerRow: {Rows, One}, PerCol: {Cols, One}, PerElem: {Rows, Cols}, PerRowRow: {Rows, Rows}, PerColCol: {Cols, Cols}, PerColRow: {Cols, Rows}}
	have, ok := want[e]
	return ok && (d == have || e.isLine() && d == Dims{have.Cols, have.Rows})
}

func (r *Rule) checkOrder(o *Order, class int) error {
	classes := max(1, len(r.Classes))
	if o.From != nil {
		if len(o.In) != 0 || o.Top || o.Per > PerGroup || o.To == nil {
			return fmt.Errorf("an order statistic per %v of slots", o.Per)
		}
		if err := r.checkFrom(o.From, o.Per); err != nil {
			return err
		}
	}
	if max(len(o.In), len(o.From)) != classes || len(o.If) != classes || !r.reads(&o.K) || o.Stat > elem.StatThreshold || o.Top && o.Stat != elem.StatKth {
		return fmt.Errorf("an order statistic of %d classes", max(len(o.In), len(o.From)))
	}
	for i, p := range o.In {
		if p.Kind == StreamNone && o.Per > PerGroup && i != class {
			continue
		}
		if p.Kind != StreamNone && (p.Extent != o.Of || r.checkPlaces(p) != nil) || p.Kind == StreamNone && o.Per > PerGroup || !r.reads(o.If[i]) {
			return fmt.Errorf("an order statistic of %v", p)
		}
	}
	if o.To != nil {
		if o.Top || o.To.Extent != o.Per || !r.holds(*o.To) {
			return fmt.Errorf("an order statistic to %v", *o.To)
		}
		return nil
	}
	want := o.Per
	if o.Top {
		want = o.Of
	}
	if o.Out.Kind != StreamScratch || o.Out.Extent != want {
		return fmt.Errorf("an order statistic to %v", o.Out)
	}
	return r.checkPlaces(o.Out)
}

func (r *Rule) checkProbe(p *Probe) error {
	classes := max(1, len(r.Classes))
	if len(p.Point) != classes || p.Vector != nil && len(p.Vector) != classes || !r.reads(p.If) {
		return fmt.Errorf("a probe of %d classes", len(p.Point))
	}
	for _, place := range append(p.Point[:len(p.Point):len(p.Point)], p.Vector...) {
		if place.Extent != PerElem || r.checkPlaces(place) != nil {
			return fmt.Errorf("a probe at %v", place)
		}
	}
	if p.Out != nil && (p.Out.Kind != StreamScratch || p.Out.Extent != PerElem || r.checkPlaces(*p.Out) != nil) || p.Vector != nil && p.Out == nil {
		return fmt.Errorf("a probe to %v", p.Out)
	}
	if p.Loss != nil && (p.Loss.Extent != PerModel || !r.holds(*p.Loss)) {
		return fmt.Errorf("a probe of the loss to %v", *p.Loss)
	}
	return nil
}

func (r *Rule) checkRotate(t *Rotate) error {
	if len(t.States) < 2 || !r.reads(t.If) {
		return fmt.Errorf("a rotation of %d states", len(t.States))
	}
	for _, i := range t.States {
		if i < 0 || i >= len(r.States) || !r.States[i].Extent.isArray() {
			return fmt.Errorf("a rotation of state %d", i)
		}
	}
	return nil
}

// reads reports whether a slot is a constant or lies within its frame; nil is none.
func (r *Rule) reads(s *Slot) bool { return s == nil || s.Extent == Const || r.holds(*s) }

func (r *Rule) readsAll(slots []Slot) bool {
	for i := range slots {
		if !r.reads(&slots[i]) {
			return false
		}
	}
	return true
}

func (r *Rule) checkFold(f *Fold) error {
	if !r.holds(f.To) {
		return fmt.Errorf("fold to %v", f.To)
	}
	return r.checkFrom(f.From, f.To.Extent)
}

// checkFrom holds the slots that are combined, by class, to a finer extent than the result.
func (r *Rule) checkFrom(from []Slot, to Extent) error {
	if len(from) != max(1, len(r.Classes)) {
		return fmt.Errorf("slots of %d classes are combined", len(from))
	}
	for _, s := range from {
		if s.Extent != Const && (s.Extent <= to || !r.holds(s)) {
			return fmt.Errorf("%v is combined to a value per %v", s, to)
		}
	}
	return nil
}

// checkPlaces holds places to the arrays that there are.
func (r *Rule) checkPlaces(places ...Place) error {
	for _, p := range places {
		limit := 1
		switch p.Kind {
		case StreamState:
			limit = len(r.States)
		case StreamGiven:
			limit = len(r.Givens)
		case StreamScratch:
			limit = len(r.Scratch)
		case StreamDraw, StreamCollect, StreamX, StreamGrad, StreamEval, StreamNone:
			continue
		default:
			limit = 0
		}
		if p.Index < 0 || p.Index >= limit || p.Kind == StreamState && r.States[p.Index].Extent != p.Extent ||
			p.Kind == StreamScratch && r.Scratch[p.Index] != p.Extent {
			return fmt.Errorf("place %v is no array", p)
		}
	}
	return nil
}

func (r *Rule) checkPass(p *Pass) error {
	if p.Kernels[Go] == nil {
		return fmt.Errorf("no portable kernel")
	}
	if len(p.Streams) > MaxStreams {
		return fmt.Errorf("%d streams, at most %d are possible", len(p.Streams), MaxStreams)
	}
	if !p.Domain.isArray() || p.Domain >= numExtents {
		return fmt.Errorf("domain %d", p.Domain)
	}
	for _, s := range p.Streams {
		if err := r.checkPlaces(s.Place); err != nil {
			return err
		}
		if s.Kind == StreamCollect && p.ByRows && s.Extent.isLine() {
			continue
		}
		if s.Extent != p.Domain && (p.Domain != PerElem || !s.Extent.isLine() || s.Write) {
			return fmt.Errorf("stream %v in a pass over %d", s, p.Domain)
		}
	}
	for _, s := range p.Scalars {
		if s.Extent != Const && !r.holds(s) {
			return fmt.Errorf("scalar %v has no place", s)
		}
	}
	for _, red := range p.Reductions {
		if red.To.Extent != PerTensor || !r.holds(red.To) {
			return fmt.Errorf("reduction to %v", red.To)
		}
	}
	for _, c := range p.Collects {
		if c.Stream < 0 || c.Stream >= len(p.Streams) || p.Domain < PerElem || !c.To.Extent.isLine() || c.To.Kind != StreamScratch || r.checkPlaces(c.To) != nil {
			return fmt.Errorf("collect %v", c)
		}
		if added := p.Streams[c.Stream]; p.ByRows && (added.Kind != StreamCollect || added.Extent != c.To.Extent || !added.Read || !added.Write) {
			return fmt.Errorf("collect %v by rows of stream %v", c, added)
		}
	}
	if !r.checkCases(p) {
		return fmt.Errorf("%d cases, idle %v", len(p.Cases), p.Idle)
	}
	return r.checkRows(p)
}

// checkRows checks what a pass by rows has besides.
func (r *Rule) checkRows(p *Pass) error {
	if p.ByRows && len(p.Reductions) > 0 || !p.ByRows && len(p.RowScalars)+len(p.RowReductions) > 0 || len(p.RowScalars) > MaxStreams {
		return fmt.Errorf("%d reductions of a tensor, %d and %d scalars and reductions of a row", len(p.Reductions), len(p.RowScalars), len(p.RowReductions))
	}
	for _, place := range p.RowScalars {
		if place.Extent != p.Domain.firstAxis() || r.checkPlaces(place) != nil {
			return fmt.Errorf("scalar per row %v", place)
		}
	}
	for _, c := range p.RowReductions {
		if p.Domain < PerElem || c.To.Extent != p.Domain.firstAxis() || c.To.Kind != StreamScratch || r.checkPlaces(c.To) != nil {
			return fmt.Errorf("reduction per row %v", c)
		}
	}
	return nil
}

// holds tells whether a slot lies within its frame.
func (r *Rule) holds(s Slot) bool {
	slots := [...]int{PerModel: r.ModelSlots, PerGroup: r.GroupSlots, PerTensor: r.TensorSlots}
	return int(s.Extent) < len(slots) && s.Index >= 0 && s.Index < slots[s.Extent]
}
