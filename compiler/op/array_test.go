package op_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/internal/randrule"
	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/runtime/matrix"
)

// ofKind calls test for every row of a kind.
func ofKind(t *testing.T, kind op.Kind, test func(t *testing.T, o *op.Op)) {
	n := 0
	each(t, func(t *testing.T, o *op.Op) {
		if o.Kind == kind {
			n++
			test(t, o)
		}
	})
	if n == 0 {
		t.Error("no row of this kind")
	}
}

// operatorsOf lists the generic functions of runtime/matrix that take a Call alone.
func operatorsOf(t *testing.T) map[string]bool {
	t.Helper()
	const dir = "../../runtime/matrix"
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, entry := range files {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.IsExported() && f.Type.TypeParams != nil {
				names[f.Name.Name] = true
			}
		}
	}
	return names
}

// TestArrayRows holds that every row of whole arrays names an operator of runtime/matrix, and only things that are there.
func TestArrayRows(t *testing.T) {
	there := operatorsOf(t)
	used := map[string]string{}
	ofKind(t, op.Array, func(t *testing.T, o *op.Op) {
		name, ok := strings.CutPrefix(o.Go, "matrix.")
		name, typed := strings.CutSuffix(name, "[$T]")
		if !ok || !typed || !there[name] {
			t.Errorf("Go is %q", o.Go)
		}
		if used[name] != "" {
			t.Errorf("%s has the function of %s", o.Name, used[name])
		}
		used[name] = o.Name
		if o.Array32 == nil || o.Array64 == nil || o.Expand != "" || o.Mask || o.MaskArgs != 0 || o.Commutes || len(o.Diff) > 0 {
			t.Error("the row is incomplete, or has what no whole-array operator has")
		}
		checkParams(t, o)
		if (o.Shape == "") != (o.Name == "eye") {
			t.Fatalf("shape %q", o.Shape)
		}
		for _, form := range forms(o) {
			in, out, arrow := strings.Cut(form, " -> ")
			letters := strings.NewReplacer(",", "", " ", "").Replace(in)
			if !arrow || len(strings.Fields(in)) != o.Args || strings.Trim(letters, "abc") != "" {
				t.Errorf("form %q of %d arguments", form, o.Args)
			}
			for _, l := range strings.Split(out, ",") {
				if out != "tensor" && (len(l) != 1 || !strings.Contains(letters, l)) {
					t.Errorf("form %q: where is the result's %q from?", form, l)
				}
			}
		}
	})
}

func checkParams(t *testing.T, o *op.Op) {
	t.Helper()
	seen := map[string]bool{}
	for i, p := range o.Params {
		if p.Name == "" || seen[p.Name] || !strings.Contains(o.LaTeX, []string{"$a", "$b", "$c"}[o.Args+i]) {
			t.Errorf("parameter %d, %q, in %q", i, p.Name, o.LaTeX)
		}
		seen[p.Name] = true
	}
}

func forms(o *op.Op) []string {
	if o.Shape == "" {
		return nil
	}
	return strings.Split(o.Shape, " | ")
}

// TestArrayShapes runs every form of every row on arrays of its shape, which must do, and of a neighbouring shape, which
// must panic: the row and its function agree.
func TestArrayShapes(t *testing.T) {
	sizes := map[string]int{"a": 3, "b": 5, "c": 4}
	ofKind(t, op.Array, func(t *testing.T, o *op.Op) {
		for _, form := range forms(o) {
			in, out, _ := strings.Cut(form, " -> ")
			dims := [][2]int{dimsOf(out, sizes)}
			for i, f := range strings.Fields(in) {
				d := dimsOf(f, sizes)
				if o.Name == "matmul" && i == 0 && !strings.Contains(f, ",") { // a vector times a matrix is a row
					d = [2]int{d[1], d[0]}
					dims[0] = [2]int{dims[0][1], dims[0][0]}
				}
				dims = append(dims, d)
			}
			runArray[float32](t, o, o.Array32, form, dims)
			runArray[float64](t, o, o.Array64, form, dims)
		}
	})
}

func dimsOf(axes string, sizes map[string]int) [2]int {
	if axes == "tensor" {
		return [2]int{1, 1}
	}
	d := [2]int{1, 1}
	for i, l := range strings.Split(axes, ",") {
		d[i] = sizes[l]
	}
	return d
}

func runArray[T elem.Float](t *testing.T, o *op.Op, f matrix.Func[T], form string, dims [][2]int) {
	t.Helper()
	r := rand.New(rand.NewPCG(2, 8))
	call := func(dims [][2]int) *matrix.Call[T] {
		c := &matrix.Call[T]{}
		for i, d := range dims {
			a := matrix.Array[T]{Data: make([]T, d[0]*d[1]), Rows: d[0], Cols: d[1]}
			for k := range a.Data {
				a.Data[k] = T(r.NormFloat64() + 3*truth(d[0] == d[1] && k%(d[1]+1) == 0))
			}
			if i == 0 {
				c.Out = a
				for k := range a.Data {
					a.Data[k] = T(math.Inf(1))
				}
			} else {
				symmetric(a)
				c.In = append(c.In, a)
			}
		}
		for _, p := range o.Params {
			v := p.Default
			if v != v {
				v = 2
			}
			c.Params = append(c.Params, v)
		}
		return c
	}
	c := call(dims)
	if panics(func() { f(c) }) {
		t.Fatalf("%s: %v is refused", form, dims)
	}
	if slices.ContainsFunc(c.Out.Data, func(v T) bool { return math.IsInf(float64(v), 0) }) {
		t.Errorf("%s: not all is written: %v", form, c.Out.Data)
	}
	wrong := slices.Clone(dims)
	wrong[0][0]++
	if !panics(func() { f(call(wrong)) }) {
		t.Errorf("%s: a result of %v is taken for operands of %v", form, wrong[0], dims[1:])
	}
}

func symmetric[T elem.Float](a matrix.Array[T]) {
	for i := range min(a.Rows, a.Cols) {
		for j := range i {
			if a.Rows == a.Cols {
				a.Data[i*a.Cols+j] = a.Data[j*a.Cols+i] / 4
				a.Data[j*a.Cols+i] = a.Data[i*a.Cols+j]
			}
		}
	}
}

// orderBy runs an order statistic on x, which must have as many values as shape.
func orderBy(o *op.Op, x []float64, param float64) []float64 {
	pool := ir.NewPool()
	args := []*ir.Value{pool.Input("x")}
	if len(o.Params) > 0 {
		args = append(args, pool.Number(param))
	}
	v := func() *ir.Value {
		if o.Expand == "" {
			return pool.Array(o, ir.Tensor, nil, args...)
		}
		return pool.Expand(o.Expand, ir.Tensor, nil, args...)
	}()
	if v.Mask {
		v = pool.Call("real", v)
	}
	p := &ir.Program{Name: "r", Pool: pool, X: pool.Spread(v, ir.Elem)}
	p = p.Resolve(nil, nil)
	m := interp.New[float64](p, []interp.Tensor{{Shape: []int{len(x)}}}, 1)
	copy(m.Params[0], x)
	m.Step([][]float64{make([]float64, len(x))}, 0)
	return m.Params[0]
}

// sorted is x in the language's order: -0 before +0, NaN last.
func sorted(x []float64) []float64 {
	u := slices.Clone(x)
	slices.SortStableFunc(u, func(a, b float64) int {
		key := func(v float64) float64 {
			if v != v {
				return math.Inf(1)
			}
			return v
		}
		switch {
		case a != a && b != b:
			return 0
		case a != a:
			return 1
		case b != b:
			return -1
		case key(a) < key(b):
			return -1
		case key(a) > key(b):
			return 1
		case math.Signbit(a) && !math.Signbit(b):
			return -1
		case !math.Signbit(a) && math.Signbit(b):
			return 1
		}
		return 0
	})
	return u
}

// TestOrderRows compares every order statistic with sorting.
func TestOrderRows(t *testing.T) {
	ofKind(t, op.Order, func(t *testing.T, o *op.Op) {
		if o.Go != "" || len(o.Diff) > 0 || o.Args != 1 || o.Shape != "" {
			t.Error("has what no order statistic has")
		}
		checkParams(t, o)
		r := rand.New(rand.NewPCG(4, 4))
		for _, n := range []int{1, 2, 3, 4, 31, 300, 1025} {
			for _, odds := range []int{0, 2} {
				x := make([]float64, n)
				randrule.Fill(r, x, odds)
				if n == 31 {
					for i := range x {
						x[i] = float64(i % 4) // ties
					}
				}
				for _, param := range paramsOf(o, n) {
					checkOrder(t, o, x, param)
				}
			}
		}
	})
}

func paramsOf(o *op.Op, n int) []float64 {
	switch {
	case len(o.Params) == 0:
		return []float64{0}
	case o.Name == "quantile":
		return []float64{0, 0.25, 0.5, 1.0 / 3, 0.999, 1}
	}
	return []float64{-3, 0, 1, 1.75, float64(n) / 2, float64(n), float64(n) + 1, math.Inf(1), math.NaN()}
}

func checkOrder(t *testing.T, o *op.Op, x []float64, param float64) {
	t.Helper()
	u, n := sorted(x), len(x)
	at := func(k int) float64 {
		if k < 1 || k > n {
			return math.NaN()
		}
		return u[k-1]
	}
	k := 0
	if param >= 1 {
		k = int(min(param, 1e9))
	}
	got := orderBy(o, x, param)
	var want float64
	switch o.Name {
	case "kth":
		want = at(k)
	case "median":
		want = (at((n+1)/2) + at(n/2+1)) / 2
	case "quantile":
		place := float64(param * float64(n-1))
		low := int(math.Floor(place))
		want = at(low + 1)
		if share := place - float64(low); share > 0 {
			want += float64(share * (at(low+2) - at(low+1)))
		}
	case "topk":
		checkTop(t, x, got, k)
		return
	case "threshold":
		checkThreshold(t, x, got, param)
		return
	default:
		t.Fatalf("no definition of %s to compare with", o.Name)
	}
	for _, v := range got {
		if !same(v, want) && !(v == 0 && want == 0) {
			t.Fatalf("%s of %d values at %v is %v, want %v", o.Name, n, param, v, want)
		}
	}
}

// checkThreshold adds up what is above the threshold, without rounding.
func checkThreshold(t *testing.T, x, got []float64, r float64) {
	t.Helper()
	tau, most := got[0], slices.Max(x) // NaN if there is one
	inf := math.Inf(1)
	want, special := most, math.IsInf(most, 0) || most != most || r == 0
	switch {
	case !(r >= 0) || r == inf && most == inf:
		want, special = math.NaN(), true
	case r == inf && !special:
		want, special = -inf, true
	}
	if slices.ContainsFunc(got, func(v float64) bool { return !same(v, tau) }) || special && !same(tau, want) && tau != want {
		t.Fatalf("the threshold of %v at %v is %v, want %v", x, r, got, want)
	}
	if special {
		return
	}
	exact := func(v float64) *big.Float { return new(big.Float).SetPrec(2400).SetFloat64(v) }
	sum, size := exact(-r), r
	for _, v := range x {
		if v > tau {
			sum.Add(sum, exact(0).Sub(exact(v), exact(tau)))
			size = max(size, math.Abs(v))
		}
	}
	n := float64(len(x))
	if off, _ := sum.Float64(); !(math.Abs(off) <= n*(0x1p-51*math.Abs(tau)+n*0x1p-100*size+0x1p-970)) {
		t.Fatalf("above %v, %d values add up to %v, off by %v", tau, len(x), r, off)
	}
}

// checkTop marks as the language says: k times the largest that is not marked, of equal ones the first, NaN last.
func checkTop(t *testing.T, x, got []float64, k int) {
	t.Helper()
	want := make([]float64, len(x))
	for range min(k, len(x)) {
		best := -1
		for i, v := range x {
			if want[i] == 1 {
				continue
			}
			if best < 0 || v > x[best] || x[best] != x[best] && v == v || v == x[best] && !math.Signbit(v) && math.Signbit(x[best]) {
				best = i
			}
		}
		want[best] = 1
	}
	if !slices.Equal(got, want) {
		t.Fatalf("top %d of %v is %v, want %v", k, x, got, want)
	}
}

// TestDrawRows holds that every random value is package elem's, addressed by seed, step, site and tensor, and that its
// name is all that a row says.
func TestDrawRows(t *testing.T) {
	ofKind(t, op.Draw, func(t *testing.T, o *op.Op) {
		if o.Args != 0 || o.Go != "" || o.Expand != "" || len(o.Diff) > 0 || o.Mask || len(o.Params) > 0 {
			t.Error("has what no draw has")
		}
		const site = 3
		pool := ir.NewPool()
		p := &ir.Program{Name: "r", Pool: pool, X: pool.Draw(o.Name, site, ir.Elem)}
		m := interp.New[float32](p, []interp.Tensor{{Shape: []int{70}}, {Shape: []int{5, 29}}}, 1)
		m.Seed = 99
		for step := uint64(1); step <= 2; step++ {
			m.Step([][]float32{make([]float32, 70), make([]float32, 145)}, 0)
			for i, got := range m.Params {
				want := make([]float32, len(got))
				s := elem.Stream{Seed: 99, Step: step, Tensor: uint32(i), Site: site}
				map[string]func([]float32, elem.Stream, int){
					"normal": elem.Normal[float32], "uniform": elem.Uniform[float32], "rademacher": elem.Rademacher[float32],
				}[o.Name](want, s, 0)
				if !slices.Equal(got, want) {
					t.Errorf("step %d, tensor %d: %v, want %v", step, i, got[:3], want[:3])
				}
			}
		}
	})
}
