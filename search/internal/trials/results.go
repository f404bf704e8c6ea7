package main

import (
	"cmp"
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

func (r *result) key() (string, uint64) { return r.Name, r.Seed }
func (*result) columns() []string       { return columns }

// row is a finished seed: a line of a file, a field a column.
type row[T any] interface {
	*T
	fields() []any // pointers to what the columns hold
	columns() []string
	key() (experiment string, seed uint64)
}

func readRows[T any, R row[T]](path string) ([]T, error) {
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
	var all []T
	for i, line := range lines {
		if i == 0 {
			continue
		}
		var r T
		names := R(&r).columns()
		if len(line) != len(names) {
			return nil, fmt.Errorf("%s:%d: %d columns, not %d", path, i+1, len(line), len(names))
		}
		for j, to := range R(&r).fields() {
			if s, ok := to.(*string); ok {
				*s = line[j]
			} else if _, err := fmt.Sscan(line[j], to); err != nil {
				return nil, fmt.Errorf("%s:%d: %s %q: %w", path, i+1, names[j], line[j], err)
			}
		}
		all = append(all, r)
	}
	return all, nil
}

// addRow adds a row to a file, to which others may have written.
func addRow[T any, R row[T]](path string, r T) error {
	all, err := readRows[T, R](path)
	if err != nil {
		return err
	}
	name, seed := R(&r).key()
	all = slices.DeleteFunc(all, func(old T) bool { // of a seed that was broken off
		n, s := R(&old).key()
		return n == name && s == seed
	})
	all = append(all, r)
	slices.SortStableFunc(all, func(a, b T) int {
		an, as := R(&a).key()
		bn, bs := R(&b).key()
		return cmp.Or(cmp.Compare(an, bn), cmp.Compare(as, bs))
	})
	var out strings.Builder
	out.WriteString(strings.Join(R(&r).columns(), "\t") + "\n")
	for _, r := range all {
		var line []string
		for _, from := range R(&r).fields() {
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

// tabulate prints how many seeds of each experiment have met and found their rule, the latter with the exact interval of Clopper and
// Pearson (1934) at 95 %.
func tabulate(w io.Writer, all []experiment, done []result) {
	fmt.Fprintln(w, "| experiment | must be | seeds | met | median CPU s | found | 95 % | median CPU s | not yet, after CPU s |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
	for _, e := range all {
		if e.Find == "" { // a comparison with controls, or a search for what nobody knows
			continue
		}
		var mets, finds []float64
		var pending []string
		for _, r := range done {
			if r.Name != e.name {
				continue
			}
			mets, finds = append(mets, r.Met.when()), append(finds, r.Found.when())
			if r.Found.Birth < 0 && !e.ended(r) {
				pending = append(pending, fmt.Sprintf("%.0f", r.CPU))
			}
		}
		n := len(finds)
		if n == 0 {
			fmt.Fprintf(w, "| %s | %s | 0 | | | | | | |\n", e.Title, e.Must)
			continue
		}
		met, metAt := inTime(mets)
		found, foundAt := inTime(finds)
		low, high := interval(found, n)
		fmt.Fprintf(w, "| %s | %s | %d | %d | %s | %d | %.0f-%.0f %% | %s | %s |\n", e.Title, e.Must, n, met, metAt, found, 100*low, 100*high, foundAt, strings.Join(pending, ", "))
	}
}

// when is the seconds of processors after which something came, infinite if it has not.
func (m met) when() float64 {
	if m.Birth < 0 {
		return math.Inf(1)
	}
	return m.CPU
}

// inTime is how many of the times are finite, and the median of all.
func inTime(times []float64) (n int, mid string) {
	slices.Sort(times)
	for n < len(times) && !math.IsInf(times[n], 1) {
		n++
	}
	return n, median(times)
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
