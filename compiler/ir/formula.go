package ir

import (
	"fmt"
	"sync"

	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/lang"
)

// Formula is an expression of the rule language as the tables of the compiler hold it.
type Formula struct{ Expr lang.Expr }

var formulas sync.Map // of text to Formula

// ParseFormula parses text, an expression over a, b, c and y. A text that does not parse is a defect of a table.
func ParseFormula(text string) Formula {
	if f, ok := formulas.Load(text); ok {
		return f.(Formula)
	}
	file, diags := lang.Parse("formula", []byte("fn f(a, b, c, d, y) = "+text+"\n"))
	if len(diags) > 0 {
		panic(fmt.Sprintf("ir: formula %q: %v", text, diags))
	}
	f := Formula{file.Decls[0].(*lang.Fn).Value}
	formulas.Store(text, f)
	return f
}

// Literal is the number that a formula is: written out, negated, or true or false, which are masks.
func Literal(e lang.Expr) (num float64, mask, ok bool) {
	switch e := e.(type) {
	case *lang.Number:
		return e.Value, false, true
	case *lang.Unary:
		if n, isNumber := e.X.(*lang.Number); isNumber && e.Op == "-" {
			return -n.Value, false, true
		}
	case *lang.Name:
		switch e.Name {
		case "true":
			return 1, true, true
		case "false":
			return 0, true, true
		}
	}
	return 0, false, false
}

// Operation is the operator at the root of a formula and its operands, nil of a name or a [Literal].
func Operation(e lang.Expr) (o *op.Op, operands []lang.Expr) {
	if _, _, ok := Literal(e); ok {
		return nil, nil
	}
	switch e := e.(type) {
	case *lang.Unary:
		o, _ = op.Infix(e.Op, 1)
		return o, []lang.Expr{e.X}
	case *lang.Binary:
		o, _ = op.Infix(e.Op, 2)
		return o, []lang.Expr{e.X, e.Y}
	case *lang.Call:
		return op.Must(e.Fn.Name), e.Args
	}
	return nil, nil
}

// Expand builds the formula text on args (named a, b, c), its reductions per the given extent and under a guard, which
// may be nil.
func (p *Pool) Expand(text string, per Extent, guard *Value, args ...*Value) *Value {
	b := builder{p, per, guard, map[string]*Value{}}
	for i, a := range args {
		b.names[string(rune('a'+i))] = a
	}
	return b.expr(ParseFormula(text).Expr)
}

// Build builds a formula with the given meaning of its names.
func (p *Pool) Build(f Formula, names map[string]*Value) *Value {
	return p.BuildPer(f, Tensor, nil, names)
}

// BuildPer is Build with reductions per the given extent and under a guard, which may be nil.
func (p *Pool) BuildPer(f Formula, per Extent, guard *Value, names map[string]*Value) *Value {
	return builder{p, per, guard, names}.expr(f.Expr)
}

type builder struct {
	pool  *Pool
	per   Extent
	guard *Value
	names map[string]*Value
}

func (b builder) expr(e lang.Expr) *Value {
	switch e := e.(type) {
	case *lang.Number:
		return b.pool.Number(e.Value)
	case *lang.Name:
		switch e.Name {
		case "true", "false":
			return b.pool.Bool(e.Name == "true")
		}
		if v := b.names[e.Name]; v != nil {
			return v
		}
	case *lang.Unary:
		o, _ := op.Infix(e.Op, 1)
		return b.pool.Apply(o, b.expr(e.X))
	case *lang.Binary:
		o, _ := op.Infix(e.Op, 2)
		if o.Kind == op.Array {
			return b.pool.Array(o, Const, b.guard, b.expr(e.X), b.expr(e.Y))
		}
		return b.pool.Apply(o, b.expr(e.X), b.expr(e.Y))
	case *lang.Transpose:
		return b.pool.Array(op.Must("transpose"), Const, b.guard, b.expr(e.X))
	case *lang.Call:
		return b.call(e)
	}
	panic(fmt.Sprintf("ir: a formula cannot hold %s", lang.FormatExpr(e)))
}

func (b builder) call(e *lang.Call) *Value {
	o := op.Must(e.Fn.Name)
	var args []*Value
	for _, a := range e.Args {
		args = append(args, b.expr(a))
	}
	for _, a := range e.Params {
		args = append(args, b.expr(a.Value))
	}
	switch {
	case o.Kind == op.Size:
		return b.pool.Size(args[0], b.per, b.guard)
	case o.Kind == op.Reduction && o.Expand == "":
		return b.pool.Reduce(o, args[0], b.per, b.guard)
	case o.Expand != "" && o.Kind != op.Elementwise:
		return b.pool.Expand(o.Expand, b.per, b.guard, args...)
	case o.Kind == op.Order:
		return b.pool.Array(o, b.per, b.guard, args...)
	case o.Kind == op.Array:
		return b.pool.Array(o, Const, b.guard, args...)
	}
	return b.pool.Apply(o, args...)
}
