package main

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/check"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/stdlib"
)

// ownRules are rules that are measured beside the library's: with narrow states, and a whole training step.
//
//go:embed *.opt
var ownRules embed.FS

// ownPrefix marks a rule of this folder in least.tsv.
const ownPrefix = "bench/"

// narrowFile declares narrowRule, AdamW with states in the element type.
const narrowFile, narrowRule = "narrow.opt", "adamw_f32"

// stateFormats are those in which narrowRule keeps its states in rules adamw_FORMAT of their own; sr rounds by chance.
var stateFormats = []string{"bf16", "bf16 sr", "f16", "q8", "q8 sr"}

// narrowIn is the name of narrowRule with its states in a format.
func narrowIn(format string) string { return "adamw_" + strings.ReplaceAll(format, " ", "_") }

// keptIn is the rule file of narrowRule with its states in a format.
func keptIn(text, format string) string {
	return strings.NewReplacer(narrowRule, narrowIn(format), "state m =", "state m as "+format+" =", "state v =", "state v as "+format+" =").Replace(text)
}

// sources are the rules that can be measured.
type sources struct {
	library *check.Unit
	own     map[string]*check.Unit // by rule
}

// readSources loads the library and the rules of this folder.
func readSources() (*sources, error) {
	library, diags := compiler.Library(stdlib.FS)
	if len(diags) > 0 {
		return nil, fmt.Errorf("the library: %v", diags[0])
	}
	s := &sources{library: library, own: map[string]*check.Unit{}}
	files, err := ownRules.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		text, err := ownRules.ReadFile(f.Name())
		if err != nil {
			return nil, err
		}
		texts := []string{string(text)}
		if f.Name() == narrowFile {
			for _, format := range stateFormats {
				texts = append(texts, keptIn(texts[0], format))
			}
		}
		for _, text := range texts {
			if err := s.add(f.Name(), text); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// add adds the rules of a file.
func (s *sources) add(name, text string) error {
	u, diags := compiler.Load(fstest.MapFS{name: {Data: []byte(text)}}, name, stdlib.FS)
	if len(diags) > 0 {
		return fmt.Errorf("%s: %v", name, diags[0])
	}
	for _, rule := range u.Rules() {
		s.own[rule] = u
	}
	return nil
}

// rules are the names of all rules, as least.tsv has them.
func (s *sources) rules() []string {
	out := slices.Clone(s.library.Rules())
	for _, name := range slices.Sorted(maps.Keys(s.own)) {
		out = append(out, ownPrefix+name)
	}
	return out
}

func (s *sources) unit(rule string) (*check.Unit, string) {
	if own, ok := strings.CutPrefix(rule, ownPrefix); ok {
		return s.own[own], own
	}
	return s.library, rule
}

// options are the options of a rule with a body that the rules on the way to it leave open, with what each may be.
func (s *sources) options(rule string) []*lang.Option {
	u, name := s.unit(rule)
	fixed := map[string]bool{}
	for range 256 { // the checker reports a cycle
		decl, _, ok := u.Rule(name)
		if !ok {
			return nil
		}
		if decl.Value == nil {
			var out []*lang.Option
			for _, stmt := range decl.Body {
				if o, ok := stmt.(*lang.Option); ok && !fixed[o.Name.Name] {
					out = append(out, o)
				}
			}
			return out
		}
		call, ok := decl.Value.(*lang.Call)
		if !ok {
			n, ok := decl.Value.(*lang.Name)
			if !ok {
				return nil
			}
			name = n.Name
			continue
		}
		for _, a := range call.Params {
			fixed[a.Name.Name] = true
		}
		name = call.Fn.Name
	}
	return nil
}

// compiled is a rule ready to be generated, with its hyperparameters.
type compiled struct {
	*compiler.Rule
	hypers []float64
}

// compile compiles a rule with the settings of a row: NAME=VALUE, of an option or a hyperparameter.
func (s *sources) compile(rule string, set map[string]string) (*compiled, error) {
	return s.compileFor("", rule, set)
}

// compileFor is compile for parameters in a format of --params.
func (s *sources) compileFor(params, rule string, set map[string]string) (*compiled, error) {
	u, name := s.unit(rule)
	if u == nil || !slices.Contains(u.Rules(), name) {
		return nil, fmt.Errorf("there is no rule %s", rule)
	}
	chosen := compiler.Settings{Options: map[string]string{}, Params: params}
	hypers := map[string]float64{}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if slices.ContainsFunc(s.options(rule), func(o *lang.Option) bool { return o.Name.Name == key }) {
			chosen.Options[key] = set[key]
			continue
		}
		v, err := strconv.ParseFloat(set[key], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %s=%s is neither an option nor a number", rule, key, set[key])
		}
		hypers[key] = v
	}
	r, diags, err := compiler.Compile(u, name, chosen)
	if err != nil {
		return nil, err
	}
	if r == nil || r.Plan == nil {
		return nil, fmt.Errorf("%s: %v", rule, diags)
	}
	c := &compiled{Rule: r}
	for _, h := range r.Checked.Hypers {
		v, ok := hypers[h.Name]
		if !ok {
			v = h.Default
		} else if !h.Admits(v) {
			return nil, fmt.Errorf("%s: %s", rule, h.Refusal(v))
		}
		delete(hypers, h.Name)
		c.hypers = append(c.hypers, v)
	}
	for _, name := range slices.Sorted(maps.Keys(hypers)) {
		return nil, fmt.Errorf("%s has neither an option nor a hyperparameter %s", rule, name)
	}
	return c, nil
}

// wantsMatrix reports whether a rule does anything that concerns matrices alone: it is then measured on a square one.
func (c *compiled) wantsMatrix() bool {
	if len(c.Plan.Classes) > 1 {
		return true
	}
	for _, v := range ir.Reachable(c.Plan.Program.Roots()...) {
		if v.Extent.IsArray() && v.Extent != ir.Elem || v.Kind == ir.Input && v.Name == "rows" {
			return true
		}
	}
	return false
}

// class is the class of a tensor of a shape that is called w.
func (c *compiled) class(shape []int) int { return interp.ClassOf(c.Plan, tensorName, shape) }

// tensorName is what the tensor that is measured is called.
const tensorName = "w"

// stages are the stages of a later step that concern a class.
func (c *compiled) stages(class int) []ir.Stage {
	var out []ir.Stage
	for _, s := range c.Plan.Later {
		if s.Kernel == nil && s.Array == nil || s.Class == class {
			out = append(out, s)
		}
	}
	return out
}

// moved is what the compiled rule moves of each element in a later step, in bytes.
func (c *compiled) moved(class int) float64 {
	total := 0.0
	for _, s := range c.stages(class) {
		if s.Kernel == nil || s.Kernel.Domain != ir.Elem {
			continue
		}
		dearest := c.traffic(pass.Dearest(s))
		for _, of := range s.Cases {
			dearest -= c.share(of) * (c.traffic(pass.Dearest(s)) - c.traffic(of.Kernel))
		}
		total += dearest
	}
	return total
}

// traffic is what a kernel moves of each element, in bytes.
func (c *compiled) traffic(k *ir.Kernel) float64 {
	total := 0.0
	for _, stream := range k.Streams {
		if stream.Extent != ir.Elem || stream.Kind == ir.DrawStream || stream.Kind == ir.CollectStream {
			continue
		}
		size := formatBytes(c.Plan.Program.Storage(stream.Place).Format)
		if stream.Read {
			total += size
		}
		if stream.Write {
			total += size
		}
	}
	return total
}

// countedSteps is how many steps are looked at, from that number on: a multiple of the numbers of steps after which rules do
// something again.
const countedSteps = 1000

// share is the part of the steps in which a case is known to run: 0 where its condition depends on more than hyperparameters and t.
func (c *compiled) share(of ir.KernelCase) float64 {
	steps := 0
	for t := countedSteps; t < 2*countedSteps; t++ {
		if v, known := c.stepValue(of.If, float64(t)); known && (v != 0) == of.Is {
			steps++
		}
	}
	return float64(steps) / countedSteps
}

// stepValue is a value of a step that depends on hyperparameters and t alone; false for any other.
func (c *compiled) stepValue(v *ir.Value, t float64) (float64, bool) {
	switch {
	case v.Kind == ir.Number:
		return v.Num, true
	case v.Kind == ir.Hyper:
		return c.hypers[v.Index], true
	case v.Kind == ir.Input && v.Name == "t":
		return t, true
	case v.Kind == ir.Spread:
		return c.stepValue(v.Args[0], t)
	case v.Kind != ir.Apply:
		return 0, false
	}
	args := make([]float64, len(v.Args))
	for i, a := range v.Args {
		value, known := c.stepValue(a, t)
		if !known {
			return 0, false
		}
		args[i] = value
	}
	return v.Op.Eval(args), true
}
