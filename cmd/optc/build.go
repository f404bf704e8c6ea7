package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/pass"
)

type buildCmd struct {
	Out     string   `short:"o" placeholder:"DIR" help:"Folder of the generated files; that of the rule file by default, the current one for the library's rules."`
	Target  string   `enum:"go,optax,torch" default:"go" help:"What to write: go, or one Python module a rule file for optax (NAME_optax.py) or torch (NAME_torch.py)."`
	DType   []string `name:"dtype" enum:"f32,f64" default:"f32" help:"Element types, f32 and f64, separated by commas; of Go alone."`
	Package string   `placeholder:"NAME" help:"Name of the Go package, instead of $$GOPACKAGE or that of the folder."`
	Check   bool     `xor:"mode" help:"Write nothing; exit with 1 if a file is not as it would be generated."`
	Diff    bool     `xor:"mode" help:"Write nothing; print what would change, and exit with 1 if anything would."`
	Dump    string   `xor:"mode" placeholder:"PASS" help:"Write nothing; print the rules after a pass of the compiler: ${passes}."`
	Adjoint bool     `help:"Add the adjoint of each rule: a rule RULE_adjoint that carries derivatives back through a step."`
	paramsArg
	fixed
	Files []string `arg:"" name:"rules" help:"Rule files, or std/NAME."`
}

// Help is the verb's example.
func (buildCmd) Help() string {
	return `Compiles all rules of the files to Go and assembly. Nothing is written unless everything compiles; files that would not change are left alone; files that an earlier build generated from a rule file and this one does not are removed.

Example:
  optc build adam.opt
  optc build -o internal/optim --dtype f32,f64 std/adam std/lion
  optc build --target torch adam.opt
  optc build --adjoint adam.opt
  optc build --params bf16+kahan adam.opt
  //go:generate go tool optc build adam.opt`
}

// Run builds.
func (cmd *buildCmd) Run(c *console) error {
	if err := cmd.only(cmd.DType...); err != nil {
		return err
	}
	if cmd.Params != "" && cmd.Target != "go" {
		return usagef("--params %s: for the target go alone; %s keeps parameters as its own arrays are", cmd.Params, cmd.Target)
	}
	batches, err := cmd.compile(c)
	if err != nil {
		return err
	}
	if cmd.Dump != "" {
		if err := dump(c, cmd.Dump, cmd.Math == compiler.Fast, batches); err != nil {
			return err
		}
		return withoutRules(batches)
	}
	changes, err := cmd.changes(batches)
	if err != nil {
		return err
	}
	switch {
	case cmd.Check:
		err = checkDrift(c, changes)
	case cmd.Diff:
		err = printDiff(c, changes)
	default:
		missing := withoutRules(batches)
		if missing != nil { // what the file once gave goes; nothing new is written
			changes = slices.DeleteFunc(changes, func(ch change) bool { return ch.data != nil })
		}
		if err = apply(changes); err == nil {
			err = missing
		}
		noteAll(c, batches)
	}
	if err == nil {
		err = withoutRules(batches)
	}
	return err
}

// noteAll says which rules are slow in Go.
func noteAll(c *console, batches []*batch) {
	for _, b := range batches {
		if b.target != "go" {
			continue
		}
		for _, r := range b.rules {
			noteSlow(c, r)
		}
	}
}

// withoutRules reports a file that nothing is generated from.
func withoutRules(batches []*batch) error {
	for _, b := range batches {
		if len(b.rules) == 0 {
			return fmt.Errorf("%s declares no rule: there is nothing to build", b.arg)
		}
	}
	return nil
}

// batch is what one argument compiles to.
type batch struct {
	arg    string
	dir    string
	base   string // of the generated files
	target string // what they are for
	source string // as their first line names it
	said   string // what options and hyperparameters are fixed, as that line has it
	rules  []*compiler.Rule
}

// compile compiles every argument; it goes on after one with errors, to report them all.
func (cmd *buildCmd) compile(c *console) ([]*batch, error) {
	var batches []*batch
	var failed error
	for _, arg := range cmd.Files {
		b, err := cmd.batch(c, arg)
		if errors.Is(err, errReported) {
			failed = err
		} else if err != nil {
			return nil, err
		} else {
			batches = append(batches, b)
		}
	}
	if failed != nil {
		return nil, failed
	}
	return batches, clash(batches)
}

func (cmd *buildCmd) batch(c *console, arg string) (*batch, error) {
	u, names, b, err := cmd.load(c, arg)
	if err != nil {
		return nil, err
	}
	if cmd.Out != "" {
		b.dir = cmd.Out
	}
	if strings.HasPrefix(b.base, ".") || strings.HasPrefix(b.base, "_") {
		return nil, usagef("%s: Go ignores files whose names begin with %q; rename the rule file", arg, b.base[:1])
	}
	sets, err := cmd.settings(c, u, names)
	if err != nil {
		return nil, err
	}
	b.said, b.target = cmd.fixed.said()+cmd.paramsArg.said(), cmd.Target
	var failed error
	for i, name := range names {
		sets[i].Params = string(cmd.Params)
		r, err := u.compile(c, name, sets[i])
		if err == errReported {
			failed = err
		} else if err != nil {
			return nil, err
		}
		b.rules = append(b.rules, r)
		if cmd.Adjoint && err == nil {
			set := sets[i]
			set.Adjoint = true
			if r, err = u.compile(c, name, set); err == errReported {
				failed = err
			} else if err != nil {
				return nil, err
			}
			b.rules = append(b.rules, r)
		}
	}
	return b, failed
}

// buildable are the names of rule files whose outputs Go takes for source files.
var buildable = regexp.MustCompile(`^[\pL\pN][\pL\pN_.-]*\.opt$`)

// load opens an argument: a rule of the library, or all rules of a file.
func (cmd *buildCmd) load(c *console, arg string) (*unit, []string, *batch, error) {
	if strings.HasSuffix(arg, ".opt") {
		u, err := openFile(arg)
		if err != nil {
			return nil, nil, nil, err
		}
		dir, name := filepath.Split(arg)
		if !buildable.MatchString(name) {
			return nil, nil, nil, usagef("%s: Go ignores or refuses files named after it; name it with letters, digits, _, - and ., a letter or digit first", arg)
		}
		b := &batch{arg: arg, dir: filepath.Clean(dir), base: strings.TrimSuffix(name, ".opt"), source: name}
		return u, u.Rules(), b, c.report(u.diags, u.Sources)
	}
	if !strings.HasPrefix(arg, "std/") {
		return nil, nil, nil, usagef("%s is nothing to build: name a rule file that ends in .opt, or std/NAME", arg)
	}
	u, name, err := open(c, arg)
	return u, []string{name}, &batch{arg: arg, dir: ".", base: name, source: arg}, err
}

// dumpNames are the passes that rules can be printed after, in order.
func dumpNames(fast bool) []string {
	names := []string{"check"}
	for _, p := range pass.Passes(fast) {
		names = append(names, p.Name)
	}
	return append(names, "kernels")
}

// dump prints rules after a pass.
func dump(c *console, name string, fast bool, batches []*batch) error {
	if known := dumpNames(fast); !slices.Contains(known, name) {
		if slices.Contains(dumpNames(true), name) {
			return usagef("--dump %s: that pass runs with --math fast alone", name)
		}
		return usagef("--dump %s: no such pass%s", name, didYouMean(name, known))
	}
	for _, b := range batches {
		for _, r := range b.rules {
			i := slices.IndexFunc(r.Dumps, func(d compiler.Dump) bool { return d.Pass == name })
			fmt.Fprint(c.out, r.Dumps[i].Text)
		}
	}
	return nil
}
