package matrix

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/optc-lang/optc/runtime/elem"
)

func TestBasic(t *testing.T) { both(t, basic[float32], basic[float64]) }

func basic[T elem.Float](t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	special := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1), 1e-310, 3e-45}
	fill := func(rows, cols int) Array[T] {
		a := Array[T]{make([]T, rows*cols), rows, cols}
		for i := range a.Data {
			a.Data[i] = T(r.NormFloat64())
			if r.IntN(9) == 0 {
				a.Data[i] = T(special[r.IntN(len(special))])
			}
		}
		return a
	}
	check := func(name string, got Array[T], want func(i, j int) T) {
		t.Helper()
		for i := range got.Rows {
			for j := range got.Cols {
				if !same([]T{got.Data[i*got.Cols+j]}, []T{want(i, j)}) {
					t.Fatalf("%s %d×%d: element %d, %d is %v, not %v", name, got.Rows, got.Cols, i, j, got.Data[i*got.Cols+j], want(i, j))
				}
			}
		}
	}
	for range 60 {
		m, n, k := r.IntN(40), r.IntN(40), r.IntN(40)
		a, b, s, v, x := fill(m, k), fill(k, n), fill(n, n), fill(n, 1), fill(1, m)
		check("Mul", apply(t, Mul[T], m, n, nil, a, b), func(i, j int) T {
			var sum T
			for p := range k {
				sum += T(a.Data[i*k+p] * b.Data[p*n+j])
			}
			return sum
		})
		check("Transpose", apply(t, Transpose[T], k, m, nil, a), func(i, j int) T { return a.Data[j*k+i] })
		row := Array[T]{v.Data, 1, n}
		diagonal := func(i, j int) T { return s.Data[max(i, j)*n+max(i, j)] }
		spread := func(i, j int) T {
			if i == j {
				return v.Data[i]
			}
			return 0
		}
		for _, f := range []Func[T]{DiagOf[T], Diag[T]} {
			check("DiagOf", apply(t, f, n, 1, nil, s), diagonal)
			check("DiagOf", apply(t, f, 1, n, nil, s), diagonal)
		}
		for _, f := range []Func[T]{DiagFrom[T], Diag[T]} {
			check("DiagFrom", apply(t, f, n, n, nil, v), spread)
			check("DiagFrom", apply(t, f, n, n, nil, row), spread)
		}
		check("Trace", apply(t, Trace[T], 1, 1, nil, s), func(i, j int) T {
			sum := 0.0
			for i := range n {
				sum += float64(s.Data[i*n+i])
			}
			return T(sum)
		})
		check("Tril", apply(t, Tril[T], n, n, nil, s), func(i, j int) T {
			if i < j {
				return 0
			}
			return s.Data[i*n+j]
		})
		check("Outer", apply(t, Outer[T], m, n, nil, x, row), func(i, j int) T { return x.Data[i] * v.Data[j] })
		check("Eye", apply(t, Eye[T], m, n, nil), func(i, j int) T {
			if i == j {
				return 1
			}
			return 0
		})
	}
}

func TestSolve(t *testing.T) { both(t, solveInv[float32], solveInv[float64]) }

func solveInv[T elem.Float](t *testing.T) {
	r, w := rand.New(rand.NewPCG(2, 1)), worst{}
	for _, s := range squares[T](r) {
		a := array[T](s.a)
		n := a.Rows
		wide := dense(a)
		inv := apply(t, Inv[T], n, n, nil, a)
		// The rounding of X to T adds u_T·‖A‖·‖X‖.
		bound := func(x mat.Matrix) float64 { return (8*float64(n)*u + unit[T]()) * norm(wide) * norm(x) }
		if x := dense(inv); !allNaN(inv.Data) || strings.HasPrefix(s.name, "normal") {
			w.within(t, "A·inv(A) - I", s.name, norm(sub(mul(wide, x), eye(n))), bound(x))
		} else {
			// 1/x overflows for no sample of float32 or float64
			t.Errorf("%s: not inverted", s.name)
		}
		for _, k := range []int{1, 3, n} {
			b := array[T](random(r, n, k))
			x := dense(apply(t, Solve[T], n, k, nil, a, b))
			w.within(t, "A·solve(A, B) - B", s.name, norm(sub(mul(wide, x), dense(b))), bound(x)+u)
			if strings.HasPrefix(s.name, "normal") {
				var want mat.Dense
				if err := want.Solve(wide, dense(b)); err == nil {
					condition := mat.Cond(wide, 1)
					w.within(t, "solve against gonum", s.name, norm(sub(x, &want)), (16*float64(n)*u*condition+unit[T]())*norm(&want))
				}
			}
		}
	}
	w.log(t)
}

// TestRowScaling: the scale of rows and columns does not make a matrix singular.
func TestRowScaling(t *testing.T) {
	a := Array[float64]{[]float64{1e-200, 0, 0, 0, 1e250, 1e100, 0, 1e-20, 1e-170 * 3}, 3, 3}
	x := apply(t, Inv[float64], 3, 3, nil, a)
	if x.Data[0] != 1e200 || allNaN(x.Data) {
		t.Errorf("the inverse is %v", x.Data)
	}
	y := apply(t, Solve[float64], 2, 1, nil, Array[float64]{[]float64{0, 1e-300, 1e300, 0}, 2, 2}, Array[float64]{[]float64{1e-300, 2e300}, 2, 1})
	if math.Abs(y.Data[0]-2) > 1e-15 || math.Abs(y.Data[1]-1) > 1e-15 {
		t.Errorf("the solution is %v, not 2, 1", y.Data)
	}
}

func TestCholesky(t *testing.T) { both(t, choleskyCases[float32], choleskyCases[float64]) }

func choleskyCases[T elem.Float](t *testing.T) {
	r, w := rand.New(rand.NewPCG(3, 1)), worst{}
	for _, s := range positives[T](r, 1e5) {
		a := half(array[T](s.a))
		n := a.Rows
		l := apply(t, Cholesky[T], n, n, nil, a)
		wide, sym := dense(l), symmetric(a)
		w.within(t, "L·Lᵀ - A", s.name, norm(sub(mul(wide, wide.T()), sym)), (8*float64(n)*u+2*unit[T]())*norm(sym))
		for i := range n {
			for j := range n {
				if x := l.Data[i*n+j]; j > i && x != 0 || j == i && !(x > 0) {
					t.Fatalf("%s: element %d, %d of L is %v", s.name, i, j, x)
				}
			}
		}
		var want mat.Cholesky
		if strings.HasPrefix(s.name, "gram") && want.Factorize(sym) {
			var lower mat.TriDense
			want.LTo(&lower)
			w.within(t, "L against gonum", s.name, norm(sub(wide, &lower)), (8*float64(n)*u*mat.Cond(sym, 2)+unit[T]())*norm(wide))
		}
	}
	w.log(t)
}

func TestQR(t *testing.T) { both(t, qr[float32], qr[float64]) }

func qr[T elem.Float](t *testing.T) {
	r, w := rand.New(rand.NewPCG(4, 1)), worst{}
	samples := squares[T](r)
	for _, shape := range [][2]int{{2, 1}, {300, 1}, {70, 3}, {200, 33}, {65, 64}, {5, 9}, {40, 70}, {1, 30}} {
		samples = append(samples, sample{fmt.Sprintf("shape %v", shape), random(r, shape[0], shape[1])})
	}
	low := singular(r, 50, 40, append(geometric(20, 10), make([]float64, 20)...))
	equal := mat.NewDense(40, 36, nil)
	equal.Apply(func(i, _ int, _ float64) float64 { return float64(i) }, equal)
	samples = append(samples, sample{"rank 20", low}, sample{"equal columns", equal}, sample{"zero", mat.NewDense(37, 35, nil)})
	for _, s := range samples {
		a := array[T](s.a)
		m, n := a.Rows, min(a.Rows, a.Cols)
		q := dense(apply(t, QR[T], m, n, nil, a))
		slack := 8*float64(n)*u + 2*unit[T]()
		w.within(t, "QᵀQ - I", s.name, norm(sub(mul(q.T(), q), eye(n))), slack*math.Sqrt(float64(n)))
		first := dense(a).Slice(0, m, 0, n)
		rr := mat.DenseCopyOf(mul(q.T(), first))
		for j := range n {
			size := mat.Norm(mat.DenseCopyOf(first).ColView(j), 2)
			for i := range n {
				if x := rr.At(i, j); i == j && !(x >= -slack*size) || i > j && !(math.Abs(x) <= slack*math.Sqrt(float64(m))*size) {
					t.Fatalf("%s: element %d, %d of R is %g in a column of norm %g", s.name, i, j, x, size)
				}
				if i > j {
					rr.Set(i, j, 0)
				}
			}
			if residual := sub(mul(q, rr), first).ColView(j); size > 0 {
				w.within(t, "a column of Q·R - A", s.name, mat.Norm(residual, 2)/size, slack*math.Sqrt(float64(n)))
			}
		}
		if strings.HasPrefix(s.name, "normal") || strings.HasPrefix(s.name, "shape") {
			w.within(t, "Q against gonum", s.name, norm(sub(q, gonumQ(first, m, n))), slack*mat.Cond(first, 2)*float64(n))
		}
	}
	w.log(t)
}

// gonumQ is gonum's Q with the signs that make R's diagonal positive.
func gonumQ(a mat.Matrix, m, n int) mat.Matrix {
	var f mat.QR
	f.Factorize(a)
	var q, r mat.Dense
	f.QTo(&q)
	f.RTo(&r)
	out := mat.NewDense(m, n, nil)
	for i := range m {
		for j := range n {
			out.Set(i, j, math.Copysign(1, r.At(j, j))*q.At(i, j))
		}
	}
	return out
}

func TestEigVecs(t *testing.T) { both(t, eigVecs[float32], eigVecs[float64]) }

func eigVecs[T elem.Float](t *testing.T) {
	r, w := rand.New(rand.NewPCG(5, 1)), worst{}
	samples := positives[T](r, 1e12)
	for _, n := range sizes {
		g := random(r, n, n)
		indefinite := mat.DenseCopyOf(g)
		indefinite.Add(g, g.T())
		ones := mat.NewDense(n, n, nil)
		ones.Apply(func(_, _ int, _ float64) float64 { return 1 }, ones)
		wilkinson := mat.NewDense(n, n, nil)
		for i := range n {
			wilkinson.Set(i, i, math.Abs(float64(i)-float64(n-1)/2))
			if i > 0 {
				wilkinson.Set(i, i-1, 1)
			}
		}
		graded := spectral(r, geometric(n, 1e20))
		samples = append(samples, sample{fmt.Sprint("indefinite ", n), indefinite}, sample{fmt.Sprint("ones ", n), ones},
			sample{fmt.Sprint("zero ", n), mat.NewDense(n, n, nil)}, sample{fmt.Sprint("wilkinson ", n), wilkinson},
			sample{fmt.Sprint("graded ", n), graded})
	}
	for _, s := range samples {
		a := half(array[T](s.a))
		n := a.Rows
		out := apply(t, EigVecs[T], n, n, nil, a)
		v, sym := dense(out), symmetric(a)
		slack := 8*float64(n)*u + 2*unit[T]()
		w.within(t, "VᵀV - I", s.name, norm(sub(mul(v.T(), v), eye(n))), slack*math.Sqrt(float64(n)))
		values := eigenvalues(sym)
		w.within(t, "A·V - V·Λ, Λ of gonum", s.name, norm(sub(mul(sym, v), mul(v, mat.NewDiagDense(n, values)))), slack*norm(sym))
		for j := range n {
			column := mat.Col(nil, j, v)
			if most, least := slices.Max(column), slices.Min(column); !(most >= -least*(1-0x1p-39-2*unit[T]())) {
				t.Fatalf("%s: column %d goes from %g to %g", s.name, j, least, most)
			}
		}
	}
	w.log(t)
}

// TestChain: a tridiagonal matrix with a zero diagonal and tiny entries in a row,
// through which rotations underflow.
func TestChain(t *testing.T) {
	for _, tiny := range []float64{1e-12, 1e-70, 1e-140, 1e-160, 1e-300} {
		for n := 2; n < 12; n++ {
			a := Array[float64]{make([]float64, n*n), n, n}
			a.Data[n] = 1
			for i := 2; i < n; i++ {
				a.Data[i*n+i-1] = tiny
			}
			v := dense(apply(t, EigVecs[float64], n, n, nil, a))
			sym := symmetric(a)
			values := mat.NewDiagDense(n, eigenvalues(sym))
			if d := norm(sub(mul(v.T(), v), eye(n))); !(d <= 8*float64(n)*u) {
				t.Errorf("n = %d, %g: VᵀV - I is %g", n, tiny, d)
			}
			if d := norm(sub(mul(sym, v), mul(v, values))); !(d <= 8*float64(n)*u) {
				t.Errorf("n = %d, %g: A·V - V·Λ is %g", n, tiny, d)
			}
		}
	}
}

// TestOrientation: of entries that are equal up to rounding the first is positive.
func TestOrientation(t *testing.T) {
	r := rand.New(rand.NewPCG(16, 1))
	for range 200 {
		a, b := r.NormFloat64(), r.NormFloat64()
		v := apply(t, EigVecs[float64], 2, 2, nil, Array[float64]{[]float64{a, b, b, a}, 2, 2})
		if !(v.Data[0] > 0 && v.Data[1] > 0) {
			t.Fatalf("of %g, %g: %v", a, b, v.Data)
		}
	}
}

// eigenvalues are gonum's; it scales first: gonum fails for huge matrices.
func eigenvalues(a *mat.SymDense) []float64 {
	scale := norm(a)
	if scale == 0 {
		scale = 1
	}
	var b mat.SymDense
	b.ScaleSym(1/scale, a)
	var f mat.EigenSym
	if !f.Factorize(&b, false) {
		panic("gonum has no eigenvalues")
	}
	values := f.Values(nil)
	for i := range values {
		values[i] *= scale
	}
	return values
}

func TestInvRoot(t *testing.T) { both(t, invRoot[float32], invRoot[float64]) }

func invRoot[T elem.Float](t *testing.T) {
	r, w := rand.New(rand.NewPCG(6, 1)), worst{}
	for i, s := range positives[T](r, 1e5) {
		for _, p := range []int{1, 2, 3, 4, 8, 16} {
			if n := s.a.RawMatrix().Rows; n > 20 && p != 2 && p != 4 {
				continue
			}
			ridge := float64(i%2) * 1e-3 * s.a.At(0, 0)
			compareRoot(t, w, fmt.Sprintf("%s p=%d ridge=%g", s.name, p, ridge), half(array[T](s.a)), p, ridge)
		}
	}
	w.log(t)
}

// TestGradedRoot: of D·B·D the largest entry of the inverse is as exact as that of B, whatever the magnitudes in D and
// their order.
func TestGradedRoot(t *testing.T) {
	r, w := rand.New(rand.NewPCG(17, 1)), worst{}
	for _, n := range append([]int{100}, sizes...) {
		b := array[float64](spectral(r, geometric(n, 10)))
		a, least, scale := Array[float64]{make([]float64, n*n), n, n}, 0, make([]float64, n)
		for i := range scale {
			if scale[i] = math.Ldexp(1, -r.IntN(20)); scale[i] < scale[least] {
				least = i
			}
		}
		for i := range n {
			for j := range n {
				a.Data[i*n+j] = b.Data[i*n+j] * scale[i] * scale[j]
			}
		}
		of := func(a Array[float64]) float64 {
			return apply(t, InvRoot[float64], n, n, []float64{1, 0}, a).Data[least*(n+1)]
		}
		got, want := of(a)*scale[least]*scale[least], of(b)
		w.within(t, "the largest entry", fmt.Sprint(n), math.Abs(got/want-1), 8*float64(n)*u*10)
	}
	w.log(t)
}

// TestRootOfNumber holds the roots of 1×1 matrices to exact arithmetic: nearly all of the error is that of the integral.
func TestRootOfNumber(t *testing.T) {
	r, w := rand.New(rand.NewPCG(18, 1)), worst{}
	for range 300 {
		for p := 1; p <= 16; p++ {
			x := math.Ldexp(1+r.Float64(), r.IntN(2000)-1000)
			y := apply(t, InvRoot[float64], 1, 1, []float64{float64(p), 0}, Array[float64]{[]float64{x}, 1, 1}).Data[0]
			one := new(big.Float).SetPrec(1200).SetFloat64(x)
			for range p {
				one.Mul(one, big.NewFloat(y))
			}
			off, _ := one.Sub(one, big.NewFloat(1)).Float64()
			w.within(t, fmt.Sprint("root ", p), fmt.Sprint(x), math.Abs(off)/float64(p), 8*3*u)
		}
	}
	w.log(t)
}

func compareRoot[T elem.Float](t *testing.T, w worst, name string, a Array[T], p int, ridge float64) {
	t.Helper()
	n := a.Rows
	got := dense(apply(t, InvRoot[T], n, n, []float64{float64(p), ridge}, a))
	want, condition := gonumRoot(symmetric(a), p, ridge)
	size := mat.Max(mat.DenseCopyOf(want))
	difference := sub(got, want)
	difference.Apply(func(_, _ int, x float64) float64 { return math.Abs(x) }, difference)
	if math.IsNaN(norm(got)) {
		t.Fatalf("%s: NaN", name)
	}
	w.within(t, "inv_root against gonum", name, mat.Max(difference)/size, 8*float64(n+2)*u*condition+unit[T]())
}

// gonumRoot is (a + ridge·I)^(-1/p) by gonum's eigenvectors, and the condition
// number of a + ridge·I. It scales a first: gonum has no such guard.
func gonumRoot(a *mat.SymDense, p int, ridge float64) (mat.Matrix, float64) {
	n := a.SymmetricDim()
	root := exponent(mat.Norm(a, 2)) / p
	scale := math.Ldexp(1, p*root)
	var f mat.EigenSym
	b := mat.NewSymDense(n, nil)
	b.ScaleSym(1/scale, a)
	for i := range n {
		b.SetSym(i, i, b.At(i, i)+ridge/scale)
	}
	f.Factorize(b, true)
	var v mat.Dense
	f.VectorsTo(&v)
	values := f.Values(nil)
	roots := make([]float64, n)
	for i, x := range values {
		roots[i] = math.Pow(x, -1/float64(p)) * math.Ldexp(1, -root)
	}
	return mul(&v, mat.NewDiagDense(n, roots), v.T()), values[n-1] / values[0]
}

func TestOrthogonalize(t *testing.T) { both(t, orthogonalize[float32], orthogonalize[float64]) }

func orthogonalize[T elem.Float](t *testing.T) {
	r, w := rand.New(rand.NewPCG(7, 1)), worst{}
	big := math.Sqrt(math.MaxFloat64) * 4
	if unit[T]() > u {
		big = math.MaxFloat32 / 8
	}
	for _, shape := range [][2]int{{1, 1}, {1, 9}, {9, 1}, {5, 5}, {30, 70}, {70, 30}, {64, 64}, {200, 7}} {
		k := min(shape[0], shape[1])
		for _, scale := range []float64{1, 1e-7, big} {
			g := singular(r, shape[0], shape[1], geometric(k, 20))
			g.Scale(scale, g)
			a := array[T](g)
			for _, steps := range []int{0, 1, 2, 5} {
				name := fmt.Sprint(shape, " steps ", steps, " scale ", scale)
				got := dense(apply(t, Orthogonalize[T], shape[0], shape[1], []float64{float64(steps)}, a))
				want := newtonSchulz(dense(a), steps)
				w.within(t, "iteration in T against gonum", name, norm(sub(got, want)), 8*float64(k)*unit[T]()*math.Pow(4, float64(steps)))
				if steps == 5 && scale > 1e-3 {
					for _, x := range singularValues(got) {
						if !(x > 0.68 && x < 1.16) {
							t.Errorf("%s: a singular value of %g", name, x)
						}
					}
				}
			}
		}
	}
	zero := apply(t, Orthogonalize[T], 3, 5, []float64{5}, Array[T]{make([]T, 15), 3, 5})
	if !same(zero.Data, make([]T, 15)) {
		t.Errorf("of zero: %v", zero.Data)
	}
	w.log(t)
}

// newtonSchulz is the iteration in float64 by gonum.
func newtonSchulz(g *mat.Dense, steps int) mat.Matrix {
	x := mat.DenseCopyOf(g)
	scale := mat.Max(x)
	if scale != 0 {
		scale = math.Abs(scale)
		x.Scale(1/scale, x)
		x.Scale(1/(mat.Norm(x, 2)+1e-7/scale), x)
	}
	rows, cols := x.Dims()
	if rows > cols {
		x = mat.DenseCopyOf(x.T())
	}
	for range steps {
		a := mul(x, x.T())
		b, c := mat.DenseCopyOf(a), mat.DenseCopyOf(mul(a, a))
		b.Scale(-4.7750, b)
		c.Scale(2.0315, c)
		b.Add(b, c)
		y := mat.DenseCopyOf(mul(b, x))
		x.Scale(3.4445, x)
		x.Add(x, y)
	}
	if rows > cols {
		return x.T()
	}
	return x
}

func singularValues(m mat.Matrix) []float64 {
	var f mat.SVD
	f.Factorize(m, mat.SVDNone)
	return f.Values(nil)
}

func TestSVDShrink(t *testing.T) { both(t, svdShrink[float32], svdShrink[float64]) }

func svdShrink[T elem.Float](t *testing.T) {
	r, w := rand.New(rand.NewPCG(8, 1)), worst{}
	samples := squares[T](r)
	for _, shape := range [][2]int{{2, 1}, {1, 7}, {300, 1}, {70, 30}, {30, 71}, {200, 9}, {9, 200}} {
		samples = append(samples, sample{fmt.Sprint("shape ", shape), random(r, shape[0], shape[1])})
	}
	ones := mat.NewDense(20, 30, nil)
	ones.Apply(func(_, _ int, _ float64) float64 { return 1 }, ones)
	twice := geometric(40, 10)
	for i := range twice {
		twice[i] = twice[i/4*4]
	}
	samples = append(samples, sample{"rank 1", ones}, sample{"zero", mat.NewDense(9, 8, nil)},
		sample{"fourfold", singular(r, 50, 40, twice)},
		sample{"rank 5", singular(r, 40, 60, append([]float64{5, 4, 3, 2, 1}, make([]float64, 35)...))})
	for _, s := range samples {
		a := array[T](s.a)
		m, n := a.Rows, a.Cols
		wide := dense(a)
		scale := norm(wide)
		if scale == 0 {
			scale = 1
		}
		unscaled := mat.DenseCopyOf(wide)
		unscaled.Scale(1/scale, wide)
		for _, share := range []float64{0, 0.01, 0.3, 2} {
			got := dense(apply(t, SVDShrink[T], m, n, []float64{share * scale}, a))
			want := mat.DenseCopyOf(gonumShrink(unscaled, share))
			want.Scale(scale, want)
			w.within(t, "svd_shrink against gonum", fmt.Sprintf("%s tau=%g", s.name, share), norm(sub(got, want)), (16*float64(min(m, n))*u+unit[T]())*scale)
		}
	}
	w.log(t)
}

func gonumShrink(a mat.Matrix, tau float64) mat.Matrix {
	var f mat.SVD
	f.Factorize(a, mat.SVDThin)
	var left, right mat.Dense
	f.UTo(&left)
	f.VTo(&right)
	s := f.Values(nil)
	for i := range s {
		s[i] = max(s[i]-tau, 0)
	}
	return mul(&left, mat.NewDiagDense(len(s), s), right.T())
}
