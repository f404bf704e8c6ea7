package main

import (
	"encoding/json"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/optc-lang/optc/tasks"
)

// reference is what testdata/oracle/digits/digits.py wrote: the same network, initial weights and minibatches under
// PyTorch's optimizer with the same hyperparameters.
type reference struct {
	Sampled []int // steps whose losses are in Losses, counted from 0
	Runs    []referenceRun
}

type referenceRun struct {
	Seed     uint64
	Accuracy float64 // on the test set
	Losses   []float64
}

func readReference(t *testing.T) reference {
	t.Helper()
	data, err := os.ReadFile("../../testdata/oracle/digits/digits.json")
	if err != nil {
		t.Fatal(err)
	}
	var ref reference
	if err := json.Unmarshal(data, &ref); err != nil {
		t.Fatal(err)
	}
	if len(ref.Runs) != 5 {
		t.Fatalf("%d runs, want 5", len(ref.Runs))
	}
	for _, r := range ref.Runs {
		if len(r.Losses) != len(ref.Sampled) || len(ref.Sampled) < 50 {
			t.Fatalf("seed %d: %d losses of %d steps", r.Seed, len(r.Losses), len(ref.Sampled))
		}
	}
	return ref
}

// trained is the test accuracy and the loss of every step of a training, whose optimizer change may change first.
func trained(t *testing.T, seed uint64, change func(*Trainer) error) (accuracy float64, losses []float64) {
	t.Helper()
	run, err := tasks.Open("digits", seed)
	if err != nil {
		t.Fatal(err)
	}
	opt, err := newTrainer(run, hyper())
	if err != nil {
		t.Fatal(err)
	}
	if err := change(opt); err != nil {
		t.Fatal(err)
	}
	err = train(run, opt, run.Task().Steps, func(_ int, loss float32) { losses = append(losses, float64(loss)) })
	if err != nil {
		t.Fatal(err)
	}
	score, err := run.Score(tasks.TestSet, nil)
	if err != nil {
		t.Fatal(err)
	}
	return score.Accuracy, losses
}

func TestOutput(t *testing.T) {
	var out strings.Builder
	if err := learn(&out, 1); err != nil {
		t.Fatal(err)
	}
	want := `^training with rule trainer on engine (go|avx2|avx512|neon)
(step +\d+ of 720  loss \d\.\d{4}\n){10}test accuracy 0\.9\d{3} on 400 images, trained in [\d.]+m?s\n$`
	if !regexp.MustCompile(want).MatchString(out.String()) {
		t.Errorf("printed\n%s", out.String())
	}
}

func unchanged(*Trainer) error { return nil }

// apart is the largest difference between losses and the reference's. A NaN is infinitely far.
func (r referenceRun) apart(sampled []int, losses []float64) float64 {
	largest := 0.0
	for i, step := range sampled {
		d := math.Abs(losses[step] - r.Losses[i])
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		largest = max(largest, d)
	}
	return largest
}

// tolerance of a loss: the worst seen is 7.2e-7, three units in the last place of a float32 near 2.5.
const tolerance = 3e-6

func TestLossesAreTheReferences(t *testing.T) {
	ref := readReference(t)
	for _, r := range ref.Runs {
		_, losses := trained(t, r.Seed, unchanged)
		d := r.apart(ref.Sampled, losses)
		t.Logf("seed %d: losses within %.1e of the reference's", r.Seed, d)
		if d > tolerance {
			t.Errorf("seed %d: a loss is %.1e from the reference's", r.Seed, d)
		}
	}
}

// Optimizers that are not quite the reference's must be told from it.
func TestNearMissesAreSeen(t *testing.T) {
	ref := readReference(t)
	for name, change := range map[string]func(*Trainer) error{
		"biases decay":      func(o *Trainer) error { return o.SetWeightDecay(hyper().WeightDecay) },
		"weights decay not": func(o *Trainer) error { return o.SetWeightDecay(0) },
		"no clipping":       func(o *Trainer) error { return o.SetClip(1e9) },
		"longer warm-up":    func(o *Trainer) error { return o.SetWarmup(41) },
		"longer cosine":     func(o *Trainer) error { return o.SetTotal(721) },
		"larger eps":        func(o *Trainer) error { return o.SetEps(1e-7) },
		"other beta2":       func(o *Trainer) error { return o.SetBeta2(0.998) },
	} {
		for _, r := range ref.Runs {
			_, losses := trained(t, r.Seed, change)
			if d := r.apart(ref.Sampled, losses); d <= tolerance {
				t.Errorf("%s, seed %d: losses within %.1e of the reference's", name, r.Seed, d)
			}
		}
	}
}

func TestAccuracyIsTheReferences(t *testing.T) {
	ref := readReference(t)
	var ours, theirs []float64
	for _, r := range ref.Runs {
		accuracy, _ := trained(t, r.Seed, unchanged)
		t.Logf("seed %d: test accuracy %.4f, the reference's %.4f", r.Seed, accuracy, r.Accuracy)
		ours, theirs = append(ours, accuracy), append(theirs, r.Accuracy)
	}
	mean, _ := meanAndError(ours)
	want, stderr := meanAndError(theirs)
	t.Logf("mean %.4f, the reference's %.4f with a standard error of %.4f", mean, want, stderr)
	if mean < 0.96 {
		t.Errorf("mean test accuracy %.4f, want at least 0.96", mean)
	}
	if math.Abs(mean-want) > stderr {
		t.Errorf("mean test accuracy %.4f, the reference's is %.4f with a standard error of %.4f", mean, want, stderr)
	}
}

// meanAndError returns the mean and its standard error.
func meanAndError(v []float64) (mean, stderr float64) {
	n := float64(len(v))
	for _, a := range v {
		mean += a / n
	}
	for _, a := range v {
		stderr += (a - mean) * (a - mean)
	}
	return mean, math.Sqrt(stderr / (n - 1) / n)
}
