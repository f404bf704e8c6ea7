// Package pass holds the passes from a checked program to its kernels. A pass takes a Program and returns a Program; it
// touches no file, no global and no target.
package pass

import (
	"github.com/optc-lang/optc/compiler/ir"
)

// Pass is one step of the compiler.
type Pass struct {
	Name string
	Why  string
	Run  func(*ir.Program) *ir.Program
}

// Program is every pass from the checker's output to what is scheduled, in order.
var Program = []Pass{
	{"simplify", "exact rewrites keep every bit and make equal values the same value", Simplify},
	{"dce", "a state that nothing reads costs memory and two streams", DropStates},
	{"split", "a reduction over many tensors is one a tensor and then one over those: a pass knows tensors alone", Split},
	{"expand", "operators that are said in simpler ones are unrolled, so that a target needs the simplest alone", Expand},
}

// Run applies passes in order; after sees the program after each (it may be nil).
func Run(p *ir.Program, passes []Pass, after func(Pass, *ir.Program) error) (*ir.Program, error) {
	for _, ps := range passes {
		p = ps.Run(p)
		if after != nil {
			if err := after(ps, p); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// Expand unrolls every operator whose row has an expansion.
func Expand(p *ir.Program) *ir.Program {
	r := &ir.Rewriter{To: p.Pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		if v.Kind == ir.Apply && v.Op.Expand != "" {
			return p.Pool.Expand(v.Op.Expand, ir.Tensor, nil, args...)
		}
		return p.Pool.Copy(v, args)
	}}
	return r.Program(p)
}

// Split makes of a reduction of arrays per group or model one per tensor and one of its results. The bits are the same.
func Split(p *ir.Program) *ir.Program {
	r := &ir.Rewriter{To: p.Pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		if v.Kind == ir.Reduce && v.Per < ir.Tensor && args[0].Extent.IsArray() {
			return p.Pool.Reduce(v.Op, p.Pool.Reduce(v.Op, args[0], ir.Tensor, nil), v.Per, nil)
		}
		return p.Pool.Copy(v, args)
	}}
	return r.Program(p)
}

// First specialises the program to the first step (t == 1) or to every later one.
func First(p *ir.Program, first bool) *ir.Program {
	mask := p.Pool.First()
	r := &ir.Rewriter{To: p.Pool, Make: func(v *ir.Value, args []*ir.Value) *ir.Value {
		if v == mask {
			return p.Pool.Bool(first)
		}
		return p.Pool.Copy(v, args)
	}}
	return Simplify(r.Program(p))
}
