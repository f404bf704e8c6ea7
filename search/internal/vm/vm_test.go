package vm_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/fstest"

	"github.com/optc-lang/optc/compiler"
	"github.com/optc-lang/optc/compiler/interp"
	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/lang"
	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/vm"
	"github.com/optc-lang/optc/stdlib"
)

// TestEqualsTheRule runs random genomes by the machine and their text by the interpreter of the rule language: all bits
// must be equal, of ordinary gradients and of hostile ones.
func TestEqualsTheRule(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	m := genome.DefaultMutator()
	m.Leaves = []genome.Op{genome.G, genome.X}
	for i := range 80 {
		g, err := genome.Start(genome.Starts[i%len(genome.Starts)].Name)
		if err != nil {
			t.Fatal(err)
		}
		for range r.IntN(50) {
			g = m.Mutate(g, r)
		}
		compare(t, g, r)
		if c := g.Canonical(); !c.Scalars()[c.Root] {
			compare(t, c, r)
		}
	}
}

func compare(t *testing.T, g genome.Genome, r *rand.Rand) {
	t.Helper()
	text, err := g.Rule("found", g.String(), 0.01, 0.1)
	if err != nil {
		t.Fatalf("%s: %v", g, err)
	}
	oracle := newOracle(t, text)
	p, err := vm.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	lengths := []int{1, 37, 2100}
	machine := p.New(lengths)
	x := arrays(r, lengths, 1)
	want := interp.New[float32](oracle, tensors(lengths), 1)
	for i := range x {
		copy(want.Params[i], x[i])
	}
	for step := range 6 {
		grads := arrays(r, lengths, math.Pow(10, float64(r.IntN(13)-6)))
		if step > 2 {
			spoil(r, grads)
		}
		machine.Step(x, grads, 0.01, 0.1)
		if err := want.Step(grads, 0); err != nil {
			t.Fatal(err)
		}
		for i := range x {
			for j := range x[i] {
				a, b := x[i][j], want.Params[i][j]
				if math.Float32bits(a) != math.Float32bits(b) && (a == a || b == b) {
					t.Fatalf("%s\n%s\nstep %d, tensor %d, element %d: %v, the rule gives %v", g, text, step, i, j, a, b)
				}
			}
		}
	}
}

// newOracle compiles a rule file to what the interpreter runs.
func newOracle(t *testing.T, text string) *ir.Program {
	t.Helper()
	unit, diagnostics := compiler.Load(fstest.MapFS{"found.opt": {Data: []byte(text)}}, "found.opt", stdlib.FS)
	for _, d := range diagnostics {
		if d.Severity == lang.Error {
			t.Fatalf("%s\n%s", text, d)
		}
	}
	rule, diagnostics, err := compiler.Compile(unit, "found", compiler.Settings{})
	if err != nil || rule == nil {
		t.Fatalf("%s\n%v %v", text, diagnostics, err)
	}
	return rule.Checked
}

func tensors(lengths []int) []interp.Tensor {
	var out []interp.Tensor
	for i, n := range lengths {
		out = append(out, interp.Tensor{Name: fmt.Sprint("p", i), Shape: []int{n}})
	}
	return out
}

func arrays(r *rand.Rand, lengths []int, scale float64) [][]float32 {
	var out [][]float32
	for _, n := range lengths {
		a := make([]float32, n)
		for i := range a {
			a[i] = float32(scale * r.NormFloat64())
		}
		out = append(out, a)
	}
	return out
}

// spoil puts values into arrays that an update rule seldom meets.
func spoil(r *rand.Rand, in [][]float32) {
	hostile := []float32{0, float32(math.Copysign(0, -1)), 1e-45, -1e-40, 3e38, -3e38}
	for _, a := range in {
		for range len(a)/8 + 1 {
			a[r.IntN(len(a))] = hostile[r.IntN(len(hostile))]
		}
	}
}

// BenchmarkStep is a step of each start, in nanoseconds a parameter.
func BenchmarkStep(b *testing.B) {
	for _, start := range genome.Starts[1:] {
		for _, n := range []int{32, 1024, 10000} {
			b.Run(fmt.Sprintf("%s/%d", start.Name, n), func(b *testing.B) {
				g, err := genome.Start(start.Name)
				if err != nil {
					b.Fatal(err)
				}
				p, err := vm.Compile(g)
				if err != nil {
					b.Fatal(err)
				}
				r := rand.New(rand.NewPCG(1, 1))
				m := p.New([]int{n})
				x, grads := arrays(r, []int{n}, 1), arrays(r, []int{n}, 1)
				b.ReportAllocs()
				for b.Loop() {
					m.Step(x, grads, 1e-3, 0)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/param")
			})
		}
	}
}

// TestAdamW holds the start to the rule of the library, which has the same formula in another order.
func TestAdamW(t *testing.T) {
	g, err := genome.Start("adamw")
	if err != nil {
		t.Fatal(err)
	}
	p, err := vm.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	lengths := []int{1500}
	want := interp.New[float32](newOracle(t, "rule found = adam(; lr = 0.01, weight_decay = 0.1, decoupled = true)\n"), tensors(lengths), 1)
	m := p.New(lengths)
	r := rand.New(rand.NewPCG(9, 9))
	x := arrays(r, lengths, 1)
	copy(want.Params[0], x[0])
	for step := range 50 {
		grads := arrays(r, lengths, 1)
		m.Step(x, grads, 0.01, 0.1)
		if err := want.Step(grads, 0); err != nil {
			t.Fatal(err)
		}
		for i, v := range x[0] {
			if w := want.Params[0][i]; math.Abs(float64(v-w)) > 2e-6 {
				t.Fatalf("step %d, element %d: %v, the library has %v", step, i, v, w)
			}
		}
	}
}
