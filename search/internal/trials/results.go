package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/mathext"

	"github.com/optc-lang/optc/internal/staged"
)

// result is a finished seed: a line of the file, a field a column.
type result struct {
	Name        string
	Seed        uint64
	Met, Found  met
	Births      int
	Evaluated   int
	CPU         float64
	Fitness     float64 // of the pick
	GEMM, Steps float64 // of the machine
	Numerics    string
	Digest      string
	Pick        string
}

// columns are the names of the file, in order.
var columns = []string{"experiment", "seed", "met at birth", "met at CPU s", "found at birth", "found at CPU s", "births", "evaluated", "CPU s", "fitness of the pick",
	"GFLOP/s", "Adam steps/s", "numerics", "digest", "pick"}

// fields are pointers to what the columns hold.
func (r *result) fields() []any {
	return []any{&r.Name, &r.Seed, &r.Met.Birth, &r.Met.CPU, &r.Found.Birth, &r.Found.CPU, &r.Births, &r.Evaluated, &r.CPU, &r.Fitness,
		&r.GEMM, &r.Steps, &r.Numerics, &r.Digest, &r.Pick}
}

func readResults(path string) ([]result, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	in := csv.NewReader(f)
	in.Comma, in.LazyQuotes = '\t', true
	lines, err := in.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var all []result
	for i, line := range lines {
		if i == 0 {
			continue
		}
		var r result
		for j, to := range r.fields() {
			if s, ok := to.(*string); ok {
				*s = line[j]
			} else if _, err := fmt.Sscan(line[j], to); err != nil {
				return nil, fmt.Errorf("%s:%d: %s %q: %w", path, i+1, columns[j], line[j], err)
			}
		}
		all = append(all, r)
	}
	return all, nil
}

func writeResults(path string, all []result) error {
	slices.SortStableFunc(all, func(a, b result) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return int(a.Seed) - int(b.Seed)
	})
	var out strings.Builder
	out.WriteString(strings.Join(columns, "\t") + "\n")
	for _, r := range all {
		var line []string
		for _, from := range r.fields() {
			switch v := reflect.ValueOf(from).Elem(); v.Kind() {
			case reflect.Float64:
				line = append(line, strconv.FormatFloat(v.Float(), 'g', 5, 64))
			default:
				line = append(line, fmt.Sprint(v.Interface()))
			}
		}
		out.WriteString(strings.Join(line, "\t") + "\n")
	}
	return staged.Write(path, []byte(out.String()))
}

// tabulate prints how many seeds of each experiment have met their rule, with the exact interval of Clopper and Pearson (1934)
// at 95 %.
func tabulate(w io.Writer, all []experiment, done []result) {
	fmt.Fprintln(w, "| experiment | must be | seeds | found | 95 % | median CPU s |\n| --- | --- | ---: | ---: | ---: | ---: |")
	for _, e := range all {
		var times []float64
		n, found := 0, 0
		for _, r := range done {
			if r.Name != e.name {
				continue
			}
			n++
			at := math.Inf(1)
			if r.Found.Birth >= 0 {
				found++
				at = r.Found.CPU
			}
			times = append(times, at)
		}
		if n == 0 {
			fmt.Fprintf(w, "| %s | %s | 0 | | | |\n", e.Title, e.Must)
			continue
		}
		slices.Sort(times)
		low, high := interval(found, n)
		fmt.Fprintf(w, "| %s | %s | %d | %d | %.0f-%.0f %% | %s |\n", e.Title, e.Must, n, found, 100*low, 100*high, median(times))
	}
}

// interval is where a share of k of n may be.
func interval(k, n int) (low, high float64) {
	const alpha = 0.05
	low, high = 0, 1
	if k > 0 {
		low = mathext.InvRegIncBeta(float64(k), float64(n-k+1), alpha/2)
	}
	if k < n {
		high = mathext.InvRegIncBeta(float64(k+1), float64(n-k), 1-alpha/2)
	}
	return low, high
}

// median is that of times, seeds that have not met their rule being the longest.
func median(sorted []float64) string {
	m := sorted[len(sorted)/2]
	if len(sorted)%2 == 0 {
		m = (m + sorted[len(sorted)/2-1]) / 2
	}
	if math.IsInf(m, 1) {
		return "never"
	}
	return fmt.Sprintf("%.1f", m)
}
