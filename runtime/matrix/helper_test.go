package matrix

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/optc-lang/optc/runtime/elem"
)

const u = 0x1p-53

// unit returns half the distance from 1 to the next T.
func unit[T elem.Float]() float64 {
	if float64(T(1)+T(0x1p-30)) == 1 {
		return 0x1p-24
	}
	return u
}

// both runs a test in either element type.
func both(t *testing.T, f32, f64 func(t *testing.T)) {
	t.Run("float32", f32)
	t.Run("float64", f64)
}

// array copies a gonum matrix to an Array, rounding to T.
func array[T elem.Float](m mat.Matrix) Array[T] {
	rows, cols := m.Dims()
	a := Array[T]{make([]T, rows*cols), rows, cols}
	for i := range rows {
		for j := range cols {
			a.Data[i*cols+j] = T(m.At(i, j))
		}
	}
	return a
}

// dense copies an Array to a gonum matrix.
func dense[T elem.Float](a Array[T]) *mat.Dense {
	if a.Rows == 0 || a.Cols == 0 {
		return &mat.Dense{}
	}
	m := mat.NewDense(a.Rows, a.Cols, nil)
	for i, x := range a.Data {
		m.Set(i/a.Cols, i%a.Cols, float64(x))
	}
	return m
}

// apply runs f twice with different rubbish in Out and in Work, and checks that
// both give the same bits and that the inputs are as they were.
func apply[T elem.Float](t testing.TB, f Func[T], rows, cols int, params []float64, in ...Array[T]) Array[T] {
	t.Helper()
	var outs [2][]T
	var before []Array[T]
	for _, a := range in {
		before = append(before, Array[T]{slices.Clone(a.Data), a.Rows, a.Cols})
	}
	w := new(Work[T])
	for i, rubbish := range []T{7, T(math.NaN())} {
		w.fill(rubbish)
		outs[i] = slices.Repeat([]T{rubbish}, rows*cols)
		f(&Call[T]{Out: Array[T]{outs[i], rows, cols}, In: in, Params: params, Work: w})
	}
	for j, a := range in {
		if !same(a.Data, before[j].Data) {
			t.Fatalf("input %d was changed", j)
		}
	}
	if !same(outs[0], outs[1]) {
		t.Fatal("the result depends on what Out and Work held")
	}
	return Array[T]{outs[0], rows, cols}
}

// fill sets all temporaries that w has to rubbish.
func (w *Work[T]) fill(rubbish T) {
	for _, b := range w.wide.buffers {
		for i := range b {
			b[i] = float64(rubbish)
		}
	}
	for _, b := range w.own.buffers {
		for i := range b {
			b[i] = rubbish
		}
	}
	for _, b := range w.ints.buffers {
		for i := range b {
			b[i] = -5
		}
	}
}

// same is equality of bits, all NaNs alike.
func same[T elem.Float](x, y []T) bool {
	for i := range x {
		if x[i] != y[i] && (x[i] == x[i] || y[i] == y[i]) || math.Signbit(float64(x[i])) != math.Signbit(float64(y[i])) && x[i] == x[i] {
			return false
		}
	}
	return len(x) == len(y)
}

func allNaN[T elem.Float](x []T) bool {
	for _, v := range x {
		if v == v {
			return false
		}
	}
	return true
}

func norm(m mat.Matrix) float64 {
	if r, c := m.Dims(); r == 0 || c == 0 {
		return 0
	}
	return mat.Norm(m, 2)
}

func sub(a, b mat.Matrix) *mat.Dense {
	var d mat.Dense
	d.Sub(a, b)
	return &d
}

func mul(ms ...mat.Matrix) mat.Matrix {
	p := ms[0]
	for _, m := range ms[1:] {
		d := new(mat.Dense)
		d.Mul(p, m)
		p = d
	}
	return p
}

func eye(n int) mat.Matrix {
	d := mat.NewDiagDense(n, nil)
	for i := range n {
		d.SetDiag(i, 1)
	}
	return d
}

func random(r *rand.Rand, rows, cols int) *mat.Dense {
	m := mat.NewDense(rows, cols, nil)
	for i := range rows {
		for j := range cols {
			m.Set(i, j, r.NormFloat64())
		}
	}
	return m
}

// orthonormal returns a random matrix with orthonormal columns, rows >= cols.
func orthonormal(r *rand.Rand, rows, cols int) mat.Matrix {
	var qr mat.QR
	qr.Factorize(random(r, rows, cols))
	var q mat.Dense
	qr.QTo(&q)
	return mat.DenseCopyOf(q.Slice(0, rows, 0, cols))
}

// spectral returns a symmetric matrix with the given eigenvalues.
func spectral(r *rand.Rand, values []float64) *mat.Dense {
	n := len(values)
	q := orthonormal(r, n, n)
	a := mat.DenseCopyOf(mul(q, mat.NewDiagDense(n, values), q.T()))
	for i := range n {
		for j := range i {
			a.Set(i, j, a.At(j, i))
		}
	}
	return a
}

// singular returns a matrix with the given singular values.
func singular(r *rand.Rand, rows, cols int, values []float64) *mat.Dense {
	n := min(rows, cols)
	return mat.DenseCopyOf(mul(orthonormal(r, rows, n), mat.NewDiagDense(n, values), orthonormal(r, cols, n).T()))
}

// geometric returns n values from 1 down to 1/condition.
func geometric(n int, condition float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = math.Pow(condition, -float64(i)/float64(max(n-1, 1)))
	}
	return v
}

// A worst keeps the largest share of its bound that was used, for the log.
type worst map[string]float64

// within checks got <= bound, and keeps got/bound.
func (w worst) within(t testing.TB, what, of string, got, bound float64) {
	t.Helper()
	if !(got <= bound) {
		t.Errorf("%s: %s is %.3g, bound %.3g", of, what, got, bound)
	}
	if bound > 0 {
		w[what] = max(w[what], got/bound)
	}
}

func (w worst) log(t testing.TB) {
	for what, share := range w {
		t.Logf("%s: at most %.3g of its bound", what, share)
	}
}

// A sample is a square matrix to factor.
type sample struct {
	name string
	a    *mat.Dense
}

var sizes = []int{1, 2, 3, 5, 8, 9, 16, 17, 31, 33, 40, 64, 65}

// squares are well and ill conditioned matrices, huge, tiny and graded ones.
func squares[T elem.Float](r *rand.Rand) []sample {
	big := 1e30
	if unit[T]() == u {
		big = 1e150
	}
	var all []sample
	for _, n := range sizes {
		add := func(name string, a *mat.Dense) { all = append(all, sample{fmt.Sprintf("%s %d", name, n), a}) }
		add("normal", random(r, n, n))
		add("ill", singular(r, n, n, geometric(n, 1e6)))
		huge, tiny, graded := random(r, n, n), random(r, n, n), random(r, n, n)
		huge.Scale(big, huge)
		tiny.Scale(1/big, tiny)
		graded.Apply(func(i, j int, v float64) float64 { return v * math.Pow(1e-12, float64(i)/float64(n)) }, graded)
		add("huge", huge)
		add("tiny", tiny)
		add("graded", graded)
		add("identity", mat.DenseCopyOf(eye(n)))
		reverse := mat.NewDense(n, n, nil)
		for i := range n {
			reverse.Set(i, n-1-i, -1)
		}
		add("reverse", reverse)
	}
	return all
}

// positives are symmetric positive definite matrices.
func positives[T elem.Float](r *rand.Rand, condition float64) []sample {
	big := 1e30
	if unit[T]() == u {
		big = 1e150
	}
	var all []sample
	for _, n := range sizes {
		add := func(name string, a *mat.Dense) { all = append(all, sample{fmt.Sprintf("%s %d", name, n), a}) }
		g := random(r, n, 2*n)
		add("gram", mat.DenseCopyOf(mul(g, g.T())))
		add("ill", spectral(r, geometric(n, condition)))
		huge, tiny := spectral(r, geometric(n, 10)), spectral(r, geometric(n, 10))
		huge.Scale(big, huge)
		tiny.Scale(1/big, tiny)
		add("huge", huge)
		add("tiny", tiny)
		add("identity", mat.DenseCopyOf(eye(n)))
		twice := geometric(n, 100)
		for i := range n / 2 * 2 {
			twice[i] = twice[i/2*2]
		}
		add("twice", spectral(r, twice))
	}
	return all
}

// symmetric returns the symmetric gonum matrix of a's lower triangle.
func symmetric[T elem.Float](a Array[T]) *mat.SymDense {
	s := mat.NewSymDense(a.Rows, nil)
	for i := range a.Rows {
		for j := range i + 1 {
			s.SetSym(i, j, float64(a.Data[i*a.Cols+j]))
		}
	}
	return s
}

// half returns a with NaN above the diagonal, which a function of the lower
// triangle does not see.
func half[T elem.Float](a Array[T]) Array[T] {
	h := Array[T]{append([]T(nil), a.Data...), a.Rows, a.Cols}
	for i := range a.Rows {
		for j := i + 1; j < a.Cols; j++ {
			h.Data[i*a.Cols+j] = T(math.NaN())
		}
	}
	return h
}
