package python

import (
	"slices"

	"github.com/optc-lang/optc/compiler/ir"
)

// gathered reports whether a plan needs all tensors at once, not one after another.
func (pl *plan) gathered() bool {
	if pl.f.probes || len(pl.kept) > 0 || pl.last > 0 {
		return true
	}
	for at, s := range pl.sections {
		for v := range s.reads {
			if v.Kind == ir.Size && v.Per < ir.Tensor || v.Kind == ir.Given {
				return true
			}
		}
		if at.level > 0 {
			return true
		}
	}
	return false
}

func (pl *plan) readsKind(k ir.Kind) bool {
	for _, s := range pl.sections {
		for v := range s.reads {
			if v.Kind == k {
				return true
			}
		}
	}
	return false
}

// torchLoops prints the sections of a plan: a loop over groups and their parameters a level.
type torchLoops struct {
	f      *frame
	pl     *plan
	prefer map[*ir.Value]string
	x      *ir.Value // where the new parameter is stored; in eval_params it is collected
	states []*ir.Value
	eval   bool
	model  *block
	start  bool // states are started by a function
}

func (t *torchLoops) print(w *writer) {
	f, pl := t.f, t.pl
	places := pl.places()
	t.model = &block{f: f, pl: pl}
	levels := 0
	for _, at := range places {
		levels = max(levels, at.level)
	}
	n := 0
	for _, at := range places {
		if at.scope == tensorScope && (at.level == pl.last || t.loads(pl.sections[at])) {
			n++
		}
	}
	t.start = n > 1 && t.keepsState()
	if t.start {
		w.line("for p in tensors:")
		w.in(func() { t.initState(w) })
	}
	for level := 0; level <= levels; level++ {
		if s := pl.sections[place{level, modelScope}]; s != nil {
			b := pl.build(s, nil, nil)
			b.print(w)
			pl.learn(b)
		}
		g, p := pl.sections[place{level, groupScope}], pl.sections[place{level, tensorScope}]
		if g != nil || p != nil {
			t.loop(w, level, g, p)
		}
	}
}

func (t *torchLoops) loads(s *section) bool {
	for v := range s.reads {
		if v.Kind == ir.Load && t.f.scopeOf(v.Extent) == tensorScope {
			return true
		}
	}
	return false
}

func (t *torchLoops) keepsState() bool {
	return slices.ContainsFunc(t.f.p.States, func(s ir.State) bool { return t.f.scopeOf(s.Extent) == tensorScope })
}

// loop prints a loop over groups.
func (t *torchLoops) loop(w *writer, level int, group, tensor *section) {
	f, pl := t.f, t.pl
	var gb, tb *block
	for _, s := range []*section{group, tensor} { // where results are kept, in order
		if s == nil {
			continue
		}
		for _, v := range s.targets {
			if pl.keptAt(v, s.at) {
				pl.kept[v] = pl.pool.Fresh(pl.keptName(v))
				w.line("%s = {}", pl.kept[v])
			}
		}
	}
	if group != nil {
		gb = pl.build(group, nil, nil)
		if n := t.wholeNames(gb); n != nil {
			for v, name := range n {
				gb.names[v] = name
			}
		}
		pl.learnGroup(gb)
	}
	if tensor != nil {
		var prefer map[*ir.Value]string
		var stored *ir.Value
		if level == pl.last {
			prefer, stored = t.prefer, t.x
			if _, kept := pl.kept[t.x]; kept || slices.Contains(t.states, t.x) {
				stored = nil
			}
		}
		tb = pl.build(tensor, prefer, stored)
	}
	index := t.needsIndex(group, tensor)
	gathered := pl.gathered()
	switch {
	case index:
		w.line("for i, (group, params) in enumerate(groups):")
	case gathered:
		w.line("for group, params in groups:")
	default:
		w.line("for group in self.param_groups:")
	}
	w.in(func() {
		var body writer
		body.indent = w.indent
		t.hypers(&body, group, tensor)
		t.groupReads(&body, level, group, tensor)
		if gb != nil {
			gb.print(&body)
			for _, v := range group.targets {
				if name := pl.kept[v]; pl.keptAt(v, group.at) && !f.whole(v) {
					body.line("%s[i] = %s", name, gb.argument(v))
				}
			}
		}
		if tb != nil {
			if gathered {
				body.line("for p in params:")
			} else {
				body.line(`for p in group["params"]:`)
			}
			body.in(func() { t.tensor(&body, level, tensor, tb) })
		}
		if level == pl.last && !t.eval {
			t.storeOnce(&body, "group", nil, groupScope, gb)
		}
		if body.b.Len() == 0 {
			body.line("pass")
		}
		w.b.WriteString(body.b.String())
	})
}

// keptAt reports whether a place computes v and stores it for others.
func (pl *plan) keptAt(v *ir.Value, at place) bool {
	_, kept := pl.kept[v]
	s := pl.f.scopeOf(v.Extent)
	if pl.f.whole(v) {
		s = pl.f.scope(v)
	}
	return kept && at == place{pl.levels[v], s}
}

// keptName is the name of the dict of a value.
func (pl *plan) keptName(v *ir.Value) string {
	if v.Label != "" {
		return identifier(v.Label) + "s"
	}
	if v.Kind == ir.Input && v.Name == "x" {
		return "points"
	}
	if v.Extent.IsArray() {
		return "us"
	}
	return "cs"
}

// wholeNames are the dicts of values that a group computes of its tensors at once.
func (t *torchLoops) wholeNames(b *block) map[*ir.Value]string {
	var out map[*ir.Value]string
	for _, v := range b.targets {
		if t.f.whole(v) {
			if out == nil {
				out = map[*ir.Value]string{}
			}
			out[v] = t.pl.kept[v]
		}
	}
	return out
}

// learnGroup takes over the names of a group's section.
func (pl *plan) learnGroup(b *block) {
	for v, n := range b.names {
		if b.here[v] {
			pl.names[v] = n
		}
	}
}

// groupReads prints the values of the group that earlier loops computed, and the plain numbers that the tensors read.
func (t *torchLoops) groupReads(w *writer, level int, sections ...*section) {
	done := map[*ir.Value]bool{}
	for _, s := range sections {
		if s == nil {
			continue
		}
		for _, v := range s.values(t.f) {
			if s.reads[v] && !leaf(v) && t.f.scope(v) == groupScope && !t.f.whole(v) && !t.f.floating(v) && t.pl.levels[v] < level && !done[v] {
				done[v] = true
				w.line("%s = %s[i]", t.pl.names[v], t.pl.kept[v])
			}
		}
	}
}

func (t *torchLoops) needsIndex(sections ...*section) bool {
	f, pl := t.f, t.pl
	for _, s := range sections {
		if s == nil {
			continue
		}
		for _, v := range s.values(f) {
			switch {
			case v.Kind == ir.Given && f.scopeOf(v.Extent) == groupScope:
				return true
			case !leaf(v) && f.scope(v) == groupScope && !f.whole(v) && !f.floating(v):
				if _, kept := pl.kept[v]; kept {
					return true
				}
			}
		}
	}
	return false
}

// hypers prints the hyperparameters that a loop reads.
func (t *torchLoops) hypers(w *writer, sections ...*section) {
	used := map[int]bool{}
	for _, s := range sections {
		if s == nil {
			continue
		}
		for v := range s.reads {
			if v.Kind == ir.Hyper {
				used[v.Index] = true
			}
		}
	}
	for i, h := range t.f.hypers {
		if used[i] {
			w.line("%s = group[%s]", h, pythonString(h))
		}
	}
}
