package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/optc-lang/optc/codegen/target"
	"github.com/optc-lang/optc/compiler"
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
