package python

import (
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
		if f.p.ClearGrad {
			w.line("self.zero_grad(set_to_none=False)")
		}
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
