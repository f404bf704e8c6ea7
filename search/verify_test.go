package search

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/optc-lang/optc/search/internal/archive"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/pool"
	"github.com/optc-lang/optc/search/internal/sealed"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

// changed is a search whose archive is a copy that queries have changed, all with the same arguments.
func changed(t *testing.T, s Spec, queries []string, args ...any) Spec {
	t.Helper()
	s = damaged(t, s, "SELECT 1")
	db, err := sql.Open("sqlite3", "file:"+filepath.ToSlash(s.Archive))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i, q := range queries {
		of := args
		if i+1 < len(queries) {
			of = nil
		}
		if _, err := db.Exec(q, of...); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// refused holds that neither verify nor a search that goes on takes an archive.
func refused(t *testing.T, what string, s Spec, want string) {
	t.Helper()
	if v, err := Verify(context.Background(), s, 0, 1); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: verified as %+v, %v", what, v, err)
	}
	s.Budget = "1000evals"
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	s.Progress = func(p Progress) {
		if p.Resuming == 0 && p.Births > 0 {
			stop()
		}
	}
	if _, err := Run(ctx, s); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: gone on with, %v", what, err)
	}
}

// encoded are numbers as an archive keeps them.
func encoded(v ...float64) []byte {
	var out []byte
	for _, x := range v {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(x))
	}
	return out
}

// TestForged holds that results which nobody computed are seen without any training: behind the last one, and such as cannot be.
func TestForged(t *testing.T) {
	s := small(t, 40)
	run(t, s)
	const none = "(SELECT min(id) FROM births WHERE id > 20 AND id NOT IN (SELECT birth FROM evaluations))"
	for _, lag := range []string{"", "1"} {
		of := s
		if lag != "" {
			of = small(t, 40)
			of.Lag = 1
			run(t, of)
		}
		cut := []string{"DELETE FROM births WHERE id > " + none, "DELETE FROM evaluations WHERE birth > (SELECT max(id) FROM births)",
			"DELETE FROM events WHERE birth > (SELECT max(id) FROM births)", "DELETE FROM progress WHERE births > (SELECT max(id) FROM births)",
			"INSERT INTO evaluations SELECT max(id), 'g sign(0) square(1) =2', 1, ?, ?, ?, 10 FROM births"}
		bad := changed(t, of, cut, encoded(1.5, 1.5), []byte{0, 0}, encoded(.1, .1))
		refused(t, "a result at the end, lag "+lag, bad, "needed none")
	}
	middle := changed(t, s, []string{"INSERT INTO evaluations SELECT " + none + ", rule, seed, scores, turns, lrs, runs FROM evaluations WHERE birth = 0"})
	refused(t, "a result in between", middle, "needed none")
	const at = " WHERE birth = (SELECT birth FROM evaluations LIMIT 1 OFFSET 9)"
	for what, c := range map[string]struct {
		change, want string
		arg          []byte
	}{
		"runs below zero":      {"runs = -9223372036854775808", "training runs", nil},
		"a run too many":       {"runs = runs + 100", "training runs", nil},
		"a score out of range": {"scores = ? || substr(scores, 9)", "score 1 is 1.6", encoded(1.6)},
		"no score":             {"scores = ? || substr(scores, 9)", "score 1 is NaN", encoded(math.NaN())},
		"a learning rate":      {"lrs = ? || substr(lrs, 9)", "learning rate 1 is +Inf", encoded(math.Inf(1))},
		"one below zero":       {"lrs = ? || substr(lrs, 9)", "learning rate 1 is -1", encoded(-1)},
		"a turn":               {"turns = ? || substr(turns, 2)", "turn 100", []byte{100}},
		"further than it may":  {"scores = substr(scores, 1, 8) || ?, turns = zeroblob(2), lrs = substr(lrs, 1, 8) || substr(lrs, 1, 8)", "limit", encoded(1)},
	} {
		var args []any
		if c.arg != nil {
			args = []any{c.arg}
		}
		where := at
		if what == "further than it may" {
			where = " WHERE birth = (SELECT birth FROM evaluations WHERE length(turns) = 1 LIMIT 1 OFFSET 9)"
		}
		bad := changed(t, s, []string{"UPDATE evaluations SET " + c.change + where}, args...)
		refused(t, what, bad, c.want)
	}
}

// tested is a search with a sealed test in its archive, of made up training runs.
func tested(t *testing.T) Spec {
	t.Helper()
	s := small(t, 40)
	r := run(t, s)
	a, err := archive.Open(s.Archive)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	g, err := genome.Decode(r.Rules[0].Encoded)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := hex.DecodeString(r.Digest)
	if err != nil {
		t.Fatal(err)
	}
	c, err := sealed.Default(sealed.Rule{Name: "find", Genome: g}, [sha256.Size]byte(digest))
	if err != nil {
		t.Fatal(err)
	}
	made := func(i work.Item) (work.Outcome, error) {
		loss := 1 + i.LR + float64(len(i.Rule))/100
		out := work.Outcome{Train: loss, Valid: loss, Size: 1, Steps: 10}
		if i.Test {
			out.Test = loss
		}
		return out, nil
	}
	result, err := sealed.Run(context.Background(), &pool.Pool{Workers: 2, Run: made, Cache: a}, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Find(r.Rules[0].ID, archive.Tested, result); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestVerifyTests holds that a sealed test follows from its training runs, and those from nothing but themselves.
func TestVerifyTests(t *testing.T) {
	s := tested(t)
	v, err := Verify(context.Background(), s, 0, 1)
	if err != nil || v.Findings != 1 || v.Tests != 1 || v.Recalled != 1 || v.Lost != 0 || v.Runs < 1000 || v.RunsRepeated != 0 {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := Verify(context.Background(), s, 0.001, 1); err == nil || !strings.Contains(err.Error(), "done again it comes to") {
		t.Errorf("with training runs that were made up: %v", err)
	}
	const test = `json_extract(item, '$.Test')`
	for change, want := range map[string]string{
		"UPDATE findings SET result = json_set(result, '$.Versus[0].Wins', 25)":                              "does not follow from its training runs",
		"UPDATE findings SET result = json_set(result, '$.Archive', '" + strings.Repeat("00", 32) + "')":     "is not there",
		"UPDATE runs SET outcome = json_set(outcome, '$.Test', 1e-6) WHERE " + test:                          "does not follow from its training runs",
		"UPDATE runs SET outcome = json_set(outcome, '$.Test', -1) WHERE " + test:                            "no training run comes to",
		"UPDATE runs SET item = json_set(item, '$.LR', 0.5) WHERE " + test:                                   "another key",
		"UPDATE runs SET outcome = 'none' WHERE " + test:                                                     "an outcome",
		"DELETE FROM runs WHERE " + test:                                                                     "is not there",
		"UPDATE findings SET birth = 100000":                                                                 "findings of births that there are not",
		"UPDATE findings SET result = replace(result, 'Rows', 'Lines')":                                      "",
		"INSERT INTO findings SELECT NULL, birth, kind, json_set(result, '$.Candidate', 'me') FROM findings": "does not follow",
	} {
		bad := damaged(t, s, change)
		v, err := Verify(context.Background(), bad, 0, 1)
		if want == "" && (err != nil || v.Recalled != 0) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: verified as %+v, %v", change, v, err)
		}
	}
}

// TestLooks holds that a look at what is sealed counts, whether or not its result is still there.
func TestLooks(t *testing.T) {
	s := tested(t)
	for change, want := range map[string]int{
		"SELECT 1":             1,
		"DELETE FROM findings": 1,
		"INSERT INTO findings SELECT NULL, birth, kind, result FROM findings": 2,
	} {
		bad := damaged(t, s, change)
		a, err := archive.Read(bad.Archive)
		if err != nil {
			t.Fatal(err)
		}
		if looks, err := a.Found(-1, archive.Tested, nil); err != nil || looks != want {
			t.Errorf("%s: %d looks, not %d, %v", change, looks, want, err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	v, err := Verify(context.Background(), damaged(t, s, "DELETE FROM findings"), 0, 1)
	if err != nil || v.Lost != 1 {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestVerifyRuns holds that training runs are done again, those on tasks that are known here.
func TestVerifyRuns(t *testing.T) {
	s := small(t, 20)
	run(t, s)
	a, err := archive.Open(s.Archive)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		item := work.Item{Rule: "g =0", Task: "iris", Seed: uint64(i), LR: 0.01, Steps: 20, Numerics: work.Numerics, Test: i%2 == 0}
		out, err := work.Run(item, task.Builtin)
		if i == 11 {
			item.Task = "elsewhere"
		}
		if err == nil {
			err = a.Put(item.Key(), item, out)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := Verify(context.Background(), s, 1, 1)
	if err != nil || v.Runs != 12 || v.RunsRepeated != 11 || v.RunsUnknown != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	bad := damaged(t, s, "UPDATE runs SET outcome = json_set(outcome, '$.Valid', 0.25) WHERE json_extract(item, '$.Seed') = 3")
	if _, err := Verify(context.Background(), bad, 1, 1); err == nil || !strings.Contains(err.Error(), "with seed 3 is kept as") {
		t.Errorf("with another outcome: %v", err)
	}
}

// TestVerifyRest holds that events, times and tables are looked at, too.
func TestVerifyRest(t *testing.T) {
	s := small(t, 40)
	run(t, s)
	for change, want := range map[string]string{
		"UPDATE events SET text = 'Adam' WHERE id = 2":                                                "an event tells that it is",
		"UPDATE events SET kind = 'Adam' WHERE id = 2":                                                "an event tells that it is",
		"UPDATE events SET birth = birth + 1 WHERE id = (SELECT max(id) FROM events)":                 "an event tells",
		"UPDATE events SET birth = 100000 WHERE id = 2":                                               "events of births that there are not",
		"INSERT INTO events SELECT NULL, birth, kind, text FROM events":                               "or twice",
		"UPDATE progress SET births = 100000":                                                         "times of processors",
		"UPDATE progress SET cpu = -1":                                                                "times of processors",
		"UPDATE progress SET cpu = 'much'":                                                            "times of processors",
		"CREATE TRIGGER t AFTER INSERT ON births BEGIN DELETE FROM findings; END":                     "the trigger \"t\"",
		"CREATE INDEX i ON births (parent)":                                                           "the index \"i\"",
		"ALTER TABLE findings ADD COLUMN more TEXT":                                                   "the table \"findings\"",
		"DROP TABLE events":                                                                           "tables are missing",
		"DROP TABLE events; CREATE VIEW events AS SELECT 1 AS id, 0 AS birth, '' AS kind, '' AS text": "the view \"events\"",
	} {
		bad := damaged(t, s, change)
		if v, err := Verify(context.Background(), bad, 0, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: verified as %+v, %v", change, v, err)
		}
	}
	if v, err := Verify(context.Background(), damaged(t, s, "DELETE FROM events WHERE id > 1"), 0, 1); err != nil || v.Untold == 0 {
		t.Errorf("with events of a program that knew less: %+v, %v", v, err)
	}
	bad := damaged(t, s, "VACUUM")
	data, err := os.ReadFile(bad.Archive)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		data[len(data)-4096+i] ^= 0x55
	}
	if err := os.WriteFile(bad.Archive, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(context.Background(), bad, 0, 1); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("with a page that is damaged: %v", err)
	}
}

// TestVerifyRepeatsFew holds that a small share is some evaluations, and none is none.
func TestVerifyRepeatsFew(t *testing.T) {
	s := small(t, 40)
	run(t, s)
	for share, want := range map[float64][2]int{0: {0, 0}, 0.01: {8, 10}, 1: {40, 100}} {
		if v, err := Verify(context.Background(), s, share, 7); err != nil || v.Repeated < want[0] || v.Repeated > want[1] {
			t.Errorf("share %v: %+v, %v", share, v, err)
		}
	}
	s = small(t, 3)
	run(t, s)
	if v, err := Verify(context.Background(), s, 0.01, 7); err != nil || v.Repeated != min(v.Stored, 8) {
		t.Errorf("of few: %+v, %v", v, err)
	}
}

// TestResumeChecks holds that a search does not go on with what verify refuses without training.
func TestResumeChecks(t *testing.T) {
	s := small(t, 40)
	run(t, s)
	for change, want := range map[string]string{
		"UPDATE meta SET value = replace(value, '.', '.0') WHERE key = 'baselines'":                           "are not those that this program has",
		"UPDATE meta SET value = replace(value, 'bowl', 'bow') WHERE key IN ('baselines', 'spec')":            "bow",
		"UPDATE meta SET value = replace(value, char(10) || 'bowl', char(10) || 'x') WHERE key = 'baselines'": "no baseline of the task",
		"INSERT INTO events VALUES (1000, 100000, 'Adam', 'Adam')":                                            "events of births that there are not",
		"UPDATE progress SET cpu = 1e300":                                                                     "times of processors",
		"UPDATE progress SET cpu = -1":                                                                        "times of processors",
		"CREATE TRIGGER t AFTER INSERT ON births BEGIN DELETE FROM findings; END":                             "the trigger",
	} {
		refused(t, change, damaged(t, s, change), want)
	}
	own := Spec{Archive: filepath.Join(t.TempDir(), "own.db"), Budget: "20evals"}
	if _, err := Run(context.Background(), own, quadratic{"mine"}); err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{"NaN", "Inf", "-1", "0"} {
		a, err := archive.Read(own.Archive)
		if err != nil {
			t.Fatal(err)
		}
		_, base, err := a.Config()
		if err := errors.Join(err, a.Close()); err != nil {
			t.Fatal(err)
		}
		size := strconv.FormatFloat(base["mine"].Size, 'g', -1, 64)
		bad := damaged(t, own, "UPDATE meta SET value = replace(value, '"+size+"', '"+number+"') WHERE key = 'baselines'")
		bad.Budget = "30evals"
		if _, err := Run(context.Background(), bad, quadratic{"mine"}); err == nil || !strings.Contains(err.Error(), "none that it can have") {
			t.Errorf("a size of %s: %v", number, err)
		}
	}
}
