package tasks

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/optc-lang/optc/runtime"
)

// adam is Kingma and Ba's Algorithm 1, written as plainly as can be.
type adam struct {
	lr, b1, b2, eps, c1, c2 float32
	decay                   float32 // decoupled, as in AdamW
	x, m, v                 [][]float32
}

func newAdam(x [][]float32, lr float32) *adam {
	a := &adam{lr: lr, b1: 0.9, b2: 0.999, eps: 1e-8, c1: 1, c2: 1, x: x}
	for _, p := range x {
		a.m = append(a.m, make([]float32, len(p)))
		a.v = append(a.v, make([]float32, len(p)))
	}
	return a
}

func (a *adam) Step(grads [][]float32, _ float64) error {
	a.c1 *= a.b1
	a.c2 *= a.b2
	for i, x := range a.x {
		m, v := a.m[i], a.v[i]
		for j, g := range grads[i] {
			m[j] = float32(a.b1*m[j]) + float32((1-a.b1)*g)
			v[j] = float32(a.b2*v[j]) + float32(float32((1-a.b2)*g)*g)
			root := float32(math.Sqrt(float64(v[j] / (1 - a.c2))))
			if a.decay != 0 {
				x[j] -= float32(float32(a.lr*a.decay) * x[j])
			}
			x[j] -= float32(a.lr * (m[j] / (1 - a.c1)) / (root + a.eps))
		}
	}
	return nil
}

func open(t testing.TB, name string, seed uint64) *Run {
	t.Helper()
	run, err := Open(name, seed)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func hash(values ...[]float32) uint64 {
	h := fnv.New64a()
	for _, v := range values {
		binary.Write(h, binary.LittleEndian, v)
	}
	return h.Sum64()
}

// TestDigits trains with Adam and holds the result to what is known of such a
// network, and its bits to constants that are the same on every machine.
func TestDigits(t *testing.T) {
	for _, c := range []struct{ seed, losses, values uint64 }{
		{1, 0xf9a3ffe4f436ddcb, 0x500771376dbf03eb},
		{2, 0x38c198a8c4f3e077, 0xceb50b53054e406f},
		{3, 0xab3392e193addbba, 0x5bc37ded7aff06fc},
	} {
		run := open(t, "digits", c.seed)
		result, err := Train(run, newAdam(run.Values(), 0.003), run.Task().Steps, nil)
		if err != nil {
			t.Fatal(err)
		}
		train, valid, test := result.Scores[TrainSet], result.Scores[ValidSet], result.Scores[TestSet]
		t.Logf("seed %d: train %v, valid %v, test %v", c.seed, train, valid, test)
		if test.Accuracy < 0.96 || valid.Accuracy < 0.94 || train.Accuracy < 0.99 || train.Loss > 0.05 {
			t.Errorf("seed %d: train %v, valid %v, test %v", c.seed, train, valid, test)
		}
		if first := float64(result.Losses[0]); first < math.Log(10)/2 || first > 2*math.Log(10) {
			t.Errorf("seed %d: first loss %v is far from log 10", c.seed, first)
		}
		if result.Diverged || len(result.Losses) != run.Task().Steps {
			t.Errorf("seed %d: diverged %v after %d steps", c.seed, result.Diverged, len(result.Losses))
		}
		if l, v := hash(result.Losses), hash(run.Values()...); l != c.losses || v != c.values {
			t.Errorf("seed %d: bits {%d, %#x, %#x}, want {%d, %#x, %#x}", c.seed, c.seed, l, v, c.seed, c.losses, c.values)
		}
	}
}

// TestInit checks bounds and variance of the initial weights, 2/inputs.
func TestInit(t *testing.T) {
	a, b := open(t, "digits", 1), open(t, "digits", 2)
	if slices.Equal(a.Values()[w1], b.Values()[w1]) {
		t.Error("two seeds, one initialisation")
	}
	for i, p := range a.Task().Params {
		var sum, squares, biggest float64
		for _, x := range a.Values()[i] {
			sum += float64(x)
			squares += float64(x) * float64(x)
			biggest = max(biggest, math.Abs(float64(x)))
		}
		n := float64(p.Len())
		if strings.HasPrefix(p.Name, "b") {
			if biggest != 0 {
				t.Errorf("%s is not zero", p.Name)
			}
			continue
		}
		variance := 2 / float64(p.Shape[0])
		if math.Abs(sum/n) > 4*math.Sqrt(variance/n) || math.Abs(squares/n/variance-1) > 0.15 || biggest > math.Sqrt(3*variance) {
			t.Errorf("%s: mean %g, variance %g for %g, largest %g", p.Name, sum/n, squares/n, variance, biggest)
		}
	}
}

// TestBatches holds every epoch to whole minibatches of distinct training rows,
// in an order of its own, and any step to the same loss whenever it is asked for.
func TestBatches(t *testing.T) {
	run := open(t, "digits", 6)
	task := run.Task()
	steps := task.Sizes[TrainSet] / task.BatchSize
	var orders [][]int
	var losses []float32
	for epoch := range 3 {
		for i := range steps {
			losses = append(losses, run.Batch(epoch*steps+i))
		}
		order := slices.Clone(run.order)
		orders = append(orders, slices.Clone(order))
		slices.Sort(order)
		if !slices.Equal(order, run.rows[:task.Sizes[TrainSet]]) {
			t.Fatalf("epoch %d is no permutation of the training rows", epoch)
		}
	}
	if slices.Equal(orders[0], orders[1]) || slices.Equal(orders[1], orders[2]) {
		t.Error("two epochs have one order")
	}
	for _, step := range []int{40, 3, 3, 17, 18, 0, 53} {
		if got := run.Batch(step); got != losses[step] {
			t.Errorf("step %d: loss %v, before %v", step, got, losses[step])
		}
	}
	for _, step := range []int{-1, math.MinInt, math.MaxInt} {
		if loss := run.Batch(step); !finite(float64(loss)) {
			t.Errorf("step %d: loss %v", step, loss)
		}
	}
}

// TestConcurrentRuns trains several runs beside each other.
func TestConcurrentRuns(t *testing.T) {
	var wait sync.WaitGroup
	results := make([]Result, 4)
	for i := range results {
		run := open(t, "digits", 7)
		wait.Go(func() { results[i], _ = Train(run, newAdam(run.Values(), 0.01), 30, nil) })
	}
	wait.Wait()
	for _, r := range results {
		if len(r.Losses) != 30 || !slices.Equal(r.Losses, results[0].Losses) || r.Scores != results[0].Scores {
			t.Errorf("runs of one seed differ: %v and %v", r.Scores, results[0].Scores)
		}
	}
}

type stepperFunc func([][]float32) error

func (f stepperFunc) Step(grads [][]float32, _ float64) error { return f(grads) }

type averager struct {
	stepperFunc
	params [][]float32
}

func (a averager) EvalParams() ([][]float32, error) { return a.params, nil }

func TestTrainDivergence(t *testing.T) {
	for name, poison := range map[string]float32{"NaN": float32(math.NaN()), "+Inf": float32(math.Inf(1)), "-Inf": float32(math.Inf(-1)), "large": 3e38} {
		for param := range 4 {
			run := open(t, "digits", 8)
			steps := 0
			opt := stepperFunc(func([][]float32) error {
				if steps++; steps == 3 {
					for _, values := range run.Values()[param : param+1] {
						for j := range values {
							values[j] = poison
						}
					}
				}
				return nil
			})
			result, err := Train(run, opt, 10, nil)
			if err != nil {
				t.Fatal(err)
			}
			// a constant added to all logits, or units that are off, are harmless
			harmless := param == b2 && name == "large" || param <= b1 && name == "-Inf"
			if harmless {
				continue
			}
			if !result.Diverged || len(result.Losses) != 4 || steps != 3 || finite(float64(result.Losses[3])) {
				t.Errorf("%s in parameter %d: diverged %v, losses %v, %d steps", name, param, result.Diverged, result.Losses, steps)
			}
			if finite(result.Scores[TestSet].Loss) {
				t.Errorf("%s in parameter %d: test loss %v", name, param, result.Scores[TestSet].Loss)
			}
		}
	}

	// the last step's update is seen by the scores alone
	run := open(t, "digits", 8)
	result, err := Train(run, stepperFunc(func([][]float32) error {
		run.Values()[w1][5] = float32(math.NaN())
		return nil
	}), 1, nil)
	if err != nil || !result.Diverged || !finite(float64(result.Losses[0])) || result.Scores[TestSet].Accuracy != 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestTrainContract(t *testing.T) {
	run := open(t, "digits", 9)
	still := stepperFunc(func([][]float32) error { return nil })
	var seen []Progress
	result, err := Train(run, still, 3, func(p Progress) { seen = append(seen, p) })
	if err != nil || len(seen) != 3 || seen[2] != (Progress{3, 3, result.Losses[2]}) {
		t.Errorf("%v, progress %v", err, seen)
	}
	if result.Task != "digits" || result.Seed != 9 || result.Diverged {
		t.Errorf("%+v", result)
	}

	// EvalParams decide the scores
	other := open(t, "digits", 10)
	want, err := Train(other, still, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Train(run, averager{still, other.Values()}, 3, nil)
	if err != nil || got.Scores != want.Scores || got.Scores == result.Scores {
		t.Errorf("scores %v, want %v, %v", got.Scores, want.Scores, err)
	}

	broken := errors.New("broken")
	for _, c := range []struct {
		opt   Stepper
		steps int
		want  string
	}{
		{nil, 1, "no optimizer"},
		{still, -1, "-1 steps"},
		{stepperFunc(func([][]float32) error { return broken }), 5, "step 0: broken"},
		{averager{still, run.Values()[:2]}, 1, "evaluation: 2 parameters, task digits has 4"},
		{averager{still, [][]float32{run.Values()[0], run.Values()[0], nil, nil}}, 1, "evaluation: parameter b1: 4096 elements, want 64"},
	} {
		if _, err := Train(run, c.opt, c.steps, nil); err == nil || err.Error() != c.want {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	if _, err := Train(run, stepperFunc(func([][]float32) error { return broken }), 5, nil); !errors.Is(err, broken) {
		t.Error("the optimizer's error is not wrapped")
	}
	for _, split := range []Split{-1, 3} {
		if _, err := run.Score(split, nil); err == nil {
			t.Errorf("split %d: no error", int(split))
		}
	}
}

func TestUnknownTask(t *testing.T) {
	known := strings.Join(Names(), ", ")
	for name, want := range map[string]string{
		"digit":  `unknown task "digit" (known: ` + known + `); did you mean "digits"?`,
		"Digits": `unknown task "Digits" (known: ` + known + `); did you mean "digits"?`,
		"zebras": `unknown task "zebras" (known: ` + known + `)`,
		"":       `unknown task "" (known: ` + known + `)`,
	} {
		if _, err := Open(name, 1); err == nil || err.Error() != want {
			t.Errorf("%q: error %v, want %s", name, err, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}, {"ab", "ba", 2}, {"ABC", "abc", 0}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.b, c.a, got, c.want)
		}
	}
}

// TestStream compares with the reference outputs of SplitMix64 for the seed
// 1234567, and the other draws with their ranges.
func TestStream(t *testing.T) {
	s := &stream{1234567}
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821} {
		if got := s.next(); got != want {
			t.Errorf("value %d: %d, want %d", i, got, want)
		}
	}
	var seen [7]int
	for range 7000 {
		seen[s.below(7)]++
		if x := s.symmetric(); x < -1 || x >= 1 || float64(float32(x)) != x {
			t.Fatalf("symmetric() = %v", x)
		}
	}
	for i, n := range seen {
		if n < 850 || n > 1150 {
			t.Errorf("%d of 7000 draws are %d", n, i)
		}
	}
	if newStream(1, 2).next() == newStream(1, 3).next() || newStream(1, 2).next() == newStream(2, 1).next() {
		t.Error("streams of different purposes agree")
	}
}

// asking is a Prober that checks what its closure says.
type asking struct {
	t   *testing.T
	run *Run
	n   int
}

func (a *asking) Step([][]float32, float64) error {
	a.t.Error("a Prober was stepped without its closure")
	return nil
}

func (a *asking) StepWith(grads [][]float32, in runtime.Inputs[float32]) error {
	a.n++
	again := make([][]float32, len(grads))
	for i, g := range grads {
		again[i] = make([]float32, len(g))
	}
	loss, err := in.Closure(again)
	if err != nil || loss != in.Loss || !reflect.DeepEqual(again, grads) {
		a.t.Errorf("at the same values the same minibatch has loss %v and %v (%v), or other gradients", loss, in.Loss, err)
	}
	for _, x := range a.run.Values() {
		for k := range x {
			x[k] *= 0.9
		}
	}
	if moved, err := in.Closure(again); err != nil || moved == loss || reflect.DeepEqual(again, grads) {
		a.t.Errorf("at other values the loss is %v again (%v)", moved, err)
	}
	if _, err := in.Closure(again[1:]); err == nil {
		a.t.Error("gradients of another shape are taken")
	}
	return nil
}

// A rule that asks the model within a step is told about the minibatch of that step.
func TestProber(t *testing.T) {
	run, err := Open("digits", 4)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Again(run.Grads()); err == nil {
		t.Error("there is no minibatch before the first")
	}
	a := &asking{t: t, run: run}
	if _, err := Train(run, a, 3, nil); err != nil || a.n != 3 {
		t.Errorf("%d steps, %v", a.n, err)
	}
}
