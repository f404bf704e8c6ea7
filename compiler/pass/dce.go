package pass

import "github.com/optc-lang/optc/compiler/ir"

// DropStates removes the states that nothing reads: neither the new x, nor the point of evaluation, nor an output, nor a
// state that is read. Momentum fixed at 0 leaves such a state behind.
func DropStates(p *ir.Program) *ir.Program {
	live := make([]bool, len(p.States))
	roots := []*ir.Value{p.X, p.Eval}
	dropped := len(live)
	for i, s := range p.States {
		if s.Output {
			live[i] = true
			dropped--
			roots = append(roots, s.New)
		}
	}
	for len(roots) > 0 {
		var next []*ir.Value
		for _, v := range ir.Reachable(roots...) {
			if v.Kind == ir.Load && !live[v.Index] {
				live[v.Index] = true
				dropped--
				next = append(next, p.States[v.Index].New)
			}
		}
		roots = next
	}
	if dropped == 0 {
		return p
	}
	return p.KeepStates(live)
}
