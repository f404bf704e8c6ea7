package randrule

import (
	"fmt"
	"strings"
)

// Span is how many consecutive seeds are enough for [Text] to write every operator at every extent that it can have, and
// every way to keep a state: each text has its share of them, besides what is random.
const Span = 40

// matrixEvery is how many seeds share one text with matrices: those are dear.
const matrixEvery = 4

var (
	unary = []string{"abs", "sign", "sqrt", "rsqrt", "floor", "ceil", "round", "cbrt", "exp", "expm1", "log", "log1p", "log2", "sin", "cos", "tan", "atan",
		"sinh", "cosh", "tanh", "sigmoid", "softplus", "erf"}
	infix = []string{"+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">="}
	// calls are the other elementwise operators, of the operands $a and $b.
	calls = []string{"-($a)", "min($a, $b)", "max($a, $b)", "clamp($a, -1, $b)", "copysign($a, $b)", "hypot($a, $b)", "($a)^($b)",
		"where($a > 0, $b, $a)", "$a > 0 and $a < 2", "$a > 0 or $a < -1", "not ($a > 0)", "isfinite($a)"}
	draws    = []string{"normal", "uniform", "rademacher"}
	formats  = []string{"bf16", "f16", "q8", "bf16 sr", "f16 sr", "q8 sr"}
	coarse   = []extent{model, group, tensor}
	lines    = []extent{row, col, element}
	matrices = []extent{rowRow, colCol, colRow}
)

// cell is one thing that a text must have: an expression of extent e.
type cell struct {
	e    extent
	text func(g *generator) string
}

// elementwise are all operators at the extents given.
func elementwise(extents []extent) []cell {
	var cells []cell
	for _, e := range extents {
		for _, name := range unary {
			cells = append(cells, cell{e, func(g *generator) string { return name + "(" + g.operand(e) + ")" }})
		}
		for _, symbol := range infix {
			cells = append(cells, cell{e, func(g *generator) string {
				a, b := g.pair(e)
				return a + " " + symbol + " " + b
			}})
		}
		for _, form := range calls {
			cells = append(cells, cell{e, func(g *generator) string {
				a, b := g.pair(e)
				return strings.NewReplacer("$a", a, "$b", b).Replace(form)
			}})
		}
		for _, name := range draws {
			cells = append(cells, cell{e, func(*generator) string { return name + "(per " + e.String() + ")" }})
		}
	}
	return cells
}

// folds are the reductions and order statistics of values of the extents given.
func folds(extents []extent) []cell {
	var cells []cell
	for _, from := range extents {
		for per := model; per <= col; per++ {
			if per >= from || per.isArray() && !from.has(per) {
				continue
			}
			for _, name := range []string{"sum", "min", "max"} {
				cells = append(cells, cell{per, func(g *generator) string {
					return name + "(" + g.operand(from) + " per " + per.String() + ")"
				}})
			}
			array := from.isArray() && (per <= tensor || from == element)
			if array || from == tensor {
				cells = append(cells,
					cell{per, func(g *generator) string { return "kth(" + g.operand(from) + " per " + per.String() + "; k = 2)" }},
					cell{from, func(g *generator) string {
						return "project(simplex(; 2), " + g.operand(from) + " per " + per.String() + ")"
					}})
			}
			if array {
				cells = append(cells,
					cell{from, func(g *generator) string { return "topk(" + g.operand(from) + " per " + per.String() + "; k = 3)" }})
			}
		}
	}
	return cells
}

// products are the whole-array operators with each of their operands.
func products() []cell {
	var cells []cell
	add := func(e extent, form string, from ...extent) {
		cells = append(cells, cell{e, func(g *generator) string {
			var args []any
			for _, f := range from {
				args = append(args, g.exact(0, f))
			}
			return fmt.Sprintf(form, args...)
		}})
	}
	for _, a := range []extent{row, col} {
		aa := matrixOf(a, a)
		for _, form := range []string{"inv(%s)", "cholesky(%s)", "eigvecs(%s)", "inv_root(%s; p = 4, ridge = 1e-3)"} {
			cells = append(cells, cell{aa, func(g *generator) string { return fmt.Sprintf(form, g.positive(aa)) }})
		}
		add(aa, "qr(%s)", aa)
		add(aa, "diag(%s)", a)
		add(a, "diag(%s)", aa)
		add(tensor, "trace(%s)", aa)
		add(aa, "eye("+a.String()+")")
		cells = append(cells, cell{a, func(g *generator) string { return fmt.Sprintf("solve(%s, %s)", g.positive(aa), g.exact(0, a)) }})
		for _, b := range []extent{row, col} {
			ab := matrixOf(a, b)
			add(matrixOf(b, a), "(%s)'", ab)
			add(ab, "outer(%s, %s)", a, b)
			add(ab, "orthogonalize(%s)", ab)
			add(ab, "svd_shrink(%s; tau = 0.1)", ab)
			add(ab, "polar(%s)", ab)
			add(a, "%s@%s", ab, b)
			add(b, "%s@%s", a, ab)
			cells = append(cells, cell{ab, func(g *generator) string { return fmt.Sprintf("solve(%s, %s)", g.positive(aa), g.exact(0, ab)) }})
			for _, c := range []extent{row, col} {
				add(matrixOf(a, c), "%s@%s", ab, matrixOf(b, c))
			}
		}
	}
	return cells
}

var (
	plainCells  = append(elementwise(append(coarse, lines...)), folds(append([]extent{group, tensor}, lines...))...)
	matrixCells = append(append(elementwise(matrices), folds(matrices)...), products()...)
)

// operand is a value of extent e exactly.
func (g *generator) operand(e extent) string {
	switch e {
	case model:
		return pick(g, "loss", "t")
	case group:
		return g.hyper
	case tensor:
		return pick(g, "norm", "max", "mean") + "(" + g.elements() + ")"
	}
	return g.exact(0, e)
}

// pair is two operands that are not the same, the second no finer than e.
func (g *generator) pair(e extent) (a, b string) {
	a = g.operand(e)
	if b = g.finest(e); g.chance(2) {
		b = g.operand(e)
	}
	if a == b {
		b += " + 1"
	}
	return a, b
}

// sweep writes the share of a seed.
func (g *generator) sweep(seed uint64) {
	share := func(cells []cell, turn, turns uint64) {
		for i := turn % turns; i < uint64(len(cells)); i += turns {
			g.cell(cells[i])
		}
	}
	share(plainCells, seed, Span)
	if seed%matrixEvery == 0 {
		share(matrixCells, seed/matrixEvery, Span/matrixEvery)
	}
	g.linef("  x <- x + calm(%s)", g.given)
	g.keep(seed)
	if seed%3 == 0 {
		g.ask(seed / 3)
	}
	if seed%5 == 0 {
		g.loop()
	}
}

// cell computes something and keeps it as it is, or lets it move x.
func (g *generator) cell(c cell) {
	value := c.text(g)
	if c.e.isMatrix() || g.chance(2) {
		name := g.fresh("c")
		part := name
		if c.e.isMatrix() {
			part = "mean(" + name + ")"
		}
		// the old value is read, or the state would not be kept
		g.linef("  state %s per %s = 0\n  x <- x + calm(%s)\n  %s <- %s", name, c.e, part, name, value)
		g.vars = append(g.vars, variable{name: name, finer: c.e, exact: true, fixed: true, lasting: true})
		return
	}
	name := g.fresh("d")
	g.linef("  let %s per %s = %s\n  x <- x + calm(%s)", name, c.e, value, name)
}

// keep keeps a state in one of the formats, in one of the ways to change it.
func (g *generator) keep(seed uint64) {
	name, as := g.fresh("n"), formats[seed%6]
	value := g.real(2, element)
	size, old := "", name
	if seed/6%4 > 1 {
		size, old = "[2]", name+"[1]"
		value = "push(" + name + ", " + value + ")"
	}
	g.linef("  state %s%s per elem as %s = 0.1\n  x <- x + 0.1*%s", name, size, as, old)
	assign := name + " <- " + value
	if seed/6%2 == 1 {
		assign = "when " + g.mask(1, pick(g, model, tensor)) + " { " + assign + " }"
	}
	g.linef("  %s", assign)
	if g.chance(2) {
		g.linef("  x <- x + 0.1*%s", old)
	}
}

// ask probes the model in one of the places where a probe may stand.
func (g *generator) ask(seed uint64) {
	probe := "probe p = " + []string{"grad at x - 0.1*g", "loss at x + g", "hvp g"}[seed%3]
	switch seed / 3 % 4 {
	case 0:
		g.linef("  %s\n  x <- x - 0.1*p", probe)
	case 1:
		g.linef("  when %s {\n    %s\n    x <- x - 0.1*p\n  }", g.mask(1, model), probe)
	case 2:
		g.linef("  when %s {\n    %s\n    x <- x - 0.1*p\n  }", g.mask(1, tensor), probe)
	case 3:
		g.linef("  repeat 2 {\n    %s\n    x <- x - 0.1*p\n    until %s\n  }", probe, g.mask(1, model))
	}
}

// loop declares an array in a loop and changes it under conditions of every form.
func (g *generator) loop() {
	value := func() string { return g.real(1, element) }
	cond := func() string { return g.mask(1, pick(g, model, tensor)) }
	g.linef("  let far = x\n  repeat j in 2..0 {\n    let past[3] = x\n    past <- push(past, %s)\n    past[j] <- past[j] - %s", value(), value())
	g.linef("    when %s { far <- past[1] }", cond())
	g.linef("    when %s { past[0] <- %s } else { far <- far - past[2] }", cond(), value())
	g.linef("    when %s { past[j] <- g } else when %s { past[0] <- %s } else { far <- past[1] }", cond(), cond(), value())
	g.linef("    when %s {\n      when %s { far <- 0.5*far } else when %s { past <- push(past, g) } else { past[1] <- %s }\n    }", cond(), cond(), cond(), value())
	g.linef("    far <- mix(far, past[j], 0.5)\n  }\n  x <- x + calm(far)")
}

// give declares one further input.
func (g *generator) give(seed uint64) {
	extents := append(append([]extent(nil), coarse...), lines...)
	if seed%matrixEvery == 0 {
		extents = matrices
		seed /= matrixEvery
	} else {
		seed -= seed/matrixEvery + 1 // those with matrices do not count
	}
	e, load := extents[seed%uint64(len(extents))], ""
	if seed/uint64(len(extents))%2 == 0 {
		load = " = load"
	}
	g.linef("  given y per %s%s", e, load)
	g.vars = append(g.vars, variable{name: "y", finer: e, exact: true, fixed: true, lasting: load != ""})
	g.given = "y"
	if e.isMatrix() {
		g.given = "mean(y)"
	}
}
