package check

import (
	"maps"
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
)

// when elaborates one branch if the condition is known, and both if it is not: then what the branches give to a name is
// selected by the condition, and what the calls in a branch keep changes only when the branch is taken. A condition of
// shapes and names alone is decided for each tensor when the optimizer is built: its branches are as good as the body.
func (c *checker) when(f *frame, s *lang.When) {
	cond := c.mask(f, s.Cond)
	switch {
	case cond == nil:
	case cond.Kind != ir.Number:
		c.conditions = append(c.conditions, condition{cond, false, site{s.Cond.Where(), f.decl.file}})
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
	until bool
	site
}

func (c *checker) choose(f *frame, s *lang.When, cond *ir.Value) {
	runTime := 1
	if ir.IsStatic(cond) {
		runTime = 0
	}
	taken := c.branch(f, s.Then, cond, runTime)
	other := c.branch(f, s.Else, c.pool.Call("not", cond), runTime)
	c.merge(f, cond, taken, other)
}

// merge gives every name what the branch that is taken has given it.
func (c *checker) merge(f *frame, cond *ir.Value, taken, other map[string]*ir.Value) {
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
func (c *checker) branch(f *frame, stmts []lang.Stmt, guard *ir.Value, runTime int) map[string]*ir.Value {
	before := c.values(f)
	states, first, outer, left := slices.Clone(c.prog.States), len(c.prog.States), c.guard, f.left
	c.guard = c.both(outer, guard)
	c.guards += runTime
	c.branches++
	c.block(f, stmts, true)
	c.branches--
	c.guards -= runTime
	c.guard = outer
	if f.left != left {
		f.left = c.pool.Call("or", left, c.pool.Call("and", guard, f.left))
	}
	after := c.values(f)
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

// until leaves the loop: what stands below it and the turns that follow run only while no `until` has.
func (c *checker) until(f *frame, s *lang.Until) {
	if f.left == nil {
		c.errorf(f, s.Span, "put it into the block of a `repeat`", "`until` leaves a loop, and stands in none")
		return
	}
	if cond := c.mask(f, s.Cond); cond != nil {
		c.conditions = append(c.conditions, condition{cond, true, site{s.Cond.Where(), f.decl.file}})
		f.left = c.pool.Call("or", f.left, cond)
	}
}

// unlessLeft elaborates statements that run only while the loop has not been left.
func (c *checker) unlessLeft(f *frame, stmts []lang.Stmt) {
	left := f.left
	if left.Kind == ir.Number {
		if left.Num == 0 {
			c.block(f, stmts, true)
		}
		return
	}
	before := c.values(f)
	c.merge(f, left, before, c.branch(f, stmts, c.pool.Call("not", left), 1))
}

// values are what the names that take `<-` stand for.
func (c *checker) values(f *frame) map[string]*ir.Value {
	c.copied(f)
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
		runs := c.newState(f, "t", c.pool.Number(0), v, nil)
		f.count = c.pool.Hold(c.pool.Call("add", runs, c.pool.Number(1)), v)
		c.prog.States[len(c.prog.States)-1].New = f.count
	}
	return f.count
}
