package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/optc-lang/optc/bench/subject"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/internal/host"
)

// plan is how often things are measured.
type plan struct {
	reps       int           // over all placements; four times as many, each a tenth as long, of what fits a cache
	placements int           // how often the arrays are allocated anew: where they fall decides up to a fifth of the time
	repetition time.Duration // least length of one
	budget     time.Duration // of a row; a rule that needs longer is measured on fewer elements
}

// inCache is the largest tensor that is measured in many short repetitions, so that what interrupts a few of them does not count.
const inCache = 1 << 20

// turns are the repetitions of a placement, and how long each is at least.
func (p plan) turns(n int) (reps int, each time.Duration) {
	reps = (p.reps + p.placements - 1) / p.placements
	if n <= inCache {
		return 4 * reps, p.repetition / 10
	}
	return reps, p.repetition
}

// pause is the rest between two programs' turns, after which the threads of the first one sleep.
const pause = 5 * time.Millisecond

// series are the times of one thing in nanoseconds a step, one a repetition.
type series []float64

// turn is a thing that is timed in turn with others.
type turn struct {
	process *process
	what    string
	period  int // steps come in multiples of it
	steps   int
	series  series
}

// calibrate warms up and sets how many steps make a repetition.
func (t *turn) calibrate(least time.Duration) error {
	for n := t.period; ; n *= 2 {
		ns, err := t.process.time(t.what, n)
		if err != nil {
			return err
		}
		if total := time.Duration(ns * float64(n)); total >= least/4 {
			t.steps = max(t.period, int(float64(least)/ns)/t.period*t.period)
			return nil
		}
	}
}

// interleave times all things in turn, so many repetitions each.
func interleave(turns []*turn, reps int) error {
	for range reps {
		for i, t := range turns {
			if i > 0 && turns[i-1].process != t.process {
				time.Sleep(pause)
			}
			ns, err := t.process.time(t.what, t.steps)
			if err != nil {
				return fmt.Errorf("%s: %w", t.what, err)
			}
			t.series = append(t.series, ns)
		}
	}
	return nil
}

// ratios are those of two series by repetition.
func ratios(a, b series) [3]float64 {
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = a[i] / b[i]
	}
	return host.Quartiles(out)
}

// bench is a run of the benchmark.
type bench struct {
	sources *sources
	rows    []least
	builder *builder
	plan    plan
	side    int // of the matrices of matrix rules
	out     *store
}

// shape is the tensor that a row is measured on: a square one for what concerns rows and columns, as near to n elements as
// the machine's memory and the powers of two allow.
func (b *bench) shape(l least, c *compiled, n int) []int {
	if l.Kind == "matrix" {
		n = min(n, b.side*b.side)
	}
	if free := freeMemory(); free > 0 {
		for n > 1<<16 && b.need(l, c, n) > free*9/10 {
			n /= 4
		}
	}
	if !c.wantsMatrix() {
		return []int{n}
	}
	side := 1
	for side*side < n {
		side *= 2
	}
	return []int{side, n / side}
}

// need is the memory of rule and floors in bytes.
func (b *bench) need(l least, c *compiled, n int) int {
	arrays := 2.0
	for _, s := range c.Plan.Program.States {
		if s.Extent.IsArray() && s.Extent != ir.Row && s.Extent != ir.Col {
			arrays++
		}
	}
	for _, e := range c.Plan.Scratch {
		if e.IsArray() && e != ir.Row && e != ir.Col {
			arrays++
		}
	}
	others := map[string]bool{}
	for _, p := range l.Passes {
		for _, s := range p.Streams {
			if !s.Read || s.Format != "" {
				others[s.Name] = true
			}
		}
	}
	if l.Kind == "matrix" {
		arrays += 3
	}
	return int((arrays + float64(len(others))) * 4 * float64(n))
}

// freeMemory is what the system can give without swapping; 0 where it does not say so.
func freeMemory() int {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "MemAvailable:")
	var kilobytes int
	fmt.Sscan(rest, &kilobytes)
	return kilobytes << 10
}

// roofs measures a row beside its floors, and in the cache beside C.
func (b *bench) roofs(ctx context.Context, l least, n, threads int) (*result, error) {
	c, err := b.sources.compile(l.Rule, l.Set)
	if err != nil {
		return nil, err
	}
	r := &result{Kind: kindRoof, Rule: l.name(), Asked: n, Threads: threads, Bytes: l.Bytes, Bound: l.Kind}
	for {
		shape := b.shape(l, c, n)
		r.Shape = shape
		retry, err := b.roofsOn(ctx, l, c, shape, r)
		if err != nil || !retry {
			return r, err
		}
		n = elements(shape) / 4
	}
}

// fewestShrunk is what a slow rule is measured on at least.
const fewestShrunk = 1 << 18

// roofsOn measures on a shape; retry says that it takes too long on so many elements.
func (b *bench) roofsOn(ctx context.Context, l least, c *compiled, shape []int, r *result) (retry bool, err error) {
	g, err := generate(l, c, shape, b.builder.gcc != "")
	if err != nil {
		return false, err
	}
	program, err := b.builder.build(ctx, g)
	if err != nil {
		return false, err
	}
	p, err := start(ctx, nil, program)
	if err != nil {
		return false, err
	}
	defer p.stop()
	all := map[string]*turn{}
	reps, repetition := b.plan.turns(elements(shape))
	for placement := range b.plan.placements {
		opened, err := p.ask(subject.Request{Op: "open", Shape: shape, Threads: r.Threads})
		if err != nil {
			return false, err
		}
		r.Engine, r.Missing, r.Notes = opened.Engine, opened.Missing, opened.Notes
		var turns []*turn
		for _, what := range slices.Sorted(slices.Values(opened.Things)) {
			if placement > 0 && all[what] == nil {
				continue
			}
			t := all[what]
			if t == nil {
				t = &turn{process: p, what: what, period: 1}
				if what == "rule" || strings.HasPrefix(what, subject.MemoryPrefix) {
					t.period = l.period()
				}
				all[what] = t
			}
			turns = append(turns, t)
		}
		rule := all["rule"]
		if placement == 0 {
			ns, err := p.time("rule", rule.period)
			if err != nil {
				return false, err
			}
			steps := float64(rule.period * (b.plan.reps + 2*b.plan.placements))
			if time.Duration(ns*steps) > b.plan.budget && elements(shape) > fewestShrunk {
				return true, nil
			}
		}
		for _, t := range turns {
			if err := t.calibrate(repetition); err != nil {
				return false, fmt.Errorf("%s: %w", t.what, err)
			}
		}
		if placement == 0 {
			if turns, err = fastestWalks(turns, all); err != nil {
				return false, err
			}
		}
		if err := interleave(turns, reps); err != nil {
			return false, err
		}
		if _, err := p.ask(subject.Request{Op: "close"}); err != nil {
			return false, err
		}
	}
	r.evaluate(all)
	return false, nil
}

// fastestWalks tries the forms of the memory floor and leaves the fastest two.
func fastestWalks(turns []*turn, all map[string]*turn) ([]*turn, error) {
	var walks []*turn
	for _, t := range turns {
		if strings.HasPrefix(t.what, subject.MemoryPrefix) {
			walks = append(walks, t)
		}
	}
	if err := interleave(walks, 5); err != nil {
		return nil, err
	}
	slices.SortStableFunc(walks, func(a, b *turn) int {
		return cmp.Compare(host.Quartiles(a.series)[1], host.Quartiles(b.series)[1])
	})
	for i, t := range walks {
		t.series = nil
		if i >= 2 {
			delete(all, t.what)
		}
	}
	return slices.DeleteFunc(turns, func(t *turn) bool { return all[t.what] == nil }), nil
}

// floors are the things that bound a rule's time from below.
var floors = []string{"memory", "arithmetic", "matrix"}

// evaluate takes the measured times into the result: the memory floor is the fastest of its loops, the roof the slowest floor.
func (r *result) evaluate(all map[string]*turn) {
	n := float64(elements(r.Shape))
	r.NS = map[string][3]float64{}
	for _, what := range slices.Sorted(maps.Keys(all)) {
		q := host.Quartiles(all[what].series)
		for i := range q {
			q[i] = rounded(q[i] / n)
		}
		r.NS[what] = q
	}
	rule := all["rule"]
	for _, what := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(what, subject.MemoryPrefix) && (all["memory"] == nil || r.NS[what][1] < r.NS["memory"][1]) {
			all["memory"], r.NS["memory"] = all[what], r.NS[what]
		}
	}
	r.Reps = len(rule.series)
	for _, f := range floors {
		if t := all[f]; t != nil && (r.Floor == "" || r.NS[f][1] > r.NS[r.Floor][1]) {
			r.Floor = f
		}
	}
	r.Share = roundedAll(ratios(all[r.Floor].series, rule.series))
	r.GB = rounded(r.Bytes / r.NS["rule"][1])
	r.RoofGB = rounded(r.Bytes / r.NS["memory"][1])
	for _, s := range cSettings {
		if t := all[s.name]; t != nil {
			if r.OverC == nil {
				r.OverC = map[string][3]float64{}
			}
			r.OverC[s.name] = roundedAll(ratios(t.series, rule.series))
		}
	}
}

// elements is the number of elements of a shape.
func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// rounded keeps four digits: more are noise.
func rounded(v float64) float64 {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0
	}
	digits := 3 - math.Floor(math.Log10(math.Abs(v)))
	scale := math.Pow(10, math.Abs(digits))
	if digits < 0 { // a power below one is not exact
		return math.Round(v/scale) * scale
	}
	return math.Round(v*scale) / scale
}

func roundedAll(q [3]float64) [3]float64 {
	for i := range q {
		q[i] = rounded(q[i])
	}
	return q
}
