package page

import (
	"strings"

	"github.com/optc-lang/optc/lang"
)

// truth is what a condition is known to be.
func truth(e lang.Expr) (is, known bool) {
	n, ok := e.(*lang.Name)
	if !ok || n.Name != "true" && n.Name != "false" {
		return false, false
	}
	return n.Name == "true", true
}

func boolean(is bool) lang.Expr {
	if is {
		return key("true")
	}
	return key("false")
}

// decide simplifies a condition in which chosen options stand as constants.
func decide(e lang.Expr) lang.Expr {
	switch e := e.(type) {
	case *lang.Unary:
		x := decide(e.X)
		if is, known := truth(x); known && e.Op == "not" {
			return boolean(!is)
		}
		return &lang.Unary{Op: e.Op, X: x}
	case *lang.Binary:
		return decideBinary(e)
	}
	return e
}

func decideBinary(e *lang.Binary) lang.Expr {
	x, y := decide(e.X), decide(e.Y)
	switch e.Op {
	case "and", "or":
		for _, pair := range [][2]lang.Expr{{x, y}, {y, x}} {
			if is, known := truth(pair[0]); known && is == (e.Op == "or") {
				return boolean(is)
			} else if known {
				return pair[1]
			}
		}
	case "==", "!=":
		a, b := constantText(x), constantText(y)
		if a != "" && b != "" {
			return boolean((a == b) == (e.Op == "=="))
		}
	}
	return times(e.Op, x, y)
}

// constantText is a number or a word that no variable has: a chosen option, or a choice beside one.
func constantText(e lang.Expr) string {
	switch e := e.(type) {
	case *lang.Number:
		return lang.FormatExpr(e)
	case *lang.Name:
		if e.Name == "true" || e.Name == "false" || strings.HasPrefix(e.Name, choice) {
			return e.Name
		}
	}
	return ""
}

// isStatic reports whether an expression is known when the optimizer is built: it reads options, shapes and names alone.
func (b *builder) isStatic(f *frame, e lang.Expr) bool {
	static, xs, shapes := true, 0, 0
	lang.Inspect(e, func(n any) {
		switch n := n.(type) {
		case *lang.Name:
			bind := f.names[n.Name]
			switch {
			case n.Name == "t" || n.Name == "loss":
				static = false
			case bind == nil:
			case bind.v != nil && bind.v.id == "x":
				xs++
			case bind.v != nil:
				static = static && bind.v.static
			default:
				static = static && bind.static
			}
		case *lang.Call:
			switch n.Fn.Name {
			case "rank", "rows", "cols", "numel":
				shapes++
			case "named", "min", "max", "sqrt":
			default:
				static = false
			}
		}
	})
	return static && xs == shapes // x is read for its shape alone
}
