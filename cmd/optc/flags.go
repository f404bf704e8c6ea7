package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/pass"
	optrt "github.com/optc-lang/optc/runtime"
)

// setFlag is the flag that sets what is decided when a rule runs.
type setFlag struct {
	Set map[string]string `mapsep:"," placeholder:"HYPER=VALUE" help:"Set hyperparameters: --set lr=1 --set beta1=0.2, or --set lr=1,beta1=0.2."`
}

// said is a flag NAME=VALUE as it stands on a command line, once a name, each with a space before it.
func said(flag string, values map[string]string) string {
	text := ""
	for _, name := range sortedNames(values) {
		text += " " + flag + " " + name + "=" + values[name]
	}
	return text
}

// said is what the flags choose, as it stands on a command line.
func (f *fixed) said() string {
	text := said("-D", f.Define) + said("--fix", f.Fix)
	if f.Math == compiler.Fast {
		text += " --math " + compiler.Fast
	}
	return text
}

// mathFlag is what rewrites may change, on the command line.
type mathFlag string

// UnmarshalText reads strict or fast.
func (m *mathFlag) UnmarshalText(text []byte) error {
	if s := string(text); s != compiler.Strict && s != compiler.Fast {
		return fmt.Errorf("%q is neither %s nor %s", s, compiler.Strict, compiler.Fast)
	}
	*m = mathFlag(text)
	return nil
}

// paramsArg is the flag that has parameters and gradients in 16 bits.
type paramsArg struct {
	Params paramsFlag `placeholder:"FORMAT" help:"Take parameters and gradients in bf16 or f16, and compute in f32. Beside a parameter stands what its rounding would forget: bf16 or bf16+master has a float32 copy, which the rule reads as x; bf16+kahan what was lost, in bf16; bf16+sr and bf16+nearest nothing, and round stochastically or to nearest. Likewise f16."`
}

// paramsFlag is how parameters are kept, on the command line.
type paramsFlag string

// UnmarshalText reads f32, or a format and what stands beside parameters in it.
func (p *paramsFlag) UnmarshalText(text []byte) error {
	params, err := pass.ParseParams(string(text))
	*p = paramsFlag(params.String())
	return err
}

// said is the flag as it stands on a command line.
func (p paramsArg) said() string {
	if p.Params == "" {
		return ""
	}
	return " --params " + string(p.Params)
}

// keep is a rule of the unit, which has been compiled and reported on, for parameters as the flag has them.
func (p paramsArg) keep(u *unit, r *compiler.Rule) (*compiler.Rule, error) {
	if p.Params == "" {
		return r, nil
	}
	set := r.Settings
	set.Params = string(p.Params)
	kept, diags, err := compiler.Compile(u.Unit, r.Name, set)
	if err == nil && kept == nil {
		u.place(diags)
		err = diags
	}
	if err != nil {
		return nil, internalError{fmt.Errorf("rule %s for parameters in %s: %w", r.Name, p.Params, err)}
	}
	return kept, nil
}

// open opens a rule for parameters as the flag has them, with hyperparameters set.
func (p paramsArg) open(c *console, a *ruleArg, set map[string]string) (*compiler.Rule, []float64, error) {
	u, r, err := a.openUnit(c)
	if err == nil {
		r, err = p.keep(u, r)
	}
	if err != nil {
		return nil, nil, err
	}
	hypers, err := setHypers(r, set)
	return r, hypers, err
}

// only refuses element types other than f32.
func (p paramsArg) only(dtypes ...string) error {
	if p.Params != "" && slices.Contains(dtypes, "f64") {
		return usagef("--params %s: such a rule computes in f32; leave out --dtype f64", p.Params)
	}
	return nil
}

// interpEngine is the interpreter: it needs no toolchain.
const interpEngine = "interp"

// engineFlag is an engine on the command line; "" is the fastest of this CPU.
type engineFlag string

// UnmarshalText reads the name of an engine.
func (e *engineFlag) UnmarshalText(text []byte) error {
	known := []string{interpEngine}
	for e := range optrt.Engine(optrt.NumEngines) {
		known = append(known, e.String())
	}
	if !slices.Contains(known, string(text)) {
		return fmt.Errorf("there is no engine %q%s", text, didYouMean(string(text), known))
	}
	*e = engineFlag(text)
	return nil
}

// dtypeFlag is an element type on the command line.
type dtypeFlag string

// UnmarshalText reads the name of an element type.
func (d *dtypeFlag) UnmarshalText(text []byte) error {
	if s := string(text); s != "f32" && s != "f64" {
		return fmt.Errorf("%q is neither f32 nor f64", s)
	}
	*d = dtypeFlag(text)
	return nil
}

func (d dtypeFlag) dtype() target.DType {
	if d == "f64" {
		return target.F64
	}
	return target.F32
}

// joinNegative writes `--flag -3` as `--flag=-3`: else the number would be taken for a flag.
func joinNegative(args []string) []string {
	var out []string
	for i, a := range args {
		number := len(a) > 1 && a[0] == '-' && (a[1] == '.' || a[1] >= '0' && a[1] <= '9')
		if number && i > 0 && strings.HasPrefix(args[i-1], "-") && !strings.Contains(args[i-1], "=") {
			if strings.HasPrefix(args[i-1], "--") {
				a = "=" + a
			}
			out[len(out)-1] += a
			continue
		}
		out = append(out, a)
	}
	return out
}

// plural counts things: 1 pass, 2 passes.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
