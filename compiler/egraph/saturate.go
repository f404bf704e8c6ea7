package egraph

import (
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// Limits bound the work. Zero stands for the default.
type Limits struct {
	Rules        *Rules
	Nodes        int  // e-nodes
	Applications int  // of rewrites
	Final        bool // the extents of the values are final, so that reductions may be looked into

	// About tells what is known of an input, hyperparameter, state or given; nil for nothing.
	About func(*ir.Value) Range
}

// The defaults of Limits.
const (
	defaultNodes        = 6000
	defaultApplications = 200_000
)

func (l Limits) withDefaults() Limits {
	if l.Nodes == 0 {
		l.Nodes = defaultNodes
	}
	if l.Applications == 0 {
		l.Applications = defaultApplications
	}
	if l.Rules == nil {
		l.Rules = &Rules{}
	}
	return l
}

// Stats tells what a saturation did.
type Stats struct {
	Nodes, Classes int
	Applications   int
	Rounds         int
	Saturated      bool // no rewrite has anything to add
	Broken         bool // the rewrites made two different numbers equal: nothing was concluded
}

// fair keeps one rewrite from using up the room of all: one that matches too often rests for some rounds, and may then
// match twice as often (Willsey et al. 2021, section 5).
type fair struct {
	most  int // matches in a round
	until int // the round before which it rests
	rests int
}

const (
	firstRest = 2
	lookedAt  = 200_000 // nodes that one rewrite looks at in a round
)

// firstMatches is how often a rewrite may match in a round before it rests for the first time: what makes expressions
// shorter goes before what makes them longer.
func firstMatches(growth int) int {
	switch {
	case growth > 0:
		return 100
	case growth < 0:
		return 4000
	}
	return 400
}

// saturate applies the rewrites until none adds anything or a limit is reached.
func (g *graph) saturate(l Limits) Stats { return g.saturateUntil(l, func() bool { return false }) }

// saturateUntil is saturate that ends as soon as something is done.
func (g *graph) saturateUntil(l Limits, done func() bool) Stats {
	st := Stats{}
	shares := make([]fair, len(l.Rules.list))
	for i := range shares {
		shares[i].most = firstMatches(l.Rules.list[i].growth)
	}
	for !g.broken {
		live := g.tidy()
		st.Nodes, st.Classes = g.size, len(live)
		if g.size >= l.Nodes || st.Applications >= l.Applications || done() {
			break
		}
		matches, resting := g.search(l.Rules, live, shares, st.Rounds)
		st.Rounds++
		changed := false
		for i, w := range l.Rules.list {
			for k := range matches[i] {
				if g.broken || g.size >= l.Nodes || st.Applications >= l.Applications {
					break
				}
				size := g.size
				if g.rewrite(w, &matches[i][k]) || g.size != size {
					st.Applications++
					changed = true
				}
			}
		}
		g.rebuild()
		if !changed && !resting {
			st.Saturated = !g.broken
			break
		}
	}
	st.Broken = g.broken
	return st
}

// search finds where each rewrite applies, and whether one rests.
func (g *graph) search(rules *Rules, live []id, shares []fair, round int) ([][]found, bool) {
	index := g.index(live)
	out := make([][]found, len(rules.list))
	resting := false
	for i, w := range rules.list {
		s := &shares[i]
		if round < s.until {
			resting = true
			continue
		}
		m := &matcher{g: g, w: w, most: s.most, left: lookedAt}
		for _, x := range index[w.root] {
			m.at = found{in: x, red: -1}
			m.at.regs[0] = x
			m.run(0)
			if len(m.out) > m.most || m.left < 0 {
				break
			}
		}
		if len(m.out) > m.most {
			s.rests++
			s.most *= 2
			s.until = round + firstRest<<min(s.rests, 4)
			resting = true
			m.out = m.out[:0]
		}
		out[i] = m.out
	}
	return out, resting
}

// index lists, by operator, the classes that have a node of it.
func (g *graph) index(live []id) map[*op.Op][]id {
	index := map[*op.Op][]id{}
	for _, x := range live {
		for _, sp := range g.classes[x].spans {
			index[sp.op] = append(index[sp.op], x)
		}
	}
	return index
}
