package main

import (
	"encoding/json"
	"strings"

	"github.com/optc-lang/optc/codegen/goasm"
	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/internal/host"
)

type explainCmd struct {
	ruleArg
	paramsArg
	JSON bool `name:"json" help:"Print one JSON object."`
}

// Help is the verb's example.
func (explainCmd) Help() string {
	return `Prints a rule's documentation, hyperparameters, options, further inputs, states and formula, then the step as it is executed: what is computed once a model, group or tensor, what in which pass over elements, rows or columns, what on whole matrices, and where the model is asked again; with the memory traffic and the arithmetic that it costs. A value that a pass needs and an earlier one had is read from scratch memory or computed again, whichever moves fewer bytes; both are said. Under properties stands what is proved of the steps: how they answer to a scaling of the loss, of the parameters and of single elements, how large they can be, and up to which learning rate the minimum of a quadratic attracts. What is not proved is said to be unknown. Where a rule treats tensors differently by shape or name, each kind has its own list.

Example:
  optc explain std/adam
  optc explain std/adam -D decoupled=true --fix weight_decay=0.1 --json
  optc explain std/adamw --params bf16+kahan`
}

// Run explains a rule.
func (cmd *explainCmd) Run(c *console) error {
	u, r, err := cmd.openUnit(c)
	if err != nil {
		return err
	}
	kept, err := cmd.keep(u, r)
	if err != nil {
		return err
	}
	e := explain(u, kept)
	if kept != r { // proofs are about the rule, not about rounding
		e.Properties = propertiesOf(r, kindsOf(r.Plan))
	}
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
	Math      string      `json:"math,omitempty"` // fast, or nothing
	Doc       string      `json:"doc"`
	Hypers    []hyperInfo `json:"hypers"`
	Options   []option    `json:"options"`
	Givens    []givenInfo `json:"givens"`
	States    []stateInfo `json:"states"`
	Derived   []derived   `json:"derived,omitempty"`
	Formula   []line      `json:"formula"` // of the first kind of tensors
	Step      []stageInfo `json:"step"`
	FirstStep []stageInfo `json:"first_step,omitempty"` // if it differs from the others
	Eval      []stageInfo `json:"eval,omitempty"`
	costInfo              // of the dearest kind of tensors
	Tensors   []kindInfo  `json:"tensors"` // the kinds that are treated differently
	Engines   []string    `json:"engines"`
	PlainGo   []slowPass  `json:"plain_go"` // passes that run in plain Go whatever the engine

	Properties []propertiesInfo `json:"properties"` // of each kind of tensors
}

// derived is what the compiler has put in closed form.
type derived struct {
	Call  string        `json:"call"`
	Is    string        `json:"is"` // what the cases are
	Cases []derivedCase `json:"cases"`
}

type derivedCase struct {
	Formula string `json:"formula"`
	Where   string `json:"where,omitempty"`
}

// derivedOf is every derivation of a rule, once.
func derivedOf(r *compiler.Rule) []derived {
	var out []derived
	seen := map[string]bool{}
	for _, d := range r.Checked.Derivations {
		if seen[d.Call] {
			continue
		}
		seen[d.Call] = true
		one := derived{Call: d.Call, Is: d.Head, Cases: []derivedCase{}}
		for _, c := range d.Cases {
			where := c.Where
			if where != "" {
				where = "where " + where
			}
			one.Cases = append(one.Cases, derivedCase{c.Formula, where})
		}
		out = append(out, one)
	}
	return out
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

type givenInfo struct {
	Name   string `json:"name"`
	Extent string `json:"extent"`
	Load   bool   `json:"load"`
	Doc    string `json:"doc"`
}

type line struct {
	Name   string `json:"name"`
	Extent string `json:"extent"`
	Text   string `json:"text"`
	Update bool   `json:"update"`
	Again  bool   `json:"again,omitempty"` // an earlier pass has computed it too, and did not keep it
}

func explain(u *unit, r *compiler.Rule) *explanation {
	p := r.Plan.Program
	kinds := kindsOf(r.Plan)
	e := &explanation{
		Rule: r.Name, Doc: p.Doc, Hypers: []hyperInfo{}, Givens: []givenInfo{}, States: statesOf(r.Plan, kinds), Options: optionValues(u, r),
		Tensors: kindInfos(r.Plan, kinds), Engines: enginesOf(r), PlainGo: slowPasses(r), Derived: derivedOf(r),
	}
	if r.Settings.Math == compiler.Fast {
		e.Math = compiler.Fast
	}
	for _, h := range p.Hypers {
		e.Hypers = append(e.Hypers, hyperInfo{h.Name, host.Number(h.Default), h.Interval(), h.Doc})
	}
	for _, g := range p.Givens {
		e.Givens = append(e.Givens, givenInfo{g.Name, g.Extent.String(), g.Load, g.Doc})
	}
	later := pass.First(p, false)
	e.Step = tell(later, r.Plan, r.Plan.Later, kinds)
	if !r.Plan.Same {
		e.FirstStep = tell(pass.First(p, true), r.Plan, r.Plan.First, kinds)
	}
	if r.Plan.Eval != nil {
		e.Eval = tell(p, r.Plan, r.Plan.Eval, kinds)
	}
	for _, k := range e.Tensors {
		if k.Bytes.F32 >= e.Bytes.F32 {
			e.costInfo = k.costInfo
		}
	}
	e.Formula = e.Tensors[0].Formula
	e.Properties = propertiesOf(r, kinds)
	return e
}

// kindInfos are the formula and the costs of a plan for each kind of tensors.
func kindInfos(plan *ir.Plan, kinds []kind) []kindInfo {
	later, names := pass.First(plan.Program, false), stateNames(plan)
	var out []kindInfo
	for _, k := range kinds {
		class := k.classes[0]
		out = append(out, kindInfo{Which: k.text, Formula: lines(formulaOf(later, plan.Classes[class], names)), costInfo: costOf(plan, class)})
	}
	return out
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
	for _, isa := range goasm.ISAs {
		if lacking(r, isa) == "" {
			engines = append(engines, strings.ToLower(isaEngine(isa).String()))
		}
	}
	return engines
}
