package evolve

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"testing"

	"github.com/optc-lang/optc/search/internal/work"
)

// small is a search that takes a moment.
func small(seed uint64) Config {
	c := Default()
	c.Seed, c.Rungs, c.Lag, c.Population = seed, [][]string{{"phishing"}, {"bowl"}}, 16, 20
	return c
}

// births runs a search for so many births, from where results end.
func births(t testing.TB, c Config, n, workers int, resumed []Result) []Birth {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Run(context.Background(), workers, work.Run, resumed, func(b Birth) (bool, error) { return b.Index+1 < n, nil })
	if err != nil {
		t.Fatal(err)
	}
	return s.Births()
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
		var results []Result
		for _, b := range want[:broken] {
			results = append(results, b.Result)
		}
		got := births(t, small(1), n, 2, results)
		if digest(t, got) != digest(t, want) {
			t.Errorf("broken off after %d births, it goes on otherwise", broken)
		}
	}
}
