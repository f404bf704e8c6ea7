package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/stdlib"
)

// fixed are the flags that decide, when a rule is compiled, what is otherwise decided when it runs.
type fixed struct {
	Define map[string]string `short:"D" mapsep:"," placeholder:"OPTION=VALUE" help:"Choose an option of the rule (again for each option)."`
	Fix    map[string]string `mapsep:"," placeholder:"HYPER=VALUE" help:"Make a hyperparameter a constant (again for each)."`
	Math   mathFlag          `default:"strict" help:"strict computes what the rule says, bit for bit; fast also rewrites what is equal over the real numbers, if that costs less, and lets kernels fuse products with sums and take some quotients and roots by Newton steps."`
}

// ruleArg is the argument and the flags of the verbs that take one rule.
type ruleArg struct {
	Rule string `arg:"" name:"rule" help:"std/NAME, or FILE.opt[:NAME]."`
	fixed
}

// unit is a rule file with all that it imports, or the library.
type unit struct {
	*check.Unit
	file  string // as named on the command line; "" for the library
	diags lang.Diagnostics
}

// openFile loads a rule file. Errors in it are in diags.
func openFile(name string) (*unit, error) {
	dir, base := filepath.Split(name)
	if _, err := (ruleFiles(dir)).ReadFile(base); err != nil {
		return nil, usagef("%s: %v", name, cause(err))
	}
	u := &unit{file: name}
	u.Unit, u.diags = compiler.Load(ruleFiles(dir), base, stdlib.FS)
	u.place(u.diags)
	for n, src := range maps.Clone(u.Sources) {
		u.Sources[u.named(n)] = src
	}
	return u, nil
}

func openLibrary() *unit {
	u := &unit{}
	u.Unit, u.diags = compiler.Library(stdlib.FS)
	return u
}

// place makes the files of diagnostics those that the user can open.
func (u *unit) place(ds lang.Diagnostics) {
	for i := range ds {
		ds[i].File = u.named(ds[i].File)
	}
}

func (u *unit) named(file string) string {
	if name, ok := strings.CutPrefix(file, "std/"); ok {
		if _, err := fs.Stat(stdlib.FS, name); err == nil {
			return file
		}
	}
	dir, _ := filepath.Split(u.file)
	return filepath.Join(dir, filepath.FromSlash(file))
}

// compile compiles a rule of the unit and reports what it finds.
func (u *unit) compile(c *console, name string, set compiler.Settings) (*compiler.Rule, error) {
	r, diags, err := compiler.Compile(u.Unit, name, set)
	if err != nil {
		return nil, internalError{fmt.Errorf("rule %s: %w", name, err)}
	}
	u.place(diags)
	if err := c.report(diags, u.Sources); err != nil {
		return nil, err
	}
	return r, nil
}

// libraryName is the NAME of std/NAME; std/FILE.opt is a file in a folder.
func libraryName(arg string) (string, bool) {
	name, ok := strings.CutPrefix(arg, "std/")
	return name, ok && !strings.Contains(name, ".opt")
}

// openRules loads a rule file with all its rules, or the library with the one that is asked for. Errors in them are in
// the unit's diags.
func openRules(c *console, arg string) (*unit, []string, error) {
	if name, ok := libraryName(arg); ok {
		u := openLibrary()
		return u, []string{name}, u.require(c, name)
	}
	u, err := openFile(arg)
	if err != nil {
		return nil, nil, err
	}
	return u, u.Rules(), nil
}

// open loads what a RULE names and finds the name of the rule in it.
func open(c *console, arg string) (*unit, string, error) {
	if name, ok := libraryName(arg); ok {
		u := openLibrary()
		return u, name, u.require(c, name)
	}
	file, name := splitRule(arg)
	if file == "" {
		return nil, "", usagef("%s is no rule: write std/NAME for a rule of the library, or FILE.opt[:NAME]", arg)
	}
	u, err := openFile(file)
	if err != nil {
		return nil, "", err
	}
	if name == "" {
		name, err = u.only(c)
		return u, name, err
	}
	return u, name, u.require(c, name)
}

// splitRule splits FILE.opt:NAME; file is empty if arg is nothing of the kind.
func splitRule(arg string) (file, name string) {
	if i := strings.LastIndex(arg, ".opt:"); i >= 0 {
		return arg[:i+len(".opt")], arg[i+len(".opt:"):]
	}
	if strings.HasSuffix(arg, ".opt") {
		return arg, ""
	}
	return "", ""
}

// require asks that the unit is sound and declares the rule.
func (u *unit) require(c *console, name string) error {
	if err := c.report(u.diags, u.Sources); err != nil {
		return err
	}
	if slices.Contains(u.Rules(), name) {
		return nil
	}
	where := u.file
	if where == "" {
		where = "the library"
	}
	return usagef("%s has no rule %q%s", where, name, didYouMean(name, u.Rules()))
}

// only is the one rule of a file.
func (u *unit) only(c *console) (string, error) {
	if err := c.report(u.diags, u.Sources); err != nil {
		return "", err
	}
	rules := u.Rules()
	switch len(rules) {
	case 0:
		return "", usagef("%s declares no rule", u.file)
	case 1:
		return rules[0], nil
	}
	return "", usagef("%s declares several rules, name one: %s:%s", u.file, u.file, strings.Join(rules, ", "+u.file+":"))
}

// openRule compiles the rule that the command line names, and gives its hyperparameters, those of --set among them.
func (a *ruleArg) openRule(c *console, set map[string]string) (*compiler.Rule, []float64, error) {
	_, r, err := a.openUnit(c)
	if err != nil {
		return nil, nil, err
	}
	hypers, err := setHypers(r, set)
	return r, hypers, err
}

func (a *ruleArg) openUnit(c *console) (*unit, *compiler.Rule, error) {
	u, name, err := open(c, a.Rule)
	if err != nil {
		return nil, nil, err
	}
	sets, err := a.settings(c, u, []string{name})
	if err != nil {
		return nil, nil, err
	}
	r, err := u.compile(c, name, sets[0])
	return u, r, err
}

// settings are those of each rule: what it has of the options and hyperparameters given. One that no rule has is an
// error.
func (f *fixed) settings(c *console, u *unit, rules []string) ([]compiler.Settings, error) {
	sets := make([]compiler.Settings, len(rules))
	used := map[string]bool{}
	var known []string
	for i, name := range rules {
		sets[i] = compiler.Settings{Options: map[string]string{}, Fix: map[string]float64{}, Math: string(f.Math)}
		for _, o := range u.options(name) {
			known = append(known, o.Name.Name)
			if v, ok := f.Define[o.Name.Name]; ok {
				sets[i].Options[o.Name.Name] = v
				used[o.Name.Name] = true
			}
		}
	}
	for name := range f.Define {
		if !used[name] {
			return nil, usagef("-D %s: no option %s%s", name, name, didYouMean(name, known))
		}
	}
	if len(f.Fix) > 0 {
		return sets, f.fix(c, u, rules, sets)
	}
	return sets, nil
}

// fix adds the hyperparameters to fix, which are known once the options are.
func (f *fixed) fix(c *console, u *unit, rules []string, sets []compiler.Settings) error {
	values, err := numbers("--fix", f.Fix)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	var known []string
	for i, name := range rules {
		r, err := u.compile(c, name, sets[i])
		if err != nil {
			return err
		}
		for _, h := range r.Checked.Hypers {
			known = append(known, h.Name)
			v, ok := values[h.Name]
			if !ok {
				continue
			}
			if !h.Admits(v) {
				return usagef("--fix: %s", h.Refusal(v))
			}
			sets[i].Fix[h.Name] = v
			used[h.Name] = true
		}
	}
	for name := range f.Fix {
		if !used[name] {
			return usagef("--fix %s: no hyperparameter %s%s", name, name, didYouMean(name, known))
		}
	}
	return nil
}

// numbers reads the values of a flag NAME=VALUE.
func numbers(flag string, texts map[string]string) (map[string]float64, error) {
	values := map[string]float64{}
	for name, text := range texts {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, usagef("%s %s=%s: not a number", flag, name, text)
		}
		values[name] = v
	}
	return values, nil
}

// setHypers returns the rule's hyperparameters, those of --set instead of the defaults.
func setHypers(r *compiler.Rule, set map[string]string) ([]float64, error) {
	values, err := numbers("--set", set)
	if err != nil {
		return nil, err
	}
	var hypers []float64
	var known []string
	for _, h := range r.Checked.Hypers {
		known = append(known, h.Name)
		v, ok := values[h.Name]
		if !ok {
			v = h.Default
		} else if !h.Admits(v) {
			return nil, usagef("--set: %s", h.Refusal(v))
		}
		hypers = append(hypers, v)
	}
	for _, name := range sortedNames(values) {
		if _, ok := r.Settings.Fix[name]; ok {
			return nil, usagef("--set %s: --fix %s made it a constant; leave one of them out", name, name)
		}
		if !slices.Contains(known, name) {
			return nil, usagef("--set %s: %s has no hyperparameter %s%s", name, r.Name, name, didYouMean(name, known))
		}
	}
	return hypers, nil
}

// options are the options of a rule that can be chosen: those of the rule with a body that it is made of.
func (u *unit) options(name string) []*lang.Option {
	for range 256 { // the checker reports a cycle
		decl, _, ok := u.Rule(name)
		if !ok {
			return nil
		}
		if decl.Value == nil {
			return optionsOf(decl.Body)
		}
		switch e := decl.Value.(type) {
		case *lang.Name:
			name = e.Name
		case *lang.Call:
			name = e.Fn.Name
		default:
			return nil
		}
	}
	return nil
}

// open are the options of a rule that no rule on the way to its body fixes.
func (u *unit) open(name string) []*lang.Option {
	preset := u.presets(name)
	return slices.DeleteFunc(u.options(name), func(o *lang.Option) bool { _, ok := preset[o.Name.Name]; return ok })
}

func optionsOf(body []lang.Stmt) []*lang.Option {
	var out []*lang.Option
	for _, s := range body {
		if o, ok := s.(*lang.Option); ok {
			out = append(out, o)
		}
	}
	return out
}

// didYouMean is the end of a message about an unknown word: the nearest known one, or all if they are few.
func didYouMean(word string, known []string) string {
	if s := lang.Suggest(word, known); s != "" {
		return fmt.Sprintf("; did you mean %s?", s)
	}
	if len(known) == 0 {
		return "; there are none"
	}
	slices.Sort(known)
	known = slices.Compact(known)
	if len(known) > 16 {
		return ""
	}
	return "; there are " + strings.Join(known, ", ")
}

// ruleFiles is a folder of rule files. It reads no more of a file than the language admits, and one byte.
type ruleFiles string

func (d ruleFiles) ReadFile(name string) ([]byte, error) {
	path := filepath.Join(string(d), filepath.FromSlash(name))
	if info, err := os.Stat(path); err == nil && !info.IsDir() && !info.Mode().IsRegular() {
		return nil, errors.New("it is no ordinary file") // and reading it may never end
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, lang.MaxFileSize+1))
}

func (d ruleFiles) Open(name string) (fs.File, error) {
	return os.Open(filepath.Join(string(d), filepath.FromSlash(name)))
}

func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
