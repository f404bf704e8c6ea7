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

func TestPolar(t *testing.T) { both(t, polar[float32], polar[float64]) }

func polar[T elem.Float](t *testing.T) {
	r, w := rand.New(rand.NewPCG(17, 1)), worst{}
	samples := squares[T](r)
	for _, shape := range [][2]int{{2, 1}, {1, 7}, {300, 1}, {70, 30}, {30, 71}, {200, 9}, {9, 200}} {
		samples = append(samples, sample{fmt.Sprint("normal ", shape), random(r, shape[0], shape[1])})
	}
	ones := mat.NewDense(20, 30, nil)
	ones.Apply(func(_, _ int, _ float64) float64 { return 1 }, ones)
	columns := random(r, 30, 12)
	for i := range 30 {
		for _, j := range []int{0, 5, 11} {
			columns.Set(i, j, 0)
		}
	}
	samples = append(samples, sample{"rank 1", ones}, sample{"zero columns", columns}, sample{"zero rows", mat.DenseCopyOf(columns.T())},
		sample{"zero", mat.NewDense(9, 8, nil)}, sample{"zero wide", mat.NewDense(3, 5, nil)},
		sample{"rank 5", singular(r, 40, 60, append([]float64{5, 4, 3, 2, 1}, make([]float64, 35)...))},
		sample{"very ill", singular(r, 50, 40, geometric(40, 1e14))})
	for _, s := range samples {
		a := array[T](s.a)
		p := dense(apply(t, Polar[T], a.Rows, a.Cols, nil, a))
		checkPolar(t, w, s.name, dense(a), p, unit[T]())
	}
	w.log(t)
}

// checkPolar demands what is said of Polar; of float32, P has the rounding to it on top.
func checkPolar(t *testing.T, w worst, name string, a, p *mat.Dense, unit float64) {
	t.Helper()
	if rows, cols := a.Dims(); cols > rows {
		a, p = mat.DenseCopyOf(a.T()), mat.DenseCopyOf(p.T())
	}
	_, k := a.Dims()
	root, size := math.Sqrt(float64(k)), norm(a)
	if size > 0 {
		a.Scale(1/size, a)
	}
	slack := 16*float64(k)*u + 2*unit*root
	w.within(t, "PᵀP - I", name, norm(sub(mul(p.T(), p), eye(k))), (8*float64(k)*u+2*unit)*root)
	h := mat.DenseCopyOf(mul(p.T(), a))
	w.within(t, "PᵀA - AᵀP", name, norm(sub(h, h.T())), slack)
	w.within(t, "A - P·PᵀA", name, norm(sub(a, mul(p, h))), slack)
	if size > 0 {
		w.within(t, "-λ of PᵀA", name, max(0, -eigenvalues(symmetric(array[float64](h)))[0]), slack)
	}
	if strings.HasPrefix(name, "normal") {
		var f mat.SVD
		f.Factorize(a, mat.SVDThin)
		var left, right mat.Dense
		f.UTo(&left)
		f.VTo(&right)
		s := f.Values(nil)
		w.within(t, "polar against gonum", name, norm(sub(p, mul(&left, right.T()))), slack/s[k-1])
	}
}

// TestPolarZero: of zero the nearest semi-orthogonal matrix that is taken is the identity.
func TestPolarZero(t *testing.T) {
	for _, s := range [][2]int{{4, 4}, {5, 3}, {3, 5}, {1, 1}} {
		out := apply(t, Polar[float32], s[0], s[1], nil, Array[float32]{make([]float32, s[0]*s[1]), s[0], s[1]})
		want := make([]float32, s[0]*s[1])
		identity(want, s[0], s[1])
		if !same(out.Data, want) {
			t.Errorf("%v: %v", s, out.Data)
		}
	}
}

// A derivative is a product with the derivative of an operator.
type derivative struct {
	name        string
	f, vjp, jvp Func[float64] // jvp is nil if it is vjp
	params      []float64
	symmetric   bool
	bound       float64 // of the relative error against differences
}

var derivatives = []derivative{
	{"polar", Polar[float64], PolarVJP[float64], nil, nil, false, 1e-9},
	{"svd_shrink", SVDShrink[float64], SVDShrinkVJP[float64], nil, []float64{0.7}, false, 1e-9},
	{"svd_shrink 0", SVDShrink[float64], SVDShrinkVJP[float64], nil, []float64{0}, false, 1e-9},
	{"orthogonalize 0", Orthogonalize[float64], OrthogonalizeVJP[float64], OrthogonalizeJVP[float64], []float64{0}, false, 1e-9},
	{"orthogonalize 1", Orthogonalize[float64], OrthogonalizeVJP[float64], OrthogonalizeJVP[float64], []float64{1}, false, 1e-9},
	{"orthogonalize 5", Orthogonalize[float64], OrthogonalizeVJP[float64], OrthogonalizeJVP[float64], []float64{5}, false, 1e-7},
	{"inv_root 1", InvRoot[float64], InvRootVJP[float64], nil, []float64{1, 0.1}, true, 1e-9},
	{"inv_root 2", InvRoot[float64], InvRootVJP[float64], nil, []float64{2, 0}, true, 1e-9},
	{"inv_root 4", InvRoot[float64], InvRootVJP[float64], nil, []float64{4, 0.5}, true, 1e-9},
	{"inv_root 16", InvRoot[float64], InvRootVJP[float64], nil, []float64{16, 0}, true, 1e-9},
}

// along is the derivative of f in the direction of by, from differences of fourth order.
func along(t *testing.T, d derivative, a, by *mat.Dense) *mat.Dense {
	t.Helper()
	const h = 1e-3
	at := func(step float64) *mat.Dense {
		var x mat.Dense
		x.Scale(step, by)
		x.Add(a, &x)
		rows, cols := x.Dims()
		return dense(apply(t, d.f, rows, cols, d.params, array[float64](&x)))
	}
	out := sub(at(h), at(-h))
	out.Scale(8, out)
	out.Sub(out, sub(at(2*h), at(-2*h)))
	out.Scale(1/(12*h), out)
	return out
}

func inner(a, b mat.Matrix) float64 {
	var e mat.Dense
	e.MulElem(a, b)
	return mat.Sum(&e)
}

// TestDerivatives compares every product with central differences of its operator: that with a cotangent D by its inner
// products with directions, and where it is the derivative in a direction that, too.
func TestDerivatives(t *testing.T) {
	r, w := rand.New(rand.NewPCG(18, 1)), worst{}
	for _, d := range derivatives {
		for name, a := range points(r, d.symmetric) {
			rows, cols := a.Dims()
			direction := func() *mat.Dense {
				m := random(r, rows, cols)
				m.Scale(1/norm(m), m)
				if d.symmetric {
					m.Add(m, mat.DenseCopyOf(m.T()))
				}
				return m
			}
			at, params := array[float64](a), d.params
			if d.symmetric {
				at, params = apply(t, d.f, rows, cols, d.params, at), d.params[:1]
			}
			dual := direction()
			if d.symmetric { // the cotangent need not be
				dual = random(r, rows, cols)
				dual.Scale(1/norm(dual), dual)
			}
			g := dense(apply(t, d.vjp, rows, cols, params, at, array[float64](dual)))
			for range 4 {
				by := direction()
				want := along(t, d, a, by)
				bound := d.bound * max(norm(want), 0.01*norm(by)) // the sign of one number has a derivative near zero
				w.within(t, d.name, name, math.Abs(inner(g, by)-inner(dual, want)), bound)
				jvp := d.jvp
				if jvp == nil {
					jvp = d.vjp
				}
				got := dense(apply(t, jvp, rows, cols, params, at, array[float64](by)))
				w.within(t, d.name+" in a direction", name, norm(sub(got, want)), bound)
			}
		}
	}
	w.log(t)
}

// points are well conditioned matrices, and such of which eigenvalues or singular values are repeated or nearly so.
func points(r *rand.Rand, symmetric bool) map[string]*mat.Dense {
	all := map[string]*mat.Dense{}
	values := map[string][]float64{"apart": {3, 2.5, 1.9, 1.6, 1.2}, "repeated": {3, 2, 2, 1.2, 1.2}, "close": {3, 2 + 1e-9, 2, 1.2, 1.2 + 1e-13}, "one": {2}}
	for name, v := range values {
		if symmetric {
			all[name] = spectral(r, v)
			continue
		}
		for _, more := range []int{0, 3} {
			all[fmt.Sprint(name, " tall ", more)] = singular(r, len(v)+more, len(v), v)
			all[fmt.Sprint(name, " wide ", more)] = singular(r, len(v), len(v)+more, v)
		}
	}
	return all
}

// TestShrinkSupport: singular values below tau, and zero ones, of which no direction is told apart, have a derivative.
func TestShrinkSupport(t *testing.T) {
	r, w := rand.New(rand.NewPCG(19, 1)), worst{}
	d := derivative{f: SVDShrink[float64], params: []float64{1}}
	for _, values := range [][]float64{{3, 2, 0.5, 0.4, 0.4}, {3, 2, 0.5, 0, 0}, {0.5, 0.4, 0.3, 0.2, 0}} {
		for _, shape := range [][2]int{{5, 5}, {5, 8}, {8, 5}} {
			a := singular(r, shape[0], shape[1], values)
			by := random(r, shape[0], shape[1])
			by.Scale(1/norm(by), by)
			want := along(t, d, a, by)
			got := dense(apply(t, SVDShrinkVJP[float64], shape[0], shape[1], d.params, array[float64](a), array[float64](by)))
			w.within(t, "svd_shrink", fmt.Sprint(values, shape), norm(sub(got, want)), 1e-9*(norm(want)+1e-3))
		}
	}
	at := Array[float64]{[]float64{3, 0, 0, 0, 1, 0, 0, 0, 0.5}, 3, 3}
	half := apply(t, SVDShrinkVJP[float64], 3, 3, []float64{1}, at, Array[float64]{[]float64{1, 0, 0, 0, 1, 0, 0, 0, 1}, 3, 3})
	if !same(half.Data, []float64{1, 0, 0, 0, 0.5, 0, 0, 0, 0}) {
		t.Errorf("at tau the derivative is %v", half.Data)
	}
	w.log(t)
}

// TestPolarSingular: polar has no derivative where two singular values vanish, or one of a matrix that is not square.
func TestPolarSingular(t *testing.T) {
	r := rand.New(rand.NewPCG(20, 1))
	for _, c := range []struct {
		rows, cols int
		values     []float64
		fails      bool
	}{
		{4, 4, []float64{3, 2, 1, 0}, false}, {4, 4, []float64{3, 2, 0, 0}, true}, {4, 4, []float64{3, 2, 1e-18, 1e-17}, true},
		{5, 4, []float64{3, 2, 1, 0}, true}, {4, 6, []float64{3, 2, 1, 1e-18}, true}, {4, 6, []float64{3, 2, 1, 1e-9}, false},
		{1, 1, []float64{0}, false}, {1, 1, []float64{2}, false},
	} {
		a, d := array[float64](singular(r, c.rows, c.cols, c.values)), array[float64](random(r, c.rows, c.cols))
		if out := apply(t, PolarVJP[float64], c.rows, c.cols, nil, a, d); allNaN(out.Data) != c.fails {
			t.Errorf("%d×%d of %v: %v", c.rows, c.cols, c.values, out.Data)
		}
	}
}

// TestDerivativesAgainstGonum compares the products with their formulas in gonum's singular vectors and eigenvectors.
func TestDerivativesAgainstGonum(t *testing.T) {
	r, w := rand.New(rand.NewPCG(23, 1)), worst{}
	for _, shape := range [][2]int{{1, 1}, {2, 2}, {7, 7}, {7, 3}, {3, 9}, {33, 33}, {40, 25}, {20, 70}} {
		k := min(shape[0], shape[1])
		for _, condition := range []float64{2, 1e3} {
			a, d := singular(r, shape[0], shape[1], geometric(k, condition)), random(r, shape[0], shape[1])
			name, size := fmt.Sprint(shape, condition), 16*float64(k)*u*norm(a)*norm(d)
			got := dense(apply(t, PolarVJP[float64], shape[0], shape[1], nil, array[float64](a), array[float64](d)))
			want, s := gonumSpectral(a, d, func(float64) float64 { return 1 }, func(float64) float64 { return 0 })
			gap := s[k-1]
			if shape[0] == shape[1] && k > 1 {
				gap += s[k-2]
			}
			w.within(t, "polar_vjp", name, norm(sub(got, want)), size/(gap*gap))

			tau := (s[k/2] + s[(k-1)/2]) / 2.1
			got = dense(apply(t, SVDShrinkVJP[float64], shape[0], shape[1], []float64{tau}, array[float64](a), array[float64](d)))
			want, s = gonumSpectral(a, d, func(s float64) float64 { return max(s-tau, 0) }, func(s float64) float64 { return float64(b2i(s > tau)) })
			gap = tau
			for _, v := range s {
				gap = min(gap, math.Abs(v-tau))
			}
			w.within(t, "svd_shrink_vjp", name, norm(sub(got, want)), size/gap)
			if shape[0] != shape[1] {
				continue
			}
			y := spectral(r, geometric(k, condition))
			for _, p := range []int{1, 2, 4, 16} {
				got = dense(apply(t, InvRootVJP[float64], k, k, []float64{float64(p)}, array[float64](y), array[float64](d)))
				want = gonumRootSlope(symmetric(array[float64](y)), d, p)
				w.within(t, "inv_root_vjp", fmt.Sprint(name, p), norm(sub(got, want)), 16*float64(k*p)*u*condition*norm(d)*math.Pow(norm(y), float64(p+1)))
			}
		}
	}
	w.log(t)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// gonumSpectral is the derivative of U·f(S)·Vᵀ in the direction d, in singular vectors that U and V are completed with
// (Lewis and Sendov 2001); slope is f'.
func gonumSpectral(a, d *mat.Dense, f, slope func(float64) float64) (*mat.Dense, []float64) {
	if rows, cols := a.Dims(); cols > rows {
		g, s := gonumSpectral(mat.DenseCopyOf(a.T()), mat.DenseCopyOf(d.T()), f, slope)
		return mat.DenseCopyOf(g.T()), s
	}
	var svd mat.SVD
	svd.Factorize(a, mat.SVDFull)
	var left, right mat.Dense
	svd.UTo(&left)
	svd.VTo(&right)
	s := svd.Values(nil)
	m, n := a.Dims()
	k := mat.DenseCopyOf(mul(left.T(), d, &right))
	out := mat.NewDense(m, n, nil)
	for i := range m {
		for j := range n {
			switch {
			case i >= n:
				out.Set(i, j, k.At(i, j)*f(s[j])/s[j])
			case i == j:
				out.Set(i, i, k.At(i, i)*slope(s[i]))
			default:
				even, odd := (f(s[i])-f(s[j]))/(s[i]-s[j]), (f(s[i])+f(s[j]))/(s[i]+s[j])
				out.Set(i, j, even*(k.At(i, j)+k.At(j, i))/2+odd*(k.At(i, j)-k.At(j, i))/2)
			}
		}
	}
	return mat.DenseCopyOf(mul(&left, out, right.T())), s
}

// gonumRootSlope is the derivative of the inverse root whose value is y, by divided differences of eigenvalues.
func gonumRootSlope(y *mat.SymDense, d *mat.Dense, p int) *mat.Dense {
	var f mat.EigenSym
	f.Factorize(y, true)
	var v mat.Dense
	f.VectorsTo(&v)
	values := f.Values(nil)
	even := mat.DenseCopyOf(d.T())
	even.Add(even, d)
	even.Scale(0.5, even)
	k := mat.DenseCopyOf(mul(v.T(), even, &v))
	k.Apply(func(i, j int, x float64) float64 {
		a, b := values[i], values[j]
		if i == j {
			return -x * math.Pow(a, float64(p+1)) / float64(p)
		}
		return x * (a - b) / (math.Pow(a, -float64(p)) - math.Pow(b, -float64(p)))
	}, k)
	return mat.DenseCopyOf(mul(&v, k, v.T()))
}

// TestScaledDerivatives: the scale of A and of D is a power of two of the result, so that neither overflows on the way.
func TestScaledDerivatives(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 1))
	a, d := array[float64](random(r, 4, 6)), array[float64](random(r, 4, 6))
	base := apply(t, PolarVJP[float64], 4, 6, nil, a, d)
	shrunk := apply(t, SVDShrinkVJP[float64], 4, 6, []float64{0.5}, a, d)
	for _, e := range []int{-900, -60, 60, 900} {
		big := Array[float64]{append([]float64(nil), a.Data...), 4, 6}
		shift(big.Data, e)
		got, want := apply(t, PolarVJP[float64], 4, 6, nil, big, d), append([]float64(nil), base.Data...)
		shift(want, -e)
		if !same(got.Data, want) {
			t.Errorf("polar_vjp of A times 2^%d is %v, not %v", e, got.Data, want)
		}
		got = apply(t, SVDShrinkVJP[float64], 4, 6, []float64{math.Ldexp(0.5, e)}, big, d)
		if !same(got.Data, shrunk.Data) {
			t.Errorf("svd_shrink_vjp of A times 2^%d is %v, not %v", e, got.Data, shrunk.Data)
		}
		other := Array[float64]{append([]float64(nil), d.Data...), 4, 6}
		shift(other.Data, e)
		got, want = apply(t, PolarVJP[float64], 4, 6, nil, a, other), append([]float64(nil), base.Data...)
		shift(want, e)
		if !same(got.Data, want) {
			t.Errorf("polar_vjp of D times 2^%d is %v, not %v", e, got.Data, want)
		}
	}
	tiny, huge := spectral(r, geometric(4, 3)), array[float64](random(r, 4, 4))
	y := array[float64](tiny)
	at := apply(t, InvRootVJP[float64], 4, 4, []float64{2}, y, huge)
	shift(y.Data, 100)
	shift(huge.Data, -300)
	if got := apply(t, InvRootVJP[float64], 4, 4, []float64{2}, y, huge); !same(got.Data, at.Data) {
		t.Errorf("inv_root_vjp of 2^100·Y and 2^-300·D is %v, not %v", got.Data, at.Data)
	}
}

// TestNarrowDerivatives compares float32 with float64 on the same operands.
func TestNarrowDerivatives(t *testing.T) {
	r, w := rand.New(rand.NewPCG(22, 1)), worst{}
	const unit = 0x1p-24
	for _, shape := range [][2]int{{1, 1}, {5, 5}, {30, 70}, {70, 30}, {40, 40}} {
		k := min(shape[0], shape[1])
		a32 := array[float32](singular(r, shape[0], shape[1], geometric(k, 5)))
		d32 := array[float32](random(r, shape[0], shape[1]))
		a, d := array[float64](dense(a32)), array[float64](dense(d32))
		compare := func(name string, f32 Func[float32], f64 Func[float64], params []float64, bound float64) {
			got := dense(apply(t, f32, shape[0], shape[1], params, a32, d32))
			want := dense(apply(t, f64, shape[0], shape[1], params, a, d))
			w.within(t, name, fmt.Sprint(shape), norm(sub(got, want)), bound)
		}
		size := norm(dense(d))
		compare("polar_vjp", PolarVJP[float32], PolarVJP[float64], nil, unit*5*size*math.Sqrt(float64(k)))
		compare("svd_shrink_vjp", SVDShrinkVJP[float32], SVDShrinkVJP[float64], []float64{0.4}, unit*size)
		for steps := range 7 {
			bound := 16 * float64(k) * unit * math.Pow(16, float64(steps)) * size / (norm(dense(a)) + 1e-7)
			compare("orthogonalize_vjp", OrthogonalizeVJP[float32], OrthogonalizeVJP[float64], []float64{float64(steps)}, bound)
			compare("orthogonalize_jvp", OrthogonalizeJVP[float32], OrthogonalizeJVP[float64], []float64{float64(steps)}, bound)
		}
		if shape[0] == shape[1] {
			y := spectral(r, geometric(k, 10))
			y32 := array[float32](y)
			got := dense(apply(t, InvRootVJP[float32], k, k, []float64{4}, y32, d32))
			want := dense(apply(t, InvRootVJP[float64], k, k, []float64{4}, array[float64](dense(y32)), d))
			w.within(t, "inv_root_vjp", fmt.Sprint(shape), norm(sub(got, want)), unit*norm(want))
		}
	}
	w.log(t)
}
