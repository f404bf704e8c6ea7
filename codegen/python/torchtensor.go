package python

import (
	"fmt"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// tensor prints the body of the loop over parameters.
func (t *torchLoops) tensor(w *writer, level int, s *section, b *block) {
	f, pl := t.f, t.pl
	last := level == pl.last
	if !pl.gathered() && !t.eval {
		w.line("if p.grad is None:")
		w.in(func() { w.line("continue") })
		w.line("if p.grad.is_sparse:")
		w.in(func() {
			w.line("raise RuntimeError(%s)", pythonString(className(f.p.Name)+" does not support sparse gradients"))
		})
	}
	if t.keepsState() && (last || t.loads(s)) {
		if !t.start && !t.eval {
			t.initState(w)
		} else {
			w.line("state = self.state[p]")
		}
	}
	t.reads(w, s, b)
	b.print(w)
	if last {
		t.store(w, b)
	}
	for _, v := range s.targets {
		if name := pl.kept[v]; pl.keptAt(v, s.at) {
			text, level := b.text(v)
			if f.probes && aliases(v) {
				text = bracket(atom)(text, level) + ".clone()"
			}
			w.line("%s[p] = %s", name, text)
		}
	}
}

// reads prints the local names of what a tensor's section reads.
func (t *torchLoops) reads(w *writer, s *section, b *block) {
	f, pl := t.f, t.pl
	of, names := []string{"p"}, []string{"x"}
	for _, v := range f.inputs(s) {
		array := v.Extent == ir.Elem
		name, from := "", ""
		switch {
		case v.Kind == ir.Input && v.Name == "g":
			name, from = "g", "p.grad"
			if f.probes {
				from = "grads[p]"
			}
		case v.Kind == ir.Load && f.scopeOf(v.Extent) == tensorScope:
			name = f.states[v.Index]
			from = "state[" + pythonString(name) + "]"
			if f.p.States[v.Index].As.Format != "" {
				from += ".to(p.dtype)"
			}
		case v.Kind == ir.Given && f.scopeOf(v.Extent) == tensorScope:
			name, from = f.givens[v.Index], "all_"+f.givens[v.Index]+"[p]"
		case v.Kind == ir.Named && !strings.Contains(w.b.String(), "name = names[p]"):
			w.line("name = names[p]")
			continue
		case !leaf(v) && (f.scope(v) == tensorScope || f.whole(v)):
			name, from, array = b.names[v], pl.kept[v]+"[p]", v.Kind == ir.Probe
			if f.whole(v) && v.Kind != ir.Probe {
				from = pl.kept[v] + ".get(p)"
			}
		default:
			continue
		}
		if array && f.matrix {
			of, names = append(of, from), append(names, name)
			continue
		}
		w.line("%s = %s", name, from)
	}
	if !f.matrix {
		return
	}
	f.use("matrix")
	for i := range of {
		w.line("%s = _matrix(%s)", names[i], of[i])
	}
}

// initState prints how a parameter's state starts.
func (t *torchLoops) initState(w *writer) {
	f := t.f
	w.line("state = self.state[p]")
	w.line("if not state:")
	w.in(func() {
		for i, s := range f.p.States {
			if f.scopeOf(s.Extent) == tensorScope {
				w.line("state[%s] = %s", pythonString(f.states[i]), f.torchZero(s))
			}
		}
	})
}

// torchZero is a state before the first step.
func (f *frame) torchZero(s ir.State) string {
	init, _ := numberText(s.Init, true)
	dtype := torchNarrow[s.As.Format]
	switch {
	case s.Extent == ir.Tensor:
		return init
	case s.Extent == ir.Elem && dtype == "" && s.Init == 0:
		return "torch.zeros_like(p)"
	case s.Extent == ir.Elem && dtype == "":
		return fmt.Sprintf("torch.full_like(p, %s)", init)
	case s.Extent == ir.Elem:
		return fmt.Sprintf("torch.full_like(p, %s, dtype=%s)", init, dtype)
	}
	if dtype == "" {
		dtype = "p.dtype"
	}
	f.use("matrix")
	shape := strings.NewReplacer("x.shape", "_matrix(p).shape").Replace(f.shape(s.Extent))
	return fmt.Sprintf("torch.full(%s, %s, dtype=%s, device=p.device)", shape, init, dtype)
}

var torchNarrow = map[string]string{"bf16": "torch.bfloat16", "f16": "torch.float16"}

// aliases reports whether a value may be the memory of a parameter or of a gradient.
func aliases(v *ir.Value) bool {
	switch v.Kind {
	case ir.Input, ir.Given:
		return v.Extent.IsArray()
	case ir.Spread, ir.Var:
		return aliases(v.Args[0])
	case ir.Array:
		return (v.Op.Name == "transpose" || v.Op.Name == "diag") && aliases(v.Args[0])
	case ir.Apply:
		return v.Op.Name == "where" && !v.Args[0].Extent.IsArray() && (aliases(v.Args[1]) || aliases(v.Args[2]))
	}
	return false
}

// store prints what the parameter and its states become.
func (t *torchLoops) store(w *writer, b *block) {
	f := t.f
	if t.eval {
		text, level := b.text(t.x)
		if f.matrix {
			text = bracket(atom)(text, level) + ".view_as(p)"
		}
		if aliases(t.x) || t.x.Kind == ir.Load {
			text = bracket(atom)(text, level) + ".clone()"
		}
		w.line("points[p] = %s", text)
		return
	}
	for i, v := range t.states {
		s := f.p.States[i]
		if f.scopeOf(s.Extent) != tensorScope || v.Kind == ir.Load && v.Index == i {
			continue
		}
		text, level := b.text(v)
		call := func() string { return bracket(atom)(text, level) }
		switch {
		case s.Extent == ir.Tensor:
			text = t.number(b, v)
		case f.matrix && s.Extent == ir.Elem:
			text, level = call()+".reshape(p.shape)", atom
		}
		if aliases(v) {
			text, level = call()+".clone()", atom
		}
		if s.As.Format != "" {
			text = call() + ".to(" + torchNarrow[s.As.Format] + ")"
		}
		w.line("state[%s] = %s", pythonString(f.states[i]), text)
	}
	x := t.x
	text, level := b.text(x)
	switch {
	case x.Kind == ir.Input && x.Name == "x":
	case f.matrix:
		w.line("p.copy_(%s.reshape(p.shape))", bracket(atom)(text, level))
	case x.Kind == ir.Apply && x.Op.Name == "sub" && x.Args[0].Kind == ir.Input && x.Args[0].Name == "x" && x.Args[1].Extent.IsArray() && b.onlyStored(x):
		s, _ := b.operand(x, x.Args[1], true)
		w.line("p.sub_(%s)", s)
	default:
		w.line("p.copy_(%s)", text)
	}
}

// onlyStored reports whether x is printed where it is stored and nowhere else.
func (b *block) onlyStored(x *ir.Value) bool { return b.here[x] && b.inline[x] }

// number is the text of a step value as a Python number.
func (t *torchLoops) number(b *block, v *ir.Value) string {
	text := b.argument(v)
	if t.f.sort[v] == number {
		return text
	}
	return "float(" + text + ")"
}

// storeOnce prints what the states of the model or a group become: all at once, since one may be what another was.
func (t *torchLoops) storeOnce(w *writer, dict string, items []string, at scope, b *block) {
	f := t.f
	for i, v := range t.states {
		if f.scopeOf(f.p.States[i].Extent) == at && !(v.Kind == ir.Load && v.Index == i) {
			items = append(items, pythonString(f.states[i])+": "+t.number(b, v))
		}
	}
	if len(items) == 1 {
		name, value, _ := strings.Cut(items[0], ": ")
		w.line("%s[%s] = %s", dict, name, value)
	} else if len(items) > 1 {
		one := dict + ".update({" + strings.Join(items, ", ") + "})"
		if len(one)+4*w.indent <= 100 {
			w.line("%s", one)
			return
		}
		w.line("%s.update({", dict)
		w.in(func() {
			for _, i := range items {
				w.line("%s,", i)
			}
		})
		w.line("})")
	}
}
