package pass_test

import (
	"fmt"
	"math"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/runtime/elem"
)

// executor runs a plan as generated code would, stage by stage and element by element. It reads of a program only what
// a code generator may read, and keeps one array a stream.
type executor[T elem.Float] struct {
	plan    *ir.Plan
	tensors []interp.Tensor
	hypers  [][]float64
	t       int
	loss    float64
	x, g    [][]T
	arrays  [][][]T     // by state, of extent Elem
	frames  [][]float64 // by state, of a coarser extent
	eval    [][]T
	values  map[*ir.Value][]float64 // step values
	fault   error
}

func newExecutor[T elem.Float](plan *ir.Plan, tensors []interp.Tensor, hypers [][]float64, x [][]T) *executor[T] {
	e := &executor[T]{plan: plan, tensors: tensors, hypers: hypers}
	for _, u := range x {
		e.x = append(e.x, append([]T(nil), u...))
	}
	for _, s := range plan.Program.States {
		var array [][]T
		var frame []float64
		if s.Extent == ir.Elem {
			for _, u := range x {
				v := make([]T, len(u))
				for i := range v {
					v[i] = T(s.Init)
				}
				array = append(array, v)
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
	e.g, e.loss = g, loss
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
	e.values = map[*ir.Value][]float64{}
	for _, s := range stages {
		switch {
		case s.Kernel != nil:
			e.kernel(s.Kernel)
		case s.Fold != nil:
			e.fold(s.Fold)
		case len(s.Keep) > 0:
			e.keep(s)
		default:
			for _, v := range s.Values {
				if v.Extent != s.Extent {
					e.failf("a value per %s in a stage per %s", v.Extent, s.Extent)
				}
				e.apply(v)
			}
		}
	}
}

// scalar is the step value v for value k of extent of.
func (e *executor[T]) scalar(v *ir.Value, of ir.Extent, k int) float64 {
	i := e.at(v.Extent, of, k)
	if len(v.Args) > 0 {
		if u := e.values[v]; u != nil {
			return u[i]
		}
		e.failf("a step value (%v %v %s) is read before it is made", v.Kind, v.Op, v.Label)
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
	}
	switch v.Name {
	case "t":
		return float64(e.t)
	case "loss":
		return e.loss
	}
	return interp.Shape(v.Name, e.tensors[i].Shape)
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
		n = len(e.hypers)
	}
	return float64(n)
}

func (e *executor[T]) apply(v *ir.Value) {
	out := make([]float64, e.count(v.Extent))
	for k := range out {
		args := make([]float64, len(v.Args))
		for i, a := range v.Args {
			args[i] = e.scalar(a, v.Extent, k)
		}
		switch v.Kind {
		case ir.Apply:
			out[k] = v.Op.Eval(args)
		case ir.Spread:
			out[k] = args[0]
		default:
			e.failf("a step value of kind %d", v.Kind)
		}
	}
	e.values[v] = out
}

var folds = map[string]elem.Reduction{"sum": elem.ReduceSum, "reduce_min": elem.ReduceMin, "reduce_max": elem.ReduceMax}

// combine folds one value a tensor (or coarser) into v's extent.
func (e *executor[T]) combine(v *ir.Value, kind elem.Reduction, from ir.Extent, parts []float64) {
	if from == v.Per {
		e.values[v] = parts
		return
	}
	out := make([]float64, e.count(v.Per))
	for i := range out {
		out[i] = elem.Identity(kind)
	}
	for k, p := range parts {
		i := e.at(v.Per, from, k)
		out[i] = elem.Combine(kind, out[i], p)
	}
	e.values[v] = out
}

func (e *executor[T]) fold(v *ir.Value) {
	arg := v.Args[0]
	parts := make([]float64, e.count(arg.Extent))
	for k := range parts {
		parts[k] = e.scalar(arg, arg.Extent, k)
	}
	e.combine(v, folds[v.Op.Name], arg.Extent, parts)
}

// keep replaces states all at once: one may take another's old value.
func (e *executor[T]) keep(s ir.Stage) {
	next := map[int][]float64{}
	for n, i := range s.Keep {
		st := e.plan.Program.States[i]
		if st.Extent != s.Extent {
			e.failf("state %s per %s is kept per %s", st.Name, st.Extent, s.Extent)
		}
		u := make([]float64, e.count(s.Extent))
		for k := range u {
			u[k] = e.scalar(s.New[n], s.Extent, k)
		}
		next[i] = u
	}
	for i, u := range next {
		e.frames[i] = u
	}
}

func (e *executor[T]) array(s ir.Stream, k int) []T {
	switch s.Kind {
	case ir.XStream:
		return e.x[k]
	case ir.GradStream:
		return e.g[k]
	case ir.EvalStream:
		return e.eval[k]
	}
	return e.arrays[s.State][k]
}

func (e *executor[T]) kernel(k *ir.Kernel) {
	parts := make([][]float64, len(k.Reductions))
	for i := range e.tensors {
		scalars := make([]T, len(k.Scalars))
		for n, s := range k.Scalars {
			scalars[n] = T(e.scalar(s.Value, ir.Tensor, i))
		}
		folded := make([][]T, len(k.Reductions))
		for j := range e.x[i] {
			e.element(k, i, j, scalars, folded)
		}
		for n, r := range k.Reductions {
			parts[n] = append(parts[n], elem.Reduce(r.Kind, folded[n]))
		}
	}
	for n, r := range k.Reductions {
		e.combine(r.Result, r.Kind, ir.Tensor, parts[n])
	}
}

func (e *executor[T]) element(k *ir.Kernel, i, j int, scalars []T, folded [][]T) {
	values := make([]T, len(k.Instrs))
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
			if !k.Streams[in.Stream].Read {
				e.failf("kernel %s loads a stream that it does not read", k.Name)
			}
			values[n] = e.array(k.Streams[in.Stream], i)[j]
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
		if !k.Streams[s.Stream].Write {
			e.failf("kernel %s stores to a stream that it does not write", k.Name)
		}
		e.array(k.Streams[s.Stream], i)[j] = get(s.Value, len(k.Instrs))
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

// same compares by bits, all NaNs alike.
func same[T elem.Float](a, b T) bool {
	return a == b && math.Signbit(float64(a)) == math.Signbit(float64(b)) || a != a && b != b
}
