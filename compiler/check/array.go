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
	b := &binding{variable: -1, bad: true}
	if !c.declareName(f, s.Name, b) {
		return
	}
	size, ok := c.whole(f, s.Size, "the size of an array")
	if !ok {
		return
	}
	if size < 1 || size > maxArray {
		c.errorf(f, s.Size.Where(), "", "an array has 1 to %d elements, and %s has %s", maxArray, s.Name.Name, ir.FormatNumber(size))
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
	if !ok {
		c.errorf(f, e.Span, "give it a name: an array is declared as in `let a[4] = 0`", "only an array has elements")
		return nil
	}
	b := f.names[id.Name]
	switch {
	case b == nil:
		return c.name(f, id) // which says what is wrong with it
	case b.bad:
		return nil
	case b.array == 0:
		c.notArray(f, e.Span, id.Name)
		return nil
	}
	name, ok := c.elementAt(f, id.Name, b, e.I)
	if !ok {
		return nil
	}
	return f.names[name].value
}

func (c *checker) notArray(f *frame, at lang.Span, name string) {
	c.errorf(f, at, "an array is declared with its size, as in `state S[10] = 0`", "%s is not an array", name)
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
			c.place(f, f.names[at].value, s.Value)
		}
		return
	}
	call, ok := s.Value.(*lang.Call)
	if !ok || call.Fn.Name != "push" || len(call.Args) != 2 || !names(call.Args[0], name) {
		c.errorf(f, s.Value.Where(), "write `"+name+" <- push("+name+", value)`, or give one element a value, as in `"+name+"[0] <- value`", "%s is an array, which takes no value as a whole", name)
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
	c.place(f, f.names[element(name, 0)].value, call.Args[1])
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
