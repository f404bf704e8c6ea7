package lang

import (
	"fmt"
	"strings"
)

// dump is the tree of a file as an S-expression a declaration, without places and comments.
func dump(f *File) string {
	var lines []string
	for _, d := range f.Decls {
		lines = append(lines, dumpDecl(d))
	}
	return strings.Join(lines, "\n")
}

func list(head string, parts ...string) string {
	all := []string{head}
	for _, p := range parts {
		if p != "" {
			all = append(all, p)
		}
	}
	return "(" + strings.Join(all, " ") + ")"
}

func dumpDoc(doc string) string {
	if doc == "" {
		return ""
	}
	return fmt.Sprintf("doc:%q", doc)
}

func dumpDecl(d Decl) string {
	switch d := d.(type) {
	case *Import:
		return list("import", fmt.Sprintf("%q", d.Path))
	case *Fn:
		var vars, params []string
		for _, v := range d.Vars {
			vars = append(vars, v.Name)
		}
		for _, p := range d.Params {
			params = append(params, list(p.Name.Name, dumpExpr(p.Default)))
		}
		return list("fn", dumpDoc(d.Doc), d.Name.Name, list("vars", vars...), list("params", params...), dumpExpr(d.Value), dumpBody(d.Body))
	case *Rule:
		return list("rule", dumpDoc(d.Doc), d.Name.Name, dumpExpr(d.Value), dumpBody(d.Body))
	}
	panic(fmt.Sprintf("%T", d))
}

func dumpBody(body []Stmt) string {
	if body == nil {
		return ""
	}
	var all []string
	for _, s := range body {
		all = append(all, dumpStmt(s))
	}
	return "{" + strings.Join(all, " ") + "}"
}

func dumpExtent(e *Extent) string {
	if e == nil {
		return ""
	}
	return "per:" + strings.Join(e.Names, ",")
}

func dumpRange(r *Range) string {
	if r == nil {
		return ""
	}
	return list("in", fmt.Sprintf("%v,%v,%v", r.OpenLo, r.OpenHi, r.Integers), dumpExpr(r.Lo), dumpExpr(r.Hi))
}

func dumpStmt(s Stmt) string {
	switch s := s.(type) {
	case *Hyper:
		return list("hyper", dumpDoc(s.Doc), s.Name.Name, dumpExpr(s.Default), dumpRange(s.Range))
	case *Option:
		choices := ""
		for _, c := range s.Choices {
			choices += "|" + c.Name
		}
		return list("option", dumpDoc(s.Doc), s.Name.Name, choices, s.Kind, dumpExpr(s.Default), dumpRange(s.Range))
	case *Bind:
		as := ""
		if s.As != nil {
			as = fmt.Sprintf("as:%s,%v", s.As.Format, s.As.Stochastic)
		}
		return list(map[bool]string{true: "state", false: "let"}[s.State], dumpDoc(s.Doc), s.Name.Name, bracketed(s.Size), dumpExtent(s.Per), as, dumpExpr(s.Value))
	case *Given:
		return list("given", dumpDoc(s.Doc), s.Name.Name, dumpExtent(s.Per), map[bool]string{true: "load"}[s.Load])
	case *Probe:
		return list("probe", s.Name.Name, s.Kind, dumpExpr(s.Vector), at(s.At))
	case *Assign:
		return list("<-", s.Name.Name, bracketed(s.Index), dumpExpr(s.Value))
	case *When:
		orElse := ""
		if s.HasElse {
			orElse = "else" + dumpBody(append([]Stmt{}, s.Else...))
		}
		return list("when", dumpExpr(s.Cond), dumpBody(append([]Stmt{}, s.Then...)), orElse)
	case *Repeat:
		return list("repeat", s.Var.Name, dumpExpr(s.From), dumpExpr(s.To), dumpBody(s.Body))
	case *Until:
		return list("until", dumpExpr(s.Cond))
	case *Eval:
		return list("eval", dumpExpr(s.Value))
	case *Return:
		return list("return", dumpExpr(s.Value))
	}
	panic(fmt.Sprintf("%T", s))
}

func at(e Expr) string {
	if e == nil {
		return ""
	}
	return list("at", dumpExpr(e))
}

func bracketed(e Expr) string {
	if e == nil {
		return ""
	}
	return "[" + dumpExpr(e) + "]"
}

func dumpExpr(e Expr) string {
	var b strings.Builder
	writeExpr(&b, e)
	return b.String()
}

// writeExpr appends to one builder: a chain may be ten thousand operators deep.
func writeExpr(b *strings.Builder, e Expr) {
	node := func(head string, parts ...Expr) {
		b.WriteString("(" + head)
		for _, p := range parts {
			b.WriteByte(' ')
			writeExpr(b, p)
		}
		b.WriteByte(')')
	}
	switch e := e.(type) {
	case nil:
	case *Number:
		b.WriteString(e.Literal)
	case *Text:
		fmt.Fprintf(b, "%q", e.Value)
	case *Name:
		b.WriteString(e.Name)
	case *Unary:
		node(e.Op, e.X)
	case *Binary:
		node(e.Op, e.X, e.Y)
	case *Transpose:
		node("'", e.X)
	case *Index:
		node("[]", e.X, e.I)
	case *Call:
		writeCall(b, e)
	default:
		panic(fmt.Sprintf("%T", e))
	}
}

func writeCall(b *strings.Builder, e *Call) {
	b.WriteString("(call " + e.Fn.Name)
	if e.Prime {
		b.WriteByte('\'')
	}
	for _, a := range e.Args {
		b.WriteByte(' ')
		writeExpr(b, a)
	}
	if e.Per != nil {
		b.WriteString(" " + dumpExtent(e.Per))
	}
	for i, a := range e.Params {
		if i == 0 {
			b.WriteString(" ;")
		}
		b.WriteByte(' ')
		if a.Name.Name != "" {
			b.WriteString(a.Name.Name + "=")
		}
		writeExpr(b, a.Value)
	}
	b.WriteByte(')')
}
