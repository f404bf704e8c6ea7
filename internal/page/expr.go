package page

import (
	"fmt"
	"strings"

	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/lang"
)

// The names of calls that stand for the model in a box: its gradient, loss and Hessian-vector product at a point.
const (
	gradAt = "@grad"
	lossAt = "@loss"
	hvpAt  = "@hvp"
)

// choice begins the key of a word that an option is compared with.
const choice = "="

// math is an expression of a box as a formula.
func (s *symbols) math(e lang.Expr) *Node {
	switch e := e.(type) {
	case *lang.Number:
		return numberNode(e.Literal)
	case *lang.Text:
		return prose(fmt.Sprintf("“%s”", e.Value))
	case *lang.Name:
		return s.name(e.Name)
	case *lang.Unary:
		if o, ok := op.Infix(e.Op, 1); ok {
			return apply(o, s.math(e.X))
		}
	case *lang.Binary:
		return s.binary(e)
	case *lang.Transpose:
		return apply(op.Must("transpose"), s.math(e.X))
	case *lang.Index:
		return row(levelAtom, atLeast(s.math(e.X), levelAtom), fence("[", "]", s.math(e.I)))
	case *lang.Call:
		return s.call(e)
	}
	return prose("?")
}

func (s *symbols) name(name string) *Node {
	if n := s.node(name); n != nil {
		return n
	}
	switch name {
	case "pi":
		return letter(`\pi`)
	case "inf":
		return symbol(`\infty`)
	}
	if w, ok := strings.CutPrefix(name, choice); ok {
		return word(w)
	}
	return spell(name, nil) // true, false, an axis
}

func (s *symbols) binary(e *lang.Binary) *Node {
	o, ok := op.Infix(e.Op, 2)
	if !ok {
		return prose("?")
	}
	a, b := s.math(e.X), s.math(e.Y)
	if right := atLeast(b, levelRight); e.Op == "*" && startsWithDigit(right) {
		return row(levelMul, atLeast(a, levelMul), symbol(`\cdot`), right)
	}
	return apply(o, a, b)
}

// apply fills the template of a row of the operator table.
func apply(o *op.Op, args ...*Node) *Node {
	t := template(o)
	if t == nil {
		return call(function(o.Name), args, nil)
	}
	named := map[string]*Node{}
	for i, a := range args {
		named[string(rune('a'+i))] = a
	}
	return fill(t, named)
}

func (s *symbols) call(e *lang.Call) *Node {
	args := s.all(e.Args)
	switch e.Fn.Name {
	case gradAt:
		return row(levelAtom, symbol(`\nabla`), letter("f"), fence("(", ")", args[0]))
	case lossAt:
		return row(levelAtom, letter("f"), fence("(", ")", args[0]))
	case hvpAt:
		return row(levelMul, node(Sup, levelAtom, symbol(`\nabla`), number("2")), letter("f"), fence("(", ")", args[1]), leaf(Space, ""), atLeast(args[0], levelRight))
	}
	if o := operatorOf(e); o != nil && !e.Prime {
		return s.operator(e, o, args)
	}
	f := function(e.Fn.Name)
	if e.Prime {
		f = node(Sup, levelAtom, f, symbol(`\prime`))
	}
	if len(e.Args)+len(e.Params) == 0 {
		return f // a fn that a derived operator is of
	}
	n := call(f, args, s.params(e.Params))
	if e.Per != nil {
		return perScript(n, perNode(e.Per))
	}
	return n
}

// operatorOf is the row that a call is of; nil if it is of a fn, a rule or what has no row.
func operatorOf(e *lang.Call) *op.Op {
	name := e.Fn.Name
	switch {
	case (name == "min" || name == "max") && len(e.Args) == 1:
		name = "reduce_" + name
	case name == "numel":
		return nil
	}
	o, ok := op.Lookup(name)
	if !ok || !o.Callable() && name == e.Fn.Name || len(e.Args) != o.Args && name != "eye" {
		return nil
	}
	return o
}

func (s *symbols) operator(e *lang.Call, o *op.Op, args []*Node) *Node {
	if o.Name == "eye" && len(e.Args) == 1 {
		return scripted(apply(o), args[0])
	}
	given := map[string]*Node{}
	for i, p := range e.Params {
		name := p.Name.Name
		if name == "" && i < len(o.Params) {
			name = o.Params[i].Name
		}
		given[name] = s.math(p.Value)
	}
	for _, p := range o.Params {
		n := given[p.Name]
		if n == nil {
			n = numberNode(fmt.Sprint(p.Default))
		}
		args = append(args, n)
	}
	n := apply(o, args...)
	if e.Per != nil {
		return perScript(n, perNode(e.Per))
	}
	return n
}

// perNode is the extent after `per`, in words.
func perNode(e *lang.Extent) *Node {
	if len(e.Names) == 1 {
		return prose(e.Names[0])
	}
	return prose(fmt.Sprint(e.Names))
}

func (s *symbols) all(es []lang.Expr) []*Node {
	var out []*Node
	for _, e := range es {
		out = append(out, s.math(e))
	}
	return out
}

// params are the arguments after the semicolon, by name.
func (s *symbols) params(args []lang.Arg) []*Node {
	var out []*Node
	for _, a := range args {
		v := s.math(a.Value)
		if name := s.spell(a.Name.Name); a.Name.Name != "" && document.latex(name) != document.latex(v) {
			v = row(levelCmp, name, symbol("="), v)
		}
		out = append(out, v)
	}
	return out
}
