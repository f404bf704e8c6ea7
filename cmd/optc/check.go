package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/lang"
)

type checkCmd struct {
	Format string   `enum:"text,json,github" default:"text" help:"How diagnostics are written: text, json or github."`
	Files  []string `arg:"" name:"file" help:"Rule files, or std/NAME."`
}

// Help is the verb's example.
func (checkCmd) Help() string {
	return `Every rule of the files is compiled, with its defaults and with each choice of each of its options, and the names in every fn are looked up. Errors and warnings go to the standard error; the exit code is 1 if there is an error.

Example:
  optc check adam.opt
  optc check --format=github rules/*.opt`
}

// Run checks files.
func (cmd *checkCmd) Run(c *console) error {
	var all lang.Diagnostics
	var sources map[string][]byte
	for _, name := range cmd.Files {
		u, rules, err := openRules(c, name)
		if err != nil {
			return err
		}
		ds, err := u.check(rules)
		if err != nil {
			return err
		}
		all, sources = append(all, ds...), merge(sources, u.Sources)
	}
	return c.reportAs(cmd.Format, distinct(all), sources)
}

// check compiles rules of the unit with each choice of their open options, and looks at the fns that no rule calls.
func (u *unit) check(rules []string) (lang.Diagnostics, error) {
	all := slices.Clone(u.diags)
	if u.file != "" {
		fns := check.Fns(u.Unit)
		u.place(fns)
		all = append(all, fns...)
	}
	for _, name := range rules {
		seen := map[lang.Diagnostic]bool{}
		for _, set := range choices(u.open(name)) {
			_, diags, err := compiler.Compile(u.Unit, name, set)
			if err != nil {
				return nil, internalError{fmt.Errorf("rule %s: %w", name, err)}
			}
			u.place(diags)
			for _, d := range diags {
				if !seen[d] {
					seen[d] = true
					all = append(all, withChoice(d, set))
				}
			}
		}
	}
	all = distinct(all)
	all.Sort()
	return all, nil
}

// withChoice names the option and the value without which there would be no error; the defaults have none.
func withChoice(d lang.Diagnostic, set compiler.Settings) lang.Diagnostic {
	if d.Severity == lang.Warning {
		return d
	}
	for name, value := range set.Options { // at most one
		d.Message += fmt.Sprintf(", with option %s = %s", name, value)
	}
	return d
}

// distinct drops diagnostics that several choices of options have in common.
func distinct(ds lang.Diagnostics) lang.Diagnostics {
	out := lang.Diagnostics{}
	seen := map[lang.Diagnostic]bool{}
	for _, d := range ds {
		if !seen[d] {
			seen[d] = true
			out = append(out, d)
		}
	}
	return out
}

// choices are the defaults, and every choice of every option with the defaults of the others.
func choices(options []*lang.Option) []compiler.Settings {
	sets := []compiler.Settings{{}}
	for _, o := range options {
		for _, v := range choicesOf(o) {
			sets = append(sets, compiler.Settings{Options: map[string]string{o.Name.Name: v}})
		}
	}
	return sets
}

// choicesOf are the values of an option worth trying: all words, both truths, both ends of a range of numbers. An
// option that holds a rule or a fn has as many as there are such.
func choicesOf(o *lang.Option) []string {
	var out []string
	for _, id := range o.Choices {
		out = append(out, id.Name)
	}
	if n, ok := o.Default.(*lang.Name); ok && o.Kind == "" && (n.Name == "true" || n.Name == "false") {
		out = append(out, "false", "true")
	}
	if o.Range != nil {
		for _, end := range []struct {
			at   lang.Expr
			open bool
		}{{o.Range.Lo, o.Range.OpenLo}, {o.Range.Hi, o.Range.OpenHi}} {
			if n, ok := end.at.(*lang.Number); ok && !end.open {
				out = append(out, strconv.FormatFloat(n.Value, 'g', -1, 64))
			}
		}
	}
	return out
}
