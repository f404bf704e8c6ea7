package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"unsafe"
)

// Under fast math a kernel may fuse products with sums and take quotients and roots by Newton steps, so its results are
// held to bounds. They are those of a running error analysis beside the interpreter: each value is what strict arithmetic
// gives and how far that of the kernel may be from it, +Inf when it may be anything.

// near is a value with its bound. A mask is 0 or 1, and its bound 0 or +Inf.
type near struct{ v, e float64 }

func (x near) exact() bool { return x.e == 0 }

var unknown = near{math.NaN(), math.Inf(1)}

// quotientULPs is what a quotient or root by Newton steps may be off.
const quotientULPs = 2

// bounds is the analysis of one element, by instruction.
type bounds[T Float] struct {
	u, tiny, least, largest float64 // half a unit of 1, the least numbers, normal and not, and the largest
	at                      []near
}

func newBounds[T Float](k *Kernel) *bounds[T] {
	b := &bounds[T]{at: make([]near, len(k.Instrs))}
	if size[T]() == 4 {
		b.u, b.tiny, b.least, b.largest = 0x1p-24, 0x1p-149, 0x1p-126, math.MaxFloat32
	} else {
		b.u, b.tiny, b.least, b.largest = 0x1p-53, 0x1p-1074, 0x1p-1022, math.MaxFloat64
	}
	return b
}

// instr bounds instruction i, whose strict result is r.
func (b *bounds[T]) instr(in *Instr, r float64, args [3]near) near {
	x, y := args[0], args[1]
	switch in.Op {
	case "load":
		return near{r, 0}
	case "where":
		if !args[0].exact() {
			return unknown
		}
		if args[0].v != 0 {
			return args[1]
		}
		return args[2]
	case "and", "or", "not", "real":
		return b.discrete(r, x.e+y.e)
	case "isfinite":
		return b.decided(r, x.exact() || math.Abs(x.v)+x.e < b.largest/2)
	case "eq", "ne", "lt", "le", "gt", "ge":
		return b.decided(r, x.e+y.e == 0 || math.Abs(x.v-y.v) > x.e+y.e)
	case "sign":
		return b.decided(r, x.exact() || math.Abs(x.v) > x.e)
	case "floor", "ceil", "round":
		low, high := calculate(in.Op, x.v-x.e, 0), calculate(in.Op, x.v+x.e, 0)
		return b.decided(r, x.exact() || low == high && low != 0)
	case "copysign":
		if !y.exact() && !(math.Abs(y.v) > y.e) {
			return unknown
		}
		return near{r, x.e}
	case "neg", "abs":
		return near{r, x.e}
	case "min", "max":
		if math.IsNaN(r) && x.e+y.e > 0 {
			return unknown
		}
		return near{r, max(x.e, y.e)}
	case "add", "sub", "mul", "div", "sqrt":
		return b.rounded(in.Op, r, x, y)
	}
	return b.discrete(r, x.e+y.e)
}

// discrete is a result that is known when its operands are.
func (b *bounds[T]) discrete(r, e float64) near { return b.decided(r, e == 0) }

func (b *bounds[T]) decided(r float64, ok bool) near {
	if ok {
		return near{r, 0}
	}
	return unknown
}

// rounded bounds an operator that rounds.
func (b *bounds[T]) rounded(op string, r float64, x, y near) near {
	if special := math.IsNaN(r) || math.IsInf(r, 0); special {
		finite := !math.IsInf(x.v, 0) && !math.IsInf(y.v, 0) && !math.IsNaN(x.v) && !math.IsNaN(y.v)
		overflow := finite && math.IsInf(r, 0) && !(op == "div" && y.v == 0)
		zero := op == "sqrt" && x.v < 0 && x.v > -b.least                       // counts as zero with AVX2
		large := op == "div" && math.Abs(y.v) >= 0x1p125 && !math.IsInf(y.v, 0) // may count as infinite
		return b.decided(r, x.e+y.e == 0 && !overflow && !zero && !large)
	}
	e := 0.0
	switch op {
	case "add", "sub":
		if x.e+y.e == 0 {
			return near{r, 0}
		}
		e = x.e + y.e + 2*b.u*(math.Abs(r)+x.e+y.e)
	case "mul":
		e = math.Abs(x.v)*y.e + math.Abs(y.v)*x.e + x.e*y.e
		e += 2*b.u*(math.Abs(r)+e) + 2*b.tiny
	case "div":
		d := math.Abs(y.v)
		if x.exact() && y.exact() && (x.v == 0 || math.IsInf(y.v, 0)) {
			return near{r, 0} // zero, of any sign of y
		}
		if !(d > 2*y.e) || d < b.least || d >= 0x1p125 && size[T]() == 4 {
			return unknown
		}
		e = (x.e + math.Abs(r)*y.e) / (d - y.e)
		e += (2*quotientULPs+1)*b.u*(math.Abs(r)+e) + 2*b.tiny
	case "sqrt":
		switch {
		case x.v == 0 && x.exact():
			return near{r, 0}
		case !(x.v > 2*x.e):
			return unknown
		case x.v < b.least:
			e = 2 * math.Sqrt(b.least)
		}
		e += x.e/r + (2*quotientULPs+1)*b.u*(r+x.e/r)
	}
	if !(math.Abs(r)+e < b.largest/2) {
		return unknown
	}
	return near{r, e}
}

// interpretBounds is interpret with the bounds of what is stored, by stream and element, and of the partial results.
func interpretBounds[T Float](k *Kernel, streams [][]T, scalars []T, n int) (stored [][]float64, partial []near) {
	b := newBounds[T](k)
	stored = make([][]float64, len(streams))
	for i := range stored {
		stored[i] = make([]float64, n)
	}
	reduced := make([][]near, len(k.Reductions))
	real := make([]T, len(k.Instrs))
	get := func(a Operand) near {
		if a.Scalar {
			return near{float64(scalars[a.Index]), 0}
		}
		return b.at[a.Index]
	}
	for e := range n {
		for i := range k.Instrs {
			in := &k.Instrs[i]
			var args [3]near
			var values [3]T
			for j, a := range in.Args {
				args[j] = get(a)
				values[j] = T(args[j].v)
				if !a.Scalar && !k.Instrs[a.Index].Mask {
					values[j] = real[a.Index]
				}
			}
			real[i] = strict(k, in, streams, e, values)
			b.at[i] = b.instr(in, float64(real[i]), args)
		}
		for _, s := range k.Stores {
			x := get(s.Value)
			streams[s.Stream][e], stored[s.Stream][e] = T(x.v), x.e
		}
		for r := range reduced {
			reduced[r] = append(reduced[r], get(k.Reductions[r].Value))
		}
	}
	for at := 0; at < n; at += block {
		for r, red := range k.Reductions {
			partial = append(partial, b.fold(red.Kind, reduced[r][at:min(n, at+block)]))
		}
	}
	return stored, partial
}

// strict is what an instruction gives in strict arithmetic; a mask as 0 or 1.
func strict[T Float](k *Kernel, in *Instr, streams [][]T, e int, v [3]T) T {
	truth := func(is bool) T {
		if is {
			return 1
		}
		return 0
	}
	switch in.Op {
	case "load":
		return streams[in.Stream][e]
	case "and":
		return truth(v[0] != 0 && v[1] != 0)
	case "or":
		return truth(v[0] != 0 || v[1] != 0)
	case "not":
		return truth(v[0] == 0)
	case "real":
		return v[0]
	case "where":
		if v[0] != 0 {
			return v[1]
		}
		return v[2]
	case "isfinite":
		return truth(v[0]-v[0] == 0)
	}
	if in.Mask {
		return truth(compare(in.Op, v[0], v[1]))
	}
	return calculate(in.Op, v[0], v[1])
}

// fold bounds the reduction of a block.
func (b *bounds[T]) fold(kind int, u []near) near {
	values := make([]T, len(u))
	sum, most, size := 0.0, 0.0, 0.0
	for i, x := range u {
		values[i] = T(x.v)
		sum, most, size = sum+x.e, max(most, x.e), size+math.Abs(x.v)
	}
	r := near{foldBlock(kind, values), most}
	if kind == 0 && sum > 0 {
		r.e = sum + 2*b.u*float64(len(u))*(size+sum)
	}
	if r.e != 0 && !(math.Abs(r.v)+r.e < b.largest/2) {
		return unknown
	}
	return r
}

// within reports whether what a kernel gives is within its bound, and whether there is one.
func within[T Float](got T, want, e float64) (ok, told bool) {
	switch {
	case math.IsInf(e, 1):
		return true, false
	case same(got, T(want)) || e == 0:
		return same(got, T(want)), true
	}
	return math.Abs(float64(got)-want) <= e, true
}

// checkFast is checkOne for a kernel under fast math. It also holds what the kernel gives for an element to be the same
// when there are more elements behind.
func checkFast[T Float](k *Kernel, run func(*Args), n int, rng *rand.Rand, count *tally) error {
	scalars := draw[T](rng, len(k.Scalars))
	more := n + 1 + rng.IntN(70)
	want := make([][]T, len(k.Streams))
	for i := range want {
		want[i] = draw[T](rng, more)
	}
	long, _, err := runOn(k, run, want, scalars, more)
	if err != nil {
		return err
	}
	for i := range want {
		want[i] = want[i][:n]
	}
	got, part, err := runOn(k, run, want, scalars, n)
	if err != nil {
		return err
	}
	e, partial := interpretBounds(k, want, scalars, n)
	for i, p := range partial {
		ok, told := within(part[i], p.v, p.e)
		if count.add(told); !ok {
			return fmt.Errorf("partial result %d is %v, want %v within %v", i, part[i], p.v, p.e)
		}
	}
	for i := range want {
		for j, w := range want[i] {
			x := got[i][j]
			if !same(x, long[i][j]) {
				return fmt.Errorf("stream %d, element %d is %v, and %v among %d elements", i, j, x, long[i][j], more)
			}
			ok, told := within(x, float64(w), e[i][j])
			if count.add(told); !ok {
				return fmt.Errorf("stream %d, element %d is %v, want %v within %v", i, j, x, w, e[i][j])
			}
		}
	}
	return nil
}

// runOn runs a kernel on copies of streams between guards, and returns these and its partial results.
func runOn[T Float](k *Kernel, run func(*Args), streams [][]T, scalars []T, n int) (out [][]T, part []float64, err error) {
	arrays := make([]array[T], len(streams))
	a := &Args{N: n}
	for i := range streams {
		arrays[i] = place[T](i, n, slack)
		copy(arrays[i].data, streams[i])
		a.Ptr[i] = unsafe.Pointer(unsafe.SliceData(arrays[i].data))
	}
	vals := splats(scalars)
	a.Vals = unsafe.Pointer(&vals[0])
	part = slices.Repeat([]float64{guard}, (n+block-1)/block*len(k.Reductions)+1)
	a.Part = unsafe.Pointer(&part[0])
	run(a)
	for i := range arrays {
		if !arrays[i].intact() {
			return nil, nil, fmt.Errorf("stream %d: written outside", i)
		}
		out = append(out, slices.Clone(arrays[i].data))
	}
	last := len(part) - 1
	if math.Float64bits(part[last]) != math.Float64bits(guard) {
		return nil, nil, fmt.Errorf("a partial result beyond the last")
	}
	return out, part[:last], nil
}

// splats is scalars as a kernel reads them.
func splats[T Float](scalars []T) []T {
	vals := make([]T, 32/size[T]()*len(scalars)+1)
	for i := range vals[:len(vals)-1] {
		vals[i] = scalars[i*size[T]()/32]
	}
	return vals
}
