// Package randrule writes random rules that check must accept, for tests that compare two ways to run a program. In
// goes a seed, out comes the text of a file; the same seed gives the same text. It knows the grammar and the rules of
// extents, and nothing of the compiler.
package randrule

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

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

// wholePrelude holds functions of more than elementwise operators.
const wholePrelude = `fn calm(u) = where(abs(u) < 1e6, 0.01*u, 0)
fn unit(u) = u/(norm(u) + 1e-12)
fn delayed(u) {
  state old[2] = 0
  let out = old[1]
  old <- push(old, u)
  return out
}
fn spread_of(u; q) {
  let top = max(u)
  when top > 1 { top <- avg(top; beta = 0.5) }
  return u - q*top
}
`

// smooth lists the functions of one variable that may be differentiated anywhere.
var smooth = []string{"huber%s(%s; delta = 0.5)", "root%s(%s)", "slope%s(%s; 2)", "bump%s(%s)"}

// budget bounds what is dear: what a rule may still have of each.
type budget struct {
	reductions, orders, matrices, draws, shapes, stateful, probes, loops, whens, given, arrays, calls, fnCalls int
}

// variable is a name in scope with the finest extent that it may have.
type variable struct {
	name    string
	finer   extent
	exact   bool // it has that extent, no coarser one
	kept    bool // a state
	mask    bool
	fixed   bool // never assigned
	size    int  // of an array
	level   int  // of conditions around its declaration
	lo, hi  int  // of a loop's variable
	counter bool
	lasting bool // it may stand in eval
}

// generator writes one file.
type generator struct {
	r       *rand.Rand
	b       strings.Builder
	whole   bool     // the whole language, not its elementwise part alone
	fns     []string // declared functions of two variables
	vars    []variable
	prefix  string
	count   int
	left    budget
	pure    bool   // within a fn or eval: x is not at hand, or nothing that a step was given is
	level   int    // of conditions around the statement
	under   extent // of those conditions
	floor   extent // of states and t: what conditions around a call of the rule make them
	guarded bool   // where no state may be declared
	base    string // a rule that may be called, or ""
	baseArg string // one of its hyperparameters
	static  []string
	hyper   string // a hyperparameter of the rule
	given   string // what reads the input that every rule has
	seed    uint64
}

// Text is a file with the rule name and all that it calls, in the whole language.
func Text(name string, seed uint64) string { return text(name, seed, true, ofSeed(seed, 7)) }

// Plain is a file with the rule name and all that it calls, of step values and elements alone: no probe, given, draw,
// array, loop or whole-array operator.
func Plain(name string, seed uint64) string { return text(name, seed, false, ofSeed(seed, 7)) }

// Drawn is a file with the rule name that data chooses, a byte a choice, as long as it lasts: what a fuzzer changes a little
// changes the rule a little. It is of one of the kinds of [Text], [Plain] and [Kept].
func Drawn(name string, data []byte) string {
	var head [2]byte
	data = data[copy(head[:], data):]
	seed := uint64(head[1])
	r := rand.New(&choices{data, rand.NewPCG(seed, 9)})
	switch head[0] % 3 {
	case 0:
		return kept(name, seed, r)
	case 1:
		return text(name, seed, false, r)
	}
	return text(name, seed, true, r)
}

// choices is a source of random numbers that says what data says, and then goes on at random.
type choices struct {
	data []byte
	rest *rand.PCG
}

func (c *choices) Uint64() uint64 {
	if len(c.data) == 0 {
		return c.rest.Uint64()
	}
	b := c.data[0]
	c.data = c.data[1:]
	return uint64(b) * 0x0101010101010101
}

func ofSeed(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

func text(name string, seed uint64, whole bool, r *rand.Rand) string {
	g := &generator{r: r, whole: whole, seed: seed}
	g.b.WriteString(prelude)
	if whole {
		g.b.WriteString(wholePrelude)
	}
	for i := range g.r.IntN(3) {
		g.fn(fmt.Sprintf("f%d", i))
	}
	if g.chance(3) {
		base := name + "_base"
		g.rule(base, "b")
		g.base = base
	}
	g.rule(name, "")
	return g.b.String()
}

func (g *generator) chance(n int) bool { return g.r.IntN(n) == 0 }

// spend takes one of what is left.
func (g *generator) spend(left *int) bool {
	if *left <= 0 {
		return false
	}
	*left--
	return true
}

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
	g.pure, g.left = true, budget{}
	if g.chance(2) {
		g.linef("fn %s(u, v; p = %s) = %s", name, g.number(), g.real(3, element))
	} else {
		g.linef("fn %s(u, v; p) {", name)
		g.linef("  let w = %s", g.real(2, element))
		g.vars = append(g.vars, variable{name: "w", finer: element})
		g.linef("  u <- %s", g.real(2, element))
		g.linef("  return %s\n}", g.real(2, element))
	}
	g.pure = false
	g.fns = append(g.fns, name)
}

// allowance is what a rule may have.
func (g *generator) allowance() budget {
	left := budget{reductions: 2 + g.r.IntN(5), stateful: 3, whens: 2, fnCalls: 6, calls: 2, shapes: 3}
	if !g.whole {
		return left
	}
	left.orders, left.draws, left.probes = g.r.IntN(3), g.r.IntN(3), g.r.IntN(6)-3
	left.loops, left.arrays, left.given = g.r.IntN(2), g.r.IntN(3), g.r.IntN(6)-3
	left.whens, left.shapes = 3, 2
	if g.chance(3) {
		left.matrices = 1 + g.r.IntN(5)
	}
	return left
}

// rule writes a rule, which may call the base.
func (g *generator) rule(name, prefix string) {
	g.prefix, g.count, g.left, g.static = prefix, 0, g.allowance(), nil
	g.floor = model
	if prefix != "" {
		g.floor, g.left.given = tensor, 0 // it may be called under any condition, and more than once
	}
	g.vars = []variable{
		{name: "x", finer: element, exact: true, lasting: true}, {name: "g", finer: element, exact: true},
		{name: "t", finer: g.floor, fixed: true, lasting: true}, {name: "loss", finer: model, fixed: true},
	}
	g.linef("rule %s {", name)
	if g.base != "" {
		g.linef("  option base = rule %s", g.base)
	}
	for range 1 + g.r.IntN(3) {
		hyper := g.fresh("h")
		g.hyper = hyper
		g.linef("  hyper %s = %s", hyper, pick(g, "0.1 in [0, inf)", "0.9 in [0, 1)", "1e-3 in (0, inf)", "1 in [0, inf)", "0.25 in [0, inf)", "2 in 1..5"))
		g.vars = append(g.vars, variable{name: hyper, finer: group, fixed: true})
	}
	flag, form := g.fresh("flag"), g.fresh("form")
	g.linef("  option %s = %s\n  option %s = one of (one_way, other_way)", flag, pick(g, "true", "false"), form)
	g.inputs()
	swept := g.whole && prefix == ""
	if swept {
		g.give(g.seed)
	}
	for range 3 + g.r.IntN(9) {
		switch g.r.IntN(10) {
		case 0:
			g.block("when "+pick(g, "", "not ")+flag, "  ", 0, nil)
		case 1:
			g.block("when "+form+pick(g, " == ", " != ")+pick(g, "one_way", "other_way"), "  ", 0, nil)
		default:
			g.statement("  ", 2)
		}
	}
	if swept {
		g.sweep(g.seed)
	}
	g.linef("  x <- x - %s*%s", g.finest(group), g.real(3, element))
	for _, v := range g.vars {
		if v.kept && v.size == 0 && g.chance(2) {
			g.linef("  %s <- %s", v.name, g.real(3, v.finer))
		}
	}
	if prefix == "" && g.chance(3) { // the x of a rule within is not the one that is kept
		g.eval()
	}
	if prefix == "" && g.seed%5 == 0 {
		g.linef("  clear g")
	}
	g.linef("}")
	g.baseArg = g.hyper
}

// inputs declares further inputs of the step.
func (g *generator) inputs() {
	for g.spend(&g.left.given) {
		e := pick(g, element, element, model, group, tensor, row, col)
		load := g.chance(3)
		name, per := g.fresh("m"), ""
		if e != element || g.chance(2) {
			per = " per " + e.String()
		}
		word := ""
		if load {
			word = " = load"
		}
		g.linef("  given %s%s%s", name, per, word)
		g.vars = append(g.vars, variable{name: name, finer: e, exact: true, fixed: true, lasting: load})
	}
}

// eval reads what is kept after a step.
func (g *generator) eval() {
	var kept []variable
	for _, v := range g.vars {
		if v.lasting {
			kept = append(kept, v)
		}
	}
	g.vars, g.left.stateful, g.left.draws, g.left.calls, g.pure = kept, 0, 0, 0, true
	g.linef("  eval %s", g.real(2, element))
	g.pure = false
}
