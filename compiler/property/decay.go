package property

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/optc-lang/optc/compiler/derive"
	"github.com/optc-lang/optc/compiler/ir"
)

// Decay is how a hyperparameter that multiplies x acts.
type Decay struct {
	Name string
	How  DecayKind
	LR   float64 // Direct: the degree in lr of what x loses
	leaf Leaf
}

// DecayKind tells where a decay acts.
type DecayKind string

// The kinds of decay.
const (
	Coupled DecayKind = "gradient" // it is added to the gradient, and passes through all that follows
	Direct  DecayKind = "direct"   // it is taken from x, beside the states
	Within  DecayKind = "within"   // it enters what is averaged, scaled or normalised
)

func (a *asker) decays() []Decay {
	var out []Decay
	for i, h := range a.p.Hypers {
		v := a.p.Pool.Hyper(i)
		if i == a.lr || h.Lo > 0 || h.Hi < 0 || !slices.Contains(a.order, v) {
			continue
		}
		d := Decay{Name: h.Name, leaf: Leaf{h.Name, !h.Admits(0), v}}
		direct := false
		d.LR, direct = a.direct(v)
		switch products := a.productsWithX(v); {
		case direct:
			d.How = Direct
		case len(products) == 0:
			continue
		case a.coupled(v, products):
			d.How = Coupled
		default:
			d.How = Within
		}
		out = append(out, d)
	}
	return out
}

// productsWithX are the products of which h and x are factors.
func (a *asker) productsWithX(h *ir.Value) []*ir.Value {
	var out []*ir.Value
	for _, n := range a.order {
		if n.Kind != ir.Apply || n.Op.Name != "mul" {
			continue
		}
		hasH, hasX := false, false
		todo := []*ir.Value{n}
		for len(todo) > 0 && len(todo) < 64 {
			f := todo[0]
			todo = todo[1:]
			switch {
			case f.Kind == ir.Spread, f.Kind == ir.Apply && f.Op.Name == "mul":
				todo = append(todo, f.Args...)
			}
			hasH = hasH || f == h
			hasX = hasX || f.Kind == ir.Input && f.Name == "x"
		}
		if hasH && hasX {
			out = append(out, n)
		}
	}
	return out
}

// coupled reports whether h is read in g + h*x alone, and g nowhere else.
func (a *asker) coupled(h *ir.Value, products []*ir.Value) bool {
	g := a.p.Pool.Input("g")
	sums := map[*ir.Value]bool{}
	for _, n := range a.order {
		if n.Kind == ir.Apply && n.Op.Name == "add" && (n.Args[0] == g && slices.Contains(products, n.Args[1]) || n.Args[1] == g && slices.Contains(products, n.Args[0])) {
			sums[n] = true
		}
	}
	if len(sums) != 1 {
		return false
	}
	for _, n := range ir.Above(func(v *ir.Value) bool { return sums[v] }, a.p.Roots()...) {
		if n == h || n == g {
			return false
		}
	}
	return true
}

// direct tells whether the step with h is that without it but for something of x, hyperparameters and t alone that is
// linear in x; and of which degree in lr that is.
func (a *asker) direct(h *ir.Value) (degree float64, ok bool) {
	reaches := map[*ir.Value]bool{h: true}
	for _, n := range a.order {
		for _, u := range n.Args {
			reaches[n] = reaches[n] || reaches[u]
		}
		if reaches[n] && n != h && n.Kind != ir.Apply && n.Kind != ir.Spread {
			return 0, false
		}
	}
	for _, s := range a.p.States {
		if reaches[s.New] {
			return 0, false
		}
	}
	if !reaches[a.p.X] {
		return 0, false
	}
	rows, err := derive.Jacobian(a.p, []*ir.Value{a.p.X}, []*ir.Value{h})
	if err != nil {
		return 0, false
	}
	f := newFolder(a.p.Pool, func(v *ir.Value) *ir.Value {
		if v == h {
			return a.p.Pool.Number(0)
		}
		return nil
	})
	d := f.value(rows[0][0])
	for _, n := range ir.Reachable(d) {
		if n.Kind != ir.Number && n.Kind != ir.Hyper && n.Kind != ir.Apply && n.Kind != ir.Spread && (n.Kind != ir.Input || n.Name != "x" && n.Name != "t") {
			return 0, false
		}
	}
	return a.linearInX(d)
}

// linearInX evaluates d in a few places: doubling x doubles it, and doubling lr multiplies it by 2^degree.
func (a *asker) linearInX(d *ir.Value) (degree float64, ok bool) {
	r := rand.New(rand.NewPCG(5, 5))
	for k := range 6 {
		n := numbers{x: r.NormFloat64(), t: float64(2 + k)}
		for _, h := range a.p.Hypers {
			n.hypers = append(n.hypers, h.Default)
		}
		ratio := func() float64 {
			before, err := eval([]*ir.Value{d}, n)
			if err != nil || before[0] == 0 {
				return math.NaN()
			}
			n.x *= 2
			after, _ := eval([]*ir.Value{d}, n)
			n.x /= 2
			if a.lr < 0 || math.Abs(after[0]/before[0]-2) > 1e-9 {
				return after[0] / before[0] / 2
			}
			n.hypers[a.lr] *= 2
			after, _ = eval([]*ir.Value{d}, n)
			return after[0] / before[0]
		}()
		power := math.Log2(ratio)
		if math.IsNaN(power) || math.Abs(power-math.Round(power)) > 1e-9 || k > 0 && math.Round(power) != degree {
			return 0, false
		}
		degree = math.Round(power)
	}
	return degree, true
}
