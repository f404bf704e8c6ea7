package op_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/runtime/matrix"
)

// dense is a value of a formula: a step value, a vector, which is a column, or a matrix.
type dense struct {
	axes       int
	rows, cols int
	data       []float64
}

func ofShape(axes string, sizes map[string]int) dense {
	d := dimsOf(axes, sizes)
	n := strings.Count(axes, ",") + 1
	if axes == "tensor" {
		n = 0
	}
	return dense{n, d[0], d[1], make([]float64, d[0]*d[1])}
}

func (v dense) clone() dense {
	v.data = slices.Clone(v.data)
	return v
}

// evaluator computes formulas in float64, apart from the compiler's own values.
type evaluator struct{ names map[string]dense }

func (e evaluator) expr(x lang.Expr) dense {
	infix := func(symbol string, args ...dense) dense {
		o, ok := op.Infix(symbol, len(args))
		if !ok {
			panic("no operator " + symbol)
		}
		return apply(o, args, nil)
	}
	switch x := x.(type) {
	case *lang.Number:
		return dense{0, 1, 1, []float64{x.Value}}
	case *lang.Name:
		v, ok := e.names[x.Name]
		if !ok {
			panic("no value of " + x.Name)
		}
		return v
	case *lang.Unary:
		return infix(x.Op, e.expr(x.X))
	case *lang.Binary:
		return infix(x.Op, e.expr(x.X), e.expr(x.Y))
	case *lang.Transpose:
		return apply(op.Must("transpose"), []dense{e.expr(x.X)}, nil)
	case *lang.Call:
		var args []dense
		for _, a := range x.Args {
			args = append(args, e.expr(a))
		}
		var params []float64
		for _, p := range x.Params {
			params = append(params, e.expr(p.Value).data[0])
		}
		return apply(op.Must(x.Fn.Name), args, params)
	}
	panic(fmt.Sprintf("a formula with a %T", x))
}

// apply is an operator of the table on arrays.
func apply(o *op.Op, args []dense, params []float64) dense {
	switch {
	case o.Name == "sum":
		total := 0.0
		for _, x := range args[0].data {
			total += x
		}
		return dense{0, 1, 1, []float64{total}}
	case o.Kind == op.Elementwise:
		return elements(o, args)
	case o.Kind != op.Array:
		panic("a formula with " + o.Name)
	}
	out := result(o, args)
	c := &matrix.Call[float64]{Out: matrix.Array[float64]{Data: out.data, Rows: out.rows, Cols: out.cols}, Params: params}
	for _, a := range args {
		c.In = append(c.In, matrix.Array[float64]{Data: a.data, Rows: a.rows, Cols: a.cols})
	}
	if o.Name == "matmul" && args[0].axes == 1 { // a vector before a matrix is a row
		c.In[0].Rows, c.In[0].Cols = c.In[0].Cols, c.In[0].Rows
		c.Out.Rows, c.Out.Cols = c.Out.Cols, c.Out.Rows
	}
	o.Array64(c)
	return out
}

// result makes room for what the first form that fits gives.
func result(o *op.Op, args []dense) dense {
forms:
	for _, form := range forms(o) {
		in, out, _ := strings.Cut(form, " -> ")
		sizes := map[string]int{}
		for i, f := range strings.Fields(in) {
			letters := strings.Split(f, ",")
			if len(letters) != args[i].axes {
				continue forms
			}
			for k, l := range letters {
				n := [2]int{args[i].rows, args[i].cols}[k]
				if was, ok := sizes[l]; ok && was != n {
					continue forms
				}
				sizes[l] = n
			}
		}
		return ofShape(out, sizes)
	}
	panic(fmt.Sprintf("%s of %v does not fit", o.Name, args))
}

func elements(o *op.Op, args []dense) dense {
	var out dense
	for _, a := range args {
		if a.axes >= out.axes {
			out = a.clone()
		}
	}
	for i := range out.data {
		var at []float64
		for _, a := range args {
			switch {
			case a.axes == 0:
				at = append(at, a.data[0])
			case a.axes != out.axes || a.rows != out.rows || a.cols != out.cols:
				panic(fmt.Sprintf("%s of %v", o.Name, args))
			default:
				at = append(at, a.data[i])
			}
		}
		out.data[i] = o.Eval(at)
	}
	return out
}

// ofSymmetric are the operators of a symmetric argument, of which Grad is the symmetric gradient.
var ofSymmetric = map[string]bool{"cholesky": true, "eigvecs": true, "inv_root": true}

// easy are the operators whose first argument is well conditioned here, with the step from one diagonal entry to the next:
// eigenvalues are simple where they must be.
var easy = map[string]float64{"inv": 0, "solve": 0, "qr": 0, "cholesky": 1, "eigvecs": 1, "inv_root": 1, "inv_root_vjp": 1}

// operands draws the arguments of a form.
func operands(r *rand.Rand, o *op.Op, form string, sizes map[string]int) (args []dense) {
	in, _, _ := strings.Cut(form, " -> ")
	for i, f := range strings.Fields(in) {
		v := ofShape(f, sizes)
		for k := range v.data {
			v.data[k] = r.NormFloat64()
		}
		step, special := easy[o.Name]
		if i == 0 && special {
			for k := range v.data {
				v.data[k] /= 4
				if row, col := k/v.cols, k%v.cols; row == col {
					v.data[k] += 2 + step*float64(row)
				}
			}
			if ofSymmetric[o.Name] || o.Name == "inv_root_vjp" {
				mirrored(v)
			}
		}
		args = append(args, v)
	}
	return args
}

func mirrored(v dense) {
	for i := range v.rows {
		for j := range i {
			v.data[j*v.cols+i] = v.data[i*v.cols+j]
		}
	}
}

// paramValues are what the parameters of a row are in the tests.
func paramValues(o *op.Op) (values []float64) {
	for _, p := range o.Params {
		values = append(values, map[string]float64{"p": 3, "ridge": 0.25, "steps": 3, "tau": 0.5}[p.Name])
	}
	return values
}

// hasGrad tells which arguments of a row must have a gradient: those in which a product with a derivative is not linear
// have none.
func hasGrad(o *op.Op, arg int) bool {
	return arg > 0 || !strings.HasSuffix(o.Name, "_vjp") && !strings.HasSuffix(o.Name, "_jvp")
}

// TestGrad compares the gradient of every argument in every form with central differences of the operator, of fourth
// order.
func TestGrad(t *testing.T) {
	ofKind(t, op.Array, func(t *testing.T, o *op.Op) {
		if len(o.Grad) != o.Args {
			t.Fatalf("%d gradients of %d arguments", len(o.Grad), o.Args)
		}
		worst := 0.0
		r := rand.New(rand.NewPCG(6, 28))
		for arg, text := range o.Grad {
			if (text != "") != hasGrad(o, arg) {
				t.Fatalf("the gradient in argument %d is %q", arg, text)
			}
			if text == "" {
				continue
			}
			texts := strings.Split(text, " | ")
			if len(texts) != 1 && len(texts) != len(forms(o)) {
				t.Fatalf("%d formulas of %d forms", len(texts), len(forms(o)))
			}
			for n, form := range forms(o) {
				for _, sizes := range []map[string]int{{"a": 3, "b": 5, "c": 4}, {"a": 5, "b": 3, "c": 2}, {"a": 4, "b": 4, "c": 4}, {"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 1, "c": 3}} {
					args := operands(r, o, form, sizes)
					worst = max(worst, checkGrad(t, r, o, texts[min(n, len(texts)-1)], arg, args))
					if o.Name == "inv_root" { // all eigenvalues are the same, and all but one nearly
						for _, off := range []float64{0, 1e-9} {
							v := ofShape("a,a", sizes)
							for k := range v.rows {
								v.data[k*(v.cols+1)] = 2 + off*float64(k%2) + float64(k/3)
							}
							worst = max(worst, checkGrad(t, r, o, texts[0], arg, []dense{v}))
						}
					}
				}
			}
		}
		t.Logf("relative error at most %.2g", worst)
	})
}

// gradBound is the largest error of a gradient, relative to its largest entry or to 0.01: differences err by h^4 and u/h.
const gradBound = 2e-9

func checkGrad(t *testing.T, r *rand.Rand, o *op.Op, text string, arg int, args []dense) (worst float64) {
	t.Helper()
	params := paramValues(o)
	names := map[string]dense{"y": apply(o, args, params)}
	dual := names["y"].clone()
	for i := range dual.data {
		dual.data[i] = r.NormFloat64()
	}
	names["d"] = dual
	for i, a := range args {
		names[string(rune('a'+i))] = a
	}
	for i, p := range params {
		names[string(rune('a'+len(args)+i))] = dense{0, 1, 1, []float64{p}}
	}
	got := evaluator{names}.expr(ir.ParseFormula(text).Expr)
	from := args[arg]
	if got.axes != from.axes || got.rows != from.rows || got.cols != from.cols {
		t.Fatalf("%s: %d×%d in an argument of %d×%d", text, got.rows, got.cols, from.rows, from.cols)
	}
	const h = 1e-3
	size := 0.01
	for _, g := range got.data {
		size = max(size, math.Abs(g))
	}
	symmetric := ofSymmetric[o.Name]
	for k := range got.data {
		pair := k%got.cols*got.cols + k/got.cols
		at := func(step float64) float64 {
			moved := slices.Clone(args)
			moved[arg] = from.clone()
			moved[arg].data[k] += step
			if symmetric && pair != k {
				moved[arg].data[pair] += step
			}
			total := 0.0
			for i, y := range apply(o, moved, params).data {
				total += y * dual.data[i]
			}
			return total
		}
		want := (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
		have := got.data[k]
		if symmetric && pair != k {
			if math.Abs(have-got.data[pair]) > 1e-12*size {
				t.Fatalf("%s: not symmetric: %v and %v", text, have, got.data[pair])
			}
			have += got.data[pair]
		}
		worst = max(worst, math.Abs(have-want)/size)
		if !(math.Abs(have-want) <= gradBound*size) {
			t.Fatalf("%s in argument %d of %v: element %d is %v, differences say %v", text, arg, args, k, have, want)
		}
	}
	return worst
}

// TestGradExtents holds that a formula has the extent of its argument, whatever axes the letters of a form stand for.
func TestGradExtents(t *testing.T) {
	ofKind(t, op.Array, func(t *testing.T, o *op.Op) {
		for choice := range 8 {
			axis := map[string]string{}
			for i, l := range []string{"a", "b", "c"} {
				axis[l] = []string{"row", "col"}[choice>>i&1]
			}
			extent := func(axes string) ir.Extent {
				if axes == "tensor" {
					return ir.Tensor
				}
				var names []string
				for _, l := range strings.Split(axes, ",") {
					names = append(names, axis[l])
				}
				e, ok := ir.ParseExtent(names...)
				if !ok {
					t.Fatalf("no extent %v", names)
				}
				return e
			}
			for n, form := range forms(o) {
				in, out, _ := strings.Cut(form, " -> ")
				var extents []ir.Extent
				for _, f := range strings.Fields(in) {
					extents = append(extents, extent(f))
				}
				checkExtents(t, o, n, extents, extent(out))
			}
		}
	})
}

func checkExtents(t *testing.T, o *op.Op, form int, in []ir.Extent, out ir.Extent) {
	t.Helper()
	pool := ir.NewPool()
	pool.SetGivens(append(slices.Clone(in), out))
	names := map[string]*ir.Value{"d": pool.Given(len(in))}
	var args []*ir.Value
	for i := range in {
		args = append(args, pool.Given(i))
	}
	for _, p := range paramValues(o) {
		args = append(args, pool.Number(p))
	}
	for i, a := range args {
		names[string(rune('a'+i))] = a
	}
	names["y"] = pool.Array(o, ir.Const, nil, args...)
	if names["y"].Extent != out {
		t.Fatalf("%s of %v is per %s", o.Name, in, names["y"].Extent)
	}
	for i, text := range o.Grad {
		if text == "" {
			continue
		}
		texts := strings.Split(text, " | ")
		got := pool.BuildPer(ir.ParseFormula(texts[min(form, len(texts)-1)]), ir.Tensor, nil, names)
		if got.Extent != in[i] {
			t.Errorf("%s of %v, form %d: the gradient in argument %d is per %s", o.Name, in, form, i, got.Extent)
		}
	}
}

// TestOrderGrad compares the gradients of order statistics with differences of the statistic, where no two values are the
// same, and with their equal shares where some are.
func TestOrderGrad(t *testing.T) {
	ofKind(t, op.Order, func(t *testing.T, o *op.Op) {
		if o.Expand != "" || o.Mask {
			if len(o.Grad) > 0 {
				t.Errorf("a gradient of what has an expansion or is a mask: %q", o.Grad)
			}
			return
		}
		if len(o.Grad) != 1 {
			t.Fatalf("gradients %q", o.Grad)
		}
		r := rand.New(rand.NewPCG(3, 14))
		for _, n := range []int{1, 2, 9, 40} {
			x := make([]float64, n)
			for i := range x {
				x[i] = float64(r.IntN(1<<20)) / (1 << 20)
			}
			for _, param := range []float64{1, float64(n+1) / 2} {
				got := orderGrad(o, x, param)
				for i := range x {
					const h = 1e-9
					at := func(step float64) float64 {
						moved := slices.Clone(x)
						moved[i] += step
						return orderBy(o, moved, param)[0]
					}
					if want := (at(h) - at(-h)) / (2 * h); !(math.Abs(got[i]-want) <= 1e-6) {
						t.Errorf("%s of %d values at %v: the gradient in value %d is %v, differences say %v", o.Name, n, param, i, got[i], want)
					}
				}
			}
		}
		ties := map[string][]float64{"kth": {0, 0.5, 0.5, 0}, "threshold": {0, 0.5, 0.5, 0}}[o.Name]
		if got := orderGrad(o, []float64{1, 3, 3, -2}, 3); !slices.Equal(got, ties) {
			t.Errorf("of equal values it is %v, want %v", got, ties)
		}
	})
}

// orderGrad runs the gradient of an order statistic of x, for a cotangent of 1.
func orderGrad(o *op.Op, x []float64, param float64) []float64 {
	pool := ir.NewPool()
	a, b := pool.Input("x"), pool.Number(param)
	y := pool.Array(o, ir.Tensor, nil, a, b)
	names := map[string]*ir.Value{"a": a, "b": b, "y": y, "d": pool.Number(1)}
	g := pool.BuildPer(ir.ParseFormula(o.Grad[0]), ir.Tensor, nil, names)
	p := &ir.Program{Name: "r", Pool: pool, X: pool.Spread(g, ir.Elem)}
	m := interp.New[float64](p.Resolve(nil, nil), []interp.Tensor{{Shape: []int{len(x)}}}, 1)
	copy(m.Params[0], x)
	m.Step([][]float64{make([]float64, len(x))}, 0)
	return m.Params[0]
}
