// Package cost measures what a step of compiled rules costs beside its kernels, and where arrays had best lie. The
// benchmarks of package runtime generate code for some rules, build a program of it around [Main] and show its rows.
//
// In come rules as generated code; out go medians and quartiles, all of what is compared timed in turn in one process.
package cost

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	optrt "github.com/optc-lang/optc/runtime"
)

// Job says what a program measures.
type Job string

// The jobs.
const (
	Tensors   Job = "tensors"   // steps of models of many tensors, and of one small one, beside their kernel calls
	Split     Job = "split"     // a model in 400 tensors beside one of the same size in one
	Helpers   Job = "helpers"   // steps by one thread beside steps by two
	Placement Job = "placement" // kernels over arrays that lie apart in various ways
)

// Row is what was measured of one thing: quartiles by name.
type Row struct {
	Name   string
	Values map[string][3]float64
}

// MainFile is the text of the program's main.go, for rules by the functions of package main that return them.
func MainFile(rules map[string]string) []byte {
	var list strings.Builder
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		fmt.Fprintf(&list, "\t\t%q: %s(),\n", name, rules[name])
	}
	return fmt.Appendf(nil, "package main\n\nimport (\n\t\"github.com/optc-lang/optc/internal/cost\"\n\toptrt \"github.com/optc-lang/optc/runtime\"\n)\n\nfunc main() {\n\tcost.Main(map[string]*optrt.Rule{\n%s\t})\n}\n", list.String())
}

// options are the command line.
type options struct {
	reps       int
	placements int
	each       time.Duration
	scale      int
	only       *regexp.Regexp
	report     func(Row)
}

// Main is the program: one line of JSON a row.
func Main(rules map[string]*optrt.Rule) {
	o := options{}
	job := flag.String("job", string(Tensors), "what to measure")
	only := flag.String("only", "", "rows to measure, a regular expression")
	flag.IntVar(&o.reps, "reps", 11, "repetitions of each, in turn")
	flag.IntVar(&o.placements, "placements", 1, "how often large arrays are allocated anew, with as many repetitions each: where they fall decides up to a fifth of the time")
	flag.DurationVar(&o.each, "each", 5*time.Millisecond, "least duration of a repetition")
	flag.IntVar(&o.scale, "scale", 1, "divisor of the sizes that need much memory")
	flag.Parse()
	out := json.NewEncoder(os.Stdout)
	o.report = func(r Row) {
		if err := out.Encode(r); err != nil {
			panic(err)
		}
	}
	var err error
	if o.only, err = regexp.Compile(*only); err == nil {
		err = o.run(Job(*job), rules)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (o options) run(job Job, rules map[string]*optrt.Rule) error {
	switch job {
	case Tensors:
		return o.tensors(rules)
	case Split:
		return o.split(rules)
	case Helpers:
		return o.helpers(rules)
	case Placement:
		return o.placement(rules)
	}
	return fmt.Errorf("no job %q", job)
}

// inTurn times functions that do their work n times, in turn and o.reps times each: nanoseconds of one time.
func (o options) inTurn(subjects ...func(n int)) [][]float64 {
	counts := make([]int, len(subjects))
	for i, f := range subjects {
		f(2) // the first step differs, and memory is fresh
		for n := 1; counts[i] == 0; n *= 2 {
			if d := timed(f, n); d >= o.each/4 {
				counts[i] = max(1, int(float64(n)*float64(o.each)/float64(d)))
			}
		}
	}
	times := make([][]float64, len(subjects))
	for range o.reps {
		for i, f := range subjects {
			times[i] = append(times[i], float64(timed(f, counts[i]))/float64(counts[i]))
		}
	}
	return times
}

func timed(f func(n int), n int) time.Duration {
	start := time.Now()
	f(n)
	return time.Since(start)
}

// quartiles are those of values, which lie between neighbours where their number says so.
func quartiles(values []float64) (q [3]float64) {
	sorted := slices.Sorted(slices.Values(values))
	for i := range q {
		at := float64(i+1) / 4 * float64(len(sorted)-1)
		low := int(at)
		q[i] = sorted[low]
		if low+1 < len(sorted) {
			q[i] += (at - float64(low)) * (sorted[low+1] - sorted[low])
		}
	}
	return q
}

// each combines two series of repetitions, one by one.
func each(a, b []float64, f func(a, b float64) float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = f(a[i], b[i])
	}
	return out
}

func ratio(a, b float64) float64 { return a / b }

// fill writes ordinary numbers of both signs: what is slow about zeros, subnormal numbers or untouched pages is not what
// a rule meets.
func fill[T optrt.Float](to []T, size T) {
	state := uint32(1)
	for i := range to {
		state = state*1664525 + 1013904223
		to[i] = size * (0.5 + T(state>>9)/(1<<24))
		if state>>31 == 1 {
			to[i] = -to[i]
		}
	}
}

func text(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%dM", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%dK", n>>10)
	}
	return fmt.Sprint(n)
}
