package check

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/lang"
)

// call elaborates f(variables; parameters) of an operator, a fn or a rule.
func (c *checker) call(f *frame, e *lang.Call) *ir.Value {
	name := e.Fn.Name
	if b, ok := f.names[name]; ok {
		if b.bad {
			return nil
		}
		if b.callee == nil {
			c.errorf(f, e.Fn.Span, "", "%s is a value, not a function", name)
			return nil
		}
		return c.invoke(f, e, b.callee, name)
	}
	if d, ok := c.unit.lookup(f.decl.in, name); ok {
		return c.invoke(f, e, &callee{decl: d, bound: map[string]*bound{}}, "")
	}
	switch {
	case op.IsDerivation(name):
		return c.derivation(f, e)
	case name == "named":
		return c.named(f, e)
	case name == "push":
		c.errorf(f, e.Span, "write `S <- push(S, value)`", "push gives an array its next value, and is a statement of its own")
		return nil
	}
	if shapeOf[name] || name == "numel" {
		return c.shape(f, e)
	}
	if o, ok := op.Lookup(name); ok && o.Callable() {
		return c.operator(f, e, o)
	}
	c.errorf(f, e.Fn.Span, c.functionHint(f, name), "there is no function %s", name)
	return nil
}

func (c *checker) shape(f *frame, e *lang.Call) *ir.Value {
	args, ok := c.reals(f, e.Args)
	if !ok || !c.bare(f, e) {
		return nil
	}
	if len(args) != 1 {
		c.errorf(f, e.Span, "as in `"+e.Fn.Name+"(x)`", "%s takes one tensor, has %d", e.Fn.Name, len(args))
		return nil
	}
	c.shapes = append(c.shapes, shapeCall{args[0], e.Fn.Name, site{e.Span, f.decl.file}})
	if e.Fn.Name == "numel" {
		return c.pool.Size(c.pool.Input("x"), ir.Tensor, nil)
	}
	return c.pool.Input(e.Fn.Name)
}

// named is the mask of the tensors whose name matches one of the patterns.
func (c *checker) named(f *frame, e *lang.Call) *ir.Value {
	if !c.bare(f, e) {
		return nil
	}
	var v *ir.Value
	for _, a := range e.Args {
		text, ok := a.(*lang.Text)
		if !ok {
			c.errorf(f, a.Where(), "as in `named(\"*.bias\")`", "named takes patterns in quotes")
			return nil
		}
		one := c.pool.Named(text.Value)
		if v == nil {
			v = one
		} else {
			v = c.pool.Call("or", v, one)
		}
	}
	if v == nil {
		c.errorf(f, e.Span, "as in `named(\"*.bias\")`", "named takes patterns in quotes")
	}
	return v
}

// shapeCall is a call that asks for the shape of a tensor.
type shapeCall struct {
	of   *ir.Value
	name string
	site
}

// bare refuses `per`, parameters and a prime.
func (c *checker) bare(f *frame, e *lang.Call) bool {
	if e.Prime {
		c.errorf(f, e.Fn.Span, "", "`'` is the derivative of a fn or of an elementwise operator, and %s is neither", e.Fn.Name)
		return false
	}
	return c.plain(f, e)
}

// plain refuses `per` and parameters.
func (c *checker) plain(f *frame, e *lang.Call) bool { return c.noPer(f, e) && c.noParams(f, e) }

func (c *checker) noPer(f *frame, e *lang.Call) bool {
	if e.Per != nil {
		c.errorf(f, e.Per.Span, "", "`per` belongs to reductions, order statistics and draws, and %s is none", e.Fn.Name)
	}
	return e.Per == nil
}

func (c *checker) noParams(f *frame, e *lang.Call) bool {
	if len(e.Params) > 0 {
		c.errorf(f, e.Params[0].Value.Where(), "", "%s has no parameters after `;`", e.Fn.Name)
	}
	return len(e.Params) == 0
}

func (c *checker) exprs(f *frame, es []lang.Expr) ([]*ir.Value, bool) {
	vs, ok := make([]*ir.Value, len(es)), true
	for i, e := range es {
		vs[i] = c.expr(f, e)
		ok = ok && vs[i] != nil
	}
	return vs, ok
}

func (c *checker) reals(f *frame, es []lang.Expr) ([]*ir.Value, bool) {
	vs, ok := c.exprs(f, es)
	for i := range vs {
		vs[i] = c.toReal(vs[i])
	}
	return vs, ok
}

// operator applies a row of the table.
func (c *checker) operator(f *frame, e *lang.Call, o *op.Op) *ir.Value {
	switch {
	case (o.Name == "min" || o.Name == "max") && len(e.Args) != 2:
		return c.minMax(f, e, o)
	case o.Name == "eye":
		return c.eye(f, e)
	case o.Kind == op.Draw:
		return c.draw(f, e)
	}
	args := make([]*ir.Value, len(e.Args))
	ok := true
	for i, a := range e.Args {
		switch {
		case o.MaskArgs&(1<<i) != 0:
			args[i] = c.mask(f, a)
		case o.Name == "where":
			args[i] = c.expr(f, a)
		default:
			args[i] = c.real(f, a)
		}
		ok = ok && args[i] != nil
	}
	if len(args) != o.Args {
		c.errorf(f, e.Span, "it is called as `"+usage(o)+"`", "%s takes %s, has %d", e.Fn.Name, count(o.Args, "argument"), len(args))
		return nil
	}
	if !ok {
		return nil
	}
	switch o.Kind {
	case op.Reduction:
		return c.reduction(f, e, o, args)
	case op.Array, op.Order:
		return c.array(f, e, o, args)
	}
	if !c.plain(f, e) {
		return nil
	}
	if o.Name == "where" && args[1].Mask != args[2].Mask {
		args[1], args[2] = c.toReal(args[1]), c.toReal(args[2])
	}
	if e.Prime {
		v := c.pool.Var(args[0], c.newDeriv(f, e))
		return c.pool.Derived(ir.Gradient, c.guardNow(f), c.pool.Apply(o, append([]*ir.Value{v}, args[1:]...)...), v)
	}
	if o.Name == "pow" {
		return c.power(args[0], args[1])
	}
	return c.pool.Apply(o, args...)
}

// usage is how an operator is called.
func usage(o *op.Op) string {
	text := o.Name + "(" + strings.Join([]string{"a", "b", "c"}[:o.Args], ", ")
	for i, p := range o.Params {
		text += map[bool]string{true: "; ", false: ", "}[i == 0] + p.Name
	}
	return text + ")"
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// newDeriv numbers the variable of a derivation.
func (c *checker) newDeriv(f *frame, e *lang.Call) int {
	c.derivs = append(c.derivs, derivSite{site{e.Span, f.decl.file}, lang.FormatExpr(e)})
	return len(c.derivs) - 1
}

// derivSite is where something is derived, and the call as it is written.
type derivSite struct {
	site
	call string
}

// minMax reduces one variable and folds three or more from the left.
func (c *checker) minMax(f *frame, e *lang.Call, o *op.Op) *ir.Value {
	args, ok := c.reals(f, e.Args)
	switch {
	case len(args) == 0:
		c.errorf(f, e.Span, "", "%s needs an argument", o.Name)
		return nil
	case !ok:
		return nil
	case len(args) == 1:
		return c.reduction(f, e, op.Must("reduce_"+o.Name), args)
	case !c.plain(f, e):
		return nil
	}
	v := args[0]
	if e.Prime {
		v = c.pool.Var(v, c.newDeriv(f, e))
	}
	y := v
	for _, a := range args[1:] {
		y = c.pool.Apply(o, y, a)
	}
	if e.Prime {
		return c.pool.Derived(ir.Gradient, c.guardNow(f), y, v)
	}
	return y
}

// reduction builds a reduction, or what its row says it expands to.
func (c *checker) reduction(f *frame, e *lang.Call, o *op.Op, args []*ir.Value) *ir.Value {
	if !c.noParams(f, e) {
		return nil
	}
	per, ok := c.reductionPer(f, e)
	if !ok {
		return nil
	}
	return c.primed(f, e, args, func() *ir.Value {
		if o.Expand == "" {
			return c.pool.Reduce(o, args[0], per, c.guard)
		}
		v := c.pool.Expand(o.Expand, per, c.guard, args...)
		if v.Label == "" {
			v.Label = o.Name
		}
		return v
	})
}

// primed is what build makes of args, or with a prime its derivative in the first.
func (c *checker) primed(f *frame, e *lang.Call, args []*ir.Value, build func() *ir.Value) *ir.Value {
	if !e.Prime {
		return build()
	}
	if args[0].Mask {
		c.errorf(f, e.Fn.Span, "", "%s of a mask has no derivative", e.Fn.Name)
		return nil
	}
	v := c.pool.Var(c.toReal(args[0]), c.newDeriv(f, e))
	args[0] = v
	return c.pool.Derived(ir.Gradient, c.guardNow(f), c.toReal(build()), v)
}

// reductionPer is what a reduction or order statistic runs over.
func (c *checker) reductionPer(f *frame, e *lang.Call) (ir.Extent, bool) {
	if e.Per == nil {
		return ir.Tensor, true
	}
	p := c.per(f, e.Per)
	switch {
	case p == nil:
		return 0, false
	case *p == ir.Elem || p.IsMatrix():
		c.errorf(f, e.Per.Span, "", "a reduction per %s reduces nothing", *p)
		return 0, false
	}
	return *p, true
}

// array builds a whole-array operator or an order statistic.
func (c *checker) array(f *frame, e *lang.Call, o *op.Op, args []*ir.Value) *ir.Value {
	per := ir.Const
	switch {
	case o.Kind == op.Order:
		var ok bool
		if per, ok = c.reductionPer(f, e); !ok {
			return nil
		}
	case !c.noPer(f, e):
		return nil
	}
	params, ok := c.params(f, e, o)
	if !ok {
		return nil
	}
	args = append(args, params...)
	return c.primed(f, e, args, func() *ir.Value {
		if o.Expand == "" {
			return c.pool.Array(o, per, c.guardNow(f), args...)
		}
		v := c.pool.Expand(o.Expand, per, c.guardNow(f), args...)
		if v.Label == "" {
			v.Label = o.Name
		}
		return v
	})
}

// params are an operator's parameters after the semicolon, by position or by name.
func (c *checker) params(f *frame, e *lang.Call, o *op.Op) ([]*ir.Value, bool) {
	var known []string
	for _, p := range o.Params {
		known = append(known, p.Name)
	}
	out := make([]*ir.Value, len(o.Params))
	for i, a := range e.Params {
		at := i
		if a.Name.Name != "" {
			at = slices.Index(known, a.Name.Name)
		}
		switch {
		case at < 0:
			c.errorf(f, a.Name.Span, didYouMean(a.Name.Name, known), "%s has no parameter %s", o.Name, a.Name.Name)
			return nil, false
		case at >= len(known):
			c.errorf(f, a.Value.Where(), "", "%s has %s, not %d", o.Name, count(len(known), "parameter"), len(e.Params))
			return nil, false
		case out[at] != nil:
			c.errorf(f, a.Value.Where(), "", "%s is given twice", known[at])
			return nil, false
		}
		if out[at] = c.real(f, a.Value); out[at] == nil {
			return nil, false
		}
		p := o.Params[at]
		h := ir.HyperDecl{Name: p.Name + " of " + o.Name, Lo: p.Lo, Hi: p.Hi, Integer: p.Integer}
		if v := out[at]; v.Kind == ir.Number && !h.Admits(v.Num) {
			c.errorf(f, a.Value.Where(), "", "%s", h.Refusal(v.Num))
			return nil, false
		}
	}
	for i, p := range o.Params {
		switch {
		case out[i] != nil:
		case math.IsNaN(p.Default):
			c.errorf(f, e.Span, "give it after `;`, as in `; "+p.Name+" = ...`", "%s needs its parameter %s", o.Name, p.Name)
			return nil, false
		default:
			out[i] = c.pool.Number(p.Default)
		}
	}
	return out, true
}

// eye is the identity matrix of the rows or the columns.
func (c *checker) eye(f *frame, e *lang.Call) *ir.Value {
	switch {
	case !c.bare(f, e):
	case len(e.Args) == 1 && names(e.Args[0], "row"):
		return c.pool.Eye(ir.RowRow)
	case len(e.Args) == 1 && names(e.Args[0], "col"):
		return c.pool.Eye(ir.ColCol)
	default:
		c.errorf(f, e.Span, "", "the identity matrix is eye(row) or eye(col)")
	}
	return nil
}

// draw is a random value; each place in the unrolled rule draws its own.
func (c *checker) draw(f *frame, e *lang.Call) *ir.Value {
	switch {
	case len(e.Args) > 0:
		c.errorf(f, e.Span, "as in `"+e.Fn.Name+"()` or `"+e.Fn.Name+"(per tensor)`", "%s takes no argument", e.Fn.Name)
		return nil
	case e.Prime:
		c.bare(f, e)
		return nil
	case !c.noParams(f, e):
		return nil
	}
	per := ir.Elem
	if e.Per != nil {
		p := c.per(f, e.Per)
		if p == nil {
			return nil
		}
		per = *p
	}
	c.draws++
	return c.pool.Draw(e.Fn.Name, c.draws-1, per)
}

// invoke calls a fn or rule; option is the caller's option that holds it, or "".
func (c *checker) invoke(f *frame, e *lang.Call, callee *callee, option string) *ir.Value {
	if !c.noPer(f, e) {
		return nil
	}
	if len(e.Args) == 0 {
		c.errorf(f, e.Span, "", "%s without variables is the function itself, not a value; it may stand as an argument or in an option", e.Fn.Name)
		return nil
	}
	args, ok := c.exprs(f, e.Args)
	target := c.chase(f, c.withArgs(f, callee, e.Params, false))
	if target == nil || !ok {
		return nil
	}
	if target.decl.rule == nil {
		return c.inlineFn(f, target, args, e)
	}
	switch {
	case e.Prime:
		c.errorf(f, e.Fn.Span, "", "`'` is the derivative of a fn, and %s is a rule", e.Fn.Name)
	case f.decl.rule == nil:
		c.errorf(f, e.Fn.Span, "", "a rule is called from rules only, and this is fn %s", f.decl.name().Name)
	case len(args) != 2:
		c.errorf(f, e.Span, "as in `x <- "+e.Fn.Name+"(x, g)`", "a rule takes the parameter and its gradient, this has %s", count(len(args), "argument"))
	default:
		return c.inlineRule(f, target, c.toReal(args[0]), c.toReal(args[1]), option, e.Span)
	}
	return nil
}

// enter starts the body of a call, or reports recursion and depth.
func (c *checker) enter(f *frame, to *callee, at lang.Span) (*frame, bool) {
	d := to.decl
	name := d.name().Name
	key := to.text(true)
	if i := slices.IndexFunc(c.active, func(a activeCall) bool { return a.key == key }); i >= 0 {
		var cycle []string
		for _, a := range c.active[i:] {
			cycle = append(cycle, a.text)
		}
		c.errorf(f, at, "", "recursion: %s", strings.Join(append(cycle, to.text(false)), " calls "))
		return nil, false
	}
	if f.depth >= maxDepth {
		c.errorf(f, at, "", "calls are nested more than %d deep", maxDepth)
		return nil, false
	}
	c.active = append(c.active, activeCall{key, to.text(false)})
	n := &frame{decl: d, called: to.called, names: map[string]*binding{}, calls: map[string]int{}, states: map[string]int{},
		given: map[string]*bound{}, caller: f, depth: f.depth + 1, site: at, path: f.path, guards: c.guards, branches: c.branches}
	if f.caller != nil {
		f.calls[name]++
		n.path = strings.TrimPrefix(f.path+"."+name, ".")
		if k := f.calls[name]; k > 1 {
			n.path += strconv.Itoa(k)
		}
	}
	return n, true
}

// activeCall is a call being inlined: its key, and its text for people.
type activeCall struct{ key, text string }

// text says what is called: the declaration with the rules and fns that its options and parameters hold, by identity if
// they are to be told apart. A rule within itself is recursion only if it holds the same ones.
func (to *callee) text(identity bool) string {
	var held []string
	for _, n := range sortedKeys(to.bound) {
		if b := to.bound[n]; b.callee != nil {
			held = append(held, n+" = "+b.callee.text(identity))
		}
	}
	name := to.decl.name().Name
	if identity {
		name = fmt.Sprintf("%p%p", to.decl.fn, to.decl.rule)
	}
	if len(held) == 0 {
		return name
	}
	return name + "(; " + strings.Join(held, ", ") + ")"
}

func (c *checker) leave() { c.active = c.active[:len(c.active)-1] }

// signature is a fn's head: its name, variables and parameters.
func signature(fn *lang.Fn) string {
	names := func(n int, at func(int) string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = at(i)
		}
		return strings.Join(parts, ", ")
	}
	vars := names(len(fn.Vars), func(i int) string { return fn.Vars[i].Name })
	if len(fn.Params) > 0 {
		vars += "; " + names(len(fn.Params), func(i int) string { return fn.Params[i].Name.Name })
	}
	return fn.Name.Name + "(" + vars + ")"
}

// inlineFn elaborates a fn's body on the arguments.
func (c *checker) inlineFn(f *frame, to *callee, args []*ir.Value, e *lang.Call) *ir.Value {
	fn := to.decl.fn
	if len(args) != len(fn.Vars) {
		hint := ""
		if len(args) > len(fn.Vars) && len(fn.Params) > 0 {
			hint = "parameters follow a semicolon, as in `" + signature(fn) + "`"
		}
		c.errorf(f, e.Span, hint, "%s takes %s, has %d", fn.Name.Name, count(len(fn.Vars), "variable"), len(args))
		return nil
	}
	n, ok := c.enter(f, to, e.Span)
	if !ok {
		return nil
	}
	defer c.leave()
	var variable *ir.Value
	if e.Prime {
		variable = c.pool.Var(c.toReal(args[0]), c.newDeriv(f, e))
		args[0] = variable
	}
	for i, id := range fn.Vars {
		c.declareName(n, id, &binding{value: args[i], variable: c.newVariable(n, id, nil)})
	}
	if !c.bindParams(f, n, to, e) {
		return nil
	}
	if fn.Value != nil {
		n.result = c.expr(n, fn.Value)
	} else {
		errors := c.diags.Errors()
		c.block(n, fn.Body, false)
		if !n.returned && c.diags.Errors() == errors {
			c.report(to.decl.file, fn.Name.Span, "end it with `return ...`", "fn %s returns nothing", fn.Name.Name)
		}
	}
	if variable == nil || n.result == nil {
		return n.result
	}
	return c.pool.Derived(ir.Gradient, c.guardNow(f), c.toReal(n.result), variable)
}

func (c *checker) bindParams(f, n *frame, to *callee, e *lang.Call) bool {
	fn, ok := to.decl.fn, true
	known := make([]string, len(fn.Params))
	for i, p := range fn.Params {
		known[i] = p.Name.Name
	}
	for _, name := range sortedKeys(to.bound) {
		if b := to.bound[name]; !slices.Contains(known, name) {
			c.report(b.file, b.where, didYouMean(name, known), "%s has no parameter %s", fn.Name.Name, name)
			ok = false
		}
	}
	for _, p := range fn.Params {
		b := &binding{variable: -1, assignWhat: "is a parameter, which a fn never changes"}
		switch arg := to.bound[p.Name.Name]; {
		case arg != nil && arg.callee != nil:
			b.callee = arg.callee
		case arg != nil && arg.value != nil:
			b.value = arg.value
		case arg != nil && arg.word != "":
			c.report(arg.file, arg.where, didYouMean(arg.word, c.known(f)), "nothing is named %s here", arg.word)
			b.bad = true
		case arg != nil:
			b.bad = true
		case p.Default != nil:
			b.value = c.expr(n, p.Default)
			b.bad = b.value == nil
		default:
			c.errorf(f, e.Span, "give it after `;`, as in `; "+p.Name.Name+" = ...`", "%s needs its parameter %s", fn.Name.Name, p.Name.Name)
			ok = false
		}
		c.declareName(n, p.Name, b)
	}
	return ok
}

// inlineRule elaborates a rule's body on (x, g) and returns the new x.
func (c *checker) inlineRule(f *frame, to *callee, x, g *ir.Value, option string, at lang.Span) *ir.Value {
	n, ok := c.enter(f, to, at)
	if !ok {
		return nil
	}
	defer c.leave()
	n.option, n.given, n.declared = option, to.bound, declaredIn(to.decl.rule.Body)
	n.elemVariable("x", x, c, at)
	n.elemVariable("g", g, c, at)
	n.names["loss"] = &binding{value: c.pool.Input("loss"), variable: -1, assignWhat: "is an input of the step"}
	n.names["t"] = &binding{variable: -1, assignWhat: "counts the steps"}
	c.track(n, to.decl.rule.Body)
	c.block(n, to.decl.rule.Body, false)
	c.keepSlopes(n)
	c.unused(n)
	return n.names["x"].value
}

func (f *frame) elemVariable(name string, v *ir.Value, c *checker, at lang.Span) {
	i := c.newVariable(f, lang.Ident{Span: at, Name: name}, nil)
	c.vars[i].least = ir.Elem
	c.vars[i].file = f.caller.decl.file
	b := &binding{value: c.pool.Hold(v, i), variable: i, real: true}
	f.names[name] = b
	if _, known := c.sites[b.value]; !known {
		c.sites[b.value] = site{at, f.caller.decl.file}
	}
}

// unused reports arguments that nothing in the rule took.
func (c *checker) unused(n *frame) {
	for _, name := range sortedKeys(n.given) {
		b := n.given[name]
		if b.used {
			continue
		}
		var known []string
		for _, s := range n.decl.rule.Body {
			switch s := s.(type) {
			case *lang.Hyper:
				known = append(known, s.Name.Name)
			case *lang.Option:
				known = append(known, s.Name.Name)
			}
		}
		hint := didYouMean(name, known)
		if hint == "" && len(known) > 0 {
			hint = "it has " + strings.Join(known, ", ")
		}
		c.report(b.file, b.where, hint, "rule %s has no hyperparameter or option %s", calledName(b.to, n.decl), name)
	}
}

// declaredIn lists every name that a body declares, at any depth.
func declaredIn(stmts []lang.Stmt) map[string]bool {
	names := map[string]bool{}
	var walk func([]lang.Stmt)
	walk = func(stmts []lang.Stmt) {
		for _, s := range stmts {
			switch s := s.(type) {
			case *lang.Hyper:
				names[s.Name.Name] = true
			case *lang.Option:
				names[s.Name.Name] = true
			case *lang.Bind:
				names[s.Name.Name] = true
			case *lang.Given:
				names[s.Name.Name] = true
			case *lang.When:
				walk(s.Then)
				walk(s.Else)
			case *lang.Probe:
				names[s.Name.Name] = true
			case *lang.Repeat:
				if s.Var.Name != "" {
					names[s.Var.Name] = true
				}
				walk(s.Body)
			}
		}
	}
	walk(stmts)
	return names
}
