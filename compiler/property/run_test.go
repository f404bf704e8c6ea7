package property_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/compiler/property"
	"github.com/optc-lang/optc/runtime/elem"
	"github.com/optc-lang/optc/stdlib"
)

// subject is a rule as it treats some tensors.
type subject struct {
	rule    string
	p       *ir.Program
	choices []ir.Choice
	tensors []interp.Tensor // which the choices hold for
	report  *property.Report
}

// menu are the tensors that a rule may treat differently.
var menu = []interp.Tensor{
	{Name: "w", Shape: []int{3, 5}}, {Name: "w", Shape: []int{5, 3}}, {Name: "b", Shape: []int{6}}, {Name: "s"}, {Name: "embed", Shape: []int{4, 3}},
}

func library(t *testing.T) *check.Unit {
	t.Helper()
	u, diags := compiler.Library(stdlib.FS)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	return u
}

// subjects are the ways in which a rule treats tensors of the menu.
func subjects(t *testing.T, u *check.Unit, rule string) []*subject {
	t.Helper()
	r, diags, err := compiler.Compile(u, rule, compiler.Settings{})
	if r == nil || err != nil {
		t.Fatal(rule, diags, err)
	}
	var out []*subject
	for _, class := range pass.Classes(r.Checked) {
		s := &subject{rule: rule, p: r.Checked, choices: class.Choices}
		for _, tensor := range menu {
			fits := true
			for _, c := range class.Choices {
				fits = fits && static(c.Cond, tensor) == c.Is
			}
			if fits {
				s.tensors = append(s.tensors, tensor)
			}
		}
		if s.tensors == nil {
			continue // sides of a thousand and more are not run
		}
		s.report = property.Of(r.Checked, s.decide)
		out = append(out, s)
	}
	return out
}

func (s *subject) decide(v *ir.Value) (is, known bool) {
	for _, c := range s.choices {
		if c.Cond == v {
			return c.Is, true
		}
	}
	if v.Extent != ir.Tensor {
		return false, false
	}
	return pass.Implied(s.choices, v)
}

// static is a condition on shape and name.
func static(v *ir.Value, tensor interp.Tensor) bool {
	var number func(v *ir.Value) float64
	number = func(v *ir.Value) float64 {
		switch v.Kind {
		case ir.Number:
			return v.Num
		case ir.Input:
			return interp.Shape(v.Name, tensor.Shape)
		case ir.Size:
			return interp.Shape("rows", tensor.Shape) * interp.Shape("cols", tensor.Shape)
		case ir.Spread:
			return number(v.Args[0])
		case ir.Named:
			if elem.Match(v.Name, tensor.Name) {
				return 1
			}
			return 0
		}
		var args []float64
		for _, a := range v.Args {
			args = append(args, number(a))
		}
		return v.Op.Eval(args)
	}
	return number(v) != 0
}

// world is what a rule runs in: a model with its starting point, and how parameters and gradients are transformed.
type world struct {
	seed    uint64
	but     []property.Leaf
	hypers  map[string]float64 // factors
	set     map[string]float64 // values
	steps   int
	onModel bool // gradients are of the model at x; else they are given
	x, g    func(i, j int) float64
	loss    float64
	turn    func(i int, u []float64) []float64 // in place of x and g
	back    func(i int, u []float64) []float64
	path    bool // x is put on a given path before each step
	mess    func(i, j int) bool
	only    func(interp.Tensor) bool
}

func ones(int, int) float64 { return 1 }

func defaults() world { return world{seed: 1, steps: 12, x: ones, g: ones, loss: 1} }

// trail are the parameters after each step, and the start; of a path, the steps.
type trail [][][]float64

type bowl struct{ h, w, target [][]float64 }

func newBowl(r *rand.Rand, tensors []interp.Tensor) (b bowl, start [][]float64) {
	for _, tensor := range tensors {
		n := int(interp.Shape("rows", tensor.Shape) * interp.Shape("cols", tensor.Shape))
		h, w, target, x := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
		for j := range n {
			h[j], w[j], target[j] = 0.2+r.Float64(), 0.3*r.NormFloat64(), r.NormFloat64()
			x[j] = 0.2 + r.Float64()
		}
		b.h, b.w, b.target, start = append(b.h, h), append(b.w, w), append(b.target, target), append(start, x)
	}
	return b, start
}

// at is the gradient and the loss of sum(h*(x - target)^2)/2 + dot(w, x - target)^2/2.
func (b bowl) at(x [][]float64) ([][]float64, float64) {
	s, loss := 0.0, 0.0
	for i := range x {
		for j := range x[i] {
			d := x[i][j] - b.target[i][j]
			s += b.w[i][j] * d
			loss += b.h[i][j] * d * d / 2
		}
	}
	g := make([][]float64, len(x))
	for i := range x {
		g[i] = make([]float64, len(x[i]))
		for j := range x[i] {
			g[i][j] = b.h[i][j]*(x[i][j]-b.target[i][j]) + s*b.w[i][j]
		}
	}
	return g, loss + s*s/2
}

// run follows a rule.
func (s *subject) run(t *testing.T, w world) trail {
	t.Helper()
	r := rand.New(rand.NewPCG(w.seed, 99))
	tensors := s.tensors
	if w.only != nil {
		tensors = nil
		for _, tensor := range s.tensors {
			if w.only(tensor) {
				tensors = append(tensors, tensor)
			}
		}
	}
	model, start := newBowl(r, tensors)
	m := interp.New[float64](property.Without(s.p, w.but), tensors, 1)
	property.SetZero(m.Hypers[0], w.but)
	for i, h := range s.p.Hypers {
		if s.reads("eigvecs") && slices.ContainsFunc(w.but, func(l property.Leaf) bool { return l.Name == h.Name }) {
			m.Hypers[0][i] = 0 // rounding in the null space of a matrix would be divided by the limit
		}
		if f, ok := w.hypers[h.Name]; ok {
			m.Hypers[0][i] *= f
		}
		if v, ok := w.set[h.Name]; ok {
			m.Hypers[0][i] = v
		}
	}
	put := func(u [][]float64, by func(i, j int) float64, turn func(int, []float64) []float64) [][]float64 {
		out := make([][]float64, len(u))
		for i := range u {
			out[i] = slices.Clone(u[i])
			for j := range out[i] {
				out[i][j] *= by(i, j)
			}
			if turn != nil {
				out[i] = turn(i, out[i])
			}
		}
		return out
	}
	inverse := func(i, j int) float64 { return 1 / w.x(i, j) }
	ask := func(x [][]float64) ([][]float64, float64) { // the transformed model at a transformed point
		u := x
		if w.back != nil {
			u = put(u, ones, w.back)
		}
		g, loss := model.at(put(u, inverse, nil))
		return put(g, w.g, w.turn), loss * w.loss
	}
	m.Closure = func(x [][]float64) ([][]float64, float64, error) {
		g, loss := ask(x)
		return g, loss, nil
	}
	for i, g := range s.p.Givens {
		for _, u := range start {
			m.Given[i].Steps = append(m.Given[i].Steps, 0.5+r.Float64())
			m.Given[i].Arrays = append(m.Given[i].Arrays, slices.Clone(u))
		}
		_ = g
	}
	for i, u := range put(start, w.x, w.turn) {
		copy(m.Params[i], u)
	}
	messy := rand.New(rand.NewPCG(w.seed, 5))
	out := trail{clone(m.Params)}
	for range w.steps {
		given := make([][]float64, len(start))
		point := make([][]float64, len(start))
		for i := range start {
			given[i], point[i] = make([]float64, len(start[i])), make([]float64, len(start[i]))
			for j := range given[i] {
				given[i][j] = r.NormFloat64() * math.Exp(2*r.NormFloat64())
				point[i][j] = r.NormFloat64()
				if w.mess != nil && w.mess(i, j) {
					given[i][j] = messy.NormFloat64() * 5
				}
			}
		}
		if w.path {
			for i, u := range put(point, w.x, w.turn) {
				copy(m.Params[i], u)
			}
		}
		g, loss := put(given, w.g, w.turn), (1+r.Float64())*w.loss
		if w.onModel {
			g, loss = ask(m.Params)
		}
		before := clone(m.Params)
		if err := m.Step(g, loss); err != nil {
			t.Fatal(s.rule, err)
		}
		after := clone(m.Params)
		if w.path {
			for i := range after {
				for j := range after[i] {
					after[i][j] -= before[i][j]
				}
			}
		}
		out = append(out, after)
	}
	return out
}

func clone(x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for i := range x {
		out[i] = slices.Clone(x[i])
	}
	return out
}

// way is how far each element of a trail is from the start.
func (a trail) way() trail {
	out := trail{}
	for _, x := range a[1:] {
		d := clone(x)
		for i := range d {
			for j := range d[i] {
				d[i][j] -= a[0][i][j]
			}
		}
		out = append(out, d)
	}
	return out
}

// times is a trail with every element multiplied.
func (a trail) times(by func(i, j int) float64) trail {
	out := trail{}
	for _, x := range a {
		u := clone(x)
		for i := range u {
			for j := range u[i] {
				u[i][j] *= by(i, j)
			}
		}
		out = append(out, u)
	}
	return out
}

func (a trail) turned(turn func(int, []float64) []float64) trail {
	out := trail{}
	for _, x := range a {
		var u [][]float64
		for i := range x {
			u = append(u, turn(i, slices.Clone(x[i])))
		}
		out = append(out, u)
	}
	return out
}

// apart is the largest distance of two trails, relative to how far the tensor moves in all.
func apart(a, b trail) float64 {
	most := 0.0
	for i := range a[0] {
		moved, off := 0.0, 0.0
		for k := range a {
			for j := range a[k][i] {
				if math.IsNaN(a[k][i][j]) || math.IsNaN(b[k][i][j]) {
					return math.NaN()
				}
				moved = max(moved, math.Abs(a[k][i][j]-a[0][i][j]))
				off = max(off, math.Abs(a[k][i][j]-b[k][i][j]))
			}
		}
		off = max(0, off-4e-15) // what is lost beside x itself
		if moved == 0 && off > 0 {
			return math.Inf(1)
		}
		if moved > 0 {
			most = max(most, off/moved)
		}
	}
	return most
}

// largest is the largest element.
func (a trail) largest() float64 {
	most := 0.0
	for _, x := range a {
		for i := range x {
			for _, v := range x[i] {
				if math.IsNaN(v) {
					return math.NaN()
				}
				most = max(most, math.Abs(v))
			}
		}
	}
	return most
}

// rotation is a random orthogonal matrix, by Gram and Schmidt.
func rotation(r *rand.Rand, n int) [][]float64 {
	q := make([][]float64, n)
	for i := range q {
		q[i] = make([]float64, n)
		for j := range q[i] {
			q[i][j] = r.NormFloat64()
		}
		for range 2 {
			for k := range i {
				dot := 0.0
				for j := range n {
					dot += q[i][j] * q[k][j]
				}
				for j := range n {
					q[i][j] -= dot * q[k][j]
				}
			}
		}
		norm := 0.0
		for j := range n {
			norm += q[i][j] * q[i][j]
		}
		for j := range n {
			q[i][j] /= math.Sqrt(norm)
		}
	}
	return q
}

// turner applies a rotation of rows or columns to a matrix, or its inverse.
func turner(q [][]float64, shape []int, rows, back bool) func(u []float64) []float64 {
	m, n := int(interp.Shape("rows", shape)), int(interp.Shape("cols", shape))
	at := func(i, k int) float64 {
		if back {
			return q[k][i]
		}
		return q[i][k]
	}
	return func(u []float64) []float64 {
		out := make([]float64, len(u))
		for i := range m {
			for j := range n {
				if rows {
					for k := range m {
						out[i*n+j] += at(i, k) * u[k*n+j]
					}
				} else {
					for k := range n {
						out[i*n+j] += at(j, k) * u[i*n+k]
					}
				}
			}
		}
		return out
	}
}
