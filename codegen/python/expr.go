package python

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
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

func (b *block) apply(v *ir.Value) (string, int) {
	f := b.f
	args := f.operands(v)
	form := forms[v.Op.Name]
	if f.sort[v] == number {
		level := form.tight
		if level == 0 && v.Op.Name != "where" {
			level = form.level
		}
		if strings.HasSuffix(form.number, ")") {
			level = atom
		}
		return b.fill(v, form.number, level, args), level
	}
	if f.host == Torch {
		if s, level, ok := b.torchSpecial(v, args); ok {
			return s, level
		}
	} else if s, ok := b.optaxSpecial(v, args); ok {
		return s, atom
	}
	text, level := form.text, form.level
	if f.host == Torch && form.torch != "" {
		text, level = form.torch, atom
		if name, _, ok := strings.Cut(strings.TrimPrefix(form.torch, "_"), "("); ok && strings.HasPrefix(form.torch, "_") {
			f.use(name)
		}
	} else if f.host == Optax && form.optax != "" {
		text, level = form.optax, atom
	}
	return b.fill(v, text, level, args), level
}

// fill puts operands in the places of a form.
func (b *block) fill(v *ir.Value, text string, level int, args []*ir.Value) string {
	f := b.f
	prefix := strings.HasPrefix(text, "$a.")
	call := strings.HasSuffix(text, ")") && !prefix
	var with []string
	for i, a := range args {
		least := level
		switch {
		case prefix:
			least = atom
		case call:
			least = ternary
		case level == ternary || level == powLevel || i > 0 || level == compareLevel:
			least = level + 1
		}
		s := bracket(least)(b.operand(v, a, call))
		with = append(with, []string{"$a", "$b", "$c"}[i], s)
	}
	with = append(with, "np.", f.np(), "$T", f.typeOf(v))
	return strings.NewReplacer(with...).Replace(text)
}

// typeOf is the element type of v's result.
func (f *frame) typeOf(v *ir.Value) string {
	switch {
	case v.Extent.IsArray():
		return f.dtype()
	case f.host == Torch:
		return "torch.float64"
	}
	return "float"
}

// operand is the text of an operand of v; what is of the step's type is rounded where it meets an array.
func (b *block) operand(v, a *ir.Value, call bool) (string, int) {
	f := b.f
	if v.Extent.IsArray() && f.sort[a] == scalar && !a.Mask {
		return b.within(a, atom) + map[Host]string{Torch: ".to(", Optax: ".astype("}[f.host] + f.dtype() + ")", atom
	}
	if call {
		return b.argument(a), ternary
	}
	if v.Op.Name == "pow" && a.Kind == ir.Number && f.host == Torch {
		return numberText(a.Num, false)
	}
	return b.text(a)
}

// tensor is the text of an operand as a tensor.
func (b *block) tensor(v, a *ir.Value) string {
	f := b.f
	if f.sort[a] != number {
		s, _ := b.operand(v, a, true)
		return s
	}
	if v.Extent.IsArray() {
		return fmt.Sprintf("%s.new_tensor(%s)", f.tensorName(), b.argument(a))
	}
	return fmt.Sprintf("%s(%s)", f.use("double"), b.argument(a))
}

// torchSpecial prints what torch says in another way when some operands are Python numbers.
func (b *block) torchSpecial(v *ir.Value, args []*ir.Value) (string, int, bool) {
	f := b.f
	var numbers int
	for _, a := range args {
		if f.sort[a] == number {
			numbers++
		}
	}
	arg := func(i int) string { s, _ := b.operand(v, args[i], true); return s }
	isNumber := func(i int) bool { return f.sort[args[i]] == number }
	switch {
	case v.Op.Name == "real" && numbers == 1:
		return b.tensor(v, args[0]), atom, true
	case v.Op.Name == "where":
		parts := []string{b.tensorMask(args[0]), arg(1), arg(2)}
		if isNumber(1) && isNumber(2) {
			parts[1] = b.tensor(v, args[1])
		}
		return "torch.where(" + strings.Join(parts, ", ") + ")", atom, true
	case (v.Op.Name == "min" || v.Op.Name == "max") && numbers == 1:
		i := 0
		if isNumber(0) {
			i = 1
		}
		return fmt.Sprintf("torch.clamp(%s, %s=%s)", arg(i), map[string]string{"min": "max", "max": "min"}[v.Op.Name], arg(1-i)), atom, true
	case v.Op.Name == "clamp" && !isNumber(0) && isNumber(1) && isNumber(2):
		return fmt.Sprintf("torch.clamp(%s, %s, %s)", arg(0), arg(1), arg(2)), atom, true
	case numbers == 0 || v.Op.MaskArgs != 0:
		return "", 0, false
	case numbers < len(args) && !forms[v.Op.Name].allArrays:
		return "", 0, false
	}
	form := forms[v.Op.Name]
	text, level := form.text, form.level
	if form.torch != "" {
		f.use(strings.TrimPrefix(strings.Split(form.torch, "(")[0], "_"))
		text, level = form.torch, atom
	}
	var with []string
	for i, a := range args {
		s := b.tensor(v, a)
		if !strings.HasSuffix(text, ")") && f.sort[a] != number {
			s = bracket(level + 1)(b.operand(v, a, false))
		}
		with = append(with, []string{"$a", "$b", "$c"}[i], s)
	}
	return strings.NewReplacer(append(with, "np.", "torch.")...).Replace(text), level, true
}

// tensorMask is a mask as a tensor.
func (b *block) tensorMask(a *ir.Value) string {
	if b.f.sort[a] != number {
		return b.within(a, ternary)
	}
	return fmt.Sprintf("torch.tensor(%s)", b.within(a, ternary))
}

// optaxSpecial prints what Python numbers need to be like arrays.
func (b *block) optaxSpecial(v *ir.Value, args []*ir.Value) (string, bool) {
	f := b.f
	for _, a := range args {
		if f.sort[a] > weak {
			if v.Op.Name == "real" && f.sort[args[0]] != array && v.Extent.IsArray() {
				return fmt.Sprintf("jnp.asarray(%s, %s)", b.argument(args[0]), f.dtype()), true
			}
			return "", false
		}
	}
	switch v.Op.Name {
	case "div":
		if !f.safe(v) {
			return fmt.Sprintf("jnp.divide(%s, %s)", b.argument(args[0]), b.argument(args[1])), true
		}
	case "mod":
		if !f.safe(v) {
			return fmt.Sprintf("jnp.remainder(%s, %s)", b.argument(args[0]), b.argument(args[1])), true
		}
	case "pow":
		if !f.safe(v) {
			return fmt.Sprintf("jnp.power(%s, %s)", b.argument(args[0]), b.argument(args[1])), true
		}
	case "real":
		return fmt.Sprintf("jnp.asarray(%s, %s)", b.argument(args[0]), f.typeOf(v)), true
	}
	return "", false
}

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

// pythonString is a string literal.
func pythonString(s string) string { return strconv.Quote(s) }
