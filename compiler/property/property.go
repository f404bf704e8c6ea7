// Package property tells from a rule's text what the rule is: how its steps answer to a scaling of the loss, of the
// parameters and of single elements, whether it treats elements alike and on their own, where its decay acts, how large a
// step can be whatever the gradients, and up to which learning rate the minimum of a quadratic attracts.
//
// In comes a checked program, out goes a Report. Everything in it is proved over the real numbers, by induction over the
// steps; what is not proved is said to be unknown and why. The program is not changed, though values are added to its pool.
package property

import (
	"github.com/optc-lang/optc/compiler/ir"
)

// Report is what is known of a rule.
type Report struct {
	LossScale      Scaling // the loss and its gradient times c
	GradientScales Scaling // every element of the gradient times a number of its own
	WeightScale    Scaling // x times c, the gradient over c
	WeightScales   Scaling // every element of x times a number of its own, the gradient over it
	LR             Scaling // the degree of the way in lr
	HasLR          bool
	LRName         string
	Symmetry       Symmetry
	Decays         []Decay
	Bound          Bound
	Stability      Stability
	Rounded        bool // some states are kept in fewer bits
}

// Of tells what p is for the tensors for which decide says how conditions on shape and name come out; it may be nil.
func Of(p *ir.Program, decide func(v *ir.Value) (is, known bool)) *Report {
	a := newAsker(Specialised(p, decide))
	r := &Report{HasLR: a.lr >= 0}
	for _, s := range p.States {
		r.Rounded = r.Rounded || s.As.Format != ""
	}
	if r.HasLR {
		r.LRName = a.p.Hypers[a.lr].Name
	}
	r.LossScale = a.lossScale()
	r.GradientScales = a.gradientScales()
	r.WeightScale = a.weightScale()
	r.WeightScales = a.weightScales()
	r.LR = a.lrDegree()
	r.Symmetry = symmetry(a.p, a.order)
	r.Decays = a.decays()
	r.Bound = a.bound(r.Decays, r.LR)
	if r.LossScale.Proved && same(r.LossScale.Degree, 0) {
		r.Stability = a.jumping(r.Decays)
	} else {
		r.Stability = a.stability()
	}
	return r
}

// Specialised is p over the real numbers with conditions decided. Branches that are not taken are gone.
func Specialised(p *ir.Program, decide func(v *ir.Value) (is, known bool)) *ir.Program {
	f := newFolder(p.Pool, func(v *ir.Value) *ir.Value {
		if decide != nil && v.Mask {
			if is, known := decide(v); known {
				return p.Pool.Bool(is)
			}
		}
		return nil
	})
	q := *p
	q.X, q.Eval = f.value(p.X), f.value(p.Eval)
	q.States = append([]ir.State(nil), p.States...)
	for i := range q.States {
		q.States[i].New = f.value(p.States[i].New)
	}
	return &q
}

// Leaves are all that some proof takes as 0.
func (r *Report) Leaves() []Leaf {
	var out []Leaf
	for _, s := range []Scaling{r.LossScale, r.GradientScales, r.WeightScale, r.WeightScales, r.LR} {
		out = append(out, s.But...)
	}
	return append(out, r.Bound.But...)
}
