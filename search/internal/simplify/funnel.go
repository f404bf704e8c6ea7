package simplify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/pool"
	"github.com/optc-lang/optc/search/internal/work"
)

// Entrant is a rule to be ranked.
type Entrant struct {
	ID     string
	Genome genome.Genome
}

// Stage is a ranking on tasks of one size.
type Stage struct {
	Factor int // of the names of its tasks: see [Name]
	Keep   int // rules that go on to the next stage
	Seeds  int // runs on each task, the learning rate being tuned with the first
}

// DefaultStages rank on tasks that cost 10 times as much, and the best eight on tasks that cost 100 times as much.
func DefaultStages() []Stage {
	return []Stage{{Factor: 10, Keep: 8, Seeds: 3}, {Factor: 100, Keep: 1, Seeds: 2}}
}

// Ranking is what came of a stage, the best rule first.
type Ranking struct {
	Factor    int
	Tasks     []string // their names, the factor included
	AdamW     []Trained
	Standings []Standing
}

// Standing is a rule's place in a ranking.
type Standing struct {
	ID, Rule string
	Score    float64   // fitness.Total of the scores
	Scores   []float64 // by task: the mean over seeds
	Runs     []Trained // by task
}

// Trained is a rule on a task.
type Trained struct {
	Turn     int       // see fitness.Tuned
	LR       float64   // 0 if every run diverged
	Losses   []float64 // by seed, from 1 on: fitness.Loss; none if a run diverged
	Diverged bool      // a run at this learning rate, or all
}

// Funnel ranks rules, stage after stage, on larger forms of tasks. A score is the lead over AdamW, whose learning rate is tuned
// alike, in deviations of the small task; a rule whose runs diverge has the worst. Brackets start at 0, and those of the next
// stage where they have ended. Rules that are equal keep their order.
func Funnel(ctx context.Context, p *pool.Pool, entrants []Entrant, of []Task, stages []Stage) ([]Ranking, error) {
	if err := checkFunnel(entrants, of, stages); err != nil {
		return nil, err
	}
	turns := map[string][]int{}
	var out []Ranking
	for _, stage := range stages {
		f := funnel{Stage: stage, of: of, turns: turns}
		ranking, err := f.rank(ctx, p, entrants)
		if err != nil {
			return nil, err
		}
		out = append(out, ranking)
		entrants = f.kept(ranking, entrants)
	}
	return out, nil
}

func checkFunnel(entrants []Entrant, of []Task, stages []Stage) error {
	if len(entrants) == 0 || len(of) == 0 || len(stages) == 0 {
		return errors.New("a funnel needs rules, tasks and stages")
	}
	ids := map[string]bool{}
	for _, e := range entrants {
		if err := e.Genome.Check(); err != nil {
			return fmt.Errorf("rule %s: %w", e.ID, err)
		}
		if e.ID == "" || ids[e.ID] {
			return fmt.Errorf("two rules of the name %q, or a rule without a name", e.ID)
		}
		ids[e.ID] = true
	}
	for _, s := range stages {
		if s.Factor < 2 || s.Keep < 1 || s.Seeds < 1 || s.Seeds > mostSeeds {
			return fmt.Errorf("a stage with the factor %d keeps %d rules after runs with %d seeds", s.Factor, s.Keep, s.Seeds)
		}
		for _, t := range of {
			if _, err := Lookup(Name(t.Name, s.Factor)); err != nil {
				return err
			}
		}
	}
	return checkTasks(of)
}

// funnel is a stage under way.
type funnel struct {
	Stage
	of    []Task
	turns map[string][]int // by rule, "" being AdamW: where the brackets of the stage before ended, by task
}

// rank trains AdamW, as it is tuned for the small task, and all rules.
func (f *funnel) rank(ctx context.Context, p *pool.Pool, entrants []Entrant) (Ranking, error) {
	n := len(f.of)
	trained := make([]Trained, (1+len(entrants))*n)
	what := fmt.Sprintf("%d rules on tasks %d times as large", len(entrants), f.Factor)
	err := p.Do(ctx, what, len(trained), func(i int, run fitness.Runner) (err error) {
		id, rule, t := "", f.of[i%n].Base.Rule, i%n
		if i >= n {
			id, rule = entrants[i/n-1].ID, entrants[i/n-1].Genome.Canonical().Encode()
		}
		if trained[i], err = f.train(run, id, rule, t); err != nil {
			return fmt.Errorf("%s on %s: %w", rule, Name(f.of[t].Name, f.Factor), err)
		}
		return nil
	})
	if err != nil {
		return Ranking{}, err
	}
	r := Ranking{Factor: f.Factor, AdamW: trained[:n]}
	f.note("", r.AdamW)
	for t, task := range f.of {
		r.Tasks = append(r.Tasks, Name(task.Name, f.Factor))
		if r.AdamW[t].Diverged {
			return r, fmt.Errorf("AdamW diverges on %s: rules cannot be ranked by their lead over it", r.Tasks[t])
		}
	}
	for e, entrant := range entrants {
		runs := trained[(1+e)*n:][:n]
		f.note(entrant.ID, runs)
		r.Standings = append(r.Standings, f.standing(entrant, runs, r.AdamW))
	}
	slices.SortStableFunc(r.Standings, func(a, b Standing) int { return cmp.Compare(b.Score, a.Score) })
	return r, nil
}

// note keeps where the brackets of a rule ended.
func (f *funnel) note(id string, runs []Trained) {
	f.turns[id] = make([]int, len(runs))
	for t, run := range runs {
		f.turns[id][t] = run.Turn
	}
}

// train tunes the learning rate with the first seed, and runs the best with the others.
func (f *funnel) train(run fitness.Runner, id, rule string, t int) (Trained, error) {
	task := f.of[t]
	item := work.Item{Rule: rule, Task: Name(task.Name, f.Factor), Seed: 1, Decay: task.Base.Decay, Numerics: work.Numerics}
	turn := 0
	if turns := f.turns[id]; turns != nil {
		turn = turns[t]
	}
	tuned, err := fitness.Tune(run, item, task.Base, turn)
	out := Trained{Turn: tuned.Turn, LR: tuned.LR, Diverged: tuned.LR == 0}
	if err != nil || out.Diverged {
		return out, err
	}
	out.Losses, item.LR = []float64{tuned.Loss}, tuned.LR
	for ; item.Seed < uint64(f.Seeds) && !out.Diverged; item.Seed++ {
		next := item
		next.Seed++
		o, err := run(next)
		if err != nil {
			return out, err
		}
		out.Losses, out.Diverged = append(out.Losses, fitness.Loss(o)), o.Diverged
	}
	if out.Diverged {
		out.Losses = nil
	}
	return out, nil
}

// standing is what a rule's runs are worth.
func (f *funnel) standing(e Entrant, runs, adamw []Trained) Standing {
	s := Standing{ID: e.ID, Rule: e.Genome.Canonical().Encode(), Runs: runs}
	for t, run := range runs {
		score := fitness.Worst
		if !run.Diverged {
			base := f.of[t].Base
			base.Losses, score = adamw[t].Losses, 0
			for i, loss := range run.Losses {
				score += base.Score(uint64(i+1), loss) / float64(len(run.Losses))
			}
		}
		s.Scores = append(s.Scores, score)
	}
	s.Score = fitness.Total(s.Scores)
	return s
}

// kept are the best of a ranking, in the order in which they came.
func (f *funnel) kept(r Ranking, entrants []Entrant) []Entrant {
	best := map[string]bool{}
	for _, s := range r.Standings[:min(f.Keep, len(r.Standings))] {
		best[s.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(entrants), func(e Entrant) bool { return !best[e.ID] })
}
