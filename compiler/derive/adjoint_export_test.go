package derive

import "github.com/optc-lang/optc/compiler/ir"

// AdjointForward is Adjoint by what serves f': through operations on elements forwards, for each leaf.
func AdjointForward(p *ir.Program) (*ir.Program, error) {
	return adjointBy(p, func(d *deriver, seeds []seed, wrt []*ir.Value) []*ir.Value { return d.cotangents(seeds, wrt, nil) })
}
