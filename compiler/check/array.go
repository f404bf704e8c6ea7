package check

import (
	"strconv"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
)

// maxArray bounds the size of an array.
const maxArray = 256

// bindArray declares an array of lets or states: as many variables of one extent, bound as NAME[0], NAME[1], ...
func (c *checker) bindArray(f *frame, s *lang.Bind) {
	b := &binding{variable: -1, bad: true, assignWhat: "is an array: give one of its elements a value, or push"}
	if !c.declareName(f, s.Name, b) {
		return
	}
	size, ok := c.whole(f, s.Size, "the size of an array")
	if !ok {
		return
	}
	if size < 1 || size > maxArray {
		c.errorf(f, s.Size.Where(), "", "an array has 1 to %d elements, not %s", maxArray, ir.FormatNumber(size))
		return
	}
	per := c.per(f, s.Per)
	var init *ir.Value
	if s.State {
		if init, ok = c.initial(f, s); !ok {
			return
		}
	} else if init = c.expr(f, s.Value); init == nil || !c.noStorage(f, s) {
		return
	}
	b.bad, b.array = false, int(size)
	variable := c.newVariable(f, s.Name, per)
	for i := range b.array {
		name := element(s.Name.Name, i)
		e := &binding{variable: variable, real: s.State}
		if s.State {
			e.value = c.newState(f, name, init, variable, s.As)
			f.states[name] = len(c.prog.States) - 1
		} else {
			e.value = c.hold(f, init, variable, name)
		}
		f.names[name] = e
	}
}

func element(name string, i int) string { return name + "[" + strconv.Itoa(i) + "]" }

// index elaborates NAME[I]: the index is known when the rule is compiled.
func (c *checker) index(f *frame, e *lang.Index) *ir.Value {
	id, ok := e.X.(*lang.Name)
	if !ok || f.names[id.Name] == nil {
		c.errorf(f, e.Span, "", "only an array has elements, as in S[0]")
		return nil
	}
	b := f.names[id.Name]
	if b.bad {
		return nil
	}
	if b.array == 0 {
		c.errorf(f, e.Span, "", "%s is not an array", id.Name)
		return nil
	}
	name, ok := c.elementAt(f, id.Name, b, e.I)
	if !ok {
		return nil
	}
	return f.names[name].value
}

func (c *checker) elementAt(f *frame, name string, b *binding, index lang.Expr) (string, bool) {
	i, ok := c.whole(f, index, "an array's index")
	if !ok {
		return "", false
	}
	if i < 0 || int(i) >= b.array {
		c.errorf(f, index.Where(), "", "%s has the elements 0 to %d, not %s", name, b.array-1, ir.FormatNumber(i))
		return "", false
	}
	return element(name, int(i)), true
}

// assignArray gives one element a value, or pushes one: the newest becomes element 0, the oldest is forgotten.
func (c *checker) assignArray(f *frame, s *lang.Assign, b *binding) {
	name := s.Name.Name
	if s.Index != nil {
		at, ok := c.elementAt(f, name, b, s.Index)
		if v := c.expr(f, s.Value); v != nil && ok {
			c.giveElement(f, at, v)
		}
		return
	}
	call, ok := s.Value.(*lang.Call)
	if !ok || call.Fn.Name != "push" || len(call.Args) != 2 || !names(call.Args[0], name) {
		c.errorf(f, s.Value.Where(), "write `"+name+" <- push("+name+", value)` or give one element a value", "%s is an array", name)
		return
	}
	v := c.expr(f, call.Args[1])
	if v == nil || !c.plain(f, call) {
		return
	}
	for i := b.array - 1; i > 0; i-- {
		c.giveElement(f, element(name, i), f.names[element(name, i-1)].value)
	}
	c.giveElement(f, element(name, 0), v)
}

func (c *checker) giveElement(f *frame, name string, v *ir.Value) {
	if f.names[name].real {
		v = c.toReal(v)
	}
	c.give(f, name, v)
}

func names(e lang.Expr, name string) bool {
	id, ok := e.(*lang.Name)
	return ok && id.Name == name
}
