package evolve

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"iter"
	"testing"

	"github.com/optc-lang/optc/search/internal/fitness"
	"github.com/optc-lang/optc/search/internal/work"
	"github.com/optc-lang/optc/search/task"
)

// small is a search that takes a moment.
func small(seed uint64) Config {
	c := Default()
	c.Seed, c.Rungs, c.Lag, c.Population, c.Plateau = seed, [][]string{{"phishing"}, {"bowl"}}, 16, 20, 20
	return c
}

// births runs a search for so many births and returns those after the results.
func births(t testing.TB, c Config, n, workers int, resumed []Birth) []Birth {
	t.Helper()
	base, err := fitness.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(c, base)
	if err != nil {
		t.Fatal(err)
	}
	var all []Birth
	err = s.Run(context.Background(), workers, runner, Resumed{Births: len(resumed), Results: evaluated(resumed)}, func(b Birth) (bool, error) {
		all = append(all, b)
		return b.Index+1 < n, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// evaluated are the evaluations among births.
func evaluated(births []Birth) iter.Seq2[int, Result] {
	return func(yield func(int, Result) bool) {
		for _, b := range births {
			if len(b.Result.Scores) > 0 && !yield(b.Index, b.Result) {
				return
			}
		}
	}
}

func digest(t testing.TB, of any) [32]byte {
	t.Helper()
	text, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(text)
}

func TestAnyNumberOfWorkers(t *testing.T) {
	const n = 300
	want := births(t, small(1), n, 1, nil)
	if len(want) != n {
		t.Fatalf("%d births", len(want))
	}
	for _, workers := range []int{2, 4} {
		if digest(t, births(t, small(1), n, workers, nil)) != digest(t, want) {
			t.Errorf("other births with %d workers", workers)
		}
	}
	if digest(t, births(t, small(2), n, 2, nil)) == digest(t, want) {
		t.Error("the seed changes nothing")
	}
}

func TestResumes(t *testing.T) {
	const n = 200
	want := births(t, small(1), n, 2, nil)
	for _, broken := range []int{1, 17, 100, 199} {
		got := births(t, small(1), n, 2, want[:broken])
		if digest(t, got) != digest(t, want[broken:]) {
			t.Errorf("broken off after %d births, it goes on otherwise", broken)
		}
	}
}

// runner does items on the built-in tasks.
func runner(item work.Item) (work.Outcome, error) { return work.Run(item, task.Builtin) }
