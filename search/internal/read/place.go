package read

import (
	"strings"

	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/lang"
)

// places tells where in a file the names of a rule get their values.
type places struct {
	file  string
	rule  *lang.Rule
	names map[string]lang.Span // of lets, states and x: where the last value is given; of functions: the last call
}

// maxAliases bounds how often a rule may be another rule specialised.
const maxAliases = 64

// newPlaces finds the body of a rule, which may be another rule specialised.
func newPlaces(unit *check.Unit, name string) places {
	p := places{file: unit.File(name), names: map[string]lang.Span{}}
	p.rule, _, _ = unit.Rule(name)
	for range maxAliases {
		target := ""
		switch value := p.rule.Value.(type) {
		case *lang.Name:
			target = value.Name
		case *lang.Call:
			target = value.Fn.Name
		}
		declared, file, ok := unit.Declared(p.file, target)
		rule, isRule := declared.(*lang.Rule)
		if target == "" || !ok || !isRule {
			break
		}
		p.rule, p.file = rule, file
	}
	lang.Inspect(p.rule, func(node any) {
		switch n := node.(type) {
		case *lang.Bind:
			p.names[n.Name.Name] = n.Span
		case *lang.Assign:
			p.names[n.Name.Name] = n.Span
		case *lang.Given:
			p.names[n.Name.Name] = n.Span
		case *lang.Probe:
			p.names[n.Name.Name] = n.Span
		case *lang.Eval:
			p.names["eval"] = n.Span
		case *lang.Call:
			p.names[n.Fn.Name] = n.Span
		}
	})
	return p
}

// find is the place of the innermost name that has one, else that of x, else that of the rule.
func (p places) find(within []string) (file string, span lang.Span) {
	for i := len(within) - 1; i >= 0; i-- {
		name, _, inCall := strings.Cut(within[i], ".")
		if inCall {
			name = strings.TrimRight(name, "0123456789") // of a second call
		}
		if span, ok := p.names[name]; ok {
			return p.file, span
		}
	}
	if span, ok := p.names["x"]; ok {
		return p.file, span
	}
	return p.file, p.rule.Name.Span
}
