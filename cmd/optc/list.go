package main

import (
	"fmt"
	"slices"

	"github.com/optc-lang/optc/lang"
)

type listCmd struct {
	File string `arg:"" optional:"" help:"A rule file, or std/NAME, instead of the library."`
}

// Help is the verb's example.
func (listCmd) Help() string {
	return `Lists rules, and the functions that rules may call, with the first sentence of their documentation.

Example:
  optc list
  optc list adam.opt
  optc list std/ema`
}

// Run lists rules and functions.
func (cmd *listCmd) Run(c *console) error {
	u, prefix, named := openLibrary(), "std/", ""
	if name, ok := libraryName(cmd.File); ok {
		named = name
	} else if cmd.File != "" {
		var err error
		if u, err = openFile(cmd.File); err != nil {
			return err
		}
		prefix = cmd.File + ":"
	}
	if err := c.report(u.diags, u.Sources); err != nil {
		return err
	}
	rules, functions := u.Rules(), u.functions()
	if named != "" {
		rules = slices.DeleteFunc(rules, func(n string) bool { return n != named })
		functions = slices.DeleteFunc(functions, func(f *lang.Fn) bool { return f.Name.Name != named })
		if len(rules)+len(functions) == 0 {
			return u.require(c, named)
		}
	}
	t := table{}
	for _, name := range rules {
		decl, _, _ := u.Rule(name)
		t.add(prefix+name, firstSentence(decl.Doc))
	}
	t.print(c.out, "")
	listFunctions(c, functions, len(rules) > 0)
	return nil
}

func listFunctions(c *console, functions []*lang.Fn, after bool) {
	if len(functions) == 0 {
		return
	}
	if after {
		fmt.Fprintln(c.out)
	}
	fmt.Fprintln(c.out, "functions")
	t := table{}
	for _, fn := range functions {
		t.add(signature(fn), firstSentence(fn.Doc))
	}
	t.print(c.out, "  ")
}
