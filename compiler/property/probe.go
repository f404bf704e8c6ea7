package property

import (
	"math"
	"math/rand/v2"

	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
)

// goesOn reports whether the rule still moves, and to numbers, when some leaves are 0: a rule that a hyperparameter starts
// off has no limit without it. It is run for a few steps on a bowl.
func (a *asker) goesOn(but []Leaf) bool {
	if len(but) == 0 {
		return true
	}
	key := names(but)
	if is, ok := a.moves[key]; ok {
		return is
	}
	a.moves[key] = moves(Without(a.p, but), but)
	return a.moves[key]
}

// Without is p with constants of its text in the limit 0. Hyperparameters stay: they are set when it runs.
func Without(p *ir.Program, but []Leaf) *ir.Program {
	zero := map[*ir.Value]bool{}
	for _, l := range but {
		if l.value.Kind == ir.Number {
			zero[l.value] = true
		}
	}
	if len(zero) == 0 {
		return p
	}
	r := &ir.Rewriter{To: p.Pool}
	r.Make = func(v *ir.Value, args []*ir.Value) *ir.Value {
		if zero[v] {
			return p.Pool.Number(tiny)
		}
		return p.Pool.Copy(v, args)
	}
	return r.Program(p)
}

// tiny stands for the limit 0 of what is never 0: beside any gradient it is nothing, and 0/(0 + tiny) is 0.
const tiny = 1e-100

// SetZero sets the hyperparameters among leaves to 0, or to their limit.
func SetZero(hypers []float64, but []Leaf) {
	for _, l := range but {
		if l.value.Kind != ir.Hyper {
			continue
		}
		if hypers[l.value.Index] = 0; l.Limit {
			hypers[l.value.Index] = tiny
		}
	}
}

const trialSteps = 6

func moves(p *ir.Program, but []Leaf) (ok bool) {
	tensors := []interp.Tensor{{Name: "w", Shape: []int{3, 4}}, {Name: "b", Shape: []int{4}}, {Name: "s"}}
	m := interp.New[float64](p, tensors, 1)
	SetZero(m.Hypers[0], but)
	r := rand.New(rand.NewPCG(7, 7))
	var target [][]float64
	for i := range m.Params {
		u := make([]float64, len(m.Params[i]))
		for j := range u {
			u[j], m.Params[i][j] = r.NormFloat64(), r.NormFloat64()
		}
		target = append(target, u)
	}
	for i, g := range p.Givens {
		m.Given[i] = given(r, g, m.Params)
	}
	m.Closure = func(x [][]float64) ([][]float64, float64, error) {
		g, loss := make([][]float64, len(x)), 0.0
		for i := range x {
			g[i] = make([]float64, len(x[i]))
			for j := range x[i] {
				g[i][j] = (x[i][j] - target[i][j]) * (1 + float64(j%3))
				loss += g[i][j] * (x[i][j] - target[i][j]) / 2
			}
		}
		return g, loss, nil
	}
	moved := false
	for range trialSteps {
		g, loss, _ := m.Closure(m.Params)
		before := clone(m.Params)
		if m.Step(g, loss) != nil {
			return false
		}
		for i := range before {
			for j, x := range m.Params[i] {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					return false
				}
				moved = moved || x != before[i][j]
			}
		}
	}
	return moved
}

func clone(x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for i := range x {
		out[i] = append([]float64(nil), x[i]...)
	}
	return out
}

// given is a further input: positive numbers, of the shape of the parameters if it is one an element.
func given(r *rand.Rand, g ir.GivenDecl, params [][]float64) interp.Given[float64] {
	out := interp.Given[float64]{}
	for i := range params {
		out.Steps = append(out.Steps, 0.5+r.Float64())
		u := make([]float64, max(len(params[i]), 16))
		for j := range u {
			u[j] = 0.5 + r.Float64()
		}
		if g.Extent == ir.Elem {
			u = u[:len(params[i])]
		}
		out.Arrays = append(out.Arrays, u)
	}
	return out
}
