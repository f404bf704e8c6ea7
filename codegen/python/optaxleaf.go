package python

import (
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// reads reports whether a section reads an input.
func (pl *plan) reads(name string) bool {
	for _, s := range pl.sections {
		for v := range s.reads {
			if v.Kind == ir.Input && v.Name == name {
				return true
			}
		}
	}
	return false
}

// optaxSections prints all sections and says what the roots are called.
func (f *frame) optaxSections(w *writer, pl *plan, roots []*ir.Value, prefer map[*ir.Value]string) map[*ir.Value]string {
	outs := map[*ir.Value]string{}
	for _, at := range pl.places() {
		s := pl.sections[at]
		if at.scope == modelScope {
			b := pl.build(s, nil, nil)
			b.print(w)
			pl.learn(b)
			for _, v := range s.targets {
				outs[v] = b.argument(v)
			}
			continue
		}
		var p map[*ir.Value]string
		if at.level == pl.last {
			p = prefer
		}
		f.optaxLeaf(w, pl, s, p, outs)
	}
	return outs
}

// learn takes over the names of a section of the model or of groups.
func (pl *plan) learn(b *block) {
	for v, n := range b.names {
		if b.here[v] {
			pl.names[v] = n
			if pl.f.whole(v) {
				pl.kept[v] = n
			}
		}
	}
}

// optaxLeaf prints the function of one tensor and its call on all.
func (f *frame) optaxLeaf(w *writer, pl *plan, s *section, prefer map[*ir.Value]string, outs map[*ir.Value]string) {
	b := pl.build(s, prefer, nil)
	params, trees := []string{f.tensorName()}, []string{"params"}
	var arrays []string // of params that are seen as matrices
	add := func(name, tree string) { params, trees = append(params, name), append(trees, tree) }
	var wide []string
	for _, v := range f.inputs(s) {
		switch {
		case v.Kind == ir.Input && v.Name == "g":
			add("g", "grads")
			arrays = append(arrays, "g")
		case v.Kind == ir.Load && f.scopeOf(v.Extent) == tensorScope:
			add(f.states[v.Index], "state."+f.field(v.Index))
			if f.p.States[v.Index].As.Format != "" {
				wide = append(wide, f.states[v.Index])
			}
			if v.Extent == ir.Elem {
				arrays = append(arrays, f.states[v.Index])
			}
		case v.Kind == ir.Given && f.scopeOf(v.Extent) == tensorScope:
			add(f.givens[v.Index], f.givens[v.Index])
			if v.Extent == ir.Elem {
				arrays = append(arrays, f.givens[v.Index])
			}
		case v.Kind == ir.Named && !slices.Contains(params, "name"):
			add("name", f.use("names")+"(params)")
		case !leaf(v) && (f.scope(v) == tensorScope || f.whole(v)):
			add(b.names[v], pl.kept[v])
		}
	}
	for _, v := range b.order {
		if v.Kind == ir.Draw && f.scope(v) == tensorScope && !slices.Contains(params, "key") {
			add("key", f.use("keys")+"(step_key, params)")
		}
	}
	name := pl.pool.Fresh(map[bool]string{true: "step", false: "measure"}[s.at.level == pl.last])
	w.line("")
	w.line("def %s(%s):", name, strings.Join(params, ", "))
	var results, texts []string
	w.in(func() {
		f.optaxViews(w, arrays, wide)
		b.print(w)
		for _, v := range s.targets {
			text := f.optaxResult(b, v, s.at.level == pl.last)
			texts = append(texts, text)
			n := pl.pool.Fresh(resultName(b, v))
			results = append(results, n)
			outs[v] = n
			pl.kept[v] = n
		}
		w.line("return %s", tuple(texts))
	})
	w.line("")
	w.call(tuple(results)+" = _map", append([]string{fmt.Sprint(len(results)), name}, trees...))
}

// inputs are what a section reads, the gradient first, then states in their order.
func (f *frame) inputs(s *section) []*ir.Value {
	var all []*ir.Value
	for _, v := range s.values(f) {
		if s.reads[v] {
			all = append(all, v)
		}
	}
	rank := func(v *ir.Value) int {
		switch {
		case v.Kind == ir.Input && v.Name == "g":
			return 0
		case v.Kind == ir.Load:
			return 1 + v.Index
		case leaf(v):
			return len(f.p.States) + 1
		}
		return len(f.p.States) + 2
	}
	slices.SortStableFunc(all, func(v, w *ir.Value) int { return rank(v) - rank(w) })
	return all
}

// resultName is what the tree of a value is called.
func resultName(b *block, v *ir.Value) string {
	if n := b.prefer[v]; n == "x" {
		return "new_params"
	} else if n != "" {
		return "new_" + n
	}
	if n := b.names[v]; n != "" {
		return n + "s"
	}
	return b.base(v) + "s"
}

func tuple(items []string) string {
	if len(items) == 1 {
		return items[0] + ","
	}
	return strings.Join(items, ", ")
}

// optaxViews prints how arrays are seen as matrices, and narrow states in the parameters' type.
func (f *frame) optaxViews(w *writer, arrays, wide []string) {
	for _, a := range wide {
		w.line("%s = %s.astype(%s)", a, a, f.dtype())
	}
	if !f.matrix {
		return
	}
	f.use("matrix")
	names := append([]string{"x"}, arrays...)
	of := append([]string{"p"}, arrays...)
	if len(names) == 1 {
		w.line("x = _matrix(p)")
		return
	}
	w.line("%s = map(_matrix, (%s))", strings.Join(names, ", "), strings.Join(of, ", "))
}

// optaxResult is the text of what a leaf function returns.
func (f *frame) optaxResult(b *block, v *ir.Value, last bool) string {
	text, level := b.text(v)
	switch {
	case last && v.Extent == ir.Tensor:
		return fmt.Sprintf("jnp.asarray(%s, float)", text)
	case last && f.matrix && v.Extent == ir.Elem:
		return bracket(atom)(text, level) + ".reshape(p.shape)"
	}
	return text
}
