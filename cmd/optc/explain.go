package main

import (
	"encoding/json"
	"fmt"
	"io"
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
	return `Prints a rule's documentation, hyperparameters, options, further inputs, states and formula, then the step as it is executed: what is computed once a model, group or tensor, what in which pass over elements, rows or columns, what on whole matrices, and where the model is asked again; with the memory traffic and the arithmetic that it costs. A value that a pass needs and an earlier one had is read from scratch memory or computed again, whichever moves fewer bytes; both are said. Where a rule treats tensors differently by shape or name, each kind has its own list.

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
	Rule      string      `json:"rule"`
	Doc       string      `json:"doc"`
	Hypers    []hyperInfo `json:"hypers"`
	Options   []option    `json:"options"`
	Givens    []givenInfo `json:"givens"`
	States    []stateInfo `json:"states"`
	Formula   []line      `json:"formula"` // of the first kind of tensors
	Step      []stageInfo `json:"step"`
	FirstStep []stageInfo `json:"first_step,omitempty"` // if it differs from the others
	Eval      []stageInfo `json:"eval,omitempty"`
	costInfo              // of the dearest kind of tensors
	Tensors   []kindInfo  `json:"tensors"` // the kinds that are treated differently
	Engines   []string    `json:"engines"`
	PlainGo   []slowPass  `json:"plain_go"` // passes that run in plain Go whatever the engine
}

// kindInfo is what is done for tensors of one kind.
type kindInfo struct {
	Which   string `json:"which"`
	Formula []line `json:"formula"`
	costInfo
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

type givenInfo struct {
	Name   string `json:"name"`
	Extent string `json:"extent"`
	Load   bool   `json:"load"`
	Doc    string `json:"doc"`
}

type stateInfo struct {
	Name    string `json:"name"`
	Extent  string `json:"extent"`
	As      string `json:"as,omitempty"`      // its storage format
	Tensors string `json:"tensors,omitempty"` // those that have it, if not all do
	KeptAs  string `json:"kept_as"`           // its name in checkpoints
}

type line struct {
	Name   string `json:"name"`
	Extent string `json:"extent"`
	Text   string `json:"text"`
	Update bool   `json:"update"`
	Again  bool   `json:"again,omitempty"` // an earlier pass has computed it too, and did not keep it
}

func (l line) String() string {
	text := l.Name + " = " + l.Text
	if l.Update {
		text = l.Name + " <- " + l.Text
	}
	if l.Again {
		text += "  (computed again)"
	}
	return text
}

func explain(u *unit, r *compiler.Rule) *explanation {
	p := r.Plan.Program
	e := &explanation{
		Rule: r.Name, Doc: p.Doc, Hypers: []hyperInfo{}, Givens: []givenInfo{}, States: []stateInfo{}, Options: optionValues(u, r),
		Engines: enginesOf(r), PlainGo: slowPasses(r),
	}
	for _, h := range p.Hypers {
		e.Hypers = append(e.Hypers, hyperInfo{h.Name, host.Number(h.Default), h.Interval(), h.Doc})
	}
	for _, g := range p.Givens {
		e.Givens = append(e.Givens, givenInfo{g.Name, g.Extent.String(), g.Load, g.Doc})
	}
	kinds := kindsOf(r.Plan)
	names := stateNames(r.Plan)
	for i, s := range p.States {
		e.States = append(e.States, stateInfo{names[i], s.Extent.String(), s.As.String(), keepers(r.Plan, kinds, i), s.Name})
	}
	later := pass.First(p, false)
	e.Step = tell(later, r.Plan, r.Plan.Later, kinds)
	if !r.Plan.Same {
		e.FirstStep = tell(pass.First(p, true), r.Plan, r.Plan.First, kinds)
	}
	if r.Plan.Eval != nil {
		e.Eval = tell(p, r.Plan, r.Plan.Eval, kinds)
	}
	for _, k := range kinds {
		info := kindInfo{Which: k.text, Formula: lines(formulaOf(later, r.Plan.Classes[k.classes[0]], names)), costInfo: costOf(r.Plan, k.classes[0])}
		e.Tensors = append(e.Tensors, info)
		if info.Bytes.F32 >= e.Bytes.F32 {
			e.costInfo = info.costInfo
		}
	}
	e.Formula = e.Tensors[0].Formula
	return e
}

// keepers says which tensors have a state; "" if all have.
func keepers(plan *ir.Plan, kinds []kind, state int) string {
	if !plan.Program.States[state].Extent.IsArray() {
		return ""
	}
	var with []string
	for _, k := range kinds {
		if plan.Classes[k.classes[0]].States[state] {
			with = append(with, k.text)
		}
	}
	if len(with) == len(kinds) {
		return ""
	}
	return strings.Join(with, ", ")
}

func lines(equations []ir.Equation) []line {
	out := []line{}
	for _, e := range equations {
		out = append(out, line{Name: e.Name, Extent: e.Extent.String(), Text: e.Text, Update: e.Update})
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

func (e *explanation) print(w io.Writer) {
	fmt.Fprintf(w, "rule %s\n", e.Rule)
	for l := range strings.Lines(strings.TrimSpace(e.Doc)) {
		fmt.Fprintf(w, "  %s\n", strings.TrimSpace(l))
	}
	e.printDeclarations(w)
	for _, k := range e.Tensors {
		fmt.Fprintf(w, "\nformula%s\n", forTensors(k.Which))
		printLines(w, k.Formula, "  ")
	}
	title := "a step"
	if e.FirstStep != nil {
		title = "a step, from the second on"
	}
	printStages(w, title, e.Step)
	printStages(w, "the first step", e.FirstStep)
	printStages(w, "the point of evaluation, when it is asked for", e.Eval)
	for _, k := range e.Tensors {
		fmt.Fprintf(w, "\ncost of a step for each parameter element%s\n", forTensors(k.Which))
		k.costInfo.print(w)
	}
	fmt.Fprintf(w, "\nengines: %s%s\n", strings.Join(e.Engines, ", "), e.lacking())
}

func forTensors(which string) string {
	if which == "" {
		return ""
	}
	return ", " + which
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
	for _, g := range e.Givens {
		when := "every step"
		if g.Load {
			when = "once, when the optimizer is built"
		}
		t.add(g.Name, once(g.Extent), when, oneLine(g.Doc))
	}
	section("further inputs: name, how many, when they are given", t)
	t = table{}
	for _, s := range e.States {
		var notes []string
		if s.As != "" {
			notes = append(notes, "kept as "+s.As)
		}
		if s.Tensors != "" {
			notes = append(notes, "for "+s.Tensors)
		}
		if s.KeptAs != s.Name {
			notes = append(notes, "in checkpoints "+s.KeptAs)
		}
		t.add(s.Name, once(s.Extent), strings.Join(notes, "; "))
	}
	section("states", t)
}

// once says how many there are of what has an extent.
func once(extent string) string {
	switch extent {
	case "elem":
		return "one a parameter element"
	case "col":
		return "one a column"
	case "[row,row]":
		return "a matrix of rows by rows"
	case "[col,col]":
		return "a matrix of columns by columns"
	case "[col,row]":
		return "a matrix of columns by rows"
	}
	return "one a " + extent
}

func oneLine(doc string) string { return strings.Join(strings.Fields(doc), " ") }

func printLines(w io.Writer, lines []line, indent string) {
	for _, l := range lines {
		fmt.Fprintf(w, "%s%s\n", indent, l)
	}
}
