package python

import (
	"fmt"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

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
