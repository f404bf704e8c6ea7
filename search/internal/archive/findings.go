package archive

import (
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"github.com/optc-lang/optc/search/internal/work"
)

// Tested is the kind of finding that sealed tests are. Each is a look at tasks that nothing may be chosen by, and looks are counted.
const Tested = "sealed test"

// Finding is what has been found out of a birth's rule.
type Finding struct {
	Birth  int
	Kind   string
	Result string // JSON
}

// Find keeps what has been found out of a birth's rule, and commits.
func (a *Archive) Find(birth int, kind string, result any) error {
	text, err := json.Marshal(result)
	if err != nil {
		return err
	}
	if err := a.exec("INSERT INTO findings (birth, kind, result) VALUES (?, ?, ?)", birth, kind, string(text)); err != nil {
		return err
	}
	return a.Commit()
}

// Found sets result to what was found out last, and returns how often something of the kind was: of one birth, or of any if
// birth is negative. Of any birth, sealed tests count whose results are gone, too: see [Archive.Lost].
func (a *Archive) Found(birth int, kind string, result any) (times int, err error) {
	var last Finding
	for f, err := range a.findings(" WHERE kind = ? AND (birth = ? OR ? < 0)", kind, birth, birth) {
		if err != nil {
			return 0, err
		}
		last = f
		times++
	}
	if times > 0 && result != nil {
		if err := json.Unmarshal([]byte(last.Result), result); err != nil {
			return times, fmt.Errorf("%s is damaged: what was found out of birth %d, %.100q: %w", a.path, last.Birth, kind, err)
		}
	}
	if birth >= 0 || kind != Tested {
		return times, nil
	}
	lost, err := a.Lost()
	return times + lost, err
}

// Findings are all, in order.
func (a *Archive) Findings() iter.Seq2[Finding, error] { return a.findings("") }

func (a *Archive) findings(where string, args ...any) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		rows, failed := a.query("SELECT birth, kind, result FROM findings"+where+" ORDER BY id", args...)
		for r := range rows {
			var f Finding
			err := r.Scan(&f.Birth, &f.Kind, &f.Result)
			if err != nil {
				err = describe(a.path, err)
			}
			if !yield(f, err) {
				return
			}
		}
		if *failed != nil {
			yield(Finding{}, *failed)
		}
	}
}

// split is what tells the sealed tests of a task apart: it is drawn from the archive as it was and from the rule.
type split struct {
	Task  string
	Split uint64
}

// Lost is the number of sealed tests whose training runs are there, and whose result is not: it was taken away, or the test was broken
// off and not gone on with. Whoever ran them may have seen what they came to.
func (a *Archive) Lost() (int, error) {
	told := map[split]bool{}
	for f, err := range a.findings(" WHERE kind = ?", Tested) {
		var r struct{ Rows []split }
		if err == nil {
			err = json.Unmarshal([]byte(f.Result), &r)
		}
		if err != nil {
			return 0, fmt.Errorf("%s: the result of a sealed test: %w", a.path, err)
		}
		for _, row := range r.Rows {
			told[row] = true
		}
	}
	most, by := 0, map[string]int{}
	rows, failed := a.query(`SELECT item FROM runs WHERE item LIKE '%"Test":true%'`)
	for r := range rows {
		var text string
		var of split
		if *failed = r.Scan(&text); *failed == nil {
			*failed = json.Unmarshal([]byte(text), &of)
		}
		if !told[of] {
			told[of] = true
			by[of.Task]++
			most = max(most, by[of.Task])
		}
	}
	if *failed != nil {
		return 0, fmt.Errorf("%s: a run of a sealed test: %w", a.path, *failed)
	}
	return most, nil
}

// Run is a training run of simplification or of a test.
type Run struct {
	Item    work.Item
	Outcome work.Outcome
}

// CountRuns is the number of training runs of simplification and of tests.
func (a *Archive) CountRuns() (n int, err error) {
	err = rowOf(a.newest(), "SELECT count(*) FROM runs", nil, &n)
	return n, describe(a.path, err)
}

// Runs are the training runs of simplification and of tests, in the order of their keys.
func (a *Archive) Runs() iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		rows, failed := a.query("SELECT key, item, outcome FROM runs ORDER BY key")
		for r := range rows {
			var key []byte
			var item, outcome string
			var run Run
			err := r.Scan(&key, &item, &outcome)
			if err == nil {
				run, err = readRun(work.Key(padded(key)), item, outcome)
			}
			if err != nil {
				err = fmt.Errorf("%s is damaged: %w", a.path, err)
			}
			if !yield(run, err) {
				return
			}
		}
		if *failed != nil {
			yield(Run{}, *failed)
		}
	}
}

// padded is a key of the right length, which is nobody's if the one that is given was not.
func padded(key []byte) (k [sha256.Size]byte) {
	if len(key) == len(k) {
		copy(k[:], key)
	}
	return k
}

// readRun reads a training run that is kept. Its key is the digest of its item.
func readRun(key work.Key, item, outcome string) (r Run, err error) {
	if sha256.Sum256([]byte(item)) != key {
		return r, fmt.Errorf("a training run is kept under another key than its own: %.200s", item)
	}
	if err := json.Unmarshal([]byte(item), &r.Item); err != nil {
		return r, fmt.Errorf("a training run: %w: %.200s", err, item)
	}
	if err := json.Unmarshal([]byte(outcome), &r.Outcome); err != nil {
		return r, fmt.Errorf("an outcome: %w: %.200s", err, outcome)
	}
	o := r.Outcome
	if o.Steps == 0 && !o.Diverged || o.Steps < 0 || o.Train < 0 || o.Valid < 0 || o.Test < 0 || o.Size < 0 || o.Diverged && o.Train+o.Valid+o.Test != 0 {
		return r, fmt.Errorf("no training run comes to %.200s", outcome)
	}
	return r, nil
}

// Get finds the outcome of a training run of simplification or of a test.
func (a *Archive) Get(key work.Key) (out work.Outcome, ok bool, err error) {
	var item, outcome string
	err = rowOf(a.newest(), "SELECT item, outcome FROM runs WHERE key = ?", []any{key[:]}, &item, &outcome)
	if errors.Is(err, sql.ErrNoRows) {
		return out, false, nil
	}
	if err != nil {
		return out, false, describe(a.path, err)
	}
	r, err := readRun(key, item, outcome)
	if err != nil {
		return out, false, fmt.Errorf("%s is damaged: %w", a.path, err)
	}
	return r.Outcome, true, nil
}

// Put keeps an outcome. It lasts from the next [Archive.Commit] on.
func (a *Archive) Put(key work.Key, item work.Item, out work.Outcome) error {
	said, err := json.Marshal(item)
	if err != nil {
		return err
	}
	came, err := json.Marshal(out)
	if err != nil {
		return err
	}
	return a.exec("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", key[:], string(said), string(came))
}

// newest sees what is not committed yet.
func (a *Archive) newest() querier {
	if a.tx != nil {
		return a.tx
	}
	return a.db
}
