package derive_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
)

// writer writes random expressions of u, which is differentiated, and v, which is not, of a wanted extent.
type writer struct {
	r    *rand.Rand
	step bool // u is a step value
}

func (w *writer) one(texts ...string) string { return texts[w.r.IntN(len(texts))] }

func (w *writer) leaf() string {
	if w.step {
		return w.one("u*v", "v", "(u + v)")
	}
	return w.one("u", "u", "u", "u*v", "u + 0.5", "v")
}

// elementwise wraps texts of one extent in an operation that is smooth nearly everywhere.
func (w *writer) elementwise(a, b string) string {
	return fmt.Sprintf(w.one(
		"(%[1]s + %[2]s)", "%[1]s*%[2]s", "(%[1]s - %[2]s)", "sin(%[1]s)*%[2]s", "tanh(%[1]s)", "(%[1]s)/(2 + sin(%[2]s))", "exp(-(%[1]s)^2)",
		"where(%[1]s > %[2]s, %[1]s, sin(%[2]s))", "max(%[1]s, %[2]s)", "abs(%[1]s)*%[2]s", "sqrt(1 + (%[1]s)^2)", "clamp(%[1]s, -1, 1)*%[2]s",
		"log(1 + (%[1]s)^2)", "where(%[1]s > 0, sqrt(%[1]s), 0)", "softplus(%[1]s)"), "("+a+")", "("+b+")")
}

func (w *writer) coarser(depth int) string {
	switch w.r.IntN(5) {
	case 0:
		return w.row(depth)
	case 1:
		return w.col(depth)
	case 2:
		return w.scalar(depth)
	}
	return w.elem(depth)
}

func (w *writer) elem(depth int) string {
	if depth <= 0 {
		return w.leaf()
	}
	switch w.r.IntN(9) {
	case 0:
		return fmt.Sprintf("outer(%s, %s)", w.row(depth-1), w.col(depth-1))
	case 1:
		return fmt.Sprintf("((%s)@(%s)')@(%s)", w.leafElem(), w.elem(depth-2), w.leafElem())
	case 2:
		return fmt.Sprintf("tanh(inv(2*eye(row) + (%[1]s)@(%[1]s)'))@(%[2]s)", w.leafElem(), w.elem(depth-2))
	}
	return w.elementwise(w.elem(depth-1), w.coarser(depth-1))
}

// leafElem is an array of elements whatever u is.
func (w *writer) leafElem() string {
	if w.step {
		return w.one("u*v", "(u + v)", "sin(u*v)")
	}
	return w.one("u", "u", "sin(u)", "u*v", "(u + v)")
}

func (w *writer) reduce(of, per string) string {
	arg := func(params string) string { return of + per + params }
	switch name := w.one("sum", "mean", "min", "max", "norm", "norm1", "normsq", "dot", "kth", "median", "quantile"); name {
	case "dot":
		return fmt.Sprintf("dot(%s, cos(%s)%s)", of, of, per)
	case "kth":
		return fmt.Sprintf("kth(%s)", arg("; "+w.one("1", "2")))
	case "quantile":
		return fmt.Sprintf("quantile(%s)", arg("; "+w.one("0.3", "0.75")))
	case "norm":
		return fmt.Sprintf("norm(%s)", arg(""))
	default:
		return name + "(" + arg("") + ")"
	}
}

func (w *writer) row(depth int) string {
	if depth <= 0 {
		return fmt.Sprintf("sum(%s per row)", w.leafElem())
	}
	switch w.r.IntN(6) {
	case 0:
		return fmt.Sprintf("diag((%[1]s)@(%[1]s)')", w.leafElem())
	case 1:
		return fmt.Sprintf("(%s)@(%s)", w.leafElem(), w.col(depth-1))
	case 2:
		return fmt.Sprintf("solve(2*eye(row) + (%[1]s)@(%[1]s)', %[2]s)", w.leafElem(), w.row(depth-1))
	case 3:
		return w.elementwise(w.row(depth-1), w.row(depth-1))
	}
	return w.reduce(w.elem0(depth-1), " per row")
}

func (w *writer) col(depth int) string {
	if depth <= 0 {
		return fmt.Sprintf("mean(%s per col)", w.leafElem())
	}
	switch w.r.IntN(4) {
	case 0:
		return fmt.Sprintf("(%s)'@(%s)", w.leafElem(), w.row(depth-1))
	case 1:
		return w.elementwise(w.col(depth-1), w.col(depth-1))
	}
	return w.reduce(w.elem0(depth-1), " per col")
}

// elem0 is surely of extent elem.
func (w *writer) elem0(depth int) string { return "(" + w.elem(depth) + " + 0.3*" + w.leafElem() + ")" }

func (w *writer) scalar(depth int) string {
	if depth <= 0 && w.step && w.r.IntN(2) == 0 {
		return "u"
	}
	if depth <= 0 {
		return fmt.Sprintf("sum(tanh(%s))", w.leafElem())
	}
	switch w.r.IntN(8) {
	case 0:
		return fmt.Sprintf("trace((%[1]s)@(%[1]s)')", w.leafElem())
	case 1:
		return w.elementwise(w.scalar(depth-1), w.scalar(depth-1))
	case 2:
		return w.reduce(w.row(depth-1), "")
	case 3:
		return w.reduce(w.col(depth-1), "")
	case 4:
		return w.reduce(w.scalar0(depth-1), w.one(" per group", " per model"))
	}
	return w.reduce(w.elem0(depth-1), w.one("", "", " per group", " per model"))
}

// scalar0 is surely of extent tensor.
func (w *writer) scalar0(depth int) string {
	return "(" + w.scalar(depth) + " + 0.1*norm(" + w.leafElem() + "))"
}

// matrices are the tensors of the tests: two groups, a vector and a single value among them.
var matrices = []interp.Tensor{{Shape: []int{3, 2}}, {Shape: []int{4}, Group: 1}, {Shape: []int{2, 3}, Group: 1}, {Shape: []int{1, 1}}}

func drawn(r *rand.Rand) (x [][]float64) {
	for _, t := range matrices {
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		u := gaussian(r, n)
		for i := range u {
			u[i] = math.Round(u[i]*1024)/1024 + 1e-3*r.Float64()
		}
		x = append(x, u)
	}
	return x
}

// world is a program with what it runs on: x, g and the givens.
type world struct {
	p      *ir.Program
	x, g   [][]float64
	givens []interp.Given[float64]
}

// run takes a step and returns the new x, and the sum of the values of the state s.
func (w world) run(t testing.TB) (x [][]float64, s float64) {
	t.Helper()
	m := interp.New[float64](w.p, matrices, 2)
	for i := range w.x {
		copy(m.Params[i], w.x[i])
	}
	copy(m.Given, w.givens)
	if err := m.Step(w.g, 0); err != nil {
		t.Fatal(err)
	}
	for i, st := range w.p.States {
		if st.Name == "s" {
			steps, arrays := m.State(i)
			s += total(steps)
			for _, a := range arrays {
				s += total(a)
			}
		}
	}
	return m.Params, s
}

// slopeOf is the derivative of a sum by central differences in *at, NaN where they do not converge.
func slopeOf(f func() float64, at *float64) float64 {
	const h = 2e-4
	keep := *at
	defer func() { *at = keep }()
	diff := func(h float64) float64 {
		*at = keep + h
		up := f()
		*at = keep - h
		return (up - f()) / (2 * h)
	}
	coarse, fine := diff(h), diff(h/2)
	want := fine + (fine-coarse)/3
	if !(math.Abs(fine-coarse) <= 1e-5*(1+math.Abs(want))) || math.IsInf(want, 0) {
		return math.NaN() // a kink
	}
	return want
}

// TestGradientsOfRandomSums compares f' of random expressions, with reductions, order statistics and products of matrices,
// with central differences of the sum of f over everything, in every element of every tensor.
func TestGradientsOfRandomSums(t *testing.T) {
	count := 150
	if *full {
		count = 1500
	}
	r := rand.New(rand.NewPCG(23, 1))
	compared, kinks := 0, 0
	for i := range count {
		w := &writer{r: r}
		text := []func(int) string{w.elem, w.row, w.col, w.scalar, w.scalar}[i%5](2 + i%2)
		p := checked(t, "fn f(u, v) = "+text+"\nrule r {\n  state s = 0\n  s <- f(x, g)\n  x <- f'(x, g)\n}\n")
		at := world{p: p, x: drawn(r), g: drawn(r)}
		got, _ := at.run(t)
		for k := range at.x {
			for j := range at.x[k] {
				want := slopeOf(func() float64 { _, s := at.run(t); return s }, &at.x[k][j])
				if want != want {
					kinks++
					continue
				}
				compared++
				if !(math.Abs(got[k][j]-want) <= 1e-5*(1+math.Abs(want))) {
					t.Errorf("f(u, v) = %s: the derivative in element %d of tensor %d is %v, differences say %v", text, j, k, got[k][j], want)
					return
				}
			}
		}
	}
	if compared < 5*kinks {
		t.Errorf("compared in %d values, %d were kinks", compared, kinks)
	}
	t.Logf("compared in %d values, %d were kinks", compared, kinks)
}

// TestHessianProducts differentiates twice: the derivative of the inner product of f' with v is the Hessian times v, which is
// the difference of f' along v.
func TestHessianProducts(t *testing.T) {
	count := 60
	if *full {
		count = 600
	}
	r := rand.New(rand.NewPCG(5, 77))
	compared := 0
	for i := range count {
		w := &writer{r: r}
		text := []func(int) string{w.elem, w.row, w.col, w.scalar, w.scalar}[i%5](2)
		fns := "fn f(u, v) = " + text + "\nfn along(u, v, w) = dot(f'(u, v), w per model)\n"
		product := world{p: checked(t, fns+"rule r {\n  given w\n  x <- along'(x, g, w)\n}\n"), x: drawn(r), g: drawn(r)}
		dir := drawn(r)
		product.givens = []interp.Given[float64]{{Arrays: dir}}
		slope := world{p: checked(t, fns+"rule r { x <- f'(x, g) }\n"), g: product.g}
		got, _ := product.run(t)
		const h = 1e-4
		moved := func(by float64) [][]float64 {
			slope.x = nil
			for k := range dir {
				u := make([]float64, len(dir[k]))
				for j := range u {
					u[j] = product.x[k][j] + by*dir[k][j]
				}
				slope.x = append(slope.x, u)
			}
			y, _ := slope.run(t)
			return y
		}
		a, b, c, d := moved(h), moved(-h), moved(h/2), moved(-h/2)
		smooth := true
		for k := range got {
			for j := range got[k] {
				coarse, fine := (a[k][j]-b[k][j])/(2*h), (c[k][j]-d[k][j])/h
				smooth = smooth && math.Abs(coarse-fine) <= 1e-5*(1+math.Abs(fine))
			}
		}
		if !smooth {
			continue // a kink of some element is felt by the others
		}
		for k := range got {
			for j := range got[k] {
				coarse, fine := (a[k][j]-b[k][j])/(2*h), (c[k][j]-d[k][j])/h
				want := fine + (fine-coarse)/3
				compared++
				if !(math.Abs(got[k][j]-want) <= 1e-5*(1+math.Abs(want))) {
					t.Errorf("f(u, v) = %s: the Hessian product has %v in element %d of tensor %d, differences say %v", text, got[k][j], j, k, want)
					return
				}
			}
		}
	}
	if compared < count*4 {
		t.Errorf("compared in %d values only", compared)
	}
}

// TestGradientsInStepValues differentiates sums in a value that many elements, tensors or groups share.
func TestGradientsInStepValues(t *testing.T) {
	count := 60
	if *full {
		count = 600
	}
	r := rand.New(rand.NewPCG(31, 8))
	compared := 0
	for i := range count {
		w := &writer{r: r, step: true}
		text := []func(int) string{w.elem, w.row, w.col, w.scalar, w.scalar}[i%5](2)
		per := []string{"model", "group", "tensor"}[i%3]
		units := map[string]int{"model": 1, "group": 2, "tensor": len(matrices)}[per]
		p := checked(t, fmt.Sprintf("fn f(u, v) = %s\nrule r {\n  given a per %s\n  state s = 0\n  state d per %s = 0\n  s <- f(a, x)\n  d <- f'(a, x)\n  x <- x + 0*g\n}\n", text, per, per))
		at := world{p: p, x: drawn(r), g: drawn(r), givens: []interp.Given[float64]{{Steps: gaussian(r, units)}}}
		m := interp.New[float64](p, matrices, 2)
		for k := range at.x {
			copy(m.Params[k], at.x[k])
		}
		copy(m.Given, at.givens)
		if err := m.Step(at.g, 0); err != nil {
			t.Fatal(err)
		}
		var got []float64
		for k, s := range p.States {
			if s.Name == "d" {
				got, _ = m.State(k)
			}
		}
		for k := range units {
			want := slopeOf(func() float64 { _, s := at.run(t); return s }, &at.givens[0].Steps[k])
			if want != want {
				continue
			}
			compared++
			if !(math.Abs(got[k]-want) <= 1e-5*(1+math.Abs(want))) {
				t.Errorf("f(u, v) = %s: the derivative in the value of %s %d is %v, differences say %v", text, per, k, got[k], want)
				return
			}
		}
	}
	if compared < count {
		t.Errorf("compared in %d values only", compared)
	}
}

// TestDeadBranchesOfSums holds that no NaN comes out of what a sum, or what follows it, does not read.
func TestDeadBranchesOfSums(t *testing.T) {
	const fns = `
fn root(u) = sum(where(u > 0, sqrt(u), 0))
fn logs(u) = sum(where(u > 0, u*log(u), 0) per row)
fn guarded(u) = where(sum(u) > 0, sqrt(sum(u)), sum(u^2))
fn length(u) { let n = norm(u)
  return where(n > 0, n, 0) }
fn safe(u) = u/where(norm(u) == 0, 1, norm(u))
fn inverse(u) = sum(where(abs(u) > 1, 1/(abs(u) - 1), 0))
fn twice(u) = root'(u)
`
	nan := math.NaN()
	for _, c := range []struct {
		expr    string
		x, want []float64
	}{
		{"root'(x)", []float64{-1, 4, 0, 1}, []float64{0, 0.25, 0, 0.5}},
		{"twice'(x)", []float64{-1, 4, 0, 1}, []float64{0, -1. / 32, 0, -0.25}},
		{"logs'(x)", []float64{-1, 1, 0, math.E}, []float64{0, 1, 0, 2}},
		{"guarded'(x)", []float64{-1, -2, 0, 1}, []float64{-2, -4, 0, 2}},
		{"guarded'(x)", []float64{1, 2, 0, 1}, []float64{0.25, 0.25, 0.25, 0.25}},
		{"length'(x)", []float64{0, 0, 0, 0}, []float64{0, 0, 0, 0}},
		{"length'(x)", []float64{3, 0, 4, 0}, []float64{0.6, 0, 0.8, 0}},
		{"safe'(x)", []float64{0, 0, 0, 0}, []float64{1, 1, 1, 1}},
		{"inverse'(x)", []float64{1, 3, -1, 0.5}, []float64{0, -0.25, 0, 0}},
		{"root'(x)", []float64{nan, 4, -1, 1}, []float64{0, 0.25, 0, 0.5}},
	} {
		got := apply(t, fns, c.expr, c.x)
		for i := range got {
			if !(math.Abs(got[i]-c.want[i]) <= 1e-14) {
				t.Errorf("%s at %v is %v, want %v", c.expr, c.x, got, c.want)
				break
			}
		}
	}
}

// TestGradientsAtTies holds that values which are equally the least, greatest or k-th share the derivative.
func TestGradientsAtTies(t *testing.T) {
	const fns = `
fn top(u) = max(u)
fn low(u) = min(u)
fn middle(u) = median(u)
fn second(u) = kth(u; 2)
`
	for _, c := range []struct {
		expr    string
		x, want []float64
	}{
		{"top'(x)", []float64{1, 3, 3, 0}, []float64{0, 0.5, 0.5, 0}}, {"low'(x)", []float64{1, 1, 1, 1}, []float64{0.25, 0.25, 0.25, 0.25}},
		{"middle'(x)", []float64{1, 2, 3, 9}, []float64{0, 0.5, 0.5, 0}}, {"middle'(x)", []float64{1, 5, 3}, []float64{0, 0, 1}},
		{"second'(x)", []float64{4, 2, 2, 2}, []float64{0, 1. / 3, 1. / 3, 1. / 3}}, {"second'(x)", []float64{4, 1, 3, 2}, []float64{0, 0, 0, 1}},
	} {
		got := apply(t, fns, c.expr, c.x)
		for i := range got {
			if !(math.Abs(got[i]-c.want[i]) <= 1e-15) {
				t.Errorf("%s at %v is %v, want %v", c.expr, c.x, got, c.want)
				break
			}
		}
	}
}
