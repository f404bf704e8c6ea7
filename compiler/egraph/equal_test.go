package egraph_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/optc-lang/optc/compiler/egraph"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/pass"
	"github.com/optc-lang/optc/lang"
)

// pair is two expressions of published rules, as a line of testdata/equal.
type pair struct {
	name        string
	left, right lang.Expr
	vars        []variable
}

// variable is what a pair's expressions read: a number, or an array of elements.
type variable struct {
	name  string
	per   ir.Extent
	bound egraph.Range
}

func readPairs(t *testing.T, file string) []pair {
	t.Helper()
	text, err := os.ReadFile("../../testdata/equal/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var out []pair
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 5 {
			t.Fatalf("%s: %d columns: %s", file, len(f), line)
		}
		p := pair{name: f[0], left: ir.ParseFormula(f[1]).Expr, right: ir.ParseFormula(f[2]).Expr}
		for v := range strings.SplitSeq(f[3], "; ") {
			p.vars = append(p.vars, readVariable(t, v))
		}
		out = append(out, p)
	}
	return out
}

// readVariable reads NAME [per EXTENT] [in INTERVAL].
func readVariable(t *testing.T, text string) variable {
	t.Helper()
	v := variable{per: ir.Elem, bound: egraph.All}
	rest, interval, bounded := strings.Cut(text, " in ")
	name, extent, coarse := strings.Cut(rest, " per ")
	v.name = name
	if coarse {
		e, ok := ir.ParseExtent(extent)
		if !ok {
			t.Fatalf("no extent: %s", text)
		}
		v.per = e
	}
	if bounded {
		lo, hi, _ := strings.Cut(interval[1:len(interval)-1], ", ")
		a, errA := strconv.ParseFloat(lo, 64)
		b, errB := strconv.ParseFloat(hi, 64)
		if errA != nil || errB != nil {
			t.Fatalf("no interval: %s", text)
		}
		v.bound = egraph.Range{Lo: a, Hi: b, OpenLo: interval[0] == '(', OpenHi: interval[len(interval)-1] == ')'}
	}
	return v
}

// build makes both sides in one pool, each variable an input of the step.
func (p pair) build() (*ir.Pool, *ir.Value, *ir.Value, egraph.Limits) {
	pool := ir.NewPool()
	var extents []ir.Extent
	for _, v := range p.vars {
		extents = append(extents, v.per)
	}
	pool.SetGivens(extents)
	names := map[string]*ir.Value{}
	for i, v := range p.vars {
		names[v.name] = pool.Given(i)
	}
	l := pass.Saturation()
	l.Final, l.Nodes = true, 20_000
	l.About = func(v *ir.Value) egraph.Range {
		if v.Kind == ir.Given {
			return p.vars[v.Index].bound
		}
		return egraph.All
	}
	return pool, pool.Build(ir.Formula{Expr: p.left}, names), pool.Build(ir.Formula{Expr: p.right}, names), l
}

// length is how many values an array has in the samples.
const length = 3

// sample draws a value of each variable.
func (p pair) sample(r *rand.Rand) map[string][]float64 {
	env := map[string][]float64{}
	for _, v := range p.vars {
		n := 1
		if v.per.IsArray() {
			n = length
		}
		for range n {
			env[v.name] = append(env[v.name], within(r, v.bound))
		}
	}
	return env
}

func within(r *rand.Rand, b egraph.Range) float64 {
	switch {
	case !math.IsInf(b.Lo, 0) && !math.IsInf(b.Hi, 0):
		return b.Lo + (b.Hi-b.Lo)*(0.001+0.998*r.Float64())
	case !math.IsInf(b.Lo, 0):
		return b.Lo + math.Abs(r.NormFloat64()) + 0.01
	}
	return r.NormFloat64()
}

// compute is a formula's values; it knows nothing of package ir's graphs.
func compute(e lang.Expr, env map[string][]float64) []float64 {
	if num, _, ok := ir.Literal(e); ok {
		return []float64{num}
	}
	if n, ok := e.(*lang.Name); ok {
		return env[n.Name]
	}
	o, operands := ir.Operation(e)
	var args [][]float64
	n := 1
	for _, x := range operands {
		args = append(args, compute(x, env))
		n = max(n, len(args[len(args)-1]))
	}
	if o.Name == "sum" {
		sum := 0.0
		for _, v := range args[0] {
			sum += v
		}
		return []float64{sum}
	}
	out := make([]float64, n)
	for i := range out {
		var nums []float64
		for _, a := range args {
			nums = append(nums, a[min(i, len(a)-1)])
		}
		out[i] = o.Eval(nums)
	}
	return out
}

// differs looks for values at which a pair's sides are not the same number.
func (p pair) differs() string {
	r := rand.New(rand.NewPCG(1, 9))
	for range 400 {
		env := p.sample(r)
		a, b := compute(p.left, env), compute(p.right, env)
		for i := range max(len(a), len(b)) {
			x, y := a[min(i, len(a)-1)], b[min(i, len(b)-1)]
			if !(math.Abs(x-y) <= 1e-9*max(1, math.Abs(x), math.Abs(y))) {
				return fmt.Sprintf("%v and %v at %v", x, y, env)
			}
		}
	}
	// At zero all is defined that is defined anywhere near, and signs are not.
	for _, v := range p.vars {
		if v.bound != egraph.All || !v.per.IsArray() {
			continue
		}
		env := p.sample(r)
		env[v.name] = make([]float64, length)
		a, b := compute(p.left, env), compute(p.right, env)
		for i := range max(len(a), len(b)) {
			if x, y := a[min(i, len(a)-1)], b[min(i, len(b)-1)]; math.Abs(x-y) > 1e-9*max(1, math.Abs(x)) {
				return fmt.Sprintf("%v and %v at %v", x, y, env)
			}
		}
	}
	return ""
}

// mustMeet is how many of the pairs the rewrites prove equal; it may not fall.
const mustMeet = 69

func TestEqualPairs(t *testing.T) {
	pairs := readPairs(t, "equal.tsv")
	meet, nodes := 0, 0
	for _, p := range pairs {
		if d := p.differs(); d != "" {
			t.Errorf("%s: the sides differ: %s", p.name, d)
		}
		pool, a, b, l := p.build()
		if a == b {
			t.Errorf("%s: both sides are one value already", p.name)
		}
		equal, st := egraph.Equal(pool, a, b, l)
		nodes = max(nodes, st.Nodes)
		if st.Broken {
			t.Errorf("%s: the rewrites contradict each other", p.name)
		}
		if equal {
			meet++
		} else {
			t.Logf("not found equal: %s (%+v)", p.name, st)
		}
	}
	t.Logf("%d of %d pairs meet (%d %%), the largest graph has %d nodes", meet, len(pairs), 100*meet/len(pairs), nodes)
	if len(pairs) < 50 || meet < mustMeet {
		t.Errorf("%d of %d pairs meet, it were %d", meet, len(pairs), mustMeet)
	}
}

func TestUnequalPairs(t *testing.T) {
	pairs := readPairs(t, "unequal.tsv")
	if len(pairs) < 15 {
		t.Errorf("only %d pairs", len(pairs))
	}
	for _, p := range pairs {
		if p.differs() == "" {
			t.Errorf("%s: no difference is found", p.name)
		}
		pool, a, b, l := p.build()
		if equal, st := egraph.Equal(pool, a, b, l); equal || st.Broken {
			t.Errorf("%s: found equal (%+v)", p.name, st)
		}
	}
}
