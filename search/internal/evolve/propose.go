package evolve

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"

	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/seen"
)

// Next proposes the next birth. It may be called when birth Len()-Lag has been settled.
func (s *Search) Next() (Job, error) {
	b := s.Len()
	if b-s.settled >= s.config.Lag {
		return Job{}, fmt.Errorf("birth %d comes after birth %d, which is not settled", b, b-s.config.Lag)
	}
	r := rand.New(rand.NewPCG(s.config.Seed, uint64(b)))
	birth := Birth{Index: b, Island: b % s.config.Islands, Parent: -1}
	start := s.start(birth.Island)
	if b < s.config.Islands {
		return s.plan(birth, start, formOf(start), false)
	}
	in := &s.islands[birth.Island]
	parent, change := start, s.changer(&in.grammar, r)
	if p := s.parent(&birth, r); p >= 0 {
		good := s.at(p)
		if r.Float64() < s.config.Confirm && s.mayConfirm(s.forms[good.Form]) {
			birth.Parent = p
			return s.plan(birth, good.genome, formOf(good.genome), true)
		}
		if s.config.Control != Random {
			birth.Parent, parent = p, good.genome
		}
	}
	for range attempts {
		child := change(parent, r)
		if slices.ContainsFunc(in.omits, child.Reads) {
			continue
		}
		form := child.Canonical()
		if s.forms[form.Key()] != nil && r.IntN(draws) != 0 {
			continue
		}
		if dull, err := s.isDull(form); err != nil {
			return Job{}, err
		} else if !dull {
			return s.plan(birth, child, form, false)
		}
		s.count.Dull++
	}
	return s.plan(birth, parent, formOf(parent), false)
}

// formOf is the canonical form, or a start as it is whose update is a number: that is no rule, but one may begin with it.
func formOf(g genome.Genome) genome.Genome {
	if form := g.Canonical(); form.Check() == nil {
		return form
	}
	return g
}

// mayConfirm reports whether a form may be evaluated once more, with another seed.
func (s *Search) mayConfirm(f *Form) bool {
	return f.settled && f.Rung > 0 && f.planned < s.config.Repeats
}

// symmetric reports whether a form has the symmetry that rules are held to.
func (s *Search) symmetric(form genome.Genome) bool {
	return s.config.Symmetry != Equivariant || form.Equivariant()
}

// attempts is how many mutants are drawn until one can train anything.
const attempts = 100

// draws is how many mutants of a form that is known are drawn until one is born. Such births cost no training, and keep a good
// rule among the parents; but most mutants of one that has been there for long are known, and would fill the archive.
const draws = 4

// randomLength is the most mutations of a birth of the control Random.
const randomLength = 30

// changer draws how a birth differs from its parent.
func (s *Search) changer(m *genome.Mutator, r *rand.Rand) func(genome.Genome, *rand.Rand) genome.Genome {
	switch {
	case s.config.Control == Random:
		return func(g genome.Genome, r *rand.Rand) genome.Genome {
			for range 1 + r.IntN(randomLength) {
				g = m.Mutate(g, r)
			}
			return g
		}
	case s.config.Control == Tuning || r.Float64() < s.config.Polish:
		return m.Polish
	}
	return func(g genome.Genome, r *rand.Rand) genome.Genome {
		for more := true; more; more = r.IntN(2) == 0 {
			g = m.Mutate(g, r)
		}
		return g
	}
}

// isDull reports whether a form cannot train anything, or lacks the symmetry: on paper, or in numbers of finite range.
func (s *Search) isDull(form genome.Genome) (bool, error) {
	if !s.symmetric(form) {
		return true, nil
	}
	key := form.Key()
	if s.forms[key] != nil {
		return false, nil
	}
	if dull, known := s.dull[key]; known {
		return dull, nil
	}
	f, err := s.fingerprint(key, form)
	if err != nil {
		return false, err
	}
	if len(s.dull) == maxDull {
		clear(s.dull)
	}
	dull := f.Dull != "" || s.config.Symmetry == Equivariant && !f.Scales
	s.dull[key] = dull
	return dull, nil
}

// fingerprint takes a form's fingerprint, not twice in a row.
func (s *Search) fingerprint(key genome.Key, form genome.Genome) (seen.Fingerprint, error) {
	if s.taken.key == key {
		return s.taken.print, nil
	}
	f, err := s.taker.Take(form)
	if err == nil {
		s.taken.key, s.taken.print = key, f
	}
	return f, err
}

// plan makes the job of a birth. Of a form that is known already it is none, but to confirm what is known.
func (s *Search) plan(birth Birth, child, form genome.Genome, confirm bool) (Job, error) {
	known, err := s.form(form, birth.Index)
	if err != nil {
		return Job{}, err
	}
	birth.Genome, birth.Form = child.Encode(), known.Key
	job := Job{Limits: s.limits()}
	switch {
	case known.planned == 0:
		known.planned = 1
	case confirm:
		known.planned++
		earlier := *known
		earlier.scores = slices.Clone(known.scores)
		job.Evaluated = &earlier
	default:
		job.None = true
	}
	birth.Result = Result{Rule: known.Rule, Seed: uint64(known.planned)}
	job.Birth = birth
	s.births = append(s.births, member{birth, child})
	known.last = birth.Index
	s.forgetForms()
	return job, nil
}

// form is what is known of a form, or of the first that does the same.
func (s *Search) form(form genome.Genome, born int) (*Form, error) {
	key := form.Key()
	if known := s.forms[key]; known != nil {
		return known, nil
	}
	f, err := s.fingerprint(key, form)
	if err != nil {
		return nil, err
	}
	first, known := s.prints[f.Digest]
	if known && f.Dull == "" {
		return s.forms[first], nil
	}
	if !known {
		s.prints[f.Digest] = key
	}
	s.forms[key] = describe(form, born)
	return s.forms[key], nil
}

// parent draws a parent for a birth, the best of a tournament; -1 while there is none.
func (s *Search) parent(birth *Birth, r *rand.Rand) int {
	from := birth.Island
	if r.Float64() < s.config.Migration {
		from = r.IntN(s.config.Islands)
	}
	omits := s.islands[birth.Island].omits
	// Births of the island count down from the last settled one.
	n := s.config.Islands
	last := s.settled - 1 - (s.settled-1-from+n)%n
	origin := s.islands[from].origin
	if last < origin {
		return -1
	}
	members := min(s.config.Population, (last-origin)/n+1)
	best := -1
	for range s.config.Tournament {
		i := last - n*r.IntN(members)
		if from != birth.Island && slices.ContainsFunc(omits, s.at(i).genome.Reads) {
			continue // there is no way in for it
		}
		if best < 0 || s.fitter(s.forms[s.at(i).Form], s.forms[s.at(best).Form]) {
			best = i
		}
	}
	return best
}

// fitter reports whether a form is the better parent: as [Compare] has it, but for what its operators cost.
func (s *Search) fitter(a, b *Form) bool {
	if a.Rung != b.Rung {
		return a.Rung > b.Rung
	}
	cost := float64(s.config.Parsimony * float64(a.Size-b.Size))
	return a.Bound()-cost > b.Bound() || a.Bound()-cost == b.Bound() && a.First < b.First
}

// Chain is a line of births from the first start, each a mutant of the one before as a search draws them, with all operators, but
// none selected and none tried on gradients: their canonical forms.
func Chain(c Config, length int, r *rand.Rand) iter.Seq[genome.Genome] {
	return func(yield func(genome.Genome) bool) {
		s := Search{config: c}
		g, err := genome.Parse(c.Starts[0])
		if err != nil {
			return
		}
		for range length {
			change, child, form := s.changer(&c.Mutator, r), g, g.Canonical()
			for range attempts {
				child = change(g, r)
				if form = child.Canonical(); s.symmetric(form) && form.Check() == nil {
					g = child
					break
				}
			}
			if !yield(form) {
				return
			}
		}
	}
}
