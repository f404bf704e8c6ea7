package host

import (
	"errors"
	"math"
	"runtime/debug"
	"slices"
	"time"

	optrt "github.com/optc-lang/optc/runtime"
)

// Bench asks for the time of a step of one tensor. The answer is one line.
type Bench struct {
	Name   string  `json:"name"` // of the tensor
	Shape  []int   `json:"shape"`
	Givens []Given `json:"givens,omitempty"`  // of the rule, in its order, and of the roof
	NoRoof bool    `json:"no_roof,omitempty"` // the rule is not held against one
	Reps   int     `json:"reps"`
}

// Timing is what a bench measured: nanoseconds a step, one figure a repetition, in the order of the repetitions. The
// roof walks along the same arrays and adds them up.
type Timing struct {
	Rule []float64 `json:"rule"`
	Roof []float64 `json:"roof"`
}

// repetition is how long a repetition takes at least: long beside what disturbs it, short beside what drifts.
const repetition = 30 * time.Millisecond

// placements is how often the arrays are allocated anew. Where large arrays fall in memory decides up to a fifth of a
// step's time, so rule and roof take turns at being allocated first: freed memory comes back in the same order.
const placements = 4

func (p *program[T]) bench(req *Bench) error {
	if p.roof == nil && !req.NoRoof {
		return errors.New("this program was built without a roof")
	}
	var t Timing
	engine := ""
	for i := range placements {
		reps := (req.Reps + placements - 1) / placements
		name, err := p.benchPlaced(req, reps, i%2 == 1, &t)
		if err != nil {
			return err
		}
		engine = name
		debug.FreeOSMemory()
	}
	return p.reply(Reply{Engine: engine, Timing: &t})
}

// benchPlaced measures rule and roof in turn on arrays of their own, and returns the rule's engine.
func (p *program[T]) benchPlaced(req *Bench, reps int, roofFirst bool, t *Timing) (string, error) {
	var rule, roof *benched[T]
	build := []func() (err error){
		func() (err error) { rule, err = p.benched(p.rule, p.hypers(), req, p.req.Engine); return },
		func() (err error) { roof, err = p.benched(p.roof, nil, req, fastest().String()); return },
	}
	if req.NoRoof {
		build = build[:1]
	} else if roofFirst {
		build[0], build[1] = build[1], build[0]
	}
	for _, f := range build {
		if err := f(); err != nil {
			return "", err
		}
	}
	ruleSteps, err := rule.calibrate()
	if err != nil {
		return "", err
	}
	roofSteps := 0
	if roof != nil {
		if roofSteps, err = roof.calibrate(); err != nil {
			return "", err
		}
	}
	for range reps {
		a, err := rule.time(ruleSteps)
		if err != nil {
			return "", err
		}
		t.Rule = append(t.Rule, a)
		if roof == nil {
			continue
		}
		b, err := roof.time(roofSteps)
		if err != nil {
			return "", err
		}
		t.Roof = append(t.Roof, b)
	}
	return rule.Engine().String(), nil
}

func fastest() optrt.Engine {
	e := optrt.Engine(optrt.NumEngines - 1)
	for !optrt.Has(e) {
		e--
	}
	return e
}

// benched is an optimizer with what takes its step.
type benched[T optrt.Float] struct {
	*optrt.Optimizer[T]
	step func() error
}

func (p *program[T]) benched(rule *optrt.Rule, hypers []float64, req *Bench, engine string) (*benched[T], error) {
	q := *p
	q.rule, q.req.Engine = rule, engine
	opts, err := q.options()
	if err != nil {
		return nil, err
	}
	n := 1
	for _, d := range req.Shape {
		n *= d
	}
	x, g := optrt.Alloc[T](n), optrt.Alloc[T](n)
	fill(x[0], 1)
	fill(g[0], 1.0/64)
	opts = append(opts, optrt.Loaded(inventGivens[T](req.Givens, true)...))
	if rule.Params != "" {
		return benchedHalf(rule, req, x[0], g[0], hypers, opts)
	}
	o, err := optrt.New(rule, []optrt.Param[T]{{Name: req.Name, Shape: req.Shape, Data: x[0]}}, hypers, opts...)
	// A model that costs nothing: its gradient is always the same.
	closure := func(to [][]T) (float64, error) {
		for i := range to {
			copy(to[i], g[i])
		}
		return 1, nil
	}
	in := optrt.Inputs[T]{Loss: 1, Closure: closure, Given: inventGivens[T](req.Givens, false)}
	return &benched[T]{o, func() error { return o.StepWith(g, in) }}, err
}

// inventGivens fills the constants of a rule, or the further inputs of its steps. Numbers are positive: more often than
// not a further input that is no array is a step size or a count.
func inventGivens[T optrt.Float](sizes []Given, load bool) []optrt.GivenValue[T] {
	var out []optrt.GivenValue[T]
	for _, g := range sizes {
		if g.Load != load {
			continue
		}
		v := optrt.GivenValue[T]{Steps: make([]float64, g.Steps)}
		fill(v.Steps, 1)
		for i := range v.Steps {
			v.Steps[i] = math.Abs(v.Steps[i])
			v.Model = v.Steps[0]
		}
		for _, n := range g.Arrays {
			a := optrt.Alloc[T](n)[0]
			fill(a, 1)
			v.Arrays = append(v.Arrays, a)
		}
		out = append(out, v)
	}
	return out
}

// fill writes ordinary numbers of both signs up to a size: what is slow about zeros, subnormal numbers or untouched
// pages is not what a rule meets.
func fill[T optrt.Float](to []T, size T) {
	state := uint32(1)
	for i := range to {
		state = state*1664525 + 1013904223
		v := size * (0.5 + T(state>>9)/(1<<24))
		if state>>31 == 1 {
			v = -v
		}
		to[i] = v
	}
}

// calibrate warms up and returns how many steps fill a repetition.
func (b *benched[T]) calibrate() (int, error) {
	for n := 2; ; n *= 2 {
		ns, err := b.time(n)
		if err != nil {
			return 0, err
		}
		if total := time.Duration(ns * float64(n)); total >= repetition/4 {
			return max(1, int(float64(repetition)/ns)), nil
		}
	}
}

// time is the mean duration of n steps in nanoseconds.
func (b *benched[T]) time(n int) (float64, error) {
	start := time.Now()
	for range n {
		if err := b.step(); err != nil {
			return 0, err
		}
	}
	return float64(time.Since(start).Nanoseconds()) / float64(n), nil
}

// Quartiles are the lower quartile, the median and the upper quartile, interpolated.
func Quartiles(values []float64) [3]float64 {
	v := slices.Sorted(slices.Values(values))
	var q [3]float64
	for i := range q {
		at := float64(i+1) / 4 * float64(len(v)-1)
		k := int(math.Floor(at))
		next := min(k+1, len(v)-1)
		q[i] = v[k] + (at-float64(k))*(v[next]-v[k])
	}
	return q
}
