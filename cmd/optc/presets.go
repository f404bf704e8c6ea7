package main

import (
	"strings"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/lang"
)

type option struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Choices string `json:"choices"`
	Doc     string `json:"doc"`
}

// optionValues are the options that the rule has, with what they are here.
func optionValues(u *unit, r *compiler.Rule) []option {
	out := []option{}
	preset := u.presets(r.Name)
	for _, o := range u.options(r.Name) {
		v, ok := r.Settings.Options[o.Name.Name]
		if !ok {
			v, ok = preset[o.Name.Name]
		}
		if !ok && len(o.Choices) > 0 {
			v = o.Choices[0].Name
		} else if !ok {
			v = lang.FormatExpr(o.Default)
		}
		choices := strings.Join(choicesOf(o), ", ")
		if o.Kind != "" {
			choices = "any " + o.Kind
		} else if o.Range != nil {
			choices = strings.Join(choicesOf(o), " .. ")
		}
		out = append(out, option{o.Name.Name, v, choices, o.Doc})
	}
	return out
}

// presets are the arguments of `rule a = b(; ...)`, the outermost first.
func (u *unit) presets(name string) map[string]string {
	set := map[string]string{}
	for range 256 {
		decl, _, ok := u.Rule(name)
		if !ok {
			return set
		}
		call, ok := decl.Value.(*lang.Call)
		if !ok {
			if n, ok := decl.Value.(*lang.Name); ok {
				name = n.Name
				continue
			}
			return set
		}
		for _, a := range call.Params {
			if a.Name.Name != "" && set[a.Name.Name] == "" {
				set[a.Name.Name] = lang.FormatExpr(a.Value)
			}
		}
		name = call.Fn.Name
	}
	return set
}
