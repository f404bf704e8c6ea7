package page

import (
	"maps"
	"slices"

	"github.com/optc-lang/optc/lang"
)

// block adds the lines of a body.
func (b *builder) block(f *frame, body []lang.Stmt, out *[]Line) {
	for _, s := range body {
		b.statement(f, s, out)
	}
}

// scoped is a block whose names end with it, under a condition or in a loop.
func (b *builder) scoped(f *frame, body []lang.Stmt) []Line {
	outer, hats := maps.Clone(f.names), maps.Clone(b.hats)
	var lines []Line
	b.block(f, body, &lines)
	f.names = outer
	for k, v := range b.hats {
		if hats[k] != v {
			delete(b.hats, k)
		}
	}
	return lines
}

func (b *builder) statement(f *frame, s lang.Stmt, out *[]Line) {
	switch s := s.(type) {
	case *lang.Bind:
		if s.State {
			b.state(f, s, out)
		} else {
			b.let(f, s, out)
		}
	case *lang.Assign:
		b.assign(f, s, out)
	case *lang.When:
		b.choose(f, s, out)
	case *lang.Repeat:
		b.repeat(f, s, out)
	case *lang.Until:
		*out = append(*out, Line{Kind: Until, Value: b.expr(f, s.Cond, out)})
	case *lang.Probe:
		b.probe(f, s, out)
	}
}

// set adds target <- value, after which what stood under a hat for it is out of date.
func (b *builder) set(out *[]Line, target, value lang.Expr) {
	name := target
	if i, ok := target.(*lang.Index); ok {
		name = i.X
	}
	if n, ok := name.(*lang.Name); ok {
		delete(b.hats, n.Name)
	}
	*out = append(*out, Line{Target: target, Value: value})
}

// local declares a variable of a body and gives it its letter. One of a block that has ended lends its own.
func (b *builder) local(f *frame, name string) *variable {
	id := name
	if n := b.symbols.nodes[id]; n == nil || !b.free(id) {
		id = b.symbols.add(name, name)
	}
	v := b.variable(&variable{id: id})
	f.names[name] = &binding{v: v}
	return v
}

// free reports whether an id is one of a let that is over: within one rule a name is declared once at a time.
func (b *builder) free(id string) bool {
	if !b.names[id] {
		return false
	}
	return slices.ContainsFunc(b.vars, func(v *variable) bool { return v.id == id && !v.state && !v.timed })
}

func (b *builder) let(f *frame, s *lang.Bind, out *[]Line) {
	name := s.Name.Name
	if call, ok := s.Value.(*lang.Call); ok && s.Size == nil && !f.assigned[name] {
		if value, done := b.inline(f, call, out, name); done {
			if n, ok := value.(*lang.Name); ok && b.isVariable(n.Name) {
				f.names[name] = &binding{expr: n}
				return
			}
			b.setLocal(f, name, value, false, out)
			return
		}
	}
	static := b.isStatic(f, s.Value)
	if !f.inlined {
		f.within = name
	}
	value := b.expr(f, s.Value, out)
	f.within = ""
	b.setLocal(f, name, value, static, out)
	(*out)[len(*out)-1].Size = b.sizeOf(f, s)
}

// sizeOf is how many entries an array has; nil if it is none.
func (b *builder) sizeOf(f *frame, s *lang.Bind) lang.Expr {
	if s.Size == nil {
		return nil
	}
	var none []Line
	return b.expr(f, s.Size, &none)
}

func (b *builder) setLocal(f *frame, name string, value lang.Expr, static bool, out *[]Line) {
	v := b.local(f, name)
	v.static = static && !f.assigned[name]
	b.set(out, key(v.id), value)
}

// isVariable reports whether a key is of a state or a let, and not of a hyperparameter.
func (b *builder) isVariable(name string) bool {
	return slices.ContainsFunc(b.vars, func(v *variable) bool { return v.state && v.key() == name })
}

// state declares a state. What it starts from stands before the algorithm if that is known there.
func (b *builder) state(f *frame, s *lang.Bind, out *[]Line) {
	name := s.Name.Name
	hint := f.hints[name]
	if hint == "" {
		hint = name
	}
	v := b.variable(&variable{id: b.addState(f, hint), state: true, timed: f.loops == 0})
	f.names[name] = &binding{v: v}
	before := v.id
	if v.timed {
		before += "|0"
	}
	if init, ok := b.initial(f, s.Value); ok {
		b.box.Inits = append(b.box.Inits, Init{before, init, b.condition(), b.sizeOf(f, s)})
		return
	}
	var body []Line
	value := b.expr(f, s.Value, &body)
	b.set(&body, key(v.key()), value)
	body[len(body)-1].Size = b.sizeOf(f, s)
	*out = append(*out, Line{Kind: If, Value: times("==", key(f.t), one), Body: body})
}

// addState gives a state its letter: its own in the rule, in a fn one that the rule does not use.
func (b *builder) addState(f *frame, name string) string {
	if f.inlined && b.names[name] && f.hints != nil && !slices.Contains(slices.Collect(maps.Values(f.hints)), name) {
		return b.symbols.add(name, name+"~")
	}
	return b.symbols.add(name, name)
}

// condition is all that is decided around when the optimizer is built; nil if nothing is.
func (b *builder) condition() lang.Expr {
	var all lang.Expr
	for _, c := range b.when {
		if all == nil {
			all = c
		} else {
			all = times("and", all, c)
		}
	}
	return all
}

// initial is a first value that is known before the first step: made of constants, hyperparameters and the first x.
func (b *builder) initial(f *frame, e lang.Expr) (lang.Expr, bool) {
	ok := true
	lang.Inspect(e, func(n any) {
		switch n := n.(type) {
		case *lang.Name:
			bind := f.names[n.Name]
			switch {
			case n.Name == "g" || n.Name == "t" || n.Name == "loss":
				ok = false
			case bind != nil && bind.v != nil && n.Name == "x" && bind.v.id == "x":
				ok = ok && !bind.v.updated && f.t == "t"
			case bind != nil && (bind.v != nil || bind.callee != nil):
				ok = false
			case bind != nil && bind.expr != nil && f.inlined:
				ok = ok && b.constant(bind.expr)
			}
		case *lang.Call:
			ok = ok && operatorOf(n) != nil && !n.Prime
		}
	})
	if !ok {
		return nil, false
	}
	var none []Line
	value := b.expr(f, e, &none)
	return atStart(value), len(none) == 0
}

// constant reports whether an expression in keys reads hyperparameters and numbers alone.
func (b *builder) constant(e lang.Expr) bool {
	ok := true
	lang.Inspect(e, func(n any) {
		if id, is := n.(*lang.Name); is {
			ok = ok && !slices.ContainsFunc(b.vars, func(v *variable) bool { return v.key() == id.Name }) && id.Name != "t" && id.Name != "loss|t"
		}
	})
	return ok
}

// atStart puts the first x in the place of the last one.
func atStart(e lang.Expr) lang.Expr {
	return substitute(e, func(n *lang.Name) lang.Expr {
		if n.Name == "x|t-1" {
			return key("x|0")
		}
		return n
	})
}

func (b *builder) assign(f *frame, s *lang.Assign, out *[]Line) {
	bind := f.names[s.Name.Name]
	if bind == nil || bind.v == nil {
		return // the checker has refused it
	}
	value := b.expr(f, s.Value, out)
	var index lang.Expr
	if s.Index != nil {
		index = b.expr(f, s.Index, out)
		if bind.v.timed && !bind.v.updated { // the other entries stay
			bind.v.updated = true
			b.set(out, key(bind.v.key()), key(bind.v.id+"|t-1"))
		}
	}
	bind.v.updated = true
	bind.v.static = false
	if target := key(bind.v.key()); index != nil {
		b.set(out, &lang.Index{X: target, I: index}, value)
	} else {
		b.set(out, target, value)
	}
}

// choose is `when`: one branch if the options decide it, else both.
func (b *builder) choose(f *frame, s *lang.When, out *[]Line) {
	static := b.isStatic(f, s.Cond)
	cond := decide(b.expr(f, s.Cond, out))
	if known, ok := truth(cond); ok {
		b.chosenBranch(f, s, known, out)
		return
	}
	unsteady := 1
	if static {
		unsteady = 0
	}
	f.unsteady += unsteady
	then, after := b.branch(f, s.Then, static, cond)
	var otherwise []Line
	ends := after
	if s.HasElse {
		otherwise, ends = b.branch(f, s.Else, static, &lang.Unary{Op: "not", X: cond})
	} else {
		ends = b.flags()
	}
	f.unsteady -= unsteady
	for i, v := range b.vars {
		taken := i < len(after) && after[i]
		other := i < len(ends) && ends[i]
		if (v.state || v.id == "x") && v.timed && taken != other && i < len(after) && i < len(ends) {
			b.box.Carried = true
		}
		v.updated = taken || other || v.updated && i >= len(after) && i >= len(ends)
	}
	if len(then) == 0 && len(otherwise) == 0 {
		return
	}
	*out = append(*out, Line{Kind: If, Value: cond, Body: then})
	switch {
	case len(otherwise) > 0 && otherwise[0].Kind == If && oneChain(otherwise):
		otherwise[0].Kind = ElseIf
		*out = append(*out, otherwise...)
	case len(otherwise) > 0:
		*out = append(*out, Line{Kind: Else, Body: otherwise})
	}
}

// oneChain reports whether lines are one if with its branches.
func oneChain(lines []Line) bool {
	return !slices.ContainsFunc(lines[1:], func(l Line) bool { return l.Kind != ElseIf && l.Kind != Else })
}

func (b *builder) chosenBranch(f *frame, s *lang.When, known bool, out *[]Line) {
	body := s.Then
	if !known {
		body = s.Else
	}
	outer := maps.Clone(f.names)
	b.block(f, body, out)
	f.names = outer
}

func (b *builder) flags() []bool {
	flags := make([]bool, len(b.vars))
	for i, v := range b.vars {
		flags[i] = v.updated
	}
	return flags
}

// branch is a block under a condition; it returns which variables the block has updated and puts back what was before.
func (b *builder) branch(f *frame, body []lang.Stmt, static bool, cond lang.Expr) ([]Line, []bool) {
	before := b.flags()
	if static {
		b.when = append(b.when, cond)
	}
	lines := b.scoped(f, body)
	if static {
		b.when = b.when[:len(b.when)-1]
	}
	after := b.flags()
	for i := range before {
		b.vars[i].updated = before[i]
	}
	return lines, after
}

// repeat is a loop. What it changes has the name of its new value in it, from the first round on.
func (b *builder) repeat(f *frame, s *lang.Repeat, out *[]Line) {
	changed := assignedIn(s.Body)
	for _, name := range slices.Sorted(maps.Keys(changed)) {
		if bind := f.names[name]; bind != nil && bind.v != nil && bind.v.timed && !bind.v.updated {
			bind.v.updated = true
			b.set(out, key(bind.v.key()), key(bind.v.id+"|t-1"))
		}
	}
	line := Line{Kind: For, Value: b.expr(f, s.From, out)}
	outer := f.names
	f.names = maps.Clone(outer)
	if s.To != nil {
		line.To = b.expr(f, s.To, out)
		id := s.Var.Name
		if b.symbols.nodes[id] == nil {
			id = b.symbols.add(id, id)
		}
		line.Target = key(id)
		f.names[s.Var.Name] = &binding{expr: key(id), static: true}
	}
	clear(b.hats)
	f.unsteady++
	f.loops++
	line.Body = b.scoped(f, s.Body)
	f.loops--
	f.unsteady--
	clear(b.hats)
	f.names = outer
	*out = append(*out, line)
}

func (b *builder) probe(f *frame, s *lang.Probe, out *[]Line) {
	at := lang.Expr(key(f.names["x"].v.key()))
	if s.At != nil {
		at = b.expr(f, s.At, out)
	}
	var value lang.Expr
	switch s.Kind {
	case "grad":
		value = modelAt(gradAt, at)
	case "loss":
		value = modelAt(lossAt, at)
	default:
		value = modelAt(hvpAt, b.expr(f, s.Vector, out), at)
	}
	v := b.local(f, s.Name.Name)
	b.set(out, key(v.id), value)
}
