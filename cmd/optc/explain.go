package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/internal/host"
	"github.com/optc-lang/optc/lang"
)

type explainCmd struct {
	ruleArg
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help is the verb's example.
func (explainCmd) Help() string {
	return `Prints a rule's documentation, hyperparameters, options, states and formula, then the step as it is executed: what is computed once a model, group or tensor and what in which pass over the parameters, with the memory traffic and the arithmetic that it costs.

Example:
  optc explain std/adam
  optc explain std/adam -D decoupled=true --fix weight_decay=0.1 --json`
}

// Run explains a rule.
func (cmd *explainCmd) Run(c *console) error {
	u, r, err := cmd.openUnit(c)
	if err != nil {
		return err
	}
	e := explain(u, r)
	if cmd.JSON {
		enc := json.NewEncoder(c.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(e)
	}
	e.print(c.out)
	return nil
}

// explanation is what `explain` says.
type explanation struct {
	Rule       string      `json:"rule"`
	Doc        string      `json:"doc"`
	Hypers     []hyperInfo `json:"hypers"`
	Options    []option    `json:"options"`
	States     []stateInfo `json:"states"`
	Formula    []line      `json:"formula"`
	Step       []stageInfo `json:"step"`
	FirstStep  []stageInfo `json:"first_step,omitempty"` // if it differs from the others
	Eval       []stageInfo `json:"eval,omitempty"`
	Passes     int         `json:"passes"`
	Flops      int         `json:"flops_per_param"`
	Bytes      perDType    `json:"bytes_per_param"`
	StateBytes perDType    `json:"state_bytes_per_param"`
	Engines    []string    `json:"engines"`
	PlainGo    []slowPass  `json:"plain_go"` // passes that run in plain Go whatever the engine
}

type perDType struct {
	F32 int `json:"f32"`
	F64 int `json:"f64"`
}

type hyperInfo struct {
	Name     string      `json:"name"`
	Default  host.Number `json:"default"`
	Interval string      `json:"interval"`
	Doc      string      `json:"doc"`
}

type option struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Choices string `json:"choices"`
	Doc     string `json:"doc"`
}

type stateInfo struct {
	Name   string `json:"name"`
	Extent string `json:"extent"`
	KeptAs string `json:"kept_as"` // its name in checkpoints
}

type line struct {
	Name   string `json:"name"`
	Extent string `json:"extent"`
	Text   string `json:"text"`
	Update bool   `json:"update"`
}

func (l line) String() string {
	if l.Update {
		return l.Name + " <- " + l.Text
	}
	return l.Name + " = " + l.Text
}

// stageInfo is one thing that a step does: step values of an extent, or a pass.
type stageInfo struct {
	Where  string   `json:"where"` // model, group, tensor or pass
	Reads  []string `json:"reads,omitempty"`
	Writes []string `json:"writes,omitempty"`
	Flops  int      `json:"flops_per_param,omitempty"`
	Lines  []line   `json:"lines"`
}

func explain(u *unit, r *compiler.Rule) *explanation {
	p := r.Plan.Program
	cost := pass.CostOf(r.Plan.Later)
	e := &explanation{
		Rule: r.Name, Doc: p.Doc, Hypers: []hyperInfo{}, States: []stateInfo{}, Options: optionValues(u, r),
		Passes: cost.Passes, Flops: cost.Flops, Bytes: perDType{cost.Bytes(4), cost.Bytes(8)}, Engines: enginesOf(r), PlainGo: slowPasses(r),
	}
	for _, h := range p.Hypers {
		e.Hypers = append(e.Hypers, hyperInfo{h.Name, host.Number(h.Default), h.Interval(), h.Doc})
	}
	names := p.StateNames()
	for i, s := range p.States {
		e.States = append(e.States, stateInfo{names[i], s.Extent.String(), s.Name})
		if s.Extent == ir.Elem {
			e.StateBytes.F32 += 4
			e.StateBytes.F64 += 8
		}
	}
	later := pass.First(p, false)
	e.Formula = lines(later.Formula())
	e.Step = newTeller(later, names).tell(r.Plan.Later)
	if !r.Plan.Same {
		e.FirstStep = newTeller(pass.First(p, true), names).tell(r.Plan.First)
	}
	if r.Plan.Eval != nil {
		e.Eval = newTeller(later, names).tell(r.Plan.Eval)
	}
	return e
}

func lines(equations []ir.Equation) []line {
	out := []line{}
	for _, e := range equations {
		out = append(out, line{e.Name, e.Extent.String(), e.Text, e.Update})
	}
	return out
}

// enginesOf lists the engines that have kernels for all passes.
func enginesOf(r *compiler.Rule) []string {
	engines := []string{"go"}
	for _, isa := range isas {
		if lacking(r, isa) == "" {
			engines = append(engines, strings.ToLower(isaEngine(isa).String()))
		}
	}
	return engines
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

// teller names the values of a step in the order in which they come to be.
type teller struct {
	p      *ir.Program
	states []string
	known  map[*ir.Value]string // what the lines so far have named, and what a step starts from
	taken  *ir.Names
}

func newTeller(p *ir.Program, states []string) *teller {
	t := &teller{p: p, states: states, known: map[*ir.Value]string{}, taken: ir.NewNames("x", "g", "t", "loss", "k")}
	for i, s := range states {
		t.known[p.Pool.Load(i)] = s
		t.taken.Take(s)
	}
	for _, h := range p.Hypers {
		t.taken.Take(h.Name)
	}
	for _, v := range ir.Reachable(p.Roots()...) {
		t.taken.Avoid(v.Label)
	}
	return t
}

func (t *teller) tell(stages []ir.Stage) []stageInfo {
	wanted := wantedOutside(stages)
	out := []stageInfo{}
	for _, s := range stages {
		info := stageInfo{Where: s.Extent.String()}
		var roots []*ir.Value
		switch {
		case s.Kernel != nil:
			info = t.pass(s)
			roots = t.written(s.Kernel)
		case s.Fold != nil:
			info.Where = s.Fold.Per.String()
			roots = []*ir.Value{s.Fold}
		case len(s.Keep) > 0:
			for _, i := range s.Keep {
				roots = append(roots, t.p.States[i].New)
			}
			info.Lines = t.keep(s.Keep)
		default:
			for _, v := range s.Values {
				if wanted[v] {
					roots = append(roots, v)
				}
			}
		}
		if info.Lines == nil {
			info.Lines = t.lines(roots, s.Kernel)
		}
		if len(info.Lines) > 0 {
			out = append(out, info)
		}
	}
	return out
}

// wantedOutside are the values that another stage than their own reads.
func wantedOutside(stages []ir.Stage) map[*ir.Value]bool {
	of := map[*ir.Value]int{}
	for i, s := range stages {
		for _, v := range s.Values {
			of[v] = i
		}
	}
	wanted := map[*ir.Value]bool{}
	for i, s := range stages {
		for _, v := range s.Values {
			for _, a := range v.Args {
				if j, ok := of[a]; ok && j != i {
					wanted[a] = true
				}
			}
		}
		if s.Fold != nil {
			wanted[s.Fold.Args[0]] = true
		}
		if s.Kernel != nil {
			for _, sc := range s.Kernel.Scalars {
				wanted[sc.Value] = true
			}
		}
	}
	return wanted
}

// lines states values by what is known, and makes them known.
func (t *teller) lines(values []*ir.Value, k *ir.Kernel) []line {
	names := map[*ir.Value]string{}
	var roots []*ir.Value
	for _, v := range values {
		if _, ok := t.known[v]; ok && k == nil || names[v] != "" {
			continue
		}
		names[v] = t.name(v, k)
		roots = append(roots, v)
	}
	known := t.known
	if k != nil {
		known = map[*ir.Value]string{}
		for v, n := range t.known {
			if _, root := names[v]; !root {
				known[v] = n
			}
		}
	}
	out := lines(t.p.Equations(roots, names, known))
	for i := range out {
		out[i].Update = k != nil && t.isArray(k, out[i].Name)
	}
	for v, n := range names {
		t.known[v] = n
	}
	if k != nil && slices.Contains(roots, t.p.X) && t.stores(k, ir.XStream) {
		t.known[t.p.X] = "x"
	}
	return out
}

// isArray reports whether a pass writes the array of that name.
func (t *teller) isArray(k *ir.Kernel, name string) bool {
	return slices.ContainsFunc(k.Stores, func(s ir.Store) bool {
		st := k.Streams[s.Stream]
		return st.Name == name || st.Kind == ir.StateStream && t.states[st.Index] == name
	})
}

func (t *teller) stores(k *ir.Kernel, kind ir.StreamKind) bool {
	return slices.ContainsFunc(k.Stores, func(s ir.Store) bool { return k.Streams[s.Stream].Kind == kind })
}

// written are the values that a pass stores or reduces.
func (t *teller) written(k *ir.Kernel) []*ir.Value {
	var out []*ir.Value
	for _, r := range k.Reductions {
		out = append(out, r.Result)
	}
	for _, s := range k.Stores {
		switch st := k.Streams[s.Stream]; st.Kind {
		case ir.XStream:
			out = append(out, t.p.X)
		case ir.StateStream:
			out = append(out, t.p.States[st.Index].New)
		case ir.EvalStream:
			out = append(out, t.p.Eval)
		}
	}
	return out
}

// name is what a value is called from now on: the array that it is stored in, what the rule calls it, or a new letter.
func (t *teller) name(v *ir.Value, k *ir.Kernel) string {
	if k != nil && t.stores(k, ir.EvalStream) && v == t.p.Eval {
		return "eval"
	}
	if v == t.p.X {
		return "x"
	}
	for i, s := range t.p.States {
		if s.New == v && s.Extent == ir.Elem {
			return t.states[i]
		}
	}
	if v.Label == "" || len(v.Args) == 0 {
		return t.taken.Invent("k")
	}
	return t.taken.Fresh(v.Label)
}

// keep says which states take a step value.
func (t *teller) keep(states []int) []line {
	out := []line{}
	for _, i := range states {
		s := t.p.States[i]
		text, ok := t.known[s.New]
		if !ok {
			e := t.p.Equations([]*ir.Value{s.New}, map[*ir.Value]string{s.New: t.states[i]}, t.known)
			text = e[len(e)-1].Text
		}
		out = append(out, line{t.states[i], s.Extent.String(), text, true})
	}
	return out
}

// pass is the traffic of one pass.
func (t *teller) pass(s ir.Stage) stageInfo {
	info := stageInfo{Where: "pass", Flops: pass.CostOf([]ir.Stage{s}).Flops}
	for _, st := range s.Kernel.Streams {
		name := st.Name
		if st.Kind == ir.StateStream {
			name = t.states[st.Index]
		}
		if st.Read {
			info.Reads = append(info.Reads, name)
		}
		if st.Write {
			info.Writes = append(info.Writes, name)
		}
	}
	return info
}

func (e *explanation) print(w io.Writer) {
	fmt.Fprintf(w, "rule %s\n", e.Rule)
	for l := range strings.Lines(strings.TrimSpace(e.Doc)) {
		fmt.Fprintf(w, "  %s\n", strings.TrimSpace(l))
	}
	e.printDeclarations(w)
	fmt.Fprintf(w, "\nformula\n")
	printLines(w, e.Formula, "  ")
	title := "a step"
	if e.FirstStep != nil {
		title = "a step, from the second on"
	}
	printStages(w, title, e.Step)
	printStages(w, "the first step", e.FirstStep)
	printStages(w, "the point of evaluation, when it is asked for", e.Eval)
	fmt.Fprintf(w, "\ncost of a step for each parameter element\n")
	t := table{header: []string{"", "f32", "f64"}, right: map[int]bool{1: true, 2: true}}
	t.add("bytes read and written", fmt.Sprint(e.Bytes.F32), fmt.Sprint(e.Bytes.F64))
	t.add("bytes of state", fmt.Sprint(e.StateBytes.F32), fmt.Sprint(e.StateBytes.F64))
	t.add("passes over memory", fmt.Sprint(e.Passes), fmt.Sprint(e.Passes))
	t.add("arithmetic, in additions", fmt.Sprint(e.Flops), fmt.Sprint(e.Flops))
	t.print(w, "  ")
	fmt.Fprintf(w, "\nengines: %s%s\n", strings.Join(e.Engines, ", "), e.lacking())
}

// lacking says why engines are missing.
func (e *explanation) lacking() string {
	var operators []string
	for _, s := range e.PlainGo {
		operators = append(operators, s.Operator)
	}
	if operators == nil {
		return ""
	}
	return " (" + lackText(operators) + ")"
}

func (e *explanation) printDeclarations(w io.Writer) {
	section := func(title string, t table) {
		if len(t.rows) > 0 {
			fmt.Fprintf(w, "\n%s\n", title)
			t.print(w, "  ")
		}
	}
	var t table
	for _, h := range e.Hypers {
		t.add(h.Name, ir.FormatNumber(float64(h.Default)), "in "+h.Interval, oneLine(h.Doc))
	}
	section("hyperparameters: name, default, interval", t)
	t = table{}
	for _, o := range e.Options {
		t.add(o.Name, o.Value, "of "+o.Choices, oneLine(o.Doc))
	}
	section("options, chosen with -D", t)
	t = table{}
	for _, s := range e.States {
		kept := ""
		if s.KeptAs != s.Name {
			kept = "in checkpoints " + s.KeptAs
		}
		t.add(s.Name, once(s.Extent), kept)
	}
	section("states", t)
}

func once(extent string) string {
	if extent == "elem" {
		return "one a parameter element"
	}
	return "one a " + extent
}

func oneLine(doc string) string { return strings.Join(strings.Fields(doc), " ") }

func printStages(w io.Writer, title string, stages []stageInfo) {
	if len(stages) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	n := 0
	for _, s := range stages {
		if s.Where == "pass" {
			n++
			fmt.Fprintf(w, "  pass %d over the elements: reads %s", n, strings.Join(s.Reads, " "))
			if len(s.Writes) > 0 {
				fmt.Fprintf(w, "; writes %s", strings.Join(s.Writes, " "))
			}
			fmt.Fprintln(w)
		} else {
			fmt.Fprintf(w, "  once a %s\n", s.Where)
		}
		printLines(w, s.Lines, "    ")
	}
}

func printLines(w io.Writer, lines []line, indent string) {
	for _, l := range lines {
		fmt.Fprintf(w, "%s%s\n", indent, l)
	}
}
