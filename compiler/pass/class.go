package pass

import (
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// MaxClasses bounds the combinations of conditions on shape and name.
const MaxClasses = 64

// Classes are the combinations of the conditions on shape and name that the program tells apart, nil if there are more
// than MaxClasses or finding them takes too long. A condition that matters only where another holds is not asked elsewhere,
// nor one that follows from the choices before: no tensor has rank 1 and rank 2.
func Classes(p *ir.Program) []ir.Class {
	var out []ir.Class
	work := 0
	var split func(choices []ir.Choice)
	split = func(choices []ir.Choice) {
		if len(out) > MaxClasses || work > maxSplitting {
			return
		}
		if len(choices) >= MaxClasses { // of each of which there is the other side
			work = maxSplitting + 1
			return
		}
		cond, size := firstCondition(p, choices)
		work += size
		if cond == nil {
			out = append(out, ir.Class{Choices: choices})
			return
		}
		for _, is := range []bool{true, false} {
			split(append(choices[:len(choices):len(choices)], ir.Choice{Cond: cond, Is: is}))
		}
	}
	split(nil)
	if len(out) > MaxClasses || work > maxSplitting {
		return nil
	}
	return out
}

// maxSplitting bounds the values that are looked at to find the classes.
const maxSplitting = 1_000_000

// firstCondition is a condition on shape or name that the program still depends on after the choices made, nil if there
// is none, and how many values there are.
func firstCondition(p *ir.Program, choices []ir.Choice) (*ir.Value, int) {
	s := newSpecializer(p, choices)
	order := ir.Above(isShared, s.roots(p)...)
	static := ir.Static(order)
	for _, v := range order {
		if !static[v] || !v.Mask || v.Kind != ir.Named && v.Kind != ir.Apply || v.Extent != ir.Tensor {
			continue
		}
		atom := true
		for _, a := range v.Args {
			atom = atom && !a.Mask
		}
		if atom {
			return v, len(order)
		}
	}
	return nil, len(order)
}

// specializer rewrites values for the tensors of one class. What concerns more than one tensor (a value of the model or
// a group, a probe) stays as it is: the classes share it.
type specializer struct {
	r   *ir.Rewriter
	own int // of the roots, how many are the class's own values
}

func newSpecializer(p *ir.Program, choices []ir.Choice) *specializer {
	decided := map[*ir.Value]bool{}
	for _, c := range choices {
		decided[c.Cond] = c.Is
	}
	return &specializer{r: &ir.Rewriter{To: p.Pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		if isShared(v) {
			return v
		}
		n := rewrite(p.Pool, p.Pool.Copy(v, args))
		forms := []*ir.Value{v, n}
		if n == v {
			forms = forms[:1]
		}
		for _, cond := range forms {
			is, ok := decided[cond]
			if !ok && cond.Mask && cond.Extent == ir.Tensor {
				is, ok = Implied(choices, cond)
			}
			if ok { // one a tensor still: a reduction over tensors counts them
				return p.Pool.Spread(p.Pool.Bool(is), cond.Extent)
			}
		}
		return n
	}}}
}

// of is v for the tensors of the class.
func (s *specializer) of(v *ir.Value) *ir.Value { return s.r.Value(v) }

// roots are what the class computes: its own values, and the operands of shared ones.
func (s *specializer) roots(p *ir.Program) []*ir.Value {
	var out []*ir.Value
	own := append(p.Roots(), p.Eval)
	for _, v := range own {
		if v != nil && !isShared(v) {
			out = append(out, s.of(v))
		}
	}
	s.own = len(out)
	for _, v := range ir.Reachable(own...) {
		if isShared(v) {
			for _, a := range v.Args {
				if !isShared(a) {
					out = append(out, s.of(a))
				}
			}
		}
	}
	return out
}

// isShared reports whether a value is one for all classes of tensors.
func isShared(v *ir.Value) bool {
	return v.Extent <= ir.Group || v.Kind == ir.Probe || v.Kind == ir.Array && v.Op.Kind == op.Order && v.Per <= ir.Group
}
