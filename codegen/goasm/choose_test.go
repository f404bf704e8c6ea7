package goasm

import (
	"math"
	"testing"

	"github.com/optc-lang/optc/compiler/ir"
	"github.com/optc-lang/optc/compiler/op"
)

// choiceKernels have choices by a comparison, minima and maxima of what is known of in all ways: loaded, computed, scalar.
func choiceKernels() []*ir.Kernel {
	var list []*ir.Kernel
	operand := func(b *build, way, stream int) ir.Operand {
		switch x := b.load(stream); way {
		case 0:
			return x
		case 1:
			return scalar(stream)
		case 2:
			return b.instr("mul", x, x)
		case 3:
			return b.instr("add", b.instr("abs", x), scalar(stream))
		case 4:
			return b.instr("neg", b.instr("abs", x))
		default:
			return b.instr("exp", x)
		}
	}
	for _, name := range []string{"gt", "lt", "ge", "min", "max"} {
		for ways := range 6 * 6 {
			b := newBuild([]string{"a", "b", "out", "swapped"}, []string{"p", "q"})
			x, y := operand(b, ways%6, 0), operand(b, ways/6, 1)
			if op.Must(name).Mask {
				mask := b.instr(name, x, y)
				b.store(2, b.instr("where", mask, x, y))
				b.store(3, b.instr("where", mask, y, x))
			} else {
				b.store(2, b.instr(name, x, y))
				b.store(3, b.instr(name, y, b.instr("sqrt", x)))
			}
			list = append(list, b.k)
		}
	}
	return list
}

// TestFacts holds what is said of values to the numbers.
func TestFacts(t *testing.T) {
	tiny := math.SmallestNonzeroFloat64
	numbers := []float64{0, math.Copysign(0, -1), 1, -1, tiny, -tiny, math.Inf(1), math.Inf(-1), math.MaxFloat64, math.NaN()}
	for _, name := range []string{"abs", "neg", "sqrt", "mul", "add", "sub", "where", "min", "max", "exp"} {
		o := op.Must(name)
		args, known := make([]float64, o.Args), make([]fact, o.Args)
		var all func(i int)
		all = func(i int) {
			if i == o.Args {
				square := name == "mul" && math.Float64bits(args[0]) == math.Float64bits(args[1])
				if said, is := factOf(name, square, known), factOfNumber(o.Eval(args)); said&^is != 0 {
					t.Errorf("%s of %v: %b is said, %b is so", name, args, said, is)
				}
				return
			}
			for _, x := range numbers {
				args[i], known[i] = x, factOfNumber(x)
				all(i + 1)
			}
		}
		all(0)
	}
}

// TestFactsOfValues holds what is said of step values to what they are as float32.
func TestFactsOfValues(t *testing.T) {
	pool := ir.NewPool()
	number := func(x float64) *ir.Value { return pool.Number(x) }
	h := pool.Hyper(0)
	for _, c := range []struct {
		v    *ir.Value
		want fact
	}{
		{number(2), everyNumber}, {number(1e-60), number32(1e-60)}, {number(-1e-60), number32(-1e-60)}, {h, noFact},
		{pool.Call("mul", h, h), notMinus}, {pool.Call("abs", h), notMinus}, {pool.Call("add", h, number(1)), noFact},
	} {
		f := &facts{l: &lowered{Kernel: &ir.Kernel{}}, d: F32, values: map[*ir.Value]fact{}}
		if got := f.ofValue(c.v); got&^c.want != 0 {
			t.Errorf("%v: %b is said, want %b", c.v, got, c.want)
		}
	}
}

func number32(x float64) fact { return factOfNumber(float64(float32(x))) }
