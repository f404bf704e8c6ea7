package tasks

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"os"
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

// randomData returns rows of inputs with a class each.
func randomData(s *stream, rows, in, out int) *dataset[float64] {
	data := &dataset[float64]{make([]float64, rows*in), make([]int, rows)}
	for i := range data.x {
		data.x[i] = s.symmetric()
	}
	for i := range data.class {
		data.class[i] = s.below(out)
	}
	return data
}

func widen(data *dataset[float32]) *dataset[float64] {
	wide := &dataset[float64]{class: data.class}
	for _, x := range data.x {
		wide.x = append(wide.x, float64(x))
	}
	return wide
}

func slicesFor[T float32 | float64](params []Param) [][]T {
	var out [][]T
	for _, p := range params {
		out = append(out, make([]T, p.Len()))
	}
	return out
}

// gradientError returns the largest difference between g and central finite
// differences of the loss, over the parameters that pick selects.
func gradientError(m *mlp[float64], p, g [][]float64, rows []int, pick func() bool) (worst float64, tried int) {
	const h = 1e-6
	scratch := slicesFor[float64](m.params())
	for i := range p {
		for j, x := range p[i] {
			if !pick() {
				continue
			}
			p[i][j] = x + h
			up := m.gradient(p, scratch, rows)
			p[i][j] = x - h
			down := m.gradient(p, scratch, rows)
			p[i][j] = x
			worst = max(worst, math.Abs((up-down)/(2*h)-g[i][j]))
			tried++
		}
	}
	return worst, tried
}

// TestGradient compares with finite differences at random parameters of small
// networks in full, and of the digits network in a sample.
func TestGradient(t *testing.T) {
	data, err := loadDigits()
	if err != nil {
		t.Fatal(err)
	}
	s := newStream(4)
	small := &mlp[float64]{in: 7, hidden: 5, out: 3, data: randomData(s, 11, 7, 3)}
	single := &mlp[float64]{in: 1, hidden: 1, out: 2, data: randomData(s, 3, 1, 2)}
	full := &mlp[float64]{in: 64, hidden: 64, out: 10, data: widen(data)}
	for _, c := range []struct {
		m          *mlp[float64]
		rows, skip int
	}{{small, 11, 1}, {single, 3, 1}, {full, 16, 12}} {
		p, g := slicesFor[float64](c.m.params()), slicesFor[float64](c.m.params())
		for i := range p {
			for j := range p[i] {
				p[i][j] = 0.7 * s.symmetric()
			}
		}
		rows := make([]int, c.rows)
		for i := range rows {
			rows[i] = s.below(len(c.m.data.class))
		}
		c.m.gradient(p, g, rows)
		pick := func() bool { return s.below(c.skip) == 0 }
		worst, tried := gradientError(c.m, p, g, rows, pick)
		t.Logf("%d-%d-%d: %d derivatives, largest error %.2g", c.m.in, c.m.hidden, c.m.out, tried, worst)
		if worst > 2e-8 || tried < 4 {
			t.Errorf("%d-%d-%d: largest error %g of %d", c.m.in, c.m.hidden, c.m.out, worst, tried)
		}

		if c.skip > 1 {
			continue
		}
		for i := range g { // the same comparison must see one wrong derivative
			j := s.below(len(g[i]))
			right := g[i][j]
			g[i][j] += 1e-6
			if worst, _ := gradientError(c.m, p, g, rows, pick); worst < 5e-7 {
				t.Errorf("%s: a wrong derivative went unseen", c.m.params()[i].Name)
			}
			g[i][j] = right
		}
	}
}

// TestPrecision compares the float32 network with the float64 one.
func TestPrecision(t *testing.T) {
	data, err := loadDigits()
	if err != nil {
		t.Fatal(err)
	}
	narrow := &mlp[float32]{in: 64, hidden: 64, out: 10, data: data}
	wide := &mlp[float64]{in: 64, hidden: 64, out: 10, data: widen(data)}
	p, g := slicesFor[float32](narrow.params()), slicesFor[float32](narrow.params())
	p64, g64 := slicesFor[float64](wide.params()), slicesFor[float64](wide.params())
	narrow.init(p, 5)
	wide.init(p64, 5)
	rows := []int{3, 1, 4, 1, 5, 9, 2, 6, 1000}
	loss, loss64 := narrow.gradient(p, g, rows), wide.gradient(p64, g64, rows)
	if math.Abs(float64(loss)-loss64) > 1e-5 {
		t.Errorf("loss %v in float32, %v in float64", loss, loss64)
	}
	for i := range g {
		for j := range g[i] {
			if math.Abs(float64(g[i][j])-g64[i][j]) > 1e-5 {
				t.Fatalf("gradient of %s[%d]: %v in float32, %v in float64", narrow.params()[i].Name, j, g[i][j], g64[i][j])
			}
		}
	}
	score := wide.score(p64, rows)
	if math.Abs(score.Loss-loss64) > 1e-12 {
		t.Errorf("score %v, gradient's loss %v", score.Loss, loss64)
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
	for name, want := range map[string]string{
		"digit":  `unknown task "digit" (known: digits); did you mean "digits"?`,
		"Digits": `unknown task "Digits" (known: digits); did you mean "digits"?`,
		"mnist":  `unknown task "mnist" (known: digits)`,
		"":       `unknown task "" (known: digits)`,
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

// TestData checks the file against data/README.md and the split for leaks.
func TestData(t *testing.T) {
	readme, err := os.ReadFile("data/README.md")
	if err != nil {
		t.Fatal(err)
	}
	const sum = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
	if got := fmt.Sprintf("%x", sha256.Sum256(digitsFile)); got != sum || !strings.Contains(string(readme), sum) {
		t.Errorf("sha256 of digits.csv.gz is %s", got)
	}
	data, err := loadDigits()
	if err != nil {
		t.Fatal(err)
	}
	run := open(t, "digits", 1)
	start := 0
	images := map[string]int{}
	for s, size := range run.Task().Sizes {
		var count [10]int
		for r := start; r < start+size; r++ {
			count[data.class[r]]++
			images[fmt.Sprint(data.x[r*digitsPixels:][:digitsPixels])]++
		}
		t.Logf("%s: classes %v", Split(s), count)
		if slices.Min(count[:]) < size/20 || slices.Max(count[:]) > size/6 {
			t.Errorf("%s: classes %v", Split(s), count)
		}
		start += size
	}
	if start != digitsRows || len(images) != digitsRows {
		t.Errorf("%d rows, %d different images, want %d", start, len(images), digitsRows)
	}
}

// TestCorruptData gives files that are wrong in one way each.
func TestCorruptData(t *testing.T) {
	in, err := gzip.NewReader(bytes.NewReader(digitsFile))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if _, err := text.ReadFrom(in); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(text.String(), "\n")
	edit := func(line int, new string) []byte {
		changed := slices.Clone(lines)
		changed[line] = new
		return zip(t, strings.Join(changed, ""))
	}
	if _, err := readDigits(edit(0, lines[0])); err != nil {
		t.Errorf("the true text: %v", err)
	}
	for name, file := range map[string][]byte{
		"empty":        {},
		"no gzip":      []byte("0,1,2\n"),
		"truncated":    digitsFile[:len(digitsFile)/2],
		"short":        zip(t, strings.Join(lines[:1796], "")),
		"long":         zip(t, text.String()+lines[0]),
		"field lost":   edit(5, lines[5][2:]),
		"letter":       edit(5, "x"+lines[5][1:]),
		"pixel 17":     edit(5, "17"+lines[5][1:]),
		"class 10":     edit(5, strings.TrimRight(lines[5], "\n")[:len(lines[5])-2]+"10\n"),
		"negative":     edit(5, "-1"+lines[5][1:]),
		"line of 1 MB": edit(5, strings.Repeat("1", 1<<20)),
		"zip bomb":     zip(t, strings.Repeat("\n", 64<<20)),
	} {
		if data, err := readDigits(file); err == nil || data != nil {
			t.Errorf("%s: no error", name)
		}
	}
	for i := range 200 {
		file := slices.Clone(digitsFile)
		s := newStream(11, uint64(i))
		file[s.below(len(file))] ^= byte(1 + s.below(255))
		readDigits(file) // must not panic; gzip's checksum is not the point
	}
}

func zip(t *testing.T, text string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestBatchAllocation: after the first, a step allocates for a new epoch alone.
func TestBatchAllocation(t *testing.T) {
	run := open(t, "digits", 1)
	run.Batch(0)
	if n := testing.AllocsPerRun(10, func() { run.Batch(1) }); n != 0 {
		t.Errorf("%v allocations a step", n)
	}
}

func BenchmarkDigitsBatch(b *testing.B) {
	run := open(b, "digits", 1)
	step := 0
	for b.Loop() {
		run.Batch(step)
		step++
	}
}

func BenchmarkDigitsTrainingStep(b *testing.B) {
	run := open(b, "digits", 1)
	opt := newAdam(run.Values(), 0.001)
	step := 0
	for b.Loop() {
		run.Batch(step)
		if err := opt.Step(run.Grads(), 0); err != nil {
			b.Fatal(err)
		}
		step++
	}
}

func BenchmarkDigitsScore(b *testing.B) {
	run := open(b, "digits", 1)
	for b.Loop() {
		if _, err := run.Score(TestSet, nil); err != nil {
			b.Fatal(err)
		}
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
