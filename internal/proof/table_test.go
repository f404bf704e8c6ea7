package proof

import (
	"flag"
	"fmt"
	"math"
	"os"
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
	rule, reference string
	cases           map[oracle.DType]int
	worst           map[oracle.DType]float64
}

func rows(proofs []proof) (out []*row) {
	at := map[string]*row{}
	for _, p := range proofs {
		key := p.c.Rule + "\n" + p.c.Reference
		if at[key] == nil {
			at[key] = &row{p.c.Rule, p.c.Reference, map[oracle.DType]int{}, map[oracle.DType]float64{}}
			out = append(out, at[key])
		}
		at[key].cases[p.c.DType]++
		at[key].worst[p.c.DType] = max(at[key].worst[p.c.DType], p.error)
	}
	return out
}

// atMost and atLeast round to a power of ten, so that the table is the same on every machine.
func atMost(v float64) string {
	if v == 0 {
		return "0"
	}
	return fmt.Sprintf("1e%d", int(math.Ceil(math.Log10(v))))
}

func atLeast(v float64) string {
	if math.IsInf(v, 0) {
		return "not finite"
	}
	return fmt.Sprintf("1e%d", int(math.Floor(math.Log10(v))))
}

// table is the text of testdata/table.md.
func table(proofs []proof, misses []miss) string {
	var b strings.Builder
	b.WriteString(heading)
	b.WriteString("| rule | reference | cases | float64, 100 steps | float32, one step | near misses refused | closest |\n")
	b.WriteString("| --- | --- | ---: | ---: | ---: | ---: | ---: |\n")
	before := ""
	for _, r := range rows(proofs) {
		name, refused, closest := r.rule, "", ""
		if name == before {
			name = ""
		} else {
			n, least := closestOf(misses, r.rule)
			refused, closest = fmt.Sprint(n), atLeast(least)
		}
		before = r.rule
		fmt.Fprintf(&b, "| %s | %s | %d + %d | %s | %s | %s | %s |\n", name, r.reference, r.cases[oracle.F64], r.cases[oracle.F32],
			atMost(r.worst[oracle.F64]), atMost(r.worst[oracle.F32]), refused, closest)
	}
	b.WriteString(missHeading)
	b.WriteString("| rule | near miss | error at least | refused most clearly by |\n| --- | --- | ---: | --- |\n")
	for _, m := range misses {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", m.rule, strings.TrimSuffix(m.doc, "."), atLeast(m.error), m.by)
	}
	return b.String()
}

const heading = `# The library against its references

Errors are shares of the tensor's largest value, rounded up to a power of ten: in float64 after 100 steps from the start,
at most 1e-12; in float32 of one step from the reference's own state, at most 5e-7. Cases are counted float64 + float32.
The last column is the error of the near miss that comes closest, rounded down.

`

const missHeading = `
## Near misses

Each is the rule but for one slip, and must be at least 1e-9 off for some case of its rule.

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
