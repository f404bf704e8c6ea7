package fitness

import (
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/optc-lang/optc/search/internal/work"
)

// Baseline is what AdamW reaches on a task, tuned in learning rate, decay and both averages.
type Baseline struct {
	Task      string
	Rule      string  // AdamW with its constants
	LR, Decay float64 // the best
	Size      float64 // root mean square of its first updates
	Deviation float64 // of its loss over seeds, at least leastDeviation
	Losses    []float64
}

// Seeds is how many seeds a baseline has been run with: seeds 1 to Seeds.
const Seeds = 12

// leastDeviation is the least that counts as a difference: half a percent of a loss.
const leastDeviation = 0.005

// loss is the baseline's own loss with a seed, its mean with seeds that it has not been run with.
func (b Baseline) loss(seed uint64) float64 {
	if seed >= 1 && seed <= uint64(len(b.Losses)) {
		return b.Losses[seed-1]
	}
	return b.Mean()
}

// Mean is the baseline's mean loss: see [Loss].
func (b Baseline) Mean() float64 {
	mean := 0.0
	for _, l := range b.Losses {
		mean += l / float64(len(b.Losses))
	}
	return mean
}

// table is made by go run ./internal/fitness/gen in the folder of the module.
//
//go:embed baselines.tsv
var table string

// Baselines returns the baselines of the tasks to search on, by task.
func Baselines() (map[string]Baseline, error) { return ReadTable(table) }

// ReadTable reads what [Table] writes.
func ReadTable(text string) (map[string]Baseline, error) {
	all := map[string]Baseline{}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) == 0 || lines[0] != header() {
		return nil, fmt.Errorf("baselines are not of the numerics %s", work.Numerics)
	}
	for _, line := range lines[1:] {
		b, err := parse(line)
		if err != nil {
			return nil, fmt.Errorf("baselines: %w in %q", err, line)
		}
		all[b.Task] = b
	}
	return all, nil
}

func header() string {
	return "task\trule\tlr\tdecay\tsize\tdeviation\tlosses, " + work.Numerics
}

func (b Baseline) String() string {
	fields := []string{b.Task, b.Rule}
	for _, v := range append([]float64{b.LR, b.Decay, b.Size, b.Deviation}, b.Losses...) {
		fields = append(fields, strconv.FormatFloat(v, 'g', -1, 64))
	}
	return strings.Join(fields, "\t")
}

func parse(line string) (Baseline, error) {
	fields := strings.Split(line, "\t")
	if len(fields) < 6+Seeds {
		return Baseline{}, fmt.Errorf("%d fields", len(fields))
	}
	b := Baseline{Task: fields[0], Rule: fields[1]}
	var values []float64
	for _, f := range fields[2:] {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return b, err
		}
		values = append(values, v)
	}
	b.LR, b.Decay, b.Size, b.Deviation, b.Losses = values[0], values[1], values[2], values[3], values[4:]
	return b, nil
}

// adamw is Adam with the shares that its averages take of what is new.
const adamw = "g avg:%v(0) square(0) avg:%v(2) sqrt(3) const:1e-8 add(4,5) div(1,6) =7"

// Measure tunes AdamW on a task, all combinations of its constants, decays and five learning rates around lr, by the mean
// loss of three seeds, and runs the best with all seeds.
func Measure(run Runner, task string, lr float64) (Baseline, error) {
	best := tuning{run: run, task: task, seeds: 3, loss: math.Inf(1)}
	for _, k1 := range []float64{0.05, 0.1, 0.2} {
		for _, k2 := range []float64{0.001, 0.01, 0.05} {
			for _, decay := range []float64{0, 0.01, 0.1} {
				for half := -2; half <= 2; half++ {
					if err := best.try(fmt.Sprintf(adamw, k1, k2), float64(lr*halfDecades(half)), decay); err != nil {
						return Baseline{}, err
					}
				}
			}
		}
	}
	return finish(run, best.item)
}

// MeasureAnew is a Measure of about a quarter of the runs, of a task whose learning rate is not known: it goes through all
// decades first, and then takes the constants and the decay one after the other.
func MeasureAnew(run Runner, task string) (Baseline, error) {
	best := tuning{run: run, task: task, seeds: 2, loss: math.Inf(1)}
	for half := -10; half <= 2; half++ {
		if err := best.try(fmt.Sprintf(adamw, 0.1, 0.001), halfDecades(half), 0); err != nil {
			return Baseline{}, err
		}
	}
	if math.IsInf(best.loss, 1) {
		return Baseline{}, fmt.Errorf("task %s: AdamW diverges at every learning rate from 1e-5 to 10", task)
	}
	center := best.item.LR
	for _, k1 := range []float64{0.05, 0.1, 0.2} {
		for _, k2 := range []float64{0.001, 0.01, 0.05} {
			for half := -1; half <= 1; half++ {
				if err := best.try(fmt.Sprintf(adamw, k1, k2), float64(center*halfDecades(half)), 0); err != nil {
					return Baseline{}, err
				}
			}
		}
	}
	for _, decay := range []float64{0.01, 0.1} {
		if err := best.try(best.item.Rule, best.item.LR, decay); err != nil {
			return Baseline{}, err
		}
	}
	return finish(run, best.item)
}

// tuning is the best item so far.
type tuning struct {
	run   Runner
	task  string
	seeds int
	item  work.Item
	loss  float64
}

func (b *tuning) try(rule string, lr, decay float64) error {
	item := work.Item{Rule: rule, Task: b.task, LR: lr, Decay: decay, Numerics: work.Numerics}
	loss, err := meanLoss(b.run, item, b.seeds)
	if err == nil && (loss < b.loss || b.item.Rule == "") {
		b.item, b.loss = item, loss
	}
	return err
}

func meanLoss(run Runner, item work.Item, seeds int) (float64, error) {
	sum := 0.0
	for s := range seeds {
		item.Seed = uint64(s + 1)
		out, err := run(item)
		if err != nil {
			return 0, err
		}
		sum += Loss(out) / float64(seeds)
	}
	return sum, nil
}

// finish runs the best item with every seed.
func finish(run Runner, item work.Item) (Baseline, error) {
	b := Baseline{Task: item.Task, Rule: item.Rule, LR: item.LR, Decay: item.Decay}
	mean := 0.0
	for s := range Seeds {
		item.Seed = uint64(s + 1)
		out, err := run(item)
		if err != nil {
			return b, err
		}
		if out.Diverged {
			return b, fmt.Errorf("task %s: AdamW with its best learning rate %g diverges with seed %d", item.Task, item.LR, item.Seed)
		}
		b.Losses = append(b.Losses, Loss(out))
		mean += Loss(out) / Seeds
	}
	square := 0.0
	for _, l := range b.Losses {
		square += (l - mean) * (l - mean) / (Seeds - 1)
	}
	b.Deviation = max(leastDeviation, math.Sqrt(square))
	item.Seed, item.LR, item.Steps = 1, 0, measureSteps
	out, err := run(item)
	if b.Size = out.Size; err == nil && !(b.Size > 0) {
		err = fmt.Errorf("task %s: AdamW's updates are zero: its gradients are", item.Task)
	}
	return b, err
}

// Table is the file of baselines.
func Table(all []Baseline) string {
	lines := []string{header()}
	for _, b := range all {
		lines = append(lines, b.String())
	}
	return strings.Join(lines, "\n") + "\n"
}
