package python

import (
	"fmt"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// axis is along which a matrix of an extent is reduced per a line.
func axis(from, per ir.Extent) int {
	if per == from.FirstAxis() {
		return 1
	}
	return 0
}

// line gives a vector the shape of its extent: (n, 1) per row, (1, n) per column.
func line(s string, is, e ir.Extent) string {
	switch {
	case is == e:
		return s
	case e == ir.Row:
		return s + ".reshape(-1, 1)"
	}
	return s + ".reshape(1, -1)"
}

func along(from, per ir.Extent) ir.Extent {
	if axis(from, per) == 1 {
		return ir.Row
	}
	return ir.Col
}

func (b *block) reduce(v *ir.Value) string {
	f, a := b.f, v.Args[0]
	torch := f.host == Torch
	helper := map[string]string{"reduce_min": "least", "reduce_max": "greatest"}[v.Op.Name]
	name := map[string]string{"sum": "sum", "reduce_min": "amin", "reduce_max": "amax"}[v.Op.Name]
	switch {
	case f.collective(v):
		return b.combine(v, name)
	case !a.Extent.IsArray(): // one group
		return b.argument(a)
	case v.Extent.IsArray():
		s := fmt.Sprintf("torch.%s(%s, dim=%d, keepdim=True)", name, b.argument(a), axis(a.Extent, v.Extent))
		if !torch {
			initial := map[string]string{"reduce_min": ", initial=jnp.inf", "reduce_max": ", initial=-jnp.inf"}[v.Op.Name]
			s = fmt.Sprintf("jnp.%s(%s, axis=%d, keepdims=True%s)", strings.TrimPrefix(name, "a"), b.argument(a), axis(a.Extent, v.Extent), initial)
		}
		return line(s, along(a.Extent, v.Extent), v.Extent)
	case helper != "":
		return fmt.Sprintf("%s(%s)", f.use(helper), b.argument(a))
	case torch:
		return fmt.Sprintf("torch.sum(%s, dtype=torch.float64)", b.argument(a))
	}
	return fmt.Sprintf("jnp.sum(%s, dtype=float)", b.argument(a))
}

// combine folds what every tensor or group has.
func (b *block) combine(v *ir.Value, name string) string {
	a := v.Args[0]
	all := b.pl.kept[a]
	if b.f.host == Optax {
		all = "jax.tree.leaves(" + all + ")"
		if name == "sum" {
			return "sum(" + all + ")"
		}
		sign := map[string]string{"amin": "", "amax": "-"}[name]
		return fmt.Sprintf("jnp.%s(jnp.array(%s, float), initial=%sjnp.inf)", name[1:], all, sign)
	}
	values := all + ".values()"
	if v.Per == ir.Group && a.Extent > ir.Group {
		values = fmt.Sprintf("%s[p] for p in params", all)
	}
	if name == "sum" {
		return "sum(" + values + ")"
	}
	if strings.HasSuffix(values, ")") {
		values = "list(" + values + ")"
	} else {
		values = "[" + values + "]"
	}
	if b.f.sort[a] == number {
		return fmt.Sprintf("torch.tensor(%s, dtype=torch.float64).%s()", values, name)
	}
	return fmt.Sprintf("torch.stack(%s).%s()", values, name)
}

func (b *block) array(v *ir.Value) (string, int) {
	f := b.f
	np := f.np()
	if v.Op.Kind == op.Order {
		return b.statistic(v), atom
	}
	vector := func(a *ir.Value, e ir.Extent) string { return line(b.within(a, atom), a.Extent, e) }
	flat := func(a *ir.Value) string { return b.within(a, atom) + ".reshape(-1)" }
	isLine := func(a *ir.Value) bool { return a.Extent == ir.Row || a.Extent == ir.Col }
	switch v.Op.Name {
	case "matmul":
		x, y := v.Args[0], v.Args[1]
		switch {
		case isLine(y) && !isLine(x):
			s := b.within(x, mulLevel) + " @ " + vector(y, ir.Row)
			if v.Extent == ir.Row {
				return s, mulLevel
			}
			return line("("+s+")", ir.Row, v.Extent), atom
		case isLine(x):
			s := vector(x, ir.Col) + " @ " + b.within(y, atom)
			if v.Extent == ir.Col {
				return s, mulLevel
			}
			return line("("+s+")", ir.Col, v.Extent), atom
		}
		return b.within(x, mulLevel) + " @ " + b.within(y, mulLevel+1), mulLevel
	case "transpose":
		return b.within(v.Args[0], atom) + ".T", atom
	case "diag":
		if isLine(v) {
			return line(fmt.Sprintf("%sdiagonal(%s)", np, b.argument(v.Args[0])), ir.Elem, v.Extent), atom
		}
		return fmt.Sprintf("%sdiag(%s)", np, flat(v.Args[0])), atom
	case "tril":
		return fmt.Sprintf("%stril(%s)", np, b.argument(v.Args[0])), atom
	case "trace":
		return fmt.Sprintf("%strace(%s)%s", np, b.argument(v.Args[0]), map[Host]string{Torch: ".double()", Optax: ".astype(float)"}[f.host]), atom
	case "outer":
		return fmt.Sprintf("%souter(%s, %s)", np, flat(v.Args[0]), flat(v.Args[1])), atom
	case "eye":
		n := map[ir.Extent]string{ir.RowRow: "x.shape[0]", ir.ColCol: "x.shape[1]"}[v.Of]
		if f.host == Torch {
			return fmt.Sprintf("torch.eye(%s, dtype=p.dtype, device=p.device)", n), atom
		}
		return fmt.Sprintf("jnp.eye(%s, dtype=%s)", n, f.dtype()), atom
	}
	return b.factor(v)
}

// factor calls the helper of a whole-array operator.
func (b *block) factor(v *ir.Value) (string, int) {
	f := b.f
	var args []string
	for _, a := range v.Args[:v.Op.Args] {
		args = append(args, b.argument(a))
	}
	if n := v.Op.Args - 1; v.Op.Name == "solve" && (v.Extent == ir.Row || v.Extent == ir.Col) {
		args[n] = line(b.within(v.Args[n], atom), v.Args[n].Extent, ir.Row)
	}
	for _, a := range v.Args[v.Op.Args : v.Op.Args+len(v.Op.Params)] {
		args = append(args, b.argument(a))
	}
	name := f.use(v.Op.Name)
	s := fmt.Sprintf("%s(%s)", name, strings.Join(args, ", "))
	if f.branches(v) {
		same := args[v.Op.Args-1]
		s = fmt.Sprintf("jax.lax.cond(%s, lambda: %s, lambda: jnp.zeros_like(%s))", b.argument(v.Guard()), s, same)
	}
	if v.Op.Name == "solve" && v.Extent == ir.Col {
		s = line(s, ir.Row, ir.Col)
	}
	return s, atom
}

func (b *block) statistic(v *ir.Value) string {
	f, a := b.f, v.Args[0]
	k := b.argument(v.Args[1])
	name := v.Op.Name
	switch {
	case f.collective(v):
		us := b.pl.kept[a]
		cond := ""
		if g := v.Guard(); g != nil {
			cond = b.pl.kept[g]
		}
		return fmt.Sprintf("%s(%s, %s)", f.use(name+"_all"), b.pl.some(us, cond, v.Per), k)
	case v.Per.IsArray() && name != "topk":
		return line(fmt.Sprintf("%s(%s, %s, %d)", f.use(name), b.argument(a), k, axis(a.Extent, v.Per)), along(a.Extent, v.Per), v.Extent)
	case v.Per.IsArray():
		return fmt.Sprintf("%s(%s, %s, %d)", f.use(name), b.argument(a), k, axis(a.Extent, v.Per))
	case name == "topk":
		return fmt.Sprintf("%s(%s.reshape(-1), %s, 0).reshape(%s)", f.use(name), b.within(a, atom), k, f.shape(a.Extent))
	}
	return fmt.Sprintf("%s(%s.reshape(-1), %s, 0)[0]%s", f.use(name), b.within(a, atom), k, map[Host]string{Torch: ".double()", Optax: ".astype(float)"}[f.host])
}

// some is what is kept, of the tensors of a group or those that a guard chooses.
func (pl *plan) some(us, cond string, per ir.Extent) string {
	if pl.f.host == Optax {
		if cond == "" {
			return us
		}
		return fmt.Sprintf("jax.tree.map(lambda u, yes: u.reshape(-1) if yes else u.reshape(-1)[:0], %s, %s)", us, cond)
	}
	from := us
	if per == ir.Group {
		from = "params"
	}
	switch {
	case cond != "":
		return fmt.Sprintf("{p: %s[p] for p in %s if %s[p]}", us, from, cond)
	case per == ir.Group:
		return fmt.Sprintf("{p: %s[p] for p in params}", us)
	}
	return us
}

func (b *block) draw(v *ir.Value) string {
	f := b.f
	shape := "()"
	if v.Extent.IsArray() {
		shape = f.shape(v.Extent)
	}
	if f.host == Optax {
		key := "key"
		if f.scope(v) != tensorScope {
			key = "step_key"
		}
		return fmt.Sprintf("jax.random.%s(jax.random.fold_in(%s, %d), %s, %s)", v.Name, key, v.Index, shape, f.typeOf(v))
	}
	name, device := map[string]string{"normal": "torch.randn", "uniform": "torch.rand"}[v.Name], "p.device"
	if name == "" {
		name = f.use("rademacher")
	}
	if f.scope(v) != tensorScope {
		device = `torch.device("cpu")`
	}
	return fmt.Sprintf("%s(%s, generator=generators[%s], dtype=%s, device=%s)", name, shape, device, f.typeOf(v), device)
}

func (b *block) probe(v *ir.Value) (string, int) {
	at := b.pl.kept[v.Args[0]]
	s := ""
	switch v.Name {
	case "hvp":
		s = fmt.Sprintf("self._product(closure, %s, %s)", at, b.pl.kept[v.Args[1]])
	case "grad":
		s = fmt.Sprintf("self._ask(closure, %s)[0]", at)
	default:
		s = fmt.Sprintf("self._ask(closure, %s)[1]", at)
	}
	if g := v.Guard(); g != nil {
		otherwise := "{p: torch.zeros_like(p) for p in tensors}"
		if v.Name == "loss" {
			otherwise = b.f.use("double") + "(0.0)"
		}
		return fmt.Sprintf("%s if %s else %s", s, b.within(g, orLevel), otherwise), ternary
	}
	return s, atom
}
