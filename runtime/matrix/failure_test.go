package matrix

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/optc-lang/optc/runtime/elem"
)

// A factorization is an operator that fails as a whole, on an n×n matrix.
type factorization[T elem.Float] struct {
	name     string
	f        Func[T]
	params   []float64
	lower    bool // reads the lower triangle alone
	singular bool // fails for a singular matrix
	positive bool // fails for a matrix that is not positive definite
}

func factorizations[T elem.Float]() []factorization[T] {
	return []factorization[T]{
		{"Inv", Inv[T], nil, false, true, false},
		{"Solve", func(c *Call[T]) {
			c.In = append(c.In, Array[T]{make([]T, c.In[0].Rows), c.In[0].Rows, 1})
			square := c.Out
			c.Out = Array[T]{make([]T, square.Rows), square.Rows, 1}
			Solve(c)
			for i := range square.Data {
				square.Data[i] = c.Out.Data[i/square.Cols]
			}
		}, nil, false, true, false},
		{"Cholesky", Cholesky[T], nil, true, true, true},
		{"QR", QR[T], nil, false, false, false},
		{"EigVecs", EigVecs[T], nil, true, false, false},
		{"InvRoot 1", InvRoot[T], []float64{1, 0}, true, true, true},
		{"InvRoot 4", InvRoot[T], []float64{4, 0}, true, true, true},
		{"InvRoot 16", InvRoot[T], []float64{16, 0}, true, true, true},
		{"Orthogonalize", Orthogonalize[T], []float64{5}, false, false, false},
		{"SVDShrink", SVDShrink[T], []float64{0.1}, false, false, false},
		{"Polar", Polar[T], nil, false, false, false},
		{"SVDShrinkVJP", withItself(SVDShrinkVJP[T]), []float64{0.1}, false, false, false},
		{"OrthogonalizeVJP", withItself(OrthogonalizeVJP[T]), []float64{3}, false, false, false},
		{"OrthogonalizeJVP", withItself(OrthogonalizeJVP[T]), []float64{3}, false, false, false},
		{"InvRootVJP", withItself(InvRootVJP[T]), []float64{2}, false, true, true},
	}
}

// withItself runs a product with a derivative at the operand, of the operand.
func withItself[T elem.Float](f Func[T]) Func[T] {
	return func(c *Call[T]) {
		c.In = append(c.In, c.In[0])
		f(c)
	}
}

func TestFailure(t *testing.T) { both(t, failure[float32], failure[float64]) }

func failure[T elem.Float](t *testing.T) {
	r := rand.New(rand.NewPCG(9, 1))
	for _, n := range []int{1, 2, 7, 20, 40} {
		good := array[T](spectral(r, geometric(n, 10)))
		indefinite := geometric(n, 2)
		indefinite[n/2] *= -1
		rank := geometric(n, 2)
		rank[n-1] = 0
		for _, f := range factorizations[T]() {
			run := func(a Array[T]) Array[T] { return apply(t, f.f, n, n, f.params, a) }
			expect := func(what string, a Array[T], fails bool) {
				t.Helper()
				out := run(a)
				if finite := !strings.Contains(fmt.Sprint(out.Data), "N") && !strings.Contains(fmt.Sprint(out.Data), "Inf"); fails != allNaN(out.Data) || !fails && !finite {
					t.Errorf("%s of %s, n = %d: %v", f.name, what, n, out.Data[:min(4, n)])
				}
			}
			expect("a good matrix", good, false)
			for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				for range 4 {
					i, j := r.IntN(n), r.IntN(n)
					a := Array[T]{append([]T(nil), good.Data...), n, n}
					a.Data[i*n+j] = T(bad)
					expect(fmt.Sprint(bad, " at ", i, ", ", j), a, !f.lower || j <= i)
				}
			}
			expect("zero", Array[T]{make([]T, n*n), n, n}, f.singular)
			expect("an indefinite matrix", array[T](spectral(r, indefinite)), f.positive)
			if n > 1 && unit[T]() == u {
				expect("a singular matrix", array[T](singularWhole(r, n)), f.singular)
			}
		}
	}
}

// singularWhole is a singular positive semidefinite matrix of whole numbers: the
// products of a matrix of rank n-1.
func singularWhole(r *rand.Rand, n int) mat.Matrix {
	g := mat.NewDense(n, n, nil)
	for i := range n {
		for j := range n - 1 {
			g.Set(i, j, float64(r.IntN(5)-2))
		}
		g.Set(i, 0, g.At(i, 0)+1) // no zero row
	}
	return mul(g, g.T())
}

func TestParameters(t *testing.T) {
	a := Array[float64]{[]float64{2, 1, 1, 3}, 2, 2}
	nan := math.NaN()
	for _, bad := range [][]float64{{0, 0}, {-1, 0}, {17, 0}, {1.5, 0}, {nan, 0}, {math.Inf(1), 0}, {2, nan}, {2, math.Inf(1)}, {2, -5}} {
		if out := apply(t, InvRoot[float64], 2, 2, bad, a); !allNaN(out.Data) {
			t.Errorf("InvRoot with %v: %v", bad, out.Data)
		}
	}
	for _, bad := range []float64{-1, 0.5, 101, nan, math.Inf(1), math.Inf(-1)} {
		if out := apply(t, Orthogonalize[float64], 2, 2, []float64{bad}, a); !allNaN(out.Data) {
			t.Errorf("Orthogonalize with %v: %v", bad, out.Data)
		}
	}
	for _, bad := range []float64{-1e-300, nan, math.Inf(-1)} {
		if out := apply(t, SVDShrink[float64], 2, 2, []float64{bad}, a); !allNaN(out.Data) {
			t.Errorf("SVDShrink with %v: %v", bad, out.Data)
		}
	}
	for _, bad := range []float64{0, -1, 17, 1.5, nan, math.Inf(1)} {
		if out := apply(t, InvRootVJP[float64], 2, 2, []float64{bad}, a, a); !allNaN(out.Data) {
			t.Errorf("InvRootVJP with %v: %v", bad, out.Data)
		}
	}
	for _, bad := range []float64{-1, 0.5, 101, nan, math.Inf(1), math.Inf(-1)} {
		for _, f := range []Func[float64]{OrthogonalizeVJP[float64], OrthogonalizeJVP[float64]} {
			if out := apply(t, f, 2, 2, []float64{bad}, a, a); !allNaN(out.Data) {
				t.Errorf("a derivative of Orthogonalize with %v: %v", bad, out.Data)
			}
		}
	}
	for _, bad := range []float64{-1e-300, nan, math.Inf(-1)} {
		if out := apply(t, SVDShrinkVJP[float64], 2, 2, []float64{bad}, a, a); !allNaN(out.Data) {
			t.Errorf("SVDShrinkVJP with %v: %v", bad, out.Data)
		}
	}
	if out := apply(t, SVDShrinkVJP[float64], 2, 2, []float64{math.Inf(1)}, a, a); !same(out.Data, make([]float64, 4)) {
		t.Errorf("SVDShrinkVJP with infinity: %v", out.Data)
	}
	if out := apply(t, SVDShrink[float64], 2, 2, []float64{math.Inf(1)}, a); !same(out.Data, make([]float64, 4)) {
		t.Errorf("SVDShrink with infinity: %v", out.Data)
	}
}

// TestOverflow: a result beyond the element type is a failure, also in float32.
func TestOverflow(t *testing.T) {
	tiny := Array[float32]{[]float32{1e-42, 0, 0, 1}, 2, 2}
	for name, f := range map[string]Func[float32]{"Inv": Inv[float32], "InvRoot": func(c *Call[float32]) { c.Params = []float64{1, 0}; InvRoot(c) }} {
		if out := apply(t, f, 2, 2, nil, tiny); !allNaN(out.Data) {
			t.Errorf("%s: %v", name, out.Data)
		}
	}
	subnormal := Array[float64]{[]float64{4e-320, 0, 0, 9e-320}, 2, 2}
	l := apply(t, Cholesky[float64], 2, 2, nil, subnormal)
	if math.Abs(l.Data[0]/2e-160-1) > 1e-3 || math.Abs(l.Data[3]/3e-160-1) > 1e-3 {
		t.Errorf("Cholesky of subnormal numbers: %v", l.Data)
	}
	root := apply(t, InvRoot[float64], 2, 2, []float64{2, 0}, subnormal)
	if math.Abs(root.Data[0]*2e-160-1) > 1e-3 || math.Abs(root.Data[3]*3e-160-1) > 1e-3 {
		t.Errorf("InvRoot of subnormal numbers: %v", root.Data)
	}
}

// TestEmpty: extents of zero are legal everywhere.
func TestEmpty(t *testing.T) {
	for _, f := range factorizations[float64]() {
		apply(t, f.f, 0, 0, f.params, Array[float64]{})
	}
	apply(t, Tril[float64], 0, 0, nil, Array[float64]{})
	apply(t, PolarVJP[float64], 0, 0, nil, Array[float64]{}, Array[float64]{})
	for _, s := range [][2]int{{0, 4}, {4, 0}} {
		a := Array[float64]{nil, s[0], s[1]}
		apply(t, Orthogonalize[float64], s[0], s[1], []float64{5}, a)
		apply(t, SVDShrink[float64], s[0], s[1], []float64{1}, a)
		apply(t, Polar[float64], s[0], s[1], nil, a)
		apply(t, PolarVJP[float64], s[0], s[1], nil, a, a)
		apply(t, Transpose[float64], s[1], s[0], nil, a)
		apply(t, QR[float64], s[0], 0, nil, a)
	}
	apply(t, Solve[float64], 3, 0, nil, Array[float64]{[]float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, 3, 3}, Array[float64]{nil, 3, 0})
	out := apply(t, Mul[float64], 2, 2, nil, Array[float64]{nil, 2, 0}, Array[float64]{nil, 0, 2})
	if !same(out.Data, make([]float64, 4)) {
		t.Errorf("an empty sum of products is %v", out.Data)
	}
}

func TestShapes(t *testing.T) {
	a := func(rows, cols int) Array[float32] { return Array[float32]{make([]float32, rows*cols), rows, cols} }
	for i, c := range []struct {
		f      Func[float32]
		out    Array[float32]
		params []float64
		in     []Array[float32]
	}{
		{Mul[float32], a(2, 3), nil, []Array[float32]{a(2, 4), a(5, 3)}},
		{Mul[float32], a(2, 3), nil, []Array[float32]{a(2, 4)}},
		{Mul[float32], a(2, 3), nil, nil},
		{Transpose[float32], a(2, 3), nil, []Array[float32]{a(2, 3)}},
		{Inv[float32], a(2, 3), nil, []Array[float32]{a(2, 3)}},
		{Inv[float32], a(2, 2), nil, []Array[float32]{{make([]float32, 3), 2, 2}}},
		{Inv[float32], Array[float32]{make([]float32, 3), 2, 2}, nil, []Array[float32]{a(2, 2)}},
		{Inv[float32], a(-1, -1), nil, []Array[float32]{{make([]float32, 1), -1, -1}}},
		{Solve[float32], a(2, 2), nil, []Array[float32]{a(2, 2), a(3, 2)}},
		{DiagOf[float32], a(2, 2), nil, []Array[float32]{a(2, 2)}},
		{DiagFrom[float32], a(2, 1), nil, []Array[float32]{a(2, 1)}},
		{Diag[float32], a(3, 1), nil, []Array[float32]{a(2, 2)}},
		{Trace[float32], a(2, 2), nil, []Array[float32]{a(2, 2)}},
		{Outer[float32], a(2, 3), nil, []Array[float32]{a(3, 1), a(1, 2)}},
		{Cholesky[float32], a(3, 3), nil, []Array[float32]{a(2, 2)}},
		{QR[float32], a(3, 4), nil, []Array[float32]{a(3, 4)}},
		{EigVecs[float32], a(3, 4), nil, []Array[float32]{a(3, 4)}},
		{InvRoot[float32], a(3, 3), nil, []Array[float32]{a(3, 3)}},
		{Orthogonalize[float32], a(3, 3), nil, []Array[float32]{a(3, 3)}},
		{SVDShrink[float32], a(3, 3), []float64{1}, []Array[float32]{a(3, 4)}},
		{Polar[float32], a(3, 3), nil, []Array[float32]{a(3, 4)}},
		{Tril[float32], a(3, 4), nil, []Array[float32]{a(3, 4)}},
		{PolarVJP[float32], a(3, 4), nil, []Array[float32]{a(3, 4)}},
		{PolarVJP[float32], a(3, 4), nil, []Array[float32]{a(3, 4), a(4, 3)}},
		{SVDShrinkVJP[float32], a(3, 4), nil, []Array[float32]{a(3, 4), a(3, 4)}},
		{OrthogonalizeVJP[float32], a(3, 4), []float64{1}, []Array[float32]{a(3, 4), a(3, 3)}},
		{OrthogonalizeJVP[float32], a(3, 4), nil, []Array[float32]{a(3, 4), a(3, 4)}},
		{InvRootVJP[float32], a(3, 3), nil, []Array[float32]{a(3, 3), a(3, 3)}},
		{InvRootVJP[float32], a(3, 3), []float64{1}, []Array[float32]{a(3, 3), a(3, 4)}},
		{Eye[float32], a(3, 3), []float64{1}, nil},
	} {
		func() {
			defer func() {
				if s, ok := recover().(string); !ok || !strings.HasPrefix(s, "matrix: ") {
					t.Errorf("case %d is not refused: %q", i, s)
				}
			}()
			c.f(&Call[float32]{Out: c.out, In: c.in, Params: c.params})
		}()
	}
}

// TestExtremes: matrices of numbers of all magnitudes, subnormals and zeros
// included, give a finite result or all NaN; Q and eigenvectors are orthonormal.
func TestExtremes(t *testing.T) { both(t, extremes[float32], extremes[float64]) }

func extremes[T elem.Float](t *testing.T) {
	r := rand.New(rand.NewPCG(15, 1))
	low, high := -1074, 1023
	if unit[T]() > u {
		low, high = -149, 127
	}
	for i := range 200 {
		n, span := 1+r.IntN(24), 1+r.IntN(high-low)
		zeros := []float64{0, 0.3, 0.9}[i%3]
		bottom := low + r.IntN(high-low-span+1)
		a := Array[T]{make([]T, n*n), n, n}
		for j := range a.Data {
			if r.Float64() >= zeros {
				a.Data[j] = T(math.Ldexp(2*r.Float64()-1, bottom+r.IntN(span)))
			}
		}
		for _, f := range factorizations[T]() {
			out := apply(t, f.f, n, n, f.params, a)
			if allNaN(out.Data) && f.singular {
				continue
			}
			for _, x := range out.Data {
				if !elem.IsFinite(x) {
					t.Fatalf("%s of matrix %d, exponents %d to %d: %v", f.name, i, bottom, bottom+span, out.Data)
				}
			}
			if q := dense(out); f.name == "QR" || f.name == "EigVecs" || f.name == "Polar" {
				if d := norm(sub(mul(q.T(), q), eye(n))); !(d <= (8*float64(n)*u+2*unit[T]())*math.Sqrt(float64(n))) {
					t.Errorf("%s of matrix %d, exponents %d to %d: QᵀQ - I is %g", f.name, i, bottom, bottom+span, d)
				}
			}
		}
	}
}
