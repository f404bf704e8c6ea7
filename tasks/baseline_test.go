package tasks

import (
	"fmt"
	"hash/fnv"
	"math"
	"testing"
)

// trained is how trainings of a task under seeds 1 to seeds end, on average.
func trained(t testing.TB, task Task, rule func(x [][]float32) Stepper, seeds int) (train, valid float64) {
	t.Helper()
	for seed := range seeds {
		run, err := task.Open(uint64(1 + seed))
		if err != nil {
			t.Fatal(err)
		}
		r, err := Train(run, rule(run.Values()), task.Steps, nil)
		if err != nil {
			t.Fatal(err)
		}
		train += ending(r, task.Steps) / float64(seeds)
		valid += r.Scores[ValidSet].Loss / float64(seeds)
	}
	return train, valid
}

// ending is the mean loss of the last tenth of the steps, +Inf of a run that diverged.
func ending(r Result, steps int) float64 {
	if r.Diverged || len(r.Losses) < steps {
		return math.Inf(1)
	}
	sum, n := 0.0, max(1, steps/10)
	for _, l := range r.Losses[steps-n:] {
		sum += float64(l)
	}
	return sum / float64(n)
}

func adamW(lr float64) func([][]float32) Stepper {
	return func(x [][]float32) Stepper {
		a := newAdam(x, float32(lr))
		a.decay = 0.01
		return a
	}
}

// descent is SGD, of the signs of the gradient if signed.
type descent struct {
	x      [][]float32
	lr     float32
	signed bool
}

func (d descent) Step(grads [][]float32, _ float64) error {
	for i, x := range d.x {
		for j, g := range grads[i] {
			if d.signed {
				g = float32(math.Copysign(1, float64(g)))
			}
			x[j] -= float32(d.lr * g)
		}
	}
	return nil
}

func sgd(lr float64, signed bool) func([][]float32) Stepper {
	return func(x [][]float32) Stepper { return descent{x, float32(lr), signed} }
}

// rates are 1 and 3 of every decade.
var rates = []float64{10, 3, 1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001}

// BenchmarkBaseline measures what the table says of the baselines, and what descent
// and sign descent reach at their best rate.
func BenchmarkBaseline(b *testing.B) {
	for _, task := range All() {
		b.Run(task.Name, func(b *testing.B) {
			for b.Loop() {
				best, line := Baseline{Train: math.Inf(1)}, ""
				for _, lr := range rates[2:] {
					train, valid := trained(b, task, adamW(lr), baselineSeeds)
					if train < best.Train {
						best = Baseline{lr, train, valid}
					}
					line += fmt.Sprintf(" %.3g", train)
				}
				plain := [2]float64{math.Inf(1), math.Inf(1)}
				for i := range plain {
					for _, lr := range rates {
						train, _ := trained(b, task, sgd(lr, i == 1), 1)
						plain[i] = min(plain[i], train)
					}
				}
				b.Logf("Baseline{%v, %.6g, %.6g}, SGD %.4g, of signs %.4g; AdamW by rate%s", best.LR, best.Train, best.Valid, plain[0], plain[1], line)
			}
		})
	}
}

const baselineSeeds = 2

// goldenOf is the hash of the losses and the parameters of some steps.
func goldenOf(t testing.TB, task Task) uint64 {
	run, err := task.Open(2)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Train(run, adamW(task.Baseline.LR)(run.Values()), 12, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%x %x %x", r.Losses, run.Values(), r.Scores)
	return h.Sum64()
}

// goldens are the bits of every task, the same on every machine and kernel.
var goldens = map[string]uint64{
	"phishing":            0xabaf8887443e8043,
	"cancer-raw":          0xc89c4279dcc4f49b,
	"bowl":                0x242869a1a5c87e09,
	"rotated-bowl":        0x987bbc33b79c49d0,
	"mpg":                 0xc9847dece9e698db,
	"digits":              0xc8693084df4492a1,
	"digits-coder":        0xb6db123382d91f5d,
	"digits-deep":         0x2f4c7f83a2f212e,
	"opticks":             0xc98087d70fcd3c3f,
	"opticks-attention":   0xe653416916a21efe,
	"iris":                0xeaabb2cf9cb3158a,
	"wine-raw":            0x3c8bf0fbedcef32d,
	"proline":             0x1c6bf17d19dab3ff,
	"area":                0x1f09aa5f33d65c73,
	"mpg-noisy":           0x989d0caaca0f4fa9,
	"steep-bowl":          0xbf79c3b7e35cb9cc,
	"steep-rotated-bowl":  0xe81bfd6102487422,
	"segment":             0xf176a4475ad1bf60,
	"segment-mlp":         0xac2de452fb4afbbd,
	"segment-raw":         0xb9d932a4bffb02e2,
	"segment-deep":        0xf3e572d243a771a8,
	"segment-coder":       0xb2fe08db49259dc3,
	"phishing-mlp":        0x23929555d97f9815,
	"digits-logistic":     0x2d928ddefcb78931,
	"digits-small":        0xe551397a2166b5c3,
	"digits-noisy":        0x5c28d77da4e65c4f,
	"digits-conv":         0xfce181e4f88636f6,
	"digits-conv-deep":    0xe6a1f6289d0fe027,
	"definibus":           0xcb2aea7cb4a27ab0,
	"definibus-small":     0x25a02bf57ff8a60a,
	"definibus-attention": 0x2a91a15ad46393be,
	"opticks-words":       0x65b40104f4fa2b33,
	"definibus-words":     0x1ba08cc7e32c3c6d,
	"pixels":              0x9dce28334f96a8f1,
}

// TestGolden holds every task to its bits, and a step after the first to no
// allocation.
func TestGolden(t *testing.T) {
	for _, task := range All() {
		if got := goldenOf(t, task); got != goldens[task.Name] {
			t.Errorf("\t%q: %#x,", task.Name, got)
		}
		run, err := task.Open(3)
		if err != nil {
			t.Fatal(err)
		}
		run.Batch(0)
		if n := testing.AllocsPerRun(10, func() { run.Batch(1) }); n != 0 {
			t.Errorf("%s: %v allocations a step", task.Name, n)
		}
	}
}

// TestBaselines trains every task with AdamW at the rate of the table. The loss
// must fall as the table says and by a factor of 1.7, on data not seen too; and
// the rate must matter: ten times more or less costs at least 3 percent.
func TestBaselines(t *testing.T) {
	for _, task := range All() {
		t.Run(task.Name, func(t *testing.T) {
			t.Parallel()
			b := task.Baseline
			train, valid := trained(t, task, adamW(b.LR), baselineSeeds)
			if math.Abs(train/b.Train-1) > 1e-5 || math.Abs(valid/b.Valid-1) > 1e-5 {
				t.Errorf("losses %.6g and %.6g, the table says %.6g and %.6g: see BenchmarkBaseline", train, valid, b.Train, b.Valid)
			}
			run := open(t, task.Name, 1)
			if first := float64(run.Batch(0)); !(train < first/1.7) {
				t.Errorf("the loss falls from %.4g to %.4g alone", first, train)
			}
			score, err := run.Score(ValidSet, nil)
			if err != nil || !(valid < 0.8*score.Loss) {
				t.Errorf("the validation loss falls from %.4g to %.4g alone (%v)", score.Loss, valid, err)
			}
			for _, lr := range []float64{b.LR / 10, b.LR * 10} {
				if other, _ := trained(t, task, adamW(lr), 1); !(other > 1.03*train) {
					t.Errorf("rate %.4g reaches %.5g, rate %.4g %.5g", lr, other, b.LR, train)
				}
			}
		})
	}
}

// TestTable holds the table to what is said of it: ten tasks to search on and 24
// held out, none like another, cheap, of every model, with batches from 4 to 256.
func TestTable(t *testing.T) {
	if s, h := len(Of(Search)), len(Of(HeldOut)); s != 10 || h != 24 || s+h != len(All()) {
		t.Errorf("%d tasks to search on, %d held out, %d in all", s, h, len(All()))
	}
	names, rows, of := map[string]bool{}, map[string]string{}, map[string]bool{}
	smallest, largest := math.MaxInt, 0
	for _, task := range All() {
		regime := fmt.Sprint(task.Model, task.Widths, task.Data, task.BatchSize, task.Raw, task.Noise)
		if names[task.Name] || rows[regime] != "" {
			t.Errorf("%s is there twice, or like %s", task.Name, rows[regime])
		}
		names[task.Name], rows[regime], of[task.Model] = true, task.Name, true
		smallest, largest = min(smallest, task.BatchSize), max(largest, task.BatchSize)
		if task.Elements() > 10_000 || task.Steps < 100 || task.Steps > 2000 || task.Doc == "" || task.Baseline.LR == 0 {
			t.Errorf("%s: %d elements, %d steps, %+v", task.Name, task.Elements(), task.Steps, task.Baseline)
		}
	}
	if smallest != 4 || largest != 256 || len(of) != len(models) {
		t.Errorf("batches from %d to %d, %d of %d models", smallest, largest, len(of), len(models))
	}
	task := All()[0]
	task.Params[0].Shape[0] = 999
	if all()[0].Params[0].Shape[0] == 999 {
		t.Error("the registry is not a copy")
	}
}

// TestNotFinite: a parameter of NaN makes the loss NaN in every task, and no value
// of a parameter panics.
func TestNotFinite(t *testing.T) {
	for _, task := range All() {
		for i := range task.Params {
			for _, poison := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat32} {
				run, err := task.Open(1)
				if err != nil {
					t.Fatal(err)
				}
				x := run.Values()[i]
				for j := range x {
					x[j] = float32(poison)
				}
				loss := run.Batch(0)
				if poison != poison && loss == loss {
					t.Errorf("%s: the loss is %v with %s of NaN", task.Name, loss, task.Params[i].Name)
				}
				if score, err := run.Score(TestSet, nil); err != nil || poison != poison && score.Accuracy > 0 {
					t.Errorf("%s: with %s of NaN the score is %v (%v)", task.Name, task.Params[i].Name, score, err)
				}
			}
		}
	}
}
