package archive

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
)

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

// bounded lets a connection neither read nor write what is longer than any search makes: it would be held in memory several times.
func bounded(c *sqlite3.Conn) error {
	c.Limit(sqlite3.LIMIT_LENGTH, longest)
	return nil
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
