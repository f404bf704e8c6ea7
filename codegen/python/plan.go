package python

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// frame is what the text of one rule shares.
type frame struct {
	*module
	p      *ir.Program
	hypers []string // Python names
	states []string
	givens []string
	matrix bool // tensors are seen as matrices
	draws  bool
	probes bool
	sort   map[*ir.Value]sort
	bounds map[*ir.Value]bound
	taken  []string // names of the frame
}

func newFrame(m *module, p *ir.Program, short map[string]string) *frame {
	f := &frame{module: m, p: p, sort: map[*ir.Value]sort{}, bounds: map[*ir.Value]bound{}}
	names := ir.NewNames(append([]string{"x", "g", "t"}, keywords...)...)
	for _, h := range p.Hypers {
		f.hypers = append(f.hypers, names.Fresh(identifier(h.Name)))
	}
	for _, g := range p.Givens {
		f.givens = append(f.givens, names.Fresh(identifier(g.Name)))
	}
	for _, s := range p.States {
		f.states = append(f.states, names.Fresh(identifier(short[s.Name])))
	}
	f.taken = slices.Concat([]string{"x", "g", "t"}, keywords, f.hypers, f.givens, f.states)
	for _, v := range ir.Reachable(append(p.Roots(), p.Eval)...) {
		e := v.Extent
		f.matrix = f.matrix || v.Kind == ir.Array && v.Op.Kind != op.Order || e == ir.Row || e == ir.Col || e.IsMatrix() || v.Kind == ir.Input && (v.Name == "rows" || v.Name == "cols")
		f.draws = f.draws || v.Kind == ir.Draw
		f.probes = f.probes || v.Kind == ir.Probe
	}
	f.sorts(append(p.Roots(), p.Eval))
	return f
}

// refuseLate says what only the sorts of values tell.
func (f *frame) refuseLate() error {
	for _, v := range ir.Reachable(append(f.p.Roots(), f.p.Eval)...) {
		if g := v.Guard(); v.Kind == ir.Array && v.Op.Kind == op.Order && v.Per < ir.Tensor && g != nil && f.sort[g] != number {
			return &Refusal{f.p.Name, "the target " + string(f.host) + " cannot choose at run time over which tensors " + v.Op.Name + " runs; take it over all of them"}
		}
	}
	return nil
}

// scope is for whom a value is computed once.
type scope uint8

const (
	modelScope scope = iota
	groupScope       // torch alone: optax has one group
	tensorScope
)

// collective values are computed of all tensors of a group or of the model at once.
func (f *frame) collective(v *ir.Value) bool {
	switch v.Kind {
	case ir.Probe:
		return true
	case ir.Reduce:
		return v.Per < ir.Tensor && !(f.host == Optax && v.Args[0].Extent <= ir.Group)
	case ir.Array:
		return v.Op.Kind == op.Order && v.Per < ir.Tensor
	}
	return false
}

func (f *frame) scope(v *ir.Value) scope {
	e := v.Extent
	if f.collective(v) {
		e = v.Per
		if v.Kind == ir.Probe {
			e = ir.Model
		}
	}
	return f.scopeOf(e)
}

func (f *frame) scopeOf(e ir.Extent) scope {
	switch {
	case e > ir.Group:
		return tensorScope
	case e == ir.Group && f.host == Torch:
		return groupScope
	}
	return modelScope
}

// whole reports whether v is there for all tensors at once, also when it is read for each.
func (f *frame) whole(v *ir.Value) bool { return f.collective(v) && v.Extent >= ir.Tensor }

// leaf values are read, not computed.
func leaf(v *ir.Value) bool {
	switch v.Kind {
	case ir.Number, ir.Input, ir.Hyper, ir.Load, ir.Given, ir.Size, ir.Named:
		return true
	}
	return false
}

// floating values are Python numbers that are computed wherever they are read.
func (f *frame) floating(v *ir.Value) bool {
	return !leaf(v) && f.sort[v] == number && f.scope(v) != modelScope && !f.collective(v)
}

// operands are what the text of v reads. A guard counts only where it makes a branch.
func (f *frame) operands(v *ir.Value) []*ir.Value {
	args := v.Args
	g := v.Guard()
	if g != nil && v.Kind == ir.Array && !(f.branches(v) || f.collective(v)) {
		args = args[:len(args)-1]
	}
	if v.Kind == ir.Apply && v.Extent.IsArray() {
		args = f.withoutSpreads(v)
	}
	return args
}

// branches reports whether the guard of a whole-array operator is asked at run time.
func (f *frame) branches(v *ir.Value) bool {
	return f.host == Optax && v.Guard() != nil && factorizations[v.Op.Name] && f.sort[v.Guard()] != number
}

// withoutSpreads are the operands of an elementwise operator without repetitions that broadcasting makes.
func (f *frame) withoutSpreads(v *ir.Value) []*ir.Value {
	e := ir.Const
	args := slices.Clone(v.Args)
	for i, a := range args {
		if a.Kind == ir.Spread {
			args[i] = a.Args[0]
		}
		e = ir.Join(e, args[i].Extent)
	}
	if e == v.Extent {
		return args
	}
	return v.Args
}

// place is where a value is computed: the loops of a level come after the values of the model of that level.
type place struct {
	level int
	scope scope
}

// section is the code at a place.
type section struct {
	at      place
	targets []*ir.Value        // to be computed here, for others
	reads   map[*ir.Value]bool // leaves, and values of other places
	demands map[*ir.Value]bool
	all     []*ir.Value // once the plan is made
}

// plan says which value is computed at which place for some roots.
type plan struct {
	f        *frame
	levels   map[*ir.Value]int
	sections map[place]*section
	last     int // level of the loops in which roots are stored
	kept     map[*ir.Value]string
	names    map[*ir.Value]string // of values of the model and of groups
	pool     *ir.Names
}

func (f *frame) plan(tensorRoots, groupRoots, modelRoots []*ir.Value) *plan {
	pl := &plan{f: f, levels: map[*ir.Value]int{}, sections: map[place]*section{}, kept: map[*ir.Value]string{},
		names: map[*ir.Value]string{}, pool: ir.NewNames(f.taken...)}
	all := slices.Concat(tensorRoots, groupRoots, modelRoots)
	f.sorts(all)
	for _, v := range ir.Reachable(all...) {
		l := 0
		for _, a := range v.Args {
			l = max(l, pl.levels[a])
		}
		if f.collective(v) {
			l++
		}
		pl.levels[v] = l
		if v.Label != "" {
			pl.pool.Avoid(identifier(v.Label))
		}
		if v.Kind == ir.Probe {
			pl.last = max(pl.last, l)
		}
	}
	for _, v := range slices.Concat(tensorRoots, groupRoots) {
		pl.last = max(pl.last, pl.levels[v])
	}
	for _, v := range tensorRoots {
		pl.target(v, pl.section(place{pl.last, tensorScope}))
	}
	for _, v := range groupRoots {
		pl.target(v, pl.section(place{pl.last, groupScope}))
	}
	for _, v := range modelRoots {
		pl.target(v, pl.section(place{pl.levels[v], modelScope}))
	}
	return pl
}

func (pl *plan) section(at place) *section {
	s := pl.sections[at]
	if s == nil {
		s = &section{at: at, reads: map[*ir.Value]bool{}, demands: map[*ir.Value]bool{}}
		pl.sections[at] = s
	}
	return s
}

func (pl *plan) target(v *ir.Value, s *section) {
	if !slices.Contains(s.targets, v) {
		s.targets = append(s.targets, v)
	}
	pl.demand(v, s)
}

// demand makes v readable in s.
func (pl *plan) demand(v *ir.Value, s *section) {
	if s.demands[v] {
		return
	}
	s.demands[v] = true
	f := pl.f
	home := place{pl.levels[v], f.scope(v)}
	switch {
	case leaf(v):
		s.reads[v] = true
	case f.floating(v) && f.scope(v) == groupScope && s.at.scope == tensorScope: // once for the group
		s.reads[v] = true
		pl.target(v, pl.section(place{s.at.level, groupScope}))
	case f.floating(v) || home == s.at && !(f.whole(v) && s.at.scope == tensorScope):
		for _, a := range f.operands(v) {
			if f.collective(v) && f.scope(a) > home.scope || f.whole(a) && home.scope == modelScope {
				pl.keep(a)
				s.reads[a] = true
			} else {
				pl.demand(a, s)
			}
		}
	default:
		s.reads[v] = true
		h := pl.section(home)
		pl.target(v, h)
		if f.scope(v) != modelScope || f.whole(v) {
			pl.kept[v] = ""
		}
	}
}

// keep stores a value of every tensor or group for what is computed of all.
func (pl *plan) keep(v *ir.Value) {
	f := pl.f
	pl.kept[v] = ""
	if f.whole(v) {
		pl.target(v, pl.section(place{pl.levels[v], f.scope(v)}))
		return
	}
	pl.target(v, pl.section(place{pl.levels[v], f.scopeOf(v.Extent)}))
}

// values lists what a section computes and reads, operands first.
func (s *section) values(f *frame) []*ir.Value {
	if s.all != nil {
		return s.all
	}
	seen := map[*ir.Value]bool{}
	type frame struct {
		v    *ir.Value
		args []*ir.Value
	}
	var stack []frame
	push := func(v *ir.Value) {
		if seen[v] || !s.demands[v] && !s.reads[v] {
			return
		}
		seen[v] = true
		fr := frame{v: v}
		if !s.reads[v] {
			fr.args = f.operands(v)
		}
		stack = append(stack, fr)
	}
	for _, t := range s.targets {
		for push(t); len(stack) > 0; {
			top := &stack[len(stack)-1]
			if len(top.args) == 0 {
				s.all = append(s.all, top.v)
				stack = stack[:len(stack)-1]
				continue
			}
			a := top.args[0]
			top.args = top.args[1:]
			push(a)
		}
	}
	return s.all
}

// places lists the sections in the order of execution.
func (pl *plan) places() []place {
	var all []place
	for at := range pl.sections {
		all = append(all, at)
	}
	slices.SortFunc(all, func(a, b place) int {
		if a.level != b.level {
			return a.level - b.level
		}
		return int(a.scope) - int(b.scope)
	})
	return all
}

// rootsOf sorts what a step gives by scope: x and the states, each at its extent.
func (f *frame) rootsOf() (tensor, group, model []*ir.Value, x *ir.Value, states []*ir.Value) {
	pool := f.p.Pool
	x = pool.Spread(f.p.X, ir.Elem)
	tensor = append(tensor, x)
	for _, s := range f.p.States {
		v := pool.Spread(s.New, s.Extent)
		states = append(states, v)
		switch f.scopeOf(s.Extent) {
		case tensorScope:
			tensor = append(tensor, v)
		case groupScope:
			group = append(group, v)
		default:
			model = append(model, v)
		}
	}
	return tensor, group, model, x, states
}

// prefers are the names that the results of a step should have.
func (f *frame) prefers(x *ir.Value, states []*ir.Value) map[*ir.Value]string {
	prefer := map[*ir.Value]string{x: "x"}
	for i, v := range states {
		if prefer[v] == "" && f.scopeOf(f.p.States[i].Extent) == tensorScope {
			prefer[v] = f.states[i]
		}
	}
	return prefer
}
