package evolve

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"iter"
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

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

// TestLeavesNoWork holds that a search which has ended begins no more training runs.
func TestLeavesNoWork(t *testing.T) {
	base, err := fitness.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(small(1), base)
	if err != nil {
		t.Fatal(err)
	}
	const workers = 2
	before := runtime.NumGoroutine()
	var ended atomic.Bool
	var late atomic.Int32
	err = s.Run(context.Background(), workers, func(i work.Item) (work.Outcome, error) {
		if ended.Load() {
			late.Add(1)
		}
		return runner(i)
	}, Resumed{}, func(b Birth) (bool, error) { return b.Index < 20, nil })
	ended.Store(true)
	if err != nil {
		t.Fatal(err)
	}
	for runtime.NumGoroutine() > before {
		time.Sleep(time.Millisecond)
	}
	if n := late.Load(); n > workers { // one each may have been about to begin
		t.Errorf("%d training runs after the end", n)
	}
}

// runner does items on the built-in tasks.
func runner(item work.Item) (work.Outcome, error) { return work.Run(item, task.Builtin) }

// BenchmarkBirths is a search whose training costs nothing: what is left is to make candidates and tell them apart.
func BenchmarkBirths(b *testing.B) {
	base, err := fitness.Baselines()
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(Default(), base)
	if err != nil {
		b.Fatal(err)
	}
	free := func(i work.Item) (work.Outcome, error) {
		key := i.Key()
		loss := 1 + float64(key[0])/256
		return work.Outcome{Train: loss, Valid: loss, Size: 1, Steps: 1}, nil
	}
	n := 0
	b.ResetTimer()
	err = s.Run(context.Background(), 1, free, Resumed{}, func(Birth) (bool, error) {
		n++
		return n < b.N, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n+s.Count().Dull)/b.Elapsed().Seconds(), "candidates/s")
}

// TestForgetsForms holds that a search that remembers few forms is bounded by them, and resumes as any other.
func TestForgetsForms(t *testing.T) {
	const n, most = 900, 250
	want := few(t, n, most, nil)
	for _, broken := range []int{100, 450} {
		if got := few(t, n, most, want[:broken]); digest(t, got) != digest(t, want[broken:]) {
			t.Errorf("broken off after %d births, it goes on otherwise", broken)
		}
	}
}

// few are the births of a search that remembers few forms.
func few(t *testing.T, n, most int, resumed []Birth) []Birth {
	t.Helper()
	base, err := fitness.Baselines()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(small(1), base)
	if err != nil {
		t.Fatal(err)
	}
	s.most = most
	forgot, before := false, 0
	var all []Birth
	err = s.Run(context.Background(), 2, runner, Resumed{Births: len(resumed), Results: evaluated(resumed)}, func(b Birth) (bool, error) {
		all = append(all, b)
		forgot, before = forgot || len(s.forms) < before, len(s.forms)
		if len(s.forms) > most+1 {
			t.Fatalf("birth %d: %d forms", b.Index, len(s.forms))
		}
		return b.Index+1 < n, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !forgot && resumed == nil {
		t.Error("nothing was forgotten")
	}
	return all
}

// TestDoubt: what has been evaluated before goes on by the mean of all its evaluations with the benefit of the doubt.
func TestDoubt(t *testing.T) {
	known := NewForm("g =0", 0)
	known.Add(Result{Seed: 1, Scores: []float64{-1, -1, -1}, LRs: make([]float64, 3), Turns: make([]int, 3)}, [][]string{{"a", "b"}, {"c"}, {"d"}})
	job := Job{Evaluated: known}
	if got, want := job.reached([]float64{-2, -2}), -1.5+0.5; math.Abs(got-want) > 1e-12 { // two tasks, two runs each
		t.Errorf("it stays by %v, not %v", got, want)
	}
	if got, want := job.reached([]float64{-2, -2, -2}), -1.5+1/math.Sqrt(6); math.Abs(got-want) > 1e-12 {
		t.Errorf("it goes on by %v, not %v", got, want)
	}
	if got := (&Job{}).reached([]float64{-2, -2}); got != -2 {
		t.Errorf("the first time it goes on by %v", got)
	}
}

// TestConfirmsAlone: only births that confirm a rule evaluate it again, and the control that selects nothing has such births too.
func TestConfirmsAlone(t *testing.T) {
	for _, control := range []Control{Evolution, Random} {
		c := small(3)
		c.Control = control
		all := births(t, c, 400, 2, nil)
		again := 0
		for _, b := range all {
			if len(b.Result.Scores) == 0 || b.Result.Seed == 1 {
				continue
			}
			again++
			if b.Parent < 0 || all[b.Parent].Form != b.Form {
				t.Errorf("%q: birth %d evaluates again and is not its parent's form", control, b.Index)
			}
		}
		if again == 0 {
			t.Errorf("%q: nothing was confirmed", control)
		}
	}
}
