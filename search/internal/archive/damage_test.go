package archive

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"math"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/optc-lang/optc/search/internal/evolve"
	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/work"
)

// made is a new archive of a search on three tasks.
func made(t *testing.T, path string) *Archive {
	t.Helper()
	spec := `{"Starts": ["g"], "Rungs": [["bowl", "phishing"], ["digits"]], "Islands": 1}`
	a, err := Create(path, Header{Spec: spec, Baselines: fitness.Table(nil), Numerics: work.Numerics})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// filled is the file of an archive of a few births.
func filled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.db")
	a := made(t, path)
	for i := range 20 {
		r := evolve.Result{Rule: "g =0", Seed: uint64(i + 1), Scores: []float64{1, -1}, Turns: []int{0, 0}, LRs: []float64{.1, .1}, Runs: 6}
		if err := a.Append(evolve.Birth{Index: i, Parent: i - 1, Genome: "g =0", Result: r}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(a.Tell(Event{0, "gradient descent", "gradient descent"}), a.Find(0, "ranked", 1), a.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// change does queries to an archive, or to what it is now.
func change(t *testing.T, path string, queries ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.ToSlash(path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, q := range queries {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(q, err)
		}
	}
}

// look asks an archive for all that it can be asked for.
func look(path string) error {
	a, err := Read(path)
	if err != nil {
		return err
	}
	defer a.Close()
	c, _, err := a.Config()
	if err != nil {
		return err
	}
	_, hall := a.Forms(c.Rungs)
	_, digest := a.Digest(a.Births())
	_, line := a.Lineage(a.Births() - 1)
	_, events := a.Events()
	_, found := a.Found(-1, "ranked", nil)
	_, cpu := a.CPU(1)
	return errors.Join(hall, digest, line, events, found, cpu)
}

// TestDamage holds that an archive that somebody has changed is refused at a look, before it costs memory or time.
func TestDamage(t *testing.T) {
	if err := look(filled(t)); err != nil {
		t.Fatal(err)
	}
	const long = "CAST(zeroblob(20000000) AS TEXT)"
	for query, want := range map[string]string{
		"UPDATE evaluations SET scores = zeroblob(8), turns = zeroblob(1), lrs = zeroblob(8) WHERE birth = 3": "no number of rungs",
		"UPDATE evaluations SET scores = zeroblob(800), turns = zeroblob(100), lrs = zeroblob(800)":           "no number of rungs",
		"UPDATE evaluations SET scores = zeroblob(0), turns = zeroblob(0), lrs = zeroblob(0)":                 "no number of rungs",
		"UPDATE evaluations SET runs = -9223372036854775807 - 1":                                              "training runs",
		"UPDATE evaluations SET turns = zeroblob(3)":                                                          "the row is damaged",
		"UPDATE meta SET value = replace(value, '\"Islands\": 1', '\"Islands\": 0') WHERE key = 'spec'":       "islands are 1 to",
		"UPDATE meta SET value = replace(value, '[\"g\"]', '[]') WHERE key = 'spec'":                          "needs a start",
		"UPDATE meta SET value = replace(value, '[\"g\"]', '[\"exp(g)\"]') WHERE key = 'spec'":                "start: ",
		"UPDATE meta SET value = replace(value, '[\"digits\"]', '[]') WHERE key = 'spec'":                     "a rung without a task",
		"UPDATE meta SET value = '{' WHERE key = 'spec'":                                                      "its spec",
		"UPDATE meta SET value = " + long + " WHERE key = 'spec'":                                             "is damaged",
		"UPDATE meta SET value = " + long + " WHERE key = 'format'":                                           "is damaged",
		"UPDATE births SET genome = hex(zeroblob(100000)) WHERE id = 5":                                       "the row is damaged",
		"UPDATE births SET genome = " + long + " WHERE id = 5":                                                "is damaged",
		"UPDATE births SET form = zeroblob(20000000) WHERE id = 5":                                            "is damaged",
		"UPDATE births SET parent = 19 WHERE id = 5":                                                          "has the parent 19",
		"UPDATE evaluations SET rule = " + long + " WHERE birth = 5":                                          "is damaged",
		"UPDATE events SET text = hex(zeroblob(100000))":                                                      "is damaged",
		"UPDATE events SET text = " + long + "":                                                               "is damaged",
		"UPDATE findings SET result = " + long + "":                                                           "is damaged",
		"DROP TABLE events; CREATE VIEW events AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id, 0 AS birth, 'k' AS kind, 't' AS text FROM n": "the view \"events\"",
		"DROP TABLE meta; CREATE VIEW meta AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT 'format' AS key, 'x' AS value FROM n WHERE 0":        "no archive",
	} {
		path := filled(t)
		change(t, path, query)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := time.Now()
		err := look(path)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 2000 {
			t.Errorf("%s: %.1000v", query, err)
		}
		if took, taken := time.Since(begun), after.TotalAlloc-before.TotalAlloc; took > 5*time.Second || taken > 300<<20 {
			t.Errorf("%s: it took %v and %d MB", query, took, taken>>20)
		}
	}
}

// TestOlder holds that a search of which less was asked, by an earlier version, can be looked at.
func TestOlder(t *testing.T) {
	if err := look(filled(t)); err != nil { // its spec has no symmetry and no repeats
		t.Error(err)
	}
}

// TestGuard holds that a driver that panics is an error of the file.
func TestGuard(t *testing.T) {
	err := describe("a.db", guard(func() error { panic("sqlite3: out of memory") }))
	if err == nil || !strings.HasPrefix(err.Error(), "a.db is damaged: ") || !strings.Contains(err.Error(), "out of memory") {
		t.Error(err)
	}
}

// TestScores holds that what is no score is refused.
func TestScores(t *testing.T) {
	for _, score := range []float64{math.NaN(), math.Inf(1), 1.6, -6.1} {
		path := filled(t)
		db, err := sql.Open("sqlite3", "file:"+filepath.ToSlash(path))
		if err == nil {
			_, err = db.Exec("UPDATE evaluations SET scores = ? || substr(scores, 9)", binary.LittleEndian.AppendUint64(nil, math.Float64bits(score)))
		}
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		if err := look(path); err == nil || !strings.Contains(err.Error(), "score 1") {
			t.Errorf("%v: %v", score, err)
		}
	}
}
