package page

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/optc-lang/optc/lang"
)

// builder makes a box of a rule's tree.
type builder struct {
	scope   Scope
	box     *Box
	symbols *symbols
	root    *builder // of the outermost box
	vars    []*variable
	hats    map[string]string // of what stands under a hat, to what it is divided by
	defs    map[string]string // of a fn and its file, to its name under Where
	calls   map[string]string // of a rule and what it is called with, to its name in calls
	inlined int
	boxes   int
	names   map[string]bool // declared in the rule
	when    []lang.Expr     // conditions around, decided when the optimizer is built
	hold    *hold
	defined bool // it makes a definition, in which calls stay calls
}

// hold is an option that holds a rule: a hyperparameter of that has the option's name before it if the rule around declares
// one of the same name.
type hold struct {
	option string
	names  map[string]bool
}

// variable is what `<-` may change.
type variable struct {
	id      string
	timed   bool // it has a value before the step and one after
	updated bool
	static  bool // known when the optimizer is built
	state   bool
}

// key is what the variable is called where it is read.
func (v *variable) key() string {
	switch {
	case !v.timed:
		return v.id
	case v.updated:
		return v.id + "|t"
	}
	return v.id + "|t-1"
}

// binding is what a name means.
type binding struct {
	v      *variable
	expr   lang.Expr // a constant, or what a parameter stands for
	static bool
	option bool
	callee *callee
	open   bool // nothing is chosen for the option
}

// callee is a fn or rule with what is bound of its parameters.
type callee struct {
	decl  lang.Decl
	file  string
	bound map[string]bound
}

// bound is an argument: an expression of the frame that gave it, or a function.
type bound struct {
	expr   lang.Expr // in keys
	callee *callee
}

// frame is a body under way.
type frame struct {
	file     string
	names    map[string]*binding
	assigned map[string]bool
	hints    map[string]string // what states are to be called
	t        string            // the key of the step count
	unsteady int               // conditions and loops around that are decided as the program runs
	loops    int
	depth    int
	inlined  bool
	within   string // the let whose value is under way
}

// Build makes the box of a rule that a file sees.
func Build(scope Scope, file, rule string, set Settings) (*Box, error) {
	decl, in, ok := scope.Declared(file, rule)
	r, isRule := decl.(*lang.Rule)
	if !ok || !isRule {
		return nil, fmt.Errorf("page: there is no rule %s", rule)
	}
	c := &callee{decl: r, file: in, bound: map[string]bound{}}
	b := &builder{scope: scope}
	b.root = b
	f := &frame{file: in, names: map[string]*binding{}}
	for _, name := range slices.Sorted(maps.Keys(set.Options)) {
		c.bound[name] = b.chosen(f, set.Options[name])
	}
	for name, v := range set.Fix {
		c.bound[name] = bound{expr: literal(v, 0)}
	}
	b.run(c, rule, set.Fix, nil)
	b.box.Doc = r.Doc
	return b.box, nil
}

// chosen is what -D gives an option.
func (b *builder) chosen(f *frame, text string) bound {
	file, diags := lang.Parse("", []byte("fn f() = "+text+"\n"))
	if len(diags) > 0 || len(file.Decls) != 1 {
		return bound{expr: key(text)}
	}
	return b.argument(f, file.Decls[0].(*lang.Fn).Value)
}

// chase follows `rule a = b(; ...)` to the rule with a body, and gathers what is bound on the way.
func (b *builder) chase(c *callee) *callee {
	for range maxDepth {
		r, ok := c.decl.(*lang.Rule)
		if !ok || r.Value == nil {
			return c
		}
		next := b.calleeOf(&frame{file: c.file, names: map[string]*binding{}}, r.Value)
		if next == nil {
			return c
		}
		maps.Copy(next.bound, c.bound)
		c = next
	}
	return c
}

// calleeOf is the function that an expression stands for: a name, or a call without variables; nil if it is a value.
func (b *builder) calleeOf(f *frame, e lang.Expr) *callee {
	name, params := "", []lang.Arg(nil)
	switch e := e.(type) {
	case *lang.Name:
		name = e.Name
	case *lang.Call:
		if len(e.Args) > 0 || e.Prime || e.Per != nil {
			return nil
		}
		name, params = e.Fn.Name, e.Params
	default:
		return nil
	}
	if n := f.names[name]; n != nil {
		if n.callee == nil {
			return nil
		}
		return b.with(f, n.callee, params)
	}
	decl, in, ok := b.scope.Declared(f.file, name)
	if !ok {
		return nil
	}
	return b.with(f, &callee{decl: decl, file: in}, params)
}

// with binds arguments after the semicolon.
func (b *builder) with(f *frame, c *callee, params []lang.Arg) *callee {
	out := &callee{decl: c.decl, file: c.file, bound: maps.Clone(c.bound)}
	if out.bound == nil {
		out.bound = map[string]bound{}
	}
	for i, a := range params {
		name := a.Name.Name
		if fn, ok := c.decl.(*lang.Fn); name == "" && ok && i < len(fn.Params) {
			name = fn.Params[i].Name.Name
		} else if n, ok := a.Value.(*lang.Name); name == "" && ok {
			name = n.Name
		}
		out.bound[name] = b.argument(f, a.Value)
	}
	return out
}

func (b *builder) argument(f *frame, e lang.Expr) bound {
	if c := b.calleeOf(f, e); c != nil {
		return bound{callee: c}
	}
	var none []Line
	return bound{expr: b.expr(f, e, &none)}
}

// run makes the box of a rule with what is bound of it.
func (b *builder) run(c *callee, name string, fixed map[string]string, outer *hold) {
	b.hold = outer
	c = b.chase(c)
	r := c.decl.(*lang.Rule)
	b.names = map[string]bool{}
	lang.Inspect(r.Body, func(n any) {
		if name := declares(n); name != "" {
			b.names[name] = true
		}
	})
	b.symbols = newSymbols(b.names)
	b.symbols.own = b.names
	b.box = &Box{Name: name, Doc: r.Doc, symbols: b.symbols}
	b.hats, b.defs, b.calls = map[string]string{}, map[string]string{}, map[string]string{}
	f := &frame{file: c.file, names: map[string]*binding{}, assigned: assignedIn(r.Body), t: "t"}
	f.names["x"] = &binding{v: b.variable(&variable{id: "x", timed: true})}
	f.names["g"] = &binding{v: b.variable(&variable{id: "g", timed: true, updated: true})}
	f.names["loss"] = &binding{expr: key("loss|t")}
	for _, s := range r.Body {
		b.declare(f, s, c, fixed)
	}
	if b.reads(r.Body, "g") {
		b.box.Lines = append(b.box.Lines, Line{Target: key("g|t"), Value: modelAt(gradAt, key("x|t-1"))})
	}
	if b.reads(r.Body, "loss") {
		b.box.Lines = append(b.box.Lines, Line{Target: key("loss|t"), Value: modelAt(lossAt, key("x|t-1"))})
	}
	b.block(f, r.Body, &b.box.Lines)
	b.evaluate(f, r.Body)
	for _, s := range r.Body {
		if _, ok := s.(*lang.Clear); ok {
			b.box.Lines = append(b.box.Lines, Line{Kind: Clear})
		}
	}
}

func (b *builder) reads(body []lang.Stmt, name string) bool {
	found := false
	lang.Inspect(body, func(n any) {
		if id, ok := n.(*lang.Name); ok && id.Name == name {
			found = true
		}
	})
	return found
}

func modelAt(what string, args ...lang.Expr) lang.Expr {
	return &lang.Call{Fn: lang.Ident{Name: what}, Args: args}
}

// declares is the name that a statement declares.
func declares(n any) string {
	switch n := n.(type) {
	case *lang.Hyper:
		return n.Name.Name
	case *lang.Option:
		return n.Name.Name
	case *lang.Bind:
		return n.Name.Name
	case *lang.Given:
		return n.Name.Name
	case *lang.Probe:
		return n.Name.Name
	case *lang.Repeat:
		return n.Var.Name
	}
	return ""
}

func assignedIn(body []lang.Stmt) map[string]bool {
	names := map[string]bool{}
	lang.Inspect(body, func(n any) {
		if a, ok := n.(*lang.Assign); ok {
			names[a.Name.Name] = true
		}
	})
	return names
}

func (b *builder) variable(v *variable) *variable {
	b.vars = append(b.vars, v)
	return v
}

// declare is a statement at the head of a rule.
func (b *builder) declare(f *frame, s lang.Stmt, c *callee, fixed map[string]string) {
	switch s := s.(type) {
	case *lang.Hyper:
		b.hyper(f, s, c, fixed)
	case *lang.Option:
		b.option(f, s, c)
	case *lang.Given:
		id := b.symbols.add(s.Name.Name, s.Name.Name)
		f.names[s.Name.Name] = &binding{expr: key(id)}
		b.box.Givens = append(b.box.Givens, Given{id, s.Name.Name, s.Load})
	}
}

func (b *builder) hyper(f *frame, s *lang.Hyper, c *callee, fixed map[string]string) {
	name := s.Name.Name
	given, isGiven := c.bound[name]
	if isGiven && fixed[name] != "" {
		f.names[name] = &binding{expr: given.expr}
		return
	}
	value, interval := lang.FormatExpr(s.Default), "(-inf, inf)"
	if _, constant := given.expr.(*lang.Number); constant {
		value = lang.FormatExpr(given.expr)
	} else if isGiven && given.expr != nil {
		value = "" // the caller says it
	}
	if s.Range != nil {
		interval = rangeText(s.Range)
	}
	id := b.symbols.add(name, name)
	f.names[name] = &binding{expr: key(id)}
	if b.hold != nil && b.hold.names[name] && value != "" {
		b.symbols.nodes[id] = scripted(b.symbols.nodes[id], word(b.hold.option))
		name = b.hold.option + "_" + name
	}
	b.box.Hypers = append(b.box.Hypers, Hyper{id, name, value, interval})
}

// rangeText is what follows `in`.
func rangeText(r *lang.Range) string {
	lo, hi := lang.FormatExpr(r.Lo), lang.FormatExpr(r.Hi)
	if r.Integers {
		return lo + ".." + hi
	}
	left, right := "[", "]"
	if r.OpenLo {
		left = "("
	}
	if r.OpenHi {
		right = ")"
	}
	return left + lo + ", " + hi + right
}

// option binds an option: to what is chosen, or to itself.
func (b *builder) option(f *frame, s *lang.Option, c *callee) {
	name := s.Name.Name
	v, ok := c.bound[name]
	if !ok && b.root != b { // of a rule that is called: only the outermost rule's are chosen
		v, ok = b.standard(f, s), true
	}
	if ok {
		if w, is := v.expr.(*lang.Name); is && len(s.Choices) > 0 {
			v.expr = key(choice + strings.TrimPrefix(w.Name, choice))
		}
		if v.callee != nil || constantText(v.expr) != "" {
			f.names[name] = &binding{expr: v.expr, static: true, option: true, callee: v.callee}
			return
		}
	}
	id := b.symbols.addWord(name)
	bind := &binding{expr: key(id), static: true, option: true}
	choices := ""
	switch {
	case s.Kind != "":
		bind.callee, bind.open = b.calleeOf(f, s.Default), true
		choices = "a " + s.Kind + ", " + lang.FormatExpr(s.Default) + " by default"
	case len(s.Choices) > 0:
		var words []string
		for _, w := range s.Choices {
			words = append(words, w.Name)
		}
		choices = "one of " + strings.Join(words, ", ")
	case s.Range != nil:
		choices = lang.FormatExpr(s.Default) + ", in " + rangeText(s.Range)
	default:
		choices = lang.FormatExpr(s.Default) + " or " + map[string]string{"true": "false", "false": "true"}[lang.FormatExpr(s.Default)]
	}
	f.names[name] = bind
	b.box.Options = append(b.box.Options, Option{id, name, strings.TrimSuffix(choices, " or ")})
}

// standard is what an option is unless something else is chosen.
func (b *builder) standard(f *frame, s *lang.Option) bound {
	if len(s.Choices) > 0 {
		return bound{expr: key(s.Choices[0].Name)}
	}
	return b.argument(f, s.Default)
}

// evaluate adds the point of evaluation, which is made of what a step leaves behind.
func (b *builder) evaluate(f *frame, body []lang.Stmt) {
	for _, s := range body {
		if e, ok := s.(*lang.Eval); ok {
			for _, v := range b.vars {
				v.updated = true
			}
			var before []Line
			value := b.expr(f, e.Value, &before)
			b.box.Lines = append(append(b.box.Lines, before...), Line{Kind: Eval, Value: value})
		}
	}
}
