package check

import (
	"maps"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
)

// when elaborates one branch if the condition is known, and both if it is not: then what the branches give to a name is
// selected by the condition, and what the calls in a branch keep changes only when the branch is taken.
func (c *checker) when(f *frame, s *lang.When) {
	cond := c.mask(f, s.Cond)
	switch {
	case cond == nil:
	case cond.Kind != ir.Number:
		c.conditions = append(c.conditions, condition{cond, site{s.Cond.Where(), f.decl.file}})
		c.choose(f, s, cond)
	case cond.Num != 0:
		c.block(f, s.Then, true)
	default:
		c.block(f, s.Else, true)
	}
}

// condition of a `when` at run time; its extent is not known before all are.
type condition struct {
	value *ir.Value
	site
}

func (c *checker) choose(f *frame, s *lang.When, cond *ir.Value) {
	taken := c.branch(f, s.Then, cond)
	other := c.branch(f, s.Else, c.pool.Call("not", cond))
	for _, name := range sortedKeys(taken) {
		a, b := taken[name], other[name]
		if a == b || a == nil || b == nil {
			continue
		}
		if a.Mask != b.Mask {
			a, b = c.toReal(a), c.toReal(b)
		}
		c.give(f, name, c.pool.Call("where", cond, a, b))
	}
}

// give makes v the value of a name that takes `<-`.
func (c *checker) give(f *frame, name string, v *ir.Value) {
	b := f.names[name]
	b.value = c.hold(f, v, b.variable, name)
	if i, ok := f.states[name]; ok {
		c.prog.States[i].New = b.value
	}
}

// branch elaborates a block that runs only when guard is set, and returns what the names of the body then stand for; the
// names themselves are as before.
func (c *checker) branch(f *frame, stmts []lang.Stmt, guard *ir.Value) map[string]*ir.Value {
	before := f.values()
	states, first := slices.Clone(c.prog.States), len(c.prog.States)
	c.guards++
	c.block(f, stmts, true)
	c.guards--
	after := f.values()
	for name, v := range before {
		f.names[name].value = v
	}
	copy(c.prog.States, states)
	for i := first; i < len(c.prog.States); i++ {
		st := &c.prog.States[i]
		st.New = c.pool.Hold(c.pool.Call("where", guard, st.New, c.pool.Load(i)), c.varOf[i])
	}
	maps.DeleteFunc(after, func(name string, _ *ir.Value) bool { return before[name] == nil })
	return after
}

// values are what the names that take `<-` stand for.
func (f *frame) values() map[string]*ir.Value {
	out := map[string]*ir.Value{}
	for name, b := range f.names {
		if b.variable >= 0 && !b.bad {
			out[name] = b.value
		}
	}
	return out
}

// guarded reports whether the statement being elaborated runs only at times.
func (c *checker) guarded(f *frame) bool { return c.guards > f.guards }

// now is t in a body: the runs of this call. A call that runs only at times counts for itself.
func (c *checker) now(f *frame) *ir.Value {
	switch {
	case f.count != nil:
	case f.caller == nil || f.caller.caller == nil:
		f.count = c.pool.Input("t")
	case f.guards == f.caller.guards:
		f.count = c.now(f.caller)
	default:
		v := c.newVariable(f, lang.Ident{Span: f.site, Name: "t"}, nil)
		runs := c.newState(f, "t", c.pool.Number(0), v)
		f.count = c.pool.Hold(c.pool.Call("add", runs, c.pool.Number(1)), v)
		c.prog.States[len(c.prog.States)-1].New = f.count
	}
	return f.count
}
