// Package archive keeps a search in a file: what it was asked, every birth in order, and what each evaluation came to.
//
// In come births as they are settled; out come the same again, to resume from, and what is asked of them. The population, the
// hall of fame and every count follow from these rows, so nothing else is kept of a search under way, and a process that dies
// loses only births that were not committed, which the next one makes anew. A file is one SQLite database in WAL mode:
// others may read it while a search writes. Times of day and of processors stand apart and are no part of the digest.
package archive

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/work"
)

// format is the version of the tables.
const format = "optc search archive 1"

const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE births (
  id     INTEGER PRIMARY KEY, -- from 0, in order
  parent INTEGER NOT NULL,    -- the birth that it is a mutant of, -1 for a start
  form   BLOB NOT NULL,       -- digest of the canonical form
  genome TEXT NOT NULL        -- with what nothing reads
);
CREATE TABLE evaluations (
  birth  INTEGER PRIMARY KEY,
  rule   TEXT NOT NULL,       -- the canonical form
  seed   INTEGER NOT NULL,
  scores BLOB NOT NULL,       -- by task, float64, in the order of the rungs
  turns  BLOB NOT NULL,       -- by task, one byte
  lrs    BLOB NOT NULL,       -- by task, float64
  runs   INTEGER NOT NULL
);
CREATE TABLE events (id INTEGER PRIMARY KEY, birth INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE progress (births INTEGER PRIMARY KEY, cpu REAL NOT NULL); -- seconds of processors until so many births
CREATE TABLE findings (id INTEGER PRIMARY KEY, birth INTEGER NOT NULL, kind TEXT NOT NULL, result TEXT NOT NULL); -- JSON
CREATE TABLE runs (key BLOB PRIMARY KEY, item TEXT NOT NULL, outcome TEXT NOT NULL) WITHOUT ROWID; -- of simplification and tests
`

// Archive is an open file.
type Archive struct {
	db   *sql.DB
	tx   *sql.Tx // what is not committed yet
	path string
	lock *flock.Flock // held by the one who searches
	file os.FileInfo  // what was opened, of an archive that a search is written to
	gone bool         // it is not there any more
	next int          // the birth that is to be appended
	kept int          // births that are committed
}

// Header is what a search depends on.
type Header struct {
	Spec      string // as text
	Baselines string // fitness.Table
	Numerics  string
	Tasks     string // what tasks of one's own are, a line each
}

// ErrNone is the error of a file that is not there.
var ErrNone = errors.New("there is no archive")

// Create makes a new archive, which must not be there yet.
func Create(path string, h Header) (*Archive, error) {
	if _, err := os.Stat(path); err == nil {
		return nil, fmt.Errorf("%s is there already", path)
	}
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("%s: there is no folder %s", path, filepath.Dir(path))
	}
	part := fmt.Sprintf("%s.%d-%d.new", path, os.Getpid(), rand.Uint32())
	if err := create(part, h); err != nil {
		return nil, errors.Join(describe(path, err), os.Remove(part))
	}
	err := place(part, path)
	os.Remove(part)
	switch {
	case errors.Is(err, os.ErrExist):
		return nil, fmt.Errorf("%s: another process has just begun it; look at it, as with optc search status, or begin another archive", path)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return Claim(path)
}

// place gives a file its name, unless there is one of that name. A link, unlike a renaming, takes no file's place. Where there are
// none, as on some drives and network folders, an empty file holds the name until the renaming.
func place(part, path string) error {
	err := link(part, path)
	if err == nil || errors.Is(err, os.ErrExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), os.Rename(part, path)); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

var link = os.Link // of tests

// create makes a whole archive of one file.
func create(path string, h Header) error {
	db, err := driver.Open(source(path, creating), bounded)
	if err != nil {
		return err
	}
	_, err = db.Exec(schema)
	for _, kv := range [][2]string{{"format", format}, {"spec", h.Spec}, {"baselines", h.Baselines}, {"numerics", h.Numerics}, {"tasks", h.Tasks}} {
		if err == nil {
			_, err = db.Exec("INSERT INTO meta VALUES (?, ?)", kv[0], kv[1])
		}
	}
	return errors.Join(err, db.Close())
}

// Claim opens an archive to add births to it, which one process at a time may do.
func Claim(path string) (*Archive, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w %s", ErrNone, path)
	}
	lock, err := hold(path)
	if err != nil {
		return nil, err
	}
	a, err := Open(path)
	if err != nil {
		return nil, errors.Join(err, release(lock))
	}
	a.lock = lock
	if a.file, err = os.Stat(path); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// hold locks the file PATH-lock. The lock ends with the process at the latest.
func hold(path string) (*flock.Flock, error) {
	lock := flock.New(path + "-lock")
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !held {
		return nil, fmt.Errorf("%s: another process searches with it; until it ends one can look at it, as with optc search status", path)
	}
	// Who held it before may have taken the file away after it was opened here.
	mine, err := lock.Stat()
	there, gone := os.Stat(lock.Path())
	if err == nil && gone == nil && os.SameFile(mine, there) {
		return lock, nil
	}
	if err := errors.Join(err, lock.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return hold(path)
}

// release takes the lock's file away, where an open file can be; one that is left harms nobody.
func release(lock *flock.Flock) error {
	os.Remove(lock.Path())
	return lock.Close()
}

// Open opens an archive to add to it what is no birth.
func Open(path string) (*Archive, error) {
	looked, err := Read(path) // before anything is changed of what may be no archive
	if err != nil {
		return nil, err
	}
	if err := looked.Close(); err != nil {
		return nil, err
	}
	return open(path, writing)
}

// Read opens an archive to look at, which a search may be writing.
func Read(path string) (*Archive, error) {
	// SQLite needs the right to write beside a file in WAL mode, if only to read it, and tidies up when the last one closes it.
	if f, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
		f.Close()
		if beside, err := os.CreateTemp(filepath.Dir(path), ".optc-*"); err == nil {
			beside.Close()
			return open(path, reading, os.Remove(beside.Name()))
		}
	}
	return readFrozen(path)
}

// readFrozen opens an archive that must not be written. As it stands it is whole if nothing is left in the file of what is newest
// beside it; what is there can be read where the index of it may be written.
func readFrozen(path string) (*Archive, error) {
	newest, err := os.Stat(path + "-wal")
	if err != nil || newest.Size() == 0 {
		return open(path, frozen)
	}
	a, err := open(path, guarded)
	if errors.Is(err, sqlite3.CANTOPEN) || errors.Is(err, sqlite3.READONLY) {
		return nil, fmt.Errorf("%[1]s is being written (%[1]s-wal), or was when its search was broken off, and the newest births cannot be read without the right to write in its folder: have it granted, or, when no search is under way, copy %[1]s and %[1]s-wal into a folder of your own and read the copy", path)
	}
	return a, err
}

// The parameters of a connection.
const (
	creating = "mode=rwc"
	writing  = "mode=rw&_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)&_pragma=synchronous(normal)"
	reading  = "mode=rw&_pragma=busy_timeout(10000)&_pragma=query_only(true)"
	guarded  = "mode=ro&vfs=optc-looking&_pragma=busy_timeout(10000)&_pragma=query_only(true)"
	frozen   = "mode=ro&immutable=1"
)

// The longest text of an archive, and the longest of a rule or a name.
const (
	longest     = 16 << 20
	longestRule = 1 << 16
)

// bounded lets a connection neither read nor write what is longer than any search makes: it would be held in memory several times.
func bounded(c *sqlite3.Conn) error {
	c.Limit(sqlite3.LIMIT_LENGTH, longest)
	return nil
}

// guard does something with the driver, which panics where a damaged file makes it ask for memory without end.
func guard(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %.200v", errPanic, r)
		}
	}()
	return do()
}

var errPanic = errors.New("the database panics")

// row reads one row of what is committed.
func (a *Archive) row(query string, args []any, to ...any) error {
	return rowOf(a.db, query, args, to...)
}

// querier is what rows are read from.
type querier interface {
	QueryRow(query string, args ...any) *sql.Row
}

func rowOf(q querier, query string, args []any, to ...any) error {
	return guard(func() error { return q.QueryRow(query, args...).Scan(to...) })
}

func open(path, parameters string, before ...error) (*Archive, error) {
	if err := errors.Join(before...); err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w %s", ErrNone, path)
	} else if err != nil {
		return nil, err
	} else if info.IsDir() {
		return nil, fmt.Errorf("%s is a folder, not an archive", path)
	}
	db, err := driver.Open(source(path, parameters), bounded)
	if err != nil {
		return nil, err
	}
	a := &Archive{db: db, path: path}
	if err := a.check(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return a, nil
}

func (a *Archive) check() error {
	if err := a.checkFormat(); err != nil {
		return err
	}
	if err := a.checkSchema(); err != nil {
		return err
	}
	var first, last sql.NullInt64
	var births int64
	if err := a.row("SELECT min(id), max(id), count(*) FROM births", nil, &first, &last, &births); err != nil {
		return describe(a.path, err)
	}
	if births > 0 && (first.Int64 != 0 || last.Int64 != births-1) {
		return fmt.Errorf("%s is damaged: it has %d births, numbered from %d to %d", a.path, births, first.Int64, last.Int64)
	}
	a.next = int(births)
	a.kept = a.next
	return nil
}

// checkFormat refuses what is no archive, or one of another version. It reads from the table that it should, or not at all.
func (a *Archive) checkFormat() error {
	var statement, found string
	err := a.row("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'meta'", nil, &statement)
	if err == nil && schemaOf(statement)["meta"] != schemaOf(schema)["meta"] {
		err = errors.New("its table meta is another")
	}
	if err == nil {
		err = a.row("SELECT value FROM meta WHERE key = 'format'", nil, &found)
	}
	switch {
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.TOOBIG), errors.Is(err, errPanic):
		return describe(a.path, err)
	case err != nil:
		return fmt.Errorf("%s is no archive of a search: %w", a.path, err)
	case found != format:
		return fmt.Errorf("%s is of the format %.100q, this program reads %q", a.path, found, format)
	}
	return nil
}

// source is the name of a file for the driver.
func source(path, parameters string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), RawQuery: parameters}
	return u.String()
}

// describe says what the user can do about an error.
func describe(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sqlite3.IOERR):
		return fmt.Errorf("%s cannot be read or written; is the disk full? What is committed is safe: %w", path, err)
	case errors.Is(err, sqlite3.FULL):
		return fmt.Errorf("%s: the disk is full; what is committed is safe: make room and go on: %w", path, err)
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED):
		return fmt.Errorf("%s: another process writes it: %w", path, err)
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB), errors.Is(err, sqlite3.TOOBIG), errors.Is(err, errPanic):
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// Close commits and closes.
func (a *Archive) Close() error {
	err := errors.Join(a.Commit(), a.db.Close())
	if a.lock != nil {
		err = errors.Join(err, release(a.lock))
	}
	return err
}

// Path is the file's.
func (a *Archive) Path() string { return a.path }

// Births is the number of births.
func (a *Archive) Births() int { return a.next }

// Header is what the search depends on.
func (a *Archive) Header() (h Header, err error) {
	for key, to := range map[string]*string{"spec": &h.Spec, "baselines": &h.Baselines, "numerics": &h.Numerics, "tasks": &h.Tasks} {
		if err := a.row("SELECT value FROM meta WHERE key = ?", []any{key}, to); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return h, describe(a.path, fmt.Errorf("%s: %w", key, err))
		}
	}
	return h, nil
}

// Config is what the search depends on, for this program's arithmetic.
func (a *Archive) Config() (c evolve.Config, base map[string]fitness.Baseline, err error) {
	h, err := a.Header()
	if err != nil {
		return c, nil, err
	}
	if h.Numerics != work.Numerics {
		return c, nil, fmt.Errorf("%s is of the numerics %.100q, this program computes in %q: their results must not be mixed", a.path, h.Numerics, work.Numerics)
	}
	if c, err = a.spec(h); err != nil {
		return c, nil, err
	}
	if base, err = fitness.ReadTable(h.Baselines); err != nil {
		return c, nil, fmt.Errorf("%s: %.500v", a.path, err)
	}
	return c, base, nil
}

// spec reads what was asked of a search, as far as whoever looks at it relies on it: an earlier version's may say less than a search needs.
func (a *Archive) spec(h Header) (c evolve.Config, err error) {
	if err = json.Unmarshal([]byte(h.Spec), &c); err == nil {
		err = c.Shape()
	}
	if err != nil {
		err = fmt.Errorf("%s is damaged: its spec: %.500v", a.path, err)
	}
	return c, err
}

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

// exec changes something in the transaction that is under way.
func (a *Archive) exec(query string, args ...any) (err error) {
	if a.tx == nil {
		if a.tx, err = a.db.Begin(); err != nil {
			return describe(a.path, err)
		}
	}
	tx := a.tx
	if err = guard(func() error { _, err := tx.Exec(query, args...); return err }); err != nil {
		err = errors.Join(err, a.tx.Rollback())
		a.tx, a.next = nil, a.kept
	}
	return describe(a.path, err)
}

// Commit makes what has been appended last.
func (a *Archive) Commit() error {
	if a.tx == nil {
		return nil
	}
	tx := a.tx
	a.tx = nil
	if err := a.there(); err != nil || a.gone {
		a.next = a.kept
		said := a.gone // once is enough
		if a.gone = true; said {
			err = nil
		}
		return errors.Join(err, tx.Rollback())
	}
	if err := guard(tx.Commit); err != nil {
		a.next = a.kept
		return describe(a.path, err)
	}
	a.kept = a.next
	return nil
}

// there refuses to write on into a file that has no name any more: all would be lost when the search ends.
func (a *Archive) there() error {
	if a.file == nil {
		return nil
	}
	now, err := os.Stat(a.path)
	if err == nil && os.SameFile(now, a.file) {
		return nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil // a folder that does not answer may do so again
	}
	return fmt.Errorf("%s is not there any more, or is another file: it was removed or renamed while a search wrote it, and what is found from now on would be lost; begin again", a.path)
}

// Event is a known rule that was met at a birth for the first time.
type Event struct {
	Birth      int
	Kind, Text string // the rule's name, and it with its constants
}

// Tell adds an event.
func (a *Archive) Tell(e Event) error {
	return a.exec("INSERT INTO events (birth, kind, text) VALUES (?, ?, ?)", e.Birth, e.Kind, e.Text)
}

// Events lists the events in order.
func (a *Archive) Events() ([]Event, error) {
	var out []Event
	rows, err := a.query("SELECT birth, kind, text FROM events ORDER BY id")
	for r := range rows {
		var e Event
		if *err = r.Scan(&e.Birth, &e.Kind, &e.Text); *err == nil && max(len(e.Kind), len(e.Text)) > longestRule {
			*err = fmt.Errorf("%s is damaged: the event of birth %d has %d characters", a.path, e.Birth, max(len(e.Kind), len(e.Text)))
		}
		out = append(out, e)
	}
	return out, *err
}

// Spent notes how many seconds of processors the search has taken so far.
func (a *Archive) Spent(cpu float64) error {
	return a.exec("INSERT OR REPLACE INTO progress VALUES (?, ?)", a.next, cpu)
}

// CPU is the seconds of processors that the search had taken after so many births, or a little more.
func (a *Archive) CPU(births int) (float64, error) {
	var cpu sql.NullFloat64
	err := a.row("SELECT cpu FROM progress WHERE births >= ? ORDER BY births LIMIT 1", []any{births}, &cpu)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return cpu.Float64, describe(a.path, err)
}

// query walks over rows. The error is set when the walk ends.
func (a *Archive) query(text string, args ...any) (iter.Seq[*sql.Rows], *error) {
	failed := new(error)
	return func(yield func(*sql.Rows) bool) {
		var rows *sql.Rows
		err := guard(func() (err error) {
			rows, err = a.db.Query(text, args...)
			return err
		})
		if err != nil {
			*failed = describe(a.path, err)
			return
		}
		for *failed == nil && err == nil {
			more := false
			if err = guard(func() error { more = rows.Next(); return rows.Err() }); !more || !yield(rows) {
				break
			}
		}
		*failed = errors.Join(*failed, describe(a.path, err), guard(rows.Close))
	}, failed
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

// Digest is the SHA-256 of what the search depends on and of its first births with their results, as hexadecimal digits. Equal
// searches have equal digests, however and by however many workers they were done.
func (a *Archive) Digest(births int) (string, error) {
	if births > a.next {
		return "", fmt.Errorf("%s has %d births, not %d", a.path, a.next, births)
	}
	var last []byte
	err := a.digest(births, func(n int, sum func() []byte) {
		if n == births {
			last = sum()
		}
	})
	return hex.EncodeToString(last), err
}

// digest walks over so many births, and gives the digest before the first and after each.
func (a *Archive) digest(births int, after func(n int, sum func() []byte)) error {
	h, err := a.Header()
	if err != nil {
		return err
	}
	sum := sha256.New()
	write := func(of []byte) {
		sum.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(of))))
		sum.Write(of)
	}
	for _, part := range []string{format, h.Spec, h.Baselines, h.Numerics} {
		write([]byte(part))
	}
	if h.Tasks != "" {
		write([]byte(h.Tasks))
	}
	now := func() []byte { return sum.Sum(nil) }
	after(0, now)
	each, failed := a.Each(0)
	for b := range each {
		if b.Index == births {
			break
		}
		r := b.Result
		write(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(b.Index)), uint64(b.Parent)))
		for _, part := range [][]byte{b.Form[:], []byte(b.Genome), []byte(r.Rule), floats(r.Scores), turns(r.Turns), floats(r.LRs)} {
			write(part)
		}
		write(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, r.Seed), uint64(r.Runs)))
		after(b.Index+1, now)
	}
	return *failed
}

func floats(v []float64) []byte {
	out := make([]byte, 0, 8*len(v))
	for _, x := range v {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(x))
	}
	return out
}

func unfloats(b []byte) []float64 {
	var out []float64
	for ; len(b) >= 8; b = b[8:] {
		out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return out
}

// turns are within the bracket's reach, a few of them.
func turns(v []int) []byte {
	out := make([]byte, 0, len(v))
	for _, x := range v {
		out = append(out, byte(int8(x)))
	}
	return out
}

func unturns(b []byte) []int {
	var out []int
	for _, x := range b {
		out = append(out, int(int8(x)))
	}
	return out
}

// Size is the bytes of the file, with those that a search under way keeps beside it.
func (a *Archive) Size() (int64, error) {
	info, err := os.Stat(a.path)
	if err != nil {
		return 0, err
	}
	size := info.Size()
	if beside, err := os.Stat(a.path + "-wal"); err == nil {
		size += beside.Size()
	}
	return size, nil
}
