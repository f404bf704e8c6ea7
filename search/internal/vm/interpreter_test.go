package vm_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/optc-lang/optc/search/internal/genome"
	"github.com/optc-lang/optc/search/internal/vm"
)

// TestInterpreter holds the interpreter to the machine, one genome after another in the same memory.
func TestInterpreter(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	m := genome.DefaultMutator()
	m.Leaves, m.MaxStates = []genome.Op{genome.G, genome.X}, 8
	for _, lengths := range [][]int{{1}, {32, 32, 32}, {7, 7}, {1000}} {
		p := vm.NewInterpreter(len(lengths), lengths[0])
		for i := range 400 {
			g, err := genome.Start(genome.Starts[i%len(genome.Starts)].Name)
			if err != nil {
				t.Fatal(err)
			}
			for range r.IntN(60) {
				g = m.Mutate(g, r)
			}
			interpret(t, p, g, lengths, r)
		}
	}
}

// TestInterpreterScalars is of step values that differ from tensor to tensor, that do not, and that are states.
func TestInterpreterScalars(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	lengths := []int{32, 32, 32}
	p := vm.NewInterpreter(3, 32)
	for _, text := range []string{
		"mul(prev(rms(g)), g)", "mul(avg(dot(g, x); 0.1), g)", "where(mean(g), avg(g; 0.3), neg(prev(g)))", "div(g, avg(0.5; 0.2))",
		"clip(most(abs(mean(g))), g)", "lerp(g, total(2); 0.25)", "add(cosine(g, prev(g)), rmsnorm(sub(g, mean(g))))", "where(ema(1; 0.5), g, rms(x))",
		"mul(cosine(g, g), rmsnorm(x))", "sub(dot(g, g), add(prev(3), g))", "g", "x", "prev(x)",
	} {
		g, err := genome.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		interpret(t, p, g, lengths, r)
	}
}

func interpret(t *testing.T, p *vm.Interpreter, g genome.Genome, lengths []int, r *rand.Rand) {
	t.Helper()
	program, err := vm.Compile(g)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Load(g); err != nil {
		t.Fatal(err)
	}
	machine := program.New(lengths)
	for step := range 5 {
		x, grads, want := arrays(r, lengths, 1), arrays(r, lengths, 100), arrays(r, lengths, 0)
		for _, out := range want {
			clear(out)
		}
		if step%2 == 1 {
			spoil(r, grads)
			spoil(r, x)
		}
		machine.Update(want, x, grads)
		got := p.Update(slices.Concat(x...), slices.Concat(grads...))
		for i, w := range slices.Concat(want...) {
			if v := got[i]; v != w && (v == v || w == w) {
				t.Fatalf("%s, step %d, element %d: %v, the machine gives %v", g, step, i, v, w)
			}
		}
	}
}

// TestInterpreterRefuses genomes that are none.
func TestInterpreterRefuses(t *testing.T) {
	p := vm.NewInterpreter(2, 3)
	for _, g := range []genome.Genome{{}, {Nodes: []genome.Node{{Op: genome.Const}}}, {Nodes: []genome.Node{{Op: genome.G}}, Root: 1}} {
		if p.Load(g) == nil {
			t.Errorf("%v is no genome", g)
		}
	}
}
