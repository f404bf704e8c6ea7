package evolve

import (
	"fmt"
	"slices"

	"github.com/optc-lang/optc/search/internal/fitness"
)

// Settle takes the result of the first birth that has none, and returns that birth.
func (s *Search) Settle(r Result) (Birth, error) {
	if s.settled == s.Len() {
		return Birth{}, fmt.Errorf("birth %d is not proposed", s.settled)
	}
	b := s.at(s.settled)
	if r.Rule != b.Result.Rule || r.Seed != b.Result.Seed {
		return Birth{}, fmt.Errorf("birth %d: the result is of %.200q with seed %d, not of %.200q with seed %d: the archive is damaged or of another program", b.Index, r.Rule, r.Seed, b.Result.Rule, b.Result.Seed)
	}
	if n := len(r.Scores); n != len(r.LRs) || n > 0 && !whole(s.config.Rungs, n) {
		return Birth{}, fmt.Errorf("birth %d: the result has %d scores, which is no number of rungs", b.Index, n)
	}
	b.Result = r
	settled := b.Birth
	s.settled++
	s.begun = -1
	f := s.forms[b.Form]
	f.Births++
	if len(r.Scores) == 0 {
		s.count.Known++
		s.count.Barren++
	} else {
		s.evaluated(f, r)
	}
	s.improve(&settled, f)
	s.forget()
	return settled, nil
}

// evaluated notes an evaluation.
func (s *Search) evaluated(f *Form, r Result) {
	s.count.Evaluated++
	s.count.Barren = 0
	s.count.Runs += r.Runs
	first, known := f.Count == 0, len(f.scores)
	f.Add(r, s.config.Rungs)
	f.settled = true
	tasks := 0
	for i := range f.Rung + 1 {
		if tasks += len(s.config.Rungs[i]); tasks > known {
			s.count.Reached[i]++
		}
		if first {
			s.rungs[i] = append(s.rungs[i], fitness.Total(r.Scores[:tasks]))
			s.rungs[i] = s.rungs[i][max(0, len(s.rungs[i])-recent):]
		}
	}
	if first {
		s.count.Forms++
		s.limit = nil
	}
}

// recent is how many scores of a rung make its percentile.
const recent = 200

// enough is how many scores of a rung tell what a good one is. Before there are as many, only what beats AdamW goes on.
const enough = 20

// limits are the totals that forms must reach on each rung to go on: a percentile of the recent ones, which goes on rising
// evenly from rung to rung and would be 1 after the last, since rungs cost more and more.
func (s *Search) limits() []float64 {
	if s.limit != nil {
		return s.limit
	}
	limits := make([]float64, len(s.rungs))
	for i, totals := range s.rungs {
		if len(totals) >= enough {
			sorted := slices.Sorted(slices.Values(totals))
			p := s.config.Percentile + (1-s.config.Percentile)*float64(i)/float64(len(s.rungs))
			limits[i] = sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
		}
	}
	s.limit = limits
	return limits
}

// forget drops births that can be no parents any more.
func (s *Search) forget() {
	keep := s.config.Islands*s.config.Population + s.config.Islands
	if drop := s.settled - keep - s.oldest; drop > keep {
		s.births = append([]member(nil), s.births[drop:]...)
		s.oldest += drop
	}
}

// maxForms bounds the memory of a search. What is forgotten is evaluated anew if it is born again, with the same result.
const maxForms = 1 << 20

// maxDull bounds the memory of what is known of forms that are not born.
const maxDull = 1 << 17

// forgetForms drops half of the forms when there are too many: of those that are no parents any more the ones that did not get far.
func (s *Search) forgetForms() {
	if len(s.forms) <= s.most {
		return
	}
	from := s.Len() - s.config.Islands*(s.config.Population+1) - s.config.Lag
	for rung := range s.config.Rungs {
		for key, f := range s.forms {
			if f.Rung <= rung && f.last < from {
				delete(s.forms, key)
			}
		}
		if len(s.forms) <= s.most/2 {
			break
		}
	}
	for print, key := range s.prints {
		if s.forms[key] == nil {
			delete(s.prints, print)
		}
	}
}
