package main

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/optc-lang/optc/compiler/op"
)

type opsCmd struct {
	Name string `arg:"" optional:"" help:"One operator, by its name or symbol."`
}

// Help is the verb's example.
func (opsCmd) Help() string {
	return `Prints the table of operators, or all that is known about one. An operator without vector code makes its pass run in plain Go.

Example:
  optc ops
  optc ops tanh
  optc ops '^'`
}

// shapes are the calls that ask for the shape of a parameter: no operators, but inputs of each tensor.
var shapes = []struct{ name, doc string }{
	{"rank", "number of dimensions of the parameter"},
	{"rows", "its first dimension; 1 for scalars and vectors"},
	{"cols", "the product of the other dimensions; of a vector its length"},
}

// Run prints the table or one row.
func (cmd *opsCmd) Run(c *console) error {
	if cmd.Name != "" {
		return printOps(c, cmd.Name)
	}
	t := table{header: []string{"operator", "vector", "what it is"}}
	for _, o := range operators() {
		t.add(written(o), inVectors(o), o.Doc)
	}
	t.print(c.out, "")
	fmt.Fprintln(c.out, "\nshapes, once a tensor")
	t = table{}
	for _, s := range shapes {
		t.add(s.name+"(x)", s.doc)
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
	if found > 0 {
		return nil
	}
	return unknownOp(asked, names)
}

// isCalled reports whether a row is what was asked for: by its name, its symbol, or as the table writes it.
func isCalled(o *op.Op, asked string) bool {
	return asked == o.Name || asked == callName(o) || asked == o.Infix || withoutSpaces(asked) == withoutSpaces(written(o))
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
	if op.IsLater(asked) {
		return usagef("%s is part of the language, but this version of optc does not build it yet", asked)
	}
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
	if o.Expand != "" {
		t.add("the same as", o.Expand)
	}
	switch {
	case o.Kind == op.Reduction:
		t.add("one value", "a tensor, or `per group`, `per model`")
	case o.Ulp > 0:
		t.add("error", fmt.Sprintf("at most %v units in the last place", o.Ulp))
	}
	if o.Flops > 0 {
		t.add("cost", fmt.Sprintf("%d in units of an addition", o.Flops))
	}
	t.add("vector code", inVectors(o))
	t.add("LaTeX", strings.NewReplacer("$a", "a", "$b", "b", "$c", "c").Replace(o.LaTeX))
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

// operators are the rows of the table that a rule can ask for: all but the one that makes a number of a mask.
func operators() []*op.Op {
	var all []*op.Op
	for i := range op.Table {
		if o := &op.Table[i]; o.Name != "real" {
			all = append(all, o)
		}
	}
	return all
}

// callName is the name of a call in a rule.
func callName(o *op.Op) string {
	if o.Kind == op.Size {
		return "numel"
	}
	return strings.TrimPrefix(o.Name, "reduce_")
}

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
	return callName(o) + "(" + strings.Join(argNames[:o.Args], ", ") + ")"
}
