package page

import (
	"fmt"
	"maps"
	"slices"

	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/lang"
)

// expr is an expression of a body in keys; the lines of the calls in it that keep states come before it.
func (b *builder) expr(f *frame, e lang.Expr, out *[]Line) lang.Expr {
	switch e := e.(type) {
	case *lang.Name:
		return b.name(f, e)
	case *lang.Unary:
		return &lang.Unary{Op: e.Op, X: b.expr(f, e.X, out)}
	case *lang.Binary:
		return b.binary(f, e, out)
	case *lang.Transpose:
		return &lang.Transpose{X: b.expr(f, e.X, out)}
	case *lang.Index:
		return &lang.Index{X: b.expr(f, e.X, out), I: b.expr(f, e.I, out)}
	case *lang.Call:
		if value, done := b.inline(f, e, out, ""); done {
			return value
		}
		return b.call(f, e, out)
	}
	return e
}

func (b *builder) name(f *frame, e *lang.Name) lang.Expr {
	bind := f.names[e.Name]
	switch {
	case bind == nil && e.Name == "t":
		return key(f.t)
	case bind == nil:
		return e
	case bind.v != nil:
		return key(bind.v.key())
	case bind.expr != nil:
		return bind.expr
	}
	return e
}

func (b *builder) binary(f *frame, e *lang.Binary, out *[]Line) lang.Expr {
	if e.Op == "==" || e.Op == "!=" {
		if x, y, ok := b.comparison(f, e); ok {
			return times(e.Op, x, y)
		}
	}
	x, y := b.expr(f, e.X, out), b.expr(f, e.Y, out)
	if q, ok := y.(*lang.Binary); ok && e.Op == "*" && q.Op == "/" && isNumber(q.X, 1) { // m*(1/c) is a quotient
		return b.quotient(x, q.Y, out)
	}
	if e.Op == "/" {
		return b.quotient(x, y, out)
	}
	return times(e.Op, x, y)
}

// comparison is an option beside one of its choices.
func (b *builder) comparison(f *frame, e *lang.Binary) (x, y lang.Expr, ok bool) {
	a, isName := e.X.(*lang.Name)
	c, isWord := e.Y.(*lang.Name)
	if !isName || !isWord {
		return nil, nil, false
	}
	side := func(n *lang.Name) (lang.Expr, bool) {
		if bind := f.names[n.Name]; bind != nil && bind.option {
			return b.name(f, n), true
		} else if bind != nil || n.Name == "true" || n.Name == "false" {
			return b.name(f, n), false
		}
		return key(choice + n.Name), false
	}
	x, left := side(a)
	y, right := side(c)
	return x, y, left || right
}

// quotient is x/y; of a variable by its missing weight 1 - beta^t it is the variable with a hat.
func (b *builder) quotient(x, y lang.Expr, out *[]Line) lang.Expr {
	n, ok := x.(*lang.Name)
	if !ok || b.defined || !missingWeight(y) || !slices.ContainsFunc(b.vars, func(v *variable) bool { return v.key() == n.Name }) {
		return times("/", x, y)
	}
	hat := key("hat|" + n.Name)
	if by := lang.FormatExpr(y); b.hats[n.Name] != by {
		b.set(out, hat, times("/", x, y))
		b.hats[n.Name] = by
	}
	return hat
}

// missingWeight reports whether e is 1 - beta^t.
func missingWeight(e lang.Expr) bool {
	d, ok := e.(*lang.Binary)
	if !ok || d.Op != "-" || !isNumber(d.X, 1) {
		return false
	}
	p, ok := d.Y.(*lang.Binary)
	if !ok || p.Op != "^" {
		return false
	}
	_, base := p.X.(*lang.Name)
	t, exponent := p.Y.(*lang.Name)
	return base && exponent && (t.Name == "t" || len(t.Name) > 2 && t.Name[len(t.Name)-2:] == "|t")
}

// shapes are the calls that ask for the shape of a parameter, which no step changes.
var shapes = map[string]bool{"rank": true, "rows": true, "cols": true, "numel": true}

// call is a call that stays one: of an operator, of a pure fn, which is defined below the algorithm, or of a rule.
func (b *builder) call(f *frame, e *lang.Call, out *[]Line) lang.Expr {
	c := &lang.Call{Fn: e.Fn, Prime: e.Prime, Per: e.Per}
	to := b.calleeOf(f, &lang.Name{Name: e.Fn.Name})
	derived := to == nil && op.IsDerivation(e.Fn.Name)
	for i, a := range e.Args {
		if derived && i == 0 {
			c.Args = append(c.Args, b.derivedFrom(f, e.Fn.Name, a, out))
		} else {
			c.Args = append(c.Args, b.expr(f, a, out))
		}
	}
	if to == nil {
		if n, ok := e.Args[:min(1, len(e.Args))], shapes[e.Fn.Name]; ok && len(n) == 1 {
			if x, is := n[0].(*lang.Name); is && x.Name == "x" {
				c.Args[0] = key("x")
			}
		}
		for _, p := range e.Params {
			c.Params = append(c.Params, lang.Arg{Name: p.Name, Value: b.expr(f, p.Value, out)})
		}
		return c
	}
	if _, ok := to.decl.(*lang.Rule); ok {
		return b.ruleCall(f, e, c, to, out)
	}
	return b.fnCall(f, e, c, to)
}

// fnCall is c, a call of a fn that is defined below the algorithm, with what e and an option give its parameters.
func (b *builder) fnCall(f *frame, e, c *lang.Call, to *callee) lang.Expr {
	to = b.with(f, to, e.Params)
	fn := to.decl.(*lang.Fn)
	option := ""
	if bind := f.names[e.Fn.Name]; bind != nil && bind.open {
		option = e.Fn.Name
	}
	c.Fn.Name = b.define(fn, to, option)
	for _, p := range fn.Params {
		v, ok := to.bound[p.Name.Name]
		switch {
		case ok && v.callee != nil:
			c.Params = append(c.Params, lang.Arg{Name: p.Name, Value: key(declName(v.callee.decl))})
		case ok:
			c.Params = append(c.Params, lang.Arg{Name: p.Name, Value: v.expr})
		}
	}
	return c
}

// ruleCall makes the box of a rule that is called, once for each way in which it is.
func (b *builder) ruleCall(f *frame, e, c *lang.Call, to *callee, out *[]Line) lang.Expr {
	open := ""
	var held *hold
	if bind := f.names[e.Fn.Name]; bind != nil && bind.option {
		held = &hold{e.Fn.Name, b.names}
		if bind.open {
			open = e.Fn.Name
		}
	}
	to = b.with(f, to, e.Params)
	name := to.decl.(*lang.Rule).Name.Name
	for _, p := range slices.Sorted(maps.Keys(to.bound)) {
		if v := to.bound[p]; v.expr != nil && (!b.isOption(to, p) || constantText(v.expr) == "") {
			c.Params = append(c.Params, lang.Arg{Name: lang.Ident{Name: p}, Value: v.expr})
		}
	}
	way := fmt.Sprintf("%s %s %s %v", to.file, open, name, ways(to))
	if b.calls[way] != "" {
		c.Fn.Name = b.calls[way]
		return c
	}
	called := name
	if open != "" {
		called = open
	}
	c.Fn.Name = called
	if b.root.boxes >= maxCalls || f.depth >= maxDepth {
		return c
	}
	b.root.boxes++
	for i := 2; slices.ContainsFunc(b.box.Calls, func(x *Box) bool { return x.Called == c.Fn.Name }); i++ {
		c.Fn.Name = fmt.Sprintf("%s%d", called, i)
	}
	inner := &builder{scope: b.scope, root: b.root}
	inner.run(to, name, nil, held)
	inner.box.Called, inner.box.As = c.Fn.Name, open
	inner.box.Lines = withoutGradient(inner.box.Lines)
	b.calls[way] = c.Fn.Name
	b.box.Calls = append(b.box.Calls, inner.box)
	return c
}

// withoutGradient drops the line that asks the model: a rule that is called has its gradient given.
func withoutGradient(lines []Line) []Line {
	if len(lines) > 0 && lines[0].Kind == Set {
		if c, ok := lines[0].Value.(*lang.Call); ok && c.Fn.Name == gradAt {
			return lines[1:]
		}
	}
	return lines
}

func ways(c *callee) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(c.bound)) {
		if v := c.bound[name]; v.callee != nil {
			all = append(all, name+"="+declName(v.callee.decl)+fmt.Sprint(ways(v.callee)))
		} else {
			all = append(all, name+"="+lang.FormatExpr(v.expr))
		}
	}
	return all
}

func declName(d lang.Decl) string {
	switch d := d.(type) {
	case *lang.Fn:
		return d.Name.Name
	case *lang.Rule:
		return d.Name.Name
	}
	return ""
}

// isOption reports whether a parameter of a rule is an option of it.
func (b *builder) isOption(c *callee, name string) bool {
	r, ok := b.chase(c).decl.(*lang.Rule)
	return ok && slices.ContainsFunc(r.Body, func(s lang.Stmt) bool {
		o, is := s.(*lang.Option)
		return is && o.Name.Name == name
	})
}

// inline puts a fn's lines before the expression that calls it, if the fn keeps states or counts steps, and its value in
// the place of the call. A short pure fn of simple arguments is put in its place too.
func (b *builder) inline(f *frame, e *lang.Call, out *[]Line, target string) (lang.Expr, bool) {
	if e.Prime || b.defined || e.Per != nil {
		return nil, false
	}
	to := b.calleeOf(f, &lang.Name{Name: e.Fn.Name})
	if bind := f.names[e.Fn.Name]; to == nil || bind != nil && bind.open {
		return nil, false
	}
	fn, ok := to.decl.(*lang.Fn)
	if !ok || len(e.Args) != len(fn.Vars) {
		return nil, false
	}
	keeps, counts := b.keeps(fn, to.file, 0)
	short := fn.Value != nil && !keeps && !counts && isShort(fn, e.Args)
	if !keeps && !counts && !short || b.inlined >= maxInlined || f.depth >= maxDepth {
		return nil, false
	}
	b.inlined++
	to = b.with(f, to, e.Params)
	var args []lang.Expr
	for _, a := range e.Args {
		args = append(args, b.expr(f, a, out))
	}
	n := &frame{file: to.file, names: map[string]*binding{}, assigned: assignedIn(fn.Body), hints: map[string]string{}, t: f.t,
		unsteady: f.unsteady, loops: f.loops, depth: f.depth + 1, inlined: true, within: f.within}
	b.bindArgs(n, fn, to, args, out)
	if counts && f.unsteady > 0 {
		n.t = b.counter(f, fn, out)
	}
	if fn.Value != nil {
		value := b.expr(n, fn.Value, out)
		if short {
			value = mixed(value)
		}
		return value, true
	}
	b.hint(n, fn, args, target)
	return b.body(n, fn, out), true
}

// body adds a fn's lines and returns its value.
func (b *builder) body(f *frame, fn *lang.Fn, out *[]Line) lang.Expr {
	for _, s := range fn.Body {
		if r, ok := s.(*lang.Return); ok {
			return b.expr(f, r.Value, out)
		}
		b.statement(f, s, out)
	}
	return key("?")
}

// counter counts the runs of a call that not every step makes.
func (b *builder) counter(f *frame, fn *lang.Fn, out *[]Line) string {
	v := b.variable(&variable{id: b.symbols.add("k", "k"), state: true, timed: f.loops == 0})
	before := v.id
	if v.timed {
		before += "|0"
	}
	b.box.Inits = append(b.box.Inits, Init{before, literal("0", 0), b.condition(), nil})
	old := v.key()
	v.updated = true
	b.set(out, key(v.key()), times("+", key(old), one))
	return v.key()
}

// bindArgs gives variables and parameters their values: in their places if that is short, else as a line.
func (b *builder) bindArgs(n *frame, fn *lang.Fn, to *callee, args []lang.Expr, out *[]Line) {
	put := func(name string, value lang.Expr) {
		if n.assigned[name] || !isSimple(value) && uses(fn, name) > 1 {
			b.setLocal(n, name, value, false, out)
			return
		}
		n.names[name] = &binding{expr: value}
	}
	for i, v := range fn.Vars {
		put(v.Name, args[i])
	}
	for _, p := range fn.Params {
		v, ok := to.bound[p.Name.Name]
		switch {
		case ok && v.callee != nil:
			n.names[p.Name.Name] = &binding{callee: v.callee}
		case ok:
			put(p.Name.Name, v.expr)
		case p.Default != nil:
			a := b.argument(&frame{file: to.file, names: map[string]*binding{}, t: n.t}, p.Default)
			if a.callee != nil {
				n.names[p.Name.Name] = &binding{callee: a.callee}
			} else {
				put(p.Name.Name, a.expr)
			}
		}
	}
}

// hint names the state that a fn returns after what takes it: an average m of g is m. Without a name, averages of g and of
// its square are m and v, as nearly every paper has them.
func (b *builder) hint(n *frame, fn *lang.Fn, args []lang.Expr, target string) {
	last, ok := fn.Body[len(fn.Body)-1].(*lang.Return)
	if !ok {
		return
	}
	name, ok := last.Value.(*lang.Name)
	if !ok || !slices.ContainsFunc(fn.Body, func(s lang.Stmt) bool { v, is := s.(*lang.Bind); return is && v.State && v.Name.Name == name.Name }) {
		return
	}
	if target == "" && len(args) == 1 {
		usual := map[string]string{"g|t": "m", "g|t^2": "v"}[lang.FormatExpr(args[0])]
		if usual != "" && !b.names[usual] && b.symbols.nodes[usual] == nil {
			target = usual
		} else if n.within != "" {
			target = barred + n.within
		}
	}
	if target != "" {
		n.hints[name.Name] = target
	}
}

// keeps reports whether a fn has states, and whether it counts its runs, itself or through what it calls.
func (b *builder) keeps(fn *lang.Fn, file string, depth int) (states, counts bool) {
	if depth > maxDepth {
		return false, false
	}
	lang.Inspect(fn, func(n any) {
		switch n := n.(type) {
		case *lang.Bind:
			if n.State {
				states = true
				if _, constant := n.Value.(*lang.Number); !constant {
					counts = true
				}
			}
		case *lang.Name:
			counts = counts || n.Name == "t"
		case *lang.Call:
			if decl, in, ok := b.scope.Declared(file, n.Fn.Name); ok && !(states && counts) {
				if inner, is := decl.(*lang.Fn); is {
					s, c := b.keeps(inner, in, depth+1)
					states, counts = states || s, counts || c
				}
			}
		}
	})
	return states, counts
}

// isSimple reports whether an expression may stand several times.
func isSimple(e lang.Expr) bool {
	switch e := e.(type) {
	case *lang.Name, *lang.Number:
		return true
	case *lang.Unary:
		return isSimple(e.X)
	}
	return false
}

// uses is how often a fn reads a name.
func uses(fn *lang.Fn, name string) int {
	n := 0
	lang.Inspect(fn, func(node any) {
		if id, ok := node.(*lang.Name); ok && id.Name == name {
			n++
		}
	})
	return n
}

// isShort reports whether a fn is better read in the place of its call than below the algorithm.
func isShort(fn *lang.Fn, args []lang.Expr) bool {
	size, calls := 0, false
	lang.Inspect(fn.Value, func(n any) {
		size++
		if c, ok := n.(*lang.Call); ok {
			calls = calls || operatorOf(c) == nil || c.Prime
		}
	})
	if calls || size > 9 {
		return false
	}
	for i, a := range args {
		if !isSimple(a) && uses(fn, fn.Vars[i].Name) > 1 {
			return false
		}
	}
	return true
}

// mixed writes a + w*(b - a) as (1 - w)*a + w*b, as papers do.
func mixed(e lang.Expr) lang.Expr {
	sum, ok := e.(*lang.Binary)
	if !ok || sum.Op != "+" {
		return e
	}
	product, ok := sum.Y.(*lang.Binary)
	if !ok || product.Op != "*" {
		return e
	}
	diff, ok := product.Y.(*lang.Binary)
	if !ok || diff.Op != "-" || !same(diff.Y, sum.X) || !isSimple(product.X) {
		return e
	}
	return times("+", times("*", times("-", one, product.X), sum.X), times("*", product.X, diff.X))
}

// define puts a fn under Where and returns the name that it has there.
func (b *builder) define(fn *lang.Fn, to *callee, option string) string {
	id := to.file + "\x00" + fn.Name.Name + "\x00" + option
	if name := b.defs[id]; name != "" {
		return name
	}
	base, standard := fn.Name.Name, ""
	if option != "" {
		base, standard = option, fn.Name.Name
	}
	name := base
	for i := 2; slices.ContainsFunc(b.box.Where, func(d Definition) bool { return d.Name == name }); i++ {
		name = fmt.Sprintf("%s%d", base, i)
	}
	b.defs[id] = name
	at := len(b.box.Where)
	b.box.Where = append(b.box.Where, Definition{Name: name})
	d, inits := Definition{}, len(b.box.Inits)
	d = b.definition(fn, to.file, name)
	d.Default = standard
	d.Inits = slices.Clone(b.box.Inits[inits:])
	b.box.Inits = b.box.Inits[:inits]
	b.box.Where[at] = d
	return name
}

// definition is a fn as it is written, its variables called as there.
func (b *builder) definition(fn *lang.Fn, file, name string) Definition {
	names := map[string]bool{}
	lang.Inspect(fn.Body, func(n any) {
		if name := declares(n); name != "" {
			names[name] = true
		}
	})
	in := &builder{scope: b.scope, root: b.root, box: b.box, symbols: newSymbols(names), hats: map[string]string{}, defs: b.defs,
		calls: b.calls, names: names, defined: true}
	for _, predeclared := range []string{"x", "g"} { // a fn's own
		in.symbols.forget(predeclared)
	}
	d := Definition{Name: name, symbols: in.symbols}
	f := &frame{file: file, names: map[string]*binding{}, assigned: assignedIn(fn.Body), hints: map[string]string{}, t: "t", depth: maxDepth, inlined: true}
	param := func(name string) string {
		id := in.symbols.add(name, name)
		f.names[name] = &binding{v: in.variable(&variable{id: id})}
		return id
	}
	for _, v := range fn.Vars {
		d.Args = append(d.Args, param(v.Name))
	}
	for _, p := range fn.Params {
		d.Params = append(d.Params, param(p.Name.Name))
	}
	if fn.Value != nil {
		d.Value = mixed(in.expr(f, fn.Value, &d.Lines))
		return d
	}
	d.Value = in.body(f, fn, &d.Lines)
	return d
}

// substitute rebuilds an expression with f of each of its names.
func substitute(e lang.Expr, f func(*lang.Name) lang.Expr) lang.Expr {
	switch e := e.(type) {
	case *lang.Name:
		return f(e)
	case *lang.Unary:
		return &lang.Unary{Op: e.Op, X: substitute(e.X, f)}
	case *lang.Binary:
		return times(e.Op, substitute(e.X, f), substitute(e.Y, f))
	case *lang.Transpose:
		return &lang.Transpose{X: substitute(e.X, f)}
	case *lang.Index:
		return &lang.Index{X: substitute(e.X, f), I: substitute(e.I, f)}
	case *lang.Call:
		c := &lang.Call{Fn: e.Fn, Prime: e.Prime, Per: e.Per}
		for _, a := range e.Args {
			c.Args = append(c.Args, substitute(a, f))
		}
		for _, p := range e.Params {
			c.Params = append(c.Params, lang.Arg{Name: p.Name, Value: substitute(p.Value, f)})
		}
		return c
	}
	return e
}

// Substitute puts expressions in the place of names.
func Substitute(e lang.Expr, by map[string]lang.Expr) lang.Expr {
	return substitute(e, func(n *lang.Name) lang.Expr {
		if v, ok := by[n.Name]; ok {
			return v
		}
		return n
	})
}
