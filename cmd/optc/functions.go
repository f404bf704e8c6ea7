package main

import (
	"slices"
	"strings"

	"github.com/optc-lang/optc/lang"
)

// sourceFiles are the files whose declarations are the unit's own: the rule file, or all of the library's.
func (u *unit) sourceFiles() []string {
	if u.file != "" {
		return []string{u.Root}
	}
	return sortedNames(u.Sources)
}

// functions are the fns that the unit declares: those of a file in its order, those of the library by name.
func (u *unit) functions() []*lang.Fn {
	var out []*lang.Fn
	for _, name := range u.sourceFiles() {
		tree, _ := lang.Parse(name, u.Sources[name]) // its errors are in diags
		for _, d := range tree.Decls {
			if fn, ok := d.(*lang.Fn); ok {
				out = append(out, fn)
			}
		}
	}
	if u.file == "" {
		slices.SortFunc(out, func(a, b *lang.Fn) int { return strings.Compare(a.Name.Name, b.Name.Name) })
	}
	return out
}

// signature is how a fn is called: its variables, then its parameters with their defaults.
func signature(fn *lang.Fn) string {
	var vars, params []string
	for _, v := range fn.Vars {
		vars = append(vars, v.Name)
	}
	for _, p := range fn.Params {
		text := p.Name.Name
		if p.Default != nil {
			text += " = " + lang.FormatExpr(p.Default)
		}
		params = append(params, text)
	}
	text := fn.Name.Name + "(" + strings.Join(vars, ", ")
	if len(params) > 0 {
		text += "; " + strings.Join(params, ", ")
	}
	return text + ")"
}
