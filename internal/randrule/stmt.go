package randrule

import (
	"fmt"
	"strings"
)

// block writes a `when` with one, two or three branches, whose names end with it, under a condition of extent cond
// (constant when it is decided at compile time); again writes another condition of the kind, nil for one at run time.
func (g *generator) block(head, indent string, cond extent, again func() string) {
	level, under := g.level, g.under
	if cond > constant {
		g.level, g.under = level+1, max(under, cond)
	}
	g.linef("%s%s {", indent, head)
	for branch := range 1 + g.r.IntN(2) {
		switch {
		case branch == 0:
		case g.whole && cond > constant && g.chance(3) && again == nil:
			g.linef("%s} else when %s {", indent, g.mask(1, cond))
		case again != nil && g.chance(3):
			g.linef("%s} else when %s {", indent, again())
		default:
			g.linef("%s} else {", indent)
		}
		g.scope(indent+"  ", 1+g.r.IntN(2), 0)
	}
	g.linef("%s}", indent)
	g.level, g.under = level, under
}

// scope writes n statements whose names end with it.
func (g *generator) scope(indent string, n, nest int) {
	outer := len(g.vars)
	for range n {
		g.statement(indent, nest)
	}
	g.vars = g.vars[:outer]
}

// statement writes a declaration, an assignment or a block; nest is how many blocks may stand within one another.
func (g *generator) statement(indent string, nest int) {
	switch g.r.IntN(16) {
	case 0, 1, 2:
		g.state(indent)
	case 3, 4, 5:
		g.let(indent)
	case 6:
		g.letMask(indent)
	case 7:
		if nest > 0 || g.chance(2) {
			g.when(indent)
			return
		}
		g.assign(indent)
	case 8:
		g.repeat(indent)
	case 9:
		g.array(indent)
	case 10:
		g.probe(indent)
	case 11:
		g.push(indent)
	case 12:
		g.callRule(indent)
	default:
		g.assign(indent)
	}
}

// anyExtent draws one, elements most often.
func (g *generator) anyExtent() extent {
	if !g.whole {
		return pick(g, element, element, element, tensor, group, model)
	}
	if g.left.matrices > 0 && g.chance(3) {
		return pick(g, rowRow, colCol, colRow)
	}
	return pick(g, element, element, element, element, tensor, group, model, row, col)
}

// declare adds a variable of extent e, at least that of what it is computed under.
func (g *generator) declare(v variable) {
	v.level = g.level
	g.vars = append(g.vars, v)
}

// of writes an expression for a declaration of extent e, with the extent asserted now and then.
func (g *generator) of(depth int, e extent) (per, value string, exact bool) {
	if e.isMatrix() {
		if g.chance(2) {
			return "", g.exact(depth, e), true
		}
		return " per " + e.String(), g.exact(depth, e), true
	}
	if g.chance(3) {
		return " per " + e.String(), g.real(depth, e), true
	}
	return "", g.real(depth, e), false
}

func (g *generator) state(indent string) {
	if g.guarded {
		g.let(indent)
		return
	}
	e := g.anyExtent()
	if e <= tensor {
		e = max(e, g.floor, g.under)
	}
	name := g.fresh("s")
	per, init, exact := g.of(2, e)
	if g.chance(2) {
		init = g.number()
		exact = per != ""
		if e.isMatrix() {
			per, exact = " per "+e.String(), true
		}
	}
	storage, size := "", ""
	n := 0
	if g.whole && e == element && g.chance(3) {
		per, exact, storage = " per elem", true, " as "+pick(g, "bf16", "f16", "q8", "bf16 sr", "f16 sr", "q8 sr")
	}
	if !e.isMatrix() && g.spend(&g.left.arrays) {
		n = 1 + g.r.IntN(3)
		size = fmt.Sprintf("[%d]", n)
	}
	g.linef("%sstate %s%s%s%s = %s", indent, name, size, per, storage, init)
	g.declare(variable{name: name, finer: e, exact: exact, kept: true, size: n, lasting: true})
}

func (g *generator) let(indent string) {
	e := g.anyExtent()
	name := g.fresh("a")
	per, value, exact := g.of(3, e)
	g.linef("%slet %s%s = %s", indent, name, per, value)
	g.declare(variable{name: name, finer: e, exact: exact})
}

func (g *generator) letMask(indent string) {
	name, e := g.fresh("k"), g.anyExtent()
	if e.isMatrix() {
		e = element
	}
	g.linef("%slet %s = %s", indent, name, g.mask(2, e))
	g.declare(variable{name: name, finer: e, mask: true, fixed: true})
}

// when writes a choice at run time, or by shape and name.
func (g *generator) when(indent string) {
	if !g.spend(&g.left.whens) {
		g.assign(indent)
		return
	}
	if g.whole && g.chance(3) {
		g.block("when "+g.staticMask(), indent, tensor, g.staticMask)
		return
	}
	guarded := g.guarded
	g.guarded = true
	cond := model
	if g.whole {
		cond = pick(g, model, group, tensor)
	}
	g.block("when "+g.mask(2, cond), indent, cond, nil)
	g.guarded = guarded
}

// staticMask is a condition on shapes and names. A rule has two of them at most.
func (g *generator) staticMask() string {
	if len(g.static) < 2 {
		g.static = append(g.static, pick(g, "rank(x) >= 2", "rank(x) == 0", "rows(x) <= cols(x)", "numel(x) > 30", "cols(x) % 2 == 0",
			`named("*.bias")`, `named("*embed*", "*.head")`, `named("group0.*")`, "rows(x) > 1"))
	}
	a, b := pick(g, g.static...), pick(g, g.static...)
	return pick(g, a, "not ("+a+")", a+" and not "+b, a+" or "+b)
}

// repeat writes a loop, which an `until` may leave.
func (g *generator) repeat(indent string) {
	if !g.spend(&g.left.loops) {
		g.assign(indent)
		return
	}
	level, under, guarded, outer := g.level, g.under, g.guarded, len(g.vars)
	g.guarded = true
	leaves := g.chance(2)
	lo, hi := g.r.IntN(2), 1+g.r.IntN(2)
	switch g.r.IntN(3) {
	case 0:
		g.linef("%srepeat %d {", indent, 1+hi-lo)
	case 1:
		name := g.fresh("i")
		g.linef("%srepeat %s in %d..%d {", indent, name, lo, hi)
		g.declare(variable{name: name, finer: constant, fixed: true, counter: true, lo: lo, hi: hi})
	default:
		name := g.fresh("i")
		g.linef("%srepeat %s in %d..%d {", indent, name, hi, lo)
		g.declare(variable{name: name, finer: constant, fixed: true, counter: true, lo: lo, hi: hi})
	}
	if leaves {
		g.level, g.under = level+1, max(under, model)
	}
	inner := len(g.vars)
	for range 1 + g.r.IntN(3) {
		g.statement(indent+"  ", 1)
		if leaves && g.chance(3) {
			g.linef("%s  until %s", indent, g.mask(1, model))
		}
	}
	g.vars = g.vars[:inner]
	if leaves && g.chance(2) {
		g.linef("%s  until %s", indent, g.mask(1, model))
	}
	g.linef("%s}", indent)
	g.vars = g.vars[:outer]
	g.level, g.under, g.guarded = level, under, guarded
}

// array declares an array of lets.
func (g *generator) array(indent string) {
	if !g.spend(&g.left.arrays) {
		g.let(indent)
		return
	}
	name, n, e := g.fresh("l"), 1+g.r.IntN(4), pick(g, element, element, tensor, model, row, col)
	per, value, exact := g.of(2, e)
	g.linef("%slet %s[%d]%s = %s", indent, name, n, per, value)
	g.declare(variable{name: name, finer: e, exact: exact, size: n})
}

// assignable are the names that may be given a value here.
func (g *generator) assignable(arrays bool) []variable {
	var out []variable
	for _, v := range g.vars {
		if !v.fixed && !v.mask && (v.size > 0) == arrays && (v.level == g.level || v.finer.holds(g.under)) {
			out = append(out, v)
		}
	}
	return out
}

// assign gives a new value to x, g, a let or a state.
func (g *generator) assign(indent string) {
	names := g.assignable(false)
	v := pick(g, names...)
	value := g.real(3, v.finer)
	if v.finer.isMatrix() {
		value = g.exact(2, v.finer)
	}
	if other := g.vars[g.r.IntN(len(g.vars))]; g.chance(4) && v.finer.holds(other.finer) && !other.mask {
		value = g.read(other) // a plain copy: the case in which an old array is kept
	}
	g.linef("%s%s <- %s", indent, v.name, value)
}

// push gives an array its next value, or one of its elements a value.
func (g *generator) push(indent string) {
	names := g.assignable(true)
	if len(names) == 0 {
		g.assign(indent)
		return
	}
	v := pick(g, names...)
	value := g.real(2, v.finer)
	if g.chance(3) {
		g.linef("%s%s[%s] <- %s", indent, v.name, g.index(v.size), value)
		return
	}
	g.linef("%s%s <- push(%s, %s)", indent, v.name, v.name, value)
}

// probe asks the model at a point.
func (g *generator) probe(indent string) {
	if !g.spend(&g.left.probes) {
		g.assign(indent)
		return
	}
	name := g.fresh("p")
	kind, e, exact := pick(g, "grad", "grad", "loss", "hvp"), element, true
	if kind == "loss" {
		e = model
	}
	what := kind
	if kind == "hvp" {
		what += " " + g.real(1, element)
	}
	at := ""
	if !g.chance(4) {
		at = " at " + pick(g, "x - 0.1*g", "x + "+g.finest(group)+"*g", g.real(2, element))
	}
	g.linef("%sprobe %s = %s%s", indent, name, what, at)
	g.declare(variable{name: name, finer: e, exact: exact, fixed: true})
}

// callRule steps by the other rule.
func (g *generator) callRule(indent string) {
	if g.base == "" || !element.holds(g.under) || !g.spend(&g.left.calls) {
		g.assign(indent)
		return
	}
	args := ""
	for _, v := range g.vars {
		if strings.HasPrefix(v.name, g.prefix+"h") && args == "" && g.chance(3) { // a number might be outside the interval
			args = "; " + g.baseArg + " = " + v.name
		}
	}
	g.linef("%sx <- base(x, %s%s)", indent, g.real(2, element), args)
}
