package randrule

import "fmt"

// exact writes an expression that has the array extent e, not a coarser one: whole-array operators ask for it.
func (g *generator) exact(depth int, e extent) string {
	if depth <= 0 || g.chance(3) {
		return g.source(e)
	}
	switch g.r.IntN(5) {
	case 0, 1:
		return "(" + g.exact(depth-1, e) + pick(g, " + ", " - ", "*") + g.real(depth-1, e) + ")"
	case 2:
		return pick(g, "abs", "sign", "tanh", "floor") + "(" + g.exact(depth-1, e) + ")"
	case 3:
		return "where(" + g.mask(depth-1, e) + ", " + g.exact(depth-1, e) + ", " + g.real(depth-1, e) + ")"
	}
	if g.left.matrices > 0 {
		return g.operator(depth, e)
	}
	return g.source(e)
}

// source is a name that has the extent, or the shortest expression that has.
func (g *generator) source(e extent) string {
	for range 6 {
		if v := g.vars[g.r.IntN(len(g.vars))]; v.exact && v.finer == e && !v.mask {
			return g.read(v)
		}
	}
	u := g.elements()
	switch {
	case e == row || e == col:
		return pick(g, "sum", "max", "norm", "mean") + "(" + u + " per " + e.String() + ")"
	case e == element:
		return u
	case e == colRow:
		return u + "'"
	case g.chance(2):
		return "eye(" + e.axes()[0].String() + ")"
	}
	return g.gram(e, u, u)
}

// elements is x or g.
func (g *generator) elements() string {
	if g.pure {
		return "x"
	}
	return pick(g, "x", "g")
}

// gram is a product of elements with elements that is square.
func (g *generator) gram(e extent, a, b string) string {
	if e == rowRow {
		return "(" + a + "@" + b + "')"
	}
	return "(" + a + "'@" + b + ")"
}

// positive is a symmetric positive definite matrix of extent e, if it is finite.
func (g *generator) positive(e extent) string {
	u := g.elements()
	return fmt.Sprintf("(%s + %s*eye(%s))", g.gram(e, u, u), pick(g, "1", "0.1", "2"), e.axes()[0])
}

// product writes a whole-array operator of extent e or coarser.
func (g *generator) product(depth int, e extent) string {
	if e < tensor || g.left.matrices == 0 {
		return g.real(depth-1, e)
	}
	if e == tensor || g.chance(6) {
		g.left.matrices--
		return "trace(" + g.exact(depth-1, pick(g, rowRow, colCol)) + ")"
	}
	return g.operator(depth, e)
}

// operator writes a whole-array operator whose result has the extent e.
func (g *generator) operator(depth int, e extent) string {
	g.left.matrices--
	sub := func(e extent) string { return g.exact(depth-1, e) }
	axes := e.axes()
	if len(axes) == 1 {
		return g.vector(depth, e)
	}
	inner := pick(g, row, col)
	common := []string{
		sub(matrixOf(axes[0], inner)) + "@" + sub(matrixOf(inner, axes[1])),
		sub(e.flipped()) + "'",
		"outer(" + sub(axes[0]) + ", " + sub(axes[1]) + ")",
		fmt.Sprintf("solve(%s, %s)", g.positive(matrixOf(axes[0], axes[0])), sub(e)),
		fmt.Sprintf("orthogonalize(%s%s)", sub(e), pick(g, "", "; 3", "; steps = 2")),
		fmt.Sprintf("svd_shrink(%s; tau = %s)", sub(e), pick(g, "0.1", "0", "1")),
		fmt.Sprintf("polar(%s)", sub(e)),
	}
	if axes[0] == axes[1] {
		common = append(common,
			fmt.Sprintf("diag(%s)", sub(axes[0])),
			fmt.Sprintf("inv(%s)", g.positive(e)),
			fmt.Sprintf("cholesky(%s)", g.positive(e)),
			fmt.Sprintf("eigvecs(%s)", g.positive(e)),
			fmt.Sprintf("qr(%s)", sub(e)),
			fmt.Sprintf("inv_root(%s; p = %s, ridge = %s)", g.positive(e), pick(g, "2", "4", "1", "3"), pick(g, "0", "1e-3")))
	}
	return "(" + pick(g, common...) + ")"
}

// vector writes a whole-array operator that gives a row or column value.
func (g *generator) vector(depth int, e extent) string {
	sub := func(e extent) string { return g.exact(depth-1, e) }
	inner := pick(g, row, col)
	return "(" + pick(g,
		sub(matrixOf(e, inner))+"@"+sub(inner),
		sub(inner)+"@"+sub(matrixOf(inner, e)),
		"diag("+sub(matrixOf(e, e))+")",
		fmt.Sprintf("solve(%s, %s)", g.positive(matrixOf(e, e)), sub(e))) + ")"
}
