package python

import (
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// rootsOf sorts what a step gives by scope: x and the states, each at its extent.
func (f *frame) rootsOf() (tensor, group, model []*ir.Value, x *ir.Value, states []*ir.Value) {
	pool := f.p.Pool
	x = pool.Spread(f.p.X, ir.Elem)
	tensor = append(tensor, x)
	for _, s := range f.p.States {
		v := pool.Spread(s.New, s.Extent)
		states = append(states, v)
		switch f.scopeOf(s.Extent) {
		case tensorScope:
			tensor = append(tensor, v)
		case groupScope:
			group = append(group, v)
		default:
			model = append(model, v)
		}
	}
	return tensor, group, model, x, states
}

// optax prints the function that makes the transformation.
func (f *frame) optax() string {
	f.use("map")
	w := &writer{}
	class := className(f.p.Name)
	if class == identifier(f.p.Name) { // the function has the name
		class += "Transformation"
	}
	w.line("class %sState(NamedTuple):", class)
	w.in(func() {
		w.line(`"""What %s keeps between steps."""`, identifier(f.p.Name))
		w.line("")
		w.line("count: jax.Array")
		if f.draws {
			w.line("key: jax.Array")
		}
		for i, s := range f.p.States {
			w.line("%s: %s", f.field(i), map[bool]string{true: "Any", false: "jax.Array"}[f.scopeOf(s.Extent) == tensorScope])
		}
	})
	w.line("")
	w.line("")
	w.line("class %s(optax.GradientTransformationExtraArgs):", class)
	w.in(func() {
		w.line(`"""The pair (init, update), with apply%s beside it."""`, map[bool]string{true: " and eval_params"}[f.p.Eval != nil])
	})
	w.line("")
	w.line("")
	f.signature(w, "def "+identifier(f.p.Name), f.loaded(), f.draws)
	w.in(func() {
		w.docstring(f.optaxDoc(class))
		f.checks(w, func(h string) string { return h })
		w.line("")
		f.optaxInit(w, class)
		w.line("")
		f.optaxApply(w, class)
		w.line("")
		f.optaxUpdate(w)
		if f.p.Eval != nil {
			w.line("")
			f.optaxEval(w)
		}
		w.line("")
		w.line("transformation = %s(init, update)", class)
		w.line("transformation.apply = apply")
		if f.p.Eval != nil {
			w.line("transformation.eval_params = eval_params")
		}
		w.line("return transformation")
	})
	return w.b.String()
}

// field is the name of a state's field.
func (f *frame) field(i int) string { return f.states[i] }

func (f *frame) loaded() (names []string) {
	for i, g := range f.p.Givens {
		if g.Load {
			names = append(names, f.givens[i])
		}
	}
	return names
}

// extra are the inputs of a step beside gradients, state and parameters.
func (f *frame) extra() (names []string) {
	if f.host == Optax && f.p.Reads("loss") {
		names = append(names, "value")
	}
	for i, g := range f.p.Givens {
		if !g.Load {
			names = append(names, f.givens[i])
		}
	}
	return names
}

// signature prints the head of a function with the hyperparameters and their defaults.
func (f *frame) signature(w *writer, head string, first []string, seed bool) {
	args := slices.Clone(first)
	for i, h := range f.p.Hypers {
		d, _ := numberText(h.Default, false)
		args = append(args, f.hypers[i]+"="+d)
	}
	if seed {
		args = append(args, "seed=0")
	}
	open, end := "(", "):"
	if strings.Contains(head, "(") {
		open = ", "
		if strings.HasSuffix(head, "(") {
			open = ""
		}
	}
	one := head + open + strings.Join(args, ", ") + end
	if len(one)+4*w.indent <= 100 {
		w.line("%s", strings.Replace(one, ", ):", "):", 1))
		return
	}
	if strings.Contains(head, "(") {
		h, inner, _ := strings.Cut(head, "(")
		head = h
		if inner != "" {
			args = append(strings.Split(inner, ", "), args...)
		}
	}
	w.line("%s(", head)
	w.in(func() {
		for _, a := range args {
			w.line("%s,", a)
		}
	})
	w.line("%s", end)
}

// checks prints a refusal for each hyperparameter with an interval.
func (f *frame) checks(w *writer, of func(string) string) {
	for i, h := range f.p.Hypers {
		name := f.hypers[i]
		test := intervalTest(of(name), h)
		if test == "" {
			continue
		}
		if f.host == Optax {
			w.line("if isinstance(%s, (int, float)) and not %s:", name, test)
		} else {
			w.line("if not %s:", test)
		}
		w.in(func() {
			text := fmt.Sprintf("{%s} is outside %s", strings.ReplaceAll(of(name), `"`, "'"), h.Interval())
			if h.Integer {
				text = fmt.Sprintf("{%s} is no whole number in %s", strings.ReplaceAll(of(name), `"`, "'"), h.Interval())
			}
			w.line("raise ValueError(f\"%s = %s\")", h.Name, text)
		})
	}
}

// intervalTest is true of a hyperparameter's values and false of NaN.
func intervalTest(name string, h ir.HyperDecl) string {
	end := func(v float64) string { s, _ := numberText(v, false); return s }
	less := map[bool]string{true: "<", false: "<="}
	s := fmt.Sprintf("%s %s %s %s %s", end(h.Lo), less[h.OpenLo], name, less[h.OpenHi], end(h.Hi))
	if h.Integer {
		return fmt.Sprintf("(%s and %s %% 1 == 0)", s, name)
	}
	return s
}

// doc is the rule's own text and its arguments.
func (f *frame) doc() string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(f.p.Doc))
	if b.Len() == 0 {
		b.WriteString("The rule " + f.p.Name + ".")
	}
	return strings.Join(wrapped(b.String(), 92), "\n")
}

func (f *frame) arguments(extra ...string) string {
	var b strings.Builder
	item := func(text string) {
		for i, l := range wrapped(text, 88) {
			b.WriteString(map[bool]string{true: "    ", false: "        "}[i == 0] + l + "\n")
		}
	}
	for _, e := range extra {
		item(e)
	}
	for i, h := range f.p.Hypers {
		text := f.hypers[i] + ": in " + h.Interval() + "."
		if h.Doc != "" {
			text = f.hypers[i] + ": " + strings.TrimSuffix(strings.Join(strings.Fields(h.Doc), " "), ".") + "; in " + h.Interval() + "."
		}
		item(text)
	}
	if f.draws {
		item("seed: of the random values, which are the host's own and not those of Go.")
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n\nArgs:\n" + strings.TrimRight(b.String(), "\n")
}

func (f *frame) givenDoc(load bool) (lines []string) {
	for i, g := range f.p.Givens {
		if g.Load != load {
			continue
		}
		what := "a tree like the parameters, one value per " + g.Extent.String()
		if f.host == Torch {
			what = "a list in the order of the parameters, one value per " + g.Extent.String()
		}
		switch g.Extent {
		case ir.Model:
			what = "a number"
		case ir.Group:
			what = "a number"
			if f.host == Torch {
				what = "a list of numbers, one a group"
			}
		case ir.Tensor:
			what = strings.Replace(what, "one value per tensor", "of numbers", 1)
		}
		text := f.givens[i] + ": " + what
		if g.Doc != "" {
			text = f.givens[i] + ": " + strings.TrimSuffix(strings.Join(strings.Fields(g.Doc), " "), ".") + "; " + what
		}
		lines = append(lines, text+".")
	}
	return lines
}

func (f *frame) optaxDoc(class string) string {
	doc := f.doc() + f.arguments(f.givenDoc(true)...)
	extra := f.givenDoc(false)
	if f.p.Reads("loss") {
		extra = append([]string{"value: the loss at the parameters."}, extra...)
	}
	if len(extra) > 0 {
		doc += "\n\nExtra arguments of update and apply:\n"
		for _, e := range extra {
			doc += "    " + strings.Join(wrapped(e, 88), "\n        ") + "\n"
		}
		doc = strings.TrimRight(doc, "\n")
	}
	eval := ""
	if f.p.Eval != nil {
		eval = " The model is to be evaluated at eval_params(state, params), not at the parameters."
	}
	return doc + "\n\nReturns:\n" + "    " + strings.Join(wrapped("An optax.GradientTransformation. The updates are new - old parameters: applying them gives the new ones "+
		"exactly where no element grows or shrinks more than twofold in a step, and elsewhere up to a unit in the last "+
		"place of the larger of the two; "+
		"its apply(grads, state, params) gives (new parameters, state) without that. All hyperparameters are those of one group: "+
		"optax.partition makes more. Numbers coarser than a row are float64 under jax_enable_x64 alone."+eval, 88), "\n    ")
}

func (f *frame) optaxInit(w *writer, class string) {
	w.line("def init(params):")
	w.in(func() {
		w.line("return %sState(", class)
		w.in(func() {
			w.line("count=jnp.zeros([], jnp.int32),")
			if f.draws {
				w.line("key=jax.random.key(seed),")
			}
			for i := range f.p.States {
				w.line("%s=%s,", f.field(i), f.optaxZero(i))
			}
		})
		w.line(")")
	})
}

// narrow are the types of narrow states.
var narrow = map[string]string{"bf16": "jnp.bfloat16", "f16": "jnp.float16"}

// optaxZero is a state before the first step.
func (f *frame) optaxZero(i int) string {
	s := f.p.States[i]
	init, _ := numberText(s.Init, true)
	dtype := narrow[s.As.Format]
	switch {
	case f.scopeOf(s.Extent) != tensorScope:
		return fmt.Sprintf("jnp.asarray(%s, float)", init)
	case s.Extent == ir.Tensor:
		return fmt.Sprintf("jax.tree.map(lambda p: jnp.asarray(%s, float), params)", init)
	case s.Extent == ir.Elem && s.Init == 0 && dtype == "":
		return "jax.tree.map(jnp.zeros_like, params)"
	case s.Extent == ir.Elem && dtype == "":
		return fmt.Sprintf("jax.tree.map(lambda p: jnp.full_like(p, %s), params)", init)
	case s.Extent == ir.Elem:
		return fmt.Sprintf("jax.tree.map(lambda p: jnp.full_like(p, %s, dtype=%s), params)", init, dtype)
	}
	if dtype == "" {
		dtype = "p.dtype"
	}
	r, c := "_matrix(p).shape[0]", "_matrix(p).shape[1]"
	f.use("matrix")
	shape := strings.NewReplacer("x.shape[0]", r, "x.shape[1]", c).Replace(f.shape(s.Extent))
	return fmt.Sprintf("jax.tree.map(lambda p: jnp.full(%s, %s, %s), params)", shape, init, dtype)
}

// optaxApply prints the step.
func (f *frame) optaxApply(w *writer, class string) {
	tensor, group, model, x, states := f.rootsOf()
	pl := f.plan(tensor, group, model)
	head := "def apply(grads, state, params"
	if extra := f.extra(); len(extra) > 0 {
		head += ", *, " + strings.Join(extra, ", ")
	}
	w.line("%s):", head)
	w.in(func() {
		w.line(`"""The new parameters and the new state."""`)
		w.line("count = state.count + 1")
		if pl.reads("t") {
			w.line("t = count.astype(float)")
		}
		if f.p.Reads("loss") {
			w.line("value = jnp.asarray(value, float)")
		}
		if f.draws {
			w.line("key, step_key = jax.random.split(state.key)")
		}
		outs := f.optaxSections(w, pl, tensor, f.prefers(x, states))
		fields := []string{"count"}
		if f.draws {
			fields = append(fields, "key")
		}
		for i, v := range states {
			text := outs[v]
			if s := f.p.States[i]; f.scopeOf(s.Extent) != tensorScope {
				text = fmt.Sprintf("jnp.asarray(%s, float)", outs[v])
			} else if s.As.Format != "" {
				text = fmt.Sprintf("jax.tree.map(lambda u: u.astype(%s), %s)", narrow[s.As.Format], outs[v])
			}
			fields = append(fields, text)
		}
		w.call("return "+outs[x]+", "+class+"State", fields)
	})
}

// call prints a call, on one line if it fits.
func (w *writer) call(head string, args []string) {
	if one := head + "(" + strings.Join(args, ", ") + ")"; len(one)+4*w.indent <= 100 {
		w.line("%s", one)
		return
	}
	w.line("%s(", head)
	w.in(func() {
		for _, a := range args {
			w.line("%s,", a)
		}
	})
	w.line(")")
}

// prefers are the names that the results of a step should have.
func (f *frame) prefers(x *ir.Value, states []*ir.Value) map[*ir.Value]string {
	prefer := map[*ir.Value]string{x: "x"}
	for i, v := range states {
		if prefer[v] == "" && f.scopeOf(f.p.States[i].Extent) == tensorScope {
			prefer[v] = f.states[i]
		}
	}
	return prefer
}

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

func (f *frame) optaxUpdate(w *writer) {
	head := "def update(grads, state, params=None, "
	pass := ""
	if extra := f.extra(); len(extra) > 0 {
		head += "*, " + strings.Join(extra, ", ") + ", "
		for _, e := range extra {
			pass += ", " + e + "=" + e
		}
	}
	w.line("%s**extra_args):", head)
	w.in(func() {
		w.line("del extra_args")
		w.line("if params is None:")
		w.in(func() { w.line("raise ValueError(optax.NO_PARAMS_MSG)") })
		w.line("new_params, new_state = apply(grads, state, params%s)", pass)
		w.line("return jax.tree.map(jnp.subtract, new_params, params), new_state")
	})
}

func (f *frame) optaxEval(w *writer) {
	x := f.p.Pool.Spread(f.p.Eval, ir.Elem)
	pl := f.plan([]*ir.Value{x}, nil, nil)
	w.line("def eval_params(state, params):")
	w.in(func() {
		w.line(`"""Where the model is to be evaluated."""`)
		if pl.reads("t") {
			w.line("t = state.count.astype(float)")
		}
		outs := f.optaxSections(w, pl, []*ir.Value{x}, nil)
		w.line("return jax.tree.map(lambda p, y: jnp.where(state.count > 0, y, p), params, %s)", outs[x])
	})
}
