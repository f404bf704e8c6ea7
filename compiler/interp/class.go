package interp

import (
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/runtime/elem"
)

// ClassOf is the class of a tensor by its name and shape.
func ClassOf(plan *ir.Plan, name string, shape []int) int {
	for i, class := range plan.Classes {
		fits := true
		for _, c := range class.Choices {
			fits = fits && (static(c.Cond, name, shape) != 0) == c.Is
		}
		if fits {
			return i
		}
	}
	return 0
}

// static is a value that is made of shape, name and constants.
func static(v *ir.Value, name string, shape []int) float64 {
	switch v.Kind {
	case ir.Number:
		return v.Num
	case ir.Input:
		return Shape(v.Name, shape)
	case ir.Size:
		return float64(Shape("rows", shape) * Shape("cols", shape))
	case ir.Named:
		if elem.Match(v.Name, name) {
			return 1
		}
		return 0
	case ir.Spread:
		return static(v.Args[0], name, shape)
	}
	args := make([]float64, len(v.Args))
	for i, a := range v.Args {
		args[i] = static(a, name, shape)
	}
	return v.Op.Eval(args)
}
