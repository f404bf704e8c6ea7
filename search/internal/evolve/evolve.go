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

// Config is everything that a search depends on.
type Config struct {
	Seed       uint64
	Starts     []string       // genomes, as genome.Parse reads them; island i begins with Starts[i % len]
	Mutator    genome.Mutator // the grammar and its limits
	Rungs      [][]string     // tasks, the cheapest first: a rule that does well on a rung goes on to the next
	Islands    int
	Population int     // births of an island that may be parents: the last ones
	Tournament int     // parents are the best of so many
	Percentile float64 // of recent scores, in [0, 1), that a rule must reach to go on
	Migration  float64 // share of parents that come from another island
	Lag        int     // births that may be worked on side by side
	Repeats    int     // evaluations of a rule that is born again
	Numerics   string
}

// Default is a search from gradient descent.
func Default() Config {
	return Config{
		Seed: 1, Starts: []string{"g"}, Mutator: genome.DefaultMutator(),
		Rungs:   [][]string{{"phishing"}, {"bowl", "cancer-raw"}, {"rotated-bowl", "mpg"}, {"digits", "opticks"}, {"digits-coder", "digits-deep", "opticks-attention"}},
		Islands: 4, Population: 100, Tournament: 4, Percentile: 0.65, Migration: 0.02, Lag: 64, Repeats: 4, Numerics: work.Numerics,
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
	births  []Birth // proposed, and settled up to settled
	forms   map[genome.Key]*Form
	prints  map[genome.Key]genome.Key // the form of a fingerprint
	dull    map[genome.Key]bool       // forms that cannot train
	taker   seen.Taker
	rungs   [][]float64 // by rung: totals in the order of births
	settled int
}

// New begins a search.
func New(c Config) (*Search, error) {
	s := &Search{config: c, forms: map[genome.Key]*Form{}, prints: map[genome.Key]genome.Key{}, dull: map[genome.Key]bool{}, rungs: make([][]float64, len(c.Rungs))}
	if err := c.check(); err != nil {
		return nil, err
	}
	var err error
	if s.base, err = fitness.Baselines(); err != nil {
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
	return s, nil
}

func (c Config) check() error {
	switch {
	case c.Numerics != work.Numerics:
		return fmt.Errorf("the search is of the numerics %q, this program computes in %q", c.Numerics, work.Numerics)
	case len(c.Starts) == 0 || len(c.Rungs) == 0:
		return fmt.Errorf("a search needs a start and a rung of tasks")
	case c.Islands < 1 || c.Population < 1 || c.Tournament < 1 || c.Lag < 1 || c.Repeats < 1:
		return fmt.Errorf("islands, population, tournament, lag and repeats are at least 1")
	case !(c.Percentile >= 0 && c.Percentile < 1) || !(c.Migration >= 0 && c.Migration <= 1):
		return fmt.Errorf("percentile %v and migration %v are shares", c.Percentile, c.Migration)
	}
	return nil
}

// Next proposes the next birth. It may be called when birth Len()-Lag has been settled.
func (s *Search) Next() (Job, error) {
	b := len(s.births)
	if b-s.settled >= s.config.Lag {
		return Job{}, fmt.Errorf("birth %d comes after birth %d, which is not settled", b, b-s.config.Lag)
	}
	r := s.random(b)
	birth := Birth{Index: b, Island: b % s.config.Islands, Parent: -1}
	start := s.starts[birth.Island%len(s.starts)]
	if b < s.config.Islands {
		return s.plan(birth, start, start.Canonical())
	}
	parent := start
	if p := s.parent(birth.Island, r); p >= 0 {
		birth.Parent = p
		var err error
		if parent, err = genome.Decode(s.births[p].Genome); err != nil {
			return Job{}, err
		}
	}
	for range attempts {
		child := parent
		for more := true; more; more = r.IntN(2) == 0 {
			child = s.config.Mutator.Mutate(child, r)
		}
		form := child.Canonical()
		if dull, err := s.isDull(form); err != nil {
			return Job{}, err
		} else if !dull {
			return s.plan(birth, child, form)
		}
	}
	return s.plan(birth, parent, parent.Canonical())
}

// attempts is how many mutants are drawn until one can train anything.
const attempts = 100

// random is the random numbers of a birth.
func (s *Search) random(b int) *rand.Rand {
	return rand.New(rand.NewPCG(s.config.Seed, uint64(b)))
}

// isDull reports whether a form cannot train anything, and takes its fingerprint.
func (s *Search) isDull(form genome.Genome) (bool, error) {
	key := form.Key()
	if s.forms[key] != nil {
		return false, nil
	}
	if dull, known := s.dull[key]; known {
		return dull, nil
	}
	f, err := s.taker.Take(form)
	if err != nil {
		return false, err
	}
	s.dull[key] = f.Dull != ""
	if _, taken := s.prints[f.Digest]; f.Dull == "" && !taken {
		s.prints[f.Digest] = key
	}
	return f.Dull != "", nil
}

// plan makes the job of a birth.
func (s *Search) plan(birth Birth, child, form genome.Genome) (Job, error) {
	birth.Genome, birth.Form = child.Encode(), form.Key()
	if f, err := s.taker.Take(form); err != nil {
		return Job{}, err
	} else if first, known := s.prints[f.Digest]; known && f.Dull == "" {
		birth.Form = first // what does the same is the same
	} else if !known {
		s.prints[f.Digest] = birth.Form
	}
	job := Job{Birth: birth, Limits: s.limits()}
	known := s.forms[birth.Form]
	switch {
	case known == nil:
		known = &Form{Key: birth.Form, Rule: form.Encode(), First: birth.Index}
		s.forms[birth.Form] = known
		known.planned = 1
	case known.settled && known.Rung > 0 && known.planned < s.config.Repeats:
		known.planned++
		earlier := *known
		job.Evaluated = &earlier
	default:
		job.None = true
	}
	job.Birth.Result = Result{Rule: known.Rule, Seed: uint64(known.planned)}
	s.births = append(s.births, job.Birth)
	return job, nil
}

// parent draws a parent for an island, the best of a tournament; -1 while there is none.
func (s *Search) parent(island int, r *rand.Rand) int {
	if r.Float64() < s.config.Migration {
		island = r.IntN(s.config.Islands)
	}
	best := -1
	for range s.config.Tournament {
		// Births of the island count down from the last settled one.
		last := s.settled - 1 - (s.settled-1-island+s.config.Islands)%s.config.Islands
		if last < 0 {
			return -1
		}
		members := min(s.config.Population, last/s.config.Islands+1)
		i := last - s.config.Islands*r.IntN(members)
		if best < 0 || Compare(s.forms[s.births[i].Form], s.forms[s.births[best].Form]) < 0 {
			best = i
		}
	}
	return best
}

// limits are the totals that forms must reach on each rung to go on.
func (s *Search) limits() []float64 {
	limits := make([]float64, len(s.rungs))
	for i, totals := range s.rungs {
		if len(totals) == 0 {
			limits[i] = math.Inf(-1)
			continue
		}
		sorted := slices.Sorted(slices.Values(totals))
		limits[i] = sorted[int(s.config.Percentile*float64(len(sorted)))]
	}
	return limits
}

// Settle takes the result of the first birth that has none.
func (s *Search) Settle(r Result) error {
	if s.settled == len(s.births) {
		return fmt.Errorf("birth %d is not proposed", s.settled)
	}
	b := &s.births[s.settled]
	if r.Rule != b.Result.Rule || r.Seed != b.Result.Seed {
		return fmt.Errorf("birth %d: the result is of %q with seed %d, not of %q with seed %d", b.Index, r.Rule, r.Seed, b.Result.Rule, b.Result.Seed)
	}
	b.Result = r
	s.settled++
	f := s.forms[b.Form]
	f.Births++
	if len(r.Scores) == 0 {
		return nil
	}
	if f.Count == 0 {
		s.first(f, r)
	}
	for i := range f.sums {
		f.sums[i] += r.Scores[i]
	}
	f.Count++
	f.settled = true
	return nil
}

// first notes how far a form's first evaluation got.
func (s *Search) first(f *Form, r Result) {
	f.sums, f.LRs = make([]float64, len(r.Scores)), r.LRs
	tasks := 0
	for i, rung := range s.config.Rungs {
		if tasks += len(rung); tasks > len(r.Scores) {
			break
		}
		f.Rung = i
		s.rungs[i] = append(s.rungs[i], fitness.Total(r.Scores[:tasks]))
		s.rungs[i] = s.rungs[i][max(0, len(s.rungs[i])-recent):]
	}
	f.Tasks = len(r.Scores)
}

// Births are those that are settled, in order.
func (s *Search) Births() []Birth { return s.births[:s.settled] }

// Len is the number of births proposed.
func (s *Search) Len() int { return len(s.births) }

// Best lists the best forms, the best first.
func (s *Search) Best(n int) []*Form {
	var all []*Form
	for _, f := range s.forms {
		if f.Count > 0 {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, Compare)
	return all[:min(n, len(all))]
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
