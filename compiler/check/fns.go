package check

import (
	"github.com/optc-lang/optc/lang"
)

// Fns looks up every name in the fns of the root file. A fn has no types until it is called, so a fn that no rule calls
// is held to this alone.
func Fns(u *Unit) lang.Diagnostics {
	if u.root == nil {
		return nil
	}
	c := &checker{unit: u}
	for _, name := range sortedKeys(u.root.own) {
		if d := u.root.own[name]; d.fn != nil {
			c.fnNames(d)
			c.lint(d.file, d.fn.Body)
		}
	}
	c.diags.Sort()
	return c.diags
}

func (c *checker) fnNames(d decl) {
	f := &frame{decl: d, names: map[string]*binding{}, declared: declaredIn(d.fn.Body)}
	local := func(name string) { f.names[name] = &binding{variable: -1} }
	for _, v := range d.fn.Vars {
		local(v.Name)
	}
	for _, p := range d.fn.Params {
		local(p.Name.Name)
	}
	for name := range f.declared {
		local(name)
	}
	lang.Inspect(d.fn, func(n any) {
		switch n := n.(type) {
		case *lang.Name:
			if !c.resolves(f, n.Name) {
				c.errorf(f, n.Span, c.nameHint(f, n.Name), "nothing is named %s here", n.Name)
			}
		case *lang.Call:
			if !c.resolves(f, n.Fn.Name) {
				c.errorf(f, n.Fn.Span, c.functionHint(f, n.Fn.Name), "there is no function %s", n.Fn.Name)
			}
		}
	})
}

// resolves reports whether a name means anything in a fn's body.
func (c *checker) resolves(f *frame, name string) bool {
	if f.names[name] != nil || predeclared[name] || isOperator(name) {
		return true
	}
	_, ok := c.unit.lookup(f.decl.in, name)
	return ok
}
