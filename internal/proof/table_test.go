package proof

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/optc-lang/optc/internal/oracle"
)

var update = flag.Bool("update", false, "rewrite testdata/table.md")

const goldenFile = "testdata/table.md"

func golden(t *testing.T, got string) {
	t.Helper()
	if t.Failed() {
		return
	}
	if *update {
		if err := os.WriteFile(goldenFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s is not what was found; go test ./internal/proof -update writes it again:\n%s", goldenFile, got)
	}
}

// row sums up the cases of one rule and one reference.
type row struct {
	reference string
	cases     map[oracle.DType]int
	worst     map[oracle.DType]float64
	allowed   map[oracle.DType]float64
}

// rows has one for each reference of a rule.
func rows(proofs []proof, rule string) (out []row) {
	for _, p := range proofs {
		if p.c.Rule != rule {
			continue
		}
		at := slices.IndexFunc(out, func(r row) bool { return r.reference == p.c.Reference })
		if at < 0 {
			at = len(out)
			out = append(out, row{p.c.Reference, map[oracle.DType]int{}, map[oracle.DType]float64{}, map[oracle.DType]float64{}})
		}
		out[at].cases[p.c.DType]++
		out[at].worst[p.c.DType] = max(out[at].worst[p.c.DType], p.error)
		out[at].allowed[p.c.DType] = max(out[at].allowed[p.c.DType], tolerance(p.c))
	}
	return out
}

// error is the worst one, with what is allowed if that is not the usual.
func (r row) error(d oracle.DType, usual float64) string {
	worst := atMost(r.worst[d])
	if r.allowed[d] > usual {
		worst += " of " + strings.Replace(fmt.Sprintf("%.0e", r.allowed[d]), "e-0", "e-", 1)
	}
	return worst
}

// atMost rounds up to 1, 2 or 5 times a power of ten and atLeast down to a power, so that the table is the same on every
// machine.
func atMost(v float64) string {
	if v == 0 {
		return "0"
	}
	e := int(math.Floor(math.Log10(v)))
	for _, lead := range []string{"1", "2", "5"} {
		bound := fmt.Sprintf("%se%d", lead, e)
		if f, err := strconv.ParseFloat(bound, 64); err == nil && v <= f {
			return bound
		}
	}
	return fmt.Sprintf("1e%d", e+1)
}

func atLeast(v float64) string {
	if math.IsInf(v, 0) {
		return "not finite"
	}
	return fmt.Sprintf("1e%d", int(math.Floor(math.Log10(v))))
}

// table is the text of testdata/table.md.
func table(rules []string, proofs []proof, misses []miss) string {
	var b strings.Builder
	b.WriteString(heading)
	for _, rule := range rules {
		n, closest := closestOf(misses, rule)
		name, refused, off := rule, fmt.Sprint(n), atLeast(closest)
		for _, r := range rows(proofs, rule) {
			fmt.Fprintf(&b, "| %s | %s | %d + %d | %s | %s | %s | %s |\n", name, r.reference, r.cases[oracle.F64], r.cases[oracle.F32],
				r.error(oracle.F64, tolerance64), r.error(oracle.F32, tolerance32), refused, off)
			name, refused, off = "", "", "" // the same for every reference
		}
	}
	b.WriteString(missHeading)
	for _, m := range misses {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", m.rule, m.doc, atLeast(m.error), m.by)
	}
	return b.String()
}

const heading = `# The library against its references

Worst errors of parameters and states, as shares of the tensor's largest value and rounded up: float64 over 100 steps from
the start, of which 1e-12 is allowed; float32 over one step from the reference's own state, of which 5e-7 is allowed. Where
the formula itself amplifies rounding, or a Hessian-vector product is a quotient of differences, more is allowed and said.
Cases are counted float64 + float32. A near miss is the rule but for one slip; the last column is the error of the one that
comes closest, rounded down.

| rule | reference | cases | float64, 100 steps | float32, one step | near misses refused | closest |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
`

const missHeading = `
## Near misses

Each must be off, in the parameters of some float64 case of its rule, by at least 1000 times what is allowed there.

| rule | near miss | error at least | refused most clearly by |
| --- | --- | ---: | --- |
`

func closestOf(misses []miss, rule string) (n int, least float64) {
	least = math.Inf(1)
	for _, m := range misses {
		if m.rule == rule {
			n++
			least = min(least, m.error)
		}
	}
	return n, least
}
