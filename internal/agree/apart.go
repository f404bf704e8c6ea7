package agree

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"

	optrt "github.com/optc-lang/optc/runtime"
)

// Pair is a rule, with its code for float32 under strict and under fast math.
type Pair struct {
	Rule
	Fast *optrt.Rule
}

// Difference is how far fast math takes a parameter from where strict math does, beyond a unit in the last place of the
// largest parameter of its tensor for each step, relative to the longest way that one of them has gone: after one step and
// after apartSteps. It is the largest number where one of the parameters is NaN and the other is not.
type Difference struct {
	First, Last float64
	Changed     bool   // some parameter has other bits
	Failure     string // why there is none, or what differs that may not
}

const apartSteps = 100

// ApartMain is the program that measures pairs on every engine and prints the largest differences by rule. It holds what
// fast math gives to be the same for any number of workers.
func ApartMain(pairs []Pair) {
	report := map[string]Difference{}
	for _, p := range pairs {
		d, err := measurePair(&p)
		if err != nil {
			d.Failure = err.Error()
		}
		report[p.Name] = d
	}
	if err := json.NewEncoder(os.Stdout).Encode(report); err != nil {
		os.Exit(1)
	}
}

func measurePair(p *Pair) (d Difference, err error) {
	for e := optrt.Go; e < optrt.NumEngines; e++ {
		if !optrt.Has(e) {
			continue
		}
		m, err := newApart(p, []int{1, 45, 300, 1320, 2100}, apartSteps)
		if err != nil {
			return d, err
		}
		strict, err := m.follow(p.F32, optrt.UseEngine(e))
		if err != nil {
			return d, err
		}
		fast, err := m.follow(p.Fast, optrt.UseEngine(e))
		if err != nil {
			return d, err
		}
		d.Changed = d.Changed || !slices.EqualFunc(fast[apartSteps-1], strict[apartSteps-1], slices.Equal)
		d.First = max(d.First, apart(fast[0], strict[0], m.params, 1))
		d.Last = max(d.Last, apart(fast[apartSteps-1], strict[apartSteps-1], m.params, apartSteps))
		if err := sameForWorkers(p, e); err != nil {
			return d, fmt.Errorf("engine %s: %w", e, err)
		}
	}
	return d, nil
}

// sameForWorkers compares one worker with several on tensors of more than one chunk.
func sameForWorkers(p *Pair, e optrt.Engine) error {
	m, err := newApart(p, []int{33, 70001}, 2)
	if err != nil {
		return err
	}
	var want [][][]float32
	for _, n := range workerCounts {
		got, err := m.follow(p.Fast, optrt.UseEngine(e), optrt.Workers(n))
		if err != nil {
			return err
		}
		if want == nil {
			want = got
		}
		for t := range got {
			for i := range got[t] {
				if !slices.EqualFunc(got[t][i], want[t][i], same[float32]) {
					return fmt.Errorf("%d workers give other bits than %d", n, workerCounts[0])
				}
			}
		}
	}
	return nil
}

// apartModel is a model with the same gradients for both kinds of math: a difference has no way back into them.
type apartModel struct {
	*model[float32]
	pair  *Pair
	loads []optrt.GivenValue[float32]
	given [][]optrt.GivenValue[float32] // of each step
}

func newApart(p *Pair, lengths []int, steps int) (*apartModel, error) {
	c, err := compileRule(&p.Rule)
	if err != nil {
		return nil, err
	}
	m := &apartModel{model: newModel[float32](11, plain, lengths, steps, c.Checked.Hypers, c.Checked.Givens...), pair: p}
	for _, s := range m.steps {
		m.given = append(m.given, m.runtimeGiven(c.Checked.Givens, s.given, false))
	}
	m.loads = m.runtimeGiven(c.Checked.Givens, m.steps[0].given, true)
	return m, nil
}

// follow is the parameters after each step, with the hyperparameters at their defaults.
func (m *apartModel) follow(rule *optrt.Rule, opts ...optrt.Option) ([][][]float32, error) {
	data := cloneAll(m.params)
	if m.loads != nil {
		opts = append(opts, optrt.Loaded(m.loads...))
	}
	o, err := m.optimizer(rule, data, opts...)
	if err != nil {
		return nil, err
	}
	var all [][][]float32
	for t, step := range m.steps {
		in := optrt.Inputs[float32]{Loss: math.Abs(step.loss), Given: m.given[t]}
		in.Closure = func(to [][]float32) (float64, error) { return step.ask(data, to), nil }
		if err := o.StepWith(cloneAll(step.grads), in); err != nil {
			return nil, fmt.Errorf("step %d: %w", t+1, err)
		}
		all = append(all, cloneAll(data))
	}
	return all, nil
}

func cloneAll(arrays [][]float32) [][]float32 {
	out := make([][]float32, len(arrays))
	for i, u := range arrays {
		out[i] = slices.Clone(u)
	}
	return out
}

// apart is the largest difference in a parameter after so many steps, as a Difference has it.
func apart(a, b, start [][]float32, steps int) (most float64) {
	const ulp = 0x1p-23
	for i := range a {
		largest, moved, off := 0.0, 0.0, 0.0
		for j := range a[i] {
			if a[i][j] != a[i][j] && b[i][j] != b[i][j] {
				continue
			}
			d := math.Abs(float64(a[i][j]) - float64(b[i][j]))
			if math.IsNaN(d) {
				return math.MaxFloat64
			}
			largest = max(largest, math.Abs(float64(b[i][j])))
			moved, off = max(moved, math.Abs(float64(b[i][j])-float64(start[i][j]))), max(off, d)
		}
		if off -= float64(steps) * ulp * largest; off > 0 {
			most = max(most, off/moved)
		}
	}
	return most
}
