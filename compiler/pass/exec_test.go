package pass_test

import (
	"fmt"
	"math"
	"slices"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/runtime/matrix"
)

// executor runs a plan as generated code would, stage by stage and element by element. It reads of a program only what
// a code generator may read, and keeps one array a stream. What a step must not rely on is poisoned: scratch arrays when
// a step begins, and the step's gradient once the model has been asked.
type executor[T elem.Float] struct {
	plan    *ir.Plan
	tensors []interp.Tensor
	classOf []int
	hypers  [][]float64
	filled  []int // groups with tensors
	t       int
	seed    uint64
	loss    float64
	closure func(x [][]T) ([][]T, float64, error)
	given   []interp.Given[T]
	x, g    [][]T
	arrays  [][][]T     // by state, of an array extent; nil for a tensor whose class does not keep it
	frames  [][]float64 // by state, of a coarser extent
	scratch [][][]T
	eval    [][]T
	values  map[*ir.Value]*stepValue
	fault   error
}

// stepValue is a value of a frame: one a unit, and which of them have been made.
type stepValue struct {
	v    []float64
	made []bool
}

func newExecutor[T elem.Float](plan *ir.Plan, tensors []interp.Tensor, hypers [][]float64, x [][]T) *executor[T] {
	e := &executor[T]{plan: plan, tensors: tensors, hypers: hypers, given: make([]interp.Given[T], len(plan.Program.Givens))}
	has := make([]bool, len(hypers))
	for i, u := range x {
		e.x = append(e.x, append([]T(nil), u...))
		has[tensors[i].Group] = true
	}
	for g, yes := range has {
		if yes {
			e.filled = append(e.filled, g)
		}
	}
	for i := range tensors {
		e.classOf = append(e.classOf, e.class(i))
	}
	for i, s := range plan.Program.States {
		var array [][]T
		var frame []float64
		if s.Extent.IsArray() {
			for k := range x {
				var u []T
				if plan.Classes[e.classOf[k]].States[i] {
					u = e.full(s.Extent, k, s.Init)
					e.narrow(i, k, u, false)
				}
				array = append(array, u)
			}
		} else {
			for range e.count(s.Extent) {
				frame = append(frame, s.Init)
			}
		}
		e.arrays, e.frames = append(e.arrays, array), append(e.frames, frame)
	}
	return e
}

// full is an array of an extent that holds v throughout.
func (e *executor[T]) full(x ir.Extent, k int, v float64) []T {
	u := make([]T, e.length(x, k))
	for i := range u {
		u[i] = T(v)
	}
	return u
}

func (e *executor[T]) length(x ir.Extent, k int) int {
	r, c := interp.Dims(x, e.tensors[k].Shape)
	return r * c
}

// class is the only class whose choices all come out for a tensor.
func (e *executor[T]) class(k int) int {
	found := -1
	for i, c := range e.plan.Classes {
		fits := true
		for _, choice := range c.Choices {
			fits = fits && (e.static(choice.Cond, k) != 0) == choice.Is
		}
		if fits && found >= 0 {
			e.failf("tensor %d is of the classes %d and %d", k, found, i)
		}
		if fits {
			found = i
		}
	}
	if found < 0 {
		e.failf("tensor %d is of no class", k)
		return 0
	}
	return found
}

// static is a value of shapes and names alone.
func (e *executor[T]) static(v *ir.Value, k int) float64 {
	if v.Kind == ir.Apply || v.Kind == ir.Spread {
		args := make([]float64, len(v.Args))
		for i, a := range v.Args {
			args[i] = e.static(a, k)
		}
		if v.Kind == ir.Spread {
			return args[0]
		}
		return v.Op.Eval(args)
	}
	return e.scalar(v, ir.Tensor, k)
}

func (e *executor[T]) count(x ir.Extent) int {
	switch x {
	case ir.Group:
		return len(e.hypers)
	case ir.Tensor:
		return len(e.tensors)
	}
	return 1
}

// at is which value of extent x belongs to value k of extent of.
func (e *executor[T]) at(x, of ir.Extent, k int) int {
	switch {
	case x <= ir.Model:
		return 0
	case x == ir.Group && of == ir.Tensor:
		return e.tensors[k].Group
	case x > of:
		e.failf("a value per %s is read once per %s", x, of)
		return 0
	}
	return k
}

func (e *executor[T]) failf(format string, args ...any) {
	if e.fault == nil {
		e.fault = fmt.Errorf(format, args...)
	}
}

func (e *executor[T]) step(g [][]T, loss float64) {
	e.t++
	e.g = nil
	for _, u := range g {
		e.g = append(e.g, append([]T(nil), u...))
	}
	e.loss = loss
	stages := e.plan.Later
	if e.t == 1 {
		stages = e.plan.First
	}
	e.run(stages)
}

func (e *executor[T]) evalParams() [][]T {
	if e.plan.Eval == nil || e.t == 0 {
		return e.x
	}
	e.eval = nil
	for _, u := range e.x {
		e.eval = append(e.eval, make([]T, len(u)))
	}
	e.run(e.plan.Eval)
	return e.eval
}

func (e *executor[T]) run(stages []ir.Stage) {
	e.values = map[*ir.Value]*stepValue{}
	e.scratch = nil
	for i, x := range e.plan.Scratch {
		var arrays [][]T
		for k := range e.tensors {
			var u []T
			if e.plan.Classes[e.classOf[k]].Scratch[i] {
				u = e.full(x, k, math.NaN())
			}
			arrays = append(arrays, u)
		}
		e.scratch = append(e.scratch, arrays)
	}
	for _, s := range stages {
		switch {
		case s.Kernel != nil:
			e.kernel(s)
		case s.Fold != nil:
			e.fold(s)
		case s.Array != nil && s.Array.Op.Kind == op.Order:
			e.order(s)
		case s.Array != nil:
			e.wholeArray(s)
		case s.Probe != nil:
			e.probe(s)
		case len(s.Rotate) > 0:
			e.rotate(s)
		case len(s.Keep) > 0:
			e.keep(s)
		default:
			for _, v := range s.Values {
				if v.Extent != s.Extent {
					e.failf("a value per %s in a stage per %s", v.Extent, s.Extent)
				}
				e.apply(v, s.Class)
			}
		}
	}
}

// scalar is the step value v for value k of extent of.
func (e *executor[T]) scalar(v *ir.Value, of ir.Extent, k int) float64 {
	i := e.at(v.Extent, of, k)
	if len(v.Args) > 0 {
		if u := e.values[v]; u != nil && u.made[i] {
			return u.v[i]
		}
		e.failf("a step value (kind %v, %s) is read before it is made", v.Kind, v.Label)
		return 0
	}
	switch v.Kind {
	case ir.Number:
		return v.Num
	case ir.Hyper:
		return e.hypers[i][v.Index]
	case ir.Load:
		return e.frames[v.Index][i]
	case ir.Size:
		return e.size(v, i)
	case ir.Given:
		return e.given[v.Index].Steps[i]
	case ir.Draw:
		return elem.DrawStep(v.Name, e.stream(v.Index, i))
	case ir.Named:
		if elem.Match(v.Name, e.tensors[i].Name) {
			return 1
		}
		return 0
	}
	switch v.Name {
	case "t":
		return float64(e.t)
	case "loss":
		return e.loss
	}
	return interp.Shape(v.Name, e.tensors[i].Shape)
}

func (e *executor[T]) stream(site, tensor int) elem.Stream {
	return elem.Stream{Seed: e.seed, Step: uint64(e.t), Site: uint32(site), Tensor: uint32(tensor)}
}

func (e *executor[T]) size(v *ir.Value, i int) float64 {
	n := 0
	for k, u := range e.x {
		if e.at(v.Per, ir.Tensor, k) != i {
			continue
		}
		switch v.Of {
		case ir.Elem:
			n += len(u)
		case ir.Tensor:
			n++
		}
	}
	if v.Of == ir.Group {
		n = len(e.filled)
	}
	return float64(n)
}

// set makes a step value for one unit.
func (e *executor[T]) set(v *ir.Value, i int, to float64) {
	s := e.values[v]
	if s == nil {
		n := e.count(v.Extent)
		s = &stepValue{make([]float64, n), make([]bool, n)}
		e.values[v] = s
	}
	s.v[i], s.made[i] = to, true
}

func (e *executor[T]) apply(v *ir.Value, class int) {
	for k := range e.count(v.Extent) {
		if v.Extent == ir.Tensor && e.classOf[k] != class {
			continue
		}
		args := make([]float64, len(v.Args))
		for i, a := range v.Args {
			args[i] = e.scalar(a, v.Extent, k)
		}
		switch v.Kind {
		case ir.Apply:
			e.set(v, k, v.Op.Eval(args))
		case ir.Spread:
			e.set(v, k, args[0])
		default:
			e.failf("a step value of kind %d", v.Kind)
		}
	}
}

// fold combines what each tensor has, or each group, in order.
func (e *executor[T]) fold(s ir.Stage) {
	v := s.Fold
	out := make([]float64, e.count(v.Per))
	for i := range out {
		out[i] = elem.Identity(v.Op.Reduce)
	}
	if s.From[0].Extent == ir.Group {
		for _, g := range e.filled {
			out[0] = elem.Combine(v.Op.Reduce, out[0], e.scalar(s.From[0], ir.Group, g))
		}
	} else {
		for k, class := range e.classOf {
			i := e.at(v.Per, ir.Tensor, k)
			out[i] = elem.Combine(v.Op.Reduce, out[i], e.scalar(s.From[class], ir.Tensor, k))
		}
	}
	for i, to := range out {
		e.set(v, i, to)
	}
}

// keep replaces states all at once: one may take another's old value.
func (e *executor[T]) keep(s ir.Stage) {
	next := map[int][]float64{}
	for n, i := range s.Keep {
		st := e.plan.Program.States[i]
		if st.Extent != s.Extent {
			e.failf("state %s per %s is kept per %s", st.Name, st.Extent, s.Extent)
		}
		u := append([]float64(nil), e.frames[i]...)
		for k := range u {
			if s.Extent != ir.Tensor || e.classOf[k] == s.Class {
				u[k] = e.scalar(s.New[n], s.Extent, k)
			}
		}
		next[i] = u
	}
	for i, u := range next {
		e.frames[i] = u
	}
}

func (e *executor[T]) rotate(s ir.Stage) {
	if s.If != nil && e.scalar(s.If, ir.Model, 0) == 0 {
		return
	}
	last := e.arrays[s.Rotate[len(s.Rotate)-1]]
	for i := len(s.Rotate) - 1; i > 0; i-- {
		e.arrays[s.Rotate[i]] = e.arrays[s.Rotate[i-1]]
	}
	e.arrays[s.Rotate[0]] = last
}

// array is a place of tensor k.
func (e *executor[T]) array(p ir.Place, k int) []T {
	var u []T
	switch p.Kind {
	case ir.XStream:
		u = e.x[k]
	case ir.GradStream:
		u = e.g[k]
	case ir.EvalStream:
		u = e.eval[k]
	case ir.GivenStream:
		u = e.given[p.Index].Arrays[k]
	case ir.ScratchStream:
		u = e.scratch[p.Index][k]
	case ir.StateStream:
		u = e.arrays[p.Index][k]
	}
	if len(u) != e.length(p.Extent, k) {
		e.failf("tensor %d has no array %v", k, p)
		return make([]T, e.length(p.Extent, k))
	}
	return u
}

// drawn is a tensor's random values of a site.
func (e *executor[T]) drawn(p ir.Place, k int) []T {
	u := make([]T, e.length(p.Extent, k))
	s := e.stream(p.Index, k)
	switch p.Name {
	case "normal":
		elem.Normal(u, s, 0)
	case "uniform":
		elem.Uniform(u, s, 0)
	case "rademacher":
		elem.Rademacher(u, s, 0)
	default:
		e.failf("nothing draws %q", p.Name)
	}
	return u
}

func (e *executor[T]) narrow(i, k int, u []T, chance bool) {
	s := e.plan.Program.States[i]
	var words []uint32
	if s.As.Stochastic && chance {
		words = make([]uint32, len(u))
		elem.Words(words, elem.RoundingStream(e.stream(0, k), s.Name), 0)
	}
	elem.RoundTrip(s.As.Format, u, words)
}

// kernel runs a kernel on the tensors of its class: of its cases, if it has some, the one that fits.
func (e *executor[T]) kernel(s ir.Stage) {
	for i := range e.tensors {
		if e.classOf[i] != s.Class {
			continue
		}
		fit := 0
		for _, c := range s.Cases {
			if e.scalar(c.If, ir.Tensor, i) != 0 == c.Is {
				e.kernelOn(c.Kernel, i)
				fit++
			}
		}
		switch {
		case len(s.Cases) == 0:
			e.bareOn(s, i)
			e.kernelOn(s.Kernel, i)
		case fit != 1:
			e.failf("kernel %s: %d of %d cases fit", s.Kernel.Name, fit, len(s.Cases))
		}
	}
}

// bareOn compares a bare kernel with the one in whose place it runs, wherever its mask marks nothing.
func (e *executor[T]) bareOn(s ir.Stage, i int) {
	if s.Bare == nil {
		return
	}
	k := s.Kernel
	mask := e.array(k.Streams[s.Bare.Mask].Place, i)
	scalars := make([]T, len(k.Scalars))
	for n, s := range k.Scalars {
		scalars[n] = T(e.scalar(s.Value, ir.Tensor, i))
	}
	run := func(of *ir.Kernel) [][]T {
		arrays := make([][]T, len(k.Streams))
		for n, st := range k.Streams {
			switch {
			case !of.Streams[n].Read && !of.Streams[n].Write && !st.Write:
			case st.Kind == ir.DrawStream:
				arrays[n] = e.drawn(st.Place, i)
			case st.Kind == ir.CollectStream:
				arrays[n] = make([]T, e.length(k.Domain, i))
			default:
				arrays[n] = slices.Clone(e.array(st.Place, i))
			}
		}
		folded := make([][]T, len(k.Reductions))
		for j := range e.length(k.Domain, i) {
			e.element(of, i, j, arrays, scalars, folded)
		}
		return append(arrays, folded...)
	}
	want, got := run(k), run(s.Bare.Kernel)
	for n := range want {
		if n < len(k.Streams) && !k.Streams[n].Write {
			continue
		}
		for j, marked := range mask {
			if a, b := want[n][j], got[n][j]; marked == 0 && a != b && (a == a || b == b) {
				e.failf("kernel %s, element %d: %v, bare %v", k.Name, j, a, b)
			}
		}
	}
}

func (e *executor[T]) kernelOn(k *ir.Kernel, i int) {
	scalars := make([]T, len(k.Scalars))
	for n, s := range k.Scalars {
		scalars[n] = T(e.scalar(s.Value, ir.Tensor, i))
	}
	arrays := make([][]T, len(k.Streams))
	for n, s := range k.Streams {
		switch {
		case !s.Read && !s.Write: // idle in this case of a kernel
		case s.Kind == ir.DrawStream:
			arrays[n] = e.drawn(s.Place, i)
		case s.Kind == ir.CollectStream:
			arrays[n] = make([]T, e.length(k.Domain, i))
		default:
			arrays[n] = e.array(s.Place, i)
		}
	}
	folded := make([][]T, len(k.Reductions))
	for j := range e.length(k.Domain, i) {
		e.element(k, i, j, arrays, scalars, folded)
	}
	for n, r := range k.Reductions {
		e.set(r.Result, i, elem.Reduce(r.Kind, folded[n]))
	}
	rows, cols := interp.Dims(k.Domain, e.tensors[i].Shape)
	for _, c := range k.Collects {
		to := e.array(c.To, i)
		out := make([]float64, len(to))
		if c.To.Extent == k.Domain.FirstAxis() {
			elem.ReduceRows(c.Kind, out, arrays[c.Stream], cols)
		} else {
			elem.ReduceCols(c.Kind, out, arrays[c.Stream], rows)
		}
		for n, v := range out {
			to[n] = T(v)
		}
	}
	for n, s := range k.Streams {
		if s.Kind == ir.StateStream && s.Write {
			e.narrow(s.Index, i, arrays[n], true)
		}
	}
}

func (e *executor[T]) element(k *ir.Kernel, i, j int, arrays [][]T, scalars []T, folded [][]T) {
	values := make([]T, len(k.Instrs))
	_, cols := interp.Dims(ir.Elem, e.tensors[i].Shape)
	get := func(o ir.Operand, now int) T {
		if o.Scalar {
			return scalars[o.Index]
		}
		if o.Index >= now {
			e.failf("kernel %s: v%d is read before it is made", k.Name, o.Index)
		}
		return values[o.Index]
	}
	for n, in := range k.Instrs {
		if in.Op == "load" {
			s, at := k.Streams[in.Stream], j
			switch {
			case !s.Read:
				e.failf("kernel %s loads a stream that it does not read", k.Name)
			case s.Extent == k.Domain:
			case s.Extent == ir.Row && k.Domain == ir.Elem:
				at = j / cols
			case s.Extent == ir.Col && k.Domain == ir.Elem:
				at = j % cols
			default:
				e.failf("kernel %s over %s loads an array per %s", k.Name, k.Domain, s.Extent)
			}
			values[n] = arrays[in.Stream][at]
			continue
		}
		args := make([]T, len(in.Args))
		for a, o := range in.Args {
			args[a] = get(o, n)
			if want := wantsMask(in, a); want != (!o.Scalar && k.Instrs[o.Index].Mask) {
				e.failf("kernel %s: v%d = %s: argument %d: mask %v", k.Name, n, in.Op, a, !want)
			}
		}
		values[n] = evalIn(op.Must(in.Op), args)
		if in.Mask && values[n] != 0 && values[n] != 1 {
			e.failf("kernel %s: v%d is a mask and %v", k.Name, n, values[n])
		}
	}
	for n, r := range k.Reductions {
		folded[n] = append(folded[n], get(r.Value, len(k.Instrs)))
	}
	for _, s := range k.Stores {
		if st := k.Streams[s.Stream]; !st.Write || st.Extent != k.Domain {
			e.failf("kernel %s stores to a stream that it does not write, or per %s", k.Name, st.Extent)
		}
		arrays[s.Stream][j] = get(s.Value, len(k.Instrs))
	}
}

// wantsMask tells what an operator's row demands of an argument; of `where` it follows the result.
func wantsMask(in ir.Instr, arg int) bool {
	o := op.Must(in.Op)
	return o.MaskArgs&(1<<arg) != 0 || in.Op == "where" && in.Mask
}

func evalIn[T elem.Float](o *op.Op, args []T) T {
	switch args := any(args).(type) {
	case []float32:
		return T(o.Eval32(args))
	case []float64:
		return T(o.Eval(args))
	}
	panic("element type")
}

// wholeArray runs a whole-array operator on the tensors of its class for which its guard holds.
func (e *executor[T]) wholeArray(s ir.Stage) {
	v := s.Array
	for k := range e.tensors {
		if e.classOf[k] != s.Class || s.If != nil && e.scalar(s.If, ir.Tensor, k) == 0 {
			if e.classOf[k] == s.Class && !v.Extent.IsArray() {
				e.set(v, k, math.NaN()) // what is there then, nobody may use
			}
			continue
		}
		rows, cols := 1, 1
		if v.Extent.IsArray() {
			rows, cols = interp.Dims(v.Extent, e.tensors[k].Shape)
		}
		c := &matrix.Call[T]{Out: matrix.Array[T]{Data: make([]T, rows*cols), Rows: rows, Cols: cols}}
		for n, place := range s.In[s.Class] {
			r, w := interp.Dims(v.Args[n].Extent, e.tensors[k].Shape)
			c.In = append(c.In, matrix.Array[T]{Data: e.array(place, k), Rows: r, Cols: w})
		}
		if v.Op.Name == "matmul" && v.Args[0].Extent <= ir.Col { // a vector from the left is a row
			c.In[0].Rows, c.In[0].Cols = 1, c.In[0].Rows
			c.Out.Rows, c.Out.Cols = 1, c.Out.Rows
		}
		for _, a := range v.Args[v.Op.Args : v.Op.Args+len(v.Op.Params)] {
			c.Params = append(c.Params, e.scalar(a, ir.Tensor, k))
		}
		switch c := any(c).(type) {
		case *matrix.Call[float32]:
			v.Op.Array32(c)
		case *matrix.Call[float64]:
			v.Op.Array64(c)
		}
		if v.Extent.IsArray() {
			copy(e.array(s.Out, k), c.Out.Data)
		} else {
			e.set(v, k, float64(c.Out.Data[0]))
		}
	}
}

// order computes an order statistic: of lines, of tensors, or over the tensors of a group or the model.
func (e *executor[T]) order(s ir.Stage) {
	v := s.Array
	for unit := range e.count(min(v.Per, ir.Tensor)) {
		var parts, marks [][]T
		var values []float64
		for k, class := range e.classOf {
			if v.Per >= ir.Tensor && (k != unit || class != s.Class) || e.at(min(v.Per, ir.Tensor), ir.Tensor, k) != unit {
				continue
			}
			cond := s.If
			if s.Ifs != nil {
				cond = s.Ifs[class]
			}
			if len(s.In[class]) == 0 && s.From == nil || cond != nil && e.scalar(cond, ir.Tensor, k) == 0 {
				continue
			}
			if v.Per.IsArray() {
				e.orderLines(s, k)
				continue
			}
			if s.From != nil {
				values = append(values, e.scalar(s.From[class], ir.Tensor, k))
				continue
			}
			parts = append(parts, e.array(s.In[class][0], k))
			if v.Mask {
				marks = append(marks, e.array(s.Out, k))
			}
		}
		if v.Per.IsArray() || v.Per == ir.Tensor && len(parts) == 0 {
			if v.Per == ir.Tensor && e.classOf[unit] == s.Class && !v.Mask {
				e.set(v, unit, math.NaN()) // likewise
			}
			continue
		}
		k := e.scalar(v.Args[1], min(v.Per, ir.Tensor), unit)
		switch {
		case v.Mask:
			elem.TopK(marks, parts, elem.Rank(k))
		case s.From != nil:
			e.set(v, unit, elem.Statistic(v.Op.Stat, [][]float64{values}, k))
		default:
			e.set(v, unit, elem.Statistic(v.Op.Stat, parts, k))
		}
	}
}

func (e *executor[T]) orderLines(s ir.Stage, k int) {
	v := s.Array
	from := v.Args[0].Extent
	rows, cols := interp.Dims(from, e.tensors[k].Shape)
	out, param := e.array(s.Out, k), e.scalar(v.Args[1], ir.Tensor, k)
	clear(out)
	u := e.array(s.In[s.Class][0], k)
	var lines elem.Lines[T]
	if v.Mask {
		lines.TopK(out, v.Per == from.FirstAxis(), u, rows, cols, elem.Rank(param))
	} else {
		lines.Statistic(v.Op.Stat, out, v.Per == from.FirstAxis(), u, rows, cols, param)
	}
}

// probe asks the model. Afterwards the step's gradient is no longer what it was.
func (e *executor[T]) probe(s ir.Stage) {
	if s.If != nil && e.scalar(s.If, ir.Model, 0) == 0 {
		if s.Loss != nil {
			e.set(s.Loss, 0, math.NaN()) // what is there then, nobody may use
		}
		return
	}
	operand := func(n int) [][]T {
		var all [][]T
		for k, class := range e.classOf {
			all = append(all, append([]T(nil), e.array(s.In[class][n], k)...))
		}
		return all
	}
	point := operand(0)
	var grads [][]T
	if s.Probe.Name == "hvp" {
		grads = e.product(point, operand(1))
	} else {
		var loss float64
		grads, loss, _ = e.closure(point)
		if s.Loss != nil {
			e.set(s.Loss, 0, loss)
		}
	}
	for k := range e.tensors {
		if s.Probe.Extent.IsArray() {
			copy(e.array(s.Out, k), grads[k])
		}
	}
	for _, u := range e.g {
		for j := range u {
			u[j] = T(math.NaN())
		}
	}
}

func (e *executor[T]) product(x, v [][]T) [][]T {
	var out [][]T
	for _, u := range x {
		out = append(out, make([]T, len(u)))
	}
	h := elem.DifferenceStep(x, v)
	if h == 0 {
		return out
	}
	at := func(h float64) (copied [][]T) {
		for i := range x {
			elem.DifferencePoint(out[i], x[i], v[i], h)
		}
		grads, _, _ := e.closure(out)
		for _, u := range grads {
			copied = append(copied, append([]T(nil), u...))
		}
		return copied
	}
	above, below := at(h), at(-h)
	for i := range x {
		elem.Difference(out[i], above[i], below[i], h)
	}
	return out
}

// same compares by bits, all NaNs alike.
func same[T elem.Float](a, b T) bool {
	return a == b && math.Signbit(float64(a)) == math.Signbit(float64(b)) || a != a && b != b
}
