package evolve

import (
	"math/rand/v2"

	"github.com/optc-lang/optc/search/internal/genome"
)

// island is what is known of an island.
type island struct {
	origin   int // births before this one are no parents
	best     *Form
	improved int // the birth that found it
	restarts int
	grammar  genome.Mutator // the search's without what the island omits
	omits    []genome.Op
}

// begin makes an island without a birth. The first has all operators; the others each omit some, or all would end with the rule
// that is found first. Those of its start an island has.
func (s *Search) begin(at, restarts, origin, improved int) {
	in := island{origin: origin, improved: improved, restarts: restarts, grammar: s.config.Mutator}
	r := rand.New(rand.NewPCG(s.config.Seed, ^uint64(restarts*s.config.Islands+at))) // births have the numbers from 0 on
	in.grammar.Ops = nil
	for _, op := range s.config.Mutator.Ops {
		if at > 0 && r.Float64() < s.config.Omit && !s.start(at).Reads(op) {
			in.omits = append(in.omits, op)
		} else {
			in.grammar.Ops = append(in.grammar.Ops, op)
		}
	}
	if len(in.grammar.Ops) == 0 {
		in.grammar.Ops, in.omits = in.omits, nil
	}
	s.islands[at] = in
}

// start is the rule that an island begins with.
func (s *Search) start(island int) genome.Genome { return s.starts[island%len(s.starts)] }

// improve notes whether an island has a better form now, and lets it begin anew when it has not had one for long. The island
// of the best form of all goes on.
func (s *Search) improve(b *Birth, f *Form) {
	in := &s.islands[b.Island]
	if b.Index < in.origin || f.Count == 0 {
		return
	}
	if in.best == nil || f != in.best && Compare(f, in.best) < 0 {
		in.best = f
		if f.First >= in.improved { // not one that was there already, before the best fell behind it
			in.improved = b.Index
		}
		return
	}
	if int64(b.Index-in.improved) < int64(s.config.Plateau)*int64(s.config.Islands) || s.config.Control != Evolution {
		return
	}
	for i := range s.islands {
		if other := &s.islands[i]; other != in && other.best != nil && Compare(other.best, in.best) < 0 {
			s.begin(b.Island, in.restarts+1, b.Index+s.config.Lag, b.Index)
			s.begun = b.Island
			s.count.Restarts++
			return
		}
	}
}

// Begun is the island that began anew with the last settled birth, from 0, and what it goes without.
func (s *Search) Begun() (island int, without []genome.Op, ok bool) {
	if s.begun < 0 {
		return 0, nil, false
	}
	return s.begun, s.islands[s.begun].omits, true
}
