package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

type opsCmd struct {
	Name string `arg:"" optional:"" help:"One operator, by its name or symbol."`
}

// Help is the verb's example.
func (opsCmd) Help() string {
	return `Prints the tables of operators, or all that is known about one. Parameters stand after the semicolon, with their defaults. An operator without vector code makes its pass run in plain Go.

Example:
  optc ops
  optc ops tanh
  optc ops inv_root
  optc ops '^'`
}

// shapes are the calls that ask for the shape of a parameter: no operators, but inputs of each tensor.
var shapes = []struct{ name, doc string }{
	{"rank", "number of dimensions of the parameter"},
	{"rows", "its first dimension; 1 for scalars and vectors"},
	{"cols", "the product of the other dimensions; of a vector its length"},
	{"numel", "number of elements, rows times columns"},
}

// groups are the tables of operators, in order.
var groups = []struct {
	title  string
	has    func(*op.Op) bool
	vector bool
}{
	{"arithmetic and comparisons", func(o *op.Op) bool { return o.Kind == op.Elementwise && o.Infix != "" }, true},
	{"functions of elements", func(o *op.Op) bool { return o.Kind == op.Elementwise && o.Infix == "" }, true},
	{"reductions over the tensor, or `per row`, `per col`, `per group`, `per model`", func(o *op.Op) bool { return o.Kind == op.Reduction }, false},
	{"order statistics, over the same", func(o *op.Op) bool { return o.Kind == op.Order }, false},
	{"whole matrices", func(o *op.Op) bool { return o.Kind == op.Array }, false},
	{"random values, one an element or `per row`, `per col`, `per tensor`, `per group`, `per model`", func(o *op.Op) bool { return o.Kind == op.Draw }, false},
}

// Run prints the tables or one row.
func (cmd *opsCmd) Run(c *console) error {
	if cmd.Name != "" {
		return printOps(c, cmd.Name)
	}
	for _, g := range groups {
		fmt.Fprintln(c.out, g.title)
		t := table{}
		if g.vector {
			t.header = []string{"", "vector", ""}
		}
		for _, o := range operators() {
			if !g.has(o) {
				continue
			}
			row := []string{written(o), o.Doc}
			if g.vector {
				row = []string{row[0], inVectors(o), row[1]}
			}
			t.add(row...)
		}
		t.print(c.out, "  ")
		fmt.Fprintln(c.out)
	}
	fmt.Fprintln(c.out, "shapes, once a tensor")
	t := table{}
	for _, s := range shapes {
		t.add(s.name+"(x)", s.doc)
	}
	t.print(c.out, "  ")
	fmt.Fprintln(c.out, "\nderived: put in closed form when the rule is compiled")
	t = table{}
	for _, d := range op.Derivations {
		t.add(d.Usage, d.Doc)
	}
	t.print(c.out, "  ")
	fmt.Fprintln(c.out, "\nsets of project and lmo, and penalties of prox that are no sum over single values")
	t = table{}
	for _, s := range op.Sets {
		t.add(s.Usage(), s.Doc)
	}
	t.print(c.out, "  ")
	return nil
}

func printOps(c *console, asked string) error {
	var names []string
	found := 0
	for _, o := range operators() {
		names = append(names, callName(o))
		if !isCalled(o, asked) {
			continue
		}
		if found++; found > 1 {
			fmt.Fprintln(c.out)
		}
		printOp(c, o)
	}
	for _, s := range shapes {
		names = append(names, s.name)
		if asked == s.name || withoutSpaces(asked) == s.name+"(x)" {
			found++
			fmt.Fprintf(c.out, "%s(x): %s\n", s.name, s.doc)
		}
	}
	for _, d := range op.Derivations {
		names = append(names, d.Name)
		if asked == d.Name {
			found++
			fmt.Fprintf(c.out, "%s: %s\n", d.Usage, d.Doc)
		}
	}
	for _, s := range op.Sets {
		names = append(names, s.Name)
		if asked == s.Name {
			found++
			fmt.Fprintf(c.out, "%s: %s\n", s.Usage(), s.Doc)
		}
	}
	if found > 0 {
		return nil
	}
	return unknownOp(asked, names)
}

// isCalled reports whether a row is what was asked for: by its name, its symbol, or as the table writes it.
func isCalled(o *op.Op, asked string) bool {
	return asked == o.Name || o.Name == "transpose" && asked == "'" || asked == callName(o) || asked == o.Infix || withoutSpaces(asked) == withoutSpaces(written(o))
}

func withoutSpaces(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

func unknownOp(asked string, names []string) error {
	for _, fn := range openLibrary().functions() {
		if fn.Name.Name == asked {
			return usagef("%s is no operator but a function of the library: %s; optc list shows all", asked, signature(fn))
		}
	}
	return usagef("there is no operator %s%s", asked, didYouMean(asked, names))
}

func printOp(c *console, o *op.Op) {
	fmt.Fprintf(c.out, "%s: %s\n", written(o), o.Doc)
	t := table{}
	if n := callName(o); o.Infix != "" && n != o.Infix {
		t.add("name", n)
	}
	for i, d := range o.Diff {
		if d == "" {
			d = "0"
		}
		t.add("derivative in "+argNames[i], d+whereResult(d))
	}
	for _, q := range o.Params {
		value := "must be given"
		if q.Default == q.Default {
			value = ir.FormatNumber(q.Default) + " by default"
		}
		t.add("parameter "+q.Name, value)
	}
	if o.Shape != "" {
		t.add("shapes", o.Shape+", where letters stand for row and col")
	}
	if o.Expand != "" {
		expand := o.Expand
		for i, q := range o.Params {
			expand = strings.ReplaceAll(expand, argNames[o.Args+i], q.Name)
		}
		t.add("the same as", expand)
	}
	switch {
	case o.Kind == op.Reduction || o.Kind == op.Order && !o.Mask:
		t.add("one value", "a tensor, or `per row`, `per col`, `per group`, `per model`")
	case o.Kind == op.Order:
		t.add("over", "a tensor, or `per row`, `per col`, `per group`, `per model`")
	case o.Kind == op.Draw:
		t.add("one value", "an element, or `per row`, `per col`, `per tensor`, `per group`, `per model`")
	case o.Ulp > 0:
		t.add("error", fmt.Sprintf("at most %v units in the last place", o.Ulp))
	}
	if o.Flops > 0 {
		t.add("cost", fmt.Sprintf("%d in units of an addition", o.Flops))
	}
	if o.Kind < op.Size {
		t.add("vector code", inVectors(o))
	}
	if o.LaTeX != "" {
		names := slices.Clone(argNames[:])
		for i, q := range o.Params {
			names[o.Args+i] = q.Name
		}
		t.add("LaTeX", strings.NewReplacer("$a", names[0], "$b", names[1], "$c", names[2]).Replace(o.LaTeX))
	}
	t.print(c.out, "  ")
}

// whereResult explains the y of a derivative.
func whereResult(formula string) string {
	word := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' }
	for _, w := range strings.FieldsFunc(formula, word) {
		if w == "y" {
			return ", y is the result"
		}
	}
	return ""
}

// inVectors says whether an operator has vector code; a power that becomes products or a root has.
func inVectors(o *op.Op) string {
	switch {
	case vectored(o):
		return "yes"
	case o.Name == "pow":
		return "^2..16, ^0.5"
	}
	return "no"
}

var argNames = [...]string{"a", "b", "c"}

// operators are the rows of the table that a rule can ask for: all but the one that makes a number of a mask, and the size
// of a tensor, which stands with the shapes.
func operators() []*op.Op {
	var all []*op.Op
	for i := range op.Table {
		o := &op.Table[i]
		hidden := o.Internal && o.Infix == "" && o.Name != "transpose" && !strings.HasPrefix(o.Name, "reduce_")
		if !hidden {
			all = append(all, o)
		}
	}
	return all
}

// callName is the name of a call in a rule.
func callName(o *op.Op) string { return strings.TrimPrefix(o.Name, "reduce_") }

// written is how a rule writes the operator.
func written(o *op.Op) string {
	switch {
	case o.Infix == "not":
		return "not a"
	case o.Infix != "" && o.Args == 1:
		return o.Infix + "a"
	case o.Infix != "":
		return "a " + o.Infix + " b"
	}
	switch o.Name {
	case "transpose":
		return "a'"
	case "eye":
		return "eye(row)"
	}
	text := strings.Join(argNames[:o.Args], ", ")
	for i, q := range o.Params {
		text += map[bool]string{true: "; ", false: ", "}[i == 0] + q.Name
		if q.Default == q.Default { // NaN: it must be given
			text += " = " + ir.FormatNumber(q.Default)
		}
	}
	return callName(o) + "(" + text + ")"
}
