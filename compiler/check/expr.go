package check

import (
	"math"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/lang"
)

// calls lists what is called and is neither declared nor a row of the table.
var calls = map[string]bool{"rank": true, "rows": true, "cols": true, "numel": true, "named": true, "push": true}

// shapeOf lists the calls that ask for a tensor's shape.
var shapeOf = map[string]bool{"rank": true, "rows": true, "cols": true}

func isOperator(name string) bool {
	o, ok := op.Lookup(name)
	return ok && o.Callable() || op.IsDerivation(name)
}

// real elaborates an expression that must be a real; a mask becomes 0 or 1.
func (c *checker) real(f *frame, e lang.Expr) *ir.Value { return c.toReal(c.expr(f, e)) }

func (c *checker) toReal(v *ir.Value) *ir.Value {
	if v == nil || !v.Mask {
		return v
	}
	return c.pool.Call("real", v)
}

// mask elaborates an expression that must be a mask.
func (c *checker) mask(f *frame, e lang.Expr) *ir.Value {
	v := c.expr(f, e)
	if v != nil && !v.Mask {
		c.errorf(f, e.Where(), "compare it with something, as in `u > 0`", "this is a real, and a mask (a yes or no) is needed")
		return nil
	}
	return v
}

// constant elaborates an expression whose value must be known at compile time.
func (c *checker) constant(f *frame, e lang.Expr, what string) (float64, bool) {
	v := c.real(f, e)
	if v == nil {
		return 0, false
	}
	if v.Kind != ir.Number {
		c.errorf(f, e.Where(), "known when the rule is compiled are numbers, options and what loops count", "%s must be a constant", what)
		return 0, false
	}
	if math.IsNaN(v.Num) {
		c.errorf(f, e.Where(), "", "%s is not a number", what)
		return 0, false
	}
	return v.Num, true
}

func (c *checker) expr(f *frame, e lang.Expr) *ir.Value {
	c.open++
	c.step(f, e.Where())
	v := c.node(f, e)
	c.open--
	c.place(f, v, e)
	return v
}

// place remembers where a value was first written.
func (c *checker) place(f *frame, v *ir.Value, e lang.Expr) {
	if _, ok := c.sites[v]; !ok && v != nil {
		c.sites[v] = site{e.Where(), f.decl.file}
	}
}

func (c *checker) node(f *frame, e lang.Expr) *ir.Value {
	switch e := e.(type) {
	case *lang.Number:
		return c.pool.Number(e.Value)
	case *lang.Name:
		return c.name(f, e)
	case *lang.Unary:
		return c.unary(f, e)
	case *lang.Binary:
		return c.binary(f, e)
	case *lang.Call:
		return c.call(f, e)
	case *lang.Text:
		c.errorf(f, e.Span, "as in `named(\"*.bias\")`", "a text stands only in named(...)")
	case *lang.Transpose:
		if v := c.real(f, e.X); v != nil {
			return c.pool.Array(op.Must("transpose"), ir.Const, c.guardNow(f), v)
		}
	case *lang.Index:
		return c.index(f, e)
	}
	return nil
}

func (c *checker) name(f *frame, e *lang.Name) *ir.Value {
	if e.Name == "t" {
		return c.now(f)
	}
	if b, ok := f.names[e.Name]; ok {
		switch {
		case b.bad:
			return nil
		case b.callee != nil:
			c.errorf(f, e.Span, "call it, as in `"+e.Name+"(...)`", "%s holds a function, not a value", e.Name)
			return nil
		case b.choice != "":
			c.errorf(f, e.Span, "", "option %s is a choice: compare it, as in `%s == %s`", e.Name, e.Name, b.choices[0])
			return nil
		case b.array > 0:
			c.errorf(f, e.Span, "name one of its elements, as in `"+e.Name+"[0]`", "%s is an array, not a value", e.Name)
			return nil
		}
		return c.read(f, e.Name)
	}
	switch e.Name {
	case "pi":
		return c.pool.Number(math.Pi)
	case "inf":
		return c.pool.Number(math.Inf(1))
	case "true", "false":
		return c.pool.Bool(e.Name == "true")
	case "x", "g", "loss":
		c.errorf(f, e.Span, "pass it as an argument", "a fn sees only its arguments, t and constants, not %s", e.Name)
		return nil
	}
	if e.Name == "row" || e.Name == "col" {
		c.errorf(f, e.Span, "as in `eye("+e.Name+")` or `norm(u per "+e.Name+")`", "%s is an extent, not a value", e.Name)
		return nil
	}
	if _, ok := c.unit.lookup(f.decl.in, e.Name); ok || isOperator(e.Name) || calls[e.Name] {
		c.errorf(f, e.Span, "call it, as in `"+e.Name+"(...)`", "%s is a function, not a value", e.Name)
		return nil
	}
	c.errorf(f, e.Span, c.nameHint(f, e.Name), "nothing is named %s here", e.Name)
	return nil
}

// otherNames are what other libraries call the inputs of a rule.
var otherNames = map[string]string{
	"grad": "g", "grads": "g", "gradient": "g", "dx": "g", "param": "x", "params": "x", "p": "x", "w": "x", "weight": "x", "weights": "x",
	"theta": "x", "step": "t", "steps": "t", "iter": "t", "iteration": "t", "k": "t", "e": "exp(1)", "nan": "0/0",
}

// otherFunctions are what other libraries call what the language has.
var otherFunctions = map[string]string{
	"transpose": "A'", "matmul": "A@B", "mm": "A@B", "identity": "eye(row)", "randn": "normal()", "gaussian": "normal()", "rand": "uniform()",
	"random": "uniform()", "ln": "log(u)", "fabs": "abs(u)", "square": "u^2", "clip": "clamp(u, low, high)", "prod": "exp(sum(log(u)))",
	"std": "sqrt(mean((u - mean(u))^2))", "isnan": "u != u", "len": "numel(x)", "size": "numel(x)", "shape": "rows(x)", "append": "push(S, value)",
}

// functionHint is the likely name of a function that is not there.
func (c *checker) functionHint(f *frame, name string) string {
	if other, ok := otherFunctions[name]; ok {
		return "it is written `" + other + "`"
	}
	return didYouMean(name, c.known(f))
}

func (c *checker) nameHint(f *frame, name string) string {
	if other, ok := otherNames[name]; ok && (f.names[other] != nil || other == "t") {
		return "the rule's name for it is `" + other + "`"
	}
	if f.declared[name] {
		return "it is declared further down; a value that outlives the step is a `state`"
	}
	return didYouMean(name, c.known(f))
}

// known lists the names that an expression may use, for spelling hints.
func (c *checker) known(f *frame) []string {
	names := sortedKeys(f.names)
	for i := range op.Table {
		if op.Table[i].Callable() {
			names = append(names, op.Table[i].Name)
		}
	}
	for _, m := range []map[string]decl{f.decl.in.own, f.decl.in.imported, c.unit.std.own} {
		names = append(names, sortedKeys(m)...)
	}
	return append(append(names, sortedKeys(calls)...), "t", "pi", "inf", "true", "false")
}

func (c *checker) unary(f *frame, e *lang.Unary) *ir.Value {
	if e.Op == "not" {
		if v := c.mask(f, e.X); v != nil {
			return c.pool.Call("not", v)
		}
		return nil
	}
	if v := c.real(f, e.X); v != nil {
		return c.pool.Call("neg", v)
	}
	return nil
}

func (c *checker) binary(f *frame, e *lang.Binary) *ir.Value {
	if v, ok := c.choiceTest(f, e); ok {
		return v
	}
	o, _ := op.Infix(e.Op, 2)
	side := c.real
	if o.MaskArgs != 0 {
		side = c.mask
	}
	a, b := side(f, e.X), side(f, e.Y)
	if a == nil || b == nil {
		return nil
	}
	switch {
	case o.Name == "pow":
		c.powers = append(c.powers, powerSite{e, a, b, f.decl})
		return c.power(a, b)
	case o.Kind == op.Array:
		return c.pool.Array(o, ir.Const, c.guardNow(f), a, b)
	}
	return c.pool.Apply(o, a, b)
}

// power is a^b: a product from the left for an integral constant from 2 to 16, a root for one half.
func (c *checker) power(a, b *ir.Value) *ir.Value {
	if b.Kind == ir.Number && a.Kind != ir.Number {
		switch n := b.Num; {
		case n == 0.5:
			return c.pool.Call("sqrt", a)
		case n >= 2 && n <= 16 && n == math.Floor(n):
			y := a
			for range int(n) - 1 {
				y = c.pool.Call("mul", y, a)
			}
			return y
		}
	}
	return c.pool.Call("pow", a, b)
}

// choiceTest is `option == choice`, decided at compile time.
func (c *checker) choiceTest(f *frame, e *lang.Binary) (*ir.Value, bool) {
	if e.Op != "==" && e.Op != "!=" {
		return nil, false
	}
	option, word := c.choiceOf(f, e.X), e.Y
	if option == nil {
		option, word = c.choiceOf(f, e.Y), e.X
	}
	if option == nil {
		return nil, false
	}
	if option.bad {
		return nil, true
	}
	id, ok := word.(*lang.Name)
	if !ok || !slices.Contains(option.choices, id.Name) {
		hint := ""
		if ok {
			hint = didYouMean(id.Name, option.choices)
		}
		c.errorf(f, word.Where(), hint, "the option is one of %s", strings.Join(option.choices, ", "))
		return nil, true
	}
	return c.pool.Bool((option.choice == id.Name) == (e.Op == "==")), true
}

func (c *checker) choiceOf(f *frame, e lang.Expr) *binding {
	if id, ok := e.(*lang.Name); ok {
		if b := f.names[id.Name]; b != nil && len(b.choices) > 0 {
			return b
		}
	}
	return nil
}
