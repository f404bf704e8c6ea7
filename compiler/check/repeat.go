package check

import (
	"math"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
)

// repeat elaborates the body once for each turn. The bounds are constants; the turns of `first..last` may run in either
// direction. Every turn's calls keep states of their own.
func (c *checker) repeat(f *frame, s *lang.Repeat) {
	first, last := 1.0, 0.0
	ok := true
	if s.To == nil {
		last, ok = c.whole(f, s.From, "the number of turns")
		if ok && last < 0 {
			c.errorf(f, s.From.Where(), "", "a loop cannot run %s times", ir.FormatNumber(last))
			return
		}
	} else {
		var ok1, ok2 bool
		first, ok1 = c.whole(f, s.From, "a loop's bound")
		last, ok2 = c.whole(f, s.To, "a loop's bound")
		ok = ok1 && ok2
	}
	if !ok {
		return
	}
	step := 1.0
	if s.To != nil && last < first {
		step = -1
	}
	f.loops++
	outer := f.left
	f.left = c.pool.Bool(false)
	defer func() { f.loops, f.left = f.loops-1, outer }()
	for i := first; (last-i)*step >= 0; i += step {
		c.step(f, s.Span)
		if s.Var.Name != "" && !c.declareName(f, s.Var, &binding{variable: -1, value: c.pool.Number(i), assignWhat: "counts the turns of a loop"}) {
			return
		}
		errors := c.diags.Errors()
		c.unlessLeft(f, s.Body)
		delete(f.names, s.Var.Name)
		if c.diags.Errors() > errors {
			return // the other turns would say the same
		}
	}
}

// whole is a constant without a fraction.
func (c *checker) whole(f *frame, e lang.Expr, what string) (float64, bool) {
	v, ok := c.constant(f, e, what)
	if ok && (v != math.Floor(v) || math.IsInf(v, 0)) {
		c.errorf(f, e.Where(), "", "%s must be a whole number, not %s", what, ir.FormatNumber(v))
		return 0, false
	}
	return v, ok
}
