// Package matrix holds the dense matrix operators of the rule language: product,
// transpose, inverse, roots and factors, for the small matrices (to about a
// thousand rows) that preconditioners keep.
//
// In come row-major matrices of float32 or float64 and scalar parameters, out
// goes one matrix, in storage that the caller gave and that overlaps no input.
// The package starts no goroutine (the caller may have some, to whom parts of large
// products go), keeps no state outside of the caller's Work, and does not allocate
// once Work has grown to the sizes in use.
//
// The arithmetic is strict: every operation is done in one fixed order, every
// product is rounded before it is added, and large products go through
// internal/gemm, which keeps the same promise. So the bits of a result depend on
// the bits of the input alone, not on the machine. Mul and Orthogonalize compute
// in the element type; all factorizations compute in float64 whatever the element
// type and round their result once, after scaling by powers of two, so that
// neither huge nor tiny matrices overflow on the way.
//
// A factorization or root that fails fills Out with NaN: an input with NaN or
// infinity, a singular matrix, one that is not positive definite, an iteration
// without convergence, a result too large for the element type. All iterations
// are bounded. Operators that only move or multiply elements do as IEEE 754 says,
// element by element. Shapes that do not fit are the caller's mistake: they panic
// before anything is written.
//
// Error bounds below are stated for u, the unit roundoff of float64 (2^-53), and
// hold in float64; the result is then rounded to the element type. They are what
// the tests demand.
package matrix

import (
	"fmt"
	"math"

	"github.com/optc-lang/optc/internal/gemm"
	"github.com/optc-lang/optc/runtime/elem"
)

// Array is a row-major matrix: element (i, j) is Data[i*Cols+j].
type Array[T elem.Float] struct {
	Data       []T
	Rows, Cols int
}

// Work holds the temporaries of calls, one call at a time. Its zero value is
// ready; after the first call with the same sizes no call allocates.
type Work[T elem.Float] struct {
	Split Split // among whom large products are split; nil: nobody

	mul  product[T]
	wide wideWork
	own  pool[T]
	ints pool[int]
}

// wideWork is what factorizations compute with.
type wideWork struct {
	pool[float64]
	mul        product[float64]
	turns      turns
	resolvents resolvents
}

// Call is one application of an operator. Out has its shape set and overlaps no
// element of In. Work may be nil; then the call allocates.
type Call[T elem.Float] struct {
	Out    Array[T]
	In     []Array[T]
	Params []float64
	Work   *Work[T]
}

// Func is an operator.
type Func[T elem.Float] func(c *Call[T])

// A pool hands out slices in the order of the requests of a call and keeps them
// for the next call. Their contents are arbitrary.
type pool[E any] struct {
	buffers [][]E
	next    int
}

func (p *pool[E]) get(n int) []E {
	if p.next == len(p.buffers) {
		p.buffers = append(p.buffers, nil)
	}
	b := &p.buffers[p.next]
	if cap(*b) < n {
		*b = make([]E, n)
	}
	p.next++
	return (*b)[:n]
}

// begin checks the call's shapes, as op wants them, and readies its temporaries.
func (c *Call[T]) begin(op string, in, params int, fits bool) *Work[T] {
	if len(c.In) != in || len(c.Params) != params || !fits {
		panic(c.misfit(op))
	}
	for _, a := range c.In {
		a.check(op)
	}
	c.Out.check(op)
	if c.Work == nil {
		return new(Work[T])
	}
	w := c.Work
	w.wide.next, w.own.next, w.ints.next = 0, 0, 0
	w.mul.split, w.wide.mul.split = w.Split, w.Split
	return w
}

// misfit describes the operands of a call that does not fit its operator.
func (c *Call[T]) misfit(op string) string {
	s := fmt.Sprintf("matrix: %s of", op)
	for _, a := range c.In {
		s += fmt.Sprintf(" %d×%d", a.Rows, a.Cols)
	}
	return s + fmt.Sprintf(" to %d×%d with %d parameters", c.Out.Rows, c.Out.Cols, len(c.Params))
}

func (a Array[T]) check(op string) {
	if a.Rows < 0 || a.Cols < 0 || len(a.Data) != a.Rows*a.Cols {
		panic(fmt.Sprintf("matrix: %s: %d elements for %d×%d", op, len(a.Data), a.Rows, a.Cols))
	}
}

// is reports whether a is rows×cols.
func (a Array[T]) is(rows, cols int) bool { return a.Rows == rows && a.Cols == cols }

// in returns an input, an empty one if there are too few: begin refuses then.
func (c *Call[T]) in(i int) Array[T] {
	if i < len(c.In) {
		return c.In[i]
	}
	return Array[T]{}
}

// fail fills Out with NaN.
func (c *Call[T]) fail() {
	for i := range c.Out.Data {
		c.Out.Data[i] = T(math.NaN())
	}
}

// store sets Out to src*2^e, or fails if an element is not finite.
func (c *Call[T]) store(src []float64, e int) {
	f := power(e)
	for i, x := range src {
		y := T(f.times(x))
		if !elem.IsFinite(y) {
			c.fail()
			return
		}
		c.Out.Data[i] = y
	}
}

// load sets dst to src*2^-e, where 2^e is at most the largest magnitude in src
// and more than half of it. It reports false if an element is not finite.
func load[T elem.Float](dst []float64, src []T) (e int, ok bool) {
	top := 0.0
	for _, x := range src {
		if !elem.IsFinite(x) {
			return 0, false
		}
		top = max(top, math.Abs(float64(x)))
	}
	e = exponent(top)
	f := power(-e)
	for i, x := range src {
		dst[i] = f.times(float64(x))
	}
	return e, true
}

// widen copies src to dst. It reports false if an element is not finite.
func widen[T elem.Float](dst []float64, src []T) bool {
	finite := true
	for i, x := range src {
		dst[i] = float64(x)
		finite = finite && elem.IsFinite(x)
	}
	return finite
}

// exponent returns the e with 2^e <= x < 2^(e+1), and 0 for x = 0.
func exponent(x float64) int {
	const bias, mantissa = 1023, 52
	if x == 0 {
		return 0
	}
	e := int(math.Float64bits(x)>>mantissa&0x7ff) - bias
	if e == -bias { // subnormal
		e = int(math.Float64bits(float64(x*0x1p54))>>mantissa&0x7ff) - bias - 54
	}
	return e
}

// A scale is a power of two, possibly beyond the range of float64, as a product
// of three that are within. Beyond 2^±3066 it stays there: that takes every
// number to infinity or zero as well.
type scale [3]float64

func power(e int) scale {
	var s scale
	for i := range s {
		part := max(-1022, min(e, 1023))
		s[i] = math.Float64frombits(uint64(part+1023) << 52)
		e -= part
	}
	return s
}

func (s scale) times(x float64) float64 { return float64(x * s[0] * s[1] * s[2]) }

// mirror copies the lower triangle of the n×n matrix a to the upper.
func mirror[T elem.Float](a []T, n int) {
	for i := range n {
		for j := range i {
			a[j*n+i] = a[i*n+j]
		}
	}
}

// identity sets the rows×cols matrix a to the identity.
func identity[T elem.Float](a []T, rows, cols int) {
	clear(a)
	for i := range min(rows, cols) {
		a[i*cols+i] = 1
	}
}

// transpose sets dst, cols×rows, to the transpose of src, rows×cols.
func transpose[T elem.Float](dst, src []T, rows, cols int) {
	gemm.Transpose(dst, rows, src, cols, rows, cols)
}

// dot returns the sum of x[i]*y[i], in four sums by i%4 added as
// (s0+s1)+(s2+s3).
func dot(x, y []float64) float64 {
	var s0, s1, s2, s3 float64
	y = y[:len(x)]
	for len(x) >= 4 && len(y) >= 4 {
		s0 += float64(x[0] * y[0])
		s1 += float64(x[1] * y[1])
		s2 += float64(x[2] * y[2])
		s3 += float64(x[3] * y[3])
		x, y = x[4:], y[4:]
	}
	sum := (s0 + s1) + (s2 + s3)
	for i := range x {
		sum += float64(x[i] * y[i])
	}
	return sum
}

// axpy adds a*x to y.
func axpy(y []float64, a float64, x []float64) {
	y = y[:len(x)]
	for i := range x {
		y[i] += float64(a * x[i])
	}
}
