package python

import (
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

// torch prints the optimizer's class.
func (f *frame) torch() string {
	w := &writer{}
	w.line("class %s(torch.optim.Optimizer):", className(f.p.Name))
	w.in(func() {
		w.docstring(f.torchDoc())
		w.line("")
		f.torchInit(w)
		if f.checked() {
			w.line("")
			w.line("def add_param_group(self, param_group):")
			w.in(func() {
				w.line("group = {**self.defaults, **param_group}")
				f.checks(w, func(h string) string { return "group[" + pythonString(h) + "]" })
				w.line("super().add_param_group(param_group)")
			})
		}
		w.line("")
		f.torchStep(w)
		if f.p.Eval != nil {
			w.line("")
			f.torchEval(w)
		}
		if f.probes {
			w.line("")
			w.lines(askText)
		}
		for _, v := range ir.Reachable(f.p.Roots()...) {
			if v.Kind == ir.Probe && v.Name == "hvp" {
				w.line("")
				w.lines(productText)
				break
			}
		}
	})
	return w.b.String()
}

func (w *writer) lines(text string) {
	for l := range strings.SplitSeq(strings.Trim(text, "\n"), "\n") {
		w.line("%s", l)
	}
}

func (f *frame) checked() bool { return len(f.p.Hypers) > 0 }

func (f *frame) torchDoc() string {
	params := "params: parameters to optimize, or dicts of them with hyperparameters of their own."
	for _, v := range ir.Reachable(append(f.p.Roots(), f.p.Eval)...) {
		if v.Kind == ir.Named {
			params = "params: parameters to optimize with their names, as model.named_parameters() has them, or dicts of them with hyperparameters of their own."
			break
		}
	}
	doc := f.doc() + f.arguments(append([]string{params}, f.givenDoc(true)...)...)
	var notes []string
	if extra := f.givenDoc(false); len(extra) > 0 {
		notes = append(notes, "step takes beside the closure "+strings.Join(extra, " "))
	}
	if f.probes {
		notes = append(notes, "It asks the model several times a step: step needs a closure that computes the loss, its gradients too, and returns it.")
	}
	if f.p.Eval != nil {
		notes = append(notes, "The model is to be evaluated at eval_params(), not at the parameters.")
	}
	for _, n := range notes {
		doc += "\n\n" + strings.Join(wrapped(n, 92), "\n")
	}
	return doc
}

func (f *frame) torchInit(w *writer) {
	f.signature(w, "def __init__(self, params", f.loaded(), f.draws)
	w.in(func() {
		var defaults []string
		for _, h := range f.hypers {
			defaults = append(defaults, h+"="+h)
		}
		for i, s := range f.p.States {
			if f.scopeOf(s.Extent) == groupScope {
				d, _ := numberText(s.Init, true)
				defaults = append(defaults, f.states[i]+"="+d)
			}
		}
		w.line("super().__init__(params, dict(%s))", strings.Join(defaults, ", "))
		for _, g := range f.loaded() {
			w.line("self.%s = %s", g, g)
		}
		w.line(`self.state["model"] = {%s}`, strings.Join(f.modelStates(), ", "))
	})
}

func (f *frame) modelStates() []string {
	items := []string{`"t": 0`}
	if f.draws {
		items = append(items, `"seed": seed`)
	}
	for i, s := range f.p.States {
		if f.scopeOf(s.Extent) == modelScope {
			d, _ := numberText(s.Init, true)
			items = append(items, pythonString(f.states[i])+": "+d)
		}
	}
	return items
}

// gathered reports whether a plan needs all tensors at once, not one after another.
func (pl *plan) gathered() bool {
	if pl.f.probes || len(pl.kept) > 0 || pl.last > 0 {
		return true
	}
	for at, s := range pl.sections {
		for v := range s.reads {
			if v.Kind == ir.Size && v.Per < ir.Tensor || v.Kind == ir.Given {
				return true
			}
		}
		if at.level > 0 {
			return true
		}
	}
	return false
}

func (f *frame) torchStep(w *writer) {
	tensor, group, model, x, states := f.rootsOf()
	pl := f.plan(tensor, group, model)
	args := "self, closure=None"
	if f.probes || f.p.Reads("loss") {
		args = "self, closure"
	}
	if extra := f.extra(); len(extra) > 0 {
		args += ", *, " + strings.Join(extra, ", ")
	}
	w.line("@torch.no_grad()")
	w.line("def step(%s):", args)
	w.in(func() {
		f.torchClosure(w)
		w.line(`model = self.state["model"]`)
		w.line(`t = model["t"] + 1`)
		f.torchGather(w, pl)
		t := &torchLoops{f: f, pl: pl, prefer: f.prefers(x, states), x: x, states: states}
		t.print(w)
		t.storeOnce(w, "model", []string{`"t": t`}, modelScope, t.model)
		w.line("return loss")
	})
}

func (f *frame) torchClosure(w *writer) {
	if f.probes || f.p.Reads("loss") {
		w.line("with torch.enable_grad():")
		w.in(func() { w.line("loss = closure()") })
		return
	}
	w.line("loss = None")
	w.line("if closure is not None:")
	w.in(func() {
		w.line("with torch.enable_grad():")
		w.in(func() { w.line("loss = closure()") })
	})
}

// torchGather prints what is known of all tensors before the loops.
func (f *frame) torchGather(w *writer, pl *plan) {
	named := pl.readsKind(ir.Named)
	if named {
		f.torchNames(w)
	}
	for i, g := range f.p.Givens {
		if f.scopeOf(g.Extent) == tensorScope {
			from := f.givens[i]
			if g.Load {
				from = "self." + from
			}
			w.line(`all_%s = dict(zip((p for group in self.param_groups for p in group["params"]), %s))`, f.givens[i], from)
		}
	}
	if pl.gathered() {
		w.line(`groups = [(group, [p for p in group["params"] if p.grad is not None]) for group in self.param_groups]`)
		w.line("groups = [(group, params) for group, params in groups if params]")
		w.line("tensors = [p for _, params in groups for p in params]")
		w.line("if not tensors:")
		w.in(func() { w.line("return loss") })
		w.line("if any(p.grad.is_sparse for p in tensors):")
		w.in(func() {
			w.line("raise RuntimeError(%s)", pythonString(className(f.p.Name)+" does not support sparse gradients"))
		})
		if f.probes {
			w.line("grads = {p: p.grad.clone() for p in tensors}")
		}
	}
	if f.draws {
		w.line("generators = {")
		w.in(func() {
			w.line(`device: torch.Generator(device).manual_seed((model["seed"] * 6364136223846793005 + t) %% 2**63)`)
			w.line(`for device in {torch.device("cpu")} | {p.device for group in self.param_groups for p in group["params"]}`)
		})
		w.line("}")
	}
}

func (f *frame) torchNames(w *writer) {
	w.line(`if any("param_names" not in group for group in self.param_groups):`)
	w.in(func() {
		w.line("raise ValueError(%s)", pythonString(className(f.p.Name)+" tells parameters apart by name: make it of model.named_parameters()"))
	})
	w.line(`names = {p: n for group in self.param_groups for p, n in zip(group["params"], group["param_names"])}`)
}

func (pl *plan) readsKind(k ir.Kind) bool {
	for _, s := range pl.sections {
		for v := range s.reads {
			if v.Kind == k {
				return true
			}
		}
	}
	return false
}

// torchLoops prints the sections of a plan: a loop over groups and their parameters a level.
type torchLoops struct {
	f      *frame
	pl     *plan
	prefer map[*ir.Value]string
	x      *ir.Value // where the new parameter is stored; in eval_params it is collected
	states []*ir.Value
	eval   bool
	model  *block
	start  bool // states are started by a function
}

func (t *torchLoops) print(w *writer) {
	f, pl := t.f, t.pl
	places := pl.places()
	t.model = &block{f: f, pl: pl}
	levels := 0
	for _, at := range places {
		levels = max(levels, at.level)
	}
	n := 0
	for _, at := range places {
		if at.scope == tensorScope && (at.level == pl.last || t.loads(pl.sections[at])) {
			n++
		}
	}
	t.start = n > 1 && t.keepsState()
	if t.start {
		w.line("for p in tensors:")
		w.in(func() { t.initState(w) })
	}
	for level := 0; level <= levels; level++ {
		if s := pl.sections[place{level, modelScope}]; s != nil {
			b := pl.build(s, nil, nil)
			b.print(w)
			pl.learn(b)
		}
		g, p := pl.sections[place{level, groupScope}], pl.sections[place{level, tensorScope}]
		if g != nil || p != nil {
			t.loop(w, level, g, p)
		}
	}
}

func (t *torchLoops) loads(s *section) bool {
	for v := range s.reads {
		if v.Kind == ir.Load && t.f.scopeOf(v.Extent) == tensorScope {
			return true
		}
	}
	return false
}

func (t *torchLoops) keepsState() bool {
	return slices.ContainsFunc(t.f.p.States, func(s ir.State) bool { return t.f.scopeOf(s.Extent) == tensorScope })
}

// loop prints a loop over groups.
func (t *torchLoops) loop(w *writer, level int, group, tensor *section) {
	f, pl := t.f, t.pl
	var gb, tb *block
	for _, s := range []*section{group, tensor} { // where results are kept, in order
		if s == nil {
			continue
		}
		for _, v := range s.targets {
			if pl.keptAt(v, s.at) {
				pl.kept[v] = pl.pool.Fresh(pl.keptName(v))
				w.line("%s = {}", pl.kept[v])
			}
		}
	}
	if group != nil {
		gb = pl.build(group, nil, nil)
		if n := t.wholeNames(gb); n != nil {
			for v, name := range n {
				gb.names[v] = name
			}
		}
		pl.learnGroup(gb)
	}
	if tensor != nil {
		var prefer map[*ir.Value]string
		var stored *ir.Value
		if level == pl.last {
			prefer, stored = t.prefer, t.x
			if _, kept := pl.kept[t.x]; kept || slices.Contains(t.states, t.x) {
				stored = nil
			}
		}
		tb = pl.build(tensor, prefer, stored)
	}
	index := t.needsIndex(group, tensor)
	gathered := pl.gathered()
	switch {
	case index:
		w.line("for i, (group, params) in enumerate(groups):")
	case gathered:
		w.line("for group, params in groups:")
	default:
		w.line("for group in self.param_groups:")
	}
	w.in(func() {
		var body writer
		body.indent = w.indent
		t.hypers(&body, group, tensor)
		t.groupReads(&body, level, group, tensor)
		if gb != nil {
			gb.print(&body)
			for _, v := range group.targets {
				if name := pl.kept[v]; pl.keptAt(v, group.at) && !f.whole(v) {
					body.line("%s[i] = %s", name, gb.argument(v))
				}
			}
		}
		if tb != nil {
			if gathered {
				body.line("for p in params:")
			} else {
				body.line(`for p in group["params"]:`)
			}
			body.in(func() { t.tensor(&body, level, tensor, tb) })
		}
		if level == pl.last && !t.eval {
			t.storeOnce(&body, "group", nil, groupScope, gb)
		}
		if body.b.Len() == 0 {
			body.line("pass")
		}
		w.b.WriteString(body.b.String())
	})
}

// keptAt reports whether a place computes v and stores it for others.
func (pl *plan) keptAt(v *ir.Value, at place) bool {
	_, kept := pl.kept[v]
	s := pl.f.scopeOf(v.Extent)
	if pl.f.whole(v) {
		s = pl.f.scope(v)
	}
	return kept && at == place{pl.levels[v], s}
}

// keptName is the name of the dict of a value.
func (pl *plan) keptName(v *ir.Value) string {
	if v.Label != "" {
		return identifier(v.Label) + "s"
	}
	if v.Kind == ir.Input && v.Name == "x" {
		return "points"
	}
	if v.Extent.IsArray() {
		return "us"
	}
	return "cs"
}

// wholeNames are the dicts of values that a group computes of its tensors at once.
func (t *torchLoops) wholeNames(b *block) map[*ir.Value]string {
	var out map[*ir.Value]string
	for _, v := range b.targets {
		if t.f.whole(v) {
			if out == nil {
				out = map[*ir.Value]string{}
			}
			out[v] = t.pl.kept[v]
		}
	}
	return out
}

// learnGroup takes over the names of a group's section.
func (pl *plan) learnGroup(b *block) {
	for v, n := range b.names {
		if b.here[v] {
			pl.names[v] = n
		}
	}
}

// groupReads prints the values of the group that earlier loops computed, and the plain numbers that the tensors read.
func (t *torchLoops) groupReads(w *writer, level int, sections ...*section) {
	done := map[*ir.Value]bool{}
	for _, s := range sections {
		if s == nil {
			continue
		}
		for _, v := range s.values(t.f) {
			if s.reads[v] && !leaf(v) && t.f.scope(v) == groupScope && !t.f.whole(v) && !t.f.floating(v) && t.pl.levels[v] < level && !done[v] {
				done[v] = true
				w.line("%s = %s[i]", t.pl.names[v], t.pl.kept[v])
			}
		}
	}
}

func (t *torchLoops) needsIndex(sections ...*section) bool {
	f, pl := t.f, t.pl
	for _, s := range sections {
		if s == nil {
			continue
		}
		for _, v := range s.values(f) {
			switch {
			case v.Kind == ir.Given && f.scopeOf(v.Extent) == groupScope:
				return true
			case !leaf(v) && f.scope(v) == groupScope && !f.whole(v) && !f.floating(v):
				if _, kept := pl.kept[v]; kept {
					return true
				}
			}
		}
	}
	return false
}

// hypers prints the hyperparameters that a loop reads.
func (t *torchLoops) hypers(w *writer, sections ...*section) {
	used := map[int]bool{}
	for _, s := range sections {
		if s == nil {
			continue
		}
		for v := range s.reads {
			if v.Kind == ir.Hyper {
				used[v.Index] = true
			}
		}
	}
	for i, h := range t.f.hypers {
		if used[i] {
			w.line("%s = group[%s]", h, pythonString(h))
		}
	}
}

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

func (f *frame) torchEval(w *writer) {
	x := f.p.Pool.Spread(f.p.Eval, ir.Elem)
	pl := f.plan([]*ir.Value{x}, nil, nil)
	w.line("@torch.no_grad()")
	w.line("def eval_params(self):")
	w.in(func() {
		w.line(`"""Where the model is to be evaluated: a tensor for each parameter, in order."""`)
		w.line(`model = self.state["model"]`)
		w.line(`t = model["t"]`)
		if pl.readsKind(ir.Named) {
			f.torchNames(w)
		}
		w.line("if t == 0:")
		w.in(func() { w.line(`return [p for group in self.param_groups for p in group["params"]]`) })
		started := "p.grad is not None"
		if slices.ContainsFunc(f.p.States, func(s ir.State) bool { return f.scopeOf(s.Extent) == tensorScope }) {
			started = "self.state.get(p)"
		}
		w.line(`groups = [(group, [p for p in group["params"] if %s]) for group in self.param_groups]`, started)
		w.line("groups = [(group, params) for group, params in groups if params]")
		w.line("tensors = [p for _, params in groups for p in params]")
		w.line("points = {}")
		t := &torchLoops{f: f, pl: pl, x: x, eval: true}
		pl.pool.Take("points")
		t.print(w)
		w.line(`return [points.get(p, p) for group in self.param_groups for p in group["params"]]`)
	})
}

const askText = `
def _ask(self, closure, points):
    """The gradients and the loss at points; parameters and gradients are put back."""
    saved = {p: (p.clone(), p.grad) for p in points}
    try:
        for p, point in points.items():
            p.copy_(point.reshape(p.shape))
            p.grad = None
        with torch.enable_grad():
            loss = closure()
        grads = {p: torch.zeros_like(p) if p.grad is None else p.grad for p in points}
    finally:
        for p, (x, grad) in saved.items():
            p.copy_(x)
            p.grad = grad
    return grads, torch.as_tensor(loss, dtype=torch.float64)
`

const productText = `
def _product(self, closure, points, along):
    """The Hessian at points times along, by central differences of the gradient."""

    def norm(us):
        return math.sqrt(sum(float(torch.sum(u * u, dtype=torch.float64)) for u in us.values()))

    size = norm(along)
    if size == 0:
        return {p: torch.zeros_like(p) for p in points}
    exact = all(p.dtype == torch.float64 for p in points)
    h = (2**-17 if exact else 2**-8) * (1 + norm(points)) / size
    above, _ = self._ask(closure, {p: x + h * along[p] for p, x in points.items()})
    below, _ = self._ask(closure, {p: x - h * along[p] for p, x in points.items()})
    return {p: (above[p] - below[p]) / (2 * h) for p in points}
`
