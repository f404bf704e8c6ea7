package python

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// text is the text of a value where it is read, and how tightly it binds.
func (b *block) text(v *ir.Value) (string, int) {
	if n := b.name(v); n != "" {
		return n, atom
	}
	if to := b.forward[v]; to != nil {
		return b.spread(to, v.Extent, v.Mask)
	}
	if leaf(v) {
		return b.leaf(v)
	}
	return b.definition(v)
}

func (b *block) within(v *ir.Value, least int) string { return bracket(least)(b.text(v)) }

func bracket(least int) func(string, int) string {
	return func(s string, level int) string {
		if level < least {
			return "(" + s + ")"
		}
		return s
	}
}

// numberText is a constant; in a call it is a float, between operators a whole number may be an int.
func numberText(v float64, call bool) (string, int) {
	level := atom
	if v < 0 || v == 0 && math.Signbit(v) {
		level = negLevel
	}
	switch {
	case math.IsNaN(v):
		return "math.nan", atom
	case math.IsInf(v, 1):
		return "math.inf", atom
	case math.IsInf(v, -1):
		return "-math.inf", negLevel
	case v == math.Trunc(v) && math.Abs(v) < 1e15 && !(v == 0 && math.Signbit(v)):
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if call {
			s += ".0"
		}
		return s, level
	}
	s := strconv.FormatFloat(v, 'g', -1, 64)
	s = strings.Replace(strings.Replace(s, "e-0", "e-", 1), "e+", "e", 1)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s, level
}

func (b *block) leaf(v *ir.Value) (string, int) {
	f := b.f
	switch v.Kind {
	case ir.Number:
		if v.Mask {
			return map[bool]string{true: "True", false: "False"}[v.Num != 0], atom
		}
		return numberText(v.Num, false)
	case ir.Hyper:
		return f.hypers[v.Index], atom
	case ir.Named:
		return fmt.Sprintf("%s(name, %s)", f.use("match"), pythonString(v.Name)), atom
	case ir.Size:
		return b.size(v), atom
	case ir.Load:
		return f.load(v.Index), atom
	case ir.Given:
		return f.givenText(v.Index), atom
	}
	switch v.Name {
	case "x":
		return f.xName(), atom
	case "rank":
		return f.tensorName() + ".ndim", atom
	case "rows":
		return "x.shape[0]", atom
	case "cols":
		return "x.shape[1]", atom
	case "loss":
		if f.host == Torch {
			return f.use("double") + "(loss)", atom
		}
		return "value", atom
	}
	return v.Name, atom
}

// tensorName is the parameter as the host has it, xName as the rule sees it.
func (f *frame) tensorName() string {
	if f.host == Torch || f.matrix {
		return "p"
	}
	return "x"
}

func (f *frame) xName() string {
	if f.matrix {
		return "x"
	}
	return f.tensorName()
}

func (f *frame) dtype() string { return f.tensorName() + ".dtype" }

// load is a state as the step found it, where it is not a local name.
func (f *frame) load(i int) string {
	switch s := f.p.States[i]; {
	case f.scopeOf(s.Extent) == tensorScope:
		return f.states[i]
	case f.host == Optax:
		return "state." + f.states[i]
	case f.scopeOf(s.Extent) == groupScope:
		return "group[" + pythonString(f.states[i]) + "]"
	}
	return "model[" + pythonString(f.states[i]) + "]"
}

func (f *frame) givenText(i int) string {
	g, name := f.p.Givens[i], f.givens[i]
	if f.host == Torch && g.Load && f.scopeOf(g.Extent) != tensorScope {
		name = "self." + name
	}
	switch {
	case g.Extent == ir.Row:
		return name + ".reshape(-1, 1)"
	case g.Extent == ir.Col:
		return name + ".reshape(1, -1)"
	case g.Extent.IsArray():
	case f.host == Optax:
		return "jnp.asarray(" + name + ", float)"
	case f.scopeOf(g.Extent) == groupScope:
		return name + "[i]"
	}
	return name
}

func (b *block) size(v *ir.Value) string {
	numel := map[Host]string{Torch: "numel()", Optax: "size"}[b.f.host]
	all := "params"
	if b.f.host == Optax {
		all = "jax.tree.leaves(params)"
		if v.Of == ir.Group {
			return "1"
		}
	} else if v.Per == ir.Model {
		all = "tensors"
	}
	switch {
	case v.Of == ir.Group:
		return "len(groups)"
	case v.Per == ir.Tensor:
		return b.f.tensorName() + "." + numel
	case v.Of == ir.Tensor:
		return "len(" + all + ")"
	}
	return "sum(p." + numel + " for p in " + all + ")"
}

// definition is the text that computes v.
func (b *block) definition(v *ir.Value) (string, int) {
	switch v.Kind {
	case ir.Apply:
		return b.apply(v)
	case ir.Spread, ir.Var:
		return b.spread(v.Args[0], v.Extent, v.Mask)
	case ir.Reduce:
		return b.reduce(v), atom
	case ir.Array:
		return b.array(v)
	case ir.Draw:
		return b.draw(v), atom
	case ir.Probe:
		return b.probe(v)
	}
	return b.leaf(v)
}

// shape is the shape of a value of an array extent.
func (f *frame) shape(e ir.Extent) string {
	r, c := "x.shape[0]", "x.shape[1]"
	switch e {
	case ir.Row:
		c = "1"
	case ir.Col:
		r = "1"
	case ir.RowRow:
		c = r
	case ir.ColCol:
		r = c
	case ir.ColRow:
		r, c = c, r
	default:
		return f.xName() + ".shape"
	}
	return "(" + r + ", " + c + ")"
}

// spread is v at a finer extent.
func (b *block) spread(v *ir.Value, e ir.Extent, mask bool) (string, int) {
	if v.Extent == e || !e.IsArray() {
		return b.text(v)
	}
	f := b.f
	np := f.np()
	if v.Extent.IsArray() {
		return fmt.Sprintf("%sbroadcast_to(%s, %s)", np, b.within(v, ternary), f.shape(e)), atom
	}
	dtype := f.dtype()
	if mask {
		dtype = map[Host]string{Torch: "torch.bool", Optax: "bool"}[f.host]
	}
	s := b.argument(v)
	switch {
	case f.host == Optax:
		return fmt.Sprintf("jnp.full(%s, %s, %s)", f.shape(e), s, dtype), atom
	case f.sort[v] == scalar:
		return fmt.Sprintf("%s.to(%s.device, %s).expand(%s)", b.within(v, atom), f.tensorName(), dtype, f.shape(e)), atom
	case e == ir.Elem && !mask:
		return fmt.Sprintf("torch.full_like(%s, %s)", f.xName(), s), atom
	}
	return fmt.Sprintf("torch.full(%s, %s, dtype=%s, device=%s.device)", f.shape(e), s, dtype, f.tensorName()), atom
}

func (f *frame) np() string {
	if f.host == Torch {
		return "torch."
	}
	return "jnp."
}

// argument is the text of v in a call.
func (b *block) argument(v *ir.Value) string {
	if v.Kind == ir.Number && !v.Mask {
		s, _ := numberText(v.Num, true)
		return s
	}
	s, _ := b.text(v)
	return s
}

// pythonString is a string literal.
func pythonString(s string) string { return strconv.Quote(s) }
