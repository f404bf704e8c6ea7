package search

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/read"
	"github.com/optc-lang/optc/stdlib"
)

// start is the rule that a search begins with, as text.
func start(name string) (string, error) {
	if file, rule, ok := ruleFile(name); ok {
		return startOf(file, rule)
	}
	if rule, ok := strings.CutPrefix(name, library); ok {
		return startOfLibrary(rule)
	}
	if g, err := genome.Start(name); err == nil {
		return g.String(), nil
	}
	g, err := genome.Parse(name)
	switch {
	case err == nil:
		return g.String(), nil
	case strings.ContainsAny(name, "(="): // a rule is meant
		return "", fmt.Errorf("start: %w", err)
	}
	return "", fmt.Errorf("start: no start %q%s; there are %s, %sNAME of the library, FILE.opt, FILE.opt:RULE, or a rule over g such as sign(ema(g; 0.1))",
		name, didYouMean(nearStarts(name)...), strings.Join(startNames(), ", "), library)
}

// library begins the names of the library's rules.
const library = "std/"

func startNames() []string {
	var names []string
	for _, s := range genome.Starts {
		names = append(names, s.Name)
	}
	return names
}

// nearStarts are the starts that a misspelt name may mean: of the few that have a name of their own and of the library. A name of
// its own that goes on where the library's ends, as adamw after adam, is as near.
func nearStarts(name string) []string {
	var near []string
	own := lang.Suggest(name, startNames())
	if own != "" {
		near = append(near, own)
	}
	rules := libraryRules()
	rule := lang.Suggest(name, rules)
	if slices.Contains(rules, name) {
		rule = name
	}
	if rule == "" {
		return near
	}
	for _, s := range startNames() {
		if s != own && strings.HasPrefix(s, rule) {
			near = append(near, s)
		}
	}
	return append(near, library+rule)
}

// libraryRules are the names of the library's rules.
func libraryRules() []string {
	unit, diagnostics := compiler.Library(stdlib.FS)
	if diagnostics.HasErrors() {
		return nil
	}
	return unit.Rules()
}

// didYouMean is the end of a message about an unknown word; nothing if no known one is near.
func didYouMean(near ...string) string {
	near = slices.DeleteFunc(near, func(s string) bool { return s == "" })
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

// nearOr is the end of a message about an unknown word: the nearest known one, whatever the case, or all.
func nearOr(word string, known []string) string {
	lower := strings.ToLower(word)
	if slices.Contains(known, lower) {
		return didYouMean(lower)
	}
	if s := lang.Suggest(lower, known); s != "" {
		return didYouMean(s)
	}
	return "; there are " + strings.Join(known, ", ")
}

// ruleFile takes FILE.opt or FILE.opt:RULE apart.
func ruleFile(name string) (file, rule string, ok bool) {
	i := strings.LastIndex(name, ".opt")
	if i < 0 {
		return "", "", false
	}
	file = name[:i+len(".opt")]
	rule, colon := strings.CutPrefix(name[len(file):], ":")
	return file, rule, rule == "" || colon
}

// startOf is the rule of a file, or its only one.
func startOf(file, rule string) (string, error) {
	text, err := readText(file)
	if err != nil {
		return "", fmt.Errorf("start: %w", err)
	}
	r, err := read.Text(filepath.Base(file), text, rule)
	if err == nil {
		return r.Genome.String(), nil
	}
	names, ok := declared(filepath.Base(file), text)
	switch {
	case !ok || len(names) == 1 && rule == "" || slices.Contains(names, rule):
		return "", fmt.Errorf("start: %w", err)
	case len(names) == 0:
		return "", fmt.Errorf("start %s: the file declares no rule", file)
	case rule == "":
		return "", fmt.Errorf("start %s: the file declares %d rules: name the one to begin with, as %s:%s; there are %s", file, len(names), file, names[0], strings.Join(names, ", "))
	}
	return "", fmt.Errorf("start %s:%s: the file has no rule %s%s", file, rule, rule, nearOr(rule, names))
}

// declared are the rules of a file, if the compiler takes it.
func declared(name string, text []byte) ([]string, bool) {
	unit, diagnostics := compiler.Load(fstest.MapFS{name: {Data: text}}, name, stdlib.FS)
	if diagnostics.HasErrors() {
		return nil, false
	}
	return unit.Rules(), true
}

// startOfLibrary is a rule of the library.
func startOfLibrary(rule string) (string, error) {
	r, err := read.Library(rule)
	if err == nil {
		return r.Genome.String(), nil
	}
	if names := libraryRules(); len(names) > 0 && !slices.Contains(names, rule) {
		return "", fmt.Errorf("start %s%s: the library has no rule %s%s", library, rule, rule, nearOr(rule, names))
	}
	return "", fmt.Errorf("start: %w", err)
}
