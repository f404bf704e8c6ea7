package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/stdlib"
)

// objective is a fn to be minimised, with its gradient: computed in float64 by the interpreter, whatever the rule under
// trace runs on, so that all engines see the same numbers.
type objective struct {
	name    string
	vars    []string // of several, each is one element of the parameter; one is all of it
	machine *interp.Machine[float64]
	program *ir.Program
}

// Names in the text that makes a rule of an objective.
const (
	objectiveFile  = "optc-objective.opt"
	objectiveRule  = "optc_objective"
	objectiveValue = "optc_value"
	objectiveSlope = "optc_slope" // and the number of the variable; also of the fn of that variable
)

// openObjective finds the fn that an argument FILE.opt[:NAME] or std/NAME names, for a parameter of n elements.
func openObjective(c *console, arg string, n int) (*objective, error) {
	u, fn, err := findObjective(c, arg)
	if err != nil {
		return nil, err
	}
	o := &objective{name: fn.Name.Name}
	for _, v := range fn.Vars {
		o.vars = append(o.vars, v.Name)
	}
	switch {
	case len(o.vars) == 0:
		return nil, usagef("--objective: %s has no variable to minimise it in", signature(fn))
	case len(o.vars) > 1 && n != len(o.vars):
		return nil, usagef("--x: %s, %s takes %d: %s", plural(n, "value", "values"), o.name, len(o.vars), signature(fn))
	}
	for _, p := range fn.Params {
		if p.Default == nil {
			return nil, usagef("--objective: %s needs a value of %s: write a fn with that value, as in `fn of_mine(%s) = %s(%s; %s = 1)`",
				signature(fn), p.Name.Name, strings.Join(o.vars, ", "), o.name, strings.Join(o.vars, ", "), p.Name.Name)
		}
	}
	if o.program, err = u.compileObjective(c, o); err != nil {
		return nil, err
	}
	o.machine = interp.New[float64](o.program, []interp.Tensor{{Name: "x", Shape: []int{n}}}, 1)
	return o, nil
}

func findObjective(c *console, arg string) (*unit, *lang.Fn, error) {
	u, name := openLibrary(), ""
	if n, ok := libraryName(arg); ok {
		name = n
	} else {
		file, n := splitRule(arg)
		if file == "" {
			return nil, nil, usagef("--objective %s: write FILE.opt:NAME, the file and the name of a fn in it", arg)
		}
		var err error
		if u, err = openFile(file); err != nil {
			return nil, nil, err
		}
		name = n
	}
	if err := c.report(u.diags, u.Sources); err != nil {
		return nil, nil, err
	}
	var known []string
	fns := u.functions()
	for _, fn := range fns {
		known = append(known, fn.Name.Name)
		if fn.Name.Name == name || name == "" && len(fns) == 1 {
			return u, fn, nil
		}
	}
	switch {
	case name == "" && len(fns) > 1:
		return nil, nil, usagef("--objective %s: name one of its functions: %s", arg, strings.Join(known, ", "))
	case slices.Contains(u.Rules(), name):
		return nil, nil, usagef("--objective %s: %s is a rule; an objective is a fn, as in `fn sphere(x, y) = x^2 + y^2`", arg, name)
	}
	return nil, nil, usagef("--objective %s: there is no fn %q%s", arg, name, didYouMean(name, known))
}

// text is a rule that keeps, as its states, the objective's value and its derivative in each variable. The derivative in
// one of several variables is that of a fn of this one, whose parameters are the others.
func (o *objective) text(imported string) string {
	var b strings.Builder
	if imported != "" {
		fmt.Fprintf(&b, "import %q\n", imported)
	}
	if len(o.vars) == 1 {
		fmt.Fprintf(&b, "rule %s {\n  state %s = 0\n  %s <- sum(%s(x) per model)\n", objectiveRule, objectiveValue, objectiveValue, o.name)
		fmt.Fprintf(&b, "  state %s0 = 0\n  %s0 <- %s'(x)\n}\n", objectiveSlope, objectiveSlope, o.name)
		return b.String()
	}
	arg := func(k int) string { return fmt.Sprintf("optc_at%d", k) }
	var all []string
	for k := range o.vars {
		all = append(all, arg(k))
	}
	for k := range o.vars {
		args, others := slices.Clone(all), slices.Delete(slices.Clone(all), k, k+1)
		args[k] = "u"
		fmt.Fprintf(&b, "fn %s_in%d(u; %s) = %s(%s)\n", objectiveSlope, k, strings.Join(others, ", "), o.name, strings.Join(args, ", "))
	}
	fmt.Fprintf(&b, "rule %s {\n", objectiveRule)
	for _, a := range all {
		fmt.Fprintf(&b, "  given %s per model\n", a)
	}
	fmt.Fprintf(&b, "  state %s = 0\n  %s <- %s(%s)\n", objectiveValue, objectiveValue, o.name, strings.Join(all, ", "))
	for k := range o.vars {
		others := slices.Delete(slices.Clone(all), k, k+1)
		name := fmt.Sprintf("%s%d", objectiveSlope, k)
		fmt.Fprintf(&b, "  state %s = 0\n  %s <- %s_in%d'(%s; %s)\n", name, name, objectiveSlope, k, all[k], strings.Join(others, ", "))
	}
	return b.String() + "}\n"
}

// withObjective is a folder with the text of an objective as one file more.
type withObjective struct {
	ruleFiles
	text string
}

func (w withObjective) ReadFile(name string) ([]byte, error) {
	if name == objectiveFile {
		return []byte(w.text), nil
	}
	return w.ruleFiles.ReadFile(name)
}

// compileObjective compiles the text of an objective.
func (u *unit) compileObjective(c *console, o *objective) (*ir.Program, error) {
	dir, base := filepath.Split(u.file)
	files := withObjective{ruleFiles(dir), o.text(base)}
	loaded := &unit{file: u.file}
	loaded.Unit, loaded.diags = compiler.Load(files, objectiveFile, stdlib.FS)
	r, diags, err := compiler.Compile(loaded.Unit, objectiveRule, compiler.Settings{})
	if err != nil {
		return nil, internalError{fmt.Errorf("objective %s: %w", o.name, err)}
	}
	for _, d := range append(loaded.diags, diags...) {
		if d.Severity != lang.Error {
			continue
		}
		if d.File == objectiveFile {
			return nil, fmt.Errorf("%s cannot be an objective: %s", o.name, d.Message)
		}
		loaded.place(diags)
		return nil, c.report(diags, u.Sources)
	}
	if len(r.Checked.States) != 1+max(1, len(o.vars)) {
		return nil, fmt.Errorf("%s cannot be an objective: it keeps a state", o.name)
	}
	for _, v := range ir.Reachable(r.Checked.Roots()...) {
		if v.Kind == ir.Draw {
			return nil, fmt.Errorf("%s cannot be an objective: it draws random values", o.name)
		}
	}
	return r.Checked, nil
}

// at is the value and the gradient at x.
func (o *objective) at(x []float64) (grad []float64, value float64, err error) {
	m := o.machine
	copy(m.Params[0], x)
	for k := range m.Given {
		m.Given[k].Steps = []float64{x[k]}
	}
	if err := m.Step([][]float64{make([]float64, len(x))}, 0); err != nil {
		return nil, 0, err
	}
	grad = make([]float64, len(x))
	for i, s := range o.program.States {
		steps, arrays := m.State(i)
		k, err := strconv.Atoi(strings.TrimPrefix(s.Name, objectiveSlope))
		switch {
		case err != nil:
			value = steps[0]
		case len(arrays) > 0:
			copy(grad, arrays[0])
		case len(o.vars) > 1:
			grad[k] = steps[0]
		default: // the same in every element
			for j := range grad {
				grad[j] = steps[0]
			}
		}
	}
	return grad, value, nil
}
