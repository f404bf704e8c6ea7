package search

import (
	"context"
	"database/sql"
	"encoding/binary"
	"math"
	"path/filepath"
	"strings"
	"testing"
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
