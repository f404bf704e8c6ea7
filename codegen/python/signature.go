package python

import (
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
)

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
