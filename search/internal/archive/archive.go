// Package archive keeps a search in a file: what it was asked, every birth in order, and what each evaluation came to.
//
// In come births as they are settled; out come the same again, to resume from, and what is asked of them. The population, the
// hall of fame and every count follow from these rows, so nothing else is kept of a search under way, and a process that dies
// loses only births that were not committed, which the next one makes anew. A file is one SQLite database in WAL mode:
// others may read it while a search writes. Times of day and of processors stand apart and are no part of the digest.
package archive

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/gofrs/flock"

	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
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
