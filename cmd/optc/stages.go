package main

import (
	"reflect"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// stageInfo is one thing that a step does.
type stageInfo struct {
	Where   string     `json:"where"`             // model, group, tensor, pass, array, order, probe or rotate
	Tensors string     `json:"tensors,omitempty"` // which; "" if there is one kind, or where it concerns all at once
	Over    string     `json:"over,omitempty"`    // of a pass or an order statistic: elem, row, model, ...
	If      string     `json:"if,omitempty"`      // it is done only when this holds
	Reads   []string   `json:"reads,omitempty"`
	Writes  []string   `json:"writes,omitempty"`
	Keeps   []string   `json:"keeps,omitempty"` // in scratch, for later stages
	Flops   int        `json:"flops_per_param,omitempty"`
	Bytes   *perDType  `json:"bytes_per_param,omitempty"`
	Cases   []caseInfo `json:"cases,omitempty"` // of a pass whose bytes a condition decides
	Lines   []line     `json:"lines"`
}

// caseInfo is what a pass moves where a condition is as said.
type caseInfo struct {
	If    string   `json:"if"`
	Is    bool     `json:"is"`
	Bytes perDType `json:"bytes_per_param"`
}

// array is a place of which each tensor has one.
type array struct {
	kind  ir.StreamKind
	index int
}

// teller tells what stages do. Values get their names in the order in which they come to be; what is read from memory is
// called as what was written there.
type teller struct {
	p      *ir.Program
	states []string
	names  map[*ir.Value]string // of all classes
	taken  *ir.Names
	used   []string // names handed out
	wanted map[*ir.Value]bool

	class int                    // whose tensors the stage is about
	known []map[*ir.Value]string // by class: step values with a name
	holds []map[array]string     // by class: what is in each scratch array
	twice []map[*ir.Value]bool   // by class: what more than one pass computes
	done  []map[*ir.Value]bool   // by class: what a pass has computed
}

func newTeller(p *ir.Program, plan *ir.Plan, stages []ir.Stage) *teller {
	t := &teller{p: p, states: stateNames(plan), names: map[*ir.Value]string{}, taken: ir.NewNames("x", "g", "t", "loss", "k")}
	for _, h := range p.Hypers {
		t.taken.Take(h.Name)
	}
	for _, g := range p.Givens {
		t.taken.Take(g.Name)
	}
	t.used = slices.Clone(t.states)
	t.taken.Take(t.states...)
	for _, v := range ir.Reachable(append(p.Roots(), p.Eval)...) {
		t.taken.Avoid(v.Label)
	}
	t.wanted = wantedOutside(stages)
	for class := range plan.Classes {
		known := map[*ir.Value]string{}
		for i, s := range p.States {
			if !s.Extent.IsArray() {
				known[p.Pool.Load(i)] = t.states[i]
			}
		}
		t.known = append(t.known, known)
		t.holds = append(t.holds, map[array]string{})
		t.twice = append(t.twice, computedTwice(stages, class))
		t.done = append(t.done, map[*ir.Value]bool{})
	}
	return t
}

// tell says what stages do, by kind of tensors where they differ.
func tell(p *ir.Program, plan *ir.Plan, stages []ir.Stage, kinds []kind) []stageInfo {
	t := newTeller(p, plan, stages)
	out := []stageInfo{}
	part := make([][]stageInfo, len(plan.Classes)) // of the stages since one that concerned all, by class
	flush := func() {
		out = append(out, merged(part, kinds)...)
		part = make([][]stageInfo, len(plan.Classes))
	}
	for _, s := range stages {
		t.class = s.Class
		own := ofClass(s)
		if !own {
			t.class = 0
		}
		info := t.stage(s)
		if !own {
			t.share()
		}
		switch {
		case len(info.Lines) == 0 && len(info.Keeps) == 0:
		case own:
			part[s.Class] = append(part[s.Class], info)
		default:
			flush()
			out = append(out, info)
		}
	}
	flush()
	return joined(out)
}

// share makes what class 0 knows of values that concern all known to the others.
func (t *teller) share() {
	for v, n := range t.known[0] {
		if v.Extent <= ir.Group || v.Kind == ir.Array || v.Kind == ir.Probe {
			for class := range t.known {
				t.known[class][v] = n
			}
		}
	}
}

// merged lists what the kinds of tensors do, once where all do the same.
func merged(part [][]stageInfo, kinds []kind) []stageInfo {
	alike := true
	for _, k := range kinds {
		alike = alike && reflect.DeepEqual(part[k.classes[0]], part[kinds[0].classes[0]])
	}
	if alike {
		kinds = []kind{{classes: kinds[0].classes, text: map[bool]string{true: "every tensor"}[len(kinds) > 1]}}
	}
	var out []stageInfo
	for _, k := range kinds {
		for _, info := range part[k.classes[0]] {
			info.Tensors = k.text
			out = append(out, info)
		}
	}
	return out
}

// joined puts neighbours together that say the same but for their lines.
func joined(stages []stageInfo) []stageInfo {
	var out []stageInfo
	for _, s := range stages {
		if n := len(out) - 1; n >= 0 && s.Where != "pass" && s.Where != "rotate" && out[n].Where == s.Where && out[n].Tensors == s.Tensors && out[n].Over == s.Over && out[n].If == s.If {
			out[n].Lines = append(out[n].Lines, s.Lines...)
			continue
		}
		out = append(out, s)
	}
	return out
}

func (t *teller) stage(s ir.Stage) stageInfo {
	info := stageInfo{Where: s.Extent.String(), If: t.condition(s.If)}
	switch {
	case s.Kernel != nil:
		return t.pass(s)
	case s.Fold != nil:
		info.Where = s.Fold.Per.String()
		t.fold(&info, s)
	case s.Array != nil && s.Array.Op.Kind == op.Order:
		t.order(&info, s)
	case s.Array != nil:
		info.Where = "array"
		info.Lines = t.operator(s, t.operands(s.Array.Args[:s.Array.Op.Args], s.In[s.Class:s.Class+1], s.Class))
	case s.Probe != nil:
		t.probe(&info, s)
	case len(s.Rotate) > 0:
		info.Where = "rotate"
		info.Lines = []line{t.rotation(s.Rotate)}
	case len(s.Keep) > 0:
		info.Lines = t.keep(s)
	default:
		var roots []*ir.Value
		for _, v := range s.Values {
			if text, ok := literal(v); ok {
				t.known[t.class][v] = text
			} else if t.wanted[v] {
				roots = append(roots, v)
			}
		}
		info.Lines = t.values(roots, nil)
	}
	return info
}

// fold reduces step values; what is folded may differ by class.
func (t *teller) fold(info *stageInfo, s ir.Stage) {
	var from []string
	for class, v := range s.From {
		n, ok := t.known[class][v]
		if !ok {
			n = textOf(t.p, v, t.known[class])
		}
		from = append(from, n)
	}
	leaves := map[*ir.Value]string{s.Fold.Args[0]: strings.Join(distinctWords(from), " or ")}
	info.Lines = t.values([]*ir.Value{s.Fold}, leaves)
}

// order is an order statistic over one tensor or over many.
func (t *teller) order(info *stageInfo, s ir.Stage) {
	info.Where, info.Over = "order", s.Array.Per.String()
	in, first := s.In, 0
	if !sharedOrder(s.Array) {
		in, first = s.In[s.Class:s.Class+1], s.Class
	}
	for class, cond := range s.Ifs {
		if cond != nil {
			info.If = textOf(t.p, cond, t.known[class])
		}
	}
	info.Lines = t.operator(s, t.operands(s.Array.Args[:1], in, first))
}

// operator states an operator on whole arrays, whose operands are named.
func (t *teller) operator(s ir.Stage, leaves map[*ir.Value]string) []line {
	v := s.Array
	if !v.Extent.IsArray() {
		return t.values([]*ir.Value{v}, leaves)
	}
	name := t.name(v, "u")
	for a, n := range t.known[t.class] {
		if leaves[a] == "" {
			leaves[a] = n
		}
	}
	delete(leaves, v)
	eqs := lines(t.p.Equations([]*ir.Value{v}, t.reserve(map[*ir.Value]string{v: name}), leaves))
	for i := range eqs {
		eqs[i].Update = false
	}
	t.put(s, v, name)
	return eqs
}

// put notes what is in an array afterwards: for the class of the stage, or for all.
func (t *teller) put(s ir.Stage, v *ir.Value, name string) {
	for class := range t.holds {
		if class == s.Class || s.Probe != nil || sharedOrder(v) {
			t.holds[class][array{s.Out.Kind, s.Out.Index}] = name
		}
	}
}

// probe is a question to the model.
func (t *teller) probe(info *stageInfo, s ir.Stage) {
	info.Where = "probe"
	v := s.Probe
	leaves := t.operands(v.Args[:1], s.In, 0)
	point := leaves[v.Args[0]]
	say := func(v *ir.Value, name, text string) {
		info.Lines = append(info.Lines, line{Name: name, Extent: v.Extent.String(), Text: text})
	}
	switch {
	case v.Name == "hvp":
		var vectors []string
		for class, in := range s.In {
			vectors = append(vectors, t.at(class, in[1]))
		}
		name := t.name(v, "u")
		say(v, name, "the Hessian at "+point+" times "+strings.Join(distinctWords(vectors), " or "))
		t.put(s, v, name)
	case v.Extent.IsArray():
		name := t.name(v, "u")
		say(v, name, "the gradient at "+point)
		t.put(s, v, name)
	}
	if s.Loss != nil {
		name := t.name(s.Loss, "k")
		say(s.Loss, name, "the loss at "+point)
		t.known[t.class][s.Loss] = name
	}
}

// rotation says how the arrays of states move on.
func (t *teller) rotation(states []int) line {
	var names []string
	for _, i := range states {
		names = append(names, t.states[i])
	}
	n := len(names)
	return line{Name: fromTo(names), Extent: t.p.States[states[0]].Extent.String(), Text: names[n-1] + ", " + fromTo(names[:n-1]), Update: true}
}

// fromTo lists names, only the ends of many.
func fromTo(names []string) string {
	if n := len(names); n > 3 {
		return names[0] + ", ..., " + names[n-1]
	}
	return strings.Join(names, ", ")
}

// keep says which states take a step value: all at once, so that one that another line reads comes last.
func (t *teller) keep(s ir.Stage) []line {
	var roots []*ir.Value
	var extra []line
	names := map[*ir.Value]string{}
	for k, i := range s.Keep {
		v, name := s.New[k], t.states[i]
		if text, ok := names[v]; ok || len(v.Args) == 0 && v.Kind != ir.Load {
			if !ok {
				text = textOf(t.p, v, t.known[t.class])
			}
			extra = append(extra, line{Name: name, Extent: t.p.States[i].Extent.String(), Text: text, Update: true})
			continue
		}
		roots, names[v] = append(roots, v), name
	}
	return append(t.update(roots, names, t.known[t.class]), extra...)
}

// update states roots, each of which has the name of what it updates. What only takes over the value of another comes
// first, while that is the old one; or all at once last, if those exchange their values.
func (t *teller) update(roots []*ir.Value, names, leaves map[*ir.Value]string) []line {
	var moves, others []*ir.Value
	for _, v := range roots {
		if _, ok := leaves[v]; ok || v.Kind == ir.Input {
			moves = append(moves, v)
		} else {
			others = append(others, v)
		}
	}
	var to, from []string
	for _, v := range moves {
		to, from = append(to, names[v]), append(from, textOf(t.p, v, leaves))
	}
	if !slices.ContainsFunc(to, func(n string) bool { return slices.Contains(from, n) }) {
		return lines(t.p.Equations(append(moves, others...), t.reserve(names), leaves))
	}
	kept := map[*ir.Value]string{}
	for _, v := range others {
		kept[v] = names[v]
	}
	out := lines(t.p.Equations(others, t.reserve(kept), leaves))
	return append(out, line{Name: strings.Join(to, ", "), Extent: moves[0].Extent.String(), Text: strings.Join(from, ", "), Update: true})
}
