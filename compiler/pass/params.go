package pass

import (
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// Params says how the parameters are kept between steps where that is not in the element type, and what is kept beside
// them, since a rounded parameter forgets updates below half its last digit:
//
//	master   a float32 copy, which the rule reads and updates; the parameter is its rounding to nearest
//	kahan    what that rounding loses, in bf16: Kahan's compensation (Zamirai et al. 2020, algorithm 5)
//	sr       nothing; stochastic rounding keeps the mean of the updates right
//	nearest  nothing
type Params struct {
	Format string // bf16 or f16; "" is the element type
	Beside string // master, kahan, sr or nearest
}

var besides = []string{"master", "kahan", "sr", "nearest"}

// ParseParams reads FORMAT or FORMAT+BESIDE, where FORMAT alone has a master copy, and "" or f32 is the element type.
func ParseParams(text string) (Params, error) {
	if text == "" || text == "f32" {
		return Params{}, nil
	}
	format, beside, said := strings.Cut(text, "+")
	if !said {
		beside = besides[0]
	}
	if format != "bf16" && format != "f16" || !slices.Contains(besides, beside) {
		return Params{}, fmt.Errorf("%q is neither f32 nor bf16 or f16, with nothing or one of +%s behind it", text, strings.Join(besides, ", +"))
	}
	return Params{format, beside}, nil
}

// String is the text that ParseParams reads; "" of the element type.
func (p Params) String() string {
	if p.Format == "" {
		return ""
	}
	return p.Format + "+" + p.Beside
}

// The names of the states that hold what is kept beside parameters.
const (
	MasterState = "x.master"
	RestState   = "x.rest"
)

// KeepParams makes the program whose parameters and gradients are in 16 bits. All that the rule computes stays in the
// element type. It reads x as the master copy, as x + rest, or as x; what it makes of x is rounded when the step ends.
func KeepParams(p *ir.Program, as Params) *ir.Program {
	if as.Format == "" {
		return p
	}
	q := *p
	q.Params = ir.Storage{Format: as.Format, Stochastic: as.Beside == "sr"}
	var hidden []ir.State
	switch as.Beside {
	case "master":
		hidden = []ir.State{{Name: MasterState, Extent: ir.Elem}}
	case "kahan":
		hidden = []ir.State{{Name: RestState, Extent: ir.Elem, As: ir.Storage{Format: as.Format + "rest"}}}
	default:
		return &q
	}
	to := ir.NewPool()
	q.States = append(slices.Clone(p.States), hidden...)
	var states, givens []ir.Extent
	for _, s := range q.States {
		states = append(states, s.Extent)
	}
	for _, g := range p.Givens {
		givens = append(givens, g.Extent)
	}
	to.SetStates(states)
	to.SetGivens(givens)
	load := to.Load(len(p.States))
	inStep, after := load, load // what the rule reads as x; the first step finds no copy yet
	if as.Beside == "master" {
		inStep = to.Apply(op.Must("where"), to.First(), to.Input("x"), load)
	} else {
		inStep = to.Call("add", to.Input("x"), load)
		after = inStep
	}
	reading := func(x *ir.Value) *ir.Rewriter {
		return &ir.Rewriter{To: to, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
			if v.Kind == ir.Input && v.Name == "x" {
				return x
			}
			return to.Copy(v, args)
		}}
	}
	step := reading(inStep)
	q.Pool = to
	q.X = step.Value(p.X)
	for i, s := range p.States {
		q.States[i].New = step.Value(s.New)
	}
	q.States[len(p.States)].New = q.X
	q.Eval = reading(after).Value(p.Eval)
	return &q
}
