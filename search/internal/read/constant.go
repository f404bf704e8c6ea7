package read

import (
	"math"
	"strconv"

	"github.com/optc-lang/optc/compiler/ir"
)

// constant is a number, if a value is one.
type constant struct {
	k     float64
	known bool
}

// constant tells whether a value is one number, hyperparameters but the learning rate being their defaults.
func (r *reader) constant(v *ir.Value) (float64, bool) {
	c, ok := r.constants[v]
	if !ok {
		c.k, c.known = r.fold(v)
		r.constants[v] = c
	}
	return c.k, c.known
}

func (r *reader) fold(v *ir.Value) (float64, bool) {
	switch v.Kind {
	case ir.Number:
		return v.Num, true
	case ir.Hyper:
		return r.program.Hypers[v.Index].Default, v.Index != r.lr
	case ir.Spread:
		return r.constant(v.Args[0])
	case ir.Apply:
		if k, ok := r.decided(v); ok {
			return k, true
		}
		args := make([]float64, len(v.Args))
		for i, a := range v.Args {
			k, ok := r.constant(a)
			if !ok {
				return 0, false
			}
			args[i] = k
		}
		return v.Op.Eval(args), true
	}
	return 0, false
}

// decided is the value of an operator one of whose arguments alone decides it. What is made of t is finite.
func (r *reader) decided(v *ir.Value) (float64, bool) {
	is := func(i int, k float64) bool { return r.isNumber(v.Args[i], k) }
	switch v.Op.Name {
	case "or":
		return 1, is(0, 1) || is(1, 1)
	case "and":
		return 0, is(0, 0) || is(1, 0)
	case "mul":
		return 0, is(0, 0) && r.ofTime(v.Args[1]) || is(1, 0) && r.ofTime(v.Args[0])
	case "pow":
		if is(0, 1) {
			return 1, r.ofTime(v.Args[1])
		}
		return 0, is(0, 0) && v.Args[1].Kind == ir.Input && v.Args[1].Name == "t"
	case "where":
		if k, ok := r.constant(v.Args[0]); ok {
			return r.constant(v.Args[2-int(k)])
		}
	}
	return 0, false
}

// ofTime reports whether a value is made of the step and numbers alone.
func (r *reader) ofTime(v *ir.Value) bool {
	is, ok := r.timed[v]
	if ok {
		return is
	}
	switch v.Kind {
	case ir.Number:
		is = true
	case ir.Hyper:
		is = v.Index != r.lr
	case ir.Input:
		is = v.Name == "t"
	case ir.Apply:
		is = v.Extent <= ir.Group
		for _, a := range v.Args {
			is = is && r.ofTime(a)
		}
	}
	r.timed[v] = is
	return is
}

// seen is a value without what changes nothing: what stripped takes off, and terms of 0.
func (r *reader) seen(v *ir.Value) *ir.Value {
	for {
		v = r.stripped(v)
		switch {
		case v.Kind != ir.Apply || v.Op.Name != "add" && v.Op.Name != "sub":
			return v
		case r.isZero(v.Args[1]) && v.Args[0].Extent == v.Extent:
			v = v.Args[0]
		case r.isZero(v.Args[0]) && v.Args[1].Extent == v.Extent && v.Op.Name == "add":
			v = v.Args[1]
		default:
			return v
		}
	}
}

// stripped is a value without copies, choices that are decided, factors of 1, and the first value of a state where that is
// what the state begins with.
func (r *reader) stripped(v *ir.Value) *ir.Value {
	for {
		next := v
		switch {
		case v.Kind == ir.Spread:
			next = v.Args[0]
		case v.Kind != ir.Apply:
		case v.Op.Name == "where":
			next = r.chosen(v)
		case v.Op.Name == "mul" && r.isNumber(v.Args[0], 1):
			next = v.Args[1]
		case (v.Op.Name == "mul" || v.Op.Name == "div" || v.Op.Name == "and") && r.isNumber(v.Args[1], 1), v.Op.Name == "or" && r.isNumber(v.Args[1], 0):
			next = v.Args[0]
		case v.Op.Name == "and" && r.isNumber(v.Args[0], 1), v.Op.Name == "or" && r.isNumber(v.Args[0], 0):
			next = v.Args[1]
		}
		if next == v {
			return v
		}
		v = next
	}
}

func (r *reader) isNumber(v *ir.Value, k float64) bool {
	c, ok := r.constant(v)
	return ok && c == k
}

// isZero reports whether a value is 0 or 0 times something.
func (r *reader) isZero(v *ir.Value) bool {
	if v.Kind == ir.Spread {
		v = v.Args[0]
	}
	if v.Kind == ir.Apply && v.Op.Name == "mul" && (r.isNumber(v.Args[0], 0) || r.isNumber(v.Args[1], 0)) {
		return true
	}
	return r.isNumber(v, 0)
}

// chosen is what a choice comes to, or the choice.
func (r *reader) chosen(v *ir.Value) *ir.Value {
	if k, ok := r.constant(v.Args[0]); ok {
		return v.Args[2-int(k)]
	}
	if r.isFirst(v.Args[0]) && v.Args[2].Kind == ir.Load && r.isNumber(v.Args[1], r.program.States[v.Args[2].Index].Init) {
		return v.Args[2]
	}
	return v
}

// isFirst reports whether a mask is set in the first step alone.
func (r *reader) isFirst(v *ir.Value) bool {
	if v = r.stripped(v); v.Kind != ir.Apply || v.Op.Name != "eq" {
		return false
	}
	a, b := v.Args[0], v.Args[1]
	if a.Kind == ir.Number {
		a, b = b, a
	}
	return a.Kind == ir.Input && a.Name == "t" && b.Kind == ir.Number && b.Num == 1
}

// shareBeside is the share k of the new value where the old one has the other share: 0.1 beside 0.9, even if it was computed
// as 1 - 0.9, which is 0.09999999999999998.
func shareBeside(other, k float64) float64 {
	if k == 1-other {
		return short(k)
	}
	return k
}

// short is a number of few digits if there is one within the rounding of 1.
func short(k float64) float64 {
	s, err := strconv.ParseFloat(strconv.FormatFloat(k, 'g', 12, 64), 64)
	if err == nil && math.Abs(s-k) <= 0x1p-52 {
		return s
	}
	return k
}

// ratio is a quotient of constants, of few digits if there is one within the rounding of shares such as 1 - 0.9999.
func ratio(a, b float64) float64 {
	s, err := strconv.ParseFloat(strconv.FormatFloat(a/b, 'g', 12, 64), 64)
	if err == nil && math.Abs(s-a/b) <= 0x1p-42*math.Abs(s) {
		return s
	}
	return a / b
}

// complements reports whether two shares make 1, as closely as the element type tells.
func complements(a, b float64) bool { return float32(a) == float32(1-b) }
