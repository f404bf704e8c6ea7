package randrule

import (
	"fmt"
	"strconv"
)

func (g *generator) number() string {
	return pick(g, "0", "1", "2", "0.5", "0.1", "3", "1e-3", "1e-8", "0.999", "0.75", "1e20", "pi")
}

// finest is a name no finer than e, or a number.
func (g *generator) finest(e extent) string {
	for try := range 12 {
		v := g.vars[g.r.IntN(len(g.vars))]
		if e.holds(v.finer) && !v.mask && (v.finer == e || try > 2 || !g.whole) { // as fine as may be, most often
			return g.read(v)
		}
	}
	return g.number()
}

// read names a variable, or an element of an array.
func (g *generator) read(v variable) string {
	if v.size == 0 {
		return v.name
	}
	return v.name + "[" + g.index(v.size) + "]"
}

// index is an index into an array of n elements.
func (g *generator) index(n int) string {
	for _, v := range g.vars {
		switch {
		case !v.counter || g.chance(4):
		case v.lo >= 0 && v.hi < n:
			return pick(g, v.name, fmt.Sprintf("%d - %s", v.lo+v.hi, v.name))
		}
	}
	return strconv.Itoa(g.r.IntN(n))
}

// real writes an expression no finer than e.
func (g *generator) real(depth int, e extent) string {
	if depth == 0 || g.chance(8) {
		if g.chance(5) {
			return g.number()
		}
		return g.finest(e)
	}
	sub := func() string { return g.real(depth-1, e) }
	switch g.r.IntN(22) {
	case 0, 1, 2:
		return "(" + sub() + pick(g, " + ", " - ") + sub() + ")"
	case 3, 4:
		return "(" + sub() + pick(g, "*", "*", "/") + sub() + ")"
	case 5:
		return "(" + sub() + " % " + sub() + ")"
	case 6:
		return pick(g, "abs", "sign", "sqrt", "rsqrt", "floor", "ceil", "round", "tanh", "sigmoid", "softplus", "atan") + "(" + sub() + ")"
	case 7:
		return pick(g, "cbrt", "exp", "expm1", "log", "log1p", "log2", "sin", "cos", "tan", "sinh", "cosh", "erf") + "(" + sub() + ")"
	case 8:
		return pick(g, "min", "max", "hypot", "copysign") + "(" + sub() + ", " + sub() + ")"
	case 9:
		return "where(" + g.mask(depth-1, e) + ", " + sub() + ", " + sub() + ")"
	case 10:
		return "(" + sub() + ")^" + pick(g, "2", "3", "0.5", "1.5", "-1", "0.8", "1")
	case 11:
		return pick(g, "clamp("+sub()+", -1, 1)", "max("+sub()+", "+sub()+", 0)", "(-"+sub()+")", "("+g.mask(depth-1, e)+")*"+sub())
	case 12:
		return g.derivative(depth, e)
	case 13:
		return g.callOf(depth, e)
	case 14:
		return g.draw(depth, e)
	case 15:
		return g.order(depth, e)
	case 16:
		return g.product(depth, e)
	default:
		return g.reduction(depth, e)
	}
}

// derivative writes f'(u) or f(u).
func (g *generator) derivative(depth int, e extent) string {
	if e == element && len(g.fns) > 0 && !g.pure && g.chance(2) {
		return fmt.Sprintf("%s'(%s, %s; p = %s)", pick(g, g.fns...), pick(g, "x", "g"), g.real(depth-1, e), g.number())
	}
	if g.chance(4) {
		return pick(g, "tanh", "sin", "sqrt", "log1p", "erf", "cbrt", "abs", "softplus") + "'(" + g.real(depth-1, e) + ")"
	}
	return fmt.Sprintf(pick(g, smooth...), pick(g, "'", "'", ""), g.real(depth-1, e))
}

func (g *generator) callOf(depth int, e extent) string {
	switch {
	case e.holds(g.under) && g.chance(2) && g.spend(&g.left.stateful):
		if g.whole && e >= tensor && g.chance(2) {
			return fmt.Sprintf(pick(g, "delayed(%s)", "spread_of(%s; q = 0.5)", "spread_of(%s; 0.1)", "unit(%s)"), g.real(depth-1, e))
		}
		return pick(g, "avg", "unbiased", "first_avg") + "(" + g.real(depth-1, e) + "; " + pick(g, "beta = 0.9", "0.75") + ")"
	case len(g.fns) > 0 && g.spend(&g.left.fnCalls):
		return fmt.Sprintf("%s(%s, %s; p = %s)", pick(g, g.fns...), g.real(depth-1, e), g.real(depth-1, e), g.number())
	}
	return fmt.Sprintf("mix(%s, %s, 0.25)", g.real(depth-1, e), g.real(depth-1, e))
}

// draw writes a random value no finer than e.
func (g *generator) draw(depth int, e extent) string {
	if e < model || !g.spend(&g.left.draws) {
		return g.real(depth-1, e)
	}
	per := g.within(e)
	if per == element && g.chance(2) {
		return pick(g, "normal", "uniform", "rademacher") + "()"
	}
	return pick(g, "normal", "uniform", "rademacher") + "(per " + per.String() + ")"
}

// within is an extent from model to e.
func (g *generator) within(e extent) extent {
	all := []extent{e, e}
	for v := model; v < e; v++ {
		if e.holds(v) && (g.whole || v <= tensor) {
			all = append(all, v)
		}
	}
	return pick(g, all...)
}

// over is what a reduction may run over to give a value no finer than e, and of what.
func (g *generator) over(e extent) (per, from extent) {
	per = g.within(e)
	if per == element || per.isMatrix() {
		per = tensor
		if e == element && g.whole && g.chance(2) {
			per = pick(g, row, col)
		}
	}
	from = pick(g, element, element, element, tensor, group)
	if g.whole && g.chance(3) {
		from = pick(g, row, col)
		if per <= tensor && g.chance(2) {
			from = pick(g, rowRow, colCol, colRow)
		}
	}
	return per, from
}

// word writes `per E`, or nothing for what is meant anyhow.
func (g *generator) word(per extent) string {
	if per == tensor && !g.chance(4) {
		return ""
	}
	return " per " + per.String()
}

// reduction writes a reduction no finer than e over a value of any extent.
func (g *generator) reduction(depth int, e extent) string {
	if e < model || g.left.reductions == 0 {
		return g.finest(e)
	}
	if e >= tensor && g.chance(4) && g.spend(&g.left.shapes) {
		return pick(g, "rank", "rows", "cols", "numel") + "(x)"
	}
	g.left.reductions--
	to, from := g.over(e)
	per := g.word(to)
	switch g.r.IntN(8) {
	case 0:
		other := from
		if !from.isMatrix() {
			other = element
		}
		return "dot(" + g.real(depth-1, from) + ", " + g.real(depth-1, other) + per + ")"
	case 1:
		return pick(g, "count", "any", "all") + "(" + g.mask(depth-1, from) + per + ")"
	}
	return pick(g, "sum", "mean", "min", "max", "norm", "norm1", "normsq", "norm", "mean") + "(" + g.real(depth-1, from) + per + ")"
}

// order writes an order statistic no finer than e.
func (g *generator) order(depth int, e extent) string {
	if e < model || g.pure && g.left.matrices == 0 || !g.spend(&g.left.orders) {
		return g.real(depth-1, e)
	}
	per, from := g.over(e)
	if !from.isArray() || per.isArray() {
		from = element
	}
	u := g.exact(depth-1, from)
	of := g.word(per)
	switch g.r.IntN(6) {
	case 0, 1:
		return "kth(" + u + of + "; k = " + g.rank(per) + ")"
	case 5:
		if e.holds(from) {
			return "project(simplex(; " + g.rank(per) + "), " + u + of + ")"
		}
	case 2:
		return "median(" + u + of + ")"
	case 3:
		if e.holds(from) {
			return "topk(" + u + of + "; k = " + g.rank(per) + ")*" + g.real(depth-1, e)
		}
	}
	return "quantile(" + u + of + "; q = " + pick(g, "0.25", "0", "1", "0.9") + ")"
}

// rank is the k of an order statistic.
func (g *generator) rank(per extent) string {
	if per >= tensor && g.chance(3) {
		return pick(g, "ceil(0.5*numel(x))", "max(1, round(0.1*numel(x)))", "rows(x)")
	}
	return pick(g, "1", "2", "3", g.finest(min(per, group)))
}

// mask writes a yes or no, no finer than e.
func (g *generator) mask(depth int, e extent) string {
	for _, v := range g.vars {
		if v.mask && e.holds(v.finer) && g.chance(3) {
			return v.name
		}
	}
	if depth == 0 || g.chance(2) {
		return g.real(depth, e) + pick(g, " < ", " <= ", " > ", " >= ", " == ", " != ") + g.real(depth, e)
	}
	switch g.r.IntN(5) {
	case 0:
		return "not (" + g.mask(depth-1, e) + ")"
	case 1:
		return "isfinite(" + g.real(depth, e) + ")"
	case 2:
		return "where(" + g.mask(depth-1, e) + ", " + g.mask(depth-1, e) + ", " + g.mask(depth-1, e) + ")"
	case 3:
		return "(" + g.mask(depth-1, e) + pick(g, ") == (", ") != (") + g.mask(depth-1, e) + ")"
	}
	return "(" + g.mask(depth-1, e) + pick(g, ") and (", ") or (") + g.mask(depth-1, e) + ")"
}
