// Package randrule writes random rules that check must accept, for tests that compare two ways to run a program. In
// goes a seed, out comes the text of a file; the same seed gives the same text. It knows the grammar and the rules of
// extents, and nothing of the compiler.
package randrule

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// extent orders the extents as the language does, coarse to fine.
type extent int

const (
	constant extent = iota
	model
	group
	tensor
	element
)

var extentName = [...]string{"const", "model", "group", "tensor", "elem"}

// prelude holds functions that every file starts with: the idioms of the library, and the corners of differentiation.
const prelude = `fn mix(a, b, w) = a + w*(b - a)
fn avg(u; beta) {
  state s = 0
  s <- mix(u, s, beta)
  return s
}
fn first_avg(u; beta) {
  state s = u
  let old = s
  s <- mix(u, s, beta)
  return s - 0.5*old
}
fn unbiased(u; beta) = avg(u; beta)/(1 - beta^t)
fn huber(u; delta) = where(abs(u) <= delta, 0.5*u^2, delta*(abs(u) - 0.5*delta))
fn root(u) = where(u > 0, sqrt(u), 0)
fn slope(u; delta) = huber'(u; delta)
fn bump(u) {
  let v = u*u
  v <- softplus(v) - max(u, 0.25)
  return v*tanh(u)
}
`

// smooth lists the functions of one variable that may be differentiated anywhere.
var smooth = []string{"huber%s(%s; delta = 0.5)", "root%s(%s)", "slope%s(%s; 2)", "bump%s(%s)"}

// Text is a file with the rule name and all that it calls.
func Text(name string, seed uint64) string {
	g := &generator{r: rand.New(rand.NewPCG(seed, 7))}
	g.b.WriteString(prelude)
	for i := range g.r.IntN(3) {
		g.fn(fmt.Sprintf("f%d", i))
	}
	base := ""
	if g.chance(3) {
		base = name + "_base"
		g.rule(base, "b", "")
	}
	g.rule(name, "", base)
	return g.b.String()
}

// variable is a name in scope with the finest extent that it may have.
type variable struct {
	name  string
	finer extent
	kept  bool // a state
	mask  bool
}

type generator struct {
	r          *rand.Rand
	b          strings.Builder
	fns        []string // declared functions of two variables
	vars       []variable
	prefix     string
	count      int
	reductions int  // still allowed
	stateful   int  // calls still allowed
	inFn       bool // the names x and g are not at hand
	guarded    bool // within a condition at run time, where no state may be declared
}

func (g *generator) chance(n int) bool { return g.r.IntN(n) == 0 }

func pick[T any](g *generator, from ...T) T { return from[g.r.IntN(len(from))] }

func (g *generator) linef(format string, args ...any) {
	fmt.Fprintf(&g.b, format+"\n", args...)
}

func (g *generator) fresh(kind string) string {
	g.count++
	return fmt.Sprintf("%s%s%d", g.prefix, kind, g.count)
}

// fn writes an elementwise function of two variables and a parameter.
func (g *generator) fn(name string) {
	g.vars = []variable{{name: "u", finer: element}, {name: "v", finer: element}, {name: "p", finer: constant}}
	g.inFn, g.reductions, g.stateful = true, 0, 0
	if g.chance(2) {
		g.linef("fn %s(u, v; p = %s) = %s", name, g.number(), g.real(3, element))
	} else {
		g.linef("fn %s(u, v; p) {", name)
		g.linef("  let w = %s", g.real(2, element))
		g.vars = append(g.vars, variable{name: "w", finer: element})
		g.linef("  u <- %s", g.real(2, element))
		g.linef("  return %s\n}", g.real(2, element))
	}
	g.inFn = false
	g.fns = append(g.fns, name)
}

// rule writes a rule; base is another that it may call, or "".
func (g *generator) rule(name, prefix, base string) {
	g.prefix, g.count, g.reductions, g.stateful = prefix, 0, 2+g.r.IntN(5), 3
	g.vars = []variable{{name: "x", finer: element}, {name: "g", finer: element}, {name: "t", finer: model}, {name: "loss", finer: model}}
	g.linef("rule %s {", name)
	if base != "" {
		g.linef("  option base = rule %s", base)
	}
	for range 1 + g.r.IntN(3) {
		h := g.fresh("h")
		g.linef("  hyper %s = %s in [0, inf)", h, pick(g, "0.1", "0.9", "1e-3", "1", "0.25"))
		g.vars = append(g.vars, variable{name: h, finer: group})
	}
	flag, form := g.fresh("flag"), g.fresh("form")
	g.linef("  option %s = %s\n  option %s = one of (one_way, other_way)", flag, pick(g, "true", "false"), form)
	for range 3 + g.r.IntN(9) {
		switch g.r.IntN(13) {
		case 3:
			g.guarded = true
			g.block("when "+g.mask(2, model), "  ")
			g.guarded = false
		case 0:
			g.block("when "+pick(g, "", "not ")+flag, "  ")
		case 1:
			g.block("when "+form+pick(g, " == ", " != ")+pick(g, "one_way", "other_way"), "  ")
		case 2:
			if base != "" {
				g.linef("  x <- base(x, %s)", g.real(2, element))
			}
		default:
			g.statement("  ")
		}
	}
	g.linef("  x <- x - %s*%s", g.finest(group), g.real(3, element))
	for _, v := range g.vars {
		if v.kept && g.chance(2) {
			g.linef("  %s <- %s", v.name, g.real(3, v.finer))
		}
	}
	if prefix == "" && g.chance(3) { // the x of a rule within is not the one that is kept
		g.eval()
	}
	g.linef("}")
}

// block writes a `when` with one or two branches, whose names end with it.
func (g *generator) block(head, indent string) {
	g.linef("%s%s {", indent, head)
	for branch := range 1 + g.r.IntN(2) {
		if branch == 1 {
			g.linef("%s} else {", indent)
		}
		outer := len(g.vars)
		for range 1 + g.r.IntN(2) {
			g.statement(indent + "  ")
		}
		g.vars = g.vars[:outer]
	}
	g.linef("%s}", indent)
}

// statement writes a declaration or an assignment.
func (g *generator) statement(indent string) {
	kind := g.r.IntN(6)
	if g.guarded {
		kind = 2 + g.r.IntN(4)
	}
	switch e := pick(g, element, element, element, tensor, group, model); kind {
	case 0, 1:
		name := g.fresh("s")
		init := g.number()
		if g.chance(2) {
			init = g.real(2, e)
		}
		g.linef("%sstate %s%s = %s", indent, name, g.per(e), init)
		g.vars = append(g.vars, variable{name: name, finer: e, kept: true})
	case 2, 3:
		name := g.fresh("a")
		g.linef("%slet %s%s = %s", indent, name, g.per(e), g.real(3, e))
		g.vars = append(g.vars, variable{name: name, finer: e})
	case 4:
		name := g.fresh("k")
		g.linef("%slet %s = %s", indent, name, g.mask(2, e))
		g.vars = append(g.vars, variable{name: name, finer: e, mask: true})
	default:
		g.assign(indent)
	}
}

// assign gives a new value to x, g, a let or a state.
func (g *generator) assign(indent string) {
	v := g.vars[g.r.IntN(len(g.vars))]
	if v.mask || v.name == "t" || v.name == "loss" || strings.HasPrefix(strings.TrimPrefix(v.name, g.prefix), "h") {
		v = g.vars[g.r.IntN(2)] // x or g
	}
	value := g.real(3, v.finer)
	if other := g.vars[g.r.IntN(len(g.vars))]; g.chance(4) && other.finer <= v.finer && !other.mask {
		value = other.name // a plain copy: the case in which an old array is kept
	}
	g.linef("%s%s <- %s", indent, v.name, value)
}

// eval reads what is kept after a step.
func (g *generator) eval() {
	var kept []variable
	for _, v := range g.vars {
		if v.kept || v.name == "x" || v.name == "t" {
			kept = append(kept, v)
		}
	}
	g.vars, g.stateful, g.inFn = kept, 0, true
	g.linef("  eval %s", g.real(2, element))
	g.inFn = false
}

// per asserts an extent now and then, at least as fine as the value's own.
func (g *generator) per(e extent) string {
	if g.chance(3) {
		return " per " + extentName[e]
	}
	return ""
}

func (g *generator) number() string {
	return pick(g, "0", "1", "2", "0.5", "0.1", "3", "1e-3", "1e-8", "0.999", "0.75", "1e20")
}

// finest is a name no finer than e, or a number.
func (g *generator) finest(e extent) string {
	for range 6 {
		if v := g.vars[g.r.IntN(len(g.vars))]; v.finer <= e && !v.mask {
			return v.name
		}
	}
	return g.number()
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
	switch g.r.IntN(18) {
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
	default:
		return g.reduction(depth, e)
	}
}

// derivative writes f'(u) or f(u).
func (g *generator) derivative(depth int, e extent) string {
	if e == element && len(g.fns) > 0 && !g.inFn && g.chance(2) {
		return fmt.Sprintf("%s'(%s, %s; p = %s)", pick(g, g.fns...), pick(g, "x", "g"), g.real(depth-1, e), g.number())
	}
	return fmt.Sprintf(pick(g, smooth...), pick(g, "'", "'", ""), g.real(depth-1, e))
}

func (g *generator) callOf(depth int, e extent) string {
	if g.stateful > 0 && g.chance(2) {
		g.stateful--
		return pick(g, "avg", "unbiased", "first_avg") + "(" + g.real(depth-1, e) + "; " + pick(g, "beta = 0.9", "0.75") + ")"
	}
	if len(g.fns) > 0 {
		return fmt.Sprintf("%s(%s, %s; p = %s)", pick(g, g.fns...), g.real(depth-1, e), g.real(depth-1, e), g.number())
	}
	return fmt.Sprintf("mix(%s, %s, 0.25)", g.real(depth-1, e), g.real(depth-1, e))
}

// reduction writes a reduction no finer than e over a value of any extent.
func (g *generator) reduction(depth int, e extent) string {
	if e < model || g.reductions == 0 {
		return g.finest(e)
	}
	if e >= tensor && g.chance(4) {
		return pick(g, "rank", "rows", "cols", "numel") + "(x)"
	}
	g.reductions--
	per := ""
	switch to := model + extent(g.r.IntN(int(min(e, tensor)-model)+1)); {
	case to < tensor:
		per = " per " + extentName[to]
	case g.chance(4):
		per = " per tensor"
	}
	from := pick(g, element, element, element, tensor, group)
	switch g.r.IntN(8) {
	case 0:
		return "dot(" + g.real(depth-1, from) + ", " + g.real(depth-1, element) + per + ")"
	case 1:
		return pick(g, "count", "any", "all") + "(" + g.mask(depth-1, from) + per + ")"
	}
	return pick(g, "sum", "mean", "min", "max", "norm", "norm1", "normsq", "norm", "mean") + "(" + g.real(depth-1, from) + per + ")"
}

// mask writes a yes or no, no finer than e.
func (g *generator) mask(depth int, e extent) string {
	for _, v := range g.vars {
		if v.mask && v.finer <= e && g.chance(3) {
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
