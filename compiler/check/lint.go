package check

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/lang"
)

// lint warns of what a body declares and does not use. It goes by the text, not by what the options leave of it.
func (c *checker) lint(file string, body []lang.Stmt) {
	read := readIn(body)
	unread := func(id lang.Ident, format string) {
		if !read[id.Name] {
			c.warnf(file, id.Span, format, id.Name)
		}
	}
	lang.Inspect(body, func(n any) {
		switch n := n.(type) {
		case *lang.Hyper:
			unread(n.Name, "nothing reads hyperparameter %s")
		case *lang.Given:
			unread(n.Name, "nothing reads the given %s")
		case *lang.Probe:
			unread(n.Name, "nothing reads probe %s, so the model is not asked")
		case *lang.Bind:
			if n.State {
				unread(n.Name, "state %s is never read")
			} else {
				unread(n.Name, "let %s is never read")
			}
		}
	})
}

// readIn lists the names that a body reads. What goes into a name's own next value alone does not read it.
func readIn(body []lang.Stmt) map[string]bool {
	read := map[string]bool{}
	own := "" // the name that the statement gives a value to
	lang.Inspect(body, func(n any) {
		if _, ok := n.(lang.Stmt); ok {
			own = ""
		}
		switch n := n.(type) {
		case *lang.Assign:
			own = n.Name.Name
		case *lang.Name:
			read[n.Name] = read[n.Name] || n.Name != own
		case *lang.Call:
			read[n.Fn.Name] = true
		}
	})
	return read
}

// lintRule warns, beyond lint, of a rule that leaves x as it is.
func (c *checker) lintRule(d decl) {
	c.lint(d.file, d.rule.Body)
	updates := false
	lang.Inspect(d.rule.Body, func(n any) {
		a, ok := n.(*lang.Assign)
		updates = updates || ok && a.Name.Name == "x"
	})
	if !updates {
		c.warnf(d.file, d.rule.Name.Span, "rule %s never updates x", d.rule.Name.Name)
	}
}

// powerSite is a power as it is written.
type powerSite struct {
	expr     *lang.Binary
	base, to *ir.Value
	decl     decl
}

// lintPowers warns, once extents are known, of a whole power of a square matrix: on paper that is a matrix product. A
// reduction of one, as of the squares in a norm, is what it seems.
func (c *checker) lintPowers() {
	warned := map[*lang.Binary]bool{}
	for _, s := range c.powers {
		square := s.base.Extent == ir.RowRow || s.base.Extent == ir.ColCol
		whole := s.to.Kind == ir.Number && s.to.Num >= 2 && s.to.Num == float64(int(s.to.Num))
		if !square || !whole || warned[s.expr] || slices.Contains(reducedIn(s.decl), s.expr) {
			continue
		}
		warned[s.expr] = true
		base := lang.FormatExpr(s.expr.X)
		switch s.expr.X.(type) {
		case *lang.Binary, *lang.Unary:
			base = "(" + base + ")"
		}
		c.warnf(s.decl.file, s.expr.Span, "`%s` is the power of each element of a square matrix; `%s@%s` is the matrix product, and `%s*%s` says that elements are meant",
			lang.FormatExpr(s.expr), base, base, base, base)
	}
}

// lintHalf warns of squares in f16, which are zero long before gradients are.
func (c *checker) lintHalf(state string, v variable) {
	c.warnf(v.file, v.where, "state %s takes in squares as f16, in which what is below 6e-8 is lost: those of gradients below 2e-4; `as bf16 sr` and `as q8 sr` keep them", state)
}

// hasSquare reports whether a square is among what a value is computed from.
func hasSquare(v *ir.Value) bool {
	return slices.ContainsFunc(ir.Reachable(v), func(v *ir.Value) bool {
		return v.Kind == ir.Apply && v.Op.Name == "mul" && v.Args[0] == v.Args[1]
	})
}

// reducedIn are the operations in a body that stand as the argument of a reduction.
func reducedIn(d decl) (out []*lang.Binary) {
	var body any
	if d.rule != nil {
		body = d.rule.Body
	} else {
		body = d.fn
	}
	lang.Inspect(body, func(n any) {
		call, ok := n.(*lang.Call)
		if !ok || len(call.Args) != 1 {
			return
		}
		o, ok := op.Lookup(call.Fn.Name)
		if !ok || o.Kind != op.Reduction && call.Fn.Name != "max" && call.Fn.Name != "min" {
			return
		}
		if b, ok := call.Args[0].(*lang.Binary); ok {
			out = append(out, b)
		}
	})
	return out
}
