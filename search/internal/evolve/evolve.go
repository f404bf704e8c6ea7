// Package evolve is the search itself: ageing evolution on islands, with rungs of tasks of rising cost.
//
// In come a [Config] and what earlier runs of the same search have settled; out come births, one after another, each with
// its result. Birth i depends on the seed and on births up to i-Lag alone, whose results are all known by then, and random
// numbers are a hash of seed and birth. So births may be worked on side by side by any number of workers, in any order,
// and a search that is broken off goes on as if it had not been: the sequence is the same, and a longer search begins with
// a shorter one. The package opens no file, draws nothing and knows no time.
package evolve

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/seen"
	"github.com/optc-lang/optc/search/internal/work"
)

// Config is everything that a search depends on, besides the baselines of its tasks.
type Config struct {
	Seed       uint64
	Starts     []string       // genomes, as genome.Parse reads them; island i begins with Starts[i % len]
	Mutator    genome.Mutator // the grammar and its limits
	Rungs      [][]string     // tasks, the cheapest first: a rule that does well on a rung goes on to the next
	Islands    int
	Population int     // births of an island that may be parents: the last ones
	Tournament int     // parents are the best of so many
	Percentile float64 // of recent scores, in [0, 1), that a rule must reach to go on from the first rung; see Search.limits
	Migration  float64 // share of parents that come from another island
	Parsimony  float64 // what an operator costs a parent, in units of fitness
	Polish     float64 // share of births that are a good rule with another constant
	Plateau    int     // births without a better rule after which an island begins anew
	Lag        int     // births that may be worked on side by side
	Repeats    int     // evaluations of a rule that is born again
	Control    Control
	Numerics   string
}

// Control is what a search is to be compared with.
type Control string

// The controls.
const (
	Evolution Control = ""       // none: a search
	Random    Control = "random" // every birth is a start with random mutations, none is selected
	Tuning    Control = "tune"   // births change constants alone
)

// Default is a search from gradient descent.
func Default() Config {
	return Config{
		Seed: 1, Starts: []string{"g"}, Mutator: genome.DefaultMutator(),
		Rungs:   [][]string{{"bowl", "cancer-raw"}, {"phishing", "rotated-bowl", "mpg"}, {"digits"}, {"opticks", "digits-coder"}, {"digits-deep", "opticks-attention"}},
		Islands: 4, Population: 100, Tournament: 4, Percentile: 0.65, Migration: 0.02, Parsimony: 0.02, Polish: 0.1, Plateau: 2000,
		Lag: 64, Repeats: 4, Numerics: work.Numerics,
	}
}

// Birth is a member of the population, and what came of it.
type Birth struct {
	Index  int
	Island int
	Parent int    // the birth that it is a mutant of, -1 for a start
	Genome string // as genome.Decode reads it, with what nothing reads
	Form   genome.Key
	Result Result
}

// Result is an evaluation of a form. That of a birth that needed none has no scores.
type Result struct {
	Rule   string    // the form as text
	Seed   uint64    // of the runs
	Scores []float64 // by task, in the order of the rungs, as far as it got
	Turns  []int     // by task: its learning rate, in half decades from AdamW's length of steps
	LRs    []float64 // by task
	Runs   int       // training runs
}

// Job is the evaluation of a birth.
type Job struct {
	Birth     Birth
	Limits    []float64 // by rung: the total that a form must reach to go on
	Evaluated *Form     // an earlier evaluation, whose learning rates are taken; nil for the first
	None      bool      // it needs none
}

// Form is what is known of all births of the same canonical form.
type Form struct {
	Key     genome.Key
	Rule    string
	Size    int // operators
	States  int // values an element that it keeps
	Births  int
	First   int // its first birth
	Rung    int // how far it got: rungs it has passed
	Tasks   int // that it has been run on
	LRs     []float64
	sums    []float64 // of scores, by task
	Count   int       // evaluations
	planned int
	settled bool
}

// Scores are its mean scores by task.
func (f *Form) Scores() []float64 {
	out := make([]float64, len(f.sums))
	for i, s := range f.sums {
		out[i] = s / float64(f.Count)
	}
	return out
}

// Bound is a lower bound of its fitness: a score's own noise is of the order of one.
func (f *Form) Bound() float64 {
	if f.Count == 0 {
		return fitness.Worst
	}
	return fitness.Total(f.Scores()) - 1/math.Sqrt(float64(f.Count*len(f.sums)))
}

// Compare orders forms, the better first: by how far they got, then by bound, then by age.
func Compare(a, b *Form) int {
	return cmp.Or(cmp.Compare(b.Rung, a.Rung), cmp.Compare(b.Bound(), a.Bound()), cmp.Compare(a.First, b.First))
}

// recent is how many scores of a rung make its percentile.
const recent = 200

// Search is a search under way. It belongs to one goroutine.
type Search struct {
	config  Config
	base    map[string]fitness.Baseline
	starts  []genome.Genome
	births  []Birth // proposed, and settled up to settled: the last ones, from the birth oldest on
	oldest  int
	settled int
	forms   map[genome.Key]*Form
	prints  map[genome.Key]genome.Key // the form of a fingerprint
	dull    map[genome.Key]bool       // forms that cannot train; a memory, which may forget
	taker   seen.Taker
	taken   struct { // the fingerprint that was taken last, and of which form
		key   genome.Key
		print seen.Fingerprint
	}
	rungs   [][]float64 // by rung: totals in the order of births
	limit   []float64   // what limits returns, nil when it has to be found anew
	islands []island
	count   Count
}

// island is what is known of an island.
type island struct {
	origin   int // births before this one are no parents
	best     *Form
	bound    float64 // of best, when it was found
	improved int     // the birth that found it
	restarts int
}

// Count says what became of births.
type Count struct {
	Dull      int // candidates thrown away since they cannot train
	Known     int // births of a form that needed no evaluation
	Evaluated int // births that were evaluated
	Forms     int
	Runs      int   // training runs
	Restarts  int   // of islands
	Reached   []int // by rung: forms that were run on it
}

// New begins a search on tasks whose baselines are given.
func New(c Config, base map[string]fitness.Baseline) (*Search, error) {
	s := &Search{config: c, base: base, forms: map[genome.Key]*Form{}, prints: map[genome.Key]genome.Key{}, dull: map[genome.Key]bool{},
		rungs: make([][]float64, len(c.Rungs))}
	if err := c.check(); err != nil {
		return nil, err
	}
	for _, rung := range c.Rungs {
		for _, task := range rung {
			if _, ok := s.base[task]; !ok {
				return nil, fmt.Errorf("no baseline of the task %q", task)
			}
		}
	}
	for _, text := range c.Starts {
		g, err := genome.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("start: %w", err)
		}
		s.starts = append(s.starts, g)
	}
	s.islands, s.count.Reached = make([]island, c.Islands), make([]int, len(c.Rungs))
	return s, nil
}

func (c Config) check() error {
	switch {
	case c.Numerics != work.Numerics:
		return fmt.Errorf("the search is of the numerics %q, this program computes in %q", c.Numerics, work.Numerics)
	case len(c.Starts) == 0 || len(c.Rungs) == 0:
		return fmt.Errorf("a search needs a start and a rung of tasks")
	case max(c.Islands, c.Population, c.Tournament, c.Lag, c.Repeats) > maxParents || c.Plateau > maxPlateau:
		return fmt.Errorf("islands, population, tournament, lag and repeats are at most %d, plateau %d", maxParents, maxPlateau)
	case c.Islands < 1 || c.Population < 1 || c.Tournament < 1 || c.Plateau < 1 || c.Lag < 1 || c.Repeats < 1:
		return fmt.Errorf("islands %d, population %d, tournament %d, plateau %d, lag %d and repeats %d are at least 1",
			c.Islands, c.Population, c.Tournament, c.Plateau, c.Lag, c.Repeats)
	case int64(c.Islands)*int64(c.Population) > maxParents:
		return fmt.Errorf("islands times population are at most %d", maxParents)
	case !(c.Percentile >= 0 && c.Percentile < 1) || !(c.Migration >= 0 && c.Migration <= 1) || !(c.Polish >= 0 && c.Polish <= 1) || !(c.Parsimony >= 0 && c.Parsimony <= 1):
		return fmt.Errorf("percentile %v, migration %v, parsimony %v and polish %v are shares", c.Percentile, c.Migration, c.Parsimony, c.Polish)
	case c.Control != Evolution && c.Control != Random && c.Control != Tuning:
		return fmt.Errorf("no control %q: there are %s and %s", c.Control, Random, Tuning)
	}
	for _, rung := range c.Rungs {
		if len(rung) == 0 {
			return fmt.Errorf("a rung without a task")
		}
	}
	return c.Mutator.Check()
}

// maxParents bounds what a search keeps of its births, maxPlateau how long it waits.
const (
	maxParents = 1 << 20
	maxPlateau = 1 << 30
)

// Next proposes the next birth. It may be called when birth Len()-Lag has been settled.
func (s *Search) Next() (Job, error) {
	b := s.Len()
	if b-s.settled >= s.config.Lag {
		return Job{}, fmt.Errorf("birth %d comes after birth %d, which is not settled", b, b-s.config.Lag)
	}
	r := rand.New(rand.NewPCG(s.config.Seed, uint64(b)))
	birth := Birth{Index: b, Island: b % s.config.Islands, Parent: -1}
	start := s.starts[birth.Island%len(s.starts)]
	if b < s.config.Islands {
		return s.plan(birth, start, start.Canonical())
	}
	parent, change := start, s.changer(r)
	if p := s.parent(&birth, r); p >= 0 {
		birth.Parent = p
		var err error
		if parent, err = genome.Decode(s.at(p).Genome); err != nil {
			return Job{}, err
		}
	}
	for range attempts {
		child := change(parent, r)
		form := child.Canonical()
		if dull, err := s.isDull(form); err != nil {
			return Job{}, err
		} else if !dull {
			return s.plan(birth, child, form)
		}
		s.count.Dull++
	}
	return s.plan(birth, parent, parent.Canonical())
}

// attempts is how many mutants are drawn until one can train anything.
const attempts = 100

// randomLength is the most mutations of a birth of the control Random.
const randomLength = 30

// changer draws how a birth differs from its parent.
func (s *Search) changer(r *rand.Rand) func(genome.Genome, *rand.Rand) genome.Genome {
	m := &s.config.Mutator
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

// at is a birth that is still remembered.
func (s *Search) at(i int) *Birth { return &s.births[i-s.oldest] }

// maxDull bounds the memory of what is known of forms that are not born.
const maxDull = 1 << 17

// isDull reports whether a form cannot train anything.
func (s *Search) isDull(form genome.Genome) (bool, error) {
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
	s.dull[key] = f.Dull != ""
	return f.Dull != "", nil
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

// plan makes the job of a birth.
func (s *Search) plan(birth Birth, child, form genome.Genome) (Job, error) {
	known, err := s.form(form, birth.Index)
	if err != nil {
		return Job{}, err
	}
	birth.Genome, birth.Form = child.Encode(), known.Key
	job := Job{Limits: s.limits()}
	switch {
	case known.planned == 0:
		known.planned = 1
	case known.settled && known.Rung > 0 && known.planned < s.config.Repeats:
		known.planned++
		earlier := *known
		job.Evaluated = &earlier
	default:
		job.None = true
	}
	birth.Result = Result{Rule: known.Rule, Seed: uint64(known.planned)}
	job.Birth = birth
	s.births = append(s.births, birth)
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
	if s.config.Control == Random {
		return -1
	}
	from := birth.Island
	if r.Float64() < s.config.Migration {
		from = r.IntN(s.config.Islands)
	}
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
	cost := s.config.Parsimony * float64(a.Size-b.Size)
	return a.Bound()-cost > b.Bound() || a.Bound()-cost == b.Bound() && a.First < b.First
}

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

// Settle takes the result of the first birth that has none, and returns that birth.
func (s *Search) Settle(r Result) (Birth, error) {
	if s.settled == s.Len() {
		return Birth{}, fmt.Errorf("birth %d is not proposed", s.settled)
	}
	b := s.at(s.settled)
	if r.Rule != b.Result.Rule || r.Seed != b.Result.Seed {
		return Birth{}, fmt.Errorf("birth %d: the result is of %q with seed %d, not of %q with seed %d", b.Index, r.Rule, r.Seed, b.Result.Rule, b.Result.Seed)
	}
	if n := len(r.Scores); n != len(r.LRs) || n > 0 && !s.whole(n) {
		return Birth{}, fmt.Errorf("birth %d: the result has %d scores, which is no number of rungs", b.Index, n)
	}
	b.Result = r
	settled := *b
	s.settled++
	f := s.forms[b.Form]
	f.Births++
	if len(r.Scores) == 0 {
		s.count.Known++
	} else {
		s.evaluated(f, r)
	}
	s.improve(&settled, f)
	s.forget()
	return settled, nil
}

// whole reports whether so many scores are those of some first rungs.
func (s *Search) whole(scores int) bool {
	for _, rung := range s.config.Rungs {
		if scores -= len(rung); scores <= 0 {
			break
		}
	}
	return scores == 0
}

// evaluated notes an evaluation.
func (s *Search) evaluated(f *Form, r Result) {
	s.count.Evaluated++
	s.count.Runs += r.Runs
	if f.Count == 0 {
		s.count.Forms++
		f.first(r, s.config.Rungs)
		s.limit = nil
		tasks := 0
		for i := range f.Rung + 1 {
			tasks += len(s.config.Rungs[i])
			s.count.Reached[i]++
			s.rungs[i] = append(s.rungs[i], fitness.Total(r.Scores[:tasks]))
			s.rungs[i] = s.rungs[i][max(0, len(s.rungs[i])-recent):]
		}
	}
	f.Add(r)
	f.settled = true
}

// NewForm is a form whose first evaluation, at a birth, is the result; [Form.Add] adds that as all others.
func NewForm(r Result, birth int, rungs [][]string) *Form {
	f := &Form{Rule: r.Rule, First: birth}
	if g, err := genome.Decode(r.Rule); err == nil {
		f = describe(g, birth)
	}
	f.first(r, rungs)
	return f
}

// describe is what a canonical form itself tells.
func describe(form genome.Genome, birth int) *Form {
	return &Form{Key: form.Key(), Rule: form.Encode(), Size: form.Size(), States: form.States(), First: birth}
}

// first notes how far a form got in its first evaluation.
func (f *Form) first(r Result, rungs [][]string) {
	f.LRs, f.Tasks, f.Rung = r.LRs, len(r.Scores), len(rungs)-1
	tasks := 0
	for i, rung := range rungs {
		if tasks += len(rung); tasks >= f.Tasks {
			f.Rung = i
			return
		}
	}
}

// Add adds an evaluation to the form's scores: the first says on how many tasks.
func (f *Form) Add(r Result) {
	if f.Count == 0 {
		f.sums = make([]float64, len(r.Scores))
	}
	for i := range min(len(f.sums), len(r.Scores)) {
		f.sums[i] += r.Scores[i]
	}
	f.Count++
}

// Sort orders forms, the best first.
func Sort(forms []*Form) { slices.SortFunc(forms, Compare) }

// improve notes whether an island has a better form now, and lets it begin anew when it has not had one for long. The island
// of the best form of all goes on.
func (s *Search) improve(b *Birth, f *Form) {
	in := &s.islands[b.Island]
	if b.Index < in.origin || f.Count == 0 {
		return
	}
	if bound := f.Bound(); in.best == nil || f.Rung > in.best.Rung || f.Rung == in.best.Rung && bound > in.bound {
		in.best, in.bound, in.improved = f, bound, b.Index
		return
	}
	if int64(b.Index-in.improved) < int64(s.config.Plateau)*int64(s.config.Islands) || s.config.Control != Evolution {
		return
	}
	for i := range s.islands {
		if other := &s.islands[i]; other != in && other.best != nil && (other.best.Rung > in.best.Rung || other.best.Rung == in.best.Rung && other.bound > in.bound) {
			*in = island{origin: b.Index + s.config.Lag, restarts: in.restarts + 1, improved: b.Index}
			s.count.Restarts++
			return
		}
	}
}

// forget drops births that can be no parents any more.
func (s *Search) forget() {
	keep := s.config.Islands*s.config.Population + s.config.Islands
	if drop := s.settled - keep - s.oldest; drop > keep {
		s.births = append([]Birth(nil), s.births[drop:]...)
		s.oldest += drop
	}
}

// Len is the number of births proposed.
func (s *Search) Len() int { return s.oldest + len(s.births) }

// Count says what became of the births that are settled.
func (s *Search) Count() Count {
	n := s.count
	n.Reached = slices.Clone(n.Reached)
	return n
}

// Limits are the totals that forms must reach on each rung to go on now.
func (s *Search) Limits() []float64 { return slices.Clone(s.limits()) }

// Form is what is known of a form.
func (s *Search) Form(k genome.Key) *Form { return s.forms[k] }

// Forms are all forms that have been evaluated, in no order.
func (s *Search) Forms() []*Form {
	var all []*Form
	for _, f := range s.forms {
		if f.Count > 0 {
			all = append(all, f)
		}
	}
	return all
}

// Evaluate does a job: all runs of a form, rung after rung while it reaches the limits. It depends on the job alone.
func (s *Search) Evaluate(job Job, run fitness.Runner) (Result, error) {
	result := job.Birth.Result
	if job.None {
		return result, nil
	}
	turn, done := 0, 0
	for i, rung := range s.config.Rungs {
		for _, task := range rung {
			if job.Evaluated != nil && done == job.Evaluated.Tasks {
				return result, nil
			}
			if err := s.task(&result, job, task, &turn, run); err != nil {
				return result, fmt.Errorf("%s on %s: %w", result.Rule, task, err)
			}
			done++
		}
		if job.Evaluated == nil && !(fitness.Total(result.Scores) >= job.Limits[i]) {
			break
		}
	}
	return result, nil
}

// task runs a form on a task: with a bracket of learning rates the first time, starting where the task before ended.
func (s *Search) task(result *Result, job Job, task string, turn *int, run fitness.Runner) error {
	base := s.base[task]
	item := work.Item{Rule: result.Rule, Task: task, Seed: result.Seed, Decay: base.Decay, Numerics: s.config.Numerics}
	tuned := fitness.Tuned{Loss: math.Inf(1)}
	if job.Evaluated != nil {
		item.LR = job.Evaluated.LRs[len(result.Scores)]
		out, err := run(item)
		if err != nil {
			return err
		}
		tuned = fitness.Tuned{Loss: fitness.Loss(out), LR: item.LR, Runs: 1}
	} else {
		var err error
		if tuned, err = fitness.Tune(run, item, base, *turn); err != nil {
			return err
		}
		*turn = tuned.Turn
	}
	result.Scores = append(result.Scores, base.Score(item.Seed, tuned.Loss))
	result.Turns, result.LRs, result.Runs = append(result.Turns, tuned.Turn), append(result.LRs, tuned.LR), result.Runs+tuned.Runs
	return nil
}
