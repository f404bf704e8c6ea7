package check

import (
	"github.com/optc-lang/optc/lang"
)

// lint warns of what a body declares and does not use. It goes by the text, not by what the options leave of it.
func (c *checker) lint(file string, body []lang.Stmt) {
	read := readIn(body)
	unread := func(id lang.Ident, format string) {
		if !read[id.Name] {
			c.warnf(file, id.Span, format, id.Name)
		}
	}
	lang.Inspect(body, func(n any) {
		switch n := n.(type) {
		case *lang.Hyper:
			unread(n.Name, "nothing reads hyperparameter %s")
		case *lang.Given:
			unread(n.Name, "nothing reads the given %s")
		case *lang.Probe:
			unread(n.Name, "nothing reads probe %s, so the model is not asked")
		case *lang.Bind:
			if n.State {
				unread(n.Name, "state %s is never read")
			}
		}
	})
}

// readIn lists the names that a body reads. What goes into a name's own next value alone does not read it.
func readIn(body []lang.Stmt) map[string]bool {
	read := map[string]bool{}
	own := "" // the name that the statement gives a value to
	lang.Inspect(body, func(n any) {
		if _, ok := n.(lang.Stmt); ok {
			own = ""
		}
		switch n := n.(type) {
		case *lang.Assign:
			own = n.Name.Name
		case *lang.Name:
			read[n.Name] = read[n.Name] || n.Name != own
		case *lang.Call:
			read[n.Fn.Name] = true
		}
	})
	return read
}

// lintRule warns, beyond lint, of a rule that leaves x as it is.
func (c *checker) lintRule(d decl) {
	c.lint(d.file, d.rule.Body)
	updates := false
	lang.Inspect(d.rule.Body, func(n any) {
		a, ok := n.(*lang.Assign)
		updates = updates || ok && a.Name.Name == "x"
	})
	if !updates {
		c.warnf(d.file, d.rule.Name.Span, "rule %s never updates x", d.rule.Name.Name)
	}
}
