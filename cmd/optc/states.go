package main

import (
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
)

// stateInfo is a state of a rule.
type stateInfo struct {
	Name    string `json:"name"`
	Extent  string `json:"extent"`
	As      string `json:"as,omitempty"`      // its storage format
	Tensors string `json:"tensors,omitempty"` // those that have it, if not all do
	KeptAs  string `json:"kept_as"`           // its name in checkpoints
}

// statesOf are the states of a plan, in its order.
func statesOf(plan *ir.Plan, kinds []kind) []stateInfo {
	out := []stateInfo{}
	names := stateNames(plan)
	for i, s := range plan.Program.States {
		out = append(out, stateInfo{names[i], s.Extent.String(), s.As.String(), keepers(plan, kinds, i), s.Name})
	}
	return out
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

// stateNames gives each state a short name for people: that of its declaration in the rule's own body, and for a state
// of a call what the rule calls its new value, for the first tensors that have it. Where two would be called the same,
// the rule's own name goes to what its own body calls so, and the other gets a number.
func stateNames(plan *ir.Plan) []string {
	p := plan.Program
	taken := ir.NewNames("x", "g", "t", "loss")
	for _, h := range p.Hypers {
		taken.Take(h.Name)
	}
	for _, g := range p.Givens {
		taken.Take(g.Name)
	}
	for _, v := range ir.Reachable(append(p.Roots(), p.Eval)...) {
		taken.Avoid(v.Label)
	}
	labelled := labelledStates(plan)
	depth := func(i int) int { // of the body that names the state
		if v := labelled[i]; v != nil && !v.Inner {
			return 1
		}
		return 2 * strings.Count(p.States[i].Name, ".")
	}
	outermost := make([]int, len(p.States))
	for i := range outermost {
		outermost[i] = i
	}
	slices.SortStableFunc(outermost, func(a, b int) int { return depth(a) - depth(b) })
	names := make([]string, len(p.States))
	for _, i := range outermost {
		switch full := p.States[i].Name; {
		case !strings.Contains(full, "."):
			names[i] = taken.Fresh(full)
		case labelled[i] != nil && !p.States[i].BesideX():
			names[i] = taken.Fresh(labelled[i].Label)
		default:
			names[i] = taken.Invent(full[strings.LastIndex(full, ".")+1:])
		}
	}
	return names
}

// labelledStates are the new values of the states of calls that the rule has a name for, nil for others.
func labelledStates(plan *ir.Plan) []*ir.Value {
	labelled := make([]*ir.Value, len(plan.Program.States))
	for _, class := range plan.Classes {
		q := specialised(pass.First(plan.Program, false), class)
		for i, s := range q.States {
			own := !strings.Contains(s.Name, ".")
			if !own && labelled[i] == nil && s.New != q.Pool.Load(i) && s.New.Kind != ir.Input && s.New.Label != "" {
				labelled[i] = s.New
			}
		}
	}
	return labelled
}
