package main

import (
	"fmt"
	"strings"

	"github.com/optc-lang/optc/compiler/op"
)

type opsCmd struct {
	Name string `arg:"" optional:"" help:"One operator, by its name or symbol."`
}

// Help is the verb's example.
func (opsCmd) Help() string {
	return `Prints the table of operators, or all that is known about one.

Example:
  optc ops
  optc ops tanh`
}

// Run prints the table or one row.
func (cmd *opsCmd) Run(c *console) error {
	if cmd.Name != "" {
		return printOps(c, cmd.Name)
	}
	t := table{header: []string{"operator", "what it is"}}
	for i := range op.Table {
		t.add(written(&op.Table[i]), op.Table[i].Doc)
	}
	t.print(c.out, "")
	return nil
}

func printOps(c *console, name string) error {
	var names []string
	found := false
	for i := range op.Table {
		o := &op.Table[i]
		call := strings.TrimPrefix(o.Name, "reduce_")
		names = append(names, call)
		if name != o.Name && name != call && name != o.Infix {
			continue
		}
		if found {
			fmt.Fprintln(c.out)
		}
		found = true
		printOp(c, o)
	}
	if found {
		return nil
	}
	if op.IsLater(name) {
		return usagef("%s is part of the language, but this version of optc does not build it yet", name)
	}
	return usagef("there is no operator %s%s", name, didYouMean(name, names))
}

func printOp(c *console, o *op.Op) {
	fmt.Fprintf(c.out, "%s: %s\n", written(o), o.Doc)
	t := table{}
	for i, d := range o.Diff {
		if d == "" {
			d = "0"
		}
		t.add("derivative in "+argNames[i], d)
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
	t.add("LaTeX", strings.NewReplacer("$a", "a", "$b", "b", "$c", "c").Replace(o.LaTeX))
	t.print(c.out, "  ")
}

var argNames = [...]string{"a", "b", "c"}

// written is how a rule writes the operator.
func written(o *op.Op) string {
	switch {
	case o.Infix != "" && o.Args == 1:
		if o.Infix == "not" {
			return "not a"
		}
		return o.Infix + "a"
	case o.Infix != "":
		return "a " + o.Infix + " b"
	case o.Name == "size":
		return "numel(a)"
	}
	return strings.TrimPrefix(o.Name, "reduce_") + "(" + strings.Join(argNames[:o.Args], ", ") + ")"
}
