package main

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
	"github.com/optc-lang/optc/compiler/pass"
)

// stageInfo is one thing that a step does.
type stageInfo struct {
	Where   string    `json:"where"`             // model, group, tensor, pass, array, order, probe or rotate
	Tensors string    `json:"tensors,omitempty"` // which; "" if there is one kind, or where it concerns all at once
	Over    string    `json:"over,omitempty"`    // of a pass or an order statistic: elem, row, model, ...
	If      string    `json:"if,omitempty"`      // it is done only when this holds
	Reads   []string  `json:"reads,omitempty"`
	Writes  []string  `json:"writes,omitempty"`
	Keeps   []string  `json:"keeps,omitempty"` // in scratch, for later stages
	Flops   int       `json:"flops_per_param,omitempty"`
	Bytes   *perDType `json:"bytes_per_param,omitempty"`
	Lines   []line    `json:"lines"`
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
		return t.pass(s.Kernel)
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

// literal is the text of a number that is kept as a step value.
func literal(v *ir.Value) (string, bool) {
	for v.Kind == ir.Spread {
		v = v.Args[0]
	}
	if v.Kind != ir.Number {
		return "", false
	}
	if v.Mask {
		return fmt.Sprint(v.Num != 0), true
	}
	return ir.FormatNumber(v.Num), true
}

// condition is the text of a condition; "" if there is none.
func (t *teller) condition(v *ir.Value) string {
	if v == nil {
		return ""
	}
	return textOf(t.p, v, t.known[t.class])
}

// name gives a value a name, once for all classes.
func (t *teller) name(v *ir.Value, letter string) string {
	if n := t.names[v]; n != "" {
		return n
	}
	n := ""
	if v.Label == "" || len(v.Args) == 0 && v.Kind != ir.Draw {
		n = t.taken.Invent(letter)
	} else {
		n = t.taken.Fresh(v.Label)
	}
	t.names[v], t.used = n, append(t.used, n)
	return n
}

// values states step values; leaves are read from memory.
func (t *teller) values(values []*ir.Value, leaves map[*ir.Value]string) []line {
	roots, names := []*ir.Value{}, map[*ir.Value]string{}
	for _, v := range values {
		if _, ok := t.known[t.class][v]; !ok && names[v] == "" {
			roots, names[v] = append(roots, v), t.name(v, "k")
		}
	}
	all := map[*ir.Value]string{}
	for _, m := range []map[*ir.Value]string{t.known[t.class], leaves} {
		for v, n := range m {
			all[v] = n
		}
	}
	out := lines(t.p.Equations(roots, t.reserve(names), all))
	for i := range out {
		out[i].Update = false
	}
	for v, n := range names {
		t.known[t.class][v] = n
	}
	return out
}

// reserve adds all names handed out to those of roots, so that no other value is called the same.
func (t *teller) reserve(names map[*ir.Value]string) map[*ir.Value]string {
	out, mine := map[*ir.Value]string{}, map[string]bool{}
	for v, n := range names {
		out[v], mine[n] = n, true
	}
	for _, n := range t.used {
		if !mine[n] {
			out[&ir.Value{}] = n
		}
	}
	return out
}

// at is what an array is called.
func (t *teller) at(class int, p ir.Place) string {
	switch p.Kind {
	case ir.StateStream:
		return t.states[p.Index]
	case ir.ScratchStream:
		return t.holds[class][array{p.Kind, p.Index}]
	}
	return p.Name
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

// operands are the names of arrays that an operator or probe reads, by class.
func (t *teller) operands(args []*ir.Value, in [][]ir.Place, first int) map[*ir.Value]string {
	names := map[*ir.Value][]string{}
	for i, places := range in {
		for n, p := range places {
			if n < len(args) {
				names[args[n]] = append(names[args[n]], t.at(first+i, p))
			}
		}
	}
	leaves := map[*ir.Value]string{}
	for v, n := range names {
		leaves[v] = strings.Join(distinctWords(n), " or ")
	}
	return leaves
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

// wantedOutside are the values that another stage than their own reads.
func wantedOutside(stages []ir.Stage) map[*ir.Value]bool {
	wanted := map[*ir.Value]bool{}
	for _, s := range stages {
		own := map[*ir.Value]bool{}
		for _, v := range s.Values {
			own[v] = true
		}
		want := func(values ...*ir.Value) {
			for _, v := range values {
				wanted[v] = wanted[v] || !own[v]
			}
		}
		for _, v := range s.Values {
			want(v.Args...)
		}
		want(s.From...)
		want(s.If)
		want(s.Ifs...)
		if s.Array != nil {
			want(s.Array.Args...)
		}
		if s.Kernel != nil {
			for _, sc := range s.Kernel.Scalars {
				want(sc.Value)
			}
		}
	}
	return wanted
}

// computedTwice are the values of at least two operations that more than one pass of a class computes, the outermost.
func computedTwice(stages []ir.Stage, class int) map[*ir.Value]bool {
	count := map[*ir.Value]int{}
	for _, s := range stages {
		if s.Kernel != nil && s.Class == class {
			for _, in := range s.Kernel.Instrs {
				if in.Op != "load" && in.Value != nil {
					count[in.Value]++
				}
			}
		}
	}
	twice := map[*ir.Value]bool{}
	for _, s := range stages {
		if s.Kernel == nil || s.Class != class {
			continue
		}
		k := s.Kernel
		mark := func(o ir.Operand) {
			if o.Scalar || k.Instrs[o.Index].Op == "load" || k.Instrs[o.Index].Value == nil {
				return
			}
			in := k.Instrs[o.Index]
			deep := slices.ContainsFunc(in.Args, func(a ir.Operand) bool { return !a.Scalar && k.Instrs[a.Index].Op != "load" })
			if deep && count[in.Value] > 1 {
				twice[in.Value] = true
			}
		}
		for _, in := range k.Instrs {
			if in.Value == nil || count[in.Value] < 2 {
				for _, a := range in.Args {
					mark(a)
				}
			}
		}
		for _, st := range k.Stores {
			mark(st.Value)
		}
		for _, r := range k.Reductions {
			mark(r.Value)
		}
	}
	return twice
}

// pass is one loop over elements, rows, columns or squares of them.
func (t *teller) pass(k *ir.Kernel) stageInfo {
	info := stageInfo{Where: "pass", Over: k.Domain.String(), Flops: pass.CostOf([]ir.Stage{{Kernel: k}}).Flops}
	if d := traffic(t.p, k); d.F32 > 0 {
		info.Bytes = &d
	}
	leaves := map[*ir.Value]string{}
	computed := map[*ir.Value]bool{}
	for v, n := range t.known[t.class] {
		leaves[v] = n
	}
	for _, s := range k.Streams {
		if s.Read {
			info.Reads = append(info.Reads, t.drawn(s))
		}
	}
	for _, in := range k.Instrs {
		if in.Value != nil {
			for _, a := range in.Value.Args {
				if text, ok := literal(a); ok && a.Kind == ir.Spread {
					leaves[a] = text
				}
			}
		}
		switch {
		case in.Value == nil:
		case in.Op != "load":
			computed[in.Value] = true
		case k.Streams[in.Stream].Kind != ir.DrawStream:
			leaves[in.Value] = t.at(t.class, k.Streams[in.Stream].Place)
		}
	}
	b := &passLines{t: t, k: k, info: &info, leaves: leaves, names: map[*ir.Value]string{}, update: map[*ir.Value]bool{}}
	for _, v := range b.again(computed) {
		b.root(v, t.name(v, "u"), false)
	}
	b.reductions()
	b.stores()
	b.finish()
	for v := range computed {
		t.done[t.class][v] = true
	}
	return info
}

// drawn is what a stream is called where it is read.
func (t *teller) drawn(s ir.Stream) string {
	if s.Kind == ir.DrawStream {
		return s.Name + "()"
	}
	return t.at(t.class, s.Place)
}

// passLines makes the lines of a pass.
type passLines struct {
	t      *teller
	k      *ir.Kernel
	info   *stageInfo
	leaves map[*ir.Value]string
	roots  []*ir.Value
	names  map[*ir.Value]string
	update map[*ir.Value]bool
	extra  []line // states that take the same value as another
}

func (b *passLines) root(v *ir.Value, name string, update bool) {
	b.roots, b.names[v], b.update[v] = append(b.roots, v), name, update
}

// again lists the values that have a line of their own because another pass computes them too.
func (b *passLines) again(computed map[*ir.Value]bool) []*ir.Value {
	var out []*ir.Value
	for _, in := range b.k.Instrs {
		v := in.Value
		if v != nil && computed[v] && in.Op != "load" && b.t.twice[b.t.class][v] && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

func (b *passLines) value(o ir.Operand) *ir.Value {
	if o.Scalar {
		return b.k.Scalars[o.Index].Value
	}
	return b.k.Instrs[o.Index].Value
}

// reductions are lines for step values, and for what is collected per row or column.
func (b *passLines) reductions() {
	for _, r := range b.k.Reductions {
		name := b.t.name(r.Result, "k")
		b.root(r.Result, name, false)
		delete(b.leaves, r.Result)
	}
	for _, c := range b.k.Collects {
		name := b.t.name(c.Result, "u")
		b.root(c.Result, name, false)
		b.info.Keeps = append(b.info.Keeps, name)
	}
}

func (b *passLines) stores() {
	for _, s := range b.k.Stores {
		st := b.k.Streams[s.Stream]
		v := b.value(s.Value)
		switch {
		case st.Kind == ir.CollectStream:
			continue
		case st.Kind != ir.ScratchStream:
			name := b.t.at(b.t.class, st.Place)
			b.info.Writes = append(b.info.Writes, name)
			b.lasting(v, name, st.Kind == ir.EvalStream)
		default:
			b.scratch(v, st.Place)
		}
	}
}

// lasting is the line of an array that outlives the step.
func (b *passLines) lasting(v *ir.Value, name string, eval bool) {
	_, read := b.leaves[v]
	if before, ok := b.names[v]; ok || len(v.Args) == 0 && !read || !v.Extent.IsArray() {
		text := before
		if !ok {
			text = textOf(b.t.p, v, b.leaves)
		}
		b.extra = append(b.extra, line{Name: name, Extent: b.k.Domain.String(), Text: text, Update: !eval})
		return
	}
	b.root(v, name, !eval)
}

// scratch names what is kept; it has a line if it is computed here.
func (b *passLines) scratch(v *ir.Value, p ir.Place) {
	name, read := b.leaves[v]
	if !read {
		name = b.names[v]
	}
	if name == "" || !read && b.update[v] {
		name = b.t.name(v, "u")
	}
	if _, ok := b.names[v]; !ok && !read {
		b.root(v, name, false)
	}
	b.info.Keeps = append(b.info.Keeps, name)
	b.t.holds[b.t.class][array{p.Kind, p.Index}] = name
}

// finish states the lines.
func (b *passLines) finish() {
	t := b.t
	for _, c := range b.k.Collects {
		t.holds[t.class][array{c.To.Kind, c.To.Index}] = b.names[c.Result]
	}
	out := t.update(b.roots, b.names, b.leaves)
	for i := range out {
		v := b.named(out[i].Name)
		out[i].Update = out[i].Update && (v == nil || b.update[v])
		out[i].Again = v != nil && t.done[t.class][v] && !out[i].Update
	}
	b.info.Lines = append(out, b.extra...)
	for _, r := range b.k.Reductions {
		t.known[t.class][r.Result] = b.names[r.Result]
	}
}

// named is the value that has a line of that name; nil if none has.
func (b *passLines) named(name string) *ir.Value {
	for v, n := range b.names {
		if n == name {
			return v
		}
	}
	return nil
}

// overWords says where the values of an extent are.
var overWords = map[string]string{"elem": "elements", "row": "rows", "col": "columns", "[row,row]": "matrices of rows by rows",
	"[col,col]": "matrices of columns by columns", "[col,row]": "matrices of columns by rows", "tensor": "each tensor", "group": "each group", "model": "the whole model"}

func printStages(w io.Writer, title string, stages []stageInfo) {
	if len(stages) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	passes := map[string]int{}
	which, indent := "", "  "
	shared := 0
	for _, s := range stages {
		if s.Tensors != which {
			which, indent = s.Tensors, "  "
			if which != "" {
				fmt.Fprintf(w, "  %s\n", which)
				indent = "    "
			}
		}
		number := 0
		if s.Where == "pass" {
			if which == "every tensor" || which == "" {
				shared++
			} else {
				passes[which]++
			}
			number = shared + passes[which]
		}
		fmt.Fprintf(w, "%s%s\n", indent, s.title(number))
		printLines(w, s.Lines, indent+"  ")
	}
}

// title is the line above a stage's lines.
func (s stageInfo) title(number int) string {
	when := ""
	if s.If != "" {
		when = ", when " + s.If
	}
	switch s.Where {
	case "pass":
		text := fmt.Sprintf("pass %d over the %s", number, overWords[s.Over])
		var parts []string
		for _, p := range []struct {
			verb  string
			names []string
		}{{"reads", s.Reads}, {"writes", s.Writes}, {"keeps in scratch", s.Keeps}} {
			if len(p.names) > 0 {
				parts = append(parts, p.verb+" "+strings.Join(p.names, " "))
			}
		}
		if s.Bytes != nil {
			parts = append(parts, shortNumber(s.Bytes.F32)+" bytes an element in f32")
		}
		return text + ": " + strings.Join(parts, "; ")
	case "array":
		return "on whole arrays" + when
	case "order":
		return "in order of size, over " + overWords[s.Over] + when
	case "probe":
		return "asks the model" + when
	case "rotate":
		return "moves on, nothing is copied" + when
	}
	return "once a " + s.Where
}
