package archive

import (
	"database/sql"
	"errors"
	"fmt"
	"iter"

	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/genome"
)

// Append adds the next birth. It lasts from the next [Archive.Commit] on.
func (a *Archive) Append(b evolve.Birth) error {
	if b.Index != a.next {
		return fmt.Errorf("%s: birth %d after birth %d", a.path, b.Index, a.next-1)
	}
	err := a.exec("INSERT INTO births VALUES (?, ?, ?, ?)", b.Index, b.Parent, b.Form[:], b.Genome)
	if r := b.Result; err == nil && len(r.Scores) > 0 {
		err = a.exec("INSERT INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?)", b.Index, r.Rule, int64(r.Seed), floats(r.Scores), turns(r.Turns), floats(r.LRs), r.Runs)
	}
	if err == nil {
		a.next++
	}
	return err
}

// Each walks over the births from one on in order, with their results if they were evaluated. Islands are not set.
func (a *Archive) Each(from int) (iter.Seq[evolve.Birth], *error) {
	rungs, rungsErr := a.rungs()
	rows, failed := a.query(`SELECT id, parent, form, genome, rule, seed, scores, turns, lrs, runs
		FROM births LEFT JOIN evaluations ON birth = id WHERE id >= ? ORDER BY id`, from)
	return func(yield func(evolve.Birth) bool) {
		if *failed = rungsErr; rungsErr != nil {
			return
		}
		for r := range rows {
			b, err := scan(r, rungs)
			if err != nil {
				*failed = fmt.Errorf("%s: birth %d: %w", a.path, b.Index, err)
				return
			}
			if !yield(b) {
				return
			}
		}
	}, failed
}

// rungs are those of the search.
func (a *Archive) rungs() ([][]string, error) {
	h, err := a.Header()
	if err != nil {
		return nil, err
	}
	c, err := a.spec(h)
	return c.Rungs, err
}

func scan(r *sql.Rows, rungs [][]string) (b evolve.Birth, err error) {
	var form, scores, turn, lrs []byte
	var rule sql.NullString
	var seed, runs sql.NullInt64
	if err := r.Scan(&b.Index, &b.Parent, &form, &b.Genome, &rule, &seed, &scores, &turn, &lrs, &runs); err != nil {
		return b, err
	}
	if len(form) != len(b.Form) || len(scores)%8 != 0 || len(lrs) != len(scores) || len(turn)*8 != len(scores) || max(len(b.Genome), len(rule.String)) > longestRule {
		return b, errors.New("the row is damaged")
	}
	copy(b.Form[:], form)
	if rule.Valid {
		b.Result = evolve.Result{Rule: rule.String, Seed: uint64(seed.Int64), Scores: unfloats(scores), Turns: unturns(turn), LRs: unfloats(lrs), Runs: int(runs.Int64)}
		if err := b.Result.Check(rungs); err != nil {
			return b, fmt.Errorf("the result is damaged: %w", err)
		}
	}
	return b, nil
}

// Birth is one of the births.
func (a *Archive) Birth(id int) (evolve.Birth, error) {
	if id < 0 || id >= a.next {
		return evolve.Birth{}, fmt.Errorf("%s has no birth %d: they are 0 to %d", a.path, id, a.next-1)
	}
	each, err := a.Each(id)
	for b := range each {
		return b, nil
	}
	return evolve.Birth{}, *err
}

// Evaluated are the births that have been evaluated, in order.
func (a *Archive) Evaluated() ([]int, error) {
	var out []int
	rows, failed := a.query("SELECT birth FROM evaluations WHERE birth < ? ORDER BY birth", a.next)
	for r := range rows {
		var birth int
		*failed = r.Scan(&birth)
		out = append(out, birth)
	}
	return out, *failed
}

// Results are the evaluations so far, by birth. Those of births that a search has added since the archive was opened are not among them.
func (a *Archive) Results() (iter.Seq2[int, evolve.Result], *error) {
	rungs, rungsErr := a.rungs()
	rows, failed := a.query("SELECT birth, 0, zeroblob(32), '', rule, seed, scores, turns, lrs, runs FROM evaluations JOIN births ON id = birth WHERE id < ? ORDER BY birth", a.next)
	return func(yield func(int, evolve.Result) bool) {
		if *failed = rungsErr; rungsErr != nil {
			return
		}
		for r := range rows {
			b, err := scan(r, rungs)
			if err != nil {
				*failed = fmt.Errorf("%s: evaluation of birth %d: %w", a.path, b.Index, err)
				return
			}
			if !yield(b.Index, b.Result) {
				return
			}
		}
	}, failed
}

// Forms are all forms that have been evaluated, on rungs of tasks, the best first.
func (a *Archive) Forms(rungs [][]string) ([]*evolve.Form, error) {
	by := map[string]*evolve.Form{}
	results, failed := a.Results()
	var all []*evolve.Form
	for birth, r := range results {
		f := by[r.Rule]
		if f == nil {
			f = evolve.NewForm(r.Rule, birth)
			by[r.Rule], all = f, append(all, f)
		}
		f.Add(r, rungs)
	}
	if *failed != nil {
		return nil, *failed
	}
	if err := a.countBirths(all); err != nil {
		return nil, err
	}
	evolve.Sort(all)
	return all, nil
}

// countBirths sets how often each form was born.
func (a *Archive) countBirths(forms []*evolve.Form) error {
	by := map[genome.Key]*evolve.Form{}
	for _, f := range forms {
		by[f.Key] = f
	}
	rows, failed := a.query("SELECT form, count(*) FROM births GROUP BY form")
	for r := range rows {
		var form []byte
		var n int
		if err := r.Scan(&form, &n); err != nil {
			return describe(a.path, err)
		}
		var key genome.Key
		copy(key[:], form)
		if f := by[key]; f != nil {
			f.Births = n
		}
	}
	return *failed
}

// Lineage is a birth and its ancestors, the start last.
func (a *Archive) Lineage(id int) ([]evolve.Birth, error) {
	var line []evolve.Birth
	for id >= 0 {
		b, err := a.Birth(id)
		if err != nil {
			return nil, err
		}
		line = append(line, b)
		if b.Parent >= id {
			return nil, fmt.Errorf("%s is damaged: birth %d has the parent %d", a.path, id, b.Parent)
		}
		id = b.Parent
	}
	return line, nil
}
