package pass

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// FromFirst tells which states the first step computes without reading them, as `state p = g`, while later steps do read
// them: what they hold before it is lost, be it for the tensors of one class alone.
func FromFirst(plan *ir.Plan) []bool {
	p := plan.Program
	out := make([]bool, len(p.States))
	if plan.Same {
		return out
	}
	first, later := First(p, true), First(p, false)
	for _, class := range plan.Classes {
		inFirst, inLater := readsOf(first, class), readsOf(later, class)
		for i, s := range p.States {
			if !s.Extent.IsArray() || class.States[i] {
				load := p.Pool.Load(i)
				out[i] = out[i] || !inFirst[load] && inLater[load]
			}
		}
	}
	return out
}

// readsOf are the values that a step of a class of tensors needs.
func readsOf(p *ir.Program, class ir.Class) map[*ir.Value]bool {
	step := *p
	step.Eval = nil // which reads the states after the step
	needs := map[*ir.Value]bool{}
	for _, v := range ir.Above(isShared, newSpecializer(&step, class.Choices).roots(&step)...) {
		needs[v] = true
	}
	for _, v := range slices.DeleteFunc(ir.Reachable(step.Roots()...), func(v *ir.Value) bool { return !isShared(v) }) {
		needs[v] = true
	}
	return needs
}
