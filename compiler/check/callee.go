package check

import (
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
)

// calleeOf elaborates an expression that stands for a function: a name, or a call without variables.
func (c *checker) calleeOf(f *frame, e lang.Expr) *callee {
	var id lang.Ident
	var params []lang.Arg
	switch e := e.(type) {
	case *lang.Name:
		id = lang.Ident{Span: e.Span, Name: e.Name}
	case *lang.Call:
		if len(e.Args) > 0 || e.Prime || e.Per != nil {
			return nil
		}
		id, params = e.Fn, e.Params
	default:
		return nil
	}
	if b, ok := f.names[id.Name]; ok {
		if b.callee == nil {
			return nil
		}
		return c.withArgs(f, b.callee, params, true)
	}
	d, ok := c.unit.lookup(f.decl.in, id.Name)
	if !ok {
		return nil
	}
	return c.withArgs(f, &callee{decl: d, bound: map[string]*bound{}}, params, true)
}

// withArgs binds arguments after the semicolon. With partial, constants given to a rule become defaults.
func (c *checker) withArgs(f *frame, to *callee, params []lang.Arg, partial bool) *callee {
	out := &callee{decl: to.decl, called: to.called, bound: map[string]*bound{}}
	for n, b := range to.bound {
		out.bound[n] = b
	}
	var positions []string
	if to.decl.fn != nil {
		for _, p := range to.decl.fn.Params {
			positions = append(positions, p.Name.Name)
		}
	}
	for i, a := range params {
		name := a.Name.Name
		if name == "" {
			switch {
			case to.decl.fn != nil && i < len(positions):
				name = positions[i]
			case to.decl.fn != nil:
				c.errorf(f, a.Value.Where(), "", "%s has %s, not %d", to.decl.name().Name, count(len(positions), "parameter"), len(params))
				continue
			default:
				id, ok := a.Value.(*lang.Name)
				if !ok {
					c.errorf(f, a.Value.Where(), "write `name = value`", "the hyperparameters of a rule are given by name")
					continue
				}
				name = id.Name
			}
		}
		if given(params[:i], name) {
			c.errorf(f, a.Value.Where(), "", "%s is given twice", name)
			continue
		}
		b := c.argument(f, a.Value)
		b.preset = partial && b.value != nil && b.value.Kind == ir.Number && c.hasHyper(to.decl, name)
		b.to = to.decl.name().Name
		out.bound[name] = b
	}
	return out
}

// hasHyper reports whether name is a hyperparameter of a rule, or of one that it calls: all but an option is.
func (c *checker) hasHyper(d decl, name string) bool {
	for range maxDepth {
		switch {
		case d.rule == nil:
			return false
		case d.rule.Value == nil:
			return !slices.ContainsFunc(d.rule.Body, func(s lang.Stmt) bool {
				o, ok := s.(*lang.Option)
				return ok && o.Name.Name == name
			})
		}
		next := ""
		switch v := d.rule.Value.(type) {
		case *lang.Name:
			next = v.Name
		case *lang.Call:
			next = v.Fn.Name
		}
		d, _ = c.unit.lookup(d.in, next)
	}
	return false
}

func given(params []lang.Arg, name string) bool {
	return slices.ContainsFunc(params, func(a lang.Arg) bool { return a.Name.Name == name })
}

// argument elaborates what stands after the semicolon: a value, a function or an option's word.
func (c *checker) argument(f *frame, e lang.Expr) *bound {
	b := &bound{where: e.Where(), file: f.decl.file}
	if id, ok := e.(*lang.Name); ok && !predeclared[id.Name] {
		switch local := f.names[id.Name]; {
		case local == nil:
			b.word = id.Name
		case local.choice != "":
			b.word = local.choice
		}
	}
	if b.callee = c.calleeOf(f, e); b.callee == nil && b.word == "" {
		b.value = c.expr(f, e)
	}
	return b
}

// chase follows `rule a = b(; ...)` to the rule with a body, gathering what is bound on the way.
func (c *checker) chase(f *frame, to *callee) *callee {
	var trail []string
	for to.decl.rule != nil && to.decl.rule.Value != nil {
		r := to.decl.rule
		if slices.Contains(trail, r.Name.Name) {
			c.report(to.decl.file, r.Name.Span, "", "rule %s is defined by itself: %s", r.Name.Name, strings.Join(append(trail, r.Name.Name), " = "))
			return nil
		}
		trail = append(trail, r.Name.Name)
		own := &frame{decl: to.decl, names: map[string]*binding{}, calls: map[string]int{}, caller: f, depth: f.depth}
		next := c.calleeOf(own, r.Value)
		if next == nil || next.decl.rule == nil {
			c.report(to.decl.file, r.Value.Where(), orElse(c.calleeHint(own, r.Value), "as in `rule a = adam(; lr = 1e-4)`"), "rule %s must be a block or a rule without its variables", r.Name.Name)
			return nil
		}
		for n, b := range to.bound {
			if old := next.bound[n]; old != nil && !old.preset {
				c.report(b.file, b.where, "", "%s is fixed by rule %s", n, r.Name.Name)
				continue
			}
			next.bound[n] = b
		}
		next.called = orElse(to.called, r.Name.Name)
		to = next
	}
	return to
}
