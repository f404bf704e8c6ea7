package property

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// Symmetry is how a rule treats the elements of a tensor.
type Symmetry struct {
	Elementwise bool   // each element is on its own
	Permutation bool   // elements may change places
	Why         string // what is neither
	Rows, Cols  bool   // turning all columns, or all rows, by one rotation turns the step: X to Q@X, or to X@Q
	WhyRows     string
	WhyCols     string
}

func symmetry(p *ir.Program, order []*ir.Value) Symmetry {
	s := Symmetry{Elementwise: true, Permutation: true}
	together := func(why string) {
		s.Elementwise = false
		if s.Why == "" {
			s.Why = why
		}
	}
	for _, v := range order {
		if e := v.Extent; e.IsArray() && e != ir.Elem {
			s.Permutation = false
		}
		switch {
		case v.Kind == ir.Reduce && v.Args[0].Extent >= ir.Tensor, isOrder(v):
			together(operator(v))
		case v.Kind == ir.Array:
			s.Permutation = false
			together(operator(v))
		case v.Kind == ir.Probe, v.Kind == ir.Input && v.Name == "loss":
			together("what the model says")
		case v.Kind == ir.Draw && v.Extent.IsArray(), v.Kind == ir.Given && v.Extent.IsArray():
			s.Permutation = false
			if s.Why == "" {
				s.Why = "random values and further inputs"
			}
		}
	}
	s.WhyRows = turned(p, order, ir.Row)
	s.WhyCols = turned(p, order, ir.Col)
	s.Rows, s.Cols = s.WhyRows == "", s.WhyCols == ""
	return s
}

// turn is what a rotation Q of one axis makes of a value: every index on that axis is turned, or none, or it cannot be said.
// A value without that axis stays what it is.
type turn uint8

const (
	stays turn = iota
	zero       // which is turned and stays
	turns
	product // of two values that turn, element by element: its sum over the axis is an inner product
	broken
)

// turned says why the rule does not answer to a rotation of an axis by the same rotation; "" if it does. States begin at
// zero or without the axis, and the last round proves that they keep their way to answer.
func turned(p *ir.Program, order []*ir.Value, axis ir.Extent) string {
	t := &turner{axis: axis, of: map[*ir.Value]turn{}, states: make([]turn, len(p.States))}
	for i, s := range p.States {
		if t.states[i] = stays; t.has(s.Extent) && s.Init != 0 {
			t.states[i] = broken
		} else if s.Init == 0 {
			t.states[i] = zero
		}
	}
	for range len(p.States) + 2 {
		settled := true
		for _, v := range order {
			t.of[v] = t.value(v)
		}
		for i, s := range p.States {
			if j := t.join(t.states[i], t.of[s.New]); j != t.states[i] {
				t.states[i], settled = j, false
			}
		}
		if settled {
			break
		}
	}
	if t.of[p.X] == turns {
		return ""
	}
	for _, v := range order {
		if t.of[v] != broken || v.Kind == ir.Load || slices.ContainsFunc(v.Args, func(u *ir.Value) bool { return t.of[u] == broken }) {
			continue
		}
		switch v.Kind {
		case ir.Reduce, ir.Array:
			return operator(v)
		case ir.Apply:
			return v.Op.Name + " of each element"
		case ir.Probe:
			return "what the model is asked"
		}
		return "random values and further inputs"
	}
	return "its states"
}

type turner struct {
	axis   ir.Extent // Row or Col
	of     map[*ir.Value]turn
	states []turn
}

// has reports whether values of an extent have the axis.
func (t *turner) has(e ir.Extent) bool {
	switch e {
	case ir.Elem, ir.ColRow:
		return true
	case ir.Row, ir.RowRow:
		return t.axis == ir.Row
	case ir.Col, ir.ColCol:
		return t.axis == ir.Col
	}
	return false
}

// join is what two values have in common that are added or chosen from.
func (t *turner) join(a, b turn) turn {
	switch {
	case a == broken || b == broken:
		return broken
	case a == zero:
		return b
	case b == zero || a == b:
		return a
	}
	return broken
}

func (t *turner) value(v *ir.Value) turn {
	at := func(i int) turn { return t.of[v.Args[i]] }
	switch v.Kind {
	case ir.Number:
		if v.Num == 0 && !v.Mask {
			return zero
		}
		return stays
	case ir.Input:
		if t.has(v.Extent) {
			return turns
		}
		return stays
	case ir.Load:
		return t.states[v.Index]
	case ir.Spread:
		if at(0) == stays && t.has(v.Extent) && !t.has(v.Args[0].Extent) {
			return stays // the same number in every place
		}
		return at(0)
	case ir.Draw, ir.Given:
		if t.has(v.Extent) {
			return broken
		}
		return stays
	case ir.Apply:
		return t.apply(v)
	case ir.Reduce:
		return t.reduce(v)
	case ir.Array:
		return t.array(v)
	case ir.Probe:
		return t.probe(v)
	}
	return stays
}

func (t *turner) apply(v *ir.Value) turn {
	l := t.of[v.Args[0]]
	var r turn
	if len(v.Args) > 1 {
		r = t.of[v.Args[1]]
	}
	switch v.Op.Name {
	case "neg":
		return l
	case "add", "sub":
		if j := t.join(l, r); j != stays {
			return j
		}
	case "mul":
		switch {
		case l == zero && r != broken || r == zero && l != broken:
			return zero
		case l == turns && r == turns:
			return product
		case r == stays:
			return l
		case l == stays:
			return r
		}
	case "div":
		if l == zero && r != broken || r == stays {
			return l
		}
	case "where":
		if a, b := t.of[v.Args[1]], t.of[v.Args[2]]; l == stays {
			return t.join(a, b)
		}
	}
	for _, a := range v.Args {
		if t.of[a] >= turns {
			return broken
		}
	}
	return stays
}

// reduce is of the other axis, which is linear, or of a product of two values that turn alike.
func (t *turner) reduce(v *ir.Value) turn {
	u := v.Args[0]
	switch {
	case t.of[u] == product && v.Op.Name == "sum" && !t.has(v.Extent):
		return stays
	case t.of[u] == stays || t.of[u] == zero:
		return t.of[u]
	case t.of[u] == turns && v.Op.Name == "sum" && t.has(v.Extent):
		return turns
	}
	return broken
}

func (t *turner) array(v *ir.Value) turn {
	if len(v.Args) == 0 {
		if t.has(v.Of) {
			return turns // Q@I@Q' is I
		}
		return stays
	}
	all, none, some := true, true, false
	for _, a := range v.Args[:v.Op.Args] {
		switch s := t.of[a]; {
		case s == broken || s == product:
			return broken
		case s == zero:
		case t.has(a.Extent) && s == turns:
			none, some = false, true
		case t.has(a.Extent):
			all = false
		}
	}
	for _, a := range v.Args[v.Op.Args:] {
		if t.of[a] >= turns {
			return broken
		}
	}
	switch v.Op.Name {
	case "matmul", "transpose", "outer", "trace", "inv", "solve", "inv_root", "orthogonalize", "polar", "svd_shrink":
		if none && !some && all {
			if t.zeroAll(v) {
				return zero
			}
			return stays
		}
		if all && some {
			if t.has(v.Extent) {
				return turns
			}
			return stays
		}
		return broken
	}
	if some || t.has(v.Extent) {
		return broken
	}
	return stays
}

func (t *turner) zeroAll(v *ir.Value) bool {
	for _, a := range v.Args[:v.Op.Args] {
		if t.of[a] != zero {
			return false
		}
	}
	return true
}

// probe is of a model whose parameters are turned with x.
func (t *turner) probe(v *ir.Value) turn {
	if t.of[v.Args[0]] != turns || v.Name == "hvp" && t.of[v.Args[1]] != turns {
		return broken
	}
	if v.Name == "loss" {
		return stays
	}
	return turns
}
