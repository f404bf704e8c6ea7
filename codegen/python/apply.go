package python

import (
	"fmt"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

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
