package evolve

import (
	"cmp"
	"math"
	"slices"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
)

// Form is what is known of all births of the same canonical form.
type Form struct {
	Key     genome.Key
	Rule    string
	Size    int // operators
	States  int // values an element that it keeps
	Births  int
	First   int       // its first birth
	Rung    int       // how far it got the last time: the last rung that it was run on
	Tasks   int       // those of the rungs that far
	LRs     []float64 // of all tasks that it has ever been run on
	scores  []sum     // by task
	turn    int       // of its last task
	Count   int       // evaluations
	planned int
	settled bool
	last    int // its last birth
}

// sum is a sum of scores.
type sum struct {
	of    float64
	count int
}

// Scores are its mean scores by task, as far as it got the last time.
func (f *Form) Scores() []float64 {
	out := make([]float64, f.Tasks)
	for i, s := range f.scores[:f.Tasks] {
		out[i] = s.of / float64(s.count)
	}
	return out
}

// Bound is a lower bound of its fitness.
func (f *Form) Bound() float64 {
	if f.Count == 0 {
		return fitness.Worst
	}
	return fitness.Total(f.Scores()) - f.noise()
}

// noise is how much of its fitness may be luck: a score's own noise is of the order of one.
func (f *Form) noise() float64 {
	runs := 0
	for _, s := range f.scores[:f.Tasks] {
		runs += s.count
	}
	return 1 / math.Sqrt(float64(runs))
}

// Compare orders forms, the better first: by how far they got, then by bound, then by age.
func Compare(a, b *Form) int {
	return cmp.Or(cmp.Compare(b.Rung, a.Rung), cmp.Compare(b.Bound(), a.Bound()), cmp.Compare(a.First, b.First))
}

// NewForm is a form that appears at a birth and has not been evaluated.
func NewForm(rule string, birth int) *Form {
	if g, err := genome.Decode(rule); err == nil {
		return describe(g, birth)
	}
	return &Form{Rule: rule, First: birth}
}

// describe is what a canonical form itself tells.
func describe(form genome.Genome, birth int) *Form {
	return &Form{Key: form.Key(), Rule: form.Encode(), Size: form.Size(), States: form.States(), First: birth}
}

// Add adds an evaluation, unless it is one that has been added: a search may have forgotten that it has evaluated a form.
func (f *Form) Add(r Result, rungs [][]string) {
	if r.Seed <= uint64(f.Count) { // seeds count from 1
		return
	}
	if known := len(f.scores); known < len(r.Scores) {
		f.LRs, f.turn = append(f.LRs, r.LRs[known:]...), r.Turns[len(r.Turns)-1]
	}
	f.note(r.Scores)
	f.Count++
	f.Rung, f.Tasks = -1, 0
	for f.Tasks < len(r.Scores) && f.Rung+1 < len(rungs) {
		f.Rung++
		f.Tasks += len(rungs[f.Rung])
	}
}

// note adds scores to those of the first tasks.
func (f *Form) note(scores []float64) {
	f.scores = append(f.scores, make([]sum, max(0, len(scores)-len(f.scores)))...)
	for i, score := range scores {
		f.scores[i].of += score
		f.scores[i].count++
	}
}

// Sort orders forms, the best first.
func Sort(forms []*Form) { slices.SortFunc(forms, Compare) }
